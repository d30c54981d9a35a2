//! `select`: `a` if the condition `c` is not 0, else `b`.

use super::Folded::{self, Keep};
use super::made::{Same, WithConst, select, unary};
use super::{View, condition};
use crate::ir::{Opcode, Type};

pub(super) fn fold(view: View<'_>) -> Folded {
    let (a, b, c) = (view.a(), view.b(), view.c());
    let ty = view.inst.ty;
    match view.int(c) {
        // a constant condition
        Some(0) => return Same(b),
        Some(_) => return Same(a),
        // both the same
        None if a == b => return Same(a),
        None => {}
    }
    match condition(view.func, c) {
        // select(a, b, eqz(p)) => select(b, a, p); select(a, b, p != 0) => select(a, b, p)
        (p, true) if p != c => return select(ty, b, a, p),
        (p, false) if p != c => return select(ty, a, b, p),
        _ => {}
    }
    match (ty, view.int(a), view.int(b)) {
        // select(1, 0, c) => c where c is 0 or 1, else c != 0
        (Type::I32, Some(1), Some(0)) if view.is_bool(c) => Same(c),
        (Type::I32, Some(1), Some(0)) => WithConst(Opcode::I32Ne, c, 0),
        // select(0, 1, c) => eqz(c)
        (Type::I32, Some(0), Some(1)) => unary(Opcode::I32Eqz, c),
        _ => Keep,
    }
}
