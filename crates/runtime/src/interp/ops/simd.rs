//! Vector operations and wide arithmetic: one handler each, operands in slots. What an opcode computes is said in
//! `tiercel_wasm::numeric`.

use super::{Class, Handler};
use crate::interp::dispatch::{Next, Op, Regs, handler};
use crate::interp::operand::{Dst, S, Src, St, Value, field, slot};
use tiercel_wasm::numeric::{self, V128};
use wasmparser::Operator;

/// A vector operation.
pub struct Simd {
    /// The classes of the operands.
    pub operands: &'static [Class],
    /// The class of the result.
    pub result: Class,
    /// Its handler: the operands in fields `s0`, `s1`, `s2`, a lane's number in the field behind them.
    pub handler: Handler,
}

macro_rules! simd {
    (@lane $r:ident $n:ident) => {};
    (@lane $r:ident $n:ident lane) => { field($r.ip, $n + 1) as u8 };
    ($($variant:ident $($lane:ident)? = $f:ident($($t:ident),*) -> $result:ident;)*) => {
        $(
            struct $f;
            impl Op for $f {
                #[inline(always)]
                unsafe fn run(r: &mut Regs) -> Next {
                    let mut n = 0;
                    // SAFETY: the caller's.
                    unsafe {
                        let value = numeric::$f(
                            $({ n += 1; S::get::<$t>(r, n) },)*
                            $(simd!(@lane r n $lane))?
                        );
                        let _ = n;
                        <St as Dst>::put::<$result>(r, value);
                        r.ip = r.ip.add(2);
                    }
                    Next::Go
                }
            }
        )*

        /// The table of the operation that `op` is, if it is one of these, and the lane it names.
        pub fn lookup(op: &Operator<'_>) -> Option<(&'static Simd, Option<u8>)> {
            match op {
                $(Operator::$variant $({ $lane })? => Some((
                    const { &Simd {
                        operands: &[$(<$t as Value>::CLASS),*],
                        result: <$result as Value>::CLASS,
                        handler: handler::<$f>(),
                    } },
                    simd!(@number $($lane)?),
                )),)*
                _ => None,
            }
        }
    };
    (@number) => { None };
    (@number $lane:ident) => { Some(*$lane) };
}

#[expect(non_camel_case_types, reason = "a marker type has the name of the function it stands for")]
mod table {
    use super::*;

