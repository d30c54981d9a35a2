//! Instructions that code for aarch64 executes, ours and wasmtime's: a plugin of the emulator counts them. What an engine executes to load a
//! program is subtracted: the same program with an empty `_start`. Beside it the bytes of
//! all functions.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use tiercel_tests::binary;
use tiercel_tests::expect::Expectation;

use super::sweep::Subject;
use super::{Pair, engines, measure, report};
use crate::aarch64::{EMULATOR, LIBRARIES, find};

/// The column of wasmtime.
const WASMTIME: &str = "wasmtime";
/// Below so many instructions the difference between two ways of loading would be measured.
const LEAST_COUNT: u64 = 1_000_000;
/// Prints an object's symbols; it comes with the linker.
const SYMBOLS: &str = "aarch64-linux-gnu-nm";

struct Counter<'a> {
    plugin: PathBuf,
    out: PathBuf,
    limit: Duration,
    work: &'a Path,
}

/// Prints a table of the instructions of each program, without those of loading it, and one of the sizes of their code.
pub fn run(peer_dir: &Path, pairs: &[Pair], limit: Duration, work: &Path) -> Result<()> {
    let tiercel = find().and_then(|rust| rust.build(binary::PROFILE)).map_err(|error| anyhow!(error))?;
    let theirs = peer_dir.join("aarch64/wasmtime_cli/wasmtime");
    let compiler = engines::program(WASMTIME, peer_dir);
    let compiler = compiler.filter(|_| theirs.is_file());
    if compiler.is_none() {
        eprintln!("note: no wasmtime for aarch64 in {}: cargo xtask bench --install-peers", peer_dir.display());
    }
    let counter = Counter { plugin: build_plugin(work)?, out: work.join("count"), limit, work };
    let (mut counts, mut sizes) = (Table::default(), Table::default());
    for Pair { whole, loaded } in pairs {
        let ours = counter.between(whole, loaded, |subject| {
            let words = ["run", "--tier", "opt", "--dir", "."].map(str::to_owned);
            Ok([vec![path(&tiercel)], words.to_vec(), vec![path(&subject.wasm)]].concat())
        });
        let theirs = compiler.as_ref().map(|compiler| {
            counter.between(whole, loaded, |subject| {
                let compiled = counter.precompile(compiler, &subject.wasm)?;
                let words = ["run", "--allow-precompiled", "--dir", "."].map(str::to_owned);
                Ok([vec![path(&theirs)], words.to_vec(), vec![path(&compiled)]].concat())
            })
        });
        counts.add(&whole.name, 1e-6, LEAST_COUNT, ours, theirs);
        let theirs = compiler.as_ref().map(|compiler| counter.their_size(compiler, &whole.wasm));
        sizes.add(&whole.name, 1e-3, 0, counter.our_size(&tiercel, &whole.wasm), theirs);
    }
    counts.print("Instructions executed on aarch64, in millions, without loading");
    sizes.print("Code for aarch64, in thousands of bytes");
    Ok(())
}

/// Figures of both engines.
#[derive(Default)]
struct Table {
    rows: Vec<(String, Vec<String>)>,
    ratios: Vec<f64>,
    has_theirs: bool,
}

impl Table {
    /// Adds a row; in the table figures are multiplied by `scale`, and there is a ratio where both are at least `least`.
    fn add(&mut self, name: &str, scale: f64, least: u64, ours: Result<u64>, theirs: Option<Result<u64>>) {
        let cell = |figure: &Result<u64>| match figure {
            Ok(figure) => report::number(*figure as f64 * scale),
            Err(error) => {
                eprintln!("{name}: {error:#}");
                "failed".to_owned()
            }
        };
        let mut cells = vec![cell(&ours)];
        if let Some(theirs) = theirs {
            self.has_theirs = true;
            cells.push(cell(&theirs));
            let both = ours.ok().zip(theirs.ok()).filter(|(ours, theirs)| *ours.min(theirs) >= least);
            let ratio = both.map(|(ours, theirs)| ours as f64 / theirs as f64);
            cells.push(ratio.map_or("-".to_owned(), report::number));
            self.ratios.extend(ratio);
        }
        eprintln!("{name}: {}", cells.join(" "));
        self.rows.push((name.to_owned(), cells));
    }

