//! Reads the stack of an activation of compiled code: the chain of frame pointers, up to a return address that is in no module's code.

use super::arch;
use super::image::Image;
use super::stop::Trapped;
use crate::api::module::ModuleInner;
use crate::api::store::StoreInner;
use crate::api::trap::Frame;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ptr::NonNull;

/// Where reading starts.
pub enum Start {
    /// At an instruction that was interrupted.
    Trap(Trapped),
    /// At the frame of a stub that was called by compiled code.
    Exit {
        /// Its frame pointer.
        fp: usize,
    },
}

/// Appends the frames of the innermost activation to `StoreInner::backtrace`, innermost first.
///
/// # Safety
/// The store is not borrowed, and the frames are still there.
pub unsafe fn append(store: NonNull<StoreInner>, start: Start) {
    // SAFETY: promised by the caller. Below each frame pointer of compiled code are the caller's and the return address.
    unsafe {
        let store = &mut *store.as_ptr();
        let max = store.backtrace.len() + store.engine.config().backtrace_max_frames;
        let mut frames = core::mem::take(&mut store.backtrace);
        read(store, start, max, &mut frames);
        store.backtrace = frames;
    }
}

/// # Safety
/// As [`append`].
unsafe fn read(store: &StoreInner, start: Start, max: usize, frames: &mut Vec<Frame>) {
    // SAFETY: promised by the caller.
    let word = |address: usize| unsafe { *(address as *const usize) };
    let caller = |fp: usize| (word(fp), arch::return_address(word(fp + 8)));
    // Whether there is room for more.
    let mut push = |module: &Arc<ModuleInner>, image: &Image, body: u32, loc: u32| {
        image.activations(body, loc).all(|(body, offset)| {
            let wanted = frames.len() < max;
            if wanted {
                frames.push(Frame { module: module.clone(), func_index: body + module.info.imported.funcs, offset });
            }
            wanted
        })
    };
    let (mut fp, mut return_address) = match start {
        Start::Exit { fp } => caller(fp),
        Start::Trap(at) => {
            let Some((module, image)) = find(store, at.pc) else { return };
            let Some((site, (body, frameless))) = image.trap_at(at.pc).zip(image.function(at.pc)) else { return };
            if !push(module, image, body, site.loc) {
                return;
            }
            if frameless { (at.fp, at.frameless_return) } else { caller(at.fp) }
        }
    };
    while let Some((module, image)) = find(store, return_address) {
        let Some((body, loc)) = image.call_at(return_address) else { return };
        if !push(module, image, body, loc) {
            return;
        }
        (fp, return_address) = caller(fp);
    }
}

/// The module whose code an address is in, among those that have an instance in the store.
fn find(store: &StoreInner, address: usize) -> Option<(&Arc<ModuleInner>, &Image)> {
    store.instances.iter().find_map(|instance| {
        // SAFETY: instances live as long as their store.
        let module = unsafe { &*instance.ptr().as_ptr() }.module();
        // SAFETY: the address is in code that has a frame.
        let image = unsafe { module.native.as_ref()?.image_at(address) }?;
        Some((module, image))
    })
}
