//! Stubs on aarch64; what they are for is said in [`isa::stubs`](crate::isa::stubs). The platform's convention is AAPCS64.
//!
//! # The frame of an entry stub
//! ```text
//! saved x29, x30          <- x29, VmStore::entry_fp
//! x27 x28, x25 x26, x23 x24, x21 x22, x19 x20
//! d14 d15, d12 d13, d10 d11, d8 d9
//! slots, VmStore
//! VmStore::entry_fp and exit_fp as they were before
//! buffer of results
//! arguments on the stack  <- sp at the call
//! ```

use super::abi::{CALLEE_REF, INT_ARGS, REGISTERS};
use super::asm::{Assembler, Symbol};
use super::inst::Inst;
use super::mem::Mem;
use super::regs::*;
use super::row::{Extend, Op, Shift};
use crate::ir::Type;
use crate::isa::convention::{Convention, Place, VECTOR_ARGS};
use crate::isa::reg::Reg;
pub use crate::isa::stubs::{Callee, Shape};
use crate::isa::stubs::{places, slot_bytes};
use tiercel_abi::BranchProtection;
use tiercel_abi::vmctx::{func_ref, header, replacement, store};

/// Pairs of integer registers that an entry stub saves below `x29`, the first one highest.
const SAVED_INTS: [u8; 5] = [27, 25, 23, 21, 19];
/// Pairs of vector registers behind them, whose lower halves the platform preserves and compiled code does not.
const SAVED_VECTORS: [u8; 4] = [14, 12, 10, 8];
/// Places in the frame of an entry stub, from `x29`; the `VmStore` is behind the slots.
const SLOTS: i32 = -160;
const STORE: i32 = SLOTS + 8;
/// Where an entry stub keeps `VmStore::entry_fp` as it was before, from `x29`.
pub const OUTER_ENTRY_FP: i32 = -176;
/// Where an entry stub keeps `VmStore::exit_fp` as it was before, from `x29`.
pub const OUTER_EXIT_FP: i32 = OUTER_ENTRY_FP + 8;
const ENTRY_FRAME_BYTES: i32 = 176;
/// The address of the slots while arguments are loaded from them or results stored to them: no place for either.
const SLOTS_REG: Reg = x(11);
/// Whatever is loaded in between.
const TEMP: Reg = x(12);
/// What `raise` is given besides the `VmStore`, by functions without a frame: their return address.
pub const FRAMELESS_RETURN: Reg = x(0);

/// Loads a register from memory.
fn load(asm: &mut Assembler, ty: Type, reg: Reg, mem: Mem) {
    let op = match ty {
        Type::I32 => Op::LDR_W,
        Type::F32 => Op::LDR_S,
        Type::F64 => Op::LDR_D,
        Type::V128 => Op::LDR_Q,
        Type::I64 | Type::Ref | Type::None => Op::LDR_X,
    };
    asm.rm(op, reg, mem);
}

/// Stores a register to slots.
fn store(asm: &mut Assembler, ty: Type, reg: Reg, mem: Mem) {
    let op = match ty {
        Type::F32 => Op::STR_S,
        Type::F64 => Op::STR_D,
        Type::V128 => Op::STR_Q,
        // The upper half of an `i32` is zero.
        Type::I32 | Type::I64 | Type::Ref | Type::None => Op::STR_X,
    };
    asm.rm(op, reg, mem);
}

/// Copies a value from memory to memory by way of the scratch register.
fn copy(asm: &mut Assembler, ty: Type, to: (Reg, i32), from: (Reg, i32)) {
    for offset in (0..slot_bytes(ty)).step_by(8) {
        asm.rm(Op::LDR_X, SCRATCH, Mem::base(from.0, from.1 + offset));
        asm.rm(Op::STR_X, SCRATCH, Mem::base(to.0, to.1 + offset));
    }
}

/// The field of a structure of pointers.
fn field(base: Reg, number: u32) -> Mem {
    Mem::base(base, 8 * number as i32)
}

/// Calls what a field leads to.
fn call_field(asm: &mut Assembler, base: Reg, number: u32) {
    asm.rm(Op::LDR_X, SCRATCH, field(base, number));
    asm.r(Op::BLR, SCRATCH);
}

/// Calls a routine of the runtime.
fn call_routine(asm: &mut Assembler, routine: u64) {
    asm.constant(SCRATCH, routine);
    asm.r(Op::BLR, SCRATCH);
}

