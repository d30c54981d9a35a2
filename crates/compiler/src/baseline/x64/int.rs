//! Integers: arithmetic, comparisons, selection.

use super::{MEMORY_BASE, SCRATCH, Value, X64, at};
use crate::baseline::Baseline;
use crate::baseline::machine::{Alu, Shift};
use crate::baseline::state::{Operand, Place};
use crate::ir::Type;
use crate::isa::convention::class_of;
use crate::isa::reg::{Reg, RegClass};
use crate::isa::x64::features::Features;
use crate::isa::x64::inst::Inst;
use crate::isa::x64::mem::{Mem, Scale};
use crate::isa::x64::regs::{RAX, RCX, RDX, VMCTX};
use crate::isa::x64::row::{Cond, Op, Size, SizedOp};
use crate::isa::x64::vcode::Test;
use tiercel_abi::Trap;
use wasmparser::Operator;

impl Alu {
    /// With a register or memory, and with a number.
    const fn ops(self) -> (SizedOp, SizedOp) {
        match self {
            Alu::Add => (Op::ADD_RM, Op::ADD_I),
            Alu::Sub => (Op::SUB_RM, Op::SUB_I),
            Alu::And => (Op::AND_RM, Op::AND_I),
            Alu::Or => (Op::OR_RM, Op::OR_I),
            Alu::Xor => (Op::XOR_RM, Op::XOR_I),
        }
    }
}

impl Shift {
    /// By `cl` and by a number.
    const fn ops(self) -> (SizedOp, SizedOp) {
        match self {
            Shift::Shl => (Op::SHL_CL, Op::SHL_I),
            Shift::Sar => (Op::SAR_CL, Op::SAR_I),
            Shift::Shr => (Op::SHR_CL, Op::SHR_I),
            Shift::Rol => (Op::ROL_CL, Op::ROL_I),
            Shift::Ror => (Op::ROR_CL, Op::ROR_I),
        }
    }

    /// By any register.
    const fn by_register(self) -> Option<SizedOp> {
        match self {
            Shift::Shl => Some(Op::SHLX),
            Shift::Sar => Some(Op::SARX),
            Shift::Shr => Some(Op::SHRX),
            Shift::Rol | Shift::Ror => None,
        }
    }
}

fn size_of(ty: Type) -> Size {
    if ty == Type::I32 { Size::S32 } else { Size::S64 }
}

fn reg_of(operand: Operand) -> Option<Reg> {
    match operand {
        Operand::Reg(reg) => Some(reg),
        _ => None,
    }
}

impl Baseline<X64> {
    /// Emits `op` with a register and an operand in a register or at home.
    fn op_rm(&mut self, op: Op, reg: Reg, operand: Operand) {
        match operand {
            Operand::Reg(other) => self.asm.quick_rr(op, reg, other),
            Operand::Home(home) => self.asm.quick_rm(op, reg, at(home)),
            Operand::Imm(_) => unreachable!("numbers are another case"),
        }
    }

    fn op_ri(&mut self, op: Op, reg: Reg, imm: i32) {
        self.asm.quick_ri(op, reg, imm);
    }

    /// Brings an operand to a register.
    fn bring(&mut self, ty: Type, to: Reg, from: Operand) {
        match from {
            Operand::Reg(reg) => self.move_reg(to, reg),
            Operand::Home(home) => self.load(ty, to, home),
            Operand::Imm(imm) if ty == Type::I32 => self.asm.constant(to, i64::from(imm as u32)),
            Operand::Imm(imm) => self.asm.constant(to, imm.into()),
        }
    }

    /// Gives back the registers of operands that are not the result's.
    fn release_but(&mut self, operands: [Operand; 2], result: Reg) {
        for operand in operands {
            if let Operand::Reg(reg) = operand
                && reg != result
            {
                self.release(reg);
            }
        }
    }

