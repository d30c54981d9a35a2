//! A stand-in with the interpreter's interface, until the interpreter itself is merged.

use crate::vm::{FuncCell, VmFuncRef, VmStore};
use alloc::boxed::Box;
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::AtomicPtr;
use tiercel_abi::Trap;
use tiercel_wasm::ModuleInfo;

/// Code of a module's functions; shared by all its instances.
pub struct ModuleCode {
    cells: Box<[FuncCell]>,
}

impl ModuleCode {
    /// No function is translated yet.
    pub fn new(info: &ModuleInfo) -> Self {
        ModuleCode { cells: info.bodies.iter().map(|_| FuncCell { code: AtomicPtr::new(null_mut()) }).collect() }
    }

    /// One cell for each function that is not imported.
    pub fn cells(&self) -> *const FuncCell {
        self.cells.as_ptr()
    }
}

/// Why a guest stopped.
pub enum Stop {
    /// A trap of the guest.
    Trap(Trap),
    /// An error or panic that a host function left in `StoreInner::pending`.
    Pending,
}

/// Runs guest function `func`.
///
/// # Safety
/// `store` and `func` belong to one live store; `slots` has room for the larger of parameters and results.
pub unsafe fn call(_store: NonNull<VmStore>, _func: NonNull<VmFuncRef>, _slots: *mut u64) -> Result<(), Stop> {
    Err(Stop::Trap(Trap::UnreachableCodeReached))
}
