//! The objects behind the API, as running code sees them.
//!
//! Reading order: [`vmctx`] (layouts), [`memory`], [`table`], [`template`] (what they hold at first: [`images`], [`first_tables`]), [`instance`] (owner of a
//! vmctx), [`blocks`] (where vmctxs lie), [`const_expr`], [`segments`], [`libcalls`] and [`objects`] (what code asks the runtime to do), [`host_func`] (functions of the host), [`stack_limit`] (how far the host's stack may grow).
//!
//! All of them belong to a store and are reached by address, from code and from handles alike, so their methods take no
//! longer borrows than one call.

pub mod blocks;
pub mod const_expr;
pub mod first_tables;
pub mod host_func;
pub mod images;
pub mod instance;
pub mod libcalls;
pub mod memory;
pub mod objects;
pub mod segments;
pub mod stack_limit;
pub mod table;
pub mod template;
pub mod vmctx;

pub use blocks::{Block, Blocks};
pub use instance::Instance;
pub use memory::Memory;
pub use table::Table;
pub use template::Template;
pub use vmctx::{
    Activation, CodePoint, Entries, FuncCell, HostCall, VmCtx, VmFuncRef, VmGlobal, VmMemory, VmStore, VmTable,
};
