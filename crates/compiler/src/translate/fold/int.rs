//! Integers of both widths. N is the width, `c` and `d` are constants, all arithmetic is modulo 2^N.

use super::Folded::{self, Keep};
use super::made::{Const, Same, WithConst, binary, unary};
use super::{View, known};
use crate::ir::{Opcode, Type};

macro_rules! families {
    ($($name:ident = $narrow:ident $wide:ident;)*) => {
        /// An opcode that both widths have.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Int { $($name,)* }

        impl Int {
            /// The family of an opcode.
            #[inline]
            pub fn of(op: Opcode) -> Option<Int> {
                match op { $(Opcode::$narrow | Opcode::$wide => Some(Int::$name),)* _ => None }
            }

            /// The opcode for operands of this type.
            #[inline]
            pub fn op(self, ty: Type) -> Opcode {
                match (self, ty) { $((Int::$name, Type::I32) => Opcode::$narrow, (Int::$name, _) => Opcode::$wide,)* }
            }
        }
    };
}

families! {
    Add = I32Add I64Add;
    Sub = I32Sub I64Sub;
    Mul = I32Mul I64Mul;
    DivS = I32DivS I64DivS;
    DivU = I32DivU I64DivU;
    RemS = I32RemS I64RemS;
    RemU = I32RemU I64RemU;
    And = I32And I64And;
    Or = I32Or I64Or;
    Xor = I32Xor I64Xor;
    Shl = I32Shl I64Shl;
    ShrS = I32ShrS I64ShrS;
    ShrU = I32ShrU I64ShrU;
    Rotl = I32Rotl I64Rotl;
    Rotr = I32Rotr I64Rotr;
    Eq = I32Eq I64Eq;
    Ne = I32Ne I64Ne;
    LtS = I32LtS I64LtS;
    LtU = I32LtU I64LtU;
    GtS = I32GtS I64GtS;
    GtU = I32GtU I64GtU;
    LeS = I32LeS I64LeS;
    LeU = I32LeU I64LeU;
    GeS = I32GeS I64GeS;
    GeU = I32GeU I64GeU;
    Eqz = I32Eqz I64Eqz;
    Extend8 = I32Extend8S I64Extend8S;
    Extend16 = I32Extend16S I64Extend16S;
}

impl Int {
    /// The comparison that holds when this one does not.
    pub(super) fn inverse(self) -> Option<Int> {
        Some(match self {
            Int::Eq => Int::Ne,
            Int::Ne => Int::Eq,
            Int::LtS => Int::GeS,
            Int::GeS => Int::LtS,
            Int::LtU => Int::GeU,
            Int::GeU => Int::LtU,
            Int::GtS => Int::LeS,
            Int::LeS => Int::GtS,
            Int::GtU => Int::LeU,
            Int::LeU => Int::GtU,
            _ => return None,
        })
    }

    /// The comparison that says the same of numbers without a sign; none if it is no comparison of two.
    fn unsigned(self) -> Option<Int> {
        Some(match self {
            Int::LtS => Int::LtU,
            Int::GtS => Int::GtU,
            Int::LeS => Int::LeU,
            Int::GeS => Int::GeU,
            Int::Eq | Int::Ne | Int::LtU | Int::GtU | Int::LeU | Int::GeU => self,
            _ => return None,
        })
    }

    /// The comparison that says the same with its operands exchanged.
    fn swapped(self) -> Option<Int> {
        Some(match self {
            Int::LtS => Int::GtS,
            Int::GtS => Int::LtS,
            Int::LtU => Int::GtU,
            Int::GtU => Int::LtU,
            Int::LeS => Int::GeS,
            Int::GeS => Int::LeS,
            Int::LeU => Int::GeU,
            Int::GeU => Int::LeU,
            _ => return None,
        })
    }
}

