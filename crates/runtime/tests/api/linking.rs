//! The linker.

use crate::chain;
use tiercel::{
    Extern, FuncType, Global, GlobalType, Instance, Linker, Memory, MemoryType, Module, Mutability, Result, Store, Val,
    ValType,
};

#[test]
fn imports_are_found_by_name() -> Result<()> {
    let engine = crate::engine();
    let mut linker = Linker::new(&engine);
    linker.func_wrap("a", "one", || 1)?.func_wrap("b", "one", || 10)?;
    let ty = FuncType::new(&engine, [], [ValType::I32]);
    linker.func_new("a", "two", ty, |_, _, results| {
        results[0] = Val::I32(2);
        Ok(())
    })?;
    let mut store = Store::new(&engine, ());
    let global = Global::new(&mut store, GlobalType::new(ValType::I32, Mutability::Const), Val::I32(100))?;
    linker.define(&store, "a", "global", global)?;
    let module = Module::new(
        &engine,
        r#"(module
            (import "a" "one" (func $a1 (result i32)))
            (import "b" "one" (func $b1 (result i32)))
            (import "a" "two" (func $a2 (result i32)))
            (import "a" "global" (global i32))
            (func (export "sum") (result i32)
                (i32.add (i32.add (call $a1) (call $b1)) (i32.add (call $a2) (global.get 0)))))"#,
    )?;
    let instance = linker.instantiate(&mut store, &module)?;
    assert_eq!(instance.get_typed_func::<(), i32>(&mut store, "sum")?.call(&mut store, ())?, 113);
    let mut names: Vec<_> = linker.iter(&mut store).map(|(module, name, _)| format!("{module}.{name}")).collect();
    names.sort();
    assert_eq!(names, ["a.global", "a.one", "a.two", "b.one"]);
    assert!(linker.get(&mut store, "b", "two").is_none());
    let first = module.imports().next().unwrap();
    assert!(matches!(linker.get_by_import(&mut store, &first), Some(Extern::Func(_))));
    Ok(())
}

#[test]
fn missing_and_wrong_imports_are_named() -> Result<()> {
    let engine = crate::engine();
    let mut linker = Linker::<()>::new(&engine);
    let module = Module::new(&engine, r#"(module (import "env" "log" (func (param i32))))"#)?;
    let error = chain(linker.instantiate_pre(&module));
    assert!(error.contains("unknown import: `env::log` (function (i32) -> ()) has not been defined"), "{error}");
    assert!(error.contains("define it in the linker"), "{error}");
    linker.func_wrap("env", "log", |_: i64| ())?;
    let error = chain(linker.instantiate_pre(&module));
    assert!(error.contains("incompatible import type for `env::log`"), "{error}");
    assert!(error.contains("function (i32) -> (), it was given function (i64) -> ()"), "{error}");
    Ok(())
}

#[test]
fn names_are_defined_once_unless_shadowing_is_allowed() -> Result<()> {
    let engine = crate::engine();
    let mut linker = Linker::<()>::new(&engine);
    linker.func_wrap("m", "n", || 1)?;
    assert!(chain(linker.func_wrap("m", "n", || 2)).contains("`m::n` defined twice"));
    linker.allow_shadowing(true).func_wrap("m", "n", || 3)?;
    let mut store = Store::new(&engine, ());
    let func = linker.get(&mut store, "m", "n").and_then(Extern::into_func).unwrap();
    assert_eq!(func.typed::<(), i32>(&store)?.call(&mut store, ())?, 3);
    Ok(())
}

#[test]
fn aliases() -> Result<()> {
    let engine = crate::engine();
    let mut linker = Linker::<()>::new(&engine);
    linker.func_wrap("m", "n", || 1)?.func_wrap("m", "o", || 2)?;
    linker.alias("m", "n", "x", "y")?;
    linker.alias_module("m", "copy")?;
    let mut store = Store::new(&engine, ());
    for (module, name, expected) in [("x", "y", 1), ("copy", "n", 1), ("copy", "o", 2)] {
        let func = linker.get(&mut store, module, name).and_then(Extern::into_func).unwrap();
        assert_eq!(func.typed::<(), i32>(&store)?.call(&mut store, ())?, expected);
    }
    assert!(chain(linker.alias("m", "nothing", "x", "z")).contains("`m::nothing` is not defined"));
    Ok(())
}

#[test]
fn modules_import_from_each_other() -> Result<()> {
    let engine = crate::engine();
    let mut linker = Linker::new(&engine);
    let mut store = Store::new(&engine, ());
    let library = Module::new(
        &engine,
        r#"(module
            (global $n (mut i32) (i32.const 0))
            (func (export "_initialize") (global.set $n (i32.const 40)))
            (func (export "next") (result i32)
                (global.set $n (i32.add (global.get $n) (i32.const 1)))
                (global.get $n)))"#,
    )?;
    linker.module(&mut store, "library", &library)?;
    let user = Module::new(
        &engine,
        r#"(module
            (import "library" "next" (func $next (result i32)))
            (func (export "run") (result i32) (drop (call $next)) (call $next)))"#,
    )?;
    let instance = linker.instantiate(&mut store, &user)?;
    assert_eq!(instance.get_typed_func::<(), i32>(&mut store, "run")?.call(&mut store, ())?, 42);
    Ok(())
}

