//! Compiles a module, shows the code of a function, or measures how fast it is made.
//!
//! ```text
//! cargo run --release -p tiercel-compiler --example compile -- app.wasm        time and size of everything
//! cargo run --release -p tiercel-compiler --example compile -- app.wasm 12     the code of the 13th body
//! cargo run --release -p tiercel-compiler --example compile -- app.wasm check  verifies IR and register allocation
//! cargo run --release -p tiercel-compiler --example compile -- app.wasm calls  time and size if nothing is inlined
//! ```
//! With `--baseline` at the end the baseline compiler does it, with `--aarch64` it is code for that target.

use iced_x86::{Decoder, DecoderOptions, Formatter, IntelFormatter};
use std::hash::{DefaultHasher, Hasher};
use std::time::Instant;
use tiercel_compiler::baseline;
use tiercel_compiler::compile::{Code, Compiler, Options};
use tiercel_compiler::ir::machine::layout_of;
use tiercel_compiler::isa::{Target, aarch64};
use tiercel_compiler::translate::{Callees, Config, Context, Inlining};
use tiercel_wasm::TypeRegistry;
use yaxpeax_arch::{Decoder as _, U8Reader};
use yaxpeax_arm::armv8::a64::InstDecoder;

/// Times that everything is done; the best time counts.
const REPEATS: usize = 5;

fn main() {
    let mut args: Vec<String> = std::env::args().skip(1).collect();
    let for_aarch64 = args.pop_if(|last| last == "--aarch64").is_some();
    let is_baseline = args.pop_if(|last| last == "--baseline").is_some();
    let Some(path) = args.first() else { fail("usage: compile MODULE.wasm [BODY | check | calls | once [calls]]") };
    let bytes = std::fs::read(path).unwrap_or_else(|error| fail(&format!("{path}: {error}")));
    let mut types = TypeRegistry::default();
    let info = tiercel_wasm::decode(&bytes, &tiercel_wasm::Features::default(), &mut types);
    let info = info.unwrap_or_else(|error| fail(&format!("{path}: {error}")));
    let layout = layout_of(&info);
    let mode = args.get(1).map(String::as_str);
    let inlining = if args.iter().any(|arg| arg == "calls") { Inlining::Off } else { Inlining::Usual };
    let config = Config { inlining, ..Config::default() };
    let callees = Callees::new(&info, &bytes);
    let cx = Context { info: &info, bytes: &bytes, layout: &layout, callees: &callees, config };
    let target = if for_aarch64 { Target::Aarch64(aarch64::Features::ALL) } else { Options::default().target };
    let options = Options { translate: config, target, verify: mode == Some("check"), ..Options::default() };
    let show = if for_aarch64 { show_aarch64 } else { show };
    let (mut compiler, mut code) = (Compiler::new(options), Code::default());
    let mut baseline = baseline::Compiler::new(options);
    if let Some(body) = mode.and_then(|mode| mode.parse().ok()) {
        if is_baseline {
            baseline.compile(cx, body, &mut code).unwrap_or_else(|error| fail(&error.to_string()));
            return show(&code);
        }
        let mut print = |stage: &'static str, text: &dyn std::fmt::Display| {
            if args.get(2).is_some_and(|wanted| wanted == stage) {
                print!("{text}");
            }
        };
        let done = compiler.compile_and_print(cx, body, &mut code, Some(&mut print));
        done.unwrap_or_else(|error| fail(&error.to_string()));
        if args.len() == 2 {
            show(&code);
        }
        return;
    }
    let repeats = if matches!(mode, Some("check" | "once")) { 1 } else { REPEATS };
    let (mut best, mut size, mut hash) = (f64::INFINITY, 0, 0);
    for _ in 0..repeats {
        let start = Instant::now();
        size = 0;
        let mut hasher = DefaultHasher::new();
        for body in 0..info.bodies.len() {
            let done = match is_baseline {
                true => baseline.compile(cx, body, &mut code),
                false => compiler.compile(cx, body, &mut code),
            };
            done.unwrap_or_else(|error| fail(&error.to_string()));
            size += code.bytes.len();
            hasher.write(&code.bytes);
        }
        hash = hasher.finish();
        best = best.min(start.elapsed().as_secs_f64());
    }
    let wasm: usize = info.bodies.iter().map(|body| body.len()).sum();
    println!("{} functions, {wasm} bytes of WebAssembly, {size} bytes of code ({hash:016x})", info.bodies.len());
    println!("{:.1} ms, {:.2} MB/s of WebAssembly", best * 1e3, wasm as f64 / best / 1e6);
}

fn show(code: &Code) {
    let mut decoder = Decoder::with_ip(64, &code.bytes, 0, DecoderOptions::NONE);
    let mut formatter = IntelFormatter::new();
    while decoder.can_decode() {
        let inst = decoder.decode();
        let mut text = String::new();
        formatter.format(&inst, &mut text);
        println!("{:6x}  {text}", inst.ip());
    }
}

fn show_aarch64(code: &Code) {
    let decoder = InstDecoder::default();
    for (number, word) in code.bytes.chunks_exact(4).enumerate() {
        match decoder.decode(&mut U8Reader::new(word)) {
            Ok(inst) => println!("{:6x}  {inst}", number * 4),
            Err(_) => println!("{:6x}  .word {word:02x?}", number * 4),
        }
    }
}

fn fail(message: &str) -> ! {
    eprintln!("{message}");
    std::process::exit(1);
}
