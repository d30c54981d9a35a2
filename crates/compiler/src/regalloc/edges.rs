//! Block boundaries of the forward walk: which values start a block in which registers, and moves on edges that disagree.

use super::live::{Loop, NONE, Pred};
use super::scan::{NO_REG, PendingMove, Place, Walk, frequency};
use super::{Block, PReg, PRegSet, RegClass, VCode};
use crate::entity::Entity;

/// Marks a value in `reg_at_pred` that has a register in the target too.
const STAYS: u8 = 64;

/// Moves on an edge, a piece of `Scan::moves`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Edge {
    pub from: u32,
    pub succ: u32,
    pub to: u32,
    pub moves: (u32, u32),
}

impl<F: VCode> Walk<'_, F> {
    pub(super) fn start_block(&mut self, block: usize) {
        for reg in self.scan.occupied {
            self.scan.vacate(reg);
        }
        while let Some(&(last, first_saved)) = self.scan.loops.last()
            && (last as usize) < block
        {
            self.scan.loops.pop();
            for at in (first_saved as usize..self.scan.saved_needs.len()).rev() {
                let (value, until) = self.scan.saved_needs[at];
                self.scan.needed_until[value as usize] = until;
            }
            self.scan.saved_needs.truncate(first_saved as usize);
        }
        let start = self.live.starts[block];
        self.note_references(self.func.block_params(Block::new(block)).iter().map(|param| param.index() as u32));
        if block != 0 {
            let pred = self.hottest_pred(block);
            let (first, last) = self.scan.state_out[pred.block as usize];
            for at in first..last {
                let (value, reg) = self.scan.states[at as usize];
                if self.is_live(value, start) {
                    self.scan.place(reg, value);
                }
            }
            let head = self.live.loop_of_head[block];
            if head != NONE {
                let l = self.live.loops[head as usize];
                self.leave_registers(&l, block);
                self.params(block, pred);
                self.enter_registers(&l, block);
                self.need_state(&l);
            } else {
                self.params(block, pred);
            }
        }
        let state = self.save_state();
        self.scan.state_in.push(state);
        for at in 0..self.live.preds(block).len() {
            let pred = self.live.preds(block)[at];
            if (pred.block as usize) < block {
                self.edge(pred, block);
            }
        }
    }

    pub(super) fn end_block(&mut self, block: usize) {
        let state = self.save_state();
        self.scan.state_out.push(state);
        for (index, succ) in self.func.block_succs(Block::new(block)).iter().enumerate() {
            if succ.index() <= block {
                self.edge(Pred { block: block as u32, succ: index as u32 }, succ.index());
            }
        }
    }

    fn save_state(&mut self) -> (u32, u32) {
        let first = self.scan.states.len() as u32;
        for reg in self.scan.occupied {
            self.scan.states.push((self.scan.held[reg.index()], reg));
        }
        (first, self.scan.states.len() as u32)
    }

    /// The edge whose registers a block takes over: from the block that runs most often, the last one of several.
    fn hottest_pred(&self, block: usize) -> Pred {
        let mut best = (-1.0, Pred { block: 0, succ: 0 });
        for pred in self.live.preds(block).iter().filter(|pred| (pred.block as usize) < block) {
            let often = frequency(self.live, pred.block as usize);
            if often >= best.0 {
                best = (often, *pred);
            }
        }
        best.1
    }

    /// At a loop's head: values without a use in the loop leave if the loop needs their registers.
    fn leave_registers(&mut self, l: &Loop, block: usize) {
        let start = self.live.starts[block];
        let end = self.live.starts[l.last as usize + 1];
        for class in [RegClass::Int, RegClass::Vector] {
            let regs = self.class_set(class);
            let at = class as usize;
            let busy = l.pressure[at].saturating_sub(l.through[at]);
            let mut room = regs.len().saturating_sub(busy);
            let mut idle = std::mem::take(&mut self.scan.scratch_list);
            idle.clear();
            for reg in self.scan.occupied & regs {
                let value = self.scan.held[reg.index()];
                let used = self.next_hot_use(value, start).is_some_and(|(pos, _)| pos < end);
                // A register that the loop clobbers does not carry a value round it.
                if l.blocked.has(reg) {
                    let free = regs - self.scan.occupied - l.blocked;
                    if let Some(better) = self.pick(value, free, start / 4)
                        && (used || room > 0)
                    {
                        self.scan.vacate(reg);
                        self.scan.place(better, value);
                    } else if !used {
                        self.scan.vacate(reg);
                        continue;
                    }
                }
                if !used {
                    idle.push((self.distance(value, start, self.live.depths[block]), value));
                }
            }
            idle.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            for &(_, value) in &idle {
                if room > 0 {
                    room -= 1;
                } else {
                    self.scan.vacate(PReg::from_index(self.scan.reg_of[value as usize].into()));
                }
            }
            self.scan.scratch_list = idle;
        }
    }

    /// At a loop's head: values used in the loop come back to registers, if the loop has room.
    fn enter_registers(&mut self, l: &Loop, block: usize) {
        let start = self.live.starts[block];
        for at in l.values.0..l.values.1 {
            let value = self.live.loop_values[at as usize].index() as u32;
            if self.scan.reg_of[value as usize] != NO_REG || self.is_unneeded(value) {
                continue;
            }
            let class = self.value(value).class;
            let regs = self.class_set(class);
            let busy = l.pressure[class as usize].saturating_sub(l.through[class as usize]);
            let free = regs - self.scan.occupied;
            if busy > regs.len() || free.is_empty() {
                continue;
            }
            let lasting = free - l.blocked;
            if let Some(reg) = self.pick(value, if lasting.is_empty() { free } else { lasting }, start / 4) {
                self.scan.place(reg, value);
            }
        }
    }

    /// Notes that the loop's last block must have these values back in registers.
    fn need_state(&mut self, l: &Loop) {
        let end = self.live.starts[l.last as usize + 1];
        self.scan.loops.push((l.last, self.scan.saved_needs.len() as u32));
        for reg in self.scan.occupied {
            let value = self.scan.held[reg.index()];
            // A parameter is replaced on the back edge.
            if self.value(value).def < self.live.starts[l.head as usize] {
                let needed = &mut self.scan.needed_until[value as usize];
                self.scan.saved_needs.push((value, *needed));
                *needed = end - 1;
            }
        }
    }

    /// Registers for a block's parameters.
    fn params(&mut self, block: usize, pred: Pred) {
        let func = self.func;
        let start = self.live.starts[block];
        let depth = self.live.depths[block];
        let args = func.branch_args(Block::new(pred.block as usize), pred.succ as usize);
        let head = self.live.loop_of_head[block];
        let blocked = if head == NONE { PRegSet::EMPTY } else { self.live.loops[head as usize].blocked };
        let (first, last) = self.scan.state_out[pred.block as usize];
        for at in first..last {
            let (value, reg) = self.scan.states[at as usize];
            self.scan.reg_at_pred[value as usize] = reg.index() as u8;
        }
        for (&param, &arg) in func.block_params(Block::new(block)).iter().zip(args) {
            let value = param.index() as u32;
            if self.value(value).end <= start + 1 {
                continue;
            }
            let regs = self.allocatable(value);
            let free = regs - self.scan.occupied;
            let from = self.scan.reg_at_pred[arg.index()];
            let from = if from == NO_REG { PRegSet::EMPTY } else { PRegSet::of(PReg::from_index(from.into())) };
            let choice = [(free & from) - blocked, free - blocked, free].into_iter().find(|set| !set.is_empty());
            let reg = match choice {
                Some(set) => self.pick(value, set, start / 4),
                None => {
                    let victim = self.victim(regs & self.scan.occupied, start, depth);
                    let mine = self.distance(value, start, depth);
                    victim.filter(|reg| {
                        let other = self.scan.held[reg.index()];
                        self.distance(other, start, depth) > mine
                    })
                }
            };
            if let Some(reg) = reg {
                if self.scan.occupied.has(reg) {
                    self.scan.vacate(reg);
                }
                self.scan.place(reg, value);
            }
            self.scan.in_slot[value as usize] = reg.is_none() && head != NONE;
        }
        for at in first..last {
            self.scan.reg_at_pred[self.scan.states[at as usize].0 as usize] = NO_REG;
        }
    }

    /// Moves on an edge. Called where liveness at the target can still be told: at its start for forward edges, at the source's end for
    /// back edges.
    fn edge(&mut self, pred: Pred, to: usize) {
        let func = self.func;
        let start = self.live.starts[to];
        let back = pred.block as usize >= to;
        let first = self.scan.moves.len() as u32;
        let (out_first, out_last) = self.scan.state_out[pred.block as usize];
        let (in_first, in_last) = self.scan.state_in[to];
        for at in out_first..out_last {
            let (value, reg) = self.scan.states[at as usize];
            self.scan.reg_at_pred[value as usize] = reg.index() as u8;
        }
        let often = frequency(self.live, pred.block as usize).min(frequency(self.live, to));
        for at in in_first..in_last {
            let (value, reg) = self.scan.states[at as usize];
            if self.value(value).def != start {
                let from = self.source(value);
                // Its register is taken; what is left at the end left its registers.
                if self.scan.reg_at_pred[value as usize] != NO_REG {
                    self.scan.reg_at_pred[value as usize] |= STAYS;
                }
                if from != Place::Reg(reg) {
                    self.scan.moves.push(PendingMove { value, from, to: Place::Reg(reg), eviction: false });
                }
            }
        }
        for at in out_first..out_last {
            let (value, reg) = self.scan.states[at as usize];
            let stays = self.scan.reg_at_pred[value as usize] & STAYS != 0;
            self.scan.reg_at_pred[value as usize] = reg.index() as u8;
            let live = !stays
                && if back {
                    self.value(value).def < start
                } else {
                    self.value(value).def < start && self.is_live(value, start)
                };
            if live {
                self.scan.moves.push(PendingMove {
                    value,
                    from: Place::Reg(reg),
                    to: Place::Spill(value),
                    eviction: true,
                });
                self.scan.evicted[value as usize] = true;
                self.scan.evict_cost[value as usize] += often;
            }
        }
        let args = func.branch_args(Block::new(pred.block as usize), pred.succ as usize);
        for (&param, &arg) in func.block_params(Block::new(to)).iter().zip(args) {
            let param = param.index() as u32;
            if self.value(param).end <= start + 1 {
                continue;
            }
            let reg = (in_first..in_last).map(|at| self.scan.states[at as usize]).find(|&(value, _)| value == param);
            let place = reg.map_or(Place::Spill(param), |(_, reg)| Place::Reg(reg));
            let from = self.source(arg.index() as u32);
            if from != place {
                self.scan.moves.push(PendingMove { value: param, from, to: place, eviction: false });
            }
        }
        for at in out_first..out_last {
            self.scan.reg_at_pred[self.scan.states[at as usize].0 as usize] = NO_REG;
        }
        for at in in_first..in_last {
            self.scan.reg_at_pred[self.scan.states[at as usize].0 as usize] = NO_REG;
        }
        let last = self.scan.moves.len() as u32;
        if first != last {
            self.scan.edges.push(Edge { from: pred.block, succ: pred.succ, to: to as u32, moves: (first, last) });
        }
    }

    /// Where a value is at the end of the predecessor at hand.
    fn source(&mut self, value: u32) -> Place {
        match self.scan.reg_at_pred[value as usize] {
            NO_REG => {
                self.scan.slot_needed[value as usize] = true;
                Place::Spill(value)
            }
            reg => Place::Reg(PReg::from_index((reg & 63).into())),
        }
    }
}
