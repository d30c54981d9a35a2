//! A module's functions, compiled in parallel and linked to one image.

use super::memory::CodeMemory;
use super::{EngineCode, registry};
use crate::api::config::Config;
use crate::api::error::Result;
use crate::sys::REGIONS_MOVE;
use crate::vm::FuncCell;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::is_x86_feature_detected;
use std::sync::Mutex;
use tiercel_abi::VmctxLayout;
use tiercel_compiler::compile::{ALIGN, CallSite, Code, Compiler, Options, TrapSite};
use tiercel_compiler::isa::x64::Features;
use tiercel_compiler::regalloc::Chaos;
use tiercel_compiler::translate::{self, Bounds, Context};
use tiercel_wasm::{Error, ErrorKind, ModuleInfo};

/// What a CPU must have.
pub const CPU_FLOOR: Features = Features::SSE3.union(Features::SSSE3).union(Features::SSE41);

/// What this CPU has.
pub fn cpu_features() -> Features {
    let found = [
        (is_x86_feature_detected!("sse3"), Features::SSE3),
        (is_x86_feature_detected!("ssse3"), Features::SSSE3),
        (is_x86_feature_detected!("sse4.1"), Features::SSE41),
        (is_x86_feature_detected!("sse4.2"), Features::SSE42),
        (is_x86_feature_detected!("popcnt"), Features::POPCNT),
        (is_x86_feature_detected!("lzcnt"), Features::LZCNT),
        (is_x86_feature_detected!("bmi1"), Features::BMI1),
        (is_x86_feature_detected!("bmi2"), Features::BMI2),
        (is_x86_feature_detected!("avx"), Features::AVX),
        (is_x86_feature_detected!("avx2"), Features::AVX2),
        (is_x86_feature_detected!("fma"), Features::FMA),
    ];
    found.into_iter().filter(|(has, _)| *has).fold(Features::BASELINE, |set, (_, feature)| set.union(feature))
}

/// The machine code of a module.
pub struct ModuleCode {
    memory: CodeMemory,
    tables: Box<Tables>,
    /// For each function that is not imported, the stub that enters it.
    cells: Box<[FuncCell]>,
}

/// What is known of places in a module's code. Offsets count from its start.
pub struct Tables {
    funcs: Vec<Func>,
    traps: Vec<TrapSite>,
    calls: Vec<CallSite>,
}

struct Func {
    start: u32,
    local_entry: u32,
    foreign_entry: Option<u32>,
    frameless: bool,
}

impl Tables {
    /// The trap of the instruction at an offset.
    pub fn trap_at(&self, offset: u32) -> Option<TrapSite> {
        let found = self.traps.binary_search_by_key(&offset, |site| site.offset);
        found.ok().map(|index| self.traps[index])
    }

    /// The function that an offset is in, by the index of its body, and whether it has no frame.
    pub fn func_at(&self, offset: u32) -> (u32, bool) {
        let after = self.funcs.partition_point(|func| func.start <= offset);
        let index = after.saturating_sub(1);
        (index as u32, self.funcs[index].frameless)
    }

    /// Where the operator is whose instruction faulted, or whose call returns to this offset.
    pub fn loc_at(&self, offset: u32, faulted: bool) -> u32 {
        if faulted {
            return self.trap_at(offset).map_or(0, |site| site.loc);
        }
        let found = self.calls.binary_search_by_key(&offset, |site| site.offset);
        found.map_or(0, |index| self.calls[index].loc)
    }

    /// Tells the module from others.
    pub fn owner(&self) -> usize {
        core::ptr::from_ref(self) as usize
    }
}

/// How an engine with this configuration compiles.
fn options(config: &Config, features: Features) -> Options {
    const ALL_32_BIT_ADDRESSES: u64 = 4 << 30;
    let bounds = if config.memory_reservation >= ALL_32_BIT_ADDRESSES && !REGIONS_MOVE {
        Bounds::Guarded { guard_bytes: config.memory_guard_size }
    } else {
        Bounds::Checked
    };
    Options {
        translate: translate::Config {
            bounds,
            memories_move: REGIONS_MOVE,
            fuel: config.consume_fuel,
            epochs: config.epoch_interruption,
            ..translate::Config::default()
        },
        features,
        foreign_tail_calls: false,
        verify: config.verify_compiler,
        chaos: Chaos::default(),
    }
}

/// Whether compiled frames could hold references to the collected heap, which the collector would not find there.
fn may_hold_objects(info: &ModuleInfo) -> bool {
    let in_types = info.func_types.iter().any(|ty| ty.params().iter().chain(ty.results()).any(|ty| ty.is_traced()));
    let in_tables = info.tables.iter().any(|table| table.element.heap.is_traced());
    let in_globals = info.globals.iter().any(|global| global.content.is_traced());
    in_types || in_tables || in_globals
}

