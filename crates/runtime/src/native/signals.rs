//! Faults of guests: a signal at an instruction that may trap stops the guest. All others are the host's and are passed on.

use super::memory::CodeMemory;
use super::registry;
use crate::api::error::{Error, Result};
use crate::vm::{NativeStop, VmCtx};
use core::ffi::c_int;
use core::mem::{MaybeUninit, zeroed};
use core::ptr::null_mut;
use libc::{SIGBUS, SIGFPE, SIGILL, SIGSEGV, siginfo_t, ucontext_t};
use std::sync::OnceLock;
use tiercel_compiler::isa::x64::{Features, stubs};

const SIGNALS: [c_int; 4] = [SIGSEGV, SIGBUS, SIGILL, SIGFPE];

/// What was there before, by the order of [`SIGNALS`].
struct Handlers {
    previous: [libc::sigaction; SIGNALS.len()],
    exit: CodeMemory,
}

// SAFETY: plain data that is written once.
unsafe impl Send for Handlers {}
// SAFETY: as above.
unsafe impl Sync for Handlers {}

static HANDLERS: OnceLock<Result<Handlers, alloc::string::String>> = OnceLock::new();

/// Installs the handlers, once in a process.
pub fn install() -> Result<()> {
    let installed = HANDLERS.get_or_init(|| {
        let exit = CodeMemory::new(&stubs::exit(Features::BASELINE)).map_err(|error| alloc::format!("{error}"))?;
        // SAFETY: all-zero is a valid `sigaction`: the default disposition.
        let mut handlers = Handlers { previous: unsafe { zeroed() }, exit };
        for (signal, previous) in SIGNALS.into_iter().zip(&mut handlers.previous) {
            // Before the new handler is there, the previous one is known.
            // SAFETY: a question that changes nothing.
            unsafe { libc::sigaction(signal, null_mut(), previous) };
        }
        Ok(handlers)
    });
    if let Err(error) = installed {
        return Err(Error::limit(format_args!("cannot prepare for faults of guests: {error}")));
    }
    static ACTIVE: OnceLock<bool> = OnceLock::new();
    let active = ACTIVE.get_or_init(|| {
        SIGNALS.into_iter().all(|signal| {
            // SAFETY: all-zero is a valid `sigaction`.
            let mut action: libc::sigaction = unsafe { zeroed() };
            action.sa_sigaction = handler as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
            // SAFETY: the handler has the signature that SA_SIGINFO asks for and does what is allowed in one.
            unsafe { libc::sigaction(signal, &action, null_mut()) == 0 }
        })
    });
    if *active { Ok(()) } else { Err(Error::limit("the host refuses the handler for faults of guests")) }
}

/// # Safety
/// Called by the host's kernel alone.
unsafe extern "C" fn handler(signal: c_int, info: *mut siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel passes the context of the interrupted code.
    let stopped = unsafe { stop_guest(&mut *context.cast::<ucontext_t>()) };
    if !stopped {
        // SAFETY: what the kernel passed is passed on.
        unsafe { pass_on(signal, info, context) };
    }
}

/// Lets the guest that was interrupted leave, if it was a guest, at an instruction that may trap.
///
/// # Safety
/// `context` is that of interrupted code.
unsafe fn stop_guest(context: &mut ucontext_t) -> bool {
    let regs = &mut context.uc_mcontext.gregs;
    let mut at = |register: c_int| &raw mut regs[register as usize];
    let (rip, rsp, rbp) = (at(libc::REG_RIP), at(libc::REG_RSP), at(libc::REG_RBP));
    let vmctx = at(libc::REG_R14);
    // SAFETY: the places are in `context`, which is borrowed. At a trap site `r14` holds the vmctx of the function's instance, which lives
    // while its code runs, and so does its store.
    unsafe {
        let pc = *rip as usize;
        let site = registry::with_code_at(pc, |tables, offset| tables.trap_at(offset)).flatten();
        let (Some(site), Some(Ok(handlers))) = (site, HANDLERS.get()) else { return false };
        let store = (*(*vmctx as usize as *mut VmCtx)).store;
        (*store).native_stop = NativeStop { code: site.code.into(), pc, sp: *rsp as usize, fp: *rbp as usize };
        *rsp = (*store).entry_sp as i64;
        *rip = handlers.exit.base() as i64;
        true
    }
}

/// Does what would have been done without this handler.
///
/// # Safety
/// The arguments are those of a signal handler.
unsafe fn pass_on(signal: c_int, info: *mut siginfo_t, context: *mut libc::c_void) {
    let previous = match HANDLERS.get() {
        Some(Ok(handlers)) => SIGNALS.into_iter().zip(&handlers.previous).find(|(known, _)| *known == signal),
        _ => None,
    };
    // SAFETY: the previous handler gets what it expects by its flags. Without one the default comes back, and with it the fault, as the
    // instruction is run again.
    unsafe {
        match previous {
            Some((_, action)) if action.sa_sigaction != libc::SIG_DFL && action.sa_sigaction != libc::SIG_IGN => {
                if action.sa_flags & libc::SA_SIGINFO != 0 {
                    let call: extern "C" fn(c_int, *mut siginfo_t, *mut libc::c_void) =
                        core::mem::transmute(action.sa_sigaction);
                    call(signal, info, context);
                } else {
                    let call: extern "C" fn(c_int) = core::mem::transmute(action.sa_sigaction);
                    call(signal);
                }
            }
            _ => {
                let action = MaybeUninit::<libc::sigaction>::zeroed();
                libc::sigaction(signal, action.as_ptr(), null_mut());
            }
        }
    }
}
