//! Rules that make one instruction simpler, a file for each family of opcodes.
//!
//! A rule is a match arm with its algebra beside it. It sees an instruction that is not made yet, and the instructions that made its
//! operands; the result is made the same way, so that rules chain. Rules never make more than one instruction and its constants.
//! Constants of commutative operations stand on the right before a rule sees them.
//!
//! [`known`] says how large a value can be, [`wide`] finds what takes more than one instruction to say. Rules make what they make through
//! `made`, so that the tests, which run both sides of every rule through `tiercel_wasm::numeric`, know which rules they have seen: one that
//! no test has seen fails them.

mod convert;
mod float;
mod int;
pub mod known;
mod made;
mod select;
mod vector;
pub mod wide;

#[cfg(test)]
mod tests;

use crate::entity::Entity;
use crate::ir::{Format, Function, Inst, Opcode, Type, Value};

/// What becomes of an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Folded {
    /// It stays.
    Keep,
    /// Another value is the same.
    Same(Value),
    /// It is the constant with these bits.
    Const(u128),
    /// It is this instruction.
    Inst(Inst),
    /// It is this operation on a value and a constant with these bits.
    WithConst(Opcode, Value, u128),
}

/// Applies one rule to a pure or trapping instruction.
pub fn fold(func: &Function, inst: &Inst) -> Folded {
    if let Some(bits) = evaluate(func, inst) {
        return Folded::Const(bits);
    }
    let view = View { func, inst };
    match inst.op {
        Opcode::Select => select::fold(view),
        Opcode::I8x16Shuffle => vector::fold(view),
        op => match op.info().operands.first() {
            Some(Type::I32 | Type::I64) if inst.ty.is_int() => match int::fold(view) {
                Folded::Keep => convert::fold(view),
                folded => folded,
            },
            Some(Type::V128) => vector::fold(view),
            Some(Type::F32 | Type::F64) if inst.ty == op.info().operands[0] => float::fold(view),
            _ => convert::fold(view),
        },
    }
}

/// The result, if all operands are constants and it does not trap.
fn evaluate(func: &Function, inst: &Inst) -> Option<u128> {
    if !inst.op.is_numeric() {
        return None;
    }
    let get = |field: u32| func.const_bits(Value::new(field as usize));
    // Most operands are no constants: the last one is looked at first, as that is where constants are.
    let operands = match inst.op.info().format {
        Format::Unary => [get(inst.a)?, 0, 0],
        Format::Binary => {
            let b = get(inst.b)?;
            [get(inst.a)?, b, 0]
        }
        _ => {
            let c = get(inst.c)?;
            [get(inst.a)?, get(inst.b)?, c]
        }
    };
    inst.op.eval(operands, inst.imm)?.ok()
}

/// An instruction with the means to look at its operands.
#[derive(Clone, Copy)]
struct View<'a> {
    func: &'a Function,
    inst: &'a Inst,
}

impl View<'_> {
    fn a(&self) -> Value {
        Value::new(self.inst.a as usize)
    }

    fn b(&self) -> Value {
        Value::new(self.inst.b as usize)
    }

    fn c(&self) -> Value {
        Value::new(self.inst.c as usize)
    }

    /// The opcode and the operands of the numeric instruction that made a value. Those it does not have, and those of all other
    /// instructions, are meaningless.
    fn def(&self, value: Value) -> (Opcode, Value, Value) {
        let inst = self.func.inst(value);
        if inst.op.is_numeric() {
            (inst.op, Value::new(inst.a as usize), Value::new(inst.b as usize))
        } else {
            (inst.op, value, value)
        }
    }

    /// The integer constant that a value is.
    fn int(&self, value: Value) -> Option<u64> {
        self.func.int_const(value)
    }

    /// The operand and constant of a binary operation with a constant on the right.
    fn with_const(&self, value: Value, op: Opcode) -> Option<(Value, u64)> {
        let (found, x, c) = self.def(value);
        if found == op { Some((x, self.int(c)?)) } else { None }
    }

    /// Whether a value can be nothing but 0 or 1.
    fn is_bool(&self, value: Value) -> bool {
        known::bits(self.func, value) <= 1
    }
}

/// The comparison that holds when this one does not; NaN is neither below nor above, so that floats have it for equality alone.
pub fn inverse(op: Opcode) -> Option<Opcode> {
    Some(match op {
        Opcode::F32Eq => Opcode::F32Ne,
        Opcode::F32Ne => Opcode::F32Eq,
        Opcode::F64Eq => Opcode::F64Ne,
        Opcode::F64Ne => Opcode::F64Eq,
        _ => int::Int::of(op)?.inverse()?.op(op.info().operands[0]),
    })
}

/// A condition without tests that change nothing: the value to look at, and whether the sense is turned around.
pub fn condition(func: &Function, mut value: Value) -> (Value, bool) {
    let mut inverted = false;
    // A chain of tests is short after folding; the limit keeps the walk constant.
    for _ in 0..4 {
        let inst = func.inst(value);
        match inst.op {
            // x == 0: the opposite of x
            Opcode::I32Eqz => inverted = !inverted,
            // x != 0: x
            Opcode::I32Ne if func.int_const(Value::new(inst.b as usize)) == Some(0) => {}
            _ => break,
        }
        value = Value::new(inst.a as usize);
    }
    (value, inverted)
}
