//! `Instance::snapshot`: a module made of an instance goes on where the instance was.

use tiercel::{Config, Engine, Func, Instance, Linker, Module, Result, SnapshotConfig, Store, Tier, Val};

/// The bits of each result of `look` in an instance: all that can be seen of it.
fn seen(store: &mut Store<()>, instance: &Instance) -> Result<Vec<String>> {
    let look = instance.get_func(&mut *store, "look").expect("it is exported");
    let ty = look.ty(&*store);
    let mut results: Vec<Val> = ty.results().map(|ty| Val::default_for_ty(&ty).expect("numbers")).collect();
    look.call(&mut *store, &[], &mut results)?;
    Ok(results.iter().map(|value| format!("{value:?}")).collect())
}

struct Start {
    engine: Engine,
    module: Module,
}

impl Start {
    fn new(tier: Tier, wat: &str) -> Result<Start> {
        let engine = Engine::new(Config::new().tier(tier))?;
        let module = Module::new(&engine, wat)?;
        Ok(Start { engine, module })
    }

    fn instance(&self, module: &Module) -> Result<(Store<()>, Instance)> {
        let mut store = Store::new(&self.engine, ());
        let mut linker = Linker::new(&self.engine);
        linker.func_wrap("o", "seven", || 7)?;
        let instance = linker.instantiate(&mut store, module)?;
        Ok((store, instance))
    }

    /// An instance whose `init` was called, as a module.
    fn snapshot(&self) -> Result<(Vec<u8>, Vec<String>)> {
        let (mut store, instance) = self.instance(&self.module)?;
        instance.get_typed_func::<(), ()>(&mut store, "init")?.call(&mut store, ())?;
        let bytes = instance.snapshot(&store, SnapshotConfig::new().remove_export("init"))?;
        Ok((bytes, seen(&mut store, &instance)?))
    }
}

/// What was seen of the instance is seen of one of the new module; and of one made of a snapshot of that.
fn round_trip(wat: &str) -> Result<Vec<u8>> {
    let mut all = Vec::new();
    for &tier in Tier::ALL {
        let start = Start::new(tier, wat)?;
        let (bytes, expected) = start.snapshot()?;
        let module = Module::new(&start.engine, &bytes)?;
        assert!(module.get_export("init").is_none() && module.get_export("look").is_some());
        let (mut store, instance) = start.instance(&module)?;
        let again = instance.snapshot(&store, &SnapshotConfig::new())?;
        assert_eq!(seen(&mut store, &instance)?, expected, "{wat}");
        let (mut store, instance) = start.instance(&Module::new(&start.engine, &again)?)?;
        assert_eq!(seen(&mut store, &instance)?, expected, "{wat}, a second time");
        all.push(bytes);
    }
    assert!(all.iter().all(|bytes| *bytes == all[0]), "the tier makes no difference");
    Ok(all.swap_remove(0))
}

#[test]
fn memories() -> Result<()> {
    let bytes = round_trip(
        r#"(module (memory 1 9) (memory $big i64 1) (data (i32.const 100) "old") (data (memory $big) (i64.const 65530) "end")
            (func (export "init")
                (i32.store (i32.const 101) (i32.const 0x01020304))
                (drop (memory.grow (i32.const 2)))
                (i32.store8 (i32.const 196607) (i32.const 9))
                (i64.store $big (i64.const 65528) (i64.const -1)))
            (func (export "look") (result i32 i32 i32 i32 i32 i64 i64)
                (memory.size) (i32.load (i32.const 100)) (i32.load (i32.const 102)) (i32.load8_u (i32.const 196607))
                (i32.load (i32.const 70000)) (memory.size $big) (i64.load $big (i64.const 65528))))"#,
    )?;
    let text = String::from_utf8_lossy(&bytes);
    assert!(!text.contains("old") && !text.contains("end"));
    assert!(bytes.len() < 300, "only what is not zero is written");
    Ok(())
}

/// There is no data section, and no element section.
#[test]
fn sections_that_were_not_there() -> Result<()> {
    round_trip(
        r#"(module (@custom "before" (before first) "x") (memory 1) (table 3 funcref) (export "f" (func $f))
            (func $f (result i32) (i32.const 5))
            (func (export "init")
                (i32.store (i32.const 8) (i32.const 77))
                (table.set (i32.const 1) (ref.func $f)))
            (func (export "look") (result i32 i32 i32)
                (i32.load (i32.const 8)) (call_indirect (result i32) (i32.const 1)) (ref.is_null (table.get (i32.const 2))))
            (@custom "after" (after last) "y"))"#,
    )?;
    Ok(())
}

