//! A function: its instructions, blocks and edges in arrays that are cleared and reused, never dropped.

use super::alias::AliasClass;
use super::builtins::Builtin;
use super::insts::{Effect, Format, Opcode, access};
use super::types::Type;
use crate::entity;
use crate::entity::{Entity, PrimaryMap};

entity!(
    /// An instruction, and the value it computes if it has one result.
    Value,
    "v"
);
entity!(
    /// A basic block.
    Block,
    "block"
);
entity!(
    /// A way from the end of one block to the start of another.
    Edge,
    "edge"
);
entity!(
    /// A loop, by its header.
    Loop,
    "loop"
);
entity!(
    /// A signature of calls.
    Sig,
    "sig"
);

/// A list of entities in [`Function::lists`]: the place of its length, behind which they lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct List(pub u32);

/// An instruction. What the fields `imm`, `a`, `b` and `c` hold depends on the [`Format`] of the opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inst {
    /// What it does.
    pub op: Opcode,
    /// The type of its result; none if it has not exactly one.
    pub ty: Type,
    /// Lane, alias class, access flags or trap code.
    pub imm: u8,
    /// First field.
    pub a: u32,
    /// Second field.
    pub b: u32,
    /// Third field.
    pub c: u32,
}

const _: () = assert!(size_of::<Inst>() == 16);

impl Inst {
    /// An instruction with fields of 0.
    pub const fn new(op: Opcode, ty: Type) -> Inst {
        Inst { op, ty, imm: 0, a: 0, b: 0, c: 0 }
    }

    /// The same with these fields.
    pub const fn fields(self, a: u32, b: u32, c: u32) -> Inst {
        Inst { a, b, c, ..self }
    }

    /// The same with this `imm`.
    pub const fn imm(self, imm: u8) -> Inst {
        Inst { imm, ..self }
    }
}

/// How often a block runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Frequency {
    /// Hardly ever: every way from it ends in a trap.
    Cold,
    /// Seldom, as a hint of the module says of the branch to it or to a block that dominates it.
    Unlikely,
    /// As often as its loop says.
    #[default]
    Normal,
}

/// A basic block.
#[derive(Clone, Debug)]
pub struct BlockData {
    /// Its first instruction in [`Function::order`].
    pub first: u32,
    /// One past its last instruction, the terminator.
    pub end: u32,
    /// Its parameters.
    pub params: List,
    /// Its immediate dominator; its own number for the entry.
    pub idom: Block,
    /// The innermost loop that it belongs to.
    pub in_loop: Option<Loop>,
    /// How often it runs.
    pub frequency: Frequency,
}

/// A way from block to block.
#[derive(Clone, Copy, Debug)]
pub struct EdgeData {
    /// Where it leads.
    pub target: Block,
    /// A value for each parameter of the target.
    pub args: List,
}

/// A loop.
#[derive(Clone, Debug)]
pub struct LoopData {
    /// The block that every way into it leads through.
    pub header: Block,
    /// The loop around it.
    pub parent: Option<Loop>,
    /// How many loops there are around a block in it, itself included.
    pub depth: u32,
}

/// A body that was translated in place of a call. Its operators have locations of their own, behind those of the module and of the bodies
/// before it, as many as the body has bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Inlined {
    /// The first of its locations.
    pub first_loc: u32,
    /// Where the body starts in the module, in bytes.
    pub start: u32,
    /// The index of the body.
    pub body: u32,
    /// The location of the call, or [`Inlined::NO_CALLER`] if the function has left for it.
    pub caller: u32,
}

impl Inlined {
    /// No location of a call.
    pub const NO_CALLER: u32 = u32::MAX;
}

/// What a call passes and gets.
#[derive(Clone, Debug)]
pub struct SigData {
    first: u32,
    params: u32,
    results: u32,
}

