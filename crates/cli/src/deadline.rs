//! Stops a guest when its time is up: one thread, which exists only when a limit is set.

use crate::exit;
use std::thread;
use std::time::Duration;
use tiercel::{Context, Engine, Error, Result, Trap};

/// How long a guest has to notice the deadline. One that has not is in a call of the host, such as a read that waits for
/// input, which nothing but the end of the process would stop.
const GRACE: Duration = Duration::from_millis(100);

/// Starts the clock for all guests whose deadline is the next epoch.
///
/// # Errors
/// The host has no thread for it.
pub fn start(engine: &Engine, limit: Duration) -> Result<()> {
    let engine = engine.clone();
    let watch = move || {
        thread::sleep(limit);
        engine.increment_epoch();
        thread::sleep(GRACE);
        exit::end(Err(Error::from(Trap::Interrupt).context(message(limit))))
    };
    thread::Builder::new().name("deadline".into()).spawn(watch).context("cannot start the thread for `-W timeout`")?;
    Ok(())
}

/// Adds the limit to the error of a guest that was stopped by it.
pub fn explain(error: Error, limit: Option<Duration>) -> Error {
    match limit {
        Some(limit) if error.downcast_ref::<Trap>() == Some(&Trap::Interrupt) => error.context(message(limit)),
        _ => error,
    }
}

fn message(limit: Duration) -> String {
    format!("the guest was stopped after {limit:?}, the time that `-W timeout` allows")
}
