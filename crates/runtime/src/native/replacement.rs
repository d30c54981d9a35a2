//! On-stack replacement: a frame of the baseline compiler's code makes room for the *continuation* of its function, which the optimizing compiler has made
//! for the loop that the frame is in.

use super::arch::stubs::KEPT;
use alloc::vec::Vec;
use core::ptr::null;
use tiercel_abi::vmctx::replacement;
use tiercel_compiler::ir::Type;
use tiercel_compiler::loop_state::{Arguments, LoopState};

/// The code of a function from a loop on.
pub struct Continuation {
    /// Its address.
    pub entry: usize,
    /// How the frame looks that it replaces.
    pub state: LoopState,
    /// What it is called with.
    pub arguments: Arguments,
}

/// What the stub of counters is told, see [`replacement`]. A store has one, as its guests are one after another replaced.
#[repr(C)]
#[derive(Debug)]
pub struct Replacement {
    entry: usize,
    caller_sp: usize,
    caller_fp: usize,
    return_address: usize,
    buffer: usize,
    arguments: *const u64,
    argument_words: usize,
    kept: [usize; KEPT.len()],
    words: Vec<u64>,
}

const WORD: usize = size_of::<usize>();
const _: () = {
    assert!(core::mem::offset_of!(Replacement, entry) == replacement::ENTRY as usize * WORD);
    assert!(core::mem::offset_of!(Replacement, caller_sp) == replacement::CALLER_SP as usize * WORD);
    assert!(core::mem::offset_of!(Replacement, caller_fp) == replacement::CALLER_FP as usize * WORD);
    assert!(core::mem::offset_of!(Replacement, return_address) == replacement::RETURN_ADDRESS as usize * WORD);
    assert!(core::mem::offset_of!(Replacement, buffer) == replacement::BUFFER as usize * WORD);
    assert!(core::mem::offset_of!(Replacement, arguments) == replacement::ARGUMENTS as usize * WORD);
    assert!(core::mem::offset_of!(Replacement, argument_words) == replacement::ARGUMENT_WORDS as usize * WORD);
    assert!(core::mem::offset_of!(Replacement, kept) == replacement::KEPT as usize * WORD);
};

impl Default for Replacement {
    fn default() -> Replacement {
        Replacement {
            entry: 0,
            caller_sp: 0,
            caller_fp: 0,
            return_address: 0,
            buffer: 0,
            arguments: null(),
            argument_words: 0,
            kept: [0; KEPT.len()],
            words: Vec::new(),
        }
    }
}

impl Replacement {
    /// Says how a continuation goes on with what is in the frame at `fp`; `kept` are the values of [`KEPT`] now.
    ///
    /// # Safety
    /// The frame is one of the code that the continuation was made for, at the head of its loop, with all values at home.
    pub unsafe fn prepare(&mut self, continuation: &Continuation, fp: *const u8, kept: [usize; KEPT.len()]) {
        let Continuation { entry, state, arguments } = continuation;
        // SAFETY: promised by the caller: every frame has its caller's frame pointer and the return address there, and the state says where what it has is.
        let word = |at: i32| unsafe { fp.offset(at as isize).cast::<u64>().read() };
        self.entry = *entry;
        self.caller_fp = word(0) as usize;
        self.return_address = word(8) as usize;
        self.caller_sp = fp as usize + 2 * WORD + state.stack_bytes as usize;
        self.buffer = state.buffer.map_or(0, |home| word(home) as usize);
        self.kept = kept;
        for &(place, home) in &state.saved {
            self.kept[place] = word(home) as usize;
        }
        self.words.clear();
        self.words.resize(arguments.stack_bytes as usize / 8, 0);
        for &(ty, home, offset) in &arguments.values {
            let at = offset as usize / 8;
            self.words[at] = match ty {
                // What is above may be anything.
                Type::I32 | Type::F32 => word(home) & u64::from(u32::MAX),
                _ => word(home),
            };
            if ty == Type::V128 {
                self.words[at + 1] = word(home + 8);
            }
        }
        (self.arguments, self.argument_words) = (self.words.as_ptr(), self.words.len());
    }
}
