//! Makes instructions: folds them, looks them up in the value-numbering table, appends them to the current block.
//!
//! Keeps what that needs: the current block, the path of the dominator tree that leads to it, and a version for each alias class, which a
//! write changes.

use super::fold::{self, Folded};
use super::gvn::Gvn;
use crate::entity::Entity;
use crate::ir::insts::access;
use crate::ir::{AliasClass, Block, Edge, EdgeData, Effect, Format, Function, Inst, List, Loop, Opcode, Type, Value};
use tiercel_abi::Trap;

/// The version of each alias class: the same number means that nothing was written in between.
pub type Versions = [u32; AliasClass::COUNT];

/// A block's place in the dominator tree.
#[derive(Clone, Copy)]
struct Dom {
    depth: u32,
    /// An ancestor further up, so that long chains are climbed in logarithmic time (Myers, "An Applicative Random-Access Stack").
    jump: Block,
}

/// Steps that keeping the path of dominators may take for each byte of a body, and in any case. No effect on correctness.
const PATH_STEPS_PER_BYTE: usize = 4;
const PATH_STEPS: usize = 1 << 16;

/// A store to a global.
#[derive(Clone, Copy)]
struct GlobalStore {
    store: Value,
    /// Where the next instruction stands in the order.
    at: usize,
    block: Block,
    /// What the global had before, if that is known.
    before: Option<Value>,
}

/// Instructions between two stores to a global, at most, for the first one to be dropped. No effect on correctness.
const QUIET_INSTS: usize = 16;

/// The key under which the table has what a load reads: whether an access was checked does not change that.
fn load_key(load: Inst) -> Inst {
    let flags = if load.op.info().effect == Effect::ReadTrap { access::NO_TRAP } else { 0 };
    load.imm(load.imm & !flags)
}

/// The key under which the table has how far behind an index a memory was accessed.
fn reach(index: Value, memory: u32) -> Inst {
    Inst::new(Opcode::Nop, Type::I64).fields(index.index() as u32, memory, 1)
}

/// The key under which the table has the lowest index that was accessed and is the sum of this value and a constant.
fn lowest(root: Value, memory: u32) -> Inst {
    Inst::new(Opcode::Nop, Type::I64).fields(root.index() as u32, memory, 2)
}

/// The key under which the table has whether a condition holds.
fn fact(condition: Value) -> Inst {
    Inst::new(Opcode::Nop, Type::I32).fields(condition.index() as u32, 0, 0)
}

/// Makes instructions.
#[derive(Default)]
pub struct Builder {
    /// The function that grows.
    pub func: Function,
    gvn: Gvn,
    doms: Vec<Dom>,
    /// The dominators of the current block, the entry first, itself last; kept while [`Builder::path_budget`] lasts.
    path: Vec<Block>,
    /// Steps that keeping the path may still take. Afterwards dominators are looked up in the tree.
    path_budget: u32,
    current: Option<Block>,
    /// The constants 0 and 1, once they are made.
    truths: [Option<Value>; 2],
    /// The store to a global that was made last.
    last_global: Option<GlobalStore>,
    /// The versions as they are here.
    pub versions: Versions,
    next_version: u32,
    /// The location of the current operator.
    pub loc: u32,
    /// Where the locations of the next inlined body start.
    pub next_loc: u32,
    /// Whether rules and the table are used.
    pub optimize: bool,
}

impl Builder {
    /// Forgets everything; the next function's body has this many bytes, with those that it may take in.
    pub fn reset(&mut self, bytes: usize, optimize: bool) {
        self.func.clear();
        self.gvn.reset(bytes);
        self.doms.clear();
        self.path.clear();
        self.path_budget = (PATH_STEPS + PATH_STEPS_PER_BYTE * bytes) as u32;
        self.current = None;
        self.last_global = None;
        self.truths = [None; 2];
        // Version 0 is that of what is never written.
        self.versions = [1; AliasClass::COUNT];
        self.versions[AliasClass::READ_ONLY.index()] = 0;
        self.next_version = 1;
        self.loc = 0;
        self.optimize = optimize;
    }

    // Blocks.

    /// The block that instructions are appended to.
    pub fn current(&self) -> Block {
        self.current.unwrap_or(Block::new(0))
    }

