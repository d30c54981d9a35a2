//! Structs, arrays and `i31`: what the host may do with them, and that the collector finds every reference and nothing else.

use tiercel::{
    AnyRef, AsContextMut, Caller, Engine, ExternRef, Func, Global, GlobalType, HeapType, I31, Instance, Module,
    Mutability, Ref, RefType, Result, RootScope, Rooted, Store, StoreLimits, StoreLimitsBuilder, Table, TableType,
    Trap, Val, ValType,
};

type AnyHandle = Option<Rooted<AnyRef>>;

/// A list of numbers, and functions on it.
const LIST: &str = r#"(module
    (type $list (struct (field $value (mut i32)) (field $next (mut (ref null $list)))))
    (global $kept (mut (ref null $list)) (ref.null $list))
    (func $push (export "push") (param $value i32) (param $next anyref) (result anyref)
        (struct.new $list (local.get $value) (ref.cast (ref null $list) (local.get $next))))
    (func (export "sum") (param $list anyref) (result i64)
        (local $at (ref null $list)) (local $sum i64)
        (local.set $at (ref.cast (ref null $list) (local.get $list)))
        (block $end
            (loop $next
                (local.set $sum (i64.add (local.get $sum)
                    (i64.extend_i32_s (struct.get $list $value (br_on_null $end (local.get $at))))))
                (local.set $at (struct.get $list $next (local.get $at)))
                (br $next)))
        (local.get $sum))
    ;; Makes lists of ten numbers and forgets them.
    (func (export "churn") (param $lists i32)
        (local $i i32)
        (loop $again
            (local.set $i (i32.const 10))
            (global.set $kept (ref.null $list))
            (loop $more
                (global.set $kept (struct.new $list (local.get $i) (global.get $kept)))
                (br_if $more (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
            (br_if $again (local.tee $lists (i32.sub (local.get $lists) (i32.const 1))))))
    (func (export "hoard") (loop $more
        (global.set $kept (struct.new $list (i32.const 1) (global.get $kept)))
        (br $more)))
    (func (export "forget") (global.set $kept (ref.null $list)))
    ;; The list 1, 2, ... n by recursion: the older objects wait in operands.
    (func $build (export "build") (param $n i32) (result anyref)
        (if (result anyref) (local.get $n)
            (then (call $append (call $push (local.get $n) (ref.null none)) (call $build (i32.sub (local.get $n) (i32.const 1)))))
            (else (ref.null none))))
    (func $append (param $first anyref) (param $rest anyref) (result anyref)
        (struct.set $list $next (ref.cast (ref $list) (local.get $first)) (ref.cast (ref null $list) (local.get $rest)))
        (local.get $first)))"#;

fn stress() -> Result<Engine> {
    let mut config = crate::config();
    config.gc_stress(true);
    Engine::new(&config)
}

fn limited(bytes: usize) -> Result<(Store<StoreLimits>, Instance)> {
    let engine = crate::engine();
    let mut store = Store::new(&engine, StoreLimitsBuilder::new().memory_size(bytes).build());
    store.limiter(|limits| limits);
    let instance = Instance::new(&mut store, &Module::new(&engine, LIST)?, &[])?;
    Ok((store, instance))
}

#[test]
fn what_nothing_refers_to_is_reclaimed() -> Result<()> {
    let (mut store, instance) = limited(4 << 20)?;
    // 16 bytes an object: 320 MB in all, with 4 MiB allowed.
    let churn = instance.get_typed_func::<i32, ()>(&mut store, "churn")?;
    churn.call(&mut store, 2_000_000)
}

#[test]
fn a_guest_gets_no_more_than_its_limit() -> Result<()> {
    for bytes in [0, 1 << 16, 4 << 20] {
        let (mut store, instance) = limited(bytes)?;
        let hoard = instance.get_typed_func::<(), ()>(&mut store, "hoard")?;
        let forget = instance.get_typed_func::<(), ()>(&mut store, "forget")?;
        let churn = instance.get_typed_func::<i32, ()>(&mut store, "churn")?;
        for _ in 0..2 {
            let error = hoard.call(&mut store, ()).unwrap_err();
            assert_eq!(error.downcast_ref::<Trap>(), Some(&Trap::GcHeapOutOfMemory), "{bytes}: {error:#}");
            forget.call(&mut store, ())?;
        }
        if bytes > 1 << 20 {
            churn.call(&mut store, 1000)?;
        }
    }
    Ok(())
}

#[test]
fn arrays_that_no_heap_could_hold_trap() -> Result<()> {
    let (mut store, instance) = crate::instance(
        r#"(module (type $a (array (mut i64)))
            (func (export "make") (param i32) (result anyref) (array.new_default $a (local.get 0))))"#,
    )?;
    let make = instance.get_typed_func::<i32, AnyHandle>(&mut store, "make")?;
    let error = make.call(&mut store, -1).unwrap_err();
    assert_eq!(error.downcast_ref::<Trap>(), Some(&Trap::AllocationTooLarge));
    let array = make.call(&mut store, 3)?.and_then(|value| value.as_array(&store).transpose()).transpose()?;
    let array = array.expect("an array");
    assert_eq!(array.len(&store)?, 3);
    array.set(&mut store, 2, Val::I64(-7))?;
    assert_eq!(array.get(&mut store, 2)?.unwrap_i64(), -7);
    assert!(array.get(&mut store, 3).is_err() && array.set(&mut store, 0, Val::I32(0)).is_err());
    Ok(())
}

#[test]
fn operands_and_locals_of_every_frame_are_roots() -> Result<()> {
    let engine = stress()?;
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &Module::new(&engine, LIST)?, &[])?;
    let build = instance.get_typed_func::<i32, AnyHandle>(&mut store, "build")?;
    let sum = instance.get_typed_func::<AnyHandle, i64>(&mut store, "sum")?;
    let list = build.call(&mut store, 300)?;
    store.gc();
    assert_eq!(sum.call(&mut store, list)?, 300 * 301 / 2);
    Ok(())
}

