//! The tiers every test and benchmark runs on.

/// Values of the program's option `--tier`. A new tier is one more word here.
pub const TIERS: &[&str] = &["interp", "opt"];

/// The tier that can do without guard pages and signals, and the options for it; its memories then move whenever they grow.
pub const CHECKED_TIER: &str = "opt";
/// See [`CHECKED_TIER`].
pub const EXPLICIT_CHECKS: &[&str] = &["-O", "memory-reservation=0,memory-guard-size=0,signals-based-traps=n"];
