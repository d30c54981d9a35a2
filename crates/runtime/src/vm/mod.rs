//! The objects behind the API, as running code sees them.
//!
//! Reading order: [`vmctx`] (layouts), `memory`, `table`, `instance` (owner of a vmctx), `libcalls` (what code asks the runtime to do).

pub mod vmctx;

pub use vmctx::{FuncCell, HostCall, VmCtx, VmFuncRef, VmGlobal, VmMemory, VmStore, VmTable};
