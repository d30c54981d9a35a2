//! How a guest ends itself: `proc_exit`, and `proc_raise` of a deadly signal.

use crate::Errno;
use std::{error, fmt, io};

/// The guest asked to end with this exit status. It travels as the error of the host function, through the
/// engine, to whoever called the guest; take it out there with `downcast_ref::<I32Exit>()`.
///
/// Zero means success. Any value is passed on as the guest gave it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct I32Exit(pub i32);

impl fmt::Display for I32Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the program exited with status {}", self.0)
    }
}

impl error::Error for I32Exit {}

/// The two ways in which a WASI function does not succeed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// The guest gets this error number and goes on.
    Errno(Errno),
    /// The guest ends.
    Exit(I32Exit),
}

impl From<Errno> for Stop {
    fn from(errno: Errno) -> Self {
        Stop::Errno(errno)
    }
}

impl From<io::Error> for Stop {
    fn from(err: io::Error) -> Self {
        Stop::Errno(err.into())
    }
}
