//! Constructs, branches and joins.
//!
//! A branch to a label that is still to come is *pending*: it keeps the state of the locals, the versions and the values it takes along. At the
//! label's end the pending branches say which locals and results need a parameter.

use super::builder::Versions;
use super::locals::Snapshot;
use super::{Context, Stop, Translator};
use crate::entity::Entity;
use crate::ir::{AliasClass, Block, Edge, Frequency, Inst, List, Loop, LoopData, Opcode, Type, Value};
use tiercel_wasm::scan::Effects;
use wasmparser::{BlockType, BrTable, Operator};

/// What a construct's label stands for.
#[derive(Clone, Copy)]
enum Label {
    /// The end, which is still to come.
    Forward,
    /// The header of a loop; the first parameters are the locals of this range of [`Buffers::loop_locals`].
    Loop { header: Block, first_local: u32, locals: u32 },
    /// The end of the function: a branch there returns.
    Function,
    /// The end of an inlined body, which is still to come.
    Inlined,
    /// A loop in the middle of a round: branches lead to the whole loop, which is still to come. The loop's results.
    Round(OpenLoop, u32),
}

/// A loop of which a continuation starts in the middle.
#[derive(Clone, Copy)]
pub struct OpenLoop {
    /// Its number in the pre-scan.
    pub construct: usize,
    /// The reader that stands at it, as a number for [`Translator::again`].
    pub again: usize,
}

/// How the last part of a round goes on behind the loop.
struct RoundsEnd {
    pending: Pending,
    values: Vec<Value>,
    block: Block,
}

/// How the arm of an `if` that is not taken is reached.
#[derive(Clone, Copy)]
enum Else {
    /// There is none, or it cannot be reached.
    Never,
    /// By this edge, with the state at [`Frame::at_if`].
    Edge(Edge),
    /// The first arm cannot be reached: the block that was open at the `if` goes on.
    Open,
}

/// The state at an `if`.
#[derive(Clone, Copy)]
struct AtIf {
    /// The location of the `if`.
    loc: u32,
    locals: Snapshot,
    versions: Versions,
    block: Block,
    /// Where [`Buffers::saved`] has its parameters.
    saved: u32,
    /// What holds in the arm that is not taken.
    otherwise: Fact,
}

/// A condition, and whether it holds.
type Fact = (Value, bool);

/// A construct that is open.
pub struct Frame {
    label: Label,
    params: u32,
    results: u32,
    /// Operands below it.
    height: u32,
    /// The last pending branch to its end.
    pending: Option<u32>,
    /// How many there are.
    branches: u32,
    /// The nearest common dominator of the pending branches.
    idom: Option<Block>,
    to_else: Else,
    at_if: Option<AtIf>,
    /// The loop around it.
    in_loop: Option<Loop>,
    /// The number that it has in the `br_table` being translated, less one.
    table_mark: u32,
}

impl Frame {
    /// The construct that is the function's body.
    pub fn function(results: u32) -> Frame {
        Frame { results, ..Frame::new(Label::Function, 0, 0, 0) }
    }

    /// The construct that is an inlined body; `returns` if a return from it is one from the function.
    pub fn body(results: u32, returns: bool, height: usize, in_loop: Option<Loop>) -> Frame {
        let label = if returns { Label::Function } else { Label::Inlined };
        Frame { in_loop, ..Frame::new(label, 0, results, height) }
    }

    fn new(label: Label, params: u32, results: u32, height: usize) -> Frame {
        Frame {
            label,
            params,
            results,
            height: height as u32,
            pending: None,
            branches: 0,
            idom: None,
            to_else: Else::Never,
            at_if: None,
            in_loop: None,
            table_mark: 0,
        }
    }

    /// One that is no loop.
    pub fn forward(params: u32, results: u32, height: usize, in_loop: Option<Loop>) -> Frame {
        Frame { in_loop, ..Frame::new(Label::Forward, params, results, height) }
    }

    /// A construct around the loop that a continuation starts with.
    fn around(open: Option<OpenLoop>, params: u32, results: u32, height: u32) -> Frame {
        match open {
            // Its branches take its parameters along.
            Some(open) => Frame::new(Label::Round(open, results), 0, params, height as usize),
            None => Frame::new(Label::Forward, params, results, height as usize),
        }
    }

    /// How many values a branch to its label takes along.
    fn arity(&self) -> usize {
        match self.label {
            Label::Loop { .. } => self.params as usize,
            _ => self.results as usize,
        }
    }
}

