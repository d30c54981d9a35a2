//! The routines that compiled code calls, by way of `VmCtx::builtins`. What they do is in [`libcalls`].
//!
//! Those that may collect leave the address of their frame in `VmStore::exit_fp`, where the collector starts to walk the guest's.
//!
//! They follow the platform's convention, with the vmctx as first argument. Numbers of memories, tables and segments are 32 bits wide,
//! indices, lengths and references 64.

use super::arch::outside;
use super::objects;
use crate::api::error::Error;
use crate::api::store::Unwind;
use crate::interp::Stop;
use crate::vm::host_func::leave_pending;
use crate::vm::{VmCtx, libcalls};
use core::ptr::NonNull;
use tiercel_abi::Trap;
use tiercel_compiler::ir::Builtin;

/// What a routine gives: in two registers.
#[repr(C)]
pub struct BuiltinResult {
    value: u64,
    /// Not 0 if the guest is to be stopped; the reason is in the store.
    stop: u64,
}

/// The address of a routine.
#[repr(transparent)]
pub struct Routine(*const ());

// SAFETY: code does not change.
unsafe impl Sync for Routine {}

/// Every routine in the order of [`Builtin::ALL`], then the one for an epoch that has been reached.
pub static BUILTINS: [Routine; Builtin::ALL.len() + 1] = {
    let mut table = [const { Routine(epoch as *const ()) }; Builtin::ALL.len() + 1];
    let mut number = 0;
    while number < Builtin::ALL.len() {
        table[number] = Routine(routine(Builtin::ALL[number]));
        number += 1;
    }
    table
};

/// A result, or the reason to stop, which is left in the store.
///
/// # Safety
/// `cx` is that of a live instance, whose store nobody borrows.
unsafe fn give(cx: *mut VmCtx, result: Result<u64, Stop>) -> BuiltinResult {
    match result {
        Ok(value) => BuiltinResult { value, stop: 0 },
        // SAFETY: promised by the caller.
        Err(stop) => unsafe {
            if let Stop::Trap(trap) = stop {
                leave_pending(NonNull::new_unchecked((*(*cx).store).store), Unwind::Error(Error::new(trap)));
            }
            BuiltinResult { value: 0, stop: 1 }
        },
    }
}

/// The result of a routine without one.
fn nothing(result: Result<(), Trap>) -> Result<u64, Stop> {
    result.map(|()| 0).map_err(Stop::Trap)
}

macro_rules! routines {
    (
        $($builtin:ident $name:ident($cx:ident $(, $arg:ident: $ty:ty)*) $body:expr;)*
        ; may collect:
        $($collects:ident $outside:ident $inside:ident($inside_cx:ident $(, $inside_arg:ident: $inside_ty:ty)*) $inside_body:expr;)*
    ) => {
        $(
            outside!($outside = $inside);

            /// # Safety
            /// As [`libcalls`].
            unsafe extern "C" fn $inside($inside_cx: *mut VmCtx $(, $inside_arg: $inside_ty)*) -> BuiltinResult {
                // SAFETY: promised by the caller.
                unsafe { give($inside_cx, $inside_body) }
            }

            const _: () = assert!(Builtin::$collects.may_collect());
        )*
        $(
            const _: () = assert!(!Builtin::$builtin.may_collect());

            /// # Safety
            /// As [`libcalls`].
            unsafe extern "C" fn $name($cx: *mut VmCtx $(, $arg: $ty)*) -> BuiltinResult {
                // SAFETY: promised by the caller.
                unsafe { give($cx, $body) }
            }
        )*

        const fn routine(builtin: Builtin) -> *const () {
            match builtin {
                $(Builtin::$builtin => $name as *const (),)*
                $(Builtin::$collects => $outside as *const (),)*
            }
        }
    };
}

