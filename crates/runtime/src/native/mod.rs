//! in: a module of an engine whose tier is compiled code. out: its functions as machine code, and the ways in and out of it.
//!
//! Reading order: [`compile`] (functions to code, in parallel), [`image`] (code in its place, with its [`table`]s), [`stubs`] (between code and
//! host), [`stop`] (what stubs call), [`builtins`] and [`objects`] (what code calls), [`signals`] and [`registry`] (faults become traps), [`backtrace`],
//! [`frames`] (what the collector finds). Of the tier `auto`: [`lazy`] (functions compiled when they are called), [`pieces`] (where their code lies),
//! [`hot`] and [`background`] (which ones are optimized, and by whom), [`replacement`] (frames in a loop go on in new code), [`retired`] (old code goes).
//!
//! `build.rs` sets `native` on Linux on x86-64 and aarch64. What depends on the machine is in the file `arch` of each; the calling convention is in
//! the compiler's `isa/*/abi.rs`.
//!
//! # Who calls whom
//! ```text
//! API, interpreter --VmFuncRef::host = entry stub--> compiled code --VmFuncRef::native--> compiled code of any instance
//!                                                                  --VmFuncRef::native = stub--> host function
//!                                                                  --VmFuncRef::native = stub--> interpreter
//! ```
//! So to everybody else a compiled function is like one of the host. A guest that is stopped is left by its innermost entry stub, which returns
//! false with the reason in the store, as a host function does; no frame of Rust is ever passed over.

#[cfg_attr(target_arch = "x86_64", path = "x64.rs")]
#[cfg_attr(target_arch = "aarch64", path = "aarch64.rs")]
mod arch;
mod background;
mod backtrace;
mod builtins;
mod compile;
mod events;
mod frames;
mod hot;
mod image;
mod lazy;
mod objects;
mod pieces;
mod registry;
mod replacement;
mod retired;
mod signals;
mod stop;
mod stubs;
mod table;
#[cfg(test)]
mod tests;

pub use self::arch::{code_access, publish};
pub use self::builtins::BUILTINS;
pub use self::frames::visit as visit_frames;
pub use self::image::Image;
pub use self::replacement::Replacement;
pub use self::stop::Trapped;

use crate::api::config::{Config, Tier};
use crate::api::error::{Error, ErrorKind, Result};
use crate::vm::Entries;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;
use tiercel_abi::artifact::Isa;
use tiercel_abi::{BranchProtection, VmctxLayout};
use tiercel_compiler::compile::Options;
use tiercel_compiler::isa::Target;
use tiercel_wasm::{FuncType, ModuleInfo};

/// What an engine has for compiled code.
pub struct Native {
    options: Options,
    stubs: stubs::Cache,
    /// Whether code is compiled for a CPU that has more than this one.
    pub is_foreign: bool,
    background: background::Background,
    tier_up: hot::TierUp,
}

/// The code of a module of such an engine.
pub struct NativeModule {
    /// Machine code; none if the interpreter runs the module.
    pub image: Option<Box<Image>>,
    /// Machine code that is made when functions are called; then there is no `image`.
    pub lazy: Option<Box<lazy::Lazy>>,
    /// Which compiler has made it.
    pub tier: Tier,
    /// For each function of `ModuleInfo::escaping`, in its order, how it is reached; nothing for an imported one.
    entries: Box<[Entries]>,
}

/// Whether this host runs compiled code.
pub fn is_available() -> bool {
    arch::cpu_features().contains(arch::CPU_FLOOR)
}

