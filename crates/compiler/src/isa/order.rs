//! The order in which blocks are emitted: that of allocation, with loops turned so that they end with a test.
//!
//! ```text
//! head: test, leave        jump head
//! body                     body
//! jump head         =>     head: test, to body
//! after                    after
//! ```
//! So a round needs one jump less. The moves of a critical edge back to a head stand in front of it for the same reason, where the edge
//! falls through into the head. Linear; a permutation of blocks is right whatever it is.

use crate::entity::Entity;
use crate::regalloc::{Block, VCode};

/// Blocks that are searched for one that leaves the loop, from its end. No effect on correctness.
const SEARCHED: usize = 32;
/// Blocks that are moved for each block of the function: loops inside of more loops than that stay as they are. No effect on correctness.
const MOVED_PER_BLOCK: usize = 16;
/// No block.
pub const NONE: u32 = u32::MAX;

/// A loop whose blocks are contiguous.
#[derive(Clone, Copy)]
struct Loop {
    head: u32,
    last: u32,
}

/// The order of the blocks of one function; memory that is reused.
#[derive(Default)]
pub struct Order {
    /// All blocks, the entry first.
    pub blocks: Vec<u32>,
    /// For each block the one behind it, or [`NONE`].
    next: Vec<u32>,
    /// For each block whether a loop begins there: it is worth aligning.
    pub tops: Vec<bool>,
    /// For each head of a loop the block whose edge back to it has its moves right in front of the head, or [`NONE`].
    pub moves_before: Vec<u32>,
    loops: Vec<Loop>,
    open: Vec<Loop>,
    /// For each block the head of the innermost loop around it, or [`NONE`].
    inner: Vec<u32>,
}

impl Order {
    /// Orders the blocks of a function; `unlikely` are those that run seldom, ascending; `has_moves` tells whether the edge from a block to one
    /// of its successors needs moves.
    pub fn run<F: VCode>(&mut self, func: &F, unlikely: &[u32], has_moves: impl Fn(Block, usize) -> bool) {
        let blocks = func.num_blocks();
        self.blocks.clear();
        self.blocks.extend(0..blocks as u32);
        for list in [&mut self.moves_before, &mut self.inner] {
            list.clear();
            list.resize(blocks, NONE);
        }
        self.tops.clear();
        self.tops.resize(blocks, false);
        self.find_loops(func);
        let mut budget = MOVED_PER_BLOCK * blocks;
        for at in (0..self.loops.len()).rev() {
            let this = self.loops[at];
            self.turn(func, this, &has_moves, &mut budget);
        }
        if !unlikely.is_empty() {
            self.put_last(func, unlikely);
        }
        self.next.clear();
        self.next.resize(blocks, NONE);
        for pair in self.blocks.windows(2) {
            self.next[pair[0] as usize] = pair[1];
        }
    }

    /// The block behind a block in the order, unless moves stand between the two.
    pub fn next(&self, block: usize) -> u32 {
        match self.next[block] {
            NONE => NONE,
            next if self.moves_before[next as usize] != NONE => NONE,
            next => next,
        }
    }

    /// Whether the moves of the edge between these blocks stand right in front of the target.
    pub fn is_before(&self, from: usize, to: usize) -> bool {
        self.moves_before[to] == from as u32
    }

    /// Finds loops, outer ones first, and the innermost one of each block. Cold blocks belong to none: they lie at the end.
    fn find_loops<F: VCode>(&mut self, func: &F) {
        self.loops.clear();
        let mut last_of = std::mem::take(&mut self.next);
        last_of.clear();
        last_of.resize(func.num_blocks(), NONE);
        for index in 0..func.num_blocks() {
            let block = Block::new(index);
            if !func.is_cold(block) {
                for target in func.block_succs(block).iter().filter(|target| target.index() <= index) {
                    last_of[target.index()] = index as u32;
                }
            }
        }
        self.open.clear();
        for block in 0..func.num_blocks() as u32 {
            while self.open.last().is_some_and(|open| open.last < block) {
                self.open.pop();
            }
            let last = last_of[block as usize];
            if last != NONE && !func.is_cold(Block::new(block as usize)) {
                let this = Loop { head: block, last };
                self.loops.push(this);
                self.open.push(this);
            }
            self.inner[block as usize] = self.open.last().map_or(NONE, |open| open.head);
        }
        self.next = last_of;
    }

