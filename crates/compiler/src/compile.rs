//! in: a validated function. out: its machine code and tables ([`Code`]). The stages in order, for one function at a time.
//!
//! Whoever links functions to an image places [`Code::bytes`] at multiples of [`Code::align`], one behind another, and fills in [`Code::calls`].
//! Nothing else in the bytes depends on the place.

use crate::ir::{self, Inlined, Type};
use crate::isa::backend::{Backend, Emission, Lowering};
use crate::isa::{Target, aarch64, x64};
use crate::loop_state::LoopState;
use crate::regalloc::{self, Allocator, Chaos, Machine, Output, checker, plain};
use crate::translate::{self, Feedback, Translator};
use crate::{opt, pipeline};
use std::sync::Arc;
use tiercel_abi::BranchProtection;
use tiercel_wasm::{Error, ModuleInfo};
use wasmparser::{BinaryReader, FunctionBody};

/// How to compile.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// What the IR depends on.
    pub translate: translate::Config,
    /// What the code is for.
    pub target: Target,
    /// How code calls the functions of its module.
    pub calls: Calls,
    /// Whether code of the baseline compiler counts, in a cell of its function, how often it is called and how often its loops go round.
    pub counts: bool,
    /// Whether the module has tail calls through references or of imports, which do not preserve the pinned registers.
    pub foreign_tail_calls: bool,
    /// Whether code defends itself against speculation with a wrong index of a `br_table` (Spectre variant 1).
    pub spectre: bool,
    /// How code defends its jumps and returns, on aarch64.
    pub branch_protection: BranchProtection,
    /// Whether signals stop guests: traps are `ud2`, and a divisor of 0 faults. Without, traps are calls and divisors are checked; then
    /// [`translate::Config::bounds`] is to be [`translate::Bounds::Checked`].
    pub signals: bool,
    /// Verifies the IR after each pass and checks each allocation: for tests. A broken rule panics.
    pub verify: bool,
    /// Makes the code test that the upper half of each register that holds an `i32` is zero, where the value is made and where it is
    /// used, and stop with [`tiercel_abi::Trap::BrokenWidth`] if not: for tests.
    pub check_widths: bool,
    /// Makes rare paths of the allocator common: for tests.
    pub chaos: Chaos,
    /// Gives every value a place in the frame, as functions get it that are too complex for the allocator: for tests.
    pub plain: bool,
    /// Makes rare paths of aarch64 common: for tests.
    pub aarch64: aarch64::Variant,
}

impl Default for Options {
    /// For an x86-64 CPU that has everything.
    fn default() -> Options {
        Options {
            translate: translate::Config::default(),
            target: Target::X64(x64::Features::ALL),
            calls: Calls::Direct,
            counts: false,
            foreign_tail_calls: false,
            spectre: true,
            branch_protection: BranchProtection::None,
            signals: true,
            verify: false,
            check_widths: false,
            chaos: Chaos::default(),
            plain: false,
            aarch64: aarch64::Variant::default(),
        }
    }
}

/// How code calls the functions of its module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Calls {
    /// By their addresses, which never change.
    #[default]
    Direct,
    /// By their cells, words that hold the addresses and lie in reach of the code: so that a function's code can be replaced.
    Cells,
}

/// The numbers of all cells of a module: one for each function, by the index of its body, and those that this names.
#[derive(Clone, Copy, Debug, Default)]
pub struct CellNumbers {
    bodies: u32,
    /// Where the first body starts in the module, and the bytes of all.
    first: u32,
    bytes: u32,
}

/// A call through a reference has so many bytes at least: an opcode and a type.
const CALL_REF_BYTES: u32 = 2;

impl CellNumbers {
    /// Those of a module.
    pub fn new(info: &ModuleInfo) -> CellNumbers {
        let first = info.bodies.first().map_or(0, |body| body.start);
        let end = info.bodies.last().map_or(0, |body| body.end);
        CellNumbers { bodies: info.bodies.len() as u32, first, bytes: end - first }
    }

    /// The cell with the address of what code calls whose counter is below zero.
    pub fn count_down(self) -> u32 {
        self.bodies
    }

    /// The cell that is a function's counter, `i32`.
    pub fn counter(self, body: u32) -> u32 {
        self.bodies + 1 + body
    }

