//! Parallel moves in sequence: all sources are read before any target is written.

use super::live::NONE;
use super::reg::{Loc, PRegSet, RegClass, Slot};
use super::{Machine, Move, Source};

/// One of the moves to be made at once. `class` and `wide` are those of its value.
#[derive(Clone, Copy, Debug)]
pub(super) struct ParallelMove {
    pub step: Move,
    pub class: RegClass,
    pub wide: bool,
}

/// Memory of the resolver.
#[derive(Default)]
pub(super) struct Resolver {
    /// For each place, how many pending moves read it, and the one that writes it.
    readers: Vec<u32>,
    writer: Vec<u32>,
    ready: Vec<u32>,
    done: Vec<bool>,
    /// Slots for cycles through memory, made when first needed.
    spare: [Option<Slot>; 2],
}

fn place(loc: Loc) -> usize {
    match loc {
        Loc::Reg(reg) => reg.index(),
        Loc::Slot(slot) => 64 + slot.index(),
    }
}

impl Resolver {
    /// Prepares for a function.
    pub fn reset(&mut self) {
        self.spare = [None; 2];
    }

    /// Emits moves, no two of which have one target. `slots` counts the slots of 8 and of 16 bytes.
    pub fn run(
        &mut self,
        moves: &mut [ParallelMove],
        machine: &Machine,
        slots: &mut [u32; 2],
        mut emit: impl FnMut(Move),
    ) {
        if let [only] = moves {
            if only.step.from != Source::Loc(only.step.to) {
                self.emit(only, machine, &mut emit);
            }
            return;
        }
        let places = 64 + 2 * (slots[0].max(slots[1]) as usize + 2);
        if self.readers.len() < places {
            self.readers.resize(places, 0);
            self.writer.resize(places, NONE);
        }
        self.done.clear();
        self.ready.clear();
        for (index, m) in moves.iter().enumerate() {
            let nothing = m.step.from == Source::Loc(m.step.to);
            self.done.push(nothing);
            if !nothing {
                self.writer[place(m.step.to)] = index as u32;
                if let Source::Loc(from) = m.step.from {
                    self.readers[place(from)] += 1;
                }
            }
        }
        for (index, m) in moves.iter().enumerate() {
            if !self.done[index] && self.readers[place(m.step.to)] == 0 {
                self.ready.push(index as u32);
            }
        }
        for start in 0..moves.len() {
            self.drain(moves, machine, &mut emit);
            if self.done[start] {
                continue;
            }
            // Only cycles are left: each place in them has one reader.
            let held = moves[start].step.to;
            let (reader, through_memory) = self.cycle(moves, start);
            let temporary = if through_memory {
                let wide = moves[reader].wide;
                let slot = *self.spare[wide as usize].get_or_insert_with(|| {
                    slots[wide as usize] += 1;
                    Slot::new(wide, slots[wide as usize] - 1)
                });
                Loc::Slot(slot)
            } else {
                Loc::Reg(machine.scratch[moves[reader].class as usize])
            };
            let mut saved = moves[reader];
            saved.step.to = temporary;
            self.emit(&saved, machine, &mut emit);
            moves[reader].step.from = Source::Loc(temporary);
            self.readers[place(held)] = 0;
            if place(temporary) < self.readers.len() {
                self.readers[place(temporary)] += 1;
            }
            self.ready.push(start as u32);
        }
        self.drain(moves, machine, &mut emit);
        for m in moves.iter() {
            self.writer[place(m.step.to)] = NONE;
            self.readers[place(m.step.to)] = 0;
        }
    }

    fn drain(&mut self, moves: &[ParallelMove], machine: &Machine, emit: &mut impl FnMut(Move)) {
        while let Some(index) = self.ready.pop() {
            let m = &moves[index as usize];
            self.done[index as usize] = true;
            self.emit(m, machine, emit);
            let Source::Loc(from) = m.step.from else { continue };
            let from = place(from);
            let Some(readers) = self.readers.get_mut(from) else { continue };
            *readers -= 1;
            if *readers == 0 {
                let writer = self.writer[from];
                if writer != NONE && !self.done[writer as usize] {
                    self.ready.push(writer);
                }
            }
        }
    }

    /// The move of a cycle that reads what the first one writes, and whether any goes from slot to slot.
    fn cycle(&self, moves: &[ParallelMove], start: usize) -> (usize, bool) {
        let (mut at, mut through_memory) = (start, false);
        loop {
            let Move { from, to, .. } = moves[at].step;
            let Source::Loc(from) = from else { return (at, through_memory) };
            through_memory |= from.reg().is_none() && to.reg().is_none();
            let next = self.writer[place(from)] as usize;
            if next == start {
                return (at, through_memory);
            }
            at = next;
        }
    }

    /// One move; from slot to slot it goes through the scratch register.
    fn emit(&self, m: &ParallelMove, machine: &Machine, emit: &mut impl FnMut(Move)) {
        let from_register = matches!(m.step.from, Source::Loc(Loc::Reg(_)));
        if m.step.to.reg().is_some() || from_register {
            emit(m.step);
        } else {
            let scratch = Loc::Reg(machine.scratch[m.class as usize]);
            emit(Move { to: scratch, ..m.step });
            emit(Move { from: Source::Loc(scratch), ..m.step });
        }
    }
}

/// Registers that moves write.
pub(super) fn written(moves: impl Iterator<Item = Move>) -> PRegSet {
    moves.filter_map(|m| m.to.reg()).collect::<PRegSet>()
}
