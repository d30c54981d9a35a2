//! The x86-64 assembler against an independent disassembler (the crate iced-x86): every row of the instruction table in each of its forms, every
//! way to write an address, and random programs with labels.

mod addresses;
mod assembler;
mod common;
mod operands;
mod programs;
mod rows;
