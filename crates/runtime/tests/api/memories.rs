//! Linear memories from the host's side.

use crate::{chain, instance};
use tiercel::{Engine, Instance, Memory, MemoryType, Module, Result, Store};

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
