//! Modules at work.

use super::context::{AsContext, AsContextMut, StoreContextMut};
use super::error::{Error, Result};
use super::externs::{Export, Extern};
use super::func::Func;
use super::global::Global;
use super::matching;
use super::memory::Memory;
use super::module::{Module, ModuleExport};
use super::store::{StoreId, StoreInner};
use super::table::Table;
use super::typed::{TypedFunc, WasmParams, WasmResults};
use crate::{ensure, format_err, vm};
use alloc::sync::Arc;
use core::fmt;
use core::ptr::NonNull;
use tiercel_wasm::module::Entity;

/// A module at work in a store. A handle: cheap to copy, valid with its store only.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Instance {
    store: StoreId,
    /// Lives as long as the store.
    instance: NonNull<vm::Instance>,
}

// SAFETY: a handle is an address that is only followed with its store at hand.
unsafe impl Send for Instance {}
// SAFETY: as above.
unsafe impl Sync for Instance {}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Instance({:p})", self.instance)
    }
}

impl Instance {
    /// Instantiates a module with imports in the order of [`Module::imports`], and runs its start function.
    ///
    /// # Errors
    /// An import does not fit, a limit is reached, a segment does not fit, or the start function was stopped. What had been
    /// written to imported memories and tables by then stays.
    ///
    /// # Panics
    /// A host function that the start function called panicked.
    pub fn new(mut store: impl AsContextMut, module: &Module, imports: &[Extern]) -> Result<Instance> {
        let store = store.as_context_mut();
        let info = &module.0.info;
        let (expected, given) = (info.imports.len(), imports.len());
        ensure!(expected == given, "the module has {expected} imports, {given} were given");
        for (import, given) in info.imports.iter().zip(imports) {
            let inner = &store.0.inner;
            ensure!(
                given.comes_from(inner),
                "what is given for `{}::{}` belongs to another store",
                import.module,
                import.name
            );
            matching::check(&inner.engine, import, &given.entity_type(inner))?;
        }
        // SAFETY: every import was checked.
        unsafe { Instance::from_imports(store, module, imports.iter().map(|import| import.to_import())) }
    }

