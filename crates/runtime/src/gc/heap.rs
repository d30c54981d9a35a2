//! Allocation: two spaces of equal size, of which one is in use. Objects are made one behind the other; when the space is full, the
//! collector copies what is live to the other space. From there it is copied back, so that the other space never takes more of the host's memory than
//! what was live, and new objects lie where the host has given memory already. If little became free both grow.
//!
//! Both spaces count for the store's limiter, as one memory: what a collection needs is there before it starts.

use super::collector;
use super::layout::{GcType, OBJECT_ALIGN, TypeLayout};
use super::roots::Roots;
use crate::api::error::{Error, Result};
use crate::api::store::StoreInner;
use crate::sys::Region;
use crate::tuning::{GC_INITIAL_BYTES, GC_ROOM_PERCENT};
use crate::vm::{CodePoint, VmGlobal, VmStore};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ptr::NonNull;
use tiercel_abi::Trap;
use tiercel_wasm::{TypeDef, TypeId};

/// The largest space: all that 32-bit references reach.
const MAX_SPACE_BYTES: usize = u32::MAX as usize & !(PAGE - 1);
/// Spaces grow by whole pages of this size, in bytes.
const PAGE: usize = 64 << 10;

/// The heap of a store. The words that code needs are in [`VmStore`].
pub struct Heap {
    /// The space in use and the other one, from the first object on. Only under stress they change places.
    spaces: Option<[Region; 2]>,
    /// Bytes of each space.
    capacity: usize,
    /// Whether every allocation collects.
    pub stress: bool,
    types: Vec<GcType>,
    no_layout: Arc<TypeLayout>,
    /// References that the host holds.
    pub roots: Roots,
    /// Globals that the host has made and that hold references.
    pub globals: Vec<NonNull<VmGlobal>>,
    /// How often the heap was collected.
    pub collections: u64,
}

impl Heap {
    /// A heap without objects.
    pub fn new(stress: bool) -> Heap {
        Heap {
            spaces: None,
            capacity: 0,
            stress,
            types: Vec::new(),
            no_layout: Arc::new(TypeLayout::Func),
            roots: Roots::default(),
            globals: Vec::new(),
            collections: 0,
        }
    }

    /// Makes a type known whose objects are to be made or whose subtypes are to be told apart.
    pub fn register(&mut self, vm: NonNull<VmStore>, id: TypeId, def: &TypeDef, layout: &Arc<TypeLayout>) {
        let index = id.as_u32() as usize;
        if self.types.get(index).is_some_and(|ty| ty.lineage_len != 0) {
            return;
        }
        while self.types.len() <= index {
            self.types.push(GcType::unknown(&self.no_layout));
        }
        self.types[index] = GcType::new(def, layout);
        // SAFETY: the words of a store live as long as it does, and code reads them anew each time.
        unsafe {
            (*vm.as_ptr()).gc_types = self.types.as_ptr();
            (*vm.as_ptr()).gc_types_len = self.types.len();
        }
    }

    /// What the heap knows of a type.
    pub fn ty(&self, id: u32) -> &GcType {
        &self.types[id as usize]
    }

    /// The known types.
    pub fn types(&self) -> *const GcType {
        self.types.as_ptr()
    }

    /// The space in use and the other one.
    pub fn bases(&self) -> Option<[*mut u8; 2]> {
        self.spaces.as_ref().map(|spaces| [spaces[0].base(), spaces[1].base()])
    }

    fn swap(&mut self) {
        if let Some(spaces) = &mut self.spaces {
            spaces.swap(0, 1);
        }
    }

    /// Grows both spaces.
    fn grow(&mut self, reservation: u64, bytes: usize) -> Result<()> {
        let spaces = match &mut self.spaces {
            Some(spaces) => spaces,
            None => {
                let reserve = reservation.min(MAX_SPACE_BYTES as u64);
                let spaces = self.spaces.insert([Region::new(reserve, 0, true)?, Region::new(reserve, 0, true)?]);
                spaces.iter_mut().for_each(Region::prefer_large_pages);
                spaces
            }
        };
        for space in spaces {
            space.grow(bytes)?;
        }
        self.capacity = bytes;
        Ok(())
    }
}

