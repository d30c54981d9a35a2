//! Branches and constants that do not reach: random programs with labels, with ranges as the hardware has them and much smaller ones.

use std::collections::HashSet;

use tiercel_compiler::isa::aarch64::regs::{v, x};
use tiercel_compiler::isa::aarch64::{Assembler, Cond, Features, Inst, Label, Mem, Op, Ranges};
use yaxpeax_arm::armv8::a64::Operand;

use crate::common::{Random, decode, words};

/// A unit of a program.
enum Unit {
    Plain,
    /// A branch to the label with this number.
    To(Inst, usize),
    /// A load of a constant.
    Load(u128, u32),
    /// The address of the table that follows behind a branch.
    Address,
    Jump,
    Table(Vec<usize>),
}

fn program(seed: u64, ranges: Ranges, len: usize) -> u32 {
    let mut random = Random(seed);
    let mut asm = Assembler::with_ranges(Features::ALL, ranges);
    let labels: Vec<Label> = (0..1 + random.below(60)).map(|_| asm.label()).collect();
    let mut to_bind: Vec<usize> = (0..labels.len()).collect();
    // Each unit and where it ends.
    let mut units = Vec::new();
    for _ in 0..len {
        if !to_bind.is_empty() && random.below((len / labels.len() + 1) as i64) == 0 {
            let at = random.below(to_bind.len() as i64) as usize;
            asm.bind(labels[to_bind.swap_remove(at)]);
        }
        let target = random.below(labels.len() as i64) as usize;
        let label = labels[target];
        let (reg, bit) = (random.gpr(), random.between(0, 63));
        let to = |inst: Inst| Unit::To(inst, target);
        let unit = match random.below(12) {
            0 => to(Inst::to_label(Op::B, [], label)),
            1 | 2 => to(Inst::to_label(Op::BCC, [], label).cond(random.pick(&Cond::ALL))),
            3 => to(Inst::to_label(Op::CBZ.s64(), [reg], label)),
            4 => to(Inst::to_label(Op::CBNZ.s32(), [reg], label)),
            5 | 6 => to(Inst::to_label(Op::TBZ, [reg], label).imm(bit)),
            7 => to(Inst::to_label(Op::TBNZ, [reg], label).imm(bit)),
            8 => Unit::Load(u128::from(random.below(20) as u64) + 7, random.pick(&[4, 8, 16])),
            9 if random.below(4) == 0 => {
                Unit::Table((0..random.below(9)).map(|_| random.below(labels.len() as i64) as usize).collect())
            }
            _ => Unit::Plain,
        };
        match &unit {
            Unit::To(inst, _) => asm.emit_plain(inst),
            Unit::Load(bits, bytes) => {
                let id = asm.constant_id(*bits, *bytes);
                let op = [Op::LDR_S, Op::LDR_D, Op::LDR_Q][bytes.trailing_zeros() as usize - 2];
                asm.rm(op, v(5), Mem::constant(id));
            }
            Unit::Table(targets) => {
                let table = asm.label();
                asm.emit_plain(&Inst::m(Op::LEA, [x(7)], Mem::label(table)));
                units.push((Unit::Address, asm.offset() as usize / 4));
                asm.r(Op::BR, x(7));
                units.push((Unit::Jump, asm.offset() as usize / 4));
                asm.jump_table(table, targets.iter().map(|target| labels[*target]));
            }
            _ => asm.op(Op::NOP),
        }
        units.push((unit, asm.offset() as usize / 4));
    }
    to_bind.into_iter().for_each(|label| asm.bind(labels[label]));
    asm.op(Op::RET);
    units.push((Unit::Jump, asm.offset() as usize / 4));
    asm.finish();
    verify(seed, &asm, &labels, &units);
    asm.islands()
}

