//! The API as a user meets it, with the interpreter. Each file is one part of it. `../compiled.rs` and `../baseline.rs` run the same with compiled code.

mod artifacts;
mod calls;
mod common;
mod errors;
mod extern_refs;
mod gc;
mod instantiation;
mod interruption;
mod limits;
mod linking;
mod memories;
mod modules;
mod reuse;
mod tables_and_globals;

use common::{chain, config, engine, instance};

/// The tier that is tested.
const TIER: tiercel::Tier = tiercel::Tier::Interp;
