//! Values that several instructions read and that none of the IR's makes: constants, and sums of the memory's base, an index and a multiple of 4096.
//!
//! As lowering goes bottom-up, the first to ask for one is the last to read it. It is defined when the walk has come so far up that it has to be:
//! before the loop that it is invariant in, if nothing in there is called; otherwise behind a call, behind its index, at the start of the block,
//! or where too many wait. What else asks for it until then shares it.

use super::{Lower, UNUSED};
use crate::entity::Entity;
use crate::ir::insts::access;
use crate::ir::{Block, Format, Frequency, Function, Loop, Opcode, Type, Value};
use crate::isa::aarch64::inst::Inst;
use crate::isa::aarch64::regs::MEMORY_BASE;
use crate::isa::aarch64::row::{Extend, Op};
use crate::isa::reg::{Reg, RegClass};

/// Shared values of one block that wait to be defined, at most; so many for each loop. No effect on correctness.
const WAITING: usize = 6;
const PER_LOOP: usize = 8;
/// Instructions of the IR over which a block shares a value, at most. No effect on correctness.
const WINDOW: usize = 40;

/// What a shared value is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Key {
    Int(u64),
    Float(Type, u128),
    /// The memory's base and so many bytes, a multiple of 4096.
    Base(u32),
    /// The same and an index.
    Sum(Value, u32),
}

/// A shared value that is not defined yet.
struct Waiting {
    key: Key,
    reg: Reg,
    /// The place in the order of the last one to ask for it.
    asked: usize,
    in_loop: Option<Loop>,
}

/// What is known of the function, and what waits.
#[derive(Default)]
pub(super) struct Shared {
    waiting: Vec<Waiting>,
    /// For each value the block that it is defined in.
    homes: Vec<u32>,
    /// For each value the last block that has accesses with an offset from it, and whether there are several.
    accesses: Vec<(u32, bool)>,
    /// For each loop whether it calls anything.
    calls: Vec<bool>,
    /// Whether constants are not to be shared: each has a register that it goes to.
    pub apart: bool,
}

/// Whether registers are lost at an instruction.
fn is_call(func: &Function, value: Value) -> bool {
    let inst = func.inst(value);
    matches!(inst.op.info().format, Format::Call | Format::CallRef | Format::Builtin) || inst.op == Opcode::Epoch
}

impl Shared {
    /// Looks at a function.
    pub fn reset(&mut self, func: &Function) {
        self.waiting.clear();
        self.apart = false;
        self.homes.clear();
        self.homes.resize(func.insts.len(), UNUSED);
        self.accesses.clear();
        self.accesses.resize(func.insts.len(), (UNUSED, false));
        self.calls.clear();
        self.calls.resize(func.loops.len(), false);
        for &block in &func.layout {
            let data = &func.blocks[block];
            func.params(block).for_each(|param| self.homes[param.index()] = block.index() as u32);
            for &value in &func.order[data.first as usize..data.end as usize] {
                self.homes[value.index()] = block.index() as u32;
                if is_call(func, value) && data.frequency != Frequency::Cold {
                    let mut around = data.in_loop;
                    while let Some(in_loop) = around.filter(|in_loop| !self.calls[in_loop.index()]) {
                        self.calls[in_loop.index()] = true;
                        around = func.loops[in_loop].parent;
                    }
                }
            }
        }
    }

    /// Whether a value is defined in a loop.
    fn is_made_in(&self, func: &Function, value: Value, in_loop: Loop) -> bool {
        let home = self.homes[value.index()];
        if home == UNUSED {
            return false;
        }
        let mut around = func.blocks[Block::new(home as usize)].in_loop;
        while let Some(inner) = around.filter(|inner| *inner != in_loop) {
            around = func.loops[inner].parent;
        }
        around.is_some()
    }
}

