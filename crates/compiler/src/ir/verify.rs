//! Checks that a function keeps the rules of [`super`]: types, places, dominance, arguments of edges, bounds checks of accesses.
//!
//! It believes nothing that the function says of itself: dominators are computed from the edges alone.

use super::func::{Block, Function, List, Sig, Value};
use super::insts::{Format, Opcode, access};
use super::types::Type;
use crate::entity::Entity;
use tiercel_abi::Trap;

/// What is wrong with a function, with the text of the instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyError(pub String);

impl std::fmt::Display for VerifyError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Checks a function.
///
/// # Errors
/// The first rule that is broken.
pub fn verify(func: &Function) -> Result<(), VerifyError> {
    let mut verifier =
        Verifier { func, place: vec![None; func.insts.len()], dominators: Dominators::of(func)?, checks: Vec::new() };
    verifier.places()?;
    for index in 0..func.layout.len() {
        verifier.block(index)?;
    }
    super::derived::check(func)
}

/// Where a value is made: block, and position in the block (0 for parameters).
type Place = (Block, u32);

struct Verifier<'a> {
    func: &'a Function,
    place: Vec<Option<Place>>,
    dominators: Dominators,
    /// Bounds checks by their index: (index, check).
    checks: Vec<(Value, Value)>,
}

fn fail<T>(message: impl Into<String>) -> Result<T, VerifyError> {
    Err(VerifyError(message.into()))
}

