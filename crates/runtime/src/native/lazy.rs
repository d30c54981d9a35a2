//! A module whose functions are compiled when they are first called.
//!
//! Every function has a cell, a word with the address of its code, by which all code calls it. It starts with that of a thunk, which compiles the function
//! and puts its address into the cell. Code is never changed; a cell is, by one store.
//!
//! That code is the baseline compiler's, and counts how often it runs. When its counter has run down, the optimizing compiler makes the function again, in the
//! background, and the cell gets the new address ([`super::hot`], [`super::replacement`]). Code that was replaced goes when nobody is in it
//! ([`super::retired`]).

use super::arch::stubs::{self as emit, KEPT};
use super::compile::AnyCompiler;
use super::events::{self, Clock};
use super::hot::{Hot, Job, Next};
use super::image::Image;
use super::pieces::{Finals, Pieces, Room, link};
use super::replacement::{Continuation, Replacement};
use super::retired::Retired;
use super::{Native, frames, registry, stop, stubs};
use crate::api::config::Tier;
use crate::api::error::{Error, ErrorKind, Result};
use crate::api::module::ModuleInner;
use crate::api::store::Unwind;
use crate::sync::Mutex;
use crate::sys::{CodeSpace, barrier};
use crate::vm::host_func::{catch, leave_pending};
use crate::vm::{Entries, VmCtx, VmStore};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;
use core::ptr::{NonNull, null};
use core::sync::atomic::{AtomicUsize, Ordering};
use std::sync::OnceLock;
use tiercel_compiler::baseline;
use tiercel_compiler::compile::{CallReloc, Calls, CellNumbers, Code, Compiler, NotedCallee, Options};
use tiercel_compiler::translate::{Callees, Context, Feedback};
use tiercel_wasm::ModuleInfo;

/// Address space for code: for each byte of WebAssembly, in addition, and at most.
const SPACE_PER_BYTE: usize = 64;
const SPACE_BYTES: usize = 1 << 20;
const MOST_SPACE_BYTES: usize = 1 << 30;
/// Cells and code together: code reaches what is less than 2 GiB away.
const REACH_BYTES: usize = (1 << 31) - (1 << 16);
/// A continuation takes so many bytes of arguments at most: any stack has room for them.
const MOST_ARGUMENT_BYTES: u32 = 8 << 10;
const FOREIGN_ALIGN: u32 = 16;
/// A guest looks for replaced code in so many of its frames at most. No effect on correctness.
const MOST_FRAMES: usize = 1000;

/// The baseline compiler inlines nothing.
static NO_CALLEES: Callees = Callees::NONE;

/// The code of such a module. Signal handlers find it as long as it lives.
pub struct Lazy {
    space: Arc<CodeSpace>,
    options: Options,
    pieces: Pieces,
    /// The addresses of the thunks.
    thunks: Range<usize>,
    made: Mutex<Made>,
    /// How much replaced code waits until nobody is in it.
    retired: AtomicUsize,
    hot: Arc<Hot>,
    /// What the optimizing compiler wants to know of the module, found out when it first does.
    callees: OnceLock<Callees>,
}

