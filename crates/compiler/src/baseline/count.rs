//! Counting: how often a function is entered and its loops go round, so that what runs much is compiled again.
//!
//! Each function has one counter, a word in memory. If each round of a loop took from it there, it would wait for what the round before has stored.
//! So most loops have it nearer, together with the loops inside: in a register that they do not use, or else in the frame, where processors pass on
//! what was stored without delay. It is brought there before the loop, and back on each way out of it and around calls.
//!
//! A loop that enters another one in each round is counted there. The start of a function that enters a loop in any case is counted before the loop.

use super::Baseline;
use super::control::Fixes;
use super::machine::{Assembly, Emit, Machine};
use super::state::index;
use crate::ir::Type;
use crate::isa::buffer::Label;
use crate::isa::reg::{Reg, RegClass};

/// What a call and a round of a loop count for. No effect on correctness.
const CALL_COST: i32 = 100;
const ROUND_COST: i32 = 30;
/// A local that has so many accesses in a loop at most makes room for the counter. No effect on correctness.
const MOST_ACCESSES: u32 = 3;

/// Where a loop has the counter.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Counter {
    /// In this register.
    Reg(Reg),
    /// In its place in the frame.
    Home,
}

/// A loop that has the counter near.
#[derive(Clone, Copy)]
pub struct Counting {
    /// The construct that the loop is.
    frame: usize,
    counter: Counter,
    /// Whether the register is one of those for operands elsewhere.
    is_temp: bool,
}

/// Where code goes whose counter is below zero.
pub struct CountExit {
    below: Label,
    /// Where it comes back.
    back: Label,
    /// The location of the loop; 0 for the function's entry.
    at: u32,
    /// Locals that are stored for it, each with its home.
    stores: Vec<(Type, Reg, i32)>,
    counter: Option<Counter>,
}

/// A way out of a loop that has the counter near.
pub struct LoopExit {
    from: Label,
    to: Label,
    counter: Counter,
    /// Locals that are stored and loaded on it, each with its home.
    stores: Vec<(Type, Reg, i32)>,
    loads: Vec<(Type, Reg, i32)>,
}