/// A branch to a label that is still to come.
struct Pending {
    edge: Edge,
    locals: Snapshot,
    versions: Versions,
    /// Where its values are in [`Buffers::values`].
    values: u32,
    /// What holds where it is taken.
    fact: Option<Fact>,
    /// The pending branch before it.
    next: Option<u32>,
}

/// Memory that is reused.
#[derive(Default)]
pub struct Buffers {
    pending: Vec<Pending>,
    /// Pending branches of constructs that are open.
    waiting: u32,
    values: Vec<Value>,
    saved: Vec<Value>,
    loop_locals: Vec<u32>,
    in_loop: Option<Loop>,
    /// The branches that meet at the current join, in order.
    joining: Vec<u32>,
    /// The locals that differ there.
    changed: Vec<u32>,
    /// For each local the last join that it was found at.
    marks: Vec<u32>,
    mark: u32,
    numbers: Vec<u32>,
    depths: Vec<u32>,
    params: Vec<Value>,
    /// Of the loop that is opened next.
    rounds_end: Option<RoundsEnd>,
}

impl Buffers {
    /// Forgets everything.
    pub fn clear(&mut self) {
        self.pending.clear();
        self.waiting = 0;
        self.values.clear();
        self.saved.clear();
        self.loop_locals.clear();
        self.in_loop = None;
        self.marks.clear();
        self.mark = 0;
        self.rounds_end = None;
    }

    /// The innermost loop that is open.
    pub fn in_loop(&self) -> Option<Loop> {
        self.in_loop
    }

    /// Values that pending branches hold.
    pub fn pending_values(&self) -> usize {
        self.values.len()
    }
}

impl Translator {
    /// Follows the nesting of code that cannot be reached.
    pub(super) fn skip(&mut self, cx: Context<'_>, op: &Operator<'_>) {
        let Some(depth) = self.skipped else { return };
        match op {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => {
                self.body.next_construct += 1;
                self.skipped = Some(depth + 1);
            }
            Operator::Else if depth == 0 => self.else_arm(cx, false),
            Operator::End if depth == 0 => self.end(false),
            Operator::End => self.skipped = Some(depth - 1),
            _ => {}
        }
    }

    /// Notes that the code that follows cannot be reached.
    pub(super) fn unreachable(&mut self) {
        self.skipped = Some(0);
    }

    /// Parameters and results of a construct.
    fn arities(cx: Context<'_>, ty: BlockType) -> (u32, u32) {
        match ty {
            BlockType::Empty => (0, 0),
            BlockType::Type(_) => (0, 1),
            BlockType::FuncType(index) => {
                let ty = &cx.info.func_types[index as usize];
                (ty.params().len() as u32, ty.results().len() as u32)
            }
        }
    }

    /// Opens a construct; its parameters are on the stack.
    pub(super) fn open(&mut self, cx: Context<'_>, op: &Operator<'_>) {
        let (Operator::Block { blockty } | Operator::Loop { blockty } | Operator::If { blockty }) = op else { return };
        let (params, results) = Self::arities(cx, *blockty);
        let construct = self.body.next_construct;
        self.body.next_construct += 1;
        let condition = matches!(op, Operator::If { .. }).then(|| self.pop());
        let height = self.stack.len() - params as usize;
        let mut frame = Frame::new(Label::Forward, params, results, height);
        frame.in_loop = self.control.in_loop;
        if let Some(condition) = condition {
            self.open_if(cx, &mut frame, condition);
        } else if matches!(op, Operator::Loop { .. }) {
            if self.scan().constructs()[construct].is_target {
                frame.label = self.open_loop(construct, params as usize);
            }
            self.poll();
        }
        self.frames.push(frame);
        if let Some(RoundsEnd { pending, values, block }) = self.control.rounds_end.take() {
            let first = self.control.values.len() as u32;
            self.control.values.extend(values);
            self.push_pending(self.frames.len() - 1, Pending { values: first, ..pending }, block);
        }
    }

