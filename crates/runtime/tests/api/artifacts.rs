//! Artifacts: what was compiled is loaded again and does the same, and everything else is refused with the reason.

use crate::{TIER, config, engine, instance};
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use tiercel::{
    BranchProtection, Config, Engine, Error, ErrorKind, Instance, Linker, Module, Precompiled, Result, Store, Trap, Val,
};

/// Calls through tables, of imports and of builtins, objects, casts, data, memory, globals, constants, traps, names.
const EVERYTHING: &str = r#"(module $everything
    (type $pair (sub (struct (field i32) (field i32))))
    (type $more (sub $pair (struct (field i32) (field i32) (field i64))))
    (type $binary (func (param i32 i32) (result i32)))
    (type $unary (func (param i32) (result i32)))
    (import "host" "twice" (func $twice (param i32) (result i32)))
    (memory (export "memory") 1)
    (table 4 funcref)
    (elem (i32.const 0) $add $twice $negate)
    (global $count (mut i32) (i32.const 40))
    (data (i32.const 8) "some data")
    (data $later "later")
    (func $add (type $binary) (i32.add (local.get 0) (local.get 1)))
    (func $negate (type $unary) (i32.sub (i32.const 0) (local.get 0)))
    (func (export "call") (param i32) (result i32)
        (call_indirect (type $unary) (local.get 0) (local.get 0)))
    (func (export "cast") (param i32) (result i32)
        (local $object anyref)
        (local.set $object (if (result anyref) (local.get 0)
            (then (struct.new $more (i32.const 1) (i32.const 2) (i64.const 3)))
            (else (struct.new $pair (i32.const 1) (i32.const 2)))))
        (i32.add (ref.test (ref $more) (local.get $object)) (ref.test (ref $pair) (local.get $object))))
    (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
    (func (export "init") (memory.init $later (i32.const 100) (i32.const 0) (i32.const 5)))
    (func (export "count") (result i32)
        (global.set $count (i32.add (global.get $count) (i32.const 1))) (global.get $count))
    (func (export "float") (param f64) (result f64) (f64.mul (local.get 0) (f64.const 1.5)))
    (func $divide (export "divide") (param i32) (result i32) (i32.div_u (i32.const 7) (local.get 0)))
    (@custom "note" "kept"))"#;

fn artifact(engine: &Engine) -> Vec<u8> {
    engine.precompile_module(&wat::parse_str(EVERYTHING).expect("correct text")).expect("it compiles")
}

fn load(engine: &Engine, bytes: &[u8]) -> Result<Module> {
    // SAFETY: what the tests change in artifacts is found.
    unsafe { Module::deserialize(engine, bytes) }
}

