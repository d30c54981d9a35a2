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
    // A preloaded module may take the place of WASI, and a later one that of an earlier one.
    linker.allow_shadowing(true);
    let modules = preloaded.iter().map(|(_, module)| module).chain([module]);
    let imports: Vec<_> = modules.flat_map(Module::imports).collect();
    host::link(&mut linker, options, |module, name| {
        imports.iter().any(|import| import.name() == name && import.module() == module)
    })?;
    for (name, preload) in &preloaded {
        let what = format!("module `{name}` of `--preload`");
        stand_in(&mut linker, setup, options, store, preload, &what)?;
        linker.module(&mut *store, name, preload).with_context(|| format!("cannot preload module `{name}`"))?;
    }
    stand_in(&mut linker, setup, options, store, module, shown)?;
    Ok(linker)
}

/// Defines what is still missing, where options ask for that, and refuses a module that misses something.
fn stand_in(
    linker: &mut Linker<Host>,
    setup: &Setup,
    options: &Wasi,
    store: &mut Store<Host>,
    module: &Module,
    shown: &str,
) -> Result<()> {
    if setup.wasm.unknown_imports_default == Some(true) {
        linker.define_unknown_imports_as_default_values(&mut *store, module)?;
    }
    let traps = setup.wasm.unknown_imports_trap == Some(true);
    if traps {
        // It refuses what is not a function, and so do we, below, with all the names.
        let _ = linker.define_unknown_imports_as_traps(module);
    }
    let mut missing = Vec::new();
    for import in module.imports() {
        if linker.get_by_import(&mut *store, &import).is_none() && !(traps && import.ty().func().is_some()) {
            missing.push(import);
        }
    }
    let Some(first) = missing.first() else { return Ok(()) };
    let list: String =
        missing.iter().map(|import| format!("\n    {}::{}: {}", import.module(), import.name(), import.ty())).collect();
    let count = match missing.len() {
        1 => "an import".into(),
        n => format!("{n} imports"),
    };
    let advice = if first.module().starts_with("wasi_") && options.cli == Some(false) {
        "WASI is switched off by `-S cli=n`.".into()
    } else {
        let trap = if traps { "" } else { ", or that stop the guest with `-W unknown-imports-trap=y`" };
        let name = first.module();
        format!(
            "Name a module that has what is missing with `--preload {name}=FILE`, or take stand-ins that do nothing with \
             `-W unknown-imports-default=y`{trap}."
        )
    };
    Err(format_err!("{shown} needs {count} that nobody provides:{list}\n{advice}"))
}
