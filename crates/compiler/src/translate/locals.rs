//! The values of the locals while a body is read: a persistent array, so that a branch can keep the state it saw in one word.
//!
//! A tree with 16 children to a node. Setting a local copies the nodes on its way that some snapshot still shows; two snapshots are compared
//! by walking only what they do not share. A branch therefore costs nothing for locals nobody sets, which keeps functions with very many
//! locals and very many branches linear.

use crate::entity::Entity;
use crate::ir::Value;

const BITS: u32 = 4;
const CHILDREN: usize = 1 << BITS;

/// A state of all locals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Snapshot(u32);

/// The locals of a body while another one is translated inside it.
#[derive(Clone, Copy, Default)]
pub struct Outer {
    root: u32,
    levels: u32,
}

/// No value: the local was never set. No node: neither was any local below it.
const NONE: u32 = u32::MAX;

struct Node {
    children: [u32; CHILDREN],
    /// The period between two snapshots in which it was made. In that period it may be changed in place.
    period: u32,
}

/// The array.
#[derive(Default)]
pub struct Locals {
    nodes: Vec<Node>,
    root: u32,
    levels: u32,
    period: u32,
}

impl Locals {
    /// Makes `count` locals that were never set.
    pub fn reset(&mut self, count: u32) {
        self.nodes.clear();
        self.period = 0;
        self.enter(count);
    }

    /// Makes `count` locals that were never set, in place of those that are there, which [`Locals::leave`] brings back.
    pub fn enter(&mut self, count: u32) -> Outer {
        let outer = Outer { root: self.root, levels: self.levels };
        self.period += 1;
        self.root = NONE;
        self.levels = 1;
        while count.checked_shr(BITS * self.levels).is_some_and(|rest| rest > 0) {
            self.levels += 1;
        }
        outer
    }

    /// Goes back to the locals from before [`Locals::enter`].
    pub fn leave(&mut self, outer: Outer) {
        self.restore(Snapshot(outer.root));
        self.levels = outer.levels;
    }

    /// Bytes of memory in use.
    pub fn bytes(&self) -> usize {
        self.nodes.len() * size_of::<Node>()
    }

    /// The value of a local, if it was set.
    #[inline]
    pub fn get(&self, local: u32) -> Option<Value> {
        self.get_in(Snapshot(self.root), local)
    }

    /// The value that a local had.
    #[inline]
    pub fn get_in(&self, snapshot: Snapshot, local: u32) -> Option<Value> {
        let mut at = snapshot.0;
        for level in (0..self.levels).rev() {
            if at == NONE {
                return None;
            }
            at = self.nodes[at as usize].children[child(local, level)];
        }
        (at != NONE).then(|| Value::new(at as usize))
    }

    /// Sets a local.
    pub fn set(&mut self, local: u32, value: Value) {
        self.root = self.own(self.root);
        let mut node = self.root;
        for level in (1..self.levels).rev() {
            let index = child(local, level);
            let below = self.own(self.nodes[node as usize].children[index]);
            self.nodes[node as usize].children[index] = below;
            node = below;
        }
        self.nodes[node as usize].children[child(local, 0)] = value.index() as u32;
    }

    /// A node like this one that may be changed.
    fn own(&mut self, node: u32) -> u32 {
        let children = match self.nodes.get(node as usize) {
            Some(found) if found.period == self.period => return node,
            Some(found) => found.children,
            None => [NONE; CHILDREN],
        };
        self.nodes.push(Node { children, period: self.period });
        (self.nodes.len() - 1) as u32
    }

    /// The state as it is now.
    pub fn snapshot(&mut self) -> Snapshot {
        self.period += 1;
        Snapshot(self.root)
    }

    /// Goes back to a state.
    pub fn restore(&mut self, snapshot: Snapshot) {
        self.period += 1;
        self.root = snapshot.0;
    }

    /// Visits the locals whose values differ between two states.
    pub fn difference(&self, a: Snapshot, b: Snapshot, visit: &mut impl FnMut(u32)) {
        self.difference_below(a.0, b.0, self.levels, 0, visit);
    }

    fn difference_below(&self, a: u32, b: u32, level: u32, first: u32, visit: &mut impl FnMut(u32)) {
        if a == b {
            return;
        }
        if level == 0 {
            visit(first);
            return;
        }
        let children = |node: u32| self.nodes.get(node as usize).map_or([NONE; CHILDREN], |node| node.children);
        for (index, (a, b)) in children(a).into_iter().zip(children(b)).enumerate() {
            self.difference_below(a, b, level - 1, first | (index as u32) << (BITS * (level - 1)), visit);
        }
    }
}

fn child(local: u32, level: u32) -> usize {
    (local >> (BITS * level)) as usize % CHILDREN
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snapshots_keep_what_they_saw() {
        for count in [1, 16, 17, 300, 70_000] {
            let mut locals = Locals::default();
            locals.reset(count);
            let last = count - 1;
            assert_eq!(locals.get(last), None);
            locals.set(last, Value::new(1));
            let first = locals.snapshot();
            locals.set(last, Value::new(2));
            locals.set(0, Value::new(3));
            let second = locals.snapshot();
            let expected = if last == 0 { 3 } else { 2 };
            assert_eq!(locals.get(last), Some(Value::new(expected)));
            assert_eq!(locals.get_in(first, last), Some(Value::new(1)));
            let mut seen = Vec::new();
            locals.difference(first, second, &mut |local| seen.push(local));
            seen.dedup();
            assert_eq!(seen, if last == 0 { vec![0] } else { vec![0, last] });
            locals.restore(first);
            assert_eq!(locals.get(last), Some(Value::new(1)));
            let outer = locals.enter(3);
            assert_eq!(locals.get(0), None);
            locals.set(0, Value::new(7));
            locals.leave(outer);
            assert_eq!(locals.get(last), Some(Value::new(1)));
        }
    }
}