/// A guest calls the host, which calls another instance that allocates, while references wait on both sides.
#[test]
fn frames_below_the_host_and_of_other_instances_are_roots() -> Result<()> {
    let engine = stress()?;
    let mut store = Store::new(&engine, Vec::<i64>::new());
    let lists = Instance::new(&mut store, &Module::new(&engine, LIST)?, &[])?;
    let build = lists.get_typed_func::<i32, AnyHandle>(&mut store, "build")?;
    let sum = lists.get_typed_func::<AnyHandle, i64>(&mut store, "sum")?;
    let host = Func::wrap(&mut store, move |mut caller: Caller<'_, Vec<i64>>, list: AnyHandle| -> Result<AnyHandle> {
        let other = build.call(&mut caller, 5)?;
        caller.gc();
        let sums = [sum.call(&mut caller, list)?, sum.call(&mut caller, other)?];
        caller.data_mut().extend(sums);
        Ok(list)
    });
    let module = Module::new(
        &engine,
        r#"(module
            (type $pair (struct (field anyref) (field anyref)))
            (import "" "host" (func $host (param anyref) (result anyref)))
            (import "" "build" (func $build (param i32) (result anyref)))
            (import "" "sum" (func $sum (param anyref) (result i64)))
            (import "" "push" (func $push (param i32) (param anyref) (result anyref)))
            (func $tail (param anyref) (result anyref) (return_call $push (i32.const 100) (local.get 0)))
            (func $host-tail (param anyref) (result anyref) (local anyref)
                (local.set 1 (call $build (i32.const 1)))
                (return_call $host (local.get 0)))
            (func (export "run") (param $n i32) (result i64 i64)
                (local $pair (ref null $pair)) (local $mine anyref)
                (local.set $mine (call $build (local.get $n)))
                (local.set $pair (struct.new $pair (call $host (local.get $mine)) (call $host-tail (call $tail (local.get $mine)))))
                (call $sum (struct.get $pair 0 (local.get $pair)))
                (call $sum (struct.get $pair 1 (local.get $pair)))))"#,
    )?;
    let mut export = |name| lists.get_func(&mut store, name).unwrap();
    let imports = [host.into(), export("build").into(), export("sum").into(), export("push").into()];
    let instance = Instance::new(&mut store, &module, &imports)?;
    let run = instance.get_typed_func::<i32, (i64, i64)>(&mut store, "run")?;
    assert_eq!(run.call(&mut store, 10)?, (55, 155));
    assert_eq!(store.data()[..], [55, 15, 155, 15]);
    Ok(())
}

#[test]
fn globals_and_tables_of_the_host_are_roots() -> Result<()> {
    let engine = stress()?;
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &Module::new(&engine, LIST)?, &[])?;
    let build = instance.get_typed_func::<i32, AnyHandle>(&mut store, "build")?;
    let sum = instance.get_typed_func::<AnyHandle, i64>(&mut store, "sum")?;
    let any = ValType::Ref(RefType::ANYREF);
    let global = Global::new(&mut store, GlobalType::new(any, Mutability::Var), Val::null_any_ref())?;
    let table = Table::new(&mut store, TableType::new(RefType::ANYREF, 3, None), Ref::Any(None))?;
    {
        let mut scope = RootScope::new(&mut store);
        let (a, b) = (build.call(&mut scope, 3)?, build.call(&mut scope, 4)?);
        global.set(&mut scope, a.into())?;
        table.set(&mut scope, 1, b.into())?;
    }
    for _ in 0..3 {
        build.call(&mut store, 2)?;
        store.gc();
    }
    let (a, b) = (
        global.get(&mut store).unwrap_any_ref(),
        table.get(&mut store, 1).and_then(|value| value.as_any().map(|value| value.copied())),
    );
    assert_eq!((sum.call(&mut store, a)?, sum.call(&mut store, b.flatten())?), (6, 10));
    Ok(())
}

