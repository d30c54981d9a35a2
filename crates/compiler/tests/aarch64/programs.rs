//! Random modules with control flow, memory, globals, and calls with many arguments and results, compiled and run by `qemu-aarch64`, against
//! the interpreter of the IR: with both policies of calls, with every value in a slot, with the allocator's chaos, with tiny branch ranges.

use std::fmt::Write as _;

use tiercel_abi::BranchProtection;
use tiercel_compiler::ir::Type;
use tiercel_compiler::ir::interp::Stop;
use tiercel_compiler::ir::machine::{Limits, Machine};
use tiercel_compiler::isa::aarch64::{CallPolicy, Ranges};
use tiercel_compiler::regalloc::Chaos;

use crate::common::Random;
use crate::compile::{Module, Options};
use crate::qemu::{self, Case, Outcome};

const TYPES: [Type; 6] = [Type::I32, Type::I32, Type::I64, Type::I64, Type::F32, Type::F64];

#[derive(Clone)]
struct Signature {
    params: Vec<Type>,
    results: Vec<Type>,
}

/// Writes one function.
struct Writer<'a> {
    random: &'a mut Random,
    sigs: &'a [Signature],
    /// Its index; it calls functions behind it.
    func: usize,
    locals: Vec<Type>,
    out: String,
    /// Statements it may still have.
    budget: u32,
    labels: u32,
}

