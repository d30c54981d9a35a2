//! A module whose functions are compiled when they are first called.
//!
//! Every function has a cell, a word with the address of its code, by which all code calls it. It starts with that of a thunk, which compiles the function
//! and puts its address into the cell. Code is never changed; a cell is, by one store.
//!
//! That code is the baseline compiler's, and counts how often it runs. When its counter has run down, the optimizing compiler makes the function again, in the
//! background, and the cell gets the new address ([`super::hot`], [`super::replacement`]).

use super::arch::stubs::{self as emit, KEPT};
use super::compile::AnyCompiler;
use super::events::{self, Clock};
use super::hot::{Hot, Job, Next};
use super::image::Image;
use super::replacement::{Continuation, Replacement};
use super::{Native, registry, stop, stubs};
use crate::api::config::Tier;
use crate::api::error::{Error, ErrorKind, Result};
use crate::api::module::ModuleInner;
use crate::api::store::Unwind;
use crate::sync::Mutex;
use crate::sys::CodeSpace;
use crate::vm::host_func::{catch, leave_pending};
use crate::vm::{Entries, VmCtx};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;
use core::ptr::{NonNull, null, null_mut};
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::sync::OnceLock;
use tiercel_compiler::baseline;
use tiercel_compiler::compile::{CallReloc, Calls, CellNumbers, Code, Compiler, NotedCallee, Options};
use tiercel_compiler::isa::Target;
use tiercel_compiler::translate::{Callees, Context, Feedback};
use tiercel_wasm::ModuleInfo;

/// Address space for code: for each byte of WebAssembly, in addition, and at most; more than 2 GiB would be out of reach.
const SPACE_PER_BYTE: usize = 64;
const SPACE_BYTES: usize = 1 << 20;
const MOST_SPACE_BYTES: usize = 1 << 30;
/// Pieces of code for each function: one of each tier, and continuations.
const IMAGES_PER_BODY: usize = 3;
/// Pieces of code in addition.
const IMAGES: usize = 64;
/// A continuation takes so many bytes of arguments at most: any stack has room for them.
const MOST_ARGUMENT_BYTES: u32 = 8 << 10;
const FOREIGN_ALIGN: u32 = 16;

/// The baseline compiler inlines nothing.
static NO_CALLEES: Callees = Callees::NONE;

/// The code of such a module. Signal handlers find it as long as it lives.
pub struct Lazy {
    space: Arc<CodeSpace>,
    options: Options,
    /// Code that is published, ascending by address; null behind the first `images_len`.
    images: Box<[AtomicPtr<Image>]>,
    images_len: AtomicUsize,
    /// The addresses of the thunks.
    thunks: Range<usize>,
    made: Mutex<Made>,
    hot: Arc<Hot>,
    /// What the optimizing compiler wants to know of the module, found out when it first does.
    callees: OnceLock<Callees>,
}

/// What compiling changes.
struct Made {
    /// Where the room for code is free.
    end: usize,
    baseline: AnyCompiler,
    code: Code,
}

