//! Whether an import gets what it asks for: the specification's "External Types", section "Import matching".

use super::engine::Engine;
use super::error::{Error, Result};
use super::types::ExternType;
use alloc::format;
use tiercel_wasm::module::{EntityType, Import};

/// Refuses what does not fit an import. Minimal sizes in `given` are the current ones.
pub(crate) fn check(engine: &Engine, import: &Import, given: &EntityType) -> Result<()> {
    if fits(engine, &import.ty, given) {
        return Ok(());
    }
    let (expected, found) = (ExternType::new(engine, &import.ty), ExternType::new(engine, given));
    let error = Error::link(format!("types incompatible: the module expects {expected}, it was given {found}"));
    Err(error.context(format!("incompatible import type for `{}::{}`", import.module, import.name)))
}

/// The error for an import that nobody has defined.
#[cold]
pub(crate) fn unknown(engine: &Engine, import: &Import) -> Error {
    Error::link(format!(
        "unknown import: `{}::{}` ({}) has not been defined; define it in the linker, or use \
         `define_unknown_imports_as_traps`",
        import.module,
        import.name,
        ExternType::new(engine, &import.ty)
    ))
}

fn fits(engine: &Engine, expected: &EntityType, given: &EntityType) -> bool {
    match (expected, given) {
        (EntityType::Func(expected), EntityType::Func(given)) => engine.is_subtype(*given, *expected),
        (EntityType::Global(expected), EntityType::Global(given)) => {
            expected.mutable == given.mutable
                && engine.matches(given.content, expected.content)
                && (!expected.mutable || engine.matches(expected.content, given.content))
        }
        (EntityType::Memory(expected), EntityType::Memory(given)) => {
            expected.is_64 == given.is_64
                && expected.page_log2 == given.page_log2
                && limits_fit((expected.min_pages, expected.max_pages), (given.min_pages, given.max_pages))
        }
        (EntityType::Table(expected), EntityType::Table(given)) => {
            expected.is_64 == given.is_64
                && expected.element == given.element
                && limits_fit((expected.min, expected.max), (given.min, given.max))
        }
        _ => false,
    }
}

fn limits_fit(expected: (u64, Option<u64>), given: (u64, Option<u64>)) -> bool {
    let max_fits = match (expected.1, given.1) {
        (None, _) => true,
        (Some(expected), Some(given)) => given <= expected,
        (Some(_), None) => false,
    };
    given.0 >= expected.0 && max_fits
}
