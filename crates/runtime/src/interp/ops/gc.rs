//! Structs, arrays, `i31` and casts. What allocates asks for room first: if there is none, [`MakeRoom`] lets the collector run and
//! the instruction starts again, so operands that are references are always read from their slots.

use super::Handler;
use super::control::{ops, stop_of, trap};
use crate::gc::layout::{ELEMENTS_OFFSET, FIELDS_OFFSET, GcType, LENGTH_OFFSET, array_bytes, kind};
use crate::gc::{i31, is_i31, is_object};
use crate::interp::dispatch::{Next, Op, Regs, handler};
use crate::interp::operand::{A, Ac, Dst, S, Src, St, Value, field, imm32, slot};
use crate::vm::objects::{copy_data, copy_elements, elements, fill, put, within};
use crate::vm::{CodePoint, VmFuncRef, libcalls};
use core::marker::PhantomData;
use tiercel_abi::Trap;
use tiercel_wasm::numeric::V128;

/// What a field or an element holds, and the value it becomes.
pub trait Storage {
    /// As it is in the object.
    type Raw: Copy;
    /// As it is in a slot.
    type T: Value;
    /// From the object.
    fn load(raw: Self::Raw) -> Self::T;
    /// To the object.
    fn store(value: Self::T) -> Self::Raw;
}

