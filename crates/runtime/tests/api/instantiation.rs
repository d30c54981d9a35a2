//! From a module and its imports to an instance.

use crate::{chain, instance};
use tiercel::{
    Extern, Func, Global, GlobalType, Instance, Memory, MemoryType, Module, Mutability, Ref, RefType, Result, Store,
    Table, TableType, Trap, Val, ValType,
};

#[test]
fn everything_is_initialised() -> Result<()> {
    let (mut store, instance) = instance(
        r#"(module
            (global (export "sum") i64 (i64.add (i64.mul (i64.const 3) (i64.const 4)) (i64.const -5)))
            (global (export "vector") v128 (v128.const i64x2 1 2))
            (table (export "table") 4 funcref)
            (func $f (export "f") (result i32) (i32.const 1))
            (elem (i32.sub (i32.const 2) (i32.const 1)) $f $f)
            (memory (export "memory") 1)
            (data (i32.const 3) "abc")
            (data (i32.const 2) "xy")
            (func $start (i32.store8 (i32.const 0) (i32.const 9)))
            (start $start))"#,
    )?;
    let memory = instance.get_memory(&mut store, "memory").unwrap();
    assert_eq!(&memory.data(&store)[..7], [9, 0, b'x', b'y', b'b', b'c', 0]);
    let sum = instance.get_global(&mut store, "sum").unwrap();
    assert_eq!(sum.get(&mut store).unwrap_i64(), 7);
    let vector = instance.get_global(&mut store, "vector").unwrap();
    assert_eq!(vector.get(&mut store).unwrap_v128().as_u128(), 1 | 2 << 64);
    let table = instance.get_table(&mut store, "table").unwrap();
    let func = instance.get_func(&mut store, "f");
    let elements: Vec<_> = (0..4).map(|i| table.get(&mut store, i).unwrap().unwrap_func().copied()).collect();
    assert_eq!(elements, [None, func, func, None]);
    let names: Vec<_> = instance.exports(&mut store).map(|export| export.name()).collect();
    assert_eq!(names, ["sum", "vector", "table", "f", "memory"]);
    assert!(instance.get_memory(&mut store, "f").is_none());
    let export = instance.module(&store).get_export_index("f").unwrap();
    assert_eq!(instance.get_module_export(&mut store, &export).and_then(Extern::into_func), func);
    let other = Module::new(store.engine(), "(module)")?;
    assert!(Instance::new(&mut store, &other, &[])?.get_module_export(&mut store, &export).is_none());
    Ok(())
}

#[test]
fn imports_are_shared() -> Result<()> {
    let engine = crate::engine();
    let mut store = Store::new(&engine, ());
    let module = Module::new(
        &engine,
        r#"(module
            (import "" "memory" (memory 1))
            (import "" "global" (global (mut i32)))
            (import "" "table" (table 1 funcref))
            (import "" "func" (func $func (param i32) (result i32)))
            (import "" "constant" (global i32))
            (export "again" (memory 0))
            (elem (i32.sub (global.get 1) (i32.const 5)) $func)
            (data (i32.add (global.get 1) (i32.const 4)) "z")
            (func (export "run") (result i32)
                (i32.store (i32.const 4) (global.get 0))
                (global.set 0 (i32.const 11))
                (call $func (i32.load (i32.const 4)))))"#,
    )?;
    let memory = Memory::new(&mut store, MemoryType::new(1, None))?;
    let global = Global::new(&mut store, GlobalType::new(ValType::I32, Mutability::Var), Val::I32(10))?;
    let table = Table::new(&mut store, TableType::new(RefType::FUNCREF, 1, None), Ref::Func(None))?;
    let func = Func::wrap(&mut store, |a: i32| a * 2);
    let constant = Global::new(&mut store, GlobalType::new(ValType::I32, Mutability::Const), Val::I32(5))?;
    let imports: [Extern; 5] = [memory.into(), global.into(), table.into(), func.into(), constant.into()];
    let instance = Instance::new(&mut store, &module, &imports)?;
    assert_eq!(instance.get_typed_func::<(), i32>(&mut store, "run")?.call(&mut store, ())?, 20);
    assert_eq!(memory.data(&store)[4..6], [10, 0]);
    assert_eq!(memory.data(&store)[9], b'z');
    assert_eq!(global.get(&mut store).i32(), Some(11));
    assert_eq!(table.get(&mut store, 0).unwrap().unwrap_func(), Some(&func));
    assert_eq!(instance.get_memory(&mut store, "again"), Some(memory));
    Ok(())
}

