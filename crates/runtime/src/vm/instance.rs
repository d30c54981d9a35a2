//! An instance: owner of a vmctx.

use super::first_tables::FirstTable;
use super::images::Images;
use super::segments::Dropped;
use super::{Block, Memory, Table, VmCtx, VmFuncRef, VmGlobal, VmStore};
use crate::api::error::{Error, Result};
use crate::api::module::ModuleInner;
use crate::api::store::{Owned, StoreInner};
use crate::sys::MemoryImage;
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::ptr::{NonNull, null_mut};

/// A module at work.
///
/// Invariant: `block` is laid out by `module.layout` whose pointers lead to functions, memories, tables and globals of
/// the instance's store.
pub struct Instance {
    block: Block,
    pub(super) module: Arc<ModuleInner>,
    pub(super) dropped_data: Dropped,
    pub(super) dropped_elements: Dropped,
    /// For each element segment of references that the collector has to know of: its values. Empty if there is no such segment.
    pub(super) elements: Box<[Option<Box<[u64]>>]>,
}

/// What an instance imports, in the order of its module's imports; types have been checked.
pub enum Import {
    /// A function.
    Func(NonNull<VmFuncRef>),
    /// A table.
    Table(NonNull<Table>),
    /// A memory.
    Memory(NonNull<Memory>),
    /// A global.
    Global(NonNull<VmGlobal>),
}

impl Instance {
    /// Makes an instance and runs everything of the specification's instantiation (section "Instantiation") but the start
    /// function. On failure the instance stays in the store: other instances may already refer to it.
    ///
    /// # Errors
    /// A limit of the store or the host is reached, or a segment does not fit.
    ///
    /// # Safety
    /// The imports belong to `store` and fit the module's; the store is not borrowed while this runs.
    pub unsafe fn new(
        store: NonNull<StoreInner>,
        module: &Arc<ModuleInner>,
        imports: impl Iterator<Item = Import>,
    ) -> Result<NonNull<Instance>> {
        let info = &module.info;
        // SAFETY: promised by the caller, also for every use of `store` below.
        unsafe {
            StoreInner::reserve_counts(
                store,
                1,
                info.memories.len() - info.imported.memories as usize,
                info.tables.len() - info.imported.tables as usize,
            )?;
            let instance = Self::allocate(module, (*store.as_ptr()).vm.ptr())?;
            let ptr = instance.ptr();
            (*store.as_ptr()).instances.push(instance);
            let this = ptr.as_ref();
            this.init_header((*store.as_ptr()).vm.ptr(), ptr);
            for &index in &module.gc_types {
                let (id, def) = (info.types[index as usize], &info.type_defs[index as usize]);
                let vm = (*store.as_ptr()).vm.ptr();
                (*store.as_ptr()).gc.register(vm, id, def, &module.type_layouts[index as usize]);
            }
            this.link(imports);
            let first = module.template.get(module);
            this.init_memories(store, first.images.as_ref())?;
            this.init_tables(store, first.tables.as_deref())?;
            this.init_shortcuts();
            this.init_globals(store)?;
            if first.tables.is_none() {
                this.init_table_contents(store)?;
            }
            Self::eval_segments(ptr, store)?;
            if first.tables.is_none() {
                this.init_elements()?;
            }
            if first.images.is_none() {
                this.init_data()?;
            }
            Ok(ptr)
        }
    }

    /// # Safety
    /// As [`Blocks::take`](super::Blocks::take): it goes with this store.
    unsafe fn allocate(module: &Arc<ModuleInner>, store: NonNull<VmStore>) -> Result<Owned<Instance>> {
        Ok(Owned::new(Instance {
            // SAFETY: promised by the caller.
            block: unsafe { module.blocks.take(module, store) }?,
            module: module.clone(),
            dropped_data: Dropped::default(),
            dropped_elements: Dropped::default(),
            elements: Box::default(),
        }))
    }

    /// What code sees.
    pub fn vmctx(&self) -> NonNull<VmCtx> {
        self.block.vmctx
    }

    /// The module.
    pub fn module(&self) -> &Arc<ModuleInner> {
        &self.module
    }

    /// The place of type `T` at `offset` of the vmctx.
    fn at<T>(&self, offset: u32) -> NonNull<T> {
        // SAFETY: offsets come from the layout that the block was allocated with (the invariant).
        unsafe { self.block.vmctx.cast::<u8>().add(offset as usize).cast() }
    }

