//! Calls with none to forty arguments on the stack, of every type and mixed, around which forty values live: plain, in loops, behind early returns, as
//! arguments of each other, with results in memory, as tail calls between areas of different sizes, and stopped by a trap. Both policies of
//! calls run them, as the allocator likes and with everything spilled; the interpreter of the IR says what is right.

use std::fmt::Write as _;

use tiercel_abi::BranchProtection;
use tiercel_compiler::ir::Type;
use tiercel_compiler::ir::interp::Stop;
use tiercel_compiler::ir::machine::{Limits, Machine};
use tiercel_compiler::isa::aarch64::{CallPolicy, Ranges};
use tiercel_compiler::regalloc::Chaos;

use crate::common::{Random, listing};
use crate::compile::{Module, Options, link};
use crate::qemu::{self, Case, Outcome};

use Type::{F32, F64, I32, I64, V128};

/// Values that live across each call.
const LIVE: usize = 40;
/// How many arguments are on the stack.
const STACK_ARGS: [usize; 6] = [0, 1, 2, 9, 17, 40];
/// Sizes of a chain of tail calls: areas grow and shrink.
const CHAIN: [usize; 7] = [1, 40, 0, 17, 2, 9, 40];
const MIXES: [&[Type]; 6] = [&[I32], &[I64], &[F32], &[V128], &[I32, V128, F32, I64], &[F64, I32, V128, V128, I64]];

/// Parameters of these types in turn, of which so many are on the stack.
fn params(mix: &[Type], on_stack: usize) -> Vec<Type> {
    let (mut ints, mut vectors, mut left) = (8, 8, on_stack);
    let mut params = Vec::new();
    for &ty in mix.iter().cycle() {
        let registers = if ty.is_int() { &mut ints } else { &mut vectors };
        match (*registers, left) {
            (0, 0) => break,
            (0, _) => left -= 1,
            _ => *registers -= 1,
        }
        params.push(ty);
    }
    params
}

fn list(types: &[Type]) -> String {
    types.iter().map(|ty| ty.name()).collect::<Vec<_>>().join(" ")
}

/// A number made of a local of this type.
fn number(ty: Type, local: &str) -> String {
    let get = format!("(local.get ${local})");
    match ty {
        I32 => format!("(i64.extend_i32_u {get})"),
        F32 => format!("(i64.extend_i32_u (i32.reinterpret_f32 {get}))"),
        F64 => format!("(i64.reinterpret_f64 {get})"),
        V128 => format!("(i64.sub (i64x2.extract_lane 0 {get}) (i64.rotl (i64x2.extract_lane 1 {get}) (i64.const 9)))"),
        _ => get,
    }
}

/// A value of this type made of a number.
fn value(ty: Type, number: &str) -> String {
    match ty {
        I32 => format!("(i32.wrap_i64 {number})"),
        F32 => format!("(f32.convert_i64_s {number})"),
        F64 => format!("(f64.convert_i64_s {number})"),
        V128 => format!("(i64x2.replace_lane 1 (i64x2.splat {number}) (local.get $seed))"),
        _ => number.to_owned(),
    }
}

/// Adds a number to the sum.
fn sum(number: &str) -> String {
    format!("(local.set $sum (i64.add (i64.mul (local.get $sum) (i64.const 31)) {number}))\n")
}

/// Sums up locals of these types, `p0` and so on.
fn sum_all(prefix: char, types: &[Type]) -> String {
    types.iter().enumerate().map(|(index, ty)| sum(&number(*ty, &format!("{prefix}{index}")))).collect()
}

/// The values that live across calls: their types, in turn.
fn live() -> Vec<Type> {
    [I64, F32, I32, V128, F64].into_iter().cycle().take(LIVE).collect()
}

/// Arguments of these types, each one of the values of its type, from a number of them on.
fn args(types: &[Type], from: usize) -> String {
    let live = live();
    let pick = |(index, ty): (usize, &Type)| {
        let fitting: Vec<usize> = (0..LIVE).filter(|value| live[*value] == *ty).collect();
        format!("(local.get $l{})", fitting[(index + from) % fitting.len()])
    };
    types.iter().enumerate().map(pick).collect::<Vec<_>>().join(" ")
}

/// A function of a seed with the forty values, what it does with them, and their sum.
fn caller(name: &str, locals: &str, body: &str) -> String {
    let live = live();
    let mut text =
        format!("(func (export \"{name}\") (param $seed i64) (result i64) (local $sum i64) (local $i i32) {locals}");
    live.iter().enumerate().for_each(|(index, ty)| write!(text, "(local $l{index} {})", ty.name()).expect("a string"));
    for (index, ty) in live.iter().enumerate() {
        let number = format!("(i64.mul (local.get $seed) (i64.const {}))", 2 * index + 3);
        writeln!(text, "(local.set $l{index} {})", value(*ty, &number)).expect("a string");
    }
    // Whatever follows finds them in the frame.
    text + "(local.set $seed (call $same (local.get $seed)))\n" + body + &sum_all('l', &live) + "(local.get $sum))\n"
}

