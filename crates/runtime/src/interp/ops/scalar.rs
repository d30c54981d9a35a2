//! Scalar arithmetic, comparisons with and without a branch, conversions. What an opcode computes is said in
//! `tiercel_wasm::numeric`; here a row makes it handlers, one for each pattern of operands.

use super::{Class, Handler};
use crate::interp::dispatch::{Next, Op, Regs, handler};
use crate::interp::operand::{A, AI, AS, Ac, Dst, IA, IS, Pair, S, SA, SI, SS, Src, St, Value};
use core::marker::PhantomData;
use tiercel_abi::Trap;
use tiercel_wasm::numeric::{self, ArithmeticTrap};
use wasmparser::Operator;

/// A pattern of two operands; the index of its handler in [`Binary::handlers`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// Slot, slot.
    SS,
    /// Slot, accumulator.
    SA,
    /// Accumulator, slot.
    AS,
    /// Slot, immediate.
    SI,
    /// Immediate, slot.
    IS,
    /// Accumulator, immediate.
    AI,
    /// Immediate, accumulator.
    IA,
}

/// The handlers of a binary operation.
pub struct Binary {
    /// The class of both operands.
    pub operands: Class,
    /// The class of the result.
    pub result: Class,
    /// Whether the operands may be swapped. Then only the patterns SS, AS, SI and AI exist.
    pub commutes: bool,
    /// Whether it can trap.
    pub traps: bool,
    /// By [`Pattern`]; each with its result in slot and accumulator, and in the accumulator alone.
    pub handlers: [Option<[Handler; 2]>; 7],
    /// A branch that is taken if the result is not zero, or if it is.
    pub branch: Option<&'static Branch>,
}

/// The handlers of an operation that is followed by a conditional branch.
pub struct Branch {
    /// By [`Pattern`]; taken if the result is zero, taken if it is not.
    pub handlers: [Option<[Handler; 2]>; 7],
}

/// The handlers of a unary operation.
pub struct Unary {
    /// The class of the result.
    pub result: Class,
    /// Whether it can trap.
    pub traps: bool,
    /// Operand in a slot, in the accumulator; each with its result in slot and accumulator, and in the accumulator alone.
    pub handlers: [[Handler; 2]; 2],
}

trait Bin {
    type T: Value;
    type R: Value;
    fn eval(a: Self::T, b: Self::T) -> Result<Self::R, ArithmeticTrap>;
}

trait Un {
    type T: Value;
    type R: Value;
    fn eval(a: Self::T) -> Result<Self::R, ArithmeticTrap>;
}

#[cold]
fn trap(reason: ArithmeticTrap) -> Next {
    let trap = match reason {
        ArithmeticTrap::DivisionByZero => Trap::IntegerDivisionByZero,
        ArithmeticTrap::IntegerOverflow => Trap::IntegerOverflow,
        ArithmeticTrap::BadConversionToInteger => Trap::BadConversionToInteger,
    };
    Next::Stop(trap.code() as u32)
}

struct BinOp<F, P, D>(PhantomData<(F, P, D)>);

impl<F: Bin, P: Pair, D: Dst> Op for BinOp<F, P, D> {
    #[inline(always)]
    unsafe fn run(r: &mut Regs) -> Next {
        // SAFETY: the caller's.
        unsafe {
            let (a, b) = P::get(r);
            match F::eval(a, b) {
                Ok(value) => D::put(r, value),
                Err(reason) => return trap(reason),
            }
            r.ip = r.ip.add(if P::HAS_IMM { 2 + F::T::IMM_WORDS } else { 2 });
        }
        Next::Go
    }
}

/// Words of a branch's instruction up to the distance, which is its last word.
pub const fn branch_words(has_imm: bool, imm_words: usize) -> usize {
    if has_imm { 2 + imm_words } else { 2 }
}

struct BranchOp<F, P, const IF: bool>(PhantomData<(F, P)>);

