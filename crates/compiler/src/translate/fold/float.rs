//! Floats. Only what moves sign bits can be simplified: arithmetic makes signalling NaNs quiet, so that even `x * 1` is not `x`.

use super::Folded::{self, Keep};
use super::View;
use super::made::{Same, binary, unary};
use crate::ir::Opcode;

macro_rules! families {
    ($($name:ident = $narrow:ident $wide:ident;)*) => {
        #[derive(Clone, Copy, PartialEq, Eq)]
        enum Float { $($name,)* }

        fn family(op: Opcode) -> Option<Float> {
            match op { $(Opcode::$narrow | Opcode::$wide => Some(Float::$name),)* _ => None }
        }
    };
}

families! {
    Abs = F32Abs F64Abs;
    Neg = F32Neg F64Neg;
    Copysign = F32Copysign F64Copysign;
}

pub(super) fn fold(view: View<'_>) -> Folded {
    let (x, op) = (view.a(), view.inst.op);
    let (inner, p, _) = view.def(x);
    match (family(op), family(inner)) {
        // neg(neg(p)) => p
        (Some(Float::Neg), Some(Float::Neg)) => Same(p),
        // abs(abs(p)) => abs(p)
        (Some(Float::Abs), Some(Float::Abs)) => Same(x),
        // abs(neg(p)), abs(copysign(p, q)) => abs(p)
        (Some(Float::Abs), Some(_)) => unary(op, p),
        // copysign(x, x) => x
        (Some(Float::Copysign), _) if x == view.b() => Same(x),
        // copysign(p with another sign, y) => copysign(p, y)
        (Some(Float::Copysign), Some(_)) => binary(op, p, view.b()),
        _ => Keep,
    }
}
