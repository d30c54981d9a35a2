//! Values of the host in the hands of guests.

use crate::instance;
use tiercel::{ExternRef, Func, Ref, Result, Rooted, Store, Table, TableType, Val};

#[test]
fn values_are_kept_by_the_store() -> Result<()> {
    let engine = crate::engine();
    let mut store = Store::new(&engine, ());
    let text = ExternRef::new(&mut store, String::from("text"))?;
    let number = ExternRef::new(&mut store, 5u32)?;
    assert_ne!(text, number);
    assert_eq!(text.data(&store)?.and_then(|value| value.downcast_ref::<String>()).map(String::as_str), Some("text"));
    if let Some(value) = number.data_mut(&mut store)?.and_then(|value| value.downcast_mut::<u32>()) {
        *value += 1;
    }
    assert_eq!(number.data(&store)?.and_then(|value| value.downcast_ref()), Some(&6u32));
    Ok(())
}

#[test]
fn guests_pass_them_on() -> Result<()> {
    let (mut store, instance) = instance(
        r#"(module
            (global $kept (mut externref) (ref.null extern))
            (func (export "swap") (param externref) (result externref)
                (global.get $kept)
                (global.set $kept (local.get 0)))
            (func (export "is_null") (param externref) (result i32) (ref.is_null (local.get 0))))"#,
    )?;
    let swap = instance.get_typed_func::<Option<Rooted<ExternRef>>, Option<Rooted<ExternRef>>>(&mut store, "swap")?;
    let value = ExternRef::new(&mut store, 1)?;
    assert_eq!(swap.call(&mut store, Some(value))?, None);
    assert_eq!(swap.call(&mut store, None)?, Some(value));
    let is_null = instance.get_func(&mut store, "is_null").unwrap();
    for (value, expected) in [(Val::null_extern_ref(), 1), (Val::from(value), 0)] {
        let mut results = [Val::I32(-1)];
        is_null.call(&mut store, &[value], &mut results)?;
        assert_eq!(results[0].unwrap_i32(), expected);
    }
    Ok(())
}

#[test]
fn host_functions_and_tables_take_them() -> Result<()> {
    let mut store = Store::<()>::default();
    let value = ExternRef::new(&mut store, 'x')?;
    let same = Func::wrap(&mut store, |value: Option<Rooted<ExternRef>>| value);
    let same = same.typed::<Option<Rooted<ExternRef>>, Option<Rooted<ExternRef>>>(&store)?;
    assert_eq!(same.call(&mut store, Some(value))?, Some(value));
    let ty = TableType::new(tiercel::RefType::EXTERNREF, 2, None);
    let table = Table::new(&mut store, ty, Ref::Extern(Some(value)))?;
    table.set(&mut store, 1, Ref::Extern(None))?;
    assert_eq!(table.get(&mut store, 0).unwrap().unwrap_extern(), Some(&value));
    assert!(table.get(&mut store, 1).unwrap().is_null());
    assert!(table.set(&mut store, 0, Ref::Func(None)).is_err());
    Ok(())
}

#[test]
#[should_panic(expected = "host value used with the wrong store")]
fn another_store() {
    let value = ExternRef::new(Store::<()>::default(), 1).unwrap();
    let _ = value.data(&Store::<()>::default());
}
