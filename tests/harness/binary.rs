//! The program under test: built once, or named by the environment.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use crate::paths;

/// Names an already built program; nothing is built then.
pub const BINARY_VARIABLE: &str = "TIERCEL_BIN";

/// Names the words to put before the program, if it is one for another CPU: an emulator and its options.
pub const RUNNER_VARIABLE: &str = "TIERCEL_RUNNER";

/// The profile the program is built in: optimized, because the corpus would take an hour otherwise.
pub const PROFILE: &str = "fast";

static TIERCEL: LazyLock<Result<PathBuf, String>> = LazyLock::new(|| match env::var_os(BINARY_VARIABLE) {
    Some(path) => Path::new(&path)
        .canonicalize()
        .map_err(|error| format!("{BINARY_VARIABLE} names {}: {error}", Path::new(&path).display())),
    None => build(PROFILE),
});

/// The path of the program under test, built at the first call.
pub fn tiercel() -> Result<&'static Path, String> {
    TIERCEL.as_deref().map_err(Clone::clone)
}

/// A command that starts the program under test, in the emulator that the environment names.
pub fn command() -> Result<Command, String> {
    let program = tiercel()?;
    let runner = env::var(RUNNER_VARIABLE).unwrap_or_default();
    let mut words = runner.split_whitespace();
    let Some(emulator) = words.next() else { return Ok(Command::new(program)) };
    let mut command = Command::new(emulator);
    command.args(words).arg(program);
    Ok(command)
}

/// Whether the environment names an emulator for the program under test.
pub fn is_emulated() -> bool {
    env::var(RUNNER_VARIABLE).is_ok_and(|runner| !runner.trim().is_empty())
}

/// Builds the program in `profile` and says where it is.
pub fn build(profile: &str) -> Result<PathBuf, String> {
    build_by(cargo(), profile, &[])
}

/// The same by another cargo, with more arguments.
pub fn build_by(cargo: Command, profile: &str, arguments: &[&str]) -> Result<PathBuf, String> {
    build_target(cargo, profile, ["--bin", "tiercel"], arguments)
}

/// Builds an example of the program's package.
pub fn build_example(profile: &str, name: &str) -> Result<PathBuf, String> {
    build_target(cargo(), profile, ["--example", name], &[])
}

fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

fn build_target(
    mut cargo: Command,
    profile: &str,
    target @ [_, name]: [&str; 2],
    arguments: &[&str],
) -> Result<PathBuf, String> {
    let output = cargo
        .args(["build", "--package", "tiercel-cli", "--profile", profile])
        .args(target)
        .args(["--message-format", "json-render-diagnostics"])
        .args(arguments)
        .current_dir(paths::repository())
        .output()
        .map_err(|error| format!("cannot start cargo: {error}"))?;
    if !output.status.success() {
        return Err(format!("{name} does not build ({}):\n{}", output.status, String::from_utf8_lossy(&output.stderr)));
    }
    // One JSON message a line; the one about our program names the file, wherever the target folder is.
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|message| message["target"]["name"] == name)
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
        .ok_or_else(|| format!("cargo built no program `{name}`"))
}
