//! Chooses the interpreter's dispatch: handlers may only jump to each other where the compiler turns such calls into jumps. And tells whether
//! there is machine code: `native`.

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
    let runs_native = target("OS") == "linux" && arch == "x86_64" && target("POINTER_WIDTH") == "64";
    if runs_native && std::env::var_os("CARGO_FEATURE_COMPILER").is_some() {
        println!("cargo::rustc-cfg=native");
    }
}
