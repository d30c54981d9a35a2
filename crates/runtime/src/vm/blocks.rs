//! The blocks that a module's instances have for their vmctx. Those of instances that are gone are kept: what depends on the module and on the
//! block's address alone is still there then, which is all references to functions.

use super::{VmCtx, VmFuncRef};
use crate::api::error::{Error, Result};
use crate::api::module::ModuleInner;
use crate::sync::Mutex;
use crate::tuning::{IDLE_BLOCK_BYTES, IDLE_BLOCKS};
use alloc::alloc::{Layout, alloc_zeroed, dealloc};
use alloc::vec::Vec;
use core::ptr::NonNull;
use tiercel_abi::VmctxLayout;

/// The idle blocks of a module.
///
/// Invariant: each was allocated with `layout`, belongs to nobody, and holds references to the module's functions and the numbers of its types.
pub struct Blocks {
    layout: Layout,
    idle: Mutex<Vec<NonNull<VmCtx>>>,
}

// SAFETY: nobody else knows the blocks that are idle.
unsafe impl Send for Blocks {}
// SAFETY: as above; the list is behind a lock.
unsafe impl Sync for Blocks {}

impl Blocks {
    /// None yet, for a module with this layout.
    pub fn new(layout: &VmctxLayout) -> Blocks {
        // 16 is the alignment of a global.
        match Layout::from_size_align(layout.size() as usize, 16) {
            Ok(layout) => Blocks { layout, idle: Mutex::default() },
            Err(_) => unreachable!("a 32-bit size that the validator's limits keep far below 2^31"),
        }
    }

    /// A block of this module, of which these are the blocks: zero but for references to functions and the numbers of types.
    ///
    /// # Errors
    /// The host has no memory.
    pub fn take(&self, module: &ModuleInner) -> Result<NonNull<VmCtx>> {
        let idle = self.idle.lock().pop();
        if let Some(block) = idle {
            let rest = module.layout.func_refs();
            // SAFETY: references to functions lie within the block, and nobody uses what comes before them.
            unsafe { block.cast::<u8>().write_bytes(0, rest as usize) };
            return Ok(block);
        }
        // SAFETY: the size is not 0: there is a header.
        let block = unsafe { alloc_zeroed(self.layout) };
        let block = NonNull::new(block.cast()).ok_or_else(|| Error::limit("the host has no memory for an instance"))?;
        // SAFETY: it was allocated just now with the module's layout.
        unsafe { init(block, module) };
        Ok(block)
    }

    /// Takes back a block.
    ///
    /// # Safety
    /// It came from [`Blocks::take`] of these blocks, and nobody uses it any more.
    pub unsafe fn give(&self, block: NonNull<VmCtx>) {
        let most = (IDLE_BLOCK_BYTES / self.layout.size()).min(IDLE_BLOCKS);
        let idle = &mut *self.idle.lock();
        if idle.len() < most {
            idle.push(block);
        } else {
            // SAFETY: it was allocated with this layout.
            unsafe { dealloc(block.as_ptr().cast(), self.layout) };
        }
    }
}

/// Fills in what stays.
///
/// # Safety
/// `block` is laid out as the module says, and nobody else uses it.
unsafe fn init(block: NonNull<VmCtx>, module: &ModuleInner) {
    let (info, layout) = (&module.info, &module.layout);
    // SAFETY: promised by the caller: offsets are within the block.
    let at = |offset: u32| unsafe { block.cast::<u8>().add(offset as usize) };
    for (place, &func) in info.escaping.iter().enumerate() {
        let Some(body) = info.defined_func(func) else { continue };
        let entries = module.entries(place);
        let func_ref = VmFuncRef {
            native: entries.native,
            vmctx: block.as_ptr(),
            cell: module.code.cells().wrapping_add(body),
            host: entries.host,
            type_id: info.func_type_id(func).as_u32(),
            func_index: body as u32,
        };
        // SAFETY: the layout has one `VmFuncRef` for each escaping function.
        unsafe { at(layout.func_ref(place as u32)).cast().write(func_ref) };
    }
    for (index, id) in info.types.iter().enumerate() {
        // SAFETY: the layout has a number for each type.
        unsafe { at(layout.type_id(index as u32)).cast().write(id.as_u32()) };
    }
}

impl Drop for Blocks {
    fn drop(&mut self) {
        for block in self.idle.lock().drain(..) {
            // SAFETY: it was allocated with this layout (the invariant).
            unsafe { dealloc(block.as_ptr().cast(), self.layout) };
        }
    }
}
