//! The cache: a folder of artifacts, so that a module is compiled once.
//!
//! The name of an entry is a hash of all that it was made from: the module, the version of the engine, target and settings. Entries are written under
//! another name first and then put in their place, so that processes never see half of one; damaged ones are replaced. What the cache cannot do, the
//! compiler does: nothing here makes a module fail, and why the cache was of no use is in the log (target `tiercel::cache`).
//!
//! Whoever can write to the folder can make this process run any code. So it has to belong to the user, and to nobody else.

use super::artifact::VERSION;
use super::engine::Engine;
use super::error::{Context, Error, Result};
use super::module::Module;
use crate::sys::new_file;
use crate::tuning;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::fs::{self, DirBuilder, File, Metadata};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Where a cache is and how much it keeps.
#[derive(Clone, Debug)]
pub struct CacheConfig {
    directory: PathBuf,
    limit_bytes: u64,
}

impl CacheConfig {
    /// A cache in this folder, which is made when it is not there.
    pub fn new(directory: impl Into<PathBuf>) -> CacheConfig {
        CacheConfig { directory: directory.into(), limit_bytes: tuning::CACHE_BYTES }
    }

    /// How many bytes it may keep (default 512 MiB). When there are more, what was not used for longest is removed.
    pub fn with_files_total_size_soft_limit(&mut self, bytes: u64) -> &mut Self {
        self.limit_bytes = bytes;
        self
    }
}

/// A folder that keeps compiled modules; see [`Config::cache`](crate::Config::cache). Cheap to clone: clones are the same cache.
#[derive(Clone)]
pub struct Cache(Arc<Inner>);

struct Inner {
    config: CacheConfig,
    hits: AtomicUsize,
    misses: AtomicUsize,
}

/// A file of the cache.
struct Entry {
    path: PathBuf,
    metadata: Metadata,
}

/// The name of a module's entry.
pub struct Key(blake3::Hash);

impl Key {
    /// The key of a module of this engine.
    pub fn new(engine: &Engine, bytes: &[u8]) -> Key {
        let mut hasher = blake3::Hasher::new();
        // Pieces of any length do not run into each other: each has its length in front.
        for piece in [VERSION.as_bytes(), engine.target_name().as_bytes(), engine.settings().as_bytes(), bytes] {
            hasher.update(&(piece.len() as u64).to_le_bytes());
            hasher.update(piece);
        }
        Key(hasher.finalize())
    }
}

/// How the names of entries end.
const SUFFIX: &str = ".cwasm";

impl Cache {
    /// Opens a cache, or makes it.
    ///
    /// # Errors
    /// The folder cannot be made, or others than this user can change or read what is in it.
    pub fn new(config: CacheConfig) -> Result<Cache> {
        Self::open(config).inspect_err(|error| tracing::warn!(target: "tiercel::cache", "there is no cache: {error:#}"))
    }

    fn open(config: CacheConfig) -> Result<Cache> {
        let path = &config.directory;
        let cannot_use = || format!("cannot use the folder `{}` for the cache", path.display());
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(path).with_context(cannot_use)?;
        check_owner(&fs::symlink_metadata(path).with_context(cannot_use)?).with_context(cannot_use)?;
        Ok(Cache(Arc::new(Inner { config, hits: AtomicUsize::new(0), misses: AtomicUsize::new(0) })))
    }

    /// The folder.
    pub fn directory(&self) -> &Path {
        &self.0.config.directory
    }

    /// How many bytes it may keep.
    pub fn files_total_size_soft_limit(&self) -> u64 {
        self.0.config.limit_bytes
    }

    /// How many modules this process has found in it.
    pub fn cache_hits(&self) -> usize {
        self.0.hits.load(Ordering::Relaxed)
    }

    /// How many modules this process has not found in it.
    pub fn cache_misses(&self) -> usize {
        self.0.misses.load(Ordering::Relaxed)
    }