    /// Instantiates a module and runs its start function.
    ///
    /// # Safety
    /// The imports are of the store and fit the module's.
    pub(crate) unsafe fn from_imports<T: 'static>(
        mut store: StoreContextMut<'_, T>,
        module: &Module,
        imports: impl Iterator<Item = vm::instance::Import>,
    ) -> Result<Instance> {
        if !super::engine::Engine::same(module.engine(), store.engine()) {
            return Err(Error::link("the module was made for another engine than the store".into()));
        }
        #[cfg(native)]
        if module.engine().native().is_some_and(|native| native.is_foreign) {
            return Err(Error::unsupported(
                "the engine compiles for another CPU than this one, which cannot run the code",
            ));
        }
        let inner = store.inner_ptr();
        // SAFETY: the imports are promised by the caller; the store's borrow is not used meanwhile. The start function has no
        // parameters and no results.
        unsafe {
            let instance = vm::Instance::new(inner, &module.0, imports)?;
            if let Some(start) = module.0.info.start {
                StoreInner::call(inner, instance.as_ref().func(start), NonNull::dangling().as_ptr())?;
            }
            Ok(Instance::from_raw(inner.as_ref(), instance))
        }
    }

    /// # Safety
    /// `instance` belongs to `store`.
    pub(crate) unsafe fn from_raw(store: &StoreInner, instance: NonNull<vm::Instance>) -> Instance {
        Instance { store: store.id, instance }
    }

    pub(super) fn get<'a>(&self, store: &'a StoreInner) -> &'a vm::Instance {
        store.check(self.store, "instance");
        // SAFETY: the instance is of this store, whose borrow keeps guests from running.
        unsafe { self.instance.as_ref() }
    }

    fn export_in(&self, store: &StoreInner, entity: Entity) -> Extern {
        let instance = self.get(store);
        let info = &instance.module().info;
        // SAFETY: whatever an instance's vmctx points at belongs to its store.
        unsafe {
            match entity {
                Entity::Func(index) => Func::from_raw(store, instance.func(index)).into(),
                Entity::Table(index) => Table::from_raw(store, instance.table(index)).into(),
                Entity::Memory(index) => Memory::from_raw(store, instance.memory(index)).into(),
                Entity::Global(index) => {
                    Global::from_raw(store, instance.global(index), info.globals[index as usize]).into()
                }
            }
        }
    }

    /// The module.
    ///
    /// # Panics
    /// The instance belongs to another store.
    pub fn module(&self, store: impl AsContext) -> Module {
        Module(self.get(&store.as_context().0.inner).module().clone())
    }

    /// The exports, in the module's order.
    ///
    /// # Panics
    /// The instance belongs to another store.
    pub fn exports<'a, T: 'static>(
        &self,
        store: impl Into<StoreContextMut<'a, T>>,
    ) -> impl ExactSizeIterator<Item = Export<'a>> + 'a {
        let store: &'a StoreInner = &store.into().0.inner;
        let this = *self;
        let exports = &this.get(store).module().info.exports;
        exports
            .iter()
            .map(move |export| Export { name: &export.name, definition: this.export_in(store, export.entity) })
    }

    /// What is exported under `name`.
    ///
    /// # Panics
    /// The instance belongs to another store.
    pub fn get_export(&self, mut store: impl AsContextMut, name: &str) -> Option<Extern> {
        let store = &store.as_context_mut().0.inner;
        let entity = self.get(store).module().export(name)?;
        Some(self.export_in(store, entity))
    }

    /// An export that was looked up in the module; nothing if it was another module.
    ///
    /// # Panics
    /// The instance belongs to another store.
    pub fn get_module_export(&self, mut store: impl AsContextMut, export: &ModuleExport) -> Option<Extern> {
        let store = &store.as_context_mut().0.inner;
        if !Arc::ptr_eq(self.get(store).module(), &export.module.0) {
            return None;
        }
        Some(self.export_in(store, export.entity))
    }

    /// The function that is exported under `name`.
    ///
    /// # Panics
    /// The instance belongs to another store.
    pub fn get_func(&self, store: impl AsContextMut, name: &str) -> Option<Func> {
        self.get_export(store, name)?.into_func()
    }

    /// The function that is exported under `name`, with types that are known when the host is compiled.
    ///
    /// # Errors
    /// There is no such function, or it has other types.
    ///
    /// # Panics
    /// The instance belongs to another store.
    pub fn get_typed_func<Params: WasmParams, Results: WasmResults>(
        &self,
        mut store: impl AsContextMut,
        name: &str,
    ) -> Result<TypedFunc<Params, Results>> {
        let missing = || format_err!("failed to find function export `{name}`");
        let func = self.get_export(store.as_context_mut(), name).and_then(Extern::into_func).ok_or_else(missing)?;
        func.typed(store)
            .map_err(|error| error.context(format_err!("failed to convert function `{name}` to given type")))
    }

    /// The table that is exported under `name`.
    ///
    /// # Panics
    /// The instance belongs to another store.
    pub fn get_table(&self, store: impl AsContextMut, name: &str) -> Option<Table> {
        self.get_export(store, name)?.into_table()
    }

    /// The memory that is exported under `name`.
    ///
    /// # Panics
    /// The instance belongs to another store.
    pub fn get_memory(&self, store: impl AsContextMut, name: &str) -> Option<Memory> {
        self.get_export(store, name)?.into_memory()
    }

    /// The global that is exported under `name`.
    ///
    /// # Panics
    /// The instance belongs to another store.
    pub fn get_global(&self, store: impl AsContextMut, name: &str) -> Option<Global> {
        self.get_export(store, name)?.into_global()
    }
}
