//! The assembler: instructions, labels, constants and references to the outside, in one pass over one buffer.
//!
//! # Branches that do not reach
//! `tbz` reaches 32 KiB, conditional branches, `cbz` and loads of constants 1 MiB, others 128 MiB. A branch back that does not reach is turned
//! around and jumps over one that does. A branch forward is emitted as it is and remembered; before the first of those that wait gets out of
//! reach, an **island** is put into the code: for each label that is not bound yet a branch of long reach (a veneer), to which the short ones go,
//! and all constants that wait.
//!
//! The invariant: *the end of the largest island that could be needed now, plus that of the next instruction, lies before the soonest deadline.* It is
//! checked before each instruction, and one call of [`Assembler::emit`] is one unit that no island cuts. An island takes all references that
//! wait, not only those that are due; so each is looked at once, and the work is linear. Deadlines are those of two queues (`tbz`, all others),
//! in the order of emission, so that the soonest is at the head of one.
//!
//! Constants lie with the code, at the end of the function or in an island; one that is used again out of reach of its place gets another.

use std::collections::VecDeque;

use super::encode::encode;
use super::features::Features;
use super::frame::EmitState;
use super::imm::{self, materialize};
use super::inst::Inst;
use super::mem::{AddressKind, Mem, fits_pair};
use super::regs::{ADDRESS_SCRATCH, SP};
use super::row::{Cond, Extend, Flow, Kind, Op, Shift, Size};
use crate::isa::buffer::CodeBuffer;
use crate::isa::reg::{Reg, RegClass};

pub use crate::isa::buffer::{Label, Symbol};

/// A constant that lies with the code.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct ConstId(pub(super) u32);

/// What is to be filled in when the code gets its place: a branch (`b` or `bl`) to the symbol, 26 bits, `(address of symbol - address of the
/// instruction) / 4`; or, from [`Assembler::symbol`], an `adrp` and what adds the lower 12 bits of the address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reloc {
    /// Offset of the instruction.
    pub offset: u32,
    /// Where it goes.
    pub symbol: Symbol,
}

/// How far branches and loads of constants reach forward and back, in bytes. Smaller ones than the hardware's are for tests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ranges {
    /// `tbz` and `tbnz`.
    pub test: u32,
    /// Conditional branches, `cbz`, `cbnz`, loads of constants.
    pub cond: u32,
}

impl Ranges {
    /// So small that islands are everywhere, for tests.
    pub const SMALL: Ranges = Ranges { test: 64, cond: 128 };
}

impl Default for Ranges {
    fn default() -> Ranges {
        Ranges { test: (1 << 15) - 4, cond: (1 << 20) - 4 }
    }
}

const UNBOUND: u32 = u32::MAX;
/// Bytes of the longest unit.
const UNIT_BYTES: u32 = 24;
/// What a unit can add to an island: a constant and its reference.
const UNIT_ISLAND_BYTES: u32 = 20;
/// What an island has besides veneers and constants: a branch over it, alignment.
const ISLAND_BASE_BYTES: u32 = 4 + 12;
const NOP: u32 = 0xd503_201f;
const BRANCH: u32 = 0x1400_0000;

/// The place in the word where a distance goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Field {
    /// 26 bits at bit 0, in words.
    Branch26,
    /// 19 bits at bit 5, in words.
    Branch19,
    /// 14 bits at bit 5, in words.
    Branch14,
    /// 21 bits at bits 29-30 and 5-23, in bytes.
    Adr,
    /// All 32 bits, in bytes, counted from another place.
    Word { from: u32 },
}

