//! Random expressions, made with the rules and without them, must compute the same, traps included.
//!
//! Both sides run in the IR interpreter, which goes through `tiercel_wasm::numeric`. Operands and constants are drawn so that rules match often:
//! the same value twice, shift counts, masks, powers of two, the ends of ranges. Every opcode has to be tried, and every rule has to be met:
//! [`made`](super::made) knows which were.

use super::super::builder::Builder;
use super::{known, made};
use crate::entity::Entity;
use crate::ir::interp::{Exit, Stop, World, run};
use crate::ir::{Block, Builtin, Format, Inst, List, Opcode, Type, Value, verify};
use std::collections::BTreeSet;

/// Expressions per run of the test.
const EXPRESSIONS: u64 = 200_000;
/// Inputs that each is tried with.
const INPUTS: u64 = 6;
/// Parameters of each type.
const PER_TYPE: usize = 2;

/// A stream of numbers (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    /// Bits of a value that is likely to be special.
    fn bits(&mut self, ty: Type) -> u128 {
        const INTS: [u64; 26] = [
            0,
            1,
            2,
            3,
            7,
            8,
            16,
            24,
            31,
            32,
            33,
            48,
            56,
            63,
            64,
            0x7f,
            0x80,
            0xff,
            0x100,
            0xffff,
            0x7fff_ffff,
            0x8000_0000,
            0xffff_ffff,
            1 << 40,
            i64::MAX as u64,
            i64::MIN as u64,
        ];
        const F32: [f32; 8] = [0.0, -0.0, 1.0, -1.5, f32::INFINITY, f32::NAN, 3e9, f32::MIN_POSITIVE];
        const F64: [f64; 8] = [0.0, -0.0, 1.0, -1.5, f64::INFINITY, f64::NAN, 1e19, f64::MIN_POSITIVE];
        let bits = match (ty, self.below(4)) {
            (_, 0) => u128::from(self.next()) << 64 | u128::from(self.next()),
            (Type::I32 | Type::I64, 1) => u128::from(self.pick(&INTS).wrapping_neg()),
            (Type::I32 | Type::I64, _) => u128::from(self.pick(&INTS)),
            (Type::F32, _) => u128::from(self.pick(&F32).to_bits()),
            (Type::F64, _) => u128::from(self.pick(&F64).to_bits()),
            (_, 1) => u128::MAX,
            (_, _) => 0,
        };
        bits & ty.mask()
    }
}

/// What an expression is made of, before it is made: the same for both sides.
#[derive(Clone)]
enum Tree {
    Param(usize),
    Const(Type, u128),
    Op(Opcode, u8, Vec<Tree>),
    /// The operation on one tree twice.
    Twice(Opcode, Box<Tree>),
    Select(Type, Vec<Tree>),
    /// `i8x16.shuffle` with these lanes.
    Shuffle(u128, Vec<Tree>),
}

impl Tree {
    fn ty(&self) -> Type {
        match self {
            Tree::Param(param) => Type::ALL[param / PER_TYPE],
            Tree::Const(ty, _) | Tree::Select(ty, _) => *ty,
            Tree::Op(op, ..) | Tree::Twice(op, _) => op.info().result,
            Tree::Shuffle(..) => Type::V128,
        }
    }
}

fn operations(result: Type) -> Vec<Opcode> {
    Opcode::ALL.iter().copied().filter(|op| op.is_numeric() && op.info().result == result).collect()
}

struct Makers {
    by_type: [Vec<Opcode>; Type::ALL.len()],
    tried: BTreeSet<u16>,
}