/// Makes room for an object of `bytes` that did not fit: by collecting, then by growing. False if neither helps. `top` is where the
/// guest is that runs or that has called the host.
///
/// # Errors
/// The limiter stops the guest.
///
/// # Safety
/// The store is not borrowed, and every reference to an object is in a place that [`super::roots`] finds.
#[cold]
pub unsafe fn make_room(store: NonNull<StoreInner>, bytes: usize, top: CodePoint) -> Result<bool> {
    // SAFETY: promised by the caller; no borrow lasts while the limiter runs.
    unsafe {
        let (this, vm) = (store.as_ptr(), (*store.as_ptr()).vm.ptr().as_ptr());
        let stress = (*this).gc.stress;
        if (*this).gc.capacity != 0 {
            collect(store, top);
        }
        // Offset 0 is null.
        let next = (*vm).gc_next.max(OBJECT_ALIGN);
        let capacity = (*this).gc.capacity;
        let wanted = next.saturating_add(bytes);
        if wanted > MAX_SPACE_BYTES {
            return Ok(false);
        }
        let ample = wanted.saturating_add(wanted / 100 * GC_ROOM_PERCENT).max(GC_INITIAL_BYTES);
        if !grow(store, ample)? && wanted > capacity && !grow(store, wanted)? {
            return Ok(false);
        }
        (*vm).gc_next = next;
        (*vm).gc_limit = if stress { wanted } else { (*this).gc.capacity };
        Ok(true)
    }
}

/// Grows both spaces to `bytes`, or a little more, if the limiter and the host allow it.
///
/// # Safety
/// As [`make_room`].
unsafe fn grow(store: NonNull<StoreInner>, bytes: usize) -> Result<bool> {
    // SAFETY: promised by the caller.
    unsafe {
        let this = store.as_ptr();
        let capacity = (*this).gc.capacity;
        let bytes = bytes.min(MAX_SPACE_BYTES).next_multiple_of(PAGE);
        if bytes <= capacity {
            return Ok(true);
        }
        let (current, desired) = (capacity.saturating_mul(2), bytes.saturating_mul(2));
        let allowed = StoreInner::with_limiter(store, |limiter| limiter.memory_growing(current, desired, None));
        if !allowed.unwrap_or(Ok(true))? {
            return Ok(false);
        }
        let reservation = (*this).engine.config().memory_reservation;
        if let Err(reason) = (*this).gc.grow(reservation, bytes) {
            let heard = StoreInner::with_limiter(store, |limiter| limiter.memory_grow_failed(reason));
            heard.unwrap_or(Ok(()))?;
            return Ok(false);
        }
        set_base(store);
        Ok(true)
    }
}

/// # Safety
/// As [`make_room`].
unsafe fn set_base(store: NonNull<StoreInner>) {
    // SAFETY: promised by the caller.
    unsafe {
        let this = store.as_ptr();
        if let Some([base, _]) = (*this).gc.bases() {
            (*(*this).vm.ptr().as_ptr()).gc_base = base;
        }
    }
}

/// Frees what nothing refers to.
///
/// # Safety
/// As [`make_room`].
pub unsafe fn collect(store: NonNull<StoreInner>, top: CodePoint) {
    // SAFETY: promised by the caller.
    unsafe {
        let this = store.as_ptr();
        let Some([space, copies]) = (*this).gc.bases() else { return };
        let next = collector::copy_live(store, top);
        if (*this).gc.stress {
            // A reference that was not found leads to garbage from now on.
            space.write_bytes(0xa5, (*(*this).vm.ptr().as_ptr()).gc_next);
            (*this).gc.swap();
            set_base(store);
        } else {
            copies.copy_to_nonoverlapping(space, next);
        }
        (*this).gc.collections += 1;
        let vm = (*this).vm.ptr().as_ptr();
        (*vm).gc_next = next;
        (*vm).gc_limit = if (*this).gc.stress { next } else { (*this).gc.capacity };
    }
}

/// The offset of a new object of `bytes`, whose contents are to be written before anything else happens.
///
/// # Errors
/// The heap is full, or the limiter stops the guest.
///
/// # Safety
/// As [`make_room`]; the host runs. References that it holds are among the roots.
pub unsafe fn allocate(store: NonNull<StoreInner>, bytes: usize) -> Result<(u64, *mut u8)> {
    // SAFETY: promised by the caller.
    unsafe {
        let vm = (*store.as_ptr()).vm.ptr().as_ptr();
        if bytes > (*vm).gc_limit - (*vm).gc_next && !make_room(store, bytes, (*vm).host_call)? {
            return Err(Error::new(Trap::GcHeapOutOfMemory));
        }
        let at = (*vm).gc_next;
        (*vm).gc_next += bytes;
        Ok((at as u64, (*vm).gc_base.add(at)))
    }
}
