//! Images of memories: what a module's data makes of a new memory, as a file in memory that many regions map, copy-on-write.

use super::Mapping;
use core::ffi::c_void;
use core::ops::Range;
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use rustix::io::pwrite;
use rustix::mm::{MapFlags, ProtFlags, mmap};
use std::os::fd::OwnedFd;

/// The first contents of a part of a memory.
pub struct MemoryImage {
    file: OwnedFd,
    /// All of the file.
    contents: Mapping,
    /// Where the part starts in the memory, in bytes; a multiple of the host's page size.
    start: usize,
    /// Its bytes; a multiple of the host's page size, not 0.
    len: usize,
}

impl MemoryImage {
    /// The image of a memory that is zero but for these bytes: places and contents, within `start..end`. None if the host makes none.
    pub fn new<'a>(start: usize, end: usize, pieces: impl Iterator<Item = (usize, &'a [u8])>) -> Option<MemoryImage> {
        let page = rustix::param::page_size();
        let (start, end) = (start / page * page, end.next_multiple_of(page));
        let len = end - start;
        let file = memfd_create("tiercel-memory", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).ok()?;
        ftruncate(&file, len as u64).ok()?;
        for (place, mut bytes) in pieces {
            let mut offset = (place - start) as u64;
            while !bytes.is_empty() {
                let written = pwrite(&file, bytes, offset).ok().filter(|&written| written != 0)?;
                (offset, bytes) = (offset + written as u64, &bytes[written..]);
            }
        }
        // From here on nobody can change it.
        fcntl_add_seals(&file, SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL).ok()?;
        let contents = Mapping::of_sealed(&file, len).ok()?;
        Some(MemoryImage { file, contents, start, len })
    }

    /// The part of the memory.
    pub fn range(&self) -> Range<usize> {
        self.start..self.start + self.len
    }

    /// Writes what of the image lies in these bytes of a memory whose first byte is at `base`.
    ///
    /// # Safety
    /// The bytes are the caller's to write.
    pub unsafe fn copy(&self, base: *mut u8, bytes: Range<usize>) {
        let (start, end) = (bytes.start.max(self.start), bytes.end.min(self.start + self.len));
        if start < end {
            let contents = &self.contents[start - self.start..end - self.start];
            // SAFETY: promised by the caller; nobody writes to the contents.
            unsafe { base.add(start).copy_from_nonoverlapping(contents.as_ptr(), contents.len()) };
        }
    }

    /// Puts the image in its place in a memory whose first byte is at `base`; writes stay the memory's own.
    ///
    /// # Errors
    /// The host refuses; the memory is as before.
    ///
    /// # Safety
    /// The part is inside a mapping of the caller's, and nobody refers to what is in it.
    pub unsafe fn map(&self, base: *mut u8) -> rustix::io::Result<()> {
        let place: *mut c_void = base.wrapping_add(self.start).cast();
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let flags = MapFlags::PRIVATE | MapFlags::FIXED | MapFlags::NORESERVE;
        // SAFETY: promised by the caller; the file has so many bytes and is sealed.
        unsafe { mmap(place, self.len, access, flags, &self.file, 0) }.map(|_| ())
    }
}