    /// Opens a construct, a loop if `open` says so, in the middle.
    pub(super) fn open_around(&mut self, cx: Context<'_>, op: &Operator<'_>, height: u32, open: Option<OpenLoop>) {
        let (Operator::Block { blockty } | Operator::Loop { blockty } | Operator::If { blockty }) = op else { return };
        let (params, results) = Self::arities(cx, *blockty);
        let mut frame = Frame::around(open, params, results, height);
        if matches!(op, Operator::If { .. }) {
            // The other arm is not reached any more.
            let otherwise = (Value::new(0), false);
            let (loc, saved) = (self.build.loc, self.control.saved.len() as u32);
            let (locals, versions, block) = (self.locals.snapshot(), self.build.versions, self.build.current());
            frame.at_if = Some(AtIf { loc, locals, versions, block, saved, otherwise });
        }
        self.frames.push(frame);
    }

    /// The end of a loop that was opened in the middle.
    fn end_round(&mut self, open: OpenLoop, results: u32, reachable: bool) {
        let Some(frame) = self.frames.pop() else { return };
        if frame.branches == 0 {
            self.skipped = if reachable { None } else { Some(0) };
            return;
        }
        if reachable {
            let edge = self.jump();
            let values = self.stack[self.stack.len() - results as usize..].to_vec();
            let (locals, versions) = (self.locals.snapshot(), self.build.versions);
            let pending = Pending { edge, locals, versions, values: 0, fact: None, next: None };
            self.control.rounds_end = Some(RoundsEnd { pending, values, block: self.build.current() });
        }
        self.skipped = None;
        self.join(&frame);
        self.body.next_construct = open.construct;
        self.again = Some(open.again);
    }

    pub(super) fn open_if(&mut self, cx: Context<'_>, frame: &mut Frame, condition: Value) {
        let saved = self.control.saved.len() as u32;
        self.control.saved.extend_from_slice(&self.stack[frame.height as usize..]);
        let locals = self.locals.snapshot();
        let block = self.build.current();
        let (condition, inverted) = self.build.condition(condition);
        let otherwise = (condition, inverted);
        let loc = self.build.loc;
        frame.at_if = Some(AtIf { loc, locals, versions: self.build.versions, block, saved, otherwise });
        match self.build.func.int_const(condition) {
            Some(bits) if (bits != 0) != inverted => {}
            Some(_) => {
                frame.to_else = Else::Open;
                self.unreachable();
                return;
            }
            None => {
                let [then, other] = self.branch(condition, inverted);
                frame.to_else = Else::Edge(other);
                self.continue_at(then, block);
                self.mark_unlikely_if(cx, false);
                self.build.learn(condition, !inverted);
            }
        }
        self.start_fuel();
    }

    /// Ends the block with a conditional branch: the edges that are taken if the condition holds and if not.
    fn branch(&mut self, condition: Value, inverted: bool) -> [Edge; 2] {
        let first = self.build.make_edge();
        let second = self.build.make_edge();
        let inst = Inst::new(Opcode::BrIf, Type::None).fields(condition.index() as u32, 0, first.index() as u32);
        self.build.terminate(inst);
        if inverted { [second, first] } else { [first, second] }
    }

    /// Ends the block with a jump.
    fn jump(&mut self) -> Edge {
        let edge = self.build.make_edge();
        self.build.terminate(Inst::new(Opcode::Jump, Type::None).fields(0, 0, edge.index() as u32));
        edge
    }

    /// Goes on in a new block that only this edge from block `from` leads to.
    fn continue_at(&mut self, edge: Edge, from: Block) {
        let block = self.build.start_block(Some(from), self.control.in_loop);
        self.build.set_edge(edge, block, List(0));
    }

    /// Notes that the current block runs seldom, if the module has a hint that the branch of the current operator is taken, or is not, as
    /// `taken` says.
    fn mark_unlikely_if(&mut self, cx: Context<'_>, taken: bool) {
        // Most modules have no hints.
        if cx.info.branch_hints.is_empty() {
            return;
        }
        let offset = self.build.loc.wrapping_sub(self.body.shift);
        if cx.info.branch_hint(offset) == Some(taken) {
            let block = self.build.current();
            self.build.func.blocks[block].frequency = Frequency::Unlikely;
        }
    }

