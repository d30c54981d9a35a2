//! Imports by name.

use super::caller::Caller;
use super::context::{AsContext, AsContextMut, StoreContextMut};
use super::engine::Engine;
use super::error::{Error, Result};
use super::externs::Extern;
use super::func::{Func, IntoFunc, untyped_host_func};
use super::global::Global;
use super::instance::Instance;
use super::matching;
use super::memory::Memory;
use super::module::Module;
use super::store::StoreInner;
use super::table::Table;
use super::types::{ExternType, FuncType, ImportType};
use super::values::{Ref, Val};
use crate::vm;
use crate::vm::host_func::HostFuncDef;
use crate::{bail, format_err};
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::marker::PhantomData;
use tiercel_wasm::module::{EntityType, Import};

/// Definitions by two names, from which modules get their imports.
///
/// Host functions in it belong to no store and serve any number of them; everything else belongs to the store it was defined
/// with.
pub struct Linker<T> {
    engine: Engine,
    /// Numbers of the names that have been used.
    names: BTreeMap<Arc<str>, u32>,
    definitions: BTreeMap<(u32, u32), Definition>,
    allow_shadowing: bool,
    data: PhantomData<fn() -> T>,
}

/// What a name stands for.
#[derive(Clone)]
enum Definition {
    /// A host function, with stores of host data `T`.
    HostFunc(Arc<HostFuncDef>),
    /// Something of a store, and its type at the time of definition.
    Extern(Extern, EntityType),
}

/// A module whose imports have been found and checked; see [`Linker::instantiate_pre`].
pub struct InstancePre<T> {
    module: Module,
    definitions: Arc<[Definition]>,
    data: PhantomData<fn() -> T>,
}

impl Definition {
    /// The definition as something of `store`.
    ///
    /// # Panics
    /// It belongs to another store.
    fn to_extern(&self, store: &mut StoreInner) -> Extern {
        match self {
            Definition::HostFunc(def) => Func::from_def(store, def).into(),
            Definition::Extern(item, _) => {
                assert!(item.comes_from(store), "definition used with the wrong store: it belongs to another one");
                *item
            }
        }
    }

    /// The type. With the store at hand memories and tables have their current sizes, otherwise those of the definition; they
    /// never shrink.
    fn entity_type(&self, store: Option<&StoreInner>) -> EntityType {
        match (self, store) {
            (Definition::HostFunc(def), _) => EntityType::Func(def.type_id()),
            (Definition::Extern(item, _), Some(store)) if item.comes_from(store) => item.entity_type(store),
            (Definition::Extern(_, ty), _) => *ty,
        }
    }
}

impl<T> Clone for Linker<T> {
    fn clone(&self) -> Self {
        Linker {
            engine: self.engine.clone(),
            names: self.names.clone(),
            definitions: self.definitions.clone(),
            allow_shadowing: self.allow_shadowing,
            data: PhantomData,
        }
    }
}

impl<T> Clone for InstancePre<T> {
    fn clone(&self) -> Self {
        InstancePre { module: self.module.clone(), definitions: self.definitions.clone(), data: PhantomData }
    }
}

