//! Bodies that are made to take a compiler long: each has to be translated, and pass through the pipeline, in time that is linear in its size.

use std::time::{Duration, Instant};
use tiercel_compiler::ir::machine::layout_of;
use tiercel_compiler::ir::verify;
use tiercel_compiler::opt::Scratch;
use tiercel_compiler::pipeline::{self, Options};
use tiercel_compiler::translate::{Callees, Config, Context, Translator};
use tiercel_wasm::{ErrorKind, Features, TypeRegistry};
use wasm_encoder::{
    BlockType, CodeSection, Function, FunctionSection, InstructionSink, MemorySection, MemoryType, Module, TypeSection,
    ValType,
};

/// What each may take; far above what it takes on a slow machine, far below what quadratic work would.
const LIMIT: Duration = Duration::from_secs(20);

/// A module with one function of type `(i32) -> (i32)` and this many `i32` locals.
fn module(locals: u32, body: impl FnOnce(&mut InstructionSink<'_>)) -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32], [ValType::I32]);
    types.ty().function([], vec![ValType::I32; 1000]);
    let mut functions = FunctionSection::new();
    functions.function(0);
    let mut memories = MemorySection::new();
    memories.memory(MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None });
    let mut function = Function::new([(locals, ValType::I32)]);
    body(&mut function.instructions());
    function.instructions().end();
    let mut code = CodeSection::new();
    code.function(&function);
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&memories).section(&code);
    module.finish()
}

/// Translates and optimizes; true if the function was refused as too complex.
fn compile(name: &str, bytes: &[u8], checked: bool) -> bool {
    let info = match tiercel_wasm::decode(bytes, &Features::default(), &mut TypeRegistry::default()) {
        Ok(info) => info,
        Err(error) => panic!("{name}: {error}"),
    };
    let layout = layout_of(&info);
    let callees = Callees::new(&info, bytes);
    let cx = Context { info: &info, bytes, layout: &layout, callees: &callees, config: Config::default() };
    let mut translator = Translator::default();
    let start = Instant::now();
    let func = match translator.translate(cx, 0) {
        Ok(func) => func,
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Limit, "{name}: {error}");
            assert!(start.elapsed() < LIMIT, "{name}: refused after {:?}", start.elapsed());
            return true;
        }
    };
    let translated = start.elapsed();
    pipeline::run(func, &mut Scratch::default(), &mut Options::default());
    let all = start.elapsed();
    let ns = |time: Duration| time.as_nanos() / bytes.len() as u128;
    println!("{name}: {} bytes, {} ns/byte translated, {} ns/byte in all", bytes.len(), ns(translated), ns(all));
    assert!(all < LIMIT, "{name}: {all:?}");
    if checked && let Err(error) = verify(func) {
        panic!("{name}: {error}");
    }
    false
}

#[test]
fn one_straight_line() {
    let bytes = module(10, |body| {
        for index in 0..600_000 {
            body.local_get(index % 11).i32_const(index as i32).i32_add().local_get((index + 3) % 11).i32_xor();
            body.local_set((index + 1) % 11);
        }
        body.local_get(1);
    });
    assert!(!compile("one straight line", &bytes, true));
}

#[test]
fn many_locals_and_blocks() {
    let bytes = module(49_999, |body| {
        for index in 0..100_000_u32 {
            body.block(BlockType::Empty).local_get(0).br_if(0);
            body.local_get(0).local_set(index % 49_999).end();
        }
        body.local_get(7);
    });
    assert!(!compile("50,000 locals, 100,000 blocks", &bytes, true));
}

#[test]
fn many_locals_set_before_many_branches_to_one_label() {
    let bytes = module(49_999, |body| {
        body.block(BlockType::Empty);
        for index in 0..49_999_u32 {
            body.local_get(0).i32_const(index as i32).i32_add().local_set(index + 1);
            body.local_get(index + 1).br_if(0);
        }
        body.end().local_get(7);
    });
    assert!(!compile("each branch sees other locals", &bytes, false));
}

#[test]
fn loops_in_loops() {
    let bytes = module(500, |body| {
        for depth in 0..5_000 {
            body.loop_(BlockType::Empty).local_get(depth % 500).i32_const(1).i32_add().local_set(depth % 500);
        }
        for depth in 0..5_000 {
            body.local_get(depth % 500).br_if((depth % 7).min(4_999 - depth)).end();
        }
        body.local_get(7);
    });
    assert!(!compile("5,000 loops in each other", &bytes, true));
}

#[test]
fn blocks_in_blocks() {
    let bytes = module(3, |body| {
        for _ in 0..100_000 {
            body.block(BlockType::Empty);
        }
        for depth in 0..100_000_u32 {
            body.local_get(0).br_if(depth % 50 % (100_000 - depth)).local_get(0).local_set(1).end();
        }
        body.local_get(1);
    });
    assert!(!compile("100,000 blocks in each other", &bytes, true));
}

#[test]
fn branches_out_of_two_long_chains() {
    // Joins in turn below one chain of dominators and another.
    let bytes = module(3, |body| {
        for _ in 0..20_000 {
            body.block(BlockType::Empty);
        }
        body.local_get(0).if_(BlockType::Empty);
        for arm in 0..2 {
            for _ in 0..20_000 {
                body.local_get(0).br_if(20_000);
            }
            body.local_get(0).br_table(
                (0..20_000).filter(|depth| depth % 2 == arm).map(|depth| depth + 1).collect::<Vec<_>>(),
                20_000,
            );
            if arm == 0 {
                body.else_();
            }
        }
        body.end();
        for _ in 0..20_000 {
            body.unreachable().end();
        }
        body.local_get(1);
    });
    assert!(!compile("two long chains", &bytes, false));
}

#[test]
fn a_large_table() {
    let bytes = module(3, |body| {
        for _ in 0..30_000 {
            body.block(BlockType::Empty);
        }
        body.local_get(0).br_table((0..30_000).collect::<Vec<_>>(), 0);
        for index in 0..30_000 {
            body.end().i32_const(index).local_set(1).local_get(0).local_get(1).i32_store(wasm_encoder::MemArg {
                offset: 0,
                align: 2,
                target: wasm_encoder::MemArgTarget::Memory(0),
                ordering: None,
            });
        }
        body.local_get(1);
    });
    assert!(!compile("a table of 30,000 labels", &bytes, true));
}

#[test]
fn a_table_whose_labels_all_take_values() {
    // Each of 500 labels takes 1,000 values, and each of 500 tables names all of them.
    let bytes = module(3, |body| {
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
        body.local_get(1);
    });
    // 125,000 edges with 1,000 arguments each are no work for this compiler.
    assert!(compile("labels with many values", &bytes, false));
}