#[test]
fn globals() -> Result<()> {
    round_trip(
        r#"(module (import "o" "seven" (func $seven (result i32)))
            (global $a (mut i32) (i32.const 1)) (global $b (mut i64) (i64.const 2)) (global $c (mut f32) (f32.const 3))
            (global $d (mut f64) (f64.const 4)) (global $e (mut v128) (v128.const i64x2 0 0)) (global $fix i32 (i32.const 6))
            (global $f (mut funcref) (ref.null func)) (global $g (export "g") (mut funcref) (ref.func $seven))
            (global $h (mut i31ref) (ref.null i31)) (global $i (mut externref) (ref.null extern))
            (type $t (func (result i32))) (global $j (mut (ref $t)) (ref.func $seven)) (global $k (mut (ref null $t)) (ref.null $t))
            (func $own (type $t) (i32.const 13)) (elem declare func $own)
            (func (export "init")
                (global.set $a (i32.const -1)) (global.set $b (i64.const -2)) (global.set $c (f32.const -0)) (global.set $d (f64.const nan:0x4))
                (global.set $e (v128.const i64x2 7 -8)) (global.set $f (ref.func $own)) (global.set $g (ref.null func))
                (global.set $h (ref.i31 (i32.const -5))) (global.set $j (ref.func $own)))
            (func (export "look") (result i32 i64 i32 i64 v128 i32 i32 i32 i32 i32 i32)
                (global.get $a) (global.get $b) (i32.reinterpret_f32 (global.get $c)) (i64.reinterpret_f64 (global.get $d))
                (global.get $e) (global.get $fix) (call_ref $t (ref.cast (ref $t) (global.get $f))) (ref.is_null (global.get $g))
                (i31.get_s (global.get $h)) (call_ref $t (global.get $j)) (ref.is_null (global.get $k))))"#,
    )?;
    Ok(())
}

#[test]
fn tables() -> Result<()> {
    round_trip(
        r#"(module (import "o" "seven" (func $seven (result i32))) (type $t (func (result i32)))
            (table $a 4 10 funcref) (table $b (export "b") i64 2 (ref null $t)) (table $c 2 (ref $t) (ref.func $one)) (table $d 2 i31ref)
            (table $e 3 funcref (ref.func $one))
            (elem (table $a) (i32.const 1) func $one $seven)
            (func $one (type $t) (i32.const 1)) (func $two (type $t) (i32.const 2)) (elem declare func $two)
            (func (export "init")
                (table.set $a (i32.const 1) (ref.null func)) (table.set $a (i32.const 0) (ref.func $two))
                (drop (table.grow $a (ref.func $seven) (i32.const 3)))
                (table.set $b (i64.const 1) (ref.func $two))
                (table.set $c (i32.const 0) (ref.func $two))
                (table.set $d (i32.const 1) (ref.i31 (i32.const 77)))
                (table.set $e (i32.const 1) (ref.null func)))
            (func (export "look") (result i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)
                (table.size $a) (ref.is_null (table.get $a (i32.const 1)))
                (call_indirect $a (type $t) (i32.const 0)) (call_indirect $a (type $t) (i32.const 2))
                (call_indirect $a (type $t) (i32.const 6)) (call_indirect $b (type $t) (i64.const 1))
                (call_indirect $c (type $t) (i32.const 0)) (call_indirect $c (type $t) (i32.const 1))
                (i31.get_u (table.get $d (i32.const 1)))
                (call_indirect $e (type $t) (i32.const 0)) (ref.is_null (table.get $e (i32.const 1)))))"#,
    )?;
    Ok(())
}