impl<T: 'static> Linker<T> {
    /// An empty linker.
    pub fn new(engine: &Engine) -> Linker<T> {
        let (names, definitions) = Default::default();
        Linker { engine: engine.clone(), names, definitions, allow_shadowing: false, data: PhantomData }
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Whether a name may be defined again (default: no).
    pub fn allow_shadowing(&mut self, allow: bool) -> &mut Self {
        self.allow_shadowing = allow;
        self
    }

    /// Defines something of a store.
    ///
    /// # Errors
    /// The name is already defined.
    ///
    /// # Panics
    /// The item belongs to another store.
    pub fn define(
        &mut self,
        store: impl AsContext<Data = T>,
        module: &str,
        name: &str,
        item: impl Into<Extern>,
    ) -> Result<&mut Self> {
        let item = item.into();
        let ty = item.entity_type(&store.as_context().0.inner);
        self.insert(module, name, Definition::Extern(item, ty))
    }

    /// Defines something of a store under one name, for modules that import by one name: the second is empty.
    ///
    /// # Errors
    /// The name is already defined.
    ///
    /// # Panics
    /// The item belongs to another store.
    pub fn define_name(
        &mut self,
        store: impl AsContext<Data = T>,
        name: &str,
        item: impl Into<Extern>,
    ) -> Result<&mut Self> {
        self.define(store, name, "", item)
    }

    /// Defines a host function whose type is known at run time only; as [`Func::new`].
    ///
    /// # Errors
    /// The name is already defined.
    pub fn func_new(
        &mut self,
        module: &str,
        name: &str,
        ty: FuncType,
        func: impl Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<()> + Send + Sync + 'static,
    ) -> Result<&mut Self> {
        let def = untyped_host_func(&self.engine, ty, func);
        self.insert(module, name, Definition::HostFunc(Arc::new(def)))
    }

    /// Defines a host function from a closure; as [`Func::wrap`].
    ///
    /// # Errors
    /// The name is already defined.
    pub fn func_wrap<Params, Results>(
        &mut self,
        module: &str,
        name: &str,
        func: impl IntoFunc<T, Params, Results>,
    ) -> Result<&mut Self> {
        let def = func.into_host_func(&self.engine);
        self.insert(module, name, Definition::HostFunc(Arc::new(def)))
    }

    /// Defines all exports of an instance.
    ///
    /// # Errors
    /// A name is already defined.
    ///
    /// # Panics
    /// The instance belongs to another store.
    pub fn instance(
        &mut self,
        mut store: impl AsContextMut<Data = T>,
        module_name: &str,
        instance: Instance,
    ) -> Result<&mut Self> {
        let mut store = store.as_context_mut();
        let exports: Vec<_> =
            instance.exports(&mut store).map(|export| (Box::from(export.name), export.definition)).collect();
        for (name, item) in exports {
            let name: Box<str> = name;
            self.define(&store, module_name, &name, item)?;
        }
        Ok(self)
    }

    /// Instantiates a module and defines its exports. A *reactor* is instantiated once, and its `_initialize` is called. A
    /// *command*, which exports `_start`, is instantiated anew for every call of one of its functions.
    ///
    /// # Errors
    /// An import does not fit, instantiation fails, or a name is already defined.
    ///
    /// # Panics
    /// A definition belongs to another store, or a host function panicked.
    pub fn module(
        &mut self,
        mut store: impl AsContextMut<Data = T>,
        module_name: &str,
        module: &Module,
    ) -> Result<&mut Self> {
        if matches!(module.get_export("_start"), Some(ExternType::Func(_))) {
            return self.command(store, module_name, module);
        }
        let mut store = store.as_context_mut();
        let instance = self.instantiate(&mut store, module)?;
        if let Some(initialize) = instance.get_func(&mut store, "_initialize") {
            initialize.typed::<(), ()>(&store)?.call(&mut store, ())?;
        }
        self.instance(store, module_name, instance)
    }

    fn command(
        &mut self,
        mut store: impl AsContextMut<Data = T>,
        module_name: &str,
        module: &Module,
    ) -> Result<&mut Self> {
        let pre = self.pre(module, Some(&store.as_context_mut().0.inner))?;
        for export in module.exports() {
            let ExternType::Func(ty) = export.ty() else { continue };
            let (pre, name) = (pre.clone(), Box::<str>::from(export.name()));
            self.func_new(module_name, export.name(), ty, move |mut caller, params, results| {
                let instance = pre.instantiate(&mut caller)?;
                let func = instance.get_func(&mut caller, &name);
                let func = func.ok_or_else(|| format_err!("failed to find function export `{name}`"))?;
                func.call(caller, params, results)
            })?;
        }
        Ok(self)
    }

    /// Defines `as_module::as_name` to be what `module::name` is now.
    ///
    /// # Errors
    /// The old name is not defined, or the new one is.
    pub fn alias(&mut self, module: &str, name: &str, as_module: &str, as_name: &str) -> Result<&mut Self> {
        let Some(definition) = self.find(module, name).cloned() else {
            bail!("`{module}::{name}` is not defined, so that `{as_module}::{as_name}` cannot be an alias of it");
        };
        self.insert(as_module, as_name, definition)
    }

    /// Defines every name of module `module` also in module `as_module`.
    ///
    /// # Errors
    /// A new name is already defined.
    pub fn alias_module(&mut self, module: &str, as_module: &str) -> Result<()> {
        let Some(&module) = self.names.get(module) else { return Ok(()) };
        let range = self.definitions.range((module, 0)..=(module, u32::MAX));
        let found: Vec<_> = range.map(|(&(_, name), definition)| (name, definition.clone())).collect();
        let as_module = self.name_number(as_module);
        for (name, definition) in found {
            self.insert_at((as_module, name), definition)?;
        }
        Ok(())
    }

    /// Defines every function that `module` imports and nobody has defined; calling it stops the guest.
    ///
    /// # Errors
    /// An import that is not a function is missing.
    pub fn define_unknown_imports_as_traps(&mut self, module: &Module) -> Result<()> {
        for import in &module.0.info.imports {
            if self.find(&import.module, &import.name).is_some() {
                continue;
            }
            let ExternType::Func(ty) = ExternType::new(&self.engine, &import.ty) else {
                return Err(matching::unknown(&self.engine, import));
            };
            let message = alloc::format!("unknown import: `{}::{}` has not been defined", import.module, import.name);
            self.func_new(&import.module, &import.name, ty, move |_, _, _| Err(Error::link(message.clone())))?;
        }
        Ok(())
    }

    /// Defines everything that `module` imports and nobody has defined: functions that return zeros and nulls, globals that
    /// hold them, memories and tables of the minimal size.
    ///
    /// # Errors
    /// A type has no such value, or a limit is reached.
    pub fn define_unknown_imports_as_default_values(
        &mut self,
        mut store: impl AsContextMut<Data = T>,
        module: &Module,
    ) -> Result<()> {
        for import in &module.0.info.imports {
            if self.find(&import.module, &import.name).is_some() {
                continue;
            }
            let no_default = |ty: &dyn fmt::Display| {
                format_err!("no default for `{}::{}`: a value of type {ty} cannot be null", import.module, import.name)
            };
            let item: Extern = match ExternType::new(&self.engine, &import.ty) {
                ExternType::Func(ty) => {
                    let values = ty.results().map(|ty| Val::default_for_ty(&ty).ok_or_else(|| no_default(&ty)));
                    let values: Vec<Val> = values.collect::<Result<_>>()?;
                    self.func_new(&import.module, &import.name, ty, move |_, _, results| {
                        results.copy_from_slice(&values);
                        Ok(())
                    })?;
                    continue;
                }
                ExternType::Global(ty) => {
                    let value = Val::default_for_ty(&ty.content).ok_or_else(|| no_default(&ty.content))?;
                    Global::new(store.as_context_mut(), ty, value)?.into()
                }
                ExternType::Table(ty) if ty.element.nullable => {
                    Table::new(store.as_context_mut(), ty, Ref::null(&ty.element.heap))?.into()
                }
                ExternType::Table(ty) => return Err(no_default(&ty.element)),
                ExternType::Memory(ty) => Memory::new(store.as_context_mut(), ty)?.into(),
            };
            self.define(store.as_context(), &import.module, &import.name, item)?;
        }
        Ok(())
    }

    /// Finds a module's imports, instantiates it and runs its start function.
    ///
    /// # Errors
    /// An import is missing or does not fit, and those of [`Instance::new`].
    ///
    /// # Panics
    /// A definition belongs to another store, or a host function panicked.
    pub fn instantiate(&self, mut store: impl AsContextMut<Data = T>, module: &Module) -> Result<Instance> {
        let store = store.as_context_mut();
        self.pre(module, Some(&store.0.inner))?.instantiate(store)
    }

    /// Finds and checks a module's imports once, for any number of instantiations.
    ///
    /// # Errors
    /// An import is missing or does not fit.
    pub fn instantiate_pre(&self, module: &Module) -> Result<InstancePre<T>> {
        self.pre(module, None)
    }

    fn pre(&self, module: &Module, store: Option<&StoreInner>) -> Result<InstancePre<T>> {
        if !Engine::same(&self.engine, module.engine()) {
            return Err(Error::link("the module was made for another engine than the linker".into()));
        }
        let resolve = |import: &Import| {
            let definition = self.find(&import.module, &import.name);
            let definition = definition.ok_or_else(|| matching::unknown(&self.engine, import))?;
            matching::check(&self.engine, import, &definition.entity_type(store))?;
            Ok(definition.clone())
        };
        let definitions = module.0.info.imports.iter().map(resolve).collect::<Result<_>>()?;
        Ok(InstancePre { module: module.clone(), definitions, data: PhantomData })
    }

    /// What is defined under these names.
    ///
    /// # Panics
    /// It belongs to another store.
    pub fn get(&self, mut store: impl AsContextMut<Data = T>, module: &str, name: &str) -> Option<Extern> {
        Some(self.find(module, name)?.to_extern(&mut store.as_context_mut().0.inner))
    }

    /// What is defined under the names of an import.
    ///
    /// # Panics
    /// It belongs to another store.
    pub fn get_by_import(&self, store: impl AsContextMut<Data = T>, import: &ImportType<'_>) -> Option<Extern> {
        self.get(store, import.module, import.name)
    }

    /// What to call to run module `module`: its function without a name, else its `_start`, else a function that does nothing.
    ///
    /// # Errors
    /// One of those names is defined but not a function.
    ///
    /// # Panics
    /// It belongs to another store.
    pub fn get_default(&self, mut store: impl AsContextMut<Data = T>, module: &str) -> Result<Func> {
        let store = &mut store.as_context_mut().0.inner;
        for name in ["", "_start"] {
            let Some(definition) = self.find(module, name) else { continue };
            let func = definition.to_extern(store).into_func();
            return func.ok_or_else(|| format_err!("`{module}::{name}` is not a function"));
        }
        let nothing = IntoFunc::<T, (), ()>::into_host_func(|| (), &self.engine);
        Ok(Func::from_def(store, &Arc::new(nothing)))
    }

    /// Everything that is defined, in no particular order.
    ///
    /// # Panics
    /// A definition belongs to another store.
    pub fn iter<'a: 'p, 'p>(
        &'p self,
        mut store: impl AsContextMut<Data = T> + 'a,
    ) -> impl Iterator<Item = (&'p str, &'p str, Extern)> + 'p {
        let mut names: Vec<&str> = alloc::vec![""; self.names.len()];
        for (name, &number) in &self.names {
            names[number as usize] = name;
        }
        self.definitions.iter().map(move |(&(module, name), definition)| {
            let item = definition.to_extern(&mut store.as_context_mut().0.inner);
            (names[module as usize], names[name as usize], item)
        })
    }

    fn find(&self, module: &str, name: &str) -> Option<&Definition> {
        let key = (*self.names.get(module)?, *self.names.get(name)?);
        self.definitions.get(&key)
    }

    fn name_number(&mut self, name: &str) -> u32 {
        if let Some(&number) = self.names.get(name) {
            return number;
        }
        let number = self.names.len() as u32;
        self.names.insert(name.into(), number);
        number
    }

    fn insert(&mut self, module: &str, name: &str, definition: Definition) -> Result<&mut Self> {
        let key = (self.name_number(module), self.name_number(name));
        self.insert_at(key, definition)
    }

    fn insert_at(&mut self, key: (u32, u32), definition: Definition) -> Result<&mut Self> {
        if !self.allow_shadowing && self.definitions.contains_key(&key) {
            let name = |number| self.names.iter().find(|(_, n)| **n == number).map_or("", |(name, _)| name);
            let (module, name) = (name(key.0), name(key.1));
            return Err(Error::link(alloc::format!(
                "import of `{module}::{name}` defined twice; `allow_shadowing` would let the later definition win"
            )));
        }
        self.definitions.insert(key, definition);
        Ok(self)
    }
}

impl<T: 'static> InstancePre<T> {
    /// The module.
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// Instantiates the module and runs its start function.
    ///
    /// # Errors
    /// Those of [`Instance::new`], but for imports.
    ///
    /// # Panics
    /// A definition belongs to another store, or a host function panicked.
    pub fn instantiate(&self, mut store: impl AsContextMut<Data = T>) -> Result<Instance> {
        let mut store: StoreContextMut<'_, T> = store.as_context_mut();
        if !Engine::same(self.module.engine(), store.engine()) {
            return Err(Error::link("the module was made for another engine than the store".into()));
        }
        let inner = store.inner_ptr();
        let imports = self.definitions.iter().map(|definition| {
            // SAFETY: nobody else uses the store while an import is placed.
            let inner = unsafe { &mut *inner.as_ptr() };
            definition.to_extern(inner).to_import()
        });
        let imports: Vec<vm::instance::Import> = imports.collect();
        // SAFETY: the imports are of this store (`to_extern`) and fit the module's (`Linker::pre`).
        unsafe { Instance::from_imports(store, &self.module, imports.into_iter()) }
    }
}

impl<T> fmt::Debug for Linker<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Linker").field("definitions", &self.definitions.len()).finish_non_exhaustive()
    }
}
