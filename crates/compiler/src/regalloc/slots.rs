//! Which spilled values share a slot.
//!
//! A value that an edge passes on from its slot to that of a parameter had best be there already. So the values of such edges are joined, the
//! most frequent edges first, as far as no two of them are live at once; what is joined then gets a slot in one sweep, from the
//! first definition to the last use.

use super::VReg;
use super::edges::Edge;
use super::live::{Liveness, NONE};
use super::scan::{PendingMove, Place, frequency};
use super::tuning::JOINED_RANGES;
use crate::entity::Entity;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A piece of a live range: where it starts and ends.
type Range = (u32, u32);

/// Memory of this phase.
#[derive(Default)]
pub(super) struct Slots {
    /// For each value that is joined to others one of them, by which all are known in the end, or itself; for others nothing.
    parent: Vec<u32>,
    /// For each value that others are joined to where in `ranges` those of all are.
    joined: Vec<u32>,
    /// Live ranges of joined values, ascending.
    ranges: Vec<Vec<Range>>,
    wishes: Vec<(f32, u32, u32)>,
    busy: [BinaryHeap<Reverse<(u32, u32)>>; 2],
    merged: Vec<Range>,
}

impl Slots {
    /// Gives each value in `spilled` (values by descending definition are filtered by it) its slot in `slot_of`; how many there are of 8 and of 16 bytes.
    pub fn run(
        &mut self,
        live: &Liveness,
        edges: &[Edge],
        moves: &[PendingMove],
        spilled: impl Fn(u32) -> bool,
        slot_of: &mut Vec<u32>,
    ) -> [u32; 2] {
        self.find_wishes(live, edges, moves, &spilled);
        self.join(live);
        slot_of.clear();
        slot_of.resize(live.values.len(), NONE);
        self.busy.iter_mut().for_each(BinaryHeap::clear);
        let mut slots = [0; 2];
        for &vreg in live.defs.iter().rev() {
            let index = vreg.index() as u32;
            if !spilled(index) {
                continue;
            }
            let root = self.root(index);
            if slot_of[root as usize] == NONE {
                let value = &live.values[vreg.index()];
                let end = match self.joined.get(root as usize) {
                    Some(&joined) if joined != NONE => {
                        self.ranges[joined as usize].last().map_or(value.end, |range| range.1)
                    }
                    _ => value.end,
                };
                slot_of[root as usize] = self.take(value.def, end, value.wide, &mut slots);
            }
            slot_of[vreg.index()] = slot_of[root as usize];
        }
        slots
    }

    /// A slot that is free from `start` to `end`.
    fn take(&mut self, start: u32, end: u32, wide: bool, slots: &mut [u32; 2]) -> u32 {
        let busy = &mut self.busy[wide as usize];
        let slot = match busy.peek() {
            Some(&Reverse((free, slot))) if free <= start => {
                busy.pop();
                slot
            }
            _ => {
                slots[wide as usize] += 1;
                slots[wide as usize] - 1
            }
        };
        busy.push(Reverse((end, slot)));
        slot
    }

    /// The pairs of values that an edge moves from slot to slot, by descending frequency.
    fn find_wishes(&mut self, live: &Liveness, edges: &[Edge], moves: &[PendingMove], spilled: impl Fn(u32) -> bool) {
        self.wishes.clear();
        for edge in edges {
            let often = frequency(live, edge.from as usize).min(frequency(live, edge.to as usize));
            for m in &moves[edge.moves.0 as usize..edge.moves.1 as usize] {
                if let (Place::Spill(from), Place::Spill(to)) = (m.from, m.to)
                    && spilled(from)
                    && spilled(to)
                {
                    self.wishes.push((often, from, to));
                }
            }
        }
        self.wishes.sort_by(|a, b| b.0.total_cmp(&a.0));
    }

    fn join(&mut self, live: &Liveness) {
        self.parent.clear();
        self.joined.clear();
        self.ranges.clear();
        if self.wishes.is_empty() {
            return;
        }
        self.parent.extend(0..live.values.len() as u32);
        self.joined.resize(live.values.len(), NONE);
        let wishes = std::mem::take(&mut self.wishes);
        for &(_, from, to) in &wishes {
            let (from, to) = (self.root(from), self.root(to));
            if from != to {
                let (a, b) = (self.ranges_of(live, from), self.ranges_of(live, to));
                if self.merge(a, b) {
                    self.parent[from as usize] = to;
                }
            }
        }
        self.wishes = wishes;
    }

    /// The value by which those that are joined with this one are known.
    fn root(&mut self, value: u32) -> u32 {
        if self.parent.is_empty() {
            return value;
        }
        let mut at = value;
        while self.parent[at as usize] != at {
            let next = self.parent[at as usize];
            self.parent[at as usize] = self.parent[next as usize];
            at = next;
        }
        at
    }

    /// Where in `ranges` those of a value are.
    fn ranges_of(&mut self, live: &Liveness, value: u32) -> usize {
        let joined = &mut self.joined[value as usize];
        if *joined == NONE {
            *joined = self.ranges.len() as u32;
            self.ranges.push(live.ranges_of(VReg::new(value as usize)).collect());
        }
        *joined as usize
    }

    /// Adds the ranges at `a` to those at `b`, if none overlaps and there are not too many.
    fn merge(&mut self, a: usize, b: usize) -> bool {
        let (left, right) = (&self.ranges[a], &self.ranges[b]);
        if left.len() + right.len() > JOINED_RANGES {
            return false;
        }
        self.merged.clear();
        let (mut i, mut j, mut end) = (0, 0, 0);
        while i < left.len() || j < right.len() {
            let from_left = j == right.len() || (i < left.len() && left[i].0 < right[j].0);
            let next = if from_left { left[i] } else { right[j] };
            if next.0 < end {
                return false;
            }
            if from_left {
                i += 1
            } else {
                j += 1
            }
            end = next.1;
            match self.merged.last_mut() {
                Some(last) if last.1 == next.0 => last.1 = next.1,
                _ => self.merged.push(next),
            }
        }
        self.ranges[a].clear();
        std::mem::swap(&mut self.ranges[b], &mut self.merged);
        true
    }
}
