//! `tiercel inspect`: what is in an artifact, and the code of a function beside its places in the module.

use crate::args::InspectArgs;
use crate::disassemble::beside;
use crate::exit;
use std::fmt::Write as _;
use std::fs;
use tiercel::{Artifact, ArtifactFunction, Context, Engine, Result, SiteKind, format_err};

/// Prints an artifact's header, sections and functions, or one function.
///
/// # Errors
/// The file is no artifact, or is damaged, or has no such function.
pub fn run(args: &InspectArgs) -> Result<()> {
    let shown = args.file.display();
    let bytes = fs::read(&args.file).with_context(|| format!("cannot read `{shown}`"))?;
    if Engine::detect_precompiled(&bytes).is_none() && bytes.starts_with(b"\0asm") {
        return Err(format_err!("`{shown}` is a module, not an artifact: `tiercel compile` makes one of it"));
    }
    let artifact = Artifact::new(&bytes).with_context(|| format!("cannot inspect `{shown}`"))?;
    let text = match &args.function {
        Some(function) => of_function(&artifact, function)?,
        None => of_artifact(&artifact, bytes.len()),
    };
    exit::print(text.as_bytes());
    Ok(())
}

fn of_artifact(artifact: &Artifact<'_>, len: usize) -> String {
    let mut text = format!(
        "bytes: {len}\nversion: {}{}\ntarget: {}\ncompiler: {}\nCPU features: {}\nsettings: {}\n\nsections:\n  offset    bytes  name\n",
        artifact.version(),
        if artifact.is_current() { "" } else { " (not this one: its functions cannot be listed)" },
        artifact.isa(),
        artifact.compiler(),
        artifact.features().join(", "),
        artifact.settings(),
    );
    // Writing to a string does not fail.
    for (name, range) in artifact.sections() {
        let _ = writeln!(text, "{:8x} {:8}  {name}", range.start, range.len());
    }
    let functions: Vec<ArtifactFunction<'_>> = artifact.functions().collect();
    let imported = artifact.imported_functions();
    let _ = write!(text, "\nfunctions: {}, and {imported} imported\n", functions.len());
    if !functions.is_empty() {
        text += "   index   offset    bytes  traps  calls  inlined  name (* can be called from outside)\n";
    }
    for function in &functions {
        let sites = artifact.sites(function);
        let calls = sites.iter().filter(|site| site.what == SiteKind::Call).count();
        let _ = writeln!(
            text,
            "{:8} {:8x} {:8} {:6} {calls:6} {:8}  {}{}",
            function.index,
            function.code.start,
            function.code.len(),
            sites.len() - calls,
            function.inlined,
            if function.is_entry { "*" } else { "" },
            function.name.unwrap_or_default(),
        );
    }
    text
}

fn of_function(artifact: &Artifact<'_>, wanted: &str) -> Result<String> {
    let is_wanted =
        |function: &ArtifactFunction<'_>| function.name == Some(wanted) || wanted.parse() == Ok(function.index);
    let function = artifact.functions().find(is_wanted);
    let function = function.ok_or_else(|| format_err!("the artifact has no code of a function `{wanted}`"))?;
    let code = artifact.text().get(function.code.clone()).unwrap_or_default();
    let sites = artifact.sites(&function);
    let note = |start: u64, next: u64| {
        let at =
            |offset: u64| sites.iter().filter(move |site| site.offset as u64 == function.code.start as u64 + offset);
        let calls = at(next).find(|site| site.what == SiteKind::Call);
        let traps = at(start).find(|site| site.what != SiteKind::Call);
        traps.or(calls).map_or(String::new(), |site| match site.what {
            SiteKind::Trap(Some(trap)) => format!("{:#x} {}", site.module_offset, trap.message()),
            SiteKind::Trap(None) => format!("{:#x} stop", site.module_offset),
            SiteKind::Call => format!("{:#x} call", site.module_offset),
        })
    };
    let title = function.name.map(|name| format!(" {name}")).unwrap_or_default();
    Ok(format!(
        "; function {}{title}, {} bytes at {:#x}\n{}",
        function.index,
        code.len(),
        function.code.start,
        beside(artifact.isa(), code, note)
    ))
}
