//! `cargo xtask bless`: makes golden files anew. The modules of `benches/programs` come from the sources beside them; what
//! they and the examples print comes from running them. The diff is to be read before it is committed.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, anyhow, ensure};
use tiercel_tests::{binary, paths, process};

use crate::tools::on_path;

/// Options of `cargo xtask bless`.
#[derive(clap::Args)]
pub struct Options {
    /// Only rebuild the modules of benches/programs; leave what programs print.
    #[arg(long)]
    modules: bool,
}

/// The compiler of `benches/programs/*.c` and its options. One version, so that the modules are the same everywhere.
const CLANG: &str = "clang-22";
const CLANG_OPTIONS: &[&str] =
    &["--target=wasm32-unknown-unknown", "--no-wasm-opt", "-O2", "-Wall", "-Werror", "-nostdlib", "-Wl,--strip-all"];

/// Runs the command.
pub fn run(options: &Options) -> Result<ExitCode> {
    let benches = paths::repository().join("benches/programs");
    let examples = paths::repository().join("examples");
    ensure!(on_path(CLANG).is_some(), "{CLANG} is missing: cargo xtask setup --install");
    for source in files(&benches, "c")? {
        let module = source.with_extension("wasm");
        let status = Command::new(CLANG).args(CLANG_OPTIONS).arg(&source).arg("-o").arg(&module).status()?;
        ensure!(status.success(), "{} does not compile", source.display());
        // The linker marks its output as executable, which a module is not.
        let bytes = fs::read(&module)?;
        fs::remove_file(&module)?;
        fs::write(&module, bytes)?;
    }
    for source in files(&benches, "wat")? {
        let bytes = wat::parse_file(&source).with_context(|| format!("{}", source.display()))?;
        fs::write(source.with_extension("wasm"), bytes)?;
    }
    if !options.modules {
        for module in files(&benches, "wasm")? {
            fs::write(module.with_extension("stdout.expected"), printed(&module)?)?;
        }
        for example in files(&examples, "wat")? {
            fs::write(example.with_extension("stdout"), printed(&example)?)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn files(folder: &Path, extension: &str) -> Result<Vec<std::path::PathBuf>> {
    paths::files(folder, &[extension]).map_err(|error| anyhow!(error))
}

/// What a program prints when it ends well.
fn printed(module: &Path) -> Result<Vec<u8>> {
    let mut command = Command::new(binary::tiercel().map_err(|error| anyhow!(error))?);
    command.args(["run", "-W", "unknown-imports-default=y"]).arg(module);
    let output = process::run(&mut command, process::TIME_LIMIT).map_err(|error| anyhow!(error))?;
    ensure!(output.status.success(), "{}: {}", module.display(), String::from_utf8_lossy(&output.stderr));
    Ok(output.stdout)
}
