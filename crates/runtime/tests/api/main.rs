//! The API as a user meets it. Each file is one part of it.

mod calls;
mod errors;
mod extern_refs;
mod gc;
mod instantiation;
mod interruption;
mod limits;
mod linking;
mod memories;
mod modules;
mod tables_and_globals;

use tiercel::{Engine, Instance, Module, Result, Store};

/// A module of the default engine, instantiated without imports in a store without data.
fn instance(wat: &str) -> Result<(Store<()>, Instance)> {
    let engine = Engine::default();
    let module = Module::new(&engine, wat)?;
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    Ok((store, instance))
}

/// The whole chain of an error, in one line.
fn chain<T>(result: Result<T>) -> String {
    match result {
        Ok(_) => panic!("an error was expected"),
        Err(error) => format!("{error:#}"),
    }
}
