//! Arithmetic, shifts and comparisons that are more than one instruction.

use super::super::Lower;
use crate::ir::{Opcode, Value};
use crate::isa::reg::{Reg, RegClass};
use crate::isa::x64::features::Features;
use crate::isa::x64::inst::Inst;
use crate::isa::x64::row::Op;
use crate::isa::x64::vectors::{UPPER, lanes8, lanes16, lanes32, lanes64};

/// The halves of a vector, as widening instructions take them.
#[derive(Clone, Copy)]
enum Half {
    Low,
    High,
}

/// The direction of a shift.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shift {
    Left,
    RightSigned,
    RightUnsigned,
}

/// `pshufd`: each upper half of 64 bits to its lower one, too.
const UPPER_HALVES: i32 = 0xf5;

impl Lower<'_> {
    pub(super) fn vector_arith(&mut self, value: Value) -> bool {
        use Half::{High, Low};
        use Opcode::*;
        use Shift::{Left, RightSigned, RightUnsigned};
        let inst = *self.func.inst(value);
        let (a, b, c) = (self.operand(inst.a), self.operand(inst.b), self.operand(inst.c));
        match inst.op {
            I64x2Abs => {
                let dst = self.def(value);
                let x = self.reg(a);
                let signs = self.vec_unary(Op::PSRAD_I, x, 31);
                let signs = self.vec_unary(Op::PSHUFD, signs, UPPER_HALVES);
                let flipped = self.vec(Op::PXOR, x, signs);
                self.push(Inst::r(Op::PSUBQ, [dst, flipped, signs]));
            }
            I8x16Popcnt => self.count_bytes(value, a),
            I64x2Mul => self.multiply_64(value, a, b),
            I16x8Q15MulrSatS | I16x8RelaxedQ15mulrS => {
                // Only the smallest number squared is too large: its result is the smallest number, and is inverted.
                let dst = self.def(value);
                let (x, y) = (self.reg(a), self.reg(b));
                let product = self.vec(Op::PMULHRSW, x, y);
                let wrong = self.vec_by(Op::PCMPEQW, product, lanes16(0x8000));
                self.push(Inst::r(Op::PXOR, [dst, product, wrong]));
            }
            I16x8ExtMulLowI8x16S => self.multiply_halves(value, a, b, Op::PMOVSXBW, Low, Op::PMULLW),
            I16x8ExtMulHighI8x16S => self.multiply_halves(value, a, b, Op::PMOVSXBW, High, Op::PMULLW),
            I16x8ExtMulLowI8x16U => self.multiply_halves(value, a, b, Op::PMOVZXBW, Low, Op::PMULLW),
            I16x8ExtMulHighI8x16U => self.multiply_halves(value, a, b, Op::PMOVZXBW, High, Op::PMULLW),
            I32x4ExtMulLowI16x8S => self.multiply_halves(value, a, b, Op::PMOVSXWD, Low, Op::PMULLD),
            I32x4ExtMulHighI16x8S => self.multiply_halves(value, a, b, Op::PMOVSXWD, High, Op::PMULLD),
            I32x4ExtMulLowI16x8U => self.multiply_halves(value, a, b, Op::PMOVZXWD, Low, Op::PMULLD),
            I32x4ExtMulHighI16x8U => self.multiply_halves(value, a, b, Op::PMOVZXWD, High, Op::PMULLD),
            I64x2ExtMulLowI32x4S => self.multiply_dwords(value, a, b, 0x50, Op::PMULDQ),
            I64x2ExtMulHighI32x4S => self.multiply_dwords(value, a, b, 0xfa, Op::PMULDQ),
            I64x2ExtMulLowI32x4U => self.multiply_dwords(value, a, b, 0x50, Op::PMULUDQ),
            I64x2ExtMulHighI32x4U => self.multiply_dwords(value, a, b, 0xfa, Op::PMULUDQ),
            I16x8ExtAddPairwiseI8x16S => {
                // Unsigned ones times signed bytes.
                let dst = self.def(value);
                let x = self.reg(a);
                let ones = self.vec_const(lanes8(1));
                self.push(Inst::r(Op::PMADDUBSW, [dst, ones, x]));
            }
            I32x4ExtAddPairwiseI16x8U => {
                // As signed numbers each is 2^15 less.
                let x = self.reg(a);
                let signed = self.vec_by(Op::PXOR, x, lanes16(0x8000));
                let sum = self.vec_by(Op::PMADDWD, signed, lanes16(1));
                let dst = self.def(value);
                self.push_const(Op::PADDD, dst, sum, lanes32(0x1_0000));
            }
            F32x4Min | F32x4RelaxedMin => self.vector_min_max(value, a, b, [Op::MINPS, Op::ORPS], Op::CMPPS, true),
            F32x4Max | F32x4RelaxedMax => self.vector_min_max(value, a, b, [Op::MAXPS, Op::ANDPS], Op::CMPPS, true),
            F64x2Min | F64x2RelaxedMin => self.vector_min_max(value, a, b, [Op::MINPD, Op::ORPD], Op::CMPPD, false),
            F64x2Max | F64x2RelaxedMax => self.vector_min_max(value, a, b, [Op::MAXPD, Op::ANDPD], Op::CMPPD, false),
            F32x4RelaxedMadd => return self.fused(value, [a, b, c], Op::VFMADD213PS),
            F32x4RelaxedNmadd => return self.fused(value, [a, b, c], Op::VFNMADD213PS),
            F64x2RelaxedMadd => return self.fused(value, [a, b, c], Op::VFMADD213PD),
            F64x2RelaxedNmadd => return self.fused(value, [a, b, c], Op::VFNMADD213PD),
            I16x8RelaxedDotI8x16I7x16S => {
                let dst = self.def(value);
                self.dot_bytes(dst, a, b);
            }
            I32x4RelaxedDotI8x16I7x16AddS => {
                let dot = self.temp_v128();
                self.dot_bytes(dot, a, b);
                let sums = self.vec_by(Op::PMADDWD, dot, lanes16(1));
                let dst = self.def(value);
                let c = self.reg(c);
                self.push(Inst::r(Op::PADDD, [dst, sums, c]));
            }
            I64x2GtS => self.greater_64(value, a, b, false),
            I64x2LtS => self.greater_64(value, b, a, false),
            I64x2LeS => self.greater_64(value, a, b, true),
            I64x2GeS => self.greater_64(value, b, a, true),
            I8x16Shl => self.shift_bytes(value, a, b, Left),
            I8x16ShrS => self.shift_bytes(value, a, b, RightSigned),
            I8x16ShrU => self.shift_bytes(value, a, b, RightUnsigned),
            I64x2ShrS => {
                // The sign bit ends up at the place m; (x ^ m) - m extends it.
                let x = self.reg(a);
                let count = self.count(b, 63);
                let shifted = self.vec(Op::PSRLQ, x, count);
                let sign = self.vec_const(lanes64(1 << 63));
                let sign = self.vec(Op::PSRLQ, sign, count);
                let flipped = self.vec(Op::PXOR, shifted, sign);
                let dst = self.def(value);
                self.push(Inst::r(Op::PSUBQ, [dst, flipped, sign]));
            }
            _ => return false,
        }
        true
    }

    /// Whether 64-bit lanes are greater, or are not.
    fn greater_64(&mut self, value: Value, a: Value, b: Value, inverted: bool) {
        let (x, y) = (self.reg(a), self.reg(b));
        let dst = self.def(value);
        let greater = if inverted { self.temp_v128() } else { dst };
        if self.has(Features::SSE42) {
            self.push(Inst::r(Op::PCMPGTQ, [greater, x, y]));
        } else {
            // The upper halves decide, or where they are equal the borrow of the difference.
            let difference = self.vec(Op::PSUBQ, y, x);
            let equal = self.vec(Op::PCMPEQD, x, y);
            let borrowed = self.vec(Op::PAND, equal, difference);
            let above = self.vec(Op::PCMPGTD, x, y);
            let either = self.vec(Op::POR, borrowed, above);
            self.push(Inst::r(Op::PSHUFD, [greater, either]).imm(UPPER_HALVES));
        }
        if inverted {
            self.push_const(Op::PXOR, dst, greater, u128::MAX);
        }
    }

    /// Ones in each byte, four bits at a time from a table.
    fn count_bytes(&mut self, value: Value, a: Value) {
        const TABLE: [u8; 16] = [0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4];
        let x = self.reg(a);
        let low = self.vec_by(Op::PAND, x, lanes8(15));
        let shifted = self.vec_unary(Op::PSRLW_I, x, 4);
        let high = self.vec_by(Op::PAND, shifted, lanes8(15));
        let table = self.vec_const(u128::from_le_bytes(TABLE));
        let (low, high) = (self.vec(Op::PSHUFB, table, low), self.vec(Op::PSHUFB, table, high));
        let dst = self.def(value);
        self.push(Inst::r(Op::PADDB, [dst, low, high]));
    }

    /// 64-bit products: the lower halves', and the mixed ones 32 bits up.
    fn multiply_64(&mut self, value: Value, a: Value, b: Value) {
        let (x, y) = (self.reg(a), self.reg(b));
        let (x_high, y_high) = (self.vec_unary(Op::PSRLQ_I, x, 32), self.vec_unary(Op::PSRLQ_I, y, 32));
        let (one, other) = (self.vec(Op::PMULUDQ, x_high, y), self.vec(Op::PMULUDQ, y_high, x));
        let mixed = self.vec(Op::PADDQ, one, other);
        let mixed = self.vec_unary(Op::PSLLQ_I, mixed, 32);
        let low = self.vec(Op::PMULUDQ, x, y);
        let dst = self.def(value);
        self.push(Inst::r(Op::PADDQ, [dst, low, mixed]));
    }

    /// Widens one half of both operands and multiplies.
    fn multiply_halves(&mut self, value: Value, a: Value, b: Value, widen: Op, half: Half, multiply: Op) {
        let widened = [a, b].map(|operand| {
            let x = self.reg(operand);
            let x = match half {
                Half::Low => x,
                Half::High => self.vec_unary(Op::PSHUFD, x, UPPER),
            };
            self.vec_unary(widen, x, 0)
        });
        let dst = self.def(value);
        self.push(Inst::r(multiply, [dst, widened[0], widened[1]]));
    }

    /// Moves two 32-bit lanes of each operand to the even places and multiplies those.
    fn multiply_dwords(&mut self, value: Value, a: Value, b: Value, places: i32, multiply: Op) {
        let moved = [a, b].map(|operand| {
            let x = self.reg(operand);
            self.vec_unary(Op::PSHUFD, x, places)
        });
        let dst = self.def(value);
        self.push(Inst::r(multiply, [dst, moved[0], moved[1]]));
    }

    /// Products of signed bytes, those of neighbours added with saturation.
    fn dot_bytes(&mut self, dst: Reg, a: Value, b: Value) {
        let (x, y) = (self.reg(a), self.reg(b));
        let sums = [Half::Low, Half::High].map(|half| {
            let widened = [x, y].map(|x| {
                let x = match half {
                    Half::Low => x,
                    Half::High => self.vec_unary(Op::PSHUFD, x, UPPER),
                };
                self.vec_unary(Op::PMOVSXBW, x, 0)
            });
            self.vec(Op::PMADDWD, widened[0], widened[1])
        });
        self.push(Inst::r(Op::PACKSSDW, [dst, sums[0], sums[1]]));
    }

    /// As for scalars: both orders give the right zero, and a NaN is the mask of unordered lanes less its low bits.
    fn vector_min_max(&mut self, value: Value, a: Value, b: Value, ops: [Op; 2], compare: Op, is_f32: bool) {
        const UNORDERED: i32 = 3;
        let (x, y) = (self.reg(a), self.reg(b));
        let [op, join] = ops;
        let (one, other) = (self.vec(op, x, y), self.vec(op, y, x));
        let number = self.vec(join, one, other);
        let unordered = self.vec_imm(compare, x, y, UNORDERED);
        let all = self.vec(Op::ORPS, number, unordered);
        let (shift, kept) = if is_f32 { (Op::PSRLD_I, 10) } else { (Op::PSRLQ_I, 13) };
        let low = self.vec_unary(shift, unordered, kept);
        let dst = self.def(value);
        self.push(Inst::r(Op::ANDNPS, [dst, low, all]));
    }

    /// `±a * b + c`, rounded once; `false` where the CPU cannot.
    fn fused(&mut self, value: Value, operands: [Value; 3], op: Op) -> bool {
        if !self.has(Features::FMA) {
            return false;
        }
        let [a, b, c] = operands.map(|operand| self.reg(operand));
        let dst = self.def(value);
        self.push(Inst::r(op, [dst, a, b, c]));
        true
    }

    /// The count of a shift in a vector register.
    pub(super) fn count(&mut self, count: Value, mask: i32) -> Reg {
        let count = self.low(count);
        let (masked, moved) = (self.temp(RegClass::Int), self.temp_v128());
        self.push(Inst::r(Op::AND_I.s32(), [masked, count]).imm(mask));
        self.push(Inst::r(Op::MOVD_TO_X, [moved, masked]));
        moved
    }

    /// Bytes are shifted as words. By a constant, what comes over from the neighbour is masked; else each byte becomes a word.
    fn shift_bytes(&mut self, value: Value, a: Value, b: Value, shift: Shift) {
        let x = self.reg(a);
        let constant = self.func.int_const(b).map(|count| count as u32 & 7);
        if let (Some(count), true) = (constant, shift != Shift::RightSigned) {
            let (op, mask) = match shift {
                Shift::Left => (Op::PSLLW_I, 0xff_u8 << count),
                _ => (Op::PSRLW_I, 0xff_u8 >> count),
            };
            let shifted = self.vec_unary(op, x, count as i32);
            let dst = self.def(value);
            return self.push_const(Op::PAND, dst, shifted, lanes8(mask));
        }
        let count = self.low(b);
        let (masked, moved) = (self.temp(RegClass::Int), self.temp_v128());
        self.push(Inst::r(Op::AND_I.s32(), [masked, count]).imm(7));
        self.push(Inst::r(Op::MOVD_TO_X, [moved, masked]));
        // A byte in the upper half of a word, with itself below for the sign; shifted by 8 more it is a word with the result.
        let other = if shift == Shift::RightSigned { x } else { self.vec_zero() };
        let (low, high) = (self.vec(Op::PUNPCKLBW, x, other), self.vec(Op::PUNPCKHBW, x, other));
        let halves = [low, high].map(|half| match shift {
            Shift::Left => {
                let shifted = self.vec(Op::PSLLW, half, moved);
                self.vec_by(Op::PAND, shifted, lanes16(0xff))
            }
            Shift::RightUnsigned => self.vec(Op::PSRLW, half, moved),
            Shift::RightSigned => {
                let word = self.vec_unary(Op::PSRAW_I, half, 8);
                self.vec(Op::PSRAW, word, moved)
            }
        });
        let pack = if shift == Shift::RightSigned { Op::PACKSSWB } else { Op::PACKUSWB };
        let dst = self.def(value);
        self.push(Inst::r(pack, [dst, halves[0], halves[1]]));
    }
}