impl Makers {
    fn tree(&mut self, random: &mut Random, ty: Type, depth: usize) -> Tree {
        let index = Type::ALL.iter().position(|&other| other == ty).expect("a type of a value");
        match random.below(10) {
            0 | 1 if depth > 0 => return Tree::Const(ty, random.bits(ty)),
            2 | 3 if depth > 0 => return Tree::Param(index * PER_TYPE + random.below(PER_TYPE)),
            4 => {
                let types = [ty, ty, Type::I32];
                if depth < 3 {
                    return Tree::Select(ty, types.map(|ty| self.tree(random, ty, depth + 1)).into());
                }
            }
            5 | 6 if depth < 3 => return self.idiom(random, ty, depth),
            _ => {}
        }
        if depth >= 3 {
            return Tree::Param(index * PER_TYPE + random.below(PER_TYPE));
        }
        // Scalars have most of the rules: the first half of each list, which is theirs, is drawn more often.
        let list = &self.by_type[index];
        let limit = if random.below(2) == 0 { list.len() } else { list.len().min(70) };
        let op = list[random.below(limit)];
        self.tried.insert(op as u16);
        let operands = op.info().operands;
        if operands.len() == 2 && operands[0] == operands[1] && random.below(8) == 0 {
            return Tree::Twice(op, Box::new(self.tree(random, operands[0], depth + 1)));
        }
        let lane = if op.name().contains("_lane") { random.below(2) as u8 } else { 0 };
        let mut trees: Vec<Tree> = operands.iter().map(|&ty| self.tree(random, ty, depth + 1)).collect();
        // Constants on the right are what rules look for.
        if operands.len() == 2 && operands[1] != Type::V128 && random.below(2) == 0 {
            trees[1] = Tree::Const(operands[1], random.bits(operands[1]));
        }
        Tree::Op(op, lane, trees)
    }
}

