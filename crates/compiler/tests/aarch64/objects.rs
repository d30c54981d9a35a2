//! Objects and references, run: made with and without room, told apart, kept across calls.

use crate::compile::{Module, Options};
use crate::qemu::{Case, Outcome, run};
use tiercel_compiler::isa::aarch64::CallPolicy;
use tiercel_compiler::regalloc::Chaos;

const TEXT: &str = r#"(module
  (memory 1)
  (type $a (sub (struct (field $x (mut i32)))))
  (type $b (sub $a (struct (field $x (mut i32)) (field $next (ref null $a)))))
  (type $c (sub final $a (struct (field $x (mut i32)) (field i64))))
  (type $numbers (array (mut i32)))
  (func $chain (param $n i32) (result (ref null $a))
    (local $list (ref null $a))
    (block $done (loop $more
      (br_if $done (i32.eqz (local.get $n)))
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (local.set $list (struct.new $b (local.get $n) (local.get $list)))
      (br $more)))
    (local.get $list))
  (func $total (param $list (ref null $a)) (result i32)
    (local $sum i32)
    (block $done (loop $more
      (br_if $done (ref.is_null (local.get $list)))
      (local.set $sum (i32.add (local.get $sum) (struct.get $a $x (local.get $list))))
      (local.set $list (struct.get $b $next (ref.cast (ref $b) (local.get $list))))
      (br $more)))
    (local.get $sum))
  (func $sum (param $n i32) (result i32)
    (local $p (ref null $a)) (local $q (ref null $a)) (local $r (ref null $a))
    (local.set $p (call $chain (local.get $n)))
    (local.set $q (call $chain (i32.const 3)))
    (local.set $r (struct.new $c (i32.const 1000) (i64.const 1)))
    (i32.add (call $total (local.get $p))
      (i32.add (call $total (local.get $q)) (struct.get $a $x (local.get $r)))))
  (func $make (param $kind i32) (result anyref)
    (block (block (block (block (block (block (br_table 0 1 2 3 4 5 (local.get $kind)))
      (return (struct.new $a (i32.const 1))))
      (return (struct.new $b (i32.const 2) (ref.null $a))))
      (return (struct.new $c (i32.const 3) (i64.const 4))))
      (return (ref.i31 (i32.const 5))))
      (return (ref.null any)))
    (array.new_fixed $numbers 2 (i32.const 6) (i32.const 7)))
  (func $kinds (param $kind i32) (result i32)
    (local $it anyref) (local $bits i32)
    (local.set $it (call $make (local.get $kind)))
    (local.set $bits (i32.or (ref.test (ref $a) (local.get $it)) (i32.shl (ref.test (ref null $b) (local.get $it)) (i32.const 1))))
    (local.set $bits (i32.or (local.get $bits) (i32.shl (ref.test (ref $c) (local.get $it)) (i32.const 2))))
    (local.set $bits (i32.or (local.get $bits) (i32.shl (ref.test (ref struct) (local.get $it)) (i32.const 3))))
    (local.set $bits (i32.or (local.get $bits) (i32.shl (ref.test (ref i31) (local.get $it)) (i32.const 4))))
    (local.set $bits (i32.or (local.get $bits) (i32.shl (ref.test (ref array) (local.get $it)) (i32.const 5))))
    (local.set $bits (i32.or (local.get $bits) (i32.shl (ref.is_null (local.get $it)) (i32.const 6))))
    (if (ref.test (ref eq) (local.get $it)) (then (local.set $bits (i32.or (local.get $bits) (i32.const 128)))))
    (local.get $bits))
  (func $cast (param $kind i32) (result i32)
    (struct.get $b $x (ref.cast (ref $b) (call $make (local.get $kind))))))"#;

const SUM: usize = 2;
const KINDS: usize = 4;
const CAST: usize = 5;

fn check(options: Options) {
    let module = Module::new(TEXT);
    let mut cases = Vec::new();
    let mut expected = Vec::new();
    for n in [0, 1, 2, 30] {
        cases.push(Case { func: SUM, args: vec![n] });
        // Once the objects of all cases are in the heap.
        expected.push(Some((n * n.saturating_sub(1) / 2 + 3 + 1000) as u64));
    }
    for (kind, bits) in [137, 139, 141, 144, 66, 160].into_iter().enumerate() {
        cases.push(Case { func: KINDS, args: vec![kind as u128] });
        expected.push(Some(bits));
        cases.push(Case { func: CAST, args: vec![kind as u128] });
        expected.push((kind == 1).then_some(2));
    }
    let (outcomes, _) = run(&module, &[], &[0; 65536], &cases, options);
    for ((case, outcome), expected) in cases.iter().zip(outcomes).zip(expected) {
        let same = match (&outcome, expected) {
            (Outcome::Results(ints, _), Some(value)) => ints[0] == value,
            (Outcome::Trap(code), None) => *code == u16::from(tiercel_abi::Trap::CastFailure.code()),
            _ => false,
        };
        assert!(same, "{options:?}, function {} of {:?}: {outcome:x?}, not {expected:?}", case.func, case.args);
    }
}

#[test]
#[cfg_attr(not(qemu_aarch64), ignore = "qemu-aarch64 is missing: apt-get install qemu-user")]
fn objects_are_made_and_told_apart() {
    check(Options::default());
    check(Options { policy: Some(CallPolicy::Pushed), check_widths: true, ..Options::default() });
    check(Options { plain: true, ..Options::default() });
    check(Options { explicit: true, ..Options::default() });
    check(Options { baseline: true, check_widths: true, ..Options::default() });
    check(Options { baseline: true, explicit: true, ..Options::default() });
    for seed in 0..4 {
        check(Options { chaos: Chaos { seed, spill: 60, split: 60, ..Chaos::default() }, ..Options::default() });
    }
}