impl Verifier<'_> {
    fn fail<T>(&self, value: Value, message: &str) -> Result<T, VerifyError> {
        fail(format!("`{}`: {message}", self.func.show(value)))
    }

    /// Finds where each value is made, and that it is made once.
    fn places(&mut self) -> Result<(), VerifyError> {
        for &block in &self.func.layout {
            for (index, param) in self.func.params(block).enumerate() {
                let inst = self.func.inst(param);
                if inst.op != Opcode::Param || inst.a as usize != block.index() || inst.b as usize != index {
                    return fail(format!("{param} is not parameter {index} of {block}"));
                }
                if self.place[param.index()].replace((block, 0)).is_some() {
                    return fail(format!("{param} is a parameter twice"));
                }
            }
            for (index, &value) in self.func.block_insts(block).iter().enumerate() {
                if self.place[value.index()].replace((block, index as u32 + 1)).is_some() {
                    return self.fail(value, "it has two places");
                }
                let inst = self.func.inst(value);
                if matches!(inst.op, Opcode::Const | Opcode::Param) {
                    return self.fail(value, "a constant or parameter has no place in a block");
                }
                if inst.op == Opcode::MemCheck {
                    self.checks.push((Value::new(inst.a as usize), value));
                }
            }
        }
        self.checks.sort();
        Ok(())
    }

    fn block(&mut self, index: usize) -> Result<(), VerifyError> {
        let block = self.func.layout[index];
        let insts = self.func.block_insts(block);
        if self.func.terminator(block).is_none() {
            return fail(format!("{block} has no terminator"));
        }
        let idom = self.func.blocks[block].idom;
        if !self.dominators.dominates(idom, block) || (idom == block) != (index == 0) {
            return fail(format!("{block} is not dominated by {idom}"));
        }
        if let Some(place) =
            self.func.layout.iter().position(|&other| other == idom).filter(|_| self.func.layout.len() < 1000)
            && place > index
        {
            return fail(format!("{block} comes before its dominator {idom}"));
        }
        for (position, &value) in insts.iter().enumerate() {
            if self.func.inst(value).op.is_terminator() != (position + 1 == insts.len()) {
                return self.fail(value, "a terminator is the last instruction of its block, and nothing else is");
            }
            let mut bad = None;
            self.func.for_each_operand(value, |operand| {
                if bad.is_none() && !self.available(operand, (block, position as u32 + 1)) {
                    bad = Some(operand);
                }
            });
            if let Some(operand) = bad {
                return self.fail(value, &format!("{operand} is not known here"));
            }
            self.inst(value, position, insts)?;
        }
        self.edges(block)
    }

    fn available(&self, operand: Value, (block, position): Place) -> bool {
        if operand.index() >= self.func.insts.len() {
            return false;
        }
        if self.func.is_const(operand) {
            return true;
        }
        match self.place[operand.index()] {
            Some((home, made)) if home == block => made < position,
            Some((home, _)) => self.dominators.dominates(home, block),
            None => false,
        }
    }

    fn edges(&self, block: Block) -> Result<(), VerifyError> {
        let Some(last) = self.func.terminator(block) else { return Ok(()) };
        for edge in self.func.successors(block) {
            let data = &self.func.edges[edge];
            let params = self.func.params(data.target);
            if params.len() != self.func.numbers(data.args).len() {
                return self.fail(last, "an edge has not as many arguments as its target has parameters");
            }
            for (param, arg) in params.zip(self.func.list(data.args)) {
                if !self.available(arg, (block, u32::MAX)) {
                    return self.fail(last, &format!("argument {arg} is not known here"));
                }
                if self.func.ty(param) != self.func.ty(arg) {
                    return self.fail(last, &format!("argument {arg} has not the type of {param}"));
                }
            }
            if data.target == self.func.entry() {
                return self.fail(last, "the entry is no target");
            }
        }
        Ok(())
    }

    fn inst(&self, value: Value, position: usize, insts: &[Value]) -> Result<(), VerifyError> {
        let func = self.func;
        let inst = func.inst(value);
        let info = inst.op.info();
        let ty = |field: u32| func.ty(Value::new(field as usize));
        let expect = |what: &str, found: &[Type], wanted: &[Type]| {
            if found == wanted {
                Ok(())
            } else {
                self.fail(value, &format!("{what}: {wanted:?} wanted, {found:?} found"))
            }
        };
        let list_types = |list: u32| -> Vec<Type> { func.list(List(list)).map(|value| func.ty(value)).collect() };
        if info.result != Type::None && inst.ty != info.result {
            return self.fail(value, "the result has another type");
        }
        match info.format {
            Format::Result => {
                let producer = Value::new(inst.a as usize);
                let count = func.result_count(producer);
                // Results stand right behind what gives them, in order; those that nobody uses may be gone.
                let behind = insts[..position].iter().rev().find(|&&other| func.inst(other).op != Opcode::Result);
                if behind != Some(&producer)
                    || func.result_type(producer, inst.b as usize) != Some(inst.ty)
                    || count < 2
                {
                    return self.fail(value, "it is not a result of the instruction before it");
                }
            }
            Format::Unary => expect("operand", &[ty(inst.a)], info.operands)?,
            Format::Binary | Format::Shuffle => expect("operands", &[ty(inst.a), ty(inst.b)], info.operands)?,
            Format::Ternary if inst.op == Opcode::Select => {
                expect("operands", &[ty(inst.a), ty(inst.b), ty(inst.c)], &[inst.ty, inst.ty, Type::I32])?;
            }
            Format::Ternary => expect("operands", &[ty(inst.a), ty(inst.b), ty(inst.c)], info.operands)?,
            Format::Quad => expect("operands", &list_types(inst.a), info.operands)?,
            Format::Load | Format::Store => {
                self.address(value)?;
                if info.format == Format::Store {
                    expect("stored value", &[ty(inst.c)], info.operands)?;
                }
            }
            Format::PtrLoad | Format::PtrStore => expect("pointer", &[ty(inst.a)], &[Type::I64])?,
            Format::SlotLoad | Format::SlotStore => {
                let slot = func.slots.get(inst.b as usize).copied().unwrap_or(Type::None);
                let found = if info.format == Format::SlotLoad { inst.ty } else { ty(inst.c) };
                expect("slot", &[found], &[slot])?;
            }
            Format::Check => {
                if !ty(inst.a).is_int() {
                    return self.fail(value, "an index is an integer");
                }
                expect("length", &[ty(inst.b)], &[Type::I64])?;
            }
            Format::Cast => expect("operand", &[ty(inst.a)], info.operands)?,
            Format::TrapIf => expect("condition", &[ty(inst.a)], &[Type::I32])?,
            Format::BrIf | Format::BrTable => expect("condition", &[ty(inst.a)], &[Type::I32])?,
            Format::Call | Format::CallRef => {
                let Some(sig) = func.sigs.keys().find(|sig| sig.index() == inst.c as usize) else {
                    return self.fail(value, "there is no such signature");
                };
                expect("arguments", &list_types(inst.b), func.sig_params(sig))?;
                if info.format == Format::CallRef {
                    expect("function", &[ty(inst.a)], &[Type::I64])?;
                }
                self.call_results(value, sig)?;
            }
            Format::Builtin => match func.builtin(value) {
                Some(builtin) => {
                    expect("arguments", &list_types(inst.b), builtin.params())?;
                    expect("result", &[inst.ty], &[builtin.result()])?;
                }
                None => return self.fail(value, "there is no such builtin"),
            },
            Format::Return => expect("results", &list_types(inst.b), &func.results)?,
            Format::Bare
            | Format::Param
            | Format::Const
            | Format::CtxLoad
            | Format::CtxStore
            | Format::CtxAddr
            | Format::Fuel
            | Format::Jump
            | Format::TrapNow => {}
        }
        if matches!(info.format, Format::TrapIf | Format::TrapNow) && Trap::from_code(inst.imm).is_none() {
            return self.fail(value, "there is no such trap");
        }
        let typed =
            matches!(info.format, Format::CtxLoad | Format::PtrLoad | Format::SlotLoad) || inst.op == Opcode::Select;
        if typed && inst.ty == Type::None {
            return self.fail(value, "it has no type");
        }
        Ok(())
    }

    fn call_results(&self, value: Value, sig: Sig) -> Result<(), VerifyError> {
        let inst = self.func.inst(value);
        let results = self.func.sig_results(sig);
        if inst.op.is_terminator() {
            return if results == self.func.results { Ok(()) } else { self.fail(value, "it returns other results") };
        }
        match results {
            [single] if *single == inst.ty => Ok(()),
            [_] => self.fail(value, "the result has another type"),
            _ if inst.ty == Type::None => Ok(()),
            _ => self.fail(value, "it has not exactly one result"),
        }
    }

    fn address(&self, value: Value) -> Result<(), VerifyError> {
        let inst = self.func.inst(value);
        let address = Value::new(inst.a as usize);
        if !self.func.ty(address).is_int() || (inst.imm & access::NATIVE != 0 && self.func.ty(address) != Type::I64) {
            return self.fail(value, "the address has another type");
        }
        if inst.imm & access::CHECKED == 0 || inst.imm & access::NATIVE != 0 {
            return Ok(());
        }
        let end = u64::from(inst.b) + u64::from(inst.op.info().bytes);
        let Some(here) = self.place[value.index()] else { return Ok(()) };
        let first = self.checks.partition_point(|&(index, _)| index < address);
        let covered = self.checks[first..].iter().take_while(|&&(index, _)| index == address).any(|&(_, check)| {
            let before = match self.place[check.index()] {
                Some((home, made)) if home == here.0 => made < here.1,
                Some((home, _)) => self.dominators.dominates(home, here.0),
                None => false,
            };
            before && u64::from(self.func.inst(check).c) >= end
        });
        if covered { Ok(()) } else { self.fail(value, "no bounds check covers it") }
    }
}

