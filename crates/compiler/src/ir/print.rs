//! The text form of the IR, written.
//!
//! ```text
//! function(i32) -> i32 {
//!   sig0 = (i32) -> (i32)
//! block0(v0: i32):
//!   v1 = i32.add v0, 1i32
//!   v2 = i32.load v1+16 @2f
//!   br_if v2, block1(v1), block2
//! block1(v3: i32): idom block0
//!   return v3
//! block2: cold idom block0
//!   trap 10
//! }
//! ```
//! Values keep their numbers. Constants stand where they are used, with their type: integers signed and decimal, floats and vectors as
//! their bits in hexadecimal. `@2f` is the place of the operator in the module. [`super::parse()`] reads it back.

use super::alias::AliasClass;
use super::func::{Block, Edge, Frequency, Function, List, Value};
use super::insts::{Format, Opcode, access};
use super::types::Type;
use crate::entity::Entity;
use std::fmt::{self, Display, Write};

impl Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let params: Vec<Type> = match self.blocks.keys().next() {
            Some(entry) => self.params(entry).map(|param| self.ty(param)).collect(),
            None => Vec::new(),
        };
        writeln!(f, "function{} -> {} {{", types(&params), types(&self.results))?;
        for sig in self.sigs.keys() {
            writeln!(f, "  {sig} = {} -> {}", types(self.sig_params(sig)), types(self.sig_results(sig)))?;
        }
        if !self.slots.is_empty() {
            writeln!(f, "  slots {}", types(&self.slots))?;
        }
        for (index, data) in self.loops.iter() {
            write!(f, "  {index} = {} depth {}", data.header, data.depth)?;
            match data.parent {
                Some(parent) => writeln!(f, " in {parent}")?,
                None => writeln!(f)?,
            }
        }
        for &block in &self.layout {
            self.write_block(f, block)?;
        }
        writeln!(f, "}}")
    }
}

fn types(types: &[Type]) -> String {
    let names: Vec<&str> = types.iter().map(|ty| ty.name()).collect();
    format!("({})", names.join(", "))
}

impl Function {
    fn write_block(&self, f: &mut fmt::Formatter<'_>, block: Block) -> fmt::Result {
        let data = &self.blocks[block];
        write!(f, "{block}")?;
        if self.params(block).len() > 0 {
            let params: Vec<String> = self.params(block).map(|param| format!("{param}: {}", self.ty(param))).collect();
            write!(f, "({})", params.join(", "))?;
        }
        write!(f, ":")?;
        match data.frequency {
            Frequency::Cold => write!(f, " cold")?,
            Frequency::Unlikely => write!(f, " unlikely")?,
            Frequency::Normal => {}
        }
        if data.idom != block {
            write!(f, " idom {}", data.idom)?;
        }
        if let Some(in_loop) = data.in_loop {
            write!(f, " in {in_loop}")?;
        }
        writeln!(f)?;
        for &value in self.block_insts(block) {
            writeln!(f, "  {}", self.show(value))?;
        }
        Ok(())
    }

    /// One instruction as text.
    pub fn show(&self, value: Value) -> String {
        let mut text = String::new();
        let inst = self.inst(value);
        if inst.ty != Type::None {
            let _ = write!(text, "{value} = ");
        } else if self.result_count(value) > 1 {
            let _ = write!(text, "{value}: ");
        }
        let _ = write!(text, "{}", inst.op.name());
        if inst.ty != Type::None && inst.op.info().result == Type::None {
            let _ = write!(text, ".{}", inst.ty);
        }
        self.show_fields(value, &mut text);
        let loc = self.locs[value.index()];
        if loc != 0 && self.has_side_effect(value) {
            let _ = write!(text, " @{loc:x}");
        }
        text
    }

