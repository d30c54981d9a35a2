//! One run of one command: wall and CPU time, peak memory, the program's own time, and whether it did what it should.
//!
//! The kernel starts a child's peak memory at that of the process that made it, so a child of ours would never seem
//! smaller than we are. GNU time, where it is installed, is small and stands in between; else [`memory_floor`] says
//! below which figure peaks mean nothing.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use serde::Serialize;
use tiercel_tests::expect::Expectation;
use tiercel_tests::process::Output;
use wait4::Wait4 as _;

use super::rewrite::{MARK, REPORT_LEN};

/// Where GNU time is.
const GNU_TIME: &str = "/usr/bin/time";

/// What GNU time prints before the peak in KiB.
const PEAK_MARK: &str = "peakrss=";

/// What one run took.
#[derive(Serialize, Clone, Copy)]
pub struct Sample {
    /// From start to end of the process.
    pub wall_seconds: f64,
    /// User and system time of all its threads.
    pub cpu_seconds: f64,
    /// Largest resident memory, where it was asked for.
    pub peak_bytes: Option<u64>,
    /// Between `bench.start` and `bench.end`, where the program has them.
    pub program_seconds: Option<f64>,
}

/// The smallest peak that can be told where GNU time is missing: our own. Nothing where it is there.
pub fn memory_floor() -> Option<u64> {
    if Path::new(GNU_TIME).exists() {
        return None;
    }
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().trim_end_matches(" kB").parse::<u64>().ok()? * 1024)
}

/// Runs `words` in `folder`. `with_peak` asks for peak memory, at the cost of about a millisecond of wall time. Output that
/// differs from `expectation`, or taking longer than `limit`, is an error.
pub fn run(
    words: &[String],
    folder: &Path,
    expectation: &Expectation,
    limit: Duration,
    with_peak: bool,
) -> Result<Sample> {
    let gnu_time = with_peak && memory_floor().is_none();
    let mut command = if gnu_time {
        let mut command = Command::new(GNU_TIME);
        command.args(["-q", "-f", &format!("{PEAK_MARK}%M")]).args(words);
        command
    } else {
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        command
    };
    let (mut stdout, mut stderr) = (tempfile::tempfile()?, tempfile::tempfile()?);
    command.current_dir(folder).stdin(Stdio::null()).stdout(stdout.try_clone()?).stderr(stderr.try_clone()?);
    command.process_group(0);
    let began = Instant::now();
    let child = command.spawn().with_context(|| format!("cannot start {}", words[0]))?;
    let group = Pid::from_raw(child.id().try_into()?).context("process number")?;
    let (ended, wait) = mpsc::channel();
    let watchdog = thread::spawn(move || {
        let timed_out = wait.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout);
        // The process may end at this very moment; then there is nothing to kill.
        timed_out.then(|| kill_process_group(group, Signal::KILL))
    });
    let used = child.wait4().context("cannot wait")?;
    let wall = began.elapsed();
    // The watchdog may have gone already; then nobody listens.
    let _ = ended.send(());
    if watchdog.join().is_ok_and(|killed| killed.is_some()) {
        bail!("no end after {} s", limit.as_secs());
    }
    let mut output = Output { status: used.status, stdout: read(&mut stdout)?, stderr: read(&mut stderr)? };
    let time_peak = if gnu_time { take_peak(&mut output.stderr) } else { None };
    let program_seconds = take_report(&mut output.stderr);
    expectation.check(&output).map_err(anyhow::Error::msg)?;
    Ok(Sample {
        wall_seconds: wall.as_secs_f64(),
        cpu_seconds: (used.rusage.utime + used.rusage.stime).as_secs_f64(),
        peak_bytes: with_peak.then(|| time_peak.unwrap_or(used.rusage.maxrss)),
        program_seconds,
    })
}

fn read(file: &mut File) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Takes the program's report of its own time out of what it printed.
fn take_report(stderr: &mut Vec<u8>) -> Option<f64> {
    let at = stderr.windows(MARK.len()).position(|window| window == MARK)?;
    let report: Vec<u8> = stderr.drain(at..stderr.len().min(at + REPORT_LEN)).collect();
    let digits = std::str::from_utf8(report.get(MARK.len()..REPORT_LEN - 1)?).ok()?;
    u64::from_str_radix(digits, 16).ok().map(|nanoseconds| nanoseconds as f64 * 1e-9)
}

/// Takes GNU time's last line, the peak, off what was printed.
fn take_peak(stderr: &mut Vec<u8>) -> Option<u64> {
    let at = stderr.windows(PEAK_MARK.len()).rposition(|window| window == PEAK_MARK.as_bytes())?;
    let line = String::from_utf8(stderr.split_off(at)).ok()?;
    Some(line.trim().strip_prefix(PEAK_MARK)?.parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::{take_peak, take_report};

    #[test]
    fn takes_reports_out_of_the_output() {
        let mut stderr = b"before\nbenchns=000000003b9aca00\nafter\npeakrss=2048\n".to_vec();
        assert_eq!(take_peak(&mut stderr), Some(2048 * 1024));
        assert_eq!(take_report(&mut stderr), Some(1.0));
        assert_eq!(stderr, b"before\nafter\n");
        assert_eq!(take_report(&mut stderr), None);
    }
}