impl<F: Bin, P: Pair, const IF: bool> Op for BranchOp<F, P, IF> {
    #[inline(always)]
    unsafe fn run(r: &mut Regs) -> Next {
        // SAFETY: the caller's.
        unsafe {
            let (a, b) = P::get(r);
            let words = branch_words(P::HAS_IMM, F::T::IMM_WORDS);
            let taken = matches!(F::eval(a, b), Ok(value) if value.is_true() == IF);
            let distance = if taken { *r.ip.add(words) as i64 as isize } else { words as isize + 1 };
            r.ip = r.ip.offset(distance);
        }
        Next::Go
    }
}

struct UnOp<F, P, D>(PhantomData<(F, P, D)>);

impl<F: Un, P: Src, D: Dst> Op for UnOp<F, P, D> {
    #[inline(always)]
    unsafe fn run(r: &mut Regs) -> Next {
        // SAFETY: the caller's.
        unsafe {
            match F::eval(P::get(r, 1)) {
                Ok(value) => D::put(r, value),
                Err(reason) => return trap(reason),
            }
            r.ip = r.ip.add(2);
        }
        Next::Go
    }
}

const fn pair<F: Bin, P: Pair>() -> Option<[Handler; 2]> {
    Some([handler::<BinOp<F, P, St>>(), handler::<BinOp<F, P, Ac>>()])
}

const fn branches<F: Bin, P: Pair>() -> Option<[Handler; 2]> {
    Some([handler::<BranchOp<F, P, false>>(), handler::<BranchOp<F, P, true>>()])
}

const fn in_order<F: Bin>() -> [Option<[Handler; 2]>; 7] {
    [
        pair::<F, SS>(),
        pair::<F, SA>(),
        pair::<F, AS>(),
        pair::<F, SI>(),
        pair::<F, IS>(),
        pair::<F, AI>(),
        pair::<F, IA>(),
    ]
}

const fn commuting<F: Bin>() -> [Option<[Handler; 2]>; 7] {
    [pair::<F, SS>(), None, pair::<F, AS>(), pair::<F, SI>(), None, pair::<F, AI>(), None]
}

const fn branches_in_order<F: Bin>() -> [Option<[Handler; 2]>; 7] {
    [
        branches::<F, SS>(),
        branches::<F, SA>(),
        branches::<F, AS>(),
        branches::<F, SI>(),
        None,
        branches::<F, AI>(),
        None,
    ]
}

const fn branches_commuting<F: Bin>() -> [Option<[Handler; 2]>; 7] {
    [branches::<F, SS>(), None, branches::<F, AS>(), branches::<F, SI>(), None, branches::<F, AI>(), None]
}