impl<M: Machine> Baseline<M>
where
    Self: Emit<M = M>,
{
    /// Brings the counter near for the loop that is about to be opened, with this number.
    pub(super) fn start_counting(&mut self, number: usize) {
        let found = self.scan.loops[number];
        if !self.options.counts || self.counting.is_some() || found.mostly_calls() {
            return;
        }
        let uses = self.loop_uses[number].0;
        let most = found.weight(MOST_ACCESSES);
        // What it costs to have the register.
        let cost = |reg: Reg| match () {
            () if uses.contains(reg) => {
                let weight = self.locals_in(reg, found.end).map(|local| self.scan.locals[local as usize].weight).sum();
                (weight <= most).then_some(weight)
            }
            () if self.free.contains(reg) => Some(1),
            () if !self.of_locals.contains(reg) => None,
            () if !self.state.loaded.contains(reg) || !self.is_alive(reg) => Some(0),
            () if self.state.stored.contains(reg) => Some(2),
            () => Some(3),
        };
        let candidates = M::FOR_LOCALS.iter().chain(M::KEPT).filter(|reg| reg.class() == RegClass::Int);
        let cheapest = candidates.filter_map(|&reg| Some((cost(reg)?, reg))).min_by_key(|(cost, _)| *cost);
        let counter = cheapest.map_or(Counter::Home, |(_, reg)| Counter::Reg(reg));
        let mut is_temp = false;
        if let Counter::Reg(reg) = counter {
            is_temp = self.temps.contains(reg);
            if uses.contains(reg) {
                self.homeless = self.locals_in(reg, found.end).collect();
                for at in 0..self.homeless.len() {
                    self.locals[self.homeless[at] as usize].reg = Reg::NONE;
                }
            }
            if is_temp {
                self.temps = self.temps.without(reg);
                self.free = self.free.without(reg);
            } else if self.state.loaded.contains(reg) {
                if !self.state.stored.contains(reg) && self.is_alive(reg) {
                    self.store_local(reg);
                }
                // The home of one that is never used again may say what it likes.
                self.state.stored = self.state.stored.with(reg);
                self.state.loaded = self.state.loaded.without(reg);
            }
        }
        self.bring_counter(counter);
        self.counting = Some(Counting { frame: self.frames.len(), counter, is_temp });
        if number == 0 && self.start_is_counted_at_loop() {
            self.count(CALL_COST, 0, Vec::new());
        }
    }

    /// Whether the first loop is entered in any case, and has the counter near.
    fn start_is_counted_at_loop(&self) -> bool {
        self.scan.enters_loop && !self.scan.loops[0].mostly_calls()
    }

    /// The construct at this place ends: if it is the loop that has the counter near, nobody has any more.
    pub(super) fn end_counting(&mut self, frame: usize, reachable: bool) {
        let Some(counting) = self.counting.filter(|counting| counting.frame == frame) else { return };
        if reachable {
            self.return_counter(counting.counter);
        }
        if let Counter::Reg(reg) = counting.counter
            && counting.is_temp
        {
            self.temps = self.temps.with(reg);
            self.free = self.free.with(reg);
        }
        if let Counter::Reg(reg) = counting.counter {
            for local in std::mem::take(&mut self.homeless) {
                // A copy of one that was set in the loop for the first time outlives it, and nobody would know whose the register is.
                self.make_copies(local);
                if self.owners[index(reg)] == local {
                    self.locals[local as usize].reg = reg;
                }
            }
        }
        self.counting = None;
    }

    /// The locals that have a register at some time from here to a place behind.
    fn locals_in(&self, reg: Reg, end: u32) -> impl Iterator<Item = u32> + '_ {
        let pos = self.pos;
        self.in_regs.iter().copied().filter(move |&local| {
            let found = &self.scan.locals[local as usize];
            self.locals[local as usize].reg == reg && found.first <= end && found.last >= pos
        })
    }

    /// Where the code that is being made has the counter, if that is near.
    pub(super) fn near_counter(&self) -> Option<Counter> {
        self.counting.map(|counting| counting.counter)
    }

    /// The same, if a branch to a construct leaves the loop for which it is there.
    pub(super) fn left_counter(&self, frame: usize) -> Option<Counter> {
        self.counting.filter(|counting| frame < counting.frame).map(|counting| counting.counter)
    }

    /// What a branch to a construct does first.
    pub(super) fn leave_counting(&mut self, frame: usize) {
        if let Some(counter) = self.left_counter(frame) {
            self.return_counter(counter);
        }
    }

    /// A label of code that leaves the loop for a label, behind the body's code.
    pub(super) fn loop_exit(&mut self, to: Label, counter: Counter, fixes: Fixes) -> Label {
        let from = self.asm.label();
        let stores = fixes.stores.iter().map(|reg| self.owned(reg)).collect();
        let loads = fixes.loads.iter().map(|reg| self.owned(reg)).collect();
        self.loop_exits.push(LoopExit { from, to, counter, stores, loads });
        from
    }

    /// Brings the counter from its word to where it is wanted. Flags are left alone.
    pub(super) fn bring_counter(&mut self, counter: Counter) {
        match counter {
            Counter::Reg(reg) => self.load_counter(reg),
            Counter::Home => {
                self.load_counter(M::SCRATCH);
                self.store(Type::I32, M::SCRATCH, self.counter_home);
            }
        }
    }

    /// Brings the counter near again after a call, whose results have their places.
    pub(super) fn bring_counter_again(&mut self) {
        if let Some(counter) = self.near_counter() {
            self.bring_counter(counter);
        }
    }

    /// Brings it back.
    pub(super) fn return_counter(&mut self, counter: Counter) {
        match counter {
            Counter::Reg(reg) => self.store_counter(reg),
            Counter::Home => {
                self.load(Type::I32, M::SCRATCH, self.counter_home);
                self.store_counter(M::SCRATCH);
            }
        }
    }

    /// Counts that the code has come to the function's start.
    pub(super) fn count_call(&mut self) {
        if !self.start_is_counted_at_loop() {
            self.count(CALL_COST, 0, Vec::new());
        }
    }

    /// Counts that the code has come to the head of the loop that was opened last.
    pub(super) fn count_round(&mut self) {
        if !self.scan.loops[self.next_loop - 1].enters_another {
            self.count(ROUND_COST, self.loc, self.dirty_locals());
        }
    }

    /// Counts; `at` and `stores` as in [`CountExit`].
    fn count(&mut self, cost: i32, at: u32, stores: Vec<(Type, Reg, i32)>) {
        let (below, back) = (self.asm.label(), self.asm.label());
        let counter = self.near_counter();
        match counter {
            Some(Counter::Reg(reg)) => self.count_down_in(reg, cost, below),
            Some(Counter::Home) => self.count_down_at_home(self.counter_home, cost, below),
            None => self.count_down(cost, below),
        }
        self.asm.bind(back);
        self.counts.push(CountExit { below, back, at, stores, counter });
    }

    /// What lies behind the code of the body.
    pub(super) fn count_exits(&mut self) {
        for exit in std::mem::take(&mut self.loop_exits) {
            self.asm.bind(exit.from);
            self.return_counter(exit.counter);
            for (ty, reg, home) in exit.stores {
                self.store(ty, reg, home);
            }
            for (ty, reg, home) in exit.loads {
                self.load(ty, reg, home);
            }
            self.asm.quick_jmp(exit.to);
        }
        for exit in std::mem::take(&mut self.counts) {
            self.asm.bind(exit.below);
            for (ty, reg, home) in exit.stores {
                self.store(ty, reg, home);
            }
            // Who is called leaves all registers as they are, or goes on elsewhere with what is in this frame.
            self.counted_down(u64::from(exit.at) << 32 | u64::from(self.body));
            if let Some(counter) = exit.counter {
                self.bring_counter(counter);
            }
            self.asm.quick_jmp(exit.back);
        }
    }

    /// Whether the local that has this register is used from here on.
    pub(super) fn is_alive(&self, reg: Reg) -> bool {
        let owner = self.owners[index(reg)];
        owner != u32::MAX && self.locals[owner as usize].last > self.pos
    }
}
