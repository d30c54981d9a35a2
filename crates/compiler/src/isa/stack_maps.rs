//! in: the slots that hold references at each safepoint of a function. out: its stack maps, as [`tiercel_abi::frames`] has them.

use crate::regalloc::{Inst, Slot};
use tiercel_abi::frames::{NO_MAP, StackMap};

/// Makes the maps of one function, in the order in which its instructions are emitted.
pub struct StackMaps {
    has_references: bool,
    frame_slots: u32,
    run: (u32, u32),
    first_spill_slot: u32,
    bits: Vec<u32>,
    /// The map that was made last.
    last: u32,
}

impl StackMaps {
    /// For a frame of so many 8-byte slots, in which the slots of `run` are references all the time and spill slots start at `first_spill_slot`.
    pub fn new(has_references: bool, frame_slots: u32, run: (u32, u32), first_spill_slot: u32) -> StackMaps {
        StackMaps { has_references, frame_slots, run, first_spill_slot, bits: Vec::new(), last: NO_MAP }
    }

    /// The map of an instruction. `listed` is what the allocator says of all, ascending by instruction.
    pub fn at(&mut self, inst: Inst, listed: &[(Inst, Slot)], words: &mut Vec<u32>) -> u32 {
        if !self.has_references {
            return NO_MAP;
        }
        self.bits.clear();
        let first = listed.partition_point(|&(at, _)| at < inst);
        for (_, slot) in listed[first..].iter().take_while(|&&(at, _)| at == inst) {
            let slot = self.first_spill_slot + slot.number();
            let word = slot as usize / 32;
            if self.bits.len() <= word {
                self.bits.resize(word + 1, 0);
            }
            self.bits[word] |= 1 << (slot % 32);
        }
        let map = StackMap { frame_slots: self.frame_slots, run: self.run, bits: &self.bits };
        if map.bits.is_empty() && self.run.1 == 0 {
            return NO_MAP;
        }
        if self.last == NO_MAP || StackMap::read(words, self.last) != map {
            self.last = words.len() as u32;
            words.extend(map.header());
            words.extend(map.bits);
        }
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entity::Entity;

    #[test]
    fn equal_maps_that_follow_each_other_are_one() {
        let inst = Inst::new;
        let slot = |number| Slot::new(false, number);
        let listed =
            [(inst(1), slot(0)), (inst(1), slot(40)), (inst(3), slot(40)), (inst(3), slot(0)), (inst(6), slot(1))];
        let mut maps = StackMaps::new(true, 50, (0, 0), 2);
        let mut words = Vec::new();
        let first = maps.at(inst(1), &listed, &mut words);
        assert_eq!(StackMap::read(&words, first).slots().collect::<Vec<_>>(), [2, 42]);
        assert_eq!(maps.at(inst(3), &listed, &mut words), first);
        assert_eq!(maps.at(inst(5), &listed, &mut words), NO_MAP);
        let last = maps.at(inst(6), &listed, &mut words);
        assert_eq!(StackMap::read(&words, last).slots().collect::<Vec<_>>(), [3]);
        // Blocks are emitted in another order than they are allocated in.
        let again = maps.at(inst(3), &listed, &mut words);
        assert_eq!(StackMap::read(&words, again).slots().collect::<Vec<_>>(), [2, 42]);
    }
}
