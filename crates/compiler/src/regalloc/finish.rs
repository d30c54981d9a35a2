//! After the walk: where each spilled value is stored, which slot it has, and the final moves.

use super::live::{Liveness, NONE};
use super::resolve::{ParallelMove, Resolver, written};
use super::scan::{PendingMove, Place, Scan, frequency};
use super::slots::Slots;
use super::{Block, Inst, Loc, Machine, Move, Output, PReg, Slot, Source, VCode, VReg};
use crate::entity::Entity;

/// Where a spilled value is stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Store {
    /// It has no slot.
    Never,
    /// After its definition.
    AtDef,
    /// Wherever it leaves its registers.
    AtEvictions,
}

/// Memory of this phase.
#[derive(Default)]
pub(super) struct Finish {
    store: Vec<Store>,
    slot_of: Vec<u32>,
    /// Values stored at their definition, with the register, ascending by definition.
    def_stores: Vec<(u32, u32, PReg)>,
    slots: Slots,
    weights: [Vec<f32>; 2],
    order: Vec<u32>,
    rename: [Vec<u32>; 2],
    /// Edges whose moves go to the start or to the end of each block.
    at_start: Vec<u32>,
    at_end: Vec<u32>,
    resolver: Resolver,
    group: Vec<ParallelMove>,
}

impl Finish {
    pub fn run<F: VCode>(&mut self, func: &F, machine: &Machine, live: &Liveness, scan: &mut Scan, out: &mut Output) {
        self.choose_stores(func, live, scan, out);
        let mut slots = self.assign_slots(live, scan);
        for &(at, value) in &scan.slot_operands {
            out.locs[at as usize] = Loc::Slot(self.slot(live, value));
        }
        self.resolver.reset();
        self.place_moves(func, machine, live, scan, out, &mut slots);
        [out.slots8, out.slots16] = slots;
        for &(inst, value) in &scan.safepoints {
            out.stack_maps.push((Inst::new(inst as usize), self.slot(live, value)));
        }
        let moved = written(out.moves.iter().map(|&(_, m)| m)) | written(out.edge_moves.iter().copied());
        out.used_callee_saved = (scan.written | moved) & machine.callee_saved;
    }

    fn slot(&self, live: &Liveness, value: u32) -> Slot {
        Slot::new(live.values[value as usize].wide, self.slot_of[value as usize])
    }

    /// Decides for each value between one store at its definition and one wherever it leaves its registers.
    fn choose_stores<F: VCode>(&mut self, func: &F, live: &Liveness, scan: &mut Scan, out: &Output) {
        self.store.clear();
        self.store.resize(live.values.len(), Store::Never);
        self.def_stores.clear();
        for &(_, value) in &scan.safepoints {
            scan.slot_needed[value as usize] = true;
        }
        let mut block = 0;
        for &vreg in live.defs.iter().rev() {
            let value = &live.values[vreg.index()];
            if !scan.slot_needed[vreg.index()] || value.remat {
                continue;
            }
            while live.starts[block + 1] <= value.def {
                block += 1;
            }
            // A parameter without a register is written to its slot by the edges, a def without one by its instruction.
            let reg = if value.def & 3 == 0 {
                let (first, last) = scan.state_in[block];
                scan.states[first as usize..last as usize]
                    .iter()
                    .find(|state| state.0 == vreg.index() as u32)
                    .map(|state| state.1)
            } else {
                let inst = Inst::new(value.def as usize / 4);
                let operands = func.operands(inst);
                let at = operands.iter().position(|operand| operand.vreg == vreg && operand.role != super::Role::Use);
                at.and_then(|at| out.operands(inst)[at].reg())
            };
            let at_def = if reg.is_some() { frequency(live, block) } else { 0.0 };
            self.store[vreg.index()] = match reg {
                Some(reg) if at_def < scan.evict_cost[vreg.index()] => {
                    let before = value.def.div_ceil(4);
                    self.def_stores.push((before, vreg.index() as u32, reg));
                    Store::AtDef
                }
                Some(_) => Store::AtEvictions,
                None => Store::AtDef,
            };
        }
    }

