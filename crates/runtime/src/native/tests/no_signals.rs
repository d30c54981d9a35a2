//! Engines whose compiled code does without signals, and hosts that refuse memory for code.

use crate::{Config, Engine, Error, Func, Instance, Module, Store, Tier, Trap, Val, WasmBacktrace};
use alloc::vec::Vec;
use std::{format, vec};

/// Every way to trap. Each function is called by another one, so that there is a backtrace.
const WAT: &str = r#"(module
    (memory 1) (table 3 funcref) (type $none (func)) (elem (i32.const 1) $takes)
    (func $takes (param i32))
    (func $unreachable (param i32) unreachable)
    (func $div_s (param i32) (drop (i32.div_s (i32.const -2147483648) (local.get 0))))
    (func $div_u (param i32) (drop (i32.div_u (i32.const 7) (local.get 0))))
    (func $rem_s (param i32) (drop (i64.rem_s (i64.const 7) (i64.extend_i32_s (local.get 0)))))
    (func $rem_u (param i32) (drop (i64.rem_u (i64.const 7) (i64.extend_i32_s (local.get 0)))))
    (func $load (param i32) (drop (i32.load offset=65500 (local.get 0))))
    (func $store (param i32) (i64.store8 offset=65500 (local.get 0) (i64.const 1)))
    (func $lane (param i32)
        (v128.store8_lane offset=65500 3 (local.get 0) (v128.load8_splat offset=65500 (local.get 0))))
    (func $far (param i32) (drop (i32.load offset=4294967295 (local.get 0))))
    (func $fill (param i32) (memory.fill (local.get 0) (i32.const 1) (i32.const 65500)))
    (func $trunc (param i32) (drop (i32.trunc_f64_s (f64.div (f64.const 0) (f64.convert_i32_s (local.get 0))))))
    (func $call (param i32) (call_indirect (type $none) (local.get 0)))
    (func $table (param i32) (drop (table.get (local.get 0))))
    (func $deep (param i32) (call $deep (local.get 0)))
    (func (export "unreachable") (param i32) (call $unreachable (local.get 0)) nop)
    (func (export "div_s") (param i32) (call $div_s (local.get 0)) nop)
    (func (export "div_u") (param i32) (call $div_u (local.get 0)) nop)
    (func (export "rem_s") (param i32) (call $rem_s (local.get 0)) nop)
    (func (export "rem_u") (param i32) (call $rem_u (local.get 0)) nop)
    (func (export "load") (param i32) (call $load (local.get 0)) nop)
    (func (export "store") (param i32) (call $store (local.get 0)) nop)
    (func (export "lane") (param i32) (call $lane (local.get 0)) nop)
    (func (export "far") (param i32) (call $far (local.get 0)) nop)
    (func (export "fill") (param i32) (call $fill (local.get 0)) nop)
    (func (export "trunc") (param i32) (call $trunc (local.get 0)) nop)
    (func (export "call") (param i32) (call $call (local.get 0)) nop)
    (func (export "table") (param i32) (call $table (local.get 0)) nop)
    (func (export "deep") (param i32) (call $deep (local.get 0)) nop))"#;

fn without_signals() -> Config {
    let mut config = Config::new();
    config.tier(Tier::Opt).signals_based_traps(false).verify_compiler(true);
    config
}

/// What a call ends in: the trap, and the functions and offsets of the backtrace.
type Outcome = (Option<Trap>, Vec<(u32, Option<usize>)>);

/// What calls of every export end in.
fn outcomes(config: &Config) -> Vec<Outcome> {
    let engine = Engine::new(config).expect("an engine");
    let module = Module::new(&engine, WAT).expect("valid");
    assert_eq!(module.tier(), Tier::Opt);
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
    let frames = |error: &Error| {
        let backtrace = error.downcast_ref::<WasmBacktrace>().expect("a backtrace");
        backtrace.frames().iter().map(|frame| (frame.func_index(), frame.module_offset())).collect()
    };
    let mut outcomes = Vec::new();
    for export in module.exports() {
        for argument in [0, 1, -1, 35, 36, 37, 2, 3, i32::MIN, i32::MAX] {
            let func = instance.get_func(&mut store, export.name()).expect("it is exported");
            let result = func.call(&mut store, &[Val::I32(argument)], &mut []);
            outcomes.push(match &result {
                Ok(()) => (None, vec![]),
                Err(error) => (error.downcast_ref::<Trap>().copied(), frames(error)),
            });
        }
    }
    outcomes
}

