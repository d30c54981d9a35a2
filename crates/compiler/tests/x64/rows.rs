//! Every row, width and twin: all combinations of registers, a set of addresses, all kinds of immediates.

use std::collections::BTreeSet;
use tiercel_compiler::isa::x64::insts::{ROWS, all_ops};

use crate::common::{Judge, fill, forms, has_target, register_groups, some_addresses, template, variants};

#[test]
fn every_register_combination() {
    let mut judge = Judge::new();
    for op in all_ops().filter(|op| forms(*op).0 && !has_target(*op)) {
        let groups = register_groups(op, false);
        let mut numbers = vec![0u8; groups.len()];
        for combination in 0..16usize.pow(groups.len() as u32) {
            for (place, number) in numbers.iter_mut().enumerate() {
                *number = (combination >> (4 * place) & 15) as u8;
            }
            let mut inst = template(op, None);
            fill(&mut inst, &groups, &numbers);
            let variants = variants(inst);
            // Immediates and conditions do not depend on registers: take turns.
            judge.check(&variants[combination % variants.len()]);
        }
    }
    assert!(judge.checked > 500_000, "{} checked", judge.checked);
}

#[test]
fn every_immediate_and_condition() {
    let mut judge = Judge::new();
    for op in all_ops().filter(|op| !has_target(*op)) {
        let (with_regs, with_mem) = forms(op);
        let mems = some_addresses().into_iter().map(Some).filter(|_| with_mem);
        for mem in mems.chain(with_regs.then_some(None)) {
            for number in [0, 4, 5, 7, 8, 12, 15] {
                let mut inst = template(op, mem);
                let groups = register_groups(op, mem.is_some());
                fill(&mut inst, &groups, &[number, number ^ 9, 15 - number, 3][..groups.len()]);
                for inst in variants(inst) {
                    judge.check(&inst);
                }
            }
        }
    }
    assert!(judge.checked > 100_000, "{} checked", judge.checked);
}

/// A row that none of the tests here looks at would be believed without proof: those above take all without a target, and random programs have
/// the others.
#[test]
fn every_row_is_checked() {
    let programs = [include_str!("programs.rs"), include_str!("assembler.rs")];
    let mut judge = Judge::new();
    let mut names = BTreeSet::new();
    for op in all_ops() {
        let name = op.row().name;
        if has_target(op) {
            let used = [format!("Op::{name},"), format!("Op::{name})")];
            let is_used = programs.iter().any(|text| used.iter().any(|used| text.contains(used)));
            assert!(is_used, "no program has {name}");
        } else {
            let (with_regs, with_mem) = forms(op);
            for mem in [None].into_iter().filter(|_| with_regs).chain(with_mem.then(|| Some(some_addresses()[12]))) {
                let groups = register_groups(op, mem.is_some());
                let mut inst = template(op, mem);
                fill(&mut inst, &groups, &[3, 6, 7, 11, 9][..groups.len()]);
                judge.check(&variants(inst)[0]);
            }
        }
        names.insert(name);
    }
    let missing: Vec<&str> = ROWS.iter().map(|row| row.name).filter(|name| !names.contains(name)).collect();
    assert!(missing.is_empty(), "no operation is of the rows {missing:?}");
}

#[test]
fn every_row_is_sound() {
    for (number, row) in ROWS.iter().enumerate() {
        assert!(ROWS[..number].iter().all(|other| other.name != row.name), "{} is there twice", row.name);
        assert!(
            row.operands.iter().filter(|operand| operand.kind == tiercel_compiler::isa::x64::row::Kind::RegMem).count()
                < 2
        );
    }
    assert!(ROWS.len() > 350, "{} rows", ROWS.len());
}
