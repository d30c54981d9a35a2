//! Random modules, translated to IR and run by the IR interpreter, against the same modules in the engine's interpreter.
//!
//! Results, traps, memories and globals must agree; every function must pass the verifier, and its text form must read back as itself.
//! Several ways of translating are compared: with and without rules, with every access checked, with locals in frame slots, before and
//! after the passes.

use tiercel::Trap;
use tiercel_compiler::ir::interp::Stop;
use tiercel_compiler::ir::machine::{self, Limits, Machine};
use tiercel_compiler::ir::{Function, parse, verify};
use tiercel_compiler::opt::Scratch;
use tiercel_compiler::pipeline::{self, Options};
use tiercel_compiler::translate::{self, Bounds, Callees, Context, Inlining, Translator};
use tiercel_random::observe::{self, FUEL, Plan, Seen, Way, compare, sum};
use tiercel_random::smith::{self, Shape};
use tiercel_random::{dense, nested};
use tiercel_wasm::module::Entity;
use tiercel_wasm::{Features, TypeRegistry, ValType};

/// Random modules per run of this test.
const MODULES: u64 = 300;
/// What memories and tables may grow to, in both worlds.
const MEMORY_BYTES: u64 = 4 << 20;
const TABLE_ELEMENTS: u64 = 10_000;

fn show_bits(ty: ValType, bits: u128) -> String {
    match ty {
        ValType::Ref(_) => format!("ref {}", bits != 0),
        _ => format!("{bits:x}"),
    }
}

/// An argument of this type, as [`observe::run`] makes it.
fn argument(ty: ValType, bits: u64) -> u128 {
    match ty {
        ValType::I32 => (bits as u32).into(),
        ValType::I64 => bits.into(),
        ValType::F32 => (bits as i32 as f32).to_bits().into(),
        ValType::F64 => (bits as i64 as f64).to_bits().into(),
        ValType::V128 => u128::from(bits) << 64 | u128::from(bits.rotate_left(9)),
        ValType::Ref(_) => 0,
    }
}

