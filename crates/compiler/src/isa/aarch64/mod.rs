//! aarch64: instructions as data, their encoder, and frames addressed from the stack pointer.
//!
//! Reading order: [`regs`], [`features`], [`row`] (what a row of the table says), [`insts`] (the table), [`imm`] (constants that fit), [`mem`]
//! (addresses), [`inst`] (an instruction as the optimizing compiler holds it, and what the register allocator asks of it), [`encode`] (an
//! instruction to its word), [`frame`] (the stack pointer while code is emitted), [`asm`] (labels, islands, direct emission), [`quick`] (what the
//! baseline compiler emits most), [`vectors`] (what opcodes on vectors are), [`print`];
//! then [`abi`], [`vcode`], [`lower`] (IR to instructions), [`emit`] (places to bytes), [`stubs`].
//!
//! No scalable vectors, no half-precision floats: WebAssembly has neither.

pub mod abi;
pub mod asm;
pub mod backend;
pub mod emit;
pub mod encode;
pub mod features;
pub mod frame;
pub mod imm;
pub mod inst;
pub mod insts;
pub mod lower;
pub mod mem;
pub mod print;
pub mod quick;
pub mod regs;
pub mod row;
pub mod stubs;
pub mod vcode;
pub mod vectors;

pub use asm::{Assembler, ConstId, Label, Ranges, Reloc, Symbol};
pub use backend::{Backend, PADDING, Variant, patch_call, patch_cell};
pub use features::Features;
pub use frame::{CallPolicy, EmitState, FrameLayout};
pub use inst::{Constraint, Inst, RegOperand};
pub use mem::{AddressKind, Mem};
pub use row::{Cond, Extend, Op, Role, Shift, Size, SizedOp};
