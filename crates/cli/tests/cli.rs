//! Command lines and what they print: each `cli/*.txt` is a transcript, run in `cli/fixtures`.
//!
//! `$ ` starts a command line, whose first word is `tiercel`; words are separated by spaces, quotes hold them together,
//! `NAME=VALUE` in front sets the environment, `< FILE` gives standard input. What follows is the output: lines of standard
//! error start with `! `, `? N` is the exit code where it is not 0. In an expected line `[..]` stands for anything, and a line
//! `...` for any number of lines; `(empty)` is an empty one. `TIERCEL_BLESS=1 cargo test -p tiercel-cli --test cli` writes what is printed into the files;
//! read the difference.
#![cfg(unix)] // Exit codes of stopped guests and the texts of the host's errors are those of Unix.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli");

/// Stands for an empty line of standard output.
const EMPTY: &str = "(empty)";

/// A command line of a transcript, with the comments in front of it and the lines expected after it.
struct Step {
    comments: Vec<String>,
    command: String,
    expected: Vec<String>,
}

fn steps(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let mut comments = Vec::new();
    for line in text.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            let comments = std::mem::take(&mut comments);
            steps.push(Step { comments, command: command.into(), expected: Vec::new() });
        } else if line.starts_with('#') || line.is_empty() {
            comments.push(line.to_string());
        } else {
            assert!(comments.iter().all(|comment| comment.is_empty()), "a comment stands inside output: {line}");
            comments.clear();
            steps.last_mut().expect("output before the first command").expected.push(line.into());
        }
    }
    steps
}

/// The words of a command line.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for c in line.chars() {
        match quote {
            Some(end) if c == end => quote = None,
            None if c == '\'' || c == '"' => quote = Some(c),
            None if c == ' ' => words.push(String::new()),
            _ => words.last_mut().expect("there is a first word").push(c),
        }
    }
    words
}

/// Runs a command line; the result is what a transcript shows of it.
fn run(line: &str) -> Vec<String> {
    let mut words = words(line).into_iter().peekable();
    let mut command = Command::new(env!("CARGO_BIN_EXE_tiercel"));
    command.current_dir(Path::new(FOLDER).join("fixtures")).stdin(Stdio::null()).env("COLUMNS", "100");
    while let Some((name, value)) = words.peek().and_then(|word| word.split_once('=')) {
        command.env(name, value);
        words.next();
    }
    assert_eq!(words.next().as_deref(), Some("tiercel"), "{line}");
    while let Some(word) = words.next() {
        if word == "<" {
            let path = Path::new(FOLDER).join("fixtures").join(words.next().expect("a file after `<`"));
            command.stdin(File::open(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())));
        } else {
            command.arg(word);
        }
    }
    let output = command.output().expect("the program starts");
    let mut lines: Vec<String> = String::from_utf8_lossy(&output.stdout).lines().map(String::from).collect();
    lines
        .extend(String::from_utf8_lossy(&output.stderr).lines().map(|line| format!("! {line}").trim_end().to_string()));
    match output.status.code() {
        Some(0) => {}
        Some(code) => lines.push(format!("? {code}")),
        None => lines.push(format!("? {}", output.status)),
    }
    lines.iter_mut().filter(|line| line.is_empty()).for_each(|line| line.push_str(EMPTY));
    lines
}

fn line_fits(expected: &str, line: &str) -> bool {
    let mut parts = expected.split("[..]");
    let Some(mut rest) = parts.next().and_then(|first| line.strip_prefix(first)) else { return false };
    let mut last_is_open = false;
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        last_is_open = part.is_empty();
        rest = &rest[at + part.len()..];
    }
    rest.is_empty() || last_is_open
}

fn fits(expected: &[String], lines: &[String]) -> bool {
    match expected.split_first() {
        None => lines.is_empty(),
        Some((first, rest)) if first == "..." => (0..=lines.len()).any(|skip| fits(rest, &lines[skip..])),
        Some((first, rest)) => {
            lines.split_first().is_some_and(|(line, lines)| line_fits(first, line) && fits(rest, lines))
        }
    }
}

#[test]
fn transcripts_hold() {
    let bless = std::env::var_os("TIERCEL_BLESS").is_some();
    let mut files: Vec<_> =
        fs::read_dir(FOLDER).expect("the folder").map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    files.sort();
    let (mut count, mut wrong) = (0, String::new());
    for file in files {
        let text = fs::read_to_string(&file).expect("a transcript");
        let mut blessed = String::new();
        for step in steps(&text) {
            count += 1;
            let lines = run(&step.command);
            let holds = fits(&step.expected, &lines);
            if !holds {
                let name = file.file_name().unwrap_or_default().display();
                let (expected, lines) = (step.expected.join("\n"), lines.join("\n"));
                let _ = writeln!(wrong, "{name}: $ {}\n-- expected:\n{expected}\n-- printed:\n{lines}\n", step.command);
            }
            for line in step.comments.iter().chain([&format!("$ {}", step.command)]) {
                let _ = writeln!(blessed, "{line}");
            }
            for line in if holds { &step.expected } else { &lines } {
                let _ = writeln!(blessed, "{line}");
            }
        }
        if bless {
            fs::write(&file, blessed).expect("the transcript can be written");
        }
    }
    assert!(count > 0, "no transcript was found");
    assert!(bless || wrong.is_empty(), "{wrong}");
}

#[test]
fn a_reader_who_leaves_is_no_error() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tiercel"))
        .args(["-W", "help"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("the program ends");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}
