//! A guest without an engine: a memory, a context, and calls by the function's name.

use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use tiercel_wasi::{Abi, DirPerms, Errno, FUNCTIONS, FilePerms, GuestMemory, I32Exit, Rights, WasiCtx};

/// Where calls leave their results.
pub const OUT: u32 = 64;
/// Where paths go: the first and the second of a call.
const PATH: u32 = 1024;
const PATH2: u32 = 8192;
/// Where the list of buffers goes, and the buffers.
const IOVS: u32 = 512;
pub const DATA: u32 = 32 * 1024;

/// All rights, as C programs ask for.
pub const ALL: u64 = Rights::all().bits();
/// `path_open` flags.
pub const CREAT: u32 = 1;
pub const DIRECTORY: u32 = 2;
pub const EXCL: u32 = 4;
pub const TRUNC: u32 = 8;
/// Descriptor flags.
pub const APPEND: u32 = 1;
pub const NONBLOCK: u32 = 4;
/// Lookup flag.
pub const FOLLOW: u32 = 1;
/// The first preopened directory.
pub const ROOT: u32 = 3;

pub struct Guest {
    pub ctx: WasiCtx,
    pub memory: Vec<u8>,
    pub abi: Abi,
}

/// A guest with the directory `box` of a fresh folder preopened as `/`; beside `box` lies `secret`, with the file
/// `secret/key`, and the folder `outside`.
pub fn boxed() -> (Guest, TempDir) {
    boxed_with(DirPerms::all(), FilePerms::all())
}

pub fn boxed_with(dir_perms: DirPerms, file_perms: FilePerms) -> (Guest, TempDir) {
    let temp = TempDir::new().unwrap();
    for dir in ["box", "secret", "outside"] {
        fs::create_dir(temp.path().join(dir)).unwrap();
    }
    fs::write(temp.path().join("secret/key"), "key").unwrap();
    let mut builder = WasiCtx::builder();
    builder.preopened_dir(temp.path().join("box"), "/", dir_perms, file_perms).unwrap();
    (Guest::new(builder.build()), temp)
}

/// A path of the host under the guest's directory.
pub fn inside(temp: &TempDir, path: impl AsRef<Path>) -> PathBuf {
    temp.path().join("box").join(path)
}

impl Guest {
    pub fn new(ctx: WasiCtx) -> Self {
        Guest { ctx, memory: vec![0; 128 * 1024], abi: Abi::Preview1 }
    }

    pub fn call_raw(&mut self, name: &str, args: &[u64]) -> Result<Errno, I32Exit> {
        let function = FUNCTIONS.iter().find(|f| f.name == name).expect("a function of WASI");
        assert_eq!(function.params.len(), args.len(), "parameters of {name}");
        let mut mem = GuestMemory::new(&mut self.memory, self.abi);
        let errno = function.call(&mut self.ctx, &mut mem, args)?;
        Ok(Errno::ALL[errno as usize])
    }

    pub fn call(&mut self, name: &str, args: &[u64]) -> Result<(), Errno> {
        match self.call_raw(name, args).expect("no exit") {
            Errno::Success => Ok(()),
            errno => Err(errno),
        }
    }

    pub fn u8(&self, at: u32) -> u8 {
        self.memory[at as usize]
    }

    pub fn u16(&self, at: u32) -> u16 {
        u16::from_le_bytes(self.memory[at as usize..][..2].try_into().unwrap())
    }

    pub fn u32(&self, at: u32) -> u32 {
        u32::from_le_bytes(self.memory[at as usize..][..4].try_into().unwrap())
    }

    pub fn u64(&self, at: u32) -> u64 {
        u64::from_le_bytes(self.memory[at as usize..][..8].try_into().unwrap())
    }

    pub fn put(&mut self, at: u32, bytes: &[u8]) {
        self.memory[at as usize..][..bytes.len()].copy_from_slice(bytes);
    }

    pub fn bytes(&self, at: u32, len: u32) -> &[u8] {
        &self.memory[at as usize..][..len as usize]
    }

    fn path(&mut self, path: &str) -> [u64; 2] {
        self.put(PATH, path.as_bytes());
        [PATH.into(), path.len() as u64]
    }

    fn path2(&mut self, path: &str) -> [u64; 2] {
        self.put(PATH2, path.as_bytes());
        [PATH2.into(), path.len() as u64]
    }

    /// Calls `name` with a descriptor and a path.
    pub fn at(&mut self, name: &str, fd: u32, path: &str) -> Result<(), Errno> {
        let [ptr, len] = self.path(path);
        self.call(name, &[fd.into(), ptr, len])
    }

    pub fn open_full(
        &mut self,
        fd: u32,
        lookup: u32,
        path: &str,
        oflags: u32,
        rights: (u64, u64),
        fdflags: u32,
    ) -> Result<u32, Errno> {
        let [ptr, len] = self.path(path);
        let (base, inheriting) = rights;
        let args = [fd.into(), lookup.into(), ptr, len, oflags.into(), base, inheriting, fdflags.into(), OUT.into()];
        self.call("path_open", &args)?;
        Ok(self.u32(OUT))
    }

    /// Opens for reading and writing without following a link at the end.
    pub fn open(&mut self, path: &str, oflags: u32) -> Result<u32, Errno> {
        self.open_full(ROOT, 0, path, oflags, (ALL, ALL), 0)
    }

