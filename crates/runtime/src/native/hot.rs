//! What happens to functions that run much: which the optimizing compiler gets, and when code that runs goes on in what it has made.
//!
//! A function's counter runs down, at its entry or at one of its loops. The first time the function is asked for; new calls get its new code. If the
//! counter runs down again at a loop, old code still goes round in it: then the *continuation* of the function from that loop on is asked for, which
//! replaces the frame when it is there. A function with many loops gets one at a time: at the next loop that has one all of them are replaced.

use super::replacement::Continuation;
use crate::sync::Mutex;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use std::sync::OnceLock;

/// Units of a function's budget for each of its bytes. No effect on correctness.
const BUDGET_PER_BYTE: u32 = 150;
/// Of bytes beyond so many only one in so many counts: a round of a loop counts the same however long it is, and a long function has long ones. No effect on
/// correctness.
const LONG_BYTES: (u64, u64) = (2048, 8);
/// Of its budget, a function that was asked for gets one part of so many: what counts from then on are frames of the old code. No effect on
/// correctness.
const OLD_PART: i32 = 4;
/// The budget of a loop that waits for its continuation. No effect on correctness.
const WAITING_BUDGET: u32 = 20_000;
/// The budget of a loop whose function may be replaced at another one. No effect on correctness.
const NEAR_BUDGET: i32 = 1_000;
/// How often a function gets that in a row, before the loop at hand has a continuation, too. No effect on correctness.
const PATIENCE: u32 = 100;
/// So many loops of a function have a continuation. No effect on correctness.
const MOST_LOOPS: usize = 8;

/// The budget with which functions count and are never optimized, to measure what that costs.
const COUNTING_ONLY: u32 = u32::MAX - 1;

/// How functions come to be optimized. No effect on what guests compute.
#[derive(Clone, Copy, Debug)]
pub struct TierUp {
    /// What a function's counter starts with, besides what its size adds; 0: it has run down at once; [`COUNTING_ONLY`]: it starts again whenever it has;
    /// [`u32::MAX`]: there are no counters.
    pub budget: u32,
    /// Threads that optimize, at most; 0: who finds a function hot does it, at once. None: half as many as the host has CPUs.
    pub threads: Option<usize>,
    /// Makes budgets random, and what happens when they are used up: for tests.
    pub seed: Option<u64>,
}

impl TierUp {
    /// Threads that optimize, at most. The host is asked when it matters: it reads several files, which a short run would notice.
    pub fn most_threads(&self) -> usize {
        static HALF: OnceLock<usize> = OnceLock::new();
        let half = || std::thread::available_parallelism().map_or(1, |threads| threads.get().div_ceil(2));
        self.threads.unwrap_or_else(|| *HALF.get_or_init(half))
    }

    /// Whether code counts.
    pub fn counts(&self) -> bool {
        self.budget != u32::MAX
    }

    /// What the counter of a function starts with: what compiling costs, in units of what running costs.
    pub fn first_budget(&self, body: u32, bytes: usize) -> i32 {
        let (long, part) = LONG_BYTES;
        let bytes = (bytes as u64).min(long) + (bytes as u64).saturating_sub(long) / part;
        let per_byte = u64::from(BUDGET_PER_BYTE) * bytes * u64::from(self.budget != 0);
        let budget = i32::try_from(u64::from(self.budget) + per_byte).unwrap_or(i32::MAX);
        match self.seed {
            Some(seed) => random_budget(seed, body, 0),
            None => budget,
        }
    }
}