macro_rules! storages {
    ($($(#[$doc:meta])* $name:ident: $raw:ty => $t:ty;)*) => {$(
        $(#[$doc])*
        pub struct $name;
        impl Storage for $name {
            type Raw = $raw;
            type T = $t;
            #[inline(always)]
            fn load(raw: $raw) -> $t {
                raw as $t
            }
            #[inline(always)]
            fn store(value: $t) -> $raw {
                value as $raw
            }
        }
    )*};
}

storages! {
    /// `i8`, read with its sign.
    I8S: i8 => i32;
    /// `i8`, read without a sign.
    I8U: u8 => i32;
    /// `i16`, read with its sign.
    I16S: i16 => i32;
    /// `i16`, read without a sign.
    I16U: u16 => i32;
    /// `i32`.
    W32: i32 => i32;
    /// `i64`, and references to functions.
    W64: i64 => i64;
    /// `f32`.
    F32: f32 => f32;
    /// `f64`.
    F64: f64 => f64;
    /// A reference.
    Ref: u32 => i64;
    /// `v128`.
    Vector: V128 => V128;
}

/// The address of the object that a reference leads to.
#[inline(always)]
unsafe fn object(r: &Regs, reference: u64) -> *mut u8 {
    // SAFETY: the caller's: the reference leads to an object.
    unsafe { (*(*r.cx).store).gc_base.add(reference as usize) }
}

/// The length of an array.
#[inline(always)]
unsafe fn array_len(array: *const u8) -> u32 {
    // SAFETY: the caller's.
    unsafe { array.add(LENGTH_OFFSET).cast::<u32>().read() }
}

/// The number of an object's type.
#[inline(always)]
unsafe fn type_of(r: &Regs, reference: u64) -> u32 {
    // SAFETY: the caller's: the reference leads to an object, which starts with it.
    unsafe { object(r, reference).cast::<u32>().read() }
}

// Allocation.

/// An object of `bytes` and its reference, if there is room.
#[inline(always)]
unsafe fn bump(r: &Regs, bytes: usize) -> Option<(*mut u8, i64)> {
    // SAFETY: the heap's words say where it is; between them lies unused room.
    unsafe {
        let store = (*r.cx).store;
        let at = (*store).gc_next;
        if bytes > (*store).gc_limit - at {
            (*store).gc_request = bytes;
            return None;
        }
        (*store).gc_next = at + bytes;
        Some(((*store).gc_base.add(at), at as i64))
    }
}

/// An array of this length and type, if there is room.
#[inline(always)]
unsafe fn new_array(r: &Regs, len: u32, ty: u32, log2: u8) -> Result<(*mut u8, i64), Next> {
    // SAFETY: as for `bump`; the object starts with type and length.
    unsafe {
        let Some(bytes) = array_bytes(len, log2) else { return Err(trap(Trap::AllocationTooLarge)) };
        let Some((array, reference)) = bump(r, bytes) else { return Err(Next::To(handler::<MakeRoom>())) };
        array.cast::<u32>().write(ty);
        array.add(LENGTH_OFFSET).cast::<u32>().write(len);
        Ok((array.add(ELEMENTS_OFFSET), reference))
    }
}

/// A word of an instruction as two halves.
#[inline(always)]
unsafe fn halves_of(word: *const u64) -> (u32, u32) {
    // SAFETY: the caller's.
    unsafe { (*word.cast::<u32>(), *word.cast::<u32>().add(1)) }
}

ops! {
    /// Makes room for `VmStore::gc_request` bytes, then goes on with the instruction that asked.
    MakeRoom |r| {
        match libcalls::make_room(CodePoint { ip: r.ip, fp: r.fp, cx: r.cx }) {
            Ok(()) => Next::Go,
            Err(stop) => stop_of(stop),
        }
    }

    /// `dst` = a struct of type `imm32` and as many bytes as the third word says, with `s0` fields, a word each: slot, binary logarithm
    /// of the bytes, offset.
    StructNew |r| {
        let Some((object, reference)) = bump(r, *r.ip.add(2) as usize) else {
            return Next::To(handler::<MakeRoom>());
        };
        object.cast::<u32>().write(imm32(r.ip));
        let mut word = r.ip.add(3);
        let end = word.add(field(r.ip, 1));
        while word < end {
            let halves = word.cast::<u16>();
            let (from, log2, offset) = (*halves as usize, *halves.add(1), *word.cast::<u32>().add(1) as usize);
            put(object.add(offset), r.fp.add(from), log2 as u8);
            word = word.add(1);
        }
        St::put(r, reference);
        r.ip = end;
        Next::Go
    }

    /// `dst` = a struct of type `imm32` and as many bytes as the third word says, all zero.
    StructNewDefault |r| {
        let bytes = *r.ip.add(2) as usize;
        let Some((object, reference)) = bump(r, bytes) else { return Next::To(handler::<MakeRoom>()) };
        object.write_bytes(0, bytes);
        object.cast::<u32>().write(imm32(r.ip));
        St::put(r, reference);
        r.ip = r.ip.add(3);
        Next::Go
    }

    /// `dst` = an array of `s1` elements equal to `s0`; type and binary logarithm of an element's bytes are the third word's halves.
    ArrayNew |r| {
        let ((ty, log2), len): (_, i32) = (halves_of(r.ip.add(2)), S::get(r, 2));
        let (elements, reference) = match new_array(r, len as u32, ty, log2 as u8) {
            Ok(new) => new,
            Err(next) => return next,
        };
        fill(elements, slot(r, 1), log2 as u8, len as u32);
        St::put(r, reference);
        r.ip = r.ip.add(3);
        Next::Go
    }

    /// `dst` = an array of `s1` elements that are zero; the third word as for `ArrayNew`.
    ArrayNewDefault |r| {
        let ((ty, log2), len): (_, i32) = (halves_of(r.ip.add(2)), S::get(r, 2));
        let (elements, reference) = match new_array(r, len as u32, ty, log2 as u8) {
            Ok(new) => new,
            Err(next) => return next,
        };
        elements.write_bytes(0, (len as u32 as usize) << log2);
        St::put(r, reference);
        r.ip = r.ip.add(3);
        Next::Go
    }

    /// `dst` = an array of the `imm32` values from slot `s0` on; the third word as for `ArrayNew`.
    ArrayNewFixed |r| {
        let ((ty, log2), len) = (halves_of(r.ip.add(2)), imm32(r.ip));
        let (elements, reference) = match new_array(r, len, ty, log2 as u8) {
            Ok(new) => new,
            Err(next) => return next,
        };
        let (mut from, step) = (slot(r, 1), if log2 == 4 { 2 } else { 1 });
        for index in 0..len as usize {
            put(elements.add(index << log2), from, log2 as u8);
            from = from.add(step);
        }
        St::put(r, reference);
        r.ip = r.ip.add(3);
        Next::Go
    }

    /// `dst` = an array of `s1` elements from place `s0` of the data segment in the fourth word on; the third word as for `ArrayNew`.
    ArrayNewData |r| {
        let ((ty, log2), from, len): (_, i32, i32) = (halves_of(r.ip.add(2)), S::get(r, 1), S::get(r, 2));
        let instance = &*(*r.cx).instance;
        let bytes = (len as u32 as u64) << log2;
        let Some(from) = instance.data_range(*r.ip.add(3) as u32, from as u32, bytes) else {
            return trap(Trap::MemoryOutOfBounds);
        };
        let (elements, reference) = match new_array(r, len as u32, ty, log2 as u8) {
            Ok(new) => new,
            Err(next) => return next,
        };
        copy_data(elements, from, log2 as u8);
        St::put(r, reference);
        r.ip = r.ip.add(4);
        Next::Go
    }

    /// `dst` = an array of `s1` elements from place `s0` of the element segment in the fourth word on; the third word as for
    /// `ArrayNew`.
    ArrayNewElem |r| {
        let ((ty, log2), from, len): (_, i32, i32) = (halves_of(r.ip.add(2)), S::get(r, 1), S::get(r, 2));
        let instance = &*(*r.cx).instance;
        let segment = *r.ip.add(3) as u32;
        if !within(from as u32, len as u32, instance.element_count(segment)) {
            return trap(Trap::TableOutOfBounds);
        }
        let (elements, reference) = match new_array(r, len as u32, ty, log2 as u8) {
            Ok(new) => new,
            Err(next) => return next,
        };
        copy_elements(instance, segment, elements, from as u32, len as u32, log2 as u8);
        St::put(r, reference);
        r.ip = r.ip.add(4);
        Next::Go
    }

    // Access.

    /// `dst` = the field of `s0` at offset `imm32`.
    FieldGet<F: Storage, P: Src, D: Dst> |r| {
        let reference: i64 = P::get(r, 1);
        if reference == 0 {
            return trap(Trap::NullReference);
        }
        let place = object(r, reference as u64).add(imm32(r.ip) as usize);
        let value = F::load(place.cast::<F::Raw>().read_unaligned());
        D::put(r, value);
        r.ip = r.ip.add(2);
        Next::Go
    }

    /// The field of `s0` at offset `imm32` = `dst`.
    FieldSet<F: Storage, V: Src, P: Src> |r| {
        let (reference, value): (i64, F::T) = (P::get(r, 1), V::get(r, 0));
        if reference == 0 {
            return trap(Trap::NullReference);
        }
        let place = object(r, reference as u64).add(imm32(r.ip) as usize);
        place.cast::<F::Raw>().write_unaligned(F::store(value));
        r.ip = r.ip.add(2);
        Next::Go
    }

    /// `dst` = element `s1` of array `s0`.
    ElementGet<F: Storage, P: Src, N: Src, D: Dst> |r| {
        let (reference, index): (i64, i32) = (P::get(r, 1), N::get(r, 2));
        if reference == 0 {
            return trap(Trap::NullReference);
        }
        let array = object(r, reference as u64);
        if index as u32 >= array_len(array) {
            return trap(Trap::ArrayOutOfBounds);
        }
        let place = array.add(ELEMENTS_OFFSET).cast::<F::Raw>().add(index as u32 as usize);
        let value = F::load(place.read_unaligned());
        D::put(r, value);
        r.ip = r.ip.add(2);
        Next::Go
    }

    /// Element `s1` of array `s0` = `dst`.
    ElementSet<F: Storage, V: Src> |r| {
        let (reference, index, value): (i64, i32, F::T) = (S::get(r, 1), S::get(r, 2), V::get(r, 0));
        if reference == 0 {
            return trap(Trap::NullReference);
        }
        let array = object(r, reference as u64);
        if index as u32 >= array_len(array) {
            return trap(Trap::ArrayOutOfBounds);
        }
        let place = array.add(ELEMENTS_OFFSET).cast::<F::Raw>().add(index as u32 as usize);
        place.write_unaligned(F::store(value));
        r.ip = r.ip.add(2);
        Next::Go
    }

    /// `dst` = the length of array `s0`.
    ArrayLen<P: Src, D: Dst> |r| {
        let reference: i64 = P::get(r, 1);
        if reference == 0 {
            return trap(Trap::NullReference);
        }
        let len = array_len(object(r, reference as u64)) as i32;
        D::put(r, len);
        r.ip = r.ip.add(2);
        Next::Go
    }

    /// Fills array `dst` from `s0` on with `s1`, `s2` times; the third word is the binary logarithm of an element's bytes.
    ArrayFill |r| {
        let (reference, start, len): (i64, i32, i32) = (S::get(r, 0), S::get(r, 1), S::get(r, 3));
        let (len, log2) = (len as u32, *r.ip.add(2) as u8);
        match elements((*r.cx).store, reference as u64, start as u32, len, log2) {
            Ok(to) => fill(to, slot(r, 2), log2, len),
            Err(reason) => return trap(reason),
        }
        r.ip = r.ip.add(3);
        Next::Go
    }

    /// Copies to array `dst` from `s0` on what array `s1` holds from `s2` on; the third word's halves are the length's slot and the
    /// binary logarithm of an element's bytes.
    ArrayCopy |r| {
        let (len, log2) = halves_of(r.ip.add(2));
        let (len, log2) = (i32::load(r.fp.add(len as usize)) as u32, log2 as u8);
        let (to, to_start): (i64, i32) = (S::get(r, 0), S::get(r, 1));
        let (from, from_start): (i64, i32) = (S::get(r, 2), S::get(r, 3));
        if to == 0 || from == 0 {
            return trap(Trap::NullReference);
        }
        let place = |array: i64, start: i32| elements((*r.cx).store, array as u64, start as u32, len, log2);
        match (place(to, to_start), place(from, from_start)) {
            (Ok(to), Ok(from)) => core::ptr::copy(from, to, (len as usize) << log2),
            (Err(reason), _) | (_, Err(reason)) => return trap(reason),
        }
        r.ip = r.ip.add(3);
        Next::Go
    }

    /// Copies `s2` elements from place `s1` of a data segment to array `dst` from `s0` on; the third word's halves are the segment and
    /// the binary logarithm of an element's bytes.
    ArrayInitData |r| {
        let (segment, log2) = halves_of(r.ip.add(2));
        let (reference, start): (i64, i32) = (S::get(r, 0), S::get(r, 1));
        let (from, len): (i32, i32) = (S::get(r, 2), S::get(r, 3));
        let to = match elements((*r.cx).store, reference as u64, start as u32, len as u32, log2 as u8) {
            Ok(to) => to,
            Err(reason) => return trap(reason),
        };
        let bytes = (len as u32 as u64) << log2;
        let Some(from) = (*(*r.cx).instance).data_range(segment, from as u32, bytes) else {
            return trap(Trap::MemoryOutOfBounds);
        };
        copy_data(to, from, log2 as u8);
        r.ip = r.ip.add(3);
        Next::Go
    }

    /// Copies `s2` elements from place `s1` of an element segment to array `dst` from `s0` on; the third word as for `ArrayInitData`.
    ArrayInitElem |r| {
        let (segment, log2) = halves_of(r.ip.add(2));
        let (reference, start): (i64, i32) = (S::get(r, 0), S::get(r, 1));
        let (from, len): (i32, i32) = (S::get(r, 2), S::get(r, 3));
        let to = match elements((*r.cx).store, reference as u64, start as u32, len as u32, log2 as u8) {
            Ok(to) => to,
            Err(reason) => return trap(reason),
        };
        let instance = &*(*r.cx).instance;
        if !within(from as u32, len as u32, instance.element_count(segment)) {
            return trap(Trap::TableOutOfBounds);
        }
        copy_elements(instance, segment, to, from as u32, len as u32, log2 as u8);
        r.ip = r.ip.add(3);
        Next::Go
    }

    // i31.

    /// `dst` = `s0` as an `i31`.
    RefI31<P: Src, D: Dst> |r| {
        let value: i32 = P::get(r, 1);
        D::put(r, i31(value) as i64);
        r.ip = r.ip.add(2);
        Next::Go
    }

    /// `dst` = the `i31` in `s0`, with its sign.
    I31GetS<P: Src, D: Dst> |r| {
        let reference: i64 = P::get(r, 1);
        if reference == 0 {
            return trap(Trap::NullReference);
        }
        D::put(r, reference as i32 >> 1);
        r.ip = r.ip.add(2);
        Next::Go
    }

    /// `dst` = the `i31` in `s0`, without a sign.
    I31GetU<P: Src, D: Dst> |r| {
        let reference: i64 = P::get(r, 1);
        if reference == 0 {
            return trap(Trap::NullReference);
        }
        D::put(r, (reference as u32 >> 1) as i32);
        r.ip = r.ip.add(2);
        Next::Go
    }

    // Casts.

    /// `dst` = whether `s0` is what the third word says.
    RefTest<T: Test, P: Src> |r| {
        let reference: i64 = P::get(r, 1);
        let holds = T::holds(r, reference as u64, r.ip.add(2));
        St::put(r, holds);
        r.ip = r.ip.add(3);
        Next::Go
    }

    /// Traps unless `s0` is what the third word says.
    RefCast<T: Test, P: Src> |r| {
        let reference: i64 = P::get(r, 1);
        if !T::holds(r, reference as u64, r.ip.add(2)) {
            return trap(Trap::CastFailure);
        }
        r.ip = r.ip.add(3);
        Next::Go
    }

    /// Goes on at the distance in the third word if `s0` is what the fourth says.
    BrOnCast<T: Test, P: Src> |r| {
        let reference: i64 = P::get(r, 1);
        let holds = T::holds(r, reference as u64, r.ip.add(3));
        r.ip = r.ip.offset(if holds { *r.ip.add(2) as i64 as isize } else { 4 });
        Next::Go
    }

    /// Goes on at the distance in the third word unless `s0` is what the fourth says.
    BrOnCastFail<T: Test, P: Src> |r| {
        let reference: i64 = P::get(r, 1);
        let holds = T::holds(r, reference as u64, r.ip.add(3));
        r.ip = r.ip.offset(if holds { 4 } else { *r.ip.add(2) as i64 as isize });
        Next::Go
    }
}

/// What a cast asks for: a word whose first half is the type's number, if the type is a declared one, and whose second holds the rest.
#[derive(Clone, Copy)]
pub struct Target {
    /// The number of the declared type.
    pub id: u32,
    /// How many types stand above the declared one, or the abstract type.
    pub detail: u32,
    /// Whether null will do.
    pub nullable: bool,
}

/// The bit of a target's second half that says that null will do.
const NULLABLE: u32 = 1 << 31;

impl Target {
    /// The halves of the word.
    pub fn halves(self) -> (u32, u32) {
        (self.id, self.detail | if self.nullable { NULLABLE } else { 0 })
    }

    #[inline(always)]
    unsafe fn read(word: *const u64) -> Target {
        // SAFETY: the caller's.
        let (id, rest) = unsafe { halves_of(word) };
        Target { id, detail: rest & !NULLABLE, nullable: rest & NULLABLE != 0 }
    }
}

/// Abstract types, as [`Target::detail`] names them.
pub mod abstract_type {
    /// The bottom of a hierarchy: only null.
    pub const BOTTOM: u32 = 0;
    /// The top of a hierarchy.
    pub const TOP: u32 = 1;
    /// `eq`.
    pub const EQ: u32 = 2;
    /// `i31`.
    pub const I31: u32 = 3;
    /// `struct`.
    pub const STRUCT: u32 = 4;
    /// `array`.
    pub const ARRAY: u32 = 5;
}

/// A kind of cast.
pub trait Test {
    /// Whether the reference is of the type that the word describes.
    ///
    /// # Safety
    /// The reference is one of the hierarchy that the cast is for, and the word a [`Target`].
    unsafe fn holds(r: &Regs, reference: u64, word: *const u64) -> bool;
}

/// To a struct or array type.
pub struct ToObject;
/// To an abstract type.
pub struct ToAbstract;
/// To a function type.
pub struct ToFunc;

/// The store's entry for a type that objects have.
#[inline(always)]
unsafe fn entry(r: &Regs, id: u32) -> *const GcType {
    // SAFETY: the caller's.
    unsafe { (*(*r.cx).store).gc_types.add(id as usize) }
}

impl Test for ToObject {
    #[inline(always)]
    unsafe fn holds(r: &Regs, reference: u64, word: *const u64) -> bool {
        // SAFETY: the caller's; the type of every object is known to the store.
        unsafe {
            let target = Target::read(word);
            if !is_object(reference) {
                return reference == 0 && target.nullable;
            }
            let id = type_of(r, reference);
            id == target.id || (*entry(r, id)).extends(target.id, target.detail)
        }
    }
}

impl Test for ToAbstract {
    #[inline(always)]
    unsafe fn holds(r: &Regs, reference: u64, word: *const u64) -> bool {
        // SAFETY: the caller's; the type of every object is known to the store.
        unsafe {
            let target = Target::read(word);
            if reference == 0 {
                return target.nullable;
            }
            let is_kind = |kind| is_object(reference) && (*entry(r, type_of(r, reference))).kind == kind;
            match target.detail {
                abstract_type::TOP => true,
                abstract_type::EQ => is_i31(reference) || is_object(reference),
                abstract_type::I31 => is_i31(reference),
                abstract_type::STRUCT => is_kind(kind::STRUCT),
                abstract_type::ARRAY => is_kind(kind::ARRAY),
                _ => false,
            }
        }
    }
}

impl Test for ToFunc {
    #[inline(always)]
    unsafe fn holds(r: &Regs, reference: u64, word: *const u64) -> bool {
        // SAFETY: the caller's: a function reference is an address. A function's type is known if it extends another.
        unsafe {
            let target = Target::read(word);
            let Some(func) = (reference as *const VmFuncRef).as_ref() else { return target.nullable };
            let id = func.type_id;
            let known = (id as usize) < (*(*r.cx).store).gc_types_len;
            id == target.id || (known && (*entry(r, id)).extends(target.id, target.detail))
        }
    }
}

/// The handlers of a kind of cast, the operand in a slot and in the accumulator.
pub struct Casts {
    /// `ref.test`.
    pub test: [Handler; 2],
    /// `ref.cast`.
    pub cast: [Handler; 2],
    /// `br_on_cast`.
    pub branch: [Handler; 2],
    /// `br_on_cast_fail`.
    pub branch_fail: [Handler; 2],
}

/// The handlers of a kind of cast.
pub const fn casts<T: Test>() -> Casts {
    Casts {
        test: [handler::<RefTest<T, S>>(), handler::<RefTest<T, A>>()],
        cast: [handler::<RefCast<T, S>>(), handler::<RefCast<T, A>>()],
        branch: [handler::<BrOnCast<T, S>>(), handler::<BrOnCast<T, A>>()],
        branch_fail: [handler::<BrOnCastFail<T, S>>(), handler::<BrOnCastFail<T, A>>()],
    }
}

/// The handlers of accesses to one kind of field or element.
pub struct Access {
    /// `struct.get` by the reference's place (slot, accumulator), each with the result in slot and accumulator, and in the accumulator
    /// alone.
    pub field_get: [[Handler; 2]; 2],
    /// `struct.set` by the value's place, then by the reference's.
    pub field_set: [[Handler; 2]; 2],
    /// `array.get`: both operands in slots, the index in the accumulator, the array in the accumulator; each as `field_get`.
    pub element_get: [[Handler; 2]; 3],
    /// `array.set` by the value's place.
    pub element_set: [Handler; 2],
}

/// The handlers of accesses to one kind of field or element.
pub const fn access<F: Storage>() -> Access {
    Access {
        field_get: [
            [handler::<FieldGet<F, S, St>>(), handler::<FieldGet<F, S, Ac>>()],
            [handler::<FieldGet<F, A, St>>(), handler::<FieldGet<F, A, Ac>>()],
        ],
        field_set: [
            [handler::<FieldSet<F, S, S>>(), handler::<FieldSet<F, S, A>>()],
            [handler::<FieldSet<F, A, S>>(), handler::<FieldSet<F, A, A>>()],
        ],
        element_get: [
            [handler::<ElementGet<F, S, S, St>>(), handler::<ElementGet<F, S, S, Ac>>()],
            [handler::<ElementGet<F, S, A, St>>(), handler::<ElementGet<F, S, A, Ac>>()],
            [handler::<ElementGet<F, A, S, St>>(), handler::<ElementGet<F, A, S, Ac>>()],
        ],
        element_set: [handler::<ElementSet<F, S>>(), handler::<ElementSet<F, A>>()],
    }
}

const _: () = assert!(FIELDS_OFFSET as usize >= size_of::<u32>());
