//! Random modules, translated to IR and run by the IR interpreter, against the same modules in the engine's interpreter.
//!
//! Results, traps, memories and globals must agree; every function must pass the verifier, and its text form must read back as itself.
//! Three ways of translating are compared: optimized, not optimized, and with every access checked.

use arbitrary::Unstructured;
use tiercel::{Config, Engine, Extern, Instance, Linker, Module, Store, Trap, Val};
use tiercel_compiler::ir::interp::Stop;
use tiercel_compiler::ir::machine::{self, Limits, Machine};
use tiercel_compiler::ir::{Function, parse, verify};
use tiercel_compiler::opt::Scratch;
use tiercel_compiler::pipeline::{self, Options};
use tiercel_compiler::translate::{self, Bounds, Context, Translator};
use tiercel_wasm::module::Entity;
use tiercel_wasm::{Features, TypeRegistry, ValType};

/// Random modules per run of this test.
const MODULES: u64 = 400;
/// Fuel for each call: random loops do not end by themselves.
const FUEL: u64 = 5_000;
/// What memories and tables may grow to, in both worlds.
const MEMORY_BYTES: u64 = 4 << 20;
const TABLE_ELEMENTS: u64 = 10_000;

/// A stream of bytes from a seed (splitmix64).
fn random_bytes(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed;
    let next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    std::iter::repeat_with(next).flat_map(u64::to_le_bytes).take(len).collect()
}

fn random_module(seed: u64) -> Option<Vec<u8>> {
    let config = wasm_smith::Config {
        allow_start_export: false,
        bulk_memory_enabled: true,
        canonicalize_nans: true,
        custom_page_sizes_enabled: false,
        exceptions_enabled: false,
        extended_const_enabled: true,
        export_everything: true,
        gc_enabled: false,
        max_imports: 0,
        max_memories: 2,
        max_memory32_bytes: 1 << 20,
        max_memory64_bytes: 1 << 20,
        max_tables: 2,
        max_table_elements: 200,
        memory64_enabled: seed % 4 == 0,
        min_funcs: 2,
        multi_value_enabled: true,
        reference_types_enabled: true,
        relaxed_simd_enabled: true,
        saturating_float_to_int_enabled: true,
        sign_extension_ops_enabled: true,
        simd_enabled: seed % 2 == 0,
        tail_call_enabled: true,
        threads_enabled: false,
        wide_arithmetic_enabled: true,
        shared_everything_threads_enabled: false,
        ..wasm_smith::Config::default()
    };
    let bytes = random_bytes(seed, 2000);
    Some(wasm_smith::Module::new(config, &mut Unstructured::new(&bytes)).ok()?.to_bytes())
}

/// What can be seen of one call, and of everything at the end.
#[derive(Debug, PartialEq)]
enum Seen {
    Results(Vec<String>),
    Trap(Option<Trap>),
    Fuel(u64),
    Global(String),
    Memory(usize, u64),
    /// A limit of one side was reached: nothing can be said from here on.
    Limit,
}

fn sum(data: &[u8]) -> u64 {
    data.iter().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)))
}

fn show(value: &Val) -> String {
    match value {
        Val::FuncRef(func) => format!("ref {}", func.is_some()),
        Val::ExternRef(host) => format!("ref {}", host.is_some()),
        Val::I32(value) => format!("{:x}", *value as u32),
        Val::I64(value) => format!("{:x}", *value as u64),
        Val::F32(bits) => format!("{bits:x}"),
        Val::F64(bits) => format!("{bits:x}"),
        Val::V128(bits) => format!("{:x}", bits.as_u128()),
    }
}

fn show_bits(ty: ValType, bits: u128) -> String {
    match ty {
        ValType::Ref(_) => format!("ref {}", bits != 0),
        _ => format!("{bits:x}"),
    }
}

/// Runs in the engine.
fn run_engine(bytes: &[u8]) -> Option<Vec<Seen>> {
    let mut config = Config::new();
    config.consume_fuel(true).wasm_wide_arithmetic(true);
    let engine = Engine::new(&config).expect("a valid configuration");
    let module = Module::new(&engine, bytes).ok()?;
    let limits = tiercel::StoreLimitsBuilder::new()
        .memory_size(MEMORY_BYTES as usize)
        .table_elements(TABLE_ELEMENTS as usize)
        .build();
    let mut store = Store::new(&engine, limits);
    store.limiter(|limits| limits);
    store.set_fuel(FUEL).ok()?;
    let instance: Instance = match Linker::new(&engine).instantiate(&mut store, &module) {
        Ok(instance) => instance,
        Err(error) => return Some(vec![Seen::Trap(error.downcast_ref::<Trap>().copied())]),
    };
    let mut seen = Vec::new();
    let exports: Vec<Extern> = instance.exports(&mut store).map(|export| export.into_extern()).collect();
    for export in &exports {
        let Extern::Func(func) = export else { continue };
        let ty = func.ty(&store);
        let args: Vec<Val> = ty.params().map(|ty| Val::default_for_ty(&ty).unwrap_or(Val::I32(0))).collect();
        let mut results: Vec<Val> = ty.results().map(|_| Val::I32(0)).collect();
        store.set_fuel(FUEL).ok()?;
        match func.call(&mut store, &args, &mut results) {
            Ok(()) => {
                seen.push(Seen::Results(results.iter().map(show).collect()));
                seen.push(Seen::Fuel(store.get_fuel().ok()?));
            }
            Err(error) => match error.downcast_ref::<Trap>().copied() {
                Some(Trap::OutOfFuel | Trap::StackOverflow) => {
                    seen.push(Seen::Limit);
                    return Some(seen);
                }
                trap => seen.push(Seen::Trap(trap)),
            },
        }
    }
    for export in &exports {
        match export {
            Extern::Global(global) => {
                let value = global.get(&mut store);
                seen.push(Seen::Global(show(&value)));
            }
            Extern::Memory(memory) => {
                let data = memory.data(&store);
                seen.push(Seen::Memory(data.len(), sum(data)));
            }
            _ => {}
        }
    }
    Some(seen)
}