/// A row: `NAME(operands) -> result = function`. The groups say which patterns exist and whether a branch can follow.
macro_rules! binary {
    (@handlers commuting $op:ident) => { commuting::<$op>() };
    (@handlers in_order $op:ident) => { in_order::<$op>() };
    (@branch none commuting $op:ident) => { None };
    (@branch none in_order $op:ident) => { None };
    (@branch branch commuting $op:ident) => { Some(&Branch { handlers: branches_commuting::<$op>() }) };
    (@branch branch in_order $op:ident) => { Some(&Branch { handlers: branches_in_order::<$op>() }) };
    (@eval total $f:ident, $a:ident, $b:ident) => { Ok(numeric::$f($a, $b)) };
    (@eval traps $f:ident, $a:ident, $b:ident) => { numeric::$f($a, $b) };
    ($order:ident $totality:ident $branch:ident { $($name:ident($t:ident) -> $r:ident = $f:ident;)* }) => {$(
        struct $f;
        impl Bin for $f {
            type T = $t;
            type R = $r;
            #[inline(always)]
            fn eval(a: $t, b: $t) -> Result<$r, ArithmeticTrap> {
                binary!(@eval $totality $f, a, b)
            }
        }
        pub(super) static $name: Binary = Binary {
            operands: <$t as Value>::CLASS,
            result: <$r as Value>::CLASS,
            commutes: matches!(stringify!($order).as_bytes(), b"commuting"),
            traps: matches!(stringify!($totality).as_bytes(), b"traps"),
            handlers: binary!(@handlers $order $f),
            branch: binary!(@branch $branch $order $f),
        };
    )*
        pub(super) fn lookup(op: &Operator<'_>) -> Option<&'static Binary> {
            match op {
                $(Operator::$name => Some(&$name),)*
                _ => None,
            }
        }
    };
}

macro_rules! unary {
    (@eval total $f:ident, $a:ident) => { Ok(numeric::$f($a)) };
    (@eval traps $f:ident, $a:ident) => { numeric::$f($a) };
    ($totality:ident { $($name:ident($t:ident) -> $r:ident = $f:ident;)* }) => {$(
        struct $f;
        impl Un for $f {
            type T = $t;
            type R = $r;
            #[inline(always)]
            fn eval(a: $t) -> Result<$r, ArithmeticTrap> {
                unary!(@eval $totality $f, a)
            }
        }
        static $name: Unary = Unary {
            result: <$r as Value>::CLASS,
            traps: matches!(stringify!($totality).as_bytes(), b"traps"),
            handlers: [
                [handler::<UnOp<$f, S, St>>(), handler::<UnOp<$f, S, Ac>>()],
                [handler::<UnOp<$f, A, St>>(), handler::<UnOp<$f, A, Ac>>()],
            ],
        };
    )*
        pub(super) fn lookup(op: &Operator<'_>) -> Option<&'static Unary> {
            match op {
                $(Operator::$name => Some(&$name),)*
                _ => None,
            }
        }
    };
}

#[expect(
    non_camel_case_types,
    non_upper_case_globals,
    reason = "a marker has its function's name, a table its opcode's"
)]
mod commuting_operations {
    use super::*;
    binary! { commuting total none {
        I32Add(i32) -> i32 = i32_add;
        I32Mul(i32) -> i32 = i32_mul;
        I32Or(i32) -> i32 = i32_or;
        I32Xor(i32) -> i32 = i32_xor;
        I64Add(i64) -> i64 = i64_add;
        I64Mul(i64) -> i64 = i64_mul;
        I64Or(i64) -> i64 = i64_or;
        I64Xor(i64) -> i64 = i64_xor;
        I64And(i64) -> i64 = i64_and;
        F32Add(f32) -> f32 = f32_add;
        F32Mul(f32) -> f32 = f32_mul;
        F32Min(f32) -> f32 = f32_min;
        F32Max(f32) -> f32 = f32_max;
        F64Add(f64) -> f64 = f64_add;
        F64Mul(f64) -> f64 = f64_mul;
        F64Min(f64) -> f64 = f64_min;
        F64Max(f64) -> f64 = f64_max;
    }}
}

#[expect(
    non_camel_case_types,
    non_upper_case_globals,
    reason = "a marker has its function's name, a table its opcode's"
)]
mod commuting_tests {
    use super::*;
    binary! { commuting total branch {
        I32And(i32) -> i32 = i32_and;
        I32Eq(i32) -> bool = i32_eq;
        I32Ne(i32) -> bool = i32_ne;
        I64Eq(i64) -> bool = i64_eq;
        I64Ne(i64) -> bool = i64_ne;
        F32Eq(f32) -> bool = f32_eq;
        F32Ne(f32) -> bool = f32_ne;
        F64Eq(f64) -> bool = f64_eq;
        F64Ne(f64) -> bool = f64_ne;
    }}
}

#[expect(
    non_camel_case_types,
    non_upper_case_globals,
    reason = "a marker has its function's name, a table its opcode's"
)]
mod tests {
    use super::*;
    binary! { in_order total branch {
        I32LtS(i32) -> bool = i32_lt_s;
        I32LtU(i32) -> bool = i32_lt_u;
        I32GtS(i32) -> bool = i32_gt_s;
        I32GtU(i32) -> bool = i32_gt_u;
        I32LeS(i32) -> bool = i32_le_s;
        I32LeU(i32) -> bool = i32_le_u;
        I32GeS(i32) -> bool = i32_ge_s;
        I32GeU(i32) -> bool = i32_ge_u;
        I64LtS(i64) -> bool = i64_lt_s;
        I64LtU(i64) -> bool = i64_lt_u;
        I64GtS(i64) -> bool = i64_gt_s;
        I64GtU(i64) -> bool = i64_gt_u;
        I64LeS(i64) -> bool = i64_le_s;
        I64LeU(i64) -> bool = i64_le_u;
        I64GeS(i64) -> bool = i64_ge_s;
        I64GeU(i64) -> bool = i64_ge_u;
        F32Lt(f32) -> bool = f32_lt;
        F32Gt(f32) -> bool = f32_gt;
        F32Le(f32) -> bool = f32_le;
        F32Ge(f32) -> bool = f32_ge;
        F64Lt(f64) -> bool = f64_lt;
        F64Gt(f64) -> bool = f64_gt;
        F64Le(f64) -> bool = f64_le;
        F64Ge(f64) -> bool = f64_ge;
    }}
}

