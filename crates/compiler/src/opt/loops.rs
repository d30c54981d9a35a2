//! Finds which blocks are cold, and which belong to which loop.
//!
//! Translation puts every block between `loop` and its `end` into the loop. A block that cannot get back to the header - the way out to a
//! `return`, say - does not belong to it: it runs once. One walk over the blocks, last first, as every block but a header comes before those
//! it leads to.
//!
//! Work: linear, but for branches out of several loops at once, of which each climbs at most [`CLIMB`] loops.

use super::Scratch;
use crate::entity::Entity;
use crate::ir::{Block, Format, Frequency, Function, Loop, Opcode};

/// Loops that are climbed to note where a branch out of several leads to. No effect on correctness.
const CLIMB: usize = 32;

/// Runs the pass.
pub fn run(func: &mut Function, scratch: &mut Scratch) {
    scratch.header_of.clear();
    scratch.header_of.resize(func.blocks.len(), None);
    for (this, data) in func.loops.iter() {
        scratch.header_of[data.header.index()] = Some(this);
    }
    scratch.outer.clear();
    scratch.outer.resize(func.loops.len(), None);
    for index in (0..func.layout.len()).rev() {
        let block = func.layout[index];
        let in_loop = innermost(func, scratch, block);
        let cold = block != func.entry() && is_cold(func, block);
        let data = &mut func.blocks[block];
        data.in_loop = in_loop;
        data.frequency = match data.frequency {
            _ if cold => Frequency::Cold,
            Frequency::Unlikely => Frequency::Unlikely,
            _ => Frequency::Normal,
        };
    }
}

/// The innermost loop that a block belongs to: the deepest of those its successors belong to.
fn innermost(func: &Function, scratch: &mut Scratch, block: Block) -> Option<Loop> {
    let mut found: Option<Loop> = None;
    for edge in func.successors(block) {
        let target = func.edges[edge].target;
        let header_of = scratch.header_of[target.index()];
        let candidate = match header_of {
            // A way back to the header.
            Some(this) if target <= block => Some(this),
            // A way into a loop: what matters is where the loop gets back to.
            Some(this) if func.blocks[target].in_loop == Some(this) => scratch.outer[this.index()],
            _ => func.blocks[target].in_loop,
        };
        let (deep, shallow) = match (found, candidate) {
            (Some(a), Some(b)) if func.loops[a].depth >= func.loops[b].depth => (a, Some(b)),
            (a, Some(b)) => (b, a),
            (Some(a), None) => (a, None),
            (None, None) => continue,
        };
        found = Some(deep);
        if let Some(shallow) = shallow {
            note_outer(func, scratch, deep, shallow);
        }
    }
    found
}

/// Notes that a block of loop `inner` belongs to `outer` as well.
fn note_outer(func: &Function, scratch: &mut Scratch, inner: Loop, outer: Loop) {
    let (mut inner, mut outer) = (inner, outer);
    for _ in 0..CLIMB {
        if inner == outer {
            return;
        }
        match scratch.outer[inner.index()] {
            None => {
                scratch.outer[inner.index()] = Some(outer);
                return;
            }
            Some(known) if func.loops[known].depth >= func.loops[outer].depth => inner = known,
            Some(known) => {
                scratch.outer[inner.index()] = Some(outer);
                (inner, outer) = (outer, known);
            }
        }
    }
}

/// Whether every way from a block ends in a trap.
fn is_cold(func: &Function, block: Block) -> bool {
    let Some(last) = func.terminator(block) else { return false };
    match func.inst(last).op.info().format {
        Format::TrapNow => true,
        Format::Jump | Format::BrIf | Format::BrTable => func.edges_of(last).all(|edge| {
            let target = func.edges[edge].target;
            target > block && func.blocks[target].frequency == Frequency::Cold
        }),
        _ => {
            debug_assert!(func.inst(last).op != Opcode::Jump);
            false
        }
    }
}
