//! Jumps become short once it is known where they lead, and what is behind them moves up.
//!
//! Loops lie behind padding up to the next line of the cache ([`LINE_BYTES`]), which shrinks to what they need once their size is known. On the
//! processor at hand a small loop in two lines takes half as long again, and a comparison that lies in two with its jump one cycle more.
//!
//! One walk: a jump is short if it reaches however far the paddings on its way may grow, which they do when what is in front of them shrinks.

use super::asm::{Assembler, Padding, UNBOUND, Width, nops};

/// A short jump: an opcode and a distance, one byte each.
pub const SHORT_BYTES: u32 = 2;
/// Loops start at multiples of so many bytes. No effect on correctness.
const LOOP_ALIGN: u32 = 32;
/// Those that fit into so many, and have no other one in them, at multiples of this. No effect on correctness.
pub const LINE_BYTES: u32 = 64;
/// The opcode of `jmp` with 32 bits.
const JMP: u8 = 0xe9;
/// The opcode of a short `jmp`.
const JMP_SHORT: u8 = 0xeb;
/// From the second byte of a `jcc` with 32 bits to the opcode of a short one.
const JCC_TO_SHORT: u8 = 0x80 - 0x70;

/// From `from` on, up to the next one, everything has moved up by so many bytes.
#[derive(Clone, Copy, Debug)]
pub struct Shift {
    from: u32,
    bytes: u32,
}

impl Assembler {
    /// Whether a short jump that ends at `end` reaches `target` whatever [`Assembler::relax`] does.
    pub(super) fn is_near(&self, end: u32, target: u32) -> bool {
        let distance = target as i32 - end as i32;
        if i8::try_from(distance).is_err() {
            return false;
        }
        let (low, high) = (end.min(target), end.max(target));
        // An empty one that lies there may be on the way too.
        let first =
            self.paddings.partition_point(|padding| padding.end < low || padding.end == low && padding.bytes > 0);
        let between = self.paddings[first..].iter().take_while(|padding| padding.end <= high);
        let growth: u32 = between.map(|padding| padding.align - 1 - padding.bytes).sum();
        i8::try_from(distance + distance.signum() * growth as i32).is_ok()
    }

    /// Makes jumps short that can be. Then offsets taken before are to be given to [`Assembler::moved`] or [`Assembler::moved_end`].
    pub fn relax(&mut self) {
        debug_assert!(self.shifts.is_empty(), "relaxed twice");
        let mut fixups = std::mem::take(&mut self.fixups);
        let mut code = Moving { read: 0, write: 0 };
        let mut next_padding = 0;
        self.code_align = 1;
        for fixup in &mut fixups {
            while let Some(&padding) = self.paddings.get(next_padding).filter(|padding| padding.end <= fixup.at) {
                self.pad(&mut code, padding);
                next_padding += 1;
            }
            let is_short = fixup.width == Width::Jump && {
                // The distance shrinks with the jump, or stays.
                let target = self.labels[fixup.label.0 as usize];
                target != UNBOUND && self.is_near(fixup.base, target)
            };
            if !is_short {
                let shift = self.shift();
                (fixup.at, fixup.base) = (fixup.at - shift, fixup.base - shift);
                continue;
            }
            let opcode = self.buffer.code()[fixup.at as usize - 1];
            let (start, opcode) = match opcode {
                JMP => (fixup.at - 1, JMP_SHORT),
                _ => (fixup.at - 2, opcode - JCC_TO_SHORT),
            };
            self.move_up(&mut code, start);
            self.buffer.write_i8(code.write, opcode as i8);
            code.write += SHORT_BYTES;
            code.read = fixup.base;
            self.shifts.push(Shift { from: code.read, bytes: code.read - code.write });
            (fixup.at, fixup.base, fixup.width) = (code.write - 1, code.write, Width::Short);
        }
        for padding in next_padding..self.paddings.len() {
            self.pad(&mut code, self.paddings[padding]);
        }
        let end = self.buffer.offset();
        self.move_up(&mut code, end);
        self.buffer.truncate(code.write);
        let shifts = &self.shifts;
        for place in self.labels.iter_mut().filter(|place| **place != UNBOUND) {
            *place = moved(shifts, *place);
        }
        for reloc in &mut self.relocs {
            reloc.offset = moved(shifts, reloc.offset);
        }
        self.fixups = fixups;
        self.paddings.clear();
    }

    /// Where an instruction is now that was at this offset.
    pub fn moved(&self, offset: u32) -> u32 {
        moved(&self.shifts, offset)
    }

    /// Where an instruction ends now that ended at this offset and is no jump.
    pub fn moved_end(&self, offset: u32) -> u32 {
        self.moved(offset - 1) + 1
    }

    /// What everything moves up by at the moment.
    fn shift(&self) -> u32 {
        self.shifts.last().map_or(0, |shift| shift.bytes)
    }

    /// Moves the bytes up to an offset.
    fn move_up(&mut self, code: &mut Moving, end: u32) {
        self.buffer.copy_within(code.read..end, code.write);
        code.write += end - code.read;
        code.read = end;
    }

    fn pad(&mut self, code: &mut Moving, padding: Padding) {
        self.move_up(code, padding.end - padding.bytes);
        code.read = padding.end;
        // Not behind the old end, so that nothing is overwritten that has not moved yet.
        let align = align(padding);
        self.code_align = self.code_align.max(align);
        let end = code.write.next_multiple_of(align);
        let buffer = &mut self.buffer;
        nops(end - code.write, |nop| {
            buffer.overwrite(code.write, nop);
            code.write += nop.len() as u32;
        });
        self.shifts.push(Shift { from: code.read, bytes: code.read - code.write });
    }
}

/// What is behind a padding starts at a multiple of this, which divides what it started at a multiple of before.
fn align(padding: Padding) -> u32 {
    let loop_bytes = padding.loop_end.map(|end| end - padding.end);
    match padding.align {
        LINE_BYTES if loop_bytes.is_none_or(|bytes| bytes > LINE_BYTES) => LOOP_ALIGN,
        align => align,
    }
}

fn moved(shifts: &[Shift], offset: u32) -> u32 {
    let behind = shifts.partition_point(|shift| shift.from <= offset);
    offset - behind.checked_sub(1).map_or(0, |last| shifts[last].bytes)
}

/// How far the code is moved.
struct Moving {
    /// What is in front of this offset has moved,
    read: u32,
    /// and ends here now.
    write: u32,
}

#[cfg(test)]
mod tests {
    use crate::isa::x64::asm::Assembler;
    use crate::isa::x64::row::Cond;

    /// Jumps over paddings that are empty where they are emitted and grow when what is in front of them shrinks.
    #[test]
    fn jumps_reach_over_paddings_that_were_empty() {
        for distance in 50..140 {
            for forward in [true, false] {
                let mut asm = Assembler::new(Default::default());
                let (next, target) = (asm.label(), asm.label());
                // It becomes shorter: what is behind it moves up, and the padding grows.
                asm.jcc(Cond::E, next);
                asm.bind(next);
                let front = if forward { 2 * 64 - 6 } else { 2 * 64 };
                while asm.offset() < front {
                    asm.bytes(&[0x90]);
                }
                if forward {
                    asm.jcc(Cond::E, target);
                } else {
                    asm.bind(target);
                }
                assert_eq!(asm.offset() % 64, 0);
                asm.align(64);
                asm.bytes(&vec![0x90; distance]);
                if forward {
                    asm.bind(target);
                } else {
                    asm.jcc(Cond::E, target);
                }
                asm.relax();
                // Panics if a jump does not reach.
                asm.finish();
            }
        }
    }
}
