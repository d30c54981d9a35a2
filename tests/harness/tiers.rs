//! The tiers every test and benchmark runs on.

/// Values of the program's option `--tier`. A new tier is one more word here.
pub const TIERS: &[&str] = &["interp", "opt"];

/// What some tests run on besides: the tier `opt`, its compiler checking itself and its code checking the widths of values.
pub const CHECKED: &str = "opt-checked";
/// And: the tier `opt` without guard pages and signals, with memories that move whenever they grow.
pub const EXPLICIT: &str = "opt-explicit";
/// The options for it.
pub const EXPLICIT_OPTIONS: &[&str] = &["-O", "memory-reservation=0,memory-guard-size=0,signals-based-traps=n"];
