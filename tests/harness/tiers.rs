//! The tiers every test and benchmark runs on.

/// Values of the program's option `--tier`. A new tier is one more word here.
pub const TIERS: &[&str] = &["interp", "opt"];