    fn print(mut self, title: &str) {
        let mut columns = vec!["tiercel-opt"];
        if self.has_theirs {
            columns.extend([WASMTIME, "ratio"]);
            let mean = report::geometric_mean(&self.ratios).map_or("-".to_owned(), report::number);
            self.rows.push(("**geometric mean**".to_owned(), vec![String::new(), String::new(), mean]));
        }
        report::print_table(title, &columns, &self.rows);
    }
}

impl Counter<'_> {
    /// The instructions of a program beyond those of loading it.
    fn between(
        &self,
        whole: &Subject,
        loaded: &Subject,
        command: impl Fn(&Subject) -> Result<Vec<String>>,
    ) -> Result<u64> {
        let all = self.count(&command(whole)?, whole, &whole.expectation)?;
        let before = self.count(&command(loaded)?, loaded, &Expectation::default())?;
        Ok(all.saturating_sub(before))
    }

    fn count(&self, words: &[String], subject: &Subject, expectation: &Expectation) -> Result<u64> {
        let plugin = format!("{},out={}", self.plugin.display(), self.out.display());
        let mut command: Vec<String> = [EMULATOR, "-L", LIBRARIES, "-plugin"].map(str::to_owned).to_vec();
        command.push(plugin);
        command.extend_from_slice(words);
        measure::run(&command, &subject.folder, expectation, self.limit, false)?;
        let text = fs::read_to_string(&self.out).context("the plugin has written no count")?;
        fs::remove_file(&self.out)?;
        text.trim().parse().context("the plugin's count")
    }

    /// By the wasmtime of this machine, for the other one.
    fn precompile(&self, compiler: &Path, wasm: &Path) -> Result<PathBuf> {
        let out = self.work.join("theirs.cwasm");
        let status = Command::new(compiler)
            .args(["compile", "--target", "aarch64-unknown-linux-gnu", "-o"])
            .arg(&out)
            .arg(wasm)
            .status()
            .context("cannot start wasmtime")?;
        ensure!(status.success(), "wasmtime compile: {status}");
        Ok(out)
    }

    /// The bytes of all functions in an artifact of ours.
    fn our_size(&self, tiercel: &Path, wasm: &Path) -> Result<u64> {
        let artifact = self.work.join("ours.artifact");
        let emulated = || {
            let mut command = Command::new(EMULATOR);
            command.args(["-L", LIBRARIES]).arg(tiercel);
            command
        };
        output(emulated().args(["compile", "--tier", "opt", "-o"]).arg(&artifact).arg(wasm))?;
        let listed = output(emulated().arg("inspect").arg(&artifact))?;
        // Behind the heading: index, offset, bytes.
        let functions = listed.lines().skip_while(|line| !line.trim_start().starts_with("index")).skip(1);
        let sizes = functions.filter_map(|line| line.split_whitespace().nth(2)?.parse::<u64>().ok());
        Some(sizes.sum()).filter(|sum| *sum != 0).context("the artifact has no functions")
    }

    /// The bytes of all functions that wasmtime makes.
    fn their_size(&self, compiler: &Path, wasm: &Path) -> Result<u64> {
        let symbols = output(Command::new(SYMBOLS).arg("-S").arg(self.precompile(compiler, wasm)?))?;
        let functions = symbols.lines().filter(|line| line.contains("::function["));
        let sizes = functions.filter_map(|line| u64::from_str_radix(line.split_whitespace().nth(1)?, 16).ok());
        Some(sizes.sum()).filter(|sum| *sum != 0).context("what wasmtime made has no functions")
    }
}

/// What a command prints.
fn output(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot start {command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn path(path: &Path) -> String {
    path.display().to_string()
}

/// Builds the plugin for the emulator that is here.
fn build_plugin(work: &Path) -> Result<PathBuf> {
    let (source, plugin) = (work.join("count.c"), work.join("count.so"));
    fs::write(&source, include_str!("count.c"))?;
    // The interface counts separately; emulators from 9 on take no first version any more.
    let version = Command::new(EMULATOR).arg("--version").output().context("cannot start the emulator")?;
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let major = version.split(' ').nth(2).and_then(|word| word.split('.').next()?.parse::<u32>().ok());
    let interface = if major.context("the emulator tells no version")? < 9 { 1 } else { 2 };
    let status = Command::new("cc")
        .args(["-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", &format!("-DVERSION={interface}"), "-o"])
        .arg(&plugin)
        .arg(&source)
        .status()
        .context("cannot start cc, the C compiler that makes the plugin")?;
    ensure!(status.success(), "the plugin does not build");
    Ok(plugin)
}
