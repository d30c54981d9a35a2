//! Facts worth reading one by one, and laws that tie opcodes together.

use proptest::prelude::*;
use std::hint::black_box;
use tiercel_wasm::numeric::ArithmeticTrap::{BadConversionToInteger, DivisionByZero, IntegerOverflow};
use tiercel_wasm::numeric::*;

/// A signalling NaN with its sign set and a payload.
const SIGNALLING_F32: f32 = f32::from_bits(0xffa1_2345);
const SIGNALLING_F64: f64 = f64::from_bits(0xfff4_5678_9abc_def1);

#[test]
fn divisions_trap() {
    assert_eq!(i32_div_s(7, 0), Err(DivisionByZero));
    assert_eq!(i32_div_s(i32::MIN, 0), Err(DivisionByZero));
    assert_eq!(i32_div_s(i32::MIN, -1), Err(IntegerOverflow));
    assert_eq!(i64_div_s(i64::MIN, -1), Err(IntegerOverflow));
    assert_eq!(i32_div_u(i32::MIN, -1), Ok(0));
    assert_eq!(i32_rem_s(i32::MIN, -1), Ok(0));
    assert_eq!(i64_rem_s(i64::MIN, -1), Ok(0));
    assert_eq!(i64_rem_u(1, 0), Err(DivisionByZero));
    assert_eq!((i32_div_s(-7, 2), i32_rem_s(-7, 2)), (Ok(-3), Ok(-1)));
    assert_eq!((i32_div_u(-1, 16), i32_rem_u(-1, 16)), (Ok(0x0fff_ffff), Ok(15)));
}

#[test]
fn traps_have_the_texts_of_the_test_suite() {
    assert_eq!(DivisionByZero.to_string(), "integer divide by zero");
    assert_eq!(IntegerOverflow.to_string(), "integer overflow");
    assert_eq!(BadConversionToInteger.to_string(), "invalid conversion to integer");
}

#[test]
fn truncations_trap_just_outside_the_range() {
    assert_eq!(i32_trunc_f64_s(2147483647.9), Ok(i32::MAX));
    assert_eq!(i32_trunc_f64_s(2147483648.0), Err(IntegerOverflow));
    assert_eq!(i32_trunc_f64_s(-2147483648.9), Ok(i32::MIN));
    assert_eq!(i32_trunc_f64_s(-2147483649.0), Err(IntegerOverflow));
    assert_eq!(i32_trunc_f32_s(-2147483648.0), Ok(i32::MIN));
    assert_eq!(i32_trunc_f32_s((-2147483648.0_f32).next_down()), Err(IntegerOverflow));
    assert_eq!(i32_trunc_f32_u(-0.99), Ok(0));
    assert_eq!(i32_trunc_f32_u(-1.0), Err(IntegerOverflow));
    assert_eq!(i64_trunc_f64_u(18446744073709551616.0_f64.next_down()), Ok(-2048));
    assert_eq!(i64_trunc_f64_u(18446744073709551616.0), Err(IntegerOverflow));
    assert_eq!(i64_trunc_f32_s(f32::NEG_INFINITY), Err(IntegerOverflow));
    assert_eq!(i64_trunc_f32_s(f32::NAN), Err(BadConversionToInteger));
    assert_eq!(i32_trunc_f64_u(SIGNALLING_F64), Err(BadConversionToInteger));
}

#[test]
fn saturating_truncations_never_trap() {
    assert_eq!(i32_trunc_sat_f32_s(f32::NAN), 0);
    assert_eq!(i32_trunc_sat_f64_u(-5.0), 0);
    assert_eq!(i64_trunc_sat_f64_u(f64::INFINITY), -1);
    assert_eq!(i64_trunc_sat_f32_s(f32::NEG_INFINITY), i64::MIN);
}

#[test]
fn sign_operators_keep_the_payload_of_a_signalling_nan() {
    assert_eq!(f32_abs(SIGNALLING_F32).to_bits(), 0x7fa1_2345);
    assert_eq!(f32_neg(SIGNALLING_F32).to_bits(), 0x7fa1_2345);
    assert_eq!(f32_copysign(SIGNALLING_F32, 1.0).to_bits(), 0x7fa1_2345);
    assert_eq!(f64_neg(SIGNALLING_F64).to_bits(), 0x7ff4_5678_9abc_def1);
    assert_eq!(i64_reinterpret_f64(SIGNALLING_F64), SIGNALLING_F64.to_bits() as i64);
    let lanes = f32x4_splat(SIGNALLING_F32);
    assert_eq!(f32x4_neg(lanes), V128::from([0x7fa1_2345_u32; 4]));
    assert_eq!(f32x4_pmin(lanes, f32x4_splat(1.0)), lanes);
    assert_eq!(f32x4_pmax(f32x4_splat(1.0), lanes), f32x4_splat(1.0));
}

