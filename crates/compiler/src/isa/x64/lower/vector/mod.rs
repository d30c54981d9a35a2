//! Vectors of 128 bits. [`rows`] (what is one instruction or a few), [`arith`] (arithmetic, shifts, comparisons), [`lanes`] (lanes, shuffles), [`convert`]
//! (conversions).
//!
//! Most opcodes have a [`vectors::Row`]; the rest are short sequences. The meaning of the relaxed ones is that of `tiercel_wasm::numeric`, as in all tiers.

mod arith;
mod convert;
mod lanes;
mod rows;

use super::{Address, Lower, NO_TRAP, Rm};
use crate::ir::Value;
use crate::isa::reg::Reg;
use crate::isa::x64::inst::Inst;
use crate::isa::x64::row::Op;
use crate::isa::x64::vectors;

impl Lower<'_> {
    /// Lowers an instruction of this family; `false`: it is of another one.
    pub(super) fn vector(&mut self, value: Value) -> bool {
        let inst = *self.func.inst(value);
        if let Some(row) = vectors::row(inst.op, inst.imm, self.asm.features()) {
            self.vector_row(value, row);
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
