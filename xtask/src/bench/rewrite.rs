//! In: a WASI program. Out: the same program, timing itself ([`self_timed`]) or only loaded ([`load_only`]).
//!
//! Programs of the corpus import `bench.start` and `bench.end` around what is to be timed. Replaced by functions that read
//! the WASI monotonic clock and print the difference to standard error, any WASI engine can run and time them. The two
//! imports turn into the two WASI functions needed, so that no index changes; new types, functions and the global come
//! last. Custom sections are left out: names cost loading time that differs between engines.

use std::convert::Infallible;

use anyhow::{Context as _, Result, anyhow, ensure};
use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, EntityType, ExportSection, Function, FunctionSection, GlobalSection, GlobalType,
    ImportSection, MemArg, MemArgTarget, Module, SectionId, TypeSection, ValType,
};
use wasmparser::{ExternalKind, Parser, Payload, TypeRef};

/// Stands before the nanoseconds (sixteen hexadecimal digits and a line's end) on standard error.
pub const MARK: &[u8; 8] = b"benchns=";

/// The bytes of a report: mark, digits, line's end.
pub const REPORT_LEN: usize = MARK.len() + 16 + 1;

/// The program with `bench.start` and `bench.end` made to report the time between them.
pub fn self_timed(wasm: &[u8]) -> Result<Vec<u8>> {
    let facts = Facts::read(wasm)?;
    let start = facts.bench_start.context("does not import bench.start, so what is to be timed is unknown")?;
    let end = facts.bench_end.context("does not import bench.end, so what is to be timed is unknown")?;
    ensure!(facts.has_memory32, "its first memory does not have 32-bit addresses");
    encode(wasm, Rewrite { facts, what: What::Timed { start, end }, global_done: false })
}

/// The program whose `_start` does nothing: running it decodes, validates, compiles as the engine likes, and ends.
/// The imports from `bench` are replaced as well.
pub fn load_only(wasm: &[u8]) -> Result<Vec<u8>> {
    let facts = Facts::read(wasm)?;
    ensure!(facts.exports_start, "does not export _start");
    encode(wasm, Rewrite { facts, what: What::Loaded, global_done: false })
}

fn encode(wasm: &[u8], mut rewrite: Rewrite) -> Result<Vec<u8>> {
    let mut module = Module::new();
    rewrite
        .parse_core_module(&mut module, Parser::new(0), wasm)
        .map_err(|error| anyhow!("cannot be rewritten: {error}"))?;
    Ok(module.finish())
}

/// What must be known before the first section is written.
#[derive(Default)]
struct Facts {
    types: u32,
    functions: u32,
    globals: u32,
    has_memory32: bool,
    exports_start: bool,
    bench_start: Option<u32>,
    bench_end: Option<u32>,
}

impl Facts {
    fn read(wasm: &[u8]) -> Result<Self> {
        let mut facts = Self::default();
        let mut memories = Vec::new();
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::TypeSection(section) => {
                    for group in section {
                        facts.types += u32::try_from(group?.types().len())?;
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import?;
                        match import.ty {
                            TypeRef::Func(_) | TypeRef::FuncExact(_) => {
                                match (import.module, import.name) {
                                    ("bench", "start") => facts.bench_start = Some(facts.functions),
                                    ("bench", "end") => facts.bench_end = Some(facts.functions),
                                    _ => {}
                                }
                                facts.functions += 1;
                            }
                            TypeRef::Global(_) => facts.globals += 1,
                            TypeRef::Memory(memory) => memories.push(memory),
                            TypeRef::Table(_) | TypeRef::Tag(_) => {}
                        }
                    }
                }
                Payload::FunctionSection(section) => facts.functions += section.count(),
                Payload::GlobalSection(section) => facts.globals += section.count(),
                Payload::MemorySection(section) => {
                    for memory in section {
                        memories.push(memory?);
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        let export = export?;
                        facts.exports_start |= export.name == "_start" && export.kind == ExternalKind::Func;
                    }
                }
                _ => {}
            }
        }
        facts.has_memory32 = memories.first().is_some_and(|memory| !memory.memory64);
        Ok(facts)
    }
}

enum What {
    /// The indices of the two imports.
    Timed {
        start: u32,
        end: u32,
    },
    Loaded,
}

struct Rewrite {
    facts: Facts,
    what: What,
    global_done: bool,
}

/// The new types, in order, after the module's own.
const CLOCK_TYPE: u32 = 0;
const WRITE_TYPE: u32 = 1;
const NOTHING_TYPE: u32 = 2;
const NOW_TYPE: u32 = 3;

