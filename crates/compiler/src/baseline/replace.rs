//! What a frame looks like at a loop's head, for code that goes on there in place of the baseline compiler's.

use super::Baseline;
use super::machine::{Emit, Machine};
use super::state::Place;
use crate::compile::Code;
use crate::ir::Type;
use crate::isa::reg::Reg;
use crate::loop_state::{FramePlace, FrameValue, LoopState};
use crate::translate::Context;
use tiercel_wasm::Error;

impl<M: Machine> Baseline<M>
where
    Self: Emit<M = M>,
{
    /// See [`Compiler::loop_state`](super::Compiler::loop_state).
    pub(super) fn loop_state(&mut self, cx: Context<'_>, body: usize, at: u32) -> Result<Option<LoopState>, Error> {
        self.watched = Some(at);
        self.loop_state = None;
        let compiled = self.compile(cx, body, &mut Code::default());
        self.watched = None;
        compiled.map(|()| self.loop_state.take())
    }

    /// The state at the head of the loop that was just opened.
    pub(super) fn describe(&self, cx: Context<'_>) -> LoopState {
        let locals = self.locals.iter().zip(&self.scan.locals).enumerate();
        // The others are set before they are read, or not read any more.
        let locals = locals.filter(|(_, (_, found))| found.first <= self.pos && found.last > self.pos);
        let locals = locals.map(|(number, (local, _))| {
            (number as u32, FrameValue { ty: local.ty, place: FramePlace::Home(local.home) })
        });
        let operands = self.stack.iter().map(|value| {
            let place = match value.place {
                Place::Const(bits) => FramePlace::Const(bits),
                _ => FramePlace::Home(value.home),
            };
            FrameValue { ty: value.ty, place }
        });
        let kept = |reg: Reg| M::KEPT.iter().position(|kept| *kept == reg).expect("no other register is saved");
        let func = self.body + cx.info.imported.funcs;
        LoopState {
            body: self.body,
            at: self.loc,
            locals: locals.collect(),
            operands: operands.collect(),
            heights: self.frames.iter().map(|frame| frame.height).collect(),
            results: cx.info.func_type(func).results().iter().map(|&ty| Type::from(ty)).collect(),
            saved: self.saved.iter().zip(1..).map(|(reg, place)| (kept(reg), self.saves_home - 8 * place)).collect(),
            buffer: (self.convention.buffer_bytes != 0).then_some(self.buffer_home),
            stack_bytes: self.convention.stack_bytes,
        }
    }
}
