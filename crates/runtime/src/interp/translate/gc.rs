//! Structs, arrays, `i31` and casts.

use super::code::{fields, fields_imm, halves};
use super::reference::Test;
use super::stack::Kind;
use super::{Context, Place, Translator, class_of, reference_class};
use crate::gc::TypeLayout;
use crate::interp::dispatch::{Handler, handler};
use crate::interp::operand::{A, Ac, S, St};
use crate::interp::ops::Class;
use crate::interp::ops::gc::{self, Access, Casts, Target, abstract_type};
use alloc::vec::Vec;
use tiercel_wasm::{CompositeType, Error, FieldType, HeapType, StorageType, ValType};
use wasmparser::Operator;

impl Translator {
    /// Translates an operator of the proposal `gc`; false if it is none.
    pub(super) fn gc(&mut self, cx: Context<'_>, op: &Operator<'_>) -> Result<bool, Error> {
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
                self.array_new_segment(cx, array_type_index, handler::<gc::ArrayNewData>(), array_data_index);
            }
            Operator::ArrayNewElem { array_type_index, array_elem_index } => {
                self.array_new_segment(cx, array_type_index, handler::<gc::ArrayNewElem>(), array_elem_index);
            }
            Operator::ArrayGet { array_type_index } | Operator::ArrayGetU { array_type_index } => {
                self.array_get(cx, array_type_index, false);
            }
            Operator::ArrayGetS { array_type_index } => self.array_get(cx, array_type_index, true),
            Operator::ArraySet { array_type_index } => self.array_set(cx, array_type_index),
            Operator::ArrayLen => {
                let handlers = [
                    [handler::<gc::ArrayLen<S, St>>(), handler::<gc::ArrayLen<S, Ac>>()],
                    [handler::<gc::ArrayLen<A, St>>(), handler::<gc::ArrayLen<A, Ac>>()],
                ];
                self.unary_on(handlers, Class::I32);
            }
            Operator::ArrayFill { array_type_index } => {
                let log2 = self.element(cx, array_type_index).1;
                self.bulk_array(handler::<gc::ArrayFill>(), u64::from(log2));
            }
            Operator::ArrayCopy { array_type_index_dst, .. } => self.array_copy(cx, array_type_index_dst),
            Operator::ArrayInitData { array_type_index, array_data_index } => {
                let log2 = self.element(cx, array_type_index).1;
                self.bulk_array(handler::<gc::ArrayInitData>(), halves(array_data_index, u32::from(log2)));
            }
            Operator::ArrayInitElem { array_type_index, array_elem_index } => {
                let log2 = self.element(cx, array_type_index).1;
                self.bulk_array(handler::<gc::ArrayInitElem>(), halves(array_elem_index, u32::from(log2)));
            }
            Operator::RefI31 => {
                let handlers = [
                    [handler::<gc::RefI31<S, St>>(), handler::<gc::RefI31<S, Ac>>()],
                    [handler::<gc::RefI31<A, St>>(), handler::<gc::RefI31<A, Ac>>()],
                ];
                self.unary_on(handlers, Class::Ref);
            }
            Operator::I31GetS => {
                let handlers = [
                    [handler::<gc::I31GetS<S, St>>(), handler::<gc::I31GetS<S, Ac>>()],
                    [handler::<gc::I31GetS<A, St>>(), handler::<gc::I31GetS<A, Ac>>()],
                ];
                self.unary_on(handlers, Class::I32);
            }
            Operator::I31GetU => {
                let handlers = [
                    [handler::<gc::I31GetU<S, St>>(), handler::<gc::I31GetU<S, Ac>>()],
                    [handler::<gc::I31GetU<A, St>>(), handler::<gc::I31GetU<A, Ac>>()],
                ];
                self.unary_on(handlers, Class::I32);
            }
            // A reference has the same bits in both hierarchies.
            Operator::AnyConvertExtern | Operator::ExternConvertAny => {}
            Operator::RefTestNonNull { hty } => self.ref_test(cx, hty, false)?,
            Operator::RefTestNullable { hty } => self.ref_test(cx, hty, true)?,
            Operator::RefCastNonNull { hty } => self.ref_cast(cx, hty, false)?,
            Operator::RefCastNullable { hty } => self.ref_cast(cx, hty, true)?,
            Operator::BrOnCast { relative_depth, to_ref_type, .. } => {
                let test = self.cast_test(cx, to_ref_type)?;
                self.br_on(test, relative_depth);
            }
            Operator::BrOnCastFail { relative_depth, to_ref_type, .. } => {
                let test = self.cast_test(cx, to_ref_type)?;
                self.br_on(test.not(), relative_depth);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// An instruction with one operand, which it does not look for after a collection.
    fn unary_on(&mut self, handlers: [[Handler; 2]; 2], result: Class) {
        let entry = self.stack.pop();
        let (row, slot) = match self.place(&entry) {
            Place::Slot(slot) => (handlers[0], slot),
            Place::Acc => (handlers[1], 0),
        };
        let home = self.stack.push(Kind::Temp, result);
        let dst = self.slot(home);
        self.origin();
        let at = self.code.op(row[0]);
        self.code.word(fields(dst, slot, 0, 0));
        self.wrote(at, home, result, Some(row[1]));
    }

    // Structs.

    fn struct_new(&mut self, cx: Context<'_>, ty: u32) {
        let (CompositeType::Struct(types), TypeLayout::Struct { bytes, fields: places, .. }) = self.layout(cx, ty)
        else {
            return;
        };
        let slots = self.operands_at_safepoint(types.len());
        let home = self.stack.push(Kind::Temp, Class::Ref);
        let dst = self.slot(home);
        let at = self.code.op(handler::<gc::StructNew>());
        self.code.word(fields_imm(dst, types.len() as u16, cx.info.types[ty as usize].as_u32()));
        self.code.word(u64::from(*bytes));
        for (slot, field) in slots.into_iter().zip(places) {
            self.code.word(fields_imm(slot, u16::from(field.log2_bytes), field.offset));
        }
        self.wrote(at, home, Class::Ref, None);
    }

    fn struct_new_default(&mut self, cx: Context<'_>, ty: u32) {
        let TypeLayout::Struct { bytes, .. } = self.layout(cx, ty).1 else { return };
        self.origin();
        self.safepoint(0);
        let home = self.stack.push(Kind::Temp, Class::Ref);
        let dst = self.slot(home);
        let at = self.code.op(handler::<gc::StructNewDefault>());
        self.code.word(fields_imm(dst, 0, cx.info.types[ty as usize].as_u32()));
        self.code.word(u64::from(*bytes));
        self.wrote(at, home, Class::Ref, None);
    }

    fn layout<'a>(&self, cx: Context<'a>, ty: u32) -> (&'a CompositeType, &'a TypeLayout) {
        (&cx.info.type_defs[ty as usize].ty.composite, &cx.type_layouts[ty as usize])
    }

