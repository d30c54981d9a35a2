//! Tables.

use super::VmTable;
use crate::api::error::{Error, Result};
use crate::api::store::StoreInner;
use crate::sys::HeapRegion;
use core::ptr::NonNull;
use tiercel_abi::Trap;
use tiercel_wasm::TableType;
use tiercel_wasm::limits::MAX_TABLE_ELEMENTS;

/// A table. An element is 0 for null, the address of a `VmFuncRef`, or the handle of a host value.
///
/// Invariant: `def` describes the elements in `region`, all of them initialised.
#[repr(C)]
pub struct Table {
    /// What code sees.
    def: VmTable,
    ty: TableType,
    region: HeapRegion,
}

impl Table {
    /// A table of the type's minimal size, filled with `init`.
    ///
    /// # Errors
    /// It is over the limit of elements, or the host has no memory.
    pub fn new(ty: TableType, init: u64) -> Result<Table> {
        let region = HeapRegion::new(0, 0, true)?;
        let mut table = Table { def: VmTable { base: region.base().cast(), len: 0 }, ty, region };
        table.grow_to(Some(ty.min), init)?;
        Ok(table)
    }

    /// The type, with the minimum as declared.
    pub fn ty(&self) -> &TableType {
        &self.ty
    }

    /// How many elements there are.
    pub fn len(&self) -> u64 {
        self.def.len as u64
    }

    /// Element `index`.
    pub fn get(&self, index: u64) -> Option<u64> {
        // Code writes through `def`, which is the same memory.
        let index = usize::try_from(index).ok().filter(|&index| index < self.def.len)?;
        // SAFETY: `index` is below `len` (the invariant).
        Some(unsafe { *self.def.base.add(index) })
    }

    /// Elements `start..start + len`, to write.
    ///
    /// # Errors
    /// Some are out of bounds.
    pub fn range_mut(&mut self, start: u64, len: u64) -> Result<&mut [u64], Trap> {
        let start = self.check(start, len)?;
        // SAFETY: the range was checked; `base..base + len` are initialised elements (the invariant), which `&mut self` owns.
        Ok(unsafe { core::slice::from_raw_parts_mut(self.def.base.add(start), len as usize) })
    }

    /// The first index of a range of elements, if all of it is within bounds.
    fn check(&self, start: u64, len: u64) -> Result<usize, Trap> {
        match start.checked_add(len) {
            Some(end) if end <= self.len() => Ok(start as usize),
            _ => Err(Trap::TableOutOfBounds),
        }
    }

    /// Copies `len` elements; the tables may be the same and the ranges overlap.
    ///
    /// # Errors
    /// Some are out of bounds; nothing was copied.
    ///
    /// # Safety
    /// Neither table is borrowed.
    pub unsafe fn copy(
        dst: NonNull<Table>,
        dst_index: u64,
        src: NonNull<Table>,
        src_index: u64,
        len: u64,
    ) -> Result<(), Trap> {
        // SAFETY: both ranges are checked against their tables (the invariant); `copy` allows overlap.
        unsafe {
            let from = (*src.as_ptr()).check(src_index, len)?;
            let to = (*dst.as_ptr()).check(dst_index, len)?;
            let (src, dst) = ((*src.as_ptr()).def.base, (*dst.as_ptr()).def.base);
            core::ptr::copy(src.add(from), dst.add(to), len as usize);
        }
        Ok(())
    }

    fn grow_to(&mut self, len: Option<u64>, init: u64) -> Result<()> {
        let max = self.ty.max.unwrap_or(u64::MAX).min(MAX_TABLE_ELEMENTS);
        let len = len.filter(|&len| len <= max);
        let len =
            len.ok_or_else(|| Error::limit(format_args!("a table may not have more than {max} elements")))? as usize;
        let old = self.def.len;
        // `MAX_TABLE_ELEMENTS` keeps the product small.
        self.region.grow(len * size_of::<u64>())?;
        self.def = VmTable { base: self.region.base().cast(), len };
        if init != 0 {
            self.range_mut(old as u64, (len - old) as u64)?.fill(init);
        }
        Ok(())
    }

    /// Grows by `delta` elements with value `init`, if the type, the limiter and the host allow it. The result is the size
    /// before.
    ///
    /// # Errors
    /// The limiter stops the guest.
    ///
    /// # Safety
    /// `table` belongs to `store`; neither is borrowed while this runs.
    pub unsafe fn grow(
        table: NonNull<Table>,
        store: NonNull<StoreInner>,
        delta: u64,
        init: u64,
    ) -> Result<Option<u64>> {
        // SAFETY: promised by the caller; the borrow ends before the limiter runs.
        let (old, ty) = unsafe { (table.as_ref().len(), table.as_ref().ty) };
        let new = old.checked_add(delta);
        // SAFETY: promised by the caller.
        if !unsafe { allowed(store, &ty, old, new.unwrap_or(u64::MAX)) }? {
            return Ok(None);
        }
        // SAFETY: promised by the caller; the limiter has returned.
        match unsafe { (*table.as_ptr()).grow_to(new, init) } {
            Ok(()) => Ok(Some(old)),
            Err(reason) => {
                // SAFETY: promised by the caller.
                unsafe { StoreInner::with_limiter(store, |limiter| limiter.table_grow_failed(reason)) }
                    .unwrap_or(Ok(()))?;
                Ok(None)
            }
        }
    }
}

/// Asks the limiter whether a table may grow from `old` to `new` elements.
///
/// # Errors
/// The limiter stops the guest.
///
/// # Safety
/// The store is not borrowed while this runs.
pub unsafe fn allowed(store: NonNull<StoreInner>, ty: &TableType, old: u64, new: u64) -> Result<bool> {
    let elements = |count: u64| usize::try_from(count).unwrap_or(usize::MAX);
    let (current, desired, maximum) = (elements(old), elements(new), ty.max.map(elements));
    // SAFETY: promised by the caller.
    let answer = unsafe { StoreInner::with_limiter(store, |limiter| limiter.table_growing(current, desired, maximum)) };
    answer.unwrap_or(Ok(true))
}
