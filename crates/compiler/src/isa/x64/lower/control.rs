//! Conditions, branches, selects and traps.

use super::{Address, Lower, NO_TRAP, Rm, STORE, fixed, operand};
use crate::entity::Entity;
use crate::ir::{Format, Function, List, Opcode, Type, Value};
use crate::isa::convention::{Place, class_of};
use crate::isa::reg::{Reg, RegClass};
use crate::isa::x64::inst::Inst;
use crate::isa::x64::mem::Mem;
use crate::isa::x64::row::{Cond, Op, Size, SizedOp};
use crate::isa::x64::vcode::{Kind, Own, Parity, Table, Test};
use crate::regalloc::Role;
use tiercel_abi::Trap;
use tiercel_abi::vmctx::store;

/// Entries of a `br_table` that are told apart by comparisons rather than by a table. No effect on correctness.
const COMPARED_ENTRIES: usize = 4;

/// The condition of an integer comparison, and whether it compares 64 bits.
fn int_condition(op: Opcode) -> Option<(Cond, Size)> {
    use Opcode::*;
    Some(match op {
        I32Eq => (Cond::E, Size::S32),
        I32Ne => (Cond::Ne, Size::S32),
        I32LtS => (Cond::L, Size::S32),
        I32LtU => (Cond::B, Size::S32),
        I32GtS => (Cond::G, Size::S32),
        I32GtU => (Cond::A, Size::S32),
        I32LeS => (Cond::Le, Size::S32),
        I32LeU => (Cond::Be, Size::S32),
        I32GeS => (Cond::Ge, Size::S32),
        I32GeU => (Cond::Ae, Size::S32),
        I64Eq => (Cond::E, Size::S64),
        I64Ne => (Cond::Ne, Size::S64),
        I64LtS => (Cond::L, Size::S64),
        I64LtU => (Cond::B, Size::S64),
        I64GtS => (Cond::G, Size::S64),
        I64GtU => (Cond::A, Size::S64),
        I64LeS => (Cond::Le, Size::S64),
        I64LeU => (Cond::Be, Size::S64),
        I64GeS => (Cond::Ge, Size::S64),
        I64GeU => (Cond::Ae, Size::S64),
        _ => return None,
    })
}

/// The test after `ucomis` of a float comparison, whether its operands change places, and whether they are `f64`.
fn float_condition(op: Opcode) -> Option<(Test, bool, bool)> {
    use Opcode::*;
    let equal = Test { cond: Cond::E, parity: Parity::AndOrdered };
    Some(match op {
        F32Eq => (equal, false, false),
        F64Eq => (equal, false, true),
        F32Ne => (equal.negate(), false, false),
        F64Ne => (equal.negate(), false, true),
        F32Gt => (Test::of(Cond::A), false, false),
        F64Gt => (Test::of(Cond::A), false, true),
        F32Ge => (Test::of(Cond::Ae), false, false),
        F64Ge => (Test::of(Cond::Ae), false, true),
        // Less and unordered look the same to the flags, so that greater is asked for the other way round.
        F32Lt => (Test::of(Cond::A), true, false),
        F64Lt => (Test::of(Cond::A), true, true),
        F32Le => (Test::of(Cond::Ae), true, false),
        F64Le => (Test::of(Cond::Ae), true, true),
        _ => return None,
    })
}

