//! The blocks that a module's instances have for their vmctx. Those of instances that are gone are kept: what depends on the module and on the
//! block's address alone is still there then, which is all references to functions. And which stores have an instance.

use super::{VmCtx, VmFuncRef, VmStore};
use crate::api::error::{Error, Result};
use crate::api::module::ModuleInner;
use crate::sync::Mutex;
use crate::tuning::{IDLE_BLOCK_BYTES, IDLE_BLOCKS};
use alloc::alloc::{Layout, alloc_zeroed, dealloc};
use alloc::vec::Vec;
use core::ptr::{NonNull, null_mut};
#[cfg(native)]
use core::sync::atomic::Ordering;
use tiercel_abi::VmctxLayout;

/// The blocks of a module.
pub struct Blocks {
    layout: Layout,
    lists: Mutex<Lists>,
}

/// Invariant: each idle block was allocated with `layout`, belongs to nobody, and holds references to the module's functions and the numbers of its types.
/// Stores live as long as they are in the list.
#[derive(Default)]
struct Lists {
    idle: Vec<NonNull<VmCtx>>,
    /// For each block that is used, the store; null in places that nobody has.
    stores: Vec<*mut VmStore>,
    free: Vec<u32>,
}

/// A block that is used.
#[derive(Clone, Copy)]
pub struct Block {
    /// Where it is.
    pub vmctx: NonNull<VmCtx>,
    /// The place of its store in the list.
    place: u32,
}

impl Lists {
    fn add(&mut self, store: NonNull<VmStore>) -> u32 {
        if let Some(place) = self.free.pop() {
            self.stores[place as usize] = store.as_ptr();
            return place;
        }
        self.stores.push(store.as_ptr());
        self.stores.len() as u32 - 1
    }

    fn remove(&mut self, place: u32) {
        self.stores[place as usize] = null_mut();
        self.free.push(place);
    }
}

// SAFETY: nobody else knows the blocks that are idle, and of stores one word is read that is atomic.
unsafe impl Send for Blocks {}
// SAFETY: as above; the list is behind a lock.
unsafe impl Sync for Blocks {}

impl Blocks {
    /// None yet, for a module with this layout.
    pub fn new(layout: &VmctxLayout) -> Blocks {
        // 16 is the alignment of a global.
        match Layout::from_size_align(layout.size() as usize, 16) {
            Ok(layout) => Blocks { layout, lists: Mutex::default() },
            Err(_) => unreachable!("a 32-bit size that the validator's limits keep far below 2^31"),
        }
    }

    /// A block of this module, of which these are the blocks, for an instance in a store: zero but for references to functions and the numbers of types.
    ///
    /// # Errors
    /// The host has no memory.
    ///
    /// # Safety
    /// The store lives until the block is given back.
    pub unsafe fn take(&self, module: &ModuleInner, store: NonNull<VmStore>) -> Result<Block> {
        let (idle, place) = {
            let lists = &mut *self.lists.lock();
            (lists.idle.pop(), lists.add(store))
        };
        if let Some(vmctx) = idle {
            let rest = module.layout.func_refs();
            // SAFETY: references to functions lie within the block, and nobody uses what comes before them.
            unsafe { vmctx.cast::<u8>().write_bytes(0, rest as usize) };
            return Ok(Block { vmctx, place });
        }
        // SAFETY: the size is not 0: there is a header.
        let vmctx = unsafe { alloc_zeroed(self.layout) };
        let Some(vmctx) = NonNull::new(vmctx.cast()) else {
            self.lists.lock().remove(place);
            return Err(Error::limit("the host has no memory for an instance"));
        };
        // SAFETY: it was allocated just now with the module's layout.
        unsafe { init(vmctx, module) };
        Ok(Block { vmctx, place })
    }

    /// The stores with an instance of the module in which code may run now, ascending by address.
    #[cfg(native)]
    pub fn running(&self) -> Vec<*const VmStore> {
        let lists = &*self.lists.lock();
        // SAFETY: the invariant: it lives.
        let runs = |store: *mut VmStore| unsafe { (*store).entry_fp.load(Ordering::Acquire) != 0 };
        let stores = lists.stores.iter().filter(|store| !store.is_null() && runs(**store));
        let mut running: Vec<*const VmStore> = stores.map(|store| store.cast_const()).collect();
        running.sort_unstable();
        running.dedup();
        running
    }

    /// Takes back a block.
    ///
    /// # Safety
    /// It came from [`Blocks::take`] of these blocks, and nobody uses it any more.
    pub unsafe fn give(&self, block: Block) {
        let most = (IDLE_BLOCK_BYTES / self.layout.size()).min(IDLE_BLOCKS);
        let lists = &mut *self.lists.lock();
        lists.remove(block.place);
        let (idle, block) = (&mut lists.idle, block.vmctx);
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
        for block in self.lists.lock().idle.drain(..) {
            // SAFETY: it was allocated with this layout (the invariant).
            unsafe { dealloc(block.as_ptr().cast(), self.layout) };
        }
    }
}
