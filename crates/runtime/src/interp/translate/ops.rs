//! Everything but control: variables, arithmetic, memory, tables.

use super::code::{fields, fields_imm, halves};
use super::stack::{Entry, Kind};
use super::{Context, LastBinary, Place, Translator, class_of};
use crate::interp::dispatch::{Handler, handler};
use crate::interp::ops::Class;
use crate::interp::ops::control as handlers;
use crate::interp::ops::memory::{self, Load, Store};
use crate::interp::ops::reference as refs;
use crate::interp::ops::scalar::{self, Binary, Pattern, Scalar, Unary};
use crate::interp::ops::simd::{self, Simd};
use tiercel_wasm::Error;
use wasmparser::{MemArg, MemArgTarget, Operator};

impl Translator {
    /// Translates one operator that can be reached.
    pub(super) fn operator(&mut self, cx: Context<'_>, op: &Operator<'_>) -> Result<(), Error> {
        if let Some((_, amount)) = &mut self.fuel {
            *amount += fuel_of(op);
        }
        match *op {
            Operator::Nop => {}
            Operator::Unreachable => {
                self.origin();
                self.code.op(handler::<handlers::Unreachable>());
                self.unreachable();
            }
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => self.open(cx, op)?,
            Operator::Else => self.else_arm(true),
            Operator::End => self.end(true),
            Operator::Br { relative_depth } => self.br(relative_depth),
            Operator::BrIf { relative_depth } => self.br_if(relative_depth),
            Operator::BrTable { ref targets } => self.br_table(targets)?,
            Operator::Return => self.br(self.outermost()),
            Operator::Call { function_index } => self.call(cx, function_index),
            Operator::CallIndirect { type_index, table_index } => self.call_indirect(cx, type_index, table_index),
            Operator::ReturnCall { function_index } => self.return_call(cx, function_index),
            Operator::ReturnCallIndirect { type_index, table_index } => {
                self.return_call_indirect(cx, type_index, table_index);
            }
            Operator::CallRef { type_index } => self.call_ref(cx, type_index),
            Operator::ReturnCallRef { type_index } => self.return_call_ref(cx, type_index),
            Operator::BrOnNull { relative_depth } => self.br_on_null(relative_depth),
            Operator::BrOnNonNull { relative_depth } => self.br_on_non_null(relative_depth),

            Operator::Drop => {
                self.stack.pop();
            }
            Operator::Select | Operator::TypedSelect { .. } => self.select(),
            Operator::LocalGet { local_index } => {
                let class = self.stack.local(local_index).class;
                self.stack.push(Kind::Local(local_index), class);
            }
            Operator::LocalSet { local_index } => self.local_set(local_index),
            Operator::LocalTee { local_index } => {
                self.local_set(local_index);
                let class = self.stack.local(local_index).class;
                self.stack.push(Kind::Local(local_index), class);
            }
            Operator::GlobalGet { global_index } => self.global_get(cx, global_index),
            Operator::GlobalSet { global_index } => self.global_set(cx, global_index),

            Operator::I32Const { value } => self.push_const(Class::I32, value as u32 as u64),
            Operator::I64Const { value } => self.push_const(Class::I64, value as u64),
            Operator::F32Const { value } => self.push_const(Class::F32, value.bits() as u64),
            Operator::F64Const { value } => self.push_const(Class::F64, value.bits()),
            Operator::V128Const { value } => {
                let home = self.stack.push(Kind::Temp, Class::V128);
                self.emit_vector_const(home, *value.bytes());
            }
            Operator::RefNull { hty } => self.push_const(super::reference_class(cx.info.heap_type(hty)?), 0),
            Operator::RefIsNull => {
                self.push_const(Class::I64, 0);
                self.scalar(&Operator::I64Eq)?;
            }
            Operator::RefEq => self.scalar(&Operator::I64Eq)?,
            Operator::RefAsNonNull => self.non_null(),
            Operator::RefFunc { function_index } => {
                let home = self.stack.push(Kind::Temp, Class::I64);
                let dst = self.slot(home);
                let at = self.code.op(handler::<refs::RefFunc>());
                self.code.word(fields_imm(dst, 0, function_index));
                self.wrote(at, home, Class::I64, None);
            }
            // A test is a comparison with zero, so that it can become part of a branch.
            Operator::I32Eqz => self.i32_eqz()?,
            Operator::I64Eqz => {
                self.push_const(Class::I64, 0);
                self.scalar(&Operator::I64Eq)?;
            }
            // An `i32` is zero-extended wherever it is.
            Operator::I64ExtendI32U => self.stack.retype_top(Class::I64),

            Operator::MemorySize { mem } => {
                let (offset, log2) = (cx.layout.memory(mem), cx.info.memories[mem as usize].page_log2);
                let class = class_of(cx.info.memories[mem as usize].index_type());
                let home = self.stack.push(Kind::Temp, class);
                let dst = self.slot(home);
                let at = self.code.op(handler::<memory::MemorySize>());
                self.code.word(fields_imm(dst, log2 as u16, offset));
                self.wrote(at, home, class, None);
            }
            Operator::MemoryGrow { mem } => {
                let ty = &cx.info.memories[mem as usize];
                let class = class_of(ty.index_type());
                let delta = self.pop_slot();
                let home = self.stack.push(Kind::Temp, class);
                let dst = self.slot(home);
                self.origin();
                let at = self.code.op(handler::<memory::MemoryGrow>());
                self.code.word(fields_imm(dst, delta, mem));
                self.code.word(ty.is_64 as u64);
                self.wrote(at, home, class, None);
            }
            Operator::MemoryCopy { dst_mem, src_mem } => {
                self.bulk(handler::<memory::MemoryCopy>(), halves(dst_mem, src_mem));
            }
            Operator::MemoryFill { mem } => self.bulk(handler::<memory::MemoryFill>(), mem as u64),
            Operator::MemoryInit { data_index, mem } => {
                self.bulk(handler::<memory::MemoryInit>(), halves(mem, data_index));
            }
            Operator::DataDrop { data_index } => {
                self.code.op(handler::<memory::DataDrop>());
                self.code.word(fields_imm(0, 0, data_index));
            }

            Operator::TableGet { table } => {
                let index = self.pop_slot();
                let class = super::reference_class(cx.info.tables[table as usize].element.heap);
                let home = self.stack.push(Kind::Temp, class);
                let dst = self.slot(home);
                self.origin();
                let at = self.code.op(handler::<refs::TableGet>());
                self.code.word(fields_imm(dst, index, cx.layout.table(table)));
                self.wrote(at, home, class, None);
            }
            Operator::TableSet { table } => {
                let (value, index) = (self.stack.pop(), self.stack.pop());
                let (index, value) = (self.place_slot(&index), self.place_slot(&value));
                self.origin();
                self.code.op(handler::<refs::TableSet>());
                self.code.word(fields_imm(value, index, cx.layout.table(table)));
            }
            Operator::TableSize { table } => {
                let class = class_of(cx.info.tables[table as usize].index_type());
                let home = self.stack.push(Kind::Temp, class);
                let dst = self.slot(home);
                let at = self.code.op(handler::<refs::TableSize>());
                self.code.word(fields_imm(dst, 0, cx.layout.table(table)));
                self.wrote(at, home, class, None);
            }
            Operator::TableGrow { table } => {
                let ty = &cx.info.tables[table as usize];
                let class = class_of(ty.index_type());
                let (delta, value) = (self.stack.pop(), self.stack.pop());
                let (value, delta) = (self.place_slot(&value), self.place_slot(&delta));
                let home = self.stack.push(Kind::Temp, class);
                let dst = self.slot(home);
                self.origin();
                let at = self.code.op(handler::<refs::TableGrow>());
                self.code.word(fields(dst, delta, value, 0));
                self.code.word(halves(table, ty.is_64 as u32));
                self.wrote(at, home, class, None);
            }
            Operator::TableFill { table } => self.bulk(handler::<refs::TableFill>(), table as u64),
            Operator::TableCopy { dst_table, src_table } => {
                self.bulk(handler::<refs::TableCopy>(), halves(dst_table, src_table));
            }
            Operator::TableInit { elem_index, table } => {
                self.bulk(handler::<refs::TableInit>(), halves(table, elem_index));
            }
            Operator::ElemDrop { elem_index } => {
                self.code.op(handler::<refs::ElemDrop>());
                self.code.word(fields_imm(0, 0, elem_index));
            }

            Operator::I8x16Shuffle { lanes } => {
                let (b, a) = (self.stack.pop(), self.stack.pop());
                let (a, b) = (self.place_slot(&a), self.place_slot(&b));
                let home = self.stack.push(Kind::Temp, Class::V128);
                let dst = self.slot(home);
                let at = self.code.op(simd::SHUFFLE);
                self.code.word(fields(dst, a, b, 0));
                let (low, high) = lanes.split_at(8);
                for half in [low, high] {
                    self.code.word(u64::from_ne_bytes(half.try_into().unwrap_or_default()));
                }
                self.wrote(at, home, Class::V128, None);
            }
            Operator::I64Add128 => self.wide(simd::I64_ADD128, 4),
            Operator::I64Sub128 => self.wide(simd::I64_SUB128, 4),
            Operator::I64MulWideS => self.wide(simd::I64_MUL_WIDE_S, 2),
            Operator::I64MulWideU => self.wide(simd::I64_MUL_WIDE_U, 2),

            _ => {
                if !self.gc(cx, op)? {
                    self.access_or_scalar(cx, op)?;
                }
            }
        }
        if self.plain && self.skipped.is_none() && self.stack.len() > 0 {
            self.settle(self.stack.len() - 1);
        }
        Ok(())
    }

