//! in: a function body that has been validated. out: its IR. One pass over the operators.
//!
//! The pre-scan (`tiercel_wasm::scan`) tells what a loop sets, so that its header gets exactly the parameters it may need. At other joins
//! only what differs between the ways in becomes a parameter. Values are folded and numbered as they are made, loads are found again by
//! the version of their alias class. The same table has what is known of conditions and indices on the way here.
//!
//! Reading order: [`builder`] (instructions; [`fold`] and [`gvn`] are its parts), [`locals`] (the state of the locals), [`control`]
//! (constructs, branches, calls' ends), [`ops`] (everything else), [`memory`], [`calls`] and [`gc`], [`inline`] (bodies in place of
//! calls) and [`callees`] (of which; [`feedback`] says what code has seen), [`continuation`] (from the head of a loop on).
//!
//! # Limits
//! What a branch passes to a join is linear in what differs there, which a malicious body makes quadratic. A function that needs too many
//! block parameters is therefore translated again with its locals in frame slots; if what its operand stack passes is still too much, it is
//! refused.

mod builder;
mod callees;
mod calls;
mod continuation;
mod control;
mod feedback;
mod fold;
mod gc;
mod gvn;
mod inline;
mod locals;
mod memory;
mod ops;
mod snippet;

pub use self::callees::{Callees, Inlining};
pub use self::feedback::Feedback;
pub(crate) use self::memory::{LaneAccess, lane_access_of};
pub(crate) use self::ops::{fuel_of, known_global};

use self::builder::Builder;
use self::control::Frame;
use self::inline::Body;
use self::locals::Locals;
use crate::entity::Entity;
use crate::ir::{Function, Inst, Opcode, Type, Value};
use crate::loop_state::LoopState;
use std::sync::Arc;
use tiercel_abi::VmctxLayout;
use tiercel_wasm::scan::Scan;
use tiercel_wasm::{Error, FuncType, HeapType, ModuleInfo, ValType};
use wasmparser::{BinaryReader, FunctionBody, OperatorsReader};

/// How accesses to linear memory are kept in bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bounds {
    /// Every access is checked.
    Checked,
    /// A memory with 32-bit addresses has 4 GiB and then this many bytes reserved, and an access beyond its length faults. What those
    /// bytes do not cover is checked.
    Guarded {
        /// Bytes reserved behind the first 4 GiB.
        guard_bytes: u64,
    },
}

/// What code depends on besides the module.
#[derive(Clone, Copy, Debug)]
pub struct Config {
    /// Bytes of a pointer.
    pub pointer_bytes: u32,
    /// How accesses are kept in bounds.
    pub bounds: Bounds,
    /// Whether memories may move when they grow.
    pub memories_move: bool,
    /// Whether code counts fuel.
    pub fuel: bool,
    /// Whether code looks at the epoch.
    pub epochs: bool,
    /// Whether values are folded and numbered; without, the result is the judge of the rest.
    pub optimize: bool,
    /// Which calls are inlined, if values are folded.
    pub inlining: Inlining,
    /// Whether every function keeps its locals in frame slots, as the largest ones do: for tests.
    pub locals_in_slots: bool,
}

impl Default for Config {
    /// A 64-bit host with guard pages.
    fn default() -> Self {
        Config {
            pointer_bytes: 8,
            bounds: Bounds::Guarded { guard_bytes: 2 << 30 },
            memories_move: false,
            fuel: false,
            epochs: false,
            optimize: true,
            inlining: Inlining::Usual,
            locals_in_slots: false,
        }
    }
}

/// What translation needs to know of a module.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Its declarations.
    pub info: &'a ModuleInfo,
    /// Its bytes.
    pub bytes: &'a [u8],
    /// Its vmctx.
    pub layout: &'a VmctxLayout,
    /// Its functions that may be inlined.
    pub callees: &'a Callees,
    /// The rest.
    pub config: Config,
}

/// Numbers in lists that a function may have for each byte of its body, and in any case. No effect on correctness.
const LIST_NUMBERS_PER_BYTE: usize = 24;
const LIST_NUMBERS: usize = 1 << 20;
/// Locals a loop may set, summed over all loops, for each byte of the body, and in any case. No effect on correctness.
const LOOP_EVENTS_PER_BYTE: usize = 8;
const LOOP_EVENTS: usize = 1 << 18;

/// Why a translation was given up.
enum Stop {
    Error(Error),
    /// Too many block parameters.
    TooLarge,
}

impl From<Error> for Stop {
    fn from(error: Error) -> Stop {
        Stop::Error(error)
    }
}

impl From<wasmparser::Error> for Stop {
    fn from(error: wasmparser::Error) -> Stop {
        Stop::Error(error.into())
    }
}

