//! Functions of the host: one representation for typed closures and untyped ones.

use super::{HostCall, VmCtx, VmFuncRef, VmStore};
use crate::api::engine::Engine;
use crate::api::error::Result;
use crate::api::store::{Owned, StoreInner, Unwind};
use crate::api::types::FuncType;
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::any::Any;
use core::ptr::{NonNull, null, null_mut};
use core::sync::atomic::{AtomicPtr, Ordering};
use tiercel_wasm::TypeId;

/// A host function before it belongs to a store.
pub struct HostFuncDef {
    /// Its type.
    pub ty: FuncType,
    type_id: TypeId,
    call: HostCall,
    /// The same with arguments and result in registers, or null. See [`InRegisters`].
    in_registers: *const u8,
    /// Where compiled code enters it, once a store has asked.
    native: AtomicPtr<u8>,
    closure: Box<dyn Any + Send + Sync>,
}

// SAFETY: the addresses are those of code, and the closure is both.
unsafe impl Send for HostFuncDef {}
// SAFETY: as above.
unsafe impl Sync for HostFuncDef {}

/// What a host function gives that is called with its arguments in registers: `extern "C" fn(PARAMETERS.., callee: NonNull<VmFuncRef>, caller:
/// *mut VmCtx) -> InRegisters<RESULT>`. It has at most one result; integers are `u64`, and none is 0.
#[repr(C)]
pub struct InRegisters<V> {
    /// The result, if all went well.
    pub value: V,
    /// Not 0 if it did; otherwise the reason has been left in the store, as by a [`HostCall`].
    pub went_well: u64,
}

/// A host function of a store.
#[repr(C)]
pub struct HostFunc {
    /// What code sees; its `vmctx` is the address of this whole.
    func_ref: VmFuncRef,
    /// `HostFuncDef::in_registers`.
    in_registers: *const u8,
    vm: NonNull<VmStore>,
    /// The closure inside `def`.
    closure: NonNull<()>,
    def: Arc<HostFuncDef>,
}

impl HostFuncDef {
    /// A host function that runs `closure` by way of `call`.
    ///
    /// # Safety
    /// `call` expects exactly this type of closure, reads and writes slots as `ty` says, and is only entered with stores whose
    /// host data it expects. So does `in_registers`, if it is not null, as [`InRegisters`] says.
    pub unsafe fn new<F: Send + Sync + 'static>(
        engine: &Engine,
        ty: FuncType,
        call: HostCall,
        in_registers: *const u8,
        closure: F,
    ) -> Self {
        let native = AtomicPtr::new(null_mut());
        HostFuncDef { type_id: engine.intern(&ty), ty, call, in_registers, native, closure: Box::new(closure) }
    }

    /// Where compiled code of its engine enters it; null if the engine has none.
    pub(crate) fn native(&self, engine: &Engine) -> *const u8 {
        let known = self.native.load(Ordering::Relaxed);
        if !known.is_null() {
            return known;
        }
        let entry = engine.host_entry(self.ty.as_wasm(), !self.in_registers.is_null());
        self.native.store(entry.cast_mut(), Ordering::Relaxed);
        entry
    }

    /// The identity of its type.
    pub fn type_id(&self) -> TypeId {
        self.type_id
    }
}

impl HostFunc {
    /// `def` as a function of the store with these words; `native` is where compiled code enters it.
    pub(crate) fn new(def: Arc<HostFuncDef>, vm: NonNull<VmStore>, native: *const u8) -> Owned<HostFunc> {
        let func_ref = VmFuncRef {
            native,
            vmctx: core::ptr::null_mut(),
            cell: null(),
            host: Some(def.call),
            type_id: def.type_id.as_u32(),
            func_index: VmFuncRef::NO_BODY,
        };
        let closure = NonNull::from(&*def.closure).cast();
        let func = Owned::new(HostFunc { func_ref, in_registers: def.in_registers, vm, closure, def });
        // SAFETY: the function was made just now and nobody else knows it.
        unsafe { (*func.ptr().as_ptr()).func_ref.vmctx = func.ptr().as_ptr().cast() };
        func
    }

    /// The type of the host function behind `func_ref`.
    ///
    /// # Safety
    /// `func_ref` is that of a host function that lives as long as the result.
    pub unsafe fn ty<'a>(func_ref: NonNull<VmFuncRef>) -> &'a FuncType {
        // SAFETY: a host function's `VmFuncRef` is the first field of a `HostFunc` (`repr(C)`).
        &unsafe { func_ref.cast::<HostFunc>().as_ref() }.def.ty
    }
}

/// The body of every host function: runs `body` on the closure and the store. An error or a panic is left in the store, and the result is none.
///
/// # Safety
/// `callee` is a host function whose closure is an `F`, called as [`HostCall`] says.
#[inline]
pub unsafe fn enter<F: 'static, R>(
    callee: NonNull<VmFuncRef>,
    body: impl FnOnce(&F, NonNull<StoreInner>) -> Result<R>,
) -> Option<R> {
    // SAFETY: promised by the caller. The host function, its closure and its store live while it runs: stores are dropped only
    // by host code that owns them, and that is borrowing this one.
    let (func, store) = unsafe {
        let host = callee.cast::<HostFunc>();
        let vm = (*host.as_ptr()).vm;
        ((*host.as_ptr()).closure.cast::<F>().as_ref(), NonNull::new_unchecked((*vm.as_ptr()).store))
    };
    // SAFETY: nobody borrows the store while guests run.
    let roots = unsafe { (*store.as_ptr()).gc.roots.len() };
    let done = catch(|| body(func, store));
    // What the host was given or made for the call is let go with it.
    // SAFETY: the body has returned, so nobody borrows the store.
    unsafe { (*store.as_ptr()).gc.roots.truncate(roots) };
    match done {
        Ok(result) => Some(result),
        Err(unwind) => {
            // SAFETY: the body has returned, so nobody borrows the store.
            unsafe { leave_pending(store, unwind) };
            None
        }
    }
}

/// Runs code of the host that a guest has reached; a panic must not run through the guest's frames.
#[inline]
pub fn catch<R>(act: impl FnOnce() -> Result<R>) -> Result<R, Unwind> {
    #[cfg(feature = "std")]
    let result = std::panic::catch_unwind(core::panic::AssertUnwindSafe(act)).map_err(Unwind::Panic)?;
    #[cfg(not(feature = "std"))]
    let result = act();
    result.map_err(Unwind::Error)
}

/// Notes in the store why a host function, or the runtime on a guest's behalf, did not succeed.
///
/// # Safety
/// The store is not borrowed.
#[cold]
pub unsafe fn leave_pending(store: NonNull<StoreInner>, unwind: Unwind) {
    // SAFETY: promised by the caller.
    unsafe { (*store.as_ptr()).pending = Some(unwind) };
}

/// The calling instance of a host function; none if the host itself calls.
///
/// # Safety
/// `caller` is null or the vmctx of a live instance.
pub unsafe fn calling_instance(caller: *mut VmCtx) -> Option<NonNull<super::Instance>> {
    // SAFETY: promised by the caller.
    NonNull::new(caller).and_then(|caller| NonNull::new(unsafe { caller.as_ref() }.instance))
}

const _: () = assert!(
    core::mem::offset_of!(HostFunc, in_registers)
        == tiercel_abi::vmctx::func_ref::IN_REGISTERS as usize * size_of::<usize>()
        || size_of::<usize>() != 8
);
