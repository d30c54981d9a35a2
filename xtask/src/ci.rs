//! `cargo xtask ci`: every check, named and timed, with one summary. [`step`] runs one of them.

use std::env;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tiercel_tests::{binary, paths};

use crate::aarch64;
use crate::setup;
use crate::tools::{TOOLS, Tool, on_path};
use step::{Kind, Outcome};

mod step;

/// Options of `cargo xtask ci`.
#[derive(clap::Args)]
pub struct Options {
    /// Install missing tools first (with apt-get, as root). The default where the variable CI is `true`.
    #[arg(long)]
    install: bool,
    /// Run only the steps whose names contain one of these words.
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Run what takes long as well: the whole corpus on every tier, and programs in every way, in the emulator of aarch64
    #[arg(long)]
    long: bool,
    /// List the steps and stop.
    #[arg(long)]
    list: bool,
    /// Show every line of the tests, also of those that pass.
    #[arg(long)]
    verbose: bool,
}

/// One check: a command of cargo's, and how its outcome is counted.
struct Step {
    name: String,
    kind: Kind,
    place: Place,
    /// Which CPU the emulator is, if not the one that has everything.
    cpu: Option<&'static str>,
    arguments: Vec<String>,
}

/// What runs programs for x86-64 there.
const X64_EMULATOR: &str = "qemu-x86_64";

/// Random modules of each kind in an emulator.
const EMULATED_MODULES: &str = "40";

/// Where a step's program runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Here.
    Host,
    /// Here, in an emulator of x86-64: the tests themselves.
    X64,
    /// In an emulator of aarch64: the tests themselves.
    Aarch64,
    /// In an emulator of aarch64: the program that the tests start.
    Aarch64Program,
}

impl Step {
    fn new(name: impl Into<String>, kind: Kind, arguments: &str) -> Self {
        let arguments = arguments.split_whitespace().map(str::to_owned).collect();
        Self { name: name.into(), kind, place: Place::Host, cpu: None, arguments }
    }

    fn on(self, place: Place) -> Self {
        Self { place, ..self }
    }

    fn with_cpu(self, cpu: &'static str) -> Self {
        Self { cpu: Some(cpu), ..self }
    }

    fn command_line(&self) -> String {
        format!("cargo {}", self.arguments.join(" "))
    }
}

/// Every step in order: quick ones first, so that a slip shows at once.
fn steps() -> Result<Vec<Step>> {
    use Kind::{Check, Tests};
    let mut steps = vec![
        Step::new("format", Check, "fmt --all --check"),
        Step::new("no_std: tiercel-wasm", Check, "check -p tiercel-wasm --no-default-features"),
        Step::new(
            "no_std: tiercel, interpreter alone",
            Check,
            "check -p tiercel --no-default-features --features interp",
        ),
        Step::new("clippy", Check, "clippy --workspace --all-targets -- -D warnings"),
        Step::new("unit tests", Tests, "test --workspace --exclude tiercel-tests --no-fail-fast"),
        // Unoptimised and checked builds dispatch in a loop (crates/runtime/build.rs): here is the backend that users get.
        Step::new("official suite, optimised", Tests, "test --profile fast -p tiercel-cli --test spec"),
        Step::new("differential, optimised", Tests, "test --profile fast -p tiercel --test differential"),
        Step::new("test harness", Tests, "test -p tiercel-tests --lib"),
    ];
    for name in harnesses()? {
        steps.push(Step::new(name.replace('_', " "), Tests, &format!("test -p tiercel-tests --test {name}")));
    }
    // Emulators keep what they have made of code that is then written over.
    steps.push(
        Step::new("x86-64, emulated: replaced code", Tests, "test -p tiercel --lib native::tests::reclaim")
            .on(Place::X64),
    );
    let cross = format!("test --target {} --profile {}", aarch64::TARGET, binary::PROFILE);
    steps.extend([
        Step::new("aarch64: official suite", Tests, &format!("{cross} -p tiercel-cli --test spec")).on(Place::Aarch64),
        // A CPU without what came later: atomics, dot products, landing pads, signed addresses.
        Step::new(
            "aarch64: official suite, an old CPU",
            Tests,
            &format!(
                "{cross} -p tiercel-cli --test spec -- version_1 multi_value tail_call relaxed_simd sign_extension"
            ),
        )
        .on(Place::Aarch64)
        .with_cpu("cortex-a57"),
        Step::new("aarch64: engine", Tests, &format!("{cross} -p tiercel --lib")).on(Place::Aarch64),
        Step::new("aarch64: differential", Tests, &format!("{cross} -p tiercel --test differential"))
            .on(Place::Aarch64),
        // One program of each kind: an emulator takes long.
        Step::new(
            "aarch64: corpus",
            Tests,
            "test -p tiercel-tests --test corpus -- benches --skip interp --skip baseline- --skip auto- --skip opt-",
        )
        .on(Place::Aarch64Program),
        // What takes longer than a minute is left out by name; in the interpreter all of those that measure loops.
        Step::new(
            "aarch64: shared corpus",
            Tests,
            "test -p tiercel-tests --test corpus -- shared --skip interp --skip baseline --skip auto --skip opt- \
             --skip seqhash --skip ed25519",
        )
        .on(Place::Aarch64Program),
        Step::new(
            "aarch64: shared corpus, interpreted",
            Tests,
            "test -p tiercel-tests --test corpus -- /interp --skip benches --skip shootout --skip splay --skip sqlite3",
        )
        .on(Place::Aarch64Program),
        // Reserved address space costs memory in the emulator.
        Step::new(
            "aarch64: API on compiled code",
            Tests,
            &format!("{cross} -p tiercel --test compiled -- --skip thousands_of_instances_live_at_once"),
        )
        .on(Place::Aarch64),
        Step::new(
            "aarch64: programs",
            Tests,
            "test -p tiercel-tests --test examples --test wast --test wasi_suite -- \
             --skip baseline- --skip auto-at --skip auto-waiting --skip auto-random --skip opt-",
        )
        .on(Place::Aarch64Program),
    ]);
    Ok(steps)
}

