//! Where a function saves the registers that belong to its caller: as late as one place will do for all.
//!
//! ```text
//! entry: test, to done or work        entry: test, to done or work
//! done:  return                       done:  return            (nothing saved, nothing restored)
//! work:  call ... return              work:  save, call ... restore, return
//! ```
//! The place is the start of a block that every way to a block with such a register goes through, once, and behind which no way leads to a block
//! that can be reached without it. Linear.

use crate::entity::Entity;
use crate::regalloc::{Block, Inst, Loc, Move, Output, PRegSet, Source, VCode};

/// Blocks that the place is moved down by, at most. No effect on correctness.
const STEPS: usize = 16;

/// The place, and memory that is reused.
#[derive(Default)]
pub struct Saves {
    /// The block at whose start registers are saved; the entry has them saved before it.
    pub at: u32,
    /// For each block whether it uses such a register, whether one that does can be reached from it by edges forward, and by how many edges
    /// it is reached.
    uses: Vec<bool>,
    leads: Vec<bool>,
    preds: Vec<u32>,
    /// For each block whether it is reached without the place, and whether it is reached from it.
    before: Vec<bool>,
    behind: Vec<bool>,
    worklist: Vec<u32>,
}

impl Saves {
    /// Whether registers are saved at the end of a block.
    pub fn is_behind(&self, block: usize) -> bool {
        self.at == 0 || self.behind[block]
    }

    /// Finds the place for a function that has been allocated.
    pub fn run<F: VCode>(&mut self, func: &F, out: &Output) {
        self.at = 0;
        let saved = out.used_callee_saved;
        if saved.is_empty() || func.num_blocks() < 3 || uses(func, out, saved, 0) {
            return;
        }
        self.find_uses(func, out, saved);
        let place = self.walk_down(func);
        if place != 0 && self.is_place(func, place) {
            self.at = place;
        }
    }

    fn find_uses<F: VCode>(&mut self, func: &F, out: &Output, saved: PRegSet) {
        let blocks = func.num_blocks();
        self.uses.clear();
        self.uses.extend((0..blocks).map(|block| uses(func, out, saved, block)));
        let is_saved = |loc: Loc| matches!(loc, Loc::Reg(reg) if saved.has(reg));
        let moves_one = |m: &Move| is_saved(m.to) || matches!(m.from, Source::Loc(from) if is_saved(from));
        let mut block = 0;
        for (inst, moved) in &out.moves {
            while func.block_insts(Block::new(block)).end <= inst.index() {
                block += 1;
            }
            self.uses[block] |= moves_one(moved);
        }
        for edge in &out.edges {
            let moves = &out.edge_moves[edge.moves.start as usize..edge.moves.end as usize];
            self.uses[edge.from.index()] |= moves.iter().any(moves_one);
        }
        self.preds.clear();
        self.preds.resize(blocks, 0);
        self.leads.clear();
        self.leads.resize(blocks, false);
        for index in (0..blocks).rev() {
            let mut leads = self.uses[index];
            for succ in func.block_succs(Block::new(index)) {
                self.preds[succ.index()] += 1;
                leads |= succ.index() > index && self.leads[succ.index()];
            }
            self.leads[index] = leads;
        }
    }

    /// The lowest block on the one way to all blocks with such registers, as far as edges forward tell.
    fn walk_down<F: VCode>(&self, func: &F) -> u32 {
        let mut at = 0_usize;
        for _ in 0..STEPS {
            if self.uses[at] {
                break;
            }
            let mut next = func.block_succs(Block::new(at)).iter().filter(|succ| self.leads[succ.index()]);
            match (next.next(), next.next()) {
                // A block that is entered by one edge is no head of a loop.
                (Some(only), None) if only.index() > at && self.preds[only.index()] == 1 => at = only.index(),
                _ => break,
            }
        }
        at as u32
    }

    /// Whether all such blocks are behind the place, and nothing is both behind it and not.
    fn is_place<F: VCode>(&mut self, func: &F, place: u32) -> bool {
        let blocks = func.num_blocks();
        for list in [&mut self.before, &mut self.behind] {
            list.clear();
            list.resize(blocks, false);
        }
        reach(func, 0, Some(place), &mut self.before, &mut self.worklist);
        reach(func, place, None, &mut self.behind, &mut self.worklist);
        (0..blocks).all(|block| !self.before[block] || !(self.uses[block] || self.behind[block]))
    }
}

/// Whether an instruction of a block has an operand in one of the registers.
fn uses<F: VCode>(func: &F, out: &Output, saved: PRegSet, block: usize) -> bool {
    func.block_insts(Block::new(block)).any(|inst| {
        let locs = out.operands(Inst::new(inst)).iter();
        locs.into_iter().any(|loc| matches!(loc, Loc::Reg(reg) if saved.has(*reg)))
    })
}

/// Marks what can be reached from a block without entering another one.
fn reach<F: VCode>(func: &F, from: u32, without: Option<u32>, marks: &mut [bool], worklist: &mut Vec<u32>) {
    worklist.clear();
    worklist.push(from);
    marks[from as usize] = true;
    while let Some(block) = worklist.pop() {
        for succ in func.block_succs(Block::new(block as usize)) {
            let succ = succ.index() as u32;
            if Some(succ) != without && !std::mem::replace(&mut marks[succ as usize], true) {
                worklist.push(succ);
            }
        }
    }
}