    /// How many modules it keeps, and their bytes.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn contents(&self) -> Result<(usize, u64)> {
        let entries = self.entries()?;
        let modules = entries.iter().filter(|entry| !entry.is_temporary());
        Ok((modules.count(), entries.iter().map(|entry| entry.metadata.len()).sum()))
    }

    /// Removes everything that it keeps. The result is how many modules there were.
    ///
    /// # Errors
    /// A file cannot be removed.
    pub fn clear(&self) -> Result<usize> {
        let mut removed = 0;
        for entry in self.entries()? {
            entry.remove()?;
            removed += usize::from(!entry.is_temporary());
        }
        Ok(removed)
    }

    fn entries(&self) -> Result<Vec<Entry>> {
        let path = self.directory();
        let cannot_read = || format!("cannot read the folder `{}`", path.display());
        let mut entries = Vec::new();
        for entry in fs::read_dir(path).with_context(cannot_read)? {
            let entry = entry.with_context(cannot_read)?;
            let path = entry.path();
            let is_ours = path.to_str().is_some_and(|name| name.ends_with(SUFFIX) || name.ends_with(new_file::SUFFIX));
            // Another process may have removed it meanwhile.
            if is_ours && let Ok(metadata) = entry.metadata() {
                entries.push(Entry { path, metadata });
            }
        }
        Ok(entries)
    }

    fn path(&self, key: &Key) -> PathBuf {
        self.directory().join(format!("{}{SUFFIX}", key.0.to_hex()))
    }

    /// The module with this key. Its own bytes are not in the entry: the caller's become the module's, if it is there.
    ///
    /// # Errors
    /// The host has no memory.
    pub(crate) fn load(&self, engine: &Engine, key: &Key, bytes: &mut Vec<u8>) -> Result<Option<Module>> {
        let path = self.path(key);
        let found = File::open(&path).and_then(|file| Ok((file.metadata()?, file)));
        let module = match found {
            Ok((metadata, file)) => {
                touch(&file, &metadata);
                Module::of_cached(engine, &file, metadata.len(), bytes)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        };
        let module = module.unwrap_or_else(|error| {
            tracing::warn!(target: "tiercel::cache", "`{}` is compiled again: {error:#}", path.display());
            None
        });
        let counter = if module.is_some() { &self.0.hits } else { &self.0.misses };
        counter.fetch_add(1, Ordering::Relaxed);
        Ok(module)
    }

    /// Whether there is an entry, whole or not.
    #[cfg(native)]
    pub(crate) fn has(&self, key: &Key) -> bool {
        self.path(key).exists()
    }

    /// Keeps a module under this key, if that can be done.
    pub(crate) fn store(&self, key: &Key, module: &Module) {
        let path = self.path(key);
        let write = |out: &mut io::BufWriter<File>| module.write_artifact(true, |piece| Ok(out.write_all(piece)?));
        let stored = new_file::write(&path, write).and_then(|()| self.shrink());
        if let Err(error) = stored {
            tracing::warn!(target: "tiercel::cache", "`{}` is not kept: {error:#}", path.display());
        }
    }

    /// Removes what was not used for longest, until the size is well within the limit; and what killed processes have left.
    fn shrink(&self) -> Result<()> {
        let limit = self.0.config.limit_bytes;
        let mut entries = self.entries()?;
        entries.retain(|entry| {
            let is_left_over = entry.is_temporary() && entry.unused_seconds() > tuning::CACHE_LEFT_OVER_SECONDS;
            !(is_left_over && entry.remove().is_ok())
        });
        let mut total: u64 = entries.iter().map(|entry| entry.metadata.len()).sum();
        if total <= limit {
            return Ok(());
        }
        entries.retain(|entry| !entry.is_temporary());
        entries.sort_by_cached_key(|entry| entry.metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH));
        for entry in entries {
            if total <= limit / 4 * 3 {
                break;
            }
            entry.remove()?;
            total = total.saturating_sub(entry.metadata.len());
        }
        Ok(())
    }
}

impl Entry {
    fn is_temporary(&self) -> bool {
        self.path.to_str().is_some_and(|name| name.ends_with(new_file::SUFFIX))
    }

    fn unused_seconds(&self) -> u64 {
        let unused = self.metadata.modified().ok().and_then(|modified| modified.elapsed().ok());
        unused.map_or(0, |unused| unused.as_secs())
    }

    fn remove(&self) -> Result<()> {
        match fs::remove_file(&self.path) {
            // Another process was faster.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result.with_context(|| format!("cannot remove `{}`", self.path.display())),
        }
    }
}

/// Notes that an entry was used, if the note that is there is not quite new.
fn touch(file: &File, metadata: &Metadata) {
    let now = SystemTime::now();
    let is_old = |noted| now.duration_since(noted).is_ok_and(|age| age.as_secs() > tuning::CACHE_TOUCH_SECONDS);
    if metadata.modified().is_ok_and(is_old) {
        // Where it cannot be noted, the entry goes a little earlier.
        let _ = file.set_modified(now);
    }
}

#[cfg(unix)]
fn check_owner(folder: &Metadata) -> Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    let user = rustix::process::geteuid().as_raw();
    let mode = folder.permissions().mode() & 0o777;
    if !folder.is_dir() {
        return Err(Error::msg("it is no folder, or a link to one"));
    }
    if folder.uid() != user {
        return Err(Error::msg(format!("it belongs to user {}, and this is {user}", folder.uid())));
    }
    if mode & 0o077 != 0 {
        return Err(Error::msg(format!("others may use it (its mode is {mode:03o}): let its mode be 700")));
    }
    Ok(())
}

#[cfg(not(unix))]
fn check_owner(_: &Metadata) -> Result<()> {
    Ok(())
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("config", &self.0.config).finish()
    }
}
