//! Modules with one memory and some functions made of nested constructs, branches to all of them, and few locals, which call each other: what
//! wasm-smith makes seldom.

use crate::bytes;

/// Bytes that a module is made of.
const BYTES: usize = 6000;

/// The module with this number.
pub fn numbered(seed: u64) -> Vec<u8> {
    Nested::module(bytes::from_seed(seed, BYTES))
}

/// A module made of bytes, which are read again and again.
pub fn module(data: &[u8]) -> Vec<u8> {
    Nested::module(if data.is_empty() { vec![0] } else { data.to_vec() })
}

struct Nested {
    random: Vec<u8>,
    at: usize,
    text: String,
    /// Whether the labels of the constructs that are open take a value; the function's comes first.
    labels: Vec<bool>,
    budget: u32,
    /// The function that is made.
    func: u32,
}

/// Functions of a module, and the first of those that are small.
const FUNCS: u32 = 8;
const FIRST_SMALL: u32 = 3;

impl Nested {
    fn module(random: Vec<u8>) -> Vec<u8> {
        let mut random = Nested { random, at: 0, text: String::new(), labels: Vec::new(), budget: 0, func: 0 };
        let mut text =
            String::from("(module (memory (export \"m\") 1 2) (global $g (export \"g\") (mut i32) (i32.const 7))\n");
        text += "(table funcref (elem 0 1 1 0))\n";
        for func in 0..FUNCS {
            random.text.clear();
            random.labels = vec![true];
            random.budget = if func < FIRST_SMALL { 60 } else { random.below(6) };
            random.func = func;
            random.statements(0);
            let result = random.below(4);
            text += &format!(
                "(func (export \"{func}\") (param i32 i32) (result i32) (local i32 i32 i64 i64)\n{} (local.get {result}))\n",
                random.text
            );
        }
        text += ")";
        wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
    }

    fn below(&mut self, limit: u32) -> u32 {
        self.at = (self.at + 1) % self.random.len();
        u32::from(self.random[self.at]) % limit
    }

    fn add(&mut self, text: &str) {
        self.text += text;
        self.text.push('\n');
    }

    /// An expression of type `i32`.
    fn expression(&mut self, depth: u32) -> String {
        let kind = self.below(if depth > 2 { 3 } else { 16 });
        let sub = |this: &mut Nested| this.expression(depth + 1);
        match kind {
            0 | 1 => format!("(local.get {})", self.below(4)),
            2 => format!("(i32.const {})", self.below(9) as i32 - 2),
            3 => format!("(i32.load offset={} (i32.and (i32.const 0xfff8) {}))", 8 * self.below(3), sub(self)),
            4 => format!("(i32.wrap_i64 (local.get {}))", 4 + self.below(2)),
            5 => String::from("(global.get $g)"),
            6 => format!("(select {} {} {})", sub(self), sub(self), sub(self)),
            7 => format!("(i32.eqz {})", sub(self)),
            8 => format!("(i32.load8_u (i32.and (i32.const 0xff) {}))", sub(self)),
            9 => format!("(i32.div_u {} {})", sub(self), sub(self)),
            10 | 11 => {
                let func = self.callee();
                format!("(call {func} {} {})", sub(self), sub(self))
            }
            12 if self.below(4) == 0 => {
                format!("(call_indirect (param i32 i32) (result i32) {} {} {})", sub(self), sub(self), sub(self))
            }
            _ => {
                let ops = ["add", "sub", "mul", "and", "or", "xor", "shl", "shr_u", "lt_s", "eq", "ne", "gt_u", "rotl"];
                let op = ops[self.below(ops.len() as u32) as usize];
                format!("(i32.{op} {} {})", sub(self), sub(self))
            }
        }
    }

    /// A function to call: seldom one that may lead back to this one.
    fn callee(&mut self) -> u32 {
        let first = if self.func + 1 == FUNCS || self.below(16) == 0 { 0 } else { self.func + 1 };
        first + self.below(FUNCS - first)
    }

    /// A label with or without a value.
    fn label(&mut self, wants_value: bool) -> Option<usize> {
        let found: Vec<usize> = (0..self.labels.len()).filter(|&at| self.labels[at] == wants_value).collect();
        if found.is_empty() {
            return None;
        }
        let index = found[self.below(found.len() as u32) as usize];
        Some(self.labels.len() - 1 - index)
    }

    fn statements(&mut self, depth: u32) {
        for _ in 0..1 + self.below(6) {
            if self.budget == 0 {
                return;
            }
            self.budget -= 1;
            self.statement(depth);
        }
    }

    fn statement(&mut self, depth: u32) {
        let deep = depth > 8;
        match self.below(17) {
            0..=3 => {
                let value = self.expression(0);
                let local = self.below(4);
                self.add(&format!("(local.set {local} {value})"));
            }
            4 => {
                let (local, other) = (4 + self.below(2), 4 + self.below(2));
                let value = self.expression(1);
                self.add(&format!("(local.set {local} (i64.add (local.get {other}) (i64.extend_i32_u {value})))"));
            }
            5 => {
                let (address, value) = (self.expression(1), self.expression(1));
                let offset = 8 * self.below(3);
                self.add(&format!("(i32.store offset={offset} (i32.and (i32.const 0xfff8) {address}) {value})"));
            }
            6 => {
                let value = self.expression(1);
                self.add(&format!("(global.set $g {value})"));
            }
            7 if self.below(8) == 0 => self.add("(drop (memory.grow (i32.const 1)))"),
            7 | 8 => {
                if let Some(label) = self.label(false) {
                    let condition = self.expression(1);
                    self.add(&format!("(br_if {label} {condition})"));
                }
            }
            9 => {
                if let Some(label) = self.label(true) {
                    let (value, condition) = (self.expression(1), self.expression(1));
                    self.add(&format!("(drop (br_if {label} {value} {condition}))"));
                }
            }
            10 if depth > 1 => {
                let with_value = self.below(3) == 0;
                let labels: Vec<String> =
                    (0..1 + self.below(5)).filter_map(|_| self.label(with_value)).map(|at| at.to_string()).collect();
                if !labels.is_empty() {
                    let value = if with_value { self.expression(1) } else { String::new() };
                    let index = self.expression(1);
                    self.add(&format!("(br_table {} {value} {index})", labels.join(" ")));
                }
            }
            11 if depth > 2 => {
                let value = self.expression(1);
                self.add(&format!("(return {value})"));
            }
            12 if depth > 1 && self.below(2) == 0 => {
                let (func, first, second) = (self.callee(), self.expression(1), self.expression(1));
                self.add(&format!("(return_call {func} {first} {second})"));
            }
            12 if depth > 2 && self.below(3) == 0 => self.add("(unreachable)"),
            _ if deep => {}
            13 => {
                // A block with a value.
                self.add("(block (result i32)");
                self.labels.push(true);
                self.statements(depth + 1);
                self.labels.pop();
                let value = self.expression(1);
                let local = self.below(4);
                self.add(&format!("{value}) (local.set {local})"));
            }
            14 => {
                self.add("(loop");
                self.inside(depth);
                self.add(")");
            }
            15 => {
                let condition = self.expression(1);
                self.add(&format!("(if {condition} (then"));
                self.inside(depth);
                if self.below(2) == 0 {
                    self.add(") (else");
                    self.inside(depth);
                }
                self.add("))");
            }
            _ => {
                self.add("(block");
                self.inside(depth);
                self.add(")");
            }
        }
    }

    fn inside(&mut self, depth: u32) {
        self.labels.push(false);
        self.statements(depth + 1);
        self.labels.pop();
    }
}
