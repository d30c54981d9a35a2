//! `--invoke`: arguments from words, by the function's type, and results as words.

use std::ffi::OsString;
use tiercel::{FuncType, HeapType, Result, V128, Val, ValType, format_err};

/// The arguments of function `name` from the words of the command line.
///
/// # Errors
/// There are too few or too many, or one is not of its type; the message says which.
pub fn arguments(name: &str, ty: &FuncType, words: &[OsString]) -> Result<Vec<Val>> {
    let (expected, given) = (ty.params().len(), words.len());
    if expected != given {
        let plural = if expected == 1 { "" } else { "s" };
        return Err(format_err!("`{name}` takes {expected} argument{plural}, {given} given; it is a function {ty}"));
    }
    let parse = |(i, (ty, word)): (usize, (ValType, &OsString))| {
        let word = word.to_string_lossy();
        value(&ty, &word)
            .ok_or_else(|| format_err!("argument {} of `{name}`: `{word}` is not an {ty}; write {}", i + 1, forms(&ty)))
    };
    ty.params().zip(words).enumerate().map(parse).collect()
}

/// How a value of this type is written.
fn forms(ty: &ValType) -> &'static str {
    match ty {
        ValType::I32 => "-2147483648 to 4294967295, or hexadecimal with 0x",
        ValType::I64 => "-9223372036854775808 to 18446744073709551615, or hexadecimal with 0x",
        ValType::F32 | ValType::F64 => "1.5, -2e10, inf, -inf, nan or nan:0xPAYLOAD",
        ValType::V128 => "up to 32 hexadecimal digits after 0x, lane 0 last",
        ValType::Ref(_) => "null; other references cannot be written",
    }
}

fn value(ty: &ValType, word: &str) -> Option<Val> {
    Some(match ty {
        // Both the signed and the unsigned reading are meant; the bits are the same.
        ValType::I32 => Val::I32(integer(word, 32)? as i32),
        ValType::I64 => Val::I64(integer(word, 64)? as i64),
        ValType::F32 => Val::F32(match nan(word, 23)? {
            Nan::No => word.parse::<f32>().ok()?.to_bits(),
            Nan::Bits { negative, payload } => u32::from(negative) << 31 | 0xff << 23 | payload as u32,
        }),
        ValType::F64 => Val::F64(match nan(word, 52)? {
            Nan::No => word.parse::<f64>().ok()?.to_bits(),
            Nan::Bits { negative, payload } => u64::from(negative) << 63 | 0x7ff << 52 | payload,
        }),
        ValType::V128 => Val::V128(V128::from(u128::from_str_radix(word.strip_prefix("0x")?, 16).ok()?)),
        ValType::Ref(ty) if word == "null" && ty.nullable => Val::null_ref(&ty.heap),
        ValType::Ref(_) => return None,
    })
}

/// A number of this many bits, signed or not, decimal or hexadecimal.
fn integer(word: &str, bits: u32) -> Option<i128> {
    let (negative, digits) = match word.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, word.strip_prefix('+').unwrap_or(word)),
    };
    // A second sign would be accepted by the functions below.
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let magnitude = match digits.strip_prefix("0x") {
        Some(digits) if digits.starts_with('+') => return None,
        Some(digits) => u64::from_str_radix(digits, 16),
        None => digits.parse(),
    };
    let magnitude = i128::from(magnitude.ok()?);
    let value = if negative { -magnitude } else { magnitude };
    (value >= -(1 << (bits - 1)) && value < 1 << bits).then_some(value)
}

enum Nan {
    No,
    Bits { negative: bool, payload: u64 },
}

/// Reads `nan`, `-nan` and `nan:0x...` with a payload of so many bits. Nothing if it starts as a NaN but is none.
fn nan(word: &str, payload_bits: u32) -> Option<Nan> {
    let unsigned = word.trim_start_matches(['-', '+']);
    let Some(rest) = unsigned.strip_prefix("nan") else { return Some(Nan::No) };
    let payload = match rest {
        "" => 1 << (payload_bits - 1),
        _ => u64::from_str_radix(rest.strip_prefix(":0x")?, 16).ok()?,
    };
    let is_payload = payload > 0 && payload < 1 << payload_bits && word.len() - unsigned.len() <= 1;
    is_payload.then_some(Nan::Bits { negative: word.starts_with('-'), payload })
}

/// A result as it is printed.
pub fn word(value: &Val) -> String {
    match value {
        Val::I32(value) => value.to_string(),
        Val::I64(value) => value.to_string(),
        Val::F32(bits) => f32::from_bits(*bits).to_string(),
        Val::F64(bits) => f64::from_bits(*bits).to_string(),
        Val::V128(bits) => format!("{:#034x}", bits.as_u128()),
        Val::FuncRef(None) => "<null funcref>".into(),
        Val::FuncRef(Some(_)) => "<funcref>".into(),
        Val::ExternRef(None) => "<null externref>".into(),
        Val::ExternRef(Some(_)) => "<externref>".into(),
        Val::AnyRef(None) => "<null anyref>".into(),
        Val::AnyRef(Some(_)) => "<anyref>".into(),
    }
}

/// A value to start results with; what it is does not matter.
pub fn placeholder(ty: &ValType) -> Val {
    Val::default_for_ty(ty).unwrap_or(Val::null_ref(&HeapType::Func))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(ty: ValType, text: &str) -> Option<String> {
        value(&ty, text).map(|value| match value {
            // To see the sign and payload of a NaN.
            Val::F32(bits) => format!("{bits:#x}"),
            Val::F64(bits) => format!("{bits:#x}"),
            value => word(&value),
        })
    }

    #[test]
    fn numbers_are_read_as_bits() {
        for (ty, text, expected) in [
            (ValType::I32, "-1", Some("-1")),
            (ValType::I32, "4294967295", Some("-1")),
            (ValType::I32, "0xffffffff", Some("-1")),
            (ValType::I32, "-0x80000000", Some("-2147483648")),
            (ValType::I32, "4294967296", None),
            (ValType::I32, "-2147483649", None),
            (ValType::I32, "", None),
            (ValType::I32, "--1", None),
            (ValType::I32, "0x+1", None),
            (ValType::I32, "1.5", None),
            (ValType::I64, "18446744073709551615", Some("-1")),
            (ValType::I64, "18446744073709551616", None),
            (ValType::F32, "1.5", Some("0x3fc00000")),
            (ValType::F32, "nan", Some("0x7fc00000")),
            (ValType::F32, "-nan:0x200001", Some("0xffa00001")),
            (ValType::F32, "nan:0x800000", None),
            (ValType::F32, "nan:0x0", None),
            (ValType::F32, "--nan", None),
            (ValType::F32, "nanny", None),
            (ValType::F64, "-inf", Some("0xfff0000000000000")),
            (ValType::F64, "nan", Some("0x7ff8000000000000")),
            (ValType::V128, "0x1", Some("0x00000000000000000000000000000001")),
            (ValType::V128, "1", None),
            (ValType::EXTERNREF, "null", Some("<null externref>")),
            (ValType::FUNCREF, "0", None),
        ] {
            assert_eq!(read(ty, text).as_deref(), expected, "{ty} {text}");
        }
    }
}
