//! [`ModuleInfo`] as bytes, for artifacts, and back: without the module's bytes, and without validating them again.
//!
//! Numbers are LEB128. A type is its index in the module's own type section: [`decode`] interns the types in the registry that it is given. Of what
//! bodies, data segments and custom sections are, only places are encoded. [`decode`] trusts nothing: what it gives is consistent in
//! itself, so that no index in it is out of range.

use crate::composite::*;
use crate::module::*;
use crate::types::*;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

/// What the ranges of data segments and custom sections refer to once they are decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ranges {
    /// The module.
    Module,
    /// An [`extract`] of it.
    Extract,
}

/// The contents of data segments and custom sections, one behind another, but for sections with DWARF, which are left out.
pub fn extract(info: &ModuleInfo, bytes: &[u8]) -> Vec<u8> {
    let data = info.data.iter().map(|data| &data.range);
    let custom = info.custom.iter().filter(is_kept).map(|(_, range)| range);
    let contents = data.chain(custom).map(|range| &bytes[range.start as usize..range.end as usize]);
    contents.collect::<Vec<_>>().concat()
}

fn is_kept((name, _): &&(String, Range<u32>)) -> bool {
    !name.starts_with(".debug_")
}

/// A module's declarations as bytes.
pub fn encode(info: &ModuleInfo, ranges: Ranges, registry: &TypeRegistry) -> Vec<u8> {
    let mut out = Writer { bytes: Vec::new(), types: BTreeMap::new(), group: 0..0 };
    out.types(info, registry);
    info.imports.write(&mut out);
    info.funcs.write(&mut out);
    info.tables.write(&mut out);
    info.memories.write(&mut out);
    info.globals.write(&mut out);
    info.imported.write(&mut out);
    info.table_inits.write(&mut out);
    info.global_inits.write(&mut out);
    info.exports.write(&mut out);
    info.start.write(&mut out);
    info.elements.write(&mut out);
    out.ranges(info.bodies.iter());
    out.ascending(&info.escaping);
    (ranges == Ranges::Extract).write(&mut out);
    out.len(info.data.len());
    info.data.iter().for_each(|data| data.mode.write(&mut out));
    let kept = |custom: &&(String, Range<u32>)| ranges == Ranges::Module || is_kept(custom);
    let custom = info.custom.iter().filter(kept);
    out.len(custom.clone().count());
    custom.clone().for_each(|(name, _)| name.write(&mut out));
    let contents = info.data.iter().map(|data| &data.range).chain(custom.map(|(_, range)| range));
    match ranges {
        Ranges::Module => out.ranges(contents),
        Ranges::Extract => contents.for_each(|range| out.len(range.len())),
    }
    out.bytes
}

/// The inverse of [`encode`]; and what ranges refer to, of which there are `len` bytes. None if the bytes are not what it has written.
pub fn decode(bytes: &[u8], len: usize, registry: &mut TypeRegistry) -> Option<(ModuleInfo, Ranges)> {
    let mut from = Reader { rest: bytes, types: Vec::new(), group: 0 };
    let mut info = ModuleInfo::default();
    from.types(&mut info, registry)?;
    info.imports = from.read()?;
    info.funcs = from.read()?;
    info.tables = from.read()?;
    info.memories = from.read()?;
    info.globals = from.read()?;
    info.imported = from.read()?;
    info.table_inits = from.read()?;
    info.global_inits = from.read()?;
    info.exports = from.read()?;
    info.start = from.read()?;
    info.elements = from.read()?;
    let bodies = from.len()?;
    info.bodies = from.ranges(bodies)?;
    info.escaping = from.ascending()?;
    let ranges = if from.read()? { Ranges::Extract } else { Ranges::Module };
    let modes: Vec<SegmentMode> = from.read()?;
    let names: Vec<String> = from.read()?;
    let count = modes.len() + names.len();
    let contents = match ranges {
        Ranges::Module => {
            let written = from.len()?;
            from.ranges(written)?
        }
        Ranges::Extract => {
            let mut end = 0u32;
            let next = || {
                let start = end;
                end = end.checked_add(from.read()?)?;
                Some(start..end)
            };
            list(count, next)?
        }
    };
    if contents.len() != count || contents.iter().any(|range| range.end as usize > len) || !from.rest.is_empty() {
        return None;
    }
    let mut contents = contents.into_iter();
    info.data = modes.into_iter().zip(&mut contents).map(|(mode, range)| DataSegment { mode, range }).collect();
    info.custom = names.into_iter().zip(contents).collect();
    is_consistent(&info).then_some((info, ranges))
}

