//! The numbers and record layouts of WASI 0.1, in its two versions.
//!
//! `wasi_unstable` (snapshot 0, of 2019) differs from `wasi_snapshot_preview1` in three records and one
//! numbering: `filestat` has a link count of 32 bits, a clock `subscription` starts with another user datum, and
//! `whence` counts from `cur`. Everything else is the same, so the functions are written once and ask
//! `GuestMemory::abi` where it matters: all such places are in this file.
//! Offsets: `typenames.witx` of either snapshot.

use crate::{Errno, GuestMemory, Rights};
use bitflags::bitflags;

/// The version of WASI that a guest imports.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Abi {
    /// `wasi_snapshot_preview1`: what toolchains since 2020 produce.
    Preview1,
    /// `wasi_unstable`: what toolchains of 2019 produced.
    Unstable,
}

impl Abi {
    /// Both versions.
    pub const ALL: [Abi; 2] = [Abi::Preview1, Abi::Unstable];

    /// The module name under which guests import the functions.
    pub const fn module_name(self) -> &'static str {
        match self {
            Abi::Preview1 => "wasi_snapshot_preview1",
            Abi::Unstable => "wasi_unstable",
        }
    }
}

/// What a file descriptor refers to (`filetype`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Filetype {
    Unknown = 0,
    BlockDevice = 1,
    CharacterDevice = 2,
    Directory = 3,
    RegularFile = 4,
    SocketDgram = 5,
    SocketStream = 6,
    SymbolicLink = 7,
}

bitflags! {
    /// How reads and writes of a descriptor behave (`fdflags`).
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Fdflags: u16 {
        /// Writes go to the end of the file.
        const APPEND = 1;
        /// Writes wait until the data is on the disk.
        const DSYNC = 2;
        /// Calls that would wait fail with `Errno::Again`.
        const NONBLOCK = 4;
        /// Reads wait like writes do.
        const RSYNC = 8;
        /// Writes wait until data and metadata are on the disk.
        const SYNC = 16;
    }

    /// How `path_open` opens (`oflags`).
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Oflags: u16 {
        /// Create the file if it does not exist.
        const CREAT = 1;
        /// Fail if it is not a directory.
        const DIRECTORY = 2;
        /// With `CREAT`, fail if it exists.
        const EXCL = 4;
        /// Set the length of the file to zero.
        const TRUNC = 8;
    }

    /// How a path is resolved (`lookupflags`).
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Lookupflags: u32 {
        /// Follow a symbolic link that the whole path names; links on the way are always followed.
        const SYMLINK_FOLLOW = 1;
    }

    /// Which timestamps to set, and to what (`fstflags`).
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Fstflags: u16 {
        /// Access time from the argument.
        const ATIM = 1;
        /// Access time from the clock.
        const ATIM_NOW = 2;
        /// Modification time from the argument.
        const MTIM = 4;
        /// Modification time from the clock.
        const MTIM_NOW = 8;
    }

    /// How `sock_recv` receives (`riflags`).
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Riflags: u16 {
        /// Leave the data for the next call.
        const RECV_PEEK = 1;
        /// Wait until the buffers are full.
        const RECV_WAITALL = 2;
    }

    /// Which directions `sock_shutdown` closes (`sdflags`).
    #[derive(Clone, Copy, PartialEq, Eq, Debug)]
    pub struct Sdflags: u8 {
        /// Receiving.
        const RD = 1;
        /// Sending.
        const WR = 2;
    }
}

/// Reads a set of flags; `Errno::Inval` where a bit is set that the specification does not name.
macro_rules! flags_from_wasm {
    ($($flags:ident: $bits:ty,)*) => {
        $(impl $flags {
            pub(crate) fn from_wasm(value: u32) -> Result<Self, Errno> {
                <$bits>::try_from(value).ok().and_then(Self::from_bits).ok_or(Errno::Inval)
            }
        })*
    };
}
flags_from_wasm! {
    Fdflags: u16, Oflags: u16, Lookupflags: u32, Fstflags: u16, Riflags: u16, Sdflags: u8,
}

/// From where `fd_seek` counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Whence {
    Set,
    Cur,
    End,
}

impl Whence {
    pub(crate) fn from_wasm(value: u32, abi: Abi) -> Result<Self, Errno> {
        let order = match abi {
            Abi::Preview1 => [Whence::Set, Whence::Cur, Whence::End],
            Abi::Unstable => [Whence::Cur, Whence::End, Whence::Set],
        };
        order.get(value as usize).copied().ok_or(Errno::Inval)
    }
}

