//! `tiercel compile`, `inspect` and the cache, as processes: artifacts are made and run, and many processes share a cache, some of them killed.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::Duration;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/fixtures");

/// A folder that is gone when this is dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("tiercel-cli-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).expect("the folder for temporary files is writable");
        Folder(path)
    }

    fn path(&self, name: &str) -> String {
        self.0.join(name).to_str().expect("a path in UTF-8").into()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn tiercel(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tiercel"));
    command.args(arguments).current_dir(FIXTURES).env("TIERCEL_CACHE_DIR", "").stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Exit code, standard output and standard error.
fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    seen(&tiercel(arguments).output().expect("the program starts"))
}

fn seen(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn an_artifact_does_what_its_module_does() {
    let folder = Folder::new("same");
    let artifact = folder.path("module.cwasm");
    for arguments in [&["trap.wat"][..], &["echo.wat", "one", "two"], &["values.wat"]] {
        let compiled = run(&["compile", arguments[0], "-o", &artifact]);
        assert_eq!(compiled, (Some(0), String::new(), String::new()));
        let of = |file: &str, more: &[&str]| run(&[more, &["--argv0", "guest", file], &arguments[1..]].concat());
        let (expected, found) = (of(arguments[0], &[]), of(&artifact, &["--allow-precompiled"]));
        // Messages name the file.
        let unnamed = |text: &str, file: &str| text.replace(file, "FILE");
        assert_eq!((found.0, &found.1), (expected.0, &expected.1), "{arguments:?}");
        assert_eq!(unnamed(&found.2, &artifact), unnamed(&expected.2, arguments[0]));
    }
    let (code, _, stderr) = run(&[&artifact]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("it is a compiled artifact") && stderr.contains("`--allow-precompiled`"), "{stderr}");
}

#[test]
fn compilation_is_repeatable() {
    let folder = Folder::new("repeat");
    let (one, two) = (folder.path("one"), folder.path("two"));
    for file in [&one, &two] {
        assert_eq!(run(&["compile", "values.wat", "-o", file]).0, Some(0));
    }
    let bytes = fs::read(&one).expect("it was written");
    assert_eq!(bytes, fs::read(&two).expect("it was written"));
    let output = tiercel(&["compile", "values.wat", "-o", "-"]).output().expect("the program starts");
    assert_eq!(output.stdout, bytes);
}

#[test]
fn what_cannot_be_written_leaves_nothing() {
    let folder = Folder::new("write");
    let (code, _, stderr) = run(&["compile", "echo.wat", "-o", &folder.path("missing/out")]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("cannot write `") && stderr.contains("No such file or directory"), "{stderr}");
    let (code, _, stderr) = run(&["compile", "echo.wat", "-o", "/dev/full"]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("No space left on device"), "{stderr}");
    // Bad input makes no file.
    assert_eq!(run(&["compile", "missing.wat", "-o", &folder.path("out")]).0, Some(1));
    assert_eq!(fs::read_dir(&folder.0).expect("the folder is there").count(), 0);
}

/// A program that takes the compiler a moment; it prints nothing and exits with `code`.
fn large(code: u32) -> String {
    let mut wat = String::from(
        "(module (import \"wasi_snapshot_preview1\" \"proc_exit\" (func $exit (param i32))) (memory (export \"memory\") 1)",
    );
    for func in 0..250 {
        let _ = write!(wat, "(func $f{func} (param i32) (result i32) (local.get 0)");
        for step in 0..40 {
            let _ =
                write!(wat, "(i32.mul (i32.const {})) (i32.load offset={step}) (i32.xor (i32.const {func}))", step + 3);
        }
        wat += ")";
    }
    wat + &format!("(func (export \"_start\") (drop (call $f7 (i32.const 1))) (call $exit (i32.const {code}))))")
}

/// Processes that run programs with one cache, at once, over and over; every third one is killed before it has ended.
fn many_processes_share_a_cache_and_some_are_killed(tier: &str) {
    let folder = Folder::new(&format!("processes-{tier}"));
    let cache = folder.path("cache");
    let programs: Vec<String> = (0..3)
        .map(|number| {
            let file = folder.path(&format!("{number}.wat"));
            fs::write(&file, large(10 + number)).expect("the folder is writable");
            file
        })
        .collect();
    let start = |number: usize| -> Child {
        let mut command = tiercel(&["--tier", tier, &programs[number % programs.len()]]);
        command.env("TIERCEL_CACHE_DIR", &cache).spawn().expect("the program starts")
    };
    let mut state = 1u64;
    for round in 0..6 {
        let mut children: Vec<(usize, Child)> = (0..6).map(|number| (number, start(number + round))).collect();
        for (number, child) in &mut children {
            if *number % 3 == 0 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                sleep(Duration::from_micros(state >> 33 & 0x3fff));
                let _ = child.kill();
            }
        }
        for (number, child) in children {
            let (code, stdout, stderr) = seen(&child.wait_with_output().expect("it ends"));
            let expected = 10 + ((number + round) % programs.len()) as i32;
            // One that was killed may have been faster.
            assert!(code == Some(expected) || (number % 3 == 0 && code.is_none()), "{code:?} {stderr}");
            assert_eq!((stdout.as_str(), stderr.as_str()), ("", ""));
        }
        if round == 3 {
            for entry in fs::read_dir(&cache).expect("there is a cache") {
                damage(&entry.expect("a name that can be read").path());
            }
        }
    }
    let (code, stdout, _) = run(&["cache", "info", "-C", &format!("cache-dir={cache}")]);
    assert_eq!(code, Some(0));
    assert!(stdout.contains("modules: 3\n"), "{stdout}");
    let (code, stdout, _) = run(&["cache", "clean", "-C", &format!("cache-dir={cache}")]);
    assert_eq!((code, stdout), (Some(0), format!("removed from {cache}: 3 modules\n")));
    assert_eq!(fs::read_dir(&cache).expect("there is a cache").count(), 0);
}

#[test]
fn many_processes_share_a_cache_under_opt() {
    many_processes_share_a_cache_and_some_are_killed("opt");
}

/// Here modules are kept when the guest has ended.
#[test]
fn many_processes_share_a_cache_under_auto() {
    many_processes_share_a_cache_and_some_are_killed("auto");
}

fn damage(file: &Path) {
    let mut bytes = fs::read(file).expect("it can be read");
    let middle = bytes.len() / 2;
    bytes.truncate(middle);
    fs::remove_file(file).expect("it can be removed");
    fs::write(file, bytes).expect("it can be written");
}

#[test]
fn the_cache_can_be_elsewhere_or_nowhere() {
    let folder = Folder::new("where");
    let count = |path: &str| fs::read_dir(folder.0.join(path)).map_or(0, Iterator::count);
    let with = |variables: &[(&str, String)], arguments: &[&str]| {
        let mut command = tiercel(arguments);
        command.env_remove("TIERCEL_CACHE_DIR").envs(variables.iter().cloned());
        seen(&command.output().expect("the program starts"))
    };
    let home = [("HOME", folder.path("home")), ("XDG_CACHE_HOME", String::new())];
    let xdg = [("HOME", folder.path("home")), ("XDG_CACHE_HOME", folder.path("xdg"))];
    let own = [("TIERCEL_CACHE_DIR", folder.path("own")), ("XDG_CACHE_HOME", folder.path("xdg"))];
    with(&home, &["-C", "cache=n", "values.wat"]);
    with(&[("TIERCEL_CACHE_DIR", String::new()), ("HOME", folder.path("home"))], &["values.wat"]);
    assert_eq!(count(""), 0);
    with(&home, &["values.wat"]);
    assert_eq!(count("home/.cache/tiercel"), 1);
    with(&xdg, &["values.wat"]);
    assert_eq!(count("xdg/tiercel"), 1);
    with(&own, &["values.wat"]);
    assert_eq!(count("own"), 1);
    with(&own, &["-C", &format!("cache-dir={}", folder.path("option")), "values.wat"]);
    assert_eq!(count("option"), 1);
    // One that cannot be used is no harm, unless the command line asks for it.
    let nowhere = [("TIERCEL_CACHE_DIR", "/dev/null/cache".to_string())];
    assert_eq!(with(&nowhere, &["echo.wat"]), run(&["echo.wat"]));
    let (code, _, stderr) = with(&nowhere, &["-C", "cache-dir=/dev/null/cache", "echo.wat"]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("cannot use the folder `/dev/null/cache` for the cache"), "{stderr}");
    let (code, _, stderr) = with(&nowhere, &["cache", "info"]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("there is no cache"), "{stderr}");
}

#[test]
fn an_artifact_can_be_looked_at() {
    let folder = Folder::new("inspect");
    let artifact = folder.path("trap.cwasm");
    assert_eq!(run(&["compile", "trap.wat", "-o", &artifact]).0, Some(0));
    let (code, stdout, _) = run(&["inspect", &artifact]);
    assert_eq!(code, Some(0));
    for expected in [
        "target: x86_64\n",
        "compiler: opt\n",
        "CPU features: sse3",
        "fuel: false",
        " text\n",
        "functions: 3, and 0 imported",
        "  divide\n",
    ] {
        assert!(stdout.contains(expected), "`{expected}` is missing:\n{stdout}");
    }
    let (code, stdout, _) = run(&["inspect", "--function", "divide", &artifact]);
    assert_eq!(code, Some(0));
    let line = stdout.lines().find(|line| line.contains("div ")).expect("a division");
    assert!(line.ends_with("; 0x32 integer divide by zero"), "{line}");
    assert_eq!(run(&["inspect", "--function", "0", &artifact]).1, stdout);
    let (code, _, stderr) = run(&["inspect", "--function", "nobody", &artifact]);
    assert_eq!((code, stderr.as_str()), (Some(1), "Error: the artifact has no code of a function `nobody`\n"));
    // Without code there is no code to show.
    assert_eq!(run(&["compile", "--tier", "interp", "trap.wat", "-o", &artifact]).0, Some(0));
    let (code, stdout, _) = run(&["inspect", &artifact]);
    assert_eq!(code, Some(0));
    assert!(stdout.contains("target: none\n") && stdout.contains("functions: 0, and 0 imported"), "{stdout}");
    let module = folder.path("module.wasm");
    fs::write(&module, b"\0asm\x01\0\0\0").expect("the folder is writable");
    let (code, _, stderr) = run(&["inspect", &module]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("is a module, not an artifact"), "{stderr}");
}

#[test]
fn the_target_is_chosen() {
    let folder = Folder::new("target");
    let artifact = folder.path("out.cwasm");
    let compile = |target: &str| run(&["compile", "--target", target, "echo.wat", "-o", &artifact]);
    assert_eq!(compile("x86_64-linux"), (Some(0), String::new(), String::new()));
    let stdout = run(&["inspect", &artifact]).1;
    assert!(stdout.contains("CPU features: sse3, ssse3, sse4.1\n"), "{stdout}");
    assert_eq!(run(&["--allow-precompiled", "--argv0", "a", &artifact]).1, "a\n");
    assert_eq!(compile("x86_64-unknown-linux-gnu+popcnt+lzcnt").0, Some(0));
    assert!(run(&["inspect", &artifact]).1.contains("CPU features: sse3, ssse3, sse4.1, popcnt, lzcnt\n"));
    assert_eq!(compile("x86_64-linux+avx2").0, Some(0));
    assert!(run(&["inspect", &artifact]).1.contains("CPU features: sse3, ssse3, sse4.1, avx, avx2\n"));
    // For another machine.
    assert_eq!(compile("aarch64-linux+lse"), (Some(0), String::new(), String::new()));
    let stdout = run(&["inspect", &artifact]).1;
    assert!(stdout.contains("target: aarch64\ncompiler: opt\nCPU features: lse\n"), "{stdout}");
    let first = stdout.lines().skip_while(|line| !line.trim_start().starts_with("index")).nth(1);
    let first = first.and_then(|line| line.split_whitespace().next()).expect("it has functions");
    let stdout = run(&["inspect", "--function", first, &artifact]).1;
    assert!(stdout.contains("stp x29, x30, [sp") && stdout.contains("  ret\n"), "{stdout}");
    let (code, _, stderr) = run(&["--allow-precompiled", &artifact]);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("it was compiled for aarch64, and this CPU is a x86_64"), "{stderr}");
    for (target, expected) in [
        ("riscv64-linux", "there is no target `riscv64-linux`; there are: x86_64-linux, aarch64-linux"),
        ("x86_64-windows", "there is no target `x86_64-windows`"),
        ("x86_64-linux+warp", "x86_64 has no feature `warp`; there are: sse3, "),
    ] {
        let (code, _, stderr) = compile(target);
        assert_eq!(code, Some(1));
        assert!(stderr.contains(expected), "{stderr}");
    }
}