/// Whether no index is out of range.
fn is_consistent(info: &ModuleInfo) -> bool {
    let below = |len: usize| move |&index: &u32| (index as usize) < len;
    let (funcs, globals) = (below(info.funcs.len()), below(info.globals.len()));
    let own = |all: usize, imported: u32| all.checked_sub(imported as usize);
    let is_func = |ty: &u32| info.type_defs.get(*ty as usize).is_some_and(|def| def.func().is_some());
    let count = |kind: &str| info.imports.iter().filter(|import| import.ty.kind() == kind).count() as u32;
    let imported = Imported {
        funcs: count("function"),
        tables: count("table"),
        memories: count("memory"),
        globals: count("global"),
    };
    let is_expr = |expr: &ConstExpr| {
        !expr.0.is_empty()
            && expr.0.iter().all(|op| match op {
                ConstOp::GlobalGet(global) => globals(global),
                ConstOp::RefFunc(func) => funcs(func),
                ConstOp::StructNew(ty)
                | ConstOp::StructNewDefault(ty)
                | ConstOp::ArrayNew(ty)
                | ConstOp::ArrayNewDefault(ty)
                | ConstOp::ArrayNewFixed(ty, _) => below(info.types.len())(ty),
                _ => true,
            })
    };
    let is_mode = |mode: &SegmentMode, len: usize| match mode {
        SegmentMode::Active { index, offset } => below(len)(index) && is_expr(offset),
        SegmentMode::Passive | SegmentMode::Declared => true,
    };
    let is_entity = |entity: &Entity| match entity {
        Entity::Func(index) => funcs(index),
        Entity::Table(index) => below(info.tables.len())(index),
        Entity::Memory(index) => below(info.memories.len())(index),
        Entity::Global(index) => globals(index),
    };
    let escapes = |func: &u32| funcs(func);
    let are_items = |items: &ElementItems| match items {
        ElementItems::Funcs(items) => items.iter().all(funcs),
        ElementItems::Exprs(exprs) => exprs.iter().all(is_expr),
    };
    imported == info.imported
        && info.funcs.iter().all(is_func)
        && own(info.funcs.len(), imported.funcs) == Some(info.bodies.len())
        && own(info.tables.len(), imported.tables) == Some(info.table_inits.len())
        && own(info.globals.len(), imported.globals) == Some(info.global_inits.len())
        && own(info.memories.len(), imported.memories).is_some()
        && info.table_inits.iter().flatten().all(is_expr)
        && info.global_inits.iter().all(is_expr)
        && info.exports.iter().all(|export| is_entity(&export.entity))
        && info.start.iter().all(funcs)
        && info.elements.iter().all(|segment| is_mode(&segment.mode, info.tables.len()) && are_items(&segment.items))
        && info.data.iter().all(|segment| is_mode(&segment.mode, info.memories.len()))
        && info.escaping.iter().all(escapes)
        && info.memories.iter().all(|memory| memory.page_log2 <= 16)
}

struct Writer {
    bytes: Vec<u8>,
    /// The first index of each type of the module.
    types: BTreeMap<TypeId, u32>,
    /// Numbers of the types of the recursive group that is being written; they come next in the type section.
    group: Range<u32>,
}

struct Reader<'a> {
    rest: &'a [u8],
    types: Vec<TypeId>,
    /// How many types the recursive group has that is being read; they come next in the type section.
    group: u32,
}