#[test]
fn imports_must_match() -> Result<()> {
    let engine = crate::engine();
    let mut store = Store::new(&engine, ());
    let memory = Memory::new(&mut store, MemoryType::new(1, Some(3)))?;
    let global = Global::new(&mut store, GlobalType::new(ValType::I32, Mutability::Const), Val::I32(10))?;
    let table = Table::new(&mut store, TableType::new(RefType::FUNCREF, 2, None), Ref::Func(None))?;
    let func = Func::wrap(&mut store, |_: i32| 0i64);
    let mut try_import = |import: &str, item: Extern| -> Result<Instance> {
        let module = Module::new(&engine, format!(r#"(module (import "env" "it" ({import})))"#))?;
        Instance::new(&mut store, &module, &[item])
    };
    for (import, item) in [
        ("memory 1", memory.into()),
        ("memory 0 3", memory.into()),
        ("memory 1 4", memory.into()),
        ("global i32", global.into()),
        ("table 2 funcref", table.into()),
        ("table 1 funcref", table.into()),
        ("func (param i32) (result i64)", Extern::from(func)),
    ] {
        try_import(import, item)?;
    }
    for (import, item, expected) in [
        ("memory 2", memory.into(), "memory 2, it was given memory 1 3"),
        ("memory 1 2", memory.into(), "memory 1 2, it was given memory 1 3"),
        ("memory i64 1", memory.into(), "memory i64 1, it was given"),
        ("global (mut i32)", global.into(), "global mut i32, it was given global i32"),
        ("global i64", global.into(), "global i64, it was given global i32"),
        ("table 3 funcref", table.into(), "table 3 funcref, it was given table 2 funcref"),
        ("table 2 9 funcref", table.into(), "it was given table 2 funcref"),
        ("table 2 externref", table.into(), "table 2 externref"),
        ("func (param i32)", Extern::from(func), "function (i32) -> (), it was given function (i32) -> (i64)"),
        ("func", memory.into(), "function () -> (), it was given memory 1 3"),
    ] {
        let error = chain(try_import(import, item));
        assert!(error.starts_with("incompatible import type for `env::it`: "), "{error}");
        assert!(error.contains(expected), "{error}");
    }
    let module = Module::new(&engine, r#"(module (import "env" "it" (func)))"#)?;
    assert!(chain(Instance::new(&mut store, &module, &[])).contains("has 1 imports, 0 were given"));
    let foreign = Func::wrap(Store::new(&engine, ()), || ());
    assert!(chain(Instance::new(&mut store, &module, &[foreign.into()])).contains("another store"));
    let other = Module::new(&crate::engine(), "(module)")?;
    assert!(chain(Instance::new(&mut store, &other, &[])).contains("another engine"));
    Ok(())
}

#[test]
fn sizes_of_imports_are_the_current_ones() -> Result<()> {
    let engine = crate::engine();
    let mut store = Store::new(&engine, ());
    let memory = Memory::new(&mut store, MemoryType::new(1, None))?;
    let module = Module::new(&engine, r#"(module (import "" "" (memory 3)))"#)?;
    assert!(Instance::new(&mut store, &module, &[memory.into()]).is_err());
    memory.grow(&mut store, 2)?;
    Instance::new(&mut store, &module, &[memory.into()])?;
    Ok(())
}

#[test]
fn what_came_before_a_failure_stays() -> Result<()> {
    let engine = crate::engine();
    let mut store = Store::new(&engine, ());
    let memory = Memory::new(&mut store, MemoryType::new(1, None))?;
    let table = Table::new(&mut store, TableType::new(RefType::FUNCREF, 2, None), Ref::Func(None))?;
    let module = Module::new(
        &engine,
        r#"(module
            (import "" "memory" (memory 1))
            (import "" "table" (table 2 funcref))
            (func $f (result i32) (i32.const 5))
            (elem (i32.const 1) $f)
            (data (i32.const 0) "first")
            (data (i32.const 65534) "third"))"#,
    )?;
    let error = Instance::new(&mut store, &module, &[memory.into(), table.into()]).unwrap_err();
    assert_eq!(error.downcast_ref::<Trap>(), Some(&Trap::MemoryOutOfBounds));
    assert_eq!(&memory.data(&store)[..5], b"first");
    // The instance failed, its function lives on in the table.
    let func = *table.get(&mut store, 1).unwrap().unwrap_func().unwrap();
    assert_eq!(func.typed::<(), i32>(&store)?.call(&mut store, ())?, 5);
    Ok(())
}

#[test]
fn segments_and_start_functions_trap() {
    let trap = |wat| instance(wat).err().and_then(|error| error.downcast_ref::<Trap>().copied());
    assert_eq!(trap(r#"(module (memory 0) (data (i32.const 0) "a"))"#), Some(Trap::MemoryOutOfBounds));
    assert_eq!(trap(r#"(module (memory 0) (data (i32.const 1) ""))"#), Some(Trap::MemoryOutOfBounds));
    assert_eq!(trap("(module (table 1 funcref) (func $f) (elem (i32.const 1) $f))"), Some(Trap::TableOutOfBounds));
    assert_eq!(trap("(module (func $f unreachable) (start $f))"), Some(Trap::UnreachableCodeReached));
    assert_eq!(trap(r#"(module (memory 0) (data (i32.const 0) ""))"#), None);
}

#[test]
fn many_instances_of_one_module() -> Result<()> {
    let engine = crate::engine();
    let module = Module::new(
        &engine,
        r#"(module (global $n (mut i32) (i32.const 0))
            (func (export "next") (result i32)
                (global.set $n (i32.add (global.get $n) (i32.const 1)))
                (global.get $n)))"#,
    )?;
    let mut store = Store::new(&engine, ());
    for _ in 0..100 {
        let instance = Instance::new(&mut store, &module, &[])?;
        let next = instance.get_typed_func::<(), i32>(&mut store, "next")?;
        assert_eq!((next.call(&mut store, ())?, next.call(&mut store, ())?), (1, 2));
    }
    Ok(())
}

#[test]
#[should_panic(expected = "instance used with the wrong store")]
fn another_store() {
    let (_store, instance) = instance("(module)").unwrap();
    let _ = instance.get_export(Store::<()>::default(), "x");
}
