//! Entering compiled code, leaving it, and reading its frames.

use super::registry;
use crate::api::store::StoreInner;
use crate::api::trap::Frame;
use crate::interp::Stop;
use crate::vm::host_func::{catch, leave_pending};
use crate::vm::{Activation, CodePoint, NativeStop, VmCtx, VmFuncRef, VmStore};
use core::ptr::NonNull;
use core::sync::atomic::Ordering;
use tiercel_abi::Trap;

/// The entry stub of a signature; see `tiercel_compiler::isa::x64::stubs`.
type Entry = unsafe extern "sysv64" fn(*const u8, *const VmFuncRef, *mut u64, *mut VmStore) -> u64;

/// From the stack pointer that the entry stub notes up to its frame pointer, in bytes.
const ENTRY_FRAME_BYTES: usize = 48;

/// Runs compiled function `func`. On failure the frames, innermost first, have been appended to `StoreInner::backtrace`.
///
/// # Safety
/// `store` and `func` belong to one live store, `func` is a compiled guest function, and `slots` has room for the larger of parameters and
/// results. No borrow of the store's inside is used while this runs.
pub unsafe fn call(store: NonNull<VmStore>, func: NonNull<VmFuncRef>, slots: *mut u64) -> Result<(), Stop> {
    // SAFETY: the caller's; the cell of a compiled function holds the stub of its signature.
    unsafe {
        let (vm, callee) = (store.as_ptr(), func.as_ref());
        let limit = (*vm).native_stack_limit;
        let here = (&raw const limit) as usize;
        if limit == 0 {
            let size = (*(*vm).store).engine.config().max_wasm_stack;
            (*vm).native_stack_limit = here.saturating_sub(size);
        } else if here < limit {
            return Err(Stop::Trap(Trap::StackOverflow));
        }
        let (entry_sp, exit_fp) = ((*vm).entry_sp, (*vm).exit_fp);
        // What called the host, if anything did, waits meanwhile.
        let below = Activation { at: (*vm).host_call, below: (*vm).activations };
        (*vm).activations = &raw const below;
        (*vm).host_call = CodePoint::NONE;
        let entry: Entry = core::mem::transmute((*callee.cell).code.load(Ordering::Relaxed));
        let stopped = entry(callee.native, callee, slots, vm);
        (*vm).activations = below.below;
        (*vm).host_call = below.at;
        (*vm).native_stack_limit = limit;
        let result = if stopped == 0 { Ok(()) } else { Err(left(vm)) };
        (*vm).entry_sp = entry_sp;
        (*vm).exit_fp = exit_fp;
        result
    }
}

/// Why code was left early.
///
/// # Safety
/// The entry stub has just returned that it was, and its stack below has not been used for anything that matters: frames are read from it.
#[cold]
#[inline(never)]
unsafe fn left(vm: *mut VmStore) -> Stop {
    // SAFETY: the caller's.
    unsafe {
        let stop = core::mem::take(&mut (*vm).native_stop);
        append_frames(vm, stop);
        match Trap::from_code(stop.code as u8) {
            Some(trap) => Stop::Trap(trap),
            None => Stop::Pending,
        }
    }
}

/// Appends the frames of the activation that was left.
///
/// # Safety
/// As [`left`].
unsafe fn append_frames(vm: *mut VmStore, stop: NativeStop) {
    // SAFETY: frames of guests are chained by their frame pointers up to that of the entry stub; all of them are still on the stack, below
    // what has run since.
    unsafe {
        let store = (*vm).store;
        let max = (*store).engine.config().backtrace_max_frames;
        let end = (*vm).entry_sp + ENTRY_FRAME_BYTES;
        let word = |address: usize| *(address as *const usize);
        let (mut pc, mut fp, mut faulted) = (stop.pc, stop.fp, true);
        if pc == 0 {
            // The stub to the host: its return address is in a guest.
            fp = (*vm).exit_fp;
            (pc, fp, faulted) = (word(fp + 8), word(fp), false);
        }
        for _ in 0..max {
            let found = registry::with_code_at(pc, |tables, offset| {
                let (func, frameless) = tables.func_at(offset);
                (tables.owner(), func, frameless, tables.loc_at(offset, faulted))
            });
            let Some((owner, func, frameless, loc)) = found else { return };
            let instances = (*store).instances.iter();
            let module = instances.map(|instance| instance.ptr().as_ref().module());
            let Some(module) =
                module.into_iter().find(|module| module.native.as_ref().map(|code| code.id()) == Some(owner))
            else {
                return;
            };
            let func_index = func + module.info.imported.funcs;
            (*store).backtrace.push(Frame { module: module.clone(), func_index, offset: loc });
            if faulted && frameless {
                pc = word(stop.sp);
            } else {
                (pc, fp) = (word(fp + 8), word(fp));
            }
            faulted = false;
            if fp > end {
                return;
            }
        }
    }
}

/// A guest function as a host function: runs it and leaves the reason in the store if it does not succeed.
///
/// # Safety
/// As [`crate::vm::HostCall`] says; `callee` is a guest function.
pub unsafe extern "C" fn enter_guest(callee: NonNull<VmFuncRef>, _caller: *mut VmCtx, slots: *mut u64) -> bool {
    // SAFETY: the caller's: the function's instance and store are alive, and nobody borrows the store while guests run.
    unsafe {
        let vmctx = callee.as_ref().vmctx;
        let store = NonNull::new_unchecked((*(*vmctx).store).store);
        match catch(|| StoreInner::call(store, callee, slots)) {
            Ok(()) => true,
            Err(unwind) => {
                leave_pending(store, unwind);
                false
            }
        }
    }
}
