//! Which locals have registers: in: the pre-scan. out: for some locals a register of their own, from their first access to the last.
//!
//! The locals that are accessed most choose first. Locals whose times do not overlap share a register. Times are counted in 128ths of the body.

use super::scan::Scan;
use super::state::Local;
use crate::ir::Type;
use crate::isa::convention::class_of;
use crate::isa::reg::{Reg, RegClass, RegSet};

/// Locals that may have a register, at most, and what each has to weigh. No effect on correctness.
const CANDIDATES: usize = 256;
const LEAST_WEIGHT: u32 = 2;
/// What a local has to weigh to be worth a register that has to be saved for the caller, that nobody else has. No effect on correctness.
const SAVED_WEIGHT: u32 = 4;

/// Pieces that a body's time is counted in.
const PIECES: u32 = u128::BITS;

/// Memory that is reused.
#[derive(Default)]
pub struct Assign {
    order: Vec<(u32, u32)>,
    comes_in: Vec<Reg>,
    /// For each register that may be had, when it is taken.
    taken: Vec<(Reg, u128)>,
}

/// The registers that locals may have.
#[derive(Clone, Copy)]
pub struct Available<'a> {
    /// Those that calls destroy, the best first.
    pub destroyed: &'a [Reg],
    /// Those that calls keep.
    pub kept: RegSet,
}

impl Assign {
    /// Gives registers to locals, whose [`Local::reg`] says in which register a parameter comes; returns those that were given.
    pub fn run(&mut self, scan: &Scan, locals: &mut [Local], body_bytes: u32, available: Available<'_>) -> RegSet {
        self.comes_in.clear();
        self.comes_in.extend(locals.iter_mut().map(|local| std::mem::replace(&mut local.reg, Reg::NONE)));
        self.order.clear();
        for (index, local) in scan.locals.iter().enumerate() {
            // References live in the frame, where the collector finds them.
            if local.weight >= LEAST_WEIGHT && locals[index].ty != Type::Ref {
                self.order.push((local.weight, index as u32));
            }
        }
        if self.order.len() > CANDIDATES {
            self.order.select_nth_unstable_by_key(CANDIDATES, |&(weight, index)| (u32::MAX - weight, index));
            self.order.truncate(CANDIDATES);
        }
        self.order.sort_unstable_by_key(|&(weight, index)| (u32::MAX - weight, index));
        self.taken.clear();
        self.taken.extend(available.destroyed.iter().map(|&reg| (reg, 0)));
        self.taken.extend(available.kept.iter().map(|reg| (reg, 0)));
        let piece = |at: u32| (u64::from(at) * u64::from(PIECES) / u64::from(body_bytes.max(1))).min(127) as u32;
        for &(weight, index) in &self.order {
            let found = &scan.locals[index as usize];
            let (first, last) = (piece(found.first), piece(found.last.max(found.first)));
            let time = (u128::MAX << first) & (u128::MAX >> (PIECES - 1 - last));
            let class = class_of(locals[index as usize].ty);
            let wants_kept = found.crosses_calls() && class == RegClass::Int;
            let comes_in = self.comes_in[index as usize];
            let mut best: Option<usize> = None;
            for (place, &(reg, taken)) in self.taken.iter().enumerate() {
                if reg.class() != class || taken & time != 0 {
                    continue;
                }
                let kept = available.kept.contains(reg);
                if kept && taken == 0 && weight < SAVED_WEIGHT {
                    continue;
                }
                // Where it is already, or the first of the kind it wants, or any.
                if reg == comes_in && !wants_kept {
                    best = Some(place);
                    break;
                }
                let is_better =
                    |best: usize| kept == wants_kept && available.kept.contains(self.taken[best].0) != wants_kept;
                if best.is_none_or(is_better) {
                    best = Some(place);
                }
            }
            if let Some(best) = best {
                self.taken[best].1 |= time;
                locals[index as usize].reg = self.taken[best].0;
            }
        }
        self.taken.iter().filter(|(_, taken)| *taken != 0).map(|(reg, _)| *reg).collect()
    }
}
