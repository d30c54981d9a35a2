//! The operand stack as the translator sees it: values that have no code yet, and where the others are.
//!
//! Every entry has a *home*, the slots of the frame that belong to its height. An entry is a value at home, or still a local or a
//! constant. Setting a local first brings home the entries that still mean its old value; they are found by a chain through the
//! stack, one for each local, so that this costs no search.

use crate::interp::ops::Class;
use alloc::vec::Vec;

/// What an entry stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A value in the entry's home.
    Temp,
    /// The value of a local.
    Local(u32),
    /// A constant: its bits as in a slot.
    Const(u64),
}

/// One operand.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// What it stands for.
    pub kind: Kind,
    /// Its class.
    pub class: Class,
    /// The slot where it is, or would be.
    pub home: u32,
    /// The next lower entry that stands for the same local.
    chain: u32,
}

/// A local variable.
#[derive(Clone, Copy, Debug)]
pub struct Local {
    /// Its slot.
    pub slot: u32,
    /// Its class.
    pub class: Class,
    /// The topmost entry that stands for it.
    chain: u32,
}

const NONE: u32 = u32::MAX;

/// Slots of a value of this class.
pub fn slots(class: Class) -> u32 {
    if class == Class::V128 { 2 } else { 1 }
}

/// The operands of one function.
#[derive(Default)]
pub struct Stack {
    entries: Vec<Entry>,
    locals: Vec<Local>,
    /// Indices of the entries of class `Ref`.
    refs: Vec<u32>,
    /// The home of the next entry.
    next_home: u32,
    /// The highest `next_home` so far.
    max_home: u32,
    /// Entries below this index are not locals.
    settled: usize,
}

impl Stack {
    /// Forgets everything but the memory.
    pub fn clear(&mut self) {
        self.entries.clear();
        self.locals.clear();
        self.refs.clear();
        (self.next_home, self.max_home, self.settled) = (0, 0, 0);
    }

    /// Adds a local.
    pub fn declare(&mut self, class: Class, slot: u32) {
        self.locals.push(Local { slot, class, chain: NONE });
    }

    /// A local.
    pub fn local(&self, local: u32) -> Local {
        self.locals[local as usize]
    }

    /// Says where the first entry's home is.
    pub fn set_base(&mut self, slot: u32) {
        self.next_home = slot;
        self.max_home = slot;
    }

    /// Entries.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// The home of the next entry.
    pub fn next_home(&self) -> u32 {
        self.next_home
    }

    /// One past the last slot that any entry used.
    pub fn max_home(&self) -> u32 {
        self.max_home
    }

    /// Makes sure that the frame reaches to `slot`.
    pub fn reserve_to(&mut self, slot: u32) {
        self.max_home = self.max_home.max(slot);
    }

    /// The homes that hold references, of the entries below index `end`.
    pub fn traced(&self, end: usize) -> impl Iterator<Item = u16> + '_ {
        let entries = self.refs.iter().map(|&index| index as usize).take_while(move |&index| index < end);
        let entries = entries.map(|index| &self.entries[index]);
        entries.filter(|entry| entry.kind == Kind::Temp).map(|entry| entry.home as u16)
    }

    /// The slots of the locals that are references.
    pub fn traced_locals(&self) -> impl Iterator<Item = u16> + '_ {
        self.locals.iter().filter(|local| local.class == Class::Ref).map(|local| local.slot as u16)
    }

    /// The entry at `index` from below.
    pub fn get(&self, index: usize) -> Entry {
        self.entries[index]
    }

    /// Adds an entry; the result is its home.
    pub fn push(&mut self, kind: Kind, class: Class) -> u32 {
        let (home, index) = (self.next_home, self.entries.len() as u32);
        let mut chain = NONE;
        if let Kind::Local(local) = kind {
            chain = core::mem::replace(&mut self.locals[local as usize].chain, index);
        }
        if class == Class::Ref {
            self.refs.push(index);
        }
        self.entries.push(Entry { kind, class, home, chain });
        self.next_home += slots(class);
        self.max_home = self.max_home.max(self.next_home);
        home
    }

    /// Takes the top entry.
    pub fn pop(&mut self) -> Entry {
        // Validation has proved that there is one.
        let entry = self.entries.pop().unwrap_or(Entry { kind: Kind::Temp, class: Class::I32, home: 0, chain: NONE });
        if let Kind::Local(local) = entry.kind {
            self.locals[local as usize].chain = entry.chain;
        }
        if entry.class == Class::Ref {
            self.refs.pop();
        }
        self.next_home = entry.home;
        self.settled = self.settled.min(self.entries.len());
        entry
    }

    /// Takes entries until `len` are left.
    pub fn truncate(&mut self, len: usize) {
        while self.entries.len() > len {
            self.pop();
        }
    }

    /// Says that the entry at `index` is home now. If it was a local, it must be the topmost entry of its chain.
    pub fn settle(&mut self, index: usize) {
        let entry = self.entries[index];
        if let Kind::Local(local) = entry.kind {
            debug_assert_eq!(self.locals[local as usize].chain, index as u32, "entries settle from the top");
            self.locals[local as usize].chain = entry.chain;
        }
        self.entries[index].kind = Kind::Temp;
    }

    /// The topmost entry that stands for `local`.
    pub fn reference(&self, local: u32) -> Option<usize> {
        let head = self.locals[local as usize].chain;
        (head != NONE).then_some(head as usize)
    }

    /// Changes what class the top entry is read as; neither is `Ref`.
    pub fn retype_top(&mut self, class: Class) {
        if let Some(top) = self.entries.last_mut() {
            top.class = class;
        }
    }

    /// The entries that may still be locals.
    pub fn unsettled(&self) -> core::ops::Range<usize> {
        self.settled..self.entries.len()
    }

    /// Says that no entry is a local any more.
    pub fn set_settled(&mut self) {
        self.settled = self.entries.len();
    }
}
