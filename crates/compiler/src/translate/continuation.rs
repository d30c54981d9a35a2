//! The rest of a function from the head of a loop on, for on-stack replacement.
//!
//! The loops around that loop are in the middle of a round. What is left of the round comes once, and a branch to such a loop's label leads to the
//! whole loop behind it. In this way nothing has a second entry:
//!
//! ```text
//! loop $outer  ...  loop $inner A end  B  end  C        becomes
//!     loop $inner A end  B (branches to $outer go on here:) loop $outer ... loop $inner A end B end  C
//! ```

use super::control::OpenLoop;
use super::{Context, Stop, Translator};
use crate::ir::{Type, Value};
use crate::loop_state::{FramePlace, LoopState};
use tiercel_wasm::Error;
use tiercel_wasm::scan::ConstructKind;
use wasmparser::{Operator, OperatorsReader};

/// Bytes of loops that are translated again, for each byte of the body, and in any case. No effect on correctness.
const AGAIN_PER_BYTE: usize = 3;
const AGAIN: usize = 4096;

impl Translator {
    /// The constructs around the loop whose operator stands at `at`, the function first, the loop last, as numbers of the pre-scan.
    fn path_to(&mut self, at: u32) -> Option<Vec<usize>> {
        let constructs = self.scan().constructs();
        let found = constructs.binary_search_by_key(&at, |construct| construct.start);
        let mut number = found.ok().filter(|&number| constructs[number].kind == ConstructKind::Loop)?;
        let mut path = vec![number];
        while number != 0 {
            number = constructs[number].parent as usize;
            path.push(number);
        }
        path.reverse();
        Some(path)
    }

    /// Makes the entry block, whose parameters are what the frame holds.
    pub(super) fn enter_continuation(&mut self, state: &LoopState) {
        let entry = self.build.start_block(None, None);
        let types: Vec<Type> = state.params().map(|(ty, _)| ty).collect();
        let params: Vec<Value> =
            types.iter().enumerate().map(|(index, &ty)| self.build.make_param(entry, index, ty)).collect();
        self.build.set_params(entry, &params);
        let mut params = params.into_iter();
        let mut values = Vec::new();
        for value in state.values() {
            values.push(match value.place {
                FramePlace::Const(bits) => Some(self.build.constant(value.ty, bits.into())),
                FramePlace::Home(_) => params.next(),
            });
        }
        let mut values = values.into_iter().flatten();
        for ((local, _), value) in state.locals.iter().zip(&mut values) {
            self.set_local(*local, value);
        }
        self.stack.extend(values);
    }

    /// Opens the constructs around the loop, as they are in the middle of a round, and translates the rest.
    pub(super) fn continuation(
        &mut self,
        cx: Context<'_>,
        reader: OperatorsReader<'_>,
        state: &LoopState,
    ) -> Result<(), Stop> {
        let wrong = || Error::invalid(state.at.into(), "there is no such loop");
        let path = self.path_to(state.at).ok_or_else(wrong)?;
        let Some((&this, around)) = path.split_last() else { return Err(wrong().into()) };
        let around = &around[1..];
        if state.heights.len() != around.len() + 2 {
            return Err(wrong().into());
        }
        let constructs = self.scan().constructs();
        let again: usize = around
            .iter()
            .map(|&number| &constructs[number])
            .filter(|construct| construct.kind == ConstructKind::Loop)
            .map(|construct| (construct.end - construct.start) as usize)
            .sum();
        let body = cx.info.bodies[state.body as usize].len();
        if again > AGAIN + AGAIN_PER_BYTE * body {
            return Err(Error::limit("too many loops are around the loop").into());
        }
        let mut starts: Vec<u32> = around.iter().map(|&number| constructs[number].start).collect();
        starts.reverse();
        self.list_limit *= 1 + again.div_ceil(body.max(1));
        // From the function's start on, as the reader knows what is open.
        let mut reader = reader;
        let mut loops = Vec::new();
        let mut heights = state.heights[1..].iter();
        while reader.original_position() < u64::from(state.at) {
            let is_around = starts.last().copied().map(u64::from) == Some(reader.original_position());
            if !is_around {
                reader.read()?;
                continue;
            }
            starts.pop();
            let before = reader.clone();
            let (op, height) = (reader.read()?, heights.next().copied().unwrap_or(0));
            let is_loop = matches!(op, Operator::Loop { .. });
            let construct = around[around.len() - 1 - starts.len()];
            let open = is_loop.then_some(OpenLoop { construct, again: loops.len() });
            self.open_around(cx, &op, height, open);
            if is_loop {
                loops.push(before);
            }
        }
        self.body.next_construct = this;
        self.operators(cx, reader, &loops)
    }
}
