//! Compiled code at work, written by hand: calls both ways, traps, faults. What the compiler makes of modules is tested elsewhere.

mod calls;
mod foreign_faults;
mod hand;
mod lazy;
mod modules;
mod no_signals;
mod reclaim;
mod stops;

use alloc::string::String;
use std::format;
use std::process::Command;

/// A command that runs the tests' own program; in an emulator what it starts needs one too.
fn own_program() -> Command {
    let program = std::env::current_exe().expect("the test's own program");
    let Some(emulator) = std::env::var_os("TIERCEL_RUNNER") else { return Command::new(program) };
    let mut command = Command::new(emulator);
    command.arg(program);
    command
}

/// A module with these fields and a function that is too complex to be compiled: very many references wait for very many calls.
fn too_complex(fields: &str) -> String {
    const REFERENCES: usize = 4000;
    let mut wat = format!("(module {fields} (type $s (struct)) (table $t 1 anyref) (func (local");
    (0..REFERENCES).for_each(|_| wat += " anyref");
    wat += ")";
    (0..REFERENCES).for_each(|local| wat += &format!("(local.set {local} (struct.new_default $s))"));
    (0..REFERENCES).for_each(|local| wat += &format!("(table.set $t (i32.const 0) (local.get {local}))"));
    wat + "))"
}
