//! The internal calling convention on x86-64.
//!
//! | what | where |
//! |---|---|
//! | vmctx, base of memory 0 | `r14`, `r15`; preserved by calls inside a module |
//! | integer arguments | `rdi rsi rdx rcx r8 r9` |
//! | float and vector arguments | `xmm0`-`xmm7` |
//! | other arguments | on the stack, 8 bytes each, 16 for vectors, the first one lowest; **the callee pops them** (`ret n`), so tail calls may have more or fewer |
//! | integer results | `rax rdx rcx rsi rdi r8` |
//! | float and vector results | `xmm0`-`xmm7` |
//! | other results | if one does not fit, a pointer to a buffer of the caller is the first integer argument; those that do not fit lie there |
//! | preserved by the callee | `rbx r12 r13 rbp` |
//! | stack pointer at a call | a multiple of 16 |
//!
//! **Calls that may leave the instance** (`call_ref`, imports) pass the callee's `VmFuncRef` in `rax` and jump to its `native` entry with the
//! caller's vmctx still in `r14`. A guest function's entry loads `r14` and `r15` from the reference and goes on at its local entry; a host
//! function's stub finds its caller in `r14`. They do not preserve `r14` and `r15`: the caller loads both again. A module that has tail
//! calls out of the instance does so after its local calls too.
//!
//! **Builtins** follow the System V convention with the vmctx as first argument, and give a value in `rax` and in `rdx` whether the guest is
//! to be stopped (the reason is in the store). System V preserves `rbx rbp r12-r15`.

use super::regs::*;
use crate::isa::convention::{Registers, VECTOR_ARGS};
use crate::isa::reg::{Reg, RegSet};

/// Registers of integer arguments.
pub const INT_ARGS: [Reg; 6] = [RDI, RSI, RDX, RCX, R8, R9];
/// Registers of integer results.
pub const INT_RESULTS: [Reg; 6] = [RAX, RDX, RCX, RSI, RDI, R8];
/// Registers that a function preserves for its caller, besides `rbp`.
pub const CALLEE_SAVED: RegSet = RegSet::EMPTY.with(RBX).with(R12).with(R13);
/// The callee's `VmFuncRef`, in calls that may leave the instance.
pub const CALLEE_REF: Reg = RAX;

/// Both, for [`Convention`](crate::isa::convention::Convention).
pub const REGISTERS: Registers = Registers { args: &INT_ARGS, vector_args: VECTOR_ARGS, results: &INT_RESULTS };
