//! How an engine behaves.

use super::error::{Error, Result};
use crate::tuning;
use tiercel_abi::BranchProtection;
use tiercel_wasm::{Feature, Features};

/// What a 32-bit index reaches, in bytes: a reservation of so many is never outgrown by a 32-bit memory.
pub(crate) const INDEX_BYTES: u64 = 1 << 32;

/// Which code runs functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Tier {
    /// The portable interpreter.
    Interp,
    /// Machine code that is made in one pass, when the module is made: some ten times as fast as that of [`Tier::Opt`] is made. A module that has
    /// something which only that one compiles gets its code.
    Baseline,
    /// Machine code that is made in one pass when a function is first called, and by the optimizing compiler, in the background, when the function is hot
    /// ([`Config::tier_up_budget`]).
    Auto,
    /// Machine code of the optimizing compiler, made when the module is made. Modules that are too complex for it run in the interpreter:
    /// [`Module::tier`](crate::Module::tier) tells.
    Opt,
}

impl Tier {
    /// Every tier of this build.
    #[cfg(native)]
    pub const ALL: &[Tier] = &[Tier::Interp, Tier::Baseline, Tier::Auto, Tier::Opt];
    /// Every tier of this build.
    #[cfg(not(native))]
    pub const ALL: &[Tier] = &[Tier::Interp];

    /// The name users write, as in `--tier NAME`.
    pub const fn name(self) -> &'static str {
        match self {
            Tier::Interp => "interp",
            Tier::Baseline => "baseline",
            Tier::Auto => "auto",
            Tier::Opt => "opt",
        }
    }

    /// Whether this build runs it on this computer.
    pub fn is_available(self) -> bool {
        match self {
            Tier::Interp => true,
            #[cfg(native)]
            Tier::Baseline | Tier::Auto | Tier::Opt => Tier::ALL.contains(&self) && crate::native::is_available(),
            #[cfg(not(native))]
            Tier::Baseline | Tier::Auto | Tier::Opt => false,
        }
    }
}

impl Default for Tier {
    /// The tier of a new configuration: the first one of a list that is available.
    fn default() -> Self {
        const PREFERRED: &[Tier] = &[Tier::Auto, Tier::Interp];
        PREFERRED.iter().copied().find(|tier| tier.is_available()).unwrap_or(Tier::Interp)
    }
}

/// How an engine behaves; see [`Engine::new`](crate::Engine::new).
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) features: Features,
    pub(crate) tier: Tier,
    pub(crate) consume_fuel: bool,
    pub(crate) epoch_interruption: bool,
    pub(crate) max_wasm_stack: usize,
    pub(crate) memory_reservation: u64,
    pub(crate) memory_guard_size: u64,
    pub(crate) memory_may_move: bool,
    pub(crate) signals_based_traps: bool,
    pub(crate) backtrace_max_frames: usize,
    pub(crate) plain_interpreter: bool,
    pub(crate) gc_stress: bool,
    pub(crate) spectre_mitigation: bool,
    pub(crate) branch_protection: BranchProtection,
    pub(crate) tier_up_budget: u32,
    pub(crate) tier_up_threads: Option<usize>,
    pub(crate) tier_up_seed: Option<u64>,
    pub(crate) compiler_threads: usize,
    pub(crate) compiler_inlining: bool,
    pub(crate) verify_compiler: bool,
    pub(crate) check_widths: bool,
    pub(crate) compiler_chaos: Option<u64>,
    pub(crate) allow_precompiled: bool,
    /// What code is compiled for, if it is not the CPU at hand.
    #[cfg(native)]
    pub(crate) target: Option<tiercel_compiler::isa::Target>,
    pub(crate) through_artifacts: bool,
    #[cfg(feature = "cache")]
    pub(crate) cache: Option<super::cache::Cache>,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            features: Features::default(),
            tier: Tier::default(),
            consume_fuel: false,
            epoch_interruption: false,
            max_wasm_stack: tuning::MAX_WASM_STACK_BYTES,
            memory_reservation: tuning::MEMORY_RESERVATION_BYTES,
            memory_guard_size: tuning::MEMORY_GUARD_BYTES,
            memory_may_move: true,
            signals_based_traps: true,
            backtrace_max_frames: tuning::MAX_BACKTRACE_FRAMES,
            plain_interpreter: false,
            gc_stress: false,
            spectre_mitigation: true,
            branch_protection: BranchProtection::None,
            tier_up_budget: crate::tuning::TIER_UP_BUDGET,
            tier_up_threads: None,
            tier_up_seed: None,
            compiler_threads: 0,
            compiler_inlining: true,
            verify_compiler: false,
            check_widths: false,
            compiler_chaos: None,
            allow_precompiled: false,
            #[cfg(native)]
            target: None,
            through_artifacts: false,
            #[cfg(feature = "cache")]
            cache: None,
        }
    }
}