#[expect(
    non_camel_case_types,
    non_upper_case_globals,
    reason = "a marker has its function's name, a table its opcode's"
)]
mod in_order_operations {
    use super::*;
    binary! { in_order total none {
        I32Sub(i32) -> i32 = i32_sub;
        I32Shl(i32) -> i32 = i32_shl;
        I32ShrS(i32) -> i32 = i32_shr_s;
        I32ShrU(i32) -> i32 = i32_shr_u;
        I32Rotl(i32) -> i32 = i32_rotl;
        I32Rotr(i32) -> i32 = i32_rotr;
        I64Sub(i64) -> i64 = i64_sub;
        I64Shl(i64) -> i64 = i64_shl;
        I64ShrS(i64) -> i64 = i64_shr_s;
        I64ShrU(i64) -> i64 = i64_shr_u;
        I64Rotl(i64) -> i64 = i64_rotl;
        I64Rotr(i64) -> i64 = i64_rotr;
        F32Sub(f32) -> f32 = f32_sub;
        F32Div(f32) -> f32 = f32_div;
        F32Copysign(f32) -> f32 = f32_copysign;
        F64Sub(f64) -> f64 = f64_sub;
        F64Div(f64) -> f64 = f64_div;
        F64Copysign(f64) -> f64 = f64_copysign;
    }}
}

#[expect(
    non_camel_case_types,
    non_upper_case_globals,
    reason = "a marker has its function's name, a table its opcode's"
)]
mod trapping_operations {
    use super::*;
    binary! { in_order traps none {
        I32DivS(i32) -> i32 = i32_div_s;
        I32DivU(i32) -> i32 = i32_div_u;
        I32RemS(i32) -> i32 = i32_rem_s;
        I32RemU(i32) -> i32 = i32_rem_u;
        I64DivS(i64) -> i64 = i64_div_s;
        I64DivU(i64) -> i64 = i64_div_u;
        I64RemS(i64) -> i64 = i64_rem_s;
        I64RemU(i64) -> i64 = i64_rem_u;
    }}
}

