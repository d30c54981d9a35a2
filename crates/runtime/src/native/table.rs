//! Tables of numbers: of our own, or in place in a mapped artifact.

use crate::sys::Mapping;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::{Deref, Range};
use tiercel_compiler::ir::Inlined;

/// What artifacts hold in tables.
///
/// # Safety
/// Any bytes are a valid value, and there are none between or behind the fields: what is written is what is there.
pub unsafe trait Plain: Copy + 'static {}

// SAFETY: a number.
unsafe impl Plain for u8 {}
// SAFETY: a number.
unsafe impl Plain for u32 {}
// SAFETY: four numbers of the same size, in their order.
unsafe impl Plain for Inlined {}
const _: () = assert!(size_of::<Inlined>() == 16);

/// A table.
pub enum Table<T> {
    /// Made here.
    Own(Box<[T]>),
    /// These bytes of an artifact: aligned for `T`, and a whole number of elements.
    Mapped(Arc<Mapping>, Range<usize>),
}

impl<T: Plain> Table<T> {
    /// The table in a part of an artifact. None if no table fits there.
    pub fn mapped(artifact: &Arc<Mapping>, part: Range<usize>) -> Option<Table<T>> {
        let bytes = artifact.get(part.clone())?;
        let fits = bytes.as_ptr().addr().is_multiple_of(align_of::<T>()) && bytes.len().is_multiple_of(size_of::<T>());
        fits.then(|| Table::Mapped(artifact.clone(), part))
    }

    /// The table as it is in artifacts.
    pub fn bytes(&self) -> &[u8] {
        let elements: &[T] = self;
        // SAFETY: `Plain` promises that all of these bytes are there.
        unsafe { core::slice::from_raw_parts(elements.as_ptr().cast(), size_of_val(elements)) }
    }
}

impl<T: Plain> Deref for Table<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Table::Own(elements) => elements,
            Table::Mapped(artifact, part) => {
                let bytes = &artifact[part.clone()];
                // SAFETY: `mapped` has seen that the place is aligned and holds whole elements; `Plain` promises that any bytes will do.
                unsafe { core::slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len() / size_of::<T>()) }
            }
        }
    }
}

impl<T> From<Vec<T>> for Table<T> {
    fn from(elements: Vec<T>) -> Self {
        Table::Own(elements.into())
    }
}