/// Opens a frame. Stubs sign their return addresses and have landing pads whatever the code around them does: that serves code of all kinds,
/// and costs next to nothing.
fn push_frame(asm: &mut Assembler) {
    // It is a landing pad too.
    asm.op(Op::PACIASP);
    asm.rrm(Op::STP_X, FP, LR, Mem::pre(SP, -16));
}

/// Closes the frame whose saved registers are at the stack pointer.
fn pop_frame(asm: &mut Assembler) {
    asm.rrm(Op::LDP_X, FP, LR, Mem::post(SP, 16));
    asm.op(Op::AUTIASP);
}

/// Saves or restores the registers that the platform preserves.
fn saved(asm: &mut Assembler, ints: Op, vectors: Op) {
    let mut at = 0;
    for first in SAVED_INTS {
        at -= 16;
        asm.rrm(ints, x(first), x(first + 1), Mem::base(FP, at));
    }
    for first in SAVED_VECTORS {
        at -= 16;
        asm.rrm(vectors, v(first), v(first + 1), Mem::base(FP, at));
    }
}

/// Emits the entry of compiled code for functions of this shape.
pub fn entry(asm: &mut Assembler, shape: &Shape) {
    let convention = Convention::new(REGISTERS, &shape.params, &shape.results);
    let (buffer, arguments) = (convention.buffer_bytes as i32, convention.stack_bytes as i32);
    push_frame(asm);
    asm.copy(FP, SP);
    asm.add(SP, SP, -(ENTRY_FRAME_BYTES + buffer + arguments));
    saved(asm, Op::STP_X, Op::STP_D);
    asm.copy(CALLEE_REF, x(0));
    asm.copy(SLOTS_REG, x(2));
    asm.rm(Op::LDR_X, SCRATCH, field(CALLEE_REF, func_ref::VMCTX));
    asm.rm(Op::LDR_X, SCRATCH, field(SCRATCH, header::STORE));
    asm.rrm(Op::STP_X, SLOTS_REG, SCRATCH, Mem::base(FP, SLOTS));
    for (word, outer) in [(store::ENTRY_FP, OUTER_ENTRY_FP), (store::EXIT_FP, OUTER_EXIT_FP)] {
        asm.rm(Op::LDR_X, TEMP, Mem::base(SCRATCH, word as i32));
        asm.rm(Op::STR_X, TEMP, Mem::base(FP, outer));
    }
    asm.rm(Op::STR_X, FP, Mem::base(SCRATCH, store::ENTRY_FP as i32));
    if buffer != 0 {
        asm.add(INT_ARGS[0], SP, arguments);
    }
    for (ty, place, slot) in places(&shape.params, &convention.params) {
        match place {
            Place::Reg(reg) => load(asm, ty, reg, Mem::base(SLOTS_REG, slot)),
            Place::Memory(offset) => copy(asm, ty, (SP, offset as i32), (SLOTS_REG, slot)),
        }
    }
    call_field(asm, CALLEE_REF, func_ref::NATIVE);
    // The callee has popped its arguments and preserved x29.
    asm.rm(Op::LDR_X, SLOTS_REG, Mem::base(FP, SLOTS));
    for (ty, place, slot) in places(&shape.results, &convention.results) {
        match place {
            Place::Reg(reg) => store(asm, ty, reg, Mem::base(SLOTS_REG, slot)),
            Place::Memory(offset) => copy(asm, ty, (SLOTS_REG, slot), (SP, offset as i32)),
        }
    }
    asm.constant(x(0), 1);
    asm.rm(Op::LDR_X, x(1), Mem::base(FP, STORE));
    return_from_entry(asm);
}

/// Returns from the entry stub whose frame `x29` points at. The `VmStore` is in `x1`, the result in `x0`.
fn return_from_entry(asm: &mut Assembler) {
    for (word, outer) in [(store::ENTRY_FP, OUTER_ENTRY_FP), (store::EXIT_FP, OUTER_EXIT_FP)] {
        asm.rm(Op::LDR_X, TEMP, Mem::base(FP, outer));
        asm.rm(Op::STR_X, TEMP, Mem::base(x(1), word as i32));
    }
    saved(asm, Op::LDP_X, Op::LDP_D);
    asm.copy(SP, FP);
    pop_frame(asm);
    asm.op(Op::RET);
}