impl Lower<'_> {
    /// Looks at the accesses of a block that is about to be lowered.
    pub(super) fn look_for_sums(&mut self, block: Block) {
        let func = self.func;
        let data = &func.blocks[block];
        for &value in &func.order[data.first as usize..data.end as usize] {
            let inst = func.inst(value);
            let is_access = matches!(inst.op.info().format, Format::Load | Format::Store);
            if is_access && inst.imm & access::NATIVE == 0 && inst.b != 0 {
                let index = self.source(Value::new(inst.a as usize));
                let number = block.index() as u32;
                let before = &mut self.b.shared.accesses[index.index()];
                *before = (number, before.0 == number);
            }
        }
    }

    /// The value whose register an index is read from.
    fn source(&self, index: Value) -> Value {
        let mut inst = self.func.inst(index);
        let mut source = index;
        if inst.op == Opcode::I32WrapI64 {
            source = Value::new(inst.a as usize);
            inst = self.func.inst(source);
        }
        while matches!(inst.op, Opcode::I64ExtendI32U | Opcode::RefBits) {
            source = Value::new(inst.a as usize);
            inst = self.func.inst(source);
        }
        source
    }

    /// The register of a constant, or of the memory's base and some bytes.
    pub(super) fn shared(&mut self, key: Key) -> Reg {
        if self.b.shared.apart {
            let reg = self.new_shared(key);
            self.define(key, reg);
            return reg;
        }
        let func = self.func;
        let outermost = self.outermost(|_| true, func);
        self.ask(key, outermost)
    }

    /// The register of the memory's base, an index, and some bytes, a multiple of 4096.
    pub(super) fn sum(&mut self, index: Value, bytes: u32) -> Reg {
        let (func, key, source) = (self.func, Key::Sum(index, bytes), self.source(index));
        let shared = &self.b.shared;
        let outermost = self.outermost(|in_loop| !shared.is_made_in(func, source, in_loop), func);
        if outermost.is_none() && shared.accesses[source.index()] != (self.block.index() as u32, true) {
            let reg = self.new_shared(key);
            self.define(key, reg);
            return reg;
        }
        self.ask(key, outermost)
    }

    /// Whether what is constant is made before the loop that this block is in.
    pub(super) fn is_hoisted(&self) -> bool {
        self.outermost(|_| true, self.func).is_some()
    }

    /// The outermost loop around this block in which nothing is called, neither there nor in those between, and that is wanted.
    fn outermost(&self, wanted: impl Fn(Loop) -> bool, func: &Function) -> Option<Loop> {
        let mut found = None;
        let mut around = func.blocks[self.block].in_loop;
        while let Some(in_loop) = around.filter(|in_loop| !self.b.shared.calls[in_loop.index()] && wanted(*in_loop)) {
            found = Some(in_loop);
            around = func.loops[in_loop].parent;
        }
        found
    }

    fn ask(&mut self, key: Key, in_loop: Option<Loop>) -> Reg {
        let waiting = &mut self.b.shared.waiting;
        if let Some(at) = waiting.iter().position(|known| known.key == key && known.in_loop == in_loop) {
            waiting[at].asked = self.pos;
            return waiting[at].reg;
        }
        let of_loop = |known: &&Waiting| known.in_loop == in_loop;
        if in_loop.is_some() && waiting.iter().filter(of_loop).count() >= PER_LOOP {
            return self.ask(key, None);
        }
        let reg = self.new_shared(key);
        self.b.shared.waiting.push(Waiting { key, reg, asked: self.pos, in_loop });
        reg
    }

    fn new_shared(&mut self, key: Key) -> Reg {
        match key {
            Key::Int(_) | Key::Base(_) => self.vcode.new_vreg(RegClass::Int, false, true),
            Key::Float(ty, _) => self.vcode.new_vreg(RegClass::Vector, ty == Type::V128, true),
            Key::Sum(..) => self.temp(RegClass::Int),
        }
    }

    fn define(&mut self, key: Key, reg: Reg) {
        match key {
            Key::Int(bits) => self.push(Inst::r(Op::MOV_I64, [reg]).imm64(bits)),
            Key::Float(ty, bits) => self.make_vector(reg, ty, bits),
            Key::Base(bytes) => self.push(Inst::r(Op::ADD_I.s64(), [reg, MEMORY_BASE]).imm(bytes as i32)),
            Key::Sum(index, bytes) => {
                let near = if bytes == 0 { reg } else { self.temp(RegClass::Int) };
                let (index, extend) = self.extended(index);
                self.push(Inst::r(Op::ADD_X.s64(), [near, MEMORY_BASE, index]).extend(extend, 0));
                if bytes != 0 {
                    self.push(Inst::r(Op::ADD_I.s64(), [reg, near]).imm(bytes as i32));
                }
            }
        }
    }

    /// An index as the address of an access or a sum extends it: 32 bits, whatever lies above.
    pub(super) fn extended(&mut self, index: Value) -> (Reg, Extend) {
        match self.func.ty(index) {
            Type::I32 => (self.low(index), Extend::Uxtw),
            _ => (self.reg(index), Extend::Uxtx),
        }
    }

    /// Defines the shared values that have to be, in front of what is there.
    fn define_those(&mut self, due: impl Fn(&Waiting) -> bool) {
        while let Some(at) = self.b.shared.waiting.iter().position(&due) {
            self.define_at(at);
        }
    }

    fn define_at(&mut self, at: usize) {
        let Waiting { key, reg, .. } = self.b.shared.waiting.remove(at);
        self.define(key, reg);
        self.flush();
        self.check_operands();
    }

    /// Before an instruction is lowered: what is to stand behind it.
    pub(super) fn define_behind(&mut self, value: Value) {
        if self.b.shared.waiting.is_empty() {
            return;
        }
        self.define_sums_of(value);
        if is_call(self.func, value) {
            self.define_rest();
        }
    }

    /// Defines the sums of an index.
    fn define_sums_of(&mut self, value: Value) {
        let is_sum =
            |this: &Self, known: &Waiting| matches!(known.key, Key::Sum(index, _) if this.source(index) == value);
        while let Some(at) = self.b.shared.waiting.iter().position(|known| is_sum(self, known)) {
            self.define_at(at);
        }
    }

    /// After an instruction was lowered: what has waited too long, or is one too many.
    pub(super) fn define_overdue(&mut self) {
        let of_block = self.b.shared.waiting.iter().filter(|known| known.in_loop.is_none());
        let (count, pos) = (of_block.clone().count(), self.pos);
        let Some(oldest) = of_block.map(|known| known.asked).max() else { return };
        if count > WAITING {
            self.define_those(|known| known.in_loop.is_none() && known.asked == oldest);
        } else if oldest > pos + WINDOW {
            self.define_those(|known| known.in_loop.is_none() && known.asked > pos + WINDOW);
        }
    }

    /// In front of the terminator of a block: what belongs before a loop.
    pub(super) fn define_before_loops(&mut self) {
        let (func, block) = (self.func, self.block);
        let is_before = |in_loop: Loop| func.blocks[func.loops[in_loop].header].idom == block;
        self.define_those(|known| known.in_loop.is_some_and(is_before));
    }

    /// At the start of a block or behind a call: all that is not a loop's.
    pub(super) fn define_rest(&mut self) {
        self.define_those(|known| known.in_loop.is_none());
    }

    /// At the start of a block: what does not wait for another one.
    pub(super) fn define_at_start(&mut self) {
        if self.b.shared.waiting.is_empty() {
            return;
        }
        self.define_rest();
        let func = self.func;
        func.params(self.block).for_each(|param| self.define_sums_of(param));
        if self.block == func.entry() {
            self.define_those(|_| true);
        }
    }
}
