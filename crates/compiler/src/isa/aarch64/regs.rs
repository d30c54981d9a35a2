//! Physical registers of aarch64: numbers as the hardware counts them, names by width, and the fixed roles.
//!
//! | register | role in compiled code |
//! |---|---|
//! | `sp`, `x29`, `x30` | stack pointer, frame pointer, return address |
//! | `x28` | vmctx, pinned |
//! | `x27` | base of memory 0, pinned where the module has a memory |
//! | `x16` | scratch of addresses: the assembler builds those that one instruction cannot hold in it |
//! | `x17`, `v31` | scratch of the emitter and of parallel moves: never allocated, dead between instructions |
//! | `x18` | the platform's, never touched |
//!
//! Number 31 means the stack pointer or the zero register, by operand. Here they are two registers, [`SP`] and [`ZR`], so that
//! [`Inst::check`](super::Inst::check) finds one in the other's place.

use crate::isa::reg::{Reg, RegClass, RegSet};

/// The general register with this number, below 31.
pub const fn x(number: u8) -> Reg {
    debug_assert!(number < 31);
    Reg::physical(RegClass::Int, number)
}

/// The vector register with this number, below 32.
pub const fn v(number: u8) -> Reg {
    debug_assert!(number < 32);
    Reg::physical(RegClass::Vector, number)
}

/// The zero register.
pub const ZR: Reg = Reg::physical(RegClass::Int, 31);
/// The stack pointer. Always a multiple of 16.
pub const SP: Reg = Reg::physical(RegClass::Int, 63);
/// The frame pointer.
pub const FP: Reg = x(29);
/// The return address.
pub const LR: Reg = x(30);
/// The pinned vmctx.
pub const VMCTX: Reg = x(28);
/// The pinned base of memory 0.
pub const MEMORY_BASE: Reg = x(27);
/// Holds addresses that one instruction cannot.
pub const ADDRESS_SCRATCH: Reg = x(16);
/// The integer scratch register.
pub const SCRATCH: Reg = x(17);
/// The vector scratch register.
pub const VECTOR_SCRATCH: Reg = v(31);

/// All registers of both classes but the stack pointer and the zero register.
pub const ALL: RegSet =
    RegSet::of_class(RegClass::Int, 0x7fff_ffff).union(RegSet::of_class(RegClass::Vector, u32::MAX));

/// Registers that the allocator may hand out, apart from [`MEMORY_BASE`], which is free in modules without a memory.
pub const ALLOCATABLE: RegSet = ALL
    .without(FP)
    .without(LR)
    .without(VMCTX)
    .without(MEMORY_BASE)
    .without(ADDRESS_SCRATCH)
    .without(SCRATCH)
    .without(x(18))
    .without(VECTOR_SCRATCH);

/// The hardware's number.
#[inline]
pub const fn number(reg: Reg) -> u32 {
    reg.number() & 31
}

/// The name of a physical register at a width in bits: `w3`, `x3`, `wsp`, `xzr`; `b3`, `h3`, `s3`, `d3`, `q3`, or `v3` for other widths.
pub fn name(reg: Reg, bits: u16) -> String {
    debug_assert!(reg.is_physical());
    let letter = match (reg.class(), bits) {
        (RegClass::Int, 32) if reg == SP => return "wsp".to_string(),
        (RegClass::Int, _) if reg == SP => return "sp".to_string(),
        (RegClass::Int, 32) if reg == ZR => return "wzr".to_string(),
        (RegClass::Int, _) if reg == ZR => return "xzr".to_string(),
        (RegClass::Int, 32) => "w",
        (RegClass::Int, _) => "x",
        (RegClass::Vector, 8) => "b",
        (RegClass::Vector, 16) => "h",
        (RegClass::Vector, 32) => "s",
        (RegClass::Vector, 64) => "d",
        (RegClass::Vector, 128) => "q",
        (RegClass::Vector, _) => "v",
    };
    format!("{letter}{}", number(reg))
}