#[test]
fn arithmetic_makes_a_signalling_nan_quiet() {
    let unary: [fn(f32) -> f32; 5] = [f32_ceil, f32_floor, f32_trunc, f32_nearest, f32_sqrt];
    for f in unary {
        assert_eq!(f(black_box(SIGNALLING_F32)).to_bits() & 0x7fc0_0000, 0x7fc0_0000);
    }
    let binary: [fn(f32, f32) -> f32; 6] = [f32_add, f32_sub, f32_mul, f32_div, f32_min, f32_max];
    for f in binary {
        assert_eq!(f(black_box(SIGNALLING_F32), black_box(1.0)).to_bits() & 0x7fc0_0000, 0x7fc0_0000);
        assert_eq!(f(black_box(1.0), black_box(SIGNALLING_F32)).to_bits() & 0x7fc0_0000, 0x7fc0_0000);
    }
    assert_eq!(f64_promote_f32(black_box(SIGNALLING_F32)).to_bits() >> 51 & 1, 1);
    assert_eq!(f32_demote_f64(black_box(SIGNALLING_F64)).to_bits() >> 22 & 1, 1);
}

#[test]
fn zeros_have_signs() {
    assert_eq!(f32_min(0.0, -0.0).to_bits(), 1 << 31);
    assert_eq!(f32_min(-0.0, 0.0).to_bits(), 1 << 31);
    assert_eq!(f64_max(0.0, -0.0).to_bits(), 0);
    assert_eq!(f64_max(-0.0, 0.0).to_bits(), 0);
    assert_eq!(f64_ceil(-0.5).to_bits(), 1 << 63);
    assert_eq!(f64_sqrt(-0.0).to_bits(), 1 << 63);
    assert_eq!(f64_nearest(-0.5).to_bits(), 1 << 63);
    assert_eq!(f64x2_pmin(f64x2_splat(0.0), f64x2_splat(-0.0)), V128::ZERO);
}

#[test]
fn nearest_breaks_ties_to_even() {
    assert_eq!([0.5, 1.5, 2.5, -1.5, -2.5].map(f64_nearest), [0.0, 2.0, 2.0, -2.0, -2.0]);
    assert_eq!(f32_nearest(8388607.5), 8388608.0);
}

#[test]
fn lanes_are_little_endian() {
    let bytes: [u8; 16] = core::array::from_fn(|i| i as u8);
    let vector = V128::from_le_bytes(bytes);
    assert_eq!(vector.to_le_bytes(), bytes);
    assert_eq!(u128::from(vector), 0x0f0e_0d0c_0b0a_0908_0706_0504_0302_0100);
    assert_eq!(<[u16; 8]>::from(vector)[1], 0x0302);
    assert_eq!(i32x4_extract_lane(vector, 3), 0x0f0e_0d0c);
    assert_eq!(i64x2_extract_lane(vector, 0), 0x0706_0504_0302_0100);
    assert_eq!(format!("{:?}", V128::from(0x1f_u128)), "V128(0x0000000000000000000000000000001f)");
}

#[test]
fn widening_loads_take_the_first_byte_as_lane_0() {
    assert_eq!(<[i16; 8]>::from(v128_load8x8_s(0x80ff)), [-1, -128, 0, 0, 0, 0, 0, 0]);
    assert_eq!(<[u32; 4]>::from(v128_load16x4_u(0x8000_0000_0000_ffff)), [0xffff, 0, 0, 0x8000]);
    assert_eq!(<[i64; 2]>::from(v128_load32x2_s(0xffff_fffe_0000_0001)), [1, -2]);
}

