//! Floats: arithmetic, and conversions from and to integers and each other.
//!
//! A scalar is the lowest lane of its register; what the others hold has no meaning.

use super::{Address, Lower, NO_TRAP, Rm, code};
use crate::ir::{Opcode, Value};
use crate::isa::reg::{Reg, RegClass};
use crate::isa::x64::inst::Inst;
use crate::isa::x64::row::{Cond, Op, Size};
use crate::isa::x64::vcode::{Kind, Own, Test};
use crate::regalloc::{Constraint, Role};
use tiercel_abi::Trap;

/// The width of a float.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Float {
    F32,
    F64,
}

impl Float {
    const fn bytes(self) -> u32 {
        match self {
            Float::F32 => 4,
            Float::F64 => 8,
        }
    }

    /// One of two, by width.
    const fn of<T: Copy>(self, f32: T, f64: T) -> T {
        match self {
            Float::F32 => f32,
            Float::F64 => f64,
        }
    }

    /// The bits of a number that both widths have.
    const fn bits(self, number: f64) -> u128 {
        match self {
            Float::F32 => (number as f32).to_bits() as u128,
            Float::F64 => number.to_bits() as u128,
        }
    }
}

/// `cmpss` and `cmpsd`: neither operand is a NaN.
const ORDERED: i32 = 7;
/// One of them is.
const UNORDERED: i32 = 3;

const TWO_31: f64 = 2_147_483_648.0;
const TWO_32: f64 = 4_294_967_296.0;
const TWO_63: f64 = 9_223_372_036_854_775_808.0;
const TWO_64: f64 = 18_446_744_073_709_551_616.0;

