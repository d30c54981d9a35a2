//! Compiled code at work, written by hand: calls both ways, traps, faults. What the compiler makes of modules is tested elsewhere.

mod calls;
mod foreign_faults;
mod hand;
mod modules;
mod no_signals;
mod stops;
