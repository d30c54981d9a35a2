//! What guests may use.

use crate::chain;
use tiercel::{
    Engine, Error, ErrorKind, Instance, Memory, MemoryType, Module, Ref, RefType, ResourceLimiter, Result, Store,
    StoreLimits, StoreLimitsBuilder, Table, TableType, Trap,
};

const PAGE: usize = 1 << 16;

const GROWS: &str = r#"(module
    (memory (export "memory") 1)
    (table (export "table") 1 funcref)
    (func (export "memory_grow") (param i32) (result i32) (memory.grow (local.get 0)))
    (func (export "table_grow") (param i32) (result i32) (table.grow (ref.null func) (local.get 0))))"#;

fn limited(limits: StoreLimits) -> Store<StoreLimits> {
    let mut store = Store::new(&crate::engine(), limits);
    store.limiter(|limits| limits);
    store
}

#[test]
fn guests_grow_up_to_the_limit() -> Result<()> {
    let mut store = limited(StoreLimitsBuilder::new().memory_size(2 * PAGE).table_elements(5).build());
    let module = Module::new(store.engine(), GROWS)?;
    let instance = Instance::new(&mut store, &module, &[])?;
    let memory_grow = instance.get_typed_func::<i32, i32>(&mut store, "memory_grow")?;
    assert_eq!(memory_grow.call(&mut store, 1)?, 1);
    assert_eq!(memory_grow.call(&mut store, 1)?, -1);
    assert_eq!(memory_grow.call(&mut store, 0)?, 2);
    assert_eq!(memory_grow.call(&mut store, -1)?, -1);
    let table_grow = instance.get_typed_func::<i32, i32>(&mut store, "table_grow")?;
    assert_eq!(table_grow.call(&mut store, 4)?, 1);
    assert_eq!(table_grow.call(&mut store, 1)?, -1);
    Ok(())
}

#[test]
fn a_refused_growth_can_stop_the_guest() -> Result<()> {
    let limits = StoreLimitsBuilder::new().memory_size(PAGE).table_elements(1).trap_on_grow_failure(true);
    let mut store = limited(limits.build());
    let module = Module::new(store.engine(), GROWS)?;
    let instance = Instance::new(&mut store, &module, &[])?;
    for name in ["memory_grow", "table_grow"] {
        let error = instance.get_typed_func::<i32, i32>(&mut store, name)?.call(&mut store, 1).unwrap_err();
        assert!(format!("{error:#}").contains("over the limit"), "{error:?}");
    }
    Ok(())
}

#[test]
fn the_host_meets_the_same_limits() -> Result<()> {
    let limits = StoreLimitsBuilder::new().memory_size(2 * PAGE).table_elements(3).memories(2).tables(1).instances(1);
    let mut store = limited(limits.build());
    let error = Memory::new(&mut store, MemoryType::new(3, None)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit);
    let memory = Memory::new(&mut store, MemoryType::new(1, None))?;
    assert_eq!(memory.grow(&mut store, 1)?, 1);
    assert!(chain(memory.grow(&mut store, 1)).contains("failed to grow the memory by 1 pages"));
    Memory::new(&mut store, MemoryType::new(0, None))?;
    assert!(chain(Memory::new(&mut store, MemoryType::new(0, None))).contains("memory count too high at 3"));

    let ty = TableType::new(RefType::FUNCREF, 3, None);
    let table = Table::new(&mut store, ty, Ref::Func(None))?;
    assert!(chain(table.grow(&mut store, 1, Ref::Func(None))).contains("failed to grow the table"));
    assert!(chain(Table::new(&mut store, ty, Ref::Func(None))).contains("table count too high at 2"));

    let empty = Module::new(store.engine(), "(module)")?;
    Instance::new(&mut store, &empty, &[])?;
    assert!(chain(Instance::new(&mut store, &empty, &[])).contains("instance count too high at 2"));
    Ok(())
}

#[test]
fn instances_count_what_they_bring() -> Result<()> {
    let mut store = limited(StoreLimitsBuilder::new().memories(1).build());
    let module = Module::new(store.engine(), "(module (memory 1) (memory 1))")?;
    assert!(chain(Instance::new(&mut store, &module, &[])).contains("memory count too high at 2"));
    let mut store = limited(StoreLimitsBuilder::new().memory_size(PAGE).build());
    let module = Module::new(store.engine(), "(module (memory 2))")?;
    assert!(chain(Instance::new(&mut store, &module, &[])).contains("memory minimum size of 2 pages"));
    Ok(())
}

