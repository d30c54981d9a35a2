//! Loads and stores, and the instructions on whole memories.
//!
//! An access to memory 0 with 32-bit addresses and offset takes base and length from the machine's registers: the effective address and the
//! size are added in 64 bits, which cannot overflow. Any other access ([`Far`]) looks up its memory.

use super::control::{cx_pointer, ops, stop_of, trap};
use super::{Class, Handler};
use crate::interp::dispatch::{Next, Op, Regs, handler};
use crate::interp::operand::{A, Ac, Dst, I, S, Src, St, Value, field, imm32, slot};
use crate::vm::{VmMemory, libcalls};
use core::marker::PhantomData;
use tiercel_abi::Trap;
use tiercel_wasm::numeric::{self, V128};

/// The handlers of a load.
pub struct Load {
    /// The class of the result.
    pub result: Class,
    /// Address in a slot, in the accumulator; each with its result in slot and accumulator, and in the accumulator alone.
    pub near: [[Handler; 2]; 2],
    /// The address is the sum of two slots, or of accumulator and slot.
    pub indexed: [[Handler; 2]; 2],
    /// Any memory and offset, address in a slot.
    pub far: Handler,
}

/// The handlers of a store.
pub struct Store {
    /// By the value's place (slot, accumulator, immediate), then by the address's (slot, accumulator).
    pub near: [[Handler; 2]; 3],
    /// Any memory and offset, address and value in slots.
    pub far: Handler,
}

trait LoadOp {
    type Raw: Copy;
    type T: Value;
    fn extend(raw: Self::Raw) -> Self::T;
}

trait StoreOp {
    type Raw: Copy;
    type T: Value;
    fn wrap(value: Self::T) -> Self::Raw;
}

/// The address of `size` bytes at `index + offset` of memory 0.
#[inline(always)]
unsafe fn near(r: &Regs, index: i32, offset: u32, size: usize) -> Option<*mut u8> {
    let address = index as u32 as u64 + offset as u64;
    if address + size as u64 > r.len as u64 {
        return None;
    }
    // SAFETY: the bytes lie in memory 0.
    Some(unsafe { r.mem.add(address as usize) })
}

/// The operands of an access to any memory: two words behind the operand word.
#[repr(C)]
pub struct Far {
    /// Added to the index.
    pub offset: u64,
    /// Where the vmctx points to the memory.
    pub memory: u32,
    /// Whether the index has 64 bits.
    pub is_64: u32,
}

/// Words of [`Far`].
pub const FAR_WORDS: usize = size_of::<Far>() / 8;

/// The address of `size` bytes that an access with [`Far`] operands means.
#[inline(always)]
unsafe fn far(r: &Regs, index: i64, size: usize) -> Option<*mut u8> {
    // SAFETY: the caller's: the instruction has `Far` operands.
    unsafe {
        let far = &*r.ip.add(2).cast::<Far>();
        let memory: *mut VmMemory = cx_pointer(r.cx, far.memory);
        let index = if far.is_64 != 0 { index as u64 } else { index as u32 as u64 };
        let end = index.checked_add(far.offset)?.checked_add(size as u64)?;
        if end > (*memory).len_bytes as u64 {
            return None;
        }
        Some((*memory).base.add(end as usize - size))
    }
}

struct NearLoad<L, P, D>(PhantomData<(L, P, D)>);

impl<L: LoadOp, P: Src, D: Dst> Op for NearLoad<L, P, D> {
    #[inline(always)]
    unsafe fn run(r: &mut Regs) -> Next {
        // SAFETY: the caller's; the address was checked.
        unsafe {
            let Some(address) = near(r, P::get(r, 1), imm32(r.ip), size_of::<L::Raw>()) else {
                return trap(Trap::MemoryOutOfBounds);
            };
            let value = L::extend(address.cast::<L::Raw>().read_unaligned());
            D::put(r, value);
            r.ip = r.ip.add(2);
        }
        Next::Go
    }
}

/// `dst = memory[s0 + third word's slot + offset]`, the index being the wrapped sum.
struct IndexedLoad<L, P, D>(PhantomData<(L, P, D)>);

impl<L: LoadOp, P: Src, D: Dst> Op for IndexedLoad<L, P, D> {
    #[inline(always)]
    unsafe fn run(r: &mut Regs) -> Next {
        // SAFETY: the caller's; the address was checked.
        unsafe {
            let a: i32 = P::get(r, 1);
            let b = i32::load(r.fp.add(*r.ip.add(2) as usize));
            let Some(address) = near(r, numeric::i32_add(a, b), imm32(r.ip), size_of::<L::Raw>()) else {
                return trap(Trap::MemoryOutOfBounds);
            };
            let value = L::extend(address.cast::<L::Raw>().read_unaligned());
            D::put(r, value);
            r.ip = r.ip.add(3);
        }
        Next::Go
    }
}

