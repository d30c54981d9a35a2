//! Checks that no address of an object is used after the object may have moved: addresses, and where the heap is, are plain numbers that
//! the collector does not change.

use super::alias::AliasClass;
use super::func::{Block, Function, Value};
use super::insts::{Effect, Opcode};
use super::types::Type;
use super::verify::VerifyError;
use crate::entity::Entity;
use std::collections::BTreeMap;

/// Checks a function whose values are defined before they are used.
///
/// # Errors
/// The first address that is used too late.
pub(super) fn check(func: &Function) -> Result<(), VerifyError> {
    let mut derived = vec![false; func.insts.len()];
    // Where each address is made, and the last place in each block where it is used.
    let mut made: BTreeMap<Value, (Block, usize)> = BTreeMap::new();
    let mut used: BTreeMap<(Value, Block), usize> = BTreeMap::new();
    for &block in &func.layout {
        for (position, &value) in func.block_insts(block).iter().enumerate() {
            let inst = func.inst(value);
            let mut of_address = false;
            func.for_each_operand(value, |operand| {
                if derived[operand.index()] {
                    of_address = true;
                    used.insert((operand, block), position);
                }
            });
            let is_space = inst.op == Opcode::PtrLoad && inst.imm == AliasClass::HEAP_SPACE.imm();
            let is_sum = of_address && inst.ty == Type::I64 && inst.op.info().effect == Effect::Pure;
            if is_space || is_sum || inst.op == Opcode::HeapAddr {
                derived[value.index()] = true;
                made.insert(value, (block, position));
            }
        }
        for edge in func.successors(block) {
            let is_address = |arg: &Value| derived[arg.index()] || func.inst(*arg).op == Opcode::RefBits;
            if let Some(address) = func.list(func.edges[edge].args).find(is_address) {
                return Err(VerifyError(format!("{address} tells where an object is and is passed to a block")));
            }
        }
    }
    if made.is_empty() {
        return Ok(());
    }
    let mut predecessors = vec![Vec::new(); func.blocks.len()];
    for &block in &func.layout {
        for edge in func.successors(block) {
            predecessors[func.edges[edge].target.index()].push(block);
        }
    }
    for (&(value, block), &position) in &used {
        let (home, defined) = made[&value];
        let moves = |block: Block, range: std::ops::Range<usize>| {
            func.block_insts(block)[range].iter().any(|&inst| func.may_collect(inst))
        };
        let mut late = false;
        let mut seen = vec![false; func.blocks.len()];
        let mut open: Vec<Block> = Vec::new();
        if block == home && defined < position {
            late |= moves(block, defined + 1..position);
        } else {
            late |= moves(block, 0..position);
            open.extend(&predecessors[block.index()]);
        }
        while let Some(before) = open.pop() {
            if std::mem::replace(&mut seen[before.index()], true) {
                continue;
            }
            let end = func.block_insts(before).len();
            if before == home {
                late |= moves(before, defined + 1..end);
            } else {
                late |= moves(before, 0..end);
                open.extend(&predecessors[before.index()]);
            }
        }
        if late {
            return Err(VerifyError(format!(
                "{value} is used in {block} after the object that it leads to may have moved"
            )));
        }
    }
    Ok(())
}
