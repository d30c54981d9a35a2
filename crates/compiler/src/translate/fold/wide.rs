//! Products of 128 bits made of products of 32-bit halves, as toolchains write them for want of a better instruction.
//!
//! With halves `a = ah·2³² + al` and `b = bh·2³² + bl`:
//!
//! ```text
//! ll = al·bl    t = (ll >> 32) + ah·bl    u = low(t) + bh·al
//! low half:  u << 32 | low(ll)        high half:  ah·bh + (t >> 32) + (u >> 32)
//! ```
//!
//! None of the sums leaves 64 bits. Where `b` has 32 bits, `bh` is 0: the low half is `t << 32 | low(ll)`, the high half `t >> 32`.

use super::known;
use crate::entity::Entity;
use crate::ir::{Function, Inst, Opcode, Value};

/// The low 32 bits.
const LOW: u64 = 0xffff_ffff;
/// Addends of a sum that are looked at. No effect on correctness.
const TERMS: usize = 6;

/// One half of the product of two `i64`, seen as unsigned.
pub struct Half {
    /// The factors.
    pub factors: [Value; 2],
    /// Whether it is the high half.
    pub high: bool,
    /// What is added to it.
    pub rest: Vec<Value>,
}

/// The product that an instruction computes a half of.
pub fn product(func: &Function, inst: &Inst) -> Option<Half> {
    let view = View(func);
    let (a, b) = (Value::new(inst.a as usize), Value::new(inst.b as usize));
    match inst.op {
        // u << 32 | low(ll)
        Opcode::I64Or => {
            let (sum, low) = match (view.shifted(Opcode::I64Shl, a), view.shifted(Opcode::I64Shl, b)) {
                (Some(sum), _) => (sum, view.low(b)?),
                (_, Some(sum)) => (sum, view.low(a)?),
                _ => return None,
            };
            let (factors, product) = match view.second_sum(sum) {
                Some(found) => (found.factors, found.product),
                None => view.short(sum)?,
            };
            (product == low).then_some(Half { factors, high: false, rest: Vec::new() })
        }
        // t >> 32
        Opcode::I64ShrU if func.int_const(b) == Some(32) => {
            let (factors, _) = view.short(a)?;
            Some(Half { factors, high: true, rest: Vec::new() })
        }
        // ah·bh + (t >> 32) + (u >> 32)
        Opcode::I64Add if view.is_carry(a) || view.is_carry(b) => view.high_half(a, b),
        _ => None,
    }
}

/// `u` and what it is made of.
struct Sums {
    factors: [Value; 2],
    /// `ll`
    product: Value,
    /// `t`
    first: Value,
}

struct View<'a>(&'a Function);

impl View<'_> {
    fn operand(&self, op: Opcode, value: Value) -> Option<Value> {
        let inst = self.0.inst(value);
        (inst.op == op).then(|| Value::new(inst.a as usize))
    }

    fn operands(&self, op: Opcode, value: Value) -> Option<[Value; 2]> {
        let inst = self.0.inst(value);
        (inst.op == op).then(|| [inst.a, inst.b].map(|field| Value::new(field as usize)))
    }

    /// What is shifted by 32.
    fn shifted(&self, op: Opcode, value: Value) -> Option<Value> {
        let [x, count] = self.operands(op, value)?;
        (self.0.int_const(count) == Some(32)).then_some(x)
    }

    /// What this is the high half of.
    fn high(&self, value: Value) -> Option<Value> {
        self.shifted(Opcode::I64ShrU, value)
    }

    /// What this is the low half of.
    fn low(&self, value: Value) -> Option<Value> {
        if let Some([x, mask]) = self.operands(Opcode::I64And, value) {
            return (self.0.int_const(mask) == Some(LOW)).then_some(x);
        }
        let extended = self.operand(Opcode::I64ExtendI32U, value)?;
        self.operand(Opcode::I32WrapI64, extended)
    }

    /// Whether a value is the high half of a sum.
    fn is_carry(&self, value: Value) -> bool {
        self.high(value).is_some_and(|sum| self.0.inst(sum).op == Opcode::I64Add)
    }

    /// Whether a value is the product of the high half of `a` and what `is_other` accepts.
    fn is_cross(&self, value: Value, a: Value, is_other: impl Fn(Value) -> bool) -> bool {
        let Some([x, y]) = self.operands(Opcode::I64Mul, value) else { return false };
        (self.high(x) == Some(a) && is_other(y)) || (self.high(y) == Some(a) && is_other(x))
    }

    /// The two ways to see a sum.
    fn sum(&self, value: Value) -> Option<[(Value, Value); 2]> {
        let [x, y] = self.operands(Opcode::I64Add, value)?;
        Some([(x, y), (y, x)])
    }

    /// Takes `u` apart.
    fn second_sum(&self, u: Value) -> Option<Sums> {
        for (low, second_cross) in self.sum(u)? {
            let Some(t) = self.low(low) else { continue };
            for (shifted, first_cross) in self.sum(t)? {
                let Some(ll) = self.high(shifted) else { continue };
                let [x, y] = self.operands(Opcode::I64Mul, ll)?;
                let (a, b) = (self.low(x)?, self.low(y)?);
                for [a, b] in [[a, b], [b, a]] {
                    if self.is_cross(first_cross, a, |other| self.low(other) == Some(b))
                        && self.is_cross(second_cross, b, |other| self.low(other) == Some(a))
                    {
                        return Some(Sums { factors: [a, b], product: ll, first: t });
                    }
                }
            }
        }
        None
    }

    /// Takes `t` apart where the second factor has 32 bits: the factors, and `ll`. A factor that is the low half of another may well be
    /// the start of the long form.
    fn short(&self, t: Value) -> Option<([Value; 2], Value)> {
        for (shifted, cross) in self.sum(t)? {
            let Some(ll) = self.high(shifted) else { continue };
            let [x, y] = self.operands(Opcode::I64Mul, ll)?;
            for (x, b) in [(x, y), (y, x)] {
                if let Some(a) = self.low(x)
                    && self.is_cross(cross, a, |other| other == b)
                    && known::bits(self.0, b) <= 32
                    && self.low(b).is_none()
                {
                    return Some(([a, b], ll));
                }
            }
        }
        None
    }

    /// Finds a high half among the addends of a sum.
    fn high_half(&self, a: Value, b: Value) -> Option<Half> {
        let mut terms = vec![a, b];
        let mut at = 0;
        while at < terms.len() {
            match self.operands(Opcode::I64Add, terms[at]) {
                Some([x, y]) if terms.len() < TERMS => {
                    terms[at] = x;
                    terms.push(y);
                }
                _ => at += 1,
            }
        }
        let sums = terms.iter().find_map(|&term| Some((term, self.second_sum(self.high(term)?)?)));
        let (second, sums) = sums?;
        let [a, b] = sums.factors;
        let first = *terms.iter().find(|&&term| term != second && self.high(term) == Some(sums.first))?;
        let is_high_product = |&&term: &&Value| self.is_cross(term, a, |other| self.high(other) == Some(b));
        let product = *terms.iter().find(is_high_product)?;
        for used in [second, first, product] {
            let place = terms.iter().position(|&term| term == used)?;
            terms.remove(place);
        }
        Some(Half { factors: sums.factors, high: true, rest: terms })
    }
}
