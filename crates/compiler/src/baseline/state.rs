//! The state at a point of the body: what is on the operand stack, which registers hold locals, which are free.
//!
//! # Places
//! Every local and every operand has a *home* in the frame. An operand is a constant or a copy of a local that nobody has made yet, or it is in
//! a register, or at home. Operands below the innermost construct are constants or at home, so that ways that meet agree about them.
//!
//! Some locals have a register for the time that they are used ([`super::assign`]). The state knows whose value the register holds
//! ([`State::loaded`]) and whose home ([`State::stored`]); one of them does.

use super::Baseline;
use super::machine::{Assembly, Emit, Machine};
use crate::ir::Type;
use crate::isa::convention::class_of;
use crate::isa::reg::{Reg, RegClass, RegSet};

/// Operands so near to the top keep a register when theirs is taken. No effect on correctness.
const NEAR_OPERANDS: usize = 16;

/// Where an operand is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Place<M: Machine> {
    /// It is a constant, of at most 64 bits.
    Const(u64),
    /// It is the local's value as it is now.
    Local(u32),
    /// In a register, which belongs to it.
    Reg(Reg),
    /// At home.
    Home,
    /// It is 1 if the test holds, else 0: only as the topmost operand, and only till the next operator.
    Flags(M::Condition),
}

/// An operand.
#[derive(Clone, Copy, Debug)]
pub struct Value<M: Machine> {
    /// Its type.
    pub ty: Type,
    /// Where it is.
    pub place: Place<M>,
    /// Its home, in bytes from the frame pointer.
    pub home: i32,
}

/// A local.
#[derive(Clone, Copy, Debug)]
pub struct Local {
    /// Its type.
    pub ty: Type,
    /// Its register, or none.
    pub reg: Reg,
    /// Its home, in bytes from the frame pointer.
    pub home: i32,
    /// Operands that are its value.
    pub copies: u32,
    /// Where it is used last, in bytes from the body's start.
    pub last: u32,
}

/// What is known of the registers of locals: a set each, by the register.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct State {
    /// The register has the local's value.
    pub loaded: RegSet,
    /// So has its home.
    pub stored: RegSet,
}

/// An operand of an instruction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Operand {
    /// In a register.
    Reg(Reg),
    /// A number that the instruction holds.
    Imm(i32),
    /// In the frame, at this distance from the frame pointer.
    Home(i32),
}

/// The index of a register in lists of all.
pub fn index(reg: Reg) -> usize {
    (reg.number() as usize & 31) + if reg.class() == RegClass::Int { 0 } else { 32 }
}

