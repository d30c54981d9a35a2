//! The aarch64 assembler against an independent disassembler (the crate yaxpeax-arm): every row of the instruction table in each of its sizes,
//! frames addressed from the stack pointer, islands, and random programs with labels.

mod common;
mod frames;
mod islands;
mod rows;
