//! A module, run: all that can be seen of it.

use crate::bytes;
use std::fmt;
use tiercel::{
    Config, Engine, Extern, FuncType, Instance, Linker, Module, Result, Store, StoreLimitsBuilder, Tier, Trap, Val,
    ValType, WasmBacktrace,
};

/// Fuel for each call: random loops do not end by themselves.
pub const FUEL: u64 = 20_000;
/// Bytes of each memory and of the collected heap: random arrays are as long as numbers are large.
pub const MAX_MEMORY_BYTES: usize = 4 << 20;
/// Elements of each table.
const MAX_TABLE_ELEMENTS: usize = 10_000;

/// How an engine runs modules.
#[derive(Clone, Copy, Debug, Default)]
pub struct Way {
    /// Compiled code, checked by the compiler itself, rather than the interpreter.
    pub compiled: bool,
    /// That code is the baseline compiler's.
    pub baseline: bool,
    /// Functions are compiled by the baseline compiler when they are called, and optimized so.
    pub tier_up: Option<TierUp>,
    /// Rare paths of the compiler, by a seed.
    pub chaos: Option<u64>,
    /// Compiled code tests that the upper half of each `i32` is zero.
    pub check_widths: bool,
    /// Memories are not reserved, so that each access is checked.
    pub checked_memory: bool,
    /// No signals: traps are calls.
    pub no_signals: bool,
    /// Guests have only so much [`FUEL`].
    pub fuel: bool,
    /// The interpreter's plain code.
    pub plain: bool,
    /// Collections at every allocation.
    pub gc_stress: bool,
}

/// When functions are optimized.
#[derive(Clone, Copy, Debug)]
pub enum TierUp {
    /// In the background, after so much work.
    Budget(u32),
    /// While the guest waits, as soon as they are called; loops are replaced in their first round.
    Replaced,
    /// While the guest waits, at random by this seed.
    Random(u64),
}

impl Way {
    /// An engine that runs modules this way.
    pub fn engine(self) -> Engine {
        let mut config = Config::new();
        let compiler = match self.tier_up {
            Some(_) => Tier::Auto,
            None if self.baseline => Tier::Baseline,
            None => Tier::Opt,
        };
        match self.tier_up {
            None => &mut config,
            Some(TierUp::Budget(budget)) => config.tier_up_budget(budget),
            Some(TierUp::Replaced) => config.tier_up_budget(0).tier_up_threads(0),
            Some(TierUp::Random(seed)) => config.tier_up_seed(Some(seed)).tier_up_threads(0),
        };
        config.tier(if self.compiled { compiler } else { Tier::Interp }).consume_fuel(self.fuel);
        config.plain_interpreter(self.plain).gc_stress(self.gc_stress).wasm_wide_arithmetic(true);
        config.verify_compiler(true).compiler_chaos(self.chaos).compiler_threads(1).check_widths(self.check_widths);
        config.signals_based_traps(!self.no_signals);
        if self.checked_memory {
            config.memory_reservation(0).memory_guard_size(0);
        }
        Engine::new(&config).expect("a valid configuration")
    }
}

/// What is done with a module, and what is told of it.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// What arguments are made of.
    pub seed: u64,
    /// How often each function is called.
    pub calls: u32,
    /// Whether it is told where fuel ends, and how much a trap leaves of it; tiers agree only on the fuel of what returns.
    pub all_fuel: bool,
}

/// One thing that was seen.
#[derive(Clone, PartialEq)]
pub enum Seen {
    /// A function returned this.
    Results(String, Vec<String>),
    /// A function was stopped, or the module's start.
    Trap(String, Option<Trap>),
    /// The functions that were running when one was stopped, the innermost first, and where in the module, in bytes.
    Frames(Vec<(u32, Option<usize>)>),
    /// Fuel after a call.
    Fuel(u64),
    /// What a global is at the end.
    Global(String, String),
    /// Length and checksum of a memory at the end.
    Memory(String, usize, u64),
    /// A limit was reached, at which nothing more can be said.
    Limit,
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Seen::Results(name, values) => write!(f, "{name} returns {}", values.join(", ")),
            Seen::Trap(name, trap) => write!(f, "{name} ends with {trap:?}"),
            Seen::Frames(frames) => write!(f, "in {frames:?}"),
            Seen::Fuel(fuel) => write!(f, "{fuel} of fuel are left"),
            Seen::Global(name, value) => write!(f, "global {name} is {value}"),
            Seen::Memory(name, len, sum) => write!(f, "memory {name} has {len} bytes, {sum:x}"),
            Seen::Limit => f.write_str("a limit"),
        }
    }
}

/// Holds what was seen of a module one way against what was seen another way.
///
/// # Panics
/// They differ before a limit was reached.
pub fn compare(what: &dyn fmt::Display, expected: &[Seen], found: &[Seen]) {
    for (a, b) in expected.iter().zip(found) {
        if *a == Seen::Limit || *b == Seen::Limit {
            return;
        }
        assert_eq!(a, b, "{what}");
    }
    assert_eq!(expected.len(), found.len(), "{what}");
}

