//! Goes through the frames of compiled code, and finds the references to objects in them.
//!
//! Each activation of compiled code goes from the frame of an entry stub, at `VmStore::entry_fp`, to what it has called outside its code: a stub, or
//! a routine that may collect. Both leave the address of their frame in `VmStore::exit_fp`. The entry stub keeps the two words of the
//! activation below.

use super::arch::{
    self,
    stubs::{OUTER_ENTRY_FP, OUTER_EXIT_FP},
};
use super::image::Image;
use super::registry;
use crate::vm::VmStore;
use core::ptr::{self, NonNull};
use core::sync::atomic::Ordering;

/// Calls `each` with every slot of compiled frames that may hold a reference to an object.
///
/// # Safety
/// The store's activations are alive, and the innermost one of compiled code has called something that is outside its code.
pub unsafe fn visit(vm: NonNull<VmStore>, each: &mut dyn FnMut(*mut u64)) {
    let mut each = |image: &Image, fp: usize, return_address| {
        if let Some(map) = image.stack_map(return_address) {
            let sp = fp - 8 * map.frame_slots as usize;
            map.slots().for_each(|slot| each((sp + 8 * slot as usize) as *mut u64));
        }
        true
    };
    // SAFETY: promised by the caller.
    unsafe {
        let (exit, entry) = ((*vm.as_ptr()).exit_fp, (*vm.as_ptr()).entry_fp.load(Ordering::Relaxed));
        walk(exit, entry, &mut each);
    }
}

/// Calls `each` with the code, the frame pointer and the return address of each frame of compiled code, those of the innermost activation first, as long
/// as it gives true. The frame at `exit` itself is not one of them; `entry` is that of the activation's entry stub.
///
/// # Safety
/// These are frames of a store's guest that runs, the activations' stubs have left the store as it was then, and no frame goes meanwhile.
pub unsafe fn walk(mut exit: usize, mut entry: usize, each: &mut dyn FnMut(&Image, usize, usize) -> bool) {
    // SAFETY: promised by the caller. At each frame pointer are the caller's and the return address.
    let word = |address: usize| unsafe { *(address as *const usize) };
    while entry != 0 {
        let (mut fp, mut return_address) = (word(exit), arch::return_address(word(exit + 8)));
        // An activation ends in its entry stub, which is in no image.
        while let Some(image) = registry::with_image(return_address, ptr::from_ref::<Image>) {
            // SAFETY: a module lives as long as its instances, whose store owns the frames, and code as long as it has one.
            let image = unsafe { &*image };
            while image.range().contains(&return_address) {
                if !each(image, fp, return_address) {
                    return;
                }
                (fp, return_address) = (word(fp), arch::return_address(word(fp + 8)));
            }
        }
        let outer = |place: i32| word(entry.wrapping_add_signed(place as isize));
        (exit, entry) = (outer(OUTER_EXIT_FP), outer(OUTER_ENTRY_FP));
    }
}
