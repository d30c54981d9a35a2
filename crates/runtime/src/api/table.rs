//! Tables.

use super::context::{AsContext, AsContextMut};
use super::error::{Error, Result};
use super::store::{StoreId, StoreInner};
use super::values::{Ref, Val};
use crate::{ensure, vm};
use core::fmt;
use core::ptr::NonNull;
use tiercel_wasm::{RefType, TableType, ValType};

/// A table of a store. A handle: cheap to copy, valid with its store only.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Table {
    store: StoreId,
    /// Lives as long as the store.
    table: NonNull<vm::Table>,
}

// SAFETY: a handle is an address that is only followed with its store at hand.
unsafe impl Send for Table {}
// SAFETY: as above.
unsafe impl Sync for Table {}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Table({:p})", self.table)
    }
}

impl Table {
    /// A table of the type's minimal size, filled with `init`.
    ///
    /// # Errors
    /// `init` does not fit the type, or a limit of the store or the host is reached.
    pub fn new(mut store: impl AsContextMut, ty: TableType, init: Ref) -> Result<Table> {
        let mut context = store.as_context_mut();
        let init = slot(&context.0.inner, &ty.element, init)?;
        let inner = context.inner_ptr();
        // SAFETY: the store's borrow is not used meanwhile.
        unsafe {
            StoreInner::reserve_counts(inner, 0, 0, 1)?;
            let table = vm::instance::new_table(inner, ty, init)?;
            Ok(Table::from_raw(inner.as_ref(), table))
        }
    }

    /// # Safety
    /// `table` belongs to `store`.
    pub(crate) unsafe fn from_raw(store: &StoreInner, table: NonNull<vm::Table>) -> Table {
        Table { store: store.id, table }
    }

    pub(crate) fn raw(&self) -> NonNull<vm::Table> {
        self.table
    }

    pub(crate) fn comes_from(&self, store: &StoreInner) -> bool {
        self.store == store.id
    }

    /// The table, while the store is borrowed.
    fn inner<'a>(&self, store: &'a StoreInner) -> &'a vm::Table {
        store.check(self.store, "table");
        // SAFETY: the table is of this store, whose borrow keeps guests from running and growing it.
        unsafe { self.table.as_ref() }
    }

    /// Elements `start..start + len`, while the store is exclusively borrowed.
    fn range_mut<'a>(&self, store: &'a mut StoreInner, start: u64, len: u64) -> Result<&'a mut [u64]> {
        store.check(self.store, "table");
        // SAFETY: the table is of this store, whose exclusive borrow is that of the table.
        Ok(unsafe { &mut *self.table.as_ptr() }.range_mut(start, len)?)
    }

    /// The type with the current size as its minimum.
    pub(crate) fn current_type(&self, store: &StoreInner) -> TableType {
        let table = self.inner(store);
        TableType { min: table.len(), ..*table.ty() }
    }

    /// The type.
    ///
    /// # Panics
    /// The table belongs to another store.
    pub fn ty(&self, store: impl AsContext) -> TableType {
        *self.inner(&store.as_context().0.inner).ty()
    }

    /// Element `index`, or nothing if it is out of bounds.
    ///
    /// # Panics
    /// The table belongs to another store.
    pub fn get(&self, mut store: impl AsContextMut, index: u64) -> Option<Ref> {
        let store = &mut store.as_context_mut().0.inner;
        let table = self.inner(store);
        let (bits, ty) = (table.get(index)?, table.ty().element);
        // SAFETY: elements of a table are of its type and of its store.
        Some(unsafe { Ref::from_bits(store, &ty, bits) })
    }

    /// Sets element `index`.
    ///
    /// # Errors
    /// The index is out of bounds, or the value does not fit the table's type.
    ///
    /// # Panics
    /// The table belongs to another store.
    pub fn set(&self, store: impl AsContextMut, index: u64, value: Ref) -> Result<()> {
        self.fill(store, index, value, 1)
    }

    /// Sets `len` elements from `start` on.
    ///
    /// # Errors
    /// Some are out of bounds, or the value does not fit the table's type; nothing was set.
    ///
    /// # Panics
    /// The table belongs to another store.
    pub fn fill(&self, mut store: impl AsContextMut, start: u64, value: Ref, len: u64) -> Result<()> {
        let store = &mut store.as_context_mut().0.inner;
        let value = slot(store, &self.inner(store).ty().element, value)?;
        self.range_mut(store, start, len)?.fill(value);
        Ok(())
    }

    /// The number of elements.
    ///
    /// # Panics
    /// The table belongs to another store.
    pub fn size(&self, store: impl AsContext) -> u64 {
        self.inner(&store.as_context().0.inner).len()
    }

    /// Grows by `delta` elements with value `init`. The result is the size before.
    ///
    /// # Errors
    /// `init` does not fit the table's type, or the type, the store's limits or the host do not allow it.
    ///
    /// # Panics
    /// The table belongs to another store.
    pub fn grow(&self, mut store: impl AsContextMut, delta: u64, init: Ref) -> Result<u64> {
        let mut context = store.as_context_mut();
        let init = slot(&context.0.inner, &self.inner(&context.0.inner).ty().element, init)?;
        // SAFETY: the table is of this store, whose borrow is not used meanwhile.
        let grown = unsafe { vm::Table::grow(self.table, context.inner_ptr(), delta, init)? };
        grown.ok_or_else(|| Error::limit(format_args!("failed to grow the table by {delta} elements")))
    }

    /// Copies elements between tables, or within one.
    ///
    /// # Errors
    /// Some are out of bounds, or the element types differ; nothing was copied.
    ///
    /// # Panics
    /// One of the tables belongs to another store.
    pub fn copy(
        mut store: impl AsContextMut,
        dst_table: &Table,
        dst_index: u64,
        src_table: &Table,
        src_index: u64,
        len: u64,
    ) -> Result<()> {
        let store = &store.as_context_mut().0.inner;
        let (dst, src) = (dst_table.inner(store).ty().element, src_table.inner(store).ty().element);
        ensure!(
            store.engine.ref_matches(src, dst),
            "type mismatch: cannot copy elements of type {src} to a table of {dst}"
        );
        // SAFETY: both tables are of this store, which is exclusively borrowed; no view of either exists.
        unsafe { vm::Table::copy(dst_table.table, dst_index, src_table.table, src_index, len)? };
        Ok(())
    }
}

/// The slot of a reference that is to become an element.
fn slot(store: &StoreInner, ty: &RefType, value: Ref) -> Result<u64> {
    let value = Val::from(value);
    value.check(store, &ValType::Ref(*ty), "the table's element")?;
    Ok(value.to_bits(store)[0])
}