    /// The cell that tells which function the call through a reference at this place in the module goes to, a [`NotedCallee`].
    pub fn callee(self, loc: u32) -> u32 {
        self.bodies + 1 + self.bodies + (loc - self.first) / CALL_REF_BYTES
    }

    /// How many there are. Most are never touched.
    pub fn len(self) -> u32 {
        self.bodies + 1 + self.bodies + self.bytes.div_ceil(CALL_REF_BYTES)
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        false
    }
}

/// Which functions a call through a reference has gone to. A function's number, and it, combined by exclusive or, are 1 less than a negative number if
/// there is nothing to note: one test for both reasons, so that code need not guess where it is going to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotedCallee(pub u32);

impl NotedCallee {
    /// Several. 0: none yet. All else: always the same, whose number, the index of its body, is in the [turned](NotedCallee::TURNED) bits.
    pub const SEVERAL: NotedCallee = NotedCallee(1 << 31);
    /// The bits that are turned.
    pub const TURNED: u32 = i32::MAX as u32;

    /// The function, by the index of its body, if it is always the same.
    pub fn only(self) -> Option<u32> {
        (self.0 != 0 && self.0 < NotedCallee::SEVERAL.0).then_some(self.0 ^ NotedCallee::TURNED)
    }
}

/// A place in the code where the guest may be stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrapSite {
    /// Offset of the instruction that faults.
    pub offset: u32,
    /// [`tiercel_abi::Trap::code`], or 0 if the reason is in the store.
    pub code: u8,
    /// The location of its operator, see [`activations`].
    pub loc: u32,
}

/// A call: where it returns to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallSite {
    /// Offset of the instruction behind the call.
    pub offset: u32,
    /// The location of its operator, see [`activations`].
    pub loc: u32,
    /// The stack map in [`Code::stack_maps`], or [`NO_MAP`](tiercel_abi::frames::NO_MAP).
    pub map: u32,
}

/// What was running at a location of the code of `body`, which has `inlined` in it: indices of bodies and places in the module in bytes,
/// the innermost first.
pub fn activations(inlined: &[Inlined], body: u32, loc: u32) -> impl Iterator<Item = (u32, u32)> + '_ {
    let mut next = Some(loc);
    std::iter::from_fn(move || {
        let loc = next?;
        let before = inlined.partition_point(|site| site.first_loc <= loc);
        let Some(site) = before.checked_sub(1).map(|index| &inlined[index]) else {
            next = None;
            return Some((body, loc));
        };
        next = Some(site.caller).filter(|&caller| caller != Inlined::NO_CALLER);
        Some((site.body, (loc - site.first_loc).wrapping_add(site.start)))
    })
}

/// A call that waits for the distance to a function's local entry, see [`Target::patch_call`]; with [`Calls::Cells`] four bytes that wait for that from
/// their end to its cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallReloc {
    /// Offset of the bytes that are filled in.
    pub offset: u32,
    /// The callee: index of its body.
    pub body: u32,
}

/// The code of one function and its tables, reused from function to function.
#[derive(Clone, Debug, Default)]
pub struct Code {
    /// Instructions, then constants.
    pub bytes: Vec<u8>,
    /// What they must be aligned to: a power of two, in bytes; 0 if there are none yet.
    pub align: u32,
    /// Offset of the entry for calls inside the instance.
    pub local_entry: u32,
    /// Offset of the entry for calls from anywhere; none if no reference to the function can be taken.
    pub foreign_entry: Option<u32>,
    /// Whether it has no frame of its own: at its trap sites the return address is at `[rsp]` and `rbp` is the caller's.
    pub frameless: bool,
    /// Whether it leaves for functions that may be of another instance. If one function of a module does, all have to be compiled with
    /// [`Options::foreign_tail_calls`].
    pub foreign_tail_calls: bool,
    /// Calls of functions of the module.
    pub calls: Vec<CallReloc>,
    /// Ascending by offset.
    pub traps: Vec<TrapSite>,
    /// Ascending by offset.
    pub call_sites: Vec<CallSite>,
    /// Stack maps, as in [`tiercel_abi::frames`].
    pub stack_maps: Vec<u32>,
    /// The bodies that were inlined, ascending by location.
    pub inlined: Vec<Inlined>,
}