/// The new functions, in order, after the module's own.
const START: u32 = 0;
const END: u32 = 1;
const NOW: u32 = 2;

impl Rewrite {
    /// The global that holds when timing began.
    fn add_global(&mut self, globals: &mut GlobalSection) {
        let ty = GlobalType { val_type: ValType::I64, mutable: true, shared: false };
        globals.global(ty, &ConstExpr::i64_const(0));
        self.global_done = true;
    }

    fn new_type(&self, number: u32) -> u32 {
        self.facts.types + number
    }

    fn new_function(&self, number: u32) -> u32 {
        self.facts.functions + number
    }
}

impl Reencode for Rewrite {
    type Error = Infallible;

    fn function_index(&mut self, index: u32) -> Result<u32, Error<Infallible>> {
        Ok(match self.what {
            What::Timed { start, .. } if index == start => self.new_function(START),
            What::Timed { end, .. } if index == end => self.new_function(END),
            // Nothing is timed, so both marks are the function that does nothing.
            What::Loaded if [self.facts.bench_start, self.facts.bench_end].contains(&Some(index)) => {
                self.new_function(START)
            }
            _ => index,
        })
    }

    fn parse_type_section(
        &mut self,
        types: &mut TypeSection,
        section: wasmparser::TypeSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        use ValType::{I32, I64};
        utils::parse_type_section(self, types, section)?;
        types.ty().function([I32, I64, I32], [I32]);
        types.ty().function([I32, I32, I32, I32], [I32]);
        types.ty().function([], []);
        types.ty().function([], [I64]);
        Ok(())
    }

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        section: wasmparser::ImportSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        for import in section.into_imports() {
            let import = import?;
            let (name, ty) = match (import.module, import.name) {
                ("bench", "start") => ("clock_time_get", CLOCK_TYPE),
                ("bench", "end") => ("fd_write", WRITE_TYPE),
                _ => {
                    utils::parse_import(self, imports, import)?;
                    continue;
                }
            };
            imports.import("wasi_snapshot_preview1", name, EntityType::Function(self.new_type(ty)));
        }
        Ok(())
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: wasmparser::FunctionSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        utils::parse_function_section(self, functions, section)?;
        functions.function(self.new_type(NOTHING_TYPE));
        if matches!(self.what, What::Timed { .. }) {
            functions.function(self.new_type(NOTHING_TYPE));
            functions.function(self.new_type(NOW_TYPE));
        }
        Ok(())
    }

    fn parse_global_section(
        &mut self,
        globals: &mut GlobalSection,
        section: wasmparser::GlobalSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        utils::parse_global_section(self, globals, section)?;
        self.add_global(globals);
        Ok(())
    }

    /// Writes the section of globals where the module has none.
    fn intersperse_section_hook(
        &mut self,
        module: &mut Module,
        _after: Option<SectionId>,
        before: Option<SectionId>,
    ) -> Result<(), Error<Infallible>> {
        use SectionId::{Global, Import, Memory, Table, Tag, Type};
        let still_to_come = matches!(before, Some(Type | Import | SectionId::Function | Table | Memory | Tag | Global));
        if !self.global_done && !still_to_come {
            let mut globals = GlobalSection::new();
            self.add_global(&mut globals);
            module.section(&globals);
        }
        Ok(())
    }

    fn parse_export(
        &mut self,
        exports: &mut ExportSection,
        export: wasmparser::Export<'_>,
    ) -> Result<(), Error<Infallible>> {
        if matches!(self.what, What::Loaded) && export.name == "_start" && export.kind == ExternalKind::Func {
            exports.export("_start", wasm_encoder::ExportKind::Func, self.new_function(START));
            return Ok(());
        }
        utils::parse_export(self, exports, export)
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: wasmparser::CodeSectionReader<'_>,
    ) -> Result<(), Error<Infallible>> {
        utils::parse_code_section(self, code, section)?;
        match self.what {
            What::Loaded => {
                let mut nothing = Function::new([]);
                nothing.instructions().end();
                code.function(&nothing);
            }
            What::Timed { start, end } => {
                let began = self.facts.globals;
                let now = self.new_function(NOW);
                code.function(&start_function(now, began));
                code.function(&end_function(now, began, end));
                code.function(&now_function(start));
            }
        }
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

/// An access to memory 0 at an address of any alignment.
const AT: MemArg = MemArg { offset: 0, align: 0, target: MemArgTarget::Memory(0), ordering: None };

/// The clock: nanoseconds by WASI's monotonic clock, read through the first eight bytes of memory, which are put back.
fn now_function(clock_time_get: u32) -> Function {
    const MONOTONIC: i32 = 1;
    let mut function = Function::new([(1, ValType::I64)]);
    function
        .instructions()
        .i32_const(0)
        .i64_load(AT)
        .local_set(0)
        .i32_const(MONOTONIC)
        .i64_const(1)
        .i32_const(0)
        .call(clock_time_get)
        .drop()
        .i32_const(0)
        .i64_load(AT)
        .i32_const(0)
        .local_get(0)
        .i64_store(AT)
        .end();
    function
}

fn start_function(now: u32, began: u32) -> Function {
    let mut function = Function::new([]);
    function.instructions().call(now).global_set(began).end();
    function
}

/// Prints the time since `began`. Uses the first bytes of memory, which are put back:
/// 0 the list for fd_write (address, length), 8 the count it returns, 16 the report.
fn end_function(now: u32, began: u32, fd_write: u32) -> Function {
    const REPORT: i32 = 16;
    const DIGITS: i32 = REPORT + 8;
    const LAST_DIGIT: i32 = DIGITS + 15;
    const SAVED_WORDS: u32 = 6;
    const { assert!(SAVED_WORDS as usize * 8 >= REPORT as usize + REPORT_LEN) };
    let (elapsed, at, digit, saved) = (0, 1, 2, 3);
    let mut function = Function::new([(1, ValType::I64), (2, ValType::I32), (SAVED_WORDS, ValType::I64)]);
    let mut code = function.instructions();
    code.call(now).global_get(began).i64_sub().local_set(elapsed);
    for word in 0..SAVED_WORDS {
        code.i32_const(word as i32 * 8).i64_load(AT).local_set(saved + word);
    }
    code.i32_const(0).i32_const(REPORT).i32_store(AT);
    code.i32_const(4).i32_const(REPORT_LEN as i32).i32_store(AT);
    code.i32_const(REPORT).i64_const(i64::from_le_bytes(*MARK)).i64_store(AT);
    code.i32_const(LAST_DIGIT + 1).i32_const(i32::from(b'\n')).i32_store8(AT);
    code.i32_const(LAST_DIGIT).local_set(at).loop_(BlockType::Empty);
    code.local_get(elapsed).i32_wrap_i64().i32_const(15).i32_and().local_set(digit);
    code.local_get(at);
    code.local_get(digit).i32_const(i32::from(b'0')).i32_add();
    code.local_get(digit).i32_const(i32::from(b'a') - 10).i32_add();
    code.local_get(digit).i32_const(10).i32_lt_u().select().i32_store8(AT);
    code.local_get(elapsed).i64_const(4).i64_shr_u().local_set(elapsed);
    code.local_get(at).i32_const(1).i32_sub().local_tee(at).i32_const(DIGITS).i32_ge_u().br_if(0).end();
    code.i32_const(2).i32_const(0).i32_const(1).i32_const(8).call(fd_write).drop();
    for word in 0..SAVED_WORDS {
        code.i32_const(word as i32 * 8).local_get(saved + word).i64_store(AT);
    }
    code.end();
    function
}

#[cfg(test)]
mod tests {
    use super::{load_only, self_timed};

    const PROGRAM: &str = r#"(module
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (import "bench" "end" (func $end))
        (import "bench" "start" (func $start))
        GLOBAL
        (memory (export "memory") 1)
        (table 2 funcref) (elem (i32.const 0) $start $work)
        (func $work (call $start) (call $end))
        (func (export "_start") (call $work) (call $exit (i32.const 0))))"#;

    fn printed(bytes: &[u8]) -> String {
        wasmparser::Validator::new().validate_all(bytes).unwrap();
        let mut imports = String::new();
        for payload in wasmparser::Parser::new(0).parse_all(bytes) {
            if let wasmparser::Payload::ImportSection(section) = payload.unwrap() {
                for import in section.into_imports() {
                    imports += import.unwrap().name;
                    imports += " ";
                }
            }
        }
        imports
    }

    #[test]
    fn replaces_the_imports_and_stays_valid() {
        for global in ["", "(global (mut i32) (i32.const 0))"] {
            let wasm = wat::parse_str(PROGRAM.replace("GLOBAL", global)).unwrap();
            assert_eq!(printed(&self_timed(&wasm).unwrap()), "proc_exit fd_write clock_time_get ");
            assert_eq!(printed(&load_only(&wasm).unwrap()), "proc_exit fd_write clock_time_get ");
        }
    }

    #[test]
    fn says_what_is_missing() {
        let wasm = wat::parse_str("(module (memory 1))").unwrap();
        assert!(self_timed(&wasm).unwrap_err().to_string().contains("bench.start"));
        assert!(load_only(&wasm).unwrap_err().to_string().contains("_start"));
    }
}
