//! Names in directories: the `path_*` functions.
//!
//! No path leads out of the directory it starts from: not by `..`, not by an absolute path, not through a symbolic
//! link, not while another thread moves directories about. `cap-std` resolves every path, on Linux with
//! `openat2(RESOLVE_BENEATH)`, elsewhere component by component on open directories. A path that tries is
//! `Errno::Perm`.

use crate::abi::{Fdflags, Filetype, Lookupflags, Oflags};
use crate::descriptor::{Descriptor, Kind, OpenDir, OpenFile};
use crate::{DirPerms, Errno, FilePerms, GuestMemory, Rights, WasiCtx, sys};
use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt, SystemTimeSpec};
use cap_std::fs::{Dir, Metadata, OpenOptions};
use cap_std::time::SystemTime;

/// Opens `path` in `dir`. The open itself never waits: a pipe that nobody has at its other end is the guest's to
/// wait for, when it reads.
fn open(
    dir: &Dir,
    path: &str,
    follow: bool,
    oflags: Oflags,
    fdflags: Fdflags,
    read: bool,
    write: bool,
) -> Result<std::fs::File, Errno> {
    let mut options = OpenOptions::new();
    options.follow(if follow { FollowSymlinks::Yes } else { FollowSymlinks::No });
    sys::open_flags(&mut options, fdflags, oflags.contains(Oflags::DIRECTORY));
    if oflags.contains(Oflags::DIRECTORY) {
        // Asking to write makes the host say that it is a directory, or not one.
        options.read(true).write(write);
        return Ok(dir.open_with(path, &options)?.into_std());
    }
    let creates = oflags.contains(Oflags::CREAT);
    let exclusive = creates && oflags.contains(Oflags::EXCL);
    let truncates = oflags.contains(Oflags::TRUNC);
    // Creating and truncating need write access of the host, whatever the guest may do afterwards.
    let mut existing = options.clone();
    options.read(read || !write).write(write || creates || truncates);
    options.create(creates).create_new(exclusive).truncate(truncates);
    match dir.open_with(path, &options) {
        Ok(file) => Ok(file.into_std()),
        Err(err) => {
            // A file that exists and that the host only lets be read satisfies `CREAT` without writing.
            let errno = err.into();
            let only_write_failed = matches!(errno, Errno::Acces | Errno::Rofs | Errno::Txtbsy);
            if only_write_failed && creates && !exclusive && !truncates && !write {
                existing.read(true);
                return dir.open_with(path, &existing).map(|file| file.into_std()).map_err(|_| errno);
            }
            Err(errno)
        }
    }
}

fn time_spec(time: Option<std::time::SystemTime>) -> Option<SystemTimeSpec> {
    time.map(|time| SystemTimeSpec::Absolute(SystemTime::from_std(time)))
}

impl WasiCtx {
    /// `path_open`: opens a file or directory and writes its descriptor to `opened`.
    ///
    /// The guest asks for rights. It gets those that the directory passes on and that make sense for what is opened;
    /// `Errno::Notcapable` if it asks to read or write and the directory does not pass that on.
    #[allow(clippy::too_many_arguments, reason = "the parameters of the specification")]
    pub fn path_open(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        dirflags: u32,
        path: u32,
        path_len: u32,
        oflags: u32,
        rights_base: u64,
        rights_inheriting: u64,
        fdflags: u32,
        opened: u32,
    ) -> Result<(), Errno> {
        let follow = Lookupflags::from_wasm(dirflags)?.contains(Lookupflags::SYMLINK_FOLLOW);
        let oflags = Oflags::from_wasm(oflags)?;
        let fdflags = Fdflags::from_wasm(fdflags)?;
        mem.check(opened, 4)?;
        let path = mem.str(path, path_len)?;

        let mut needed = Rights::PATH_OPEN;
        needed.set(Rights::PATH_CREATE_FILE, oflags.contains(Oflags::CREAT));
        needed.set(Rights::PATH_FILESTAT_SET_SIZE, oflags.contains(Oflags::TRUNC));
        let at = self.table.dir(fd, needed)?;
        if oflags.contains(Oflags::DIRECTORY) && oflags != Oflags::DIRECTORY {
            return Err(Errno::Inval);
        }

        let asked = Rights::from_bits_truncate(rights_base);
        let passed_on = self.table.get(fd)?.inheriting;
        if !passed_on.contains(asked & (Rights::FD_READ | Rights::FD_WRITE)) {
            return Err(Errno::Notcapable);
        }
        let read = asked.intersects(Rights::FD_READ | Rights::FD_READDIR);
        let write = asked.contains(Rights::FD_WRITE);

        at.require(DirPerms::READ)?;
        if oflags.contains(Oflags::CREAT) {
            at.require(DirPerms::MUTATE)?;
        }
        let writes = write || oflags.intersects(Oflags::TRUNC | Oflags::CREAT);
        if writes && !at.file_perms.contains(FilePerms::WRITE) {
            return Err(Errno::Perm);
        }
        // Otherwise it may be a directory, which this permission is not about: see below.
        if writes && asked.contains(Rights::FD_READ) && !at.file_perms.contains(FilePerms::READ) {
            return Err(Errno::Perm);
        }

        let file = open(&at.dir, path, follow, oflags, fdflags, read, write)?;
        let filetype = sys::filestat(&Metadata::from_file(&file)?).filetype;
        let kind = if filetype == Filetype::Directory {
            Kind::Dir(OpenDir {
                dir: Dir::from_std_file(file),
                dir_perms: at.dir_perms,
                file_perms: at.file_perms,
                preopen: None,
                listing: None,
            })
        } else {
            if asked.contains(Rights::FD_READ) && !at.file_perms.contains(FilePerms::READ) {
                return Err(Errno::Perm);
            }
            sys::after_open(&file, filetype, fdflags)?;
            Kind::File(OpenFile { file, filetype, perms: at.file_perms })
        };

        let mut descriptor = Descriptor::new(kind);
        if !matches!(filetype, Filetype::Directory | Filetype::RegularFile | Filetype::BlockDevice) {
            descriptor.rights = Rights::STREAM;
        }
        if filetype == Filetype::Directory {
            descriptor.inheriting &= passed_on & Rights::from_bits_truncate(rights_inheriting);
        } else {
            descriptor.flags = fdflags;
            if !write {
                descriptor.rights -= Rights::FD_ALLOCATE | Rights::FD_FILESTAT_SET_SIZE;
            }
        }
        descriptor.rights &= passed_on & asked;
        let opened_fd = self.table.insert(descriptor)?;
        mem.write_u32(opened, opened_fd)
    }

