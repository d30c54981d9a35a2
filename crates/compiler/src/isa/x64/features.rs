//! CPU features beyond the x86-64 baseline (which has SSE2). Detecting them is the runtime's business.

crate::isa::features::features! {
    /// SSE3.
    SSE3 = "sse3";
    /// SSSE3.
    SSSE3 = "ssse3";
    /// SSE4.1.
    SSE41 = "sse4.1";
    /// SSE4.2.
    SSE42 = "sse4.2";
    /// `popcnt`.
    POPCNT = "popcnt";
    /// `lzcnt`; older CPUs run it as `bsr`, so it must not be guessed.
    LZCNT = "lzcnt";
    /// BMI1, with `tzcnt`; older CPUs run that one as `bsf`.
    BMI1 = "bmi1";
    /// BMI2.
    BMI2 = "bmi2";
    /// AVX, enabled by the operating system too.
    AVX = "avx";
    /// AVX2.
    AVX2 = "avx2";
    /// Fused multiply-add (FMA3).
    FMA = "fma";
}