/// A reference that waits for a label or for the place of a constant.
#[derive(Clone, Copy, Debug)]
struct Fixup {
    at: u32,
    target: Target,
    field: Field,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Target {
    Label(Label),
    Const(ConstId),
}

#[derive(Clone, Copy, Debug)]
struct Const {
    bits: u128,
    bytes: u32,
    /// The latest place, or [`UNBOUND`].
    place: u32,
    waits: bool,
}

/// Emits one piece of code. Reuse it with [`Assembler::clear`]: it keeps its memory.
#[derive(Clone, Debug, Default)]
pub struct Assembler {
    buffer: CodeBuffer,
    features: Features,
    ranges: Ranges,
    /// Offset of each label, or [`UNBOUND`].
    labels: Vec<u32>,
    /// References of long reach.
    long: Vec<Fixup>,
    /// `tbz` and `tbnz`, in order.
    tests: VecDeque<Fixup>,
    /// Other references of short reach, in order.
    conds: VecDeque<Fixup>,
    consts: Vec<Const>,
    waiting_consts: Vec<ConstId>,
    /// Before this offset an island has to end.
    deadline: Option<u32>,
    /// Bytes of veneers and constants that an island could need.
    island_bytes: u32,
    /// The end of an instruction after which nothing goes on, if no label was bound there.
    dead_end: u32,
    relocs: Vec<Reloc>,
    islands: u32,
    /// Whether accesses to neighbours in the frame become one.
    pairs: bool,
    /// The access to the frame that was emitted last, and where its instruction ends, if no label was bound there.
    last_access: Option<(u32, Inst)>,
}

impl Assembler {
    /// An empty one for CPUs with these features.
    pub fn new(features: Features) -> Assembler {
        Assembler { features, dead_end: UNBOUND, ..Assembler::default() }
    }

    /// An empty one that pretends that branches reach less far, for tests.
    pub fn with_ranges(features: Features, ranges: Ranges) -> Assembler {
        Assembler { ranges, ..Assembler::new(features) }
    }

    /// From now on two accesses to neighbours in the frame, one right behind the other, become one instruction.
    pub fn pair_accesses(&mut self) {
        self.pairs = true;
    }

    /// Forgets code, labels, constants and references.
    pub fn clear(&mut self) {
        self.last_access = None;
        self.buffer.clear();
        self.labels.clear();
        self.long.clear();
        self.tests.clear();
        self.conds.clear();
        self.consts.clear();
        self.waiting_consts.clear();
        self.relocs.clear();
        self.deadline = None;
        self.dead_end = UNBOUND;
        (self.island_bytes, self.islands) = (0, 0);
    }

    /// What the CPU has.
    #[inline]
    pub fn features(&self) -> Features {
        self.features
    }

    /// Bytes emitted so far. The next instruction may come later, behind an island.
    #[inline]
    pub fn offset(&self) -> u32 {
        self.buffer.offset()
    }

    /// The code. Forward references are filled in by [`Assembler::finish`].
    pub fn code(&self) -> &[u8] {
        self.buffer.code()
    }

    /// References to the outside, by ascending offset.
    pub fn relocs(&self) -> &[Reloc] {
        &self.relocs
    }

    /// How many islands there are.
    pub fn islands(&self) -> u32 {
        self.islands
    }

    /// A new label, not bound yet.
    #[inline]
    pub fn label(&mut self) -> Label {
        self.labels.push(UNBOUND);
        Label(self.labels.len() as u32 - 1)
    }

    /// Binds a label to this place.
    #[inline]
    pub fn bind(&mut self, label: Label) {
        let place = &mut self.labels[label.0 as usize];
        debug_assert!(*place == UNBOUND, "{label:?} is bound twice");
        *place = self.buffer.offset();
        self.dead_end = UNBOUND;
        self.last_access = None;
    }

    /// Where a label is, once it is bound.
    pub fn label_offset(&self, label: Label) -> Option<u32> {
        Some(self.labels[label.0 as usize]).filter(|offset| *offset != UNBOUND)
    }

    /// A constant of 4, 8 or 16 bytes for [`Mem::constant`]. The same one again, if it was among the last few.
    pub fn constant_id(&mut self, bits: u128, bytes: u32) -> ConstId {
        debug_assert!(matches!(bytes, 4 | 8 | 16));
        let known = self.consts.iter().rev().take(64).position(|known| known.bits == bits && known.bytes == bytes);
        match known {
            Some(back) => ConstId((self.consts.len() - 1 - back) as u32),
            None => {
                self.consts.push(Const { bits, bytes, place: UNBOUND, waits: false });
                ConstId(self.consts.len() as u32 - 1)
            }
        }
    }

    /// Emits constants that wait and fills in every reference.
    ///
    /// # Panics
    /// A label was never bound, or a reference of long reach does not reach: bugs of the caller.
    pub fn finish(&mut self) {
        self.place_constants();
        for fixup in self.tests.drain(..).chain(self.conds.drain(..)).chain(self.long.drain(..)) {
            let Some(place) = place_of(&self.labels, &self.consts, fixup.target) else {
                panic!("{:?} is used and not bound", fixup.target)
            };
            patch(&mut self.buffer, fixup, place);
        }
        self.deadline = None;
        self.island_bytes = 0;
    }

