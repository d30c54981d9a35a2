//! The opcodes, one row each: name, operands, result, effect, cost, what it computes.
//!
//! A pure opcode of WebAssembly is here under its own name and means what the function of `tiercel_wasm::numeric` computes that stands in
//! its row. The rest is what a function needs around them; their rows are at the end.
//!
//! The *cost* is roughly the latency in cycles on a current machine. It guides choices and has no effect on correctness.

use super::types::{Bits, Outcome, Type};
use tiercel_abi::Trap;
use tiercel_wasm::numeric::{self, ArithmeticTrap, V128};
use wasmparser::Operator;

/// What an instruction does besides computing its result. See [`super::Function::effect`] for a single instruction, which may do
/// less than its opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Nothing: it may be computed anywhere its operands are known, any number of times, or never.
    Pure,
    /// It may trap and does nothing else. It stays in order with all effects.
    Trap,
    /// It reads its alias class and cannot trap. It may move between writes to the class.
    Read,
    /// It reads its alias class and may trap.
    ReadTrap,
    /// It writes its alias class, and may trap.
    Write,
    /// It may read and write everything but what is read-only, and may trap.
    Call,
    /// It ends a block.
    Terminator,
}

/// Where the operands of an instruction are. See [`super::Inst`] for its fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// No operands, no other field.
    Bare,
    /// Parameter number `b` of block `a`.
    Param,
    /// A constant: the bits are `a` (low half) and `b`, or vector constant number `a`.
    Const,
    /// Result number `b` of instruction `a`.
    Result,
    /// One operand, `a`; `imm` is a lane.
    Unary,
    /// Two operands, `a` and `b`; `imm` is a lane.
    Binary,
    /// Three operands.
    Ternary,
    /// Two operands, and vector constant number `c`.
    Shuffle,
    /// Four operands, in list `a`.
    Quad,
    /// A load from linear memory at `a` + `b`; `imm` says how, see [`access`].
    Load,
    /// A store of `c` to linear memory at `a` + `b`.
    Store,
    /// A load from the vmctx at offset `b`; `imm` is the alias class.
    CtxLoad,
    /// A store of `c` to the vmctx at offset `b`; `imm` is the alias class.
    CtxStore,
    /// The address of offset `b` of the vmctx.
    CtxAddr,
    /// A load through pointer `a` at offset `b`; `imm` is the alias class.
    PtrLoad,
    /// A store of `c` through pointer `a` at offset `b`; `imm` is the alias class.
    PtrStore,
    /// Frame slot `b`.
    SlotLoad,
    /// Frame slot `b` takes `c`.
    SlotStore,
    /// The bounds check: index `a`, length `b` (an `i64`), and `c`, the end of the access relative to the index.
    Check,
    /// A conditional trap: condition `a`, trap code `imm`.
    TrapIf,
    /// Takes `b` units.
    Fuel,
    /// A call of function `a` with the arguments in list `b` and signature `c`.
    Call,
    /// The same through function reference `a`, a value that is not null.
    CallRef,
    /// A call of the builtin number `a` with the arguments in list `b`.
    Builtin,
    /// Edge `c`.
    Jump,
    /// Condition `a`; edge `c` if it is not 0, else edge `c + 1`.
    BrIf,
    /// Index `a`; list `b`, of which entry `a`, or the last one if there are fewer, is added to `c` and gives the edge; the edges
    /// are consecutive.
    BrTable,
    /// Returns list `b`.
    Return,
    /// A test of reference `a`: `b` is where the type's number is in the vmctx, and `c` says how, see [`cast`].
    Cast,
    /// Trap code `imm`.
    TrapNow,
}

/// The fields of `imm` of a load or store.
pub mod access {
    /// The memory belongs to the second alias class of memories.
    pub const OTHER_MEMORY: u8 = 1;
    /// A bounds check was made: the access cannot trap.
    pub const CHECKED: u8 = 2;
    /// The access lies below what the memory has at least: it cannot trap, wherever it stands.
    pub const SAFE: u8 = 8;
    /// The access cannot trap.
    pub const NO_TRAP: u8 = CHECKED | SAFE;
    /// The address is an `i64` pointer, the memory's base included; otherwise it is an index into memory 0, zero-extended.
    pub const NATIVE: u8 = 4;
    /// The access is to an object of the collected heap; `NATIVE` and `CHECKED` are set too.
    pub const OBJECT: u8 = 16;
    /// The object is an array.
    pub const ARRAY: u8 = 32;
    /// What is accessed is a reference that the collector follows.
    pub const REFS: u8 = 64;
    /// The store lies on one side of the memory's end: as far as it goes something was accessed before it on every path, or its address is a
    /// multiple of its bytes. Otherwise a processor may write the part inside before it traps.
    pub const WHOLE: u8 = 128;
}

