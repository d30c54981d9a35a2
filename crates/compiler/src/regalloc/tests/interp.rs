//! What a function computes, before and after allocation: each def is a hash of the instruction and its uses, each branch goes where a hash
//! of its uses says.

use super::func::TestFunc;
use crate::entity::Entity;
use crate::regalloc::{Block, Inst, Loc, Machine, Move, Output, Role, Source, VCode};
use std::collections::HashMap;

/// Instructions executed before a run ends.
const STEPS: usize = 400;

fn mix(a: u128, b: u128) -> u128 {
    (a ^ b.rotate_left(41)).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).rotate_right(29) ^ b
}

fn hash(values: impl IntoIterator<Item = u128>) -> u128 {
    values.into_iter().fold(0x1234_5678, mix)
}

/// Value of a def.
fn result(func: &TestFunc, inst: Inst, def: usize, uses: &[u128], seed: u64) -> u128 {
    let operand = func.operands(inst)[def];
    let value = if func.is_move(inst) {
        uses[0]
    } else if func.vreg(operand.vreg).remat {
        hash([inst.index() as u128, u128::from(seed)])
    } else {
        hash([inst.index() as u128, def as u128, u128::from(seed)].into_iter().chain(uses.iter().copied()))
    };
    if func.vreg(operand.vreg).wide { value } else { value & u128::from(u64::MAX) }
}

/// A hash of all uses of all instructions that were executed.
pub fn run(func: &TestFunc, seed: u64) -> u128 {
    let mut values = vec![0u128; func.num_vregs()];
    let (mut block, mut trace, mut steps) = (Block::new(0), 0, 0);
    loop {
        let mut uses = Vec::new();
        for inst in func.block_insts(block).map(Inst::new) {
            let operands = func.operands(inst);
            uses = operands.iter().filter(|o| o.role == Role::Use).map(|o| values[o.vreg.index()]).collect();
            trace = mix(trace, hash(uses.iter().copied()));
            for (index, operand) in operands.iter().enumerate().filter(|(_, operand)| operand.role != Role::Use) {
                values[operand.vreg.index()] = result(func, inst, index, &uses, seed);
            }
            steps += 1;
        }
        let succs = func.block_succs(block);
        if succs.is_empty() || steps > STEPS {
            return trace;
        }
        let taken = (hash(uses.into_iter().chain([steps as u128])) >> 64) as usize % succs.len();
        let args: Vec<u128> = func.branch_args(block, taken).iter().map(|arg| values[arg.index()]).collect();
        block = succs[taken];
        for (param, arg) in func.block_params(block).iter().zip(args) {
            values[param.index()] = arg;
        }
    }
}

struct State<'a> {
    func: &'a TestFunc,
    seed: u64,
    places: HashMap<Loc, u128>,
    rematerialized: HashMap<usize, Inst>,
}

impl State<'_> {
    fn get(&self, place: Loc) -> u128 {
        self.places.get(&place).copied().unwrap_or(0xdead)
    }

    fn set(&mut self, place: Loc, value: u128) {
        let narrow = matches!(place, Loc::Slot(slot) if !slot.is_wide());
        self.places.insert(place, if narrow { value & u128::from(u64::MAX) } else { value });
    }

    fn step(&mut self, m: &Move) {
        let value = match m.from {
            Source::Loc(from) => self.get(from),
            Source::Remat => result(self.func, self.rematerialized[&m.vreg.index()], 0, &[], self.seed),
        };
        self.set(m.to, value);
    }
}

/// The same for the allocated function.
pub fn run_allocated(func: &TestFunc, machine: &Machine, out: &Output, seed: u64) -> u128 {
    let mut rematerialized = HashMap::new();
    for inst in (0..func.num_insts()).map(Inst::new) {
        for operand in
            func.operands(inst).iter().filter(|operand| func.vreg(operand.vreg).remat && operand.role != Role::Use)
        {
            rematerialized.insert(operand.vreg.index(), inst);
        }
    }
    let mut state = State { func, seed, places: HashMap::new(), rematerialized };
    let (mut block, mut trace, mut steps) = (Block::new(0), 0, 0);
    loop {
        let mut uses = Vec::new();
        for inst in func.block_insts(block).map(Inst::new) {
            let first = out.moves.partition_point(|&(at, _)| at < inst);
            for (_, m) in out.moves[first..].iter().take_while(|&&(at, _)| at == inst) {
                state.step(m);
            }
            let operands = func.operands(inst);
            let places = out.operands(inst);
            uses = operands
                .iter()
                .zip(places)
                .filter(|(o, _)| o.role == Role::Use)
                .map(|(_, &place)| state.get(place))
                .collect();
            for (use_, operand) in uses.iter_mut().zip(operands) {
                if !func.vreg(operand.vreg).wide {
                    *use_ &= u128::from(u64::MAX);
                }
            }
            trace = mix(trace, hash(uses.iter().copied()));
            for reg in func.clobbers(inst).into_iter().chain(machine.scratch) {
                state.set(Loc::Reg(reg), 0xbad_0000 + steps as u128);
            }
            let needed = !out.unneeded.contains(&inst);
            for (index, _) in operands.iter().enumerate().filter(|(_, operand)| needed && operand.role != Role::Use) {
                state.set(places[index], result(func, inst, index, &uses, seed));
            }
            steps += 1;
        }
        let succs = func.block_succs(block);
        if succs.is_empty() || steps > STEPS {
            return trace;
        }
        let taken = (hash(uses.into_iter().chain([steps as u128])) >> 64) as usize % succs.len();
        if let Some(edge) = out.edges.iter().find(|edge| edge.from == block && edge.succ as usize == taken) {
            for m in &out.edge_moves[edge.moves.start as usize..edge.moves.end as usize] {
                state.step(m);
            }
        }
        block = succs[taken];
    }
}
