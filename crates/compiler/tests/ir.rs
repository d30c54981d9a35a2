//! What becomes of WebAssembly, and of IR as text: every file of `tests/ir` says in comments what must and must not be there.
//!
//! ```text
//! ;;! config checked      for the whole file: checked, epochs, fuel, plain (no rules), moves (memories move), slots (for locals),
//!                         references (with function references and GC types),
//! ;;! stage translate     for the whole file: stop before the pass behind this one; without, all passes run
//! ;;! body 1              what follows is about the second body of a `.wat`; the first one otherwise
//! ;;! has i32.add         the text contains this, behind what the line before has found
//! ;;! not i32.mul         the text does not contain this
//! ;;! count 2 i32.load    the text contains this twice
//! ;;! error no opcode     for a `.ir`: it is refused with this reason
//! ```

use std::path::Path;
use tiercel_compiler::ir::machine::layout_of;
use tiercel_compiler::ir::{Function, parse, verify};
use tiercel_compiler::opt::Scratch;
use tiercel_compiler::pipeline::PASSES;
use tiercel_compiler::translate::{Bounds, Callees, Config, Context, Inlining, Translator};
use tiercel_wasm::{Feature, Features, TypeRegistry};

#[test]
fn files_hold() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/ir");
    let mut files: Vec<_> =
        std::fs::read_dir(&folder).expect("the folder").map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    assert!(!files.is_empty());
    let mut failures = Vec::new();
    for file in &files {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(file).expect("a text file");
        let result = if name.ends_with(".wat") { check_wat(&text) } else { check_ir(&text) };
        if let Err(reason) = result {
            failures.push(format!("{name}: {reason}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

/// The directives of a file: word and rest.
fn directives(text: &str) -> Vec<(&str, &str)> {
    let lines = text.lines().filter_map(|line| line.trim().strip_prefix(";;!"));
    lines.map(|line| line.trim().split_once(' ').unwrap_or((line.trim(), ""))).collect()
}

fn config_of(directives: &[(&str, &str)]) -> Config {
    let mut config = Config::default();
    for (_, words) in directives.iter().filter(|(word, _)| *word == "config") {
        for word in words.split(' ') {
            match word {
                "calls" => config.inlining = Inlining::Off,
                "checked" => config.bounds = Bounds::Checked,
                "epochs" => config.epochs = true,
                "fuel" => config.fuel = true,
                "plain" => config.optimize = false,
                "references" => {}
                "slots" => config.locals_in_slots = true,
                "moves" => config.memories_move = true,
                other => panic!("no option is called `{other}`"),
            }
        }
    }
    config
}

/// Runs the passes that the directives ask for.
fn run_passes(func: &mut Function, directives: &[(&str, &str)]) -> Result<(), String> {
    let stage = directives.iter().find(|(word, _)| *word == "stage").map(|(_, stage)| *stage);
    let mut scratch = Scratch::default();
    verify(func).map_err(|error| format!("{error}\n{func}"))?;
    if stage == Some("translate") {
        return Ok(());
    }
    for pass in PASSES {
        (pass.run)(func, &mut scratch);
        verify(func).map_err(|error| format!("after {}: {error}\n{func}", pass.name))?;
        if stage == Some(pass.name) {
            break;
        }
    }
    Ok(())
}

fn check_text(text: &str, directives: &[(&str, &str)]) -> Result<(), String> {
    let mut at = 0;
    for &(word, rest) in directives {
        match word {
            "has" => match text[at..].find(rest) {
                Some(found) => at += found + rest.len(),
                None => return Err(format!("`{rest}` is missing behind what came before\n{text}")),
            },
            "not" if text.contains(rest) => return Err(format!("`{rest}` must not be there\n{text}")),
            "count" => {
                let (count, what) = rest.split_once(' ').unwrap_or((rest, ""));
                let found = text.matches(what).count();
                if count.parse() != Ok(found) {
                    return Err(format!("`{what}` is there {found} times, not {count}\n{text}"));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn check_wat(text: &str) -> Result<(), String> {
    let bytes = wat::parse_str(text).map_err(|error| error.to_string())?;
    let mut features = Features::default();
    features.set(Feature::WideArithmetic, true);
    if text.contains(";;! config references") {
        features.set(Feature::FunctionReferences, true);
        features.set(Feature::Gc, true);
    }
    let info =
        tiercel_wasm::decode(&bytes, &features, &mut TypeRegistry::default()).map_err(|error| error.to_string())?;
    let layout = layout_of(&info);
    let directives = directives(text);
    let callees = Callees::new(&info, &bytes);
    let cx = Context { info: &info, bytes: &bytes, layout: &layout, callees: &callees, config: config_of(&directives) };
    let mut translator = Translator::default();
    let mut sections = vec![(0, Vec::new())];
    for &(word, rest) in &directives {
        if word == "body" {
            sections.push((rest.parse().map_err(|_| format!("`{rest}` is no number of a body"))?, Vec::new()));
        } else if let Some((_, lines)) = sections.last_mut() {
            lines.push((word, rest));
        }
    }
    for (body, lines) in sections {
        let func = translator.translate(cx, body).map_err(|error| error.to_string())?;
        run_passes(func, &directives)?;
        let text = func.to_string();
        check_text(&text, &lines)?;
        let again = parse(&text).map_err(|error| format!("{error}\n{text}"))?;
        if again.to_string() != text {
            return Err(format!("read back, it is different:\n{text}\n{again}"));
        }
    }
    Ok(())
}

fn check_ir(text: &str) -> Result<(), String> {
    let directives = directives(text);
    let expected = directives.iter().find(|(word, _)| *word == "error").map(|(_, reason)| *reason);
    let result = match parse(text) {
        Ok(mut func) => run_passes(&mut func, &directives).map(|()| func),
        Err(error) => Err(error.to_string()),
    };
    match (result, expected) {
        (Ok(func), None) => check_text(&func.to_string(), &directives),
        (Ok(func), Some(reason)) => Err(format!("it must be refused with `{reason}`\n{func}")),
        (Err(error), Some(reason)) if error.contains(reason) => Ok(()),
        (Err(error), _) => Err(error),
    }
}
