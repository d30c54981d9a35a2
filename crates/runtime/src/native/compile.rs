//! in: a validated module. out: its machine code, or the reason why the interpreter has to run it.
//!
//! The image is the same however many threads make it.

use super::image::{Batch, Image};
use crate::api::config::{Config, INDEX_BYTES, Tier};
use crate::api::error::Result;
use crate::threads;
use crate::tuning::COMPILE_BYTES_PER_THREAD;
use alloc::boxed::Box;
use alloc::vec::Vec;
use tiercel_abi::{BranchProtection, VmctxLayout};
use tiercel_compiler::baseline;
use tiercel_compiler::compile::{Calls, Code, Compiler, Options};
use tiercel_compiler::isa::Target;
use tiercel_compiler::isa::aarch64::{CallPolicy, Ranges, Variant};
use tiercel_compiler::regalloc::Chaos;
use tiercel_compiler::translate::{self, Bounds, Callees, Context, Inlining};
use tiercel_wasm::ModuleInfo;

/// How code for an engine is made; `foreign_tail_calls` is the module's.
pub fn options(config: &Config, target: Target) -> Options {
    // As `Memory::new` reserves. What is reserved beyond what an index reaches is as good as a guard.
    let bounds = match config.memory_reservation.checked_sub(INDEX_BYTES) {
        _ if !config.signals_based_traps => Bounds::Checked,
        Some(beyond) => Bounds::Guarded { guard_bytes: beyond.saturating_add(config.memory_guard_size) },
        None => Bounds::Checked,
    };
    Options {
        translate: translate::Config {
            pointer_bytes: 8,
            bounds,
            memories_move: config.memories_move(),
            fuel: config.consume_fuel,
            epochs: config.epoch_interruption,
            optimize: true,
            inlining: inlining(config),
            locals_in_slots: false,
        },
        target,
        calls: Calls::Direct,
        counts: false,
        foreign_tail_calls: false,
        spectre: config.spectre_mitigation,
        branch_protection: config
            .compiler_chaos
            .map_or(config.branch_protection, |seed| protection(config, target, seed)),
        check_widths: config.check_widths,
        signals: config.signals_based_traps,
        verify: config.verify_compiler,
        chaos: config.compiler_chaos.map_or_else(Chaos::default, chaos),
        plain: false,
        aarch64: config.compiler_chaos.map_or_else(Variant::default, variant),
    }
}

/// Which calls are inlined; with chaos, mostly some at random.
fn inlining(config: &Config) -> Inlining {
    match config.compiler_chaos {
        _ if !config.compiler_inlining => Inlining::Off,
        Some(seed) if seed % 8 > 1 => Inlining::Random(seed),
        Some(seed) if seed % 8 > 0 => Inlining::Off,
        _ => Inlining::Usual,
    }
}

/// Switches of the register allocator, by a seed.
fn chaos(seed: u64) -> Chaos {
    let probability = |shift: u32| if seed >> shift & 1 != 0 { 48 } else { 0 };
    Chaos {
        seed,
        spill: probability(2),
        split: probability(3),
        reverse: seed >> 4 & 1 != 0,
        coarse: seed >> 5 & 1 != 0,
    }
}

/// How calls and branches are made on aarch64, by a seed.
fn variant(seed: u64) -> Variant {
    let policy = [None, Some(CallPolicy::Reserved), Some(CallPolicy::Pushed)][(seed >> 6) as usize % 3];
    Variant { policy, ranges: if seed >> 8 & 1 != 0 { Ranges::SMALL } else { Ranges::default() } }
}

/// How branches are protected, by a seed where the target has that.
fn protection(config: &Config, target: Target, seed: u64) -> BranchProtection {
    match target {
        Target::Aarch64(_) => BranchProtection::ALL[(seed >> 9) as usize % BranchProtection::ALL.len()],
        Target::X64(_) => config.branch_protection,
    }
}

/// Compiles all functions of a module.
///
/// # Errors
/// A function uses what the compiler does not support, or is too complex for it.
pub fn compile(
    config: &Config,
    tier: Tier,
    options: Options,
    info: &ModuleInfo,
    bytes: &[u8],
    layout: &VmctxLayout,
) -> Result<Box<Image>> {
    let bodies = info.bodies.len();
    let threads = threads::useful(config, info.bodies_bytes(), COMPILE_BYTES_PER_THREAD);
    let callees = if tier == Tier::Opt { Callees::new(info, bytes) } else { Callees::default() };
    let options = Options { foreign_tail_calls: info.foreign_tail_calls, ..options };
    let cx = Context { info, bytes, layout, callees: &callees, config: options.translate };
    let batches = threads::in_parallel(threads, bodies, |next| {
        let (mut compiler, mut code, mut batch) = (AnyCompiler::new(tier, options), Code::default(), Batch::default());
        while let Some(body) = next.take() {
            compiler.compile(cx, body, &mut code)?;
            debug_assert!(options.foreign_tail_calls || !code.foreign_tail_calls);
            batch.push(body, &code);
        }
        Ok(batch)
    });
    let batches = batches.into_iter().collect::<Result<Vec<_>, tiercel_wasm::Error>>()?;
    Image::new(options.target, options.branch_protection.has_pads(), bodies, &batches)
}

/// The compiler of a tier.
pub enum AnyCompiler {
    Baseline(baseline::Compiler),
    Opt(Box<Compiler>),
}

impl AnyCompiler {
    /// The compiler of a tier that is compiled code.
    pub fn new(tier: Tier, options: Options) -> AnyCompiler {
        match tier {
            Tier::Baseline => AnyCompiler::Baseline(baseline::Compiler::new(options)),
            _ => AnyCompiler::Opt(Box::new(Compiler::new(options))),
        }
    }

    /// Compiles the function with this body index.
    ///
    /// # Errors
    /// The function uses what the compiler does not support, or is too complex for it.
    pub fn compile(&mut self, cx: Context<'_>, body: usize, code: &mut Code) -> Result<(), tiercel_wasm::Error> {
        match self {
            AnyCompiler::Baseline(compiler) => compiler.compile(cx, body, code),
            AnyCompiler::Opt(compiler) => compiler.compile(cx, body, code),
        }
    }
}

/// Compiles the function with this body index for people to look at.
///
/// # Errors
/// As [`compile`].
pub fn explain(
    tier: Tier,
    options: Options,
    info: &ModuleInfo,
    bytes: &[u8],
    layout: &VmctxLayout,
    body: usize,
    print: &mut dyn FnMut(&'static str, &dyn core::fmt::Display),
) -> Result<Vec<u8>> {
    let callees = Callees::new(info, bytes);
    let options = Options { foreign_tail_calls: info.foreign_tail_calls, ..options };
    let cx = Context { info, bytes, layout, callees: &callees, config: options.translate };
    let mut code = Code::default();
    if tier == Tier::Baseline {
        baseline::Compiler::new(options).compile(cx, body, &mut code)?;
    } else {
        Compiler::new(options).compile_and_print(cx, body, &mut code, Some(print))?;
    }
    Ok(code.bytes)
}
