//! Conversions between vectors of integers and of floats.

use super::super::Lower;
use crate::ir::{Opcode, Value};
use crate::isa::x64::inst::Inst;
use crate::isa::x64::row::Op;
use crate::isa::x64::vectors::{lanes32, lanes64};

/// Comparisons of `cmpps` and `cmppd`.
const EQUAL: i32 = 0;
const LESS_OR_EQUAL: i32 = 2;

const fn f32s(number: f32) -> u128 {
    lanes32(number.to_bits())
}

const fn f64s(number: f64) -> u128 {
    lanes64(number.to_bits())
}

impl Lower<'_> {
    pub(super) fn vector_convert(&mut self, value: Value) -> bool {
        use Opcode::*;
        let a = self.operand(self.func.inst(value).a);
        match self.func.inst(value).op {
            F32x4ConvertI32x4U => {
                // Both halves are exact; their sum is rounded once.
                let x = self.reg(a);
                let low = self.vec_by(Op::PAND, x, lanes32(0xffff));
                let high = self.vec_unary(Op::PSRLD_I, x, 16);
                let (low, high) = (self.vec_unary(Op::CVTDQ2PS, low, 0), self.vec_unary(Op::CVTDQ2PS, high, 0));
                let high = self.vec_by(Op::MULPS, high, f32s(65536.0));
                let dst = self.def(value);
                self.push(Inst::r(Op::ADDPS, [dst, low, high]));
            }
            F64x2ConvertLowI32x4U => {
                // As the lowest bits of 2^52 and what is added to it.
                const UPPER: u32 = 0x4330_0000;
                let x = self.reg(a);
                let number = self.vec_by(Op::UNPCKLPS, x, lanes32(UPPER));
                let dst = self.def(value);
                self.push_const(Op::SUBPD, dst, number, lanes64((UPPER as u64) << 32));
            }
            I32x4TruncSatF32x4S | I32x4RelaxedTruncF32x4S => {
                let x = self.reg(a);
                let ordered = self.vec_imm(Op::CMPPS, x, x, EQUAL);
                let number = self.vec(Op::ANDPS, ordered, x);
                let converted = self.vec_unary(Op::CVTTPS2DQ, number, 0);
                // What is too large became the smallest integer; its complement is the greatest.
                let limit = self.vec_const(f32s(2_147_483_648.0));
                let above = self.vec_imm(Op::CMPPS, limit, number, LESS_OR_EQUAL);
                let dst = self.def(value);
                self.push(Inst::r(Op::PXOR, [dst, converted, above]));
            }
            I32x4TruncSatF32x4U | I32x4RelaxedTruncF32x4U => {
                // The part below 2^31, or the smallest integer for all that is above; and what is above, with saturation, or 0.
                let x = self.reg(a);
                let zero = self.vec_zero();
                let number = self.vec(Op::MAXPS, x, zero);
                let limit = self.vec_const(f32s(2_147_483_648.0));
                let below = self.vec_unary(Op::CVTTPS2DQ, number, 0);
                let rest = self.vec(Op::SUBPS, number, limit);
                let too_large = self.vec_imm(Op::CMPPS, limit, rest, LESS_OR_EQUAL);
                let above = self.vec_unary(Op::CVTTPS2DQ, rest, 0);
                let above = self.vec(Op::PXOR, above, too_large);
                let zero = self.vec_zero();
                let above = self.vec(Op::PMAXSD, above, zero);
                let dst = self.def(value);
                self.push(Inst::r(Op::PADDD, [dst, below, above]));
            }
            I32x4TruncSatF64x2SZero | I32x4RelaxedTruncF64x2SZero => {
                // The processor gives the second operand of unordered ones: for a NaN the limit with no bits left.
                let x = self.reg(a);
                let ordered = self.vec_imm(Op::CMPPD, x, x, EQUAL);
                let limit = self.vec_by(Op::ANDPD, ordered, f64s(2_147_483_647.0));
                let number = self.vec(Op::MINPD, x, limit);
                let dst = self.def(value);
                self.push(Inst::r(Op::CVTTPD2DQ, [dst, number]));
            }
            I32x4TruncSatF64x2UZero | I32x4RelaxedTruncF64x2UZero => {
                const TRUNCATE: i32 = 11;
                let x = self.reg(a);
                let zero = self.vec_zero();
                let number = self.vec(Op::MAXPD, x, zero);
                let number = self.vec_by(Op::MINPD, number, f64s(4_294_967_295.0));
                let whole = self.vec_unary(Op::ROUNDPD, number, TRUNCATE);
                // Added to 2^52, the integer is what the lowest bits say.
                let bits = self.vec_by(Op::ADDPD, whole, f64s(4_503_599_627_370_496.0));
                let zero = self.vec_zero();
                let dst = self.def(value);
                self.push(Inst::r(Op::SHUFPS, [dst, bits, zero]).imm(0x88));
            }
            _ => return false,
        }
        true
    }
}
