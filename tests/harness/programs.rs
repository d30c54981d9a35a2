//! WASI programs with inputs and expected output beside them, as the shared corpus and `benches/programs` keep them.
//!
//! A program is any `NAME.wasm`; `NAME.stdout.expected` and `NAME.stderr.expected` beside it say what it prints. It runs in
//! its own folder with that folder as its only directory. Imports it has beyond WASI (`bench.start`, `bench.end`)
//! mark what is to be timed and may do nothing.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::expect::Expectation;
use crate::paths;

/// One program of a corpus.
#[derive(Debug, Clone)]
pub struct Program {
    /// Unique in its corpus: the file's name, or the folder's where the file is just called `benchmark`.
    pub name: String,
    /// The module.
    pub wasm: PathBuf,
    /// The folder it runs in.
    pub folder: PathBuf,
    stdout: Option<PathBuf>,
    stderr: Option<PathBuf>,
}

impl Program {
    fn new(wasm: PathBuf) -> Self {
        let folder = wasm.parent().unwrap_or(Path::new(".")).to_owned();
        let name = match paths::stem(&wasm) {
            stem if stem == "benchmark" => paths::stem(&folder),
            stem => stem,
        };
        let beside = |extension: &str| Some(wasm.with_extension(extension)).filter(|path| path.exists());
        // Two programs of the shared corpus lack expected output; `tests/corpus` has it.
        let ours = paths::repository().join("tests/corpus").join(format!("{name}.stdout.expected"));
        let stdout = beside("stdout.expected").or_else(|| Some(ours).filter(|path| path.exists()));
        Self { name, folder, stdout, stderr: beside("stderr.expected"), wasm }
    }

    /// What a run must print. A program nobody has written the output of is an error, not a pass.
    pub fn expectation(&self) -> Result<Expectation, String> {
        let read = |path: &Option<PathBuf>| match path {
            Some(path) => fs::read(path).map(Some).map_err(|error| format!("cannot read {}: {error}", path.display())),
            None => Ok(None),
        };
        let stdout = read(&self.stdout)?;
        if stdout.is_none() {
            return Err(format!(
                "no expected output for {}: add it as {}",
                self.wasm.display(),
                self.wasm.with_extension("stdout.expected").display()
            ));
        }
        Ok(Expectation { stdout, stderr: read(&self.stderr)?, ..Expectation::default() })
    }
}

/// The programs directly in `folder` and in its folders, sorted by name.
pub fn find(folder: &Path) -> Result<Vec<Program>, String> {
    let listing = |error: std::io::Error| format!("cannot list {}: {error}", folder.display());
    let mut found = paths::files(folder, &["wasm"])?;
    for entry in fs::read_dir(folder).map_err(listing)? {
        let path = entry.map_err(listing)?.path();
        match fs::metadata(&path) {
            Ok(data) if data.is_dir() => found.extend(paths::files(&path, &["wasm"])?),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(listing(error)),
        }
    }
    let mut programs: Vec<Program> = found.into_iter().map(Program::new).collect();
    programs.sort_by(|a, b| a.name.cmp(&b.name));
    match programs.windows(2).find(|pair| pair[0].name == pair[1].name) {
        Some(pair) => Err(format!("{} and {} have one name", pair[0].wasm.display(), pair[1].wasm.display())),
        None => Ok(programs),
    }
}
