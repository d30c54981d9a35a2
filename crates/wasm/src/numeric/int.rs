//! Integer arithmetic, comparison and sign extension within one type (`i32.*`, `i64.*`).
//!
//! N is the width of the type in bits.

use super::ArithmeticTrap::{self, DivisionByZero, IntegerOverflow};

unary! {
    "the number of leading zero bits; N for 0.", |a| a.leading_zeros() as _ =>
        i32.clz: i32_clz(i32) -> i32,
        i64.clz: i64_clz(i64) -> i64;
    "the number of trailing zero bits; N for 0.", |a| a.trailing_zeros() as _ =>
        i32.ctz: i32_ctz(i32) -> i32,
        i64.ctz: i64_ctz(i64) -> i64;
    "the number of bits that are set.", |a| a.count_ones() as _ =>
        i32.popcnt: i32_popcnt(i32) -> i32,
        i64.popcnt: i64_popcnt(i64) -> i64;
    "the low 8 bits, sign-extended.", |a| (a as i8).into() =>
        i32.extend8_s: i32_extend8_s(i32) -> i32,
        i64.extend8_s: i64_extend8_s(i64) -> i64;
    "the low 16 bits, sign-extended.", |a| (a as i16).into() =>
        i32.extend16_s: i32_extend16_s(i32) -> i32,
        i64.extend16_s: i64_extend16_s(i64) -> i64;
    "the low 32 bits, sign-extended.", |a| (a as i32).into() =>
        i64.extend32_s: i64_extend32_s(i64) -> i64;
    "whether the operand is 0.", |a| a == 0 =>
        i32.eqz: i32_eqz(i32) -> bool,
        i64.eqz: i64_eqz(i64) -> bool;
}

