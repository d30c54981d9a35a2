//! Runs one step and counts what it did. Of tests, the lines of the test runner are counted: `test NAME ... ok`.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

/// How a step is counted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One check: its exit code says whether it passed.
    Check,
    /// Test cases, each counted.
    Tests,
}

/// What a step did.
#[derive(Default)]
pub struct Outcome {
    /// Cases that passed.
    pub passed: usize,
    /// Cases that failed.
    pub failed: usize,
    /// Cases that could not run here.
    pub skipped: usize,
    /// Why cases were skipped, and how many for each reason.
    pub reasons: BTreeMap<String, usize>,
    /// What failed.
    pub failures: Vec<String>,
}

impl Outcome {
    /// One check that passed.
    pub fn success() -> Self {
        Self { passed: 1, ..Self::default() }
    }

    /// One check that failed.
    pub fn failure(what: impl Into<String>) -> Self {
        let what = what.into();
        let line = what.lines().next().unwrap_or_default().to_owned();
        Self { failed: 1, failures: vec![line], ..Self::default() }
    }

    /// One check that could not run here, and why.
    pub fn skipped(reason: &str) -> Self {
        Self { skipped: 1, reasons: BTreeMap::from([(reason.to_owned(), 1)]), ..Self::default() }
    }

    /// Adds another outcome to this one.
    pub fn add(&mut self, other: &Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
        self.failures.extend_from_slice(&other.failures);
        for (reason, count) in &other.reasons {
            *self.reasons.entry(reason.clone()).or_default() += count;
        }
    }

    /// Counts one line of a test runner; says whether it reports a case that passed.
    fn count(&mut self, line: &str) -> bool {
        let Some((name, result)) = line.strip_prefix("test ").and_then(|rest| rest.split_once(" ... ")) else {
            return false;
        };
        let name = name.trim();
        // A test may print its own text between its name and its result, so only the line's end counts there.
        if result == "ok" || result.ends_with(" ok") {
            self.passed += 1;
            return true;
        }
        if result.starts_with("FAILED") {
            self.failed += 1;
            self.failures.push(name.to_owned());
        } else if let Some(reason) = result.strip_prefix("ignored") {
            self.skipped += 1;
            // The standard runner writes ", reason", that of our harness " (reason)".
            let reason = reason.trim_start_matches(", ").trim();
            let reason = reason.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')).unwrap_or(reason);
            let reason = if reason.is_empty() { format!("{name} gives no reason") } else { reason.to_owned() };
            *self.reasons.entry(reason).or_default() += 1;
        }
        false
    }
}

/// A cargo command in the repository.
pub fn cargo(arguments: &[impl AsRef<OsStr>]) -> Command {
    let mut command = super::cargo_command();
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Runs `command`, showing what it prints except for cases that pass (`verbose` shows them too).
pub fn run(command: &mut Command, kind: Kind, verbose: bool) -> Result<Outcome> {
    if kind == Kind::Check {
        let status = command.status().context("cannot start cargo")?;
        return Ok(if status.success() {
            Outcome::success()
        } else {
            Outcome::failure(format!("{command:?}: {status}").replace('"', ""))
        });
    }
    let mut child = command.stdout(Stdio::piped()).spawn().context("cannot start cargo")?;
    let stdout = child.stdout.take().context("no output of cargo")?;
    let mut outcome = Outcome::default();
    for line in BufReader::new(stdout).split(b'\n') {
        let line = line.context("output of cargo")?;
        let line = String::from_utf8_lossy(&line);
        let passed = outcome.count(&line);
        if verbose || !passed {
            println!("{line}");
        }
    }
    let status = child.wait().context("cannot wait for cargo")?;
    // Something else than a case failed: a test that does not compile, a crash, no case at all.
    if !status.success() && outcome.failed == 0 {
        outcome.failed = 1;
        outcome.failures.push(format!("{command:?}: {status}").replace('"', ""));
    }
    Ok(outcome)
}

#[cfg(test)]
mod tests {
    use super::Outcome;

    #[test]
    fn counts_lines_of_the_test_runner() {
        let mut outcome = Outcome::default();
        for line in [
            "running 4 tests",
            "test a::b ... ok",
            "test c    ... FAILED",
            "test d ... ignored, no compiler",
            "test e ... ignored",
            "test g ... ignored (no compiler)",
            "test crates/x.rs - f (line 3) ... ok",
            "test result: ok. 9 passed; 9 failed; 9 ignored",
        ] {
            outcome.count(line);
        }
        assert_eq!((outcome.passed, outcome.failed, outcome.skipped), (2, 1, 3));
        assert_eq!(outcome.failures, ["c"]);
        assert_eq!(outcome.reasons.get("no compiler"), Some(&2));
    }
}
