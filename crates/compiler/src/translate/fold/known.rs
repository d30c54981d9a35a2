//! How many low bits of an integer can be set.

use crate::entity::Entity;
use crate::ir::{Function, Opcode, Type, Value};

/// Operands looked through at most. No effect on correctness.
const DEPTH: u32 = 3;

/// A number n of bits such that the value, seen as unsigned, is below 2^n.
pub fn bits(func: &Function, value: Value) -> u32 {
    bits_to(func, value, DEPTH)
}

fn bits_to(func: &Function, value: Value, depth: u32) -> u32 {
    let inst = func.inst(value);
    let width = 8 * inst.ty.bytes();
    if let Some(bits) = func.int_const(value) {
        return 64 - bits.leading_zeros();
    }
    let operand = |field: u32| Value::new(field as usize);
    let below = |field: u32| if depth == 0 { width } else { bits_to(func, operand(field), depth - 1) };
    let int = |field: u32| func.int_const(operand(field));
    let known = match inst.op {
        Opcode::I32Load8U | Opcode::I64Load8U => 8,
        Opcode::I32Load16U | Opcode::I64Load16U => 16,
        Opcode::I64Load32U => 32,
        Opcode::I8x16ExtractLaneU => 8,
        Opcode::I16x8ExtractLaneU => 16,
        Opcode::I8x16Bitmask => 16,
        Opcode::I16x8Bitmask => 8,
        Opcode::I32x4Bitmask => 4,
        Opcode::I64x2Bitmask => 2,
        Opcode::I32Clz | Opcode::I32Ctz | Opcode::I32Popcnt => 6,
        Opcode::I64Clz | Opcode::I64Ctz | Opcode::I64Popcnt => 7,
        // A conjunction has no bit that one side has not.
        Opcode::I32And | Opcode::I64And => below(inst.a).min(below(inst.b)),
        Opcode::I32Or | Opcode::I64Or | Opcode::I32Xor | Opcode::I64Xor => below(inst.a).max(below(inst.b)),
        Opcode::I32ShrU | Opcode::I64ShrU => match int(inst.b) {
            Some(count) => below(inst.a).saturating_sub(count as u32 % width),
            None => below(inst.a),
        },
        Opcode::I32Shl | Opcode::I64Shl => match int(inst.b) {
            Some(count) => below(inst.a) + count as u32 % width,
            None => width,
        },
        // A sum has at most one bit more.
        Opcode::I32Add | Opcode::I64Add => below(inst.a).max(below(inst.b)) + 1,
        Opcode::I32Mul | Opcode::I64Mul => below(inst.a) + below(inst.b),
        Opcode::I32DivU | Opcode::I64DivU => below(inst.a),
        Opcode::I32RemU | Opcode::I64RemU => below(inst.a).min(below(inst.b)),
        Opcode::I64ExtendI32U => below(inst.a).min(32),
        Opcode::I32WrapI64 => below(inst.a),
        Opcode::Select => below(inst.a).max(below(inst.b)),
        op if is_test(op) => 1,
        _ => width,
    };
    known.min(width)
}

/// Whether the result of a numeric opcode is 0 or 1 by its nature.
pub fn is_test(op: Opcode) -> bool {
    use Opcode::*;
    op.info().result == Type::I32
        && matches!(
            op,
            I32Eqz
                | I64Eqz
                | I32Eq
                | I32Ne
                | I32LtS
                | I32LtU
                | I32GtS
                | I32GtU
                | I32LeS
                | I32LeU
                | I32GeS
                | I32GeU
                | I64Eq
                | I64Ne
                | I64LtS
                | I64LtU
                | I64GtS
                | I64GtU
                | I64LeS
                | I64LeU
                | I64GeS
                | I64GeU
                | F32Eq
                | F32Ne
                | F32Lt
                | F32Gt
                | F32Le
                | F32Ge
                | F64Eq
                | F64Ne
                | F64Lt
                | F64Gt
                | F64Le
                | F64Ge
                | V128AnyTrue
                | I8x16AllTrue
                | I16x8AllTrue
                | I32x4AllTrue
                | I64x2AllTrue
        )
}
