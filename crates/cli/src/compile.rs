//! `tiercel compile`: a module to an artifact.

use crate::args::CompileArgs;
use crate::engine::Setup;
use crate::{exit, host, run};
use tiercel::{Context, Result, Tier};

/// Compiles a module and writes the artifact.
///
/// # Errors
/// The module is wrong, or the file cannot be written.
pub fn run(args: &CompileArgs) -> Result<()> {
    let setup = Setup::new(&args.engine, |config| {
        args.target.as_ref().map_or(Ok(()), |target| config.target(target).map(|_| ()))
    })?;
    let module = run::load(&setup.engine, &args.file)?;
    let shown = host::shown(&args.file);
    if module.tier() == Tier::Interp && args.engine.tier != Tier::Interp {
        exit::complain(&format!(
            "note: {shown} is too complex for the compiler: the artifact holds the module itself, and the interpreter will run it"
        ));
    }
    if args.output.as_os_str() == "-" {
        exit::print(&module.serialize()?);
        return Ok(());
    }
    let output = &args.output;
    module.serialize_file(output).with_context(|| format!("cannot write `{}`", output.display()))
}
