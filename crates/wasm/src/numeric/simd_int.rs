//! Vectors of integers: arithmetic, comparison and changes of width (`i8x16.*` to `i64x2.*`).
//!
//! The types of a row are those of the lanes: an opcode that ends in `_u` sees unsigned ones.

use super::v128::{V128, map};
use core::array::from_fn;

map_lanes! {
    "the absolute value of each lane; the least integer stays as it is.", |x| x.wrapping_abs() =>
        i8x16.abs: i8x16_abs(i8 -> i8),
        i16x8.abs: i16x8_abs(i16 -> i16),
        i32x4.abs: i32x4_abs(i32 -> i32),
        i64x2.abs: i64x2_abs(i64 -> i64);
    "each lane negated, wrapping around.", |x| x.wrapping_neg() =>
        i8x16.neg: i8x16_neg(i8 -> i8),
        i16x8.neg: i16x8_neg(i16 -> i16),
        i32x4.neg: i32x4_neg(i32 -> i32),
        i64x2.neg: i64x2_neg(i64 -> i64);
    "the number of bits set in each lane.", |x| x.count_ones() as u8 =>
        i8x16.popcnt: i8x16_popcnt(u8 -> u8);
}

zip_lanes! {
    "`a + b` of each pair of lanes, wrapping around.", |x, y| x.wrapping_add(y) =>
        i8x16.add: i8x16_add(i8 -> i8),
        i16x8.add: i16x8_add(i16 -> i16),
        i32x4.add: i32x4_add(i32 -> i32),
        i64x2.add: i64x2_add(i64 -> i64);
    "`a - b` of each pair of lanes, wrapping around.", |x, y| x.wrapping_sub(y) =>
        i8x16.sub: i8x16_sub(i8 -> i8),
        i16x8.sub: i16x8_sub(i16 -> i16),
        i32x4.sub: i32x4_sub(i32 -> i32),
        i64x2.sub: i64x2_sub(i64 -> i64);
    "`a * b` of each pair of lanes, wrapping around.", |x, y| x.wrapping_mul(y) =>
        i16x8.mul: i16x8_mul(i16 -> i16),
        i32x4.mul: i32x4_mul(i32 -> i32),
        i64x2.mul: i64x2_mul(i64 -> i64);
    "`a + b` of each pair of lanes, or the nearest value in range.", |x, y| x.saturating_add(y) =>
        i8x16.add_sat_s: i8x16_add_sat_s(i8 -> i8),
        i8x16.add_sat_u: i8x16_add_sat_u(u8 -> u8),
        i16x8.add_sat_s: i16x8_add_sat_s(i16 -> i16),
        i16x8.add_sat_u: i16x8_add_sat_u(u16 -> u16);
    "`a - b` of each pair of lanes, or the nearest value in range.", |x, y| x.saturating_sub(y) =>
        i8x16.sub_sat_s: i8x16_sub_sat_s(i8 -> i8),
        i8x16.sub_sat_u: i8x16_sub_sat_u(u8 -> u8),
        i16x8.sub_sat_s: i16x8_sub_sat_s(i16 -> i16),
        i16x8.sub_sat_u: i16x8_sub_sat_u(u16 -> u16);
    "the lesser of each pair of lanes.", |x, y| x.min(y) =>
        i8x16.min_s: i8x16_min_s(i8 -> i8),
        i8x16.min_u: i8x16_min_u(u8 -> u8),
        i16x8.min_s: i16x8_min_s(i16 -> i16),
        i16x8.min_u: i16x8_min_u(u16 -> u16),
        i32x4.min_s: i32x4_min_s(i32 -> i32),
        i32x4.min_u: i32x4_min_u(u32 -> u32);
    "the greater of each pair of lanes.", |x, y| x.max(y) =>
        i8x16.max_s: i8x16_max_s(i8 -> i8),
        i8x16.max_u: i8x16_max_u(u8 -> u8),
        i16x8.max_s: i16x8_max_s(i16 -> i16),
        i16x8.max_u: i16x8_max_u(u16 -> u16),
        i32x4.max_s: i32x4_max_s(i32 -> i32),
        i32x4.max_u: i32x4_max_u(u32 -> u32);
    "the mean of each pair of lanes, halves rounded up.", |x, y| ((u32::from(x) + u32::from(y) + 1) >> 1) as _ =>
        i8x16.avgr_u: i8x16_avgr_u(u8 -> u8),
        i16x8.avgr_u: i16x8_avgr_u(u16 -> u16);
    "`(a * b + 2^14) / 2^15` of each pair of lanes, rounded down, or the nearest value in range.", |x, y| {
        let product = (i32::from(x) * i32::from(y) + (1 << 14)) >> 15;
        product.min(i32::from(i16::MAX)) as i16
    } =>
        i16x8.q15mulr_sat_s: i16x8_q15mulr_sat_s(i16 -> i16);
}

