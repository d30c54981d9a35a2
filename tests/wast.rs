//! Our own scripts in `tests/wast`: each assertion of each file holds on every tier.
//!
//! A miscompilation first becomes a small file there, named by its behaviour.

use std::process::ExitCode;

use libtest_mimic::Trial;
use tiercel_tests::expect::Expectation;
use tiercel_tests::{paths, trials};

fn main() -> ExitCode {
    trials::main(cases())
}

fn cases() -> Result<Vec<Trial>, String> {
    let mut cases = Vec::new();
    for path in paths::files(&paths::repository().join("tests/wast"), &["wast"])? {
        cases.extend(trials::on_every_tier_and_checked(&paths::stem(&path), move |tier| {
            trials::check(trials::tiercel("wast", tier)?.arg(&path), &Expectation::default())
        }));
    }
    Ok(cases)
}
