//! Running a program to its end, or to a time limit, with both outputs kept.

use std::io::Read;
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long one test case may take. The slowest take about a minute in the interpreter on a loaded machine.
pub const TIME_LIMIT: Duration = Duration::from_secs(600);

/// The same in an emulator, where they take ten.
pub const EMULATED_TIME_LIMIT: Duration = Duration::from_secs(3600);

/// How often a running child is looked at.
const POLL: Duration = Duration::from_millis(2);

/// What a finished program left.
#[derive(Debug)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// What it wrote to its standard output.
    pub stdout: Vec<u8>,
    /// What it wrote to its standard error.
    pub stderr: Vec<u8>,
}

/// Runs `command` without standard input. An error says why it did not start or that it took longer than `limit`.
pub fn run(command: &mut Command, limit: Duration) -> Result<Output, String> {
    let shown = format!("{command:?}");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot start {shown}: {error}"))?;
    let stdout = drain(child.stdout.take());
    let stderr = drain(child.stderr.take());
    let began = Instant::now();
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if began.elapsed() < limit => thread::sleep(POLL),
            Ok(None) => {
                // The child may have just ended, so a failing kill is no news; the wait reaps it.
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("no end after {} s: {shown}", limit.as_secs()));
            }
            Err(error) => return Err(format!("cannot wait for {shown}: {error}")),
        }
    };
    let collect = |reader: thread::JoinHandle<Vec<u8>>| reader.join().map_err(|_| format!("lost output of {shown}"));
    Ok(Output { status, stdout: collect(stdout)?, stderr: collect(stderr)? })
}

/// Reads `pipe` to its end on a thread, so that a child never blocks on a full pipe.
fn drain(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What arrived before an error still shows in the comparison.
            let _ = pipe.read_to_end(&mut bytes);
        }
        bytes
    })
}
