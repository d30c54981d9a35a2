//! Calls whose types are known when the host is compiled: no checks, no allocation.

use super::any_ref::AnyRef;
use super::context::AsContextMut;
use super::engine::Engine;
use super::error::Result;
use super::extern_ref::{ExternRef, Rooted};
use super::func::Func;
use super::store::StoreInner;
use super::values::{V128, type_mismatch};
use crate::format_err;
use core::fmt;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use tiercel_wasm::{FuncType, HeapType, RefType, ValType};

/// The registers that values of a type travel in between compiled code and host functions.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registers {
    /// Values travel in slots.
    None,
    /// As `u64`; one of 32 bits with a clear upper half.
    Int,
    /// As `f32` or `f64`.
    Float,
}

/// A Rust type that stands for a type of WebAssembly.
///
/// # Safety
/// `load` accepts the bits of every value of type `valtype`, and `store` writes such; both touch `SLOTS` slots.
pub unsafe trait WasmTy: Send + Sized {
    /// How many 8-byte slots a value takes.
    #[doc(hidden)]
    const SLOTS: usize = 1;

    /// How a value travels in a register.
    #[doc(hidden)]
    type Register: Copy + Default;

    /// Which registers it travels in, if it does.
    #[doc(hidden)]
    const REGISTERS: Registers = Registers::None;

    /// The type it stands for.
    #[doc(hidden)]
    fn valtype() -> ValType;

    /// The value in a register; only for those that travel there.
    #[doc(hidden)]
    fn from_register(register: Self::Register) -> Self {
        let _ = register;
        unreachable!("a value that travels in slots")
    }

    /// The register that holds a value; only for those that travel there.
    #[doc(hidden)]
    fn into_register(self) -> Self::Register {
        Self::Register::default()
    }

    /// Whether the value may be passed to guests of `store`.
    #[doc(hidden)]
    #[inline]
    fn comes_from(&self, store: &StoreInner) -> bool {
        let _ = store;
        true
    }

    /// # Safety
    /// A value of type `valtype` of `store` is in `slots`.
    #[doc(hidden)]
    unsafe fn load(store: &mut StoreInner, slots: *const u64) -> Self;

    /// # Safety
    /// There is room in `slots`.
    #[doc(hidden)]
    unsafe fn store(self, store: &StoreInner, slots: *mut u64);
}

/// What a register holds, and the slot that stands for it.
trait Register {
    fn to_slot(self) -> u64;
    fn from_slot(slot: u64) -> Self;
}

impl Register for u64 {
    #[inline]
    fn to_slot(self) -> u64 {
        self
    }

    #[inline]
    fn from_slot(slot: u64) -> Self {
        slot
    }
}

impl Register for f32 {
    #[inline]
    fn to_slot(self) -> u64 {
        self.to_bits().into()
    }

    #[inline]
    fn from_slot(slot: u64) -> Self {
        f32::from_bits(slot as u32)
    }
}

impl Register for f64 {
    #[inline]
    fn to_slot(self) -> u64 {
        self.to_bits()
    }

    #[inline]
    fn from_slot(slot: u64) -> Self {
        f64::from_bits(slot)
    }
}

macro_rules! wasm_ty {
    ($(
        $ty:ty, $valtype:expr, $registers:ident $register:ident, $bits:ident => $load:expr, $value:ident => $store:expr;
    )*) => {
        $(
            // SAFETY: one row says type and all conversions; every bit pattern of the slot is accepted.
            unsafe impl WasmTy for $ty {
                type Register = $register;
                const REGISTERS: Registers = Registers::$registers;

                #[inline]
                fn from_register(register: $register) -> Self {
                    let $bits = register.to_slot();
                    $load
                }

                #[inline]
                fn into_register(self) -> $register {
                    let $value = self;
                    <$register as Register>::from_slot($store)
                }

                #[inline]
                fn valtype() -> ValType {
                    $valtype
                }

                #[inline]
                unsafe fn load(_store: &mut StoreInner, slots: *const u64) -> Self {
                    // SAFETY: promised by the caller.
                    let $bits = unsafe { slots.read() };
                    $load
                }

                #[inline]
                unsafe fn store(self, _store: &StoreInner, slots: *mut u64) {
                    let $value = self;
                    // SAFETY: promised by the caller.
                    unsafe { slots.write($store) }
                }
            }
        )*
    };
}