    /// `path_create_directory`: creates a directory.
    pub fn path_create_directory(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        path: u32,
        path_len: u32,
    ) -> Result<(), Errno> {
        let path = mem.str(path, path_len)?;
        let at = self.table.dir(fd, Rights::PATH_CREATE_DIRECTORY)?;
        at.require(DirPerms::MUTATE)?;
        Ok(at.dir.create_dir(path)?)
    }

    /// `path_filestat_get`: writes the `filestat` of a file or directory to `stat`.
    pub fn path_filestat_get(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        flags: u32,
        path: u32,
        path_len: u32,
        stat: u32,
    ) -> Result<(), Errno> {
        let flags = Lookupflags::from_wasm(flags)?;
        let path = mem.str(path, path_len)?;
        let at = self.table.dir(fd, Rights::PATH_FILESTAT_GET)?;
        at.require(DirPerms::READ)?;
        let metadata = match flags.contains(Lookupflags::SYMLINK_FOLLOW) {
            true => at.dir.metadata(path)?,
            false => at.dir.symlink_metadata(path)?,
        };
        sys::filestat(&metadata).write(mem, stat)
    }

    /// `path_filestat_set_times`: sets timestamps of a file or directory, in nanoseconds since 1970.
    #[allow(clippy::too_many_arguments, reason = "the parameters of the specification")]
    pub fn path_filestat_set_times(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        flags: u32,
        path: u32,
        path_len: u32,
        atim: u64,
        mtim: u64,
        fst_flags: u32,
    ) -> Result<(), Errno> {
        let flags = Lookupflags::from_wasm(flags)?;
        let times = self.new_times(atim, mtim, fst_flags)?;
        let path = mem.str(path, path_len)?;
        let at = self.table.dir(fd, Rights::PATH_FILESTAT_SET_TIMES)?;
        at.require(DirPerms::MUTATE)?;
        let (atim, mtim) = (time_spec(times.accessed), time_spec(times.modified));
        match flags.contains(Lookupflags::SYMLINK_FOLLOW) {
            true => at.dir.set_times(path, atim, mtim)?,
            false => at.dir.set_symlink_times(path, atim, mtim)?,
        }
        Ok(())
    }

    /// `path_link`: creates a hard link. Following a symbolic link at the end of `old_path` is not supported.
    #[allow(clippy::too_many_arguments, reason = "the parameters of the specification")]
    pub fn path_link(
        &mut self,
        mem: &mut GuestMemory<'_>,
        old_fd: u32,
        old_flags: u32,
        old_path: u32,
        old_path_len: u32,
        new_fd: u32,
        new_path: u32,
        new_path_len: u32,
    ) -> Result<(), Errno> {
        let flags = Lookupflags::from_wasm(old_flags)?;
        let old_path = mem.str(old_path, old_path_len)?;
        let new_path = mem.str(new_path, new_path_len)?;
        let old = self.table.dir(old_fd, Rights::PATH_LINK_SOURCE)?;
        let new = self.table.dir(new_fd, Rights::PATH_LINK_TARGET)?;
        if flags.contains(Lookupflags::SYMLINK_FOLLOW) {
            return Err(Errno::Inval);
        }
        require_move(old, new)?;
        Ok(old.dir.hard_link(old_path, &new.dir, new_path)?)
    }