    /// A slot for each spilled value; those that are used most get the lowest numbers.
    fn assign_slots(&mut self, live: &Liveness, scan: &Scan) -> [u32; 2] {
        let store = &self.store;
        let spilled = |value: u32| store[value as usize] != Store::Never;
        let count = self.slots.run(live, &scan.edges, &scan.moves, spilled, &mut self.slot_of);
        for (weights, count) in self.weights.iter_mut().zip(count) {
            weights.clear();
            weights.resize(count as usize, 0.0);
        }
        let gaps = scan.gaps.iter().map(|&(_, first, last)| (first, last));
        for (first, last) in gaps.chain(scan.edges.iter().map(|edge| edge.moves)) {
            for m in &scan.moves[first as usize..last as usize] {
                for place in [m.from, m.to] {
                    if let Place::Spill(value) = place
                        && self.slot_of[value as usize] != NONE
                    {
                        let wide = live.values[value as usize].wide as usize;
                        self.weights[wide][self.slot_of[value as usize] as usize] += 1.0;
                    }
                }
            }
        }
        for wide in 0..2 {
            let weights = &self.weights[wide];
            self.order.clear();
            self.order.extend(0..weights.len() as u32);
            self.order.sort_unstable_by(|&a, &b| weights[b as usize].total_cmp(&weights[a as usize]).then(a.cmp(&b)));
            self.rename[wide].clear();
            self.rename[wide].resize(weights.len(), 0);
            for (new, &old) in self.order.iter().enumerate() {
                self.rename[wide][old as usize] = new as u32;
            }
        }
        for (value, slot) in live.values.iter().zip(&mut self.slot_of) {
            if *slot != NONE {
                *slot = self.rename[value.wide as usize][*slot as usize];
            }
        }
        count
    }

    /// Puts all moves in order of instructions, and those of edges where they belong.
    fn place_moves<F: VCode>(
        &mut self,
        func: &F,
        machine: &Machine,
        live: &Liveness,
        scan: &Scan,
        out: &mut Output,
        slots: &mut [u32; 2],
    ) {
        if scan.gaps.is_empty() && scan.edges.is_empty() && self.def_stores.is_empty() {
            return;
        }
        let blocks = func.num_blocks();
        for list in [&mut self.at_start, &mut self.at_end] {
            list.clear();
            list.resize(blocks, NONE);
        }
        for (index, edge) in scan.edges.iter().enumerate() {
            let (from, to) = (Block::new(edge.from as usize), edge.to as usize);
            if func.block_succs(from).len() == 1 {
                self.at_end[from.index()] = index as u32;
            } else if live.preds(to).len() == 1 {
                self.at_start[to] = index as u32;
            } else {
                let first = out.edge_moves.len() as u32;
                self.resolve(machine, live, &scan.moves[edge.moves.0 as usize..edge.moves.1 as usize], slots, |m| {
                    out.edge_moves.push(m)
                });
                let last = out.edge_moves.len() as u32;
                if first != last {
                    out.edges.push(super::EdgeMoves { from, succ: edge.succ, moves: first..last });
                }
            }
        }
        out.edges.sort_unstable_by_key(|edge| (edge.from, edge.succ));
        let (mut gap, mut store) = (0, 0);
        for block in 0..blocks {
            let insts = func.block_insts(Block::new(block));
            for inst in insts.clone() {
                let before = Inst::new(inst);
                if inst == insts.start && self.at_start[block] != NONE {
                    let (first, last) = scan.edges[self.at_start[block] as usize].moves;
                    self.resolve(machine, live, &scan.moves[first as usize..last as usize], slots, |m| {
                        out.moves.push((before, m))
                    });
                }
                while let Some(&(at, value, reg)) = self.def_stores.get(store)
                    && at as usize == inst
                {
                    store += 1;
                    let to = Loc::Slot(self.slot(live, value));
                    out.moves
                        .push((before, Move { vreg: VReg::new(value as usize), from: Source::Loc(Loc::Reg(reg)), to }));
                }
                if let Some(&(at, first, last)) = scan.gaps.get(gap)
                    && at as usize == inst
                {
                    gap += 1;
                    self.resolve(machine, live, &scan.moves[first as usize..last as usize], slots, |m| {
                        out.moves.push((before, m))
                    });
                }
                if inst + 1 == insts.end && self.at_end[block] != NONE {
                    let (first, last) = scan.edges[self.at_end[block] as usize].moves;
                    self.resolve(machine, live, &scan.moves[first as usize..last as usize], slots, |m| {
                        out.moves.push((before, m))
                    });
                }
            }
        }
    }

    fn resolve(
        &mut self,
        machine: &Machine,
        live: &Liveness,
        moves: &[PendingMove],
        slots: &mut [u32; 2],
        emit: impl FnMut(Move),
    ) {
        let mut group = std::mem::take(&mut self.group);
        group.clear();
        for m in moves {
            let value = &live.values[m.value as usize];
            let to = match m.to {
                Place::Reg(reg) => Loc::Reg(reg),
                Place::Spill(target) => match self.store[target as usize] {
                    Store::Never => continue,
                    Store::AtDef if m.eviction => continue,
                    _ => Loc::Slot(self.slot(live, target)),
                },
            };
            let mut vreg = VReg::new(m.value as usize);
            let from = match m.from {
                Place::Reg(reg) => Source::Loc(Loc::Reg(reg)),
                Place::Spill(source) if live.values[source as usize].remat => {
                    vreg = VReg::new(source as usize);
                    Source::Remat
                }
                Place::Spill(source) => Source::Loc(Loc::Slot(self.slot(live, source))),
            };
            group.push(ParallelMove { step: Move { vreg, from, to }, class: value.class, wide: value.wide });
        }
        self.resolver.run(&mut group, machine, slots, emit);
        self.group = group;
    }
}