    /// Makes a block and goes on in it.
    pub fn start_block(&mut self, idom: Option<Block>, in_loop: Option<Loop>) -> Block {
        let params = List(0);
        let block = self.func.make_block(params, idom.unwrap_or(Block::new(0)), in_loop);
        if let Some(idom) = idom {
            self.func.blocks[block].frequency = self.func.blocks[idom].frequency;
        }
        match idom {
            None => self.doms.push(Dom { depth: 0, jump: block }),
            Some(idom) => {
                let parent = self.doms[idom.index()];
                let far = self.doms[parent.jump.index()];
                let balanced = parent.depth - far.depth == far.depth - self.doms[far.jump.index()].depth;
                let jump = if balanced { far.jump } else { idom };
                self.doms.push(Dom { depth: parent.depth + 1, jump });
                self.go_to(idom);
            }
        }
        if self.path_budget > 0 {
            self.path.push(block);
        }
        self.current = Some(block);
        block
    }

    /// Makes the path that of the dominators of `block`.
    fn go_to(&mut self, block: Block) {
        if self.path_budget == 0 {
            return;
        }
        let len = self.doms[block.index()].depth as usize + 1;
        let mut at = block;
        // Whatever was at the end of the path may be in another branch of the tree.
        self.path.resize(len, block);
        self.path[len - 1] = block;
        while at != self.func.entry() && self.path_budget > 0 {
            at = self.func.blocks[at].idom;
            let place = &mut self.path[self.doms[at.index()].depth as usize];
            if *place == at {
                break;
            }
            *place = at;
            self.path_budget -= 1;
        }
    }

    /// The dominator of a block at this depth of the tree.
    fn ancestor(&self, block: Block, depth: u32) -> Block {
        let mut at = block;
        while self.doms[at.index()].depth > depth {
            let jump = self.doms[at.index()].jump;
            at = if self.doms[jump.index()].depth >= depth { jump } else { self.func.blocks[at].idom };
        }
        at
    }

    /// Makes a parameter; [`Builder::set_params`] gives it to its block.
    pub fn make_param(&mut self, block: Block, index: usize, ty: Type) -> Value {
        let inst = Inst::new(Opcode::Param, ty).fields(block.index() as u32, index as u32, 0);
        self.func.make(inst, 0)
    }

    /// Gives a block its parameters.
    pub fn set_params(&mut self, block: Block, params: &[Value]) {
        self.func.blocks[block].params = self.func.make_list(params.iter().copied());
    }

    /// Whether a block dominates the current one.
    #[inline]
    fn on_path(&self, block: Block) -> bool {
        let depth = self.doms[block.index()].depth;
        if self.path_budget > 0 {
            return self.path.get(depth as usize) == Some(&block);
        }
        self.ancestor(self.current(), depth) == block
    }

    /// The nearest block that dominates `block` and the current one.
    pub fn common_dominator(&self, block: Block) -> Block {
        let mut at = block;
        while !self.on_path(at) {
            let jump = self.doms[at.index()].jump;
            at = if self.on_path(jump) { self.func.blocks[at].idom } else { jump };
        }
        at
    }

    /// Adds an edge whose target and arguments come later.
    pub fn make_edge(&mut self) -> Edge {
        self.func.edges.push(EdgeData { target: Block::new(0), args: List(0) })
    }

    /// Says where an edge leads.
    pub fn set_edge(&mut self, edge: Edge, target: Block, args: List) {
        self.func.edges[edge] = EdgeData { target, args };
    }

    /// Ends the current block.
    pub fn terminate(&mut self, inst: Inst) -> Value {
        self.push(inst)
    }

    // Instructions.

    /// Appends an instruction as it is.
    pub fn push(&mut self, inst: Inst) -> Value {
        let value = self.func.make(inst, self.loc);
        self.place(value);
        value
    }

    fn place(&mut self, value: Value) {
        self.func.order.push(value);
        let end = self.func.order.len() as u32;
        let block = self.current();
        self.func.blocks[block].end = end;
    }

    /// Looks for a value that is known here.
    #[inline]
    fn find(&self, key: &Inst, version: u32) -> Option<Value> {
        if !self.optimize {
            return None;
        }
        self.gvn.find(key, version, |block| self.on_path(block))
    }

    /// A constant.
    pub fn constant(&mut self, ty: Type, bits: u128) -> Value {
        let key = Inst::new(Opcode::Const, ty).fields(bits as u32, (bits >> 32) as u32, (bits >> 64) as u32);
        let version = (bits >> 96) as u32;
        // Constants are interned even in functions that are not optimized: they have no place that could be wrong.
        if let Some(value) = self.gvn.find(&key, version, |_| true) {
            return value;
        }
        let inst = match ty {
            Type::V128 => {
                self.func.vconsts.push(bits);
                Inst::new(Opcode::Const, ty).fields(self.func.vconsts.len() as u32 - 1, 0, 0)
            }
            _ => key,
        };
        let value = self.func.make(inst, 0);
        self.gvn.insert(key, version, value, Block::new(0));
        value
    }