/// Everything that is reused from function to function.
#[derive(Default)]
pub struct Translator {
    build: Builder,
    /// The innermost body.
    body: Body,
    /// The bodies around it, the function first.
    outer: Vec<Body>,
    /// The pre-scan of each open body that has loops, and of the function.
    scans: Vec<Scan>,
    /// Which calls are inlined in this function.
    inlining: Inlining,
    /// Bytes of bodies that it may still take in.
    growth: u32,
    locals: Locals,
    /// The types of the locals of all open bodies.
    local_types: Vec<Type>,
    /// Whether locals are kept in frame slots.
    in_slots: bool,
    stack: Vec<Value>,
    frames: Vec<Frame>,
    control: control::Buffers,
    /// Constructs opened since code became unreachable; `None` while it is reachable.
    skipped: Option<u32>,
    /// The pending fuel instruction, and what it has to take.
    fuel: Option<(Value, u32)>,
    /// Signatures by type index.
    sigs: calls::Sigs,
    structs: gc::Structs,
    config: Config,
    /// Numbers that lists may have.
    list_limit: usize,
    /// A join would need more.
    too_large: bool,
    /// The number of the reader that the operators are to be read from now on.
    again: Option<usize>,
    /// What code has seen that counts.
    pub(crate) feedback: Option<Arc<dyn Feedback>>,
}

impl Translator {
    /// Translates the function with this body index. The function belongs to the translator, which reuses it for the next one.
    ///
    /// # Errors
    /// The body uses what is not supported, or is too complex for this compiler.
    pub fn translate(&mut self, cx: Context<'_>, body: usize) -> Result<&mut Function, Error> {
        self.translate_from(cx, body, None)
    }

    /// Translates the function with this body index, or the continuation from this state on, whose parameters are [`LoopState::params`].
    ///
    /// # Errors
    /// As [`Translator::translate`].
    pub fn translate_from(
        &mut self,
        cx: Context<'_>,
        body: usize,
        from: Option<&LoopState>,
    ) -> Result<&mut Function, Error> {
        let range = cx.info.bodies[body].clone();
        let func = body as u32 + cx.info.imported.funcs;
        let bytes = &cx.bytes[range.start as usize..range.end as usize];
        let params = cx.info.func_type(func).params().len() as u32;
        let mut locals = params;
        for group in FunctionBody::new(BinaryReader::new(bytes, u64::from(range.start))).get_locals_reader()? {
            locals += group?.0;
        }
        self.outer.clear();
        self.scan().scan(cx.bytes, range.clone(), locals)?;
        let mut in_slots = cx.config.locals_in_slots || self.loops_set_too_much(bytes.len());
        loop {
            match self.attempt(cx, func, range.start, bytes, in_slots, from) {
                Ok(()) => return Ok(&mut self.build.func),
                Err(Stop::Error(error)) => return Err(error),
                Err(Stop::TooLarge) if !in_slots => in_slots = true,
                Err(Stop::TooLarge) => {
                    return Err(Error::limit(format!(
                        "function {func} passes too many values between its blocks for the optimizing compiler; \
                         run it in another tier"
                    )));
                }
            }
        }
    }

    /// The function that was translated last.
    pub fn func(&mut self) -> &mut Function {
        &mut self.build.func
    }

    fn loops_set_too_much(&self, bytes: usize) -> bool {
        let limit = LOOP_EVENTS + LOOP_EVENTS_PER_BYTE * bytes;
        let scan = &self.scans[0];
        let loops = scan.constructs().iter().filter(|c| c.kind == tiercel_wasm::scan::ConstructKind::Loop);
        loops.map(|construct| scan.assigned(construct).len()).sum::<usize>() > limit
    }

    fn attempt(
        &mut self,
        cx: Context<'_>,
        func: u32,
        start: u32,
        bytes: &[u8],
        in_slots: bool,
        from: Option<&LoopState>,
    ) -> Result<(), Stop> {
        let body = FunctionBody::new(BinaryReader::new(bytes, u64::from(start)));
        self.config = cx.config;
        self.in_slots = in_slots;
        self.inlining = if cx.config.optimize && !in_slots { cx.config.inlining } else { Inlining::Off };
        let own = cx.callees.get((func - cx.info.imported.funcs) as usize);
        self.growth = callees::growth(self.inlining, bytes.len(), own);
        self.build.reset(bytes.len() + self.growth as usize, cx.config.optimize);
        self.build.next_loc = cx.bytes.len() as u32;
        self.body = Body::function(func - cx.info.imported.funcs);
        self.outer.clear();
        self.stack.clear();
        self.frames.clear();
        self.control.clear();
        self.skipped = None;
        self.fuel = None;
        self.sigs.reset(cx.info.func_types.len());
        self.too_large = false;
        self.again = None;
        self.list_limit = LIST_NUMBERS + LIST_NUMBERS_PER_BYTE * bytes.len();
        // The list of no values, which everything without arguments shares.
        self.build.func.make_numbers([]);
        self.enter(cx, cx.info.func_type(func), &body, from)?;
        let reader = body.get_operators_reader()?;
        self.build.loc = reader.original_position() as u32;
        match from {
            Some(state) => self.continuation(cx, reader, state)?,
            None => {
                self.poll();
                self.operators(cx, reader, &[])?;
            }
        }
        self.finish_fuel();
        Ok(())
    }

