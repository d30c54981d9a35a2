//! Instruction counts of short runs under valgrind: the same on every run, however busy the machine.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use tiercel_tests::tiers::TIERS;

use super::engines::Engine;
use super::sweep::Subject;
use crate::tools::on_path;

/// Prints a table of the instructions `tiercel` executes for each subject on each tier.
pub fn run(tiercel: &Path, subjects: &[Subject]) -> Result<()> {
    ensure!(on_path("valgrind").is_some(), "valgrind is missing: cargo xtask setup --install");
    println!("\n## Instructions executed (callgrind)\n");
    println!("| {:<28} | {:<8} | {:>15} |", "run", "tier", "instructions");
    println!("| {:-<28} | {:-<8} | {:->14}: |", "", "", "");
    for subject in subjects {
        for tier in TIERS {
            let engine = Engine::ours(tiercel, tier, &format!("--tier {tier}"));
            let count = count(&engine.cold_command(&subject.wasm), subject)
                .with_context(|| format!("{} on {tier}", subject.name))?;
            println!("| {:<28} | {tier:<8} | {count:>15} |", subject.name);
        }
    }
    Ok(())
}

/// How many instructions a command executes.
pub fn count(words: &[String], subject: &Subject) -> Result<u64> {
    let output = Command::new("valgrind")
        // Code may lie where other code was.
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--smc-check=all"])
        .args(words)
        .current_dir(&subject.folder)
        .stdin(Stdio::null())
        .output()
        .context("cannot start valgrind")?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}\n{stderr}", output.status);
    // "==1234== Collected : 6122571"
    stderr
        .lines()
        .find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok())
        .with_context(|| format!("callgrind printed no count:\n{stderr}"))
}
