//! Constants that fit into instructions, and how to make the others.
//!
//! - [`encode_bitmask`]: the immediates of logical operations, a run of ones that is rotated and repeated;
//! - [`encode_float`]: the 256 floats of `fmov`;
//! - [`materialize`]: 64 bits in a general register, in as few instructions as can be;
//! - [`vector_immediate`]: 128 bits in a vector register in one instruction, if there is one.

use super::row::{Op, Size};

/// A constant as the immediate of a logical operation of this width (N, immr, imms in 13 bits); `None` if it is not one. In operations of 32
/// bits the upper half does not count.
pub fn encode_bitmask(value: u64, size: Size) -> Option<u16> {
    let value = if size == Size::S64 { value } else { value & 0xffff_ffff | value << 32 };
    if value == 0 || value == u64::MAX {
        return None;
    }
    // The shortest element that the value repeats.
    let mut width = 64;
    while width > 2 {
        let half = width / 2;
        let mask = (1u64 << half) - 1;
        if value & mask != value >> half & mask {
            break;
        }
        width = half;
    }
    let mask = u64::MAX >> (64 - width);
    let element = value & mask;
    let ones = element.count_ones();
    // Where its run of ones starts; it may go over the end, and then starts behind the highest zero.
    let start =
        if element & 1 == 0 { element.trailing_zeros() } else { 64 - (!element & mask).leading_zeros() } % width;
    let run = rotate_right(element, start, width);
    if run != u64::MAX >> (64 - ones) {
        return None;
    }
    let immr = (width - start) % width;
    let imms = (!(width * 2 - 1) & 0x3f) | (ones - 1);
    let n = u32::from(width == 64);
    Some((n << 12 | immr << 6 | imms) as u16)
}

/// The constant that an immediate of a logical operation stands for; `None` if it stands for nothing.
pub fn decode_bitmask(bits: u16, size: Size) -> Option<u64> {
    let (n, immr, imms) = (u32::from(bits) >> 12 & 1, u32::from(bits) >> 6 & 0x3f, u32::from(bits) & 0x3f);
    if n == 1 && size != Size::S64 {
        return None;
    }
    let width_bits = n << 6 | !imms & 0x3f;
    if width_bits < 2 {
        return None;
    }
    let width = 1 << (31 - width_bits.leading_zeros());
    let (ones, rotation) = ((imms & (width - 1)) + 1, immr & (width - 1));
    if ones == width {
        return None;
    }
    let mut value = rotate_right(u64::MAX >> (64 - ones), rotation, width);
    let mut have = width;
    while have < 64 {
        value |= value << have;
        have *= 2;
    }
    Some(if size == Size::S64 { value } else { value & 0xffff_ffff })
}

/// Rotates the lowest `width` bits; the others are 0.
const fn rotate_right(value: u64, count: u32, width: u32) -> u64 {
    if count == 0 {
        return value;
    }
    (value >> count | value << (width - count)) & (u64::MAX >> (64 - width))
}

/// Whether the value is an immediate of additions and subtractions: 12 bits, or 12 bits shifted left by 12.
#[inline]
pub const fn is_imm12(value: u64) -> bool {
    value <= 0xfff || (value & 0xfff == 0 && value <= 0xfff_000)
}

/// A float as the immediate of `fmov`: sign, three bits of exponent, four of fraction. The size is that of the float.
pub fn encode_float(bits: u64, size: Size) -> Option<u8> {
    (0..=u8::MAX).find(|imm| decode_float(*imm, size) == bits)
}

/// The float that an immediate of `fmov` stands for.
pub const fn decode_float(imm: u8, size: Size) -> u64 {
    let imm = imm as u64;
    let (sign, high, low) = (imm >> 7, imm >> 6 & 1, imm & 0x3f);
    match size {
        Size::S64 => sign << 63 | (if high == 1 { 0x3fc0_0000_0000_0000 } else { 0x4000_0000_0000_0000 }) | low << 48,
        _ => sign << 31 | (if high == 1 { 0x3e00_0000 } else { 0x4000_0000 }) | low << 19,
    }
}

/// An instruction that makes a constant or adds to it: destination, for `movk` source too, and this immediate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Step {
    /// `MOVZ`, `MOVN`, `MOV_MASK` or `MOVK`.
    pub op: Op,
    /// Its immediate.
    pub imm: i32,
}

/// Instructions that make a constant, at most four.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Steps {
    steps: [Step; 4],
    len: usize,
}

impl Steps {
    fn one(op: Op, imm: i32) -> Steps {
        Steps { steps: [Step { op, imm }; 4], len: 1 }
    }

    fn then(mut self, op: Op, imm: i32) -> Steps {
        self.steps[self.len] = Step { op, imm };
        self.len += 1;
        self
    }

