//! What rules make. The tests are told of each place that makes something.

use super::Folded;
use crate::entity::Entity;
use crate::ir::{Inst, Opcode, Type, Value};

/// Another value is the same.
#[allow(non_snake_case, reason = "rules name what they make as `Folded` does")]
#[inline]
#[track_caller]
pub fn Same(value: Value) -> Folded {
    fired();
    Folded::Same(value)
}

/// A constant with these bits.
#[allow(non_snake_case, reason = "as above")]
#[inline]
#[track_caller]
pub fn Const(bits: u128) -> Folded {
    fired();
    Folded::Const(bits)
}

/// An operation on a value and a constant with these bits.
#[allow(non_snake_case, reason = "as above")]
#[inline]
#[track_caller]
pub fn WithConst(op: Opcode, x: Value, bits: u128) -> Folded {
    fired();
    Folded::WithConst(op, x, bits)
}

/// An operation on one value.
#[inline]
#[track_caller]
pub fn unary(op: Opcode, x: Value) -> Folded {
    fired();
    Folded::Inst(Inst::new(op, op.info().result).fields(x.index() as u32, 0, 0))
}

/// An operation on two values.
#[inline]
#[track_caller]
pub fn binary(op: Opcode, x: Value, y: Value) -> Folded {
    fired();
    Folded::Inst(Inst::new(op, op.info().result).fields(x.index() as u32, y.index() as u32, 0))
}

/// `a` if `c` is not 0, else `b`.
#[inline]
#[track_caller]
pub fn select(ty: Type, a: Value, b: Value, c: Value) -> Folded {
    fired();
    Folded::Inst(Inst::new(Opcode::Select, ty).fields(a.index() as u32, b.index() as u32, c.index() as u32))
}

#[inline(always)]
#[track_caller]
fn fired() {
    #[cfg(test)]
    tests::note(std::panic::Location::caller());
}

/// Which rules have made something.
#[cfg(test)]
pub mod tests {
    use std::cell::RefCell;
    use std::collections::BTreeSet;
    use std::panic::Location;

    /// The names that rules make things by.
    const MAKERS: [&str; 6] = ["Same", "Const", "WithConst", "unary", "binary", "select"];

    /// Every file with rules.
    const FILES: [(&str, &str); 5] = [
        ("int.rs", include_str!("int.rs")),
        ("convert.rs", include_str!("convert.rs")),
        ("float.rs", include_str!("float.rs")),
        ("select.rs", include_str!("select.rs")),
        ("vector.rs", include_str!("vector.rs")),
    ];

    thread_local! {
        /// File, line and column of each place that has made something on this thread.
        static FIRED: RefCell<BTreeSet<(&'static str, u32, u32)>> = const { RefCell::new(BTreeSet::new()) };
    }

    pub(super) fn note(place: &'static Location<'static>) {
        let file = place.file().rsplit(['/', '\\']).next().unwrap_or_default();
        FIRED.with(|fired| fired.borrow_mut().insert((file, place.line(), place.column())));
    }

    /// The rules, a line each, that have made nothing on this thread.
    pub fn never_fired() -> Vec<String> {
        let mut missing = Vec::new();
        for (file, text) in FILES {
            for (line, code) in text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//")) {
                for maker in MAKERS {
                    let calls = code.match_indices(maker).filter(|(at, _)| {
                        let before = code[..*at].chars().next_back().unwrap_or(' ');
                        let is_call = code[at + maker.len()..].starts_with('(');
                        is_call && !before.is_alphanumeric() && before != '_' && before != ':' && before != '.'
                    });
                    for (at, _) in calls {
                        let place = (file, line as u32 + 1, code[..at].chars().count() as u32 + 1);
                        if !FIRED.with(|fired| fired.borrow().contains(&place)) {
                            missing.push(format!("{file}:{}: {}", line + 1, code.trim()));
                        }
                    }
                }
            }
        }
        missing
    }

    /// Nothing is made any other way, and no file with rules is forgotten.
    #[test]
    fn rules_make_nothing_behind_the_back_of_the_tests() {
        for (file, text) in FILES {
            for variant in ["Folded::Same", "Folded::Const", "Folded::WithConst", "Folded::Inst", "Inst::new"] {
                assert!(!text.contains(variant), "{file} makes {variant} by itself");
            }
        }
        let modules = include_str!("mod.rs").lines().filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'));
        for module in modules.filter(|module| !["made", "tests"].contains(module)) {
            assert!(FILES.iter().any(|(file, _)| file.strip_suffix(".rs") == Some(module)), "rules of `{module}`");
        }
    }
}
