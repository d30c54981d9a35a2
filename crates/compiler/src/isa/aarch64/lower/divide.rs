//! Division by a constant, by multiplication: T. Granlund and P. L. Montgomery, "Division by Invariant Integers using Multiplication"
//! (PLDI 1994); for 32 unsigned bits D. Lemire et al., "Faster remainder by direct computation" (2019), whose reciprocal of 64 bits makes
//! the upper half of one product the quotient.

use super::Lower;
use super::int::Division;
use crate::ir::Value;
use crate::isa::aarch64::imm::encode_bitmask;
use crate::isa::aarch64::inst::Inst;
use crate::isa::aarch64::row::{Op, Shift, Size, SizedOp};
use crate::isa::reg::{Reg, RegClass};

impl Lower<'_> {
    /// Lowers a division by a constant without dividing; `false`: not by this one.
    pub(super) fn divide_by_constant(
        &mut self,
        value: Value,
        a: Value,
        divisor: u64,
        how: Division,
        size: Size,
    ) -> bool {
        let signed_divisor = if size == Size::S32 { i64::from(divisor as i32) } else { divisor as i64 };
        let magnitude = if how.signed { signed_divisor.unsigned_abs() } else { divisor };
        // -1 overflows, 0 traps.
        if divisor == 0 || how.signed && signed_divisor == -1 {
            return false;
        }
        let dst = self.def(value);
        let x = self.reg_of(a, size);
        if magnitude == 1 {
            if how.remainder {
                let zero = self.int_constant(0);
                self.push_copy(Inst::r(Op::MOV.s64(), [dst, zero]));
            } else {
                self.push(Inst::r(Op::MOV.size(size), [dst, x]));
            }
            return true;
        }
        if !how.signed && magnitude.is_power_of_two() {
            let shift = magnitude.trailing_zeros() as i32;
            if !how.remainder {
                self.push(Inst::r(Op::LSR_I.size(size), [dst, x]).imm(shift));
            } else {
                let mask = encode_bitmask(magnitude - 1, size).expect("ones at the bottom are a bitmask");
                self.push(Inst::r(Op::AND_I.size(size), [dst, x]).imm(mask.into()));
            }
            return true;
        }
        let quotient = if how.remainder { self.temp(RegClass::Int) } else { dst };
        match (how.signed, magnitude.is_power_of_two()) {
            (true, true) => self.signed_by_power(quotient, x, signed_divisor, size),
            (true, false) => self.signed_by(quotient, x, signed_divisor, size),
            (false, _) if size == Size::S32 => {
                // Everything fits: floor(2^64 / d) + 1 is exact for all 32-bit dividends. They need a clear upper half.
                let zero_extended = self.temp(RegClass::Int);
                self.push(Inst::r(Op::MOV.s32(), [zero_extended, x]));
                let reciprocal = (u128::from(u64::MAX) + 1) / u128::from(magnitude) + 1;
                let high = self.high_product(zero_extended, reciprocal as u64, false);
                self.push_copy(Inst::r(Op::MOV.s64(), [quotient, high]));
            }
            (false, _) => self.unsigned_64_by(quotient, x, magnitude),
        }
        if how.remainder {
            let divisor = self.int_constant(divisor);
            self.push(Inst::r(Op::MSUB.size(size), [dst, quotient, divisor, x]));
        }
        true
    }

    /// A new register with the result of an operation.
    fn binary(&mut self, op: Op, x: Reg, y: Reg) -> Reg {
        let dst = self.temp(RegClass::Int);
        self.push(Inst::r(op, [dst, x, y]));
        dst
    }

    fn shift_by(&mut self, op: SizedOp, size: Size, x: Reg, count: u32) -> Reg {
        if count == 0 {
            return x;
        }
        let dst = self.temp(RegClass::Int);
        self.push(Inst::r(op.size(size), [dst, x]).imm(count as i32));
        dst
    }

    /// The upper 64 bits of a product.
    fn high_product(&mut self, x: Reg, factor: u64, signed: bool) -> Reg {
        let factor = self.int_constant(factor);
        self.binary(if signed { Op::SMULH } else { Op::UMULH }, x, factor)
    }

    /// x / ±2^k: negative dividends are rounded up by adding 2^k - 1.
    fn signed_by_power(&mut self, dst: Reg, x: Reg, divisor: i64, size: Size) {
        let shift = divisor.unsigned_abs().trailing_zeros();
        let bits = u32::from(size.bits());
        let sign = self.shift_by(Op::ASR_I, size, x, shift - 1);
        let sum = self.temp(RegClass::Int);
        self.push(Inst::r(Op::ADD_S.size(size), [sum, x, sign]).shift(Shift::Lsr, (bits - shift) as u8));
        self.finish_signed(dst, sum, shift, divisor < 0, size);
    }

    /// Shifts right and negates.
    fn finish_signed(&mut self, dst: Reg, x: Reg, shift: u32, negate: bool, size: Size) {
        if negate {
            self.push(Inst::r(Op::NEG.size(size), [dst, x]).shift(Shift::Asr, shift as u8));
        } else {
            self.push(Inst::r(Op::ASR_I.size(size), [dst, x]).imm(shift as i32));
        }
    }

    fn signed_by(&mut self, dst: Reg, x: Reg, divisor: i64, size: Size) {
        let magnitude = divisor.unsigned_abs();
        let bits = u32::from(size.bits());
        let log = 64 - (magnitude - 1).leading_zeros();
        // floor(2^(bits + log - 1) / d) + 1, between 2^(bits - 1) and 2^bits.
        let reciprocal = (1_u128 << (bits + log - 1)) / u128::from(magnitude) + 1;
        let shifted = if size == Size::S32 {
            let wide = self.temp(RegClass::Int);
            self.push(Inst::r(Op::SXTW, [wide, x]));
            let factor = self.int_constant(reciprocal as u64);
            let product = self.binary(Op::MUL.s64(), wide, factor);
            self.shift_by(Op::ASR_I, Size::S64, product, bits + log - 1)
        } else {
            // The reciprocal is taken as a negative number, 2^64 too small.
            let high = self.high_product(x, reciprocal as u64, true);
            let sum = self.binary(Op::ADD_S.size(size), high, x);
            self.shift_by(Op::ASR_I, size, sum, log - 1)
        };
        // Plus one for a negative dividend: minus its sign.
        if divisor < 0 {
            let sign = self.shift_by(Op::ASR_I, size, x, bits - 1);
            self.push(Inst::r(Op::SUB_S.size(size), [dst, sign, shifted]));
        } else {
            self.push(Inst::r(Op::SUB_S.size(size), [dst, shifted, x]).shift(Shift::Asr, bits as u8 - 1));
        }
    }

    fn unsigned_64_by(&mut self, dst: Reg, x: Reg, divisor: u64) {
        let log = 64 - (divisor - 1).leading_zeros();
        let reciprocal = ((((1_u128 << log) - u128::from(divisor)) << 64) / u128::from(divisor) + 1) as u64;
        let high = self.high_product(x, reciprocal, false);
        let rest = self.binary(Op::SUB_S.s64(), x, high);
        let sum = self.temp(RegClass::Int);
        self.push(Inst::r(Op::ADD_S.s64(), [sum, high, rest]).shift(Shift::Lsr, 1));
        self.push(Inst::r(Op::LSR_I.s64(), [dst, sum]).imm(log as i32 - 1));
    }
}