    fn show_fields(&self, value: Value, text: &mut String) {
        let inst = self.inst(value);
        let at = |field: u32| self.show_value(Value::new(field as usize));
        let offset = |field: u32| if field == 0 { String::new() } else { format!("+{field}") };
        let class = || format!(" {}", AliasClass::from_imm(inst.imm).name());
        let list = |field: u32| self.show_list(List(field));
        let lane = if inst.imm != 0 || has_lane(inst.op) { format!(" {}", inst.imm) } else { String::new() };
        let _ = match inst.op.info().format {
            Format::Bare => Ok(()),
            Format::Param => write!(text, " {} {}", Block::new(inst.a as usize), inst.b),
            Format::Const => write!(text, " {}", self.show_value(value)),
            Format::Result => write!(text, " {} {}", at(inst.a), inst.b),
            Format::Unary => write!(text, " {}{lane}", at(inst.a)),
            Format::Binary => write!(text, " {}, {}{lane}", at(inst.a), at(inst.b)),
            Format::Ternary => write!(text, " {}, {}, {}", at(inst.a), at(inst.b), at(inst.c)),
            Format::Shuffle => {
                let lanes = self.vconsts.get(inst.c as usize).copied().unwrap_or_default();
                write!(text, " {}, {}, {lanes:#x}", at(inst.a), at(inst.b))
            }
            Format::Quad => write!(text, " {}", list(inst.a)),
            Format::Load => write!(text, " {}{}{}", at(inst.a), offset(inst.b), show_access(inst.imm)),
            Format::Store => {
                write!(text, " {}{}, {}{}", at(inst.a), offset(inst.b), at(inst.c), show_access(inst.imm))
            }
            Format::CtxLoad => write!(text, " +{}{}", inst.b, class()),
            Format::CtxStore => write!(text, " +{}, {}{}", inst.b, at(inst.c), class()),
            Format::CtxAddr => write!(text, " +{}", inst.b),
            Format::PtrLoad => write!(text, " {}{}{}", at(inst.a), offset(inst.b), class()),
            Format::PtrStore => write!(text, " {}{}, {}{}", at(inst.a), offset(inst.b), at(inst.c), class()),
            Format::SlotLoad => write!(text, " {}", inst.b),
            Format::SlotStore => write!(text, " {}, {}", inst.b, at(inst.c)),
            Format::Check => write!(text, " {}+{}, {}", at(inst.a), inst.c, at(inst.b)),
            Format::TrapIf => write!(text, " {}, {}", at(inst.a), inst.imm),
            Format::Fuel => write!(text, " {}", inst.b),
            Format::Call => write!(text, " fn{}({}) sig{}", inst.a, list(inst.b), inst.c),
            Format::CallRef => write!(text, " {}({}) sig{}", at(inst.a), list(inst.b), inst.c),
            Format::Builtin => {
                let name = self.builtin(value).map_or("?", |builtin| builtin.name());
                write!(text, " {name}({})", list(inst.b))
            }
            Format::Jump => write!(text, " {}", self.show_edge(Edge::new(inst.c as usize))),
            Format::BrIf => {
                let (then, other) = (Edge::new(inst.c as usize), Edge::new(inst.c as usize + 1));
                write!(text, " {}, {}, {}", at(inst.a), self.show_edge(then), self.show_edge(other))
            }
            Format::BrTable => {
                let edges: Vec<String> = self.edges_of(value).map(|edge| self.show_edge(edge)).collect();
                let entries: Vec<String> = self.numbers(List(inst.b)).iter().map(u32::to_string).collect();
                write!(text, " {}, [{}], {}", at(inst.a), entries.join(" "), edges.join(", "))
            }
            Format::Return if self.numbers(List(inst.b)).is_empty() => Ok(()),
            Format::Return => write!(text, " {}", list(inst.b)),
            Format::TrapNow => write!(text, " {}", inst.imm),
            Format::Cast => write!(text, " {}, {} {:#x}", at(inst.a), inst.b, inst.c),
        };
    }

    fn show_list(&self, list: List) -> String {
        let values: Vec<String> = self.list(list).map(|value| self.show_value(value)).collect();
        values.join(", ")
    }

    fn show_edge(&self, edge: Edge) -> String {
        let data = &self.edges[edge];
        if self.numbers(data.args).is_empty() {
            return data.target.to_string();
        }
        format!("{}({})", data.target, self.show_list(data.args))
    }

    fn show_value(&self, value: Value) -> String {
        match (self.const_bits(value), self.ty(value)) {
            (Some(bits), Type::I32) => format!("{}i32", bits as i32),
            (Some(bits), Type::I64) => format!("{}i64", bits as i64),
            (Some(bits), ty) => format!("{bits:#x}:{ty}"),
            (None, _) => value.to_string(),
        }
    }
}

/// Whether the opcode names a lane, so that 0 has to be written too.
pub(super) fn has_lane(op: Opcode) -> bool {
    op.is_numeric() && op.name().contains("_lane")
}

/// How the flags of an access are written, in this order.
pub(super) const ACCESS_FLAGS: [(u8, &str); 8] = [
    (access::OTHER_MEMORY, "other"),
    (access::CHECKED, "checked"),
    (access::SAFE, "safe"),
    (access::NATIVE, "native"),
    (access::OBJECT, "object"),
    (access::ARRAY, "array"),
    (access::REFS, "refs"),
    (access::WHOLE, "whole"),
];

fn show_access(imm: u8) -> String {
    ACCESS_FLAGS.into_iter().filter(|(flag, _)| imm & flag != 0).flat_map(|(_, name)| [" ", name]).collect()
}
