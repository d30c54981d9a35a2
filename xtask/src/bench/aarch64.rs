//! Instructions that code for aarch64 executes, ours and wasmtime's: a plugin of the emulator counts them. What an engine executes to load a
//! program is subtracted: the same program with an empty `_start`.

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

struct Counter<'a> {
    plugin: PathBuf,
    out: PathBuf,
    limit: Duration,
    work: &'a Path,
}

/// Prints a table of the instructions of each program, without those of loading it.
pub fn run(peer_dir: &Path, pairs: &[Pair], limit: Duration, work: &Path) -> Result<()> {
    let tiercel = find().and_then(|rust| rust.build(binary::PROFILE)).map_err(|error| anyhow!(error))?;
    let theirs = peer_dir.join("aarch64/wasmtime_cli/wasmtime");
    let compiler = engines::program(WASMTIME, peer_dir);
    let compiler = compiler.filter(|_| theirs.is_file());
    if compiler.is_none() {
        eprintln!("note: no wasmtime for aarch64 in {}: cargo xtask bench --install-peers", peer_dir.display());
    }
    let counter = Counter { plugin: build_plugin(work)?, out: work.join("count"), limit, work };
    let (mut rows, mut ratios) = (Vec::new(), Vec::new());
    for Pair { whole, loaded } in pairs {
        let ours = counter.between(whole, loaded, |subject| {
            Ok(vec![path(&tiercel), "run".into(), "--tier".into(), "opt".into(), path(&subject.wasm)])
        });
        let theirs = compiler.as_ref().map(|compiler| {
            counter.between(whole, loaded, |subject| {
                let compiled = counter.precompile(compiler, &subject.wasm)?;
                Ok(vec![path(&theirs), "run".into(), "--allow-precompiled".into(), path(&compiled)])
            })
        });
        let cell = |count: &Result<u64>| match count {
            Ok(count) => report::number(*count as f64 / 1e6),
            Err(error) => {
                eprintln!("{}: {error:#}", whole.name);
                "failed".to_owned()
            }
        };
        let mut cells = vec![cell(&ours)];
        if let Some(theirs) = theirs {
            cells.push(cell(&theirs));
            let ratio = ours.ok().zip(theirs.ok()).map(|(ours, theirs)| ours as f64 / theirs as f64);
            cells.push(ratio.map_or("-".to_owned(), report::number));
            ratios.extend(ratio);
        }
        eprintln!("{}: {}", whole.name, cells.join(" "));
        rows.push((whole.name.clone(), cells));
    }
    let mut columns = vec!["tiercel-opt"];
    if compiler.is_some() {
        columns.extend([WASMTIME, "ratio"]);
        let mean = report::geometric_mean(&ratios).map_or("-".to_owned(), report::number);
        rows.push(("**geometric mean**".to_owned(), vec![String::new(), String::new(), mean]));
    }
    report::print_table("Instructions executed on aarch64, in millions, without loading", &columns, &rows);
    Ok(())
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
