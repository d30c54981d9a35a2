//! Moving bits and lanes: `splat`, `extract_lane`, `replace_lane`, `shuffle`, `swizzle`, `v128.*` on bits, and what loads
//! and stores of vectors do to the value.
//!
//! Lane numbers come from validated code. A larger one counts modulo the number of lanes, so that none can panic.

use super::v128::{V128, map};

unary! {
    "whether any bit is set.", |a| u128::from(a) != 0 =>
        v128.any_true: v128_any_true(V128) -> bool;
    "every bit flipped.", |a| (!u128::from(a)).into() =>
        v128.not: v128_not(V128) -> V128;

    "the low 8 bits in every lane.", |a| [a as i8; 16].into() =>
        i8x16.splat: i8x16_splat(i32) -> V128;
    "the low 16 bits in every lane.", |a| [a as i16; 8].into() =>
        i16x8.splat: i16x8_splat(i32) -> V128;
    "the operand in every lane.", |a| [a; 4].into() =>
        i32x4.splat: i32x4_splat(i32) -> V128,
        f32x4.splat: f32x4_splat(f32) -> V128;
    "the operand in every lane.", |a| [a; 2].into() =>
        i64x2.splat: i64x2_splat(i64) -> V128,
        f64x2.splat: f64x2_splat(f64) -> V128;

    "the loaded value in every lane.", |loaded| [loaded; 16].into() =>
        v128.load8_splat: v128_load8_splat(u8) -> V128;
    "the loaded value in every lane.", |loaded| [loaded; 8].into() =>
        v128.load16_splat: v128_load16_splat(u16) -> V128;
    "the loaded value in every lane.", |loaded| [loaded; 4].into() =>
        v128.load32_splat: v128_load32_splat(u32) -> V128;
    "the loaded value in every lane.", |loaded| [loaded; 2].into() =>
        v128.load64_splat: v128_load64_splat(u64) -> V128;
    "the loaded value in the lowest lane, all else 0.", |loaded| u128::from(loaded).into() =>
        v128.load32_zero: v128_load32_zero(u32) -> V128,
        v128.load64_zero: v128_load64_zero(u64) -> V128;
}

binary! {
    "the bits set in both.", |a, b| (u128::from(a) & u128::from(b)).into() =>
        v128.and: v128_and(V128, V128) -> V128;
    "the bits set in `a` and not in `b`.", |a, b| (u128::from(a) & !u128::from(b)).into() =>
        v128.andnot: v128_andnot(V128, V128) -> V128;
    "the bits set in either.", |a, b| (u128::from(a) | u128::from(b)).into() =>
        v128.or: v128_or(V128, V128) -> V128;
    "the bits set in one of the two.", |a, b| (u128::from(a) ^ u128::from(b)).into() =>
        v128.xor: v128_xor(V128, V128) -> V128;
}

/// `v128.bitselect`: the bits of `a` where `mask` has a 1, those of `b` where it has a 0.
#[inline(always)]
pub fn v128_bitselect(a: V128, b: V128, mask: V128) -> V128 {
    v128_or(v128_and(a, mask), v128_andnot(b, mask))
}

/// `i8x16.shuffle`: lane n of the result is lane `lanes[n]` of `a` and `b` put together, `b` being lanes 16 to 31.
#[inline]
pub fn i8x16_shuffle(a: V128, b: V128, lanes: [u8; 16]) -> V128 {
    let mut both = [0; 32];
    both[..16].copy_from_slice(&a.to_le_bytes());
    both[16..].copy_from_slice(&b.to_le_bytes());
    lanes.map(|lane| both[usize::from(lane) % 32]).into()
}

/// `i8x16.swizzle`: lane n of the result is the lane of `a` that lane n of `lanes` names; 0 if that is above 15.
#[inline]
pub fn i8x16_swizzle(a: V128, lanes: V128) -> V128 {
    // The 0 that any lane number above 15 selects.
    let mut choices = [0; 17];
    choices[..16].copy_from_slice(&a.to_le_bytes());
    map::<u8, u8, _>(lanes, |lane| choices[usize::from(lane.min(16))])
}

