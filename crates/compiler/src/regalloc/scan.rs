//! The forward walk: which value each register holds, from the entry to the last block.

use super::edges::Edge;
use super::finish::Finish;
use super::live::{Liveness, NONE, Value};
use super::tuning::{COLD_FREQUENCY, COLD_STEPS, LOOP_FACTOR, REMAT_FACTOR, SPILLED_FACTOR};
use super::{Block, Chaos, Error, Inst, Loc, Machine, Output, PReg, PRegSet, RegClass, VCode};
use crate::entity::Entity;

/// No register, in tables of registers.
pub(super) const NO_REG: u8 = u8::MAX;

/// A place before slots are assigned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    Reg(PReg),
    /// The slot of a value, or its definition repeated.
    Spill(u32),
}

/// A move before slots are assigned.
#[derive(Clone, Copy, Debug)]
pub(super) struct PendingMove {
    pub value: u32,
    pub from: Place,
    pub to: Place,
    /// A store that is not needed if the value is stored at its definition.
    pub eviction: bool,
}

/// What happened to a value at the instruction at hand: where it was before, and whether its slot is read there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Touched {
    pub value: u32,
    pub was: u8,
    pub slot_read: bool,
}

/// The allocator: memory that is reused from function to function.
#[derive(Default)]
pub struct Allocator {
    /// Switches for tests.
    pub chaos: Chaos,
    pub(super) live: Liveness,
    pub(super) scan: Scan,
    pub(super) finish: Finish,
}

impl Allocator {
    /// An allocator without memory yet.
    pub fn new() -> Allocator {
        Allocator::default()
    }

    /// Allocates a function. On an error the output is meaningless.
    pub fn run<F: VCode>(&mut self, func: &F, machine: &Machine, output: &mut Output) -> Result<(), Error> {
        output.clear();
        self.live.run(func, self.chaos.coarse)?;
        self.scan.reset(func, &self.live, self.chaos);
        let mut walk = Walk { func, machine, live: &mut self.live, scan: &mut self.scan, out: output };
        for block in 0..func.num_blocks() {
            walk.block(block)?;
        }
        output.first_loc.push(output.locs.len() as u32);
        self.finish.run(func, machine, &self.live, &mut self.scan, output);
        Ok(())
    }
}

/// State of the walk that outlives it only as memory.
#[derive(Default)]
pub(super) struct Scan {
    /// The value in each register.
    pub held: Vec<u32>,
    /// Registers that hold a value.
    pub occupied: PRegSet,
    /// The register of each value.
    pub reg_of: Vec<u8>,
    /// The last register of each value, or the one it should get.
    pub wanted: Vec<u8>,
    /// End of the innermost loop whose head expects the value in a register.
    pub needed_until: Vec<u32>,
    /// Whether a value's slot is read anywhere.
    pub slot_needed: Vec<bool>,
    /// Whether a value is a parameter of a loop's head that starts in its slot.
    pub in_slot: Vec<bool>,
    /// Whether a value has left its registers before.
    pub evicted: Vec<bool>,
    /// What it costs to store a value where it leaves its registers.
    pub evict_cost: Vec<f32>,
    /// For each register, how far `Liveness::blocked` has been looked at, and what was found there.
    blocked_cursor: Vec<u32>,
    blocked_at: Vec<u32>,
    /// Register contents at block boundaries, as pieces of `states`.
    pub states: Vec<(u32, PReg)>,
    pub state_in: Vec<(u32, u32)>,
    pub state_out: Vec<(u32, u32)>,
    /// Moves before instructions, and on edges.
    pub moves: Vec<PendingMove>,
    pub gaps: Vec<(u32, u32, u32)>,
    pub edges: Vec<Edge>,
    /// References that were defined and may still be live, and those live across each safepoint.
    pub references: Vec<u32>,
    pub safepoints: Vec<(u32, u32)>,
    /// Operands in slots: index of the place, and value.
    pub slot_operands: Vec<(u32, u32)>,
    pub touched: Vec<Touched>,
    /// The value each register receives before the instruction at hand.
    pub incoming: Vec<u32>,
    pub incoming_set: PRegSet,
    /// Loops around the block at hand, with what `needed_until` was before for the values of their heads.
    pub loops: Vec<(u32, u32)>,
    pub saved_needs: Vec<(u32, u32)>,
    /// For each value the register it has at the end of a predecessor.
    pub reg_at_pred: Vec<u8>,
    pub written: PRegSet,
    pub scratch_list: Vec<(f32, u32)>,
    pub chaos: Chaos,
    random: u64,
}

