//! The functions as imports of modules: `add_to_linker`. The only file that knows the engine.

use crate::functions::{Outcome, Param, Status, StatusOrExit, for_each_function};
use crate::{Abi, GuestMemory, I32Exit, WasiCtx};
use tiercel::{Caller, Error, Linker, Memory, Result};

/// Defines all functions of WASI in a linker, under the names of both versions. `get` finds the context in the host's data
/// of the store.
///
/// A guest that ends itself does so with the error [`I32Exit`], which comes out of the call that started
/// it: `error.downcast_ref::<I32Exit>()`.
///
/// # Errors
/// The linker already has one of the names, and does not allow shadowing.
pub fn add_to_linker<T: 'static>(
    linker: &mut Linker<T>,
    get: impl Fn(&mut T) -> &mut WasiCtx + Send + Sync + Copy + 'static,
) -> Result<()> {
    add_wanted_to_linker(linker, get, |_, _| true)
}

/// Defines what [`add_to_linker`] does, but only the functions for which `wanted(module, name)` holds: for programs that start for one
/// module, where registering a hundred functions would be a good part of the time.
///
/// # Errors
/// As for [`add_to_linker`].
pub fn add_wanted_to_linker<T: 'static>(
    linker: &mut Linker<T>,
    get: impl Fn(&mut T) -> &mut WasiCtx + Send + Sync + Copy + 'static,
    wanted: impl Fn(&str, &str) -> bool,
) -> Result<()> {
    for abi in Abi::ALL {
        macro_rules! define {
            ($(fn $name:ident($($param:ident: $ty:ty),*) -> $result:ty;)*) => {
                $(if wanted(abi.module_name(), stringify!($name)) { linker.func_wrap(
                    abi.module_name(),
                    stringify!($name),
                    move |mut caller: Caller<'_, T>, $($param: <$ty as Param>::Wasm),*|
                        -> Result<<$result as Outcome>::Wasm> {
                        let memory = memory(&mut caller, stringify!($name))?;
                        let (bytes, data) = memory.data_and_store_mut(&mut caller);
                        let mut mem = GuestMemory::new(bytes, abi);
                        let outcome = get(data).$name(&mut mem $(, <$ty as Param>::from_wasm($param))*);
                        Ok(outcome.into_wasm()?)
                    },
                )?; })*
            };
        }
        for_each_function!(define);
    }
    Ok(())
}

fn memory<T: 'static>(caller: &mut Caller<'_, T>, function: &str) -> Result<Memory> {
    caller.get_export("memory").and_then(|export| export.into_memory()).ok_or_else(|| {
        Error::msg(format!(
            "`{function}` needs the caller's memory: a module that uses WASI must export its memory as \"memory\""
        ))
    })
}
