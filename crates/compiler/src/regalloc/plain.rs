//! The judge: every value lives in a slot of its own and visits registers for one instruction.
//!
//! Works on any control flow, in linear time, so it is also what is left for functions that [`Allocator`](super::Allocator) refuses.

use super::resolve::{ParallelMove, Resolver, written};
use super::tuning::{LIVE_SET_FREE, STACK_MAP_LIMIT};
use super::{
    Block, Constraint, EdgeMoves, Error, Inst, Loc, Machine, Move, Operand, Output, PReg, PRegSet, RegClass, Role,
    Slot, Source, VCode, VReg,
};
use crate::entity::Entity;

/// Allocates a function.
pub fn allocate<F: VCode>(func: &F, machine: &Machine, out: &mut Output) -> Result<(), Error> {
    out.clear();
    let mut slots = [0u32; 2];
    let slot_of = (0..func.num_vregs()).map(|vreg| {
        let wide = func.vreg(VReg::new(vreg)).wide;
        slots[wide as usize] += 1;
        Slot::new(wide, slots[wide as usize] - 1)
    });
    let slot_of: Vec<Slot> = slot_of.collect();
    let mut plain = Plain { func, machine, slot_of, resolver: Resolver::default(), written: PRegSet::EMPTY };
    let mut forward_preds = vec![0u32; func.num_blocks()];
    for block in (0..func.num_blocks()).map(Block::new) {
        for succ in func.block_succs(block) {
            forward_preds[succ.index()] += 1;
        }
    }
    let mut at_start: Vec<Option<(Block, usize)>> = vec![None; func.num_blocks()];
    for block in (0..func.num_blocks()).map(Block::new) {
        for (index, succ) in func.block_succs(block).iter().enumerate() {
            if forward_preds[succ.index()] == 1 {
                at_start[succ.index()] = Some((block, index));
            }
        }
    }
    for block in (0..func.num_blocks()).map(Block::new) {
        let insts = func.block_insts(block);
        let succs = func.block_succs(block);
        let mut stores = Vec::new();
        for inst in insts.clone() {
            let before = Inst::new(inst);
            if inst == insts.start
                && let Some((from, index)) = at_start[block.index()]
                && func.block_succs(from).len() > 1
            {
                plain.edge(from, index, &mut slots, |m| out.moves.push((before, m)));
            }
            out.moves.extend(stores.drain(..).map(|m| (before, m)));
            plain.inst(before, out, &mut stores)?;
            if inst + 1 == insts.end && succs.len() == 1 {
                plain.edge(block, 0, &mut slots, |m| out.moves.push((before, m)));
            }
        }
        for (index, succ) in succs.iter().enumerate() {
            if succs.len() > 1 && forward_preds[succ.index()] > 1 {
                let first = out.edge_moves.len() as u32;
                plain.edge(block, index, &mut slots, |m| out.edge_moves.push(m));
                let last = out.edge_moves.len() as u32;
                if first != last {
                    out.edges.push(EdgeMoves { from: block, succ: index as u32, moves: first..last });
                }
            }
        }
    }
    out.first_loc.push(out.locs.len() as u32);
    stack_maps(func, &plain.slot_of, out)?;
    [out.slots8, out.slots16] = slots;
    let moved = written(out.moves.iter().map(|&(_, m)| m)) | written(out.edge_moves.iter().copied());
    out.used_callee_saved = (plain.written | moved) & machine.callee_saved;
    Ok(())
}

/// Every reference has a slot for itself, so all of them may be listed that are certainly defined: those of this block and of the way to
/// it. What is listed must have been written, so liveness is needed, here found block by block until nothing changes.
fn stack_maps<F: VCode>(func: &F, slot_of: &[Slot], out: &mut Output) -> Result<(), Error> {
    let references = (0..func.num_vregs()).filter(|&vreg| func.vreg(VReg::new(vreg)).reference).count();
    if references == 0 {
        return Ok(());
    }
    let mut steps = STACK_MAP_LIMIT * func.num_insts() + LIVE_SET_FREE;
    let mut take = |work: usize| {
        steps = steps.checked_sub(work).ok_or(Error::TooComplex)?;
        Ok(())
    };
    let blocks = func.num_blocks();
    let mut live_in: Vec<Vec<VReg>> = vec![Vec::new(); blocks];
    let mut maps = Vec::new();
    let mut changed = true;
    while changed {
        changed = false;
        maps.clear();
        for block in (0..blocks).rev().map(Block::new) {
            let mut live: Vec<VReg> = Vec::new();
            for (index, succ) in func.block_succs(block).iter().enumerate() {
                live.extend(func.branch_args(block, index));
                live.extend(&live_in[succ.index()]);
            }
            take(live.len() + 1)?;
            live.retain(|&vreg| func.vreg(vreg).reference);
            live.sort_unstable();
            live.dedup();
            for inst in func.block_insts(block).rev().map(Inst::new) {
                let operands = func.operands(inst);
                take(live.len() * operands.len())?;
                live.retain(|vreg| !operands.iter().any(|o| o.role != Role::Use && o.vreg == *vreg));
                if func.is_safepoint(inst) {
                    take(live.len())?;
                    maps.extend(live.iter().map(|vreg| (inst, slot_of[vreg.index()])));
                }
                for operand in operands.iter().filter(|o| o.role == Role::Use && func.vreg(o.vreg).reference) {
                    if !live.contains(&operand.vreg) {
                        live.push(operand.vreg);
                    }
                }
            }
            live.retain(|vreg| !func.block_params(block).contains(vreg));
            live.sort_unstable();
            if live_in[block.index()] != live {
                live_in[block.index()] = live;
                changed = true;
            }
        }
    }
    out.stack_maps.extend(maps.into_iter().rev());
    Ok(())
}

