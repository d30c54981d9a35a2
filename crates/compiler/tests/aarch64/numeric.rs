//! Every numeric opcode, alone and in expressions, compiled and run by `qemu-aarch64`, against what `tiercel_wasm::numeric` computes.

use std::fmt::Write as _;

use tiercel_compiler::ir::insts::trap_of;
use tiercel_compiler::ir::{Opcode, Type};
use tiercel_wasm::numeric::ArithmeticTrap;

use crate::common::Random;
use crate::compile::{Module, Options};
use crate::qemu::{self, Case, Outcome};

/// Numeric opcodes with one result.
fn numeric_ops() -> Vec<Opcode> {
    Opcode::ALL.iter().copied().filter(|op| op.is_numeric() && op.eval([0; 3], 0).is_some()).collect()
}

/// Those of them that have nothing to do with vectors.
fn scalar_ops() -> Vec<Opcode> {
    let scalar = |op: &Opcode| op.info().operands.iter().chain([&op.info().result]).all(|ty| *ty != Type::V128);
    numeric_ops().into_iter().filter(scalar).collect()
}

/// How many lanes an opcode can name; 1 if it names none.
fn lanes(op: Opcode) -> u8 {
    let name = op.name();
    if !name.contains("extract_lane") && !name.contains("replace_lane") {
        return 1;
    }
    [("x16", 16), ("x8", 8), ("x4", 4), ("x2", 2)].iter().find(|(shape, _)| name.contains(shape)).expect("a shape").1
}

fn values(ty: Type) -> Vec<u128> {
    let ints: [u64; 24] = [
        0,
        1,
        2,
        3,
        5,
        7,
        8,
        31,
        32,
        63,
        64,
        255,
        4095,
        4096,
        0x7fff,
        0x8000,
        0xffff,
        0x7fff_ffff,
        0x8000_0000,
        0xffff_ffff,
        0x1234_5678_9abc_def0,
        0x7fff_ffff_ffff_ffff,
        0x8000_0000_0000_0000,
        u64::MAX,
    ];
    let floats = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        0.5,
        -0.5,
        1.5,
        2.5,
        -2.5,
        3.7,
        1e10,
        -1e10,
        2147483647.0,
        2147483648.0,
        -2147483648.0,
        -2147483649.0,
        4294967295.0,
        4294967296.0,
        9223372036854775808.0,
        -9223372036854775808.0,
        1.8446744073709552e19,
        1e300,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
        f64::MIN_POSITIVE,
        5e-324,
    ];
    match ty {
        Type::I32 => ints.iter().map(|bits| u128::from(*bits as u32)).collect(),
        Type::I64 => ints.iter().map(|bits| u128::from(*bits)).collect(),
        Type::V128 => {
            let of = |lanes: [u64; 2]| u128::from(lanes[0]) | u128::from(lanes[1]) << 64;
            let mut vectors = vec![0, u128::MAX, 1, 1 << 127, of([0x0807_0605_0403_0201, 0x100f_0e0d_0c0b_0a09])];
            vectors.push(of([0x80ff_7f01_00fe_8102, 0x7fff_8000_0001_ffff]));
            vectors.push(of([0x8000_0000_7fff_ffff, 0xffff_ffff_0000_0001]));
            vectors.extend(floats.chunks(2).map(|pair| of([pair[0].to_bits(), pair[pair.len() - 1].to_bits()])));
            let four = |at: usize| u64::from((floats[at % floats.len()] as f32).to_bits());
            vectors.extend((0..12).map(|at| of([four(at) | four(at + 3) << 32, four(at + 9) | four(at + 13) << 32])));
            vectors
        }
        Type::F32 => floats.iter().map(|float| u128::from((*float as f32).to_bits())).collect(),
        _ => floats.iter().map(|float| u128::from(float.to_bits())).collect(),
    }
}

/// The instruction of the text format that makes a constant.
fn constant(ty: Type, bits: u128) -> String {
    match ty {
        Type::I32 => format!("i32.const {}", bits as i32),
        Type::I64 => format!("i64.const {}", bits as i64),
        Type::V128 => format!("(v128.const i64x2 {} {})", bits as i64, (bits >> 64) as i64),
        Type::F32 => format!("(f32.reinterpret_i32 (i32.const {}))", bits as i32),
        _ => format!("(f64.reinterpret_i64 (i64.const {}))", bits as i64),
    }
}

