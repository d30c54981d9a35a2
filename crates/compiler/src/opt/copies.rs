//! Loops that fill or copy a byte a round do all rounds but the last at once, as compilers without `memory.copy` write them.
//!
//! ```text
//! before: jump head(p, q, n)                       before: ahead = rounds - 1
//!                                                    br_if (ahead >= 32) bulk, enter(p, q, n)
//!                                                  bulk: done = memory.copy_ahead p, q, ahead
//!                                             =>     jump enter(p + done, q + done, n - done)
//!                                                  enter(p, q, n): jump head(p, q, n)
//! head(p, q, n): store8 p, (load8_u q)             head(p, q, n): as it was
//!   br_if (n - 1) head(p + 1, q + 1, n - 1), after
//! ```
//! The routine does nothing if a byte is out of bounds, or if the bytes overlap so that order matters: then the loop runs, and traps where it
//! did. The last round is left to it, so that whoever needs what it counts gets it. Work: linear.

use super::Scratch;
use crate::entity::Entity;
use crate::ir::insts::Effect;
use crate::ir::insts::access;
use crate::ir::{Block, Builtin, Edge, EdgeData, Function, Inst, List, Opcode, Type, Value};

/// Instructions of a loop that is looked at. No effect on correctness.
const MOST_INSTS: usize = 16;
/// Sums in an address or count that are followed. No effect on correctness.
const DEPTH: u32 = 3;
/// Rounds from which on a call is worth it. No effect on correctness.
const WORTH: u32 = 32;

/// A loop of one block.
struct Counting {
    head: Block,
    /// The jump that enters it.
    entry: Value,
    /// What a round adds to each parameter of the head.
    steps: Vec<i64>,
}

/// What a loop does.
struct Found {
    counting: Counting,
    store: Value,
    load: Option<Value>,
    rounds: Rounds,
}

/// When a loop ends: with the round in which `counter`, which changes by 1 a round, is `end`.
struct Rounds {
    counter: Value,
    /// 0 if there is none.
    end: Option<Value>,
    counts_down: bool,
    /// The comparison of the two that has to hold at first, if the loop does not test for equality.
    below: Option<Opcode>,
}

/// Runs the pass.
pub fn run(func: &mut Function, scratch: &mut Scratch) {
    let found: Vec<Found> = func.loops.iter().filter_map(|(_, data)| recognize(func, data.header)).collect();
    if found.is_empty() {
        return;
    }
    // For each block that enters such a loop, what it makes before its branch.
    let mut changed = vec![None; func.blocks.len()];
    let mut added = Vec::new();
    for found in &found {
        let before = func.blocks[found.counting.head].idom;
        changed[before.index()] = Some(added.len());
        added.push(insert(func, found));
    }
    rebuild(func, scratch, &changed, &added);
}

/// What a loop does, if it is one that fills or copies.
fn recognize(func: &Function, head: Block) -> Option<Found> {
    let insts = func.block_insts(head);
    let last = func.terminator(head)?;
    if insts.len() > MOST_INSTS || func.inst(last).op != Opcode::BrIf {
        return None;
    }
    let mut edges = func.edges_of(last).enumerate().filter(|(_, edge)| func.edges[*edge].target == head);
    let (Some((succ, back)), None) = (edges.next(), edges.next()) else { return None };
    let entry = func.terminator(func.blocks[head].idom).filter(|entry| func.inst(*entry).op == Opcode::Jump)?;
    debug_assert!(func.edges_of(entry).all(|edge| func.edges[edge].target == head), "the way into a loop is a jump");
    let (mut store, mut load) = (None, None);
    for &value in &insts[..insts.len() - 1] {
        let inst = func.inst(value);
        let place = match inst.op {
            Opcode::I32Store8 | Opcode::I64Store8 => &mut store,
            Opcode::I32Load8U | Opcode::I64Load8U => &mut load,
            _ if func.effect(value) == Effect::Pure => continue,
            _ => return None,
        };
        if inst.imm & !(access::NO_TRAP | access::WHOLE) != 0 || place.replace(value).is_some() {
            return None;
        }
    }
    let store = store?;
    let steps = func.params(head).zip(func.list(func.edges[back].args));
    let steps = steps.map(|(param, next)| step_of(func, param, next)).collect::<Option<_>>()?;
    let counting = Counting { head, entry, steps };
    let moves_up = |access: Value| {
        let index = Value::new(func.inst(access).a as usize);
        func.ty(index) == Type::I32 && counting.step(func, index, DEPTH) == Some(1)
    };
    let stored = Value::new(func.inst(store).c as usize);
    let fits = match load {
        Some(load) => load == stored && moves_up(load),
        None => func.ty(stored) == Type::I32 && counting.step(func, stored, DEPTH) == Some(0),
    };
    if !fits || !moves_up(store) {
        return None;
    }
    let rounds = rounds(func, &counting, last, succ == 0)?;
    Some(Found { counting, store, load, rounds })
}

