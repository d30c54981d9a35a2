//! Values whose type is known at run time only.

use super::any_ref::{self, AnyRef};
use super::context::AsContext;
use super::error::{Error, Result};
use super::extern_ref::{ExternRef, Rooted};
use super::func::Func;
use super::store::StoreInner;
use crate::format_err;
use core::fmt;
use tiercel_wasm::{HeapType, RefType, ValType};

/// A 128-bit vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct V128(u128);

impl V128 {
    /// The bits; lane 0 is the lowest.
    pub const fn as_u128(self) -> u128 {
        self.0
    }
}

impl From<u128> for V128 {
    fn from(bits: u128) -> Self {
        V128(bits)
    }
}

impl From<V128> for u128 {
    fn from(value: V128) -> Self {
        value.0
    }
}

/// A value of a guest.
#[derive(Clone, Copy, Debug)]
pub enum Val {
    /// A 32-bit integer.
    I32(i32),
    /// A 64-bit integer.
    I64(i64),
    /// The bits of a 32-bit IEEE 754 number.
    F32(u32),
    /// The bits of a 64-bit IEEE 754 number.
    F64(u64),
    /// A 128-bit vector.
    V128(V128),
    /// A reference to a function.
    FuncRef(Option<Func>),
    /// A reference to a value of the host.
    ExternRef(Option<Rooted<ExternRef>>),
    /// A reference to a struct, an array, an `i31` or a converted host value.
    AnyRef(Option<Rooted<AnyRef>>),
}

/// A reference.
#[derive(Clone, Copy, Debug)]
pub enum Ref {
    /// To a function.
    Func(Option<Func>),
    /// To a value of the host.
    Extern(Option<Rooted<ExternRef>>),
    /// To a struct, an array, an `i31` or a converted host value.
    Any(Option<Rooted<AnyRef>>),
}

macro_rules! val_accessors {
    ($($variant:ident $ty:ty, $get:ident $unwrap:ident, $bits:ident => $value:expr;)*) => {
        impl Val {
            $(
                #[doc = concat!("The value, if it is an `", stringify!($variant), "`.")]
                pub fn $get(&self) -> Option<$ty> {
                    match *self { Val::$variant($bits) => Some($value), _ => None }
                }

                #[doc = concat!("The value of an `", stringify!($variant), "`.\n\n# Panics\nIf it is another type.")]
                pub fn $unwrap(&self) -> $ty {
                    match self.$get() {
                        Some(value) => value,
                        None => panic!(concat!("expected a value of type ", stringify!($variant), ", found {:?}"), self),
                    }
                }
            )*
        }
    };
}

val_accessors! {
    I32 i32, i32 unwrap_i32, v => v;
    I64 i64, i64 unwrap_i64, v => v;
    F32 f32, f32 unwrap_f32, bits => f32::from_bits(bits);
    F64 f64, f64 unwrap_f64, bits => f64::from_bits(bits);
    V128 V128, v128 unwrap_v128, v => v;
    FuncRef Option<Func>, func_ref unwrap_func_ref, v => v;
    ExternRef Option<Rooted<ExternRef>>, extern_ref unwrap_extern_ref, v => v;
    AnyRef Option<Rooted<AnyRef>>, any_ref unwrap_any_ref, v => v;
}

impl Val {
    /// The null reference of the hierarchy that `heap` belongs to.
    pub const fn null_ref(heap: &HeapType) -> Val {
        match heap.top() {
            HeapType::Extern => Val::null_extern_ref(),
            HeapType::Func => Val::null_func_ref(),
            _ => Val::null_any_ref(),
        }
    }

    /// The null reference to a function.
    pub const fn null_func_ref() -> Val {
        Val::FuncRef(None)
    }

    /// The null reference of the hierarchy `any`.
    pub const fn null_any_ref() -> Val {
        Val::AnyRef(None)
    }

    /// The null reference to a value of the host.
    pub const fn null_extern_ref() -> Val {
        Val::ExternRef(None)
    }

    /// Zero or null; none for a reference that cannot be null.
    pub const fn default_for_ty(ty: &ValType) -> Option<Val> {
        Some(match ty {
            ValType::I32 => Val::I32(0),
            ValType::I64 => Val::I64(0),
            ValType::F32 => Val::F32(0),
            ValType::F64 => Val::F64(0),
            ValType::V128 => Val::V128(V128(0)),
            ValType::Ref(RefType { nullable: false, .. }) => return None,
            ValType::Ref(RefType { heap, .. }) => Val::null_ref(heap),
        })
    }

