//! Calls from the host to guests and back.

use crate::{chain, instance};
use tiercel::{
    AsContextMut, Caller, Extern, Func, FuncType, Instance, Linker, Module, Result, Store, V128, Val, ValType,
};

#[test]
fn typed_and_untyped() -> Result<()> {
    let (mut store, instance) = instance(
        r#"(module
            (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
            (func (export "swap") (param i64 f64) (result f64 i64) local.get 1 local.get 0)
            (func (export "nothing")))"#,
    )?;
    let add = instance.get_typed_func::<(i32, i32), i32>(&mut store, "add")?;
    assert_eq!(add.call(&mut store, (40, 2))?, 42);
    let unsigned = instance.get_typed_func::<(u32, u32), u32>(&mut store, "add")?;
    assert_eq!(unsigned.call(&mut store, (u32::MAX, 2))?, 1);
    let swap = instance.get_typed_func::<(i64, f64), (f64, i64)>(&mut store, "swap")?;
    assert_eq!(swap.call(&mut store, (-1, 0.5))?, (0.5, -1));
    instance.get_typed_func::<(), ()>(&mut store, "nothing")?.call(&mut store, ())?;

    let mut results = [Val::I32(0), Val::I32(0)];
    let swap = instance.get_func(&mut store, "swap").unwrap();
    swap.call(&mut store, &[Val::I64(3), Val::from(1.5f64)], &mut results)?;
    assert_eq!((results[0].unwrap_f64(), results[1].i64()), (1.5, Some(3)));
    Ok(())
}

#[test]
fn wrong_calls_are_refused() -> Result<()> {
    let (mut store, instance) = instance(r#"(module (func (export "f") (param i32) (result i64) i64.const 0))"#)?;
    let func = instance.get_func(&mut store, "f").unwrap();
    assert!(chain(func.call(&mut store, &[], &mut [Val::I64(0)])).contains("takes 1 parameters, 0 were given"));
    assert!(chain(func.call(&mut store, &[Val::I32(0)], &mut [])).contains("has 1 results, there is room for 0"));
    let error = chain(func.call(&mut store, &[Val::I64(0)], &mut [Val::I64(0)]));
    assert!(error.contains("parameter 0 should be i32, found i64"), "{error}");

    let error = chain(func.typed::<i64, i64>(&store));
    assert!(error.contains("(i32) -> (i64)") && error.contains("parameter 0"), "{error}");
    assert!(chain(func.typed::<i32, ()>(&store)).contains("has 1 results, found 0"));
    assert!(chain(instance.get_typed_func::<(), ()>(&mut store, "g")).contains("failed to find function export `g`"));
    Ok(())
}

#[test]
fn host_functions_of_every_shape() -> Result<()> {
    let engine = crate::engine();
    let mut store = Store::new(&engine, 5);
    let one = Func::wrap(&mut store, |a: i32| a + 1);
    assert_eq!(one.typed::<i32, i32>(&store)?.call(&mut store, 1)?, 2);
    let several = Func::wrap(&mut store, |a: i64, b: f32, c: V128| (c, b, a));
    let typed = several.typed::<(i64, f32, V128), (V128, f32, i64)>(&store)?;
    let vector = V128::from(u128::MAX - 5);
    assert_eq!(typed.call(&mut store, (1, 2.0, vector))?, (vector, 2.0, 1));
    let data = Func::wrap(&mut store, |mut caller: Caller<'_, i32>, add: i32| {
        *caller.data_mut() += add;
        *caller.data()
    });
    assert_eq!(data.typed::<i32, i32>(&store)?.call(&mut store, 2)?, 7);
    assert_eq!(*store.data(), 7);
    let fallible = Func::wrap(&mut store, |fail: i32| -> Result<()> {
        if fail == 0 { Ok(()) } else { tiercel::bail!("no") }
    });
    let fallible = fallible.typed::<i32, ()>(&store)?;
    fallible.call(&mut store, 0)?;
    assert_eq!(chain(fallible.call(&mut store, 1)), "no");

    let many = Func::wrap(
        &mut store,
        |a: i32,
         b: i32,
         c: i32,
         d: i32,
         e: i32,
         f: i32,
         g: i32,
         h: i32,
         i: i32,
         j: i32,
         k: i32,
         l: i32,
         m: i32,
         n: i32,
         o: i32,
         p: i32| { (p, o, n, m, l, k, j, i, h, g, f, e, d, c, b, a) },
    );
    let params: Vec<Val> = (0..16).map(Val::I32).collect();
    let mut results = vec![Val::I32(-1); 16];
    many.call(&mut store, &params, &mut results)?;
    assert_eq!(results.iter().map(Val::unwrap_i32).collect::<Vec<_>>(), (0..16).rev().collect::<Vec<_>>());
    assert_eq!(store.into_data(), 7);
    Ok(())
}

