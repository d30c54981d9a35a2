//! Lanes: splats, shuffles and masks that have no row.

use super::super::Lower;
use crate::ir::{Opcode, Value};
use crate::isa::x64::inst::Inst;
use crate::isa::x64::row::Op;
use crate::isa::x64::vectors::{Shuffle, shuffle};

impl Lower<'_> {
    pub(super) fn vector_lanes(&mut self, value: Value) -> bool {
        let inst = *self.func.inst(value);
        let (a, b) = (self.operand(inst.a), self.operand(inst.b));
        match inst.op {
            Opcode::I8x16Splat => {
                let x = self.moved(a, Op::MOVD_TO_X);
                let zero = self.vec_zero();
                let dst = self.def(value);
                self.push(Inst::r(Op::PSHUFB, [dst, x, zero]));
            }
            Opcode::I16x8Bitmask => {
                let x = self.reg(a);
                let zero = self.vec_zero();
                let bytes = self.vec(Op::PACKSSWB, x, zero);
                let dst = self.def(value);
                self.push(Inst::r(Op::PMOVMSKB, [dst, bytes]));
            }
            Opcode::I8x16Shuffle => {
                let mask = self.func.vconsts[inst.c as usize].to_le_bytes();
                self.shuffle(value, [a, b], mask);
            }
            _ => return false,
        }
        true
    }

    /// An integer in the lowest lane of a new register.
    pub(super) fn moved(&mut self, a: Value, op: Op) -> crate::isa::reg::Reg {
        let int = if op == Op::MOVQ_TO_X { self.reg(a) } else { self.low(a) };
        let dst = self.temp_v128();
        self.push(Inst::r(op, [dst, int]));
        dst
    }

    fn shuffle(&mut self, value: Value, operands: [Value; 2], mask: [u8; 16]) {
        match shuffle(mask, operands[0] == operands[1]) {
            Shuffle::Unary(op, operand, imm) => {
                let x = self.reg(operands[operand]);
                let dst = self.def(value);
                self.push(Inst::r(op, [dst, x]).imm(imm));
            }
            Shuffle::Binary(op, order, imm) => {
                let [x, y] = order.map(|operand| self.reg(operands[operand]));
                let dst = self.def(value);
                self.push(Inst::r(op, [dst, x, y]).imm(imm));
            }
            Shuffle::Bytes(operand, mask) => {
                let x = self.reg(operands[operand]);
                let dst = self.def(value);
                self.push_const(Op::PSHUFB, dst, x, mask);
            }
            Shuffle::Joined(masks) => {
                let [x, y] = operands.map(|operand| self.reg(operand));
                let (one, other) = (self.vec_by(Op::PSHUFB, x, masks[0]), self.vec_by(Op::PSHUFB, y, masks[1]));
                let dst = self.def(value);
                self.push(Inst::r(Op::POR, [dst, one, other]));
            }
        }
    }
}
