//! What a function does at its start and a loop at its head, counting and looking at the deadline; which callees there are; and what of all this lies
//! behind the code, away from the rest.

use super::Baseline;
use super::machine::{Assembly, Emit, Machine};
use crate::compile::CallSite;
use crate::ir::{Builtin, Type};
use crate::isa::buffer::Label;
use crate::isa::reg::Reg;
use tiercel_abi::frames::NO_MAP;

/// What a call and a round of a loop count for. No effect on correctness.
const CALL_COST: i32 = 100;
const ROUND_COST: i32 = 30;

/// Where code goes whose counter is below zero.
pub struct CountExit {
    below: Label,
    /// Where it comes back.
    back: Label,
    /// The location of the loop; 0 for the function's entry.
    at: u32,
    /// Locals that are stored for it, each with its home.
    stores: Vec<(Type, Reg, i32)>,
}

/// A call that has another callee than before.
pub struct CalleeExit {
    other: Label,
    /// Where it comes back.
    back: Label,
    /// The cell that tells of the call.
    cell: u32,
}

/// A deadline that may have passed: a call of the routine.
pub struct EpochExit {
    reached: Label,
    back: Label,
    loc: u32,
    /// Locals that are stored for it, and those that are loaded again, each with its home.
    stores: Vec<(Type, Reg, i32)>,
    loads: Vec<(Type, Reg, i32)>,
    /// Where the homes start and end that hold references.
    homes: (u32, u32),
}

impl<M: Machine> Baseline<M>
where
    Self: Emit<M = M>,
{
    /// What a function does at its start and a loop at its head.
    pub(super) fn poll(&mut self) {
        if self.options.counts {
            self.count();
        }
        if self.options.translate.epochs {
            self.look_at_epoch();
        }
        self.start_fuel();
    }

    /// Counts that the code has come here.
    fn count(&mut self) {
        let is_loop = self.frames.len() > 1;
        let (below, back) = (self.asm.label(), self.asm.label());
        self.count_down(if is_loop { ROUND_COST } else { CALL_COST }, below);
        self.asm.bind(back);
        let (at, stores) = if is_loop { (self.loc, self.dirty_locals()) } else { (0, Vec::new()) };
        self.counts.push(CountExit { below, back, at, stores });
    }

    fn look_at_epoch(&mut self) {
        let (reached, back) = (self.asm.label(), self.asm.label());
        self.compare_epoch(reached);
        self.asm.bind(back);
        let loaded = self.state.loaded.intersection(self.destroyed);
        let dirty = loaded.difference(self.state.stored);
        let stores = dirty.iter().map(|reg| self.owned(reg)).collect();
        let loads = loaded.iter().map(|reg| self.owned(reg)).collect();
        let first = self.map_homes.len() as u32;
        self.note_homes();
        let homes = (first, self.map_homes.len() as u32);
        self.epochs.push(EpochExit { reached, back, loc: self.loc, stores, loads, homes });
    }

    /// Notes which function the reference in its register is of, for the call of it that follows.
    pub(super) fn note_callee(&mut self) {
        let (other, back) = (self.asm.label(), self.asm.label());
        let cell = self.cells.callee(self.loc);
        self.compare_callee(cell, other);
        self.asm.bind(back);
        self.callees.push(CalleeExit { other, back, cell });
    }

    /// What lies behind the code of the body.
    pub(super) fn exits(&mut self) {
        for exit in std::mem::take(&mut self.epochs) {
            self.asm.bind(exit.reached);
            for &(ty, reg, home) in &exit.stores {
                self.store(ty, reg, home);
            }
            self.loc = exit.loc;
            self.emit_builtin(Builtin::ALL.len() as u32);
            self.maps.push((self.code.call_sites.len() as u32, exit.homes.0, exit.homes.1));
            self.code.call_sites.push(CallSite { offset: self.asm.offset(), loc: self.loc, map: NO_MAP });
            self.trap_if_stopped();
            for &(ty, reg, home) in &exit.loads {
                self.load(ty, reg, home);
            }
            self.asm.quick_jmp(exit.back);
        }
        let mut traps = std::mem::take(&mut self.traps);
        for exit in traps.drain(..) {
            self.asm.bind(exit.label);
            self.trap(exit.code, exit.loc);
        }
        self.traps = traps;
        for exit in std::mem::take(&mut self.counts) {
            self.asm.bind(exit.below);
            for (ty, reg, home) in exit.stores {
                self.store(ty, reg, home);
            }
            // Who is called leaves all registers as they are, or goes on elsewhere with what is in this frame.
            self.counted_down(u64::from(exit.at) << 32 | u64::from(self.body));
            self.asm.quick_jmp(exit.back);
        }
        for exit in std::mem::take(&mut self.callees) {
            self.asm.bind(exit.other);
            self.change_callee(exit.cell);
            self.asm.quick_jmp(exit.back);
        }
    }
}
