//! Blocks, branches, calls and returns.

use super::code::{Fixup, fields, fields_imm, halves};
use super::stack::{self, Kind};
use super::{Context, LastBinary, Place, Translator, class_of};
use crate::interp::dispatch::{Handler, handler};
use crate::interp::operand::{A, S};
use crate::interp::ops::Class;
use crate::interp::ops::control::{self as handlers, HEADER_SLOTS, Shape};
use alloc::vec::Vec;
use tiercel_wasm::FuncType;
use wasmparser::{BlockType, BrTable, Operator};

/// What a construct's label stands for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Label {
    /// The end, which is still to come.
    Forward,
    /// The head of a loop.
    Loop(usize),
    /// The end of the function: a branch there returns.
    Function,
}

/// The type of a construct.
#[derive(Clone)]
enum Signature {
    /// At most one result.
    Simple(Option<Class>),
    /// Any function type.
    Full(FuncType),
}

impl Signature {
    fn params(&self) -> Vec<Class> {
        match self {
            Signature::Simple(_) => Vec::new(),
            Signature::Full(ty) => ty.params().iter().map(|ty| class_of(*ty)).collect(),
        }
    }

    fn results(&self) -> Vec<Class> {
        match self {
            Signature::Simple(class) => class.iter().copied().collect(),
            Signature::Full(ty) => ty.results().iter().map(|ty| class_of(*ty)).collect(),
        }
    }

    fn param_count(&self) -> usize {
        match self {
            Signature::Simple(_) => 0,
            Signature::Full(ty) => ty.params().len(),
        }
    }

    fn result_count(&self) -> usize {
        match self {
            Signature::Simple(class) => class.iter().len(),
            Signature::Full(ty) => ty.results().len(),
        }
    }
}

/// A construct that is open.
pub struct Frame {
    label: Label,
    signature: Signature,
    /// Entries below it.
    height: usize,
    /// The home of its first parameter and of its first result.
    pub base: u32,
    /// Branches to its end.
    fixups: Vec<Fixup>,
    /// The branch around the first arm of an `if` whose `else` has not come.
    to_else: Option<Fixup>,
}

impl Frame {
    /// The construct that is the function's body.
    pub fn function(ty: FuncType, base: u32) -> Frame {
        let signature = Signature::Full(FuncType::new([], ty.results().iter().copied()));
        Frame { label: Label::Function, signature, height: 0, base, fixups: Vec::new(), to_else: None }
    }

    /// How many values a branch to its label takes along.
    fn arity(&self) -> usize {
        match self.label {
            Label::Loop(_) => self.signature.param_count(),
            _ => self.signature.result_count(),
        }
    }
}

/// A condition that has been taken from the stack.
enum Condition {
    Value(Place),
    Binary(LastBinary),
}

impl Translator {
    /// Follows the nesting of code that cannot be reached.
    pub(super) fn skip(&mut self, op: &Operator<'_>) {
        let Some(depth) = self.skipped else { return };
        match op {
            Operator::Block { .. } | Operator::Loop { .. } | Operator::If { .. } => self.skipped = Some(depth + 1),
            Operator::Else if depth == 0 => self.else_arm(false),
            Operator::End if depth == 0 => self.end(false),
            Operator::End => self.skipped = Some(depth - 1),
            _ => {}
        }
    }

    /// Notes that the code that follows cannot be reached.
    pub(super) fn unreachable(&mut self) {
        self.skipped = Some(0);
    }

    fn signature(&self, cx: Context<'_>, ty: BlockType) -> Result<Signature, tiercel_wasm::Error> {
        Ok(match ty {
            BlockType::Empty => Signature::Simple(None),
            BlockType::Type(ty) => Signature::Simple(Some(super::local_class(cx.info, ty)?)),
            BlockType::FuncType(index) => Signature::Full(cx.info.func_types[index as usize].clone()),
        })
    }

    /// Opens a construct; its parameters are on the stack.
    pub(super) fn open(&mut self, cx: Context<'_>, op: &Operator<'_>) -> Result<(), tiercel_wasm::Error> {
        let (Operator::Block { blockty } | Operator::Loop { blockty } | Operator::If { blockty }) = op else {
            return Ok(());
        };
        let signature = self.signature(cx, *blockty)?;
        let params = signature.param_count();
        let condition = matches!(op, Operator::If { .. }).then(|| self.pop_condition(params));
        self.settle_locals();
        let base = self.settle_top(params);
        let to_else = condition.map(|condition| {
            let fixup = self.emit_branch(condition, false);
            self.start_fuel();
            fixup
        });
        let height = self.stack.len() - params;
        let label = if matches!(op, Operator::Loop { .. }) {
            self.reset_results();
            let head = self.code.len();
            self.poll();
            Label::Loop(head)
        } else {
            Label::Forward
        };
        self.frames.push(Frame { label, signature, height, base, fixups: Vec::new(), to_else });
        Ok(())
    }

