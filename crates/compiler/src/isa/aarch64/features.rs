//! CPU features beyond the Armv8.0 baseline (which has the vector unit). Detecting them is the runtime's business.

crate::isa::features::features! {
    /// Atomic operations in one instruction.
    LSE = "lse";
    /// Dot products of bytes.
    DOTPROD = "dotprod";
}
