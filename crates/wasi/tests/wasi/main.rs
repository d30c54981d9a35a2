//! WASI as a guest meets it: each test calls the functions with a memory of its own, as an engine would.

mod engine;
mod files;
mod guest;
mod open;
mod poll;
mod process;
mod readdir;
mod rights;
mod sandbox;
mod sockets;
mod unstable;
mod wild;