compare_lanes! {
    "`a = b`", |x, y| x == y =>
        i8x16.eq: i8x16_eq(i8 -> i8),
        i16x8.eq: i16x8_eq(i16 -> i16),
        i32x4.eq: i32x4_eq(i32 -> i32),
        i64x2.eq: i64x2_eq(i64 -> i64);
    "`a` and `b` differ", |x, y| x != y =>
        i8x16.ne: i8x16_ne(i8 -> i8),
        i16x8.ne: i16x8_ne(i16 -> i16),
        i32x4.ne: i32x4_ne(i32 -> i32),
        i64x2.ne: i64x2_ne(i64 -> i64);
    "`a < b`", |x, y| x < y =>
        i8x16.lt_s: i8x16_lt_s(i8 -> i8),
        i8x16.lt_u: i8x16_lt_u(u8 -> i8),
        i16x8.lt_s: i16x8_lt_s(i16 -> i16),
        i16x8.lt_u: i16x8_lt_u(u16 -> i16),
        i32x4.lt_s: i32x4_lt_s(i32 -> i32),
        i32x4.lt_u: i32x4_lt_u(u32 -> i32),
        i64x2.lt_s: i64x2_lt_s(i64 -> i64);
    "`a > b`", |x, y| x > y =>
        i8x16.gt_s: i8x16_gt_s(i8 -> i8),
        i8x16.gt_u: i8x16_gt_u(u8 -> i8),
        i16x8.gt_s: i16x8_gt_s(i16 -> i16),
        i16x8.gt_u: i16x8_gt_u(u16 -> i16),
        i32x4.gt_s: i32x4_gt_s(i32 -> i32),
        i32x4.gt_u: i32x4_gt_u(u32 -> i32),
        i64x2.gt_s: i64x2_gt_s(i64 -> i64);
    "`a <= b`", |x, y| x <= y =>
        i8x16.le_s: i8x16_le_s(i8 -> i8),
        i8x16.le_u: i8x16_le_u(u8 -> i8),
        i16x8.le_s: i16x8_le_s(i16 -> i16),
        i16x8.le_u: i16x8_le_u(u16 -> i16),
        i32x4.le_s: i32x4_le_s(i32 -> i32),
        i32x4.le_u: i32x4_le_u(u32 -> i32),
        i64x2.le_s: i64x2_le_s(i64 -> i64);
    "`a >= b`", |x, y| x >= y =>
        i8x16.ge_s: i8x16_ge_s(i8 -> i8),
        i8x16.ge_u: i8x16_ge_u(u8 -> i8),
        i16x8.ge_s: i16x8_ge_s(i16 -> i16),
        i16x8.ge_u: i16x8_ge_u(u16 -> i16),
        i32x4.ge_s: i32x4_ge_s(i32 -> i32),
        i32x4.ge_u: i32x4_ge_u(u32 -> i32),
        i64x2.ge_s: i64x2_ge_s(i64 -> i64);
}

/// Makes the shifts, whose count is a scalar and taken modulo the width of a lane.
macro_rules! shift_lanes {
    ($($what:literal, $method:ident => $($shape:ident.$op:ident: $name:ident($lane:ident)),+;)*) => {$($(
        #[doc = concat!(
            "`", stringify!($shape), ".", stringify!($op), "`: each lane shifted ", $what,
            ", by `count` modulo its width."
        )]
        #[inline]
        pub fn $name(a: V128, count: i32) -> V128 {
            map::<$lane, $lane, _>(a, |x| x.$method(count as u32))
        }
    )+)*};
}