/// What is added to a parameter from round to round.
fn step_of(func: &Function, param: Value, next: Value) -> Option<i64> {
    if next == param {
        return Some(0);
    }
    let inst = func.inst(next);
    match inst.op {
        _ if inst.a as usize != param.index() => None,
        Opcode::I32Add => Some(i64::from(func.int_const(Value::new(inst.b as usize))? as i32)),
        Opcode::I64Add => Some(func.int_const(Value::new(inst.b as usize))? as i64),
        _ => None,
    }
}

/// When the loop ends whose last instruction this is, which goes back if its condition holds, or if it does not.
fn rounds(func: &Function, counting: &Counting, last: Value, back_if: bool) -> Option<Rounds> {
    let condition = Value::new(func.inst(last).a as usize);
    let inst = func.inst(condition);
    let (a, b) = (Value::new(inst.a as usize), Value::new(inst.b as usize));
    // The comparison that holds while the loop goes on.
    let (counter, end, below) = match (inst.op, back_if) {
        (Opcode::I32Ne, true) | (Opcode::I32Eq, false) => (a, Some(b), None),
        (Opcode::I32LtU, true) | (Opcode::I32GeU, false) => (a, Some(b), Some(Opcode::I32LtU)),
        (Opcode::I32LtS, true) | (Opcode::I32GeS, false) => (a, Some(b), Some(Opcode::I32LtS)),
        (Opcode::I32GtU, true) | (Opcode::I32LeU, false) => (b, Some(a), Some(Opcode::I32LtU)),
        (Opcode::I32GtS, true) | (Opcode::I32LeS, false) => (b, Some(a), Some(Opcode::I32LtS)),
        (Opcode::I32Eqz, false) => (a, None, None),
        (Opcode::I32Add | Opcode::Param, true) => (condition, None, None),
        _ => return None,
    };
    let step = |value| counting.step(func, value, DEPTH);
    // Equality may be tested either way round.
    let (counter, end) = match end {
        Some(end) if below.is_none() && step(counter) == Some(0) => (end, Some(counter)),
        end => (counter, end),
    };
    let counts_down = match step(counter)? {
        1 => false,
        -1 if below.is_none() => true,
        _ => return None,
    };
    let is_fixed = end.is_none_or(|end| step(end) == Some(0));
    (func.ty(counter) == Type::I32 && is_fixed).then_some(Rounds { counter, end, counts_down, below })
}

impl Counting {
    /// What a round adds to a value, modulo its type; `None` if that is not always the same, or not found out.
    fn step(&self, func: &Function, value: Value, depth: u32) -> Option<i64> {
        let inst = func.inst(value);
        if inst.op == Opcode::Param && inst.a as usize == self.head.index() {
            return Some(self.steps[inst.b as usize]);
        }
        if func.is_const(value) || !func.block_insts(self.head).contains(&value) {
            return Some(0);
        }
        let [a, b] = [inst.a, inst.b].map(|operand| Value::new(operand as usize));
        match inst.op {
            Opcode::I32Add if depth > 0 => Some(self.step(func, a, depth - 1)? + self.step(func, b, depth - 1)?),
            Opcode::I32Sub if depth > 0 => Some(self.step(func, a, depth - 1)? - self.step(func, b, depth - 1)?),
            _ => None,
        }
    }

