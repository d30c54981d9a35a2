//! What is imported and exported.

use super::context::AsContext;
use super::func::Func;
use super::global::Global;
use super::memory::Memory;
use super::store::StoreInner;
use super::table::Table;
use super::types::ExternType;
use crate::vm;
use tiercel_wasm::module::EntityType;

/// Anything that can be imported or exported.
#[derive(Clone, Copy, Debug)]
pub enum Extern {
    /// A function.
    Func(Func),
    /// A global.
    Global(Global),
    /// A table.
    Table(Table),
    /// A linear memory.
    Memory(Memory),
}

macro_rules! extern_accessors {
    ($($variant:ident $get:ident $word:literal;)*) => {
        impl Extern {
            $(
                #[doc = concat!("The ", $word, ", if it is one.")]
                pub fn $get(self) -> Option<$variant> {
                    match self { Extern::$variant(it) => Some(it), _ => None }
                }
            )*
        }

        $(impl From<$variant> for Extern {
            fn from(it: $variant) -> Self {
                Extern::$variant(it)
            }
        })*
    };
}

extern_accessors! {
    Func into_func "function";
    Global into_global "global";
    Table into_table "table";
    Memory into_memory "linear memory";
}

impl Extern {
    /// The type. Minimal sizes of memories and tables are their current sizes.
    ///
    /// # Panics
    /// It belongs to another store.
    pub fn ty(&self, store: impl AsContext) -> ExternType {
        let store = &store.as_context().0.inner;
        ExternType::new(&store.engine, &self.entity_type(store))
    }

    /// The type, for import matching.
    ///
    /// # Panics
    /// It belongs to another store.
    pub(crate) fn entity_type(&self, store: &StoreInner) -> EntityType {
        match self {
            Extern::Func(func) => {
                store.check(func.store_id(), "function");
                EntityType::Func(func.type_id())
            }
            Extern::Global(global) => EntityType::Global(global.ty_in(store)),
            Extern::Table(table) => EntityType::Table(table.current_type(store)),
            Extern::Memory(memory) => EntityType::Memory(memory.current_type(store)),
        }
    }

    pub(crate) fn comes_from(&self, store: &StoreInner) -> bool {
        match self {
            Extern::Func(func) => func.comes_from(store),
            Extern::Global(global) => global.comes_from(store),
            Extern::Table(table) => table.comes_from(store),
            Extern::Memory(memory) => memory.comes_from(store),
        }
    }

    /// What an instance gets for it.
    pub(crate) fn to_import(self) -> vm::instance::Import {
        match self {
            Extern::Func(func) => vm::instance::Import::Func(func.func_ref()),
            Extern::Global(global) => vm::instance::Import::Global(global.raw()),
            Extern::Table(table) => vm::instance::Import::Table(table.raw()),
            Extern::Memory(memory) => vm::instance::Import::Memory(memory.raw()),
        }
    }
}

/// An export of an instance, with its name.
#[derive(Clone, Debug)]
pub struct Export<'instance> {
    pub(crate) name: &'instance str,
    pub(crate) definition: Extern,
}

impl<'instance> Export<'instance> {
    /// The name.
    pub fn name(&self) -> &'instance str {
        self.name
    }

    /// The type.
    ///
    /// # Panics
    /// It belongs to another store.
    pub fn ty(&self, store: impl AsContext) -> ExternType {
        self.definition.ty(store)
    }

    /// What is exported.
    pub fn into_extern(self) -> Extern {
        self.definition
    }

    /// The function, if it is one.
    pub fn into_func(self) -> Option<Func> {
        self.definition.into_func()
    }

    /// The global, if it is one.
    pub fn into_global(self) -> Option<Global> {
        self.definition.into_global()
    }

    /// The table, if it is one.
    pub fn into_table(self) -> Option<Table> {
        self.definition.into_table()
    }

    /// The linear memory, if it is one.
    pub fn into_memory(self) -> Option<Memory> {
        self.definition.into_memory()
    }
}
