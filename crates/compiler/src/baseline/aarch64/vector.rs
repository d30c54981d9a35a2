//! Vectors: what has a row in the machine's table ([`vectors`]), constants, shuffles, accesses to memory. All else is left to snippets.
//!
//! A sequence keeps what is between its instructions in the scratch registers, from when the result's register is known: to make that one free may
//! take the scratch registers, too.

use super::{Aarch64, Test, Value};
use crate::baseline::Baseline;
use crate::baseline::state::Place;
use crate::ir::{Opcode, Type};
use crate::isa::aarch64::imm::{encode_bitmask, vector_immediate};
use crate::isa::aarch64::inst::Inst;
use crate::isa::aarch64::mem::Mem;
use crate::isa::aarch64::regs::{SCRATCH, VECTOR_SCRATCH};
use crate::isa::aarch64::row::{Op, Size};
use crate::isa::aarch64::vectors::{self, LaneShift, Row, Shuffle};
use crate::isa::convention::class_of;
use crate::isa::reg::{Reg, RegClass};
use crate::translate::{Context, LaneAccess};

impl Baseline<Aarch64> {
    /// An opcode on vectors that names this lane; `false`: it has no row.
    pub(in crate::baseline) fn vector(&mut self, op: Opcode, lane: u8) -> bool {
        let Some(row) = vectors::row(op, lane) else { return false };
        let result = op.info().result;
        match row {
            Row::Binary(op) => self.vector_binary(false, |this, dst, x, y| this.asm.quick_rrr(op, dst, x, y)),
            Row::Swapped(op) => self.vector_binary(false, |this, dst, x, y| this.asm.quick_rrr(op, dst, y, x)),
            Row::Inverted(op) => self.vector_binary(false, |this, dst, x, y| {
                this.asm.quick_rrr(op, dst, x, y);
                this.asm.quick_rr(Op::VNOT.size(Size::S8), dst, dst);
            }),
            Row::Narrow(low, high) => self.vector_binary(true, |this, dst, x, y| {
                this.asm.quick_inst(&Inst::r(low, [dst, x]));
                this.asm.quick_inst(&Inst::r(high, [dst, dst, y]));
            }),
            Row::Unary(op, imm) => self.vector_unary(result, |this, dst, x| {
                this.asm.quick_inst(&Inst::r(op, [dst, x]).imm(imm));
            }),
            Row::Pair(first, second) => self.vector_unary(result, |this, dst, x| {
                this.asm.quick_inst(&Inst::r(first, [dst, x]));
                this.asm.quick_inst(&Inst::r(second, [dst, dst]));
            }),
            Row::Three(op) => {
                let (c, b, a) = (self.pop(), self.pop(), self.pop());
                let [x, y, changed] = [a, b, c].map(|value| self.in_reg(value));
                let dst = self.result(RegClass::Vector, [Some(changed), None]);
                self.tied(dst, [x, y], |this, dst| {
                    this.move_reg(dst, changed);
                    this.asm.quick_inst(&Inst::r(op, [dst, dst, x, y]));
                });
                self.release_but([Some(x), Some(y)], dst);
                self.push_vector(dst, changed);
            }
            Row::Replace(op, lane) => {
                let (b, a) = (self.pop(), self.pop());
                let (element, x) = (self.in_reg(b), self.in_reg(a));
                let dst = self.result(RegClass::Vector, [Some(x), None]);
                self.tied(dst, [element; 2], |this, dst| {
                    this.move_reg(dst, x);
                    this.asm.quick_inst(&Inst::r(op, [dst, dst, element]).imm(lane));
                });
                self.release_but([Some(element), None], dst);
                self.push_vector(dst, x);
            }
            Row::Shift(shift) => self.shift_lanes(shift),
            Row::Test(op, cond) => {
                let value = self.pop();
                let x = self.in_reg(value);
                self.asm.quick_rr(op, VECTOR_SCRATCH, x);
                self.asm.quick_rr(Op::FMOV_WS, SCRATCH, VECTOR_SCRATCH);
                self.asm.quick_compare_imm12(Op::CMP_I.s32(), SCRATCH, 0);
                self.release(x);
                self.push_test(Test::Flags(cond));
            }
        }
        true
    }

