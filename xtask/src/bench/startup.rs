//! `--startup`, second part: what a process takes of which the cache has the code, on our tiers and in wasmtime, run in turn; and an empty process beside
//! them, below which nobody comes.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tiercel_tests::expect::Expectation;

use super::sweep::Subject;
use super::{engines, measure, report};

/// How often a program runs, unless the command line says.
const REPS: usize = 300;

/// One that is larger than so many bytes runs so many times less often.
const LARGE: (u64, usize) = (1 << 20, 10);

/// Runs before, which fill the caches.
const WARM_UP: usize = 3;

/// The peer.
const PEER: &str = "wasmtime";

/// How an engine is called, and the command to which the module is added.
type Row = (String, Vec<String>);

/// Runs everything, and prints a table for each program.
pub fn run(engines: &[Row], subjects: &[Subject], reps: Option<usize>, limit: Duration) -> Result<()> {
    for subject in subjects {
        let is_large = fs::metadata(&subject.wasm)?.len() > LARGE.0;
        let reps = (reps.unwrap_or(REPS) / if is_large { LARGE.1 } else { 1 }).max(1);
        let commands = engines.iter().map(|(name, words)| {
            let words = words.iter().cloned().chain([subject.wasm.display().to_string()]);
            (name.clone(), words.collect(), subject.expectation.clone())
        });
        let nothing = ("an empty process".to_owned(), vec!["true".to_owned()], Expectation::default());
        let commands: Vec<(String, Vec<String>, Expectation)> = commands.chain([nothing]).collect();
        let mut samples = vec![Vec::new(); commands.len()];
        for rep in 0..WARM_UP + reps {
            for ((name, words, expectation), samples) in commands.iter().zip(&mut samples) {
                let sample = measure::run(words, &subject.folder, expectation, limit, false);
                let sample = sample.with_context(|| format!("{} on {name}", subject.name))?;
                if rep >= WARM_UP {
                    samples.push(sample.wall_seconds);
                }
            }
        }
        let figures = commands.iter().zip(&samples).filter_map(|((name, ..), samples)| {
            let (median, least) = report::summary(samples)?;
            Some((name, [least, median]))
        });
        let peer = figures.clone().find(|(name, _)| *name == PEER).map(|(_, figures)| figures);
        let rows = figures.map(|(name, figures)| {
            let ratio =
                |place: usize| peer.map_or("-".to_owned(), |peer| format!("{:.2}", figures[place] / peer[place]));
            let cells = figures.map(|seconds| report::number(seconds * 1e3)).into_iter().chain([ratio(0), ratio(1)]);
            (name.clone(), cells.collect())
        });
        let title = format!("A process with {} in the cache, {reps} runs", subject.name);
        let columns = ["least, ms", "median, ms", "least to wasmtime's", "median to wasmtime's"];
        report::print_table(&title, &columns, &rows.collect::<Vec<_>>());
    }
    Ok(())
}

/// Our tiers and wasmtime, each with a cache of its own below `work`.
pub fn engines(tiercel: &Path, peer_dir: &Path, work: &Path) -> Result<Vec<Row>> {
    let cache = work.join("cache");
    DirBuilder::new().mode(0o700).create(&cache)?;
    let row = |name: &str, program: &Path, options: &[&str]| {
        let program = program.to_string_lossy();
        let words = [&[&*program, "run"], options].concat();
        (name.to_owned(), words.into_iter().map(str::to_owned).collect())
    };
    let ours = format!("cache-dir={}", cache.display());
    let tier = |tier: &str| row(&format!("tiercel-{tier}"), tiercel, &["--tier", tier, "-C", &ours]);
    let mut rows = vec![tier("opt"), tier("auto")];
    match engines::program(PEER, peer_dir) {
        Some(program) => {
            let config = work.join("cache.toml");
            fs::write(&config, format!("[cache]\ndirectory = \"{}\"\n", work.join(PEER).display()))?;
            rows.push(row(PEER, &program, &["-C", &format!("cache-config={}", config.display())]));
        }
        None => eprintln!("note: no {PEER} here, so that there is nothing to compare with"),
    }
    Ok(rows)
}
