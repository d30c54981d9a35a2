//! Moving bytes through descriptors: `fd_read`, `fd_write`, their positioned forms, seeking, syncing, allocating.

use crate::abi::{Fdflags, Whence};
use crate::descriptor::{Descriptor, Kind};
use crate::limits::{MAX_IO_BYTES, NONBLOCKING_WRITE_BYTES};
use crate::{Errno, GuestMemory, Rights, WasiCtx, sys};
use std::io::{self, IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write};

/// Repeats `call` while a signal of the host interrupts it: the guest has no signals of its own.
pub(crate) fn uninterrupted<R>(mut call: impl FnMut() -> io::Result<R>) -> Result<R, Errno> {
    loop {
        match call() {
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            result => return Ok(result?),
        }
    }
}

/// A count of bytes, which `GuestMemory` keeps below 2^31.
fn count(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

impl Descriptor {
    fn read_vectored(&mut self, slices: &mut [IoSliceMut<'_>]) -> Result<usize, Errno> {
        // A terminal would wait for a line before it returned no bytes.
        if slices.is_empty() {
            return Ok(0);
        }
        let nonblock = self.flags.contains(Fdflags::NONBLOCK);
        match &mut self.kind {
            Kind::HostStdio(stdio) => uninterrupted(|| stdio.read_vectored(slices, nonblock)),
            Kind::Reader(reader) => uninterrupted(|| reader.read_vectored(slices)),
            Kind::File(open) => uninterrupted(|| open.file.read_vectored(slices)),
            Kind::Stream(stream) => uninterrupted(|| sys::recv(stream, slices, false, false)),
            Kind::Listener(_) => Err(Errno::Notconn),
            Kind::Writer(_) | Kind::Dir(_) => Err(Errno::Badf),
        }
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> Result<usize, Errno> {
        let nonblock = self.flags.contains(Fdflags::NONBLOCK);
        match &mut self.kind {
            Kind::HostStdio(stdio) => uninterrupted(|| stdio.write_vectored(slices, nonblock)),
            Kind::Writer(writer) => {
                let written = uninterrupted(|| writer.write_vectored(slices))?;
                // What a guest has written must be seen even if it traps next.
                uninterrupted(|| writer.flush())?;
                Ok(written)
            }
            Kind::File(open) => uninterrupted(|| open.file.write_vectored(slices)),
            Kind::Stream(stream) => uninterrupted(|| sys::send(stream, slices)),
            Kind::Reader(_) | Kind::Dir(_) | Kind::Listener(_) => Err(Errno::Badf),
        }
    }

    /// The most bytes that one write takes.
    fn write_limit(&self) -> usize {
        match self.kind {
            Kind::HostStdio(_) if self.flags.contains(Fdflags::NONBLOCK) => NONBLOCKING_WRITE_BYTES,
            _ => MAX_IO_BYTES,
        }
    }
}

impl WasiCtx {
    /// `fd_read`: reads into the `iovec`s at `iovs`, writes the number of bytes to `nread`; zero is the end.
    pub fn fd_read(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        iovs: u32,
        iovs_len: u32,
        nread: u32,
    ) -> Result<(), Errno> {
        let descriptor = self.table.get_mut(fd)?;
        descriptor.require(Rights::FD_READ)?;
        mem.check(nread, 4)?;
        let read = mem.with_iovecs_mut(iovs, iovs_len, |slices| descriptor.read_vectored(slices))??;
        mem.write_u32(nread, count(read))
    }

    /// `fd_write`: writes the `ciovec`s at `iovs`, writes the number of bytes taken to `nwritten`.
    pub fn fd_write(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        iovs: u32,
        iovs_len: u32,
        nwritten: u32,
    ) -> Result<(), Errno> {
        let descriptor = self.table.get_mut(fd)?;
        descriptor.require(Rights::FD_WRITE)?;
        mem.check(nwritten, 4)?;
        let limit = descriptor.write_limit();
        let written = mem.with_iovecs(iovs, iovs_len, limit, |slices| descriptor.write_vectored(slices))??;
        mem.write_u32(nwritten, count(written))
    }

    /// `fd_pread`: like `fd_read`, from `offset` and without moving the descriptor's position.
    pub fn fd_pread(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        iovs: u32,
        iovs_len: u32,
        offset: u64,
        nread: u32,
    ) -> Result<(), Errno> {
        let open = self.table.file(fd, Rights::FD_READ | Rights::FD_SEEK)?;
        mem.check(nread, 4)?;
        let read =
            mem.with_iovecs_mut(iovs, iovs_len, |slices| uninterrupted(|| sys::read_at(&open.file, slices, offset)))??;
        mem.write_u32(nread, count(read))
    }

    /// `fd_pwrite`: like `fd_write`, to `offset` and without moving the descriptor's position. The offset counts
    /// also for a descriptor that appends, as in POSIX.
    pub fn fd_pwrite(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        iovs: u32,
        iovs_len: u32,
        offset: u64,
        nwritten: u32,
    ) -> Result<(), Errno> {
        let open = self.table.file(fd, Rights::FD_WRITE | Rights::FD_SEEK)?;
        let flags = self.table.get(fd)?.flags;
        mem.check(nwritten, 4)?;
        let written = mem.with_iovecs(iovs, iovs_len, MAX_IO_BYTES, |slices| {
            uninterrupted(|| sys::write_at(&open.file, slices, offset, flags))
        })??;
        mem.write_u32(nwritten, count(written))
    }

    /// `fd_seek`: moves the position and writes the new one to `position`.
    pub fn fd_seek(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        offset: i64,
        whence: u32,
        position: u32,
    ) -> Result<(), Errno> {
        let whence = Whence::from_wasm(whence, mem.abi())?;
        mem.check(position, 8)?;
        let stays = whence == Whence::Cur && offset == 0;
        let held = self.table.get(fd)?.rights;
        let right = match stays && !held.contains(Rights::FD_SEEK) {
            true => Rights::FD_TELL,
            false => Rights::FD_SEEK,
        };
        let mut file = &self.table.file(fd, right)?.file;
        let from = match whence {
            Whence::Set => SeekFrom::Start(u64::try_from(offset).map_err(|_| Errno::Inval)?),
            Whence::Cur => SeekFrom::Current(offset),
            Whence::End => SeekFrom::End(offset),
        };
        mem.write_u64(position, file.seek(from)?)
    }

    /// `fd_tell`: writes the position to `position`.
    pub fn fd_tell(&mut self, mem: &mut GuestMemory<'_>, fd: u32, position: u32) -> Result<(), Errno> {
        let held = self.table.get(fd)?.rights;
        // The right to seek includes this one.
        let right = if held.contains(Rights::FD_SEEK) { Rights::FD_SEEK } else { Rights::FD_TELL };
        let mut file = &self.table.file(fd, right)?.file;
        mem.write_u64(position, file.stream_position()?)
    }

    /// `fd_advise`: tells the host how a part of the file will be used. Length zero is up to the end.
    pub fn fd_advise(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        offset: u64,
        len: u64,
        advice: u32,
    ) -> Result<(), Errno> {
        let _ = mem;
        if advice > 5 {
            return Err(Errno::Inval);
        }
        let descriptor = self.table.get(fd)?;
        match &descriptor.kind {
            Kind::File(open) => {
                descriptor.require(Rights::FD_ADVISE)?;
                Ok(sys::advise(&open.file, offset, len, advice)?)
            }
            // Advice on a directory has no effect anywhere.
            Kind::Dir(_) => descriptor.require(Rights::FD_ADVISE),
            _ => Err(Errno::Spipe),
        }
    }

    /// `fd_allocate`: makes sure that the disk has room for `len` bytes at `offset`; the file grows if it must.
    pub fn fd_allocate(&mut self, mem: &mut GuestMemory<'_>, fd: u32, offset: u64, len: u64) -> Result<(), Errno> {
        let _ = mem;
        let open = self.table.file(fd, Rights::FD_ALLOCATE)?;
        let end = offset.checked_add(len).ok_or(Errno::Fbig)?;
        if len == 0 {
            return Err(Errno::Inval);
        }
        if i64::try_from(end).is_err() {
            return Err(Errno::Fbig);
        }
        uninterrupted(|| sys::allocate(&open.file, offset, len))
    }

    /// `fd_datasync`: waits until the file's data is on the disk.
    pub fn fd_datasync(&mut self, mem: &mut GuestMemory<'_>, fd: u32) -> Result<(), Errno> {
        let _ = mem;
        self.sync(fd, Rights::FD_DATASYNC)
    }

    /// `fd_sync`: waits until the file's data and metadata are on the disk.
    pub fn fd_sync(&mut self, mem: &mut GuestMemory<'_>, fd: u32) -> Result<(), Errno> {
        let _ = mem;
        self.sync(fd, Rights::FD_SYNC)
    }

    fn sync(&mut self, fd: u32, right: Rights) -> Result<(), Errno> {
        let descriptor = self.table.get_mut(fd)?;
        descriptor.require(right)?;
        match &mut descriptor.kind {
            Kind::File(open) if right == Rights::FD_DATASYNC => uninterrupted(|| open.file.sync_data()),
            Kind::File(open) => uninterrupted(|| open.file.sync_all()),
            Kind::Dir(open) => uninterrupted(|| sys::sync_dir(&open.dir)),
            Kind::Writer(writer) => uninterrupted(|| writer.flush()),
            // As `fsync` on a pipe or a terminal.
            _ => Err(Errno::Inval),
        }
    }
}
