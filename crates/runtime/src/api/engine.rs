//! What all modules and stores of one configuration share.

use super::config::{Config, Tier};
use super::error::Result;
use super::types::FuncType;
use crate::sync::{EpochCounter, Mutex};
use alloc::sync::Arc;
use core::fmt;
use core::sync::atomic::Ordering;
use tiercel_wasm::{CompositeType, RefType, TypeId, TypeRegistry, ValType};

/// A configuration with the types that its modules have in common. Cheap to clone: clones are the same engine.
#[derive(Clone)]
pub struct Engine(Arc<EngineInner>);

struct EngineInner {
    config: Config,
    types: Mutex<TypeRegistry>,
    epoch: EpochCounter,
    /// What compiled code needs, if the configuration asks for any.
    #[cfg(native)]
    native: Option<crate::native::Native>,
    /// Regions of memories that are gone.
    #[cfg(native)]
    regions: Arc<crate::sys::Pool>,
}

impl Engine {
    /// An engine with this configuration.
    ///
    /// # Errors
    /// A proposal is switched on that this engine cannot run, or a size is out of range.
    pub fn new(config: &Config) -> Result<Engine> {
        config.check()?;
        Ok(Engine(Arc::new(EngineInner {
            #[cfg(native)]
            native: match config.tier {
                Tier::Interp => None,
                Tier::Baseline | Tier::Opt | Tier::Auto => Some(crate::native::Native::new(config)?),
            },
            #[cfg(native)]
            regions: Arc::default(),
            config: config.clone(),
            types: Mutex::default(),
            epoch: EpochCounter::new(0),
        })))
    }

    /// What compiled code needs, if this engine has any.
    #[cfg(native)]
    pub(crate) fn native(&self) -> Option<&crate::native::Native> {
        self.0.native.as_ref()
    }

    /// Regions of memories that are gone.
    #[cfg(native)]
    pub(crate) fn regions(&self) -> &Arc<crate::sys::Pool> {
        &self.0.regions
    }

    /// Whether modules are compiled, and for this CPU.
    #[cfg(feature = "cache")]
    pub(crate) fn compiles(&self) -> bool {
        #[cfg(native)]
        return self.native().is_some_and(|native| !native.is_foreign);
        #[cfg(not(native))]
        false
    }

    /// Where compiled code enters host functions of this type, which take their arguments in registers or not; null in an engine without
    /// compiled code.
    pub(crate) fn host_entry(&self, ty: &tiercel_wasm::FuncType, in_registers: bool) -> *const u8 {
        #[cfg(native)]
        if let Some(native) = self.native() {
            return native.host_entry(ty, in_registers);
        }
        let _ = (ty, in_registers);
        core::ptr::null()
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// Whether both are clones of the same engine.
    pub fn same(a: &Engine, b: &Engine) -> bool {
        Arc::ptr_eq(&a.0, &b.0)
    }

    /// Moves the epoch on by one; guests whose deadline it reaches are stopped or call back. Needs
    /// [`Config::epoch_interruption`]. May be called from any thread, and from signal handlers.
    pub fn increment_epoch(&self) {
        self.0.epoch.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn epoch(&self) -> &EpochCounter {
        &self.0.epoch
    }

    pub(crate) fn types(&self) -> &Mutex<TypeRegistry> {
        &self.0.types
    }

    /// Whether a value of type `a` may stand where `b` is asked for.
    pub(crate) fn matches(&self, a: ValType, b: ValType) -> bool {
        a == b || a.matches(b, &self.0.types.lock())
    }

    /// Whether a reference of type `a` may stand where `b` is asked for.
    pub(crate) fn ref_matches(&self, a: RefType, b: RefType) -> bool {
        self.matches(ValType::Ref(a), ValType::Ref(b))
    }

    /// Whether the declared type `a` is `b` or extends it.
    pub(crate) fn is_subtype(&self, a: TypeId, b: TypeId) -> bool {
        a == b || self.0.types.lock().is_subtype(a, b)
    }

    pub(crate) fn intern(&self, ty: &FuncType) -> TypeId {
        self.0.types.lock().intern(CompositeType::Func(ty.as_wasm().clone()))
    }

    pub(crate) fn func_type(&self, id: TypeId) -> FuncType {
        let types = self.0.types.lock();
        match types.get(id).func() {
            Some(ty) => FuncType::from(ty.clone()),
            None => unreachable!("functions have function types"),
        }
    }
}

impl Default for Engine {
    /// An engine with [`Config::default`]; where the host refuses what its tier needs, the interpreter runs everything.
    fn default() -> Self {
        Engine::new(&Config::default())
            .or_else(|_| Engine::new(Config::default().tier(Tier::Interp)))
            .expect("it needs nothing")
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("config", &self.0.config).finish()
    }
}
