//! What calls between host and guest and new instances cost, beside wasmtime's: builds and runs `benches/calls`, a package of its own, because wasmtime takes
//! minutes to build.

use std::fs;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, ensure};
use tiercel_random::scaling::SHAPES;
use tiercel_tests::paths;

/// Builds the benchmark if it has to be built, and runs the rows whose names contain one of `words`.
pub fn run(words: &[String], rounds: Option<usize>) -> Result<ExitCode> {
    let mut command = built()?;
    if let Some(rounds) = rounds {
        command.args(["--rounds", &rounds.to_string()]);
    }
    add_module(&mut command);
    command.args(words);
    exit_of(command)
}

/// The same for many instances: how long one takes, what thousands of them take of the host's memory, how many several threads make.
pub fn instances(rounds: Option<usize>) -> Result<ExitCode> {
    let rows = run(&["store".to_owned()], rounds)?;
    let mut command = built()?;
    command.arg("--instances");
    add_module(&mut command);
    let large = tempfile::Builder::new().prefix("large-").suffix(".wasm").tempfile()?;
    fs::write(large.path(), large_module())?;
    command.arg("--module").arg(large.path());
    exit_of(command).map(|many| if rows == ExitCode::SUCCESS { many } else { rows })
}

/// A module whose artifact has about 10 MB.
fn large_module() -> Vec<u8> {
    let shape = SHAPES.iter().find(|shape| shape.name == "functions of 80 bytes").expect("one of the list");
    (shape.make)(76_000)
}

/// Instances of a program of the usual size, where it is here.
fn add_module(command: &mut Command) {
    if let Ok(module) = paths::shared("corpus/sqlite3/sqlite3.wasm") {
        command.arg("--module").arg(module);
    }
}

/// The benchmark, built if it has to be.
fn built() -> Result<Command> {
    let root = paths::repository();
    let (manifest, target) = (root.join("benches/calls/Cargo.toml"), root.join("target/calls"));
    let mut build = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    build.args(["build", "--release", "--manifest-path"]).arg(manifest).arg("--target-dir").arg(&target);
    println!("building benches/calls: minutes when it is the first time");
    let built = build.status().with_context(|| format!("cannot start {build:?}"))?;
    ensure!(
        built.success(),
        "benches/calls cannot be built: see above. It needs the crate `wasmtime` and its dependencies, from a registry or \
         vendored, and a compiler as new as that crate asks for"
    );
    let program = target.join("release").join(format!("calls{}", std::env::consts::EXE_SUFFIX));
    Ok(Command::new(program))
}

fn exit_of(mut command: Command) -> Result<ExitCode> {
    let status = command.status().with_context(|| format!("cannot start {command:?}"))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