    /// Opens a loop that branches lead back to.
    fn open_loop(&mut self, construct: usize, params: usize) -> Label {
        let construct = self.scan().constructs()[construct].clone();
        let before = self.build.current();
        let edge = self.jump();
        let parent = self.control.in_loop;
        let depth = parent.map_or(0, |parent| self.build.func.loops[parent].depth) + 1;
        let header = Block::new(self.build.func.blocks.len());
        let this = self.build.func.loops.push(LoopData { header, parent, depth });
        self.build.start_block(Some(before), Some(this));
        self.control.in_loop = Some(this);
        let first_local = self.control.loop_locals.len();
        self.control.numbers.clear();
        self.control.params.clear();
        if !self.in_slots {
            for &local in self.scans[self.outer.len()].assigned(&construct) {
                let ty = self.local_types[self.body.first_local + local as usize];
                let value = match self.locals.get(local) {
                    Some(value) => value,
                    None => self.build.constant(ty, 0),
                };
                let inst = self.build.func.inst(value);
                if inst.op == Opcode::Param && inst.a as usize == header.index() {
                    continue;
                }
                let param = self.build.make_param(header, self.control.params.len(), ty);
                self.control.params.push(param);
                self.control.numbers.push(value.index() as u32);
                self.control.loop_locals.push(local);
                self.locals.set(local, param);
            }
        }
        let first = self.stack.len() - params;
        for operand in &mut self.stack[first..] {
            let ty = self.build.func.ty(*operand);
            let param = self.build.make_param(header, self.control.params.len(), ty);
            self.control.params.push(param);
            self.control.numbers.push(operand.index() as u32);
            *operand = param;
        }
        let args = self.build.func.make_numbers(self.control.numbers.iter().copied());
        self.build.set_edge(edge, header, args);
        self.build.set_params(header, &self.control.params);
        let effects = construct.effects;
        self.enter_versions(effects);
        let locals = (self.control.loop_locals.len() - first_local) as u32;
        Label::Loop { header, first_local: first_local as u32, locals }
    }

    /// Changes the versions of what a loop writes.
    fn enter_versions(&mut self, effects: Effects) {
        if effects.calls || self.config.epochs {
            self.build.write_all();
            return;
        }
        for class in AliasClass::all() {
            let written = match class {
                AliasClass::READ_ONLY => false,
                AliasClass::MEMORY | AliasClass::MEMORY_OTHER => effects.writes_memory,
                AliasClass::MEMORY_SIZE => effects.grows_memory,
                AliasClass::TABLE | AliasClass::TABLE_SIZE => effects.writes_tables,
                AliasClass::HEAP_SPACE => effects.makes_objects,
                AliasClass::STRUCT_DATA | AliasClass::STRUCT_REFS | AliasClass::ARRAY_DATA | AliasClass::ARRAY_REFS => {
                    effects.writes_objects
                }
                _ => effects.sets_globals,
            };
            if written {
                self.build.write(class);
            }
        }
    }

    /// `else`: the end of the first arm, if it is reached, and the start of the second.
    pub(super) fn else_arm(&mut self, cx: Context<'_>, reachable: bool) {
        let index = self.frames.len() - 1;
        if reachable {
            let edge = self.jump();
            self.add_pending(index, edge, None);
        }
        let frame = &mut self.frames[index];
        let to_else = std::mem::replace(&mut frame.to_else, Else::Never);
        let (height, params) = (frame.height as usize, frame.params as usize);
        let Some(at_if) = frame.at_if else { return };
        match to_else {
            Else::Never => {
                self.unreachable();
                return;
            }
            Else::Open => {}
            Else::Edge(edge) => {
                self.continue_at(edge, at_if.block);
                let here = std::mem::replace(&mut self.build.loc, at_if.loc);
                self.mark_unlikely_if(cx, true);
                self.build.loc = here;
                self.build.learn(at_if.otherwise.0, at_if.otherwise.1);
            }
        }
        self.skipped = None;
        self.locals.restore(at_if.locals);
        self.build.versions = at_if.versions;
        self.stack.truncate(height);
        let saved = at_if.saved as usize;
        self.stack.extend_from_slice(&self.control.saved[saved..saved + params]);
        self.start_fuel();
    }

