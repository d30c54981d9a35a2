//! What must hold for any bytes. A target panics where it does not.

use crate::bytes::Choices;
use crate::observe::{self, Plan, Seen, Way};
use crate::smith::{self, Shape};
use crate::{dense, nested};
use std::sync::OnceLock;
use tiercel::{Config, Engine, Module, Store, Tier};

/// A target.
pub struct Target {
    /// As in `cargo xtask fuzz NAME`.
    pub name: &'static str,
    /// What it tests.
    pub doc: &'static str,
    /// Bytes that are enough for what is made of them.
    pub bytes: usize,
    /// Cases in each run of the tests.
    pub cases: u64,
    /// The test.
    pub run: fn(&[u8]),
}

/// Every target.
pub const TARGETS: &[Target] = &[
    Target {
        name: "decode",
        doc: "bytes that may be a module are refused or compiled, never a panic",
        bytes: 1500,
        cases: 2000,
        run: decode,
    },
    Target {
        name: "text",
        doc: "text that may be a module or a script is refused or run, never a panic",
        bytes: 300,
        cases: 2000,
        run: text,
    },
    Target {
        name: "differential",
        doc: "modules of anything, and of control flow, do the same interpreted and compiled",
        bytes: 3000,
        cases: 500,
        run: differential,
    },
    Target {
        name: "arithmetic",
        doc: "modules of dense arithmetic do the same interpreted and compiled",
        bytes: 3000,
        cases: 500,
        run: arithmetic,
    },
    Target {
        name: "regalloc",
        doc: "random functions are allocated registers, checked and executed",
        bytes: 10,
        cases: 500,
        run: regalloc,
    },
];

/// The target with this name.
pub fn named(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}

/// An engine that is made once.
macro_rules! engine {
    ($($field:ident),*) => {{
        static ENGINE: OnceLock<Engine> = OnceLock::new();
        ENGINE.get_or_init(|| Way { $($field: true,)* ..Way::default() }.engine())
    }};
}

fn decode(data: &[u8]) {
    const HEADER: &[u8] = b"\0asm\x01\0\0\0";
    let mut choices = Choices::new(data);
    let (kind, edits, at) = (choices.below(4), 1 + choices.below(4), choices.bits());
    let mut bytes = match kind {
        0 => data.to_vec(),
        1 => [HEADER, data].concat(),
        2 => dense::module(data),
        _ => smith::module(data, Shape::in_turn(at, false)).unwrap_or_default(),
    };
    // A few wrong bytes in a good module.
    for edit in 0..if kind > 1 && !bytes.is_empty() { edits } else { 0 } {
        let place = at.rotate_left(16 * edit as u32) as usize % bytes.len();
        bytes[place] = bytes[place].wrapping_add(1 + choices.below(255) as u8);
    }
    // Whether it is accepted does not depend on the tier.
    let interpreted = Module::new(engine!(), &bytes);
    if Tier::Opt.is_available() {
        let compiled = Module::new(engine!(compiled), &bytes);
        assert_eq!(interpreted.is_ok(), compiled.is_ok(), "{:?}", compiled.err());
    }
}