wasm_ty! {
    i32, ValType::I32, Int u64, bits => bits as i32, value => u64::from(value as u32);
    u32, ValType::I32, Int u64, bits => bits as u32, value => u64::from(value);
    i64, ValType::I64, Int u64, bits => bits as i64, value => value as u64;
    u64, ValType::I64, Int u64, bits => bits, value => value;
    f32, ValType::F32, Float f32, bits => f32::from_bits(bits as u32), value => u64::from(value.to_bits());
    f64, ValType::F64, Float f64, bits => f64::from_bits(bits), value => value.to_bits();
}

// SAFETY: a vector is two slots, the low half first; all bits are a vector.
unsafe impl WasmTy for V128 {
    const SLOTS: usize = 2;
    type Register = u64;

    fn valtype() -> ValType {
        ValType::V128
    }

    #[inline]
    unsafe fn load(_store: &mut StoreInner, slots: *const u64) -> Self {
        // SAFETY: promised by the caller.
        let (low, high) = unsafe { (slots.read(), slots.add(1).read()) };
        V128::from(u128::from(low) | u128::from(high) << 64)
    }

    #[inline]
    unsafe fn store(self, _store: &StoreInner, slots: *mut u64) {
        let bits = self.as_u128();
        // SAFETY: promised by the caller.
        unsafe {
            slots.write(bits as u64);
            slots.add(1).write((bits >> 64) as u64);
        }
    }
}

// SAFETY: `to_slot` and `from_slot` are inverses on the values of a store.
unsafe impl WasmTy for Option<Func> {
    type Register = u64;

    fn valtype() -> ValType {
        ValType::FUNCREF
    }

    fn comes_from(&self, store: &StoreInner) -> bool {
        self.is_none_or(|func| Func::comes_from(&func, store))
    }

    unsafe fn load(store: &mut StoreInner, slots: *const u64) -> Self {
        // SAFETY: promised by the caller.
        unsafe { Func::from_slot(store, slots.read()) }
    }

    unsafe fn store(self, _store: &StoreInner, slots: *mut u64) {
        // SAFETY: promised by the caller.
        unsafe { slots.write(Func::to_slot(self)) }
    }
}

// SAFETY: as for `Option<Func>`; a value of this type is never null.
unsafe impl WasmTy for Func {
    type Register = u64;

    fn valtype() -> ValType {
        ValType::Ref(RefType::new(false, HeapType::Func))
    }

    fn comes_from(&self, store: &StoreInner) -> bool {
        Func::comes_from(self, store)
    }

    unsafe fn load(store: &mut StoreInner, slots: *const u64) -> Self {
        // SAFETY: promised by the caller; values of a type that is not nullable are not null.
        unsafe { Func::from_slot(store, slots.read()).unwrap_unchecked() }
    }

    unsafe fn store(self, _store: &StoreInner, slots: *mut u64) {
        // SAFETY: promised by the caller.
        unsafe { slots.write(Func::to_slot(Some(self))) }
    }
}

// SAFETY: `to_slot` and `from_slot` are inverses on the values of a store.
unsafe impl WasmTy for Option<Rooted<ExternRef>> {
    type Register = u64;

    fn valtype() -> ValType {
        ValType::EXTERNREF
    }

    fn comes_from(&self, store: &StoreInner) -> bool {
        self.is_none_or(|value| ExternRef::comes_from(&value, store))
    }

    unsafe fn load(store: &mut StoreInner, slots: *const u64) -> Self {
        // SAFETY: promised by the caller.
        ExternRef::from_slot(store, unsafe { slots.read() })
    }

    unsafe fn store(self, _store: &StoreInner, slots: *mut u64) {
        // SAFETY: promised by the caller.
        unsafe { slots.write(ExternRef::to_slot(self, _store)) }
    }
}

// SAFETY: as for `Option<Rooted<ExternRef>>`; a value of this type is never null.
unsafe impl WasmTy for Rooted<ExternRef> {
    type Register = u64;

    fn valtype() -> ValType {
        ValType::Ref(RefType::new(false, HeapType::Extern))
    }

    fn comes_from(&self, store: &StoreInner) -> bool {
        ExternRef::comes_from(self, store)
    }

    unsafe fn load(store: &mut StoreInner, slots: *const u64) -> Self {
        // SAFETY: promised by the caller; values of a type that is not nullable are not null.
        unsafe { ExternRef::from_slot(store, slots.read()).unwrap_unchecked() }
    }

    unsafe fn store(self, _store: &StoreInner, slots: *mut u64) {
        // SAFETY: promised by the caller.
        unsafe { slots.write(ExternRef::to_slot(Some(self), _store)) }
    }
}

