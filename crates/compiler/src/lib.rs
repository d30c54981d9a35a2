//! in: validated functions. out: machine code and the tables that go with it. No I/O, no operating system, no `unsafe`.
//!
//! Reading order, the way a function travels: [`entity`] (typed indices, which everything is made of), [`ir`] (SSA form: the
//! opcodes, text form, verifier, interpreter), [`translate`] (WebAssembly to IR), [`opt`] (IR to better IR) as [`pipeline`]
//! lists it, [`regalloc`] (virtual registers to physical ones and spill slots), [`isa`] (instructions of each CPU: tables,
//! encoders, assemblers).
#![forbid(unsafe_code)]

pub mod baseline;
pub mod compile;
pub mod entity;
pub mod ir;
pub mod isa;
pub mod loop_state;
pub mod opt;
pub mod pipeline;
pub mod regalloc;
pub mod translate;
