//! Calls and returns: arguments and results in the places of the convention, what is saved around it.

use super::Baseline;
use super::machine::{Assembly, Emit, Machine};
use super::state::{Operand, Place, Value};
use crate::compile::CallSite;
use crate::ir::{Builtin, Type};
use crate::isa::convention::{self, Convention, Registers};
use crate::isa::reg::{Reg, RegClass, RegSet};
use crate::translate::Context;
use tiercel_abi::Trap;
use tiercel_abi::frames::NO_MAP;

/// A signature.
#[derive(Default)]
pub struct Sig {
    pub params: Vec<Type>,
    pub results: Vec<Type>,
    pub convention: Convention,
}

/// The signatures that a function calls, by index of the module's type.
#[derive(Default)]
pub struct Sigs {
    by_type: Vec<u32>,
    used: Vec<u32>,
    sigs: Vec<Sig>,
}

impl Sigs {
    /// Forgets all; the module has so many types.
    pub fn reset(&mut self, types: usize) {
        for ty in self.used.drain(..) {
            self.by_type[ty as usize] = u32::MAX;
        }
        self.by_type.resize(types, u32::MAX);
    }

    /// The number of a type's signature, to look up in [`Sigs::sig`].
    fn number(&mut self, registers: Registers, cx: Context<'_>, ty: u32) -> usize {
        let known = self.by_type[ty as usize];
        if known != u32::MAX {
            return known as usize;
        }
        let number = self.used.len();
        self.by_type[ty as usize] = number as u32;
        self.used.push(ty);
        if self.sigs.len() == number {
            self.sigs.push(Sig::default());
        }
        let sig = &mut self.sigs[number];
        let ty = &cx.info.func_types[ty as usize];
        sig.params.clear();
        sig.params.extend(ty.params().iter().map(|&ty| Type::from(ty)));
        sig.results.clear();
        sig.results.extend(ty.results().iter().map(|&ty| Type::from(ty)));
        sig.convention.set(registers, &sig.params, &sig.results);
        number
    }
}

/// What is called.
#[derive(Clone, Copy)]
pub enum Callee<M: Machine> {
    /// The function of the module with this body index.
    Local(u32),
    /// The import with this index.
    Import(u32),
    /// Through a reference.
    Ref(Value<M>),
}