pub(super) fn fold(view: View<'_>) -> Folded {
    let Some(int) = Int::of(view.inst.op) else { return Keep };
    let ty = view.inst.op.info().operands[0];
    if matches!(int, Int::Eqz | Int::Extend8 | Int::Extend16) {
        return one_operand(view, int, ty);
    }
    let (x, y) = (view.a(), view.b());
    match view.int(y) {
        Some(c) => with_const(view, int, ty, c),
        None if x == y => with_itself(view, int),
        None => two_operands(view, int, ty),
    }
}

fn one_operand(view: View<'_>, int: Int, ty: Type) -> Folded {
    let x = view.a();
    let (op, p, q) = view.def(x);
    let inner = Int::of(op);
    let inner_ty = op.info().operands.first().copied().unwrap_or(ty);
    match (int, inner) {
        // eqz(eqz(p)) => p where p is 0 or 1; else p != 0
        (Int::Eqz, Some(Int::Eqz)) if inner_ty == Type::I32 && view.is_bool(p) => Same(p),
        (Int::Eqz, Some(Int::Eqz)) => WithConst(Int::Ne.op(inner_ty), p, 0),
        // eqz(p < q) => p >= q, and so on
        (Int::Eqz, Some(inner)) if inner.inverse().is_some() => match inner.inverse() {
            Some(inverse) => binary(inverse.op(inner_ty), p, q),
            None => Keep,
        },
        // eqz(p - q) => p == q; eqz(p ^ q) => p == q
        (Int::Eqz, Some(Int::Sub | Int::Xor)) => binary(Int::Eq.op(ty), p, q),
        // eqz of a float test: only these two are each other's opposite, for NaN is neither below nor above
        (Int::Eqz, None) => match op {
            Opcode::F32Eq => binary(Opcode::F32Ne, p, q),
            Opcode::F32Ne => binary(Opcode::F32Eq, p, q),
            Opcode::F64Eq => binary(Opcode::F64Ne, p, q),
            Opcode::F64Ne => binary(Opcode::F64Eq, p, q),
            // eqz(extend(p)) => eqz(p)
            Opcode::I64ExtendI32U | Opcode::I64ExtendI32S => unary(Opcode::I32Eqz, p),
            _ => Keep,
        },
        // extending from n bits what has fewer => itself
        (Int::Extend8, _) if known::bits(view.func, x) < 8 => Same(x),
        (Int::Extend16, _) if known::bits(view.func, x) < 16 => Same(x),
        // extend8(extend8(p)) => extend8(p); from 16 bits as well, as that has its sign already
        (Int::Extend8, Some(Int::Extend8)) | (Int::Extend16, Some(Int::Extend8 | Int::Extend16)) => Same(x),
        // extend8(extend16(p)) => extend8(p)
        (Int::Extend8, Some(Int::Extend16)) => unary(view.inst.op, p),
        // extend8(p & c) => extend8(p) where c has the low 8 bits
        (Int::Extend8, Some(Int::And)) if view.int(q).is_some_and(|c| c & 0xff == 0xff) => unary(view.inst.op, p),
        (Int::Extend16, Some(Int::And)) if view.int(q).is_some_and(|c| c & 0xffff == 0xffff) => unary(view.inst.op, p),
        _ => Keep,
    }
}

fn with_itself(view: View<'_>, int: Int) -> Folded {
    match int {
        // x - x, x ^ x => 0
        Int::Sub | Int::Xor => Const(0),
        // x & x, x | x => x
        Int::And | Int::Or => Same(view.a()),
        // x == x and so on => 1
        Int::Eq | Int::LeS | Int::LeU | Int::GeS | Int::GeU => Const(1),
        // x != x and so on => 0
        Int::Ne | Int::LtS | Int::LtU | Int::GtS | Int::GtU => Const(0),
        _ => Keep,
    }
}