    /// `else`: the end of the first arm, if it is reached, and the start of the second.
    pub(super) fn else_arm(&mut self, reachable: bool) {
        let Some(frame) = self.frames.last() else { return };
        let (results, height, params) = (frame.signature.result_count(), frame.height, frame.signature.params());
        let mut to_end = None;
        if reachable {
            self.settle_top(results);
            to_end = Some(self.emit_jump());
        }
        self.skipped = None;
        self.stack.truncate(height);
        for class in params {
            self.stack.push(Kind::Temp, class);
        }
        self.reset_results();
        let here = self.code.len();
        if let Some(frame) = self.frames.last_mut() {
            frame.fixups.extend(to_end);
            if let Some(fixup) = frame.to_else.take() {
                self.code.fix(fixup, here);
            }
        }
        self.start_fuel();
    }

    /// `end`: closes the innermost construct.
    pub(super) fn end(&mut self, reachable: bool) {
        let Some(frame) = self.frames.last() else { return };
        let results = frame.signature.result_count();
        if frame.label == Label::Function {
            if reachable {
                self.emit_return(results);
            }
            self.unreachable();
            return;
        }
        if reachable {
            self.settle_top(results);
        }
        let Some(frame) = self.frames.pop() else { return };
        let here = self.code.len();
        let joined = !frame.fixups.is_empty() || frame.to_else.is_some();
        for fixup in frame.fixups.into_iter().chain(frame.to_else) {
            self.code.fix(fixup, here);
        }
        if !reachable && !joined {
            self.skipped = Some(0);
            return;
        }
        self.skipped = None;
        if joined {
            self.reset_results();
            self.stack.truncate(frame.height);
            for class in frame.signature.results() {
                self.stack.push(Kind::Temp, class);
            }
            self.start_fuel();
        }
    }

    // Conditions.

    /// Whether an entry that may be a local, or one of the top `params`, still has to be brought home.
    fn moves_pending(&self, params: usize) -> bool {
        let first_param = self.stack.len() - params;
        self.stack.unsettled().chain(first_param..self.stack.len()).any(|i| self.stack.get(i).kind != Kind::Temp)
    }

    /// Where a popped value is. If moves come before it is read, it has to be in a slot: they change the accumulators, but only write
    /// the homes of entries below it.
    fn place_across(&mut self, entry: &stack::Entry, moves: bool) -> Place {
        if moves { Place::Slot(self.place_slot(entry)) } else { self.place(entry) }
    }

    /// Takes the condition of a branch. A comparison at the code's end is taken back, to become part of the branch, unless
    /// the top `params` entries or any local have to be brought home in between.
    fn pop_condition(&mut self, params: usize) -> Condition {
        let entry = self.stack.pop();
        let moves = self.moves_pending(params);
        self.condition(&entry, moves)
    }

    /// Takes the condition of a branch that brings no entry home.
    fn pop_condition_in_place(&mut self) -> Condition {
        let entry = self.stack.pop();
        self.condition(&entry, false)
    }

    fn condition(&mut self, entry: &stack::Entry, moves: bool) -> Condition {
        match self.last_binary_of(entry) {
            Some(last) if !moves && last.table.branch.is_some_and(|b| b.handlers[last.pattern as usize].is_some()) => {
                Condition::Binary(last)
            }
            _ => Condition::Value(self.place_across(entry, moves)),
        }
    }

    /// Emits a branch that is taken if the condition is `sense`.
    fn emit_branch(&mut self, condition: Condition, sense: bool) -> Fixup {
        match condition {
            Condition::Binary(last) => {
                let sense = sense != last.inverted;
                let handlers = last.table.branch.and_then(|branch| branch.handlers[last.pattern as usize]);
                let words = self.take_back(&last);
                let at = self.code.op(handlers.map_or(handler::<handlers::Unreachable>(), |h| h[sense as usize]));
                for word in words {
                    self.code.word(word);
                }
                self.code.distance(at)
            }
            Condition::Value(place) => {
                let (handler, slot) = self.test(place, sense);
                let at = self.code.op(handler);
                self.code.word(fields(0, slot, 0, 0));
                self.last_result = None;
                self.last_binary = None;
                self.code.distance(at)
            }
        }
    }

