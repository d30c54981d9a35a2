//! Integers: arithmetic, comparisons, selection.
//!
//! A result's register is chosen when the operands are known and before an operand is brought to the scratch register, since what is chosen may make
//! copies; and it is written last, since it may be an operand's.

use super::{Aarch64, Test, Value, size_of};
use crate::baseline::Baseline;
use crate::baseline::machine::{Alu, Shift};
use crate::baseline::state::{Operand, Place};
use crate::ir::Type;
use crate::isa::aarch64::imm::{encode_bitmask, is_imm12};
use crate::isa::aarch64::inst::Inst;
use crate::isa::aarch64::mem::Mem;
use crate::isa::aarch64::regs::{ADDRESS_SCRATCH, SCRATCH, VMCTX, ZR};
use crate::isa::aarch64::row::{Cond, Extend, Op, Size, SizedOp};
use crate::isa::convention::class_of;
use crate::isa::reg::{Reg, RegClass};
use crate::translate::Context;
use tiercel_abi::Trap;
use tiercel_abi::vmctx::func_ref;
use wasmparser::Operator;

impl Alu {
    /// With two registers.
    const fn op(self) -> SizedOp {
        match self {
            Alu::Add => Op::ADD_S,
            Alu::Sub => Op::SUB_S,
            Alu::And => Op::AND_S,
            Alu::Or => Op::ORR_S,
            Alu::Xor => Op::EOR_S,
        }
    }
}

impl Shift {
    /// By a register, and by a number.
    const fn op_pair(self) -> (SizedOp, SizedOp) {
        match self {
            Shift::Shl => (Op::LSL, Op::LSL_I),
            Shift::Sar => (Op::ASR, Op::ASR_I),
            Shift::Shr => (Op::LSR, Op::LSR_I),
            Shift::Rol | Shift::Ror => (Op::ROR, Op::ROR_I),
        }
    }
}

fn reg_of(operand: Operand) -> Option<Reg> {
    match operand {
        Operand::Reg(reg) => Some(reg),
        _ => None,
    }
}

/// A constant operand as a number of its width.
fn constant_of(value: &Value) -> Option<u64> {
    match value.place {
        Place::Const(bits) if value.ty == Type::I32 => Some(bits & 0xffff_ffff),
        Place::Const(bits) => Some(bits),
        _ => None,
    }
}

impl Baseline<Aarch64> {
    /// An operand in a register for the next instruction: its own, the scratch register, or the zero register.
    pub(super) fn brought(&mut self, ty: Type, operand: Operand) -> Reg {
        match operand {
            Operand::Reg(reg) => reg,
            Operand::Home(home) => {
                self.load(ty, SCRATCH, home);
                SCRATCH
            }
            Operand::Imm(imm) if ty == Type::I32 => self.constant_or_zero((imm as u32).into()),
            Operand::Imm(imm) => self.constant_or_zero(i64::from(imm) as u64),
        }
    }

    /// Gives back registers that are not the result's.
    pub(super) fn release_but(&mut self, regs: [Option<Reg>; 2], result: Reg) {
        for reg in regs.into_iter().flatten() {
            if reg != result {
                self.release(reg);
            }
        }
    }

    /// Emits an operation on two operands and pushes its result.
    fn binary(&mut self, ty: Type, op: Op, a: Value, b: Value) {
        let second = self.operand(b);
        let first = self.in_reg(a);
        let held = [Some(first), reg_of(second)];
        let dst = self.result(RegClass::Int, held);
        let second = self.brought(ty, second);
        self.asm.quick_rrr(op, dst, first, second);
        self.release_but(held, dst);
        self.push_reg(ty, dst);
    }

    pub(in crate::baseline) fn alu(&mut self, ty: Type, alu: Alu) {
        let (b, a) = (self.pop(), self.pop());
        let swap = alu != Alu::Sub && matches!(a.place, Place::Const(_));
        let (a, b) = if swap { (b, a) } else { (a, b) };
        if let Some(bits) = constant_of(&b)
            && self.alu_constant(ty, alu, a, bits)
        {
            return;
        }
        self.binary(ty, alu.op().size(size_of(ty)), a, b);
    }

