//! The types that modules declare, and the registry that makes them canonical.
//!
//! Two modules that declare the same type must agree that it is the same. So an engine has one [`TypeRegistry`], and every
//! concrete type in a [`ValType`] is a [`TypeId`] of it: types compare by `==`, in one word, with no module at hand. Identity is
//! that of the specification (section "Type equivalence"): whole recursive groups are compared, references inside a group by
//! position.

use crate::types::{FuncType, HeapType, TypeId, ValType};
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;

/// What a field or an element holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StorageType {
    /// 8 bits, read as an `i32`.
    I8,
    /// 16 bits, read as an `i32`.
    I16,
    /// A value.
    Val(ValType),
}

impl StorageType {
    /// The type of the values that are read and written.
    pub const fn unpacked(self) -> ValType {
        match self {
            StorageType::I8 | StorageType::I16 => ValType::I32,
            StorageType::Val(ty) => ty,
        }
    }

    /// Whether it may refer to an object of the collected heap.
    pub fn is_traced(self) -> bool {
        self.unpacked().is_traced()
    }

    /// The binary logarithm of the bytes that a field or an element takes.
    pub fn log2_bytes(self) -> u8 {
        match self {
            StorageType::I8 => 0,
            StorageType::I16 => 1,
            StorageType::Val(ValType::I32 | ValType::F32) => 2,
            StorageType::Val(ValType::I64 | ValType::F64) => 3,
            StorageType::Val(ValType::V128) => 4,
            // A function reference is an address.
            StorageType::Val(ty @ ValType::Ref(_)) => 2 + !ty.is_traced() as u8,
        }
    }
}

/// A field of a struct, or the elements of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldType {
    /// What it holds.
    pub storage: StorageType,
    /// Whether it can be set.
    pub mutable: bool,
}

impl FieldType {
    fn map_concrete(self, map: impl FnOnce(TypeId) -> TypeId) -> FieldType {
        match self.storage {
            StorageType::Val(ty) => FieldType { storage: StorageType::Val(ty.map_concrete(map)), ..self },
            _ => self,
        }
    }
}

/// The structure of a declared type.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CompositeType {
    /// A function.
    Func(FuncType),
    /// A struct with these fields.
    Struct(Arc<[FieldType]>),
    /// An array of such elements.
    Array(FieldType),
}

impl CompositeType {
    fn map_concrete(&self, map: impl Fn(TypeId) -> TypeId) -> CompositeType {
        match self {
            CompositeType::Func(ty) => CompositeType::Func(ty.map_concrete(map)),
            CompositeType::Struct(fields) => {
                CompositeType::Struct(fields.iter().map(|field| field.map_concrete(&map)).collect())
            }
            CompositeType::Array(element) => CompositeType::Array(element.map_concrete(map)),
        }
    }

    /// The heap type of this composite type when its id is `id`.
    pub const fn heap_type(&self, id: TypeId) -> HeapType {
        match self {
            CompositeType::Func(_) => HeapType::ConcreteFunc(id),
            CompositeType::Struct(_) => HeapType::ConcreteStruct(id),
            CompositeType::Array(_) => HeapType::ConcreteArray(id),
        }
    }
}

/// One type of a recursive group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SubType {
    /// Whether no other type may extend it.
    pub is_final: bool,
    /// The type it extends.
    pub supertype: Option<TypeId>,
    /// Its structure.
    pub composite: CompositeType,
}

/// A type with its place among the others.
#[derive(Clone, Debug)]
pub struct TypeDef {
    /// The type.
    pub ty: SubType,
    /// The types it extends, outermost first, and itself: a type with n others above it stands at index n of the list of
    /// each of its subtypes, so that one comparison tells whether a type is among them.
    pub lineage: Arc<[TypeId]>,
}

impl TypeDef {
    /// How many types stand above it.
    pub fn depth(&self) -> usize {
        self.lineage.len() - 1
    }

    /// The function type, if it is one.
    pub const fn func(&self) -> Option<&FuncType> {
        match &self.ty.composite {
            CompositeType::Func(ty) => Some(ty),
            _ => None,
        }
    }
}

/// Every type of an engine. Ids are never reused.
#[derive(Default)]
pub struct TypeRegistry {
    /// Groups as they were given, with references inside the group relative; the value is the id of the first member.
    groups: BTreeMap<Box<[SubType]>, u32>,
    types: Vec<TypeDef>,
    /// For each type the first one of its group and the end of the group.
    group_of: Vec<(u32, u32)>,
}

