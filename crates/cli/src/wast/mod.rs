//! in: scripts in the language of the official test suite. out: how many assertions held, and why the others did not.
//!
//! Reading order: [`script`] (runs a script), `values` (arguments and expected results), `spectest` (the module that scripts
//! may import), [`command`] (`tiercel wast`).
//!
//! The language is that of the specification's reference interpreter,
//! <https://github.com/WebAssembly/spec/blob/main/interpreter/README.md#scripts>. Engines word their errors differently, so
//! messages are compared loosely: a trap's must contain the expected text or be contained in it; of a malformed, invalid or
//! unlinkable module it only counts that it is refused. One that should be invalid may not be refused for want of a proposal
//! that this version does not have, though: that would say nothing.

pub(crate) mod command;
pub mod script;
mod spectest;
mod values;

pub use script::{Failure, Verdict, run};
