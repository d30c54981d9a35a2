//! WASI 0.1 for Tiercel. In: the guest's calls and its memory. Out: effects on the host, as far as the embedder
//! allows, and error numbers.
//!
//! All functions of `wasi_snapshot_preview1` are here, and under the name `wasi_unstable` with the older layouts. They
//! are methods of [`WasiCtx`]; [`FUNCTIONS`] lists them. A guest sees only what its [`WasiCtxBuilder`] was given.
//!
//! Modules in reading order: `functions` (the list), `ctx` (state and set-up), `memory` (what the guest points to),
//! `abi` (numbers and layouts), `errno`, `exit`, `rights`, `limits`; then the functions by subject: `process`, `clock`,
//! `random`, `descriptor` (the table), `stdio`, `io`, `fd`, `readdir`, `path`, `sock`, `poll`; `sys` is the host and
//! `linker` the engine.

#![forbid(unsafe_code)]

mod abi;
mod clock;
mod ctx;
mod descriptor;
mod errno;
mod exit;
mod fd;
mod functions;
mod io;
pub mod limits;
mod linker;
mod memory;
mod path;
mod poll;
mod process;
mod random;
mod readdir;
mod rights;
mod sock;
mod stdio;
mod sys;

pub use abi::{Abi, Fdflags, Filetype, Fstflags, Lookupflags, Oflags, Riflags, Sdflags};
pub use clock::Clock;
pub use ctx::{WasiCtx, WasiCtxBuilder};
pub use errno::Errno;
pub use exit::{I32Exit, Stop};
pub use functions::{FUNCTIONS, Function, WasmType};
pub use linker::add_to_linker;
pub use memory::GuestMemory;
pub use rights::{DirPerms, FilePerms, Rights};
pub use stdio::MemoryOutputPipe;
