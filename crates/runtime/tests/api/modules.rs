//! Loading and looking into modules.

use crate::chain;
use tiercel::{Engine, ErrorKind, ExternType, Feature, FuncType, MemoryType, Module, Result, ValType};

const WAT: &str = r#"(module $sample
    (import "env" "f" (func (param i32 v128) (result i64)))
    (import "env" "m" (memory 1 2))
    (global (export "g") (mut f32) (f32.const 1))
    (table (export "t") 3 funcref)
    (func (export "run") (result i32) i32.const 7))"#;

#[test]
fn text_and_binary_are_the_same_module() -> Result<()> {
    let engine = crate::engine();
    let binary = wat::parse_str(WAT)?;
    Module::validate(&engine, &binary)?;
    for module in [Module::new(&engine, WAT)?, Module::new(&engine, &binary)?, Module::from_binary(&engine, &binary)?] {
        assert_eq!(module.name(), Some("sample"));
        assert_eq!(module.imports().len(), 2);
        assert_eq!(module.exports().map(|export| export.name()).collect::<Vec<_>>(), ["g", "t", "run"]);
    }
    Ok(())
}

#[test]
fn types_of_imports_and_exports() -> Result<()> {
    let engine = crate::engine();
    let module = Module::new(&engine, WAT)?;
    let imports: Vec<_> = module.imports().collect();
    assert_eq!((imports[0].module(), imports[0].name()), ("env", "f"));
    let func = FuncType::new(&engine, [ValType::I32, ValType::V128], [ValType::I64]);
    assert_eq!(imports[0].ty(), ExternType::Func(func.clone()));
    assert_eq!(func.to_string(), "(i32, v128) -> (i64)");
    assert_eq!(func.param(1), Some(ValType::V128));
    assert_eq!(imports[1].ty(), ExternType::Memory(MemoryType::new(1, Some(2))));
    assert_eq!(module.get_export("g").map(|ty| ty.to_string()).as_deref(), Some("global mut f32"));
    assert_eq!(module.get_export("run").and_then(|ty| ty.func().cloned()).map(|ty| ty.results().len()), Some(1));
    assert_eq!(module.get_export("nothing"), None);
    Ok(())
}

#[test]
fn files() -> Result<()> {
    let engine = crate::engine();
    let folder = std::env::temp_dir().join(format!("tiercel-modules-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let (good, bad) = (folder.join("good.wat"), folder.join("bad.wat"));
    std::fs::write(&good, WAT)?;
    std::fs::write(&bad, "(module (func (result i32)))")?;
    assert_eq!(Module::from_file(&engine, &good)?.name(), Some("sample"));
    assert!(chain(Module::from_file(&engine, &bad)).contains("bad.wat"));
    assert!(chain(Module::from_file(&engine, folder.join("none.wasm"))).contains("none.wasm"));
    std::fs::remove_dir_all(folder)?;
    Ok(())
}

#[test]
fn what_is_wrong_is_said() {
    let engine = crate::engine();
    let error = Module::from_binary(&engine, b"\0asm\x01\0\0").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    let error = Module::new(&engine, "(module (func (result i32)))").unwrap_err();
    assert!(error.to_string().contains("type mismatch"), "{error:?}");
    assert!(Module::new(&engine, "(modul)").is_err());
}

/// However many threads validate, they find the first thing that is wrong: in a body, between bodies, or behind them.
#[test]
fn the_first_error_is_told_by_any_number_of_threads() -> Result<()> {
    let engines = [1, 2, 7].map(|threads| Engine::new(crate::config().compiler_threads(threads)));
    let [one, others @ ..] = engines;
    let (one, others) = (one?, others.into_iter().collect::<Result<Vec<_>>>()?);
    let good = tiercel_random::dense::large(3, 1200);
    assert!(good.len() > 3 * (128 << 10), "too small for threads: {}", good.len());
    Module::validate(&one, &good)?;
    let (mut wrong, mut random) = (0, 0x9e37_79b9_7f4a_7c15_u64);
    for _ in 0..25 {
        let mut bytes = good.clone();
        // Everything in front of the bodies is left as it is.
        for _ in 0..3 {
            random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            let at = bytes.len() / 4 + (random >> 33) as usize % (bytes.len() / 4 * 3);
            bytes[at] ^= (random >> 24) as u8;
        }
        let expected = Module::validate(&one, &bytes).map_err(|error| format!("{error:#}"));
        wrong += u32::from(expected.is_err());
        for other in &others {
            assert_eq!(Module::validate(other, &bytes).map_err(|error| format!("{error:#}")), expected);
        }
    }
    assert!(wrong > 15, "{wrong} of 25 were wrong");
    Ok(())
}

#[test]
fn proposals_are_switched() -> Result<()> {
    let simd = r#"(module (func (result v128) v128.const i64x2 0 0))"#;
    Module::new(&crate::engine(), simd)?;
    let engine = Engine::new(crate::config().wasm_simd(false).wasm_relaxed_simd(false))?;
    let error = Module::new(&engine, simd).unwrap_err();
    assert!(format!("{error:#}").contains("simd"), "{error:?}");

    let error = Engine::new(crate::config().wasm_feature(Feature::Threads, true)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("`threads`"), "{error}");
    Ok(())
}

#[test]
fn engines_and_modules_are_shared_between_threads() -> Result<()> {
    fn shareable<T: Send + Sync + Clone>(_: &T) {}
    let engine = crate::engine();
    let module = Module::new(&engine, WAT)?;
    shareable(&engine);
    shareable(&module);
    assert!(Engine::same(&engine, module.engine()));
    assert!(!Engine::same(&engine, &crate::engine()));
    fn sendable<T: Send>() {}
    sendable::<tiercel::Store<u32>>();
    Ok(())
}
