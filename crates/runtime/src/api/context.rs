//! Who may touch a store: the store itself, a host function's `Caller`, and references to them.

use super::caller::Caller;
use super::engine::Engine;
use super::error::Result;
use super::store::{Store, StoreData, StoreInner};
use core::ptr::NonNull;

/// A shared borrow of a store.
pub struct StoreContext<'a, T: 'static>(pub(crate) &'a StoreData<T>);

/// An exclusive borrow of a store.
pub struct StoreContextMut<'a, T: 'static>(pub(crate) &'a mut StoreData<T>);

/// Whatever gives shared access to a store.
pub trait AsContext {
    /// The host's own data in the store.
    type Data: 'static;

    /// Borrows the store.
    fn as_context(&self) -> StoreContext<'_, Self::Data>;
}

/// Whatever gives exclusive access to a store.
pub trait AsContextMut: AsContext {
    /// Borrows the store exclusively.
    fn as_context_mut(&mut self) -> StoreContextMut<'_, Self::Data>;
}

impl<'a, T> StoreContext<'a, T> {
    /// The engine of the store.
    pub fn engine(&self) -> &Engine {
        &self.0.inner.engine
    }

    /// The host's own data.
    pub fn data(&self) -> &'a T {
        &self.0.data
    }

    /// As [`Store::get_fuel`].
    ///
    /// # Errors
    /// Fuel is not enabled.
    pub fn get_fuel(&self) -> Result<u64> {
        self.0.inner.fuel()
    }
}

impl<'a, T> StoreContextMut<'a, T> {
    /// The store as running code knows it. Whoever uses the address makes no use of `self` meanwhile.
    #[inline]
    pub(crate) fn inner_ptr(&mut self) -> NonNull<StoreInner> {
        NonNull::from(&mut *self.0).cast()
    }

    /// The engine of the store.
    pub fn engine(&self) -> &Engine {
        &self.0.inner.engine
    }

    /// The host's own data.
    pub fn data(&self) -> &T {
        &self.0.data
    }

    /// As [`Store::gc`].
    pub fn gc(&mut self) {
        self.0.inner.collect();
    }

    /// The host's own data, to change.
    pub fn data_mut(&mut self) -> &mut T {
        &mut self.0.data
    }

    /// As [`Store::get_fuel`].
    ///
    /// # Errors
    /// Fuel is not enabled.
    pub fn get_fuel(&self) -> Result<u64> {
        self.0.inner.fuel()
    }

    /// As [`Store::set_fuel`].
    ///
    /// # Errors
    /// Fuel is not enabled.
    pub fn set_fuel(&mut self, fuel: u64) -> Result<()> {
        self.0.inner.set_fuel(fuel)
    }

    /// As [`Store::set_epoch_deadline`].
    pub fn set_epoch_deadline(&mut self, ticks_beyond_current: u64) {
        self.0.inner.set_epoch_deadline(ticks_beyond_current);
    }

    /// As [`Store::epoch_deadline_trap`].
    pub fn epoch_deadline_trap(&mut self) {
        self.0.epoch_callback = None;
    }
}

impl<T: 'static> AsContext for Store<T> {
    type Data = T;

    fn as_context(&self) -> StoreContext<'_, T> {
        StoreContext(&self.0)
    }
}

impl<T: 'static> AsContextMut for Store<T> {
    #[inline]
    fn as_context_mut(&mut self) -> StoreContextMut<'_, T> {
        StoreContextMut(&mut self.0)
    }
}

impl<T: 'static> AsContext for StoreContext<'_, T> {
    type Data = T;

    fn as_context(&self) -> StoreContext<'_, T> {
        StoreContext(self.0)
    }
}

impl<T: 'static> AsContext for StoreContextMut<'_, T> {
    type Data = T;

    fn as_context(&self) -> StoreContext<'_, T> {
        StoreContext(self.0)
    }
}

impl<T: 'static> AsContextMut for StoreContextMut<'_, T> {
    #[inline]
    fn as_context_mut(&mut self) -> StoreContextMut<'_, T> {
        StoreContextMut(self.0)
    }
}

impl<T: 'static> AsContext for Caller<'_, T> {
    type Data = T;

    fn as_context(&self) -> StoreContext<'_, T> {
        self.store.as_context()
    }
}

impl<T: 'static> AsContextMut for Caller<'_, T> {
    fn as_context_mut(&mut self) -> StoreContextMut<'_, T> {
        self.store.as_context_mut()
    }
}

impl<C: AsContext> AsContext for &C {
    type Data = C::Data;

    fn as_context(&self) -> StoreContext<'_, C::Data> {
        C::as_context(self)
    }
}

impl<C: AsContext> AsContext for &mut C {
    type Data = C::Data;

    fn as_context(&self) -> StoreContext<'_, C::Data> {
        C::as_context(self)
    }
}

impl<C: AsContextMut> AsContextMut for &mut C {
    #[inline]
    fn as_context_mut(&mut self) -> StoreContextMut<'_, C::Data> {
        C::as_context_mut(self)
    }
}

impl<'a, C: AsContext> From<&'a C> for StoreContext<'a, C::Data> {
    fn from(context: &'a C) -> Self {
        context.as_context()
    }
}

impl<'a, C: AsContext> From<&'a mut C> for StoreContext<'a, C::Data> {
    fn from(context: &'a mut C) -> Self {
        C::as_context(context)
    }
}

impl<'a, C: AsContextMut> From<&'a mut C> for StoreContextMut<'a, C::Data> {
    fn from(context: &'a mut C) -> Self {
        context.as_context_mut()
    }
}
