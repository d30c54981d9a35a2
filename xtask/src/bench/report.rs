//! Results as Markdown tables (rows are programs, columns engines) and as JSON.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::json;

use super::measure::{self, Sample};
use super::sweep::{Kind, Results, Sweep};

/// One figure of a sample, and how a table shows it.
struct Figure {
    title: &'static str,
    unit: &'static str,
    /// From the sample's unit to the table's.
    scale: f64,
    of: fn(&Sample) -> Option<f64>,
    /// Ratios are given only where the baseline's value is at least this: below, the clock is measured.
    least: f64,
}

pub const MEBIBYTE: f64 = 1024.0 * 1024.0;

const PROGRAM_TIME: Figure = Figure {
    title: "Time of the program itself",
    unit: "ms",
    scale: 1e3,
    of: |sample| sample.program_seconds,
    least: 1e-4,
};
const COMPILE_WALL: Figure = Figure {
    title: "Compiling (engines without ahead-of-time compilation: loading), whole process, wall time",
    unit: "ms",
    scale: 1e3,
    of: |sample| Some(sample.wall_seconds),
    least: 0.0,
};
const COMPILE_CPU: Figure = Figure {
    title: "Compiling or loading, whole process, CPU time of all threads",
    unit: "ms",
    scale: 1e3,
    of: |sample| Some(sample.cpu_seconds),
    least: 0.0,
};
const COLD: Figure = Figure {
    title: "A fresh process with nothing prepared, from start to end, wall time",
    unit: "ms",
    scale: 1e3,
    of: |sample| Some(sample.wall_seconds),
    least: 0.0,
};
const PEAK: Figure = Figure {
    title: "Peak memory",
    unit: "MiB",
    scale: 1.0 / MEBIBYTE,
    of: |sample| sample.peak_bytes.map(|bytes| bytes as f64),
    least: 0.0,
};

/// Prints the tables that belong to what was measured.
pub fn print(sweep: &Sweep, results: &Results, baseline: &str) {
    let figures: &[Figure] = match sweep.kind {
        Kind::Run => &[PROGRAM_TIME, PEAK],
        Kind::Compile => &[COMPILE_WALL, COMPILE_CPU, PEAK],
        Kind::Cold => &[COLD, PEAK],
    };
    for figure in figures {
        print_figure(figure, sweep, results, baseline);
    }
    if let Some(floor) = measure::memory_floor() {
        println!(
            "\nPeaks below {:.1} MiB are not seen: GNU time is missing (cargo xtask setup).",
            floor as f64 / MEBIBYTE
        );
    }
    if !results.failures.is_empty() {
        println!("\n## Failures\n");
        for ((subject, engine), error) in &results.failures {
            println!("- {subject} on {engine}: {}", error.lines().next().unwrap_or_default());
        }
    }
}

fn print_figure(figure: &Figure, sweep: &Sweep, results: &Results, baseline: &str) {
    let engines: Vec<&str> = sweep.engines.iter().map(|engine| engine.name.as_str()).collect();
    let subjects: Vec<&str> = sweep.subjects.iter().map(|subject| subject.name.as_str()).collect();
    let values = |subject: &str, engine: &str| -> Vec<f64> {
        let samples = results.samples.get(&(subject.to_owned(), engine.to_owned()));
        samples.into_iter().flatten().filter_map(figure.of).collect()
    };
    let failed = |subject: &str, engine: &str| results.failures.contains_key(&(subject.to_owned(), engine.to_owned()));

    let rows: Vec<(String, Vec<String>)> = subjects
        .iter()
        .map(|&subject| {
            let cell = |&engine: &&str| match summary(&values(subject, engine)) {
                Some((median, best)) => format!("{} ({})", number(median * figure.scale), number(best * figure.scale)),
                None if failed(subject, engine) => "FAILED".to_owned(),
                None => "-".to_owned(),
            };
            (subject.to_owned(), engines.iter().map(cell).collect())
        })
        .collect();
    print_table(&format!("{}, {}: median (best) of {}", figure.title, figure.unit, sweep.reps), &engines, &rows);

    let ratio = |subject: &str, engine: &str| -> Option<f64> {
        let base = summary(&values(subject, baseline))?.0;
        (base >= figure.least).then_some(summary(&values(subject, engine))?.0 / base)
    };
    let mut rows: Vec<(String, Vec<String>)> = subjects
        .iter()
        .map(|&subject| {
            let cell = |&engine: &&str| ratio(subject, engine).map_or("-".to_owned(), |ratio| format!("{ratio:.2}"));
            (subject.to_owned(), engines.iter().map(cell).collect())
        })
        .collect();
    let mean = |&engine: &&str| {
        let ratios: Vec<f64> = subjects.iter().filter_map(|&subject| ratio(subject, engine)).collect();
        geometric_mean(&ratios).map_or("-".to_owned(), |mean| format!("{mean:.2} (n={})", ratios.len()))
    };
    rows.push(("**geometric mean**".to_owned(), engines.iter().map(mean).collect()));
    print_table(&format!("{}: median to {baseline}'s (below 1 is better)", figure.title), &engines, &rows);
}

