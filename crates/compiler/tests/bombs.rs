//! Modules that are made to take a compiler long: each is compiled to the end, in memory and into code that are linear in its size. They are so
//! large that work which is quadratic would not come to an end here; what they take is printed (`-- --nocapture`), and `cargo xtask bench
//! --scaling` shows how it grows.

use std::time::Instant;
use tiercel_compiler::compile::{Code, Compiler, Options};
use tiercel_compiler::ir::machine::layout_of;
use tiercel_compiler::translate::{Callees, Config, Context};
use tiercel_random::scaling::SHAPES;
use tiercel_wasm::{ErrorKind, Features, TypeRegistry};
use wasm_encoder::{BlockType, CodeSection, Function, FunctionSection, Module, TypeSection, ValType};

/// Bytes of machine code for each byte of a module, at most.
const CODE_PER_BYTE: usize = 12;
/// Bytes of memory that compiling takes for each byte of a module, at most, and for any module.
const MEMORY_PER_BYTE: usize = 400;
const MEMORY_BYTES: usize = 16 << 20;

/// Compiles every function of a module.
fn compile(name: &str, bytes: &[u8]) -> Result<(), tiercel_wasm::Error> {
    let info = tiercel_wasm::decode(bytes, &Features::default(), &mut TypeRegistry::default());
    let info = info.unwrap_or_else(|error| panic!("{name}: {error}"));
    let layout = layout_of(&info);
    let callees = Callees::new(&info, bytes);
    let cx = Context { info: &info, bytes, layout: &layout, callees: &callees, config: Config::default() };
    let options = Options { translate: cx.config, ..Options::default() };
    forget_peak();
    let before = memory("VmRSS:");
    let (mut compiler, mut code) = (Compiler::new(options), Code::default());
    let (start, mut size) = (Instant::now(), 0);
    for body in 0..info.bodies.len() {
        compiler.compile(cx, body, &mut code)?;
        size += code.bytes.len();
    }
    let time = start.elapsed().as_nanos() / bytes.len() as u128;
    let peak = memory("VmHWM:").zip(before).map(|(peak, before)| peak.saturating_sub(before));
    println!(
        "{name}: {} bytes, {time} ns/byte, code {:.1} and peak memory {:.0} bytes/byte",
        bytes.len(),
        size as f64 / bytes.len() as f64,
        peak.unwrap_or(0) as f64 / bytes.len() as f64
    );
    assert!(size < CODE_PER_BYTE * bytes.len(), "{name}: {size} bytes of code for {}", bytes.len());
    if let Some(peak) = peak {
        assert!(
            peak < MEMORY_PER_BYTE * bytes.len() + MEMORY_BYTES,
            "{name}: {peak} bytes of memory for {}",
            bytes.len()
        );
    }
    Ok(())
}

/// Starts to measure the peak of this process's memory anew, where the host lets us.
fn forget_peak() {
    // Where it does not, the peak is that of all before, and the test says so by failing.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// A line of what the host tells of this process's memory, in bytes.
fn memory(name: &str) -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    Some(line.trim().trim_end_matches(" kB").parse::<usize>().ok()? * 1024)
}

// One after another, so that the memory is that of one of them.
#[test]
fn everything_is_compiled_in_linear_memory() {
    for shape in SHAPES {
        let bytes = (shape.make)(shape.size);
        compile(shape.name, &bytes).unwrap_or_else(|error| panic!("{}: {error}", shape.name));
    }
    labels_with_many_values();
}

/// Each of 500 labels takes 1,000 values, and each of 500 tables names all of them: 125,000 edges with 1,000 arguments each are no work for
/// this compiler.
fn labels_with_many_values() {
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32], [ValType::I32]);
    types.ty().function([], vec![ValType::I32; 1000]);
    let mut functions = FunctionSection::new();
    functions.function(0);
    let mut function = Function::new([(3, ValType::I32)]);
    let mut body = function.instructions();
    for _ in 0..500 {
        body.block(BlockType::FunctionType(1));
    }
    for index in 0..500 {
        for value in 0..1_000 {
            body.i32_const(value + index);
        }
        body.local_get(0).br_table((0..500 - index as u32).collect::<Vec<_>>(), 0).end();
        for _ in 0..1_000 {
            body.drop();
        }
    }
    body.local_get(1).end();
    let mut code = CodeSection::new();
    code.function(&function);
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&code);
    let error = compile("labels with many values", &module.finish()).expect_err("it is too complex");
    assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
}
