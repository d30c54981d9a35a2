//! Where there is no compiler for the host: the same names, and nothing behind them.

use crate::api::config::{Config, Tier};
use crate::api::error::{Error, Result};
use crate::interp::Stop;
use crate::vm::{FuncCell, VmCtx, VmFuncRef, VmStore};
use core::convert::Infallible;
use core::ptr::NonNull;
use tiercel_abi::VmctxLayout;
use tiercel_wasm::{FuncType, ModuleInfo, TypeId};

/// There is none.
pub struct EngineCode(Infallible);

/// There are none.
pub struct TypeStubs {
    /// Calls compiled code.
    pub host: *const u8,
    /// Called by compiled code.
    pub interp: *const u8,
}

impl EngineCode {
    /// None.
    ///
    /// # Errors
    /// The configuration asks for compiled code.
    pub fn new(config: &Config) -> Result<Option<EngineCode>> {
        match config.tier {
            Tier::Interp => Ok(None),
            Tier::Opt => Err(Error::unsupported(
                "the tier `opt` is not there in this build: it needs Linux on x86-64 and the feature `compiler`. Use the tier `interp`",
            )),
        }
    }

    /// No.
    pub fn is_available() -> bool {
        false
    }

    /// There are none.
    ///
    /// # Errors
    /// None.
    pub fn stubs(&self, _id: TypeId, _ty: &FuncType) -> Result<TypeStubs> {
        match self.0 {}
    }
}

/// There is none.
pub struct ModuleCode(Infallible);

impl ModuleCode {
    /// None.
    ///
    /// # Errors
    /// None.
    pub fn new(
        engine: &EngineCode,
        _config: &Config,
        _info: &ModuleInfo,
        _bytes: &[u8],
        _layout: &VmctxLayout,
    ) -> Result<Option<ModuleCode>> {
        match engine.0 {}
    }

    /// There is none.
    pub fn foreign_entry(&self, _body: usize) -> *const u8 {
        match self.0 {}
    }

    /// There are none.
    pub fn cells(&self) -> *const FuncCell {
        match self.0 {}
    }
}

/// There is no compiled function.
///
/// # Safety
/// None.
pub unsafe fn call(_store: NonNull<VmStore>, _func: NonNull<VmFuncRef>, _slots: *mut u64) -> Result<(), Stop> {
    unreachable!("there are no compiled functions")
}

/// There is no code to call it.
///
/// # Safety
/// None.
pub unsafe extern "C" fn enter_guest(_callee: NonNull<VmFuncRef>, _caller: *mut VmCtx, _slots: *mut u64) -> bool {
    unreachable!("there are no compiled functions")
}

/// Nobody reads it.
pub fn builtins() -> *const *const u8 {
    core::ptr::null()
}
