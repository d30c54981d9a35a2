//! Real programs print exactly what they should: the shared corpus and our own benchmark programs.

use std::process::ExitCode;

use libtest_mimic::Trial;
use tiercel_tests::programs::{self, Program};
use tiercel_tests::{paths, trials};

fn main() -> ExitCode {
    trials::main(cases())
}

fn cases() -> Result<Vec<Trial>, String> {
    let mut cases = Vec::new();
    for program in programs::find(&paths::repository().join("benches/programs"))? {
        cases.extend(cases_of("benches", program));
    }
    match paths::shared("corpus") {
        Ok(folder) => {
            for program in programs::find(&folder)? {
                cases.extend(cases_of("shared", program));
            }
        }
        Err(reason) => cases.push(trials::skipped("shared", reason)),
    }
    Ok(cases)
}

fn cases_of(corpus: &str, program: Program) -> Vec<Trial> {
    trials::on_every_tier_and_checked(&format!("{corpus}/{}", program.name), move |tier| {
        // The programs mark what is to be timed by calls to `bench.start` and `bench.end`; here they do nothing.
        let mut command = trials::tiercel("run", tier)?;
        command.args(["-W", "unknown-imports-default=y", "--dir", "."]);
        command.arg(&program.wasm).current_dir(&program.folder);
        trials::check(&mut command, &program.expectation()?)
    })
}
