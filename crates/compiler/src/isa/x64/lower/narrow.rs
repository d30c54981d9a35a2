//! Comparisons of what a narrow load extends with a constant: the extension goes, and the load becomes an operand in memory.

use super::{Address, Lower};
use crate::ir::{Opcode, Value};
use crate::isa::x64::inst::Inst;
use crate::isa::x64::row::{Cond, Op, Size};

impl Lower<'_> {
    /// Compares a narrow load that nobody else needs with a constant. The condition is the one for numbers of that width; none: it is not
    /// that, and nothing was done.
    pub(super) fn compare_narrow(&mut self, value: Value, imm: i32, cond: Cond) -> Option<Cond> {
        let (size, is_signed) = self.narrow_load(value)?;
        let cond = match (size, is_signed, cond) {
            (Size::S8, true, _) if i8::try_from(imm).is_ok() => cond,
            // A longer immediate of 16 bits would be slow to decode.
            (Size::S16, true, _) if i8::try_from(imm).is_ok() => cond,
            (Size::S8, false, _) if u8::try_from(imm).is_ok() => unsigned(cond),
            (Size::S16, false, _) if (0..=i32::from(i8::MAX)).contains(&imm) => unsigned(cond),
            _ => return None,
        };
        let Address { mem, trap, loc } = self.sink(value)?;
        self.push_trap(Inst::m(Op::CMP_I.size(size), [], mem).imm(imm), trap, loc);
        Some(cond)
    }

    /// Sets the zero flag by the bits of a byte that is loaded and that nobody else needs; `false`: it is not that.
    pub(super) fn test_byte(&mut self, value: Value, bits: i32) -> bool {
        let is_byte =
            matches!(self.narrow_load(value), Some((Size::S8, is_signed)) if !is_signed || u8::try_from(bits).is_ok());
        if !is_byte {
            return false;
        }
        let Some(Address { mem, trap, loc }) = self.sink(value) else { return false };
        self.push_trap(Inst::m(Op::TEST_I.size(Size::S8), [], mem).imm(bits & 0xff), trap, loc);
        true
    }

    /// The width of a load that extends, and whether it extends the sign.
    fn narrow_load(&self, value: Value) -> Option<(Size, bool)> {
        match self.func.inst(value).op {
            Opcode::I32Load8U | Opcode::I64Load8U => Some((Size::S8, false)),
            Opcode::I32Load8S | Opcode::I64Load8S => Some((Size::S8, true)),
            Opcode::I32Load16U | Opcode::I64Load16U => Some((Size::S16, false)),
            Opcode::I32Load16S | Opcode::I64Load16S => Some((Size::S16, true)),
            _ => None,
        }
    }
}

/// The condition that says of narrow unsigned numbers what this one says of them with zeros in front.
fn unsigned(cond: Cond) -> Cond {
    match cond {
        Cond::L => Cond::B,
        Cond::Le => Cond::Be,
        Cond::G => Cond::A,
        Cond::Ge => Cond::Ae,
        cond => cond,
    }
}
