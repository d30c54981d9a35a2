//! Errors, traps and panics.

use crate::{chain, instance};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use tiercel::error::Context;
use tiercel::{
    BranchProtection, Caller, Config, Engine, Error, ErrorKind, Extern, Linker, Module, Result, Store, Trap,
    WasmBacktrace,
};

/// A host's own error, as WASI's exit is one.
#[derive(Debug, PartialEq)]
struct Exit(i32);

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit with code {}", self.0)
    }
}

impl std::error::Error for Exit {}

#[test]
fn chains() {
    let error = Error::new(Exit(3)).context("while closing").context(String::from("running main"));
    assert_eq!(error.to_string(), "running main");
    assert_eq!(format!("{error:#}"), "running main: while closing: exit with code 3");
    assert_eq!(format!("{error:?}"), "running main\n\nCaused by:\n    0: while closing\n    1: exit with code 3");
    assert_eq!(error.chain().count(), 3);
    assert_eq!(error.root_cause().to_string(), "exit with code 3");
    assert_eq!(error.downcast_ref::<Exit>(), Some(&Exit(3)));
    assert_eq!(error.downcast_ref::<&str>(), Some(&"while closing"));
    assert!(error.is::<String>() && !error.is::<Trap>());
    let error = error.downcast::<Trap>().unwrap_err();
    assert_eq!(error.downcast::<Exit>().ok(), Some(Exit(3)));

    let result: Result<(), std::num::ParseIntError> = "x".parse::<i32>().map(|_| ());
    assert_eq!(chain(result.context("reading a number")), "reading a number: invalid digit found in string");
    assert_eq!(chain(None::<i32>.with_context(|| "nothing")), "nothing");
    assert_eq!(Error::from(Trap::Interrupt).kind(), ErrorKind::Trap);
    assert_eq!(format!("{:?}", Error::msg("one line").context("head")), "head\n\nCaused by:\n    one line");
}

const TRAPS: &str = r#"(module $calculator
    (func $inner (param i32) (result i32) (i32.div_s (i32.const 1) (local.get 0)))
    (func (export "div") (param i32) (result i32) (call $inner (local.get 0))))"#;

#[test]
fn traps_tell_where() -> Result<()> {
    let (mut store, instance) = instance(TRAPS)?;
    let div = instance.get_typed_func::<i32, i32>(&mut store, "div")?;
    assert_eq!(div.call(&mut store, 1)?, 1);
    let error = div.call(&mut store, 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Trap);
    assert_eq!(error.downcast_ref::<Trap>(), Some(&Trap::IntegerDivisionByZero));
    let frames = error.downcast_ref::<WasmBacktrace>().expect("a backtrace").frames();
    assert_eq!(frames.iter().map(|frame| frame.func_index()).collect::<Vec<_>>(), [0, 1]);
    assert_eq!((frames[0].func_name(), frames[1].func_name()), (Some("inner"), None));
    assert_eq!(frames[0].module().name(), Some("calculator"));
    let (module_offset, func_offset) = (frames[0].module_offset().unwrap(), frames[0].func_offset().unwrap());
    // `inner` is: no locals (1 byte), i32.const 1 (2), local.get 0 (2), i32.div_s.
    assert_eq!(func_offset, 5);
    let binary = wat::parse_str(TRAPS)?;
    assert_eq!(binary[module_offset], 0x6d);
    let text = format!("{error:?}");
    let line = format!("0: {module_offset:#8x} - calculator!inner\n");
    assert!(text.starts_with("error while executing at wasm backtrace:\n") && text.contains(&line), "{text}");
    assert!(text.contains("- calculator!<wasm function 1>") && text.contains("integer divide by zero"), "{text}");
    Ok(())
}

