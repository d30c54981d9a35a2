//! One instruction: an [`Op`] with its operands, virtual or physical. 28 bytes, no pointers.
//!
//! # What register allocation may rely on
//! - [`Inst::for_each_operand`] gives every register that the instruction names, each with its slot; [`Inst::set_reg`] rewrites a slot. Nothing
//!   else of the instruction changes.
//! - Uses are read before defs are written: a def may share a register with any use that ends here, with two exceptions. A def that is
//!   [`Constraint::Tied`] gets its source copied in *before* the instruction, so its register must differ from that of every other use (unless
//!   that use is of the very value in the source). The flag of a store-exclusive (`STLXR`) must differ from all its uses.
//! - No row fixes a register, and there are no hidden clobbers, but for the scratch register of addresses that the assembler builds
//!   ([`regs::ADDRESS_SCRATCH`]), which is never allocated.
//! - Defs of 32 bits zero the upper half of a general register; defs of floats zero the rest of the vector register.
//! - Moves, loads, stores and constants touch no flags and may be put anywhere.

use super::asm::{Label, Symbol};
use super::imm;
use super::mem::{AddressBits, AddressKind, Mem, fits_pair};
use super::regs::{self, SP, ZR};
use super::row::{ADDRESS_ONLY, Cond, Extend, Kind, Op, Operand, Role, Shape, Shift, Size};
use crate::isa::reg::{Reg, RegClass};

/// Slots for registers.
pub const SLOTS: usize = 4;

/// An instruction. See the file's header.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Inst {
    pub(super) op: Op,
    pub(super) address: AddressBits,
    /// Number of the condition, shift or extension.
    pub(super) modifier: u8,
    pub(super) slots: [Reg; SLOTS],
    /// Displacement, label, symbol, constant; second immediate; upper half of a 64-bit immediate.
    pub(super) disp: i32,
    pub(super) imm: i32,
}

const _: () = assert!(size_of::<Inst>() == 28);

/// A register that an instruction names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RegOperand {
    /// Where it stands, for [`Inst::set_reg`].
    pub slot: usize,
    /// The register.
    pub reg: Reg,
    /// [`Role::Use`] or [`Role::Def`].
    pub role: Role,
    /// The register file it must be in.
    pub class: RegClass,
    /// What else is asked of it.
    pub constraint: Constraint,
}

/// What is asked of a register operand besides its class.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Constraint {
    /// Nothing.
    Any,
    /// This def must be in the register that the use in that slot is in.
    Tied(usize),
}

impl Inst {
    const fn empty(op: Op) -> Inst {
        Inst { op, address: AddressBits(0), modifier: 0, slots: [Reg::NONE; SLOTS], disp: 0, imm: 0 }
    }

    /// An instruction with register operands in the assembler's order. A `ud` operand is two: destination, source.
    #[inline]
    pub fn r<const N: usize>(op: Op, regs: [Reg; N]) -> Inst {
        let mut inst = Inst::empty(op);
        inst.slots[..N].copy_from_slice(&regs);
        inst
    }

    /// The same with an operand in memory, which comes last; where the row has room for a base alone, that is all that counts.
    #[inline]
    pub fn m<const N: usize>(op: Op, regs: [Reg; N], mem: Mem) -> Inst {
        let mut inst = Inst::r(op, regs);
        debug_assert_eq!(op.row().mem_operand().map(|(_, slot)| slot), Some(N), "{op:?} with memory");
        inst.address = mem.bits;
        inst.disp = mem.disp;
        inst.slots[N] = mem.base;
        if N + 1 < SLOTS {
            inst.slots[N + 1] = mem.index;
        }
        inst
    }

    /// A branch or call to a label; of a register, where the row tests one.
    #[inline]
    pub fn to_label<const N: usize>(op: Op, regs: [Reg; N], label: Label) -> Inst {
        Inst { address: AddressBits(AddressKind::Label as u8), disp: label.0 as i32, ..Inst::r(op, regs) }
    }

    /// A branch or call to a symbol.
    #[inline]
    pub const fn to_symbol(op: Op, symbol: Symbol) -> Inst {
        Inst { address: AddressBits(AddressKind::Symbol as u8), disp: symbol.0 as i32, ..Inst::empty(op) }
    }

    /// With an immediate, as [`Kind`] says it is held.
    #[must_use]
    #[inline]
    pub const fn imm(self, imm: i32) -> Inst {
        Inst { imm, ..self }
    }

    /// With a second immediate.
    #[must_use]
    #[inline]
    pub const fn second_imm(self, disp: i32) -> Inst {
        Inst { disp, ..self }
    }

    /// With an immediate of 64 bits, for the row that has one.
    #[must_use]
    #[inline]
    pub const fn imm64(self, imm: u64) -> Inst {
        Inst { imm: imm as i32, disp: (imm >> 32) as i32, ..self }
    }

    /// With a condition.
    #[must_use]
    #[inline]
    pub const fn cond(self, cond: Cond) -> Inst {
        Inst { modifier: cond as u8, ..self }
    }

