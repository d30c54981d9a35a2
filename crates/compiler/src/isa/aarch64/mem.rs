//! Addresses of memory operands.

use super::asm::{ConstId, Label};
use super::row::Extend;
use crate::isa::reg::Reg;

/// How the displacement and registers of an address are meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum AddressKind {
    /// Base and displacement. One that the instruction cannot hold is built in the scratch register when it is emitted.
    Offset,
    /// Base and index, extended and shifted.
    Indexed,
    /// Base, which is changed by the displacement before the access.
    Pre,
    /// Base, which is changed by the displacement after the access.
    Post,
    /// A label in this code; the displacement is its number.
    Label,
    /// A constant that lies with the code; the displacement is its number.
    Const,
    /// A byte of the frame's slots, counted up from the nominal stack pointer.
    NominalSp,
    /// A byte of what lowering itself put into the frame.
    Local,
    /// A byte of the arguments that the caller left on the stack, counted up from the first.
    InArg,
    /// A byte of this frame's outgoing arguments, counted up from the stack pointer.
    OutArg,
    /// A symbol outside, to branch to; the displacement is its number.
    Symbol,
}

const KINDS: [AddressKind; 11] = [
    AddressKind::Offset,
    AddressKind::Indexed,
    AddressKind::Pre,
    AddressKind::Post,
    AddressKind::Label,
    AddressKind::Const,
    AddressKind::NominalSp,
    AddressKind::Local,
    AddressKind::InArg,
    AddressKind::OutArg,
    AddressKind::Symbol,
];

/// [`AddressKind`] in bits 0-3, extension in 4-6, whether the index is scaled by the access in 7.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct AddressBits(pub(super) u8);

impl AddressBits {
    #[inline]
    pub(super) const fn kind(self) -> AddressKind {
        KINDS[(self.0 & 15) as usize]
    }

    #[inline]
    pub(super) const fn extend(self) -> Extend {
        Extend::ALL[(self.0 >> 4 & 7) as usize]
    }

    #[inline]
    pub(super) const fn scaled(self) -> bool {
        self.0 & 0x80 != 0
    }
}

/// An address. Registers may be virtual in an [`Inst`](super::Inst), not in direct emission.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Mem {
    pub(super) base: Reg,
    pub(super) index: Reg,
    pub(super) disp: i32,
    pub(super) bits: AddressBits,
}

impl Mem {
    #[inline]
    const fn new(base: Reg, disp: i32, kind: AddressKind) -> Mem {
        Mem { base, index: Reg::NONE, disp, bits: AddressBits(kind as u8) }
    }

    /// `[base + disp]`.
    #[inline]
    pub const fn base(base: Reg, disp: i32) -> Mem {
        Mem::new(base, disp, AddressKind::Offset)
    }

    /// `[base + extended index]`, the index times the bytes of the access if `scaled`. Extensions: `uxtw`, `uxtx` (all of the register, written
    /// `lsl`), `sxtw`, `sxtx`.
    #[inline]
    pub const fn indexed(base: Reg, index: Reg, extend: Extend, scaled: bool) -> Mem {
        debug_assert!(matches!(extend, Extend::Uxtw | Extend::Uxtx | Extend::Sxtw | Extend::Sxtx));
        let bits = AddressKind::Indexed as u8 | (extend as u8) << 4 | (scaled as u8) << 7;
        Mem { base, index, disp: 0, bits: AddressBits(bits) }
    }

    /// `[base + disp]`, and the base becomes that address. Not for registers that the allocator gives out: the table says that the base is read.
    #[inline]
    pub const fn pre(base: Reg, disp: i32) -> Mem {
        Mem::new(base, disp, AddressKind::Pre)
    }

    /// `[base]`, and the base becomes `base + disp`, under the same condition as [`Mem::pre`].
    #[inline]
    pub const fn post(base: Reg, disp: i32) -> Mem {
        Mem::new(base, disp, AddressKind::Post)
    }

    /// The place of a label; only for loads.
    #[inline]
    pub const fn label(label: Label) -> Mem {
        Mem::new(Reg::NONE, label.0 as i32, AddressKind::Label)
    }

    /// A constant of the assembler's; only for loads of its size.
    #[inline]
    pub const fn constant(id: ConstId) -> Mem {
        Mem::new(Reg::NONE, id.0 as i32, AddressKind::Const)
    }

    /// A byte of the frame's slots, counted from the nominal stack pointer: where the real one is makes the state of emission known.
    #[inline]
    pub const fn nominal_sp(offset: i32) -> Mem {
        Mem::new(Reg::NONE, offset, AddressKind::NominalSp)
    }

    /// A byte of what lowering itself put into the frame, counted up from its lowest address.
    #[inline]
    pub const fn local(offset: i32) -> Mem {
        Mem::new(Reg::NONE, offset, AddressKind::Local)
    }

    /// A byte of the arguments that the caller left on the stack.
    #[inline]
    pub const fn in_arg(offset: i32) -> Mem {
        Mem::new(Reg::NONE, offset, AddressKind::InArg)
    }

    /// A byte of the outgoing arguments at the bottom of this frame.
    #[inline]
    pub const fn out_arg(offset: i32) -> Mem {
        Mem::new(Reg::NONE, offset, AddressKind::OutArg)
    }

    /// The base register or [`Reg::NONE`].
    pub const fn base_reg(self) -> Reg {
        self.base
    }

    /// The index register or [`Reg::NONE`].
    pub const fn index_reg(self) -> Reg {
        self.index
    }

    /// How its parts are meant.
    pub const fn kind(self) -> AddressKind {
        self.bits.kind()
    }

    /// Whether a displacement fits into a load or store of so many bytes: scaled 12 bits, or 9 bits with a sign.
    #[inline]
    pub const fn fits(disp: i64, bytes: u32) -> bool {
        is_scaled(disp, bytes) || (disp >= -256 && disp <= 255)
    }
}

/// Whether a displacement is a multiple of the access that fits into 12 bits.
#[inline]
pub(super) const fn is_scaled(disp: i64, bytes: u32) -> bool {
    disp >= 0 && disp % bytes as i64 == 0 && disp / bytes as i64 <= 0xfff
}

/// Whether a displacement fits into a load or store of a pair of registers of so many bytes each.
#[inline]
pub(super) const fn fits_pair(disp: i64, bytes: u32) -> bool {
    disp % bytes as i64 == 0 && disp / bytes as i64 >= -64 && disp / bytes as i64 <= 63
}