    pub(in crate::baseline) fn vector_constant(&mut self, bits: u128) {
        let dst = self.result(RegClass::Vector, [None, None]);
        self.put_vector(dst, bits);
        self.push_reg(Type::V128, dst);
    }

    fn put_vector(&mut self, dst: Reg, bits: u128) {
        if let Some((op, imm)) = vector_immediate(bits) {
            return self.asm.ri(op, dst, imm);
        }
        let constant = self.asm.constant_id(bits, 16);
        self.asm.rm(Op::LDR_Q, dst, Mem::constant(constant));
    }

    pub(in crate::baseline) fn shuffle(&mut self, order: [u8; 16]) {
        let [.., a, b] = self.stack[..] else { unreachable!("validation has counted the operands") };
        let are_same = a.place == b.place && matches!(a.place, Place::Local(_));
        match vectors::shuffle(order, are_same) {
            Shuffle::Binary(op, imm) => self.vector_binary(false, |this, dst, x, y| {
                this.asm.quick_inst(&Inst::r(op, [dst, x, y]).imm(imm));
            }),
            Shuffle::Table(operand, order) => {
                let (b, a) = (self.pop(), self.pop());
                let (used, other) = if operand == 0 { (a, b) } else { (b, a) };
                self.discard(other);
                self.vector_unary_of(used, Type::V128, |this, dst, x| {
                    this.put_vector(VECTOR_SCRATCH, order);
                    this.asm.quick_rrr(Op::VTBL, dst, x, VECTOR_SCRATCH);
                });
            }
            Shuffle::Tables([first, second]) => self.vector_binary(true, |this, dst, x, y| {
                this.put_vector(VECTOR_SCRATCH, first);
                this.asm.quick_rrr(Op::VTBL, dst, x, VECTOR_SCRATCH);
                this.put_vector(VECTOR_SCRATCH, second);
                this.asm.quick_inst(&Inst::r(Op::VTBX, [dst, dst, y, VECTOR_SCRATCH]));
            }),
        }
    }

    /// A load from memory 0; `false`: it is not made here.
    pub(in crate::baseline) fn vector_load(&mut self, cx: Context<'_>, op: Opcode, offset: u64) -> bool {
        let Some((load, then)) = vectors::load(op) else { return false };
        if !self.is_guarded(cx, offset) {
            return false;
        }
        let dst = self.load_from_memory(Type::V128, (load, op.info().bytes.into()), offset as u32);
        if let Some(then) = then {
            self.asm.quick_inst(&Inst::r(then, [dst, dst]));
        }
        self.push_reg(Type::V128, dst);
        true
    }

    /// An access to a lane in memory 0; `false`: it is not made here.
    pub(in crate::baseline) fn lane_access(&mut self, cx: Context<'_>, access: &LaneAccess) -> bool {
        let offset = access.memarg.offset;
        if !self.is_guarded(cx, offset) {
            return false;
        }
        let bytes = u32::from(access.op.info().bytes);
        let size = Size::ALL[bytes.trailing_zeros() as usize];
        let (load, store) = match size {
            Size::S8 => (Op::LDR_B, Op::STR_B),
            Size::S16 => (Op::LDR_H, Op::STR_H),
            Size::S32 => (Op::LDR_S, Op::STR_S),
            Size::S64 => (Op::LDR_D, Op::STR_D),
        };
        let lane = access.lane.into();
        let (vector, index) = (self.pop(), self.pop());
        let x = self.in_reg(vector);
        let (index, held) = self.index(index, offset as u32);
        if access.is_store {
            self.asm.quick_inst(&Inst::r(Op::VDUP_F.size(size), [VECTOR_SCRATCH, x]).imm(lane));
            self.store_at_address((store, bytes), VECTOR_SCRATCH, index);
            self.release_but([held, Some(x)], Reg::NONE);
        } else {
            let dst = self.result(RegClass::Vector, [Some(x), None]);
            let address = self.address(index);
            self.access_at(load, bytes, VECTOR_SCRATCH, &address);
            self.move_reg(dst, x);
            self.asm.quick_inst(&Inst::r(Op::VINS.size(size), [dst, dst, VECTOR_SCRATCH]).imm(lane));
            self.release_but([held, None], dst);
            self.push_vector(dst, x);
        }
        true
    }

