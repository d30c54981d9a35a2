//! Runs a WASI program again and again in one process, under the tier `auto` until nothing more is optimized and under `opt`, then on both in turn.
//!
//! ```text
//! cargo run --profile fast -p tiercel-cli --example steady -- app.wasm SECONDS RUNS
//! ```
//! It runs for so many seconds at least before it is timed, and then so many times on each tier, more if that takes less than these seconds. Every run has
//! a store and an instance of its own; the module is compiled once. A line is a tier, which run it was (`first`, or `steady` for those in turn), and the
//! seconds between `bench.start` and `bench.end`. Output of the program has to be the same each time.

use std::path::Path;
use std::time::{Duration, Instant};
use tiercel::{Caller, Config, Context as _, Engine, Error, Linker, Module, Result, Store, Tier, bail, ensure};
use tiercel_wasi::{DirPerms, FilePerms, I32Exit, MemoryOutputPipe, WasiCtx};

/// A program of which other threads work longer than this part of a run is still being optimized.
const STILL: f64 = 0.01;
/// It is timed all the same when it has run for so many times the seconds asked for.
const PATIENCE: f64 = 10.0;
/// Runs on each tier, at most.
const MOST_RUNS: usize = 500;

/// What a run keeps.
struct Host {
    wasi: WasiCtx,
    began: Option<Instant>,
    took: Option<Duration>,
}

/// A program on a tier.
struct Program {
    module: Module,
    linker: Linker<Host>,
    name: String,
}

impl Program {
    fn new(path: &str, tier: Tier) -> Result<Program> {
        let engine = Engine::new(Config::new().tier(tier))?;
        let module = Module::from_file(&engine, path)?;
        let mut linker = Linker::new(&engine);
        tiercel_wasi::add_to_linker(&mut linker, |host: &mut Host| &mut host.wasi)?;
        linker.func_wrap("bench", "start", |mut caller: Caller<'_, Host>| {
            caller.data_mut().began = Some(Instant::now());
        })?;
        linker.func_wrap("bench", "end", |mut caller: Caller<'_, Host>| {
            let host = caller.data_mut();
            host.took = host.began.map(|began| began.elapsed());
        })?;
        Ok(Program { module, linker, name: path.to_owned() })
    }

    /// Runs it once: the seconds it took, and what it has printed.
    fn run(&self) -> Result<(f64, Vec<u8>)> {
        let output = MemoryOutputPipe::new(usize::MAX);
        let mut wasi = WasiCtx::builder();
        wasi.arg(&self.name).stdout(output.clone());
        wasi.preopened_dir(Path::new("."), ".", DirPerms::all(), FilePerms::all()).map_err(Error::new)?;
        let host = Host { wasi: wasi.build(), began: None, took: None };
        let mut store = Store::new(self.module.engine(), host);
        let instance = self.linker.instantiate(&mut store, &self.module)?;
        let start = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
        if let Err(error) = start.call(&mut store, ()) {
            ensure!(error.downcast_ref::<I32Exit>() == Some(&I32Exit(0)), "the program has failed: {error:?}");
        }
        let took = store.data().took.context("it has not called `bench.start` and `bench.end`")?;
        Ok((took.as_secs_f64(), output.take()))
    }
}

/// CPU time that the other threads of this process have taken so far, in seconds.
#[cfg(unix)]
fn others() -> f64 {
    use rustix::time::{ClockId, clock_gettime};
    let seconds = |id| {
        let time = clock_gettime(id);
        time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
    };
    seconds(ClockId::ProcessCPUTime) - seconds(ClockId::ThreadCPUTime)
}

/// Not known here: what has run long enough is taken as settled.
#[cfg(not(unix))]
fn others() -> f64 {
    0.0
}

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [path, seconds, runs] = &args[..] else { bail!("usage: steady MODULE.wasm SECONDS RUNS") };
    let seconds: f64 = seconds.parse().map_err(Error::new)?;
    let runs: usize = runs.parse().map_err(Error::new)?;
    let (auto, opt) = (Program::new(path, Tier::Auto)?, Program::new(path, Tier::Opt)?);

    let (first, output) = opt.run()?;
    let run = |program: &Program| {
        let (took, printed) = program.run()?;
        ensure!(printed == output, "{} printed something else than before", program.module.tier().name());
        Ok(took)
    };
    println!("opt first {first}");
    let (began, mut is_first) = (Instant::now(), true);
    loop {
        let (run_began, others_before) = (Instant::now(), others());
        let took = run(&auto)?;
        if is_first {
            println!("auto first {took}");
        }
        is_first = false;
        let settled = others() - others_before < STILL * run_began.elapsed().as_secs_f64();
        let elapsed = began.elapsed().as_secs_f64();
        if elapsed > seconds && settled {
            break;
        }
        if elapsed > PATIENCE * seconds {
            eprintln!("{path}: still being optimized after {elapsed:.0} s");
            break;
        }
    }
    let (began, mut done) = (Instant::now(), 0);
    while done < runs || (began.elapsed().as_secs_f64() < seconds && done < MOST_RUNS) {
        for (name, program) in [("auto", &auto), ("opt", &opt)] {
            println!("{name} steady {}", run(program)?);
        }
        done += 1;
    }
    Ok(())
}