/// Writes down what it is asked.
#[derive(Default)]
struct Recorder {
    asked: Vec<(usize, usize, Option<usize>)>,
    failed: Vec<String>,
}

impl ResourceLimiter for Recorder {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        self.asked.push((current, desired, maximum));
        Ok(true)
    }

    fn memory_grow_failed(&mut self, error: Error) -> Result<()> {
        self.failed.push(error.to_string());
        Ok(())
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        self.asked.push((current, desired, maximum));
        Ok(desired < 100)
    }
}

#[test]
fn limiters_hear_of_every_growth() -> Result<()> {
    let mut store = Store::new(&crate::engine(), Recorder::default());
    store.limiter(|recorder| recorder);
    let memory = Memory::new(&mut store, MemoryType::new(1, Some(2)))?;
    memory.grow(&mut store, 1)?;
    assert!(memory.grow(&mut store, 1).is_err());
    let table = Table::new(&mut store, TableType::new(RefType::FUNCREF, 7, None), Ref::Func(None))?;
    assert!(table.grow(&mut store, 1000, Ref::Func(None)).is_err());
    let max = Some(2 * PAGE);
    let memory = [(0, PAGE, max), (PAGE, 2 * PAGE, max), (2 * PAGE, 3 * PAGE, max)];
    assert_eq!(store.data().asked[..3], memory);
    assert_eq!(store.data().asked[3..], [(0, 7, None), (7, 1007, None)]);
    assert_eq!(store.data().failed, ["the memory may not grow beyond 2 pages"]);
    Ok(())
}

#[test]
fn the_hosts_own_limits() -> Result<()> {
    let engine = Engine::new(crate::config().memory_reservation(2 << 16).memory_guard_size(0).memory_may_move(false))?;
    let mut store = Store::new(&engine, ());
    let memory = Memory::new(&mut store, MemoryType::new(1, None))?;
    if cfg!(all(unix, target_pointer_width = "64")) {
        assert_eq!(memory.grow(&mut store, 1)?, 1);
        assert!(memory.grow(&mut store, 1).is_err(), "the reservation is used up");
    }
    let error = Memory::new(&mut store, MemoryType::memory64(1 << 40, None)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Limit, "{error}");
    assert!(Table::new(&mut store, TableType::new(RefType::FUNCREF, u32::MAX, None), Ref::Func(None)).is_err());
    assert!(Engine::new(crate::config().max_wasm_stack(10)).is_err());
    Ok(())
}

/// Recursion whose frames are larger than any guard page, down to the last one that fits, on large and on small stacks; and at its end a
/// function that calls nothing, with a large frame.
#[test]
fn large_frames_overflow_the_stack_cleanly() -> Result<()> {
    /// Adds up values that all have to be kept: so many, each from memory before the call and to memory after it.
    fn function(name: &str, values: usize, call: &str) -> String {
        let mut wat = format!("(func {name} (param i32) (result i32)");
        (0..values).for_each(|_| wat += " (local i64)");
        for value in 1..=values {
            wat += &format!("(local.set {value} (i64.load offset={} (local.get 0)))", 8 * value);
        }
        wat += call;
        for value in 1..=values {
            wat += &format!("(i64.store offset={} (local.get 0) (local.get {value}))", 8 * value);
        }
        wat + "(i32.add (i32.const 1)))"
    }
    for values in [10, 700, 6000, 12_000] {
        let down = function("$down (export \"down\")", values, "(call $down (call $leaf (i32.const 1)))");
        let leaf = function("$leaf", 12_000, "(i32.const -1)");
        let wat = format!("(module (memory 2) {down} {leaf})");
        let run = move |signals: bool| -> Result<()> {
            let engine = Engine::new(crate::config().signals_based_traps(signals))?;
            let module = tiercel::Module::new(&engine, wat.as_str())?;
            let mut store = Store::new(&engine, ());
            let instance = Instance::new(&mut store, &module, &[])?;
            let down = instance.get_typed_func::<i32, i32>(&mut store, "down")?;
            for _ in 0..2 {
                let error = down.call(&mut store, 0).unwrap_err();
                assert_eq!(error.downcast_ref::<Trap>(), Some(&Trap::StackOverflow), "{values} values");
            }
            Ok(())
        };
        for (signals, bytes) in [(true, 8 << 20), (false, 8 << 20), (true, 512 << 10), (true, 200 << 10)] {
            let run = run.clone();
            let thread = std::thread::Builder::new().stack_size(bytes).spawn(move || run(signals)).expect("a thread");
            thread.join().expect("no panic")?;
        }
    }
    Ok(())
}
