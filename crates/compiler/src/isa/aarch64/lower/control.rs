//! Conditions, branches, selects and traps.

use super::{Lower, NO_TRAP, STORE, fixed, operand};
use crate::entity::Entity;
use crate::ir::{Function, List, Opcode, Type, Value};
use crate::isa::aarch64::imm::{encode_bitmask, is_imm12};
use crate::isa::aarch64::inst::Inst;
use crate::isa::aarch64::mem::Mem;
use crate::isa::aarch64::row::{Cond, Extend, Op, Size};
use crate::isa::aarch64::vcode::{Kind, Table, Test};
use crate::isa::convention::{Place, class_of};
use crate::isa::reg::{Reg, RegClass};
use crate::regalloc::Role;
use tiercel_abi::Trap;
use tiercel_abi::vmctx::store;

/// Entries of a `br_table` that are told apart by comparisons rather than by a table. No effect on correctness.
const COMPARED_ENTRIES: usize = 4;

/// The condition of an integer comparison, and whether it compares 64 bits.
fn int_condition(op: Opcode) -> Option<(Cond, Size)> {
    use Opcode::*;
    Some(match op {
        I32Eq => (Cond::Eq, Size::S32),
        I32Ne => (Cond::Ne, Size::S32),
        I32LtS => (Cond::Lt, Size::S32),
        I32LtU => (Cond::Lo, Size::S32),
        I32GtS => (Cond::Gt, Size::S32),
        I32GtU => (Cond::Hi, Size::S32),
        I32LeS => (Cond::Le, Size::S32),
        I32LeU => (Cond::Ls, Size::S32),
        I32GeS => (Cond::Ge, Size::S32),
        I32GeU => (Cond::Hs, Size::S32),
        I64Eq => (Cond::Eq, Size::S64),
        I64Ne => (Cond::Ne, Size::S64),
        I64LtS => (Cond::Lt, Size::S64),
        I64LtU => (Cond::Lo, Size::S64),
        I64GtS => (Cond::Gt, Size::S64),
        I64GtU => (Cond::Hi, Size::S64),
        I64LeS => (Cond::Le, Size::S64),
        I64LeU => (Cond::Ls, Size::S64),
        I64GeS => (Cond::Ge, Size::S64),
        I64GeU => (Cond::Hs, Size::S64),
        _ => return None,
    })
}

/// The condition after `fcmp`, with unordered operands on the right side: each holds or does not as WebAssembly says.
fn float_condition(op: Opcode) -> Option<(Cond, Size)> {
    use Opcode::*;
    Some(match op {
        F32Eq => (Cond::Eq, Size::S32),
        F64Eq => (Cond::Eq, Size::S64),
        F32Ne => (Cond::Ne, Size::S32),
        F64Ne => (Cond::Ne, Size::S64),
        F32Gt => (Cond::Gt, Size::S32),
        F64Gt => (Cond::Gt, Size::S64),
        F32Ge => (Cond::Ge, Size::S32),
        F64Ge => (Cond::Ge, Size::S64),
        F32Lt => (Cond::Mi, Size::S32),
        F64Lt => (Cond::Mi, Size::S64),
        F32Le => (Cond::Ls, Size::S32),
        F64Le => (Cond::Ls, Size::S64),
        _ => return None,
    })
}