impl Makers {
    /// What rules look for and chance seldom makes: a shift there and back, a lane of a splat, a shuffle that moves nothing.
    fn idiom(&mut self, random: &mut Random, ty: Type, depth: usize) -> Tree {
        use Opcode::*;
        let (shl, shifts) = match ty {
            Type::I32 => (I32Shl, [I32ShrS, I32ShrU]),
            _ => (I64Shl, [I64ShrS, I64ShrU]),
        };
        match ty {
            Type::I64 if random.below(12) == 0 => product(random),
            // A comparison of two numbers that are extended.
            Type::I32 if random.below(12) == 0 => {
                let op = random.pick(&[I64Eq, I64Ne, I64LtS, I64LtU, I64GtS, I64GtU, I64LeS, I64LeU, I64GeS, I64GeU]);
                let extensions = [I64ExtendI32U, I64ExtendI32S];
                let first = random.below(2);
                let second = if random.below(4) == 0 { 1 - first } else { first };
                let operands = [(first, 0), (second, 1)];
                Tree::Op(
                    op,
                    0,
                    operands.map(|(which, at)| Tree::Op(extensions[which], 0, vec![Tree::Param(at)])).into(),
                )
            }
            // A sum with what was taken away, a difference with what was added; a test of a test of what is no comparison of integers.
            Type::I32 | Type::I64 if random.below(12) == 0 => {
                let (add, sub) = if ty == Type::I32 { (I32Add, I32Sub) } else { (I64Add, I64Sub) };
                let operand = usize::from(ty == Type::I64) * PER_TYPE;
                let [x, y] = [0, 1].map(|at| move || Tree::Param(operand + at));
                match random.below(5) {
                    0 => Tree::Op(add, 0, vec![Tree::Op(sub, 0, vec![x(), y()]), y()]),
                    1 => Tree::Op(add, 0, vec![y(), Tree::Op(sub, 0, vec![x(), y()])]),
                    2 => Tree::Op(sub, 0, vec![Tree::Op(add, 0, vec![x(), y()]), y()]),
                    3 => Tree::Op(sub, 0, vec![Tree::Op(add, 0, vec![x(), y()]), x()]),
                    _ => {
                        let floats = [0, 1].map(|at| Tree::Param(2 * PER_TYPE + at));
                        let test = Tree::Op(F32Lt, 0, floats.into());
                        let twice = Tree::Op(I32Eqz, 0, vec![Tree::Op(I32Eqz, 0, vec![test])]);
                        if ty == Type::I32 { twice } else { Tree::Op(I64ExtendI32U, 0, vec![twice]) }
                    }
                }
            }
            // An operation on another one, both with a constant.
            Type::I32 | Type::I64 if random.below(2) > 0 => {
                let list = &self.by_type[usize::from(ty == Type::I64)];
                let outer = random.pick(&list[..list.len().min(60)]);
                let operand = outer.info().operands[0];
                if !operand.is_int() {
                    return Tree::Op(
                        outer,
                        0,
                        outer.info().operands.iter().map(|&ty| self.tree(random, ty, 3)).collect(),
                    );
                }
                let list = &self.by_type[usize::from(operand == Type::I64)];
                let same: Vec<Opcode> = list.iter().copied().filter(|op| op.info().operands[0].is_int()).collect();
                let inner =
                    if random.below(3) == 0 && outer.info().result == operand { outer } else { random.pick(&same) };
                let mut with_const = |op: Opcode, first: Option<Tree>| {
                    let operands = op.info().operands;
                    let first = first.unwrap_or_else(|| self.tree(random, operands[0], 3));
                    let rest = operands[1..].iter().map(|&ty| Tree::Const(ty, random.bits(ty)));
                    Tree::Op(op, 0, [first].into_iter().chain(rest).collect())
                };
                let inner = with_const(inner, None);
                with_const(outer, Some(inner))
            }
            Type::I32 | Type::I64 if random.below(3) > 0 => {
                let count = Type::mask(ty).count_ones() as u128 - u128::from(random.pick(&[8_u8, 16, 24, 32]));
                let constant = || Tree::Const(ty, count);
                let inner = Tree::Op(shl, 0, vec![self.tree(random, ty, depth + 1), constant()]);
                Tree::Op(random.pick(&shifts), 0, vec![inner, constant()])
            }
            Type::V128 if random.below(2) == 0 => {
                let op = random.pick(&[V128Not, I8x16Neg, I16x8Neg, I32x4Neg, I64x2Neg, F32x4Neg, F64x2Neg]);
                Tree::Op(op, 0, vec![Tree::Op(op, 0, vec![self.tree(random, ty, depth + 1)])])
            }
            Type::V128 => {
                let first = 0x0f0e_0d0c_0b0a_0908_0706_0504_0302_0100_u128;
                let second = first | 0x1010_1010_1010_1010_1010_1010_1010_1010;
                let lanes = random.pick(&[first, second, first ^ 1]);
                let operands = [ty; 2].map(|ty| self.tree(random, ty, depth + 1));
                Tree::Shuffle(lanes, operands.into())
            }
            _ => {
                let (splat, extract) = match ty {
                    Type::I32 => (I32x4Splat, I32x4ExtractLane),
                    Type::I64 => (I64x2Splat, I64x2ExtractLane),
                    Type::F32 => (F32x4Splat, F32x4ExtractLane),
                    _ => (F64x2Splat, F64x2ExtractLane),
                };
                let inner = Tree::Op(splat, 0, vec![self.tree(random, ty, depth + 1)]);
                Tree::Op(extract, random.below(2) as u8, vec![inner])
            }
        }
    }
}

/// A half of a product of 128 bits, made of products of halves; every other one slightly wrong.
fn product(random: &mut Random) -> Tree {
    use Opcode::*;
    let first = Type::ALL.iter().position(|&ty| ty == Type::I64).expect("a type of a value") * PER_TYPE;
    let constant = |bits: u64| Tree::Const(Type::I64, u128::from(bits));
    let is_short = random.below(3) == 0;
    let (a, b) = (first, first + random.below(2));
    let param = |index: usize| Tree::Param(index);
    let mask = if random.below(6) == 0 { 0xffff_fffe } else { 0xffff_ffff };
    let shift = if random.below(6) == 0 { 31 } else { 32 };
    let factor = random.pick(&[19, 0xffff_ffff, 1 << 32]);
    let mut either = |op: Opcode, x: Tree, y: Tree| {
        let operands = if random.below(2) == 0 { vec![x, y] } else { vec![y, x] };
        Tree::Op(op, 0, operands)
    };
    let low = |x: Tree| Tree::Op(I64And, 0, vec![x, constant(mask)]);
    let high = |x: Tree| Tree::Op(I64ShrU, 0, vec![x, constant(shift)]);
    let (bl, bh) = if is_short { (constant(factor), constant(0)) } else { (low(param(b)), high(param(b))) };
    let ll = either(I64Mul, low(param(a)), bl.clone());
    let cross = either(I64Mul, high(param(a)), bl);
    let t = either(I64Add, high(ll.clone()), cross);
    let cross = either(I64Mul, bh.clone(), low(param(a)));
    let u = if is_short { t.clone() } else { either(I64Add, low(t.clone()), cross) };
    let upper = either(I64Mul, high(param(a)), bh);
    let high_half = if is_short {
        high(t)
    } else {
        let sum = either(I64Add, upper, param(first + 1));
        let sum = either(I64Add, sum, high(t));
        either(I64Add, sum, high(u.clone()))
    };
    let low_half = either(I64Or, Tree::Op(I64Shl, 0, vec![u, constant(32)]), low(ll));
    if random.below(2) == 0 { high_half } else { low_half }
}

