//! Many elements of arrays at once, for all tiers.

use super::{Instance, VmStore};
use crate::gc::layout::{ELEMENTS_OFFSET, LENGTH_OFFSET};
use tiercel_abi::Trap;

/// Whether `start..start + len` lies within an array.
#[inline(always)]
pub fn within(start: u32, len: u32, array: u32) -> bool {
    u64::from(start) + u64::from(len) <= u64::from(array)
}

/// Copies a value of 1 << `log2` bytes from a slot.
///
/// # Safety
/// There is room for it.
#[inline(always)]
pub unsafe fn put(to: *mut u8, from: *const u64, log2: u8) {
    // SAFETY: promised by the caller.
    unsafe {
        match log2 {
            0 => to.write(*from as u8),
            1 => to.cast::<u16>().write(*from as u16),
            2 => to.cast::<u32>().write(*from as u32),
            3 => to.cast::<u64>().write(*from),
            _ => {
                to.cast::<u64>().write(*from);
                to.cast::<u64>().add(1).write(*from.add(1));
            }
        }
    }
}

/// Fills `len` elements of 1 << `log2` bytes with a slot's value.
///
/// # Safety
/// There is room for them.
pub unsafe fn fill(to: *mut u8, from: *const u64, log2: u8, len: u32) {
    // SAFETY: promised by the caller.
    unsafe {
        match log2 {
            0 => to.write_bytes(*from as u8, len as usize),
            _ => (0..len as usize).for_each(|index| put(to.add(index << log2), from, log2)),
        }
    }
}

/// Copies elements that a data segment holds as little-endian bytes.
///
/// # Safety
/// There is room for them.
pub unsafe fn copy_data(to: *mut u8, from: &[u8], log2: u8) {
    // SAFETY: promised by the caller.
    unsafe {
        core::ptr::copy_nonoverlapping(from.as_ptr(), to, from.len());
        if cfg!(target_endian = "big") && log2 < 4 {
            core::slice::from_raw_parts_mut(to, from.len()).chunks_exact_mut(1 << log2).for_each(<[u8]>::reverse);
        }
    }
}

/// Copies elements of a segment.
///
/// # Safety
/// There is room for them, and the segment has them.
pub unsafe fn copy_elements(instance: &Instance, segment: u32, to: *mut u8, start: u32, len: u32, log2: u8) {
    for index in 0..len {
        let value = instance.element(segment, start + index);
        // SAFETY: promised by the caller.
        unsafe { put(to.add((index as usize) << log2), &value, log2) };
    }
}

/// Elements `start..start + len` of an array.
///
/// # Errors
/// The array is null or has no such elements.
///
/// # Safety
/// The store is alive; the reference leads to an array of its heap with elements of that size, or is null.
#[inline(always)]
pub unsafe fn elements(vm: *const VmStore, array: u64, start: u32, len: u32, log2: u8) -> Result<*mut u8, Trap> {
    if array == 0 {
        return Err(Trap::NullReference);
    }
    // SAFETY: promised by the caller.
    unsafe {
        let array = (*vm).gc_base.add(array as usize);
        if !within(start, len, array.add(LENGTH_OFFSET).cast::<u32>().read()) {
            return Err(Trap::ArrayOutOfBounds);
        }
        Ok(array.add(ELEMENTS_OFFSET + ((start as usize) << log2)))
    }
}