    pub(super) fn push_const(&mut self, class: Class, bits: u64) {
        self.stack.push(Kind::Const(bits), class);
    }

    pub(super) fn pop_slot(&mut self) -> u16 {
        let entry = self.stack.pop();
        self.place_slot(&entry)
    }

    // Variables.

    fn local_set(&mut self, local: u32) {
        let entry = self.stack.pop();
        let target = self.stack.local(local);
        if entry.kind == Kind::Local(local) {
            return;
        }
        let mut redirect = None;
        if self.stack.reference(local).is_none() {
            redirect = self
                .last_result
                .filter(|last| entry.kind == Kind::Temp && last.dst == entry.home && last.end == self.code.len());
        }
        while let Some(index) = self.stack.reference(local) {
            self.settle(index);
        }
        match redirect {
            Some(last) => {
                let dst = self.slot(target.slot);
                self.code.set_dst(last.at, dst);
                self.wrote(last.at, target.slot, entry.class, None);
                self.last_result = None;
            }
            None => match entry.kind {
                Kind::Const(bits) => self.emit_const(target.slot, entry.class, bits),
                _ => {
                    let place = self.place(&entry);
                    self.emit_copy_from(target.slot, place, entry.class);
                }
            },
        }
    }

    fn global_get(&mut self, cx: Context<'_>, global: u32) {
        let class = class_of(cx.info.globals[global as usize].content);
        let home = self.stack.push(Kind::Temp, class);
        let dst = self.slot(home);
        let imported = cx.info.imported.globals;
        let (handler, offset) = match global.checked_sub(imported) {
            Some(own) => (refs::global_get(class), cx.layout.own_global(own)),
            None => (refs::global_get_imported(class), cx.layout.imported_global(global)),
        };
        let at = self.code.op(handler);
        self.code.word(fields_imm(dst, 0, offset));
        self.wrote(at, home, class, None);
    }