    /// `end`: closes the innermost construct.
    pub(super) fn end(&mut self, reachable: bool) {
        let index = self.frames.len() - 1;
        if let Label::Function = self.frames[index].label {
            if reachable {
                self.emit_return();
            }
            if index > 0 {
                self.control.in_loop = self.frames[index].in_loop;
                self.frames.pop();
                self.leave_body();
            }
            self.unreachable();
            return;
        }
        if let Label::Round(open, results) = self.frames[index].label {
            return self.end_round(open, results, reachable);
        }
        let mut reachable = reachable;
        let frame = &self.frames[index];
        if let Some(at_if) = frame.at_if {
            // An `if` without `else`: the results are the parameters.
            let (saved, params) = (at_if.saved as usize, frame.params as usize);
            match frame.to_else {
                Else::Never => {}
                Else::Edge(edge) => {
                    let values = self.control.values.len() as u32;
                    self.control.values.extend_from_slice(&self.control.saved[saved..saved + params]);
                    let (locals, versions, block) = (at_if.locals, at_if.versions, at_if.block);
                    if reachable {
                        let edge = self.jump();
                        self.add_pending(index, edge, None);
                        reachable = false;
                    }
                    let fact = Some(at_if.otherwise);
                    self.push_pending(index, Pending { edge, locals, versions, values, fact, next: None }, block);
                }
                Else::Open => {
                    reachable = true;
                    self.stack.truncate(frame.height as usize);
                    self.stack.extend_from_slice(&self.control.saved[saved..saved + params]);
                }
            }
            self.control.saved.truncate(saved);
        }
        if let Label::Loop { first_local, .. } = self.frames[index].label {
            self.control.loop_locals.truncate(first_local as usize);
        }
        self.control.in_loop = self.frames[index].in_loop;
        if reachable && self.frames[index].branches > 0 {
            let edge = self.jump();
            self.add_pending(index, edge, None);
        }
        let Some(frame) = self.frames.pop() else { return };
        if let Label::Inlined = frame.label {
            self.leave_body();
        }
        if frame.branches == 0 {
            self.skipped = if reachable { None } else { Some(0) };
            return;
        }
        self.skipped = None;
        self.join(&frame);
        self.start_fuel();
    }

    // Joins.

    /// Adds a branch from the current block, which has ended, to the end of a construct.
    fn add_pending(&mut self, frame: usize, edge: Edge, fact: Option<Fact>) {
        let values = self.control.values.len() as u32;
        let arity = self.frames[frame].results as usize;
        self.control.values.extend_from_slice(&self.stack[self.stack.len() - arity..]);
        let locals = self.locals.snapshot();
        let pending = Pending { edge, locals, versions: self.build.versions, values, fact, next: None };
        let block = self.build.current();
        self.push_pending(frame, pending, block);
    }

    fn push_pending(&mut self, frame: usize, pending: Pending, from: Block) {
        let frame = &mut self.frames[frame];
        let index = self.control.pending.len() as u32;
        self.control.pending.push(Pending { next: frame.pending.replace(index), ..pending });
        frame.branches += 1;
        self.control.waiting += 1;
        frame.idom = Some(match frame.idom {
            None => from,
            // `from` dominates the current block or is it: what is common to the current block is common to it, unless it is
            // further down.
            Some(idom) => {
                let common = self.build.common_dominator(idom);
                if self.build.dominates(from, common) { from } else { common }
            }
        });
    }

