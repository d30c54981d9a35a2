//! The collected heap of a store: the structs and arrays of the proposal `gc`.
//!
//! in: types and roots. out: objects, moved and freed as roots allow.
//!
//! A reference is a 32-bit offset into the heap, zero-extended in 64-bit slots: 0 is null, a set bit 0 marks an `i31` in the bits
//! above it, a set bit 1 a value of the host (its number above). So an `externref` and an `anyref` have the same bits, and converting
//! between them does nothing. Objects are aligned to 8 bytes.
//!
//! [`layout`] says where things are in an object, [`heap`] allocates, [`object`] is how the host makes and reads
//! objects, [`collector`] copies what is live, [`roots`] finds what is.
//! Nothing is reserved before the first object is made.

pub mod collector;
pub mod heap;
pub mod layout;
pub mod object;
pub mod roots;

pub use heap::Heap;
pub use layout::{GcType, TypeLayout};
pub use roots::Root;

/// A reference that is not null and refers to an object of the heap.
#[inline(always)]
pub fn is_object(reference: u64) -> bool {
    reference != 0 && reference & 3 == 0
}

/// The reference that an `i31` is.
#[inline(always)]
pub fn i31(value: i32) -> u64 {
    u64::from((value as u32) << 1 | 1)
}

/// Whether a reference is an `i31`.
#[inline(always)]
pub fn is_i31(reference: u64) -> bool {
    reference & 1 != 0
}

/// The most host values that references can number.
pub const MAX_HOST_VALUES: u32 = 1 << 30;

/// The reference to host value `index`.
#[inline(always)]
pub fn host_value(index: u32) -> u64 {
    u64::from(index << 2 | 2)
}

/// The number of the host value that a reference refers to.
#[inline(always)]
pub fn host_index(reference: u64) -> Option<u32> {
    (reference & 3 == 2).then_some(reference as u32 >> 2)
}
