//! Opcodes that have a [`Row`].

use super::super::Lower;
use crate::ir::Value;
use crate::isa::reg::RegClass;
use crate::isa::x64::inst::Inst;
use crate::isa::x64::row::{Cond, Op};
use crate::isa::x64::vectors::{Row, SWIZZLE_LIMIT, UPPER};

impl Lower<'_> {
    pub(super) fn vector_row(&mut self, value: Value, row: Row) {
        let inst = *self.func.inst(value);
        let (a, b, c) = (self.operand(inst.a), self.operand(inst.b), self.operand(inst.c));
        match row {
            Row::Binary(op, imm) => self.vector_binary(value, a, b, op, imm),
            Row::InsertFloat(op, imm) => {
                let dst = self.def(value);
                let (vector, element) = (self.reg(a), self.reg(b));
                self.push(Inst::r(op, [dst, vector, element]).imm(imm));
            }
            Row::Swapped(op, imm) => self.vector_binary(value, b, a, op, imm),
            Row::Unary(op, imm) => {
                let dst = self.def(value);
                let x = self.reg(a);
                self.push(Inst::r(op, [dst, x]).imm(imm));
            }
            Row::Extended(op, imm, extend) => {
                let x = self.reg(a);
                let narrow = self.temp(RegClass::Int);
                self.push(Inst::r(op, [narrow, x]).imm(imm));
                let dst = self.def(value);
                self.push(Inst::r(extend, [dst, narrow]));
            }
            Row::Twice(op, imm) => {
                let dst = self.def(value);
                let x = self.reg(a);
                self.push(Inst::r(op, [dst, x, x]).imm(imm));
            }
            Row::Upper(op) => {
                let x = self.reg(a);
                let upper = self.vec_unary(Op::PSHUFD, x, UPPER);
                let dst = self.def(value);
                self.push(Inst::r(op, [dst, upper]));
            }
            Row::WithConst(op, bits) => {
                let dst = self.def(value);
                let x = self.reg(a);
                self.push_const(op, dst, x, bits);
            }
            Row::Negated(op) => {
                let dst = self.def(value);
                let x = self.reg(a);
                let zero = self.vec_zero();
                self.push(Inst::r(op, [dst, zero, x]));
            }
            Row::Inverted(op) => {
                let (x, y) = (self.reg(a), self.reg(b));
                let other = self.vec(op, x, y);
                let dst = self.def(value);
                self.push_const(Op::PXOR, dst, other, u128::MAX);
            }
            Row::IsExtreme(extreme, equal, inverted) => {
                let (x, y) = (self.reg(a), self.reg(b));
                let extreme = self.vec(extreme, x, y);
                let dst = self.def(value);
                if inverted {
                    let is = self.vec(equal, extreme, x);
                    self.push_const(Op::PXOR, dst, is, u128::MAX);
                } else {
                    self.push(Inst::r(equal, [dst, extreme, x]));
                }
            }
            Row::Shift(mask, by_imm, by_reg) => {
                let x = self.reg(a);
                if let Some(count) = self.func.int_const(b) {
                    let dst = self.def(value);
                    return self.push(Inst::r(by_imm, [dst, x]).imm(count as i32 & mask));
                }
                let count = self.count(b, mask);
                let dst = self.def(value);
                self.push(Inst::r(by_reg, [dst, x, count]));
            }
            Row::Splat(mov, steps) => {
                let mut lane = self.moved(a, mov);
                for (step, &(op, imm)) in steps.iter().enumerate() {
                    let dst = if step + 1 == steps.len() { self.def(value) } else { self.temp_v128() };
                    self.push(Inst::r(op, [dst, lane]).imm(imm));
                    lane = dst;
                }
            }
            Row::Lowest => {
                let dst = self.def(value);
                let x = self.reg(a);
                self.push_copy(Inst::r(Op::MOVAPS_RM, [dst, x]));
            }
            Row::Insert(op, imm) => {
                let dst = self.def(value);
                let element = self.rm(b, self.func.ty(b).bytes());
                let vector = self.reg(a);
                self.push_rmi(op, [dst, vector], element, imm);
            }
            Row::InsertLow(op, imm) => {
                let dst = self.def(value);
                let (vector, element) = (self.reg(a), self.low(b));
                self.push(Inst::r(op, [dst, vector, element]).imm(imm));
            }
            Row::AllTrue(equal) => {
                let x = self.reg(a);
                let zero = self.vec_zero();
                let zeros = self.vec(equal, x, zero);
                self.push(Inst::r(Op::PTEST, [zeros, zeros]));
                self.flag(value, Cond::E);
            }
            Row::AnyTrue => {
                let x = self.reg(a);
                self.push(Inst::r(Op::PTEST, [x, x]));
                self.flag(value, Cond::Ne);
            }
            Row::Bitselect => {
                let dst = self.def(value);
                let (a, b, mask) = (self.reg(a), self.reg(b), self.reg(c));
                let (yes, no) = (self.vec(Op::PAND, a, mask), self.vec(Op::PANDN, mask, b));
                self.push(Inst::r(Op::POR, [dst, yes, no]));
            }
            Row::Swizzle => {
                let (x, lanes) = (self.reg(a), self.reg(b));
                let lanes = self.vec_by(Op::PADDUSB, lanes, SWIZZLE_LIMIT);
                let dst = self.def(value);
                self.push(Inst::r(Op::PSHUFB, [dst, x, lanes]));
            }
        }
    }

    fn vector_binary(&mut self, value: Value, a: Value, b: Value, op: Op, imm: i32) {
        let dst = self.def(value);
        let second = self.rm(b, 16);
        let first = self.reg(a);
        self.push_rmi(op, [dst, first], second, imm);
    }

    /// A condition on the flags as a number.
    fn flag(&mut self, value: Value, cond: Cond) {
        let byte = self.temp(RegClass::Int);
        self.push(Inst::r(Op::SETCC, [byte]).cond(cond));
        let dst = self.def(value);
        self.push(Inst::r(Op::MOVZX_8.s32(), [dst, byte]));
    }
}