#[expect(
    non_camel_case_types,
    non_upper_case_globals,
    reason = "a marker has its function's name, a table its opcode's"
)]
mod conversions {
    use super::*;
    unary! { total {
        I32Eqz(i32) -> bool = i32_eqz;
        I32Clz(i32) -> i32 = i32_clz;
        I32Ctz(i32) -> i32 = i32_ctz;
        I32Popcnt(i32) -> i32 = i32_popcnt;
        I32Extend8S(i32) -> i32 = i32_extend8_s;
        I32Extend16S(i32) -> i32 = i32_extend16_s;
        I64Eqz(i64) -> bool = i64_eqz;
        I64Clz(i64) -> i64 = i64_clz;
        I64Ctz(i64) -> i64 = i64_ctz;
        I64Popcnt(i64) -> i64 = i64_popcnt;
        I64Extend8S(i64) -> i64 = i64_extend8_s;
        I64Extend16S(i64) -> i64 = i64_extend16_s;
        I64Extend32S(i64) -> i64 = i64_extend32_s;
        I32WrapI64(i64) -> i32 = i32_wrap_i64;
        I64ExtendI32S(i32) -> i64 = i64_extend_i32_s;
        F32Abs(f32) -> f32 = f32_abs;
        F32Neg(f32) -> f32 = f32_neg;
        F32Ceil(f32) -> f32 = f32_ceil;
        F32Floor(f32) -> f32 = f32_floor;
        F32Trunc(f32) -> f32 = f32_trunc;
        F32Nearest(f32) -> f32 = f32_nearest;
        F32Sqrt(f32) -> f32 = f32_sqrt;
        F64Abs(f64) -> f64 = f64_abs;
        F64Neg(f64) -> f64 = f64_neg;
        F64Ceil(f64) -> f64 = f64_ceil;
        F64Floor(f64) -> f64 = f64_floor;
        F64Trunc(f64) -> f64 = f64_trunc;
        F64Nearest(f64) -> f64 = f64_nearest;
        F64Sqrt(f64) -> f64 = f64_sqrt;
        F32ConvertI32S(i32) -> f32 = f32_convert_i32_s;
        F32ConvertI32U(i32) -> f32 = f32_convert_i32_u;
        F32ConvertI64S(i64) -> f32 = f32_convert_i64_s;
        F32ConvertI64U(i64) -> f32 = f32_convert_i64_u;
        F64ConvertI32S(i32) -> f64 = f64_convert_i32_s;
        F64ConvertI32U(i32) -> f64 = f64_convert_i32_u;
        F64ConvertI64S(i64) -> f64 = f64_convert_i64_s;
        F64ConvertI64U(i64) -> f64 = f64_convert_i64_u;
        F32DemoteF64(f64) -> f32 = f32_demote_f64;
        F64PromoteF32(f32) -> f64 = f64_promote_f32;
        I32ReinterpretF32(f32) -> i32 = i32_reinterpret_f32;
        I64ReinterpretF64(f64) -> i64 = i64_reinterpret_f64;
        F32ReinterpretI32(i32) -> f32 = f32_reinterpret_i32;
        F64ReinterpretI64(i64) -> f64 = f64_reinterpret_i64;
        I32TruncSatF32S(f32) -> i32 = i32_trunc_sat_f32_s;
        I32TruncSatF32U(f32) -> i32 = i32_trunc_sat_f32_u;
        I32TruncSatF64S(f64) -> i32 = i32_trunc_sat_f64_s;
        I32TruncSatF64U(f64) -> i32 = i32_trunc_sat_f64_u;
        I64TruncSatF32S(f32) -> i64 = i64_trunc_sat_f32_s;
        I64TruncSatF32U(f32) -> i64 = i64_trunc_sat_f32_u;
        I64TruncSatF64S(f64) -> i64 = i64_trunc_sat_f64_s;
        I64TruncSatF64U(f64) -> i64 = i64_trunc_sat_f64_u;
    }}
}

#[expect(
    non_camel_case_types,
    non_upper_case_globals,
    reason = "a marker has its function's name, a table its opcode's"
)]
mod trapping_conversions {
    use super::*;
    unary! { traps {
        I32TruncF32S(f32) -> i32 = i32_trunc_f32_s;
        I32TruncF32U(f32) -> i32 = i32_trunc_f32_u;
        I32TruncF64S(f64) -> i32 = i32_trunc_f64_s;
        I32TruncF64U(f64) -> i32 = i32_trunc_f64_u;
        I64TruncF32S(f32) -> i64 = i64_trunc_f32_s;
        I64TruncF32U(f32) -> i64 = i64_trunc_f32_u;
        I64TruncF64S(f64) -> i64 = i64_trunc_f64_s;
        I64TruncF64U(f64) -> i64 = i64_trunc_f64_u;
    }}
}

/// The table of a scalar operation.
pub enum Scalar {
    /// Two operands.
    Binary(&'static Binary),
    /// One operand.
    Unary(&'static Unary),
}

/// The table of `i32.add`, which addresses are made with.
pub fn i32_add() -> &'static Binary {
    &commuting_operations::I32Add
}

/// The table of the operation that `op` is, if it is one of these.
pub fn lookup(op: &Operator<'_>) -> Option<Scalar> {
    None.or_else(|| commuting_operations::lookup(op))
        .or_else(|| commuting_tests::lookup(op))
        .or_else(|| in_order_operations::lookup(op))
        .or_else(|| tests::lookup(op))
        .or_else(|| trapping_operations::lookup(op))
        .map(Scalar::Binary)
        .or_else(|| conversions::lookup(op).or_else(|| trapping_conversions::lookup(op)).map(Scalar::Unary))
}
