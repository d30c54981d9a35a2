//! References to values of the host.

use super::context::{AsContextMut, StoreContext, StoreContextMut};
use super::error::Result;
use super::store::{StoreId, StoreInner};
use alloc::boxed::Box;
use core::any::Any;
use core::ops::Deref;

/// A handle of something that a store keeps alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rooted<T>(T);

impl<T> Deref for Rooted<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// A value of the host that guests hold and pass on but cannot look into. It lives as long as its store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExternRef {
    store: StoreId,
    index: u32,
}

impl ExternRef {
    /// Moves `value` into the store.
    ///
    /// # Errors
    /// The store holds 2^32 - 1 of them.
    pub fn new<T: Any + Send + Sync>(mut context: impl AsContextMut, value: T) -> Result<Rooted<ExternRef>> {
        let store = &mut context.as_context_mut().0.inner;
        let index = u32::try_from(store.externs.len()).ok().filter(|&index| index != u32::MAX);
        let index = index.ok_or_else(|| super::error::Error::limit("a store holds at most 2^32 - 1 host values"))?;
        store.externs.push(Box::new(value));
        Ok(Rooted(ExternRef { store: store.id, index }))
    }

    /// The value. Always present so far: values live as long as the store.
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
        store.check(self.store, "host value");
        Ok(store.externs.get(self.index as usize).map(|value| &**value))
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
        store.check(self.store, "host value");
        Ok(store.externs.get_mut(self.index as usize).map(|value| &mut **value))
    }

    pub(crate) fn comes_from(&self, store: &StoreInner) -> bool {
        self.store == store.id
    }

    /// The slot that stands for it; 0 is null.
    pub(crate) fn to_slot(this: Option<Rooted<ExternRef>>) -> u64 {
        this.map_or(0, |value| u64::from(value.index) + 1)
    }

    pub(crate) fn from_slot(store: &StoreInner, slot: u64) -> Option<Rooted<ExternRef>> {
        let index = slot.checked_sub(1)?;
        Some(Rooted(ExternRef { store: store.id, index: index as u32 }))
    }
}