fn two_operands(view: View<'_>, int: Int, ty: Type) -> Folded {
    let (x, y) = (view.a(), view.b());
    let count_mask = u64::from(8 * ty.bytes() - 1);
    match int {
        // c < y => y > c, and so on
        _ if view.int(x).is_some() && int.swapped().is_some() => match int.swapped() {
            Some(swapped) => binary(swapped.op(ty), y, x),
            None => Keep,
        },
        // extend_u(p) < extend_u(q) => p < q without a sign, extend_s(p) < extend_s(q) => p < q, and so on
        _ if ty == Type::I64 && int.unsigned().is_some() => match (view.def(x), view.def(y), int.unsigned()) {
            ((Opcode::I64ExtendI32U, p, _), (Opcode::I64ExtendI32U, q, _), Some(unsigned)) => {
                binary(unsigned.op(Type::I32), p, q)
            }
            ((Opcode::I64ExtendI32S, p, _), (Opcode::I64ExtendI32S, q, _), _) => binary(int.op(Type::I32), p, q),
            _ => Keep,
        },
        // x << (p & c) => x << p where c has the bits that count
        Int::Shl | Int::ShrS | Int::ShrU | Int::Rotl | Int::Rotr => match view.with_const(y, Int::And.op(ty)) {
            Some((p, c)) if c & count_mask == count_mask => binary(view.inst.op, x, p),
            _ => Keep,
        },
        // signed x / y, x % y => unsigned where neither has a sign
        Int::DivS | Int::RemS if [x, y].iter().all(|&value| known::bits(view.func, value) < 8 * ty.bytes()) => {
            let unsigned = if int == Int::DivS { Int::DivU } else { Int::RemU };
            binary(unsigned.op(ty), x, y)
        }
        // x + (p - x) => p; the difference is younger than x and therefore on the right
        Int::Add => match view.def(y) {
            (op, p, q) if op == Int::Sub.op(ty) && q == x => Same(p),
            _ => Keep,
        },
        // (p + y) - y => p
        Int::Sub => match view.def(x) {
            (op, p, q) if op == Int::Add.op(ty) && q == y => Same(p),
            (op, p, q) if op == Int::Add.op(ty) && p == y => Same(q),
            _ => Keep,
        },
        _ => Keep,
    }
}

