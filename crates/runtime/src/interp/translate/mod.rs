//! wasm -> interpreter code, one pass over a body that has been validated.
//!
//! Operands are followed symbolically ([`stack`]), so that `local.get` and constants cost nothing: they become operands of the instruction
//! that uses them. A result goes to its home and to the accumulator of its class; the translator remembers which slot each accumulator
//! mirrors. When the only reader of a temporary takes it from there, its producer's handler is replaced by one that does not store. A
//! comparison that is followed by a branch, and an addition that is followed by a load, are taken back and become one instruction.
//!
//! [`code`] is the output, [`control`] blocks and branches, [`gc`] the collected heap, [`reference`] what tests references, [`ops`] everything else.

pub mod code;
mod control;
mod gc;
mod ops;
mod reference;
mod stack;

use self::code::{Code, CodeBuilder, fields, fields_imm};
use self::control::Frame;
use self::stack::{Entry, Kind, Stack};
use super::dispatch::{Handler, handler};
use super::operand::I;
use super::ops::Class;
use super::ops::control::{self as handlers, Copy, Enter0, EnterN, HEADER_SLOTS, STACK_MARGIN_SLOTS};
use super::ops::scalar::{Binary, Pattern};
use crate::gc::TypeLayout;
use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use tiercel_abi::VmctxLayout;
use tiercel_wasm::numeric::V128;
use tiercel_wasm::{Error, FuncType, HeapType, ModuleInfo, ValType};
use wasmparser::{BinaryReader, FunctionBody};

/// What the translator needs to know of a module.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Its declarations.
    pub info: &'a ModuleInfo,
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Its vmctx.
    pub layout: &'a VmctxLayout,
    /// What the objects of its types look like, in the order of the type section.
    pub type_layouts: &'a [Arc<TypeLayout>],
    /// Whether every value goes through its slot and no instruction absorbs another: the judge of the rest.
    pub plain: bool,
    /// Whether code counts fuel.
    pub fuel: bool,
    /// Whether code looks at the epoch.
    pub epochs: bool,
}

/// The class of values of a type.
pub fn class_of(ty: ValType) -> Class {
    match ty {
        ValType::I32 => Class::I32,
        ValType::I64 => Class::I64,
        ValType::Ref(ty) => reference_class(ty.heap),
        ValType::F32 => Class::F32,
        ValType::F64 => Class::F64,
        ValType::V128 => Class::V128,
    }
}

/// Which accumulator a class has.
fn accumulator(class: Class) -> Option<usize> {
    match class {
        Class::I32 | Class::I64 | Class::Ref => Some(0),
        Class::F32 => Some(1),
        Class::F64 => Some(2),
        Class::V128 => None,
    }
}

/// The last instruction that wrote an accumulator, as long as its slot may turn out not to be needed.
#[derive(Clone, Copy)]
struct Producer {
    at: usize,
    dst: u32,
    /// The handler that leaves the slot alone.
    without_slot: Handler,
}

/// What the accumulators hold.
#[derive(Clone, Copy, Default)]
struct Accumulators {
    /// The slot that each one mirrors.
    mirrors: [Option<u32>; 3],
    producers: [Option<Producer>; 3],
}

/// The last instruction with a result, if nothing follows it.
#[derive(Clone, Copy)]
struct LastResult {
    at: usize,
    end: usize,
    dst: u32,
}

/// A binary operation at the end of the code, which the next instruction may absorb.
#[derive(Clone, Copy)]
struct LastBinary {
    at: usize,
    /// The end of the operation itself.
    words_end: usize,
    /// The end of the code; behind `words_end` an `i32.eqz` of the result may stand.
    end: usize,
    table: &'static Binary,
    pattern: Pattern,
    dst: u32,
    /// Whether `i32.eqz` has turned the result around.
    inverted: bool,
    /// The accumulators before it.
    before: Accumulators,
}

/// Where an operand is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Slot(u16),
    Acc,
}

/// Everything that is reused from function to function.
#[derive(Default)]
pub struct Translator {
    code: CodeBuilder,
    stack: Stack,
    frames: Vec<Frame>,
    accumulators: Accumulators,
    last_result: Option<LastResult>,
    last_binary: Option<LastBinary>,
    /// Blocks opened since code became unreachable; `None` while it is reachable.
    skipped: Option<u32>,
    /// Slots of the parameters: where the frame's header is.
    header: u32,
    /// The place of the current operator in the module.
    offset: u32,
    /// The word of the current segment's `Fuel`, and what it has to take.
    fuel: Option<(usize, u32)>,
    plain: bool,
    counts_fuel: bool,
    epochs: bool,
    too_large: bool,
    too_many_maps: bool,
}

