//! Rare operators, by way of the optimizing compiler: a *snippet* is a function of one operator, of which its operands are the parameters. It is
//! translated, lowered and given registers as any function is, and its code stands where the operator does. So what an operator
//! means in machine code is written once, in the lowering of each ISA.

use super::Baseline;
use super::machine::{Condition, Emit, Inline, Machine, Snippet};
use super::state::Place;
use crate::compile::Options;
use crate::ir::Type;
use crate::isa::backend::{Lowering, inline_slots};
use crate::isa::convention::{Convention, Place as ArgPlace};
use crate::isa::vcode::{preg, preg_set};
use crate::regalloc::{self, Allocator, Output, plain};
use crate::translate::{Config, Context, Translator};
use crate::{opt, pipeline};
use tiercel_wasm::Error;
use wasmparser::Operator;

/// Operands that an operator has at most, unless it makes an object of many values.
const MOST_OPERANDS: usize = 8;

/// What the stages need, reused.
pub struct Snippets<M: Machine> {
    translator: Translator,
    scratch: opt::Scratch,
    machine: M::Snippet,
    allocator: Allocator,
    allocation: Output,
    convention: Convention,
    params: Vec<Type>,
}

impl<M: Machine> Snippets<M> {
    pub fn new(options: Options) -> Snippets<M> {
        let mut allocator = Allocator::new();
        allocator.chaos = options.chaos;
        Snippets {
            translator: Translator::default(),
            scratch: opt::Scratch::default(),
            machine: M::Snippet::default(),
            allocator,
            allocation: Output::default(),
            convention: Convention::default(),
            params: Vec::new(),
        }
    }
}

/// What a snippet computes.
#[derive(Clone, Copy)]
pub enum What<'a> {
    /// What the operator does.
    Operator(&'a Operator<'a>),
    /// The reference to the function that `call_indirect` calls, checked.
    Callee {
        /// The type, by its index.
        ty: u32,
        /// The table.
        table: u32,
    },
    /// Whether the reference on the stack, which stays there, is of the type that a branch asks for.
    Cast(&'a Operator<'a>),
}