// SAFETY: `to_slot` and `from_slot` are inverses on the references of a store.
unsafe impl WasmTy for Option<Rooted<AnyRef>> {
    type Register = u64;

    fn valtype() -> ValType {
        ValType::Ref(RefType::ANYREF)
    }

    fn comes_from(&self, store: &StoreInner) -> bool {
        self.is_none_or(|value| AnyRef::comes_from(&value, store))
    }

    unsafe fn load(store: &mut StoreInner, slots: *const u64) -> Self {
        // SAFETY: promised by the caller.
        AnyRef::from_slot(store, unsafe { slots.read() })
    }

    unsafe fn store(self, store: &StoreInner, slots: *mut u64) {
        // SAFETY: promised by the caller.
        unsafe { slots.write(AnyRef::to_slot(self, store)) }
    }
}

// SAFETY: as for `Option<Rooted<AnyRef>>`; a value of this type is never null.
unsafe impl WasmTy for Rooted<AnyRef> {
    type Register = u64;

    fn valtype() -> ValType {
        ValType::Ref(RefType::new(false, HeapType::Any))
    }

    fn comes_from(&self, store: &StoreInner) -> bool {
        AnyRef::comes_from(self, store)
    }

    unsafe fn load(store: &mut StoreInner, slots: *const u64) -> Self {
        // SAFETY: promised by the caller; values of a type that is not nullable are not null.
        unsafe { AnyRef::from_slot(store, slots.read()).unwrap_unchecked() }
    }

    unsafe fn store(self, store: &StoreInner, slots: *mut u64) {
        // SAFETY: promised by the caller.
        unsafe { slots.write(AnyRef::to_slot(Some(self), store)) }
    }
}

/// The parameters of a typed function: one [`WasmTy`], or a tuple of up to 16.
///
/// # Safety
/// As [`WasmTy`], for a list of values in consecutive slots.
pub unsafe trait WasmParams: Send {
    /// Calls `each` with every type.
    #[doc(hidden)]
    fn valtypes(each: &mut dyn FnMut(ValType));

    #[doc(hidden)]
    fn comes_from(&self, store: &StoreInner) -> bool;

    /// # Safety
    /// There is room in `slots`.
    #[doc(hidden)]
    unsafe fn store(self, store: &StoreInner, slots: *mut u64);
}

/// The results of a typed function: one [`WasmTy`], or a tuple of up to 16.
///
/// # Safety
/// As [`WasmParams`].
pub unsafe trait WasmResults: WasmParams {
    /// How it travels in a register.
    #[doc(hidden)]
    type Register: Copy + Default;

    /// Whether it does.
    #[doc(hidden)]
    const IN_REGISTER: bool;

    /// The register that holds it.
    #[doc(hidden)]
    fn into_register(self) -> Self::Register;

    /// # Safety
    /// Values of these types of `store` are in `slots`.
    #[doc(hidden)]
    unsafe fn load(store: &mut StoreInner, slots: *const u64) -> Self;
}

/// Slots for the largest list: 16 vectors.
const MAX_SLOTS: usize = 32;

// SAFETY: one value is a list of one.
unsafe impl<A: WasmTy> WasmParams for A {
    fn valtypes(each: &mut dyn FnMut(ValType)) {
        each(A::valtype());
    }

    #[inline]
    fn comes_from(&self, store: &StoreInner) -> bool {
        WasmTy::comes_from(self, store)
    }

    #[inline]
    unsafe fn store(self, store: &StoreInner, slots: *mut u64) {
        // SAFETY: promised by the caller.
        unsafe { WasmTy::store(self, store, slots) }
    }
}

// SAFETY: one value is a list of one.
unsafe impl<A: WasmTy> WasmResults for A {
    type Register = <A as WasmTy>::Register;
    const IN_REGISTER: bool = !matches!(A::REGISTERS, Registers::None);

    #[inline]
    fn into_register(self) -> Self::Register {
        WasmTy::into_register(self)
    }

    #[inline]
    unsafe fn load(store: &mut StoreInner, slots: *const u64) -> Self {
        // SAFETY: promised by the caller.
        unsafe { <A as WasmTy>::load(store, slots) }
    }
}