impl TypeRegistry {
    /// Gives the members of a recursive group their ids, which are consecutive; the first is returned. References to members
    /// are [`TypeId::in_group`], all others are ids of this registry. A supertype comes before the types that extend it.
    pub fn intern_group(&mut self, group: Vec<SubType>) -> TypeId {
        if let Some(&first) = self.groups.get(group.as_slice()) {
            return TypeId::from_u32(first);
        }
        let first = self.types.len() as u32;
        for member in &group {
            let id = TypeId::from_u32(self.types.len() as u32);
            let supertype = member.supertype.map(|id| id.absolute(first));
            let above = supertype.map_or(&[][..], |supertype| &self.get(supertype).lineage);
            let lineage = above.iter().copied().chain([id]).collect();
            let composite = member.composite.map_concrete(|id| id.absolute(first));
            self.types.push(TypeDef { ty: SubType { is_final: member.is_final, supertype, composite }, lineage });
        }
        let end = self.types.len() as u32;
        self.group_of.resize(end as usize, (first, end));
        self.groups.insert(group.into(), first);
        TypeId::from_u32(first)
    }

    /// The id of a final type on its own.
    pub fn intern(&mut self, composite: CompositeType) -> TypeId {
        self.intern_group(alloc::vec![SubType { is_final: true, supertype: None, composite }])
    }

    /// The type with this id.
    pub fn get(&self, id: TypeId) -> &TypeDef {
        &self.types[id.as_u32() as usize]
    }

    /// The numbers of the types in the recursive group of this one.
    pub fn group(&self, id: TypeId) -> Range<u32> {
        let (first, end) = self.group_of[id.as_u32() as usize];
        first..end
    }

    /// Whether `a` is `b` or extends it.
    pub fn is_subtype(&self, a: TypeId, b: TypeId) -> bool {
        a == b || self.get(a).lineage.get(self.get(b).depth()) == Some(&b)
    }
}

impl fmt::Display for StorageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StorageType::I8 => f.write_str("i8"),
            StorageType::I16 => f.write_str("i16"),
            StorageType::Val(ty) => ty.fmt(f),
        }
    }
}

impl fmt::Display for FieldType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.mutable { "mut " } else { "" }, self.storage)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::RefType;

    fn group(target: TypeId) -> Vec<SubType> {
        let func = FuncType::new([ValType::Ref(RefType::new(true, HeapType::ConcreteFunc(target)))], []);
        alloc::vec![SubType { is_final: true, supertype: None, composite: CompositeType::Func(func) }]
    }

    fn func(params: &[ValType], results: &[ValType]) -> CompositeType {
        CompositeType::Func(FuncType::new(params.iter().copied(), results.iter().copied()))
    }

    #[test]
    fn equal_types_are_one() {
        let mut registry = TypeRegistry::default();
        let a = registry.intern(func(&[ValType::I32], &[ValType::I64]));
        let b = registry.intern(func(&[ValType::I32, ValType::I64], &[]));
        assert_ne!(a, b);
        assert_eq!(a, registry.intern(func(&[ValType::I32], &[ValType::I64])));
        assert_eq!(registry.get(b).func().map(|ty| ty.params().len()), Some(2));
    }

    #[test]
    fn a_group_that_refers_to_itself_is_not_one_that_refers_to_it() {
        let mut registry = TypeRegistry::default();
        let own = registry.intern_group(group(TypeId::in_group(0)));
        let other = registry.intern_group(group(own));
        assert_ne!(own, other);
        assert_eq!(own, registry.intern_group(group(TypeId::in_group(0))));
        assert_eq!(registry.get(own).func(), registry.get(other).func());
    }

    #[test]
    fn subtypes_are_found_at_any_depth() {
        let mut registry = TypeRegistry::default();
        let mut chain = Vec::new();
        for depth in 0..4 {
            let fields = (0..depth).map(|_| FieldType { storage: StorageType::I8, mutable: true }).collect();
            let ty =
                SubType { is_final: false, supertype: chain.last().copied(), composite: CompositeType::Struct(fields) };
            chain.push(registry.intern_group(alloc::vec![ty]));
        }
        for (i, &a) in chain.iter().enumerate() {
            for (j, &b) in chain.iter().enumerate() {
                assert_eq!(registry.is_subtype(a, b), i >= j);
            }
        }
        let (bottom, top) = (HeapType::ConcreteStruct(chain[3]), HeapType::ConcreteStruct(chain[0]));
        assert!(bottom.matches(top, &registry) && !top.matches(bottom, &registry));
        for other in [HeapType::Struct, HeapType::Eq, HeapType::Any] {
            assert!(bottom.matches(other, &registry) && HeapType::None.matches(other, &registry));
        }
        assert!(!bottom.matches(HeapType::Array, &registry) && !HeapType::NoFunc.matches(top, &registry));
    }
}