    /// The most precise type of the value.
    ///
    /// # Errors
    /// None so far.
    ///
    /// # Panics
    /// It belongs to another store.
    pub fn ty(&self, store: impl AsContext) -> Result<ValType> {
        let store = &store.as_context().0.inner;
        assert!(self.comes_from(store), "value used with the wrong store: it belongs to another one");
        Ok(self.type_in(store))
    }

    /// Whether the value may stand where `ty` is asked for.
    ///
    /// # Errors
    /// None so far.
    ///
    /// # Panics
    /// It belongs to another store.
    pub fn matches_ty(&self, store: impl AsContext, ty: &ValType) -> Result<bool> {
        let store = &store.as_context().0.inner;
        assert!(self.comes_from(store), "value used with the wrong store: it belongs to another one");
        Ok(self.matches(store, ty))
    }

    /// The reference, if it is one.
    pub fn ref_(self) -> Option<Ref> {
        match self {
            Val::FuncRef(func) => Some(Ref::Func(func)),
            Val::ExternRef(value) => Some(Ref::Extern(value)),
            Val::AnyRef(value) => Some(Ref::Any(value)),
            _ => None,
        }
    }

    fn type_in(&self, store: &StoreInner) -> ValType {
        match self {
            Val::I32(_) => ValType::I32,
            Val::I64(_) => ValType::I64,
            Val::F32(_) => ValType::F32,
            Val::F64(_) => ValType::F64,
            Val::V128(_) => ValType::V128,
            Val::FuncRef(Some(func)) => ValType::Ref(RefType::new(false, HeapType::ConcreteFunc(func.type_id()))),
            Val::FuncRef(None) => ValType::Ref(RefType::new(true, HeapType::NoFunc)),
            Val::ExternRef(Some(_)) => ValType::Ref(RefType::new(false, HeapType::Extern)),
            Val::ExternRef(None) => ValType::Ref(RefType::new(true, HeapType::NoExtern)),
            Val::AnyRef(value) => any_ref::val_type(store, *value),
        }
    }

    fn matches(&self, store: &StoreInner, ty: &ValType) -> bool {
        store.engine.matches(self.type_in(store), *ty)
    }

    pub(crate) fn comes_from(&self, store: &StoreInner) -> bool {
        match self {
            Val::FuncRef(Some(func)) => func.comes_from(store),
            Val::ExternRef(Some(value)) => value.comes_from(store),
            Val::AnyRef(Some(value)) => value.comes_from(store),
            _ => true,
        }
    }

    /// Refuses a value of another store or type; `what` says which value it is.
    pub(crate) fn check(&self, store: &StoreInner, ty: &ValType, what: impl fmt::Display) -> Result<()> {
        if !self.comes_from(store) {
            return Err(format_err!("{what} belongs to another store"));
        }
        if !self.matches(store, ty) {
            return Err(type_mismatch(what, ty, &self.type_in(store)));
        }
        Ok(())
    }

    /// The value's bits: one slot, or two for a vector.
    pub(crate) fn to_bits(self, store: &StoreInner) -> [u64; 2] {
        match self {
            Val::I32(value) => [u64::from(value as u32), 0],
            Val::I64(value) => [value as u64, 0],
            Val::F32(bits) => [u64::from(bits), 0],
            Val::F64(bits) => [bits, 0],
            Val::V128(V128(bits)) => [bits as u64, (bits >> 64) as u64],
            Val::FuncRef(func) => [Func::to_slot(func), 0],
            Val::ExternRef(value) => [ExternRef::to_slot(value, store), 0],
            Val::AnyRef(value) => [AnyRef::to_slot(value, store), 0],
        }
    }

    /// The value of these bits.
    ///
    /// # Safety
    /// The bits are a value of type `ty` of `store`.
    pub(crate) unsafe fn from_bits(store: &mut StoreInner, ty: &ValType, bits: [u64; 2]) -> Val {
        match ty {
            ValType::I32 => Val::I32(bits[0] as i32),
            ValType::I64 => Val::I64(bits[0] as i64),
            ValType::F32 => Val::F32(bits[0] as u32),
            ValType::F64 => Val::F64(bits[0]),
            ValType::V128 => Val::V128(V128(u128::from(bits[0]) | u128::from(bits[1]) << 64)),
            // SAFETY: promised by the caller.
            ValType::Ref(ty) => unsafe { Ref::from_bits(store, ty, bits[0]) }.into(),
        }
    }

    /// Writes the value to slots; the result is the number of slots.
    ///
    /// # Safety
    /// There is room for the value.
    pub(crate) unsafe fn write(self, store: &StoreInner, slots: *mut u64) -> usize {
        let [low, high] = self.to_bits(store);
        // SAFETY: promised by the caller.
        unsafe {
            slots.write(low);
            if let Val::V128(_) = self {
                slots.add(1).write(high);
                return 2;
            }
        }
        1
    }

