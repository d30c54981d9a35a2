//! How the program ends: what it prints last, and its exit code.

use std::io::{ErrorKind, Write};
use std::process;
use std::sync::atomic::{AtomicBool, Ordering};
use tiercel::{Error, Result, Trap};
use tiercel_wasi::I32Exit;

/// A module, script or argument is wrong. Wrong usage is 2, from the parser of the command line.
const BAD_INPUT: i32 = 1;

/// A guest was stopped: what a shell shows for a process that has called `abort`; 3 is what Windows has for it.
const TRAPPED: i32 = if cfg!(windows) { 3 } else { 134 };

/// Whether some thread is ending the process already.
static ENDING: AtomicBool = AtomicBool::new(false);

/// Ends the process. No destructors run: what they would give back, the process gives back faster.
pub fn end(result: Result<()>) -> ! {
    end_after(result, || ())
}

/// Ends the process, as [`end`]. Something is done last, unless a trap or an error ends it.
pub fn end_after(result: Result<()>, last: impl FnOnce()) -> ! {
    if ENDING.swap(true, Ordering::AcqRel) {
        // Another thread has begun to end the process and has said why.
        loop {
            std::thread::park();
        }
    }
    if result.as_ref().err().is_none_or(|error| error.is::<I32Exit>()) {
        last();
    }
    process::exit(match result {
        Ok(()) => 0,
        Err(error) => report(&error),
    })
}

/// Prints an error, unless the guest just exited; the result is the exit code.
fn report(error: &Error) -> i32 {
    if let Some(&I32Exit(code)) = error.downcast_ref::<I32Exit>() {
        return code;
    }
    complain(&format!("Error: {error:?}"));
    if error.is::<Trap>() { TRAPPED } else { BAD_INPUT }
}

/// Prints to standard error; a failure of that is nothing we could tell anyone.
pub fn complain(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// Prints to standard output. A reader who has left ends the program quietly, as other tools do.
pub fn print(text: &[u8]) {
    let mut out = std::io::stdout().lock();
    match out.write_all(text).and_then(|()| out.flush()) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => process::exit(0),
        Err(error) => {
            complain(&format!("Error: cannot write to standard output: {error}"));
            process::exit(BAD_INPUT)
        }
    }
}