// A shift or rotation counts modulo N, so of `b` only the low 5 or 6 bits matter and `as u32` loses nothing.
binary! {
    "`a + b`, modulo 2^N.", |a, b| a.wrapping_add(b) =>
        i32.add: i32_add(i32, i32) -> i32,
        i64.add: i64_add(i64, i64) -> i64;
    "`a - b`, modulo 2^N.", |a, b| a.wrapping_sub(b) =>
        i32.sub: i32_sub(i32, i32) -> i32,
        i64.sub: i64_sub(i64, i64) -> i64;
    "`a * b`, modulo 2^N.", |a, b| a.wrapping_mul(b) =>
        i32.mul: i32_mul(i32, i32) -> i32,
        i64.mul: i64_mul(i64, i64) -> i64;
    "`a / b` of signed integers, toward zero. Traps where `b` is 0, and where the quotient is 2^(N-1).", |a, b| {
        if b == 0 { Err(DivisionByZero) } else { a.checked_div(b).ok_or(IntegerOverflow) }
    } =>
        i32.div_s: i32_div_s(i32, i32) -> Result<i32, ArithmeticTrap>,
        i64.div_s: i64_div_s(i64, i64) -> Result<i64, ArithmeticTrap>;
    "`a / b` of unsigned integers, toward zero. Traps where `b` is 0.", |a, b| {
        match a.cast_unsigned().checked_div(b.cast_unsigned()) {
            Some(quotient) => Ok(quotient.cast_signed()),
            None => Err(DivisionByZero),
        }
    } =>
        i32.div_u: i32_div_u(i32, i32) -> Result<i32, ArithmeticTrap>,
        i64.div_u: i64_div_u(i64, i64) -> Result<i64, ArithmeticTrap>;
    "the remainder of `a / b` of signed integers, with the sign of `a`; 0 where `b` is -1. Traps where `b` is 0.", |a, b| {
        if b == 0 { Err(DivisionByZero) } else { Ok(a.wrapping_rem(b)) }
    } =>
        i32.rem_s: i32_rem_s(i32, i32) -> Result<i32, ArithmeticTrap>,
        i64.rem_s: i64_rem_s(i64, i64) -> Result<i64, ArithmeticTrap>;
    "the remainder of `a / b` of unsigned integers. Traps where `b` is 0.", |a, b| {
        match a.cast_unsigned().checked_rem(b.cast_unsigned()) {
            Some(remainder) => Ok(remainder.cast_signed()),
            None => Err(DivisionByZero),
        }
    } =>
        i32.rem_u: i32_rem_u(i32, i32) -> Result<i32, ArithmeticTrap>,
        i64.rem_u: i64_rem_u(i64, i64) -> Result<i64, ArithmeticTrap>;
    "the bits set in both.", |a, b| a & b =>
        i32.and: i32_and(i32, i32) -> i32,
        i64.and: i64_and(i64, i64) -> i64;
    "the bits set in either.", |a, b| a | b =>
        i32.or: i32_or(i32, i32) -> i32,
        i64.or: i64_or(i64, i64) -> i64;
    "the bits set in one of the two.", |a, b| a ^ b =>
        i32.xor: i32_xor(i32, i32) -> i32,
        i64.xor: i64_xor(i64, i64) -> i64;
    "`a` shifted left by `b` modulo N.", |a, b| a.wrapping_shl(b as u32) =>
        i32.shl: i32_shl(i32, i32) -> i32,
        i64.shl: i64_shl(i64, i64) -> i64;
    "`a` shifted right by `b` modulo N, copies of the sign bit coming in.", |a, b| a.wrapping_shr(b as u32) =>
        i32.shr_s: i32_shr_s(i32, i32) -> i32,
        i64.shr_s: i64_shr_s(i64, i64) -> i64;
    "`a` shifted right by `b` modulo N, zeros coming in.",
        |a, b| a.cast_unsigned().wrapping_shr(b as u32).cast_signed() =>
        i32.shr_u: i32_shr_u(i32, i32) -> i32,
        i64.shr_u: i64_shr_u(i64, i64) -> i64;
    "`a` rotated left by `b` modulo N.", |a, b| a.rotate_left(b as u32) =>
        i32.rotl: i32_rotl(i32, i32) -> i32,
        i64.rotl: i64_rotl(i64, i64) -> i64;
    "`a` rotated right by `b` modulo N.", |a, b| a.rotate_right(b as u32) =>
        i32.rotr: i32_rotr(i32, i32) -> i32,
        i64.rotr: i64_rotr(i64, i64) -> i64;
    "whether `a = b`.", |a, b| a == b =>
        i32.eq: i32_eq(i32, i32) -> bool,
        i64.eq: i64_eq(i64, i64) -> bool;
    "whether `a` and `b` differ.", |a, b| a != b =>
        i32.ne: i32_ne(i32, i32) -> bool,
        i64.ne: i64_ne(i64, i64) -> bool;
    "whether `a < b`, signed.", |a, b| a < b =>
        i32.lt_s: i32_lt_s(i32, i32) -> bool,
        i64.lt_s: i64_lt_s(i64, i64) -> bool;
    "whether `a < b`, unsigned.", |a, b| a.cast_unsigned() < b.cast_unsigned() =>
        i32.lt_u: i32_lt_u(i32, i32) -> bool,
        i64.lt_u: i64_lt_u(i64, i64) -> bool;
    "whether `a > b`, signed.", |a, b| a > b =>
        i32.gt_s: i32_gt_s(i32, i32) -> bool,
        i64.gt_s: i64_gt_s(i64, i64) -> bool;
    "whether `a > b`, unsigned.", |a, b| a.cast_unsigned() > b.cast_unsigned() =>
        i32.gt_u: i32_gt_u(i32, i32) -> bool,
        i64.gt_u: i64_gt_u(i64, i64) -> bool;
    "whether `a <= b`, signed.", |a, b| a <= b =>
        i32.le_s: i32_le_s(i32, i32) -> bool,
        i64.le_s: i64_le_s(i64, i64) -> bool;
    "whether `a <= b`, unsigned.", |a, b| a.cast_unsigned() <= b.cast_unsigned() =>
        i32.le_u: i32_le_u(i32, i32) -> bool,
        i64.le_u: i64_le_u(i64, i64) -> bool;
    "whether `a >= b`, signed.", |a, b| a >= b =>
        i32.ge_s: i32_ge_s(i32, i32) -> bool,
        i64.ge_s: i64_ge_s(i64, i64) -> bool;
    "whether `a >= b`, unsigned.", |a, b| a.cast_unsigned() >= b.cast_unsigned() =>
        i32.ge_u: i32_ge_u(i32, i32) -> bool,
        i64.ge_u: i64_ge_u(i64, i64) -> bool;
}
