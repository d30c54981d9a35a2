//! Links the unwinder into the program, where it would be a shared library of GCC: that one is a fifth of what an empty process takes to start, most of it
//! asking the CPU for features, which is slow in virtual machines.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let target = |name: &str| env::var(format!("CARGO_CFG_TARGET_{name}")).unwrap_or_default();
    if target("OS") == "linux" && target("ENV") == "gnu" {
        // Part of every GCC, as the shared one is. Not bundled: the linker looks for it, not rustc.
        println!("cargo::rustc-link-lib=static:-bundle=gcc_eh");
    }
}
