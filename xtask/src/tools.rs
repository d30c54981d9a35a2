//! The optional tools: what each is for, how to see whether it is there, and the Debian packages that bring it.

use std::env;
use std::path::{Path, PathBuf};

use crate::aarch64;

/// An optional tool.
pub struct Tool {
    /// What it is called in reports.
    pub name: &'static str,
    /// What is skipped without it.
    pub purpose: &'static str,
    /// Programs it must have on the path, and files it must have.
    needs: &'static [&'static str],
    /// Debian packages that bring it.
    pub packages: &'static [&'static str],
    /// Whether `cargo xtask ci` uses it.
    pub in_ci: bool,
}

const QEMU: Tool = Tool {
    name: "qemu for aarch64",
    purpose: "tests that run code for aarch64",
    needs: &[aarch64::EMULATOR],
    packages: &["qemu-user"],
    in_ci: true,
};

const GCC: Tool = Tool {
    name: "gcc for aarch64",
    purpose: "tests of the whole engine on aarch64",
    needs: &[aarch64::LINKER, "/usr/aarch64-linux-gnu/lib/libc.so.6"],
    packages: &["gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross"],
    in_ci: true,
};

/// What building for aarch64 and running that needs, besides Rust.
pub const AARCH64: &[Tool] = &[QEMU, GCC];

/// Every optional tool.
pub const TOOLS: &[Tool] = &[
    Tool {
        name: "clang for WASI",
        purpose: "tests of C and C++ programs; cargo xtask bless",
        needs: &[
            "clang-22",
            "clang++-22",
            "wasm-ld-22",
            "/usr/lib/wasm32-wasi/libc.a",
            "/usr/lib/llvm-22/lib/wasm32-wasi/libc++.a",
        ],
        packages: &["clang-22", "lld-22", "llvm-22", "wasi-libc", "libclang-rt-22-dev-wasm32", "libc++-22-dev-wasm32"],
        in_ci: true,
    },
    Tool {
        name: "Debian's rustc for WASI",
        purpose: "tests of Rust programs",
        needs: &["/usr/bin/rustc", "/usr/bin/rust-lld", "/usr/lib/rustlib/wasm32-wasi/lib"],
        packages: &["rustc", "libstd-rust-dev-wasm32", "lld-14"],
        in_ci: true,
    },
    QEMU,
    GCC,
    Tool {
        name: "valgrind",
        purpose: "cargo xtask bench --callgrind",
        needs: &["valgrind"],
        packages: &["valgrind"],
        in_ci: false,
    },
    Tool {
        name: "GNU time",
        purpose: "exact peak memory in cargo xtask bench",
        needs: &["/usr/bin/time"],
        packages: &["time"],
        in_ci: false,
    },
    Tool {
        name: "Python and npm",
        purpose: "cargo xtask bench --install-peers",
        needs: &["python3", "npm"],
        packages: &["python3-venv", "npm"],
        in_ci: false,
    },
];

impl Tool {
    /// What is missing of it: programs and files.
    pub fn missing(&self) -> Vec<&'static str> {
        self.needs.iter().copied().filter(|need| on_path(need).is_none()).collect()
    }
}

/// Where a program is, looked up in the path; a name with slashes is a file to exist.
pub fn on_path(name: &str) -> Option<PathBuf> {
    if name.contains('/') {
        return Path::new(name).exists().then(|| name.into());
    }
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(name)).find(|path| path.is_file())
}