/// Makes functions that read one lane: the opcode, the type of a lane, the result.
macro_rules! extract_lane {
    ($($what:literal: $($shape:ident.$op:ident: $name:ident($lane:ty, $count:literal) -> $out:ty),+;)*) => {$($(
        #[doc = concat!("`", stringify!($shape), ".", stringify!($op), "`: ", $what)]
        #[inline(always)]
        pub fn $name(a: V128, lane: u8) -> $out {
            <[$lane; $count]>::from(a)[usize::from(lane) % $count].into()
        }
    )+)*};
}

extract_lane! {
    "one lane, sign-extended.":
        i8x16.extract_lane_s: i8x16_extract_lane_s(i8, 16) -> i32,
        i16x8.extract_lane_s: i16x8_extract_lane_s(i16, 8) -> i32;
    "one lane, zero-extended.":
        i8x16.extract_lane_u: i8x16_extract_lane_u(u8, 16) -> i32,
        i16x8.extract_lane_u: i16x8_extract_lane_u(u16, 8) -> i32;
    "one lane.":
        i32x4.extract_lane: i32x4_extract_lane(i32, 4) -> i32,
        i64x2.extract_lane: i64x2_extract_lane(i64, 2) -> i64,
        f32x4.extract_lane: f32x4_extract_lane(f32, 4) -> f32,
        f64x2.extract_lane: f64x2_extract_lane(f64, 2) -> f64;
    "the lane that is stored.":
        v128.store8_lane: v128_store8_lane(u8, 16) -> u8,
        v128.store16_lane: v128_store16_lane(u16, 8) -> u16,
        v128.store32_lane: v128_store32_lane(u32, 4) -> u32,
        v128.store64_lane: v128_store64_lane(u64, 2) -> u64;
}

/// Makes functions that write one lane: the opcode, the type of a lane, the type of the operand, of which a lane takes
/// the low bits.
macro_rules! replace_lane {
    ($($shape:ident.$op:ident: $name:ident($lane:ty, $count:literal, $value:ty);)*) => {$(
        #[doc = concat!(
            "`", stringify!($shape), ".", stringify!($op),
            "`: one lane replaced by `value`, or by as many of its low bits as a lane has."
        )]
        #[inline(always)]
        pub fn $name(a: V128, value: $value, lane: u8) -> V128 {
            let mut lanes = <[$lane; $count]>::from(a);
            lanes[usize::from(lane) % $count] = value as $lane;
            lanes.into()
        }
    )*};
}

replace_lane! {
    i8x16.replace_lane: i8x16_replace_lane(i8, 16, i32);
    i16x8.replace_lane: i16x8_replace_lane(i16, 8, i32);
    i32x4.replace_lane: i32x4_replace_lane(i32, 4, i32);
    i64x2.replace_lane: i64x2_replace_lane(i64, 2, i64);
    f32x4.replace_lane: f32x4_replace_lane(f32, 4, f32);
    f64x2.replace_lane: f64x2_replace_lane(f64, 2, f64);
}

/// Makes functions for loads of one lane: the opcode, the type of a lane.
macro_rules! load_lane {
    ($($shape:ident.$op:ident: $name:ident($lane:ty, $count:literal);)*) => {$(
        #[doc = concat!(
            "`", stringify!($shape), ".", stringify!($op),
            "`: one lane of `a` replaced by the loaded value."
        )]
        #[inline(always)]
        pub fn $name(loaded: $lane, a: V128, lane: u8) -> V128 {
            let mut lanes = <[$lane; $count]>::from(a);
            lanes[usize::from(lane) % $count] = loaded;
            lanes.into()
        }
    )*};
}

load_lane! {
    v128.load8_lane: v128_load8_lane(u8, 16);
    v128.load16_lane: v128_load16_lane(u16, 8);
    v128.load32_lane: v128_load32_lane(u32, 4);
    v128.load64_lane: v128_load64_lane(u64, 2);
}
