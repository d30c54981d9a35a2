//! What compiled code asks the runtime to do with objects of the collected heap.
//!
//! # Safety
//! `cx` is the vmctx of a live instance of a store that nobody borrows while the function runs; types and segments are those of validated code, and
//! references lead to arrays of the right types or are null. What makes an object may move all others: the guest's references are where the
//! collector finds them.

use crate::gc::heap;
use crate::gc::layout::{ELEMENTS_OFFSET, LENGTH_OFFSET, TypeLayout, array_bytes};
use crate::interp::Stop;
use crate::vm::libcalls::{ask, type_extends};
use crate::vm::objects::{copy_data, copy_elements, elements, fill, within};
use crate::vm::{Instance, VmCtx, VmFuncRef, VmStore};
use tiercel_abi::Trap;

/// # Safety
/// As the module says.
unsafe fn instance<'a>(cx: *mut VmCtx) -> &'a Instance {
    // SAFETY: promised by the caller.
    unsafe { &*(*cx).instance }
}

/// The binary logarithm of the bytes of an array's elements; meaningless for null.
///
/// # Safety
/// As the module says.
unsafe fn log2_of(vm: *const VmStore, array: u64) -> u8 {
    if array == 0 {
        return 0;
    }
    // SAFETY: promised by the caller: an object starts with the number of its type.
    unsafe { log2_of_type(vm, (*vm).gc_base.add(array as usize).cast::<u32>().read()) }
}

/// The same by the number of its type.
///
/// # Safety
/// As the module says.
unsafe fn log2_of_type(vm: *const VmStore, ty: u32) -> u8 {
    // SAFETY: promised by the caller: the store knows the types of its instances.
    match unsafe { &*(*(*vm).gc_types.add(ty as usize)).layout } {
        TypeLayout::Array { log2_bytes, .. } => *log2_bytes,
        _ => 0,
    }
}

/// An object of a type and of so many bytes, which are zero but for the type.
///
/// # Safety
/// As the module says.
pub unsafe fn new(cx: *mut VmCtx, ty: u32, bytes: usize) -> Result<u64, Stop> {
    // SAFETY: promised by the caller.
    unsafe {
        let (reference, object) = ask(cx, |store| heap::allocate(store, bytes))?;
        object.write_bytes(0, bytes);
        object.cast::<u32>().write(ty);
        Ok(reference)
    }
}

/// An array of zeros, and where its elements are.
///
/// # Safety
/// As the module says.
unsafe fn make_array(cx: *mut VmCtx, ty: u32, len: u32) -> Result<(u64, *mut u8), Stop> {
    // SAFETY: promised by the caller.
    unsafe {
        let vm = (*cx).store;
        let Some(bytes) = array_bytes(len, log2_of_type(vm, ty)) else {
            return Err(Stop::Trap(Trap::AllocationTooLarge));
        };
        let reference = new(cx, ty, bytes)?;
        let array = (*vm).gc_base.add(reference as usize);
        array.add(LENGTH_OFFSET).cast::<u32>().write(len);
        Ok((reference, array.add(ELEMENTS_OFFSET)))
    }
}

/// `array.new_default`.
///
/// # Safety
/// As the module says.
pub unsafe fn array_new(cx: *mut VmCtx, ty: u32, len: u32) -> Result<u64, Stop> {
    // SAFETY: promised by the caller.
    unsafe { make_array(cx, ty, len).map(|(reference, _)| reference) }
}

/// `array.new_data`.
///
/// # Safety
/// As the module says.
pub unsafe fn array_new_data(cx: *mut VmCtx, ty: u32, segment: u32, from: u32, len: u32) -> Result<u64, Stop> {
    // SAFETY: promised by the caller; the array has `len` elements.
    unsafe {
        let log2 = log2_of_type((*cx).store, ty);
        let Some(from) = instance(cx).data_range(segment, from, u64::from(len) << log2) else {
            return Err(Stop::Trap(Trap::MemoryOutOfBounds));
        };
        let (reference, elements) = make_array(cx, ty, len)?;
        copy_data(elements, from, log2);
        Ok(reference)
    }
}

