//! What running code asks the runtime to do. Bounds are checked here; types were checked by validation.
//!
//! Every function takes the caller's vmctx and indices of its module. All are unsafe for the same reason.
//!
//! # Safety
//! `cx` is the vmctx of a live instance of a store that nobody borrows while the function runs; indices are those of
//! validated code.

use super::host_func::{catch, leave_pending};
use super::{CodePoint, Instance, Memory, Table, VmCtx, VmFuncRef};
use crate::api::error::Result;
use crate::api::store::StoreInner;
use crate::gc::heap;
use crate::interp::Stop;
use core::ptr::NonNull;
use tiercel_abi::Trap;

/// What a failed growth returns.
const FAILED: u64 = u64::MAX;

/// # Safety
/// As the module says.
unsafe fn instance(cx: *mut VmCtx) -> NonNull<Instance> {
    // SAFETY: promised by the caller: `init_header` has set it.
    unsafe { NonNull::new_unchecked((*cx).instance) }
}

/// # Safety
/// As the module says.
unsafe fn memory(cx: *mut VmCtx, index: u32) -> NonNull<Memory> {
    // SAFETY: promised by the caller.
    unsafe { instance(cx).as_ref().memory(index) }
}

/// # Safety
/// As the module says.
unsafe fn table(cx: *mut VmCtx, index: u32) -> NonNull<Table> {
    // SAFETY: promised by the caller.
    unsafe { instance(cx).as_ref().table(index) }
}

/// # Safety
/// As the module says.
unsafe fn store(cx: *mut VmCtx) -> NonNull<StoreInner> {
    // SAFETY: promised by the caller: a store sets it before any instance exists.
    unsafe { NonNull::new_unchecked((*(*cx).store).store) }
}

/// Asks the host something; its error or panic is left in the store.
///
/// # Safety
/// As the module says.
pub unsafe fn ask<R>(cx: *mut VmCtx, act: impl FnOnce(NonNull<StoreInner>) -> Result<R>) -> Result<R, Stop> {
    // SAFETY: promised by the caller.
    let store = unsafe { store(cx) };
    catch(|| act(store)).map_err(|unwind| {
        // SAFETY: promised by the caller; `act` has returned.
        unsafe { leave_pending(store, unwind) };
        Stop::Pending
    })
}

/// `memory.grow`: the size before in pages, or `u64::MAX`.
///
/// # Safety
/// As the module says.
pub unsafe fn memory_grow(cx: *mut VmCtx, index: u32, delta: u64) -> Result<u64, Stop> {
    // SAFETY: promised by the caller.
    let grown = unsafe { ask(cx, |store| Memory::grow(memory(cx, index), store, delta))? };
    Ok(grown.unwrap_or(FAILED))
}

/// The address of bytes `start..start + len` of a memory.
///
/// # Safety
/// As the module says.
unsafe fn bytes(cx: *mut VmCtx, index: u32, start: u64, len: u64) -> Result<*mut u8, Trap> {
    // SAFETY: promised by the caller.
    let (base, size) = unsafe {
        let memory = memory(cx, index);
        (memory.as_ref().def().base, memory.as_ref().def().len_bytes as u64)
    };
    match start.checked_add(len) {
        // SAFETY: `start` is at most `size`, so that the address is within the memory or just behind it.
        Some(end) if end <= size => Ok(unsafe { base.add(start as usize) }),
        _ => Err(Trap::MemoryOutOfBounds),
    }
}

/// `memory.copy`.
///
/// # Safety
/// As the module says.
pub unsafe fn memory_copy(
    cx: *mut VmCtx,
    dst_mem: u32,
    src_mem: u32,
    dst: u64,
    src: u64,
    len: u64,
) -> Result<(), Trap> {
    // SAFETY: promised by the caller; both ranges are checked, and `copy` allows overlap.
    unsafe {
        let src = bytes(cx, src_mem, src, len)?;
        let dst = bytes(cx, dst_mem, dst, len)?;
        core::ptr::copy(src, dst, len as usize);
    }
    Ok(())
}

/// `memory.fill`.
///
/// # Safety
/// As the module says.
pub unsafe fn memory_fill(cx: *mut VmCtx, index: u32, dst: u64, value: u8, len: u64) -> Result<(), Trap> {
    // SAFETY: promised by the caller; the range is checked.
    unsafe { bytes(cx, index, dst, len)?.write_bytes(value, len as usize) };
    Ok(())
}

/// A loop that fills `len` bytes one by one: `len`, or 0 if it would leave the memory; then nothing is written.
///
/// # Safety
/// As the module says.
#[cfg(native)]
pub unsafe fn memory_fill_ahead(cx: *mut VmCtx, index: u32, dst: u64, value: u8, len: u64) -> u64 {
    // SAFETY: promised by the caller.
    unsafe { memory_fill(cx, index, dst, value, len) }.map_or(0, |()| len)
}

