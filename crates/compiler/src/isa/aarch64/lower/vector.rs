//! Vectors. Most operations are one instruction; those that are not stand at the end.

use super::Lower;
use crate::ir::{Opcode, Type, Value};
use crate::isa::aarch64::imm::encode_bitmask;
use crate::isa::aarch64::inst::Inst;
use crate::isa::aarch64::row::{Cond, Op, Shift, Size, SizedOp};
use crate::isa::reg::{Reg, RegClass};

use Size::{S8, S16, S32, S64};

/// Of each byte the bit that is its number in its half: what a mask of bytes is made of.
const BIT_OF_BYTE: u128 = 0x8040_2010_0804_0201_8040_2010_0804_0201;
/// The same of lanes of 16 and of 32 bits.
const BIT_OF_HALF: u128 = 0x0080_0040_0020_0010_0008_0004_0002_0001;
const BIT_OF_WORD: u128 = 0x0000_0008_0000_0004_0000_0002_0000_0001;

/// The instruction of two operands that an opcode is, and whether they change places.
#[rustfmt::skip]
fn binary(op: Opcode) -> Option<(Op, bool)> {
    use Opcode::*;
    let plain = |op: SizedOp, size: Size| Some((op.size(size), false));
    let swapped = |op: SizedOp, size: Size| Some((op.size(size), true));
    match op {
        I8x16Add => plain(Op::VADD, S8), I16x8Add => plain(Op::VADD, S16), I32x4Add => plain(Op::VADD, S32), I64x2Add => plain(Op::VADD, S64),
        I8x16Sub => plain(Op::VSUB, S8), I16x8Sub => plain(Op::VSUB, S16), I32x4Sub => plain(Op::VSUB, S32), I64x2Sub => plain(Op::VSUB, S64),
        I16x8Mul => plain(Op::VMUL, S16), I32x4Mul => plain(Op::VMUL, S32),
        I8x16AddSatS => plain(Op::VSQADD, S8), I8x16AddSatU => plain(Op::VUQADD, S8),
        I16x8AddSatS => plain(Op::VSQADD, S16), I16x8AddSatU => plain(Op::VUQADD, S16),
        I8x16SubSatS => plain(Op::VSQSUB, S8), I8x16SubSatU => plain(Op::VUQSUB, S8),
        I16x8SubSatS => plain(Op::VSQSUB, S16), I16x8SubSatU => plain(Op::VUQSUB, S16),
        I8x16MinS => plain(Op::VSMIN, S8), I8x16MinU => plain(Op::VUMIN, S8), I8x16MaxS => plain(Op::VSMAX, S8), I8x16MaxU => plain(Op::VUMAX, S8),
        I16x8MinS => plain(Op::VSMIN, S16), I16x8MinU => plain(Op::VUMIN, S16), I16x8MaxS => plain(Op::VSMAX, S16), I16x8MaxU => plain(Op::VUMAX, S16),
        I32x4MinS => plain(Op::VSMIN, S32), I32x4MinU => plain(Op::VUMIN, S32), I32x4MaxS => plain(Op::VSMAX, S32), I32x4MaxU => plain(Op::VUMAX, S32),
        I8x16AvgrU => plain(Op::VURHADD, S8), I16x8AvgrU => plain(Op::VURHADD, S16),
        I16x8Q15MulrSatS | I16x8RelaxedQ15mulrS => plain(Op::VSQRDMULH, S16),
        I16x8ExtMulLowI8x16S => plain(Op::VSMULL, S8), I16x8ExtMulHighI8x16S => plain(Op::VSMULL2, S8),
        I16x8ExtMulLowI8x16U => plain(Op::VUMULL, S8), I16x8ExtMulHighI8x16U => plain(Op::VUMULL2, S8),
        I32x4ExtMulLowI16x8S => plain(Op::VSMULL, S16), I32x4ExtMulHighI16x8S => plain(Op::VSMULL2, S16),
        I32x4ExtMulLowI16x8U => plain(Op::VUMULL, S16), I32x4ExtMulHighI16x8U => plain(Op::VUMULL2, S16),
        I64x2ExtMulLowI32x4S => plain(Op::VSMULL, S32), I64x2ExtMulHighI32x4S => plain(Op::VSMULL2, S32),
        I64x2ExtMulLowI32x4U => plain(Op::VUMULL, S32), I64x2ExtMulHighI32x4U => plain(Op::VUMULL2, S32),
        I8x16Eq => plain(Op::VCMEQ, S8), I16x8Eq => plain(Op::VCMEQ, S16), I32x4Eq => plain(Op::VCMEQ, S32), I64x2Eq => plain(Op::VCMEQ, S64),
        I8x16GtS => plain(Op::VCMGT, S8), I16x8GtS => plain(Op::VCMGT, S16), I32x4GtS => plain(Op::VCMGT, S32), I64x2GtS => plain(Op::VCMGT, S64),
        I8x16GeS => plain(Op::VCMGE, S8), I16x8GeS => plain(Op::VCMGE, S16), I32x4GeS => plain(Op::VCMGE, S32), I64x2GeS => plain(Op::VCMGE, S64),
        I8x16GtU => plain(Op::VCMHI, S8), I16x8GtU => plain(Op::VCMHI, S16), I32x4GtU => plain(Op::VCMHI, S32),
        I8x16GeU => plain(Op::VCMHS, S8), I16x8GeU => plain(Op::VCMHS, S16), I32x4GeU => plain(Op::VCMHS, S32),
        I8x16LtS => swapped(Op::VCMGT, S8), I16x8LtS => swapped(Op::VCMGT, S16), I32x4LtS => swapped(Op::VCMGT, S32), I64x2LtS => swapped(Op::VCMGT, S64),
        I8x16LeS => swapped(Op::VCMGE, S8), I16x8LeS => swapped(Op::VCMGE, S16), I32x4LeS => swapped(Op::VCMGE, S32), I64x2LeS => swapped(Op::VCMGE, S64),
        I8x16LtU => swapped(Op::VCMHI, S8), I16x8LtU => swapped(Op::VCMHI, S16), I32x4LtU => swapped(Op::VCMHI, S32),
        I8x16LeU => swapped(Op::VCMHS, S8), I16x8LeU => swapped(Op::VCMHS, S16), I32x4LeU => swapped(Op::VCMHS, S32),
        F32x4Eq => plain(Op::VFCMEQ, S32), F64x2Eq => plain(Op::VFCMEQ, S64),
        F32x4Gt => plain(Op::VFCMGT, S32), F64x2Gt => plain(Op::VFCMGT, S64), F32x4Ge => plain(Op::VFCMGE, S32), F64x2Ge => plain(Op::VFCMGE, S64),
        F32x4Lt => swapped(Op::VFCMGT, S32), F64x2Lt => swapped(Op::VFCMGT, S64), F32x4Le => swapped(Op::VFCMGE, S32), F64x2Le => swapped(Op::VFCMGE, S64),
        F32x4Add => plain(Op::VFADD, S32), F64x2Add => plain(Op::VFADD, S64), F32x4Sub => plain(Op::VFSUB, S32), F64x2Sub => plain(Op::VFSUB, S64),
        F32x4Mul => plain(Op::VFMUL, S32), F64x2Mul => plain(Op::VFMUL, S64), F32x4Div => plain(Op::VFDIV, S32), F64x2Div => plain(Op::VFDIV, S64),
        F32x4Min | F32x4RelaxedMin => plain(Op::VFMIN, S32), F64x2Min | F64x2RelaxedMin => plain(Op::VFMIN, S64),
        F32x4Max | F32x4RelaxedMax => plain(Op::VFMAX, S32), F64x2Max | F64x2RelaxedMax => plain(Op::VFMAX, S64),
        V128And => Some((Op::VAND, false)), V128Or => Some((Op::VORR, false)), V128Xor => Some((Op::VEOR, false)), V128AndNot => Some((Op::VBIC, false)),
        I8x16Swizzle | I8x16RelaxedSwizzle => Some((Op::VTBL, false)),
        _ => None,
    }
}

