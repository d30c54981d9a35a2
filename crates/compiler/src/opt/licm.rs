//! Moves what does not change in a loop to the block before it.
//!
//! An instruction moves as far out as its operands allow. What moves is pure, or reads something that always exists and that the loop does not
//! write: fields of the vmctx and of what it points at, memory below its least size. A bounds check or a load from memory with which a loop
//! starts moves too, out of that loop: it runs in any case, and nothing can be seen before it. Not worth moving are instructions that cost as little as the register they would
//! hold through the loop, and everything in cold blocks. What two places of a loop make, if they are in different branches, say, is made once.
//!
//! Work: linear; each instruction climbs at most [`CLIMB`] loops.

use super::Scratch;
use crate::entity::Entity;
use crate::ir::insts::{Effect, access};
use crate::ir::{AliasClass, Block, Format, Frequency, Function, Loop, Opcode, Type, Value};
use std::collections::HashMap;
use std::iter;

/// Loops that one instruction moves out of. No effect on correctness.
const CLIMB: usize = 16;
/// Instructions that move out of one loop, as each takes a register all through it. No effect on correctness.
const PER_LOOP: u32 = 16;

/// Instructions that one which moves is compared with. No effect on correctness.
const COMPARED: usize = 32;

/// The home of values that have none.
const EVERYWHERE: u32 = 0;
/// The home of values that others stand for.
const NOWHERE: u32 = u32::MAX;
/// No next value in the list of those that move to a block.
const NONE: u32 = u32::MAX;

/// Runs the pass.
pub fn run(func: &mut Function, scratch: &mut Scratch) {
    if func.loops.is_empty() {
        return;
    }
    let written = written_classes(func);
    let mut moved_out = vec![0_u32; func.loops.len()];
    // For each value the block it is made in; for each block the last value that moves to its end.
    let mut home = std::mem::take(&mut scratch.by_value);
    home.clear();
    home.resize(func.insts.len(), EVERYWHERE);
    let mut last_moved = std::mem::take(&mut scratch.by_block);
    last_moved.clear();
    last_moved.resize(func.blocks.len(), NONE);
    // The value that moves to the same block before this one; a value that moves points at itself first.
    let mut before = std::mem::take(&mut scratch.numbers);
    before.clear();
    before.resize(func.insts.len(), NONE);
    // For values that others stand for, which.
    let mut same: HashMap<Value, Value> = HashMap::new();
    let mut moves = false;
    for index in 0..func.layout.len() {
        let block = func.layout[index];
        for param in func.params(block) {
            home[param.index()] = block.index() as u32;
        }
        let data = &func.blocks[block];
        let movable = data.in_loop.is_some() && data.frequency != Frequency::Cold;
        // At the start of a loop a check or load that traps does so the first time round, before anybody can see anything else.
        let mut at_start = data.in_loop.is_some_and(|in_loop| func.loops[in_loop].header == block);
        for at in func.blocks[block].first..func.blocks[block].end {
            let value = func.order[at as usize];
            if !same.is_empty() {
                func.map_operands(value, |operand| same.get(&operand).copied().unwrap_or(operand));
            }
            home[value.index()] = block.index() as u32;
            let climb = match () {
                () if !movable => 0,
                () if is_worth_moving(func, value) => CLIMB,
                () if at_start && is_check(func, value) => 1,
                () => 0,
            };
            let to = match climb {
                0 => block,
                _ => destination(func, &home, &written, &moved_out, block, value, climb),
            };
            at_start &= to != block || !func.has_side_effect(value);
            if to == block {
                continue;
            }
            moves = true;
            if let Some(twin) = twin(func, &before, last_moved[to.index()], value) {
                same.insert(value, twin);
                home[value.index()] = NOWHERE;
            } else {
                count(func, &mut moved_out, block, to);
                home[value.index()] = to.index() as u32;
                before[value.index()] = std::mem::replace(&mut last_moved[to.index()], value.index() as u32);
            }
        }
    }
    if moves {
        rebuild(func, scratch, &home, &last_moved, &before);
    }
    scratch.by_value = home;
    scratch.by_block = last_moved;
    scratch.numbers = before;
}

/// Makes the order of instructions anew.
fn rebuild(func: &mut Function, scratch: &mut Scratch, home: &[u32], last_moved: &[u32], before: &[u32]) {
    let mut order = std::mem::take(&mut scratch.order);
    order.clear();
    for index in 0..func.layout.len() {
        let block = func.layout[index];
        let first = order.len();
        let insts = func.block_insts(block);
        order.extend(insts.iter().filter(|value| home[value.index()] == block.index() as u32));
        let terminator = order.pop();
        let arrivals = order.len();
        let mut moved = last_moved[block.index()];
        while moved != NONE {
            order.push(Value::new(moved as usize));
            moved = before[moved as usize];
        }
        order[arrivals..].reverse();
        order.extend(terminator);
        let data = &mut func.blocks[block];
        (data.first, data.end) = (first as u32, order.len() as u32);
    }
    scratch.order = std::mem::replace(&mut func.order, order);
}

