//! Programs built by the compilers people use: each file of `tests/programs` is compiled to WASI and run.
//!
//! What a run needs and must leave stands in the program's first lines, one directive each:
//!
//! ```text
//! //@ arg WORD          one argument, spaces included
//! //@ env NAME=VALUE    one environment variable
//! //@ dir GUEST         an empty folder of the host, seen as GUEST
//! //@ snapshot OPTION   what runs is the module that `tiercel snapshot OPTION` makes of the program
//! //@ exit CODE         the exit code, when it is not 0
//! //@ stderr TEXT       must occur in standard error
//! ```
//!
//! Standard output must equal `FILE.stdout` byte for byte. Where a compiler is missing, its programs are skipped.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use libtest_mimic::Trial;
use tiercel_tests::expect::Expectation;
use tiercel_tests::{paths, process, trials};

/// How long a compiler may take for one program.
const COMPILE_LIMIT: Duration = Duration::from_secs(180);

/// A compiler that makes WASI programs from files with one extension.
struct Toolchain {
    extension: &'static str,
    name: &'static str,
    /// The compilers to try, each with the arguments that make it produce WASI programs.
    candidates: &'static [&'static [&'static str]],
    /// Whether the compiler, called with its arguments, has the libraries it needs.
    is_complete: fn(&[&str]) -> bool,
    /// Arguments for the code generated.
    options: &'static [&'static str],
}

/// With another program called `wasm-opt` on the path, clang would run it after linking; a test wants clang's own output.
const NO_WASM_OPT: &str = "--no-wasm-opt";

const TOOLCHAINS: &[Toolchain] = &[
    Toolchain {
        extension: "rs",
        name: "Rust",
        // Debian's compiler stands in /usr/bin beside a `rustc` of rustup's earlier in the path.
        candidates: &[
            &["/usr/bin/rustc", "--target=wasm32-wasi"],
            &["/usr/bin/rustc", "--target=wasm32-wasip1"],
            &["rustc", "--target=wasm32-wasip1"],
        ],
        is_complete: rust_is_complete,
        options: &["-O", "-Cstrip=debuginfo"],
    },
    Toolchain {
        extension: "c",
        name: "C",
        candidates: &[&["clang-22", "--target=wasm32-wasi", NO_WASM_OPT], &["clang", "--target=wasm32-wasi"]],
        is_complete: |compiler| has_library(compiler, "libc.a"),
        options: &["-O2", "-Wall", "-Werror", "-Wno-deprecated"],
    },
    Toolchain {
        extension: "cc",
        name: "C++",
        candidates: &[&["clang++-22", "--target=wasm32-wasi", NO_WASM_OPT], &["clang++", "--target=wasm32-wasi"]],
        is_complete: |compiler| has_library(compiler, "libc++.a"),
        options: &["-O2", "-Wall", "-Werror", "-Wno-deprecated", "-std=c++17", "-fno-exceptions"],
    },
];

fn main() -> ExitCode {
    trials::main(cases())
}

fn cases() -> Result<Vec<Trial>, String> {
    let folder = paths::repository().join("tests/programs");
    let mut cases = Vec::new();
    for toolchain in TOOLCHAINS {
        let sources = paths::files(&folder, &[toolchain.extension])?;
        let name = |source: &Path| format!("{}/{}", toolchain.name, paths::stem(source));
        match toolchain.candidates.iter().find(|command| (toolchain.is_complete)(command)) {
            Some(compiler) => {
                for source in sources {
                    let program = Arc::new(Compiled::new(source.clone(), compiler, toolchain.options));
                    cases.extend(trials::on_every_tier_and_checked(&name(&source), move |tier| program.run(tier)));
                }
            }
            None => cases.extend(sources.iter().map(|source| {
                let reason = format!("no {} compiler for WASI: cargo xtask setup --install", toolchain.name);
                trials::skipped(name(source), reason)
            })),
        }
    }
    Ok(cases)
}