    /// An `i32` constant.
    pub fn i32(&mut self, value: u32) -> Value {
        self.constant(Type::I32, u128::from(value))
    }

    /// An `i64` constant.
    pub fn i64(&mut self, value: u64) -> Value {
        self.constant(Type::I64, u128::from(value))
    }

    /// A pure or trapping instruction: simplified, found, or made.
    pub fn value(&mut self, inst: Inst) -> Value {
        let mut inst = inst;
        let info = inst.op.info();
        if info.commutes {
            let (a, b) = (Value::new(inst.a as usize), Value::new(inst.b as usize));
            // Constants to the right, otherwise in one order, so that both orders are one value.
            let (a_const, b_const) = (self.func.is_const(a), self.func.is_const(b));
            if (a_const && !b_const) || (a_const == b_const && inst.a > inst.b) {
                (inst.a, inst.b) = (inst.b, inst.a);
            }
        }
        if self.optimize {
            match fold::fold(&self.func, &inst) {
                Folded::Keep => {}
                Folded::Same(value) => return value,
                Folded::Const(bits) => return self.constant(inst.ty, bits),
                // A rule takes something away, so that this ends.
                Folded::Inst(next) => return self.value(next),
                Folded::WithConst(op, x, bits) => {
                    let c = self.constant(op.info().operands[1], bits);
                    return self.binary(op, x, c);
                }
            }
            if let Opcode::I64Add | Opcode::I64Or | Opcode::I64ShrU = inst.op
                && let Some(half) = fold::wide::product(&self.func, &inst)
            {
                return self.half_product(&half);
            }
            if inst.op == Opcode::Select {
                match self.find(&fact(Value::new(inst.c as usize)), 0).and_then(|known| self.func.int_const(known)) {
                    Some(0) => return Value::new(inst.b as usize),
                    Some(_) => return Value::new(inst.a as usize),
                    None => {}
                }
            }
        }
        self.numbered(inst, inst, 0)
    }

    /// The value of `key`, or else `inst` appended.
    fn numbered(&mut self, key: Inst, inst: Inst, version: u32) -> Value {
        if let Some(value) = self.find(&key, version) {
            return value;
        }
        let value = self.push(inst);
        self.gvn.insert(key, version, value, self.current());
        value
    }

    /// An operation on one value.
    pub fn unary(&mut self, op: Opcode, a: Value) -> Value {
        self.value(Inst::new(op, op.info().result).fields(a.index() as u32, 0, 0))
    }

    /// An operation on two values.
    pub fn binary(&mut self, op: Opcode, a: Value, b: Value) -> Value {
        self.value(Inst::new(op, op.info().result).fields(a.index() as u32, b.index() as u32, 0))
    }

    /// An operation on two `i64` that gives two, low half first.
    pub fn pair(&mut self, inst: Inst) -> [Value; 2] {
        // List operands never compare equal, so that only products are found again.
        let value = match self.find(&inst, 0) {
            Some(value) => value,
            None => {
                let value = self.push(inst);
                self.gvn.insert(inst, 0, value, self.current());
                for index in 0..2 {
                    self.result_of(value, index, Type::I64);
                }
                value
            }
        };
        [Value::new(value.index() + 1), Value::new(value.index() + 2)]
    }

    /// One half of a product of 128 bits, and what is added to it.
    fn half_product(&mut self, half: &fold::wide::Half) -> Value {
        let [a, b] = half.factors.map(|factor| factor.index() as u32);
        let inst = Inst::new(Opcode::I64MulWideU, Type::None).fields(a.min(b), a.max(b), 0);
        let halves = self.pair(inst);
        let product = halves[usize::from(half.high)];
        half.rest.iter().fold(product, |sum, &term| self.binary(Opcode::I64Add, sum, term))
    }

    /// Whether `a` dominates `b`, where `b` dominates the current block or is it.
    pub fn dominates(&self, a: Block, b: Block) -> bool {
        self.on_path(a) && self.doms[a.index()].depth <= self.doms[b.index()].depth
    }

    /// One of several results of the instruction before.
    pub fn result_of(&mut self, producer: Value, index: usize, ty: Type) -> Value {
        self.push(Inst::new(Opcode::Result, ty).fields(producer.index() as u32, index as u32, 0))
    }

    // Memory.

    /// What a load reads, if that is known.
    pub fn loaded(&self, inst: Inst, class: AliasClass) -> Option<Value> {
        self.find(&load_key(inst), self.versions[class.index()])
    }

