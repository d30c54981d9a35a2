//! in: what [`crate::translate`] makes of a body. out: what lowering reads. The IR of the optimizing compiler: SSA form with block
//! parameters.
//!
//! Reading order: [`types`], [`insts`] (the opcodes, a row each), [`alias`] and [`builtins`] (what reads and writes can touch), [`func`]
//! (the arrays), [`print`](mod@print) and [`parse`](mod@parse) (the text form), [`verify`](mod@verify), [`interp`] and [`machine`] (run it, for tests).
//!
//! # What lowering and register allocation may rely on
//! All of it holds after the last pass of [`crate::pipeline`]; [`verify()`] checks what it can.
//!
//! - **Values.** An instruction is a [`Value`]. Exactly one result: `ty` is its type. Several: `ty` is none, and [`insts::Opcode::Result`]
//!   instructions right behind it take them out in ascending order; those nobody uses are gone. An instruction has one place, in one block.
//! - **Constants have no place.** They are interned, known everywhere and meant to be made again at each use. They are the only operands
//!   without a place.
//! - **Order.** [`Function::layout`] is the order of emission: the entry first, each block behind its immediate dominator `idom`, cold blocks
//!   last. Within a block the order of [`Function::order`] is a valid schedule, operands first. Values that are not constants are made
//!   before their uses in the order of the layout.
//! - **Effects.** Instructions whose [`Function::effect`] is not `Pure` or `Read` stay in the order they have. A `Read` may move down to the
//!   next write of its alias class ([`Function::alias_class`]) or call, but never up across a check or a branch: what it reads may exist
//!   only because they let it pass; one marked `safe` may. A load from memory that is neither that nor `checked` is `ReadTrap`: the address
//!   may fault. `Pure` instructions may move anywhere below their operands, or be made twice.
//! - **Blocks.** The last instruction, and no other, is a terminator. Edges are those of [`Function::successors`]; a target named by several
//!   entries of a `br_table` is one edge. Critical edges are not split: an edge may leave a block with several successors and enter one with
//!   several predecessors, and its arguments are then moved on the edge. The two edges of a `br_if` may lead to the same block.
//!   A block with one predecessor has no parameters, but for what is left of loops.
//! - **Loops.** Every loop is entered through its header alone. The header's only forward predecessor ends in a `jump` to it (the
//!   *preheader*). Blocks that are not cold and belong to a loop are contiguous in the layout, from the header on; `in_loop` is the innermost
//!   loop from which the block can get back to the header. Liveness has to extend what lives into a header to the *last block in the layout
//!   with an edge back to it*.
//! - **Frequency** is a class: cold blocks lead to nothing but traps; unlikely ones the module has a hint
//!   about, which matters to the order of emission alone. Otherwise the loop depth tells how often a block runs.
//! - **Use counts** ([`Function::uses`]) are exact up to 254: each operand and each argument of an edge counts.
//! - **Widths.** The upper half of a register that holds an `i32` is zero. `i64.extend_i32_u` is therefore a copy, and an `i32` address needs
//!   no extension. Booleans are `i32` 0 or 1.
//! - **Addresses.** A load or store adds its constant offset to the zero-extended index without wrapping, at the width of an address. An
//!   `i32.add` below an address wraps and must not be folded into it.
//! - **The instance** is not a value: `ctx.load`, `ctx.store` and `ctx.addr` refer to the vmctx, accesses without the flag `native` to the
//!   base of memory 0, both of which are pinned.
//! - **Frame slots** (`slot.load`, `slot.store`) are used by functions whose locals would need too many block parameters. They are zero
//!   at entry.
//! - **References** ([`Type::Ref`]) change when the collector moves objects. It may run at [`Function::may_collect`] instructions, across which
//!   references stay valid and addresses made of them do not: no pass may carry a `heap.addr`, or what is made of it, to behind one.
//! - **Prologue**: the check of the stack limit is not in the IR.

pub mod alias;
pub mod builtins;
mod derived;
pub mod func;
pub mod insts;
pub mod interp;
pub mod machine;
pub mod parse;
pub mod print;
pub mod types;
pub mod verify;

pub use alias::AliasClass;
pub use builtins::Builtin;
pub use func::{
    Block, BlockData, Edge, EdgeData, Frequency, Function, Inlined, Inst, List, Loop, LoopData, Sig, Value,
};
pub use insts::{Effect, Format, Opcode};
pub use parse::parse;
pub use types::Type;
pub use verify::verify;
