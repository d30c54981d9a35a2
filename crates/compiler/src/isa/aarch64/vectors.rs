//! Which instructions the opcodes on vectors are: the rows that lowering and the baseline compiler share. What takes longer sequences is in the
//! lowering alone.

use super::row::{Cond, Op, Size, SizedOp};
use crate::ir::Opcode;

use Size::{S8, S16, S32, S64};

/// What an opcode with the operands `a`, `b`, `c` is.
#[derive(Clone, Copy)]
pub enum Row {
    /// `op a, b`.
    Binary(Op),
    /// `op b, a`.
    Swapped(Op),
    /// `op a`, with an immediate; operand or result may be of another kind.
    Unary(Op, i32),
    /// The second of what the first makes of `a`.
    Pair(Op, Op),
    /// All bits of `op a, b` inverted.
    Inverted(Op),
    /// `op c, a, b`, which changes `c`.
    Three(Op),
    /// The first makes half of the result of `a`, the second the other one of `b`.
    Narrow(Op, Op),
    /// `b` becomes this lane of `a`.
    Replace(Op, i32),
    /// A shift of lanes by a scalar.
    Shift(LaneShift),
    /// Whether what the instruction makes of all lanes is zero or not.
    Test(Op, Cond),
}

/// A shift of lanes by a scalar.
#[derive(Clone, Copy)]
pub struct LaneShift {
    /// By an immediate.
    pub by_imm: SizedOp,
    /// By a vector of counts to the left.
    pub by_vector: SizedOp,
    /// Whether it goes right.
    pub right: bool,
    /// Of a lane.
    pub size: Size,
}

/// The row of an opcode that names this lane, if it has one.
#[rustfmt::skip]
pub fn row(op: Opcode, lane: u8) -> Option<Row> {
    use Opcode::*;
    use Row::*;
    let lane = i32::from(lane);
    let plain = |op: SizedOp, size: Size| Binary(op.size(size));
    let swapped = |op: SizedOp, size: Size| Swapped(op.size(size));
    let one = |op: SizedOp, size: Size| Unary(op.size(size), 0);
    let inverted = |op: SizedOp, size: Size| Inverted(op.size(size));
    let take = |op: SizedOp, size: Size| Unary(op.size(size), lane);
    let put = |op: SizedOp, size: Size| Replace(op.size(size), lane);
    let narrow = |low: SizedOp, high: SizedOp, size: Size| Narrow(low.size(size), high.size(size));
    let left = |size| Shift(LaneShift { by_imm: Op::VSHL, by_vector: Op::VUSHL, right: false, size });
    let right_s = |size| Shift(LaneShift { by_imm: Op::VSSHR, by_vector: Op::VSSHL, right: true, size });
    let right_u = |size| Shift(LaneShift { by_imm: Op::VUSHR, by_vector: Op::VUSHL, right: true, size });
    Some(match op {
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
        V128And => Binary(Op::VAND), V128Or => Binary(Op::VORR), V128Xor => Binary(Op::VEOR), V128AndNot => Binary(Op::VBIC),
        I8x16Swizzle | I8x16RelaxedSwizzle => Binary(Op::VTBL),

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
        I32x4TruncSatF64x2SZero | I32x4RelaxedTruncF64x2SZero => Pair(Op::VFCVTZS.size(S64), Op::VSQXTN.size(S32)),
        I32x4TruncSatF64x2UZero | I32x4RelaxedTruncF64x2UZero => Pair(Op::VFCVTZU.size(S64), Op::VUQXTN.size(S32)),
        F64x2ConvertLowI32x4S => Pair(Op::VSSHLL.size(S32), Op::VSCVTF.size(S64)),
        F64x2ConvertLowI32x4U => Pair(Op::VUSHLL.size(S32), Op::VUCVTF.size(S64)),
        F32x4DemoteF64x2Zero => Unary(Op::VFCVTN, 0), F64x2PromoteLowF32x4 => Unary(Op::VFCVTL, 0),
        I8x16Splat => one(Op::VDUP_G, S8), I16x8Splat => one(Op::VDUP_G, S16), I32x4Splat => one(Op::VDUP_G, S32), I64x2Splat => one(Op::VDUP_G, S64),
        F32x4Splat => one(Op::VDUP, S32), F64x2Splat => one(Op::VDUP, S64),

        I8x16Ne => inverted(Op::VCMEQ, S8), I16x8Ne => inverted(Op::VCMEQ, S16), I32x4Ne => inverted(Op::VCMEQ, S32), I64x2Ne => inverted(Op::VCMEQ, S64),
        F32x4Ne => inverted(Op::VFCMEQ, S32), F64x2Ne => inverted(Op::VFCMEQ, S64),
        V128Bitselect | I8x16RelaxedLaneselect | I16x8RelaxedLaneselect | I32x4RelaxedLaneselect | I64x2RelaxedLaneselect => Three(Op::VBSL),
        F32x4RelaxedMadd => Three(Op::VFMLA.size(S32)), F64x2RelaxedMadd => Three(Op::VFMLA.size(S64)),
        F32x4RelaxedNmadd => Three(Op::VFMLS.size(S32)), F64x2RelaxedNmadd => Three(Op::VFMLS.size(S64)),
        I8x16NarrowI16x8S => narrow(Op::VSQXTN, Op::VSQXTN2, S8), I8x16NarrowI16x8U => narrow(Op::VSQXTUN, Op::VSQXTUN2, S8),
        I16x8NarrowI32x4S => narrow(Op::VSQXTN, Op::VSQXTN2, S16), I16x8NarrowI32x4U => narrow(Op::VSQXTUN, Op::VSQXTUN2, S16),

        I8x16ExtractLaneS => take(Op::VSMOV_W, S8), I8x16ExtractLaneU => take(Op::VUMOV_W, S8),
        I16x8ExtractLaneS => take(Op::VSMOV_W, S16), I16x8ExtractLaneU => take(Op::VUMOV_W, S16),
        I32x4ExtractLane => take(Op::VUMOV_W, S32), I64x2ExtractLane => take(Op::VUMOV_X, S64),
        F32x4ExtractLane => take(Op::VDUP_F, S32), F64x2ExtractLane => take(Op::VDUP_F, S64),
        I8x16ReplaceLane => put(Op::VINS_G, S8), I16x8ReplaceLane => put(Op::VINS_G, S16),
        I32x4ReplaceLane => put(Op::VINS_G, S32), I64x2ReplaceLane => put(Op::VINS_G, S64),
        F32x4ReplaceLane => put(Op::VINS, S32), F64x2ReplaceLane => put(Op::VINS, S64),

        V128AnyTrue => Test(Op::VUMAXV.size(S32), Cond::Ne), I8x16AllTrue => Test(Op::VUMINV.size(S8), Cond::Ne),
        I16x8AllTrue => Test(Op::VUMINV.size(S16), Cond::Ne), I32x4AllTrue => Test(Op::VUMINV.size(S32), Cond::Ne),

        I8x16Shl => left(S8), I16x8Shl => left(S16), I32x4Shl => left(S32), I64x2Shl => left(S64),
        I8x16ShrS => right_s(S8), I16x8ShrS => right_s(S16), I32x4ShrS => right_s(S32), I64x2ShrS => right_s(S64),
        I8x16ShrU => right_u(S8), I16x8ShrU => right_u(S16), I32x4ShrU => right_u(S32), I64x2ShrU => right_u(S64),
        _ => return None,
    })
}

