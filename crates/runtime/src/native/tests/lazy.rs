//! Modules whose functions are compiled when they are called: many threads at once, and what happens to all of it in the end.

use crate::{Config, Engine, Func, Instance, Module, Store, Tier, Trap};
use alloc::string::String;
use std::format;
use std::thread;

/// Functions, each of which calls the next one and adds its own number; the last one divides by the argument's lowest bit.
fn chain(funcs: u32) -> String {
    let mut wat = String::from("(module (memory 1)");
    for func in 0..funcs {
        wat += &format!("(func (export \"f{func}\") (param i32) (result i32) (local i32)");
        wat += "(loop (i32.store8 (local.get 1) (local.get 0)) (local.set 1 (i32.add (local.get 1) (i32.const 1)))";
        wat += "(br_if 0 (i32.lt_u (local.get 1) (i32.const 9))))";
        wat += &match func + 1 {
            next if next < funcs => format!("(i32.add (i32.const {func}) (call {next} (local.get 0))))"),
            _ => "(i32.div_u (i32.const 1) (i32.and (local.get 0) (i32.const 1))))".into(),
        };
    }
    wat + ")"
}

fn engine(budget: u32) -> Engine {
    Engine::new(Config::new().tier(Tier::Auto).tier_up_budget(budget).compiler_threads(2)).expect("an engine")
}

#[test]
fn threads_compile_the_same_functions() {
    const FUNCS: u32 = 60;
    for budget in [0, 300, 100_000] {
        let engine = engine(budget);
        let module = Module::new(&engine, chain(FUNCS)).expect("a valid module");
        assert_eq!(module.tier(), Tier::Auto);
        let run = |first: u32| {
            let mut store = Store::new(&engine, ());
            let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
            for round in 0..20 {
                let func = (first * 7 + round * 13) % FUNCS;
                let call = instance.get_typed_func::<i32, i32>(&mut store, &format!("f{func}")).expect("exported");
                let sum: u32 = (func..FUNCS - 1).sum();
                assert_eq!(call.call(&mut store, 3).expect("no trap"), (sum + 1) as i32);
                let error = call.call(&mut store, 2).expect_err("a trap");
                assert_eq!(error.downcast_ref::<Trap>(), Some(&Trap::IntegerDivisionByZero));
                let frames = error.downcast_ref::<crate::WasmBacktrace>().expect("a backtrace").frames().len();
                assert_eq!(frames, ((FUNCS - func) as usize).min(engine.config().backtrace_max_frames));
            }
        };
        thread::scope(|scope| (0..6).for_each(|first| drop(scope.spawn(move || run(first)))));
    }
}

/// Modules and engines go while functions of theirs wait to be optimized.
#[test]
fn modules_go_while_they_are_optimized() {
    for round in 0..20 {
        let engine = engine(0);
        for funcs in 1..6 {
            let module = Module::new(&engine, chain(funcs * 5 + round)).expect("a valid module");
            let mut store = Store::new(&engine, ());
            let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
            let call = instance.get_typed_func::<i32, i32>(&mut store, "f0").expect("exported");
            call.call(&mut store, 1).expect("no trap");
        }
    }
}

/// The optimizing compiler makes code while a guest is in that of the first one, which therefore stays.
#[test]
fn functions_are_optimized() {
    let engine = engine(0);
    let wat = "(module (import \"\" \"wait\" (func $wait)) (func (export \"f\") (call $wait)))";
    let module = Module::new(&engine, wat).expect("a valid module");
    let mut store = Store::new(&engine, ());
    let seen = module.clone();
    let wait = Func::wrap(&mut store, move || {
        while seen.code_ranges().len() < 2 {
            thread::yield_now();
        }
    });
    let instance = Instance::new(&mut store, &module, &[wait.into()]).expect("an instance");
    let call = instance.get_typed_func::<(), ()>(&mut store, "f").expect("exported");
    call.call(&mut store, ()).expect("no trap");
}

/// A guest that is in one loop all the time goes on in optimized code: with its locals, its operands, and from the loop inside to the one outside.
#[test]
fn running_loops_are_replaced() {
    const WAT: &str = r#"(module
      (func (export "sum") (param $n i32) (result i64) (local $i i32) (local $j i32) (local $s i64)
        (i64.const 1000)
        (loop $outer
          (local.set $j (i32.const 0))
          (loop $inner
            (local.set $s (i64.add (local.get $s) (i64.extend_i32_u (i32.mul (local.get $i) (local.get $j)))))
            (br_if $inner (i32.lt_u (local.tee $j (i32.add (local.get $j) (i32.const 1))) (i32.const 100))))
          (br_if $outer (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (local.get $n))))
        (i64.add (local.get $s))))"#;
    for (budget, threads) in [(0, 0), (1000, 0), (1000, 1)] {
        let config = &mut Config::new();
        let engine =
            Engine::new(config.tier(Tier::Auto).tier_up_budget(budget).tier_up_threads(threads)).expect("an engine");
        let module = Module::new(&engine, WAT).expect("a valid module");
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
        let call = instance.get_typed_func::<i32, i64>(&mut store, "sum").expect("exported");
        let n = 30_000;
        assert_eq!(call.call(&mut store, n).expect("no trap"), i64::from(n) * i64::from(n - 1) / 2 * 4950 + 1000);
        // The first compiler's code, the function, and its continuation.
        if threads == 0 {
            assert_eq!(module.code_ranges().len(), 3, "budget {budget}");
        }
    }
}