/// A loop that copies `len` bytes one by one, upwards: `len`, or 0 if it would leave the memory or read what it has written; then nothing is
/// written.
///
/// # Safety
/// As the module says.
#[cfg(native)]
pub unsafe fn memory_copy_ahead(cx: *mut VmCtx, index: u32, dst: u64, src: u64, len: u64) -> u64 {
    if dst.wrapping_sub(src) < len {
        return 0;
    }
    // SAFETY: promised by the caller.
    unsafe { memory_copy(cx, index, index, dst, src, len) }.map_or(0, |()| len)
}

/// `memory.init`.
///
/// # Safety
/// As the module says.
pub unsafe fn memory_init(cx: *mut VmCtx, memory: u32, segment: u32, dst: u64, src: u64, len: u64) -> Result<(), Trap> {
    // SAFETY: promised by the caller.
    unsafe { Instance::memory_init(instance(cx), memory, segment, dst, src, len) }
}

/// `data.drop`.
///
/// # Safety
/// As the module says.
pub unsafe fn data_drop(cx: *mut VmCtx, segment: u32) {
    // SAFETY: promised by the caller.
    unsafe { Instance::data_drop(instance(cx), segment) }
}

/// `table.grow`: the size before, or `u64::MAX`.
///
/// # Safety
/// As the module says.
pub unsafe fn table_grow(cx: *mut VmCtx, index: u32, delta: u64, init: u64) -> Result<u64, Stop> {
    // SAFETY: promised by the caller.
    let grown = unsafe { ask(cx, |store| Table::grow(table(cx, index), store, delta, init))? };
    Ok(grown.unwrap_or(FAILED))
}

/// `table.fill`.
///
/// # Safety
/// As the module says.
pub unsafe fn table_fill(cx: *mut VmCtx, index: u32, start: u64, value: u64, len: u64) -> Result<(), Trap> {
    // SAFETY: promised by the caller.
    unsafe { (*table(cx, index).as_ptr()).range_mut(start, len)?.fill(value) };
    Ok(())
}

/// `table.copy`.
///
/// # Safety
/// As the module says.
pub unsafe fn table_copy(
    cx: *mut VmCtx,
    dst_table: u32,
    src_table: u32,
    dst: u64,
    src: u64,
    len: u64,
) -> Result<(), Trap> {
    // SAFETY: promised by the caller.
    unsafe { Table::copy(table(cx, dst_table), dst, table(cx, src_table), src, len) }
}

/// `table.init`.
///
/// # Safety
/// As the module says.
pub unsafe fn table_init(cx: *mut VmCtx, table: u32, segment: u32, dst: u64, src: u64, len: u64) -> Result<(), Trap> {
    // SAFETY: promised by the caller.
    unsafe { Instance::table_init(instance(cx), table, segment, dst, src, len) }
}

/// `elem.drop`.
///
/// # Safety
/// As the module says.
pub unsafe fn elem_drop(cx: *mut VmCtx, segment: u32) {
    // SAFETY: promised by the caller.
    unsafe { Instance::elem_drop(instance(cx), segment) }
}

/// `ref.func`.
///
/// # Safety
/// As the module says.
pub unsafe fn ref_func(cx: *mut VmCtx, func: u32) -> *mut VmFuncRef {
    // SAFETY: promised by the caller.
    unsafe { instance(cx).as_ref().func(func).as_ptr() }
}

/// Whether a function's type is `wanted` or extends it; both as in `TypeId::as_u32`.
///
/// # Safety
/// As the module says.
#[inline]
pub unsafe fn type_extends(cx: *mut VmCtx, id: u32, wanted: u32) -> bool {
    // SAFETY: promised by the caller. A function of another instance has made its type known, if it extends any.
    unsafe {
        let store = (*cx).store;
        let len = (*store).gc_types_len;
        if id as usize >= len || wanted as usize >= len {
            return id == wanted;
        }
        let depth = (*(*store).gc_types.add(wanted as usize)).lineage_len.wrapping_sub(1);
        id == wanted || (*(*store).gc_types.add(id as usize)).extends(wanted, depth)
    }
}

/// Makes room in the collected heap for what `VmStore::gc_request` says; `at` is where the guest is.
///
/// # Safety
/// As the module says, for `at.cx`.
#[cold]
pub unsafe fn make_room(at: CodePoint) -> Result<(), Stop> {
    // SAFETY: promised by the caller.
    let made = unsafe { ask(at.cx, |store| heap::make_room(store, (*(*at.cx).store).gc_request, at))? };
    if made { Ok(()) } else { Err(Stop::Trap(Trap::GcHeapOutOfMemory)) }
}

/// The epoch has reached the store's deadline: asks the store's callback, which may move it.
///
/// # Safety
/// As the module says.
pub unsafe fn epoch_reached(cx: *mut VmCtx) -> Result<(), Stop> {
    // SAFETY: promised by the caller.
    let go_on = unsafe { ask(cx, |store| StoreInner::epoch_reached(store))? };
    if go_on { Ok(()) } else { Err(Stop::Trap(Trap::Interrupt)) }
}
