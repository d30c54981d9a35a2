//! References to structs, arrays and `i31`.
//!
//! A handle is a *root*: the collector keeps what it refers to alive and lets the handle follow it when it moves, until the scope of
//! the handle ends.

use super::context::{AsContext, AsContextMut, StoreContext, StoreContextMut};
use super::error::Result;
use super::extern_ref::{ExternRef, Rooted};
use super::store::{StoreData, StoreInner};
use super::values::Val;
use crate::gc::layout::{ELEMENTS_OFFSET, LENGTH_OFFSET};
use crate::gc::{self, Root, TypeLayout, object};
use crate::{ensure, format_err};
use core::any::Any;
use tiercel_wasm::{CompositeType, FieldType, HeapType, StorageType, TypeId, ValType};

/// Holds a reference.
pub(crate) fn root(store: &mut StoreInner, slot: u64) -> Root {
    let id = store.id;
    store.gc.roots.push(id, slot)
}

/// Any reference that is not to a function: to a struct, an array, an `i31`, or a converted host value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AnyRef(pub(crate) Root);

/// A reference that can be compared: to a struct, an array or an `i31`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct EqRef(Root);

/// A reference to a struct.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StructRef(Root);

/// A reference to an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ArrayRef(Root);

/// An integer of 31 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct I31(u32);

impl I31 {
    /// An unsigned integer, if it fits 31 bits.
    pub const fn new_u32(value: u32) -> Option<I31> {
        if value >> 31 == 0 { Some(I31(value)) } else { None }
    }

    /// A signed integer, if it fits 31 bits.
    pub const fn new_i32(value: i32) -> Option<I31> {
        if value << 1 >> 1 == value { Some(I31(value as u32 & (u32::MAX >> 1))) } else { None }
    }

    /// The low 31 bits of an integer.
    pub const fn wrapping_u32(value: u32) -> I31 {
        I31(value & (u32::MAX >> 1))
    }

    /// The value, read without a sign.
    pub const fn get_u32(self) -> u32 {
        self.0
    }

    /// The value, read with its sign.
    pub const fn get_i32(self) -> i32 {
        (self.0 << 1) as i32 >> 1
    }
}

/// The kind of what a reference refers to, with the type of an object.
fn heap_type(store: &StoreInner, slot: u64) -> HeapType {
    if gc::is_i31(slot) {
        return HeapType::I31;
    }
    match object_type(store, slot) {
        Some(id) => match *store.gc.ty(id.as_u32()).layout {
            TypeLayout::Array { .. } => HeapType::ConcreteArray(id),
            _ => HeapType::ConcreteStruct(id),
        },
        None => HeapType::Any,
    }
}

/// The address of the object that a slot refers to.
fn address(store: &StoreInner, slot: u64) -> *mut u8 {
    // SAFETY: references lead into the heap.
    unsafe { store.gc_base().add(slot as usize) }
}

fn object_type(store: &StoreInner, slot: u64) -> Option<TypeId> {
    // SAFETY: an object starts with the number of its type.
    gc::is_object(slot).then(|| TypeId::from_u32(unsafe { address(store, slot).cast::<u32>().read() }))
}

impl AnyRef {
    /// An `i31` as a reference.
    pub fn from_i31(mut store: impl AsContextMut, value: I31) -> Rooted<AnyRef> {
        let store = &mut store.as_context_mut().0.inner;
        Rooted(AnyRef(root(store, gc::i31(value.0 as i32))))
    }

