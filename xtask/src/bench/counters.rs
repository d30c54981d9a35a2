//! `--counters`: what it costs that code of the tier `auto` counts how often it runs. The same code of the baseline compiler runs with counters that
//! nobody looks at, and without any. With `--callgrind` instructions are counted instead of time.

use std::path::Path;

use anyhow::Result;

use super::engines::Engine;
use super::sweep::{Results, Subject, Sweep};
use super::{Pair, callgrind, report};

/// How the two ways are called.
pub const WITHOUT: &str = "without counters";
const WITH: &str = "with counters";

/// The budgets that stand for counting without being optimized, and for no counters.
const COUNTING_ONLY: u32 = u32::MAX - 1;
const NO_COUNTERS: u32 = u32::MAX;

/// The two ways to run.
pub fn engines(tiercel: &Path) -> Vec<Engine> {
    let engine = |name, budget| Engine::ours(tiercel, name, &format!("--tier auto -C tier-up-budget={budget}"));
    vec![engine(WITHOUT, NO_COUNTERS), engine(WITH, COUNTING_ONLY)]
}

/// Programs that take less, in seconds, measure how they were compiled and how busy the machine is.
const LEAST_SECONDS: f64 = 5e-3;

/// Prints what counting costs by the best runs of both ways, which a busy machine changes least.
pub fn print(sweep: &Sweep, results: &Results) {
    let best = |subject: &Subject, way: &str| {
        let samples = results.samples.get(&(subject.name.clone(), way.to_owned()))?;
        Some(report::summary(&samples.iter().filter_map(|sample| sample.program_seconds).collect::<Vec<_>>())?.1)
    };
    let (mut rows, mut ratios) = (Vec::new(), Vec::new());
    for subject in &sweep.subjects {
        let (Some(without), Some(with)) = (best(subject, WITHOUT), best(subject, WITH)) else { continue };
        if without < LEAST_SECONDS {
            continue;
        }
        ratios.push(with / without);
        let cells = vec![report::number(without * 1e3), report::number(with * 1e3), format!("{:.3}", with / without)];
        rows.push((subject.name.clone(), cells));
    }
    let mean = report::geometric_mean(&ratios).map_or("-".to_owned(), |mean| format!("{mean:.3}"));
    rows.push(("**geometric mean**".to_owned(), vec![String::new(), String::new(), mean]));
    let title = format!(
        "What counting costs: best of {}, ms, of programs that take {} ms at least",
        sweep.reps,
        LEAST_SECONDS * 1e3
    );
    report::print_table(&title, &[WITHOUT, WITH, "ratio"], &rows);
}

/// Prints the instructions of each program, without those of loading it.
pub fn count_instructions(tiercel: &Path, pairs: &[Pair]) -> Result<()> {
    let (mut rows, mut ratios) = (Vec::new(), Vec::new());
    for Pair { whole, loaded } in pairs {
        let mut counts = Vec::new();
        for engine in engines(tiercel) {
            let count = |subject: &Subject| callgrind::count(&engine.cold_command(&subject.wasm), subject);
            counts.push(count(whole)?.saturating_sub(count(loaded)?) as f64);
        }
        let ratio = counts[1] / counts[0];
        let cells = counts.iter().map(|count| report::number(count / 1e6)).chain([format!("{ratio:.3}")]).collect();
        eprintln!("{}: {ratio:.3}", whole.name);
        rows.push((whole.name.clone(), cells));
        ratios.push(ratio);
    }
    let mean = report::geometric_mean(&ratios).map_or("-".to_owned(), |mean| format!("{mean:.3}"));
    rows.push(("**geometric mean**".to_owned(), vec![String::new(), String::new(), mean]));
    report::print_table("Instructions executed, in millions, without loading", &[WITHOUT, WITH, "ratio"], &rows);
    Ok(())
}
