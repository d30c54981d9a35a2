//! Every scalar opcode, alone and in pairs, compiled and run by `qemu-aarch64`, against what `tiercel_wasm::numeric` computes.

use std::fmt::Write as _;

use tiercel_compiler::ir::insts::trap_of;
use tiercel_compiler::ir::{Opcode, Type};
use tiercel_wasm::numeric::ArithmeticTrap;

use crate::common::Random;
use crate::compile::{Module, Options};
use crate::qemu::{self, Case, Outcome};

/// Numeric opcodes without vectors, and with one result.
fn scalar_ops() -> Vec<Opcode> {
    let scalar = |op: &Opcode| {
        let info = op.info();
        let wide = ["i64.add128", "i64.sub128", "i64.mul_wide_s", "i64.mul_wide_u"].contains(&op.name().as_str());
        op.is_numeric()
            && !wide
            && info.result != Type::None
            && info.operands.iter().chain([&info.result]).all(|ty| *ty != Type::V128)
    };
    Opcode::ALL.iter().copied().filter(scalar).collect()
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
        Type::F32 => floats.iter().map(|float| u128::from((*float as f32).to_bits())).collect(),
        _ => floats.iter().map(|float| u128::from(float.to_bits())).collect(),
    }
}

/// The instruction of the text format that makes a constant.
fn constant(ty: Type, bits: u128) -> String {
    match ty {
        Type::I32 => format!("i32.const {}", bits as i32),
        Type::I64 => format!("i64.const {}", bits as i64),
        Type::F32 => format!("(f32.reinterpret_i32 (i32.const {}))", bits as i32),
        _ => format!("(f64.reinterpret_i64 (i64.const {}))", bits as i64),
    }
}

/// An expression: opcodes over parameters and constants.
#[derive(Clone)]
enum Tree {
    Param(usize, Type),
    Const(Type, u128),
    Op(Opcode, Vec<Tree>),
}

impl Tree {
    fn text(&self, out: &mut String) {
        match self {
            Tree::Param(index, _) => write!(out, "(local.get {index})").expect("a string"),
            Tree::Const(ty, bits) if ty.is_int() => write!(out, "({})", constant(*ty, *bits)).expect("a string"),
            Tree::Const(ty, bits) => out.push_str(&constant(*ty, *bits)),
            Tree::Op(op, operands) => {
                write!(out, "({} ", op.name()).expect("a string");
                operands.iter().for_each(|operand| operand.text(out));
                out.push(')');
            }
        }
    }

    fn ty(&self) -> Type {
        match self {
            Tree::Param(_, ty) | Tree::Const(ty, _) => *ty,
            Tree::Op(op, _) => op.info().result,
        }
    }

    fn eval(&self, args: &[u128]) -> Result<u128, ArithmeticTrap> {
        match self {
            Tree::Param(index, _) => Ok(args[*index]),
            Tree::Const(_, bits) => Ok(*bits),
            Tree::Op(op, operands) => {
                let mut values = [0; 3];
                for (value, operand) in values.iter_mut().zip(operands) {
                    *value = operand.eval(args)?;
                }
                op.eval(values, 0).expect("it is numeric")
            }
        }
    }
}

/// Runs trees, each with these arguments.
fn check(trees: &[(Tree, Vec<Type>, Vec<Vec<u128>>)], options: Options) {
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
            (Ok(bits), Outcome::Results(ints, vectors)) => match tree.ty() {
                Type::I32 | Type::I64 => bits == u128::from(ints[0]),
                Type::F32 => {
                    let ours = vectors[0] as u32;
                    u128::from(ours) == bits || f32::from_bits(ours).is_nan() && f32::from_bits(bits as u32).is_nan()
                }
                _ => {
                    let ours = vectors[0] as u64;
                    u128::from(ours) == bits || f64::from_bits(ours).is_nan() && f64::from_bits(bits as u64).is_nan()
                }
            },
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

/// Every combination of interesting values.
fn all_args(params: &[Type]) -> Vec<Vec<u128>> {
    params.iter().fold(vec![Vec::new()], |args, ty| {
        args.iter().flat_map(|args| values(*ty).into_iter().map(|value| [args.clone(), vec![value]].concat())).collect()
    })
}

#[test]
fn every_opcode() {
    if !qemu::is_there() {
        return;
    }
    let mut trees = Vec::new();
    for op in scalar_ops() {
        let operands = op.info().operands.to_vec();
        let params = |skip: Option<usize>| {
            operands.iter().enumerate().filter(move |(index, _)| Some(*index) != skip).map(|(_, ty)| *ty)
        };
        let all: Vec<Type> = params(None).collect();
        let plain = all.iter().enumerate().map(|(index, ty)| Tree::Param(index, *ty)).collect();
        trees.push((Tree::Op(op, plain), all.clone(), all_args(&all)));
        if operands.len() == 2 {
            for known in 0..2 {
                for value in values(operands[known]) {
                    let other = operands[1 - known];
                    let mut both = vec![Tree::Param(0, other), Tree::Const(operands[known], value)];
                    if known == 0 {
                        both.reverse();
                    }
                    trees.push((Tree::Op(op, both), vec![other], all_args(&[other])));
                }
            }
        }
    }
    assert!(trees.len() > 2000);
    check(&trees, Options::default());
}

/// Random expressions, so that each operation meets each other as its operand.
#[test]
fn random_expressions() {
    if !qemu::is_there() {
        return;
    }
    let mut random = Random(5);
    // The bits of what is not a number may differ: nothing is to look at them.
    let looks = |op: &Opcode| op.name().contains("reinterpret_f") || op.name().contains("copysign");
    let ops: Vec<Opcode> = scalar_ops().into_iter().filter(|op| !looks(op)).collect();
    for round in 0..4 {
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
            3 => options.ranges = tiercel_compiler::isa::aarch64::Ranges { test: 64, cond: 128 },
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
    Tree::Op(op, op.info().operands.iter().map(|ty| tree(random, ops, *ty, params, depth - 1)).collect())
}