fn make(build: &mut Builder, params: &[Value], tree: &Tree) -> Value {
    let index = |value: Value| value.index() as u32;
    match tree {
        Tree::Param(param) => params[*param],
        Tree::Const(ty, bits) => build.constant(*ty, *bits),
        Tree::Twice(op, tree) => {
            let x = make(build, params, tree);
            build.binary(*op, x, x)
        }
        Tree::Op(op, lane, trees) => {
            let mut fields = [0; 3];
            for (field, tree) in fields.iter_mut().zip(trees) {
                *field = index(make(build, params, tree));
            }
            build.value(Inst::new(*op, op.info().result).fields(fields[0], fields[1], fields[2]).imm(*lane))
        }
        Tree::Shuffle(lanes, trees) => {
            let [a, b] = [0, 1].map(|at| index(make(build, params, &trees[at])));
            let constant = build.constant(Type::V128, *lanes);
            let number = build.func.inst(constant).a;
            build.value(Inst::new(Opcode::I8x16Shuffle, Type::V128).fields(a, b, number))
        }
        Tree::Select(ty, trees) => {
            let [a, b, c] = [0, 1, 2].map(|at| index(make(build, params, &trees[at])));
            build.value(Inst::new(Opcode::Select, *ty).fields(a, b, c))
        }
    }
}

fn function(optimize: bool, tree: &Tree, ty: Type) -> (Builder, Value) {
    let mut build = Builder::default();
    build.reset(100, optimize);
    build.func.make_numbers([]);
    build.func.results.push(ty);
    let entry = build.start_block(None, None);
    let types = Type::ALL.iter().flat_map(|&ty| [ty; PER_TYPE]);
    let params: Vec<Value> = types.enumerate().map(|(index, ty)| build.make_param(entry, index, ty)).collect();
    build.set_params(entry, &params);
    let value = make(&mut build, &params, tree);
    let list = build.func.make_list([value]);
    build.terminate(Inst::new(Opcode::Return, Type::None).fields(0, list.0, 0));
    (build, value)
}

/// A world without anything.
struct Nothing;

impl World for Nothing {
    fn ctx(&self) -> u64 {
        0
    }
    fn memory0(&self) -> u64 {
        0
    }
    fn read(&mut self, _: u64, _: u32) -> Option<u128> {
        None
    }
    fn write(&mut self, _: u64, _: u32, _: u128) -> Option<()> {
        None
    }
    fn call(&mut self, _: u32, _: &[u128]) -> Result<Vec<u128>, Stop> {
        Err(Stop::Steps)
    }
    fn call_ref(&mut self, _: u64, _: &[u128]) -> Result<Vec<u128>, Stop> {
        Err(Stop::Steps)
    }
    fn builtin(&mut self, _: Builtin, _: &[u128]) -> Result<u128, Stop> {
        Err(Stop::Steps)
    }
    fn fuel(&mut self, _: u32) -> Result<(), Stop> {
        Ok(())
    }
    fn step(&mut self) -> Result<(), Stop> {
        Ok(())
    }
}

