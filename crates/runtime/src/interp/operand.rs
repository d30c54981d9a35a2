//! Operands: where a handler finds its inputs and leaves its result.
//!
//! An instruction is a handler word and an operand word, sometimes more. The operand word holds 16-bit slot numbers of the frame
//! and a 32-bit field, at fixed places:
//!
//! ```text
//! byte   0      2      4              8
//!      | dst  | s0   | s1   |  s2   |     three operands
//!      | dst  | s0   | imm32        |     an operand and a constant, an offset or a branch distance
//! ```
//!
//! A result always goes to its slot and to the accumulator of its class ([`St`]); when the only reader takes it from there, the translator
//! replaces the handler by the one that leaves the slot alone ([`Ac`]).

use super::dispatch::Regs;
use super::ops::Class;
use tiercel_wasm::numeric::V128;

/// Bits that go through slots and accumulators. An `i32` is zero-extended in both.
pub trait Value: Copy {
    /// Its class.
    const CLASS: Class;
    /// Words that a constant takes behind the operand word; 0 if it fits into the operand word's `imm32`.
    const IMM_WORDS: usize;
    /// Reads a slot.
    ///
    /// # Safety
    /// `slot` is a slot of the frame (two for a vector).
    unsafe fn load(slot: *const u64) -> Self;
    /// Writes a slot.
    ///
    /// # Safety
    /// As for `load`.
    unsafe fn store(self, slot: *mut u64);
    /// Reads the accumulator.
    fn acc(r: &Regs) -> Self;
    /// Writes the accumulator.
    fn set_acc(self, r: &mut Regs);
    /// Reads the constant of the instruction at `ip`.
    ///
    /// # Safety
    /// The instruction has one.
    unsafe fn imm(ip: *const u64) -> Self;
    /// Whether a branch on it is taken.
    fn is_true(self) -> bool;
}

/// The 16-bit field at index `n` of the operand word.
///
/// # Safety
/// `ip` is an instruction with an operand word.
#[inline(always)]
pub unsafe fn field(ip: *const u64, n: usize) -> usize {
    // SAFETY: the operand word has four of them.
    unsafe { *ip.add(1).cast::<u16>().add(n) as usize }
}

/// The 32-bit field of the operand word.
///
/// # Safety
/// `ip` is an instruction with an operand word.
#[inline(always)]
pub unsafe fn imm32(ip: *const u64) -> u32 {
    // SAFETY: it is the word's second half.
    unsafe { *ip.add(1).cast::<u32>().add(1) }
}

/// The slot that field `n` of the operand word names.
///
/// # Safety
/// `r.ip` is an instruction with an operand word.
#[inline(always)]
pub unsafe fn slot(r: &Regs, n: usize) -> *mut u64 {
    // SAFETY: the translator sized the frame for every slot it names, and `enter` checked that the frame fits.
    unsafe { r.fp.add(field(r.ip, n)) }
}

impl Value for i32 {
    const CLASS: Class = Class::I32;
    const IMM_WORDS: usize = 0;
    #[inline(always)]
    unsafe fn load(slot: *const u64) -> Self {
        // SAFETY: the caller's.
        unsafe { *slot as i32 }
    }
    #[inline(always)]
    unsafe fn store(self, slot: *mut u64) {
        // SAFETY: the caller's.
        unsafe { *slot = self as u32 as u64 }
    }
    #[inline(always)]
    fn acc(r: &Regs) -> Self {
        r.ia as i32
    }
    #[inline(always)]
    fn set_acc(self, r: &mut Regs) {
        r.ia = self as u32 as u64;
    }
    #[inline(always)]
    unsafe fn imm(ip: *const u64) -> Self {
        // SAFETY: the caller's.
        unsafe { imm32(ip) as i32 }
    }
    #[inline(always)]
    fn is_true(self) -> bool {
        self != 0
    }
}

