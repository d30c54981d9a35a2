//! In: files (programs, scripts, expected output). Out: test cases that run the built `tiercel` on them.
//!
//! The test binaries beside this folder are thin: each walks one kind of file and hands its cases to
//! [`trials::main`]. Reading order: [`paths`] (where things lie), [`tiers`] (what everything runs on),
//! [`binary`] (the program under test), [`process`] (running it), [`expect`] (judging it), [`programs`]
//! (programs with expected output, shared with `cargo xtask bench`), [`trials`] (running and skipping cases).
#![forbid(unsafe_code)]

pub mod binary;
pub mod expect;
pub mod paths;
pub mod process;
pub mod programs;
pub mod tiers;
pub mod trials;
