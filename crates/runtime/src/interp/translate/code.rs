//! The code being written: words, and where each instruction that can stop comes from.

use crate::interp::dispatch::Handler;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// An operand word of four 16-bit fields.
pub fn fields(dst: u16, s0: u16, s1: u16, s2: u16) -> u64 {
    let [a, b] = dst.to_ne_bytes();
    let [c, d] = s0.to_ne_bytes();
    let [e, f] = s1.to_ne_bytes();
    let [g, h] = s2.to_ne_bytes();
    u64::from_ne_bytes([a, b, c, d, e, f, g, h])
}

/// An operand word of two 16-bit fields and a 32-bit one.
pub fn fields_imm(dst: u16, s0: u16, imm: u32) -> u64 {
    let [a, b] = dst.to_ne_bytes();
    let [c, d] = s0.to_ne_bytes();
    let [e, f, g, h] = imm.to_ne_bytes();
    u64::from_ne_bytes([a, b, c, d, e, f, g, h])
}

/// A word of two 32-bit halves.
pub fn halves(first: u32, second: u32) -> u64 {
    let [a, b, c, d] = first.to_ne_bytes();
    let [e, f, g, h] = second.to_ne_bytes();
    u64::from_ne_bytes([a, b, c, d, e, f, g, h])
}

/// The four 16-bit fields of an operand word.
pub fn split(word: u64) -> [u16; 4] {
    let [a, b, c, d, e, f, g, h] = word.to_ne_bytes();
    [[a, b], [c, d], [e, f], [g, h]].map(u16::from_ne_bytes)
}

/// The same operand word with another `dst`.
fn with_dst(word: u64, dst: u16) -> u64 {
    let mut bytes = word.to_ne_bytes();
    bytes[..2].copy_from_slice(&dst.to_ne_bytes());
    u64::from_ne_bytes(bytes)
}

/// The distance word of a branch, to be filled in when its target is known.
#[derive(Clone, Copy)]
pub struct Fixup {
    /// The word.
    pub word: usize,
    /// The branch's first word, from which distances count.
    pub from: usize,
}

/// A growing function. Every instruction starts with a `Handler` (the invariant that dispatch leans on).
#[derive(Default)]
pub struct CodeBuilder {
    words: Vec<u64>,
    /// For each instruction that can trap or call: its first word and its place in the module, ascending.
    origins: Vec<(u32, u32)>,
    /// Stack maps: the first word of an instruction at which a collection may happen, and where its slots start in `map_slots`. Each
    /// holds until the next.
    maps: Vec<(u32, u32)>,
    map_slots: Vec<u16>,
}

/// The most slots in a function's stack maps: a bound on memory, far from what real functions have.
const MAX_MAP_SLOTS: usize = 1 << 24;

impl CodeBuilder {
    /// Words so far: the position of the next instruction.
    pub fn len(&self) -> usize {
        self.words.len()
    }

    /// Forgets everything but the memory.
    pub fn clear(&mut self) {
        self.words.clear();
        self.origins.clear();
        self.maps.clear();
        self.map_slots.clear();
    }

    /// Notes that a collection may happen at the instruction at the end, while these slots hold references; false if there are too
    /// many maps.
    pub fn map(&mut self, slots: impl Iterator<Item = u16>) -> bool {
        let start = self.map_slots.len();
        self.map_slots.extend(slots);
        let last = self.maps.last().map_or(0..0, |(_, last)| *last as usize..start);
        if self.map_slots[last] == self.map_slots[start..] {
            // As before.
            self.map_slots.truncate(start);
        } else {
            self.maps.push((self.words.len() as u32, start as u32));
        }
        self.map_slots.len() <= MAX_MAP_SLOTS
    }

    /// Starts an instruction; its operand words follow by [`CodeBuilder::word`].
    pub fn op(&mut self, handler: Handler) -> usize {
        let at = self.words.len();
        self.words.push(handler as usize as u64);
        at
    }

    /// Adds an operand word.
    pub fn word(&mut self, word: u64) {
        self.words.push(word);
    }

    /// Notes that the instruction at the end can stop, and where it comes from (bytes from the module's start).
    pub fn origin(&mut self, offset: u32) {
        self.origins.push((self.words.len() as u32, offset));
    }

    /// Takes back everything from `at` on; `at` is the start of an instruction.
    pub fn truncate(&mut self, at: usize) {
        self.words.truncate(at);
        while self.origins.last().is_some_and(|(word, _)| *word as usize >= at) {
            self.origins.pop();
        }
    }

    /// A word that was written.
    pub fn get(&self, at: usize) -> u64 {
        self.words[at]
    }

    /// Gives the instruction at `at` another handler, with the same operands.
    pub fn set_handler(&mut self, at: usize, handler: Handler) {
        self.words[at] = handler as usize as u64;
    }

    /// Gives the instruction at `at` another destination.
    pub fn set_dst(&mut self, at: usize, dst: u16) {
        self.words[at + 1] = with_dst(self.words[at + 1], dst);
    }

    /// Replaces an operand word.
    pub fn set_word(&mut self, at: usize, word: u64) {
        self.words[at] = word;
    }

    /// Adds a distance word for the instruction that starts at `from`.
    pub fn distance(&mut self, from: usize) -> Fixup {
        let word = self.words.len();
        self.words.push(0);
        Fixup { word, from }
    }

    /// Makes a distance lead to `target`.
    pub fn fix(&mut self, fixup: Fixup, target: usize) {
        self.words[fixup.word] = (target as i64 - fixup.from as i64) as u64;
    }

    /// The finished function.
    pub fn finish(&self, traced_locals: Box<[u16]>) -> Code {
        Code {
            words: self.words.as_slice().into(),
            origins: self.origins.as_slice().into(),
            maps: self.maps.as_slice().into(),
            map_slots: self.map_slots.as_slice().into(),
            traced_locals,
        }
    }
}

/// The code of one function.
pub struct Code {
    /// Instructions.
    pub words: Box<[u64]>,
    /// For each instruction that can stop: its first word and its place in the module (bytes from the start), ascending.
    pub origins: Box<[(u32, u32)]>,
    /// Stack maps: the first word of an instruction at which a collection may happen, and where its slots start in `map_slots`,
    /// ascending. Each holds until the next.
    pub maps: Box<[(u32, u32)]>,
    /// Slots of operands that are references, by the maps.
    pub map_slots: Box<[u16]>,
    /// Slots of parameters and locals that are references.
    pub traced_locals: Box<[u16]>,
}
