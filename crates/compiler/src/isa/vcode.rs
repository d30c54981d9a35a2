//! A function between lowering and emission: instructions over virtual registers, in the arrays that the register allocator reads. What an
//! instruction set adds is its [`Dialect`], in its `vcode.rs`.

use super::aarch64::CallPolicy;
use super::buffer::Label;
use super::reg::{Reg, RegClass, RegSet};
use crate::entity::Entity;
use crate::ir::Builtin;
use crate::regalloc::{self, Block, Operand, PReg, PRegSet, VReg, VRegData};
use std::fmt::{self, Debug, Display};
use std::ops::Range;

/// What an instruction set has of its own.
pub trait Dialect: Copy + Debug + Default {
    /// A machine instruction.
    type Inst: Copy + Debug + Display;
    /// What a branch depends on.
    type Test: Copy + PartialEq + Debug;
    /// Kinds of instructions that only it has.
    type Own: Copy + PartialEq + Debug;
    /// Registers that a call destroys.
    const CALL_CLOBBERS: PRegSet;

    /// The name of a register.
    fn name(reg: Reg) -> String;
}

/// What an instruction of the vcode is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind<T, O> {
    /// The instruction itself; its operands are in the order of its slots, physical registers left out.
    Plain,
    /// A copy of a register or a vector: [`Inst::x`] is a move.
    Copy,
    /// Defines the parameters that come in registers.
    Args,
    /// Leaves the function with the results in place.
    Return,
    /// Calls the function of the module with this body index.
    CallLocal(u32),
    /// Calls through the function reference in the register of the callee.
    CallRef,
    /// Calls a routine of the runtime by its place in the table; `true`: the guest may have to be stopped then.
    CallBuiltin(u32, bool),
    /// Makes an object of this type and so many bytes, and writes its type.
    New {
        /// Where the type's number is in the vmctx.
        ty: u32,
        /// Bytes of the object.
        bytes: u32,
    },
    /// Sets the flags to equal if the reference in operand 0 is of a type, else to not equal; the other operands are overwritten.
    RefIs {
        /// Where the type's number is in the vmctx, or a kind.
        ty: u32,
        /// As in [`crate::ir::insts::cast`].
        how: u32,
    },
    /// Looks at the epoch and calls the routine with this place if it has come.
    Epoch(u32),
    /// Leaves the function for the one with this body index. Arguments on the stack were stored as for a call.
    TailLocal(u32),
    /// Leaves the function for the reference in the register of the callee.
    TailRef,
    /// Goes to the only successor.
    Jump,
    /// Goes to the first successor if the condition holds, else to the second.
    Branch(T),
    /// Goes where the table with this place in [`VCode::tables`] says for its operand; `true`: which is about one of the table's entries for sure,
    /// otherwise what is beyond the last entry counts as that. The operand is an index, or the address that the table gives for it.
    Switch(u32, bool),
    /// Goes where the table says by comparing the index in its operand with each entry that does not lead where the last one does.
    Compares(u32),
    /// Stops the guest if the condition holds.
    TrapIf(T),
    /// Stops the guest.
    Trap,
    /// What only this instruction set has.
    Own(O),
}

/// [`Inst::trap`] of an instruction that cannot fault.
pub const NO_TRAP: u8 = u8::MAX;

/// An instruction of the vcode.
#[derive(Clone, Copy, Debug)]
pub struct Inst<D: Dialect> {
    /// The machine instruction, for [`Kind::Plain`] and [`Kind::Copy`].
    pub x: D::Inst,
    /// What it is.
    pub kind: Kind<D::Test, D::Own>,
    /// The trap if it faults, as in [`crate::compile::TrapSite`], or [`NO_TRAP`].
    pub trap: u8,
    operands: u16,
    first_operand: u32,
    /// Where its operator is in the module.
    pub loc: u32,
    /// Calls and tail calls: bytes of arguments on the stack.
    pub stack_bytes: u32,
}

/// A table of a [`Kind::Switch`].
#[derive(Clone, Debug)]
pub struct Table {
    /// Where it lies.
    pub label: Label,
    /// For each entry the index of the block's successor.
    pub entries: Range<u32>,
}

