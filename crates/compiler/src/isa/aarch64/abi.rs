//! The internal calling convention on aarch64.
//!
//! | what | where |
//! |---|---|
//! | vmctx, base of memory 0 | `x28`, `x27`; preserved by calls inside a module |
//! | integer arguments and results | `x0`-`x7` |
//! | float and vector arguments and results | `v0`-`v7` |
//! | other arguments | on the stack, 8 bytes each, 16 for vectors, the first one lowest; **the callee pops them**, so tail calls may have more or fewer |
//! | other results | if one does not fit, a pointer to a buffer of the caller is the first integer argument; those that do not fit lie there |
//! | preserved by the callee | `x19`-`x26`, `x29` |
//! | stack pointer | always a multiple of 16 |
//!
//! **Calls that may leave the instance** (`call_ref`, imports) pass the callee's `VmFuncRef` in `x9` and go to its `native` entry with the
//! caller's vmctx still in `x28`. A guest function's entry loads `x28` and `x27` from the reference and goes on at its local entry; a host
//! function's stub finds its caller in `x28`. They do not preserve `x28` and `x27`: the caller loads both again. A module that has tail
//! calls out of the instance does so after its local calls too.
//!
//! **Builtins** follow the platform's convention (AAPCS64) with the vmctx as first argument, and give a value in `x0` and in `x1` whether the
//! guest is to be stopped (the reason is in the store). The platform preserves `x19`-`x29` and the lower halves of `v8`-`v15`.

use super::regs::*;
use crate::isa::convention::{Registers, VECTOR_ARGS};
use crate::isa::reg::{Reg, RegClass, RegSet};

/// Registers of integer arguments.
pub const INT_ARGS: [Reg; 8] = [x(0), x(1), x(2), x(3), x(4), x(5), x(6), x(7)];
/// Registers of integer results.
pub const INT_RESULTS: [Reg; 8] = INT_ARGS;
/// Registers that a function preserves for its caller, besides `x29` and `x30`.
pub const CALLEE_SAVED: RegSet = RegSet::of_class(RegClass::Int, 0xff << 19);
/// The callee's `VmFuncRef`, in calls that may leave the instance.
pub const CALLEE_REF: Reg = x(9);

/// Both, for [`Convention`](crate::isa::convention::Convention).
pub const REGISTERS: Registers = Registers { args: &INT_ARGS, vector_args: VECTOR_ARGS, results: &INT_RESULTS };
