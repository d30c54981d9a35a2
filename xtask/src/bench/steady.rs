//! `--steady`: how fast a program gets in the end under the tier `auto`, beside `opt`, which has optimized all of it before it starts: many runs in one process.
//! The work is done by the example `steady` of the program's package.

use std::path::Path;
use std::process::Command;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Result, anyhow, ensure};
use tiercel_tests::programs::Program;
use tiercel_tests::{binary, process};

use super::report;

/// What a program should not exceed, as the time it takes in the end to that of `opt`.
const AIM: f64 = 1.05;

/// Programs that take less, in seconds, only measure the clock.
const LEAST_SECONDS: f64 = 1e-4;

/// What a program runs before it is timed, in seconds, and at least while it is.
const SECONDS: u32 = 2;

/// How often it is timed on each tier, unless the command line says.
const REPS: usize = 15;

/// The seconds of a program.
#[derive(Default)]
struct Times {
    /// The first run under `auto`.
    first: f64,
    auto: Vec<f64>,
    opt: Vec<f64>,
}

impl FromStr for Times {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Times> {
        let mut times = Times::default();
        for line in text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let &[tier, which, seconds] = &words[..] else { return Err(anyhow!("not understood: {line}")) };
            let seconds = seconds.parse()?;
            match (tier, which) {
                ("auto", "first") => times.first = seconds,
                ("auto", "steady") => times.auto.push(seconds),
                ("opt", "steady") => times.opt.push(seconds),
                _ => {}
            }
        }
        Ok(times)
    }
}

/// Runs each program, and prints a table of all.
pub fn run(programs: &[Program], reps: Option<usize>, limit: Duration) -> Result<()> {
    let example = binary::build_example(binary::PROFILE, "steady").map_err(|error| anyhow!(error))?;
    let (mut rows, mut ratios, mut least_ratios, mut firsts) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for program in programs {
        let times = match times(&example, program, reps, limit) {
            Ok(times) => times,
            Err(error) => {
                eprintln!("left out: {}: {error:#}", program.name);
                continue;
            }
        };
        let (Some(auto), Some(opt)) = (report::summary(&times.auto), report::summary(&times.opt)) else { continue };
        if opt.0 < LEAST_SECONDS {
            eprintln!("left out: {}: too short", program.name);
            continue;
        }
        let (ratio, least, first) = (auto.0 / opt.0, auto.1 / opt.1, times.first / opt.0);
        eprintln!("{}: {ratio:.3}", program.name);
        let cell =
            |(median, least): (f64, f64)| format!("{} ({})", report::number(median * 1e3), report::number(least * 1e3));
        let cells = [cell(auto), cell(opt), format!("{ratio:.3}"), format!("{least:.3}"), format!("{first:.2}")];
        rows.push((program.name.clone(), cells.to_vec()));
        ratios.push(ratio);
        least_ratios.push(least);
        firsts.push(first);
    }
    ensure!(!rows.is_empty(), "no program that can be run is named so");
    let above = |ratios: &[f64]| ratios.iter().filter(|&&ratio| ratio > AIM).count().to_string();
    let mean = |ratios: &[f64]| report::geometric_mean(ratios).map_or("-".to_owned(), |mean| format!("{mean:.3}"));
    let last = |name: &str, of: &dyn Fn(&[f64]) -> String| {
        let cells = [String::new(), String::new(), of(&ratios), of(&least_ratios), of(&firsts)];
        (format!("**{name}**"), cells.to_vec())
    };
    rows.extend([last("geometric mean", &mean), last(&format!("above {AIM}"), &above)]);
    let columns = ["auto in the end", "opt", "ratio of medians", "of the least", "first run of auto to opt"];
    report::print_table("Many runs in one process, ms of one: median (least)", &columns, &rows);
    Ok(())
}

fn times(example: &Path, program: &Program, reps: Option<usize>, limit: Duration) -> Result<Times> {
    let mut command = Command::new(example);
    command.arg(&program.wasm).current_dir(&program.folder);
    command.args([SECONDS.to_string(), reps.unwrap_or(REPS).to_string()]);
    let output = process::run(&mut command, limit).map_err(|error| anyhow!(error))?;
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{}", output.status);
    String::from_utf8(output.stdout)?.parse()
}

#[cfg(test)]
mod tests {
    use super::Times;

    #[test]
    fn reads_what_the_example_prints() {
        let times: Times = "opt first 9\nauto first 2.5\nauto steady 1\nopt steady 2\n".parse().unwrap();
        assert_eq!((times.first, times.auto, times.opt), (2.5, vec![1.0], vec![2.0]));
        assert!("auto steady".parse::<Times>().is_err());
    }
}
