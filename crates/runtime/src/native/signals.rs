//! Faults of compiled code become traps: handlers for the signals that the processor's exceptions are.
//!
//! A fault is a guest's only if its instruction is in the trap table of a module and everything else fits too; any other one is the host's own
//! and goes on to the handler that was there before.

use super::arch::{Interrupted, is_trap};
use super::registry;
use super::stop::Trapped;
use super::stubs;
use crate::api::error::{Error, Result};
use crate::vm::VmCtx;
use core::ffi::{c_int, c_void};
use core::ptr::null_mut;
use std::sync::OnceLock;
use tiercel_abi::Trap;
use tiercel_compiler::compile::TrapSite;

/// The signals that a guest's instruction can raise.
const SIGNALS: [c_int; 4] = [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL];
/// What was there before, in the same order.
static PREVIOUS: [OnceLock<libc::sigaction>; SIGNALS.len()] = [const { OnceLock::new() }; SIGNALS.len()];

/// An access through a null pointer faults below this address.
const NULL_PAGE_BYTES: usize = 4096;

/// Installs the handlers, once in a process.
///
/// # Errors
/// The host refuses.
pub fn install() -> Result<()> {
    static INSTALLED: OnceLock<Result<(), std::io::Error>> = OnceLock::new();
    let installed = INSTALLED.get_or_init(|| {
        for (&signal, previous) in SIGNALS.iter().zip(&PREVIOUS) {
            // SAFETY: the calls get valid structures, and the handler does only what a handler may.
            unsafe {
                let mut old = core::mem::zeroed::<libc::sigaction>();
                if libc::sigaction(signal, core::ptr::null(), &mut old) != 0 {
                    return Err(std::io::Error::last_os_error());
                }
                // Before the handler is there that asks for it.
                previous.get_or_init(|| old);
                let mut new = core::mem::zeroed::<libc::sigaction>();
                new.sa_sigaction = handle as *const () as usize;
                new.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
                libc::sigemptyset(&mut new.sa_mask);
                if libc::sigaction(signal, &new, null_mut()) != 0 {
                    return Err(std::io::Error::last_os_error());
                }
            }
        }
        Ok(())
    });
    match installed {
        Ok(()) => Ok(()),
        Err(error) => Err(Error::unsupported(format_args!(
            "the host installs no signal handler, which compiled code needs: {error}. The tier `interp` needs none"
        ))),
    }
}

/// # Safety
/// Called by the kernel.
unsafe extern "C" fn handle(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: promised by the caller.
    unsafe {
        if !stop_guest(signal, info, context) {
            pass_on(signal, info, context);
        }
    }
}

/// If a guest's instruction has raised the signal, lets it go on at the exit of stopped guests.
///
/// # Safety
/// As [`handle`].
unsafe fn stop_guest(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) -> bool {
    // SAFETY: the kernel gives both structures to handlers with `SA_SIGINFO`. Where a module's code has a trap site, the vmctx is that of a
    // live instance.
    unsafe {
        if !is_fault(info) {
            return false;
        }
        let mut at = Interrupted::new(context);
        let pc = at.pc();
        let Some(Some(site)) = registry::with_image(pc, |image| image.trap_at(pc)) else { return false };
        let cx = at.vmctx() as *mut VmCtx;
        let Some(exits) = stubs::made_exits() else { return false };
        if !fits(signal, (*info).si_addr() as usize, site, pc, cx) {
            return false;
        }
        let vm = (*cx).store;
        (*vm).trapped = Trapped { pc, fp: at.fp(), frameless_return: at.frameless_return(), code: site.code };
        at.go_on_at(exits.trapped, vm as usize);
        true
    }
}

/// Whether an instruction has raised the signal, rather than a program.
///
/// # Safety
/// As [`handle`].
unsafe fn is_fault(info: *const libc::siginfo_t) -> bool {
    // SAFETY: promised by the caller.
    unsafe { (*info).si_code > 0 }
}

/// Whether a signal is what the instruction at a trap site would raise.
///
/// # Safety
/// `cx` is a live instance's, at whose code `pc` is.
unsafe fn fits(signal: c_int, address: usize, site: TrapSite, pc: usize, cx: *mut VmCtx) -> bool {
    let trap = Trap::from_code(site.code);
    // SAFETY: promised by the caller; code can be read.
    unsafe {
        match (signal, trap) {
            (libc::SIGILL, _) => is_trap(pc),
            (libc::SIGFPE, Some(Trap::IntegerDivisionByZero | Trap::IntegerOverflow)) => true,
            (libc::SIGSEGV | libc::SIGBUS, Some(Trap::MemoryOutOfBounds)) => {
                (*(*cx).instance).memories().any(|memory| memory.as_ref().addresses().contains(&address))
            }
            (libc::SIGSEGV, Some(Trap::NullReference | Trap::IndirectCallToNull)) => address < NULL_PAGE_BYTES,
            _ => false,
        }
    }
}

/// Does what would have been done without our handler.
///
/// # Safety
/// As [`handle`].
unsafe fn pass_on(signal: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let index = SIGNALS.iter().position(|&ours| ours == signal);
    let previous = index.and_then(|index| PREVIOUS[index].get());
    let (action, flags) = previous.map_or((libc::SIG_DFL, 0), |previous| (previous.sa_sigaction, previous.sa_flags));
    // SAFETY: the action is a handler of the kind that its flags say.
    unsafe {
        match action {
            // A fault that is ignored would happen again for ever: the kernel does not ignore it either.
            libc::SIG_IGN if !is_fault(info) => {}
            libc::SIG_DFL | libc::SIG_IGN => {
                let mut default = core::mem::zeroed::<libc::sigaction>();
                default.sa_sigaction = libc::SIG_DFL;
                libc::sigaction(signal, &default, null_mut());
                // A fault happens again when this returns. What a program has sent does not: it is sent again, and waits until then.
                if !is_fault(info) {
                    libc::raise(signal);
                }
            }
            action if flags & libc::SA_SIGINFO != 0 => {
                let action: extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void) = core::mem::transmute(action);
                action(signal, info, context);
            }
            action => {
                let action: extern "C" fn(c_int) = core::mem::transmute(action);
                action(signal);
            }
        }
    }
}
