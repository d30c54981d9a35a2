//! Conversions between the types.

use super::Folded::{self, Keep};
use super::made::{Same, unary};
use super::{View, known};
use crate::ir::{Opcode, Type};

pub(super) fn fold(view: View<'_>) -> Folded {
    let x = view.a();
    if view.inst.op.info().operands.len() != 1 {
        return Keep;
    }
    let (inner, p, _) = view.def(x);
    match (view.inst.op, inner) {
        // wrap(extend(p)) => p
        (Opcode::I32WrapI64, Opcode::I64ExtendI32U | Opcode::I64ExtendI32S) => Same(p),
        // wrap(extend32(p)) => wrap(p)
        (Opcode::I32WrapI64, Opcode::I64Extend32S) => unary(Opcode::I32WrapI64, p),
        // extend(wrap(p)) => p where p has at most 32 bits
        (Opcode::I64ExtendI32U, Opcode::I32WrapI64) if known::bits(view.func, p) <= 32 => Same(p),
        // signed extension of what has no sign => unsigned
        (Opcode::I64ExtendI32S, _) if known::bits(view.func, x) < 32 => unary(Opcode::I64ExtendI32U, x),
        (Opcode::I64Extend32S, _) if known::bits(view.func, x) < 32 => Same(x),
        // extend32(p) where p is an i32, extended => its signed extension
        (Opcode::I64Extend32S, Opcode::I64ExtendI32U) => unary(Opcode::I64ExtendI32S, p),
        (Opcode::I64Extend32S, Opcode::I64ExtendI32S | Opcode::I64Extend32S) => Same(x),
        // extend_s(wrap(p)) => extend32(p)
        (Opcode::I64ExtendI32S, Opcode::I32WrapI64) => unary(Opcode::I64Extend32S, p),
        // reinterpret there and back
        (Opcode::I32ReinterpretF32, Opcode::F32ReinterpretI32)
        | (Opcode::F32ReinterpretI32, Opcode::I32ReinterpretF32)
        | (Opcode::I64ReinterpretF64, Opcode::F64ReinterpretI64)
        | (Opcode::F64ReinterpretI64, Opcode::I64ReinterpretF64) => Same(p),
        // convert of an i64 that an i32 was extended to => convert of the i32
        (Opcode::F64ConvertI64S, Opcode::I64ExtendI32S) => unary(Opcode::F64ConvertI32S, p),
        (Opcode::F32ConvertI64S, Opcode::I64ExtendI32S) => unary(Opcode::F32ConvertI32S, p),
        (Opcode::F64ConvertI64U, Opcode::I64ExtendI32U) => unary(Opcode::F64ConvertI32U, p),
        (Opcode::F32ConvertI64U, Opcode::I64ExtendI32U) => unary(Opcode::F32ConvertI32U, p),
        // unsigned convert of what has no sign => signed, which machines do better
        (Opcode::F32ConvertI32U, _) if known::bits(view.func, x) < 32 => unary(Opcode::F32ConvertI32S, x),
        (Opcode::F64ConvertI32U, _) if known::bits(view.func, x) < 32 => unary(Opcode::F64ConvertI32S, x),
        (Opcode::F32ConvertI64U, _) if known::bits(view.func, x) < 64 => unary(Opcode::F32ConvertI64S, x),
        (Opcode::F64ConvertI64U, _) if known::bits(view.func, x) < 64 => unary(Opcode::F64ConvertI64S, x),
        _ => Keep,
    }
}

/// The type that a lane of this splat has, if it has all bits of the operand.
pub(super) fn splat_type(op: Opcode) -> Option<Type> {
    match op {
        Opcode::I32x4Splat => Some(Type::I32),
        Opcode::I64x2Splat => Some(Type::I64),
        Opcode::F32x4Splat => Some(Type::F32),
        Opcode::F64x2Splat => Some(Type::F64),
        _ => None,
    }
}
