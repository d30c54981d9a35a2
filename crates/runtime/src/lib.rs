//! in: WebAssembly modules and host functions. out: running instances.
//!
//! An [`Engine`] holds the configuration, a [`Module`] is checked code, a [`Store`] owns everything that runs, a [`Linker`]
//! supplies imports by name, an [`Instance`] is a module at work. Names and meanings follow the crate `wasmtime`.
//!
//! ```
//! use tiercel::{Engine, Linker, Module, Result, Store};
//!
//! fn main() -> Result<()> {
//!     let engine = Engine::default();
//!     let module = Module::new(&engine, r#"(module (import "host" "answer" (func $f (result i32))) (export "f" (func $f)))"#)?;
//!     let mut linker = Linker::new(&engine);
//!     linker.func_wrap("host", "answer", || 42)?;
//!     let mut store = Store::new(&engine, ());
//!     let instance = linker.instantiate(&mut store, &module)?;
//!     let answer = instance.get_typed_func::<(), i32>(&mut store, "f")?;
//!     assert_eq!(answer.call(&mut store, ())?, 42);
//!     Ok(())
//! }
//! ```
//!
//! Reading order: `api` (what users hold), `vm` (what running code sees), `gc` (the
//! collected heap), `interp` (the interpreter), `native` (compiled code), `sys` (the operating
//! system), `tuning` (numbers without effect on correctness), `sync` (locks with and without `std`), `threads` (work on many bodies at once).
#![no_std]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

#[cfg(not(feature = "interp"))]
compile_error!("no tier is switched on, so that nothing could run: add the feature `interp`");

mod api;
mod gc;
mod interp;
#[cfg(native)]
mod native;
mod sync;
mod sys;
#[cfg(feature = "std")]
mod threads;
mod tuning;
mod vm;

pub use api::*;
