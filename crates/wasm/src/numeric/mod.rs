//! What every pure opcode computes: in: operand values, out: result values or an [`ArithmeticTrap`].
//!
//! This is the one meaning of the numeric and vector instructions (WebAssembly 3.0, section "Execution", "Numerics").
//! The interpreter inlines these functions into its handlers, the compilers fold constants with them, and tests judge
//! machine code by them.
//!
//! A function has the name of its opcode with `.` written `_`: `i32.div_s` is [`i32_div_s`]. Operands come in the order
//! of the stack (deepest first), immediates last. Integers are passed as `i32` and `i64` whatever their signedness,
//! floats as `f32` and `f64`, vectors as [`V128`]; a test of a condition returns `bool`, which is 1 or 0 on the stack.
//! Loads and stores have their pure part here where they do more than move bytes: [`v128_load8x8_s`].
//!
//! # NaN
//! Every function keeps the rules of section "NaN Propagation": with canonical NaNs alone (or none) going in, a NaN that
//! comes out is canonical, otherwise it is arithmetic (its quiet bit is set). Sign and payload beyond that are the
//! host's, as the specification allows, so compare NaNs by kind and not by bits. `neg`, `abs`, `copysign`,
//! `reinterpret`, `pmin`, `pmax`, moves of lanes and `select`-like opcodes are not arithmetic: they pass on bits as they
//! are, those of a signalling NaN too.
//!
//! That holds for operands the Rust compiler does not know. It may fold `f32_mul(x, 1.0)` to `x`, and then a signalling
//! NaN stays one: hand literals through [`core::hint::black_box`].
//!
//! # Reading order
//! [`int`], [`float`], [`convert`], [`wide`] for scalars; [`v128`] (the type), [`simd_lanes`], [`simd_int`],
//! [`simd_float`] and [`relaxed`] for vectors. All functions are also here, by their plain names.

// First, as the modules below use its macros.
#[macro_use]
mod macros;

pub mod int;

pub mod float;

pub mod convert;

pub mod wide;

pub mod v128;

pub mod simd_lanes;

pub mod simd_int;

pub mod simd_float;

pub mod relaxed;

mod math;

pub use convert::*;
pub use float::*;
pub use int::*;
pub use relaxed::*;
pub use simd_float::*;
pub use simd_int::*;
pub use simd_lanes::*;
pub use v128::V128;
pub use wide::*;

/// Why an integer division or a conversion to an integer has no result. The texts are those of the official test suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ArithmeticTrap {
    /// The divisor is 0.
    DivisionByZero,
    /// The result is outside the range of its type: the least integer divided by -1, or a float too large to convert.
    IntegerOverflow,
    /// A NaN is to be converted to an integer.
    BadConversionToInteger,
}

impl core::fmt::Display for ArithmeticTrap {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::DivisionByZero => "integer divide by zero",
            Self::IntegerOverflow => "integer overflow",
            Self::BadConversionToInteger => "invalid conversion to integer",
        })
    }
}

impl core::error::Error for ArithmeticTrap {}
