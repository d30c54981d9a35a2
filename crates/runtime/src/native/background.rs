//! Threads that compile hot functions again while guests run. They start when there is something to do and end with their engine.

use super::hot::Job;
use super::lazy::Lazy;
use crate::api::module::ModuleInner;
use alloc::collections::VecDeque;
use alloc::sync::{Arc, Weak};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Functions that wait, at most; what does not fit asks again when its counter has run down once more. No effect on correctness.
const MOST_WAITING: usize = 4096;

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
        loop {
            if state.closed {
                return;
            }
            let Some((module, job)) = state.waiting.pop_front() else {
                state.idle += 1;
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.idle -= 1;
                continue;
            };
            drop(state);
            if let Some(module) = module.upgrade() {
                Lazy::optimize(&module, job);
            }
            state = self.state();
        }
    }
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