/// What a command prints, if it can be run at all.
fn printed(command: &[&str], argument: &str) -> Option<String> {
    let output = Command::new(command[0]).args(&command[1..]).arg(argument).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Whether the target's standard library and the linker it needs are installed.
fn rust_is_complete(compiler: &[&str]) -> bool {
    let has_library = printed(compiler, "--print=target-libdir")
        .is_some_and(|folder| names(Path::new(&folder)).iter().any(|name| name.starts_with("libstd-")));
    has_library && (on_path("rust-lld") || has_own_linker(compiler))
}

/// Whether `rust-lld` came with the compiler, as rustup's has it.
fn has_own_linker(compiler: &[&str]) -> bool {
    printed(compiler, "--print=sysroot").is_some_and(|sysroot| {
        let hosts = Path::new(&sysroot).join("lib/rustlib");
        names(&hosts).iter().any(|host| hosts.join(host).join("bin/rust-lld").exists())
    })
}

fn on_path(program: &str) -> bool {
    env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

/// The names in a folder; none if it cannot be read.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// Whether clang finds `library` for its target: it then prints a path, else the bare name.
fn has_library(compiler: &[&str], library: &str) -> bool {
    let found = |path: String| Path::new(&path).is_absolute() && Path::new(&path).exists();
    printed(compiler, &format!("-print-file-name={library}")).is_some_and(found)
        && printed(compiler, "-print-libgcc-file-name").is_some_and(found)
}

/// A source file and, after the first use, the module made from it.
struct Compiled {
    source: PathBuf,
    compiler: &'static [&'static str],
    options: &'static [&'static str],
    module: OnceLock<Result<(tempfile::TempDir, PathBuf), String>>,
}

impl Compiled {
    fn new(source: PathBuf, compiler: &'static [&'static str], options: &'static [&'static str]) -> Self {
        Self { source, compiler, options, module: OnceLock::new() }
    }

    fn module(&self) -> Result<&Path, String> {
        let made = self.module.get_or_init(|| {
            let folder = tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"))?;
            let module = folder.path().join(format!("{}.wasm", paths::stem(&self.source)));
            let mut command = Command::new(self.compiler[0]);
            command.args(&self.compiler[1..]).args(self.options).arg(&self.source).arg("-o").arg(&module);
            let output = process::run(command.current_dir(folder.path()), COMPILE_LIMIT)?;
            if !output.status.success() {
                return Err(format!("does not compile: {command:?}\n{}", String::from_utf8_lossy(&output.stderr)));
            }
            Ok((folder, module))
        });
        made.as_ref().map(|(_, module)| module.as_path()).map_err(Clone::clone)
    }

    fn run(&self, tier: &str) -> Result<(), String> {
        let unreadable = |path: &Path, error| format!("cannot read {}: {error}", path.display());
        let text = fs::read_to_string(&self.source).map_err(|error| unreadable(&self.source, error))?;
        let mut command = trials::tiercel("run", tier)?;
        let mut module = self.module()?.to_owned();
        let mut arguments = Vec::new();
        let mut folders = Vec::new();
        let expected = PathBuf::from(format!("{}.stdout", self.source.display()));
        let mut expectation = Expectation {
            stdout: Some(fs::read(&expected).map_err(|error| unreadable(&expected, error))?),
            ..Expectation::default()
        };
        let temporary = || tempfile::tempdir().map_err(|error| format!("no temporary folder: {error}"));
        for directive in text.lines().map_while(|line| line.strip_prefix("//@ ")) {
            match directive.split_once(' ') {
                Some(("arg", word)) => arguments.push(word),
                Some(("env", pair)) => {
                    command.args(["--env", pair]);
                }
                Some(("dir", guest)) => {
                    let folder = temporary()?;
                    command.arg("--dir").arg(format!("{}::{guest}", folder.path().display()));
                    folders.push(folder);
                }
                Some(("exit", code)) => {
                    expectation.exit_code = code.parse().map_err(|error| format!("`//@ {directive}`: {error}"))?;
                }
                Some(("stderr", text)) => expectation.stderr_has.push(text.to_owned()),
                Some(("snapshot", option)) => {
                    let folder = temporary()?;
                    let initialised = folder.path().join("initialised.wasm");
                    let mut snapshot = trials::tiercel("snapshot", tier)?;
                    trials::check(
                        snapshot.args([Path::new(option), &module]).arg("-o").arg(&initialised),
                        &Expectation::default(),
                    )?;
                    module = initialised;
                    folders.push(folder);
                }
                _ => {
                    return Err(format!("{}: unknown directive `//@ {directive}`", self.source.display()));
                }
            }
        }
        command.arg(module).args(arguments);
        trials::check(&mut command, &expectation)
    }
}