    pub(in crate::baseline) fn alu(&mut self, ty: Type, alu: Alu) {
        let (b, a) = (self.pop(), self.pop());
        let commutes = alu != Alu::Sub;
        let swap = commutes && matches!(a.place, Place::Const(_)) && !matches!(b.place, Place::Const(_));
        let (a, b) = if swap { (b, a) } else { (a, b) };
        let size = size_of(ty);
        let (mut first, mut second) = (self.operand(a), self.operand(b));
        let shared = if commutes { reg_of(second) } else { None };
        let dst = self.result(RegClass::Int, [reg_of(first), shared]);
        let held = [first, second];
        if commutes && second == Operand::Reg(dst) {
            (first, second) = (second, first);
        }
        let (op, op_imm) = alu.ops();
        match (first, second) {
            (Operand::Reg(x), Operand::Imm(imm)) if alu == Alu::Add && x != dst => {
                self.asm.quick_rm(Op::LEA.size(size), dst, Mem::base(x, imm));
            }
            (Operand::Reg(x), Operand::Reg(y)) if alu == Alu::Add && x != dst => {
                self.asm.quick_rm(Op::LEA.size(size), dst, Mem::indexed(x, y, Scale::One, 0));
            }
            (_, Operand::Reg(y)) if y == dst && first != Operand::Reg(dst) => {
                // a - b is -b + a.
                self.asm.emit(&Inst::two_r(Op::NEG.size(size), [dst]));
                match first {
                    Operand::Imm(imm) => self.op_ri(Op::ADD_I.size(size), dst, imm),
                    _ => self.op_rm(Op::ADD_RM.size(size), dst, first),
                }
            }
            (_, Operand::Imm(imm)) => {
                self.bring(ty, dst, first);
                self.op_ri(op_imm.size(size), dst, imm);
            }
            _ => {
                self.bring(ty, dst, first);
                self.op_rm(op.size(size), dst, second);
            }
        }
        self.release_but(held, dst);
        self.push_reg(ty, dst);
    }

    pub(in crate::baseline) fn mul(&mut self, ty: Type) {
        let (b, a) = (self.pop(), self.pop());
        let swap = matches!(a.place, Place::Const(_)) && !matches!(b.place, Place::Const(_));
        let (a, b) = if swap { (b, a) } else { (a, b) };
        let size = size_of(ty);
        if let Place::Const(bits) = b.place
            && bits.is_power_of_two()
        {
            return self.shift_by(ty, Shift::Shl, a, bits.trailing_zeros() as i32);
        }
        let (mut first, mut second) = (self.operand(a), self.operand(b));
        let dst = self.result(RegClass::Int, [reg_of(first), reg_of(second)]);
        let held = [first, second];
        if let Operand::Imm(imm) = second {
            match first {
                Operand::Reg(x) => self.asm.emit(&Inst::two_r(Op::IMUL_RMI.size(size), [dst, x]).imm(imm)),
                Operand::Home(home) => {
                    self.asm.emit(&Inst::two_m(Op::IMUL_RMI.size(size), [dst], at(home)).imm(imm));
                }
                Operand::Imm(_) => {
                    self.bring(ty, dst, first);
                    self.asm.emit(&Inst::two_r(Op::IMUL_RMI.size(size), [dst, dst]).imm(imm));
                }
            }
        } else {
            if second == Operand::Reg(dst) {
                (first, second) = (second, first);
            }
            self.bring(ty, dst, first);
            if let Operand::Imm(imm) = second {
                self.asm.emit(&Inst::two_r(Op::IMUL_RMI.size(size), [dst, dst]).imm(imm));
            } else {
                self.op_rm(Op::IMUL_RM.size(size), dst, second);
            }
        }
        self.release_but(held, dst);
        self.push_reg(ty, dst);
    }

    fn shift_by(&mut self, ty: Type, shift: Shift, a: Value, count: i32) {
        let first = self.operand(a);
        let dst = self.result(RegClass::Int, [reg_of(first), None]);
        self.bring(ty, dst, first);
        if count != 0 {
            self.op_ri(shift.ops().1.size(size_of(ty)), dst, count);
        }
        self.release_but([first; 2], dst);
        self.push_reg(ty, dst);
    }

