//! Modules that the compiler compiles: which ones, into what, and what is left when they are gone.

use super::hand::engine;
use crate::native::{Image, registry};
use crate::{Config, Engine, Instance, Module, Store, Tier, Trap};
use alloc::string::String;
use std::format;

fn tier(wat: &str) -> Tier {
    Module::new(&engine(), wat).expect("a valid module").tier()
}

#[test]
fn what_is_too_complex_is_for_the_interpreter() {
    assert_eq!(tier("(module)"), Tier::Opt);
    assert_eq!(tier("(module (table 1 funcref) (func (param funcref) (result i32) (i32.const 1)))"), Tier::Opt);
    assert_eq!(tier("(module (func (param externref)))"), Tier::Opt);
    assert_eq!(tier("(module (func (result anyref) unreachable))"), Tier::Opt);
    assert_eq!(tier("(module (table 1 externref))"), Tier::Opt);
    assert_eq!(tier("(module (global (mut externref) (ref.null extern)))"), Tier::Opt);
    assert_eq!(
        tier("(module (type $a (array i8)) (func (param anyref) (drop (ref.cast (ref $a) (local.get 0)))))"),
        Tier::Opt
    );
    assert_eq!(tier(&super::too_complex("")), Tier::Interp);
}

/// Functions that call each other, long enough for several threads.
fn large(funcs: u32) -> String {
    let mut wat = String::from("(module (memory 1)");
    for func in 0..funcs {
        wat += "(func (param i32) (result i32) (local.get 0)";
        for step in 0..30 + func % 7 {
            wat +=
                &format!("(i32.add (i32.const {step})) (call {}) (i32.load offset={step})", (func * 7 + step) % funcs);
        }
        wat += ")";
    }
    wat + ")"
}

#[test]
fn the_code_does_not_depend_on_threads() {
    // Many calls of each other; then everything else: traps, jump tables, constants, vectors, functions of very different length.
    let modules = [large(300).into_bytes(), tiercel_random::dense::large(5, 1500)];
    for bytes in modules {
        let compile = |threads| {
            let mut config = Config::new();
            config.tier(Tier::Opt).compiler_threads(threads).wasm_wide_arithmetic(true);
            let engine = Engine::new(&config).expect("an engine");
            Module::new(&engine, &bytes).expect("a valid module")
        };
        fn image(module: &Module) -> &Image {
            let image = module.0.native.as_ref().and_then(|native| native.image.as_ref());
            image.expect("compiled code")
        }
        let one = compile(1);
        for threads in [2, 3, 8, 0] {
            assert!(image(&one).is_same(image(&compile(threads))), "{threads} threads");
        }
    }
}

#[test]
fn code_is_known_as_long_as_its_module_lives() {
    // Of a size that no other test has: their code may come to lie in the same place.
    let module = Module::new(&engine(), large(200)).expect("a valid module");
    let range = module.0.native.as_ref().and_then(|native| native.image.as_ref()).expect("compiled code").range();
    let known = |address| registry::with_image(address, |image| image.range());
    assert_eq!(known(range.start), Some(range.clone()));
    assert_eq!(known(range.end - 1), Some(range.clone()));
    assert_ne!(known(range.end), Some(range.clone()));
    drop(module);
    assert_ne!(known(range.start), Some(range));
}

/// Threads make modules, run them into traps and drop them, all at once: faults look for their module while the list of modules changes.
#[test]
fn threads_trap_while_modules_come_and_go() {
    const WAT: &str = r#"(module (memory 1)
        (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
        (func (export "divide") (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0))))"#;
    let engine = engine();
    let run = || {
        for _ in 0..100 {
            let module = Module::new(&engine, WAT).expect("a valid module");
            assert_eq!(module.tier(), Tier::Opt);
            let mut store = Store::new(&engine, ());
            let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
            let cases = [("load", -1, Trap::MemoryOutOfBounds), ("divide", 0, Trap::IntegerDivisionByZero)];
            for (name, argument, trap) in cases {
                let func = instance.get_typed_func::<i32, i32>(&mut store, name).expect("it is exported");
                let error = func.call(&mut store, argument).expect_err("a trap");
                assert_eq!(error.downcast_ref::<Trap>(), Some(&trap));
                func.call(&mut store, 4).expect("no trap");
            }
        }
    };
    std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(run))));
}

/// While there are modules and stubs, no memory of the process can be both written and executed, and code cannot be written.
#[test]
fn code_is_not_writable() {
    let engine = engine();
    let module = Module::new(&engine, large(200)).expect("a valid module");
    let mut store = Store::new(&engine, ());
    Instance::new(&mut store, &module, &[]).expect("an instance");
    let code = module.0.native.as_ref().and_then(|native| native.image.as_ref()).expect("compiled code").range();
    let stub = engine.host_entry(&tiercel_wasm::FuncType::new([], []), false);
    let maps = std::fs::read_to_string("/proc/self/maps").expect("the host tells");
    let mut found = 0;
    for line in maps.lines() {
        let mut words = line.split_whitespace();
        let (range, access) = (words.next().expect("a range"), words.next().expect("rights"));
        assert!(!(access.contains('w') && access.contains('x')), "{line}");
        let (start, end) = range.split_once('-').expect("two addresses");
        let address = |text| usize::from_str_radix(text, 16).expect("an address");
        let mapping = address(start)..address(end);
        for place in [code.start, code.end - 1, stub as usize] {
            if mapping.contains(&place) {
                assert!(access.starts_with("r-x"), "{line}");
                found += 1;
            }
        }
    }
    assert_eq!(found, 3);
}
