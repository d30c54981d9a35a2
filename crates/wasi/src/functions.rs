//! The list of WASI's functions: name, parameters and result of each, once.
//!
//! A row is the signature of the method of `WasiCtx` without the context and the memory. Made from it are the
//! registration with a `Linker` and [`FUNCTIONS`].

use crate::exit::Stop;
use crate::{Errno, GuestMemory, I32Exit, WasiCtx};

/// The result of most functions: an error number, zero for success.
pub(crate) type Status = Result<(), Errno>;
/// The result of a function that can also end the guest.
pub(crate) type StatusOrExit = Result<(), Stop>;

/// Calls the macro `$apply` with all rows.
macro_rules! for_each_function {
    ($apply:ident) => {
        $apply! {
            fn args_get(argv: u32, argv_buf: u32) -> Status;
            fn args_sizes_get(count: u32, buf_len: u32) -> Status;
            fn environ_get(environ: u32, environ_buf: u32) -> Status;
            fn environ_sizes_get(count: u32, buf_len: u32) -> Status;
            fn clock_res_get(id: u32, resolution: u32) -> Status;
            fn clock_time_get(id: u32, precision: u64, time: u32) -> Status;
            fn fd_advise(fd: u32, offset: u64, len: u64, advice: u32) -> Status;
            fn fd_allocate(fd: u32, offset: u64, len: u64) -> Status;
            fn fd_close(fd: u32) -> Status;
            fn fd_datasync(fd: u32) -> Status;
            fn fd_fdstat_get(fd: u32, stat: u32) -> Status;
            fn fd_fdstat_set_flags(fd: u32, flags: u32) -> Status;
            fn fd_fdstat_set_rights(fd: u32, base: u64, inheriting: u64) -> Status;
            fn fd_filestat_get(fd: u32, stat: u32) -> Status;
            fn fd_filestat_set_size(fd: u32, size: u64) -> Status;
            fn fd_filestat_set_times(fd: u32, atim: u64, mtim: u64, flags: u32) -> Status;
            fn fd_pread(fd: u32, iovs: u32, iovs_len: u32, offset: u64, nread: u32) -> Status;
            fn fd_prestat_get(fd: u32, prestat: u32) -> Status;
            fn fd_prestat_dir_name(fd: u32, path: u32, path_len: u32) -> Status;
            fn fd_pwrite(fd: u32, iovs: u32, iovs_len: u32, offset: u64, nwritten: u32) -> Status;
            fn fd_read(fd: u32, iovs: u32, iovs_len: u32, nread: u32) -> Status;
            fn fd_readdir(fd: u32, buf: u32, buf_len: u32, cookie: u64, used: u32) -> Status;
            fn fd_renumber(fd: u32, to: u32) -> Status;
            fn fd_seek(fd: u32, offset: i64, whence: u32, position: u32) -> Status;
            fn fd_sync(fd: u32) -> Status;
            fn fd_tell(fd: u32, position: u32) -> Status;
            fn fd_write(fd: u32, iovs: u32, iovs_len: u32, nwritten: u32) -> Status;
            fn path_create_directory(fd: u32, path: u32, path_len: u32) -> Status;
            fn path_filestat_get(fd: u32, flags: u32, path: u32, path_len: u32, stat: u32) -> Status;
            fn path_filestat_set_times(fd: u32, flags: u32, path: u32, path_len: u32,
                atim: u64, mtim: u64, fst_flags: u32) -> Status;
            fn path_link(old_fd: u32, old_flags: u32, old_path: u32, old_path_len: u32,
                new_fd: u32, new_path: u32, new_path_len: u32) -> Status;
            fn path_open(fd: u32, dirflags: u32, path: u32, path_len: u32, oflags: u32,
                rights_base: u64, rights_inheriting: u64, fdflags: u32, opened: u32) -> Status;
            fn path_readlink(fd: u32, path: u32, path_len: u32,
                buf: u32, buf_len: u32, used: u32) -> Status;
            fn path_remove_directory(fd: u32, path: u32, path_len: u32) -> Status;
            fn path_rename(fd: u32, old_path: u32, old_path_len: u32,
                new_fd: u32, new_path: u32, new_path_len: u32) -> Status;
            fn path_symlink(old_path: u32, old_path_len: u32,
                fd: u32, new_path: u32, new_path_len: u32) -> Status;
            fn path_unlink_file(fd: u32, path: u32, path_len: u32) -> Status;
            fn poll_oneoff(subscriptions: u32, events: u32, count: u32, happened: u32) -> Status;
            fn proc_exit(status: u32) -> I32Exit;
            fn proc_raise(signal: u32) -> StatusOrExit;
            fn sched_yield() -> Status;
            fn random_get(buf: u32, len: u32) -> Status;
            fn sock_accept(fd: u32, flags: u32, accepted: u32) -> Status;
            fn sock_recv(fd: u32, data: u32, data_len: u32, flags: u32,
                received: u32, out_flags: u32) -> Status;
            fn sock_send(fd: u32, data: u32, data_len: u32, flags: u32, sent: u32) -> Status;
            fn sock_shutdown(fd: u32, how: u32) -> Status;
        }
    };
}