/// Numbers that look random and are the same in each run.
fn random(seed: u64, body: u32, event: u32) -> u64 {
    let mut x = seed ^ (u64::from(body) << 32 | u64::from(event)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    for _ in 0..2 {
        x = (x ^ x >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    }
    x ^ x >> 31
}

/// One that is often small.
fn random_budget(seed: u64, body: u32, event: u32) -> i32 {
    let random = random(seed, body, event);
    (random >> 32) as i32 & ((1 << (random & 15)) - 1)
}

/// What to compile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    /// The index of the body.
    pub body: u32,
    /// The location of a loop, for its continuation; none for the function.
    pub at: Option<u32>,
}

/// What code does whose counter has run down.
pub enum Next {
    /// Goes on; the counter is set to this.
    Count(i32),
    /// Goes on, and this is to be compiled.
    Compile(Job, i32),
    /// Goes on in the continuation.
    Replace(Arc<Continuation>),
}

/// The functions of a module whose counters have run down.
#[derive(Default)]
pub struct Hot(Mutex<BTreeMap<u32, Func>>);

#[derive(Default)]
struct Func {
    /// How often the counter has run down.
    events: u32,
    requested: bool,
    /// How often another loop than those in the list was met since one was put there.
    elsewhere: u32,
    loops: Vec<(u32, Progress)>,
    /// Whether the code is gone that counted.
    forgotten: bool,
}

#[derive(Clone)]
enum Progress {
    Requested,
    Failed,
    Made(Arc<Continuation>),
}

impl Func {
    /// What a loop that is not in the list counts before it looks again, if the function may soon be replaced at another one.
    fn replaced_elsewhere(&mut self, waiting: i32) -> Option<i32> {
        self.elsewhere += 1;
        let budget = |progress: &Progress| match progress {
            Progress::Made(_) if self.elsewhere <= PATIENCE => Some(waiting.min(NEAR_BUDGET)),
            Progress::Requested => Some(waiting),
            Progress::Made(_) | Progress::Failed => None,
        };
        self.loops.iter().filter_map(|(_, progress)| budget(progress)).min().filter(|_| waiting != 0)
    }
}

impl Hot {
    /// The counter of a function with so many bytes has run down, at a loop or at its entry.
    pub fn counted_down(&self, tier_up: &TierUp, body: u32, bytes: usize, at: Option<u32>) -> Next {
        if tier_up.budget == COUNTING_ONLY {
            return Next::Count(i32::MAX);
        }
        let mut funcs = self.0.lock();
        let func = funcs.entry(body).or_default();
        func.events = func.events.saturating_add(1);
        let (mut again, mut waiting) = (tier_up.first_budget(body, bytes), WAITING_BUDGET.min(tier_up.budget) as i32);
        if let Some(seed) = tier_up.seed {
            (again, waiting) = (random_budget(seed, body, func.events), random_budget(seed, body, func.events));
            if random(seed, body, func.events) >> 20 & 1 != 0 {
                return Next::Count(again);
            }
        }
        if !func.requested {
            func.requested = true;
            return Next::Compile(Job { body, at: None }, again / OLD_PART);
        }
        // The new code is not there yet; loops of what runs meanwhile are still to be found.
        let Some(at) = at else { return Next::Count(again) };
        let known = func.loops.iter().find(|(known, _)| *known == at).map(|(_, progress)| progress.clone());
        if known.is_none()
            && let Some(budget) = func.replaced_elsewhere(waiting)
        {
            return Next::Count(budget);
        }
        match known {
            Some(Progress::Made(continuation)) => Next::Replace(continuation),
            Some(Progress::Requested) => Next::Count(waiting),
            None if func.loops.len() < MOST_LOOPS => {
                func.elsewhere = 0;
                func.loops.push((at, Progress::Requested));
                Next::Compile(Job { body, at: Some(at) }, waiting)
            }
            Some(Progress::Failed) | None => Next::Count(again),
        }
    }

    /// Whether the counter of a function has run down.
    pub fn is_hot(&self, body: u32) -> bool {
        self.0.lock().get(&body).is_some_and(|func| func.requested)
    }

    /// A job could not be taken on, and may be asked for again.
    pub fn refused(&self, job: Job) {
        if let Some(func) = self.0.lock().get_mut(&job.body) {
            match job.at {
                Some(at) => func.loops.retain(|(known, _)| *known != at),
                None => func.requested = false,
            }
        }
    }

    /// A continuation was made, or could not be. Gives its entry if nobody wants it any more.
    pub fn made(&self, body: u32, at: u32, continuation: Option<Continuation>) -> Option<usize> {
        let mut funcs = self.0.lock();
        let func = funcs.get_mut(&body).filter(|func| !func.forgotten);
        let Some(func) = func else { return continuation.map(|made| made.entry) };
        if let Some((_, progress)) = func.loops.iter_mut().find(|(known, _)| *known == at) {
            *progress = continuation.map_or(Progress::Failed, |made| Progress::Made(Arc::new(made)));
        }
        None
    }

    /// The code of a function that counted is gone: gives the entries of its continuations, which nobody enters from now on.
    pub fn forget(&self, body: u32) -> Vec<usize> {
        let mut funcs = self.0.lock();
        let Some(func) = funcs.get_mut(&body) else { return Vec::new() };
        func.forgotten = true;
        let entry = |(_, progress)| match progress {
            Progress::Made(made) => Some(made.entry),
            Progress::Requested | Progress::Failed => None,
        };
        core::mem::take(&mut func.loops).into_iter().filter_map(entry).collect()
    }
}
