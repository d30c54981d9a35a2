//! Memory for code: written once, then executable and never writable again.

use crate::api::error::{Error, Result};
use core::ptr::null_mut;
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

/// Code that can be run.
///
/// Invariant: `base..base + len` is mapped, readable and executable until this is dropped.
pub struct CodeMemory {
    base: *mut u8,
    len: usize,
}

// SAFETY: the memory is never written to.
unsafe impl Send for CodeMemory {}
// SAFETY: as above.
unsafe impl Sync for CodeMemory {}

impl CodeMemory {
    /// A copy of this code, page-aligned.
    ///
    /// # Errors
    /// The host has no memory, or does not allow making it executable.
    pub fn new(code: &[u8]) -> Result<CodeMemory> {
        let len = code.len().max(1).next_multiple_of(rustix::param::page_size());
        let failed = |error: rustix::io::Errno| {
            Error::limit(format_args!("the host gives no {len} bytes of memory for compiled code: {error}"))
        };
        // SAFETY: a new private mapping at an address of the host's choice touches nothing that exists.
        let base = unsafe { mmap_anonymous(null_mut(), len, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE) };
        let memory = CodeMemory { base: base.map_err(failed)?.cast(), len };
        // SAFETY: the mapping was made just now, is writable and long enough; afterwards nobody writes to it.
        unsafe {
            core::ptr::copy_nonoverlapping(code.as_ptr(), memory.base, code.len());
            mprotect(memory.base.cast(), len, MprotectFlags::READ | MprotectFlags::EXEC).map_err(failed)?;
        }
        Ok(memory)
    }

    /// The first byte.
    pub fn base(&self) -> *const u8 {
        self.base
    }
}

impl Drop for CodeMemory {
    fn drop(&mut self) {
        // SAFETY: the mapping is this one's own (the invariant), and whoever could run it is gone.
        let unmapped = unsafe { munmap(self.base.cast(), self.len) };
        debug_assert!(unmapped.is_ok());
    }
}