    /// A value as it is in the first round, made before the loop. It has a step.
    fn first(&self, func: &mut Function, value: Value, made: &mut Vec<Value>) -> Value {
        let inst = *func.inst(value);
        if inst.op == Opcode::Param && inst.a as usize == self.head.index() {
            let args = func.edges[Edge::new(func.inst(self.entry).c as usize)].args;
            return Value::new(func.numbers(args)[inst.b as usize] as usize);
        }
        if func.is_const(value) || !func.block_insts(self.head).contains(&value) {
            return value;
        }
        let [a, b] = [inst.a, inst.b].map(|operand| self.first(func, Value::new(operand as usize), made));
        self.make(func, made, inst.op, inst.ty, a, Some(b))
    }

    /// Makes an instruction before the loop.
    fn make(
        &self,
        func: &mut Function,
        made: &mut Vec<Value>,
        op: Opcode,
        ty: Type,
        a: Value,
        b: Option<Value>,
    ) -> Value {
        let loc = func.locs[self.entry.index()];
        let inst = Inst::new(op, ty).fields(a.index() as u32, b.map_or(0, |b| b.index() as u32), 0);
        let value = func.make(inst, loc);
        made.push(value);
        value
    }
}

/// What is put between a loop and the block that enters it.
struct Added {
    /// What stands in place of the jump of the block that enters it.
    before: Vec<Value>,
    bulk: Block,
    /// The block with the routine.
    in_bulk: Vec<Value>,
    enter: Block,
    /// The one in front of the loop.
    in_enter: Value,
}

fn constant(func: &mut Function, ty: Type, bits: u64) -> Value {
    func.make(Inst::new(Opcode::Const, ty).fields(bits as u32, (bits >> 32) as u32, 0), 0)
}

