//! Chooses the interpreter's dispatch: handlers may only jump to each other where the compiler turns such calls into jumps. And tells whether
//! there is machine code: `native`. And says what artifacts are for that this build makes: `TIERCEL_BUILD_ID`.

use std::fs;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo::rustc-check-cfg=cfg(tail_dispatch)");
    println!("cargo::rerun-if-changed=build.rs");
    let optimised = matches!(std::env::var("OPT_LEVEL").as_deref(), Ok("2" | "3" | "s"));
    let arch = std::env::var("CARGO_CFG_TARGET_ARCH").unwrap_or_default();
    let loop_wanted = std::env::var_os("CARGO_FEATURE_LOOP_DISPATCH").is_some();
    if optimised && !loop_wanted && matches!(arch.as_str(), "x86_64" | "aarch64") {
        println!("cargo::rustc-cfg=tail_dispatch");
    }
    println!("cargo::rustc-check-cfg=cfg(native)");
    let target = |name: &str| std::env::var(format!("CARGO_CFG_TARGET_{name}")).unwrap_or_default();
    let runs_native =
        target("OS") == "linux" && matches!(arch.as_str(), "x86_64" | "aarch64") && target("POINTER_WIDTH") == "64";
    if runs_native && std::env::var_os("CARGO_FEATURE_COMPILER").is_some() {
        println!("cargo::rustc-cfg=native");
    }
    println!("cargo::rustc-env=TIERCEL_BUILD_ID={:016x}", build_id());
}

/// A number of all sources that compiled code and the tables with it depend on.
fn build_id() -> u64 {
    // Where this crate is not part of the repository, versions tell the others.
    let folders = ["src", "../wasm/src", "../abi/src", "../compiler/src"];
    let mut files = Vec::new();
    for folder in folders.map(Path::new).into_iter().filter(|folder| folder.is_dir()) {
        println!("cargo::rerun-if-changed={}", folder.display());
        list(folder, &mut files);
    }
    files.sort();
    let mut id = 0xcbf2_9ce4_8422_2325;
    let mut absorb = |bytes: &[u8]| {
        for &byte in bytes {
            id = (id ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    };
    for file in files {
        absorb(file.to_string_lossy().as_bytes());
        absorb(&fs::read(&file).unwrap_or_default());
    }
    id
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => list(&path, files),
            false => files.push(path),
        }
    }
}
