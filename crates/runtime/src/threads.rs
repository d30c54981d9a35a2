//! Work on the function bodies of one module, or the sections of an artifact, by as many threads as pay: they take them one by one.

use crate::api::config::Config;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// How many threads to use for bodies of so many bytes together, if one is worth its start for `bytes_per_thread`.
pub fn useful(config: &Config, body_bytes: usize, bytes_per_thread: usize) -> usize {
    let useful = body_bytes.div_ceil(bytes_per_thread).max(1);
    let threads = match config.compiler_threads {
        // The host takes its time to answer.
        0 if useful == 1 => 1,
        0 => thread::available_parallelism().map_or(1, |threads| threads.get()),
        threads => threads,
    };
    threads.min(useful)
}

/// Hands out the indices of bodies, ascending, each once.
pub struct Queue {
    next: AtomicUsize,
    bodies: usize,
}

impl Queue {
    /// The next one.
    pub fn take(&self) -> Option<usize> {
        // An index that is taken after the last one is far from wrapping around: each thread stops at its first.
        Some(self.next.fetch_add(1, Ordering::Relaxed)).filter(|body| *body < self.bodies)
    }

    /// Hands out nothing any more.
    fn close(&self) {
        self.next.store(self.bodies, Ordering::Relaxed);
    }
}

/// Runs `work` on so many threads, of which this one is one and none is without a body; gives what each has made. If one fails, the others get no
/// more bodies, but finish those that they have, so that each body before one that failed is done.
pub fn in_parallel<R: Send, E: Send>(
    threads: usize,
    bodies: usize,
    work: impl Fn(&Queue) -> Result<R, E> + Sync,
) -> Vec<Result<R, E>> {
    let queue = Queue { next: AtomicUsize::new(0), bodies };
    let work = || work(&queue).inspect_err(|_| queue.close());
    thread::scope(|scope| {
        let spawn = |_| thread::Builder::new().spawn_scoped(scope, work);
        // Where the host has no more threads, those that there are do the work.
        let others: Vec<_> = (1..threads.min(bodies)).map_while(|number| spawn(number).ok()).collect();
        let mut results = alloc::vec![work()];
        for other in others {
            results.push(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        results
    })
}
