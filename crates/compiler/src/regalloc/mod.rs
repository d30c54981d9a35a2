//! in: a function over virtual registers ([`VCode`]) and a register file ([`Machine`]). out: a place for every operand, and moves ([`Output`]).
//!
//! Linear scan over SSA live ranges with holes. Reading order: this file (the contract), [`reg`] (registers and places), [`live`] (one
//! backward walk: ranges, uses, loops), [`scan`] (one forward walk), its parts [`inst`] (one instruction) and [`edges`] (block boundaries),
//! [`finish`] (where spilled values are stored, final moves), [`slots`] (who shares a slot), [`resolve`] (parallel moves), [`plain`] (the judge: everything spilled),
//! [`checker`] (proves an output right, whoever made it).
//!
//! # The method
//! The forward walk keeps which value each register holds, in layout order. A value stays in its register until it dies or the register is
//! needed; then it moves to a free register or is evicted, and it comes back to a register where it is used next, or at the entry of the loop
//! that uses it. Each stay is one interval of the linear scan of Wimmer and Mössenböck (VEE 2005) after splitting; liveness and ranges are
//! those of Wimmer and Franz (CGO 2010). A block starts with the registers of its hottest predecessor; other edges get moves. Whom to evict
//! is decided by the distance to the next use weighted by loop depth; uses in cold blocks do not count. If nothing is evicted, no splitting
//! code runs.
//!
//! A spilled value has one slot. It is stored once, after its definition, or else wherever it leaves its register: what costs less by loop
//! depth. So a value that only a cold call drives out of its register is stored in the cold block.
//!
//! # What the input must satisfy
//! 1. Blocks are in *allocation order*: block 0 is the entry and has no predecessors and no parameters; every edge goes to a later block
//!    except for back edges of reducible loops; every block but the entry has a predecessor. The blocks of a loop are contiguous, including
//!    its cold ones (what lies between counts as part of the loop). Code may be emitted in another block order: moves hang on
//!    instructions and edges, not on neighbours.
//! 2. Block `b + 1`'s instructions follow block `b`'s; no block is empty; its last instruction is its terminator. A terminator defines and
//!    clobbers nothing. The terminator of a block with one successor has no operands.
//! 3. Strict SSA: one definition per vreg (an operand or a block parameter) that dominates all uses.
//! 4. `branch_args(b, i)` has the length and the classes of the parameters of successor `i`. A vreg and the parameter it fills have the same
//!    [`VRegData::wide`].
//! 5. At one instruction, no two uses and no two defs are fixed to the same register, and a fixed early def is no fixed use's register. Fixed
//!    registers may be clobbered too (a def wins). Fixed defs are allocatable; a fixed use need not be, if nobody minds that it is written.
//! 6. A [`Constraint::Tied`] def names the index of a use operand of the same instruction with constraint `Reg` or `Fixed`; at most one def
//!    is tied to one use.
//! 7. A rematerializable vreg is defined by an instruction with that one operand, which reads and clobbers nothing and can be repeated
//!    anywhere with any register. References are not rematerializable.
//! 8. Every instruction's operands fit in the registers at once: those used together with its early and tied defs, and its defs together.
//!
//! # What the output guarantees
//! 1. Every operand has a place that satisfies its constraint; an `Any` operand may have a slot.
//! 2. Uses are read before defs and clobbers are written: a def may share the register of a use that ends there. An early def shares none.
//!    A tied def's register differs from that of every other use of another value.
//! 3. Executing [`Output::moves`] in order, each before its instruction, and [`EdgeMoves`] on their edges, puts each value where it is used.
//!    Moves never touch flags if rematerialized instructions do not, and use only the machine's scratch registers besides those they name.
//! 4. Callee-saved registers that are written are in [`Output::used_callee_saved`].
//! 5. At a safepoint every reference that lives across it is in its slot and in no register that is read afterwards;
//!    [`Output::stack_maps`] lists these slots.
//! 6. An instruction of [`Output::unneeded`] defines a rematerializable vreg that is nowhere read in the place it names there.
//! 7. The same input gives the same output.
//!
//! # Time
//! Each phase is linear in instructions, operands and the sizes of live sets at merges and loop heads. Those are bounded by
//! [`tuning::LIVE_SET_LIMIT`]; past it, ranges lose their holes, and past that again the function is allocated by [`plain`].