    fn global_set(&mut self, cx: Context<'_>, global: u32) {
        let entry = self.stack.pop();
        let class = class_of(cx.info.globals[global as usize].content);
        let imported = cx.info.imported.globals;
        let (handler, slot, offset) = match global.checked_sub(imported) {
            Some(own) => {
                let offset = cx.layout.own_global(own);
                match self.place(&entry) {
                    Place::Acc => (refs::global_set_acc(class), 0, offset),
                    Place::Slot(slot) => (refs::global_set_slot(class), slot, offset),
                }
            }
            None => {
                let slot = self.place_slot(&entry);
                (refs::global_set_imported(class), slot, cx.layout.imported_global(global))
            }
        };
        self.code.op(handler);
        self.code.word(fields_imm(0, slot, offset));
    }

    fn select(&mut self) {
        let (condition, b, a) = (self.stack.pop(), self.stack.pop(), self.stack.pop());
        let class = a.class;
        // Constants go to their homes first, as that changes the accumulator.
        let moves = [&a, &b, &condition].iter().any(|entry| matches!(entry.kind, Kind::Const(_)));
        let (a, b) = (self.place_slot(&a), self.place_slot(&b));
        let condition = if moves { Place::Slot(self.place_slot(&condition)) } else { self.place(&condition) };
        let home = self.stack.push(Kind::Temp, class);
        let dst = self.slot(home);
        let (handler, condition) = match condition {
            Place::Acc => (handlers::select_acc(class), 0),
            Place::Slot(slot) => (handlers::select_slot(class), slot),
        };
        let at = self.code.op(handler);
        self.code.word(fields(dst, a, b, condition));
        self.wrote(at, home, class, None);
    }

