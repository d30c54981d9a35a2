//! Supplies what a module imports: WASI, other modules, stand-ins; and says what is missing.

use crate::engine::Setup;
use crate::host::{self, Host};
use crate::options::Wasi;
use std::path::PathBuf;
use tiercel::{Context, Linker, Module, Result, Store, format_err};

/// A linker with everything that `module` can import. `shown` names the module in messages.
///
/// # Errors
/// An import is missing, or a preloaded module cannot be used.
pub fn linker(
    setup: &Setup,
    options: &Wasi,
    store: &mut Store<Host>,
    preloads: &[(String, PathBuf)],
    module: &Module,
    shown: &str,
) -> Result<Linker<Host>> {
    let mut preloaded = Vec::new();
    for (name, file) in preloads {
        let loaded = Module::from_file(&setup.engine, file);
        preloaded.push((name, loaded.with_context(|| format!("cannot preload module `{name}`"))?));
    }
    let mut linker = Linker::new(&setup.engine);
    host::link(&mut linker, options, |name| {
        let modules = preloaded.iter().map(|(_, module)| module).chain([module]);
        modules.flat_map(Module::imports).any(|import| import.module() == name)
    })?;
    for (name, preload) in &preloaded {
        let what = format!("module `{name}` of `--preload`");
        stand_in(&mut linker, setup, store, preload, &what)?;
        linker.module(&mut *store, name, preload).with_context(|| format!("cannot preload module `{name}`"))?;
    }
    stand_in(&mut linker, setup, store, module, shown)?;
    Ok(linker)
}

/// Defines what is still missing, where options ask for that, and refuses a module that misses something.
fn stand_in(
    linker: &mut Linker<Host>,
    setup: &Setup,
    store: &mut Store<Host>,
    module: &Module,
    shown: &str,
) -> Result<()> {
    if setup.wasm.unknown_imports_default == Some(true) {
        linker.define_unknown_imports_as_default_values(&mut *store, module)?;
    }
    if setup.wasm.unknown_imports_trap == Some(true) {
        linker.define_unknown_imports_as_traps(module)?;
    }
    let mut missing = Vec::new();
    for import in module.imports() {
        if linker.get_by_import(&mut *store, &import).is_none() {
            missing.push(import);
        }
    }
    let Some(first) = missing.first() else { return Ok(()) };
    let list: String =
        missing.iter().map(|import| format!("\n    {}::{}: {}", import.module(), import.name(), import.ty())).collect();
    let (count, pronoun) =
        if missing.len() == 1 { ("an import".into(), "it") } else { (format!("{} imports", missing.len()), "them") };
    Err(format_err!(
        "{shown} needs {count} that nobody provides:{list}\n\
         Provide {pronoun} by another module with `--preload {}=FILE`, or let {pronoun} do nothing with \
         `-W unknown-imports-default=y` or stop the guest with `-W unknown-imports-trap=y`.",
        first.module()
    ))
}
