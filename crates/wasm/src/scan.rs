//! The pre-scan: what each construct of a function body assigns, where it ends, and what happens inside.
//!
//! A compiler that makes SSA form in one pass has to know at a loop's head which locals the loop sets. One linear pass over the
//! operators tells it for every construct. The locals are kept as *events* in the order of the body: those of a construct are the
//! events between its start and its end, those of the constructs inside included, so nothing is ever merged. An event is left
//! out if the same local was set before in the same construct; a local that nested constructs set may appear more than once.

use crate::error::Error;
use alloc::vec::Vec;
use core::ops::Range;
use wasmparser::{BinaryReader, FunctionBody, Operator};

/// What kind of construct it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConstructKind {
    /// The whole body.
    Function,
    /// `block`.
    Block,
    /// `loop`.
    Loop,
    /// `if`, with or without `else`.
    If,
}

/// What happens somewhere inside a construct.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// A call of any kind.
    pub calls: bool,
    /// A store, or another write to a memory.
    pub writes_memory: bool,
    /// A memory may grow.
    pub grows_memory: bool,
    /// A global is set.
    pub sets_globals: bool,
    /// A table is written or grows.
    pub writes_tables: bool,
}

impl Effects {
    fn add(&mut self, other: Effects) {
        self.calls |= other.calls;
        self.writes_memory |= other.writes_memory;
        self.grows_memory |= other.grows_memory;
        self.sets_globals |= other.sets_globals;
        self.writes_tables |= other.writes_tables;
    }
}

/// One construct. Offsets are in bytes from the module's start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Construct {
    /// What it is.
    pub kind: ConstructKind,
    /// The construct around it, by index; its own index for the function.
    pub parent: u32,
    /// Loops around it, itself included.
    pub loop_depth: u32,
    /// Where its operator stands.
    pub start: u32,
    /// Where its `else` stands.
    pub else_at: Option<u32>,
    /// Where its `end` stands.
    pub end: u32,
    /// Whether a branch leads to its label.
    pub is_target: bool,
    /// What happens inside.
    pub effects: Effects,
    events: Range<u32>,
}

/// The constructs of one body. Reused from function to function.
#[derive(Default)]
pub struct Scan {
    constructs: Vec<Construct>,
    events: Vec<u32>,
    /// For each local, one more than the index of its last event.
    last_event: Vec<u32>,
    open: Vec<u32>,
    /// Pieces of code without branches that have calls and end in `unreachable`, in bytes from the module's start.
    trapping: Vec<Range<u32>>,
    /// Where the current piece starts, and its last call.
    piece_start: u32,
    last_call: Option<u32>,
}

impl Scan {
    /// Scans a body that has been validated; `locals` counts its parameters too.
    ///
    /// # Errors
    /// The body is malformed, which validation excludes.
    pub fn scan(&mut self, bytes: &[u8], body: Range<u32>, locals: u32) -> Result<(), Error> {
        self.constructs.clear();
        self.events.clear();
        self.open.clear();
        self.last_event.clear();
        self.last_event.resize(locals as usize, 0);
        self.trapping.clear();
        self.last_call = None;
        let bytes = &bytes[body.start as usize..body.end as usize];
        let mut reader = FunctionBody::new(BinaryReader::new(bytes, body.start as u64)).get_operators_reader()?;
        self.enter(ConstructKind::Function, reader.original_position() as u32);
        while !reader.eof() {
            let (op, offset) = reader.read_with_offset()?;
            self.operator(&op, offset as u32);
        }
        Ok(())
    }

    /// Every construct in the order of their operators; the function comes first.
    pub fn constructs(&self) -> &[Construct] {
        &self.constructs
    }

    /// The locals that a construct sets, constructs inside it included. Those that nested constructs set may come more than once.
    pub fn assigned(&self, construct: &Construct) -> &[u32] {
        &self.events[construct.events.start as usize..construct.events.end as usize]
    }

