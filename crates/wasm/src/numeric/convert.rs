//! Conversions between the scalar types (`*.wrap_*`, `extend`, `trunc`, `trunc_sat`, `convert`, `demote`, `promote`,
//! `reinterpret`).

use super::ArithmeticTrap::{self, BadConversionToInteger, IntegerOverflow};

unary! {
    "the low 32 bits.", |a| a as i32 =>
        i32.wrap_i64: i32_wrap_i64(i64) -> i32;
    "the same signed integer.", |a| i64::from(a) =>
        i64.extend_i32_s: i64_extend_i32_s(i32) -> i64;
    "the same unsigned integer.", |a| i64::from(a.cast_unsigned()) =>
        i64.extend_i32_u: i64_extend_i32_u(i32) -> i64;

    // A cast of a float saturates, and makes 0 of a NaN, as these opcodes do.
    "toward zero to a signed integer; the nearest one if out of range, 0 for a NaN.", |a| a as _ =>
        i32.trunc_sat_f32_s: i32_trunc_sat_f32_s(f32) -> i32,
        i32.trunc_sat_f64_s: i32_trunc_sat_f64_s(f64) -> i32,
        i64.trunc_sat_f32_s: i64_trunc_sat_f32_s(f32) -> i64,
        i64.trunc_sat_f64_s: i64_trunc_sat_f64_s(f64) -> i64;
    "toward zero to an unsigned integer; the nearest one if out of range, 0 for a NaN.", |a| (a as u32).cast_signed() =>
        i32.trunc_sat_f32_u: i32_trunc_sat_f32_u(f32) -> i32,
        i32.trunc_sat_f64_u: i32_trunc_sat_f64_u(f64) -> i32;
    "toward zero to an unsigned integer; the nearest one if out of range, 0 for a NaN.", |a| (a as u64).cast_signed() =>
        i64.trunc_sat_f32_u: i64_trunc_sat_f32_u(f32) -> i64,
        i64.trunc_sat_f64_u: i64_trunc_sat_f64_u(f64) -> i64;

    "the float nearest to a signed integer, ties to even.", |a| a as _ =>
        f32.convert_i32_s: f32_convert_i32_s(i32) -> f32,
        f32.convert_i64_s: f32_convert_i64_s(i64) -> f32,
        f64.convert_i32_s: f64_convert_i32_s(i32) -> f64,
        f64.convert_i64_s: f64_convert_i64_s(i64) -> f64;
    "the float nearest to an unsigned integer, ties to even.", |a| a.cast_unsigned() as _ =>
        f32.convert_i32_u: f32_convert_i32_u(i32) -> f32,
        f32.convert_i64_u: f32_convert_i64_u(i64) -> f32,
        f64.convert_i32_u: f64_convert_i32_u(i32) -> f64,
        f64.convert_i64_u: f64_convert_i64_u(i64) -> f64;
    "the nearest `f32`, ties to even; a NaN becomes quiet.", |a| a as f32 =>
        f32.demote_f64: f32_demote_f64(f64) -> f32;
    "the same number; a NaN becomes quiet.", |a| f64::from(a) =>
        f64.promote_f32: f64_promote_f32(f32) -> f64;

    "the bits of a float as an integer.", |a| a.to_bits().cast_signed() =>
        i32.reinterpret_f32: i32_reinterpret_f32(f32) -> i32,
        i64.reinterpret_f64: i64_reinterpret_f64(f64) -> i64;
    "the float that has these bits.", |a| f32::from_bits(a.cast_unsigned()) =>
        f32.reinterpret_i32: f32_reinterpret_i32(i32) -> f32;
    "the float that has these bits.", |a| f64::from_bits(a.cast_unsigned()) =>
        f64.reinterpret_i64: f64_reinterpret_i64(i64) -> f64;
}

/// Makes the truncations that trap: the opcode, its type, the integer that is the result before its cast to that type,
/// and the condition under which the operand, its fraction dropped, fits.
macro_rules! trapping_truncations {
    ($($shape:ident.$op:ident: $name:ident($from:ty) -> $to:ty, through $int:ty, where |$a:ident| $fits:expr;)*) => {$(
        #[doc = concat!("`", stringify!($shape), ".", stringify!($op), "`: toward zero to `", stringify!($int), "`. ",
            "Traps for a NaN and where the result is out of range.")]
        #[inline(always)]
        pub fn $name($a: $from) -> Result<$to, ArithmeticTrap> {
            if $fits { Ok($a as $int as $to) } else { Err(no_integer($a.is_nan())) }
        }
    )*};
}

// Each bound is a float of the operand's type. Where the least integer less one is not, the least integer itself is the
// bound, and nothing lies between the two.
trapping_truncations! {
    i32.trunc_f32_s: i32_trunc_f32_s(f32) -> i32, through i32, where |a| (-TWO_31_F32..TWO_31_F32).contains(&a);
    i32.trunc_f32_u: i32_trunc_f32_u(f32) -> i32, through u32, where |a| a > -1.0 && a < 2.0 * TWO_31_F32;
    i32.trunc_f64_s: i32_trunc_f64_s(f64) -> i32, through i32, where |a| a > -TWO_31_F64 - 1.0 && a < TWO_31_F64;
    i32.trunc_f64_u: i32_trunc_f64_u(f64) -> i32, through u32, where |a| a > -1.0 && a < 2.0 * TWO_31_F64;
    i64.trunc_f32_s: i64_trunc_f32_s(f32) -> i64, through i64, where |a| (-TWO_63_F32..TWO_63_F32).contains(&a);
    i64.trunc_f32_u: i64_trunc_f32_u(f32) -> i64, through u64, where |a| a > -1.0 && a < 2.0 * TWO_63_F32;
    i64.trunc_f64_s: i64_trunc_f64_s(f64) -> i64, through i64, where |a| (-TWO_63_F64..TWO_63_F64).contains(&a);
    i64.trunc_f64_u: i64_trunc_f64_u(f64) -> i64, through u64, where |a| a > -1.0 && a < 2.0 * TWO_63_F64;
}

const TWO_31_F32: f32 = (1_u32 << 31) as f32;
const TWO_31_F64: f64 = (1_u32 << 31) as f64;
const TWO_63_F32: f32 = (1_u64 << 63) as f32;
const TWO_63_F64: f64 = (1_u64 << 63) as f64;

#[cold]
fn no_integer(is_nan: bool) -> ArithmeticTrap {
    if is_nan { BadConversionToInteger } else { IntegerOverflow }
}
