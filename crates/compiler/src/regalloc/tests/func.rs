//! Functions for tests, and their text form.
//!
//! ```text
//! block0:
//!   v0@r0 v1 <-               defs <- uses
//!   v2=0 <- v0 v1?            v2 is tied to use 0; v1 may be in a slot
//!   v3! <- v2@r1 / r2 r3      v3 is an early def, v2 is fixed; r2 and r3 are clobbered
//!   v4 <- v3 / move           also: safepoint
//!   <- v4 -> block1(v2) block2
//! block1(v5) depth=1 cold:
//! ```
//! A vreg's first letter is its kind: `v` integer, `c` integer constant, `f` reference, `w` float, `q` 128-bit vector.

use crate::entity::Entity;
use crate::regalloc::{Block, Constraint, Inst, Operand, Output, PRegSet, RegClass, Role, VCode, VReg, VRegData};
use std::fmt;
use std::ops::Range;

#[derive(Clone, Debug, Default)]
pub struct TestBlock {
    pub params: Vec<VReg>,
    pub insts: Range<usize>,
    pub succs: Vec<Block>,
    pub args: Vec<Vec<VReg>>,
    pub depth: u32,
    pub cold: bool,
}

#[derive(Clone, Debug, Default)]
pub struct TestInst {
    /// Uses first.
    pub operands: Vec<Operand>,
    pub clobbers: PRegSet,
    pub safepoint: bool,
    pub is_move: bool,
}

#[derive(Clone, Debug, Default)]
pub struct TestFunc {
    pub blocks: Vec<TestBlock>,
    pub insts: Vec<TestInst>,
    pub vregs: Vec<VRegData>,
}

impl VCode for TestFunc {
    fn num_vregs(&self) -> usize {
        self.vregs.len()
    }
    fn num_blocks(&self) -> usize {
        self.blocks.len()
    }
    fn num_insts(&self) -> usize {
        self.insts.len()
    }
    fn vreg(&self, vreg: VReg) -> VRegData {
        self.vregs[vreg.index()]
    }
    fn block_insts(&self, block: Block) -> Range<usize> {
        self.blocks[block.index()].insts.clone()
    }
    fn block_params(&self, block: Block) -> &[VReg] {
        &self.blocks[block.index()].params
    }
    fn block_succs(&self, block: Block) -> &[Block] {
        &self.blocks[block.index()].succs
    }
    fn branch_args(&self, block: Block, succ: usize) -> &[VReg] {
        &self.blocks[block.index()].args[succ]
    }
    fn loop_depth(&self, block: Block) -> u32 {
        self.blocks[block.index()].depth
    }
    fn is_cold(&self, block: Block) -> bool {
        self.blocks[block.index()].cold
    }
    fn operands(&self, inst: Inst) -> &[Operand] {
        &self.insts[inst.index()].operands
    }
    fn clobbers(&self, inst: Inst) -> PRegSet {
        self.insts[inst.index()].clobbers
    }
    fn is_safepoint(&self, inst: Inst) -> bool {
        self.insts[inst.index()].safepoint
    }
    fn is_move(&self, inst: Inst) -> bool {
        self.insts[inst.index()].is_move
    }
}

const KINDS: [(char, VRegData); 5] = [
    ('v', VRegData { class: RegClass::Int, wide: false, reference: false, remat: false }),
    ('c', VRegData { class: RegClass::Int, wide: false, reference: false, remat: true }),
    ('f', VRegData { class: RegClass::Int, wide: false, reference: true, remat: false }),
    ('w', VRegData { class: RegClass::Vector, wide: false, reference: false, remat: false }),
    ('q', VRegData { class: RegClass::Vector, wide: true, reference: false, remat: false }),
];

/// What a letter says about a vreg.
pub fn kind(letter: char) -> VRegData {
    KINDS.iter().find(|kind| kind.0 == letter).expect("a kind of vreg").1
}

#[cfg(test)]
fn preg(text: &str) -> crate::regalloc::PReg {
    let class = if text.starts_with('r') { RegClass::Int } else { RegClass::Vector };
    crate::regalloc::PReg::new(class, text[1..].parse().expect("a register number"))
}

