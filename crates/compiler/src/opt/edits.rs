//! What several passes do to a function.

use super::Scratch;
use crate::entity::Entity;
use crate::ir::{Block, Edge, Function, List, Value};

impl Scratch {
    /// Sorts the edges by their targets.
    pub(super) fn find_incoming(&mut self, func: &Function) {
        self.first_incoming.clear();
        self.first_incoming.resize(func.blocks.len() + 1, 0);
        for &block in &func.layout {
            for edge in func.successors(block) {
                self.first_incoming[func.edges[edge].target.index()] += 1;
            }
        }
        let mut sum = 0;
        for first in &mut self.first_incoming {
            sum += *first;
            *first = sum;
        }
        self.incoming.clear();
        self.incoming.resize(sum as usize, Edge::new(0));
        for &block in func.layout.iter().rev() {
            for edge in func.successors(block).rev() {
                let first = &mut self.first_incoming[func.edges[edge].target.index()];
                *first -= 1;
                self.incoming[*first as usize] = edge;
            }
        }
    }

    /// The edges that lead to a block, after [`Scratch::find_incoming`].
    pub(super) fn incoming(&self, block: Block) -> &[Edge] {
        &self.incoming[self.first_incoming[block.index()] as usize..self.first_incoming[block.index() + 1] as usize]
    }

    /// Drops the parameters that `keep` refuses, with their arguments. Needs the incoming edges.
    pub(super) fn retain_params(&self, func: &mut Function, keep: impl Fn(Value) -> bool) {
        for index in 0..func.layout.len() {
            let block = func.layout[index];
            if block == func.entry() || func.params(block).all(&keep) {
                continue;
            }
            let params = func.blocks[block].params;
            for &edge in self.incoming(block) {
                retain(func, func.edges[edge].args, params, &keep);
            }
            retain(func, params, params, &keep);
            for (index, param) in func.numbers(params).to_vec().into_iter().enumerate() {
                func.insts[Value::new(param as usize)].b = index as u32;
            }
        }
    }
}

/// Keeps the members of a list whose place in `params` has a parameter that is kept.
fn retain(func: &mut Function, list: List, params: List, keep: &impl Fn(Value) -> bool) {
    let (at, params) = (list.0 as usize, params.0 as usize);
    let len = func.lists[at] as usize;
    let mut kept = 0;
    // When both lists are the same one, what is read here has not been overwritten yet.
    for index in 1..=len {
        if keep(Value::new(func.lists[params + index] as usize)) {
            kept += 1;
            func.lists[at + kept] = func.lists[at + index];
        }
    }
    func.lists[at] = kept as u32;
}
