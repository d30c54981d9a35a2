//! Fuel and epochs.

use crate::chain;
use tiercel::{Caller, Config, Engine, Func, Instance, Module, Result, Store, Trap, TypedFunc, UpdateDeadline};

/// A store whose guest counts down from its parameter.
fn countdown<T: 'static>(config: &Config, data: T) -> Result<(Store<T>, TypedFunc<i32, ()>)> {
    let engine = Engine::new(config)?;
    let module = Module::new(
        &engine,
        r#"(module (func (export "count") (param i32)
            (loop $more
                (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
                (br_if $more (local.get 0)))))"#,
    )?;
    let mut store = Store::new(&engine, data);
    let instance = Instance::new(&mut store, &module, &[])?;
    let count = instance.get_typed_func(&mut store, "count")?;
    Ok((store, count))
}

#[test]
fn fuel_must_be_enabled() -> Result<()> {
    let mut store = Store::<()>::default();
    assert!(chain(store.set_fuel(1)).contains("Config::consume_fuel"));
    assert!(store.get_fuel().is_err());
    Ok(())
}

#[test]
fn fuel_is_remembered_exactly() -> Result<()> {
    let engine = Engine::new(crate::config().consume_fuel(true))?;
    let mut store = Store::new(&engine, ());
    assert_eq!(store.get_fuel()?, 0);
    for fuel in [0, 1, i64::MAX as u64, u64::MAX] {
        store.set_fuel(fuel)?;
        assert_eq!(store.get_fuel()?, fuel);
    }
    Ok(())
}

#[test]
fn fuel_runs_out() -> Result<()> {
    let (mut store, count) = countdown(crate::config().consume_fuel(true), ())?;
    store.set_fuel(10_000)?;
    count.call(&mut store, 10)?;
    let left = store.get_fuel()?;
    assert!((1..10_000).contains(&left));
    count.call(&mut store, 10)?;
    assert_eq!(10_000 - left, left - store.get_fuel()?, "the same work, the same fuel");
    let error = count.call(&mut store, 1_000_000).unwrap_err();
    assert_eq!(error.downcast_ref::<Trap>(), Some(&Trap::OutOfFuel));
    store.set_fuel(10_000)?;
    count.call(&mut store, 10)?;
    Ok(())
}

#[test]
fn the_epoch_interrupts() -> Result<()> {
    let (mut store, count) = countdown(crate::config().epoch_interruption(true), ())?;
    let interrupted = |error: tiercel::Error| error.downcast_ref::<Trap>() == Some(&Trap::Interrupt);
    assert!(interrupted(count.call(&mut store, 1).unwrap_err()), "no deadline is one that has passed");
    store.set_epoch_deadline(1);
    count.call(&mut store, 1000)?;
    let engine = store.engine().clone();
    let ticker = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(20));
        engine.increment_epoch();
    });
    assert!(interrupted(count.call(&mut store, 0).unwrap_err()), "2^32 rounds take longer");
    ticker.join().expect("the ticker");
    store.set_epoch_deadline(1);
    count.call(&mut store, 1000)?;
    Ok(())
}

#[test]
fn the_deadline_can_call_back() -> Result<()> {
    let (mut store, count) = countdown(crate::config().epoch_interruption(true), 0)?;
    store.epoch_deadline_callback(|mut store| {
        *store.data_mut() += 1;
        match *store.data() {
            1 => Ok(UpdateDeadline::Continue(1)),
            2 => Ok(UpdateDeadline::Interrupt),
            _ => Err(tiercel::format_err!("enough")),
        }
    });
    count.call(&mut store, 10)?;
    assert_eq!(*store.data(), 1);
    store.engine().increment_epoch();
    let error = count.call(&mut store, 10).unwrap_err();
    assert_eq!(error.downcast_ref::<Trap>(), Some(&Trap::Interrupt));
    assert!(chain(count.call(&mut store, 10)).ends_with("enough"));
    store.epoch_deadline_trap();
    assert!(count.call(&mut store, 10).is_err());
    assert_eq!(*store.data(), 3);
    Ok(())
}

fn trap_of(error: &tiercel::Error) -> Option<&Trap> {
    error.downcast_ref::<Trap>()
}

