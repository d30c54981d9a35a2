//! Vectors of 128 bits. [`arith`] (arithmetic, shifts, comparisons), [`lanes`] (lanes, shuffles, widths), [`convert`] (conversions).
//!
//! Most opcodes are one instruction of two operands, [`Lower::binary_row`]; the rest are short sequences. The meaning of the relaxed ones is
//! that of `tiercel_wasm::numeric`, as in all tiers.

mod arith;
mod convert;
mod lanes;

use super::{Address, Lower, NO_TRAP, Rm};
use crate::ir::{Opcode, Value};
use crate::isa::reg::Reg;
use crate::isa::x64::inst::Inst;
use crate::isa::x64::row::Op;

/// Which operand comes first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    Same,
    Swapped,
}

impl Lower<'_> {
    /// Lowers an instruction of this family; `false`: it is of another one.
    pub(super) fn vector(&mut self, value: Value) -> bool {
        let inst = *self.func.inst(value);
        if let Some((op, order, imm)) = binary_row(inst.op) {
            let (a, b) = (self.operand(inst.a), self.operand(inst.b));
            let (a, b) = if order == Order::Swapped { (b, a) } else { (a, b) };
            let dst = self.def(value);
            let second = self.rm(b, 16);
            let first = self.reg(a);
            self.push_rmi(op, [dst, first], second, imm);
            return true;
        }
        if let Some((op, imm)) = unary_row(inst.op) {
            let a = self.operand(inst.a);
            let dst = self.def(value);
            let source = self.reg(a);
            self.push(Inst::r(op, [dst, source]).imm(imm));
            return true;
        }
        self.vector_arith(value) || self.vector_lanes(value) || self.vector_convert(value)
    }

    /// A new register with the result of an operation.
    fn vec(&mut self, op: Op, x: Reg, y: Reg) -> Reg {
        let dst = self.temp_v128();
        self.push(Inst::r(op, [dst, x, y]));
        dst
    }

    /// The same with an immediate.
    fn vec_imm(&mut self, op: Op, x: Reg, y: Reg, imm: i32) -> Reg {
        let dst = self.temp_v128();
        self.push(Inst::r(op, [dst, x, y]).imm(imm));
        dst
    }

    /// A new register with the result of an operation of one operand, with an immediate: shifts, `pshufd`, widening.
    fn vec_unary(&mut self, op: Op, x: Reg, imm: i32) -> Reg {
        let dst = self.temp_v128();
        self.push(Inst::r(op, [dst, x]).imm(imm));
        dst
    }

    /// A new register with the result of an operation with a constant.
    fn vec_by(&mut self, op: Op, x: Reg, bits: u128) -> Reg {
        let dst = self.temp_v128();
        self.push_const(op, dst, x, bits);
        dst
    }

    /// An operation with a constant.
    fn push_const(&mut self, op: Op, dst: Reg, x: Reg, bits: u128) {
        let mem = self.pool(bits, 16);
        self.push_rm(op, [dst, x], Rm::Mem(Address { mem, trap: NO_TRAP, loc: self.loc }));
    }

    /// Zero in a new register.
    fn vec_zero(&mut self) -> Reg {
        let dst = self.temp_v128();
        self.zero(dst);
        dst
    }

    /// A constant in a new register.
    fn vec_const(&mut self, bits: u128) -> Reg {
        self.vector_constant(crate::ir::Type::V128, bits)
    }
}

/// All lanes the same.
const fn lanes8(lane: u8) -> u128 {
    lane as u128 * 0x0101_0101_0101_0101_0101_0101_0101_0101
}

/// All lanes the same.
const fn lanes16(lane: u16) -> u128 {
    lane as u128 * 0x0001_0001_0001_0001_0001_0001_0001_0001
}

/// All lanes the same.
const fn lanes32(lane: u32) -> u128 {
    lane as u128 * 0x0000_0001_0000_0001_0000_0001_0000_0001
}

