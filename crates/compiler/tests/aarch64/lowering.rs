//! What small functions become: texts that must be in the code, in this order.

use crate::common::listing;
use crate::compile::{Module, Options, link};
use crate::qemu::{Case, Outcome, run};

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
    check(
        "(param i32) (i32.store (local.get 0) (i32.const 0))",
        &["ldr wzr, [x27, w0, uxtw]", "str wzr, [x27, w0, uxtw]", "ret"],
    );
}

/// The code of a function, without its last lines that are not reached in order.
fn code_of(func: &str, options: Options) -> Vec<String> {
    listing(&link(&Module::new(&format!("(module (memory 1) (func $f {func}))")), options).0)
}

#[test]
fn a_round_of_a_loop_has_one_jump() {
    let lines = code_of(
        "(param i32) (result i32) (local i32)
         (block $done (loop $more
           (br_if $done (i32.eqz (local.get 0)))
           (local.set 1 (i32.xor (local.get 1) (i32.load (local.get 0))))
           (local.set 0 (i32.load offset=4 (local.get 0)))
           (br $more)))
         (local.get 1)",
        Options::default(),
    );
    let jumps = lines.iter().filter(|line| line.starts_with("b ") || line.starts_with("cb")).count();
    // Into the loop, and back.
    assert_eq!(jumps, 2, "{}", lines.join("\n"));
}

#[test]
fn registers_are_saved_where_they_are_used() {
    let lines = code_of(
        "(param i32) (result i32)
         (if (i32.eqz (local.get 0)) (then (return (i32.const 7))))
         (i32.add (local.get 0) (call $f (i32.sub (local.get 0) (i32.const 1))))",
        Options::default(),
    );
    let place = |text: &str| {
        let found = lines.iter().position(|line| line.contains(text));
        found.unwrap_or_else(|| panic!("`{text}` is missing in\n{}", lines.join("\n")))
    };
    assert!(place("cb") < place("x19"), "{}", lines.join("\n"));
}

#[test]
fn traps_without_signals_are_calls() {
    let lines = code_of(
        "(param i32 i32) (result i32) (i32.div_u (local.get 0) (local.get 1))",
        Options { explicit: true, ..Options::default() },
    );
    let text = lines.join("\n");
    // Without a frame the return address would be lost.
    let at = text.find("mov x0, x30").unwrap_or_else(|| panic!("{text}"));
    assert!(text[at..].starts_with("mov x0, x30\nblr x16\nudf"), "{text}");
}

#[test]
#[cfg_attr(not(qemu_aarch64), ignore = "qemu-aarch64 is missing: apt-get install qemu-user")]
fn broken_widths_are_found() {
    let module =
        Module::new("(module (memory 1) (func (param i32) (result i32) (i32.add (local.get 0) (i32.const 1))))");
    let cases = [5, 5 | 1 << 32].map(|arg| Case { func: 0, args: vec![arg] });
    let (outcomes, _) = run(&module, &[], &[], &cases, Options { check_widths: true, ..Options::default() });
    assert!(matches!(&outcomes[0], Outcome::Results(ints, _) if ints[0] == 6), "{:?}", outcomes[0]);
    assert_eq!(outcomes[1], Outcome::Trap(tiercel_abi::Trap::BrokenWidth.code().into()));
}
