//! `cargo xtask setup`: shows which optional tools are here, and installs the missing ones where the system is Debian's.

use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, Result, ensure};

use crate::aarch64;
use crate::tools::{TOOLS, Tool, on_path};

/// Options of `cargo xtask setup`.
#[derive(clap::Args)]
pub struct Options {
    /// Install what is missing (with apt-get, as root).
    #[arg(long)]
    install: bool,
}

/// Runs the command.
pub fn run(options: &Options) -> Result<ExitCode> {
    if options.install {
        install(&TOOLS.iter().collect::<Vec<_>>())?;
        aarch64::install()?;
    }
    let mut complete = true;
    for tool in TOOLS {
        let missing = tool.missing();
        complete &= missing.is_empty();
        let state = if missing.is_empty() { "found".to_owned() } else { format!("missing {}", missing.join(", ")) };
        println!("{:<24} {state}\n{:<24} for {}", tool.name, "", tool.purpose);
    }
    let state = if aarch64::find_rust().is_some() { "found" } else { "missing: cargo xtask setup --install" };
    println!("{:<24} {state}\n{:<24} for tests of the whole engine on aarch64", "Rust for aarch64", "");
    if !complete {
        println!(
            "\nInstall with: cargo xtask setup --install\nor by hand:   {}",
            by_hand(&TOOLS.iter().collect::<Vec<_>>())
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// The packages the missing ones of `tools` need.
fn packages(tools: &[&Tool]) -> Vec<&'static str> {
    let missing = tools.iter().filter(|tool| !tool.missing().is_empty());
    missing.flat_map(|tool| tool.packages.iter().copied()).collect()
}

/// The one command that installs what is missing of `tools`.
pub fn by_hand(tools: &[&Tool]) -> String {
    format!("apt-get install -y --no-install-recommends {}", packages(tools).join(" "))
}

/// Installs what is missing of `tools`. Nothing to do is success.
pub fn install(tools: &[&Tool]) -> Result<()> {
    let packages = packages(tools);
    if packages.is_empty() {
        return Ok(());
    }
    ensure!(on_path("apt-get").is_some(), "there is no apt-get here; install by other means: {}", packages.join(" "));
    apt_get(&["update", "-qq"])?;
    let mut arguments = vec!["install", "-y", "-qq", "--no-install-recommends"];
    arguments.extend(packages);
    apt_get(&arguments)
}

fn apt_get(arguments: &[&str]) -> Result<()> {
    let status = Command::new("apt-get")
        .args(["-o", "DPkg::Lock::Timeout=600"])
        .args(arguments)
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .status()
        .context("cannot start apt-get")?;
    ensure!(status.success(), "apt-get {} failed ({status}); it needs root and the network", arguments[0]);
    Ok(())
}
