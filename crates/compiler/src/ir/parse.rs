//! The text form of the IR, read: the inverse of [`super::print`].

use super::alias::AliasClass;
use super::builtins::Builtin;
use super::func::{Block, EdgeData, Frequency, Function, Inst, List, Loop, LoopData, Value};
use super::insts::{Effect, Format, Opcode};
use super::print::ACCESS_FLAGS;
use super::types::Type;
use crate::entity::Entity;
use std::collections::BTreeMap;

/// Why text is no function: line (from 1) and reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub message: String,
}

impl std::fmt::Display for ParseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.message)
    }
}

type Result<T> = std::result::Result<T, ParseError>;

/// Reads one function.
///
/// # Errors
/// The text is not what [`super::print`] writes. Whether the function makes sense is the verifier's question.
pub fn parse(text: &str) -> Result<Function> {
    let mut parser = Parser {
        tokens: tokens(text),
        at: 0,
        func: Function::default(),
        values: highest(text, "v") + 1,
        consts: BTreeMap::new(),
    };
    for _ in 0..parser.values {
        parser.func.make(Inst::new(Opcode::Nop, Type::None), 0);
    }
    let blocks = if text.contains("\nblock") { highest(text, "block") + 1 } else { 0 };
    let none = parser.func.make_numbers([]);
    for index in 0..blocks {
        parser.func.make_block(none, Block::new(index), None);
    }
    parser.func.layout.clear();
    parser.function()?;
    Ok(parser.func)
}

/// The highest number behind `prefix` that starts a word.
fn highest(text: &str, prefix: &str) -> usize {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .filter_map(|word| word.strip_prefix(prefix)?.parse::<usize>().ok())
        .filter(|&number| number < 1 << 24)
        .max()
        .unwrap_or(0)
}

fn tokens(text: &str) -> Vec<(usize, &str)> {
    let mut tokens = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.split(';').next().unwrap_or_default();
        let mut rest = line;
        while let Some(first) = rest.chars().next() {
            let is_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '@' | '-');
            let len = match first {
                _ if rest.starts_with("->") => 2,
                _ if is_word(first) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
                _ => first.len_utf8(),
            };
            if !first.is_whitespace() {
                tokens.push((index + 1, &rest[..len]));
            }
            rest = &rest[len..];
        }
    }
    tokens
}

struct Parser<'a> {
    tokens: Vec<(usize, &'a str)>,
    at: usize,
    func: Function,
    /// Numbers that the text itself may use.
    values: usize,
    consts: BTreeMap<(Type, u128), Value>,
}

impl<'a> Parser<'a> {
    fn error<T>(&self, message: impl Into<String>) -> Result<T> {
        let line = self.tokens.get(self.at.min(self.tokens.len().saturating_sub(1))).map_or(0, |token| token.0);
        Err(ParseError { line, message: message.into() })
    }