/// A block.
#[derive(Clone, Debug)]
pub struct BlockData {
    /// Its instructions. While lowering they are reversed.
    pub insts: Range<u32>,
    params: Range<u32>,
    succs: Range<u32>,
    /// For each successor one range of arguments, from this index on.
    first_args: u32,
    /// How many loops it is in.
    pub depth: u32,
    /// Whether it hardly ever runs.
    pub cold: bool,
}

/// A function. See the file's header.
#[derive(Clone, Debug, Default)]
pub struct VCode<D: Dialect> {
    vregs: Vec<VRegData>,
    /// Every instruction.
    pub insts: Vec<Inst<D>>,
    operands: Vec<Operand>,
    /// Every block, in the order of allocation and of emission.
    pub blocks: Vec<BlockData>,
    values: Vec<VReg>,
    succs: Vec<Block>,
    args: Vec<Range<u32>>,
    /// Blocks that run seldom, as hints say, ascending.
    pub unlikely: Vec<u32>,
    /// Jump tables.
    pub tables: Vec<Table>,
    /// Entries of the jump tables.
    pub table_entries: Vec<u32>,
    /// Bytes of arguments that the deepest call leaves on the stack.
    pub out_bytes: u32,
    /// Bytes of the frame that lowering uses itself: buffers of results, frame slots; they lie above the spill slots.
    pub local_bytes: u32,
    /// Bytes of [`VCode::local_bytes`], from its start, that are zero at entry.
    pub zeroed_bytes: u32,
    /// References at the start of [`VCode::local_bytes`], 8 bytes each, which are valid or null all the time.
    pub traced_locals: u32,
    /// Whether there is any value that the collector follows.
    pub has_references: bool,
    /// Bytes of stack arguments that the function itself has and pops.
    pub in_bytes: u32,
    /// Whether it calls anything.
    pub calls: bool,
    /// Whether it keeps the vmctx in its frame, to load it again after calls that may leave the instance.
    pub saves_vmctx: bool,
    /// Whether a pinned register holds the base of memory 0.
    pub has_memory: bool,
    /// How calls make room for their arguments on the stack.
    pub policy: CallPolicy,
    /// Whether calls inside the module may come back with the pinned registers of another instance.
    pub foreign_tail_calls: bool,
}

/// The allocator's name of a physical register.
pub fn preg(reg: Reg) -> PReg {
    PReg::new(class(reg.class()), reg.number() as u8)
}

/// The ISA's name of an allocated register.
pub fn reg(preg: PReg) -> Reg {
    let class = match preg.class() {
        regalloc::RegClass::Int => RegClass::Int,
        regalloc::RegClass::Vector => RegClass::Vector,
    };
    Reg::physical(class, preg.number())
}

/// The allocator's name of a register file.
pub const fn class(class: RegClass) -> regalloc::RegClass {
    match class {
        RegClass::Int => regalloc::RegClass::Int,
        RegClass::Vector => regalloc::RegClass::Vector,
    }
}

/// The allocator's set of these registers.
pub const fn preg_set(set: RegSet) -> PRegSet {
    PRegSet(set.numbers(RegClass::Int) as u64 | (set.numbers(RegClass::Vector) as u64) << 32)
}

