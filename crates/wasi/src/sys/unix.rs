//! Unix hosts: Linux, macOS, the BSDs.

use super::{HostStdio, LONGEST_WAIT, Ready, Wait};
use crate::Errno;
use crate::abi::{Clockid, Fdflags, Filestat, Filetype};
use crate::descriptor::Kind;
use crate::fd::NewTimes;
use crate::readdir::Listing;
use cap_fs_ext::OpenOptionsSyncExt;
use cap_std::fs::{Dir, Metadata, MetadataExt, OpenOptions, OpenOptionsExt};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, OFlags};
use rustix::net::{RecvAncillaryBuffer, RecvFlags};
use rustix::time::{ClockId, clock_getres, clock_gettime};
use std::fs::{File, FileTimes};
use std::io::{self, IoSlice, IoSliceMut, IsTerminal, Read, Seek};
use std::net::TcpStream;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::Duration;

/// Opens a directory by the host's own path.
pub(crate) fn open_ambient_dir(path: &Path) -> io::Result<Dir> {
    use std::os::unix::fs::OpenOptionsExt;
    // `Dir::open_ambient_dir` would open it on Linux as a bare place that cannot be synced or given times.
    let file = std::fs::OpenOptions::new().read(true).custom_flags(OFlags::DIRECTORY.bits() as i32).open(path)?;
    Ok(Dir::from_std_file(file))
}

/// Sets what `open` needs for `flags`. Until `after_open`, the file is non-blocking and does not append.
pub(crate) fn open_flags(options: &mut OpenOptions, flags: Fdflags, directory: bool) {
    // A terminal that is opened must not become the one that controls the host's process.
    let mut custom = OFlags::NOCTTY;
    custom.set(OFlags::DIRECTORY, directory);
    options
        .custom_flags(custom.bits() as i32)
        .nonblock(true)
        .dsync(flags.contains(Fdflags::DSYNC))
        .rsync(flags.contains(Fdflags::RSYNC))
        .sync(flags.contains(Fdflags::SYNC));
}

/// Gives a file that was just opened its flags.
pub(crate) fn after_open(file: &File, filetype: Filetype, flags: Fdflags) -> io::Result<()> {
    // Non-blocking means nothing to a regular file.
    if filetype == Filetype::RegularFile && !flags.contains(Fdflags::APPEND) {
        return Ok(());
    }
    set_flags(file, flags)
}

/// Makes an open file append and block as `flags` say.
pub(crate) fn set_flags(file: &File, flags: Fdflags) -> io::Result<()> {
    let mut host = rustix::fs::fcntl_getfl(file)?;
    host.set(OFlags::APPEND, flags.contains(Fdflags::APPEND));
    host.set(OFlags::NONBLOCK, flags.contains(Fdflags::NONBLOCK));
    Ok(rustix::fs::fcntl_setfl(file, host)?)
}

fn filetype(host: FileType) -> Filetype {
    match host {
        FileType::RegularFile => Filetype::RegularFile,
        FileType::Directory => Filetype::Directory,
        FileType::Symlink => Filetype::SymbolicLink,
        FileType::CharacterDevice => Filetype::CharacterDevice,
        FileType::BlockDevice => Filetype::BlockDevice,
        FileType::Socket => Filetype::SocketStream,
        // Pipes have no type in WASI.
        FileType::Fifo | FileType::Unknown => Filetype::Unknown,
    }
}

/// Nanoseconds since 1970; times before are zero, which WASI cannot express.
fn nanos(seconds: i64, nanoseconds: i64) -> u64 {
    let seconds = u64::try_from(seconds).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(nanoseconds).unwrap_or(0))
}

pub(crate) fn filestat(metadata: &Metadata) -> Filestat {
    Filestat {
        dev: metadata.dev(),
        ino: metadata.ino(),
        filetype: filetype(FileType::from_raw_mode(metadata.mode() as rustix::fs::RawMode)),
        nlink: metadata.nlink(),
        size: metadata.size(),
        atim: nanos(metadata.atime(), metadata.atime_nsec()),
        mtim: nanos(metadata.mtime(), metadata.mtime_nsec()),
        ctim: nanos(metadata.ctime(), metadata.ctime_nsec()),
    }
}

/// Adds the entries of `dir` but `.` and `..`.
pub(crate) fn list_dir(dir: &Dir, listing: &mut Listing) -> io::Result<()> {
    for entry in rustix::fs::Dir::read_from(dir.as_fd())? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            listing.push(name, entry.ino(), filetype(entry.file_type()));
        }
    }
    Ok(())
}

pub(crate) fn set_times(file: &File, times: &NewTimes) -> io::Result<()> {
    let mut host = FileTimes::new();
    if let Some(accessed) = times.accessed {
        host = host.set_accessed(accessed);
    }
    if let Some(modified) = times.modified {
        host = host.set_modified(modified);
    }
    file.set_times(host)
}