shift_lanes! {
    "left", wrapping_shl =>
        i8x16.shl: i8x16_shl(i8),
        i16x8.shl: i16x8_shl(i16),
        i32x4.shl: i32x4_shl(i32),
        i64x2.shl: i64x2_shl(i64);
    "right, copies of the sign bit coming in", wrapping_shr =>
        i8x16.shr_s: i8x16_shr_s(i8),
        i16x8.shr_s: i16x8_shr_s(i16),
        i32x4.shr_s: i32x4_shr_s(i32),
        i64x2.shr_s: i64x2_shr_s(i64);
    "right, zeros coming in", wrapping_shr =>
        i8x16.shr_u: i8x16_shr_u(u8),
        i16x8.shr_u: i16x8_shr_u(u16),
        i32x4.shr_u: i32x4_shr_u(u32),
        i64x2.shr_u: i64x2_shr_u(u64);
}

/// Makes `all_true` of each shape: the lane, the number of lanes.
macro_rules! all_true {
    ($($shape:ident: $name:ident($lane:ty, $count:literal);)*) => {$(
        #[doc = concat!("`", stringify!($shape), ".all_true`: whether no lane is 0.")]
        #[inline]
        pub fn $name(a: V128) -> bool {
            // No early exit, so that the lanes are compared at once.
            <[$lane; $count]>::from(a).into_iter().fold(true, |all, x| all & (x != 0))
        }
    )*};
}

all_true! {
    i8x16: i8x16_all_true(i8, 16);
    i16x8: i16x8_all_true(i16, 8);
    i32x4: i32x4_all_true(i32, 4);
    i64x2: i64x2_all_true(i64, 2);
}

/// `i8x16.bitmask`: bit n is the sign bit of lane n.
#[inline]
pub fn i8x16_bitmask(a: V128) -> i32 {
    // The sign bits of 8 lanes are at bits 7, 15, ... 63. Multiplying by a number whose bits lie 7 apart adds 8 shifted
    // copies of them, no two of which meet, and brings the sign bit of lane n to bit 56 + n.
    let [lower, upper] =
        <[u64; 2]>::from(a).map(|x| ((x & 0x8080_8080_8080_8080).wrapping_mul(0x0002_0408_1020_4081) >> 56) as i32);
    upper << 8 | lower
}

/// `i16x8.bitmask`: bit n is the sign bit of lane n.
#[inline]
pub fn i16x8_bitmask(a: V128) -> i32 {
    i8x16_bitmask(i8x16_narrow_i16x8_s(a, V128::ZERO))
}

/// `i32x4.bitmask`: bit n is the sign bit of lane n.
#[inline]
pub fn i32x4_bitmask(a: V128) -> i32 {
    let [x, y, z, w] = <[u32; 4]>::from(a).map(|lane| lane >> 31);
    (x | y << 1 | z << 2 | w << 3).cast_signed()
}

/// `i64x2.bitmask`: bit n is the sign bit of lane n.
#[inline]
pub fn i64x2_bitmask(a: V128) -> i32 {
    let [x, y] = <[u64; 2]>::from(a).map(|lane| (lane >> 63) as i32);
    x | y << 1
}

/// Makes the narrowings: the wide lane and the narrow one; their numbers.
macro_rules! narrow {
    ($($shape:ident.$op:ident: $name:ident($wide:ident, $half:literal -> $narrow:ident, $count:literal);)*) => {$(
        #[doc = concat!(
            "`", stringify!($shape), ".", stringify!($op),
            "`: the signed lanes of `a`, then of `b`, each as the nearest `", stringify!($narrow), "`."
        )]
        #[inline]
        pub fn $name(a: V128, b: V128) -> V128 {
            let halves = [<[$wide; $half]>::from(a), <[$wide; $half]>::from(b)];
            from_fn::<$narrow, $count, _>(|lane| {
                halves[lane / $half][lane % $half].clamp($narrow::MIN as $wide, $narrow::MAX as $wide) as $narrow
            })
            .into()
        }
    )*};
}