    // Arithmetic.

    fn access_or_scalar(&mut self, cx: Context<'_>, op: &Operator<'_>) -> Result<(), Error> {
        if let Some((load, memarg)) = load_of(op) {
            self.load(cx, load, &memarg);
        } else if let Some((store, memarg)) = store_of(op) {
            self.store(cx, store, &memarg);
        } else if let Some((handler, memarg, lane, is_store)) = lane_access_of(op) {
            self.lane_access(cx, handler, &memarg, lane, is_store);
        } else if let Some((table, lane)) = simd::lookup(op) {
            self.simd(table, lane);
        } else {
            self.scalar(op)?;
        }
        Ok(())
    }

    pub(super) fn scalar(&mut self, op: &Operator<'_>) -> Result<(), Error> {
        match scalar::lookup(op) {
            Some(Scalar::Binary(table)) => self.binary(table),
            Some(Scalar::Unary(table)) => self.unary(table),
            None => return Err(Error::unsupported(self.offset as u64, alloc::format!("the instruction {op:?}"))),
        }
        Ok(())
    }

    fn i32_eqz(&mut self) -> Result<(), Error> {
        let last = self.last_binary.filter(|last| {
            let top = self.stack.get(self.stack.len() - 1);
            top.kind == Kind::Temp && top.home == last.dst && last.end == self.code.len() && last.table.branch.is_some()
        });
        self.push_const(Class::I32, 0);
        self.scalar(&Operator::I32Eq)?;
        if let Some(last) = last {
            // The test's own operation can be taken back together with what it tests. Then the tested value is needed in its slot no
            // longer, nor was it read from there.
            self.last_binary = Some(LastBinary { end: self.code.len(), inverted: !last.inverted, ..last });
        }
        Ok(())
    }

    /// Whether a constant fits the instruction.
    fn fits(entry: &Entry) -> bool {
        match entry.kind {
            Kind::Const(bits) => entry.class != Class::I64 || bits as i64 == bits as i32 as i64,
            _ => true,
        }
    }

    /// Turns a popped constant into a temporary.
    fn materialize(&mut self, mut entry: Entry) -> Entry {
        self.place_slot(&entry);
        entry.kind = Kind::Temp;
        entry
    }

