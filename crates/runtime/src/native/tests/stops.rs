//! What stops guests: traps, faults, errors and panics of host functions, the stack's limit, fuel, the epoch.

use super::hand::{ARGS, Hand, RESULT, engine, module};
use crate::{Config, Engine, Error, Func, Instance, Module, Result, Store, Tier, Trap, WasmBacktrace, format_err};
use alloc::string::ToString as _;
use alloc::vec::Vec;
use std::{format, vec};
use tiercel_compiler::compile::Code;
use tiercel_compiler::ir::Builtin;

/// Calls the export `f` of a module of one function, which has no imports.
fn call_one(params: &str, memory: &str, function: Code, arguments: (i32, i32)) -> Result<i32> {
    let engine = engine();
    let wat = format!(r#"(module {memory} (func $f (export "f") {params} (result i32) unreachable))"#);
    let module = module(&engine, &wat, vec![function]);
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    instance.get_typed_func::<(i32, i32), i32>(&mut store, "f")?.call(&mut store, arguments)
}

/// Function indices and offsets, innermost first.
fn frames(error: &Error) -> Vec<(u32, usize)> {
    let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() else { return Vec::new() };
    backtrace.frames().iter().map(|frame| (frame.func_index(), frame.module_offset().expect("an offset"))).collect()
}

fn trap_of(error: &Error) -> Trap {
    *error.downcast_ref::<Trap>().unwrap_or_else(|| panic!("not a trap: {error:#}"))
}

#[test]
fn an_instruction_traps() {
    for framed in [false, true] {
        let mut f = if framed { Hand::framed(32) } else { Hand::frameless() };
        f.trap(Trap::UnreachableCodeReached, 41);
        let error = call_one("(param i32 i32)", "", f.finish(), (0, 0)).expect_err("a trap");
        assert_eq!((trap_of(&error), frames(&error)), (Trap::UnreachableCodeReached, vec![(0, 41)]));
    }
}

// Elsewhere code compares divisors.
#[cfg(target_arch = "x86_64")]
#[test]
fn a_division_traps() {
    let divide = |trap: Trap| {
        let mut f = Hand::frameless();
        f.divide(trap, 9);
        f.ret();
        f.finish()
    };
    let params = "(param i32 i32)";
    assert_eq!(call_one(params, "", divide(Trap::IntegerDivisionByZero), (42, 2)).expect("no trap"), 21);
    let error = call_one(params, "", divide(Trap::IntegerDivisionByZero), (42, 0)).expect_err("a trap");
    assert_eq!((trap_of(&error), frames(&error)), (Trap::IntegerDivisionByZero, vec![(0, 9)]));
    let error = call_one(params, "", divide(Trap::IntegerOverflow), (i32::MIN, -1)).expect_err("a trap");
    assert_eq!(trap_of(&error), Trap::IntegerOverflow);
}

#[test]
fn an_access_beyond_a_memory_traps() {
    // Loads from index and constant offset.
    let load = |offset: i32| {
        let mut f = Hand::framed(0);
        f.load(RESULT, ARGS[0], offset, Some((Trap::MemoryOutOfBounds, 5)));
        f.ret();
        f.finish()
    };
    let params = "(param i32 i32)";
    let memory = r#"(memory 1) (data (i32.const 65532) "\01\02\03\04")"#;
    assert_eq!(call_one(params, memory, load(0), (65532, 0)).expect("no trap"), 0x0403_0201);
    for (index, offset) in [(65533, 0), (65536, 0), (65532, 1), (-1, 0), (-1, 1 << 24), (0, 1 << 24)] {
        let error = call_one(params, memory, load(offset), (index, 0)).expect_err("a trap");
        assert_eq!((trap_of(&error), frames(&error)), (Trap::MemoryOutOfBounds, vec![(0, 5)]), "{index} {offset}");
    }
}

/// Functions that call each other, the last of which calls the import; the backtrace names them all.
#[test]
fn an_error_of_the_host_stops_the_guest() {
    const WAT: &str = r#"(module $m (import "" "" (func)) (func $a (export "f") unreachable) (func $b unreachable))"#;
    let engine = engine();
    let layout = Module::new(&engine, WAT).expect("valid").0.layout;
    let (mut a, mut b) = (Hand::framed(16), Hand::framed(48));
    a.call(1, 10);
    a.ret();
    b.call_import(layout.imported_func(0), 20);
    b.ret();
    let module = module(&engine, WAT, vec![a.finish(), b.finish()]);
    let mut store = Store::new(&engine, ());
    let fail = Func::wrap(&mut store, || -> Result<()> { Err(format_err!("no luck")) });
    let instance = Instance::new(&mut store, &module, &[fail.into()]).expect("an instance");
    let f = instance.get_typed_func::<(), ()>(&mut store, "f").expect("f");
    for _ in 0..3 {
        let error = f.call(&mut store, ()).expect_err("an error");
        assert_eq!(error.root_cause().to_string(), "no luck");
        assert_eq!(frames(&error), [(2, 20), (1, 10)]);
        let backtrace = error.downcast_ref::<WasmBacktrace>().expect("a backtrace");
        let names: Vec<_> = backtrace.frames().iter().map(|frame| frame.func_name().expect("a name")).collect();
        assert_eq!(names, ["b", "a"]);
    }
    let first = std::sync::atomic::AtomicBool::new(true);
    let panics = Func::wrap(&mut store, move || {
        assert!(!first.swap(false, std::sync::atomic::Ordering::Relaxed), "on purpose");
    });
    let instance = Instance::new(&mut store, &module, &[panics.into()]).expect("an instance");
    let f = instance.get_typed_func::<(), ()>(&mut store, "f").expect("f");
    let call = std::panic::AssertUnwindSafe(|| f.call(&mut store, ()));
    let panic = std::panic::catch_unwind(call).expect_err("the panic goes on");
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"on purpose"));
    // The store is as it was.
    f.call(&mut store, ()).expect("no second panic");
}