/// The choices of `relaxed.rs`, each where another one would show.
#[test]
fn relaxed_opcodes_are_deterministic() {
    // (1 + 2^-12)^2 - (1 + 2^-11) = 2^-24, which a rounded product has lost.
    let x = 1.0 + 2.0_f32.powi(-12);
    let c = -(1.0 + 2.0_f32.powi(-11));
    assert_eq!(f32x4_relaxed_madd(f32x4_splat(x), f32x4_splat(x), f32x4_splat(c)), f32x4_splat(2.0_f32.powi(-24)));
    assert_eq!(f32x4_relaxed_nmadd(f32x4_splat(x), f32x4_splat(x), f32x4_splat(-c)), f32x4_splat(-(2.0_f32.powi(-24))));
    // (1 + 2^-27)^2 - (1 + 2^-26) = 2^-54.
    let x = 1.0 + 2.0_f64.powi(-27);
    let c = -(1.0 + 2.0_f64.powi(-26));
    assert_eq!(f64x2_relaxed_madd(f64x2_splat(x), f64x2_splat(x), f64x2_splat(c)), f64x2_splat(2.0_f64.powi(-54)));
    assert_eq!(f64x2_relaxed_nmadd(f64x2_splat(x), f64x2_splat(x), f64x2_splat(-c)), f64x2_splat(-(2.0_f64.powi(-54))));
    assert_eq!(i8x16_relaxed_swizzle(i8x16_splat(5), i8x16_splat(16)), V128::ZERO);
    assert_eq!(i32x4_relaxed_trunc_f32x4_s(f32x4_splat(f32::NAN)), V128::ZERO);
    assert_eq!(i32x4_relaxed_trunc_f32x4_u(f32x4_splat(-1.0)), V128::ZERO);
    assert_eq!(
        i32x4_relaxed_laneselect(i32x4_splat(-1), V128::ZERO, i32x4_splat(0x8000_0001_u32 as i32)),
        i32x4_splat(0x8000_0001_u32 as i32)
    );
    assert_eq!(i16x8_relaxed_q15mulr_s(i16x8_splat(-32768), i16x8_splat(-32768)), i16x8_splat(32767));
    // Signed by signed, and saturating.
    assert_eq!(i16x8_relaxed_dot_i8x16_i7x16_s(i8x16_splat(-1), i8x16_splat(-1)), i16x8_splat(2));
    assert_eq!(i16x8_relaxed_dot_i8x16_i7x16_s(i8x16_splat(-128), i8x16_splat(-128)), i16x8_splat(32767));
    assert_eq!(
        i32x4_relaxed_dot_i8x16_i7x16_add_s(i8x16_splat(-128), i8x16_splat(-128), i32x4_splat(1)),
        i32x4_splat(65535)
    );
    assert_eq!(f32x4_relaxed_min(f32x4_splat(0.0), f32x4_splat(-0.0)), f32x4_splat(-0.0));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn quotient_and_remainder_make_the_dividend(a: i64, b: i64, shift in 0..64) {
        // Quotients of two uniform numbers are nearly all 0.
        let b = b >> shift;
        if let (Ok(quotient), Ok(remainder)) = (i64_div_s(a, b), i64_rem_s(a, b)) {
            prop_assert_eq!(i64_add(i64_mul(quotient, b), remainder), a);
            prop_assert!(remainder.unsigned_abs() < b.unsigned_abs());
            prop_assert!(remainder == 0 || (remainder < 0) == (a < 0));
        }
        if let (Ok(quotient), Ok(remainder)) = (i64_div_u(a, b), i64_rem_u(a, b)) {
            prop_assert_eq!(i64_add(i64_mul(quotient, b), remainder), a);
            prop_assert!(i64_lt_u(remainder, b));
        }
    }

    #[test]
    fn rotations_undo_each_other(a: i32, b: i64, n: i32) {
        prop_assert_eq!(i32_rotr(i32_rotl(a, n), n), a);
        prop_assert_eq!(i64_rotr(i64_rotl(b, n.into()), n.into()), b);
        prop_assert_eq!(i32_rotl(a, n), i32_or(i32_shl(a, n), if n % 32 == 0 { 0 } else { i32_shr_u(a, -n) }));
        prop_assert_eq!(i32_shl(a, n), i32_shl(a, n & 31));
    }

    #[test]
    fn wide_sums_and_differences_undo_each_other(a: (i64, i64), b: (i64, i64)) {
        let (low, high) = i64_add128(a.0, a.1, b.0, b.1);
        prop_assert_eq!(i64_sub128(low, high, b.0, b.1), a);
        prop_assert_eq!(i64_mul_wide_s(a.0, b.0).0, i64_mul(a.0, b.0));
        prop_assert_eq!(i64_mul_wide_u(a.0, b.0).0, i64_mul(a.0, b.0));
    }

    #[test]
    fn narrowing_undoes_widening(bits: u128) {
        let a = V128::from(bits);
        prop_assert_eq!(i8x16_narrow_i16x8_s(i16x8_extend_low_i8x16_s(a), i16x8_extend_high_i8x16_s(a)), a);
        prop_assert_eq!(i8x16_narrow_i16x8_u(i16x8_extend_low_i8x16_u(a), i16x8_extend_high_i8x16_u(a)), a);
        prop_assert_eq!(i16x8_narrow_i32x4_s(i32x4_extend_low_i16x8_s(a), i32x4_extend_high_i16x8_s(a)), a);
        prop_assert_eq!(i16x8_narrow_i32x4_u(i32x4_extend_low_i16x8_u(a), i32x4_extend_high_i16x8_u(a)), a);
    }

    #[test]
    fn conversions_of_integers_that_fit_are_exact(a: i32) {
        prop_assert_eq!(i32_trunc_f64_s(f64_convert_i32_s(a)), Ok(a));
        prop_assert_eq!(i32_trunc_f64_u(f64_convert_i32_u(a)), Ok(a));
        prop_assert_eq!(i32_wrap_i64(i64_extend_i32_u(a)), a);
        prop_assert_eq!(i32_reinterpret_f32(f32_reinterpret_i32(a)), a);
    }

    /// Lane numbers are validated before; a wrong one must still not panic.
    #[test]
    fn any_lane_number_is_answered(bits: u128, lane: u8) {
        let a = V128::from(bits);
        prop_assert_eq!(i8x16_extract_lane_u(a, lane), i8x16_extract_lane_u(a, lane % 16));
        prop_assert_eq!(i64x2_extract_lane(i64x2_replace_lane(a, 7, lane), lane), 7);
        prop_assert_eq!(i8x16_shuffle(a, a, [lane; 16]), i8x16_splat(i8x16_extract_lane_s(a, lane)));
        prop_assert_eq!(v128_store16_lane(v128_load16_lane(9, a, lane), lane), 9);
    }
}