/// Reads the text form.
#[cfg(test)]
impl TestFunc {
    fn vreg_named(&mut self, name: &str) -> VReg {
        let number: usize = name[1..].parse().expect("a vreg number");
        if number >= self.vregs.len() {
            self.vregs.resize(number + 1, kind('v'));
        }
        let letter = name.chars().next().expect("a letter");
        self.vregs[number] = kind(letter);
        VReg::new(number)
    }

    fn operand(&mut self, text: &str, role: Role) -> Operand {
        let at = text.find(['@', '=', '?', '!']).unwrap_or(text.len());
        let vreg = self.vreg_named(&text[..at]);
        let (role, constraint) = match text[at..].chars().next() {
            Some('@') => (role, Constraint::Fixed(preg(&text[at + 1..]))),
            Some('=') => (role, Constraint::Tied(text[at + 1..].parse().expect("an operand index"))),
            Some('?') => (role, Constraint::Any),
            Some(_) => (Role::EarlyDef, Constraint::Reg),
            None => (role, Constraint::Reg),
        };
        Operand { vreg, role, constraint }
    }

    fn call_like(&mut self, text: &str) -> (usize, Vec<VReg>) {
        let (name, rest) = text.trim_end_matches(')').split_once('(').unwrap_or((text, ""));
        let vregs = rest.split([',', ' ']).filter(|s| !s.is_empty()).map(|s| self.vreg_named(s)).collect();
        (name["block".len()..].parse().expect("a block number"), vregs)
    }

    pub fn parse(text: &str) -> TestFunc {
        let mut func = TestFunc::default();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if let Some(head) = line.strip_suffix(':') {
                let (name, flags) = match head.find(')') {
                    Some(at) => head.split_at(at + 1),
                    None => head.split_once(' ').unwrap_or((head, "")),
                };
                let (number, params) = func.call_like(name);
                assert_eq!(number, func.blocks.len(), "blocks are numbered in order");
                let depth = flags
                    .split(' ')
                    .find_map(|flag| flag.strip_prefix("depth="))
                    .map_or(0, |d| d.parse().expect("a depth"));
                let cold = flags.split(' ').any(|flag| flag == "cold");
                let insts = func.insts.len()..func.insts.len();
                func.blocks.push(TestBlock { params, insts, depth, cold, ..TestBlock::default() });
                continue;
            }
            let (line, targets) = line.split_once("->").unwrap_or((line, ""));
            let mut parts = line.split('/');
            let (defs, uses) = parts.next().expect("operands").split_once("<-").expect("an arrow");
            let mut inst = TestInst::default();
            for (text, role) in [(uses, Role::Use), (defs, Role::Def)] {
                for text in text.split_whitespace() {
                    let operand = func.operand(text, role);
                    inst.operands.push(operand);
                }
            }
            for word in parts.flat_map(str::split_whitespace) {
                match word {
                    "safepoint" => inst.safepoint = true,
                    "move" => inst.is_move = true,
                    reg => inst.clobbers.insert(preg(reg)),
                }
            }
            func.insts.push(inst);
            let end = func.insts.len();
            func.blocks.last_mut().expect("a block").insts.end = end;
            for target in targets
                .replace(") ", ")\n")
                .replace(", ", ",")
                .split(['\n'])
                .flat_map(|t| if t.contains('(') { vec![t.trim()] } else { t.split_whitespace().collect() })
            {
                let parts: Vec<&str> = if target.contains('(') && target.contains(' ') {
                    let at = target[..target.find('(').expect("a parenthesis")].rfind(' ').map_or(0, |at| at);
                    let (before, after) = target.split_at(at);
                    before.split_whitespace().chain([after.trim()]).collect()
                } else {
                    vec![target]
                };
                for part in parts {
                    let (number, args) = func.call_like(part);
                    let block = func.blocks.last_mut().expect("a block");
                    block.succs.push(Block::new(number));
                    block.args.push(args);
                }
            }
        }
        func
    }
}

