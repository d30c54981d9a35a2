//! Floats. What takes more than an instruction or two is left to snippets.

use super::{VECTOR_SCRATCH, X64, at};
use crate::baseline::Baseline;
use crate::baseline::state::{Operand, Place};
use crate::ir::Type;
use crate::isa::reg::{Reg, RegClass};
use crate::isa::x64::features::Features;
use crate::isa::x64::inst::Inst;
use crate::isa::x64::row::{Cond, Op};
use crate::isa::x64::vcode::{Parity, Test};
use wasmparser::Operator;

/// The sign of each lane.
const SIGN_32: u128 = 0x8000_0000_8000_0000_8000_0000_8000_0000;
const SIGN_64: u128 = 0x8000_0000_0000_0000_8000_0000_0000_0000;

impl Baseline<X64> {
    /// An operator on floats; `false`: it is none, or none that is made here.
    pub(in crate::baseline) fn float(&mut self, op: &Operator<'_>) -> bool {
        use Operator::*;
        match op {
            F32Add => self.float_binary(Type::F32, Op::ADDSS, true),
            F64Add => self.float_binary(Type::F64, Op::ADDSD, true),
            F32Sub => self.float_binary(Type::F32, Op::SUBSS, false),
            F64Sub => self.float_binary(Type::F64, Op::SUBSD, false),
            F32Mul => self.float_binary(Type::F32, Op::MULSS, true),
            F64Mul => self.float_binary(Type::F64, Op::MULSD, true),
            F32Div => self.float_binary(Type::F32, Op::DIVSS, false),
            F64Div => self.float_binary(Type::F64, Op::DIVSD, false),
            F32Sqrt => self.float_unary(Type::F32, Op::SQRTSS, 0),
            F64Sqrt => self.float_unary(Type::F64, Op::SQRTSD, 0),
            F32DemoteF64 => self.float_unary(Type::F32, Op::CVTSD2SS, 0),
            F64PromoteF32 => self.float_unary(Type::F64, Op::CVTSS2SD, 0),
            F32Nearest => self.float_unary(Type::F32, Op::ROUNDSS, 8),
            F64Nearest => self.float_unary(Type::F64, Op::ROUNDSD, 8),
            F32Floor => self.float_unary(Type::F32, Op::ROUNDSS, 9),
            F64Floor => self.float_unary(Type::F64, Op::ROUNDSD, 9),
            F32Ceil => self.float_unary(Type::F32, Op::ROUNDSS, 10),
            F64Ceil => self.float_unary(Type::F64, Op::ROUNDSD, 10),
            F32Trunc => self.float_unary(Type::F32, Op::ROUNDSS, 11),
            F64Trunc => self.float_unary(Type::F64, Op::ROUNDSD, 11),
            F32Abs => self.float_mask(Type::F32, Op::ANDPS, !SIGN_32),
            F64Abs => self.float_mask(Type::F64, Op::ANDPS, !SIGN_64),
            F32Neg => self.float_mask(Type::F32, Op::XORPS, SIGN_32),
            F64Neg => self.float_mask(Type::F64, Op::XORPS, SIGN_64),
            F32ConvertI32S => self.convert_int(Type::F32, Op::CVTSI2SS.s32()),
            F64ConvertI32S => self.convert_int(Type::F64, Op::CVTSI2SD.s32()),
            // An unsigned number of 32 bits is a signed one of 64.
            F32ConvertI64S | F32ConvertI32U => self.convert_int(Type::F32, Op::CVTSI2SS.s64()),
            F64ConvertI64S | F64ConvertI32U => self.convert_int(Type::F64, Op::CVTSI2SD.s64()),
            F32ReinterpretI32 => self.reinterpret(Type::F32, Op::MOVD_TO_X),
            F64ReinterpretI64 => self.reinterpret(Type::F64, Op::MOVQ_TO_X),
            I32ReinterpretF32 => self.reinterpret(Type::I32, Op::MOVD_TO_G),
            I64ReinterpretF64 => self.reinterpret(Type::I64, Op::MOVQ_TO_G),
            F32Eq => self.compare_floats(Type::F32, EQUAL, false),
            F64Eq => self.compare_floats(Type::F64, EQUAL, false),
            F32Ne => self.compare_floats(Type::F32, EQUAL.negate(), false),
            F64Ne => self.compare_floats(Type::F64, EQUAL.negate(), false),
            F32Gt => self.compare_floats(Type::F32, Test::of(Cond::A), false),
            F64Gt => self.compare_floats(Type::F64, Test::of(Cond::A), false),
            F32Ge => self.compare_floats(Type::F32, Test::of(Cond::Ae), false),
            F64Ge => self.compare_floats(Type::F64, Test::of(Cond::Ae), false),
            // Less and unordered look the same to the flags, so that greater is asked for the other way round.
            F32Lt => self.compare_floats(Type::F32, Test::of(Cond::A), true),
            F64Lt => self.compare_floats(Type::F64, Test::of(Cond::A), true),
            F32Le => self.compare_floats(Type::F32, Test::of(Cond::Ae), true),
            F64Le => self.compare_floats(Type::F64, Test::of(Cond::Ae), true),
            _ => return false,
        }
        true
    }

