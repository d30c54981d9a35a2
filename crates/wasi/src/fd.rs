//! What descriptors are and which there are: attributes, rights, timestamps, preopened directories, closing.

use crate::abi::{Fdflags, Fdstat, Filestat, Filetype, Fstflags};
use crate::descriptor::Kind;
use crate::{DirPerms, Errno, FilePerms, GuestMemory, Rights, WasiCtx, sys};
use cap_std::fs::Metadata;
use std::time::{Duration, SystemTime};

/// Timestamps to set; `None` leaves one as it is.
pub(crate) struct NewTimes {
    pub accessed: Option<SystemTime>,
    pub modified: Option<SystemTime>,
}

impl WasiCtx {
    /// The timestamps that `flags` choose from the arguments (nanoseconds since 1970) and the real-time clock.
    pub(crate) fn new_times(&mut self, atim: u64, mtim: u64, flags: u32) -> Result<NewTimes, Errno> {
        let flags = Fstflags::from_wasm(flags)?;
        let both = |a, b| flags.contains(a) && flags.contains(b);
        if both(Fstflags::ATIM, Fstflags::ATIM_NOW) || both(Fstflags::MTIM, Fstflags::MTIM_NOW) {
            return Err(Errno::Inval);
        }
        let now = match flags.intersects(Fstflags::ATIM_NOW | Fstflags::MTIM_NOW) {
            true => self.clocks.now(crate::abi::Clockid::Realtime)?,
            false => 0,
        };
        let choose = |given: Fstflags, from_clock: Fstflags, value: u64| {
            let nanos = if flags.contains(from_clock) { now } else { value };
            flags
                .intersects(given | from_clock)
                .then(|| SystemTime::UNIX_EPOCH.checked_add(Duration::from_nanos(nanos)).ok_or(Errno::Overflow))
                .transpose()
        };
        Ok(NewTimes {
            accessed: choose(Fstflags::ATIM, Fstflags::ATIM_NOW, atim)?,
            modified: choose(Fstflags::MTIM, Fstflags::MTIM_NOW, mtim)?,
        })
    }

    /// `fd_fdstat_get`: writes the descriptor's `fdstat` to `stat`. Needs no right.
    pub fn fd_fdstat_get(&mut self, mem: &mut GuestMemory<'_>, fd: u32, stat: u32) -> Result<(), Errno> {
        let descriptor = self.table.get(fd)?;
        let filetype = match &descriptor.kind {
            Kind::HostStdio(stdio) => stdio.filestat()?.filetype,
            Kind::Reader(_) | Kind::Writer(_) => Filetype::Unknown,
            Kind::File(open) => open.filetype,
            Kind::Dir(_) => Filetype::Directory,
            Kind::Listener(_) | Kind::Stream(_) => Filetype::SocketStream,
        };
        let fdstat = Fdstat {
            filetype,
            flags: descriptor.flags,
            rights_base: descriptor.rights,
            rights_inheriting: descriptor.inheriting,
        };
        fdstat.write(mem, stat)
    }

    /// `fd_fdstat_set_flags`: changes `APPEND` and `NONBLOCK`. The flags for synchronous writing are fixed when the
    /// file is opened, as on every Unix.
    pub fn fd_fdstat_set_flags(&mut self, mem: &mut GuestMemory<'_>, fd: u32, flags: u32) -> Result<(), Errno> {
        let _ = mem;
        let flags = Fdflags::from_wasm(flags)?;
        let descriptor = self.table.get_mut(fd)?;
        descriptor.require(Rights::FD_FDSTAT_SET_FLAGS)?;
        let nonblock = flags.contains(Fdflags::NONBLOCK);
        let only_nonblock = |kept: Fdflags| match (kept - Fdflags::NONBLOCK).is_empty() {
            true => Ok(()),
            false => Err(Errno::Inval),
        };
        match &descriptor.kind {
            Kind::File(open) => {
                let fixed = Fdflags::DSYNC | Fdflags::RSYNC | Fdflags::SYNC;
                if flags & fixed != descriptor.flags & fixed {
                    return Err(Errno::Notsup);
                }
                sys::set_flags(&open.file, flags)?;
            }
            Kind::Listener(listener) => {
                only_nonblock(flags)?;
                listener.set_nonblocking(nonblock)?;
            }
            Kind::Stream(stream) => {
                only_nonblock(flags)?;
                stream.set_nonblocking(nonblock)?;
            }
            // The host's own streams are shared with other processes, which would see the flag: it is kept
            // here, and each read or write asks first whether it would wait.
            Kind::HostStdio(_) | Kind::Reader(_) | Kind::Writer(_) => {
                only_nonblock(flags - Fdflags::APPEND)?;
            }
            Kind::Dir(_) => only_nonblock(flags)?,
        }
        descriptor.flags = flags;
        Ok(())
    }

