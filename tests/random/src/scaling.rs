//! Modules that are made to take a compiler long, of any size: the compiler's work has to grow as they do.

use wasm_encoder::{
    BlockType, CodeSection, ExportKind, ExportSection, Function, FunctionSection, InstructionSink, MemArg,
    MemArgTarget, MemorySection, MemoryType, Module, TypeSection, ValType,
};

/// A series of modules.
pub struct Shape {
    /// What the modules are made of.
    pub name: &'static str,
    /// Makes one; the unit of size is the series' own, the module is roughly linear in it.
    pub make: fn(u32) -> Vec<u8>,
    /// The largest size that has to be compiled.
    pub size: u32,
}

/// Every series.
pub const SHAPES: &[Shape] = &[
    Shape { name: "straight line", make: straight_line, size: 600_000 },
    Shape { name: "blocks in a row, 50,000 locals", make: blocks_and_locals, size: 100_000 },
    Shape { name: "blocks in each other", make: blocks_in_blocks, size: 100_000 },
    Shape { name: "loops in a row", make: loops_in_a_row, size: 100_000 },
    Shape { name: "loops in each other", make: loops_in_loops, size: 5_000 },
    Shape { name: "calls", make: calls, size: 500_000 },
    Shape { name: "memory accesses", make: accesses, size: 400_000 },
    Shape { name: "one table, that many cases", make: table, size: 30_000 },
    Shape { name: "tables in a row", make: tables, size: 20_000 },
    Shape { name: "branches that each see other locals", make: branches_with_locals, size: 49_999 },
    Shape { name: "two chains into joins in turn", make: chains, size: 20_000 },
    Shape { name: "many values at once", make: pressure, size: 100_000 },
    Shape { name: "functions of 80 bytes", make: functions, size: 100_000 },
    Shape { name: "functions of 5 kB", make: larger_functions, size: 6_000 },
];

/// A module with one function of type `(i32) -> (i32)` and so many `i32` locals.
fn module(locals: u32, body: impl FnOnce(&mut InstructionSink<'_>)) -> Vec<u8> {
    let mut function = Function::new([(locals, ValType::I32)]);
    body(&mut function.instructions());
    function.instructions().end();
    module_of(&[function])
}

/// A module with these functions, and a start that does nothing for whoever measures loading.
fn module_of(bodies: &[Function]) -> Vec<u8> {
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32], [ValType::I32]);
    types.ty().function([], []);
    let mut functions = FunctionSection::new();
    let mut code = CodeSection::new();
    for function in bodies {
        functions.function(0);
        code.function(function);
    }
    functions.function(1);
    let mut start = Function::new([]);
    start.instructions().end();
    code.function(&start);
    let mut memories = MemorySection::new();
    memories.memory(MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None });
    let mut exports = ExportSection::new();
    exports.export("memory", ExportKind::Memory, 0).export("_start", ExportKind::Func, bodies.len() as u32);
    exports.export("f", ExportKind::Func, 0);
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&memories).section(&exports).section(&code);
    module.finish()
}

fn memarg(offset: u64) -> MemArg {
    MemArg { offset, align: 2, target: MemArgTarget::Memory(0), ordering: None }
}

fn straight_line(size: u32) -> Vec<u8> {
    module(10, |body| {
        for index in 0..size {
            body.local_get(index % 11).i32_const(index as i32).i32_add().local_get((index + 3) % 11).i32_xor();
            body.local_set((index + 1) % 11);
        }
        body.local_get(1);
    })
}

fn blocks_and_locals(size: u32) -> Vec<u8> {
    // The parameter is one more.
    let locals = (size / 2).saturating_sub(1).max(1);
    module(locals, |body| {
        for index in 0..size {
            body.block(BlockType::Empty).local_get(0).br_if(0);
            body.local_get(0).local_set(index % locals).end();
        }
        body.local_get(7);
    })
}

fn blocks_in_blocks(size: u32) -> Vec<u8> {
    module(3, |body| {
        (0..size).for_each(|_| _ = body.block(BlockType::Empty));
        for depth in 0..size {
            body.local_get(0).br_if(depth % 50 % (size - depth)).local_get(0).local_set(1).end();
        }
        body.local_get(1);
    })
}

fn loops_in_a_row(size: u32) -> Vec<u8> {
    module(20, |body| {
        for index in 0..size {
            let (local, other) = (1 + index % 20, index % 7);
            body.loop_(BlockType::Empty).local_get(local).local_get(other).i32_add().local_tee(local);
            body.i32_const(1000).i32_lt_s().br_if(0).end();
        }
        body.local_get(1);
    })
}