    /// The two topmost operands in registers, and that of a result, to which `emit` brings them; if it writes there before it has read the second one, it
    /// is given another register.
    fn vector_binary(&mut self, writes_early: bool, emit: impl FnOnce(&mut Self, Reg, Reg, Reg)) {
        let (b, a) = (self.pop(), self.pop());
        let [x, y] = [a, b].map(|value| self.in_reg(value));
        let shared = if writes_early { None } else { Some(y) };
        let dst = self.result(RegClass::Vector, [Some(x), shared]);
        if writes_early && dst == y {
            let other = self.alloc(RegClass::Vector);
            emit(self, other, x, y);
            self.asm.quick_copy(dst, other);
            self.release(other);
        } else {
            emit(self, dst, x, y);
        }
        self.release_but([Some(y), None], dst);
        self.push_vector(dst, x);
    }

    /// The topmost operand in a register, and that of a result, to which `emit` brings it.
    fn vector_unary(&mut self, result: Type, emit: impl FnOnce(&mut Self, Reg, Reg)) {
        let value = self.pop();
        self.vector_unary_of(value, result, emit);
    }

    fn vector_unary_of(&mut self, value: Value, result: Type, emit: impl FnOnce(&mut Self, Reg, Reg)) {
        let x = self.in_reg(value);
        let dst = self.result(class_of(result), [Some(x), None]);
        emit(self, dst, x);
        self.release_but([Some(x), None], dst);
        self.push_reg(result, dst);
    }

    /// Emits what writes a result before it has read these operands: to the scratch register, if the result's is one of theirs.
    fn tied(&mut self, dst: Reg, operands: [Reg; 2], emit: impl FnOnce(&mut Self, Reg)) {
        if operands.contains(&dst) {
            emit(self, VECTOR_SCRATCH);
            self.asm.quick_copy(dst, VECTOR_SCRATCH);
        } else {
            emit(self, dst);
        }
    }

    fn shift_lanes(&mut self, shift: LaneShift) {
        let LaneShift { by_imm, by_vector, right, size } = shift;
        let mask = u32::from(size.bits()) - 1;
        let (b, a) = (self.pop(), self.pop());
        if let Place::Const(count) = b.place {
            return self.vector_unary_of(a, Type::V128, |this, dst, x| match count as u32 & mask {
                // There is no shift right by nothing.
                0 => this.move_reg(dst, x),
                count => this.asm.quick_inst(&Inst::r(by_imm.size(size), [dst, x]).imm(count as i32)),
            });
        }
        let (count, x) = (self.in_reg(b), self.in_reg(a));
        let dst = self.result(RegClass::Vector, [Some(x), None]);
        let mask = encode_bitmask(mask.into(), Size::S32).expect("ones at the bottom are a bitmask");
        self.asm.quick_inst(&Inst::r(Op::AND_I.s32(), [SCRATCH, count]).imm(mask.into()));
        if right {
            // To the right is to the left by less than nothing.
            self.asm.emit_plain(&Inst::r(Op::NEG.s64(), [SCRATCH, SCRATCH]));
        }
        self.asm.quick_inst(&Inst::r(Op::VDUP_G.size(size), [VECTOR_SCRATCH, SCRATCH]));
        self.asm.quick_rrr(by_vector.size(size), dst, x, VECTOR_SCRATCH);
        self.release(count);
        self.push_vector(dst, x);
    }

    /// Pushes a result and gives back what an operand had.
    fn push_vector(&mut self, dst: Reg, operand: Reg) {
        self.release_but([Some(operand), None], dst);
        self.push_reg(Type::V128, dst);
    }
}
