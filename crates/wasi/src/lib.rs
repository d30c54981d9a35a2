//! WASI 0.1 for Tiercel. In: the guest's calls and its memory. Out: effects on the host, as far as the embedder
//! allows, and error numbers.
//!
//! All functions of `wasi_snapshot_preview1` are here, and under the name `wasi_unstable` with the older layouts. They
//! are methods of [`WasiCtx`]; [`FUNCTIONS`] lists them. A guest sees only what its [`WasiCtxBuilder`] was given.
//!
//! ```
//! use tiercel::{Engine, Linker, Module, Result, Store};
//! use tiercel_wasi::{I32Exit, MemoryOutputPipe, WasiCtx, add_to_linker};
//!
//! fn main() -> Result<()> {
//!     let engine = Engine::default();
//!     let mut linker = Linker::new(&engine);
//!     add_to_linker(&mut linker, |ctx: &mut WasiCtx| ctx)?;
//!     let module = Module::new(
//!         &engine,
//!         r#"(module (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
//!             (memory (export "memory") 1)
//!             (func (export "_start") (call $exit (i32.const 3))))"#,
//!     )?;
//!     let output = MemoryOutputPipe::new(1 << 20);
//!     let ctx = WasiCtx::builder().arg("program").stdout(output.clone()).build();
//!     let mut store = Store::new(&engine, ctx);
//!     let instance = linker.instantiate(&mut store, &module)?;
//!     let start = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
//!     let error = start.call(&mut store, ()).unwrap_err();
//!     assert_eq!(error.downcast_ref::<I32Exit>(), Some(&I32Exit(3)));
//!     assert_eq!(output.contents(), b"");
//!     Ok(())
//! }
//! ```
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
pub use linker::{add_to_linker, add_wanted_to_linker};
pub use memory::GuestMemory;
pub use rights::{DirPerms, FilePerms, Rights};
pub use stdio::MemoryOutputPipe;
