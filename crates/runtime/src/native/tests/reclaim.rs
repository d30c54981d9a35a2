//! Code that was replaced goes, and not before everybody has left it.

use crate::native::lazy::Lazy;
use crate::{Config, Engine, Func, Instance, Module, Store, Tier};
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::sync::Arc;
use std::format;
use std::sync::Barrier;
use std::thread;

/// An engine that optimizes everything when it is first called, in threads of its own or at once.
fn engine(threads: usize) -> Engine {
    Engine::new(Config::new().tier(Tier::Auto).tier_up_budget(0).tier_up_threads(threads)).expect("an engine")
}

/// How many pieces of code each function has.
fn pieces(module: &Module) -> BTreeMap<u32, usize> {
    let mut pieces = BTreeMap::new();
    module.code_ranges().into_iter().for_each(|(func, _)| *pieces.entry(func).or_default() += 1);
    pieces
}

const FUNCS: u32 = 30;

/// Functions 1 to `FUNCS` with a loop each, and the import 0; `last` is what the last one does, `next` what one does that another one follows.
fn functions(next: impl Fn(u32) -> String, last: &str, fields: &str) -> String {
    let mut wat = format!("(module (import \"\" \"look\" (func $look)) {fields}");
    for func in 1..=FUNCS {
        wat += &format!("(func $f{func} (export \"f{func}\") (result i32) (local i32)");
        wat += "(loop (br_if 0 (i32.lt_u (local.tee 0 (i32.add (local.get 0) (i32.const 1))) (i32.const 20))))";
        wat += &if func == FUNCS { last.into() } else { next(func + 1) };
        wat += "(i32.add (local.get 0)))";
    }
    wat + ")"
}

/// A guest finds, whenever another function of its is hot, that it has left the ones before.
#[test]
fn a_running_guest_leaves_code_behind() {
    let calls: String = (1..=FUNCS).map(|func| format!("(drop (call $f{func}))")).collect();
    let run = format!("(func (export \"run\") {calls} (call $look))");
    let engine = engine(0);
    let module = Module::new(&engine, functions(|_| "(i32.const 1)".into(), "(i32.const 1)", &run)).expect("valid");
    let mut store = Store::new(&engine, ());
    let seen = module.clone();
    let look = Func::wrap(&mut store, move || {
        // The last one may still be in use for all that is known; `run` itself is.
        let pieces = pieces(&seen);
        (1..FUNCS).for_each(|func| assert_eq!(pieces[&(func + 1)], 1, "function {func}"));
        assert_eq!(pieces.len(), FUNCS as usize + 1);
    });
    let instance = Instance::new(&mut store, &module, &[look.into()]).expect("an instance");
    let run = instance.get_typed_func::<(), ()>(&mut store, "run").expect("exported");
    run.call(&mut store, ()).expect("no trap");
    // At rest nothing is left of what the baseline compiler has made.
    Lazy::reclaim(&module.0);
    assert!(pieces(&module).values().all(|&pieces| pieces == 1), "{:?}", pieces(&module));
    run.call(&mut store, ()).expect("no trap");
}

/// What has a frame on the stack stays.
#[test]
fn frames_keep_their_code() {
    let engine = engine(0);
    let chain = functions(|next| format!("(call $f{next})"), "(call $look) (i32.const 1)", "");
    let module = Module::new(&engine, chain).expect("a valid module");
    for _ in 0..3 {
        let mut store = Store::new(&engine, ());
        let look = Func::wrap(&mut store, || ());
        let instance = Instance::new(&mut store, &module, &[look.into()]).expect("an instance");
        let first = instance.get_typed_func::<(), i32>(&mut store, "f1").expect("exported");
        // Each frame is replaced in its loop, and returns to code that was made for it.
        assert_eq!(first.call(&mut store, ()).expect("no trap"), 20 * FUNCS as i32 + 1);
    }
    Lazy::reclaim(&module.0);
    assert!(pieces(&module).values().all(|&pieces| pieces == 1), "{:?}", pieces(&module));
}

/// What another thread is in stays until that has left it.
#[test]
fn code_stays_while_other_threads_are_in_it() {
    const WAT: &str = "(module (import \"\" \"look\" (func $look))
        (func (export \"f\") (result i32) (call $look) (i32.const 7)))";
    let engine = engine(0);
    let module = Module::new(&engine, WAT).expect("a valid module");
    let run = |look: Box<dyn Fn() + Send + Sync>| {
        let mut store = Store::new(&engine, ());
        let look = Func::wrap(&mut store, look);
        let instance = Instance::new(&mut store, &module, &[look.into()]).expect("an instance");
        let f = instance.get_typed_func::<(), i32>(&mut store, "f").expect("exported");
        assert_eq!(f.call(&mut store, ()).expect("no trap"), 7);
    };
    let barrier = Arc::new(Barrier::new(2));
    let waiting = barrier.clone();
    thread::scope(|scope| {
        let inside = scope.spawn(|| {
            run(Box::new(move || {
                waiting.wait();
                waiting.wait();
            }))
        });
        barrier.wait();
        run(Box::new(|| ()));
        Lazy::reclaim(&module.0);
        assert_eq!(pieces(&module)[&1], 2);
        barrier.wait();
        inside.join().expect("no panic");
    });
    Lazy::reclaim(&module.0);
    assert_eq!(pieces(&module)[&1], 1);
}

/// Threads of the engine see to it, too, and guests that come and go all the time meet only code that is there.
#[test]
fn threads_remove_code_while_guests_run() {
    const THREADS: u32 = 4;
    let engine = engine(2);
    for _ in 0..10 {
        let wat = functions(|next| format!("(call $f{next})"), "(call $look) (i32.const 1)", "");
        let module = Module::new(&engine, wat).expect("a valid module");
        let run = |first: u32| {
            for round in 0..50 {
                let mut store = Store::new(&engine, ());
                let look = Func::wrap(&mut store, thread::yield_now);
                let instance = Instance::new(&mut store, &module, &[look.into()]).expect("an instance");
                let func = (first * 7 + round * 11) % FUNCS + 1;
                let call = instance.get_typed_func::<(), i32>(&mut store, &format!("f{func}")).expect("exported");
                assert_eq!(call.call(&mut store, ()).expect("no trap"), 20 * (FUNCS + 1 - func) as i32 + 1);
            }
        };
        thread::scope(|scope| (0..THREADS).for_each(|first| drop(scope.spawn(move || run(first)))));
        // Some may wait to be optimized still, or to be looked at.
        while pieces(&module).values().any(|&pieces| pieces != 1) {
            thread::yield_now();
        }
    }
}
