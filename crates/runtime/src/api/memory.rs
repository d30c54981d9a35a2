//! Linear memories.

use super::context::{AsContext, AsContextMut, StoreContext, StoreContextMut};
use super::error::{Error, Result};
use super::store::{StoreId, StoreInner};
use crate::vm;
use core::fmt;
use core::ptr::NonNull;
use tiercel_wasm::MemoryType;

/// A linear memory of a store. A handle: cheap to copy, valid with its store only.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    store: StoreId,
    /// Lives as long as the store.
    memory: NonNull<vm::Memory>,
}

// SAFETY: a handle is an address that is only followed with its store at hand.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Memory({:p})", self.memory)
    }
}

/// An access of the host was out of bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemoryAccessError {
    _private: (),
}

impl fmt::Display for MemoryAccessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("out of bounds memory access by the host")
    }
}

impl core::error::Error for MemoryAccessError {}

impl Memory {
    /// A memory of the type's minimal size, all zero.
    ///
    /// # Errors
    /// A limit of the store or the host is reached.
    pub fn new(mut store: impl AsContextMut, ty: MemoryType) -> Result<Memory> {
        let mut context = store.as_context_mut();
        let inner = context.inner_ptr();
        // SAFETY: the store's borrow is not used meanwhile.
        unsafe {
            StoreInner::reserve_counts(inner, 0, 1, 0)?;
            let memory = vm::instance::new_memory(inner, ty, None)?;
            Ok(Memory::from_raw(inner.as_ref(), memory))
        }
    }

    /// # Safety
    /// `memory` belongs to `store`.
    pub(crate) unsafe fn from_raw(store: &StoreInner, memory: NonNull<vm::Memory>) -> Memory {
        Memory { store: store.id, memory }
    }

    pub(crate) fn raw(&self) -> NonNull<vm::Memory> {
        self.memory
    }

    pub(crate) fn comes_from(&self, store: &StoreInner) -> bool {
        self.store == store.id
    }

    /// The memory, while the store is borrowed.
    fn get<'a>(&self, store: &'a StoreInner) -> &'a vm::Memory {
        store.check(self.store, "memory");
        // SAFETY: the memory is of this store, whose borrow keeps guests from running and growing it.
        unsafe { self.memory.as_ref() }
    }

    /// The type with the current size as its minimum.
    pub(crate) fn current_type(&self, store: &StoreInner) -> MemoryType {
        let memory = self.get(store);
        MemoryType { min_pages: memory.pages(), ..*memory.ty() }
    }

    /// The type.
    ///
    /// # Panics
    /// The memory belongs to another store.
    pub fn ty(&self, store: impl AsContext) -> MemoryType {
        *self.get(&store.as_context().0.inner).ty()
    }

    /// The bytes.
    ///
    /// # Panics
    /// The memory belongs to another store.
    pub fn data<'a, T: 'static>(&self, store: impl Into<StoreContext<'a, T>>) -> &'a [u8] {
        let def = self.get(&store.into().0.inner).def();
        // SAFETY: these bytes are accessible and initialised (invariant of `vm::Memory`). While the store is borrowed no guest
        // runs and nobody has a mutable view, which would take the store's exclusive borrow.
        unsafe { core::slice::from_raw_parts(def.base, def.len_bytes) }
    }

    /// The bytes, to change.
    ///
    /// # Panics
    /// The memory belongs to another store.
    pub fn data_mut<'a, T: 'static>(&self, store: impl Into<StoreContextMut<'a, T>>) -> &'a mut [u8] {
        self.data_and_store_mut(store).0
    }

    /// The bytes, to change, together with the host's own data in the store.
    ///
    /// # Panics
    /// The memory belongs to another store.
    pub fn data_and_store_mut<'a, T: 'static>(
        &self,
        store: impl Into<StoreContextMut<'a, T>>,
    ) -> (&'a mut [u8], &'a mut T) {
        let store = store.into().0;
        let def = self.get(&store.inner).def();
        // SAFETY: as in `data`, and the store is exclusively borrowed for `'a`. The host's data is no part of a memory.
        let bytes = unsafe { core::slice::from_raw_parts_mut(def.base, def.len_bytes) };
        (bytes, &mut store.data)
    }

    /// Copies bytes out of the memory.
    ///
    /// # Errors
    /// `offset..offset + buffer.len()` is out of bounds; nothing was copied.
    ///
    /// # Panics
    /// The memory belongs to another store.
    pub fn read(&self, store: impl AsContext, offset: usize, buffer: &mut [u8]) -> Result<(), MemoryAccessError> {
        let context = store.as_context();
        let bytes = self.data(context).get(offset..).and_then(|bytes| bytes.get(..buffer.len()));
        buffer.copy_from_slice(bytes.ok_or(MemoryAccessError { _private: () })?);
        Ok(())
    }

    /// Copies bytes into the memory.
    ///
    /// # Errors
    /// `offset..offset + buffer.len()` is out of bounds; nothing was copied.
    ///
    /// # Panics
    /// The memory belongs to another store.
    pub fn write(&self, mut store: impl AsContextMut, offset: usize, buffer: &[u8]) -> Result<(), MemoryAccessError> {
        let context = store.as_context_mut();
        let bytes = self.data_mut(context).get_mut(offset..).and_then(|bytes| bytes.get_mut(..buffer.len()));
        bytes.ok_or(MemoryAccessError { _private: () })?.copy_from_slice(buffer);
        Ok(())
    }

    /// The address of the first byte, valid until the memory grows or the store is dropped.
    ///
    /// # Panics
    /// The memory belongs to another store.
    pub fn data_ptr(&self, store: impl AsContext) -> *mut u8 {
        self.get(&store.as_context().0.inner).def().base
    }

    /// The size in bytes.
    ///
    /// # Panics
    /// The memory belongs to another store.
    pub fn data_size(&self, store: impl AsContext) -> usize {
        self.get(&store.as_context().0.inner).def().len_bytes
    }

    /// The size in pages.
    ///
    /// # Panics
    /// The memory belongs to another store.
    pub fn size(&self, store: impl AsContext) -> u64 {
        self.get(&store.as_context().0.inner).pages()
    }

    /// The bytes of a page.
    ///
    /// # Panics
    /// The memory belongs to another store.
    pub fn page_size(&self, store: impl AsContext) -> u64 {
        self.get(&store.as_context().0.inner).ty().page_bytes()
    }

    /// Grows by `delta` pages of zeros. The result is the size before, in pages.
    ///
    /// # Errors
    /// The type, the store's limits or the host do not allow it.
    ///
    /// # Panics
    /// The memory belongs to another store.
    pub fn grow(&self, mut store: impl AsContextMut, delta: u64) -> Result<u64> {
        let mut context = store.as_context_mut();
        context.0.inner.check(self.store, "memory");
        // SAFETY: the memory is of this store, whose borrow is not used meanwhile.
        let grown = unsafe { vm::Memory::grow(self.memory, context.inner_ptr(), delta)? };
        grown.ok_or_else(|| Error::limit(format_args!("failed to grow the memory by {delta} pages")))
    }
}
