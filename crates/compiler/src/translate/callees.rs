//! Which calls are worth inlining: facts about the small functions of a module, gathered once, and the numbers that decide.
//!
//! The decision depends on the module alone, so that code is the same however many threads make it.

use tiercel_wasm::{Error, ModuleInfo};
use wasmparser::{BinaryReader, FunctionBody, Operator};

// None of these numbers has an effect on correctness. A weight is a number of operators, see [`weight_of`].

/// Bodies of more bytes are never inlined.
const MAX_BYTES: usize = 256;
/// Nor are those with more locals, parameters included.
const MAX_LOCALS: u32 = 64;
/// Calls inside each other that are inlined.
const MAX_DEPTH: usize = 6;
/// Of a body that weighs no more than a call, so many bytes cost nothing.
const FREE_WEIGHT: u32 = 6;
const FREE_BYTES: u32 = 12;
/// What a body that calls nothing may weigh.
const LEAF_WEIGHT: u32 = 12;
/// What one that calls something may weigh: only its frame is saved.
const CALLER_WEIGHT: u32 = 8;
/// In a loop these weights are so many times as large.
const LOOP_FACTOR: u32 = 2;
/// Each argument that is a constant takes so much from a body's weight.
const CONST_ARGUMENT_WEIGHT: u32 = 2;
/// Levels of a recursion that are inlined, what each body may weigh, and all of them together.
const RECURSION_DEPTH: u32 = 3;
const RECURSION_BODY_WEIGHT: u32 = 24;
const RECURSION_WEIGHT: u32 = 200;
/// What a product of two numbers of 128 bits counts as, written as four or more multiplications that become one: the `__multi3` of compilers.
const PRODUCT_WEIGHT: u32 = 6;
const PRODUCT_BYTES: usize = 24;
/// Bytes of bodies that a function may take in: in any case, and one for each so many bytes of its own.
const GROWTH_BYTES: u32 = 64;
const GROWTH_DIVISOR: u32 = 8;
/// Bytes that a function may take in where calls are inlined at random, and the share of calls that is, of 256.
const CHAOS_GROWTH_BYTES: u32 = 4096;
const CHAOS_SHARE: u64 = 160;

/// Which calls are inlined.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Inlining {
    /// None.
    Off,
    /// Those for which it is worth it.
    #[default]
    Usual,
    /// Some, by a seed, whatever it is worth: for tests.
    Random(u64),
}

/// What is known of a small function.
#[derive(Clone, Copy)]
pub struct Callee {
    weight: u16,
    bytes: u16,
    /// Whether it calls functions.
    calls: bool,
    /// Levels of it that may be inlined in itself.
    recursion: u8,
    /// How many bodies that makes in it.
    copies: u8,
    /// Whether it calls itself.
    recursive: bool,
    /// Whether it ends in a trap and has no `return`.
    never_returns: bool,
    /// Whether it has loops, for which it needs a pre-scan.
    pub has_loops: bool,
}

/// What is known of the functions of a module.
#[derive(Default)]
pub struct Callees {
    /// By index of the body; none for those that are never inlined.
    by_body: Vec<Option<Callee>>,
}

/// A call that may be inlined.
pub struct Site {
    /// Where its operator is in the module, in bytes.
    pub offset: u32,
    /// Bodies that are being inlined around it.
    pub depth: usize,
    /// How many of them, the function itself included, are its callee's.
    pub recursion: u32,
    /// Whether it is in a loop, or the callee is called much.
    pub is_hot: bool,
    /// Arguments that are constants.
    pub const_arguments: u32,
}

impl Callees {
    /// No function.
    pub const NONE: Callees = Callees { by_body: Vec::new() };

    /// Reads all small bodies.
    pub fn new(info: &ModuleInfo, bytes: &[u8]) -> Callees {
        let bodies = info.bodies.iter().enumerate();
        let by_body = bodies.map(|(body, range)| {
            if range.len() > MAX_BYTES {
                return None;
            }
            let func = body as u32 + info.imported.funcs;
            let params = info.func_type(func).params().len() as u32;
            let bytes = &bytes[range.start as usize..range.end as usize];
            // What cannot be read is not inlined, and translation says why.
            Callee::read(bytes, func, params).ok().flatten()
        });
        Callees { by_body: by_body.collect() }
    }

    /// What is known of the function with this body index, if it may be inlined.
    pub fn get(&self, body: usize) -> Option<&Callee> {
        self.by_body.get(body)?.as_ref()
    }
}

impl Callee {
    fn read(bytes: &[u8], func: u32, params: u32) -> Result<Option<Callee>, Error> {
        let body = FunctionBody::new(BinaryReader::new(bytes, 0));
        let mut locals = params;
        for group in body.get_locals_reader()? {
            locals = locals.saturating_add(group?.0);
        }
        if locals > MAX_LOCALS {
            return Ok(None);
        }
        let (mut weight, mut self_calls, mut calls) = (0, 0, false);
        let mut product = Product::default();
        let (mut has_loops, mut has_returns, mut before_end, mut traps) = (false, false, false, false);
        let mut reader = body.get_operators_reader()?;
        while !reader.eof() {
            let op = reader.read()?;
            weight += weight_of(&op);
            product.note(&op);
            traps = std::mem::replace(&mut before_end, matches!(op, Operator::Unreachable));
            match op {
                Operator::Loop { .. } => has_loops = true,
                Operator::Return => has_returns = true,
                Operator::Call { function_index } | Operator::ReturnCall { function_index } => {
                    calls = true;
                    self_calls += u32::from(function_index == func);
                }
                Operator::CallIndirect { .. }
                | Operator::CallRef { .. }
                | Operator::ReturnCallIndirect { .. }
                | Operator::ReturnCallRef { .. } => calls = true,
                _ => {}
            }
        }
        let mut size = bytes.len();
        if product.is_one() {
            (weight, size) = (weight.min(PRODUCT_WEIGHT), size.min(PRODUCT_BYTES));
        }
        let (recursion, copies) = recursion(weight, self_calls);
        Ok(Some(Callee {
            weight: weight as u16,
            bytes: size as u16,
            calls,
            recursion,
            copies,
            recursive: self_calls > 0,
            never_returns: traps && !has_returns,
            has_loops,
        }))
    }

