//! A copying collector: what roots refer to is copied to the other space, then what the copies refer to (C. J. Cheney, "A nonrecursive
//! list compacting algorithm", 1970). An object that has been copied keeps its new offset in its old place.

use super::layout::{ELEMENTS_OFFSET, GcType, LENGTH_OFFSET, OBJECT_ALIGN, TypeLayout, array_bytes};
use super::{is_object, roots};
use crate::api::store::StoreInner;
use crate::vm::CodePoint;
use core::ptr::NonNull;

/// Stands in place of the type of an object that has been copied. No type has this number.
const FORWARDED: u32 = u32::MAX;

/// What the references in the next so many bytes lead to is fetched, and of an array what the first elements do. No effect on correctness.
const AHEAD_BYTES: usize = 512;
const AHEAD_ELEMENTS: usize = 128;

struct Collector {
    from: *mut u8,
    to: *mut u8,
    next: usize,
    types: *const GcType,
}

/// Copies all live objects to the other space and changes every reference; the result is where they end.
///
/// # Safety
/// As [`super::heap::make_room`]; the heap has its spaces.
pub unsafe fn copy_live(store: NonNull<StoreInner>, top: CodePoint) -> usize {
    // SAFETY: promised by the caller. Each object is as its type says, and the other space has room for all of them.
    unsafe {
        let gc = &raw mut (*store.as_ptr()).gc;
        let Some([from, to]) = (*gc).bases() else { return OBJECT_ALIGN };
        let mut collector = Collector { from, to, next: OBJECT_ALIGN, types: (*gc).types() };
        roots::visit(store, top, &mut |slot| {
            *slot = u64::from(collector.forward(*slot as u32));
        });
        let (mut at, mut ahead) = (OBJECT_ALIGN, OBJECT_ALIGN);
        while at < collector.next {
            while ahead < collector.next.min(at + AHEAD_BYTES) {
                ahead += collector.visit(ahead, AHEAD_ELEMENTS, |collector, place| {
                    prefetch(collector.from.wrapping_add(*place as usize));
                });
            }
            at += collector.visit(at, usize::MAX, |collector, place| *place = collector.forward(*place));
        }
        collector.next
    }
}

impl Collector {
    /// The type of an object.
    unsafe fn layout(&self, object: *const u8) -> &TypeLayout {
        // SAFETY: an object starts with the number of its type, which the table has.
        unsafe { &(*self.types.add(object.cast::<u32>().read() as usize)).layout }
    }

    /// What a reference becomes; an object is copied when it is first met.
    unsafe fn forward(&mut self, reference: u32) -> u32 {
        if !is_object(u64::from(reference)) {
            return reference;
        }
        // SAFETY: references lead to objects, and the other space has room.
        unsafe {
            let object = self.from.add(reference as usize);
            let words = object.cast::<u32>();
            if *words == FORWARDED {
                return *words.add(1);
            }
            let bytes = match *self.layout(object) {
                TypeLayout::Struct { bytes, .. } => bytes as usize,
                TypeLayout::Array { log2_bytes, .. } => array_size(object, log2_bytes),
                TypeLayout::Func => unreachable!("functions are not in the heap"),
            };
            let copy = self.next;
            core::ptr::copy_nonoverlapping(object.cast::<u64>(), self.to.add(copy).cast::<u64>(), bytes / 8);
            self.next += bytes;
            *words = FORWARDED;
            *words.add(1) = copy as u32;
            copy as u32
        }
    }

    /// Does something with each place of a reference in the copy at `at`, `most` of them if it is an array; the result is its size.
    #[inline(always)]
    unsafe fn visit(&mut self, at: usize, most: usize, mut act: impl FnMut(&mut Collector, *mut u32)) -> usize {
        // SAFETY: as in `forward`; the layout belongs to the store's table, which does not change meanwhile.
        unsafe {
            let object = self.to.add(at);
            match &*core::ptr::from_ref(self.layout(object)) {
                TypeLayout::Struct { bytes, traced, .. } => {
                    for &offset in traced {
                        act(self, object.add(offset as usize).cast());
                    }
                    *bytes as usize
                }
                TypeLayout::Array { log2_bytes, traced } => {
                    if *traced {
                        let first: *mut u32 = object.add(ELEMENTS_OFFSET).cast();
                        for index in 0..most.min(array_len(object) as usize) {
                            act(self, first.add(index));
                        }
                    }
                    array_size(object, *log2_bytes)
                }
                TypeLayout::Func => unreachable!("functions are not in the heap"),
            }
        }
    }
}

/// Lets the processor fetch what is there; the address may be anything.
#[inline(always)]
fn prefetch(address: *const u8) {
    // SAFETY: it has no effect but on caches.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(address.cast());
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        core::arch::asm!("prfm pldl1keep, [{}]", in(reg) address, options(nostack, preserves_flags, readonly));
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let _ = address;
}

unsafe fn array_len(object: *const u8) -> u32 {
    // SAFETY: the object is an array.
    unsafe { object.add(LENGTH_OFFSET).cast::<u32>().read() }
}

unsafe fn array_size(object: *const u8, log2_bytes: u8) -> usize {
    // SAFETY: as above. An array that exists has a size.
    unsafe { array_bytes(array_len(object), log2_bytes).unwrap_or(ELEMENTS_OFFSET) }
}
