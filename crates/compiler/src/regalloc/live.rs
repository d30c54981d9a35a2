//! One backward walk: live ranges with holes, uses, definitions, loops, hints.
//!
//! Positions: instruction `i` has `4i` (before it), `4i + 1` (uses, early defs), `4i + 2` (defs); a range ends where it is no longer live.
//! The walk keeps one live set. A value enters it at its last use and leaves it at its definition; at a loop head, whatever is live gets
//! the whole loop. Only targets of jumps keep a copy of their live set for the blocks that jump there.

use super::tuning::{COLD_STEPS, FEW_MOVES, LIVE_SET_FREE, LIVE_SET_LIMIT, MAX_DEPTH};
use super::{Block, Constraint, Error, Inst, PRegSet, RegClass, Role, VCode, VReg};
use crate::entity::Entity;

/// The absent index.
pub const NONE: u32 = u32::MAX;

/// A piece of a live range, in a list with ascending positions.
#[derive(Clone, Copy, Debug)]
pub struct LiveRange {
    pub start: u32,
    pub end: u32,
    pub next: u32,
}

/// A use, in a list with ascending positions.
#[derive(Clone, Copy, Debug)]
pub struct Use {
    pub pos: u32,
    pub next: u32,
    pub depth: u8,
    pub cold: bool,
}

/// What the walk finds out about a value. `first_range` and `first_use` are cursors that the forward walk moves on.
#[derive(Clone, Copy, Debug)]
pub struct Value {
    pub first_range: u32,
    pub first_use: u32,
    /// Where it is defined.
    pub def: u32,
    /// Where it is last live.
    pub end: u32,
    /// A value whose register it should have.
    pub hint: u32,
    /// The first instruction that wants it in a certain register, and which.
    pub fixed_use: u32,
    pub fixed_reg: u8,
    pub class: RegClass,
    pub wide: bool,
    pub reference: bool,
    pub remat: bool,
    /// Whether an instruction reads it, or an edge passes it on for whose moves a block would have to be made.
    pub is_read: bool,
}

const EMPTY: Value = Value {
    first_range: NONE,
    first_use: NONE,
    def: NONE,
    end: 0,
    hint: NONE,
    fixed_use: NONE,
    fixed_reg: 0,
    class: RegClass::Int,
    wide: false,
    reference: false,
    remat: false,
    is_read: false,
};

/// What the forward walk wants to know of a loop.
#[derive(Clone, Copy, Debug, Default)]
pub struct Loop {
    /// Its head and its last block.
    pub head: u32,
    pub last: u32,
    /// Values live at its head that its hot blocks use: a piece of [`Liveness::loop_values`].
    pub values: (u32, u32),
    /// Most values live at once in its hot blocks, for each class.
    pub pressure: [u32; RegClass::COUNT],
    /// Values that live through it without a use in its hot blocks.
    pub through: [u32; RegClass::COUNT],
    /// Registers that its hot blocks clobber or fix.
    pub blocked: PRegSet,
}

/// An edge as its target sees it.
#[derive(Clone, Copy, Debug)]
pub struct Pred {
    pub block: u32,
    pub succ: u32,
}

/// The result of the walk, and its memory.
#[derive(Default)]
pub struct Liveness {
    pub values: Vec<Value>,
    pub ranges: Vec<LiveRange>,
    pub uses: Vec<Use>,
    /// For each value its first range, where the forward walk leaves it.
    first_ranges: Vec<u32>,
    /// Values in descending order of definition.
    pub defs: Vec<VReg>,
    pub loops: Vec<Loop>,
    /// For each block the loop that it is the head of.
    pub loop_of_head: Vec<u32>,
    pub loop_values: Vec<VReg>,
    /// Registers that an instruction in a hot block clobbers or fixes, in descending order.
    pub blocked: Vec<(u32, PRegSet)>,
    preds: Vec<Pred>,
    first_pred: Vec<u32>,
    /// Start position of each block, and the end of the last one.
    pub starts: Vec<u32>,
    pub depths: Vec<u8>,
    pub cold: Vec<bool>,
    live: Vec<u32>,
    /// For each value its index in `live`, or `NONE`.
    live_at: Vec<u32>,
    open_end: Vec<u32>,
    stamp: Vec<u32>,
    epoch: u32,
    snapshots: Vec<u32>,
    snapshot: Vec<(u32, u32)>,
    open_loops: Vec<u32>,
    /// Loops by last block, outermost first.
    first_ending: Vec<u32>,
    next_ending: Vec<u32>,
    pressure: [u32; RegClass::COUNT],
    peak: [u32; RegClass::COUNT],
}