/// All lanes the same.
const fn lanes64(lane: u64) -> u128 {
    lane as u128 * 0x0000_0000_0000_0001_0000_0000_0000_0001
}

/// The opcodes that are one instruction of two operands: which, in which order, with which immediate.
fn binary_row(op: Opcode) -> Option<(Op, Order, i32)> {
    use Opcode::*;
    use Order::{Same, Swapped};
    Some(match op {
        V128And => (Op::PAND, Same, 0),
        V128Or => (Op::POR, Same, 0),
        V128Xor => (Op::PXOR, Same, 0),
        V128AndNot => (Op::PANDN, Swapped, 0),
        I8x16Add => (Op::PADDB, Same, 0),
        I8x16Sub => (Op::PSUBB, Same, 0),
        I8x16AddSatS => (Op::PADDSB, Same, 0),
        I8x16AddSatU => (Op::PADDUSB, Same, 0),
        I8x16SubSatS => (Op::PSUBSB, Same, 0),
        I8x16SubSatU => (Op::PSUBUSB, Same, 0),
        I8x16MinS => (Op::PMINSB, Same, 0),
        I8x16MinU => (Op::PMINUB, Same, 0),
        I8x16MaxS => (Op::PMAXSB, Same, 0),
        I8x16MaxU => (Op::PMAXUB, Same, 0),
        I8x16AvgrU => (Op::PAVGB, Same, 0),
        I8x16Eq => (Op::PCMPEQB, Same, 0),
        I8x16GtS => (Op::PCMPGTB, Same, 0),
        I8x16LtS => (Op::PCMPGTB, Swapped, 0),
        I8x16NarrowI16x8S => (Op::PACKSSWB, Same, 0),
        I8x16NarrowI16x8U => (Op::PACKUSWB, Same, 0),
        I16x8Add => (Op::PADDW, Same, 0),
        I16x8Sub => (Op::PSUBW, Same, 0),
        I16x8AddSatS => (Op::PADDSW, Same, 0),
        I16x8AddSatU => (Op::PADDUSW, Same, 0),
        I16x8SubSatS => (Op::PSUBSW, Same, 0),
        I16x8SubSatU => (Op::PSUBUSW, Same, 0),
        I16x8Mul => (Op::PMULLW, Same, 0),
        I16x8MinS => (Op::PMINSW, Same, 0),
        I16x8MinU => (Op::PMINUW, Same, 0),
        I16x8MaxS => (Op::PMAXSW, Same, 0),
        I16x8MaxU => (Op::PMAXUW, Same, 0),
        I16x8AvgrU => (Op::PAVGW, Same, 0),
        I16x8Eq => (Op::PCMPEQW, Same, 0),
        I16x8GtS => (Op::PCMPGTW, Same, 0),
        I16x8LtS => (Op::PCMPGTW, Swapped, 0),
        I16x8NarrowI32x4S => (Op::PACKSSDW, Same, 0),
        I16x8NarrowI32x4U => (Op::PACKUSDW, Same, 0),
        I32x4Add => (Op::PADDD, Same, 0),
        I32x4Sub => (Op::PSUBD, Same, 0),
        I32x4Mul => (Op::PMULLD, Same, 0),
        I32x4MinS => (Op::PMINSD, Same, 0),
        I32x4MinU => (Op::PMINUD, Same, 0),
        I32x4MaxS => (Op::PMAXSD, Same, 0),
        I32x4MaxU => (Op::PMAXUD, Same, 0),
        I32x4Eq => (Op::PCMPEQD, Same, 0),
        I32x4GtS => (Op::PCMPGTD, Same, 0),
        I32x4LtS => (Op::PCMPGTD, Swapped, 0),
        I32x4DotI16x8S => (Op::PMADDWD, Same, 0),
        I64x2Add => (Op::PADDQ, Same, 0),
        I64x2Sub => (Op::PSUBQ, Same, 0),
        I64x2Eq => (Op::PCMPEQQ, Same, 0),
        F32x4Add => (Op::ADDPS, Same, 0),
        F32x4Sub => (Op::SUBPS, Same, 0),
        F32x4Mul => (Op::MULPS, Same, 0),
        F32x4Div => (Op::DIVPS, Same, 0),
        // The processor gives its second operand where they are equal or unordered; WebAssembly the first.
        F32x4PMin => (Op::MINPS, Swapped, 0),
        F32x4PMax => (Op::MAXPS, Swapped, 0),
        F32x4Eq => (Op::CMPPS, Same, 0),
        F32x4Lt => (Op::CMPPS, Same, 1),
        F32x4Le => (Op::CMPPS, Same, 2),
        F32x4Ne => (Op::CMPPS, Same, 4),
        F32x4Gt => (Op::CMPPS, Swapped, 1),
        F32x4Ge => (Op::CMPPS, Swapped, 2),
        F64x2Add => (Op::ADDPD, Same, 0),
        F64x2Sub => (Op::SUBPD, Same, 0),
        F64x2Mul => (Op::MULPD, Same, 0),
        F64x2Div => (Op::DIVPD, Same, 0),
        F64x2PMin => (Op::MINPD, Swapped, 0),
        F64x2PMax => (Op::MAXPD, Swapped, 0),
        F64x2Eq => (Op::CMPPD, Same, 0),
        F64x2Lt => (Op::CMPPD, Same, 1),
        F64x2Le => (Op::CMPPD, Same, 2),
        F64x2Ne => (Op::CMPPD, Same, 4),
        F64x2Gt => (Op::CMPPD, Swapped, 1),
        F64x2Ge => (Op::CMPPD, Swapped, 2),
        _ => return None,
    })
}

