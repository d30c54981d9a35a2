//! Puts the blocks in the order in which they are emitted: each loop in one piece, cold blocks last.
//!
//! Otherwise the order is that of translation, in which a block comes after its dominator. A block that translation put between the blocks of a
//! loop without belonging to it goes behind the loop. Linear.

use super::Scratch;
use crate::entity::Entity;
use crate::ir::{Block, Frequency, Function, Loop};

/// One thing in the list of a loop: a block, or a loop in its place.
const LOOP: u32 = 1 << 31;
const NONE: u32 = u32::MAX;

/// Runs the pass.
pub fn run(func: &mut Function, scratch: &mut Scratch) {
    if !func.loops.is_empty() {
        let by_loops = loops_in_one_piece(func, scratch);
        // Where the loops were too many to be followed exactly, the order of translation stays.
        if dominators_come_first(func, scratch, &by_loops) {
            func.layout = by_loops;
        }
    }
    let cold: Vec<Block> = func.layout.iter().copied().filter(|&block| is_cold(func, block)).collect();
    if !cold.is_empty() {
        let mut layout = std::mem::take(&mut func.layout);
        layout.retain(|&block| !is_cold(func, block));
        layout.extend(cold);
        func.layout = layout;
    }
}

fn is_cold(func: &Function, block: Block) -> bool {
    func.blocks[block].frequency == Frequency::Cold
}

/// The blocks with each loop in one piece, where its header stands.
fn loops_in_one_piece(func: &Function, scratch: &mut Scratch) -> Vec<Block> {
    let (blocks, loops) = (func.blocks.len(), func.loops.len());
    // List number 0 is the function's, number n + 1 that of loop n. Members are linked: blocks first, then loops.
    let mut heads = vec![NONE; loops + 1];
    let mut tails = vec![NONE; loops + 1];
    let mut next = std::mem::take(&mut scratch.numbers);
    next.clear();
    next.resize(blocks + loops, NONE);
    let slot = |member: u32| if member & LOOP == 0 { member as usize } else { blocks + (member & !LOOP) as usize };
    let mut append = |list: usize, member: u32, heads: &mut [u32]| {
        match tails[list] {
            NONE => heads[list] = member,
            tail => next[slot(tail)] = member,
        }
        tails[list] = member;
    };
    let list_of = |in_loop: Option<Loop>| in_loop.map_or(0, |this| this.index() + 1);
    for &block in &func.layout {
        let in_loop = func.blocks[block].in_loop;
        if let Some(this) = in_loop
            && func.loops[this].header == block
        {
            append(list_of(scratch.outer[this.index()]), this.index() as u32 | LOOP, &mut heads);
        }
        append(list_of(in_loop), block.index() as u32, &mut heads);
    }
    let mut layout = Vec::with_capacity(func.layout.len());
    let mut open = vec![heads[0]];
    while let Some(member) = open.pop() {
        if member == NONE {
            continue;
        }
        open.push(next[slot(member)]);
        if member & LOOP == 0 {
            layout.push(Block::new(member as usize));
        } else {
            open.push(heads[(member & !LOOP) as usize + 1]);
        }
    }
    scratch.numbers = next;
    layout
}

/// Whether all blocks are there, each behind its immediate dominator.
fn dominators_come_first(func: &Function, scratch: &mut Scratch, layout: &[Block]) -> bool {
    let placed = &mut scratch.by_block;
    placed.clear();
    placed.resize(func.blocks.len(), 0);
    layout.len() == func.layout.len()
        && layout.iter().all(|&block| {
            placed[block.index()] = 1;
            placed[func.blocks[block].idom.index()] == 1
        })
}