    /// An operation with a constant that the instruction holds; `false`: it does not.
    fn alu_constant(&mut self, ty: Type, alu: Alu, a: Value, bits: u64) -> bool {
        let size = size_of(ty);
        let negative = if ty == Type::I32 { u64::from((bits as u32).wrapping_neg()) } else { bits.wrapping_neg() };
        let (op, imm) = match alu {
            Alu::Add if is_imm12(bits) => (Op::ADD_I, bits),
            Alu::Add if is_imm12(negative) => (Op::SUB_I, negative),
            Alu::Sub if is_imm12(bits) => (Op::SUB_I, bits),
            Alu::Sub if is_imm12(negative) => (Op::ADD_I, negative),
            Alu::Add | Alu::Sub => return false,
            _ => {
                let Some(mask) = encode_bitmask(bits, size) else { return false };
                let op = match alu {
                    Alu::And => Op::AND_I,
                    Alu::Or => Op::ORR_I,
                    _ => Op::EOR_I,
                };
                (op, mask.into())
            }
        };
        let first = self.in_reg(a);
        let dst = self.result(RegClass::Int, [Some(first), None]);
        if matches!(alu, Alu::Add | Alu::Sub) {
            self.asm.quick_imm12(op.size(size), dst, first, imm as u32);
        } else {
            self.asm.quick_inst(&Inst::r(op.size(size), [dst, first]).imm(imm as i32));
        }
        self.release_but([Some(first), None], dst);
        self.push_reg(ty, dst);
        true
    }

    pub(in crate::baseline) fn mul(&mut self, ty: Type) {
        let (b, a) = (self.pop(), self.pop());
        let (a, b) = if matches!(a.place, Place::Const(_)) { (b, a) } else { (a, b) };
        match constant_of(&b) {
            Some(bits) if bits.is_power_of_two() => {
                self.shift_by(ty, Shift::Shl, a, bits.trailing_zeros());
            }
            _ => self.binary(ty, Op::MUL.size(size_of(ty)), a, b),
        }
    }

    fn shift_by(&mut self, ty: Type, shift: Shift, a: Value, count: u32) {
        let size = size_of(ty);
        let count = match shift {
            Shift::Rol => (u32::from(size.bits()) - count) & (u32::from(size.bits()) - 1),
            _ => count,
        };
        let first = self.in_reg(a);
        let dst = self.result(RegClass::Int, [Some(first), None]);
        if count == 0 {
            self.move_reg(dst, first);
        } else {
            self.asm.quick_inst(&Inst::r(shift.op_pair().1.size(size), [dst, first]).imm(count as i32));
        }
        self.release_but([Some(first), None], dst);
        self.push_reg(ty, dst);
    }

    pub(in crate::baseline) fn shift(&mut self, ty: Type, shift: Shift) {
        let (b, a) = (self.pop(), self.pop());
        let size = size_of(ty);
        if let Place::Const(bits) = b.place {
            return self.shift_by(ty, shift, a, bits as u32 & (u32::from(size.bits()) - 1));
        }
        let op = shift.op_pair().0.size(size);
        if shift != Shift::Rol {
            return self.binary(ty, op, a, b);
        }
        let second = self.in_reg(b);
        let first = self.in_reg(a);
        let held = [Some(first), Some(second)];
        let dst = self.result(RegClass::Int, held);
        self.asm.quick_rrr(Op::SUB_S.size(size), SCRATCH, ZR, second);
        self.asm.quick_rrr(op, dst, first, SCRATCH);
        self.release_but(held, dst);
        self.push_reg(ty, dst);
    }

    /// A division or remainder. The instruction gives 0 for a divisor of 0, and the smallest number for itself by -1.
    pub(in crate::baseline) fn divide(&mut self, ty: Type, signed: bool, remainder: bool) {
        let (b, a) = (self.pop(), self.pop());
        let size = size_of(ty);
        let known = constant_of(&b);
        if let Some(bits) = known
            && !signed
            && bits.is_power_of_two()
        {
            if !remainder {
                return self.shift_by(ty, Shift::Shr, a, bits.trailing_zeros());
            }
            self.repush(a);
            self.push(ty, Place::Const(bits - 1));
            return self.alu(ty, Alu::And);
        }
        let divisor = self.in_reg(b);
        let dividend = self.in_reg(a);
        if known.is_none_or(|divisor| divisor == 0) {
            self.trap_if(Test::Zero(size, divisor, true), Trap::IntegerDivisionByZero.code());
        }
        let minus_one = if ty == Type::I32 { u64::from(u32::MAX) } else { u64::MAX };
        if signed && !remainder && known.is_none_or(|divisor| divisor == minus_one) {
            // Only the smallest number less 1 overflows.
            self.asm.quick_compare_imm12(Op::CMN_I.size(size), divisor, 1);
            let less_one = Inst::r(Op::CCMP_I.size(size), [dividend]).second_imm(1).cond(Cond::Eq);
            self.asm.quick_inst(&less_one);
            self.trap_if(Test::Flags(Cond::Vs), Trap::IntegerOverflow.code());
        }
        let op = if signed { Op::SDIV } else { Op::UDIV }.size(size);
        let held = [Some(dividend), Some(divisor)];
        let dst = self.result(RegClass::Int, held);
        if remainder {
            self.asm.quick_rrr(op, SCRATCH, dividend, divisor);
            self.asm.quick_inst(&Inst::r(Op::MSUB.size(size), [dst, SCRATCH, divisor, dividend]));
        } else {
            self.asm.quick_rrr(op, dst, dividend, divisor);
        }
        self.release_but(held, dst);
        self.push_reg(ty, dst);
    }