impl ModuleCode {
    /// Compiles a module; none if it has what only the interpreter can do.
    ///
    /// # Errors
    /// The host has no memory for code.
    pub fn new(
        engine: &EngineCode,
        config: &Config,
        info: &ModuleInfo,
        bytes: &[u8],
        layout: &VmctxLayout,
    ) -> Result<Option<ModuleCode>> {
        if may_hold_objects(info) {
            return Ok(None);
        }
        let mut options = options(config, engine.features);
        let cx = Context { info, bytes, layout, config: options.translate };
        let mut compiled = compile_all(cx, options, config.compiler_threads);
        // Rare, and known only now.
        if compiled.as_ref().is_ok_and(|codes| codes.iter().any(|code| code.foreign_tail_calls)) {
            options.foreign_tail_calls = true;
            compiled = compile_all(cx, options, config.compiler_threads);
        }
        let codes = match compiled {
            Ok(codes) => codes,
            Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::Limit) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let (image, tables) = link(&codes);
        drop(codes);
        let memory = CodeMemory::new(&image)?;
        let tables = Box::new(tables);
        let mut cells = Vec::with_capacity(info.bodies.len());
        for body in 0..info.bodies.len() as u32 {
            let func = body + info.imported.funcs;
            // Only functions that can be referred to are entered from outside.
            let entry = if tables.funcs[body as usize].foreign_entry.is_some() {
                engine.stubs(info.func_type_id(func), info.func_type(func))?.entry.cast_mut().cast()
            } else {
                core::ptr::null_mut()
            };
            cells.push(FuncCell { code: AtomicPtr::new(entry) });
        }
        let code = ModuleCode { memory, tables, cells: cells.into() };
        // SAFETY: the tables are boxed and live until `drop`, which removes them first.
        unsafe { registry::add(code.memory.base() as usize, image.len(), &raw const *code.tables) };
        Ok(Some(code))
    }

    /// The entry of a function for code of any instance, by the index of its body.
    pub fn foreign_entry(&self, body: usize) -> *const u8 {
        match self.tables.funcs[body].foreign_entry {
            Some(offset) => self.memory.base().wrapping_add(offset as usize),
            None => unreachable!("only functions that can be referred to are asked for"),
        }
    }

    /// One cell for each function that is not imported: the stub that enters it.
    pub fn cells(&self) -> *const FuncCell {
        self.cells.as_ptr()
    }

    /// Tells the code from that of other modules.
    pub fn id(&self) -> usize {
        self.tables.owner()
    }
}

impl Drop for ModuleCode {
    fn drop(&mut self) {
        registry::remove(self.memory.base() as usize);
    }
}

/// Compiles every function, on several threads; the result does not depend on how many.
fn compile_all(cx: Context<'_>, options: Options, threads: usize) -> Result<Vec<Code>, Error> {
    let count = cx.info.bodies.len();
    let available = || std::thread::available_parallelism().map_or(1, |threads| threads.get());
    // A thread is worth it from some functions on.
    const FUNCS_PER_THREAD: usize = 16;
    let threads = if threads == 0 { available() } else { threads }.min(count.div_ceil(FUNCS_PER_THREAD)).max(1);
    let next = AtomicUsize::new(0);
    let failed: Mutex<Option<(usize, Error)>> = Mutex::new(None);
    let work = || {
        let mut compiler = Compiler::new(options);
        let mut done = Vec::new();
        loop {
            let body = next.fetch_add(1, Ordering::Relaxed);
            if body >= count {
                return done;
            }
            let mut code = Code::default();
            match compiler.compile(cx, body, &mut code) {
                Ok(()) => done.push((body, code)),
                Err(error) => {
                    // The first one counts, whoever finds one first; the others need not go on.
                    let mut failed = failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    if failed.as_ref().is_none_or(|(first, _)| body < *first) {
                        *failed = Some((body, error));
                    }
                    next.store(count, Ordering::Relaxed);
                    return done;
                }
            }
        }
    };
    let mut done = if threads == 1 {
        work()
    } else {
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            let mut done = work();
            for other in others {
                match other.join() {
                    Ok(more) => done.extend(more),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            done
        })
    };
    if let Some((_, error)) = failed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
        return Err(error);
    }
    done.sort_unstable_by_key(|(body, _)| *body);
    Ok(done.into_iter().map(|(_, code)| code).collect())
}

/// Places functions one behind another and lets their calls find each other.
fn link(codes: &[Code]) -> (Vec<u8>, Tables) {
    let mut image = Vec::with_capacity(codes.iter().map(|code| code.bytes.len() + ALIGN).sum());
    let mut tables = Tables { funcs: Vec::with_capacity(codes.len()), traps: Vec::new(), calls: Vec::new() };
    for code in codes {
        // What lies between is never run; if it is, it traps.
        const INT3: u8 = 0xcc;
        image.resize(image.len().next_multiple_of(ALIGN), INT3);
        let start = image.len() as u32;
        image.extend_from_slice(&code.bytes);
        tables.funcs.push(Func {
            start,
            local_entry: start + code.local_entry,
            foreign_entry: code.foreign_entry.map(|entry| start + entry),
            frameless: code.frameless,
        });
        tables.traps.extend(code.traps.iter().map(|site| TrapSite { offset: start + site.offset, ..*site }));
        tables.calls.extend(code.call_sites.iter().map(|site| CallSite { offset: start + site.offset, ..*site }));
    }
    for (index, code) in codes.iter().enumerate() {
        for call in &code.calls {
            let at = (tables.funcs[index].start + call.offset) as usize;
            let target = tables.funcs[call.body as usize].local_entry;
            let distance = target.wrapping_sub(at as u32 + 4);
            image[at..at + 4].copy_from_slice(&distance.to_le_bytes());
        }
    }
    (image, tables)
}