/// The highest slot that an operand word can name.
const MAX_SLOT: u32 = u16::MAX as u32;

impl Translator {
    /// Translates the function with this body index.
    pub fn translate(&mut self, cx: Context<'_>, body: usize) -> Result<Code, Error> {
        let func = body as u32 + cx.info.imported.funcs;
        let range = cx.info.bodies[body].clone();
        let bytes = &cx.bytes[range.start as usize..range.end as usize];
        let body = FunctionBody::new(BinaryReader::new(bytes, range.start as u64));
        self.start(cx.info, cx.info.func_type(func), &body)?;
        let mut reader = body.get_operators_reader()?;
        (self.plain, self.counts_fuel, self.epochs) = (cx.plain, cx.fuel, cx.epochs);
        self.offset = reader.original_position() as u32;
        self.enter();
        while !reader.eof() {
            let (op, offset) = reader.read_with_offset()?;
            self.offset = offset as u32;
            if self.skipped.is_some() {
                self.skip(&op);
            } else {
                self.operator(cx, &op)?;
            }
        }
        self.finish_fuel();
        let slots = self.stack.max_home() + STACK_MARGIN_SLOTS as u32;
        if self.too_many_maps {
            return Err(Error::limit(format!(
                "function {func} holds more references across calls and allocations than the interpreter can note"
            )));
        }
        if self.too_large || slots > MAX_SLOT {
            return Err(Error::limit(format!(
                "function {func} needs {slots} stack slots, which is more than the interpreter's limit of {MAX_SLOT}"
            )));
        }
        self.patch_enter(slots);
        Ok(self.code.finish(self.stack.traced_locals().collect()))
    }

    /// Lays out parameters, header and locals.
    fn start(&mut self, info: &ModuleInfo, ty: &FuncType, body: &FunctionBody<'_>) -> Result<(), Error> {
        self.code.clear();
        self.stack.clear();
        self.frames.clear();
        self.reset_results();
        self.skipped = None;
        self.fuel = None;
        self.too_large = false;
        self.too_many_maps = false;
        let mut slot = 0;
        for &ty in ty.params() {
            self.stack.declare(class_of(ty), slot);
            slot += ty.slots() as u32;
        }
        self.header = slot;
        slot += HEADER_SLOTS as u32;
        for group in body.get_locals_reader()? {
            let (count, ty) = group?;
            let class = local_class(info, ty)?;
            for _ in 0..count {
                self.stack.declare(class, slot);
                slot += stack::slots(class);
            }
        }
        self.stack.set_base(slot);
        self.frames.push(Frame::function(ty.clone(), slot));
        Ok(())
    }

    /// The function's first instruction; its operands are known at the end.
    fn enter(&mut self) {
        self.origin();
        self.code.op(handler::<Enter0>());
        self.code.word(0);
        self.poll();
    }

    fn patch_enter(&mut self, slots: u32) {
        let first = self.header + HEADER_SLOTS as u32;
        let count = self.frames.first().map_or(0, |frame| frame.base) - first;
        if count > 0 {
            self.code.set_handler(0, handler::<EnterN>());
        }
        self.code.set_word(1, fields_imm(first as u16, count as u16, slots));
    }

    /// A slot as an operand. A frame that is too large is reported at the end.
    fn slot(&mut self, slot: u32) -> u16 {
        self.too_large |= slot > MAX_SLOT;
        slot as u16
    }

    // Accumulators and results.

    /// Forgets what the last instructions left: code that follows may be reached from elsewhere.
    fn reset_results(&mut self) {
        self.accumulators = Accumulators::default();
        self.last_result = None;
        self.last_binary = None;
    }

    /// Notes that a slot is overwritten by an instruction that leaves no copy in an accumulator.
    fn overwrite(&mut self, slot: u32, class: Class) {
        for written in slot..slot + stack::slots(class) {
            for index in 0..3 {
                if self.accumulators.mirrors[index] == Some(written) {
                    self.accumulators.mirrors[index] = None;
                }
                if self.accumulators.producers[index].is_some_and(|producer| producer.dst == written) {
                    self.accumulators.producers[index] = None;
                }
            }
        }
    }