/// The instructions, one behind the other, that make one operand what an opcode does.
#[rustfmt::skip]
fn unary(op: Opcode) -> Option<(Op, Option<Op>)> {
    use Opcode::*;
    let one = |op: SizedOp, size: Size| Some((op.size(size), None));
    match op {
        V128Not => one(Op::VNOT, S8), I8x16Popcnt => one(Op::VCNT, S8),
        I8x16Abs => one(Op::VABS, S8), I16x8Abs => one(Op::VABS, S16), I32x4Abs => one(Op::VABS, S32), I64x2Abs => one(Op::VABS, S64),
        I8x16Neg => one(Op::VNEG, S8), I16x8Neg => one(Op::VNEG, S16), I32x4Neg => one(Op::VNEG, S32), I64x2Neg => one(Op::VNEG, S64),
        I16x8ExtAddPairwiseI8x16S => one(Op::VSADDLP, S8), I16x8ExtAddPairwiseI8x16U => one(Op::VUADDLP, S8),
        I32x4ExtAddPairwiseI16x8S => one(Op::VSADDLP, S16), I32x4ExtAddPairwiseI16x8U => one(Op::VUADDLP, S16),
        // Shifted by nothing: widened.
        I16x8ExtendLowI8x16S => one(Op::VSSHLL, S8), I16x8ExtendHighI8x16S => one(Op::VSSHLL2, S8),
        I16x8ExtendLowI8x16U => one(Op::VUSHLL, S8), I16x8ExtendHighI8x16U => one(Op::VUSHLL2, S8),
        I32x4ExtendLowI16x8S => one(Op::VSSHLL, S16), I32x4ExtendHighI16x8S => one(Op::VSSHLL2, S16),
        I32x4ExtendLowI16x8U => one(Op::VUSHLL, S16), I32x4ExtendHighI16x8U => one(Op::VUSHLL2, S16),
        I64x2ExtendLowI32x4S => one(Op::VSSHLL, S32), I64x2ExtendHighI32x4S => one(Op::VSSHLL2, S32),
        I64x2ExtendLowI32x4U => one(Op::VUSHLL, S32), I64x2ExtendHighI32x4U => one(Op::VUSHLL2, S32),
        F32x4Ceil => one(Op::VFRINTP, S32), F32x4Floor => one(Op::VFRINTM, S32), F32x4Trunc => one(Op::VFRINTZ, S32), F32x4Nearest => one(Op::VFRINTN, S32),
        F64x2Ceil => one(Op::VFRINTP, S64), F64x2Floor => one(Op::VFRINTM, S64), F64x2Trunc => one(Op::VFRINTZ, S64), F64x2Nearest => one(Op::VFRINTN, S64),
        F32x4Abs => one(Op::VFABS, S32), F32x4Neg => one(Op::VFNEG, S32), F32x4Sqrt => one(Op::VFSQRT, S32),
        F64x2Abs => one(Op::VFABS, S64), F64x2Neg => one(Op::VFNEG, S64), F64x2Sqrt => one(Op::VFSQRT, S64),
        I32x4TruncSatF32x4S | I32x4RelaxedTruncF32x4S => one(Op::VFCVTZS, S32), I32x4TruncSatF32x4U | I32x4RelaxedTruncF32x4U => one(Op::VFCVTZU, S32),
        F32x4ConvertI32x4S => one(Op::VSCVTF, S32), F32x4ConvertI32x4U => one(Op::VUCVTF, S32),
        I32x4TruncSatF64x2SZero | I32x4RelaxedTruncF64x2SZero => Some((Op::VFCVTZS.size(S64), Some(Op::VSQXTN.size(S32)))),
        I32x4TruncSatF64x2UZero | I32x4RelaxedTruncF64x2UZero => Some((Op::VFCVTZU.size(S64), Some(Op::VUQXTN.size(S32)))),
        F64x2ConvertLowI32x4S => Some((Op::VSSHLL.size(S32), Some(Op::VSCVTF.size(S64)))),
        F64x2ConvertLowI32x4U => Some((Op::VUSHLL.size(S32), Some(Op::VUCVTF.size(S64)))),
        F32x4DemoteF64x2Zero => Some((Op::VFCVTN, None)), F64x2PromoteLowF32x4 => Some((Op::VFCVTL, None)),
        I8x16Splat => one(Op::VDUP_G, S8), I16x8Splat => one(Op::VDUP_G, S16), I32x4Splat => one(Op::VDUP_G, S32), I64x2Splat => one(Op::VDUP_G, S64),
        F32x4Splat => one(Op::VDUP, S32), F64x2Splat => one(Op::VDUP, S64),
        _ => None,
    }
}

