//! Linear memories from the host's side.

use crate::{chain, instance};
use tiercel::{Caller, Engine, Extern, Func, Instance, Memory, MemoryType, Module, Result, Store, Trap};

#[test]
fn reading_and_writing() -> Result<()> {
    let mut store = Store::<u8>::default();
    let memory = Memory::new(&mut store, MemoryType::new(1, Some(2)))?;
    assert_eq!((memory.size(&store), memory.data_size(&store), memory.page_size(&store)), (1, 65536, 65536));
    memory.write(&mut store, 65534, &[1, 2])?;
    assert!(memory.write(&mut store, 65535, &[1, 2]).is_err());
    assert!(memory.write(&mut store, usize::MAX, &[1]).is_err());
    let mut buffer = [0; 3];
    memory.read(&store, 65533, &mut buffer)?;
    assert_eq!(buffer, [0, 1, 2]);
    assert!(memory.read(&store, 65534, &mut buffer).is_err());
    memory.data_mut(&mut store)[0] = 7;
    let (bytes, data) = memory.data_and_store_mut(&mut store);
    *data = bytes[0];
    assert_eq!((memory.data(&store)[0], *store.data()), (7, 7));
    Ok(())
}

#[test]
fn growing() -> Result<()> {
    let mut store = Store::<()>::default();
    let memory = Memory::new(&mut store, MemoryType::new(0, Some(3)))?;
    assert_eq!(memory.data(&store), [0; 0]);
    assert_eq!(memory.grow(&mut store, 2)?, 0);
    memory.data_mut(&mut store)[131_071] = 1;
    assert_eq!(memory.grow(&mut store, 0)?, 2);
    assert_eq!(memory.grow(&mut store, 1)?, 2);
    assert_eq!((memory.data(&store)[131_071], memory.data(&store)[196_607]), (1, 0));
    assert!(chain(memory.grow(&mut store, 1)).contains("failed to grow"));
    assert!(memory.grow(&mut store, u64::MAX).is_err());
    assert_eq!(memory.ty(&store), MemoryType::new(0, Some(3)));
    Ok(())
}

#[test]
fn guests_and_host_see_the_same_bytes() -> Result<()> {
    let (mut store, instance) = instance(
        r#"(module
            (memory (export "memory") 1)
            (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
            (func (export "store") (param i32 i32) (i32.store (local.get 0) (local.get 1)))
            (func (export "grow") (result i32) (memory.grow (i32.const 1))))"#,
    )?;
    let memory = instance.get_memory(&mut store, "memory").unwrap();
    let load = instance.get_typed_func::<i32, i32>(&mut store, "load")?;
    memory.write(&mut store, 100, &[1, 2, 0, 0])?;
    assert_eq!(load.call(&mut store, 100)?, 513);
    instance.get_typed_func::<(i32, i32), ()>(&mut store, "store")?.call(&mut store, (8, 5))?;
    assert_eq!(memory.data(&store)[8], 5);
    assert!(load.call(&mut store, 65536).is_err());
    assert_eq!(instance.get_typed_func::<(), i32>(&mut store, "grow")?.call(&mut store, ())?, 1);
    assert_eq!(memory.size(&store), 2);
    assert_eq!(load.call(&mut store, 65536)?, 0);
    memory.grow(&mut store, 1)?;
    assert_eq!(load.call(&mut store, 131_072)?, 0, "the guest sees growth by the host");
    Ok(())
}

#[test]
fn bulk_operations_between_memories() -> Result<()> {
    let (mut store, instance) = instance(
        r#"(module
            (memory $a (export "a") 1)
            (memory $b (export "b") 1)
            (data $hello "hello")
            (func (export "run")
                (memory.init $a $hello (i32.const 10) (i32.const 1) (i32.const 4))
                (data.drop $hello)
                (memory.copy $b $a (i32.const 0) (i32.const 10) (i32.const 4))
                (memory.copy $b $b (i32.const 1) (i32.const 0) (i32.const 4))
                (memory.fill $a (i32.const 11) (i32.const 33) (i32.const 2)))
            (func (export "init") (param i32) (memory.init $a $hello (i32.const 0) (i32.const 0) (local.get 0)))
            (func (export "fill") (param i32 i32) (memory.fill $a (local.get 0) (i32.const 1) (local.get 1))))"#,
    )?;
    instance.get_typed_func::<(), ()>(&mut store, "run")?.call(&mut store, ())?;
    let [a, b] = ["a", "b"].map(|name| instance.get_memory(&mut store, name).unwrap());
    assert_eq!(&a.data(&store)[9..15], b"\0e!!o\0");
    assert_eq!(&b.data(&store)[..6], b"eello\0");
    let init = instance.get_typed_func::<i32, ()>(&mut store, "init")?;
    init.call(&mut store, 0)?;
    assert!(chain(init.call(&mut store, 1)).contains("out of bounds memory access"), "the segment was dropped");
    let fill = instance.get_typed_func::<(i32, i32), ()>(&mut store, "fill")?;
    fill.call(&mut store, (65536, 0))?;
    assert!(chain(fill.call(&mut store, (65535, 2))).contains("out of bounds memory access"));
    assert!(chain(fill.call(&mut store, (-1, -1))).contains("out of bounds memory access"));
    assert_eq!(a.data(&store)[65535], 0, "nothing is written by a failed fill");
    Ok(())
}