/// Checks where each branch goes, over veneers, and that what runs from unit to unit jumps over islands.
fn verify(seed: u64, asm: &Assembler, labels: &[Label], units: &[(Unit, usize)]) {
    let code = words(asm.code());
    let go = |at: usize| {
        let distance = decode(code[at]).operands.into_iter().find_map(|operand| match operand {
            Operand::PCOffset(offset) => Some(offset),
            _ => None,
        });
        (at as i64 + distance.expect("a distance") / 4) as usize
    };
    let is_b = |at: usize| code[at] >> 26 == 5;
    let place = |label: usize| asm.label_offset(labels[label]).expect("bound") as usize / 4;
    let bound: HashSet<usize> = (0..labels.len()).map(place).collect();
    // Whether a branch leads to a place, itself or by one veneer.
    let leads = |at: usize, to: usize| go(at) == to || (is_b(go(at)) && go(go(at)) == to);
    let (mut last_end, mut goes_on, mut address) = (0, true, 0);
    for (number, (unit, end)) in units.iter().enumerate() {
        let at = format!("seed {seed}, unit {number}");
        let mut start = end - 1;
        match unit {
            Unit::Plain | Unit::Jump => {}
            Unit::To(inst, label) if is_b(start) && inst.op() != Op::B => {
                // Turned around: it jumps over a branch that reaches.
                assert!(go(start - 1) == *end && leads(start, place(*label)), "{at}: {inst:?}");
                start -= 1;
            }
            Unit::To(inst, label) => assert!(leads(start, place(*label)), "{at}: {inst:?}"),
            Unit::Load(bits, bytes) => {
                let (from, bytes) = (go(start) * 4, *bytes as usize);
                assert_eq!(from % bytes, 0, "{at}: constants are aligned");
                assert_eq!(asm.code()[from..from + bytes], bits.to_le_bytes()[..bytes], "{at}");
            }
            Unit::Address => address = go(start),
            Unit::Table(targets) => {
                start = end - targets.len();
                assert_eq!(address, start, "{at}");
                for (index, target) in targets.iter().enumerate() {
                    let distance = code[start + index] as i32;
                    assert_eq!(start as i64 * 4 + i64::from(distance), place(*target) as i64 * 4, "{at}");
                }
            }
        }
        if start != last_end && (goes_on || bound.contains(&last_end)) {
            assert!(is_b(last_end) && go(last_end) == start, "{at}: what comes before runs into an island");
        }
        last_end = *end;
        goes_on = match unit {
            Unit::Jump | Unit::Table(_) => false,
            Unit::To(inst, _) => inst.op() != Op::B,
            _ => true,
        };
    }
}

#[test]
fn tiny_ranges_force_islands() {
    let mut islands = 0;
    for seed in 0..400 {
        let ranges =
            [Ranges { test: 64, cond: 256 }, Ranges { test: 128, cond: 128 }, Ranges { test: 400, cond: 1000 }];
        islands += program(seed, ranges[seed as usize % 3], [30, 200, 1500][seed as usize / 3 % 3]);
    }
    assert!(islands > 1000, "{islands} islands");
}

#[test]
fn ranges_of_the_hardware_need_none_in_small_code() {
    for seed in 0..60 {
        assert_eq!(program(seed, Ranges::default(), 1500), 0);
    }
}

#[test]
fn functions_of_megabytes() {
    // Each block tests a bit and compares, both with the cold end; 29,000 such branches wait.
    let mut asm = Assembler::new(Features::ALL);
    let cold: Vec<Label> = (0..29_000).map(|_| asm.label()).collect();
    for (number, label) in cold.iter().enumerate() {
        asm.emit_plain(&Inst::to_label(Op::TBNZ, [x(0)], *label).imm(3));
        asm.emit_plain(&Inst::to_label(Op::CBZ.s64(), [x(1)], *label));
        let id = asm.constant_id(number as u128 + 99, 8);
        asm.rm(Op::LDR_D, v(0), Mem::constant(id));
        (0..20).for_each(|_| asm.op(Op::NOP));
    }
    asm.op(Op::RET);
    for label in cold {
        asm.bind(label);
        asm.emit_plain(&Inst::r(Op::UDF, []).imm(1));
    }
    asm.finish();
    let islands = asm.islands();
    assert!((50..200).contains(&islands), "{islands} islands");
    // Each wait ends in one veneer at most.
    assert!(asm.code().len() < 29_000 * (24 * 4 + 8 + 8) + 100_000, "{} bytes", asm.code().len());
}