    /// Puts blocks behind all others but the cold ones.
    fn put_last<F: VCode>(&mut self, func: &F, unlikely: &[u32]) {
        let class = |block: u32| match () {
            () if func.is_cold(Block::new(block as usize)) => 2,
            () if unlikely.binary_search(&block).is_ok() => 1,
            () => 0,
        };
        // The entry stays first.
        self.blocks[1..].sort_by_key(|block| class(*block));
        let mut before = NONE;
        for &block in &self.blocks {
            let moves = &mut self.moves_before[block as usize];
            if *moves != before {
                *moves = NONE;
            }
            before = block;
        }
    }

    /// Turns one loop, whose inner loops are turned already.
    fn turn<F: VCode>(
        &mut self,
        func: &F,
        Loop { head, last }: Loop,
        has_moves: &impl Fn(Block, usize) -> bool,
        budget: &mut usize,
    ) {
        let succs = |block: u32| func.block_succs(Block::new(block as usize));
        let is_inside = |block: Block| (head..=last).contains(&(block.index() as u32));
        self.tops[head as usize] = true;
        match succs(last) {
            [only] if only.index() as u32 == head && head != last => {
                // The last block of the loop itself that may leave it, and otherwise goes on behind itself.
                let leaves = |block: u32| match succs(block) {
                    [a, b] => {
                        let next = |x: &Block| x.index() as u32 == block + 1;
                        (next(a) && !is_inside(*b)) || (next(b) && !is_inside(*a))
                    }
                    _ => false,
                };
                let found = (head..last)
                    .rev()
                    .take(SEARCHED)
                    .find(|&block| self.inner[block as usize] == head && leaves(block));
                let len = (last - head) as usize + 1;
                let Some(exit) = found.filter(|_| *budget >= len) else { return };
                *budget -= len;
                // Loops of an irregular layout may overlap: then a block may be elsewhere.
                let at = exit as usize;
                if self.blocks[at] != exit || self.blocks[head as usize] != head {
                    return;
                }
                let range = &mut self.blocks[head as usize..=last as usize];
                range.rotate_left((exit - head) as usize + 1);
                let top = range[0];
                self.tops[head as usize] = false;
                self.tops[top as usize] = true;
            }
            [a, b] if a != b => {
                let back = [a, b].iter().position(|target| target.index() as u32 == head);
                if let Some(back) = back
                    && has_moves(Block::new(last as usize), back)
                {
                    self.moves_before[head as usize] = last;
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::x64::vcode::VCode as X64Code;

    /// Blocks by their successors.
    fn order(succs: &[&[usize]], moves: &[(usize, usize)]) -> Order {
        let mut code = X64Code::default();
        for targets in succs {
            code.push_block(0, false);
            targets.iter().for_each(|&target| code.push_edge(target, []));
            code.end_block([]);
        }
        let mut order = Order::default();
        order.run(&code, &[], |from, succ| moves.contains(&(from.index(), succ)));
        order
    }

    #[test]
    fn a_loop_ends_with_its_test() {
        // 1: test, to 4 or 2; 2: to 3; 3: back.
        let order = order(&[&[1], &[4, 2], &[3], &[1], &[]], &[]);
        assert_eq!(order.blocks, [0, 2, 3, 1, 4]);
        assert_eq!(order.tops, [false, false, true, false, false]);
        assert_eq!((order.next(0), order.next(3), order.next(1), order.next(4)), (2, 1, 4, NONE));
    }

    #[test]
    fn loops_in_loops() {
        // 1 { 2: leave for 6 or go on { 3: leave for 5, or 4; 4: back to 3 } 5: back to 1 }
        let order = order(&[&[1], &[2], &[6, 3], &[5, 4], &[3], &[1], &[]], &[]);
        assert_eq!(order.blocks, [0, 4, 3, 5, 1, 2, 6]);
    }

    #[test]
    fn moves_stand_before_the_head() {
        let order = order(&[&[1], &[1, 2], &[]], &[(1, 0)]);
        assert_eq!(order.blocks, [0, 1, 2]);
        assert!(order.is_before(1, 1));
        assert_eq!((order.next(0), order.next(1)), (NONE, 2));
    }

    #[test]
    fn unlikely_blocks_come_last() {
        let mut code = X64Code::default();
        for (targets, cold) in [(&[1, 2][..], false), (&[3], false), (&[3, 4], false), (&[], false), (&[], true)] {
            code.push_block(0, cold);
            targets.iter().for_each(|&target| code.push_edge(target, []));
            code.end_block([]);
        }
        let mut order = Order::default();
        order.run(&code, &[1], |_, _| false);
        assert_eq!(order.blocks, [0, 2, 3, 1, 4]);
    }

    #[test]
    fn a_loop_without_an_exit_stays() {
        let order = order(&[&[1], &[2], &[1]], &[]);
        assert_eq!(order.blocks, [0, 1, 2]);
        assert!(order.tops[1]);
    }
}