/// Something that is written and read again.
trait Record: Sized {
    fn write(&self, out: &mut Writer);
    fn read(from: &mut Reader<'_>) -> Option<Self>;
}

impl Writer {
    fn len(&mut self, len: usize) {
        (len as u64).write(self);
    }

    /// Recursive groups, whole.
    fn types(&mut self, info: &ModuleInfo, registry: &TypeRegistry) {
        let mut index = 0;
        while let Some(&first) = info.types.get(index) {
            self.group = registry.group(first);
            self.len(self.group.len());
            for def in &info.type_defs[index..index + self.group.len()] {
                def.ty.write(self);
            }
            for id in core::mem::take(&mut self.group) {
                self.types.entry(TypeId::from_u32(id)).or_insert(index as u32);
                index += 1;
            }
        }
        self.len(0);
    }

    /// Each by the distance from the end of the one before.
    fn ranges<'a>(&mut self, ranges: impl Iterator<Item = &'a Range<u32>> + Clone) {
        self.len(ranges.clone().count());
        let mut end = 0u32;
        for range in ranges {
            // Ranges mostly ascend; the others wrap around.
            range.start.wrapping_sub(end).write(self);
            self.len(range.len());
            end = range.end;
        }
    }

    fn ascending(&mut self, numbers: &[u32]) {
        self.len(numbers.len());
        let mut before = 0;
        for &number in numbers {
            (number - before).write(self);
            before = number;
        }
    }
}

impl Reader<'_> {
    fn read<T: Record>(&mut self) -> Option<T> {
        T::read(self)
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*first)
    }

    /// The length of a list: each element takes at least a byte, so that no list is longer than what there is.
    fn len(&mut self) -> Option<usize> {
        let len = usize::try_from(u64::read(self)?).ok()?;
        (len <= self.rest.len()).then_some(len)
    }

    fn types(&mut self, info: &mut ModuleInfo, registry: &mut TypeRegistry) -> Option<()> {
        loop {
            let len = self.len()?;
            if len == 0 {
                return Some(());
            }
            self.group = len as u32;
            let mut group = Vec::with_capacity(len);
            for member in 0..len as u32 {
                let ty: SubType = self.read()?;
                // A supertype comes before what extends it.
                let is_above =
                    |above: TypeId| (0..member).any(|index| above == TypeId::in_group(index)) || !above.is_in_group();
                if !ty.supertype.is_none_or(is_above) {
                    return None;
                }
                group.push(ty);
            }
            self.group = 0;
            let first = registry.intern_group(group).as_u32();
            for id in (first..first + len as u32).map(TypeId::from_u32) {
                info.declare(id, registry.get(id));
                self.types.push(id);
            }
        }
    }

    fn ranges(&mut self, len: usize) -> Option<Vec<Range<u32>>> {
        let mut end = 0u32;
        list(len, || {
            let start = end.wrapping_add(self.read()?);
            end = start.checked_add(self.read()?)?;
            Some(start..end)
        })
    }

    fn ascending(&mut self) -> Option<Vec<u32>> {
        let (len, mut before, mut is_first) = (self.len()?, 0u32, true);
        list(len, || {
            let step: u32 = self.read()?;
            let is_ascending = core::mem::take(&mut is_first) || step != 0;
            before = before.checked_add(step)?;
            is_ascending.then_some(before)
        })
    }
}

/// So many elements, if there are.
fn list<T>(len: usize, mut next: impl FnMut() -> Option<T>) -> Option<Vec<T>> {
    let mut list = Vec::with_capacity(len);
    for _ in 0..len {
        list.push(next()?);
    }
    Some(list)
}