impl Writer<'_> {
    fn push(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn local(&mut self, ty: Type) -> Option<usize> {
        let fitting: Vec<usize> = (0..self.locals.len()).filter(|index| self.locals[*index] == ty).collect();
        (!fitting.is_empty()).then(|| self.random.pick(&fitting))
    }

    fn constant(&mut self, ty: Type) {
        let bits =
            self.random.pick(&[0, 1, 2, 3, 4, 8, 15, 255, 4095, 65535, u64::MAX, 1 << 31, 0x1234_5678_9abc_def0]);
        match ty {
            Type::I32 => write!(self.out, "(i32.const {})", bits as i32),
            Type::I64 => write!(self.out, "(i64.const {})", bits as i64),
            ty => write!(self.out, "({}.const {})", ty.name(), (bits as i8) as f64 / 4.0),
        }
        .expect("a string");
    }

    /// An address in the memory's first page.
    fn address(&mut self, depth: u32) {
        self.push("(i32.and ");
        self.expr(Type::I32, depth);
        self.push("(i32.const 0xfff8))");
    }

    fn expr(&mut self, ty: Type, depth: u32) {
        if depth == 0 || self.random.below(5) == 0 {
            return match self.local(ty) {
                Some(local) if self.random.below(4) > 0 => write!(self.out, "(local.get {local})").expect("a string"),
                _ => self.constant(ty),
            };
        }
        let depth = depth - 1;
        let name = ty.name();
        match self.random.below(10) {
            0 => {
                let offset = 8 * self.random.between(0, 600);
                let op = match ty {
                    Type::I32 => self.random.pick(&["load", "load8_u", "load8_s", "load16_s", "load16_u"]),
                    Type::I64 => self.random.pick(&["load", "load8_u", "load32_s", "load32_u", "load16_s"]),
                    _ => "load",
                };
                // What memory holds as a float may be any bits: not a number is not to be seen.
                write!(self.out, "({name}.{op} offset={offset} ").expect("a string");
                self.address(depth);
                self.push(")");
            }
            1 => {
                let global = TYPES.iter().position(|other| *other == ty).expect("a type");
                write!(self.out, "(global.get {global})").expect("a string");
            }
            2 => {
                write!(self.out, "(select ").expect("a string");
                self.expr(ty, depth);
                self.expr(ty, depth);
                self.expr(Type::I32, depth);
                self.push(")");
            }
            3 if ty.is_int() => {
                let from = self.random.pick(&TYPES);
                let float = !from.is_int();
                match (ty, from) {
                    _ if float => {
                        write!(self.out, "({name}.trunc_sat_{}_{} ", from.name(), self.random.pick(&["s", "u"]))
                    }
                    (Type::I32, Type::I64) => write!(self.out, "(i32.wrap_i64 "),
                    (Type::I64, Type::I32) => write!(self.out, "(i64.extend_i32_{} ", self.random.pick(&["s", "u"])),
                    _ => write!(self.out, "({name}.{} ", self.random.pick(&["clz", "ctz", "popcnt", "extend8_s"])),
                }
                .expect("a string");
                self.expr(from, depth);
                self.push(")");
            }
            4 if ty == Type::I32 => {
                let of = self.random.pick(&TYPES);
                let op = if of.is_int() {
                    self.random.pick(&["eq", "ne", "lt_s", "lt_u", "gt_s", "gt_u", "le_s", "le_u", "ge_s", "ge_u"])
                } else {
                    self.random.pick(&["eq", "ne", "lt", "gt", "le", "ge"])
                };
                write!(self.out, "({}.{op} ", of.name()).expect("a string");
                self.expr(of, depth);
                self.expr(of, depth);
                self.push(")");
            }
            5 if ty == Type::I32 => {
                self.push("(i32.eqz ");
                self.expr(Type::I32, depth);
                self.push(")");
            }
            3 if !ty.is_int() => {
                let from = self.random.pick(&[Type::I32, Type::I64]);
                write!(self.out, "({name}.convert_{}_{} ", from.name(), self.random.pick(&["s", "u"]))
                    .expect("a string");
                self.expr(from, depth);
                self.push(")");
            }
            6 if ty.is_int() && self.random.below(4) == 0 => {
                write!(self.out, "({name}.{} ", self.random.pick(&["div_s", "div_u", "rem_s", "rem_u"]))
                    .expect("a string");
                self.expr(ty, depth);
                write!(self.out, "({name}.or ({name}.const 1)").expect("a string");
                self.expr(ty, depth);
                self.push("))");
            }
            _ => {
                let op = if ty.is_int() {
                    let ops = [
                        "add", "sub", "mul", "and", "or", "xor", "shl", "shr_s", "shr_u", "rotl", "rotr", "add", "and",
                    ];
                    self.random.pick(&ops)
                } else {
                    self.random.pick(&["add", "sub", "mul", "min", "max", "div"])
                };
                write!(self.out, "({name}.{op} ").expect("a string");
                self.expr(ty, depth);
                self.expr(ty, depth);
                self.push(")");
            }
        }
    }

    /// The same value, but 0 for what is not a number: its bits may differ.
    fn stored(&mut self, ty: Type) {
        if ty.is_int() {
            return self.expr(ty, 3);
        }
        let name = ty.name();
        let scratch = self.locals.iter().rposition(|other| *other == ty).expect("each type has a local");
        write!(self.out, "(select (local.tee {scratch} ").expect("a string");
        self.expr(ty, 3);
        write!(self.out, ") ({name}.const 0) ({name}.eq (local.get {scratch}) (local.get {scratch})))")
            .expect("a string");
    }

    fn call(&mut self, tail: bool) {
        let behind: Vec<usize> = (self.func + 1..self.sigs.len())
            .filter(|callee| !tail || self.sigs[*callee].results == self.sigs[self.func].results)
            .collect();
        if behind.is_empty() {
            return;
        }
        let callee = self.random.pick(&behind);
        let sig = self.sigs[callee].clone();
        write!(self.out, "({} {callee} ", if tail { "return_call" } else { "call" }).expect("a string");
        for ty in &sig.params {
            self.expr(*ty, 2);
        }
        self.push(")");
        if !tail {
            for ty in sig.results.iter().rev() {
                match self.local(*ty) {
                    Some(local) if self.random.below(4) > 0 => {
                        write!(self.out, "local.set {local} ").expect("a string")
                    }
                    _ => self.push("drop "),
                }
            }
        }
    }

    fn statements(&mut self, count: i64, depth: u32) {
        for _ in 0..count {
            if self.budget == 0 {
                return;
            }
            self.budget -= 1;
            self.statement(depth);
            self.push("\n");
        }
    }

    fn statement(&mut self, depth: u32) {
        match self.random.below(if depth == 0 { 5 } else { 11 }) {
            0 | 1 => {
                let ty = self.random.pick(&TYPES);
                if let Some(local) = self.local(ty) {
                    write!(self.out, "(local.set {local} ").expect("a string");
                    self.expr(ty, 3);
                    self.push(")");
                }
            }
            2 => {
                let index = self.random.below(TYPES.len() as i64) as usize;
                write!(self.out, "(global.set {index} ").expect("a string");
                self.expr(TYPES[index], 3);
                self.push(")");
            }
            3 => {
                let ty = self.random.pick(&TYPES);
                let op = match ty {
                    Type::I32 => self.random.pick(&["store", "store8", "store16"]),
                    Type::I64 => self.random.pick(&["store", "store8", "store32"]),
                    _ => "store",
                };
                write!(self.out, "({}.{op} offset={} ", ty.name(), 8 * self.random.between(0, 600)).expect("a string");
                self.address(2);
                self.stored(ty);
                self.push(")");
            }
            4 | 5 => self.call(false),
            6 | 7 => {
                self.push("(if ");
                self.expr(Type::I32, 3);
                self.push("(then ");
                let count = self.random.below(4);
                self.statements(count, depth - 1);
                self.push(") (else ");
                let count = self.random.below(4);
                self.statements(count, depth - 1);
                self.push("))");
            }
            8 => {
                // A loop that ends: its counter is a local of its own.
                self.locals.push(Type::None);
                let counter = self.locals.len() - 1;
                let label = self.labels;
                self.labels += 1;
                write!(self.out, "(local.set {counter} (i32.const {}))(loop $l{label} ", self.random.between(1, 4))
                    .expect("a string");
                let count = 1 + self.random.below(4);
                self.statements(count, depth - 1);
                write!(
                    self.out,
                    "(br_if $l{label} (local.tee {counter} (i32.sub (local.get {counter}) (i32.const 1)))))"
                )
                .expect("a string");
            }
            9 => {
                let label = self.labels;
                self.labels += 1;
                write!(self.out, "(block $l{label} ").expect("a string");
                let count = self.random.below(3);
                self.statements(count, depth - 1);
                write!(self.out, "(br_if $l{label} ").expect("a string");
                self.expr(Type::I32, 2);
                self.push(")");
                let count = self.random.below(3);
                self.statements(count, depth - 1);
                self.push(")");
            }
            _ => {
                let (label, entries) = (self.labels, self.random.between(1, 9) as u32);
                self.labels += 4;
                write!(
                    self.out,
                    "(block $l{label} (block $l{} (block $l{} (block $l{} (br_table ",
                    label + 1,
                    label + 2,
                    label + 3
                )
                .expect("a string");
                for _ in 0..entries {
                    write!(self.out, "$l{} ", label + self.random.below(4) as u32).expect("a string");
                }
                self.push("(i32.and (i32.const 15)");
                self.expr(Type::I32, 3);
                self.push(")))");
                for _ in 0..3 {
                    let count = 1 + self.random.below(2);
                    self.statements(count, depth - 1);
                    self.push(")");
                }
            }
        }
    }
}

