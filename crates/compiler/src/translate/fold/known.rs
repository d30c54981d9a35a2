//! How large an integer can be, and how many of its low bits can be set.

use crate::entity::Entity;
use crate::ir::{Function, Opcode, Type, Value};

/// Operands looked through at most. No effect on correctness.
const DEPTH: u32 = 3;

/// A number n of bits such that the value, seen as unsigned, is below 2^n.
pub fn bits(func: &Function, value: Value) -> u32 {
    64 - most(func, value).leading_zeros()
}

/// A number that the value, seen as unsigned, does not exceed.
pub fn most(func: &Function, value: Value) -> u64 {
    most_to(func, value, DEPTH)
}

/// The number whose bits are all set, as long as `most`.
pub fn ones(most: u64) -> u64 {
    u64::MAX.checked_shr(most.leading_zeros()).unwrap_or(0)
}

fn most_to(func: &Function, value: Value, depth: u32) -> u64 {
    let inst = func.inst(value);
    if let Some(bits) = func.int_const(value) {
        return bits;
    }
    let all = inst.ty.mask() as u64;
    let width = 8 * inst.ty.bytes();
    let operand = |field: u32| Value::new(field as usize);
    let below = |field: u32| match depth {
        0 => func.ty(operand(field)).mask() as u64,
        _ => most_to(func, operand(field), depth - 1),
    };
    let int = |field: u32| func.int_const(operand(field));
    let known = match inst.op {
        Opcode::I32Load8U | Opcode::I64Load8U | Opcode::I8x16ExtractLaneU => 0xff,
        Opcode::I32Load16U | Opcode::I64Load16U | Opcode::I16x8ExtractLaneU => 0xffff,
        Opcode::I64Load32U => 0xffff_ffff,
        Opcode::I8x16Bitmask => 0xffff,
        Opcode::I16x8Bitmask => 0xff,
        Opcode::I32x4Bitmask => 0xf,
        Opcode::I64x2Bitmask => 0x3,
        Opcode::I32Clz | Opcode::I32Ctz | Opcode::I32Popcnt => 32,
        Opcode::I64Clz | Opcode::I64Ctz | Opcode::I64Popcnt => 64,
        // A conjunction has no bit that one side has not.
        Opcode::I32And | Opcode::I64And => below(inst.a).min(below(inst.b)),
        Opcode::I32Or | Opcode::I64Or | Opcode::I32Xor | Opcode::I64Xor => ones(below(inst.a).max(below(inst.b))),
        Opcode::I32ShrU | Opcode::I64ShrU => match int(inst.b) {
            Some(count) => below(inst.a) >> (count % u64::from(width)),
            None => below(inst.a),
        },
        Opcode::I32Shl | Opcode::I64Shl => match int(inst.b) {
            Some(count) => {
                let (count, shifted) = (count % u64::from(width), below(inst.a));
                if shifted <= all >> count { shifted << count } else { all }
            }
            None => all,
        },
        // What leaves the width may be anything.
        Opcode::I32Add | Opcode::I64Add => {
            below(inst.a).checked_add(below(inst.b)).filter(|&sum| sum <= all).unwrap_or(all)
        }
        Opcode::I32Mul | Opcode::I64Mul => {
            below(inst.a).checked_mul(below(inst.b)).filter(|&product| product <= all).unwrap_or(all)
        }
        Opcode::I32DivU | Opcode::I64DivU => below(inst.a) / int(inst.b).unwrap_or(1).max(1),
        // A remainder is less than what it is divided by.
        Opcode::I32RemU | Opcode::I64RemU => below(inst.a).min(below(inst.b).saturating_sub(1)),
        Opcode::I64ExtendI32U => below(inst.a),
        Opcode::I32WrapI64 => Some(below(inst.a)).filter(|&most| most <= all).unwrap_or(all),
        Opcode::Select => below(inst.a).max(below(inst.b)),
        op if is_test(op) => 1,
        _ => all,
    };
    known.min(all)
}

/// A number of low bits of the value that are 0.
pub fn low_zeros(func: &Function, value: Value) -> u32 {
    low_zeros_to(func, value, DEPTH)
}

fn low_zeros_to(func: &Function, value: Value, depth: u32) -> u32 {
    let inst = func.inst(value);
    if let Some(bits) = func.int_const(value) {
        return bits.trailing_zeros();
    }
    let of = |field: u32| match depth {
        0 => 0,
        _ => low_zeros_to(func, Value::new(field as usize), depth - 1),
    };
    match inst.op {
        Opcode::I32And | Opcode::I64And => of(inst.a).max(of(inst.b)),
        Opcode::I32Add | Opcode::I64Add | Opcode::I32Sub | Opcode::I64Sub => of(inst.a).min(of(inst.b)),
        Opcode::I32Or | Opcode::I64Or | Opcode::I32Xor | Opcode::I64Xor => of(inst.a).min(of(inst.b)),
        Opcode::I32Mul | Opcode::I64Mul => of(inst.a).saturating_add(of(inst.b)),
        Opcode::I32Shl | Opcode::I64Shl => {
            let width = u64::from(8 * inst.ty.bytes());
            let count = func.int_const(Value::new(inst.b as usize)).map_or(0, |count| count % width);
            of(inst.a).saturating_add(count as u32)
        }
        Opcode::Select => of(inst.a).min(of(inst.b)),
        Opcode::I64ExtendI32U | Opcode::I64ExtendI32S | Opcode::I32WrapI64 => of(inst.a),
        _ => 0,
    }
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