    /// An operator with one operand; `false`: it is none of these.
    pub(in crate::baseline) fn int_unary(&mut self, op: &Operator<'_>) -> bool {
        let (to, op) = match op {
            Operator::I32Clz => (Type::I32, Op::CLZ.s32()),
            Operator::I64Clz => (Type::I64, Op::CLZ.s64()),
            Operator::I32Ctz => (Type::I32, Op::RBIT.s32()),
            Operator::I64Ctz => (Type::I64, Op::RBIT.s64()),
            Operator::I32Extend8S => (Type::I32, Op::SXTB.s32()),
            Operator::I32Extend16S => (Type::I32, Op::SXTH.s32()),
            Operator::I64Extend8S => (Type::I64, Op::SXTB.s64()),
            Operator::I64Extend16S => (Type::I64, Op::SXTH.s64()),
            Operator::I64Extend32S | Operator::I64ExtendI32S => (Type::I64, Op::SXTW),
            Operator::I32WrapI64 => {
                self.wrap();
                return true;
            }
            _ => return false,
        };
        let value = self.pop();
        let source = self.in_reg(value);
        let dst = self.result(RegClass::Int, [Some(source), None]);
        if op == Op::RBIT.s32() || op == Op::RBIT.s64() {
            // Zeros at the end are zeros in front of what is turned around.
            self.asm.quick_rr(op, SCRATCH, source);
            self.asm.quick_rr(Op::CLZ.size(size_of(to)), dst, SCRATCH);
        } else {
            self.asm.quick_rr(op, dst, source);
        }
        self.release_but([Some(source), None], dst);
        self.push_reg(to, dst);
        true
    }

    fn wrap(&mut self) {
        let value = self.pop();
        match value.place {
            Place::Const(bits) => return self.push(Type::I32, Place::Const(bits & u64::from(u32::MAX))),
            // The lower half comes first in memory.
            Place::Home => {
                let dst = self.result(RegClass::Int, [None, None]);
                self.load(Type::I32, dst, value.home);
                return self.push_reg(Type::I32, dst);
            }
            _ => {}
        }
        let source = self.in_reg(value);
        let dst = self.result(RegClass::Int, [Some(source), None]);
        self.asm.quick_inst(&Inst::r(Op::MOV.s32(), [dst, source]));
        self.release_but([Some(source), None], dst);
        self.push_reg(Type::I32, dst);
    }

    /// A comparison; `false`: it is none.
    pub(in crate::baseline) fn compare(&mut self, op: &Operator<'_>) -> bool {
        use Operator::*;
        let (cond, ty) = match op {
            I32Eqz | I64Eqz => {
                self.compare_zero(if matches!(op, I32Eqz) { Size::S32 } else { Size::S64 });
                return true;
            }
            I32Eq => (Cond::Eq, Type::I32),
            I32Ne => (Cond::Ne, Type::I32),
            I32LtS => (Cond::Lt, Type::I32),
            I32LtU => (Cond::Lo, Type::I32),
            I32GtS => (Cond::Gt, Type::I32),
            I32GtU => (Cond::Hi, Type::I32),
            I32LeS => (Cond::Le, Type::I32),
            I32LeU => (Cond::Ls, Type::I32),
            I32GeS => (Cond::Ge, Type::I32),
            I32GeU => (Cond::Hs, Type::I32),
            I64Eq => (Cond::Eq, Type::I64),
            I64Ne => (Cond::Ne, Type::I64),
            I64LtS => (Cond::Lt, Type::I64),
            I64LtU => (Cond::Lo, Type::I64),
            I64GtS => (Cond::Gt, Type::I64),
            I64GtU => (Cond::Hi, Type::I64),
            I64LeS => (Cond::Le, Type::I64),
            I64LeU => (Cond::Ls, Type::I64),
            I64GeS => (Cond::Ge, Type::I64),
            I64GeU => (Cond::Hs, Type::I64),
            _ => return false,
        };
        let (mut b, mut a, mut cond) = (self.pop(), self.pop(), cond);
        if let (Place::Const(_), false) = (a.place, matches!(b.place, Place::Const(_)))
            && let Some(swapped) = cond.swap()
        {
            (a, b, cond) = (b, a, swapped);
        }
        let size = size_of(ty);
        let known = constant_of(&b);
        if known == Some(0) && matches!(cond, Cond::Eq | Cond::Ne) {
            let first = self.in_reg(a);
            self.release(first);
            self.push_test(Test::Zero(size, first, cond == Cond::Eq));
            return true;
        }
        let first = self.in_reg(a);
        match known {
            Some(bits) => self.compare_constant(size, first, bits),
            None => {
                let second = self.operand(b);
                let reg = self.brought(ty, second);
                self.asm.quick_compare(Op::CMP_S.size(size), first, reg);
                self.release_but([reg_of(second), None], Reg::NONE);
            }
        }
        self.release(first);
        self.push_test(Test::Flags(cond));
        true
    }

