//! The types of WebAssembly: of values, functions, memories, tables and globals. Those that modules declare are in
//! [`composite`](crate::composite), where they also get their identity.

use crate::composite::TypeRegistry;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

/// A type that an engine knows; equal if and only if the types are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct TypeId(u32);

impl TypeId {
    /// The number that compiled code and the interpreter compare at indirect calls.
    pub const fn as_u32(self) -> u32 {
        self.0
    }

    /// The inverse of [`TypeId::as_u32`].
    pub const fn from_u32(index: u32) -> Self {
        TypeId(index)
    }
}

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ValType {
    /// A 32-bit integer.
    I32,
    /// A 64-bit integer.
    I64,
    /// A 32-bit IEEE 754 number.
    F32,
    /// A 64-bit IEEE 754 number.
    F64,
    /// A 128-bit vector.
    V128,
    /// A reference.
    Ref(RefType),
}

impl ValType {
    /// A nullable reference to any function.
    pub const FUNCREF: ValType = ValType::Ref(RefType::FUNCREF);
    /// A nullable reference to a host value.
    pub const EXTERNREF: ValType = ValType::Ref(RefType::EXTERNREF);

    /// How many 8-byte slots of a frame a value of this type takes.
    pub const fn slots(self) -> usize {
        match self {
            ValType::V128 => 2,
            _ => 1,
        }
    }

    /// Whether a value of this type may stand where `other` is asked for.
    pub fn matches(self, other: ValType, types: &TypeRegistry) -> bool {
        match (self, other) {
            (ValType::Ref(a), ValType::Ref(b)) => a.matches(b, types),
            _ => self == other,
        }
    }

    /// Whether values of this type may refer to objects of the collected heap.
    pub fn is_traced(self) -> bool {
        matches!(self, ValType::Ref(ty) if ty.heap.is_traced())
    }

    /// The same type with another identity for a concrete one.
    pub(crate) fn map_concrete(self, map: impl FnOnce(TypeId) -> TypeId) -> ValType {
        match self {
            ValType::Ref(ty) => ValType::Ref(RefType { heap: ty.heap.map_concrete(map), ..ty }),
            ty => ty,
        }
    }
}

/// The type of a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RefType {
    /// Whether the reference may be null.
    pub nullable: bool,
    /// What it refers to.
    pub heap: HeapType,
}

impl RefType {
    /// A reference to `heap`.
    pub const fn new(nullable: bool, heap: HeapType) -> Self {
        RefType { nullable, heap }
    }

    /// Whether the reference may be null.
    pub const fn is_nullable(&self) -> bool {
        self.nullable
    }

    /// What it refers to.
    pub const fn heap_type(&self) -> &HeapType {
        &self.heap
    }

    /// A nullable reference to any function.
    pub const FUNCREF: RefType = RefType { nullable: true, heap: HeapType::Func };
    /// A nullable reference to an object, an `i31` or a host value.
    pub const ANYREF: RefType = RefType { nullable: true, heap: HeapType::Any };
    /// A nullable reference to a host value.
    pub const EXTERNREF: RefType = RefType { nullable: true, heap: HeapType::Extern };

    /// Whether a reference of this type may stand where `other` is asked for.
    pub fn matches(self, other: RefType, types: &TypeRegistry) -> bool {
        (other.nullable || !self.nullable) && self.heap.matches(other.heap, types)
    }
}

/// What a reference refers to: a lattice of three hierarchies, with the tops `func`, `extern` and `any`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HeapType {
    /// Any function.
    Func,
    /// A function of this type.
    ConcreteFunc(TypeId),
    /// No function: the type of its null.
    NoFunc,
    /// Any value of the host, and whatever a guest passes off as one.
    Extern,
    /// No value of the host: the type of its null.
    NoExtern,
    /// Any value that is no function.
    Any,
    /// Any value that can be compared: an `i31`, a struct or an array.
    Eq,
    /// An integer of 31 bits.
    I31,
    /// Any struct.
    Struct,
    /// A struct of this type.
    ConcreteStruct(TypeId),
    /// Any array.
    Array,
    /// An array of this type.
    ConcreteArray(TypeId),
    /// Nothing of the hierarchy `any`: the type of its null.
    None,
}

impl HeapType {
    /// Whether this is a subtype of `other`.
    pub fn matches(self, other: HeapType, types: &TypeRegistry) -> bool {
        use HeapType::*;
        match (self, other) {
            (a, b) if a == b => true,
            (NoFunc | NoExtern | None, other) => self.top() == other.top(),
            (ConcreteFunc(a), ConcreteFunc(b))
            | (ConcreteStruct(a), ConcreteStruct(b))
            | (ConcreteArray(a), ConcreteArray(b)) => types.is_subtype(a, b),
            (ConcreteFunc(_), Func) | (ConcreteStruct(_), Struct) | (ConcreteArray(_), Array) => true,
            (I31 | Struct | ConcreteStruct(_) | Array | ConcreteArray(_), Eq | Any) | (Eq, Any) => true,
            _ => false,
        }
    }

