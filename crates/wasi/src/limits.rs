//! Bounds on what one call of a guest can make the host allocate or do at once.

/// Buffers taken from one list of a vectored read or write; the rest waits for the guest's next call, as after
/// any short read or write. The same number as `IOV_MAX` of Linux and macOS.
pub const MAX_IOVECS: usize = 1024;

/// Bytes moved by one read or write: the largest count that Linux transfers in one call.
pub const MAX_IO_BYTES: usize = 0x7fff_f000;

/// Bytes written at once to an inherited stream that the guest made non-blocking: as many as a pipe that is
/// ready for writing takes without blocking (`PIPE_BUF`).
pub const NONBLOCKING_WRITE_BYTES: usize = 4096;

/// Subscriptions of one `poll_oneoff`; more are `Errno::Inval`.
pub const MAX_SUBSCRIPTIONS: u32 = 1 << 14;

/// File descriptors one guest can have open; more are `Errno::Mfile`. The host's own limit is usually lower.
pub const MAX_FDS: usize = 1 << 20;
