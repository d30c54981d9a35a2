//! Branch protection: where landing pads and signatures are, and that code without pads is stopped where they are wanted.

use tiercel_abi::BranchProtection;

use crate::common::listing;
use crate::compile::{Module, Options, link};
use crate::qemu::{Case, Outcome, run};

/// Functions without a frame, with one, with a jump table, and that end in a call of one with more arguments.
const TEXT: &str = r#"(module
    (func $leaf (export "leaf") (param i64) (result i64) (i64.add (local.get 0) (i64.const 1)))
    (func $frame (param i64) (result i64) (i64.mul (call $leaf (local.get 0)) (local.get 0)))
    (func $table (param i32) (result i64)
        (block (block (block (block (block (block (block (block (block (block (block (block 
            (br_table 0 1 2 3 4 5 6 7 8 9 10 11 (local.get 0)))
            (return (call $leaf (i64.const 10))))
            (return (call $leaf (i64.const 11))))
            (return (call $leaf (i64.const 14))))
            (return (call $leaf (i64.const 19))))
            (return (call $leaf (i64.const 26))))
            (return (call $leaf (i64.const 35))))
            (return (call $leaf (i64.const 46))))
            (return (call $leaf (i64.const 59))))
            (return (call $leaf (i64.const 74))))
            (return (call $leaf (i64.const 91))))
            (return (call $leaf (i64.const 110))))
        (call $leaf (i64.const 131)))
    (func $wide (param i64 i64 i64 i64 i64 i64 i64 i64 i64 i64 i64) (result i64)
        (i64.add (local.get 10) (call $leaf (local.get 9))))
    (func $grows (param i64) (result i64)
        (return_call $wide (local.get 0) (local.get 0) (local.get 0) (local.get 0) (local.get 0) (local.get 0)
            (local.get 0) (local.get 0) (local.get 0) (i64.const 100) (i64.const 7))))"#;

/// Of the jump table.
const ENTRIES: usize = 12;
/// Landing pads as the disassembler has them.
const PADS: [&str; 3] = ["hint #34", "hint #36", "hint #38"];

/// The lines of each function.
fn functions(options: Options) -> Vec<Vec<String>> {
    let (code, entries) = link(&Module::new(TEXT), Options { no_inlining: true, ..options });
    let ends = entries[1..].iter().copied().chain([code.len()]);
    entries.iter().zip(ends).map(|(&start, end)| listing(&code[start..end])).collect()
}

#[test]
fn pads_and_signatures_are_where_they_belong() {
    for baseline in [false, true] {
        for protection in BranchProtection::ALL {
            for (number, lines) in functions(Options { protection, baseline, ..Options::default() }).iter().enumerate()
            {
                let what = format!("{protection:?}, function {number}:\n{}", lines.join("\n"));
                let count = |text: &str| lines.iter().filter(|line| *line == text).count();
                // Functions without a frame have nothing to sign.
                let has_frame = count("stp x29, x30, [sp, #-16]!") > 0;
                assert_eq!(has_frame, baseline || number != 0, "{what}");
                let signs = protection.signs_returns() && has_frame;
                assert_eq!(count("paciasp"), signs.into(), "{what}");
                assert_eq!(count("autiasp") + count("autia1716") >= 1, signs, "{what}");
                let first = lines[0].as_str();
                assert_eq!(first == "paciasp" || PADS.contains(&first), protection.has_pads() || signs, "{what}");
                // Each entry of the table.
                let jumps = if number == 2 && protection.has_pads() { ENTRIES } else { 0 };
                assert_eq!(count("hint #36"), jumps, "{what}");
            }
        }
    }
}

#[test]
#[cfg_attr(not(qemu_aarch64), ignore = "qemu-aarch64 is missing: apt-get install qemu-user")]
fn protected_functions_run() {
    let module = Module::new(TEXT);
    let mut cases: Vec<_> = [(0, 5), (1, 5), (4, 5)].map(|(func, arg)| Case { func, args: vec![arg] }).into();
    cases.extend((0..ENTRIES as u128 + 1).map(|arg| Case { func: 2, args: vec![arg] }));
    let entry = |arg: usize| 11 + arg.min(ENTRIES - 1).pow(2) as u64;
    let expected: Vec<u64> = [6, 30, 108].into_iter().chain((0..=ENTRIES).map(entry)).collect();
    for baseline in [false, true] {
        for protection in BranchProtection::ALL {
            let options = Options { protection, baseline, ..Options::default() };
            let (outcomes, _) = run(&module, &[], &[0; 64], &cases, options);
            for (outcome, expected) in outcomes.iter().zip(&expected) {
                assert!(
                    matches!(outcome, Outcome::Results(ints, _) if ints[0] == *expected),
                    "{options:?}: {outcome:?}"
                );
            }
        }
    }
}

#[test]
#[cfg_attr(not(qemu_aarch64), ignore = "qemu-aarch64 is missing: apt-get install qemu-user")]
fn code_without_pads_is_stopped() {
    let module = Module::new(TEXT);
    let (outcomes, _) = run(
        &module,
        &[],
        &[0; 64],
        &[Case { func: 0, args: vec![5] }],
        Options { guarded: true, ..Options::default() },
    );
    assert!(!matches!(outcomes[0], Outcome::Results(..)), "{outcomes:?}");
}
