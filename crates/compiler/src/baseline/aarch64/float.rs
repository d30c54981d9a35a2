//! Floats. What takes more than an instruction is left to snippets.

use super::{Aarch64, Test, size_of};
use crate::baseline::Baseline;
use crate::baseline::state::Place;
use crate::ir::Type;
use crate::isa::aarch64::row::{Cond, Op, Size, SizedOp};
use crate::isa::convention::class_of;
use crate::isa::reg::RegClass;
use wasmparser::Operator;

impl Baseline<Aarch64> {
    /// An operator on floats; `false`: it is none, or none that is made here.
    pub(in crate::baseline) fn float(&mut self, op: &Operator<'_>) -> bool {
        use Operator::*;
        match op {
            F32Add => self.float_binary(Type::F32, Op::FADD),
            F64Add => self.float_binary(Type::F64, Op::FADD),
            F32Sub => self.float_binary(Type::F32, Op::FSUB),
            F64Sub => self.float_binary(Type::F64, Op::FSUB),
            F32Mul => self.float_binary(Type::F32, Op::FMUL),
            F64Mul => self.float_binary(Type::F64, Op::FMUL),
            F32Div => self.float_binary(Type::F32, Op::FDIV),
            F64Div => self.float_binary(Type::F64, Op::FDIV),
            F32Min => self.float_binary(Type::F32, Op::FMIN),
            F64Min => self.float_binary(Type::F64, Op::FMIN),
            F32Max => self.float_binary(Type::F32, Op::FMAX),
            F64Max => self.float_binary(Type::F64, Op::FMAX),
            F32Sqrt => self.convert(Type::F32, Op::FSQRT.s32()),
            F64Sqrt => self.convert(Type::F64, Op::FSQRT.s64()),
            F32Abs => self.convert(Type::F32, Op::FABS.s32()),
            F64Abs => self.convert(Type::F64, Op::FABS.s64()),
            F32Neg => self.convert(Type::F32, Op::FNEG.s32()),
            F64Neg => self.convert(Type::F64, Op::FNEG.s64()),
            F32Nearest => self.convert(Type::F32, Op::FRINTN.s32()),
            F64Nearest => self.convert(Type::F64, Op::FRINTN.s64()),
            F32Floor => self.convert(Type::F32, Op::FRINTM.s32()),
            F64Floor => self.convert(Type::F64, Op::FRINTM.s64()),
            F32Ceil => self.convert(Type::F32, Op::FRINTP.s32()),
            F64Ceil => self.convert(Type::F64, Op::FRINTP.s64()),
            F32Trunc => self.convert(Type::F32, Op::FRINTZ.s32()),
            F64Trunc => self.convert(Type::F64, Op::FRINTZ.s64()),
            F32DemoteF64 => self.convert(Type::F32, Op::FCVT_SD),
            F64PromoteF32 => self.convert(Type::F64, Op::FCVT_DS),
            F32ConvertI32S => self.convert(Type::F32, Op::SCVTF_S.s32()),
            F32ConvertI32U => self.convert(Type::F32, Op::UCVTF_S.s32()),
            F32ConvertI64S => self.convert(Type::F32, Op::SCVTF_S.s64()),
            F32ConvertI64U => self.convert(Type::F32, Op::UCVTF_S.s64()),
            F64ConvertI32S => self.convert(Type::F64, Op::SCVTF_D.s32()),
            F64ConvertI32U => self.convert(Type::F64, Op::UCVTF_D.s32()),
            F64ConvertI64S => self.convert(Type::F64, Op::SCVTF_D.s64()),
            F64ConvertI64U => self.convert(Type::F64, Op::UCVTF_D.s64()),
            F32ReinterpretI32 => self.reinterpret(Type::F32, Op::FMOV_SW),
            F64ReinterpretI64 => self.reinterpret(Type::F64, Op::FMOV_DX),
            I32ReinterpretF32 => self.reinterpret(Type::I32, Op::FMOV_WS),
            I64ReinterpretF64 => self.reinterpret(Type::I64, Op::FMOV_XD),
            // Each has a condition that does not hold if an operand is not a number; of "not equal" the opposite does.
            F32Eq => self.compare_floats(Size::S32, Cond::Eq),
            F64Eq => self.compare_floats(Size::S64, Cond::Eq),
            F32Ne => self.compare_floats(Size::S32, Cond::Ne),
            F64Ne => self.compare_floats(Size::S64, Cond::Ne),
            F32Lt => self.compare_floats(Size::S32, Cond::Mi),
            F64Lt => self.compare_floats(Size::S64, Cond::Mi),
            F32Le => self.compare_floats(Size::S32, Cond::Ls),
            F64Le => self.compare_floats(Size::S64, Cond::Ls),
            F32Gt => self.compare_floats(Size::S32, Cond::Gt),
            F64Gt => self.compare_floats(Size::S64, Cond::Gt),
            F32Ge => self.compare_floats(Size::S32, Cond::Ge),
            F64Ge => self.compare_floats(Size::S64, Cond::Ge),
            _ => return false,
        }
        true
    }

    fn float_binary(&mut self, ty: Type, op: SizedOp) {
        let (b, a) = (self.pop(), self.pop());
        let second = self.in_reg(b);
        let first = self.in_reg(a);
        let held = [Some(first), Some(second)];
        let dst = self.result(RegClass::Vector, held);
        self.asm.quick_rrr(op.size(size_of(ty)), dst, first, second);
        self.release_but(held, dst);
        self.push_reg(ty, dst);
    }

    /// What makes a value of the type from another one by one instruction.
    fn convert(&mut self, to: Type, op: Op) {
        let value = self.pop();
        let source = self.in_reg(value);
        let dst = self.result(class_of(to), [Some(source), None]);
        self.asm.quick_rr(op, dst, source);
        self.release_but([Some(source), None], dst);
        self.push_reg(to, dst);
    }

    fn reinterpret(&mut self, to: Type, op: Op) {
        let value = self.stack[self.stack.len() - 1];
        if let Place::Const(bits) = value.place {
            self.pop();
            return self.push(to, Place::Const(bits));
        }
        self.convert(to, op);
    }

    fn compare_floats(&mut self, size: Size, cond: Cond) {
        let (b, a) = (self.pop(), self.pop());
        let second = self.in_reg(b);
        let first = self.in_reg(a);
        self.asm.quick_compare(Op::FCMP.size(size), first, second);
        self.release(first);
        self.release(second);
        self.push_test(Test::Flags(cond));
    }
}
