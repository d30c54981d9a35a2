//! Types as users see them: functions spelt out, imports and exports with their names.

use super::engine::Engine;
use core::fmt;
use tiercel_wasm::module::EntityType;
use tiercel_wasm::{FuncType as WasmFuncType, GlobalType, MemoryType, TableType, ValType};

/// Parameters and results of a function.
#[derive(Clone, PartialEq, Eq)]
pub struct FuncType(WasmFuncType);

impl FuncType {
    /// A function type. The engine is the one whose functions will have it.
    pub fn new(
        _engine: &Engine,
        params: impl IntoIterator<Item = ValType>,
        results: impl IntoIterator<Item = ValType>,
    ) -> Self {
        FuncType(WasmFuncType::new(params, results))
    }

    /// The parameters' types.
    pub fn params(&self) -> impl ExactSizeIterator<Item = ValType> + '_ {
        self.0.params().iter().copied()
    }

    /// The results' types.
    pub fn results(&self) -> impl ExactSizeIterator<Item = ValType> + '_ {
        self.0.results().iter().copied()
    }

    /// The type of parameter `index`.
    pub fn param(&self, index: usize) -> Option<ValType> {
        self.0.params().get(index).copied()
    }

    /// The type of result `index`.
    pub fn result(&self, index: usize) -> Option<ValType> {
        self.0.results().get(index).copied()
    }

    pub(crate) fn as_wasm(&self) -> &WasmFuncType {
        &self.0
    }
}

impl From<WasmFuncType> for FuncType {
    fn from(ty: WasmFuncType) -> Self {
        FuncType(ty)
    }
}

impl fmt::Display for FuncType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for FuncType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The type of anything that is imported or exported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExternType {
    /// A function.
    Func(FuncType),
    /// A global.
    Global(GlobalType),
    /// A table.
    Table(TableType),
    /// A linear memory.
    Memory(MemoryType),
}

macro_rules! extern_type_accessors {
    ($($variant:ident $ty:ident $get:ident $unwrap:ident $word:literal;)*) => {
        impl ExternType {
            $(
                #[doc = concat!("The type, if it is that of a ", $word, ".")]
                pub fn $get(&self) -> Option<&$ty> {
                    match self { ExternType::$variant(ty) => Some(ty), _ => None }
                }

                #[doc = concat!("The type of a ", $word, ".\n\n# Panics\nIf it is another type.")]
                pub fn $unwrap(&self) -> &$ty {
                    self.$get().expect(concat!("the type of a ", $word))
                }
            )*
        }

        $(impl From<$ty> for ExternType {
            fn from(ty: $ty) -> Self {
                ExternType::$variant(ty)
            }
        })*
    };
}

extern_type_accessors! {
    Func FuncType func unwrap_func "function";
    Global GlobalType global unwrap_global "global";
    Table TableType table unwrap_table "table";
    Memory MemoryType memory unwrap_memory "memory";
}

impl ExternType {
    pub(crate) fn new(engine: &Engine, ty: &EntityType) -> Self {
        match *ty {
            EntityType::Func(id) => ExternType::Func(engine.func_type(id)),
            EntityType::Table(ty) => ExternType::Table(ty),
            EntityType::Memory(ty) => ExternType::Memory(ty),
            EntityType::Global(ty) => ExternType::Global(ty),
        }
    }
}

impl fmt::Display for ExternType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ExternType::Func(ty) => write!(f, "function {ty}"),
            ExternType::Global(ty) => write!(f, "global {ty}"),
            ExternType::Table(ty) => ty.fmt(f),
            ExternType::Memory(ty) => ty.fmt(f),
        }
    }
}

/// What a module asks for.
#[derive(Clone, Debug)]
pub struct ImportType<'module> {
    pub(crate) module: &'module str,
    pub(crate) name: &'module str,
    pub(crate) ty: ExternType,
}

impl<'module> ImportType<'module> {
    /// The first name.
    pub fn module(&self) -> &'module str {
        self.module
    }

    /// The second name.
    pub fn name(&self) -> &'module str {
        self.name
    }

    /// Its type.
    pub fn ty(&self) -> ExternType {
        self.ty.clone()
    }
}

/// What a module offers.
#[derive(Clone, Debug)]
pub struct ExportType<'module> {
    pub(crate) name: &'module str,
    pub(crate) ty: ExternType,
}

impl<'module> ExportType<'module> {
    /// The name.
    pub fn name(&self) -> &'module str {
        self.name
    }

    /// Its type.
    pub fn ty(&self) -> ExternType {
        self.ty.clone()
    }
}
