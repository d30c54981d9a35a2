//! Floats. What needs several instructions on x86-64 is one here: minimum and maximum, rounding, saturating conversions.

use super::{Lower, code};
use crate::ir::{Opcode, Type, Value};
use crate::isa::aarch64::inst::Inst;
use crate::isa::aarch64::row::{Cond, Op, Size, SizedOp};
use crate::isa::aarch64::vcode::Test;
use crate::isa::reg::{Reg, RegClass};
use tiercel_abi::Trap;

impl Lower<'_> {
    /// Lowers an instruction of this family; `false`: it is of another one.
    pub(super) fn float(&mut self, value: Value) -> bool {
        use Opcode::*;
        let inst = *self.func.inst(value);
        let (a, b) = (self.operand(inst.a), self.operand(inst.b));
        let size = if inst.ty == Type::F32 { Size::S32 } else { Size::S64 };
        let int_size = if inst.ty == Type::I32 { Size::S32 } else { Size::S64 };
        match inst.op {
            F32Add | F64Add => self.float_binary(value, a, b, Op::FADD, size),
            F32Sub | F64Sub => self.float_binary(value, a, b, Op::FSUB, size),
            F32Mul | F64Mul => self.float_binary(value, a, b, Op::FMUL, size),
            F32Div | F64Div => self.float_binary(value, a, b, Op::FDIV, size),
            F32Min | F64Min => self.float_binary(value, a, b, Op::FMIN, size),
            F32Max | F64Max => self.float_binary(value, a, b, Op::FMAX, size),
            F32Copysign | F64Copysign => self.copysign(value, a, b, size),
            F32Abs | F64Abs => self.reinterpret(value, a, Op::FABS.size(size)),
            F32Neg | F64Neg => self.reinterpret(value, a, Op::FNEG.size(size)),
            F32Sqrt | F64Sqrt => self.reinterpret(value, a, Op::FSQRT.size(size)),
            F32Ceil | F64Ceil => self.reinterpret(value, a, Op::FRINTP.size(size)),
            F32Floor | F64Floor => self.reinterpret(value, a, Op::FRINTM.size(size)),
            F32Trunc | F64Trunc => self.reinterpret(value, a, Op::FRINTZ.size(size)),
            F32Nearest | F64Nearest => self.reinterpret(value, a, Op::FRINTN.size(size)),
            F32DemoteF64 => self.reinterpret(value, a, Op::FCVT_SD),
            F64PromoteF32 => self.reinterpret(value, a, Op::FCVT_DS),
            F32ReinterpretI32 => self.converted_int(value, a, Op::FMOV_SW, Size::S32),
            F64ReinterpretI64 => self.converted_int(value, a, Op::FMOV_DX, Size::S64),
            F32ConvertI32S => self.converted_int(value, a, Op::SCVTF_S.s32(), Size::S32),
            F32ConvertI32U => self.converted_int(value, a, Op::UCVTF_S.s32(), Size::S32),
            F32ConvertI64S => self.converted_int(value, a, Op::SCVTF_S.s64(), Size::S64),
            F32ConvertI64U => self.converted_int(value, a, Op::UCVTF_S.s64(), Size::S64),
            F64ConvertI32S => self.converted_int(value, a, Op::SCVTF_D.s32(), Size::S32),
            F64ConvertI32U => self.converted_int(value, a, Op::UCVTF_D.s32(), Size::S32),
            F64ConvertI64S => self.converted_int(value, a, Op::SCVTF_D.s64(), Size::S64),
            F64ConvertI64U => self.converted_int(value, a, Op::UCVTF_D.s64(), Size::S64),
            I32TruncSatF32S | I64TruncSatF32S => self.reinterpret(value, a, Op::FCVTZS_S.size(int_size)),
            I32TruncSatF32U | I64TruncSatF32U => self.reinterpret(value, a, Op::FCVTZU_S.size(int_size)),
            I32TruncSatF64S | I64TruncSatF64S => self.reinterpret(value, a, Op::FCVTZS_D.size(int_size)),
            I32TruncSatF64U | I64TruncSatF64U => self.reinterpret(value, a, Op::FCVTZU_D.size(int_size)),
            I32TruncF32S | I64TruncF32S => self.checked_trunc(value, a, Op::FCVTZS_S, true, int_size),
            I32TruncF32U | I64TruncF32U => self.checked_trunc(value, a, Op::FCVTZU_S, false, int_size),
            I32TruncF64S | I64TruncF64S => self.checked_trunc(value, a, Op::FCVTZS_D, true, int_size),
            I32TruncF64U | I64TruncF64U => self.checked_trunc(value, a, Op::FCVTZU_D, false, int_size),
            _ => return false,
        }
        true
    }

    fn float_binary(&mut self, value: Value, a: Value, b: Value, op: SizedOp, size: Size) {
        let dst = self.def(value);
        let (a, b) = (self.reg(a), self.reg(b));
        self.push(Inst::r(op.size(size), [dst, a, b]));
    }

    fn converted_int(&mut self, value: Value, a: Value, op: Op, from: Size) {
        let dst = self.def(value);
        let source = self.reg_of(a, from);
        self.push(Inst::r(op, [dst, source]));
    }

    /// The bits of one operand, the sign of another: inserted by a mask.
    fn copysign(&mut self, value: Value, a: Value, b: Value, size: Size) {
        let dst = self.def(value);
        let (a, b, mask) = (self.reg(a), self.reg(b), self.temp(RegClass::Vector));
        if size == Size::S32 {
            self.push(Inst::r(Op::VMOVI_4S, [mask]).imm(0x80 | 3 << 8));
        } else {
            let zero = self.temp(RegClass::Vector);
            self.push(Inst::r(Op::VMOVI_2D, [zero]));
            self.push(Inst::r(Op::FNEG.s64(), [mask, zero]));
        }
        self.push(Inst::r(Op::VBIT, [dst, a, b, mask]));
    }

    /// A conversion that traps: not a number, or out of range. What is left the instruction converts exactly.
    fn checked_trunc(&mut self, value: Value, a: Value, op: SizedOp, signed: bool, to: Size) {
        let dst = self.def(value);
        let x = self.reg(a);
        let from_f64 = self.func.ty(a) == Type::F64;
        let size = if from_f64 { Size::S64 } else { Size::S32 };
        let bits = i32::from(to.bits());
        // Below `low`, or equal to it where `low` itself is out of range.
        let (low, low_is_out, high) = match (signed, bits) {
            (false, _) => (-1.0, true, 2f64.powi(bits)),
            (true, 32) if from_f64 => (-2147483649.0, true, 2f64.powi(31)),
            (true, _) => (-(2f64.powi(bits - 1)), false, 2f64.powi(bits - 1)),
        };
        let (low, high) = (self.limit(low, size), self.limit(high, size));
        let compare = |x: Reg, y: Reg| Inst::r(Op::FCMP.size(size), [x, y]);
        self.push(compare(x, x));
        self.push_trap_if(Test::Flags(Cond::Vs), None, code(Trap::BadConversionToInteger));
        self.push(compare(x, low));
        let below = if low_is_out { Cond::Ls } else { Cond::Mi };
        self.push_trap_if(Test::Flags(below), None, code(Trap::IntegerOverflow));
        self.push(compare(x, high));
        self.push_trap_if(Test::Flags(Cond::Ge), None, code(Trap::IntegerOverflow));
        self.push(Inst::r(op.size(to), [dst, x]));
    }

    /// A float in a new register.
    fn limit(&mut self, limit: f64, size: Size) -> Reg {
        match size {
            Size::S64 => self.vector_constant(Type::F64, limit.to_bits().into()),
            _ => self.vector_constant(Type::F32, (limit as f32).to_bits().into()),
        }
    }
}
