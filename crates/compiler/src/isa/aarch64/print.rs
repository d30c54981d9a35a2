//! The assembler's syntax: `add x0, x1, x2, lsl #3`, numbers in decimal.
//!
//! Virtual registers print as [`Reg`] does. Where a tied destination and its source are not the same register (yet), both show: `bfi v3=v1, v2, #0,
//! #8`. [`Inst::at`] prints places in the frame as emission resolves them.

use std::fmt::{self, Display, Formatter};

use super::frame::EmitState;
use super::imm;
use super::inst::Inst;
use super::mem::{AddressKind, Mem, is_scaled};
use super::regs;
use super::row::{Cond, Extend, Kind, Op, Operand, Role, Shape, Shift, Size};
use crate::isa::reg::Reg;

/// A register at a width in bits.
struct At(Reg, u16);

impl Display for At {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.0.is_physical() { f.write_str(&regs::name(self.0, self.1)) } else { self.0.fmt(f) }
    }
}

/// The constant's name with its size: `ADD_S.s32`, `BR`.
impl fmt::Debug for Op {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().name)?;
        if self.row().sizes != 0 {
            write!(f, ".s{}", self.operation_size().bits())?;
        }
        Ok(())
    }
}

impl Mem {
    fn write(&self, f: &mut Formatter<'_>, bytes: u32) -> fmt::Result {
        let disp = self.disp;
        match self.bits.kind() {
            AddressKind::Label => return write!(f, "label{disp}"),
            AddressKind::Const => return write!(f, "const{disp}"),
            AddressKind::Symbol => return write!(f, "symbol{disp}"),
            AddressKind::NominalSp => return write!(f, "[nominal_sp{disp:+}]"),
            AddressKind::Local => return write!(f, "[local{disp:+}]"),
            AddressKind::InArg => return write!(f, "[in_arg{disp:+}]"),
            AddressKind::OutArg => return write!(f, "[out_arg{disp:+}]"),
            AddressKind::Offset | AddressKind::Indexed | AddressKind::Pre | AddressKind::Post => {}
        }
        let base = At(self.base, 64);
        match self.bits.kind() {
            AddressKind::Pre => write!(f, "[{base}, #{disp}]!"),
            AddressKind::Post => write!(f, "[{base}], #{disp}"),
            AddressKind::Indexed => {
                let extend = self.bits.extend();
                write!(f, "[{base}, {}", At(self.index, extend.bits()))?;
                match (extend, self.bits.scaled()) {
                    (Extend::Uxtx, false) => {}
                    (Extend::Uxtx, true) => write!(f, ", lsl #{}", bytes.trailing_zeros())?,
                    (_, false) => write!(f, ", {}", extend.name())?,
                    (_, true) => write!(f, ", {} #{}", extend.name(), bytes.trailing_zeros())?,
                }
                f.write_str("]")
            }
            _ if disp == 0 => write!(f, "[{base}]"),
            _ => write!(f, "[{base}, #{disp}]"),
        }
    }
}

/// The address alone. An index that is scaled counts as one of bytes, as the access is not known.
impl Display for Mem {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.write(f, 1)
    }
}

/// An instruction as it is emitted in a state: see [`Inst::at`].
pub struct InState<'a>(Inst, &'a EmitState<'a>);

impl Display for InState<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut inst = self.0;
        if let Some(mem) = inst.memory_operand() {
            inst.set_memory(self.1.resolve(mem));
        }
        inst.fmt(f)
    }
}

impl Inst {
    /// Prints with places in the frame resolved, as emission would in this state.
    pub fn at<'a>(&self, state: &'a EmitState<'a>) -> InState<'a> {
        InState(*self, state)
    }

    fn write_register(&self, f: &mut Formatter<'_>, index: usize, slot: usize, lane: i32) -> fmt::Result {
        let operand = &self.op.row().operands[index];
        let (reg, lane_bits) = (self.slots[slot], operand.bits_at(self.op.operation_size()));
        let letter =
            Size::ALL.iter().position(|size| size.bits() == lane_bits).map_or('q', |at| ['b', 'h', 's', 'd'][at]);
        let vector = At(reg, 0);
        match operand.shape {
            Shape::Gpr | Shape::GprSp | Shape::Scalar => At(reg, self.operand_bits(index)).fmt(f)?,
            Shape::Full => write!(f, "{vector}.{}{letter}", 128 / lane_bits)?,
            Shape::Half => write!(f, "{vector}.{}{letter}", 64 / lane_bits)?,
            Shape::Lane => write!(f, "{vector}.{letter}[{lane}]")?,
            Shape::List => write!(f, "{{{vector}.{}{letter}}}", 128 / lane_bits)?,
            Shape::ListLane => write!(f, "{{{vector}.{letter}}}[{lane}]")?,
        }
        match self.slots.get(slot + 1) {
            Some(source) if operand.role == Role::UseDef && *source != reg => write!(f, "={}", At(*source, 0)),
            _ => Ok(()),
        }
    }

