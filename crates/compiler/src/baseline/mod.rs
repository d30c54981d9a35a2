//! in: a validated function. out: its machine code ([`Code`]), in one pass over the operators, at once.
//!
//! The code keeps the rules of the optimizing tier's: convention, vmctx, frames with a chain of frame pointers, traps, stack maps. So functions of both
//! call each other, and the runtime does not tell them apart.
//!
//! # The frame, from high addresses to low
//! On x86-64; aarch64 has the same with `x29` and `sp`.
//! ```text
//! arguments on the stack      the callee pops them
//! return address
//! saved rbp                   <- rbp
//! the vmctx, the address of the buffer of results, saved registers
//! a home for each local
//! a home for each operand, by its place on the stack
//! outgoing arguments, buffers of results, spill slots of snippets    <- rsp
//! ```
//! `rsp` moves only around calls with arguments on the stack, which the callee pops. What the lowest part needs is known at the end: the frame's size
//! is filled in then.
//!
//! Reading order: [`scan`] and [`assign`] (which locals have registers), [`state`] (where values are), [`walk`] (operator by operator), [`control`],
//! [`calls`], [`poll`] and [`count`] (deadlines and counters), [`snippet`] (rare operators, by way of the optimizing compiler's lowering), [`machine`] (what each machine has its own of), `x64/`
//! and `aarch64/` (instructions).

mod aarch64;
mod assign;
mod calls;
mod control;
mod count;
mod frame;
mod machine;
mod poll;
mod replace;
mod scan;
mod snippet;
mod state;
mod walk;
mod x64;

use self::assign::{Assign, Available};
use self::calls::Sigs;
use self::control::Frame;
use self::count::{CountExit, Counting, LoopExit};
use self::machine::{Assembly, Emit, Machine};
use self::poll::{CalleeExit, EpochExit};
use self::scan::Scan;
use self::snippet::Snippets;
pub use self::snippet::What;
use self::state::{Local, Place, State, Value, index};
use crate::compile::{CellNumbers, Code, Options};
use crate::ir::Type;
use crate::isa::Target;
use crate::isa::backend::TrapExit;
use crate::isa::buffer::Label;
use crate::isa::convention::{self, Convention};
use crate::isa::reg::{Reg, RegSet};
use crate::loop_state::LoopState;
use crate::translate::Context;
use tiercel_wasm::{Error, ValType};
use wasmparser::{BinaryReader, FunctionBody};

/// A frame up to this size in a function that calls nothing is not checked against the stack's limit, below which there is room for it.
const UNCHECKED_LEAF_BYTES: u32 = 1024;
/// A larger frame is part of the comparison with the limit; a smaller one has room below it.
const CHECKED_AS_ONE_BYTES: u32 = 16 << 10;

/// How a function looks whether there is room for its frame.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Debug)]
enum StackCheck {
    /// Not at all: it calls nothing, and the frame is small.
    None,
    /// The limit alone.
    Limit,
    /// Limit and size.
    Size,
}

/// Compiles functions, one after another, in memory that it keeps.
pub struct Compiler(AnyMachine);

/// The machine that a compiler is for.
enum AnyMachine {
    X64(Box<Baseline<x64::X64>>),
    Aarch64(Box<Baseline<aarch64::Aarch64>>),
}

impl Compiler {
    /// A compiler for functions of any module.
    pub fn new(options: Options) -> Compiler {
        Compiler(match options.target {
            Target::X64(_) => AnyMachine::X64(Box::new(Baseline::new(options))),
            Target::Aarch64(_) => AnyMachine::Aarch64(Box::new(Baseline::new(options))),
        })
    }

    /// Compiles the function with this body index.
    ///
    /// # Errors
    /// The function uses what this compiler does not support.
    pub fn compile(&mut self, cx: Context<'_>, body: usize, code: &mut Code) -> Result<(), Error> {
        match &mut self.0 {
            AnyMachine::X64(compiler) => compiler.compile(cx, body, code),
            AnyMachine::Aarch64(compiler) => compiler.compile(cx, body, code),
        }
    }