/// Emits what a stopped guest goes to, with the `VmStore` in `x0`: calls the routine at `routine`, then lets the innermost entry stub return
/// false.
pub fn exit(asm: &mut Assembler, routine: u64) {
    asm.op(Op::BTI_C);
    asm.copy(x(19), x(0));
    call_routine(asm, routine);
    asm.copy(x(1), x(19));
    asm.rm(Op::LDR_X, FP, Mem::base(x(1), store::ENTRY_FP as i32));
    asm.constant(x(0), 0);
    return_from_entry(asm);
}

/// Emits what code calls to stop its guest, with the `VmStore` in the scratch register, and its return address in [`FRAMELESS_RETURN`] if it has
/// no frame: notes where that is, then goes on as [`exit`].
pub fn raise(asm: &mut Assembler, routine: u64) {
    asm.op(Op::BTI_C);
    for (word, reg) in [LR, FP, FRAMELESS_RETURN].into_iter().enumerate() {
        asm.rm(Op::STR_X, reg, Mem::base(SCRATCH, (store::TRAPPED as usize + 8 * word) as i32));
    }
    asm.copy(x(0), SCRATCH);
    exit(asm, routine);
}

/// Emits the `native` entry of host functions of this shape, which [fits registers](Shape::fits_registers): parameters are where AAPCS64 has
/// them too. `exit` is the address of [`exit`]'s code.
pub fn leave_in_registers(asm: &mut Assembler, shape: &Shape, exit: u64) {
    debug_assert!(shape.fits_registers());
    let ints = shape.ints();
    // A frame as any other, but x29 stays the caller's, which saves loading it again: whoever reads the stack starts at `exit_fp`.
    push_frame(asm);
    asm.copy(TEMP, SP);
    asm.rm(Op::LDR_X, SCRATCH, field(VMCTX, header::STORE));
    asm.rm(Op::STR_X, TEMP, Mem::base(SCRATCH, store::EXIT_FP as i32));
    asm.copy(INT_ARGS[ints], CALLEE_REF);
    asm.copy(INT_ARGS[ints + 1], VMCTX);
    call_field(asm, CALLEE_REF, func_ref::IN_REGISTERS);
    // A structure of two words is in x0 and x1, whatever the first one is.
    let stopped = asm.label();
    asm.emit_plain(&Inst::to_label(Op::CBZ.s64(), [x(1)], stopped));
    match shape.results.first() {
        Some(Type::F32) => asm.rr(Op::FMOV_SW, v(0), x(0)),
        Some(Type::F64) => asm.rr(Op::FMOV_DX, v(0), x(0)),
        _ => {}
    }
    pop_frame(asm);
    asm.op(Op::RET);
    asm.bind(stopped);
    asm.copy(TEMP, SP);
    stop_from_leave(asm, TEMP, exit);
}

/// Emits the `native` entry of host functions that cannot be called: it stops the guest, and `routine` says why. Since it does not return, it
/// serves all types.
pub fn refuse(asm: &mut Assembler, routine: u64) {
    push_frame(asm);
    asm.copy(FP, SP);
    asm.rm(Op::LDR_X, x(0), field(VMCTX, header::STORE));
    asm.rm(Op::STR_X, FP, Mem::base(x(0), store::EXIT_FP as i32));
    exit(asm, routine);
}

/// Bytes of a thunk.
const THUNK_BYTES: u32 = 16;

/// Emits `count` thunks, and gives the offset of the first one and the distance from one to the next. Each calls the routine at `routine` with the vmctx
/// and its own number, and jumps to the address that it gives, with all that a function is called with in place.
pub fn thunks(asm: &mut Assembler, count: u32, routine: u64) -> (u32, u32) {
    let common = asm.label();
    let start = asm.offset();
    for number in 0..count {
        // Each of the same length, and the return address stays.
        let low = Inst::r(Op::MOVZ.s32(), [SCRATCH]).imm((number & 0xffff) as i32);
        let high = Inst::r(Op::MOVK.s32(), [SCRATCH, SCRATCH]).imm((number >> 16 | 1 << 16) as i32);
        asm.op(Op::BTI_C);
        asm.emit_plain(&low);
        asm.emit_plain(&high);
        asm.jmp(common);
    }
    asm.bind(common);
    let vector_bytes = 16 * i32::from(VECTOR_ARGS);
    let frame = vector_bytes + 8 * INT_ARGS.len() as i32 + 16;
    let callee = Mem::base(SP, frame - 16);
    let args = |asm: &mut Assembler, ints: Op, vectors: Op| {
        for (at, pair) in (vector_bytes..).step_by(16).zip(INT_ARGS.chunks_exact(2)) {
            asm.rrm(ints, pair[0], pair[1], Mem::base(SP, at));
        }
        for first in (0..VECTOR_ARGS).step_by(2) {
            asm.rrm(vectors, v(first), v(first + 1), Mem::base(SP, 16 * i32::from(first)));
        }
    };
    push_frame(asm);
    asm.copy(FP, SP);
    asm.add(SP, SP, -frame);
    args(asm, Op::STP_X, Op::STP_Q);
    asm.rm(Op::STR_X, CALLEE_REF, callee);
    asm.copy(x(0), VMCTX);
    asm.copy(x(1), SCRATCH);
    call_routine(asm, routine);
    asm.copy(SCRATCH, x(0));
    args(asm, Op::LDP_X, Op::LDP_Q);
    asm.rm(Op::LDR_X, CALLEE_REF, callee);
    asm.copy(SP, FP);
    pop_frame(asm);
    asm.r(Op::BR, SCRATCH);
    (start, THUNK_BYTES)
}

