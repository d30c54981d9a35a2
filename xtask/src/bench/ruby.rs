//! Ruby as a program of 30 MB. In: the module of the npm package, a library that expects a host of JavaScript. Out: a WASI program that evaluates a
//! script.
//!
//! Imports other than WASI's become functions that do nothing, so that every engine runs the module; the new functions come last, and the indices of the
//! others close up. Of the exports only what a WASI program has is left.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow};
use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{
    CodeSection, ExportKind, ExportSection, Function, FunctionSection, ImportSection, InstructionSink, MemArg,
    MemArgTarget, Module, TypeSection, ValType,
};
use wasmparser::{Parser, Payload, TypeRef};

/// The npm package.
pub const PACKAGE: &str = "@ruby/3.4-wasm-wasi";

/// The module with Ruby's standard library in it.
const FILE: &str = "dist/ruby+stdlib.wasm";

/// What the interpreter is started with: it reads them as strings of C.
const ARGUMENTS: [&str; 3] = ["ruby.wasm\0", "-EUTF-8\0", "-e_=0\0"];

/// A short script, and what it prints.
pub const SHORT: (&str, &str) = ("puts 1; $stdout.flush", "1\n");

/// A program that evaluates `script`; none where the package is not installed below `peer_dir`.
pub fn program(peer_dir: &Path, script: &str) -> Result<Option<Vec<u8>>> {
    let file = peer_dir.join("node_modules").join(PACKAGE).join(FILE);
    if !file.is_file() {
        return Ok(None);
    }
    let wasm = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    command(&wasm, script).with_context(|| format!("cannot make a program of {}", file.display())).map(Some)
}

/// The library with a `_start` that evaluates `script`.
fn command(wasm: &[u8], script: &str) -> Result<Vec<u8>> {
    let library = Library::read(wasm)?;
    let start = library.start(script)?;
    let mut module = Module::new();
    Rewrite { library, start }
        .parse_core_module(&mut module, Parser::new(0), wasm)
        .map_err(|error| anyhow!("cannot be rewritten: {error}"))?;
    Ok(module.finish())
}

/// What must be known before the first section is written.
#[derive(Default)]
struct Library {
    functions: u32,
    /// Of each type the results.
    results: Vec<Box<[wasmparser::ValType]>>,
    /// Of the functions that are imported from elsewhere than WASI: index and type, ascending.
    strangers: Vec<(u32, u32)>,
    exports: HashMap<String, u32>,
}

impl Library {
    fn read(wasm: &[u8]) -> Result<Library> {
        let mut library = Library::default();
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::TypeSection(section) => {
                    for ty in section.into_iter_err_on_gc_types() {
                        library.results.push(ty?.results().into());
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import?;
                        let TypeRef::Func(ty) = import.ty else { continue };
                        if !is_wasi(import.module) {
                            library.strangers.push((library.functions, ty));
                        }
                        library.functions += 1;
                    }
                }
                Payload::FunctionSection(section) => library.functions += section.count(),
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export?;
                        library.exports.insert(export.name.to_owned(), export.index);
                    }
                }
                _ => {}
            }
        }
        Ok(library)
    }

    /// The index of a function in the new module.
    fn moved(&self, index: u32) -> u32 {
        let before = self.strangers.partition_point(|&(stranger, _)| stranger < index);
        match self.strangers.get(before) {
            Some(&(stranger, _)) if stranger == index => self.kept() + before as u32,
            _ => index - before as u32,
        }
    }

    /// How many functions keep their body or stay imported.
    fn kept(&self) -> u32 {
        self.functions - self.strangers.len() as u32
    }

    /// The body of `_start`: what the package's JavaScript does to evaluate a script.
    fn start(&self, script: &str) -> Result<Function> {
        // Names of the interface have their signature behind them.
        let export = |name: &str| {
            let named = |export: &&String| *export == name || export.starts_with(&format!("{name}:"));
            let found = self.exports.keys().find(named).with_context(|| format!("it does not export {name}"))?;
            anyhow::Ok(self.moved(self.exports[found]))
        };
        let allocate = export("cabi_realloc")?;
        let (list, text) = (0, 1);
        let mut function = Function::new([(2, ValType::I32)]);
        let mut code = function.instructions();
        code.call(export("_initialize")?);
        allocation(&mut code, allocate, 4, ARGUMENTS.len() as i32 * 8).local_set(list);
        for (place, argument) in (0..).zip(ARGUMENTS) {
            string(&mut code, allocate, argument, text);
            let at = |offset| MemArg { offset, align: 2, ..BYTE };
            code.local_get(list).local_get(text).i32_store(at(place * 8));
            code.local_get(list).i32_const(argument.len() as i32).i32_store(at(place * 8 + 4));
        }
        code.local_get(list).i32_const(ARGUMENTS.len() as i32).call(export("ruby-init")?);
        code.call(export("ruby-init-loadpath")?);
        string(&mut code, allocate, script, text);
        code.local_get(text).i32_const(script.len() as i32).call(export("rb-eval-string-protect")?).drop().end();
        Ok(function)
    }
}