    /// `path_readlink`: writes as much of a symbolic link's target as fits to `buf`, the number of bytes to `used`.
    #[allow(clippy::too_many_arguments, reason = "the parameters of the specification")]
    pub fn path_readlink(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        path: u32,
        path_len: u32,
        buf: u32,
        buf_len: u32,
        used: u32,
    ) -> Result<(), Errno> {
        mem.check(used, 4)?;
        mem.check(buf, buf_len as usize)?;
        let path = mem.str(path, path_len)?;
        let at = self.table.dir(fd, Rights::PATH_READLINK)?;
        at.require(DirPerms::READ)?;
        // An absolute target is told too: it is part of the directory that the guest was given. It leads
        // nowhere.
        let target = at.dir.read_link_contents(path)?;
        let target = target.as_os_str().as_encoded_bytes();
        let target = &target[..target.len().min(buf_len as usize)];
        mem.write(buf, target)?;
        mem.write_u32(used, target.len() as u32)
    }

    /// `path_remove_directory`: removes an empty directory.
    pub fn path_remove_directory(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        path: u32,
        path_len: u32,
    ) -> Result<(), Errno> {
        let path = mem.str(path, path_len)?;
        let at = self.table.dir(fd, Rights::PATH_REMOVE_DIRECTORY)?;
        at.require(DirPerms::MUTATE)?;
        // A slash at the end changes nothing: what is removed is a directory or the call fails.
        Ok(at.dir.remove_dir(without_trailing_slashes(path))?)
    }

    /// `path_rename`: renames a file or directory, also from one directory to another.
    #[allow(clippy::too_many_arguments, reason = "the parameters of the specification")]
    pub fn path_rename(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        old_path: u32,
        old_path_len: u32,
        new_fd: u32,
        new_path: u32,
        new_path_len: u32,
    ) -> Result<(), Errno> {
        let old_path = mem.str(old_path, old_path_len)?;
        let new_path = mem.str(new_path, new_path_len)?;
        let old = self.table.dir(fd, Rights::PATH_RENAME_SOURCE)?;
        let new = self.table.dir(new_fd, Rights::PATH_RENAME_TARGET)?;
        require_move(old, new)?;
        // A slash at the end says that it is a directory; `cap-std` looks only at the old path's.
        if new_path.ends_with('/') && !old.dir.symlink_metadata(old_path)?.is_dir() {
            return Err(Errno::Notdir);
        }
        Ok(old.dir.rename(old_path, &new.dir, new_path)?)
    }

    /// `path_symlink`: creates a symbolic link at `new_path` to `old_path`, which must be relative.
    pub fn path_symlink(
        &mut self,
        mem: &mut GuestMemory<'_>,
        old_path: u32,
        old_path_len: u32,
        fd: u32,
        new_path: u32,
        new_path_len: u32,
    ) -> Result<(), Errno> {
        let old_path = mem.str(old_path, old_path_len)?;
        let new_path = mem.str(new_path, new_path_len)?;
        let at = self.table.dir(fd, Rights::PATH_SYMLINK)?;
        at.require(DirPerms::MUTATE)?;
        Ok(at.dir.symlink(old_path, new_path)?)
    }

    /// `path_unlink_file`: removes a file or a symbolic link.
    pub fn path_unlink_file(
        &mut self,
        mem: &mut GuestMemory<'_>,
        fd: u32,
        path: u32,
        path_len: u32,
    ) -> Result<(), Errno> {
        let path = mem.str(path, path_len)?;
        let at = self.table.dir(fd, Rights::PATH_UNLINK_FILE)?;
        at.require(DirPerms::MUTATE)?;
        Ok(at.dir.remove_file_or_symlink(path)?)
    }
}

/// The path without slashes at its end, unless it consists of them.
fn without_trailing_slashes(path: &str) -> &str {
    match path.trim_end_matches('/') {
        "" => path,
        trimmed => trimmed,
    }
}

/// Whether a name may go from one directory to another: both must be changeable, and the file must not become
/// readable or writable by the move.
fn require_move(old: &OpenDir, new: &OpenDir) -> Result<(), Errno> {
    old.require(DirPerms::MUTATE)?;
    new.require(DirPerms::MUTATE)?;
    match old.file_perms.contains(new.file_perms) && old.dir_perms.contains(new.dir_perms) {
        true => Ok(()),
        false => Err(Errno::Perm),
    }
}
