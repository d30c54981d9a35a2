//! Floating-point arithmetic and comparison (`f32.*`, `f64.*`): IEEE 754, rounding to nearest, ties to even.

use super::math;
use core::hint::select_unpredictable;

unary! {
    "the sign bit cleared. Every NaN keeps its payload.", |a| a.abs() =>
        f32.abs: f32_abs(f32) -> f32,
        f64.abs: f64_abs(f64) -> f64;
    "the sign bit flipped. Every NaN keeps its payload.", |a| -a =>
        f32.neg: f32_neg(f32) -> f32,
        f64.neg: f64_neg(f64) -> f64;
    "rounded up to an integer.", |a| if a.is_nan() { f32_quiet(a) } else { math::f32_ceil(a) } =>
        f32.ceil: f32_ceil(f32) -> f32;
    "rounded up to an integer.", |a| if a.is_nan() { f64_quiet(a) } else { math::f64_ceil(a) } =>
        f64.ceil: f64_ceil(f64) -> f64;
    "rounded down to an integer.", |a| if a.is_nan() { f32_quiet(a) } else { math::f32_floor(a) } =>
        f32.floor: f32_floor(f32) -> f32;
    "rounded down to an integer.", |a| if a.is_nan() { f64_quiet(a) } else { math::f64_floor(a) } =>
        f64.floor: f64_floor(f64) -> f64;
    "rounded toward zero to an integer.", |a| if a.is_nan() { f32_quiet(a) } else { math::f32_trunc(a) } =>
        f32.trunc: f32_trunc(f32) -> f32;
    "rounded toward zero to an integer.", |a| if a.is_nan() { f64_quiet(a) } else { math::f64_trunc(a) } =>
        f64.trunc: f64_trunc(f64) -> f64;
    "rounded to the nearest integer, ties to the even one.",
        |a| if a.is_nan() { f32_quiet(a) } else { math::f32_nearest(a) } =>
        f32.nearest: f32_nearest(f32) -> f32;
    "rounded to the nearest integer, ties to the even one.",
        |a| if a.is_nan() { f64_quiet(a) } else { math::f64_nearest(a) } =>
        f64.nearest: f64_nearest(f64) -> f64;
    "the square root; a canonical NaN below zero, -0 for -0.",
        |a| if a.is_nan() { f32_quiet(a) } else { math::f32_sqrt(a) } =>
        f32.sqrt: f32_sqrt(f32) -> f32;
    "the square root; a canonical NaN below zero, -0 for -0.",
        |a| if a.is_nan() { f64_quiet(a) } else { math::f64_sqrt(a) } =>
        f64.sqrt: f64_sqrt(f64) -> f64;
}

binary! {
    "`a + b`.", |a, b| a + b =>
        f32.add: f32_add(f32, f32) -> f32,
        f64.add: f64_add(f64, f64) -> f64;
    "`a - b`.", |a, b| a - b =>
        f32.sub: f32_sub(f32, f32) -> f32,
        f64.sub: f64_sub(f64, f64) -> f64;
    "`a * b`.", |a, b| a * b =>
        f32.mul: f32_mul(f32, f32) -> f32,
        f64.mul: f64_mul(f64, f64) -> f64;
    "`a / b`.", |a, b| a / b =>
        f32.div: f32_div(f32, f32) -> f32,
        f64.div: f64_div(f64, f64) -> f64;
    "`a` with the sign of `b`. Every NaN keeps its payload.", |a, b| a.copysign(b) =>
        f32.copysign: f32_copysign(f32, f32) -> f32,
        f64.copysign: f64_copysign(f64, f64) -> f64;
    "whether `a = b`: false with a NaN, true for the two zeros.", |a, b| a == b =>
        f32.eq: f32_eq(f32, f32) -> bool,
        f64.eq: f64_eq(f64, f64) -> bool;
    "whether `a = b` does not hold: true with a NaN.", |a, b| a != b =>
        f32.ne: f32_ne(f32, f32) -> bool,
        f64.ne: f64_ne(f64, f64) -> bool;
    "whether `a < b`: false with a NaN.", |a, b| a < b =>
        f32.lt: f32_lt(f32, f32) -> bool,
        f64.lt: f64_lt(f64, f64) -> bool;
    "whether `a > b`: false with a NaN.", |a, b| a > b =>
        f32.gt: f32_gt(f32, f32) -> bool,
        f64.gt: f64_gt(f64, f64) -> bool;
    "whether `a <= b`: false with a NaN.", |a, b| a <= b =>
        f32.le: f32_le(f32, f32) -> bool,
        f64.le: f64_le(f64, f64) -> bool;
    "whether `a >= b`: false with a NaN.", |a, b| a >= b =>
        f32.ge: f32_ge(f32, f32) -> bool,
        f64.ge: f64_ge(f64, f64) -> bool;
}

// The minimum without branches on the order of the operands: both ways of choosing agree, but for two zeros, where the
// `or` of the signs gives -0 (`and` gives +0 for the maximum). The sum makes a NaN quiet and keeps canonical ones.

/// `f32.min`: the lesser operand, -0 being less than 0; a NaN if either is one.
#[inline(always)]
pub fn f32_min(a: f32, b: f32) -> f32 {
    let (one, other) = (if a < b { a } else { b }, if b < a { b } else { a });
    select_unpredictable(a.is_nan() || b.is_nan(), a + b, f32::from_bits(one.to_bits() | other.to_bits()))
}

/// `f64.min`: the lesser operand, -0 being less than 0; a NaN if either is one.
#[inline(always)]
pub fn f64_min(a: f64, b: f64) -> f64 {
    let (one, other) = (if a < b { a } else { b }, if b < a { b } else { a });
    select_unpredictable(a.is_nan() || b.is_nan(), a + b, f64::from_bits(one.to_bits() | other.to_bits()))
}

/// `f32.max`: the greater operand, 0 being greater than -0; a NaN if either is one.
#[inline(always)]
pub fn f32_max(a: f32, b: f32) -> f32 {
    let (one, other) = (if a > b { a } else { b }, if b > a { b } else { a });
    select_unpredictable(a.is_nan() || b.is_nan(), a + b, f32::from_bits(one.to_bits() & other.to_bits()))
}

/// `f64.max`: the greater operand, 0 being greater than -0; a NaN if either is one.
#[inline(always)]
pub fn f64_max(a: f64, b: f64) -> f64 {
    let (one, other) = (if a > b { a } else { b }, if b > a { b } else { a });
    select_unpredictable(a.is_nan() || b.is_nan(), a + b, f64::from_bits(one.to_bits() & other.to_bits()))
}

/// The quiet form of a NaN: sign and payload as they are, the payload's top bit set.
#[inline(always)]
fn f32_quiet(nan: f32) -> f32 {
    f32::from_bits(nan.to_bits() | 1 << (f32::MANTISSA_DIGITS - 2))
}

/// The quiet form of a NaN: sign and payload as they are, the payload's top bit set.
#[inline(always)]
fn f64_quiet(nan: f64) -> f64 {
    f64::from_bits(nan.to_bits() | 1 << (f64::MANTISSA_DIGITS - 2))
}