narrow! {
    i8x16.narrow_i16x8_s: i8x16_narrow_i16x8_s(i16, 8 -> i8, 16);
    i8x16.narrow_i16x8_u: i8x16_narrow_i16x8_u(i16, 8 -> u8, 16);
    i16x8.narrow_i32x4_s: i16x8_narrow_i32x4_s(i32, 4 -> i16, 8);
    i16x8.narrow_i32x4_u: i16x8_narrow_i32x4_u(i32, 4 -> u16, 8);
}

/// Makes what widens one half of the lanes: the narrow lane, the wide one, the number of those, the first lane read.
macro_rules! extend_half {
    ($($what:literal =>
        $($shape:ident.$op:ident: $name:ident($narrow:ident -> $wide:ident, $count:literal, from $first:literal)),+;)*) => {$($(
        #[doc = concat!(
            "`", stringify!($shape), ".", stringify!($op), "`: the ", $what, " half of the lanes, each as `",
            stringify!($wide), "`."
        )]
        #[inline]
        pub fn $name(a: V128) -> V128 {
            let a = <[$narrow; 2 * $count]>::from(a);
            from_fn::<_, $count, _>(|lane| $wide::from(a[$first + lane])).into()
        }
    )+)*};
}

extend_half! {
    "lower" =>
        i16x8.extend_low_i8x16_s: i16x8_extend_low_i8x16_s(i8 -> i16, 8, from 0),
        i16x8.extend_low_i8x16_u: i16x8_extend_low_i8x16_u(u8 -> u16, 8, from 0),
        i32x4.extend_low_i16x8_s: i32x4_extend_low_i16x8_s(i16 -> i32, 4, from 0),
        i32x4.extend_low_i16x8_u: i32x4_extend_low_i16x8_u(u16 -> u32, 4, from 0),
        i64x2.extend_low_i32x4_s: i64x2_extend_low_i32x4_s(i32 -> i64, 2, from 0),
        i64x2.extend_low_i32x4_u: i64x2_extend_low_i32x4_u(u32 -> u64, 2, from 0);
    "upper" =>
        i16x8.extend_high_i8x16_s: i16x8_extend_high_i8x16_s(i8 -> i16, 8, from 8),
        i16x8.extend_high_i8x16_u: i16x8_extend_high_i8x16_u(u8 -> u16, 8, from 8),
        i32x4.extend_high_i16x8_s: i32x4_extend_high_i16x8_s(i16 -> i32, 4, from 4),
        i32x4.extend_high_i16x8_u: i32x4_extend_high_i16x8_u(u16 -> u32, 4, from 4),
        i64x2.extend_high_i32x4_s: i64x2_extend_high_i32x4_s(i32 -> i64, 2, from 2),
        i64x2.extend_high_i32x4_u: i64x2_extend_high_i32x4_u(u32 -> u64, 2, from 2);
}

/// Makes the products of one half of the lanes: the narrow lane, the wide one, the number of those, the first lane read.
macro_rules! multiply_half {
    ($($what:literal =>
        $($shape:ident.$op:ident: $name:ident($narrow:ident -> $wide:ident, $count:literal, from $first:literal)),+;)*) => {$($(
        #[doc = concat!(
            "`", stringify!($shape), ".", stringify!($op), "`: the whole products, `", stringify!($wide),
            "`, of the ", $what, " half of the lanes."
        )]
        #[inline]
        pub fn $name(a: V128, b: V128) -> V128 {
            let (a, b) = (<[$narrow; 2 * $count]>::from(a), <[$narrow; 2 * $count]>::from(b));
            from_fn::<_, $count, _>(|lane| $wide::from(a[$first + lane]) * $wide::from(b[$first + lane])).into()
        }
    )+)*};
}