#[test]
fn guests_call_typed_host_functions() -> Result<()> {
    let engine = crate::engine();
    let mut linker = Linker::new(&engine);
    linker.func_wrap("host", "mix", |mut caller: Caller<'_, Vec<i32>>, a: i32, b: i64, c: f32, d: f64| {
        caller.data_mut().push(a);
        (d + f64::from(c), b - i64::from(a))
    })?;
    let module = Module::new(
        &engine,
        r#"(module
            (import "host" "mix" (func $mix (param i32 i64 f32 f64) (result f64 i64)))
            (func (export "run") (param i32) (result f64 i64)
                (call $mix (local.get 0) (i64.const 100) (f32.const 0.5) (f64.const 2))))"#,
    )?;
    let mut store = Store::new(&engine, Vec::new());
    let instance = linker.instantiate(&mut store, &module)?;
    let run = instance.get_typed_func::<i32, (f64, i64)>(&mut store, "run")?;
    assert_eq!(run.call(&mut store, 7)?, (2.5, 93));
    assert_eq!(run.call(&mut store, -1)?, (2.5, 101));
    assert_eq!(store.data(), &[7, -1]);
    Ok(())
}

#[test]
fn guests_call_untyped_host_functions() -> Result<()> {
    let engine = crate::engine();
    let mut store = Store::new(&engine, ());
    let ty = FuncType::new(&engine, [ValType::V128, ValType::I32], [ValType::I32, ValType::V128]);
    let swap = Func::new(&mut store, ty.clone(), |_, params, results| {
        results.copy_from_slice(&[params[1], params[0]]);
        Ok(())
    });
    assert_eq!(swap.ty(&store), ty);
    let module = Module::new(
        &engine,
        r#"(module
            (import "" "" (func $swap (param v128 i32) (result i32 v128)))
            (func (export "run") (param i32) (result i32 i64)
                (call $swap (v128.const i64x2 1 2) (local.get 0))
                (i64x2.extract_lane 1)))"#,
    )?;
    let instance = Instance::new(&mut store, &module, &[swap.into()])?;
    let run = instance.get_typed_func::<i32, (i32, i64)>(&mut store, "run")?;
    assert_eq!(run.call(&mut store, 9)?, (9, 2));

    let ty = FuncType::new(&engine, [], [ValType::I32]);
    let wrong = Func::new(&mut store, ty, |_, _, results| {
        results[0] = Val::I64(0);
        Ok(())
    });
    let error = chain(wrong.call(&mut store, &[], &mut [Val::I32(0)]));
    assert!(error.contains("result 0 of the host function should be i32, found i64"), "{error}");
    Ok(())
}

#[test]
fn callers_reach_the_exports_of_the_guest() -> Result<()> {
    let engine = crate::engine();
    let mut linker = Linker::new(&engine);
    linker.func_wrap("host", "print", |mut caller: Caller<'_, String>, start: u32, len: u32| -> Result<()> {
        let memory = caller.get_export("memory").and_then(Extern::into_memory).expect("a memory");
        assert!(caller.get_export("no such export").is_none());
        let (bytes, text) = memory.data_and_store_mut(&mut caller);
        text.push_str(std::str::from_utf8(&bytes[start as usize..][..len as usize])?);
        Ok(())
    })?;
    let module = Module::new(
        &engine,
        r#"(module
            (import "host" "print" (func $print (param i32 i32)))
            (memory (export "memory") 1)
            (data (i32.const 8) "hello, world")
            (func (export "run") (call $print (i32.const 8) (i32.const 5))))"#,
    )?;
    let mut store = Store::new(&engine, String::new());
    let instance = linker.instantiate(&mut store, &module)?;
    instance.get_typed_func::<(), ()>(&mut store, "run")?.call(&mut store, ())?;
    assert_eq!(store.data(), "hello");
    Ok(())
}