    /// The top of its hierarchy: `func`, `extern` or `any`.
    pub const fn top(self) -> HeapType {
        match self {
            HeapType::Func | HeapType::ConcreteFunc(_) | HeapType::NoFunc => HeapType::Func,
            HeapType::Extern | HeapType::NoExtern => HeapType::Extern,
            _ => HeapType::Any,
        }
    }

    /// Whether references of this type may refer to objects of the collected heap: all but those to functions. A value of type
    /// `extern` may be an object that a guest has converted.
    pub const fn is_traced(self) -> bool {
        !matches!(self.top(), HeapType::Func)
    }

    /// The declared type, if it is one.
    pub const fn concrete(self) -> Option<TypeId> {
        match self {
            HeapType::ConcreteFunc(id) | HeapType::ConcreteStruct(id) | HeapType::ConcreteArray(id) => Some(id),
            _ => Option::None,
        }
    }

    fn map_concrete(self, map: impl FnOnce(TypeId) -> TypeId) -> HeapType {
        match self {
            HeapType::ConcreteFunc(id) => HeapType::ConcreteFunc(map(id)),
            HeapType::ConcreteStruct(id) => HeapType::ConcreteStruct(map(id)),
            HeapType::ConcreteArray(id) => HeapType::ConcreteArray(map(id)),
            heap => heap,
        }
    }
}

/// Parameters and results of a function.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FuncType {
    /// Parameters, then results.
    types: Arc<[ValType]>,
    params: u32,
    param_slots: u32,
    result_slots: u32,
}

impl FuncType {
    /// A function type.
    pub fn new(params: impl IntoIterator<Item = ValType>, results: impl IntoIterator<Item = ValType>) -> Self {
        let mut types: Vec<ValType> = params.into_iter().collect();
        let params = types.len() as u32;
        types.extend(results);
        let slots = |types: &[ValType]| types.iter().map(|ty| ty.slots() as u32).sum();
        let (param_slots, result_slots) = (slots(&types[..params as usize]), slots(&types[params as usize..]));
        FuncType { types: types.into(), params, param_slots, result_slots }
    }

    /// The parameters' types.
    pub fn params(&self) -> &[ValType] {
        &self.types[..self.params as usize]
    }

    /// The results' types.
    pub fn results(&self) -> &[ValType] {
        &self.types[self.params as usize..]
    }

    /// How many 8-byte slots the parameters take.
    pub fn param_slots(&self) -> usize {
        self.param_slots as usize
    }

    /// How many 8-byte slots the results take.
    pub fn result_slots(&self) -> usize {
        self.result_slots as usize
    }

    pub(crate) fn map_concrete(&self, map: impl Fn(TypeId) -> TypeId) -> FuncType {
        FuncType { types: self.types.iter().map(|ty| ty.map_concrete(&map)).collect(), ..self.clone() }
    }
}

/// The type of a linear memory. Sizes are in pages of `1 << page_log2` bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MemoryType {
    /// Size at instantiation, in pages.
    pub min_pages: u64,
    /// Size it may grow to, in pages.
    pub max_pages: Option<u64>,
    /// Whether addresses are 64-bit.
    pub is_64: bool,
    /// The page size as a power of two: 16, or 0 with the proposal `custom-page-sizes`.
    pub page_log2: u8,
}

impl MemoryType {
    /// A 32-bit memory; sizes in pages of 64 KiB.
    pub const fn new(minimum: u32, maximum: Option<u32>) -> Self {
        let max_pages = match maximum {
            Some(pages) => Some(pages as u64),
            None => None,
        };
        MemoryType { min_pages: minimum as u64, max_pages, is_64: false, page_log2: 16 }
    }

    /// A 64-bit memory; sizes in pages of 64 KiB.
    pub const fn memory64(minimum: u64, maximum: Option<u64>) -> Self {
        MemoryType { min_pages: minimum, max_pages: maximum, is_64: true, page_log2: 16 }
    }

    /// Size at instantiation, in pages.
    pub const fn minimum(&self) -> u64 {
        self.min_pages
    }

    /// Size it may grow to, in pages.
    pub const fn maximum(&self) -> Option<u64> {
        self.max_pages
    }

    /// Whether addresses are 64-bit.
    pub const fn is_64(&self) -> bool {
        self.is_64
    }

    /// The bytes of a page.
    pub const fn page_size(&self) -> u64 {
        self.page_bytes()
    }

    /// The bytes of a page.
    pub const fn page_bytes(&self) -> u64 {
        1 << self.page_log2
    }

    /// The type of addresses.
    pub const fn index_type(&self) -> ValType {
        if self.is_64 { ValType::I64 } else { ValType::I32 }
    }
}

/// The type of a table. Sizes are in elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TableType {
    /// The type of its elements.
    pub element: RefType,
    /// Size at instantiation.
    pub min: u64,
    /// Size it may grow to.
    pub max: Option<u64>,
    /// Whether indices are 64-bit.
    pub is_64: bool,
}

impl TableType {
    /// A table with 32-bit indices; sizes in elements.
    pub const fn new(element: RefType, minimum: u32, maximum: Option<u32>) -> Self {
        let max = match maximum {
            Some(max) => Some(max as u64),
            None => None,
        };
        TableType { element, min: minimum as u64, max, is_64: false }
    }

