//! The judge of allocations: proves by forward dataflow that every operand finds its value, whoever made the output.
//!
//! A state maps each place to the values it holds, all of them, since moves and block parameters give one bit pattern several names. Where
//! edges meet, a place holds what it holds on each. The checker shares no code with the allocators: it reads only input and output.

use super::{Block, Constraint, Inst, Loc, Machine, Move, Operand, Output, PRegSet, Role, Source, VCode, VReg};
use crate::entity::Entity;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Values by place.
type State = BTreeMap<Loc, Vec<VReg>>;

/// Checks an output; the error says what is wrong, and where.
pub fn check<F: VCode>(func: &F, machine: &Machine, out: &Output) -> Result<(), String> {
    let blocks = func.num_blocks();
    let mut edges_to = vec![Vec::new(); blocks];
    for block in (0..blocks).map(Block::new) {
        for (index, succ) in func.block_succs(block).iter().enumerate() {
            edges_to[succ.index()].push((block, index));
        }
    }
    let checker = Checker { func, machine, out, edges_to };
    checker.shape()?;
    let mut first_move = Vec::with_capacity(blocks + 1);
    let mut at = 0;
    for block in 0..blocks {
        first_move.push(at);
        let end = func.block_insts(Block::new(block)).end;
        while out.moves.get(at).is_some_and(|(inst, _)| inst.index() < end) {
            at += 1;
        }
    }
    let mut states: Vec<Option<State>> = vec![None; blocks];
    states[0] = Some(State::new());
    let mut queue = VecDeque::from([0]);
    let mut queued = vec![false; blocks];
    let mut seen = vec![false; blocks];
    while let Some(block) = queue.pop_front() {
        queued[block] = false;
        seen[block] = true;
        let mut state = states[block].clone().expect("a queued block has a state");
        checker.block(block, first_move[block], &mut state)?;
        for (index, &succ) in func.block_succs(Block::new(block)).iter().enumerate() {
            let mut there = state.clone();
            checker.edge(block, index, succ, &mut there)?;
            let known = &mut states[succ.index()];
            let changed = match known {
                None => {
                    *known = Some(there);
                    true
                }
                Some(known) => meet(known, &there),
            };
            if changed && !queued[succ.index()] {
                queued[succ.index()] = true;
                queue.push_back(succ.index());
            }
        }
    }
    match seen.iter().position(|&seen| !seen) {
        Some(block) => Err(format!("block{block} is unreachable")),
        None => Ok(()),
    }
}

/// Leaves in `known` what `other` says too; whether that changed it.
fn meet(known: &mut State, other: &State) -> bool {
    let mut changed = false;
    known.retain(|place, values| {
        let before = values.len();
        match other.get(place) {
            Some(others) => values.retain(|value| others.contains(value)),
            None => values.clear(),
        }
        changed |= values.len() != before;
        !values.is_empty()
    });
    changed
}

struct Checker<'a, F> {
    func: &'a F,
    machine: &'a Machine,
    out: &'a Output,
    edges_to: Vec<Vec<(Block, usize)>>,
}