/// A file that is gone when this is dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str, contents: &[u8]) -> Scratch {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tiercel-{}-{}-{number}-{name}", TIER.name(), std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, contents).expect("the folder for temporary files is writable");
        Scratch(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Everything that can be seen of the module.
fn observe(engine: &Engine, module: &Module) -> Result<Vec<String>> {
    let mut linker = Linker::new(engine);
    linker.func_wrap("host", "twice", |value: i32| value * 2)?;
    let mut store = Store::new(engine, ());
    let instance = linker.instantiate(&mut store, module)?;
    let mut seen = vec![format!("{:?} {:?}", module.name(), module.tier())];
    seen.extend(module.imports().map(|import| format!("{import:?}")));
    seen.extend(module.exports().map(|export| format!("{export:?}")));
    seen.extend(module.functions().map(|name| format!("{name:?}")));
    seen.push(format!("{:?}", module.custom_sections("note").collect::<Vec<_>>()));
    let calls: &[(&str, &[Val])] = &[
        ("call", &[Val::I32(0)]),
        ("call", &[Val::I32(1)]),
        ("call", &[Val::I32(2)]),
        ("call", &[Val::I32(3)]),
        ("call", &[Val::I32(4)]),
        ("cast", &[Val::I32(0)]),
        ("cast", &[Val::I32(1)]),
        ("load", &[Val::I32(8)]),
        ("init", &[]),
        ("load", &[Val::I32(100)]),
        ("load", &[Val::I32(-1)]),
        ("count", &[]),
        ("float", &[Val::F64(2.5f64.to_bits())]),
        ("divide", &[Val::I32(0)]),
    ];
    for (name, arguments) in calls {
        let func = instance.get_func(&mut store, name).expect("it is exported");
        let mut results = vec![Val::I32(0); func.ty(&store).results().len()];
        match func.call(&mut store, arguments, &mut results) {
            Ok(()) => seen.push(format!("{name}: {results:?}")),
            Err(error) => seen.push(format!("{name}: {error:?}")),
        }
    }
    Ok(seen)
}

#[test]
fn a_loaded_module_does_what_the_original_does() -> Result<()> {
    let one = engine();
    let original = Module::new(&one, EVERYTHING)?;
    let bytes = original.serialize()?;
    // In another engine the types have other numbers.
    let other = engine();
    Module::new(
        &other,
        "(module (type (func (param i64))) (type (array i8)) (func) (func (param f64) (result f64) (local.get 0)))",
    )?;
    let expected = observe(&one, &original)?;
    let file = Scratch::new("same", &bytes);
    for engine in [&one, &other] {
        let loaded = load(engine, &bytes)?;
        assert_eq!(observe(engine, &loaded)?, expected);
        assert_eq!(loaded.serialize()?, bytes);
        // SAFETY: nobody changes the file.
        let mapped = unsafe { Module::deserialize_file(engine, &file.0) }?;
        assert_eq!(observe(engine, &mapped)?, expected);
        assert_eq!(mapped.serialize()?, bytes);
    }
    Ok(())
}

#[test]
fn instances_of_artifacts_and_modules_share_types() -> Result<()> {
    let engine = engine();
    let original = Module::new(&engine, EVERYTHING)?;
    let loaded = load(&engine, &original.serialize()?)?;
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    linker.func_wrap("host", "twice", |value: i32| value * 2)?;
    let exporter = linker.instantiate(&mut store, &loaded)?;
    linker.instance(&mut store, "loaded", exporter)?;
    let user = Module::new(
        &engine,
        r#"(module (import "loaded" "cast" (func $cast (param i32) (result i32)))
            (table 1 funcref) (elem (i32.const 0) $cast)
            (func (export "run") (result i32) (call_indirect (param i32) (result i32) (i32.const 1) (i32.const 0))))"#,
    )?;
    let instance = linker.instantiate(&mut store, &user)?;
    assert_eq!(instance.get_typed_func::<(), i32>(&mut store, "run")?.call(&mut store, ())?, 2);
    Ok(())
}

#[test]
fn the_same_module_gives_the_same_bytes() -> Result<()> {
    let first = artifact(&engine());
    for threads in [1, 2, 5] {
        let mut config = config();
        let engine = Engine::new(config.compiler_threads(threads))?;
        // What the engine knows already makes no difference.
        Module::new(&engine, "(module (type (func (param v128))) (type (struct (field i64))))")?;
        assert_eq!(artifact(&engine), first, "{threads} threads");
    }
    Ok(())
}

#[test]
fn artifacts_are_told_from_modules() -> Result<()> {
    let engine = engine();
    let bytes = artifact(&engine);
    assert_eq!(Engine::detect_precompiled(&bytes), Some(Precompiled::Module));
    assert_eq!(Engine::detect_precompiled(b"\0asm\x01\0\0\0"), None);
    assert_eq!(Engine::detect_precompiled(b""), None);
    let (file, empty) = (Scratch::new("told", &bytes), Scratch::new("empty", b""));
    assert_eq!(Engine::detect_precompiled_file(&file.0)?, Some(Precompiled::Module));
    assert_eq!(Engine::detect_precompiled_file(&empty.0)?, None);
    assert!(Engine::detect_precompiled_file("does/not/exist").is_err());
    Ok(())
}

#[test]
fn modules_and_artifacts_are_exchanged_only_where_that_is_allowed() -> Result<()> {
    let engine = engine();
    let bytes = artifact(&engine);
    let file = Scratch::new("allowed", &bytes);
    for refused in [Module::new(&engine, &bytes), Module::from_file(&engine, &file.0)] {
        let error = refused.expect_err("not allowed");
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(format!("{error:#}").contains("--allow-precompiled"), "{error:?}");
    }
    let allowing = Engine::new(config().allow_precompiled(true))?;
    let expected = observe(&engine, &load(&engine, &bytes)?)?;
    assert_eq!(observe(&allowing, &Module::new(&allowing, &bytes)?)?, expected);
    assert_eq!(observe(&allowing, &Module::from_file(&allowing, &file.0)?)?, expected);
    assert!(Module::from_binary(&allowing, &bytes).is_err());
    Ok(())
}