    /// A table with 64-bit indices; sizes in elements.
    pub const fn new64(element: RefType, minimum: u64, maximum: Option<u64>) -> Self {
        TableType { element, min: minimum, max: maximum, is_64: true }
    }

    /// The type of its elements.
    pub const fn element(&self) -> &RefType {
        &self.element
    }

    /// Size at instantiation.
    pub const fn minimum(&self) -> u64 {
        self.min
    }

    /// Size it may grow to.
    pub const fn maximum(&self) -> Option<u64> {
        self.max
    }

    /// Whether indices are 64-bit.
    pub const fn is_64(&self) -> bool {
        self.is_64
    }

    /// The type of indices.
    pub const fn index_type(&self) -> ValType {
        if self.is_64 { ValType::I64 } else { ValType::I32 }
    }
}

/// The type of a global.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GlobalType {
    /// The type of its value.
    pub content: ValType,
    /// Whether it can be set.
    pub mutable: bool,
}

/// Whether a global can be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mutability {
    /// Never.
    Const,
    /// At any time.
    Var,
}

impl GlobalType {
    /// The type of a global.
    pub const fn new(content: ValType, mutability: Mutability) -> Self {
        GlobalType { content, mutable: matches!(mutability, Mutability::Var) }
    }

    /// The type of its value.
    pub const fn content(&self) -> &ValType {
        &self.content
    }

    /// Whether it can be set.
    pub const fn mutability(&self) -> Mutability {
        if self.mutable { Mutability::Var } else { Mutability::Const }
    }
}

/// Marks a [`TypeId`] that stands for "member number n of the group I am in".
const IN_GROUP: u32 = 1 << 31;

impl TypeId {
    /// Member `index` of the recursive group that is being interned; see [`TypeRegistry::intern_group`].
    pub const fn in_group(index: u32) -> Self {
        TypeId(index | IN_GROUP)
    }

    pub(crate) const fn is_in_group(self) -> bool {
        self.0 & IN_GROUP != 0
    }

    /// The id that this one stands for in a group whose first member has the id `first`.
    pub(crate) fn absolute(self, first: u32) -> Self {
        if self.is_in_group() { TypeId(first + (self.0 & !IN_GROUP)) } else { self }
    }
}

impl fmt::Display for ValType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ValType::I32 => f.write_str("i32"),
            ValType::I64 => f.write_str("i64"),
            ValType::F32 => f.write_str("f32"),
            ValType::F64 => f.write_str("f64"),
            ValType::V128 => f.write_str("v128"),
            ValType::Ref(ty) => ty.fmt(f),
        }
    }
}

impl fmt::Display for RefType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.nullable, self.heap) {
            (true, HeapType::Func) => f.write_str("funcref"),
            (true, HeapType::Extern) => f.write_str("externref"),
            (true, HeapType::Any) => f.write_str("anyref"),
            (true, HeapType::NoFunc) => f.write_str("nullfuncref"),
            (true, HeapType::NoExtern) => f.write_str("nullexternref"),
            (true, HeapType::None) => f.write_str("nullref"),
            (nullable, heap) => write!(f, "(ref {}{heap})", if nullable { "null " } else { "" }),
        }
    }
}

impl fmt::Display for HeapType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            HeapType::Func => "func",
            HeapType::NoFunc => "nofunc",
            HeapType::Extern => "extern",
            HeapType::NoExtern => "noextern",
            HeapType::Any => "any",
            HeapType::Eq => "eq",
            HeapType::I31 => "i31",
            HeapType::Struct => "struct",
            HeapType::Array => "array",
            HeapType::None => "none",
            HeapType::ConcreteFunc(id) | HeapType::ConcreteStruct(id) | HeapType::ConcreteArray(id) => {
                return write!(f, "(type {})", id.0);
            }
        })
    }
}

impl fmt::Display for FuncType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, types: &[ValType]| {
            f.write_str("(")?;
            for (i, ty) in types.iter().enumerate() {
                write!(f, "{}{ty}", if i == 0 { "" } else { ", " })?;
            }
            f.write_str(")")
        };
        list(f, self.params())?;
        f.write_str(" -> ")?;
        list(f, self.results())
    }
}

impl fmt::Debug for FuncType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for GlobalType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.mutable { "mut " } else { "" }, self.content)
    }
}

fn fmt_limits(f: &mut fmt::Formatter<'_>, is_64: bool, min: u64, max: Option<u64>) -> fmt::Result {
    write!(f, "{}{min}", if is_64 { "i64 " } else { "" })?;
    max.map_or(Ok(()), |max| write!(f, " {max}"))
}

impl fmt::Display for MemoryType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("memory ")?;
        fmt_limits(f, self.is_64, self.min_pages, self.max_pages)?;
        if self.page_log2 == 16 { Ok(()) } else { write!(f, " (pagesize {})", self.page_bytes()) }
    }
}

impl fmt::Display for TableType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("table ")?;
        fmt_limits(f, self.is_64, self.min, self.max)?;
        write!(f, " {}", self.element)
    }
}
