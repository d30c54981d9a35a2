//! The stages that aarch64 has its own of, as the pipeline calls them.

use super::asm::{Assembler, Ranges};
use super::features::Features;
use super::frame::CallPolicy;
use super::vcode::{VCode, preg, preg_set};
use super::{abi, emit, lower, regs};
use crate::compile::Code;
use crate::ir::{Function, Opcode, Type};
use crate::isa::backend::{self, Emission, Lowering};
use crate::isa::convention::Registers;
use crate::regalloc::{Machine, Output};

/// Stands between functions, and traps: `udf`.
pub const PADDING: u8 = 0;

/// Fills in a call, see [`Target::patch_call`](crate::isa::Target::patch_call).
pub fn patch_call(place: &mut [u8], distance: i32) {
    let (word, _) = place.split_first_chunk_mut().expect("an instruction is there");
    // The lower 26 bits are the distance in words.
    let filled = u32::from_le_bytes(*word) | (distance / 4) as u32 & ((1 << 26) - 1);
    *word = filled.to_le_bytes();
}

/// Fills in where a cell is, see [`Target::patch_cell`](crate::isa::Target::patch_cell): the pages between here and there, and the place in the page,
/// which a load counts in words of 8 bytes.
pub fn patch_cell(place: &mut [u8], at: u64, cell: u64) {
    const LOAD: u32 = 0xf9;
    let words = place.split_first_chunk_mut::<4>().map(|(first, rest)| (first, rest.first_chunk_mut::<4>()));
    let Some((first, Some(second))) = words else { unreachable!("two instructions are there") };
    let pages = (cell >> 12).wrapping_sub(at >> 12) as u32 & 0x1f_ffff;
    *first = (u32::from_le_bytes(*first) | (pages & 3) << 29 | pages >> 2 << 5).to_le_bytes();
    let word = u32::from_le_bytes(*second);
    let within = cell as u32 & 0xfff;
    *second = (word | if word >> 24 == LOAD { within / 8 } else { within } << 10).to_le_bytes();
}

/// What tests make rare or impossible things common with.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Variant {
    /// How calls make room for their arguments; otherwise by their size.
    pub policy: Option<CallPolicy>,
    /// How far branches reach.
    pub ranges: Ranges,
}

/// The function in work, in memory that is reused.
pub struct Backend {
    policy: Option<CallPolicy>,
    vcode: VCode,
    asm: Assembler,
    lower: lower::Buffers,
    emit: emit::Buffers,
}

impl Backend {
    /// For CPUs with these features.
    pub fn new(features: Features, variant: Variant) -> Backend {
        let mut asm = Assembler::with_ranges(features, variant.ranges);
        asm.pair_accesses();
        Backend {
            policy: variant.policy,
            vcode: VCode::default(),
            asm,
            lower: lower::Buffers::default(),
            emit: emit::Buffers::default(),
        }
    }
}

impl backend::Backend for Backend {
    type VCode = VCode;
    const REGISTERS: Registers = abi::REGISTERS;

    fn machine() -> Machine {
        Machine {
            allocatable: preg_set(regs::ALLOCATABLE),
            callee_saved: preg_set(abi::CALLEE_SAVED),
            scratch: [preg(regs::SCRATCH), preg(regs::VECTOR_SCRATCH)],
        }
    }

    fn lower(&mut self, cx: Lowering<'_>, func: &Function, params: &[Type]) -> Result<(), Opcode> {
        self.asm.clear();
        lower::lower(cx, self.policy, func, params, &mut self.vcode, &mut self.asm, &mut self.lower)
    }

    fn vcode(&self) -> &VCode {
        &self.vcode
    }

    fn emit(&mut self, cx: Emission, out: &Output, code: &mut Code) {
        emit::emit(cx, &self.vcode, out, &mut self.asm, &mut self.emit, code);
    }
}