fn refusal(engine: &Engine, bytes: &[u8]) -> Error {
    let file = Scratch::new("refused", bytes);
    // SAFETY: nobody changes the file.
    let mapped = unsafe { Module::deserialize_file(engine, &file.0) };
    let (error, of_file) = (load(engine, bytes).expect_err("refused"), mapped.expect_err("refused"));
    assert_eq!(error.root_cause().to_string(), of_file.root_cause().to_string());
    error
}

#[test]
fn what_is_no_artifact_is_refused() {
    let engine = engine();
    for bytes in [&b""[..], b"\0", b"\0tierce", b"\0asm\x01\0\0\0", b"#!/bin/sh\n", &[0; 4096]] {
        let error = refusal(&engine, bytes);
        assert_eq!(error.to_string(), "it is no compiled artifact: it does not start as one");
        assert_eq!(error.kind(), ErrorKind::Invalid);
    }
    // SAFETY: there is no file.
    let missing = unsafe { Module::deserialize_file(&engine, "does/not/exist") }.expect_err("no file");
    assert!(format!("{missing:#}").starts_with("cannot read `does/not/exist`"), "{missing:?}");
}

#[test]
fn a_cut_artifact_is_refused() {
    let engine = engine();
    let bytes = artifact(&engine);
    for len in (8..bytes.len()).step_by(7).chain(bytes.len() - 20..bytes.len()) {
        let error = load(&engine, &bytes[..len]).expect_err("cut").to_string();
        assert!(error.starts_with("the artifact is truncated"), "{len}: {error}");
    }
    let error = refusal(&engine, &bytes[..bytes.len() - 1]).to_string();
    let (found, expected) = (bytes.len() - 1, bytes.len());
    assert_eq!(error, format!("the artifact is truncated: it has {found} bytes of {expected}"));
    let longer = refusal(&engine, &[&bytes[..], &[0]].concat()).to_string();
    assert!(longer.starts_with("the artifact is damaged"), "{longer}");
}

#[test]
fn damage_is_found() -> Result<()> {
    let engine = engine();
    let bytes = artifact(&engine);
    let mut state = 7u64;
    let mut random = |limit: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as usize % limit
    };
    let mut refused = 0;
    for round in 0..4000 {
        let mut damaged = bytes.clone();
        for _ in 0..1 + random(3) {
            let at = random(damaged.len());
            match random(4) {
                0 => damaged[at] ^= 1 << random(8),
                1 => damaged[at] = random(256) as u8,
                2 => damaged.truncate(at),
                _ => {
                    let (from, len) = (random(damaged.len()), random(64));
                    let piece = damaged[from..(from + len).min(damaged.len())].to_vec();
                    damaged.splice(at..(at + piece.len()).min(damaged.len()), piece);
                }
            }
            if damaged.is_empty() {
                break;
            }
        }
        match load(&engine, &damaged) {
            Err(error) => {
                refused += 1;
                assert_ne!(error.to_string(), "", "round {round}");
            }
            // Some rounds change nothing.
            Ok(_) => assert!(damaged == bytes, "round {round}"),
        }
    }
    assert!(refused > 1000, "only {refused} refused");
    Ok(())
}