/// Which clock (`clockid`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Clockid {
    Realtime,
    Monotonic,
    ProcessCputime,
    ThreadCputime,
}

impl Clockid {
    pub(crate) fn from_wasm(value: u32) -> Result<Self, Errno> {
        Ok(match value {
            0 => Clockid::Realtime,
            1 => Clockid::Monotonic,
            2 => Clockid::ProcessCputime,
            3 => Clockid::ThreadCputime,
            _ => return Err(Errno::Inval),
        })
    }
}

/// Attributes of a descriptor (`fdstat`).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fdstat {
    pub filetype: Filetype,
    pub flags: Fdflags,
    pub rights_base: Rights,
    pub rights_inheriting: Rights,
}

impl Fdstat {
    pub(crate) fn write(&self, mem: &mut GuestMemory<'_>, ptr: u32) -> Result<(), Errno> {
        let mut record = [0; 24];
        record[0] = self.filetype as u8;
        record[2..4].copy_from_slice(&self.flags.bits().to_le_bytes());
        record[8..16].copy_from_slice(&self.rights_base.bits().to_le_bytes());
        record[16..24].copy_from_slice(&self.rights_inheriting.bits().to_le_bytes());
        mem.write(ptr, &record)
    }
}

/// Attributes of a file (`filestat`). Times are nanoseconds since 1970.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Filestat {
    pub dev: u64,
    pub ino: u64,
    pub filetype: Filetype,
    pub nlink: u64,
    pub size: u64,
    pub atim: u64,
    pub mtim: u64,
    pub ctim: u64,
}

impl Filestat {
    /// What is known of a stream that is no file of the host.
    pub(crate) const UNKNOWN: Filestat =
        Filestat { dev: 0, ino: 0, filetype: Filetype::Unknown, nlink: 0, size: 0, atim: 0, mtim: 0, ctim: 0 };

    pub(crate) fn write(&self, mem: &mut GuestMemory<'_>, ptr: u32) -> Result<(), Errno> {
        let mut record = [0; 64];
        record[0..8].copy_from_slice(&self.dev.to_le_bytes());
        record[8..16].copy_from_slice(&self.ino.to_le_bytes());
        record[16] = self.filetype as u8;
        let rest = match mem.abi() {
            Abi::Preview1 => {
                record[24..32].copy_from_slice(&self.nlink.to_le_bytes());
                32
            }
            Abi::Unstable => {
                let nlink = u32::try_from(self.nlink).unwrap_or(u32::MAX);
                record[20..24].copy_from_slice(&nlink.to_le_bytes());
                24
            }
        };
        for (i, value) in [self.size, self.atim, self.mtim, self.ctim].into_iter().enumerate() {
            record[rest + i * 8..][..8].copy_from_slice(&value.to_le_bytes());
        }
        mem.write(ptr, &record[..rest + 32])
    }
}

/// Size in bytes of a `dirent` before its name.
pub(crate) const DIRENT_SIZE: usize = 24;

/// One entry of a directory as the guest sees it (`dirent`); the name follows it.
pub(crate) fn dirent(next: u64, ino: u64, name_len: u32, filetype: Filetype) -> [u8; DIRENT_SIZE] {
    let mut record = [0; DIRENT_SIZE];
    record[0..8].copy_from_slice(&next.to_le_bytes());
    record[8..16].copy_from_slice(&ino.to_le_bytes());
    record[16..20].copy_from_slice(&name_len.to_le_bytes());
    record[20] = filetype as u8;
    record
}

/// Size in bytes of an `event`.
pub(crate) const EVENT_SIZE: u32 = 32;

/// What a `subscription` waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Interest {
    /// A clock; `timeout` in nanoseconds, a point in time if `absolute`, else a duration.
    Clock { id: u32, timeout: u64, absolute: bool },
    /// A descriptor ready for reading.
    FdRead(u32),
    /// A descriptor ready for writing.
    FdWrite(u32),
}

/// One thing that `poll_oneoff` waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Subscription {
    pub userdata: u64,
    pub interest: Interest,
}

impl Subscription {
    /// Size in bytes of a `subscription`.
    pub(crate) fn size(abi: Abi) -> u32 {
        match abi {
            Abi::Preview1 => 48,
            Abi::Unstable => 56,
        }
    }

