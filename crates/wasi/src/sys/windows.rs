//! Windows hosts. What Windows has no call for is `Errno::Notsup`; descriptors cannot be waited for and count as
//! ready.

use super::{HostStdio, LONGEST_WAIT, Ready, Wait};
use crate::Errno;
use crate::abi::{Clockid, Fdflags, Filestat, Filetype};
use crate::fd::NewTimes;
use crate::readdir::Listing;
use cap_fs_ext::{FileTypeExt, MetadataExt, OpenOptionsMaybeDirExt, OpenOptionsSyncExt};
use cap_std::fs::{Dir, FileType, Metadata, OpenOptions};
use std::fs::{File, FileTimes};
use std::io::{self, IoSlice, IoSliceMut, IsTerminal, Read, Seek, SeekFrom, Write};
use std::net::TcpStream;
use std::os::windows::fs::FileExt;
use std::path::Path;
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime};

/// Opens a directory by the host's own path.
pub(crate) fn open_ambient_dir(path: &Path) -> io::Result<Dir> {
    Dir::open_ambient_dir(path, cap_std::ambient_authority())
}

/// Sets what `open` needs for `flags`.
pub(crate) fn open_flags(options: &mut OpenOptions, flags: Fdflags, _directory: bool) {
    options
        .maybe_dir(true)
        .append(flags.contains(Fdflags::APPEND))
        .dsync(flags.contains(Fdflags::DSYNC))
        .rsync(flags.contains(Fdflags::RSYNC))
        .sync(flags.contains(Fdflags::SYNC));
}

/// Gives a file that was just opened its flags: it has them.
pub(crate) fn after_open(_file: &File, _filetype: Filetype, _flags: Fdflags) -> io::Result<()> {
    Ok(())
}

/// Windows fixes the flags when a file is opened.
pub(crate) fn set_flags(_file: &File, _flags: Fdflags) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

fn filetype(host: FileType) -> Filetype {
    if host.is_dir() {
        Filetype::Directory
    } else if host.is_symlink() {
        Filetype::SymbolicLink
    } else if host.is_file() {
        Filetype::RegularFile
    } else if host.is_char_device() {
        Filetype::CharacterDevice
    } else if host.is_block_device() {
        Filetype::BlockDevice
    } else if host.is_socket() {
        Filetype::SocketStream
    } else {
        Filetype::Unknown
    }
}

