//! Bytes to a checked module, as fast as the threads of the engine allow.

use super::engine::Engine;
use tiercel_wasm::{Error, ModuleInfo};

/// Decodes and validates a module. Types are locked only as long as declarations are read.
///
/// # Errors
/// The first thing that is wrong with it, however many threads have looked.
pub fn decode(engine: &Engine, bytes: &[u8]) -> Result<ModuleInfo, Error> {
    let declarations = tiercel_wasm::declarations(bytes, engine.config().features(), &mut engine.types().lock())?;
    #[cfg(feature = "std")]
    return declarations.validate(|bodies| in_parallel(engine, bodies));
    #[cfg(not(feature = "std"))]
    return declarations.validate(|bodies| bodies.validate());
}

#[cfg(feature = "std")]
fn in_parallel(engine: &Engine, bodies: &tiercel_wasm::Bodies<'_>) -> Result<(), Error> {
    use crate::{threads, tuning};
    let threads = threads::useful(engine.config(), bodies.len_bytes(), tuning::VALIDATE_BYTES_PER_THREAD);
    let results = threads::in_parallel(threads, bodies.len(), |next| {
        let mut validator = bodies.validator();
        while let Some(body) = next.take() {
            validator.validate(body)?;
        }
        Ok(())
    });
    // Each thread has met its own first error, and one of those is the module's.
    results.into_iter().filter_map(Result::err).min_by_key(Error::offset).map_or(Ok(()), Err)
}