    pub(crate) fn read(mem: &GuestMemory<'_>, ptr: u32) -> Result<Self, Errno> {
        mem.check(ptr, Self::size(mem.abi()) as usize)?;
        let interest = match mem.read_u8(ptr + 8)? {
            0 => {
                // The old record begins with an identifier that nobody used.
                let clock = match mem.abi() {
                    Abi::Preview1 => ptr + 16,
                    Abi::Unstable => ptr + 24,
                };
                let flags = mem.read_u16(clock + 24)?;
                if flags > 1 {
                    return Err(Errno::Inval);
                }
                Interest::Clock { id: mem.read_u32(clock)?, timeout: mem.read_u64(clock + 8)?, absolute: flags == 1 }
            }
            1 => Interest::FdRead(mem.read_u32(ptr + 16)?),
            2 => Interest::FdWrite(mem.read_u32(ptr + 16)?),
            _ => return Err(Errno::Inval),
        };
        Ok(Subscription { userdata: mem.read_u64(ptr)?, interest })
    }
}

/// Something that `poll_oneoff` reports.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Event {
    pub userdata: u64,
    pub error: Errno,
    pub interest: Interest,
    /// Bytes that can be read or written at once.
    pub nbytes: u64,
    /// The other end has closed.
    pub hangup: bool,
}

impl Event {
    pub(crate) fn write(&self, mem: &mut GuestMemory<'_>, ptr: u32) -> Result<(), Errno> {
        let mut record = [0; EVENT_SIZE as usize];
        record[0..8].copy_from_slice(&self.userdata.to_le_bytes());
        record[8..10].copy_from_slice(&(self.error as u16).to_le_bytes());
        record[10] = match self.interest {
            Interest::Clock { .. } => 0,
            Interest::FdRead(_) => 1,
            Interest::FdWrite(_) => 2,
        };
        record[16..24].copy_from_slice(&self.nbytes.to_le_bytes());
        record[24] = self.hangup as u8;
        mem.write(ptr, &record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: Filestat = Filestat {
        dev: 1,
        ino: 2,
        filetype: Filetype::RegularFile,
        nlink: 0x1_0000_0003,
        size: 4,
        atim: 5,
        mtim: 6,
        ctim: 7,
    };

    #[test]
    fn filestat_layouts() {
        let mut bytes = [0xff; 65];
        STAT.write(&mut GuestMemory::new(&mut bytes, Abi::Preview1), 0).unwrap();
        let words: Vec<u64> = bytes.as_chunks::<8>().0.iter().map(|w| u64::from_le_bytes(*w)).collect();
        assert_eq!(words, [1, 2, 4, 0x1_0000_0003, 4, 5, 6, 7]);
        assert_eq!(bytes[64], 0xff);

        let mut bytes = [0xff; 57];
        STAT.write(&mut GuestMemory::new(&mut bytes, Abi::Unstable), 0).unwrap();
        let words: Vec<u64> = bytes.as_chunks::<8>().0.iter().map(|w| u64::from_le_bytes(*w)).collect();
        assert_eq!(words, [1, 2, 4 | 0xffff_ffff << 32, 4, 5, 6, 7]);
        assert_eq!(bytes[56], 0xff);
    }

    #[test]
    fn clock_subscription_layouts() {
        for (abi, clock) in [(Abi::Preview1, 16), (Abi::Unstable, 24)] {
            let mut bytes = [0; 56];
            bytes[0] = 9;
            bytes[clock] = 1;
            bytes[clock + 8] = 77;
            bytes[clock + 24] = 1;
            let mem = GuestMemory::new(&mut bytes[..Subscription::size(abi) as usize], abi);
            let interest = Interest::Clock { id: 1, timeout: 77, absolute: true };
            assert_eq!(Subscription::read(&mem, 0), Ok(Subscription { userdata: 9, interest }));
        }
    }

    #[test]
    fn whence_numbering() {
        assert_eq!(Whence::from_wasm(0, Abi::Preview1), Ok(Whence::Set));
        assert_eq!(Whence::from_wasm(0, Abi::Unstable), Ok(Whence::Cur));
        assert_eq!(Whence::from_wasm(2, Abi::Unstable), Ok(Whence::Set));
        assert_eq!(Whence::from_wasm(3, Abi::Preview1), Err(Errno::Inval));
    }
}
