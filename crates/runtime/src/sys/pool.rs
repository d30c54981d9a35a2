//! Regions of memories that are gone, kept for those to come: nothing has to be reserved then, and where the same image is wanted again,
//! nothing has to be mapped.

use super::{MappedRegion, MemoryImage};
use crate::api::error::Result;
use crate::sync::Mutex;
use crate::tuning::IDLE_REGIONS;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut};

/// Idle regions, the last one used last. All are reset: as a new one is, but for the image, and for how much of it is accessible.
#[derive(Default)]
pub struct Pool {
    idle: Mutex<Vec<MappedRegion>>,
}

/// A region that goes back to its pool.
pub struct PooledRegion {
    region: ManuallyDrop<MappedRegion>,
    pool: Arc<Pool>,
}

impl Pool {
    /// A region as [`MappedRegion::new`] makes it; its first `bytes` are accessible and are zero, or what the image says.
    ///
    /// # Errors
    /// The host has no address space or no memory.
    pub fn take(
        self: &Arc<Pool>,
        (reserve, guard, moves): (u64, u64, bool),
        bytes: usize,
        image: Option<&Arc<MemoryImage>>,
    ) -> Result<PooledRegion> {
        let idle = if moves { None } else { self.idle(reserve, guard, image) };
        let mut region = match idle {
            Some(region) => region,
            None => MappedRegion::new(reserve, guard, moves).or_else(|_| {
                // Idle regions may have taken what there was.
                self.idle.lock().clear();
                MappedRegion::new(reserve, guard, moves)
            })?,
        };
        region.prepare(bytes, image)?;
        Ok(PooledRegion { region: ManuallyDrop::new(region), pool: self.clone() })
    }

    /// An idle region of this size: the latest one with this image, or else the one that was idle for longest.
    fn idle(&self, reserve: u64, guard: u64, image: Option<&Arc<MemoryImage>>) -> Option<MappedRegion> {
        let idle = &mut *self.idle.lock();
        let fits = |region: &MappedRegion| region.is_of(reserve, guard);
        let found = idle.iter().rposition(|region| fits(region) && region.has_image(image));
        found.or_else(|| idle.iter().position(fits)).map(|found| idle.remove(found))
    }

    /// Takes back a region that nobody uses any more.
    fn give(&self, mut region: MappedRegion) {
        if region.reset() {
            let idle = &mut *self.idle.lock();
            if idle.len() < IDLE_REGIONS {
                idle.push(region);
            }
        }
    }
}

impl Deref for PooledRegion {
    type Target = MappedRegion;

    fn deref(&self) -> &MappedRegion {
        &self.region
    }
}

impl DerefMut for PooledRegion {
    fn deref_mut(&mut self) -> &mut MappedRegion {
        &mut self.region
    }
}

impl Drop for PooledRegion {
    fn drop(&mut self) {
        // SAFETY: nobody uses the field after this.
        let region = unsafe { ManuallyDrop::take(&mut self.region) };
        self.pool.give(region);
    }
}