/// Functions so small that a compiler puts them in place of their calls.
const SMALL: &str = r#"(module
    (import "" "host" (func $host (param i32)))
    (func $divide (param i32) (result i32) (i32.div_s (i32.const 1) (local.get 0)))
    (func $both (param i32 i32) (result i32) (i32.add (call $divide (local.get 0)) (call $divide (local.get 1))))
    (func $ask (param i32) (call $host (local.get 0)))
    (func $tail (param i32) (result i32) (return_call $divide (local.get 0)))
    (func (export "both") (param i32 i32) (result i32) (call $both (local.get 0) (local.get 1)))
    (func (export "ask") (param i32 i32) (result i32) (call $ask (local.get 0)) (local.get 1))
    (func (export "tail") (param i32 i32) (result i32) (i32.add (call $tail (local.get 0)) (i32.const 1)))
    (func (export "leave") (param i32 i32) (result i32) (return_call $tail (local.get 0)))
    (func $recursive (export "recursive") (param i32 i32) (result i32)
        (if (i32.eqz (local.get 0)) (then (return (i32.div_s (local.get 1) (local.get 0)))))
        (i32.add (call $recursive (i32.sub (local.get 0) (i32.const 1)) (local.get 1)) (i32.const 1))))"#;

#[test]
fn backtraces_have_calls_that_were_inlined() -> Result<()> {
    let engine = crate::engine();
    let module = Module::new(&engine, SMALL)?;
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    linker.func_wrap("", "host", |_: Caller<'_, ()>, _: i32| -> Result<()> { Err(Error::new(Exit(1))) })?;
    let instance = linker.instantiate(&mut store, &module)?;
    let mut frames = |name: &str, args: (i32, i32)| -> Result<Vec<(u32, usize)>> {
        let error = instance.get_typed_func::<(i32, i32), i32>(&mut store, name)?.call(&mut store, args).unwrap_err();
        let trace = error.downcast_ref::<WasmBacktrace>().expect("a backtrace");
        Ok(trace.frames().iter().map(|frame| (frame.func_index(), frame.func_offset().unwrap())).collect())
    };
    // A body starts with one byte for no locals; `local.get`, `i32.const` and `call` have two bytes each.
    assert_eq!(frames("both", (0, 1))?, [(1, 5), (2, 3), (5, 5)]);
    assert_eq!(frames("both", (1, 0))?, [(1, 5), (2, 7), (5, 5)]);
    assert_eq!(frames("ask", (1, 0))?, [(3, 3), (6, 3)]);
    assert_eq!(frames("tail", (0, 0))?, [(1, 5), (7, 3)]);
    assert_eq!(frames("leave", (0, 0))?, [(1, 5)]);
    let mut expected = vec![(9, 10)];
    expected.extend([(9, 20); 9]);
    assert_eq!(frames("recursive", (9, 1))?, expected);
    Ok(())
}

#[test]
fn backtraces_lead_through_frames_of_many_arguments() -> Result<()> {
    // More than a kilobyte, for which some machines move the stack pointer; references are found in such frames as well.
    let mut config = crate::config();
    config.gc_stress(true);
    if cfg!(target_arch = "aarch64") {
        config.branch_protection(BranchProtection::Standard);
    }
    let engine = Engine::new(&config)?;
    let (params, args) = ("i64 ".repeat(150), "(local.get 0) ".repeat(149));
    let module = Module::new(
        &engine,
        format!(
            r#"(module
            (type $kept (struct (field i64)))
            (func $stop (param i32 i32) (result i64) (i64.extend_i32_u (i32.div_u (local.get 0) (local.get 1))))
            (func $wide (param {params}) (result i64)
                (drop (struct.new $kept (local.get 3)))
                (i64.add (local.get 149) (call $stop (i32.const 7) (i32.wrap_i64 (local.get 0)))))
            (func $push (param i64 (ref $kept)) (result i64)
                (local $own (ref $kept))
                (local.set $own (struct.new $kept (i64.const 5)))
                (call $wide {args} (i64.const 1000))
                (i64.add (struct.get $kept 0 (local.get 1)))
                (i64.add (struct.get $kept 0 (local.get $own))))
            (func (export "run") (param i64) (result i64)
                (i64.mul (call $push (local.get 0) (struct.new $kept (i64.const 300))) (i64.const 2))))"#
        ),
    )?;
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &module)?;
    let run = instance.get_typed_func::<i64, i64>(&mut store, "run")?;
    assert_eq!(run.call(&mut store, 7)?, 2 * (1000 + 1 + 300 + 5));
    let error = run.call(&mut store, 0).unwrap_err();
    let trace = error.downcast_ref::<WasmBacktrace>().expect("a backtrace");
    assert_eq!(trace.frames().iter().map(|frame| frame.func_index()).collect::<Vec<_>>(), [0, 1, 2, 3]);
    assert_eq!(run.call(&mut store, 7)?, 2612);
    Ok(())
}