    fn test(&self, place: Place, sense: bool) -> (Handler, u16) {
        match (place, sense) {
            (Place::Acc, true) => (handler::<handlers::BrNez<A>>(), 0),
            (Place::Acc, false) => (handler::<handlers::BrEqz<A>>(), 0),
            (Place::Slot(slot), true) => (handler::<handlers::BrNez<S>>(), slot),
            (Place::Slot(slot), false) => (handler::<handlers::BrEqz<S>>(), slot),
        }
    }

    pub(super) fn emit_jump(&mut self) -> Fixup {
        let at = self.code.op(handler::<handlers::Br>());
        self.code.distance(at)
    }

    // Branches.

    /// Makes a branch lead to the label `depth` constructs out.
    pub(super) fn lead_to(&mut self, fixup: Fixup, depth: u32) {
        let index = self.frames.len() - 1 - depth as usize;
        match self.frames[index].label {
            Label::Loop(head) => self.code.fix(fixup, head),
            _ => self.frames[index].fixups.push(fixup),
        }
    }

    /// Whether a branch to the label has to move values.
    pub(super) fn has_moves(&self, depth: u32) -> bool {
        let frame = &self.frames[self.frames.len() - 1 - depth as usize];
        let arity = frame.arity();
        let first = self.stack.len() - arity;
        let mut to = frame.base;
        for index in first..self.stack.len() {
            let entry = self.stack.get(index);
            if entry.kind != Kind::Temp || entry.home != to {
                return true;
            }
            to += stack::slots(entry.class);
        }
        false
    }

    /// Moves the values that a branch takes along to where its label expects them. They stay on the stack.
    pub(super) fn emit_moves(&mut self, depth: u32) {
        self.keep_slots();
        let frame = &self.frames[self.frames.len() - 1 - depth as usize];
        let (arity, mut to) = (frame.arity(), frame.base);
        // Upwards: the homes of the label's values lie below the entries' own, in the same order.
        for index in self.stack.len() - arity..self.stack.len() {
            let entry = self.stack.get(index);
            self.emit_move(to, &entry);
            to += stack::slots(entry.class);
        }
        self.stack.reserve_to(to);
    }

    pub(super) fn is_function(&self, depth: u32) -> bool {
        self.frames[self.frames.len() - 1 - depth as usize].label == Label::Function
    }

    /// `br`.
    pub(super) fn br(&mut self, depth: u32) {
        if self.is_function(depth) {
            let results = self.frames[0].signature.result_count();
            self.emit_return(results);
        } else {
            if self.has_moves(depth) {
                self.emit_moves(depth);
            }
            let fixup = self.emit_jump();
            self.lead_to(fixup, depth);
        }
        self.unreachable();
    }

    /// The depth of the function's own label.
    pub(super) fn outermost(&self) -> u32 {
        self.frames.len() as u32 - 1
    }

    /// `br_if`.
    pub(super) fn br_if(&mut self, depth: u32) {
        let condition = self.pop_condition_in_place();
        if !self.is_function(depth) && !self.has_moves(depth) {
            let fixup = self.emit_branch(condition, true);
            self.keep_slots();
            self.lead_to(fixup, depth);
        } else {
            let around = self.emit_branch(condition, false);
            self.branch_behind(around, depth);
        }
        self.start_fuel();
    }

    /// A branch with its moves, or a return, that `around` leads around.
    pub(super) fn branch_behind(&mut self, around: Fixup, depth: u32) {
        let before = self.accumulators;
        if self.is_function(depth) {
            let results = self.frames[0].signature.result_count();
            self.emit_return_keeping(results);
        } else {
            self.emit_moves(depth);
            let fixup = self.emit_jump();
            self.lead_to(fixup, depth);
        }
        let here = self.code.len();
        self.code.fix(around, here);
        // The moves have not run here: the accumulators are as they were.
        self.reset_results();
        self.accumulators = before;
        self.keep_slots();
    }