    /// Notes that the instruction that starts at `at` has written `slot` and its class's accumulator.
    fn wrote(&mut self, at: usize, slot: u32, class: Class, without_slot: Option<Handler>) {
        self.overwrite(slot, class);
        self.last_binary = None;
        if self.plain {
            return;
        }
        if let Some(index) = accumulator(class) {
            self.accumulators.mirrors[index] = Some(slot);
            self.accumulators.producers[index] =
                without_slot.map(|without_slot| Producer { at, dst: slot, without_slot });
        }
        self.last_result = Some(LastResult { at, end: self.code.len(), dst: slot });
    }

    /// Notes that the value of an entry that stays on the stack is read: its slot has to be written.
    fn keep_slots(&mut self) {
        self.accumulators.producers = [None; 3];
    }

    /// The slot that holds an entry's value, unless it is a constant.
    fn slot_of(&self, entry: &Entry) -> u32 {
        match entry.kind {
            Kind::Local(local) => self.stack.local(local).slot,
            _ => entry.home,
        }
    }

    /// Whether an entry's value is in the accumulator of its class.
    fn is_in_acc(&self, entry: &Entry) -> bool {
        if matches!(entry.kind, Kind::Const(_)) {
            return false;
        }
        accumulator(entry.class).is_some_and(|index| self.accumulators.mirrors[index] == Some(self.slot_of(entry)))
    }

    /// Notes that a popped entry has been read from the accumulator: if it was a temporary, nobody reads its slot.
    fn took_acc(&mut self, entry: &Entry) {
        let Some(index) = accumulator(entry.class) else { return };
        if entry.kind != Kind::Temp {
            return;
        }
        if let Some(producer) = self.accumulators.producers[index].take_if(|producer| producer.dst == entry.home) {
            self.code.set_handler(producer.at, producer.without_slot);
            // The slot no longer holds the value: nothing may take it for a mirror's origin again, and no later instruction may
            // redirect the result.
            self.last_result = None;
        }
    }

    /// The binary operation at the code's end, if a popped entry is its result.
    fn last_binary_of(&mut self, entry: &Entry) -> Option<LastBinary> {
        let last = self.last_binary.take()?;
        (entry.kind == Kind::Temp && entry.home == last.dst && last.end == self.code.len()).then_some(last)
    }

    /// Takes back the operation at the code's end; the result is its operand words.
    fn take_back(&mut self, last: &LastBinary) -> Vec<u64> {
        let words = (last.at + 1..last.words_end).map(|at| self.code.get(at)).collect();
        self.code.truncate(last.at);
        self.accumulators = last.before;
        self.last_result = None;
        words
    }

    /// Where a popped entry's value is, the accumulator preferred.
    fn place(&mut self, entry: &Entry) -> Place {
        if self.is_in_acc(entry) {
            self.took_acc(entry);
            return Place::Acc;
        }
        Place::Slot(self.place_slot(entry))
    }

    /// The slot of a popped entry's value; a constant is put into its home first.
    fn place_slot(&mut self, entry: &Entry) -> u16 {
        if let Kind::Const(bits) = entry.kind {
            self.emit_const(entry.home, entry.class, bits);
        }
        let slot = self.slot_of(entry);
        self.slot(slot)
    }

    // Moves.

    /// Emits `slot = constant`.
    fn emit_const(&mut self, slot: u32, class: Class, bits: u64) {
        let dst = self.slot(slot);
        let at;
        match class {
            Class::I64 if bits as i64 != bits as i32 as i64 => {
                at = self.code.op(handler::<handlers::Const64>());
                self.code.word(fields(dst, 0, 0, 0));
                self.code.word(bits);
            }
            Class::F64 => {
                at = self.code.op(handlers::copy_imm(class));
                self.code.word(fields(dst, 0, 0, 0));
                self.code.word(bits);
            }
            _ => {
                at = self.code.op(handlers::copy_imm(class));
                self.code.word(fields_imm(dst, 0, bits as u32));
            }
        }
        self.wrote(at, slot, class, None);
    }

    /// Emits `dst = src`; the value may be taken from an accumulator.
    fn emit_copy(&mut self, dst: u32, src: u32, class: Class) {
        if dst == src {
            return;
        }
        let in_acc = accumulator(class).is_some_and(|index| self.accumulators.mirrors[index] == Some(src));
        let place = if in_acc { Place::Acc } else { Place::Slot(self.slot(src)) };
        self.emit_copy_from(dst, place, class);
    }