impl<M: Machine> Baseline<M>
where
    Self: Emit<M = M>,
{
    /// Compiles an operator that nothing shorter is known for.
    pub(super) fn snippet(&mut self, cx: Context<'_>, op: &Operator<'_>) -> Result<(), Error> {
        self.run_snippet(cx, What::Operator(op))
    }

    /// Replaces the index on the stack by the function that `call_indirect` calls.
    pub(super) fn snippet_callee(&mut self, cx: Context<'_>, ty: u32, table: u32) -> Result<(), Error> {
        self.run_snippet(cx, What::Callee { ty, table })
    }

    /// Branches on the type of the reference on the stack, which stays there.
    pub(super) fn branch_on_cast(
        &mut self,
        cx: Context<'_>,
        op: &Operator<'_>,
        depth: u32,
        if_holds: bool,
    ) -> Result<(), Error> {
        self.run_snippet(cx, What::Cast(op))?;
        let test = self.pop_test();
        self.branch_if(if if_holds { test } else { test.negate() }, depth);
        self.start_fuel();
        Ok(())
    }

    fn run_snippet(&mut self, cx: Context<'_>, what: What<'_>) -> Result<(), Error> {
        let available = self.stack.len() - self.frames[self.frames.len() - 1].height as usize;
        let most = match what {
            What::Operator(&Operator::StructNew { struct_type_index }) => {
                let def = &cx.info.type_defs[struct_type_index as usize].ty.composite;
                let tiercel_wasm::CompositeType::Struct(fields) = def else { return Ok(()) };
                fields.len()
            }
            What::Operator(&Operator::ArrayNewFixed { array_size, .. }) => array_size as usize,
            _ => MOST_OPERANDS,
        };
        let operands = most.min(available);
        // The topmost operand is the first parameter, so that those which are not used come last.
        let mut snippets = self.snippets.take().unwrap_or_else(|| Box::new(Snippets::new(self.options)));
        snippets.params.clear();
        snippets.params.extend(self.stack.iter().rev().take(operands).map(|value| value.ty));
        let config = Config { fuel: false, epochs: false, ..self.options.translate };
        let made = snippets.translator.snippet(Context { config, ..cx }, what, &snippets.params, self.loc);
        let result = match made {
            Ok(used) => self.emit_snippet(cx, &mut snippets, used),
            Err(error) => Err(error),
        };
        self.snippets = Some(snippets);
        result
    }

    fn emit_snippet(&mut self, cx: Context<'_>, s: &mut Snippets<M>, used: usize) -> Result<(), Error> {
        let Options { foreign_tail_calls, spectre, signals, check_widths, verify, .. } = self.options;
        let func = s.translator.func();
        let mut options = pipeline::Options { verify, ..pipeline::Options::default() };
        pipeline::run(func, &mut s.scratch, &mut options);
        let lowering = Lowering {
            info: cx.info,
            layout: cx.layout,
            foreign_tail_calls,
            spectre,
            signals,
            check_widths,
            registers: M::SNIPPET_REGISTERS,
        };
        s.machine
            .lower(lowering, func, &s.params, &mut self.asm)
            .map_err(|op| Error::unsupported(self.loc.into(), format_args!("`{}` in compiled code", op.name())))?;
        let results: Vec<Type> = func.results.clone();
        s.convention.set(M::SNIPPET_REGISTERS, &s.params, &results);
        let calls = s.machine.vcode().calls;
        let height = self.stack.len() - used;
        if calls {
            self.save_for_call(height);
        } else {
            for at in self.spill_from..height {
                if let Place::Reg(_) = self.stack[at].place {
                    self.send_home(at);
                }
            }
            self.spill_from = self.spill_from.max(height);
        }
        let allocatable = if calls { self.temps.union(self.destroyed) } else { self.temps };
        let machine = regalloc::Machine {
            allocatable: preg_set(allocatable),
            callee_saved: preg_set(M::CALLEE_SAVED),
            scratch: [preg(M::SCRATCH), preg(M::VECTOR_SCRATCH)],
        };
        let allocated = match s.allocator.run(s.machine.vcode(), &machine, &mut s.allocation) {
            Err(_) => plain::allocate(s.machine.vcode(), &machine, &mut s.allocation),
            done => done,
        };
        allocated.map_err(|error| Error::limit(format!("an operator at {}: {error}", self.loc)))?;
        if verify && let Err(error) = crate::regalloc::checker::check(s.machine.vcode(), &machine, &s.allocation) {
            panic!("the operator at {}: wrong register allocation: {error}", self.loc);
        }
        // Arguments that are not in registers lie above the spill slots.
        let slots = inline_slots(&s.allocation);
        self.out_bytes = self.out_bytes.max(slots + s.convention.stack_bytes);
        let end = self.stack.len();
        for (param, place) in s.convention.params.iter().take(used).enumerate() {
            if let ArgPlace::Memory(offset) = *place {
                let value = self.stack[end - 1 - param];
                self.pass_on_stack(value, (slots + offset) as i32);
            }
        }
        self.moves.clear();
        for (param, place) in s.convention.params.iter().take(used).enumerate() {
            if let ArgPlace::Reg(reg) = *place {
                let value = self.stack[end - 1 - param];
                self.moves.push((value, reg));
            }
        }
        self.make_moves();
        while self.stack.len() > height {
            let value = self.pop();
            self.discard(value);
        }
        let first_site = self.code.call_sites.len();
        let first_home = self.map_homes.len() as u32;
        self.note_homes();
        let (asm, code, traps, parts) = (&mut self.asm, &mut self.code, &mut self.traps, &mut self.parts);
        s.machine.emit(&mut Inline { asm, code, traps, parts }, &s.allocation, signals, slots);
        let end = self.map_homes.len() as u32;
        self.maps.extend((first_site..self.code.call_sites.len()).map(|site| (site as u32, first_home, end)));
        self.has_references |= s.machine.vcode().has_references;
        if calls {
            self.after_call();
            self.bring_counter_again();
        } else {
            self.free = self.temps;
        }
        if s.translator.ends() {
            self.unreachable();
            return Ok(());
        }
        for (&ty, place) in results.iter().zip(&s.convention.results) {
            match *place {
                ArgPlace::Reg(reg) => {
                    self.free = self.free.without(reg);
                    self.push_reg(ty, reg);
                }
                ArgPlace::Memory(_) => unreachable!("an operator has few results"),
            }
        }
        Ok(())
    }
}