    fn binary(&mut self, table: &'static Binary) {
        let (mut rhs, mut lhs) = (self.stack.pop(), self.stack.pop());
        let is_const = |entry: &Entry| matches!(entry.kind, Kind::Const(_));
        if !Self::fits(&lhs) || (is_const(&lhs) && is_const(&rhs)) {
            lhs = self.materialize(lhs);
        }
        if !Self::fits(&rhs) {
            rhs = self.materialize(rhs);
        }
        if table.commutes && (is_const(&lhs) || (!is_const(&rhs) && self.is_in_acc(&rhs) && !self.is_in_acc(&lhs))) {
            core::mem::swap(&mut lhs, &mut rhs);
        }
        let (lhs_acc, rhs_acc) = (self.is_in_acc(&lhs), self.is_in_acc(&rhs));
        let pattern = match (lhs.kind, rhs.kind) {
            (_, Kind::Const(_)) if lhs_acc => Pattern::AI,
            (_, Kind::Const(_)) => Pattern::SI,
            (Kind::Const(_), _) if rhs_acc => Pattern::IA,
            (Kind::Const(_), _) => Pattern::IS,
            _ if lhs_acc => Pattern::AS,
            _ if rhs_acc => Pattern::SA,
            _ => Pattern::SS,
        };
        let Some([with_slot, without_slot]) = table.handlers[pattern as usize] else { return };
        let before = self.accumulators;
        let (mut s0, mut s1, mut imm) = (0, 0, None);
        for (entry, in_acc, is_lhs) in [
            (&lhs, matches!(pattern, Pattern::AS | Pattern::AI), true),
            (&rhs, matches!(pattern, Pattern::SA | Pattern::IA), false),
        ] {
            match entry.kind {
                Kind::Const(bits) => imm = Some(bits),
                _ if in_acc => self.took_acc(entry),
                _ => {
                    let slot = self.slot_of(entry);
                    let slot = self.slot(slot);
                    if is_lhs || pattern != Pattern::SS { s0 = slot } else { s1 = slot }
                }
            }
        }
        let home = self.stack.push(Kind::Temp, table.result);
        let dst = self.slot(home);
        if table.traps {
            self.origin();
        }
        let at = self.code.op(with_slot);
        match imm {
            None => self.code.word(fields(dst, s0, s1, 0)),
            Some(bits) if table.operands == Class::F64 => {
                self.code.word(fields(dst, s0, 0, 0));
                self.code.word(bits);
            }
            Some(bits) => self.code.word(fields_imm(dst, s0, bits as u32)),
        }
        self.wrote(at, home, table.result, Some(without_slot));
        let end = self.code.len();
        // A trapping operation is never taken back: its trap is an effect.
        if !table.traps && !self.plain {
            let before = super::Accumulators { producers: [None; 3], ..before };
            self.last_binary =
                Some(LastBinary { at, words_end: end, end, table, pattern, dst: home, inverted: false, before });
        }
    }

    fn unary(&mut self, table: &'static Unary) {
        let mut entry = self.stack.pop();
        if matches!(entry.kind, Kind::Const(_)) {
            entry = self.materialize(entry);
        }
        let (row, slot) = match self.place(&entry) {
            Place::Slot(slot) => (0, slot),
            Place::Acc => (1, 0),
        };
        let [with_slot, without_slot] = table.handlers[row];
        let home = self.stack.push(Kind::Temp, table.result);
        let dst = self.slot(home);
        if table.traps {
            self.origin();
        }
        let at = self.code.op(with_slot);
        self.code.word(fields(dst, slot, 0, 0));
        self.wrote(at, home, table.result, Some(without_slot));
    }

    fn simd(&mut self, table: &'static Simd, lane: Option<u8>) {
        let count = table.operands.len();
        let mut operands = [0; 4];
        let mut popped = [None; 3];
        for index in (0..count).rev() {
            popped[index] = Some(self.stack.pop());
        }
        for (entry, operand) in popped.iter().flatten().zip(&mut operands[1..]) {
            *operand = self.place_slot(entry);
        }
        if let Some(lane) = lane {
            operands[count + 1] = lane as u16;
        }
        let home = self.stack.push(Kind::Temp, table.result);
        operands[0] = self.slot(home);
        let at = self.code.op(table.handler);
        self.code.word(fields(operands[0], operands[1], operands[2], operands[3]));
        self.wrote(at, home, table.result, None);
    }

    /// An operation on `count` `i64` that gives two.
    fn wide(&mut self, handler: Handler, count: usize) {
        let from = self.settle_top(count);
        let from = self.slot(from);
        self.stack.truncate(self.stack.len() - count);
        let low = self.stack.push(Kind::Temp, Class::I64);
        self.stack.push(Kind::Temp, Class::I64);
        let dst = self.slot(low);
        self.code.op(handler);
        self.code.word(fields(dst, from, 0, 0));
        self.keep_slots();
        self.overwrite(low, Class::V128);
        self.last_result = None;
        self.last_binary = None;
    }

    // Memory.

    /// An instruction with three operands, no result, and a third word.
    fn bulk(&mut self, handler: Handler, word: u64) {
        let (c, b, a) = (self.stack.pop(), self.stack.pop(), self.stack.pop());
        let (a, b, c) = (self.place_slot(&a), self.place_slot(&b), self.place_slot(&c));
        self.origin();
        self.code.op(handler);
        self.code.word(fields(a, b, c, 0));
        self.code.word(word);
    }

