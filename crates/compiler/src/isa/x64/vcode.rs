//! A function between lowering and emission: x86-64 instructions in the arrays of [`vcode`].

use super::inst;
use super::row::Cond;
use crate::isa::reg::Reg;
use crate::isa::vcode;
use crate::regalloc::PRegSet;

pub use crate::isa::vcode::{NO_TRAP, Table, preg, preg_set, reg};

/// A function.
pub type VCode = vcode::VCode<X64>;
/// An instruction.
pub type Inst = vcode::Inst<X64>;
/// What an instruction is.
pub type Kind = vcode::Kind<Test, Own>;

/// What x86-64 has of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct X64;

impl vcode::Dialect for X64 {
    type Inst = inst::Inst;
    type Test = Test;
    type Own = Own;
    const CALL_CLOBBERS: PRegSet = preg_set(super::regs::ALLOCATABLE.difference(super::abi::CALLEE_SAVED));

    fn name(reg: Reg) -> String {
        super::regs::name(reg, 64).to_string()
    }
}

/// Kinds of instructions that only x86-64 has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Own {
    /// Zeroes its def and destroys the flags.
    Zero,
    /// Chooses the vector in operand 2 if the condition holds, else the one in operand 1, which its def shares a register with.
    SelectVector(Test),
}

/// A condition on the flags, for comparisons of floats with a look at parity.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Test {
    /// The condition.
    pub cond: Cond,
    /// What parity adds to it.
    pub parity: Parity,
}

/// What parity (unordered, after a comparison of floats) adds to a condition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Parity {
    /// Nothing.
    Ignored,
    /// The condition holds and the operands are ordered.
    AndOrdered,
    /// The condition holds or the operands are unordered.
    OrUnordered,
}

impl Test {
    /// A condition alone.
    pub const fn of(cond: Cond) -> Test {
        Test { cond, parity: Parity::Ignored }
    }

    /// Holds when this one does not.
    #[must_use]
    pub const fn negate(self) -> Test {
        let parity = match self.parity {
            Parity::Ignored => Parity::Ignored,
            Parity::AndOrdered => Parity::OrUnordered,
            Parity::OrUnordered => Parity::AndOrdered,
        };
        Test { cond: self.cond.negate(), parity }
    }
}