fn module(random: &mut Random) -> (String, Vec<Signature>) {
    let count = 6;
    let pick = |random: &mut Random, most: i64| -> Vec<Type> {
        (0..random.below(most + 1)).map(|_| random.pick(&TYPES)).collect()
    };
    let sigs: Vec<Signature> = (0..count)
        .map(|func| {
            // The first ones are called from outside; of the others some have many arguments on the stack, and results in a buffer.
            let (params, results) = match func {
                0..2 => (6, 3),
                2..4 => (40, 3),
                _ => (16, 20),
            };
            Signature { params: pick(random, params), results: pick(random, results) }
        })
        .collect();
    let mut text = String::from("(module (memory 2)\n");
    for ty in TYPES {
        writeln!(text, "(global (mut {0}) ({0}.const 3))", ty.name()).expect("a string");
    }
    for (func, sig) in sigs.iter().enumerate() {
        let declared: Vec<Type> = TYPES.iter().chain(&[Type::I32, Type::I64, Type::F32, Type::F64]).copied().collect();
        let locals = sig.params.iter().chain(&declared).copied().collect();
        let mut writer = Writer { random, sigs: &sigs, func, locals, out: String::new(), budget: 40, labels: 0 };
        let length = 2 + writer.random.below(8);
        writer.statements(length, 3);
        if writer.random.below(2) == 0 {
            writer.push("(if (i32.and (i32.const 1)");
            writer.expr(Type::I32, 2);
            writer.push(") (then ");
            writer.call(true);
            writer.push("))");
        }
        for ty in &sig.results {
            writer.expr(*ty, 2);
        }
        let list = |types: &[Type]| {
            types.iter().map(|ty| if *ty == Type::None { "i32" } else { ty.name() }).collect::<Vec<_>>().join(" ")
        };
        let own = list(&writer.locals[sig.params.len()..]);
        let (params, results) = (list(&sig.params), list(&sig.results));
        writeln!(text, "(func (export \"f{func}\") (param {params}) (result {results}) (local {own})\n{})", writer.out)
            .expect("a string");
    }
    text.push(')');
    (text, sigs)
}