macro_rules! feature_switches {
    ($($method:ident $feature:ident;)*) => {
        impl Config {
            $(
                #[doc = concat!("Switches the proposal of [`Feature::", stringify!($feature), "`].")]
                pub fn $method(&mut self, enable: bool) -> &mut Self {
                    self.wasm_feature(Feature::$feature, enable)
                }
            )*
        }
    };
}

feature_switches! {
    wasm_reference_types ReferenceTypes;
    wasm_multi_value MultiValue;
    wasm_bulk_memory BulkMemory;
    wasm_simd Simd;
    wasm_relaxed_simd RelaxedSimd;
    wasm_tail_call TailCall;
    wasm_multi_memory MultiMemory;
    wasm_memory64 Memory64;
    wasm_extended_const ExtendedConst;
    wasm_wide_arithmetic WideArithmetic;
    wasm_custom_page_sizes CustomPageSizes;
    wasm_compact_imports CompactImports;
    wasm_function_references FunctionReferences;
    wasm_gc Gc;
    wasm_exceptions Exceptions;
    wasm_legacy_exceptions LegacyExceptions;
    wasm_threads Threads;
    wasm_shared_everything_threads SharedEverythingThreads;
    wasm_stack_switching StackSwitching;
    wasm_custom_descriptors CustomDescriptors;
}

impl Config {
    /// The defaults: WebAssembly 2.0 and the finished proposals that this engine runs, no fuel, no epochs.
    pub fn new() -> Self {
        Self::default()
    }

    /// Switches a proposal. One that is on although this engine cannot run it is refused by
    /// [`Engine::new`](crate::Engine::new).
    pub fn wasm_feature(&mut self, feature: Feature, enable: bool) -> &mut Self {
        self.features.set(feature, enable);
        self
    }

    /// The proposals that are switched on.
    pub fn features(&self) -> &Features {
        &self.features
    }

    /// Which code runs functions.
    pub fn tier(&mut self, tier: Tier) -> &mut Self {
        self.tier = tier;
        self
    }

    /// How much a function runs under [`Tier::Auto`] before it is optimized: in units of about one instruction, a number that the size of the function adds to;
    /// 0: it is when it is first called; [`u32::MAX`]: never, and nothing is counted; `u32::MAX - 1`: never, though it is counted, which shows what that
    /// costs. No effect on what guests compute.
    pub fn tier_up_budget(&mut self, budget: u32) -> &mut Self {
        self.tier_up_budget = budget;
        self
    }

    /// How many threads optimize functions in the background under [`Tier::Auto`], at most; 0: a function is optimized when it is found hot, while its guest
    /// waits, so that the same thing happens in each run. The default is half as many as the host has CPUs.
    pub fn tier_up_threads(&mut self, threads: usize) -> &mut Self {
        self.tier_up_threads = Some(threads);
        self
    }

    /// Makes it random under [`Tier::Auto`] when functions are optimized, and whether they are: for tests. No effect on what guests compute.
    pub fn tier_up_seed(&mut self, seed: Option<u64>) -> &mut Self {
        self.tier_up_seed = seed;
        self
    }