const BYTE: MemArg = MemArg { offset: 0, align: 0, target: MemArgTarget::Memory(0), ordering: None };

/// A function whose results are zero.
fn nothing(results: &[wasmparser::ValType]) -> Function {
    let mut function = Function::new([]);
    let mut code = function.instructions();
    for result in results {
        match result {
            wasmparser::ValType::I64 => code.i64_const(0),
            wasmparser::ValType::F32 => code.f32_const(0.0.into()),
            wasmparser::ValType::F64 => code.f64_const(0.0.into()),
            // The package has no others.
            _ => code.i32_const(0),
        };
    }
    code.end();
    function
}

/// Memory of the guest.
fn allocation<'a, 'b>(
    code: &'a mut InstructionSink<'b>,
    allocate: u32,
    align: i32,
    len_bytes: i32,
) -> &'a mut InstructionSink<'b> {
    code.i32_const(0).i32_const(0).i32_const(align).i32_const(len_bytes).call(allocate)
}

/// A text in memory of the guest, its address in a local.
fn string(code: &mut InstructionSink<'_>, allocate: u32, text: &str, local: u32) {
    allocation(code, allocate, 1, text.len() as i32).local_set(local);
    for (offset, byte) in (0..).zip(text.bytes()) {
        code.local_get(local).i32_const(byte.into()).i32_store8(MemArg { offset, ..BYTE });
    }
}

fn is_wasi(module: &str) -> bool {
    module == "wasi_snapshot_preview1"
}

struct Rewrite {
    library: Library,
    start: Function,
}

impl Reencode for Rewrite {
    type Error = Infallible;

    fn function_index(&mut self, index: u32) -> Result<u32, Error<Infallible>> {
        Ok(self.library.moved(index))
    }

    fn parse_type_section(
        &mut self,
        types: &mut TypeSection,
        section: wasmparser::TypeSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        utils::parse_type_section(self, types, section)?;
        types.ty().function([], []);
        Ok(())
    }

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        section: wasmparser::ImportSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        for import in section.into_imports() {
            let import = import?;
            if is_wasi(import.module) {
                utils::parse_import(self, imports, import)?;
            }
        }
        Ok(())
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: wasmparser::FunctionSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        utils::parse_function_section(self, functions, section)?;
        for &(_, ty) in &self.library.strangers {
            functions.function(ty);
        }
        functions.function(self.library.results.len() as u32);
        Ok(())
    }

    fn parse_export(
        &mut self,
        exports: &mut ExportSection,
        export: wasmparser::Export<'_>,
    ) -> Result<(), Error<Infallible>> {
        if export.name == "memory" {
            utils::parse_export(self, exports, export)?;
            let start = self.library.kept() + self.library.strangers.len() as u32;
            exports.export("_start", ExportKind::Func, start);
        }
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: wasmparser::CodeSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        utils::parse_code_section(self, code, section)?;
        for &(_, ty) in &self.library.strangers {
            code.function(&nothing(&self.library.results[ty as usize]));
        }
        code.function(&self.start);
        Ok(())
    }

    fn parse_custom_section(
        &mut self,
        _module: &mut Module,
        _section: wasmparser::CustomSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::command;

    #[test]
    fn makes_a_program_of_a_library() {
        let library = r#"(module
            (import "js" "a" (func $a (param i32)))
            (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
            (import "js" "b" (func $b (result i32)))
            (memory (export "memory") 1)
            (table funcref (elem $a $exit $b $init))
            (func (export "_initialize") i32.const 1 call $a call $b call $exit)
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) i32.const 0)
            (func $init (export "ruby-init: func(args: list<string>) -> ()") (param i32 i32))
            (func (export "ruby-init-loadpath: func() -> ()"))
            (func (export "rb-eval-string-protect: func(str: string)") (param i32 i32) (result i32) i32.const 0))"#;
        let program = command(&wat::parse_str(library).unwrap(), "puts 1").unwrap();
        wasmparser::Validator::new().validate_all(&program).unwrap();
        let error = command(&wat::parse_str("(module (memory (export \"memory\") 1))").unwrap(), "").unwrap_err();
        assert!(error.to_string().contains("cabi_realloc"), "{error}");
    }
}