    /// A field's type and offset.
    fn field(&self, cx: Context<'_>, ty: u32, index: u32) -> (FieldType, u32) {
        match self.layout(cx, ty) {
            (CompositeType::Struct(types), TypeLayout::Struct { fields, .. }) => {
                (types[index as usize], fields[index as usize].offset)
            }
            _ => unreachable!("validation proved type {ty} to be a struct"),
        }
    }

    fn struct_get(&mut self, cx: Context<'_>, ty: u32, index: u32, signed: bool) {
        let (field, offset) = self.field(cx, ty, index);
        let access = access_of(field.storage, signed);
        let entry = self.stack.pop();
        let (row, slot) = match self.place(&entry) {
            Place::Slot(slot) => (access.field_get[0], slot),
            Place::Acc => (access.field_get[1], 0),
        };
        let class = class_of(field.storage.unpacked());
        let home = self.stack.push(Kind::Temp, class);
        let dst = self.slot(home);
        self.origin();
        let at = self.code.op(row[0]);
        self.code.word(fields_imm(dst, slot, offset));
        self.wrote(at, home, class, (class != Class::V128).then_some(row[1]));
    }

    fn struct_set(&mut self, cx: Context<'_>, ty: u32, index: u32) {
        let (field, offset) = self.field(cx, ty, index);
        let access = access_of(field.storage, false);
        let (mut value, mut object) = (self.stack.pop(), self.stack.pop());
        // Constants go to their homes first, as that changes the accumulators.
        for entry in [&mut value, &mut object] {
            if matches!(entry.kind, Kind::Const(_)) {
                self.place_slot(entry);
                entry.kind = Kind::Temp;
            }
        }
        let (row, value) = match self.place(&value) {
            Place::Slot(slot) => (access.field_set[0], slot),
            Place::Acc => (access.field_set[1], 0),
        };
        let (handler, object) = match self.place(&object) {
            Place::Slot(slot) => (row[0], slot),
            Place::Acc => (row[1], 0),
        };
        self.origin();
        self.code.op(handler);
        self.code.word(fields_imm(value, object, offset));
    }

    // Arrays.