/// A value like this one that moves to the same block, if it is in the list that starts with `moved`.
fn twin(func: &Function, before: &[u32], moved: u32, value: Value) -> Option<Value> {
    if func.ty(value) == Type::None {
        return None;
    }
    let next = |&at: &u32| (before[at as usize] != NONE).then(|| before[at as usize]);
    let moved = iter::successors((moved != NONE).then_some(moved), next);
    let mut moved = moved.take(COMPARED).map(|moved| Value::new(moved as usize));
    moved.find(|&moved| func.inst(moved) == func.inst(value))
}

/// The classes that each loop writes, as bits.
fn written_classes(func: &Function) -> Vec<u32> {
    let mut written = vec![0_u32; func.loops.len()];
    for &block in &func.layout {
        let Some(in_loop) = func.blocks[block].in_loop else { continue };
        let mut classes = 0;
        for &value in func.block_insts(block) {
            match func.inst(value).op.info().effect {
                Effect::Write => classes |= 1 << func.alias_class(value).index(),
                Effect::Call => match func.builtin(value) {
                    Some(builtin) => builtin.writes().iter().for_each(|class| classes |= 1 << class.index()),
                    None => classes = u32::MAX,
                },
                _ => {}
            }
        }
        written[in_loop.index()] |= classes;
    }
    // A loop comes after the one around it.
    for this in func.loops.keys().rev() {
        if let Some(parent) = func.loops[this].parent {
            written[parent.index()] |= written[this.index()];
        }
    }
    written
}

/// Whether a value may be made where it is not needed, and costs more than the register that it would hold.
fn is_worth_moving(func: &Function, value: Value) -> bool {
    let inst = func.inst(value);
    if inst.ty == Type::None || inst.op == Opcode::Result {
        return false;
    }
    let info = inst.op.info();
    match func.effect(value) {
        Effect::Pure => {
            let with_const = info.format == Format::Binary && func.is_const(Value::new(inst.b as usize));
            // Tests become part of branches; extensions and operations with a constant part of other instructions.
            let is_cheap = info.cost <= 1
                && (info.format != Format::Binary
                    || with_const
                    || (info.result == Type::I32 && is_comparison(inst.op)));
            !is_cheap
        }
        // What lies behind other pointers may be there only if a check has passed.
        Effect::Read => match info.format {
            Format::CtxLoad => true,
            Format::Load => inst.imm & access::SAFE != 0,
            Format::PtrLoad => {
                let pointer = func.inst(Value::new(inst.a as usize));
                pointer.op == Opcode::CtxLoad && pointer.imm == AliasClass::READ_ONLY.imm()
            }
            _ => false,
        },
        _ => false,
    }
}

/// Whether an instruction checks bounds, or loads from memory.
fn is_check(func: &Function, value: Value) -> bool {
    matches!(func.inst(value).op.info().format, Format::Check | Format::Load)
}

fn is_comparison(op: Opcode) -> bool {
    let name = op.info().format == Format::Binary && op.info().result == Type::I32;
    name && !matches!(
        op,
        Opcode::I32Add
            | Opcode::I32Sub
            | Opcode::I32And
            | Opcode::I32Or
            | Opcode::I32Xor
            | Opcode::I32Shl
            | Opcode::I32ShrS
            | Opcode::I32ShrU
            | Opcode::I32Rotl
            | Opcode::I32Rotr
    )
}

/// The block that an instruction moves to, out of at most `climb` loops: its own if it stays.
fn destination(
    func: &Function,
    home: &[u32],
    written: &[u32],
    moved_out: &[u32],
    block: Block,
    value: Value,
    climb: usize,
) -> Block {
    let reads = matches!(func.effect(value), Effect::Read | Effect::ReadTrap);
    let class = func.alias_class(value);
    let mut latest = 0;
    func.for_each_operand(value, |operand| latest = latest.max(home[operand.index()]));
    let mut to = block;
    for _ in 0..climb {
        let Some(in_loop) = func.blocks[to].in_loop else { break };
        let header = func.loops[in_loop].header;
        let before = func.blocks[header].idom;
        // Everything on the way to the header has a lower number than what comes behind it.
        let invariant = latest <= before.index() as u32 && before != header;
        if !invariant || (reads && written[in_loop.index()] >> class.index() & 1 != 0) || is_full(moved_out, in_loop) {
            break;
        }
        to = before;
    }
    to
}

/// Counts what moves from one block to another, in each loop that it leaves.
fn count(func: &Function, moved_out: &mut [u32], block: Block, to: Block) {
    let mut at = block;
    while at != to
        && let Some(in_loop) = func.blocks[at].in_loop
    {
        moved_out[in_loop.index()] += 1;
        at = func.blocks[func.loops[in_loop].header].idom;
    }
}

fn is_full(moved_out: &[u32], in_loop: Loop) -> bool {
    moved_out[in_loop.index()] >= PER_LOOP
}