/// What `--long` adds: those steps of which [`steps`] has a part, whole.
fn long_steps() -> [Step; 2] {
    let step = |name: &str, tests: &str| {
        Step::new(name, Kind::Tests, &format!("test -p tiercel-tests {tests}")).on(Place::Aarch64Program)
    };
    [
        step("aarch64: whole corpus", "--test corpus"),
        step("aarch64: programs, in every way", "--test examples --test wast --test wasi_suite"),
    ]
}

/// The test binaries of the package `tiercel-tests`, in the order of its manifest.
fn harnesses() -> Result<Vec<String>> {
    let output = step::cargo(&["metadata", "--no-deps", "--format-version", "1"]).output()?;
    ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).context("output of cargo metadata")?;
    let packages = metadata["packages"].as_array().context("cargo metadata lists no packages")?;
    let package = packages
        .iter()
        .find(|package| package["name"] == "tiercel-tests")
        .context("cargo metadata lists no tiercel-tests")?;
    // Cargo sorts them by name; the manifest's order (quick ones first) is in the text.
    let manifest = std::fs::read_to_string(package["manifest_path"].as_str().map(Path::new).context("no manifest")?)?;
    let position = |name: &str| manifest.find(&format!("name = \"{name}\""));
    let mut names: Vec<String> = package["targets"]
        .as_array()
        .context("no targets")?
        .iter()
        .filter(|target| target["kind"][0] == "test")
        .filter_map(|target| target["name"].as_str().map(str::to_owned))
        .collect();
    names.sort_by_key(|name| position(name));
    Ok(names)
}