/// The text of a module for one mix of types; how many functions may be called from outside; and which of them trap.
fn text(mix: &[Type]) -> String {
    let mut text = String::from("(module (memory 1)\n");
    // Those that are called from outside come first.
    for count in STACK_ARGS {
        let types = params(mix, count);
        let call = |from: usize| format!("(call $sink{count} {})", args(&types, from));
        text += &caller(&format!("plain{count}"), "", &(sum(&call(0)) + &sum(&call(1))));
        let round = sum(&call(2)) + "(local.set $l0 (local.get $sum))";
        let again = "(br_if $l (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1))) (i32.const 3)))";
        text += &caller(&format!("loop{count}"), "", &format!("(loop $l {round} {again})\n"));
        let bit = |bit: u32| format!("(i32.wrap_i64 (i64.and (local.get $seed) (i64.const {bit})))");
        let early = |from: usize| format!("(if {} (then (return {})))\n", bit(from as u32), call(from));
        text += &caller(&format!("early{count}"), "", &(early(1) + &sum(&call(3)) + &early(2) + &sum(&call(4))));
        // Each argument is made of a call with fewer of them.
        let inner = params(mix, count / 3);
        let nested = types.iter().enumerate().map(|(index, ty)| match index % 5 {
            0 => value(*ty, &format!("(call $less{count} {})", args(&inner, index))),
            _ => args(&[*ty], index),
        });
        let nested = format!("(call $sink{count} {})", nested.collect::<Vec<_>>().join(" "));
        text += &caller(&format!("nested{count}"), "", &(sum(&nested) + &sum(&nested)));
        let declared: String =
            (0..types.len()).map(|index| format!("(local $r{index} {})", types[index].name())).collect();
        let set: String = (0..types.len()).rev().map(|index| format!("local.set $r{index} ")).collect();
        let results = format!("(call $turn{count} {}) {set}\n", args(&types, 5)) + &sum_all('r', &types);
        text += &caller(&format!("results{count}"), &declared, &results);
        // The operand of the division is zero for some; so is that behind which the memory ends.
        let trapping = format!(
            "{} (i32.wrap_i64 (i64.div_u (local.get $sum) (i64.sub (local.get $seed) (i64.const 2)))) (drop)
             (i32.load (i32.wrap_i64 (i64.mul (local.get $seed) (i64.const 16000)))) (drop)",
            sum(&format!("(call $fails{count} {})", args(&types, 6)))
        );
        text += &caller(&format!("trap{count}"), "", &trapping);
    }
    text += &caller("tail", "", &sum(&format!("(call $tail0 {})", args(&params(mix, CHAIN[0]), 0))));
    text += "(func $same (param $seed i64) (result i64) (local.get 0))\n";
    for count in STACK_ARGS {
        let types = params(mix, count);
        let declared: String =
            types.iter().enumerate().map(|(index, ty)| format!("(param $p{index} {})", ty.name())).collect();
        let all = sum_all('p', &types);
        let few = params(mix, count / 3);
        let fewer: String =
            few.iter().enumerate().map(|(index, ty)| format!("(param $p{index} {})", ty.name())).collect();
        writeln!(text, "(func $sink{count} {declared} (result i64) (local $sum i64) {all} (local.get $sum))")
            .expect("a string");
        writeln!(
            text,
            "(func $less{count} {fewer} (result i64) (local $sum i64) {} (local.get $sum))",
            sum_all('p', &few)
        )
        .expect("a string");
        let fails = "(if (i64.eqz (i64.rem_u (local.get $sum) (i64.const 3))) (then unreachable))";
        writeln!(text, "(func $fails{count} {declared} (result i64) (local $sum i64) {all} {fails} (local.get $sum))")
            .expect("a string");
        // Each result is the parameter of its type in front of it, or the last one.
        let before = |index: usize| {
            let mut others = (0..index).rev().chain((index..types.len()).rev());
            others.find(|other| types[*other] == types[index]).expect("itself")
        };
        let turned: String = (0..types.len()).map(|index| format!("(local.get $p{})", before(index))).collect();
        writeln!(text, "(func $turn{count} {declared} (result {}) {turned})", list(&types)).expect("a string");
    }
    for (place, &count) in CHAIN.iter().enumerate() {
        let types = params(mix, count);
        let declared: String =
            types.iter().enumerate().map(|(index, ty)| format!("(param $p{index} {})", ty.name())).collect();
        let next = CHAIN.get(place + 1).map(|count| params(mix, *count));
        let end = match next {
            None => "(local.get $sum)".to_owned(),
            Some(next) => {
                // Those of the same type from the last one on, or the sum so far.
                let args = next.iter().enumerate().map(|(index, ty)| {
                    let fitting: Vec<usize> = (0..types.len()).filter(|param| types[*param] == *ty).rev().collect();
                    match index % 4 {
                        0 => value(*ty, "(local.get $sum)").replace("$seed", "$sum"),
                        _ => format!("(local.get $p{})", fitting[index % fitting.len()]),
                    }
                });
                format!("(return_call $tail{} {})", place + 1, args.collect::<Vec<_>>().join(" "))
            }
        };
        writeln!(text, "(func $tail{place} {declared} (result i64) (local $sum i64) {} {end})", sum_all('p', &types))
            .expect("a string");
    }
    text + ")"
}