/// The field `c` of a test of a reference: the lower half is how many types stand above the type that is asked for.
pub mod cast {
    /// Null will do.
    pub const NULLABLE: u32 = 1 << 16;
    /// No other type extends the one that is asked for.
    pub const FINAL: u32 = 1 << 17;
    /// Every object will do whose type is of the kind that `b` is, one of [`tiercel_abi::heap::kind`].
    pub const KIND: u32 = 1 << 18;
    /// The bits of the number of types.
    pub const DEPTH: u32 = 0xffff;
}

/// What the table says of an opcode.
#[derive(Debug)]
pub struct OpInfo {
    name: &'static str,
    /// Where its operands are.
    pub format: Format,
    /// The types of its operands, where they are always the same.
    pub operands: &'static [Type],
    /// The type of its result, where it is always the same; [`Type::None`] if it differs or there is none.
    pub result: Type,
    /// What else it does.
    pub effect: Effect,
    /// Whether its two operands may change places.
    pub commutes: bool,
    /// Its cost.
    pub cost: u8,
    /// Bytes it accesses in memory, if that is always the same.
    pub bytes: u8,
}

const PURE: (Effect, bool) = (Effect::Pure, false);
const COMMUTES: (Effect, bool) = (Effect::Pure, true);
const TRAPS: (Effect, bool) = (Effect::Trap, false);

const fn numeric_format(operands: usize) -> Format {
    match operands {
        1 => Format::Unary,
        2 => Format::Binary,
        _ => Format::Ternary,
    }
}

macro_rules! opcodes {
    (
        numeric { $($kind:ident $cost:literal { $($op:ident $($lane:ident)? = $f:ident($($t:ident),*) -> $r:ident;)* })* }
        loads { $($load:ident $load_name:literal $raw:ident -> $loaded:ident = |$bits:ident| $convert:expr;)* }
        stores { $($store:ident $store_name:literal $width:literal $stored:ident;)* }
        others { $($other:ident $other_name:literal $format:ident [$($o:ident),*] -> $result:ident $effect:ident $other_cost:literal $($other_bytes:literal)?;)* }
    ) => {
        /// What an instruction does.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u16)]
        #[expect(missing_docs, reason = "an opcode is documented by its row and by the specification")]
        pub enum Opcode { $($($op,)*)* $($load,)* $($store,)* $($other,)* }

        impl Opcode {
            /// Every opcode, in the order of the table.
            pub const ALL: &[Opcode] = &[$($(Opcode::$op,)*)* $(Opcode::$load,)* $(Opcode::$store,)* $(Opcode::$other,)*];

            /// The numeric opcode that a WebAssembly operator is, and the lane it names.
            pub fn from_numeric(operator: &Operator<'_>) -> Option<(Opcode, u8)> {
                match operator {
                    $($(Operator::$op $({ $lane })? => Some((Opcode::$op, 0 $(+ *$lane)?)),)*)*
                    _ => None,
                }
            }

            /// The load that a WebAssembly operator is.
            pub fn from_load(operator: &Operator<'_>) -> Option<(Opcode, wasmparser::MemArg)> {
                match *operator {
                    $(Operator::$load { memarg } => Some((Opcode::$load, memarg)),)*
                    _ => None,
                }
            }

            /// The store that a WebAssembly operator is.
            pub fn from_store(operator: &Operator<'_>) -> Option<(Opcode, wasmparser::MemArg)> {
                match *operator {
                    $(Operator::$store { memarg } => Some((Opcode::$store, memarg)),)*
                    _ => None,
                }
            }

            /// What a numeric opcode computes of its operands' bits; `None` for all other opcodes.
            pub fn eval(self, operands: [u128; 3], lane: u8) -> Option<Result<u128, ArithmeticTrap>> {
                let mut operands = operands.into_iter();
                let mut next = || operands.next().unwrap_or(0);
                Some(match self {
                    $($(Opcode::$op => {
                        numeric::$f($(<$t as Bits>::from_bits(next()),)* $(opcodes!(@lane $lane lane))?).outcome()
                    })*)*
                    _ => return None,
                })
            }

            /// What a load makes of the loaded bytes.
            pub fn extend_loaded(self, bits: u128) -> u128 {
                match self {
                    $(Opcode::$load => {
                        let $bits = bits as $raw;
                        let value: $loaded = $convert;
                        value.into_bits()
                    })*
                    _ => bits,
                }
            }
        }

        static TABLE: &[OpInfo] = &[
            $($(OpInfo {
                name: stringify!($f),
                format: numeric_format([$(<$t as Bits>::TYPE),*].len()),
                operands: &[$(<$t as Bits>::TYPE),*],
                result: <$r as Bits>::TYPE,
                effect: $kind.0,
                commutes: $kind.1,
                cost: $cost,
                bytes: 0,
            },)*)*
            $(OpInfo {
                name: $load_name,
                format: Format::Load,
                operands: &[],
                result: <$loaded as Bits>::TYPE,
                effect: Effect::ReadTrap,
                commutes: false,
                cost: 4,
                bytes: size_of::<$raw>() as u8,
            },)*
            $(OpInfo {
                name: $store_name,
                format: Format::Store,
                operands: &[Type::$stored],
                result: Type::None,
                effect: Effect::Write,
                commutes: false,
                cost: 1,
                bytes: $width,
            },)*
            $(OpInfo {
                name: $other_name,
                format: Format::$format,
                operands: &[$(Type::$o),*],
                result: Type::$result,
                effect: Effect::$effect,
                commutes: false,
                cost: $other_cost,
                bytes: 0 $(+ $other_bytes)?,
            },)*
        ];
    };
    (@lane $mark:ident $lane:ident) => { $lane };
}

