//! Regions of virtual memory: reserved without access, made accessible as they grow. One that may move does so when it outgrows what it
//! reserves.

#[cfg(native)]
use super::MemoryImage;
use crate::api::error::{Error, Result};
#[cfg(native)]
use alloc::sync::Arc;
use core::ptr::null_mut;
#[cfg(native)]
use rustix::mm::{Advice, madvise};
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

/// A region that moves reserves so many times what it needs.
const ROOM_FACTOR: usize = 2;

/// Zeroed memory that grows in place, as far as it is reserved.
///
/// Invariant: `base..base + mapped` is mapped until the region is dropped, and the first `accessible` bytes of it (a multiple
/// of the host's page size) may be read and written.
pub struct MappedRegion {
    base: *mut u8,
    /// Bytes it may grow to.
    reserved: usize,
    /// Bytes of address space, guard included.
    mapped: usize,
    guard: u64,
    moves: bool,
    large_pages: bool,
    accessible: usize,
    /// What is mapped over a part of what is accessible.
    #[cfg(native)]
    image: Option<Arc<MemoryImage>>,
}

// SAFETY: a region is the only owner of its memory.
unsafe impl Send for MappedRegion {}

impl MappedRegion {
    /// A region that may grow to `reserve` bytes, with `guard` inaccessible bytes behind it. If it `moves`, it may grow further, to another
    /// place.
    ///
    /// # Errors
    /// The host has no such address space.
    pub fn new(reserve: u64, guard: u64, moves: bool) -> Result<MappedRegion> {
        let page = rustix::param::page_size() as u64;
        let round = |bytes: u64| bytes.checked_next_multiple_of(page);
        let sizes = round(reserve).and_then(|reserved| Some((reserved, round(guard)?.checked_add(reserved)?)));
        let too_large = || Error::limit(format_args!("cannot reserve {reserve} bytes of address space: too large"));
        let (reserved, mapped) = sizes.ok_or_else(too_large)?;
        // A mapping of no bytes is an error to the host.
        let mapped = mapped.max(page) as usize;
        // SAFETY: a new private mapping at an address of the host's choice touches nothing that exists.
        let base =
            unsafe { mmap_anonymous(null_mut(), mapped, ProtFlags::empty(), MapFlags::PRIVATE | MapFlags::NORESERVE) };
        let base = base.map_err(|error| {
            Error::limit(format_args!(
                "cannot reserve {mapped} bytes of address space: {error}. A smaller `Config::memory_reservation` needs less"
            ))
        })?;
        Ok(MappedRegion {
            base: base.cast(),
            reserved: reserved as usize,
            mapped,
            guard,
            moves,
            large_pages: false,
            accessible: 0,
            #[cfg(native)]
            image: None,
        })
    }

    /// The first byte.
    pub fn base(&self) -> *mut u8 {
        self.base
    }

    /// Lets the host use its large pages where it can: the first access to them costs much less time than to as many small ones, and they are
    /// there as a whole.
    pub fn prefer_large_pages(&mut self) {
        self.large_pages = true;
        #[cfg(target_os = "linux")]
        {
            // SAFETY: the range is our own mapping, and what it holds stays. A host that has no such pages goes on without.
            let _ = unsafe { rustix::mm::madvise(self.base.cast(), self.mapped, rustix::mm::Advice::LinuxHugepage) };
        }
    }

    /// All addresses that are the region's, accessible or not.
    #[cfg(native)]
    pub fn addresses(&self) -> core::ops::Range<usize> {
        let start = self.base as usize;
        start..start + self.mapped
    }

    /// Makes the first `bytes` accessible.
    ///
    /// # Errors
    /// That is beyond the reservation, or the host has no memory.
    pub fn grow(&mut self, bytes: usize) -> Result<()> {
        if bytes <= self.accessible {
            return Ok(());
        }
        if bytes > self.reserved && self.moves {
            return self.grow_elsewhere(bytes);
        }
        if bytes > self.reserved {
            let reserved = self.reserved;
            return Err(Error::limit(format_args!("{bytes} bytes are beyond the reservation of {reserved}")));
        }
        // `reserved` is a whole number of pages, so the sum stays within it.
        let accessible = bytes.next_multiple_of(rustix::param::page_size());
        // SAFETY: the range is inside our own mapping (the invariant), after everything that is already accessible.
        let result = unsafe {
            mprotect(
                self.base.add(self.accessible).cast(),
                accessible - self.accessible,
                MprotectFlags::READ | MprotectFlags::WRITE,
            )
        };
        result.map_err(|error| Error::limit(format_args!("the host has no {bytes} bytes of memory: {error}")))?;
        self.accessible = accessible;
        Ok(())
    }