fn with_const(view: View<'_>, int: Int, ty: Type, c: u64) -> Folded {
    let x = view.a();
    let width = 8 * ty.bytes();
    let mask = ty.mask() as u64;
    let cut = |bits: u64| u128::from(bits & mask);
    let (op, p, q) = view.def(x);
    // The constant of an inner operation of the same type.
    let inner = Int::of(op).filter(|_| op.info().operands.first() == Some(&ty) && op.info().operands.len() == 2);
    let d = inner.and_then(|_| view.int(q));
    let known = || known::bits(view.func, x);
    let max = || known::most(view.func, x);
    match (int, inner, d) {
        // x + 0, x | 0, x ^ 0 => x
        (Int::Add | Int::Or | Int::Xor, ..) if c == 0 => Same(x),
        // x - c => x + -c
        (Int::Sub, ..) => WithConst(Int::Add.op(ty), x, cut(c.wrapping_neg())),
        // (p + d) + c => p + (c + d)
        (Int::Add, Some(Int::Add), Some(d)) => WithConst(view.inst.op, p, cut(c.wrapping_add(d))),
        // x * 0, x & 0 => 0
        (Int::Mul | Int::And, ..) if c == 0 => Const(0),
        // x * 1, x / 1 => x
        (Int::Mul | Int::DivS | Int::DivU, ..) if c == 1 => Same(x),
        // x * 2^k => x << k
        (Int::Mul, ..) if c.is_power_of_two() => WithConst(Int::Shl.op(ty), x, u128::from(c.trailing_zeros())),
        // (p * d) * c => p * (c * d)
        (Int::Mul, Some(Int::Mul), Some(d)) => WithConst(view.inst.op, p, cut(c.wrapping_mul(d))),
        // unsigned x / 2^k => x >> k; x % 2^k => x & (2^k - 1)
        (Int::DivU, ..) if c.is_power_of_two() => WithConst(Int::ShrU.op(ty), x, u128::from(c.trailing_zeros())),
        (Int::RemU, ..) if c.is_power_of_two() => WithConst(Int::And.op(ty), x, u128::from(c - 1)),
        // signed x / c, x % c => unsigned where neither has a sign
        (Int::DivS, ..) if c >> (width - 1) == 0 && known() < width => WithConst(Int::DivU.op(ty), x, cut(c)),
        (Int::RemS, ..) if c >> (width - 1) == 0 && known() < width => WithConst(Int::RemU.op(ty), x, cut(c)),
        // signed x % 1, x % -1 => 0
        (Int::RemS, ..) if c == 1 || c == mask => Const(0),
        // x & -1 => x, and x & c => x where c has every bit that x can have
        (Int::And, ..) if c == mask || known::ones(max()) & !c == 0 => Same(x),
        // (p & d) & c => p & (c & d)
        (Int::And, Some(Int::And), Some(d)) => WithConst(view.inst.op, p, cut(c & d)),
        // x | -1 => -1
        (Int::Or, ..) if c == mask => Const(cut(c)),
        // (p | d) | c => p | (c | d)
        (Int::Or, Some(Int::Or), Some(d)) => WithConst(view.inst.op, p, cut(c | d)),
        // (p ^ d) ^ c => p ^ (c ^ d)
        (Int::Xor, Some(Int::Xor), Some(d)) => WithConst(view.inst.op, p, cut(c ^ d)),
        (Int::Shl | Int::ShrS | Int::ShrU | Int::Rotl | Int::Rotr, ..) => shift(view, int, ty, c, inner.zip(d)),
        // x == c => 0, x != c => 1 where x cannot be as large
        (Int::Eq, ..) if max() < c => Const(0),
        (Int::Ne, ..) if max() < c => Const(1),
        // x == 0 => eqz(x)
        (Int::Eq, ..) if c == 0 => unary(Int::Eqz.op(ty), x),
        // x == 1 => x, x != 1 => eqz(x) where x is 0 or 1
        (Int::Eq, ..) if c == 1 && ty == Type::I32 && view.is_bool(x) => Same(x),
        (Int::Ne, ..) if c == 1 && view.is_bool(x) => unary(Int::Eqz.op(ty), x),
        // x != 0 => x where x is 0 or 1
        (Int::Ne, ..) if c == 0 && ty == Type::I32 && view.is_bool(x) => Same(x),
        // (p + d) == c => p == c - d
        (Int::Eq | Int::Ne, Some(Int::Add), Some(d)) => WithConst(view.inst.op, p, cut(c.wrapping_sub(d))),
        // (p ^ d) == c => p == c ^ d
        (Int::Eq | Int::Ne, Some(Int::Xor), Some(d)) => WithConst(view.inst.op, p, cut(c ^ d)),
        // extend(p) != 0 => p != 0
        (Int::Ne, ..) if c == 0 && matches!(op, Opcode::I64ExtendI32U | Opcode::I64ExtendI32S) => {
            WithConst(Opcode::I32Ne, p, 0)
        }
        // extend_u(p) < c => p < c without a sign, and so on, where c has 32 bits; extend_s(p) < c => p < c, where c is an i32
        (int, ..) if op == Opcode::I64ExtendI32U && int.unsigned().is_some() && c <= u64::from(u32::MAX) => {
            match int.unsigned() {
                Some(unsigned) => WithConst(unsigned.op(Type::I32), p, c.into()),
                None => Keep,
            }
        }
        (int, ..) if op == Opcode::I64ExtendI32S && int.unsigned().is_some() && i32::try_from(c as i64).is_ok() => {
            WithConst(int.op(Type::I32), p, u128::from(c as u32))
        }
        // unsigned x < 0 => 0, x >= 0 => 1
        (Int::LtU, ..) if c == 0 => Const(0),
        (Int::GeU, ..) if c == 0 => Const(1),
        // unsigned x < 1, x <= 0 => eqz(x); x >= 1, x > 0 => x != 0
        (Int::LtU, ..) if c == 1 => unary(Int::Eqz.op(ty), x),
        (Int::LeU, ..) if c == 0 => unary(Int::Eqz.op(ty), x),
        (Int::GeU, ..) if c == 1 => WithConst(Int::Ne.op(ty), x, 0),
        (Int::GtU, ..) if c == 0 => WithConst(Int::Ne.op(ty), x, 0),
        // unsigned comparisons with more than x can be
        (Int::LtU, ..) if max() < c => Const(1),
        (Int::GeU, ..) if max() < c => Const(0),
        (Int::LeU, ..) if max() <= c => Const(1),
        (Int::GtU, ..) if max() <= c => Const(0),
        // signed comparisons of what is not negative with 0
        (Int::LtS, ..) if c == 0 && known() < width => Const(0),
        (Int::GeS, ..) if c == 0 && known() < width => Const(1),
        (Int::LeS, ..) if c == 0 && known() < width => unary(Int::Eqz.op(ty), x),
        (Int::GtS, ..) if c == 0 && known() < width => WithConst(Int::Ne.op(ty), x, 0),
        // signed comparisons of what is not negative with what is not negative, and has more bits
        (Int::LtS | Int::LeS, ..) if c >> (width - 1) == 0 && known() < width && max() < c => Const(1),
        (Int::GtS | Int::GeS, ..) if c >> (width - 1) == 0 && known() < width && max() < c => Const(0),
        _ => Keep,
    }
}