fn text(data: &[u8]) {
    const SCRIPT: &str = r#"
        ( module $m ( memory ( export "m" ) 1 2 ) ( global $g ( mut i64 ) ( i64.const -1 ) ) ( table 3 funcref )
          ( func $f ( export "f" ) ( param $x i32 ) ( result i32 ) ( local i64 f32 )
            ( if ( result i32 ) ( local.get $x ) ( then ( i32.load offset=4 ( local.get 0 ) ) ) ( else ( call $f ( i32.const 1 ) ) ) ) )
          ( elem ( i32.const 0 ) $f ) ( data ( i32.const 8 ) "\00\ffab" ) ( start $s ) ( func $s ) )
        ( assert_return ( invoke "f" ( i32.const 0x10 ) ) ( i32.const 0 ) )
        ( assert_trap ( invoke $m "f" ( i32.const 65536 ) ) "out of bounds" )
        ( assert_invalid ( module ( func ( result f32 ) ( i32.const 1 ) ) ) "type mismatch" )
        ( assert_return ( get "m" ) ( f64.const nan:canonical ) ) ( register "n" $m )"#;
    const TOKENS: [&str; 24] = [
        "(",
        ")",
        "i32",
        "f64",
        "v128",
        "externref",
        "$f",
        "$x",
        "-0x1p-3",
        "18446744073709551616",
        "nan:0x1",
        "\"\\u{d800}\"",
        "(;",
        ";)",
        "@a",
        "module",
        "func",
        "rec",
        "i32.add",
        "br_table",
        "drop",
        "quote",
        "binary",
        "\"\\00asm\"",
    ];
    let mut choices = Choices::new(data);
    let from_seed = String::from_utf8_lossy(data);
    let mut script: Vec<&str> = SCRIPT.split_whitespace().collect();
    for _ in 0..choices.below(6) {
        let place = choices.below(script.len());
        match choices.below(4) {
            0 => _ = script.remove(place),
            1 => script.insert(place, script[choices.below(script.len())]),
            2 => script[place] = &from_seed,
            _ => script[place] = choices.pick(&TOKENS),
        }
    }
    let script = script.join(" ");
    for &tier in Tier::ALL {
        let mut config = Config::new();
        config.tier(tier).consume_fuel(true);
        let mut store = Store::new(&Engine::new(&config).expect("a valid configuration"), ());
        store.set_fuel(observe::FUEL).expect("fuel is on");
        // What is expected may well not come; that it ends is all that counts.
        let _ = tiercel_cli::wast::run(&mut store, &script);
        let _ = Module::new(store.engine(), script.as_bytes());
    }
}

/// Runs a module on the interpreter and on compiled code, plain and with rare paths made common.
fn both_tiers(what: &str, module: &[u8], seed: u64, plan: Plan, fuel: bool) {
    let interpreter = if fuel { engine!(fuel) } else { engine!() };
    let Ok(expected) = observe::run(interpreter, module, plan) else { return };
    if !Tier::Opt.is_available() {
        return;
    }
    let compiled = if fuel { engine!(compiled, fuel) } else { engine!(compiled) };
    let chaos = Way {
        compiled: true,
        chaos: Some(seed),
        check_widths: seed >> 6 & 1 != 0,
        checked_memory: seed >> 7 & 3 == 0,
        no_signals: seed >> 9 & 1 == 0,
        fuel,
        ..Way::default()
    };
    let compare = |way: &str, found: tiercel::Result<Vec<Seen>>| match found {
        Ok(found) => assert_eq!(expected, found, "{what}, {way}"),
        Err(error) => panic!("{what}, {way}: {error:#}"),
    };
    let baseline = if fuel { engine!(compiled, baseline, fuel) } else { engine!(compiled, baseline) };
    compare("compiled", observe::run(compiled, module, plan));
    compare("compiled by baseline", observe::run(baseline, module, plan));
    for chaos in [chaos, Way { baseline: true, ..chaos }] {
        compare(&format!("{chaos:?}"), observe::run(&chaos.engine(), module, plan));
    }
}

fn differential(data: &[u8]) {
    let mut choices = Choices::new(data);
    let (kind, seed) = (choices.below(4), choices.bits());
    let rest = data.get(9..).unwrap_or_default();
    let module = match kind {
        3 => Some(nested::module(rest)),
        _ => smith::module(rest, Shape::in_turn(seed, true)),
    };
    if let Some(module) = module {
        both_tiers("differential", &module, seed, Plan { seed, calls: 2, all_fuel: false }, true);
    }
}

fn arithmetic(data: &[u8]) {
    let seed = Choices::new(data).bits();
    let module = dense::module(data);
    both_tiers("arithmetic", &module, seed, Plan { seed, calls: 6, all_fuel: false }, false);
}

fn regalloc(data: &[u8]) {
    let mut choices = Choices::new(data);
    let seed = choices.bits();
    let (regs, size) = choices.pick(&[(3, 4), (6, 5), (14, 8)]);
    tiercel_compiler::regalloc::tests::every_way(regs, seed..seed.saturating_add(1), size);
}
