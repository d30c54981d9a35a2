//! Memories of instances that are gone are used again: nothing of the old contents is left, data is as the module says, and bounds are bounds.

use crate::config;
use tiercel::{Config, Engine, Func, Instance, Module, Result, Store, Tier, Trap};

/// Bytes and where they are.
type Data = &'static [(usize, &'static [u8])];

/// Modules with memories of different sizes, with and without data: their text, and what their memory holds at first.
const MODULES: &[(&str, u64, Data)] = &[
    ("(memory (export \"m\") 1)", 1, &[]),
    (
        "(memory (export \"m\") 2 8) (data (i32.const 0) \"start\") (data (i32.const 70000) \"far\")",
        2,
        &[(0, b"start"), (70_000, b"far")],
    ),
    // Later data goes over earlier data, and up to the end.
    (
        "(memory (export \"m\") 1) (data (i32.const 65530) \"ending\") (data (i32.const 65531) \"x\")",
        1,
        &[(65_530, b"exding")],
    ),
    ("(memory (export \"m\") i64 3 9) (data (i64.const 131072) \"third page\")", 3, &[(131_072, b"third page")]),
    ("(memory (export \"m\") 0 4)", 0, &[]),
    // Not known beforehand.
    ("(global $at i32 (i32.const 5)) (memory (export \"m\") 1) (data (global.get $at) \"moved\")", 1, &[(5, b"moved")]),
];