/// Runs the command.
pub fn run(options: &Options) -> Result<ExitCode> {
    let chosen = |name: &str| options.only.is_empty() || options.only.iter().any(|word| name.contains(word.as_str()));
    let long = options.long.then(long_steps).into_iter().flatten();
    let steps: Vec<Step> = steps()?.into_iter().chain(long).filter(|step| chosen(&step.name)).collect();
    if options.list {
        steps.iter().for_each(|step| println!("{}: {}", step.name, step.command_line()));
        return Ok(ExitCode::SUCCESS);
    }
    ensure!(!steps.is_empty(), "no step is named like {}; `cargo xtask ci --list` shows them", options.only.join(", "));
    let began = Instant::now();
    let mut report = Report::default();
    let tools: Vec<&Tool> = TOOLS.iter().filter(|tool| tool.in_ci).collect();
    if options.install || env::var("CI").is_ok_and(|value| value == "true") {
        // Without the tools the tests that need them say so themselves.
        if let Err(error) = setup::install(&tools).and_then(|()| aarch64::install()) {
            println!("note: tools could not be installed: {error:#}");
        }
    }
    let built = build(&steps, &mut report);
    for step in &steps {
        println!("\n=== {}: {}", step.name, step.command_line());
        let began = Instant::now();
        let outcome = match command(step, built.as_deref()) {
            Ok(mut command) => step::run(&mut command, step.kind, options.verbose)
                .unwrap_or_else(|error| Outcome::failure(format!("{error:#}"))),
            Err(outcome) => outcome,
        };
        report.add(&step.name, began.elapsed(), outcome);
    }
    report.print(began.elapsed(), &tools);
    Ok(if report.total().failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The command of a step; `built` is the program for tests that run it here.
///
/// # Errors
/// What is to be reported in its place: something is missing, or the program does not build.
fn command(step: &Step, built: Option<&Path>) -> Result<Command, Outcome> {
    let rust = match step.place {
        Place::Host => None,
        Place::X64 if !cfg!(target_arch = "x86_64") => return Err(Outcome::skipped("another machine than x86-64")),
        Place::X64 if on_path(X64_EMULATOR).is_none() => {
            return Err(Outcome::skipped(&format!("{X64_EMULATOR} not found; it comes with the package qemu-user")));
        }
        Place::X64 => None,
        _ => Some(aarch64::find().map_err(|reason| Outcome::skipped(&reason))?),
    };
    let mut command = match (&rust, step.place) {
        (Some(rust), Place::Aarch64) => {
            let mut command = rust.cargo();
            command.env("TIERCEL_MODULES", EMULATED_MODULES);
            command
        }
        _ => cargo_command(),
    };
    command.args(&step.arguments).stdin(Stdio::null());
    if step.place != Place::Host {
        command.env("QEMU_CPU", step.cpu.unwrap_or("max"));
    }
    if step.place == Place::X64 {
        // A guest that runs other code than it should may never end.
        command.env("CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER", format!("timeout 300 {X64_EMULATOR}"));
    }
    match (&rust, step.place) {
        (Some(rust), Place::Aarch64Program) => {
            let built = rust.build(binary::PROFILE).map_err(|error| {
                println!("{error}");
                Outcome::failure(error)
            })?;
            command.env(binary::BINARY_VARIABLE, built);
            aarch64::emulate(&mut command);
        }
        _ => built.into_iter().for_each(|path| _ = command.env(binary::BINARY_VARIABLE, path)),
    }
    Ok(command)
}

/// Builds the program once for all tests that run it, unless none of them is asked for or it is given.
fn build(steps: &[Step], report: &mut Report) -> Option<std::path::PathBuf> {
    let runs_it = |step: &Step| step.place == Place::Host && step.arguments.iter().any(|word| word == "tiercel-tests");
    let needed = steps.iter().any(runs_it);
    if !needed || env::var_os(binary::BINARY_VARIABLE).is_some() {
        return None;
    }
    println!("\n=== build the program (profile {})", binary::PROFILE);
    let began = Instant::now();
    let (path, outcome) = match binary::build(binary::PROFILE) {
        Ok(path) => (Some(path), Outcome::success()),
        Err(error) => {
            println!("{error}");
            (None, Outcome::failure(error))
        }
    };
    report.add("build the program", began.elapsed(), outcome);
    path
}

/// What the steps did.
#[derive(Default)]
struct Report {
    rows: Vec<(String, Duration, Outcome)>,
}

impl Report {
    fn add(&mut self, name: &str, time: Duration, outcome: Outcome) {
        self.rows.push((name.to_owned(), time, outcome));
    }

    fn total(&self) -> Outcome {
        let mut total = Outcome::default();
        self.rows.iter().for_each(|(_, _, outcome)| total.add(outcome));
        total
    }

    fn print(&self, time: Duration, tools: &[&Tool]) {
        let total = self.total();
        println!("\n=== summary after {:.0} s (a check without test cases counts as one)", time.as_secs_f64());
        for (name, time, outcome) in &self.rows {
            let state = if outcome.failed > 0 { "FAILED" } else { "ok" };
            println!(
                "{state:<7} {name:<36} {:>7.1} s {:>6} passed {:>4} failed {:>4} skipped",
                time.as_secs_f64(),
                outcome.passed,
                outcome.failed,
                outcome.skipped
            );
        }
        for (reason, count) in &total.reasons {
            println!("skipped {count}: {reason}");
        }
        if tools.iter().any(|tool| !tool.missing().is_empty()) {
            println!("missing tools come with: {}", setup::by_hand(tools));
        }
        total.failures.iter().for_each(|name| println!("failed: {name}"));
        println!("{} passed, {} failed, {} skipped", total.passed, total.failed, total.skipped);
    }
}

/// The repository, where every command runs.
pub fn repository() -> &'static Path {
    paths::repository()
}

/// A command of the cargo that runs us, in the repository.
pub fn cargo_command() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(repository());
    command
}