    /// The offset of an access that memory 0 with 32-bit addresses allows to be short.
    fn near_offset(cx: Context<'_>, memarg: &MemArg) -> Option<u32> {
        match memarg.target {
            MemArgTarget::Memory(0) if !cx.info.memories[0].is_64 => u32::try_from(memarg.offset).ok(),
            _ => None,
        }
    }

    /// The words of `memory::Far`.
    fn far(&mut self, cx: Context<'_>, memarg: &MemArg) {
        let MemArgTarget::Memory(memory) = memarg.target else { return };
        self.code.word(memarg.offset);
        self.code.word(halves(cx.layout.memory(memory), cx.info.memories[memory as usize].is_64 as u32));
    }

    fn load(&mut self, cx: Context<'_>, table: &'static Load, memarg: &MemArg) {
        let mut address = self.stack.pop();
        if matches!(address.kind, Kind::Const(_)) {
            address = self.materialize(address);
        }
        let Some(offset) = Self::near_offset(cx, memarg) else {
            let slot = self.place_slot(&address);
            let home = self.stack.push(Kind::Temp, table.result);
            let dst = self.slot(home);
            self.origin();
            let at = self.code.op(table.far);
            self.code.word(fields(dst, slot, 0, 0));
            self.far(cx, memarg);
            self.wrote(at, home, table.result, None);
            return;
        };
        let sum = self.last_binary_of(&address).filter(|last| {
            core::ptr::eq(last.table, scalar::i32_add())
                && !last.inverted
                && matches!(last.pattern, Pattern::SS | Pattern::AS)
        });
        let ([with_slot, without_slot], s0, index) = match sum {
            Some(last) => {
                let words = self.take_back(&last);
                let [_, s0, s1, _] = super::code::split(words[0]);
                match last.pattern {
                    Pattern::SS => (table.indexed[0], s0, Some(s1)),
                    _ => (table.indexed[1], 0, Some(s0)),
                }
            }
            None => match self.place(&address) {
                Place::Slot(slot) => (table.near[0], slot, None),
                Place::Acc => (table.near[1], 0, None),
            },
        };
        let home = self.stack.push(Kind::Temp, table.result);
        let dst = self.slot(home);
        self.origin();
        let at = self.code.op(with_slot);
        self.code.word(fields_imm(dst, s0, offset));
        if let Some(slot) = index {
            self.code.word(slot as u64);
        }
        let without_slot = (table.result != Class::V128).then_some(without_slot);
        self.wrote(at, home, table.result, without_slot);
    }

    fn store(&mut self, cx: Context<'_>, table: &'static Store, memarg: &MemArg) {
        let (value, mut address) = (self.stack.pop(), self.stack.pop());
        if matches!(address.kind, Kind::Const(_)) {
            address = self.materialize(address);
        }
        let Some(offset) = Self::near_offset(cx, memarg) else {
            let (address, value) = (self.place_slot(&address), self.place_slot(&value));
            self.origin();
            self.code.op(table.far);
            self.code.word(fields(value, address, 0, 0));
            self.far(cx, memarg);
            return;
        };
        let (row, slot, imm) = match value.kind {
            Kind::Const(bits) => (2, 0, Some(bits)),
            _ => match self.place(&value) {
                Place::Slot(slot) => (0, slot, None),
                Place::Acc => (1, 0, None),
            },
        };
        let (column, address) = match self.place(&address) {
            Place::Slot(slot) => (0, slot),
            Place::Acc => (1, 0),
        };
        self.origin();
        self.code.op(table.near[row][column]);
        self.code.word(fields_imm(slot, address, offset));
        if let Some(bits) = imm {
            self.code.word(bits);
        }
    }

    fn lane_access(&mut self, cx: Context<'_>, handler: Handler, memarg: &MemArg, lane: u8, is_store: bool) {
        let (vector, address) = (self.stack.pop(), self.stack.pop());
        let (address, vector) = (self.place_slot(&address), self.place_slot(&vector));
        if is_store {
            self.origin();
            self.code.op(handler);
            self.code.word(fields(vector, address, lane as u16, 0));
            self.far(cx, memarg);
            return;
        }
        let home = self.stack.push(Kind::Temp, Class::V128);
        let dst = self.slot(home);
        self.origin();
        let at = self.code.op(handler);
        self.code.word(fields(dst, address, lane as u16, vector));
        self.far(cx, memarg);
        self.wrote(at, home, Class::V128, None);
    }
}

