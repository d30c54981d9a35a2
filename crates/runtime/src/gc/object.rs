//! Objects as the runtime itself makes, reads and writes them: for constant expressions and for the host.

use super::heap;
use super::layout::{ELEMENTS_OFFSET, LENGTH_OFFSET, TypeLayout, array_bytes};
use crate::api::error::{Error, Result};
use crate::api::store::StoreInner;
use core::ptr::NonNull;
use tiercel_abi::Trap;
use tiercel_wasm::{StorageType, TypeId};

/// A value's bits, and whether it is a reference that the collector has to know of.
pub type Operand = ([u64; 2], bool);

/// Makes an object. Of a struct `len` is not asked for; of an array it is the number of elements. `choose` picks the values among the
/// operands: one for each field or element, one for all elements, or none, for zero.
///
/// # Errors
/// There is no room for it, or the limiter stops the guest.
///
/// # Safety
/// The store is not borrowed, knows the type, whose layout this is; values fit it. References that the host holds are among the roots
/// or the operands, which a collection changes.
pub unsafe fn new(
    store: NonNull<StoreInner>,
    ty: TypeId,
    layout: &TypeLayout,
    len: u32,
    operands: &mut [Operand],
    choose: impl FnOnce(&[Operand]) -> &[Operand],
) -> Result<u64> {
    let bytes = match *layout {
        TypeLayout::Struct { bytes, .. } => bytes as usize,
        TypeLayout::Array { log2_bytes, .. } => {
            array_bytes(len, log2_bytes).ok_or_else(|| Error::new(Trap::AllocationTooLarge))?
        }
        TypeLayout::Func => unreachable!("functions are not in the heap"),
    };
    // SAFETY: promised by the caller; the object is written before anything else happens.
    unsafe {
        let gc = &raw mut (*store.as_ptr()).gc;
        let (mark, id) = ((*gc).roots.len(), (*store.as_ptr()).id);
        for (bits, _) in operands.iter().filter(|(_, is_traced)| *is_traced) {
            (*gc).roots.push(id, bits[0]);
        }
        let allocated = heap::allocate(store, bytes);
        for (index, (bits, _)) in operands.iter_mut().filter(|(_, is_traced)| *is_traced).enumerate() {
            bits[0] = (*gc).roots.at(mark + index);
        }
        (*gc).roots.truncate(mark);
        let (reference, object) = allocated?;
        object.write_bytes(0, bytes);
        object.cast::<u32>().write(ty.as_u32());
        let values = choose(operands);
        match layout {
            TypeLayout::Struct { fields, .. } => {
                for (value, field) in values.iter().zip(fields) {
                    write(object.add(field.offset as usize), value.0, field.log2_bytes);
                }
            }
            TypeLayout::Array { log2_bytes, .. } => {
                object.add(LENGTH_OFFSET).cast::<u32>().write(len);
                let elements = object.add(ELEMENTS_OFFSET);
                for index in 0..if values.is_empty() { 0 } else { len as usize } {
                    let value = if values.len() == 1 { values[0] } else { values[index] };
                    write(elements.add(index << log2_bytes), value.0, *log2_bytes);
                }
            }
            TypeLayout::Func => {}
        }
        Ok(reference)
    }
}

/// Writes the low bytes of a value.
unsafe fn write(to: *mut u8, bits: [u64; 2], log2_bytes: u8) {
    // SAFETY: the caller's.
    unsafe {
        match log2_bytes {
            0 => to.write(bits[0] as u8),
            1 => to.cast::<u16>().write_unaligned(bits[0] as u16),
            2 => to.cast::<u32>().write_unaligned(bits[0] as u32),
            3 => to.cast::<u64>().write_unaligned(bits[0]),
            _ => to.cast::<[u64; 2]>().write_unaligned(bits),
        }
    }
}

/// The bits of a field or element; packed ones without sign.
///
/// # Safety
/// It is there.
pub unsafe fn read(from: *const u8, storage: StorageType) -> [u64; 2] {
    // SAFETY: promised by the caller.
    unsafe {
        match storage.log2_bytes() {
            0 => [u64::from(from.read()), 0],
            1 => [u64::from(from.cast::<u16>().read_unaligned()), 0],
            2 => [u64::from(from.cast::<u32>().read_unaligned()), 0],
            3 => [from.cast::<u64>().read_unaligned(), 0],
            _ => from.cast::<[u64; 2]>().read_unaligned(),
        }
    }
}

/// Writes a field or element.
///
/// # Safety
/// It is there, and the bits are of its type.
pub unsafe fn set(to: *mut u8, storage: StorageType, bits: [u64; 2]) {
    // SAFETY: promised by the caller.
    unsafe { write(to, bits, storage.log2_bytes()) }
}
