//! Drops instructions and parameters that nothing needs.
//!
//! What has an effect is needed, what it uses is needed, and so on; a parameter that is needed needs its arguments. Linear.

use super::Scratch;
use crate::entity::Entity;
use crate::ir::{Block, Format, Function, Opcode, Value};

/// Runs the pass.
pub fn run(func: &mut Function, scratch: &mut Scratch) {
    scratch.find_incoming(func);
    let mut needed = std::mem::take(&mut scratch.by_value);
    let mut worklist = std::mem::take(&mut scratch.worklist);
    needed.clear();
    needed.resize(func.insts.len(), 0);
    worklist.clear();
    let mut need = |value: Value, worklist: &mut Vec<Value>| {
        if std::mem::replace(&mut needed[value.index()], 1) == 0 {
            worklist.push(value);
        }
    };
    for &block in &func.layout {
        for &value in func.block_insts(block) {
            // A stretch of code that costs nothing pays nothing.
            let is_free = func.inst(value).op == Opcode::Fuel && func.inst(value).b == 0;
            if func.has_side_effect(value) && !is_free {
                need(value, &mut worklist);
            }
        }
    }
    while let Some(value) = worklist.pop() {
        let inst = func.inst(value);
        if inst.op.info().format == Format::Param {
            let (block, index) = (Block::new(inst.a as usize), inst.b as usize);
            if block != func.entry() {
                for &edge in scratch.incoming(block) {
                    let arg = func.numbers(func.edges[edge].args)[index];
                    need(Value::new(arg as usize), &mut worklist);
                }
            }
        } else {
            func.for_each_operand(value, |operand| need(operand, &mut worklist));
        }
    }
    scratch.retain_params(func, |param| needed[param.index()] != 0);
    let mut order = std::mem::take(&mut scratch.order);
    order.clear();
    for index in 0..func.layout.len() {
        let block = func.layout[index];
        let first = order.len() as u32;
        order.extend(func.block_insts(block).iter().filter(|value| needed[value.index()] != 0));
        let data = &mut func.blocks[block];
        (data.first, data.end) = (first, order.len() as u32);
    }
    scratch.order = std::mem::replace(&mut func.order, order);
    scratch.by_value = needed;
    scratch.worklist = worklist;
}
