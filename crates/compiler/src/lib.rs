//! in: validated functions. out: machine code and the tables that go with it. No I/O, no operating system, no `unsafe`.
//!
//! Reading order, the way a function travels: [`entity`] (typed indices, which everything is made of),
//! [`regalloc`] (virtual registers to physical ones and spill slots).
#![forbid(unsafe_code)]

pub mod entity;
pub mod regalloc;