/// Makes what is put before a loop.
fn insert(func: &mut Function, found: &Found) -> Added {
    let Found { counting, store, load, rounds } = found;
    let (head, loc) = (counting.head, func.locs[counting.entry.index()]);
    let before = func.blocks[head].idom;
    let entry_edge = Edge::new(func.inst(counting.entry).c as usize);
    let args: Vec<Value> = func.list(func.edges[entry_edge].args).collect();
    let params: Vec<Value> = func.params(head).collect();

    // Rounds, less the last one.
    let mut made = Vec::new();
    let counter = counting.first(func, rounds.counter, &mut made);
    let end = rounds.end.map(|end| counting.first(func, end, &mut made));
    let end = end.unwrap_or_else(|| constant(func, Type::I32, 0));
    let (from, to) = if rounds.counts_down { (end, counter) } else { (counter, end) };
    let ahead = counting.make(func, &mut made, Opcode::I32Sub, Type::I32, to, Some(from));
    let worth = constant(func, Type::I32, WORTH.into());
    let mut guard = counting.make(func, &mut made, Opcode::I32GeU, Type::I32, ahead, Some(worth));
    if let Some(below) = rounds.below {
        let below = counting.make(func, &mut made, below, Type::I32, counter, Some(end));
        guard = counting.make(func, &mut made, Opcode::I32And, Type::I32, guard, Some(below));
    }

    let data = &func.blocks[before];
    let (in_loop, frequency) = (data.in_loop, data.frequency);
    let [bulk, enter] = [(); 2].map(|()| {
        let block = func.make_block(List(0), before, in_loop);
        func.layout.pop();
        func.blocks[block].frequency = frequency;
        block
    });

    // The routine, and where it leaves the loop to go on.
    let mut in_bulk = Vec::new();
    let mut address = |func: &mut Function, access: Value| {
        let Inst { a: index, b: offset, .. } = *func.inst(access);
        let index = counting.first(func, Value::new(index as usize), &mut in_bulk);
        let index = counting.make(func, &mut in_bulk, Opcode::I64ExtendI32U, Type::I64, index, None);
        let offset = constant(func, Type::I64, offset.into());
        counting.make(func, &mut in_bulk, Opcode::I64Add, Type::I64, index, Some(offset))
    };
    let to = address(func, *store);
    let from = load.map(|load| address(func, load));
    let len = counting.make(func, &mut in_bulk, Opcode::I64ExtendI32U, Type::I64, ahead, None);
    let memory = constant(func, Type::I32, 0);
    let (builtin, list) = match from {
        Some(from) => (Builtin::MemoryCopyAhead, vec![memory, to, from, len]),
        None => {
            let stored = Value::new(func.inst(*store).c as usize);
            let stored = counting.first(func, stored, &mut in_bulk);
            (Builtin::MemoryFillAhead, vec![memory, to, stored, len])
        }
    };
    let list = func.make_list(list);
    let call = Inst::new(Opcode::Builtin, builtin.result()).fields(builtin as u32, list.0, 0);
    let done = func.make(call, loc);
    in_bulk.push(done);
    let done_32 = counting.make(func, &mut in_bulk, Opcode::I32WrapI64, Type::I32, done, None);
    let mut advanced = Vec::new();
    for (&arg, &step) in args.iter().zip(&counting.steps) {
        let (done, mul, add, sub) = match func.ty(arg) {
            Type::I64 => (done, Opcode::I64Mul, Opcode::I64Add, Opcode::I64Sub),
            _ => (done_32, Opcode::I32Mul, Opcode::I32Add, Opcode::I32Sub),
        };
        let ty = func.ty(arg);
        advanced.push(match step {
            0 => arg,
            1 => counting.make(func, &mut in_bulk, add, ty, arg, Some(done)),
            -1 => counting.make(func, &mut in_bulk, sub, ty, arg, Some(done)),
            step => {
                let step = constant(func, ty, step as u64 & ty.mask() as u64);
                let far = counting.make(func, &mut in_bulk, mul, ty, done, Some(step));
                counting.make(func, &mut in_bulk, add, ty, arg, Some(far))
            }
        });
    }

    // The edges: to the routine or past it, from it, and into the loop.
    let old_args = func.edges[entry_edge].args;
    let to_bulk = func.edges.push(EdgeData { target: bulk, args: List(0) });
    func.edges.push(EdgeData { target: enter, args: old_args });
    let branch = Inst::new(Opcode::BrIf, Type::None).fields(guard.index() as u32, 0, to_bulk.index() as u32);
    made.push(func.make(branch, loc));
    let list = func.make_list(advanced);
    let from_bulk = func.edges.push(EdgeData { target: enter, args: list });
    let jump = |edge: Edge| Inst::new(Opcode::Jump, Type::None).fields(0, 0, edge.index() as u32);
    in_bulk.push(func.make(jump(from_bulk), loc));
    let mut entered = Vec::new();
    for (index, &param) in params.iter().enumerate() {
        let inst = Inst::new(Opcode::Param, func.ty(param)).fields(enter.index() as u32, index as u32, 0);
        entered.push(func.make(inst, 0));
    }
    let list = func.make_list(entered);
    func.blocks[enter].params = list;
    let into = func.edges.push(EdgeData { target: head, args: list });
    func.blocks[head].idom = enter;
    let in_enter = func.make(jump(into), loc);
    Added { before: made, bulk, in_bulk, enter, in_enter }
}

/// Puts everything in its place.
fn rebuild(func: &mut Function, scratch: &mut Scratch, changed: &[Option<usize>], added: &[Added]) {
    let (mut order, mut layout) = (std::mem::take(&mut scratch.order), Vec::new());
    order.clear();
    for block in std::mem::take(&mut func.layout) {
        let first = order.len();
        order.extend_from_slice(func.block_insts(block));
        layout.push(block);
        let added = changed[block.index()].map(|index| &added[index]);
        if let Some(added) = added {
            order.pop();
            order.extend_from_slice(&added.before);
        }
        let mut place = |block: Block, first: usize, end: usize| {
            let data = &mut func.blocks[block];
            (data.first, data.end) = (first as u32, end as u32);
        };
        place(block, first, order.len());
        if let Some(added) = added {
            for (block, insts) in [(added.bulk, &added.in_bulk[..]), (added.enter, &[added.in_enter])] {
                let first = order.len();
                order.extend_from_slice(insts);
                layout.push(block);
                place(block, first, order.len());
            }
        }
    }
    func.layout = layout;
    scratch.order = std::mem::replace(&mut func.order, order);
}
