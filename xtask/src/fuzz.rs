//! `cargo xtask fuzz TARGET`: a fuzz target on random bytes, steered by coverage (libFuzzer) where there is a nightly compiler, at random
//! where there is none. What the targets test is in `tests/random/src/targets.rs`.

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, bail, ensure};
use tiercel_tests::paths;

/// Options of `cargo xtask fuzz`.
#[derive(clap::Args)]
pub struct Options {
    /// The target; without one they are listed.
    target: Option<String>,
    /// Stop after this time. Default: run until something is found.
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,
    /// Run at random, with the stable compiler, even if there is a nightly one.
    #[arg(long)]
    stable: bool,
    /// At random: start with this seed, to see again what was found.
    #[arg(long, value_name = "SEED")]
    seed: Option<u64>,
}

/// How code is instrumented for libFuzzer.
const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1";

/// Runs the command.
pub fn run(options: &Options) -> Result<ExitCode> {
    let folder = paths::repository().join("fuzz");
    let files = paths::files(&folder.join("fuzz_targets"), &["rs"]).map_err(anyhow::Error::msg)?;
    let names: Vec<String> = files.iter().map(|path| paths::stem(path)).collect();
    let Some(target) = &options.target else {
        println!("targets: {}", names.join(", "));
        return Ok(ExitCode::SUCCESS);
    };
    ensure!(names.contains(target), "there is no target `{target}`; there are: {}", names.join(", "));
    let at_random = options.stable || options.seed.is_some();
    match nightly() {
        Some(host) if !at_random => guided(&folder, target, &host, options),
        found => {
            if found.is_none() && !at_random {
                println!(
                    "note: no nightly compiler here (rustup toolchain install nightly): random bytes, not steered by coverage"
                );
            }
            unguided(target, options)
        }
    }
}

/// The host of the nightly compiler, if there is one.
fn nightly() -> Option<String> {
    let output = Command::new("rustup").args(["run", "nightly", "rustc", "-vV"]).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines().find_map(|line| line.strip_prefix("host: ")).map(str::to_owned)
}

/// By libFuzzer, as cargo-fuzz does it. What it finds interesting is kept in `fuzz/corpus`, what fails in `fuzz/artifacts`.
fn guided(folder: &Path, target: &str, host: &str, options: &Options) -> Result<ExitCode> {
    let (corpus, artifacts) = (folder.join("corpus").join(target), folder.join("artifacts").join(target));
    std::fs::create_dir_all(&corpus)
        .and_then(|()| std::fs::create_dir_all(&artifacts))
        .context("cannot make folders")?;
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", "cargo", "run", "--release", "--target", host, "--bin", target, "--"]);
    command.arg(&corpus).arg(format!("-artifact_prefix={}/", artifacts.display())).arg("-max_len=4000");
    if let Some(seconds) = options.seconds {
        command.arg(format!("-max_total_time={seconds}"));
    }
    command.current_dir(folder).env("RUSTFLAGS", COVERAGE);
    // Else everything of the stable compiler would be built anew after each run.
    command.env("CARGO_TARGET_DIR", folder.join("target"));
    // What cargo tells those it runs is about the compiler that built us.
    ["CARGO", "RUSTC", "RUSTUP_TOOLCHAIN", "RUSTDOC"].iter().for_each(|name| _ = command.env_remove(name));
    finish(command)
}

/// At random.
fn unguided(target: &str, options: &Options) -> Result<ExitCode> {
    let mut command = crate::ci::cargo_command();
    command.args(["run", "--profile", "fast", "-p", "tiercel-random", "--bin", "fuzz", "--", target]);
    match (options.seconds, options.seed) {
        (seconds, Some(seed)) => command.args([seconds.unwrap_or(1).to_string(), seed.to_string()]),
        (Some(seconds), None) => command.arg(seconds.to_string()),
        (None, None) => &mut command,
    };
    finish(command)
}

fn finish(mut command: Command) -> Result<ExitCode> {
    let status = command.status().with_context(|| format!("cannot start {:?}", command.get_program()))?;
    match status.code() {
        Some(0) => Ok(ExitCode::SUCCESS),
        Some(_) => Ok(ExitCode::FAILURE),
        None => bail!("the target was killed: {status}"),
    }
}