    /// With its last register shifted.
    #[must_use]
    #[inline]
    pub const fn shift(self, shift: Shift, amount: u8) -> Inst {
        Inst { modifier: shift as u8, imm: amount as i32, ..self }
    }

    /// With its last register extended, then shifted left by at most 4.
    #[must_use]
    #[inline]
    pub const fn extend(self, extend: Extend, amount: u8) -> Inst {
        Inst { modifier: extend as u8, imm: amount as i32, ..self }
    }

    /// What it does.
    #[inline]
    pub const fn op(&self) -> Op {
        self.op
    }

    /// The register in a slot.
    #[inline]
    pub const fn reg(&self, slot: usize) -> Reg {
        self.slots[slot]
    }

    /// Puts another register into a slot.
    #[inline]
    pub const fn set_reg(&mut self, slot: usize, reg: Reg) {
        self.slots[slot] = reg;
    }

    /// Its condition, if the row has one.
    #[inline]
    pub const fn condition(&self) -> Cond {
        Cond::from_number(self.modifier)
    }

    /// Its immediate.
    #[inline]
    pub const fn immediate(&self) -> i32 {
        self.imm
    }

    /// Its immediate of 64 bits.
    #[inline]
    pub const fn immediate64(&self) -> u64 {
        (self.disp as u32 as u64) << 32 | self.imm as u32 as u64
    }

    /// The label it branches to, if any.
    pub fn target_label(&self) -> Option<Label> {
        (self.op.row().has_target() && self.address.kind() == AddressKind::Label).then_some(Label(self.disp as u32))
    }

    /// Its memory operand, if it has one.
    pub fn memory_operand(&self) -> Option<Mem> {
        let (operand, slot) = self.op.row().mem_operand()?;
        let index = if operand.kind == Kind::Mem { self.slots[slot + 1] } else { Reg::NONE };
        Some(Mem { base: self.slots[slot], index, disp: self.disp, bits: self.address })
    }

    /// Puts another address in place of its memory operand.
    pub(super) fn set_memory(&mut self, mem: Mem) {
        let (operand, slot) = self.op.row().mem_operand().expect("it has a memory operand");
        self.slots[slot] = mem.base;
        if operand.kind == Kind::Mem {
            self.slots[slot + 1] = mem.index;
        }
        self.address = mem.bits;
        self.disp = mem.disp;
    }

    /// Bytes that one register of it accesses in memory; 0 if only the address counts.
    pub(super) fn access_bytes(&self, operand: &Operand) -> u32 {
        match operand.bits {
            ADDRESS_ONLY => 0,
            _ => u32::from(operand.bits_at(self.op.operation_size())) / 8,
        }
    }

    /// Bits that are read of the register operand with this number among the row's operands.
    pub(super) fn operand_bits(&self, index: usize) -> u16 {
        let operands = self.op.row().operands;
        let operand = &operands[index];
        match operands.get(index + 1).map(|next| next.kind) {
            // Named by 64 bits only if all of them are read.
            Some(Kind::Extend) => {
                Extend::ALL[self.modifier as usize & 7].bits().max(32).min(self.op.operation_size().bits())
            }
            Some(Kind::TestBit) if self.imm < 32 => 32,
            _ => match (operand.shape, operand.bits_at(self.op.operation_size())) {
                (Shape::Gpr | Shape::GprSp, bits) => bits.max(32),
                (Shape::Scalar, bits) => bits,
                _ => 128,
            },
        }
    }

    /// Calls `visit` with every register operand but the stack pointer and the zero register, in the order of slots.
    #[inline]
    pub fn for_each_operand(&self, mut visit: impl FnMut(RegOperand)) {
        let mut slot = 0;
        for operand in self.op.row().operands {
            let mut give = |slot: usize, role, class, constraint| {
                let reg = self.slots[slot];
                if !reg.is_none() && reg != SP && reg != ZR {
                    visit(RegOperand { slot, reg, role, class, constraint });
                }
            };
            match (operand.kind, operand.role) {
                (Kind::Mem | Kind::MemPair | Kind::MemBase, _) => {
                    give(slot, Role::Use, RegClass::Int, Constraint::Any);
                    if operand.kind == Kind::Mem {
                        give(slot + 1, Role::Use, RegClass::Int, Constraint::Any);
                    }
                }
                (Kind::Reg, Role::UseDef) => {
                    give(slot, Role::Def, operand.class(), Constraint::Tied(slot + 1));
                    give(slot + 1, Role::Use, operand.class(), Constraint::Any);
                }
                (Kind::Reg, role) => give(slot, role, operand.class(), Constraint::Any),
                _ => {}
            }
            slot += operand.slots();
        }
    }

