//! What a module may contain at most. Counts of declarations are limited by wasmparser (the limits that the JavaScript API
//! of WebAssembly fixes, <https://webassembly.github.io/spec/js-api/#limits>); here are those of our own.

/// The size of a module in bytes: offsets into it fit 32 bits with room to spare.
pub const MAX_MODULE_BYTES: usize = 1 << 30;

/// The bytes of a linear memory's page unless the module says otherwise.
pub const DEFAULT_PAGE_BYTES: u64 = 1 << 16;

/// The elements of a table: what 32-bit arithmetic on indices can address with room to spare.
pub const MAX_TABLE_ELEMENTS: u64 = 10_000_000;