impl Liveness {
    /// The edges that lead to a block.
    #[inline]
    pub fn preds(&self, block: usize) -> &[Pred] {
        &self.preds[self.first_pred[block] as usize..self.first_pred[block + 1] as usize]
    }

    /// All live ranges of a value, ascending.
    pub fn ranges_of(&self, vreg: VReg) -> impl Iterator<Item = (u32, u32)> {
        let mut next = self.first_ranges[vreg.index()];
        std::iter::from_fn(move || {
            let range = self.ranges.get(next as usize)?;
            next = range.next;
            Some((range.start, range.end))
        })
    }

    /// Walks over the function.
    pub fn run<F: VCode>(&mut self, func: &F, coarse: bool) -> Result<(), Error> {
        self.shape(func)?;
        let budget = LIVE_SET_LIMIT * (func.num_insts() + func.num_blocks()) + LIVE_SET_FREE;
        // A range without holes covers places where the value is not defined; a stack map must not.
        let precise = || (0..func.num_vregs()).any(|vreg| func.vreg(VReg::new(vreg)).reference);
        match self.walk(func, coarse && !precise(), budget) {
            Err(Error::TooComplex) if !precise() => self.walk(func, true, 4 * budget)?,
            done => done?,
        }
        self.first_ranges.clear();
        self.first_ranges.extend(self.values.iter().map(|value| value.first_range));
        Ok(())
    }

    /// Predecessors and loops.
    fn shape<F: VCode>(&mut self, func: &F) -> Result<(), Error> {
        let blocks = func.num_blocks();
        self.starts.clear();
        self.depths.clear();
        self.cold.clear();
        self.first_pred.clear();
        self.first_pred.resize(blocks + 2, 0);
        for block in 0..blocks {
            let entity = Block::new(block);
            self.starts.push(4 * func.block_insts(entity).start as u32);
            self.depths.push(func.loop_depth(entity).min(MAX_DEPTH) as u8);
            self.cold.push(func.is_cold(entity));
            for succ in func.block_succs(entity) {
                self.first_pred[succ.index() + 2] += 1;
            }
        }
        self.starts.push(4 * func.num_insts() as u32);
        for block in 0..blocks {
            self.first_pred[block + 2] += self.first_pred[block + 1];
        }
        self.preds.clear();
        self.preds.resize(self.first_pred[blocks + 1] as usize, Pred { block: 0, succ: 0 });
        for block in 0..blocks {
            for (index, succ) in func.block_succs(Block::new(block)).iter().enumerate() {
                let slot = &mut self.first_pred[succ.index() + 1];
                self.preds[*slot as usize] = Pred { block: block as u32, succ: index as u32 };
                *slot += 1;
            }
        }
        self.first_pred.truncate(blocks + 1);
        self.find_loops(blocks)
    }

    /// Loops by descending head, each reaching to its last back edge and around every loop that it overlaps.
    fn find_loops(&mut self, blocks: usize) -> Result<(), Error> {
        self.loops.clear();
        self.loop_of_head.clear();
        self.loop_of_head.resize(blocks, NONE);
        self.first_ending.clear();
        self.first_ending.resize(blocks, NONE);
        self.next_ending.clear();
        self.open_loops.clear();
        for head in (0..blocks).rev() {
            let Some(mut last) = self.preds(head).iter().map(|pred| pred.block).filter(|&p| p >= head as u32).max()
            else {
                continue;
            };
            if head == 0 {
                return Err(Error::Irreducible(Block::new(0)));
            }
            while let Some(&inner) = self.open_loops.last() {
                let inner = &self.loops[inner as usize];
                if inner.head > last {
                    break;
                }
                last = last.max(inner.last);
                self.open_loops.pop();
            }
            self.loop_of_head[head] = self.loops.len() as u32;
            self.open_loops.push(self.loops.len() as u32);
            self.next_ending.push(self.first_ending[last as usize]);
            self.first_ending[last as usize] = self.loops.len() as u32;
            self.loops.push(Loop { head: head as u32, last, ..Loop::default() });
        }
        // A loop is entered at its head only: the innermost loop around an edge's target, not counting one it heads, holds its source too.
        self.open_loops.clear();
        for block in 0..blocks {
            while self.open_loops.last().is_some_and(|&l| (self.loops[l as usize].last as usize) < block) {
                self.open_loops.pop();
            }
            let outer = self.open_loops.last().map_or(0, |&l| self.loops[l as usize].head);
            if self.preds(block).iter().any(|pred| pred.block < outer) {
                return Err(Error::Irreducible(Block::new(block)));
            }
            if block != 0 && !self.preds(block).iter().any(|pred| (pred.block as usize) < block) {
                return Err(Error::Unreachable(Block::new(block)));
            }
            if self.loop_of_head[block] != NONE {
                self.open_loops.push(self.loop_of_head[block]);
            }
        }
        Ok(())
    }

