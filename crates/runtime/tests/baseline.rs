//! The tests of the API once more, with code of the baseline compiler.
#![cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]

#[path = "api/artifacts.rs"]
mod artifacts;
#[path = "api/calls.rs"]
mod calls;
#[path = "api/common.rs"]
mod common;
#[path = "api/errors.rs"]
mod errors;
#[path = "api/extern_refs.rs"]
mod extern_refs;
#[path = "api/gc.rs"]
mod gc;
#[path = "api/instantiation.rs"]
mod instantiation;
#[path = "api/interruption.rs"]
mod interruption;
#[path = "api/limits.rs"]
mod limits;
#[path = "api/linking.rs"]
mod linking;
#[path = "api/memories.rs"]
mod memories;
#[path = "api/modules.rs"]
mod modules;
#[path = "api/reuse.rs"]
mod reuse;
#[path = "api/tables_and_globals.rs"]
mod tables_and_globals;

use common::{chain, config, engine, instance};

/// The tier that is tested.
const TIER: tiercel::Tier = tiercel::Tier::Baseline;