/// Nanoseconds since 1970; unknown times and times before are zero.
fn nanos(time: io::Result<cap_std::time::SystemTime>) -> u64 {
    let since_1970 = time.ok().and_then(|time| time.into_std().duration_since(SystemTime::UNIX_EPOCH).ok());
    since_1970.map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

pub(crate) fn filestat(metadata: &Metadata) -> Filestat {
    Filestat {
        dev: metadata.dev(),
        ino: metadata.ino(),
        filetype: filetype(metadata.file_type()),
        nlink: metadata.nlink(),
        size: metadata.len(),
        atim: nanos(metadata.accessed()),
        mtim: nanos(metadata.modified()),
        ctim: nanos(metadata.created()),
    }
}

/// Adds the entries of `dir` but `.` and `..`.
pub(crate) fn list_dir(dir: &Dir, listing: &mut Listing) -> io::Result<()> {
    for entry in dir.entries()? {
        let entry = entry?;
        let ino = entry.metadata().map_or(0, |metadata| metadata.ino());
        // Names that are no Unicode cannot be told to the guest exactly.
        let name = entry.file_name().to_string_lossy().into_owned();
        listing.push(name.as_bytes(), ino, filetype(entry.file_type()?));
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

pub(crate) fn set_dir_times(_dir: &Dir, _times: &NewTimes) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Windows keeps directories by itself.
pub(crate) fn sync_dir(_dir: &Dir) -> io::Result<()> {
    Ok(())
}

/// Runs `call`, which moves the file's position, and puts the position back.
fn keeping_position<R>(file: &File, call: impl FnOnce() -> io::Result<R>) -> io::Result<R> {
    let mut file = file;
    let position = file.stream_position()?;
    let result = call();
    file.seek(SeekFrom::Start(position))?;
    result
}

pub(crate) fn read_at(file: &File, slices: &mut [IoSliceMut<'_>], offset: u64) -> io::Result<usize> {
    match slices.first_mut() {
        Some(slice) => keeping_position(file, || file.seek_read(slice, offset)),
        None => Ok(0),
    }
}

pub(crate) fn write_at(file: &File, slices: &[IoSlice<'_>], offset: u64, _flags: Fdflags) -> io::Result<usize> {
    match slices.first() {
        Some(slice) => keeping_position(file, || file.seek_write(slice, offset)),
        None => Ok(0),
    }
}

/// Windows takes no advice, which may be ignored.
pub(crate) fn advise(_file: &File, _offset: u64, _len: u64, _advice: u32) -> io::Result<()> {
    Ok(())
}

/// The caller has checked that `offset + len` fits in 63 bits.
pub(crate) fn allocate(file: &File, offset: u64, len: u64) -> io::Result<()> {
    if file.metadata()?.len() < offset + len {
        file.set_len(offset + len)?;
    }
    Ok(())
}

impl HostStdio {
    pub(crate) fn read_vectored(self, slices: &mut [IoSliceMut<'_>], nonblock: bool) -> io::Result<usize> {
        match self {
            HostStdio::In if nonblock => Err(io::ErrorKind::Unsupported.into()),
            HostStdio::In => io::stdin().lock().read_vectored(slices),
            HostStdio::Out | HostStdio::Err => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    pub(crate) fn write_vectored(self, slices: &[IoSlice<'_>], _nonblock: bool) -> io::Result<usize> {
        fn out(mut stream: impl Write, slices: &[IoSlice<'_>]) -> io::Result<usize> {
            let written = stream.write_vectored(slices)?;
            stream.flush()?;
            Ok(written)
        }
        match self {
            HostStdio::In => Err(io::ErrorKind::Unsupported.into()),
            HostStdio::Out => out(io::stdout().lock(), slices),
            HostStdio::Err => out(io::stderr().lock(), slices),
        }
    }

    pub(crate) fn filestat(self) -> io::Result<Filestat> {
        let terminal = match self {
            HostStdio::In => io::stdin().is_terminal(),
            HostStdio::Out => io::stdout().is_terminal(),
            HostStdio::Err => io::stderr().is_terminal(),
        };
        let filetype = if terminal { Filetype::CharacterDevice } else { Filetype::Unknown };
        Ok(Filestat { filetype, ..Filestat::UNKNOWN })
    }
}

pub(crate) fn recv(stream: &TcpStream, slices: &mut [IoSliceMut<'_>], peek: bool, wait_all: bool) -> io::Result<usize> {
    let mut stream = stream;
    match slices.first_mut() {
        Some(slice) if peek => stream.peek(slice),
        Some(_) if wait_all => {
            let mut total = 0;
            for slice in slices {
                let mut filled = 0;
                while filled < slice.len() {
                    match stream.read(&mut slice[filled..]) {
                        Ok(0) => return Ok(total),
                        Ok(len) => {
                            filled += len;
                            total += len;
                        }
                        Err(err) if total == 0 => return Err(err),
                        Err(_) => return Ok(total),
                    }
                }
            }
            Ok(total)
        }
        _ => stream.read_vectored(slices),
    }
}

pub(crate) fn send(stream: &TcpStream, slices: &[IoSlice<'_>]) -> io::Result<usize> {
    let mut stream = stream;
    stream.write_vectored(slices)
}

pub(crate) fn clock_now(id: Clockid) -> Result<u64, Errno> {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let since = match id {
        Clockid::Realtime => SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO),
        Clockid::Monotonic => START.elapsed(),
        Clockid::ProcessCputime | Clockid::ThreadCputime => return Err(Errno::Notsup),
    };
    Ok(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

/// Windows counts time in steps of 100 nanoseconds.
pub(crate) fn clock_resolution(id: Clockid) -> Result<u64, Errno> {
    clock_now(id).map(|_| 100)
}

/// Waits for `timeout` if nothing is waited for, else says that all is ready.
pub(crate) fn wait(waits: &[Wait<'_>], timeout: Option<Duration>) -> io::Result<Vec<Option<Ready>>> {
    if waits.is_empty()
        && let Some(timeout) = timeout
    {
        std::thread::sleep(timeout.min(LONGEST_WAIT));
    }
    let ready = |wait: &Wait<'_>| {
        let _ = (wait.kind, wait.write);
        Some(Ready { nbytes: 1, hangup: false })
    };
    Ok(waits.iter().map(ready).collect())
}
