//! The instructions, a file for each family. A family's table is what the translator chooses handlers from.

pub mod control;
pub mod gc;
pub mod memory;
pub mod reference;
pub mod scalar;
pub mod simd;

pub use super::dispatch::Handler;

/// The class of a value: how wide it is, which accumulator caches it, and whether the collector has to know of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// `i32`, zero-extended in slots and accumulator.
    I32,
    /// `i64` and references to functions.
    I64,
    /// References that may lead to an object of the collected heap; in all else as `I64`.
    Ref,
    /// `f32`.
    F32,
    /// `f64`.
    F64,
    /// `v128`, two slots and no accumulator.
    V128,
}
