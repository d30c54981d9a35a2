//! The instructions, a file for each family. A family's table is what the translator chooses handlers from.

pub mod control;
pub mod memory;
pub mod reference;
pub mod scalar;
pub mod simd;

pub use super::dispatch::Handler;

/// The class of a value: how wide it is and which accumulator caches it. References are `I64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// `i32`, zero-extended in slots and accumulator.
    I32,
    /// `i64` and references.
    I64,
    /// `f32`.
    F32,
    /// `f64`.
    F64,
    /// `v128`, two slots and no accumulator.
    V128,
}
