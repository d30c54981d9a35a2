//! in: a function that has its registers. out: the order in which its blocks are emitted, where the caller's registers are saved, and what each edge
//! needs: the part of emission that no instruction set has its own of.

use super::order::{self, Order};
use super::saves::Saves;
use crate::entity::Entity;
use crate::regalloc::{Block, Output, VCode};

/// Instructions of a dispatch, a block that ends with a `br_table`, of which each jump to it gets its own copy. No effect on correctness.
pub const DISPATCH_INSTS: u32 = 16;
/// Instructions of all copies of a function, at most. No effect on correctness.
pub const COPIED_INSTS: u32 = 256;
/// And one more for each so many instructions of the function. No effect on correctness.
pub const INSTS_PER_COPIED: u32 = 2;

/// What was found; memory that is reused.
#[derive(Default)]
pub struct Flow {
    /// The order of the blocks.
    pub order: Order,
    /// Where the caller's registers are saved.
    pub saves: Saves,
    /// For each block where its moves start, and its edges.
    firsts: Vec<(u32, u32)>,
}

/// One of the two ways out of a block that ends with a branch.
#[derive(Clone, Copy)]
pub struct Way {
    /// The block that it leads to.
    pub target: usize,
    /// The edge, if it has moves.
    pub edge: Option<usize>,
    /// Whether the moves had best stand behind the branch.
    pub here: bool,
}

impl Flow {
    /// Looks at a function; `unlikely` are the blocks that run seldom, ascending.
    pub fn run<F: VCode>(&mut self, func: &F, unlikely: &[u32], out: &Output) {
        self.firsts.clear();
        let (mut moved, mut edge) = (0, 0);
        for index in 0..func.num_blocks() {
            self.firsts.push((moved as u32, edge as u32));
            let end = func.block_insts(Block::new(index)).end;
            while out.moves.get(moved).is_some_and(|(inst, _)| inst.index() < end) {
                moved += 1;
            }
            while out.edges.get(edge).is_some_and(|edge| edge.from.index() == index) {
                edge += 1;
            }
        }
        let mut order = std::mem::take(&mut self.order);
        order.run(func, unlikely, |from, succ| self.edge(out, from.index(), succ as u32).is_some());
        self.order = order;
        self.saves.run(func, out);
    }

    /// The first of a block's moves.
    pub fn first_move(&self, block: usize) -> usize {
        self.firsts[block].0 as usize
    }

    /// The edge from a block to this one of its successors, if it has moves.
    pub fn edge(&self, out: &Output, block: usize, succ: u32) -> Option<usize> {
        let first = self.firsts[block].1 as usize;
        let end = self.firsts.get(block + 1).map_or(out.edges.len(), |next| next.1 as usize);
        // A table may have many, which are ascending.
        let found = out.edges[first..end].binary_search_by_key(&succ, |edge| edge.succ);
        found.ok().map(|at| first + at)
    }

    /// The edge whose moves stand right in front of a block, if there is one.
    pub fn edge_before<F: VCode>(&self, func: &F, out: &Output, block: usize) -> Option<usize> {
        let from = self.order.moves_before[block];
        if from == order::NONE {
            return None;
        }
        let mut succs = func.block_succs(Block::new(from as usize)).iter();
        let succ = succs.position(|succ| succ.index() == block).expect("the edge leads to the block");
        Some(self.edge(out, from as usize, succ as u32).expect("the edge has moves"))
    }

    /// How a branch is emitted: whether it is turned around, where it leads, and what stands behind it.
    pub fn branch<F: VCode>(&self, func: &F, out: &Output, block: usize) -> (bool, Way, Way) {
        let [yes, no] = [0, 1].map(|succ| {
            let target = func.block_succs(Block::new(block))[succ];
            let edge = self.edge(out, block, succ as u32);
            let here = edge.is_some() && !func.is_cold(target) && !self.order.is_before(block, target.index());
            Way { target: target.index(), edge, here }
        });
        let next = self.order.next(block);
        let falls = |way: Way| way.edge.is_none() && next == way.target as u32;
        if !no.here && (yes.here || falls(yes)) { (true, no, yes) } else { (false, yes, no) }
    }
}