    /// Whether the call whose operator stands at `offset` is followed by `unreachable`, with no branch in between.
    pub fn ends_in_trap(&self, offset: u32) -> bool {
        let behind = self.trapping.partition_point(|piece| piece.end <= offset);
        self.trapping.get(behind).is_some_and(|piece| piece.start <= offset)
    }

    fn start_piece(&mut self, offset: u32) {
        (self.piece_start, self.last_call) = (offset, None);
    }

    fn enter(&mut self, kind: ConstructKind, start: u32) {
        let index = self.constructs.len() as u32;
        let parent = self.open.last().copied().unwrap_or(0);
        let outer_loops = self.constructs.get(parent as usize).map_or(0, |outer| outer.loop_depth);
        let events = self.events.len() as u32;
        self.constructs.push(Construct {
            kind,
            parent,
            loop_depth: outer_loops + (kind == ConstructKind::Loop) as u32,
            start,
            else_at: None,
            end: start,
            is_target: false,
            effects: Effects::default(),
            events: events..events,
        });
        self.open.push(index);
    }

    fn leave(&mut self, end: u32) {
        let Some(index) = self.open.pop() else { return };
        let construct = &mut self.constructs[index as usize];
        construct.end = end;
        construct.events.end = self.events.len() as u32;
        let (effects, parent) = (construct.effects, construct.parent);
        if parent != index {
            self.constructs[parent as usize].effects.add(effects);
        }
    }

    fn innermost(&mut self) -> Option<&mut Construct> {
        let index = *self.open.last()?;
        self.constructs.get_mut(index as usize)
    }

    fn target(&mut self, depth: u32) {
        if let Some(&index) = self.open.iter().rev().nth(depth as usize) {
            self.constructs[index as usize].is_target = true;
        }
    }

    fn assign(&mut self, local: u32) {
        let Some(first) = self.innermost().map(|construct| construct.events.start) else { return };
        let last = &mut self.last_event[local as usize];
        if *last <= first {
            self.events.push(local);
            *last = self.events.len() as u32;
        }
    }

    fn operator(&mut self, op: &Operator<'_>, offset: u32) {
        match *op {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => self.start_piece(offset),
            Operator::Else | Operator::End | Operator::Return => self.start_piece(offset),
            Operator::Br { .. } | Operator::BrIf { .. } | Operator::BrTable { .. } => self.start_piece(offset),
            Operator::BrOnNull { .. } | Operator::BrOnNonNull { .. } => self.start_piece(offset),
            Operator::BrOnCast { .. } | Operator::BrOnCastFail { .. } => self.start_piece(offset),
            Operator::Call { .. } => self.last_call = Some(offset),
            Operator::Unreachable => {
                if let Some(call) = self.last_call.take() {
                    self.trapping.push(self.piece_start..call + 1);
                }
            }
            _ => {}
        }
        match *op {
            Operator::Block { .. } => self.enter(ConstructKind::Block, offset),
            Operator::Loop { .. } => self.enter(ConstructKind::Loop, offset),
            Operator::If { .. } => self.enter(ConstructKind::If, offset),
            Operator::Else => {
                if let Some(construct) = self.innermost() {
                    construct.else_at = Some(offset);
                }
            }
            Operator::End => self.leave(offset),
            Operator::Br { relative_depth }
            | Operator::BrIf { relative_depth }
            | Operator::BrOnNull { relative_depth }
            | Operator::BrOnNonNull { relative_depth }
            | Operator::BrOnCast { relative_depth, .. }
            | Operator::BrOnCastFail { relative_depth, .. } => self.target(relative_depth),
            Operator::BrTable { ref targets } => {
                for depth in targets.targets().flatten().chain([targets.default()]) {
                    self.target(depth);
                }
            }
            Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => self.assign(local_index),
            _ => {
                let effects = effects_of(op);
                if effects != Effects::default()
                    && let Some(construct) = self.innermost()
                {
                    construct.effects.add(effects);
                }
            }
        }
    }
}