pub(crate) fn set_dir_times(dir: &Dir, times: &NewTimes) -> io::Result<()> {
    set_times(&dir.try_clone()?.into_std_file(), times)
}

pub(crate) fn sync_dir(dir: &Dir) -> io::Result<()> {
    Ok(rustix::fs::fsync(dir)?)
}

pub(crate) fn read_at(file: &File, slices: &mut [IoSliceMut<'_>], offset: u64) -> io::Result<usize> {
    Ok(rustix::io::preadv(file, slices, offset)?)
}

pub(crate) fn write_at(file: &File, slices: &[IoSlice<'_>], offset: u64, flags: Fdflags) -> io::Result<usize> {
    if !flags.contains(Fdflags::APPEND) {
        return Ok(rustix::io::pwritev(file, slices, offset)?);
    }
    // Linux appends whatever the offset. Nobody else has this open file, so that nobody sees the flag gone.
    set_flags(file, flags - Fdflags::APPEND)?;
    let written = rustix::io::pwritev(file, slices, offset);
    set_flags(file, flags)?;
    Ok(written?)
}

/// `advice` is the specification's number, at most 5.
pub(crate) fn advise(file: &File, offset: u64, len: u64, advice: u32) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
    {
        use rustix::fs::Advice;
        let advice = match advice {
            0 => Advice::Normal,
            1 => Advice::Sequential,
            2 => Advice::Random,
            3 => Advice::WillNeed,
            4 => Advice::DontNeed,
            _ => Advice::NoReuse,
        };
        Ok(rustix::fs::fadvise(file, offset, std::num::NonZeroU64::new(len), advice)?)
    }
    // Advice may be ignored.
    #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
    {
        let _ = (file, offset, len, advice);
        Ok(())
    }
}

/// The caller has checked that `offset + len` fits in 63 bits.
pub(crate) fn allocate(file: &File, offset: u64, len: u64) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd", target_vendor = "apple"))]
    {
        use rustix::io::Errno as Host;
        match rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), offset, len) {
            Err(err) if err == Host::OPNOTSUPP || err == Host::NOTSUP || err == Host::NOSYS => {}
            result => return Ok(result?),
        }
    }
    // The file system cannot reserve room: at least the file gets its length.
    if file.metadata()?.len() < offset + len {
        file.set_len(offset + len)?;
    }
    Ok(())
}

