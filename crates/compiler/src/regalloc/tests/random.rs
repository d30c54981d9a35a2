//! Random functions: reducible control flow with nested loops, early exits and switches, random constraints, on small machines, with chaos.

use super::func::{TestBlock, TestFunc, TestInst, kind};
use super::*;
use crate::entity::Entity;
use crate::regalloc::{Block, Constraint, Operand, Role, VReg};

/// A xorshift generator.
pub struct Rng(pub u64);

impl Rng {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 20) as usize % limit
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

/// A place that code may jump forward to: the edges that want it, as block and index of the successor, and kinds of its parameters.
struct Label {
    kinds: Vec<char>,
    edges: Vec<(usize, usize)>,
}

pub struct Generator {
    pub rng: Rng,
    func: TestFunc,
    letters: Vec<char>,
    /// Values that are defined on every path to here.
    known: Vec<VReg>,
    labels: Vec<Label>,
    depth: u32,
    cold: bool,
    regs: u8,
    size: usize,
}

impl Generator {
    pub fn function(seed: u64, regs: u8, size: usize) -> TestFunc {
        let mut generator = Generator {
            rng: Rng(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1),
            func: TestFunc::default(),
            letters: Vec::new(),
            known: Vec::new(),
            labels: Vec::new(),
            depth: 0,
            cold: false,
            regs,
            size,
        };
        generator.rng.below(2);
        generator.open(vec![]);
        let mut inst = TestInst::default();
        for number in 0..generator.rng.below(usize::from(regs) + 1) {
            let letter = ['v', 'f', 'w', 'q'][generator.rng.below(4)];
            let vreg = generator.vreg(letter);
            let class = kind(letter).class;
            let constraint = Constraint::Fixed(PReg::new(class, number as u8));
            inst.operands.push(Operand { vreg, role: Role::Def, constraint });
            generator.known.push(vreg);
        }
        generator.push(inst);
        generator.region(3);
        let uses = (0..generator.rng.below(3)).map(|_| generator.use_of('v', Constraint::Any)).collect();
        generator.push(TestInst { operands: uses, ..TestInst::default() });
        generator.func
    }

    fn vreg(&mut self, letter: char) -> VReg {
        self.func.vregs.push(kind(letter));
        self.letters.push(letter);
        VReg::new(self.letters.len() - 1)
    }

    fn open(&mut self, kinds: Vec<char>) -> usize {
        let params: Vec<VReg> = kinds.into_iter().map(|letter| self.vreg(letter)).collect();
        self.known.extend(&params);
        let insts = self.func.insts.len()..self.func.insts.len();
        self.func.blocks.push(TestBlock { params, insts, depth: self.depth, cold: self.cold, ..TestBlock::default() });
        self.func.blocks.len() - 1
    }

    fn push(&mut self, inst: TestInst) {
        self.func.insts.push(inst);
        self.func.blocks.last_mut().expect("a block").insts.end = self.func.insts.len();
    }

    /// A known value of this kind, made here if there is none.
    fn value(&mut self, letter: char) -> VReg {
        let letter = if letter == 'v' && self.rng.one_in(6) { 'c' } else { letter };
        let count = self.known.len();
        for _ in 0..4 {
            if count == 0 {
                break;
            }
            let at = if self.rng.one_in(2) { count - 1 - self.rng.below(count.min(8)) } else { self.rng.below(count) };
            if self.letters[self.known[at].index()] == letter {
                return self.known[at];
            }
        }
        let vreg = self.vreg(letter);
        self.push(TestInst {
            operands: vec![Operand { vreg, role: Role::Def, constraint: Constraint::Reg }],
            ..TestInst::default()
        });
        self.known.push(vreg);
        vreg
    }

    fn use_of(&mut self, letter: char, constraint: Constraint) -> Operand {
        Operand { vreg: self.value(letter), role: Role::Use, constraint }
    }