/// Writes it.
impl TestFunc {
    fn name(&self, vreg: VReg) -> String {
        let letter = KINDS.iter().find(|kind| kind.1 == self.vregs[vreg.index()]).expect("a kind").0;
        format!("{letter}{}", vreg.index())
    }

    fn names(&self, vregs: &[VReg]) -> String {
        if vregs.is_empty() {
            return String::new();
        }
        format!("({})", vregs.iter().map(|&vreg| self.name(vreg)).collect::<Vec<_>>().join(","))
    }

    fn print_operand(&self, operand: &Operand) -> String {
        let name = self.name(operand.vreg);
        match operand.constraint {
            Constraint::Fixed(reg) => format!("{name}@{reg:?}"),
            Constraint::Tied(index) => format!("{name}={index}"),
            Constraint::Any => format!("{name}?"),
            Constraint::Reg if operand.role == Role::EarlyDef => format!("{name}!"),
            Constraint::Reg => name,
        }
    }

    fn print(&self, f: &mut dyn fmt::Write, out: Option<&Output>) -> fmt::Result {
        let mut at = 0;
        for (number, block) in self.blocks.iter().enumerate() {
            write!(f, "block{number}{}", self.names(&block.params))?;
            if block.depth > 0 {
                write!(f, " depth={}", block.depth)?;
            }
            writeln!(f, "{}:", if block.cold { " cold" } else { "" })?;
            for index in block.insts.clone() {
                if let Some(out) = out {
                    while let Some((_, m)) = out.moves.get(at).filter(|(inst, _)| inst.index() == index) {
                        writeln!(f, "    {m:?}")?;
                        at += 1;
                    }
                }
                let inst = &self.insts[index];
                let print = |uses: bool| {
                    let operands = inst.operands.iter().filter(|operand| (operand.role == Role::Use) == uses);
                    operands.map(|operand| self.print_operand(operand)).collect::<Vec<_>>().join(" ")
                };
                write!(f, "  {} <- {}", print(false), print(true))?;
                if !inst.clobbers.is_empty() || inst.safepoint || inst.is_move {
                    f.write_str(" /")?;
                    for reg in inst.clobbers {
                        write!(f, " {reg:?}")?;
                    }
                    f.write_str(if inst.safepoint { " safepoint" } else { "" })?;
                    f.write_str(if inst.is_move { " move" } else { "" })?;
                }
                if index + 1 == block.insts.end && !block.succs.is_empty() {
                    f.write_str(" ->")?;
                    for (succ, args) in block.succs.iter().zip(&block.args) {
                        write!(f, " {succ}{}", self.names(args))?;
                    }
                }
                if let Some(out) = out {
                    write!(f, "    {index}: {:?}", out.operands(Inst::new(index)))?;
                }
                writeln!(f)?;
            }
        }
        Ok(())
    }

    /// The function with places and moves.
    pub fn print_allocated(&self, out: &Output) -> String {
        let mut text = String::new();
        self.print(&mut text, Some(out)).expect("strings can be written");
        for edge in &out.edges {
            text += &format!("{edge:?}: {:?}\n", &out.edge_moves[edge.moves.start as usize..edge.moves.end as usize]);
        }
        text
    }
}

impl fmt::Display for TestFunc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.print(f, None)
    }
}

#[test]
fn text_form_survives() {
    let text = "block0:\n  v0@r0 q1 <- \n  v2=0 f3! <- v0 q1? / r1 x2 safepoint\n  c4 <- \n  v5 <- v2 / move\n  <- v5 -> block1(v2,q1) block2\n\
                block1(v6,q7) depth=1 cold:\n  <- v6 q7@x0 c4 f3\nblock2:\n  <- \n";
    let func = TestFunc::parse(text);
    let printed = func.to_string();
    assert_eq!(TestFunc::parse(&printed).to_string(), printed);
    assert_eq!(printed.split_whitespace().collect::<Vec<_>>(), text.split_whitespace().collect::<Vec<_>>());
}
