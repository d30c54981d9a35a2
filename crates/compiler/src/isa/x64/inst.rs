//! One instruction: an [`Op`] with its operands, virtual or physical. 32 bytes, no pointers.
//!
//! # What register allocation may rely on
//! - [`Inst::for_each_operand`] gives every register that the instruction names, each with its slot; [`Inst::set_reg`] rewrites a slot. Nothing
//!   else of the instruction changes, and its bytes depend on nothing but its parts.
//! - Uses are read before defs are written. A def may share a register with any use that ends here, with one exception: a def that is
//!   [`Constraint::Tied`] gets its source copied in *before* the instruction, so its register must differ from that of every other use
//!   (unless that use is of the very value in the source).
//! - Registers that a row fixes (`cl`, `rax`, `rdx`, `xmm0`) are operands like others, with [`Constraint::Fixed`]. There are no hidden
//!   clobbers, and no instruction needs a scratch register. What a call clobbers is the caller's knowledge, not the table's.
//! - Defs of 8 or 16 bits leave the rest of the register as it was ([`RegOperand::bits`] tells); defs of 32 bits zero the upper half.
//! - Only `ud` operands and implicit ones can make two slots differ in role: a slot is either used or defined, never both.
//! - A register operand of which [`Inst::foldable_slot`] speaks may be replaced by a place in the frame ([`Inst::fold`]).
//! - Moves, loads and stores (`MOV_*`, `MOVAPS_*`, `MOVUPS_*`, ...) touch no flags and may be put anywhere; `MOV_RI32` with 0 too, where the
//!   shorter `xor` must not stand between a comparison and its user ([`Op::writes_flags`]).

use super::asm::{Label, Symbol};
use super::encode::{Fields, IS4, LITERAL, NO_REG, Regs};
use super::mem::{AddressBits, AddressKind, Mem};
use super::row::{ADDRESS_ONLY, BY_SIZE, Cond, Kind, Op, Role};
use crate::isa::reg::{Reg, RegClass};

/// Slots for registers.
pub const SLOTS: usize = 5;

/// An instruction. See the file's header.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Inst {
    pub(super) op: Op,
    pub(super) address: AddressBits,
    pub(super) cond: Cond,
    pub(super) slots: [Reg; SLOTS],
    /// Displacement, label or symbol; upper half of a 64-bit immediate.
    pub(super) disp: i32,
    pub(super) imm: i32,
}

const _: () = assert!(size_of::<Inst>() == 32);

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
    /// Bits of it that are read or written; for vectors 128, whatever part of them counts.
    pub bits: u16,
    /// What else is asked of it.
    pub constraint: Constraint,
}

/// What is asked of a register operand besides its class.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Constraint {
    /// Nothing.
    Any,
    /// It must be this physical register.
    Fixed(Reg),
    /// This def must be in the register that the use in that slot is in.
    Tied(usize),
}

impl Inst {
    #[inline(always)]
    const fn empty(op: Op, address: AddressBits) -> Inst {
        Inst { op, address, cond: Cond::O, slots: [Reg::NONE; SLOTS], disp: 0, imm: 0 }
    }

    /// An instruction with register operands in Intel order, implicit ones last. A `ud` operand is two: destination, source.
    #[inline(always)]
    pub fn r<const N: usize>(op: Op, regs: [Reg; N]) -> Inst {
        let mut inst = Inst::empty(op, AddressBits::REG);
        let slots = &op.encoding().with_reg.three;
        for (reg, slot) in regs.into_iter().zip(slots) {
            inst.slots[*slot as usize] = reg;
        }
        inst
    }

    /// The same with an operand in memory, wherever the row has it; `regs` are the others.
    #[inline(always)]
    pub fn m<const N: usize>(op: Op, regs: [Reg; N], mem: Mem) -> Inst {
        let mut inst = Inst::memory(op, mem);
        let slots = &op.encoding().with_mem.three;
        for (reg, slot) in regs.into_iter().zip(slots) {
            inst.slots[*slot as usize] = reg;
        }
        inst
    }

    /// Like [`Inst::r`] in two-operand notation: a `ud` operand is one register, source and destination.
    #[inline(always)]
    pub fn two_r<const N: usize>(op: Op, regs: [Reg; N]) -> Inst {
        let mut inst = Inst::empty(op, AddressBits::REG);
        let arguments = &op.encoding().with_reg;
        for (reg, slot) in regs.into_iter().zip(&arguments.two) {
            inst.slots[*slot as usize] = reg;
        }
        inst.pair_up(arguments.pairs)
    }