/// A shift of lanes by a scalar: by an immediate, by a vector of counts to the left, whether it goes right.
#[rustfmt::skip]
fn lane_shift(op: Opcode) -> Option<(SizedOp, SizedOp, bool, Size)> {
    use Opcode::*;
    let (left, right_s, right_u) = ((Op::VSHL, Op::VUSHL, false), (Op::VSSHR, Op::VSSHL, true), (Op::VUSHR, Op::VUSHL, true));
    let ((by_imm, by_vector, right), size) = match op {
        I8x16Shl => (left, S8), I8x16ShrS => (right_s, S8), I8x16ShrU => (right_u, S8),
        I16x8Shl => (left, S16), I16x8ShrS => (right_s, S16), I16x8ShrU => (right_u, S16),
        I32x4Shl => (left, S32), I32x4ShrS => (right_s, S32), I32x4ShrU => (right_u, S32),
        I64x2Shl => (left, S64), I64x2ShrS => (right_s, S64), I64x2ShrU => (right_u, S64),
        _ => return None,
    };
    Some((by_imm, by_vector, right, size))
}

impl Lower<'_> {
    /// Lowers an instruction of this family; `false`: it is of another one.
    pub(super) fn vector(&mut self, value: Value) -> bool {
        use Opcode::*;
        let inst = *self.func.inst(value);
        let (a, b, c) = (self.operand(inst.a), self.operand(inst.b), self.operand(inst.c));
        let lane = i32::from(inst.imm);
        if let Some((op, swapped)) = binary(inst.op) {
            let (a, b) = if swapped { (b, a) } else { (a, b) };
            let dst = self.def(value);
            let (a, b) = (self.reg(a), self.reg(b));
            self.push(Inst::r(op, [dst, a, b]));
            return true;
        }
        if let Some((first, second)) = unary(inst.op) {
            let dst = self.def(value);
            let a = if self.func.ty(a) == Type::I32 { self.low(a) } else { self.reg(a) };
            match second {
                None => self.push(Inst::r(first, [dst, a])),
                Some(second) => {
                    let between = self.made(first, [a], 0);
                    self.push(Inst::r(second, [dst, between]));
                }
            }
            return true;
        }
        if let Some((by_imm, by_vector, right, size)) = lane_shift(inst.op) {
            self.shift_lanes(value, a, b, (by_imm, by_vector, right), size);
            return true;
        }
        match inst.op {
            I8x16Ne => self.not_equal(value, a, b, Op::VCMEQ.size(S8)),
            I16x8Ne => self.not_equal(value, a, b, Op::VCMEQ.size(S16)),
            I32x4Ne => self.not_equal(value, a, b, Op::VCMEQ.size(S32)),
            I64x2Ne => self.not_equal(value, a, b, Op::VCMEQ.size(S64)),
            F32x4Ne => self.not_equal(value, a, b, Op::VFCMEQ.size(S32)),
            F64x2Ne => self.not_equal(value, a, b, Op::VFCMEQ.size(S64)),
            F32x4PMin => self.choose(value, a, b, Op::VFCMGT.size(S32), false),
            F64x2PMin => self.choose(value, a, b, Op::VFCMGT.size(S64), false),
            F32x4PMax => self.choose(value, a, b, Op::VFCMGT.size(S32), true),
            F64x2PMax => self.choose(value, a, b, Op::VFCMGT.size(S64), true),
            I8x16NarrowI16x8S => self.narrow(value, a, b, Op::VSQXTN, Op::VSQXTN2, S8),
            I8x16NarrowI16x8U => self.narrow(value, a, b, Op::VSQXTUN, Op::VSQXTUN2, S8),
            I16x8NarrowI32x4S => self.narrow(value, a, b, Op::VSQXTN, Op::VSQXTN2, S16),
            I16x8NarrowI32x4U => self.narrow(value, a, b, Op::VSQXTUN, Op::VSQXTUN2, S16),
            I32x4DotI16x8S => self.dot(value, a, b, S16),
            I16x8RelaxedDotI8x16I7x16S => self.dot(value, a, b, S8),
            I32x4RelaxedDotI8x16I7x16AddS => {
                let dst = self.def(value);
                let (a, b, c) = (self.reg(a), self.reg(b), self.reg(c));
                let products = self.products(a, b, S8);
                self.push(Inst::r(Op::VSADALP.size(S16), [dst, c, products]));
            }
            I64x2Mul => self.multiply_64(value, a, b),
            V128Bitselect
            | I8x16RelaxedLaneselect
            | I16x8RelaxedLaneselect
            | I32x4RelaxedLaneselect
            | I64x2RelaxedLaneselect => self.three(value, Op::VBSL, c, a, b),
            F32x4RelaxedMadd => self.three(value, Op::VFMLA.size(S32), c, a, b),
            F64x2RelaxedMadd => self.three(value, Op::VFMLA.size(S64), c, a, b),
            F32x4RelaxedNmadd => self.three(value, Op::VFMLS.size(S32), c, a, b),
            F64x2RelaxedNmadd => self.three(value, Op::VFMLS.size(S64), c, a, b),
            I8x16ExtractLaneS => self.extract(value, a, Op::VSMOV_W.size(S8), lane),
            I8x16ExtractLaneU => self.extract(value, a, Op::VUMOV_W.size(S8), lane),
            I16x8ExtractLaneS => self.extract(value, a, Op::VSMOV_W.size(S16), lane),
            I16x8ExtractLaneU => self.extract(value, a, Op::VUMOV_W.size(S16), lane),
            I32x4ExtractLane => self.extract(value, a, Op::VUMOV_W.size(S32), lane),
            I64x2ExtractLane => self.extract(value, a, Op::VUMOV_X.size(S64), lane),
            F32x4ExtractLane => self.extract(value, a, Op::VDUP_F.size(S32), lane),
            F64x2ExtractLane => self.extract(value, a, Op::VDUP_F.size(S64), lane),
            I8x16ReplaceLane => self.replace(value, a, b, Op::VINS_G.size(S8), lane),
            I16x8ReplaceLane => self.replace(value, a, b, Op::VINS_G.size(S16), lane),
            I32x4ReplaceLane => self.replace(value, a, b, Op::VINS_G.size(S32), lane),
            I64x2ReplaceLane => self.replace(value, a, b, Op::VINS_G.size(S64), lane),
            F32x4ReplaceLane => self.replace(value, a, b, Op::VINS.size(S32), lane),
            F64x2ReplaceLane => self.replace(value, a, b, Op::VINS.size(S64), lane),
            V128AnyTrue => self.is_any(value, a, Op::VUMAXV.size(S32), Cond::Ne),
            I8x16AllTrue => self.is_any(value, a, Op::VUMINV.size(S8), Cond::Ne),
            I16x8AllTrue => self.is_any(value, a, Op::VUMINV.size(S16), Cond::Ne),
            I32x4AllTrue => self.is_any(value, a, Op::VUMINV.size(S32), Cond::Ne),
            I64x2AllTrue => {
                // No lane is zero.
                let a = self.reg(a);
                let zeros = self.made(Op::VCMEQ_0.size(S64), [a], 0);
                self.is_any_of(value, zeros, Op::VUMAXV.size(S32), Cond::Eq);
            }
            I8x16Bitmask | I16x8Bitmask | I32x4Bitmask => self.bitmask(value, a, inst.op),
            I64x2Bitmask => {
                let dst = self.def(value);
                let a = self.reg(a);
                let signs = self.made(Op::VUSHR.size(S64), [a], 63);
                let (low, high) = (self.temp(RegClass::Int), self.temp(RegClass::Int));
                self.push(Inst::r(Op::VUMOV_X.size(S64), [low, signs]));
                self.push(Inst::r(Op::VUMOV_X.size(S64), [high, signs]).imm(1));
                self.push(Inst::r(Op::ADD_S.s32(), [dst, low, high]).shift(Shift::Lsl, 1));
            }
            I8x16Shuffle => self.shuffle(value, a, b, inst.c),
            _ => return false,
        }
        true
    }

    /// A new register with what an operation makes of others.
    fn made<const N: usize>(&mut self, op: Op, sources: [Reg; N], imm: i32) -> Reg {
        let dst = self.vcode.new_vreg(RegClass::Vector, true, false);
        let mut inst = Inst::r(op, [dst]).imm(imm);
        sources.into_iter().enumerate().for_each(|(index, source)| inst.set_reg(index + 1, source));
        self.push(inst);
        dst
    }

    fn not_equal(&mut self, value: Value, a: Value, b: Value, equal: Op) {
        let dst = self.def(value);
        let (a, b) = (self.reg(a), self.reg(b));
        let equal = self.made(equal, [a, b], 0);
        self.push(Inst::r(Op::VNOT.size(S8), [dst, equal]));
    }

    /// `b` where it is less than `a` (or more, if `max`), else `a`.
    fn choose(&mut self, value: Value, a: Value, b: Value, greater: Op, max: bool) {
        let dst = self.def(value);
        let (a, b) = (self.reg(a), self.reg(b));
        let mask = if max { self.made(greater, [b, a], 0) } else { self.made(greater, [a, b], 0) };
        self.push(Inst::r(Op::VBSL, [dst, mask, b, a]));
    }

    /// An operation that changes its first operand.
    fn three(&mut self, value: Value, op: Op, first: Value, second: Value, third: Value) {
        let dst = self.def(value);
        let (first, second, third) = (self.reg(first), self.reg(second), self.reg(third));
        self.push(Inst::r(op, [dst, first, second, third]));
    }

    fn narrow(&mut self, value: Value, a: Value, b: Value, low: SizedOp, high: SizedOp, size: Size) {
        let dst = self.def(value);
        let (a, b) = (self.reg(a), self.reg(b));
        let half = self.made(low.size(size), [a], 0);
        self.push(Inst::r(high.size(size), [dst, half, b]));
    }

    /// Sums of neighbours' products, twice as wide as the lanes of this size.
    fn products(&mut self, a: Reg, b: Reg, size: Size) -> Reg {
        let (low, high) = (self.made(Op::VSMULL.size(size), [a, b], 0), self.made(Op::VSMULL2.size(size), [a, b], 0));
        let wide = if size == S8 { S16 } else { S32 };
        self.made(Op::VADDP.size(wide), [low, high], 0)
    }

    fn dot(&mut self, value: Value, a: Value, b: Value, size: Size) {
        let dst = self.def(value);
        let (a, b) = (self.reg(a), self.reg(b));
        let products = self.products(a, b, size);
        self.push_copy(Inst::r(Op::VMOV, [dst, products]));
    }

    /// Products of 64 bits, for which there is no instruction on vectors.
    fn multiply_64(&mut self, value: Value, a: Value, b: Value) {
        let dst = self.def(value);
        let (a, b) = (self.reg(a), self.reg(b));
        let products = [0, 1].map(|lane| {
            let (x, y, product) = (self.temp(RegClass::Int), self.temp(RegClass::Int), self.temp(RegClass::Int));
            self.push(Inst::r(Op::VUMOV_X.size(S64), [x, a]).imm(lane));
            self.push(Inst::r(Op::VUMOV_X.size(S64), [y, b]).imm(lane));
            self.push(Inst::r(Op::MUL.s64(), [product, x, y]));
            product
        });
        let low = self.made(Op::FMOV_DX, [products[0]], 0);
        self.push(Inst::r(Op::VINS_G.size(S64), [dst, low, products[1]]).imm(1));
    }

    fn extract(&mut self, value: Value, a: Value, op: Op, lane: i32) {
        let dst = self.def(value);
        let a = self.reg(a);
        self.push(Inst::r(op, [dst, a]).imm(lane));
    }

    fn replace(&mut self, value: Value, a: Value, b: Value, op: Op, lane: i32) {
        let dst = self.def(value);
        let (a, b) = (self.reg(a), if self.func.ty(b) == Type::I32 { self.low(b) } else { self.reg(b) });
        self.push(Inst::r(op, [dst, a, b]).imm(lane));
    }

    /// Whether what an operation makes of all lanes is 0 or not.
    fn is_any(&mut self, value: Value, a: Value, op: Op, cond: Cond) {
        let a = self.reg(a);
        self.is_any_of(value, a, op, cond);
    }

    fn is_any_of(&mut self, value: Value, a: Reg, op: Op, cond: Cond) {
        let dst = self.def(value);
        let all = self.made(op, [a], 0);
        let bits = self.temp(RegClass::Int);
        self.push(Inst::r(Op::FMOV_WS, [bits, all]));
        self.push(Inst::r(Op::CMP_I.s32(), [bits]).imm(0));
        self.push(Inst::r(Op::CSET.s32(), [dst]).cond(cond));
    }

    /// The signs of all lanes: each makes a bit of its own, and these are added up.
    fn bitmask(&mut self, value: Value, a: Value, op: Opcode) {
        let (size, bits) = match op {
            Opcode::I8x16Bitmask => (S8, BIT_OF_BYTE),
            Opcode::I16x8Bitmask => (S16, BIT_OF_HALF),
            _ => (S32, BIT_OF_WORD),
        };
        let dst = self.def(value);
        let a = self.reg(a);
        let bits = self.vector_constant(Type::V128, bits);
        let signs = self.made(Op::VSSHR.size(size), [a], i32::from(size.bits()) - 1);
        let mut each = self.made(Op::VAND, [signs, bits], 0);
        if size == S8 {
            // The upper half's byte above that of the lower half.
            let swapped = self.made(Op::VEXT, [each, each], 8);
            each = self.made(Op::VZIP1.size(S8), [each, swapped], 0);
        }
        let sum = self.made(Op::VADDV.size(if size == S8 { S16 } else { size }), [each], 0);
        self.push(Inst::r(Op::FMOV_WS, [dst, sum]));
    }

    fn shift_lanes(&mut self, value: Value, a: Value, b: Value, how: (SizedOp, SizedOp, bool), size: Size) {
        let (by_imm, by_vector, right) = how;
        let dst = self.def(value);
        let mask = i32::from(size.bits()) - 1;
        if let Some(count) = self.func.int_const(b) {
            let count = count as i32 & mask;
            let a = self.reg(a);
            return match count {
                // There is no shift right by nothing.
                0 => self.push_copy(Inst::r(Op::VMOV, [dst, a])),
                _ => self.push(Inst::r(by_imm.size(size), [dst, a]).imm(count)),
            };
        }
        let (a, count) = (self.reg(a), self.low(b));
        let below = self.temp(RegClass::Int);
        let mask = encode_bitmask(mask as u64, S32).expect("ones at the bottom are a bitmask");
        self.push(Inst::r(Op::AND_I.s32(), [below, count]).imm(mask.into()));
        let mut left = below;
        if right {
            // To the right is to the left by less than nothing.
            left = self.temp(RegClass::Int);
            self.push(Inst::r(Op::NEG.s64(), [left, below]));
        }
        let counts = self.made(Op::VDUP_G.size(size), [left], 0);
        self.push(Inst::r(by_vector.size(size), [dst, a, counts]));
    }

    /// Bytes of two vectors in any order.
    fn shuffle(&mut self, value: Value, a: Value, b: Value, number: u32) {
        let bits = self.func.vconsts[number as usize];
        let order = bits.to_le_bytes();
        let dst = self.def(value);
        let (x, y) = (self.reg(a), self.reg(b));
        if let Some((op, imm)) = known_order(&order) {
            return self.push(Inst::r(op, [dst, x, y]).imm(imm));
        }
        // What a table does not have is 0 in the first look-up and left alone in the second.
        let table = |this: &mut Self, order: [u8; 16]| this.vector_constant(Type::V128, u128::from_le_bytes(order));
        if a == b {
            let order = table(self, order.map(|byte| byte & 15));
            return self.push(Inst::r(Op::VTBL, [dst, x, order]));
        }
        let (first, second) = (table(self, order), table(self, order.map(|byte| byte.wrapping_sub(16))));
        let some = self.made(Op::VTBL, [x, first], 0);
        self.push(Inst::r(Op::VTBX, [dst, some, y, second]));
    }

    /// Loads of vectors that do more than load; `false`: another one.
    pub(super) fn vector_load(&mut self, value: Value) -> bool {
        use Opcode::*;
        let inst = *self.func.inst(value);
        let (load, then) = match inst.op {
            V128Load8x8S => (Op::LDR_D, Op::VSSHLL.size(S8)),
            V128Load8x8U => (Op::LDR_D, Op::VUSHLL.size(S8)),
            V128Load16x4S => (Op::LDR_D, Op::VSSHLL.size(S16)),
            V128Load16x4U => (Op::LDR_D, Op::VUSHLL.size(S16)),
            V128Load32x2S => (Op::LDR_D, Op::VSSHLL.size(S32)),
            V128Load32x2U => (Op::LDR_D, Op::VUSHLL.size(S32)),
            V128Load8Splat => (Op::LDR_B, Op::VDUP.size(S8)),
            V128Load16Splat => (Op::LDR_H, Op::VDUP.size(S16)),
            V128Load32Splat => (Op::LDR_S, Op::VDUP.size(S32)),
            V128Load64Splat => (Op::LDR_D, Op::VDUP.size(S64)),
            _ => return false,
        };
        let address = self.load_address(value, inst.op.info().bytes.into());
        let dst = self.def(value);
        let loaded = self.vcode.new_vreg(RegClass::Vector, true, false);
        self.push_trap(Inst::m(load, [loaded], address.mem), address.trap, address.loc);
        self.push(Inst::r(then, [dst, loaded]));
        true
    }
}