#[test]
fn wide_and_small_pages() -> Result<()> {
    let engine = Engine::new(crate::config().wasm_custom_page_sizes(true))?;
    let mut store = Store::new(&engine, ());
    let module = Module::new(
        &engine,
        r#"(module
            (memory (export "bytes") 3 100 (pagesize 1))
            (memory (export "wide") i64 1 3)
            (data (memory 0) (i32.const 1) "ab")
            (func (export "grow") (param i32) (result i32) (memory.grow 0 (local.get 0)))
            (func (export "grow_wide") (param i64) (result i64) (memory.grow 1 (local.get 0)))
            (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0))))"#,
    )?;
    let instance = Instance::new(&mut store, &module, &[])?;
    let bytes = instance.get_memory(&mut store, "bytes").unwrap();
    assert_eq!((bytes.size(&store), bytes.page_size(&store), bytes.data(&store)), (3, 1, &b"\0ab"[..]));
    let load = instance.get_typed_func::<i32, i32>(&mut store, "load")?;
    assert_eq!(load.call(&mut store, 2)?, 98);
    assert!(load.call(&mut store, 3).is_err());
    let grow = instance.get_typed_func::<i32, i32>(&mut store, "grow")?;
    assert_eq!((grow.call(&mut store, 97)?, grow.call(&mut store, 1)?), (3, -1));
    assert_eq!(load.call(&mut store, 99)?, 0);
    let grow = instance.get_typed_func::<i64, i64>(&mut store, "grow_wide")?;
    assert_eq!((grow.call(&mut store, 2)?, grow.call(&mut store, 1)?, grow.call(&mut store, -1)?), (1, -1, -1));
    Ok(())
}

#[test]
#[should_panic(expected = "memory used with the wrong store")]
fn another_store() {
    let memory = Memory::new(Store::<()>::default(), MemoryType::new(1, None)).unwrap();
    memory.size(Store::<()>::default());
}

/// Guests and hosts that make a memory grow beyond what was reserved for it, and use it before and after.
#[test]
fn memories_move_when_they_outgrow_their_reservation() -> Result<()> {
    const WAT: &str = r#"(module (import "" "" (func $host))
        (memory $wide (export "wide") i64 1 100)
        (memory $other (export "other") 1 100)
        (memory $m (export "m") 1 100)
        (func (export "run") (param i32) (result i32)
            (local $page i32) (local $sum i32)
            (loop $more
                ;; A value before, and how it is found again behind a growth by the guest and by the host.
                (i32.store $m (i32.const 8) (i32.add (i32.load $m (i32.const 8)) (i32.const 1)))
                (i32.store $other (i32.const 12) (i32.add (i32.load $other (i32.const 12)) (i32.const 2)))
                (i64.store $wide (i64.const 16) (i64.add (i64.load $wide (i64.const 16)) (i64.const 3)))
                (local.set $page (memory.grow $m (i32.const 1)))
                (drop (memory.grow $other (i32.const 2)))
                (drop (memory.grow $wide (i64.const 1)))
                (i32.store $m (i32.mul (local.get $page) (i32.const 65536)) (i32.load $m (i32.const 8)))
                (call $host)
                (local.set $sum (i32.add (local.get $sum) (i32.load $m (i32.mul (local.get $page) (i32.const 65536)))))
                (br_if $more (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
            (i32.add (local.get $sum)
                (i32.add (i32.load $other (i32.const 12)) (i32.wrap_i64 (i64.load $wide (i64.const 16))))))
        (func (export "load") (param i32) (result i32) (i32.load $m offset=4 (local.get 0))))"#;
    for (reservation, signals) in [(0, true), (0, false), (3 << 16, true), (1 << 32, false)] {
        let mut config = crate::config();
        config.memory_reservation(reservation).memory_guard_size(0).signals_based_traps(signals);
        let engine = Engine::new(&config)?;
        let module = Module::new(&engine, WAT)?;
        let mut store = Store::new(&engine, ());
        let grow = Func::wrap(&mut store, |mut caller: Caller<'_, ()>| -> Result<()> {
            let memory = caller.get_export("m").and_then(Extern::into_memory).expect("a memory");
            memory.grow(&mut caller, 2).map(|_| ())
        });
        let instance = Instance::new(&mut store, &module, &[grow.into()])?;
        let run = instance.get_typed_func::<i32, i32>(&mut store, "run")?;
        // 1 + 2 + ... + 20, twice 20, three times 20.
        assert_eq!(run.call(&mut store, 20)?, 210 + 40 + 60);
        let memory = instance.get_memory(&mut store, "m").expect("it is exported");
        let pages = memory.size(&store);
        assert_eq!(pages, 61);
        let load = instance.get_typed_func::<i32, i32>(&mut store, "load")?;
        assert_eq!(load.call(&mut store, 4)?, 20);
        let end = (pages << 16) as i32;
        assert_eq!(load.call(&mut store, end - 8)?, 0);
        for address in [end - 7, end - 4, end, end + 4, i32::MAX, i32::MIN, -8, -4, -1] {
            let error = load.call(&mut store, address).unwrap_err();
            assert_eq!(error.downcast_ref::<Trap>(), Some(&Trap::MemoryOutOfBounds), "{address}");
        }
        assert!(memory.grow(&mut store, 40).is_err());
    }
    Ok(())
}