    /// The type of an array's elements, and the binary logarithm of their bytes.
    fn element(&self, cx: Context<'_>, ty: u32) -> (FieldType, u8) {
        match self.layout(cx, ty).0 {
            CompositeType::Array(element) => (*element, element.storage.log2_bytes()),
            _ => unreachable!("validation proved type {ty} to be an array"),
        }
    }

    /// The word of an instruction that makes an array.
    fn array_word(&self, cx: Context<'_>, ty: u32) -> u64 {
        halves(cx.info.types[ty as usize].as_u32(), u32::from(self.element(cx, ty).1))
    }

    /// `array.new` and `array.new_default`.
    fn array_new(&mut self, cx: Context<'_>, ty: u32, has_value: bool) {
        let operands = 1 + has_value as usize;
        let slots = self.operands_at_safepoint(operands);
        let (value, len, handler) = match slots[..] {
            [value, len] => (value, len, handler::<gc::ArrayNew>()),
            _ => (0, slots[0], handler::<gc::ArrayNewDefault>()),
        };
        self.made_array(handler, |dst| fields(dst, value, len, 0), self.array_word(cx, ty), None);
    }

    fn array_new_fixed(&mut self, cx: Context<'_>, ty: u32, len: u32) {
        let first = self.settle_top(len as usize);
        let first = self.slot(first);
        self.origin();
        self.safepoint(0);
        self.stack.truncate(self.stack.len() - len as usize);
        let word = self.array_word(cx, ty);
        self.made_array(handler::<gc::ArrayNewFixed>(), |dst| fields_imm(dst, first, len), word, None);
    }

    fn array_new_segment(&mut self, cx: Context<'_>, ty: u32, handler: Handler, segment: u32) {
        let slots = self.operands_at_safepoint(2);
        let word = self.array_word(cx, ty);
        self.made_array(handler, |dst| fields(dst, slots[0], slots[1], 0), word, Some(u64::from(segment)));
    }

    /// Takes operands of an instruction that reads them after a collection: each has to be in its slot, and found there.
    fn operands_at_safepoint(&mut self, count: usize) -> Vec<u16> {
        let first = self.stack.len() - count;
        let slots = (first..self.stack.len())
            .map(|index| {
                let entry = self.stack.get(index);
                self.place_slot(&entry)
            })
            .collect();
        self.origin();
        self.safepoint(0);
        self.stack.truncate(first);
        slots
    }

    fn made_array(&mut self, handler: Handler, operands: impl FnOnce(u16) -> u64, word: u64, segment: Option<u64>) {
        let home = self.stack.push(Kind::Temp, Class::Ref);
        let dst = self.slot(home);
        let at = self.code.op(handler);
        self.code.word(operands(dst));
        self.code.word(word);
        if let Some(segment) = segment {
            self.code.word(segment);
        }
        self.wrote(at, home, Class::Ref, None);
    }

    fn array_get(&mut self, cx: Context<'_>, ty: u32, signed: bool) {
        let (element, _) = self.element(cx, ty);
        let access = access_of(element.storage, signed);
        let (mut index, mut array) = (self.stack.pop(), self.stack.pop());
        for entry in [&mut index, &mut array] {
            if matches!(entry.kind, Kind::Const(_)) {
                self.place_slot(entry);
                entry.kind = Kind::Temp;
            }
        }
        let (row, array, index) = match self.place(&index) {
            Place::Acc => (access.element_get[1], self.place_slot(&array), 0),
            Place::Slot(index) => match self.place(&array) {
                Place::Slot(array) => (access.element_get[0], array, index),
                Place::Acc => (access.element_get[2], 0, index),
            },
        };
        let class = class_of(element.storage.unpacked());
        let home = self.stack.push(Kind::Temp, class);
        let dst = self.slot(home);
        self.origin();
        let at = self.code.op(row[0]);
        self.code.word(fields(dst, array, index, 0));
        self.wrote(at, home, class, (class != Class::V128).then_some(row[1]));
    }

    fn array_set(&mut self, cx: Context<'_>, ty: u32) {
        let (element, _) = self.element(cx, ty);
        let access = access_of(element.storage, false);
        let (mut value, index, array) = (self.stack.pop(), self.stack.pop(), self.stack.pop());
        if matches!(value.kind, Kind::Const(_)) {
            self.place_slot(&value);
            value.kind = Kind::Temp;
        }
        let (array, index) = (self.place_slot(&array), self.place_slot(&index));
        let (handler, value) = match self.place(&value) {
            Place::Slot(slot) => (access.element_set[0], slot),
            Place::Acc => (access.element_set[1], 0),
        };
        self.origin();
        self.code.op(handler);
        self.code.word(fields(value, array, index, 0));
    }