/// An expression: opcodes over parameters and constants.
#[derive(Clone)]
enum Tree {
    Param(usize, Type),
    Const(Type, u128),
    Op(Opcode, Vec<Tree>, u8),
}

impl Tree {
    fn text(&self, out: &mut String) {
        match self {
            Tree::Param(index, _) => write!(out, "(local.get {index})").expect("a string"),
            Tree::Const(ty, bits) if ty.is_int() => write!(out, "({})", constant(*ty, *bits)).expect("a string"),
            Tree::Const(ty, bits) => out.push_str(&constant(*ty, *bits)),
            Tree::Op(op, operands, lane) => {
                write!(out, "({} ", op.name()).expect("a string");
                if lanes(*op) > 1 {
                    write!(out, "{lane} ").expect("a string");
                }
                operands.iter().for_each(|operand| operand.text(out));
                out.push(')');
            }
        }
    }

    fn ty(&self) -> Type {
        match self {
            Tree::Param(_, ty) | Tree::Const(ty, _) => *ty,
            Tree::Op(op, ..) => op.info().result,
        }
    }

    fn eval(&self, args: &[u128]) -> Result<u128, ArithmeticTrap> {
        match self {
            Tree::Param(index, _) => Ok(args[*index]),
            Tree::Const(_, bits) => Ok(*bits),
            Tree::Op(op, operands, lane) => {
                let mut values = [0; 3];
                for (value, operand) in values.iter_mut().zip(operands) {
                    *value = operand.eval(args)?;
                }
                op.eval(values, *lane).expect("it is numeric")
            }
        }
    }
}

/// Whether results are the same; what is not a number may have other bits.
fn same(tree: &Tree, bits: u128, ours: u128) -> bool {
    let name = match tree {
        Tree::Op(op, ..) => op.name(),
        _ => String::new(),
    };
    let f32s = |ours: u128, bits: u128| {
        ours as u32 == bits as u32 || f32::from_bits(ours as u32).is_nan() && f32::from_bits(bits as u32).is_nan()
    };
    let f64s = |ours: u128, bits: u128| {
        ours as u64 == bits as u64 || f64::from_bits(ours as u64).is_nan() && f64::from_bits(bits as u64).is_nan()
    };
    match tree.ty() {
        Type::F32 => f32s(ours, bits),
        Type::F64 => f64s(ours, bits),
        Type::V128 if name.starts_with("f32x4") => [0, 32, 64, 96].iter().all(|at| f32s(ours >> at, bits >> at)),
        Type::V128 if name.starts_with("f64x2") => [0, 64].iter().all(|at| f64s(ours >> at, bits >> at)),
        _ => ours == bits,
    }
}

/// A tree, its parameters, and the arguments that it is run with.
type Sample = (Tree, Vec<Type>, Vec<Vec<u128>>);

/// Runs trees, each with its arguments.
fn check(trees: &[Sample], options: Options) {
    let mut text = String::from("(module ");
    let mut cases = Vec::new();
    for (func, (tree, params, args)) in trees.iter().enumerate() {
        let names: Vec<&str> = params.iter().map(|ty| ty.name()).collect();
        write!(text, "(func (param {}) (result {}) ", names.join(" "), tree.ty().name()).expect("a string");
        tree.text(&mut text);
        text.push_str(")\n");
        cases.extend(args.iter().map(|args| Case { func, args: args.clone() }));
    }
    text.push(')');
    let module = Module::new(&text);
    let (outcomes, _) = qemu::run(&module, &[], &[], &cases, options);
    let (mut wrong, mut failures) = (0, String::new());
    for (case, outcome) in cases.iter().zip(outcomes) {
        let (tree, ..) = &trees[case.func];
        let right = match (tree.eval(&case.args), &outcome) {
            (Err(trap), Outcome::Trap(code)) => u16::from(trap_of(trap).code()) == *code,
            (Ok(bits), Outcome::Results(ints, vectors)) => {
                let ours = if tree.ty().is_int() { u128::from(ints[0]) } else { vectors[0] };
                same(tree, bits, ours)
            }
            _ => false,
        };
        if !right {
            wrong += 1;
            if wrong <= 10 {
                let mut text = String::new();
                tree.text(&mut text);
                writeln!(failures, "{text} of {:x?}: {:x?}, not {:x?}", case.args, outcome, tree.eval(&case.args))
                    .expect("a string");
            }
        }
    }
    assert!(wrong == 0, "{wrong} of {} wrong:\n{failures}", cases.len());
}

