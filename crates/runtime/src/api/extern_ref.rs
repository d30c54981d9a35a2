//! References to values of the host.

use super::any_ref::{AnyRef, root};
use super::context::{AsContextMut, StoreContext, StoreContextMut};
use super::error::Result;
use super::store::{StoreId, StoreInner};
use crate::gc::{self, Root};
use alloc::boxed::Box;
use core::any::Any;
use core::ops::Deref;

/// A handle of something that a store keeps alive: until the store is dropped, or the scope ends in which the handle was made (a
/// [`RootScope`](crate::RootScope), or the call of a host function).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rooted<T>(pub(crate) T);

impl<T> Deref for Rooted<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// A value of the host that guests hold and pass on but cannot look into. It lives as long as its store. Or what a guest passes off as
/// one, by `extern.convert_any`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExternRef(Kind);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Host { store: StoreId, index: u32 },
    Guest(Root),
}

impl ExternRef {
    /// Moves `value` into the store.
    ///
    /// # Errors
    /// The store holds 2^30 of them.
    pub fn new<T: Any + Send + Sync>(mut context: impl AsContextMut, value: T) -> Result<Rooted<ExternRef>> {
        let store = &mut context.as_context_mut().0.inner;
        let index = u32::try_from(store.externs.len()).ok().filter(|&index| index < gc::MAX_HOST_VALUES);
        let index = index.ok_or_else(|| super::error::Error::limit("a store holds at most 2^30 host values"))?;
        store.externs.push(Box::new(value));
        Ok(Rooted(ExternRef(Kind::Host { store: store.id, index })))
    }

    /// The value; none if it is a guest's own. Values live as long as the store.
    ///
    /// # Errors
    /// None so far.
    ///
    /// # Panics
    /// It belongs to another store.
    pub fn data<'a, T: 'static>(
        &self,
        store: impl Into<StoreContext<'a, T>>,
    ) -> Result<Option<&'a (dyn Any + Send + Sync)>> {
        let store = &store.into().0.inner;
        store.check(self.store_id(), "host value");
        Ok(self.index().and_then(|index| store.externs.get(index as usize)).map(|value| &**value))
    }

    /// The value, to change; as [`ExternRef::data`].
    ///
    /// # Errors
    /// None so far.
    ///
    /// # Panics
    /// It belongs to another store.
    pub fn data_mut<'a, T: 'static>(
        &self,
        store: impl Into<StoreContextMut<'a, T>>,
    ) -> Result<Option<&'a mut (dyn Any + Send + Sync)>> {
        let store = &mut store.into().0.inner;
        store.check(self.store_id(), "host value");
        Ok(self.index().and_then(|index| store.externs.get_mut(index as usize)).map(|value| &mut **value))
    }

    /// The same reference in the hierarchy of `any`, as `any.convert_extern`.
    ///
    /// # Errors
    /// It belongs to another store.
    pub fn convert_to_any(&self, mut store: impl AsContextMut) -> Result<Rooted<AnyRef>> {
        let store = &mut store.as_context_mut().0.inner;
        crate::ensure!(self.comes_from(store), "a reference that belongs to another store");
        let slot = ExternRef::to_slot(Some(Rooted(*self)), store);
        Ok(Rooted(AnyRef(root(store, slot))))
    }

    fn index(&self) -> Option<u32> {
        match self.0 {
            Kind::Host { index, .. } => Some(index),
            Kind::Guest(_) => None,
        }
    }

    fn store_id(&self) -> StoreId {
        match self.0 {
            Kind::Host { store, .. } => store,
            Kind::Guest(root) => root.store,
        }
    }

    pub(crate) fn comes_from(&self, store: &StoreInner) -> bool {
        self.store_id() == store.id
    }

    /// The slot that stands for it; 0 is null.
    pub(crate) fn to_slot(this: Option<Rooted<ExternRef>>, store: &StoreInner) -> u64 {
        match this {
            None => 0,
            Some(Rooted(ExternRef(Kind::Host { index, .. }))) => gc::host_value(index),
            Some(Rooted(ExternRef(Kind::Guest(root)))) => store.gc.roots.get(root),
        }
    }

    pub(crate) fn from_slot(store: &mut StoreInner, slot: u64) -> Option<Rooted<ExternRef>> {
        if slot == 0 {
            return None;
        }
        Some(Rooted(ExternRef(match gc::host_index(slot) {
            Some(index) => Kind::Host { store: store.id, index },
            None => Kind::Guest(root(store, slot)),
        })))
    }
}