struct Plain<'a, F> {
    func: &'a F,
    machine: &'a Machine,
    slot_of: Vec<Slot>,
    resolver: Resolver,
    written: PRegSet,
}

impl<F: VCode> Plain<'_, F> {
    fn slot(&self, vreg: VReg) -> Loc {
        Loc::Slot(self.slot_of[vreg.index()])
    }

    fn edge(&mut self, block: Block, index: usize, slots: &mut [u32; 2], emit: impl FnMut(Move)) {
        let succ = self.func.block_succs(block)[index];
        let pairs = self.func.block_params(succ).iter().zip(self.func.branch_args(block, index));
        let mut moves: Vec<ParallelMove> = pairs
            .map(|(&param, &arg)| {
                let data = self.func.vreg(param);
                let step = Move { vreg: param, from: Source::Loc(self.slot(arg)), to: self.slot(param) };
                ParallelMove { step, class: data.class, wide: data.wide }
            })
            .collect();
        self.resolver.run(&mut moves, self.machine, slots, emit);
    }

    /// Loads uses, chooses registers, leaves stores of defs for after the instruction.
    fn inst(&mut self, inst: Inst, out: &mut Output, stores: &mut Vec<Move>) -> Result<(), Error> {
        let operands = self.func.operands(inst);
        let lost = self.func.clobbers(inst);
        out.first_loc.push(out.locs.len() as u32);
        let mut places: Vec<Option<Loc>> = vec![None; operands.len()];
        let fixed = |role: fn(Role) -> bool| -> PRegSet {
            let regs = operands.iter().filter(|operand| role(operand.role));
            regs.filter_map(|operand| if let Constraint::Fixed(reg) = operand.constraint { Some(reg) } else { None })
                .collect()
        };
        let mut early = fixed(|role| role != Role::Def);
        let mut late = lost | fixed(|role| role != Role::Use);
        for (place, operand) in places.iter_mut().zip(operands) {
            match operand.constraint {
                Constraint::Fixed(reg) => *place = Some(Loc::Reg(reg)),
                Constraint::Any if operand.role != Role::EarlyDef => *place = Some(self.slot(operand.vreg)),
                _ => {}
            }
        }
        // Tied pairs first: they need a register that is free before and after.
        for at in 0..operands.len() {
            if let Constraint::Tied(source) = operands[at].constraint {
                let place = match places[source as usize] {
                    Some(place) => place,
                    None => Loc::Reg(self.free(inst, &operands[at], early | late)?),
                };
                (places[source as usize], places[at]) = (Some(place), Some(place));
                let reg = place.reg().map_or(PRegSet::EMPTY, PRegSet::of);
                (early, late) = (early | reg, late | reg);
            }
        }
        for role in [Role::EarlyDef, Role::Use, Role::Def] {
            for at in 0..operands.len() {
                if operands[at].role != role || places[at].is_some() {
                    continue;
                }
                let taken = match role {
                    Role::EarlyDef => early | late,
                    Role::Use => early,
                    Role::Def => late,
                };
                let reg = self.free(inst, &operands[at], taken)?;
                places[at] = Some(Loc::Reg(reg));
                if role != Role::Def {
                    early.insert(reg);
                }
                if role != Role::Use {
                    late.insert(reg);
                }
            }
        }
        for (place, operand) in places.into_iter().zip(operands) {
            let place = place.unwrap_or(self.slot(operand.vreg));
            out.locs.push(place);
            if place.reg().is_none() {
                continue;
            }
            let slot = self.slot(operand.vreg);
            if operand.role == Role::Use {
                out.moves.push((inst, Move { vreg: operand.vreg, from: Source::Loc(slot), to: place }));
            } else {
                self.written |= place.reg().into_iter().collect();
                stores.push(Move { vreg: operand.vreg, from: Source::Loc(place), to: slot });
            }
        }
        Ok(())
    }

    fn free(&self, inst: Inst, operand: &Operand, taken: PRegSet) -> Result<PReg, Error> {
        let class: RegClass = self.func.vreg(operand.vreg).class;
        ((self.machine.allocatable & PRegSet::class(class)) - taken).first().ok_or(Error::OutOfRegisters(inst))
    }
}
