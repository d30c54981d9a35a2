//! A function between lowering and emission: aarch64 instructions in the arrays of [`vcode`].

use super::inst;
use super::row::{Cond, Size};
use crate::isa::reg::Reg;
use crate::isa::vcode;
use crate::regalloc::PRegSet;

pub use crate::isa::vcode::{NO_TRAP, Table, preg, preg_set, reg};

/// A function.
pub type VCode = vcode::VCode<Aarch64>;
/// An instruction.
pub type Inst = vcode::Inst<Aarch64>;
/// What an instruction is.
pub type Kind = vcode::Kind<Test, Own>;

/// What aarch64 has of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Aarch64;

impl vcode::Dialect for Aarch64 {
    type Inst = inst::Inst;
    type Test = Test;
    type Own = Own;
    const CALL_CLOBBERS: PRegSet = preg_set(super::regs::ALLOCATABLE.difference(super::abi::CALLEE_SAVED));

    fn name(reg: Reg) -> String {
        super::regs::name(reg, 64)
    }
}

/// Kinds of instructions that only aarch64 has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Own {
    /// Moves the stack pointer down by so many bytes, for the arguments of the call that follows: the real one, and with it what emission
    /// knows. The call moves both back.
    MoveSp(u32),
}

/// What a branch depends on: the flags, or the register in its operand.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Test {
    /// A condition on the flags. Every comparison of floats has one of its own.
    Flags(Cond),
    /// Whether a register of this size is 0 (`true`) or not.
    Zero(Size, bool),
    /// Whether the bit with this number is 1 (`true`) or 0.
    Bit(u8, bool),
}

impl Test {
    /// Holds when this one does not.
    #[must_use]
    pub const fn negate(self) -> Test {
        match self {
            Test::Flags(cond) => Test::Flags(cond.negate()),
            Test::Zero(size, zero) => Test::Zero(size, !zero),
            Test::Bit(bit, set) => Test::Bit(bit, !set),
        }
    }
}
