//! What the log (`tracing`, target `tiercel::tiers`) tells of functions on their way from tier to tier, each event with its reason.

use super::hot::Job;
use crate::api::error::Error;
use crate::api::module::ModuleInner;
use core::fmt::{self, Display, Formatter};
use std::time::{Duration, Instant};

macro_rules! event {
    ($($text:tt)*) => { tracing::debug!(target: "tiercel::tiers", $($text)*) };
}

/// A function as people know it.
struct Named<'a>(&'a ModuleInner, u32);

impl Display for Named<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let func = self.1 + self.0.info.imported.funcs;
        write!(f, "function {func}")?;
        self.0.func_name(func).map_or(Ok(()), |name| write!(f, " `{name}`"))
    }
}

/// Where in a function something is.
struct Place(Option<u32>);

impl Display for Place {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(at) => write!(f, "the loop at {at:#x}"),
            None => f.write_str("its entry"),
        }
    }
}

/// The time that something takes; nothing if nobody listens.
pub struct Clock(Option<Instant>);

impl Clock {
    pub fn start() -> Clock {
        Clock(tracing::enabled!(target: "tiercel::tiers", tracing::Level::DEBUG).then(Instant::now))
    }

    fn elapsed(&self) -> Duration {
        self.0.map_or(Duration::ZERO, |start| start.elapsed())
    }
}

/// A function was called for the first time.
pub fn compiled(module: &ModuleInner, body: u32, code_bytes: usize, clock: &Clock) {
    let wasm_bytes = module.info.bodies[body as usize].len();
    event!(
        "{}: called for the first time: compiled, {wasm_bytes} bytes to {code_bytes} in {:?}",
        Named(module, body),
        clock.elapsed()
    );
}

/// A function was found hot.
pub fn hot(module: &ModuleInner, job: Job, found: Option<u32>) {
    let what = if job.at.is_some() { "is to be replaced where it runs" } else { "is to be optimized" };
    event!("{}: its counter has run down at {}: it {what}", Named(module, job.body), Place(found));
}

/// It cannot be optimized yet.
pub fn refused(module: &ModuleInner, job: Job) {
    event!("{}: too many functions wait to be optimized: it goes on", Named(module, job.body));
}

/// It was optimized, or could not be.
pub fn optimized(module: &ModuleInner, job: Job, outcome: &Result<usize, Error>, clock: &Clock) {
    let (name, from) = (Named(module, job.body), Place(job.at));
    match outcome {
        Ok(code_bytes) => event!("{name}: optimized from {from} on, {code_bytes} bytes in {:?}", clock.elapsed()),
        Err(error) => event!("{name}: not optimized from {from} on: {error:#}"),
    }
}

/// Code that was replaced is gone.
pub fn removed(module: &ModuleInner, body: u32, code_bytes: usize) {
    event!("{}: nobody is in {code_bytes} bytes of old code any more: removed", Named(module, body));
}

/// Code that ran was replaced.
pub fn replaced(module: &ModuleInner, body: u32, at: Option<u32>) {
    event!("{}: its frame was replaced at {}: optimized code goes on", Named(module, body), Place(at));
}
