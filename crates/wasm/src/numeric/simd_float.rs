//! Vectors of floats: arithmetic, comparison and conversions (`f32x4.*`, `f64x2.*`, `i32x4.trunc_sat_*`).
//!
//! Each lane is treated by the function of the scalar opcode, so that both have one meaning.

use super::v128::{V128, map, zip};
use super::{convert::*, float::*};

/// Makes the opcodes that a scalar opcode of one operand explains.
macro_rules! map_scalar {
    ($($shape:ident.$op:ident: $name:ident = $scalar:ident;)*) => {$(
        #[doc = concat!(
            "`", stringify!($shape), ".", stringify!($op), "`: [`", stringify!($scalar), "`] of each lane."
        )]
        #[inline]
        pub fn $name(a: V128) -> V128 {
            map(a, $scalar)
        }
    )*};
}

map_scalar! {
    f32x4.abs: f32x4_abs = f32_abs;
    f32x4.neg: f32x4_neg = f32_neg;
    f32x4.ceil: f32x4_ceil = f32_ceil;
    f32x4.floor: f32x4_floor = f32_floor;
    f32x4.trunc: f32x4_trunc = f32_trunc;
    f32x4.nearest: f32x4_nearest = f32_nearest;
    f32x4.sqrt: f32x4_sqrt = f32_sqrt;
    f64x2.abs: f64x2_abs = f64_abs;
    f64x2.neg: f64x2_neg = f64_neg;
    f64x2.ceil: f64x2_ceil = f64_ceil;
    f64x2.floor: f64x2_floor = f64_floor;
    f64x2.trunc: f64x2_trunc = f64_trunc;
    f64x2.nearest: f64x2_nearest = f64_nearest;
    f64x2.sqrt: f64x2_sqrt = f64_sqrt;
    i32x4.trunc_sat_f32x4_s: i32x4_trunc_sat_f32x4_s = i32_trunc_sat_f32_s;
    i32x4.trunc_sat_f32x4_u: i32x4_trunc_sat_f32x4_u = i32_trunc_sat_f32_u;
    f32x4.convert_i32x4_s: f32x4_convert_i32x4_s = f32_convert_i32_s;
    f32x4.convert_i32x4_u: f32x4_convert_i32x4_u = f32_convert_i32_u;
}

/// Makes the opcodes that a scalar opcode of two operands explains.
macro_rules! zip_scalar {
    ($($shape:ident.$op:ident: $name:ident = $scalar:ident;)*) => {$(
        #[doc = concat!(
            "`", stringify!($shape), ".", stringify!($op), "`: [`", stringify!($scalar),
            "`] of each pair of lanes."
        )]
        #[inline]
        pub fn $name(a: V128, b: V128) -> V128 {
            zip(a, b, $scalar)
        }
    )*};
}

zip_scalar! {
    f32x4.add: f32x4_add = f32_add;
    f32x4.sub: f32x4_sub = f32_sub;
    f32x4.mul: f32x4_mul = f32_mul;
    f32x4.div: f32x4_div = f32_div;
    f32x4.min: f32x4_min = f32_min;
    f32x4.max: f32x4_max = f32_max;
    f64x2.add: f64x2_add = f64_add;
    f64x2.sub: f64x2_sub = f64_sub;
    f64x2.mul: f64x2_mul = f64_mul;
    f64x2.div: f64x2_div = f64_div;
    f64x2.min: f64x2_min = f64_min;
    f64x2.max: f64x2_max = f64_max;
}

zip_lanes! {
    "`b` where `b < a`, else `a`, which is so with a NaN and for two zeros; bits pass unchanged.",
        |x, y| if y < x { y } else { x } =>
        f32x4.pmin: f32x4_pmin(f32 -> f32),
        f64x2.pmin: f64x2_pmin(f64 -> f64);
    "`b` where `a < b`, else `a`, which is so with a NaN and for two zeros; bits pass unchanged.",
        |x, y| if x < y { y } else { x } =>
        f32x4.pmax: f32x4_pmax(f32 -> f32),
        f64x2.pmax: f64x2_pmax(f64 -> f64);
}

compare_lanes! {
    "`a = b`", |x, y| x == y =>
        f32x4.eq: f32x4_eq(f32 -> i32),
        f64x2.eq: f64x2_eq(f64 -> i64);
    "`a = b` does not hold", |x, y| x != y =>
        f32x4.ne: f32x4_ne(f32 -> i32),
        f64x2.ne: f64x2_ne(f64 -> i64);
    "`a < b`", |x, y| x < y =>
        f32x4.lt: f32x4_lt(f32 -> i32),
        f64x2.lt: f64x2_lt(f64 -> i64);
    "`a > b`", |x, y| x > y =>
        f32x4.gt: f32x4_gt(f32 -> i32),
        f64x2.gt: f64x2_gt(f64 -> i64);
    "`a <= b`", |x, y| x <= y =>
        f32x4.le: f32x4_le(f32 -> i32),
        f64x2.le: f64x2_le(f64 -> i64);
    "`a >= b`", |x, y| x >= y =>
        f32x4.ge: f32x4_ge(f32 -> i32),
        f64x2.ge: f64x2_ge(f64 -> i64);
}

/// Makes the conversions of two wide lanes to two narrow ones, the upper half of the result being 0.
macro_rules! two_lanes_to_low_half {
    ($($shape:ident.$op:ident: $name:ident = $scalar:ident;)*) => {$(
        #[doc = concat!(
            "`", stringify!($shape), ".", stringify!($op), "`: [`", stringify!($scalar),
            "`] of both lanes, then two lanes of 0."
        )]
        #[inline]
        pub fn $name(a: V128) -> V128 {
            let [x, y] = <[f64; 2]>::from(a);
            [$scalar(x), $scalar(y), Default::default(), Default::default()].into()
        }
    )*};
}

two_lanes_to_low_half! {
    i32x4.trunc_sat_f64x2_s_zero: i32x4_trunc_sat_f64x2_s_zero = i32_trunc_sat_f64_s;
    i32x4.trunc_sat_f64x2_u_zero: i32x4_trunc_sat_f64x2_u_zero = i32_trunc_sat_f64_u;
    f32x4.demote_f64x2_zero: f32x4_demote_f64x2_zero = f32_demote_f64;
}

/// Makes the conversions of the lower two of four lanes: the opcode and the type of those.
macro_rules! low_half_to_two_lanes {
    ($($shape:ident.$op:ident: $name:ident($lane:ty) = $scalar:ident;)*) => {$(
        #[doc = concat!(
            "`", stringify!($shape), ".", stringify!($op), "`: [`", stringify!($scalar),
            "`] of the two lower lanes."
        )]
        #[inline]
        pub fn $name(a: V128) -> V128 {
            let [x, y, ..] = <[$lane; 4]>::from(a);
            [$scalar(x), $scalar(y)].into()
        }
    )*};
}

low_half_to_two_lanes! {
    f64x2.convert_low_i32x4_s: f64x2_convert_low_i32x4_s(i32) = f64_convert_i32_s;
    f64x2.convert_low_i32x4_u: f64x2_convert_low_i32x4_u(i32) = f64_convert_i32_u;
    f64x2.promote_low_f32x4: f64x2_promote_low_f32x4(f32) = f64_promote_f32;
}