    fn instruction(&mut self) {
        if self.rng.one_in(8) {
            return self.call();
        }
        if self.rng.one_in(12) {
            let letter = ['v', 'w', 'q', 'f'][self.rng.below(4)];
            let source = self.use_of(letter, Constraint::Reg);
            let vreg = self.vreg(
                self.letters[source.vreg.index()].to_string().replace('c', "v").chars().next().expect("a letter"),
            );
            let def = Operand { vreg, role: Role::Def, constraint: Constraint::Reg };
            self.push(TestInst { operands: vec![source, def], is_move: true, ..TestInst::default() });
            self.known.push(vreg);
            return;
        }
        // Rule 8 is kept by counting operands of both classes together.
        let mut room = usize::from(self.regs);
        let mut inst = TestInst::default();
        let mut fixed = [PRegSet::EMPTY; 2];
        if room > 3 && self.rng.one_in(6) {
            let reg = self.some_reg(RegClass::Int);
            inst.clobbers.insert(reg);
            room -= 1;
        }
        for _ in 0..self.rng.below(4) {
            let letter = ['v', 'v', 'v', 'f', 'w', 'q'][self.rng.below(6)];
            let constraint = match self.rng.below(8) {
                0 | 1 => Constraint::Any,
                2 => self.fixed(letter, &mut fixed[0]),
                _ => Constraint::Reg,
            };
            if constraint != Constraint::Any {
                if room < 2 {
                    continue;
                }
                room -= 1;
            }
            let operand = self.use_of(letter, constraint);
            inst.operands.push(operand);
        }
        let uses = inst.operands.len();
        let mut tied = vec![false; uses];
        for _ in 0..self.rng.below(3) {
            if room == 0 {
                break;
            }
            room -= 1;
            let mut letter = ['v', 'v', 'f', 'w', 'q'][self.rng.below(5)];
            let mut role = Role::Def;
            let constraint = match self.rng.below(8) {
                0 if !inst.operands.iter().any(|o| matches!(o.constraint, Constraint::Tied(_))) => {
                    let reg = self.fixed(letter, &mut fixed[1]);
                    if let Constraint::Fixed(preg) = reg
                        && self.rng.one_in(3)
                        && !fixed[0].has(preg)
                    {
                        role = Role::EarlyDef;
                    }
                    reg
                }
                1 => {
                    role = Role::EarlyDef;
                    Constraint::Reg
                }
                2 => Constraint::Any,
                3..6 if uses > 0 => {
                    let source = self.rng.below(uses);
                    let with = inst.operands[source];
                    let taken = matches!(with.constraint, Constraint::Fixed(reg) if fixed[1].has(reg));
                    if tied[source] || taken || with.constraint == Constraint::Any {
                        Constraint::Reg
                    } else {
                        tied[source] = true;
                        if let Constraint::Fixed(reg) = with.constraint {
                            fixed[1].insert(reg);
                        }
                        letter = match self.letters[with.vreg.index()] {
                            'c' => 'v',
                            letter => letter,
                        };
                        Constraint::Tied(source as u8)
                    }
                }
                _ => Constraint::Reg,
            };
            let vreg = self.vreg(letter);
            inst.operands.push(Operand { vreg, role, constraint });
        }
        let defs: Vec<VReg> = inst.operands[uses..].iter().map(|operand| operand.vreg).collect();
        self.push(inst);
        self.known.extend(defs);
    }

    fn some_reg(&mut self, class: RegClass) -> PReg {
        PReg::new(class, self.rng.below(self.regs.into()) as u8)
    }

    fn fixed(&mut self, letter: char, taken: &mut PRegSet) -> Constraint {
        let reg = self.some_reg(kind(letter).class);
        if taken.has(reg) {
            return Constraint::Reg;
        }
        taken.insert(reg);
        Constraint::Fixed(reg)
    }

    fn call(&mut self) {
        let machine = machine(self.regs);
        let mut inst = TestInst {
            clobbers: machine.allocatable - machine.callee_saved,
            safepoint: self.rng.one_in(2),
            ..TestInst::default()
        };
        let caller_saved = self.regs - self.regs / 2;
        for number in 0..self.rng.below(usize::from(caller_saved) + 1) as u8 {
            let letter = ['v', 'f', 'w', 'q'][self.rng.below(4)];
            let operand = self.use_of(letter, Constraint::Fixed(PReg::new(kind(letter).class, number)));
            inst.operands.push(operand);
        }
        for _ in 0..self.rng.below(3) {
            let operand = self.use_of('v', Constraint::Any);
            inst.operands.push(operand);
        }
        let mut defs = Vec::new();
        for number in 0..self.rng.below(usize::from(caller_saved.min(2)) + 1) as u8 {
            let letter = ['v', 'f', 'w', 'q'][self.rng.below(4)];
            let vreg = self.vreg(letter);
            let constraint = Constraint::Fixed(PReg::new(kind(letter).class, number));
            inst.operands.push(Operand { vreg, role: Role::Def, constraint });
            defs.push(vreg);
        }
        self.push(inst);
        self.known.extend(defs);
    }

    /// Ends the block with edges to labels and to blocks that are known already.
    fn branch(&mut self, labels: &[usize], back: Option<usize>) {
        let mut args = Vec::new();
        let heads = back.map(|block| {
            let params = self.func.blocks[block].params.clone();
            params.iter().map(|param| self.letters[param.index()]).collect::<Vec<_>>()
        });
        for kinds in labels.iter().map(|&l| self.labels[l].kinds.clone()).chain(heads).collect::<Vec<_>>() {
            args.push(kinds.into_iter().map(|letter| self.value(letter)).collect());
        }
        let operands = if args.len() > 1 { vec![self.use_of('v', Constraint::Reg)] } else { vec![] };
        self.push(TestInst { operands, ..TestInst::default() });
        let block = self.func.blocks.len() - 1;
        for (index, &label) in labels.iter().enumerate() {
            self.labels[label].edges.push((block, index));
        }
        let last = self.func.blocks.last_mut().expect("a block");
        last.args = args;
        last.succs = vec![Block::new(back.unwrap_or(0)); last.args.len()];
    }

    fn label(&mut self, params: usize) -> usize {
        let kinds = (0..self.rng.below(params + 1)).map(|_| ['v', 'v', 'f', 'w', 'q'][self.rng.below(5)]).collect();
        self.labels.push(Label { kinds, edges: vec![] });
        self.labels.len() - 1
    }