    fn reset<F: VCode>(&mut self, func: &F) {
        self.values.clear();
        self.values.extend((0..func.num_vregs()).map(|index| {
            let data = func.vreg(VReg::new(index));
            Value {
                class: data.class,
                wide: data.wide,
                reference: data.reference,
                remat: data.remat && !data.reference,
                ..EMPTY
            }
        }));
        let vregs = self.values.len();
        for list in [&mut self.live_at, &mut self.open_end, &mut self.stamp] {
            list.clear();
        }
        self.live_at.resize(vregs, NONE);
        self.open_end.resize(vregs, 0);
        self.stamp.resize(vregs, 0);
        self.epoch = 0;
        self.ranges.clear();
        self.uses.clear();
        self.defs.clear();
        self.loop_values.clear();
        self.blocked.clear();
        self.live.clear();
        self.snapshots.clear();
        self.snapshot.clear();
        self.snapshot.resize(func.num_blocks(), (0, 0));
        self.open_loops.clear();
        self.pressure = [0; RegClass::COUNT];
        for l in &mut self.loops {
            *l = Loop { head: l.head, last: l.last, ..Loop::default() };
        }
    }

    fn add(&mut self, vreg: u32, end: u32) {
        let index = vreg as usize;
        if self.live_at[index] == NONE {
            self.live_at[index] = self.live.len() as u32;
            self.live.push(vreg);
            self.open_end[index] = end;
            let value = &mut self.values[index];
            value.end = value.end.max(end);
            let class = value.class as usize;
            self.pressure[class] += 1;
            self.peak[class] = self.peak[class].max(self.pressure[class]);
        }
    }

    /// Takes a live value out and closes its range.
    fn remove(&mut self, vreg: u32, start: u32) {
        let index = vreg as usize;
        let at = self.live_at[index] as usize;
        self.live_at[index] = NONE;
        self.live.swap_remove(at);
        if let Some(&moved) = self.live.get(at) {
            self.live_at[moved as usize] = at as u32;
        }
        let end = self.open_end[index];
        self.push_range(index, start, end);
        self.pressure[self.values[index].class as usize] -= 1;
    }

    fn push_range(&mut self, index: usize, start: u32, end: u32) {
        let value = &mut self.values[index];
        if let Some(range) = self.ranges.get_mut(value.first_range as usize)
            && range.start <= end
        {
            range.start = start;
            return;
        }
        self.ranges.push(LiveRange { start, end, next: value.first_range });
        value.first_range = self.ranges.len() as u32 - 1;
    }

    fn push_use(&mut self, vreg: u32, pos: u32, depth: u8, cold: bool) {
        let value = &mut self.values[vreg as usize];
        self.uses.push(Use { pos, next: value.first_use, depth, cold });
        value.first_use = self.uses.len() as u32 - 1;
    }

    fn define(&mut self, vreg: u32, pos: u32) -> Result<(), Error> {
        let index = vreg as usize;
        if self.values[index].def != NONE {
            return Err(Error::Undefined(VReg::new(index)));
        }
        self.values[index].def = pos;
        self.defs.push(VReg::new(index));
        if self.live_at[index] == NONE {
            // Dead, but it is written: for a moment it needs a place.
            let class = self.values[index].class as usize;
            self.peak[class] = self.peak[class].max(self.pressure[class] + 1);
            let end = (pos & !3) + if pos & 3 == 0 { 1 } else { 3 };
            self.values[index].end = end;
            self.push_range(index, pos, end);
        } else {
            self.remove(vreg, pos);
        }
        Ok(())
    }