/// Everything that can be seen of a value.
pub fn show(value: &Val) -> String {
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

/// A checksum of a memory.
pub fn sum(data: &[u8]) -> u64 {
    data.iter().fold(0_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)))
}

/// Bits of arguments: in every fourth call all 0, else at random, often small or at the edge of their type.
pub fn argument_bits(count: usize, seed: u64) -> Vec<u64> {
    let mut random = bytes::from_seed(seed, 8 * (2 * count + 1)).into_iter();
    let mut next = || u64::from_le_bytes(std::array::from_fn(|_| random.next().unwrap_or_default()));
    let all_default = next().is_multiple_of(4);
    let bits = |_| {
        let (choice, bits) = (next(), next());
        match choice % 4 {
            _ if all_default => 0,
            0 => bits % 8,
            1 => (1 << (bits % 64)) - (bits >> 63),
            _ => bits,
        }
    };
    (0..count).map(bits).collect()
}

/// Arguments of a function: of numbers as [`argument_bits`] has them, else the default.
pub fn arguments(ty: &FuncType, seed: u64) -> Vec<Val> {
    let bits = argument_bits(ty.params().len(), seed);
    let values = ty.params().zip(bits).map(|(ty, bits)| match ty {
        ValType::I32 => Val::I32(bits as i32),
        ValType::I64 => Val::I64(bits as i64),
        ValType::F32 => Val::F32((bits as i32 as f32).to_bits()),
        ValType::F64 => Val::F64((bits as i64 as f64).to_bits()),
        ValType::V128 => Val::V128((u128::from(bits) << 64 | u128::from(bits.rotate_left(9))).into()),
        ty => Val::default_for_ty(&ty).unwrap_or(Val::I32(0)),
    });
    values.collect()
}

/// Calls every exported function and tells all that can be seen of it.
///
/// # Errors
/// The module is not valid, or has what the engine does not run.
pub fn run(engine: &Engine, bytes: &[u8], plan: Plan) -> Result<Vec<Seen>> {
    let module = Module::new(engine, bytes)?;
    let limits = StoreLimitsBuilder::new().memory_size(MAX_MEMORY_BYTES).table_elements(MAX_TABLE_ELEMENTS).build();
    let mut store = Store::new(engine, limits);
    store.limiter(|limits| limits);
    let has_fuel = store.set_fuel(FUEL).is_ok();
    let instance: Instance = match Linker::new(engine).instantiate(&mut store, &module) {
        Ok(instance) => instance,
        Err(error) => return Ok(vec![Seen::Trap("start".into(), error.downcast_ref::<Trap>().copied())]),
    };
    let mut seen = Vec::new();
    let exports: Vec<(String, Extern)> =
        instance.exports(&mut store).map(|export| (export.name().to_string(), export.into_extern())).collect();
    for (name, export) in &exports {
        let Extern::Func(func) = export else { continue };
        let ty = func.ty(&store);
        for call in 0..u64::from(plan.calls) {
            let args = arguments(&ty, plan.seed.wrapping_add(call << 32));
            let mut results: Vec<Val> = ty.results().map(|_| Val::I32(0)).collect();
            if has_fuel {
                store.set_fuel(FUEL)?;
            }
            match func.call(&mut store, &args, &mut results) {
                Ok(()) => seen.push(Seen::Results(name.clone(), results.iter().map(show).collect())),
                Err(error) => {
                    let trap = error.downcast_ref::<Trap>().copied();
                    if !plan.all_fuel
                        && matches!(trap, Some(Trap::OutOfFuel | Trap::StackOverflow | Trap::GcHeapOutOfMemory))
                    {
                        seen.push(Seen::Limit);
                        return Ok(seen);
                    }
                    seen.push(Seen::Trap(name.clone(), trap));
                    if let Some(trace) = error.downcast_ref::<WasmBacktrace>() {
                        let frames = trace.frames().iter().map(|frame| {
                            let place = frame.module_offset();
                            (frame.func_index(), place)
                        });
                        seen.push(Seen::Frames(frames.collect()));
                    }
                    if !plan.all_fuel {
                        continue;
                    }
                }
            }
            if has_fuel {
                seen.push(Seen::Fuel(store.get_fuel()?));
            }
        }
    }
    for (name, export) in &exports {
        match export {
            Extern::Global(global) => {
                let value = global.get(&mut store);
                seen.push(Seen::Global(name.clone(), show(&value)));
            }
            Extern::Memory(memory) => {
                let data = memory.data(&store);
                seen.push(Seen::Memory(name.clone(), data.len(), sum(data)));
            }
            _ => {}
        }
    }
    Ok(seen)
}