    /// Compares a register with a constant of its width.
    pub(super) fn compare_constant(&mut self, size: Size, reg: Reg, bits: u64) {
        let negative = if size == Size::S32 { u64::from((bits as u32).wrapping_neg()) } else { bits.wrapping_neg() };
        if is_imm12(bits) {
            self.asm.quick_compare_imm12(Op::CMP_I.size(size), reg, bits as u32);
        } else if is_imm12(negative) {
            self.asm.quick_compare_imm12(Op::CMN_I.size(size), reg, negative as u32);
        } else {
            self.asm.quick_constant(SCRATCH, bits);
            self.asm.quick_compare(Op::CMP_S.size(size), reg, SCRATCH);
        }
    }

    /// `eqz`.
    fn compare_zero(&mut self, size: Size) {
        let value = self.pop();
        match value.place {
            Place::Flags(test) => return self.push_test(crate::baseline::machine::Condition::negate(test)),
            Place::Const(bits) => return self.push(Type::I32, Place::Const((bits == 0).into())),
            _ => {}
        }
        let reg = self.in_reg(value);
        self.release(reg);
        self.push_test(Test::Zero(size, reg, true));
    }

    /// `select`.
    pub(in crate::baseline) fn select(&mut self) {
        let condition = self.pop();
        let cond = match condition.place {
            Place::Flags(test) => self.flags(test),
            _ => {
                let reg = self.in_reg(condition);
                self.release(reg);
                self.flags(Test::Zero(Size::S32, reg, false))
            }
        };
        // Nothing from here on changes the flags.
        let (no, yes) = (self.pop(), self.pop());
        let ty = yes.ty;
        let class = class_of(ty);
        let second = self.in_reg(no);
        let first = self.in_reg(yes);
        if ty == Type::V128 {
            return self.select_vector(cond, first, no, second);
        }
        let held = [Some(first), Some(second)];
        let dst = self.result(class, held);
        let op = if class == RegClass::Int { Op::CSEL } else { Op::FCSEL };
        self.asm.quick_select(op.size(size_of(ty)), dst, first, second, cond);
        self.release_but(held, dst);
        self.push_reg(ty, dst);
    }

    fn select_vector(&mut self, cond: Cond, first: Reg, no: Value, second: Reg) {
        // Vectors are in no register of a local, so that it may be written.
        debug_assert!(self.temps.contains(second));
        let over = self.asm.label();
        self.asm.quick_jcc(cond.negate(), over);
        self.asm.quick_copy(second, first);
        self.asm.bind(over);
        self.release(first);
        self.push_reg(no.ty, second);
    }

    /// The reference in a table at an index, checked to be one of a function of this type.
    pub(in crate::baseline) fn element(&mut self, cx: Context<'_>, table: u32, index: Value, ty: u32) -> Reg {
        let index = self.in_own_reg(index);
        self.load_pointer(SCRATCH, cx.layout.table(table) as i32);
        self.asm.quick_rm(Op::LDR_X, 8, ADDRESS_SCRATCH, SCRATCH, 8);
        self.asm.quick_compare(Op::CMP_S.s64(), index, ADDRESS_SCRATCH);
        self.trap_if(Test::Flags(Cond::Hs), Trap::TableOutOfBounds.code());
        self.asm.quick_rm(Op::LDR_X, 8, SCRATCH, SCRATCH, 0);
        self.asm.rm(Op::LDR_X, index, Mem::indexed(SCRATCH, index, Extend::Uxtx, true));
        self.trap_if(Test::Zero(Size::S64, index, true), Trap::IndirectCallToNull.code());
        self.asm.quick_rm(Op::LDR_W, 4, SCRATCH, index, (func_ref::TYPE_ID * 8) as i32);
        self.asm.quick_rm(Op::LDR_W, 4, ADDRESS_SCRATCH, VMCTX, cx.layout.type_id(ty) as i32);
        self.asm.quick_compare(Op::CMP_S.s32(), SCRATCH, ADDRESS_SCRATCH);
        self.trap_if(Test::Flags(Cond::Ne), Trap::BadSignature.code());
        index
    }
}