    /// A load: found, or made.
    pub fn load(&mut self, inst: Inst, class: AliasClass) -> Value {
        self.numbered(load_key(inst), inst, self.versions[class.index()])
    }

    /// A store; `same` is the load that would read all of it back.
    pub fn store(&mut self, inst: Inst, class: AliasClass, same: Option<Inst>) {
        let Some(load) = same else {
            self.push(inst);
            return self.write(class);
        };
        let (key, stored) = (load_key(load), Value::new(inst.c as usize));
        let mut before = self.find(&key, self.versions[class.index()]);
        if before == Some(stored) {
            // What is there already, and was accessed without a trap.
            return;
        }
        if self.optimize && class.is_global() {
            if let Some(dead) = self.overwritten(&inst, class) {
                before = dead.before;
                self.func.insts[dead.store] = Inst::new(Opcode::Nop, Type::None);
            }
            self.last_global = None;
            if before != Some(stored) {
                let store = self.push(inst);
                let at = self.func.order.len();
                self.last_global = Some(GlobalStore { store, at, block: self.current(), before });
            }
        } else {
            self.push(inst);
        }
        self.write(class);
        self.gvn.insert(key, self.versions[class.index()], stored, self.current());
    }

    /// The store to a global that one to the same place makes superfluous, if nothing in between can tell: not the guest, and not the host,
    /// which sees globals after a trap.
    fn overwritten(&self, inst: &Inst, class: AliasClass) -> Option<GlobalStore> {
        let last = self.last_global.filter(|last| last.block == self.current())?;
        let store = self.func.inst(last.store);
        if (store.op, store.a, store.b) != (inst.op, inst.a, inst.b) {
            return None;
        }
        let between = &self.func.order[last.at..];
        let is_quiet = between.len() <= QUIET_INSTS
            && between.iter().all(|&value| match self.func.effect(value) {
                Effect::Pure => true,
                Effect::Read => self.func.alias_class(value) != class,
                Effect::Write => !matches!(self.func.inst(value).op.info().format, Format::Store),
                _ => false,
            });
        is_quiet.then_some(last)
    }

    /// A load that is found again by another key, which says what is read whatever the address has become.
    pub fn load_as(&mut self, key: Inst, inst: Inst, class: AliasClass) -> Value {
        self.numbered(key, inst, self.versions[class.index()])
    }

    /// Remembers that a load with this key would read this value.
    pub fn remember(&mut self, key: Inst, class: AliasClass, value: Value) {
        self.gvn.insert(key, self.versions[class.index()], value, self.current());
    }

    /// Notes that something of the class was written.
    pub fn write(&mut self, class: AliasClass) {
        if class != AliasClass::READ_ONLY {
            self.versions[class.index()] = self.fresh_version();
        }
    }

    /// Notes that anything may have been written.
    pub fn write_all(&mut self) {
        for class in AliasClass::all() {
            self.write(class);
        }
    }

    /// A version that was never used.
    pub fn fresh_version(&mut self) -> u32 {
        self.next_version += 1;
        self.next_version
    }

    /// A load from the vmctx.
    pub fn ctx_load(&mut self, ty: Type, offset: u32, class: AliasClass) -> Value {
        self.load(Inst::new(Opcode::CtxLoad, ty).fields(0, offset, 0).imm(class.imm()), class)
    }

    /// A load through a pointer.
    pub fn ptr_load(&mut self, ty: Type, pointer: Value, offset: u32, class: AliasClass) -> Value {
        self.load(Inst::new(Opcode::PtrLoad, ty).fields(pointer.index() as u32, offset, 0).imm(class.imm()), class)
    }

    // What is known of indices.

    /// Notes that memory number `memory` was accessed at `index` and up to `end` bytes behind it; `true`: that is known already.
    pub fn accessed(&mut self, index: Value, end: u64, memory: u32) -> bool {
        let Ok(end) = u32::try_from(end) else { return false };
        if !self.optimize || self.func.is_const(index) {
            return false;
        }
        if self.reach(index, memory) >= u64::from(end) {
            return true;
        }
        // The table keeps numbers of values; this one is a number of bytes.
        self.gvn.insert(reach(index, memory), 0, Value::new(end as usize), self.current());
        if let Some((root, constant)) = self.sum(index) {
            let key = lowest(root, memory);
            let known = self.find(&key, 0).and_then(|known| self.sum(known));
            if known.is_none_or(|(_, least)| constant < least) {
                self.gvn.insert(key, 0, index, self.current());
            }
        }
        false
    }

