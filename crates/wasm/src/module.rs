//! What a module declares, in the terms of its engine: every concrete type is already a [`TypeId`].
//!
//! Index spaces start with the imports, as in the specification. Byte ranges refer to the module's own bytes, which the
//! owner of a `ModuleInfo` keeps.

use crate::composite::TypeDef;
use crate::types::{FuncType, GlobalType, MemoryType, RefType, TableType, TypeId, ValType};
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

/// Everything outside the function bodies.
#[derive(Debug, Default)]
pub struct ModuleInfo {
    /// The identity of each type of the type section.
    pub types: Vec<TypeId>,
    /// What each type of the type section is.
    pub type_defs: Vec<TypeDef>,
    /// The function type of each type of the type section; empty for one that is no function.
    pub func_types: Vec<FuncType>,
    /// The imports, in order.
    pub imports: Vec<Import>,
    /// The type of each function, as an index into [`ModuleInfo::types`].
    pub funcs: Vec<u32>,
    /// The tables.
    pub tables: Vec<TableType>,
    /// The memories.
    pub memories: Vec<MemoryType>,
    /// The globals.
    pub globals: Vec<GlobalType>,
    /// How many of each index space are imported.
    pub imported: Imported,
    /// The first value of every element of each table that is not imported; `None` is null.
    pub table_inits: Vec<Option<ConstExpr>>,
    /// The first value of each global that is not imported.
    pub global_inits: Vec<ConstExpr>,
    /// The exports, in order. Names are unique.
    pub exports: Vec<Export>,
    /// The function to run at instantiation.
    pub start: Option<u32>,
    /// The element segments.
    pub elements: Vec<ElementSegment>,
    /// The data segments.
    pub data: Vec<DataSegment>,
    /// The body of each function that is not imported: locals and code, without the size in front.
    pub bodies: Vec<Range<u32>>,
    /// Functions whose reference can be taken (exported, in a segment, the start function or a global's value), ascending.
    /// No other function can leave the module.
    pub escaping: Vec<u32>,
    /// Which way branches mostly go, as the custom section `metadata.code.branch_hint` says, ascending by offset (proposal `branch-hinting`).
    pub branch_hints: Vec<BranchHint>,
    /// Custom sections: name and contents.
    pub custom: Vec<(String, Range<u32>)>,
}

/// A hint about an `if` or `br_if`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BranchHint {
    /// Where the operator is in the module, in bytes.
    pub offset: u32,
    /// Whether its condition mostly holds.
    pub taken: bool,
}

/// Counts of imports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// Imported functions.
    pub funcs: u32,
    /// Imported tables.
    pub tables: u32,
    /// Imported memories.
    pub memories: u32,
    /// Imported globals.
    pub globals: u32,
}

/// What a module asks for.
#[derive(Clone, Debug)]
pub struct Import {
    /// The first name.
    pub module: String,
    /// The second name.
    pub name: String,
    /// Its type.
    pub ty: EntityType,
}

/// What a module offers.
#[derive(Clone, Debug)]
pub struct Export {
    /// The name.
    pub name: String,
    /// What it is.
    pub entity: Entity,
}

/// One thing in an index space of a module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entity {
    /// A function.
    Func(u32),
    /// A table.
    Table(u32),
    /// A linear memory.
    Memory(u32),
    /// A global.
    Global(u32),
}

/// The type of an [`Entity`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntityType {
    /// A function.
    Func(TypeId),
    /// A table.
    Table(TableType),
    /// A linear memory.
    Memory(MemoryType),
    /// A global.
    Global(GlobalType),
}

impl EntityType {
    /// The word for it in messages.
    pub const fn kind(&self) -> &'static str {
        match self {
            EntityType::Func(_) => "function",
            EntityType::Table(_) => "table",
            EntityType::Memory(_) => "memory",
            EntityType::Global(_) => "global",
        }
    }
}

/// Where a segment goes.
#[derive(Clone, Debug)]
pub enum SegmentMode {
    /// Nowhere until an instruction asks.
    Passive,
    /// Into table or memory `index` at instantiation.
    Active {
        /// The table or memory.
        index: u32,
        /// The first element or byte.
        offset: ConstExpr,
    },
    /// Nowhere: it only declares that references to its functions are taken.
    Declared,
}

/// References for tables.
#[derive(Clone, Debug)]
pub struct ElementSegment {
    /// Where it goes.
    pub mode: SegmentMode,
    /// The type of its elements.
    pub ty: RefType,
    /// The elements.
    pub items: ElementItems,
}