/// What an operator costs: nothing if it does nothing when it runs.
fn fuel_of(op: &Operator<'_>) -> u32 {
    match op {
        Operator::Nop | Operator::Drop | Operator::Block { .. } | Operator::Loop { .. } => 0,
        Operator::Else | Operator::End | Operator::Unreachable | Operator::Return => 0,
        _ => 1,
    }
}

macro_rules! accesses {
    ($($(#[$doc:meta])* $name:ident -> $table:ident { $($variant:ident = $row:ident,)* })*) => {$(
        $(#[$doc])*
        fn $name(op: &Operator<'_>) -> Option<(&'static $table, MemArg)> {
            match *op {
                $(Operator::$variant { memarg } => Some((&memory::$row, memarg)),)*
                _ => None,
            }
        }
    )*};
}

accesses! {
    /// The table of a load.
    load_of -> Load {
        I32Load = I32_LOAD,
        I32Load8S = I32_LOAD8_S,
        I32Load8U = I32_LOAD8_U,
        I32Load16S = I32_LOAD16_S,
        I32Load16U = I32_LOAD16_U,
        I64Load = I64_LOAD,
        I64Load8S = I64_LOAD8_S,
        I64Load8U = I64_LOAD8_U,
        I64Load16S = I64_LOAD16_S,
        I64Load16U = I64_LOAD16_U,
        I64Load32S = I64_LOAD32_S,
        I64Load32U = I64_LOAD32_U,
        F32Load = F32_LOAD,
        F64Load = F64_LOAD,
        V128Load = V128_LOAD,
        V128Load8x8S = V128_LOAD8X8_S,
        V128Load8x8U = V128_LOAD8X8_U,
        V128Load16x4S = V128_LOAD16X4_S,
        V128Load16x4U = V128_LOAD16X4_U,
        V128Load32x2S = V128_LOAD32X2_S,
        V128Load32x2U = V128_LOAD32X2_U,
        V128Load8Splat = V128_LOAD8_SPLAT,
        V128Load16Splat = V128_LOAD16_SPLAT,
        V128Load32Splat = V128_LOAD32_SPLAT,
        V128Load64Splat = V128_LOAD64_SPLAT,
        V128Load32Zero = V128_LOAD32_ZERO,
        V128Load64Zero = V128_LOAD64_ZERO,
    }
    /// The table of a store.
    store_of -> Store {
        I32Store = I32_STORE,
        I32Store8 = I32_STORE8,
        I32Store16 = I32_STORE16,
        I64Store = I64_STORE,
        I64Store8 = I64_STORE8,
        I64Store16 = I64_STORE16,
        I64Store32 = I64_STORE32,
        F32Store = F32_STORE,
        F64Store = F64_STORE,
        V128Store = V128_STORE,
    }
}

/// The handler of an access to one lane, its operands, and whether it is a store.
fn lane_access_of(op: &Operator<'_>) -> Option<(Handler, MemArg, u8, bool)> {
    Some(match *op {
        Operator::V128Load8Lane { memarg, lane } => (memory::V128_LOAD8_LANE, memarg, lane, false),
        Operator::V128Load16Lane { memarg, lane } => (memory::V128_LOAD16_LANE, memarg, lane, false),
        Operator::V128Load32Lane { memarg, lane } => (memory::V128_LOAD32_LANE, memarg, lane, false),
        Operator::V128Load64Lane { memarg, lane } => (memory::V128_LOAD64_LANE, memarg, lane, false),
        Operator::V128Store8Lane { memarg, lane } => (memory::V128_STORE8_LANE, memarg, lane, true),
        Operator::V128Store16Lane { memarg, lane } => (memory::V128_STORE16_LANE, memarg, lane, true),
        Operator::V128Store32Lane { memarg, lane } => (memory::V128_STORE32_LANE, memarg, lane, true),
        Operator::V128Store64Lane { memarg, lane } => (memory::V128_STORE64_LANE, memarg, lane, true),
        _ => return None,
    })
}
