//! Constructs, branches and joins.
//!
//! The first branch to a label fixes where locals are there; later ones make up what they lack, or the label does with less, as long as its own
//! code is not there yet. A single result is in the result register, several are at home.

use super::count::Counter;
use super::machine::{Assembly, Condition, Emit, Machine};
use super::state::{Operand, Place, State, Value, index};
use super::{Baseline, Local};
use crate::ir::Type;
use crate::isa::backend::TrapExit;
use crate::isa::buffer::Label;
use crate::isa::convention::class_of;
use crate::isa::reg::{Reg, RegClass, RegSet};
use crate::translate::{Context, type_of};
use tiercel_abi::Trap;
use tiercel_wasm::Error;
use wasmparser::{BlockType, BrTable};

/// What kind of construct it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// The body: a branch to its label returns.
    Function,
    /// `block`, and the second arm of an `if`.
    Block,
    /// `loop`.
    Loop,
    /// The first arm of an `if`; where the other one starts.
    If(Label),
}

/// A construct that is open.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    pub kind: Kind,
    /// Where its branches lead: the end, or a loop's head.
    pub label: Label,
    /// Operands below its parameters.
    pub height: u32,
    pub params: u32,
    pub results: u32,
    /// Its results: those of this type, or of this type index.
    ty: ResultTypes,
    /// Registers of locals that are the same locals' as when it was opened.
    pub owned: RegSet,
    /// The state at the label, once it is fixed.
    state: Option<State>,
    /// The state at an `if`.
    at_if: State,
    /// Where its parameters are in [`Baseline::saved_params`].
    saved: u32,
    /// Whether loops are around it, itself included.
    in_loop: bool,
    /// One more than the number that its label has in a `br_table`.
    table_mark: u32,
}

#[derive(Clone, Copy, Debug)]
enum ResultTypes {
    /// At most one.
    One(Type),
    /// Those of a function type.
    Func(u32),
}

/// What an edge has to do.
#[derive(Clone, Copy, Default)]
pub struct Fixes {
    pub stores: RegSet,
    pub loads: RegSet,
}

impl Fixes {
    fn is_empty(self) -> bool {
        self.stores.is_empty() && self.loads.is_empty()
    }
}

/// The register of a single result.
pub fn result_reg<M: Machine>(ty: Type) -> Reg {
    if class_of(ty) == RegClass::Int { M::RESULT } else { M::VECTOR_RESULT }
}

