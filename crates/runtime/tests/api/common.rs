//! What all parts of the suite use.

use tiercel::{Config, Engine, Instance, Module, Result, Store};

/// The defaults, in the tier that is tested.
pub fn config() -> Config {
    let mut config = Config::new();
    config.tier(crate::TIER);
    config
}

/// An engine with the defaults, in the tier that is tested.
pub fn engine() -> Engine {
    Engine::new(&config()).expect("an engine with the defaults")
}

/// A module of such an engine, instantiated without imports in a store without data.
pub fn instance(wat: &str) -> Result<(Store<()>, Instance)> {
    let engine = engine();
    let module = Module::new(&engine, wat)?;
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    Ok((store, instance))
}

/// The whole chain of an error, in one line.
pub fn chain<T>(result: Result<T>) -> String {
    match result {
        Ok(_) => panic!("an error was expected"),
        Err(error) => format!("{error:#}"),
    }
}