    /// Whether [`MappedRegion::new`] makes such a region with these sizes.
    #[cfg(native)]
    pub fn is_of(&self, reserve: u64, guard: u64) -> bool {
        let page = rustix::param::page_size() as u64;
        !self.moves && reserve.checked_next_multiple_of(page) == Some(self.reserved as u64) && guard == self.guard
    }

    /// Whether this image, or none, is mapped.
    #[cfg(native)]
    pub fn has_image(&self, image: Option<&Arc<MemoryImage>>) -> bool {
        self.image.as_ref().map(Arc::as_ptr) == image.map(Arc::as_ptr)
    }

    /// Makes a region that is new or reset one of `bytes` accessible bytes, no fewer than the image has.
    ///
    /// # Errors
    /// The host has no memory. Then the region can only be dropped.
    #[cfg(native)]
    pub fn prepare(&mut self, bytes: usize, image: Option<&Arc<MemoryImage>>) -> Result<()> {
        let no_memory = |error| Error::limit(format_args!("the host has no {bytes} bytes of memory: {error}"));
        let keeps = self.has_image(image);
        if !keeps && let Some(old) = self.image.take() {
            let (start, len) = (old.range().start, old.range().len());
            let flags = MapFlags::PRIVATE | MapFlags::FIXED | MapFlags::NORESERVE;
            // SAFETY: the range is part of our own mapping, nobody uses it, and it was accessible before.
            unsafe { mmap_anonymous(self.base.add(start).cast(), len, ProtFlags::READ | ProtFlags::WRITE, flags) }
                .map_err(no_memory)?;
        }
        self.grow(bytes)?;
        let wanted = bytes.next_multiple_of(rustix::param::page_size());
        if self.accessible > wanted {
            let rest = self.accessible - wanted;
            // SAFETY: the range is inside our own mapping (the invariant), and nobody uses it.
            unsafe { mprotect(self.base.add(wanted).cast(), rest, MprotectFlags::empty()) }.map_err(no_memory)?;
            self.accessible = wanted;
        }
        if let Some(image) = image.filter(|_| !keeps) {
            debug_assert!(image.range().end <= self.accessible, "an image of the memory's first contents");
            // SAFETY: the part is accessible, inside our own mapping, and nobody uses it.
            unsafe { image.map(self.base) }.map_err(no_memory)?;
            self.image = Some(image.clone());
        }
        Ok(())
    }

    /// Makes all bytes what they were at first: zero, or the image. False if the host does not do it; then the region can only be dropped.
    #[cfg(native)]
    pub fn reset(&mut self) -> bool {
        if self.moves || self.accessible == 0 {
            return !self.moves;
        }
        let (base, image) = (self.base, self.image.as_deref());
        let start = base as usize;
        let restore = |run: core::ops::Range<usize>| {
            let run = run.start - start..run.end - start;
            // SAFETY: the run is accessible, and nobody uses it.
            unsafe { base.add(run.start).write_bytes(0, run.len()) };
            if let Some(image) = image {
                // SAFETY: as above.
                unsafe { image.copy(base, run) };
            }
        };
        // A few pages are sooner written than taken away and given again.
        let imaged = image.map_or(0..0, |image| start + image.range().start..start + image.range().end);
        if super::written::for_each_run(start..start + self.accessible, imaged, restore) {
            return true;
        }
        // SAFETY: nobody uses the memory; private pages are given back, so that the next access finds zeros, or the file.
        unsafe { madvise(self.base.cast(), self.accessible, Advice::LinuxDontNeed) }.is_ok()
    }

    fn grow_elsewhere(&mut self, bytes: usize) -> Result<()> {
        // Room for more, if there is address space.
        let ample = bytes.saturating_mul(ROOM_FACTOR) as u64;
        let room = |reserve| MappedRegion::new(reserve, self.guard, true);
        let mut moved = room(ample).or_else(|_| room(bytes as u64))?;
        if self.large_pages {
            moved.prefer_large_pages();
        }
        moved.grow(bytes)?;
        // SAFETY: as many bytes are accessible here, and more there; the mappings are different ones.
        unsafe { moved.base.copy_from_nonoverlapping(self.base, self.accessible) };
        *self = moved;
        Ok(())
    }
}

impl Drop for MappedRegion {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours and nobody uses it any more. The only possible failure is a wrong range.
        let result = unsafe { munmap(self.base.cast(), self.mapped) };
        debug_assert!(result.is_ok(), "munmap of our own mapping");
    }
}
