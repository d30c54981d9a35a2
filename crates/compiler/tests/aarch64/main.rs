//! The aarch64 assembler against an independent disassembler (the crate yaxpeax-arm): every row of the instruction table in each of its sizes,
//! frames addressed from the stack pointer, islands, random programs with labels. And compiled functions, run by `qemu-aarch64` where it is.

mod baseline;
mod calls;
mod common;
mod compile;
mod frames;
mod islands;
mod lowering;
mod numeric;
mod objects;
mod programs;
mod protection;
mod qemu;
mod rows;
mod stubs;
