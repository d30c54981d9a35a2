//! Fuel and epochs.

use crate::chain;
use tiercel::{Config, Engine, Instance, Module, Result, Store, Trap, TypedFunc, UpdateDeadline};

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
