//! All runs, interleaved: repeat by repeat, program by program, engine by engine, so that a machine growing slower or busier
//! is the same to all. An engine that fails a program is not timed on it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, ensure};
use tiercel_tests::expect::Expectation;

use super::engines::Engine;
use super::measure::{self, Sample};

/// What is measured.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The program's own time between `bench.start` and `bench.end`, and peak memory.
    Run,
    /// The compile command; of engines that have none, running a program that does nothing.
    Compile,
    /// A fresh process with nothing prepared, from start to end; its peak memory in a run of its own.
    Cold,
}

/// A module to measure.
#[derive(Clone)]
pub struct Subject {
    /// How it is called in tables.
    pub name: String,
    /// The module, rewritten for what is measured.
    pub wasm: PathBuf,
    /// The folder it runs in.
    pub folder: PathBuf,
    /// What it must print.
    pub expectation: Expectation,
}

/// Everything that is to be run.
pub struct Sweep {
    /// What is measured.
    pub kind: Kind,
    /// On which modules.
    pub subjects: Vec<Subject>,
    /// By which engines.
    pub engines: Vec<Engine>,
    /// How often.
    pub reps: usize,
    /// How long one run may take.
    pub limit: Duration,
}

/// Samples and failures by (subject, engine).
#[derive(Default)]
pub struct Results {
    /// What was measured.
    pub samples: BTreeMap<(String, String), Vec<Sample>>,
    /// What went wrong.
    pub failures: BTreeMap<(String, String), String>,
}

impl Sweep {
    /// Runs everything; compiled code goes to `work`.
    pub fn run(&self, work: &Path) -> Results {
        let mut results = Results::default();
        for rep in 0..self.reps {
            for subject in &self.subjects {
                for engine in &self.engines {
                    let key = (subject.name.clone(), engine.name.clone());
                    if results.failures.contains_key(&key) {
                        continue;
                    }
                    let out = work.join(format!("{}.{}.out", subject.name, engine.name));
                    match self.sample(subject, engine, &out, rep == 0) {
                        Ok(sample) => results.samples.entry(key).or_default().push(sample),
                        Err(error) => {
                            eprintln!("FAILED {} on {}: {error:#}", subject.name, engine.name);
                            results.samples.remove(&key);
                            results.failures.insert(key, format!("{error:#}"));
                        }
                    }
                }
            }
            eprintln!("repeat {}/{} done", rep + 1, self.reps);
        }
        results
    }

    fn sample(&self, subject: &Subject, engine: &Engine, out: &Path, first: bool) -> Result<Sample> {
        let run = |command: &[String], expectation: &Expectation, with_peak: bool| {
            measure::run(command, &subject.folder, expectation, self.limit, with_peak)
        };
        match self.kind {
            Kind::Run => {
                if let (true, true, Some(compile)) =
                    (first, engine.runs_compiled(), engine.compile_command(&subject.wasm, out))
                {
                    run(&compile, &Expectation::default(), false)?;
                }
                let sample = run(&engine.run_command(&subject.wasm, out), &subject.expectation, true)?;
                ensure!(sample.program_seconds.is_some(), "the program did not report its time");
                Ok(sample)
            }
            Kind::Compile => {
                let command = engine.compile_command(&subject.wasm, out);
                let command = command.unwrap_or_else(|| engine.cold_command(&subject.wasm));
                run(&command, &Expectation::default(), true)
            }
            Kind::Cold => {
                let command = engine.cold_command(&subject.wasm);
                let peak = first.then(|| run(&command, &subject.expectation, true)).transpose()?;
                let peak_bytes = peak.and_then(|sample| sample.peak_bytes);
                Ok(Sample { peak_bytes, ..run(&command, &subject.expectation, false)? })
            }
        }
    }
}