/// What was used is enough, and one less is not.
#[test]
fn fuel_is_counted_exactly() -> Result<()> {
    const WAT: &str = r#"(module (import "" "" (func $host (param i32) (result i32)))
        (func $leaf (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
        (func (export "count") (param i32) (result i32) (local i32)
            (loop $more
                (local.set 1 (call $leaf (local.get 1)))
                (br_if $more (i32.lt_u (local.get 1) (local.get 0))))
            (local.get 1))
        (func $fib (export "fib") (param i32) (result i32)
            (if (result i32) (i32.lt_u (local.get 0) (i32.const 2))
                (then (local.get 0))
                (else (i32.add (call $fib (i32.sub (local.get 0) (i32.const 1))) (call $fib (i32.sub (local.get 0) (i32.const 2)))))))
        (func (export "by way of the host") (param i32) (result i32) (call $host (local.get 0))))"#;
    let engine = Engine::new(crate::config().consume_fuel(true))?;
    let module = Module::new(&engine, WAT)?;
    let mut store = Store::new(&engine, ());
    let back = Func::wrap(&mut store, |mut caller: Caller<'_, ()>, n: i32| -> Result<i32> {
        let func = caller.get_export("fib").and_then(|export| export.into_func()).expect("fib");
        func.typed::<i32, i32>(&caller)?.call(&mut caller, n)
    });
    let instance = Instance::new(&mut store, &module, &[back.into()])?;
    for name in ["count", "fib", "by way of the host"] {
        let func = instance.get_typed_func::<i32, i32>(&mut store, name)?;
        store.set_fuel(1 << 20)?;
        let result = func.call(&mut store, 9)?;
        let used = (1 << 20) - store.get_fuel()?;
        store.set_fuel(used)?;
        assert_eq!((func.call(&mut store, 9)?, store.get_fuel()?), (result, 0), "{name}");
        for fuel in [used - 1, used / 2, 1, 0] {
            store.set_fuel(fuel)?;
            let error = func.call(&mut store, 9).unwrap_err();
            assert_eq!(
                (trap_of(&error), store.get_fuel()?),
                (Some(&Trap::OutOfFuel), 0),
                "{name} with {fuel} of {used}"
            );
        }
    }
    Ok(())
}

/// Guests that would go on for ever, in every way that they can, and whose deadline comes when they have begun.
#[test]
fn the_epoch_ends_everything() -> Result<()> {
    const WAT: &str = r#"(module (import "" "tick" (func $tick)) (import "" "inner" (func $inner)) (import "" "deaf" (func $deaf))
        (type $nothing (func))
        (table funcref (elem $by_reference))
        (func (export "loop") (call $tick) (loop $again (br $again)))
        (func $leaf (loop $again (br $again)))
        (func (export "leaf") (call $tick) (call $leaf))
        (func $counted (param i32) (result i32)
            (loop $again (result i32) (local.set 0 (i32.mul (local.get 0) (i32.const 3))) (br $again)))
        (func (export "leaf with values") (call $tick) (drop (call $counted (i32.const 1))))
        (func $tail (return_call $tail))
        (func (export "tail calls") (call $tick) (return_call $tail))
        (func $by_reference (return_call_indirect (type $nothing) (i32.const 0)))
        (func (export "tail calls by reference") (call $tick) (call $by_reference))
        (func (export "host and guest in turns") (call $inner))
        (func (export "a host that goes on") (loop $again (call $deaf) (br $again)))
        (func (export "in the host") (loop $again (call $tick) (br $again))))"#;
    let engine = Engine::new(crate::config().epoch_interruption(true))?;
    let module = Module::new(&engine, WAT)?;
    let mut store = Store::new(&engine, ());
    let tick = Func::wrap(&mut store, |caller: Caller<'_, ()>| caller.engine().increment_epoch());
    let inner = |caller: &mut Caller<'_, ()>| {
        let func = caller.get_export("leaf").and_then(|export| export.into_func()).expect("leaf");
        func.typed::<(), ()>(&*caller)?.call(caller, ())
    };
    let passes_on = Func::wrap(&mut store, move |mut caller: Caller<'_, ()>| inner(&mut caller));
    let deaf = Func::wrap(&mut store, move |mut caller: Caller<'_, ()>| {
        assert_eq!(trap_of(&inner(&mut caller).unwrap_err()), Some(&Trap::Interrupt));
    });
    let instance = Instance::new(&mut store, &module, &[tick.into(), passes_on.into(), deaf.into()])?;
    let names: Vec<String> = module.exports().map(|export| export.name().to_string()).collect();
    assert_eq!(names.len(), 8);
    for name in names {
        let func = instance.get_typed_func::<(), ()>(&mut store, &name)?;
        store.set_epoch_deadline(1);
        let error = func.call(&mut store, ()).unwrap_err();
        assert_eq!(trap_of(&error), Some(&Trap::Interrupt), "{name}");
    }
    Ok(())
}
