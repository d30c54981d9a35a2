//! Inlining: a small callee is translated in place of its call, with its arguments as they are known there. Nothing is copied, and what is
//! known of values and memory goes on through it.
//!
//! The bodies that are open form a stack. Each has locals of its own, and its outermost construct is one of the function that grows: a return
//! from it branches to that construct's end. Only where the call is the last thing that everything around it does - a tail call of a tail call -
//! a return leaves the function.
//!
//! Operators of an inlined body have locations behind the module's end, a range for each time a body is inlined ([`Inlined`]), so that a
//! location tells the whole chain of calls.

use super::callees::Site;
use super::control::Frame;
use super::locals::Outer;
use super::{Context, Stop, Translator, type_of, types_of};
use crate::ir::Inlined;
use tiercel_wasm::scan::Scan;
use wasmparser::{BinaryReader, FunctionBody};

/// A body that is being translated.
#[derive(Default)]
pub struct Body {
    /// Its index.
    pub index: u32,
    /// What is added to the offset of an operator to get its location.
    pub shift: u32,
    /// Location of the call that it stands for; none for the function itself and what it leaves for.
    pub caller: Option<u32>,
    /// Whether a return from it is one from the function.
    pub returns: bool,
    /// Where its locals start in [`Translator::local_types`].
    pub first_local: usize,
    /// Its outermost construct.
    pub first_frame: usize,
    /// The construct that is opened next, as a number of the pre-scan.
    pub next_construct: usize,
    /// The locals of the body around it.
    outer_locals: Outer,
}

impl Body {
    /// The function itself.
    pub fn function(index: u32) -> Body {
        Body { index, returns: true, next_construct: 1, ..Body::default() }
    }
}

impl Translator {
    /// The pre-scan of the innermost body.
    pub(super) fn scan(&mut self) -> &mut Scan {
        let depth = self.outer.len();
        if self.scans.len() <= depth {
            self.scans.resize_with(depth + 1, Scan::default);
        }
        &mut self.scans[depth]
    }

    /// Decides about a call of the function with this body index; takes what it costs if it is inlined.
    pub(super) fn inlines(&mut self, cx: Context<'_>, body: usize, params: usize) -> bool {
        let Some(callee) = cx.callees.get(body) else { return false };
        // A function may be optimized before a part of it has run for the first time: what is free is inlined there as well.
        let is_hot = match &self.feedback {
            Some(seen) if seen.is_cold(body as u32) && !callee.is_free() => return false,
            Some(seen) => seen.is_hot(body as u32),
            None => false,
        };
        let arguments = &self.stack[self.stack.len() - params..];
        let offset = self.build.loc - self.body.shift;
        let site = Site {
            offset,
            depth: self.outer.len(),
            recursion: self.outer.iter().chain([&self.body]).filter(|around| around.index as usize == body).count()
                as u32,
            is_hot: is_hot || self.control.in_loop().is_some(),
            const_arguments: arguments.iter().filter(|&&value| self.build.func.is_const(value)).count() as u32,
        };
        // Locations have to fit, and what the pre-scan of the function found to end in a trap is not worth it.
        let locations = self.build.next_loc.checked_add(cx.info.bodies[body].len() as u32);
        let is_cold = self.outer.is_empty() && self.scans[0].ends_in_trap(offset);
        let cost = callee.cost(self.inlining, &site, self.growth);
        let Some(cost) = cost.filter(|_| locations.is_some() && !is_cold) else { return false };
        self.growth -= cost;
        true
    }

    /// Translates a body whose arguments are on the stack, in place of a call that [`Translator::inlines`] approved of.
    pub(super) fn inline(&mut self, cx: Context<'_>, index: usize, tail: bool) -> Result<(), Stop> {
        let range = cx.info.bodies[index].clone();
        let bytes = &cx.bytes[range.start as usize..range.end as usize];
        let body = FunctionBody::new(BinaryReader::new(bytes, u64::from(range.start)));
        let ty = cx.info.func_type(index as u32 + cx.info.imported.funcs);
        let call = self.build.loc;
        let first_loc = self.build.next_loc;
        self.build.next_loc += bytes.len() as u32;
        // What calls in tail position is gone when its callee runs.
        let caller = if tail { self.body.caller } else { Some(call) };
        let inlined = caller.unwrap_or(Inlined::NO_CALLER);
        self.build.func.inlined.push(Inlined { first_loc, start: range.start, body: index as u32, caller: inlined });
        let returns = tail && self.body.returns;
        let first_local = self.local_types.len();
        self.local_types.extend(types_of(ty.params()));
        for group in body.get_locals_reader()? {
            let (count, ty) = group?;
            self.local_types.resize(self.local_types.len() + count as usize, type_of(cx.info, ty)?);
        }
        let locals = (self.local_types.len() - first_local) as u32;
        let inner = Body {
            index: index as u32,
            shift: first_loc.wrapping_sub(range.start),
            caller,
            returns,
            first_local,
            first_frame: self.frames.len(),
            next_construct: 1,
            outer_locals: self.locals.enter(locals),
        };
        self.outer.push(std::mem::replace(&mut self.body, inner));
        if cx.callees.get(index).is_some_and(|callee| callee.has_loops) {
            self.scan().scan(cx.bytes, range, locals)?;
        }
        let first = self.stack.len() - ty.params().len();
        for param in 0..ty.params().len() {
            self.set_local(param as u32, self.stack[first + param]);
        }
        self.stack.truncate(first);
        let in_loop = self.control.in_loop();
        self.frames.push(Frame::body(ty.results().len() as u32, returns, first, in_loop));
        self.operators(cx, body.get_operators_reader()?, &[])?;
        if tail && self.skipped.is_none() {
            self.br(self.outermost());
        }
        Ok(())
    }

    /// Goes back to the body around the innermost one, whose outermost construct was closed.
    pub(super) fn leave_body(&mut self) {
        let Some(outer) = self.outer.pop() else { return };
        let inner = std::mem::replace(&mut self.body, outer);
        self.local_types.truncate(inner.first_local);
        self.locals.leave(inner.outer_locals);
        self.build.loc = inner.caller.unwrap_or(self.build.loc);
    }
}