    /// Emits an instruction whose registers are all physical, in the state that its places in the frame are resolved by. It is one unit: no
    /// island cuts it. What it stands for may be several instructions; an access to memory is the last of them.
    pub fn emit(&mut self, inst: &Inst, state: &mut EmitState<'_>) {
        if inst.op == Op::VIRTUAL_SP_ADJ {
            return state.adjust(inst.imm);
        }
        let mut inst = *inst;
        if let Some(mem) = inst.memory_operand() {
            inst.set_memory(state.resolve(mem));
        }
        self.emit_plain(&inst);
    }

    /// The same for an instruction that names no place in the frame.
    #[inline]
    pub fn emit_plain(&mut self, inst: &Inst) {
        debug_assert_eq!(inst.check(), Ok(()), "{inst:?}");
        debug_assert!(self.features.contains(inst.op.feature()), "the CPU has no {:?}", inst.op);
        self.make_room(UNIT_BYTES);
        let row = inst.op.row();
        if row.is_pseudo() {
            self.emit_pseudo(inst);
        } else if row.has_target() {
            self.emit_branch(inst);
        } else if let Some(mem) = inst.memory_operand() {
            self.emit_memory(inst, mem);
        } else {
            self.word(encode(inst));
        }
        if !matches!(inst.op.flow(), Flow::Next | Flow::Branch | Flow::Call) {
            self.dead_end = self.offset();
        }
    }

    #[inline(always)]
    fn word(&mut self, word: u32) {
        self.buffer.append(|window| {
            window[..4].copy_from_slice(&word.to_le_bytes());
            4
        });
    }

    /// Appends the word of an instruction that goes on to the next one and refers to nothing.
    #[inline(always)]
    pub(super) fn plain_word(&mut self, word: u32) {
        self.make_room(UNIT_BYTES);
        self.word(word);
    }

    /// Appends a branch to a label that is not bound yet, which reaches 1 MiB or 128; `false`: the label is bound.
    #[inline]
    pub(super) fn branch_forward(&mut self, word: u32, label: Label, is_short: bool) -> bool {
        if self.labels[label.0 as usize] != UNBOUND {
            return false;
        }
        self.make_room(UNIT_BYTES);
        let fixup = Fixup { at: self.offset(), target: Target::Label(label), field: Field::Branch26 };
        self.word(word);
        if is_short {
            self.conds.push_back(Fixup { field: Field::Branch19, ..fixup });
            self.island_bytes += 4;
            self.due(fixup.at + self.ranges.cond);
        } else {
            self.long.push(fixup);
            self.dead_end = self.offset();
        }
        true
    }

    /// The word at an offset.
    pub(super) fn word_at(&self, at: u32) -> u32 {
        self.buffer.read_i32(at) as u32
    }

    /// Replaces the word at an offset.
    pub(super) fn set_word(&mut self, at: u32, word: u32) {
        self.buffer.write_i32(at, word as i32);
    }

    fn emit_pseudo(&mut self, inst: &Inst) {
        let dst = inst.slots[0];
        match inst.op {
            Op::MOV_I64 => self.steps(dst, inst.immediate64()),
            Op::LEA => {
                let mem = inst.memory_operand().expect("it has an address");
                match mem.kind() {
                    AddressKind::Label => {
                        let label = Label(mem.disp as u32);
                        self.reference(encode(&Inst::r(Op::ADR, [dst])), Target::Label(label), Field::Adr);
                    }
                    AddressKind::Indexed => {
                        let sum = Inst::r(Op::ADD_X.s64(), [dst, mem.base, mem.index]);
                        self.word(encode(&sum.extend(mem.bits.extend(), 0)));
                    }
                    _ => self.sum(dst, mem.base, mem.disp),
                }
            }
            _ => unreachable!("{:?} needs a state to be emitted in", inst.op),
        }
    }

    /// A constant, in as few instructions as can be.
    fn steps(&mut self, dst: Reg, value: u64) {
        for step in materialize(value).as_slice() {
            let inst = match step.op {
                op if op == Op::MOVK.s64() => Inst::r(op, [dst, dst]),
                op => Inst::r(op, [dst]),
            };
            self.word(encode(&inst.imm(step.imm)));
        }
    }