    simd! {
        I8x16ExtractLaneS lane = i8x16_extract_lane_s(V128) -> i32;
        I8x16ExtractLaneU lane = i8x16_extract_lane_u(V128) -> i32;
        I16x8ExtractLaneS lane = i16x8_extract_lane_s(V128) -> i32;
        I16x8ExtractLaneU lane = i16x8_extract_lane_u(V128) -> i32;
        I32x4ExtractLane lane = i32x4_extract_lane(V128) -> i32;
        I8x16ReplaceLane lane = i8x16_replace_lane(V128, i32) -> V128;
        I16x8ReplaceLane lane = i16x8_replace_lane(V128, i32) -> V128;
        I32x4ReplaceLane lane = i32x4_replace_lane(V128, i32) -> V128;
        I64x2ExtractLane lane = i64x2_extract_lane(V128) -> i64;
        I64x2ReplaceLane lane = i64x2_replace_lane(V128, i64) -> V128;
        F32x4ExtractLane lane = f32x4_extract_lane(V128) -> f32;
        F32x4ReplaceLane lane = f32x4_replace_lane(V128, f32) -> V128;
        F64x2ExtractLane lane = f64x2_extract_lane(V128) -> f64;
        F64x2ReplaceLane lane = f64x2_replace_lane(V128, f64) -> V128;
        I8x16Swizzle = i8x16_swizzle(V128, V128) -> V128;
        I8x16Eq = i8x16_eq(V128, V128) -> V128;
        I8x16Ne = i8x16_ne(V128, V128) -> V128;
        I8x16LtS = i8x16_lt_s(V128, V128) -> V128;
        I8x16LtU = i8x16_lt_u(V128, V128) -> V128;
        I8x16GtS = i8x16_gt_s(V128, V128) -> V128;
        I8x16GtU = i8x16_gt_u(V128, V128) -> V128;
        I8x16LeS = i8x16_le_s(V128, V128) -> V128;
        I8x16LeU = i8x16_le_u(V128, V128) -> V128;
        I8x16GeS = i8x16_ge_s(V128, V128) -> V128;
        I8x16GeU = i8x16_ge_u(V128, V128) -> V128;
        I16x8Eq = i16x8_eq(V128, V128) -> V128;
        I16x8Ne = i16x8_ne(V128, V128) -> V128;
        I16x8LtS = i16x8_lt_s(V128, V128) -> V128;
        I16x8LtU = i16x8_lt_u(V128, V128) -> V128;
        I16x8GtS = i16x8_gt_s(V128, V128) -> V128;
        I16x8GtU = i16x8_gt_u(V128, V128) -> V128;
        I16x8LeS = i16x8_le_s(V128, V128) -> V128;
        I16x8LeU = i16x8_le_u(V128, V128) -> V128;
        I16x8GeS = i16x8_ge_s(V128, V128) -> V128;
        I16x8GeU = i16x8_ge_u(V128, V128) -> V128;
        I32x4Eq = i32x4_eq(V128, V128) -> V128;
        I32x4Ne = i32x4_ne(V128, V128) -> V128;
        I32x4LtS = i32x4_lt_s(V128, V128) -> V128;
        I32x4LtU = i32x4_lt_u(V128, V128) -> V128;
        I32x4GtS = i32x4_gt_s(V128, V128) -> V128;
        I32x4GtU = i32x4_gt_u(V128, V128) -> V128;
        I32x4LeS = i32x4_le_s(V128, V128) -> V128;
        I32x4LeU = i32x4_le_u(V128, V128) -> V128;
        I32x4GeS = i32x4_ge_s(V128, V128) -> V128;
        I32x4GeU = i32x4_ge_u(V128, V128) -> V128;
        I64x2Eq = i64x2_eq(V128, V128) -> V128;
        I64x2Ne = i64x2_ne(V128, V128) -> V128;
        I64x2LtS = i64x2_lt_s(V128, V128) -> V128;
        I64x2GtS = i64x2_gt_s(V128, V128) -> V128;
        I64x2LeS = i64x2_le_s(V128, V128) -> V128;
        I64x2GeS = i64x2_ge_s(V128, V128) -> V128;
        F32x4Eq = f32x4_eq(V128, V128) -> V128;
        F32x4Ne = f32x4_ne(V128, V128) -> V128;
        F32x4Lt = f32x4_lt(V128, V128) -> V128;
        F32x4Gt = f32x4_gt(V128, V128) -> V128;
        F32x4Le = f32x4_le(V128, V128) -> V128;
        F32x4Ge = f32x4_ge(V128, V128) -> V128;
        F64x2Eq = f64x2_eq(V128, V128) -> V128;
        F64x2Ne = f64x2_ne(V128, V128) -> V128;
        F64x2Lt = f64x2_lt(V128, V128) -> V128;
        F64x2Gt = f64x2_gt(V128, V128) -> V128;
        F64x2Le = f64x2_le(V128, V128) -> V128;
        F64x2Ge = f64x2_ge(V128, V128) -> V128;
        V128And = v128_and(V128, V128) -> V128;
        V128AndNot = v128_andnot(V128, V128) -> V128;
        V128Or = v128_or(V128, V128) -> V128;
        V128Xor = v128_xor(V128, V128) -> V128;
        I8x16NarrowI16x8S = i8x16_narrow_i16x8_s(V128, V128) -> V128;
        I8x16NarrowI16x8U = i8x16_narrow_i16x8_u(V128, V128) -> V128;
        I8x16Add = i8x16_add(V128, V128) -> V128;
        I8x16AddSatS = i8x16_add_sat_s(V128, V128) -> V128;
        I8x16AddSatU = i8x16_add_sat_u(V128, V128) -> V128;
        I8x16Sub = i8x16_sub(V128, V128) -> V128;
        I8x16SubSatS = i8x16_sub_sat_s(V128, V128) -> V128;
        I8x16SubSatU = i8x16_sub_sat_u(V128, V128) -> V128;
        I8x16MinS = i8x16_min_s(V128, V128) -> V128;
        I8x16MinU = i8x16_min_u(V128, V128) -> V128;
        I8x16MaxS = i8x16_max_s(V128, V128) -> V128;
        I8x16MaxU = i8x16_max_u(V128, V128) -> V128;
        I8x16AvgrU = i8x16_avgr_u(V128, V128) -> V128;
        I16x8Q15MulrSatS = i16x8_q15mulr_sat_s(V128, V128) -> V128;
        I16x8NarrowI32x4S = i16x8_narrow_i32x4_s(V128, V128) -> V128;
        I16x8NarrowI32x4U = i16x8_narrow_i32x4_u(V128, V128) -> V128;
        I16x8Add = i16x8_add(V128, V128) -> V128;
        I16x8AddSatS = i16x8_add_sat_s(V128, V128) -> V128;
        I16x8AddSatU = i16x8_add_sat_u(V128, V128) -> V128;
        I16x8Sub = i16x8_sub(V128, V128) -> V128;
        I16x8SubSatS = i16x8_sub_sat_s(V128, V128) -> V128;
        I16x8SubSatU = i16x8_sub_sat_u(V128, V128) -> V128;
        I16x8Mul = i16x8_mul(V128, V128) -> V128;
        I16x8MinS = i16x8_min_s(V128, V128) -> V128;
        I16x8MinU = i16x8_min_u(V128, V128) -> V128;
        I16x8MaxS = i16x8_max_s(V128, V128) -> V128;
        I16x8MaxU = i16x8_max_u(V128, V128) -> V128;
        I16x8AvgrU = i16x8_avgr_u(V128, V128) -> V128;
        I16x8ExtMulLowI8x16S = i16x8_extmul_low_i8x16_s(V128, V128) -> V128;
        I16x8ExtMulHighI8x16S = i16x8_extmul_high_i8x16_s(V128, V128) -> V128;
        I16x8ExtMulLowI8x16U = i16x8_extmul_low_i8x16_u(V128, V128) -> V128;
        I16x8ExtMulHighI8x16U = i16x8_extmul_high_i8x16_u(V128, V128) -> V128;
        I32x4Add = i32x4_add(V128, V128) -> V128;
        I32x4Sub = i32x4_sub(V128, V128) -> V128;
        I32x4Mul = i32x4_mul(V128, V128) -> V128;
        I32x4MinS = i32x4_min_s(V128, V128) -> V128;
        I32x4MinU = i32x4_min_u(V128, V128) -> V128;
        I32x4MaxS = i32x4_max_s(V128, V128) -> V128;
        I32x4MaxU = i32x4_max_u(V128, V128) -> V128;
        I32x4DotI16x8S = i32x4_dot_i16x8_s(V128, V128) -> V128;
        I32x4ExtMulLowI16x8S = i32x4_extmul_low_i16x8_s(V128, V128) -> V128;
        I32x4ExtMulHighI16x8S = i32x4_extmul_high_i16x8_s(V128, V128) -> V128;
        I32x4ExtMulLowI16x8U = i32x4_extmul_low_i16x8_u(V128, V128) -> V128;
        I32x4ExtMulHighI16x8U = i32x4_extmul_high_i16x8_u(V128, V128) -> V128;
        I64x2Add = i64x2_add(V128, V128) -> V128;
        I64x2Sub = i64x2_sub(V128, V128) -> V128;
        I64x2Mul = i64x2_mul(V128, V128) -> V128;
        I64x2ExtMulLowI32x4S = i64x2_extmul_low_i32x4_s(V128, V128) -> V128;
        I64x2ExtMulHighI32x4S = i64x2_extmul_high_i32x4_s(V128, V128) -> V128;
        I64x2ExtMulLowI32x4U = i64x2_extmul_low_i32x4_u(V128, V128) -> V128;
        I64x2ExtMulHighI32x4U = i64x2_extmul_high_i32x4_u(V128, V128) -> V128;
        F32x4Add = f32x4_add(V128, V128) -> V128;
        F32x4Sub = f32x4_sub(V128, V128) -> V128;
        F32x4Mul = f32x4_mul(V128, V128) -> V128;
        F32x4Div = f32x4_div(V128, V128) -> V128;
        F32x4Min = f32x4_min(V128, V128) -> V128;
        F32x4Max = f32x4_max(V128, V128) -> V128;
        F32x4PMin = f32x4_pmin(V128, V128) -> V128;
        F32x4PMax = f32x4_pmax(V128, V128) -> V128;
        F64x2Add = f64x2_add(V128, V128) -> V128;
        F64x2Sub = f64x2_sub(V128, V128) -> V128;
        F64x2Mul = f64x2_mul(V128, V128) -> V128;
        F64x2Div = f64x2_div(V128, V128) -> V128;
        F64x2Min = f64x2_min(V128, V128) -> V128;
        F64x2Max = f64x2_max(V128, V128) -> V128;
        F64x2PMin = f64x2_pmin(V128, V128) -> V128;
        F64x2PMax = f64x2_pmax(V128, V128) -> V128;
        I8x16RelaxedSwizzle = i8x16_relaxed_swizzle(V128, V128) -> V128;
        F32x4RelaxedMin = f32x4_relaxed_min(V128, V128) -> V128;
        F32x4RelaxedMax = f32x4_relaxed_max(V128, V128) -> V128;
        F64x2RelaxedMin = f64x2_relaxed_min(V128, V128) -> V128;
        F64x2RelaxedMax = f64x2_relaxed_max(V128, V128) -> V128;
        I16x8RelaxedQ15mulrS = i16x8_relaxed_q15mulr_s(V128, V128) -> V128;
        I16x8RelaxedDotI8x16I7x16S = i16x8_relaxed_dot_i8x16_i7x16_s(V128, V128) -> V128;
        I8x16Splat = i8x16_splat(i32) -> V128;
        I16x8Splat = i16x8_splat(i32) -> V128;
        I32x4Splat = i32x4_splat(i32) -> V128;
        I64x2Splat = i64x2_splat(i64) -> V128;
        F32x4Splat = f32x4_splat(f32) -> V128;
        F64x2Splat = f64x2_splat(f64) -> V128;
        V128Not = v128_not(V128) -> V128;
        I8x16Abs = i8x16_abs(V128) -> V128;
        I8x16Neg = i8x16_neg(V128) -> V128;
        I8x16Popcnt = i8x16_popcnt(V128) -> V128;
        I16x8ExtAddPairwiseI8x16S = i16x8_extadd_pairwise_i8x16_s(V128) -> V128;
        I16x8ExtAddPairwiseI8x16U = i16x8_extadd_pairwise_i8x16_u(V128) -> V128;
        I16x8Abs = i16x8_abs(V128) -> V128;
        I16x8Neg = i16x8_neg(V128) -> V128;
        I16x8ExtendLowI8x16S = i16x8_extend_low_i8x16_s(V128) -> V128;
        I16x8ExtendHighI8x16S = i16x8_extend_high_i8x16_s(V128) -> V128;
        I16x8ExtendLowI8x16U = i16x8_extend_low_i8x16_u(V128) -> V128;
        I16x8ExtendHighI8x16U = i16x8_extend_high_i8x16_u(V128) -> V128;
        I32x4ExtAddPairwiseI16x8S = i32x4_extadd_pairwise_i16x8_s(V128) -> V128;
        I32x4ExtAddPairwiseI16x8U = i32x4_extadd_pairwise_i16x8_u(V128) -> V128;
        I32x4Abs = i32x4_abs(V128) -> V128;
        I32x4Neg = i32x4_neg(V128) -> V128;
        I32x4ExtendLowI16x8S = i32x4_extend_low_i16x8_s(V128) -> V128;
        I32x4ExtendHighI16x8S = i32x4_extend_high_i16x8_s(V128) -> V128;
        I32x4ExtendLowI16x8U = i32x4_extend_low_i16x8_u(V128) -> V128;
        I32x4ExtendHighI16x8U = i32x4_extend_high_i16x8_u(V128) -> V128;
        I64x2Abs = i64x2_abs(V128) -> V128;
        I64x2Neg = i64x2_neg(V128) -> V128;
        I64x2ExtendLowI32x4S = i64x2_extend_low_i32x4_s(V128) -> V128;
        I64x2ExtendHighI32x4S = i64x2_extend_high_i32x4_s(V128) -> V128;
        I64x2ExtendLowI32x4U = i64x2_extend_low_i32x4_u(V128) -> V128;
        I64x2ExtendHighI32x4U = i64x2_extend_high_i32x4_u(V128) -> V128;
        F32x4Ceil = f32x4_ceil(V128) -> V128;
        F32x4Floor = f32x4_floor(V128) -> V128;
        F32x4Trunc = f32x4_trunc(V128) -> V128;
        F32x4Nearest = f32x4_nearest(V128) -> V128;
        F32x4Abs = f32x4_abs(V128) -> V128;
        F32x4Neg = f32x4_neg(V128) -> V128;
        F32x4Sqrt = f32x4_sqrt(V128) -> V128;
        F64x2Ceil = f64x2_ceil(V128) -> V128;
        F64x2Floor = f64x2_floor(V128) -> V128;
        F64x2Trunc = f64x2_trunc(V128) -> V128;
        F64x2Nearest = f64x2_nearest(V128) -> V128;
        F64x2Abs = f64x2_abs(V128) -> V128;
        F64x2Neg = f64x2_neg(V128) -> V128;
        F64x2Sqrt = f64x2_sqrt(V128) -> V128;
        I32x4TruncSatF32x4S = i32x4_trunc_sat_f32x4_s(V128) -> V128;
        I32x4TruncSatF32x4U = i32x4_trunc_sat_f32x4_u(V128) -> V128;
        F32x4ConvertI32x4S = f32x4_convert_i32x4_s(V128) -> V128;
        F32x4ConvertI32x4U = f32x4_convert_i32x4_u(V128) -> V128;
        I32x4TruncSatF64x2SZero = i32x4_trunc_sat_f64x2_s_zero(V128) -> V128;
        I32x4TruncSatF64x2UZero = i32x4_trunc_sat_f64x2_u_zero(V128) -> V128;
        F64x2ConvertLowI32x4S = f64x2_convert_low_i32x4_s(V128) -> V128;
        F64x2ConvertLowI32x4U = f64x2_convert_low_i32x4_u(V128) -> V128;
        F32x4DemoteF64x2Zero = f32x4_demote_f64x2_zero(V128) -> V128;
        F64x2PromoteLowF32x4 = f64x2_promote_low_f32x4(V128) -> V128;
        I32x4RelaxedTruncF32x4S = i32x4_relaxed_trunc_f32x4_s(V128) -> V128;
        I32x4RelaxedTruncF32x4U = i32x4_relaxed_trunc_f32x4_u(V128) -> V128;
        I32x4RelaxedTruncF64x2SZero = i32x4_relaxed_trunc_f64x2_s_zero(V128) -> V128;
        I32x4RelaxedTruncF64x2UZero = i32x4_relaxed_trunc_f64x2_u_zero(V128) -> V128;
        V128Bitselect = v128_bitselect(V128, V128, V128) -> V128;
        F32x4RelaxedMadd = f32x4_relaxed_madd(V128, V128, V128) -> V128;
        F32x4RelaxedNmadd = f32x4_relaxed_nmadd(V128, V128, V128) -> V128;
        F64x2RelaxedMadd = f64x2_relaxed_madd(V128, V128, V128) -> V128;
        F64x2RelaxedNmadd = f64x2_relaxed_nmadd(V128, V128, V128) -> V128;
        I8x16RelaxedLaneselect = i8x16_relaxed_laneselect(V128, V128, V128) -> V128;
        I16x8RelaxedLaneselect = i16x8_relaxed_laneselect(V128, V128, V128) -> V128;
        I32x4RelaxedLaneselect = i32x4_relaxed_laneselect(V128, V128, V128) -> V128;
        I64x2RelaxedLaneselect = i64x2_relaxed_laneselect(V128, V128, V128) -> V128;
        I32x4RelaxedDotI8x16I7x16AddS = i32x4_relaxed_dot_i8x16_i7x16_add_s(V128, V128, V128) -> V128;
        V128AnyTrue = v128_any_true(V128) -> bool;
        I8x16AllTrue = i8x16_all_true(V128) -> bool;
        I16x8AllTrue = i16x8_all_true(V128) -> bool;
        I32x4AllTrue = i32x4_all_true(V128) -> bool;
        I64x2AllTrue = i64x2_all_true(V128) -> bool;
        I8x16Bitmask = i8x16_bitmask(V128) -> i32;
        I16x8Bitmask = i16x8_bitmask(V128) -> i32;
        I32x4Bitmask = i32x4_bitmask(V128) -> i32;
        I64x2Bitmask = i64x2_bitmask(V128) -> i32;
        I8x16Shl = i8x16_shl(V128, i32) -> V128;
        I8x16ShrS = i8x16_shr_s(V128, i32) -> V128;
        I8x16ShrU = i8x16_shr_u(V128, i32) -> V128;
        I16x8Shl = i16x8_shl(V128, i32) -> V128;
        I16x8ShrS = i16x8_shr_s(V128, i32) -> V128;
        I16x8ShrU = i16x8_shr_u(V128, i32) -> V128;
        I32x4Shl = i32x4_shl(V128, i32) -> V128;
        I32x4ShrS = i32x4_shr_s(V128, i32) -> V128;
        I32x4ShrU = i32x4_shr_u(V128, i32) -> V128;
        I64x2Shl = i64x2_shl(V128, i32) -> V128;
        I64x2ShrS = i64x2_shr_s(V128, i32) -> V128;
        I64x2ShrU = i64x2_shr_u(V128, i32) -> V128;
    }
}
pub use table::lookup;

