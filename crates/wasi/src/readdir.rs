//! Listing directories: `fd_readdir`.
//!
//! A directory is read once, when the guest asks for its start (cookie 0), and kept with the descriptor. A cookie is
//! an index into that list: stable whatever happens to the directory meanwhile, and each call costs only what it
//! returns. `rewinddir` starts at cookie 0 and so sees the directory anew.

use crate::abi::{DIRENT_SIZE, Filetype, dirent};
use crate::descriptor::Kind;
use crate::{DirPerms, Errno, GuestMemory, Rights, WasiCtx, sys};

/// The entries of a directory at one time, beginning with `.` and `..`.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    /// All names, one after the other.
    names: Vec<u8>,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    ino: u64,
    filetype: Filetype,
    /// Where the name ends in `names`; it starts where the one before ends.
    name_end: usize,
}

impl Listing {
    /// Adds an entry. Names are the host's bytes: a guest must be able to see a file it cannot open.
    pub(crate) fn push(&mut self, name: &[u8], ino: u64, filetype: Filetype) {
        self.names.extend_from_slice(name);
        self.entries.push(Entry { ino, filetype, name_end: self.names.len() });
    }

    /// The record and the name of the entry `index`.
    fn get(&self, index: usize) -> Option<([u8; DIRENT_SIZE], &[u8])> {
        let entry = self.entries.get(index)?;
        let name_start = index.checked_sub(1).map_or(0, |before| self.entries[before].name_end);
        let name = &self.names[name_start..entry.name_end];
        Some((dirent(index as u64 + 1, entry.ino, name.len() as u32, entry.filetype), name))
    }
}

impl WasiCtx {
    /// `fd_readdir`: writes the entries from `cookie` on to `buf` and the number of bytes to `used`. The last entry
    /// is cut where the buffer ends; fewer bytes than `buf_len` mean the end of the directory.
    pub fn fd_readdir(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        buf: u32,
        buf_len: u32,
        cookie: u64,
        used: u32,
    ) -> Result<(), Errno> {
        let descriptor = self.table.get_mut(fd)?;
        descriptor.require(Rights::FD_READDIR)?;
        let Kind::Dir(open) = &mut descriptor.kind else {
            return Err(Errno::Notdir);
        };
        open.require(DirPerms::READ)?;
        mem.check(used, 4)?;
        let out = mem.slice_mut(buf, buf_len)?;

        let listing = match &mut open.listing {
            Some(listing) if cookie != 0 => listing,
            slot => {
                let ino = sys::filestat(&open.dir.dir_metadata()?).ino;
                let mut listing = Listing::default();
                listing.push(b".", ino, Filetype::Directory);
                // The parent may be outside of what the guest may know of.
                listing.push(b"..", ino, Filetype::Directory);
                sys::list_dir(&open.dir, &mut listing)?;
                slot.insert(listing)
            }
        };

        let mut filled = 0;
        let mut index = usize::try_from(cookie).unwrap_or(usize::MAX);
        while filled < out.len()
            && let Some((record, name)) = listing.get(index)
        {
            for part in [&record[..], name] {
                let len = part.len().min(out.len() - filled);
                out[filled..filled + len].copy_from_slice(&part[..len]);
                filled += len;
            }
            index += 1;
        }
        mem.write_u32(used, filled as u32)
    }
}