/// How many functions are called from outside.
const CALLERS: usize = 6 * STACK_ARGS.len() + 1;

/// One mix of types, compiled in each of these ways.
fn check(mix: &[Type], ways: &[Options]) {
    let text = text(mix);
    let module = Module::new(&text);
    let limits = Limits { steps: 1 << 30, depth: 100, memory_bytes: 1 << 20, table_elements: 10, fuel: 0 };
    let mut machine = Machine::instantiate(&module.info, &module.bytes, limits, |body| Ok(module.ir(body)))
        .unwrap_or_else(|stop| panic!("{stop:?}"));
    let mut cases = Vec::new();
    for func in 0..CALLERS {
        cases.extend([1, 2, 4, 0x1234_5678_9abc_def4].map(|seed| Case { func, args: vec![seed] }));
    }
    let expected: Vec<_> = cases.iter().map(|case| machine.call_func(case.func as u32, &case.args)).collect();
    let trapped = expected.iter().filter(|outcome| outcome.is_err()).count();
    assert!((STACK_ARGS.len()..4 * STACK_ARGS.len()).contains(&trapped), "{trapped} calls trap");
    for &options in ways {
        let memory = vec![0; 1 << 16];
        let (outcomes, _) = qemu::run(&module, &[], &memory, &cases, options);
        for ((case, outcome), expected) in cases.iter().zip(outcomes).zip(&expected) {
            let same = match (expected, &outcome) {
                (Ok(values), Outcome::Results(ints, _)) => values[0] == ints[0].into(),
                (Err(Stop::Trap(trap)), Outcome::Trap(code)) => u16::from(trap.code()) == *code,
                (Err(Stop::Trap(trap)), Outcome::Fault) => *trap == tiercel_abi::Trap::MemoryOutOfBounds,
                _ => false,
            };
            let name = &module.info.exports[case.func].name;
            assert!(same, "{name} of {:x?} with {mix:?}, {options:?}: {outcome:x?}, not {expected:x?}", case.args);
        }
    }
}

/// The ways that a policy is tried in.
fn ways(policy: CallPolicy) -> [Options; 6] {
    let as_usual = Options { policy: Some(policy), no_inlining: true, ..Options::default() };
    let chaos = |chaos| Options { chaos, ..as_usual };
    [
        as_usual,
        Options { plain: true, ..as_usual },
        chaos(Chaos { seed: 1, spill: 255, ..Chaos::default() }),
        chaos(Chaos { seed: 2, spill: 90, split: 90, reverse: true, ..Chaos::default() }),
        Options { ranges: Ranges::SMALL, explicit: true, ..as_usual },
        Options { protection: BranchProtection::Standard, ..as_usual },
    ]
}

#[test]
#[cfg_attr(not(qemu_aarch64), ignore = "qemu-aarch64 is missing: apt-get install qemu-user")]
fn areas_that_are_reserved() {
    MIXES.iter().for_each(|mix| check(mix, &ways(CallPolicy::Reserved)));
}

#[test]
#[cfg_attr(not(qemu_aarch64), ignore = "qemu-aarch64 is missing: apt-get install qemu-user")]
fn arguments_that_are_pushed() {
    MIXES.iter().for_each(|mix| check(mix, &ways(CallPolicy::Pushed)));
}

#[test]
#[cfg_attr(not(qemu_aarch64), ignore = "qemu-aarch64 is missing: apt-get install qemu-user")]
fn random_mixes() {
    let mut random = Random(11);
    for number in 0..4 {
        let mut mix = Vec::new();
        (0..random.between(2, 9)).for_each(|_| mix.push(random.pick(&[I32, I64, F32, F64, V128])));
        // Registers of both classes are to be used up.
        mix.extend([I64, V128]);
        let policy = [CallPolicy::Reserved, CallPolicy::Pushed][number % 2];
        check(&mix, &ways(policy)[..3]);
    }
}

/// What the tests above are about happens: with arguments pushed, values are loaded from the frame while the stack pointer is further down.
#[test]
fn reloads_lie_between_pushes() {
    for mix in MIXES {
        let module = Module::new(&text(mix));
        let [as_usual, ..] = ways(CallPolicy::Pushed);
        // In functions that have no arguments on the stack themselves.
        let (code, entries) = link(&module, as_usual);
        let lines = listing(&code[..entries[CALLERS]]);
        let (mut pushed, mut reloads) = (None, 0);
        for line in &lines {
            if let Some(bytes) = line.strip_prefix("sub sp, sp, #") {
                pushed = bytes.parse::<u32>().ok();
            } else if line.starts_with("bl ") {
                pushed = None;
            } else if let Some(pushed) = pushed
                && line.starts_with("ld")
                && let Some((_, offset)) = line.split_once("[sp, #")
                && offset.trim_end_matches(']').parse::<u32>().is_ok_and(|offset| offset >= pushed)
            {
                reloads += 1;
            }
        }
        assert!(reloads > 100, "{mix:?}: {reloads} loads");
    }
}