fn loops_in_loops(size: u32) -> Vec<u8> {
    module(500, |body| {
        for depth in 0..size {
            body.loop_(BlockType::Empty).local_get(depth % 500).i32_const(1).i32_add().local_set(depth % 500);
        }
        for depth in 0..size {
            body.local_get(depth % 500).br_if((depth % 7).min(size - 1 - depth)).end();
        }
        body.local_get(7);
    })
}

fn calls(size: u32) -> Vec<u8> {
    module(20, |body| {
        for index in 0..size {
            // It calls itself, which nobody inlines at such a size.
            body.local_get(index % 21).call(0).local_set((index + 1) % 21);
        }
        body.local_get(1);
    })
}

fn accesses(size: u32) -> Vec<u8> {
    module(10, |body| {
        for index in 0..size {
            let (a, b) = (index % 11, (index + 5) % 11);
            body.local_get(a)
                .local_get(b)
                .i32_load(memarg((index % 100).into()))
                .i32_store(memarg((index % 90).into()));
            body.local_get(a).i32_load(memarg(4)).local_set(b);
        }
        body.local_get(1);
    })
}

fn table(size: u32) -> Vec<u8> {
    module(3, |body| {
        (0..size).for_each(|_| _ = body.block(BlockType::Empty));
        body.local_get(0).br_table((0..size).collect::<Vec<_>>(), 0);
        for index in 0..size {
            body.end().i32_const(index as i32).local_set(1).local_get(0).local_get(1).i32_store(memarg(0));
        }
        body.local_get(1);
    })
}

fn tables(size: u32) -> Vec<u8> {
    module(30, |body| {
        for index in 0..size {
            (0..8).for_each(|_| _ = body.block(BlockType::Empty));
            body.local_get(index % 31).br_table((0..8).collect::<Vec<_>>(), 7);
            for case in 0..8 {
                body.end().local_get(0).i32_const(case).i32_add().local_set((index + case as u32) % 31);
            }
        }
        body.local_get(1);
    })
}

fn branches_with_locals(size: u32) -> Vec<u8> {
    module(size, |body| {
        body.block(BlockType::Empty);
        for index in 0..size {
            body.local_get(0).i32_const(index as i32).i32_add().local_set(index + 1);
            body.local_get(index + 1).br_if(0);
        }
        body.end().local_get(7);
    })
}

/// Joins in turn below one chain of dominators and another.
fn chains(size: u32) -> Vec<u8> {
    module(3, |body| {
        (0..size).for_each(|_| _ = body.block(BlockType::Empty));
        body.local_get(0).if_(BlockType::Empty);
        for arm in 0..2 {
            (0..size).for_each(|_| _ = body.local_get(0).br_if(size));
            let labels = (0..size).filter(|depth| depth % 2 == arm).map(|depth| depth + 1).collect::<Vec<_>>();
            body.local_get(0).br_table(labels, size);
            if arm == 0 {
                body.else_();
            }
        }
        body.end();
        (0..size).for_each(|_| _ = body.unreachable().end());
        body.local_get(1);
    })
}

/// Loads whose values all live until they are added up behind the last one.
fn pressure(size: u32) -> Vec<u8> {
    module(0, |body| {
        (0..size).for_each(|index| _ = body.local_get(0).i32_load(memarg((4 * index).into())));
        (1..size).for_each(|index| _ = if index % 3 == 0 { body.i32_mul() } else { body.i32_sub() });
    })
}

fn small_function(seed: u32, steps: u32, funcs: u32) -> Function {
    let mut function = Function::new([(4, ValType::I32)]);
    let mut body = function.instructions();
    for step in 0..steps {
        let (a, b) = ((seed + step) % 5, (seed + 2 * step + 1) % 5);
        body.local_get(a).i32_const((seed * 7 + step) as i32).i32_add().local_set(b);
        if step % 3 == 0 {
            body.block(BlockType::Empty).local_get(b).i32_const(9).i32_lt_u().br_if(0);
            body.local_get(a).local_get(b).i32_store(memarg(u64::from(step % 64))).end();
        }
        if step % 4 == 1 {
            body.local_get(a).call((seed + step) % funcs).local_set(b);
        }
    }
    body.local_get(seed % 5).end();
    function
}

fn functions(size: u32) -> Vec<u8> {
    module_of(&(0..size).map(|seed| small_function(seed, 6, size)).collect::<Vec<_>>())
}

fn larger_functions(size: u32) -> Vec<u8> {
    module_of(&(0..size).map(|seed| small_function(seed, 400, size)).collect::<Vec<_>>())
}