/// Segments that code refers to keep their numbers, and whether they are dropped.
#[test]
fn segments() -> Result<()> {
    let wat = |use_dropped: &str| {
        format!(
            r#"(module (memory 1) (table 4 funcref)
            (data (i32.const 0) "active") (data $dropped "dropped") (data $kept "kept") (data (i32.const 50) "active")
            (elem (i32.const 0) func $f) (elem $gone func $f) (elem $left func $f $f)
            (func $f (result i32) (i32.const 3))
            (func (export "init")
                (memory.init $dropped (i32.const 10) (i32.const 0) (i32.const 2)) (data.drop $dropped)
                (table.init $gone (i32.const 1) (i32.const 0) (i32.const 1)) (elem.drop $gone))
            (func (export "look") (result i32 i32)
                (memory.init $kept (i32.const 20) (i32.const 0) (i32.const 4)) {use_dropped}
                (table.init $left (i32.const 2) (i32.const 0) (i32.const 2))
                (i32.add (i32.load (i32.const 20)) (i32.load (i32.const 10))) (call_indirect (result i32) (i32.const 3))))"#
        )
    };
    round_trip(&wat("(memory.init 0 (i32.const 0) (i32.const 0) (i32.const 0))"))?;
    for trapping in [
        "(memory.init 1 (i32.const 0) (i32.const 0) (i32.const 1))",
        "(memory.init 0 (i32.const 0) (i32.const 0) (i32.const 1))",
        "(table.init 0 (i32.const 0) (i32.const 0) (i32.const 1))",
        "(table.init 1 (i32.const 0) (i32.const 0) (i32.const 1))",
    ] {
        let start = Start::new(Tier::default(), &wat(trapping))?;
        let (mut store, instance) = start.instance(&start.module)?;
        instance.get_typed_func::<(), ()>(&mut store, "init")?.call(&mut store, ())?;
        let module = Module::new(&start.engine, instance.snapshot(&store, &SnapshotConfig::new())?)?;
        let (mut store, instance) = start.instance(&module)?;
        let error = seen(&mut store, &instance).expect_err("the segment is dropped");
        assert!(matches!(
            error.downcast_ref(),
            Some(tiercel::Trap::MemoryOutOfBounds | tiercel::Trap::TableOutOfBounds)
        ));
    }
    Ok(())
}

/// The start function has run; names and other custom sections stay, code is byte for byte the same.
#[test]
fn start_function_and_custom_sections() -> Result<()> {
    let bytes = round_trip(
        r#"(module $named (@custom "mine" "contents") (memory 1) (global $n (mut i32) (i32.const 0))
            (func $start (global.set $n (i32.add (global.get $n) (i32.const 1))) (i32.store (i32.const 0) (global.get $n)))
            (start $start) (func (export "init"))
            (func (export "look") (result i32 i32) (global.get $n) (i32.load (i32.const 0))))"#,
    )?;
    let module = Module::new(&Engine::default(), &bytes)?;
    assert_eq!(module.name(), Some("named"));
    assert_eq!(module.functions().flatten().collect::<Vec<_>>(), ["start"]);
    assert_eq!(module.custom_sections("mine").collect::<Vec<_>>(), [b"contents"]);
    Ok(())
}

#[test]
fn what_cannot_be_written_is_refused() -> Result<()> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let host = Func::wrap(&mut store, || {});
    for (wat, expected) in [
        ("(memory (import \"o\" \"m\") 1)", "its memory `o::m` is imported"),
        ("(table (import \"o\" \"t\") 1 funcref)", "its table `o::t` is imported"),
        ("(global (import \"o\" \"g\") (mut i32))", "its global `o::g` is imported"),
        ("(type $s (struct)) (global (mut anyref) (struct.new $s))", "global 0 is a reference to an object"),
        ("(type $s (struct)) (global anyref (struct.new $s))", "global 0 is a reference to an object"),
        (
            "(type $s (array i8)) (table 2 anyref (array.new_fixed $s 0))",
            "element 0 of table 0 is a reference to an object",
        ),
        (
            "(type $s (struct)) (elem $e anyref (item struct.new $s)) (func (elem.drop $e))",
            "element segment 0 holds references that are not to functions",
        ),
        (
            "(table (export \"t\") 2 funcref)",
            "element 1 of table 0 is a reference to a function of another instance, or of the host",
        ),
    ] {
        let module = Module::new(&engine, format!("(module {wat})"))?;
        let owner = Module::new(
            &engine,
            "(module (memory (export \"m\") 1) (table (export \"t\") 1 funcref) (global (export \"g\") (mut i32) (i32.const 0)))",
        )?;
        let mut linker = Linker::new(&engine);
        linker.module(&mut store, "o", &owner)?;
        let instance = linker.instantiate(&mut store, &module)?;
        if let Some(table) = instance.get_table(&mut store, "t") {
            table.set(&mut store, 1, host.into())?;
        }
        let error = instance.snapshot(&store, &SnapshotConfig::new()).expect_err(wat);
        assert!(format!("{error:#}").contains(expected), "{wat}: {error:#}");
    }
    Ok(())
}
