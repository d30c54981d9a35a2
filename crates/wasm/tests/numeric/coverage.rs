//! Whether each opcode that computes a value has its function, going by wasmparser's list of operators.

use crate::table::opcodes;
use std::collections::{BTreeMap, BTreeSet};

/// The proposals with numeric and vector opcodes.
const NUMERIC: &[&str] =
    &["mvp", "sign_extension", "saturating_float_to_int", "simd", "relaxed_simd", "wide_arithmetic"];

/// The proposals without any.
const NOT_NUMERIC: &[&str] = &[
    "gc",
    "custom_descriptors",
    "bulk_memory",
    "reference_types",
    "tail_call",
    "memory_control",
    "threads",
    "exceptions",
    "legacy_exceptions",
    "shared_everything_threads",
    "function_references",
    "stack_switching",
    "acquire_release_atomics",
];

/// The opcodes of the numeric proposals that compute nothing: control, variables, constants, and those which only move
/// bytes between the stack and a memory.
const NO_COMPUTATION: &str = "
    unreachable nop block loop if else end br br_if br_table return call call_indirect drop select local_get
    local_set local_tee global_get global_set i32_load i64_load f32_load f64_load i32_load8_s i32_load8_u
    i32_load16_s i32_load16_u i64_load8_s i64_load8_u i64_load16_s i64_load16_u i64_load32_s i64_load32_u
    i32_store i64_store f32_store f64_store i32_store8 i32_store16 i64_store8 i64_store16 i64_store32
    memory_size memory_grow i32_const i64_const f32_const f64_const v128_load v128_store v128_const
";

/// An operator as wasmparser lists it.
struct Operator {
    proposal: &'static str,
    /// Its name, after `visit_`.
    name: &'static str,
    /// `name: type` of each immediate.
    immediates: &'static str,
    /// Such as `arity 2 -> 1`.
    arity: &'static str,
}

fn operators() -> Vec<Operator> {
    macro_rules! list {
        ($(@$proposal:ident $op:ident $({ $($arg:ident: $ty:ty),* })? => $visit:ident ($($arity:tt)*))*) => {
            vec![$(Operator {
                proposal: stringify!($proposal),
                name: stringify!($visit).strip_prefix("visit_").expect("the name of a visitor's method"),
                immediates: concat!($($(stringify!($arg: $ty), ", "),*)?),
                arity: stringify!($($arity)*),
            }),*]
        };
    }
    wasmparser::for_each_operator!(list)
}

#[test]
fn every_pure_opcode_has_a_function() {
    let listed: BTreeSet<&str> =
        operators().iter().filter(|op| NUMERIC.contains(&op.proposal)).map(|op| op.name).collect();
    let moved: BTreeSet<&str> = NO_COMPUTATION.split_whitespace().collect();
    let present: BTreeSet<&str> = opcodes().iter().map(|op| op.name).collect();
    assert_eq!(present.len(), opcodes().len(), "a function is in the table twice");
    let wanted: BTreeSet<&str> = listed.difference(&moved).copied().collect();
    assert_eq!(wanted.difference(&present).collect::<Vec<_>>(), Vec::<&&str>::new(), "opcodes without a function");
    assert_eq!(present.difference(&wanted).collect::<Vec<_>>(), Vec::<&&str>::new(), "functions without an opcode");
    assert_eq!(moved.difference(&listed).collect::<Vec<_>>(), Vec::<&&str>::new(), "names that are no opcode");
}

#[test]
fn every_proposal_is_known() {
    for op in operators() {
        assert!(
            NUMERIC.contains(&op.proposal) || NOT_NUMERIC.contains(&op.proposal),
            "wasmparser has a new proposal, `{}` (`{}`): say whether its opcodes belong to `numeric`",
            op.proposal,
            op.name,
        );
    }
}

#[test]
fn every_function_has_the_arity_of_its_opcode() {
    let operators: BTreeMap<&str, Operator> = operators().into_iter().map(|op| (op.name, op)).collect();
    for opcode in opcodes() {
        let operator = &operators[opcode.name];
        let [operands, results] = operator
            .arity
            .split(|c: char| !c.is_ascii_digit())
            .filter_map(|number| number.parse().ok())
            .collect::<Vec<usize>>()
            .try_into()
            .expect("an arity is two numbers");
        let lanes = usize::from(operator.immediates.contains("lane"));
        // The pure part of a store takes no address and returns what is stored; that of a load takes what was loaded in
        // place of the address.
        let (params, results) = if opcode.name.contains("store") { (operands - 1, 1) } else { (operands, results) };
        assert_eq!((opcode.params.len(), opcode.result_count), (params + lanes, results), "{}", opcode.name);
    }
}
