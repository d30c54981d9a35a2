//! Where the roundings, the square root and the fused multiply-add come from: the methods of `std` with the feature
//! `std`, which are single instructions on most hosts, else the crate `libm`.
//!
//! What they do with a signalling NaN differs between hosts; the callers see to it.

// The crate is `no_std`; the methods below come with `std`.
#[cfg(feature = "std")]
extern crate std;

/// One row per function: its name, its type, the method of `std`, the function of `libm`.
macro_rules! from_std_or_libm {
    ($($name:ident($ty:ty): $std:ident, $libm:ident;)*) => {$(
        #[inline(always)]
        pub(super) fn $name(a: $ty) -> $ty {
            #[cfg(feature = "std")]
            return a.$std();
            #[cfg(not(feature = "std"))]
            return libm::$libm(a);
        }
    )*};
}

from_std_or_libm! {
    f32_ceil(f32): ceil, ceilf;
    f64_ceil(f64): ceil, ceil;
    f32_floor(f32): floor, floorf;
    f64_floor(f64): floor, floor;
    f32_trunc(f32): trunc, truncf;
    f64_trunc(f64): trunc, trunc;
    f32_nearest(f32): round_ties_even, rintf;
    f64_nearest(f64): round_ties_even, rint;
    f32_sqrt(f32): sqrt, sqrtf;
    f64_sqrt(f64): sqrt, sqrt;
}

/// `a * b + c`, rounded once. Not every C library on Windows rounds once, hence `libm` there too.
#[inline(always)]
pub(super) fn f32_fma(a: f32, b: f32, c: f32) -> f32 {
    #[cfg(all(feature = "std", unix))]
    return a.mul_add(b, c);
    #[cfg(not(all(feature = "std", unix)))]
    return libm::fmaf(a, b, c);
}

/// `a * b + c`, rounded once.
#[inline(always)]
pub(super) fn f64_fma(a: f64, b: f64, c: f64) -> f64 {
    #[cfg(all(feature = "std", unix))]
    return a.mul_add(b, c);
    #[cfg(not(all(feature = "std", unix)))]
    return libm::fma(a, b, c);
}