impl<D: Dialect> VCode<D> {
    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        let VCode { vregs, insts, operands, blocks, values, succs, args, tables, table_entries, unlikely, .. } = self;
        vregs.clear();
        insts.clear();
        operands.clear();
        blocks.clear();
        values.clear();
        succs.clear();
        args.clear();
        tables.clear();
        table_entries.clear();
        unlikely.clear();
        (self.out_bytes, self.local_bytes, self.zeroed_bytes, self.in_bytes) = (0, 0, 0, 0);
        (self.calls, self.saves_vmctx, self.has_memory) = (false, false, false);
        (self.traced_locals, self.has_references) = (0, false);
    }

    /// A new virtual register.
    #[inline]
    pub fn new_vreg(&mut self, of: RegClass, wide: bool, remat: bool) -> Reg {
        self.vregs.push(VRegData { class: class(of), wide, reference: false, remat });
        Reg::virt(of, self.vregs.len() as u32 - 1)
    }

    /// A new virtual register for a reference that the collector follows.
    pub fn new_reference(&mut self) -> Reg {
        self.has_references = true;
        self.vregs.push(VRegData { class: class(RegClass::Int), wide: false, reference: true, remat: false });
        Reg::virt(RegClass::Int, self.vregs.len() as u32 - 1)
    }

    /// Says that a virtual register, of no reference, may be defined again anywhere, by an instruction that reads none.
    pub fn make_again(&mut self, reg: Reg) {
        self.vregs[reg.number() as usize].remat = true;
    }

    /// Whether a virtual register holds more than 8 bytes.
    pub fn is_wide(&self, reg: Reg) -> bool {
        self.vregs[reg.number() as usize].wide
    }

    /// Adds an instruction with these operands.
    #[inline]
    pub fn push(
        &mut self,
        kind: Kind<D::Test, D::Own>,
        x: D::Inst,
        operands: &[Operand],
        trap: u8,
        loc: u32,
        stack_bytes: u32,
    ) {
        let first_operand = self.operands.len() as u32;
        self.operands.extend_from_slice(operands);
        self.insts.push(Inst { x, kind, trap, operands: operands.len() as u16, first_operand, loc, stack_bytes });
    }

    /// Adds a block whose instructions start here. Blocks come in reverse.
    pub fn push_block(&mut self, depth: u32, cold: bool) {
        let at = self.insts.len() as u32;
        let (value, succ, args) = (self.values.len() as u32, self.succs.len() as u32, self.args.len() as u32);
        let block = BlockData { insts: at..at, params: value..value, succs: succ..succ, first_args: args, depth, cold };
        self.blocks.push(block);
    }

    /// The last block that was added.
    fn last(&mut self) -> &mut BlockData {
        self.blocks.last_mut().expect("a block was added before")
    }

    /// Adds an edge to the last block.
    pub fn push_edge(&mut self, target: usize, args: impl IntoIterator<Item = Reg>) {
        let first = self.values.len() as u32;
        self.values.extend(args.into_iter().map(|reg| VReg::new(reg.number() as usize)));
        self.args.push(first..self.values.len() as u32);
        self.succs.push(Block::new(target));
        self.last().succs.end += 1;
    }

    /// Ends the last block, whose instructions and edges are complete.
    pub fn end_block(&mut self, params: impl IntoIterator<Item = Reg>) {
        let first = self.values.len() as u32;
        self.values.extend(params.into_iter().map(|reg| VReg::new(reg.number() as usize)));
        let (end, values) = (self.insts.len() as u32, self.values.len() as u32);
        let block = self.last();
        block.insts.end = end;
        block.params = first..values;
    }

    /// Notes that the last block runs seldom.
    pub fn mark_unlikely(&mut self) {
        self.unlikely.push(self.blocks.len() as u32 - 1);
    }

    /// Turns everything around, once all blocks are there.
    pub fn reverse(&mut self) {
        let last = self.blocks.len() as u32 - 1;
        self.unlikely.iter_mut().for_each(|block| *block = last - *block);
        self.unlikely.reverse();
        self.insts.reverse();
        self.blocks.reverse();
        let len = self.insts.len() as u32;
        for block in &mut self.blocks {
            block.insts = len - block.insts.end..len - block.insts.start;
        }
    }

    /// The jump table's entries: indices of the block's successors.
    pub fn entries(&self, table: u32) -> &[u32] {
        let entries = &self.tables[table as usize].entries;
        &self.table_entries[entries.start as usize..entries.end as usize]
    }

    /// The successors of a block.
    pub fn succs(&self, block: usize) -> &[Block] {
        let succs = &self.blocks[block].succs;
        &self.succs[succs.start as usize..succs.end as usize]
    }
}