impl Value for i64 {
    const CLASS: Class = Class::I64;
    const IMM_WORDS: usize = 0;
    #[inline(always)]
    unsafe fn load(slot: *const u64) -> Self {
        // SAFETY: the caller's.
        unsafe { *slot as i64 }
    }
    #[inline(always)]
    unsafe fn store(self, slot: *mut u64) {
        // SAFETY: the caller's.
        unsafe { *slot = self as u64 }
    }
    #[inline(always)]
    fn acc(r: &Regs) -> Self {
        r.ia as i64
    }
    #[inline(always)]
    fn set_acc(self, r: &mut Regs) {
        r.ia = self as u64;
    }
    #[inline(always)]
    unsafe fn imm(ip: *const u64) -> Self {
        // SAFETY: the caller's. Only constants that sign extension gives back are made immediate.
        unsafe { imm32(ip) as i32 as i64 }
    }
    #[inline(always)]
    fn is_true(self) -> bool {
        self != 0
    }
}

impl Value for f32 {
    const CLASS: Class = Class::F32;
    const IMM_WORDS: usize = 0;
    #[inline(always)]
    unsafe fn load(slot: *const u64) -> Self {
        // SAFETY: the caller's.
        f32::from_bits(unsafe { *slot as u32 })
    }
    #[inline(always)]
    unsafe fn store(self, slot: *mut u64) {
        // SAFETY: the caller's.
        unsafe { *slot = self.to_bits() as u64 }
    }
    #[inline(always)]
    fn acc(r: &Regs) -> Self {
        r.fa32
    }
    #[inline(always)]
    fn set_acc(self, r: &mut Regs) {
        r.fa32 = self;
    }
    #[inline(always)]
    unsafe fn imm(ip: *const u64) -> Self {
        // SAFETY: the caller's.
        f32::from_bits(unsafe { imm32(ip) })
    }
    #[inline(always)]
    fn is_true(self) -> bool {
        self != 0.0
    }
}

impl Value for f64 {
    const CLASS: Class = Class::F64;
    const IMM_WORDS: usize = 1;
    #[inline(always)]
    unsafe fn load(slot: *const u64) -> Self {
        // SAFETY: the caller's.
        f64::from_bits(unsafe { *slot })
    }
    #[inline(always)]
    unsafe fn store(self, slot: *mut u64) {
        // SAFETY: the caller's.
        unsafe { *slot = self.to_bits() }
    }
    #[inline(always)]
    fn acc(r: &Regs) -> Self {
        r.fa64
    }
    #[inline(always)]
    fn set_acc(self, r: &mut Regs) {
        r.fa64 = self;
    }
    #[inline(always)]
    unsafe fn imm(ip: *const u64) -> Self {
        // SAFETY: the caller's.
        f64::from_bits(unsafe { *ip.add(2) })
    }
    #[inline(always)]
    fn is_true(self) -> bool {
        self != 0.0
    }
}

