//! The WebAssembly project's own WASI tests (shared folder, preview 1): each program with its JSON specification.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::ExitCode;

use libtest_mimic::Trial;
use serde::Deserialize;
use tiercel_tests::expect::Expectation;
use tiercel_tests::{paths, trials};

/// What a program needs and must leave. Without a file everything has its default.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Specification {
    args: Vec<String>,
    env: BTreeMap<String, String>,
    /// A folder beside the program that it sees as its root. It may write there, so it gets a copy.
    root: Option<String>,
    exit_code: i32,
    stdout: Option<String>,
}

fn main() -> ExitCode {
    trials::main(cases())
}

fn cases() -> Result<Vec<Trial>, String> {
    let root = match paths::shared("wasi-testsuite") {
        Ok(root) => root,
        Err(reason) => return Ok(vec![trials::skipped("wasi-testsuite", reason)]),
    };
    let mut cases = Vec::new();
    for suite in ["c", "assemblyscript"] {
        for wasm in paths::files(&root.join(suite), &["wasm"])? {
            let name = format!("{suite}/{}", paths::stem(&wasm));
            cases.extend(trials::on_every_tier_and_checked(&name, move |tier| run(&wasm, tier)));
        }
    }
    Ok(cases)
}

fn run(wasm: &Path, tier: &str) -> Result<(), String> {
    let specification = read_specification(&wasm.with_extension("json"))?;
    let mut command = trials::tiercel("run", tier)?;
    for (key, value) in &specification.env {
        command.arg("--env").arg(format!("{key}={value}"));
    }
    let copy = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
    if let Some(root) = &specification.root {
        copy_folder(&wasm.with_file_name(root), copy.path())?;
        command.arg("--dir").arg(format!("{}::/", copy.path().display()));
    }
    command.arg(wasm).args(&specification.args);
    let expectation = Expectation {
        exit_code: specification.exit_code,
        stdout: specification.stdout.map(String::into_bytes),
        ..Expectation::default()
    };
    trials::check(&mut command, &expectation)
}

fn read_specification(path: &Path) -> Result<Specification, String> {
    match fs::read(path) {
        Ok(json) => serde_json::from_slice(&json).map_err(|error| format!("{}: {error}", path.display())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Specification::default()),
        Err(error) => Err(format!("cannot read {}: {error}", path.display())),
    }
}

/// Copies what is in `from` into the folder `to`. Contents only: the copy is writable even where the original is not.
fn copy_folder(from: &Path, to: &Path) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("cannot copy {}: {error}", from.display());
    for entry in fs::read_dir(from).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let target = to.join(entry.file_name());
        if entry.file_type().map_err(failed)?.is_dir() {
            fs::create_dir(&target).map_err(failed)?;
            copy_folder(&entry.path(), &target)?;
        } else {
            fs::write(&target, fs::read(entry.path()).map_err(failed)?).map_err(failed)?;
        }
    }
    Ok(())
}