    fn peek(&self) -> &'a str {
        self.tokens.get(self.at).map_or("", |token| token.1)
    }

    fn next(&mut self) -> &'a str {
        let token = self.peek();
        self.at += 1;
        token
    }

    fn eat(&mut self, token: &str) -> bool {
        let found = self.peek() == token;
        self.at += found as usize;
        found
    }

    fn expect(&mut self, token: &str) -> Result<()> {
        if self.eat(token) { Ok(()) } else { self.error(format!("`{token}` expected, `{}` found", self.peek())) }
    }

    /// Whether the next token is on the line of the one before.
    fn same_line(&self) -> bool {
        match (self.tokens.get(self.at), self.at.checked_sub(1).and_then(|at| self.tokens.get(at))) {
            (Some(next), Some(last)) => next.0 == last.0,
            _ => false,
        }
    }

    fn number(&mut self) -> Result<u32> {
        let token = self.next();
        token.parse().or_else(|_| {
            self.at -= 1;
            self.error(format!("a number expected, `{token}` found"))
        })
    }

    fn hex(&mut self) -> Result<u128> {
        let token = self.next();
        match token.strip_prefix("0x").map(|digits| u128::from_str_radix(digits, 16)) {
            Some(Ok(bits)) => Ok(bits),
            _ => self.error(format!("a hexadecimal number expected, `{token}` found")),
        }
    }

    fn numbered(&mut self, prefix: &str) -> Result<usize> {
        let token = self.next();
        match token.strip_prefix(prefix).map(str::parse) {
            Some(Ok(number)) => Ok(number),
            _ => {
                self.at -= 1;
                self.error(format!("`{prefix}` and a number expected, `{token}` found"))
            }
        }
    }

    fn block(&mut self) -> Result<Block> {
        let index = self.numbered("block")?;
        if index < self.func.blocks.len() { Ok(Block::new(index)) } else { self.error("no such block") }
    }

    fn ty(&mut self) -> Result<Type> {
        let token = self.next();
        match Type::ALL.into_iter().find(|ty| ty.name() == token) {
            Some(ty) => Ok(ty),
            None => self.error(format!("a type expected, `{token}` found")),
        }
    }

    fn types(&mut self) -> Result<Vec<Type>> {
        let mut types = Vec::new();
        self.expect("(")?;
        while !self.eat(")") {
            types.push(self.ty()?);
            self.eat(",");
        }
        Ok(types)
    }

    fn function(&mut self) -> Result<()> {
        self.expect("function")?;
        self.types()?;
        self.expect("->")?;
        self.func.results = self.types()?;
        self.expect("{")?;
        loop {
            let token = self.peek();
            if self.eat("}") {
                return Ok(());
            } else if self.eat("slots") {
                self.func.slots = self.types()?;
            } else if token.starts_with("sig") {
                self.at += 1;
                self.expect("=")?;
                let params = self.types()?;
                self.expect("->")?;
                let results = self.types()?;
                self.func.make_sig(params, results);
            } else if token.starts_with("loop") {
                self.at += 1;
                self.expect("=")?;
                let header = self.block()?;
                self.expect("depth")?;
                let depth = self.number()?;
                let parent = if self.eat("in") { Some(Loop::new(self.numbered("loop")?)) } else { None };
                self.func.loops.push(LoopData { header, parent, depth });
            } else if token.starts_with("block") {
                self.block_body()?;
            } else {
                return self.error(format!("`{token}` starts neither a block nor a declaration"));
            }
        }
    }

    fn block_body(&mut self) -> Result<()> {
        let block = self.block()?;
        let mut params = Vec::new();
        if self.eat("(") {
            while !self.eat(")") {
                let value = Value::new(self.numbered("v")?);
                self.expect(":")?;
                let ty = self.ty()?;
                self.func.insts[value] =
                    Inst::new(Opcode::Param, ty).fields(block.index() as u32, params.len() as u32, 0);
                params.push(value);
                self.eat(",");
            }
        }
        self.expect(":")?;
        let params = self.func.make_list(params);
        let mut frequency = Frequency::Normal;
        let (mut idom, mut in_loop) = (block, None);
        while self.same_line() {
            match self.next() {
                "cold" => frequency = Frequency::Cold,
                "unlikely" => frequency = Frequency::Unlikely,
                "idom" => idom = self.block()?,
                "in" => in_loop = Some(Loop::new(self.numbered("loop")?)),
                other => return self.error(format!("`{other}` says nothing of a block")),
            }
        }
        let first = self.func.order.len() as u32;
        while self.peek() != "}" && !self.peek().starts_with("block") {
            let value = self.inst()?;
            self.func.order.push(value);
        }
        let end = self.func.order.len() as u32;
        let data = &mut self.func.blocks[block];
        (data.first, data.end, data.params, data.frequency) = (first, end, params, frequency);
        (data.idom, data.in_loop) = (idom, in_loop);
        self.func.layout.push(block);
        Ok(())
    }

    fn inst(&mut self) -> Result<Value> {
        let numbered = self.peek().strip_prefix('v').is_some_and(|rest| rest.parse::<u32>().is_ok());
        let value = if numbered {
            let value = Value::new(self.numbered("v")?);
            if !self.eat("=") {
                self.expect(":")?;
            }
            Some(value)
        } else {
            None
        };
        let word = self.next();
        let (op, mut ty) = match Opcode::from_name(word) {
            Some(op) => (op, op.info().result),
            None => match word.rsplit_once('.').and_then(|(name, ty)| {
                let ty = Type::ALL.into_iter().find(|known| known.name() == ty)?;
                Some((Opcode::from_name(name)?, ty))
            }) {
                Some(found) => found,
                None => {
                    self.at -= 1;
                    return self.error(format!("no opcode is called `{word}`"));
                }
            },
        };
        if op.info().effect == Effect::Terminator {
            ty = Type::None;
        }
        let inst = self.fields(Inst::new(op, ty))?;
        let mut loc = 0;
        if self.same_line()
            && let Some(place) = self.peek().strip_prefix('@')
        {
            self.at += 1;
            loc = match u32::from_str_radix(place, 16) {
                Ok(loc) => loc,
                Err(_) => return self.error("a place is a hexadecimal number"),
            };
        }
        match value {
            Some(value) => {
                self.func.insts[value] = inst;
                self.func.locs[value.index()] = loc;
                Ok(value)
            }
            None => Ok(self.func.make(inst, loc)),
        }
    }

    fn fields(&mut self, inst: Inst) -> Result<Inst> {
        let mut inst = inst;
        match inst.op.info().format {
            Format::Bare => {}
            Format::Param | Format::Const => return self.error("a parameter or constant is no instruction of a block"),
            Format::Result => {
                inst.a = self.operand()?;
                inst.b = self.number()?;
            }
            Format::Unary => {
                inst.a = self.operand()?;
                inst.imm = self.lane()?;
            }
            Format::Binary => {
                (inst.a, inst.b) = self.two()?;
                inst.imm = self.lane()?;
            }
            Format::Ternary => {
                (inst.a, inst.b) = self.two()?;
                self.expect(",")?;
                inst.c = self.operand()?;
            }
            Format::Shuffle => {
                (inst.a, inst.b) = self.two()?;
                self.expect(",")?;
                let lanes = self.hex()?;
                inst.c = self.func.vconsts.len() as u32;
                self.func.vconsts.push(lanes);
            }
            Format::Quad => inst.a = self.list()?.0,
            Format::Load => {
                inst.a = self.operand()?;
                inst.b = self.offset()?;
                inst.imm = self.access();
            }
            Format::Store => {
                inst.a = self.operand()?;
                inst.b = self.offset()?;
                self.expect(",")?;
                inst.c = self.operand()?;
                inst.imm = self.access();
            }
            Format::CtxLoad => {
                inst.b = self.offset()?;
                inst.imm = self.class()?;
            }
            Format::CtxStore => {
                inst.b = self.offset()?;
                self.expect(",")?;
                inst.c = self.operand()?;
                inst.imm = self.class()?;
            }
            Format::CtxAddr => inst.b = self.offset()?,
            Format::PtrLoad => {
                inst.a = self.operand()?;
                inst.b = self.offset()?;
                inst.imm = self.class()?;
            }
            Format::PtrStore => {
                inst.a = self.operand()?;
                inst.b = self.offset()?;
                self.expect(",")?;
                inst.c = self.operand()?;
                inst.imm = self.class()?;
            }
            Format::SlotLoad | Format::Fuel => inst.b = self.number()?,
            Format::SlotStore => {
                inst.b = self.number()?;
                self.expect(",")?;
                inst.c = self.operand()?;
            }
            Format::Check => {
                inst.a = self.operand()?;
                inst.c = self.offset()?;
                self.expect(",")?;
                inst.b = self.operand()?;
            }
            Format::TrapIf => {
                inst.a = self.operand()?;
                self.expect(",")?;
                inst.imm = self.number()? as u8;
            }
            Format::TrapNow => inst.imm = self.number()? as u8,
            Format::Call => {
                inst.a = self.numbered("fn")? as u32;
                self.call(&mut inst)?;
            }
            Format::CallRef => {
                inst.a = self.operand()?;
                self.call(&mut inst)?;
            }
            Format::Builtin => {
                let name = self.next();
                let Some(builtin) = Builtin::from_name(name) else {
                    return self.error(format!("no builtin is called `{name}`"));
                };
                inst.a = builtin as u32;
                inst.b = self.args()?.0;
            }
            Format::Jump => inst.c = self.edges(1)?,
            Format::BrIf => {
                inst.a = self.operand()?;
                self.expect(",")?;
                inst.c = self.edges(2)?;
            }
            Format::BrTable => {
                inst.a = self.operand()?;
                self.expect(",")?;
                self.expect("[")?;
                let mut entries = Vec::new();
                while !self.eat("]") {
                    entries.push(self.number()?);
                }
                self.expect(",")?;
                let count = entries.iter().max().map_or(0, |last| last + 1);
                inst.b = self.func.make_numbers(entries).0;
                inst.c = self.edges(count as usize)?;
            }
            Format::Return => inst.b = self.list()?.0,
            Format::Cast => {
                inst.a = self.operand()?;
                self.expect(",")?;
                inst.b = self.number()?;
                inst.c = self.hex()? as u32;
            }
        }
        Ok(inst)
    }

    fn two(&mut self) -> Result<(u32, u32)> {
        let a = self.operand()?;
        self.expect(",")?;
        Ok((a, self.operand()?))
    }

    fn operand(&mut self) -> Result<u32> {
        let token = self.next();
        if let Some(Ok(number)) = token.strip_prefix('v').map(str::parse::<usize>) {
            return if number < self.values { Ok(number as u32) } else { self.error("no such value") };
        }
        if token.starts_with("0x") {
            self.at -= 1;
            let bits = self.hex()?;
            self.expect(":")?;
            let ty = self.ty()?;
            return Ok(self.constant(ty, bits & ty.mask()));
        }
        let int = |suffix: &str| token.strip_suffix(suffix)?.parse::<i64>().ok();
        if let Some(value) = int("i32") {
            return Ok(self.constant(Type::I32, u128::from(value as u32)));
        }
        if let Some(value) = int("i64") {
            return Ok(self.constant(Type::I64, u128::from(value as u64)));
        }
        self.at -= 1;
        self.error(format!("a value expected, `{token}` found"))
    }

    fn constant(&mut self, ty: Type, bits: u128) -> u32 {
        if let Some(value) = self.consts.get(&(ty, bits)) {
            return value.index() as u32;
        }
        let mut inst = Inst::new(Opcode::Const, ty).fields(bits as u32, (bits >> 32) as u32, 0);
        if ty == Type::V128 {
            inst = inst.fields(self.func.vconsts.len() as u32, 0, 0);
            self.func.vconsts.push(bits);
        }
        let value = self.func.make(inst, 0);
        self.consts.insert((ty, bits), value);
        value.index() as u32
    }

    fn lane(&mut self) -> Result<u8> {
        let is_number = self.peek().parse::<u8>().is_ok();
        if self.same_line() && is_number { Ok(self.number()? as u8) } else { Ok(0) }
    }

    fn offset(&mut self) -> Result<u32> {
        if self.eat("+") { self.number() } else { Ok(0) }
    }

    fn access(&mut self) -> u8 {
        let mut imm = 0;
        for (flag, name) in ACCESS_FLAGS {
            if self.same_line() && self.eat(name) {
                imm |= flag;
            }
        }
        imm
    }

    fn class(&mut self) -> Result<u8> {
        let name = self.next();
        match AliasClass::from_name(name) {
            Some(class) => Ok(class.imm()),
            None => self.error(format!("no alias class is called `{name}`")),
        }
    }

    /// Values up to the end of the line.
    fn list(&mut self) -> Result<List> {
        let mut values = Vec::new();
        while self.same_line() && !self.peek().starts_with('@') {
            values.push(self.operand()?);
            if !self.eat(",") {
                break;
            }
        }
        Ok(self.func.make_numbers(values))
    }

    fn args(&mut self) -> Result<List> {
        let mut values = Vec::new();
        self.expect("(")?;
        while !self.eat(")") {
            values.push(self.operand()?);
            self.eat(",");
        }
        Ok(self.func.make_numbers(values))
    }

    fn call(&mut self, inst: &mut Inst) -> Result<()> {
        inst.b = self.args()?.0;
        let sig = self.numbered("sig")?;
        if sig >= self.func.sigs.len() {
            return self.error("no such signature");
        }
        inst.c = sig as u32;
        Ok(())
    }

    /// Edges with consecutive numbers; the first one's.
    fn edges(&mut self, count: usize) -> Result<u32> {
        let mut edges = Vec::new();
        for index in 0..count {
            if index > 0 {
                self.expect(",")?;
            }
            let target = self.block()?;
            let args = if self.peek() == "(" { self.args()? } else { self.func.make_numbers([]) };
            edges.push(EdgeData { target, args });
        }
        let first = self.func.edges.len() as u32;
        for edge in edges {
            self.func.edges.push(edge);
        }
        Ok(first)
    }
}
