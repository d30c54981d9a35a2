//! Where the cache of compiled modules is, and `tiercel cache`.

use crate::args::{CacheArgs, CacheCommand, CacheFolder};
use crate::options::Codegen;
use crate::{engine, exit};
use std::env;
use std::path::PathBuf;
use tiercel::{Cache, CacheConfig, Context, Error, Result};

/// Names another folder for the cache; an empty one is none.
const VARIABLE: &str = "TIERCEL_CACHE_DIR";

/// The folder that the options, the environment or the host's custom name. None if there is none.
fn folder(options: &Codegen) -> Option<PathBuf> {
    if let Some(folder) = &options.cache_dir {
        return Some(folder.clone());
    }
    if let Some(folder) = env::var_os(VARIABLE) {
        return Some(PathBuf::from(folder)).filter(|folder| !folder.as_os_str().is_empty());
    }
    let from = |name, rest: &str| {
        env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute()).map(|path| path.join(rest))
    };
    if cfg!(windows) {
        return from("LOCALAPPDATA", "tiercel\\cache");
    }
    from("XDG_CACHE_HOME", "tiercel").or_else(|| from("HOME", ".cache/tiercel"))
}

/// The cache for compiled modules. None if there is no folder for it, or that is of no use; one that the options name has to be.
///
/// # Errors
/// The folder that the options name cannot be used.
pub fn open(options: &Codegen) -> Result<Option<Cache>> {
    let Some(folder) = folder(options) else { return Ok(None) };
    match Cache::new(CacheConfig::new(folder)) {
        Err(error) if options.cache_dir.is_some() => Err(error),
        cache => Ok(cache.ok()),
    }
}

/// Shows or cleans the cache.
///
/// # Errors
/// There is none, or its folder cannot be read or changed.
pub fn run(args: &CacheArgs) -> Result<()> {
    let (CacheCommand::Info(CacheFolder { codegen }) | CacheCommand::Clean(CacheFolder { codegen })) = &args.command;
    let options: Codegen = engine::settings(codegen)?;
    let none = || Error::msg(format!("there is no cache: neither `{VARIABLE}` nor `HOME` names a folder for it"));
    let cache = Cache::new(CacheConfig::new(folder(&options).ok_or_else(none)?)).context("there is no cache")?;
    let shown = cache.directory().display();
    let text = match &args.command {
        CacheCommand::Info(_) => {
            let (modules, bytes) = cache.contents()?;
            let limit = cache.files_total_size_soft_limit();
            format!("folder: {shown}\nmodules: {modules}\nbytes: {bytes}\nlimit: {limit}\n")
        }
        CacheCommand::Clean(_) => format!("removed from {shown}: {} modules\n", cache.clear()?),
    };
    exit::print(text.as_bytes());
    Ok(())
}
