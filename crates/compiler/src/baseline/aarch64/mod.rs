//! The machine part for aarch64: registers, conditions, what is filled in at the end. [`frame`] has prologue, epilogue and places, [`calls`] calls,
//! [`control`] branches, traps and polls; [`int`], [`float`], [`memory`] and [`vector`] have the operators.
//!
//! # Homes
//! The places of a frame are counted from `x29` down, of which one instruction reaches 256 bytes. The stack pointer is at the lower end, which is known
//! only when the function is finished; from there one instruction reaches 16 KiB for every width. So a home that is further away than 256 bytes is
//! accessed from the stack pointer, by a distance that is filled in at the end. The few functions with larger frames are compiled again
//! ([`StackCheck::Size`]), with addresses that take more instructions.

mod calls;
mod control;
mod float;
mod frame;
mod int;
mod memory;
mod vector;

use super::machine::{self, Assembly, Condition, Machine};
use super::{StackCheck, state};
use crate::compile::{CallReloc, Code, Options};
use crate::ir::{Function, Opcode, Type};
use crate::isa::Target;
use crate::isa::aarch64::asm::{Assembler, Label};
use crate::isa::aarch64::frame::CallPolicy;
use crate::isa::aarch64::mem::Mem;
use crate::isa::aarch64::regs::{SCRATCH, VECTOR_SCRATCH, VMCTX, v, x};
use crate::isa::aarch64::row::{Cond, Size};
pub use crate::isa::aarch64::vcode::Aarch64;
use crate::isa::aarch64::vcode::VCode;
use crate::isa::aarch64::{Features, abi, emit, lower, stubs};
use crate::isa::backend::{Inline, Lowering};
use crate::isa::convention::{self, VECTOR_ARGS};
use crate::isa::reg::{Reg, RegClass, RegSet};
use crate::regalloc::Output;
use tiercel_abi::vmctx::header;

/// Functions start at multiples of so many bytes. No effect on correctness.
const FUNCTION_ALIGN: u32 = 16;
/// Frames from this size on are multiples of it, so that one immediate holds the size.
const LARGE_FRAME_BYTES: u32 = 4096;

/// The vmctx's pointer to the store.
const STORE: Mem = Mem::base(VMCTX, (header::STORE * 8) as i32);

/// An operand.
type Value = state::Value<Aarch64>;

/// What is filled in later.
#[derive(Default)]
pub struct Parts {
    homes: Vec<HomeAccess>,
    /// Where the upper part of what the current segment costs is subtracted; [`Baseline::fuel`](super::Baseline::fuel) has the lower part.
    fuel_upper: u32,
}

/// An access to a home from the stack pointer.
struct HomeAccess {
    at: u32,
    home: i32,
    bytes: u32,
}

/// A condition: on the flags, or whether a register of this size is 0 (`true`) or not. A register may be free already: only branches ask for it, before
/// anything else is done.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Test {
    Flags(Cond),
    Zero(Size, Reg, bool),
}

impl Condition for Test {
    #[inline]
    fn negate(self) -> Test {
        match self {
            Test::Flags(cond) => Test::Flags(cond.negate()),
            Test::Zero(size, reg, is_zero) => Test::Zero(size, reg, !is_zero),
        }
    }
}

impl Machine for Aarch64 {
    type Assembler = Assembler;
    type Condition = Test;
    type Parts = Parts;
    type Snippet = Snippet;

    const FOR_LOCALS: &'static [Reg] = &[
        x(1),
        x(2),
        x(3),
        x(4),
        x(5),
        x(6),
        x(7),
        x(8),
        v(8),
        v(9),
        v(10),
        v(11),
        v(12),
        v(13),
        v(14),
        v(15),
        v(16),
        v(17),
        v(18),
        v(19),
        v(20),
        v(21),
        v(22),
        v(23),
    ];
    const KEPT: &'static [Reg] = &stubs::KEPT;
    // All that calls destroy but those with a role of their own.
    const TEMPS: RegSet =
        RegSet::of_class(RegClass::Int, 0xffff).union(RegSet::of_class(RegClass::Vector, 0x7fff_ffff));
    const RESULT: Reg = x(0);
    const VECTOR_RESULT: Reg = v(0);
    const SCRATCH: Reg = SCRATCH;
    const VECTOR_SCRATCH: Reg = VECTOR_SCRATCH;
    const REGISTERS: convention::Registers = abi::REGISTERS;
    const CALLEE_REF: Reg = abi::CALLEE_REF;
    const CALLEE_SAVED: RegSet = abi::CALLEE_SAVED;
    const SNIPPET_REGISTERS: convention::Registers = convention::Registers {
        args: &[x(0), x(9), x(10), x(11), x(12), x(13), x(14), x(15)],
        vector_args: VECTOR_ARGS,
        results: &[x(0), x(9), x(10), x(11)],
    };
    const LOOP_ALIGN: u32 = 16;
    const HOT_LOOP_ALIGN: u32 = 32;

    fn assembler(options: &Options) -> Assembler {
        let features = match options.target {
            Target::Aarch64(features) => features,
            Target::X64(_) => Features::default(),
        };
        Assembler::with_ranges(features, options.aarch64.ranges)
    }

    fn clear(parts: &mut Parts) {
        parts.homes.clear();
    }

    fn frame_bytes(bytes: u32) -> u32 {
        bytes.next_multiple_of(if bytes < LARGE_FRAME_BYTES { 16 } else { LARGE_FRAME_BYTES })
    }
}

impl Assembly for Assembler {
    fn clear(&mut self) {
        Assembler::clear(self);
    }

    #[inline]
    fn offset(&self) -> u32 {
        Assembler::offset(self)
    }

    #[inline]
    fn label(&mut self) -> Label {
        Assembler::label(self)
    }

    #[inline]
    fn bind(&mut self, label: Label) {
        Assembler::bind(self, label);
    }

    fn align(&mut self, align: u32) {
        Assembler::align(self, align);
    }

    #[inline]
    fn quick_jmp(&mut self, label: Label) {
        Assembler::quick_jmp(self, label);
    }

    #[inline]
    fn copy(&mut self, dst: Reg, src: Reg) {
        self.quick_copy(dst, src);
    }

    fn deliver(&self, code: &mut Code) {
        code.calls.extend(self.relocs().iter().map(|reloc| CallReloc { offset: reloc.offset, body: reloc.symbol.0 }));
        code.align = FUNCTION_ALIGN;
        code.bytes.extend_from_slice(self.code());
    }
}

/// What the stages of the optimizing compiler need, reused.
#[derive(Default)]
pub struct Snippet {
    vcode: VCode,
    lower: lower::Buffers,
    emit: emit::Buffers,
}

impl machine::Snippet<Aarch64> for Snippet {
    fn lower(&mut self, cx: Lowering<'_>, func: &Function, params: &[Type], asm: &mut Assembler) -> Result<(), Opcode> {
        lower::lower(cx, Some(CallPolicy::Reserved), func, params, &mut self.vcode, asm, &mut self.lower)
    }

    fn vcode(&self) -> &VCode {
        &self.vcode
    }

    fn emit(&mut self, b: &mut machine::Inline<'_, Aarch64>, out: &Output, signals: bool, in_args: u32) {
        emit::emit_inline(Inline { signals, in_args }, &self.vcode, out, b.asm, &mut self.emit, b.code);
        b.traps.append(&mut self.emit.traps);
    }
}

/// The size of an operation on integers or floats.
fn size_of(ty: Type) -> Size {
    if matches!(ty, Type::I32 | Type::F32) { Size::S32 } else { Size::S64 }
}