    /// The host value, if it is a converted one.
    ///
    /// # Errors
    /// None so far.
    ///
    /// # Panics
    /// It belongs to another store, or its scope has ended.
    pub fn host_data<'a, T: 'static>(
        &self,
        store: impl Into<StoreContext<'a, T>>,
    ) -> Result<Option<&'a (dyn Any + Send + Sync)>> {
        let store = &store.into().0.inner;
        let index = gc::host_index(self.slot(store));
        Ok(index.and_then(|index| store.externs.get(index as usize)).map(|value| &**value))
    }

    /// The same reference in the hierarchy of `extern`, as `extern.convert_any`.
    ///
    /// # Panics
    /// It belongs to another store, or its scope has ended.
    pub fn convert_to_extern(&self, mut store: impl AsContextMut) -> Result<Rooted<ExternRef>> {
        let store = &mut store.as_context_mut().0.inner;
        let slot = self.slot(store);
        ExternRef::from_slot(store, slot).ok_or_else(|| format_err!("a handle is never null"))
    }

    fn slot(&self, store: &StoreInner) -> u64 {
        store.check(self.0.store, "reference");
        store.gc.roots.get(self.0)
    }

    /// The most precise heap type of what it refers to.
    ///
    /// # Errors
    /// None so far.
    ///
    /// # Panics
    /// It belongs to another store, or its scope has ended.
    pub fn ty(&self, store: impl AsContext) -> Result<HeapType> {
        Ok(self.heap_type(&store.as_context().0.inner))
    }

    pub(crate) fn heap_type(&self, store: &StoreInner) -> HeapType {
        heap_type(store, self.slot(store))
    }

    /// The value, if it is an `i31`.
    ///
    /// # Errors
    /// None so far.
    ///
    /// # Panics
    /// It belongs to another store, or its scope has ended.
    pub fn as_i31(&self, store: impl AsContext) -> Result<Option<I31>> {
        let slot = self.slot(&store.as_context().0.inner);
        Ok(gc::is_i31(slot).then_some(I31(slot as u32 >> 1)))
    }

    /// The struct, if it is one.
    ///
    /// # Errors
    /// None so far.
    ///
    /// # Panics
    /// It belongs to another store, or its scope has ended.
    pub fn as_struct(&self, store: impl AsContext) -> Result<Option<Rooted<StructRef>>> {
        let is_struct = matches!(self.ty(store)?, HeapType::ConcreteStruct(_));
        Ok(is_struct.then_some(Rooted(StructRef(self.0))))
    }

    /// The array, if it is one.
    ///
    /// # Errors
    /// None so far.
    ///
    /// # Panics
    /// It belongs to another store, or its scope has ended.
    pub fn as_array(&self, store: impl AsContext) -> Result<Option<Rooted<ArrayRef>>> {
        let is_array = matches!(self.ty(store)?, HeapType::ConcreteArray(_));
        Ok(is_array.then_some(Rooted(ArrayRef(self.0))))
    }

    /// The reference as one that can be compared, if it is.
    ///
    /// # Errors
    /// None so far.
    ///
    /// # Panics
    /// It belongs to another store, or its scope has ended.
    pub fn as_eqref(&self, store: impl AsContext) -> Result<Option<Rooted<EqRef>>> {
        let is_eq = !matches!(self.ty(store)?, HeapType::Any);
        Ok(is_eq.then_some(Rooted(EqRef(self.0))))
    }

    pub(crate) fn comes_from(&self, store: &StoreInner) -> bool {
        self.0.store == store.id
    }

    /// The slot that stands for it; 0 is null.
    pub(crate) fn to_slot(this: Option<Rooted<AnyRef>>, store: &StoreInner) -> u64 {
        this.map_or(0, |reference| store.gc.roots.get(reference.0.0))
    }

    pub(crate) fn from_slot(store: &mut StoreInner, slot: u64) -> Option<Rooted<AnyRef>> {
        (slot != 0).then(|| Rooted(AnyRef(root(store, slot))))
    }
}

macro_rules! upcasts {
    ($($from:ident)*) => {$(
        impl Rooted<$from> {
            /// The same reference as one to anything.
            pub fn to_anyref(self) -> Rooted<AnyRef> {
                Rooted(AnyRef(self.0.0))
            }
        }

        impl From<Rooted<$from>> for Val {
            fn from(value: Rooted<$from>) -> Val {
                Val::AnyRef(Some(value.to_anyref()))
            }
        }
    )*};
}

upcasts! { EqRef StructRef ArrayRef }

impl<T> Rooted<T>
where
    Rooted<T>: Into<Val>,
{
    /// Whether two references are the same, as `ref.eq`.
    ///
    /// # Errors
    /// One of them belongs to another store.
    pub fn ref_eq(store: impl AsContext, a: &Rooted<T>, b: &Rooted<T>) -> Result<bool>
    where
        T: Copy,
    {
        let store = &store.as_context().0.inner;
        let (a, b): (Val, Val) = ((*a).into(), (*b).into());
        ensure!(a.comes_from(store) && b.comes_from(store), "a reference that belongs to another store");
        Ok(a.to_bits(store) == b.to_bits(store))
    }
}

/// The composite type of an object.
fn composite(store: &StoreInner, slot: u64) -> Option<CompositeType> {
    Some(store.engine.types().lock().get(object_type(store, slot)?).ty.composite.clone())
}

/// The value of a field or element.
///
/// # Safety
/// It is there.
unsafe fn load(store: &mut StoreInner, at: *const u8, storage: StorageType) -> Val {
    // SAFETY: promised by the caller.
    unsafe {
        let bits = object::read(at, storage);
        Val::from_bits(store, &storage.unpacked(), bits)
    }
}

/// Sets a field or element.
///
/// # Safety
/// It is there.
unsafe fn save(store: &StoreInner, at: *mut u8, field: FieldType, value: Val, what: &str) -> Result<()> {
    ensure!(field.mutable, "{what} cannot be set: it is immutable");
    value.check(store, &field.storage.unpacked(), what)?;
    // SAFETY: promised by the caller; the type was checked.
    unsafe { object::set(at, field.storage, value.to_bits(store)) };
    Ok(())
}

impl StructRef {
    /// The address of field `index`, and its type.
    fn place(&self, store: &StoreInner, index: usize) -> Result<(*mut u8, FieldType)> {
        let slot = AnyRef(self.0).slot(store);
        let Some(CompositeType::Struct(types)) = composite(store, slot) else {
            return Err(format_err!("not a struct"));
        };
        let ty = types.get(index).copied();
        let ty = ty.ok_or_else(|| format_err!("the struct has {} fields, there is no number {index}", types.len()))?;
        let object = address(store, slot);
        let id = object_type(store, slot).map_or(0, TypeId::as_u32);
        match &*store.gc.ty(id).layout {
            // SAFETY: the field lies in the object.
            TypeLayout::Struct { fields, .. } => Ok((unsafe { object.add(fields[index].offset as usize) }, ty)),
            _ => Err(format_err!("not a struct")),
        }
    }

