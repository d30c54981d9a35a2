//! Tests of the reference on top of the operands: traps and branches. The reference stays where it is, so that a test moves nothing.

use super::code::fields;
use super::stack::{Entry, Kind};
use super::{Place, Translator};
use crate::interp::dispatch::{Handler, handler};
use crate::interp::operand::{A, S};
use crate::interp::ops::reference as refs;

/// A test of a reference: its instructions, the operand in a slot or in the accumulator.
pub struct Test {
    /// Branches if the test holds.
    pub if_so: [Handler; 2],
    /// Branches if it does not.
    pub if_not: [Handler; 2],
    /// What a cast asks for.
    pub word: Option<u64>,
}

/// Whether a reference is null.
fn is_null() -> Test {
    Test {
        if_so: [handler::<refs::BrNull<S>>(), handler::<refs::BrNull<A>>()],
        if_not: [handler::<refs::BrNonNull<S>>(), handler::<refs::BrNonNull<A>>()],
        word: None,
    }
}

impl Test {
    /// The opposite test.
    pub fn not(self) -> Test {
        Test { if_so: self.if_not, if_not: self.if_so, word: self.word }
    }
}

impl Translator {
    /// The reference on top of the stack, and where a test reads it; it is not taken.
    fn tested(&mut self) -> (Entry, Place) {
        let index = self.stack.len() - 1;
        if matches!(self.stack.get(index).kind, Kind::Const(_)) {
            self.settle(index);
        }
        let entry = self.stack.get(index);
        let place = if self.is_in_acc(&entry) { Place::Acc } else { Place::Slot(self.place_slot(&entry)) };
        (entry, place)
    }

    /// `ref.as_non_null`.
    pub(super) fn non_null(&mut self) {
        self.check_top([handler::<refs::NonNull<S>>(), handler::<refs::NonNull<A>>()], None);
    }

    /// An instruction that traps or not.
    pub(super) fn check_top(&mut self, handlers: [Handler; 2], word: Option<u64>) {
        let (_, place) = self.tested();
        self.origin();
        let (handler, slot) = match place {
            Place::Slot(slot) => (handlers[0], slot),
            Place::Acc => (handlers[1], 0),
        };
        self.code.op(handler);
        self.code.word(fields(0, slot, 0, 0));
        if let Some(word) = word {
            self.code.word(word);
        }
    }

    /// `br_on_cast` and `br_on_cast_fail`: both the label and what follows get the reference.
    pub(super) fn br_on(&mut self, test: Test, depth: u32) {
        let (_, place) = self.tested();
        self.branch_on(test, place, depth);
    }

    /// `br_on_null`: the label does not get the reference.
    pub(super) fn br_on_null(&mut self, depth: u32) {
        let (entry, place) = self.tested();
        self.stack.pop();
        self.branch_on(is_null(), place, depth);
        self.stack.push(entry.kind, entry.class);
    }

    /// `br_on_non_null`: only the label gets the reference.
    pub(super) fn br_on_non_null(&mut self, depth: u32) {
        let (_, place) = self.tested();
        self.branch_on(is_null().not(), place, depth);
        self.stack.pop();
    }

    /// A branch to the label if the test holds for the reference at `place`.
    fn branch_on(&mut self, test: Test, place: Place, depth: u32) {
        let direct = !self.is_function(depth) && !self.has_moves(depth);
        let handlers = if direct { test.if_so } else { test.if_not };
        let (handler, slot) = match place {
            Place::Slot(slot) => (handlers[0], slot),
            Place::Acc => (handlers[1], 0),
        };
        let at = self.code.op(handler);
        self.code.word(fields(0, slot, 0, 0));
        let fixup = self.code.distance(at);
        if let Some(word) = test.word {
            self.code.word(word);
        }
        self.last_result = None;
        self.last_binary = None;
        self.keep_slots();
        if direct {
            self.lead_to(fixup, depth);
        } else {
            self.branch_behind(fixup, depth);
        }
        self.start_fuel();
    }
}
