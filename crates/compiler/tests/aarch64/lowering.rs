//! What small functions become: texts that must be in the code, in this order.

use crate::common::listing;
use crate::compile::{Module, Options, link};

fn check(func: &str, texts: &[&str]) {
    let module = Module::new(&format!("(module (memory 1) (func {func}))"));
    let lines = listing(&link(&module, Options::default()).0);
    let mut rest = lines.iter();
    for text in texts {
        assert!(rest.any(|line| line.contains(text)), "`{text}` is missing (at its place) in\n{}", lines.join("\n"));
    }
    assert_eq!(lines.len(), texts.len(), "{}", lines.join("\n"));
}

#[test]
fn operations_take_in_their_operands() {
    let two = "(param i32 i32) (result i32)";
    check(&format!("{two} (i32.add (local.get 0) (i32.shl (local.get 1) (i32.const 3)))"), &["lsl #3", "ret"]);
    check(&format!("{two} (i32.sub (local.get 0) (i32.mul (local.get 1) (local.get 1)))"), &["msub", "ret"]);
    check(&format!("{two} (i32.and (local.get 0) (i32.xor (local.get 1) (i32.const -1)))"), &["bic", "ret"]);
    check(&format!("{two} (i32.and (i32.shr_u (local.get 0) (i32.const 4)) (i32.const 255))"), &["ubfx", "ret"]);
    check(&format!("{two} (i32.lt_s (local.get 0) (local.get 1))"), &["cmp w0, w1", "cset w0, lt", "ret"]);
}

#[test]
fn addresses_are_part_of_their_accesses() {
    check("(param i32) (result i64) (i64.load (local.get 0))", &["[x27, w0, uxtw]", "ret"]);
    check("(param i32) (result i64) (i64.load offset=64 (local.get 0))", &["add", "#64]", "ret"]);
    check("(param i32) (i32.store (local.get 0) (i32.const 0))", &["str wzr, [x27, w0, uxtw]", "ret"]);
}