/// Whether two results are the same, where the payload of a NaN may differ.
fn same(ty: Type, a: u128, b: u128) -> bool {
    let f32_same = |a: u32, b: u32| a == b || (f32::from_bits(a).is_nan() && f32::from_bits(b).is_nan());
    let f64_same = |a: u64, b: u64| a == b || (f64::from_bits(a).is_nan() && f64::from_bits(b).is_nan());
    match ty {
        Type::F32 => f32_same(a as u32, b as u32),
        Type::F64 => f64_same(a as u64, b as u64),
        Type::V128 => {
            (0..4).all(|lane| f32_same((a >> (32 * lane)) as u32, (b >> (32 * lane)) as u32))
                || (0..2).all(|lane| f64_same((a >> (64 * lane)) as u64, (b >> (64 * lane)) as u64))
        }
        _ => a == b,
    }
}

/// Whether the payload of a NaN can get into an integer, so that results may differ.
fn shows_payload(tree: &Tree) -> bool {
    match tree {
        Tree::Param(_) | Tree::Const(..) => false,
        Tree::Twice(_, tree) => shows_payload(tree),
        Tree::Select(_, trees) => trees.iter().any(shows_payload),
        Tree::Shuffle(..) => true,
        Tree::Op(op, _, trees) => {
            let name = op.name();
            let float_bits = op.info().operands.contains(&Type::V128) && op.info().result != Type::V128;
            float_bits
                || name.contains("reinterpret")
                || name.contains("copysign")
                || (op.info().result == Type::V128 && !name.starts_with('f') && name.starts_with('v'))
                || op.info().result == Type::V128 && name.starts_with('i')
                || trees.iter().any(shows_payload)
        }
    }
}

/// Holds an expression made with the rules against the one made without them; true if the rules made it simpler.
fn check(tree: &Tree, ty: Type, random: &mut Random, inputs: u64) -> bool {
    let ((plain, _), (folded, root)) = (function(false, tree, ty), function(true, tree, ty));
    if let Err(error) = verify(&folded.func) {
        panic!("{error}\n{}\n{}", plain.func, folded.func);
    }
    for _ in 0..inputs {
        let types = Type::ALL.iter().flat_map(|&ty| [ty; PER_TYPE]);
        let args: Vec<u128> = types.map(|ty| random.bits(ty)).collect();
        let results = [&plain, &folded].map(|build| run(&build.func, &mut Nothing, &args));
        let equal = match &results {
            [Ok(Exit::Return(a)), Ok(Exit::Return(b))] => {
                if ty.is_int() {
                    let bits = known::bits(&folded.func, root);
                    assert!(b[0] >> bits == 0, "{:x} has more than {bits} bits\n{}", b[0], folded.func);
                    let zeros = known::low_zeros(&folded.func, root);
                    assert!(b[0].trailing_zeros() >= zeros, "{:x} has not {zeros} zeros\n{}", b[0], folded.func);
                }
                same(ty, a[0], b[0])
                    || shows_payload(tree) && a != b && {
                        // Only NaNs may differ, which a run without them rules out.
                        args.iter().any(|&bits| is_nan_anywhere(bits)) || has_nan(&plain, &args)
                    }
            }
            [a, b] => a == b,
        };
        assert!(equal, "{args:x?}: {results:x?}\n{}\n{}", plain.func, folded.func);
    }
    folded.func.order.len() < plain.func.order.len()
}