/// The registers that functions preserve and the baseline compiler uses.
pub const KEPT: [Reg; 8] = [x(19), x(20), x(21), x(22), x(23), x(24), x(25), x(26)];

/// Emits what code calls whose counter is below zero.
pub fn count_down(asm: &mut Assembler, routine: u64, protection: BranchProtection) {
    const INTS: u8 = 16;
    /// All but the scratch register, and one more for an even number.
    const VECTORS: u8 = 32;
    const KEPT_AT: i32 = 8 * INTS as i32;
    const VECTORS_AT: i32 = KEPT_AT + 8 * KEPT.len() as i32;
    let each = |asm: &mut Assembler, ints: Op, vectors: Op| {
        for first in (0..INTS).step_by(2) {
            asm.rrm(ints, x(first), x(first + 1), Mem::base(SP, 8 * i32::from(first)));
        }
        for first in (0..VECTORS).step_by(2) {
            asm.rrm(vectors, v(first), v(first + 1), Mem::base(SP, VECTORS_AT + 16 * i32::from(first)));
        }
    };
    push_frame(asm);
    asm.copy(FP, SP);
    asm.add(SP, SP, -(VECTORS_AT + 16 * i32::from(VECTORS)));
    each(asm, Op::STP_X, Op::STP_Q);
    for (at, pair) in (KEPT_AT..).step_by(16).zip(KEPT.chunks_exact(2)) {
        asm.rrm(Op::STP_X, pair[0], pair[1], Mem::base(SP, at));
    }
    asm.copy(x(0), VMCTX);
    asm.copy(x(1), SCRATCH);
    asm.rm(Op::LDR_X, x(2), Mem::base(FP, 0));
    asm.add(x(3), SP, KEPT_AT);
    call_routine(asm, routine);
    let goes_on = asm.label();
    asm.emit_plain(&Inst::to_label(Op::CBNZ.s64(), [x(0)], goes_on));
    each(asm, Op::LDP_X, Op::LDP_Q);
    asm.copy(SP, FP);
    pop_frame(asm);
    asm.op(Op::RET);
    asm.bind(goes_on);
    let (this, to, from, words, word) = (x(9), x(10), x(11), x(12), x(13));
    asm.copy(this, x(0));
    for (number, reg) in (replacement::KEPT..).zip(KEPT) {
        asm.rm(Op::LDR_X, reg, field(this, number));
    }
    asm.rm(Op::LDR_X, INT_ARGS[0], field(this, replacement::BUFFER));
    asm.rm(Op::LDR_X, SCRATCH, field(this, replacement::RETURN_ADDRESS));
    if protection.signs_returns() {
        // By what the stack pointer was when the function was called that is replaced: at its frame pointer are two words.
        asm.rm(Op::LDR_X, ADDRESS_SCRATCH, Mem::base(FP, 0));
        asm.add(ADDRESS_SCRATCH, ADDRESS_SCRATCH, 16);
        asm.op(Op::AUTIA1716);
    }
    asm.rm(Op::LDR_X, FP, field(this, replacement::CALLER_FP));
    asm.copy(LR, SCRATCH);
    asm.rm(Op::LDR_X, to, field(this, replacement::CALLER_SP));
    asm.rm(Op::LDR_X, from, field(this, replacement::ARGUMENTS));
    asm.rm(Op::LDR_X, words, field(this, replacement::ARGUMENT_WORDS));
    asm.emit_plain(&Inst::r(Op::SUB_S.s64(), [to, to, words]).shift(Shift::Lsl, 3));
    asm.copy(SP, to);
    let (next, done) = (asm.label(), asm.label());
    asm.bind(next);
    asm.emit_plain(&Inst::to_label(Op::CBZ.s64(), [words], done));
    asm.add(words, words, -1);
    asm.rm(Op::LDR_X, word, Mem::indexed(from, words, Extend::Uxtx, true));
    asm.rm(Op::STR_X, word, Mem::indexed(to, words, Extend::Uxtx, true));
    asm.jmp(next);
    asm.bind(done);
    asm.rm(Op::LDR_X, SCRATCH, field(this, replacement::ENTRY));
    asm.r(Op::BR, SCRATCH);
}

