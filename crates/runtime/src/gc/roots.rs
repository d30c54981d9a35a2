//! Where references outside the heap are: in frames of guests, globals, tables, element segments, and in the host's hands.

use crate::api::store::{StoreId, StoreInner};
use crate::interp;
use crate::vm::{Activation, CodePoint};
use alloc::vec::Vec;
use core::ptr::NonNull;

/// A reference that the host holds: its place among a store's roots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Root {
    /// The store.
    pub store: StoreId,
    index: u32,
    generation: u32,
}

/// The references that the host holds, newest last. They are let go in the opposite order, when scopes end.
#[derive(Default)]
pub struct Roots {
    slots: Vec<u64>,
    /// How many scopes have ended: what tells a root from a later one in the same place.
    generation: u32,
    /// The generation in which each place was taken.
    taken: Vec<u32>,
}

impl Roots {
    /// Holds a reference.
    pub fn push(&mut self, store: StoreId, slot: u64) -> Root {
        let index = self.slots.len() as u32;
        self.slots.push(slot);
        self.taken.push(self.generation);
        Root { store, index, generation: self.generation }
    }

    /// The reference now.
    ///
    /// # Panics
    /// Its scope has ended.
    pub fn get(&self, root: Root) -> u64 {
        match self.taken.get(root.index as usize) {
            Some(&generation) if generation == root.generation => self.slots[root.index as usize],
            _ => panic!("a reference was used after the scope ended that it was rooted in"),
        }
    }

    /// How many there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Ends a scope that began when there were `len`.
    #[inline]
    pub fn truncate(&mut self, len: usize) {
        if self.slots.len() > len {
            self.slots.truncate(len);
            self.taken.truncate(len);
            self.generation = self.generation.wrapping_add(1);
        }
    }

    /// The reference at a place above a scope's start, to be read back after an allocation.
    pub fn at(&self, index: usize) -> u64 {
        self.slots[index]
    }
}

/// Calls `each` with every place outside the heap that may hold a reference to an object. `top` is where the guest is that runs or that
/// has called the host.
///
/// # Safety
/// As [`super::heap::make_room`].
pub unsafe fn visit(store: NonNull<StoreInner>, top: CodePoint, each: &mut dyn FnMut(*mut u64)) {
    // SAFETY: promised by the caller. Borrows of the store are of parts that `each` does not touch.
    unsafe {
        let this = store.as_ptr();
        interp::visit_frames(top, each);
        let mut activation: *const Activation = (*(*this).vm.ptr().as_ptr()).activations;
        while let Some(waiting) = activation.as_ref() {
            interp::visit_frames(waiting.at, each);
            activation = waiting.below;
        }
        #[cfg(native)]
        crate::native::visit_frames((*this).vm.ptr(), each);
        for instance in &(*this).instances {
            (*instance.ptr().as_ptr()).visit_roots(each);
        }
        for table in &(*this).tables {
            let table = &mut *table.ptr().as_ptr();
            if table.ty().element.heap.is_traced() {
                let len = table.len();
                if let Ok(elements) = table.range_mut(0, len) {
                    elements.iter_mut().for_each(|element| each(element));
                }
            }
        }
        for global in &(*this).gc.globals {
            each(global.as_ptr().cast());
        }
        for slot in &mut (*this).gc.roots.slots {
            each(slot);
        }
    }
}