    /// Translates the operators of a body. [`Translator::again`] is a number of `loops`.
    fn operators<'a>(
        &mut self,
        cx: Context<'_>,
        reader: OperatorsReader<'a>,
        loops: &[OperatorsReader<'a>],
    ) -> Result<(), Stop> {
        let mut reader = reader;
        let shift = self.body.shift;
        while !reader.eof() {
            let (op, offset) = reader.read_with_offset()?;
            self.build.loc = (offset as u32).wrapping_add(shift);
            if self.skipped.is_some() {
                self.skip(cx, &op);
            } else {
                self.operator(cx, &op)?;
            }
            if self.too_large
                || self.build.func.lists.len() + self.control.pending_values() > self.list_limit
                || self.locals.bytes() > 16 * self.list_limit
            {
                return Err(Stop::TooLarge);
            }
            if let Some(number) = self.again.take() {
                reader = loops[number].clone();
            }
        }
        Ok(())
    }

    /// Makes the entry block and the locals.
    fn enter(
        &mut self,
        cx: Context<'_>,
        ty: &FuncType,
        body: &FunctionBody<'_>,
        from: Option<&LoopState>,
    ) -> Result<(), Stop> {
        self.build.func.results.extend(ty.results().iter().map(|&ty| Type::from(ty)));
        self.local_types.clear();
        self.local_types.extend(ty.params().iter().map(|&ty| Type::from(ty)));
        for group in body.get_locals_reader()? {
            let (count, ty) = group?;
            self.local_types.resize(self.local_types.len() + count as usize, type_of(cx.info, ty)?);
        }
        self.locals.reset(self.local_types.len() as u32);
        if self.in_slots {
            self.build.func.slots.extend_from_slice(&self.local_types);
        }
        self.frames.push(Frame::function(ty.results().len() as u32));
        if let Some(state) = from {
            self.enter_continuation(state);
            return Ok(());
        }
        let entry = self.build.start_block(None, None);
        let mut params = Vec::with_capacity(ty.params().len());
        for index in 0..ty.params().len() {
            params.push(self.build.make_param(entry, index, self.local_types[index]));
        }
        self.build.set_params(entry, &params);
        for (local, param) in params.into_iter().enumerate() {
            self.set_local(local as u32, param);
        }
        Ok(())
    }

    // Locals.

    fn get_local(&mut self, local: u32) -> Value {
        let ty = self.local_types[self.body.first_local + local as usize];
        if self.in_slots {
            return self.build.push(Inst::new(Opcode::SlotLoad, ty).fields(0, local, 0));
        }
        match self.locals.get(local) {
            Some(value) => value,
            None => self.build.constant(ty, 0),
        }
    }

    fn set_local(&mut self, local: u32, value: Value) {
        if self.in_slots {
            self.build.push(Inst::new(Opcode::SlotStore, Type::None).fields(0, local, value.index() as u32));
        } else if self.locals.get(local) != Some(value) {
            self.locals.set(local, value);
        }
    }

    // Fuel and epochs.

    /// What a function does at its start and a loop at its head.
    fn poll(&mut self) {
        if self.config.epochs {
            self.build.push(Inst::new(Opcode::Epoch, Type::None));
            // The host may be asked, and may do anything.
            self.build.write_all();
        }
        self.start_fuel();
    }

    /// Starts a segment of code that is paid for at its start.
    fn start_fuel(&mut self) {
        if self.config.fuel {
            self.finish_fuel();
            let fuel = self.build.push(Inst::new(Opcode::Fuel, Type::None));
            self.fuel = Some((fuel, 0));
        }
    }

    /// Writes what the segment that ends here costs.
    fn finish_fuel(&mut self) {
        if let Some((fuel, amount)) = self.fuel.take() {
            self.build.func.insts[fuel].b = amount;
        }
    }
}

/// The type of a value whose type wasmparser gives.
pub(crate) fn type_of(info: &ModuleInfo, ty: wasmparser::ValType) -> Result<Type, Error> {
    Ok(match ty {
        wasmparser::ValType::I32 => Type::I32,
        wasmparser::ValType::I64 => Type::I64,
        wasmparser::ValType::F32 => Type::F32,
        wasmparser::ValType::F64 => Type::F64,
        wasmparser::ValType::V128 => Type::V128,
        wasmparser::ValType::Ref(ty) => type_of_reference(info.heap_type(ty.heap_type())?),
    })
}

/// The type of references of a heap type.
pub(crate) fn type_of_reference(heap: HeapType) -> Type {
    if heap.is_traced() { Type::Ref } else { Type::I64 }
}

/// The types of a list of value types.
fn types_of(types: &[ValType]) -> impl ExactSizeIterator<Item = Type> + '_ {
    types.iter().map(|&ty| Type::from(ty))
}