/// A guest that calls `host.back` with n - 1 until n is 0, and adds up what comes back.
const PING_PONG: &str = r#"(module
    (import "host" "back" (func $back (param i32) (result i32)))
    (func (export "go") (param i32) (result i32)
        (if (result i32) (i32.eqz (local.get 0))
            (then (i32.const 0))
            (else (i32.add (local.get 0) (call $back (i32.sub (local.get 0) (i32.const 1))))))))"#;

#[test]
fn calls_nest() -> Result<()> {
    let engine = crate::engine();
    let mut linker = Linker::new(&engine);
    linker.func_wrap("host", "back", |mut caller: Caller<'_, ()>, n: i32| -> Result<i32> {
        let go = caller.get_export("go").and_then(Extern::into_func).expect("a function");
        go.typed::<i32, i32>(&caller)?.call(&mut caller, n)
    })?;
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &Module::new(&engine, PING_PONG)?)?;
    let go = instance.get_typed_func::<i32, i32>(&mut store, "go")?;
    assert_eq!(go.call(&mut store, 20)?, 210);
    // Recursion without end is a trap, not a crash, and the store can be used again.
    let error = go.call(&mut store, i32::MAX).unwrap_err();
    assert_eq!(error.downcast_ref::<tiercel::Trap>(), Some(&tiercel::Trap::StackOverflow), "{error:?}");
    assert_eq!(go.call(&mut store, 3)?, 6);
    Ok(())
}

#[test]
fn function_references_travel() -> Result<()> {
    let (mut store, instance) = instance(
        r#"(module
            (type $t (func (result i32)))
            (table $t 1 funcref)
            (func $seven (export "seven") (result i32) i32.const 7)
            (func (export "get") (result funcref) ref.func $seven)
            (func (export "call") (param funcref) (result i32)
                (table.set (i32.const 0) (local.get 0))
                (call_indirect (type $t) (i32.const 0))))"#,
    )?;
    let seven = instance.get_typed_func::<(), Option<Func>>(&mut store, "get")?.call(&mut store, ())?.unwrap();
    assert_eq!(Some(seven), instance.get_func(&mut store, "seven"));
    assert_eq!(seven.typed::<(), i32>(&store)?.call(&mut store, ())?, 7);
    let call = instance.get_typed_func::<Option<Func>, i32>(&mut store, "call")?;
    assert_eq!(call.call(&mut store, Some(seven))?, 7);
    let eight = Func::wrap(&mut store, || 8);
    assert_eq!(call.call(&mut store, Some(eight))?, 8);
    let wrong = Func::wrap(&mut store, || 8i64);
    assert!(chain(call.call(&mut store, Some(wrong))).contains("indirect call type mismatch"));
    assert!(chain(call.call(&mut store, None)).contains("uninitialized element"));
    Ok(())
}

#[test]
#[should_panic(expected = "function used with the wrong store")]
fn another_store() {
    let engine = crate::engine();
    let func = Func::wrap(Store::new(&engine, ()), || ());
    let mut store = Store::new(&engine, ());
    let _ = func.call(store.as_context_mut(), &[], &mut []);
}

#[test]
fn values_of_another_store_are_refused() -> Result<()> {
    let engine = crate::engine();
    let foreign = Func::wrap(Store::new(&engine, ()), || ());
    let mut store = Store::new(&engine, ());
    let take = Func::wrap(&mut store, |_: Option<Func>| ());
    assert!(chain(take.call(&mut store, &[foreign.into()], &mut [])).contains("another store"));
    let typed = take.typed::<Option<Func>, ()>(&store)?;
    assert!(chain(typed.call(&mut store, Some(foreign))).contains("another store"));
    let give = Func::wrap(&mut store, move || Some(foreign));
    assert!(chain(give.call(&mut store, &[], &mut [Val::null_func_ref()])).contains("another store"));
    Ok(())
}
