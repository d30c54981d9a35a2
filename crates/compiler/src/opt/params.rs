//! Drops parameters that are the same value on every way in.
//!
//! Loop headers have a parameter for every local that the loop sets anywhere; if what is set is the same value again, or the loop's branches
//! back have gone, the parameter is that value.
//!
//! Work: at most [`ROUNDS`] times the number of arguments.

use super::Scratch;
use crate::entity::Entity;
use crate::ir::{Function, Value};

/// Times that the parameters are looked at. A round can find what one before it made possible. No effect on correctness.
const ROUNDS: usize = 4;

/// Runs the pass.
pub fn run(func: &mut Function, scratch: &mut Scratch) {
    scratch.find_incoming(func);
    let mut same = std::mem::take(&mut scratch.by_value);
    same.clear();
    same.extend(0..func.insts.len() as u32);
    let mut found = false;
    for _ in 0..ROUNDS {
        let mut changed = false;
        for &block in &func.layout[1..] {
            for (index, param) in func.params(block).enumerate() {
                if same[param.index()] != param.index() as u32 {
                    continue;
                }
                let args = scratch.incoming(block).iter().map(|&edge| {
                    let arg = func.numbers(func.edges[edge].args)[index];
                    resolve(&mut same, arg)
                });
                let mut args = args.filter(|&arg| arg != param.index() as u32);
                if let Some(first) = args.next()
                    && args.all(|arg| arg == first)
                {
                    same[param.index()] = first;
                    changed = true;
                }
            }
        }
        found |= changed;
        if !changed {
            break;
        }
    }
    if found {
        scratch.retain_params(func, |param| same[param.index()] == param.index() as u32);
        for index in 0..func.layout.len() {
            let block = func.layout[index];
            let data = func.blocks[block].clone();
            for at in data.first..data.end {
                let value = func.order[at as usize];
                func.map_operands(value, |operand| Value::new(resolve(&mut same, operand.index() as u32) as usize));
            }
        }
    }
    scratch.by_value = same;
}

/// The value that another stands for now; shortens the way there.
fn resolve(same: &mut [u32], value: u32) -> u32 {
    let mut value = value;
    while same[value as usize] != value {
        let next = same[value as usize];
        same[value as usize] = same[next as usize];
        value = next;
    }
    value
}
