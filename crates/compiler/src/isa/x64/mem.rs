//! Addresses of memory operands.

use super::asm::{Label, Symbol};
use crate::isa::reg::Reg;

/// What an index is multiplied by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Scale {
    /// 1.
    One,
    /// 2.
    Two,
    /// 4.
    Four,
    /// 8.
    Eight,
}

impl Scale {
    /// All of them, ascending.
    pub const ALL: [Scale; 4] = [Scale::One, Scale::Two, Scale::Four, Scale::Eight];

    /// The scale of elements this many bytes wide, if there is one.
    pub const fn of_bytes(bytes: u32) -> Option<Scale> {
        match bytes {
            1 => Some(Scale::One),
            2 => Some(Scale::Two),
            4 => Some(Scale::Four),
            8 => Some(Scale::Eight),
            _ => None,
        }
    }
}

/// How the displacement and registers of an address are meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum AddressKind {
    /// Not memory: the operand is a register.
    Reg,
    /// Base, index, displacement, each of which may be absent.
    Based,
    /// A label in this code; the displacement is its number.
    Label,
    /// A symbol outside; the displacement is its number.
    Symbol,
    /// A byte of the frame's slots, counted up from their lowest address.
    Slot,
    /// A byte of the caller's outgoing arguments, counted up from the first.
    InArg,
    /// A byte of this frame's outgoing arguments, counted up from `rsp`.
    OutArg,
    /// A byte of what lowering itself put into the frame.
    Local,
}

/// [`AddressKind`] in bits 0-2, scale in 3-4, `gs:` in 5, 32-bit address size in 6.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct AddressBits(pub(super) u8);

impl AddressBits {
    pub(super) const REG: AddressBits = AddressBits(AddressKind::Reg as u8);
    pub(super) const GS: u8 = 1 << 5;
    pub(super) const ADDR32: u8 = 1 << 6;

    #[inline]
    pub(super) const fn kind(self) -> AddressKind {
        match self.0 & 7 {
            0 => AddressKind::Reg,
            1 => AddressKind::Based,
            2 => AddressKind::Label,
            3 => AddressKind::Symbol,
            4 => AddressKind::Slot,
            5 => AddressKind::InArg,
            6 => AddressKind::OutArg,
            _ => AddressKind::Local,
        }
    }

    #[inline]
    pub(super) const fn is_reg(self) -> bool {
        self.0 & 7 == AddressKind::Reg as u8
    }

    #[inline]
    pub(super) const fn is_based(self) -> bool {
        self.0 & 7 == AddressKind::Based as u8
    }

    #[inline]
    pub(super) const fn scale(self) -> u8 {
        self.0 >> 3 & 3
    }

    #[inline]
    pub(super) const fn gs(self) -> bool {
        self.0 & AddressBits::GS != 0
    }

    #[inline]
    pub(super) const fn addr32(self) -> bool {
        self.0 & AddressBits::ADDR32 != 0
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
    const fn new(base: Reg, index: Reg, disp: i32, kind: AddressKind) -> Mem {
        Mem { base, index, disp, bits: AddressBits(kind as u8) }
    }

    /// `[base + disp]`.
    #[inline]
    pub const fn base(base: Reg, disp: i32) -> Mem {
        Mem::new(base, Reg::NONE, disp, AddressKind::Based)
    }

    /// `[base + index * scale + disp]`. `rsp` cannot be the index.
    #[inline]
    pub const fn indexed(base: Reg, index: Reg, scale: Scale, disp: i32) -> Mem {
        let mem = Mem::new(base, index, disp, AddressKind::Based);
        Mem { bits: AddressBits(mem.bits.0 | (scale as u8) << 3), ..mem }
    }

    /// `[index * scale + disp]`. `rsp` cannot be the index.
    #[inline]
    pub const fn scaled(index: Reg, scale: Scale, disp: i32) -> Mem {
        Mem::indexed(Reg::NONE, index, scale, disp)
    }

    /// `[disp]`, sign-extended: of use with [`Mem::gs`].
    #[inline]
    pub const fn absolute(disp: i32) -> Mem {
        Mem::new(Reg::NONE, Reg::NONE, disp, AddressKind::Based)
    }

    /// `[rip + label]`.
    #[inline]
    pub const fn label(label: Label) -> Mem {
        Mem::new(Reg::NONE, Reg::NONE, label.0 as i32, AddressKind::Label)
    }

    /// `[rip + symbol]`: rodata, a code cell. The emitter leaves a [`Reloc`](super::Reloc).
    #[inline]
    pub const fn symbol(symbol: Symbol) -> Mem {
        Mem::new(Reg::NONE, Reg::NONE, symbol.0 as i32, AddressKind::Symbol)
    }

    /// A byte of the frame's slots; [`FrameBases`](super::FrameBases) makes it a real address when the instruction is emitted.
    #[inline]
    pub const fn slot(offset: i32) -> Mem {
        Mem::new(Reg::NONE, Reg::NONE, offset, AddressKind::Slot)
    }

    /// A byte of the arguments that the caller left on the stack.
    #[inline]
    pub const fn in_arg(offset: i32) -> Mem {
        Mem::new(Reg::NONE, Reg::NONE, offset, AddressKind::InArg)
    }

    /// A byte of the outgoing arguments at the bottom of this frame.
    #[inline]
    pub const fn out_arg(offset: i32) -> Mem {
        Mem::new(Reg::NONE, Reg::NONE, offset, AddressKind::OutArg)
    }

    /// A byte of what lowering itself put into the frame, counted up from its lowest address.
    #[inline]
    pub const fn local(offset: i32) -> Mem {
        Mem::new(Reg::NONE, Reg::NONE, offset, AddressKind::Local)
    }

    /// The same, relative to the base of `gs`. Not for labels and symbols.
    #[must_use]
    #[inline]
    pub const fn gs(self) -> Mem {
        Mem { bits: AddressBits(self.bits.0 | AddressBits::GS), ..self }
    }

    /// The same, computed modulo 2^32 from the low halves of its registers. Only for base, index and displacement.
    #[must_use]
    #[inline]
    pub const fn addr32(self) -> Mem {
        debug_assert!(self.bits.is_based());
        Mem { bits: AddressBits(self.bits.0 | AddressBits::ADDR32), ..self }
    }

    /// The base register or [`Reg::NONE`].
    pub const fn base_reg(self) -> Reg {
        self.base
    }

    /// The index register or [`Reg::NONE`].
    pub const fn index_reg(self) -> Reg {
        self.index
    }

    /// The same address this many bytes further; `None` if the displacement would leave 32 bits or names a label or symbol.
    pub const fn offset(self, bytes: i32) -> Option<Mem> {
        match (self.bits.kind(), self.disp.checked_add(bytes)) {
            (AddressKind::Label | AddressKind::Symbol, _) | (_, None) => None,
            (_, Some(disp)) => Some(Mem { disp, ..self }),
        }
    }
}