    /// Opens the block of a label; `known` values are those that dominate it.
    fn arrive(&mut self, label: usize, known: usize) {
        self.known.truncate(known);
        let kinds = self.labels[label].kinds.clone();
        let block = self.open(kinds);
        for (from, index) in std::mem::take(&mut self.labels[label].edges) {
            self.func.blocks[from].succs[index] = Block::new(block);
        }
    }

    fn region(&mut self, nesting: usize) {
        for _ in 0..1 + self.rng.below(self.size) {
            match if nesting == 0 { 0 } else { self.rng.below(10) } {
                5 => self.if_else(nesting),
                6 => self.repeat(nesting),
                7 => self.switch(nesting),
                8 => self.early_exit(nesting),
                _ => self.instruction(),
            }
        }
    }

    fn if_else(&mut self, nesting: usize) {
        let (then, otherwise, join) = (self.label(0), self.label(0), self.label(3));
        let one_armed = self.rng.one_in(2);
        self.branch(&[then, if one_armed { join } else { otherwise }], None);
        let known = self.known.len();
        let cold = self.cold;
        self.cold |= self.rng.one_in(3);
        self.arrive(then, known);
        self.region(nesting - 1);
        self.branch(&[join], None);
        self.cold = cold;
        if !one_armed {
            self.arrive(otherwise, known);
            self.region(nesting - 1);
            self.branch(&[join], None);
        }
        self.arrive(join, known);
    }

    fn repeat(&mut self, nesting: usize) {
        let head = self.label(4);
        self.branch(&[head], None);
        self.depth += 1;
        let known = self.known.len();
        self.arrive(head, known);
        let block = self.func.blocks.len() - 1;
        let exit = self.label(2);
        if self.rng.one_in(2) {
            let body = self.label(0);
            self.branch(&[body, exit], None);
            let known = self.known.len();
            self.arrive(body, known);
        }
        let known = self.known.len();
        self.region(nesting - 1);
        self.branch(&[exit], Some(block));
        self.depth -= 1;
        // Values of the first block are known at every exit.
        self.arrive(exit, known);
    }

    fn switch(&mut self, nesting: usize) {
        let join = self.label(2);
        let mut arms: Vec<usize> = (0..1 + self.rng.below(3)).map(|_| self.label(2)).collect();
        let count = arms.len();
        arms.push(join);
        arms.push(arms[self.rng.below(count)]);
        self.branch(&arms, None);
        let known = self.known.len();
        for &arm in &arms[..count] {
            self.arrive(arm, known);
            self.region(nesting - 1);
            self.branch(&[join], None);
        }
        self.arrive(join, known);
    }

    /// A region that may be left from the middle of inner ones.
    fn early_exit(&mut self, nesting: usize) {
        let out = self.label(2);
        let known = self.known.len();
        for _ in 0..2 {
            self.region(nesting - 1);
            let on = self.label(1);
            self.branch(&[on, out], None);
            let here = self.known.len();
            self.arrive(on, here);
        }
        self.branch(&[out], None);
        self.arrive(out, known);
    }
}

/// Allocates random functions of about this size on a machine with so many registers of each class, every way; checks and executes each.
///
/// # Panics
/// An allocation is wrong.
pub fn every_way(regs: u8, seeds: std::ops::Range<u64>, size: usize) {
    let machine = machine(regs);
    let mut out = Output::default();
    let mut allocator = Allocator::new();
    for seed in seeds {
        let func = Generator::function(seed, regs, size);
        let chaos = [
            Chaos::default(),
            Chaos { seed, spill: 60, ..Chaos::default() },
            Chaos { seed, split: 60, ..Chaos::default() },
            Chaos { seed, spill: 20, split: 60, reverse: true, coarse: false },
            Chaos { coarse: true, ..Chaos::default() },
        ];
        for chaos in chaos {
            allocator.chaos = chaos;
            allocate(&func, &machine, &mut allocator, &mut out);
        }
        allocate_plainly(&func, &machine, &mut out);
    }
}

#[test]
fn three_registers() {
    every_way(3, 0..1500, 4);
}

#[test]
fn six_registers() {
    every_way(6, 0..1500, 5);
}

#[test]
fn fourteen_registers() {
    every_way(14, 0..1000, 8);
}

/// The checker must refuse an output from which a move is missing, or the move did nothing that can be seen.
#[test]
fn missing_moves_are_noticed() {
    let machine = machine(6);
    let (mut allocator, mut out, mut noticed) = (Allocator::new(), Output::default(), 0);
    for seed in 0..300 {
        let func = Generator::function(seed, 6, 5);
        allocate(&func, &machine, &mut allocator, &mut out);
        if out.moves.is_empty() {
            continue;
        }
        out.moves.remove(Rng(seed + 1).below(out.moves.len()));
        if checker::check(&func, &machine, &out).is_err() {
            noticed += 1;
        } else {
            judge(&func, &machine, &out);
        }
    }
    assert!(noticed > 150, "only {noticed}");
}
