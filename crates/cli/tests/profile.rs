//! `--profile`: what profilers are told of compiled functions.
#![cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))] // Where there are compilers.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};

const WAT: &str = r#"(module
  (func $never (export "never"))
  (func $double (param i32) (result i32) (i32.shl (local.get 0) (i32.const 1)))
  (func $run (export "run") (param i32) (result i32) (call $double (local.get 0))))"#;

#[test]
fn perfmap_names_functions() {
    for tier in ["baseline", "auto", "opt"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tiercel"));
        command.args(["--tier", tier, "--profile", "perfmap", "--invoke", "run", "-", "21"]);
        let piped = command.env("TIERCEL_CACHE_DIR", "").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = piped.spawn().expect("the program starts");
        let path = format!("/tmp/perf-{}.map", child.id());
        child.stdin.take().expect("a pipe").write_all(WAT.as_bytes()).expect("it reads its input");
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "42\n", "{tier}");
        let map = fs::read_to_string(&path).expect("the program writes it");
        fs::remove_file(&path).expect("it is ours");
        let has = |name: &str| map.lines().any(|line| line.ends_with(name));
        assert!(has("wasm[2]::run"), "{tier}: {map}");
        // What was never called has no code under `auto`.
        assert_eq!(has("wasm[0]::never"), tier != "auto", "{tier}: {map}");
    }
}
