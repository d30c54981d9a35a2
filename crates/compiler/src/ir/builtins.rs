//! The routines of the runtime that code calls, one row each: name, parameters, result, what it writes.
//!
//! Numbers of memories, tables and segments are `i32` constants and come first. Indices and lengths are `i64`, zero-extended where
//! the memory or table has 32-bit indices.

use super::alias::AliasClass;
use super::types::Type;

macro_rules! builtins {
    ($($name:ident $text:literal ($($param:ident),*) -> $result:ident writes [$($class:expr),*];)*) => {
        /// A routine of the runtime.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        #[expect(missing_docs, reason = "a routine is documented by its row and by the specification")]
        pub enum Builtin { $($name,)* }

        impl Builtin {
            /// Every routine, in the order of the table.
            pub const ALL: &[Builtin] = &[$(Builtin::$name,)*];

            /// How it is written.
            pub const fn name(self) -> &'static str {
                match self { $(Builtin::$name => $text,)* }
            }

            /// The types of its arguments.
            pub const fn params(self) -> &'static [Type] {
                match self { $(Builtin::$name => &[$(Type::$param),*],)* }
            }

            /// The type of its result.
            pub const fn result(self) -> Type {
                match self { $(Builtin::$name => Type::$result,)* }
            }

            /// The alias classes it writes.
            pub const fn writes(self) -> &'static [AliasClass] {
                match self { $(Builtin::$name => &[$($class),*],)* }
            }
        }
    };
}

builtins! {
    // memory, pages; the old size in pages, or all ones
    MemoryGrow "memory.grow" (I32, I64) -> I64 writes [AliasClass::MEMORY_SIZE];
    // memory, destination, value, length
    MemoryFill "memory.fill" (I32, I64, I32, I64) -> None writes [AliasClass::MEMORY, AliasClass::MEMORY_OTHER];
    // destination memory, source memory, destination, source, length
    MemoryCopy "memory.copy" (I32, I32, I64, I64, I64) -> None writes [AliasClass::MEMORY, AliasClass::MEMORY_OTHER];
    // memory, destination, value, length; length, or 0 and nothing is written if a byte is out of bounds
    MemoryFillAhead "memory.fill_ahead" (I32, I64, I32, I64) -> I64 writes [AliasClass::MEMORY, AliasClass::MEMORY_OTHER];
    // memory, destination, source, length; length, or 0 and nothing is written if a byte is out of bounds or would be read after it was written
    MemoryCopyAhead "memory.copy_ahead" (I32, I64, I64, I64) -> I64 writes [AliasClass::MEMORY, AliasClass::MEMORY_OTHER];
    // memory, segment, destination, source, length
    MemoryInit "memory.init" (I32, I32, I64, I64, I64) -> None writes [AliasClass::MEMORY, AliasClass::MEMORY_OTHER];
    DataDrop "data.drop" (I32) -> None writes [];
    // table, elements, value; the old length, or all ones
    TableGrow "table.grow" (I32, I64, I64) -> I64 writes [AliasClass::TABLE, AliasClass::TABLE_SIZE];
    // table, start, value, length
    TableFill "table.fill" (I32, I64, I64, I64) -> None writes [AliasClass::TABLE];
    // destination table, source table, destination, source, length
    TableCopy "table.copy" (I32, I32, I64, I64, I64) -> None writes [AliasClass::TABLE];
    // table, segment, destination, source, length
    TableInit "table.init" (I32, I32, I64, I64, I64) -> None writes [AliasClass::TABLE];
    ElemDrop "elem.drop" (I32) -> None writes [];
    // type, bytes; a struct or array of that type and so many bytes, of which only the type is written
    HeapNew "heap.new" (I32, I64) -> Ref writes [AliasClass::HEAP_SPACE];
    // the same, but what is behind the type is zero
    HeapNewZeroed "heap.new_zeroed" (I32, I64) -> Ref writes [AliasClass::HEAP_SPACE];
    // type, length; an array of zeros
    ArrayNew "array.new" (I32, I32) -> Ref writes [AliasClass::HEAP_SPACE];
    // type, segment, source, length
    ArrayNewData "array.new_data" (I32, I32, I32, I32) -> Ref writes [AliasClass::HEAP_SPACE];
    ArrayNewElem "array.new_elem" (I32, I32, I32, I32) -> Ref writes [AliasClass::HEAP_SPACE];
    // array, start, length; the value is in the store's `GC_VALUE`
    ArrayFill "array.fill" (Ref, I32, I32) -> None writes [AliasClass::ARRAY_DATA, AliasClass::ARRAY_REFS];
    // destination array, destination, source array, source, length
    ArrayCopy "array.copy" (Ref, I32, Ref, I32, I32) -> None writes [AliasClass::ARRAY_DATA, AliasClass::ARRAY_REFS];
    // segment, array, destination, source, length
    ArrayInitData "array.init_data" (I32, Ref, I32, I32, I32) -> None writes [AliasClass::ARRAY_DATA];
    ArrayInitElem "array.init_elem" (I32, Ref, I32, I32, I32) -> None writes [AliasClass::ARRAY_DATA, AliasClass::ARRAY_REFS];
    // a reference to a function, the type asked for; whether it is not null and of that type
    FuncIs "func.is" (I64, I32) -> I32 writes [];
    // a function's type, the type asked for, both as in `TypeId::as_u32`; whether the first one is a subtype of the second
    TypeExtends "type.extends" (I32, I32) -> I32 writes [];
}

impl Builtin {
    /// Whether the guest may have to be stopped after it.
    pub fn may_stop(self) -> bool {
        !matches!(
            self,
            Builtin::DataDrop
                | Builtin::ElemDrop
                | Builtin::TypeExtends
                | Builtin::FuncIs
                | Builtin::MemoryFillAhead
                | Builtin::MemoryCopyAhead
        )
    }

    /// Whether objects may have moved after it.
    pub const fn may_collect(self) -> bool {
        let mut classes = self.writes();
        while let [class, rest @ ..] = classes {
            if class.imm() == AliasClass::HEAP_SPACE.imm() {
                return true;
            }
            classes = rest;
        }
        false
    }

    /// The routine with this number.
    pub fn from_index(index: u32) -> Option<Builtin> {
        Builtin::ALL.get(index as usize).copied()
    }

    /// The routine that is written so.
    pub fn from_name(name: &str) -> Option<Builtin> {
        Builtin::ALL.iter().copied().find(|builtin| builtin.name() == name)
    }
}
