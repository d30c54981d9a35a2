//! in: the options of the engine. out: an [`Engine`] and what its stores need.

use crate::args::EngineArgs;
use crate::cache;
use crate::deadline;
use crate::host::Host;
use crate::log;
use crate::options::{self, Codegen, Debug, Optimize, Wasm};
use std::num::NonZeroUsize;
use tiercel::{
    Config, Context, Engine, Error, ErrorKind, Feature, Result, Store, StoreLimits, StoreLimitsBuilder, Tier,
};
use tiercel_wasi::WasiCtx;

/// An engine and the options about its stores.
pub struct Setup {
    pub engine: Engine,
    pub wasm: Wasm,
}

impl Setup {
    /// An engine by the options, and what `more` sets.
    ///
    /// # Errors
    /// The engine does not have what the options ask for.
    pub fn new(args: &EngineArgs, more: impl FnOnce(&mut Config) -> Result<()>) -> Result<Setup> {
        let wasm: Wasm = settings(&args.wasm)?;
        let optimize: Optimize = settings(&args.optimize)?;
        let debug: Debug = settings(&args.debug)?;
        let codegen: Codegen = settings(&args.codegen)?;
        log::start(&debug.log);

        let mut config = Config::new();
        config.tier(args.tier);
        config.consume_fuel(wasm.fuel.is_some());
        config.epoch_interruption(wasm.timeout.is_some());
        if let Some(on) = wasm.all_proposals {
            for &feature in Feature::ALL.iter().filter(|feature| feature.is_supported()) {
                config.wasm_feature(feature, on);
            }
        }
        for &(feature, on) in &wasm.features {
            config.wasm_feature(feature, on);
        }
        if let Some(bytes) = wasm.max_wasm_stack {
            config.max_wasm_stack(bytes);
        }
        if let Some(bytes) = optimize.memory_reservation {
            config.memory_reservation(bytes);
        }
        if let Some(enable) = optimize.spectre {
            config.spectre_mitigation(enable);
        }
        if let Some(bytes) = optimize.memory_guard_size {
            config.memory_guard_size(bytes);
        }
        if let Some(budget) = codegen.tier_up_budget {
            config.tier_up_budget(u32::try_from(budget).unwrap_or(u32::MAX));
        }
        if let Some(threads) = codegen.tier_up_threads {
            config.tier_up_threads(threads);
        }
        config.tier_up_seed(codegen.tier_up_seed);
        if let Some(protection) = codegen.branch_protection {
            config.branch_protection(protection);
        }
        if let Some(enable) = codegen.inlining {
            config.compiler_inlining(enable);
        }
        let cache = codegen.cache.unwrap_or(true).then(|| cache::open(&codegen)).transpose()?.flatten();
        config.cache(cache);
        if let Some(on) = optimize.memory_may_move {
            config.memory_may_move(on);
        }
        if let Some(on) = optimize.signals_based_traps {
            config.signals_based_traps(on);
        }
        if let Some(frames) = debug.max_backtrace {
            config.wasm_backtrace_max_frames(NonZeroUsize::new(frames));
        }
        config.verify_compiler(debug.verify_compiler.unwrap_or(false));
        config.check_widths(debug.check_widths.unwrap_or(false));
        more(&mut config)?;
        Ok(Setup { engine: Engine::new(&config)?, wasm })
    }

    /// A store for a program, limited as the options ask; its time starts now.
    ///
    /// # Errors
    /// The host has no thread for the clock.
    pub fn store(&self, wasi: WasiCtx) -> Result<Store<Host>> {
        let limits = self.limits();
        let is_limited = limits.is_some();
        let mut store = Store::new(&self.engine, Host { wasi, limits: limits.unwrap_or_default() });
        if is_limited {
            store.limiter(|host| &mut host.limits);
        }
        self.prepare(&mut store)?;
        self.start_clock()?;
        Ok(store)
    }

    /// The limits for a store's data, or nothing where nothing is limited.
    pub fn limits(&self) -> Option<StoreLimits> {
        let wasm = &self.wasm;
        let mut builder = StoreLimitsBuilder::new();
        let mut limited = false;
        let mut apply = |limit: Option<usize>, set: fn(StoreLimitsBuilder, usize) -> StoreLimitsBuilder| {
            if let Some(limit) = limit {
                limited = true;
                builder = set(std::mem::take(&mut builder), limit);
            }
        };
        apply(wasm.max_memory_size, StoreLimitsBuilder::memory_size);
        apply(wasm.max_table_elements, StoreLimitsBuilder::table_elements);
        apply(wasm.max_instances, StoreLimitsBuilder::instances);
        apply(wasm.max_tables, StoreLimitsBuilder::tables);
        apply(wasm.max_memories, StoreLimitsBuilder::memories);
        if let Some(trap) = wasm.trap_on_grow_failure {
            limited = true;
            builder = builder.trap_on_grow_failure(trap);
        }
        limited.then(|| builder.build())
    }

    /// Gives a new store its fuel and its deadline.
    ///
    /// # Errors
    /// None: fuel is enabled where it is set.
    pub fn prepare<T>(&self, store: &mut Store<T>) -> Result<()> {
        if let Some(fuel) = self.wasm.fuel {
            store.set_fuel(fuel)?;
        }
        if self.wasm.timeout.is_some() {
            store.set_epoch_deadline(1);
        }
        Ok(())
    }

    /// Starts the clock, if guests have a time limit.
    ///
    /// # Errors
    /// The host has no thread for it.
    pub fn start_clock(&self) -> Result<()> {
        self.wasm.timeout.map_or(Ok(()), |limit| deadline::start(&self.engine, limit))
    }
}

/// Settings that the parser of the command line has already seen as [`options::check`].
pub fn settings<G: options::Group>(texts: &[String]) -> Result<G> {
    options::parse(texts).map_err(Error::msg).with_context(|| format!("wrong option -{}", G::LETTER))
}

/// The proposal for want of which a module was refused.
pub fn missing_proposal(error: &Error) -> Option<Feature> {
    let text = format!("{error:#}");
    let is_named = |feature: &&Feature| text.contains(&format!("the proposal `{}`", feature.name()));
    Feature::ALL.iter().filter(|_| error.kind() == ErrorKind::Unsupported).find(is_named).copied()
}

/// Every tier that the program will have, whether or not this build has it.
const TIERS: &[&str] = &["interp", "baseline", "auto", "opt"];

/// The value of `--tier`.
///
/// # Errors
/// There is no such tier, or not in this build; the message says which there are.
pub fn parse_tier(name: &str) -> Result<Tier, String> {
    if let Some(&tier) = Tier::ALL.iter().find(|tier| tier.name() == name) {
        return Ok(tier);
    }
    let available: Vec<&str> = Tier::ALL.iter().map(|tier| tier.name()).collect();
    let problem = if TIERS.contains(&name) { "is not part of this version" } else { "does not exist" };
    Err(format!("the tier `{name}` {problem}; there are: {}", available.join(", ")))
}