/// Artifacts of another make: the same length, so that only the checked word differs; the checksum of the header is made good again by whoever
/// makes such a file.
#[test]
fn another_version_format_or_engine_is_refused() -> Result<()> {
    let engine = engine();
    let bytes = artifact(&engine);
    let mut format = bytes.clone();
    format[8] = 99;
    let error = refusal(&engine, &format);
    assert!(error.to_string().contains("it is an artifact of format 99"), "{error}");
    let with = |change: &dyn Fn(&mut Config)| {
        let mut config = config();
        change(&mut config);
        Engine::new(&config)
    };
    type Change<'a> = &'a dyn Fn(&mut Config);
    let cases: [(&str, Change<'_>); 3] = [
        ("`proposals: default -simd -relaxed-simd`", &|config| {
            config.wasm_simd(false).wasm_relaxed_simd(false);
        }),
        ("`proposals: default +custom-page-sizes`", &|config| {
            config.wasm_custom_page_sizes(true);
        }),
        ("fuel", &|config| {
            config.consume_fuel(true);
        }),
    ];
    // The interpreter's code is made when the module runs.
    let code_cases = if TIER == tiercel::Tier::Interp { 2 } else { 3 };
    for (named, change) in cases.into_iter().take(code_cases) {
        let error = refusal(&with(change)?, &bytes);
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        let text = error.to_string();
        assert!(text.starts_with("it was compiled with other settings: ") && text.contains(named), "{text}");
    }
    // `auto` and `opt` use each other's artifacts.
    let maker = |tier| if tier == tiercel::Tier::Auto { tiercel::Tier::Opt } else { tier };
    for &tier in tiercel::Tier::ALL.iter().filter(|tier| maker(**tier) != maker(TIER) && tier.is_available()) {
        let error = refusal(&Engine::new(config().tier(tier))?, &bytes).to_string();
        assert!(error.contains(&format!("`tier: {}`", maker(TIER).name())), "{error}");
    }
    Ok(())
}

#[test]
fn a_file_is_written_whole_or_not_at_all() -> Result<()> {
    let engine = engine();
    let module = Module::new(&engine, EVERYTHING)?;
    let folder = std::env::temp_dir().join(format!("tiercel-{}-{}-folder", TIER.name(), std::process::id()));
    fs::create_dir(&folder)?;
    let file = folder.join("module.cwasm");
    fs::write(&file, "old")?;
    module.serialize_file(&file)?;
    assert_eq!(fs::read(&file)?, module.serialize()?);
    // A folder is in the way.
    let taken = folder.join("taken");
    fs::create_dir(&taken)?;
    fs::write(taken.join("inside"), "")?;
    assert!(module.serialize_file(&taken).is_err());
    assert!(module.serialize_file(folder.join("missing/module.cwasm")).is_err());
    assert!(module.serialize_file("..").is_err());
    let names: Vec<_> =
        fs::read_dir(&folder)?.map(|entry| entry.map(|entry| entry.file_name())).collect::<Result<_, _>>()?;
    assert_eq!(names.len(), 2, "{names:?}");
    fs::remove_dir_all(&folder)?;
    // A disk without room.
    if fs::metadata("/dev/full").is_ok() {
        let error = module.serialize_file("/dev/full").expect_err("no room");
        assert!(format!("{error:#}").contains("No space left"), "{error:?}");
    }
    Ok(())
}

#[test]
fn traps_of_a_loaded_module_are_those_of_its_instance() -> Result<()> {
    let engine = engine();
    let wat = r#"(module (func (export "f") (param i32) (result i32) (i32.div_s (i32.const 1) (local.get 0))))"#;
    let module = load(&engine, &Module::new(&engine, wat)?.serialize()?)?;
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    drop(module);
    let func = instance.get_typed_func::<i32, i32>(&mut store, "f")?;
    assert_eq!(func.call(&mut store, 1)?, 1);
    assert_eq!(func.call(&mut store, 0).expect_err("a trap").downcast_ref(), Some(&Trap::IntegerDivisionByZero));
    let _ = instance_of_nothing()?;
    Ok(())
}

/// A module without functions has no code, and yet is one.
fn instance_of_nothing() -> Result<Instance> {
    let (mut store, _) = instance("(module)")?;
    let engine = engine();
    let empty = load(&engine, &Module::new(&engine, "(module)")?.serialize()?)?;
    assert_eq!(empty.exports().len(), 0);
    let module = load(store.engine(), &Module::new(store.engine(), "(module)")?.serialize()?)?;
    Instance::new(&mut store, &module, &[])
}

#[test]
fn branches_are_protected_on_aarch64_alone() -> Result<()> {
    const PACIASP: [u8; 4] = [0x3f, 0x23, 0x03, 0xd5];
    if TIER == tiercel::Tier::Interp {
        // Artifacts of its engines have no code.
        return Ok(());
    }
    let signs = |config: &Config| -> Result<bool> {
        Ok(artifact(&Engine::new(config)?).windows(4).any(|word| word == PACIASP))
    };
    assert!(!signs(config().target("aarch64-linux")?)?);
    let mut protected = config();
    protected.branch_protection(BranchProtection::PacRet);
    assert!(signs(protected.clone().target("aarch64-linux")?)?);
    let error = crate::chain(Engine::new(protected.target("x86_64-linux")?).map(|_| ()));
    assert!(error.contains("branch protection `pac-ret` is for aarch64"), "{error}");
    // Settings of artifacts are those of the engine.
    if cfg!(target_arch = "aarch64") {
        let others = Engine::new(config().branch_protection(BranchProtection::Bti))?;
        assert!(load(&others, &artifact(&engine())).is_err());
    }
    Ok(())
}
