//! What calls between host and guest cost in Tiercel and in wasmtime: both in one process, in turns, medians.
//!
//! ```text
//! calls [--rounds N] [--engine tiercel|wasmtime] [--module FILE]... [WORD]...
//! calls --instances [--module FILE]...
//! ```
//! Words choose the rows whose names contain one of them. One engine alone is for counting instructions. Of each module that is named, instances
//! are made, too; what it imports traps.

mod instances;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// How long one batch of calls takes, about: much less than the time that the system gives a process at once.
const BATCH: Duration = Duration::from_micros(300);
const ROUNDS: usize = 301;

const WAT: &str = r#"(module
    (import "host" "nop" (func $nop))
    (import "host" "i32" (func $i32 (param i32 i32) (result i32)))
    (import "host" "i64" (func $i64 (param i64 i64) (result i64)))
    (import "host" "f64" (func $f64 (param f64 f64) (result f64)))
    (import "host" "many" (func $many (param i32 i64 i32 i32 i32 i32 i32 i64) (result i64)))
    (import "host" "caller" (func $caller (param i32 i32) (result i32)))
    (import "host" "untyped" (func $untyped (param i32 i32) (result i32)))
    (func (export "nop"))
    (func (export "i32") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (func (export "i64") (param i64 i64) (result i64) (i64.add (local.get 0) (local.get 1)))
    (func (export "f64") (param f64 f64) (result f64) (f64.add (local.get 0) (local.get 1)))
    (func (export "many") (param i32 i64 i32 i32 i32 i32 i32 i64) (result i64) (i64.add (local.get 1) (local.get 7)))
    (func (export "there and back") (param i32 i32) (result i32) (call $i32 (local.get 0) (local.get 1)))
    (func (export "loop") (param i32)
        (loop $again
            (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
    (func (export "loop nop") (param i32)
        (loop $again
            (call $nop)
            (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
    (func (export "loop i32") (param i32) (local i32)
        (loop $again
            (local.set 1 (call $i32 (local.get 1) (local.get 0)))
            (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
    (func (export "loop i64") (param i32) (local i64)
        (loop $again
            (local.set 1 (call $i64 (local.get 1) (i64.const 3)))
            (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
    (func (export "loop f64") (param i32) (local f64)
        (loop $again
            (local.set 1 (call $f64 (local.get 1) (f64.const 3)))
            (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
    (func (export "loop many") (param i32) (local i64)
        (loop $again
            (local.set 1 (call $many (local.get 0) (local.get 1) (i32.const 1) (i32.const 2) (i32.const 3) (i32.const 4)
                (i32.const 5) (i64.const 6)))
            (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
    (func (export "loop caller") (param i32) (local i32)
        (loop $again
            (local.set 1 (call $caller (local.get 1) (local.get 0)))
            (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1))))))
    (func (export "loop untyped") (param i32) (local i32)
        (loop $again
            (local.set 1 (call $untyped (local.get 1) (local.get 0)))
            (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))))"#;

/// A small module as an instance of it is made.
const SMALL: &str = r#"(module
    (global $g (mut i32) (i32.const 1))
    (func (export "run") (result i32) (global.get $g)))"#;
const SMALL_WITH_MEMORY: &str = r#"(module
    (memory (export "memory") 1)
    (table 4 funcref)
    (elem (i32.const 0) $run)
    (data (i32.const 16) "some data")
    (func $run (export "run") (result i32) (i32.load (i32.const 16))))"#;

/// The same with 64 KB of data.
fn with_data() -> String {
    let data: String = (0..64 << 10).map(|i| format!("\\{:02x}", i % 251)).collect();
    format!(
        r#"(module (memory (export "memory") 2) (data (i32.const 1024) "{data}")
        (func (export "run") (result i32) (i32.load (i32.const 4096))))"#
    )
}

/// The module of which many instances are made.
fn with_all() -> String {
    with_data().replacen("(module", "(module (table 4 funcref) (elem (i32.const 0) $run)", 1).replace(
        "(func (export \"run\")",
        "(func (export \"write\") (i32.store (i32.const 8192) (i32.const 1))) (func $run (export \"run\")",
    )
}

/// Makes so many calls.
type Act = Box<dyn FnMut(u32)>;

/// The rows of the table for one engine. The two engines have the same API: this text is said once.
macro_rules! subject {
    ($engine:ident, $pooling:expr) => {
        mod $engine {
            use super::instances::Subject;
            use super::{Act, SMALL, SMALL_WITH_MEMORY, WAT, with_all, with_data};
            use std::hint::black_box;
            use std::path::{Path, PathBuf};
            use $engine::{
                AsContextMut, Caller, Config, Engine, FuncType, InstancePre, Linker, Module, Store, Val, ValType,
            };

            pub fn rows(modules: &[PathBuf]) -> Vec<(String, Act)> {
                let engine = Engine::new(&Config::new()).expect("an engine");
                let module = Module::new(&engine, wat::parse_str(WAT).expect("valid text")).expect("a module");
                let mut linker: Linker<u32> = Linker::new(&engine);
                linker.func_wrap("host", "nop", || {}).expect("a function");
                linker.func_wrap("host", "i32", |a: i32, b: i32| a.wrapping_add(b)).expect("a function");
                linker.func_wrap("host", "i64", |a: i64, b: i64| a.wrapping_add(b)).expect("a function");
                linker.func_wrap("host", "f64", |a: f64, b: f64| a + b).expect("a function");
                let many = |a: i32, b: i64, _: i32, _: i32, _: i32, _: i32, _: i32, c: i64| i64::from(a) + b + c;
                linker.func_wrap("host", "many", many).expect("a function");
                let with_caller = |mut caller: Caller<'_, u32>, a: i32, b: i32| {
                    *caller.data_mut() += 1;
                    a.wrapping_add(b)
                };
                linker.func_wrap("host", "caller", with_caller).expect("a function");
                let ty = FuncType::new(&engine, [ValType::I32, ValType::I32], [ValType::I32]);
                let untyped = |_: Caller<'_, u32>, params: &[Val], results: &mut [Val]| {
                    results[0] = Val::I32(params[0].unwrap_i32().wrapping_add(params[1].unwrap_i32()));
                    Ok(())
                };
                linker.func_new("host", "untyped", ty, untyped).expect("a function");

                let mut rows: Vec<(String, Act)> = Vec::new();
                let make = || {
                    let mut store = Store::new(&engine, 0u32);
                    let instance = linker.instantiate(&mut store, &module).expect("an instance");
                    (store, instance)
                };
                macro_rules! typed {
                    ($name:literal, $func:literal, $params:ty, $results:ty, $args:expr) => {
                        let (mut store, instance) = make();
                        let func =
                            instance.get_typed_func::<$params, $results>(&mut store, $func).expect("the function");
                        let act = move |calls: u32| {
                            for _ in 0..calls {
                                black_box(func.call(&mut store, $args).expect("no trap"));
                            }
                        };
                        rows.push(($name.to_owned(), Box::new(act)));
                    };
                }
                typed!("host to guest, typed: ()", "nop", (), (), ());
                typed!("host to guest, typed: i32 i32 -> i32", "i32", (i32, i32), i32, (black_box(1), black_box(2)));
                typed!("host to guest, typed: i64 i64 -> i64", "i64", (i64, i64), i64, (black_box(1), black_box(2)));
                typed!(
                    "host to guest, typed: f64 f64 -> f64",
                    "f64",
                    (f64, f64),
                    f64,
                    (black_box(1.0), black_box(2.0))
                );
                typed!(
                    "host to guest, typed: 8 numbers -> i64",
                    "many",
                    (i32, i64, i32, i32, i32, i32, i32, i64),
                    i64,
                    (black_box(1), 2, 3, 4, 5, 6, 7, black_box(8))
                );
                typed!(
                    "host to guest to host, typed: i32 i32 -> i32",
                    "there and back",
                    (i32, i32),
                    i32,
                    (black_box(1), black_box(2))
                );

                let (mut store, instance) = make();
                let func = instance.get_func(&mut store, "i32").expect("the function");
                let act = move |calls: u32| {
                    let mut results = [Val::I32(0)];
                    for _ in 0..calls {
                        let params = black_box([Val::I32(1), Val::I32(2)]);
                        func.call(store.as_context_mut(), &params, &mut results).expect("no trap");
                        black_box(&results);
                    }
                };
                rows.push(("host to guest, untyped: i32 i32 -> i32".to_owned(), Box::new(act)));

                macro_rules! looped {
                    ($name:literal, $func:literal) => {
                        let (mut store, instance) = make();
                        let func = instance.get_typed_func::<i32, ()>(&mut store, $func).expect("the function");
                        let act = move |calls: u32| func.call(&mut store, calls as i32).expect("no trap");
                        rows.push(($name.to_owned(), Box::new(act)));
                    };
                }
                looped!("(guest loop without a call)", "loop");
                looped!("guest to host, typed: ()", "loop nop");
                looped!("guest to host, typed: i32 i32 -> i32", "loop i32");
                looped!("guest to host, typed: i64 i64 -> i64", "loop i64");
                looped!("guest to host, typed: f64 f64 -> f64", "loop f64");
                looped!("guest to host, typed: 8 numbers -> i64", "loop many");
                looped!("guest to host, typed, Caller: i32 i32 -> i32", "loop caller");
                looped!("guest to host, untyped: i32 i32 -> i32", "loop untyped");

                // Those who make many instances ask for what is made for that.
                let mut config = Config::new();
                let pooling: fn(&mut Config) = $pooling;
                pooling(&mut config);
                let engine = Engine::new(&config).expect("an engine");
                for (name, text) in [
                    ("store, instance, call, drop: one function", SMALL.to_string()),
                    ("store, instance, call, drop: memory, table", SMALL_WITH_MEMORY.to_string()),
                    ("store, instance, call, drop: 64 KB of data", with_data()),
                ] {
                    let module = Module::new(&engine, wat::parse_str(&text).expect("valid text")).expect("a module");
                    let pre = Linker::new(&engine).instantiate_pre(&module).expect("no imports");
                    let engine = engine.clone();
                    let act = move |calls: u32| {
                        for _ in 0..calls {
                            let mut store = Store::new(&engine, 0u32);
                            let instance = pre.instantiate(&mut store).expect("an instance");
                            let run = instance.get_typed_func::<(), i32>(&mut store, "run").expect("the function");
                            black_box(run.call(&mut store, ()).expect("no trap"));
                        }
                    };
                    rows.push((name.to_owned(), Box::new(act)));
                }
                for path in modules {
                    let bytes = std::fs::read(path).expect("a file that can be read");
                    let module = Module::new(&engine, bytes).expect("a module");
                    let mut linker = Linker::new(&engine);
                    linker.define_unknown_imports_as_traps(&module).expect("imports of functions");
                    let pre = linker.instantiate_pre(&module).expect("all imports");
                    let engine = engine.clone();
                    let act = move |calls: u32| {
                        for _ in 0..calls {
                            let mut store = Store::new(&engine, 0u32);
                            black_box(pre.instantiate(&mut store).expect("an instance"));
                        }
                    };
                    let name = path.file_stem().map(Path::new).unwrap_or(path).display().to_string();
                    rows.push((format!("store, instance, drop: {name}"), Box::new(act)));
                }
                rows
            }

            fn pre() -> (Engine, InstancePre<u32>) {
                let mut config = Config::new();
                let pooling: fn(&mut Config) = $pooling;
                pooling(&mut config);
                let engine = Engine::new(&config).expect("an engine");
                let module = Module::new(&engine, wat::parse_str(with_all()).expect("valid text")).expect("a module");
                let pre = Linker::new(&engine).instantiate_pre(&module).expect("no imports");
                (engine, pre)
            }

            pub const INSTANCES: Subject = Subject {
                name: stringify!($engine),
                live: |count| {
                    let (engine, pre) = pre();
                    let make = |_| {
                        let mut store = Store::new(&engine, 0u32);
                        let instance = pre.instantiate(&mut store).expect("an instance");
                        let write = instance.get_typed_func::<(), ()>(&mut store, "write").expect("the function");
                        write.call(&mut store, ()).expect("no trap");
                        store
                    };
                    Box::new((0..count).map(make).collect::<Vec<_>>())
                },
                make: || {
                    let (engine, pre) = pre();
                    Box::new(move || {
                        let mut store = Store::new(&engine, 0u32);
                        let instance = pre.instantiate(&mut store).expect("an instance");
                        let run = instance.get_typed_func::<(), i32>(&mut store, "run").expect("the function");
                        black_box(run.call(&mut store, ()).expect("no trap"));
                    })
                },
                load: |module, file| {
                    let engine = Engine::new(&Config::new()).expect("an engine");
                    let bytes = std::fs::read(module).expect("a file that can be read");
                    let artifact = engine.precompile_module(&bytes).expect("a module");
                    std::fs::write(file, artifact).expect("a folder for temporary files");
                    let file = file.to_owned();
                    Box::new(move || {
                        // SAFETY: the file was written just now.
                        black_box(unsafe { Module::deserialize_file(&engine, &file) }.expect("an artifact"));
                    })
                },
            };
        }
    };
}

subject!(tiercel, |_| {});
subject!(wasmtime, |config| {
    let mut pool = wasmtime::PoolingAllocationConfig::new();
    let count = crate::instances::LIVE + 1;
    pool.total_core_instances(count).total_memories(count).total_tables(count);
    config.allocation_strategy(wasmtime::InstanceAllocationStrategy::Pooling(pool));
});

/// Seconds of a batch.
fn time(act: &mut Act, calls: u32) -> f64 {
    let began = Instant::now();
    act(calls);
    began.elapsed().as_secs_f64()
}

/// So many calls that a batch takes [`BATCH`].
fn batch(act: &mut Act) -> u32 {
    let mut calls = 1;
    loop {
        let seconds = time(act, calls);
        if seconds >= BATCH.as_secs_f64() {
            return calls;
        }
        calls = calls.saturating_mul(2);
    }
}

fn median(samples: &mut [f64]) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

/// Measures one row on both engines in turns.
fn compare(name: &str, ours: &mut Act, theirs: &mut Act, rounds: usize) -> f64 {
    let calls = batch(ours).max(batch(theirs));
    let (mut our_times, mut their_times, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let (our_time, their_time) = (time(ours, calls), time(theirs, calls));
        our_times.push(our_time * 1e9 / f64::from(calls));
        their_times.push(their_time * 1e9 / f64::from(calls));
        ratios.push(our_time / their_time);
    }
    let ratio = median(&mut ratios);
    println!("{name:<46} {:>9.2} {:>9.2} {ratio:>7.3}", median(&mut our_times), median(&mut their_times));
    ratio
}

fn main() -> ExitCode {
    let (mut rounds, mut engine, mut words, mut modules, mut many) = (ROUNDS, None, Vec::new(), Vec::new(), false);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--rounds" => match arguments.next().and_then(|rounds| rounds.parse().ok()).filter(|rounds| *rounds > 0) {
                Some(given) => rounds = given,
                None => return usage("--rounds wants a number"),
            },
            "--engine" => match arguments.next() {
                Some(name) if ["tiercel", "wasmtime"].contains(&name.as_str()) => engine = Some(name),
                _ => return usage("--engine wants `tiercel` or `wasmtime`"),
            },
            "--instances" => many = true,
            "--module" => match arguments.next() {
                Some(file) => modules.push(PathBuf::from(file)),
                None => return usage("--module wants a file"),
            },
            option if option.starts_with('-') => return usage(&format!("unknown option {option}")),
            _ => words.push(argument),
        }
    }
    if many {
        instances::run(&[tiercel::INSTANCES, wasmtime::INSTANCES], &modules);
        return ExitCode::SUCCESS;
    }
    let chosen = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word.as_str()));
    if let Some(engine) = engine {
        let rows = if engine == "tiercel" { tiercel::rows(&modules) } else { wasmtime::rows(&modules) };
        for (name, mut act) in rows.into_iter().filter(|(name, _)| chosen(name)) {
            const CALLS: u32 = 1000;
            act(CALLS * rounds as u32);
            println!("{name}: {} calls", CALLS * rounds as u32);
        }
        return ExitCode::SUCCESS;
    }
    println!("{:<46} {:>9} {:>9} {:>7}", "nanoseconds, medians", "tiercel", "wasmtime", "ratio");
    for ((name, mut ours), (_, mut theirs)) in tiercel::rows(&modules).into_iter().zip(wasmtime::rows(&modules)) {
        if chosen(&name) {
            compare(&name, &mut ours, &mut theirs, rounds);
        }
    }
    ExitCode::SUCCESS
}

fn usage(problem: &str) -> ExitCode {
    eprintln!("error: {problem}\nusage: calls [--rounds N] [--engine tiercel|wasmtime] [--module FILE]... [WORD]...");
    ExitCode::from(2)
}