    /// Checks that it can be encoded: registers physical, of the right class and kind, tied ones in place, immediates in range.
    pub fn check(&self) -> Result<(), &'static str> {
        let size = self.op.operation_size();
        let mut slot = 0;
        for operand in self.op.row().operands {
            if operand.kind == Kind::Reg {
                let reg = self.slots[slot];
                if reg.is_none() || !reg.is_physical() || reg.class() != operand.class() {
                    return Err("a register is not allocated or of the wrong class");
                }
                let special = match operand.shape {
                    Shape::Gpr => reg == SP,
                    Shape::GprSp => reg == ZR,
                    _ => false,
                };
                if special {
                    return Err("the stack pointer stands for the zero register, or the other way round");
                }
                if operand.role == Role::UseDef && self.slots[slot + 1] != reg {
                    return Err("a tied register is not in its place");
                }
                let lanes = 16 / (i32::from(size.bits()) / 8);
                if matches!(operand.shape, Shape::Lane | Shape::ListLane) && !(0..lanes).contains(&self.imm) {
                    return Err("there is no such lane");
                }
            } else if operand.is_mem() {
                self.check_memory(operand, slot)?;
            } else {
                self.check_immediate(operand.kind, size)?;
            }
            slot += operand.slots();
        }
        Ok(())
    }

    fn check_memory(&self, operand: &Operand, slot: usize) -> Result<(), &'static str> {
        let base = self.slots[slot];
        let is_gpr = |reg: Reg| !reg.is_none() && reg.is_physical() && reg.class() == RegClass::Int;
        let bytes = self.access_bytes(operand);
        let is_small = (-256..256).contains(&self.disp);
        let right = match self.address.kind() {
            AddressKind::Offset => is_gpr(base) && base != ZR && (operand.kind != Kind::MemBase || self.disp == 0),
            AddressKind::Indexed => {
                operand.kind == Kind::Mem && is_gpr(base) && base != ZR && is_gpr(self.slots[slot + 1]) && {
                    self.slots[slot + 1] != SP && (bytes != 0 || !self.address.scaled())
                }
            }
            AddressKind::Pre | AddressKind::Post => {
                is_gpr(base)
                    && base != ZR
                    && match operand.kind {
                        Kind::Mem => bytes != 0 && is_small,
                        Kind::MemPair => fits_pair(self.disp.into(), bytes),
                        _ => false,
                    }
            }
            AddressKind::Label => bytes == 0 || self.op.row().encoding.literal != 0,
            AddressKind::Const => self.op.row().encoding.literal != 0,
            AddressKind::NominalSp | AddressKind::Local | AddressKind::InArg | AddressKind::OutArg => {
                operand.kind != Kind::MemBase
            }
            AddressKind::Symbol => false,
        };
        if right { Ok(()) } else { Err("the address does not fit the row") }
    }

    fn check_immediate(&self, kind: Kind, size: Size) -> Result<(), &'static str> {
        let (imm, width) = (self.imm, i32::from(size.bits()));
        let (low, high) = (imm & 0xff, imm >> 8);
        let right = match kind {
            Kind::Shift => self.modifier < 3 && (0..width).contains(&imm),
            Kind::LogicalShift => self.modifier < 4 && (0..width).contains(&imm),
            Kind::Extend => self.modifier < 8 && (0..5).contains(&imm),
            Kind::Cond | Kind::InvertedCond | Kind::BranchCond => self.modifier < 14,
            Kind::Imm12 => imm::is_imm12(imm as u64),
            Kind::Bitmask => u16::try_from(imm).is_ok_and(|bits| imm::decode_bitmask(bits, size).is_some()),
            Kind::Mov16 => (0..width << 12).contains(&imm),
            Kind::Lsl | Kind::Lsr | Kind::Lsb => (0..width).contains(&imm),
            Kind::Field | Kind::FieldTo => low < width && high >= 1 && low + high <= width,
            Kind::Imm5 => (0..32).contains(&self.disp),
            Kind::Nzcv => (0..16).contains(&imm),
            Kind::TestBit => (0..64).contains(&imm),
            Kind::Imm16 | Kind::Udf => (0..1 << 16).contains(&imm),
            Kind::Float8 | Kind::VecFloat8 | Kind::Vec8 | Kind::Vec8Mask => (0..256).contains(&imm),
            Kind::Vec8Lsl => (0..if self.is_half_lanes() { 2 } else { 4 }).contains(&high),
            Kind::Vec8Msl => (1..3).contains(&high),
            Kind::LaneShl => (0..width).contains(&imm),
            Kind::LaneShr => (1..=width).contains(&imm),
            Kind::ByteIndex => (0..16).contains(&imm),
            Kind::Adr | Kind::AdrPage => (-(1 << 20)..1 << 20).contains(&imm),
            Kind::Target26 => matches!(self.address.kind(), AddressKind::Label | AddressKind::Symbol),
            Kind::Target19 | Kind::Target14 => self.address.kind() == AddressKind::Label,
            Kind::Bytes => imm % 16 == 0,
            Kind::Zero | Kind::FloatZero | Kind::Imm64 | Kind::Reg | Kind::Mem | Kind::MemPair | Kind::MemBase => true,
        };
        if right { Ok(()) } else { Err("an immediate is out of range") }
    }

    /// Whether it works on lanes of 16 bits, by its first operand.
    fn is_half_lanes(&self) -> bool {
        self.op.row().operands[0].bits == 16
    }
}

/// The hardware's number of a register; 31 for none, whose place nothing reads.
pub(super) const fn hardware(reg: Reg) -> u32 {
    regs::number(reg)
}