pub mod checker;
mod edges;
mod finish;
mod inst;
mod live;
pub mod plain;
mod reg;
mod resolve;
mod scan;
mod slots;
#[cfg(any(test, feature = "testing"))]
pub mod tests;
pub mod tuning;

pub use reg::{Loc, PReg, PRegSet, RegClass, Slot};
pub use scan::Allocator;

use crate::entity;
use std::fmt;
use std::ops::Range;

entity!(/** A virtual register of one function. */ VReg, "v");
entity!(/** A block of one function, numbered in allocation order. */ Block, "block");
entity!(/** An instruction of one function, numbered through all blocks. */ Inst, "inst");

/// What an instruction does with an operand, and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Read before anything is written.
    Use,
    /// Written after all uses are read.
    Def,
    /// Written while uses may still be read.
    EarlyDef,
}

/// Where an operand may be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Constraint {
    /// Any allocatable register of the vreg's class.
    Reg,
    /// A register or a spill slot.
    Any,
    /// This register.
    Fixed(PReg),
    /// A def in the register of the use with this operand index.
    Tied(u8),
}

/// A virtual register that an instruction names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Operand {
    /// The virtual register.
    pub vreg: VReg,
    /// What happens to it.
    pub role: Role,
    /// Where it may be.
    pub constraint: Constraint,
}

const _: () = assert!(size_of::<Operand>() == 8);

/// What there is to know about a virtual register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct VRegData {
    /// The register file it lives in.
    pub class: RegClass,
    /// Whether its slot has 16 bytes rather than 8.
    pub wide: bool,
    /// Whether it is a reference that must be in a slot at safepoints.
    pub reference: bool,
    /// Whether repeating its definition is better than spilling it.
    pub remat: bool,
}

/// A function as the allocator sees it. The module's comment lists what must hold.
pub trait VCode {
    /// Number of virtual registers.
    fn num_vregs(&self) -> usize;
    /// Number of blocks, at least one.
    fn num_blocks(&self) -> usize;
    /// Number of instructions.
    fn num_insts(&self) -> usize;
    /// About a virtual register.
    fn vreg(&self, vreg: VReg) -> VRegData;
    /// Indices of a block's instructions.
    fn block_insts(&self, block: Block) -> Range<usize>;
    /// A block's parameters.
    fn block_params(&self, block: Block) -> &[VReg];
    /// A block's successors, one for each edge.
    fn block_succs(&self, block: Block) -> &[Block];
    /// What the edge to the successor with this index passes to its parameters.
    fn branch_args(&self, block: Block, succ: usize) -> &[VReg];
    /// How many loops a block is in.
    fn loop_depth(&self, block: Block) -> u32;
    /// Whether a block is expected to run hardly ever.
    fn is_cold(&self, block: Block) -> bool;
    /// An instruction's operands.
    fn operands(&self, inst: Inst) -> &[Operand];
    /// Registers that an instruction destroys, besides its defs.
    fn clobbers(&self, inst: Inst) -> PRegSet;
    /// Whether references must be in slots across this instruction.
    fn is_safepoint(&self, inst: Inst) -> bool;
    /// Whether an instruction with one use and one def copies the one to the other, so that sharing a register is worth something.
    fn is_move(&self, inst: Inst) -> bool;
}

/// A register file.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Registers that may be handed out.
    pub allocatable: PRegSet,
    /// Those of them that a function must preserve for its caller.
    pub callee_saved: PRegSet,
    /// For each class a register that is not allocatable, dead between instructions, for moves between slots and cycles of moves.
    pub scratch: [PReg; RegClass::COUNT],
}

/// A move that the allocator asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Move {
    /// The value: tells class and width. At least its 8 or 16 bytes ([`VRegData::wide`]) must be moved; the whole register always may be.
    pub vreg: VReg,
    /// Where from.
    pub from: Source,
    /// Where to. Of places that are not [`Source::Remat`], at most one is a slot.
    pub to: Loc,
}