#[test]
fn commands_start_anew_for_every_call() -> Result<()> {
    let engine = crate::engine();
    let mut linker = Linker::new(&engine);
    let mut store = Store::new(&engine, ());
    let command = Module::new(
        &engine,
        r#"(module
            (global $n (mut i32) (i32.const 0))
            (func (export "_start"))
            (func (export "next") (result i32)
                (global.set $n (i32.add (global.get $n) (i32.const 1)))
                (global.get $n)))"#,
    )?;
    linker.module(&mut store, "command", &command)?;
    let next = linker.get(&mut store, "command", "next").and_then(Extern::into_func).unwrap();
    let next = next.typed::<(), i32>(&store)?;
    assert_eq!((next.call(&mut store, ())?, next.call(&mut store, ())?), (1, 1));
    linker.get_default(&mut store, "command")?.typed::<(), ()>(&store)?.call(&mut store, ())?;
    linker.get_default(&mut store, "no such module")?.typed::<(), ()>(&store)?.call(&mut store, ())?;
    Ok(())
}

#[test]
fn unknown_imports() -> Result<()> {
    let engine = crate::engine();
    let module = Module::new(
        &engine,
        r#"(module
            (import "env" "f" (func $f (param i32) (result i64)))
            (func (export "run") (result i64) (call $f (i32.const 0))))"#,
    )?;
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    linker.define_unknown_imports_as_traps(&module)?;
    let instance = linker.instantiate(&mut store, &module)?;
    let error = chain(instance.get_typed_func::<(), i64>(&mut store, "run")?.call(&mut store, ()));
    assert!(error.contains("unknown import: `env::f` has not been defined"), "{error}");

    let more = Module::new(
        &engine,
        r#"(module
            (import "env" "f" (func $f (param i32) (result i64)))
            (import "env" "m" (memory 1 2))
            (import "env" "g" (global (mut f64)))
            (import "env" "t" (table 3 externref))
            (func (export "run") (result i64) (call $f (i32.const 0))))"#,
    )?;
    assert!(linker.define_unknown_imports_as_traps(&more).is_err());
    let mut linker = Linker::new(&engine);
    linker.define_unknown_imports_as_default_values(&mut store, &more)?;
    let instance = linker.instantiate(&mut store, &more)?;
    assert_eq!(instance.get_typed_func::<(), i64>(&mut store, "run")?.call(&mut store, ())?, 0);
    Ok(())
}

#[test]
fn prepared_instances_serve_many_stores() -> Result<()> {
    let engine = crate::engine();
    let mut linker = Linker::new(&engine);
    linker.func_wrap("host", "id", |caller: tiercel::Caller<'_, i32>| *caller.data())?;
    let module = Module::new(
        &engine,
        r#"(module (import "host" "id" (func $id (result i32))) (func (export "run") (result i32) (call $id)))"#,
    )?;
    let pre = linker.instantiate_pre(&module)?;
    let threads: Vec<_> = (0..4)
        .map(|id| {
            let (pre, engine) = (pre.clone(), engine.clone());
            std::thread::spawn(move || -> Result<i32> {
                let mut store = Store::new(&engine, id);
                let instance = pre.instantiate(&mut store)?;
                instance.get_typed_func::<(), i32>(&mut store, "run")?.call(&mut store, ())
            })
        })
        .collect();
    for (id, thread) in threads.into_iter().enumerate() {
        assert_eq!(thread.join().expect("no panic")?, id as i32);
    }
    Ok(())
}

#[test]
fn instances_can_be_defined() -> Result<()> {
    let engine = crate::engine();
    let mut store = Store::new(&engine, ());
    let module = Module::new(&engine, r#"(module (memory (export "m") 1) (func (export "f")))"#)?;
    let instance = Instance::new(&mut store, &module, &[])?;
    let mut linker = Linker::new(&engine);
    linker.instance(&mut store, "it", instance)?;
    assert_eq!(linker.get(&mut store, "it", "m").and_then(Extern::into_memory), instance.get_memory(&mut store, "m"));
    Ok(())
}

#[test]
#[should_panic(expected = "definition used with the wrong store")]
fn another_store() {
    let engine = crate::engine();
    let mut store = Store::new(&engine, ());
    let memory = Memory::new(&mut store, MemoryType::new(1, None)).unwrap();
    let mut linker = Linker::new(&engine);
    linker.define(&store, "", "", memory).unwrap();
    let module = Module::new(&engine, r#"(module (import "" "" (memory 1)))"#).unwrap();
    let _ = linker.instantiate(Store::new(&engine, ()), &module);
}
