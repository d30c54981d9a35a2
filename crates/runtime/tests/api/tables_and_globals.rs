//! Tables and globals from the host's side.

use crate::{chain, instance};
use tiercel::{
    Func, Global, GlobalType, Mutability, Ref, RefType, Result, Store, Table, TableType, Trap, V128, Val, ValType,
};

#[test]
fn tables() -> Result<()> {
    let mut store = Store::<()>::default();
    let func = Func::wrap(&mut store, || ());
    let ty = TableType::new(RefType::FUNCREF, 2, Some(4));
    let table = Table::new(&mut store, ty, Ref::Func(Some(func)))?;
    assert_eq!((table.size(&store), table.ty(&store)), (2, ty));
    table.set(&mut store, 0, Ref::Func(None))?;
    assert_eq!(table.grow(&mut store, 2, func.into())?, 2);
    assert!(table.grow(&mut store, 1, func.into()).is_err());
    let elements = |store: &mut Store<()>, table: &Table| -> Vec<bool> {
        (0..table.size(&*store)).map(|i| table.get(&mut *store, i).unwrap().is_null()).collect()
    };
    assert_eq!(elements(&mut store, &table), [true, false, false, false]);
    assert!(table.get(&mut store, 4).is_none());
    let error = table.set(&mut store, 4, func.into()).unwrap_err();
    assert_eq!(error.downcast_ref::<Trap>(), Some(&Trap::TableOutOfBounds));
    table.fill(&mut store, 2, Ref::Func(None), 2)?;
    assert!(table.fill(&mut store, 3, func.into(), 2).is_err());
    assert_eq!(elements(&mut store, &table), [true, false, true, true]);
    Table::copy(&mut store, &table, 2, &table, 0, 2)?;
    assert_eq!(elements(&mut store, &table), [true, false, true, false]);
    assert!(Table::copy(&mut store, &table, 3, &table, 0, 2).is_err());
    assert!(chain(table.set(&mut store, 0, Ref::Extern(None))).contains("should be funcref, found nullexternref"));
    Ok(())
}

#[test]
fn guests_and_host_see_the_same_elements() -> Result<()> {
    let (mut store, instance) = instance(
        r#"(module
            (table $t (export "table") 2 10 funcref)
            (func $one (result i32) (i32.const 1))
            (func $two (result i32) (i32.const 2))
            (elem $passive func $one $two)
            (func (export "init") (table.init $t $passive (i32.const 0) (i32.const 0) (i32.const 2)))
            (func (export "drop") (elem.drop $passive))
            (func (export "grow") (result i32) (table.grow $t (ref.func $two) (i32.const 3)))
            (func (export "size") (result i32) (table.size $t))
            (func (export "call") (param i32) (result i32) (call_indirect $t (result i32) (local.get 0))))"#,
    )?;
    let table = instance.get_table(&mut store, "table").unwrap();
    let call = instance.get_typed_func::<i32, i32>(&mut store, "call")?;
    assert!(chain(call.call(&mut store, 0)).contains("uninitialized element"));
    let init = instance.get_typed_func::<(), ()>(&mut store, "init")?;
    init.call(&mut store, ())?;
    assert_eq!((call.call(&mut store, 0)?, call.call(&mut store, 1)?), (1, 2));
    instance.get_typed_func::<(), ()>(&mut store, "drop")?.call(&mut store, ())?;
    assert!(chain(init.call(&mut store, ())).contains("out of bounds table access"));
    assert_eq!(instance.get_typed_func::<(), i32>(&mut store, "grow")?.call(&mut store, ())?, 2);
    assert_eq!(call.call(&mut store, 4)?, 2);
    assert!(call.call(&mut store, 5).is_err());
    let host = Func::wrap(&mut store, || 77);
    table.grow(&mut store, 1, host.into())?;
    assert_eq!(instance.get_typed_func::<(), i32>(&mut store, "size")?.call(&mut store, ())?, 6);
    assert_eq!(call.call(&mut store, 5)?, 77);
    Ok(())
}

#[test]
fn globals() -> Result<()> {
    let mut store = Store::<()>::default();
    let variable = GlobalType::new(ValType::V128, Mutability::Var);
    let global = Global::new(&mut store, variable, V128::from(7).into())?;
    assert_eq!(global.ty(&store), variable);
    global.set(&mut store, V128::from(u128::MAX).into())?;
    assert_eq!(global.get(&mut store).unwrap_v128().as_u128(), u128::MAX);
    assert!(chain(global.set(&mut store, Val::I32(0))).contains("should be v128, found i32"));
    let constant = GlobalType::new(ValType::F32, Mutability::Const);
    let global = Global::new(&mut store, constant, Val::from(1.5f32))?;
    assert!(chain(global.set(&mut store, Val::from(2f32))).contains("immutable"));
    assert_eq!(global.get(&mut store).f32(), Some(1.5));
    assert!(Global::new(&mut store, constant, Val::I64(0)).is_err());
    Ok(())
}

#[test]
fn guests_and_host_see_the_same_globals() -> Result<()> {
    let (mut store, instance) = instance(
        r#"(module
            (global $n (export "n") (mut i64) (i64.const 1))
            (func (export "double") (global.set $n (i64.add (global.get $n) (global.get $n)))))"#,
    )?;
    let n = instance.get_global(&mut store, "n").unwrap();
    n.set(&mut store, Val::I64(21))?;
    instance.get_typed_func::<(), ()>(&mut store, "double")?.call(&mut store, ())?;
    assert_eq!(n.get(&mut store).i64(), Some(42));
    Ok(())
}

#[test]
#[should_panic(expected = "table used with the wrong store")]
fn another_store_for_a_table() {
    let ty = TableType::new(RefType::FUNCREF, 2, Some(4));
    let table = Table::new(Store::<()>::default(), ty, Ref::Func(None)).unwrap();
    table.size(Store::<()>::default());
}

#[test]
#[should_panic(expected = "global used with the wrong store")]
fn another_store_for_a_global() {
    let ty = GlobalType::new(ValType::I32, Mutability::Const);
    let global = Global::new(Store::<()>::default(), ty, Val::I32(0)).unwrap();
    global.ty(Store::<()>::default());
}
