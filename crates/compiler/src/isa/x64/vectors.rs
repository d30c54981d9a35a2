//! Which instructions the opcodes on vectors are: the rows that lowering and the baseline compiler share. What takes longer sequences is in the
//! lowering alone.

use super::features::Features;
use super::row::Op;
use crate::ir::Opcode;

/// What an opcode with the operands `a`, `b`, `c` is.
#[derive(Clone, Copy)]
pub enum Row {
    /// `op a, b`, with an immediate.
    Binary(Op, i32),
    /// The same with a float as `b`, which has to be in a register.
    InsertFloat(Op, i32),
    /// `op b, a`.
    Swapped(Op, i32),
    /// `op a`; the result may be an integer.
    Unary(Op, i32),
    /// The same, and the integer is extended.
    Extended(Op, i32, Op),
    /// `op a, a`.
    Twice(Op, i32),
    /// `op` of the upper half of `a`.
    Upper(Op),
    /// `op a, constant`.
    WithConst(Op, u128),
    /// `op 0, a`.
    Negated(Op),
    /// All bits of `op a, b` inverted.
    Inverted(Op),
    /// Whether `a` is the extreme that the first gives of both, by comparison with the second; or is not.
    IsExtreme(Op, Op, bool),
    /// A shift of lanes by a scalar, of which the bits of a mask count: by an immediate, by a register.
    Shift(i32, Op, Op),
    /// An integer that the first puts in the lowest lane, from where the steps bring it to all.
    Splat(Op, &'static [(Op, i32)]),
    /// The lowest lane as it is.
    Lowest,
    /// `op a, b`, where `b` is an integer of the lane's width.
    Insert(Op, i32),
    /// The same with a lane narrower than the integer.
    InsertLow(Op, i32),
    /// Whether no lane is zero by comparison with `op`.
    AllTrue(Op),
    /// Whether any bit is set.
    AnyTrue,
    /// Bits of `a` where `c` has ones, else those of `b`.
    Bitselect,
    /// `b` chooses bytes of `a`.
    Swizzle,
}

/// `pshufd`: the upper half to both places.
pub const UPPER: i32 = 0xee;
/// `pshufd`: the lower half to both places.
const LOWER: i32 = 0x44;
/// A lane of a mask of `pshufb` that becomes zero.
const NOTHING: u8 = 0x80;
/// Added with saturation to an index of [`Row::Swizzle`], it sets the highest bit of those that are 16 or more, for which `pshufb` has zero.
pub const SWIZZLE_LIMIT: u128 = lanes8(0x70);

/// The row of an opcode that names this lane, if it has one.
pub fn row(op: Opcode, lane: u8, features: Features) -> Option<Row> {
    use Opcode::*;
    use Row::*;
    let avx2 = features.contains(Features::AVX2);
    let lane = i32::from(lane);
    Some(match op {
        V128And => Binary(Op::PAND, 0),
        V128Or => Binary(Op::POR, 0),
        V128Xor => Binary(Op::PXOR, 0),
        V128AndNot => Swapped(Op::PANDN, 0),
        I8x16Add => Binary(Op::PADDB, 0),
        I8x16Sub => Binary(Op::PSUBB, 0),
        I8x16AddSatS => Binary(Op::PADDSB, 0),
        I8x16AddSatU => Binary(Op::PADDUSB, 0),
        I8x16SubSatS => Binary(Op::PSUBSB, 0),
        I8x16SubSatU => Binary(Op::PSUBUSB, 0),
        I8x16MinS => Binary(Op::PMINSB, 0),
        I8x16MinU => Binary(Op::PMINUB, 0),
        I8x16MaxS => Binary(Op::PMAXSB, 0),
        I8x16MaxU => Binary(Op::PMAXUB, 0),
        I8x16AvgrU => Binary(Op::PAVGB, 0),
        I8x16Eq => Binary(Op::PCMPEQB, 0),
        I8x16GtS => Binary(Op::PCMPGTB, 0),
        I8x16LtS => Swapped(Op::PCMPGTB, 0),
        I8x16NarrowI16x8S => Binary(Op::PACKSSWB, 0),
        I8x16NarrowI16x8U => Binary(Op::PACKUSWB, 0),
        I16x8Add => Binary(Op::PADDW, 0),
        I16x8Sub => Binary(Op::PSUBW, 0),
        I16x8AddSatS => Binary(Op::PADDSW, 0),
        I16x8AddSatU => Binary(Op::PADDUSW, 0),
        I16x8SubSatS => Binary(Op::PSUBSW, 0),
        I16x8SubSatU => Binary(Op::PSUBUSW, 0),
        I16x8Mul => Binary(Op::PMULLW, 0),
        I16x8MinS => Binary(Op::PMINSW, 0),
        I16x8MinU => Binary(Op::PMINUW, 0),
        I16x8MaxS => Binary(Op::PMAXSW, 0),
        I16x8MaxU => Binary(Op::PMAXUW, 0),
        I16x8AvgrU => Binary(Op::PAVGW, 0),
        I16x8Eq => Binary(Op::PCMPEQW, 0),
        I16x8GtS => Binary(Op::PCMPGTW, 0),
        I16x8LtS => Swapped(Op::PCMPGTW, 0),
        I16x8NarrowI32x4S => Binary(Op::PACKSSDW, 0),
        I16x8NarrowI32x4U => Binary(Op::PACKUSDW, 0),
        I32x4Add => Binary(Op::PADDD, 0),
        I32x4Sub => Binary(Op::PSUBD, 0),
        I32x4Mul => Binary(Op::PMULLD, 0),
        I32x4MinS => Binary(Op::PMINSD, 0),
        I32x4MinU => Binary(Op::PMINUD, 0),
        I32x4MaxS => Binary(Op::PMAXSD, 0),
        I32x4MaxU => Binary(Op::PMAXUD, 0),
        I32x4Eq => Binary(Op::PCMPEQD, 0),
        I32x4GtS => Binary(Op::PCMPGTD, 0),
        I32x4LtS => Swapped(Op::PCMPGTD, 0),
        I32x4DotI16x8S => Binary(Op::PMADDWD, 0),
        I64x2Add => Binary(Op::PADDQ, 0),
        I64x2Sub => Binary(Op::PSUBQ, 0),
        I64x2Eq => Binary(Op::PCMPEQQ, 0),
        F32x4Add => Binary(Op::ADDPS, 0),
        F32x4Sub => Binary(Op::SUBPS, 0),
        F32x4Mul => Binary(Op::MULPS, 0),
        F32x4Div => Binary(Op::DIVPS, 0),
        // The processor gives its second operand where they are equal or unordered; WebAssembly the first.
        F32x4PMin => Swapped(Op::MINPS, 0),
        F32x4PMax => Swapped(Op::MAXPS, 0),
        F32x4Eq => Binary(Op::CMPPS, 0),
        F32x4Lt => Binary(Op::CMPPS, 1),
        F32x4Le => Binary(Op::CMPPS, 2),
        F32x4Ne => Binary(Op::CMPPS, 4),
        F32x4Gt => Swapped(Op::CMPPS, 1),
        F32x4Ge => Swapped(Op::CMPPS, 2),
        F64x2Add => Binary(Op::ADDPD, 0),
        F64x2Sub => Binary(Op::SUBPD, 0),
        F64x2Mul => Binary(Op::MULPD, 0),
        F64x2Div => Binary(Op::DIVPD, 0),
        F64x2PMin => Swapped(Op::MINPD, 0),
        F64x2PMax => Swapped(Op::MAXPD, 0),
        F64x2Eq => Binary(Op::CMPPD, 0),
        F64x2Lt => Binary(Op::CMPPD, 1),
        F64x2Le => Binary(Op::CMPPD, 2),
        F64x2Ne => Binary(Op::CMPPD, 4),
        F64x2Gt => Swapped(Op::CMPPD, 1),
        F64x2Ge => Swapped(Op::CMPPD, 2),
        I8x16Abs => Unary(Op::PABSB, 0),
        I16x8Abs => Unary(Op::PABSW, 0),
        I32x4Abs => Unary(Op::PABSD, 0),
        F32x4Sqrt => Unary(Op::SQRTPS, 0),
        F64x2Sqrt => Unary(Op::SQRTPD, 0),
        F32x4Nearest => Unary(Op::ROUNDPS, 8),
        F32x4Floor => Unary(Op::ROUNDPS, 9),
        F32x4Ceil => Unary(Op::ROUNDPS, 10),
        F32x4Trunc => Unary(Op::ROUNDPS, 11),
        F64x2Nearest => Unary(Op::ROUNDPD, 8),
        F64x2Floor => Unary(Op::ROUNDPD, 9),
        F64x2Ceil => Unary(Op::ROUNDPD, 10),
        F64x2Trunc => Unary(Op::ROUNDPD, 11),
        I16x8ExtendLowI8x16S => Unary(Op::PMOVSXBW, 0),
        I16x8ExtendLowI8x16U => Unary(Op::PMOVZXBW, 0),
        I32x4ExtendLowI16x8S => Unary(Op::PMOVSXWD, 0),
        I32x4ExtendLowI16x8U => Unary(Op::PMOVZXWD, 0),
        I64x2ExtendLowI32x4S => Unary(Op::PMOVSXDQ, 0),
        I64x2ExtendLowI32x4U => Unary(Op::PMOVZXDQ, 0),
        F32x4ConvertI32x4S => Unary(Op::CVTDQ2PS, 0),
        F64x2ConvertLowI32x4S => Unary(Op::CVTDQ2PD, 0),
        F32x4DemoteF64x2Zero => Unary(Op::CVTPD2PS, 0),
        F64x2PromoteLowF32x4 => Unary(Op::CVTPS2PD, 0),
        I8x16Bitmask => Unary(Op::PMOVMSKB, 0),
        I32x4Bitmask => Unary(Op::MOVMSKPS, 0),
        I64x2Bitmask => Unary(Op::MOVMSKPD, 0),
        I8x16ExtractLaneU => Unary(Op::PEXTRB, lane),
        I16x8ExtractLaneU => Unary(Op::PEXTRW, lane),
        I8x16ExtractLaneS => Extended(Op::PEXTRB, lane, Op::MOVSX_8.s32()),
        I16x8ExtractLaneS => Extended(Op::PEXTRW, lane, Op::MOVSX_16.s32()),
        I32x4ExtractLane if lane == 0 => Unary(Op::MOVD_TO_G, 0),
        I32x4ExtractLane => Unary(Op::PEXTRD, lane),
        I64x2ExtractLane if lane == 0 => Unary(Op::MOVQ_TO_G, 0),
        I64x2ExtractLane => Unary(Op::PEXTRQ, lane),
        F32x4ExtractLane | F64x2ExtractLane if lane == 0 => Lowest,
        F32x4ExtractLane => Unary(Op::PSHUFD, lane),
        F64x2ExtractLane => Unary(Op::PSHUFD, UPPER),
        I8x16ReplaceLane => InsertLow(Op::PINSRB, lane),
        I16x8ReplaceLane => InsertLow(Op::PINSRW, lane),
        I32x4ReplaceLane => Insert(Op::PINSRD, lane),
        I64x2ReplaceLane => Insert(Op::PINSRQ, lane),
        F32x4ReplaceLane => InsertFloat(Op::INSERTPS, lane << 4),
        F64x2ReplaceLane if lane == 0 => InsertFloat(Op::MOVSD_RR, 0),
        F64x2ReplaceLane => InsertFloat(Op::MOVLHPS, 0),
        I8x16Splat if avx2 => Splat(Op::MOVD_TO_X, &[(Op::VPBROADCASTB, 0)]),
        I16x8Splat => Splat(Op::MOVD_TO_X, &[(Op::PSHUFLW, 0), (Op::PSHUFD, 0)]),
        I32x4Splat => Splat(Op::MOVD_TO_X, &[(Op::PSHUFD, 0)]),
        I64x2Splat => Splat(Op::MOVQ_TO_X, &[(Op::PSHUFD, LOWER)]),
        F32x4Splat => Twice(Op::SHUFPS, 0),
        F64x2Splat => Unary(Op::MOVDDUP, 0),

        I16x8ExtendHighI8x16S => Upper(Op::PMOVSXBW),
        I16x8ExtendHighI8x16U => Upper(Op::PMOVZXBW),
        I32x4ExtendHighI16x8S => Upper(Op::PMOVSXWD),
        I32x4ExtendHighI16x8U => Upper(Op::PMOVZXWD),
        I64x2ExtendHighI32x4S => Upper(Op::PMOVSXDQ),
        I64x2ExtendHighI32x4U => Upper(Op::PMOVZXDQ),

        V128Not => WithConst(Op::PXOR, u128::MAX),
        F32x4Abs => WithConst(Op::ANDPS, lanes32(!(1 << 31))),
        F64x2Abs => WithConst(Op::ANDPD, lanes64(!(1 << 63))),
        F32x4Neg => WithConst(Op::XORPS, lanes32(1 << 31)),
        F64x2Neg => WithConst(Op::XORPD, lanes64(1 << 63)),
        I16x8ExtAddPairwiseI8x16U => WithConst(Op::PMADDUBSW, lanes8(1)),
        I32x4ExtAddPairwiseI16x8S => WithConst(Op::PMADDWD, lanes16(1)),
        I8x16Neg => Negated(Op::PSUBB),
        I16x8Neg => Negated(Op::PSUBW),
        I32x4Neg => Negated(Op::PSUBD),
        I64x2Neg => Negated(Op::PSUBQ),

        I8x16Ne => Inverted(Op::PCMPEQB),
        I16x8Ne => Inverted(Op::PCMPEQW),
        I32x4Ne => Inverted(Op::PCMPEQD),
        I64x2Ne => Inverted(Op::PCMPEQQ),
        I8x16GeS => IsExtreme(Op::PMAXSB, Op::PCMPEQB, false),
        I8x16GeU => IsExtreme(Op::PMAXUB, Op::PCMPEQB, false),
        I8x16LeS => IsExtreme(Op::PMINSB, Op::PCMPEQB, false),
        I8x16LeU => IsExtreme(Op::PMINUB, Op::PCMPEQB, false),
        I8x16LtU => IsExtreme(Op::PMAXUB, Op::PCMPEQB, true),
        I8x16GtU => IsExtreme(Op::PMINUB, Op::PCMPEQB, true),
        I16x8GeS => IsExtreme(Op::PMAXSW, Op::PCMPEQW, false),
        I16x8GeU => IsExtreme(Op::PMAXUW, Op::PCMPEQW, false),
        I16x8LeS => IsExtreme(Op::PMINSW, Op::PCMPEQW, false),
        I16x8LeU => IsExtreme(Op::PMINUW, Op::PCMPEQW, false),
        I16x8LtU => IsExtreme(Op::PMAXUW, Op::PCMPEQW, true),
        I16x8GtU => IsExtreme(Op::PMINUW, Op::PCMPEQW, true),
        I32x4GeS => IsExtreme(Op::PMAXSD, Op::PCMPEQD, false),
        I32x4GeU => IsExtreme(Op::PMAXUD, Op::PCMPEQD, false),
        I32x4LeS => IsExtreme(Op::PMINSD, Op::PCMPEQD, false),
        I32x4LeU => IsExtreme(Op::PMINUD, Op::PCMPEQD, false),
        I32x4LtU => IsExtreme(Op::PMAXUD, Op::PCMPEQD, true),
        I32x4GtU => IsExtreme(Op::PMINUD, Op::PCMPEQD, true),
        I64x2GtS if features.contains(Features::SSE42) => Binary(Op::PCMPGTQ, 0),
        I64x2LtS if features.contains(Features::SSE42) => Swapped(Op::PCMPGTQ, 0),

        I16x8Shl => Shift(15, Op::PSLLW_I, Op::PSLLW),
        I16x8ShrS => Shift(15, Op::PSRAW_I, Op::PSRAW),
        I16x8ShrU => Shift(15, Op::PSRLW_I, Op::PSRLW),
        I32x4Shl => Shift(31, Op::PSLLD_I, Op::PSLLD),
        I32x4ShrS => Shift(31, Op::PSRAD_I, Op::PSRAD),
        I32x4ShrU => Shift(31, Op::PSRLD_I, Op::PSRLD),
        I64x2Shl => Shift(63, Op::PSLLQ_I, Op::PSLLQ),
        I64x2ShrU => Shift(63, Op::PSRLQ_I, Op::PSRLQ),

        V128AnyTrue => AnyTrue,
        I8x16AllTrue => AllTrue(Op::PCMPEQB),
        I16x8AllTrue => AllTrue(Op::PCMPEQW),
        I32x4AllTrue => AllTrue(Op::PCMPEQD),
        I64x2AllTrue => AllTrue(Op::PCMPEQQ),
        V128Bitselect
        | I8x16RelaxedLaneselect
        | I16x8RelaxedLaneselect
        | I32x4RelaxedLaneselect
        | I64x2RelaxedLaneselect => Bitselect,
        I8x16Swizzle | I8x16RelaxedSwizzle => Swizzle,
        _ => return None,
    })
}

/// The instruction that a load of a vector is, if it is one.
pub fn load(op: Opcode, features: Features) -> Option<Op> {
    use Opcode::*;
    let avx2 = features.contains(Features::AVX2);
    Some(match op {
        V128Load => Op::MOVUPS_RM,
        V128Load32Zero => Op::MOVSS_LOAD,
        V128Load64Zero => Op::MOVSD_LOAD,
        V128Load8x8S => Op::PMOVSXBW,
        V128Load8x8U => Op::PMOVZXBW,
        V128Load16x4S => Op::PMOVSXWD,
        V128Load16x4U => Op::PMOVZXWD,
        V128Load32x2S => Op::PMOVSXDQ,
        V128Load32x2U => Op::PMOVZXDQ,
        V128Load64Splat => Op::MOVDDUP,
        V128Load32Splat if features.contains(Features::AVX) => Op::VBROADCASTSS_LOAD,
        V128Load16Splat if avx2 => Op::VPBROADCASTW,
        V128Load8Splat if avx2 => Op::VPBROADCASTB,
        _ => return None,
    })
}

/// What a shuffle of bytes is. Operands are numbered 0 and 1.
#[derive(Clone, Copy)]
pub enum Shuffle {
    /// `op` of one operand.
    Unary(Op, usize, i32),
    /// `op` of two.
    Binary(Op, [usize; 2], i32),
    /// `pshufb` of one operand by a constant.
    Bytes(usize, u128),
    /// `pshufb` of each operand by its constant, joined.
    Joined([u128; 2]),
}

/// A shuffle by a mask: lanes 0-15 are of the first operand, 16-31 of the second.
pub fn shuffle(mut mask: [u8; 16], operands_are_same: bool) -> Shuffle {
    if operands_are_same {
        mask = mask.map(|lane| lane & 15);
    }
    if mask.iter().all(|lane| *lane >= 16) {
        return shuffle_one(1, mask.map(|lane| lane & 15));
    }
    if mask.iter().all(|lane| *lane < 16) {
        return shuffle_one(0, mask);
    }
    if let Some((op, swapped)) = interleaving(mask) {
        return Shuffle::Binary(op, if swapped { [1, 0] } else { [0, 1] }, 0);
    }
    if let Some(first) = consecutive(mask) {
        // The second operand of palignr is the lower half of the 32 bytes.
        return Shuffle::Binary(Op::PALIGNR, [1, 0], i32::from(first));
    }
    if let Some(dwords) = dwords(mask)
        && dwords[0] < 4
        && dwords[1] < 4
        && dwords[2] >= 4
        && dwords[3] >= 4
    {
        return Shuffle::Binary(Op::SHUFPS, [0, 1], places(dwords.map(|dword| dword & 3)));
    }
    if let Some(words) = blended(mask) {
        return Shuffle::Binary(Op::PBLENDW, [0, 1], words);
    }
    let of = |first: bool| u128::from_le_bytes(mask.map(|lane| if (lane < 16) == first { lane & 15 } else { NOTHING }));
    Shuffle::Joined([of(true), of(false)])
}

fn shuffle_one(operand: usize, mask: [u8; 16]) -> Shuffle {
    if let Some(dwords) = dwords(mask) {
        return Shuffle::Unary(Op::PSHUFD, operand, places(dwords));
    }
    // A rotation of bytes.
    let first = mask[0];
    if (0..16).all(|at| mask[at as usize] == (first + at) & 15) {
        return Shuffle::Binary(Op::PALIGNR, [operand; 2], i32::from(first));
    }
    Shuffle::Bytes(operand, u128::from_le_bytes(mask))
}

/// The lanes of 32 bits that a mask moves, if it does.
fn dwords(mask: [u8; 16]) -> Option<[u8; 4]> {
    let mut dwords = [0; 4];
    for (dword, bytes) in dwords.iter_mut().zip(mask.chunks_exact(4)) {
        let first = bytes[0];
        if first % 4 != 0 || !(0..4).all(|at| bytes[at as usize] == first + at) {
            return None;
        }
        *dword = first / 4;
    }
    Some(dwords)
}

/// The immediate for four places.
fn places(dwords: [u8; 4]) -> i32 {
    dwords.iter().rev().fold(0, |places, dword| places << 2 | i32::from(*dword))
}

/// Where 16 consecutive bytes of both operands start, if it is that.
fn consecutive(mask: [u8; 16]) -> Option<u8> {
    let first = mask[0];
    (0..16).all(|at| mask[at as usize] == first + at).then_some(first)
}

/// The words that come from the second operand, if every word stays in its place.
fn blended(mask: [u8; 16]) -> Option<i32> {
    let mut words = 0;
    for (word, bytes) in mask.chunks_exact(2).enumerate() {
        let at = 2 * word as u8;
        match [bytes[0], bytes[1]] {
            [low, high] if low == at && high == at + 1 => {}
            [low, high] if low == at + 16 && high == at + 17 => words |= 1 << word,
            _ => return None,
        }
    }
    Some(words)
}

/// The instruction that interleaves lanes of both operands so, and whether it starts with the second.
fn interleaving(mask: [u8; 16]) -> Option<(Op, bool)> {
    const OPS: [(Op, u8, u8); 8] = [
        (Op::PUNPCKLBW, 1, 0),
        (Op::PUNPCKHBW, 1, 8),
        (Op::PUNPCKLWD, 2, 0),
        (Op::PUNPCKHWD, 2, 8),
        (Op::PUNPCKLDQ, 4, 0),
        (Op::PUNPCKHDQ, 4, 8),
        (Op::PUNPCKLQDQ, 8, 0),
        (Op::PUNPCKHQDQ, 8, 8),
    ];
    OPS.into_iter().find_map(|(op, bytes, start)| {
        // Lane `at` of the result: from the operands in turn.
        let wanted = |at: u8, swapped: u8| {
            let lane = at / bytes;
            let operand = (lane % 2) ^ swapped;
            16 * operand + start + lane / 2 * bytes + at % bytes
        };
        (0..2)
            .find(|swapped| (0..16).all(|at| mask[at as usize] == wanted(at, *swapped)))
            .map(|swapped| (op, swapped == 1))
    })
}

/// All lanes the same.
pub const fn lanes8(lane: u8) -> u128 {
    lane as u128 * 0x0101_0101_0101_0101_0101_0101_0101_0101
}

/// All lanes the same.
pub const fn lanes16(lane: u16) -> u128 {
    lane as u128 * 0x0001_0001_0001_0001_0001_0001_0001_0001
}

/// All lanes the same.
pub const fn lanes32(lane: u32) -> u128 {
    lane as u128 * 0x0000_0001_0000_0001_0000_0001_0000_0001
}

/// All lanes the same.
pub const fn lanes64(lane: u64) -> u128 {
    lane as u128 * 0x0000_0000_0000_0001_0000_0000_0000_0001
}