/// A function in SSA form.
#[derive(Clone, Default)]
pub struct Function {
    /// All instructions, in no particular order.
    pub insts: PrimaryMap<Value, Inst>,
    /// For each instruction the location of its operator: its place in the module, in bytes, or one of an inlined body.
    pub locs: Vec<u32>,
    /// The bodies that were inlined, ascending by location.
    pub inlined: Vec<Inlined>,
    /// The instructions of each block, one block's behind another.
    pub order: Vec<Value>,
    /// All blocks; the first is the entry.
    pub blocks: PrimaryMap<Block, BlockData>,
    /// The blocks in the order in which they are emitted. A block comes after its dominator.
    pub layout: Vec<Block>,
    /// All edges.
    pub edges: PrimaryMap<Edge, EdgeData>,
    /// All loops; one comes after the loop around it.
    pub loops: PrimaryMap<Loop, LoopData>,
    /// Lists of entities: a length, then so many.
    pub lists: Vec<u32>,
    /// Vector constants.
    pub vconsts: Vec<u128>,
    /// Signatures of calls.
    pub sigs: PrimaryMap<Sig, SigData>,
    sig_types: Vec<Type>,
    /// The types of the frame slots.
    pub slots: Vec<Type>,
    /// The types of the results.
    pub results: Vec<Type>,
    /// For each value, how many operands and arguments it is, up to 255. [`Function::count_uses`] makes it.
    pub uses: Vec<u8>,
}

