//! The stages that x86-64 has its own of, as the pipeline calls them.

use super::asm::Assembler;
use super::features::Features;
use super::vcode::{VCode, preg, preg_set};
use super::{abi, emit, lower, regs};
use crate::compile::Code;
use crate::ir::{Function, Opcode, Type};
use crate::isa::backend::{self, Emission, Lowering};
use crate::isa::convention::Registers;
use crate::regalloc::{Machine, Output};

/// Stands between functions, and traps: `int3`.
pub const PADDING: u8 = 0xcc;

/// Fills in a call, see [`Target::patch_call`](crate::isa::Target::patch_call).
pub fn patch_call(place: &mut [u8], distance: i32) {
    // The processor counts from the end of the instruction.
    place[..4].copy_from_slice(&(distance - 4).to_le_bytes());
}

/// The function in work, in memory that is reused.
pub struct Backend {
    vcode: VCode,
    asm: Assembler,
    lower: lower::Buffers,
    emit: emit::Buffers,
}

impl Backend {
    /// For CPUs with these features.
    pub fn new(features: Features) -> Backend {
        Backend {
            vcode: VCode::default(),
            asm: Assembler::new(features),
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
        lower::lower(cx, func, params, &mut self.vcode, &mut self.asm, &mut self.lower)
    }

    fn vcode(&self) -> &VCode {
        &self.vcode
    }

    fn emit(&mut self, cx: Emission, out: &Output, code: &mut Code) {
        emit::emit(cx, &self.vcode, out, &mut self.lower.pool, &mut self.asm, &mut self.emit, code);
    }
}