/// Runs in the IR interpreter; `finish` does to each function what is tested.
fn run_ir(seed: u64, bytes: &[u8], config: translate::Config, finish: fn(&mut Function)) -> Vec<Seen> {
    let mut features = Features::default();
    features.set(tiercel_wasm::Feature::WideArithmetic, true);
    let mut types = TypeRegistry::default();
    let info = tiercel_wasm::decode(bytes, &features, &mut types).expect("the engine has decoded it");
    let layout = machine::layout_of(&info);
    let mut translator = Translator::default();
    let context = Context { info: &info, bytes, layout: &layout, config };
    let compile = |body: usize| {
        let func = translator.translate(context, body).map_err(|error| error.to_string())?;
        check(seed, body, func);
        finish(func);
        check(seed, body, func);
        Ok(func.clone())
    };
    let limits = Limits {
        steps: 10_000_000,
        depth: 2_000,
        memory_bytes: MEMORY_BYTES,
        table_elements: TABLE_ELEMENTS,
        fuel: FUEL as i64,
    };
    let mut machine = match Machine::instantiate(&info, bytes, limits, compile) {
        Ok(machine) => machine,
        Err(Stop::Trap(trap)) => return vec![Seen::Trap(Some(trap))],
        Err(Stop::Steps) => return vec![Seen::Limit],
    };
    let mut seen = Vec::new();
    for export in &info.exports {
        let Entity::Func(func) = export.entity else { continue };
        let ty = info.func_type(func);
        match machine.call_func(func, &vec![0; ty.params().len()]) {
            Ok(results) => {
                let results = results.iter().zip(ty.results()).map(|(&bits, &ty)| show_bits(ty, bits)).collect();
                seen.push(Seen::Results(results));
                seen.push(Seen::Fuel(machine.fuel as u64));
            }
            Err(Stop::Trap(Trap::OutOfFuel) | Stop::Steps) => {
                seen.push(Seen::Limit);
                return seen;
            }
            Err(Stop::Trap(trap)) => seen.push(Seen::Trap(Some(trap))),
        }
    }
    for export in &info.exports {
        match export.entity {
            Entity::Global(global) => {
                let bits = machine.global(global);
                seen.push(Seen::Global(show_bits(info.globals[global as usize].content, bits)));
            }
            Entity::Memory(memory) => {
                let data = machine.memory(memory);
                seen.push(Seen::Memory(data.len(), sum(data)));
            }
            _ => {}
        }
    }
    seen
}

/// Verifies a function and its text form.
fn check(seed: u64, body: usize, func: &Function) {
    if let Err(error) = verify(func) {
        panic!("seed {seed}, body {body}: {error}\n{func}");
    }
    let text = func.to_string();
    match parse(&text) {
        Ok(again) => {
            assert_eq!(again.to_string(), text, "seed {seed}, body {body}");
            if let Err(error) = verify(&again) {
                panic!("seed {seed}, body {body}, read back: {error}\n{text}");
            }
        }
        Err(error) => panic!("seed {seed}, body {body}: {error}\n{text}"),
    }
}

fn compare(seed: u64, what: &str, engine: &[Seen], ir: &[Seen]) {
    for (index, (a, b)) in engine.iter().zip(ir).enumerate() {
        if *a == Seen::Limit || *b == Seen::Limit {
            return;
        }
        assert_eq!(a, b, "seed {seed}, {what}, observation {index}");
    }
    assert_eq!(engine.len(), ir.len(), "seed {seed}, {what}");
}

fn all_agree() {
    let first = std::env::var("TIERCEL_SEED").ok().and_then(|seed| seed.parse().ok());
    let count = std::env::var("TIERCEL_MODULES").ok().and_then(|count| count.parse().ok()).unwrap_or(MODULES);
    let seeds = first.map_or(0..count, |seed: u64| seed..seed + 1);
    let (mut ran, mut finished) = (0, 0);
    for seed in seeds {
        let Some(bytes) = random_module(seed) else { continue };
        let Some(engine) = run_engine(&bytes) else { continue };
        let usual = translate::Config { fuel: true, ..translate::Config::default() };
        let plain = translate::Config { optimize: false, ..usual };
        let checked = translate::Config { bounds: Bounds::Checked, memories_move: seed % 3 == 0, ..usual };
        let passes: fn(&mut Function) = |func| {
            let options = &mut Options { verify: true, ..Options::default() };
            pipeline::run(func, &mut Scratch::default(), options);
        };
        compare(seed, "not optimized", &engine, &run_ir(seed, &bytes, plain, |_| {}));
        compare(seed, "as translated", &engine, &run_ir(seed, &bytes, usual, |_| {}));
        compare(seed, "accesses checked", &engine, &run_ir(seed, &bytes, checked, |_| {}));
        compare(seed, "after all passes", &engine, &run_ir(seed, &bytes, usual, passes));
        ran += 1;
        finished += u64::from(!engine.contains(&Seen::Limit));
    }
    assert!(first.is_some() || finished * 4 > ran, "too few modules ran to their end: {finished} of {ran}");
    println!("{ran} modules agree, {finished} of them to their end");
}

#[test]
fn ir_and_interpreter_agree() {
    // The IR interpreter recurses on the host's stack.
    let thread = std::thread::Builder::new().stack_size(1 << 30).spawn(all_agree).expect("a thread");
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}
