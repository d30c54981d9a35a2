//! Regions on the heap: for tables, and for everything on hosts without virtual memory. The base may move when a region grows.

use crate::api::error::{Error, Result};
use alloc::alloc::{Layout, alloc_zeroed, dealloc, realloc};
use core::ptr::NonNull;

/// The alignment of a region: that of the widest access of a guest.
const ALIGN: usize = 16;

/// Zeroed memory that grows, perhaps to another place.
///
/// Invariant: `base` is an allocation of `len` bytes aligned to `ALIGN`, or dangling if `len` is 0.
pub struct HeapRegion {
    base: NonNull<u8>,
    len: usize,
}

impl HeapRegion {
    /// An empty region. Nothing can be reserved on a heap, and what grows may move.
    ///
    /// # Errors
    /// None.
    pub fn new(_reserve: u64, _guard: u64, _moves: bool) -> Result<HeapRegion> {
        Ok(HeapRegion { base: NonNull::<u128>::dangling().cast(), len: 0 })
    }

    /// The first byte.
    pub fn base(&self) -> *mut u8 {
        self.base.as_ptr()
    }

    /// Its memory is the allocator's, who knows best.
    #[cfg(not(all(unix, feature = "std", target_pointer_width = "64")))]
    pub fn prefer_large_pages(&mut self) {}

    /// Makes the region `bytes` long; the new bytes are zero.
    ///
    /// # Errors
    /// The host has no memory.
    pub fn grow(&mut self, bytes: usize) -> Result<()> {
        if bytes <= self.len {
            return Ok(());
        }
        let out_of_memory = || Error::limit(format_args!("the host has no {bytes} bytes of memory"));
        let layout = Layout::from_size_align(bytes, ALIGN).map_err(|_| out_of_memory())?;
        let base = if self.len == 0 {
            // SAFETY: `bytes` is larger than `len`, so it is not 0.
            unsafe { alloc_zeroed(layout) }
        } else {
            // SAFETY: `base` has the layout of `len` (the invariant); `bytes` is a valid size, as `layout` shows.
            unsafe { realloc(self.base.as_ptr(), Layout::from_size_align_unchecked(self.len, ALIGN), bytes) }
        };
        self.base = NonNull::new(base).ok_or_else(out_of_memory)?;
        if self.len != 0 {
            // SAFETY: the allocation has `bytes` bytes now; those from `len` on are new.
            unsafe { base.add(self.len).write_bytes(0, bytes - self.len) };
        }
        self.len = bytes;
        Ok(())
    }
}

impl Drop for HeapRegion {
    fn drop(&mut self) {
        if self.len != 0 {
            // SAFETY: `base` has the layout of `len` (the invariant).
            unsafe { dealloc(self.base.as_ptr(), Layout::from_size_align_unchecked(self.len, ALIGN)) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::HeapRegion;

    #[test]
    fn contents_survive_growth_and_new_bytes_are_zero() {
        let mut region = HeapRegion::new(0, 0, true).expect("an empty region");
        region.grow(0).expect("nothing to do");
        for len in [1, 100, 70_000, 1 << 20] {
            region.grow(len).expect("memory");
            // SAFETY: the region has `len` bytes.
            let bytes = unsafe { core::slice::from_raw_parts_mut(region.base(), len) };
            assert_eq!(bytes[len - 1], 0);
            assert!(len == 1 || bytes[0] == 7);
            bytes[0] = 7;
        }
        assert!(region.base().addr().is_multiple_of(16));
        assert!(region.grow(usize::MAX).is_err() && region.grow(isize::MAX as usize - 64).is_err());
        // SAFETY: a failed growth leaves the region as it was.
        assert_eq!(unsafe { *region.base() }, 7);
    }
}