/// Checks one module; gives how many calls there were.
fn check(seed: u64, options: Options) -> usize {
    let mut random = Random(seed);
    let (text, sigs) = module(&mut random);
    let module = Module::new(&text);
    let limits = Limits { steps: 400_000, depth: 100, memory_bytes: 1 << 20, table_elements: 10, fuel: 0 };
    let mut machine = Machine::instantiate(&module.info, &module.bytes, limits, |body| Ok(module.ir(body)))
        .unwrap_or_else(|stop| panic!("{stop:?}"));
    let globals: Vec<u128> = (0..TYPES.len() as u32).map(|global| machine.global(global)).collect();
    let memory = machine.memory(0).to_vec();
    let mut cases = Vec::new();
    for (func, sig) in sigs.iter().enumerate().take(2) {
        for _ in 0..6 {
            let args = sig.params.iter().map(|ty| match ty {
                Type::I32 => u128::from(random.next() as u32 >> random.below(32)),
                Type::I64 => u128::from(random.next() >> random.below(64)),
                Type::F32 => u128::from((random.between(-9, 99) as f32 / 4.0).to_bits()),
                _ => u128::from((f64::from(random.between(-9, 99)) / 4.0).to_bits()),
            });
            cases.push(Case { func, args: args.collect() });
        }
    }
    // Calls in loops in calls in loops take too long here and there.
    let expected: Vec<_> = cases.iter().map(|case| machine.call_func(case.func as u32, &case.args)).collect();
    if expected.contains(&Err(Stop::Steps)) {
        return 0;
    }
    let (outcomes, memory_after) = qemu::run(&module, &globals, &memory, &cases, options);
    for (number, (case, outcome)) in cases.iter().zip(outcomes).enumerate() {
        let expected = &expected[number];
        let same = match (expected, &outcome) {
            (Err(Stop::Trap(trap)), Outcome::Trap(code)) => u16::from(trap.code()) == *code,
            (Ok(values), Outcome::Results(ints, vectors)) => {
                let (mut next_int, mut next_vector) = (ints.iter(), vectors.iter());
                sigs[case.func].results.iter().zip(values).all(|(ty, value)| match ty {
                    Type::I32 | Type::I64 => next_int.next().map(|bits| u128::from(*bits)) == Some(*value),
                    Type::F32 => {
                        let bits = *next_vector.next().expect("a register") as u32;
                        u128::from(bits) == *value
                            || f32::from_bits(bits).is_nan() && f32::from_bits(*value as u32).is_nan()
                    }
                    _ => {
                        let bits = *next_vector.next().expect("a register") as u64;
                        u128::from(bits) == *value
                            || f64::from_bits(bits).is_nan() && f64::from_bits(*value as u64).is_nan()
                    }
                })
            }
            _ => false,
        };
        assert!(
            same,
            "seed {seed}, {options:?}, call {number} of {}: {outcome:x?}, not {expected:x?}\n{text}",
            case.func
        );
    }
    let at = memory_after.iter().zip(machine.memory(0)).position(|(ours, theirs)| ours != theirs);
    assert_eq!(at, None, "seed {seed}, {options:?}: memory differs\n{text}");
    cases.len()
}