    /// Opens for reading, following links, as C's `open` does.
    pub fn open_read(&mut self, path: &str) -> Result<u32, Errno> {
        let read = (Rights::all() - Rights::FD_WRITE).bits();
        self.open_full(ROOT, FOLLOW, path, 0, (read, ALL), 0)
    }

    pub fn open_dir(&mut self, path: &str) -> Result<u32, Errno> {
        let rights = (Rights::all() - Rights::FD_WRITE).bits();
        self.open_full(ROOT, FOLLOW, path, DIRECTORY, (rights, ALL), 0)
    }

    pub fn close(&mut self, fd: u32) -> Result<(), Errno> {
        self.call("fd_close", &[fd.into()])
    }

    /// Puts buffers of these lengths at `DATA`, one after the other, and returns the list's place and length.
    pub fn iovs(&mut self, lens: &[usize]) -> [u64; 2] {
        let mut data = DATA;
        for (i, len) in lens.iter().enumerate() {
            self.put(IOVS + i as u32 * 8, &data.to_le_bytes());
            self.put(IOVS + i as u32 * 8 + 4, &(*len as u32).to_le_bytes());
            data += *len as u32;
        }
        [IOVS.into(), lens.len() as u64]
    }

    pub fn write(&mut self, fd: u32, bytes: &[u8]) -> Result<u32, Errno> {
        self.put(DATA, bytes);
        let [list, count] = self.iovs(&[bytes.len()]);
        self.call("fd_write", &[fd.into(), list, count, OUT.into()])?;
        Ok(self.u32(OUT))
    }

    pub fn read(&mut self, fd: u32, len: usize) -> Result<Vec<u8>, Errno> {
        let [list, count] = self.iovs(&[len]);
        self.call("fd_read", &[fd.into(), list, count, OUT.into()])?;
        Ok(self.bytes(DATA, self.u32(OUT)).to_vec())
    }

    pub fn pwrite(&mut self, fd: u32, bytes: &[u8], offset: u64) -> Result<u32, Errno> {
        self.put(DATA, bytes);
        let [list, count] = self.iovs(&[bytes.len()]);
        self.call("fd_pwrite", &[fd.into(), list, count, offset, OUT.into()])?;
        Ok(self.u32(OUT))
    }

    pub fn pread(&mut self, fd: u32, len: usize, offset: u64) -> Result<Vec<u8>, Errno> {
        let [list, count] = self.iovs(&[len]);
        self.call("fd_pread", &[fd.into(), list, count, offset, OUT.into()])?;
        Ok(self.bytes(DATA, self.u32(OUT)).to_vec())
    }

    /// The numbers of `whence` are those of preview 1.
    pub fn seek(&mut self, fd: u32, offset: i64, whence: u64) -> Result<u64, Errno> {
        self.call("fd_seek", &[fd.into(), offset as u64, whence, OUT.into()])?;
        Ok(self.u64(OUT))
    }

    /// Type, flags, base rights, inheriting rights.
    pub fn fdstat(&mut self, fd: u32) -> Result<(u8, u16, Rights, Rights), Errno> {
        self.call("fd_fdstat_get", &[fd.into(), OUT.into()])?;
        let rights = |at| Rights::from_bits(self.u64(at)).expect("only rights of WASI");
        Ok((self.u8(OUT), self.u16(OUT + 2), rights(OUT + 8), rights(OUT + 16)))
    }

    /// Leaves a preview 1 `filestat` at `OUT`.
    pub fn stat(&mut self, path: &str, lookup: u32) -> Result<(), Errno> {
        let [ptr, len] = self.path(path);
        self.call("path_filestat_get", &[ROOT.into(), lookup.into(), ptr, len, OUT.into()])
    }

    pub fn symlink(&mut self, target: &str, path: &str) -> Result<(), Errno> {
        let [old, old_len] = self.path(target);
        let [new, new_len] = self.path2(path);
        self.call("path_symlink", &[old, old_len, ROOT.into(), new, new_len])
    }

    pub fn rename(&mut self, old: &str, new: &str) -> Result<(), Errno> {
        let [old, old_len] = self.path(old);
        let [new, new_len] = self.path2(new);
        self.call("path_rename", &[ROOT.into(), old, old_len, ROOT.into(), new, new_len])
    }

    pub fn link(&mut self, from: (u32, &str), to: (u32, &str), lookup: u32) -> Result<(), Errno> {
        let [old, old_len] = self.path(from.1);
        let [new, new_len] = self.path2(to.1);
        let args = [from.0.into(), lookup.into(), old, old_len, to.0.into(), new, new_len];
        self.call("path_link", &args)
    }

    pub fn readlink(&mut self, path: &str, len: u32) -> Result<Vec<u8>, Errno> {
        let [ptr, path_len] = self.path(path);
        let args = [ROOT.into(), ptr, path_len, DATA.into(), len.into(), OUT.into()];
        self.call("path_readlink", &args)?;
        Ok(self.bytes(DATA, self.u32(OUT)).to_vec())
    }

    pub fn set_path_times(&mut self, path: &str, lookup: u32, atim: u64, mtim: u64, flags: u64) -> Result<(), Errno> {
        let [ptr, len] = self.path(path);
        let args = [ROOT.into(), lookup.into(), ptr, len, atim, mtim, flags];
        self.call("path_filestat_set_times", &args)
    }
}
