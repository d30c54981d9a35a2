//! The relaxed vector opcodes (`*.relaxed_*`), whose result the specification leaves to the implementation within
//! limits (section "Relaxed Operations").
//!
//! Here each has one result, the same on every host and in every tier, so that a program which works on one machine
//! works on all. It is the one of the deterministic profile, with one exception:
//!
//! | opcodes | result | why |
//! |---|---|---|
//! | `relaxed_madd`, `relaxed_nmadd` | rounded once (fused) | one instruction on every 64-bit host of the last decade, and what their users want; the deterministic profile rounds twice |
//! | `relaxed_swizzle`, `relaxed_trunc`, `relaxed_min`, `relaxed_max`, `relaxed_q15mulr_s` | as the strict opcode | an instruction or two more |
//! | `relaxed_laneselect` | `v128.bitselect`, every bit for itself | the same for all widths of lanes |
//! | `relaxed_dot` | signed times signed, the sum of two products saturating | as the specification defines it |
//!
//! NaNs are under the rules of all other opcodes.

use super::math;
use super::simd_float::*;
use super::simd_int::{i16x8_q15mulr_sat_s, i32x4_add, i32x4_extadd_pairwise_i16x8_s};
use super::simd_lanes::{i8x16_swizzle, v128_bitselect};
use super::v128::V128;
use core::array::from_fn;

/// Makes the opcodes that do what a strict one does.
macro_rules! as_strict {
    ($($shape:ident.$op:ident: $name:ident($($arg:ident),*) = $strict:ident;)*) => {$(
        #[doc = concat!("`", stringify!($shape), ".", stringify!($op), "`: the same as [`", stringify!($strict), "`].")]
        #[inline]
        pub fn $name($($arg: V128),*) -> V128 {
            $strict($($arg),*)
        }
    )*};
}

as_strict! {
    i8x16.relaxed_swizzle: i8x16_relaxed_swizzle(a, lanes) = i8x16_swizzle;
    i32x4.relaxed_trunc_f32x4_s: i32x4_relaxed_trunc_f32x4_s(a) = i32x4_trunc_sat_f32x4_s;
    i32x4.relaxed_trunc_f32x4_u: i32x4_relaxed_trunc_f32x4_u(a) = i32x4_trunc_sat_f32x4_u;
    i32x4.relaxed_trunc_f64x2_s_zero: i32x4_relaxed_trunc_f64x2_s_zero(a) = i32x4_trunc_sat_f64x2_s_zero;
    i32x4.relaxed_trunc_f64x2_u_zero: i32x4_relaxed_trunc_f64x2_u_zero(a) = i32x4_trunc_sat_f64x2_u_zero;
    i8x16.relaxed_laneselect: i8x16_relaxed_laneselect(a, b, mask) = v128_bitselect;
    i16x8.relaxed_laneselect: i16x8_relaxed_laneselect(a, b, mask) = v128_bitselect;
    i32x4.relaxed_laneselect: i32x4_relaxed_laneselect(a, b, mask) = v128_bitselect;
    i64x2.relaxed_laneselect: i64x2_relaxed_laneselect(a, b, mask) = v128_bitselect;
    f32x4.relaxed_min: f32x4_relaxed_min(a, b) = f32x4_min;
    f32x4.relaxed_max: f32x4_relaxed_max(a, b) = f32x4_max;
    f64x2.relaxed_min: f64x2_relaxed_min(a, b) = f64x2_min;
    f64x2.relaxed_max: f64x2_relaxed_max(a, b) = f64x2_max;
    i16x8.relaxed_q15mulr_s: i16x8_relaxed_q15mulr_s(a, b) = i16x8_q15mulr_sat_s;
}

/// Makes the fused multiply-adds: the opcode, the lane and the number of lanes, what it computes, and the factor that
/// stands for `a`.
macro_rules! fused {
    ($($shape:ident.$op:ident:
        $name:ident($lane:ident, $count:literal) = $fma:ident, $what:literal, |$x:ident| $factor:expr;)*) => {$(
        #[doc = concat!("`", stringify!($shape), ".", stringify!($op), "`: `", $what, "` of each lane, rounded once.")]
        #[inline]
        pub fn $name(a: V128, b: V128, c: V128) -> V128 {
            let (a, b, c) = (<[$lane; $count]>::from(a), <[$lane; $count]>::from(b), <[$lane; $count]>::from(c));
            from_fn::<$lane, $count, _>(|lane| {
                let ($x, y, z) = (a[lane], b[lane], c[lane]);
                let x = $factor;
                // Some libraries return a NaN that is `z` as it is, but a signalling one must become quiet.
                if x.is_nan() || y.is_nan() || z.is_nan() { x + y + z } else { math::$fma(x, y, z) }
            })
            .into()
        }
    )*};
}

fused! {
    f32x4.relaxed_madd: f32x4_relaxed_madd(f32, 4) = f32_fma, "a * b + c", |x| x;
    f32x4.relaxed_nmadd: f32x4_relaxed_nmadd(f32, 4) = f32_fma, "-(a * b) + c", |x| -x;
    f64x2.relaxed_madd: f64x2_relaxed_madd(f64, 2) = f64_fma, "a * b + c", |x| x;
    f64x2.relaxed_nmadd: f64x2_relaxed_nmadd(f64, 2) = f64_fma, "-(a * b) + c", |x| -x;
}

// As for `i32x4.dot_i16x8_s`, a lane here holds two neighbours. Only the sum can be
// too large, and only for four times -128.
zip_lanes! {
    "the products of signed lanes, those of neighbours added, or `i16::MAX` where that is too large.", |x, y| {
        let lower = i16::from(x as i8) * i16::from(y as i8);
        let upper = (x >> 8) * (y >> 8);
        lower.saturating_add(upper)
    } =>
        i16x8.relaxed_dot_i8x16_i7x16_s: i16x8_relaxed_dot_i8x16_i7x16_s(i16 -> i16);
}

/// `i32x4.relaxed_dot_i8x16_i7x16_add_s`: neighbouring lanes of [`i16x8_relaxed_dot_i8x16_i7x16_s`] added, each sum to
/// a lane of `c`, wrapping around.
#[inline]
pub fn i32x4_relaxed_dot_i8x16_i7x16_add_s(a: V128, b: V128, c: V128) -> V128 {
    i32x4_add(i32x4_extadd_pairwise_i16x8_s(i16x8_relaxed_dot_i8x16_i7x16_s(a, b)), c)
}
