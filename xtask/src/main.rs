//! The project's automation, run as `cargo xtask COMMAND`. One file per command:
//! [`ci`] (every check), [`bench`] (side by side with other engines), [`bless`] (renews golden files),
//! [`fuzz`] (random inputs for as long as one likes), [`setup`] (optional tools); [`tools`] is the list of those tools, [`aarch64`] the
//! way to build for another CPU and to run that here.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;

mod aarch64;
mod bench;
mod bless;
mod ci;
mod fuzz;
mod setup;
mod tools;

/// The project's automation: checks, benchmarks, golden files, tools.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
enum Command {
    /// Run every check, as the continuous integration does.
    Ci(ci::Options),
    /// Measure the engine, side by side with the engines found on this machine.
    Bench(bench::Options),
    /// Rebuild the benchmark modules and write anew what examples and benchmarks print. Read the diff.
    Bless(bless::Options),
    /// Run a fuzz target: with libFuzzer where there is a nightly compiler, else on random bytes.
    Fuzz(fuzz::Options),
    /// Run cargo for aarch64, programs in an emulator: `cargo xtask aarch64 test -p tiercel`.
    Aarch64(aarch64::Options),
    /// Show or install the optional tools that tests and benchmarks use.
    Setup(setup::Options),
}

fn main() -> ExitCode {
    let done = match Command::parse() {
        Command::Ci(options) => ci::run(&options),
        Command::Bench(options) => bench::run(&options),
        Command::Bless(options) => bless::run(&options),
        Command::Fuzz(options) => fuzz::run(&options),
        Command::Aarch64(options) => aarch64::run(&options),
        Command::Setup(options) => setup::run(&options),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