    /// The sum of a register and a constant.
    fn sum(&mut self, dst: Reg, base: Reg, value: i32) {
        let (op, magnitude) =
            if value < 0 { (Op::SUB_I.s64(), value.unsigned_abs()) } else { (Op::ADD_I.s64(), value as u32) };
        let (high, low) = (magnitude & !0xfff, magnitude & 0xfff);
        if magnitude == 0 {
            let copy = if base == SP || dst == SP { Op::MOV_SP } else { Op::MOV.s64() };
            self.word(encode(&Inst::r(copy, [dst, base])));
        } else if imm::is_imm12(magnitude.into()) {
            self.word(encode(&Inst::r(op, [dst, base]).imm(magnitude as i32)));
        } else if imm::is_imm12(high.into()) {
            self.word(encode(&Inst::r(op, [dst, base]).imm(high as i32)));
            self.word(encode(&Inst::r(op, [dst, dst]).imm(low as i32)));
        } else {
            self.steps(ADDRESS_SCRATCH, i64::from(value) as u64);
            // In the other form of addition 31 would be the zero register.
            self.word(encode(&Inst::r(Op::ADD_X.s64(), [dst, base, ADDRESS_SCRATCH]).extend(Extend::Uxtx, 0)));
        }
    }

    fn emit_memory(&mut self, inst: &Inst, mem: Mem) {
        let (operand, _) = inst.op.row().mem_operand().expect("it has a memory operand");
        let bytes = inst.access_bytes(operand);
        let offset = i64::from(mem.disp);
        match (mem.kind(), operand.kind) {
            (AddressKind::Const, _) => self.constant_load(inst, ConstId(mem.disp as u32)),
            (AddressKind::Label, _) => {
                self.reference(encode(inst), Target::Label(Label(mem.disp as u32)), Field::Branch19);
            }
            (AddressKind::Offset, Kind::Mem) if !Mem::fits(offset, bytes) => {
                let mut inst = *inst;
                let (high, low) = (mem.disp & !0xfff, mem.disp & 0xfff);
                // The lower bits go into the access, if they can.
                if imm::is_imm12(high as u64) && Mem::fits(low.into(), bytes) {
                    self.word(encode(&Inst::r(Op::ADD_I.s64(), [ADDRESS_SCRATCH, mem.base]).imm(high)));
                    inst.set_memory(Mem::base(ADDRESS_SCRATCH, low));
                } else {
                    self.steps(ADDRESS_SCRATCH, offset as u64);
                    inst.set_memory(Mem::indexed(mem.base, ADDRESS_SCRATCH, Extend::Uxtx, false));
                }
                self.word(encode(&inst));
            }
            (AddressKind::Offset, Kind::MemPair) if !fits_pair(offset, bytes) => {
                let mut inst = *inst;
                self.sum(ADDRESS_SCRATCH, mem.base, mem.disp);
                inst.set_memory(Mem::base(ADDRESS_SCRATCH, 0));
                self.word(encode(&inst));
            }
            (AddressKind::Offset, Kind::Mem) if self.pairs && mem.base == SP => self.frame_access(inst, mem, bytes),
            _ => self.word(encode(inst)),
        }
    }

    /// An access to the frame, together with the one before, if that is to the place beside it. Neither faults.
    fn frame_access(&mut self, inst: &Inst, mem: Mem, bytes: u32) {
        let here = self.offset();
        let (op, is_load) = match inst.op {
            Op::LDR_X => (Op::LDP_X, true),
            Op::STR_X => (Op::STP_X, false),
            Op::LDR_D => (Op::LDP_D, true),
            Op::STR_D => (Op::STP_D, false),
            Op::LDR_Q => (Op::LDP_Q, true),
            Op::STR_Q => (Op::STP_Q, false),
            _ => return self.word(encode(inst)),
        };
        if let Some((end, before)) = self.last_access.take()
            && (end, before.op) == (here, inst.op)
            && let Some(place) = before.memory_operand()
            && place.disp.abs_diff(mem.disp) == bytes
            && fits_pair(place.disp.min(mem.disp).into(), bytes)
            && !(is_load && before.slots[0] == inst.slots[0])
        {
            let (first, second) = if place.disp < mem.disp { (&before, inst) } else { (inst, &before) };
            let pair = Inst::m(op, [first.slots[0], second.slots[0]], Mem::base(SP, place.disp.min(mem.disp)));
            return self.buffer.write_i32(here - 4, encode(&pair) as i32);
        }
        self.word(encode(inst));
        self.last_access = Some((self.offset(), *inst));
    }

