//! Bad input is an error: damaged, cut and random modules, texts, scripts and command lines, by the thousand, in-process.
//!
//! A case passes if nothing panics and nothing hangs; where the input cannot be right, there has to be an error. The random
//! numbers start from a fixed seed, so that a failure comes back.

use std::ops::Range;
use std::process::{Command, Stdio};
use tiercel::{Config, Engine, Extern, Linker, Module, Store, StoreLimits, StoreLimitsBuilder, Val};
use tiercel_cli::wast;

/// Numbers that look random: xorshift64*, <https://www.jstatsoft.org/article/view/v008i14>.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, range: Range<usize>) -> usize {
        range.start + (self.next() >> 16) as usize % (range.end - range.start)
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }

    /// Changes, cuts, repeats or inserts something.
    fn damage(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..self.below(1..5) {
            if bytes.is_empty() {
                return bytes;
            }
            let at = self.below(0..bytes.len());
            match self.below(0..6) {
                0 => bytes[at] ^= 1 << self.below(0..8),
                1 => bytes[at] = self.next() as u8,
                2 => bytes.truncate(at),
                3 => {
                    let end = self.below(at..bytes.len()).min(at + 40);
                    bytes.drain(at..end);
                }
                4 => {
                    let end = self.below(at..bytes.len()).min(at + 40);
                    let copy = bytes[at..end].to_vec();
                    let to = self.below(0..bytes.len());
                    bytes.splice(to..to, copy);
                }
                _ => {
                    let count = self.below(1..9);
                    let new = self.bytes(count);
                    bytes.splice(at..at, new);
                }
            }
        }
        bytes
    }
}

/// Texts of modules that use much of the language.
const TEXTS: &[&str] = &[
    include_str!("cli/fixtures/values.wat"),
    include_str!("cli/fixtures/echo.wat"),
    include_str!("cli/fixtures/runaway.wat"),
    include_str!("bad_input/everything.wat"),
];

const SCRIPTS: &[&str] = &[include_str!("cli/fixtures/good.wast"), include_str!("cli/fixtures/failing.wast")];

/// An engine whose guests cannot run long, and limits so that they cannot take much.
fn engine() -> Engine {
    Engine::new(Config::new().consume_fuel(true).max_wasm_stack(1 << 16)).expect("a valid configuration")
}

fn store(engine: &Engine) -> Store<StoreLimits> {
    let limits = StoreLimitsBuilder::new().memory_size(1 << 24).table_elements(10_000).build();
    let mut store = Store::new(engine, limits);
    store.limiter(|limits| limits);
    store.set_fuel(20_000).expect("fuel is on");
    store
}

/// Whatever is accepted has to run, too: every function with zeros.
fn try_to_run(engine: &Engine, module: &Module) {
    let mut store = store(engine);
    let mut linker = Linker::new(engine);
    if linker.define_unknown_imports_as_default_values(&mut store, module).is_err() {
        return;
    }
    let Ok(instance) = linker.instantiate(&mut store, module) else { return };
    let exports: Vec<Extern> = instance.exports(&mut store).map(|export| export.into_extern()).collect();
    for func in exports.into_iter().filter_map(Extern::into_func) {
        let ty = func.ty(&store);
        let zero = |ty| Val::default_for_ty(&ty).expect("a number or a nullable reference");
        let parameters: Vec<Val> = ty.params().map(zero).collect();
        let mut results: Vec<Val> = ty.results().map(zero).collect();
        // Traps, out of fuel and out of stack are as good as results.
        let _ = func.call(&mut store, &parameters, &mut results);
    }
}

fn binaries() -> Vec<Vec<u8>> {
    let binary = |text: &&str| {
        let buffer = ::wast::parser::ParseBuffer::new(text).expect("a text");
        ::wast::parser::parse::<::wast::Wat<'_>>(&buffer).expect("a module").encode().expect("a binary")
    };
    TEXTS.iter().map(binary).collect()
}

#[test]
fn modules_that_are_cut_short_are_errors() {
    let engine = engine();
    for binary in binaries() {
        Module::new(&engine, &binary).expect("the whole module is right");
        for len in 0..binary.len() {
            let accepted = Module::from_binary(&engine, &binary[..len]).is_ok();
            // Only at the end of a section, and only if no later section is needed, a shorter module may be right.
            assert!(!accepted || len >= 8, "{len} bytes are no module");
            if !accepted {
                continue;
            }
            try_to_run(&engine, &Module::from_binary(&engine, &binary[..len]).expect("accepted before"));
        }
    }
}