    /// Whether it weighs no more than a call of it, which can only get smaller when it is inlined.
    pub fn is_free(&self) -> bool {
        !self.calls && u32::from(self.weight) <= FREE_WEIGHT
    }

    /// What a call of it takes from the budget of the function around it, which has `growth` bytes left; none if it stays a call.
    pub fn cost(&self, inlining: Inlining, site: &Site, growth: u32) -> Option<u32> {
        let bytes = u32::from(self.bytes);
        match inlining {
            _ if site.depth >= MAX_DEPTH => None,
            Inlining::Off => None,
            Inlining::Usual => self.usual_cost(site, growth),
            Inlining::Random(seed) => (bytes <= growth && is_chosen(seed, site)).then_some(bytes),
        }
    }

    fn usual_cost(&self, site: &Site, growth: u32) -> Option<u32> {
        let (weight, bytes) = (u32::from(self.weight), u32::from(self.bytes));
        if self.never_returns {
            return None;
        }
        if site.recursion > 0 {
            return (bytes <= growth && site.recursion <= u32::from(self.recursion)).then_some(bytes);
        }
        // What has loops spends its time in them, and what calls itself in calls of itself.
        if self.has_loops || self.recursive {
            return None;
        }
        let cost = if weight <= FREE_WEIGHT { bytes.saturating_sub(FREE_BYTES) } else { bytes };
        let limit = if self.calls { CALLER_WEIGHT } else { LEAF_WEIGHT };
        let limit = limit * if site.is_hot { LOOP_FACTOR } else { 1 };
        let gain = site.const_arguments * CONST_ARGUMENT_WEIGHT;
        (cost <= growth && weight <= limit + gain).then_some(cost)
    }
}

/// Counts what tells a product of 128 bits: it multiplies, stores both halves and does nothing else but arithmetic.
#[derive(Default)]
struct Product {
    products: u32,
    stores: u32,
    others: u32,
}

impl Product {
    fn note(&mut self, op: &Operator<'_>) {
        use Operator::*;
        match op {
            I64Mul => self.products += 1,
            I64Store { .. } => self.stores += 1,
            LocalGet { .. } | LocalSet { .. } | LocalTee { .. } | I64Const { .. } | End => {}
            I64Add | I64And | I64Or | I64Xor | I64Shl | I64ShrU | I64LtU | I64GtU | I64ExtendI32U => {}
            _ => self.others += 1,
        }
    }

    fn is_one(&self) -> bool {
        (4..=8).contains(&self.products) && self.stores == 2 && self.others == 0
    }
}

/// Bytes of bodies that a function of this many bytes may take in; `own` is what is known of it.
pub fn growth(inlining: Inlining, bytes: usize, own: Option<&Callee>) -> u32 {
    match inlining {
        Inlining::Off => 0,
        Inlining::Usual => {
            let copies = own.map_or(0, |own| u32::from(own.bytes) * u32::from(own.copies));
            GROWTH_BYTES + bytes as u32 / GROWTH_DIVISOR + copies
        }
        Inlining::Random(_) => CHAOS_GROWTH_BYTES,
    }
}

/// Levels of a function that calls itself `calls` times which together do not weigh too much, and how many bodies they are.
fn recursion(weight: u32, calls: u32) -> (u8, u8) {
    let (mut levels, mut on_level, mut copies) = (0, 1_u32, 0);
    while levels < RECURSION_DEPTH && calls > 0 && weight <= RECURSION_BODY_WEIGHT {
        on_level = on_level.saturating_mul(calls);
        let more = copies + on_level;
        if more.saturating_mul(weight) > RECURSION_WEIGHT {
            break;
        }
        (levels, copies) = (levels + 1, more);
    }
    (levels as u8, copies as u8)
}

/// Whether a call is among those that are chosen at random.
fn is_chosen(seed: u64, site: &Site) -> bool {
    let place = u64::from(site.offset) << 8 | site.depth as u64;
    let mixed = (place ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 56 < CHAOS_SHARE
}

/// About how many instructions an operator becomes.
fn weight_of(op: &Operator<'_>) -> u32 {
    match op {
        Operator::LocalGet { .. } | Operator::LocalSet { .. } | Operator::LocalTee { .. } => 0,
        Operator::I32Const { .. } | Operator::I64Const { .. } | Operator::F32Const { .. } => 0,
        Operator::F64Const { .. } | Operator::Nop | Operator::Drop | Operator::Return => 0,
        Operator::Block { .. } | Operator::Loop { .. } | Operator::Else | Operator::End => 0,
        Operator::Call { .. } | Operator::CallRef { .. } => 4,
        Operator::ReturnCall { .. } | Operator::ReturnCallRef { .. } => 4,
        Operator::MemoryCopy { .. } | Operator::MemoryFill { .. } | Operator::MemoryGrow { .. } => 4,
        Operator::CallIndirect { .. } | Operator::ReturnCallIndirect { .. } => 8,
        Operator::BrTable { targets } => 2 + targets.len(),
        _ => 1,
    }
}
