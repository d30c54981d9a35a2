//! Modules of anything that can be in one, by the crate wasm-smith.

use crate::bytes;
use arbitrary::Unstructured;

/// Bytes that a module is made of.
const BYTES: usize = 2000;

/// What a module may have beyond what all have.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// References to anything but functions.
    pub references: bool,
    /// Structs and arrays.
    pub gc: bool,
    /// Vectors.
    pub simd: bool,
    /// Memories with 64-bit indices.
    pub memory64: bool,
}

impl Shape {
    /// Shapes in turn: every other one with vectors, every fourth with 64-bit indices, all with references and two in three with the
    /// collected heap unless only `plain` types are wanted.
    pub fn in_turn(number: u64, plain: bool) -> Shape {
        Shape {
            references: !plain,
            gc: !plain && !number.is_multiple_of(3),
            simd: number.is_multiple_of(2),
            memory64: number.is_multiple_of(4),
        }
    }
}

/// The module with this number.
pub fn numbered(seed: u64, shape: Shape) -> Option<Vec<u8>> {
    module(&bytes::from_seed(seed, BYTES), shape)
}

/// A module made of bytes. It has no imports, exports everything and makes no NaN whose bits are not determined.
pub fn module(data: &[u8], shape: Shape) -> Option<Vec<u8>> {
    let config = wasm_smith::Config {
        allow_start_export: false,
        bulk_memory_enabled: true,
        canonicalize_nans: true,
        custom_page_sizes_enabled: false,
        exceptions_enabled: false,
        extended_const_enabled: true,
        export_everything: true,
        gc_enabled: shape.gc,
        max_imports: 0,
        max_memories: 2,
        max_memory32_bytes: 1 << 20,
        max_memory64_bytes: 1 << 20,
        max_tables: 2,
        max_table_elements: 200,
        memory64_enabled: shape.memory64,
        min_funcs: 2,
        multi_value_enabled: true,
        reference_types_enabled: shape.references,
        relaxed_simd_enabled: true,
        saturating_float_to_int_enabled: true,
        sign_extension_ops_enabled: true,
        simd_enabled: shape.simd,
        tail_call_enabled: true,
        threads_enabled: false,
        wide_arithmetic_enabled: true,
        shared_everything_threads_enabled: false,
        ..wasm_smith::Config::default()
    };
    Some(wasm_smith::Module::new(config, &mut Unstructured::new(data)).ok()?.to_bytes())
}