    pub(in crate::baseline) fn shift(&mut self, ty: Type, shift: Shift) {
        let (b, mut a) = (self.pop(), self.pop());
        let size = size_of(ty);
        if let Place::Const(bits) = b.place {
            return self.shift_by(ty, shift, a, (bits as u32 & (u32::from(size.bits()) - 1)) as i32);
        }
        if let Some(op) = shift.by_register()
            && self.asm.features().contains(Features::BMI2)
        {
            let count = self.in_reg(b);
            let first = self.operand(a);
            let first = if let Operand::Imm(_) = first { Operand::Reg(self.in_own_reg(a)) } else { first };
            let dst = self.result(RegClass::Int, [reg_of(first), Some(count)]);
            match first {
                Operand::Home(home) => self.asm.emit(&Inst::m(op.size(size), [dst, count], at(home))),
                _ => {
                    let x = reg_of(first).unwrap_or(dst);
                    self.asm.emit(&Inst::r(op.size(size), [dst, x, count]));
                }
            }
            self.release_but([first, Operand::Reg(count)], dst);
            return self.push_reg(ty, dst);
        }
        if b.place != Place::Reg(RCX) {
            self.claim(RCX, &mut [&mut a]);
            self.put(b, RCX);
            self.discard(b);
        }
        let first = self.operand(a);
        let dst = self.result(RegClass::Int, [reg_of(first), None]);
        self.bring(ty, dst, first);
        self.asm.emit(&Inst::two_r(shift.ops().0.size(size), [dst]).with_fixed());
        self.release_but([first; 2], dst);
        self.release(RCX);
        self.push_reg(ty, dst);
    }

    /// Takes a register of those for operands; one of these popped operands that is in it goes elsewhere.
    fn claim(&mut self, reg: Reg, popped: &mut [&mut Value]) {
        for value in popped {
            if value.place == Place::Reg(reg) {
                let other = self.alloc(reg.class());
                self.asm.copy(other, reg);
                value.place = Place::Reg(other);
                return;
            }
        }
        self.take(reg);
    }

    /// A division or remainder.
    pub(in crate::baseline) fn divide(&mut self, ty: Type, signed: bool, remainder: bool) {
        let (mut b, a) = (self.pop(), self.pop());
        let size = size_of(ty);
        let known = match b.place {
            Place::Const(bits) if ty == Type::I32 => Some(i64::from(bits as i32)),
            Place::Const(bits) => Some(bits as i64),
            _ => None,
        };
        if let (Place::Const(bits), false) = (b.place, signed)
            && bits.is_power_of_two()
        {
            if !remainder {
                return self.shift_by(ty, Shift::Shr, a, bits.trailing_zeros() as i32);
            }
            self.repush(a);
            self.push(ty, Place::Const(bits - 1));
            return self.alu(ty, Alu::And);
        }
        if a.place != Place::Reg(RAX) {
            self.claim(RAX, &mut [&mut b]);
            self.put(a, RAX);
            if a.place != Place::Reg(RDX) {
                self.discard(a);
            }
        }
        if a.place != Place::Reg(RDX) {
            self.claim(RDX, &mut [&mut b]);
        }
        let divisor = self.in_reg(b);
        let done = self.asm.label();
        if known.is_none_or(|divisor| divisor == 0) && !self.options.signals {
            self.asm.quick_rr(Op::TEST_MR.size(size), divisor, divisor);
            self.trap_if(Test::of(Cond::E), Trap::IntegerDivisionByZero.code());
        }
        if signed && known.is_none_or(|divisor| divisor == -1) {
            let usual = self.asm.label();
            self.op_ri(Op::CMP_I.size(size), divisor, -1);
            self.asm.quick_jcc(Cond::Ne, usual);
            if remainder {
                self.asm.rr(Op::XOR_RM.s32(), RDX, RDX);
                self.asm.quick_jmp(done);
            } else {
                // Only the smallest number less 1 overflows.
                self.op_ri(Op::CMP_I.size(size), RAX, 1);
                let code = Trap::IntegerOverflow.code();
                self.trap_if_overflow(code);
            }
            self.asm.bind(usual);
        }
        let op = if signed {
            self.asm.emit(&Inst::r(if size == Size::S64 { Op::CQO } else { Op::CDQ }, []).with_fixed());
            Op::IDIV
        } else {
            self.asm.rr(Op::XOR_RM.s32(), RDX, RDX);
            Op::DIV
        };
        if known.is_none_or(|divisor| divisor == 0) && self.options.signals {
            self.trap_site(Trap::IntegerDivisionByZero.code(), self.loc);
        }
        self.asm.emit(&Inst::two_r(op.size(size), [divisor]).with_fixed());
        self.asm.bind(done);
        self.release(divisor);
        let (result, other) = if remainder { (RDX, RAX) } else { (RAX, RDX) };
        self.release(other);
        self.free = self.free.without(result);
        self.push_reg(ty, result);
    }

