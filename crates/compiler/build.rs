//! Finds out for the tests whether programs of other CPUs can be run here: `qemu_aarch64`. Without, those tests are reported as ignored.

use std::path::Path;

const QEMU: &str = "qemu-aarch64";

fn main() {
    println!("cargo::rustc-check-cfg=cfg(qemu_aarch64)");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=PATH");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(QEMU)).find(|program| program.is_file());
    match found {
        Some(program) => {
            println!("cargo::rerun-if-changed={}", program.display());
            println!("cargo::rustc-cfg=qemu_aarch64");
        }
        // A file that is not there is looked for each time.
        None => println!("cargo::rerun-if-changed={}", Path::new("/usr/bin").join(QEMU).display()),
    }
}