pub(crate) use for_each_function;

/// The types of parameters and results.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WasmType {
    /// `i32`
    I32,
    /// `i64`
    I64,
}

/// A type of a row as WebAssembly passes it.
pub(crate) trait Param {
    type Wasm;
    const TYPE: WasmType;
    fn from_wasm(value: Self::Wasm) -> Self;
    /// From the low bits of a raw value.
    fn from_raw(value: u64) -> Self;
}

macro_rules! params {
    ($($rust:ty, $wasm:ty, $ty:ident;)*) => {
        $(impl Param for $rust {
            type Wasm = $wasm;
            const TYPE: WasmType = WasmType::$ty;
            fn from_wasm(value: $wasm) -> Self {
                value as $rust
            }
            fn from_raw(value: u64) -> Self {
                Self::from_wasm(value as $wasm)
            }
        })*
    };
}
params! {
    u32, i32, I32;
    u64, i64, I64;
    i64, i64, I64;
}

/// The result of a row as WebAssembly gets it.
pub(crate) trait Outcome {
    type Wasm;
    const TYPES: &'static [WasmType];
    fn into_wasm(self) -> Result<Self::Wasm, I32Exit>;
    /// The result as a raw value, zero where there is none.
    fn into_raw(self) -> Result<u64, I32Exit>;
}

impl Outcome for Status {
    type Wasm = i32;
    const TYPES: &'static [WasmType] = &[WasmType::I32];
    fn into_wasm(self) -> Result<i32, I32Exit> {
        Ok(self.err().unwrap_or(Errno::Success) as i32)
    }
    fn into_raw(self) -> Result<u64, I32Exit> {
        self.into_wasm().map(|errno| errno as u64)
    }
}

impl Outcome for StatusOrExit {
    type Wasm = i32;
    const TYPES: &'static [WasmType] = Status::TYPES;
    fn into_wasm(self) -> Result<i32, I32Exit> {
        match self {
            Ok(()) => Ok(Errno::Success as i32),
            Err(Stop::Errno(errno)) => Ok(errno as i32),
            Err(Stop::Exit(exit)) => Err(exit),
        }
    }
    fn into_raw(self) -> Result<u64, I32Exit> {
        self.into_wasm().map(|errno| errno as u64)
    }
}

impl Outcome for I32Exit {
    type Wasm = ();
    const TYPES: &'static [WasmType] = &[];
    fn into_wasm(self) -> Result<(), I32Exit> {
        Err(self)
    }
    fn into_raw(self) -> Result<u64, I32Exit> {
        Err(self)
    }
}

/// One function of WASI, to be called without knowing its signature: by tools, tests and other engines.
#[derive(Clone, Copy, Debug)]
pub struct Function {
    /// Its name in the specification.
    pub name: &'static str,
    /// The types of its parameters.
    pub params: &'static [WasmType],
    /// The types of its results: an error number, or nothing.
    pub results: &'static [WasmType],
    call: fn(&mut WasiCtx, &mut GuestMemory<'_>, &[u64]) -> Result<u64, I32Exit>,
}

impl Function {
    /// Calls the function. `args` are its parameters, `i32` ones in the low half; missing ones are zero. The result
    /// is the error number, or the guest's wish to end.
    pub fn call(&self, ctx: &mut WasiCtx, mem: &mut GuestMemory<'_>, args: &[u64]) -> Result<u64, I32Exit> {
        (self.call)(ctx, mem, args)
    }
}

macro_rules! list {
    ($(fn $name:ident($($param:ident: $ty:ty),*) -> $result:ty;)*) => {
        /// All functions of WASI 0.1. `wasi_unstable` has the same but `sock_accept`, which came later.
        pub const FUNCTIONS: &[Function] = &[
            $(Function {
                name: stringify!($name),
                params: &[$(<$ty as Param>::TYPE),*],
                results: <$result as Outcome>::TYPES,
                call: |ctx, mem, args| {
                    let mut raw = args.iter().copied().chain(std::iter::repeat(0));
                    let mut next = move || raw.next().unwrap_or(0);
                    let _ = &mut next;
                    $(let $param = <$ty as Param>::from_raw(next());)*
                    ctx.$name(mem $(, $param)*).into_raw()
                },
            },)*
        ];
    };
}
for_each_function!(list);