multiply_half! {
    "lower" =>
        i16x8.extmul_low_i8x16_s: i16x8_extmul_low_i8x16_s(i8 -> i16, 8, from 0),
        i16x8.extmul_low_i8x16_u: i16x8_extmul_low_i8x16_u(u8 -> u16, 8, from 0),
        i32x4.extmul_low_i16x8_s: i32x4_extmul_low_i16x8_s(i16 -> i32, 4, from 0),
        i32x4.extmul_low_i16x8_u: i32x4_extmul_low_i16x8_u(u16 -> u32, 4, from 0),
        i64x2.extmul_low_i32x4_s: i64x2_extmul_low_i32x4_s(i32 -> i64, 2, from 0),
        i64x2.extmul_low_i32x4_u: i64x2_extmul_low_i32x4_u(u32 -> u64, 2, from 0);
    "upper" =>
        i16x8.extmul_high_i8x16_s: i16x8_extmul_high_i8x16_s(i8 -> i16, 8, from 8),
        i16x8.extmul_high_i8x16_u: i16x8_extmul_high_i8x16_u(u8 -> u16, 8, from 8),
        i32x4.extmul_high_i16x8_s: i32x4_extmul_high_i16x8_s(i16 -> i32, 4, from 4),
        i32x4.extmul_high_i16x8_u: i32x4_extmul_high_i16x8_u(u16 -> u32, 4, from 4),
        i64x2.extmul_high_i32x4_s: i64x2_extmul_high_i32x4_s(i32 -> i64, 2, from 2),
        i64x2.extmul_high_i32x4_u: i64x2_extmul_high_i32x4_u(u32 -> u64, 2, from 2);
}

/// Makes the pairwise sums: the narrow lane, the wide one, the number of those.
macro_rules! add_pairs {
    ($($shape:ident.$op:ident: $name:ident($narrow:ident -> $wide:ident, $count:literal);)*) => {$(
        #[doc = concat!(
            "`", stringify!($shape), ".", stringify!($op), "`: the sums of neighbouring lanes, each as `",
            stringify!($wide), "`."
        )]
        #[inline]
        pub fn $name(a: V128) -> V128 {
            let a = <[$narrow; 2 * $count]>::from(a);
            from_fn::<_, $count, _>(|lane| $wide::from(a[2 * lane]) + $wide::from(a[2 * lane + 1])).into()
        }
    )*};
}

add_pairs! {
    i16x8.extadd_pairwise_i8x16_s: i16x8_extadd_pairwise_i8x16_s(i8 -> i16, 8);
    i16x8.extadd_pairwise_i8x16_u: i16x8_extadd_pairwise_i8x16_u(u8 -> u16, 8);
    i32x4.extadd_pairwise_i16x8_s: i32x4_extadd_pairwise_i16x8_s(i16 -> i32, 4);
    i32x4.extadd_pairwise_i16x8_u: i32x4_extadd_pairwise_i16x8_u(u16 -> u32, 4);
}

// A lane of the result is made of two neighbours of each operand. Seen as one wide lane, the upper of them is what a
// shift leaves, the lower what a cast leaves.
zip_lanes! {
    "the products of signed lanes, those of neighbours added, wrapping around (four times the least `i16` alone does).", |x, y| {
        let lower = i32::from(x as i16) * i32::from(y as i16);
        let upper = (x >> 16) * (y >> 16);
        lower.wrapping_add(upper)
    } =>
        i32x4.dot_i16x8_s: i32x4_dot_i16x8_s(i32 -> i32);
}

/// Makes the loads that widen: the opcode and the extension it applies to the 8 loaded bytes.
macro_rules! load_and_extend {
    ($($shape:ident.$op:ident: $name:ident = $extend:ident;)*) => {$(
        #[doc = concat!(
            "`", stringify!($shape), ".", stringify!($op), "`: the lanes of the 8 loaded bytes, as [`",
            stringify!($extend), "`] widens them."
        )]
        #[inline]
        pub fn $name(loaded: u64) -> V128 {
            $extend(u128::from(loaded).into())
        }
    )*};
}

load_and_extend! {
    v128.load8x8_s: v128_load8x8_s = i16x8_extend_low_i8x16_s;
    v128.load8x8_u: v128_load8x8_u = i16x8_extend_low_i8x16_u;
    v128.load16x4_s: v128_load16x4_s = i32x4_extend_low_i16x8_s;
    v128.load16x4_u: v128_load16x4_u = i32x4_extend_low_i16x8_u;
    v128.load32x2_s: v128_load32x2_s = i64x2_extend_low_i32x4_s;
    v128.load32x2_u: v128_load32x2_u = i64x2_extend_low_i32x4_u;
}
