//! Building for aarch64 Linux and running that here: a Rust with that target's standard library, a C compiler that links, qemu-user that runs.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, anyhow, ensure};
use tiercel_tests::binary;

use crate::tools::{self, on_path};

/// What is built for.
pub const TARGET: &str = "aarch64-unknown-linux-gnu";
/// Runs its programs.
pub const EMULATOR: &str = "qemu-aarch64";
/// Links them.
pub const LINKER: &str = "aarch64-linux-gnu-gcc";
/// Where the emulator finds their libraries.
pub const LIBRARIES: &str = "/usr/aarch64-linux-gnu";
/// What [`install`] calls the toolchain that it makes.
const OURS: &str = "tiercel-aarch64";

/// Options of `cargo xtask aarch64`.
#[derive(clap::Args)]
pub struct Options {
    /// A subcommand of cargo's and its arguments.
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<String>,
}

/// Runs the command.
pub fn run(options: &Options) -> Result<ExitCode> {
    let rust = find().map_err(|reason| anyhow!(reason))?;
    let mut words = options.words.clone();
    words.splice(1..1, ["--target", TARGET, "--profile", binary::PROFILE].map(str::to_owned));
    let status = rust.cargo().args(words).status().context("cannot start cargo")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A Rust with the standard library of [`TARGET`].
pub struct Rust {
    /// Its name for rustup; none if it is the one that runs us.
    toolchain: Option<String>,
}

/// Everything needed to build and to run.
///
/// # Errors
/// The reason why that cannot be done here.
pub fn find() -> Result<Rust, String> {
    let missing: Vec<&str> = tools::AARCH64.iter().flat_map(|tool| tool.missing()).collect();
    match find_rust() {
        Some(rust) if missing.is_empty() => Ok(rust),
        found => {
            let rust = if found.is_none() { vec!["a Rust with its standard library"] } else { Vec::new() };
            let all = [rust, missing].concat().join(", ");
            Err(format!("the cross build for aarch64 lacks {all}: cargo xtask setup --install"))
        }
    }
}

/// The Rust that runs us, or any that rustup knows of.
pub fn find_rust() -> Option<Rust> {
    let known = Command::new("rustup").args(["toolchain", "list", "--quiet"]).stderr(Stdio::null()).output();
    let known = known.map_or_else(|_| String::new(), |output| String::from_utf8_lossy(&output.stdout).into_owned());
    let others = known.lines().filter_map(|line| line.split_whitespace().next()).map(|name| Some(name.to_owned()));
    // The newest compiler may refuse what ours accepts; ours is not asked for.
    let others = others.filter(|name| !name.as_ref().is_some_and(|name| name.starts_with("nightly")));
    [None].into_iter().chain(others).map(|toolchain| Rust { toolchain }).find(Rust::has_target)
}

impl Rust {
    /// A program of it.
    fn program(&self, name: &str) -> Command {
        let mut command = match &self.toolchain {
            None => Command::new(name),
            Some(toolchain) => {
                let mut command = Command::new("rustup");
                command.args(["run", toolchain, name]);
                command
            }
        };
        // What cargo tells those it runs is about the compiler that built us.
        ["CARGO", "RUSTC", "RUSTUP_TOOLCHAIN", "RUSTDOC"].iter().for_each(|name| _ = command.env_remove(name));
        command
    }

    fn has_target(&self) -> bool {
        let output = self.program("rustc").args(["--print", "sysroot"]).stderr(Stdio::null()).output();
        output.is_ok_and(|output| {
            let sysroot = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
            output.status.success() && sysroot.join("lib/rustlib").join(TARGET).join("lib").is_dir()
        })
    }

    /// Its cargo, in the repository, which links for [`TARGET`] and runs what it has built in the emulator.
    pub fn cargo(&self) -> Command {
        let mut command = self.program("cargo");
        command.current_dir(super::ci::repository());
        command.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", LINKER);
        command.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", EMULATOR);
        emulate(&mut command);
        command
    }

    /// Builds the program.
    ///
    /// # Errors
    /// It does not build.
    pub fn build(&self, profile: &str) -> Result<PathBuf, String> {
        binary::build_by(self.cargo(), profile, &["--target", TARGET])
    }
}

/// Tells the emulator where libraries are, and tests that programs run in one.
pub fn emulate(command: &mut Command) {
    command.env("QEMU_LD_PREFIX", LIBRARIES).env(binary::RUNNER_VARIABLE, EMULATOR);
}

/// Installs a Rust with the target's standard library if there is none: rustup's, else Debian's in a folder of the user's.
///
/// # Errors
/// Neither can be had.
pub fn install() -> Result<()> {
    if find_rust().is_some() {
        return Ok(());
    }
    ensure!(on_path("rustup").is_some(), "there is no rustup here; install Rust's standard library for {TARGET}");
    let added = Command::new("rustup").args(["target", "add", TARGET]).status().context("cannot start rustup")?;
    if added.success() {
        return Ok(());
    }
    ensure!(on_path("apt-get").is_some(), "rustup has no standard library for {TARGET}, and there is no apt-get here");
    let data = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from);
    let data = data.or_else(|| Some(Path::new(&std::env::var_os("HOME")?).join(".local/share")));
    let folder = data.context("neither HOME nor XDG_DATA_HOME is set")?.join("tiercel/debian-rust");
    println!("unpacking Debian's Rust into {}", folder.display());
    let status = Command::new("bash")
        .args(["-c", include_str!("debian-rust.sh"), "debian-rust.sh"])
        .arg(&folder)
        .arg(OURS)
        .stdin(Stdio::null())
        .status()
        .context("cannot start bash")?;
    ensure!(status.success(), "Debian's Rust could not be installed ({status}); it needs root and the network");
    Ok(())
}
