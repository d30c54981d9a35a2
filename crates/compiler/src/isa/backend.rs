//! What an instruction set does for the pipeline, and what it is told. One function at a time: [`Backend::lower`], registers from the allocator,
//! [`Backend::emit`].

use super::buffer::Label;
use super::convention::Registers;
use crate::compile::{Calls, Code};
use crate::ir::{Function, Opcode, Type};
use crate::regalloc::{self, Machine, Output};
use std::fmt;
use tiercel_abi::{BranchProtection, VmctxLayout};
use tiercel_wasm::ModuleInfo;

/// What lowering needs to know besides the function.
#[derive(Clone, Copy)]
pub struct Lowering<'a> {
    /// The module's declarations.
    pub info: &'a ModuleInfo,
    /// Its vmctx.
    pub layout: &'a VmctxLayout,
    /// Whether calls inside the module may come back with the pinned registers of another instance.
    pub foreign_tail_calls: bool,
    /// Whether indices of tables are kept from being used wrongly by a processor that guesses.
    pub spectre: bool,
    /// Whether the code tests that the upper halves of registers with an `i32` are zero.
    pub check_widths: bool,
    /// [`Options::signals`](crate::compile::Options::signals).
    pub signals: bool,
    /// Where the function has its own parameters and results: [`Backend::REGISTERS`], but in pieces of code that stand in line.
    pub registers: Registers,
}

/// What emission needs to know besides the code.
#[derive(Clone, Copy)]
pub struct Emission {
    /// Whether a reference to the function can be taken.
    pub escapes: bool,
    /// How functions of the module are called.
    pub calls: Calls,
    /// [`Options::signals`](crate::compile::Options::signals).
    pub signals: bool,
    /// [`Options::branch_protection`](crate::compile::Options::branch_protection).
    pub branch_protection: BranchProtection,
    /// Where the function is in the module, for a trap before its first instruction.
    pub loc: u32,
}

/// The cold end of a function: a jump to a label leads here.
pub struct TrapExit {
    /// What jumps there.
    pub label: Label,
    /// As in [`TrapSite`](crate::compile::TrapSite).
    pub code: u8,
    /// As in [`TrapSite`](crate::compile::TrapSite).
    pub loc: u32,
}

/// What emission of a piece of code in line needs to know besides it: no frame is made, spill slots start at the stack pointer, and a return goes on
/// behind the piece.
#[derive(Clone, Copy)]
pub struct Inline {
    /// [`Options::signals`](crate::compile::Options::signals).
    pub signals: bool,
    /// From the stack pointer up to the first argument on the stack.
    pub in_args: u32,
}

/// Bytes that the spill slots of a piece of code in line have, from the stack pointer on.
pub fn inline_slots(out: &Output) -> u32 {
    (out.slots8 * 8).next_multiple_of(16) + out.slots16 * 16
}

/// An instruction set, and the function in work.
pub trait Backend {
    /// Instructions over virtual registers.
    type VCode: regalloc::VCode + fmt::Display;
    /// Registers of arguments and results.
    const REGISTERS: Registers;

    /// The registers that the allocator may use.
    fn machine() -> Machine;

    /// Forgets the last function; makes instructions of this one.
    ///
    /// # Errors
    /// The function has this instruction, which cannot be lowered yet.
    fn lower(&mut self, cx: Lowering<'_>, func: &Function, params: &[Type]) -> Result<(), Opcode>;

    /// What was made.
    fn vcode(&self) -> &Self::VCode;

    /// Makes code of it, with the places that the allocator found.
    fn emit(&mut self, cx: Emission, out: &Output, code: &mut Code);
}