impl<M: Machine> Baseline<M>
where
    Self: Emit<M = M>,
{
    /// `call` and `return_call`.
    pub(super) fn call(&mut self, cx: Context<'_>, func: u32, tail: bool) {
        let ty = cx.info.funcs[func as usize];
        let callee = match cx.info.defined_func(func) {
            Some(body) => Callee::Local(body as u32),
            None => Callee::Import(func),
        };
        self.emit_call(cx, callee, ty, tail);
    }

    /// `call_indirect` and `return_call_indirect`, where the table's type or the function's need no more than comparisons.
    pub(super) fn call_indirect(
        &mut self,
        cx: Context<'_>,
        ty: u32,
        table: u32,
        tail: bool,
    ) -> Result<(), tiercel_wasm::Error> {
        let callee = if cx.info.type_defs[ty as usize].ty.is_final {
            let index = self.pop();
            let reg = self.element(cx, table, index, ty);
            Value { ty: Type::I64, place: Place::Reg(reg), home: 0 }
        } else {
            self.snippet_callee(cx, ty, table)?;
            self.pop()
        };
        self.emit_call(cx, Callee::Ref(callee), ty, tail);
        Ok(())
    }

    /// `call_ref` and `return_call_ref`.
    pub(super) fn call_ref(&mut self, cx: Context<'_>, ty: u32, tail: bool) {
        let value = self.pop();
        let test = self.test_null(&value);
        self.trap_if(test, Trap::NullReference.code());
        self.emit_call(cx, Callee::Ref(value), ty, tail);
    }

    /// Calls with the arguments on the stack and pushes the results, or leaves the function for the callee.
    fn emit_call(&mut self, cx: Context<'_>, callee: Callee<M>, ty: u32, tail: bool) {
        let number = self.sigs.number(M::REGISTERS, cx, ty);
        let sig = std::mem::take(&mut self.sigs.sigs[number]);
        let height = self.stack.len() - sig.params.len();
        if !tail {
            self.save_for_call(height);
        } else if let Some(counter) = self.near_counter() {
            // Nobody needs anything else that is in registers any more.
            self.return_counter(counter);
        }
        let (stack_bytes, buffer_bytes) = (sig.convention.stack_bytes, sig.convention.buffer_bytes);
        self.out_bytes = self.out_bytes.max(stack_bytes + if tail { 0 } else { buffer_bytes });
        for (at, place) in (height..).zip(&sig.convention.params) {
            if let convention::Place::Memory(offset) = *place {
                let value = self.stack[at];
                self.pass_on_stack(value, offset as i32);
            }
        }
        self.moves.clear();
        for (at, place) in (height..).zip(&sig.convention.params) {
            if let convention::Place::Reg(reg) = *place {
                self.moves.push((self.stack[at], reg));
            }
        }
        if let Callee::Ref(value) = callee {
            self.moves.push((value, M::CALLEE_REF));
        }
        self.make_moves();
        if let Callee::Import(func) = callee {
            self.load_pointer(M::CALLEE_REF, cx.layout.imported_func(func) as i32);
        }
        if buffer_bytes != 0 {
            if tail {
                self.load(Type::I64, M::REGISTERS.args[0], self.buffer_home);
            } else {
                self.out_address(M::REGISTERS.args[0], stack_bytes as i32);
            }
        }
        while self.stack.len() > height {
            let value = self.pop();
            self.discard(value);
        }
        if tail {
            self.leave_for(stack_bytes);
            match callee {
                Callee::Local(body) => self.jump_to_function(body),
                _ => {
                    self.code.foreign_tail_calls = true;
                    self.jump_to_ref();
                }
            }
            self.unreachable();
        } else {
            match callee {
                Callee::Local(body) => self.call_function(body),
                Callee::Import(_) => self.call_native(),
                Callee::Ref(_) => {
                    if self.options.counts {
                        self.note_callee();
                    }
                    self.call_native();
                }
            }
            self.call_site();
            let foreign = !matches!(callee, Callee::Local(_)) || self.options.foreign_tail_calls;
            self.behind_call(cx, stack_bytes, foreign);
            self.after_call();
            self.push_call_results(&sig, stack_bytes);
            self.bring_counter_again();
        }
        self.sigs.sigs[number] = sig;
    }

    fn push_call_results(&mut self, sig: &Sig, stack_bytes: u32) {
        // Registers first: what is in memory stays there meanwhile.
        let first = self.stack.len();
        for (&ty, &place) in sig.results.iter().zip(&sig.convention.results) {
            match place {
                convention::Place::Reg(reg) if self.temps.contains(reg) => {
                    self.free = self.free.without(reg);
                    self.push_reg(ty, reg);
                }
                convention::Place::Reg(reg) => {
                    self.push(ty, Place::Home);
                    let home = self.stack[self.stack.len() - 1].home;
                    self.store(ty, reg, home);
                }
                convention::Place::Memory(_) => self.push(ty, Place::Home),
            }
        }
        for (at, place) in (first..).zip(&sig.convention.results) {
            if let convention::Place::Memory(offset) = *place {
                let Value { ty, home, .. } = self.stack[at];
                self.copy_result(ty, (stack_bytes + offset) as i32, home);
            }
        }
    }

    /// Notes the call that was just emitted, with the references that the frame holds.
    pub(super) fn call_site(&mut self) {
        let first = self.map_homes.len() as u32;
        self.note_homes();
        self.maps.push((self.code.call_sites.len() as u32, first, self.map_homes.len() as u32));
        self.code.call_sites.push(CallSite { offset: self.asm.offset(), loc: self.loc, map: NO_MAP });
    }

    /// Notes the homes that hold references.
    pub(super) fn note_homes(&mut self) {
        if self.has_references {
            let locals = self.locals.iter().filter(|local| local.ty == Type::Ref).map(|local| local.home);
            self.map_homes.extend(locals);
            let at_home = self.stack.iter().filter(|value| value.ty == Type::Ref && value.place == Place::Home);
            self.map_homes.extend(at_home.map(|value| value.home));
        }
    }

    /// Makes [`Baseline::moves`], whose sources are not changed in between.
    pub(super) fn make_moves(&mut self) {
        let mut moves = std::mem::take(&mut self.moves);
        // Where each register's value has to go, from registers alone.
        let mut pending = std::mem::take(&mut self.pending_moves);
        pending.clear();
        for &(value, to) in &moves {
            if let Some(from) = self.reg_of(value)
                && from != to
            {
                pending.push((to, from));
            }
        }
        let mut sources: RegSet = pending.iter().map(|&(_, from)| from).collect();
        while !pending.is_empty() {
            let before = pending.len();
            let mut at = 0;
            while at < pending.len() {
                let (to, from) = pending[at];
                if sources.contains(to) {
                    at += 1;
                    continue;
                }
                self.move_reg(to, from);
                pending.swap_remove(at);
                if !pending.iter().any(|&(_, other)| other == from) {
                    sources = sources.without(from);
                }
            }
            if pending.len() == before {
                // Only cycles are left: one of their values waits in the scratch register.
                let (to, from) = pending[0];
                let scratch = if from.class() == RegClass::Int { M::SCRATCH } else { M::VECTOR_SCRATCH };
                self.move_reg(scratch, to);
                self.move_reg(to, from);
                pending.swap_remove(0);
                for (_, source) in &mut pending {
                    if *source == to {
                        *source = scratch;
                    }
                }
                sources = pending.iter().map(|&(_, from)| from).collect();
            }
        }
        for &(value, to) in &moves {
            if self.reg_of(value).is_none() {
                // Registers of locals may have been overwritten, but what is not in one is at home.
                self.put(value, to);
            }
        }
        moves.clear();
        (self.moves, self.pending_moves) = (moves, pending);
    }

    /// The register that a value is in.
    fn reg_of(&self, value: Value<M>) -> Option<Reg> {
        match value.place {
            Place::Reg(reg) => Some(reg),
            Place::Local(local) => {
                let reg = self.locals[local as usize].reg;
                (!reg.is_none() && self.state.loaded.contains(reg)).then_some(reg)
            }
            _ => None,
        }
    }

    /// Stores an argument on the stack.
    pub(super) fn pass_on_stack(&mut self, value: Value<M>, offset: i32) {
        let value = match value.place {
            Place::Local(local) => match self.local_operand(local) {
                Operand::Reg(reg) => Value { place: Place::Reg(reg), ..value },
                Operand::Home(home) => Value { place: Place::Home, home, ..value },
                Operand::Imm(_) => value,
            },
            _ => value,
        };
        self.store_out(value, offset);
    }

    /// Returns with the topmost operands.
    pub(super) fn leave(&mut self) {
        let convention = std::mem::take(&mut self.convention);
        let height = self.stack.len() - convention.results.len();
        if convention.buffer_bytes != 0 {
            for (at, place) in (height..).zip(&convention.results) {
                if let convention::Place::Memory(offset) = *place {
                    let value = self.stack[at];
                    let reg = self.in_reg_anyhow(value);
                    self.store_result(value.ty, reg, offset as i32);
                }
            }
        }
        self.moves.clear();
        for (at, place) in (height..).zip(&convention.results) {
            if let convention::Place::Reg(reg) = *place {
                self.moves.push((self.stack[at], reg));
            }
        }
        self.make_moves();
        self.convention = convention;
        self.epilogue();
        while self.stack.len() > height {
            let value = self.pop();
            self.discard(value);
        }
    }

    /// A value that stays on the stack in a register, if need be a scratch register.
    fn in_reg_anyhow(&mut self, value: Value<M>) -> Reg {
        if let Some(reg) = self.reg_of(value) {
            return reg;
        }
        // A vector register takes any value from the frame; a constant needs the other scratch register only while it is made.
        self.put(value, M::VECTOR_SCRATCH);
        M::VECTOR_SCRATCH
    }

    /// Calls a routine of the runtime with these operands, popped, and numbers in front of them; gives whether it has a result.
    pub(super) fn builtin(&mut self, builtin: Builtin, numbers: &[u32], operands: &[Value<M>]) {
        let height = self.stack.len();
        self.save_for_call(height);
        self.moves.clear();
        let mut args = M::REGISTERS.args[1..].iter();
        for &number in numbers {
            let value = Value { ty: Type::I32, place: Place::Const(number.into()), home: 0 };
            self.moves.push((value, *args.next().expect("routines have few arguments")));
        }
        for &value in operands {
            self.moves.push((value, *args.next().expect("routines have few arguments")));
        }
        self.make_moves();
        for &value in operands {
            self.discard(value);
        }
        self.emit_builtin(builtin as u32);
        self.call_site();
        if builtin.may_stop() {
            self.trap_if_stopped();
        }
        self.after_call();
        self.bring_counter_again();
    }
}
