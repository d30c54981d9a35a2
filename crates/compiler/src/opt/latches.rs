//! Shortens the lives of what a loop counts with, so that a counter keeps its register from round to round.
//!
//! ```text
//! head(i): ...                           head(i): ...
//!   next = add i, 1                        next = add i, 1
//!   br_if (ne i, 9) head(next), after  =>  br_if (ne next, 10) head(next), after
//!
//! head(i): ...                           head(i): ...
//!   next = add i, 1                        br_if c latch, after(i)
//!   br_if c head(next), after(i)       =>  latch: next = add i, 1
//!                                          jump head(next)
//! ```
//! In either case the old count and the new one need not live at the same time. A test of the old one becomes one of the new one if only
//! equality is asked for, which holds modulo 2^n; what only the way back needs and would need a register beside its operand moves there, to a
//! block of its own. Work: linear.

use super::Scratch;
use crate::entity::Entity;
use crate::ir::{Block, Edge, EdgeData, Frequency, Function, Inst, List, Loop, Opcode, Type, Value};

/// Loops around a block that are climbed to find out whether it is inside one. No effect on correctness.
const CLIMB: usize = 16;
/// No candidate.
const NONE: u32 = u32::MAX;

/// A value that a block adds a constant to for the way back to a loop's head.
struct Candidate {
    block: Block,
    in_loop: Loop,
    back: Edge,
    /// The sum, and where it is in [`Function::order`].
    sum: Value,
    pos: u32,
    /// What is added to.
    old: Value,
    /// The condition of the branch reads `old` and nothing else.
    tested: bool,
    /// `old` is needed behind the sum, by other than the condition.
    needed: bool,
}

/// A block whose instructions change.
struct Edit {
    block: Block,
    /// The new condition, which stands before the terminator.
    condition: Option<Value>,
}

/// Runs the pass.
pub fn run(func: &mut Function, scratch: &mut Scratch) {
    if func.loops.is_empty() {
        return;
    }
    let mut candidates = find(func);
    if candidates.is_empty() {
        return;
    }
    let mut of_old = std::mem::take(&mut scratch.by_value);
    mark_needs(func, &mut candidates, &mut of_old);
    let (mut edits, mut moved) = (Vec::new(), Vec::new());
    for candidate in &candidates {
        if candidate.needed {
            if func.uses[candidate.sum.index()] == 1 {
                moved.push((candidate.block, candidate.back, candidate.sum));
            }
        } else if candidate.tested
            && let Some(condition) = test_sum(func, candidate)
        {
            edits.push(Edit { block: candidate.block, condition: Some(condition) });
        }
    }
    scratch.by_value = of_old;
    if !moved.is_empty() || !edits.is_empty() {
        rebuild(func, scratch, edits, &moved);
    }
}

/// The sums with constants that go round loops by the branches at their ends.
fn find(func: &mut Function) -> Vec<Candidate> {
    let mut header_of = vec![None; func.blocks.len()];
    for (this, data) in func.loops.iter() {
        header_of[data.header.index()] = Some(this);
    }
    let mut candidates = Vec::new();
    for &block in &func.layout {
        let data = &func.blocks[block];
        let Some(last) = func.terminator(block) else { continue };
        if data.in_loop.is_none() || data.frequency == Frequency::Cold || func.inst(last).op != Opcode::BrIf {
            continue;
        }
        let back = func.edges_of(last).find_map(|edge| {
            let target = func.edges[edge].target;
            header_of[target.index()].filter(|_| target <= block).map(|in_loop| (edge, in_loop))
        });
        let Some((back, in_loop)) = back else { continue };
        for (at, &sum) in func.block_insts(block).iter().enumerate() {
            if let Some((old, _)) = sum_of(func, sum)
                && func.list(func.edges[back].args).any(|arg| arg == sum)
            {
                let pos = data.first + at as u32;
                candidates.push(Candidate { block, in_loop, back, sum, pos, old, tested: false, needed: false });
            }
        }
    }
    if !candidates.is_empty() {
        func.count_uses();
    }
    candidates
}

/// What a value adds a constant to, and the constant.
fn sum_of(func: &Function, value: Value) -> Option<(Value, u64)> {
    let inst = func.inst(value);
    let (a, b) = (Value::new(inst.a as usize), Value::new(inst.b as usize));
    match inst.op {
        Opcode::I32Add | Opcode::I64Add if !func.is_const(a) => Some((a, func.int_const(b)?)),
        _ => None,
    }
}

/// Finds out for each candidate whether its old value is needed behind the sum.
fn mark_needs(func: &Function, candidates: &mut [Candidate], of_old: &mut Vec<u32>) {
    of_old.clear();
    of_old.resize(func.insts.len(), NONE);
    for (index, candidate) in candidates.iter_mut().enumerate() {
        let first = &mut of_old[candidate.old.index()];
        if *first == NONE {
            *first = index as u32;
        } else {
            // Two sums of one value: it is needed for the second one at least.
            candidate.needed = true;
        }
    }
    for &block in &func.layout {
        let (first, end) = (func.blocks[block].first, func.blocks[block].end);
        for pos in first..end {
            let value = func.order[pos as usize];
            func.for_each_operand(value, |operand| {
                if let Some(candidate) = candidates.get_mut(of_old[operand.index()] as usize) {
                    note_use(func, candidate, block, pos, value);
                }
            });
        }
        for edge in func.successors(block) {
            for arg in func.list(func.edges[edge].args) {
                if let Some(candidate) = candidates.get_mut(of_old[arg.index()] as usize)
                    && edge != candidate.back
                    && (block == candidate.block || !is_inside(func, block, candidate.in_loop))
                {
                    candidate.needed = true;
                }
            }
        }
    }
}