fn effects_of(op: &Operator<'_>) -> Effects {
    let none = Effects::default();
    match op {
        Operator::Call { .. }
        | Operator::CallIndirect { .. }
        | Operator::CallRef { .. }
        | Operator::ReturnCall { .. }
        | Operator::ReturnCallIndirect { .. }
        | Operator::ReturnCallRef { .. } => Effects { calls: true, ..none },
        Operator::GlobalSet { .. } => Effects { sets_globals: true, ..none },
        Operator::MemoryGrow { .. } => Effects { grows_memory: true, ..none },
        Operator::TableSet { .. }
        | Operator::TableFill { .. }
        | Operator::TableCopy { .. }
        | Operator::TableInit { .. }
        | Operator::TableGrow { .. } => Effects { writes_tables: true, ..none },
        Operator::I32Store { .. }
        | Operator::I32Store8 { .. }
        | Operator::I32Store16 { .. }
        | Operator::I64Store { .. }
        | Operator::I64Store8 { .. }
        | Operator::I64Store16 { .. }
        | Operator::I64Store32 { .. }
        | Operator::F32Store { .. }
        | Operator::F64Store { .. }
        | Operator::V128Store { .. }
        | Operator::V128Store8Lane { .. }
        | Operator::V128Store16Lane { .. }
        | Operator::V128Store32Lane { .. }
        | Operator::V128Store64Lane { .. }
        | Operator::MemoryCopy { .. }
        | Operator::MemoryFill { .. }
        | Operator::MemoryInit { .. } => Effects { writes_memory: true, ..none },
        _ => none,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Features, TypeRegistry};

    fn scan(wat: &str) -> Scan {
        let bytes = wat::parse_str(wat).unwrap();
        let info = crate::decode(&bytes, &Features::default(), &mut TypeRegistry::default()).unwrap();
        let mut scan = Scan::default();
        scan.scan(&bytes, info.bodies[0].clone(), 4).unwrap();
        scan
    }

    #[test]
    fn calls_before_unreachable_end_in_a_trap() {
        let wat =
            "(module (func $f) (func (call $f) (if (i32.const 1) (then (call $f) (call $f) (unreachable))) (call $f)))";
        let bytes = wat::parse_str(wat).unwrap();
        let info = crate::decode(&bytes, &Features::default(), &mut TypeRegistry::default()).unwrap();
        let body = info.bodies[1].clone();
        let mut scan = Scan::default();
        scan.scan(&bytes, body.clone(), 0).unwrap();
        const CALL: u8 = 0x10;
        let calls = (body.start..body.end).filter(|at| bytes[*at as usize] == CALL);
        assert_eq!(calls.map(|at| scan.ends_in_trap(at)).collect::<Vec<_>>(), [false, true, true, false]);
    }

    #[test]
    fn a_construct_assigns_what_the_constructs_inside_assign() {
        let scan = scan(
            "(module (memory 1) (func (local i32 i32 i32 i32)
               (local.set 0 (i32.const 1))
               (loop $l (local.set 1 (i32.const 1)) (local.set 1 (i32.const 2))
                 (block (local.set 2 (i32.const 1)) (i32.store (i32.const 0) (i32.const 0)))
                 (br_if $l (local.tee 1 (i32.const 0))))
               (if (local.get 0) (then (local.set 3 (i32.const 1))) (else (local.set 0 (i32.const 0))))))",
        );
        let [function, the_loop, block, the_if] = scan.constructs() else { panic!("four constructs") };
        assert_eq!(scan.assigned(the_loop), [1, 2]);
        assert_eq!(scan.assigned(block), [2]);
        assert_eq!(scan.assigned(the_if), [3, 0]);
        assert_eq!(scan.assigned(function), [0, 1, 2, 3, 0]);
        assert!(the_loop.is_target && !block.is_target);
        assert!(the_loop.effects.writes_memory && function.effects.writes_memory && !the_if.effects.writes_memory);
        assert_eq!((the_loop.loop_depth, block.loop_depth, the_if.loop_depth), (1, 1, 0));
        assert!(the_if.else_at.is_some() && the_if.end > the_if.start);
    }
}