    /// The pointer at `offset` of the vmctx.
    fn pointer<T>(&self, offset: u32) -> NonNull<T> {
        // SAFETY: `at` gives a place inside the block; `link` and its like have filled every pointer of it.
        unsafe { self.at::<NonNull<T>>(offset).read() }
    }

    fn set_pointer<T>(&self, offset: u32, pointer: NonNull<T>) {
        // SAFETY: `at` gives a place inside the block, which is only accessed by address.
        unsafe { self.at::<NonNull<T>>(offset).write(pointer) }
    }

    /// Memory `index`, imported or own.
    pub fn memory(&self, index: u32) -> NonNull<Memory> {
        self.pointer(self.module.layout.memory(index))
    }

    /// All memories, imported and own.
    #[cfg(native)]
    pub fn memories(&self) -> impl Iterator<Item = NonNull<Memory>> + '_ {
        (0..self.module.info.memories.len() as u32).map(|index| self.memory(index))
    }

    /// Table `index`, imported or own.
    pub fn table(&self, index: u32) -> NonNull<Table> {
        self.pointer(self.module.layout.table(index))
    }

    /// Global `index`, imported or own.
    pub fn global(&self, index: u32) -> NonNull<VmGlobal> {
        match index.checked_sub(self.module.info.imported.globals) {
            None => self.pointer(self.module.layout.imported_global(index)),
            Some(own) => self.at(self.module.layout.own_global(own)),
        }
    }

    /// The reference to function `index`, imported or one whose reference can be taken.
    pub fn func(&self, index: u32) -> NonNull<VmFuncRef> {
        if index < self.module.info.imported.funcs {
            return self.pointer(self.module.layout.imported_func(index));
        }
        match self.module.func_ref_index(index) {
            Some(place) => self.at(self.module.layout.func_ref(place)),
            None => unreachable!("validation lists function {index} among those whose reference is taken"),
        }
    }

    fn init_header(&self, vm: NonNull<VmStore>, instance: NonNull<Instance>) {
        // SAFETY: every vmctx starts with a header.
        unsafe {
            self.block.vmctx.write(VmCtx {
                #[cfg(native)]
                builtins: crate::native::BUILTINS.as_ptr().cast(),
                #[cfg(not(native))]
                builtins: core::ptr::null(),
                store: vm.as_ptr(),
                memory0_base: null_mut(),
                memory0: null_mut(),
                table0: null_mut(),
                func_cells: self.module.code.cells(),
                instance: instance.as_ptr(),
            });
        }
    }

    /// Places the imports.
    fn link(&self, imports: impl Iterator<Item = Import>) {
        let layout = &self.module.layout;
        let (mut funcs, mut tables, mut memories, mut globals) = (0.., 0.., 0.., 0..);
        for import in imports {
            match import {
                Import::Func(func) => self.set_pointer(layout.imported_func(next(&mut funcs)), func),
                Import::Table(table) => self.set_pointer(layout.table(next(&mut tables)), table),
                Import::Memory(memory) => self.set_pointer(layout.memory(next(&mut memories)), memory),
                Import::Global(global) => self.set_pointer(layout.imported_global(next(&mut globals)), global),
            }
        }
    }

    /// # Safety
    /// As [`Instance::new`].
    unsafe fn init_memories(&self, store: NonNull<StoreInner>, images: Option<&Images>) -> Result<()> {
        let info = &self.module.info;
        for (index, ty) in info.memories.iter().enumerate().skip(info.imported.memories as usize) {
            let image = images.and_then(|images| images[index - info.imported.memories as usize].as_ref());
            // SAFETY: promised by the caller.
            let memory = unsafe { new_memory(store, *ty, image)? };
            self.set_pointer(self.module.layout.memory(index as u32), memory);
        }
        Ok(())
    }

    /// # Safety
    /// As [`Instance::new`].
    unsafe fn init_tables(&self, store: NonNull<StoreInner>, first: Option<&[FirstTable]>) -> Result<()> {
        let info = &self.module.info;
        for (index, ty) in info.tables.iter().enumerate().skip(info.imported.tables as usize) {
            // SAFETY: promised by the caller.
            let table = unsafe { new_table(store, *ty, 0)? };
            self.set_pointer(self.module.layout.table(index as u32), table);
            if let Some(first) = first {
                // SAFETY: nobody else knows the table.
                first[index - info.imported.tables as usize].fill(self, unsafe { &mut *table.as_ptr() });
            }
        }
        Ok(())
    }

    /// Fills the header's shortcuts to memory 0 and table 0.
    fn init_shortcuts(&self) {
        // SAFETY: the header is part of every vmctx; memories and tables are in place.
        unsafe {
            let header = self.block.vmctx.as_ptr();
            if !self.module.info.memories.is_empty() {
                let memory = self.memory(0);
                (*header).memory0 = memory.cast().as_ptr();
                let moves = self.module.engine.config().memories_move();
                (*header).memory0_base = if moves { null_mut() } else { memory.as_ref().def().base };
            }
            if !self.module.info.tables.is_empty() {
                (*header).table0 = self.table(0).cast().as_ptr();
            }
        }
    }

    /// # Safety
    /// As [`Instance::new`].
    unsafe fn init_globals(&self, store: NonNull<StoreInner>) -> Result<()> {
        let info = &self.module.info;
        for (index, init) in (info.imported.globals..).zip(&info.global_inits) {
            // SAFETY: own globals are inside the vmctx, which is only accessed by address; the rest is promised by the caller.
            unsafe { self.global(index).write(VmGlobal(self.eval(store, init)?)) };
        }
        Ok(())
    }

    /// # Safety
    /// As [`Instance::new`].
    unsafe fn init_table_contents(&self, store: NonNull<StoreInner>) -> Result<()> {
        let info = &self.module.info;
        for (index, init) in (info.imported.tables..).zip(&info.table_inits) {
            let Some(init) = init else { continue };
            // SAFETY: promised by the caller.
            let [value, _] = unsafe { self.eval(store, init)? };
            // SAFETY: the table was made just now; nobody borrows it.
            let table = unsafe { &mut *self.table(index).as_ptr() };
            if let Ok(elements) = table.range_mut(0, table.len()) {
                elements.fill(value);
            }
        }
        Ok(())
    }

    /// Calls `each` with every place that may hold a reference to an object: own globals and segments.
    ///
    /// # Safety
    /// Nobody borrows the globals or segments.
    pub unsafe fn visit_roots(&mut self, each: &mut dyn FnMut(*mut u64)) {
        let info = &self.module.info;
        for index in info.imported.globals..info.globals.len() as u32 {
            if info.globals[index as usize].content.is_traced() {
                each(self.global(index).as_ptr().cast());
            }
        }
        self.visit_elements(each);
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // SAFETY: the block came from there, and whoever referred to it is gone with the store.
        unsafe { self.module.blocks.give(self.block) };
    }
}