    /// Another index and a constant that together are this one, if that sum does not wrap: the other index was accessed further than the
    /// constant, and memories end before their addresses do.
    pub fn rebased(&self, index: Value, memory: u32) -> Option<(Value, u64)> {
        let (root, constant) = self.sum(index).filter(|_| self.optimize)?;
        if constant >= 0 && self.reach(root, memory) as i64 > constant {
            return Some((root, constant as u64));
        }
        let lowest = self.find(&lowest(root, memory), 0).filter(|&lowest| lowest != index)?;
        let distance = constant.checked_sub(self.sum(lowest)?.1).filter(|&distance| distance >= 0)?;
        (self.reach(lowest, memory) as i64 > distance).then_some((lowest, distance as u64))
    }

    /// How far behind an index memory was accessed.
    fn reach(&self, index: Value, memory: u32) -> u64 {
        self.find(&reach(index, memory), 0).map_or(0, |end| end.index() as u64)
    }

    /// The operand and the constant that an index is the sum of.
    fn sum(&self, index: Value) -> Option<(Value, i64)> {
        let inst = self.func.inst(index);
        let constant = || self.func.int_const(Value::new(inst.b as usize));
        let constant = match inst.op {
            Opcode::I32Add => i64::from(constant()? as i32),
            Opcode::I64Add => constant()? as i64,
            _ => return None,
        };
        Some((Value::new(inst.a as usize), constant))
    }

    // What is known of conditions.

    /// A condition without tests that change nothing, and whether its sense is turned around; a constant where the way here has settled it.
    pub fn condition(&self, condition: Value) -> (Value, bool) {
        if !self.optimize {
            return (condition, false);
        }
        let (condition, inverted) = fold::condition(&self.func, condition);
        (self.find(&fact(condition), 0).unwrap_or(condition), inverted)
    }

    /// Notes that a condition from [`Builder::condition`] holds in the current block from here on, or does not.
    pub fn learn(&mut self, condition: Value, holds: bool) {
        if !self.optimize || self.func.is_const(condition) {
            return;
        }
        let yes = self.truth(holds);
        self.gvn.insert(fact(condition), 0, yes, self.current());
        let inst = *self.func.inst(condition);
        let opposite = match inst.op {
            // Only these three are their own way to say that something is 0.
            Opcode::I64Eqz => {
                let zero = self.i64(0).index() as u32;
                Some(Inst { op: Opcode::I64Ne, b: zero, ..inst })
            }
            Opcode::I64Ne if self.func.int_const(Value::new(inst.b as usize)) == Some(0) => {
                Some(Inst { op: Opcode::I64Eqz, b: 0, ..inst })
            }
            op => fold::inverse(op).map(|op| Inst { op, ..inst }),
        };
        if let Some(opposite) = opposite {
            let no = self.truth(!holds);
            self.gvn.insert(opposite, 0, no, self.current());
        }
    }

    /// The constant 1 or 0.
    fn truth(&mut self, holds: bool) -> Value {
        match self.truths[usize::from(holds)] {
            Some(value) => value,
            None => {
                let value = self.i32(holds.into());
                self.truths[usize::from(holds)] = Some(value);
                value
            }
        }
    }

    // Checks.

    /// Traps if the condition is not 0 (`TrapNz`) or 0 (`TrapZ`). False: it traps always, and the block has ended.
    #[must_use]
    pub fn trap_if(&mut self, op: Opcode, condition: Value, trap: Trap) -> bool {
        let (condition, inverted) = self.condition(condition);
        let on_nonzero = (op == Opcode::TrapNz) != inverted;
        match self.func.int_const(condition) {
            Some(bits) if (bits != 0) == on_nonzero => {
                self.terminate(Inst::new(Opcode::Trap, Type::None).imm(trap.code()));
                return false;
            }
            Some(_) => return true,
            None => {}
        }
        let op = if on_nonzero { Opcode::TrapNz } else { Opcode::TrapZ };
        self.push(Inst::new(op, Type::None).fields(condition.index() as u32, 0, 0).imm(trap.code()));
        // A check that was passed further up is passed here.
        self.learn(condition, !on_nonzero);
        true
    }

    /// Traps unless `index + end <= len`, where `len` is the length of memory number `memory` now.
    pub fn mem_check(&mut self, index: Value, end: u32, memory: u32, len: Value) {
        let key = Inst::new(Opcode::MemCheck, Type::None).fields(index.index() as u32, memory, 0);
        // Memories never shrink, so that a check against an earlier length is as good. So is one of a later end.
        if let Some(check) = self.find(&key, 0)
            && self.func.inst(check).c >= end
        {
            return;
        }
        let inst = key.fields(index.index() as u32, len.index() as u32, end);
        let check = self.push(inst);
        self.gvn.insert(key, 0, check, self.current());
    }
}
