//! x86-64: instructions as data, and their encoder.
//!
//! Reading order: [`regs`], [`features`], [`row`] (what a row of the table says), [`insts`] (the table), [`mem`] (addresses), [`inst`]
//! (an instruction as the optimizing compiler holds it, and what the register allocator asks of it), [`encode`] (fields to bytes),
//! [`asm`] (labels, fixups, and direct emission for the baseline compiler and stubs), [`quick`] (what the baseline compiler emits most), [`vectors`] (what opcodes on vectors are), [`relax`] (jumps become short), [`print`] (Intel syntax).
//!
//! No AVX-512 and no 256-bit registers: WebAssembly's vectors have 128 bits.

pub mod abi;
pub mod asm;
pub mod backend;
pub mod emit;
pub mod encode;
pub mod features;
pub mod inst;
pub mod insts;
pub mod lower;
pub mod mem;
pub mod print;
pub mod quick;
pub mod regs;
pub mod relax;
pub mod row;
pub mod stubs;
pub mod vcode;
pub mod vectors;

pub use asm::{Assembler, FrameBases, Label, Reloc, Symbol};
pub use backend::{Backend, PADDING, patch_call, patch_direct};
pub use features::Features;
pub use inst::{Constraint, Inst, RegOperand};
pub use mem::{Mem, Scale};
pub use row::{Cond, Op, Role, Size, SizedOp};