/// `array.new_elem`.
///
/// # Safety
/// As the module says.
pub unsafe fn array_new_elem(cx: *mut VmCtx, ty: u32, segment: u32, from: u32, len: u32) -> Result<u64, Stop> {
    // SAFETY: promised by the caller; the array has `len` elements.
    unsafe {
        if !within(from, len, instance(cx).element_count(segment)) {
            return Err(Stop::Trap(Trap::TableOutOfBounds));
        }
        let (reference, elements) = make_array(cx, ty, len)?;
        copy_elements(instance(cx), segment, elements, from, len, log2_of_type((*cx).store, ty));
        Ok(reference)
    }
}

/// `array.fill` with the value in `VmStore::gc_value`.
///
/// # Safety
/// As the module says.
pub unsafe fn array_fill(cx: *mut VmCtx, array: u64, start: u32, len: u32) -> Result<(), Trap> {
    // SAFETY: promised by the caller; the elements are there.
    unsafe {
        let vm = (*cx).store;
        let log2 = log2_of(vm, array);
        fill(elements(vm, array, start, len, log2)?, (*vm).gc_value.as_ptr(), log2, len);
    }
    Ok(())
}

/// `array.copy`.
///
/// # Safety
/// As the module says.
pub unsafe fn array_copy(
    cx: *mut VmCtx,
    to: u64,
    to_start: u32,
    from: u64,
    from_start: u32,
    len: u32,
) -> Result<(), Trap> {
    // SAFETY: promised by the caller; both ranges are checked, and `copy` allows overlap.
    unsafe {
        let vm = (*cx).store;
        if to == 0 || from == 0 {
            return Err(Trap::NullReference);
        }
        let log2 = log2_of(vm, to);
        let to = elements(vm, to, to_start, len, log2)?;
        let from = elements(vm, from, from_start, len, log2)?;
        core::ptr::copy(from, to, (len as usize) << log2);
    }
    Ok(())
}

/// `array.init_data`.
///
/// # Safety
/// As the module says.
pub unsafe fn array_init_data(
    cx: *mut VmCtx,
    segment: u32,
    array: u64,
    start: u32,
    from: u32,
    len: u32,
) -> Result<(), Trap> {
    // SAFETY: promised by the caller; the elements are there.
    unsafe {
        let log2 = log2_of((*cx).store, array);
        let to = elements((*cx).store, array, start, len, log2)?;
        let from = instance(cx).data_range(segment, from, u64::from(len) << log2);
        copy_data(to, from.ok_or(Trap::MemoryOutOfBounds)?, log2);
    }
    Ok(())
}

/// `array.init_elem`.
///
/// # Safety
/// As the module says.
pub unsafe fn array_init_elem(
    cx: *mut VmCtx,
    segment: u32,
    array: u64,
    start: u32,
    from: u32,
    len: u32,
) -> Result<(), Trap> {
    // SAFETY: promised by the caller; the elements are there.
    unsafe {
        let log2 = log2_of((*cx).store, array);
        let to = elements((*cx).store, array, start, len, log2)?;
        if !within(from, len, instance(cx).element_count(segment)) {
            return Err(Trap::TableOutOfBounds);
        }
        copy_elements(instance(cx), segment, to, from, len, log2);
    }
    Ok(())
}

/// Whether a reference to a function is not null and of type `wanted`, as in `TypeId::as_u32`.
///
/// # Safety
/// As the module says; the reference is null or the address of a `VmFuncRef`.
pub unsafe fn func_is(cx: *mut VmCtx, func: u64, wanted: u32) -> bool {
    // SAFETY: promised by the caller.
    unsafe { (func as *const VmFuncRef).as_ref().is_some_and(|func| type_extends(cx, func.type_id, wanted)) }
}