/// Where an inserted move takes its value from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// A register or a slot.
    Loc(Loc),
    /// The defining instruction of [`Move::vreg`] is repeated; `to` is a register.
    Remat,
}

/// Moves on an edge that has no instruction to hang them on, because its block has several successors and its target several predecessors.
/// The caller makes a block with these moves and a jump to the target, and lets the edge go there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EdgeMoves {
    /// Where the edge comes from.
    pub from: Block,
    /// Which of that block's successors it goes to.
    pub succ: u32,
    /// Its moves, as indices into [`Output::edge_moves`], in order.
    pub moves: Range<u32>,
}

/// The result. Its memory is reused by the next run.
#[derive(Clone, Debug, Default)]
pub struct Output {
    locs: Vec<Loc>,
    first_loc: Vec<u32>,
    /// Moves, each before an instruction, in order.
    pub moves: Vec<(Inst, Move)>,
    /// Edges that need a block, ascending.
    pub edges: Vec<EdgeMoves>,
    /// The moves of all [`EdgeMoves`].
    pub edge_moves: Vec<Move>,
    /// Callee-saved registers that are written.
    pub used_callee_saved: PRegSet,
    /// Number of 8-byte slots; the most used have the lowest numbers.
    pub slots8: u32,
    /// Number of 16-byte slots.
    pub slots16: u32,
    /// For each safepoint with live references, one entry for each slot that holds one; ascending by instruction.
    pub stack_maps: Vec<(Inst, Slot)>,
    /// Definitions that are not to be emitted, ascending: what they make is made again where it is needed, or never needed.
    pub unneeded: Vec<Inst>,
}

impl Output {
    /// The places of an instruction's operands, in their order.
    #[inline]
    pub fn operands(&self, inst: Inst) -> &[Loc] {
        let index = entity::Entity::index(inst);
        &self.locs[self.first_loc[index] as usize..self.first_loc[index + 1] as usize]
    }

    /// What is not needed from an instruction on.
    pub fn unneeded_from(&self, inst: u32) -> &[Inst] {
        let first = self.unneeded.partition_point(|unneeded| entity::Entity::index(*unneeded) < inst as usize);
        &self.unneeded[first..]
    }

    fn clear(&mut self) {
        self.locs.clear();
        self.first_loc.clear();
        self.moves.clear();
        self.edges.clear();
        self.edge_moves.clear();
        self.used_callee_saved = PRegSet::EMPTY;
        (self.slots8, self.slots16) = (0, 0);
        self.stack_maps.clear();
        self.unneeded.clear();
    }
}

/// Switches that make rare paths common in tests. All off: [`Chaos::default`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Chaos {
    /// Seed of the random choices.
    pub seed: u64,
    /// Probability, in 256ths, that a value leaves its register before an instruction.
    pub spill: u8,
    /// Probability, in 256ths, that a value changes its register before an instruction.
    pub split: u8,
    /// Prefer what is usually worst.
    pub reverse: bool,
    /// Make ranges without holes, as for functions whose live sets are too large.
    pub coarse: bool,
}

/// Why a function cannot be allocated: the input breaks a rule of this module's comment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Error {
    /// An instruction needs more registers than there are (rule 8).
    OutOfRegisters(Inst),
    /// A loop is entered elsewhere than at its head; use [`plain`] (rule 1).
    Irreducible(Block),
    /// Live sets or stack maps are too large for linear time; use [`plain`], which gives up where stack maps are.
    TooComplex,
    /// No edge leads to this block (rule 1).
    Unreachable(Block),
    /// A vreg is used where its definition does not reach (rule 3).
    Undefined(VReg),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::OutOfRegisters(inst) => write!(f, "{inst} has more operands than the machine has registers"),
            Error::Irreducible(block) => write!(f, "a loop is entered at {block}, which is not its head"),
            Error::TooComplex => write!(f, "too many values are live at once in too many places"),
            Error::Unreachable(block) => write!(f, "no edge leads to {block}: remove it before allocation"),
            Error::Undefined(vreg) => write!(f, "{vreg} is used where its definition does not reach"),
        }
    }
}

impl std::error::Error for Error {}
