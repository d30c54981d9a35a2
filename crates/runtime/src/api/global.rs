//! Globals.

use super::context::{AsContext, AsContextMut};
use super::error::Result;
use super::store::{Owned, StoreId, StoreInner};
use super::values::Val;
use crate::ensure;
use crate::vm::VmGlobal;
use core::fmt;
use core::ptr::NonNull;
use tiercel_wasm::GlobalType;

/// A global of a store. A handle: cheap to copy, valid with its store only.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Global {
    store: StoreId,
    /// Lives as long as the store.
    global: NonNull<VmGlobal>,
    ty: GlobalType,
}

// SAFETY: a handle is an address that is only followed with its store at hand.
unsafe impl Send for Global {}
// SAFETY: as above.
unsafe impl Sync for Global {}

impl fmt::Debug for Global {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Global({:p}: {})", self.global, self.ty)
    }
}

impl Global {
    /// A global with a first value.
    ///
    /// # Errors
    /// The value does not fit the type.
    pub fn new(mut store: impl AsContextMut, ty: GlobalType, val: Val) -> Result<Global> {
        let store = &mut store.as_context_mut().0.inner;
        val.check(store, &ty.content, "the global's value")?;
        store.globals.push(Owned::new(VmGlobal(val.to_bits(store))));
        let global = store.globals[store.globals.len() - 1].ptr();
        if ty.content.is_traced() {
            store.gc.globals.push(global);
        }
        Ok(Global { store: store.id, global, ty })
    }

    /// # Safety
    /// `global` belongs to `store` and is of type `ty`.
    pub(crate) unsafe fn from_raw(store: &StoreInner, global: NonNull<VmGlobal>, ty: GlobalType) -> Global {
        Global { store: store.id, global, ty }
    }

    pub(crate) fn raw(&self) -> NonNull<VmGlobal> {
        self.global
    }

    pub(crate) fn comes_from(&self, store: &StoreInner) -> bool {
        self.store == store.id
    }

    pub(crate) fn ty_in(&self, store: &StoreInner) -> GlobalType {
        store.check(self.store, "global");
        self.ty
    }

    /// The type.
    ///
    /// # Panics
    /// The global belongs to another store.
    pub fn ty(&self, store: impl AsContext) -> GlobalType {
        self.ty_in(&store.as_context().0.inner)
    }

    /// The value.
    ///
    /// # Panics
    /// The global belongs to another store.
    pub fn get(&self, mut store: impl AsContextMut) -> Val {
        let store = &mut store.as_context_mut().0.inner;
        let ty = self.ty_in(store);
        // SAFETY: the global is of this store and of type `ty`; no guest is running.
        unsafe { Val::from_bits(store, &ty.content, self.global.read().0) }
    }

    /// Sets the value.
    ///
    /// # Errors
    /// The global cannot be set, or the value does not fit its type.
    ///
    /// # Panics
    /// The global belongs to another store.
    pub fn set(&self, mut store: impl AsContextMut, val: Val) -> Result<()> {
        let store = &store.as_context_mut().0.inner;
        let ty = self.ty_in(store);
        ensure!(ty.mutable, "an immutable global cannot be set");
        val.check(store, &ty.content, "the global's value")?;
        // SAFETY: the global is of this store, which is exclusively borrowed.
        unsafe { self.global.write(VmGlobal(val.to_bits(store))) };
        Ok(())
    }
}