#[test]
fn traps_are_those_of_engines_with_signals() {
    let with_signals = outcomes(Config::new().tier(Tier::Opt));
    assert!(with_signals.iter().filter(|(trap, _)| trap.is_some()).count() > 70);
    assert_eq!(with_signals, outcomes(&without_signals()));
    assert_eq!(with_signals, outcomes(without_signals().memory_reservation(0).memory_guard_size(0)));
    for seed in 0..20 {
        assert_eq!(with_signals, outcomes(without_signals().compiler_chaos(Some(seed))), "seed {seed}");
    }
}

const CHILD: &str = "TIERCEL_TEST_NO_SIGNALS";
/// How children end.
const DONE: i32 = 71;
const CANNOT_TRY: i32 = 72;

/// Runs a test again in a process of its own; gives its exit code and what it said.
fn child(test: &str) -> (Option<i32>, alloc::string::String) {
    let mut command = super::own_program();
    command.args([&format!("native::tests::no_signals::{test}"), "--exact", "--nocapture"]).env(CHILD, "1");
    let output = command.output().expect("a child process");
    (output.status.code(), alloc::string::String::from_utf8_lossy(&output.stderr).into())
}

fn is_child() -> bool {
    std::env::var_os(CHILD).is_some()
}

/// In a process of its own, for other tests install them.
#[test]
fn no_handlers_are_installed() {
    if !is_child() {
        let (code, said) = child("no_handlers_are_installed");
        assert_eq!(code, Some(DONE), "{said}");
        return;
    }
    let handler = |signal| {
        // SAFETY: the structure is valid.
        unsafe {
            let mut action = core::mem::zeroed::<libc::sigaction>();
            assert_eq!(libc::sigaction(signal, core::ptr::null(), &mut action), 0);
            action.sa_sigaction
        }
    };
    let signals = [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL];
    let before = signals.map(handler);
    outcomes(&without_signals());
    assert_eq!(signals.map(handler), before);
    outcomes(Config::new().tier(Tier::Opt));
    assert_ne!(signals.map(handler), before);
    std::process::exit(DONE);
}

/// A host that lets no further memory become executable: errors, no panics. In a process of its own, for this cannot be taken back.
#[test]
fn refused_memory_for_code_is_an_error() {
    if !is_child() {
        let (code, said) = child("refused_memory_for_code_is_an_error");
        assert!(matches!(code, Some(DONE | CANNOT_TRY)), "{code:?}: {said}");
        return;
    }
    let engine = Engine::new(&without_signals()).expect("an engine");
    let wat = r#"(module (type $f (func (param i32)))
        (table (export "t") 1 funcref)
        (func (export "f") (param i32) (call_indirect (type $f) (local.get 0) (i32.const 0))))"#;
    let module = Module::new(&engine, wat).expect("valid");
    // SAFETY: only the process of this test is concerned.
    let refused = unsafe { libc::prctl(libc::PR_SET_MDWE, libc::PR_MDWE_REFUSE_EXEC_GAIN as libc::c_ulong, 0, 0, 0) };
    if refused != 0 {
        // A kernel before 6.3.
        std::process::exit(CANNOT_TRY);
    }
    let error =
        Module::new(&engine, r#"(module (func (export "g") (param f32 f32)))"#).expect_err("no memory for code");
    assert!(format!("{error:#}").contains("make code executable"), "{error:#}");
    // Where only the module's own code is refused, the interpreter runs it.
    let interpreted = Module::new(&engine, r#"(module (func (export "g") (param i32) unreachable))"#).expect("valid");
    assert_eq!(interpreted.tier(), Tier::Interp);
    // Nobody can say no here, so the function says it when it is called.
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
    let fits = Func::wrap(&mut store, |_: i32| {});
    let other = Func::wrap(&mut store, |_: i64, _: f32| -> i32 { 1 });
    let table = instance.get_table(&mut store, "t").expect("it is exported");
    let f = instance.get_typed_func::<i32, ()>(&mut store, "f").expect("f");
    table.set(&mut store, 0, crate::Ref::Func(Some(fits))).expect("in bounds");
    f.call(&mut store, 1).expect("there is a stub for the type");
    table.set(&mut store, 0, crate::Ref::Func(Some(other))).expect("in bounds");
    assert_eq!(f.call(&mut store, 1).expect_err("another type").downcast_ref(), Some(&Trap::BadSignature));
    let mut results = [Val::I32(0)];
    other.call(&mut store, &[Val::I64(1), Val::F32(0)], &mut results).expect("the host needs no code");
    std::process::exit(DONE);
}
