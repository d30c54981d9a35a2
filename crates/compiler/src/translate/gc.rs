//! References that the collector follows: structs, arrays, `i31`, casts.
//!
//! An object is reached by the heap's base and its reference, so that an address is found again only until something may have moved the
//! object. What is read from it is known by the reference itself, and stays known: fields that never change for good, others until
//! their alias class is written.

use super::{Context, Stop, Translator};
use crate::entity::Entity;
use crate::ir::insts::{access, cast};
use crate::ir::{AliasClass, Builtin, Inst, Opcode, Type, Value};
use std::collections::HashMap;
use std::sync::Arc;
use tiercel_abi::Trap;
use tiercel_abi::heap::{self, ELEMENTS_OFFSET, FIELDS_OFFSET, LENGTH_OFFSET, object_bytes, place_field};
use tiercel_abi::vmctx::{header, store};
use tiercel_wasm::{CompositeType, FieldType, HeapType, StorageType};
use wasmparser::Operator;

/// A default struct up to this size is zeroed by stores. No effect on correctness.
const ZEROED_INLINE_BYTES: u32 = 64;

/// Where the fields of structs are.
#[derive(Default)]
pub struct Structs {
    /// By the address of the fields' types, which the entry keeps alive.
    known: HashMap<usize, Struct>,
}

/// A struct type.
#[derive(Clone)]
struct Struct {
    types: Arc<[FieldType]>,
    offsets: Arc<[u32]>,
    /// Bytes of an object.
    bytes: u32,
}

/// A field of a struct or an element of an array.
#[derive(Clone, Copy)]
struct Place {
    reference: Value,
    /// The index of an element.
    index: Option<Value>,
    /// From the object's start, or from that of the element.
    offset: u32,
    field: FieldType,
    is_array: bool,
}

impl Structs {
    fn get(&mut self, types: &Arc<[FieldType]>) -> Struct {
        let known = self.known.entry(types.as_ptr().addr()).or_insert_with(|| {
            let mut end = FIELDS_OFFSET;
            let offsets = types.iter().map(|field| {
                let (offset, next) = place_field(end, field.storage.log2_bytes());
                end = next;
                offset
            });
            let offsets = offsets.collect();
            Struct { types: types.clone(), offsets, bytes: object_bytes(end) }
        });
        known.clone()
    }
}

impl Place {
    /// The opcodes that read and write it.
    fn opcodes(&self, signed: bool) -> (Opcode, Opcode) {
        match (self.field.storage, signed) {
            (StorageType::I8, true) => (Opcode::I32Load8S, Opcode::I32Store8),
            (StorageType::I8, false) => (Opcode::I32Load8U, Opcode::I32Store8),
            (StorageType::I16, true) => (Opcode::I32Load16S, Opcode::I32Store16),
            (StorageType::I16, false) => (Opcode::I32Load16U, Opcode::I32Store16),
            (StorageType::Val(ty), _) => match Type::from(ty) {
                Type::I32 | Type::None => (Opcode::I32Load, Opcode::I32Store),
                Type::I64 => (Opcode::I64Load, Opcode::I64Store),
                Type::F32 => (Opcode::F32Load, Opcode::F32Store),
                Type::F64 => (Opcode::F64Load, Opcode::F64Store),
                Type::V128 => (Opcode::V128Load, Opcode::V128Store),
                Type::Ref => (Opcode::RefLoad, Opcode::RefStore),
            },
        }
    }

    fn access(&self) -> u8 {
        let array = if self.is_array { access::ARRAY } else { 0 };
        let refs = if self.field.storage.is_traced() { access::REFS } else { 0 };
        access::NATIVE | access::CHECKED | access::OBJECT | array | refs
    }

    fn class(&self) -> AliasClass {
        match (self.is_array, self.field.storage.is_traced()) {
            _ if !self.field.mutable => AliasClass::READ_ONLY,
            (false, false) => AliasClass::STRUCT_DATA,
            (false, true) => AliasClass::STRUCT_REFS,
            (true, false) => AliasClass::ARRAY_DATA,
            (true, true) => AliasClass::ARRAY_REFS,
        }
    }

