//! Sums and differences with the result of an unsigned comparison: the carry flag is that result, and `adc` and `sbb` take it from there.
//! Arithmetic on numbers of several words looks so: `high + (low < addend)`.

use super::Lower;
use super::control::immediate;
use crate::ir::{Opcode, Value};
use crate::isa::x64::inst::Inst;
use crate::isa::x64::row::{Cond, Op, Size};

/// `left < right` of unsigned numbers, or its opposite.
struct Carry {
    left: Value,
    right: Value,
    size: Size,
    inverted: bool,
}

/// Whether an addend may be such a comparison.
fn may_carry(op: Opcode) -> bool {
    use Opcode::*;
    matches!(op, I64ExtendI32U | I32LtU | I32GtU | I32LeU | I32GeU | I64LtU | I64GtU | I64LeU | I64GeU)
}

impl Lower<'_> {
    /// Lowers `a + b` or `a - b` where one addend, or `b`, is such a comparison that nobody else needs; `false`: it is not that.
    pub(super) fn with_carry(&mut self, value: Value, a: Value, b: Value, size: Size) -> bool {
        if !may_carry(self.func.inst(a).op) && !may_carry(self.func.inst(b).op) {
            return false;
        }
        let is_sum = matches!(self.func.inst(value).op, Opcode::I32Add | Opcode::I64Add);
        let (x, carry) = match (self.carry(b), self.carry(a)) {
            (Some(carry), _) => (a, carry),
            (None, Some(carry)) if is_sum => (b, carry),
            _ => return false,
        };
        let (plain, by_imm, inverse) =
            if is_sum { (Op::ADC_RM, Op::ADC_I, Op::SBB_I) } else { (Op::SBB_RM, Op::SBB_I, Op::ADC_I) };
        let dst = self.def(value);
        let mut operands = None;
        if !carry.inverted {
            operands = self.operands_of_same(value, x).filter(|&(_, y)| self.imm_of(y, size).is_none());
        }
        match operands {
            // p + q + carry, p - q - carry
            Some((p, q)) => {
                let (p, q) = (self.reg_of(p, size), self.reg_of(q, size));
                self.set_carry(&carry);
                self.push(Inst::r(plain.size(size), [dst, p, q]));
            }
            // x + (1 - carry) is x - -1 - carry
            None => {
                let x = self.reg_of(x, size);
                self.set_carry(&carry);
                let (op, imm) = if carry.inverted { (inverse, -1) } else { (by_imm, 0) };
                self.push(Inst::r(op.size(size), [dst, x]).imm(imm));
            }
        }
        true
    }

    /// The operands of `x`, if it does the same as `value` and nobody else needs it.
    fn operands_of_same(&self, value: Value, x: Value) -> Option<(Value, Value)> {
        let inst = self.func.inst(x);
        let is_same = inst.op == self.func.inst(value).op && self.is_mine(x);
        is_same.then(|| (self.operand(inst.a), self.operand(inst.b)))
    }

    fn imm_of(&self, value: Value, size: Size) -> Option<i32> {
        self.func.int_const(value).and_then(|bits| immediate(bits, size))
    }

    /// Sets the carry flag to `left < right`.
    fn set_carry(&mut self, carry: &Carry) {
        let cond = self.compare_ints(carry.left, carry.right, Cond::B, carry.size);
        debug_assert!(cond == Cond::B, "a constant on the left was ruled out");
    }

    /// The comparison that an addend is, extended or not.
    fn carry(&self, addend: Value) -> Option<Carry> {
        use Opcode::*;
        let func = self.func;
        let mut test = addend;
        if func.inst(test).op == I64ExtendI32U {
            if !self.is_mine(test) {
                return None;
            }
            test = self.operand(func.inst(test).a);
        }
        let inst = func.inst(test);
        let size = match inst.op {
            I32LtU | I32GtU | I32LeU | I32GeU => Size::S32,
            I64LtU | I64GtU | I64LeU | I64GeU => Size::S64,
            _ => return None,
        };
        let (a, b) = (self.operand(inst.a), self.operand(inst.b));
        let (left, right, inverted) = match inst.op {
            I32LtU | I64LtU => (a, b, false),
            I32GtU | I64GtU => (b, a, false),
            I32GeU | I64GeU => (a, b, true),
            _ => (b, a, true),
        };
        (self.is_mine(test) && func.int_const(left).is_none()).then_some(Carry { left, right, size, inverted })
    }
}
