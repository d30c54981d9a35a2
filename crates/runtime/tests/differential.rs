//! Random modules, run by the interpreter's usual code, by its plain code and by compiled code: results, traps, memories and globals must
//! agree.
//!
//! The plain code keeps every value in its slot and absorbs nothing, so that what differs is what the translator makes of
//! accumulators and neighbouring instructions.

use arbitrary::Unstructured;
use tiercel::{
    Config, Engine, Extern, FuncType, Instance, Linker, Module, Result, Store, StoreLimitsBuilder, Tier, Trap, Val,
    ValType, WasmBacktrace,
};

/// Random modules per run of this test.
const MODULES: u64 = 400;
/// Random modules per run of the test of compiled code, each compiled twice.
const COMPILED_MODULES: u64 = 6000;
/// Fuel for each call: random loops do not end by themselves.
const FUEL: u64 = 20_000;

/// Bytes of each memory and of the collected heap: random arrays are as long as numbers are large.
const MAX_MEMORY_BYTES: usize = 4 << 20;

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

/// A random module; one without references to objects of the collected heap and values of the host if `plain_types`.
fn random_module(seed: u64, plain_types: bool) -> Option<Vec<u8>> {
    let config = wasm_smith::Config {
        allow_start_export: false,
        bulk_memory_enabled: true,
        canonicalize_nans: true,
        custom_page_sizes_enabled: false,
        exceptions_enabled: false,
        extended_const_enabled: true,
        export_everything: true,
        gc_enabled: !plain_types && !seed.is_multiple_of(3),
        max_imports: 0,
        max_memories: 2,
        max_memory32_bytes: 1 << 20,
        max_memory64_bytes: 1 << 20,
        max_tables: 2,
        max_table_elements: 200,
        memory64_enabled: seed.is_multiple_of(4),
        min_funcs: 2,
        multi_value_enabled: true,
        reference_types_enabled: !plain_types,
        relaxed_simd_enabled: true,
        saturating_float_to_int_enabled: true,
        sign_extension_ops_enabled: true,
        simd_enabled: seed.is_multiple_of(2),
        tail_call_enabled: true,
        threads_enabled: false,
        wide_arithmetic_enabled: true,
        shared_everything_threads_enabled: false,
        ..wasm_smith::Config::default()
    };
    let bytes = random_bytes(seed, 2000);
    Some(wasm_smith::Module::new(config, &mut Unstructured::new(&bytes)).ok()?.to_bytes())
}

fn engine(plain: bool, stress: bool) -> Engine {
    let mut config = Config::new();
    config.tier(Tier::Interp).consume_fuel(true).plain_interpreter(plain).gc_stress(stress).wasm_wide_arithmetic(true);
    Engine::new(&config).expect("a valid configuration")
}

/// Everything that can be seen of a value.
fn show(value: &Val) -> String {
    match value {
        Val::FuncRef(func) => format!("func({})", func.is_some()),
        Val::ExternRef(host) => format!("extern({})", host.is_some()),
        Val::AnyRef(object) => format!("any({})", object.is_some()),
        value => format!("{value:?}"),
    }
}

/// Arguments of a function: the first one of its kind the default, others at random, often small or at the edge of their type.
fn arguments(ty: &FuncType, seed: u64) -> Vec<Val> {
    let mut random = random_bytes(seed, 8 * (2 * ty.params().len() + 1)).into_iter();
    let mut next = || u64::from_le_bytes(std::array::from_fn(|_| random.next().unwrap_or_default()));
    let all_default = next().is_multiple_of(4);
    let params = ty.params().map(|ty| {
        let (choice, bits) = (next(), next());
        let bits = match choice % 4 {
            _ if all_default => 0,
            0 => bits % 8,
            1 => (1 << (bits % 64)) - (bits >> 63),
            _ => bits,
        };
        match ty {
            ValType::I32 => Val::I32(bits as i32),
            ValType::I64 => Val::I64(bits as i64),
            ValType::F32 => Val::F32((bits as i32 as f32).to_bits()),
            ValType::F64 => Val::F64((bits as i64 as f64).to_bits()),
            ty => Val::default_for_ty(&ty).unwrap_or(Val::I32(0)),
        }
    });
    params.collect()
}