fn text(body: &str) -> String {
    let address = if body.contains("i64 ") { "i64" } else { "i32" };
    format!(
        "(module {body} (func (export \"load\") (param {address}) (result i32) (i32.load8_u (local.get 0)))
        (func (export \"grow\") (param {address}) (result {address}) (memory.grow (local.get 0))))"
    )
}

/// One byte by the guest: whatever its address is.
fn load(store: &mut Store<()>, instance: &Instance, at: u64) -> Result<i32> {
    match instance.get_typed_func::<u64, i32>(&mut *store, "load") {
        Ok(load) => load.call(store, at),
        Err(_) => instance.get_typed_func::<u32, i32>(&mut *store, "load")?.call(store, at as u32),
    }
}

/// What guests do to their memory: to all of it, and to so little that it is restored byte by byte.
const SPOILERS: [fn(&mut [u8]); 2] = [
    |bytes| bytes.fill(0xaa),
    |bytes| {
        let len = bytes.len();
        for at in [0, 3, 4095, 4096, 3 * 4096 + 7, len / 2, len.saturating_sub(4097), len.saturating_sub(1)] {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = 0xaa;
            }
        }
    },
];

fn check(engine: &Engine, module: &Module, number: usize, spoil: fn(&mut [u8]), what: &str) -> Result<()> {
    let (_, pages, data) = MODULES[number];
    let mut store = Store::new(engine, ());
    let instance = Instance::new(&mut store, module, &[])?;
    let memory = instance.get_memory(&mut store, "m").expect("it is exported");
    let mut expected = vec![0; pages as usize * 65_536];
    for (start, bytes) in data {
        expected[*start..start + bytes.len()].copy_from_slice(bytes);
    }
    assert!(memory.data(&store) == expected, "{what}, module {number}: old contents");
    let bounds = |store: &mut Store<()>, len: u64| {
        if len != 0 {
            load(store, &instance, len - 1).expect("inside");
        }
        for at in [len, len + 4096, len + 65_536, 1 << 24, u64::from(u32::MAX)] {
            let error = load(store, &instance, at).expect_err("outside");
            assert_eq!(
                error.downcast_ref(),
                Some(&Trap::MemoryOutOfBounds),
                "{what}, module {number}: byte {at} of {len}"
            );
        }
    };
    bounds(&mut store, pages * 65_536);
    spoil(memory.data_mut(&mut store));
    if memory.grow(&mut store, 1).is_ok() {
        let len = memory.data_size(&store);
        assert!(memory.data(&store)[pages as usize * 65_536..].iter().all(|&byte| byte == 0), "{what}: a new page");
        spoil(memory.data_mut(&mut store));
        bounds(&mut store, len as u64);
    }
    Ok(())
}

fn combinations(modules: usize) -> impl Iterator<Item = (usize, usize, fn(&mut [u8]))> {
    let pairs = (0..modules).flat_map(move |first| (0..modules).map(move |second| (first, second)));
    pairs.flat_map(|(first, second)| SPOILERS.map(|spoil| (first, second, spoil)))
}

/// Every module after every other one, in each configuration of memories.
fn check_grid(tier: Tier) -> Result<()> {
    let sizes: [fn(&mut Config) -> &mut Config; 6] = [
        |config| config,
        |config| config.memory_reservation(0),
        |config| config.memory_reservation(0).memory_guard_size(0).memory_may_move(false),
        |config| config.memory_reservation(1 << 20).memory_guard_size(1 << 16),
        |config| config.memory_reservation(1 << 20).memory_may_move(false),
        |config| config.memory_reservation(1 << 32).memory_guard_size(0),
    ];
    for (number, sizes) in sizes.into_iter().enumerate() {
        for signals in [true, false] {
            let mut config = config();
            let engine = Engine::new(sizes(config.tier(tier).signals_based_traps(signals)))?;
            let modules = MODULES.iter().map(|(body, ..)| Module::new(&engine, text(body)));
            let modules = modules.collect::<Result<Vec<_>>>()?;
            for (first, second, spoil) in combinations(modules.len()) {
                for module in [first, second, second] {
                    let what = format!("configuration {number}, signals {signals}");
                    check(&engine, &modules[module], module, spoil, &what)?;
                }
            }
        }
    }
    Ok(())
}

#[test]
fn nothing_is_left_of_memories_that_are_gone() -> Result<()> {
    check_grid(crate::TIER)
}

/// Once, beside the tiers whose code it has.
#[test]
#[cfg(target_arch = "x86_64")]
fn nothing_is_left_of_memories_that_are_gone_under_auto() -> Result<()> {
    if crate::TIER == Tier::Opt { check_grid(Tier::Auto) } else { Ok(()) }
}

#[test]
fn many_threads_make_instances() -> Result<()> {
    let engine = Engine::new(&config())?;
    let modules = MODULES.iter().map(|(body, ..)| Module::new(&engine, text(body))).collect::<Result<Vec<_>>>()?;
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (engine, modules) = (&engine, &modules);
            scope.spawn(move || {
                for round in 0..40 {
                    let number = (thread + round) % modules.len();
                    check(engine, &modules[number], number, SPOILERS[round % 2], "threads").expect("it holds");
                }
            });
        }
    });
    Ok(())
}

const INSTANCES: u32 = 3000;

/// The memory that this process has, as far as the host tells.
fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").trim().parse::<u64>().ok());
    kilobytes.map_or(0, |kilobytes| kilobytes << 10)
}

/// Instances of one module do not see each other's memory, and thousands of them live at once.
#[test]
fn thousands_of_instances_live_at_once() -> Result<()> {
    let engine = Engine::new(&config())?;
    let module = Module::new(&engine, text(MODULES[1].0))?;
    let before = resident_bytes();
    let mut stores = Vec::new();
    for number in 0..INSTANCES {
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[])?;
        let memory = instance.get_memory(&mut store, "m").expect("it is exported");
        memory.data_mut(&mut store)[70_000..70_004].copy_from_slice(&number.to_le_bytes());
        stores.push((store, memory));
    }
    // Other tests run meanwhile; ten thousand have to fit into a gigabyte.
    let bytes = resident_bytes().saturating_sub(before) / u64::from(INSTANCES);
    assert!(bytes < 100_000, "{bytes} bytes for an instance");
    for (number, (store, memory)) in stores.iter().enumerate() {
        assert_eq!(memory.data(store)[70_000..70_004], (number as u32).to_le_bytes());
        assert_eq!(&memory.data(store)[..5], b"start");
    }
    Ok(())
}

