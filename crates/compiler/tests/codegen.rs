//! What the compilers make of small functions: `codegen/*.wat`, with what matters beside each function.
//!
//! A line `;; x64: "shl" !"imul"` speaks of the function that ends above it: its code has the quoted texts in this order, one behind the
//! other, and those after `!` nowhere. `;; aarch64:` says the same of that target's code, `;; ir:` of the IR after the last pass.
//! `;;! features = "sse4.1"` at the top names the features of an x64 CPU; without it there are all. `;;! spectre = "n"` switches the defence against speculation off,
//! `;;! inlining = "n"` leaves calls as they are, `;;! checks = "explicit"` is code without guard pages and signals,
//! `;;! tier = "baseline"` is what the baseline compiler makes, `;;! counters = "y"` code that counts.

use iced_x86::{Decoder, DecoderOptions, Formatter, IntelFormatter};
use std::path::Path;
use tiercel_compiler::baseline;
use tiercel_compiler::compile::{Calls, Code, Compiler, Options};
use tiercel_compiler::ir::machine::layout_of;
use tiercel_compiler::isa::x64::Features;
use tiercel_compiler::isa::{Target, aarch64};
use tiercel_compiler::pipeline::PASSES;
use tiercel_compiler::translate::{Bounds, Callees, Config, Context, Inlining};
use tiercel_wasm::TypeRegistry;
use yaxpeax_arch::{Decoder as _, U8Reader};
use yaxpeax_arm::armv8::a64::InstDecoder;

/// A check: the function's place in the file, what is looked at, and the rest of the line.
struct Check<'a> {
    body: usize,
    line: usize,
    subject: &'a str,
    texts: &'a str,
}

#[test]
fn code_is_as_the_files_say() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/codegen");
    let mut files: Vec<_> =
        std::fs::read_dir(&folder).expect("the folder is there").map(|f| f.unwrap().path()).collect();
    files.sort();
    let (mut failures, mut checks) = (Vec::new(), 0);
    for file in files {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&file).expect("the file can be read");
        let found = checks_of(&text);
        assert!(!found.is_empty(), "{name} checks nothing");
        checks += found.len();
        failures.extend(failures_of(&text, &found).into_iter().map(|failure| format!("{name}:{failure}")));
    }
    assert!(checks > 0, "there are no checks");
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

/// The checks of a file. A function starts where a line does with `(func`.
fn checks_of(text: &str) -> Vec<Check<'_>> {
    let mut bodies = 0_usize;
    let mut checks = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim_start();
        bodies += usize::from(line.starts_with("(func"));
        let Some(rest) = line.strip_prefix(";; ") else { continue };
        for subject in ["x64", "aarch64", "ir"] {
            if let Some(texts) = rest.strip_prefix(subject).and_then(|rest| rest.strip_prefix(':')) {
                let body = bodies.checked_sub(1).expect("a check stands behind its function");
                checks.push(Check { body, line: index + 1, subject, texts });
            }
        }
    }
    checks
}

fn failures_of(text: &str, checks: &[Check<'_>]) -> Vec<String> {
    let wasm = wat::parse_str(text).expect("the file is WebAssembly");
    let mut types = TypeRegistry::default();
    let info =
        tiercel_wasm::decode(&wasm, &tiercel_wasm::Features::default(), &mut types).expect("the module is valid");
    let layout = layout_of(&info);
    let is_set = |option: &str| text.lines().any(|line| line.strip_prefix(";;! ") == Some(option));
    let inlining = if is_set(r#"inlining = "n""#) { Inlining::Off } else { Inlining::Usual };
    let explicit = is_set(r#"checks = "explicit""#);
    let counts = is_set(r#"counters = "y""#);
    let bounds = if explicit { Bounds::Checked } else { Config::default().bounds };
    let config = Config { inlining, bounds, memories_move: explicit, ..Config::default() };
    let callees = Callees::new(&info, &wasm);
    let cx = Context { info: &info, bytes: &wasm, layout: &layout, callees: &callees, config };
    let options = Options {
        translate: config,
        target: Target::X64(features(text)),
        spectre: !is_set(r#"spectre = "n""#),
        signals: !explicit,
        counts,
        calls: if counts { Calls::Cells } else { Calls::Direct },
        verify: true,
        ..Options::default()
    };
    let mut compiler = Compiler::new(options);
    let options_for_aarch64 = Options { target: Target::Aarch64(aarch64::Features::ALL), ..options };
    let mut for_aarch64 = Compiler::new(options_for_aarch64);
    let by_baseline = is_set(r#"tier = "baseline""#);
    let last = PASSES.last().expect("there are passes").name;
    let mut failures = Vec::new();
    for check in checks {
        let (mut code, mut ir) = (Code::default(), String::new());
        let mut print = |stage: &'static str, func: &dyn std::fmt::Display| {
            if stage == last {
                ir = func.to_string();
            }
        };
        let is_for_aarch64 = check.subject == "aarch64";
        let compiled = if by_baseline {
            let options = if is_for_aarch64 { options_for_aarch64 } else { options };
            baseline::Compiler::new(options).compile(cx, check.body, &mut code)
        } else {
            let compiler = if is_for_aarch64 { &mut for_aarch64 } else { &mut compiler };
            compiler.compile_and_print(cx, check.body, &mut code, Some(&mut print))
        };
        compiled.expect("it can be compiled");
        let listing = match check.subject {
            "ir" => ir,
            "aarch64" => disassemble_aarch64(&code),
            _ => disassemble(&code),
        };
        if let Err(reason) = matches(&listing, check.texts) {
            failures.push(format!("{}: {reason} in\n{listing}", check.line));
        }
    }
    failures
}

/// Whether a listing has the texts of a check.
fn matches(listing: &str, texts: &str) -> Result<(), String> {
    let mut rest = listing;
    let mut parts = texts.split('"');
    while let (Some(before), Some(text)) = (parts.next(), parts.next()) {
        if before.trim() == "!" {
            if listing.contains(text) {
                return Err(format!("`{text}` must not be there, and is,"));
            }
        } else if let Some(at) = rest.find(text) {
            rest = &rest[at + text.len()..];
        } else {
            return Err(format!("`{text}` is missing (at its place)"));
        }
    }
    Ok(())
}

fn features(text: &str) -> Features {
    let Some(line) = text.lines().find_map(|line| line.strip_prefix(";;! features = ")) else { return Features::ALL };
    let names = line.trim_matches('"').split_whitespace();
    names.fold(Features::BASELINE, |set, name| set.union(Features::from_name(name).expect("a feature of this name")))
}

fn disassemble(code: &Code) -> String {
    let mut decoder = Decoder::with_ip(64, &code.bytes, 0, DecoderOptions::NONE);
    let mut formatter = IntelFormatter::new();
    let mut text = String::new();
    while decoder.can_decode() {
        formatter.format(&decoder.decode(), &mut text);
        text.push('\n');
    }
    text
}

fn disassemble_aarch64(code: &Code) -> String {
    let decoder = InstDecoder::default();
    let lines = code.bytes.chunks_exact(4).map(|word| match decoder.decode(&mut U8Reader::new(word)) {
        Ok(inst) => format!("{inst}\n"),
        Err(_) => format!(".word {word:02x?}\n"),
    });
    lines.collect()
}