impl Code {
    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.calls.clear();
        self.traps.clear();
        self.call_sites.clear();
        self.stack_maps.clear();
        self.inlined.clear();
        (self.align, self.local_entry, self.foreign_entry) = (0, 0, None);
        (self.frameless, self.foreign_tail_calls) = (false, false);
    }
}

/// Is given the name of a stage and the function as it is after it.
pub type Print<'a> = &'a mut dyn FnMut(&'static str, &dyn std::fmt::Display);

/// The names of all stages that [`Compiler::compile_and_print`] prints after, in order.
pub const STAGES: &[&str] = &{
    let mut stages = ["translate"; pipeline::PASSES.len() + 2];
    let mut pass = 0;
    while pass < pipeline::PASSES.len() {
        stages[pass + 1] = pipeline::PASSES[pass].name;
        pass += 1;
    }
    stages[pass + 1] = LOWER;
    stages
};

/// The stage that makes vcode.
pub const LOWER: &str = "lower";

/// The instruction set that a compiler is for.
enum AnyBackend {
    X64(Box<x64::Backend>),
    Aarch64(Box<aarch64::Backend>),
}

/// Compiles functions, one after another, in memory that it keeps.
pub struct Compiler {
    options: Options,
    translator: Translator,
    scratch: opt::Scratch,
    params: Vec<Type>,
    /// Reused by all instruction sets.
    registers: Registers,
    backend: AnyBackend,
}

/// The allocator and what it gives.
struct Registers {
    allocator: Allocator,
    allocation: Output,
}

impl Compiler {
    /// A compiler for functions of any module.
    pub fn new(options: Options) -> Compiler {
        let mut allocator = Allocator::new();
        allocator.chaos = options.chaos;
        Compiler {
            options,
            translator: Translator::default(),
            scratch: opt::Scratch::default(),
            params: Vec::new(),
            registers: Registers { allocator, allocation: Output::default() },
            backend: match options.target {
                Target::X64(features) => AnyBackend::X64(Box::new(x64::Backend::new(features))),
                Target::Aarch64(features) => {
                    AnyBackend::Aarch64(Box::new(aarch64::Backend::new(features, options.aarch64)))
                }
            },
        }
    }

    /// Lets functions be inlined by what code has seen that counts.
    pub fn set_feedback(&mut self, feedback: Arc<dyn Feedback>) {
        self.translator.feedback = Some(feedback);
    }

    /// Compiles the function with this body index. The IR is made with [`Options::translate`], whatever `cx` says.
    ///
    /// # Errors
    /// The function uses what this compiler does not support, or is too complex for it.
    ///
    /// # Panics
    /// With [`Options::verify`], if a stage breaks a rule: a bug of the compiler.
    pub fn compile(&mut self, cx: translate::Context<'_>, body: usize, code: &mut Code) -> Result<(), Error> {
        self.compile_and_print(cx, body, code, None)
    }

    /// Compiles the continuation of a function from a loop on. The code is called with [`LoopState::arguments`]; no reference to it can be taken.
    ///
    /// # Errors
    /// As [`Compiler::compile`].
    ///
    /// # Panics
    /// As [`Compiler::compile`].
    pub fn compile_continuation(
        &mut self,
        cx: translate::Context<'_>,
        state: &LoopState,
        code: &mut Code,
    ) -> Result<(), Error> {
        self.run(cx, state.body as usize, Some(state), code, None)
    }

    /// The same, and gives the text of the function to `print` after each stage, with its name: `translate`, those of
    /// [`pipeline::PASSES`], `lower`.
    ///
    /// # Errors
    /// As [`Compiler::compile`].
    pub fn compile_and_print(
        &mut self,
        cx: translate::Context<'_>,
        body: usize,
        code: &mut Code,
        print: Option<Print<'_>>,
    ) -> Result<(), Error> {
        self.run(cx, body, None, code, print)
    }

    fn run(
        &mut self,
        cx: translate::Context<'_>,
        body: usize,
        from: Option<&LoopState>,
        code: &mut Code,
        mut print: Option<Print<'_>>,
    ) -> Result<(), Error> {
        let cx = translate::Context { config: self.options.translate, ..cx };
        let func = self.translator.translate_from(cx, body, from)?;
        let mut options = pipeline::Options { verify: self.options.verify, ..pipeline::Options::default() };
        let mut print_ir;
        if let Some(print) = &mut print {
            print("translate", func);
            print_ir = |pass: &'static str, func: &ir::Function| print(pass, func);
            options.print = Some(&mut print_ir);
        }
        pipeline::run(func, &mut self.scratch, &mut options);
        let index = body as u32 + cx.info.imported.funcs;
        self.params.clear();
        match from {
            Some(state) => self.params.extend(state.params().map(|(ty, _)| ty)),
            None => self.params.extend(cx.info.func_type(index).params().iter().map(|&ty| Type::from(ty))),
        }
        let job = Job { cx, options: &self.options, body, from, func, params: &self.params };
        match &mut self.backend {
            AnyBackend::X64(backend) => job.finish(&mut **backend, &mut self.registers, code, print)?,
            AnyBackend::Aarch64(backend) => job.finish(&mut **backend, &mut self.registers, code, print)?,
        }
        code.inlined.extend_from_slice(&func.inlined);
        Ok(())
    }
}

/// A function that is ready to be lowered.
struct Job<'a> {
    cx: translate::Context<'a>,
    options: &'a Options,
    body: usize,
    from: Option<&'a LoopState>,
    func: &'a ir::Function,
    params: &'a [Type],
}