    fn trap_if_overflow(&mut self, code: u8) {
        self.trap_if(Test::of(Cond::O), code);
    }

    /// An operator with one operand; `false`: it is none of these.
    pub(in crate::baseline) fn int_unary(&mut self, op: &Operator<'_>) -> bool {
        let features = self.asm.features();
        let has = |feature| features.contains(feature);
        let (from, to, op) = match op {
            Operator::I32Clz if has(Features::LZCNT) => (Type::I32, Type::I32, Op::LZCNT.s32()),
            Operator::I64Clz if has(Features::LZCNT) => (Type::I64, Type::I64, Op::LZCNT.s64()),
            Operator::I32Ctz if has(Features::BMI1) => (Type::I32, Type::I32, Op::TZCNT.s32()),
            Operator::I64Ctz if has(Features::BMI1) => (Type::I64, Type::I64, Op::TZCNT.s64()),
            Operator::I32Popcnt if has(Features::POPCNT) => (Type::I32, Type::I32, Op::POPCNT.s32()),
            Operator::I64Popcnt if has(Features::POPCNT) => (Type::I64, Type::I64, Op::POPCNT.s64()),
            Operator::I32Extend8S => (Type::I32, Type::I32, Op::MOVSX_8.s32()),
            Operator::I32Extend16S => (Type::I32, Type::I32, Op::MOVSX_16.s32()),
            Operator::I64Extend8S => (Type::I64, Type::I64, Op::MOVSX_8.s64()),
            Operator::I64Extend16S => (Type::I64, Type::I64, Op::MOVSX_16.s64()),
            Operator::I64Extend32S => (Type::I64, Type::I64, Op::MOVSXD),
            Operator::I64ExtendI32S => (Type::I32, Type::I64, Op::MOVSXD),
            Operator::I32WrapI64 => (Type::I64, Type::I32, Op::MOV_RM.s32()),
            _ => return false,
        };
        let value = self.pop();
        if let (Place::Const(bits), true) = (value.place, op == Op::MOV_RM.s32()) {
            self.push(Type::I32, Place::Const(bits & u64::from(u32::MAX)));
            return true;
        }
        let first = match self.operand(value) {
            Operand::Imm(_) => Operand::Reg(self.in_own_reg(value)),
            operand => operand,
        };
        debug_assert!(from.is_int());
        let dst = self.result(RegClass::Int, [reg_of(first), None]);
        self.op_rm(op, dst, first);
        self.release_but([first; 2], dst);
        self.push_reg(to, dst);
        true
    }

    /// A comparison; `false`: it is none.
    pub(in crate::baseline) fn compare(&mut self, op: &Operator<'_>) -> bool {
        use Operator::*;
        let (cond, size) = match op {
            I32Eqz | I64Eqz => {
                self.compare_zero(if matches!(op, I32Eqz) { Size::S32 } else { Size::S64 });
                return true;
            }
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
            _ => return false,
        };
        let (b, a) = (self.pop(), self.pop());
        let mut cond = cond;
        let (mut a, mut b) = (a, b);
        if let (Place::Const(_), false) = (a.place, matches!(b.place, Place::Const(_)))
            && let Some(swapped) = cond.swap()
        {
            (a, b, cond) = (b, a, swapped);
        }
        let second = self.operand(b);
        let first = match (self.operand(a), second) {
            (Operand::Imm(_), _) | (Operand::Home(_), Operand::Home(_)) => Operand::Reg(self.in_own_reg(a)),
            (operand, _) => operand,
        };
        match (first, second) {
            (Operand::Reg(x), Operand::Imm(0)) if !matches!(cond, Cond::B | Cond::A | Cond::Be | Cond::Ae) => {
                self.asm.quick_rr(Op::TEST_MR.size(size), x, x);
            }
            (Operand::Reg(x), Operand::Imm(imm)) => self.op_ri(Op::CMP_I.size(size), x, imm),
            (Operand::Reg(x), _) => self.op_rm(Op::CMP_RM.size(size), x, second),
            (Operand::Home(home), Operand::Imm(imm)) => {
                self.asm.quick_mi(Op::CMP_I.size(size), at(home), imm);
            }
            (Operand::Home(home), Operand::Reg(y)) => {
                self.asm.quick_rm(Op::CMP_MR.size(size), y, at(home));
            }
            _ => unreachable!("one of two is in a register, and a number is no first operand"),
        }
        self.release_but([first, second], Reg::NONE);
        self.push_test(Test::of(cond));
        true
    }

