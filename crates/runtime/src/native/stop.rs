//! The routines that stubs call: into the interpreter, and what a stopped guest does before it is left.
//!
//! They run on the guest's stack, whose frames are read here: what is left is overwritten soon.

use super::backtrace::{self, Start};
use super::registry;
use crate::api::error::Error;
use crate::api::store::{StoreInner, Unwind};
use crate::interp::Stop;
use crate::vm::host_func::leave_pending;
use crate::vm::{VmCtx, VmFuncRef, VmStore};
use core::ptr::NonNull;
use tiercel_abi::Trap;

/// Where a trap has stopped a guest.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub struct Trapped {
    /// The instruction.
    pub pc: usize,
    /// The frame pointer.
    pub fp: usize,
    /// Where the function returns to if it has no frame; else anything.
    pub frameless_return: usize,
    /// [`Trap::code`], or 0 if the reason is in the store.
    pub code: u8,
}

/// Calls a guest function that the interpreter runs; a `HostCall`.
///
/// # Safety
/// As [`HostCall`](crate::vm::HostCall), for such a function.
pub unsafe extern "C" fn call_interpreter(callee: NonNull<VmFuncRef>, _caller: *mut VmCtx, slots: *mut u64) -> bool {
    // SAFETY: promised by the caller; nobody borrows the store while guests run.
    unsafe {
        let vm = (*callee.as_ref().vmctx).store;
        let store = NonNull::new_unchecked((*vm).store);
        match StoreInner::interpret(store, callee, slots) {
            Ok(()) => true,
            Err(Stop::Pending) => false,
            Err(Stop::Trap(trap)) => {
                leave_pending(store, Unwind::Error(Error::new(trap)));
                false
            }
        }
    }
}

/// A guest was stopped at the place in `VmStore::trapped`.
///
/// # Safety
/// The store is alive and nobody borrows it; the guest's frames are still there.
pub unsafe extern "C" fn trapped(vm: NonNull<VmStore>) {
    // SAFETY: promised by the caller.
    unsafe {
        let at = (*vm.as_ptr()).trapped;
        let store = NonNull::new_unchecked((*vm.as_ptr()).store);
        backtrace::append(store, Start::Trap(at));
        if let Some(trap) = Trap::from_code(at.code) {
            leave_pending(store, Unwind::Error(Error::new(trap)));
        }
    }
}

/// A guest has called to be stopped: [`trapped`] without a signal.
///
/// # Safety
/// As [`trapped`].
pub unsafe extern "C" fn raised(vm: NonNull<VmStore>) {
    // SAFETY: promised by the caller.
    unsafe {
        let pc = (*vm.as_ptr()).trapped.pc;
        // All code of the engine is known as long as it runs.
        let site = registry::with_image(pc, |image| image.trap_at(pc)).flatten();
        (*vm.as_ptr()).trapped.code = site.map_or(0, |site| site.code);
        trapped(vm);
    }
}

/// A guest has called a host function whose entry could not be made.
///
/// # Safety
/// As [`trapped`].
pub unsafe extern "C" fn refused(vm: NonNull<VmStore>) {
    // SAFETY: promised by the caller.
    unsafe {
        let store = NonNull::new_unchecked((*vm.as_ptr()).store);
        leave_pending(store, Unwind::Error(Error::limit("the host gave no memory for code to call the host function")));
        stopped(vm);
    }
}

/// Where code goes on whose guest is to be stopped, with the reason in the store, before it has a frame.
pub fn abandoned() -> usize {
    // Made with the engine.
    super::stubs::made_exits().map_or(0, |exits| exits.abandoned)
}

/// A guest is stopped because what it has called by way of a stub did not succeed; the reason is in the store.
///
/// # Safety
/// As [`trapped`].
pub unsafe extern "C" fn stopped(vm: NonNull<VmStore>) {
    // SAFETY: promised by the caller.
    unsafe {
        let exit_fp = (*vm.as_ptr()).exit_fp;
        backtrace::append(NonNull::new_unchecked((*vm.as_ptr()).store), Start::Exit { fp: exit_fp });
    }
}