fn check_all(seeds: std::ops::Range<u64>, options: Options) {
    let least = 6 * (seeds.end - seeds.start) as usize;
    let checked: usize =
        seeds.map(|seed| check(seed, Options { chaos: Chaos { seed, ..options.chaos }, ..options })).sum();
    assert!(checked >= least, "{checked} calls checked");
}

#[test]
#[cfg_attr(not(qemu_aarch64), ignore = "qemu-aarch64 is missing: apt-get install qemu-user")]
fn as_they_come() {
    check_all(0..60, Options::default());
}

#[test]
#[cfg_attr(not(qemu_aarch64), ignore = "qemu-aarch64 is missing: apt-get install qemu-user")]
fn pushed_arguments() {
    check_all(100..300, Options { policy: Some(CallPolicy::Pushed), ..Options::default() });
}

#[test]
#[cfg_attr(not(qemu_aarch64), ignore = "qemu-aarch64 is missing: apt-get install qemu-user")]
fn every_value_in_a_slot() {
    check_all(200..210, Options { plain: true, policy: Some(CallPolicy::Pushed), ..Options::default() });
    check_all(210..220, Options { plain: true, policy: Some(CallPolicy::Reserved), ..Options::default() });
}

#[test]
#[cfg_attr(not(qemu_aarch64), ignore = "qemu-aarch64 is missing: apt-get install qemu-user")]
fn chaos() {
    let chaos = Chaos { spill: 60, split: 60, ..Chaos::default() };
    check_all(300..310, Options { chaos, policy: Some(CallPolicy::Pushed), ..Options::default() });
    check_all(310..320, Options { chaos, policy: Some(CallPolicy::Reserved), ..Options::default() });
}

#[test]
#[cfg_attr(not(qemu_aarch64), ignore = "qemu-aarch64 is missing: apt-get install qemu-user")]
fn explicit_checks_and_widths() {
    check_all(530..560, Options { check_widths: true, ..Options::default() });
    check_all(500..530, Options { explicit: true, ..Options::default() });
    check_all(560..570, Options { explicit: true, check_widths: true, plain: true, ..Options::default() });
}

#[test]
#[cfg_attr(not(qemu_aarch64), ignore = "qemu-aarch64 is missing: apt-get install qemu-user")]
fn by_baseline() {
    let baseline = Options { baseline: true, ..Options::default() };
    check_all(600..700, baseline);
    check_all(700..720, Options { check_widths: true, ..baseline });
    check_all(720..740, Options { explicit: true, ..baseline });
    check_all(740..760, Options { ranges: Ranges::SMALL, ..baseline });
    let chaos = Chaos { spill: 60, split: 60, ..Chaos::default() };
    check_all(760..770, Options { chaos, ..baseline });
}

#[test]
#[cfg_attr(not(qemu_aarch64), ignore = "qemu-aarch64 is missing: apt-get install qemu-user")]
fn protected_branches() {
    for (first, protection) in
        [(800, BranchProtection::Bti), (810, BranchProtection::PacRet), (820, BranchProtection::Standard)]
    {
        let protected = Options { protection, ..Options::default() };
        check_all(first..first + 5, protected);
        check_all(
            first + 5..first + 10,
            Options { policy: Some(CallPolicy::Pushed), ranges: Ranges::SMALL, ..protected },
        );
        check_all(first..first + 10, Options { baseline: true, ..protected });
    }
}

#[test]
#[cfg_attr(not(qemu_aarch64), ignore = "qemu-aarch64 is missing: apt-get install qemu-user")]
fn tiny_branch_ranges() {
    let ranges = Ranges::SMALL;
    check_all(400..410, Options { ranges, policy: Some(CallPolicy::Reserved), ..Options::default() });
    check_all(410..420, Options { ranges, policy: Some(CallPolicy::Pushed), ..Options::default() });
}
