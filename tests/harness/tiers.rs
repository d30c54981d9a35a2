//! The tiers every test and benchmark runs on.

/// Values of the program's option `--tier`. A new tier is one more word here.
pub const TIERS: &[&str] = &["interp", "baseline", "auto", "opt"];

/// What some tests run on besides, with the options for it: the compiler checking itself and its code the widths of values; no guard pages and
/// signals, with memories that move whenever they grow; functions optimized as soon as they are called; while the guest waits, so that feedback is the
/// same each time; running loops replaced in their first round; all of it at random.
pub const WAYS: &[(&str, &[&str])] = &[
    ("baseline-checked", &["--tier", "baseline", "-D", "verify-compiler,check-widths"]),
    (
        "baseline-explicit",
        &["--tier", "baseline", "-O", "memory-reservation=0,memory-guard-size=0,signals-based-traps=n"],
    ),
    ("auto-at-once", &["--tier", "auto", "-C", "tier-up-budget=0"]),
    ("auto-waiting", &["--tier", "auto", "-C", "tier-up-threads=0"]),
    ("auto-replaced", &["--tier", "auto", "-C", "tier-up-budget=0,tier-up-threads=0", "-D", "verify-compiler"]),
    ("auto-random", &["--tier", "auto", "-C", "tier-up-threads=0,tier-up-seed=1", "-D", "verify-compiler"]),
    ("opt-checked", &["--tier", "opt", "-D", "verify-compiler,check-widths"]),
    ("opt-explicit", &["--tier", "opt", "-O", "memory-reservation=0,memory-guard-size=0,signals-based-traps=n"]),
];
