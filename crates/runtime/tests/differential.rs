//! Random modules, run by the interpreter's usual code, by its plain code and by compiled code: results, traps, memories and globals must
//! agree.
//!
//! The plain code keeps every value in its slot and absorbs nothing, so that what differs is what the translator makes of
//! accumulators and neighbouring instructions.

use tiercel::{Engine, Linker, Module, Result, Store, StoreLimitsBuilder, Tier, Trap, Val};
use tiercel_random::observe::{self, Plan, Seen, TierUp, Way};
use tiercel_random::smith::{self, Shape};
use tiercel_random::{dense, nested};

/// Random modules per run of the test of the interpreter.
const MODULES: u64 = 400;
/// Random modules of anything per run of the test of compiled code, each compiled twice.
const COMPILED_MODULES: u64 = 6000;
/// Random modules of control flow, likewise.
const NESTED_MODULES: u64 = 500;
/// Random modules of arithmetic, likewise.
const DENSE_MODULES: u64 = 2000;

/// Random modules per run of the test of fuel.
const FUEL_MODULES: u64 = 300;

/// The seeds of this run.
fn seeds(modules: u64) -> std::ops::Range<u64> {
    let first = std::env::var("TIERCEL_SEED").ok().and_then(|seed| seed.parse().ok());
    let modules = std::env::var("TIERCEL_MODULES").ok().and_then(|count| count.parse().ok()).unwrap_or(modules);
    first.map_or(0..modules, |seed: u64| seed..seed + 1)
}

#[test]
fn usual_and_plain_code_agree() {
    let way = Way { fuel: true, ..Way::default() };
    let usual = way.engine();
    let others = [Way { plain: true, ..way }, Way { gc_stress: true, ..way }].map(|way| (way, way.engine()));
    let mut ran = 0;
    for seed in seeds(MODULES) {
        let Some(bytes) = smith::numbered(seed, Shape::in_turn(seed, false)) else { continue };
        let plan = Plan { seed, calls: 1, all_fuel: true };
        let Ok(expected) = observe::run(&usual, &bytes, plan) else { continue };
        for (way, engine) in &others {
            let found = observe::run(engine, &bytes, plan).expect("the usual engine runs it");
            assert_eq!(expected, found, "seed {seed}, {way:?}");
        }
        ran += 1;
    }
    assert!(ran > 0, "no module ran");
    println!("{ran} modules agree");
}

/// Runs modules interpreted and compiled, plainly and with rare paths made common.
/// Where `same_limits` does not hold a tier may reach a limit that the other does not: the interpreter keeps objects in locals that are not read
/// any more.
fn compiled(modules: u64, calls_each: u32, usual: Way, same_limits: fn(u64) -> bool, make: fn(u64) -> Option<Vec<u8>>) {
    if !Tier::Opt.is_available() {
        println!("nothing is compiled on this host");
        return;
    }
    let interpreter = Way { compiled: false, ..usual }.engine();
    let engine = usual.engine();
    let baseline = Way { baseline: true, ..usual };
    // There is one for some machines only.
    let baseline_engine = Tier::Baseline.is_available().then(|| baseline.engine());
    let (mut ran, mut compiled, mut by_baseline, mut calls, mut returned) = (0, 0, 0, 0, 0);
    for seed in seeds(modules) {
        let Some(bytes) = make(seed) else { continue };
        // Arithmetic has its fuel off, and many accesses without anything in between.
        let plan = Plan { seed, calls: calls_each, all_fuel: false };
        let Ok(expected) = observe::run(&interpreter, &bytes, plan) else { continue };
        let chaos = Way {
            chaos: Some(seed),
            check_widths: seed % 8 < 3,
            checked_memory: seed.is_multiple_of(5),
            no_signals: seed % 4 > 1,
            gc_stress: true,
            ..usual
        };
        let check = |way: Way, engine: &Engine| match observe::run(engine, &bytes, plan) {
            Ok(found) if same_limits(seed) => assert_eq!(expected, found, "seed {seed}, {way:?}"),
            Ok(found) => observe::compare(&format_args!("seed {seed}, {way:?}"), &expected, &found),
            Err(error) => panic!("seed {seed}, {way:?}: {error:#}"),
        };
        check(usual, &engine);
        check(chaos, &chaos.engine());
        if let Some(engine) = &baseline_engine {
            check(baseline, engine);
            let chaos = Way { baseline: true, ..chaos };
            check(chaos, &chaos.engine());
        }
        if Tier::Auto.is_available() {
            let tier_up = match seed % 4 {
                // At once, while it runs, or hardly ever.
                0 => TierUp::Budget([0, 200, 5000][seed as usize / 4 % 3]),
                1 => TierUp::Replaced,
                _ => TierUp::Random(seed),
            };
            let tier_up = Way { tier_up: Some(tier_up), ..chaos };
            check(tier_up, &tier_up.engine());
        }
        ran += 1;
        let count = |kind: fn(&Seen) -> bool| expected.iter().filter(|seen| kind(seen)).count();
        returned += count(|seen| matches!(seen, Seen::Results(..)));
        calls += count(|seen| matches!(seen, Seen::Results(..) | Seen::Trap(..) | Seen::Limit));
        compiled += u32::from(Module::new(&engine, &bytes).is_ok_and(|module| module.tier() == Tier::Opt));
        by_baseline += baseline_engine.as_ref().map_or(1, |engine| {
            u32::from(Module::new(engine, &bytes).is_ok_and(|module| module.tier() == Tier::Baseline))
        });
    }
    println!(
        "{ran} modules agree, {compiled} of them compiled, {by_baseline} by baseline; {returned} of {calls} calls returned"
    );
    assert_eq!(ran, by_baseline, "baseline compiles everything");
    assert!(compiled > 0, "no module was compiled");
    assert!(returned * 4 > calls || ran < 10, "only {returned} of {calls} calls returned");
}