impl HostStdio {
    fn fd(self) -> BorrowedFd<'static> {
        match self {
            HostStdio::In => rustix::stdio::stdin(),
            HostStdio::Out => rustix::stdio::stdout(),
            HostStdio::Err => rustix::stdio::stderr(),
        }
    }

    /// Fails if the call would wait and the guest does not want that. Waits if the stream itself is non-blocking, as
    /// when another process has made the shared terminal so, and the guest does not know of it.
    fn attempt<R>(
        self,
        interest: PollFlags,
        nonblock: bool,
        mut call: impl FnMut(BorrowedFd<'static>) -> rustix::io::Result<R>,
    ) -> io::Result<R> {
        let fd = self.fd();
        let mut wait = [PollFd::from_borrowed_fd(fd, interest)];
        if nonblock && poll(&mut wait, Some(&Timespec::default()))? == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        loop {
            match call(fd) {
                Err(rustix::io::Errno::AGAIN) if !nonblock => {
                    poll(&mut wait, None)?;
                }
                result => return Ok(result?),
            }
        }
    }

    pub(crate) fn read_vectored(self, slices: &mut [IoSliceMut<'_>], nonblock: bool) -> io::Result<usize> {
        self.attempt(PollFlags::IN, nonblock, |fd| rustix::io::readv(fd, slices))
    }

    pub(crate) fn write_vectored(self, slices: &[IoSlice<'_>], nonblock: bool) -> io::Result<usize> {
        self.attempt(PollFlags::OUT, nonblock, |fd| rustix::io::writev(fd, slices))
    }

    /// A device is a character device only if it is a terminal: the C library takes the one for the other.
    pub(crate) fn filestat(self) -> io::Result<Filestat> {
        let stat = rustix::fs::fstat(self.fd())?;
        let filetype = match filetype(FileType::from_raw_mode(stat.st_mode)) {
            Filetype::CharacterDevice if !self.fd().is_terminal() => Filetype::Unknown,
            other => other,
        };
        // The fields have other widths on other hosts.
        #[allow(clippy::unnecessary_cast, reason = "needed on some hosts")]
        Ok(Filestat {
            dev: stat.st_dev as u64,
            ino: stat.st_ino as u64,
            filetype,
            nlink: stat.st_nlink as u64,
            size: stat.st_size as u64,
            atim: nanos(stat.st_atime as i64, stat.st_atime_nsec as i64),
            mtim: nanos(stat.st_mtime as i64, stat.st_mtime_nsec as i64),
            ctim: nanos(stat.st_ctime as i64, stat.st_ctime_nsec as i64),
        })
    }
}

pub(crate) fn recv(stream: &TcpStream, slices: &mut [IoSliceMut<'_>], peek: bool, wait_all: bool) -> io::Result<usize> {
    let mut stream = stream;
    if !peek && !wait_all {
        return stream.read_vectored(slices);
    }
    let mut flags = RecvFlags::empty();
    flags.set(RecvFlags::PEEK, peek);
    flags.set(RecvFlags::WAITALL, wait_all);
    Ok(rustix::net::recvmsg(stream, slices, &mut RecvAncillaryBuffer::default(), flags)?.bytes)
}

pub(crate) fn send(stream: &TcpStream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    // A connection that is gone must be an error for the guest, not a signal for the host.
    #[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
    {
        use rustix::net::{SendAncillaryBuffer, SendFlags, sendmsg};
        let mut control = SendAncillaryBuffer::default();
        Ok(sendmsg(stream, slices, &mut control, SendFlags::NOSIGNAL)?)
    }
    // The standard library has told the socket so.
    #[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
    {
        use std::io::Write;
        let mut stream = stream;
        stream.write_vectored(slices)
    }
}

fn host_clock(id: Clockid) -> ClockId {
    match id {
        Clockid::Realtime => ClockId::Realtime,
        Clockid::Monotonic => ClockId::Monotonic,
        Clockid::ProcessCputime => ClockId::ProcessCPUTime,
        Clockid::ThreadCputime => ClockId::ThreadCPUTime,
    }
}

pub(crate) fn clock_now(id: Clockid) -> Result<u64, Errno> {
    let now = clock_gettime(host_clock(id));
    Ok(nanos(now.tv_sec, now.tv_nsec))
}

pub(crate) fn clock_resolution(id: Clockid) -> Result<u64, Errno> {
    let resolution = clock_getres(host_clock(id));
    Ok(nanos(resolution.tv_sec, resolution.tv_nsec).max(1))
}

/// What can be waited for; everything else is always ready.
fn pollable(kind: &Kind) -> Option<BorrowedFd<'_>> {
    match kind {
        Kind::HostStdio(stdio) => Some(stdio.fd()),
        Kind::File(open) => Some(open.file.as_fd()),
        Kind::Listener(listener) => Some(listener.as_fd()),
        Kind::Stream(stream) => Some(stream.as_fd()),
        Kind::Reader(_) | Kind::Writer(_) | Kind::Dir(_) => None,
    }
}

fn nbytes(wait: &Wait<'_>) -> u64 {
    if wait.write {
        // Ready means at least one; hosts do not tell how many.
        return 1;
    }
    match wait.kind {
        Kind::File(open) if open.filetype == Filetype::RegularFile => {
            let position = (&open.file).stream_position().unwrap_or(0);
            open.file.metadata().map_or(0, |metadata| metadata.len().saturating_sub(position))
        }
        kind => pollable(kind).and_then(|fd| rustix::io::ioctl_fionread(fd).ok()).unwrap_or(1),
    }
}

/// Waits until one of `waits` is ready or `timeout` has passed (`None` is for ever), and says which are. May return
/// earlier with none.
pub(crate) fn wait(waits: &[Wait<'_>], timeout: Option<Duration>) -> io::Result<Vec<Option<Ready>>> {
    let mut polled = Vec::with_capacity(waits.len());
    let mut always_ready = false;
    for wait in waits {
        match pollable(wait.kind) {
            Some(fd) => {
                let interest = if wait.write { PollFlags::OUT } else { PollFlags::IN };
                polled.push(PollFd::from_borrowed_fd(fd, interest));
            }
            None => always_ready = true,
        }
    }
    let timeout = if always_ready { Some(Duration::ZERO) } else { timeout };
    let timeout = timeout.map(|timeout| {
        let timeout = timeout.min(LONGEST_WAIT);
        Timespec { tv_sec: timeout.as_secs() as i64, tv_nsec: timeout.subsec_nanos().into() }
    });
    match poll(&mut polled, timeout.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => {}
        Err(err) => return Err(err.into()),
    }
    let mut results = polled.iter().map(PollFd::revents);
    let ready = waits.iter().map(|wait| match pollable(wait.kind) {
        None => Some(Ready { nbytes: nbytes(wait), hangup: false }),
        Some(_) => {
            let result = results.next().unwrap_or(PollFlags::empty());
            // NVAL is what some hosts say of devices they cannot wait for: reading them will tell.
            (!result.is_empty()).then(|| Ready { nbytes: nbytes(wait), hangup: result.contains(PollFlags::HUP) })
        }
    });
    Ok(ready.collect())
}
