//! Modules of the tier `auto` in the cache: what the optimizing compiler makes of all of a module is kept for the next process, which starts with it.
//!
//! A thread of its own, of the lowest priority, makes it when the module has had hot functions and is still in use a while later. A process that
//! ends before leaves nothing behind, and the next one tries again.

use super::cache::{Cache, Key};
use super::config::Tier;
use super::module::{Module, ModuleInner};
use crate::tuning::KEEP_AFTER_MILLISECONDS;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::thread;

/// The least that a thread can have.
const PRIORITY: i32 = 19;

/// Where a module is to be kept.
pub struct Keep {
    cache: Cache,
    key: Key,
    has_begun: AtomicBool,
}

impl Keep {
    /// In this cache under this key.
    pub fn new(cache: Cache, key: Key) -> Keep {
        Keep { cache, key, has_begun: AtomicBool::new(false) }
    }

    /// Lets a module be kept, if it is to be and is not yet: it has hot functions.
    pub fn begin(module: &Arc<ModuleInner>) {
        let Some(keep) = module.keep.get() else { return };
        if keep.has_begun.swap(true, Ordering::Relaxed) {
            return;
        }
        let module = Arc::downgrade(module);
        let work = move || {
            // Where that is refused, it takes its share.
            let _ = rustix::process::setpriority_process(None, PRIORITY);
            thread::sleep(Duration::from_millis(KEEP_AFTER_MILLISECONDS));
            if let Some(module) = module.upgrade() {
                compile(&Module(module));
            }
        };
        if let Err(error) = thread::Builder::new().name("tiercel-keep".into()).spawn(work) {
            tracing::debug!(target: "tiercel::cache", "no thread to keep a module: {error}");
        }
    }
}

fn compile(module: &Module) {
    let Some(keep) = module.0.keep.get() else { return };
    if keep.cache.has(&keep.key) {
        // Another process was faster.
        return;
    }
    match module.ahead() {
        Ok(ahead) if ahead.tier() == Tier::Opt => keep.cache.store(&keep.key, &ahead),
        Ok(_) => {
            tracing::debug!(target: "tiercel::cache", "a module is not kept: it is too complex for the optimizing compiler")
        }
        Err(error) => tracing::debug!(target: "tiercel::cache", "a module is not kept: {error:#}"),
    }
}