    /// How the frame of the function with this body index looks at the head of the loop whose operator stands at `at` in the module. Code that was made
    /// with the same options has all of it at home when it says that its counter has run down. None if no code comes there.
    ///
    /// # Errors
    /// As [`Compiler::compile`].
    pub fn loop_state(&mut self, cx: Context<'_>, body: usize, at: u32) -> Result<Option<LoopState>, Error> {
        match &mut self.0 {
            AnyMachine::X64(compiler) => compiler.loop_state(cx, body, at),
            AnyMachine::Aarch64(compiler) => compiler.loop_state(cx, body, at),
        }
    }
}

/// The compiler of a machine.
struct Baseline<M: Machine> {
    options: Options,
    asm: M::Assembler,
    scan: Scan,
    assign: Assign,
    sigs: Sigs,
    convention: Convention,
    /// Made for the first of them.
    snippets: Option<Box<Snippets<M>>>,
    code: Code,

    locals: Vec<Local>,
    stack: Vec<Value<M>>,
    frames: Vec<Frame>,
    state: State,
    /// The local that each register of one belongs to.
    owners: [u32; 64],
    /// Registers for operands, and those of them that are free.
    temps: RegSet,
    free: RegSet,
    /// Registers of locals, and those that calls destroy.
    of_locals: RegSet,
    destroyed: RegSet,
    /// Operands below this one are constants or at home.
    settled: usize,
    /// Operands below this one are in no register.
    spill_from: usize,
    /// Constructs opened since code became unreachable; `None` while it is reachable.
    skipped: Option<u32>,
    next_loop: usize,
    /// For each loop the registers of locals that it uses, and those that it sets.
    loop_uses: Vec<(RegSet, RegSet)>,
    /// Parameters of `if`s that are open.
    saved_params: Vec<Value<M>>,

    /// The body's bytes, and where it starts in the module.
    start: u32,
    /// The operator's place, in bytes from the body's start; its location.
    pos: u32,
    loc: u32,
    /// The home of the first operand ends here.
    first_home: i32,
    lowest_home: i32,
    /// The homes of locals that are no parameters end here.
    locals_top: i32,
    entry: Option<Label>,
    has_references: bool,
    /// Operators that stand for opcodes.
    known: &'static walk::Known,
    /// The first bytes of the next operators.
    next: [u8; 4],
    out_bytes: u32,
    vmctx_home: i32,
    buffer_home: i32,
    saves_home: i32,
    counter_home: i32,
    saved: RegSet,
    stack_check: StackCheck,
    /// Where the immediates with the frame's size end.
    size_patches: Vec<u32>,
    /// Where the immediate of the current segment's fuel ends, and what it costs.
    fuel: Option<(u32, u32)>,
    traps: Vec<TrapExit>,
    epochs: Vec<EpochExit>,
    counts: Vec<CountExit>,
    loop_exits: Vec<LoopExit>,
    /// The loop around that has the counter near.
    counting: Option<Counting>,
    /// Locals with a register, and those whose register has the counter for now.
    in_regs: Vec<u32>,
    homeless: Vec<u32>,
    /// The loop whose state is asked for, by its location; its state, when it was found.
    watched: Option<u32>,
    loop_state: Option<LoopState>,
    callees: Vec<CalleeExit>,
    /// The index of the body.
    body: u32,
    cells: CellNumbers,
    parts: M::Parts,
    /// For each call site: its number, and where in `map_homes` the homes start and end that hold references.
    maps: Vec<(u32, u32, u32)>,
    map_homes: Vec<i32>,
    moves: Vec<(Value<M>, Reg)>,
    pending_moves: Vec<(Reg, Reg)>,
}

