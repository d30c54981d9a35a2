//! Where the repository and the folder shared beside it lie.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// Names another place for the shared folder than [`SHARED_DEFAULT`].
pub const SHARED_VARIABLE: &str = "TIERCEL_SHARED";

/// Where the shared folder is looked for, relative to the repository.
pub const SHARED_DEFAULT: &str = "../shared";

/// The root of the repository.
pub fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the package `tiercel-tests` lies in a folder of the repository")
}

/// A file or folder below the shared folder, or the reason why there is none.
pub fn shared(name: &str) -> Result<PathBuf, String> {
    let root = match env::var_os(SHARED_VARIABLE) {
        Some(path) => PathBuf::from(path),
        None => repository().join(SHARED_DEFAULT),
    };
    root.join(name)
        .canonicalize()
        .map_err(|_| format!("no {SHARED_DEFAULT}/{name} beside the repository (or set {SHARED_VARIABLE})"))
}

/// The files directly in `folder` whose name ends in one of `extensions` (without dot), sorted.
pub fn files(folder: &Path, extensions: &[&str]) -> Result<Vec<PathBuf>, String> {
    let entries = fs::read_dir(folder).map_err(|error| format!("cannot list {}: {error}", folder.display()))?;
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|have| extensions.iter().any(|want| have == *want)))
        .collect();
    found.sort();
    Ok(found)
}

/// The name of `path` without folder and last extension, for people to read.
pub fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
