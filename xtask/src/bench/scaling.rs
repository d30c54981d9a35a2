//! `--scaling`: what compiling takes per byte of the module, for generated modules that are made to take a compiler long, from a small
//! size to a large one. Where a row grows, something is not linear.

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Result, ensure};
use tiercel_random::scaling::SHAPES;

use super::Options;
use super::engines::Engine;
use super::report::{self, MEBIBYTE};
use super::sweep::{Kind, Subject, Sweep};

/// Each series is measured at its full size divided by each of these.
const PARTS: [u32; 4] = [64, 16, 4, 1];

/// Runs everything, and prints three tables.
pub fn run(options: &Options, engines: Vec<Engine>, work: &Path) -> Result<ExitCode> {
    let engines: Vec<Engine> = engines.into_iter().filter(|engine| engine.name != "tiercel-interp").collect();
    let (mut subjects, mut sizes) = (Vec::new(), Vec::new());
    for shape in SHAPES.iter().filter(|shape| chosen(options, shape.name)) {
        for part in PARTS {
            let size = shape.size / part;
            let bytes = (shape.make)(size);
            let name = format!("{} ({size})", shape.name);
            let wasm = work.join(format!("{}.wasm", subjects.len()));
            sizes.push(bytes.len());
            fs::write(&wasm, bytes)?;
            subjects.push(Subject { name, wasm, folder: work.to_owned(), expectation: Default::default() });
        }
    }
    ensure!(!subjects.is_empty(), "no series is named like {}", options.only.join(", "));
    let reps = options.reps.unwrap_or(1);
    let sweep = Sweep { kind: Kind::Compile, subjects, engines, reps, limit: Duration::from_secs(options.timeout) };
    let results = sweep.run(work);
    let columns: Vec<&str> =
        ["bytes"].into_iter().chain(sweep.engines.iter().map(|engine| engine.name.as_str())).collect();
    let table = |title: &str, value: &dyn Fn(&super::measure::Sample, f64) -> f64| {
        let row = |(subject, &size): (&Subject, &usize)| {
            let cell = |engine: &Engine| {
                let key = (subject.name.clone(), engine.name.clone());
                if results.failures.contains_key(&key) {
                    return "FAILED".to_owned();
                }
                let samples = results.samples.get(&key).into_iter().flatten();
                let values: Vec<f64> = samples.map(|sample| value(sample, size as f64)).collect();
                report::summary(&values).map_or("-".to_owned(), |(median, _)| report::number(median))
            };
            let cells = [size.to_string()].into_iter().chain(sweep.engines.iter().map(cell)).collect();
            (subject.name.clone(), cells)
        };
        let rows: Vec<(String, Vec<String>)> = sweep.subjects.iter().zip(&sizes).map(row).collect();
        report::print_table(title, &columns, &rows);
    };
    table("Compiling, whole process: CPU time of all threads, ns per byte", &|sample, size| {
        sample.cpu_seconds * 1e9 / size
    });
    table("Compiling, whole process: wall time, ms", &|sample, _| sample.wall_seconds * 1e3);
    table("Peak memory, MiB", &|sample, _| sample.peak_bytes.unwrap_or(0) as f64 / MEBIBYTE);
    for ((subject, engine), error) in &results.failures {
        println!("- {subject} on {engine}: {}", error.lines().next().unwrap_or_default());
    }
    Ok(if results.failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn chosen(options: &Options, name: &str) -> bool {
    options.only.is_empty() || options.only.iter().any(|word| name.contains(word.as_str()))
}