struct FarLoad<L>(PhantomData<L>);

impl<L: LoadOp> Op for FarLoad<L> {
    #[inline(always)]
    unsafe fn run(r: &mut Regs) -> Next {
        // SAFETY: the caller's; the address was checked.
        unsafe {
            let Some(address) = far(r, S::get(r, 1), size_of::<L::Raw>()) else {
                return trap(Trap::MemoryOutOfBounds);
            };
            let value = L::extend(address.cast::<L::Raw>().read_unaligned());
            St::put(r, value);
            r.ip = r.ip.add(2 + FAR_WORDS);
        }
        Next::Go
    }
}

/// The value is named by field `dst`, or is the third word.
struct NearStore<W, V, P>(PhantomData<(W, V, P)>);

impl<W: StoreOp, V: Src, P: Src> Op for NearStore<W, V, P> {
    #[inline(always)]
    unsafe fn run(r: &mut Regs) -> Next {
        // SAFETY: the caller's; the address was checked.
        unsafe {
            let value = if V::IS_IMM { W::T::load(r.ip.add(2)) } else { V::get::<W::T>(r, 0) };
            let Some(address) = near(r, P::get(r, 1), imm32(r.ip), size_of::<W::Raw>()) else {
                return trap(Trap::MemoryOutOfBounds);
            };
            address.cast::<W::Raw>().write_unaligned(W::wrap(value));
            r.ip = r.ip.add(if V::IS_IMM { 3 } else { 2 });
        }
        Next::Go
    }
}

struct FarStore<W>(PhantomData<W>);

impl<W: StoreOp> Op for FarStore<W> {
    #[inline(always)]
    unsafe fn run(r: &mut Regs) -> Next {
        // SAFETY: the caller's; the address was checked.
        unsafe {
            let value: W::T = S::get(r, 0);
            let Some(address) = far(r, S::get(r, 1), size_of::<W::Raw>()) else {
                return trap(Trap::MemoryOutOfBounds);
            };
            address.cast::<W::Raw>().write_unaligned(W::wrap(value));
            r.ip = r.ip.add(2 + FAR_WORDS);
        }
        Next::Go
    }
}

/// A row: `NAME(bytes in memory, as a little-endian integer) -> value = what the bits become`.
macro_rules! loads {
    ($($name:ident($marker:ident: $raw:ty) -> $t:ident = |$bits:ident| $extend:expr;)*) => {$(
        struct $marker;
        impl LoadOp for $marker {
            type Raw = $raw;
            type T = $t;
            #[inline(always)]
            fn extend(raw: $raw) -> $t {
                let $bits = <$raw>::from_le(raw);
                $extend
            }
        }
        /// The load of this name.
        pub static $name: Load = Load {
            result: <$t as Value>::CLASS,
            near: [
                [handler::<NearLoad<$marker, S, St>>(), handler::<NearLoad<$marker, S, Ac>>()],
                [handler::<NearLoad<$marker, A, St>>(), handler::<NearLoad<$marker, A, Ac>>()],
            ],
            indexed: [
                [handler::<IndexedLoad<$marker, S, St>>(), handler::<IndexedLoad<$marker, S, Ac>>()],
                [handler::<IndexedLoad<$marker, A, St>>(), handler::<IndexedLoad<$marker, A, Ac>>()],
            ],
            far: handler::<FarLoad<$marker>>(),
        };
    )*};
}

macro_rules! stores {
    ($($name:ident($marker:ident: $t:ident) -> $raw:ty = |$value:ident| $wrap:expr;)*) => {$(
        struct $marker;
        impl StoreOp for $marker {
            type Raw = $raw;
            type T = $t;
            #[inline(always)]
            fn wrap($value: $t) -> $raw {
                <$raw>::to_le($wrap)
            }
        }
        /// The store of this name.
        pub static $name: Store = Store {
            near: [
                [handler::<NearStore<$marker, S, S>>(), handler::<NearStore<$marker, S, A>>()],
                [handler::<NearStore<$marker, A, S>>(), handler::<NearStore<$marker, A, A>>()],
                [handler::<NearStore<$marker, I, S>>(), handler::<NearStore<$marker, I, A>>()],
            ],
            far: handler::<FarStore<$marker>>(),
        };
    )*};
}