    /// Emits a word with a distance that is known or will be.
    fn reference(&mut self, word: u32, target: Target, field: Field) {
        let at = self.offset();
        let fixup = Fixup { at, target, field };
        self.word(word);
        match (place_of(&self.labels, &self.consts, target), field) {
            (Some(place), _) => patch(&mut self.buffer, fixup, place),
            (None, Field::Branch14) => {
                self.tests.push_back(fixup);
                self.island_bytes += 4;
                self.due(at + self.ranges.test);
            }
            (None, Field::Branch19) => {
                self.conds.push_back(fixup);
                self.island_bytes += 4;
                self.due(at + self.ranges.cond);
            }
            (None, _) => self.long.push(fixup),
        }
    }

    fn due(&mut self, at: u32) {
        self.deadline = Some(self.deadline.map_or(at, |deadline| deadline.min(at)));
    }

    fn emit_branch(&mut self, inst: &Inst) {
        let word = encode(inst);
        let Some(label) = inst.target_label() else {
            self.relocs.push(Reloc { offset: self.offset(), symbol: Symbol(inst.disp as u32) });
            return self.word(word);
        };
        let (field, range) = match inst.op {
            Op::B | Op::BL => return self.reference(word, Target::Label(label), Field::Branch26),
            Op::TBZ | Op::TBNZ => (Field::Branch14, self.ranges.test),
            _ => (Field::Branch19, self.ranges.cond),
        };
        match self.label_offset(label) {
            Some(place) if self.offset() - place > range => {
                // The opposite condition jumps over a branch that reaches.
                let opposite = word ^ if inst.op == Op::BCC { 1 } else { 1 << 24 };
                self.word(opposite | 2 << 5);
                self.reference(BRANCH, Target::Label(label), Field::Branch26);
            }
            _ => self.reference(word, Target::Label(label), field),
        }
    }

    fn constant_load(&mut self, inst: &Inst, id: ConstId) {
        let (at, range) = (self.offset(), self.ranges.cond);
        let known = &mut self.consts[id.0 as usize];
        if known.place != UNBOUND && at - known.place > range {
            known.place = UNBOUND;
        }
        if known.place == UNBOUND && !known.waits {
            known.waits = true;
            // With what aligning it may take.
            self.island_bytes += known.bytes;
            self.waiting_consts.push(id);
        }
        self.reference(encode(inst), Target::Const(id), Field::Branch19);
    }

    /// Makes sure that so many bytes can follow without an island.
    #[inline]
    fn make_room(&mut self, bytes: u32) {
        if let Some(deadline) = self.deadline
            && self.island_end(bytes) > deadline
        {
            self.before_deadline(bytes);
        }
    }

    /// Where an island behind so many bytes would end at most.
    fn island_end(&self, bytes: u32) -> u32 {
        self.offset() + bytes + UNIT_ISLAND_BYTES + ISLAND_BASE_BYTES + self.island_bytes
    }

    /// Fills in what can be, and makes an island if that does not help.
    #[cold]
    fn before_deadline(&mut self, bytes: u32) {
        for queue in [&mut self.tests, &mut self.conds] {
            while let Some(fixup) = queue.front()
                && let Some(place) = place_of(&self.labels, &self.consts, fixup.target)
            {
                patch(&mut self.buffer, *fixup, place);
                self.island_bytes -= 4;
                queue.pop_front();
            }
        }
        let test = self.tests.front().map(|fixup| fixup.at + self.ranges.test);
        let cond = self.conds.front().map(|fixup| fixup.at + self.ranges.cond);
        self.deadline = match (test, cond) {
            (Some(test), Some(cond)) => Some(test.min(cond)),
            (test, cond) => test.or(cond),
        };
        if self.deadline.is_some_and(|deadline| self.island_end(bytes) > deadline) {
            self.island();
        }
    }