/// Every combination of interesting values; of three operands some.
fn all_args(params: &[Type]) -> Vec<Vec<u128>> {
    params.iter().fold(vec![Vec::new()], |args, ty| {
        let step = if params.len() == 3 { 5 } else { 1 };
        let values: Vec<u128> = values(*ty).into_iter().step_by(step).collect();
        args.iter().flat_map(|args| values.iter().map(|value| [args.clone(), vec![*value]].concat())).collect()
    })
}

#[test]
#[cfg_attr(not(qemu_aarch64), ignore = "qemu-aarch64 is missing: apt-get install qemu-user")]
fn every_scalar_opcode() {
    each(scalar_ops());
}

#[test]
#[cfg_attr(not(qemu_aarch64), ignore = "qemu-aarch64 is missing: apt-get install qemu-user")]
fn every_vector_opcode() {
    let scalar = scalar_ops();
    let vector: Vec<Opcode> = numeric_ops().into_iter().filter(|op| !scalar.contains(op)).collect();
    assert!(vector.len() > 200);
    each(vector);
}

/// Each opcode with parameters, and with a constant in either place.
fn each(ops: Vec<Opcode>) {
    let mut trees = Vec::new();
    for op in ops {
        let operands = op.info().operands.to_vec();
        let params = |skip: Option<usize>| {
            operands.iter().enumerate().filter(move |(index, _)| Some(*index) != skip).map(|(_, ty)| *ty)
        };
        let all: Vec<Type> = params(None).collect();
        for lane in 0..lanes(op) {
            let plain = all.iter().enumerate().map(|(index, ty)| Tree::Param(index, *ty)).collect();
            trees.push((Tree::Op(op, plain, lane), all.clone(), all_args(&all)));
        }
        if operands.len() == 2 {
            for known in 0..2 {
                for value in values(operands[known]) {
                    let other = operands[1 - known];
                    let mut both = vec![Tree::Param(0, other), Tree::Const(operands[known], value)];
                    if known == 0 {
                        both.reverse();
                    }
                    trees.push((Tree::Op(op, both, 0), vec![other], all_args(&[other])));
                }
            }
        }
    }
    assert!(trees.len() > 1000);
    check(&trees, Options::default());
    check(&trees, Options { baseline: true, check_widths: true, ..Options::default() });
}

/// Random expressions, so that each operation meets each other as its operand.
#[test]
#[cfg_attr(not(qemu_aarch64), ignore = "qemu-aarch64 is missing: apt-get install qemu-user")]
fn random_expressions() {
    let mut random = Random(5);
    // The bits of what is not a number may differ: nothing is to look at them.
    let looks = |op: &Opcode| op.name().contains("reinterpret_f") || op.name().contains("copysign");
    let ops: Vec<Opcode> = scalar_ops().into_iter().filter(|op| !looks(op)).collect();
    for round in 0..6 {
        let mut trees = Vec::new();
        for _ in 0..1500 {
            let params: Vec<Type> = (0..4)
                .map(|_| random.pick(&[Type::I32, Type::I32, Type::I64, Type::I64, Type::F32, Type::F64]))
                .collect();
            let ty = random.pick(&[Type::I32, Type::I64, Type::I32, Type::I64, Type::F32, Type::F64]);
            let tree = tree(&mut random, &ops, ty, &params, 3);
            let args = (0..12).map(|_| params.iter().map(|ty| random.pick(&values(*ty))).collect()).collect();
            trees.push((tree, params, args));
        }
        let mut options = Options::default();
        match round {
            1 => options.plain = true,
            2 => (options.chaos.spill, options.chaos.split, options.chaos.seed) = (60, 60, 9),
            3 => options.ranges = tiercel_compiler::isa::aarch64::Ranges::SMALL,
            4 => options.baseline = true,
            5 => (options.baseline, options.ranges) = (true, tiercel_compiler::isa::aarch64::Ranges::SMALL),
            _ => {}
        }
        check(&trees, options);
    }
}