impl Scan {
    fn reset<F: VCode>(&mut self, func: &F, live: &Liveness, chaos: Chaos) {
        let vregs = func.num_vregs();
        self.held.clear();
        self.held.resize(64, NONE);
        self.incoming.clear();
        self.incoming.resize(64, NONE);
        self.occupied = PRegSet::EMPTY;
        self.incoming_set = PRegSet::EMPTY;
        for list in [&mut self.reg_of, &mut self.wanted, &mut self.reg_at_pred] {
            list.clear();
            list.resize(vregs, NO_REG);
        }
        self.needed_until.clear();
        self.needed_until.resize(vregs, 0);
        for list in [&mut self.slot_needed, &mut self.in_slot, &mut self.evicted] {
            list.clear();
            list.resize(vregs, false);
        }
        self.evict_cost.clear();
        self.evict_cost.resize(vregs, 0.0);
        self.blocked_cursor.clear();
        self.blocked_cursor.resize(64, live.blocked.len() as u32);
        self.blocked_at.clear();
        self.blocked_at.resize(64, 0);
        self.states.clear();
        self.state_in.clear();
        self.state_out.clear();
        self.moves.clear();
        self.gaps.clear();
        self.edges.clear();
        self.slot_operands.clear();
        self.references.clear();
        self.safepoints.clear();
        self.touched.clear();
        self.loops.clear();
        self.saved_needs.clear();
        self.written = PRegSet::EMPTY;
        self.chaos = chaos;
        self.random = chaos.seed | 1;
    }

    /// True with this probability, in 256ths.
    pub fn chance(&mut self, probability: u8) -> bool {
        if probability == 0 {
            return false;
        }
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 32) as u8 <= probability
    }

    #[inline]
    pub fn place(&mut self, reg: PReg, value: u32) {
        self.held[reg.index()] = value;
        self.occupied.insert(reg);
        self.reg_of[value as usize] = reg.index() as u8;
        self.wanted[value as usize] = reg.index() as u8;
        self.written.insert(reg);
    }

    #[inline]
    pub fn vacate(&mut self, reg: PReg) {
        let value = self.held[reg.index()];
        self.held[reg.index()] = NONE;
        self.occupied.remove(reg);
        self.reg_of[value as usize] = NO_REG;
    }
}

/// One walk over one function.
pub(super) struct Walk<'a, F> {
    pub func: &'a F,
    pub machine: &'a Machine,
    pub live: &'a mut Liveness,
    pub scan: &'a mut Scan,
    pub out: &'a mut Output,
}

/// How often a block runs, against the entry.
pub(super) fn frequency(live: &Liveness, block: usize) -> f32 {
    if live.cold[block] { COLD_FREQUENCY } else { LOOP_FACTOR.powi(live.depths[block].into()) }
}

