//! `tiercel wast`: runs scripts and whole directories of them, and prints how they did.

use super::script::{self, Verdict};
use crate::args::WastArgs;
use crate::engine::Setup;
use crate::exit;
use std::fs;
use std::path::{Path, PathBuf};
use tiercel::{Context, Result, Store, format_err};

/// # Errors
/// A path cannot be read, or an assertion does not hold.
pub fn run(args: &WastArgs) -> Result<()> {
    // Scripts have many small modules that nobody needs again.
    let setup = Setup::new(&args.engine, |config| {
        config.cache(None);
        Ok(())
    })?;
    let mut files = Vec::new();
    for path in &args.paths {
        find(path, &mut files)?;
    }
    if files.is_empty() {
        return Err(format_err!("no `.wast` file is in {}", paths(&args.paths)));
    }
    setup.start_clock()?;
    let mut total = Verdict::default();
    for file in &files {
        let verdict = run_file(&setup, file)?;
        exit::print(report(file, &verdict).as_bytes());
        total.passed += verdict.passed;
        total.blocked += verdict.blocked;
        total.failures.extend(verdict.failures);
    }
    if files.len() > 1 {
        exit::print(format!("total: {} in {} files\n", counts(&total), files.len()).as_bytes());
    }
    match total.failures.len() {
        0 => Ok(()),
        1 => Err(format_err!("a test failed")),
        n => Err(format_err!("{n} tests failed")),
    }
}

fn run_file(setup: &Setup, file: &Path) -> Result<Verdict> {
    let text = fs::read_to_string(file).with_context(|| format!("cannot read the script `{}`", file.display()))?;
    let limits = setup.limits();
    let is_limited = limits.is_some();
    let mut store = Store::new(&setup.engine, limits.unwrap_or_default());
    if is_limited {
        store.limiter(|limits| limits);
    }
    setup.prepare(&mut store)?;
    Ok(script::run(&mut store, &text))
}

/// The scripts that `path` stands for: itself, or all below it, by name.
fn find(path: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let reading = || format!("cannot read `{}`", path.display());
    if !fs::metadata(path).with_context(reading)?.is_dir() {
        files.push(path.into());
        return Ok(());
    }
    let mut entries = fs::read_dir(path).and_then(Iterator::collect::<Result<Vec<_>, _>>).with_context(reading)?;
    entries.sort_by_key(|entry| entry.file_name());
    for entry in entries {
        let path = entry.path();
        let is_script = path.extension().is_some_and(|extension| extension == "wast");
        if is_script || entry.file_type().with_context(reading)?.is_dir() {
            find(&path, files)?;
        }
    }
    Ok(())
}

/// A line for the script, and one for each failure.
fn report(file: &Path, verdict: &Verdict) -> String {
    let file = file.display();
    let mut text = format!("{file}: {}\n", counts(verdict));
    for failure in &verdict.failures {
        text += &format!("{file}:{}:{}: {}\n", failure.line, failure.column, failure.message);
    }
    text
}

fn counts(verdict: &Verdict) -> String {
    let mut text = format!("{} passed", verdict.passed);
    if !verdict.failures.is_empty() {
        text += &format!(", {} failed", verdict.failures.len());
    }
    if verdict.blocked > 0 {
        text += &format!(", {} not tried after a failure", verdict.blocked);
    }
    text
}

fn paths(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| format!("`{}`", path.display())).collect::<Vec<_>>().join(", ")
}
