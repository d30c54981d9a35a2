//! In: bytes, at random or as a fuzzer chooses them. Out: modules, and what the engine makes of them each way it can run them.
//!
//! Reading order: [`bytes`] (where choices come from), three kinds of random modules (`smith`: anything; [`nested`]: control flow;
//! [`dense`]: arithmetic and addresses), [`scaling`] (large ones, to be compiled), `observe` (all that can be seen of a module when it runs),
//! both with the feature `engine`, `targets` (what must hold for any bytes, run by `fuzz/`, by `cargo xtask fuzz` and for a short while by the tests;
//! feature `targets`).
#![forbid(unsafe_code)]

pub mod bytes;
pub mod dense;
pub mod nested;
#[cfg(feature = "engine")]
pub mod observe;
pub mod scaling;
#[cfg(feature = "engine")]
pub mod smith;
#[cfg(feature = "targets")]
pub mod targets;
