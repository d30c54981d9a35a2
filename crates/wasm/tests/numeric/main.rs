//! Tests of `tiercel_wasm::numeric`: in: the functions, out: agreement with the specification.
//!
//! * `coverage`: every opcode that wasmparser lists and that computes a value has its function, with the right arity.
//! * `agreement`: random and awkward operands give what `reference` says, a second definition that shares nothing with
//!   the first (integers as `i128`, floats as exact fractions in `exact`, vectors as slices of a `u128`).
//! * `edges`: single facts, and laws between opcodes.

mod table;

mod coverage;

mod exact;

mod reference;

mod agreement;

mod edges;