    /// What a load of it is found by: the object and the place in it, wherever the object is.
    fn key(&self, load: Opcode) -> Inst {
        let index = self.index.map_or(0, |index| index.index() as u32 + 1);
        Inst::new(load, load.info().result).fields(self.reference.index() as u32, self.offset, index).imm(self.access())
    }
}

impl Translator {
    /// Translates an operator of the proposal `gc`; false if it is none.
    pub(super) fn gc(&mut self, cx: Context<'_>, op: &Operator<'_>) -> Result<bool, Stop> {
        match *op {
            Operator::StructNew { struct_type_index } => self.struct_new(cx, struct_type_index),
            Operator::StructNewDefault { struct_type_index } => self.struct_new_default(cx, struct_type_index),
            Operator::StructGet { struct_type_index, field_index }
            | Operator::StructGetU { struct_type_index, field_index } => {
                self.struct_get(cx, struct_type_index, field_index, false);
            }
            Operator::StructGetS { struct_type_index, field_index } => {
                self.struct_get(cx, struct_type_index, field_index, true);
            }
            Operator::StructSet { struct_type_index, field_index } => {
                self.struct_set(cx, struct_type_index, field_index);
            }
            Operator::ArrayNew { array_type_index } => self.array_new(cx, array_type_index, true),
            Operator::ArrayNewDefault { array_type_index } => self.array_new(cx, array_type_index, false),
            Operator::ArrayNewFixed { array_type_index, array_size } => {
                self.array_new_fixed(cx, array_type_index, array_size);
            }
            Operator::ArrayNewData { array_type_index, array_data_index } => {
                self.array_new_segment(cx, array_type_index, Builtin::ArrayNewData, array_data_index);
            }
            Operator::ArrayNewElem { array_type_index, array_elem_index } => {
                self.array_new_segment(cx, array_type_index, Builtin::ArrayNewElem, array_elem_index);
            }
            Operator::ArrayGet { array_type_index } | Operator::ArrayGetU { array_type_index } => {
                self.array_get(cx, array_type_index, false);
            }
            Operator::ArrayGetS { array_type_index } => self.array_get(cx, array_type_index, true),
            Operator::ArraySet { array_type_index } => self.array_set(cx, array_type_index),
            Operator::ArrayLen => {
                let array = self.pop();
                if self.check_not_null(array, Trap::NullReference) {
                    let len = self.array_len(array);
                    self.stack.push(len);
                }
            }
            Operator::ArrayFill { array_type_index } => {
                let (len, value, start, array) = (self.pop(), self.pop(), self.pop(), self.pop());
                self.array_fill(element(cx, array_type_index), array, start, value, len);
            }
            Operator::ArrayCopy { .. } => {
                let (len, from_start, from) = (self.pop(), self.pop(), self.pop());
                let (to_start, to) = (self.pop(), self.pop());
                self.builtin(Builtin::ArrayCopy, &[to, to_start, from, from_start, len]);
            }
            Operator::ArrayInitData { array_data_index, .. } => {
                self.array_init(Builtin::ArrayInitData, array_data_index);
            }
            Operator::ArrayInitElem { array_elem_index, .. } => {
                self.array_init(Builtin::ArrayInitElem, array_elem_index);
            }
            Operator::RefI31 => {
                let value = self.pop();
                let reference = self.i31(value);
                self.stack.push(reference);
            }
            Operator::I31GetS => self.i31_get(Opcode::I32ShrS),
            Operator::I31GetU => self.i31_get(Opcode::I32ShrU),
            Operator::RefEq => {
                let (b, a) = (self.pop(), self.pop());
                let equal = self.ref_eq(a, b);
                self.stack.push(equal);
            }
            // A reference has the same bits in both hierarchies.
            Operator::AnyConvertExtern | Operator::ExternConvertAny => {}
            Operator::RefTestNonNull { hty } => self.ref_test(cx, hty, false)?,
            Operator::RefTestNullable { hty } => self.ref_test(cx, hty, true)?,
            Operator::RefCastNonNull { hty } => self.ref_cast(cx, hty, false)?,
            Operator::RefCastNullable { hty } => self.ref_cast(cx, hty, true)?,
            Operator::BrOnCast { relative_depth, to_ref_type: to, .. } => {
                let holds = self.test_top(cx, to.heap_type(), to.is_nullable())?;
                self.branch_if(holds, relative_depth);
            }
            Operator::BrOnCastFail { relative_depth, to_ref_type: to, .. } => {
                let holds = self.test_top(cx, to.heap_type(), to.is_nullable())?;
                let fails = self.build.unary(Opcode::I32Eqz, holds);
                self.branch_if(fails, relative_depth);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    // References.

    /// Whether a reference of any kind is null.
    pub(super) fn is_null(&mut self, reference: Value) -> Value {
        let inst = *self.build.func.inst(reference);
        match (inst.ty, self.build.func.int_const(reference)) {
            (Type::Ref, Some(bits)) => self.build.i32((bits == 0).into()),
            (Type::Ref, None) if matches!(inst.op, Opcode::Builtin | Opcode::RefFromBits) => self.build.i32(0),
            (Type::Ref, None) => self.build.unary(Opcode::RefIsNull, reference),
            _ => self.build.unary(Opcode::I64Eqz, reference),
        }
    }

    /// The bits of a reference of any kind.
    pub(super) fn bits(&mut self, reference: Value) -> Value {
        if self.build.func.ty(reference) != Type::Ref {
            return reference;
        }
        match self.build.func.int_const(reference) {
            Some(bits) => self.build.i64(bits),
            None => self.build.unary(Opcode::RefBits, reference),
        }
    }

    fn low_bits(&mut self, reference: Value) -> Value {
        let bits = self.bits(reference);
        self.build.unary(Opcode::I32WrapI64, bits)
    }

    fn ref_eq(&mut self, a: Value, b: Value) -> Value {
        let null = |value| self.build.func.int_const(value) == Some(0);
        match (null(a), null(b)) {
            _ if a == b => self.build.i32(1),
            (_, true) => self.is_null(a),
            (true, false) => self.is_null(b),
            _ => self.build.binary(Opcode::RefEq, a, b),
        }
    }

    fn i31(&mut self, value: Value) -> Value {
        let (one, tag) = (self.build.i32(1), self.build.i32(heap::TAG_I31));
        let shifted = self.build.binary(Opcode::I32Shl, value, one);
        let tagged = self.build.binary(Opcode::I32Or, shifted, tag);
        if let Some(bits) = self.build.func.const_bits(tagged) {
            return self.build.constant(Type::Ref, bits);
        }
        let bits = self.build.unary(Opcode::I64ExtendI32U, tagged);
        self.build.unary(Opcode::RefFromBits, bits)
    }

    fn i31_get(&mut self, shift: Opcode) {
        let reference = self.pop();
        if self.check_not_null(reference, Trap::NullReference) {
            let (bits, one) = (self.low_bits(reference), self.build.i32(1));
            let value = self.build.binary(shift, bits, one);
            self.stack.push(value);
        }
    }

    // Casts.

    /// Whether a reference is of a type.
    fn is_a(
        &mut self,
        cx: Context<'_>,
        reference: Value,
        ty: wasmparser::HeapType,
        nullable: bool,
    ) -> Result<Value, Stop> {
        let heap = cx.info.heap_type(ty)?;
        if let wasmparser::HeapType::Concrete(index) = ty {
            let index = index.as_module_index().unwrap_or_default();
            let def = &cx.info.type_defs[index as usize];
            if let HeapType::ConcreteFunc(_) = heap {
                let id = self.type_id(cx, index);
                let holds = self.builtin(Builtin::FuncIs, &[reference, id]);
                return Ok(self.or_null(holds, reference, nullable));
            }
            let is_final = if def.ty.is_final { cast::FINAL } else { 0 };
            return Ok(self.ref_is(reference, cx.layout.type_id(index), def.depth() as u32 | is_final, nullable));
        }
        Ok(match heap {
            HeapType::Struct => self.ref_is(reference, heap::kind::STRUCT, cast::KIND, nullable),
            HeapType::Array => self.ref_is(reference, heap::kind::ARRAY, cast::KIND, nullable),
            HeapType::I31 => {
                let (bits, tag) = (self.low_bits(reference), self.build.i32(heap::TAG_I31));
                let holds = self.build.binary(Opcode::I32And, bits, tag);
                self.or_null(holds, reference, nullable)
            }
            HeapType::Eq => {
                let (bits, tags) = (self.low_bits(reference), self.build.i32(heap::TAGS));
                let (tag, host) = (self.build.binary(Opcode::I32And, bits, tags), self.build.i32(heap::TAG_HOST));
                let holds = self.build.binary(Opcode::I32Ne, tag, host);
                if nullable { holds } else { self.and_not_null(holds, reference) }
            }
            heap if heap == heap.top() => {
                let always = self.build.i32(1);
                if nullable { always } else { self.and_not_null(always, reference) }
            }
            _ => {
                let never = self.build.i32(0);
                self.or_null(never, reference, nullable)
            }
        })
    }

    fn ref_is(&mut self, reference: Value, ty: u32, how: u32, nullable: bool) -> Value {
        if let Some(bits) = self.build.func.int_const(reference) {
            // Null or an `i31`.
            return self.build.i32((bits == 0 && nullable).into());
        }
        let how = how | if nullable { cast::NULLABLE } else { 0 };
        let inst = Inst::new(Opcode::RefIs, Type::I32).fields(reference.index() as u32, ty, how);
        self.build.value(inst)
    }

    fn or_null(&mut self, holds: Value, reference: Value, nullable: bool) -> Value {
        if !nullable {
            return holds;
        }
        let is_null = self.is_null(reference);
        self.build.binary(Opcode::I32Or, holds, is_null)
    }

    fn and_not_null(&mut self, holds: Value, reference: Value) -> Value {
        let is_null = self.is_null(reference);
        let is_not_null = self.build.unary(Opcode::I32Eqz, is_null);
        self.build.binary(Opcode::I32And, holds, is_not_null)
    }

    pub(super) fn test_top(
        &mut self,
        cx: Context<'_>,
        ty: wasmparser::HeapType,
        nullable: bool,
    ) -> Result<Value, Stop> {
        let reference = self.stack[self.stack.len() - 1];
        self.is_a(cx, reference, ty, nullable)
    }

    fn ref_test(&mut self, cx: Context<'_>, ty: wasmparser::HeapType, nullable: bool) -> Result<(), Stop> {
        let holds = self.test_top(cx, ty, nullable)?;
        self.pop();
        self.stack.push(holds);
        Ok(())
    }

    fn ref_cast(&mut self, cx: Context<'_>, ty: wasmparser::HeapType, nullable: bool) -> Result<(), Stop> {
        let holds = self.test_top(cx, ty, nullable)?;
        self.check(Opcode::TrapZ, holds, Trap::CastFailure);
        Ok(())
    }

    // Objects.

    /// The store's words.
    fn store_words(&mut self) -> Value {
        self.build.ctx_load(Type::I64, header::STORE * self.config.pointer_bytes, AliasClass::READ_ONLY)
    }

    /// The address of an object now.
    fn object_address(&mut self, reference: Value) -> Value {
        let words = self.store_words();
        let base = self.build.ptr_load(Type::I64, words, store::GC_BASE, AliasClass::HEAP_SPACE);
        self.build.binary(Opcode::HeapAddr, base, reference)
    }

    /// The address of a place, to which its offset is still to be added.
    fn place_address(&mut self, place: &Place) -> Value {
        let object = self.object_address(place.reference);
        let Some(index) = place.index else { return object };
        let index = self.build.unary(Opcode::I64ExtendI32U, index);
        let shift = self.build.i64(place.field.storage.log2_bytes().into());
        let distance = self.build.binary(Opcode::I64Shl, index, shift);
        self.build.binary(Opcode::I64Add, object, distance)
    }

    fn read(&mut self, place: &Place, signed: bool) -> Value {
        let (load, _) = place.opcodes(signed);
        let address = self.place_address(place);
        let inst = Inst::new(load, load.info().result).fields(address.index() as u32, place.offset, 0);
        self.build.load_as(place.key(load), inst.imm(place.access()), place.class())
    }

    /// Writes a place; `is_new`: nobody can have read it.
    fn write(&mut self, place: &Place, value: Value, is_new: bool) {
        let (load, store) = place.opcodes(false);
        let address = self.place_address(place);
        let inst = Inst::new(store, Type::None).fields(address.index() as u32, place.offset, value.index() as u32);
        self.build.push(inst.imm(place.access()));
        if !is_new {
            self.build.write(place.class());
        }
        if !matches!(place.field.storage, StorageType::I8 | StorageType::I16) {
            self.build.remember(place.key(load), place.class(), value);
        }
    }

    /// Makes an object of so many bytes, whose contents have to be written.
    fn make(&mut self, cx: Context<'_>, builtin: Builtin, ty: u32, bytes: u32) -> Value {
        let ty = self.type_id(cx, ty);
        let bytes = self.build.i64(bytes.into());
        self.builtin(builtin, &[ty, bytes])
    }

    // Structs.

    fn fields(&mut self, cx: Context<'_>, ty: u32) -> Struct {
        match &cx.info.type_defs[ty as usize].ty.composite {
            CompositeType::Struct(types) => self.structs.get(types),
            _ => unreachable!("validation proved type {ty} to be a struct"),
        }
    }

    fn field(&mut self, cx: Context<'_>, ty: u32, index: u32, reference: Value) -> Place {
        let fields = self.fields(cx, ty);
        let (field, offset) = (fields.types[index as usize], fields.offsets[index as usize]);
        Place { reference, index: None, offset, field, is_array: false }
    }

    fn struct_new(&mut self, cx: Context<'_>, ty: u32) {
        let fields = self.fields(cx, ty);
        let reference = self.make(cx, Builtin::HeapNew, ty, fields.bytes);
        let first = self.stack.len() - fields.types.len();
        for (index, (&field, &offset)) in fields.types.iter().zip(&*fields.offsets).enumerate() {
            let place = Place { reference, index: None, offset, field, is_array: false };
            self.write(&place, self.stack[first + index], true);
        }
        self.stack.truncate(first);
        self.stack.push(reference);
    }

    fn struct_new_default(&mut self, cx: Context<'_>, ty: u32) {
        let bytes = self.fields(cx, ty).bytes;
        let small = bytes <= ZEROED_INLINE_BYTES;
        let reference = self.make(cx, if small { Builtin::HeapNew } else { Builtin::HeapNewZeroed }, ty, bytes);
        if small {
            let address = self.object_address(reference).index() as u32;
            let imm = access::NATIVE | access::CHECKED | access::OBJECT;
            let (narrow, wide) = (self.build.i32(0), self.build.i64(0));
            let first = (Opcode::I32Store, narrow, FIELDS_OFFSET);
            let others = (2 * FIELDS_OFFSET..bytes).step_by(8).map(|offset| (Opcode::I64Store, wide, offset));
            for (op, zero, offset) in core::iter::once(first).chain(others) {
                let inst = Inst::new(op, Type::None).fields(address, offset, zero.index() as u32);
                self.build.push(inst.imm(imm));
            }
        }
        self.stack.push(reference);
    }

    fn struct_get(&mut self, cx: Context<'_>, ty: u32, index: u32, signed: bool) {
        let reference = self.pop();
        if self.check_not_null(reference, Trap::NullReference) {
            let place = self.field(cx, ty, index, reference);
            let value = self.read(&place, signed);
            self.stack.push(value);
        }
    }

    fn struct_set(&mut self, cx: Context<'_>, ty: u32, index: u32) {
        let (value, reference) = (self.pop(), self.pop());
        if self.check_not_null(reference, Trap::NullReference) {
            let place = self.field(cx, ty, index, reference);
            self.write(&place, value, false);
        }
    }

    // Arrays.

    fn array_len(&mut self, array: Value) -> Value {
        let len = FieldType { storage: StorageType::Val(tiercel_wasm::ValType::I32), mutable: false };
        let place = Place { reference: array, index: None, offset: LENGTH_OFFSET, field: len, is_array: true };
        self.read(&place, false)
    }

    /// An element, whose array and index have been checked; none if that traps always.
    fn element(&mut self, cx: Context<'_>, ty: u32, array: Value, index: Value) -> Option<Place> {
        if !self.check_not_null(array, Trap::NullReference) {
            return None;
        }
        let len = self.array_len(array);
        let inside = self.build.binary(Opcode::I32LtU, index, len);
        let place = Place {
            reference: array,
            index: Some(index),
            offset: ELEMENTS_OFFSET,
            field: element(cx, ty),
            is_array: true,
        };
        self.check(Opcode::TrapZ, inside, Trap::ArrayOutOfBounds).then_some(place)
    }

    fn array_get(&mut self, cx: Context<'_>, ty: u32, signed: bool) {
        let (index, array) = (self.pop(), self.pop());
        if let Some(place) = self.element(cx, ty, array, index) {
            let value = self.read(&place, signed);
            self.stack.push(value);
        }
    }

    fn array_set(&mut self, cx: Context<'_>, ty: u32) {
        let (value, index, array) = (self.pop(), self.pop(), self.pop());
        if let Some(place) = self.element(cx, ty, array, index) {
            self.write(&place, value, false);
        }
    }

    /// `array.new` and `array.new_default`.
    fn array_new(&mut self, cx: Context<'_>, ty: u32, has_value: bool) {
        let len = self.pop();
        let value = has_value.then(|| self.pop());
        let id = self.type_id(cx, ty);
        let array = self.builtin(Builtin::ArrayNew, &[id, len]);
        if let Some(value) = value
            && self.build.func.const_bits(value) != Some(0)
        {
            let start = self.build.i32(0);
            self.array_fill(element(cx, ty), array, start, value, len);
        }
        self.stack.push(array);
    }

    fn array_new_fixed(&mut self, cx: Context<'_>, ty: u32, len: u32) {
        let field = element(cx, ty);
        let log2 = field.storage.log2_bytes();
        let array = self.make(cx, Builtin::HeapNew, ty, object_bytes(ELEMENTS_OFFSET + (len << log2)));
        let length = FieldType { storage: StorageType::Val(tiercel_wasm::ValType::I32), mutable: false };
        let place = Place { reference: array, index: None, offset: LENGTH_OFFSET, field: length, is_array: true };
        let value = self.build.i32(len);
        self.write(&place, value, true);
        let first = self.stack.len() - len as usize;
        for at in 0..len {
            let offset = ELEMENTS_OFFSET + (at << log2);
            let place = Place { reference: array, index: None, offset, field, is_array: true };
            self.write(&place, self.stack[first + at as usize], true);
        }
        self.stack.truncate(first);
        self.stack.push(array);
    }

    fn array_new_segment(&mut self, cx: Context<'_>, ty: u32, builtin: Builtin, segment: u32) {
        let (len, from) = (self.pop(), self.pop());
        let (ty, segment) = (self.type_id(cx, ty), self.build.i32(segment));
        let array = self.builtin(builtin, &[ty, segment, from, len]);
        self.stack.push(array);
    }

    fn array_fill(&mut self, field: FieldType, array: Value, start: Value, value: Value, len: Value) {
        let words = self.store_words();
        let value = if field.storage.is_traced() { self.bits(value) } else { value };
        // Nobody but the routine reads it.
        let inst = Inst::new(Opcode::PtrStore, Type::None);
        let inst = inst.fields(words.index() as u32, store::GC_VALUE, value.index() as u32);
        self.build.push(inst.imm(AliasClass::ARRAY_DATA.imm()));
        self.builtin(Builtin::ArrayFill, &[array, start, len]);
    }

    fn array_init(&mut self, builtin: Builtin, segment: u32) {
        let (len, from, start, array) = (self.pop(), self.pop(), self.pop(), self.pop());
        let segment = self.build.i32(segment);
        self.builtin(builtin, &[segment, array, start, from, len]);
    }
}

/// The elements of an array type.
fn element(cx: Context<'_>, ty: u32) -> FieldType {
    match cx.info.type_defs[ty as usize].ty.composite {
        CompositeType::Array(element) => element,
        _ => unreachable!("validation proved type {ty} to be an array"),
    }
}