fn note_use(func: &Function, candidate: &mut Candidate, block: Block, pos: u32, user: Value) {
    if block != candidate.block {
        candidate.needed |= !is_inside(func, block, candidate.in_loop);
        return;
    }
    let is_last = pos + 1 == func.blocks[block].end;
    let condition = func.terminator(block).map(|last| Value::new(func.inst(last).a as usize));
    // The test is made where the branch is, wherever it stands.
    if is_last || (Some(user) == condition && func.uses[user.index()] == 1) {
        if tests_equality(func, candidate.old, condition.unwrap_or(user)).is_some() {
            candidate.tested = true;
        } else {
            candidate.needed = true;
        }
    } else if pos > candidate.pos {
        candidate.needed = true;
    }
}

/// Whether a block is in a loop.
fn is_inside(func: &Function, block: Block, this: Loop) -> bool {
    let mut at = func.blocks[block].in_loop;
    for _ in 0..CLIMB {
        match at {
            Some(found) if found == this => return true,
            Some(found) if func.loops[found].depth > func.loops[this].depth => at = func.loops[found].parent,
            _ => return false,
        }
    }
    true
}

/// What the condition compares this value with for equality, and whether it holds if they are equal.
fn tests_equality(func: &Function, old: Value, condition: Value) -> Option<(u64, bool)> {
    if condition == old {
        return Some((0, false));
    }
    let inst = func.inst(condition);
    let with = || func.int_const(Value::new(inst.b as usize));
    if inst.a as usize != old.index() {
        return None;
    }
    match inst.op {
        Opcode::I32Eqz | Opcode::I64Eqz => Some((0, true)),
        Opcode::I32Eq | Opcode::I64Eq => Some((with()?, true)),
        Opcode::I32Ne | Opcode::I64Ne => Some((with()?, false)),
        _ => None,
    }
}

/// Makes the test of a candidate one of its sum: `old == c` is `old + k == c + k`.
fn test_sum(func: &mut Function, candidate: &Candidate) -> Option<Value> {
    let last = func.terminator(candidate.block)?;
    let condition = Value::new(func.inst(last).a as usize);
    let (with, if_equal) = tests_equality(func, candidate.old, condition)?;
    let (_, added) = sum_of(func, candidate.sum)?;
    let ty = func.ty(candidate.sum);
    let op = match (ty, if_equal) {
        (Type::I32, true) => Opcode::I32Eq,
        (Type::I32, false) => Opcode::I32Ne,
        (_, true) => Opcode::I64Eq,
        (_, false) => Opcode::I64Ne,
    };
    let with = with.wrapping_add(added) & ty.mask() as u64;
    let constant = Inst::new(Opcode::Const, ty).fields(with as u32, (with >> 32) as u32, 0);
    let constant = func.make(constant, 0);
    let test = Inst::new(op, Type::I32).fields(candidate.sum.index() as u32, constant.index() as u32, 0);
    let test = func.make(test, func.locs[last.index()]);
    func.insts[last].a = test.index() as u32;
    Some(test)
}

/// Puts new conditions in front of their branches and moved values into blocks of their own.
fn rebuild(func: &mut Function, scratch: &mut Scratch, mut edits: Vec<Edit>, moved: &[(Block, Edge, Value)]) {
    let mut order = std::mem::take(&mut scratch.order);
    order.clear();
    let mut is_moved = vec![false; func.insts.len()];
    moved.iter().for_each(|(.., value)| is_moved[value.index()] = true);
    edits.sort_by_key(|edit| edit.block);
    for index in 0..func.layout.len() {
        let block = func.layout[index];
        let first = order.len();
        order.extend(func.block_insts(block).iter().filter(|value| !is_moved[value.index()]));
        let from = edits.partition_point(|edit| edit.block < block);
        for edit in edits[from..].iter().take_while(|edit| edit.block == block) {
            let end = order.len() - 1;
            if let Some(condition) = edit.condition {
                order.insert(end, condition);
            }
        }
        let data = &mut func.blocks[block];
        (data.first, data.end) = (first as u32, order.len() as u32);
    }
    scratch.order = std::mem::replace(&mut func.order, order);
    let mut at = 0;
    while let Some(&(block, back, _)) = moved.get(at) {
        let EdgeData { target, args } = func.edges[back];
        let latch = func.make_block(List(0), block, func.blocks[block].in_loop);
        let edge = func.edges.push(EdgeData { target, args });
        func.edges[back] = EdgeData { target: latch, args: List(0) };
        while let Some(&(other, _, value)) = moved.get(at)
            && other == block
        {
            func.order.push(value);
            at += 1;
        }
        let loc = func.terminator(block).map_or(0, |last| func.locs[last.index()]);
        let jump = func.make(Inst::new(Opcode::Jump, Type::None).fields(0, 0, edge.index() as u32), loc);
        func.order.push(jump);
        func.blocks[latch].end = func.order.len() as u32;
    }
}
