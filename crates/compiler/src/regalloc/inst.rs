//! One instruction of the forward walk: places for its operands, and the moves before it.
//!
//! What happens before the instruction is one parallel move: each register in `incoming` receives a value from where that value was before
//! (`touched` remembers), and values that lost their register are stored. So decisions may be revised freely until the end.

use super::scan::{NO_REG, PendingMove, Place, Touched, Walk, frequency};
use super::tuning::{LIVE_SET_FREE, LOAD_ANY_DISTANCE, STACK_MAP_LIMIT};
use super::{Constraint, Error, Inst, Loc, Operand, PReg, PRegSet, Role, Slot, VCode};
use crate::entity::Entity;

/// Registers as the instruction at hand restricts them.
#[derive(Clone, Copy, Default)]
struct Pins {
    /// Taken while uses are read.
    uses: PRegSet,
    /// Fixed uses and fixed early defs: nothing else may be there while uses are read.
    reserved: PRegSet,
    /// Taken by defs.
    defs: PRegSet,
    /// Clobbers and fixed defs: no value survives there.
    lost: PRegSet,
}

fn index(operand: &Operand) -> u32 {
    operand.vreg.index() as u32
}

impl<F: VCode> Walk<'_, F> {
    pub(super) fn inst(&mut self, inst: Inst, block: usize) -> Result<(), Error> {
        let func = self.func;
        let operands = func.operands(inst);
        let (number, pos) = (inst.index() as u32, 4 * inst.index() as u32);
        let depth = self.live.depths[block];
        let base = self.out.locs.len();
        self.out.locs.resize(base + operands.len(), Loc::Slot(Slot::new(false, 0)));
        if self.scan.chaos.spill != 0 || self.scan.chaos.split != 0 {
            self.make_trouble();
        }
        let mut pins = Pins { lost: func.clobbers(inst), ..Pins::default() };
        for operand in operands {
            if let Constraint::Fixed(reg) = operand.constraint {
                if operand.role != Role::Def {
                    pins.reserved.insert(reg);
                }
                if operand.role != Role::Use {
                    pins.lost.insert(reg);
                }
            }
        }
        if !pins.reserved.is_empty() {
            self.fixed_uses(operands, base, pos, &mut pins);
        }
        self.other_uses(inst, operands, base, depth, &mut pins)?;
        self.early_results(inst, operands, base, depth, &mut pins)?;
        for operand in operands.iter().filter(|operand| operand.role == Role::Use) {
            let reg = self.scan.reg_of[operand.vreg.index()];
            if reg != NO_REG && self.dies(index(operand), pos) {
                self.scan.vacate(PReg::from_index(reg.into()));
            }
        }
        for reg in self.scan.occupied & (pins.lost | pins.defs) {
            self.displace(reg);
        }
        if func.is_safepoint(inst) {
            for reg in self.scan.occupied {
                if self.value(self.scan.held[reg.index()]).reference {
                    self.displace(reg);
                }
            }
            self.safepoint(number, pos)?;
        }
        self.find_homes(number, func.is_safepoint(inst), pins);
        for (at, operand) in operands.iter().enumerate() {
            if let (Constraint::Fixed(reg), Role::Def) = (operand.constraint, operand.role) {
                self.push_loc(base + at, Loc::Reg(reg));
                pins.defs.insert(reg);
            }
        }
        self.late_defs(inst, operands, base, depth, &mut pins)?;
        for (at, operand) in operands.iter().enumerate() {
            if operand.role != Role::Use
                && let Loc::Reg(reg) = self.out.locs[base + at]
            {
                self.scan.written.insert(reg);
                if self.value(index(operand)).end > pos + 3 && self.machine.allocatable.has(reg) {
                    self.scan.place(reg, index(operand));
                    self.tell_hint(index(operand), reg);
                }
            }
        }
        self.note_references(operands.iter().filter(|operand| operand.role != Role::Use).map(index));
        self.flush(number, pos, block);
        Ok(())
    }

    /// Remembers which of these new values are references.
    pub(super) fn note_references(&mut self, values: impl Iterator<Item = u32>) {
        for value in values {
            if self.value(value).reference {
                self.scan.references.push(value);
            }
        }
    }

    /// Lists the references that live across a safepoint, and forgets those that are dead for good.
    fn safepoint(&mut self, number: u32, pos: u32) -> Result<(), Error> {
        let mut references = std::mem::take(&mut self.scan.references);
        self.scan.map_steps += references.len();
        if self.scan.map_steps > STACK_MAP_LIMIT * self.func.num_insts() + LIVE_SET_FREE {
            return Err(Error::TooComplex);
        }
        references.retain(|&value| self.value(value).end > pos);
        for &value in &references {
            if self.range(value, pos).is_some_and(|(start, end)| start <= pos && end > pos + 2) {
                self.scan.safepoints.push((number, value));
            }
        }
        self.scan.references = references;
        Ok(())
    }

    /// A value that goes into a block parameter suggests its register to it, and so to its other arguments.
    fn tell_hint(&mut self, value: u32, reg: PReg) {
        let hint = self.value(value).hint;
        if hint != super::live::NONE && self.scan.wanted[hint as usize] == NO_REG {
            self.scan.wanted[hint as usize] = reg.index() as u8;
        }
    }

    /// Whether a value is not live after the uses at this position are read.
    fn dies(&mut self, value: u32, pos: u32) -> bool {
        self.range(value, pos).is_none_or(|(_, end)| end <= pos + 2)
    }

    fn touch(&mut self, value: u32) -> usize {
        if let Some(at) = self.scan.touched.iter().position(|touched| touched.value == value) {
            return at;
        }
        self.scan.touched.push(Touched { value, was: self.scan.reg_of[value as usize], slot_read: false });
        self.scan.touched.len() - 1
    }

    /// Takes a value out of its register; `find_homes` may give it another.
    fn displace(&mut self, reg: PReg) {
        self.touch(self.scan.held[reg.index()]);
        self.scan.vacate(reg);
    }

    /// Lets a register receive a value before the instruction.
    fn receive(&mut self, reg: PReg, value: u32) {
        self.touch(value);
        self.scan.incoming[reg.index()] = value;
        self.scan.incoming_set.insert(reg);
        self.scan.written.insert(reg);
    }

    /// Forgets what registers receive that turn out not to keep it.
    fn drop_incoming(&mut self, reg: PReg, pins: &Pins) {
        if !pins.uses.has(reg) {
            self.scan.incoming_set.remove(reg);
        }
    }

    fn fixed_uses(&mut self, operands: &[Operand], base: usize, pos: u32, pins: &mut Pins) {
        for operand in operands.iter().filter(|operand| operand.role != Role::Def) {
            let Constraint::Fixed(reg) = operand.constraint else { continue };
            let value = index(operand);
            if self.scan.occupied.has(reg) && (self.scan.held[reg.index()] != value || operand.role == Role::EarlyDef) {
                self.displace(reg);
            }
        }
        for (at, operand) in operands.iter().enumerate() {
            let Constraint::Fixed(reg) = operand.constraint else { continue };
            let value = index(operand);
            match operand.role {
                Role::Def => continue,
                Role::EarlyDef => pins.defs.insert(reg),
                Role::Use => {
                    if self.scan.held[reg.index()] != value {
                        self.receive(reg, value);
                        let keeps = self.scan.reg_of[value as usize] == NO_REG && !self.dies(value, pos);
                        if keeps && !pins.lost.has(reg) && self.machine.allocatable.has(reg) {
                            self.scan.place(reg, value);
                        }
                    }
                    pins.uses.insert(reg);
                }
            }
            self.push_loc(base + at, Loc::Reg(reg));
        }
    }

    /// The register, already taken at this instruction, where a value can be read.
    fn readable(&self, value: u32, pins: &Pins) -> Option<PReg> {
        let reg = self.scan.reg_of[value as usize];
        if reg != NO_REG {
            return Some(PReg::from_index(reg.into()));
        }
        (self.scan.incoming_set & pins.uses).into_iter().find(|reg| self.scan.incoming[reg.index()] == value)
    }

    fn other_uses(
        &mut self,
        inst: Inst,
        operands: &[Operand],
        base: usize,
        depth: u8,
        pins: &mut Pins,
    ) -> Result<(), Error> {
        let (number, pos) = (inst.index() as u32, 4 * inst.index() as u32);
        let mut missing = false;
        for (at, operand) in operands.iter().enumerate() {
            if operand.role == Role::Use && matches!(operand.constraint, Constraint::Reg | Constraint::Any) {
                let reg = self.scan.reg_of[operand.vreg.index()];
                if reg == NO_REG {
                    missing = true;
                } else {
                    pins.uses.insert(PReg::from_index(reg.into()));
                    self.push_loc(base + at, Loc::Reg(PReg::from_index(reg.into())));
                }
            }
        }
        if missing {
            for constraint in [Constraint::Reg, Constraint::Any] {
                for (at, operand) in operands.iter().enumerate() {
                    let value = index(operand);
                    if operand.role != Role::Use || operand.constraint != constraint {
                        continue;
                    }
                    let reg = match self.readable(value, pins) {
                        Some(reg) => Some(reg),
                        None if constraint == Constraint::Reg => {
                            Some(self.load(value, number, depth, pins).ok_or(Error::OutOfRegisters(inst))?)
                        }
                        None => self.load_any(value, number, pos, depth, pins),
                    };
                    match reg {
                        Some(reg) => {
                            pins.uses.insert(reg);
                            self.push_loc(base + at, Loc::Reg(reg));
                        }
                        None => self.read_slot(value, base + at),
                    }
                }
            }
        }
        Ok(())
    }

    /// Brings a value into a register for use, evicting another if there is none free.
    fn load(&mut self, value: u32, number: u32, depth: u8, pins: &mut Pins) -> Option<PReg> {
        let pos = 4 * number;
        let usable = self.allocatable(value) - pins.uses - pins.reserved;
        let dies = self.dies(value, pos);
        let mut free = usable - self.scan.occupied;
        if !dies && !(free - pins.lost).is_empty() {
            free = free - pins.lost;
        }
        let reg = match self.pick(value, free, number) {
            Some(reg) => reg,
            None => {
                let occupied = usable & self.scan.occupied;
                let better = if dies { occupied } else { occupied - pins.lost };
                match self.victim(if better.is_empty() { occupied } else { better }, pos, depth) {
                    Some(reg) => {
                        self.displace(reg);
                        self.drop_incoming(reg, pins);
                        reg
                    }
                    None => self.release(
                        Inst::new(number as usize),
                        self.allocatable(value) - pins.reserved - pins.defs,
                        pins,
                    )?,
                }
            }
        };
        self.receive(reg, value);
        self.scan.place(reg, value);
        Some(reg)
    }

    /// The same where a slot will do: only if it is cheap and pays, or if the value has no slot.
    fn load_any(&mut self, value: u32, number: u32, pos: u32, depth: u8, pins: &mut Pins) -> Option<PReg> {
        let was_in_register = self.scan.touched.iter().any(|touched| touched.value == value && touched.was != NO_REG);
        let free = self.allocatable(value) - pins.uses - pins.reserved - self.scan.occupied;
        if was_in_register || self.value(value).remat {
            return self.load(value, number, depth, pins);
        }
        let soon = pos + 4 * LOAD_ANY_DISTANCE;
        let again = self.next_hot_use(value, pos + 2).is_some_and(|(at, _)| at < soon);
        if again && !(free - pins.lost).is_empty() { self.load(value, number, depth, pins) } else { None }
    }

    /// Tied and early defs: their registers must not be those of other uses.
    fn early_results(
        &mut self,
        inst: Inst,
        operands: &[Operand],
        base: usize,
        depth: u8,
        pins: &mut Pins,
    ) -> Result<(), Error> {
        let pos = 4 * inst.index() as u32;
        for operand in operands {
            // The source may be there for another use too, which must not pass the register on to its own def.
            if let Constraint::Tied(source) = operand.constraint
                && let Constraint::Fixed(reg) = operands[source as usize].constraint
            {
                pins.defs.insert(reg);
            }
        }
        for (at, operand) in operands.iter().enumerate() {
            let result = index(operand);
            let reg = match (operand.role, operand.constraint) {
                (_, Constraint::Tied(source)) => {
                    let source_at = base + source as usize;
                    let source = &operands[source as usize];
                    let value = index(source);
                    let Loc::Reg(reg) = self.out.locs[source_at] else { return Err(Error::OutOfRegisters(inst)) };
                    if matches!(source.constraint, Constraint::Fixed(_)) {
                        reg
                    } else {
                        let free = !pins.lost.has(reg) && !pins.defs.has(reg);
                        let kept = self.scan.held[reg.index()] == value && !self.dies(value, pos);
                        if free && !kept {
                            reg
                        } else {
                            let copy = self.extra(inst, result, depth, pins)?;
                            self.receive(copy, value);
                            if free && kept && self.wanted(result) == Some(reg) {
                                // The value moves on, the result takes its place.
                                self.scan.vacate(reg);
                                self.scan.place(copy, value);
                                pins.uses.insert(copy);
                                reg
                            } else {
                                self.push_loc(source_at, Loc::Reg(copy));
                                copy
                            }
                        }
                    }
                }
                (Role::EarlyDef, Constraint::Reg | Constraint::Any) => self.extra(inst, result, depth, pins)?,
                _ => continue,
            };
            pins.uses.insert(reg);
            pins.defs.insert(reg);
            self.push_loc(base + at, Loc::Reg(reg));
        }
        Ok(())
    }

    /// A register that is free while uses are read and for defs.
    fn extra(&mut self, inst: Inst, value: u32, depth: u8, pins: &mut Pins) -> Result<PReg, Error> {
        let number = inst.index() as u32;
        let usable = self.allocatable(value) - pins.uses - pins.reserved - pins.lost - pins.defs;
        if let Some(reg) = self.pick(value, usable - self.scan.occupied, number) {
            return Ok(reg);
        }
        if let Some(reg) = self.victim(usable & self.scan.occupied, 4 * number, depth) {
            self.displace(reg);
            self.drop_incoming(reg, pins);
            return Ok(reg);
        }
        let usable = self.allocatable(value) - pins.reserved - pins.lost - pins.defs;
        self.release(inst, usable, pins).ok_or(Error::OutOfRegisters(inst))
    }

    /// Frees one of these registers by letting an operand that may be in a slot be read there after all.
    fn release(&mut self, inst: Inst, regs: PRegSet, pins: &mut Pins) -> Option<PReg> {
        let func = self.func;
        let operands = func.operands(inst);
        let base = self.out.locs.len() - operands.len();
        for operand in operands {
            if operand.role != Role::Use || operand.constraint != Constraint::Any {
                continue;
            }
            let value = index(operand);
            let mine = |(_, other): &(usize, &Operand)| other.vreg == operand.vreg && other.role == Role::Use;
            let at = operands.iter().position(|other| std::ptr::eq(other, operand))?;
            let Loc::Reg(reg) = self.out.locs[base + at] else { continue };
            let needed =
                operands.iter().enumerate().filter(mine).any(|(at, other)| {
                    other.constraint != Constraint::Any && self.out.locs[base + at] == Loc::Reg(reg)
                });
            if needed || !regs.has(reg) {
                continue;
            }
            for (at, _) in operands.iter().enumerate().filter(mine) {
                if self.out.locs[base + at] == Loc::Reg(reg) {
                    self.push_loc(base + at, Loc::Slot(Slot::new(false, 0)));
                    self.read_slot(value, base + at);
                }
            }
            if self.scan.held[reg.index()] == value {
                self.scan.vacate(reg);
            }
            self.scan.incoming_set.remove(reg);
            pins.uses.remove(reg);
            return Some(reg);
        }
        None
    }

    /// Lets an operand be read from its slot.
    fn read_slot(&mut self, value: u32, at: usize) {
        let touched = self.touch(value);
        self.scan.touched[touched].slot_read = true;
        self.live.values[value as usize].remat = false;
        self.scan.slot_needed[value as usize] = true;
        self.scan.slot_operands.push((at as u32, value));
    }

    /// Gives values that lost their register another one, if one is free.
    fn find_homes(&mut self, number: u32, safepoint: bool, pins: Pins) {
        let pos = 4 * number;
        for at in 0..self.scan.touched.len() {
            let Touched { value, was, .. } = self.scan.touched[at];
            if self.scan.reg_of[value as usize] != NO_REG
                || self.dies(value, pos)
                || (safepoint && self.value(value).reference)
            {
                continue;
            }
            let usable = self.allocatable(value) - pins.lost - pins.defs - self.scan.occupied;
            let copies = usable & pins.uses & self.scan.incoming_set;
            if let Some(reg) = copies.into_iter().find(|reg| self.scan.incoming[reg.index()] == value) {
                self.scan.place(reg, value);
            } else if was != NO_REG
                && let Some(reg) = self.pick(value, usable - pins.uses - pins.reserved, number)
            {
                self.receive(reg, value);
                self.scan.place(reg, value);
            }
        }
    }

    /// Whether a value is better made where edges pass it on than at its definition.
    pub(super) fn is_unneeded(&self, value: u32) -> bool {
        let value = self.value(value);
        value.remat && !value.is_read
    }

    fn late_defs(
        &mut self,
        inst: Inst,
        operands: &[Operand],
        base: usize,
        depth: u8,
        pins: &mut Pins,
    ) -> Result<(), Error> {
        let (number, pos) = (inst.index() as u32, 4 * inst.index() as u32);
        for (at, operand) in operands.iter().enumerate() {
            if operand.role != Role::Def || !matches!(operand.constraint, Constraint::Reg | Constraint::Any) {
                continue;
            }
            let value = index(operand);
            if self.is_unneeded(value) {
                self.out.unneeded.push(inst);
                continue;
            }
            let usable = self.allocatable(value) - pins.defs - pins.lost;
            let mut free = usable - self.scan.occupied;
            if self.func.is_move(inst)
                && let Some(source) = operands.iter().position(|operand| operand.role == Role::Use)
                && let Loc::Reg(reg) = self.out.locs[base + source]
                && free.has(reg)
                && !self.machine.callee_saved.has(reg)
                && 4 * self.blocked_after(reg, number).min(u32::MAX / 4) >= self.value(value).end & !3
            {
                free = PRegSet::of(reg);
            }
            let reg = match self.pick(value, free, number) {
                Some(reg) => reg,
                None if operand.constraint == Constraint::Any => {
                    self.scan.slot_needed[value as usize] = true;
                    self.live.values[value as usize].remat = false;
                    self.scan.slot_operands.push(((base + at) as u32, value));
                    continue;
                }
                None => {
                    let reg =
                        self.victim(usable & self.scan.occupied, pos + 2, depth).ok_or(Error::OutOfRegisters(inst))?;
                    self.displace(reg);
                    self.drop_incoming(reg, pins);
                    reg
                }
            };
            pins.defs.insert(reg);
            self.push_loc(base + at, Loc::Reg(reg));
        }
        Ok(())
    }

    /// Writes down the parallel move before the instruction.
    fn flush(&mut self, number: u32, pos: u32, block: usize) {
        if self.scan.touched.is_empty() {
            return;
        }
        let first = self.scan.moves.len() as u32;
        let incoming = std::mem::take(&mut self.scan.incoming_set);
        for at in 0..self.scan.touched.len() {
            let Touched { value, was, slot_read } = self.scan.touched[at];
            if was != NO_REG && (slot_read || (self.scan.reg_of[value as usize] == NO_REG && !self.dies(value, pos))) {
                let from = Place::Reg(PReg::from_index(was.into()));
                self.scan.moves.push(PendingMove { value, from, to: Place::Spill(value), eviction: true });
                self.scan.evicted[value as usize] = true;
                self.scan.evict_cost[value as usize] += frequency(self.live, block);
            }
        }
        for reg in incoming {
            let value = self.scan.incoming[reg.index()];
            let was =
                self.scan.touched.iter().find(|touched| touched.value == value).map_or(NO_REG, |touched| touched.was);
            if was == reg.index() as u8 {
                continue;
            }
            let from = if was == NO_REG {
                self.scan.slot_needed[value as usize] = true;
                Place::Spill(value)
            } else {
                Place::Reg(PReg::from_index(was.into()))
            };
            self.scan.moves.push(PendingMove { value, from, to: Place::Reg(reg), eviction: false });
        }
        self.scan.touched.clear();
        let last = self.scan.moves.len() as u32;
        if first != last {
            self.scan.gaps.push((number, first, last));
        }
    }

    /// Random evictions and changes of register.
    fn make_trouble(&mut self) {
        for reg in self.scan.occupied {
            let value = self.scan.held[reg.index()];
            if self.scan.chance(self.scan.chaos.spill) {
                self.displace(reg);
            } else if self.scan.chance(self.scan.chaos.split) {
                let free = self.allocatable(value) - self.scan.occupied;
                if let Some(to) = free.last() {
                    self.displace(reg);
                    self.receive(to, value);
                    self.scan.place(to, value);
                }
            }
        }
    }
}