impl Native {
    /// # Errors
    /// This host does not run compiled code.
    pub fn new(config: &Config) -> Result<Native> {
        let features = arch::cpu_features();
        if !features.contains(arch::CPU_FLOOR) {
            return Err(Error::unsupported(arch::CPU_TOO_OLD));
        }
        if config.signals_based_traps {
            signals::install()?;
        }
        let own = config.compiler_chaos.map_or(features, |seed| arch::some_features(features, seed));
        let target = config.target.unwrap_or_else(|| arch::target(own));
        if config.branch_protection != BranchProtection::None && !matches!(target, Target::Aarch64(_)) {
            return Err(Error::unsupported(format_args!(
                "branch protection `{}` is for aarch64, and code is compiled for {}",
                config.branch_protection.name(),
                target.isa().name()
            )));
        }
        Ok(Native {
            options: compile::options(config, target),
            is_foreign: !arch::target(features).contains(target),
            stubs: stubs::Cache::new(own)?,
            background: background::Background::default(),
            tier_up: hot::TierUp {
                budget: config.tier_up_budget,
                threads: config.tier_up_threads,
                seed: config.tier_up_seed,
            },
        })
    }

    /// `VmStore::raise`.
    pub fn raise(&self) -> *const u8 {
        self.stubs.raise()
    }

    /// The `native` entry of host functions of this type, `in_registers` for those with [`HostFuncDef::in_registers`].
    ///
    /// Where the host has no memory for a page of code, one that stops the guest with that error.
    ///
    /// [`HostFuncDef::in_registers`]: crate::vm::host_func::HostFuncDef
    pub fn host_entry(&self, ty: &FuncType, in_registers: bool) -> *const u8 {
        let shape = stubs::shape(ty);
        match self.stubs.get([&shape].into_iter()).map(|stubs| stubs[0]) {
            Ok(stubs) if in_registers => stubs.host_in_registers,
            Ok(stubs) => stubs.host,
            Err(_) => self.stubs.refuse(),
        }
    }

    /// Compiles a module, or finds that the interpreter has to run it.
    ///
    /// # Errors
    /// The host has no memory.
    pub fn compile(
        &self,
        config: &Config,
        info: &ModuleInfo,
        bytes: &[u8],
        layout: &VmctxLayout,
    ) -> Result<NativeModule> {
        if config.tier == Tier::Auto && !self.is_foreign {
            match self.lazy_module(info) {
                Err(error) if error.kind() == ErrorKind::Unsupported => {
                    tracing::debug!(target: "tiercel::native", "the module is compiled ahead: {error}");
                }
                made => return made,
            }
        }
        self.compile_ahead(config, info, bytes, layout)
    }

