//! Modules of the tier `auto` in the cache: what the optimizing compiler makes of all of a module is kept for the next process, which starts with it.
//!
//! A thread of its own, of the lowest priority, makes it when the module has had hot functions and is still in use a while later. A process that
//! ends before leaves nothing behind, and the next one tries again. But a small module can be kept at the end ([`Module::keep`]): short programs are run
//! often, and would never be kept otherwise.

use super::cache::{Cache, Key};
use super::config::Tier;
use super::module::{Module, ModuleInner};
use crate::tuning::{KEEP_AFTER_MILLISECONDS, KEEP_AT_END_BYTES};
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::thread::{self, JoinHandle};

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
        if !module.keep.get().is_some_and(Keep::is_first) {
            return;
        }
        let module = Arc::downgrade(module);
        start(move || {
            // Where that is refused, it takes its share.
            let _ = rustix::process::setpriority_process(None, PRIORITY);
            thread::sleep(Duration::from_millis(KEEP_AFTER_MILLISECONDS));
            if let Some(module) = module.upgrade() {
                compile(&Module(module));
            }
        });
    }

    fn is_first(&self) -> bool {
        !self.has_begun.swap(true, Ordering::Relaxed)
    }
}

/// Keeps a small module at once, if it is to be kept and is not yet.
pub fn at_end(module: &Module) {
    let is_small = module.0.info.bodies_bytes() <= KEEP_AT_END_BYTES;
    if !is_small || !module.0.keep.get().is_some_and(Keep::is_first) {
        return;
    }
    let module = module.clone();
    if let Some(thread) = start(move || compile(&module)) {
        // A panic of the compiler ends its thread, and nothing is kept.
        let _ = thread.join();
    }
}

fn start(work: impl FnOnce() + Send + 'static) -> Option<JoinHandle<()>> {
    let thread = thread::Builder::new().name("tiercel-keep".into()).spawn(work);
    let failed = |error: &_| tracing::debug!(target: "tiercel::cache", "no thread to keep a module: {error}");
    thread.inspect_err(failed).ok()
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