impl Lazy {
    /// The code of a module, none of whose functions is compiled; and how its functions of `ModuleInfo::escaping` are reached.
    ///
    /// # Errors
    /// The host has no memory, or lets no program make code while it runs.
    pub fn new(native: &Native, info: &ModuleInfo, entries: &[stubs::Stubs]) -> Result<(Box<Lazy>, Box<[Entries]>)> {
        let bodies = info.bodies.len();
        let bytes = info.bodies_bytes();
        let foreign_tail_calls = info.foreign_tail_calls;
        let counts = native.tier_up.counts();
        let options = Options { calls: Calls::Cells, counts, foreign_tail_calls, ..native.options };
        let mut asm = super::arch::Assembler::new(super::arch::CPU_FLOOR);
        let defined = |func: u32| info.defined_func(func);
        let foreign: Vec<Option<u32>> = info
            .escaping
            .iter()
            .map(|&func| {
                let body = defined(func)?;
                asm.align(FOREIGN_ALIGN);
                let offset = asm.offset();
                emit::foreign(&mut asm, body as u32);
                Some(offset)
            })
            .collect();
        let (first, thunk_bytes) = emit::thunks(&mut asm, bodies as u32, compile as *const () as u64);
        asm.align(FOREIGN_ALIGN);
        let count_down = asm.offset();
        emit::count_down(&mut asm, counted_down as *const () as u64, options.branch_protection);
        asm.finish();
        let numbers = CellNumbers::new(info);
        let room = bytes.saturating_mul(SPACE_PER_BYTE).saturating_add(SPACE_BYTES + 2 * asm.code().len());
        let space = Arc::new(CodeSpace::new(
            numbers.len() as usize,
            room.min(MOST_SPACE_BYTES),
            options.branch_protection.has_pads(),
        )?);
        let relocs = asm.relocs().iter().map(|reloc| CallReloc { offset: reloc.offset, body: reloc.symbol.0 });
        let mut code = asm.code().to_vec();
        let start = space.code_range().start;
        link(options.target, &space, start, &mut code, relocs);
        // SAFETY: it is the first code here.
        unsafe { space.write(0, &code) };
        let at = |offset: u32| start + offset as usize;
        let (thunk_bytes, thunks) = (thunk_bytes as usize, at(first)..at(first) + bodies * thunk_bytes as usize);
        for (cell, thunk) in space.cells().iter().zip(thunks.clone().step_by(thunk_bytes)) {
            cell.store(thunk, Ordering::Relaxed);
        }
        space.cells()[numbers.count_down() as usize].store(at(count_down), Ordering::Relaxed);
        for (body, range) in info.bodies.iter().enumerate() {
            let counter = &space.cells()[numbers.counter(body as u32) as usize];
            counter.store(native.tier_up.first_budget(body as u32, range.len()) as usize, Ordering::Relaxed);
        }
        let entries = foreign.iter().zip(entries).map(|(&foreign, stubs)| match foreign {
            Some(offset) => Entries { host: Some(stubs.entry), native: core::ptr::with_exposed_provenance(at(offset)) },
            None => Entries::NONE,
        });
        let entries = entries.collect();
        let made = Made { end: code.len(), baseline: AnyCompiler::new(Tier::Baseline, options), code: Code::default() };
        let lazy = Box::new(Lazy {
            space,
            options,
            images: core::iter::repeat_with(|| AtomicPtr::new(null_mut()))
                .take(IMAGES_PER_BODY * bodies + IMAGES)
                .collect(),
            images_len: AtomicUsize::new(0),
            thunks,
            made: Mutex::new(made),
            hot: Arc::default(),
            callees: OnceLock::new(),
        });
        registry::add_lazy(&lazy);
        Ok((lazy, entries))
    }

    /// The addresses of its code, made or not.
    pub fn range(&self) -> Range<usize> {
        self.space.code_range()
    }

    /// The published code that an address is in. Async-signal-safe.
    pub fn image_at(&self, address: usize) -> Option<&Image> {
        let len = self.images_len.load(Ordering::Acquire);
        // SAFETY: the first `len` are images that live as long as this does.
        let image = |at: usize| unsafe { &*self.images[at].load(Ordering::Relaxed) };
        let (mut low, mut high) = (0, len);
        while low < high {
            let middle = low.midpoint(high);
            if image(middle).range().start <= address { low = middle + 1 } else { high = middle }
        }
        low.checked_sub(1).map(image).filter(|image| image.range().contains(&address))
    }

