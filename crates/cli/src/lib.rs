//! in: a command line. out: a guest's output, or the verdict on test scripts, and an exit code.
//!
//! Reading order: [`args`] (the command line as a table), [`options`] (the groups `-W`, `-S`, ...), [`engine`] (from options to
//! an engine), [`run`] with [`host`], [`imports`], [`invoke`] and [`deadline`] (running a module), [`print`](mod@print) (what the compiler makes of it), [`snapshot`] (running its start beforehand), [`compile`], [`inspect`]
//! and [`cache`] (artifacts), [`wast`] (the language of the
//! official test suite), [`exit`] (how the program ends), [`suggest`] (for misspelt words).
#![forbid(unsafe_code)]

mod args;
mod cache;
mod compile;
mod deadline;
mod disassemble;
mod engine;
mod exit;
mod host;
mod imports;
mod inspect;
mod invoke;
mod log;
mod options;
mod print;
mod profile;
mod run;
mod snapshot;
mod suggest;
pub mod wast;

use args::{Cli, Command};
use clap::CommandFactory;

/// Runs the program with the arguments of this process, and ends the process.
pub fn main() -> ! {
    let cli = args::parse();
    let result = match cli.command {
        None => run::run(&cli.run),
        Some(Command::Run(args)) => run::run(&args),
        Some(Command::Compile(args)) => compile::run(&args),
        Some(Command::Snapshot(args)) => snapshot::run(&args),
        Some(Command::Cache(args)) => cache::run(&args),
        Some(Command::Inspect(args)) => inspect::run(&args),
        Some(Command::Wast(args)) => wast::command::run(&args),
        Some(Command::Completion { shell }) => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "tiercel", &mut script);
            exit::print(&script);
            Ok(())
        }
    };
    exit::end(result)
}