/// Immediate dominators, by the algorithm of Cooper, Harvey and Kennedy ("A Simple, Fast Dominance Algorithm").
struct Dominators {
    /// For each block its number in reverse postorder; `u32::MAX` if it cannot be reached.
    order: Vec<u32>,
    /// For each number in reverse postorder that of the immediate dominator.
    idom: Vec<u32>,
    /// Intervals of the dominator tree: a block dominates those whose interval lies in its own.
    interval: Vec<(u32, u32)>,
}

impl Dominators {
    fn of(func: &Function) -> Result<Dominators, VerifyError> {
        if func.layout.first() != Some(&func.entry()) || func.blocks.is_empty() {
            return fail("the layout does not start with the entry");
        }
        let mut in_layout = vec![false; func.blocks.len()];
        for &block in &func.layout {
            if std::mem::replace(&mut in_layout[block.index()], true) {
                return fail(format!("{block} is in the layout twice"));
            }
        }
        let successors = |block: Block| func.successors(block).map(|edge| func.edges[edge].target);
        let mut postorder = Vec::new();
        let mut seen = vec![false; func.blocks.len()];
        seen[0] = true;
        let mut stack = vec![(func.entry(), successors(func.entry()).collect::<Vec<_>>())];
        while let Some((block, rest)) = stack.last_mut() {
            match rest.pop() {
                Some(next) if !in_layout[next.index()] => {
                    return fail(format!("{block} leads to {next}, which is not in the layout"));
                }
                Some(next) if !std::mem::replace(&mut seen[next.index()], true) => {
                    stack.push((next, successors(next).collect()));
                }
                Some(_) => {}
                None => {
                    postorder.push(*block);
                    stack.pop();
                }
            }
        }
        if let Some(lost) = func.layout.iter().find(|block| !seen[block.index()]) {
            return fail(format!("{lost} cannot be reached"));
        }
        let mut order = vec![u32::MAX; func.blocks.len()];
        for (number, block) in postorder.iter().rev().enumerate() {
            order[block.index()] = number as u32;
        }
        let mut predecessors = vec![Vec::new(); postorder.len()];
        for &block in &postorder {
            for next in successors(block) {
                predecessors[order[next.index()] as usize].push(order[block.index()]);
            }
        }
        let mut idom = vec![u32::MAX; postorder.len()];
        idom[0] = 0;
        let mut changed = true;
        while changed {
            changed = false;
            for number in 1..idom.len() {
                let mut new = u32::MAX;
                for &other in &predecessors[number] {
                    if idom[other as usize] == u32::MAX {
                        continue;
                    }
                    new = if new == u32::MAX { other } else { meet(&idom, new, other) };
                }
                if idom[number] != new {
                    idom[number] = new;
                    changed = true;
                }
            }
        }
        let interval = intervals(&idom);
        Ok(Dominators { order, idom, interval })
    }