/// Compiled code (2) calls interpreted code, which calls compiled code (1), which calls a host function, which calls compiled code (0),
/// which traps: one list of all of them.
#[test]
fn a_backtrace_has_the_frames_of_all_tiers() {
    const WAT: &str = r#"(module (import "" "" (func)) (func (export "f") unreachable))"#;
    const INTERPRETED: &str = r#"(import "" "" (func)) (func (export "f") nop (call 0))"#;
    let engine = engine();
    let layout = Module::new(&engine, WAT).expect("valid").0.layout;
    let calls_import = |loc| {
        let mut f = Hand::framed(16);
        f.call_import(layout.imported_func(0), loc);
        f.ret();
        module(&engine, WAT, vec![f.finish()])
    };
    let mut traps = Hand::frameless();
    traps.trap(Trap::UnreachableCodeReached, 100);
    let traps = module(&engine, WAT, vec![traps.finish()]);
    let interpreted = Module::new(&engine, super::too_complex(INTERPRETED)).expect("valid");
    assert_eq!(interpreted.tier(), Tier::Interp);
    let mut store = Store::new(&engine, ());
    let nothing = Func::wrap(&mut store, || {});
    let link = |module: &Module, import: Func, store: &mut Store<()>| {
        let instance = Instance::new(&mut *store, module, &[import.into()]).expect("an instance");
        instance.get_func(store, "f").expect("f")
    };
    let innermost = link(&traps, nothing, &mut store);
    let host =
        Func::wrap(&mut store, move |mut caller: crate::Caller<'_, ()>| innermost.call(&mut caller, &[], &mut []));
    let first = link(&calls_import(200), host, &mut store);
    let second = link(&interpreted, first, &mut store);
    let third = link(&calls_import(300), second, &mut store);
    let error = third.call(&mut store, &[], &mut []).expect_err("a trap");
    assert_eq!(trap_of(&error), Trap::UnreachableCodeReached);
    let offset = frames(&error)[2].1;
    assert!(offset > 30, "{offset} is in the interpreted body");
    assert_eq!(frames(&error), [(1, 100), (1, 200), (1, offset), (1, 300)]);
}

#[test]
fn endless_recursion_traps() {
    const WAT: &str = r#"(module (func (export "f") (param i32 i32) (result i32) unreachable))"#;
    let mut f = Hand::framed(64);
    f.call(0, 7);
    f.ret();
    let code = f.finish();
    let run = move || {
        let engine = engine();
        let module = module(&engine, WAT, vec![code.clone()]);
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
        let f = instance.get_typed_func::<(i32, i32), i32>(&mut store, "f").expect("f");
        for _ in 0..3 {
            let error = f.call(&mut store, (0, 0)).expect_err("a trap");
            assert_eq!(trap_of(&error), Trap::StackOverflow);
            assert_eq!(frames(&error)[..2], [(0, 0), (0, 7)]);
        }
    };
    // Also where the thread's stack is smaller than what guests may use.
    for bytes in [4 << 20, 512 << 10, 200 << 10] {
        let thread = std::thread::Builder::new().stack_size(bytes).spawn(run.clone()).expect("a thread");
        thread.join().expect("no panic");
    }
}

#[test]
fn fuel_runs_out() {
    let mut f = Hand::framed(0);
    f.take_fuel(3, 2);
    f.ret();
    let engine = Engine::new(Config::new().tier(Tier::Opt).consume_fuel(true)).expect("an engine");
    let module = module(&engine, r#"(module (func (export "f") unreachable))"#, vec![f.finish()]);
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
    let f = instance.get_typed_func::<(), ()>(&mut store, "f").expect("f");
    store.set_fuel(7).expect("fuel is on");
    f.call(&mut store, ()).expect("enough");
    f.call(&mut store, ()).expect("enough");
    assert_eq!(store.get_fuel().expect("fuel is on"), 1);
    assert_eq!(trap_of(&f.call(&mut store, ()).expect_err("a trap")), Trap::OutOfFuel);
    assert_eq!(store.get_fuel().expect("fuel is on"), 0);
}

#[test]
fn builtins_do_their_work_or_stop() {
    const WAT: &str = r#"(module (memory (export "m") 1 3)
        (func (export "grow") (param i64) (result i64) unreachable)
        (func (export "fill") (param i64) unreachable)
        (func (export "poll") unreachable))"#;
    let mut grow = Hand::framed(0);
    grow.copy(ARGS[2], ARGS[0]);
    grow.constant(ARGS[1], 0);
    grow.call_builtin(Builtin::MemoryGrow as u32, 1);
    grow.ret();
    // Two bytes of value 9 from the parameter on.
    let mut fill = Hand::framed(0);
    fill.copy(ARGS[2], ARGS[0]);
    fill.constant(ARGS[1], 0);
    fill.constant(ARGS[3], 9);
    fill.constant(ARGS[4], 2);
    fill.call_builtin(Builtin::MemoryFill as u32, 22);
    fill.ret();
    let mut poll = Hand::framed(0);
    poll.call_builtin(Builtin::ALL.len() as u32, 33);
    poll.ret();
    let engine = Engine::new(Config::new().tier(Tier::Opt).epoch_interruption(true)).expect("an engine");
    let module = module(&engine, WAT, vec![grow.finish(), fill.finish(), poll.finish()]);
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
    let grow = instance.get_typed_func::<u64, i64>(&mut store, "grow").expect("grow");
    let fill = instance.get_typed_func::<u64, ()>(&mut store, "fill").expect("fill");
    let poll = instance.get_typed_func::<(), ()>(&mut store, "poll").expect("poll");
    let memory = instance.get_memory(&mut store, "m").expect("m");
    assert_eq!(grow.call(&mut store, 1).expect("no trap"), 1);
    assert_eq!(grow.call(&mut store, 2).expect("no trap"), -1);
    let end = memory.data_size(&store) as u64;
    assert_eq!(end, 2 << 16);
    fill.call(&mut store, end - 2).expect("no trap");
    assert_eq!(memory.data(&store)[end as usize - 3..], [0, 9, 9]);
    let error = fill.call(&mut store, end - 1).expect_err("a trap");
    assert_eq!((trap_of(&error), frames(&error)), (Trap::MemoryOutOfBounds, vec![(1, 22)]));
    let error = poll.call(&mut store, ()).expect_err("a trap");
    assert_eq!((trap_of(&error), frames(&error)), (Trap::Interrupt, vec![(2, 33)]));
    store.epoch_deadline_callback(|_| Ok(crate::UpdateDeadline::Continue(5)));
    poll.call(&mut store, ()).expect("the callback lets it go on");
    store.epoch_deadline_callback(|_| Err(format_err!("enough")));
    assert_eq!(poll.call(&mut store, ()).expect_err("an error").root_cause().to_string(), "enough");
}
