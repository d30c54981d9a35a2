//! What code that counts has seen of its module so far, and calls through references that are inlined for it: behind a guard, with the call itself beside it.

use super::control::Frame;
use super::{Context, Stop, Translator};
use crate::entity::Entity;
use crate::ir::{Frequency, Inst, Opcode, Type, Value};

/// What was seen. It may change while a function is compiled, and may be wrong: it decides what is worth while, never what is right.
pub trait Feedback: Send + Sync {
    /// The function, by the index of its body, that the call through a reference at this place in the module goes to, if it is always the same.
    fn target(&self, loc: u32) -> Option<u32>;
    /// Whether a function has never been called.
    fn is_cold(&self, body: u32) -> bool;
    /// Whether the counter of a function has run down.
    fn is_hot(&self, body: u32) -> bool;
}

/// What a call through a reference checks before it is made; false if that traps always.
type Checks<'a> = &'a mut dyn FnMut(&mut Translator, Value) -> bool;

impl Translator {
    /// The function that the current operator, a call of a function of this type, is to be inlined for.
    pub(super) fn expected(&mut self, cx: Context<'_>, ty: u32) -> Option<usize> {
        let loc = self.build.loc.wrapping_sub(self.body.shift);
        let body = self.feedback.as_ref()?.target(loc)?;
        let func = body.checked_add(cx.info.imported.funcs)?;
        let same = *cx.info.funcs.get(func as usize)? == ty;
        (same && cx.info.escaping.binary_search(&func).is_ok()).then_some(body as usize)
    }

    /// A call through a reference, whose arguments are on the stack, that mostly goes to one function of the instance: its body in place of the call if
    /// it does, or else `checks` and the call.
    pub(super) fn guarded_call(
        &mut self,
        cx: Context<'_>,
        ty: u32,
        body: usize,
        callee: Value,
        checks: Checks<'_>,
    ) -> Result<(), Stop> {
        let func = body as u32 + cx.info.imported.funcs;
        let index = cx.info.escaping.binary_search(&func).unwrap_or(0) as u32;
        let own = self.build.value(Inst::new(Opcode::CtxAddr, Type::I64).fields(0, cx.layout.func_ref(index), 0));
        let is_own = self.build.binary(Opcode::I64Eq, callee, own);
        let func_type = &cx.info.func_types[ty as usize];
        let (params, results) = (func_type.params().len() as u32, func_type.results().len() as u32);
        let loc = self.build.loc;
        self.open_guard(cx, params, results, is_own);
        if self.skipped.is_none() {
            self.inline(cx, body, false)?;
        }
        self.build.loc = loc;
        self.else_arm(cx, self.skipped.is_none());
        if self.skipped.is_none() {
            let block = self.build.current();
            self.build.func.blocks[block].frequency = Frequency::Unlikely;
            if checks(self, callee) {
                self.emit_call(cx, Opcode::CallRef, callee.index() as u32, ty, false);
            }
        }
        self.end(self.skipped.is_none());
        Ok(())
    }

    /// Opens an `if` that no operator stands for.
    fn open_guard(&mut self, cx: Context<'_>, params: u32, results: u32, condition: Value) {
        let mut frame = Frame::forward(params, results, self.stack.len() - params as usize, self.control.in_loop());
        self.open_if(cx, &mut frame, condition);
        self.frames.push(frame);
    }
}