#[test]
fn backtraces_are_limited_and_can_be_off() -> Result<()> {
    let deep = r#"(module (func $f (export "f") (param i32)
        (if (i32.eqz (local.get 0)) (then unreachable))
        (call $f (i32.sub (local.get 0) (i32.const 1)))))"#;
    let frames = |config: &mut Config| -> Result<Option<usize>> {
        let engine = Engine::new(config)?;
        let mut store = Store::new(&engine, ());
        let instance = Linker::new(&engine).instantiate(&mut store, &Module::new(&engine, deep)?)?;
        let error = instance.get_typed_func::<i32, ()>(&mut store, "f")?.call(&mut store, 100).unwrap_err();
        assert_eq!(error.downcast_ref::<Trap>(), Some(&Trap::UnreachableCodeReached));
        Ok(error.downcast_ref::<WasmBacktrace>().map(|trace| trace.frames().len()))
    };
    assert_eq!(frames(&mut crate::config())?, Some(20));
    assert_eq!(frames(crate::config().wasm_backtrace_max_frames(std::num::NonZeroUsize::new(3)))?, Some(3));
    assert_eq!(frames(crate::config().wasm_backtrace(false))?, None);
    Ok(())
}

#[test]
fn errors_of_the_host_come_through() -> Result<()> {
    let engine = crate::engine();
    let mut linker = Linker::new(&engine);
    linker.func_wrap("host", "exit", |code: i32| -> Result<()> { Err(Exit(code).into()) })?;
    linker.func_wrap("host", "again", |mut caller: Caller<'_, ()>| -> Result<()> {
        let exit = caller.get_export("exit").and_then(Extern::into_func).expect("a function");
        exit.typed::<(), ()>(&caller)?.call(&mut caller, ())
    })?;
    let module = Module::new(
        &engine,
        r#"(module
            (import "host" "exit" (func $exit (param i32)))
            (import "host" "again" (func $again))
            (func (export "exit") (call $exit (i32.const 9)))
            (func (export "nested") (call $again)))"#,
    )?;
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module)?;
    for (name, frames) in [("exit", vec![2]), ("nested", vec![2, 3])] {
        let error = instance.get_typed_func::<(), ()>(&mut store, name)?.call(&mut store, ()).unwrap_err();
        assert_eq!(error.downcast_ref::<Exit>(), Some(&Exit(9)));
        assert_eq!(error.kind(), ErrorKind::Other);
        let trace = error.downcast_ref::<WasmBacktrace>().expect("a backtrace");
        assert_eq!(trace.frames().iter().map(|frame| frame.func_index()).collect::<Vec<_>>(), frames, "{name}");
    }
    Ok(())
}

#[test]
fn panics_cross_the_guest() -> Result<()> {
    let engine = crate::engine();
    let mut linker = Linker::new(&engine);
    linker.func_wrap("host", "panic", |_: Caller<'_, ()>| -> () { panic!("the host gives up") })?;
    linker.func_wrap("host", "again", |mut caller: Caller<'_, ()>| -> Result<()> {
        let run = caller.get_export("run").and_then(Extern::into_func).expect("a function");
        run.typed::<(), ()>(&caller)?.call(&mut caller, ())
    })?;
    let module = Module::new(
        &engine,
        r#"(module
            (import "host" "panic" (func $panic))
            (import "host" "again" (func $again))
            (func (export "fine") (result i32) (i32.const 1))
            (func (export "run") (call $panic))
            (func (export "nested") (call $again)))"#,
    )?;
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module)?;
    for name in ["run", "nested"] {
        let run = instance.get_typed_func::<(), ()>(&mut store, name)?;
        let payload = catch_unwind(AssertUnwindSafe(|| run.call(&mut store, ()))).unwrap_err();
        assert_eq!(payload.downcast_ref::<&str>(), Some(&"the host gives up"));
        assert_eq!(instance.get_typed_func::<(), i32>(&mut store, "fine")?.call(&mut store, ())?, 1);
    }
    Ok(())
}
