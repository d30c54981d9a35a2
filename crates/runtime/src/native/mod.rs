//! in: a checked module. out: its machine code, and calls of it.
//!
//! Reading order: [`compile`] (a module's functions, in parallel, to one image), [`memory`] (where code lives), [`registry`] (which module
//! an instruction belongs to), [`signals`] (faults of guests), [`builtins`] (what code calls), [`activation`] (entering and leaving code,
//! frames). Stubs between the tiers are made by signature and shared by all modules of an engine ([`EngineCode`]).

mod activation;
mod builtins;
mod compile;
mod memory;
mod registry;
mod signals;

pub use activation::{call, enter_guest};
pub use builtins::table as builtins;
pub use compile::ModuleCode;

use self::memory::CodeMemory;
use crate::api::config::{Config, Tier};
use crate::api::error::{Error, Result};
use crate::sync::Mutex;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use tiercel_compiler::ir::Type;
use tiercel_compiler::isa::x64::{Features, stubs};
use tiercel_wasm::{FuncType, TypeId};

/// What all compiled modules of an engine share.
pub struct EngineCode {
    features: Features,
    stubs: Mutex<Stubs>,
}

#[derive(Default)]
struct Stubs {
    by_type: BTreeMap<u32, TypeStubs>,
    /// The code that `by_type` points at.
    memory: Vec<CodeMemory>,
}

/// The stubs of one signature.
#[derive(Clone, Copy)]
pub struct TypeStubs {
    /// Calls compiled code with arguments in slots.
    pub entry: *const u8,
    /// Called by compiled code: a host function.
    pub host: *const u8,
    /// Called by compiled code: a guest function that runs in the interpreter.
    pub interp: *const u8,
}

// SAFETY: the addresses are of code that is never written again and lives as long as the engine.
unsafe impl Send for TypeStubs {}

impl EngineCode {
    /// What an engine with this configuration needs; none if it does not compile.
    ///
    /// # Errors
    /// The configuration asks for code that this CPU cannot run.
    pub fn new(config: &Config) -> Result<Option<EngineCode>> {
        if config.tier != Tier::Opt {
            return Ok(None);
        }
        let features = compile::cpu_features();
        if !features.contains(compile::CPU_FLOOR) {
            return Err(Error::unsupported(
                "the tier `opt` needs a CPU with SSE4.1, which this one has not: use the tier `interp`",
            ));
        }
        signals::install()?;
        Ok(Some(EngineCode { features, stubs: Mutex::default() }))
    }

    /// Whether this CPU can run compiled code.
    pub fn is_available() -> bool {
        compile::cpu_features().contains(compile::CPU_FLOOR)
    }

    /// The stubs of a signature.
    ///
    /// # Errors
    /// The host has no memory for code.
    pub fn stubs(&self, id: TypeId, ty: &FuncType) -> Result<TypeStubs> {
        let stubs = &mut *self.stubs.lock();
        if let Some(known) = stubs.by_type.get(&id.as_u32()) {
            return Ok(*known);
        }
        let types = |types: &[tiercel_wasm::ValType]| types.iter().map(|&ty| Type::from(ty)).collect::<Vec<_>>();
        let (params, results) = (types(ty.params()), types(ty.results()));
        let codes = [
            stubs::entry(self.features, &params, &results),
            stubs::slots_entry(self.features, &params, &results, None),
            stubs::slots_entry(self.features, &params, &results, Some(enter_guest as *const () as usize)),
        ];
        let mut bytes = Vec::new();
        let offsets = codes.map(|code| {
            bytes.resize(bytes.len().next_multiple_of(tiercel_compiler::compile::ALIGN), 0);
            let at = bytes.len();
            bytes.extend_from_slice(&code);
            at
        });
        let memory = CodeMemory::new(&bytes)?;
        let [entry, host, interp] = offsets.map(|offset| memory.base().wrapping_add(offset));
        let made = TypeStubs { entry, host, interp };
        stubs.memory.push(memory);
        stubs.by_type.insert(id.as_u32(), made);
        Ok(made)
    }
}
