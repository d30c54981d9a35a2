//! `cargo xtask bench`: programs on Tiercel and on the engines found here, interleaved, with wrong output shown as a failure.
//!
//! Reading order: [`engines`] (who takes part), [`rewrite`] (modules that report their own time), [`measure`] (one run),
//! [`sweep`] (all runs, interleaved), [`report`] (tables), [`scaling`] (generated modules of growing size), [`callgrind`] (instruction counts), [`counters`] (what counting costs in code),
//! [`aarch64`] (instruction counts of code for another CPU), [`cold`] (cold processes beside the best of the others), [`startup`] (processes with a filled cache), [`ruby`] (a large program),
//! [`steady`] (how fast programs get in the end), [`timeline`] (speed since the start, drawn by [`chart`]), [`calls`] (calls between host and guest), [`peers`] (installing engines).

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use tiercel_tests::expect::Expectation;
use tiercel_tests::programs::{self, Program};
use tiercel_tests::{binary, paths};

use engines::Engine;
use sweep::{Kind, Subject, Sweep};

mod aarch64;
mod callgrind;
mod calls;
mod chart;
mod cold;
mod counters;
mod engines;
mod measure;
mod peers;
mod report;
mod rewrite;
mod ruby;
mod scaling;
mod startup;
mod steady;
mod sweep;
mod timeline;