    /// All published code.
    pub fn images(&self) -> impl Iterator<Item = &Image> + '_ {
        let len = self.images_len.load(Ordering::Acquire);
        // SAFETY: as in `image_at`.
        self.images[..len].iter().map(|image| unsafe { &*image.load(Ordering::Relaxed) })
    }

    /// The address of a function's code, which is compiled if it is not yet.
    ///
    /// # Errors
    /// No compiler can compile it, or there is no room.
    fn ensure(&self, module: &ModuleInner, body: usize) -> Result<usize> {
        let cell = &self.space.cells()[body];
        let made = &mut *self.made.lock();
        let current = cell.load(Ordering::Acquire);
        if !self.thunks.contains(&current) {
            return Ok(current);
        }
        let cx = self.context(module, &NO_CALLEES);
        let clock = Clock::start();
        let mut code = core::mem::take(&mut made.code);
        match made.baseline.compile(cx, body, &mut code).map_err(Error::from) {
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                AnyCompiler::new(Tier::Opt, self.options).compile(cx, body, &mut code)?;
            }
            done => done?,
        }
        let published = self.publish(made, body, &mut code);
        events::compiled(module, body as u32, code.bytes.len(), &clock);
        made.code = code;
        published
    }

    /// What the optimizing compiler wants to know of the module.
    fn callees(&self, module: &ModuleInner) -> &Callees {
        self.callees.get_or_init(|| Callees::new(&module.info, &module.bytes))
    }

    fn context<'a>(&self, module: &'a ModuleInner, callees: &'a Callees) -> Context<'a> {
        let config = self.options.translate;
        Context { info: &module.info, bytes: &module.bytes, layout: &module.layout, callees, config }
    }

    /// Does a job for a module with such code: compiles it with the optimizing compiler, and publishes it.
    pub fn optimize(module: &ModuleInner, job: Job) {
        let Some(this) = module.native.as_ref().and_then(|native| native.lazy.as_deref()) else { return };
        let clock = Clock::start();
        let made = catch(|| match job.at {
            None => Ok((None, this.optimize_function(module, job.body)?)),
            Some(at) => {
                let (continuation, bytes) = this.make_continuation(module, job.body, at)?;
                Ok((Some(continuation), bytes))
            }
        });
        let (continuation, outcome) = match made {
            Ok((continuation, bytes)) => (continuation, Ok(bytes)),
            Err(Unwind::Error(error)) => (None, Err(error)),
            // A mistake of the compiler is for those to see who look for it; to a guest it does nothing.
            Err(Unwind::Panic(panic)) if this.options.verify => std::panic::resume_unwind(panic),
            Err(Unwind::Panic(_)) => (None, Err(Error::msg("the compiler has failed"))),
        };
        if let Some(at) = job.at {
            this.hot.made(job.body, at, continuation);
        }
        // Where that failed it goes on as it is.
        events::optimized(module, job, &outcome, &clock);
    }

    /// A compiler that knows what code has seen.
    fn compiler(&self, module: &ModuleInner) -> Compiler {
        let mut compiler = Compiler::new(self.options);
        let numbers = CellNumbers::new(&module.info);
        compiler.set_feedback(Arc::new(Seen {
            space: self.space.clone(),
            thunks: self.thunks.clone(),
            hot: self.hot.clone(),
            numbers,
        }));
        compiler
    }

    /// Gives the bytes of the code.
    fn optimize_function(&self, module: &ModuleInner, body: u32) -> Result<usize> {
        let mut code = Code::default();
        let cx = self.context(module, self.callees(module));
        self.compiler(module).compile(cx, body as usize, &mut code)?;
        self.publish(&mut self.made.lock(), body as usize, &mut code)?;
        Ok(code.bytes.len())
    }

    /// Gives the bytes of its code too.
    fn make_continuation(&self, module: &ModuleInner, body: u32, at: u32) -> Result<(Continuation, usize)> {
        let baseline = &mut baseline::Compiler::new(self.options);
        let state = baseline.loop_state(self.context(module, &NO_CALLEES), body as usize, at)?;
        let state = state.ok_or_else(|| Error::limit("no frame comes to the loop"))?;
        let arguments = state.arguments(super::arch::ARGUMENT_REGISTERS);
        if arguments.stack_bytes > MOST_ARGUMENT_BYTES {
            return Err(Error::limit("the frame holds too many values"));
        }
        let mut code = Code::default();
        let cx = self.context(module, self.callees(module));
        self.compiler(module).compile_continuation(cx, &state, &mut code)?;
        let entry = self.place(&mut self.made.lock(), body as usize, &mut code)?;
        Ok((Continuation { entry, state, arguments }, code.bytes.len()))
    }

    /// Puts the code that was made for a function into its place, and its address into its cell.
    ///
    /// # Errors
    /// There is no room.
    fn publish(&self, made: &mut Made, body: usize, code: &mut Code) -> Result<usize> {
        let entry = self.place(made, body, code)?;
        self.space.cells()[body].store(entry, Ordering::Release);
        Ok(entry)
    }

    /// Puts the code that was made for a function into its place; gives the address of its entry.
    ///
    /// # Errors
    /// There is no room.
    fn place(&self, made: &mut Made, body: usize, code: &mut Code) -> Result<usize> {
        let offset = made.end.next_multiple_of(code.align.max(1) as usize);
        let room = self.range().len();
        let slot = self.images_len.load(Ordering::Relaxed);
        if offset + code.bytes.len() > room || slot == self.images.len() {
            return Err(Error::limit(format_args!("the module's machine code does not fit into {room} bytes")));
        }
        let start = self.range().start + offset;
        let calls = core::mem::take(&mut code.calls);
        link(self.options.target, &self.space, start, &mut code.bytes, calls.iter().copied());
        code.calls = calls;
        // SAFETY: it is behind everything that was written.
        unsafe { self.space.write(offset, &code.bytes) };
        made.end = offset + code.bytes.len();
        let image = Box::new(Image::of_function(body as u32, start, code));
        self.images[slot].store(Box::into_raw(image), Ordering::Relaxed);
        // Before anybody can run it, signal handlers know it.
        self.images_len.store(slot + 1, Ordering::Release);
        Ok(start + code.local_entry as usize)
    }
}

