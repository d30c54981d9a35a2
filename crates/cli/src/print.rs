//! `--print` and `--print-after`: what the compiler makes of functions, as text.

use crate::disassemble::beside;
use std::env::consts::ARCH;
use std::io::Write;
use tiercel::{Context, Error, Module, Result, STAGES, format_err};

/// What is printed, and of which function.
#[derive(Clone, Debug)]
pub struct What {
    text: Text,
    /// Name or index; all of them without.
    function: Option<String>,
}

#[derive(Clone, Debug)]
enum Text {
    /// The function after this stage of the compiler.
    After(&'static str),
    /// Machine code.
    Code,
}

impl What {
    /// The value of `--print`.
    ///
    /// # Errors
    /// There is no such thing to print.
    pub fn parse(text: &str) -> Result<What, String> {
        let (name, function) = split(text);
        // The last stage makes vcode, those before it work on the IR.
        let text = match (name, STAGES) {
            ("ir", [.., ir, _]) => Text::After(ir),
            ("vcode", [.., vcode]) => Text::After(vcode),
            ("asm", _) => Text::Code,
            _ => return Err(format!("`{name}` cannot be printed; there are: ir, vcode, asm")),
        };
        Ok(What { text, function })
    }

    /// The value of `--print-after`.
    ///
    /// # Errors
    /// There is no such stage.
    pub fn parse_stage(text: &str) -> Result<What, String> {
        let (name, function) = split(text);
        match STAGES.iter().find(|stage| **stage == name) {
            Some(stage) => Ok(What { text: Text::After(stage), function }),
            None => Err(format!("there is no stage `{name}`; there are: {}", STAGES.join(", "))),
        }
    }
}

fn split(text: &str) -> (&str, Option<String>) {
    match text.split_once(':') {
        Some((name, function)) => (name, Some(function.into())),
        None => (text, None),
    }
}

/// Prints what was asked for.
///
/// # Errors
/// There is no such function, or the compiler does not do it; or the output cannot be written.
pub fn print(what: &What, module: &Module) -> Result<()> {
    let is_wanted = |index: usize, name: Option<&str>| match &what.function {
        Some(wanted) => name == Some(wanted) || wanted.parse() == Ok(index),
        None => true,
    };
    let mut out = std::io::stdout().lock();
    let mut found = false;
    for (index, name) in module.functions().enumerate().filter(|(index, name)| is_wanted(*index, *name)) {
        let mut text = String::new();
        let mut keep = |stage: &'static str, func: &dyn std::fmt::Display| {
            if matches!(what.text, Text::After(wanted) if wanted == stage) {
                text = func.to_string();
            }
        };
        let code = module.explain(index as u32, &mut keep).with_context(|| format!("function {index}"))?;
        let Some(code) = code else { continue };
        found = true;
        if matches!(what.text, Text::Code) {
            text = beside(ARCH, &code, |_, _| String::new());
        }
        let name = name.map(|name| format!(" {name}")).unwrap_or_default();
        writeln!(out, "; function {index}{name}\n{text}").map_err(Error::msg)?;
    }
    match (&what.function, found) {
        (_, true) => Ok(()),
        (Some(function), false) => {
            Err(format_err!("no function of the module is called `{function}`, or it is imported"))
        }
        (None, false) => Err(Error::msg("nothing is compiled: the module has no functions, or the tier is not `opt`")),
    }
}
