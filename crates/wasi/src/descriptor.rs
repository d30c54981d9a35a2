//! The guest's file descriptors: what each refers to, its rights, and the table that numbers them.

use crate::abi::{Fdflags, Filetype};
use crate::limits::MAX_FDS;
use crate::readdir::Listing;
use crate::sys::HostStdio;
use crate::{DirPerms, Errno, FilePerms, Rights};
use cap_std::fs::Dir;
use std::fmt;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

/// One open file descriptor.
#[derive(Debug)]
pub(crate) struct Descriptor {
    pub kind: Kind,
    pub flags: Fdflags,
    /// What may be done with it.
    pub rights: Rights,
    /// What may at most be done with what is opened through it.
    pub inheriting: Rights,
}

/// What a descriptor refers to.
pub(crate) enum Kind {
    /// The host's own standard stream, shared with it.
    HostStdio(HostStdio),
    /// Standard input from the embedder.
    Reader(Box<dyn Read + Send>),
    /// Standard output to the embedder.
    Writer(Box<dyn Write + Send>),
    File(OpenFile),
    Dir(OpenDir),
    Listener(TcpListener),
    Stream(TcpStream),
}

/// An open file of the host: regular, or a device or pipe that was found in a directory.
#[derive(Debug)]
pub(crate) struct OpenFile {
    pub file: File,
    pub filetype: Filetype,
    pub perms: FilePerms,
}

/// An open directory, from which the guest cannot get out.
#[derive(Debug)]
pub(crate) struct OpenDir {
    pub dir: Dir,
    pub dir_perms: DirPerms,
    pub file_perms: FilePerms,
    /// The guest's name for it, if it was open from the start.
    pub preopen: Option<String>,
    /// Its entries, as read when the guest began to list them.
    pub listing: Option<Listing>,
}

impl OpenDir {
    /// Fails with `Errno::Perm` unless the embedder allows `perms`.
    pub(crate) fn require(&self, perms: DirPerms) -> Result<(), Errno> {
        if self.dir_perms.contains(perms) { Ok(()) } else { Err(Errno::Perm) }
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::HostStdio(stdio) => stdio.fmt(f),
            Kind::Reader(_) => f.write_str("Reader"),
            Kind::Writer(_) => f.write_str("Writer"),
            Kind::File(file) => file.fmt(f),
            Kind::Dir(dir) => dir.fmt(f),
            Kind::Listener(listener) => listener.fmt(f),
            Kind::Stream(stream) => stream.fmt(f),
        }
    }
}

impl Descriptor {
    /// A descriptor with all rights that its kind has.
    pub(crate) fn new(kind: Kind) -> Self {
        let rights = match &kind {
            Kind::HostStdio(HostStdio::In) | Kind::Reader(_) => Rights::STREAM & !Rights::FD_WRITE,
            Kind::HostStdio(_) | Kind::Writer(_) => Rights::STREAM & !Rights::FD_READ,
            Kind::File(_) => Rights::FILE,
            Kind::Dir(_) => Rights::DIRECTORY,
            Kind::Listener(_) => Rights::LISTENER,
            Kind::Stream(_) => Rights::SOCKET,
        };
        let inheriting = match &kind {
            Kind::Dir(_) => Rights::DIRECTORY | Rights::FILE,
            Kind::Listener(_) => Rights::SOCKET,
            _ => Rights::empty(),
        };
        Descriptor { kind, flags: Fdflags::empty(), rights, inheriting }
    }

    /// Fails with `Errno::Notcapable` unless the guest holds `rights`.
    pub(crate) fn require(&self, rights: Rights) -> Result<(), Errno> {
        if self.rights.contains(rights) { Ok(()) } else { Err(Errno::Notcapable) }
    }
}

/// The guest's descriptors by number.
#[derive(Debug, Default)]
pub(crate) struct FdTable {
    slots: Vec<Option<Descriptor>>,
    /// No slot below this one is free.
    first_free: usize,
}

