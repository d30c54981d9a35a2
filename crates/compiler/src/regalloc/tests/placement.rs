//! Where values must be, on small functions: each states what may and may not happen in which block.

use super::func::TestFunc;
use super::*;
use crate::entity::Entity;
use crate::regalloc::VCode;
use crate::regalloc::{Block, Inst, Loc, Source};

fn run(regs: u8, text: &str) -> (TestFunc, Output) {
    let (func, mut out) = (TestFunc::parse(text), Output::default());
    allocate(&func, &machine(regs), &mut Allocator::new(), &mut out);
    (func, out)
}

/// Moves inserted in a block.
fn moves_in(func: &TestFunc, out: &Output, block: usize) -> Vec<String> {
    let insts = func.block_insts(Block::new(block));
    out.moves.iter().filter(|(inst, _)| insts.contains(&inst.index())).map(|(_, m)| format!("{m:?}")).collect()
}

fn assert_no_moves(func: &TestFunc, out: &Output, blocks: &[usize]) {
    for &block in blocks {
        assert_eq!(moves_in(func, out, block), [""; 0], "in block{block}\n{}", func.print_allocated(out));
    }
}

#[test]
fn two_address_chains_need_no_moves() {
    let (func, out) = run(6, "block0:\n v0 <-\n v1 <-\n v2=0 <- v0 v1\n v3=0 <- v2 v1\n v4=0 <- v3 v1\n <- v4");
    assert!(out.moves.is_empty(), "{}", func.print_allocated(&out));
}

#[test]
fn back_edges_coalesce() {
    let (func, out) = run(
        6,
        "block0:
           v0 <-
           v1 <-
           <- -> block1(v0, v1)
         block1(v2, v3) depth=1:
           v4=0 <- v2 v3
           v5=0 <- v3 v4
           <- v5 -> block1(v4, v5) block2
         block2:
           <- v4 v5",
    );
    assert!(out.moves.is_empty() && out.edges.is_empty(), "{}", func.print_allocated(&out));
}

#[test]
fn both_arms_define_a_parameter_in_one_register() {
    let (func, out) = run(
        6,
        "block0:
           v0 v1 <-
           <- v0 -> block1 block2
         block1:
           v2 <- v1
           <- -> block3(v2)
         block2:
           v3 <- v0 v1
           <- -> block3(v3)
         block3(v4):
           <- v4 v1",
    );
    assert!(out.moves.is_empty(), "{}", func.print_allocated(&out));
}

#[test]
fn a_value_without_uses_in_a_loop_is_spilled_outside() {
    let (func, out) = run(
        3,
        "block0:
           v0 <-
           v1 <-
           v2 <-
           <- -> block1(v1, v2)
         block1(v3, v4) depth=1:
           v5 <- v3 v4
           v6 <- v5 v4
           v7 <- v6 v4
           v8 <- v6 v7 v4
           <- v8 -> block1(v6, v7) block2
         block2:
           <- v0 v7",
    );
    assert_no_moves(&func, &out, &[1]);
    // v7 is made while v4, whose place it takes, still lives: a move, but none from or to memory.
    assert!(out.edge_moves.iter().all(|m| m.to.reg().is_some() && matches!(m.from, Source::Loc(Loc::Reg(_)))));
    assert_eq!(out.slots8, 1);
}

#[test]
fn a_call_in_a_cold_block_leaves_the_hot_path_alone() {
    let (func, out) = run(
        6,
        "block0:
           v0 v1 v2 v3 v4 <-
           <- -> block1(v0)
         block1(v5) depth=1:
           v6 <- v5 v1 v2
           <- v6 -> block3 block2
         block2 depth=1 cold:
           <- v6@r0 / r0 r1 r2 x0 x1 x2 x3 x4 x5
           <- -> block3
         block3 depth=1:
           v7 <- v6 v3 v4
           <- v7 -> block1(v7) block4
         block4:
           <- v1 v2 v3 v4",
    );
    assert_no_moves(&func, &out, &[0, 1, 3, 4]);
    assert!(!moves_in(&func, &out, 2).is_empty());
}

#[test]
fn values_across_calls_get_callee_saved_registers() {
    let (func, out) = run(
        6,
        "block0:
           v0 v1 <-
           <- v0@r0 / r0 r1 r2 x0 x1 x2 x3 x4 x5
           <- v0@r0 / r0 r1 r2 x0 x1 x2 x3 x4 x5
           <- v0 v1",
    );
    assert_eq!((out.slots8, out.used_callee_saved.len()), (0, 2), "{}", func.print_allocated(&out));
}

#[test]
fn arguments_are_made_where_calls_want_them() {
    let (func, out) = run(6, "block0:\n v0 <-\n v1 <-\n v2 <-\n <- v0@r2 v1@r0 v2@r1 / r0 r1 r2");
    assert!(out.moves.is_empty(), "{}", func.print_allocated(&out));
}

#[test]
fn constants_are_repeated_rather_than_spilled() {
    let (func, out) = run(3, "block0:\n c0 <-\n v1 v2 v3 <-\n v4 <- v1 v2\n <- v4 v3\n <- c0");
    assert_eq!(out.slots8, 0, "{}", func.print_allocated(&out));
    assert!(out.moves.iter().any(|(_, m)| m.from == Source::Remat));
}

#[test]
fn references_are_in_slots_at_safepoints() {
    let (func, out) = run(6, "block0:\n f0 v1 <-\n <- / safepoint\n <- f0 v1");
    assert_eq!(out.stack_maps.len(), 1);
    let stored = out.moves.iter().any(|&(_, m)| m.to == Loc::Slot(out.stack_maps[0].1));
    assert!(stored && out.stack_maps[0].0 == Inst::new(1), "{}", func.print_allocated(&out));
}

#[test]
fn swapped_loop_values_in_memory() {
    // Both parameters live in slots while the loop's four values need the registers.
    let (func, out) = run(
        3,
        "block0:
           v0 v1 <-
           <- -> block1(v0, v1)
         block1(v2, v3) depth=1:
           v4 v5 v6 <-
           v7 <- v4 v5
           <- v6 v7
           v8 v9 v10 <-
           <- v8 v9 v10
           v11 <-
           <- v11 -> block1(v3, v2) block2
         block2:
           <- v2 v3",
    );
    assert!(out.slots8 >= 2, "{}", func.print_allocated(&out));
}

#[test]
fn a_jump_into_a_loop_is_refused_and_left_to_the_plain_allocator() {
    let func = TestFunc::parse(
        "block0:
           v0 <-
           <- v0 -> block1 block2
         block1 depth=1:
           <- -> block2
         block2 depth=1:
           <- v0 -> block1 block3
         block3:
           <-",
    );
    let mut out = Output::default();
    let refused = Allocator::new().run(&func, &machine(6), &mut out);
    assert!(matches!(refused, Err(crate::regalloc::Error::Irreducible(_))), "{refused:?}");
    allocate_plainly(&func, &machine(6), &mut out);
}

#[test]
fn too_many_operands_are_an_error() {
    let func = TestFunc::parse("block0:\n v0 v1 v2 <-\n v3 <-\n <- v0 v1 v2 v3");
    let refused = Allocator::new().run(&func, &machine(3), &mut Output::default());
    assert_eq!(refused, Err(crate::regalloc::Error::OutOfRegisters(Inst::new(2))));
}