    /// How many threads validate or compile a module, of which the calling one is one; 0, the default, is one for each CPU. The outcome is the same.
    pub fn compiler_threads(&mut self, threads: usize) -> &mut Self {
        self.compiler_threads = threads;
        self
    }

    /// Whether compiled code keeps a processor that guesses ahead from using a wrong index of a `br_table` (Spectre variant 1; default: yes). Without,
    /// dispatch loops are a little faster; for guests that are trusted.
    pub fn spectre_mitigation(&mut self, enable: bool) -> &mut Self {
        self.spectre_mitigation = enable;
        self
    }

    /// How compiled code for aarch64 defends its jumps and returns against who can write to memory; by default not at all. It runs on older CPUs as
    /// well, which take no notice. [`Engine::new`](crate::Engine::new) refuses it for other machines.
    pub fn branch_protection(&mut self, protection: BranchProtection) -> &mut Self {
        self.branch_protection = protection;
        self
    }

    /// Whether the compiler puts small functions in place of calls of them, as it does unless told otherwise. Backtraces are the same.
    pub fn compiler_inlining(&mut self, enable: bool) -> &mut Self {
        self.compiler_inlining = enable;
        self
    }

    /// Makes the compiler check itself after each step, and panic if it breaks its own rules. Slow; a test of the compiler.
    pub fn verify_compiler(&mut self, enable: bool) -> &mut Self {
        self.verify_compiler = enable;
        self
    }

    /// Makes compiled code test an invariant of its own wherever an `i32` is made or used: the upper half of its register is zero. Code that
    /// breaks it stops with [`Trap::BrokenWidth`](crate::Trap::BrokenWidth). Slow; a test of the compiler.
    pub fn check_widths(&mut self, enable: bool) -> &mut Self {
        self.check_widths = enable;
        self
    }

    /// Where compiled modules are kept, so that the next process finds them (default: nowhere). The interpreter does not need it.
    #[cfg(feature = "cache")]
    pub fn cache(&mut self, cache: Option<super::cache::Cache>) -> &mut Self {
        self.cache = cache;
        self
    }

    /// Makes every module an artifact first, from which it is loaded; a test of artifacts.
    pub fn through_artifacts(&mut self, enable: bool) -> &mut Self {
        self.through_artifacts = enable;
        self
    }

    /// Makes the interpreter's code plain: every value goes through its slot, and no instruction absorbs another. Slow; the judge
    /// that tests compare the usual code with.
    pub fn plain_interpreter(&mut self, enable: bool) -> &mut Self {
        self.plain_interpreter = enable;
        self
    }

    /// Makes every allocation of a struct or array collect the heap first. Very slow; a test of whoever holds references.
    pub fn gc_stress(&mut self, enable: bool) -> &mut Self {
        self.gc_stress = enable;
        self
    }

    /// Makes rare paths of the compiler common, chosen by a seed: registers are spilled and exchanged at random, calls inlined at random, and
    /// features of the CPU left out. Slow code; for tests.
    pub fn compiler_chaos(&mut self, seed: Option<u64>) -> &mut Self {
        self.compiler_chaos = seed;
        self
    }

    /// Whether [`Module::new`](crate::Module::new) and [`Module::from_file`](crate::Module::from_file) take artifacts too (default: no). Artifacts hold
    /// machine code that is run as it is: only for hosts where whoever makes them may do whatever this program may.
    pub fn allow_precompiled(&mut self, enable: bool) -> &mut Self {
        self.allow_precompiled = enable;
        self
    }

    /// What code is compiled for: `ARCH-linux`, and CPU features behind it, as in `x86_64-linux+avx2+bmi2`. Without features the code runs on every
    /// such CPU that runs compiled code at all. The default is the CPU at hand with all that it has. What it cannot run can be
    /// compiled, and not instantiated.
    ///
    /// # Errors
    /// There is no such target.
    pub fn target(&mut self, target: &str) -> Result<&mut Self> {
        #[cfg(native)]
        {
            self.target = Some(tiercel_compiler::isa::Target::parse(target).map_err(Error::unsupported)?);
            Ok(self)
        }
        #[cfg(not(native))]
        Err(Error::unsupported(format_args!("the target `{target}`: this build compiles nothing")))
    }

