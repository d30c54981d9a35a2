//! The error numbers of WASI, and the one place where host errors become them.
//!
//! Numbers: `errno` in the preview 1 specification (`typenames.witx`); `wasi_unstable` has the same.

use std::{error, fmt, io};

macro_rules! errnos {
    ($($number:literal $name:ident $text:literal,)*) => {
        /// Why a WASI function failed; the number is what the guest gets.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[repr(u16)]
        pub enum Errno {
            $(#[doc = $text] $name = $number,)*
        }

        impl Errno {
            /// Every error number, in numeric order.
            pub const ALL: &[Errno] = &[$(Errno::$name,)*];

            /// A short English text, as `strerror` would give.
            pub const fn message(self) -> &'static str {
                match self {
                    $(Errno::$name => $text,)*
                }
            }
        }
    };
}

errnos! {
    0 Success "no error",
    1 TooBig "argument list too long",
    2 Acces "permission denied",
    3 Addrinuse "address in use",
    4 Addrnotavail "address not available",
    5 Afnosupport "address family not supported",
    6 Again "resource unavailable, or operation would block",
    7 Already "connection already in progress",
    8 Badf "bad file descriptor",
    9 Badmsg "bad message",
    10 Busy "device or resource busy",
    11 Canceled "operation canceled",
    12 Child "no child processes",
    13 Connaborted "connection aborted",
    14 Connrefused "connection refused",
    15 Connreset "connection reset",
    16 Deadlk "resource deadlock would occur",
    17 Destaddrreq "destination address required",
    18 Dom "mathematics argument out of domain of function",
    19 Dquot "disk quota exceeded",
    20 Exist "file exists",
    21 Fault "bad address",
    22 Fbig "file too large",
    23 Hostunreach "host is unreachable",
    24 Idrm "identifier removed",
    25 Ilseq "illegal byte sequence",
    26 Inprogress "operation in progress",
    27 Intr "interrupted function",
    28 Inval "invalid argument",
    29 Io "I/O error",
    30 Isconn "socket is connected",
    31 Isdir "is a directory",
    32 Loop "too many levels of symbolic links",
    33 Mfile "too many open files",
    34 Mlink "too many links",
    35 Msgsize "message too large",
    36 Multihop "multihop attempted",
    37 Nametoolong "file name too long",
    38 Netdown "network is down",
    39 Netreset "connection aborted by network",
    40 Netunreach "network unreachable",
    41 Nfile "too many files open in system",
    42 Nobufs "no buffer space available",
    43 Nodev "no such device",
    44 Noent "no such file or directory",
    45 Noexec "executable file format error",
    46 Nolck "no locks available",
    47 Nolink "link has been severed",
    48 Nomem "not enough space",
    49 Nomsg "no message of the desired type",
    50 Noprotoopt "protocol not available",
    51 Nospc "no space left on device",
    52 Nosys "function not supported",
    53 Notconn "the socket is not connected",
    54 Notdir "not a directory or a symbolic link to a directory",
    55 Notempty "directory not empty",
    56 Notrecoverable "state not recoverable",
    57 Notsock "not a socket",
    58 Notsup "not supported, or operation not supported on socket",
    59 Notty "inappropriate I/O control operation",
    60 Nxio "no such device or address",
    61 Overflow "value too large to be stored in data type",
    62 Ownerdead "previous owner died",
    63 Perm "operation not permitted",
    64 Pipe "broken pipe",
    65 Proto "protocol error",
    66 Protonosupport "protocol not supported",
    67 Prototype "protocol wrong type for socket",
    68 Range "result too large",
    69 Rofs "read-only file system",
    70 Spipe "invalid seek",
    71 Srch "no such process",
    72 Stale "stale file handle",
    73 Timedout "connection timed out",
    74 Txtbsy "text file busy",
    75 Xdev "cross-device link",
    76 Notcapable "capabilities insufficient",
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl error::Error for Errno {}

impl From<io::Error> for Errno {
    /// The host's own error number decides where there is one; an error made by a library (such as the
    /// sandbox's "a path led outside of the filesystem") has only a kind.
    fn from(err: io::Error) -> Self {
        #[cfg(unix)]
        if let Some(host) = rustix::io::Errno::from_io_error(&err) {
            return host.into();
        }
        from_kind(err.kind())
    }
}

fn from_kind(kind: io::ErrorKind) -> Errno {
    use io::ErrorKind as K;
    match kind {
        K::NotFound => Errno::Noent,
        // A refusal of the sandbox, not of the host's file permissions (those carry a number on Unix).
        K::PermissionDenied if cfg!(unix) => Errno::Perm,
        K::PermissionDenied => Errno::Acces,
        K::ConnectionRefused => Errno::Connrefused,
        K::ConnectionReset => Errno::Connreset,
        K::ConnectionAborted => Errno::Connaborted,
        K::HostUnreachable => Errno::Hostunreach,
        K::NetworkUnreachable => Errno::Netunreach,
        K::NetworkDown => Errno::Netdown,
        K::NotConnected => Errno::Notconn,
        K::AddrInUse => Errno::Addrinuse,
        K::AddrNotAvailable => Errno::Addrnotavail,
        K::BrokenPipe => Errno::Pipe,
        K::AlreadyExists => Errno::Exist,
        K::WouldBlock => Errno::Again,
        K::NotADirectory => Errno::Notdir,
        K::IsADirectory => Errno::Isdir,
        K::DirectoryNotEmpty => Errno::Notempty,
        K::ReadOnlyFilesystem => Errno::Rofs,
        K::StaleNetworkFileHandle => Errno::Stale,
        K::InvalidInput => Errno::Inval,
        K::InvalidData => Errno::Ilseq,
        K::TimedOut => Errno::Timedout,
        K::StorageFull => Errno::Nospc,
        K::NotSeekable => Errno::Spipe,
        K::QuotaExceeded => Errno::Dquot,
        K::FileTooLarge => Errno::Fbig,
        K::ResourceBusy => Errno::Busy,
        K::ExecutableFileBusy => Errno::Txtbsy,
        K::Deadlock => Errno::Deadlk,
        K::CrossesDevices => Errno::Xdev,
        K::TooManyLinks => Errno::Mlink,
        K::InvalidFilename => Errno::Nametoolong,
        K::ArgumentListTooLong => Errno::TooBig,
        K::Interrupted => Errno::Intr,
        K::Unsupported => Errno::Notsup,
        K::OutOfMemory => Errno::Nomem,
        _ => Errno::Io,
    }
}

#[cfg(unix)]
impl From<rustix::io::Errno> for Errno {
    fn from(host: rustix::io::Errno) -> Self {
        use rustix::io::Errno as H;
        match host {
            H::TOOBIG => Errno::TooBig,
            H::ACCESS => Errno::Acces,
            H::ADDRINUSE => Errno::Addrinuse,
            H::ADDRNOTAVAIL => Errno::Addrnotavail,
            H::AFNOSUPPORT => Errno::Afnosupport,
            H::AGAIN => Errno::Again,
            H::ALREADY => Errno::Already,
            H::BADF => Errno::Badf,
            H::BADMSG => Errno::Badmsg,
            H::BUSY => Errno::Busy,
            H::CANCELED => Errno::Canceled,
            H::CHILD => Errno::Child,
            H::CONNABORTED => Errno::Connaborted,
            H::CONNREFUSED => Errno::Connrefused,
            H::CONNRESET => Errno::Connreset,
            H::DEADLK => Errno::Deadlk,
            H::DESTADDRREQ => Errno::Destaddrreq,
            H::DOM => Errno::Dom,
            H::DQUOT => Errno::Dquot,
            H::EXIST => Errno::Exist,
            // The host's own pointers are right: a fault there is the guest's buffer vanishing.
            H::FAULT => Errno::Fault,
            H::FBIG => Errno::Fbig,
            H::HOSTUNREACH => Errno::Hostunreach,
            H::IDRM => Errno::Idrm,
            H::ILSEQ => Errno::Ilseq,
            H::INPROGRESS => Errno::Inprogress,
            H::INTR => Errno::Intr,
            H::INVAL => Errno::Inval,
            H::ISCONN => Errno::Isconn,
            H::ISDIR => Errno::Isdir,
            H::LOOP => Errno::Loop,
            H::MFILE => Errno::Mfile,
            H::MLINK => Errno::Mlink,
            H::MSGSIZE => Errno::Msgsize,
            H::MULTIHOP => Errno::Multihop,
            H::NAMETOOLONG => Errno::Nametoolong,
            H::NETDOWN => Errno::Netdown,
            H::NETRESET => Errno::Netreset,
            H::NETUNREACH => Errno::Netunreach,
            H::NFILE => Errno::Nfile,
            H::NOBUFS => Errno::Nobufs,
            H::NODEV => Errno::Nodev,
            H::NOENT => Errno::Noent,
            H::NOEXEC => Errno::Noexec,
            H::NOLCK => Errno::Nolck,
            H::NOLINK => Errno::Nolink,
            H::NOMEM => Errno::Nomem,
            H::NOMSG => Errno::Nomsg,
            H::NOPROTOOPT => Errno::Noprotoopt,
            H::NOSPC => Errno::Nospc,
            H::NOSYS => Errno::Nosys,
            H::NOTCONN => Errno::Notconn,
            H::NOTDIR => Errno::Notdir,
            H::NOTEMPTY => Errno::Notempty,
            H::NOTRECOVERABLE => Errno::Notrecoverable,
            H::NOTSOCK => Errno::Notsock,
            H::NOTSUP => Errno::Notsup,
            // The same number as NOTSUP on Linux, another on macOS.
            other if other == H::OPNOTSUPP => Errno::Notsup,
            H::NOTTY => Errno::Notty,
            H::NXIO => Errno::Nxio,
            H::OVERFLOW => Errno::Overflow,
            H::OWNERDEAD => Errno::Ownerdead,
            H::PERM => Errno::Perm,
            H::PIPE => Errno::Pipe,
            H::PROTO => Errno::Proto,
            H::PROTONOSUPPORT => Errno::Protonosupport,
            H::PROTOTYPE => Errno::Prototype,
            H::RANGE => Errno::Range,
            H::ROFS => Errno::Rofs,
            H::SPIPE => Errno::Spipe,
            H::SRCH => Errno::Srch,
            H::STALE => Errno::Stale,
            H::TIMEDOUT => Errno::Timedout,
            H::TXTBSY => Errno::Txtbsy,
            H::XDEV => Errno::Xdev,
            _ => Errno::Io,
        }
    }
}