impl Record for u64 {
    fn write(&self, out: &mut Writer) {
        let mut rest = *self;
        while rest >= 0x80 {
            out.bytes.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        out.bytes.push(rest as u8);
    }

    #[inline]
    fn read(from: &mut Reader<'_>) -> Option<Self> {
        // Most numbers are small.
        if let Some((&byte, rest)) = from.rest.split_first()
            && byte < 0x80
        {
            from.rest = rest;
            return Some(byte.into());
        }
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let [byte] = from.take()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }
}

impl Record for u32 {
    fn write(&self, out: &mut Writer) {
        u64::from(*self).write(out);
    }

    #[inline]
    fn read(from: &mut Reader<'_>) -> Option<Self> {
        u64::read(from)?.try_into().ok()
    }
}

impl Record for u128 {
    fn write(&self, out: &mut Writer) {
        out.bytes.extend_from_slice(&self.to_le_bytes());
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        from.take().map(u128::from_le_bytes)
    }
}

impl Record for u8 {
    fn write(&self, out: &mut Writer) {
        out.bytes.push(*self);
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        from.take().map(|[byte]| byte)
    }
}

impl Record for bool {
    fn write(&self, out: &mut Writer) {
        u8::from(*self).write(out);
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        match u8::read(from)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl Record for String {
    fn write(&self, out: &mut Writer) {
        out.len(self.len());
        out.bytes.extend_from_slice(self.as_bytes());
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        let len = from.len()?;
        let (text, rest) = from.rest.split_at(len);
        from.rest = rest;
        core::str::from_utf8(text).ok().map(String::from)
    }
}

impl Record for TypeId {
    fn write(&self, out: &mut Writer) {
        let index = match self.as_u32().checked_sub(out.group.start) {
            // What was declared so far has the indices before.
            Some(member) if out.group.contains(&self.as_u32()) => Ok(member),
            _ => Err(out.types[self]),
        };
        match index {
            Ok(member) => (true, member).write(out),
            Err(index) => (false, index).write(out),
        }
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        match from.read()? {
            (true, member) => (member < from.group).then_some(TypeId::in_group(member)),
            (false, index) => from.types.get(index as usize).copied(),
        }
    }
}

impl<T: Record> Record for Option<T> {
    fn write(&self, out: &mut Writer) {
        self.is_some().write(out);
        if let Some(value) = self {
            value.write(out);
        }
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        Some(if from.read()? { Some(from.read()?) } else { None })
    }
}

impl<T: Record> Record for Vec<T> {
    fn write(&self, out: &mut Writer) {
        out.len(self.len());
        self.iter().for_each(|item| item.write(out));
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        list(from.len()?, || from.read())
    }
}

impl<A: Record, B: Record> Record for (A, B) {
    fn write(&self, out: &mut Writer) {
        self.0.write(out);
        self.1.write(out);
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        Some((from.read()?, from.read()?))
    }
}

impl Record for FuncType {
    fn write(&self, out: &mut Writer) {
        for types in [self.params(), self.results()] {
            out.len(types.len());
            types.iter().for_each(|ty| ty.write(out));
        }
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        let (params, results): (Vec<_>, Vec<_>) = from.read()?;
        Some(FuncType::new(params, results))
    }
}

impl Record for CompositeType {
    fn write(&self, out: &mut Writer) {
        match self {
            CompositeType::Func(ty) => {
                0u8.write(out);
                ty.write(out);
            }
            CompositeType::Struct(fields) => {
                1u8.write(out);
                out.len(fields.len());
                fields.iter().for_each(|field| field.write(out));
            }
            CompositeType::Array(element) => {
                2u8.write(out);
                element.write(out);
            }
        }
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        Some(match u8::read(from)? {
            0 => CompositeType::Func(from.read()?),
            1 => CompositeType::Struct(Vec::read(from)?.into()),
            2 => CompositeType::Array(from.read()?),
            _ => return None,
        })
    }
}

macro_rules! structs {
    ($($name:ident { $($field:ident)* })*) => {
        $(impl Record for $name {
            fn write(&self, out: &mut Writer) {
                $(self.$field.write(out);)*
            }

            fn read(from: &mut Reader<'_>) -> Option<Self> {
                Some($name { $($field: from.read()?,)* })
            }
        })*
    };
}

structs! {
    Import { module name ty }
    Export { name entity }
    Imported { funcs tables memories globals }
    TableType { element min max is_64 }
    MemoryType { min_pages max_pages is_64 page_log2 }
    GlobalType { content mutable }
    RefType { nullable heap }
    FieldType { storage mutable }
    SubType { is_final supertype composite }
    ElementSegment { mode ty items }
}

/// Enums: a number, a variant, and the fields of the variant, as a pattern and as an expression.
macro_rules! enums {
    ($($name:ident { $($number:literal $variant:ident $(($($item:ident)*))? $({$($field:ident)*})?)* })*) => {
        $(impl Record for $name {
            fn write(&self, out: &mut Writer) {
                match self {
                    $($name::$variant $(($($item),*))? $({$($field),*})? => {
                        let number: u8 = $number;
                        number.write(out);
                        $($($item.write(out);)*)?
                        $($($field.write(out);)*)?
                    })*
                }
            }

            fn read(from: &mut Reader<'_>) -> Option<Self> {
                Some(match u8::read(from)? {
                    $($number => {
                        $($(let $item = from.read()?;)*)?
                        $($(let $field = from.read()?;)*)?
                        $name::$variant $(($($item),*))? $({$($field),*})?
                    })*
                    _ => return None,
                })
            }
        })*
    };
}

enums! {
    Entity { 0 Func(a) 1 Table(a) 2 Memory(a) 3 Global(a) }
    EntityType { 0 Func(a) 1 Table(a) 2 Memory(a) 3 Global(a) }
    ValType { 0 I32 1 I64 2 F32 3 F64 4 V128 5 Ref(a) }
    HeapType {
        0 Func 1 ConcreteFunc(a) 2 NoFunc 3 Extern 4 NoExtern 5 Any 6 Eq 7 I31 8 Struct 9 ConcreteStruct(a) 10 Array
        11 ConcreteArray(a) 12 None
    }
    StorageType { 0 I8 1 I16 2 Val(a) }
    SegmentMode { 0 Passive 1 Active { index offset } 2 Declared }
    ElementItems { 0 Funcs(a) 1 Exprs(a) }
    ConstOp {
        0 Const(a b) 1 GlobalGet(a) 2 RefNull 3 RefFunc(a) 4 I32Add 5 I32Sub 6 I32Mul 7 I64Add 8 I64Sub 9 I64Mul 10 RefI31
        11 StructNew(a) 12 StructNewDefault(a) 13 ArrayNew(a) 14 ArrayNewDefault(a) 15 ArrayNewFixed(a b)
    }
}

impl Record for ConstExpr {
    fn write(&self, out: &mut Writer) {
        self.0.write(out);
    }

    fn read(from: &mut Reader<'_>) -> Option<Self> {
        from.read().map(ConstExpr)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::Features;
    use std::format;

    /// Something of everything that a module may declare.
    const WAT: &str = r#"(module $m
        (rec (type $node (sub (struct (field (mut i32)) (field (ref null $edge)) (field i8))))
             (type $edge (sub (array (mut (ref null $node))))))
        (type $leaf (sub final $node (struct (field (mut i32)) (field (ref null $edge)) (field i8) (field v128))))
        (rec (type $f (func (param i32 i64 f32 f64 v128) (result (ref null $f)))))
        (rec (type $g (func (param i32 i64 f32 f64 v128) (result (ref null $g)))))
        (import "a" "f" (func $imported (type $f)))
        (import "a" "m" (memory 1 2))
        (import "a" "g" (global $from i32))
        (import "a" "t" (table 1 (ref null $node)))
        (table $t 3 funcref)
        (table $n i64 3 9 anyref)
        (table $i 2 (ref $node) (struct.new $node (i32.const 1) (ref.null $edge) (i32.const 3)))
        (memory $m i64 1 5)
        (global (mut i64) (i64.const -5))
        (global $x i32 (i32.add (global.get $from) (i32.const 7)))
        (global (ref i31) (ref.i31 (i32.const 3)))
        (global v128 (v128.const i64x2 1 2))
        (global (ref null $edge) (array.new_fixed $edge 1 (ref.null none)))
        (export "one" (func 1)) (export "mem" (memory $m)) (export "tab" (table $t)) (export "glo" (global $x))
        (start 3)
        (elem (table $t) (i32.const 0) func 1 2)
        (elem funcref (ref.null func) (ref.func 2))
        (elem declare func 3)
        (data (memory $m) (i64.const 9) "active")
        (data "passive")
        (func $one (type $f) unreachable) (func (result i32) i32.const 1) (func)
        (@custom "other" "contents") (@custom ".debug_info" "large"))"#;

    fn module() -> (Vec<u8>, ModuleInfo, TypeRegistry) {
        let bytes = wat::parse_str(WAT).expect("correct text");
        let mut registry = TypeRegistry::default();
        let info = crate::decode(&bytes, &Features::default(), &mut registry).expect("a valid module");
        (bytes, info, registry)
    }

    /// A registry whose numbers are other ones.
    fn other_registry() -> TypeRegistry {
        let mut registry = TypeRegistry::default();
        for params in 0..9 {
            registry.intern(CompositeType::Func(FuncType::new((0..params).map(|_| ValType::F64), [])));
        }
        registry
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        let (bytes, info, registry) = module();
        let encoded = encode(&info, Ranges::Module, &registry);
        // The same registry gives the same numbers.
        let mut same = registry;
        let decoded = decode(&encoded, bytes.len(), &mut same);
        let (decoded, ranges) = decoded.expect("what was encoded");
        assert_eq!((format!("{decoded:?}"), ranges), (format!("{info:?}"), Ranges::Module));
        // Another one gives others, with which all is the same again.
        let mut other = other_registry();
        let (moved, _) = decode(&encoded, bytes.len(), &mut other).expect("what was encoded");
        assert_ne!(moved.types, info.types);
        let again = crate::decode(&bytes, &Features::default(), &mut other).expect("a valid module");
        assert_eq!(format!("{moved:?}"), format!("{again:?}"));
        assert_eq!(encode(&moved, Ranges::Module, &other), encoded);
    }

    #[test]
    fn an_extract_has_what_the_ranges_name() {
        let (bytes, info, registry) = module();
        let extract = extract(&info, &bytes);
        let encoded = encode(&info, Ranges::Extract, &registry);
        let (decoded, _) = decode(&encoded, extract.len(), &mut other_registry()).expect("what was encoded");
        let text = |range: &Range<u32>| &extract[range.start as usize..range.end as usize];
        let data: Vec<_> = decoded.data.iter().map(|data| text(&data.range)).collect();
        assert_eq!(data, [&b"active"[..], b"passive"]);
        let custom: Vec<_> = decoded.custom.iter().filter(|(name, _)| name != "name").collect();
        assert!(matches!(custom[..], [(name, range)] if name == "other" && text(range) == b"contents"));
        assert_eq!(decoded.bodies, info.bodies);
        assert!(decode(&encoded, extract.len() - 1, &mut other_registry()).is_none());
    }

    #[test]
    fn damage_never_panics() {
        let (bytes, info, registry) = module();
        let encoded = encode(&info, Ranges::Module, &registry);
        for at in 0..encoded.len() {
            let cut = decode(&encoded[..at], bytes.len(), &mut TypeRegistry::default());
            assert!(cut.is_none(), "cut to {at} bytes");
            for value in [0, 1, 2, 0x7f, 0x80, 0xff].into_iter().chain((0..8).map(|bit| encoded[at] ^ 1 << bit)) {
                let mut damaged = encoded.clone();
                damaged[at] = value;
                let _ = decode(&damaged, bytes.len(), &mut TypeRegistry::default());
            }
        }
    }
}