    /// `eqz`.
    fn compare_zero(&mut self, size: Size) {
        let value = self.pop();
        if let Place::Flags(test) = value.place {
            return self.push_test(test.negate());
        }
        match self.operand(value) {
            Operand::Home(home) => self.asm.quick_mi(Op::CMP_I.size(size), at(home), 0),
            Operand::Reg(reg) => {
                self.asm.quick_rr(Op::TEST_MR.size(size), reg, reg);
                self.release(reg);
            }
            Operand::Imm(imm) => {
                self.push(Type::I32, Place::Const((imm == 0).into()));
                return;
            }
        }
        self.push_test(Test::of(Cond::E));
    }

    /// `select`.
    pub(in crate::baseline) fn select(&mut self) {
        let test = self.pop_test();
        let (no, yes) = (self.pop(), self.pop());
        let ty = yes.ty;
        let class = class_of(ty);
        // Nothing from here on changes the flags.
        let chosen = self.in_reg(yes);
        let dst = match no.place {
            Place::Reg(reg) if self.temps.contains(reg) => reg,
            _ => {
                let reg = self.alloc(class);
                self.put(no, reg);
                reg
            }
        };
        if class == RegClass::Int {
            let size = size_of(ty);
            self.asm.emit(&Inst::two_r(Op::CMOVCC.size(size), [dst, chosen]).cond(test.cond));
        } else {
            let over = self.asm.label();
            self.jump_if(test.negate(), over);
            self.asm.copy(dst, chosen);
            self.asm.bind(over);
        }
        if chosen != dst {
            self.release(chosen);
        }
        self.push_reg(ty, dst);
    }

    /// The reference in a table at an index, checked to be one of a function of this type.
    pub(in crate::baseline) fn element(
        &mut self,
        cx: crate::translate::Context<'_>,
        table: u32,
        index: Value,
        ty: u32,
    ) -> Reg {
        use tiercel_abi::vmctx::func_ref;
        let index = self.in_own_reg(index);
        self.load_pointer(SCRATCH, cx.layout.table(table) as i32);
        self.asm.rm(Op::CMP_RM.s64(), index, Mem::base(SCRATCH, 8));
        self.trap_if(Test::of(Cond::Ae), Trap::TableOutOfBounds.code());
        self.asm.rm(Op::MOV_RM.s64(), SCRATCH, Mem::base(SCRATCH, 0));
        self.asm.rm(Op::MOV_RM.s64(), index, Mem::indexed(SCRATCH, index, Scale::Eight, 0));
        self.asm.rr(Op::TEST_MR.s64(), index, index);
        self.trap_if(Test::of(Cond::E), Trap::IndirectCallToNull.code());
        self.asm.rm(Op::MOV_RM.s32(), SCRATCH, Mem::base(index, (func_ref::TYPE_ID * 8) as i32));
        self.asm.rm(Op::CMP_RM.s32(), SCRATCH, Mem::base(VMCTX, cx.layout.type_id(ty) as i32));
        self.trap_if(Test::of(Cond::Ne), Trap::BadSignature.code());
        index
    }

    /// The register that holds the base of memory 0.
    pub(super) const fn memory_base() -> Reg {
        MEMORY_BASE
    }
}
