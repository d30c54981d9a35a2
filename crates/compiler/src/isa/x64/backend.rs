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

/// Makes a call or a jump through a cell, whose operand starts at `at`, one of what is `distance` from there; false if it is neither.
pub fn patch_direct(code: &mut [u8], at: usize, distance: i32) -> bool {
    let Some([first, second]) = at.checked_sub(2).and_then(|start| code[start..at].as_mut_array()) else {
        return false;
    };
    // The instructions are as long as those they replace: a prefix that does nothing is in front of the call, a `nop` of the jump.
    (*first, *second) = match (*first, *second) {
        (0xff, 0x15) => (0x67, 0xe8),
        (0xff, 0x25) => (0x90, 0xe9),
        _ => return false,
    };
    patch_call(&mut code[at..], distance);
    true
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