/// Every operation on integers, with a constant where it has two operands, on every operation that gives its type.
fn all_pairs(makers: &Makers, random: &mut Random) {
    const EDGES: [u128; 12] = [0, 1, 2, 7, 8, 24, 31, 32, 63, 0xff, 1 << 31, u128::MAX];
    let ops = || Opcode::ALL.iter().copied().filter(|op| op.is_numeric());
    let on_ints = |op: &Opcode| op.info().operands[0].is_int() && op.info().operands.len() < 3;
    let param = |ty: Type, random: &mut Random| {
        Tree::Param(
            Type::ALL.iter().position(|&other| other == ty).expect("a type") * PER_TYPE + random.below(PER_TYPE),
        )
    };
    for outer in ops().filter(on_ints) {
        let operands = outer.info().operands;
        let inner = &makers.by_type[usize::from(operands[0] == Type::I64)];
        let constants = if operands.len() == 2 { &EDGES[..] } else { &EDGES[..2] };
        for (&inner, &constant) in inner.iter().flat_map(|op| constants.iter().map(move |constant| (op, constant))) {
            let types = inner.info().operands;
            let mut trees: Vec<Tree> = types.iter().map(|&ty| param(ty, random)).collect();
            if let [_, ty] = types
                && ty.is_int()
                && random.below(4) > 0
            {
                let bits = if random.below(2) == 0 { constant } else { random.pick(&EDGES) };
                trees[1] = Tree::Const(*ty, bits & ty.mask());
            }
            let mut trees = vec![Tree::Op(inner, 0, trees)];
            if let [_, ty] = operands {
                let bits = constant & ty.mask();
                // The constant on the left as well.
                trees.insert(if random.below(6) == 0 { 0 } else { 1 }, Tree::Const(*ty, bits));
                if trees[0].ty() != operands[0] || trees[1].ty() != *ty {
                    continue;
                }
            }
            check(&Tree::Op(outer, 0, trees), outer.info().result, random, 4);
        }
    }
}

#[test]
fn rules_keep_the_meaning() {
    let mut makers = Makers { by_type: Type::ALL.map(operations), tried: BTreeSet::new() };
    let mut random = Random(1);
    let mut simpler = 0;
    for _ in 0..EXPRESSIONS {
        let ty = random.pick(&[Type::I32, Type::I32, Type::I64, Type::I64, Type::F32, Type::F64, Type::V128]);
        let tree = makers.tree(&mut random, ty, 0);
        simpler += u32::from(check(&tree, ty, &mut random, INPUTS));
    }
    all_pairs(&makers, &mut random);
    assert!(simpler > EXPRESSIONS as u32 / 5, "the rules made only {simpler} expressions simpler");
    let numeric = Opcode::ALL.iter().filter(|op| op.is_numeric()).count();
    assert!(makers.tried.len() == numeric, "{} of {numeric} opcodes were tried", makers.tried.len());
    let missing = made::tests::never_fired();
    assert!(missing.is_empty(), "rules that no expression has met:\n{}", missing.join("\n"));
}

fn is_nan_anywhere(bits: u128) -> bool {
    (0..4).any(|lane| f32::from_bits((bits >> (32 * lane)) as u32).is_nan())
        || (0..2).any(|lane| f64::from_bits((bits >> (64 * lane)) as u64).is_nan())
}

/// Whether any value of the function is a NaN, seen as one float or as lanes.
fn has_nan(build: &Builder, args: &[u128]) -> bool {
    let func = &build.func;
    let entry = Block::new(0);
    func.block_insts(entry).iter().any(|&value| {
        let ty = func.ty(value);
        if ty == Type::None {
            return false;
        }
        // The function up to this value.
        let mut part = func.clone();
        part.results = vec![ty];
        let list: List = part.make_list([value]);
        let last = part.make(Inst::new(Opcode::Return, Type::None).fields(0, list.0, 0), 0);
        let position = func.order.iter().position(|&other| other == value).unwrap_or(0);
        part.order.truncate(position + 1);
        part.order.push(last);
        part.blocks[entry].end = part.order.len() as u32;
        match run(&part, &mut Nothing, args) {
            Ok(Exit::Return(results)) => is_nan_anywhere(results[0]),
            _ => false,
        }
    })
}

#[test]
fn every_numeric_opcode_has_operands_in_order() {
    for &op in Opcode::ALL.iter().filter(|op| op.is_numeric()) {
        let info = op.info();
        assert!(matches!(info.format, Format::Unary | Format::Binary | Format::Ternary), "{}", op.name());
        assert_eq!(Opcode::from_name(&op.name()), Some(op));
        assert!(!info.commutes || (info.operands.len() == 2 && info.operands[0] == info.operands[1]), "{}", op.name());
    }
}