    /// `br_table`.
    pub(super) fn br_table(&mut self, targets: &BrTable<'_>) -> Result<(), tiercel_wasm::Error> {
        let entry = self.stack.pop();
        let place = self.place(&entry);
        let default = targets.default();
        let (handler, slot) = match place {
            Place::Acc => (handler::<handlers::BrTable<A>>(), 0),
            Place::Slot(slot) => (handler::<handlers::BrTable<S>>(), slot),
        };
        let at = self.code.op(handler);
        self.code.word(fields_imm(0, slot, targets.len()));
        let mut depths = Vec::with_capacity(targets.len() as usize + 1);
        for depth in targets.targets() {
            depths.push(depth?);
        }
        depths.push(default);
        let fixups: Vec<Fixup> = depths.iter().map(|_| self.code.distance(at)).collect();
        self.keep_slots();
        // A target that needs moves, or returns, gets a piece of code of its own; one for all entries that lead there.
        let mut pieces: Vec<Option<usize>> = alloc::vec![None; self.frames.len()];
        for (fixup, depth) in fixups.into_iter().zip(depths) {
            if !self.is_function(depth) && !self.has_moves(depth) {
                self.lead_to(fixup, depth);
                continue;
            }
            let piece = match pieces[depth as usize] {
                Some(piece) => piece,
                None => {
                    let here = self.code.len();
                    self.reset_results();
                    if self.is_function(depth) {
                        let results = self.frames[0].signature.result_count();
                        self.emit_return_keeping(results);
                    } else {
                        self.emit_moves(depth);
                        let jump = self.emit_jump();
                        self.lead_to(jump, depth);
                    }
                    pieces[depth as usize] = Some(here);
                    here
                }
            };
            self.code.fix(fixup, piece);
        }
        self.unreachable();
        Ok(())
    }

    // Returns.

    /// Returns the top `results` entries and takes them.
    pub(super) fn emit_return(&mut self, results: usize) {
        if results == 1 {
            let entry = self.stack.pop();
            let place = self.place(&entry);
            self.emit_return1(entry.class, place);
        } else {
            self.emit_return_keeping(results);
        }
    }

    /// Returns the top `results` entries; they stay on the stack for other paths.
    fn emit_return_keeping(&mut self, results: usize) {
        self.keep_slots();
        let header = self.slot(self.header);
        match results {
            0 => {
                self.code.op(handler::<handlers::Return0>());
                self.code.word(fields(header, 0, 0, 0));
            }
            1 => {
                let entry = self.stack.get(self.stack.len() - 1);
                // Behind a conditional branch: what a constant's home holds on the other path does not matter, it stays a constant.
                let slot = match entry.kind {
                    Kind::Const(_) => {
                        self.emit_move(entry.home, &entry);
                        entry.home
                    }
                    _ => self.slot_of(&entry),
                };
                let slot = self.slot(slot);
                self.emit_return1(entry.class, Place::Slot(slot));
            }
            _ => {
                let len = self.stack.len();
                let first = self.stack.get(len - results).home;
                let mut end = first;
                for index in len - results..len {
                    let entry = self.stack.get(index);
                    if entry.kind != Kind::Temp {
                        self.emit_move(entry.home, &entry);
                    }
                    end = entry.home + stack::slots(entry.class);
                }
                let from = self.slot(first);
                self.code.op(handler::<handlers::ReturnN>());
                self.code.word(fields_imm(header, from, end - first));
            }
        }
    }

    fn emit_return1(&mut self, class: Class, place: Place) {
        let header = self.slot(self.header);
        let (handler, slot) = match place {
            Place::Acc => (handlers::return_acc(class), 0),
            Place::Slot(slot) => (handlers::return_slot(class), slot),
        };
        self.code.op(handler);
        self.code.word(fields(header, slot, 0, 0));
    }

    // Calls.

    /// Takes the arguments of a call, which are at home now, and puts the results in their place.
    fn finish_call(&mut self, ty: &FuncType) {
        self.reset_results();
        let len = self.stack.len() - ty.params().len();
        self.stack.truncate(len);
        let mut home = self.stack.next_home();
        for &ty in ty.results() {
            home = self.stack.push(Kind::Temp, class_of(ty));
        }
        if let [result] = ty.results()
            && let Some(index) = super::accumulator(class_of(*result))
            && !self.plain
        {
            self.accumulators.mirrors[index] = Some(home);
        }
    }

    fn shape(ty: &FuncType) -> Shape {
        Shape { params: ty.param_slots() as u32, results: ty.result_slots() as u32 }
    }

    /// Brings the arguments home: the first one's slot and the callee's header's.
    fn settle_args(&mut self, ty: &FuncType) -> (u16, u16) {
        let args = self.settle_top(ty.params().len());
        self.stack.reserve_to(args + Self::shape(ty).area() as u32 + HEADER_SLOTS as u32);
        (self.slot(args), self.slot(args + ty.param_slots() as u32))
    }

