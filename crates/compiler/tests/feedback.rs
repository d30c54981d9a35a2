//! Calls through references are inlined for the function that they have always gone to, and of functions that were never called only the smallest are inlined.

use std::sync::Arc;
use tiercel_compiler::compile::{Code, Compiler, Options};
use tiercel_compiler::ir::machine::layout_of;
use tiercel_compiler::translate::{Callees, Config, Context, Feedback};
use tiercel_wasm::{Features, TypeRegistry};

const WAT: &str = r#"(module
  (type $op (func (param i32) (result i32)))
  (type $other (func (param i64) (result i32)))
  (table 4 funcref)
  (elem (i32.const 0) $xor $wrap)
  (func $xor (type $op) (i32.xor (local.get 0) (i32.const 12345)))
  (func $wrap (type $other) (i32.wrap_i64 (local.get 0)))
  (func (param i32 i32) (result i32)
    (i32.add (call_indirect (type $op) (local.get 0) (local.get 1)) (i32.const 7)))
  (func (param i32) (result i32) (call $xor (local.get 0)))
  (func $mix (param i32) (result i32)
    (i32.rotl (i32.mul (i32.xor (local.get 0) (i32.const 3)) (i32.const 5)) (i32.rotr (i32.popcnt (local.get 0))
      (i32.sub (i32.clz (local.get 0)) (i32.ctz (local.get 0))))))
  (func (param i32) (result i32) (call $mix (local.get 0))))"#;

struct Seen {
    target: Option<u32>,
    cold: Option<u32>,
}

impl Feedback for Seen {
    fn target(&self, _: u32) -> Option<u32> {
        self.target
    }

    fn is_cold(&self, body: u32) -> bool {
        self.cold == Some(body)
    }

    fn is_hot(&self, _: u32) -> bool {
        false
    }
}

/// The IR of a function.
fn translate(body: usize, seen: Option<Seen>) -> String {
    let bytes = wat::parse_str(WAT).expect("valid text");
    let info = tiercel_wasm::decode(&bytes, &Features::default(), &mut TypeRegistry::default()).expect("valid");
    let layout = layout_of(&info);
    let callees = Callees::new(&info, &bytes);
    let cx = Context { info: &info, bytes: &bytes, layout: &layout, callees: &callees, config: Config::default() };
    let mut compiler = Compiler::new(Options { verify: true, ..Options::default() });
    if let Some(seen) = seen {
        compiler.set_feedback(Arc::new(seen));
    }
    let mut text = String::new();
    let mut print = |stage: &'static str, func: &dyn std::fmt::Display| {
        if stage == "translate" {
            text = func.to_string();
        }
    };
    compiler.compile_and_print(cx, body, &mut Code::default(), Some(&mut print)).expect("compiled");
    text
}

#[test]
fn a_call_that_always_goes_to_one_function_is_inlined() {
    let plain = translate(2, None);
    assert!(plain.contains("call_ref") && !plain.contains("xor"), "{plain}");
    let inlined = translate(2, Some(Seen { target: Some(0), cold: None }));
    assert!(inlined.contains("call_ref") && inlined.contains("xor"), "{inlined}");
}

#[test]
fn no_call_is_inlined_for_what_it_cannot_call() {
    // Another type, a function that nobody can refer to, and none at all.
    for target in [1, 3, 77] {
        let text = translate(2, Some(Seen { target: Some(target), cold: None }));
        assert_eq!(text, translate(2, None), "{target}");
    }
}

#[test]
fn what_was_never_called_is_not_inlined() {
    let cold = || Some(Seen { target: None, cold: Some(4) });
    assert!(translate(5, None).contains("popcnt"));
    assert!(!translate(5, cold()).contains("popcnt"));
}

#[test]
fn what_takes_no_more_than_its_call_is_inlined_though_it_was_never_called() {
    assert_eq!(translate(3, Some(Seen { target: None, cold: Some(0) })), translate(3, None));
}
