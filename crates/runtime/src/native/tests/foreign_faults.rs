//! Faults that are not a guest's go where they would have gone without us. Each is tried in a process of its own.

use super::hand::{ARGS, Hand, RESULT, engine, module};
use crate::{Func, Instance, Module, Store, Trap};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{format, vec};

/// In a child process: what it is to do.
const CHILD: &str = "TIERCEL_TEST_FAULT";

/// Runs this test again in a process that faults.
fn child(test: &str, fault: &str) -> ExitStatus {
    let mut command = super::own_program();
    command.args([&format!("native::tests::foreign_faults::{test}"), "--exact", "--nocapture"]).env(CHILD, fault);
    command.output().expect("a child process").status
}

fn fault() {
    // SAFETY: none: the process is to end here.
    unsafe { core::ptr::without_provenance::<u8>(8).read_volatile() };
}

/// An exception of the processor that is not an access: SIGFPE where divisions raise it, else SIGILL.
fn exception() {
    // SAFETY: none: the process is to end here.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        core::arch::asm!("xor edx, edx", "div edx", out("eax") _, out("edx") _)
    };
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        core::arch::asm!("udf #7")
    };
}

/// The signal of [`exception`].
const EXCEPTION: libc::c_int = if cfg!(target_arch = "x86_64") { libc::SIGFPE } else { libc::SIGILL };

/// Installs a handler that ends the process with 77, of either kind.
fn handle(signal: libc::c_int, with_info: bool) {
    // SAFETY: the structure is valid, and the handlers do only what handlers may.
    unsafe {
        let mut action = core::mem::zeroed::<libc::sigaction>();
        action.sa_sigaction = count_and_exit as *const () as usize;
        if with_info {
            action.sa_sigaction = exit_with_info as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        }
        assert_eq!(libc::sigaction(signal, &action, core::ptr::null_mut()), 0);
    }
}

extern "C" fn exit_with_info(_: libc::c_int, info: *mut libc::siginfo_t, context: *mut core::ffi::c_void) {
    assert!(!info.is_null() && !context.is_null());
    // SAFETY: ends the process without running anything else.
    unsafe { libc::_exit(77) };
}

/// A guest that traps by a signal of each kind, and is stopped.
fn trap_in_guest() {
    let wat = r#"(module (memory 1)
        (func (export "load") (drop (i32.load (i32.const -1))))
        (func (export "divide") (param i32) (drop (i32.div_u (i32.const 1) (local.get 0))))
        (func (export "unreachable") unreachable))"#;
    let engine = engine();
    let module = Module::new(&engine, wat).expect("valid");
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
    for (name, arguments) in [("load", vec![]), ("divide", vec![crate::Val::I32(0)]), ("unreachable", vec![])] {
        let func = instance.get_func(&mut store, name).expect("it is exported");
        let error = func.call(&mut store, &arguments, &mut []).expect_err("a trap");
        assert!(error.downcast_ref::<Trap>().is_some(), "{error:#}");
    }
}

static HANDLED: AtomicUsize = AtomicUsize::new(0);

extern "C" fn count_and_exit(_signal: libc::c_int) {
    HANDLED.fetch_add(1, Ordering::Relaxed);
    // SAFETY: ends the process without running anything else.
    unsafe { libc::_exit(77) };
}

#[test]
fn a_fault_of_the_host_ends_the_process() {
    match std::env::var(CHILD).as_deref() {
        Ok("default") => {
            let _engine = engine();
            fault();
        }
        Ok("handler") => {
            // SAFETY: the handler does only what a handler may.
            unsafe { libc::signal(libc::SIGSEGV, count_and_exit as *const () as usize) };
            let _engine = engine();
            fault();
        }
        Ok("sent") => {
            let _engine = engine();
            // SAFETY: ends this process.
            unsafe { libc::raise(libc::SIGFPE) };
        }
        Ok("ignored") => {
            // SAFETY: no handler at all.
            unsafe { libc::signal(libc::SIGFPE, libc::SIG_IGN) };
            let _engine = engine();
            // SAFETY: is ignored.
            unsafe { libc::raise(libc::SIGFPE) };
            std::process::exit(78);
        }
        // The host's own handler, installed before or after the engine's, after guests have trapped.
        Ok(own) if own.starts_with("own") => {
            let signal = if own.contains("exception") { EXCEPTION } else { libc::SIGSEGV };
            let with_info = own.contains("info");
            if own.contains("before") {
                handle(signal, with_info);
            }
            trap_in_guest();
            if own.contains("after") {
                handle(signal, with_info);
            }
            if signal == EXCEPTION { exception() } else { fault() }
        }
        Ok(in_guest) => guest(in_guest),
        Err(_) => {
            let test = "a_fault_of_the_host_ends_the_process";
            assert_eq!(child(test, "default").signal(), Some(libc::SIGSEGV));
            assert_eq!(child(test, "handler").code(), Some(77));
            assert_eq!(child(test, "sent").signal(), Some(libc::SIGFPE));
            assert_eq!(child(test, "ignored").code(), Some(78));
            for signal in ["fault", "exception"] {
                for when in ["before", "after"] {
                    for kind in ["info", "plain"] {
                        let own = format!("own handler of {signal}, {when}, {kind}");
                        assert_eq!(child(test, &own).code(), Some(77), "{own}");
                    }
                }
            }
            assert_eq!(child(test, "in a host function").signal(), Some(libc::SIGSEGV));
            assert_eq!(child(test, "no trap site").signal(), Some(libc::SIGSEGV));
            assert_eq!(child(test, "not in a memory").signal(), Some(libc::SIGSEGV));
        }
    }
}

/// A guest that faults where it must not, or calls a host function that does.
fn guest(what: &str) {
    const WAT: &str = r#"(module (import "" "" (func)) (memory 1) (func (export "f") unreachable))"#;
    let engine = engine();
    let layout = Module::new(&engine, WAT).expect("valid").0.layout;
    let mut f = Hand::framed(16);
    match what {
        "in a host function" => f.call_import(layout.imported_func(0), 1),
        "no trap site" => {
            f.constant(ARGS[0], 65536);
            f.load(RESULT, ARGS[0], 0, None);
        }
        _ => {
            f.constant(ARGS[0], 8);
            f.load_address(RESULT, ARGS[0], Some((Trap::MemoryOutOfBounds, 1)));
        }
    }
    f.ret();
    let module = module(&engine, WAT, vec![f.finish()]);
    let mut store = Store::new(&engine, ());
    let faults = Func::wrap(&mut store, fault);
    let instance = Instance::new(&mut store, &module, &[faults.into()]).expect("an instance");
    let f = instance.get_typed_func::<(), ()>(&mut store, "f").expect("f");
    let result = f.call(&mut store, ());
    panic!("the process should have ended: {result:?}");
}
