//! Bytes that are read only: a file mapped to memory, or a copy of what somebody has.

use crate::api::error::{Error, Result};
use core::ops::{Deref, Range};
use core::ptr::null_mut;
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap, mmap_anonymous, mprotect, munmap};
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// Bytes that nobody in this process writes to, at the start of a page.
///
/// Invariant: `base..base + len` is mapped and readable until this is dropped, and not writable. Whoever maps a file answers for it: it
/// does not change and keeps its length.
pub struct Mapping {
    base: *mut u8,
    len: usize,
}

// SAFETY: nobody writes to the memory.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// The first `len` bytes of a file, which has so many; not 0.
    ///
    /// # Errors
    /// The host cannot map it.
    ///
    /// # Safety
    /// Nobody changes the file's contents or makes it shorter while it is mapped. To put another file in its place is no harm.
    pub unsafe fn of_file(file: &File, len: usize) -> Result<Mapping> {
        // All of it is read at once, to see whether it is whole.
        // SAFETY: promised by the caller.
        unsafe { Self::map(file.as_fd(), len, MapFlags::PRIVATE | MapFlags::POPULATE) }
    }

    /// The first `len` bytes of a file in memory that has so many, not 0, and is sealed.
    ///
    /// # Errors
    /// The host cannot map it.
    pub fn of_sealed(file: &OwnedFd, len: usize) -> Result<Mapping> {
        // SAFETY: nobody can change what is sealed.
        unsafe { Self::map(file.as_fd(), len, MapFlags::PRIVATE) }
    }

    /// # Safety
    /// As [`Mapping::of_file`].
    unsafe fn map(file: BorrowedFd<'_>, len: usize, flags: MapFlags) -> Result<Mapping> {
        // SAFETY: a new private mapping at an address of the host's choice touches nothing that exists.
        let base = unsafe { mmap(null_mut(), len, ProtFlags::READ, flags, file, 0) };
        let base = base.map_err(|error| Error::msg(alloc::format!("the host cannot map the file: {error}")))?;
        Ok(Mapping { base: base.cast(), len })
    }

    /// A copy of these bytes.
    ///
    /// # Errors
    /// The host has no memory.
    pub fn of_bytes(bytes: &[u8]) -> Result<Mapping> {
        // A mapping of no bytes is an error to the host.
        let len = bytes.len().max(1);
        // SAFETY: a new private mapping at an address of the host's choice touches nothing that exists.
        let base = unsafe { mmap_anonymous(null_mut(), len, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE) };
        let base =
            base.map_err(|error| Error::limit(format_args!("the host has no {len} bytes of memory: {error}")))?;
        let this = Mapping { base: base.cast(), len };
        // SAFETY: the mapping is ours, has so many bytes, and nobody else knows it.
        unsafe { this.base.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        // SAFETY: the range is our own mapping, and no reference to it is left.
        unsafe { mprotect(base, len, MprotectFlags::READ) }
            .map_err(|error| Error::msg(alloc::format!("the host does not protect memory: {error}")))?;
        Ok(this)
    }

    /// Makes a part executable, which starts with a page and is not empty: all of the pages that it touches. `false` if the host refuses.
    pub fn make_executable(&self, part: Range<usize>, has_pads: bool) -> bool {
        assert!(part.start < part.end && part.end <= self.len, "a part of the mapping");
        if !part.start.is_multiple_of(rustix::param::page_size()) {
            return false;
        }
        // SAFETY: the range is inside our own mapping, which stays readable.
        let result =
            unsafe { mprotect(self.base.add(part.start).cast(), part.len(), super::executable::code_access(has_pads)) };
        result.is_ok()
    }
}

impl Deref for Mapping {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: the invariant.
        unsafe { core::slice::from_raw_parts(self.base, self.len) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours and nobody uses it any more. The only possible failure is a wrong range.
        let result = unsafe { munmap(self.base.cast(), self.len) };
        debug_assert!(result.is_ok(), "munmap of our own mapping");
    }
}