impl<F: VCode> Walk<'_, F> {
    fn block(&mut self, block: usize) -> Result<(), Error> {
        self.start_block(block);
        for inst in self.func.block_insts(Block::new(block)) {
            self.out.first_loc.push(self.out.locs.len() as u32);
            self.inst(Inst::new(inst), block)?;
        }
        self.end_block(block);
        Ok(())
    }

    #[inline]
    pub fn value(&self, value: u32) -> &Value {
        &self.live.values[value as usize]
    }

    /// Where the range around or after a position starts and ends; nothing after the last one.
    #[inline]
    pub fn range(&mut self, value: u32, pos: u32) -> Option<(u32, u32)> {
        let cursor = &mut self.live.values[value as usize].first_range;
        loop {
            let range = self.live.ranges.get(*cursor as usize)?;
            if range.end > pos {
                return Some((range.start, range.end));
            }
            *cursor = range.next;
        }
    }

    /// Whether a value is live at a position, which never goes back.
    #[inline]
    pub fn is_live(&mut self, value: u32, pos: u32) -> bool {
        self.range(value, pos).is_some_and(|(start, _)| start <= pos)
    }

    /// Position and depth of the next use in a hot block at or after a position.
    pub fn next_hot_use(&mut self, value: u32, pos: u32) -> Option<(u32, u8)> {
        let cursor = &mut self.live.values[value as usize].first_use;
        while self.live.uses.get(*cursor as usize)?.pos < pos {
            *cursor = self.live.uses[*cursor as usize].next;
        }
        let mut next = *cursor;
        for _ in 0..COLD_STEPS {
            let found = self.live.uses.get(next as usize)?;
            if !found.cold {
                return Some((found.pos, found.depth));
            }
            next = found.next;
        }
        None
    }

    /// How far away a value's next use is, in positions weighted by loop depth: who is farthest is evicted first.
    pub fn distance(&mut self, value: u32, pos: u32, depth: u8) -> f32 {
        let mut distance = match self.next_hot_use(value, pos) {
            // What only goes round the loop, into a slot, may as well leave now.
            Some((at, _)) if self.goes_to_slot(value, at) => 1e20,
            Some((at, deep)) => (at - pos + 1) as f32 * LOOP_FACTOR.powi(i32::from(depth) - i32::from(deep)),
            None => 1e30,
        };
        let needed_until = self.scan.needed_until[value as usize];
        if needed_until > pos {
            distance = distance.min((needed_until - pos + 1) as f32);
        }
        if self.value(value).remat {
            distance *= REMAT_FACTOR;
        } else if self.scan.evicted[value as usize] {
            distance *= SPILLED_FACTOR;
        }
        if self.scan.chaos.reverse { -distance } else { distance }
    }

    /// Whether a value's use at this position is by the edge back to the head of a loop, where it goes into a slot.
    fn goes_to_slot(&self, value: u32, at: u32) -> bool {
        let hint = self.value(value).hint;
        hint != NONE && at & 3 == 3 && self.scan.in_slot[hint as usize]
    }

    /// The first instruction after this one in a hot block that clobbers or fixes a register.
    #[inline]
    pub fn blocked_after(&mut self, reg: PReg, inst: u32) -> u32 {
        let index = reg.index();
        if self.scan.blocked_at[index] > inst {
            return self.scan.blocked_at[index];
        }
        let cursor = &mut self.scan.blocked_cursor[index];
        let mut found = NONE;
        while *cursor > 0 {
            let (at, regs) = self.live.blocked[*cursor as usize - 1];
            if at > inst && regs.has(reg) {
                found = at;
                break;
            }
            *cursor -= 1;
        }
        self.scan.blocked_at[index] = found;
        found
    }

    /// Allocatable registers of a value's class.
    #[inline]
    pub fn allocatable(&self, value: u32) -> PRegSet {
        self.machine.allocatable & PRegSet::class(self.value(value).class)
    }

    /// The best of some free registers for a value that is to live there after this instruction.
    pub fn pick(&mut self, value: u32, free: PRegSet, inst: u32) -> Option<PReg> {
        let first = free.first()?;
        if free.len() == 1 {
            return Some(first);
        }
        let pos = 4 * inst;
        let end = self.range(value, pos).map_or(pos, |(_, end)| end);
        // A fixed use that ends the range wins if the register stays free until then.
        let wanted = self.wanted(value);
        if self.scan.chaos.reverse {
            return free.last();
        }
        if let Some(reg) = wanted
            && free.has(reg)
            && 4 * self.blocked_after(reg, inst).min(NONE / 4) >= end.min(NONE - 3) & !3
        {
            return Some(reg);
        }
        let fixed_use = self.value(value).fixed_use;
        if fixed_use != NONE && fixed_use > inst && end <= 4 * fixed_use + 2 {
            let reg = PReg::from_index(self.value(value).fixed_reg.into());
            if free.has(reg) && self.blocked_after(reg, inst) >= fixed_use {
                return Some(reg);
            }
        }
        let callee_saved = self.machine.callee_saved;
        let used = self.scan.written;
        let mut longest = (0, first);
        for group in [free - callee_saved, free & callee_saved & used, (free & callee_saved) - used] {
            for reg in group {
                let blocked = self.blocked_after(reg, inst).min(NONE / 4);
                if 4 * blocked >= end & !3 {
                    return Some(reg);
                }
                if blocked > longest.0 {
                    longest = (blocked, reg);
                }
            }
        }
        Some(longest.1)
    }

    /// The register a value should have: its last one, or that of the values it turns into.
    pub fn wanted(&self, value: u32) -> Option<PReg> {
        let mut value = value;
        for _ in 0..4 {
            let wanted = self.scan.wanted[value as usize];
            if wanted != NO_REG {
                return Some(PReg::from_index(wanted.into()));
            }
            value = self.value(value).hint;
            if value == NONE {
                break;
            }
        }
        None
    }

    /// The value to evict from one of these occupied registers.
    pub fn victim(&mut self, regs: PRegSet, pos: u32, depth: u8) -> Option<PReg> {
        let mut best: Option<(f32, PReg)> = None;
        for reg in regs {
            let distance = self.distance(self.scan.held[reg.index()], pos, depth);
            if best.is_none_or(|(most, _)| distance > most) {
                best = Some((distance, reg));
            }
        }
        best.map(|(_, reg)| reg)
    }

    pub fn push_loc(&mut self, at: usize, loc: Loc) {
        self.out.locs[at] = loc;
    }

    pub fn class_set(&self, class: RegClass) -> PRegSet {
        self.machine.allocatable & PRegSet::class(class)
    }
}