    /// Compiles all functions of a module, or finds that the interpreter has to run it.
    ///
    /// # Errors
    /// The host has no memory.
    pub fn compile_ahead(
        &self,
        config: &Config,
        info: &ModuleInfo,
        bytes: &[u8],
        layout: &VmctxLayout,
    ) -> Result<NativeModule> {
        let tiers: &[Tier] = if config.tier == Tier::Baseline { &[Tier::Baseline, Tier::Opt] } else { &[Tier::Opt] };
        for &tier in tiers {
            match compile::compile(config, tier, self.options, info, bytes, layout) {
                Ok(image) => return self.module(info, Some(image), tier),
                Err(error) if matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::Limit) => {
                    tracing::debug!(target: "tiercel::native", "the tier `{}` cannot run the module: {error}", tier.name());
                }
                Err(error) => return Err(error),
            }
        }
        self.module(info, None, Tier::Interp)
    }

    /// Compiles one function again, telling what it is after each stage; gives its code.
    ///
    /// # Errors
    /// The compiler does not support something in the function.
    pub fn explain(
        &self,
        tier: Tier,
        info: &ModuleInfo,
        bytes: &[u8],
        layout: &VmctxLayout,
        body: usize,
        print: &mut dyn FnMut(&'static str, &dyn core::fmt::Display),
    ) -> Result<Vec<u8>> {
        compile::explain(tier, self.options, info, bytes, layout, body, print)
    }

    /// What the code is for: the instruction set, and the features of the CPU that it makes use of, as bits.
    pub fn target(&self) -> (Isa, u32) {
        (self.options.target.isa(), self.options.target.bits())
    }

    /// Whether this host has all of these features; if not, those that it misses.
    pub fn missing_features(&self, features: u32) -> Option<String> {
        let own = arch::target(arch::cpu_features());
        let Some(missing) = Target::from_bits(own.isa(), features & !own.bits()) else {
            return Some("features that this version does not know".into());
        };
        let missing = missing.feature_names();
        (!missing.is_empty()).then(|| missing.join(", "))
    }

    /// Whether the code has landing pads.
    pub fn has_pads(&self) -> bool {
        self.options.branch_protection.has_pads()
    }

    /// Everything else that the code depends on, as text.
    pub fn settings(&self) -> String {
        let options = Options { target: self.options.target.baseline(), verify: false, ..self.options };
        alloc::format!("{options:?}")
    }

    /// A module with this code.
    ///
    /// # Errors
    /// The host has no memory for stubs.
    pub fn module(&self, info: &ModuleInfo, image: Option<Box<Image>>, tier: Tier) -> Result<NativeModule> {
        let stubs = self.stubs_of(info)?;
        let entries = info.escaping.iter().zip(&stubs).map(|(&func, stubs)| {
            let Some(body) = info.defined_func(func) else { return Entries::NONE };
            match &image {
                // The compiler makes an entry for each function of the list.
                Some(image) => Entries {
                    host: Some(stubs.entry),
                    native: image.entry(body).expect("an entry for each function of the list"),
                },
                None => Entries { host: None, native: stubs.interp },
            }
        });
        Ok(NativeModule { entries: entries.collect(), image, lazy: None, tier })
    }

    /// A module whose functions are compiled when they are called.
    ///
    /// # Errors
    /// The host has no memory, or lets no program make code while it runs.
    fn lazy_module(&self, info: &ModuleInfo) -> Result<NativeModule> {
        let (lazy, entries) = lazy::Lazy::new(self, info, &self.stubs_of(info)?)?;
        Ok(NativeModule { image: None, lazy: Some(lazy), tier: Tier::Auto, entries })
    }

    /// The stubs of the functions of `ModuleInfo::escaping`.
    fn stubs_of(&self, info: &ModuleInfo) -> Result<Vec<stubs::Stubs>> {
        // Those of the imports are made along with the others, so that they need no memory of their own.
        let ty = |func: u32| info.funcs[func as usize] as usize;
        let mut used = alloc::vec![false; info.func_types.len()];
        (0..info.imported.funcs).chain(info.escaping.iter().copied()).for_each(|func| used[ty(func)] = true);
        let types: Vec<usize> = (0..used.len()).filter(|&ty| used[ty]).collect();
        let shapes: Vec<_> = types.iter().map(|&ty| stubs::shape(&info.func_types[ty])).collect();
        let mut by_type = alloc::vec![None; used.len()];
        for (ty, stubs) in types.into_iter().zip(self.stubs.get(shapes.iter())?) {
            by_type[ty] = Some(stubs);
        }
        Ok(info.escaping.iter().filter_map(|&func| by_type[ty(func)]).collect())
    }
}

impl NativeModule {
    /// How the function at this place of `ModuleInfo::escaping` is reached.
    pub fn entries(&self, place: usize) -> Entries {
        self.entries[place]
    }

    /// Whether it has machine code, or makes some.
    pub fn is_compiled(&self) -> bool {
        if self.lazy.is_some() {
            return true;
        }
        self.image.is_some()
    }

    /// The code that an address is in.
    ///
    /// # Safety
    /// If there is code, it has a frame on a stack as long as the image is used: nobody removes it.
    pub unsafe fn image_at(&self, address: usize) -> Option<&Image> {
        if let Some(lazy) = &self.lazy {
            // SAFETY: promised by the caller.
            return unsafe { lazy.image_at(address) };
        }
        self.image.as_deref().filter(|image| image.range().contains(&address))
    }

    /// The code of each function that has some: the index of its body, and the addresses.
    pub fn code_ranges(&self) -> Vec<(u32, Range<usize>)> {
        if let Some(lazy) = &self.lazy {
            return lazy.code_ranges();
        }
        self.image.as_ref().map_or_else(Vec::new, |image| (0..).zip(image.functions()).collect())
    }
}

// SAFETY: the addresses are those of code that does not change.
unsafe impl Send for NativeModule {}
// SAFETY: as above.
unsafe impl Sync for NativeModule {}