/// Calls every exported function once and tells all that can be seen of it. Tiers agree on the fuel of what returns; where it ends, and how much
/// a trap leaves of it, is told if `all_fuel`.
fn run(engine: &Engine, bytes: &[u8], all_fuel: bool, seed: u64) -> Result<Vec<String>> {
    let module = Module::new(engine, bytes)?;
    let mut store = Store::new(engine, StoreLimitsBuilder::new().memory_size(MAX_MEMORY_BYTES).build());
    store.limiter(|limits| limits);
    store.set_fuel(FUEL)?;
    let mut seen = Vec::new();
    let instance: Instance = match Linker::new(engine).instantiate(&mut store, &module) {
        Ok(instance) => instance,
        Err(error) => return Ok(vec![format!("{:?}", error.downcast_ref::<Trap>())]),
    };
    let exports: Vec<(String, Extern)> =
        instance.exports(&mut store).map(|export| (export.name().to_string(), export.into_extern())).collect();
    for (name, export) in &exports {
        let Extern::Func(func) = export else { continue };
        let ty = func.ty(&store);
        let args = arguments(&ty, seed);
        let mut results: Vec<Val> = ty.results().map(|_| Val::I32(0)).collect();
        store.set_fuel(FUEL)?;
        match func.call(&mut store, &args, &mut results) {
            Ok(()) => seen.push(format!("{name}: {:?}", results.iter().map(show).collect::<Vec<_>>())),
            Err(error) => {
                let trap = error.downcast_ref::<Trap>();
                if !all_fuel && matches!(trap, Some(Trap::OutOfFuel | Trap::StackOverflow)) {
                    return Ok(seen);
                }
                let trace = error.downcast_ref::<WasmBacktrace>().map(|trace| {
                    let frames = trace.frames().iter();
                    frames.map(|frame| (frame.func_index(), frame.module_offset())).collect::<Vec<_>>()
                });
                seen.push(format!("{name}: {trap:?} at {trace:?}"));
                if !all_fuel {
                    continue;
                }
            }
        }
        seen.push(format!("fuel {}", store.get_fuel()?));
    }
    for (name, export) in &exports {
        match export {
            Extern::Global(global) => {
                let value = global.get(&mut store);
                seen.push(format!("{name}: {}", show(&value)));
            }
            Extern::Memory(memory) => {
                let data = memory.data(&store);
                let sum = data.iter().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)));
                seen.push(format!("{name}: {} bytes, {sum:x}", data.len()));
            }
            _ => {}
        }
    }
    Ok(seen)
}

/// The seeds of this run.
fn seeds(modules: u64) -> std::ops::Range<u64> {
    let first = std::env::var("TIERCEL_SEED").ok().and_then(|seed| seed.parse().ok());
    first.map_or(0..modules, |seed: u64| seed..seed + 1)
}

#[test]
fn usual_and_plain_code_agree() {
    let (usual, plain, stress) = (engine(false, false), engine(true, false), engine(false, true));
    let mut ran = 0;
    for seed in seeds(MODULES) {
        let Some(bytes) = random_module(seed, false) else { continue };
        let results =
            (run(&usual, &bytes, true, seed), run(&plain, &bytes, true, seed), run(&stress, &bytes, true, seed));
        if let (Ok(a), Ok(b), Ok(c)) = results {
            assert_eq!(a, b, "seed {seed}");
            assert_eq!(a, c, "seed {seed}, with a collection at every allocation");
            ran += 1;
        }
    }
    assert!(ran > 0, "no module ran");
    println!("{ran} modules agree");
}

#[test]
fn compiled_and_interpreted_code_agree() {
    if !Tier::Opt.is_available() {
        println!("nothing is compiled on this host");
        return;
    }
    let (interpreter, usual) = (engine(false, false), compiler(None));
    let (mut ran, mut compiled) = (0, 0);
    for seed in seeds(COMPILED_MODULES) {
        let Some(bytes) = random_module(seed, true) else { continue };
        let Ok(expected) = run(&interpreter, &bytes, false, seed) else { continue };
        for engine in [&usual, &compiler(Some(seed))] {
            match run(engine, &bytes, false, seed) {
                Ok(found) => assert_eq!(expected, found, "seed {seed}, {engine:?}"),
                Err(error) => panic!("seed {seed}: {error:#}"),
            }
        }
        ran += 1;
        compiled += u32::from(Module::new(&usual, &bytes).is_ok_and(|module| module.tier() == Tier::Opt));
    }
    println!("{ran} modules agree, {compiled} of them compiled");
    assert!(compiled > 0, "no module was compiled");
}

/// An engine that compiles, with rare paths made common by a seed, if there is one.
fn compiler(chaos: Option<u64>) -> Engine {
    let mut config = Config::new();
    config.tier(Tier::Opt).verify_compiler(true).compiler_chaos(chaos).compiler_threads(1);
    config.consume_fuel(true).wasm_wide_arithmetic(true);
    Engine::new(&config).expect("a valid configuration")
}