/// Options of `cargo xtask bench`.
#[derive(clap::Args)]
pub struct Options {
    /// Folders of programs. Default: benches/programs, and ../shared/corpus where it is present.
    #[arg(long, value_name = "FOLDER")]
    corpus: Vec<PathBuf>,
    /// Only programs whose names contain one of these words; with --calls, only rows of the table.
    #[arg(long, value_delimiter = ',', value_name = "PROGRAMS")]
    only: Vec<String>,
    /// Engines by name (tiercel-interp, wasmtime, winch, pulley, v8, v8-liftoff, v8-turbofan, wasmi, wasm3). Default: all found.
    #[arg(long, value_delimiter = ',')]
    engines: Vec<String>,
    /// How often each program runs on each engine. Default: 5, for --startup 20, with a filled cache 300, for --calls 301, --steady 15.
    #[arg(long)]
    reps: Option<usize>,
    /// The engine to which ratios are given. Default: wasmtime if it takes part, else the first engine.
    #[arg(long)]
    baseline: Option<String>,
    /// Measure compilation (or, of engines without a compile command, loading) instead of execution.
    #[arg(long)]
    compile: bool,
    /// Measure whole processes with nothing prepared, beside the best of the other engines for each program.
    #[arg(long)]
    cold: bool,
    /// Measure how fast programs get in the end under the tier `auto`, beside `opt`: many runs in one process.
    #[arg(long)]
    steady: bool,
    /// Draw how many requests per second a large program answers since its start, on each engine.
    #[arg(long)]
    timeline: bool,
    /// Seconds that --timeline shows.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Where --timeline draws. Default: target/timeline.svg.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Measure a cold start of a module that does nothing and of one that prints a line; then both, and Ruby, with a filled cache beside wasmtime.
    #[arg(long)]
    startup: bool,
    /// Measure compilation of generated modules of growing size, per byte: it should stay flat.
    #[arg(long)]
    scaling: bool,
    /// Count instructions of short runs of Tiercel under valgrind: steady figures on a busy machine.
    #[arg(long)]
    callgrind: bool,
    /// Measure what counters cost in code of the tier `auto`: in time, or with --callgrind in instructions.
    #[arg(long)]
    counters: bool,
    /// Count the instructions of code for aarch64 under qemu, beside wasmtime's.
    #[arg(long)]
    aarch64: bool,
    /// Measure calls between host and guest, beside those of the crate wasmtime, which is built for it.
    #[arg(long)]
    calls: bool,
    /// Measure making instances, thousands of them, and on several threads, beside the crate wasmtime with its pooling allocator.
    #[arg(long)]
    instances: bool,
    /// The program to measure. Default: built in profile `release`.
    #[arg(long, value_name = "FILE")]
    tiercel: Option<PathBuf>,
    /// Where to look for engines before the path. A variable (WASMTIME, NODE, WASMI, WASM3) names one directly.
    #[arg(long, value_name = "FOLDER")]
    peer_dir: Option<PathBuf>,
    /// Install wasmtime, Node and wasmi into a folder (default target/peers) from their registries, then stop.
    #[arg(long, value_name = "FOLDER", num_args = 0..=1)]
    install_peers: Option<Option<PathBuf>>,
    /// Seconds one run may take.
    #[arg(long, default_value_t = 300)]
    timeout: u64,
    /// Write every sample to a file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// A program to measure: as it is, and only loaded.
struct Pair {
    whole: Subject,
    /// The same with an empty `_start`.
    loaded: Subject,
}

/// Runs the command.
pub fn run(options: &Options) -> Result<ExitCode> {
    let peer_dir = options.peer_dir.clone().unwrap_or_else(|| paths::repository().join("target/peers"));
    if let Some(folder) = &options.install_peers {
        peers::install(folder.as_ref().unwrap_or(&peer_dir))?;
        return Ok(ExitCode::SUCCESS);
    }
    if options.calls {
        return calls::run(&options.only, options.reps);
    }
    if options.instances {
        return calls::instances(options.reps);
    }
    if options.aarch64 {
        let work = tempfile::tempdir().context("no temporary folder")?;
        aarch64::run(&peer_dir, &pairs(options, work.path())?, Duration::from_secs(options.timeout), work.path())?;
        return Ok(ExitCode::SUCCESS);
    }
    if options.steady {
        steady::run(&chosen_programs(options)?, options.reps, Duration::from_secs(options.timeout))?;
        return Ok(ExitCode::SUCCESS);
    }
    let reps = options.reps.unwrap_or(if options.startup { 20 } else { 5 });
    ensure!(reps > 0, "--reps must be at least 1");
    let tiercel = match &options.tiercel {
        Some(path) => path.canonicalize().with_context(|| format!("--tiercel {}", path.display()))?,
        None if std::env::var_os(binary::BINARY_VARIABLE).is_some() => {
            binary::tiercel().map_err(|error| anyhow!(error))?.to_owned()
        }
        None => binary::build("release").map_err(|error| anyhow!(error))?,
    };
    let work = tempfile::tempdir().context("no temporary folder")?;
    if options.counters && options.callgrind {
        counters::count_instructions(&tiercel, &pairs(options, work.path())?)?;
        return Ok(ExitCode::SUCCESS);
    }
    if options.callgrind {
        callgrind::run(&tiercel, &callgrind_subjects(options, work.path())?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let wanted = match options.engines.is_empty() {
        true if options.cold => cold::engines(),
        true if options.timeline => timeline::engines(),
        _ => options.engines.clone(),
    };
    let engines = match options.counters {
        true => counters::engines(&tiercel),
        false => engines::find(&tiercel, &peer_dir, &wanted, work.path())?,
    };
    if options.timeline {
        let output = options.output.clone().unwrap_or_else(|| timeline::output(paths::repository()));
        timeline::run(&engines, &peer_dir, Duration::from_secs(options.seconds), work.path(), &output)?;
        return Ok(ExitCode::SUCCESS);
    }
    if options.scaling {
        return scaling::run(options, engines, work.path());
    }
    let baseline = baseline(options, &engines)?;
    let (kind, subjects) = if options.startup {
        (Kind::Cold, startup_subjects(work.path())?)
    } else if options.cold {
        let mut subjects = subjects(options, work.path(), rewrite::self_timed)?;
        subjects.extend(ruby_subject(options, &peer_dir, work.path(), Ok)?);
        (Kind::Cold, subjects)
    } else if options.compile {
        let mut subjects = subjects(options, work.path(), rewrite::load_only)?;
        subjects.extend(ruby_subject(options, &peer_dir, work.path(), |program| rewrite::load_only(&program))?);
        (Kind::Compile, subjects)
    } else {
        (Kind::Run, subjects(options, work.path(), rewrite::self_timed)?)
    };
    ensure!(!subjects.is_empty(), "no program that can be run is named like {}", options.only.join(", "));
    let sweep = Sweep { kind, subjects, engines, reps, limit: Duration::from_secs(options.timeout) };
    let results = sweep.run(work.path());
    report::print(&sweep, &results, &baseline);
    if options.cold {
        cold::print(&sweep, &results);
    }
    if options.counters {
        counters::print(&sweep, &results);
    }
    if options.startup {
        let engines = startup::engines(&tiercel, &peer_dir, work.path())?;
        let mut subjects = sweep.subjects.clone();
        subjects.extend(ruby_subject(options, &peer_dir, work.path(), Ok)?);
        subjects.retain(|subject| is_chosen(options, &subject.name));
        startup::run(&engines, &subjects, options.reps, sweep.limit)?;
    }
    if let Some(path) = &options.json {
        report::write_json(&sweep, &results, path)?;
    }
    Ok(if results.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn baseline(options: &Options, engines: &[Engine]) -> Result<String> {
    let taking_part = |name: &str| engines.iter().any(|engine| engine.name == name);
    match &options.baseline {
        Some(name) if taking_part(name) => Ok(name.clone()),
        Some(name) => Err(anyhow!("--baseline {name}: this engine does not take part")),
        None if taking_part("wasmtime") => Ok("wasmtime".to_owned()),
        None => Ok(engines[0].name.clone()),
    }
}

/// The programs asked for.
fn chosen_programs(options: &Options) -> Result<Vec<Program>> {
    let mut folders = options.corpus.clone();
    if folders.is_empty() {
        folders.push(paths::repository().join("benches/programs"));
        match paths::shared("corpus") {
            Ok(folder) => folders.push(folder),
            Err(reason) => eprintln!("note: {reason}"),
        }
    }
    let mut chosen = Vec::new();
    for folder in folders {
        chosen.extend(programs::find(&folder).map_err(|error| anyhow!(error))?);
    }
    chosen.retain(|program| is_chosen(options, &program.name));
    Ok(chosen)
}

/// The programs asked for, each rewritten into `work`. One that cannot be rewritten is told and left out.
fn subjects(options: &Options, work: &Path, rewrite: fn(&[u8]) -> Result<Vec<u8>>) -> Result<Vec<Subject>> {
    let mut subjects = Vec::new();
    for program in chosen_programs(options)? {
        let bytes = fs::read(&program.wasm).with_context(|| format!("cannot read {}", program.wasm.display()))?;
        let rewritten = match rewrite(&bytes) {
            Ok(bytes) => bytes,
            Err(error) => {
                eprintln!("left out: {}: {error:#}", program.name);
                continue;
            }
        };
        let wasm = work.join(format!("{}.wasm", program.name));
        fs::write(&wasm, rewritten)?;
        let expectation = if options.compile { Ok(Default::default()) } else { program.expectation() };
        let expectation = expectation.map_err(|error| anyhow!(error))?;
        subjects.push(Subject { name: program.name, wasm, folder: program.folder, expectation });
    }
    Ok(subjects)
}

/// The programs asked for, each with one that is only loaded.
fn pairs(options: &Options, work: &Path) -> Result<Vec<Pair>> {
    let load = work.join("load");
    fs::create_dir(&load)?;
    let whole = subjects(options, work, rewrite::self_timed)?;
    let loaded = subjects(options, &load, rewrite::load_only)?;
    let pair = |whole: Subject| {
        let loaded = loaded.iter().find(|loaded| loaded.name == whole.name)?;
        Some(Pair { loaded: loaded.clone(), whole })
    };
    Ok(whole.into_iter().filter_map(pair).collect())
}

/// The large program, if it is asked for and installed.
fn ruby_subject(
    options: &Options,
    peer_dir: &Path,
    work: &Path,
    rewrite: impl FnOnce(Vec<u8>) -> Result<Vec<u8>>,
) -> Result<Option<Subject>> {
    let name = "ruby";
    if !is_chosen(options, name) {
        return Ok(None);
    }
    let (script, printed) = ruby::SHORT;
    let Some(program) = ruby::program(peer_dir, script)? else {
        eprintln!("note: no {} below {}: cargo xtask bench --install-peers", ruby::PACKAGE, peer_dir.display());
        return Ok(None);
    };
    let wasm = work.join(format!("{name}.wasm"));
    fs::write(&wasm, rewrite(program)?)?;
    let stdout = (!options.compile).then(|| printed.as_bytes().to_vec());
    let expectation = Expectation { stdout, ..Expectation::default() };
    Ok(Some(Subject { name: name.to_owned(), wasm, folder: work.to_owned(), expectation }))
}

/// Whether a program of this name is asked for.
fn is_chosen(options: &Options, name: &str) -> bool {
    options.only.is_empty() || options.only.iter().any(|word| name.contains(word.as_str()))
}

/// A module that does nothing and one that prints a line.
fn startup_subjects(work: &Path) -> Result<Vec<Subject>> {
    let noop = wat::parse_str(r#"(module (memory (export "memory") 1) (func (export "_start")))"#)?;
    let hello = wat::parse_file(paths::repository().join("examples/hello.wat"))?;
    let mut subjects = Vec::new();
    for (name, bytes) in [("noop", noop), ("hello", hello)] {
        let wasm = work.join(format!("{name}.wasm"));
        fs::write(&wasm, bytes)?;
        subjects.push(Subject {
            name: name.to_owned(),
            wasm,
            folder: work.to_owned(),
            expectation: Default::default(),
        });
    }
    Ok(subjects)
}

/// Short runs: two cold starts, and the programs asked for loaded but not run.
fn callgrind_subjects(options: &Options, work: &Path) -> Result<Vec<Subject>> {
    let mut all = startup_subjects(work)?;
    let mut loaded = subjects(options, work, rewrite::load_only)?;
    loaded.iter_mut().for_each(|subject| subject.name = format!("load {}", subject.name));
    all.extend(loaded);
    Ok(all)
}
