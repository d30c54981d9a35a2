//! Calls: host to guest, guest to host, to the interpreter and back.

use super::hand::{ARGS, Hand, RESULT, engine, module};
use crate::{Caller, Func, FuncType, Instance, Module, Store, Tier, Val, ValType};
use alloc::string::String;
use alloc::string::ToString as _;
use alloc::vec::Vec;
use std::{format, vec};

#[test]
fn a_function_adds() {
    let mut add = Hand::frameless();
    add.add(RESULT, ARGS[0], ARGS[1]);
    add.ret();
    let engine = engine();
    let wat = r#"(module (func (export "add") (param i32 i32) (result i32) unreachable))"#;
    let module = module(&engine, wat, vec![add.finish()]);
    assert_eq!(module.tier(), Tier::Opt);
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
    let add = instance.get_typed_func::<(i32, i32), i32>(&mut store, "add").expect("add");
    assert_eq!(add.call(&mut store, (40, 2)).expect("no trap"), 42);
    assert_eq!(add.call(&mut store, (i32::MAX, 1)).expect("no trap"), i32::MIN);
}

/// A value of a type that no other one equals.
fn value(ty: &ValType, number: u64) -> Val {
    let bits = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    match ty {
        ValType::I32 => Val::I32(bits as i32),
        ValType::I64 => Val::I64(bits as i64),
        ValType::F32 => Val::F32(bits as u32),
        ValType::F64 => Val::F64(bits),
        _ => Val::V128((u128::from(bits) << 64 | u128::from(!bits)).into()),
    }
}

fn text(values: &[Val]) -> String {
    format!("{values:?}")
}

/// Every way that values can travel: from slots to registers, stack and buffer, and back, by way of compiled code that passes them on.
#[test]
fn values_of_every_signature_arrive() {
    const TYPES: [ValType; 5] = [ValType::I32, ValType::I64, ValType::F32, ValType::F64, ValType::V128];
    let mut random = 1u64;
    let mut below = |n: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % n
    };
    let engine = engine();
    for _ in 0..60 {
        let mut list = |most: u64| (0..below(most + 1)).map(|_| TYPES[below(5) as usize]).collect::<Vec<_>>();
        let (params, results) = (list(25), list(20));
        let names = |types: &[ValType]| types.iter().map(|ty| format!(" {ty}")).collect::<String>();
        let ty = format!("(param{}) (result{})", names(&params), names(&results));
        let wat = format!(r#"(module (import "" "" (func {ty})) (func (export "f") {ty} unreachable))"#);
        let mut pass_on = Hand::frameless();
        let layout = Module::new(&engine, &wat).expect("valid").0.layout;
        pass_on.tail_call_import(layout.imported_func(0));
        let module = module(&engine, &wat, vec![pass_on.finish()]);
        let mut store = Store::new(&engine, ());
        let given: Vec<Val> = params.iter().enumerate().map(|(i, ty)| value(ty, i as u64)).collect();
        let returned: Vec<Val> = results.iter().enumerate().map(|(i, ty)| value(ty, 100 + i as u64)).collect();
        let (expected, give) = (text(&given), returned.clone());
        let host = Func::new(&mut store, FuncType::new(&engine, params, results.clone()), move |_, params, results| {
            assert_eq!(text(params), expected);
            results.copy_from_slice(&give);
            Ok(())
        });
        let instance = Instance::new(&mut store, &module, &[host.into()]).expect("an instance");
        let func = instance.get_func(&mut store, "f").expect("f");
        let mut results = vec![Val::I32(0); results.len()];
        func.call(&mut store, &given, &mut results).expect("no trap");
        assert_eq!(text(&results), text(&returned));
    }
}

