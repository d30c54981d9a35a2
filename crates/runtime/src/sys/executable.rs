//! Memory for code: written first, executable then, never both. Or part of an artifact that is mapped.

use super::Mapping;
use crate::api::error::{Error, Result};
use alloc::sync::Arc;
use core::ops::Range;
use core::ptr::null_mut;
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

/// Machine code at a fixed address.
///
/// Invariant: `base..base + len` is mapped, readable and executable, and not writable, until this is dropped.
pub struct Executable {
    base: *mut u8,
    len: usize,
    owner: Owner,
}

/// What [`mprotect`] is told for code.
pub fn code_access(has_pads: bool) -> MprotectFlags {
    MprotectFlags::from_bits_retain(crate::native::code_access(has_pads).bits())
}

/// Whose mapping it is.
enum Owner {
    /// Its own.
    This,
    /// An artifact's, of which it is part.
    Artifact(#[expect(dead_code, reason = "keeps the mapping alive")] Arc<Mapping>),
    /// Somebody's who lives longer.
    #[cfg(native)]
    Others,
}

// SAFETY: nobody writes to the memory.
unsafe impl Send for Executable {}
// SAFETY: as above.
unsafe impl Sync for Executable {}

impl Executable {
    /// Memory of `len` bytes that `fill` has written; it starts out zero. `has_pads` if jumps by address lead to landing pads only.
    ///
    /// # Errors
    /// The host has no memory, or lets no program make code.
    pub fn new(len: usize, has_pads: bool, fill: impl FnOnce(&mut [u8])) -> Result<Executable> {
        // A mapping of no bytes is an error to the host.
        let mapped = len.max(1);
        // SAFETY: a new private mapping at an address of the host's choice touches nothing that exists.
        let base = unsafe { mmap_anonymous(null_mut(), mapped, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE) };
        let base = base
            .map_err(|error| Error::limit(format_args!("the host has no {len} bytes of memory for code: {error}")))?;
        let this = Executable { base: base.cast(), len, owner: Owner::This };
        // SAFETY: the mapping is ours, zeroed, and nobody else knows it.
        fill(unsafe { core::slice::from_raw_parts_mut(this.base, len) });
        // SAFETY: the range is our own mapping, and no reference to it is left.
        unsafe { mprotect(base, mapped, code_access(has_pads)) }.map_err(|error| {
            Error::unsupported(format_args!(
                "the host does not let this program make code executable: {error}. The tier `interp` needs none"
            ))
        })?;
        crate::native::publish(this.range(), this.range());
        Ok(this)
    }

    /// The code in a part of an artifact: in place if it starts with a page and the host permits, otherwise a copy.
    ///
    /// # Errors
    /// As [`Executable::new`].
    pub fn of_artifact(artifact: &Arc<Mapping>, part: Range<usize>, has_pads: bool) -> Result<Executable> {
        let code = &artifact[part.clone()];
        if code.is_empty() || !artifact.make_executable(part, has_pads) {
            return Executable::new(code.len(), has_pads, |place| place[..code.len()].copy_from_slice(code));
        }
        Ok(Executable { base: code.as_ptr().cast_mut(), len: code.len(), owner: Owner::Artifact(artifact.clone()) })
    }

    /// Code that lies in somebody else's memory, which lives longer than this and whose owner answers for the invariant.
    #[cfg(native)]
    pub fn of_others(start: usize, len: usize) -> Executable {
        Executable { base: core::ptr::with_exposed_provenance_mut(start), len, owner: Owner::Others }
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
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: the invariant.
        unsafe { core::slice::from_raw_parts(self.base, self.len) }
    }
}

impl Drop for Executable {
    fn drop(&mut self) {
        if !matches!(self.owner, Owner::This) {
            return;
        }
        // SAFETY: the mapping is ours and nobody runs in it any more. The only possible failure is a wrong range.
        let result = unsafe { munmap(self.base.cast(), self.len.max(1)) };
        debug_assert!(result.is_ok(), "munmap of our own mapping");
    }
}
