//! in: instructions with virtual or physical registers. out: bytes.
//!
//! [`reg`] (registers of every ISA, virtual and physical), [`buffer`] (where bytes go), [`x64`], [`aarch64`].

pub mod aarch64;
pub mod buffer;
pub mod reg;
pub mod x64;
