//! `tiercel run`: loads a module, gives it its imports, and calls it.

use crate::args::{Command, RunArgs};
use crate::engine::{Setup, missing_proposal};
use crate::host::{self, Host};
use crate::options::{self, Wasi};
use crate::{deadline, exit, imports, invoke, print, profile, suggest};
use clap::Subcommand;
use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::path::Path;
use tiercel::{Context, Engine, Error, ErrorKind, ExternType, Func, FuncType, Module, Result, Store, Val, format_err};

/// Runs the guest to its end.
///
/// # Errors
/// The input is bad, the guest was stopped, or it exited with a code; see [`exit::end`].
pub fn run(args: &RunArgs) -> Result<()> {
    let [file, words @ ..] = &args.file_and_args[..] else {
        return Err(Error::msg("no file is given; try `tiercel --help`"));
    };
    let shown = host::shown(file);
    let options: Wasi = options::parse(&args.wasi.wasi).map_err(Error::msg)?;
    let setup = Setup::new(&args.engine, |config| {
        config.allow_precompiled(args.allow_precompiled);
        Ok(())
    })?;
    let module = load(&setup.engine, file)?;
    if let Some(what) = args.print.as_ref().or(args.print_after.as_ref()) {
        return print::print(what, &module);
    }
    if let Some(strategy) = args.profile {
        profile::write(strategy, &module)?;
    }
    let call = Call::new(args, &module, words, &shown)?;

    let wasi = host::wasi(args, &options)?;
    let mut store = setup.store(wasi)?;
    let result = (|| {
        let linker = imports::linker(&setup, &options, &mut store, &args.preloads, &module, &shown)?;
        let instance =
            linker.instantiate(&mut store, &module).with_context(|| format!("cannot instantiate {shown}"))?;
        if !matches!(call, Call::Command) && module.get_export("_initialize").is_some() {
            let initialize = instance.get_typed_func::<(), ()>(&mut store, "_initialize")?;
            initialize.call(&mut store, ()).context("failed to call `_initialize`")?;
        }
        match call {
            Call::Command => {
                let start = instance.get_typed_func::<(), ()>(&mut store, START)?;
                start.call(&mut store, ()).with_context(|| format!("failed to call `{START}`"))
            }
            Call::Invoke { name, ty, arguments } => {
                let func = instance.get_func(&mut store, &name);
                let func = func.ok_or_else(|| format_err!("the function `{name}` is gone"))?;
                print_results(func, &mut store, &ty, &arguments).with_context(|| format!("failed to call `{name}`"))
            }
            Call::Nothing => {
                hint(&module, &shown);
                Ok(())
            }
        }
    })();
    let result = result.map_err(|error: Error| {
        let error = deadline::explain(error, setup.wasm.timeout);
        if error.is::<tiercel::Trap>() { error.context(format!("{shown} was stopped")) } else { error }
    });
    // Under `auto` code was made while the guest ran.
    let result = match args.profile {
        Some(strategy) => result.and(profile::write(strategy, &module)),
        None => result,
    };
    // The process ends here, so that nothing needs to be dropped: memories can be large.
    exit::end_after(result, || module.keep())
}

/// The function that a WASI program starts with.
const START: &str = "_start";

/// What is called after instantiation.
enum Call {
    /// A WASI program: `_start`.
    Command,
    /// The function of `--invoke`.
    Invoke { name: String, ty: FuncType, arguments: Vec<Val> },
    /// A module without any of them.
    Nothing,
}

impl Call {
    fn new(args: &RunArgs, module: &Module, words: &[OsString], shown: &str) -> Result<Call> {
        let Some(name) = &args.invoke else {
            let is_command = matches!(module.get_export(START), Some(ExternType::Func(_)));
            return Ok(if is_command { Call::Command } else { Call::Nothing });
        };
        let Some(ExternType::Func(ty)) = module.get_export(name) else {
            let functions = functions(module);
            let near = suggest::nearest(name, functions.iter().map(|(name, _)| &**name));
            let list = match (near, &functions[..]) {
                (Some(near), _) => format!("did you mean `{near}`?"),
                (None, []) => "it exports no function at all".into(),
                (None, some) => format!("it exports:{}", list(some)),
            };
            return Err(format_err!("{shown} exports no function `{name}`; {list}"));
        };
        let arguments = invoke::arguments(name, &ty, words)?;
        Ok(Call::Invoke { name: name.clone(), ty, arguments })
    }
}