    /// In the order in which they run.
    pub fn as_slice(&self) -> &[Step] {
        &self.steps[..self.len]
    }
}

/// The shortest sequence that makes a constant in a general register.
pub fn materialize(value: u64) -> Steps {
    let part = |index: usize| (value >> (16 * index)) as u16;
    let mov16 = |index: usize, bits: u16| i32::from(bits) | (index as i32) << 16;
    let zeros = (0..4).filter(|index| part(*index) == 0).count();
    let ones = (0..4).filter(|index| part(*index) == u16::MAX).count();
    if zeros >= 3 {
        let index = (0..4).find(|index| part(*index) != 0).unwrap_or(0);
        return Steps::one(Op::MOVZ.s64(), mov16(index, part(index)));
    }
    if ones >= 3 {
        let index = (0..4).find(|index| part(*index) != u16::MAX).unwrap_or(0);
        return Steps::one(Op::MOVN.s64(), mov16(index, !part(index)));
    }
    // The upper half is zero and the lower one nearly ones.
    if value >> 32 == 0 && (part(0) == u16::MAX || part(1) == u16::MAX) {
        let index = usize::from(part(0) == u16::MAX);
        return Steps::one(Op::MOVN.s32(), mov16(index, !part(index)));
    }
    if let Some(bits) = encode_bitmask(value, Size::S64) {
        return Steps::one(Op::MOV_MASK.s64(), bits.into());
    }
    if value >> 32 == 0
        && let Some(bits) = encode_bitmask(value, Size::S32)
    {
        return Steps::one(Op::MOV_MASK.s32(), bits.into());
    }
    // Two instructions: one with a part of 16 bits replaced.
    if zeros < 2 && ones < 2 {
        for index in 0..4 {
            let mask = 0xffff << (16 * index);
            for other in (0..4).filter(|other| *other != index) {
                let with = value & !mask | u64::from(part(other)) << (16 * index);
                if let Some(bits) = encode_bitmask(with, Size::S64) {
                    return Steps::one(Op::MOV_MASK.s64(), bits.into()).then(Op::MOVK.s64(), mov16(index, part(index)));
                }
            }
            for with in [value & !mask, value | mask] {
                if let Some(bits) = encode_bitmask(with, Size::S64) {
                    return Steps::one(Op::MOV_MASK.s64(), bits.into()).then(Op::MOVK.s64(), mov16(index, part(index)));
                }
            }
        }
    }
    let (background, op) = if ones > zeros { (u16::MAX, Op::MOVN.s64()) } else { (0, Op::MOVZ.s64()) };
    let mut rest = (0..4).filter(|index| part(*index) != background);
    let first = rest.next().expect("constants of one part were made above");
    let bits = if background == 0 { part(first) } else { !part(first) };
    rest.fold(Steps::one(op, mov16(first, bits)), |steps, index| steps.then(Op::MOVK.s64(), mov16(index, part(index))))
}

/// The instruction and immediate that put these 128 bits into a vector register, if there is one.
pub fn vector_immediate(bits: u128) -> Option<(Op, i32)> {
    let half = bits as u64;
    if bits >> 64 != u128::from(half) {
        return None;
    }
    let bytes = half.to_le_bytes();
    if bytes.iter().all(|byte| *byte == bytes[0]) {
        return Some((Op::VMOVI_16B, bytes[0].into()));
    }
    if bytes.iter().all(|byte| matches!(byte, 0 | 0xff)) {
        let mask = bytes.iter().rev().fold(0, |mask, byte| mask << 1 | i32::from(*byte & 1));
        return Some((Op::VMOVI_2D, mask));
    }
    let word = half as u32;
    if half >> 32 == u64::from(word) {
        let low = word as u16;
        if word >> 16 == u32::from(low) {
            for shift in 0..2 {
                for (op, lane) in [(Op::VMOVI_8H, low), (Op::VMVNI_8H, !low)] {
                    if lane & !(0xff << (8 * shift)) == 0 {
                        return Some((op, i32::from(lane >> (8 * shift)) | shift << 8));
                    }
                }
            }
        }
        for shift in 0..4 {
            for (op, lane) in [(Op::VMOVI_4S, word), (Op::VMVNI_4S, !word)] {
                if lane & !(0xff << (8 * shift)) == 0 {
                    return Some((op, (lane >> (8 * shift)) as i32 | shift << 8));
                }
            }
        }
        for shift in 1..3 {
            let ones = (1 << (8 * shift)) - 1;
            for (op, lane) in [(Op::VMOVI_MSL, word), (Op::VMVNI_MSL, !word)] {
                if lane & ones == ones && lane >> (8 * shift) <= 0xff {
                    return Some((op, (lane >> (8 * shift)) as i32 | shift << 8));
                }
            }
        }
        if let Some(imm) = encode_float(word.into(), Size::S32) {
            return Some((Op::VFMOV_4S, imm.into()));
        }
    }
    encode_float(half, Size::S64).map(|imm| (Op::VFMOV_2D, imm.into()))
}