    /// Like [`Inst::m`] in two-operand notation.
    #[inline(always)]
    pub fn two_m<const N: usize>(op: Op, regs: [Reg; N], mem: Mem) -> Inst {
        let mut inst = Inst::memory(op, mem);
        let arguments = &op.encoding().with_mem;
        for (reg, slot) in regs.into_iter().zip(&arguments.two) {
            inst.slots[*slot as usize] = reg;
        }
        inst.pair_up(arguments.pairs)
    }

    #[inline(always)]
    fn memory(op: Op, mem: Mem) -> Inst {
        let mut inst = Inst::empty(op, mem.bits);
        let encoding = op.encoding();
        // The destination of a pair in ModRM.rm is the lower slot, which is where the base goes too.
        let slot = encoding.plain.rm as usize;
        debug_assert!(op.row().mem_operand().is_some(), "{op:?} has no memory operand");
        inst.slots[slot] = mem.base;
        inst.slots[slot + 1] = mem.index;
        inst.disp = mem.disp;
        inst
    }

    /// With the registers that the row fixes in their slots, if they were not given.
    #[must_use]
    #[inline]
    pub fn with_fixed(mut self) -> Inst {
        let mut slot = 0;
        for operand in self.op.row().operands {
            if let Some(reg) = operand.fixed {
                self.slots[slot] = reg;
            }
            slot += operand.slots();
        }
        self
    }

    #[inline(always)]
    fn pair_up(mut self, pairs: u8) -> Inst {
        for slot in 0..SLOTS - 1 {
            if pairs & 1 << slot != 0 {
                self.slots[slot + 1] = self.slots[slot];
            }
        }
        self
    }

    /// A jump or call to a label.
    #[inline(always)]
    pub const fn to_label(op: Op, label: Label) -> Inst {
        let mut inst = Inst::empty(op, AddressBits(AddressKind::Label as u8));
        inst.disp = label.0 as i32;
        inst
    }

    /// A jump or call to a symbol.
    #[inline(always)]
    pub const fn to_symbol(op: Op, symbol: Symbol) -> Inst {
        let mut inst = Inst::empty(op, AddressBits(AddressKind::Symbol as u8));
        inst.disp = symbol.0 as i32;
        inst
    }

    /// With an immediate. One of 8 or 16 bits may come sign- or zero-extended.
    #[must_use]
    #[inline(always)]
    pub const fn imm(self, imm: i32) -> Inst {
        Inst { imm, ..self }
    }

    /// With an immediate of 64 bits, for the rows that have one.
    #[must_use]
    #[inline(always)]
    pub const fn imm64(self, imm: i64) -> Inst {
        Inst { imm: imm as i32, disp: (imm >> 32) as i32, ..self }
    }

    /// With a condition.
    #[must_use]
    #[inline(always)]
    pub const fn cond(self, cond: Cond) -> Inst {
        Inst { cond, ..self }
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
        self.cond
    }

    /// Its immediate of at most 32 bits.
    #[inline]
    pub const fn immediate(&self) -> i32 {
        self.imm
    }

    /// Its immediate of 64 bits.
    #[inline]
    pub const fn immediate64(&self) -> i64 {
        (self.disp as i64) << 32 | self.imm as u32 as i64
    }

    /// The label it jumps to, if any.
    pub const fn target_label(&self) -> Option<Label> {
        match (self.op.encoding().immediate, self.address.kind()) {
            (Some(Kind::Target | Kind::ShortTarget), AddressKind::Label) => Some(Label(self.disp as u32)),
            _ => None,
        }
    }

    /// Its memory operand, if it has one.
    pub fn memory_operand(&self) -> Option<Mem> {
        let (_, slot) = self.op.row().mem_operand()?;
        if self.address.is_reg() {
            return None;
        }
        Some(Mem { base: self.slots[slot], index: self.slots[slot + 1], disp: self.disp, bits: self.address })
    }

