//! Vectors.

use super::Folded::{self, Keep};
use super::View;
use super::convert::splat_type;
use super::made::{Const, Same};
use crate::ir::Opcode;

/// The lanes of a shuffle that gives its first operand, and of one that gives its second.
const FIRST: u128 = 0x0f0e_0d0c_0b0a_0908_0706_0504_0302_0100;
const SECOND: u128 = FIRST | 0x1010_1010_1010_1010_1010_1010_1010_1010;

pub(super) fn fold(view: View<'_>) -> Folded {
    let op = view.inst.op;
    let (x, y) = (view.a(), view.b());
    let (inner, p, _) = view.def(x);
    match op {
        Opcode::I8x16Shuffle => {
            return match view.func.vconsts.get(view.inst.c as usize).copied() {
                // lanes 0 to 15 in order => the first operand; 16 to 31 => the second
                Some(FIRST) => Same(x),
                Some(SECOND) => Same(y),
                _ => Keep,
            };
        }
        // not(not(p)) => p, neg(neg(p)) => p
        Opcode::V128Not
        | Opcode::I8x16Neg
        | Opcode::I16x8Neg
        | Opcode::I32x4Neg
        | Opcode::I64x2Neg
        | Opcode::F32x4Neg
        | Opcode::F64x2Neg
            if inner == op =>
        {
            return Same(p);
        }
        // extract_lane(splat(p)) => p, where a lane has all bits of p
        Opcode::I32x4ExtractLane | Opcode::I64x2ExtractLane | Opcode::F32x4ExtractLane | Opcode::F64x2ExtractLane
            if splat_type(inner) == Some(view.inst.ty) =>
        {
            return Same(p);
        }
        // bitselect(x, x, _) => x
        Opcode::V128Bitselect if x == y => return Same(x),
        _ => {}
    }
    if op.info().operands.len() != 2 {
        return Keep;
    }
    match (op, view.func.const_bits(y)) {
        // x & x, x | x => x
        (Opcode::V128And | Opcode::V128Or, _) if x == y => Same(x),
        // x ^ x, x & !x, x - x => 0
        (Opcode::V128Xor | Opcode::V128AndNot, _) if x == y => Const(0),
        (Opcode::I8x16Sub | Opcode::I16x8Sub | Opcode::I32x4Sub | Opcode::I64x2Sub, _) if x == y => Const(0),
        // x | 0, x ^ 0, x & !0, x + 0, x - 0 => x
        (Opcode::V128Or | Opcode::V128Xor | Opcode::V128AndNot, Some(0)) => Same(x),
        (Opcode::I8x16Add | Opcode::I16x8Add | Opcode::I32x4Add | Opcode::I64x2Add, Some(0)) => Same(x),
        (Opcode::I8x16Sub | Opcode::I16x8Sub | Opcode::I32x4Sub | Opcode::I64x2Sub, Some(0)) => Same(x),
        // x & 0 => 0, x & -1 => x, x | -1 => -1
        (Opcode::V128And, Some(0)) => Const(0),
        (Opcode::V128And, Some(u128::MAX)) => Same(x),
        (Opcode::V128Or, Some(u128::MAX)) => Const(u128::MAX),
        _ => Keep,
    }
}
