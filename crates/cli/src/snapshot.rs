//! `tiercel snapshot`: a module whose init function has run already.

use crate::args::{SnapshotArgs, WasiArgs};
use crate::engine::Setup;
use crate::host;
use crate::options::{self, Wasi};
use crate::{deadline, exit, run, suggest};
use std::path::Path;
use tiercel::{Context, Error, ExternType, Linker, Module, Result, SnapshotConfig, format_err};
use tiercel_wasi::{I32Exit, WasiCtx};

/// What reactors want to be called first.
const INITIALIZE: &str = "_initialize";

/// Runs the init function and writes the module.
///
/// # Errors
/// The module is wrong or has no such function, the guest was stopped, its state cannot be written as a module, or the file cannot be written.
pub fn run(args: &SnapshotArgs) -> Result<()> {
    let shown = host::shown(&args.file);
    let options: Wasi = options::parse(&args.wasi.wasi).map_err(Error::msg)?;
    let setup = Setup::new(&args.engine, |_| Ok(()))?;
    let module = run::load(&setup.engine, &args.file)?;
    check(&module, &args.init_func, &shown)?;

    let mut builder = WasiCtx::builder();
    builder.arg(Path::new(&args.file).file_name().unwrap_or(&args.file).as_encoded_bytes());
    let wasi = host::surroundings(builder, &args.wasi, &options, &[])?;
    let mut store = setup.store(wasi)?;
    let mut linker = Linker::new(&setup.engine);
    if args.allow_wasi || asks_for_wasi(&args.wasi) {
        host::link(&mut linker, &options, |_, _| true)?;
    }
    linker.define_unknown_imports_as_traps(&module)?;

    let mut config = SnapshotConfig::new();
    let instance = linker.instantiate(&mut store, &module).with_context(|| format!("cannot instantiate {shown}"));
    let instance = instance.map_err(|error| stopped(error, &shown, setup.wasm.timeout))?;
    for name in [INITIALIZE, &args.init_func] {
        let Some(func) = instance.get_func(&mut store, name) else { continue };
        if !args.keep_init_func {
            config.remove_export(name);
        }
        let called = func.call(&mut store, &[], &mut []).with_context(|| format!("failed to call `{name}`"));
        called.map_err(|error| stopped(error, &shown, setup.wasm.timeout))?;
    }
    if args.output.as_os_str() == "-" {
        exit::print(&instance.snapshot(&store, &config)?);
        return Ok(());
    }
    let output = &args.output;
    instance.snapshot_file(&store, &config, output).with_context(|| format!("cannot write `{}`", output.display()))
}

fn asks_for_wasi(args: &WasiArgs) -> bool {
    !(args.wasi.is_empty() && args.dirs.is_empty() && args.envs.is_empty())
}

/// Refuses a module before anything of it runs.
fn check(module: &Module, init_func: &str, shown: &str) -> Result<()> {
    for name in [INITIALIZE, init_func] {
        match module.get_export(name) {
            Some(ExternType::Func(ty)) if ty.params().len() == 0 && ty.results().len() == 0 => {}
            Some(ExternType::Func(ty)) => {
                return Err(format_err!(
                    "`{name}` of {shown} is of type {ty}, and has to be one without parameters and results"
                ));
            }
            None if name != init_func => {}
            _ => {
                let near =
                    suggest::nearest(name, module.exports().filter(|it| it.ty().func().is_some()).map(|it| it.name()));
                let hint =
                    near.map_or("name another one with `--init-func`".into(), |near| format!("did you mean `{near}`?"));
                return Err(format_err!("{shown} exports no function `{name}`; {hint}"));
            }
        }
    }
    if let Some(import) = module.imports().find(|import| import.ty().func().is_none()) {
        let (name, ty) = (format!("{}::{}", import.module(), import.name()), import.ty());
        return Err(format_err!(
            "{shown} imports `{name}`: {ty}. Only functions can be imported by a module that a snapshot is made of"
        ));
    }
    Ok(())
}

/// Why there is no snapshot.
fn stopped(error: Error, shown: &str, timeout: Option<std::time::Duration>) -> Error {
    let error = deadline::explain(error, timeout);
    if let Some(&I32Exit(code)) = error.downcast_ref::<I32Exit>() {
        return format_err!("{shown} has exited with code {code} before its state could be written");
    }
    if error.is::<tiercel::Trap>() { error.context(format!("{shown} was stopped")) } else { error }
}
