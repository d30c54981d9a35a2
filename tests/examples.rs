//! Every example prints what stands beside it in `NAME.stdout`.

use std::fs;
use std::process::ExitCode;

use libtest_mimic::Trial;
use tiercel_tests::expect::Expectation;
use tiercel_tests::{paths, trials};

fn main() -> ExitCode {
    trials::main(cases())
}

fn cases() -> Result<Vec<Trial>, String> {
    let mut cases = Vec::new();
    for path in paths::files(&paths::repository().join("examples"), &["wat"])? {
        cases.extend(trials::on_every_tier(&paths::stem(&path), move |tier| {
            let expected = path.with_extension("stdout");
            let stdout = fs::read(&expected).map_err(|error| format!("cannot read {}: {error}", expected.display()))?;
            let expectation = Expectation { stdout: Some(stdout), ..Expectation::default() };
            trials::check(trials::tiercel("run", tier)?.arg(&path), &expectation)
        }));
    }
    Ok(cases)
}
