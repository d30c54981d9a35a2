//! Stack maps: which slots of a frame of compiled code hold references that the collector has to follow and change.
//!
//! A frame stands still between its prologue and its epilogue. Slots have 8 bytes and are counted from the stack pointer up. A map belongs to a
//! return address; until the call returns, its slots hold valid references or null, and the code reads them from there again afterwards.
//!
//! # Encoding
//! Maps lie one behind another in a list of 32-bit words, and are named by the place of their first word:
//! ```text
//! slots of the frame, from the stack pointer to the frame pointer
//! first slot, and number of slots, of a run that all are references
//! number of words of bits
//! bits: bit i of word w is slot 32 * w + i
//! ```

/// The name of no map: the frame holds no references.
pub const NO_MAP: u32 = u32::MAX;

/// A map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StackMap<'a> {
    /// Slots between the stack pointer and the frame pointer.
    pub frame_slots: u32,
    /// The first of a run of slots that all are references, and how many there are.
    pub run: (u32, u32),
    /// Further slots, a bit each.
    pub bits: &'a [u32],
}

impl<'a> StackMap<'a> {
    /// Words in front of the bits.
    const HEADER: usize = 4;

    /// The map with this name.
    pub fn read(words: &'a [u32], map: u32) -> StackMap<'a> {
        let words = &words[map as usize..];
        let bits = &words[Self::HEADER..Self::HEADER + words[3] as usize];
        StackMap { frame_slots: words[0], run: (words[1], words[2]), bits }
    }

    /// The words in front of the bits.
    pub fn header(self) -> [u32; 4] {
        [self.frame_slots, self.run.0, self.run.1, self.bits.len() as u32]
    }

    /// The slots that hold references.
    pub fn slots(self) -> impl Iterator<Item = u32> + 'a {
        let run = self.run.0..self.run.0 + self.run.1;
        let bits = self.bits.iter().enumerate().flat_map(|(word, &bits)| {
            let mut rest = bits;
            core::iter::from_fn(move || {
                let bit = (rest != 0).then(|| rest.trailing_zeros())?;
                rest &= rest - 1;
                Some(32 * word as u32 + bit)
            })
        });
        run.chain(bits)
    }
}

#[cfg(test)]
mod tests {
    extern crate alloc;
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn a_map_is_read_as_it_was_written() {
        let map = StackMap { frame_slots: 70, run: (66, 2), bits: &[1 << 31 | 1, 0, 2] };
        let mut words = Vec::from([7; 3]);
        words.extend(map.header());
        words.extend(map.bits);
        words.push(7);
        assert_eq!(StackMap::read(&words, 3), map);
        assert_eq!(map.slots().collect::<Vec<_>>(), [66, 67, 0, 31, 65]);
    }
}
