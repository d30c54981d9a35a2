//! `--profile`: what profilers need to know of compiled code.

use std::fmt::Write as _;
use std::fs;
use tiercel::{Context as _, Module, Result};

/// How a profiler learns which function an address belongs to.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Strategy {
    // A text file by the number of the process, as `perf` defines it (`tools/perf/Documentation/jit-interface.txt` of Linux).
    Perfmap,
}

/// Writes what the strategy asks for, of the code that there is now.
///
/// # Errors
/// The file cannot be written.
pub fn write(strategy: Strategy, module: &Module) -> Result<()> {
    let Strategy::Perfmap = strategy;
    let names: Vec<Option<&str>> = module.functions().collect();
    let mut text = String::new();
    for (func, range) in module.code_ranges() {
        let (start, len) = (range.start, range.len());
        // Writing to a string does not fail.
        let _ = match names[func as usize] {
            Some(name) => writeln!(text, "{start:x} {len:x} wasm[{func}]::{}", name.replace('\n', " ")),
            None => writeln!(text, "{start:x} {len:x} wasm[{func}]"),
        };
    }
    let path = format!("/tmp/perf-{}.map", std::process::id());
    fs::write(&path, text).with_context(|| format!("cannot write {path} for `--profile perfmap`"))
}