/// Loops that have the counter near are left in every way, with more locals than registers; and calls in between count, too.
#[test]
fn loops_are_left_in_every_way() {
    const WAT: &str = r#"(module
      (memory 1)
      (func $ways (export "ways") (param $n i32) (param $way i32) (result i32)
          (local $a i32) (local $b i32) (local $c i32) (local $d i32) (local $e i32) (local $f i32)
        (local.set $f (i32.const 5))
        (block $out (result i32)
          (block $second
            (block $first
              (loop $outer
                (local.set $a (i32.const 3))
                (loop $inner
                  (local.set $b (i32.add (local.get $b) (local.get $a)))
                  (local.set $c (i32.xor (local.get $c) (local.get $b)))
                  (local.set $d (i32.add (local.get $d) (i32.shl (local.get $c) (i32.const 1))))
                  (local.set $e (i32.sub (local.get $e) (local.get $d)))
                  (if (i32.eq (i32.and (local.get $n) (i32.const 63)) (i32.const 60))
                    (then (local.set $f (i32.add (local.get $f) (i32.trunc_sat_f32_s (f32.nearest (f32.const 2.5)))))))
                  (local.set $n (i32.sub (local.get $n) (i32.const 1)))
                  (if (i32.eqz (local.get $n))
                    (then
                      (if (i32.eq (local.get $way) (i32.const 4)) (then (return (i32.add (local.get $e) (local.get $f)))))
                      (drop (br_if $out (local.get $e) (i32.eq (local.get $way) (i32.const 3))))
                      (br_if $first (i32.eq (local.get $way) (i32.const 5)))
                      (br_table $first $second $outer (local.get $way))))
                  (br_if $inner (local.tee $a (i32.sub (local.get $a) (i32.const 1)))))
                (br_if $outer (i32.gt_s (local.get $n) (i32.const -9))))
              (br $out (i32.add (local.get $c) (local.get $f))))
            (br $out (i32.add (local.get $b) (local.get $f))))
          (i32.add (local.get $d) (local.get $f))))
      (func (export "all") (param $n i32) (result i32) (local $way i32) (local $sum i32)
        (loop $again
          (local.set $sum (i32.add (i32.mul (local.get $sum) (i32.const 31)) (call $ways (local.get $n) (local.get $way))))
          (br_if $again (i32.lt_u (local.tee $way (i32.add (local.get $way) (i32.const 1))) (i32.const 7))))
        (local.get $sum)))"#;
    let run = |config: &mut Config| {
        let engine = Engine::new(config).expect("an engine");
        let module = Module::new(&engine, WAT).expect("a valid module");
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
        store.set_epoch_deadline(1);
        let all = instance.get_typed_func::<i32, i32>(&mut store, "all").expect("exported");
        [1, 2, 100, 5000].map(|n| all.call(&mut store, n).expect("no trap"))
    };
    let expected = run(Config::new().tier(Tier::Interp));
    for budget in [0, 1000, u32::MAX - 1, u32::MAX] {
        let mut config = Config::new();
        assert_eq!(run(config.tier(Tier::Auto).tier_up_budget(budget).tier_up_threads(0)), expected, "{budget}");
    }
    for seed in 0..50 {
        let mut config = Config::new();
        config.tier(Tier::Auto).tier_up_seed(Some(seed)).tier_up_threads(0).epoch_interruption(seed % 2 == 0);
        assert_eq!(run(&mut config), expected, "seed {seed}");
    }
}

/// Code that is made while it runs is never writable where it can be executed.
#[test]
fn code_is_not_writable() {
    let engine = engine(0);
    let module = Module::new(&engine, chain(3)).expect("a valid module");
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
    let call = instance.get_typed_func::<i32, i32>(&mut store, "f0").expect("exported");
    call.call(&mut store, 1).expect("no trap");
    let maps = std::fs::read_to_string("/proc/self/maps").expect("the host tells");
    let rights = maps.lines().filter_map(|line| line.split_whitespace().nth(1));
    assert!(rights.clone().count() > 0);
    rights.for_each(|rights| assert!(!(rights.contains('w') && rights.contains('x')), "{rights}"));
}
