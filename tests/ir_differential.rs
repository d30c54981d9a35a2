//! Random modules, translated to IR and run by the IR interpreter, against the same modules in the engine's interpreter.
//!
//! Results, traps, memories and globals must agree; every function must pass the verifier, and its text form must read back as itself.
//! Several ways of translating are compared: with and without rules, with every access checked, with locals in frame slots, before and
//! after the passes.

use arbitrary::Unstructured;
use tiercel::{Config, Engine, Extern, Instance, Linker, Module, Store, Trap, Val};
use tiercel_compiler::ir::interp::Stop;
use tiercel_compiler::ir::machine::{self, Limits, Machine};
use tiercel_compiler::ir::{Function, parse, verify};
use tiercel_compiler::opt::Scratch;
use tiercel_compiler::pipeline::{self, Options};
use tiercel_compiler::translate::{self, Bounds, Callees, Context, Inlining, Translator};
use tiercel_wasm::module::Entity;
use tiercel_wasm::{Features, TypeRegistry, ValType};

/// Random modules per run of this test.
const MODULES: u64 = 300;
/// Fuel for each call: random loops do not end by themselves.
const FUEL: u64 = 5_000;
/// What functions get for each `i32`.
const ARGUMENT: i32 = 5;
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
        memory64_enabled: seed.is_multiple_of(4),
        min_funcs: 2,
        multi_value_enabled: true,
        reference_types_enabled: true,
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

/// A module with one memory and some functions made of nested constructs, branches to all of them, and few locals, which call each other:
/// what wasm-smith makes seldom.
struct Nested {
    random: Vec<u8>,
    at: usize,
    text: String,
    /// Whether the labels of the constructs that are open take a value; the function's comes first.
    labels: Vec<bool>,
    budget: u32,
    /// The function that is made.
    func: u32,
}

/// Functions of such a module, and the first of those that are small.
const FUNCS: u32 = 8;
const FIRST_SMALL: u32 = 3;