/// Emits the `native` entry of a function whose address is in the cell with this number.
pub fn foreign(asm: &mut Assembler, cell: u32) {
    asm.op(Op::BTI_C);
    asm.rm(Op::LDR_X, VMCTX, field(CALLEE_REF, func_ref::VMCTX));
    asm.rm(Op::LDR_X, MEMORY_BASE, field(VMCTX, header::MEMORY0_BASE));
    asm.symbol(SCRATCH, Symbol(cell), true);
    asm.r(Op::BR, SCRATCH);
}

/// Goes to [`exit`]'s code from the frame of a stub out of compiled code, which `fp` points at.
fn stop_from_leave(asm: &mut Assembler, fp: Reg, exit: u64) {
    // The vmctx is one of the registers that AAPCS64 preserves. What the host has called meanwhile may have left its own frame.
    asm.rm(Op::LDR_X, x(0), field(VMCTX, header::STORE));
    asm.rm(Op::STR_X, fp, Mem::base(x(0), store::EXIT_FP as i32));
    asm.constant(SCRATCH, exit);
    asm.r(Op::BR, SCRATCH);
}

/// Emits the `native` entry of functions of this shape that are not compiled code. `exit` is the address of [`exit`]'s code.
pub fn leave(asm: &mut Assembler, shape: &Shape, callee: Callee, exit: u64) {
    let convention = Convention::new(REGISTERS, &shape.params, &shape.results);
    let has_buffer = convention.buffer_bytes != 0;
    let bytes = (shape.slot_bytes() + if has_buffer { 8 } else { 0 } + 15) & !15;
    let buffer = Mem::base(SP, bytes - 8);
    push_frame(asm);
    asm.copy(FP, SP);
    asm.rm(Op::LDR_X, SCRATCH, field(VMCTX, header::STORE));
    asm.rm(Op::STR_X, FP, Mem::base(SCRATCH, store::EXIT_FP as i32));
    asm.add(SP, SP, -bytes);
    if has_buffer {
        asm.rm(Op::STR_X, INT_ARGS[0], buffer);
    }
    for (ty, place, slot) in places(&shape.params, &convention.params) {
        match place {
            Place::Reg(reg) => store(asm, ty, reg, Mem::base(SP, slot)),
            // Above the saved registers.
            Place::Memory(offset) => copy(asm, ty, (SP, slot), (FP, 16 + offset as i32)),
        }
    }
    asm.copy(x(0), CALLEE_REF);
    asm.copy(x(1), VMCTX);
    asm.copy(x(2), SP);
    match callee {
        Callee::Host => call_field(asm, CALLEE_REF, func_ref::HOST),
        Callee::Routine(address) => call_routine(asm, address),
    }
    // Of a `bool` only the lowest byte counts, which is 0 or 1.
    let stopped = asm.label();
    asm.emit_plain(&Inst::to_label(Op::TBZ, [x(0)], stopped).imm(0));
    if has_buffer {
        asm.rm(Op::LDR_X, SLOTS_REG, buffer);
    }
    for (ty, place, slot) in places(&shape.results, &convention.results) {
        match place {
            Place::Reg(reg) => load(asm, ty, reg, Mem::base(SP, slot)),
            Place::Memory(offset) => copy(asm, ty, (SLOTS_REG, offset as i32), (SP, slot)),
        }
    }
    asm.copy(SP, FP);
    pop_frame(asm);
    asm.add(SP, SP, convention.stack_bytes as i32);
    asm.op(Op::RET);
    asm.bind(stopped);
    stop_from_leave(asm, FP, exit);
}