/// What the cells of a module tell.
struct Seen {
    space: Arc<CodeSpace>,
    thunks: Range<usize>,
    hot: Arc<Hot>,
    numbers: CellNumbers,
}

impl Seen {
    fn cell(&self, number: u32) -> usize {
        self.space.cells()[number as usize].load(Ordering::Relaxed)
    }
}

impl Feedback for Seen {
    fn target(&self, loc: u32) -> Option<u32> {
        NotedCallee(self.cell(self.numbers.callee(loc)) as u32).only()
    }

    fn is_cold(&self, body: u32) -> bool {
        self.thunks.contains(&self.cell(body))
    }

    fn is_hot(&self, body: u32) -> bool {
        self.hot.is_hot(body)
    }
}

/// Fills in where cells are, in code that is to lie at an address.
fn link(target: Target, space: &CodeSpace, start: usize, code: &mut [u8], relocs: impl Iterator<Item = CallReloc>) {
    for reloc in relocs {
        let cell = &raw const space.cells()[reloc.body as usize] as usize;
        let at = reloc.offset as usize;
        target.patch_cell(&mut code[at..], (start + at) as u64, cell as u64);
    }
}

/// What thunks call: compiles the function with this body index; gives the address of its code, or of what stops the guest.
///
/// # Safety
/// `cx` is the vmctx of a live instance of the module, whose store nobody borrows.
unsafe extern "C" fn compile(cx: *mut VmCtx, body: usize) -> usize {
    // SAFETY: promised by the caller.
    unsafe {
        let module = (*(*cx).instance).module();
        let lazy = module.native.as_ref().and_then(|native| native.lazy.as_deref());
        // A thunk is part of such a module.
        let Some(lazy) = lazy else { return stop::abandoned() };
        match catch(|| lazy.ensure(module, body)) {
            Ok(entry) => entry,
            Err(unwind) => {
                leave_pending(NonNull::new_unchecked((*(*cx).store).store), unwind);
                stop::abandoned()
            }
        }
    }
}

/// What is called when the counter of a function has run down: its body's index, and in the upper half the location of its loop. Gives how code goes on that
/// replaces the frame; null if it stays.
///
/// # Safety
/// As [`compile`]; `fp` and `kept` are what the stub gives.
unsafe extern "C" fn counted_down(
    cx: *mut VmCtx,
    place: u64,
    fp: *const u8,
    kept: *const [usize; KEPT.len()],
) -> *const Replacement {
    let (body, at) = (place as u32, (place >> 32) as u32);
    // SAFETY: promised by the caller.
    let module = unsafe { (*(*cx).instance).module() };
    let (Some(native), Some(code)) = (module.engine.native(), &module.native) else { return null() };
    let Some(lazy) = &code.lazy else { return null() };
    let bytes = module.info.bodies[body as usize].len();
    let at = (at != 0).then_some(at);
    let again = loop {
        match lazy.hot.counted_down(&native.tier_up, body, bytes, at) {
            Next::Count(again) => break again,
            Next::Compile(job, again) if native.tier_up.threads == Some(0) => {
                events::hot(module, job, at);
                Lazy::optimize(module, job);
                if job.at.is_none() {
                    break again;
                }
            }
            Next::Compile(job, again) => {
                events::hot(module, job, at);
                if !native.background.request(module, job, native.tier_up.most_threads()) {
                    events::refused(module, job);
                    lazy.hot.refused(job);
                }
                break again;
            }
            Next::Replace(continuation) => {
                events::replaced(module, body, at);
                // SAFETY: promised by the caller; nobody else uses what is for the store's running guest.
                return unsafe {
                    let replacement = &raw mut (*(*(*cx).store).store).replacement;
                    (*replacement).prepare(&continuation, fp, *kept);
                    replacement
                };
            }
        }
    };
    let numbers = CellNumbers::new(&module.info);
    lazy.space.cells()[numbers.counter(body) as usize].store(again as usize, Ordering::Relaxed);
    null()
}

impl Drop for Lazy {
    fn drop(&mut self) {
        registry::remove_lazy(self);
        let len = *self.images_len.get_mut();
        for image in &mut self.images[..len] {
            // SAFETY: it came from a box, and nobody has it any more.
            drop(unsafe { Box::from_raw(*image.get_mut()) });
        }
    }
}