/// The one instruction that puts bytes of two vectors in this order, if there is one.
fn known_order(order: &[u8; 16]) -> Option<(Op, i32)> {
    if order[0] < 16 && (1..16).all(|at| order[at] == order[0] + at as u8) {
        return Some((Op::VEXT, order[0].into()));
    }
    for size in Size::ALL {
        let (bytes, lanes) = (size.bits() as usize / 8, 128 / size.bits() as usize);
        // Which lane of the two vectors, counted through, each operation puts into lane `at`.
        let from = |op: SizedOp, at: usize| {
            let odd = (at % 2) * lanes;
            match op {
                op if op == Op::VZIP1 => at / 2 + odd,
                op if op == Op::VZIP2 => lanes / 2 + at / 2 + odd,
                op if op == Op::VUZP1 => 2 * at,
                op if op == Op::VUZP2 => 2 * at + 1,
                op if op == Op::VTRN1 => at / 2 * 2 + odd,
                _ => at / 2 * 2 + 1 + odd,
            }
        };
        for op in [Op::VZIP1, Op::VZIP2, Op::VUZP1, Op::VUZP2, Op::VTRN1, Op::VTRN2] {
            if (0..16).all(|byte| usize::from(order[byte]) == from(op, byte / bytes) * bytes + byte % bytes) {
                return Some((op.size(size), 0));
            }
        }
    }
    None
}