    /// Emits `dst = place`.
    fn emit_copy_from(&mut self, dst: u32, place: Place, class: Class) {
        let to = self.slot(dst);
        let (handler, from) = match place {
            Place::Acc => (handlers::copy_acc(class), 0),
            Place::Slot(slot) => (handlers::copy_slot(class), slot),
        };
        let at = self.code.op(handler);
        self.code.word(fields(to, from, 0, 0));
        self.wrote(at, dst, class, None);
    }

    /// Emits `slot = v128 constant`.
    fn emit_vector_const(&mut self, slot: u32, bytes: [u8; 16]) {
        let dst = self.slot(slot);
        let at = self.code.op(handler::<Copy<V128, I>>());
        self.code.word(fields(dst, 0, 0, 0));
        let (low, high) = bytes.split_at(8);
        for half in [low, high] {
            self.code.word(u64::from_ne_bytes(half.try_into().unwrap_or_default()));
        }
        self.wrote(at, slot, Class::V128, None);
    }

    /// Emits `slot = entry`, for an entry that stays on the stack or is not needed otherwise.
    fn emit_move(&mut self, slot: u32, entry: &Entry) {
        match entry.kind {
            Kind::Const(bits) => self.emit_const(slot, entry.class, bits),
            _ => self.emit_copy(slot, self.slot_of(entry), entry.class),
        }
    }

    /// Brings the entry at `index` home.
    fn settle(&mut self, index: usize) {
        let entry = self.stack.get(index);
        if entry.kind != Kind::Temp {
            self.emit_move(entry.home, &entry);
            self.stack.settle(index);
        }
    }

    /// Brings the top `count` entries home and gives the first one's slot.
    fn settle_top(&mut self, count: usize) -> u32 {
        let len = self.stack.len();
        for index in (len - count..len).rev() {
            self.settle(index);
        }
        if count == 0 { self.stack.next_home() } else { self.stack.get(len - count).home }
    }

    /// Brings home every entry that is a local: the code that follows may run or not, and may set it.
    fn settle_locals(&mut self) {
        for index in self.stack.unsettled().rev() {
            if matches!(self.stack.get(index).kind, Kind::Local(_)) {
                self.settle(index);
            }
        }
        self.stack.set_settled();
    }

    /// Notes that the current instruction can stop.
    fn origin(&mut self) {
        self.code.origin(self.offset);
    }

    /// Notes that a collection may happen at the current instruction, whose top `taken` operands are not to be found by it.
    fn safepoint(&mut self, taken: usize) {
        let traced = self.stack.traced(self.stack.len() - taken);
        self.too_many_maps |= !self.code.map(traced);
    }

    // Fuel and epochs.

    /// What a function does at its start and a loop at its head.
    fn poll(&mut self) {
        if self.epochs {
            self.origin();
            self.safepoint(0);
            self.code.op(handler::<handlers::Epoch>());
        }
        self.start_fuel();
    }

    /// Starts a segment of code that is paid for at its start.
    fn start_fuel(&mut self) {
        if !self.counts_fuel {
            return;
        }
        self.finish_fuel();
        self.origin();
        self.fuel = Some((self.code.len() + 1, 0));
        self.code.op(handler::<handlers::Fuel>());
        self.code.word(0);
        self.last_result = None;
        self.last_binary = None;
    }

    /// Writes what the segment that ends here costs.
    fn finish_fuel(&mut self) {
        if let Some((word, amount)) = self.fuel.take() {
            self.code.set_word(word, fields_imm(0, 0, amount));
        }
    }
}

fn local_class(info: &ModuleInfo, ty: wasmparser::ValType) -> Result<Class, Error> {
    Ok(match ty {
        wasmparser::ValType::I32 => Class::I32,
        wasmparser::ValType::I64 => Class::I64,
        wasmparser::ValType::F32 => Class::F32,
        wasmparser::ValType::F64 => Class::F64,
        wasmparser::ValType::V128 => Class::V128,
        wasmparser::ValType::Ref(ty) => reference_class(info.heap_type(ty.heap_type())?),
    })
}

/// The class of references to `heap`.
fn reference_class(heap: HeapType) -> Class {
    if heap.is_traced() { Class::Ref } else { Class::I64 }
}
