//! The value-numbering table: two places for each hash, nothing is ever cleared.
//!
//! A key is an instruction and a version: that of its alias class for loads, so that a load is found again only as long as nobody wrote to the
//! class. A hit counts if the block of the entry dominates the current one, which the caller decides.

use crate::entity::Entity;
use crate::ir::{Block, Inst, Opcode, Type, Value};

#[derive(Clone, Copy)]
struct Entry {
    key: Inst,
    version: u32,
    epoch: u32,
    value: Value,
    block: Block,
}

const _: () = assert!(size_of::<Entry>() == 32);

/// The table.
#[derive(Default)]
pub struct Gvn {
    entries: Vec<[Entry; 2]>,
    epoch: u32,
    /// Sets in use less one, for this function.
    mask: usize,
}

/// Sets of the table, at least and at most.
const SETS: (usize, usize) = (1 << 8, 1 << 14);

impl Gvn {
    /// Forgets everything; the function's body has this many bytes.
    pub fn reset(&mut self, bytes: usize) {
        let sets = (bytes / 2).next_power_of_two().clamp(SETS.0, SETS.1);
        if self.entries.len() < sets {
            let none = Entry {
                key: Inst::new(Opcode::Nop, Type::None),
                version: 0,
                epoch: 0,
                value: Value::new(0),
                block: Block::new(0),
            };
            self.entries.resize(sets, [none; 2]);
        }
        self.mask = sets - 1;
        self.epoch = self.epoch.wrapping_add(1);
        if self.epoch == 0 {
            // The stamps of old entries could come round again.
            self.entries.iter_mut().flatten().for_each(|entry| entry.epoch = 0);
            self.epoch = 1;
        }
    }

    #[inline]
    fn set(&self, key: &Inst, version: u32) -> usize {
        let head = (key.op as u64) << 48 ^ (key.ty as u64) << 40 ^ u64::from(key.imm) << 32 ^ u64::from(version);
        let fields = u64::from(key.a) ^ u64::from(key.b) << 21 ^ u64::from(key.c) << 42;
        let mixed = (head ^ fields.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_mul(0xd6e8_feb8_6659_fd93);
        (mixed >> 40) as usize & self.mask
    }

    /// The value of a key whose block the caller accepts.
    #[inline]
    pub fn find(&self, key: &Inst, version: u32, accept: impl Fn(Block) -> bool) -> Option<Value> {
        self.entries[self.set(key, version)]
            .iter()
            .find(|entry| {
                entry.epoch == self.epoch && entry.key == *key && entry.version == version && accept(entry.block)
            })
            .map(|entry| entry.value)
    }

    /// Notes a value that was made in `block`.
    #[inline]
    pub fn insert(&mut self, key: Inst, version: u32, value: Value, block: Block) {
        let epoch = self.epoch;
        let set = self.set(&key, version);
        let [first, second] = &mut self.entries[set];
        if first.epoch == epoch && first.key != key {
            *second = *first;
        }
        *first = Entry { key, version, epoch, value, block };
    }
}