/// The opcodes that are one instruction of one operand, with its immediate.
fn unary_row(op: Opcode) -> Option<(Op, i32)> {
    use Opcode::*;
    Some(match op {
        I8x16Abs => (Op::PABSB, 0),
        I16x8Abs => (Op::PABSW, 0),
        I32x4Abs => (Op::PABSD, 0),
        F32x4Sqrt => (Op::SQRTPS, 0),
        F64x2Sqrt => (Op::SQRTPD, 0),
        F32x4Nearest => (Op::ROUNDPS, 8),
        F32x4Floor => (Op::ROUNDPS, 9),
        F32x4Ceil => (Op::ROUNDPS, 10),
        F32x4Trunc => (Op::ROUNDPS, 11),
        F64x2Nearest => (Op::ROUNDPD, 8),
        F64x2Floor => (Op::ROUNDPD, 9),
        F64x2Ceil => (Op::ROUNDPD, 10),
        F64x2Trunc => (Op::ROUNDPD, 11),
        I16x8ExtendLowI8x16S => (Op::PMOVSXBW, 0),
        I16x8ExtendLowI8x16U => (Op::PMOVZXBW, 0),
        I32x4ExtendLowI16x8S => (Op::PMOVSXWD, 0),
        I32x4ExtendLowI16x8U => (Op::PMOVZXWD, 0),
        I64x2ExtendLowI32x4S => (Op::PMOVSXDQ, 0),
        I64x2ExtendLowI32x4U => (Op::PMOVZXDQ, 0),
        F32x4ConvertI32x4S => (Op::CVTDQ2PS, 0),
        F64x2ConvertLowI32x4S => (Op::CVTDQ2PD, 0),
        F32x4DemoteF64x2Zero => (Op::CVTPD2PS, 0),
        F64x2PromoteLowF32x4 => (Op::CVTPS2PD, 0),
        I8x16Bitmask => (Op::PMOVMSKB, 0),
        I32x4Bitmask => (Op::MOVMSKPS, 0),
        I64x2Bitmask => (Op::MOVMSKPD, 0),
        _ => return None,
    })
}