    fn write_immediate(&self, f: &mut Formatter<'_>, operand: &Operand) -> fmt::Result {
        let (imm, size) = (self.imm, self.op.operation_size());
        let (low, high) = (imm & 0xff, imm >> 8);
        let cond = || Cond::from_number(self.modifier).name();
        match operand.kind {
            Kind::Shift | Kind::LogicalShift => write!(f, "{} #{imm}", Shift::ALL[self.modifier as usize & 3].name()),
            Kind::Extend if imm == 0 => f.write_str(Extend::ALL[self.modifier as usize & 7].name()),
            Kind::Extend => write!(f, "{} #{imm}", Extend::ALL[self.modifier as usize & 7].name()),
            Kind::Cond | Kind::InvertedCond | Kind::BranchCond => f.write_str(cond()),
            Kind::Imm12 if imm > 0xfff => write!(f, "#{}, lsl #12", imm >> 12),
            Kind::Bitmask => match imm::decode_bitmask(imm as u16, size) {
                Some(value) => write!(f, "#{value}"),
                None => f.write_str("#?"),
            },
            Kind::Mov16 if imm >> 16 != 0 => write!(f, "#{}, lsl #{}", imm & 0xffff, 16 * (imm >> 16)),
            Kind::Mov16 => write!(f, "#{imm}"),
            Kind::Imm64 => write!(f, "#{}", self.immediate64() as i64),
            Kind::Field | Kind::FieldTo => write!(f, "#{low}, #{high}"),
            Kind::Imm5 => write!(f, "#{}", self.disp),
            Kind::Float8 | Kind::VecFloat8 => {
                let bits = imm::decode_float(low as u8, Size::S64);
                write!(f, "#{:?}", f64::from_bits(bits))
            }
            Kind::AdrPage => write!(f, "#{}", i64::from(imm) << 12),
            Kind::Zero => f.write_str("#0"),
            Kind::FloatZero => f.write_str("#0.0"),
            Kind::Vec8Lsl if high != 0 => write!(f, "#{low}, lsl #{}", 8 * high),
            Kind::Vec8Msl => write!(f, "#{low}, msl #{}", 8 * high),
            Kind::Vec8Mask => {
                let bits = (0..8).fold(0u64, |bits, bit| bits | ((low as u64 >> bit & 1) * 0xff) << (8 * bit));
                write!(f, "#{bits}")
            }
            Kind::Target26 | Kind::Target19 | Kind::Target14 => {
                let prefix = if self.address.kind() == AddressKind::Symbol { "symbol" } else { "label" };
                write!(f, "{prefix}{}", self.disp)
            }
            _ => write!(f, "#{imm}"),
        }
    }

    /// Whether this operand is left out: a shift by nothing.
    fn is_unwritten(&self, kind: Kind) -> bool {
        let extend = Extend::ALL[self.modifier as usize & 7];
        let whole = if self.op.operation_size() == Size::S64 { Extend::Uxtx } else { Extend::Uxtw };
        let names_sp = self.slots.contains(&regs::SP);
        match kind {
            Kind::Shift | Kind::LogicalShift => self.imm == 0 && self.modifier == 0,
            Kind::Extend => self.imm == 0 && extend == whole && names_sp,
            _ => false,
        }
    }
}

impl Display for Inst {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let row = self.op.row();
        let mnemonic = row.mnemonic;
        if let Some((before, behind)) = mnemonic.split_once("{}") {
            return write!(f, "{before}{}{behind}", At(self.slots[0], 64));
        }
        let unscaled = row.mem_operand().is_some_and(|(operand, _)| {
            let bytes = self.access_bytes(operand);
            operand.kind == Kind::Mem
                && self.address.kind() == AddressKind::Offset
                && bytes != 0
                && !is_scaled(self.disp.into(), bytes)
        });
        match mnemonic.split_at_checked(2) {
            Some((start, end)) if unscaled => write!(f, "{start}u{end}")?,
            _ => f.write_str(mnemonic)?,
        }
        if row.encoding.suffix {
            f.write_str(["b", "h", "", ""][self.op.operation_size() as usize])?;
        }
        let (mut slot, mut separator, mut lane) = (0, " ", self.imm);
        for (index, operand) in row.operands.iter().enumerate() {
            if !self.is_unwritten(operand.kind) {
                f.write_str(if operand.kind == Kind::BranchCond { "" } else { separator })?;
                match operand.kind {
                    Kind::Reg => {
                        self.write_register(f, index, slot, lane)?;
                        if operand.shape == Shape::Lane {
                            lane = self.disp;
                        }
                    }
                    Kind::Mem | Kind::MemPair | Kind::MemBase => {
                        let mem = self.memory_operand().expect("the row has one");
                        mem.write(f, self.access_bytes(operand))?;
                    }
                    _ => self.write_immediate(f, operand)?,
                }
                separator = if operand.kind == Kind::BranchCond { " " } else { ", " };
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
