//! A module whose functions are compiled when they are first called.
//!
//! Every function has a cell, a word with the address of its code, by which all code calls it. It starts with that of a thunk, which compiles the function
//! and puts its address into the cell. Code is never changed; a cell is, by one store.
//!
//! That code is the baseline compiler's, and counts how often it runs. When its counter has run down, the optimizing compiler makes the function again, in the
//! background, and the cell gets the new address.

use super::arch::stubs as emit;
use super::compile::AnyCompiler;
use super::image::Image;
use super::{Native, registry, stop, stubs};
use crate::api::config::Tier;
use crate::api::error::{Error, ErrorKind, Result};
use crate::api::module::ModuleInner;
use crate::sync::Mutex;
use crate::sys::CodeSpace;
use crate::vm::host_func::{catch, leave_pending};
use crate::vm::{Entries, VmCtx};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Range;
use core::ptr::{NonNull, null_mut};
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::sync::OnceLock;
use tiercel_compiler::compile::{CallReloc, Calls, CellNumbers, Code, Options};
use tiercel_compiler::translate::{Callees, Context};
use tiercel_wasm::ModuleInfo;
use wasmparser::{BinaryReader, FunctionBody, Operator};

/// Address space for code: for each byte of WebAssembly, in addition, and at most; more than 2 GiB would be out of reach.
const SPACE_PER_BYTE: usize = 64;
const SPACE_BYTES: usize = 1 << 20;
const MOST_SPACE_BYTES: usize = 1 << 30;
/// Units of a function's budget for each of its bytes. No effect on correctness.
const BUDGET_PER_BYTE: u32 = 150;
/// How often a function can be compiled: once for each tier, and once more.
const IMAGES_PER_BODY: usize = 3;
const FOREIGN_ALIGN: u32 = 16;

/// The code of such a module. Signal handlers find it as long as it lives.
pub struct Lazy {
    space: CodeSpace,
    options: Options,
    /// Code that is published, ascending by address; null behind the first `images_len`.
    images: Box<[AtomicPtr<Image>]>,
    images_len: AtomicUsize,
    /// The addresses of the thunks.
    thunks: Range<usize>,
    made: Mutex<Made>,
    /// What the optimizing compiler wants to know of the module, found out when it first does.
    facts: OnceLock<Facts>,
}

struct Facts {
    callees: Callees,
    /// Whether there are tail calls that may leave the instance.
    foreign_tail_calls: bool,
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
        let bytes: usize = info.bodies.iter().map(ExactSizeIterator::len).sum();
        // What calls may leave an instance is not known yet.
        let options = Options { calls: Calls::Cells, counts: true, foreign_tail_calls: true, ..native.options };
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
        emit::count_down(&mut asm, counted_down as *const () as u64);
        asm.finish();
        let numbers = CellNumbers { bodies: bodies as u32 };
        let room = bytes.saturating_mul(SPACE_PER_BYTE).saturating_add(SPACE_BYTES + 2 * asm.code().len());
        let space = CodeSpace::new(numbers.len() as usize, room.min(MOST_SPACE_BYTES))?;
        let relocs = asm.relocs().iter().map(|reloc| CallReloc { offset: reloc.offset, body: reloc.symbol.0 });
        let mut code = asm.code().to_vec();
        let start = space.code_range().start;
        link(&space, start, &mut code, relocs);
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
            counter.store(budget(native.first_budget, range.len()) as usize, Ordering::Relaxed);
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
            images: core::iter::repeat_with(|| AtomicPtr::new(null_mut())).take(IMAGES_PER_BODY * bodies).collect(),
            images_len: AtomicUsize::new(0),
            thunks,
            made: Mutex::new(made),
            facts: OnceLock::new(),
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
        let none = Callees::default();
        let cx = Context {
            info: &module.info,
            bytes: &module.bytes,
            layout: &module.layout,
            callees: &none,
            config: self.options.translate,
        };
        let mut code = core::mem::take(&mut made.code);
        match made.baseline.compile(cx, body, &mut code).map_err(Error::from) {
            Err(error) if error.kind() == ErrorKind::Unsupported => {
                AnyCompiler::new(Tier::Opt, self.options).compile(cx, body, &mut code)?;
            }
            done => done?,
        }
        let published = self.publish(made, body, &mut code);
        made.code = code;
        published
    }

    /// What the optimizing compiler wants to know of the module.
    fn facts(&self, module: &ModuleInner) -> &Facts {
        self.facts.get_or_init(|| Facts {
            callees: Callees::new(&module.info, &module.bytes),
            foreign_tail_calls: has_foreign_tail_calls(&module.info, &module.bytes),
        })
    }

    /// Compiles a function of a module with such code with the optimizing compiler, and publishes it.
    pub fn optimize(module: &ModuleInner, body: u32) {
        let Some(this) = module.native.as_ref().and_then(|native| native.lazy.as_deref()) else { return };
        let facts = this.facts(module);
        let options = Options { foreign_tail_calls: facts.foreign_tail_calls, ..this.options };
        let cx = Context {
            info: &module.info,
            bytes: &module.bytes,
            layout: &module.layout,
            callees: &facts.callees,
            config: options.translate,
        };
        let mut code = Code::default();
        let compiled = AnyCompiler::new(Tier::Opt, options).compile(cx, body as usize, &mut code).map_err(Error::from);
        let published = compiled.and_then(|()| this.publish(&mut this.made.lock(), body as usize, &mut code));
        match published {
            Ok(_) => {
                tracing::debug!(target: "tiercel::tiers", "function {body}: optimized, {} bytes", code.bytes.len())
            }
            // It goes on as it is.
            Err(error) => tracing::debug!(target: "tiercel::tiers", "function {body}: not optimized: {error}"),
        }
    }

    /// Puts the code that was made for a function into its place, and its address into its cell.
    ///
    /// # Errors
    /// There is no room.
    fn publish(&self, made: &mut Made, body: usize, code: &mut Code) -> Result<usize> {
        let offset = made.end.next_multiple_of(code.align.max(1) as usize);
        let room = self.range().len();
        let slot = self.images_len.load(Ordering::Relaxed);
        if offset + code.bytes.len() > room || slot == self.images.len() {
            return Err(Error::limit(format_args!("the module's machine code does not fit into {room} bytes")));
        }
        let start = self.range().start + offset;
        let calls = core::mem::take(&mut code.calls);
        link(&self.space, start, &mut code.bytes, calls.iter().copied());
        code.calls = calls;
        // SAFETY: it is behind everything that was written.
        unsafe { self.space.write(offset, &code.bytes) };
        made.end = offset + code.bytes.len();
        let image = Box::new(Image::of_function(body as u32, start, code));
        self.images[slot].store(Box::into_raw(image), Ordering::Relaxed);
        // Before anybody can run it, signal handlers know it.
        self.images_len.store(slot + 1, Ordering::Release);
        let entry = start + code.local_entry as usize;
        self.space.cells()[body].store(entry, Ordering::Release);
        Ok(entry)
    }
}

