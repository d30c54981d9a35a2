//! The segments of an instance: data and elements that instructions copy from, and those that go to their places first.

use super::{Instance, Table};
use crate::api::error::Result;
use crate::api::store::StoreInner;
use alloc::boxed::Box;
use core::ptr::NonNull;
use tiercel_abi::Trap;
use tiercel_wasm::module::{ElementItems, SegmentMode};

/// Which segments of one kind an instance has dropped by an instruction. All that are not passive are dropped once it is made.
///
/// Most instances drop none: then there is nothing.
#[derive(Default)]
pub struct Dropped(Box<[bool]>);

impl Dropped {
    fn add(&mut self, segment: u32, count: usize) {
        if self.0.is_empty() {
            self.0 = alloc::vec![false; count].into();
        }
        self.0[segment as usize] = true;
    }

    fn has(&self, segment: u32) -> bool {
        self.0.get(segment as usize).is_some_and(|&dropped| dropped)
    }
}

impl Instance {
    /// How many elements a segment has; none once it is dropped.
    pub fn element_count(&self, segment: u32) -> u32 {
        let element = &self.module.info.elements[segment as usize];
        match matches!(element.mode, SegmentMode::Passive) && !self.dropped_elements.has(segment) {
            true => element.items.len() as u32,
            false => 0,
        }
    }

    /// An element of a segment that is not dropped.
    pub fn element(&self, segment: u32, index: u32) -> u64 {
        if let Some(Some(values)) = self.elements.get(segment as usize) {
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

    /// The bytes of a data segment; none once it is dropped.
    fn data(&self, segment: u32) -> &[u8] {
        match &self.module.info.data[segment as usize].mode {
            SegmentMode::Passive if !self.dropped_data.has(segment) => self.module.data(segment),
            _ => &[],
        }
    }

    /// Bytes `start..start + len` of a data segment.
    pub fn data_range(&self, segment: u32, start: u32, len: u64) -> Option<&[u8]> {
        self.data(segment).get(start as usize..)?.get(..usize::try_from(len).ok()?)
    }

    /// Evaluates the element segments whose values are references that the collector has to know of: they may be new objects, and each
    /// has to be made once.
    ///
    /// # Safety
    /// As [`Instance::new`].
    pub(super) unsafe fn eval_segments(this: NonNull<Instance>, store: NonNull<StoreInner>) -> Result<()> {
        // SAFETY: promised by the caller; what is borrowed is not written to, but for `elements` between evaluations.
        unsafe {
            let module = this.as_ref().module.clone();
            for (segment, element) in module.info.elements.iter().enumerate() {
                let ElementItems::Exprs(exprs) = &element.items else { continue };
                if !element.ty.heap.is_traced() {
                    continue;
                }
                let all = &mut (*this.as_ptr()).elements;
                if all.is_empty() {
                    *all = module.info.elements.iter().map(|_| None).collect();
                }
                all[segment] = Some(exprs.iter().map(|_| 0).collect());
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

    /// Copies the active element segments to their tables.
    ///
    /// # Safety
    /// As [`Instance::new`].
    pub(super) unsafe fn init_elements(&self) -> Result<(), Trap> {
        for (segment, element) in self.module.info.elements.iter().enumerate() {
            if let SegmentMode::Active { index, offset } = &element.mode {
                let ([start, _], len) = (self.eval_number(offset), element.items.len());
                // SAFETY: promised by the caller.
                unsafe { self.copy_elements(*index, segment as u32, start, 0, len as u64, len)? };
            }
        }
        Ok(())
    }

    /// Copies the active data segments to their memories.
    ///
    /// # Safety
    /// As [`Instance::new`].
    pub(super) unsafe fn init_data(&self) -> Result<(), Trap> {
        for (segment, data) in self.module.info.data.iter().enumerate() {
            if let SegmentMode::Active { index, offset } = &data.mode {
                let ([start, _], bytes) = (self.eval_number(offset), self.module.data(segment as u32));
                // SAFETY: promised by the caller.
                unsafe { self.copy_data(*index, bytes, start, 0, bytes.len() as u64)? };
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
        unsafe {
            let this = this.as_ref();
            this.copy_elements(table, segment, dst, src, len, this.element_count(segment) as usize)
        }
    }

    /// Copies some of the first `available` elements of a segment to a table.
    ///
    /// # Safety
    /// The table is not borrowed.
    unsafe fn copy_elements(
        &self,
        table: u32,
        segment: u32,
        dst: u64,
        src: u64,
        len: u64,
        available: usize,
    ) -> Result<(), Trap> {
        if src.checked_add(len).is_none_or(|end| end > available as u64) {
            return Err(Trap::TableOutOfBounds);
        }
        let table: *mut Table = self.table(table).as_ptr();
        // SAFETY: promised by the caller; the table is no part of `self`.
        let elements = unsafe { &mut *table }.range_mut(dst, len)?;
        let range = src as usize..(src + len) as usize;
        if range.is_empty() {
            return Ok(());
        }
        match &self.module.info.elements[segment as usize].items {
            ElementItems::Funcs(funcs) => {
                for (element, &func) in elements.iter_mut().zip(&funcs[range]) {
                    *element = self.func(func).addr().get() as u64;
                }
            }
            ElementItems::Exprs(_) => {
                for (element, index) in elements.iter_mut().zip(range) {
                    *element = self.element(segment, index as u32);
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
        unsafe {
            let this = this.as_ref();
            this.copy_data(memory, this.data(segment), dst, src, len)
        }
    }

    /// Copies some of these bytes to a memory.
    ///
    /// # Safety
    /// The memory is not borrowed; the bytes are no part of it.
    unsafe fn copy_data(&self, memory: u32, bytes: &[u8], dst: u64, src: u64, len: u64) -> Result<(), Trap> {
        // SAFETY: the memory is live and not borrowed.
        let (base, size) = unsafe {
            let def = self.memory(memory).as_ref().def();
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
        unsafe {
            let count = this.as_ref().module.info.data.len();
            (*this.as_ptr()).dropped_data.add(segment, count);
        }
    }

    /// Drops an element segment.
    ///
    /// # Safety
    /// As [`Instance::data_drop`].
    pub unsafe fn elem_drop(this: NonNull<Instance>, segment: u32) {
        // SAFETY: promised by the caller.
        unsafe {
            let count = this.as_ref().module.info.elements.len();
            (*this.as_ptr()).dropped_elements.add(segment, count);
        }
    }

    /// Calls `each` with every place of a segment that may hold a reference to an object.
    pub(super) fn visit_elements(&mut self, each: &mut dyn FnMut(*mut u64)) {
        for values in self.elements.iter_mut().flatten() {
            values.iter_mut().for_each(|value| each(value));
        }
    }
}