#[test]
fn damaged_modules_are_errors_or_run() {
    let (engine, mut random) = (engine(), Random(1));
    let (mut refused, mut accepted) = (0, 0);
    for binary in binaries() {
        for _ in 0..1000 {
            match Module::from_binary(&engine, &random.damage(&binary)) {
                Ok(module) => {
                    accepted += 1;
                    try_to_run(&engine, &module);
                }
                Err(error) => {
                    refused += 1;
                    assert!(!format!("{error:#}").is_empty());
                }
            }
        }
    }
    // The damage is worth something: most modules break, some still run.
    assert!(refused > 1000 && accepted > 50, "{refused} refused, {accepted} accepted");
}

#[test]
fn random_bytes_are_errors() {
    let (engine, mut random) = (engine(), Random(2));
    for round in 0..1000 {
        let len = random.below(1..200);
        let mut bytes = random.bytes(len);
        assert!(Module::new(&engine, &bytes).is_err(), "{bytes:?}");
        bytes.splice(0..0, *b"\0asm\x01\0\0\0");
        if let Ok(module) = Module::new(&engine, &bytes) {
            try_to_run(&engine, &module);
        }
        // The first section's header is right, its contents are not.
        bytes.truncate(8);
        bytes.extend([(round % 13) as u8, 30]);
        bytes.extend(random.bytes(30));
        if let Ok(module) = Module::new(&engine, &bytes) {
            try_to_run(&engine, &module);
        }
    }
}

#[test]
fn damaged_texts_are_errors_or_run() {
    let (engine, mut random) = (engine(), Random(3));
    for text in TEXTS {
        for _ in 0..300 {
            if let Ok(module) = Module::new(&engine, random.damage(text.as_bytes())) {
                try_to_run(&engine, &module);
            }
        }
    }
    // Nesting is limited before the stack is.
    for open in ["(", "(module (func (block ", "(module (type ", "(;", "\"", "(module (func (i32.add "] {
        assert!(Module::new(&engine, open.repeat(50_000)).is_err());
    }
}

#[test]
fn damaged_scripts_have_a_verdict() {
    let (engine, mut random) = (engine(), Random(4));
    for script in SCRIPTS {
        for _ in 0..500 {
            let damaged = random.damage(script.as_bytes());
            let verdict = wast::run(&mut store(&engine), &String::from_utf8_lossy(&damaged));
            assert!(verdict.failures.iter().all(|failure| failure.line > 0 && !failure.message.is_empty()));
        }
    }
    for open in ["(", "(assert_return (invoke ", "(module (func (block "] {
        let verdict = wast::run(&mut store(&engine), &open.repeat(50_000));
        assert_eq!(verdict.failures.len(), 1);
    }
}

/// The program itself, with words that make no sense: an exit code of its own each time, never a panic.
#[test]
fn random_command_lines_are_refused() {
    const WORDS: &[&str] = &[
        "run",
        "wast",
        "completion",
        "--invoke",
        "--dir",
        "--env",
        "-W",
        "-S",
        "-O",
        "-D",
        "-C",
        "--tier",
        "--preload",
        "--tcplisten",
        "--argv0",
        "--",
        "-",
        "",
        "=",
        "::",
        "fuel=",
        "timeout=-1",
        "a=b",
        "values.wat",
        "add",
        "nan",
        "--help",
        "-x",
        "\u{fe0f}",
        "99999999999999999999",
        "all-proposals",
        "interp",
        "max-memory-size=0",
    ];
    let mut random = Random(5);
    for _ in 0..150 {
        let words: Vec<&str> = (0..random.below(1..7)).map(|_| WORDS[random.below(0..WORDS.len())]).collect();
        let output = Command::new(env!("CARGO_BIN_EXE_tiercel"))
            .args(&words)
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/fixtures"))
            .stdin(Stdio::null())
            .output()
            .expect("the program starts");
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(matches!(output.status.code(), Some(0..=2)), "{words:?}: {:?}\n{text}", output.status);
        assert!(!text.contains("panicked"), "{words:?}\n{text}");
        assert!(output.status.success() || !text.is_empty(), "{words:?}: no message");
    }
}