/// Shifts and rotations by a constant; `inner` is the operation with a constant that made the shifted value.
fn shift(view: View<'_>, int: Int, ty: Type, c: u64, inner: Option<(Int, u64)>) -> Folded {
    let x = view.a();
    let (_, p, _) = view.def(x);
    let width = u64::from(8 * ty.bytes());
    let mask = ty.mask() as u64;
    let count = c % width;
    match (int, inner.map(|(inner, d)| (inner, d % width))) {
        // x << 0 => x
        _ if count == 0 => Same(x),
        // x << c => x << (c mod N)
        _ if count != c => WithConst(view.inst.op, x, u128::from(count)),
        // (p << d) << c => p << (c + d), or 0
        (Int::Shl, Some((Int::Shl, d))) | (Int::ShrU, Some((Int::ShrU, d))) => {
            if count + d < width {
                WithConst(view.inst.op, p, u128::from(count + d))
            } else {
                Const(0)
            }
        }
        // (p >> d) >> c => p >> (c + d), at most N - 1 for signed shifts
        (Int::ShrS, Some((Int::ShrS, d))) => WithConst(view.inst.op, p, u128::from((count + d).min(width - 1))),
        // (p << c) >> c => p & (-1 >> c) for unsigned shifts
        (Int::ShrU, Some((Int::Shl, d))) if d == count => WithConst(Int::And.op(ty), p, u128::from(mask >> count)),
        // (p >> c) << c => p & (-1 << c)
        (Int::Shl, Some((Int::ShrU | Int::ShrS, d))) if d == count => {
            WithConst(Int::And.op(ty), p, u128::from(mask << count & mask))
        }
        // (p << c) >> c => extend(p) for signed shifts that leave 8, 16 or 32 bits
        (Int::ShrS, Some((Int::Shl, d))) if d == count => match (width - count, ty) {
            (8, _) => unary(Int::Extend8.op(ty), p),
            (16, _) => unary(Int::Extend16.op(ty), p),
            (32, Type::I64) => unary(Opcode::I64Extend32S, p),
            _ => Keep,
        },
        // x >> c => 0 where x has at most c bits
        (Int::ShrU, _) if u64::from(known::bits(view.func, x)) <= count => Const(0),
        // signed x >> c => unsigned x >> c where the sign bit is clear
        (Int::ShrS, _) if u64::from(known::bits(view.func, x)) < width => {
            WithConst(Int::ShrU.op(ty), x, u128::from(count))
        }
        // rotations one after another
        (Int::Rotl, Some((Int::Rotl, d))) | (Int::Rotr, Some((Int::Rotr, d))) => {
            WithConst(view.inst.op, p, u128::from((count + d) % width))
        }
        _ => Keep,
    }
}