    /// Goes on where the pending branches of a closed construct meet.
    fn join(&mut self, frame: &Frame) {
        self.control.joining.clear();
        let mut next = frame.pending;
        while let Some(index) = next {
            self.control.joining.push(index);
            next = self.control.pending[index as usize].next;
        }
        self.control.joining.reverse();
        let first = self.control.joining[0] as usize;
        let first_values = self.control.pending[first].values as usize;
        let first_locals = self.control.pending[first].locals;
        if let Label::Inlined = frame.label {
            // The locals of the body are gone, and it has not set any others.
            self.control.changed.clear();
        } else {
            self.find_changed_locals();
            self.locals.restore(first_locals);
        }
        let most = self.control.changed.len() + frame.results as usize;
        if most.saturating_mul(self.control.joining.len()) > self.list_limit {
            self.too_large = true;
            return;
        }
        let block = self.build.start_block(frame.idom, self.control.in_loop);
        if let [_] = self.control.joining[..]
            && let Some((condition, holds)) = self.control.pending[first].fact
        {
            self.build.learn(condition, holds);
        }
        self.build.versions = self.control.pending[first].versions;
        self.stack.truncate(frame.height as usize);
        let results = frame.results as usize;
        let control = &mut self.control;
        self.stack.extend_from_slice(&control.values[first_values..first_values + results]);
        // Which results differ: their parameters come behind those of the locals.
        control.depths.clear();
        for result in 0..results {
            let value = |index: &u32| control.values[control.pending[*index as usize].values as usize + result];
            let differs = control.joining.iter().any(|index| value(index) != control.values[first_values + result]);
            if differs {
                control.depths.push(result as u32);
            }
        }
        for joining in 0..control.joining.len() {
            let pending = &control.pending[control.joining[joining] as usize];
            control.numbers.clear();
            for &local in &control.changed {
                let value = match self.locals.get_in(pending.locals, local) {
                    Some(value) => value,
                    None => self.build.constant(self.local_types[self.body.first_local + local as usize], 0),
                };
                control.numbers.push(value.index() as u32);
            }
            for &result in &control.depths {
                let value = control.values[(pending.values + result) as usize];
                control.numbers.push(value.index() as u32);
            }
            let args = if control.numbers.is_empty() {
                List(0)
            } else {
                self.build.func.make_numbers(control.numbers.iter().copied())
            };
            self.build.set_edge(pending.edge, block, args);
            for (class, version) in pending.versions.iter().enumerate() {
                if *version != self.build.versions[class] {
                    self.build.versions[class] = 0;
                }
            }
        }
        // Version 0 marks what differs; only what is read-only has it otherwise, which never differs.
        for class in AliasClass::all().skip(1) {
            if self.build.versions[class.index()] == 0 {
                self.build.write(class);
            }
        }
        control.params.clear();
        for &local in &control.changed {
            let ty = self.local_types[self.body.first_local + local as usize];
            let param = self.build.make_param(block, control.params.len(), ty);
            control.params.push(param);
            self.locals.set(local, param);
        }
        for &result in &control.depths {
            let at = frame.height as usize + result as usize;
            let ty = self.build.func.ty(self.stack[at]);
            let param = self.build.make_param(block, control.params.len(), ty);
            control.params.push(param);
            self.stack[at] = param;
        }
        if !control.params.is_empty() {
            self.build.set_params(block, &control.params);
        }
        control.waiting -= frame.branches;
        if control.waiting == 0 {
            control.pending.clear();
            control.values.clear();
        }
    }

    /// Finds the locals that differ between the branches that meet. Neighbours are compared: what differs anywhere differs between two of
    /// them, and together they differ in no more than was set.
    fn find_changed_locals(&mut self) {
        let control = &mut self.control;
        control.changed.clear();
        control.mark += 1;
        if control.marks.len() < self.local_types.len() {
            control.marks.resize(self.local_types.len(), 0);
        }
        for pair in control.joining.windows(2) {
            let [a, b] = [pair[0], pair[1]].map(|index| control.pending[index as usize].locals);
            let (marks, mark, changed) = (&mut control.marks, control.mark, &mut control.changed);
            self.locals.difference(a, b, &mut |local| {
                if std::mem::replace(&mut marks[local as usize], mark) != mark {
                    changed.push(local);
                }
            });
        }
    }

    // Branches.

    /// Makes an edge of the current block, which has ended, lead to the label `depth` constructs out. The fact holds where the edge is taken.
    fn lead_to(&mut self, edge: Edge, depth: u32, fact: Option<Fact>) {
        let index = self.frames.len() - 1 - depth as usize;
        match self.frames[index].label {
            Label::Forward | Label::Inlined | Label::Round(..) => self.add_pending(index, edge, fact),
            Label::Loop { header, first_local, locals } => {
                let arity = self.frames[index].arity();
                self.control.numbers.clear();
                for at in first_local..first_local + locals {
                    let local = self.control.loop_locals[at as usize];
                    let value = match self.locals.get(local) {
                        Some(value) => value,
                        None => self.build.constant(self.local_types[self.body.first_local + local as usize], 0),
                    };
                    self.control.numbers.push(value.index() as u32);
                }
                let operands = &self.stack[self.stack.len() - arity..];
                self.control.numbers.extend(operands.iter().map(|value| value.index() as u32));
                let args = self.build.func.make_numbers(self.control.numbers.iter().copied());
                self.build.set_edge(edge, header, args);
            }
            Label::Function => {
                let from = self.build.current();
                self.continue_at(edge, from);
                self.emit_return();
            }
        }
    }

    /// Whether a branch to the label `depth` constructs out returns from the function.
    fn is_function(&self, depth: u32) -> bool {
        matches!(self.frames[self.frames.len() - 1 - depth as usize].label, Label::Function)
    }

    /// The depth of the body's own label.
    pub(super) fn outermost(&self) -> u32 {
        (self.frames.len() - 1 - self.body.first_frame) as u32
    }

