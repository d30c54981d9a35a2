//! Each fuzz target for a short while, on the same bytes each time.

use tiercel_random::bytes;
use tiercel_random::targets::{TARGETS, named};

fn run(name: &str) {
    let target = named(name).expect("a target");
    for seed in 0..target.cases {
        (target.run)(&bytes::from_seed(seed, target.bytes));
    }
    // What a fuzzer starts with.
    (target.run)(&[]);
    (target.run)(&[0]);
}

#[test]
fn decode() {
    run("decode");
}

#[test]
fn text() {
    run("text");
}

#[test]
fn differential() {
    run("differential");
}

#[test]
fn arithmetic() {
    run("arithmetic");
}

#[test]
fn regalloc() {
    run("regalloc");
}

/// Every target has a test here and a file for libFuzzer.
#[test]
fn every_target_is_everywhere() {
    let tests = include_str!("targets.rs");
    for target in TARGETS {
        assert!(tests.contains(&format!("fn {}()", target.name)), "no test runs `{}`", target.name);
        let file = format!("{}/../../fuzz/fuzz_targets/{}.rs", env!("CARGO_MANIFEST_DIR"), target.name);
        assert!(std::path::Path::new(&file).exists(), "no {file}");
    }
}