impl<M: Machine> Baseline<M>
where
    Self: Emit<M = M>,
{
    fn new(options: Options) -> Baseline<M> {
        Baseline {
            options,
            asm: M::assembler(&options),
            scan: Scan::default(),
            assign: Assign::default(),
            sigs: Sigs::default(),
            convention: Convention::default(),
            snippets: None,
            code: Code::default(),
            locals: Vec::new(),
            stack: Vec::new(),
            frames: Vec::new(),
            state: State::default(),
            owners: [u32::MAX; 64],
            temps: RegSet::EMPTY,
            free: RegSet::EMPTY,
            of_locals: RegSet::EMPTY,
            destroyed: RegSet::EMPTY,
            settled: 0,
            spill_from: 0,
            skipped: None,
            next_loop: 0,
            loop_uses: Vec::new(),
            saved_params: Vec::new(),
            start: 0,
            pos: 0,
            loc: 0,
            first_home: 0,
            lowest_home: 0,
            locals_top: 0,
            entry: None,
            has_references: false,
            next: [0; 4],
            known: &walk::KNOWN,
            out_bytes: 0,
            vmctx_home: 0,
            buffer_home: 0,
            saves_home: 0,
            counter_home: 0,
            saved: RegSet::EMPTY,
            stack_check: StackCheck::None,
            size_patches: Vec::new(),
            fuel: None,
            traps: Vec::new(),
            epochs: Vec::new(),
            counts: Vec::new(),
            loop_exits: Vec::new(),
            counting: None,
            in_regs: Vec::new(),
            homeless: Vec::new(),
            watched: None,
            loop_state: None,
            callees: Vec::new(),
            body: 0,
            cells: CellNumbers::default(),
            parts: M::Parts::default(),
            maps: Vec::new(),
            map_homes: Vec::new(),
            moves: Vec::new(),
            pending_moves: Vec::new(),
        }
    }

    fn compile(&mut self, cx: Context<'_>, body: usize, code: &mut Code) -> Result<(), Error> {
        let cx = Context { config: self.options.translate, ..cx };
        let mut stack_check = StackCheck::None;
        loop {
            self.attempt(cx, body, stack_check)?;
            // What it needs is known only now.
            let needed = match self.frame_bytes() {
                _ if self.stack_check == StackCheck::Size => break,
                bytes if bytes > CHECKED_AS_ONE_BYTES => StackCheck::Size,
                bytes if bytes > UNCHECKED_LEAF_BYTES => StackCheck::Limit,
                _ => break,
            };
            if needed <= self.stack_check {
                break;
            }
            stack_check = needed;
        }
        self.asm.deliver(&mut self.code);
        std::mem::swap(&mut self.code, code);
        Ok(())
    }

    fn attempt(&mut self, cx: Context<'_>, body: usize, stack_check: StackCheck) -> Result<(), Error> {
        let range = cx.info.bodies[body].clone();
        let func = body as u32 + cx.info.imported.funcs;
        let bytes = &cx.bytes[range.start as usize..range.end as usize];
        self.start = range.start;
        (self.body, self.cells) = (body as u32, CellNumbers::new(cx.info));
        self.reset();
        let function = FunctionBody::new(BinaryReader::new(bytes, u64::from(range.start)));
        self.declare(cx, func, &function)?;
        let reader = function.get_operators_reader()?;
        let first = (reader.original_position() - u64::from(range.start)) as usize;
        self.scan.scan(bytes, first, self.locals.len(), cx.info.func_type(func).params().len())?;
        self.choose_registers(bytes.len() as u32);
        self.loc = range.start + first as u32;
        self.pos = first as u32;
        let calls = self.scan.calls > 0 || self.options.translate.epochs;
        self.stack_check = if calls && stack_check == StackCheck::None { StackCheck::Limit } else { stack_check };
        self.code.local_entry = 0;
        self.prologue(cx, func);
        self.operators(cx, bytes, first)?;
        self.exits();
        let escapes = cx.info.escaping.binary_search(&func).is_ok();
        self.finish(cx, escapes);
        Ok(())
    }

    fn reset(&mut self) {
        self.code.clear();
        self.asm.clear();
        self.locals.clear();
        self.stack.clear();
        self.frames.clear();
        self.state = State::default();
        self.owners = [u32::MAX; 64];
        (self.settled, self.spill_from) = (0, 0);
        self.skipped = None;
        self.next_loop = 0;
        self.saved_params.clear();
        self.out_bytes = 0;
        self.has_references = false;
        self.size_patches.clear();
        self.fuel = None;
        self.traps.clear();
        self.epochs.clear();
        self.counts.clear();
        self.loop_exits.clear();
        self.counting = None;
        self.homeless.clear();
        self.callees.clear();
        M::clear(&mut self.parts);
        self.maps.clear();
        self.map_homes.clear();
    }

    /// Makes the list of locals.
    fn declare(&mut self, cx: Context<'_>, func: u32, body: &FunctionBody<'_>) -> Result<(), Error> {
        let ty = cx.info.func_type(func);
        self.sigs.reset(cx.info.func_types.len());
        let types = |types: &[ValType]| types.iter().map(|&ty| Type::from(ty)).collect::<Vec<_>>();
        self.convention.set(M::REGISTERS, &types(ty.params()), &types(ty.results()));
        let local = |ty: Type, reg: Reg| Local { ty, reg, home: 0, copies: 0, last: 0 };
        for (&ty, &place) in ty.params().iter().zip(&self.convention.params) {
            let reg = if let convention::Place::Reg(reg) = place { reg } else { Reg::NONE };
            self.locals.push(local(Type::from(ty), reg));
        }
        for group in body.get_locals_reader()? {
            let (count, ty) = group?;
            let ty = crate::translate::type_of(cx.info, ty)?;
            self.locals.resize(self.locals.len() + count as usize, local(ty, Reg::NONE));
        }
        Ok(())
    }

    /// Gives registers to locals and homes to all.
    fn choose_registers(&mut self, body_bytes: u32) {
        let kept: RegSet = M::KEPT.iter().copied().collect();
        let available = Available { destroyed: M::FOR_LOCALS, kept };
        self.of_locals = self.assign.run(&self.scan, &mut self.locals, body_bytes, available);
        self.temps = M::TEMPS.difference(self.of_locals);
        self.free = self.temps;
        self.destroyed = self.of_locals.difference(kept);
        self.saved = self.of_locals.intersection(kept);
        self.vmctx_home = -8;
        self.buffer_home = if self.convention.buffer_bytes != 0 { -16 } else { 0 };
        self.saves_home = self.vmctx_home.min(self.buffer_home);
        if self.options.counts && self.scan.loops.iter().any(|found| !found.mostly_calls()) {
            self.saves_home -= 8;
            self.counter_home = self.saves_home;
        }
        let mut home = self.saves_home - 8 * self.saved.len() as i32;
        self.locals_top = home;
        let params = self.convention.params.len();
        for (number, (local, found)) in self.locals.iter_mut().zip(&self.scan.locals).enumerate() {
            local.last = found.last;
            self.has_references |= local.ty == Type::Ref;
            let bytes = if local.ty == Type::V128 { 16 } else { 8 };
            match self.convention.params.get(number) {
                // Where its caller has put it.
                Some(&convention::Place::Memory(offset)) if local.ty != Type::Ref => local.home = 16 + offset as i32,
                _ => {
                    home = (home - bytes) & !(bytes - 1);
                    local.home = home;
                }
            }
            if number < params {
                self.locals_top = home;
            }
            if (number < params || found.first == 0) && !local.reg.is_none() {
                self.owners[index(local.reg)] = number as u32;
            }
        }
        self.in_regs.clear();
        self.in_regs
            .extend((0..).zip(&self.locals).filter(|(_, local)| !local.reg.is_none()).map(|(number, _)| number));
        self.first_home = home;
        self.lowest_home = home;
        self.loop_uses.clear();
        self.loop_uses.resize(self.scan.loops.len(), (RegSet::EMPTY, RegSet::EMPTY));
        for event in &self.scan.events {
            let reg = self.locals[event.local as usize].reg;
            if !reg.is_none() {
                let (uses, sets) = &mut self.loop_uses[event.in_loop as usize];
                *uses = uses.with(reg);
                if event.sets {
                    *sets = sets.with(reg);
                }
            }
        }
        for number in (0..self.scan.loops.len()).rev() {
            let parent = self.scan.loops[number].parent as usize;
            if parent != number {
                let (uses, sets) = self.loop_uses[number];
                let outer = &mut self.loop_uses[parent];
                *outer = (outer.0.union(uses), outer.1.union(sets));
            }
        }
    }

    /// Bytes of the frame below the frame pointer.
    fn frame_bytes(&self) -> u32 {
        M::frame_bytes(self.lowest_home.unsigned_abs() + self.out_bytes)
    }
}

/// Constant `bits` as an operand.
fn constant<M: Machine>(bits: u64) -> Place<M> {
    Place::Const(bits)
}
