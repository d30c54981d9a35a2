//! The groups of options `-W`, `-O`, `-C`, `-D`, `-S`: each a table of keys, set as `-W key=value,key`.
//!
//! `groups` has the tables, `value` what the values may be. Names and meanings are those of Wasmtime's program; a key is in a
//! table only if it does something.

mod groups;
mod value;

pub use groups::{Codegen, Debug, Optimize, Wasi, Wasm};
pub use value::OptionValue;

use crate::{exit, suggest};
use std::fmt::Write as _;

/// A group of options. `Default` is nothing set.
pub trait Group: Default + 'static {
    /// The letter of the group.
    const LETTER: char;

    /// What the group is about.
    const TITLE: &'static str;

    /// Every key, in the order in which they are listed.
    fn keys() -> Vec<Key<Self>>;
}

/// One option of a group.
pub struct Key<G> {
    /// What users write.
    name: &'static str,
    /// How a value is written, with the sign in front.
    form: &'static str,
    /// What it does.
    doc: &'static str,
    set: Setter<G>,
}

type Setter<G> = Box<dyn Fn(&mut G, Option<&str>) -> Result<(), String>>;

/// Checks one argument, as a value parser of the command line. `help` prints the table and ends the program.
///
/// # Errors
/// A key is unknown, or a value is wrong.
pub fn check<G: Group>(text: &str) -> Result<String, String> {
    if text == "help" || text == "help-long" {
        exit::print(table::<G>().as_bytes());
        std::process::exit(0);
    }
    apply(&mut G::default(), text)?;
    Ok(text.into())
}

/// The group after these arguments; of repeated keys the last counts.
///
/// # Errors
/// As [`check`].
pub fn parse<G: Group>(texts: &[String]) -> Result<G, String> {
    let mut group = G::default();
    for text in texts {
        apply(&mut group, text)?;
    }
    Ok(group)
}

fn apply<G: Group>(group: &mut G, text: &str) -> Result<(), String> {
    let keys = G::keys();
    for setting in text.split(',') {
        let (name, value) = match setting.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (setting, None),
        };
        let Some(key) = keys.iter().find(|key| key.name == name) else { return Err(unknown(name, &keys)) };
        (key.set)(group, value).map_err(|problem| format!("`{name}`: {problem}"))?;
    }
    Ok(())
}

fn unknown<G: Group>(name: &str, keys: &[Key<G>]) -> String {
    let names = || keys.iter().map(|key| key.name);
    let letter = G::LETTER;
    match suggest::nearest(name, names()) {
        Some(nearest) => format!("unknown key `{name}`, did you mean `{nearest}`? `-{letter} help` lists all"),
        None => format!("unknown key `{name}`; known are: {}", names().collect::<Vec<_>>().join(", ")),
    }
}

/// What `-W help` prints.
fn table<G: Group>() -> String {
    let keys = G::keys();
    let letter = G::LETTER;
    let mut text = format!("{}\n", G::TITLE);
    let width = keys.iter().map(|key| key.name.len() + key.form.len()).max().unwrap_or(0);
    text.push('\n');
    for key in keys {
        let setting = format!("{}{}", key.name, key.form);
        // Writing to a string does not fail.
        let _ = writeln!(text, "  -{letter} {setting:width$}  {}", key.doc);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn wasm(texts: &[&str]) -> Result<Wasm, String> {
        parse(&texts.iter().map(|text| text.to_string()).collect::<Vec<_>>())
    }

    #[test]
    fn settings_add_up_and_the_last_counts() {
        let group = wasm(&["fuel=1,timeout=500ms", "fuel=0x10,trap-on-grow-failure,simd=n"]).unwrap();
        assert_eq!(group.fuel, Some(16));
        assert_eq!(group.timeout, Some(Duration::from_millis(500)));
        assert_eq!(group.trap_on_grow_failure, Some(true));
        assert_eq!(group.features, [(tiercel::Feature::Simd, false)]);
        assert_eq!(group.max_memory_size, None);
    }

    #[test]
    fn mistakes_are_named() {
        for (text, expected) in [
            ("feul=1", "unknown key `feul`, did you mean `fuel`? `-W help` lists all"),
            ("fuel", "`fuel`: a number is missing: write `=N`"),
            ("fuel=-1", "`fuel`: `-1` is not a number from 0 to 18446744073709551615"),
            ("timeout=3 days", "`timeout`: `3 days` is not a duration: write 2s, 500ms, 10us or 1m"),
            ("gc=maybe", "`gc`: `maybe` is neither y nor n"),
        ] {
            assert_eq!(wasm(&[text]).err().as_deref(), Some(expected));
        }
        assert!(wasm(&["zzzzzzzz"]).err().unwrap().contains("known are: "));
    }

    #[test]
    fn every_key_is_listed_once() {
        fn check<G: Group>() {
            let text = table::<G>();
            for key in G::keys() {
                let line = format!("-{} {}{} ", G::LETTER, key.name, key.form);
                assert_eq!(text.matches(&line).count(), 1, "{line}");
                assert!(!key.doc.is_empty(), "{line}");
            }
        }
        check::<Wasm>();
        check::<Optimize>();
        check::<Debug>();
        check::<Wasi>();
    }
}
