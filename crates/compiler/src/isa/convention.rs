//! Where arguments and results are, by their types: the rules that all instruction sets share. `abi.rs` of each has its registers.

use super::reg::{Reg, RegClass};
use crate::ir::Type;

/// Registers that hold arguments and results; those of floats and vectors are numbers from 0 on, and up to [`VECTOR_ARGS`] for results.
#[derive(Clone, Copy, Debug)]
pub struct Registers {
    /// Integer arguments, in order.
    pub args: &'static [Reg],
    /// How many float and vector arguments have registers.
    pub vector_args: u8,
    /// Integer results, in order.
    pub results: &'static [Reg],
}

/// So many vector registers hold arguments or results.
pub const VECTOR_ARGS: u8 = 8;

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
    /// Bytes of the buffer of results, a multiple of 16. If it is not 0, the buffer's address is in the first register of integer arguments.
    pub buffer_bytes: u32,
}

impl Convention {
    /// Places for these parameters and results.
    pub fn new(registers: Registers, params: &[Type], results: &[Type]) -> Convention {
        let mut convention = Convention::default();
        convention.set(registers, params, results);
        convention
    }

    /// The same, in memory that is there already.
    pub fn set(&mut self, registers: Registers, params: &[Type], results: &[Type]) {
        self.buffer_bytes = assign(&mut self.results, results, registers.results, VECTOR_ARGS);
        let int_args = if self.buffer_bytes == 0 { registers.args } else { &registers.args[1..] };
        self.stack_bytes = assign(&mut self.params, params, int_args, registers.vector_args);
    }
}

/// Assigns places in order; gives the bytes of memory, a multiple of 16.
fn assign(places: &mut Vec<Place>, types: &[Type], ints: &[Reg], vectors: u8) -> u32 {
    let (mut next_int, mut next_vector, mut bytes) = (ints.iter(), 0..vectors, 0u32);
    places.clear();
    places.extend(types.iter().map(|ty| {
        let reg = if ty.is_int() {
            next_int.next().copied()
        } else {
            next_vector.next().map(|number| Reg::physical(RegClass::Vector, number))
        };
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