loads! {
    I32_LOAD(I32Load: u32) -> i32 = |bits| bits as i32;
    I32_LOAD8_S(I32Load8S: u8) -> i32 = |bits| bits as i8 as i32;
    I32_LOAD8_U(I32Load8U: u8) -> i32 = |bits| bits as i32;
    I32_LOAD16_S(I32Load16S: u16) -> i32 = |bits| bits as i16 as i32;
    I32_LOAD16_U(I32Load16U: u16) -> i32 = |bits| bits as i32;
    I64_LOAD(I64Load: u64) -> i64 = |bits| bits as i64;
    I64_LOAD8_S(I64Load8S: u8) -> i64 = |bits| bits as i8 as i64;
    I64_LOAD8_U(I64Load8U: u8) -> i64 = |bits| bits as i64;
    I64_LOAD16_S(I64Load16S: u16) -> i64 = |bits| bits as i16 as i64;
    I64_LOAD16_U(I64Load16U: u16) -> i64 = |bits| bits as i64;
    I64_LOAD32_S(I64Load32S: u32) -> i64 = |bits| bits as i32 as i64;
    I64_LOAD32_U(I64Load32U: u32) -> i64 = |bits| bits as i64;
    F32_LOAD(F32Load: u32) -> f32 = |bits| f32::from_bits(bits);
    F64_LOAD(F64Load: u64) -> f64 = |bits| f64::from_bits(bits);
    V128_LOAD(V128Load: u128) -> V128 = |bits| V128::from(bits);
    V128_LOAD8X8_S(V128Load8x8S: u64) -> V128 = |bits| numeric::v128_load8x8_s(bits);
    V128_LOAD8X8_U(V128Load8x8U: u64) -> V128 = |bits| numeric::v128_load8x8_u(bits);
    V128_LOAD16X4_S(V128Load16x4S: u64) -> V128 = |bits| numeric::v128_load16x4_s(bits);
    V128_LOAD16X4_U(V128Load16x4U: u64) -> V128 = |bits| numeric::v128_load16x4_u(bits);
    V128_LOAD32X2_S(V128Load32x2S: u64) -> V128 = |bits| numeric::v128_load32x2_s(bits);
    V128_LOAD32X2_U(V128Load32x2U: u64) -> V128 = |bits| numeric::v128_load32x2_u(bits);
    V128_LOAD8_SPLAT(V128Load8Splat: u8) -> V128 = |bits| numeric::v128_load8_splat(bits);
    V128_LOAD16_SPLAT(V128Load16Splat: u16) -> V128 = |bits| numeric::v128_load16_splat(bits);
    V128_LOAD32_SPLAT(V128Load32Splat: u32) -> V128 = |bits| numeric::v128_load32_splat(bits);
    V128_LOAD64_SPLAT(V128Load64Splat: u64) -> V128 = |bits| numeric::v128_load64_splat(bits);
    V128_LOAD32_ZERO(V128Load32Zero: u32) -> V128 = |bits| numeric::v128_load32_zero(bits);
    V128_LOAD64_ZERO(V128Load64Zero: u64) -> V128 = |bits| numeric::v128_load64_zero(bits);
}

stores! {
    I32_STORE(I32Store: i32) -> u32 = |value| value as u32;
    I32_STORE8(I32Store8: i32) -> u8 = |value| value as u8;
    I32_STORE16(I32Store16: i32) -> u16 = |value| value as u16;
    I64_STORE(I64Store: i64) -> u64 = |value| value as u64;
    I64_STORE8(I64Store8: i64) -> u8 = |value| value as u8;
    I64_STORE16(I64Store16: i64) -> u16 = |value| value as u16;
    I64_STORE32(I64Store32: i64) -> u32 = |value| value as u32;
    F32_STORE(F32Store: f32) -> u32 = |value| value.to_bits();
    F64_STORE(F64Store: f64) -> u64 = |value| value.to_bits();
    V128_STORE(V128Store: V128) -> u128 = |value| u128::from(value);
}

/// A load into, or a store from, one lane. The lane is field `s1`; the vector is field `dst` (store) or `s2` (load).
struct LoadLane<L>(PhantomData<L>);
struct StoreLane<L>(PhantomData<L>);

trait Lane {
    type Raw: Copy;
    fn replace(raw: Self::Raw, vector: V128, lane: u8) -> V128;
    fn extract(vector: V128, lane: u8) -> Self::Raw;
}

impl<L: Lane> Op for LoadLane<L> {
    #[inline(always)]
    unsafe fn run(r: &mut Regs) -> Next {
        // SAFETY: the caller's; the address was checked.
        unsafe {
            let Some(address) = far(r, S::get(r, 1), size_of::<L::Raw>()) else {
                return trap(Trap::MemoryOutOfBounds);
            };
            let value = L::replace(address.cast::<L::Raw>().read_unaligned(), S::get(r, 3), field(r.ip, 2) as u8);
            St::put(r, value);
            r.ip = r.ip.add(2 + FAR_WORDS);
        }
        Next::Go
    }
}