/// `i8x16.shuffle`: the lanes are the two words behind the operand word.
struct Shuffle;

impl Op for Shuffle {
    #[inline(always)]
    unsafe fn run(r: &mut Regs) -> Next {
        // SAFETY: the caller's.
        unsafe {
            let lanes = V128::load(r.ip.add(2)).to_le_bytes();
            let value = numeric::i8x16_shuffle(S::get(r, 1), S::get(r, 2), lanes);
            St::put(r, value);
            r.ip = r.ip.add(4);
        }
        Next::Go
    }
}

/// The handler of `i8x16.shuffle`.
pub static SHUFFLE: Handler = handler::<Shuffle>();

macro_rules! wide {
    ($($name:ident($marker:ident) = $f:ident($($n:literal),*);)*) => {$(
        struct $marker;
        impl Op for $marker {
            #[inline(always)]
            unsafe fn run(r: &mut Regs) -> Next {
                // SAFETY: the caller's: the operands stand in consecutive slots from `s0` on, the result is two slots.
                unsafe {
                    let from = slot(r, 1);
                    let (low, high) = numeric::$f($(i64::load(from.add($n))),*);
                    let to = slot(r, 0);
                    low.store(to);
                    high.store(to.add(1));
                    r.ip = r.ip.add(2);
                }
                Next::Go
            }
        }
        /// The handler of the opcode of this name.
        pub static $name: Handler = handler::<$marker>();
    )*};
}

wide! {
    I64_ADD128(Add128) = i64_add128(0, 1, 2, 3);
    I64_SUB128(Sub128) = i64_sub128(0, 1, 2, 3);
    I64_MUL_WIDE_S(MulWideS) = i64_mul_wide_s(0, 1);
    I64_MUL_WIDE_U(MulWideU) = i64_mul_wide_u(0, 1);
}