routines! {
    MemoryGrow memory_grow(cx, memory: u32, pages: u64) libcalls::memory_grow(cx, memory, pages);
    MemoryFill memory_fill(cx, memory: u32, to: u64, value: u32, len: u64)
        nothing(libcalls::memory_fill(cx, memory, to, value as u8, len));
    MemoryCopy memory_copy(cx, to_memory: u32, from_memory: u32, to: u64, from: u64, len: u64)
        nothing(libcalls::memory_copy(cx, to_memory, from_memory, to, from, len));
    MemoryFillAhead memory_fill_ahead(cx, memory: u32, to: u64, value: u32, len: u64)
        Ok(libcalls::memory_fill_ahead(cx, memory, to, value as u8, len));
    MemoryCopyAhead memory_copy_ahead(cx, memory: u32, to: u64, from: u64, len: u64)
        Ok(libcalls::memory_copy_ahead(cx, memory, to, from, len));
    MemoryInit memory_init(cx, memory: u32, segment: u32, to: u64, from: u64, len: u64)
        nothing(libcalls::memory_init(cx, memory, segment, to, from, len));
    DataDrop data_drop(cx, segment: u32) { libcalls::data_drop(cx, segment); Ok(0) };
    TableGrow table_grow(cx, table: u32, elements: u64, value: u64) libcalls::table_grow(cx, table, elements, value);
    TableFill table_fill(cx, table: u32, start: u64, value: u64, len: u64)
        nothing(libcalls::table_fill(cx, table, start, value, len));
    TableCopy table_copy(cx, to_table: u32, from_table: u32, to: u64, from: u64, len: u64)
        nothing(libcalls::table_copy(cx, to_table, from_table, to, from, len));
    TableInit table_init(cx, table: u32, segment: u32, to: u64, from: u64, len: u64)
        nothing(libcalls::table_init(cx, table, segment, to, from, len));
    ElemDrop elem_drop(cx, segment: u32) { libcalls::elem_drop(cx, segment); Ok(0) };
    ArrayFill array_fill(cx, array: u64, start: u32, len: u32) nothing(objects::array_fill(cx, array, start, len));
    ArrayCopy array_copy(cx, to: u64, to_start: u32, from: u64, from_start: u32, len: u32)
        nothing(objects::array_copy(cx, to, to_start, from, from_start, len));
    ArrayInitData array_init_data(cx, segment: u32, array: u64, start: u32, from: u32, len: u32)
        nothing(objects::array_init_data(cx, segment, array, start, from, len));
    ArrayInitElem array_init_elem(cx, segment: u32, array: u64, start: u32, from: u32, len: u32)
        nothing(objects::array_init_elem(cx, segment, array, start, from, len));
    FuncIs func_is(cx, func: u64, wanted: u32) Ok(u64::from(objects::func_is(cx, func, wanted)));
    TypeExtends type_extends(cx, found: u32, wanted: u32) Ok(u64::from(libcalls::type_extends(cx, found, wanted)));
    ; may collect:
    HeapNew heap_new new(cx, ty: u32, bytes: u64) objects::new(cx, ty, bytes as usize);
    HeapNewZeroed heap_new_zeroed new_zeroed(cx, ty: u32, bytes: u64) objects::new(cx, ty, bytes as usize);
    ArrayNew array_new new_array(cx, ty: u32, len: u32) objects::array_new(cx, ty, len);
    ArrayNewData array_new_data new_array_data(cx, ty: u32, segment: u32, from: u32, len: u32)
        objects::array_new_data(cx, ty, segment, from, len);
    ArrayNewElem array_new_elem new_array_elem(cx, ty: u32, segment: u32, from: u32, len: u32)
        objects::array_new_elem(cx, ty, segment, from, len);
}

outside!(epoch = epoch_reached);

/// # Safety
/// As [`libcalls`].
unsafe extern "C" fn epoch_reached(cx: *mut VmCtx) -> BuiltinResult {
    // SAFETY: promised by the caller.
    unsafe { give(cx, libcalls::epoch_reached(cx).map(|()| 0)) }
}