/// Reads and checks the module, once.
pub fn load(engine: &Engine, file: &OsStr) -> Result<Module> {
    if file == "-" {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes).context("cannot read the module from standard input")?;
        return Module::new(engine, bytes).context("cannot load the module from standard input");
    }
    Module::from_file(engine, file).map_err(|error| match error.downcast_ref::<io::Error>() {
        Some(cause) => unreadable(file, cause),
        None => refused(file, error),
    })
}

/// Says more of a file that is no module that could be run.
fn refused(file: &OsStr, error: Error) -> Error {
    let shown = host::shown(file);
    if let Some(feature) = missing_proposal(&error) {
        let (name, doc) = (feature.name(), feature.doc());
        let advice = if feature.is_supported() {
            format!("switch it on with `-W {name}=y`")
        } else {
            "this version does not run it yet".into()
        };
        return error.context(format!("{shown} needs the proposal `{name}` ({doc}): {advice}"));
    }
    if format!("{error:#}").contains("encoded as a component") {
        return error.context(format!("{shown} is a component; this version runs core modules only"));
    }
    let is_text = Path::new(file).extension().is_some_and(|extension| extension == "wat");
    // Whatever does not start as a binary is read as text.
    if error.kind() == ErrorKind::Other && !is_text {
        return error
            .context(format!("{shown} is no module: it does not start as a binary one (`\\0asm`), and is not text"));
    }
    error
}

/// A file that cannot be read may be a misspelt subcommand.
fn unreadable(file: &OsStr, cause: &io::Error) -> Error {
    let word = file.to_string_lossy();
    let is_word = !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let command = Command::augment_subcommands(clap::Command::new("tiercel"));
    let mut names = command.get_subcommands().map(|subcommand| subcommand.get_name());
    let hint = match suggest::nearest(&word, &mut names) {
        _ if !is_word || cause.kind() != io::ErrorKind::NotFound => String::new(),
        Some(name) if name == word => {
            format!("\nIf the subcommand was meant: options come after it, as in `tiercel {name} --help`.")
        }
        Some(name) => format!("\nIf a subcommand was meant: did you mean `{name}`?"),
        None => "\nIf a subcommand was meant: there is none of this name; `tiercel --help` lists them.".into(),
    };
    format_err!("cannot read `{word}`: {cause}{hint}")
}

fn print_results(func: Func, store: &mut Store<Host>, ty: &FuncType, arguments: &[Val]) -> Result<()> {
    let mut results: Vec<Val> = ty.results().map(|ty| invoke::placeholder(&ty)).collect();
    func.call(store, arguments, &mut results)?;
    let lines: String = results.iter().map(|value| invoke::word(value) + "\n").collect();
    exit::print(lines.as_bytes());
    Ok(())
}

fn functions(module: &Module) -> Vec<(String, FuncType)> {
    let function = |export: tiercel::ExportType<'_>| match export.ty() {
        ExternType::Func(ty) => Some((export.name().to_string(), ty)),
        _ => None,
    };
    module.exports().filter_map(function).collect()
}

/// At most this many functions are listed in a message.
const LISTED: usize = 20;

fn list(functions: &[(String, FuncType)]) -> String {
    let mut text: String = functions.iter().take(LISTED).map(|(name, ty)| format!("\n    {name}: {ty}")).collect();
    if functions.len() > LISTED {
        text += &format!("\n    and {} more", functions.len() - LISTED);
    }
    text
}

/// Says why a module that was run may have done nothing.
fn hint(module: &Module, shown: &str) {
    let functions = functions(module);
    if !functions.is_empty() {
        exit::complain(&format!(
            "note: {shown} has no `{START}`, so that only its start function ran, if it has one.\n\
             To call a function use `--invoke NAME`; it exports:{}",
            list(&functions)
        ));
    }
}