/// Fills in where cells are, in code that is to lie at an address.
fn link(space: &CodeSpace, start: usize, code: &mut [u8], relocs: impl Iterator<Item = CallReloc>) {
    for reloc in relocs {
        let cell = &raw const space.cells()[reloc.body as usize] as usize;
        let at = reloc.offset as usize;
        let distance = cell.wrapping_sub(start + at + 4) as i32;
        code[at..at + 4].copy_from_slice(&distance.to_le_bytes());
    }
}

/// What thunks call: compiles the function with this body index; gives the address of its code, or of what stops the guest.
///
/// # Safety
/// `cx` is the vmctx of a live instance of the module, whose store nobody borrows.
unsafe extern "sysv64" fn compile(cx: *mut VmCtx, body: usize) -> usize {
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

/// What is called when the counter of a function has run down.
///
/// # Safety
/// As [`compile`].
unsafe extern "sysv64" fn counted_down(cx: *mut VmCtx, body: usize) {
    // SAFETY: promised by the caller.
    let module = unsafe { (*(*cx).instance).module() };
    let (Some(native), Some(code)) = (module.engine.native(), &module.native) else { return };
    let Some(lazy) = &code.lazy else { return };
    let requested = native.background.request(module, body as u32, native.background_threads);
    // Who has asked does not ask again; code that is not replaced in time goes on counting.
    let numbers = CellNumbers { bodies: module.info.bodies.len() as u32 };
    let counter = &lazy.space.cells()[numbers.counter(body as u32) as usize];
    let again = if requested { i32::MAX } else { budget(native.first_budget, module.info.bodies[body].len()) };
    counter.store(again as usize, Ordering::Relaxed);
}

/// What a counter starts with: what compiling costs, in units of what running costs.
fn budget(first: u32, body_bytes: usize) -> i32 {
    let bytes = u64::from(BUDGET_PER_BYTE) * body_bytes as u64 * u64::from(first != 0);
    i32::try_from(u64::from(first) + bytes).unwrap_or(i32::MAX)
}

/// Whether a module has tail calls that may leave its instances.
fn has_foreign_tail_calls(info: &ModuleInfo, bytes: &[u8]) -> bool {
    info.bodies.iter().any(|range| {
        let body = BinaryReader::new(&bytes[range.start as usize..range.end as usize], range.start.into());
        let Ok(reader) = FunctionBody::new(body).get_operators_reader() else { return true };
        reader.into_iter().any(|operator| match operator {
            Ok(Operator::ReturnCall { function_index }) => function_index < info.imported.funcs,
            Ok(Operator::ReturnCallIndirect { .. } | Operator::ReturnCallRef { .. }) => true,
            Ok(_) => false,
            Err(_) => true,
        })
    })
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