/// What a load of a vector does: loads, and then something more.
pub fn load(op: Opcode) -> Option<(Op, Option<Op>)> {
    use Opcode::*;
    Some(match op {
        V128Load => (Op::LDR_Q, None),
        V128Load32Zero => (Op::LDR_S, None),
        V128Load64Zero => (Op::LDR_D, None),
        V128Load8x8S => (Op::LDR_D, Some(Op::VSSHLL.size(S8))),
        V128Load8x8U => (Op::LDR_D, Some(Op::VUSHLL.size(S8))),
        V128Load16x4S => (Op::LDR_D, Some(Op::VSSHLL.size(S16))),
        V128Load16x4U => (Op::LDR_D, Some(Op::VUSHLL.size(S16))),
        V128Load32x2S => (Op::LDR_D, Some(Op::VSSHLL.size(S32))),
        V128Load32x2U => (Op::LDR_D, Some(Op::VUSHLL.size(S32))),
        V128Load8Splat => (Op::LDR_B, Some(Op::VDUP.size(S8))),
        V128Load16Splat => (Op::LDR_H, Some(Op::VDUP.size(S16))),
        V128Load32Splat => (Op::LDR_S, Some(Op::VDUP.size(S32))),
        V128Load64Splat => (Op::LDR_D, Some(Op::VDUP.size(S64))),
        _ => return None,
    })
}

/// What a shuffle of bytes is. Operands are numbered 0 and 1.
#[derive(Clone, Copy)]
pub enum Shuffle {
    /// An instruction of both, with an immediate.
    Binary(Op, i32),
    /// A look-up of these bytes in one operand.
    Table(usize, u128),
    /// One in the first operand, and one in the second that leaves alone what it does not have.
    Tables([u128; 2]),
}

/// A shuffle: bytes 0-15 are of the first operand, 16-31 of the second.
pub fn shuffle(order: [u8; 16], operands_are_same: bool) -> Shuffle {
    if let Some((op, imm)) = known_order(&order) {
        return Shuffle::Binary(op, imm);
    }
    let bits = u128::from_le_bytes;
    if operands_are_same || order.iter().all(|byte| *byte < 16) {
        return Shuffle::Table(0, bits(order.map(|byte| byte & 15)));
    }
    let of_second = order.map(|byte| byte.wrapping_sub(16));
    if order.iter().all(|byte| *byte >= 16) {
        return Shuffle::Table(1, bits(of_second));
    }
    // What a table does not have is 0 in the first look-up.
    Shuffle::Tables([bits(order), bits(of_second)])
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
