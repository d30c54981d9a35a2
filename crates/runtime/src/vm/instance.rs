//! An instance: owner of a vmctx.

use super::{Memory, Table, VmCtx, VmFuncRef, VmGlobal, VmStore};
use crate::api::error::{Error, Result};
use crate::api::module::ModuleInner;
use crate::api::store::{Owned, StoreInner};
use crate::gc::object;
use crate::sys::MemoryImage;
use alloc::alloc::{Layout, alloc_zeroed, dealloc};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ptr::{NonNull, null_mut};
use tiercel_abi::Trap;
use tiercel_wasm::CompositeType;
use tiercel_wasm::module::{ConstExpr, ConstOp, ElementItems, SegmentMode};

/// A module at work.
///
/// Invariant: `vmctx` is a block laid out by `module.layout` whose pointers lead to functions, memories, tables and globals of
/// the instance's store.
pub struct Instance {
    vmctx: NonNull<VmCtx>,
    module: Arc<ModuleInner>,
    dropped_data: Box<[bool]>,
    dropped_elements: Box<[bool]>,
    /// For each element segment of references that the collector has to know of: its values.
    elements: Box<[Option<Box<[u64]>>]>,
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

/// The bits of a value: one slot, or two for `v128`.
type Bits = [u64; 2];

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
            let instance = Self::allocate(module)?;
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
            this.init_type_ids();
            let images = module.images.get(module);
            this.init_memories(store, images)?;
            this.init_tables(store)?;
            this.init_shortcuts();
            this.init_globals(store)?;
            this.init_table_contents(store)?;
            Self::eval_segments(ptr, store)?;
            this.init_elements(ptr)?;
            this.init_data(ptr, images.is_some())?;
            Ok(ptr)
        }
    }

    fn allocate(module: &Arc<ModuleInner>) -> Result<Owned<Instance>> {
        // SAFETY: the layout's size is not 0: there is a header.
        let block = unsafe { alloc_zeroed(vmctx_layout(module)) };
        let vmctx = NonNull::new(block.cast()).ok_or_else(|| Error::limit("the host has no memory for an instance"))?;
        Ok(Owned::new(Instance {
            vmctx,
            module: module.clone(),
            dropped_data: alloc::vec![false; module.info.data.len()].into(),
            dropped_elements: alloc::vec![false; module.info.elements.len()].into(),
            elements: module.info.elements.iter().map(|_| None).collect(),
        }))
    }

    /// What code sees.
    pub fn vmctx(&self) -> NonNull<VmCtx> {
        self.vmctx
    }

    /// The module.
    pub fn module(&self) -> &Arc<ModuleInner> {
        &self.module
    }

    /// The place of type `T` at `offset` of the vmctx.
    fn at<T>(&self, offset: u32) -> NonNull<T> {
        // SAFETY: offsets come from the layout that the block was allocated with (the invariant).
        unsafe { self.vmctx.cast::<u8>().add(offset as usize).cast() }
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
            self.vmctx.write(VmCtx {
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

    /// Places the imports and makes references to the module's own functions.
    fn link(&self, imports: impl Iterator<Item = Import>) {
        let (info, layout) = (&self.module.info, &self.module.layout);
        let (mut funcs, mut tables, mut memories, mut globals) = (0.., 0.., 0.., 0..);
        for import in imports {
            match import {
                Import::Func(func) => self.set_pointer(layout.imported_func(next(&mut funcs)), func),
                Import::Table(table) => self.set_pointer(layout.table(next(&mut tables)), table),
                Import::Memory(memory) => self.set_pointer(layout.memory(next(&mut memories)), memory),
                Import::Global(global) => self.set_pointer(layout.imported_global(next(&mut globals)), global),
            }
        }
        for (place, &func) in info.escaping.iter().enumerate() {
            let Some(body) = info.defined_func(func) else { continue };
            let entries = self.module.entries(place);
            let func_ref = VmFuncRef {
                native: entries.native,
                vmctx: self.vmctx.as_ptr(),
                cell: self.module.code.cells().wrapping_add(body),
                host: entries.host,
                type_id: info.func_type_id(func).as_u32(),
                func_index: body as u32,
            };
            // SAFETY: the layout has one `VmFuncRef` for each escaping function.
            unsafe { self.at(layout.func_ref(place as u32)).write(func_ref) };
        }
    }

    /// Tells code the numbers of the types.
    fn init_type_ids(&self) {
        for (index, id) in self.module.info.types.iter().enumerate() {
            // SAFETY: the layout has a number for each type.
            unsafe { self.at(self.module.layout.type_id(index as u32)).write(id.as_u32()) };
        }
    }

    /// # Safety
    /// As [`Instance::new`].
    unsafe fn init_memories(
        &self,
        store: NonNull<StoreInner>,
        images: Option<&[Option<Arc<MemoryImage>>]>,
    ) -> Result<()> {
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
    unsafe fn init_tables(&self, store: NonNull<StoreInner>) -> Result<()> {
        let info = &self.module.info;
        for (index, ty) in info.tables.iter().enumerate().skip(info.imported.tables as usize) {
            // SAFETY: promised by the caller.
            let table = unsafe { new_table(store, *ty, 0)? };
            self.set_pointer(self.module.layout.table(index as u32), table);
        }
        Ok(())
    }

    /// Fills the header's shortcuts to memory 0 and table 0.
    fn init_shortcuts(&self) {
        // SAFETY: the header is part of every vmctx; memories and tables are in place.
        unsafe {
            let header = self.vmctx.as_ptr();
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

    /// Evaluates the element segments whose values are references that the collector has to know of: they may be new objects, and each
    /// has to be made once.
    ///
    /// # Safety
    /// As [`Instance::new`].
    unsafe fn eval_segments(this: NonNull<Instance>, store: NonNull<StoreInner>) -> Result<()> {
        // SAFETY: promised by the caller; what is borrowed is not written to, but for `elements` between evaluations.
        unsafe {
            let module = this.as_ref().module.clone();
            for (segment, element) in module.info.elements.iter().enumerate() {
                let ElementItems::Exprs(exprs) = &element.items else { continue };
                if !element.ty.heap.is_traced() {
                    continue;
                }
                (&mut (*this.as_ptr()).elements)[segment] = Some(exprs.iter().map(|_| 0).collect());
                for (index, expr) in exprs.iter().enumerate() {
                    let [value, _] = this.as_ref().eval(store, expr)?;
                    if let Some(values) = &mut (&mut (*this.as_ptr()).elements)[segment] {
                        values[index] = value;
                    }
                }
            }
            Ok(())
        }
    }

    /// How many elements a segment has; none once it is dropped.
    pub fn element_count(&self, segment: u32) -> u32 {
        match self.dropped_elements[segment as usize] {
            true => 0,
            false => self.module.info.elements[segment as usize].items.len() as u32,
        }
    }

    /// An element of a segment that is not dropped.
    pub fn element(&self, segment: u32, index: u32) -> u64 {
        if let Some(values) = &self.elements[segment as usize] {
            return values[index as usize];
        }
        match &self.module.info.elements[segment as usize].items {
            ElementItems::Funcs(funcs) => self.func(funcs[index as usize]).addr().get() as u64,
            ElementItems::Exprs(exprs) => match exprs[index as usize].0.as_slice() {
                // References to functions: no other expression gives one.
                [op] => self.eval_leaf(op)[0],
                _ => 0,
            },
        }
    }

    /// Bytes `start..start + len` of a data segment.
    pub fn data_range(&self, segment: u32, start: u32, len: u64) -> Option<&[u8]> {
        let range = &self.module.info.data[segment as usize].range;
        let bytes = &self.module.bytes[range.start as usize..range.end as usize];
        let bytes = if self.dropped_data[segment as usize] { &[] } else { bytes };
        bytes.get(start as usize..)?.get(..usize::try_from(len).ok()?)
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
        for values in self.elements.iter_mut().flatten() {
            values.iter_mut().for_each(|value| each(value));
        }
    }

    /// # Safety
    /// As [`Instance::new`]; `this` is the address of `self`.
    unsafe fn init_elements(&self, this: NonNull<Instance>) -> Result<(), Trap> {
        for (segment, element) in self.module.info.elements.iter().enumerate() {
            // SAFETY: promised by the caller.
            unsafe {
                match &element.mode {
                    SegmentMode::Passive => continue,
                    SegmentMode::Declared => {}
                    SegmentMode::Active { index, offset } => {
                        let ([start, _], len) = (self.eval_number(offset), element.items.len() as u64);
                        Self::table_init(this, *index, segment as u32, start, 0, len)?;
                    }
                }
                Self::elem_drop(this, segment as u32);
            }
        }
        Ok(())
    }

    /// Copies the active data segments, unless the memories were made with them.
    ///
    /// # Safety
    /// As [`Instance::new`]; `this` is the address of `self`.
    unsafe fn init_data(&self, this: NonNull<Instance>, is_done: bool) -> Result<(), Trap> {
        for (segment, data) in self.module.info.data.iter().enumerate() {
            if let SegmentMode::Active { index, offset } = &data.mode {
                let ([start, _], len) = (self.eval_number(offset), data.range.len() as u64);
                // SAFETY: promised by the caller.
                unsafe {
                    if !is_done {
                        Self::memory_init(this, *index, segment as u32, start, 0, len)?;
                    }
                    Self::data_drop(this, segment as u32);
                }
            }
        }
        Ok(())
    }

    /// Copies elements of a segment to a table.
    ///
    /// # Errors
    /// Some are out of bounds; nothing was copied.
    ///
    /// # Safety
    /// `this` is a live instance; neither it nor the table is borrowed.
    pub unsafe fn table_init(
        this: NonNull<Instance>,
        table: u32,
        segment: u32,
        dst: u64,
        src: u64,
        len: u64,
    ) -> Result<(), Trap> {
        // SAFETY: promised by the caller; nothing below runs other code.
        let this = unsafe { this.as_ref() };
        let items = &this.module.info.elements[segment as usize].items;
        let available = if this.dropped_elements[segment as usize] { 0 } else { items.len() as u64 };
        if src.checked_add(len).is_none_or(|end| end > available) {
            return Err(Trap::TableOutOfBounds);
        }
        // SAFETY: promised by the caller; the table is no part of `this`.
        let elements = unsafe { &mut *this.table(table).as_ptr() }.range_mut(dst, len)?;
        let range = src as usize..(src + len) as usize;
        if range.is_empty() {
            return Ok(());
        }
        match items {
            ElementItems::Funcs(funcs) => {
                for (element, &func) in elements.iter_mut().zip(&funcs[range]) {
                    *element = this.func(func).addr().get() as u64;
                }
            }
            ElementItems::Exprs(_) => {
                for (element, index) in elements.iter_mut().zip(range) {
                    *element = this.element(segment, index as u32);
                }
            }
        }
        Ok(())
    }

    /// Copies bytes of a data segment to a memory.
    ///
    /// # Errors
    /// Some are out of bounds; nothing was copied.
    ///
    /// # Safety
    /// `this` is a live instance; neither it nor the memory is borrowed.
    pub unsafe fn memory_init(
        this: NonNull<Instance>,
        memory: u32,
        segment: u32,
        dst: u64,
        src: u64,
        len: u64,
    ) -> Result<(), Trap> {
        // SAFETY: promised by the caller; nothing below runs other code.
        let this = unsafe { this.as_ref() };
        let range = &this.module.info.data[segment as usize].range;
        let bytes = &this.module.bytes[range.start as usize..range.end as usize];
        let bytes = if this.dropped_data[segment as usize] { &[] } else { bytes };
        // SAFETY: promised by the caller.
        let (base, size) = unsafe {
            let def = this.memory(memory).as_ref().def();
            (def.base, def.len_bytes as u64)
        };
        let fits = |start: u64, size: u64| start.checked_add(len).is_some_and(|end| end <= size);
        if !fits(src, bytes.len() as u64) || !fits(dst, size) {
            return Err(Trap::MemoryOutOfBounds);
        }
        // SAFETY: both ranges were checked; a module's bytes are not part of any memory.
        unsafe {
            core::ptr::copy_nonoverlapping(bytes.as_ptr().add(src as usize), base.add(dst as usize), len as usize)
        };
        Ok(())
    }

    /// Drops a data segment.
    ///
    /// # Safety
    /// `this` is a live instance that is not borrowed, but for reading its vmctx and module.
    pub unsafe fn data_drop(this: NonNull<Instance>, segment: u32) {
        // SAFETY: promised by the caller.
        unsafe { (&mut (*this.as_ptr()).dropped_data)[segment as usize] = true };
    }

    /// Drops an element segment.
    ///
    /// # Safety
    /// As [`Instance::data_drop`].
    pub unsafe fn elem_drop(this: NonNull<Instance>, segment: u32) {
        // SAFETY: promised by the caller.
        unsafe { (&mut (*this.as_ptr()).dropped_elements)[segment as usize] = true };
    }

    /// The value of a constant expression that makes no object.
    fn eval_number(&self, expr: &ConstExpr) -> Bits {
        let mut stack = Operands::default();
        for op in &expr.0 {
            if !stack.apply(op) {
                stack.push(self.eval_leaf(op), false);
            }
        }
        stack.pop()
    }

    /// The value of a constant expression.
    ///
    /// # Errors
    /// It makes an object for which there is no room.
    ///
    /// # Safety
    /// As [`Instance::new`].
    unsafe fn eval(&self, store: NonNull<StoreInner>, expr: &ConstExpr) -> Result<Bits> {
        if let [op @ (ConstOp::Const(..) | ConstOp::GlobalGet(_) | ConstOp::RefNull | ConstOp::RefFunc(_))] =
            expr.0.as_slice()
        {
            return Ok(self.eval_leaf(op));
        }
        let mut stack = Operands::default();
        for op in &expr.0 {
            if stack.apply(op) {
                continue;
            }
            // SAFETY: promised by the caller.
            if let Some(reference) = unsafe { self.eval_new(store, op, &mut stack)? } {
                stack.push([reference, 0], true);
                continue;
            }
            let is_traced = match *op {
                ConstOp::GlobalGet(index) => self.module.info.globals[index as usize].content.is_traced(),
                _ => false,
            };
            stack.push(self.eval_leaf(op), is_traced);
        }
        Ok(stack.pop())
    }

    /// Makes the object that an instruction of a constant expression asks for.
    ///
    /// # Errors
    /// There is no room for it.
    ///
    /// # Safety
    /// As [`Instance::new`].
    unsafe fn eval_new(&self, store: NonNull<StoreInner>, op: &ConstOp, stack: &mut Operands) -> Result<Option<u64>> {
        let (ty, values) = match *op {
            ConstOp::StructNew(ty) => match &self.module.info.type_defs[ty as usize].ty.composite {
                CompositeType::Struct(fields) => (ty, New::Values(fields.len())),
                _ => return Ok(None),
            },
            ConstOp::StructNewDefault(ty) => (ty, New::Zero(0)),
            ConstOp::ArrayNew(ty) => {
                let len = stack.pop()[0] as u32;
                (ty, New::Repeated(len))
            }
            ConstOp::ArrayNewDefault(ty) => (ty, New::Zero(stack.pop()[0] as u32)),
            ConstOp::ArrayNewFixed(ty, len) => (ty, New::Values(len as usize)),
            _ => return Ok(None),
        };
        let (id, layout) = (self.module.info.types[ty as usize], &self.module.type_layouts[ty as usize]);
        // SAFETY: promised by the caller: the store knows the type, and operands that are references are made roots meanwhile.
        unsafe {
            let reference = match values {
                New::Zero(len) => object::new(store, id, layout, len, &mut stack.0, |_| &[])?,
                New::Repeated(len) => object::new(store, id, layout, len, &mut stack.0, |all| &all[all.len() - 1..])?,
                New::Values(len) => {
                    object::new(store, id, layout, len as u32, &mut stack.0, |all| &all[all.len() - len..])?
                }
            };
            match values {
                New::Zero(_) => {}
                New::Repeated(_) => drop(stack.pop()),
                New::Values(len) => stack.0.truncate(stack.0.len() - len),
            }
            Ok(Some(reference))
        }
    }

    fn eval_leaf(&self, op: &ConstOp) -> Bits {
        match *op {
            ConstOp::Const(_, bits) => [bits as u64, (bits >> 64) as u64],
            // SAFETY: globals are live and only accessed by address.
            ConstOp::GlobalGet(index) => unsafe { self.global(index).read().0 },
            ConstOp::RefFunc(index) => [self.func(index).addr().get() as u64, 0],
            // `RefNull`; operators are not leaves.
            _ => [0, 0],
        }
    }
}

/// Where the contents of an object come from: the top operands.
#[derive(Clone, Copy)]
enum New {
    /// Nowhere: so many zeroes.
    Zero(u32),
    /// So many times from one operand.
    Repeated(u32),
    /// From so many operands.
    Values(usize),
}

/// The operands of a constant expression: bits, and whether they are a reference that the collector has to know of.
#[derive(Default)]
struct Operands(Vec<(Bits, bool)>);

impl Operands {
    fn push(&mut self, bits: Bits, is_traced: bool) {
        self.0.push((bits, is_traced));
    }

    fn pop(&mut self) -> Bits {
        self.0.pop().unwrap_or_default().0
    }

    /// Carries out an instruction on numbers; false if it is none.
    fn apply(&mut self, op: &ConstOp) -> bool {
        let apply: fn(u64, u64) -> u64 = match op {
            ConstOp::I32Add => |a, b| u64::from((a as u32).wrapping_add(b as u32)),
            ConstOp::I32Sub => |a, b| u64::from((a as u32).wrapping_sub(b as u32)),
            ConstOp::I32Mul => |a, b| u64::from((a as u32).wrapping_mul(b as u32)),
            ConstOp::I64Add => u64::wrapping_add,
            ConstOp::I64Sub => u64::wrapping_sub,
            ConstOp::I64Mul => u64::wrapping_mul,
            ConstOp::RefI31 => {
                let [value, _] = self.pop();
                self.push([crate::gc::i31(value as i32), 0], false);
                return true;
            }
            _ => return false,
        };
        let ([b, _], [a, _]) = (self.pop(), self.pop());
        self.push([apply(a, b), 0], false);
        true
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // SAFETY: the block was allocated with this layout in `allocate`.
        unsafe { dealloc(self.vmctx.as_ptr().cast(), vmctx_layout(&self.module)) };
    }
}

fn vmctx_layout(module: &ModuleInner) -> Layout {
    // 16 is the alignment of a global.
    match Layout::from_size_align(module.layout.size() as usize, 16) {
        Ok(layout) => layout,
        Err(_) => unreachable!("a 32-bit size that the validator's limits keep far below 2^31"),
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
