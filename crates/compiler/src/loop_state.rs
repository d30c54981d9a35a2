//! On-stack replacement: how a frame of the baseline compiler looks at a loop's head, so that code of the optimizing compiler can go on from there.
//!
//! That code is a function of its own, which starts at the loop: a *continuation*. It takes what the frame holds as arguments, all of them on the stack,
//! and gives the results of the function. So it is called as a tail call is: whoever replaces the frame puts the arguments in place of the function's
//! own, and the return address below.

use crate::ir::Type;
use crate::isa::convention::{Convention, Place as ArgPlace, Registers};

/// A frame of the baseline compiler at the head of a loop.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LoopState {
    /// The index of the body.
    pub body: u32,
    /// Where the loop's operator is in the module, in bytes.
    pub at: u32,
    /// The locals that have a value, ascending.
    pub locals: Vec<(u32, FrameValue)>,
    /// The operands, the lowest one first.
    pub operands: Vec<FrameValue>,
    /// The operands below each construct around the loop, the function's first; then those below the loop's parameters.
    pub heights: Vec<u32>,
    /// Types of the function's results.
    pub results: Vec<Type>,
    /// Where the caller's registers are, each by its place among those that the stub of counters gives.
    pub saved: Vec<(usize, i32)>,
    /// Where the address of the buffer of results is, if there is one.
    pub buffer: Option<i32>,
    /// Bytes of the function's arguments on the stack.
    pub stack_bytes: u32,
}

/// A value in a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct FrameValue {
    /// Its type.
    pub ty: Type,
    /// Where it is.
    pub place: FramePlace,
}

/// Where a value is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FramePlace {
    /// It is a constant, of at most 64 bits.
    Const(u64),
    /// In the frame, at this distance from the frame pointer.
    Home(i32),
}

/// What a continuation is called with.
#[derive(Clone, Debug, PartialEq)]
pub struct Arguments {
    /// Type, distance from the old frame's pointer, and offset from the first argument, in bytes.
    pub values: Vec<(Type, i32, u32)>,
    /// Bytes of all of them, which the continuation pops.
    pub stack_bytes: u32,
}

impl LoopState {
    /// All values: locals, then operands.
    pub fn values(&self) -> impl Iterator<Item = &FrameValue> + '_ {
        self.locals.iter().map(|(_, value)| value).chain(&self.operands)
    }

    /// The continuation's parameters: the values that are no constants.
    pub fn params(&self) -> impl Iterator<Item = (Type, i32)> + '_ {
        self.values().filter_map(|value| match value.place {
            FramePlace::Home(home) => Some((value.ty, home)),
            FramePlace::Const(_) => None,
        })
    }

    /// Where the continuation finds its parameters and leaves its results.
    pub fn registers(&self, registers: Registers) -> Registers {
        let buffer = usize::from(self.buffer.is_some());
        Registers { args: &registers.args[..buffer], vector_args: 0, ..registers }
    }

    /// What the continuation is called with.
    pub fn arguments(&self, registers: Registers) -> Arguments {
        let types: Vec<Type> = self.params().map(|(ty, _)| ty).collect();
        let convention = Convention::new(self.registers(registers), &types, &self.results);
        let offset = |place: &ArgPlace| match *place {
            ArgPlace::Memory(offset) => offset,
            ArgPlace::Reg(_) => unreachable!("no register is for arguments"),
        };
        let values = self.params().zip(&convention.params).map(|((ty, home), place)| (ty, home, offset(place)));
        Arguments { values: values.collect(), stack_bytes: convention.stack_bytes }
    }
}
