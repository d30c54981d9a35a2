//! What a call between host and guest costs, in nanoseconds, in each tier.
//!
//! ```text
//! cargo run --release -p tiercel --example call_overhead
//! ```

use std::time::Instant;
use tiercel::{Config, Engine, Instance, Linker, Module, Result, Store, Tier, Val};

const WAT: &str = r#"(module
    (import "host" "add" (func $add (param i32 i32) (result i32)))
    (import "host" "nop" (func $nop))
    (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (func (export "nop"))
    (func (export "call_nop") (param i32)
        (loop $again
            (call $nop)
            (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
    (func (export "call_add") (param i32) (result i32) (local i32)
        (loop $again
            (local.set 1 (call $add (local.get 1) (local.get 0)))
            (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
        (local.get 1)))"#;

/// Calls per measurement; the best of some measurements counts.
const CALLS: i32 = 1_000_000;
const MEASUREMENTS: usize = 7;

fn measure(what: &str, mut act: impl FnMut() -> Result<()>) -> Result<()> {
    let mut best = f64::INFINITY;
    for _ in 0..MEASUREMENTS {
        let began = Instant::now();
        act()?;
        best = best.min(began.elapsed().as_secs_f64());
    }
    println!("  {what:<28} {:>6.1} ns", best * 1e9 / f64::from(CALLS));
    Ok(())
}

fn main() -> Result<()> {
    for &tier in Tier::ALL.iter().filter(|tier| tier.is_available()) {
        let engine = Engine::new(Config::new().tier(tier))?;
        let module = Module::new(&engine, WAT)?;
        let mut linker = Linker::new(&engine);
        linker.func_wrap("host", "add", |a: i32, b: i32| a.wrapping_add(b))?;
        linker.func_wrap("host", "nop", || {})?;
        let mut store = Store::new(&engine, ());
        let instance: Instance = linker.instantiate(&mut store, &module)?;
        println!("{} (the module runs in {})", tier.name(), module.tier().name());
        let nop = instance.get_typed_func::<(), ()>(&mut store, "nop")?;
        let add = instance.get_typed_func::<(i32, i32), i32>(&mut store, "add")?;
        let call_nop = instance.get_typed_func::<i32, ()>(&mut store, "call_nop")?;
        let call_add = instance.get_typed_func::<i32, i32>(&mut store, "call_add")?;
        measure("host to guest, typed, nop", || (0..CALLS).try_for_each(|_| nop.call(&mut store, ())))?;
        measure("host to guest, typed, add", || {
            (0..CALLS).try_for_each(|i| add.call(&mut store, (i, 1)).map(|sum| assert_eq!(sum, i + 1)))
        })?;
        let untyped = *add.func();
        measure("host to guest, untyped, add", || {
            let mut results = [Val::I32(0)];
            (0..CALLS).try_for_each(|i| untyped.call(&mut store, &[Val::I32(i), Val::I32(1)], &mut results))
        })?;
        measure("guest to host, typed, nop", || call_nop.call(&mut store, CALLS))?;
        measure("guest to host, typed, add", || call_add.call(&mut store, CALLS).map(|_| ()))?;
    }
    Ok(())
}
