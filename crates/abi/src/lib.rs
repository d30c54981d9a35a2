//! in: what a module declares. out: the numbers that compiled code, the interpreter and the runtime must agree on.
//!
//! Reading order: [`vmctx`] (the layout of an instance as code sees it), [`trap`] (why a guest was stopped), [`heap`] (objects of the collected
//! heap), [`frames`] (where references are in frames of compiled code), [`artifact`] (the file format of compiled modules),
//! [`protection`] (how code defends its jumps and returns).
#![no_std]
#![forbid(unsafe_code)]

pub mod artifact;
pub mod frames;
pub mod heap;
pub mod protection;
pub mod trap;
pub mod vmctx;

pub use protection::BranchProtection;
pub use trap::Trap;
pub use vmctx::VmctxLayout;
