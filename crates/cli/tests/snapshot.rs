//! `tiercel snapshot`, as a process: the new module starts where the old one was.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/fixtures");

/// Runs the program with this standard input.
fn tiercel(arguments: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tiercel"));
    command.args(arguments).current_dir(FIXTURES).env("TIERCEL_CACHE_DIR", "");
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().expect("the program starts");
    child.stdin.take().expect("a pipe").write_all(input).expect("it reads its input");
    child.wait_with_output().expect("it ends")
}

fn snapshot(options: &[&str]) -> Vec<u8> {
    let output = tiercel(&[&["snapshot"], options, &["-o", "-"]].concat(), &[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

#[test]
fn a_program_starts_where_its_init_function_left_it() {
    for tier in ["interp", "baseline", "opt", "auto"] {
        if tier == "auto" && !cfg!(target_arch = "x86_64") {
            continue;
        }
        let tier = &["--tier", tier];
        let module = snapshot(&[&tier[..], &["--env", "A=1", "--env", "B=2", "snapshot.wat"]].concat());
        // Each init function was called once: 11; and two variables were there.
        let output = tiercel(&[&tier[..], &["-"]].concat(), &module);
        assert_eq!(output.status.code(), Some(13), "{tier:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let kept = snapshot(&["--allow-wasi", "--keep-init-func", "snapshot.wat"]);
    let exports = |module: &[u8], name: &str| module.windows(name.len()).any(|bytes| bytes == name.as_bytes());
    assert!(exports(&kept, "wizer.initialize") && exports(&kept, "_initialize"));
    let module = snapshot(&["--allow-wasi", "snapshot.wat"]);
    assert!(!exports(&module, "wizer.initialize") && !exports(&module, "_initialize") && exports(&module, "_start"));
    assert_eq!(tiercel(&["-"], &module).status.code(), Some(11));
}
