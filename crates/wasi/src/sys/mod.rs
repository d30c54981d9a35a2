//! What differs between hosts: one file each, with the same functions.

use crate::descriptor::Kind;
use std::time::Duration;

#[cfg(unix)]
mod unix;
#[cfg(unix)]
pub(crate) use unix::*;

#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub(crate) use windows::*;

#[cfg(not(any(unix, windows)))]
compile_error!("tiercel-wasi supports Unix and Windows hosts; build without it for others");

/// One of the host's own standard streams.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum HostStdio {
    In,
    Out,
    Err,
}

/// A descriptor to wait for.
pub(crate) struct Wait<'a> {
    pub kind: &'a Kind,
    /// For writing, else for reading.
    pub write: bool,
}

/// What became of a `Wait`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ready {
    /// Bytes that can be read or written at once.
    pub nbytes: u64,
    /// The other end has closed.
    pub hangup: bool,
}

/// The longest single wait; a longer one is several. Some hosts count milliseconds in 31 bits.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);
