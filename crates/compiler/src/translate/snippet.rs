//! One operator as a function of its operands, for the baseline compiler.

use super::control::Frame;
use super::inline::Body;
use super::{Context, Inlining, Stop, Translator};
use crate::baseline::What;
use crate::ir::{Type, Value};
use tiercel_wasm::Error;
use wasmparser::Operator;

impl Translator {
    /// Translates an operator to a function whose parameters are operands of these types, the topmost first. Gives how many of them it takes;
    /// the function's results are what it puts in their place.
    ///
    /// # Errors
    /// The operator is not supported.
    pub fn snippet(&mut self, cx: Context<'_>, what: What<'_>, operands: &[Type], loc: u32) -> Result<usize, Error> {
        self.attempt_snippet(cx, what, operands, loc).map_err(|stop| match stop {
            Stop::Error(error) => error,
            Stop::TooLarge => Error::limit(format!("the operator at {loc} is too complex")),
        })
    }

    /// Whether what follows the operator that was translated last cannot be reached.
    pub fn ends(&self) -> bool {
        self.skipped.is_some()
    }

    fn attempt_snippet(&mut self, cx: Context<'_>, what: What<'_>, operands: &[Type], loc: u32) -> Result<usize, Stop> {
        self.config = cx.config;
        self.in_slots = false;
        self.inlining = Inlining::Off;
        self.growth = 0;
        self.build.reset(0, cx.config.optimize);
        self.build.next_loc = cx.bytes.len() as u32;
        self.body = Body::function(0);
        self.outer.clear();
        self.stack.clear();
        self.frames.clear();
        self.control.clear();
        self.skipped = None;
        self.fuel = None;
        self.sigs.reset(cx.info.func_types.len());
        self.too_large = false;
        self.list_limit = usize::MAX;
        // The list of no values, which everything without arguments shares.
        self.build.func.make_numbers([]);
        self.local_types.clear();
        self.locals.reset(0);
        let entry = self.build.start_block(None, None);
        let mut params: Vec<Value> = Vec::with_capacity(operands.len());
        for (index, &ty) in operands.iter().enumerate() {
            params.push(self.build.make_param(entry, index, ty));
        }
        self.build.set_params(entry, &params);
        self.stack.extend(params.iter().rev());
        self.frames.push(Frame::function(0));
        self.build.loc = loc;
        match what {
            What::Operator(op) => self.operator(cx, op)?,
            What::Callee { ty, table } => {
                if let Some(func) = self.indirect_callee(cx, ty, table) {
                    self.stack.push(func);
                }
            }
            What::Cast(op) => {
                let (Operator::BrOnCast { to_ref_type: to, .. } | Operator::BrOnCastFail { to_ref_type: to, .. }) = *op
                else {
                    return Ok(0);
                };
                let holds = self.test_top(cx, to.heap_type(), to.is_nullable())?;
                self.stack.push(holds);
            }
        }
        // What is where it was is left alone, unless it has been looked at.
        let looks = matches!(
            what,
            What::Cast(_)
                | What::Operator(
                    Operator::RefCastNonNull { .. } | Operator::RefCastNullable { .. } | Operator::RefAsNonNull
                )
        );
        let same = self.stack.iter().zip(params.iter().rev()).take_while(|(now, before)| now == before).count();
        let kept = if looks { same.min(operands.len() - 1) } else { same };
        if self.skipped.is_none() {
            let types: Vec<Type> = self.stack[kept..].iter().map(|&value| self.build.func.ty(value)).collect();
            self.frames[0] = Frame::function(types.len() as u32);
            self.build.func.results.extend(types);
            self.emit_return();
        }
        Ok(operands.len() - kept)
    }
}