opcodes! {
numeric {
    COMMUTES 1 {
        I32Add = i32_add(i32, i32) -> i32;
        I32Or = i32_or(i32, i32) -> i32;
        I32Xor = i32_xor(i32, i32) -> i32;
        I64Add = i64_add(i64, i64) -> i64;
        I64Or = i64_or(i64, i64) -> i64;
        I64Xor = i64_xor(i64, i64) -> i64;
        I64And = i64_and(i64, i64) -> i64;
        I32And = i32_and(i32, i32) -> i32;
        I32Eq = i32_eq(i32, i32) -> bool;
        I32Ne = i32_ne(i32, i32) -> bool;
        I64Eq = i64_eq(i64, i64) -> bool;
        I64Ne = i64_ne(i64, i64) -> bool;
        F32Eq = f32_eq(f32, f32) -> bool;
        F32Ne = f32_ne(f32, f32) -> bool;
        F64Eq = f64_eq(f64, f64) -> bool;
        F64Ne = f64_ne(f64, f64) -> bool;
    }
    COMMUTES 3 {
        I32Mul = i32_mul(i32, i32) -> i32;
        I64Mul = i64_mul(i64, i64) -> i64;
    }
    COMMUTES 4 {
        F32Add = f32_add(f32, f32) -> f32;
        F32Mul = f32_mul(f32, f32) -> f32;
        F32Min = f32_min(f32, f32) -> f32;
        F32Max = f32_max(f32, f32) -> f32;
        F64Add = f64_add(f64, f64) -> f64;
        F64Mul = f64_mul(f64, f64) -> f64;
        F64Min = f64_min(f64, f64) -> f64;
        F64Max = f64_max(f64, f64) -> f64;
    }
    PURE 1 {
        I32Sub = i32_sub(i32, i32) -> i32;
        I32Shl = i32_shl(i32, i32) -> i32;
        I32ShrS = i32_shr_s(i32, i32) -> i32;
        I32ShrU = i32_shr_u(i32, i32) -> i32;
        I32Rotl = i32_rotl(i32, i32) -> i32;
        I32Rotr = i32_rotr(i32, i32) -> i32;
        I64Sub = i64_sub(i64, i64) -> i64;
        I64Shl = i64_shl(i64, i64) -> i64;
        I64ShrS = i64_shr_s(i64, i64) -> i64;
        I64ShrU = i64_shr_u(i64, i64) -> i64;
        I64Rotl = i64_rotl(i64, i64) -> i64;
        I64Rotr = i64_rotr(i64, i64) -> i64;
        I32LtS = i32_lt_s(i32, i32) -> bool;
        I32LtU = i32_lt_u(i32, i32) -> bool;
        I32GtS = i32_gt_s(i32, i32) -> bool;
        I32GtU = i32_gt_u(i32, i32) -> bool;
        I32LeS = i32_le_s(i32, i32) -> bool;
        I32LeU = i32_le_u(i32, i32) -> bool;
        I32GeS = i32_ge_s(i32, i32) -> bool;
        I32GeU = i32_ge_u(i32, i32) -> bool;
        I64LtS = i64_lt_s(i64, i64) -> bool;
        I64LtU = i64_lt_u(i64, i64) -> bool;
        I64GtS = i64_gt_s(i64, i64) -> bool;
        I64GtU = i64_gt_u(i64, i64) -> bool;
        I64LeS = i64_le_s(i64, i64) -> bool;
        I64LeU = i64_le_u(i64, i64) -> bool;
        I64GeS = i64_ge_s(i64, i64) -> bool;
        I64GeU = i64_ge_u(i64, i64) -> bool;
        F32Lt = f32_lt(f32, f32) -> bool;
        F32Gt = f32_gt(f32, f32) -> bool;
        F32Le = f32_le(f32, f32) -> bool;
        F32Ge = f32_ge(f32, f32) -> bool;
        F64Lt = f64_lt(f64, f64) -> bool;
        F64Gt = f64_gt(f64, f64) -> bool;
        F64Le = f64_le(f64, f64) -> bool;
        F64Ge = f64_ge(f64, f64) -> bool;
        I32Eqz = i32_eqz(i32) -> bool;
        I32Clz = i32_clz(i32) -> i32;
        I32Ctz = i32_ctz(i32) -> i32;
        I32Popcnt = i32_popcnt(i32) -> i32;
        I32Extend8S = i32_extend8_s(i32) -> i32;
        I32Extend16S = i32_extend16_s(i32) -> i32;
        I64Eqz = i64_eqz(i64) -> bool;
        I64Clz = i64_clz(i64) -> i64;
        I64Ctz = i64_ctz(i64) -> i64;
        I64Popcnt = i64_popcnt(i64) -> i64;
        I64Extend8S = i64_extend8_s(i64) -> i64;
        I64Extend16S = i64_extend16_s(i64) -> i64;
        I64Extend32S = i64_extend32_s(i64) -> i64;
        I32WrapI64 = i32_wrap_i64(i64) -> i32;
        I64ExtendI32S = i64_extend_i32_s(i32) -> i64;
        F32Abs = f32_abs(f32) -> f32;
        F32Neg = f32_neg(f32) -> f32;
        F64Abs = f64_abs(f64) -> f64;
        F64Neg = f64_neg(f64) -> f64;
        I32ReinterpretF32 = i32_reinterpret_f32(f32) -> i32;
        I64ReinterpretF64 = i64_reinterpret_f64(f64) -> i64;
        F32ReinterpretI32 = f32_reinterpret_i32(i32) -> f32;
        F64ReinterpretI64 = f64_reinterpret_i64(i64) -> f64;
        I64ExtendI32U = i64_extend_i32_u(i32) -> i64;
    }
    PURE 4 {
        F32Sub = f32_sub(f32, f32) -> f32;
        F32Copysign = f32_copysign(f32, f32) -> f32;
        F64Sub = f64_sub(f64, f64) -> f64;
        F64Copysign = f64_copysign(f64, f64) -> f64;
        F32Ceil = f32_ceil(f32) -> f32;
        F32Floor = f32_floor(f32) -> f32;
        F32Trunc = f32_trunc(f32) -> f32;
        F32Nearest = f32_nearest(f32) -> f32;
        F64Ceil = f64_ceil(f64) -> f64;
        F64Floor = f64_floor(f64) -> f64;
        F64Trunc = f64_trunc(f64) -> f64;
        F64Nearest = f64_nearest(f64) -> f64;
        F32ConvertI32S = f32_convert_i32_s(i32) -> f32;
        F32ConvertI32U = f32_convert_i32_u(i32) -> f32;
        F32ConvertI64S = f32_convert_i64_s(i64) -> f32;
        F32ConvertI64U = f32_convert_i64_u(i64) -> f32;
        F64ConvertI32S = f64_convert_i32_s(i32) -> f64;
        F64ConvertI32U = f64_convert_i32_u(i32) -> f64;
        F64ConvertI64S = f64_convert_i64_s(i64) -> f64;
        F64ConvertI64U = f64_convert_i64_u(i64) -> f64;
        F32DemoteF64 = f32_demote_f64(f64) -> f32;
        F64PromoteF32 = f64_promote_f32(f32) -> f64;
        I32TruncSatF32S = i32_trunc_sat_f32_s(f32) -> i32;
        I32TruncSatF32U = i32_trunc_sat_f32_u(f32) -> i32;
        I32TruncSatF64S = i32_trunc_sat_f64_s(f64) -> i32;
        I32TruncSatF64U = i32_trunc_sat_f64_u(f64) -> i32;
        I64TruncSatF32S = i64_trunc_sat_f32_s(f32) -> i64;
        I64TruncSatF32U = i64_trunc_sat_f32_u(f32) -> i64;
        I64TruncSatF64S = i64_trunc_sat_f64_s(f64) -> i64;
        I64TruncSatF64U = i64_trunc_sat_f64_u(f64) -> i64;
    }
    PURE 15 {
        F32Div = f32_div(f32, f32) -> f32;
        F64Div = f64_div(f64, f64) -> f64;
        F32Sqrt = f32_sqrt(f32) -> f32;
        F64Sqrt = f64_sqrt(f64) -> f64;
    }
    TRAPS 25 {
        I32DivS = i32_div_s(i32, i32) -> i32;
        I32DivU = i32_div_u(i32, i32) -> i32;
        I32RemS = i32_rem_s(i32, i32) -> i32;
        I32RemU = i32_rem_u(i32, i32) -> i32;
        I64DivS = i64_div_s(i64, i64) -> i64;
        I64DivU = i64_div_u(i64, i64) -> i64;
        I64RemS = i64_rem_s(i64, i64) -> i64;
        I64RemU = i64_rem_u(i64, i64) -> i64;
    }
    TRAPS 8 {
        I32TruncF32S = i32_trunc_f32_s(f32) -> i32;
        I32TruncF32U = i32_trunc_f32_u(f32) -> i32;
        I32TruncF64S = i32_trunc_f64_s(f64) -> i32;
        I32TruncF64U = i32_trunc_f64_u(f64) -> i32;
        I64TruncF32S = i64_trunc_f32_s(f32) -> i64;
        I64TruncF32U = i64_trunc_f32_u(f32) -> i64;
        I64TruncF64S = i64_trunc_f64_s(f64) -> i64;
        I64TruncF64U = i64_trunc_f64_u(f64) -> i64;
    }
    COMMUTES 2 {
        I8x16Eq = i8x16_eq(V128, V128) -> V128;
        I8x16Ne = i8x16_ne(V128, V128) -> V128;
        I16x8Eq = i16x8_eq(V128, V128) -> V128;
        I16x8Ne = i16x8_ne(V128, V128) -> V128;
        I32x4Eq = i32x4_eq(V128, V128) -> V128;
        I32x4Ne = i32x4_ne(V128, V128) -> V128;
        I64x2Eq = i64x2_eq(V128, V128) -> V128;
        I64x2Ne = i64x2_ne(V128, V128) -> V128;
        F32x4Eq = f32x4_eq(V128, V128) -> V128;
        F32x4Ne = f32x4_ne(V128, V128) -> V128;
        F64x2Eq = f64x2_eq(V128, V128) -> V128;
        F64x2Ne = f64x2_ne(V128, V128) -> V128;
        V128And = v128_and(V128, V128) -> V128;
        V128Or = v128_or(V128, V128) -> V128;
        V128Xor = v128_xor(V128, V128) -> V128;
        I8x16Add = i8x16_add(V128, V128) -> V128;
        I8x16AddSatS = i8x16_add_sat_s(V128, V128) -> V128;
        I8x16AddSatU = i8x16_add_sat_u(V128, V128) -> V128;
        I8x16MinS = i8x16_min_s(V128, V128) -> V128;
        I8x16MinU = i8x16_min_u(V128, V128) -> V128;
        I8x16MaxS = i8x16_max_s(V128, V128) -> V128;
        I8x16MaxU = i8x16_max_u(V128, V128) -> V128;
        I8x16AvgrU = i8x16_avgr_u(V128, V128) -> V128;
        I16x8Q15MulrSatS = i16x8_q15mulr_sat_s(V128, V128) -> V128;
        I16x8Add = i16x8_add(V128, V128) -> V128;
        I16x8AddSatS = i16x8_add_sat_s(V128, V128) -> V128;
        I16x8AddSatU = i16x8_add_sat_u(V128, V128) -> V128;
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
        I64x2Mul = i64x2_mul(V128, V128) -> V128;
        I64x2ExtMulLowI32x4S = i64x2_extmul_low_i32x4_s(V128, V128) -> V128;
        I64x2ExtMulHighI32x4S = i64x2_extmul_high_i32x4_s(V128, V128) -> V128;
        I64x2ExtMulLowI32x4U = i64x2_extmul_low_i32x4_u(V128, V128) -> V128;
        I64x2ExtMulHighI32x4U = i64x2_extmul_high_i32x4_u(V128, V128) -> V128;
        F32x4Add = f32x4_add(V128, V128) -> V128;
        F32x4Mul = f32x4_mul(V128, V128) -> V128;
        F64x2Add = f64x2_add(V128, V128) -> V128;
        F64x2Mul = f64x2_mul(V128, V128) -> V128;
        I16x8RelaxedQ15mulrS = i16x8_relaxed_q15mulr_s(V128, V128) -> V128;
    }
    PURE 2 {
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
        I8x16LtS = i8x16_lt_s(V128, V128) -> V128;
        I8x16LtU = i8x16_lt_u(V128, V128) -> V128;
        I8x16GtS = i8x16_gt_s(V128, V128) -> V128;
        I8x16GtU = i8x16_gt_u(V128, V128) -> V128;
        I8x16LeS = i8x16_le_s(V128, V128) -> V128;
        I8x16LeU = i8x16_le_u(V128, V128) -> V128;
        I8x16GeS = i8x16_ge_s(V128, V128) -> V128;
        I8x16GeU = i8x16_ge_u(V128, V128) -> V128;
        I16x8LtS = i16x8_lt_s(V128, V128) -> V128;
        I16x8LtU = i16x8_lt_u(V128, V128) -> V128;
        I16x8GtS = i16x8_gt_s(V128, V128) -> V128;
        I16x8GtU = i16x8_gt_u(V128, V128) -> V128;
        I16x8LeS = i16x8_le_s(V128, V128) -> V128;
        I16x8LeU = i16x8_le_u(V128, V128) -> V128;
        I16x8GeS = i16x8_ge_s(V128, V128) -> V128;
        I16x8GeU = i16x8_ge_u(V128, V128) -> V128;
        I32x4LtS = i32x4_lt_s(V128, V128) -> V128;
        I32x4LtU = i32x4_lt_u(V128, V128) -> V128;
        I32x4GtS = i32x4_gt_s(V128, V128) -> V128;
        I32x4GtU = i32x4_gt_u(V128, V128) -> V128;
        I32x4LeS = i32x4_le_s(V128, V128) -> V128;
        I32x4LeU = i32x4_le_u(V128, V128) -> V128;
        I32x4GeS = i32x4_ge_s(V128, V128) -> V128;
        I32x4GeU = i32x4_ge_u(V128, V128) -> V128;
        I64x2LtS = i64x2_lt_s(V128, V128) -> V128;
        I64x2GtS = i64x2_gt_s(V128, V128) -> V128;
        I64x2LeS = i64x2_le_s(V128, V128) -> V128;
        I64x2GeS = i64x2_ge_s(V128, V128) -> V128;
        F32x4Lt = f32x4_lt(V128, V128) -> V128;
        F32x4Gt = f32x4_gt(V128, V128) -> V128;
        F32x4Le = f32x4_le(V128, V128) -> V128;
        F32x4Ge = f32x4_ge(V128, V128) -> V128;
        F64x2Lt = f64x2_lt(V128, V128) -> V128;
        F64x2Gt = f64x2_gt(V128, V128) -> V128;
        F64x2Le = f64x2_le(V128, V128) -> V128;
        F64x2Ge = f64x2_ge(V128, V128) -> V128;
        V128AndNot = v128_andnot(V128, V128) -> V128;
        I8x16NarrowI16x8S = i8x16_narrow_i16x8_s(V128, V128) -> V128;
        I8x16NarrowI16x8U = i8x16_narrow_i16x8_u(V128, V128) -> V128;
        I8x16Sub = i8x16_sub(V128, V128) -> V128;
        I8x16SubSatS = i8x16_sub_sat_s(V128, V128) -> V128;
        I8x16SubSatU = i8x16_sub_sat_u(V128, V128) -> V128;
        I16x8NarrowI32x4S = i16x8_narrow_i32x4_s(V128, V128) -> V128;
        I16x8NarrowI32x4U = i16x8_narrow_i32x4_u(V128, V128) -> V128;
        I16x8Sub = i16x8_sub(V128, V128) -> V128;
        I16x8SubSatS = i16x8_sub_sat_s(V128, V128) -> V128;
        I16x8SubSatU = i16x8_sub_sat_u(V128, V128) -> V128;
        I32x4Sub = i32x4_sub(V128, V128) -> V128;
        I64x2Sub = i64x2_sub(V128, V128) -> V128;
        F32x4Sub = f32x4_sub(V128, V128) -> V128;
        F32x4Div = f32x4_div(V128, V128) -> V128;
        F32x4Min = f32x4_min(V128, V128) -> V128;
        F32x4Max = f32x4_max(V128, V128) -> V128;
        F32x4PMin = f32x4_pmin(V128, V128) -> V128;
        F32x4PMax = f32x4_pmax(V128, V128) -> V128;
        F64x2Sub = f64x2_sub(V128, V128) -> V128;
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
loads {
    I32Load "i32.load" u32 -> i32 = |bits| bits as i32;
    I32Load8S "i32.load8_s" u8 -> i32 = |bits| i32::from(bits as i8);
    I32Load8U "i32.load8_u" u8 -> i32 = |bits| i32::from(bits);
    I32Load16S "i32.load16_s" u16 -> i32 = |bits| i32::from(bits as i16);
    I32Load16U "i32.load16_u" u16 -> i32 = |bits| i32::from(bits);
    I64Load "i64.load" u64 -> i64 = |bits| bits as i64;
    I64Load8S "i64.load8_s" u8 -> i64 = |bits| i64::from(bits as i8);
    I64Load8U "i64.load8_u" u8 -> i64 = |bits| i64::from(bits);
    I64Load16S "i64.load16_s" u16 -> i64 = |bits| i64::from(bits as i16);
    I64Load16U "i64.load16_u" u16 -> i64 = |bits| i64::from(bits);
    I64Load32S "i64.load32_s" u32 -> i64 = |bits| i64::from(bits as i32);
    I64Load32U "i64.load32_u" u32 -> i64 = |bits| i64::from(bits);
    F32Load "f32.load" u32 -> f32 = |bits| f32::from_bits(bits);
    F64Load "f64.load" u64 -> f64 = |bits| f64::from_bits(bits);
    V128Load "v128.load" u128 -> V128 = |bits| V128::from(bits);
    V128Load8x8S "v128.load8x8_s" u64 -> V128 = |bits| numeric::v128_load8x8_s(bits);
    V128Load8x8U "v128.load8x8_u" u64 -> V128 = |bits| numeric::v128_load8x8_u(bits);
    V128Load16x4S "v128.load16x4_s" u64 -> V128 = |bits| numeric::v128_load16x4_s(bits);
    V128Load16x4U "v128.load16x4_u" u64 -> V128 = |bits| numeric::v128_load16x4_u(bits);
    V128Load32x2S "v128.load32x2_s" u64 -> V128 = |bits| numeric::v128_load32x2_s(bits);
    V128Load32x2U "v128.load32x2_u" u64 -> V128 = |bits| numeric::v128_load32x2_u(bits);
    V128Load8Splat "v128.load8_splat" u8 -> V128 = |bits| numeric::v128_load8_splat(bits);
    V128Load16Splat "v128.load16_splat" u16 -> V128 = |bits| numeric::v128_load16_splat(bits);
    V128Load32Splat "v128.load32_splat" u32 -> V128 = |bits| numeric::v128_load32_splat(bits);
    V128Load64Splat "v128.load64_splat" u64 -> V128 = |bits| numeric::v128_load64_splat(bits);
    V128Load32Zero "v128.load32_zero" u32 -> V128 = |bits| numeric::v128_load32_zero(bits);
    V128Load64Zero "v128.load64_zero" u64 -> V128 = |bits| numeric::v128_load64_zero(bits);
}
stores {
    I32Store "i32.store" 4 I32;
    I32Store8 "i32.store8" 1 I32;
    I32Store16 "i32.store16" 2 I32;
    I64Store "i64.store" 8 I64;
    I64Store8 "i64.store8" 1 I64;
    I64Store16 "i64.store16" 2 I64;
    I64Store32 "i64.store32" 4 I64;
    F32Store "f32.store" 4 F32;
    F64Store "f64.store" 8 F64;
    V128Store "v128.store" 16 V128;
}
others {
    // Values.
    Nop "nop" Bare [] -> None Pure 0;
    Param "param" Param [] -> None Pure 0;
    Const "const" Const [] -> None Pure 1;
    Result "result" Result [] -> None Pure 0;
    Select "select" Ternary [] -> None Pure 2;
    I8x16Shuffle "i8x16.shuffle" Shuffle [V128, V128] -> V128 Pure 2;
    // Two results each, which `result` instructions right behind take out: the low and the high half.
    I64Add128 "i64.add128" Quad [I64, I64, I64, I64] -> None Pure 2;
    I64Sub128 "i64.sub128" Quad [I64, I64, I64, I64] -> None Pure 2;
    I64MulWideS "i64.mul_wide_s" Binary [I64, I64] -> None Pure 4;
    I64MulWideU "i64.mul_wide_u" Binary [I64, I64] -> None Pure 4;
    // The instance and what it points at: never a trap.
    CtxLoad "ctx.load" CtxLoad [] -> None Read 4;
    CtxStore "ctx.store" CtxStore [] -> None Write 1;
    CtxAddr "ctx.addr" CtxAddr [] -> I64 Pure 1;
    PtrLoad "ptr.load" PtrLoad [] -> None Read 4;
    PtrStore "ptr.store" PtrStore [] -> None Write 1;
    // Locals that are kept in the frame; zero when the function starts.
    SlotLoad "slot.load" SlotLoad [] -> None Read 4;
    SlotStore "slot.store" SlotStore [] -> None Write 1;
    // References that the collector follows.
    RefIsNull "ref.is_null" Unary [Ref] -> I32 Pure 1;
    RefEq "ref.eq" Binary [Ref, Ref] -> I32 Pure 1;
    // The bits of a reference as it is where they are used: no block gets them. Only what stays when its object moves is worth knowing for
    // longer: tags and values of `i31`.
    RefBits "ref.bits" Unary [Ref] -> I64 Pure 0;
    RefFromBits "ref.from_bits" Unary [I64] -> Ref Pure 1;
    RefIs "ref.is" Cast [Ref] -> I32 Pure 8;
    // The address of an object, by the heap's base. It must not be used after anything that may collect.
    HeapAddr "heap.addr" Binary [I64, Ref] -> I64 Pure 1;
    RefLoad "ref.load" Load [] -> Ref ReadTrap 4 4;
    RefStore "ref.store" Store [Ref] -> None Write 1 4;
    // Checks. A memory never shrinks: a check holds for good.
    MemCheck "mem.check" Check [] -> None Trap 1;
    TrapNz "trapnz" TrapIf [I32] -> None Trap 1;
    TrapZ "trapz" TrapIf [I32] -> None Trap 1;
    Fuel "fuel" Fuel [] -> None Trap 2;
    Epoch "epoch" Bare [] -> None Call 2;
    // Calls. One result is the value of the call; `result` instructions right behind it take out several.
    Call "call" Call [] -> None Call 30;
    CallImport "call_import" Call [] -> None Call 40;
    CallRef "call_ref" CallRef [] -> None Call 40;
    Builtin "builtin" Builtin [] -> None Call 60;
    // Ends of blocks.
    Jump "jump" Jump [] -> None Terminator 1;
    BrIf "br_if" BrIf [I32] -> None Terminator 2;
    BrTable "br_table" BrTable [I32] -> None Terminator 4;
    Return "return" Return [] -> None Terminator 2;
    ReturnCall "return_call" Call [] -> None Terminator 10;
    ReturnCallImport "return_call_import" Call [] -> None Terminator 10;
    ReturnCallRef "return_call_ref" CallRef [] -> None Terminator 10;
    Trap "trap" TrapNow [] -> None Terminator 1;
}
}

impl Opcode {
    /// What the table says of it.
    #[inline]
    pub fn info(self) -> &'static OpInfo {
        &TABLE[self as usize]
    }

    /// How it is written: as in the specification, where it is one of its opcodes.
    pub fn name(self) -> String {
        let name = self.info().name;
        // A numeric row has the name of its function, which has `_` for `.`.
        if name.contains('.') || (self as u16) >= Opcode::I32Load as u16 {
            name.into()
        } else {
            name.replacen('_', ".", 1)
        }
    }

    /// The opcode that is written so.
    pub fn from_name(name: &str) -> Option<Opcode> {
        Opcode::ALL.iter().copied().find(|op| op.name() == name)
    }

    /// Whether it is one of the numeric rows, which [`Opcode::eval`] computes.
    #[inline]
    pub fn is_numeric(self) -> bool {
        (self as u16) < Opcode::I32Load as u16
    }

    /// Whether it ends a block.
    #[inline]
    pub fn is_terminator(self) -> bool {
        self.info().effect == Effect::Terminator
    }

    /// The results of an operation that gives two, of its operands' bits.
    pub fn eval_pair(self, operands: [u128; 4]) -> Option<[u128; 2]> {
        let [a, b, c, d] = operands.map(|bits| bits as i64);
        let (low, high) = match self {
            Opcode::I64Add128 => numeric::i64_add128(a, b, c, d),
            Opcode::I64Sub128 => numeric::i64_sub128(a, b, c, d),
            Opcode::I64MulWideS => numeric::i64_mul_wide_s(a, b),
            Opcode::I64MulWideU => numeric::i64_mul_wide_u(a, b),
            _ => return None,
        };
        Some([low.into_bits(), high.into_bits()])
    }
}

/// The trap that an arithmetic trap is.
pub fn trap_of(trap: ArithmeticTrap) -> Trap {
    match trap {
        ArithmeticTrap::DivisionByZero => Trap::IntegerDivisionByZero,
        ArithmeticTrap::IntegerOverflow => Trap::IntegerOverflow,
        ArithmeticTrap::BadConversionToInteger => Trap::BadConversionToInteger,
    }
}
