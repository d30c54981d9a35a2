//! The objects behind the API, as running code sees them.
//!
//! Reading order: [`vmctx`] (layouts), [`memory`] and [`images`] (what they hold at first), [`table`], [`instance`] (owner of a vmctx), [`libcalls`] and [`objects`] (what code asks the
//! runtime to do), [`host_func`] (functions of the host), [`stack_limit`] (how far the host's stack may grow).
//!
//! All of them belong to a store and are reached by address, from code and from handles alike, so their methods take no
//! longer borrows than one call.

pub mod host_func;
pub mod images;
pub mod instance;
pub mod libcalls;
pub mod memory;
pub mod objects;
pub mod stack_limit;
pub mod table;
pub mod vmctx;

pub use images::Images;
pub use instance::Instance;
pub use memory::Memory;
pub use table::Table;
pub use vmctx::{
    Activation, CodePoint, Entries, FuncCell, HostCall, VmCtx, VmFuncRef, VmGlobal, VmMemory, VmStore, VmTable,
};
