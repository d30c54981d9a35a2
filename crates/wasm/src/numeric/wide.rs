//! Arithmetic on 128-bit integers given as two halves (proposal wide-arithmetic). Results are `(low, high)`, the order
//! in which they go onto the stack.

/// `i64.add128`: the sum of two 128-bit integers, modulo 2^128, as `(low, high)`.
#[inline(always)]
pub fn i64_add128(a_low: i64, a_high: i64, b_low: i64, b_high: i64) -> (i64, i64) {
    split(join(a_low, a_high).wrapping_add(join(b_low, b_high)))
}

/// `i64.sub128`: the difference of two 128-bit integers, modulo 2^128, as `(low, high)`.
#[inline(always)]
pub fn i64_sub128(a_low: i64, a_high: i64, b_low: i64, b_high: i64) -> (i64, i64) {
    split(join(a_low, a_high).wrapping_sub(join(b_low, b_high)))
}

/// `i64.mul_wide_s`: the whole product of two signed integers, as `(low, high)`.
#[inline(always)]
pub fn i64_mul_wide_s(a: i64, b: i64) -> (i64, i64) {
    split((i128::from(a) * i128::from(b)) as u128)
}

/// `i64.mul_wide_u`: the whole product of two unsigned integers, as `(low, high)`.
#[inline(always)]
pub fn i64_mul_wide_u(a: i64, b: i64) -> (i64, i64) {
    split(u128::from(a as u64) * u128::from(b as u64))
}

#[inline(always)]
fn join(low: i64, high: i64) -> u128 {
    u128::from(low as u64) | u128::from(high as u64) << 64
}

#[inline(always)]
fn split(a: u128) -> (i64, i64) {
    (a as i64, (a >> 64) as i64)
}
