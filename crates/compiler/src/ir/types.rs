//! The types of values, and their bits as tests and folding pass them around.

use std::fmt;
use tiercel_wasm::ValType;
use tiercel_wasm::numeric::{ArithmeticTrap, V128};

/// The type of a value. References to functions, addresses and pointers are [`Type::I64`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Type {
    /// No value: the instruction has no result, or more than one.
    None,
    /// A 32-bit integer. In a 64-bit register its upper half is zero.
    I32,
    /// A 64-bit integer, a reference to a function or a pointer.
    I64,
    /// A 32-bit float.
    F32,
    /// A 64-bit float.
    F64,
    /// A 128-bit vector.
    V128,
    /// A reference that the collector follows: 32 bits, the upper half zero. It changes when its object moves, at any instruction for which
    /// [`Function::may_collect`](super::Function::may_collect) holds.
    Ref,
}

impl Type {
    /// Every type of a value.
    pub const ALL: [Type; 6] = [Type::I32, Type::I64, Type::F32, Type::F64, Type::V128, Type::Ref];

    /// How the type is written.
    pub const fn name(self) -> &'static str {
        match self {
            Type::None => "none",
            Type::I32 => "i32",
            Type::I64 => "i64",
            Type::F32 => "f32",
            Type::F64 => "f64",
            Type::V128 => "v128",
            Type::Ref => "ref",
        }
    }

    /// Bytes of a value in memory.
    pub const fn bytes(self) -> u32 {
        match self {
            Type::None => 0,
            Type::I32 | Type::F32 => 4,
            Type::I64 | Type::F64 | Type::Ref => 8,
            Type::V128 => 16,
        }
    }

    /// Whether its values are in integer registers.
    pub const fn is_int(self) -> bool {
        matches!(self, Type::I32 | Type::I64 | Type::Ref)
    }

    /// The bits that a value of this type has, set.
    pub const fn mask(self) -> u128 {
        match self.bytes() {
            0 => 0,
            bytes => u128::MAX >> (128 - 8 * bytes),
        }
    }
}

impl From<ValType> for Type {
    fn from(ty: ValType) -> Type {
        match ty {
            ValType::I32 => Type::I32,
            ValType::Ref(_) if ty.is_traced() => Type::Ref,
            ValType::I64 | ValType::Ref(_) => Type::I64,
            ValType::F32 => Type::F32,
            ValType::F64 => Type::F64,
            ValType::V128 => Type::V128,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A Rust type that stands for a [`Type`]. Bits above those of the type are zero.
pub(super) trait Bits: Sized {
    const TYPE: Type;
    fn from_bits(bits: u128) -> Self;
    fn into_bits(self) -> u128;
}

macro_rules! bits {
    ($($rust:ty = $ty:ident, |$bits:ident| $from:expr, |$value:ident| $into:expr;)*) => {$(
        impl Bits for $rust {
            const TYPE: Type = Type::$ty;
            #[inline(always)]
            fn from_bits($bits: u128) -> Self { $from }
            #[inline(always)]
            fn into_bits(self) -> u128 { let $value = self; $into }
        }
    )*};
}

bits! {
    i32 = I32, |bits| bits as i32, |value| u128::from(value as u32);
    i64 = I64, |bits| bits as i64, |value| u128::from(value as u64);
    f32 = F32, |bits| f32::from_bits(bits as u32), |value| u128::from(value.to_bits());
    f64 = F64, |bits| f64::from_bits(bits as u64), |value| u128::from(value.to_bits());
    V128 = V128, |bits| V128::from(bits), |value| value.into();
    bool = I32, |bits| bits != 0, |value| u128::from(value);
}

/// What a function of `numeric` gives: bits, or the reason why there are none.
pub(super) trait Outcome {
    fn outcome(self) -> Result<u128, ArithmeticTrap>;
}

impl<T: Bits> Outcome for T {
    #[inline(always)]
    fn outcome(self) -> Result<u128, ArithmeticTrap> {
        Ok(self.into_bits())
    }
}

impl<T: Bits> Outcome for Result<T, ArithmeticTrap> {
    #[inline(always)]
    fn outcome(self) -> Result<u128, ArithmeticTrap> {
        self.map(T::into_bits)
    }
}