impl Function {
    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.insts.clear();
        self.locs.clear();
        self.inlined.clear();
        self.order.clear();
        self.blocks.clear();
        self.layout.clear();
        self.edges.clear();
        self.loops.clear();
        self.lists.clear();
        self.vconsts.clear();
        self.sigs.clear();
        self.sig_types.clear();
        self.slots.clear();
        self.results.clear();
        self.uses.clear();
    }

    // Making.

    /// Adds an instruction that is in no block yet.
    #[inline]
    pub fn make(&mut self, inst: Inst, loc: u32) -> Value {
        self.locs.push(loc);
        self.insts.push(inst)
    }

    /// Adds a list.
    pub fn make_list<E: Entity>(&mut self, items: impl IntoIterator<Item = E>) -> List {
        let at = self.lists.len();
        self.lists.push(0);
        self.lists.extend(items.into_iter().map(|item| item.index() as u32));
        self.lists[at] = (self.lists.len() - at - 1) as u32;
        List(at as u32)
    }

    /// Adds a list of plain numbers.
    pub fn make_numbers(&mut self, numbers: impl IntoIterator<Item = u32>) -> List {
        let at = self.lists.len();
        self.lists.push(0);
        self.lists.extend(numbers);
        self.lists[at] = (self.lists.len() - at - 1) as u32;
        List(at as u32)
    }

    /// Adds a signature.
    pub fn make_sig(&mut self, params: impl IntoIterator<Item = Type>, results: impl IntoIterator<Item = Type>) -> Sig {
        let first = self.sig_types.len();
        self.sig_types.extend(params);
        let middle = self.sig_types.len();
        self.sig_types.extend(results);
        let end = self.sig_types.len();
        self.sigs.push(SigData { first: first as u32, params: (middle - first) as u32, results: (end - middle) as u32 })
    }

    /// Adds an empty block behind all others.
    pub fn make_block(&mut self, params: List, idom: Block, in_loop: Option<Loop>) -> Block {
        let at = self.order.len() as u32;
        let data = BlockData { first: at, end: at, params, idom, in_loop, frequency: Frequency::Normal };
        let block = self.blocks.push(data);
        self.layout.push(block);
        block
    }

    // Looking.

    /// The entry.
    pub fn entry(&self) -> Block {
        Block::new(0)
    }

    /// The instruction that makes a value.
    #[inline]
    pub fn inst(&self, value: Value) -> &Inst {
        &self.insts[value]
    }

    /// The type of a value.
    #[inline]
    pub fn ty(&self, value: Value) -> Type {
        self.insts[value].ty
    }

    /// A list as it lies in memory: entity numbers.
    #[inline]
    pub fn numbers(&self, list: List) -> &[u32] {
        let at = list.0 as usize;
        &self.lists[at + 1..at + 1 + self.lists[at] as usize]
    }

    /// The values of a list.
    #[inline]
    pub fn list(&self, list: List) -> impl DoubleEndedIterator<Item = Value> + ExactSizeIterator + '_ {
        self.numbers(list).iter().map(|&number| Value::new(number as usize))
    }

    /// The parameters of a block.
    pub fn params(&self, block: Block) -> impl DoubleEndedIterator<Item = Value> + ExactSizeIterator + '_ {
        self.list(self.blocks[block].params)
    }

    /// The instructions of a block, the terminator last.
    #[inline]
    pub fn block_insts(&self, block: Block) -> &[Value] {
        let data = &self.blocks[block];
        &self.order[data.first as usize..data.end as usize]
    }

    /// The last instruction of a block, if it has one.
    pub fn terminator(&self, block: Block) -> Option<Value> {
        self.block_insts(block).last().copied().filter(|&last| self.insts[last].op.is_terminator())
    }

    /// The edges that a terminator may take: consecutive numbers. Each is there once, even if a table names it often.
    pub fn edges_of(&self, terminator: Value) -> impl DoubleEndedIterator<Item = Edge> + ExactSizeIterator + use<> {
        let inst = &self.insts[terminator];
        let count = match inst.op.info().format {
            Format::Jump => 1,
            Format::BrIf => 2,
            Format::BrTable => self.numbers(List(inst.b)).iter().max().map_or(0, |last| last + 1),
            _ => 0,
        };
        (inst.c..inst.c + count).map(|edge| Edge::new(edge as usize))
    }

    /// The edges that leave a block.
    pub fn successors(&self, block: Block) -> impl DoubleEndedIterator<Item = Edge> + use<> {
        self.terminator(block).map(|last| self.edges_of(last)).into_iter().flatten()
    }

    /// The types of a signature's parameters.
    pub fn sig_params(&self, sig: Sig) -> &[Type] {
        let data = &self.sigs[sig];
        &self.sig_types[data.first as usize..][..data.params as usize]
    }

    /// The types of a signature's results.
    pub fn sig_results(&self, sig: Sig) -> &[Type] {
        let data = &self.sigs[sig];
        &self.sig_types[(data.first + data.params) as usize..][..data.results as usize]
    }

    /// The bits of a constant.
    #[inline]
    pub fn const_bits(&self, value: Value) -> Option<u128> {
        let inst = &self.insts[value];
        match (inst.op, inst.ty) {
            (Opcode::Const, Type::V128) => self.vconsts.get(inst.a as usize).copied(),
            (Opcode::Const, _) => Some(u128::from(inst.a) | u128::from(inst.b) << 32),
            _ => None,
        }
    }

    /// The constant, if it is an integer of at most 64 bits.
    #[inline]
    pub fn int_const(&self, value: Value) -> Option<u64> {
        let inst = &self.insts[value];
        (inst.op == Opcode::Const && inst.ty.is_int()).then(|| u64::from(inst.a) | u64::from(inst.b) << 32)
    }

    /// Whether a value has no place in a block: it is a constant, and known everywhere.
    #[inline]
    pub fn is_const(&self, value: Value) -> bool {
        self.insts[value].op == Opcode::Const
    }

    /// The alias class that a load or store accesses.
    pub fn alias_class(&self, value: Value) -> AliasClass {
        let inst = &self.insts[value];
        match inst.op.info().format {
            Format::Load | Format::Store if inst.imm & access::OBJECT != 0 => {
                match (inst.imm & access::ARRAY != 0, inst.imm & access::REFS != 0) {
                    (false, false) => AliasClass::STRUCT_DATA,
                    (false, true) => AliasClass::STRUCT_REFS,
                    (true, false) => AliasClass::ARRAY_DATA,
                    (true, true) => AliasClass::ARRAY_REFS,
                }
            }
            Format::Load | Format::Store if inst.imm & access::OTHER_MEMORY != 0 => AliasClass::MEMORY_OTHER,
            Format::Load | Format::Store => AliasClass::MEMORY,
            Format::CtxLoad | Format::CtxStore | Format::PtrLoad | Format::PtrStore => AliasClass::from_imm(inst.imm),
            _ => AliasClass::READ_ONLY,
        }
    }

    /// How many results an instruction has.
    pub fn result_count(&self, value: Value) -> usize {
        let inst = &self.insts[value];
        match (inst.op, inst.op.info().format) {
            _ if inst.ty != Type::None => 1,
            (_, Format::Quad) | (Opcode::I64MulWideS | Opcode::I64MulWideU, _) => 2,
            (Opcode::Call | Opcode::CallImport | Opcode::CallRef, _) => {
                self.sigs[Sig::new(inst.c as usize)].results as usize
            }
            _ => 0,
        }
    }

    /// The type of one of an instruction's results.
    pub fn result_type(&self, value: Value, index: usize) -> Option<Type> {
        let inst = &self.insts[value];
        match (inst.op, inst.op.info().format) {
            _ if inst.ty != Type::None => (index == 0).then_some(inst.ty),
            (_, Format::Quad) | (Opcode::I64MulWideS | Opcode::I64MulWideU, _) => (index < 2).then_some(Type::I64),
            (_, Format::Call | Format::CallRef) => self.sig_results(Sig::new(inst.c as usize)).get(index).copied(),
            _ => None,
        }
    }

    /// What an instruction does besides computing. It may be less than its opcode may do: a division by a constant that is neither 0 nor
    /// -1 is pure, and so is a load that was checked and reads what is read-only.
    pub fn effect(&self, value: Value) -> Effect {
        let inst = &self.insts[value];
        match inst.op {
            Opcode::I32DivS | Opcode::I64DivS => match self.int_const(Value::new(inst.b as usize)) {
                Some(divisor) if divisor != 0 && u128::from(divisor) != inst.ty.mask() => Effect::Pure,
                _ => Effect::Trap,
            },
            Opcode::I32DivU
            | Opcode::I64DivU
            | Opcode::I32RemS
            | Opcode::I64RemS
            | Opcode::I32RemU
            | Opcode::I64RemU => match self.int_const(Value::new(inst.b as usize)) {
                Some(divisor) if divisor != 0 => Effect::Pure,
                _ => Effect::Trap,
            },
            Opcode::CtxLoad if inst.imm == AliasClass::READ_ONLY.imm() => Effect::Pure,
            op => match op.info() {
                info if info.format == Format::Load && inst.imm & access::NO_TRAP != 0 => Effect::Read,
                info => info.effect,
            },
        }
    }

    /// Whether a value is a field of the vmctx that never changes, other than a reference.
    pub fn is_constant_field(&self, value: Value) -> bool {
        let inst = &self.insts[value];
        inst.op == Opcode::CtxLoad && inst.imm == AliasClass::READ_ONLY.imm() && inst.ty != Type::Ref
    }

    /// Whether an instruction has to stay even if nobody uses its result.
    pub fn has_side_effect(&self, value: Value) -> bool {
        !matches!(self.effect(value), Effect::Pure | Effect::Read)
    }

    /// Whether the instruction calls a builtin, and which.
    pub fn builtin(&self, value: Value) -> Option<Builtin> {
        let inst = &self.insts[value];
        (inst.op == Opcode::Builtin).then(|| Builtin::from_index(inst.a)).flatten()
    }

    /// Whether an `i32` is seen to be at most this, unsigned, by what makes it.
    pub fn is_at_most(&self, value: Value, most: u64) -> bool {
        let inst = self.inst(value);
        let constant = || self.int_const(Value::new(inst.b as usize));
        match inst.op {
            Opcode::I32And => constant().is_some_and(|mask| mask <= most),
            Opcode::I32RemU => constant().is_some_and(|by| by != 0 && by - 1 <= most),
            Opcode::I32ShrU => constant().is_some_and(|by| u64::from(u32::MAX >> (by & 31)) <= most),
            Opcode::I32Load8U => most >= 0xff,
            Opcode::I32Load16U => most >= 0xffff,
            _ => false,
        }
    }

    /// Whether objects of the collected heap may have moved when an instruction is done: the collector may have run.
    pub fn may_collect(&self, value: Value) -> bool {
        match self.inst(value).op {
            Opcode::Call | Opcode::CallImport | Opcode::CallRef | Opcode::Epoch => true,
            Opcode::Builtin => self.builtin(value).is_some_and(Builtin::may_collect),
            _ => false,
        }
    }

    /// Visits each operand of an instruction; for terminators without the arguments of edges.
    #[inline]
    pub fn for_each_operand(&self, value: Value, mut visit: impl FnMut(Value)) {
        let inst = &self.insts[value];
        let mut one = |field: u32| visit(Value::new(field as usize));
        match inst.op.info().format {
            Format::Result
            | Format::Unary
            | Format::Load
            | Format::PtrLoad
            | Format::Cast
            | Format::TrapIf
            | Format::BrIf
            | Format::BrTable => one(inst.a),
            Format::Binary | Format::Shuffle | Format::Check => {
                one(inst.a);
                one(inst.b);
            }
            Format::Ternary => {
                one(inst.a);
                one(inst.b);
                one(inst.c);
            }
            Format::Store | Format::PtrStore => {
                one(inst.a);
                one(inst.c);
            }
            Format::CtxStore | Format::SlotStore => one(inst.c),
            Format::Quad => self.list(List(inst.a)).for_each(visit),
            Format::Call | Format::Builtin | Format::Return => self.list(List(inst.b)).for_each(visit),
            Format::CallRef => {
                one(inst.a);
                self.list(List(inst.b)).for_each(visit);
            }
            Format::Bare
            | Format::Param
            | Format::Const
            | Format::CtxLoad
            | Format::CtxAddr
            | Format::SlotLoad
            | Format::Fuel
            | Format::Jump
            | Format::TrapNow => {}
        }
    }

    /// Replaces each operand of an instruction; for terminators the arguments of edges as well.
    pub fn map_operands(&mut self, value: Value, mut map: impl FnMut(Value) -> Value) {
        let mut inst = self.insts[value];
        let mut one = |field: &mut u32| *field = map(Value::new(*field as usize)).index() as u32;
        let mut list = None;
        match inst.op.info().format {
            Format::Result
            | Format::Unary
            | Format::Load
            | Format::PtrLoad
            | Format::Cast
            | Format::TrapIf
            | Format::BrIf
            | Format::BrTable => one(&mut inst.a),
            Format::Binary | Format::Shuffle | Format::Check => {
                one(&mut inst.a);
                one(&mut inst.b);
            }
            Format::Ternary => {
                one(&mut inst.a);
                one(&mut inst.b);
                one(&mut inst.c);
            }
            Format::Store | Format::PtrStore => {
                one(&mut inst.a);
                one(&mut inst.c);
            }
            Format::CtxStore | Format::SlotStore => one(&mut inst.c),
            Format::Quad => list = Some(inst.a),
            Format::Call | Format::Builtin | Format::Return => list = Some(inst.b),
            Format::CallRef => {
                one(&mut inst.a);
                list = Some(inst.b);
            }
            _ => {}
        }
        self.insts[value] = inst;
        if let Some(list) = list {
            self.map_list(List(list), &mut map);
        }
        if inst.op.is_terminator() {
            for edge in self.edges_of(value) {
                self.map_list(self.edges[edge].args, &mut map);
            }
        }
    }

    fn map_list(&mut self, list: List, map: &mut impl FnMut(Value) -> Value) {
        let at = list.0 as usize;
        for index in at + 1..at + 1 + self.lists[at] as usize {
            self.lists[index] = map(Value::new(self.lists[index] as usize)).index() as u32;
        }
    }

    /// Fills [`Function::uses`] anew.
    pub fn count_uses(&mut self) {
        let mut uses = std::mem::take(&mut self.uses);
        uses.clear();
        uses.resize(self.insts.len(), 0);
        let mut count = |value: Value| uses[value.index()] = uses[value.index()].saturating_add(1);
        for &block in &self.layout {
            for &value in self.block_insts(block) {
                self.for_each_operand(value, &mut count);
            }
            for edge in self.successors(block) {
                self.list(self.edges[edge].args).for_each(&mut count);
            }
        }
        self.uses = uses;
    }

    /// The depth of the loops around a block.
    pub fn loop_depth(&self, block: Block) -> u32 {
        self.blocks[block].in_loop.map_or(0, |in_loop| self.loops[in_loop].depth)
    }
}