impl<L: Lane> Op for StoreLane<L> {
    #[inline(always)]
    unsafe fn run(r: &mut Regs) -> Next {
        // SAFETY: the caller's; the address was checked.
        unsafe {
            let Some(address) = far(r, S::get(r, 1), size_of::<L::Raw>()) else {
                return trap(Trap::MemoryOutOfBounds);
            };
            let raw = L::extract(S::get(r, 0), field(r.ip, 2) as u8);
            address.cast::<L::Raw>().write_unaligned(raw);
            r.ip = r.ip.add(2 + FAR_WORDS);
        }
        Next::Go
    }
}

macro_rules! lanes {
    ($($load:ident $store:ident($marker:ident: $raw:ty, $replace:ident);)*) => {$(
        struct $marker;
        impl Lane for $marker {
            type Raw = $raw;
            #[inline(always)]
            fn replace(raw: $raw, vector: V128, lane: u8) -> V128 {
                numeric::$replace(<$raw>::from_le(raw) as _, vector, lane)
            }
            #[inline(always)]
            fn extract(vector: V128, lane: u8) -> $raw {
                <$raw>::to_le((u128::from(vector) >> (lane as u32 * <$raw>::BITS)) as $raw)
            }
        }
        /// The load of one lane.
        pub static $load: Handler = handler::<LoadLane<$marker>>();
        /// The store of one lane.
        pub static $store: Handler = handler::<StoreLane<$marker>>();
    )*};
}

lanes! {
    V128_LOAD8_LANE V128_STORE8_LANE(Lane8: u8, v128_load8_lane);
    V128_LOAD16_LANE V128_STORE16_LANE(Lane16: u16, v128_load16_lane);
    V128_LOAD32_LANE V128_STORE32_LANE(Lane32: u32, v128_load32_lane);
    V128_LOAD64_LANE V128_STORE64_LANE(Lane64: u64, v128_load64_lane);
}

ops! {
    /// `dst` = pages of the memory at vmctx offset `imm32`, whose pages have 2^`s0` bytes.
    MemorySize |r| {
        let memory: *mut VmMemory = cx_pointer(r.cx, imm32(r.ip));
        let pages = (*memory).len_bytes as u64 >> field(r.ip, 1);
        St::put(r, pages as i64);
        r.ip = r.ip.add(2);
        Next::Go
    }

    /// `dst` = old pages of memory number `imm32`, grown by `s0`; all ones if it cannot. The third word says whether it has 64-bit
    /// addresses.
    MemoryGrow |r| {
        let is_64 = *r.ip.add(2) != 0;
        let delta: i64 = S::get(r, 1);
        let delta = if is_64 { delta as u64 } else { delta as u32 as u64 };
        match libcalls::memory_grow(r.cx, imm32(r.ip), delta) {
            Ok(pages) if is_64 => St::put(r, pages as i64),
            Ok(pages) => St::put(r, pages as i32),
            Err(stop) => return stop_of(stop),
        }
        r.reload();
        r.ip = r.ip.add(3);
        Next::Go
    }

    /// Copies between memories: destination, source and length in `dst`, `s0`, `s1`; the memories are the third word's halves.
    MemoryCopy |r| {
        let memories = r.ip.add(2).cast::<u32>();
        let [to, from, len] = operands(r);
        match libcalls::memory_copy(r.cx, *memories, *memories.add(1), to, from, len) {
            Ok(()) => r.ip = r.ip.add(3),
            Err(reason) => return trap(reason),
        }
        Next::Go
    }

    /// Fills memory number (third word) from `dst` on with the byte `s0`, `s1` times.
    MemoryFill |r| {
        let [to, value, len] = operands(r);
        match libcalls::memory_fill(r.cx, *r.ip.add(2) as u32, to, value as u8, len) {
            Ok(()) => r.ip = r.ip.add(3),
            Err(reason) => return trap(reason),
        }
        Next::Go
    }

    /// Copies from a segment to a memory: destination, source and length in `dst`, `s0`, `s1`; memory and segment are the third
    /// word's halves.
    MemoryInit |r| {
        let indices = r.ip.add(2).cast::<u32>();
        let [to, from, len] = operands(r);
        match libcalls::memory_init(r.cx, *indices, *indices.add(1), to, from, len) {
            Ok(()) => r.ip = r.ip.add(3),
            Err(reason) => return trap(reason),
        }
        Next::Go
    }

    /// Drops data segment `imm32`.
    DataDrop |r| {
        libcalls::data_drop(r.cx, imm32(r.ip));
        r.ip = r.ip.add(2);
        Next::Go
    }
}

/// The slots `dst`, `s0` and `s1`. Those of class `I32` are zero-extended.
#[inline(always)]
pub(super) unsafe fn operands(r: &Regs) -> [u64; 3] {
    // SAFETY: the caller's: the instruction has three operands.
    unsafe { [*slot(r, 0), *slot(r, 1), *slot(r, 2)] }
}