impl<D: Dialect> regalloc::VCode for VCode<D> {
    fn num_vregs(&self) -> usize {
        self.vregs.len()
    }
    fn num_blocks(&self) -> usize {
        self.blocks.len()
    }
    fn num_insts(&self) -> usize {
        self.insts.len()
    }
    #[inline]
    fn vreg(&self, vreg: VReg) -> VRegData {
        self.vregs[vreg.index()]
    }
    #[inline]
    fn block_insts(&self, block: Block) -> Range<usize> {
        let insts = &self.blocks[block.index()].insts;
        insts.start as usize..insts.end as usize
    }
    #[inline]
    fn block_params(&self, block: Block) -> &[VReg] {
        let params = &self.blocks[block.index()].params;
        &self.values[params.start as usize..params.end as usize]
    }
    #[inline]
    fn block_succs(&self, block: Block) -> &[Block] {
        self.succs(block.index())
    }
    #[inline]
    fn branch_args(&self, block: Block, succ: usize) -> &[VReg] {
        let args = &self.args[self.blocks[block.index()].first_args as usize + succ];
        &self.values[args.start as usize..args.end as usize]
    }
    fn loop_depth(&self, block: Block) -> u32 {
        self.blocks[block.index()].depth
    }
    fn is_cold(&self, block: Block) -> bool {
        self.blocks[block.index()].cold
    }
    #[inline]
    fn operands(&self, inst: regalloc::Inst) -> &[Operand] {
        let inst = &self.insts[inst.index()];
        &self.operands[inst.first_operand as usize..][..inst.operands as usize]
    }
    #[inline]
    fn clobbers(&self, inst: regalloc::Inst) -> PRegSet {
        match self.insts[inst.index()].kind {
            Kind::CallLocal(_) | Kind::CallRef | Kind::CallBuiltin(..) | Kind::Epoch(_) | Kind::New { .. } => {
                D::CALL_CLOBBERS
            }
            _ => PRegSet::EMPTY,
        }
    }
    #[inline]
    fn is_safepoint(&self, inst: regalloc::Inst) -> bool {
        self.has_references
            && match self.insts[inst.index()].kind {
                Kind::CallLocal(_) | Kind::CallRef | Kind::Epoch(_) | Kind::New { .. } => true,
                Kind::CallBuiltin(place, _) => Builtin::from_index(place).is_some_and(Builtin::may_collect),
                _ => false,
            }
    }
    #[inline]
    fn is_move(&self, inst: regalloc::Inst) -> bool {
        self.insts[inst.index()].kind == Kind::Copy
    }
}

/// One block behind another: parameters, instructions with their virtual registers, where it leads with what.
impl<D: Dialect> fmt::Display for VCode<D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use regalloc::VCode as _;
        let list = |vregs: &[VReg]| vregs.iter().map(VReg::to_string).collect::<Vec<_>>().join(", ");
        for index in 0..self.blocks.len() {
            let (block, data) = (Block::new(index), &self.blocks[index]);
            let cold = if data.cold { ", cold" } else { "" };
            writeln!(f, "{block}({}):  ; depth {}{cold}", list(self.block_params(block)), data.depth)?;
            for inst in data.insts.clone() {
                self.fmt_inst(f, inst as usize)?;
            }
            for (succ, target) in self.block_succs(block).iter().enumerate() {
                writeln!(f, "    -> {target}({})", list(self.branch_args(block, succ)))?;
            }
        }
        Ok(())
    }
}

impl<D: Dialect> VCode<D> {
    fn fmt_inst(&self, f: &mut fmt::Formatter<'_>, index: usize) -> fmt::Result {
        use regalloc::VCode as _;
        let inst = &self.insts[index];
        match inst.kind {
            Kind::Plain | Kind::Copy => writeln!(f, "    {}", inst.x),
            kind => {
                let operands = self.operands(regalloc::Inst::new(index)).iter();
                let operands = operands.map(|operand| match operand.constraint {
                    regalloc::Constraint::Fixed(physical) => {
                        let name = D::name(reg(physical));
                        match operand.role {
                            regalloc::Role::Use => format!("{name}={}", operand.vreg),
                            _ => format!("{}:={name}", operand.vreg),
                        }
                    }
                    _ => operand.vreg.to_string(),
                });
                writeln!(f, "    {kind:?} {}", operands.collect::<Vec<_>>().join(", "))
            }
        }
    }
}
