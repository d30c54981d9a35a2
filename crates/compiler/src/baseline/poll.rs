//! What a function does at its start and a loop at its head, [counting](super::count) and looking at the deadline; which callees there are; and what of
//! all this lies behind the code, away from the rest.

use super::Baseline;
use super::count::Counter;
use super::machine::{Assembly, Emit, Machine};
use crate::compile::CallSite;
use crate::ir::{Builtin, Type};
use crate::isa::buffer::Label;
use crate::isa::reg::Reg;
use tiercel_abi::frames::NO_MAP;

/// A call that has another callee than noted.
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
    counter: Option<Counter>,
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
            match self.frames.len() {
                1 => self.count_call(),
                _ => self.count_round(),
            }
        }
        if self.options.translate.epochs {
            self.look_at_epoch();
        }
        self.start_fuel();
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
        let counter = self.near_counter();
        self.epochs.push(EpochExit { reached, back, loc: self.loc, stores, loads, counter, homes });
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
            if let Some(counter) = exit.counter {
                self.return_counter(counter);
            }
            self.loc = exit.loc;
            self.emit_builtin(Builtin::ALL.len() as u32);
            self.maps.push((self.code.call_sites.len() as u32, exit.homes.0, exit.homes.1));
            self.code.call_sites.push(CallSite { offset: self.asm.offset(), loc: self.loc, map: NO_MAP });
            self.trap_if_stopped();
            for &(ty, reg, home) in &exit.loads {
                self.load(ty, reg, home);
            }
            if let Some(counter) = exit.counter {
                self.bring_counter(counter);
            }
            self.asm.quick_jmp(exit.back);
        }
        let mut traps = std::mem::take(&mut self.traps);
        for exit in traps.drain(..) {
            self.asm.bind(exit.label);
            self.trap(exit.code, exit.loc);
        }
        self.traps = traps;
        self.count_exits();
        for exit in std::mem::take(&mut self.callees) {
            self.asm.bind(exit.other);
            self.change_callee(exit.cell);
            self.asm.quick_jmp(exit.back);
        }
    }
}
