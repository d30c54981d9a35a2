//! placeholder
use std::process::ExitCode;
use anyhow::Result;
/// Options
#[derive(clap::Args)]
pub struct Options {}
/// Runs
pub fn run(_: &Options) -> Result<ExitCode> { Ok(ExitCode::SUCCESS) }