impl<M: Machine> Baseline<M>
where
    Self: Emit<M = M>,
{
    // The operand stack.

    pub(super) fn push(&mut self, ty: Type, place: Place<M>) {
        let below = self.stack.last().map_or(self.first_home, |value| value.home);
        let size = if ty == Type::V128 { 16 } else { 8 };
        let home = (below - size) & !(size - 1);
        self.lowest_home = self.lowest_home.min(home);
        self.has_references |= ty == Type::Ref;
        self.stack.push(Value { ty, place, home });
    }

    /// The topmost operand. Its register, if it has one, stays taken.
    pub(super) fn pop(&mut self) -> Value<M> {
        let value = self.stack.pop().expect("validation has counted the operands");
        self.settled = self.settled.min(self.stack.len());
        self.spill_from = self.spill_from.min(self.stack.len());
        if let Place::Local(local) = value.place {
            self.locals[local as usize].copies -= 1;
        }
        value
    }

    /// Pushes a result in a register that belongs to it.
    pub(super) fn push_reg(&mut self, ty: Type, reg: Reg) {
        if self.options.check_widths && ty == Type::I32 {
            self.check_width(reg);
        }
        self.push(ty, Place::Reg(reg));
    }

    pub(super) fn push_local(&mut self, local: u32) {
        self.locals[local as usize].copies += 1;
        let ty = self.locals[local as usize].ty;
        self.push(ty, Place::Local(local));
    }

    /// Gives back a register, if it was taken from those for operands.
    pub(super) fn release(&mut self, reg: Reg) {
        if self.temps.contains(reg) {
            self.free = self.free.with(reg);
        }
    }

    /// Gives back what a popped operand has.
    pub(super) fn discard(&mut self, value: Value<M>) {
        if let Place::Reg(reg) = value.place {
            self.release(reg);
        }
    }

    /// A register for an operand, taken from another one if all are taken.
    pub(super) fn alloc(&mut self, class: RegClass) -> Reg {
        let of_class = self.free.intersection(RegSet::of_class(class, u32::MAX));
        if let Some(reg) = of_class.first() {
            self.free = self.free.without(reg);
            return reg;
        }
        // Those below stay out of registers, so that they need not be looked at again.
        while let Some(&Value { ty, place, home }) = self.stack.get(self.spill_from) {
            if let Place::Reg(reg) = place
                && self.temps.contains(reg)
            {
                if reg.class() == class {
                    self.store(ty, reg, home);
                    self.stack[self.spill_from].place = Place::Home;
                    return reg;
                }
                break;
            }
            self.spill_from += 1;
        }
        let is_one = |value: &Value<M>| matches!(value.place, Place::Reg(reg) if reg.class() == class && self.temps.contains(reg));
        let owner = self.stack[self.spill_from..].iter().position(is_one);
        let at = self.spill_from + owner.expect("an operator does not take all registers");
        let Value { ty, place, home } = self.stack[at];
        let Place::Reg(reg) = place else { unreachable!("it was looked for") };
        self.store(ty, reg, home);
        self.stack[at].place = Place::Home;
        reg
    }

    /// Takes this register, one of those for operands; an operand that has it goes elsewhere.
    pub(super) fn take(&mut self, reg: Reg) {
        debug_assert!(self.temps.contains(reg));
        if self.free.contains(reg) {
            self.free = self.free.without(reg);
            return;
        }
        let owner = self.stack.iter().rposition(|value| value.place == Place::Reg(reg));
        let at = owner.expect("a register that is not free belongs to an operand");
        let Value { ty, home, .. } = self.stack[at];
        let of_class = self.free.intersection(RegSet::of_class(reg.class(), u32::MAX));
        // One that was hard to find is not to be looked for again.
        if let Some(other) = of_class.first().filter(|_| at + NEAR_OPERANDS > self.stack.len()) {
            self.free = self.free.without(other);
            self.asm.copy(other, reg);
            self.stack[at].place = Place::Reg(other);
        } else {
            self.store(ty, reg, home);
            self.stack[at].place = Place::Home;
        }
    }

    /// Puts the operands below `height` where nothing that happens later reaches them: constants stay, all else goes home.
    pub(super) fn settle(&mut self, height: usize) {
        for at in self.settled..height {
            self.send_home(at);
        }
        self.settled = self.settled.max(height);
    }

    /// Puts an operand home, unless it is a constant. Flags are left alone.
    pub(super) fn send_home(&mut self, at: usize) {
        let Value { ty, place, home } = self.stack[at];
        match place {
            Place::Const(_) | Place::Home => return,
            Place::Reg(reg) => {
                self.store(ty, reg, home);
                self.release(reg);
            }
            Place::Local(local) => {
                self.locals[local as usize].copies -= 1;
                match self.local_operand(local) {
                    Operand::Reg(reg) => self.store(ty, reg, home),
                    Operand::Home(from) => self.copy_home(ty, from, home),
                    Operand::Imm(_) => unreachable!("a local is no number"),
                }
            }
            Place::Flags(_) => unreachable!("a comparison is used at once"),
        }
        self.stack[at].place = Place::Home;
    }

    /// Makes the copies of a local that are still to be made.
    pub(super) fn make_copies(&mut self, local: u32) {
        for at in (0..self.stack.len()).rev() {
            if self.locals[local as usize].copies == 0 {
                return;
            }
            if self.stack[at].place != Place::Local(local) {
                continue;
            }
            let ty = self.stack[at].ty;
            let class = class_of(ty);
            if self.free.intersection(RegSet::of_class(class, u32::MAX)).is_empty() {
                self.send_home(at);
                continue;
            }
            self.locals[local as usize].copies -= 1;
            let reg = self.alloc(class);
            match self.local_operand(local) {
                Operand::Reg(from) => self.asm.copy(reg, from),
                Operand::Home(home) => self.load(ty, reg, home),
                Operand::Imm(_) => unreachable!("a local is no number"),
            }
            self.stack[at].place = Place::Reg(reg);
            self.spill_from = self.spill_from.min(at);
        }
    }

    // Operands.

    /// A local as an operand: its register, which is loaded if need be, or its home.
    pub(super) fn local_operand(&mut self, local: u32) -> Operand {
        let Local { ty, reg, home, .. } = self.locals[local as usize];
        if reg.is_none() {
            return Operand::Home(home);
        }
        if !self.state.loaded.contains(reg) {
            self.load(ty, reg, home);
            self.state.loaded = self.state.loaded.with(reg);
        }
        Operand::Reg(reg)
    }

    /// A popped operand as one of an instruction. A register that it is in may only be read.
    pub(super) fn operand(&mut self, value: Value<M>) -> Operand {
        match value.place {
            Place::Const(bits) if value.ty == Type::I32 => Operand::Imm(bits as i32),
            Place::Const(bits) if value.ty.is_int() && i32::try_from(bits as i64).is_ok() => Operand::Imm(bits as i32),
            Place::Local(local) => self.local_operand(local),
            Place::Home => Operand::Home(value.home),
            Place::Reg(reg) => Operand::Reg(reg),
            Place::Const(_) | Place::Flags(_) => Operand::Reg(self.in_reg(value)),
        }
    }

    /// Whether an operand has no register, and is no constant.
    pub(super) fn is_in_frame(&self, value: &Value<M>) -> bool {
        match value.place {
            Place::Home => true,
            Place::Local(local) => self.locals[local as usize].reg.is_none(),
            Place::Const(_) | Place::Reg(_) | Place::Flags(_) => false,
        }
    }

    /// A popped operand in a register, which may only be read.
    pub(super) fn in_reg(&mut self, value: Value<M>) -> Reg {
        match value.place {
            Place::Reg(reg) => reg,
            Place::Local(local) if !self.locals[local as usize].reg.is_none() => match self.local_operand(local) {
                Operand::Reg(reg) => reg,
                _ => unreachable!("it has a register"),
            },
            _ => self.in_own_reg(value),
        }
    }

    /// A popped operand in a register that may be written.
    pub(super) fn in_own_reg(&mut self, value: Value<M>) -> Reg {
        if let Place::Reg(reg) = value.place
            && self.temps.contains(reg)
        {
            return reg;
        }
        let reg = self.alloc(class_of(value.ty));
        self.put(value, reg);
        reg
    }

    /// Copies a popped operand to a register. Flags are left alone.
    pub(super) fn put(&mut self, value: Value<M>, to: Reg) {
        match value.place {
            Place::Const(bits) => self.constant(value.ty, to, bits),
            Place::Home => self.load(value.ty, to, value.home),
            Place::Reg(from) => self.move_reg(to, from),
            Place::Local(local) => {
                let Local { ty, reg, home, .. } = self.locals[local as usize];
                if !reg.is_none() && self.state.loaded.contains(reg) {
                    self.move_reg(to, reg);
                } else {
                    self.load(ty, to, home);
                }
            }
            Place::Flags(test) => self.set_from_flags(to, test),
        }
    }

    /// Copies a popped operand to a place in the frame of its width.
    pub(super) fn put_home(&mut self, value: Value<M>, to: i32) {
        match value.place {
            Place::Const(bits) => self.store_constant(value.ty, bits, to),
            Place::Home => self.copy_home(value.ty, value.home, to),
            Place::Reg(reg) => self.store(value.ty, reg, to),
            Place::Local(local) => match self.local_operand(local) {
                Operand::Reg(reg) => self.store(value.ty, reg, to),
                Operand::Home(from) => self.copy_home(value.ty, from, to),
                Operand::Imm(_) => unreachable!("a local is no number"),
            },
            Place::Flags(test) => {
                self.set_from_flags(M::SCRATCH, test);
                self.store(value.ty, M::SCRATCH, to);
            }
        }
    }

    pub(super) fn move_reg(&mut self, to: Reg, from: Reg) {
        if to != from {
            self.asm.copy(to, from);
        }
    }

    // Locals.

    pub(super) fn local_set(&mut self, local: u32) {
        let value = self.pop();
        if value.place == Place::Local(local) {
            return;
        }
        let Local { ty, reg, home, .. } = self.locals[local as usize];
        if reg.is_none() {
            self.make_copies(local);
            self.put_home(value, home);
            self.discard(value);
            return;
        }
        if value.place == Place::Reg(reg) {
            // Its maker has known where it goes.
            return;
        }
        self.prepare_set(local);
        let value = Value { ty, ..value };
        self.put(value, reg);
        self.discard(value);
        self.was_set(reg);
    }

    pub(super) fn local_tee(&mut self, local: u32) {
        let Local { ty, reg, home, .. } = self.locals[local as usize];
        if let Some(&Value { place: Place::Reg(from), .. }) = self.stack.last()
            && reg.is_none()
            && self.temps.contains(from)
        {
            // The operand keeps its register, so that nobody has to wait for the frame.
            let value = self.pop();
            self.make_copies(local);
            self.store(ty, from, home);
            return self.push(value.ty, value.place);
        }
        self.local_set(local);
        self.push_local(local);
    }

    /// Prepares a local's register for a new value, of which its home knows nothing.
    pub(super) fn prepare_set(&mut self, local: u32) {
        let reg = self.locals[local as usize].reg;
        let owner = std::mem::replace(&mut self.owners[index(reg)], local);
        if owner != local {
            self.take_over(reg);
            if owner != u32::MAX {
                self.make_copies_of_old(owner);
            }
        } else {
            self.make_copies(local);
        }
    }

    /// The copies of a local whose register is about to go to another one.
    fn make_copies_of_old(&mut self, owner: u32) {
        if self.locals[owner as usize].copies > 0 {
            self.make_copies(owner);
        }
    }

    pub(super) fn was_set(&mut self, reg: Reg) {
        self.state.loaded = self.state.loaded.with(reg);
        self.state.stored = self.state.stored.without(reg);
    }

    /// Notes that a register belongs to a local that none of the open constructs knows.
    fn take_over(&mut self, reg: Reg) {
        for frame in self.frames.iter_mut().rev() {
            if !frame.owned.contains(reg) {
                break;
            }
            frame.owned = frame.owned.without(reg);
        }
    }

    /// The register that a result of this class had best be made in: that of the local that it is to become, if the next operator says so.
    pub(super) fn target(&mut self) -> Option<Reg> {
        let local = self.next_set()?;
        let reg = self.locals[local as usize].reg;
        if reg.is_none() {
            return None;
        }
        self.prepare_set(local);
        self.was_set(reg);
        Some(reg)
    }

    /// The register for a result that may share it with one of these operands, popped and in registers.
    pub(super) fn result(&mut self, class: RegClass, operands: [Option<Reg>; 2]) -> Reg {
        if let Some(target) = self.target() {
            return target;
        }
        let own = operands.into_iter().flatten().find(|reg| reg.class() == class && self.temps.contains(*reg));
        match own {
            Some(reg) => {
                self.free = self.free.without(reg);
                reg
            }
            None => self.alloc(class),
        }
    }

    // Around calls.

    /// Stores what a call destroys and somebody still needs: locals in registers, and operands below `height`.
    pub(super) fn save_for_call(&mut self, height: usize) {
        self.store_locals();
        if let Some(counter) = self.near_counter() {
            self.return_counter(counter);
        }
        for at in self.spill_from..height {
            if let Place::Reg(_) | Place::Flags(_) = self.stack[at].place {
                self.send_home(at);
            }
        }
        self.spill_from = self.spill_from.max(height);
    }

    /// Stores the locals whose registers a call destroys.
    pub(super) fn store_locals(&mut self) {
        let dirty = self.state.loaded.difference(self.state.stored).intersection(self.destroyed);
        for reg in dirty.iter() {
            let Local { ty, home, last, copies, .. } = self.locals[self.owners[index(reg)] as usize];
            if last > self.pos || copies > 0 {
                self.store(ty, reg, home);
            }
            // The home of one that is never used again may say what it likes.
            self.state.stored = self.state.stored.with(reg);
        }
    }

    /// Notes what a call has destroyed. Its results may still be where the counter is to be.
    pub(super) fn after_call(&mut self) {
        self.state.loaded = self.state.loaded.difference(self.destroyed);
        self.free = self.temps;
    }
}