/// The elements of a segment.
#[derive(Clone, Debug)]
pub enum ElementItems {
    /// References to these functions.
    Funcs(Vec<u32>),
    /// The values of these expressions.
    Exprs(Vec<ConstExpr>),
}

impl ElementItems {
    /// How many elements there are.
    pub fn len(&self) -> usize {
        match self {
            ElementItems::Funcs(funcs) => funcs.len(),
            ElementItems::Exprs(exprs) => exprs.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Bytes for memories.
#[derive(Clone, Debug)]
pub struct DataSegment {
    /// Where it goes.
    pub mode: SegmentMode,
    /// The bytes, in the module.
    pub range: Range<u32>,
}

/// A constant expression, in postfix order.
#[derive(Clone, Debug, PartialEq)]
pub struct ConstExpr(pub Vec<ConstOp>);

/// An instruction that a constant expression may hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ConstOp {
    /// Pushes the bits of a constant of this type (`i32`, `f32`: the low 32).
    Const(ValType, u128),
    /// Pushes the value of a global.
    GlobalGet(u32),
    /// Pushes the null reference.
    RefNull,
    /// Pushes a reference to a function.
    RefFunc(u32),
    /// Pops two, pushes the sum.
    I32Add,
    /// Pops two, pushes the difference.
    I32Sub,
    /// Pops two, pushes the product.
    I32Mul,
    /// Pops two, pushes the sum.
    I64Add,
    /// Pops two, pushes the difference.
    I64Sub,
    /// Pops two, pushes the product.
    I64Mul,
    /// Pops an `i32`, pushes it as an `i31`.
    RefI31,
    /// Pops the fields of a struct of this type, pushes the struct.
    StructNew(u32),
    /// Pushes a struct of this type, all zero.
    StructNewDefault(u32),
    /// Pops an element and a length, pushes an array of this type.
    ArrayNew(u32),
    /// Pops a length, pushes an array of this type, all zero.
    ArrayNewDefault(u32),
    /// Pops so many elements, pushes an array of this type.
    ArrayNewFixed(u32, u32),
}

impl ModuleInfo {
    /// Adds a type to the type section.
    pub(crate) fn declare(&mut self, id: TypeId, def: &TypeDef) {
        self.types.push(id);
        self.func_types.push(def.func().cloned().unwrap_or_else(|| FuncType::new([], [])));
        self.type_defs.push(def.clone());
    }

    /// The body's index of a function, if it is not imported.
    pub fn defined_func(&self, func: u32) -> Option<usize> {
        func.checked_sub(self.imported.funcs).map(|i| i as usize)
    }

    /// The size of all bodies together.
    pub fn bodies_bytes(&self) -> usize {
        self.bodies.iter().map(ExactSizeIterator::len).sum()
    }

    /// The identity of a function's type.
    pub fn func_type_id(&self, func: u32) -> TypeId {
        self.types[self.funcs[func as usize] as usize]
    }

    /// The parameters and results of a function.
    pub fn func_type(&self, func: u32) -> &FuncType {
        &self.func_types[self.funcs[func as usize] as usize]
    }

    /// The type of anything in an index space.
    pub fn entity_type(&self, entity: Entity) -> EntityType {
        match entity {
            Entity::Func(i) => EntityType::Func(self.func_type_id(i)),
            Entity::Table(i) => EntityType::Table(self.tables[i as usize]),
            Entity::Memory(i) => EntityType::Memory(self.memories[i as usize]),
            Entity::Global(i) => EntityType::Global(self.globals[i as usize]),
        }
    }

    /// What is exported under `name`.
    pub fn export(&self, name: &str) -> Option<Entity> {
        self.exports.iter().find(|export| export.name == name).map(|export| export.entity)
    }

    /// Whether the condition of the `if` or `br_if` at this place in the module mostly holds, if there is a hint about it.
    pub fn branch_hint(&self, offset: u32) -> Option<bool> {
        let found = self.branch_hints.binary_search_by_key(&offset, |hint| hint.offset).ok()?;
        Some(self.branch_hints[found].taken)
    }

    /// The contents of the first custom section called `name`, as a range of the module's bytes.
    pub fn custom_section(&self, name: &str) -> Option<Range<usize>> {
        let (_, range) = self.custom.iter().find(|(n, _)| n == name)?;
        Some(range.start as usize..range.end as usize)
    }
}
