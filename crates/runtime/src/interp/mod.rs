//! The interpreter: portable, and the oracle of all other tiers.
//!
//! in: validated function bodies and a store. out: calls carried out, or the reason why not.
//!
//! A function is translated when it is first called ([`translate`]) into *register code*: instructions whose operands are slots of a
//! frame, with accumulators between them. [`operand`] has the encoding, [`ops`] the instructions, [`dispatch`] how one reaches the next,
//! [`backtrace`] how a stack is read after a trap, [`frames`] how the collector reads one.

mod backtrace;
mod dispatch;
mod frames;
mod operand;
mod ops;
mod translate;

pub use self::frames::visit as visit_frames;

use self::dispatch::{DONE, PENDING, Regs, run};
use self::ops::control::{EXIT, HEADER_SLOTS, STACK_MARGIN_SLOTS, TRANSLATE};
use self::translate::{Context, Translator};
use crate::api::module::ModuleInner;
use crate::api::store::Unwind;
use crate::sync::Mutex;
use crate::tuning::NATIVE_STACK_BYTES;
use crate::vm::{Activation, CodePoint, FuncCell, VmCtx, VmFuncRef, VmStore};
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicPtr, Ordering};
use tiercel_abi::Trap;
use tiercel_wasm::{Error, ModuleInfo};

/// Code of a module's functions; shared by all its instances.
pub struct ModuleCode {
    cells: Box<[FuncCell]>,
    translated: Mutex<Translated>,
}

/// What has been translated so far. Code is never freed or moved before the module is.
#[derive(Default)]
struct Translated {
    translator: Translator,
    /// By the address of the first word.
    functions: BTreeMap<usize, Function>,
}

/// The code of one function.
struct Function {
    /// The body's index.
    index: u32,
    code: translate::code::Code,
}

impl ModuleCode {
    /// No function is translated yet.
    pub fn new(info: &ModuleInfo) -> Self {
        let stub = TRANSLATE.as_ptr().cast::<u64>().cast_mut();
        let cells = info.bodies.iter().map(|_| FuncCell { code: AtomicPtr::new(stub) }).collect();
        ModuleCode { cells, translated: Mutex::default() }
    }

    /// One cell for each function that is not imported.
    pub fn cells(&self) -> *const FuncCell {
        self.cells.as_ptr()
    }

    /// Translates a function if nobody has, and gives its first instruction.
    fn translate(&self, module: &ModuleInner, index: usize) -> Result<*const u64, Error> {
        let translated = &mut *self.translated.lock();
        let cell = &self.cells[index].code;
        let stub = TRANSLATE.as_ptr().cast::<u64>().cast_mut();
        let code = cell.load(Ordering::Acquire);
        if code != stub {
            return Ok(code);
        }
        let context = Context {
            info: &module.info,
            bytes: &module.bytes,
            layout: &module.layout,
            type_layouts: &module.type_layouts,
            plain: module.plain,
            fuel: module.fuel,
            epochs: module.epochs,
        };
        let code = translated.translator.translate(context, index)?;
        let first = code.words.as_ptr();
        translated.functions.insert(first as usize, Function { index: index as u32, code });
        cell.store(first.cast_mut(), Ordering::Release);
        Ok(first)
    }
}

/// Why a guest stopped.
pub enum Stop {
    /// A trap of the guest.
    Trap(Trap),
    /// An error or panic that a host function left in `StoreInner::pending`.
    Pending,
}

/// Translates the function with this body index; on failure the reason is left in the store.
///
/// # Safety
/// `cx` is the instance of a running activation and has such a function.
unsafe fn translate_func(cx: *mut VmCtx, index: usize) -> Option<*const u64> {
    // SAFETY: the instance and its store are alive.
    unsafe {
        let module = (*(*cx).instance).module();
        match module.code.translate(module, index) {
            Ok(code) => Some(code),
            Err(error) => {
                let store = (*(*cx).store).store;
                (*store).pending = Some(Unwind::Error(error.into()));
                None
            }
        }
    }
}

impl From<Trap> for Stop {
    fn from(trap: Trap) -> Stop {
        Stop::Trap(trap)
    }
}

/// Runs guest function `func`. On failure the frames of the guest's stack, innermost first, have been appended to
/// `StoreInner::backtrace`.
///
/// # Safety
/// `store` and `func` belong to one live store, `func` is not a host function, and `slots` has room for the larger of parameters and
/// results. No borrow of the store's inside is used while this runs.
pub unsafe fn call(store: NonNull<VmStore>, func: NonNull<VmFuncRef>, slots: *mut u64) -> Result<(), Stop> {
    // SAFETY: the caller's. The stack's slots are checked before they are written.
    unsafe {
        let (vm, callee) = (store.as_ptr(), func.as_ref());
        let module = (*(*callee.vmctx).instance).module();
        let ty = module.info.func_type(callee.func_index + module.info.imported.funcs);
        let (params, results) = (ty.param_slots(), ty.result_slots());

        let native_limit = (*vm).native_stack_limit;
        let here = (&raw const native_limit) as usize;
        if native_limit == 0 {
            (*vm).native_stack_limit = here.saturating_sub(NATIVE_STACK_BYTES);
        } else if here < native_limit {
            return Err(Stop::Trap(Trap::StackOverflow));
        }
        let base = (*vm).stack_top;
        let header = base.wrapping_add(params);
        if base.wrapping_add(params.max(results) + HEADER_SLOTS + STACK_MARGIN_SLOTS) > (*vm).stack_limit {
            (*vm).native_stack_limit = native_limit;
            return Err(Stop::Trap(Trap::StackOverflow));
        }
        core::ptr::copy_nonoverlapping(slots, base, params);
        *header = EXIT.as_ptr() as u64;
        *header.add(1) = 0;
        let mut regs = Regs {
            ip: (*callee.cell).code.load(Ordering::Acquire),
            fp: base,
            cx: callee.vmctx,
            len: 0,
            mem: core::ptr::null_mut(),
            ia: callee.func_index as u64,
            fa32: 0.0,
            fa64: 0.0,
        };
        regs.reload();
        // What called the host, if anything did, waits meanwhile.
        let below = Activation { at: (*vm).host_call, below: (*vm).activations };
        (*vm).activations = &raw const below;
        (*vm).host_call = CodePoint::NONE;
        let stopped = run(regs);
        (*vm).activations = below.below;
        (*vm).host_call = below.at;
        (*vm).stack_top = base;
        (*vm).native_stack_limit = native_limit;
        if stopped.code == DONE {
            core::ptr::copy_nonoverlapping(base, slots, results);
            return Ok(());
        }
        let owner = (*vm).store;
        let max_frames = (*owner).engine.config().backtrace_max_frames;
        backtrace::append(&mut (*owner).backtrace, &stopped, max_frames);
        match Trap::from_code(stopped.code as u8) {
            Some(trap) if stopped.code != PENDING => Err(Stop::Trap(trap)),
            _ => Err(Stop::Pending),
        }
    }
}