impl Job<'_> {
    /// The stages that each instruction set has its own of, and the allocator between them.
    fn finish<B: Backend>(
        &self,
        backend: &mut B,
        registers: &mut Registers,
        code: &mut Code,
        print: Option<Print<'_>>,
    ) -> Result<(), Error> {
        let &Job { cx, options, body, from, func, params } = self;
        let Options { foreign_tail_calls, spectre, signals, check_widths, branch_protection, .. } = *options;
        let index = body as u32 + cx.info.imported.funcs;
        let lowering = Lowering {
            info: cx.info,
            layout: cx.layout,
            foreign_tail_calls,
            spectre,
            signals,
            check_widths,
            registers: from.map_or(B::REGISTERS, |state| state.registers(B::REGISTERS)),
        };
        backend.lower(lowering, func, params).map_err(|op| {
            let start = cx.info.bodies[body].start.into();
            Error::unsupported(start, format_args!("`{}` in compiled code (function {index})", op.name()))
        })?;
        if let Some(print) = print {
            print(LOWER, backend.vcode());
        }
        let machine = B::machine();
        registers.allocate(backend.vcode(), &machine, options.plain).map_err(|error| {
            Error::limit(format!("function {index}: {error}: the optimizing compiler cannot compile it"))
        })?;
        let allocation = &registers.allocation;
        if options.verify
            && let Err(error) = checker::check(backend.vcode(), &machine, allocation)
        {
            panic!("function {index}: wrong register allocation: {error}");
        }
        let escapes = from.is_none() && cx.info.escaping.binary_search(&index).is_ok();
        let loc = first_operator(cx, body)?;
        let emission = Emission { escapes, calls: options.calls, signals, branch_protection, loc };
        backend.emit(emission, allocation, code);
        Ok(())
    }
}

impl Registers {
    fn allocate(
        &mut self,
        vcode: &impl regalloc::VCode,
        machine: &Machine,
        plain: bool,
    ) -> Result<(), regalloc::Error> {
        if plain {
            return plain::allocate(vcode, machine, &mut self.allocation);
        }
        match self.allocator.run(vcode, machine, &mut self.allocation) {
            Err(regalloc::Error::TooComplex | regalloc::Error::Irreducible(_)) => {
                plain::allocate(vcode, machine, &mut self.allocation)
            }
            allocated => allocated,
        }
    }
}

/// Where the first operator of a body is: there a function is stopped that has no stack.
fn first_operator(cx: translate::Context<'_>, body: usize) -> Result<u32, Error> {
    let range = cx.info.bodies[body].clone();
    let bytes = &cx.bytes[range.start as usize..range.end as usize];
    let body = FunctionBody::new(BinaryReader::new(bytes, range.start.into()));
    Ok(body.get_operators_reader()?.original_position() as u32)
}