    /// Emits an instruction whose destination is its first source: with AVX it has three operands.
    pub(super) fn op_three(&mut self, op: Op, dst: Reg, first: Reg, second: Operand, imm: i32) {
        let three = op.has_twin() && self.asm.features().contains(Features::AVX);
        let mut second = second;
        if !three && dst != first {
            if second == Operand::Reg(dst) {
                self.asm.copy(VECTOR_SCRATCH, dst);
                second = Operand::Reg(VECTOR_SCRATCH);
            }
            self.asm.copy(dst, first);
        }
        let (op, first) = if three { (op.vex(), first) } else { (op, dst) };
        let inst = match second {
            Operand::Reg(reg) => Inst::r(op, [dst, first, reg]),
            Operand::Home(home) => Inst::m(op, [dst, first], at(home)),
            Operand::Imm(_) => unreachable!("it is no number"),
        };
        self.asm.emit(&inst.imm(imm));
    }

    fn float_binary(&mut self, ty: Type, op: Op, commutes: bool) {
        let (b, a) = (self.pop(), self.pop());
        let second = self.operand(b);
        let first = self.in_reg(a);
        let shared = match second {
            Operand::Reg(reg) => Some(reg),
            _ => None,
        };
        let dst = self.result(RegClass::Vector, [Some(first), shared]);
        let (x, y) = match second {
            Operand::Reg(reg) if commutes && reg == dst => (reg, Operand::Reg(first)),
            _ => (first, second),
        };
        self.op_three(op, dst, x, y, 0);
        for reg in [Some(first), shared].into_iter().flatten() {
            if reg != dst {
                self.release(reg);
            }
        }
        self.push_reg(ty, dst);
    }

    fn float_unary(&mut self, ty: Type, op: Op, imm: i32) {
        let value = self.pop();
        let source = self.in_reg(value);
        let dst = self.result(RegClass::Vector, [Some(source), None]);
        // The upper lanes are those of the operand, so that it waits for nothing else.
        self.op_three(op, dst, source, Operand::Reg(source), imm);
        if source != dst {
            self.release(source);
        }
        self.push_reg(ty, dst);
    }

    fn float_mask(&mut self, ty: Type, op: Op, mask: u128) {
        let value = self.pop();
        let source = self.in_reg(value);
        let dst = self.result(RegClass::Vector, [Some(source), None]);
        let mem = self.pool(mask, 16);
        self.asm.rrm(op, dst, source, mem);
        if source != dst {
            self.release(source);
        }
        self.push_reg(ty, dst);
    }

    fn convert_int(&mut self, ty: Type, op: Op) {
        let value = self.pop();
        let source = match self.operand(value) {
            // At home the number of 32 bits has 64.
            Operand::Imm(_) => Operand::Reg(self.in_own_reg(value)),
            operand => operand,
        };
        let dst = self.result(RegClass::Vector, [None, None]);
        self.asm.rrr(Op::XORPS, dst, dst, dst);
        self.op_three(op, dst, dst, source, 0);
        if let Operand::Reg(reg) = source {
            self.release(reg);
        }
        self.push_reg(ty, dst);
    }

    fn reinterpret(&mut self, to: Type, op: Op) {
        let value = self.pop();
        if let Place::Const(bits) = value.place {
            return self.push(to, Place::Const(bits));
        }
        let source = self.in_reg(value);
        let class = if to.is_int() { RegClass::Int } else { RegClass::Vector };
        let dst = self.result(class, [None, None]);
        self.asm.quick_rr(op.for_cpu(self.asm.features()), dst, source);
        self.release(source);
        self.push_reg(to, dst);
    }

    fn compare_floats(&mut self, ty: Type, test: Test, swapped: bool) {
        let (b, a) = (self.pop(), self.pop());
        let (a, b) = if swapped { (b, a) } else { (a, b) };
        let second = self.operand(b);
        let first = self.in_reg(a);
        let op = if ty == Type::F32 { Op::UCOMISS } else { Op::UCOMISD };
        let op = op.for_cpu(self.asm.features());
        match second {
            Operand::Reg(reg) => {
                self.asm.quick_rr(op, first, reg);
                self.release(reg);
            }
            Operand::Home(home) => self.asm.quick_rm(op, first, at(home)),
            Operand::Imm(_) => unreachable!("it is no integer"),
        }
        self.release(first);
        self.push_test(test);
    }
}

/// Equal and ordered.
const EQUAL: Test = Test { cond: Cond::E, parity: Parity::AndOrdered };
