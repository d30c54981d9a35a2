//! Threads that compile hot functions again while guests run. They start when there is something to do and end with their engine.

use super::hot::Job;
use super::lazy::Lazy;
use crate::api::module::ModuleInner;
use alloc::collections::VecDeque;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// Functions that wait, at most; what does not fit asks again when its counter has run down once more. No effect on correctness.
const MOST_WAITING: usize = 4096;
/// A thread that has nothing else to do looks after this time whether nobody is in replaced code any more, then after twice as long, and so on. Not sooner:
/// the first barrier of a process may take ten milliseconds, for which its end has to wait. No effect on correctness.
const FIRST_LOOK: Duration = Duration::from_millis(100);
/// How often.
const LOOKS: u32 = 6;

/// The threads of an engine.
#[derive(Default)]
pub struct Background(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<(Weak<ModuleInner>, Job)>,
    threads: usize,
    /// Threads that have nothing to do.
    idle: usize,
    closed: bool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nobody panics while it is locked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a thread does.
    fn work(&self) {
        let mut state = self.state();
        // Modules that may have replaced code, and how often that was looked for.
        let mut replaced: Vec<(Weak<ModuleInner>, u32)> = Vec::new();
        loop {
            if state.closed {
                return;
            }
            if let Some((module, job)) = state.waiting.pop_front() {
                drop(state);
                if let Some(module) = module.upgrade() {
                    Lazy::optimize(&module, job);
                    #[cfg(feature = "cache")]
                    crate::api::keep::Keep::begin(&module);
                }
                replaced.retain(|(other, _)| !other.ptr_eq(&module));
                replaced.push((module, 0));
                state = self.state();
                continue;
            }
            state.idle += 1;
            let soonest = replaced.iter().map(|&(_, looks)| looks).min();
            state = match soonest.map(|looks| FIRST_LOOK * (1 << looks)) {
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(pause) => self.changed.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner).0,
            };
            state.idle -= 1;
            if state.waiting.is_empty() && !state.closed {
                drop(state);
                replaced.retain_mut(look);
                state = self.state();
            }
        }
    }
}

/// Removes what replaced code it can; false if there is no more of it, or it was looked for often enough.
fn look((module, looks): &mut (Weak<ModuleInner>, u32)) -> bool {
    *looks += 1;
    module.upgrade().is_some_and(|module| Lazy::reclaim(&module)) && *looks <= LOOKS
}

impl Background {
    /// Lets a thread do a job, one of `threads` at most; false if too many wait.
    pub fn request(&self, module: &Arc<ModuleInner>, job: Job, threads: usize) -> bool {
        let mut state = self.0.state();
        if state.waiting.len() >= MOST_WAITING {
            return false;
        }
        state.waiting.push_back((Arc::downgrade(module), job));
        if state.idle == 0 && state.threads < threads {
            let shared = self.0.clone();
            let spawned = thread::Builder::new().name("tiercel-optimize".into()).spawn(move || shared.work());
            match spawned {
                Ok(_) => state.threads += 1,
                // The host has no more threads: those that there are do the work, if any.
                Err(_) if state.threads == 0 => {
                    state.waiting.pop_back();
                    return false;
                }
                Err(_) => {}
            }
        }
        drop(state);
        self.0.changed.notify_one();
        true
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.closed = true;
        state.waiting.clear();
        drop(state);
        // They end when they are done with what they do; one of them may be what drops this.
        self.0.changed.notify_all();
    }
}