const COMPILED: Way = Way {
    compiled: true,
    baseline: false,
    tier_up: None,
    chaos: None,
    check_widths: false,
    checked_memory: false,
    no_signals: false,
    fuel: true,
    plain: false,
    gc_stress: false,
};

#[test]
fn compiled_and_interpreted_code_agree() {
    // Objects and values of the host in two of three.
    let make = |seed: u64| smith::numbered(seed, Shape::in_turn(seed, seed.is_multiple_of(3)));
    compiled(COMPILED_MODULES, 1, COMPILED, |seed| seed.is_multiple_of(3), make);
}

#[test]
fn compiled_and_interpreted_control_flow_agree() {
    compiled(NESTED_MODULES, 3, COMPILED, |_| true, |seed| Some(nested::numbered(seed)));
}

#[test]
fn compiled_and_interpreted_arithmetic_agree() {
    compiled(DENSE_MODULES, 6, Way { fuel: false, ..COMPILED }, |_| true, |seed| Some(dense::numbered(seed)));
}

/// What a call of a random function has used is exactly what it needs, and what it needs in the interpreter: with one less it is stopped.
#[test]
fn fuel_is_exact() {
    let interpreter = Way { compiled: false, ..COMPILED }.engine();
    let ways = [(Tier::Opt, COMPILED), (Tier::Baseline, Way { baseline: true, ..COMPILED })];
    let available = ways.into_iter().filter(|(tier, _)| tier.is_available());
    let compiled: Vec<Engine> = available.map(|(_, way)| way.engine()).collect();
    let mut calls = 0;
    for seed in seeds(FUEL_MODULES) {
        let Some(bytes) = smith::numbered(seed, Shape::in_turn(seed, true)) else { continue };
        let mut used: Option<Vec<u64>> = None;
        for engine in [&interpreter].into_iter().chain(&compiled) {
            let found = fuel_used(engine, &bytes, seed).unwrap_or_else(|error| panic!("seed {seed}: {error:#}"));
            calls += found.len();
            assert_eq!(*used.get_or_insert_with(|| found.clone()), found, "seed {seed}, {engine:?}");
        }
    }
    assert!(calls > 0, "nothing was called");
    println!("{calls} calls");
}

/// The fuel that the call of each exported function uses which returns, each in an instance of its own.
fn fuel_used(engine: &Engine, bytes: &[u8], seed: u64) -> Result<Vec<u64>> {
    let module = Module::new(engine, bytes)?;
    let call = |name: &str, fuel: u64| -> Result<u64> {
        let mut store = Store::new(engine, StoreLimitsBuilder::new().memory_size(observe::MAX_MEMORY_BYTES).build());
        store.limiter(|limits| limits);
        store.set_fuel(observe::FUEL)?;
        let instance = Linker::new(engine).instantiate(&mut store, &module)?;
        let Some(func) = instance.get_func(&mut store, name) else { return Err(tiercel::format_err!("no function")) };
        let ty = func.ty(&store);
        let mut results: Vec<Val> = ty.results().map(|_| Val::I32(0)).collect();
        store.set_fuel(fuel)?;
        func.call(&mut store, &observe::arguments(&ty, seed), &mut results)?;
        Ok(fuel - store.get_fuel()?)
    };
    let mut all = Vec::new();
    for export in module.exports() {
        let Ok(used) = call(export.name(), observe::FUEL) else { continue };
        assert_eq!(call(export.name(), used)?, used, "{}", export.name());
        if used > 0 {
            let error = call(export.name(), used - 1).expect_err("too little");
            assert_eq!(error.downcast_ref::<Trap>(), Some(&Trap::OutOfFuel), "{}", export.name());
        }
        all.push(used);
    }
    Ok(all)
}
