//! What a host function sees of its caller.

use super::context::StoreContextMut;
use super::engine::Engine;
use super::error::Result;
use super::externs::Extern;
use super::instance::Instance;
use super::module::ModuleExport;
use super::store::StoreData;
use crate::vm::VmCtx;
use crate::vm::host_func::calling_instance;

/// The store during a call of a host function, with the instance that called.
pub struct Caller<'a, T: 'static> {
    pub(crate) store: StoreContextMut<'a, T>,
    /// Null if the host called.
    caller: *mut VmCtx,
}

impl<'a, T: 'static> Caller<'a, T> {
    /// # Safety
    /// `caller` is null or the vmctx of an instance of `store`.
    #[inline]
    pub(crate) unsafe fn new(store: &'a mut StoreData<T>, caller: *mut VmCtx) -> Self {
        Caller { store: StoreContextMut(store), caller }
    }

    fn instance(&self) -> Option<Instance> {
        // SAFETY: `caller` is null or the vmctx of an instance of the store, see `new`.
        unsafe { Some(Instance::from_raw(&self.store.0.inner, calling_instance(self.caller)?)) }
    }

    /// What the calling instance exports under `name`; nothing if the host itself called.
    pub fn get_export(&mut self, name: &str) -> Option<Extern> {
        self.instance()?.get_export(&mut self.store, name)
    }

    /// As [`Caller::get_export`], for an export that was looked up in the module.
    pub fn get_module_export(&mut self, export: &ModuleExport) -> Option<Extern> {
        self.instance()?.get_module_export(&mut self.store, export)
    }

    /// The host's own data in the store.
    pub fn data(&self) -> &T {
        self.store.data()
    }

    /// The host's own data in the store, to change.
    pub fn data_mut(&mut self) -> &mut T {
        self.store.data_mut()
    }

    /// As [`Store::gc`](crate::Store::gc).
    pub fn gc(&mut self) {
        self.store.gc();
    }

    /// The engine of the store.
    pub fn engine(&self) -> &Engine {
        self.store.engine()
    }

    /// As [`Store::get_fuel`](crate::Store::get_fuel).
    ///
    /// # Errors
    /// Fuel is not enabled.
    pub fn get_fuel(&self) -> Result<u64> {
        self.store.get_fuel()
    }

    /// As [`Store::set_fuel`](crate::Store::set_fuel).
    ///
    /// # Errors
    /// Fuel is not enabled.
    pub fn set_fuel(&mut self, fuel: u64) -> Result<()> {
        self.store.set_fuel(fuel)
    }
}