impl Nested {
    fn module(seed: u64) -> Vec<u8> {
        let mut random = Nested {
            random: random_bytes(seed, 6000),
            at: 0,
            text: String::new(),
            labels: Vec::new(),
            budget: 0,
            func: 0,
        };
        let mut text =
            String::from("(module (memory (export \"m\") 1 2) (global $g (export \"g\") (mut i32) (i32.const 7))\n");
        text += "(table funcref (elem 0 1 1 0))\n";
        for func in 0..FUNCS {
            random.text.clear();
            random.labels = vec![true];
            random.budget = if func < FIRST_SMALL { 60 } else { random.below(6) };
            random.func = func;
            random.statements(0);
            let result = random.below(4);
            text += &format!(
                "(func (export \"{func}\") (param i32 i32) (result i32) (local i32 i32 i64 i64)\n{} (local.get {result}))\n",
                random.text
            );
        }
        text += ")";
        wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    fn below(&mut self, limit: u32) -> u32 {
        self.at = (self.at + 1) % self.random.len();
        u32::from(self.random[self.at]) % limit
    }

    fn add(&mut self, text: &str) {
        self.text += text;
        self.text.push('\n');
    }

    /// An expression of type `i32`.
    fn expression(&mut self, depth: u32) -> String {
        let kind = self.below(if depth > 2 { 3 } else { 16 });
        let sub = |this: &mut Nested| this.expression(depth + 1);
        match kind {
            0 | 1 => format!("(local.get {})", self.below(4)),
            2 => format!("(i32.const {})", self.below(9) as i32 - 2),
            3 => format!("(i32.load offset={} (i32.and (i32.const 0xfff8) {}))", 8 * self.below(3), sub(self)),
            4 => format!("(i32.wrap_i64 (local.get {}))", 4 + self.below(2)),
            5 => String::from("(global.get $g)"),
            6 => format!("(select {} {} {})", sub(self), sub(self), sub(self)),
            7 => format!("(i32.eqz {})", sub(self)),
            8 => format!("(i32.load8_u (i32.and (i32.const 0xff) {}))", sub(self)),
            9 => format!("(i32.div_u {} {})", sub(self), sub(self)),
            10 | 11 => {
                let func = self.callee();
                format!("(call {func} {} {})", sub(self), sub(self))
            }
            12 if self.below(4) == 0 => {
                format!("(call_indirect (param i32 i32) (result i32) {} {} {})", sub(self), sub(self), sub(self))
            }
            _ => {
                let ops = ["add", "sub", "mul", "and", "or", "xor", "shl", "shr_u", "lt_s", "eq", "ne", "gt_u", "rotl"];
                let op = ops[self.below(ops.len() as u32) as usize];
                format!("(i32.{op} {} {})", sub(self), sub(self))
            }
        }
    }

    /// A function to call: seldom one that may lead back to this one.
    fn callee(&mut self) -> u32 {
        let first = if self.func + 1 == FUNCS || self.below(16) == 0 { 0 } else { self.func + 1 };
        first + self.below(FUNCS - first)
    }

    /// A label with or without a value.
    fn label(&mut self, wants_value: bool) -> Option<usize> {
        let found: Vec<usize> = (0..self.labels.len()).filter(|&at| self.labels[at] == wants_value).collect();
        if found.is_empty() {
            return None;
        }
        let index = found[self.below(found.len() as u32) as usize];
        Some(self.labels.len() - 1 - index)
    }

    fn statements(&mut self, depth: u32) {
        for _ in 0..1 + self.below(6) {
            if self.budget == 0 {
                return;
            }
            self.budget -= 1;
            self.statement(depth);
        }
    }

    fn statement(&mut self, depth: u32) {
        let deep = depth > 8;
        match self.below(17) {
            0..=3 => {
                let value = self.expression(0);
                let local = self.below(4);
                self.add(&format!("(local.set {local} {value})"));
            }
            4 => {
                let (local, other) = (4 + self.below(2), 4 + self.below(2));
                let value = self.expression(1);
                self.add(&format!("(local.set {local} (i64.add (local.get {other}) (i64.extend_i32_u {value})))"));
            }
            5 => {
                let (address, value) = (self.expression(1), self.expression(1));
                let offset = 8 * self.below(3);
                self.add(&format!("(i32.store offset={offset} (i32.and (i32.const 0xfff8) {address}) {value})"));
            }
            6 => {
                let value = self.expression(1);
                self.add(&format!("(global.set $g {value})"));
            }
            7 if self.below(8) == 0 => self.add("(drop (memory.grow (i32.const 1)))"),
            7 | 8 => {
                if let Some(label) = self.label(false) {
                    let condition = self.expression(1);
                    self.add(&format!("(br_if {label} {condition})"));
                }
            }
            9 => {
                if let Some(label) = self.label(true) {
                    let (value, condition) = (self.expression(1), self.expression(1));
                    self.add(&format!("(drop (br_if {label} {value} {condition}))"));
                }
            }
            10 if depth > 1 => {
                let with_value = self.below(3) == 0;
                let labels: Vec<String> =
                    (0..1 + self.below(5)).filter_map(|_| self.label(with_value)).map(|at| at.to_string()).collect();
                if !labels.is_empty() {
                    let value = if with_value { self.expression(1) } else { String::new() };
                    let index = self.expression(1);
                    self.add(&format!("(br_table {} {value} {index})", labels.join(" ")));
                }
            }
            11 if depth > 2 => {
                let value = self.expression(1);
                self.add(&format!("(return {value})"));
            }
            12 if depth > 1 && self.below(2) == 0 => {
                let (func, first, second) = (self.callee(), self.expression(1), self.expression(1));
                self.add(&format!("(return_call {func} {first} {second})"));
            }
            12 if depth > 2 && self.below(3) == 0 => self.add("(unreachable)"),
            _ if deep => {}
            13 => {
                // A block with a value.
                self.add("(block (result i32)");
                self.labels.push(true);
                self.statements(depth + 1);
                self.labels.pop();
                let value = self.expression(1);
                let local = self.below(4);
                self.add(&format!("{value}) (local.set {local})"));
            }
            14 => {
                self.add("(loop");
                self.inside(depth);
                self.add(")");
            }
            15 => {
                let condition = self.expression(1);
                self.add(&format!("(if {condition} (then"));
                self.inside(depth);
                if self.below(2) == 0 {
                    self.add(") (else");
                    self.inside(depth);
                }
                self.add("))");
            }
            _ => {
                self.add("(block");
                self.inside(depth);
                self.add(")");
            }
        }
    }

    fn inside(&mut self, depth: u32) {
        self.labels.push(false);
        self.statements(depth + 1);
        self.labels.pop();
    }
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
        Val::AnyRef(object) => format!("ref {}", object.is_some()),
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
        let args: Vec<Val> = ty
            .params()
            .map(|ty| match ty {
                tiercel::ValType::I32 => Val::I32(ARGUMENT),
                ty => Val::default_for_ty(&ty).unwrap_or(Val::I32(0)),
            })
            .collect();
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
        Err(Stop::Trap(trap)) => return vec![Seen::Trap(Some(trap))],
        Err(Stop::Steps) => return vec![Seen::Limit],
    };
    let mut seen = Vec::new();
    for export in &info.exports {
        let Entity::Func(func) = export.entity else { continue };
        let ty = info.func_type(func);
        let args: Vec<u128> =
            ty.params().iter().map(|&ty| if ty == ValType::I32 { ARGUMENT as u128 } else { 0 }).collect();
        match machine.call_func(func, &args) {
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
        // Every other module is of our own making.
        let bytes = if seed % 2 == 1 { Some(Nested::module(seed)) } else { random_module(seed / 2) };
        let Some(bytes) = bytes else { continue };
        let Some(engine) = run_engine(&bytes) else { continue };
        let usual = translate::Config { fuel: true, ..translate::Config::default() };
        let plain = translate::Config { optimize: false, ..usual };
        let checked = translate::Config { bounds: Bounds::Checked, memories_move: seed.is_multiple_of(3), ..usual };
        let slots = translate::Config { locals_in_slots: true, ..usual };
        let inlined = translate::Config { inlining: Inlining::Random(seed), ..usual };
        let passes: fn(&mut Function) = |func| {
            let options = &mut Options { verify: true, ..Options::default() };
            pipeline::run(func, &mut Scratch::default(), options);
        };
        compare(seed, "not optimized", &engine, &run_ir(seed, &bytes, plain, |_| {}));
        compare(seed, "as translated", &engine, &run_ir(seed, &bytes, usual, |_| {}));
        compare(seed, "accesses checked", &engine, &run_ir(seed, &bytes, checked, |_| {}));
        compare(seed, "locals in slots", &engine, &run_ir(seed, &bytes, slots, passes));
        compare(seed, "checked, after all passes", &engine, &run_ir(seed, &bytes, checked, passes));
        compare(seed, "after all passes", &engine, &run_ir(seed, &bytes, usual, passes));
        compare(seed, "inlined", &engine, &run_ir(seed, &bytes, inlined, |_| {}));
        compare(seed, "inlined, after all passes", &engine, &run_ir(seed, &bytes, inlined, passes));
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
