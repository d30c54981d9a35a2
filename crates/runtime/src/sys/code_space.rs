//! Room for code that is made while other code of it runs: never writable and executable at the same address.
//!
//! ```text
//! executable: | cells, which are data | code ...................... |
//! writable:                           | the same memory, elsewhere  |
//! ```
//!
//! A child of `fork` has cells of its own, but the same memory for code. So it makes none there, and its parent removes none any more.

use super::fork::Origin;
use crate::api::error::{Error, Result};
use core::ops::Range;
use core::ptr::null_mut;
use core::sync::atomic::AtomicUsize;
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap, mmap_anonymous, munmap};

const PAGE_BYTES: usize = 4096;

/// Cells, and behind them room for code. Memory is taken as it is used.
///
/// Invariant: `base..base + cell_bytes` is mapped, readable and writable; `code_bytes` behind it are readable and executable, and the same memory as
/// that at `view`, which is readable and writable; all of it until this is dropped.
pub struct CodeSpace {
    base: *mut u8,
    cells: usize,
    cell_bytes: usize,
    code_bytes: usize,
    view: *mut u8,
    /// Where and when it was made.
    pub origin: Origin,
}

// SAFETY: cells are atomic, and code is written by way of `write`, whose caller answers for it.
unsafe impl Send for CodeSpace {}
// SAFETY: as above.
unsafe impl Sync for CodeSpace {}

impl CodeSpace {
    /// Room for so many cells and bytes of code; `has_pads` if jumps by address lead to landing pads only.
    ///
    /// # Errors
    /// The host has no memory, or lets no program make code.
    pub fn new(cells: usize, code_bytes: usize, has_pads: bool) -> Result<CodeSpace> {
        let cell_bytes = (cells * size_of::<AtomicUsize>()).next_multiple_of(PAGE_BYTES);
        let code_bytes = code_bytes.next_multiple_of(PAGE_BYTES);
        let failed = |error: rustix::io::Errno| {
            Error::unsupported(format_args!("the host gives no memory for code that is made while it runs: {error}"))
        };
        let file = memfd_create("tiercel-code", MemfdFlags::CLOEXEC).map_err(failed)?;
        ftruncate(&file, code_bytes as u64).map_err(failed)?;
        let (read, write) = (ProtFlags::READ, ProtFlags::WRITE);
        // SAFETY: a new mapping at an address of the host's choice touches nothing that exists.
        let base = unsafe { mmap_anonymous(null_mut(), cell_bytes + code_bytes, read | write, MapFlags::PRIVATE) };
        let base = base.map_err(failed)?.cast::<u8>();
        // SAFETY: as above.
        let view = unsafe { mmap(null_mut(), code_bytes, read | write, MapFlags::SHARED, &file, 0) };
        let view = match view {
            Ok(view) => view.cast::<u8>(),
            Err(error) => {
                unmap(base, cell_bytes + code_bytes);
                return Err(failed(error));
            }
        };
        let this = CodeSpace { base, cells, cell_bytes, code_bytes, view, origin: Origin::now() };
        let flags = MapFlags::SHARED | MapFlags::FIXED;
        // SAFETY: the range is part of our own mapping, which nobody knows yet.
        unsafe { mmap(this.code().cast(), code_bytes, crate::native::code_access(has_pads), flags, &file, 0) }
            .map_err(failed)?;
        Ok(this)
    }

    fn code(&self) -> *mut u8 {
        self.base.wrapping_add(self.cell_bytes)
    }

    /// The addresses of the room for code.
    pub fn code_range(&self) -> Range<usize> {
        self.code() as usize..self.code() as usize + self.code_bytes
    }

    /// The cells.
    pub fn cells(&self) -> &[AtomicUsize] {
        // SAFETY: the invariant; zero is a valid value, and nobody writes to them in another way.
        unsafe { core::slice::from_raw_parts(self.base.cast(), self.cells) }
    }

    /// Writes code at an offset of the room for it.
    ///
    /// # Safety
    /// It fits there, and nobody reads or runs what was there before.
    pub unsafe fn write(&self, offset: usize, code: &[u8]) {
        debug_assert!(offset + code.len() <= self.code_bytes);
        // SAFETY: promised by the caller; the invariant.
        unsafe { core::ptr::copy_nonoverlapping(code.as_ptr(), self.view.add(offset), code.len()) };
        let range = |start: usize| start + offset..start + offset + code.len();
        crate::native::publish(range(self.view as usize), range(self.code() as usize));
    }

    /// Gives the host back the memory of code at these offsets, as far as it is whole pages, and fills the rest with `padding`.
    ///
    /// # Safety
    /// It is within the room for code, and nobody reads or runs what is there.
    pub unsafe fn forget(&self, code: Range<usize>, padding: u8) {
        let pages = code.start.next_multiple_of(PAGE_BYTES)..code.end & !(PAGE_BYTES - 1);
        let fill = |part: Range<usize>| {
            // SAFETY: promised by the caller; the invariant.
            unsafe { self.view.add(part.start).write_bytes(padding, part.len()) };
        };
        if pages.is_empty() {
            return fill(code);
        }
        fill(code.start..pages.start);
        fill(pages.end..code.end);
        // SAFETY: promised by the caller; the invariant. The pages read as zeros from now on, at both addresses.
        let gone = unsafe { madvise(self.view.add(pages.start).cast(), pages.len(), Advice::LinuxRemove) };
        if gone.is_err() {
            fill(pages);
        }
    }
}

fn unmap(base: *mut u8, len: usize) {
    // SAFETY: called with our own mappings, which nobody uses any more. The only possible failure is a wrong range.
    let result = unsafe { munmap(base.cast(), len) };
    debug_assert!(result.is_ok(), "munmap of our own mapping");
}

impl Drop for CodeSpace {
    fn drop(&mut self) {
        unmap(self.base, self.cell_bytes + self.code_bytes);
        unmap(self.view, self.code_bytes);
    }
}