    fn walk<F: VCode>(&mut self, func: &F, coarse: bool, budget: usize) -> Result<(), Error> {
        self.reset(func);
        let mut spent = 0;
        for block in (0..func.num_blocks()).rev() {
            let entity = Block::new(block);
            let (start, end) = (self.starts[block], self.starts[block + 1]);
            let (depth, cold) = (self.depths[block], self.cold[block]);
            self.live_out(func, entity, coarse, &mut spent);
            self.enter_loops(block);
            self.peak = self.pressure;
            for (index, succ) in func.block_succs(entity).iter().enumerate() {
                let keeps = self.keeps_definitions(func, entity, index);
                for (&arg, &param) in func.branch_args(entity, index).iter().zip(func.block_params(*succ)) {
                    let arg = arg.index() as u32;
                    self.add(arg, end);
                    self.push_use(arg, end - 1, depth, cold);
                    self.values[arg as usize].is_read |= keeps;
                    let hint = &mut self.values[arg as usize].hint;
                    if *hint == NONE || (succ.index() <= block && !cold) {
                        *hint = param.index() as u32;
                    }
                }
            }
            let mut blocked = PRegSet::EMPTY;
            for inst in func.block_insts(entity).rev() {
                blocked |= self.instruction(func, Inst::new(inst), depth, cold)?;
            }
            if !cold && let Some(&inner) = self.open_loops.last() {
                let inner = &mut self.loops[inner as usize];
                for class in 0..RegClass::COUNT {
                    inner.pressure[class] = inner.pressure[class].max(self.peak[class]);
                }
                inner.blocked |= blocked;
            }
            for &param in func.block_params(entity).iter().rev() {
                let param = param.index() as u32;
                self.define(param, start)?;
            }
            if self.loop_of_head[block] != NONE {
                spent += self.live.len();
                self.leave_loop(self.loop_of_head[block]);
            }
            if !coarse && self.preds(block).iter().any(|pred| (pred.block as usize) + 1 < block) {
                let first = self.snapshots.len() as u32;
                self.snapshots.extend_from_slice(&self.live);
                self.snapshot[block] = (first, self.snapshots.len() as u32);
                spent += self.live.len();
            }
            if spent > budget {
                return Err(Error::TooComplex);
            }
        }
        match self.live.first() {
            Some(&vreg) => Err(Error::Undefined(VReg::new(vreg as usize))),
            None => Ok(()),
        }
    }

    /// Whether what an edge passes on had best be made before the branch: else the edge would need a block, for a few moves.
    fn keeps_definitions<F: VCode>(&self, func: &F, from: Block, succ: usize) -> bool {
        let to = func.block_succs(from)[succ].index();
        let is_critical = func.block_succs(from).len() > 1 && self.preds(to).len() > 1;
        let made_again = || func.branch_args(from, succ).iter().filter(|arg| self.values[arg.index()].remat).count();
        is_critical && !self.cold[from.index()] && !self.cold[to] && made_again() <= FEW_MOVES
    }

    /// Turns the live set at the start of the block that follows in the order into the one at the end of this block.
    fn live_out<F: VCode>(&mut self, func: &F, block: Block, coarse: bool, spent: &mut usize) {
        if coarse {
            return;
        }
        let (succs, next) = (func.block_succs(block), block.index() + 1);
        let end = self.starts[next];
        let falls_through = succs.iter().any(|succ| succ.index() == next);
        self.epoch += 1;
        for succ in succs.iter().filter(|succ| succ.index() > next) {
            let (first, last) = self.snapshot[succ.index()];
            *spent += (last - first) as usize;
            for at in first..last {
                let vreg = self.snapshots[at as usize];
                self.add(vreg, end);
                self.stamp[vreg as usize] = self.epoch;
            }
        }
        if !falls_through {
            *spent += self.live.len();
            let mut at = 0;
            while let Some(&vreg) = self.live.get(at) {
                if self.stamp[vreg as usize] == self.epoch {
                    at += 1;
                } else {
                    self.remove(vreg, end);
                }
            }
        }
    }

    /// Opens the loops whose last block this is, outermost first.
    fn enter_loops(&mut self, block: usize) {
        let mut next = self.first_ending[block];
        while next != NONE {
            self.open_loops.push(next);
            next = self.next_ending[next as usize];
        }
    }