/// The 128 bits that a vector's immediate stands for.
pub fn expand_vector_immediate(op: Op, imm: i32) -> Option<u128> {
    let (byte, shift) = (imm as u32 & 0xff, (imm as u32 >> 8) * 8);
    let words = |word: u32| u128::from(word) * 0x0000_0001_0000_0001_0000_0001_0000_0001;
    let halves = |half: u32| words((half & 0xffff) * 0x1_0001);
    let twice = |half: u64| u128::from(half) << 64 | u128::from(half);
    Some(match op {
        Op::VMOVI_16B => words(byte * 0x0101_0101),
        Op::VMOVI_2D => twice((0..8).fold(0, |bits, bit| bits | (u64::from(byte >> bit & 1) * 0xff) << (8 * bit))),
        Op::VMOVI_4S => words(byte << shift),
        Op::VMVNI_4S => words(!(byte << shift)),
        Op::VMOVI_8H => halves(byte << shift),
        Op::VMVNI_8H => halves(!(byte << shift)),
        Op::VMOVI_MSL => words(byte << shift | ((1 << shift) - 1)),
        Op::VMVNI_MSL => words(!(byte << shift | ((1 << shift) - 1))),
        Op::VFMOV_4S => words(decode_float(byte as u8, Size::S32) as u32),
        Op::VFMOV_2D => twice(decode_float(byte as u8, Size::S64)),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    /// What the steps leave in the register.
    fn run(steps: &Steps) -> u64 {
        let mut value = 0;
        for step in steps.as_slice() {
            let (bits, shift) = ((step.imm & 0xffff) as u64, 16 * (step.imm as u32 >> 16));
            value = match step.op {
                op if op == Op::MOVZ.s64() => bits << shift,
                op if op == Op::MOVN.s64() => !(bits << shift),
                op if op == Op::MOVN.s32() => u64::from(!((bits as u32) << shift)),
                op if op == Op::MOV_MASK.s64() => decode_bitmask(step.imm as u16, Size::S64).unwrap(),
                op if op == Op::MOV_MASK.s32() => decode_bitmask(step.imm as u16, Size::S32).unwrap(),
                op if op == Op::MOVK.s64() => value & !(0xffff << shift) | bits << shift,
                op => panic!("{op:?} makes no constant"),
            };
        }
        value
    }

    fn random(state: &mut u64) -> u64 {
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    #[test]
    fn bitmasks_are_all_and_only_the_rotated_runs() {
        let mut masks = HashSet::new();
        for width in [2u32, 4, 8, 16, 32, 64] {
            for ones in 1..width {
                for rotation in 0..width {
                    let mut value = rotate_right(u64::MAX >> (64 - ones), rotation, width);
                    for have in [2, 4, 8, 16, 32].into_iter().filter(|have| *have >= width) {
                        value |= value << have;
                    }
                    masks.insert(value);
                }
            }
        }
        assert_eq!(masks.len(), 5334);
        for mask in &masks {
            let bits = encode_bitmask(*mask, Size::S64).unwrap_or_else(|| panic!("{mask:#x} is a bitmask"));
            assert_eq!(decode_bitmask(bits, Size::S64), Some(*mask));
            let repeats = mask >> 32 == mask & 0xffff_ffff;
            let low = encode_bitmask(mask & 0xffff_ffff, Size::S32);
            assert!(!repeats || low.is_some_and(|low| decode_bitmask(low, Size::S32) == Some(mask & 0xffff_ffff)));
        }
        let decoded: HashSet<u64> = (0..1 << 13).filter_map(|bits| decode_bitmask(bits, Size::S64)).collect();
        assert_eq!(decoded, masks, "every immediate stands for one of them");
        // Neighbours of bitmasks, all small numbers, random ones.
        let mut state = 1;
        let near = masks.iter().flat_map(|mask| (0..64).map(move |bit| mask ^ 1 << bit));
        let random = (0..100_000).map(|_| random(&mut state) & random(&mut 7));
        for value in near.chain(0..0x2_0000).chain(random) {
            assert_eq!(encode_bitmask(value, Size::S64).is_some(), masks.contains(&value), "{value:#x}");
            let twice = value & 0xffff_ffff | value << 32;
            assert_eq!(encode_bitmask(value, Size::S32).is_some(), masks.contains(&twice), "{value:#x}, 32 bits");
        }
    }

    #[test]
    fn constants_are_what_their_instructions_make() {
        let mut state = 3;
        let parts = [0, 1, 0x8000, 0xffff, 0x1234, 0x00ff, 0x5555];
        let mut values: Vec<u64> =
            (0..0x1_0000).flat_map(|low| [low, low << 16, low << 48, !low, !(low << 32), low | 0xffff_0000]).collect();
        for a in parts {
            for b in parts {
                for c in parts {
                    values.extend(parts.map(|d| a | b << 16 | c << 32 | d << 48));
                }
            }
        }
        values.extend((0..200_000).map(|_| random(&mut state) >> (random(&mut state) & 63)));
        for value in values {
            let steps = materialize(value);
            assert_eq!(run(&steps), value, "{steps:?}");
            let part = |index: usize| (value >> (16 * index)) as u16;
            let differ = |from: u16| (0..4).filter(|index| part(*index) != from).count().max(1);
            assert!(steps.as_slice().len() <= differ(0).min(differ(u16::MAX)), "{value:#x}");
        }
        assert_eq!(materialize(0xffff_ffff).as_slice().len(), 1);
        assert_eq!(materialize(0x1234_5678).as_slice().len(), 2);
        assert_eq!(materialize(0xff00_ff00_1234_ff00).as_slice().len(), 2);
    }

    #[test]
    fn vector_immediates_are_what_they_stand_for() {
        let mut found = 0;
        let mut check = |bits: u128| {
            if let Some((op, imm)) = vector_immediate(bits) {
                assert_eq!(expand_vector_immediate(op, imm), Some(bits), "{op:?} {imm}");
                found += 1;
            }
        };
        let twice = |half: u64| u128::from(half) << 64 | u128::from(half);
        for mask in 0..=255u64 {
            check(twice((0..8).fold(0, |bits, bit| bits | ((mask >> bit & 1) * 0xff) << (8 * bit))));
            check(twice(decode_float(mask as u8, Size::S64)));
            check(twice(decode_float(mask as u8, Size::S32) * 0x1_0000_0001));
            for shift in [0, 8, 16, 24] {
                for word in [mask << shift, mask << shift | ((1 << shift) - 1)].map(|word| word & 0xffff_ffff) {
                    check(twice(word * 0x1_0000_0001));
                    check(!twice(word * 0x1_0000_0001));
                }
            }
        }
        for half in 0..=0xffffu64 {
            check(twice(half * 0x0001_0001_0001_0001));
            check(twice(half | half << 32));
            check(u128::from(half));
        }
        assert!(found > 5_000, "{found} constants of one instruction");
        // Every immediate of every instruction is found again, by some instruction.
        let shifted = |shifts: i32| (0..shifts).flat_map(|shift| (0..256).map(move |byte| byte | shift << 8));
        let mut all: Vec<(Op, i32)> = Vec::new();
        for op in [Op::VMOVI_16B, Op::VMOVI_2D, Op::VFMOV_4S, Op::VFMOV_2D] {
            all.extend(shifted(1).map(|imm| (op, imm)));
        }
        all.extend([Op::VMOVI_4S, Op::VMVNI_4S].into_iter().flat_map(|op| shifted(4).map(move |imm| (op, imm))));
        all.extend([Op::VMOVI_8H, Op::VMVNI_8H].into_iter().flat_map(|op| shifted(2).map(move |imm| (op, imm))));
        all.extend(
            [Op::VMOVI_MSL, Op::VMVNI_MSL]
                .into_iter()
                .flat_map(|op| shifted(3).filter(|imm| *imm > 255).map(move |imm| (op, imm))),
        );
        for (op, imm) in all {
            let bits = expand_vector_immediate(op, imm).unwrap();
            let (op, imm) = vector_immediate(bits).unwrap_or_else(|| panic!("{op:?} {imm} makes {bits:#x}"));
            assert_eq!(expand_vector_immediate(op, imm), Some(bits));
        }
        assert_eq!(vector_immediate(1), None);
    }

    #[test]
    fn floats_are_what_they_stand_for() {
        assert_eq!(encode_float(1.5f64.to_bits(), Size::S64), Some(0x78));
        assert_eq!(encode_float((-0.125f32).to_bits().into(), Size::S32), Some(0xc0));
        assert_eq!(encode_float(31.0f64.to_bits(), Size::S64), Some(0x3f));
        assert_eq!(encode_float(0, Size::S64), None);
        assert_eq!(encode_float(0.1f64.to_bits(), Size::S64), None);
        for imm in 0..=u8::MAX {
            let (wide, narrow) = (decode_float(imm, Size::S64), decode_float(imm, Size::S32));
            assert_eq!(f64::from_bits(wide), f64::from(f32::from_bits(narrow as u32)));
            assert_eq!((encode_float(wide, Size::S64), encode_float(narrow, Size::S32)), (Some(imm), Some(imm)));
        }
    }
}
