//! Large functions: they are allocated, and what their tenth and they themselves take is printed (`-- --nocapture`), to be read: time should
//! grow with size and not faster. A walk that is quadratic would not end here.

use super::func::{TestBlock, TestFunc, TestInst, kind};
use super::random::{Generator, Rng};
use super::*;
use crate::entity::Entity;
use crate::regalloc::{Block, Constraint, Operand, Role, VReg};
use std::time::{Duration, Instant};

fn use_(vreg: usize) -> Operand {
    Operand { vreg: VReg::new(vreg), role: Role::Use, constraint: Constraint::Reg }
}

fn def(vreg: usize) -> Operand {
    Operand { role: Role::Def, ..use_(vreg) }
}

fn inst(operands: Vec<Operand>) -> TestInst {
    TestInst { operands, ..TestInst::default() }
}

/// `size` values in one block, each made of two earlier ones, now and then very old ones.
fn straight_line(size: usize) -> TestFunc {
    let mut rng = Rng(7);
    let mut func = TestFunc { vregs: vec![kind('v'); size], ..TestFunc::default() };
    for vreg in 0..size {
        let mut pick = || if rng.below(8) == 0 { rng.below(vreg) } else { vreg - 1 - rng.below(vreg.min(12)) };
        let uses = if vreg == 0 { vec![] } else { vec![use_(pick()), use_(pick())] };
        func.insts.push(inst(uses.into_iter().chain([def(vreg)]).collect()));
    }
    func.blocks.push(TestBlock { insts: 0..size, ..TestBlock::default() });
    func
}

/// `size` blocks that each go to the next or to a common end, with a few values live through all.
fn many_blocks(size: usize) -> TestFunc {
    let mut func = TestFunc { vregs: vec![kind('v'); 40 + size], ..TestFunc::default() };
    func.insts.push(inst((0..5).map(def).collect()));
    func.insts.extend((5..40).map(|vreg| inst(vec![use_(vreg - 5), def(vreg)])));
    for block in 0..size {
        let first = if block == 0 { 0 } else { func.insts.len() };
        func.insts.push(inst(vec![use_(block % 40), def(40 + block)]));
        func.insts.push(inst(vec![use_(40 + block)]));
        let succs =
            if block + 2 < size { vec![Block::new(block + 1), Block::new(size)] } else { vec![Block::new(size)] };
        let insts = first..func.insts.len();
        if block + 1 < size {
            let succs = if block + 2 < size { succs } else { vec![Block::new(size - 1), Block::new(size)] };
            func.blocks.push(TestBlock { args: vec![vec![]; succs.len()], insts, succs, ..TestBlock::default() });
        } else {
            func.insts.last_mut().expect("an instruction").operands.clear();
            func.blocks.push(TestBlock { args: vec![vec![]], insts, succs, ..TestBlock::default() });
        }
    }
    let insts = func.insts.len()..func.insts.len() + 1;
    func.insts.push(inst((0..5).map(use_).collect()));
    func.blocks.push(TestBlock { insts, ..TestBlock::default() });
    func
}

/// Loops nested `size` deep, each with a value of its own.
fn deep_loops(size: usize) -> TestFunc {
    let mut func = TestFunc { vregs: vec![kind('v'); size + 1], ..TestFunc::default() };
    func.insts.push(inst(vec![def(0)]));
    func.insts.push(inst(vec![]));
    func.blocks.push(TestBlock { insts: 0..2, succs: vec![Block::new(1)], args: vec![vec![]], ..TestBlock::default() });
    for level in 1..=2 * size {
        let first = func.insts.len();
        let opens = level <= size;
        let depth = if opens { level } else { 2 * size + 1 - level };
        let succs = if opens {
            func.insts.push(inst(vec![use_(level - 1), def(level)]));
            func.insts.push(inst(vec![]));
            vec![Block::new(level + 1)]
        } else {
            func.insts.push(inst(vec![use_(depth)]));
            vec![Block::new(depth), Block::new(level + 1)]
        };
        let insts = first..func.insts.len();
        func.blocks.push(TestBlock {
            args: vec![vec![]; succs.len()],
            insts,
            succs,
            depth: depth as u32,
            ..TestBlock::default()
        });
    }
    let insts = func.insts.len()..func.insts.len() + 1;
    func.insts.push(inst(vec![use_(0)]));
    func.blocks.push(TestBlock { insts, ..TestBlock::default() });
    func
}

/// Shortest of a few runs. What is refused as too complex goes to the plain allocator, and counts.
fn time(func: &TestFunc, allocator: &mut Allocator) -> Duration {
    let machine = machine(14);
    let mut out = Output::default();
    let runs = (0..3).map(|_| {
        let start = Instant::now();
        match allocator.run(func, &machine, &mut out) {
            Err(crate::regalloc::Error::TooComplex) => {
                plain::allocate(func, &machine, &mut out).expect("plain allocation")
            }
            done => done.expect("allocation"),
        }
        start.elapsed()
    });
    runs.min().expect("a run")
}

fn check_growth(name: &str, make: fn(usize) -> TestFunc, size: usize) {
    let mut allocator = Allocator::new();
    judge_only(&make(size / 100));
    let (small, large) = (make(size / 10), make(size));
    let (quick, slow) = (time(&small, &mut allocator), time(&large, &mut allocator));
    let per_inst = slow.as_nanos() as usize / large.insts.len();
    println!("{name}: {}: {quick:?}; {size}: {slow:?}, {per_inst} ns per instruction", size / 10);
}

fn judge_only(func: &TestFunc) {
    allocate(func, &machine(14), &mut Allocator::new(), &mut Output::default());
}

#[test]
fn straight_line_of_200_000_values() {
    check_growth("straight line", straight_line, 200_000);
}

#[test]
fn a_hundred_thousand_blocks() {
    check_growth("blocks", many_blocks, 100_000);
}

#[test]
fn loops_nested_deeply() {
    check_growth("nested loops", deep_loops, 20_000);
}

#[test]
fn speed_on_random_functions() {
    let mut allocator = Allocator::new();
    let funcs: Vec<TestFunc> = (0..100).map(|seed| Generator::function(seed, 14, 8)).collect();
    let total: Duration = funcs.iter().map(|func| time(func, &mut allocator)).sum();
    let insts: usize = funcs.iter().map(|func| func.insts.len()).sum();
    println!("random: {insts} instructions, {} ns each", total.as_nanos() as usize / insts);
}