/// Prints a table; each row has its name first.
pub fn print_table(title: &str, columns: &[&str], rows: &[(String, Vec<String>)]) {
    println!("\n## {title}\n");
    let first = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(index, name)| rows.iter().map(|(_, cells)| cells[index].len()).max().unwrap_or(0).max(name.len()))
        .collect();
    let line = |name: &str, cells: &mut dyn Iterator<Item = &str>| {
        let cells: Vec<String> = cells.zip(&widths).map(|(cell, width)| format!("{cell:>width$}")).collect();
        println!("| {name:<first$} | {} |", cells.join(" | "));
    };
    line("", &mut columns.iter().copied());
    let rules: Vec<String> = widths.iter().map(|width| format!("{}:", "-".repeat(width - 1))).collect();
    line(&"-".repeat(first), &mut rules.iter().map(String::as_str));
    for (name, cells) in rows {
        line(name, &mut cells.iter().map(String::as_str));
    }
}

/// Median and smallest, if there is anything.
pub fn summary(values: &[f64]) -> Option<(f64, f64)> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let median = match sorted.len() {
        0 => return None,
        len if len % 2 == 1 => sorted[middle],
        _ => (sorted[middle - 1] + sorted[middle]) / 2.0,
    };
    Some((median, sorted[0]))
}

/// Of numbers above 0.
pub fn geometric_mean(values: &[f64]) -> Option<f64> {
    let sum: f64 = values.iter().map(|value| value.ln()).sum();
    (!values.is_empty()).then(|| (sum / values.len() as f64).exp())
}

/// Three significant digits or more.
pub fn number(value: f64) -> String {
    let decimals = if value >= 100.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.decimals$}")
}

/// Writes every sample and failure.
pub fn write_json(sweep: &Sweep, results: &Results, path: &Path) -> Result<()> {
    let samples: Vec<_> = results
        .samples
        .iter()
        .map(|((program, engine), samples)| json!({ "program": program, "engine": engine, "samples": samples }))
        .collect();
    let failures: Vec<_> = results
        .failures
        .iter()
        .map(|((program, engine), error)| json!({ "program": program, "engine": engine, "error": error }))
        .collect();
    let kind = match sweep.kind {
        Kind::Run => "run",
        Kind::Compile => "compile",
        Kind::Cold => "cold",
    };
    let document = json!({ "kind": kind, "reps": sweep.reps, "results": samples, "failures": failures });
    fs::write(path, serde_json::to_vec_pretty(&document)?).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::{geometric_mean, number, summary};

    #[test]
    fn summarizes() {
        assert_eq!(summary(&[]), None);
        assert_eq!(summary(&[3.0, 1.0, 2.0]), Some((2.0, 1.0)));
        assert_eq!(summary(&[4.0, 1.0, 2.0, 3.0]), Some((2.5, 1.0)));
        assert_eq!(geometric_mean(&[]), None);
        assert!((geometric_mean(&[2.0, 8.0]).unwrap() - 4.0).abs() < 1e-12);
        assert_eq!([number(123.4), number(12.34), number(1.234)], ["123", "12.3", "1.23"]);
    }
}