/// Calls the import with its parameter less one, and adds one to the result; 0 gives 0.
fn count(engine: &crate::Engine) -> Module {
    const WAT: &str = r#"(module (import "" "" (func (param i32) (result i32))) (memory 1)
        (func (export "f") (param i32) (result i32) unreachable))"#;
    let layout = Module::new(engine, WAT).expect("valid").0.layout;
    let mut count = Hand::framed(16);
    let (zero, done) = (count.asm.label(), count.asm.label());
    count.jump_if_zero(ARGS[0], zero);
    count.add_constant(ARGS[0], -1);
    count.call_import(layout.imported_func(0), 77);
    count.add_constant(RESULT, 1);
    count.asm.jmp(done);
    count.asm.bind(zero);
    count.constant(RESULT, 0);
    count.asm.bind(done);
    count.ret();
    module(engine, WAT, vec![count.finish()])
}

/// The same function, for a module that the interpreter runs.
const INTERPRETED: &str = r#"(import "" "" (func $next (param i32) (result i32)))
    (func (export "f") (param i32) (result i32)
        (if (result i32) (i32.eqz (local.get 0)) (then (i32.const 0))
            (else (i32.add (i32.const 1) (call $next (i32.sub (local.get 0) (i32.const 1)))))))"#;

/// Guest, host, guest, host, ... inside each other.
#[test]
fn host_and_guest_call_each_other() {
    let engine = engine();
    let module = count(&engine);
    let mut store = Store::new(&engine, 0u32);
    let back = Func::wrap(&mut store, |mut caller: Caller<'_, u32>, left: i32| -> crate::Result<i32> {
        *caller.data_mut() += 1;
        let f = caller.get_export("f").and_then(|f| f.into_func()).expect("the calling instance has it");
        f.typed::<i32, i32>(&caller)?.call(&mut caller, left)
    });
    let instance = Instance::new(&mut store, &module, &[back.into()]).expect("an instance");
    let f = instance.get_typed_func::<i32, i32>(&mut store, "f").expect("f");
    assert_eq!(f.call(&mut store, 50).expect("no trap"), 50);
    assert_eq!(*store.data(), 50);
}

/// Compiled code, the interpreter, compiled code, ... inside each other, and the host at the end.
#[test]
fn tiers_call_each_other() {
    let engine = engine();
    let (compiled, interpreted) =
        (count(&engine), Module::new(&engine, super::too_complex(INTERPRETED)).expect("valid"));
    assert_eq!((compiled.tier(), interpreted.tier()), (Tier::Opt, Tier::Interp));
    let mut store = Store::new(&engine, ());
    let mut next = Func::wrap(&mut store, |left: i32| 1000 + left);
    for number in 0..20 {
        let module = if number % 2 == 0 { &compiled } else { &interpreted };
        let instance = Instance::new(&mut store, module, &[next.into()]).expect("an instance");
        next = instance.get_func(&mut store, "f").expect("f");
    }
    let f = next.typed::<i32, i32>(&store).expect("its type");
    assert_eq!(f.call(&mut store, 5).expect("no trap"), 5);
    assert_eq!(f.call(&mut store, 20).expect("no trap"), 1020);
    assert_eq!(f.call(&mut store, 23).expect("no trap"), 1023);
    assert_eq!(next.ty(&store).to_string(), Func::wrap(&mut store, |x: i32| x).ty(&store).to_string());
}

/// A host function has a guest called on another thread, whose stack is at another place, in both directions.
#[test]
fn another_thread_calls_while_the_host_waits() {
    let engine = engine();
    let module = count(&engine);
    let run = move || {
        let mut store = Store::new(&engine, ());
        let back = Func::wrap(&mut store, |mut caller: Caller<'_, ()>, left: i32| -> crate::Result<i32> {
            let f = caller.get_export("f").and_then(|f| f.into_func()).expect("the calling instance has it");
            let f = f.typed::<i32, i32>(&caller)?;
            let mut context = crate::AsContextMut::as_context_mut(&mut caller);
            std::thread::scope(|scope| scope.spawn(move || f.call(&mut context, left)).join()).expect("no panic")
        });
        let instance = Instance::new(&mut store, &module, &[back.into()]).expect("an instance");
        let f = instance.get_typed_func::<i32, i32>(&mut store, "f").expect("f");
        assert_eq!(f.call(&mut store, 10).expect("no trap"), 10);
    };
    run();
    std::thread::spawn(run).join().expect("no panic");
}