impl Lower<'_> {
    /// Sets the flags so that the test holds if the condition, an `i32`, is not 0. A comparison that nobody has asked for is made here.
    pub(super) fn test(&mut self, condition: Value) -> Test {
        let func = self.func;
        let inst = *func.inst(condition);
        // With several users it may have taken a load into itself only once.
        if self.is_mine(condition) {
            if let Opcode::I32Eqz = inst.op {
                return self.test(self.operand(inst.a)).negate();
            }
            if let Some(test) = self.compare(condition) {
                return test;
            }
        }
        self.test_zero(condition, Size::S32, Cond::Ne);
        Test::of(Cond::Ne)
    }

    /// Makes a comparison here; none if the value is no comparison.
    pub(super) fn compare(&mut self, value: Value) -> Option<Test> {
        let inst = *self.func.inst(value);
        // The fields of others are no operands.
        if !matches!(inst.op.info().format, Format::Unary | Format::Binary | Format::Cast) {
            return None;
        }
        let (a, b) = (self.operand(inst.a), self.operand(inst.b));
        if inst.op == Opcode::I64Eqz {
            self.test_zero(a, Size::S64, Cond::E);
            return Some(Test::of(Cond::E));
        }
        if inst.op == Opcode::I32Eqz {
            self.test_zero(a, Size::S32, Cond::E);
            return Some(Test::of(Cond::E));
        }
        match inst.op {
            Opcode::RefIsNull => {
                self.test_zero(a, Size::S32, Cond::E);
                return Some(Test::of(Cond::E));
            }
            Opcode::RefEq => return Some(Test::of(self.compare_ints(a, b, Cond::E, Size::S32))),
            Opcode::RefIs => return Some(self.ref_is(value)),
            _ => {}
        }
        if let Some((cond, size)) = int_condition(inst.op) {
            return Some(Test::of(self.compare_ints(a, b, cond, size)));
        }
        let (test, swapped, is_64) = float_condition(inst.op)?;
        let (a, b) = if swapped { (b, a) } else { (a, b) };
        let (op, bytes) = if is_64 { (Op::UCOMISD, 8) } else { (Op::UCOMISS, 4) };
        let first = self.reg(a);
        let second = self.rm(b, bytes);
        self.push_rm(op, [first], second);
        Some(test)
    }

    /// Compares integers; the condition is another one if their places were exchanged.
    pub(super) fn compare_ints(&mut self, a: Value, b: Value, cond: Cond, size: Size) -> Cond {
        let func = self.func;
        let small = |value: Value| func.int_const(value).and_then(|bits| immediate(bits, size));
        // A constant belongs to the right.
        let (a, b, cond) = match (small(a), cond.swap()) {
            (Some(_), Some(swapped)) if small(b).is_none() => (b, a, swapped),
            _ => (a, b, cond),
        };
        if let Some(imm) = small(b)
            && let Some(cond) = self.compare_narrow(a, imm, cond)
        {
            return cond;
        }
        match small(b) {
            Some(0) if matches!(cond, Cond::E | Cond::Ne) => {
                self.test_zero(a, size, cond);
            }
            // A comparison with 0 by `test`: the signed ones read sign and overflow, which is 0.
            Some(0)
                if matches!(cond, Cond::L | Cond::Ge | Cond::Le | Cond::G) && !self.loads_exactly(a, bytes(size)) =>
            {
                self.test_zero(a, size, cond);
            }
            Some(imm) => match self.rm_of(a, size) {
                Rm::Reg(reg) => self.push(Inst::r(Op::CMP_I.size(size), [reg]).imm(imm)),
                Rm::Mem(Address { mem, trap, loc }) => {
                    self.push_trap(Inst::m(Op::CMP_I.size(size), [], mem).imm(imm), trap, loc);
                }
            },
            None => {
                let second = self.rm_of(b, size);
                let first = match second {
                    Rm::Reg(_) => self.rm_of(a, size),
                    Rm::Mem(_) => Rm::Reg(self.reg_of(a, size)),
                };
                match (first, second) {
                    (Rm::Reg(first), second) => self.push_rm(Op::CMP_RM.size(size), [first], second),
                    (Rm::Mem(Address { mem, trap, loc }), Rm::Reg(second)) => {
                        self.push_trap(Inst::m(Op::CMP_MR.size(size), [second], mem), trap, loc);
                    }
                    (Rm::Mem(_), Rm::Mem(_)) => unreachable!("one of them is in a register"),
                }
            }
        }
        cond
    }

    /// Sets the flags that the condition reads by a value and 0; a bitwise and that nobody has asked for is made by the test.
    fn test_zero(&mut self, value: Value, size: Size, cond: Cond) {
        // Only whether something is zero can be told by fewer bits.
        let may_narrow = matches!(cond, Cond::E | Cond::Ne);
        let func = self.func;
        let inst = *func.inst(value);
        let is_and = matches!((inst.op, size), (Opcode::I32And, Size::S32) | (Opcode::I64And, Size::S64));
        if is_and && self.is_mine(value) {
            let (a, b) = (self.operand(inst.a), self.operand(inst.b));
            if let Some(imm) = func.int_const(b).and_then(|bits| immediate(bits, size)) {
                if may_narrow && self.test_byte(a, imm) {
                    return;
                }
                // A byte of memory or of the low registers is shorter; without it is right, too.
                match self.rm_of(a, size) {
                    Rm::Reg(reg) => self.push(Inst::r(Op::TEST_I.size(size), [reg]).imm(imm)),
                    Rm::Mem(at) => {
                        self.push_trap(Inst::m(Op::TEST_I.size(size), [], at.mem).imm(imm), at.trap, at.loc);
                    }
                }
            } else {
                let (a, b) = (self.reg_of(a, size), self.reg_of(b, size));
                self.push(Inst::r(Op::TEST_MR.size(size), [a, b]));
            }
            return;
        }
        if may_narrow && self.compare_narrow(value, 0, cond).is_some() {
            return;
        }
        match self.rm_of(value, size) {
            Rm::Reg(reg) => self.push(Inst::r(Op::TEST_MR.size(size), [reg, reg])),
            Rm::Mem(at) => self.push_trap(Inst::m(Op::CMP_I.size(size), [], at.mem).imm(0), at.trap, at.loc),
        }
    }

    /// The register of an operand that is read at this width.
    pub(super) fn reg_of(&mut self, value: Value, size: Size) -> Reg {
        if size == Size::S64 { self.reg(value) } else { self.low(value) }
    }

    /// An operand that is read at this width, in a register or in memory.
    pub(super) fn rm_of(&mut self, value: Value, size: Size) -> Rm {
        if size == Size::S64 { self.rm(value, 8) } else { self.low_rm(value) }
    }

    /// A comparison whose result is wanted as a number.
    pub(super) fn comparison(&mut self, value: Value) -> bool {
        let Some(test) = self.compare(value) else { return false };
        let dst = self.def(value);
        match test.parity {
            Parity::Ignored => {
                let byte = self.temp(RegClass::Int);
                self.push(Inst::r(Op::SETCC, [byte]).cond(test.cond));
                self.push(Inst::r(Op::MOVZX_8.s32(), [dst, byte]));
            }
            parity => {
                let (first, second, both) =
                    (self.temp(RegClass::Int), self.temp(RegClass::Int), self.temp(RegClass::Int));
                let (cond, op): (Cond, SizedOp) =
                    if parity == Parity::AndOrdered { (Cond::Np, Op::AND_RM) } else { (Cond::P, Op::OR_RM) };
                self.push(Inst::r(Op::SETCC, [first]).cond(test.cond));
                self.push(Inst::r(Op::SETCC, [second]).cond(cond));
                self.push(Inst::r(op.s32(), [both, first, second]));
                self.push(Inst::r(Op::MOVZX_8.s32(), [dst, both]));
            }
        }
        true
    }

    /// `select`.
    pub(super) fn select(&mut self, value: Value) {
        let inst = *self.func.inst(value);
        let (yes, no, condition) = (self.operand(inst.a), self.operand(inst.b), self.operand(inst.c));
        let dst = self.def(value);
        let (yes, no) = (self.reg(yes), self.reg(no));
        let test = self.test(condition);
        if !inst.ty.is_int() {
            return self.select_vector(dst, yes, no, test);
        }
        let size = if inst.ty == Type::I32 { Size::S32 } else { Size::S64 };
        let op = Op::CMOVCC.size(size);
        match test.parity {
            Parity::Ignored => self.push(Inst::r(op, [dst, no, yes]).cond(test.cond)),
            // Either condition chooses `yes`.
            Parity::OrUnordered => {
                let first = self.temp(RegClass::Int);
                self.push(Inst::r(op, [first, no, yes]).cond(test.cond));
                self.push(Inst::r(op, [dst, first, yes]).cond(Cond::P));
            }
            // Either condition's opposite chooses `no`.
            Parity::AndOrdered => {
                let first = self.temp(RegClass::Int);
                self.push(Inst::r(op, [first, yes, no]).cond(test.cond.negate()));
                self.push(Inst::r(op, [dst, first, no]).cond(Cond::P));
            }
        }
    }

    /// A choice between floats or vectors: a mask from the condition, and bitwise operations, which take no branch.
    fn select_vector(&mut self, dst: Reg, yes: Reg, no: Reg, test: Test) {
        let kind = Kind::Own(Own::SelectVector(test));
        let mut moved = operand(dst, Role::Def);
        moved.constraint = crate::regalloc::Constraint::Tied(1);
        self.push_special(kind, &[moved, operand(no, Role::Use), operand(yes, Role::Use)], NO_TRAP, 0);
    }

    /// `trapz` and `trapnz`.
    pub(super) fn trap_if(&mut self, value: Value) {
        let inst = *self.func.inst(value);
        let test = self.test(self.operand(inst.a));
        let test = if inst.op == Opcode::TrapZ { test.negate() } else { test };
        self.push_trap_if(test, inst.imm);
    }

    /// Stops the guest with this trap if a condition holds.
    pub(super) fn push_trap_if(&mut self, test: Test, trap: u8) {
        self.push_special(Kind::TrapIf(test), &[], trap, 0);
    }

    /// Takes fuel.
    pub(super) fn fuel(&mut self, units: u32) {
        // In a register of its own: moves of the allocator between the two instructions may use the scratch register.
        let pointer = self.temp(RegClass::Int);
        self.push(Inst::m(Op::MOV_RM.s64(), [pointer], STORE));
        let fuel = Mem::base(pointer, store::FUEL as i32);
        match i32::try_from(units) {
            Ok(units) => self.push(Inst::m(Op::SUB_I.s64(), [], fuel).imm(units)),
            Err(_) => {
                let units = self.int_constant(units.into());
                self.push(Inst::m(Op::SUB_MR.s64(), [units], fuel));
            }
        }
        self.push_trap_if(Test::of(Cond::S), Trap::OutOfFuel.code());
    }

    /// The end of a block.
    pub(super) fn terminator(&mut self, value: Value) {
        let func = self.func;
        let inst = *func.inst(value);
        // What the edges pass is made before the flags are set.
        let mut regs = std::mem::take(&mut self.b.edge_regs);
        for edge in func.edges_of(value) {
            let data = &func.edges[edge];
            regs.clear();
            regs.extend(func.list(data.args).map(|arg| self.reg(arg)));
            let target = self.b.block_index[data.target.index()] as usize;
            self.vcode.push_edge(target, regs.iter().copied());
        }
        self.b.edge_regs = regs;
        match inst.op {
            Opcode::Jump => self.push_special(Kind::Jump, &[], NO_TRAP, 0),
            Opcode::BrIf => {
                let test = self.test(self.operand(inst.a));
                self.push_special(Kind::Branch(test), &[], NO_TRAP, 0);
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
        if compared <= COMPARED_ENTRIES {
            let index = self.low(index);
            return self.push_special(Kind::Compares(table), &[operand(index, Role::Use)], NO_TRAP, 0);
        }
        let is_inside = func.is_at_most(index, last.into());
        if is_inside || !self.cx.spectre {
            let index = self.reg(index);
            return self.push_special(Kind::Switch(table, is_inside), &[operand(index, Role::Use)], NO_TRAP, 0);
        }
        let index = self.low(index);
        // Beyond the last entry counts as the last one. The conditional move keeps the processor from reading on with a wrong index.
        let limit = self.int_constant(last.into());
        let clamped = self.temp(RegClass::Int);
        self.push(Inst::r(Op::CMP_RM.s32(), [limit, index]));
        self.push(Inst::r(Op::CMOVCC.s32(), [clamped, limit, index]).cond(Cond::A));
        self.push_special(Kind::Switch(table, true), &[operand(clamped, Role::Use)], NO_TRAP, 0);
    }

    /// Leaves with these results.
    fn ret(&mut self, results: List) {
        let func = self.func;
        let convention = std::mem::take(&mut self.b.own_convention);
        let mut operands = Vec::new();
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
        self.push_special(Kind::Return, &operands, NO_TRAP, 0);
        self.b.own_convention = convention;
    }

    /// Stores a whole register.
    pub(super) fn store_value(&mut self, ty: Type, reg: Reg, mem: Mem) {
        let op = match ty {
            Type::F32 => Op::MOVSS_STORE,
            Type::F64 => Op::MOVSD_STORE,
            Type::V128 => Op::MOVUPS_MR,
            _ => Op::MOV_MR.s64(),
        };
        self.push(Inst::m(op, [reg], mem));
    }

    /// Loads a whole register of a class that fits.
    pub(super) fn load_value(&mut self, ty: Type, reg: Reg, mem: Mem) {
        debug_assert_eq!(class_of(ty), reg.class());
        let op = match ty {
            Type::I32 => Op::MOV_RM.s32(),
            Type::F32 => Op::MOVSS_LOAD,
            Type::F64 => Op::MOVSD_LOAD,
            Type::V128 => Op::MOVUPS_RM,
            _ => Op::MOV_RM.s64(),
        };
        self.push(Inst::m(op, [reg], mem));
    }
}

/// A constant as the immediate of an instruction of this width, if it is one.
pub(super) fn immediate(bits: u64, size: Size) -> Option<i32> {
    if size == Size::S64 { i32::try_from(bits as i64).ok() } else { Some(bits as i32) }
}

/// Bytes of an operand of this width.
pub(super) const fn bytes(size: Size) -> u32 {
    size.bits() as u32 / 8
}
