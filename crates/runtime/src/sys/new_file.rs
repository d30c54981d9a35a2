//! Files that are there whole or not at all.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

/// How names of files end that are being written. One that is left over is of a process that was killed.
pub const SUFFIX: &str = ".tiercel-tmp";

/// Writes a file under another name and puts it in its place when it is whole; what was there before is gone then. On failure nothing is left
/// behind. Something that is no ordinary file, such as a device or a pipe, is written to as it is.
///
/// # Errors
/// Those of the host, and of `write`.
pub fn write<E: From<io::Error>>(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<File>) -> Result<(), E>,
) -> Result<(), E> {
    let in_place = fs::metadata(path).is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir());
    if in_place {
        let mut out = BufWriter::new(OpenOptions::new().write(true).open(path)?);
        write(&mut out)?;
        return Ok(out.flush()?);
    }
    let temporary = temporary(path)?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    let result = (|| {
        let mut out = BufWriter::new(options.open(&temporary)?);
        write(&mut out)?;
        out.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(fs::rename(&temporary, path)?)
    })();
    if result.is_err() {
        // Where it was not even made there is nothing to remove.
        let _ = fs::remove_file(&temporary);
    }
    result
}

/// A name in the same folder that nobody else has.
fn temporary(path: &Path) -> io::Result<PathBuf> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name =
        path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "it is not the name of a file"))?;
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(std::format!(".{}-{}{SUFFIX}", process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
    Ok(path.with_file_name(hidden))
}