fn next(indices: &mut core::ops::RangeFrom<u32>) -> u32 {
    let index = indices.start;
    indices.start += 1;
    index
}

/// Makes a memory of `store`, if the limiter allows it.
///
/// # Errors
/// The limiter or the host refuses.
///
/// # Safety
/// The store is not borrowed while this runs.
pub unsafe fn new_memory(
    store: NonNull<StoreInner>,
    ty: tiercel_wasm::MemoryType,
    image: Option<&Arc<MemoryImage>>,
) -> Result<NonNull<Memory>> {
    // SAFETY: promised by the caller.
    unsafe {
        if !super::memory::allowed(store, &ty, 0, ty.min_pages)? {
            let pages = ty.min_pages;
            return Err(Error::limit(format_args!(
                "memory minimum size of {pages} pages exceeds memory limits of the store"
            )));
        }
        let store = &mut *store.as_ptr();
        store.memories.push(Owned::new(Memory::new(ty, &store.engine, image)?));
        Ok(store.memories[store.memories.len() - 1].ptr())
    }
}

/// Makes a table of `store`, if the limiter allows it.
///
/// # Errors
/// The limiter or the host refuses.
///
/// # Safety
/// The store is not borrowed while this runs.
pub unsafe fn new_table(store: NonNull<StoreInner>, ty: tiercel_wasm::TableType, init: u64) -> Result<NonNull<Table>> {
    // SAFETY: promised by the caller.
    unsafe {
        if !super::table::allowed(store, &ty, 0, ty.min)? {
            let min = ty.min;
            return Err(Error::limit(format_args!(
                "table minimum size of {min} elements exceeds table limits of the store"
            )));
        }
        let store = &mut *store.as_ptr();
        store.tables.push(Owned::new(Table::new(ty, init)?));
        Ok(store.tables[store.tables.len() - 1].ptr())
    }
}