    /// Puts an island here.
    fn island(&mut self) {
        self.islands += 1;
        let start = self.offset();
        let over = (self.dead_end != start).then_some(start);
        if over.is_some() {
            self.word(BRANCH);
        }
        self.place_constants();
        for mut fixup in self.tests.drain(..).chain(self.conds.drain(..)) {
            let place = place_of(&self.labels, &self.consts, fixup.target).unwrap_or_else(|| {
                // A constant has its place now: this is a branch.
                let veneer = self.buffer.offset();
                self.buffer.extend(&BRANCH.to_le_bytes());
                self.long.push(Fixup { at: veneer, target: fixup.target, field: Field::Branch26 });
                veneer
            });
            fixup.field = if fixup.field == Field::Branch14 { Field::Branch14 } else { Field::Branch19 };
            patch(&mut self.buffer, fixup, place);
        }
        let end = self.offset();
        match over {
            Some(at) => {
                patch(&mut self.buffer, Fixup { at, target: Target::Const(ConstId(0)), field: Field::Branch26 }, end)
            }
            None => self.dead_end = end,
        }
        self.deadline = None;
        self.island_bytes = 0;
    }

    /// Emits the constants that wait, the widest first, so that all are aligned.
    fn place_constants(&mut self) {
        let mut waiting = std::mem::take(&mut self.waiting_consts);
        waiting.sort_by_key(|id| std::cmp::Reverse(self.consts[id.0 as usize].bytes));
        if let Some(widest) = waiting.first() {
            self.align_with(self.consts[widest.0 as usize].bytes, 0);
        }
        for id in waiting.drain(..) {
            let place = self.offset();
            let waits = &mut self.consts[id.0 as usize];
            (waits.place, waits.waits) = (place, false);
            let (bits, bytes) = (waits.bits.to_le_bytes(), waits.bytes as usize);
            self.buffer.extend(&bits[..bytes]);
        }
        self.waiting_consts = waiting;
    }

    fn align_with(&mut self, align: u32, word: u32) {
        while !self.offset().is_multiple_of(align) {
            self.word(word);
        }
    }

    /// Fills up to a multiple of `align`, a power of two and at least 4, with `nop`s.
    pub fn align(&mut self, align: u32) {
        debug_assert!(align.is_power_of_two() && align >= 4);
        self.make_room(align);
        self.align_with(align, NOP);
    }

    /// The same where at most `most` bytes have to be filled.
    pub fn align_unless(&mut self, align: u32, most: u32) {
        self.make_room(align);
        if self.offset().next_multiple_of(align) - self.offset() <= most {
            self.align_with(align, NOP);
        }
    }

    /// Appends words as they are: data that nothing runs into.
    pub fn words(&mut self, words: &[u32]) {
        self.make_room(4 * words.len() as u32);
        for word in words {
            self.word(*word);
        }
        self.dead_end = self.offset();
    }

    /// Binds a label here and appends a table of distances from it to other labels, four bytes each. Nothing runs into it.
    pub fn jump_table(&mut self, table: Label, labels: impl ExactSizeIterator<Item = Label>) {
        self.make_room(4 * labels.len() as u32);
        self.bind(table);
        let from = self.offset();
        for label in labels {
            let fixup = Fixup { at: self.offset(), target: Target::Label(label), field: Field::Word { from } };
            self.word(0);
            self.long.push(fixup);
        }
        self.dead_end = self.offset();
    }

    // What stubs and the emitter write directly. None of it names a place in the frame.

    /// An instruction without operands.
    #[inline]
    pub fn op(&mut self, op: Op) {
        self.emit_plain(&Inst::r(op, []));
    }

    /// One register: `br x16`.
    #[inline]
    pub fn r(&mut self, op: Op, reg: Reg) {
        self.emit_plain(&Inst::r(op, [reg]));
    }

    /// Two registers, destination first.
    #[inline]
    pub fn rr(&mut self, op: Op, dst: Reg, src: Reg) {
        self.emit_plain(&Inst::r(op, [dst, src]));
    }

    /// Three registers, destination first.
    #[inline]
    pub fn rrr(&mut self, op: Op, dst: Reg, first: Reg, second: Reg) {
        self.emit_plain(&Inst::r(op, [dst, first, second]));
    }

    /// A register and an immediate.
    #[inline]
    pub fn ri(&mut self, op: Op, reg: Reg, imm: i32) {
        self.emit_plain(&Inst::r(op, [reg]).imm(imm));
    }

    /// Two registers and an immediate.
    #[inline]
    pub fn rri(&mut self, op: Op, dst: Reg, src: Reg, imm: i32) {
        self.emit_plain(&Inst::r(op, [dst, src]).imm(imm));
    }

    /// A load or store of a register.
    #[inline]
    pub fn rm(&mut self, op: Op, reg: Reg, mem: Mem) {
        self.emit_plain(&Inst::m(op, [reg], mem));
    }