    /// `fd_fdstat_set_rights`: gives up rights. `Errno::Notcapable` if one is asked for that is not held.
    pub fn fd_fdstat_set_rights(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        base: u64,
        inheriting: u64,
    ) -> Result<(), Errno> {
        let _ = mem;
        let descriptor = self.table.get_mut(fd)?;
        let base = Rights::from_bits(base).ok_or(Errno::Notcapable)?;
        let inheriting = Rights::from_bits(inheriting).ok_or(Errno::Notcapable)?;
        if !descriptor.rights.contains(base) || !descriptor.inheriting.contains(inheriting) {
            return Err(Errno::Notcapable);
        }
        descriptor.rights = base;
        descriptor.inheriting = inheriting;
        Ok(())
    }

    /// `fd_filestat_get`: writes the `filestat` of what the descriptor refers to to `stat`.
    pub fn fd_filestat_get(&mut self, mem: &mut GuestMemory<'_>, fd: u32, stat: u32) -> Result<(), Errno> {
        let descriptor = self.table.get(fd)?;
        descriptor.require(Rights::FD_FILESTAT_GET)?;
        let filestat = match &descriptor.kind {
            Kind::HostStdio(stdio) => stdio.filestat()?,
            Kind::Reader(_) | Kind::Writer(_) => Filestat::UNKNOWN,
            Kind::File(open) => sys::filestat(&Metadata::from_file(&open.file)?),
            Kind::Dir(open) => sys::filestat(&open.dir.dir_metadata()?),
            Kind::Listener(_) | Kind::Stream(_) => Filestat { filetype: Filetype::SocketStream, ..Filestat::UNKNOWN },
        };
        filestat.write(mem, stat)
    }

    /// `fd_filestat_set_size`: makes the file `size` bytes long.
    pub fn fd_filestat_set_size(&mut self, mem: &mut GuestMemory<'_>, fd: u32, size: u64) -> Result<(), Errno> {
        let _ = mem;
        let descriptor = self.table.get(fd)?;
        descriptor.require(Rights::FD_FILESTAT_SET_SIZE)?;
        match &descriptor.kind {
            Kind::File(open) => Ok(open.file.set_len(size)?),
            _ => Err(Errno::Inval),
        }
    }

    /// `fd_filestat_set_times`: sets timestamps, in nanoseconds since 1970.
    pub fn fd_filestat_set_times(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        atim: u64,
        mtim: u64,
        flags: u32,
    ) -> Result<(), Errno> {
        let _ = mem;
        let times = self.new_times(atim, mtim, flags)?;
        let descriptor = self.table.get(fd)?;
        descriptor.require(Rights::FD_FILESTAT_SET_TIMES)?;
        match &descriptor.kind {
            Kind::File(open) if !open.perms.contains(FilePerms::WRITE) => Err(Errno::Perm),
            Kind::File(open) => Ok(sys::set_times(&open.file, &times)?),
            Kind::Dir(open) => {
                open.require(DirPerms::MUTATE)?;
                Ok(sys::set_dir_times(&open.dir, &times)?)
            }
            _ => Err(Errno::Inval),
        }
    }

    /// `fd_prestat_get`: writes the `prestat` of a preopened directory to `prestat`; `Errno::Badf` for all others,
    /// at which the C library stops looking for preopened directories.
    pub fn fd_prestat_get(&mut self, mem: &mut GuestMemory<'_>, fd: u32, prestat: u32) -> Result<(), Errno> {
        let len = u32::try_from(self.preopen(fd)?.len()).map_err(|_| Errno::Overflow)?;
        // Tag 0: a directory, the only one there is.
        let [l0, l1, l2, l3] = len.to_le_bytes();
        mem.write(prestat, &[0, 0, 0, 0, l0, l1, l2, l3])
    }

    /// `fd_prestat_dir_name`: writes the guest's name of a preopened directory to `path`, not ended by a zero.
    pub fn fd_prestat_dir_name(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        path: u32,
        path_len: u32,
    ) -> Result<(), Errno> {
        let name = self.preopen(fd)?;
        if name.len() > path_len as usize {
            return Err(Errno::Nametoolong);
        }
        mem.write(path, name.as_bytes())
    }

    fn preopen(&self, fd: u32) -> Result<&str, Errno> {
        match &self.table.get(fd)?.kind {
            Kind::Dir(open) => open.preopen.as_deref().ok_or(Errno::Badf),
            _ => Err(Errno::Badf),
        }
    }

    /// `fd_close`: closes the descriptor; any may be closed, also the standard streams.
    pub fn fd_close(&mut self, mem: &mut GuestMemory<'_>, fd: u32) -> Result<(), Errno> {
        let _ = mem;
        self.table.remove(fd).map(drop)
    }

    /// `fd_renumber`: makes `fd` known as `to`, which must be open and is closed.
    pub fn fd_renumber(&mut self, mem: &mut GuestMemory<'_>, fd: u32, to: u32) -> Result<(), Errno> {
        let _ = mem;
        self.table.renumber(fd, to)
    }
}
