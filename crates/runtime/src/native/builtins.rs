//! What compiled code calls: the routines of `tiercel_compiler::ir::Builtin`, in its order, and behind them the one for a reached epoch.

use crate::api::error::Error;
use crate::api::store::Unwind;
use crate::interp::Stop;
use crate::vm::host_func::leave_pending;
use crate::vm::{VmCtx, libcalls};
use core::ptr::NonNull;
use tiercel_compiler::ir::Builtin;
use tiercel_wasm::TypeId;

/// What a routine gives: `rax` and `rdx`.
#[repr(C)]
struct Outcome {
    value: u64,
    /// Not 0 if the guest is to be stopped; the reason is in the store.
    stop: u64,
}

/// # Safety
/// `cx` is the vmctx of a running instance.
unsafe fn outcome<T: Into<Stop>>(cx: *mut VmCtx, result: Result<u64, T>) -> Outcome {
    match result {
        Ok(value) => Outcome { value, stop: 0 },
        Err(stop) => {
            if let Stop::Trap(trap) = stop.into() {
                // SAFETY: promised by the caller; the routine has returned, so that nobody borrows the store.
                unsafe {
                    let store = NonNull::new_unchecked((*(*cx).store).store);
                    leave_pending(store, Unwind::Error(Error::new(trap)));
                }
            }
            Outcome { value: 0, stop: 1 }
        }
    }
}

macro_rules! builtins {
    ($($name:ident = $function:ident($($arg:ident: $ty:ty),*) => |$cx:ident| $body:expr;)*) => {
        $(
            /// # Safety
            /// Called by compiled code with its vmctx and what the routine's row says.
            unsafe extern "sysv64" fn $function($cx: *mut VmCtx $(, $arg: $ty)*) -> Outcome {
                // SAFETY: the caller's, as `libcalls` asks for it.
                unsafe { outcome($cx, $body) }
            }
        )*

        const fn routine(builtin: Builtin) -> usize {
            match builtin { $(Builtin::$name => Routine::$name as usize,)* }
        }

        /// The order of the rows.
        enum Routine { $($name),* }

        static ROUTINES: [Address; Builtin::ALL.len() + 1] = [$(Address($function as *const u8),)* Address(epoch_reached as *const u8)];
    };
}

/// The address of a routine.
#[repr(transparent)]
struct Address(*const u8);

// SAFETY: code, which nobody writes to.
unsafe impl Sync for Address {}

builtins! {
    MemoryGrow = memory_grow(memory: u32, delta: u64) => |cx| libcalls::memory_grow(cx, memory, delta);
    MemoryFill = memory_fill(memory: u32, dst: u64, value: u32, len: u64) =>
        |cx| libcalls::memory_fill(cx, memory, dst, value as u8, len).map(nothing);
    MemoryCopy = memory_copy(to: u32, from: u32, dst: u64, src: u64, len: u64) =>
        |cx| libcalls::memory_copy(cx, to, from, dst, src, len).map(nothing);
    MemoryInit = memory_init(memory: u32, segment: u32, dst: u64, src: u64, len: u64) =>
        |cx| libcalls::memory_init(cx, memory, segment, dst, src, len).map(nothing);
    DataDrop = data_drop(segment: u32) => |cx| { libcalls::data_drop(cx, segment); Ok::<_, Stop>(0) };
    TableGrow = table_grow(table: u32, delta: u64, init: u64) => |cx| libcalls::table_grow(cx, table, delta, init);
    TableFill = table_fill(table: u32, start: u64, value: u64, len: u64) =>
        |cx| libcalls::table_fill(cx, table, start, value, len).map(nothing);
    TableCopy = table_copy(to: u32, from: u32, dst: u64, src: u64, len: u64) =>
        |cx| libcalls::table_copy(cx, to, from, dst, src, len).map(nothing);
    TableInit = table_init(table: u32, segment: u32, dst: u64, src: u64, len: u64) =>
        |cx| libcalls::table_init(cx, table, segment, dst, src, len).map(nothing);
    ElemDrop = elem_drop(segment: u32) => |cx| { libcalls::elem_drop(cx, segment); Ok::<_, Stop>(0) };
    TypeExtends = type_extends(found: u32, wanted: u32) => |cx| {
        let engine = &(*(*(*cx).store).store).engine;
        Ok::<_, Stop>(engine.is_subtype(TypeId::from_u32(found), TypeId::from_u32(wanted)).into())
    };
}

/// # Safety
/// Called by compiled code with its vmctx.
unsafe extern "sysv64" fn epoch_reached(cx: *mut VmCtx) -> Outcome {
    // SAFETY: the caller's, as `libcalls` asks for it.
    unsafe { outcome(cx, libcalls::epoch_reached(cx).map(nothing)) }
}

fn nothing((): ()) -> u64 {
    0
}

// The rows have the order of the compiler's table.
const _: () = {
    let mut index = 0;
    while index < Builtin::ALL.len() {
        assert!(routine(Builtin::ALL[index]) == index);
        index += 1;
    }
};

/// The table that every vmctx points at.
pub fn table() -> *const *const u8 {
    ROUTINES.as_ptr().cast()
}