impl<F: VCode> Checker<'_, F> {
    /// What can be seen without knowing values: order of moves, kinds of places, callee-saved registers.
    fn shape(&self) -> Result<(), String> {
        let Checker { func, machine, out, .. } = self;
        let mut written = PRegSet::EMPTY;
        if !out.moves.is_sorted_by_key(|&(inst, _)| inst) {
            return Err("moves are out of order".into());
        }
        for m in out.moves.iter().map(|(_, m)| m).chain(&out.edge_moves) {
            self.shape_of_move(m)?;
            written |= m.to.reg().into_iter().collect();
        }
        for inst in (0..func.num_insts()).map(Inst::new) {
            let operands = func.operands(inst);
            if operands.len() != out.operands(inst).len() {
                return Err(format!("{inst} has {} operands but {} places", operands.len(), out.operands(inst).len()));
            }
            if out.unneeded.binary_search(&inst).is_ok() {
                let [Operand { vreg, role: Role::Def, .. }] = *operands else {
                    return Err(format!("{inst} does more than define one value, so it is needed"));
                };
                if !func.vreg(vreg).remat {
                    return Err(format!("{inst} is needed: {vreg} cannot be rematerialized"));
                }
                continue;
            }
            for (operand, &place) in operands.iter().zip(out.operands(inst)) {
                self.fits(operand.vreg, place).map_err(|why| format!("{inst}: {why}"))?;
                if operand.role != Role::Use {
                    written |= place.reg().into_iter().collect();
                }
            }
        }
        if !out.unneeded.is_sorted() {
            return Err("what is not needed is out of order".into());
        }
        if !out.edges.is_sorted_by_key(|edge| (edge.from, edge.succ)) {
            return Err("edges are out of order".into());
        }
        for edge in &out.edges {
            let succ =
                func.block_succs(edge.from).get(edge.succ as usize).ok_or_else(|| format!("no such edge: {edge:?}"))?;
            if edge.moves.end as usize > out.edge_moves.len() || edge.moves.start > edge.moves.end {
                return Err(format!("no such moves: {edge:?} to {succ}"));
            }
        }
        let unsaved = (written & machine.callee_saved) - out.used_callee_saved;
        if !unsaved.is_empty() { Err(format!("{unsaved:?} are written but not saved")) } else { Ok(()) }
    }

    fn shape_of_move(&self, m: &Move) -> Result<(), String> {
        self.fits(m.vreg, m.to).map_err(|why| format!("{m:?}: {why}"))?;
        match m.from {
            Source::Loc(from) => {
                self.fits(m.vreg, from).map_err(|why| format!("{m:?}: {why}"))?;
                if from.reg().is_none() && m.to.reg().is_none() {
                    return Err(format!("{m:?} goes from memory to memory"));
                }
            }
            Source::Remat => {
                if !self.func.vreg(m.vreg).remat || m.to.reg().is_none() {
                    return Err(format!("{m:?} cannot be rematerialized there"));
                }
            }
        }
        Ok(())
    }

    /// Whether a place is of a value's class and width and exists.
    fn fits(&self, vreg: VReg, place: Loc) -> Result<(), String> {
        let data = self.func.vreg(vreg);
        let good = match place {
            Loc::Reg(reg) => reg.class() == data.class,
            Loc::Slot(slot) => {
                slot.is_wide() == data.wide
                    && slot.number() < if data.wide { self.out.slots16 } else { self.out.slots8 }
            }
        };
        if good { Ok(()) } else { Err(format!("{vreg} cannot be in {place:?}")) }
    }

    fn step(&self, m: &Move, state: &mut State) {
        let values = match m.from {
            Source::Loc(from) => state.get(&from).cloned().unwrap_or_default(),
            Source::Remat => vec![m.vreg],
        };
        if values.is_empty() {
            state.remove(&m.to);
        } else {
            state.insert(m.to, values);
        }
    }

    fn block(&self, block: usize, first_move: usize, state: &mut State) -> Result<(), String> {
        let mut at = first_move;
        for inst in self.func.block_insts(Block::new(block)).map(Inst::new) {
            while let Some((before, m)) = self.out.moves.get(at)
                && *before == inst
            {
                self.step(m, state);
                if m.from == Source::Remat {
                    // What was rematerialized is also what it was passed as.
                    let names: Vec<VReg> = self.passed_as(block, m.vreg).collect();
                    state.entry(m.to).or_default().extend(names);
                }
                at += 1;
            }
            self.inst(inst, state).map_err(|why| format!("block{block}, {inst}: {why}"))?;
        }
        Ok(())
    }

    /// Parameters of a block that its only edge fills with this value.
    fn passed_as(&self, block: usize, vreg: VReg) -> impl Iterator<Item = VReg> {
        let only = if let [only] = self.edges_to[block][..] { Some(only) } else { None };
        only.into_iter().flat_map(move |(from, index)| {
            let params = self.func.block_params(Block::new(block)).iter();
            params
                .zip(self.func.branch_args(from, index))
                .filter(move |(_, arg)| **arg == vreg)
                .map(|(&param, _)| param)
        })
    }

    fn inst(&self, inst: Inst, state: &mut State) -> Result<(), String> {
        if self.out.unneeded.binary_search(&inst).is_ok() {
            return Ok(());
        }
        let operands = self.func.operands(inst);
        let places = self.out.operands(inst);
        for (index, (operand, &place)) in operands.iter().zip(places).enumerate() {
            let satisfied = match operand.constraint {
                Constraint::Any => true,
                Constraint::Reg => place.reg().is_some_and(|reg| self.machine.allocatable.has(reg)),
                Constraint::Fixed(reg) => place == Loc::Reg(reg),
                Constraint::Tied(source) => place == places[source as usize],
            };
            if !satisfied {
                return Err(format!("operand {index}, {operand:?}, is in {place:?}"));
            }
            if place.reg().is_some_and(|reg| self.machine.scratch.contains(&reg)) {
                return Err(format!("operand {index} is in a scratch register"));
            }
            if operand.role == Role::Use {
                if !state.get(&place).is_some_and(|values| values.contains(&operand.vreg)) {
                    return Err(format!(
                        "operand {index} wants {} in {place:?}, which holds {:?}",
                        operand.vreg,
                        state.get(&place)
                    ));
                }
                continue;
            }
            for (other, (with, &there)) in operands.iter().zip(places).enumerate() {
                let tied = operand.constraint == Constraint::Tied(other as u8);
                let clash = match with.role {
                    Role::Use if tied => false,
                    // The source of a tied def is overwritten first, if the ISA makes two instructions of one.
                    Role::Use => match operand.constraint {
                        Constraint::Tied(source) => operands[source as usize].vreg != with.vreg,
                        _ => operand.role == Role::EarlyDef,
                    },
                    _ => other != index,
                };
                if clash && there == place {
                    return Err(format!("operands {index} and {other} share {place:?}"));
                }
            }
        }
        if self.func.is_safepoint(inst) {
            self.safepoint(inst, state)?;
        }
        for reg in self.func.clobbers(inst) {
            state.remove(&Loc::Reg(reg));
        }
        for reg in self.machine.scratch {
            state.remove(&Loc::Reg(reg));
        }
        let defs: Vec<VReg> =
            operands.iter().filter(|operand| operand.role != Role::Use).map(|operand| operand.vreg).collect();
        if !defs.is_empty() {
            // In a loop, the old value of the same name is another one.
            for values in state.values_mut() {
                values.retain(|value| !defs.contains(value));
            }
        }
        for (operand, &place) in operands.iter().zip(places) {
            if operand.role != Role::Use {
                state.insert(place, vec![operand.vreg]);
            }
        }
        Ok(())
    }

    /// The collector moves objects: only references in listed slots stay what they are.
    fn safepoint(&self, inst: Inst, state: &mut State) -> Result<(), String> {
        let first = self.out.stack_maps.partition_point(|&(at, _)| at < inst);
        let listed: BTreeSet<Loc> = self.out.stack_maps[first..]
            .iter()
            .take_while(|&&(at, _)| at == inst)
            .map(|&(_, slot)| Loc::Slot(slot))
            .collect();
        let is_reference = |value: &VReg| self.func.vreg(*value).reference;
        for place in &listed {
            if !state.get(place).is_some_and(|values| values.iter().any(is_reference)) {
                return Err(format!("{place:?} is listed, but holds no reference: {:?}", state.get(place)));
            }
        }
        for (place, values) in state.iter_mut() {
            if listed.contains(place) {
                // What is listed is treated as a reference, so it must be one.
                values.retain(|&value| self.func.vreg(value).reference);
            } else {
                values.retain(|&value| !self.func.vreg(value).reference);
            }
        }
        state.retain(|_, values| !values.is_empty());
        Ok(())
    }

    fn edge(&self, block: usize, index: usize, succ: Block, state: &mut State) -> Result<(), String> {
        let from = Block::new(block);
        let first = self.out.edges.partition_point(|edge| (edge.from, edge.succ as usize) < (from, index));
        for edge in self.out.edges[first..].iter().take_while(|edge| edge.from == from && edge.succ as usize == index) {
            for m in &self.out.edge_moves[edge.moves.start as usize..edge.moves.end as usize] {
                self.step(m, state);
            }
        }
        let (params, args) = (self.func.block_params(succ), self.func.branch_args(from, index));
        if params.len() != args.len() {
            return Err(format!(
                "edge from {from} to {succ} passes {} arguments for {} parameters",
                args.len(),
                params.len()
            ));
        }
        for values in state.values_mut() {
            let renamed: Vec<VReg> =
                params.iter().zip(args).filter(|(_, arg)| values.contains(arg)).map(|(&param, _)| param).collect();
            values.retain(|value| !params.contains(value));
            values.extend(renamed);
        }
        state.retain(|_, values| !values.is_empty());
        Ok(())
    }
}
