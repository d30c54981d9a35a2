//! The collected heap as code sees it: references, objects, what is known of their types.
//!
//! ```text
//! struct | type | fields ...             |
//! array  | type | length | elements ...  |
//! byte   0      4        8
//! ```
//! Every field stands at the next multiple of its size (of 8 for a vector), in the order of the type, so that a subtype's first fields
//! stand where its supertype's do. A reference is the 32-bit offset of an object from the heap's base; 0 is null.

/// The bits of a reference that tell what it is: none of them is set if it is null or an object's.
pub const TAGS: u32 = 3;
/// Set in an `i31`, whose value lies above it.
pub const TAG_I31: u32 = 1;
/// What the bits of [`TAGS`] are in a value of the host.
pub const TAG_HOST: u32 = 2;

/// Objects are aligned to so many bytes.
pub const OBJECT_ALIGN: u32 = 8;
/// Where the fields of a struct start.
pub const FIELDS_OFFSET: u32 = 4;
/// Where the length of an array is.
pub const LENGTH_OFFSET: u32 = 4;
/// Where the elements of an array start.
pub const ELEMENTS_OFFSET: u32 = 8;

/// Where a field of `1 << log2_bytes` bytes stands whose predecessor ends at `end`; and where it ends itself.
pub const fn place_field(end: u32, log2_bytes: u8) -> (u32, u32) {
    let bytes = 1 << log2_bytes;
    let align = if bytes < OBJECT_ALIGN { bytes } else { OBJECT_ALIGN };
    let offset = end.next_multiple_of(align);
    (offset, offset + bytes)
}

/// The bytes of an object whose last field or element ends at `end`.
pub const fn object_bytes(end: u32) -> u32 {
    end.next_multiple_of(OBJECT_ALIGN)
}

/// The kinds of types.
pub mod kind {
    /// Not a type of the heap, or one that the store does not know.
    pub const NONE: u32 = 0;
    /// A struct.
    pub const STRUCT: u32 = 1;
    /// An array.
    pub const ARRAY: u32 = 2;
}

/// Fields of an entry in a store's table of types, in bytes, for 64-bit hosts.
pub mod ty {
    /// The numbers of the types it extends and its own, outermost first: a pointer to 32-bit numbers.
    pub const LINEAGE: u32 = 0;
    /// How many there are, `u32`.
    pub const LINEAGE_LEN: u32 = 8;
    /// One of [`kind`](super::kind), `u32`.
    pub const KIND: u32 = 12;
    /// Bytes of an entry.
    pub const BYTES: u32 = 40;
}
