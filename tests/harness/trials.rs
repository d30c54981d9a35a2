//! Test cases made at run time. A case that cannot run here is reported as ignored, with what is missing.

use std::process::{Command, ExitCode};

use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::binary;
use crate::expect::Expectation;
use crate::process;
use crate::tiers::{TIERS, WAYS};

/// A case that runs `check` and passes if it returns `Ok`.
pub fn case(name: impl Into<String>, check: impl FnOnce() -> Result<(), String> + Send + 'static) -> Trial {
    Trial::test(name, move || check().map_err(Failed::from))
}

/// A case that stands for tests which cannot run here; `reason` says what is missing and how to get it.
pub fn skipped(name: impl Into<String>, reason: impl Into<String>) -> Trial {
    let reason = reason.into();
    Trial::ignorable_test(name, move || Ok(Completion::ignored_with(reason)))
}

/// One case per tier, named `name/tier`.
pub fn on_every_tier(
    name: &str,
    check: impl Fn(&'static str) -> Result<(), String> + Clone + Send + 'static,
) -> Vec<Trial> {
    let on = |&tier: &&'static str| {
        let check = check.clone();
        case(format!("{name}/{tier}"), move || check(tier))
    };
    TIERS.iter().map(on).collect()
}

/// The same, and more cases for compiled code: those of [`WAYS`], named `name/opt-checked` and so on.
pub fn on_every_tier_and_checked(
    name: &str,
    check: impl Fn(&'static str) -> Result<(), String> + Clone + Send + 'static,
) -> Vec<Trial> {
    let mut cases = on_every_tier(name, check.clone());
    for &(way, _) in WAYS {
        let check = check.clone();
        cases.push(case(format!("{name}/{way}"), move || check(way)));
    }
    cases
}

/// The program under test with subcommand and tier; further options, the file and its arguments are the caller's.
pub fn tiercel(subcommand: &str, tier: &str) -> Result<Command, String> {
    let mut command = binary::command()?;
    command.arg(subcommand);
    match WAYS.iter().find(|(name, _)| *name == tier) {
        Some((_, options)) => command.args(*options),
        None => command.args(["--tier", tier]),
    };
    Ok(command)
}

/// Runs `command` and judges what it leaves; a failure shows the command line.
pub fn check(command: &mut Command, expectation: &Expectation) -> Result<(), String> {
    let limit = if binary::is_emulated() { process::EMULATED_TIME_LIMIT } else { process::TIME_LIMIT };
    let output = process::run(command, limit)?;
    expectation.check(&output).map_err(|error| format!("{error}\n{command:?}"))
}

/// Runs all cases as the standard test runner would, with its options. No case at all is a failure: a test
/// that found no files has tested nothing.
pub fn main(trials: Result<Vec<Trial>, String>) -> ExitCode {
    let arguments = Arguments::from_args();
    match trials {
        Ok(trials) if trials.is_empty() => {
            eprintln!("error: no test case found");
            ExitCode::FAILURE
        }
        Ok(trials) => libtest_mimic::run(&arguments, trials).exit_code(),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