    /// `call`.
    pub(super) fn call(&mut self, cx: Context<'_>, func: u32) {
        let ty = cx.info.func_type(func);
        let (args, header) = self.settle_args(ty);
        self.origin();
        self.safepoint(ty.params().len());
        match cx.info.defined_func(func) {
            Some(index) => {
                self.code.op(handler::<handlers::Call>());
                self.code.word(fields_imm(args, header, index as u32));
            }
            None => {
                self.code.op(handler::<handlers::CallImport>());
                self.code.word(fields_imm(args, 0, cx.layout.imported_func(func)));
                self.code.word(Self::shape(ty).word());
            }
        }
        self.finish_call(ty);
    }

    /// `call_indirect`.
    pub(super) fn call_indirect(&mut self, cx: Context<'_>, ty: u32, table: u32) {
        let (func_type, type_id) = (&cx.info.func_types[ty as usize], cx.info.types[ty as usize]);
        let (place, args) = self.indirect(func_type);
        let (handler, index) = match place {
            Place::Acc => (handler::<handlers::CallIndirect<A>>(), 0),
            Place::Slot(slot) => (handler::<handlers::CallIndirect<S>>(), slot),
        };
        self.origin();
        self.safepoint(func_type.params().len());
        self.code.op(handler);
        self.code.word(fields(args, index, 0, 0));
        self.code.word(Self::shape(func_type).word());
        self.code.word(halves(cx.layout.table(table), type_id.as_u32()));
        self.finish_call(func_type);
    }

    /// `call_ref`.
    pub(super) fn call_ref(&mut self, cx: Context<'_>, ty: u32) {
        let ty = &cx.info.func_types[ty as usize];
        let (place, args) = self.indirect(ty);
        let (handler, callee) = match place {
            Place::Acc => (handler::<handlers::CallRef<A>>(), 0),
            Place::Slot(slot) => (handler::<handlers::CallRef<S>>(), slot),
        };
        self.origin();
        self.safepoint(ty.params().len());
        self.code.op(handler);
        self.code.word(fields(args, callee, 0, 0));
        self.code.word(Self::shape(ty).word());
        self.finish_call(ty);
    }

    /// The operands of a call whose callee is computed: the place of that operand, the arguments' slot.
    fn indirect(&mut self, ty: &FuncType) -> (Place, u16) {
        let entry = self.stack.pop();
        let len = self.stack.len();
        let moves = (len - ty.params().len()..len).any(|index| self.stack.get(index).kind != Kind::Temp);
        let place = self.place_across(&entry, moves);
        let (args, _) = self.settle_args(ty);
        (place, args)
    }

    /// `return_call`.
    pub(super) fn return_call(&mut self, cx: Context<'_>, func: u32) {
        let ty = cx.info.func_type(func);
        let (args, _) = self.settle_args(ty);
        let header = self.slot(self.header);
        self.origin();
        self.safepoint(ty.params().len());
        match cx.info.defined_func(func) {
            Some(index) => {
                self.code.op(handler::<handlers::ReturnCall>());
                self.code.word(fields_imm(args, header, index as u32));
            }
            None => {
                self.code.op(handler::<handlers::ReturnCallImport>());
                self.code.word(fields_imm(args, header, cx.layout.imported_func(func)));
            }
        }
        self.code.word(Self::shape(ty).word());
        self.unreachable();
    }

    /// `return_call_indirect`.
    pub(super) fn return_call_indirect(&mut self, cx: Context<'_>, ty: u32, table: u32) {
        let (func_type, type_id) = (&cx.info.func_types[ty as usize], cx.info.types[ty as usize]);
        let entry = self.stack.pop();
        let index = self.place_slot(&entry);
        let (args, _) = self.settle_args(func_type);
        self.origin();
        self.safepoint(func_type.params().len());
        self.code.op(handler::<handlers::ReturnCallIndirect>());
        self.code.word(fields(args, index, 0, 0));
        self.code.word(Self::shape(func_type).word());
        self.code.word(halves(cx.layout.table(table), type_id.as_u32()));
        self.code.word(self.header as u64);
        self.unreachable();
    }

    /// `return_call_ref`.
    pub(super) fn return_call_ref(&mut self, cx: Context<'_>, ty: u32) {
        let ty = &cx.info.func_types[ty as usize];
        let entry = self.stack.pop();
        let callee = self.place_slot(&entry);
        let (args, _) = self.settle_args(ty);
        self.origin();
        self.safepoint(ty.params().len());
        self.code.op(handler::<handlers::ReturnCallRef>());
        self.code.word(fields(args, callee, 0, 0));
        self.code.word(Self::shape(ty).word());
        self.code.word(self.header as u64);
        self.unreachable();
    }
}