    /// An instruction on an array with four operands and no result.
    fn bulk_array(&mut self, handler: Handler, word: u64) {
        let entries = [(); 4].map(|()| self.stack.pop());
        let [d, c, b, a] = entries.map(|entry| self.place_slot(&entry));
        self.origin();
        self.code.op(handler);
        self.code.word(fields(a, b, c, d));
        self.code.word(word);
    }

    fn array_copy(&mut self, cx: Context<'_>, ty: u32) {
        let log2 = self.element(cx, ty).1;
        let entries = [(); 5].map(|()| self.stack.pop());
        let [len, d, c, b, a] = entries.map(|entry| self.place_slot(&entry));
        self.origin();
        self.code.op(handler::<gc::ArrayCopy>());
        self.code.word(fields(a, b, c, d));
        self.code.word(halves(u32::from(len), u32::from(log2)));
    }

    // Casts.

    /// The handlers and the word of a cast.
    fn target(&self, cx: Context<'_>, ty: wasmparser::HeapType, nullable: bool) -> Result<(Casts, u64), Error> {
        let word = |id, detail| {
            let (first, second) = Target { id, detail, nullable }.halves();
            halves(first, second)
        };
        let heap = cx.info.heap_type(ty)?;
        if let (Some(id), wasmparser::HeapType::Concrete(index)) = (heap.concrete(), ty) {
            let index = index.as_module_index().unwrap_or_default();
            let depth = cx.info.type_defs[index as usize].depth();
            let casts = match heap {
                HeapType::ConcreteFunc(_) => gc::casts::<gc::ToFunc>(),
                _ => gc::casts::<gc::ToObject>(),
            };
            return Ok((casts, word(id.as_u32(), depth as u32)));
        }
        let detail = match heap {
            HeapType::Eq => abstract_type::EQ,
            HeapType::I31 => abstract_type::I31,
            HeapType::Struct => abstract_type::STRUCT,
            HeapType::Array => abstract_type::ARRAY,
            heap if heap == heap.top() => abstract_type::TOP,
            _ => abstract_type::BOTTOM,
        };
        Ok((gc::casts::<gc::ToAbstract>(), word(0, detail)))
    }

    fn ref_test(&mut self, cx: Context<'_>, heap: wasmparser::HeapType, nullable: bool) -> Result<(), Error> {
        let (casts, word) = self.target(cx, heap, nullable)?;
        let entry = self.stack.pop();
        let (handler, slot) = match self.place(&entry) {
            Place::Slot(slot) => (casts.test[0], slot),
            Place::Acc => (casts.test[1], 0),
        };
        let home = self.stack.push(Kind::Temp, Class::I32);
        let dst = self.slot(home);
        let at = self.code.op(handler);
        self.code.word(fields(dst, slot, 0, 0));
        self.code.word(word);
        self.wrote(at, home, Class::I32, None);
        Ok(())
    }

    fn ref_cast(&mut self, cx: Context<'_>, heap: wasmparser::HeapType, nullable: bool) -> Result<(), Error> {
        let (casts, word) = self.target(cx, heap, nullable)?;
        self.check_top(casts.cast, Some(word));
        Ok(())
    }

    fn cast_test(&self, cx: Context<'_>, ty: wasmparser::RefType) -> Result<Test, Error> {
        let (casts, word) = self.target(cx, ty.heap_type(), ty.is_nullable())?;
        Ok(Test { if_so: casts.branch, if_not: casts.branch_fail, word: Some(word) })
    }
}

/// The handlers of accesses to a field or element.
fn access_of(storage: StorageType, signed: bool) -> Access {
    match (storage, signed) {
        (StorageType::I8, true) => gc::access::<gc::I8S>(),
        (StorageType::I8, false) => gc::access::<gc::I8U>(),
        (StorageType::I16, true) => gc::access::<gc::I16S>(),
        (StorageType::I16, false) => gc::access::<gc::I16U>(),
        (StorageType::Val(ty), _) => match ty {
            ValType::I32 => gc::access::<gc::W32>(),
            ValType::I64 => gc::access::<gc::W64>(),
            ValType::F32 => gc::access::<gc::F32>(),
            ValType::F64 => gc::access::<gc::F64>(),
            ValType::V128 => gc::access::<gc::Vector>(),
            ValType::Ref(ty) => match reference_class(ty.heap) {
                Class::Ref => gc::access::<gc::Ref>(),
                _ => gc::access::<gc::W64>(),
            },
        },
    }
}