/// What compiling changes.
struct Made {
    room: Room,
    retired: Retired,
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
        let room = code_room(bytes, asm.code().len(), numbers.len() as usize).ok_or_else(|| {
            Error::limit(format_args!(
                "{bytes} bytes of functions are more than the tier `auto` reaches; use `opt` or `interp`"
            ))
        })?;
        let space = Arc::new(CodeSpace::new(numbers.len() as usize, room, options.branch_protection.has_pads())?);
        let relocs = asm.relocs().iter().map(|reloc| CallReloc { offset: reloc.offset, body: reloc.symbol.0 });
        let mut code = asm.code().to_vec();
        let start = space.code_range().start;
        link(options.target, &space, &Finals::new(), start, &mut code, relocs);
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
        let (pieces, room) = Pieces::new(space.clone(), options.target, bodies, code.len());
        let baseline = AnyCompiler::new(Tier::Baseline, options);
        let lazy = Box::new(Lazy {
            space,
            options,
            pieces,
            thunks,
            made: Mutex::new(Made { room, retired: Retired::default(), baseline, code: Code::default() }),
            retired: AtomicUsize::new(0),
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
    ///
    /// # Safety
    /// As [`Pieces::image_at`].
    pub unsafe fn image_at(&self, address: usize) -> Option<&Image> {
        // SAFETY: promised by the caller.
        unsafe { self.pieces.image_at(address) }
    }

    /// All published code: the index of each body, and the addresses.
    pub fn code_ranges(&self) -> Vec<(u32, Range<usize>)> {
        let room = &self.made.lock().room;
        let ranges = self.pieces.all(room).map(Image::range);
        ranges.filter_map(|range| Some((self.pieces.body(room, self.pieces.place_of(range.start)?)?, range))).collect()
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
        if let Some(at) = job.at
            && let Some(unwanted) = this.hot.made(job.body, at, continuation)
        {
            this.retire(&mut this.made.lock(), unwanted);
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
        let made = &mut *self.made.lock();
        // Other code may have it as its callee by now: then it stays.
        if !made.room.finals.contains_key(&body) {
            let entry = self.publish(made, body as usize, &mut code)?;
            made.room.finals.insert(body, entry);
        }
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
        let entry = self.pieces.add(&mut self.made.lock().room, body as usize, false, &mut code)?;
        Ok((Continuation { entry, state, arguments }, code.bytes.len()))
    }

    /// Puts the code that was made for a function into its place, and its address into its cell.
    ///
    /// # Errors
    /// There is no room.
    fn publish(&self, made: &mut Made, body: usize, code: &mut Code) -> Result<usize> {
        let cell = &self.space.cells()[body];
        // Whoever changes it has `made`.
        let old = cell.load(Ordering::Relaxed);
        let is_first = self.thunks.contains(&old);
        let entry = self.pieces.add(&mut made.room, body, is_first, code)?;
        cell.store(entry, Ordering::Release);
        if is_first {
            made.room.without_code -= 1;
        } else {
            self.retire(made, old);
        }
        Ok(entry)
    }

    /// Code that is entered at this address is not entered any more.
    fn retire(&self, made: &mut Made, entry: usize) {
        if let Some(place) = self.pieces.place_of(entry) {
            made.retired.add(place);
            self.retired.store(made.retired.len(), Ordering::Relaxed);
        }
    }

    /// Removes replaced code of a module that no guest is in, as far as that can be told from outside; true if there is more of it.
    pub fn reclaim(module: &ModuleInner) -> bool {
        let Some(this) = module.native.as_ref().and_then(|native| native.lazy.as_deref()) else { return false };
        while this.has_retired() {
            let fresh = this.made.lock().retired.take_fresh();
            // Where there is no such barrier the code stays as long as its module.
            let fresh = if !fresh.is_empty() && barrier::everywhere() { fresh } else { Vec::new() };
            let made = &mut *this.made.lock();
            // Not before: what waits already was replaced before a store of those at rest is entered again.
            let running = module.blocks.running();
            // They have done all that they have begun.
            barrier::everywhere();
            made.retired.keep_running(&running);
            made.retired.wait(fresh, &running);
            this.remove_unused(module, made);
            if !made.retired.has_fresh() {
                break;
            }
        }
        this.has_retired()
    }

    /// Whether replaced code waits to be removed. A child of this process may go on running it: then it stays.
    fn has_retired(&self) -> bool {
        self.retired.load(Ordering::Relaxed) != 0 && !self.space.origin.is_shared()
    }

    /// As [`Self::reclaim`], for what a store's own guest can tell by its stack. It is in code of the function `body`.
    ///
    /// # Safety
    /// The store's guest runs in this thread, and `fp` is its frame pointer.
    unsafe fn reclaim_own(&self, module: &ModuleInner, store: NonNull<VmStore>, fp: *const u8, body: u32) {
        if !self.has_retired() {
            return;
        }
        let made = &mut *self.made.lock();
        if !made.retired.waits_for(store.as_ptr()) {
            return;
        }
        let (mut frames, mut used) = (0, Vec::new());
        // SAFETY: promised by the caller.
        unsafe {
            let mut each = |_: &Image, _, return_address| {
                frames += 1;
                used.extend(self.pieces.place_of(return_address));
                frames < MOST_FRAMES
            };
            frames::walk(fp.addr(), (*store.as_ptr()).entry_fp.load(Ordering::Relaxed), &mut each);
        }
        if frames < MOST_FRAMES {
            let room = &made.room;
            let is_used = |place| used.contains(&place) || self.pieces.body(room, place) == Some(body);
            made.retired.keep_used(store.as_ptr(), is_used);
            self.remove_unused(module, made);
        }
    }

    /// Removes code that nobody uses any more.
    fn remove_unused(&self, module: &ModuleInner, made: &mut Made) {
        while let Some(place) = made.retired.take_unused() {
            let Some(body) = self.pieces.body(&made.room, place) else { continue };
            // SAFETY: no stack has a frame of it, and no cell its address.
            let bytes = unsafe { self.pieces.remove(&mut made.room, place) };
            // Its continuations were entered from there.
            for entry in self.hot.forget(body) {
                self.retire(made, entry);
            }
            events::removed(module, body, bytes);
        }
        self.retired.store(made.retired.len(), Ordering::Relaxed);
    }
}

/// Bytes of address space for the code of functions of so many bytes, and code in front of it, behind so many cells; none if code would not reach them.
fn code_room(bytes: usize, in_front: usize, cells: usize) -> Option<usize> {
    let room = bytes.saturating_mul(SPACE_PER_BYTE).saturating_add(SPACE_BYTES + 2 * in_front).min(MOST_SPACE_BYTES);
    let reached = REACH_BYTES.checked_sub(cells.checked_mul(size_of::<usize>())?)?;
    // A smaller room would be full long before each function has code.
    Some(room.min(reached)).filter(|&room| room > bytes)
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
    // Not each time: loops that wait for their continuation come here often.
    // SAFETY: promised by the caller.
    let look = || unsafe { lazy.reclaim_own(module, NonNull::new_unchecked((*cx).store), fp, body) };
    let again = loop {
        match lazy.hot.counted_down(&native.tier_up, body, bytes, at) {
            Next::Count(again) => break again,
            Next::Compile(job, again) if native.tier_up.threads == Some(0) => {
                events::hot(module, job, at);
                Lazy::optimize(module, job);
                Lazy::reclaim(module);
                look();
                if job.at.is_none() {
                    break again;
                }
            }
            Next::Compile(job, again) => {
                events::hot(module, job, at);
                look();
                if !native.background.request(module, job, native.tier_up.most_threads()) {
                    events::refused(module, job);
                    lazy.hot.refused(job);
                }
                break again;
            }
            Next::Replace(continuation) => {
                events::replaced(module, body, at);
                look();
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
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_reaches_all_cells() {
        // As many cells as a module of so many bytes has, with one function.
        let room = |bytes: usize| code_room(bytes, 100, bytes / 2 + 4);
        assert_eq!(room(0), Some(SPACE_BYTES + 200));
        assert_eq!(room(1000), Some(1000 * SPACE_PER_BYTE + SPACE_BYTES + 200));
        assert_eq!(room(250 << 20), Some(MOST_SPACE_BYTES));
        assert_eq!(room(300 << 20).map(|room| room + 4 * (300 << 20) + 32), Some(REACH_BYTES));
        assert_eq!(room(500 << 20), None);
        assert_eq!(room(usize::MAX), None);
    }
}
