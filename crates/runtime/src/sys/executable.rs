//! Memory for code: written first, executable then, never both.

use crate::api::error::{Error, Result};
use core::ops::Range;
use core::ptr::null_mut;
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

/// Machine code at a fixed address.
///
/// Invariant: `base..base + len` is mapped, readable and executable, and not writable, until this is dropped.
pub struct Executable {
    base: *mut u8,
    len: usize,
}

// SAFETY: nobody writes to the memory.
unsafe impl Send for Executable {}
// SAFETY: as above.
unsafe impl Sync for Executable {}

impl Executable {
    /// Memory of `len` bytes that `fill` has written; it starts out zero.
    ///
    /// # Errors
    /// The host has no memory, or lets no program make code.
    pub fn new(len: usize, fill: impl FnOnce(&mut [u8])) -> Result<Executable> {
        // A mapping of no bytes is an error to the host.
        let len = len.max(1).next_multiple_of(rustix::param::page_size());
        // SAFETY: a new private mapping at an address of the host's choice touches nothing that exists.
        let base = unsafe { mmap_anonymous(null_mut(), len, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE) };
        let base = base
            .map_err(|error| Error::limit(format_args!("the host has no {len} bytes of memory for code: {error}")))?;
        let this = Executable { base: base.cast(), len };
        // SAFETY: the mapping is ours, zeroed, and nobody else knows it.
        fill(unsafe { core::slice::from_raw_parts_mut(this.base, len) });
        // SAFETY: the range is our own mapping, and no reference to it is left.
        unsafe { mprotect(base, len, MprotectFlags::READ | MprotectFlags::EXEC) }.map_err(|error| {
            Error::unsupported(format_args!(
                "the host does not let this program make code executable: {error}. The tier `interp` needs none"
            ))
        })?;
        crate::native::publish(this.range());
        Ok(this)
    }

    /// The addresses of the code.
    pub fn range(&self) -> Range<usize> {
        let start = self.base as usize;
        start..start + self.len
    }

    /// The address of the byte at `offset`.
    pub fn at(&self, offset: usize) -> *const u8 {
        debug_assert!(offset < self.len);
        self.base.wrapping_add(offset)
    }

    /// The code.
    #[cfg(test)]
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: the invariant.
        unsafe { core::slice::from_raw_parts(self.base, self.len) }
    }
}

impl Drop for Executable {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours and nobody runs in it any more. The only possible failure is a wrong range.
        let result = unsafe { munmap(self.base.cast(), self.len) };
        debug_assert!(result.is_ok(), "munmap of our own mapping");
    }
}