    /// Reads a value from slots; `slots` is moved behind it.
    ///
    /// # Safety
    /// A value of type `ty` of `store` is there.
    pub(crate) unsafe fn read(store: &mut StoreInner, ty: &ValType, slots: &mut *const u64) -> Val {
        // SAFETY: promised by the caller.
        unsafe {
            let mut bits = [slots.read(), 0];
            if let ValType::V128 = ty {
                bits[1] = slots.add(1).read();
            }
            *slots = slots.add(ty.slots());
            Val::from_bits(store, ty, bits)
        }
    }
}

impl Ref {
    /// The null reference of the hierarchy that `heap` belongs to.
    pub const fn null(heap: &HeapType) -> Ref {
        match heap.top() {
            HeapType::Extern => Ref::Extern(None),
            HeapType::Func => Ref::Func(None),
            _ => Ref::Any(None),
        }
    }

    /// Whether it is null.
    pub const fn is_null(&self) -> bool {
        matches!(self, Ref::Func(None) | Ref::Extern(None) | Ref::Any(None))
    }

    /// The function, if it is a reference to one.
    pub fn as_func(&self) -> Option<Option<&Func>> {
        match self {
            Ref::Func(func) => Some(func.as_ref()),
            _ => None,
        }
    }

    /// The host value, if it is a reference to one.
    pub fn as_extern(&self) -> Option<Option<&Rooted<ExternRef>>> {
        match self {
            Ref::Extern(value) => Some(value.as_ref()),
            _ => None,
        }
    }

    /// The reference, if it is one of the hierarchy `any`.
    pub fn as_any(&self) -> Option<Option<&Rooted<AnyRef>>> {
        match self {
            Ref::Any(value) => Some(value.as_ref()),
            _ => None,
        }
    }

    /// The function.
    ///
    /// # Panics
    /// If it is a reference to something else.
    pub fn unwrap_func(&self) -> Option<&Func> {
        self.as_func().expect("a reference to a function")
    }

    /// The host value.
    ///
    /// # Panics
    /// If it is a reference to something else.
    pub fn unwrap_extern(&self) -> Option<&Rooted<ExternRef>> {
        self.as_extern().expect("a reference to a host value")
    }

    /// The reference in a slot.
    ///
    /// # Safety
    /// The slot holds a value of type `ty` of `store`.
    pub(crate) unsafe fn from_bits(store: &mut StoreInner, ty: &RefType, bits: u64) -> Ref {
        match ty.heap.top() {
            HeapType::Extern => Ref::Extern(ExternRef::from_slot(store, bits)),
            // SAFETY: promised by the caller.
            HeapType::Func => Ref::Func(unsafe { Func::from_slot(store, bits) }),
            _ => Ref::Any(AnyRef::from_slot(store, bits)),
        }
    }
}

impl From<Ref> for Val {
    fn from(value: Ref) -> Self {
        match value {
            Ref::Func(func) => Val::FuncRef(func),
            Ref::Extern(value) => Val::ExternRef(value),
            Ref::Any(value) => Val::AnyRef(value),
        }
    }
}

macro_rules! conversions {
    ($target:ident: $($from:ty, $value:ident => $make:expr;)*) => {
        $(impl From<$from> for $target {
            fn from($value: $from) -> Self {
                $make
            }
        })*
    };
}

conversions! {
    Val:
    i32, value => Val::I32(value);
    u32, value => Val::I32(value as i32);
    i64, value => Val::I64(value);
    u64, value => Val::I64(value as i64);
    f32, value => Val::F32(value.to_bits());
    f64, value => Val::F64(value.to_bits());
    V128, value => Val::V128(value);
    u128, value => Val::V128(V128(value));
    Func, value => Val::FuncRef(Some(value));
    Option<Func>, value => Val::FuncRef(value);
    Rooted<ExternRef>, value => Val::ExternRef(Some(value));
    Option<Rooted<ExternRef>>, value => Val::ExternRef(value);
    Rooted<AnyRef>, value => Val::AnyRef(Some(value));
    Option<Rooted<AnyRef>>, value => Val::AnyRef(value);
}

conversions! {
    Ref:
    Func, value => Ref::Func(Some(value));
    Option<Func>, value => Ref::Func(value);
    Rooted<ExternRef>, value => Ref::Extern(Some(value));
    Option<Rooted<ExternRef>>, value => Ref::Extern(value);
    Rooted<AnyRef>, value => Ref::Any(Some(value));
    Option<Rooted<AnyRef>>, value => Ref::Any(value);
}

#[cold]
pub(crate) fn type_mismatch(what: impl fmt::Display, expected: &dyn fmt::Display, found: &dyn fmt::Display) -> Error {
    format_err!("type mismatch: {what} should be {expected}, found {found}")
}
