//! Linear memories.

use super::VmMemory;
use crate::api::engine::Engine;
use crate::api::error::{Error, Result};
use crate::api::store::StoreInner;
use crate::sys::MemoryImage;
#[cfg(native)]
use crate::sys::PooledRegion as Region;
#[cfg(not(native))]
use crate::sys::Region;
use crate::tuning;
use alloc::sync::Arc;
use core::ptr::NonNull;
use tiercel_wasm::MemoryType;

/// A linear memory.
///
/// Invariant: `def` describes the first `len_bytes` bytes of `region`, which are accessible.
#[repr(C)]
pub struct Memory {
    /// What code sees.
    def: VmMemory,
    ty: MemoryType,
    region: Region,
}

impl Memory {
    /// A memory of the type's minimal size, with what the image says or all zero.
    ///
    /// # Errors
    /// The host has no such memory.
    pub fn new(ty: MemoryType, engine: &Engine, image: Option<&Arc<MemoryImage>>) -> Result<Memory> {
        let config = engine.config();
        let min = ty.min_pages.checked_mul(ty.page_bytes());
        let min = min.ok_or_else(|| Error::limit(format_args!("a memory of {} pages is too large", ty.min_pages)))?;
        let moves = config.memories_move();
        let reserve = if ty.is_64 && !moves {
            let max = ty.max_pages.map_or(u64::MAX, |pages| pages.saturating_mul(ty.page_bytes()));
            max.min(tuning::MEMORY64_RESERVATION_BYTES)
        } else {
            config.memory_reservation
        };
        let (reserve, guard) = (reserve.max(min), config.memory_guard_size);
        #[cfg(native)]
        let region = engine.regions().take((reserve, guard, moves), len(min)?, image)?;
        #[cfg(not(native))]
        let region = Region::new(reserve, guard, moves)?;
        #[cfg(not(native))]
        debug_assert!(image.is_none(), "there are no images");
        let mut memory = Memory { def: VmMemory { base: region.base(), len_bytes: 0 }, ty, region };
        memory.set_len(min)?;
        Ok(memory)
    }

    /// The type, with the minimum as declared.
    pub fn ty(&self) -> &MemoryType {
        &self.ty
    }

    /// What code sees.
    pub fn def(&self) -> &VmMemory {
        &self.def
    }

    /// All addresses that are the memory's, those among them that fault.
    #[cfg(native)]
    pub fn addresses(&self) -> core::ops::Range<usize> {
        self.region.addresses()
    }

    /// The size in pages.
    pub fn pages(&self) -> u64 {
        self.def.len_bytes as u64 >> self.ty.page_log2
    }

    fn set_len(&mut self, bytes: u64) -> Result<()> {
        let len = len(bytes)?;
        self.region.grow(len)?;
        self.def = VmMemory { base: self.region.base(), len_bytes: len };
        Ok(())
    }

    /// Grows to `pages` if the type allows it.
    fn grow_to(&mut self, pages: Option<u64>) -> Result<()> {
        let max = self.ty.max_pages.unwrap_or(u64::MAX).min(max_pages(&self.ty));
        match pages {
            Some(pages) if pages <= max => self.set_len(pages.saturating_mul(self.ty.page_bytes())),
            _ => Err(Error::limit(format_args!("the memory may not grow beyond {max} pages"))),
        }
    }

    /// Grows by `delta` pages if the type, the limiter and the host allow it. The result is the size before, in pages.
    ///
    /// # Errors
    /// The limiter stops the guest.
    ///
    /// # Safety
    /// `memory` belongs to `store`; neither is borrowed while this runs.
    pub unsafe fn grow(memory: NonNull<Memory>, store: NonNull<StoreInner>, delta: u64) -> Result<Option<u64>> {
        // SAFETY: promised by the caller; the borrow ends before the limiter runs.
        let (old, ty) = unsafe { (memory.as_ref().pages(), memory.as_ref().ty) };
        let new = old.checked_add(delta);
        // SAFETY: promised by the caller.
        if !unsafe { allowed(store, &ty, old, new.unwrap_or(u64::MAX)) }? {
            return Ok(None);
        }
        // SAFETY: promised by the caller; the limiter has returned.
        match unsafe { (*memory.as_ptr()).grow_to(new) } {
            Ok(()) => Ok(Some(old)),
            Err(reason) => {
                // SAFETY: promised by the caller.
                unsafe { StoreInner::with_limiter(store, |limiter| limiter.memory_grow_failed(reason)) }
                    .unwrap_or(Ok(()))?;
                Ok(None)
            }
        }
    }
}

/// A number of bytes that a memory may have.
///
/// # Errors
/// It may not.
fn len(bytes: u64) -> Result<usize> {
    let len = isize::try_from(bytes);
    Ok(len.map_err(|_| Error::limit(format_args!("a memory of {bytes} bytes is too large")))? as usize)
}

/// Asks the limiter whether a memory may grow from `old` to `new` pages.
///
/// # Errors
/// The limiter stops the guest.
///
/// # Safety
/// The store is not borrowed while this runs.
pub unsafe fn allowed(store: NonNull<StoreInner>, ty: &MemoryType, old: u64, new: u64) -> Result<bool> {
    let bytes = |pages: u64| usize::try_from(pages.saturating_mul(ty.page_bytes())).unwrap_or(usize::MAX);
    let (current, desired, maximum) = (bytes(old), bytes(new), ty.max_pages.map(bytes));
    // SAFETY: promised by the caller.
    let answer =
        unsafe { StoreInner::with_limiter(store, |limiter| limiter.memory_growing(current, desired, maximum)) };
    answer.unwrap_or(Ok(true))
}

/// The pages that addresses of a memory can reach, and that `memory.size` can tell.
fn max_pages(ty: &MemoryType) -> u64 {
    let addr_bits = if ty.is_64 { 64 } else { 32 };
    match ty.page_log2 {
        0 => u64::MAX >> (64 - addr_bits),
        log2 => 1 << (addr_bits - u32::from(log2)),
    }
}
