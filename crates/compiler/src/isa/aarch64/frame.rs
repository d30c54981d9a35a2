//! Frames addressed from the stack pointer, which moves while code that refers to them is emitted.
//!
//! Spill slots and what lowering keeps in the frame are addressed from the **nominal stack pointer**: where the stack pointer is once the frame's
//! slots are allocated, and nothing below them. [`Mem::nominal_sp`](super::Mem::nominal_sp) is such an address before, during and after
//! register allocation. The real stack pointer is lower, by the registers that a prologue pushes below the slots, by the area of outgoing
//! arguments, by the arguments that a call has pushed so far. By how much is the **virtual offset**, which [`EmitState`] keeps and hands
//! from instruction to instruction. The pseudo-instruction `VIRTUAL_SP_ADJ` changes it and emits nothing; it belongs right behind the
//! instruction that moves the stack pointer, with no move of the allocator between them.
//!
//! # Rules
//! - The state follows the order of emission, not control flow: whatever a block does to it, it undoes before its end ([`EmitState::check_block`]).
//!   Code that leaves the frame works on a copy of the state.
//! - A call whose callee pops its arguments changes the stack pointer and the state at once ([`EmitState::popped`]).
//! - An offset of `s` bytes' access from the stack pointer is one instruction from -256 to 255, and up to 4095 times `s` where it is a multiple of
//!   `s`; below 16 MiB there is one more that adds the upper bits, beyond that there are those that make a constant. See
//!   [`Assembler::emit`](super::Assembler::emit).

use super::mem::{AddressKind, Mem};
use super::regs::SP;

/// Where the areas of a frame are, in bytes. Everything by which the stack pointer moves is a multiple of 16.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FrameLayout {
    /// From the nominal stack pointer up to what lowering itself put into the frame.
    pub locals: i32,
    /// From the nominal stack pointer up to the first argument on the stack.
    pub in_args: i32,
    /// How far the stack pointer is below the nominal one at the start and end of each block.
    pub base: i32,
}

/// How a function makes room for the arguments of its calls.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CallPolicy {
    /// The area of the largest call is part of the frame: the stack pointer does not move between prologue and epilogue.
    #[default]
    Reserved,
    /// Each call moves the stack pointer down for its own arguments.
    Pushed,
}

/// What emission knows at one instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EmitState<'a> {
    layout: &'a FrameLayout,
    virtual_sp: i32,
}

impl<'a> EmitState<'a> {
    /// The state where the stack pointer is the nominal one: in a prologue, once the slots are allocated.
    pub fn new(layout: &'a FrameLayout) -> EmitState<'a> {
        EmitState { layout, virtual_sp: 0 }
    }

    /// The state at the start of a block.
    pub fn at_block(layout: &'a FrameLayout) -> EmitState<'a> {
        EmitState { layout, virtual_sp: layout.base }
    }

    /// How far the stack pointer is below the nominal one, in bytes.
    pub fn virtual_sp(&self) -> i32 {
        self.virtual_sp
    }

    /// The stack pointer has moved down by so many bytes, or up if they are negative.
    pub fn adjust(&mut self, bytes: i32) {
        debug_assert!(bytes % 16 == 0, "the stack pointer is a multiple of 16");
        self.virtual_sp += bytes;
    }

    /// A callee has popped so many bytes of arguments, which were pushed for it.
    pub fn popped(&mut self, bytes: i32) {
        self.adjust(-bytes);
    }

    /// Checks that adjustments were undone: at the start and end of each block, at each label and branch.
    ///
    /// # Panics
    /// They were not. Later accesses would go to wrong places.
    pub fn check_block(&self) {
        assert_eq!(self.virtual_sp, self.layout.base, "adjustments of the stack pointer add up to zero in a block");
    }

    /// The same place as an offset from the stack pointer, if it is in the frame; any other address as it is.
    #[must_use]
    pub fn resolve(&self, mem: Mem) -> Mem {
        let from_nominal = |area: i32| self.virtual_sp.checked_add(area);
        let area = match mem.kind() {
            AddressKind::NominalSp => from_nominal(0),
            AddressKind::Local => from_nominal(self.layout.locals),
            AddressKind::InArg => from_nominal(self.layout.in_args),
            AddressKind::OutArg => Some(0),
            _ => return mem,
        };
        let offset = area.and_then(|area| area.checked_add(mem.disp)).expect("frames are far smaller than 2 GiB");
        Mem::base(SP, offset)
    }
}
