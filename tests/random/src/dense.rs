//! Modules of arithmetic, comparisons, choices and addresses, dense with what the compilers' rules look for: constants at the edges of
//! their type, the same operand twice, operations on operations with constants, extended values, scaled indices, loads that only one
//! instruction reads.
//!
//! Loops are counted, so that every function comes to an end. A NaN is replaced by the canonical one wherever its bits could be seen.

use crate::bytes::{self, Choices};
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, DataSection, ExportKind, ExportSection, Function, FunctionSection,
    GlobalSection, GlobalType, Ieee32, Ieee64, Instruction, MemArg, MemArgTarget, MemorySection, MemoryType, Module,
    TypeSection, ValType,
};

/// Bytes that a module is made of.
const BYTES: usize = 3000;
/// Functions of a module.
const FUNCS: u32 = 4;
/// Instructions of a function, roughly.
const BUDGET: u32 = 160;
/// Parameters of each type, and further locals of each type.
const PER_TYPE: u32 = 2;

const TYPES: [ValType; 5] = [ValType::I32, ValType::I64, ValType::F32, ValType::F64, ValType::V128];

/// Operations by the types of their operands.
type Ops = [(&'static [ValType], &'static [Instruction<'static>])];

macro_rules! ops {
    ($([$($ty:ident)*] $($op:ident)*;)*) => { &[$((&[$(ValType::$ty),*], &[$(Instruction::$op),*]),)*] };
}

const I32: &Ops = ops! {
    [I32 I32] I32Add I32Sub I32Mul I32DivS I32DivU I32RemS I32RemU I32And I32Or I32Xor I32Shl I32ShrS I32ShrU I32Rotl I32Rotr
        I32Eq I32Ne I32LtS I32LtU I32GtS I32GtU I32LeS I32LeU I32GeS I32GeU;
    [I32] I32Eqz I32Clz I32Ctz I32Popcnt I32Extend8S I32Extend16S;
    [I64 I64] I64Eq I64Ne I64LtS I64LtU I64GtS I64GtU I64LeS I64LeU I64GeS I64GeU;
    [I64] I64Eqz I32WrapI64 I32WrapI64 I32WrapI64;
    [F32 F32] F32Eq F32Ne F32Lt F32Gt F32Le F32Ge;
    [F64 F64] F64Eq F64Ne F64Lt F64Gt F64Le F64Ge;
    [F32] I32TruncSatF32S I32TruncSatF32U I32TruncF32S I32TruncF32U I32ReinterpretF32;
    [F64] I32TruncSatF64S I32TruncSatF64U I32TruncF64S I32TruncF64U;
};
const I32_OF_VECTORS: &Ops = ops! {
    [V128] V128AnyTrue I8x16AllTrue I16x8AllTrue I32x4AllTrue I64x2AllTrue I8x16Bitmask I16x8Bitmask I32x4Bitmask I64x2Bitmask;
};
const I64: &Ops = ops! {
    [I64 I64] I64Add I64Sub I64Mul I64DivS I64DivU I64RemS I64RemU I64And I64Or I64Xor I64Shl I64ShrS I64ShrU I64Rotl I64Rotr;
    [I64] I64Clz I64Ctz I64Popcnt I64Extend8S I64Extend16S I64Extend32S;
    [I32] I64ExtendI32S I64ExtendI32U I64ExtendI32U I64ExtendI32U;
    [F32] I64TruncSatF32S I64TruncSatF32U I64TruncF32S I64TruncF32U;
    [F64] I64TruncSatF64S I64TruncSatF64U I64TruncF64S I64TruncF64U I64ReinterpretF64;
};
const F32: &Ops = ops! {
    [F32 F32] F32Add F32Sub F32Mul F32Div F32Min F32Max F32Copysign;
    [F32] F32Abs F32Neg F32Ceil F32Floor F32Trunc F32Nearest F32Sqrt;
    [I32] F32ConvertI32S F32ConvertI32U F32ReinterpretI32;
    [I64] F32ConvertI64S F32ConvertI64U;
    [F64] F32DemoteF64;
};
const F64: &Ops = ops! {
    [F64 F64] F64Add F64Sub F64Mul F64Div F64Min F64Max F64Copysign;
    [F64] F64Abs F64Neg F64Ceil F64Floor F64Trunc F64Nearest F64Sqrt;
    [I32] F64ConvertI32S F64ConvertI32U;
    [I64] F64ConvertI64S F64ConvertI64U F64ReinterpretI64;
    [F32] F64PromoteF32;
};
const V128: &Ops = ops! {
    [V128 V128] V128And V128AndNot V128Or V128Xor I8x16Swizzle
        I8x16Eq I8x16Ne I8x16LtS I8x16LtU I8x16GtS I8x16GtU I8x16LeS I8x16LeU I8x16GeS I8x16GeU
        I16x8Eq I16x8Ne I16x8LtS I16x8LtU I16x8GtS I16x8GtU I16x8LeS I16x8LeU I16x8GeS I16x8GeU
        I32x4Eq I32x4Ne I32x4LtS I32x4LtU I32x4GtS I32x4GtU I32x4LeS I32x4LeU I32x4GeS I32x4GeU
        I64x2Eq I64x2Ne I64x2LtS I64x2GtS I64x2LeS I64x2GeS F32x4Eq F32x4Ne F32x4Lt F32x4Le F64x2Eq F64x2Ne F64x2Gt F64x2Ge
        I8x16NarrowI16x8S I8x16NarrowI16x8U I8x16Add I8x16AddSatS I8x16AddSatU I8x16Sub I8x16SubSatS I8x16SubSatU
        I8x16MinS I8x16MinU I8x16MaxS I8x16MaxU I8x16AvgrU I16x8Q15MulrSatS I16x8NarrowI32x4S I16x8NarrowI32x4U
        I16x8Add I16x8AddSatS I16x8AddSatU I16x8Sub I16x8SubSatS I16x8SubSatU I16x8Mul I16x8MinS I16x8MinU I16x8MaxS I16x8MaxU
        I16x8AvgrU I16x8ExtMulLowI8x16S I16x8ExtMulHighI8x16S I16x8ExtMulLowI8x16U I16x8ExtMulHighI8x16U
        I32x4Add I32x4Sub I32x4Mul I32x4MinS I32x4MinU I32x4MaxS I32x4MaxU I32x4DotI16x8S I32x4ExtMulLowI16x8S
        I32x4ExtMulHighI16x8S I32x4ExtMulLowI16x8U I32x4ExtMulHighI16x8U I64x2Add I64x2Sub I64x2Mul I64x2ExtMulLowI32x4S
        I64x2ExtMulHighI32x4S I64x2ExtMulLowI32x4U I64x2ExtMulHighI32x4U
        F32x4Add F32x4Sub F32x4Mul F32x4Div F32x4Min F32x4Max F32x4PMin F32x4PMax
        F64x2Add F64x2Sub F64x2Mul F64x2Div F64x2Min F64x2Max F64x2PMin F64x2PMax;
    [V128] V128Not I8x16Abs I8x16Neg I8x16Popcnt I16x8ExtAddPairwiseI8x16S I16x8ExtAddPairwiseI8x16U I16x8Abs I16x8Neg
        I16x8ExtendLowI8x16S I16x8ExtendHighI8x16S I16x8ExtendLowI8x16U I16x8ExtendHighI8x16U I32x4ExtAddPairwiseI16x8S
        I32x4ExtAddPairwiseI16x8U I32x4Abs I32x4Neg I32x4ExtendLowI16x8S I32x4ExtendHighI16x8S I32x4ExtendLowI16x8U
        I32x4ExtendHighI16x8U I64x2Abs I64x2Neg I64x2ExtendLowI32x4S I64x2ExtendHighI32x4S I64x2ExtendLowI32x4U
        I64x2ExtendHighI32x4U I32x4TruncSatF32x4S I32x4TruncSatF32x4U I32x4TruncSatF64x2SZero I32x4TruncSatF64x2UZero
        F32x4Ceil F32x4Floor F32x4Trunc F32x4Nearest F32x4Abs F32x4Neg F32x4Sqrt F32x4ConvertI32x4S F32x4ConvertI32x4U
        F32x4DemoteF64x2Zero F64x2Ceil F64x2Floor F64x2Trunc F64x2Nearest F64x2Abs F64x2Neg F64x2Sqrt F64x2ConvertLowI32x4S
        F64x2ConvertLowI32x4U F64x2PromoteLowF32x4;
    [V128 I32] I8x16Shl I8x16ShrS I8x16ShrU I16x8Shl I16x8ShrS I16x8ShrU I32x4Shl I32x4ShrS I32x4ShrU I64x2Shl I64x2ShrS
        I64x2ShrU;
    [V128 V128 V128] V128Bitselect;
    [I32] I8x16Splat I16x8Splat I32x4Splat;
    [I64] I64x2Splat;
    [F32] F32x4Splat;
    [F64] F64x2Splat;
};

/// Integers at the edges of types, of shift counts and of what rules treat on its own.
const INTS: [u64; 40] = [
    0,
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    9,
    10,
    12,
    15,
    16,
    24,
    25,
    31,
    32,
    33,
    48,
    56,
    63,
    64,
    65,
    100,
    127,
    128,
    255,
    256,
    641,
    1000,
    0x7fff,
    0xffff,
    0x1_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    i64::MAX as u64,
    1 << 63,
];

/// The module with this number.
pub fn numbered(seed: u64) -> Vec<u8> {
    module(&bytes::from_seed(seed, BYTES))
}

/// A module of many functions, as large as a program of some size.
pub fn large(seed: u64, funcs: u32) -> Vec<u8> {
    with_funcs(&bytes::from_seed(seed, BYTES / FUNCS as usize * funcs as usize), funcs)
}

/// A module made of bytes: one memory, two globals, functions of all types of parameters, all of it exported.
pub fn module(data: &[u8]) -> Vec<u8> {
    with_funcs(data, FUNCS)
}

fn with_funcs(data: &[u8], funcs: u32) -> Vec<u8> {
    let mut choices = Choices::new(data);
    let types = if choices.one_in(2) { &TYPES[..] } else { &TYPES[..4] };
    let memory64 = choices.one_in(4);
    let params: Vec<ValType> = types.iter().flat_map(|&ty| [ty; PER_TYPE as usize]).collect();
    let (mut type_section, mut functions) = (TypeSection::new(), FunctionSection::new());
    let (mut exports, mut code) = (ExportSection::new(), CodeSection::new());
    let mut results = Vec::new();
    for index in 0..funcs {
        let result = choices.pick(types);
        type_section.ty().function(params.iter().copied(), [result]);
        functions.function(index);
        exports.export(&format!("f{index}"), ExportKind::Func, index);
        let mut body = Body { choices, types, memory64, results: &results, code: Vec::new(), budget: BUDGET, loops: 0 };
        body.statements(0);
        body.seen(result, 4);
        let locals = params.iter().copied().chain(types.iter().copied()).chain([ValType::I32; 2]);
        let mut function = Function::new_with_locals_types(locals);
        body.code.iter().for_each(|inst| _ = function.instruction(inst));
        function.instruction(&Instruction::End);
        choices = body.choices;
        code.function(&function);
        results.push(result);
    }
    let mut memories = MemorySection::new();
    memories.memory(MemoryType { minimum: 2, maximum: Some(2), memory64, shared: false, page_size_log2: None });
    let mut globals = GlobalSection::new();
    for (ty, init) in [(ValType::I32, ConstExpr::i32_const(-2)), (ValType::I64, ConstExpr::i64_const(1 << 40))] {
        globals.global(GlobalType { val_type: ty, mutable: true, shared: false }, &init);
    }
    exports.export("m", ExportKind::Memory, 0).export("g0", ExportKind::Global, 0).export("g1", ExportKind::Global, 1);
    let mut contents = DataSection::new();
    let offset = if memory64 { ConstExpr::i64_const(0) } else { ConstExpr::i32_const(0) };
    contents.active(0, &offset, bytes::from_seed(1, 512));
    let mut module = Module::new();
    module.section(&type_section).section(&functions).section(&memories).section(&globals).section(&exports);
    module.section(&code).section(&contents);
    module.finish()
}

/// A function that is being made.
struct Body<'a, 'r> {
    choices: Choices<'a>,
    types: &'static [ValType],
    memory64: bool,
    /// Of the functions before this one, which it may call.
    results: &'r [ValType],
    code: Vec<Instruction<'static>>,
    budget: u32,
    loops: u32,
}

impl Body<'_, '_> {
    fn push(&mut self, inst: Instruction<'static>) {
        self.budget = self.budget.saturating_sub(1);
        self.code.push(inst);
    }

    fn type_index(&self, ty: ValType) -> u32 {
        self.types.iter().position(|&other| other == ty).expect("a type of the module") as u32
    }

    /// A local of this type: a parameter, or one that is 0 at first.
    fn local(&mut self, ty: ValType) -> u32 {
        let number = self.choices.below(2 * PER_TYPE as usize) as u32;
        let of_type = PER_TYPE * self.type_index(ty);
        match number.checked_sub(PER_TYPE) {
            None => of_type + number,
            Some(number) => PER_TYPE * self.types.len() as u32 + of_type + number,
        }
    }

    /// The local of this type that is there for a moment.
    fn scratch(&self, ty: ValType) -> u32 {
        2 * PER_TYPE * self.types.len() as u32 + self.type_index(ty)
    }

    /// A counter of a loop.
    fn counter(&self, depth: u32) -> u32 {
        (2 * PER_TYPE + 1) * self.types.len() as u32 + depth
    }

    fn int(&mut self) -> u64 {
        let edge = self.choices.pick(&INTS);
        match self.choices.below(8) {
            0..=3 => edge,
            4 => edge.wrapping_neg(),
            5 => !edge,
            6 => {
                let power = 1_u64 << self.choices.below(64);
                power.wrapping_add(self.choices.below(3) as u64).wrapping_sub(1)
            }
            _ => self.choices.bits(),
        }
    }

    fn constant(&mut self, ty: ValType) {
        const FLOATS: [f64; 12] =
            [0.0, -0.0, 1.0, -1.5, 0.5, 2.0, 3e9, -3e9, 1e19, f64::INFINITY, f64::NEG_INFINITY, f64::MIN_POSITIVE];
        let inst = match ty {
            ValType::I32 => Instruction::I32Const(self.int() as i32),
            ValType::I64 => Instruction::I64Const(self.int() as i64),
            ValType::F32 => Instruction::F32Const(Ieee32::new((self.choices.pick(&FLOATS) as f32).to_bits())),
            ValType::F64 => Instruction::F64Const(Ieee64::new(self.choices.pick(&FLOATS).to_bits())),
            _ => Instruction::V128Const(match self.choices.below(4) {
                0 => 0,
                1 => -1,
                2 => i128::from(self.int()).wrapping_mul(0x1_0000_0000_0000_0001),
                _ => i128::from(self.choices.bits()) << 64 | i128::from(self.choices.bits()),
            }),
        };
        self.push(inst);
    }

    fn leaf(&mut self, ty: ValType) {
        match self.choices.below(3) {
            0 => self.constant(ty),
            _ => {
                let local = self.local(ty);
                self.push(Instruction::LocalGet(local));
            }
        }
    }

    /// A value.
    fn value(&mut self, ty: ValType, depth: u32) {
        if depth == 0 || self.budget == 0 {
            return self.leaf(ty);
        }
        match self.choices.below(20) {
            0 | 1 => self.leaf(ty),
            2 => {
                self.value(ty, depth - 1);
                self.value(ty, depth - 1);
                self.value(ValType::I32, depth - 1);
                self.push(Instruction::TypedSelect(ty));
            }
            3 => {
                self.value(ty, depth - 1);
                let local = self.local(ty);
                self.push(Instruction::LocalTee(local));
            }
            4..=6 => self.load(ty, depth - 1),
            7 if ty == ValType::I64 && self.choices.one_in(2) => self.wide(depth - 1),
            7 if !self.results.is_empty() && self.loops == 0 => self.call(ty, depth - 1),
            8 if ty == ValType::I32 || ty == ValType::I64 => {
                self.push(Instruction::GlobalGet(self.type_index(ty)));
            }
            9 if ty != ValType::V128 && self.types.len() == TYPES.len() => self.lane(ty, depth - 1),
            9 | 10 if ty == ValType::V128 => self.vector(depth - 1),
            11 if ty == ValType::I32 || ty == ValType::I64 => self.bits(ty, depth - 1),
            _ => self.operation(ty, depth),
        }
    }

    /// Bits of one number without those of another one, or without its own lowest one.
    fn bits(&mut self, ty: ValType, depth: u32) {
        let (and, add, xor, all) = match ty {
            ValType::I32 => (Instruction::I32And, Instruction::I32Add, Instruction::I32Xor, Instruction::I32Const(-1)),
            _ => (Instruction::I64And, Instruction::I64Add, Instruction::I64Xor, Instruction::I64Const(-1)),
        };
        self.value(ty, depth);
        if self.choices.one_in(2) {
            let local = self.local(ty);
            self.code.extend([Instruction::LocalTee(local), Instruction::LocalGet(local), all, add]);
        } else {
            self.value(ty, depth);
            self.code.extend([all, xor]);
        }
        self.push(and);
    }

    fn operation(&mut self, ty: ValType, depth: u32) {
        let ops = match ty {
            ValType::I32 if self.types.len() == TYPES.len() && self.choices.one_in(6) => I32_OF_VECTORS,
            ValType::I32 => I32,
            ValType::I64 => I64,
            ValType::F32 => F32,
            ValType::F64 => F64,
            _ => V128,
        };
        let mut number = self.choices.below(ops.iter().map(|(_, insts)| insts.len()).sum());
        let mut groups = ops.iter();
        let (operands, inst) = loop {
            let &(operands, insts) = groups.next().expect("the number is one of a group");
            match insts.get(number) {
                Some(inst) => break (operands, inst),
                None => number -= insts.len(),
            }
        };
        if let [a, b] = operands
            && a == b
        {
            match self.choices.below(8) {
                // A constant on the right, or on the left.
                0..=2 => {
                    self.value(*a, depth - 1);
                    self.constant(*b);
                }
                3 => {
                    self.constant(*a);
                    self.value(*b, depth - 1);
                }
                // The same value twice.
                4 => {
                    self.value(*a, depth - 1);
                    let local = self.local(*a);
                    self.push(Instruction::LocalTee(local));
                    self.push(Instruction::LocalGet(local));
                }
                // A load that nobody else reads.
                5 => {
                    self.value(*a, depth - 1);
                    self.load(*b, 1);
                }
                _ => operands.iter().for_each(|&ty| self.value(ty, depth - 1)),
            }
        } else {
            for &ty in operands {
                let shows_bits = matches!(inst, Instruction::I32ReinterpretF32 | Instruction::I64ReinterpretF64);
                if shows_bits { self.seen(ty, depth - 1) } else { self.value(ty, depth - 1) }
            }
        }
        if matches!(inst, Instruction::F32Copysign | Instruction::F64Copysign) {
            self.canonical(ty);
        }
        self.push(inst.clone());
        if ty == ValType::V128 {
            match format!("{inst:?}").as_bytes() {
                [b'F', b'3', ..] => self.canonical_lanes(true),
                [b'F', b'6', ..] => self.canonical_lanes(false),
                _ => {}
            }
        }
    }

    /// A value all of whose bits can be seen.
    fn seen(&mut self, ty: ValType, depth: u32) {
        self.value(ty, depth);
        self.canonical(ty);
    }

    /// Replaces a NaN.
    fn canonical(&mut self, ty: ValType) {
        let (nan, differs) = match ty {
            ValType::F32 => (Instruction::F32Const(Ieee32::new(0x7fc0_0000)), Instruction::F32Ne),
            ValType::F64 => (Instruction::F64Const(Ieee64::new(0x7ff8 << 48)), Instruction::F64Ne),
            _ => return,
        };
        let local = self.scratch(ty);
        let get = Instruction::LocalGet(local);
        self.code.extend([
            Instruction::LocalSet(local),
            nan,
            get.clone(),
            get.clone(),
            get,
            differs,
            Instruction::Select,
        ]);
    }

    /// Replaces the NaNs among the lanes of a vector.
    fn canonical_lanes(&mut self, narrow: bool) {
        let (nans, differs) = if narrow {
            (0x7fc0_0000_7fc0_0000_7fc0_0000_7fc0_0000, Instruction::F32x4Ne)
        } else {
            (0x7ff8_0000_0000_0000_7ff8_0000_0000_0000, Instruction::F64x2Ne)
        };
        let local = self.scratch(ValType::V128);
        let get = Instruction::LocalGet(local);
        let nans = Instruction::V128Const(nans);
        self.code.extend([Instruction::LocalSet(local), nans, get.clone(), get.clone(), get, differs]);
        self.code.push(Instruction::V128Bitselect);
    }

    /// A call of a function before this one, if there is one of this type.
    fn call(&mut self, ty: ValType, depth: u32) {
        let Some(callee) = self.results.iter().position(|&result| result == ty) else {
            return self.operation(ty, depth + 1);
        };
        for &ty in self.types {
            for _ in 0..PER_TYPE {
                self.value(ty, depth.min(1));
            }
        }
        self.push(Instruction::Call(callee as u32));
    }

    /// A sum, difference or product of 128 bits, its halves in one.
    fn wide(&mut self, depth: u32) {
        let (inst, operands) = match self.choices.below(4) {
            0 => (Instruction::I64Add128, 4),
            1 => (Instruction::I64Sub128, 4),
            2 => (Instruction::I64MulWideS, 2),
            _ => (Instruction::I64MulWideU, 2),
        };
        (0..operands).for_each(|_| self.value(ValType::I64, depth.min(2)));
        self.push(inst);
        // Either half alone leaves the other one without users.
        match self.choices.below(4) {
            0 => self.push(Instruction::Drop),
            1 => {
                let scratch = self.scratch(ValType::I64);
                self.code.extend([Instruction::LocalSet(scratch), Instruction::Drop, Instruction::LocalGet(scratch)]);
            }
            _ => self.push(Instruction::I64Xor),
        }
    }

    /// A lane of a vector.
    fn lane(&mut self, ty: ValType, depth: u32) {
        self.value(ValType::V128, depth);
        let lane = |choices: &mut Choices<'_>, lanes: usize| choices.below(lanes) as u8;
        let choices = &mut self.choices;
        let inst = match ty {
            ValType::I32 => match choices.below(5) {
                0 => Instruction::I8x16ExtractLaneS(lane(choices, 16)),
                1 => Instruction::I8x16ExtractLaneU(lane(choices, 16)),
                2 => Instruction::I16x8ExtractLaneS(lane(choices, 8)),
                3 => Instruction::I16x8ExtractLaneU(lane(choices, 8)),
                _ => Instruction::I32x4ExtractLane(lane(choices, 4)),
            },
            ValType::I64 => Instruction::I64x2ExtractLane(lane(choices, 2)),
            ValType::F32 => Instruction::F32x4ExtractLane(lane(choices, 4)),
            _ => Instruction::F64x2ExtractLane(lane(choices, 2)),
        };
        self.push(inst);
    }

    /// A vector made of vectors and lanes.
    fn vector(&mut self, depth: u32) {
        self.value(ValType::V128, depth);
        let which = self.choices.below(9);
        let lane = |choices: &mut Choices<'_>, lanes: usize| choices.below(lanes) as u8;
        let (operand, inst) = match which {
            0..=2 => {
                self.value(ValType::V128, depth);
                let lanes = match self.choices.below(5) {
                    // Bytes at random, or pieces in order.
                    0 => std::array::from_fn(|_| self.choices.below(32) as u8),
                    1 => {
                        let first = self.choices.below(17) as u8;
                        std::array::from_fn(|at| first + at as u8)
                    }
                    2 => {
                        let (piece, parts) = self.choices.pick(&[(2, 16), (4, 8), (8, 4)]);
                        let from: [usize; 8] = std::array::from_fn(|_| self.choices.below(parts));
                        std::array::from_fn(|at| (from[at / piece] * piece + at % piece) as u8)
                    }
                    // Lanes of both in turn, or each of one or the other.
                    3 => {
                        let (piece, half) = (self.choices.pick(&[1, 2, 4, 8]), 8 * self.choices.below(2));
                        std::array::from_fn(|at| {
                            let (lane, byte) = (at / piece, at % piece);
                            (half + lane / 2 * piece + byte + 16 * (lane % 2)) as u8
                        })
                    }
                    _ => {
                        let (second, piece) = (self.choices.bits(), self.choices.pick(&[1, 2, 4]));
                        std::array::from_fn(|at| (at + 16 * (second >> (at / piece) & 1) as usize) as u8)
                    }
                };
                return self.push(Instruction::I8x16Shuffle(lanes));
            }
            3 => (ValType::I32, Instruction::I8x16ReplaceLane(lane(&mut self.choices, 16))),
            4 => (ValType::I32, Instruction::I16x8ReplaceLane(lane(&mut self.choices, 8))),
            5 => (ValType::I32, Instruction::I32x4ReplaceLane(lane(&mut self.choices, 4))),
            6 => (ValType::I64, Instruction::I64x2ReplaceLane(lane(&mut self.choices, 2))),
            7 => (ValType::F32, Instruction::F32x4ReplaceLane(lane(&mut self.choices, 4))),
            _ => (ValType::F64, Instruction::F64x2ReplaceLane(lane(&mut self.choices, 2))),
        };
        self.seen(operand, depth);
        self.push(inst);
    }

    /// An address, most of them inside the memory.
    fn address(&mut self, depth: u32) -> MemArg {
        let offset = match self.choices.below(64) {
            0..=29 => self.choices.below(64) as u64,
            30..=55 => 0,
            56..=61 => 0xffff,
            62 => 0x1_fff8,
            _ => self.choices.pick(&[0x7fff_ffff, 0x8000_0000, 0xffff_ffff]),
        };
        let index = if self.memory64 { ValType::I64 } else { ValType::I32 };
        let wide = self.memory64 && !self.choices.one_in(3);
        let ty = if wide { ValType::I64 } else { ValType::I32 };
        let (add, and, shl) = if wide {
            (Instruction::I64Add, Instruction::I64And, Instruction::I64Shl)
        } else {
            (Instruction::I32Add, Instruction::I32And, Instruction::I32Shl)
        };
        let constant =
            |bits: u64| if wide { Instruction::I64Const(bits as i64) } else { Instruction::I32Const(bits as i32) };
        match self.choices.below(64) {
            0..=23 => {
                self.value(ty, depth);
                self.code.extend([constant(0xffff), and]);
            }
            24..=35 => {
                let bits = self.choices.below(0x1_0000) as u64;
                self.push(constant(bits));
            }
            // A sum of a base and a scaled index.
            36..=47 => {
                self.value(ty, depth);
                self.code.extend([constant(0xfff), and.clone()]);
                self.value(ty, depth);
                let scale = self.choices.below(5) as u64;
                self.code.extend([constant(0x7ff), and, constant(scale), shl, add]);
            }
            // A sum with a constant, which may wrap.
            48..=61 => {
                self.value(ty, depth);
                let bits = self.choices.below(0x1_0000) as u64;
                let bits = if self.choices.one_in(8) { (bits % 256).wrapping_neg() } else { bits };
                self.code.extend([constant(0xff), and, constant(bits), add]);
            }
            _ => self.value(ty, depth),
        }
        if ty != index {
            self.push(Instruction::I64ExtendI32U);
        }
        MemArg { offset, align: 0, target: MemArgTarget::Memory(0), ordering: None }
    }

    fn load(&mut self, ty: ValType, depth: u32) {
        use Instruction::*;
        let at = self.address(depth.min(2));
        let choice =
            |choices: &mut Choices<'_>, makers: &[fn(MemArg) -> Instruction<'static>]| choices.pick(makers)(at);
        let inst = match ty {
            ValType::I32 => {
                choice(&mut self.choices, &[I32Load, I32Load, I32Load8S, I32Load8U, I32Load16S, I32Load16U])
            }
            ValType::I64 => choice(
                &mut self.choices,
                &[I64Load, I64Load, I64Load8S, I64Load8U, I64Load16S, I64Load16U, I64Load32S, I64Load32U],
            ),
            ValType::F32 => F32Load(at),
            ValType::F64 => F64Load(at),
            _ => choice(
                &mut self.choices,
                &[
                    V128Load,
                    V128Load,
                    V128Load8x8S,
                    V128Load8x8U,
                    V128Load16x4S,
                    V128Load16x4U,
                    V128Load32x2S,
                    V128Load32x2U,
                    V128Load8Splat,
                    V128Load16Splat,
                    V128Load32Splat,
                    V128Load64Splat,
                    V128Load32Zero,
                    V128Load64Zero,
                ],
            ),
        };
        self.push(inst);
    }

    fn store(&mut self) {
        use Instruction::*;
        let ty = self.choices.pick(self.types);
        let at = self.address(2);
        self.seen(ty, 3);
        let makers: &[fn(MemArg) -> Instruction<'static>] = match ty {
            ValType::I32 => &[I32Store, I32Store8, I32Store16],
            ValType::I64 => &[I64Store, I64Store8, I64Store16, I64Store32],
            ValType::F32 => &[F32Store],
            ValType::F64 => &[F64Store],
            _ => &[V128Store],
        };
        let inst = self.choices.pick(makers)(at);
        self.push(inst);
    }

    /// A store of what an operation makes of the value that is there.
    fn update(&mut self) {
        let wide = self.choices.one_in(2);
        let ty = if wide { ValType::I64 } else { ValType::I32 };
        let at = self.address(1);
        let index = if self.memory64 { ValType::I64 } else { ValType::I32 };
        let local = self.local(index);
        self.code.extend([Instruction::LocalTee(local), Instruction::LocalGet(local)]);
        self.push(if wide { Instruction::I64Load(at) } else { Instruction::I32Load(at) });
        self.value(ty, 2);
        // The first group: arithmetic on two operands, and comparisons of `i32`.
        let insts = (if wide { I64 } else { I32 })[0].1;
        let inst = &insts[self.choices.below(insts.len())];
        self.push(inst.clone());
        self.push(if wide { Instruction::I64Store(at) } else { Instruction::I32Store(at) });
    }

    fn statements(&mut self, depth: u32) {
        for _ in 0..2 + self.choices.below(5) {
            if self.budget == 0 || self.choices.is_empty() {
                return;
            }
            self.statement(depth);
        }
    }

    fn statement(&mut self, depth: u32) {
        match self.choices.below(if depth < 3 { 16 } else { 10 }) {
            0..=4 => {
                let ty = self.choices.pick(self.types);
                self.value(ty, 4);
                let local = self.local(ty);
                self.push(Instruction::LocalSet(local));
            }
            5 | 6 => self.store(),
            7 => self.update(),
            8 => {
                let global = self.choices.below(2);
                self.value(TYPES[global], 3);
                self.push(Instruction::GlobalSet(global as u32));
            }
            9 => self.bulk(),
            10..=12 => {
                self.value(ValType::I32, 3);
                self.push(Instruction::If(BlockType::Empty));
                self.statements(depth + 1);
                if self.choices.one_in(2) {
                    self.push(Instruction::Else);
                    self.statements(depth + 1);
                }
                self.push(Instruction::End);
            }
            13 => {
                self.push(Instruction::Block(BlockType::Empty));
                self.statements(depth + 1);
                self.value(ValType::I32, 3);
                self.push(Instruction::BrIf(0));
                self.statements(depth + 1);
                self.push(Instruction::End);
            }
            14 => self.table(depth),
            _ if self.loops < 2 => self.repeat(depth),
            _ => {}
        }
    }

    /// A loop that runs a few times.
    fn repeat(&mut self, depth: u32) {
        let counter = self.counter(self.loops);
        let times = 1 + self.choices.below(5) as i32;
        self.code.extend([
            Instruction::I32Const(0),
            Instruction::LocalSet(counter),
            Instruction::Loop(BlockType::Empty),
        ]);
        self.loops += 1;
        self.statements(depth + 1);
        self.loops -= 1;
        self.code.extend([
            Instruction::LocalGet(counter),
            Instruction::I32Const(1),
            Instruction::I32Add,
            Instruction::LocalTee(counter),
            Instruction::I32Const(times),
            Instruction::I32LtS,
            Instruction::BrIf(0),
            Instruction::End,
        ]);
    }

    /// A few cases.
    fn table(&mut self, depth: u32) {
        let cases = 1 + self.choices.below(7) as u32;
        (0..cases).for_each(|_| self.code.push(Instruction::Block(BlockType::Empty)));
        self.value(ValType::I32, 2);
        if !self.choices.one_in(4) {
            self.code.extend([Instruction::I32Const(7), Instruction::I32And]);
        }
        let labels: Vec<u32> = (0..self.choices.below(8)).map(|_| self.choices.below(cases as usize) as u32).collect();
        let last = self.choices.below(cases as usize) as u32;
        self.push(Instruction::BrTable(labels.into(), last));
        for _ in 0..cases {
            self.push(Instruction::End);
            self.statements(depth + 1);
        }
    }

    /// `memory.fill` or `memory.copy` of a few bytes.
    fn bulk(&mut self) {
        let constant = |this: &Self, bits: i32| {
            if this.memory64 { Instruction::I64Const(bits.into()) } else { Instruction::I32Const(bits) }
        };
        let _ = self.address(1);
        let fills = self.choices.one_in(2);
        if fills {
            self.value(ValType::I32, 2);
        } else {
            let _ = self.address(1);
        }
        let len = self.choices.pick(&[0, 1, 2, 3, 4, 7, 8, 12, 16, 17, 31, 32, 33, 64, 100, 256]);
        self.push(constant(self, len));
        self.push(if fills { Instruction::MemoryFill(0) } else { Instruction::MemoryCopy { src_mem: 0, dst_mem: 0 } });
    }
}