#[test]
#[should_panic(expected = "after the scope ended")]
fn a_handle_ends_with_its_scope() {
    let mut store = Store::<()>::default();
    let handle = AnyRef::from_i31(&mut RootScope::new(&mut store), I31::wrapping_u32(1));
    // Another root takes the place.
    AnyRef::from_i31(&mut store, I31::wrapping_u32(2));
    let _ = handle.as_i31(&store);
}

#[test]
fn the_host_reads_and_writes_fields() -> Result<()> {
    let (mut store, instance) = crate::instance(
        r#"(module
            (type $s (struct (field i8) (field (mut i16)) (field (mut anyref)) (field (mut f64)) (field (mut v128)) (field (mut externref))))
            (func (export "make") (result (ref $s))
                (struct.new $s (i32.const -1) (i32.const 2) (ref.i31 (i32.const -3)) (f64.const 4.5)
                    (v128.const i64x2 5 6) (ref.null extern)))
            (func (export "get") (param (ref $s)) (result i32) (struct.get_s $s 0 (local.get 0))))"#,
    )?;
    let make = instance.get_func(&mut store, "make").unwrap();
    let mut results = [Val::null_any_ref()];
    make.call(&mut store, &[], &mut results)?;
    let value = results[0].unwrap_any_ref().expect("a struct");
    let object = value.as_struct(&store)?.expect("a struct");
    assert_eq!(object.field(&mut store, 0)?.unwrap_i32(), 255);
    assert_eq!(object.field(&mut store, 1)?.unwrap_i32(), 2);
    let small = object.field(&mut store, 2)?.unwrap_any_ref().expect("an i31").as_i31(&store)?;
    assert_eq!(small.map(I31::get_i32), Some(-3));
    assert_eq!(object.field(&mut store, 3)?.unwrap_f64(), 4.5);
    assert_eq!(object.field(&mut store, 4)?.unwrap_v128().as_u128(), 5 | 6 << 64);
    assert!(object.field(&mut store, 6).is_err());
    assert!(object.set_field(&mut store, 0, Val::I32(1)).is_err(), "immutable");
    assert!(object.set_field(&mut store, 3, Val::I32(1)).is_err(), "another type");
    object.set_field(&mut store, 2, object.to_anyref().into())?;
    let text = ExternRef::new(&mut store, "text")?;
    object.set_field(&mut store, 5, text.into())?;
    store.gc();
    let itself = object.field(&mut store, 2)?.unwrap_any_ref().expect("a struct");
    assert!(Rooted::ref_eq(&store, &itself, &value)?);
    let text = object.field(&mut store, 5)?.unwrap_extern_ref().expect("a host value");
    assert_eq!(text.data(&store)?.and_then(|value| value.downcast_ref()), Some(&"text"));
    let get = instance.get_func(&mut store, "get").unwrap();
    let mut results = [Val::I32(0)];
    get.call(&mut store, &[value.into()], &mut results)?;
    assert_eq!(results[0].unwrap_i32(), -1);
    let wrong = AnyRef::from_i31(&mut store, I31::wrapping_u32(0));
    assert!(get.call(&mut store, &[wrong.into()], &mut results).is_err());
    Ok(())
}

#[test]
fn references_convert_between_the_hierarchies() -> Result<()> {
    let engine = stress()?;
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &Module::new(&engine, LIST)?, &[])?;
    let build = instance.get_typed_func::<i32, AnyHandle>(&mut store, "build")?;
    let sum = instance.get_typed_func::<AnyHandle, i64>(&mut store, "sum")?;
    let list = build.call(&mut store, 7)?.expect("a list");
    let outside = list.convert_to_extern(&mut store)?;
    assert!(outside.data(&store)?.is_none());
    build.call(&mut store, 1)?;
    let back = outside.convert_to_any(&mut store)?;
    assert_eq!(sum.call(&mut store, Some(back))?, 28);
    let text = ExternRef::new(&mut store, "text")?.convert_to_any(store.as_context_mut())?;
    assert_eq!(text.ty(&store)?, HeapType::Any);
    assert_eq!(text.host_data(&store)?.and_then(|value| value.downcast_ref()), Some(&"text"));
    Ok(())
}

#[test]
fn host_functions_let_go_of_what_they_were_given() -> Result<()> {
    let engine = crate::engine();
    let mut store = Store::new(&engine, StoreLimitsBuilder::new().memory_size(2 << 20).build());
    store.limiter(|limits| limits);
    let host = Func::wrap(&mut store, |value: AnyHandle| value);
    let module = Module::new(
        &engine,
        r#"(module
            (type $big (array (mut i64)))
            (import "" "same" (func $same (param anyref) (result anyref)))
            (func (export "run") (param $n i32)
                (loop $again
                    (drop (call $same (array.new_default $big (i32.const 1000))))
                    (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))"#,
    )?;
    let instance = Instance::new(&mut store, &module, &[host.into()])?;
    instance.get_typed_func::<i32, ()>(&mut store, "run")?.call(&mut store, 10_000)
}