    /// At a loop's head: what is live there is live in all of the loop.
    fn leave_loop(&mut self, index: u32) {
        self.open_loops.pop();
        let end = self.starts[self.loops[index as usize].last as usize + 1];
        let first = self.loop_values.len() as u32;
        let mut through = [0; RegClass::COUNT];
        for &vreg in &self.live {
            let value = &mut self.values[vreg as usize];
            let open_end = &mut self.open_end[vreg as usize];
            while let Some(range) = self.ranges.get(value.first_range as usize)
                && range.start <= end
            {
                *open_end = (*open_end).max(range.end);
                value.first_range = range.next;
            }
            *open_end = (*open_end).max(end);
            value.end = value.end.max(end);
            let mut next = value.first_use;
            let mut used = false;
            for _ in 0..COLD_STEPS {
                let Some(found) = self.uses.get(next as usize).filter(|found| found.pos < end) else { break };
                if !found.cold {
                    used = true;
                    break;
                }
                next = found.next;
            }
            if used {
                self.loop_values.push(VReg::new(vreg as usize));
            } else {
                through[value.class as usize] += 1;
            }
        }
        let inner = &mut self.loops[index as usize];
        inner.values = (first, self.loop_values.len() as u32);
        inner.through = through;
        for class in 0..RegClass::COUNT {
            inner.pressure[class] = inner.pressure[class].max(self.pressure[class]);
        }
        let inner = *inner;
        if let Some(&outer) = self.open_loops.last() {
            let outer = &mut self.loops[outer as usize];
            outer.blocked |= inner.blocked;
            for class in 0..RegClass::COUNT {
                outer.pressure[class] = outer.pressure[class].max(inner.pressure[class]);
            }
        }
    }

    /// Takes in one instruction; gives the registers it clobbers or fixes.
    fn instruction<F: VCode>(&mut self, func: &F, inst: Inst, depth: u8, cold: bool) -> Result<PRegSet, Error> {
        let pos = 4 * inst.index() as u32;
        let operands = func.operands(inst);
        let mut blocked = func.clobbers(inst);
        for operand in operands {
            if let Constraint::Fixed(reg) = operand.constraint {
                blocked.insert(reg);
            }
            let vreg = operand.vreg.index() as u32;
            match operand.role {
                Role::Use => {}
                Role::Def => self.define(vreg, pos + 2)?,
                Role::EarlyDef => self.define(vreg, pos + 1)?,
            }
            if let Constraint::Tied(index) = operand.constraint {
                let source = operands[index as usize].vreg;
                self.hint_at(source, operand.vreg);
            }
        }
        // A copy had best stay where its source was; so had what goes round a loop end up where it started, whatever is made of it on the way.
        let is_move = func.is_move(inst);
        let mut heir = operands.iter().find(|operand| operand.role != Role::Use).map(|def| def.vreg);
        heir = heir.filter(|heir| is_move || self.goes_round(heir.index() as u32).is_some());
        for operand in operands.iter().filter(|operand| operand.role == Role::Use) {
            let vreg = operand.vreg.index() as u32;
            if let Some(result) = heir
                && (is_move || self.live_at[vreg as usize] == NONE)
                && func.vreg(operand.vreg).class == func.vreg(result).class
            {
                self.hint_at(operand.vreg, result);
                heir = None;
            }
            self.add(vreg, pos + 2);
            self.push_use(vreg, pos + 1, depth, cold);
            let value = &mut self.values[vreg as usize];
            value.is_read = true;
            if let Constraint::Fixed(reg) = operand.constraint {
                (value.fixed_use, value.fixed_reg) = (inst.index() as u32, reg.index() as u8);
            }
        }
        if !blocked.is_empty() && !cold {
            self.blocked.push((inst.index() as u32, blocked));
        }
        Ok(blocked)
    }

    /// Lets a value want the register of what becomes of it.
    fn hint_at(&mut self, source: VReg, result: VReg) {
        let result = result.index() as u32;
        let hint = self.goes_round(result).unwrap_or(result);
        let source = &mut self.values[source.index()];
        if source.hint == NONE {
            source.hint = hint;
        }
    }

    /// The parameter of a loop's head that a value goes into on the way back, if it does: the walk has not come to the head yet.
    fn goes_round(&self, value: u32) -> Option<u32> {
        let hint = self.values[value as usize].hint;
        (hint != NONE && self.values[hint as usize].def == NONE).then_some(hint)
    }
}