impl<M: Machine> Baseline<M>
where
    Self: Emit<M = M>,
{
    /// Opens the construct that the body is.
    pub(super) fn open_function(&mut self, cx: Context<'_>, ty: u32) {
        let results = cx.info.func_types[ty as usize].results();
        let types = match results {
            [single] => ResultTypes::One(Type::from(*single)),
            _ => ResultTypes::Func(ty),
        };
        let label = self.asm.label();
        self.frames.push(Frame {
            kind: Kind::Function,
            label,
            height: 0,
            params: 0,
            results: results.len() as u32,
            ty: types,
            owned: RegSet::EMPTY,
            state: None,
            at_if: State::default(),
            saved: 0,
            in_loop: false,
            table_mark: 0,
        });
    }

    /// Opens a construct; its parameters are on the stack.
    pub(super) fn open(&mut self, cx: Context<'_>, ty: BlockType, kind: Kind) -> Result<(), Error> {
        let (params, results, types) = match ty {
            BlockType::Empty => (0, 0, ResultTypes::One(Type::None)),
            BlockType::Type(ty) => (0, 1, ResultTypes::One(type_of(cx.info, ty)?)),
            BlockType::FuncType(index) => {
                let ty = &cx.info.func_types[index as usize];
                let types = match ty.results() {
                    [single] => ResultTypes::One(Type::from(*single)),
                    _ => ResultTypes::Func(index),
                };
                (ty.params().len() as u32, ty.results().len() as u32, types)
            }
        };
        self.settle(self.stack.len());
        let height = self.stack.len() as u32 - params;
        let outer = self.frames.last().is_some_and(|frame| frame.in_loop);
        let mut frame = Frame {
            kind,
            label: self.asm.label(),
            height,
            params,
            results,
            ty: types,
            owned: self.of_locals,
            state: None,
            at_if: self.state,
            saved: self.saved_params.len() as u32,
            in_loop: outer || kind == Kind::Loop,
            table_mark: 0,
        };
        match kind {
            Kind::Loop => {
                // A constant is not one in the next round.
                for at in height as usize..self.stack.len() {
                    let value = self.stack[at];
                    self.put_home(value, value.home);
                    self.stack[at].place = Place::Home;
                }
                let is_hot = self.scan.is_innermost(self.next_loop) && !self.scan.loops[self.next_loop].mostly_calls();
                frame.state = Some(self.enter_loop());
                self.asm.align(if is_hot { M::HOT_LOOP_ALIGN } else { M::LOOP_ALIGN });
                self.asm.bind(frame.label);
                self.frames.push(frame);
                if self.watched == Some(self.loc) {
                    self.loop_state = Some(self.describe(cx));
                }
                self.poll();
            }
            _ => {
                if let Kind::If(_) = kind {
                    self.saved_params.extend_from_slice(&self.stack[height as usize..]);
                }
                self.frames.push(frame);
            }
        }
        Ok(())
    }

    /// `if`.
    pub(super) fn open_if(&mut self, cx: Context<'_>, ty: BlockType) -> Result<(), Error> {
        let test = self.pop_test();
        let otherwise = self.asm.label();
        // What goes home leaves the flags alone.
        self.settle(self.stack.len());
        self.jump_if(test.negate(), otherwise);
        self.open(cx, ty, Kind::If(otherwise))?;
        self.start_fuel();
        Ok(())
    }

    /// Brings locals to where the loop that starts here has them in every round.
    fn enter_loop(&mut self) -> State {
        let number = self.next_loop;
        self.next_loop += 1;
        self.start_counting(number);
        let found = self.scan.loops[number];
        let (mut uses, sets) = self.loop_uses[number];
        if let Some(Counter::Reg(reg)) = self.near_counter() {
            uses = uses.without(reg);
        }
        let calls = found.calls[0] != found.calls[1] || self.options.translate.epochs;
        if calls {
            // What the loop does not change it need not store in every round.
            let dirty = self.state.loaded.difference(self.state.stored).difference(sets).intersection(self.destroyed);
            for reg in dirty.iter() {
                if self.is_alive(reg) {
                    self.store_local(reg);
                    self.state.stored = self.state.stored.with(reg);
                }
            }
            // What it does not use need not be in a register again after each round.
            let idle = self.destroyed.difference(uses).intersection(self.state.stored);
            self.state.loaded = self.state.loaded.difference(idle);
        }
        let missing = uses.intersection(self.state.stored).difference(self.state.loaded);
        for reg in missing.iter() {
            if self.is_alive(reg) {
                self.load_local(reg);
            }
        }
        self.state.stored = self.state.stored.difference(sets.intersection(self.state.loaded));
        self.state
    }

    /// Locals whose value is in a register alone, each with its home.
    pub(super) fn dirty_locals(&self) -> Vec<(Type, Reg, i32)> {
        self.state.loaded.difference(self.state.stored).iter().map(|reg| self.owned(reg)).collect()
    }

    /// The local that has a register.
    pub(super) fn owned(&self, reg: Reg) -> (Type, Reg, i32) {
        let local = self.locals[self.owners[index(reg)] as usize];
        (local.ty, reg, local.home)
    }

    pub(super) fn store_local(&mut self, reg: Reg) {
        let Local { ty, home, .. } = self.locals[self.owners[index(reg)] as usize];
        self.store(ty, reg, home);
    }

    fn load_local(&mut self, reg: Reg) {
        let Local { ty, home, .. } = self.locals[self.owners[index(reg)] as usize];
        self.load(ty, reg, home);
        self.state.loaded = self.state.loaded.with(reg);
    }

    // Edges.

    /// What a branch from a state to a construct's label has to do about locals. The first one decides.
    fn plan(&mut self, frame: usize, from: State) -> Fixes {
        let frame = &mut self.frames[frame];
        let owned = frame.owned;
        let Some(state) = &mut frame.state else {
            frame.state =
                Some(State { loaded: from.loaded.intersection(owned), stored: from.stored.intersection(owned) });
            return Fixes::default();
        };
        let mut stores = state.stored.difference(from.stored).intersection(owned);
        let mut loads = state.loaded.difference(from.loaded).intersection(owned);
        if frame.kind != Kind::Loop {
            // A value that is in its register need not be at home as well.
            let spared = stores.intersection(state.loaded);
            state.stored = state.stored.difference(spared);
            stores = stores.difference(spared);
            // In loops the way without a call is the one that counts.
            if !frame.in_loop {
                let spared = loads.intersection(state.stored);
                state.loaded = state.loaded.difference(spared);
                loads = loads.difference(spared);
            }
        }
        Fixes { stores, loads }
    }

    /// Does it; the state is not changed.
    fn fix(&mut self, fixes: Fixes) {
        for reg in fixes.stores.iter() {
            self.store_local(reg);
        }
        let state = self.state;
        for reg in fixes.loads.iter() {
            self.load_local(reg);
        }
        self.state = state;
    }

    /// How many operands a branch to the label takes along.
    fn arity(&self, frame: usize) -> usize {
        let frame = &self.frames[frame];
        if frame.kind == Kind::Loop { frame.params as usize } else { frame.results as usize }
    }

    /// Whether the operands that a branch takes along are in place.
    fn are_in_place(&self, frame: usize) -> bool {
        let arity = self.arity(frame);
        match (arity, self.frames[frame].kind) {
            (0, _) => true,
            (1, kind) if kind != Kind::Loop => {
                let top = self.stack[self.stack.len() - 1];
                top.place == Place::Reg(result_reg::<M>(top.ty))
            }
            _ => false,
        }
    }

    /// Copies the operands that a branch takes along to their places. Nothing but the code changes.
    fn pass_along(&mut self, frame: usize) {
        let arity = self.arity(frame);
        let first = self.stack.len() - arity;
        let Frame { kind, height, .. } = self.frames[frame];
        if arity == 0 {
            return;
        }
        let state = self.state;
        if arity == 1 && kind != Kind::Loop {
            let top = self.stack[first];
            self.put(top, result_reg::<M>(top.ty));
        } else {
            let mut below = self.home_at(height as usize);
            for at in first..self.stack.len() {
                let value = self.stack[at];
                let size = if value.ty == Type::V128 { 16 } else { 8 };
                let home = (below - size) & !(size - 1);
                if value.place != Place::Home || value.home != home {
                    self.put_home(value, home);
                }
                below = home;
            }
        }
        self.state = state;
    }

    /// Where the home of the operand at this height starts, from above.
    fn home_at(&self, height: usize) -> i32 {
        height.checked_sub(1).map_or(self.first_home, |below| self.stack[below].home)
    }

    /// The construct `depth` constructs out.
    fn frame_at(&self, depth: u32) -> usize {
        self.frames.len() - 1 - depth as usize
    }

    /// `br`.
    pub(super) fn br(&mut self, depth: u32) {
        let frame = self.frame_at(depth);
        let fixes = self.plan(frame, self.state);
        self.leave_counting(frame);
        self.pass_along(frame);
        self.fix(fixes);
        self.asm.quick_jmp(self.frames[frame].label);
        self.unreachable();
    }

    /// `return`.
    pub(super) fn ret(&mut self) {
        self.br(self.frames.len() as u32 - 1);
    }

    /// `br_if`.
    pub(super) fn br_if(&mut self, depth: u32) {
        let test = self.pop_test();
        self.branch_if(test, depth);
        self.start_fuel();
    }

    /// Branches if the test holds.
    pub(super) fn branch_if(&mut self, test: M::Condition, depth: u32) {
        let frame = self.frame_at(depth);
        let fixes = self.plan(frame, self.state);
        let label = self.frames[frame].label;
        let counter = self.left_counter(frame);
        if self.are_in_place(frame) && (fixes.is_empty() || counter.is_some()) {
            let label = counter.map_or(label, |counter| self.loop_exit(label, counter, fixes));
            return self.jump_if(test, label);
        }
        let over = self.asm.label();
        self.jump_if(test.negate(), over);
        self.leave_counting(frame);
        self.pass_along(frame);
        self.fix(fixes);
        self.asm.quick_jmp(label);
        self.asm.bind(over);
    }

    /// `br_table`.
    pub(super) fn br_table(&mut self, targets: &BrTable<'_>) -> Result<(), Error> {
        let index = self.pop();
        let mut labels = Vec::with_capacity(targets.len() as usize + 1);
        let mut stubs = Vec::new();
        let mut distinct = Vec::new();
        let index = self.in_own_reg(index);
        for target in targets.targets().chain([Ok(targets.default())]) {
            let frame = self.frame_at(target?);
            if self.frames[frame].table_mark == 0 {
                let fixes = self.plan(frame, self.state);
                let label = if fixes.is_empty() && self.arity(frame) == 0 && self.left_counter(frame).is_none() {
                    self.frames[frame].label
                } else {
                    let stub = self.asm.label();
                    stubs.push((stub, frame, fixes));
                    stub
                };
                distinct.push((frame, label));
                self.frames[frame].table_mark = distinct.len() as u32;
            }
            labels.push(distinct[self.frames[frame].table_mark as usize - 1].1);
        }
        for &(frame, _) in &distinct {
            self.frames[frame].table_mark = 0;
        }
        self.switch(index, labels);
        for (stub, frame, fixes) in stubs {
            self.asm.bind(stub);
            self.leave_counting(frame);
            self.pass_along(frame);
            self.fix(fixes);
            self.asm.quick_jmp(self.frames[frame].label);
        }
        self.unreachable();
        Ok(())
    }

    /// `else`.
    pub(super) fn else_arm(&mut self, reachable: bool) {
        let index = self.frames.len() - 1;
        if reachable {
            let fixes = self.plan(index, self.state);
            self.pass_along(index);
            self.fix(fixes);
            self.asm.quick_jmp(self.frames[index].label);
        }
        self.finish_fuel();
        self.truncate(self.frames[index].height as usize);
        let frame = &mut self.frames[index];
        let Kind::If(otherwise) = frame.kind else { return };
        frame.kind = Kind::Block;
        self.state = restricted(frame.at_if, frame.owned);
        let saved = frame.saved as usize;
        for at in saved..saved + frame.params as usize {
            let Value { ty, place, .. } = self.saved_params[at];
            self.push(ty, place);
        }
        self.saved_params.truncate(saved);
        self.settled = self.stack.len();
        self.spill_from = self.stack.len();
        self.free = self.temps;
        self.asm.bind(otherwise);
        self.skipped = None;
        self.start_fuel();
    }

    /// Forgets the operands from this height on.
    fn truncate(&mut self, height: usize) {
        while self.stack.len() > height {
            let value = self.pop();
            self.discard(value);
        }
    }

    /// `end`.
    pub(super) fn end(&mut self, cx: Context<'_>, reachable: bool) {
        let index = self.frames.len() - 1;
        let frame = self.frames[index];
        if let Kind::If(otherwise) = frame.kind {
            self.end_if(index, otherwise, reachable);
        } else if frame.kind == Kind::Loop || frame.state.is_none() {
            // Nobody branches here.
            if frame.kind == Kind::Function {
                if reachable {
                    self.leave();
                }
            } else if !reachable {
                self.truncate(frame.height as usize);
            }
            self.end_counting(index, reachable);
            self.frames.pop();
            self.skipped = if reachable { None } else { Some(0) };
            if frame.kind == Kind::Function {
                self.finish_fuel();
            }
            return;
        } else if reachable {
            let fixes = self.plan(index, self.state);
            self.pass_along(index);
            self.fix(fixes);
        }
        self.finish_fuel();
        self.asm.bind(frame.label);
        self.truncate(frame.height as usize);
        let frame = self.frames[index];
        self.frames.pop();
        self.state = restricted(frame.state.unwrap_or_default(), frame.owned);
        self.free = self.temps;
        self.push_results(cx, &frame);
        self.skipped = None;
        if frame.kind == Kind::Function {
            self.leave();
        } else {
            self.start_fuel();
        }
    }

    /// The end of an `if` without `else`: the results are the parameters.
    fn end_if(&mut self, index: usize, otherwise: Label, reachable: bool) {
        let frame = self.frames[index];
        let mut from_then = None;
        if reachable {
            let fixes = self.plan(index, self.state);
            self.pass_along(index);
            self.fix(fixes);
            from_then = Some(());
        }
        self.truncate(frame.height as usize);
        let saved = frame.saved as usize;
        for at in saved..saved + frame.params as usize {
            let Value { ty, place, .. } = self.saved_params[at];
            self.push(ty, place);
        }
        self.saved_params.truncate(saved);
        self.state = restricted(frame.at_if, self.frames[index].owned);
        let fixes = self.plan(index, self.state);
        if from_then.is_some() && !(fixes.is_empty() && frame.params == 0) {
            self.asm.quick_jmp(frame.label);
        }
        self.asm.bind(otherwise);
        self.pass_along(index);
        self.fix(fixes);
    }

    /// Pushes what a construct gives where its branches have put it.
    fn push_results(&mut self, cx: Context<'_>, frame: &Frame) {
        match frame.ty {
            ResultTypes::One(Type::None) => {}
            ResultTypes::One(ty) => {
                let reg = result_reg::<M>(ty);
                self.take(reg);
                self.push(ty, Place::Reg(reg));
            }
            ResultTypes::Func(index) => {
                for &ty in cx.info.func_types[index as usize].results() {
                    self.push(Type::from(ty), Place::Home);
                }
            }
        }
    }

    /// Notes that the code that follows cannot be reached.
    pub(super) fn unreachable(&mut self) {
        self.finish_fuel();
        self.skipped = Some(0);
    }

    /// Sets the flags by the topmost operand, an `i32`, so that the test holds if it is not 0.
    pub(super) fn pop_test(&mut self) -> M::Condition {
        let value = self.pop();
        if let Place::Flags(test) = value.place {
            return test;
        }
        let test = match self.operand(value) {
            Operand::Reg(reg) => self.test_zero(reg),
            Operand::Home(home) => self.test_home(home),
            Operand::Imm(_) => {
                let reg = self.in_own_reg(value);
                let test = self.test_zero(reg);
                self.release(reg);
                test
            }
        };
        self.discard(value);
        test
    }

    /// Stops the guest if a test holds.
    pub(super) fn trap_if(&mut self, test: M::Condition, code: u8) {
        let loc = self.loc;
        let known = self.traps.last().filter(|exit| exit.code == code && exit.loc == loc);
        let label = match known {
            Some(exit) => exit.label,
            None => {
                let label = self.asm.label();
                self.traps.push(TrapExit { label, code, loc });
                label
            }
        };
        self.jump_if(test, label);
    }

    /// Stops the guest.
    pub(super) fn trap_here(&mut self, trap: Trap) {
        self.trap(trap.code(), self.loc);
        self.unreachable();
    }
}

/// What a state says of some registers.
fn restricted(state: State, owned: RegSet) -> State {
    State { loaded: state.loaded.intersection(owned), stored: state.stored.intersection(owned) }
}
