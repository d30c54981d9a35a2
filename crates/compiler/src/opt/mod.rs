//! in: IR as translation leaves it. out: the same function, better. A file for each pass; [`crate::pipeline`] lists them.
//!
//! Reading order: [`params`], [`dce`], [`loops`], [`licm`], [`copies`], [`latches`], [`layout`]; [`edits`] is what several of them do.

pub mod copies;
pub mod dce;
mod edits;
pub mod latches;
pub mod layout;
pub mod licm;
pub mod loops;
pub mod params;

use crate::ir::{Edge, Loop, Value};

/// Memory that passes reuse from function to function. Each pass clears what it takes.
#[derive(Default)]
pub struct Scratch {
    /// The edges that lead to each block, one block's behind another.
    incoming: Vec<Edge>,
    /// For each block, where its edges start in `incoming`; one more at the end.
    first_incoming: Vec<u32>,
    /// A number for each value.
    by_value: Vec<u32>,
    /// A number for each block.
    by_block: Vec<u32>,
    worklist: Vec<Value>,
    order: Vec<Value>,
    numbers: Vec<u32>,
    /// For each block the loop whose header it is.
    header_of: Vec<Option<Loop>>,
    /// For each loop, the loop around it that its blocks can get back to.
    outer: Vec<Option<Loop>>,
}
