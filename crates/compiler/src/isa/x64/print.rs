//! Intel syntax: `add rax, qword ptr [rcx+rdx*8-16]`, numbers in decimal.
//!
//! Virtual registers print as [`Reg`] does. Where a tied destination and its source are not the same register (yet), both show: `add v3=v1, v2`.

use std::fmt::{self, Display, Formatter};

use super::inst::Inst;
use super::mem::{AddressKind, Mem};
use super::regs;
use super::row::{ADDRESS_ONLY, BY_SIZE, Kind, Op, Operand, Role, Size};
use crate::isa::reg::Reg;

/// A register at a width in bits.
struct At(Reg, u16);

impl Display for At {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.0.is_physical() { f.write_str(regs::name(self.0, self.1)) } else { self.0.fmt(f) }
    }
}

/// The constant's name with its width: `ADD_RM.s32`, `ADDSD.vex`.
impl fmt::Debug for Op {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().name)?;
        if self.row().sizes != 0 {
            write!(f, ".s{}", self.operation_size().bits())?;
        }
        f.write_str(if self.is_twin() { ".vex" } else { "" })
    }
}

/// The address alone, in brackets.
impl Display for Mem {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.bits.gs() {
            f.write_str("gs:")?;
        }
        let disp = self.disp;
        match self.bits.kind() {
            AddressKind::Label => return write!(f, "[rip+label{disp}]"),
            AddressKind::Symbol => return write!(f, "[rip+symbol{disp}]"),
            AddressKind::Slot => return write!(f, "[slot{disp:+}]"),
            AddressKind::InArg => return write!(f, "[in_arg{disp:+}]"),
            AddressKind::OutArg => return write!(f, "[out_arg{disp:+}]"),
            AddressKind::Local => return write!(f, "[local{disp:+}]"),
            AddressKind::Based | AddressKind::Reg => {}
        }
        let bits = if self.bits.addr32() { 32 } else { 64 };
        f.write_str("[")?;
        if !self.base.is_none() {
            At(self.base, bits).fmt(f)?;
        }
        if !self.index.is_none() {
            let plus = if self.base.is_none() { "" } else { "+" };
            write!(f, "{plus}{}", At(self.index, bits))?;
            // Without a base the factor shows even if it is 1: the encoding is another.
            if self.bits.scale() != 0 || self.base.is_none() {
                write!(f, "*{}", 1 << self.bits.scale())?;
            }
        }
        match (self.base.is_none() && self.index.is_none(), disp) {
            (true, _) if self.bits.addr32() => write!(f, "{}", disp as u32)?,
            (true, _) => write!(f, "{}", i64::from(disp) as u64)?,
            (false, 0) => {}
            (false, _) => write!(f, "{disp:+}")?,
        }
        f.write_str("]")
    }
}

impl Inst {
    fn write_operand(&self, f: &mut Formatter<'_>, operand: &Operand, slot: usize) -> fmt::Result {
        let size = self.op.operation_size();
        match operand.kind {
            Kind::Imm8 => write!(f, "{}", self.imm as u8),
            Kind::Imm64 => write!(f, "{}", self.immediate64()),
            Kind::Imm => match size {
                Size::S8 => write!(f, "{}", self.imm as i8),
                Size::S16 => write!(f, "{}", self.imm as i16),
                Size::S32 | Size::S64 => write!(f, "{}", self.imm),
            },
            Kind::Cond => Ok(()),
            Kind::Target | Kind::ShortTarget => {
                let prefix = if self.address.kind() == AddressKind::Label { "label" } else { "symbol" };
                write!(f, "{prefix}{}", self.disp)
            }
            Kind::RegMem | Kind::Mem if !self.address.is_reg() => {
                let bits = if operand.mem_bits == BY_SIZE { size.bits() } else { operand.mem_bits };
                f.write_str(match bits {
                    ADDRESS_ONLY => "",
                    8 => "byte ptr ",
                    16 => "word ptr ",
                    32 => "dword ptr ",
                    64 => "qword ptr ",
                    _ => "xmmword ptr ",
                })?;
                Mem { base: self.slots[slot], index: self.slots[slot + 1], disp: self.disp, bits: self.address }.fmt(f)
            }
            Kind::Reg | Kind::RegMem | Kind::Mem => {
                let bits = if operand.reg_bits == BY_SIZE { size.bits() } else { operand.reg_bits };
                let (reg, source) = (self.slots[slot], self.slots.get(slot + 1));
                At(reg, bits).fmt(f)?;
                match source {
                    Some(source) if operand.role == Role::UseDef && self.op.is_twin() => {
                        write!(f, ", {}", At(*source, bits))
                    }
                    Some(source) if operand.role == Role::UseDef && *source != reg => {
                        write!(f, "={}", At(*source, bits))
                    }
                    _ => Ok(()),
                }
            }
        }
    }
}

impl Display for Inst {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let row = self.op.row();
        write!(f, "{}{}", if self.op.is_twin() { "v" } else { "" }, row.mnemonic)?;
        if row.operands.iter().any(|operand| operand.kind == Kind::Cond) {
            f.write_str(self.cond.name())?;
        }
        let (mut slot, mut separator) = (0, " ");
        for operand in row.operands {
            if operand.kind != Kind::Cond && !operand.implicit {
                f.write_str(separator)?;
                self.write_operand(f, operand, slot)?;
                separator = ", ";
            }
            slot += operand.slots();
        }
        Ok(())
    }
}

/// The constant's name and what the instruction prints as.
impl fmt::Debug for Inst {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} `{self}`", self.op)
    }
}
