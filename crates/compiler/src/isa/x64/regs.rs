//! Physical registers of x86-64: numbers as the hardware counts them, names by width, and the fixed roles.
//!
//! | register | role in compiled code |
//! |---|---|
//! | `rsp`, `rbp` | stack pointer, frame pointer |
//! | `r14` | vmctx, pinned |
//! | `r15` | base of memory 0, pinned where the module has a memory |
//! | `r11`, `xmm15` | scratch of the emitter and of parallel moves: never allocated, dead between instructions |

use crate::isa::reg::{Reg, RegClass, RegSet};

const fn gpr(number: u8) -> Reg {
    Reg::physical(RegClass::Int, number)
}

/// The vector register with this number, below 16.
pub const fn xmm(number: u8) -> Reg {
    debug_assert!(number < 16);
    Reg::physical(RegClass::Vector, number)
}

/// `rax`: dividend and low product.
pub const RAX: Reg = gpr(0);
/// `rcx`: shift count.
pub const RCX: Reg = gpr(1);
/// `rdx`: remainder and high product.
pub const RDX: Reg = gpr(2);
/// `rbx`.
pub const RBX: Reg = gpr(3);
/// `rsp`: stack pointer; never an index.
pub const RSP: Reg = gpr(4);
/// `rbp`: frame pointer.
pub const RBP: Reg = gpr(5);
/// `rsi`.
pub const RSI: Reg = gpr(6);
/// `rdi`.
pub const RDI: Reg = gpr(7);
/// `r8`.
pub const R8: Reg = gpr(8);
/// `r9`.
pub const R9: Reg = gpr(9);
/// `r10`.
pub const R10: Reg = gpr(10);
/// `r11`: scratch.
pub const R11: Reg = gpr(11);
/// `r12`.
pub const R12: Reg = gpr(12);
/// `r13`.
pub const R13: Reg = gpr(13);
/// `r14`: vmctx.
pub const R14: Reg = gpr(14);
/// `r15`: base of memory 0.
pub const R15: Reg = gpr(15);
/// `xmm0`: mask of the blends that name no mask.
pub const XMM0: Reg = xmm(0);
/// `xmm15`: scratch.
pub const XMM15: Reg = xmm(15);

/// The pinned vmctx.
pub const VMCTX: Reg = R14;
/// The pinned base of memory 0.
pub const MEMORY_BASE: Reg = R15;
/// The integer scratch register.
pub const SCRATCH: Reg = R11;
/// The vector scratch register.
pub const VECTOR_SCRATCH: Reg = XMM15;

/// All registers of both classes.
pub const ALL: RegSet = RegSet::of_class(RegClass::Int, 0xffff).union(RegSet::of_class(RegClass::Vector, 0xffff));

/// Registers that the allocator may hand out, apart from [`MEMORY_BASE`], which is free in modules without a memory.
pub const ALLOCATABLE: RegSet =
    ALL.without(RSP).without(RBP).without(VMCTX).without(MEMORY_BASE).without(SCRATCH).without(VECTOR_SCRATCH);

const NAMES_8: [&str; 16] =
    ["al", "cl", "dl", "bl", "spl", "bpl", "sil", "dil", "r8b", "r9b", "r10b", "r11b", "r12b", "r13b", "r14b", "r15b"];
const NAMES_16: [&str; 16] =
    ["ax", "cx", "dx", "bx", "sp", "bp", "si", "di", "r8w", "r9w", "r10w", "r11w", "r12w", "r13w", "r14w", "r15w"];
const NAMES_32: [&str; 16] = [
    "eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi", "r8d", "r9d", "r10d", "r11d", "r12d", "r13d", "r14d",
    "r15d",
];
const NAMES_64: [&str; 16] =
    ["rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"];
const NAMES_VECTOR: [&str; 16] = [
    "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13",
    "xmm14", "xmm15",
];

/// The name of a physical register read or written at a width in bits. The width of vector registers does not show.
pub fn name(reg: Reg, bits: u16) -> &'static str {
    debug_assert!(reg.is_physical());
    let names = match (reg.class(), bits) {
        (RegClass::Vector, _) => &NAMES_VECTOR,
        (RegClass::Int, 8) => &NAMES_8,
        (RegClass::Int, 16) => &NAMES_16,
        (RegClass::Int, 32) => &NAMES_32,
        (RegClass::Int, _) => &NAMES_64,
    };
    names[(reg.number() & 15) as usize]
}