/// A vector has two slots and no accumulator.
impl Value for V128 {
    const CLASS: Class = Class::V128;
    const IMM_WORDS: usize = 2;
    #[inline(always)]
    unsafe fn load(slot: *const u64) -> Self {
        // SAFETY: the caller's; any bytes are a vector, and `V128` has alignment 1.
        unsafe { slot.cast::<V128>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store(self, slot: *mut u64) {
        // SAFETY: as for `load`.
        unsafe { slot.cast::<V128>().write_unaligned(self) }
    }
    #[inline(always)]
    fn acc(_: &Regs) -> Self {
        V128::ZERO
    }
    #[inline(always)]
    fn set_acc(self, _: &mut Regs) {}
    #[inline(always)]
    unsafe fn imm(ip: *const u64) -> Self {
        // SAFETY: the caller's.
        unsafe { Self::load(ip.add(2)) }
    }
    #[inline(always)]
    fn is_true(self) -> bool {
        self != V128::ZERO
    }
}

/// Conditions become 0 and 1.
impl Value for bool {
    const CLASS: Class = Class::I32;
    const IMM_WORDS: usize = 0;
    #[inline(always)]
    unsafe fn load(slot: *const u64) -> Self {
        // SAFETY: the caller's.
        unsafe { *slot as u32 != 0 }
    }
    #[inline(always)]
    unsafe fn store(self, slot: *mut u64) {
        // SAFETY: the caller's.
        unsafe { *slot = self as u64 }
    }
    #[inline(always)]
    fn acc(r: &Regs) -> Self {
        r.ia as u32 != 0
    }
    #[inline(always)]
    fn set_acc(self, r: &mut Regs) {
        r.ia = self as u64;
    }
    #[inline(always)]
    unsafe fn imm(ip: *const u64) -> Self {
        // SAFETY: the caller's.
        unsafe { imm32(ip) != 0 }
    }
    #[inline(always)]
    fn is_true(self) -> bool {
        self
    }
}

/// Where one operand comes from.
pub trait Src {
    /// Whether it is a constant.
    const IS_IMM: bool = false;
    /// Reads it; `n` is the field that names its slot.
    ///
    /// # Safety
    /// The instruction at `r.ip` was made for this kind of operand.
    unsafe fn get<T: Value>(r: &Regs, n: usize) -> T;
}

/// A slot.
pub struct S;
/// The accumulator.
pub struct A;
/// A constant.
pub struct I;

impl Src for S {
    #[inline(always)]
    unsafe fn get<T: Value>(r: &Regs, n: usize) -> T {
        // SAFETY: the caller's.
        unsafe { T::load(slot(r, n)) }
    }
}

impl Src for A {
    #[inline(always)]
    unsafe fn get<T: Value>(r: &Regs, _: usize) -> T {
        T::acc(r)
    }
}

impl Src for I {
    const IS_IMM: bool = true;
    #[inline(always)]
    unsafe fn get<T: Value>(r: &Regs, _: usize) -> T {
        // SAFETY: the caller's.
        unsafe { T::imm(r.ip) }
    }
}

/// Where two operands come from. The first slot among them is named by field `s0`, the second by `s1`.
pub trait Pair {
    /// Whether one of them is a constant.
    const HAS_IMM: bool;
    /// Reads both.
    ///
    /// # Safety
    /// The instruction at `r.ip` was made for this pattern.
    unsafe fn get<T: Value>(r: &Regs) -> (T, T);
}

macro_rules! pairs {
    ($($name:ident($lhs:ident $lhs_field:literal, $rhs:ident $rhs_field:literal);)*) => {$(
        /// Two operands, left then right: slot, accumulator or immediate.
        pub struct $name;
        impl Pair for $name {
            const HAS_IMM: bool = $lhs::IS_IMM || $rhs::IS_IMM;
            #[inline(always)]
            unsafe fn get<T: Value>(r: &Regs) -> (T, T) {
                // SAFETY: the caller's.
                unsafe { ($lhs::get(r, $lhs_field), $rhs::get(r, $rhs_field)) }
            }
        }
    )*};
}

pairs! {
    SS(S 1, S 2);
    SA(S 1, A 0);
    AS(A 0, S 1);
    SI(S 1, I 0);
    IS(I 0, S 1);
    AI(A 0, I 0);
    IA(I 0, A 0);
}

/// Where a result goes.
pub trait Dst {
    /// Writes it.
    ///
    /// # Safety
    /// The instruction at `r.ip` names its result's slot.
    unsafe fn put<T: Value>(r: &mut Regs, value: T);
}

/// To its slot and to the accumulator.
pub struct St;
/// To the accumulator alone.
pub struct Ac;

impl Dst for St {
    #[inline(always)]
    unsafe fn put<T: Value>(r: &mut Regs, value: T) {
        // SAFETY: the caller's.
        unsafe { value.store(slot(r, 0)) };
        value.set_acc(r);
    }
}

impl Dst for Ac {
    #[inline(always)]
    unsafe fn put<T: Value>(r: &mut Regs, value: T) {
        value.set_acc(r);
    }
}
