//! Lanes: splats, extraction and replacement, shuffles, tests of all lanes, wider lanes.

use super::super::Lower;
use super::lanes8;
use crate::ir::{Opcode, Value};
use crate::isa::reg::{Reg, RegClass};
use crate::isa::x64::features::Features;
use crate::isa::x64::inst::Inst;
use crate::isa::x64::row::{Cond, Op};

/// `pshufd`: the upper half to both places.
const UPPER: i32 = 0xee;
/// `pshufd`: the lower half to both places.
const LOWER: i32 = 0x44;
/// A lane of a mask of `pshufb` that becomes zero.
const NOTHING: u8 = 0x80;

impl Lower<'_> {
    pub(super) fn vector_lanes(&mut self, value: Value) -> bool {
        use Opcode::*;
        let inst = *self.func.inst(value);
        let (a, b) = (self.operand(inst.a), self.operand(inst.b));
        let lane = i32::from(inst.imm);
        match inst.op {
            I8x16Splat => self.splat_bytes(value, a),
            I16x8Splat => {
                let x = self.moved(a, Op::MOVD_TO_X);
                let low = self.vec_unary(Op::PSHUFLW, x, 0);
                self.unary_into(value, Op::PSHUFD, low, 0);
            }
            I32x4Splat => {
                let x = self.moved(a, Op::MOVD_TO_X);
                self.unary_into(value, Op::PSHUFD, x, 0);
            }
            I64x2Splat => {
                let x = self.moved(a, Op::MOVQ_TO_X);
                self.unary_into(value, Op::PSHUFD, x, LOWER);
            }
            F32x4Splat => {
                let dst = self.def(value);
                let x = self.reg(a);
                self.push(Inst::r(Op::SHUFPS, [dst, x, x]).imm(0));
            }
            F64x2Splat => {
                let dst = self.def(value);
                let x = self.reg(a);
                self.push(Inst::r(Op::MOVDDUP, [dst, x]));
            }
            I8x16ExtractLaneU => self.extract(value, a, Op::PEXTRB, lane),
            I16x8ExtractLaneU => self.extract(value, a, Op::PEXTRW, lane),
            I8x16ExtractLaneS => self.extract_signed(value, a, Op::PEXTRB, lane, Op::MOVSX_8.s32()),
            I16x8ExtractLaneS => self.extract_signed(value, a, Op::PEXTRW, lane, Op::MOVSX_16.s32()),
            I32x4ExtractLane if lane == 0 => self.extract_lowest(value, a, Op::MOVD_TO_G),
            I32x4ExtractLane => self.extract(value, a, Op::PEXTRD, lane),
            I64x2ExtractLane if lane == 0 => self.extract_lowest(value, a, Op::MOVQ_TO_G),
            I64x2ExtractLane => self.extract(value, a, Op::PEXTRQ, lane),
            F32x4ExtractLane | F64x2ExtractLane if lane == 0 => {
                let dst = self.def(value);
                let x = self.reg(a);
                self.push_copy(Inst::r(Op::MOVAPS_RM, [dst, x]));
            }
            F32x4ExtractLane => {
                let x = self.reg(a);
                self.unary_into(value, Op::PSHUFD, x, lane);
            }
            F64x2ExtractLane => {
                let x = self.reg(a);
                self.unary_into(value, Op::PSHUFD, x, UPPER);
            }
            I8x16ReplaceLane => self.insert_int(value, a, b, Op::PINSRB, lane),
            I16x8ReplaceLane => self.insert_int(value, a, b, Op::PINSRW, lane),
            I32x4ReplaceLane => self.insert(value, a, b, Op::PINSRD, lane, 4),
            I64x2ReplaceLane => self.insert(value, a, b, Op::PINSRQ, lane, 8),
            F32x4ReplaceLane => {
                let dst = self.def(value);
                let (vector, lane_value) = (self.reg(a), self.reg(b));
                self.push(Inst::r(Op::INSERTPS, [dst, vector, lane_value]).imm(lane << 4));
            }
            F64x2ReplaceLane => {
                let dst = self.def(value);
                let (vector, lane_value) = (self.reg(a), self.reg(b));
                let op = if lane == 0 { Op::MOVSD_RR } else { Op::MOVLHPS };
                self.push(Inst::r(op, [dst, vector, lane_value]));
            }
            V128AnyTrue => {
                let x = self.reg(a);
                self.push(Inst::r(Op::PTEST, [x, x]));
                self.flag(value, Cond::Ne);
            }
            I8x16AllTrue => self.all_true(value, a, Op::PCMPEQB),
            I16x8AllTrue => self.all_true(value, a, Op::PCMPEQW),
            I32x4AllTrue => self.all_true(value, a, Op::PCMPEQD),
            I64x2AllTrue => self.all_true(value, a, Op::PCMPEQQ),
            I16x8Bitmask => {
                let x = self.reg(a);
                let zero = self.vec_zero();
                let bytes = self.vec(Op::PACKSSWB, x, zero);
                let dst = self.def(value);
                self.push(Inst::r(Op::PMOVMSKB, [dst, bytes]));
            }
            I8x16Swizzle | I8x16RelaxedSwizzle => {
                // An index of 16 or more gets its highest bit set, for which there is zero.
                let (x, lanes) = (self.reg(a), self.reg(b));
                let lanes = self.vec_by(Op::PADDUSB, lanes, lanes8(0x70));
                let dst = self.def(value);
                self.push(Inst::r(Op::PSHUFB, [dst, x, lanes]));
            }
            I8x16Shuffle => {
                let mask = self.func.vconsts[inst.c as usize].to_le_bytes();
                self.shuffle(value, a, b, mask);
            }
            I16x8ExtendHighI8x16S => self.extend_upper(value, a, Op::PMOVSXBW),
            I16x8ExtendHighI8x16U => self.extend_upper(value, a, Op::PMOVZXBW),
            I32x4ExtendHighI16x8S => self.extend_upper(value, a, Op::PMOVSXWD),
            I32x4ExtendHighI16x8U => self.extend_upper(value, a, Op::PMOVZXWD),
            I64x2ExtendHighI32x4S => self.extend_upper(value, a, Op::PMOVSXDQ),
            I64x2ExtendHighI32x4U => self.extend_upper(value, a, Op::PMOVZXDQ),
            _ => return false,
        }
        true
    }

    fn unary_into(&mut self, value: Value, op: Op, x: Reg, imm: i32) {
        let dst = self.def(value);
        self.push(Inst::r(op, [dst, x]).imm(imm));
    }

    /// An integer in the lowest lane of a new register.
    fn moved(&mut self, a: Value, op: Op) -> Reg {
        let int = if op == Op::MOVQ_TO_X { self.reg(a) } else { self.low(a) };
        let dst = self.temp_v128();
        self.push(Inst::r(op, [dst, int]));
        dst
    }

    fn splat_bytes(&mut self, value: Value, a: Value) {
        let x = self.moved(a, Op::MOVD_TO_X);
        if self.has(Features::AVX2) {
            return self.unary_into(value, Op::VPBROADCASTB, x, 0);
        }
        let zero = self.vec_zero();
        let dst = self.def(value);
        self.push(Inst::r(Op::PSHUFB, [dst, x, zero]));
    }

    fn extract(&mut self, value: Value, a: Value, op: Op, lane: i32) {
        let dst = self.def(value);
        let x = self.reg(a);
        self.push(Inst::r(op, [dst, x]).imm(lane));
    }

    fn extract_lowest(&mut self, value: Value, a: Value, op: Op) {
        let dst = self.def(value);
        let x = self.reg(a);
        self.push(Inst::r(op, [dst, x]));
    }

    fn extract_signed(&mut self, value: Value, a: Value, op: Op, lane: i32, extend: Op) {
        let x = self.reg(a);
        let narrow = self.temp(RegClass::Int);
        self.push(Inst::r(op, [narrow, x]).imm(lane));
        let dst = self.def(value);
        self.push(Inst::r(extend, [dst, narrow]));
    }

    fn insert(&mut self, value: Value, a: Value, b: Value, op: Op, lane: i32, bytes: u32) {
        let dst = self.def(value);
        let element = self.rm(b, bytes);
        let vector = self.reg(a);
        self.push_rmi(op, [dst, vector], element, lane);
    }

    fn insert_int(&mut self, value: Value, a: Value, b: Value, op: Op, lane: i32) {
        let dst = self.def(value);
        let (vector, element) = (self.reg(a), self.low(b));
        self.push(Inst::r(op, [dst, vector, element]).imm(lane));
    }

    /// A condition on the flags as a number.
    fn flag(&mut self, value: Value, cond: Cond) {
        let byte = self.temp(RegClass::Int);
        self.push(Inst::r(Op::SETCC, [byte]).cond(cond));
        let dst = self.def(value);
        self.push(Inst::r(Op::MOVZX_8.s32(), [dst, byte]));
    }

    fn all_true(&mut self, value: Value, a: Value, equal: Op) {
        let x = self.reg(a);
        let zero = self.vec_zero();
        let zeros = self.vec(equal, x, zero);
        self.push(Inst::r(Op::PTEST, [zeros, zeros]));
        self.flag(value, Cond::E);
    }

    fn extend_upper(&mut self, value: Value, a: Value, op: Op) {
        let x = self.reg(a);
        let upper = self.vec_unary(Op::PSHUFD, x, UPPER);
        self.unary_into(value, op, upper, 0);
    }

    /// A shuffle of bytes: lanes 0-15 are of the first operand, 16-31 of the second.
    fn shuffle(&mut self, value: Value, a: Value, b: Value, mut mask: [u8; 16]) {
        let (mut a, mut b) = (a, b);
        if a == b {
            mask = mask.map(|lane| lane & 15);
        }
        if mask.iter().all(|lane| *lane >= 16) {
            (a, mask) = (b, mask.map(|lane| lane & 15));
        }
        if mask.iter().all(|lane| *lane < 16) {
            b = a;
        }
        if a == b {
            return self.shuffle_one(value, a, mask);
        }
        let (x, y) = (self.reg(a), self.reg(b));
        let dst = self.def(value);
        if let Some((op, swapped)) = interleaving(mask) {
            let (x, y) = if swapped { (y, x) } else { (x, y) };
            return self.push(Inst::r(op, [dst, x, y]));
        }
        if let Some(first) = consecutive(mask) {
            // The second operand of palignr is the lower half of the 32 bytes.
            return self.push(Inst::r(Op::PALIGNR, [dst, y, x]).imm(i32::from(first)));
        }
        if let Some(dwords) = dwords(mask)
            && dwords[0] < 4
            && dwords[1] < 4
            && dwords[2] >= 4
            && dwords[3] >= 4
        {
            return self.push(Inst::r(Op::SHUFPS, [dst, x, y]).imm(places(dwords.map(|dword| dword & 3))));
        }
        if let Some(words) = blended(mask) {
            return self.push(Inst::r(Op::PBLENDW, [dst, x, y]).imm(words));
        }
        let of =
            |first: bool| u128::from_le_bytes(mask.map(|lane| if (lane < 16) == first { lane & 15 } else { NOTHING }));
        let (one, other) = (self.vec_by(Op::PSHUFB, x, of(true)), self.vec_by(Op::PSHUFB, y, of(false)));
        self.push(Inst::r(Op::POR, [dst, one, other]));
    }

    fn shuffle_one(&mut self, value: Value, a: Value, mask: [u8; 16]) {
        let x = self.reg(a);
        if let Some(dwords) = dwords(mask) {
            return self.unary_into(value, Op::PSHUFD, x, places(dwords));
        }
        let dst = self.def(value);
        // A rotation of bytes.
        let first = mask[0];
        if (0..16).all(|at| mask[at as usize] == (first + at) & 15) {
            return self.push(Inst::r(Op::PALIGNR, [dst, x, x]).imm(i32::from(first)));
        }
        self.push_const(Op::PSHUFB, dst, x, u128::from_le_bytes(mask));
    }
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
