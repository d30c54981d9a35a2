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
use crate::ir::Type;
use crate::isa::reg::{Reg, RegClass, RegSet};

/// Registers of integer arguments.
pub const INT_ARGS: [Reg; 8] = [x(0), x(1), x(2), x(3), x(4), x(5), x(6), x(7)];
/// Registers of integer results.
pub const INT_RESULTS: [Reg; 8] = INT_ARGS;
/// So many vector registers hold arguments or results.
pub const VECTOR_ARGS: u8 = 8;
/// Registers that a function preserves for its caller, besides `x29` and `x30`.
pub const CALLEE_SAVED: RegSet = RegSet::of_class(RegClass::Int, 0xff << 19);
/// The callee's `VmFuncRef`, in calls that may leave the instance.
pub const CALLEE_REF: Reg = x(9);

/// Where an argument or result is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// In a register.
    Reg(Reg),
    /// At this offset from the first argument on the stack, or in the buffer of results, in bytes.
    Memory(u32),
}

/// Where a signature's arguments and results are.
#[derive(Clone, Debug, Default)]
pub struct Convention {
    /// One place for each parameter.
    pub params: Vec<Place>,
    /// One place for each result.
    pub results: Vec<Place>,
    /// Bytes of arguments on the stack, a multiple of 16, which the callee pops.
    pub stack_bytes: u32,
    /// Bytes of the buffer of results, a multiple of 16. If it is not 0, the buffer's address is in [`INT_ARGS`]`[0]`.
    pub buffer_bytes: u32,
}

impl Convention {
    /// Places for these parameters and results.
    pub fn new(params: &[Type], results: &[Type]) -> Convention {
        let mut convention = Convention::default();
        convention.set(params, results);
        convention
    }

    /// The same, in memory that is there already.
    pub fn set(&mut self, params: &[Type], results: &[Type]) {
        self.buffer_bytes = assign(&mut self.results, results, &INT_RESULTS);
        let int_args = if self.buffer_bytes == 0 { &INT_ARGS[..] } else { &INT_ARGS[1..] };
        self.stack_bytes = assign(&mut self.params, params, int_args);
    }
}

/// Assigns places in order; gives the bytes of memory, a multiple of 16.
fn assign(places: &mut Vec<Place>, types: &[Type], ints: &[Reg]) -> u32 {
    let (mut next_int, mut next_vector, mut bytes) = (ints.iter(), 0..VECTOR_ARGS, 0u32);
    places.clear();
    places.extend(types.iter().map(|ty| {
        let reg = if ty.is_int() { next_int.next().copied() } else { next_vector.next().map(v) };
        reg.map_or_else(
            || {
                let size = ty.bytes().max(8);
                let at = bytes.next_multiple_of(size);
                bytes = at + size;
                Place::Memory(at)
            },
            Place::Reg,
        )
    }));
    bytes.next_multiple_of(16)
}

/// The register file of values of this type.
pub const fn class_of(ty: Type) -> RegClass {
    if ty.is_int() { RegClass::Int } else { RegClass::Vector }
}
