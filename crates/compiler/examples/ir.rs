//! Shows the IR of a module, or measures how fast it is made.
//!
//! ```text
//! cargo run --release -p tiercel-compiler --example ir -- app.wasm        time of translation and of each pass
//! cargo run --release -p tiercel-compiler --example ir -- app.wasm 12     the IR of the 13th body
//! cargo run --release -p tiercel-compiler --example ir -- app.wasm check  verifies every function after each pass
//! ```

use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tiercel_compiler::ir::machine::layout_of;
use tiercel_compiler::opt::Scratch;
use tiercel_compiler::pipeline::{self, Options};
use tiercel_compiler::translate::{Callees, Config, Context, Translator};
use tiercel_wasm::{Features, TypeRegistry};

/// Times that everything is done; the best time counts.
const REPEATS: usize = 5;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some(path) = args.first() else {
        eprintln!("usage: ir MODULE.wasm [BODY | check]");
        std::process::exit(2);
    };
    let bytes = std::fs::read(path).unwrap_or_else(|error| fail(&format!("{path}: {error}")));
    let mut types = TypeRegistry::default();
    let info = match tiercel_wasm::decode(&bytes, &Features::default(), &mut types) {
        Ok(info) => info,
        Err(error) => fail(&format!("{path}: {error}")),
    };
    let layout = layout_of(&info);
    let callees = Callees::new(&info, &bytes);
    let cx = Context { info: &info, bytes: &bytes, layout: &layout, callees: &callees, config: Config::default() };
    let (mut translator, mut scratch) = (Translator::default(), Scratch::default());
    let mode = args.get(1).map(String::as_str);
    if let Some(body) = mode.and_then(|mode| mode.parse().ok()) {
        match translator.translate(cx, body) {
            Ok(func) => {
                pipeline::run(func, &mut scratch, &mut Options::default());
                print!("{func}");
            }
            Err(error) => fail(&error.to_string()),
        }
        return;
    }
    let verify = mode == Some("check");
    let repeats = if verify || mode == Some("once") { 1 } else { REPEATS };
    let code_bytes: usize = info.bodies.iter().map(|body| body.len()).sum();
    let mut best: BTreeMap<&str, Duration> = BTreeMap::new();
    let mut counts = [0_usize; 3];
    for _ in 0..repeats {
        let mut times: BTreeMap<&str, Duration> = BTreeMap::new();
        counts = [0; 3];
        for body in 0..info.bodies.len() {
            let start = Instant::now();
            let func = match translator.translate(cx, body) {
                Ok(func) => func,
                Err(error) => fail(&error.to_string()),
            };
            *times.entry("translate").or_default() += start.elapsed();
            let mut note = |pass: &'static str, time: Duration| *times.entry(pass).or_default() += time;
            let timing: Option<&mut dyn FnMut(&'static str, Duration)> = if verify { None } else { Some(&mut note) };
            pipeline::run(func, &mut scratch, &mut Options { verify, timing, print: None });
            counts[0] += func.layout.len();
            counts[1] += func.order.len();
            counts[2] += func.layout.iter().map(|&block| func.params(block).len()).sum::<usize>();
        }
        for (name, time) in times {
            let entry = best.entry(name).or_insert(time);
            *entry = time.min(*entry);
        }
    }
    println!("{} functions, {code_bytes} bytes of code", info.bodies.len());
    println!("{} blocks, {} instructions, {} block parameters", counts[0], counts[1], counts[2]);
    for (name, time) in &best {
        println!(
            "{name:>10} {:8.2} ms {:6.2} ns/byte",
            time.as_secs_f64() * 1e3,
            time.as_nanos() as f64 / code_bytes as f64
        );
    }
}

fn fail<T>(message: &str) -> T {
    eprintln!("{message}");
    std::process::exit(1);
}