/// Tables and globals are as the module says in each instance, whatever the ones before have done: whether that is known beforehand or not.
#[test]
fn nothing_is_left_of_tables_that_are_gone() -> Result<()> {
    const TABLES: &[(&str, &str)] = &[
        ("(table $t (export \"t\") 4 funcref) (elem (i32.const 1) func $a $b)", "0ab0"),
        ("(table $t (export \"t\") 4 funcref) (elem (i32.const 0) func $h $a) (elem (i32.const 1) func $b $h)", "hbh0"),
        (
            "(table $t (export \"t\") 4 funcref (ref.func $a)) (elem (i32.const 1) funcref (ref.null func) (ref.func $h))",
            "a0ha",
        ),
        ("(table $t (export \"t\") 3 funcref) (elem declare func $a) (elem func $b)", "000"),
        (
            "(global $at i32 (i32.const 2)) (table $t (export \"t\") 4 funcref) (elem (global.get $at) func $a)
             (elem (i32.const 0) funcref (item global.get $first))",
            "a0a0",
        ),
        ("(table 2 externref) (table $t (export \"t\") i64 2 funcref) (elem (table $t) (i64.const 1) func $b)", "0b"),
        ("(table $t (export \"t\") 100000 funcref) (elem (i32.const 3) func $b)", "000b0"),
    ];
    let engine = Engine::new(&config())?;
    for (body, expected) in TABLES {
        let module = Module::new(
            &engine,
            format!(
                "(module (import \"o\" \"h\" (func $h (result i32))) (global $first funcref (ref.func $a))
                (global $count (mut i32) (i32.const 5)) {body} (export \"a\" (func $a))
                (func $a (result i32)
                    (global.set $count (i32.add (global.get $count) (i32.const 1)))
                    (global.get $count))
                (func $b (result i32) (i32.const 66)))"
            ),
        )?;
        for _ in 0..4 {
            let mut store = Store::new(&engine, ());
            let host = Func::wrap(&mut store, || 77);
            let instance = Instance::new(&mut store, &module, &[host.into()])?;
            let table = instance.get_table(&mut store, "t").expect("it is exported");
            let mut count = 5;
            for (at, name) in expected.chars().enumerate() {
                let element = table.get(&mut store, at as u64).expect("inside");
                let result = match element.as_func().expect("a reference to a function") {
                    Some(func) => Some(func.typed::<(), i32>(&store)?.call(&mut store, ())?),
                    None => None,
                };
                count += i32::from(name == 'a');
                let expected = [('a', count), ('b', 66), ('h', 77)].into_iter().find(|(known, _)| *known == name);
                assert_eq!(result, expected.map(|(_, value)| value), "{body}: element {at}");
            }
            let func = instance.get_func(&mut store, "a").expect("it is exported");
            table.fill(&mut store, 0, func.into(), expected.len() as u64)?;
            table.grow(&mut store, 1000, func.into())?;
        }
    }
    Ok(())
}

/// What fails in the middle leaves to others what it has done until then, and no more.
#[test]
fn a_failed_instance_has_its_data_only_if_it_came_so_far() -> Result<()> {
    let engine = Engine::new(&config())?;
    let table = Module::new(&engine, "(module (table (export \"t\") 1 funcref))")?;
    let failing = Module::new(
        &engine,
        "(module (import \"o\" \"t\" (table 1 funcref)) (memory 1) (data (i32.const 0) \"data\")
            (func $read (result i32) (i32.load8_u (i32.const 0)))
            (elem (i32.const 0) $read) (elem (i32.const 1) $read))",
    )?;
    for _ in 0..3 {
        let mut store = Store::new(&engine, ());
        let owner = Instance::new(&mut store, &table, &[])?;
        let table = owner.get_table(&mut store, "t").expect("it is exported");
        assert!(Instance::new(&mut store, &failing, &[table.into()]).is_err());
        let read = table.get(&mut store, 0).expect("inside");
        let read = read.as_func().expect("a reference to a function").expect("not null").typed::<(), i32>(&store)?;
        assert_eq!(read.call(&mut store, ())?, 0);
    }
    Ok(())
}