    /// Whether guests consume fuel and are stopped when it is used up; see [`Store::set_fuel`](crate::Store::set_fuel).
    pub fn consume_fuel(&mut self, enable: bool) -> &mut Self {
        self.consume_fuel = enable;
        self
    }

    /// Whether guests look at the epoch; see [`Store::set_epoch_deadline`](crate::Store::set_epoch_deadline).
    pub fn epoch_interruption(&mut self, enable: bool) -> &mut Self {
        self.epoch_interruption = enable;
        self
    }

    /// The stack of a store's guests in bytes (default 1 MiB). A deeper recursion is a trap. Compiled code uses the stack of the thread that
    /// calls it, so that it may have less there.
    pub fn max_wasm_stack(&mut self, size: usize) -> &mut Self {
        self.max_wasm_stack = size;
        self
    }

    /// The address space that is reserved for a memory, in bytes (default 4 GiB). A smaller one costs compiled code a check for each access,
    /// and memories that grow beyond it move, or cannot if [`Config::memory_may_move`] is off. Memories of 64 bits reserve more where this is
    /// the default or more, and never move then.
    pub fn memory_reservation(&mut self, bytes: u64) -> &mut Self {
        self.memory_reservation = bytes;
        self
    }

    /// The address space left inaccessible behind the reservation, in bytes (default 32 MiB).
    pub fn memory_guard_size(&mut self, bytes: u64) -> &mut Self {
        self.memory_guard_size = bytes;
        self
    }

    /// Whether memories may move when they grow beyond their reservation (default: yes). It makes a difference for reservations below 4 GiB
    /// only. On hosts without virtual memory they always may.
    pub fn memory_may_move(&mut self, enable: bool) -> &mut Self {
        self.memory_may_move = enable;
        self
    }

    /// Whether compiled code may leave checks to the processor, whose faults arrive as signals (default: yes). Without, an engine installs no
    /// signal handlers, and compiled code checks every access and every divisor.
    pub fn signals_based_traps(&mut self, enable: bool) -> &mut Self {
        self.signals_based_traps = enable;
        self
    }

    /// Whether the base of a memory may change.
    pub(crate) fn memories_move(&self) -> bool {
        crate::sys::REGIONS_MOVE || self.memory_may_move && self.memory_reservation < INDEX_BYTES
    }

    /// Whether errors of guests tell the functions that were running (default: yes).
    pub fn wasm_backtrace(&mut self, enable: bool) -> &mut Self {
        self.wasm_backtrace_max_frames(core::num::NonZeroUsize::new(if enable {
            tuning::MAX_BACKTRACE_FRAMES
        } else {
            0
        }))
    }

    /// How many frames, the innermost first, a backtrace keeps (default 20); `None` is no backtrace.
    pub fn wasm_backtrace_max_frames(&mut self, limit: Option<core::num::NonZeroUsize>) -> &mut Self {
        self.backtrace_max_frames = limit.map_or(0, |limit| limit.get());
        self
    }

    pub(crate) fn check(&self) -> Result<()> {
        if !Tier::ALL.contains(&self.tier) {
            return Err(Error::unsupported(format_args!(
                "the tier `{}` is not part of this build: it needs Linux on x86-64 or aarch64 and the feature `compiler` of the crate; the \
                 tier `interp` runs everywhere",
                self.tier.name()
            )));
        }
        if let Some(feature) = self.features.unsupported() {
            return Err(Error::unsupported(format_args!(
                "the proposal `{}` ({}) cannot be switched on: this version does not run it yet",
                feature.name(),
                feature.doc()
            )));
        }
        const SMALLEST_STACK: usize = 4096;
        if self.max_wasm_stack < SMALLEST_STACK {
            let size = self.max_wasm_stack;
            return Err(Error::limit(format_args!("max_wasm_stack is {size} bytes, the least is {SMALLEST_STACK}")));
        }
        Ok(())
    }
}