    fn dominates(&self, a: Block, b: Block) -> bool {
        let (Some(&a), Some(&b)) = (self.order.get(a.index()), self.order.get(b.index())) else { return false };
        if a == u32::MAX || b == u32::MAX {
            return false;
        }
        debug_assert_eq!(self.idom.len(), self.interval.len());
        let (a, b) = (self.interval[a as usize], self.interval[b as usize]);
        a.0 <= b.0 && b.1 <= a.1
    }
}

fn meet(idom: &[u32], mut a: u32, mut b: u32) -> u32 {
    while a != b {
        if a > b { a = idom[a as usize] } else { b = idom[b as usize] }
    }
    a
}

/// Numbers the dominator tree: (entered, left).
fn intervals(idom: &[u32]) -> Vec<(u32, u32)> {
    let mut children = vec![Vec::new(); idom.len()];
    for (number, &parent) in idom.iter().enumerate().skip(1) {
        children[parent as usize].push(number);
    }
    let mut interval = vec![(0, 0); idom.len()];
    let (mut stack, mut time) = (vec![(0_usize, 0_usize)], 0);
    while let Some((number, next)) = stack.last_mut() {
        if *next == 0 {
            interval[*number].0 = time;
            time += 1;
        }
        match children[*number].get(*next) {
            Some(&child) => {
                *next += 1;
                stack.push((child, 0));
            }
            None => {
                interval[*number].1 = time;
                stack.pop();
            }
        }
    }
    interval
}
