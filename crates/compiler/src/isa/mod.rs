//! in: instructions with virtual or physical registers. out: bytes.
//!
//! [`target`] (what code is for), [`backend`] (what an instruction set does for the pipeline), [`reg`] (registers of every ISA, virtual and physical), [`buffer`] (where bytes go), [`convention`] (places of arguments and results), [`flow`] (what emission makes of blocks and edges: [`order`], [`saves`]), [`stubs`] (between code and host), [`aarch64`], [`x64`].

pub mod aarch64;
pub mod backend;
pub mod buffer;
pub mod convention;
mod features;
pub mod flow;
pub mod order;
pub mod reg;
pub mod saves;
pub mod stack_maps;
pub mod stubs;
pub mod target;
pub mod vcode;
pub mod x64;

pub use target::Target;