macro_rules! lists {
    ($(($($ty:ident)*))*) => {
        $(
            // SAFETY: the members follow each other, each in its own slots.
            #[allow(non_snake_case, unused, reason = "members are named as their types; the empty list uses none")]
            unsafe impl<$($ty: WasmTy),*> WasmParams for ($($ty,)*) {
                fn valtypes(each: &mut dyn FnMut(ValType)) {
                    $(each($ty::valtype());)*
                }

                #[inline]
                fn comes_from(&self, store: &StoreInner) -> bool {
                    let ($($ty,)*) = self;
                    true $(&& WasmTy::comes_from($ty, store))*
                }

                #[inline]
                unsafe fn store(self, store: &StoreInner, mut slots: *mut u64) {
                    let ($($ty,)*) = self;
                    $(
                        // SAFETY: promised by the caller.
                        unsafe {
                            WasmTy::store($ty, store, slots);
                            slots = slots.add(<$ty as WasmTy>::SLOTS);
                        }
                    )*
                }
            }

            // SAFETY: as above.
            #[allow(non_snake_case, unused, clippy::unused_unit, reason = "members are named as their types; the empty list uses none")]
            unsafe impl<$($ty: WasmTy),*> WasmResults for ($($ty,)*) {
                type Register = u64;
                // The empty list takes none.
                const IN_REGISTER: bool = <[&str]>::is_empty(&[$(stringify!($ty)),*]);

                #[inline]
                fn into_register(self) -> u64 {
                    0
                }

                #[inline]
                unsafe fn load(store: &mut StoreInner, mut slots: *const u64) -> Self {
                    $(
                        // SAFETY: promised by the caller.
                        let $ty = unsafe {
                            let value = <$ty as WasmTy>::load(store, slots);
                            slots = slots.add(<$ty as WasmTy>::SLOTS);
                            value
                        };
                    )*
                    ($($ty,)*)
                }
            }
        )*
    };
}

super::func::for_each_arity!(lists);

/// A function whose parameters and results have been checked once; made by [`Func::typed`].
pub struct TypedFunc<Params, Results> {
    func: Func,
    types: PhantomData<fn(Params) -> Results>,
}

impl<Params, Results> Clone for TypedFunc<Params, Results> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Params, Results> Copy for TypedFunc<Params, Results> {}

impl<Params: WasmParams, Results: WasmResults> TypedFunc<Params, Results> {
    pub(crate) fn new(engine: &Engine, func: Func, ty: &FuncType) -> Result<Self> {
        check_list::<Params>("parameter", ty.params(), |asked, actual| engine.matches(asked, actual))?;
        check_list::<Results>("result", ty.results(), |asked, actual| engine.matches(actual, asked))?;
        Ok(TypedFunc { func, types: PhantomData })
    }

    /// Calls the function.
    ///
    /// # Errors
    /// The guest was stopped, a host function returned an error, or a parameter belongs to another store.
    ///
    /// # Panics
    /// The function belongs to another store, or a host function panicked.
    #[inline]
    pub fn call(&self, mut store: impl AsContextMut, params: Params) -> Result<Results> {
        let mut context = store.as_context_mut();
        let inner = context.inner_ptr();
        let mut slots = [MaybeUninit::<u64>::uninit(); MAX_SLOTS];
        let slots = slots.as_mut_ptr().cast::<u64>();
        // SAFETY: the function is of this store, whose borrow `context` is not used meanwhile. `new` has checked the types, so
        // that parameters and results fit the function, and no list takes more than `MAX_SLOTS`.
        unsafe {
            inner.as_ref().check(self.func.store_id(), "function");
            if !params.comes_from(inner.as_ref()) {
                return Err(foreign_value("a parameter"));
            }
            params.store(inner.as_ref(), slots);
            StoreInner::call(inner, self.func.func_ref(), slots)?;
            Ok(Results::load(&mut *inner.as_ptr(), slots))
        }
    }

    /// The function without its Rust types.
    pub fn func(&self) -> &Func {
        &self.func
    }
}

impl<Params, Results> fmt::Debug for TypedFunc<Params, Results> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TypedFunc").field(&self.func).finish()
    }
}

#[cold]
pub(crate) fn foreign_value(what: &str) -> super::error::Error {
    format_err!("{what} belongs to another store")
}

/// Compares the types that the host asks for with those that the function has.
fn check_list<List: WasmParams>(what: &str, actual: &[ValType], fits: impl Fn(ValType, ValType) -> bool) -> Result<()> {
    let (mut result, mut count) = (Ok(()), 0);
    List::valtypes(&mut |asked| {
        if let Some(&actual) = actual.get(count)
            && result.is_ok()
            && !fits(asked, actual)
        {
            result = Err(type_mismatch(format_args!("{what} {count}"), &actual, &asked));
        }
        count += 1;
    });
    if count != actual.len() {
        return Err(format_err!("type mismatch: the function has {} {what}s, found {count}", actual.len()));
    }
    result
}