/// Runs in the IR interpreter; `finish` does to each function what is tested.
fn run_ir(plan: Plan, bytes: &[u8], config: translate::Config, finish: fn(&mut Function)) -> Vec<Seen> {
    let seed = plan.seed;
    let mut features = Features::default();
    features.set(tiercel_wasm::Feature::WideArithmetic, true);
    let mut types = TypeRegistry::default();
    let info = tiercel_wasm::decode(bytes, &features, &mut types).expect("the engine has decoded it");
    let layout = machine::layout_of(&info);
    let mut translator = Translator::default();
    let callees = Callees::new(&info, bytes);
    let context = Context { info: &info, bytes, layout: &layout, callees: &callees, config };
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
        Err(Stop::Trap(trap)) => return vec![Seen::Trap("start".into(), Some(trap))],
        Err(Stop::Steps) => return vec![Seen::Limit],
    };
    let mut seen = Vec::new();
    for export in &info.exports {
        let Entity::Func(func) = export.entity else { continue };
        let ty = info.func_type(func);
        let name = export.name.to_string();
        for call in 0..u64::from(plan.calls) {
            let bits = observe::argument_bits(ty.params().len(), seed.wrapping_add(call << 32));
            let args: Vec<u128> = ty.params().iter().zip(bits).map(|(&ty, bits)| argument(ty, bits)).collect();
            machine.fuel = FUEL as i64;
            match machine.call_func(func, &args) {
                Ok(results) => {
                    let results = results.iter().zip(ty.results()).map(|(&bits, &ty)| show_bits(ty, bits)).collect();
                    seen.push(Seen::Results(name.clone(), results));
                    seen.push(Seen::Fuel(machine.fuel as u64));
                }
                Err(Stop::Trap(Trap::OutOfFuel | Trap::StackOverflow) | Stop::Steps) => {
                    seen.push(Seen::Limit);
                    return seen;
                }
                Err(Stop::Trap(trap)) => seen.push(Seen::Trap(name.clone(), Some(trap))),
            }
        }
    }
    for export in &info.exports {
        match export.entity {
            Entity::Global(global) => {
                let bits = machine.global(global);
                seen.push(Seen::Global(
                    export.name.to_string(),
                    show_bits(info.globals[global as usize].content, bits),
                ));
            }
            Entity::Memory(memory) => {
                let data = machine.memory(memory);
                seen.push(Seen::Memory(export.name.to_string(), data.len(), sum(data)));
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

fn all_agree() {
    let first = std::env::var("TIERCEL_SEED").ok().and_then(|seed| seed.parse().ok());
    let count = std::env::var("TIERCEL_MODULES").ok().and_then(|count| count.parse().ok()).unwrap_or(MODULES);
    let seeds = first.map_or(0..count, |seed: u64| seed..seed + 1);
    let (mut ran, mut finished) = (0, 0);
    let engine = Way { fuel: true, ..Way::default() }.engine();
    for seed in seeds {
        // One in four is anything; the others are what that seldom is.
        let bytes = match seed % 4 {
            0 => smith::numbered(seed / 4, Shape { gc: false, ..Shape::in_turn(seed / 4, false) }),
            1 => Some(dense::numbered(seed)),
            _ => Some(nested::numbered(seed)),
        };
        let plan = Plan { seed, calls: 2, all_fuel: false, places: true };
        let Some(bytes) = bytes else { continue };
        let Ok(mut engine) = observe::run(&engine, &bytes, plan) else { continue };
        // The IR interpreter keeps no frames.
        engine.retain(|seen| !matches!(seen, Seen::Frames(_)));
        let usual = translate::Config { fuel: true, ..translate::Config::default() };
        let plain = translate::Config { optimize: false, ..usual };
        let checked = translate::Config { bounds: Bounds::Checked, memories_move: seed.is_multiple_of(3), ..usual };
        let slots = translate::Config { locals_in_slots: true, ..usual };
        let inlined = translate::Config { inlining: Inlining::Random(seed), ..usual };
        let passes: fn(&mut Function) = |func| {
            let options = &mut Options { verify: true, ..Options::default() };
            pipeline::run(func, &mut Scratch::default(), options);
        };
        let agree = |what: &str, ir: &[Seen]| compare(&format_args!("seed {seed}, {what}"), &engine, ir);
        agree("not optimized", &run_ir(plan, &bytes, plain, |_| {}));
        agree("as translated", &run_ir(plan, &bytes, usual, |_| {}));
        agree("accesses checked", &run_ir(plan, &bytes, checked, |_| {}));
        agree("locals in slots", &run_ir(plan, &bytes, slots, passes));
        agree("checked, after all passes", &run_ir(plan, &bytes, checked, passes));
        agree("after all passes", &run_ir(plan, &bytes, usual, passes));
        agree("inlined", &run_ir(plan, &bytes, inlined, |_| {}));
        agree("inlined, after all passes", &run_ir(plan, &bytes, inlined, passes));
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

/// Every function of the real programs in `../shared/corpus`, if they are there, passes the verifier after each pass.
#[test]
fn real_programs_verify() {
    let corpus = match tiercel_tests::paths::shared("corpus") {
        Ok(corpus) => corpus,
        Err(reason) => {
            println!("SKIPPED: {reason}");
            return;
        }
    };
    let mut folders = vec![corpus];
    let mut modules = Vec::new();
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for path in entries.flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "wasm") {
                modules.push(path);
            }
        }
    }
    let (mut translator, mut scratch) = (Translator::default(), Scratch::default());
    for path in modules {
        let bytes = std::fs::read(&path).expect("a file");
        // A module that needs a proposal the engine does not have is refused before the compiler sees it.
        let Ok(info) = tiercel_wasm::decode(&bytes, &Features::default(), &mut TypeRegistry::default()) else {
            continue;
        };
        let layout = machine::layout_of(&info);
        for bounds in [Bounds::Checked, Bounds::Guarded { guard_bytes: 1 << 31 }] {
            let config = translate::Config { bounds, ..translate::Config::default() };
            let callees = Callees::new(&info, &bytes);
            let context = Context { info: &info, bytes: &bytes, layout: &layout, callees: &callees, config };
            for body in 0..info.bodies.len() {
                let func = match translator.translate(context, body) {
                    Ok(func) => func,
                    // Objects of the collected heap are not compiled yet; the error names the instruction.
                    Err(error) if error.kind() == tiercel_wasm::ErrorKind::Unsupported => continue,
                    Err(error) => panic!("{}, body {body}: {error}", path.display()),
                };
                pipeline::run(func, &mut scratch, &mut Options { verify: true, ..Options::default() });
            }
        }
    }
}