    /// Calls `visit` with every register operand, in the order of slots.
    #[inline]
    pub fn for_each_operand(&self, mut visit: impl FnMut(RegOperand)) {
        let tied = !self.op.is_twin();
        let size = self.op.operation_size().bits();
        let mut slot = 0;
        for operand in self.op.row().operands {
            if !operand.has_slots() {
                continue;
            }
            let (class, in_memory) = (operand.class, operand.kind != Kind::Reg && !self.address.is_reg());
            let mut give = |slot: usize, role, class, bits, constraint| {
                visit(RegOperand { slot, reg: self.slots[slot], role, class, bits, constraint })
            };
            if in_memory {
                let bits = if self.address.addr32() { 32 } else { 64 };
                for slot in [slot, slot + 1] {
                    if !self.slots[slot].is_none() {
                        give(slot, Role::Use, RegClass::Int, bits, Constraint::Any);
                    }
                }
            } else {
                let bits = if operand.reg_bits == BY_SIZE { size } else { operand.reg_bits };
                let constraint = match operand.fixed {
                    Some(reg) => Constraint::Fixed(reg),
                    None => Constraint::Any,
                };
                if operand.role == Role::UseDef {
                    give(slot, Role::Def, class, bits, if tied { Constraint::Tied(slot + 1) } else { constraint });
                    give(slot + 1, Role::Use, class, bits, constraint);
                } else {
                    give(slot, operand.role, class, bits, constraint);
                }
            }
            slot += operand.slots();
        }
    }

    /// The slot of a used register that could be read from the frame instead, and how many bits the instruction would load.
    ///
    /// The load must not be wider than what the frame holds of the value: that is for the allocator to check.
    pub fn foldable_slot(&self) -> Option<(usize, u16)> {
        let (operand, slot) = self.op.row().mem_operand()?;
        let foldable = self.address.is_reg() && operand.role == Role::Use && operand.mem_bits != ADDRESS_ONLY;
        let size = self.op.operation_size().bits();
        foldable.then_some((slot, if operand.mem_bits == BY_SIZE { size } else { operand.mem_bits }))
    }

    /// Replaces the register in [`Inst::foldable_slot`] by memory.
    pub fn fold(&mut self, mem: Mem) {
        if let Some((slot, _)) = self.foldable_slot() {
            self.slots[slot] = mem.base;
            self.slots[slot + 1] = mem.index;
            self.address = mem.bits;
            self.disp = mem.disp;
        }
    }

    /// Checks that it can be encoded: registers physical, of the right class, fixed and tied ones in place.
    pub fn check(&self) -> Result<(), &'static str> {
        let mut result = Ok(());
        self.for_each_operand(|operand| {
            let right = match operand.constraint {
                Constraint::Any => true,
                Constraint::Fixed(reg) => operand.reg == reg,
                Constraint::Tied(source) => operand.reg == self.slots[source],
            };
            if !operand.reg.is_physical() {
                result = Err("a register is not allocated");
            } else if operand.reg.class() != operand.class || operand.reg.number() > 15 {
                result = Err("a register is of the wrong class");
            } else if !right {
                result = Err("a fixed or tied register is not in its place");
            }
        });
        match self.op.row().mem_operand() {
            None if self.op.encoding().immediate.is_none() && !self.address.is_reg() => {
                result = Err("the row has no memory operand");
            }
            Some((operand, _)) if operand.kind == Kind::Mem && self.address.is_reg() => {
                result = Err("the operand must be memory");
            }
            Some((_, slot)) if self.address.is_based() && self.slots[slot + 1] == super::regs::RSP => {
                result = Err("rsp cannot be an index");
            }
            _ => {}
        }
        result
    }

    /// The fields of its encoding.
    #[inline(always)]
    pub(super) fn fields(&self) -> Fields {
        let recipe = self.op.recipe();
        // One table for slots and literals, so that looking up a field takes no branch.
        let mut places = LITERALS;
        places[..SLOTS].copy_from_slice(&self.slots);
        let number = |place: u8| places[place as usize & 15].number() as u8 & 15;
        let number_or_none = |place: u8| if places[place as usize & 15].is_none() { NO_REG } else { number(place) };
        let regs = Regs {
            address: self.address,
            reg: number(recipe.reg),
            vvvv: number(recipe.vvvv),
            rm: number_or_none(recipe.rm),
            // Of no meaning unless the operand is memory.
            index: number_or_none(recipe.rm + 1),
        };
        let imm = if recipe.has(IS4) { (number(recipe.is4) as i32) << 4 } else { self.imm };
        Fields { op: self.op, cond: self.cond as u8, regs, disp: self.disp, imm }
    }
}

/// Places of fields that no slot fills: [`LITERAL`] and the number.
const LITERALS: [Reg; 16] = {
    let mut literals = [Reg::NONE; 16];
    let mut number = 0;
    while number < 8 {
        literals[(LITERAL + number) as usize] = Reg::physical(RegClass::Int, number);
        number += 1;
    }
    literals
};