fn tree(random: &mut Random, ops: &[Opcode], ty: Type, params: &[Type], depth: u32) -> Tree {
    let matching: Vec<usize> = (0..params.len()).filter(|index| params[*index] == ty).collect();
    if depth == 0 || random.below(6) == 0 {
        return match matching.as_slice() {
            [] => Tree::Const(ty, random.pick(&values(ty))),
            _ if random.below(3) == 0 => Tree::Const(ty, random.pick(&values(ty))),
            some => Tree::Param(random.pick(some), ty),
        };
    }
    let fitting: Vec<Opcode> = ops.iter().copied().filter(|op| op.info().result == ty).collect();
    let op = random.pick(&fitting);
    Tree::Op(op, op.info().operands.iter().map(|ty| tree(random, ops, *ty, params, depth - 1)).collect(), 0)
}

/// Bytes in every kind of order.
#[test]
#[cfg_attr(not(qemu_aarch64), ignore = "qemu-aarch64 is missing: apt-get install qemu-user")]
fn shuffles_and_loads() {
    let mut random = Random(11);
    let mut orders: Vec<[u8; 16]> = (0..60).map(|_| std::array::from_fn(|_| random.below(32) as u8)).collect();
    orders.extend((0..16).map(|first| std::array::from_fn(|at| first + at as u8)));
    for bytes in [1, 2, 4, 8] {
        let lanes = 16 / bytes;
        let order =
            |from: &dyn Fn(usize) -> usize| std::array::from_fn(|at| (from(at / bytes) * bytes + at % bytes) as u8);
        orders.push(order(&|at| at / 2 + at % 2 * lanes));
        orders.push(order(&|at| lanes / 2 + at / 2 + at % 2 * lanes));
        orders.push(order(&|at| 2 * at));
        orders.push(order(&|at| 2 * at + 1));
        orders.push(order(&|at| at / 2 * 2 + at % 2 * lanes));
        orders.push(order(&|at| at / 2 * 2 + 1 + at % 2 * lanes));
    }
    let mut text = String::from("(module (memory 1)\n");
    for order in &orders {
        let order: Vec<String> = order.iter().map(u8::to_string).collect();
        for second in 0..2 {
            writeln!(
                text,
                "(func (param v128 v128) (result v128) (i8x16.shuffle {} (local.get 0) (local.get {second})))",
                order.join(" ")
            )
            .expect("a string");
        }
    }
    let loads: Vec<Opcode> = Opcode::ALL.iter().copied().filter(|op| op.name().starts_with("v128.load")).collect();
    for op in &loads {
        writeln!(text, "(func (param i32) (result v128) ({} offset=3 (local.get 0)))", op.name()).expect("a string");
    }
    text.push(')');
    let module = Module::new(&text);
    let memory: Vec<u8> = (0..65536u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let bytes: [u128; 2] = [0x1f1e_1d1c_1b1a_1918_1716_1514_1312_1110, 0xf0e1_d2c3_b4a5_9687_7869_5a4b_3c2d_1e0f];
    let (mut cases, mut expected) = (Vec::new(), Vec::new());
    for (number, order) in orders.iter().enumerate() {
        for second in 0..2 {
            let all = [bytes[0].to_le_bytes(), bytes[second].to_le_bytes()].concat();
            expected.push(Some(u128::from_le_bytes(order.map(|at| all[usize::from(at)]))));
            cases.push(Case { func: 2 * number + second, args: bytes.to_vec() });
        }
    }
    for (number, op) in loads.iter().enumerate() {
        let len = usize::from(op.info().bytes);
        for address in [0usize, 100, 1001, 65536 - 3 - len, 65536 - 3 - len + 1] {
            let found = memory.get(address + 3..address + 3 + len);
            expected.push(found.map(|bytes| {
                let mut raw = [0; 16];
                raw[..len].copy_from_slice(bytes);
                op.extend_loaded(u128::from_le_bytes(raw))
            }));
            cases.push(Case { func: 2 * orders.len() + number, args: vec![address as u128] });
        }
    }
    for baseline in [false, true] {
        let (outcomes, _) = qemu::run(&module, &[], &memory, &cases, Options { baseline, ..Options::default() });
        for ((case, expected), outcome) in cases.iter().zip(&expected).zip(outcomes) {
            let right = match (expected, &outcome) {
                (Some(bits), Outcome::Results(_, vectors)) => vectors[0] == *bits,
                (None, Outcome::Fault) => true,
                _ => false,
            };
            assert!(right, "function {}: {outcome:x?}, not {expected:x?}", case.func);
        }
    }
}