    /// A load or store of a pair.
    #[inline]
    pub fn rrm(&mut self, op: Op, first: Reg, second: Reg, mem: Mem) {
        self.emit_plain(&Inst::m(op, [first, second], mem));
    }

    /// Copies a whole register to one of the same class.
    #[inline]
    pub fn copy(&mut self, dst: Reg, src: Reg) {
        match dst.class() {
            RegClass::Int if dst == SP || src == SP => self.rr(Op::MOV_SP, dst, src),
            RegClass::Int => self.rr(Op::MOV.s64(), dst, src),
            RegClass::Vector => self.rr(Op::VMOV, dst, src),
        }
    }

    /// Puts a constant into a general register.
    pub fn constant(&mut self, dst: Reg, value: u64) {
        self.emit_plain(&Inst::r(Op::MOV_I64, [dst]).imm64(value));
    }

    /// Adds a constant to a register, which may be the stack pointer; nothing, where that is the same.
    pub fn add(&mut self, dst: Reg, src: Reg, value: i32) {
        if dst == src && value == 0 {
            return;
        }
        self.make_room(UNIT_BYTES);
        self.sum(dst, src, value);
    }

    /// Moves the stack pointer down by a multiple of 16 bytes, or up if they are negative, and says so to the state.
    pub fn move_sp(&mut self, bytes: i32, state: &mut EmitState<'_>) {
        if bytes != 0 {
            self.add(SP, SP, -bytes);
            state.adjust(bytes);
        }
    }

    /// Compares two registers.
    pub fn compare(&mut self, size: Size, first: Reg, second: Reg) {
        self.emit_plain(&Inst::r(Op::CMP_S.size(size), [first, second]).shift(Shift::Lsl, 0));
    }

    /// Goes to a label.
    #[inline]
    pub fn jmp(&mut self, label: Label) {
        self.emit_plain(&Inst::to_label(Op::B, [], label));
    }

    /// Goes to a label on a condition.
    #[inline]
    pub fn jcc(&mut self, cond: Cond, label: Label) {
        self.emit_plain(&Inst::to_label(Op::BCC, [], label).cond(cond));
    }

    /// Calls a label.
    #[inline]
    pub fn call(&mut self, label: Label) {
        self.emit_plain(&Inst::to_label(Op::BL, [], label));
    }

    /// Puts the address of a symbol into a register; loads from it with `load`. Two instructions, which [`Reloc`]s of this kind are for.
    pub fn symbol(&mut self, dst: Reg, symbol: Symbol, load: bool) {
        self.make_room(UNIT_BYTES);
        self.relocs.push(Reloc { offset: self.offset(), symbol });
        self.word(encode(&Inst::r(Op::ADRP, [dst])));
        let second = match load {
            true => Inst::m(Op::LDR_X, [dst], Mem::base(dst, 0)),
            false => Inst::r(Op::ADD_I.s64(), [dst, dst]),
        };
        self.word(encode(&second));
    }

    /// Calls a symbol.
    #[inline]
    pub fn call_symbol(&mut self, symbol: Symbol) {
        self.emit_plain(&Inst::to_symbol(Op::BL, symbol));
    }
}

/// Where a target is, if it is known.
fn place_of(labels: &[u32], consts: &[Const], target: Target) -> Option<u32> {
    let place = match target {
        Target::Label(label) => labels[label.0 as usize],
        Target::Const(id) => consts[id.0 as usize].place,
    };
    (place != UNBOUND).then_some(place)
}

/// Fills in a distance.
fn patch(buffer: &mut CodeBuffer, fixup: Fixup, place: u32) {
    let word = buffer.read_i32(fixup.at) as u32;
    let distance = i64::from(place) - i64::from(fixup.at);
    let bits = |width: u32, value: i64| {
        assert!(value >> (width - 1) == 0 || value >> (width - 1) == -1, "{fixup:?} is out of reach of {place}");
        value as u32 & ((1 << width) - 1)
    };
    let word = match fixup.field {
        Field::Branch26 => word | bits(26, distance / 4),
        Field::Branch19 => word | bits(19, distance / 4) << 5,
        Field::Branch14 => word | bits(14, distance / 4) << 5,
        Field::Adr => {
            let distance = bits(21, distance);
            word | (distance & 3) << 29 | distance >> 2 << 5
        }
        Field::Word { from } => place.wrapping_sub(from),
    };
    buffer.write_i32(fixup.at, word as i32);
}
