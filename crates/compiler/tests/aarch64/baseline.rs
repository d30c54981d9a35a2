//! Frames of the baseline compiler: homes near `x29`, near the stack pointer, and far from both.

use std::fmt::Write as _;

use crate::compile::{Module, Options};
use crate::qemu::{self, Case, Outcome};

/// A function with so many locals of three types and as many operands at once, which lie in its frame around calls.
fn text(count: u64) -> String {
    let mut text =
        String::from("(module (func $same (param i64) (result i64) (local.get 0))\n(func (param i64) (result i64)");
    for number in 0..count {
        write!(text, "(local $i{number} i64) (local $f{number} f32) (local $v{number} v128)").expect("a string");
    }
    for number in 0..count {
        write!(
            text,
            "(local.set $i{number} (i64.mul (local.get 0) (i64.const {})))
             (local.set $f{number} (f32.convert_i32_s (i32.const {number})))
             (local.set $v{number} (i64x2.splat (local.get $i{number})))\n",
            2 * number + 1
        )
        .expect("a string");
    }
    for number in 0..count {
        write!(text, "(call $same (local.get $i{number})) ").expect("a string");
    }
    text.push_str("(local.set $f0 (f32.const 1))\n");
    for number in 1..count {
        write!(text, "i64.sub (local.set $f0 (f32.add (local.get $f0) (local.get $f{number})))").expect("a string");
        writeln!(text, "(local.set $v0 (i64x2.add (local.get $v0) (local.get $v{number})))").expect("a string");
    }
    text.push_str("(i64.add (i64.trunc_f32_s (local.get $f0))) (i64.add (i64x2.extract_lane 1 (local.get $v0)))))");
    text
}

fn expected(count: u64, param: u64) -> u64 {
    let values = (0..count).map(|number| param.wrapping_mul(2 * number + 1));
    let ints = values.clone().rev().reduce(|right, left| left.wrapping_sub(right)).unwrap_or(0);
    let floats = (1..count).sum::<u64>() + 1;
    ints.wrapping_add(floats).wrapping_add(values.fold(0, u64::wrapping_add))
}

#[test]
#[cfg_attr(not(qemu_aarch64), ignore = "qemu-aarch64 is missing: apt-get install qemu-user")]
fn frames_of_all_sizes() {
    for count in [1, 3, 10, 100, 400, 430, 2000] {
        let module = Module::new(&text(count));
        let params = [0, 1, 0x1234_5678_9abc_def1];
        let cases = params.map(|param| Case { func: 1, args: vec![param.into()] });
        for options in [Options::default(), Options { explicit: true, check_widths: true, ..Options::default() }] {
            let (outcomes, _) = qemu::run(&module, &[], &[], &cases, Options { baseline: true, ..options });
            for (param, outcome) in params.into_iter().zip(outcomes) {
                let Outcome::Results(ints, _) = outcome else { panic!("{count} locals: {outcome:x?}") };
                assert_eq!(ints[0], expected(count, param), "{count} locals, {options:?}");
            }
        }
    }
}

/// The script about vectors in registers, whose functions of two vectors give 1.
#[test]
#[cfg_attr(not(qemu_aarch64), ignore = "qemu-aarch64 is missing: apt-get install qemu-user")]
fn vectors_in_registers() {
    let script = include_str!("../../../../tests/wast/vectors-in-registers.wast");
    let end = script.find("(assert_return").expect("the assertions follow the module");
    let module = Module::new(&script[..end]);
    let count = script[..end].matches("(param $a v128) (param $b v128) (result i32)").count();
    assert!(count > 20, "only {count} functions");
    let args = vec![0x7fff_0001_0807_f605_00fe_8102_80ff_7f01, 0x0001_0203_8b06_f605_fe81_02ff_0310_4005];
    let cases: Vec<Case> = (0..count).map(|func| Case { func, args: args.clone() }).collect();
    for options in [Options::default(), Options { explicit: true, check_widths: true, ..Options::default() }] {
        for baseline in [false, true] {
            let (outcomes, _) = qemu::run(&module, &[], &[0; 65536], &cases, Options { baseline, ..options });
            for (func, outcome) in outcomes.into_iter().enumerate() {
                let Outcome::Results(ints, _) = outcome else { panic!("function {func}: {outcome:x?}") };
                assert_eq!(ints[0], 1, "function {func}, by baseline: {baseline}");
            }
        }
    }
}