impl Lower<'_> {
    /// Lowers an instruction of this family; `false`: it is of another one.
    pub(super) fn float(&mut self, value: Value) -> bool {
        use Float::{F32, F64};
        use Opcode::*;
        let inst = *self.func.inst(value);
        let (a, b) = (self.operand(inst.a), self.operand(inst.b));
        match inst.op {
            F32Add => self.float_binary(value, a, b, Op::ADDSS, F32),
            F64Add => self.float_binary(value, a, b, Op::ADDSD, F64),
            F32Sub => self.float_binary(value, a, b, Op::SUBSS, F32),
            F64Sub => self.float_binary(value, a, b, Op::SUBSD, F64),
            F32Mul => self.float_binary(value, a, b, Op::MULSS, F32),
            F64Mul => self.float_binary(value, a, b, Op::MULSD, F64),
            F32Div => self.float_binary(value, a, b, Op::DIVSS, F32),
            F64Div => self.float_binary(value, a, b, Op::DIVSD, F64),
            F32Min => self.min_max(value, a, b, F32, false),
            F64Min => self.min_max(value, a, b, F64, false),
            F32Max => self.min_max(value, a, b, F32, true),
            F64Max => self.min_max(value, a, b, F64, true),
            F32Abs => self.float_mask(value, a, Op::ANDPS, !sign(F32)),
            F64Abs => self.float_mask(value, a, Op::ANDPS, !sign(F64)),
            F32Neg => self.float_mask(value, a, Op::XORPS, sign(F32)),
            F64Neg => self.float_mask(value, a, Op::XORPS, sign(F64)),
            F32Copysign => self.copysign(value, a, b, F32),
            F64Copysign => self.copysign(value, a, b, F64),
            F32Nearest => self.round(value, a, F32, 8),
            F64Nearest => self.round(value, a, F64, 8),
            F32Floor => self.round(value, a, F32, 9),
            F64Floor => self.round(value, a, F64, 9),
            F32Ceil => self.round(value, a, F32, 10),
            F64Ceil => self.round(value, a, F64, 10),
            F32Trunc => self.round(value, a, F32, 11),
            F64Trunc => self.round(value, a, F64, 11),
            F32Sqrt => self.float_unary(value, a, Op::SQRTSS),
            F64Sqrt => self.float_unary(value, a, Op::SQRTSD),
            F32DemoteF64 => self.float_unary(value, a, Op::CVTSD2SS),
            F64PromoteF32 => self.float_unary(value, a, Op::CVTSS2SD),
            F32ConvertI32S => self.convert_int(value, a, Op::CVTSI2SS.s32(), Size::S32),
            F64ConvertI32S => self.convert_int(value, a, Op::CVTSI2SD.s32(), Size::S32),
            F32ConvertI64S => self.convert_int(value, a, Op::CVTSI2SS.s64(), Size::S64),
            F64ConvertI64S => self.convert_int(value, a, Op::CVTSI2SD.s64(), Size::S64),
            F32ConvertI32U => self.convert_u32(value, a, Op::CVTSI2SS.s64()),
            F64ConvertI32U => self.convert_u32(value, a, Op::CVTSI2SD.s64()),
            F32ConvertI64U => self.convert_u64(value, a, F32),
            F64ConvertI64U => self.convert_u64(value, a, F64),
            F32ReinterpretI32 => self.float_reinterpret(value, a, Op::MOVD_TO_X),
            F64ReinterpretI64 => self.float_reinterpret(value, a, Op::MOVQ_TO_X),
            I32TruncF32S => self.truncate(value, a, F32, -TWO_31, false, TWO_31, Op::CVTTSS2SI.s32()),
            I32TruncF64S => self.truncate(value, a, F64, -TWO_31 - 1.0, true, TWO_31, Op::CVTTSD2SI.s32()),
            I32TruncF32U => self.truncate(value, a, F32, -1.0, true, TWO_32, Op::CVTTSS2SI.s64()),
            I32TruncF64U => self.truncate(value, a, F64, -1.0, true, TWO_32, Op::CVTTSD2SI.s64()),
            I64TruncF32S => self.truncate(value, a, F32, -TWO_63, false, TWO_63, Op::CVTTSS2SI.s64()),
            I64TruncF64S => self.truncate(value, a, F64, -TWO_63, false, TWO_63, Op::CVTTSD2SI.s64()),
            I64TruncF32U => self.truncate_u64(value, a, F32),
            I64TruncF64U => self.truncate_u64(value, a, F64),
            I32TruncSatF32S => self.saturate_i32(value, a, F32),
            I32TruncSatF64S => self.saturate_i32(value, a, F64),
            I32TruncSatF32U => self.saturate_u32(value, a, F32),
            I32TruncSatF64U => self.saturate_u32(value, a, F64),
            I64TruncSatF32S => self.saturate_i64(value, a, F32),
            I64TruncSatF64S => self.saturate_i64(value, a, F64),
            I64TruncSatF32U => self.saturate_u64(value, a, F32),
            I64TruncSatF64U => self.saturate_u64(value, a, F64),
            _ => return false,
        }
        true
    }

    /// A new register with the result of an operation.
    fn scalar(&mut self, op: Op, x: Reg, y: Reg) -> Reg {
        let dst = self.temp(RegClass::Vector);
        self.push(Inst::r(op, [dst, x, y]));
        dst
    }

    /// A constant as an operand of scalar instructions.
    fn scalar_const(&mut self, bits: u128, float: Float) -> Rm {
        let mem = self.pool(bits, float.bytes());
        Rm::Mem(Address { mem, trap: NO_TRAP, loc: self.loc })
    }

    /// A new register with the result of an operation with a constant.
    fn scalar_by(&mut self, op: Op, x: Reg, number: f64, float: Float) -> Reg {
        let constant = self.scalar_const(float.bits(number), float);
        let dst = self.temp(RegClass::Vector);
        self.push_rm(op, [dst, x], constant);
        dst
    }

    fn float_binary(&mut self, value: Value, a: Value, b: Value, op: Op, float: Float) {
        let commutes = self.func.inst(value).op.info().commutes;
        let swap = commutes && self.loads_exactly(a, float.bytes()) && !self.loads_exactly(b, float.bytes());
        let (a, b) = if swap { (b, a) } else { (a, b) };
        let dst = self.def(value);
        let second = self.rm(b, float.bytes());
        let first = self.reg(a);
        self.push_rm(op, [dst, first], second);
    }

    /// An operation on one register whose destination keeps its upper lanes: those of the operand, so that it waits for nothing else.
    fn float_unary(&mut self, value: Value, a: Value, op: Op) {
        let dst = self.def(value);
        let source = self.reg(a);
        self.push(Inst::r(op, [dst, source, source]));
    }

    fn round(&mut self, value: Value, a: Value, float: Float, mode: i32) {
        let dst = self.def(value);
        let source = self.reg(a);
        self.push(Inst::r(float.of(Op::ROUNDSS, Op::ROUNDSD), [dst, source, source]).imm(mode));
    }

    /// A bitwise operation with a mask in every lane.
    fn float_mask(&mut self, value: Value, a: Value, op: Op, mask: u128) {
        let dst = self.def(value);
        let source = self.reg(a);
        let mem = self.pool(mask, 16);
        self.push(Inst::m(op, [dst, source], mem));
    }

    fn copysign(&mut self, value: Value, a: Value, b: Value, float: Float) {
        let dst = self.def(value);
        let (a, b) = (self.reg(a), self.reg(b));
        let (mask, rest) = (self.pool(sign(float), 16), self.pool(!sign(float), 16));
        let (size, sign) = (self.temp(RegClass::Vector), self.temp(RegClass::Vector));
        self.push(Inst::m(Op::ANDPS, [size, a], rest));
        self.push(Inst::m(Op::ANDPS, [sign, b], mask));
        self.push(Inst::r(Op::ORPS, [dst, size, sign]));
    }

    /// The smaller or the larger number. The processor gives its second operand where they are equal (zeros of different signs) or
    /// unordered: both orders together give the right zero, and NaN is what the mask of unordered lanes, less its low bits, stands for.
    fn min_max(&mut self, value: Value, a: Value, b: Value, float: Float, max: bool) {
        let dst = self.def(value);
        let (a, b) = (self.reg(a), self.reg(b));
        let (op, join) = match max {
            false => (float.of(Op::MINSS, Op::MINSD), Op::ORPS),
            true => (float.of(Op::MAXSS, Op::MAXSD), Op::ANDPS),
        };
        let (one, other) = (self.scalar(op, a, b), self.scalar(op, b, a));
        let number = self.scalar(join, one, other);
        let unordered = self.temp(RegClass::Vector);
        self.push(Inst::r(float.of(Op::CMPSS, Op::CMPSD), [unordered, a, b]).imm(UNORDERED));
        let all = self.scalar(Op::ORPS, number, unordered);
        let low = self.temp(RegClass::Vector);
        // Sign, exponent and the highest bit of the fraction stay.
        let (shift, kept) = float.of((Op::PSRLD_I, 10), (Op::PSRLQ_I, 13));
        self.push(Inst::r(shift, [low, unordered]).imm(kept));
        self.push(Inst::r(Op::ANDNPS, [dst, low, all]));
    }

    /// A conversion from an integer, which does not wait for what the destination held.
    fn convert_int(&mut self, value: Value, a: Value, op: Op, size: Size) {
        let source = self.rm_of(a, size);
        let upper = self.temp(RegClass::Vector);
        self.zero(upper);
        let dst = self.def(value);
        self.push_rm(op, [dst, upper], source);
    }

    /// An unsigned 32-bit integer is a signed one of 64 bits.
    fn convert_u32(&mut self, value: Value, a: Value, op: Op) {
        let source = self.reg(a);
        let upper = self.temp(RegClass::Vector);
        self.zero(upper);
        let dst = self.def(value);
        self.push(Inst::r(op, [dst, upper, source]));
    }

    /// An unsigned 64-bit integer: the upper half of the range is halved, rounding to odd, converted and doubled.
    fn convert_u64(&mut self, value: Value, a: Value, float: Float) {
        let (convert, add) = float.of((Op::CVTSI2SS, Op::ADDSS), (Op::CVTSI2SD, Op::ADDSD));
        let source = self.reg(a);
        let [half, odd, rounded, chosen] = [(); 4].map(|()| self.temp(RegClass::Int));
        self.push(Inst::r(Op::SHR_I.s64(), [half, source]).imm(1));
        self.push(Inst::r(Op::AND_I.s32(), [odd, source]).imm(1));
        self.push(Inst::r(Op::OR_RM.s64(), [rounded, half, odd]));
        self.push(Inst::r(Op::TEST_MR.s64(), [source, source]));
        self.push(Inst::r(Op::CMOVCC.s64(), [chosen, source, rounded]).cond(Cond::S));
        let upper = self.temp(RegClass::Vector);
        self.zero(upper);
        let converted = self.temp(RegClass::Vector);
        self.push(Inst::r(convert.s64(), [converted, upper, chosen]));
        let doubled = self.scalar(add, converted, converted);
        self.push(Inst::r(Op::TEST_MR.s64(), [source, source]));
        let dst = self.def(value);
        let mut operands = [(dst, Role::Def), (converted, Role::Use), (doubled, Role::Use)]
            .map(|(reg, role)| super::operand(reg, role));
        operands[0].constraint = Constraint::Tied(1);
        self.push_special(Kind::Own(Own::SelectVector(Test::of(Cond::S))), &operands, NO_TRAP, 0);
    }

    fn float_reinterpret(&mut self, value: Value, a: Value, op: Op) {
        let dst = self.def(value);
        let source = self.reg(a);
        self.push(Inst::r(op, [dst, source]));
    }

    /// Traps where a number is a NaN or out of bounds: below `low`, or at it if `at_low`, or not below `high`.
    fn check_range(&mut self, x: Reg, float: Float, low: f64, at_low: bool, high: f64) {
        let compare = float.of(Op::UCOMISS, Op::UCOMISD);
        let overflow = code(Trap::IntegerOverflow);
        let (low, high) = (self.scalar_const(float.bits(low), float), self.scalar_const(float.bits(high), float));
        self.push_rm(compare, [x], low);
        self.push_trap_if(Test::of(Cond::P), code(Trap::BadConversionToInteger));
        self.push_trap_if(Test::of(if at_low { Cond::Be } else { Cond::B }), overflow);
        self.push_rm(compare, [x], high);
        self.push_trap_if(Test::of(Cond::Ae), overflow);
    }

    #[expect(clippy::too_many_arguments, reason = "one row of a table each")]
    fn truncate(&mut self, value: Value, a: Value, float: Float, low: f64, at_low: bool, high: f64, op: Op) {
        let x = self.reg(a);
        self.check_range(x, float, low, at_low, high);
        let dst = self.def(value);
        self.push(Inst::r(op, [dst, x]));
    }

    fn truncate_u64(&mut self, value: Value, a: Value, float: Float) {
        let x = self.reg(a);
        self.check_range(x, float, -1.0, true, TWO_64);
        let dst = self.def(value);
        self.convert_to_u64(dst, x, float);
    }

    /// Truncates a number above -1 and below 2^64. What the signed conversion cannot do it answers with the sign bit alone: then the rest is
    /// that of the number less 2^63.
    fn convert_to_u64(&mut self, dst: Reg, x: Reg, float: Float) {
        let (op, sub) = float.of((Op::CVTTSS2SI, Op::SUBSS), (Op::CVTTSD2SI, Op::SUBSD));
        let less = self.scalar_by(sub, x, TWO_63, float);
        let [low, high, mask, masked] = [(); 4].map(|()| self.temp(RegClass::Int));
        self.push(Inst::r(op.s64(), [low, x]));
        self.push(Inst::r(op.s64(), [high, less]));
        self.push(Inst::r(Op::SAR_I.s64(), [mask, low]).imm(63));
        self.push(Inst::r(Op::AND_RM.s64(), [masked, mask, high]));
        self.push(Inst::r(Op::OR_RM.s64(), [dst, low, masked]));
    }

    /// An `f64` of the same value.
    fn as_f64(&mut self, a: Value, float: Float) -> Reg {
        let x = self.reg(a);
        match float {
            Float::F32 => self.scalar(Op::CVTSS2SD, x, x),
            Float::F64 => x,
        }
    }

    /// 0 for a NaN.
    fn nan_to_zero(&mut self, x: Reg) -> Reg {
        let ordered = self.temp(RegClass::Vector);
        self.push(Inst::r(Op::CMPSD, [ordered, x, x]).imm(ORDERED));
        self.scalar(Op::ANDPS, ordered, x)
    }

    /// 0 for a NaN and for what is below it: the processor gives the second operand of unordered ones.
    fn at_least_zero(&mut self, x: Reg) -> Reg {
        let zero = self.temp(RegClass::Vector);
        self.zero(zero);
        self.scalar(Op::MAXSD, x, zero)
    }

    /// Too small numbers become the smallest integer, which is what the conversion gives for all that it cannot convert.
    fn saturate_i32(&mut self, value: Value, a: Value, float: Float) {
        let x = self.as_f64(a, float);
        let number = self.nan_to_zero(x);
        let limited = self.scalar_by(Op::MINSD, number, TWO_31 - 1.0, Float::F64);
        let dst = self.def(value);
        self.push(Inst::r(Op::CVTTSD2SI.s32(), [dst, limited]));
    }

    fn saturate_u32(&mut self, value: Value, a: Value, float: Float) {
        let x = self.as_f64(a, float);
        let number = self.at_least_zero(x);
        let limited = self.scalar_by(Op::MINSD, number, TWO_32 - 1.0, Float::F64);
        let dst = self.def(value);
        self.push(Inst::r(Op::CVTTSD2SI.s64(), [dst, limited]));
    }

    fn saturate_i64(&mut self, value: Value, a: Value, float: Float) {
        let x = self.as_f64(a, float);
        let number = self.nan_to_zero(x);
        self.saturate_above(value, number, TWO_63, i64::MAX as u64, |this, dst, x| {
            this.push(Inst::r(Op::CVTTSD2SI.s64(), [dst, x]));
        });
    }

    fn saturate_u64(&mut self, value: Value, a: Value, float: Float) {
        let x = self.as_f64(a, float);
        let number = self.at_least_zero(x);
        self.saturate_above(value, number, TWO_64, u64::MAX, |this, dst, x| this.convert_to_u64(dst, x, Float::F64));
    }

    /// What `convert` makes of a number, or the greatest integer if it reaches a limit.
    fn saturate_above(
        &mut self,
        value: Value,
        x: Reg,
        limit: f64,
        greatest: u64,
        convert: impl Fn(&mut Self, Reg, Reg),
    ) {
        let converted = self.temp(RegClass::Int);
        convert(self, converted, x);
        let greatest = self.int_constant(greatest);
        let limit = self.scalar_const(Float::F64.bits(limit), Float::F64);
        self.push_rm(Op::UCOMISD, [x], limit);
        let dst = self.def(value);
        self.push(Inst::r(Op::CMOVCC.s64(), [dst, converted, greatest]).cond(Cond::Ae));
    }
}

/// The sign bit of every lane.
fn sign(float: Float) -> u128 {
    float.of(0x8000_0000_8000_0000_8000_0000_8000_0000, 0x8000_0000_0000_0000_8000_0000_0000_0000)
}
