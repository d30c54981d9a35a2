//! in: a validated function. out: its machine code and tables ([`Code`]). The stages in order, for one function at a time.
//!
//! Whoever links functions to an image places [`Code::bytes`] at multiples of [`ALIGN`], one behind another, and fills in [`Code::calls`].
//! Nothing else in the bytes depends on the place.

use crate::isa::x64::Features;
use crate::regalloc::Chaos;
use crate::translate;

/// What a function's code must be aligned to, in bytes.
pub const ALIGN: usize = 16;

/// How to compile.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// What the IR depends on.
    pub translate: translate::Config,
    /// What the CPU has.
    pub features: Features,
    /// Whether the module has tail calls through references or of imports, which do not preserve the pinned registers.
    pub foreign_tail_calls: bool,
    /// Verifies the IR after each pass and checks each allocation: for tests. A broken rule panics.
    pub verify: bool,
    /// Makes rare paths of the allocator common: for tests.
    pub chaos: Chaos,
}

/// A place in the code where the guest may be stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrapSite {
    /// Offset of the instruction that faults.
    pub offset: u32,
    /// [`tiercel_abi::Trap::code`], or 0 if the reason is in the store.
    pub code: u8,
    /// Where its operator is in the module, in bytes.
    pub loc: u32,
}

/// A call: where it returns to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallSite {
    /// Offset of the instruction behind the call.
    pub offset: u32,
    /// Where its operator is in the module, in bytes.
    pub loc: u32,
}

/// Four bytes that wait for the distance from their end to a function's local entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallReloc {
    /// Offset of the four bytes.
    pub offset: u32,
    /// The callee: index of its body.
    pub body: u32,
}

/// The code of one function and its tables, reused from function to function.
#[derive(Clone, Debug, Default)]
pub struct Code {
    /// Instructions, then constants.
    pub bytes: Vec<u8>,
    /// Offset of the entry for calls inside the instance.
    pub local_entry: u32,
    /// Offset of the entry for calls from anywhere; none if no reference to the function can be taken.
    pub foreign_entry: Option<u32>,
    /// Whether it has no frame of its own: at its trap sites the return address is at `[rsp]` and `rbp` is the caller's.
    pub frameless: bool,
    /// Calls of functions of the module.
    pub calls: Vec<CallReloc>,
    /// Ascending by offset.
    pub traps: Vec<TrapSite>,
    /// Ascending by offset.
    pub call_sites: Vec<CallSite>,
}