    /// The value of field `index`; a packed one is read without a sign.
    ///
    /// # Errors
    /// There is no such field.
    ///
    /// # Panics
    /// It belongs to another store, or its scope has ended.
    pub fn field(&self, mut store: impl AsContextMut, index: usize) -> Result<Val> {
        let store = &mut store.as_context_mut().0.inner;
        let (at, ty) = self.place(store, index)?;
        // SAFETY: `place` gives the address of a field.
        Ok(unsafe { load(store, at, ty.storage) })
    }

    /// Sets field `index`.
    ///
    /// # Errors
    /// There is no such field, it cannot be set, or the value does not fit its type.
    ///
    /// # Panics
    /// It belongs to another store, or its scope has ended.
    pub fn set_field(&self, mut store: impl AsContextMut, index: usize, value: Val) -> Result<()> {
        let store = &mut store.as_context_mut().0.inner;
        let (at, ty) = self.place(store, index)?;
        // SAFETY: as above.
        unsafe { save(store, at, ty, value, "the field") }
    }
}

impl ArrayRef {
    /// The address of element `index`, and its type.
    fn place(&self, store: &StoreInner, index: u32) -> Result<(*mut u8, FieldType)> {
        let slot = AnyRef(self.0).slot(store);
        let Some(CompositeType::Array(ty)) = composite(store, slot) else {
            return Err(format_err!("not an array"));
        };
        let len = self.length(store);
        ensure!(index < len, "the array has {len} elements, there is no number {index}");
        let offset = ELEMENTS_OFFSET + ((index as usize) << ty.storage.log2_bytes());
        // SAFETY: the element lies in the object.
        Ok((unsafe { address(store, slot).add(offset) }, ty))
    }

    fn length(&self, store: &StoreInner) -> u32 {
        // SAFETY: an array has its length there.
        unsafe { address(store, AnyRef(self.0).slot(store)).add(LENGTH_OFFSET).cast::<u32>().read() }
    }

    /// How many elements there are.
    ///
    /// # Errors
    /// None so far.
    ///
    /// # Panics
    /// It belongs to another store, or its scope has ended.
    pub fn len(&self, store: impl AsContext) -> Result<u32> {
        Ok(self.length(&store.as_context().0.inner))
    }

    /// The value of element `index`; a packed one is read without a sign.
    ///
    /// # Errors
    /// There is no such element.
    ///
    /// # Panics
    /// It belongs to another store, or its scope has ended.
    pub fn get(&self, mut store: impl AsContextMut, index: u32) -> Result<Val> {
        let store = &mut store.as_context_mut().0.inner;
        let (at, ty) = self.place(store, index)?;
        // SAFETY: `place` gives the address of an element.
        Ok(unsafe { load(store, at, ty.storage) })
    }

    /// Sets element `index`.
    ///
    /// # Errors
    /// There is no such element, it cannot be set, or the value does not fit its type.
    ///
    /// # Panics
    /// It belongs to another store, or its scope has ended.
    pub fn set(&self, mut store: impl AsContextMut, index: u32, value: Val) -> Result<()> {
        let store = &mut store.as_context_mut().0.inner;
        let (at, ty) = self.place(store, index)?;
        // SAFETY: as above.
        unsafe { save(store, at, ty, value, "the element") }
    }
}

/// A scope of roots: the handles that are made through it are let go when it is dropped. Using one afterwards panics.
pub struct RootScope<C: AsContextMut> {
    context: C,
    mark: usize,
}

impl<C: AsContextMut> RootScope<C> {
    /// Begins a scope.
    pub fn new(mut context: C) -> Self {
        let mark = context.as_context_mut().0.inner.gc.roots.len();
        RootScope { context, mark }
    }
}

impl<C: AsContextMut> Drop for RootScope<C> {
    fn drop(&mut self) {
        let mark = self.mark;
        let store: &mut StoreData<C::Data> = self.context.as_context_mut().0;
        store.inner.gc.roots.truncate(mark);
    }
}

impl<C: AsContextMut> AsContext for RootScope<C> {
    type Data = C::Data;

    fn as_context(&self) -> StoreContext<'_, C::Data> {
        self.context.as_context()
    }
}

impl<C: AsContextMut> AsContextMut for RootScope<C> {
    fn as_context_mut(&mut self) -> StoreContextMut<'_, C::Data> {
        self.context.as_context_mut()
    }
}

/// The type of a value that is no function's or host value's.
pub(crate) fn val_type(store: &StoreInner, value: Option<Rooted<AnyRef>>) -> ValType {
    let heap = value.map_or(HeapType::None, |value| value.heap_type(store));
    ValType::Ref(tiercel_wasm::RefType::new(value.is_none(), heap))
}