impl FdTable {
    /// Adds a descriptor under the lowest free number, as POSIX has it.
    pub(crate) fn insert(&mut self, descriptor: Descriptor) -> Result<u32, Errno> {
        let free = self.slots[self.first_free..].iter().position(Option::is_none);
        let fd = match free {
            Some(offset) => self.first_free + offset,
            None => self.slots.len(),
        };
        if fd >= MAX_FDS {
            return Err(Errno::Mfile);
        }
        if fd == self.slots.len() {
            self.slots.push(Some(descriptor));
        } else {
            self.slots[fd] = Some(descriptor);
        }
        self.first_free = fd + 1;
        // Cannot be lost: MAX_FDS is far below 2^32.
        Ok(fd as u32)
    }

    /// The descriptor `fd`, `Errno::Badf` if there is none.
    pub(crate) fn get(&self, fd: u32) -> Result<&Descriptor, Errno> {
        self.slots.get(fd as usize).and_then(Option::as_ref).ok_or(Errno::Badf)
    }

    /// The descriptor `fd`, `Errno::Badf` if there is none.
    pub(crate) fn get_mut(&mut self, fd: u32) -> Result<&mut Descriptor, Errno> {
        self.slots.get_mut(fd as usize).and_then(Option::as_mut).ok_or(Errno::Badf)
    }

    /// The directory `fd` if the guest holds `rights` on it.
    pub(crate) fn dir(&self, fd: u32, rights: Rights) -> Result<&OpenDir, Errno> {
        let descriptor = self.get(fd)?;
        match &descriptor.kind {
            Kind::Dir(dir) => descriptor.require(rights).map(|()| dir),
            _ => Err(Errno::Notdir),
        }
    }

    /// The file `fd` if the guest holds `rights` on it.
    pub(crate) fn file(&self, fd: u32, rights: Rights) -> Result<&OpenFile, Errno> {
        let descriptor = self.get(fd)?;
        match &descriptor.kind {
            Kind::File(file) => descriptor.require(rights).map(|()| file),
            // Directories never hold the rights that ask for a file.
            Kind::Dir(_) => Err(Errno::Notcapable),
            _ => Err(Errno::Spipe),
        }
    }

    /// Takes the descriptor `fd` out.
    pub(crate) fn remove(&mut self, fd: u32) -> Result<Descriptor, Errno> {
        let slot = self.slots.get_mut(fd as usize).ok_or(Errno::Badf)?;
        let descriptor = slot.take().ok_or(Errno::Badf)?;
        self.first_free = self.first_free.min(fd as usize);
        Ok(descriptor)
    }

    /// Moves `from` to `to`, which must be open and is closed.
    pub(crate) fn renumber(&mut self, from: u32, to: u32) -> Result<(), Errno> {
        self.get(from)?;
        self.get(to)?;
        if from != to {
            let descriptor = self.remove(from)?;
            self.slots[to as usize] = Some(descriptor);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn descriptor() -> Descriptor {
        Descriptor::new(Kind::Writer(Box::new(std::io::sink())))
    }

    #[test]
    fn the_lowest_free_number_is_used() {
        let mut table = FdTable::default();
        for fd in 0..4 {
            assert_eq!(table.insert(descriptor()), Ok(fd));
        }
        table.remove(1).unwrap();
        table.remove(2).unwrap();
        assert_eq!(table.remove(2).unwrap_err(), Errno::Badf);
        assert_eq!(table.insert(descriptor()), Ok(1));
        assert_eq!(table.insert(descriptor()), Ok(2));
        assert_eq!(table.insert(descriptor()), Ok(4));
    }

    #[test]
    fn renumbering_needs_both_and_closes_the_target() {
        let mut table = FdTable::default();
        table.insert(descriptor()).unwrap();
        table.insert(descriptor()).unwrap();
        assert_eq!(table.renumber(0, 7), Err(Errno::Badf));
        assert_eq!(table.renumber(0, 0), Ok(()));
        assert_eq!(table.renumber(0, 1), Ok(()));
        assert_eq!(table.get(0).unwrap_err(), Errno::Badf);
        assert!(table.get(1).is_ok());
    }
}