    /// `br`.
    pub(super) fn br(&mut self, depth: u32) {
        if self.is_function(depth) {
            self.emit_return();
        } else {
            let edge = self.jump();
            self.lead_to(edge, depth, None);
        }
        self.unreachable();
    }

    /// `br_if`.
    pub(super) fn br_if(&mut self, cx: Context<'_>, depth: u32) {
        let condition = self.pop();
        let before = self.build.func.blocks.len();
        self.branch_if(condition, depth);
        if self.build.func.blocks.len() > before && self.skipped.is_none() {
            self.mark_unlikely_if(cx, true);
        }
    }

    /// `br_on_null`: the reference stays on the stack where the branch is not taken.
    pub(super) fn br_on_null(&mut self, depth: u32) {
        let reference = self.pop();
        let is_null = self.is_null(reference);
        self.branch_if(is_null, depth);
        self.stack.push(reference);
    }

    /// `br_on_non_null`: only the label gets the reference.
    pub(super) fn br_on_non_null(&mut self, depth: u32) {
        let reference = self.stack[self.stack.len() - 1];
        let is_null = self.is_null(reference);
        let is_not_null = self.build.unary(Opcode::I32Eqz, is_null);
        self.branch_if(is_not_null, depth);
        self.pop();
    }

    /// Branches to the label `depth` constructs out if the condition is not 0.
    pub(super) fn branch_if(&mut self, condition: Value, depth: u32) {
        let (condition, inverted) = self.build.condition(condition);
        match self.build.func.int_const(condition) {
            Some(bits) if (bits != 0) != inverted => {
                self.br(depth);
                return;
            }
            Some(_) => {}
            None => {
                let from = self.build.current();
                let [taken, other] = self.branch(condition, inverted);
                self.lead_to(taken, depth, Some((condition, !inverted)));
                self.continue_at(other, from);
                self.build.learn(condition, inverted);
            }
        }
        self.start_fuel();
    }

    /// `br_table`.
    pub(super) fn br_table(&mut self, targets: &BrTable<'_>) -> Result<(), Stop> {
        let index = self.pop();
        if let Some(bits) = self.build.func.int_const(index) {
            let mut depth = targets.default();
            if bits < u64::from(targets.len()) {
                for target in targets.targets().take(bits as usize + 1) {
                    depth = target?;
                }
            }
            self.br(depth);
            return Ok(());
        }
        let mut depths = std::mem::take(&mut self.control.depths);
        depths.clear();
        self.control.numbers.clear();
        for target in targets.targets().chain([Ok(targets.default())]) {
            let depth = target?;
            let frame = self.frames.len() - 1 - depth as usize;
            let mark = &mut self.frames[frame].table_mark;
            if *mark == 0 {
                depths.push(depth);
                *mark = depths.len() as u32;
            }
            self.control.numbers.push(*mark - 1);
        }
        for &depth in &depths {
            let frame = self.frames.len() - 1 - depth as usize;
            self.frames[frame].table_mark = 0;
        }
        if let [only] = depths[..] {
            self.control.depths = depths;
            self.br(only);
            return Ok(());
        }
        let entries = self.build.func.make_numbers(self.control.numbers.iter().copied());
        let first = self.build.func.edges.len();
        for _ in &depths {
            self.build.make_edge();
        }
        let inst = Inst::new(Opcode::BrTable, Type::None).fields(index.index() as u32, entries.0, first as u32);
        self.build.terminate(inst);
        let mut to_function = None;
        for (number, &depth) in depths.iter().enumerate() {
            let edge = Edge::new(first + number);
            // A return needs a block of its own, behind which the current one would be another.
            if self.is_function(depth) { to_function = Some((edge, depth)) } else { self.lead_to(edge, depth, None) }
        }
        if let Some((edge, depth)) = to_function {
            self.lead_to(edge, depth, None);
        }
        self.control.depths = depths;
        self.unreachable();
        Ok(())
    }

    /// Returns the top operands, which stay on the stack for other ways.
    pub(super) fn emit_return(&mut self) {
        let results = self.frames[0].results as usize;
        let first = self.stack.len() - results;
        let list = match results {
            0 => List(0),
            _ => self.build.func.make_list(self.stack[first..].iter().copied()),
        };
        self.build.terminate(Inst::new(Opcode::Return, Type::None).fields(0, list.0, 0));
    }
}