impl Lower<'_> {
    /// What a branch depends on, so that it is taken if the condition, an `i32`, is not 0: flags that are set here, or a register. A comparison
    /// that nobody has asked for is made here.
    pub(super) fn test(&mut self, condition: Value) -> (Test, Option<Reg>) {
        let func = self.func;
        let inst = *func.inst(condition);
        if self.is_mine(condition) {
            let a = self.operand(inst.a);
            match inst.op {
                Opcode::I32Eqz => {
                    let (test, reg) = self.test(a);
                    return (test.negate(), reg);
                }
                Opcode::I64Eqz => return self.test_zero(a, Size::S64, true),
                Opcode::RefIsNull => return self.test_zero(a, Size::S32, true),
                _ => {}
            }
            if let Some((cond, size)) = int_condition(inst.op)
                && func.int_const(self.operand(inst.b)) == Some(0)
            {
                let sign = size.bits() as u8 - 1;
                match cond {
                    Cond::Eq => return self.test_zero(a, size, true),
                    Cond::Ne => return self.test_zero(a, size, false),
                    Cond::Lt => return (Test::Bit(sign, true), Some(self.reg_of(a, size))),
                    Cond::Ge => return (Test::Bit(sign, false), Some(self.reg_of(a, size))),
                    _ => {}
                }
            }
            if let Some(cond) = self.compare(condition) {
                return (Test::Flags(cond), None);
            }
        }
        self.test_zero(condition, Size::S32, false)
    }

    /// Whether a value is 0 or not; of a bitwise and that nobody has asked for.
    fn test_zero(&mut self, value: Value, size: Size, zero: bool) -> (Test, Option<Reg>) {
        let func = self.func;
        let inst = func.inst(value);
        let is_and = matches!((inst.op, size), (Opcode::I32And, Size::S32) | (Opcode::I64And, Size::S64));
        if is_and && self.is_mine(value) {
            let (a, b) = (self.operand(inst.a), self.operand(inst.b));
            if let Some(bits) = func.int_const(b).filter(|bits| bits.is_power_of_two()) {
                return (Test::Bit(bits.trailing_zeros() as u8, !zero), Some(self.reg_of(a, size)));
            }
            self.test_bits(a, b, size);
            return (Test::Flags(if zero { Cond::Eq } else { Cond::Ne }), None);
        }
        (Test::Zero(size, zero), Some(self.reg_of(value, size)))
    }

    /// Sets the flags by a bitwise and.
    fn test_bits(&mut self, a: Value, b: Value, size: Size) {
        match self.func.int_const(b).and_then(|bits| encode_bitmask(bits, size)) {
            Some(mask) => {
                let a = self.reg_of(a, size);
                self.push(Inst::r(Op::TST_I.size(size), [a]).imm(mask.into()));
            }
            None => {
                let (a, b) = (self.reg_of(a, size), self.reg_of(b, size));
                self.push(Inst::r(Op::TST_S.size(size), [a, b]));
            }
        }
    }

    /// Sets the flags so that the condition holds if the value, an `i32`, is not 0.
    pub(super) fn flags(&mut self, condition: Value) -> Cond {
        if self.is_mine(condition) {
            if self.func.inst(condition).op == Opcode::I32Eqz {
                return self.flags(self.operand(self.func.inst(condition).a)).negate();
            }
            if let Some(cond) = self.compare(condition) {
                return cond;
            }
        }
        self.compare_zero(condition, Size::S32);
        Cond::Ne
    }

    /// Compares a value with 0, equal or not.
    fn compare_zero(&mut self, value: Value, size: Size) {
        let inst = self.func.inst(value);
        let is_and = matches!((inst.op, size), (Opcode::I32And, Size::S32) | (Opcode::I64And, Size::S64));
        if is_and && self.is_mine(value) {
            return self.test_bits(self.operand(inst.a), self.operand(inst.b), size);
        }
        let reg = self.reg_of(value, size);
        self.push(Inst::r(Op::CMP_I.size(size), [reg]).imm(0));
    }

    /// Makes a comparison here and gives the condition that holds after it; none if the value is no comparison.
    pub(super) fn compare(&mut self, value: Value) -> Option<Cond> {
        let inst = *self.func.inst(value);
        let (a, b) = (self.operand(inst.a), self.operand(inst.b));
        match inst.op {
            Opcode::I64Eqz => {
                self.compare_zero(a, Size::S64);
                return Some(Cond::Eq);
            }
            Opcode::RefEq => return Some(self.compare_ints(a, b, Cond::Eq, Size::S32)),
            Opcode::RefIs => return Some(self.ref_is(value)),
            Opcode::I32Eqz | Opcode::RefIsNull => {
                self.compare_zero(a, Size::S32);
                return Some(Cond::Eq);
            }
            _ => {}
        }
        if let Some((cond, size)) = int_condition(inst.op) {
            return Some(self.compare_ints(a, b, cond, size));
        }
        let (cond, size) = float_condition(inst.op)?;
        let first = self.reg(a);
        if self.func.const_bits(b) == Some(0) {
            self.push(Inst::r(Op::FCMP_0.size(size), [first]));
        } else {
            let second = self.reg(b);
            self.push(Inst::r(Op::FCMP.size(size), [first, second]));
        }
        Some(cond)
    }

    fn compare_ints(&mut self, a: Value, b: Value, cond: Cond, size: Size) -> Cond {
        let func = self.func;
        // A constant belongs to the right.
        let (a, b, cond) = match (func.int_const(a), cond.swap()) {
            (Some(_), Some(swapped)) if func.int_const(b).is_none() => (b, a, swapped),
            _ => (a, b, cond),
        };
        if let Some(bits) = func.int_const(b) {
            if bits == 0 && matches!(cond, Cond::Eq | Cond::Ne) {
                self.compare_zero(a, size);
                return cond;
            }
            let negated = bits.wrapping_neg() & if size == Size::S64 { u64::MAX } else { 0xffff_ffff };
            if is_imm12(bits) {
                let a = self.reg_of(a, size);
                self.push(Inst::r(Op::CMP_I.size(size), [a]).imm(bits as i32));
                return cond;
            }
            // Not for 0, of which the negative has no carry; flags are the same for all others.
            if is_imm12(negated) {
                let a = self.reg_of(a, size);
                self.push(Inst::r(Op::CMN_I.size(size), [a]).imm(negated as i32));
                return cond;
            }
        }
        let first = self.reg_of(a, size);
        let (second, shift, amount) = self.shifted_operand(b, size);
        self.push(Inst::r(Op::CMP_S.size(size), [first, second]).shift(shift, amount));
        cond
    }

    /// The register of an operand that is read at this width.
    pub(super) fn reg_of(&mut self, value: Value, size: Size) -> Reg {
        if size == Size::S64 { self.reg(value) } else { self.low(value) }
    }

    /// A comparison whose result is wanted as a number.
    pub(super) fn comparison(&mut self, value: Value) -> bool {
        let Some(cond) = self.compare(value) else { return false };
        let dst = self.def(value);
        self.push(Inst::r(Op::CSET.s32(), [dst]).cond(cond));
        true
    }

    /// `select`.
    pub(super) fn select(&mut self, value: Value) {
        let inst = *self.func.inst(value);
        let (yes, no, condition) = (self.operand(inst.a), self.operand(inst.b), self.operand(inst.c));
        let dst = self.def(value);
        let (yes, no) = (self.reg(yes), self.reg(no));
        let cond = self.flags(condition);
        match inst.ty {
            Type::I32 => self.push(Inst::r(Op::CSEL.s32(), [dst, yes, no]).cond(cond)),
            Type::F32 => self.push(Inst::r(Op::FCSEL.s32(), [dst, yes, no]).cond(cond)),
            Type::F64 => self.push(Inst::r(Op::FCSEL.s64(), [dst, yes, no]).cond(cond)),
            Type::V128 => {
                // A mask of all bits or none, and a bitwise choice.
                let bits = self.temp(RegClass::Int);
                let mask = self.vcode.new_vreg(RegClass::Vector, true, false);
                self.push(Inst::r(Op::CSETM.s64(), [bits]).cond(cond));
                self.push(Inst::r(Op::VDUP_G.s64(), [mask, bits]));
                self.push(Inst::r(Op::VBSL, [dst, mask, yes, no]));
            }
            Type::I64 | Type::Ref | Type::None => self.push(Inst::r(Op::CSEL.s64(), [dst, yes, no]).cond(cond)),
        }
    }

    /// `trapz` and `trapnz`.
    pub(super) fn trap_if(&mut self, value: Value) {
        let inst = *self.func.inst(value);
        let (test, reg) = self.test(self.operand(inst.a));
        let test = if inst.op == Opcode::TrapZ { test.negate() } else { test };
        self.push_trap_if(test, reg, inst.imm);
    }

    /// Stops the guest with this trap if a condition holds.
    pub(super) fn push_trap_if(&mut self, test: Test, reg: Option<Reg>, trap: u8) {
        let operands = reg.map(|reg| operand(reg, Role::Use));
        self.push_special(Kind::TrapIf(test), operands.as_slice(), trap, 0);
    }

    /// Takes fuel.
    pub(super) fn fuel(&mut self, units: u32) {
        let (at, fuel, rest) = (self.temp(RegClass::Int), self.temp(RegClass::Int), self.temp(RegClass::Int));
        self.push(Inst::m(Op::LDR_X, [at], STORE));
        let place = Mem::base(at, store::FUEL as i32);
        self.push(Inst::m(Op::LDR_X, [fuel], place));
        if is_imm12(units.into()) {
            self.push(Inst::r(Op::SUBC_I.s64(), [rest, fuel]).imm(units as i32));
        } else {
            let units = self.int_constant(units.into());
            self.push(Inst::r(Op::SUBC_S.s64(), [rest, fuel, units]));
        }
        self.push(Inst::m(Op::STR_X, [rest], place));
        self.push_trap_if(Test::Flags(Cond::Mi), None, Trap::OutOfFuel.code());
    }

    /// The end of a block.
    pub(super) fn terminator(&mut self, value: Value) {
        let func = self.func;
        let inst = *func.inst(value);
        // What the edges pass is made before the flags are set.
        let mut regs = std::mem::take(&mut self.b.edge_regs);
        self.b.shared.apart = true;
        for edge in func.edges_of(value) {
            let data = &func.edges[edge];
            regs.clear();
            regs.extend(func.list(data.args).map(|arg| self.reg(arg)));
            let target = self.b.block_index[data.target.index()] as usize;
            self.vcode.push_edge(target, regs.iter().copied());
        }
        self.b.edge_regs = regs;
        self.b.shared.apart = false;
        match inst.op {
            Opcode::Jump => self.push_special(Kind::Jump, &[], NO_TRAP, 0),
            Opcode::BrIf => {
                let (test, reg) = self.test(self.operand(inst.a));
                let operands = reg.map(|reg| operand(reg, Role::Use));
                self.push_special(Kind::Branch(test), operands.as_slice(), NO_TRAP, 0);
            }
            Opcode::BrTable => self.br_table(func, value),
            Opcode::Return => self.ret(List(inst.b)),
            Opcode::Trap => self.push_special(Kind::Trap, &[], inst.imm, 0),
            _ => self.tail_call(value),
        }
    }

    fn br_table(&mut self, func: &Function, value: Value) {
        let inst = *func.inst(value);
        let entries = func.numbers(List(inst.b));
        let last = entries.len() as u32 - 1;
        let index = self.operand(inst.a);
        let label = self.asm.label();
        let first = self.vcode.table_entries.len() as u32;
        self.vcode.table_entries.extend_from_slice(entries);
        let table = self.vcode.tables.len() as u32;
        self.vcode.tables.push(Table { label, entries: first..first + last + 1 });
        let compared = entries.iter().filter(|entry| **entry != entries[last as usize]).count();
        let index = self.low(index);
        if compared <= COMPARED_ENTRIES {
            return self.push_special(Kind::Compares(table), &[operand(index, Role::Use)], NO_TRAP, 0);
        }
        let is_inside = func.is_at_most(self.operand(inst.a), last.into());
        if !is_inside && !self.cx.spectre {
            return self.push_special(Kind::Switch(table, false), &[operand(index, Role::Use)], NO_TRAP, 0);
        }
        // Beyond the last entry counts as the last one. The conditional move keeps the processor from reading on with a wrong index.
        let clamped = if is_inside { index } else { self.temp(RegClass::Int) };
        if !is_inside {
            let limit = self.int_constant(last.into());
            self.push(Inst::r(Op::CMP_S.s32(), [index, limit]));
            self.push(Inst::r(Op::CSEL.s32(), [clamped, index, limit]).cond(Cond::Lo));
        }
        let (base, distance, target) = (self.temp(RegClass::Int), self.temp(RegClass::Int), self.temp(RegClass::Int));
        self.push(Inst::m(Op::LEA, [base], Mem::label(label)));
        self.push(Inst::m(Op::LDRSW, [distance], Mem::indexed(base, clamped, Extend::Uxtw, true)));
        self.push(Inst::r(Op::ADD_S.s64(), [target, base, distance]));
        self.push_special(Kind::Switch(table, true), &[operand(target, Role::Use)], NO_TRAP, 0);
    }

    /// Leaves with these results.
    fn ret(&mut self, results: List) {
        let func = self.func;
        let convention = std::mem::take(&mut self.b.own_convention);
        let mut operands = Vec::new();
        self.b.shared.apart = true;
        for (value, place) in func.list(results).zip(&convention.results) {
            let reg = self.reg(value);
            match *place {
                Place::Reg(physical) => operands.push(fixed(reg, Role::Use, physical)),
                Place::Memory(offset) => {
                    let mem = Mem::base(self.result_buffer, offset as i32);
                    self.store_value(func.ty(value), reg, mem);
                }
            }
        }
        self.b.shared.apart = false;
        self.push_special(Kind::Return, &operands, NO_TRAP, 0);
        self.b.own_convention = convention;
    }

    /// Stores a whole register.
    pub(super) fn store_value(&mut self, ty: Type, reg: Reg, mem: Mem) {
        let op = match ty {
            Type::F32 => Op::STR_S,
            Type::F64 => Op::STR_D,
            Type::V128 => Op::STR_Q,
            _ => Op::STR_X,
        };
        self.push(Inst::m(op, [reg], mem));
    }

    /// Loads a whole register of a class that fits.
    pub(super) fn load_value(&mut self, ty: Type, reg: Reg, mem: Mem) {
        debug_assert_eq!(class_of(ty), reg.class());
        let op = match ty {
            Type::I32 => Op::LDR_W,
            Type::F32 => Op::LDR_S,
            Type::F64 => Op::LDR_D,
            Type::V128 => Op::LDR_Q,
            _ => Op::LDR_X,
        };
        self.push(Inst::m(op, [reg], mem));
    }
}
