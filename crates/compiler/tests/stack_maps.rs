//! Stack maps: which slots of a frame hold references at a call.

use tiercel_abi::frames::{NO_MAP, StackMap};
use tiercel_compiler::compile::{Code, Compiler, Options};
use tiercel_compiler::ir::machine::layout_of;
use tiercel_compiler::isa::{Target, aarch64, x64};
use tiercel_compiler::regalloc::Chaos;
use tiercel_compiler::translate::{Callees, Config, Context, Inlining};
use tiercel_wasm::TypeRegistry;

/// On each instruction set, for each call site of a module's last function the slots of its map.
fn maps(wat: &str, config: Config, chaos: Chaos) -> [Vec<Vec<u32>>; 2] {
    [Target::X64(x64::Features::ALL), Target::Aarch64(aarch64::Features::ALL)]
        .map(|target| maps_of(wat, config, Options { target, chaos, ..Options::default() }))
}

fn maps_of(wat: &str, config: Config, options: Options) -> Vec<Vec<u32>> {
    let bytes = wat::parse_str(wat).expect("the text is WebAssembly");
    let mut types = TypeRegistry::default();
    let info = tiercel_wasm::decode(&bytes, &tiercel_wasm::Features::default(), &mut types).expect("it is valid");
    let layout = layout_of(&info);
    let config = Config { inlining: Inlining::Off, ..config };
    let callees = Callees::new(&info, &bytes);
    let cx = Context { info: &info, bytes: &bytes, layout: &layout, callees: &callees, config };
    let options = Options { translate: config, verify: true, ..options };
    let mut code = Code::default();
    Compiler::new(options).compile(cx, info.bodies.len() - 1, &mut code).expect("it can be compiled");
    let slots = |map: u32| {
        if map == NO_MAP {
            return Vec::new();
        }
        let map = StackMap::read(&code.stack_maps, map);
        let slots: Vec<u32> = map.slots().collect();
        assert!(slots.iter().all(|&slot| slot < map.frame_slots), "{slots:?} of {}", map.frame_slots);
        slots
    };
    assert!(code.call_sites.is_sorted_by_key(|site| site.offset));
    code.call_sites.iter().map(|site| slots(site.map)).collect()
}

#[test]
fn only_references_that_live_across_a_call_are_in_its_map() {
    let found = maps(
        r#"(module (func $f (param externref))
             (func (param externref externref i64) (result externref i64)
               (call $f (local.get 0))
               (call $f (local.get 1))
               (call $f (ref.null extern))
               (local.get 1) (local.get 2)))"#,
        Config::default(),
        Chaos::default(),
    );
    for found in found {
        let counts: Vec<usize> = found.iter().map(Vec::len).collect();
        assert_eq!(counts, [1, 1, 1]);
        assert_eq!(found[0], found[1], "the same one waits for all calls");
    }
}

#[test]
fn a_function_without_references_has_no_maps() {
    let found = maps(
        "(module (func $f) (func (param i64 funcref) (result funcref) (call $f) (local.get 1)))",
        Config::default(),
        Chaos::default(),
    );
    assert_eq!(found, [[[0_u32; 0]], [[0_u32; 0]]]);
}

#[test]
fn locals_in_frame_slots_are_in_every_map() {
    let config = Config { locals_in_slots: true, ..Config::default() };
    let found = maps(
        r#"(module (func $f)
             (func (param i32 externref) (local v128 anyref i32) (call $f) (call $f)))"#,
        config,
        Chaos::default(),
    );
    for found in found {
        assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2]);
        assert_eq!(found[0][0] + 1, found[0][1], "side by side");
    }
}

#[test]
fn an_object_that_is_made_is_not_in_the_map_of_its_own_allocation() {
    let found = maps(
        r#"(module (type $s (struct (field anyref) (field anyref)))
             (func (param anyref) (result anyref)
               (struct.new $s (struct.new $s (local.get 0) (ref.null any)) (local.get 0))))"#,
        Config::default(),
        Chaos { seed: 7, spill: 64, split: 64, ..Chaos::default() },
    );
    for found in found {
        let mut counts: Vec<usize> = found.iter().map(Vec::len).collect();
        counts.sort_unstable();
        // The parameter at the first one, it and the inner object at the second.
        assert_eq!(counts, [1, 2]);
    }
}
