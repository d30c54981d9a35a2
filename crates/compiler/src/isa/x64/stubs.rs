//! Stubs on x86-64; what they are for is said in [`isa::stubs`](crate::isa::stubs). The platform's convention is System V's.
//!
//! # The frame of an entry stub
//! ```text
//! return address
//! saved rbp               <- rbp, VmStore::entry_fp
//! rbx r12 r13 r14 r15
//! slots, VmStore
//! VmStore::entry_fp and exit_fp as they were before
//! (8 bytes)
//! buffer of results
//! arguments on the stack  <- rsp at the call
//! ```

use super::abi::{CALLEE_REF, INT_ARGS, REGISTERS};
use super::asm::{Assembler, Symbol};
use super::inst::Inst;
use super::mem::{Mem, Scale};
use super::regs::*;
use super::row::{Cond, Op, Size};
use crate::ir::Type;
use crate::isa::convention::{Convention, Place, VECTOR_ARGS};
use crate::isa::reg::Reg;
pub use crate::isa::stubs::{Callee, Shape};
use crate::isa::stubs::{places, slot_bytes};
use tiercel_abi::BranchProtection;
use tiercel_abi::vmctx::{func_ref, header, replacement, store};

/// Registers that an entry stub saves below `rbp`, the first one highest.
const SAVED: [Reg; 5] = [RBX, R12, R13, R14, R15];
/// Places in the frame of an entry stub, from `rbp`.
const SLOTS: i32 = -48;
const STORE: i32 = -56;
/// Where an entry stub keeps `VmStore::entry_fp` as it was before, from `rbp`.
pub const OUTER_ENTRY_FP: i32 = -64;
/// Where an entry stub keeps `VmStore::exit_fp` as it was before, from `rbp`.
pub const OUTER_EXIT_FP: i32 = -72;
const ENTRY_FRAME_BYTES: i32 = 80;
/// The address of the slots while arguments are loaded from them or results stored to them: no place for either.
const SLOTS_REG: Reg = R10;

/// Loads a register from memory.
fn load(asm: &mut Assembler, ty: Type, reg: Reg, mem: Mem) {
    let op = match ty {
        Type::I32 => Op::MOV_RM.s32(),
        Type::F32 => Op::MOVSS_LOAD,
        Type::F64 => Op::MOVSD_LOAD,
        Type::V128 => Op::MOVUPS_RM,
        Type::I64 | Type::Ref | Type::None => Op::MOV_RM.s64(),
    };
    asm.rm(op, reg, mem);
}

/// Stores a register to slots.
fn store(asm: &mut Assembler, ty: Type, reg: Reg, mem: Mem) {
    let op = match ty {
        Type::F32 => Op::MOVSS_STORE,
        Type::F64 => Op::MOVSD_STORE,
        Type::V128 => Op::MOVUPS_MR,
        // The upper half of an `i32` is zero.
        Type::I32 | Type::I64 | Type::Ref | Type::None => Op::MOV_MR.s64(),
    };
    asm.rm(op, reg, mem);
}

/// Copies a value from memory to memory by way of the scratch register.
fn copy(asm: &mut Assembler, ty: Type, to: (Reg, i32), from: (Reg, i32)) {
    for offset in (0..slot_bytes(ty)).step_by(8) {
        asm.rm(Op::MOV_RM.s64(), SCRATCH, Mem::base(from.0, from.1 + offset));
        asm.rm(Op::MOV_MR.s64(), SCRATCH, Mem::base(to.0, to.1 + offset));
    }
}

/// The field of a structure of pointers.
fn field(base: Reg, number: u32) -> Mem {
    Mem::base(base, 8 * number as i32)
}

/// Emits the entry of compiled code for functions of this shape.
pub fn entry(asm: &mut Assembler, shape: &Shape) {
    let convention = Convention::new(REGISTERS, &shape.params, &shape.results);
    let (buffer, arguments) = (convention.buffer_bytes as i32, convention.stack_bytes as i32);
    asm.r(Op::PUSH, RBP);
    asm.rr(Op::MOV_RM.s64(), RBP, RSP);
    SAVED.into_iter().for_each(|reg| asm.r(Op::PUSH, reg));
    asm.r(Op::PUSH, RDX);
    asm.rr(Op::MOV_RM.s64(), SLOTS_REG, RDX);
    asm.rr(Op::MOV_RM.s64(), CALLEE_REF, RDI);
    asm.rm(Op::MOV_RM.s64(), RCX, field(RDI, func_ref::VMCTX));
    asm.rm(Op::MOV_RM.s64(), RCX, field(RCX, header::STORE));
    asm.r(Op::PUSH, RCX);
    for word in [store::ENTRY_FP, store::EXIT_FP] {
        asm.rm(Op::MOV_RM.s64(), RDX, Mem::base(RCX, word as i32));
        asm.r(Op::PUSH, RDX);
    }
    asm.rm(Op::MOV_MR.s64(), RBP, Mem::base(RCX, store::ENTRY_FP as i32));
    asm.ri(Op::SUB_I.s64(), RSP, ENTRY_FRAME_BYTES + OUTER_EXIT_FP + buffer + arguments);
    if buffer != 0 {
        asm.rm(Op::LEA.s64(), INT_ARGS[0], Mem::base(RSP, arguments));
    }
    for (ty, place, slot) in places(&shape.params, &convention.params) {
        match place {
            Place::Reg(reg) => load(asm, ty, reg, Mem::base(SLOTS_REG, slot)),
            Place::Memory(offset) => copy(asm, ty, (RSP, offset as i32), (SLOTS_REG, slot)),
        }
    }
    asm.m(Op::CALL_RM, field(CALLEE_REF, func_ref::NATIVE));
    // The callee has popped its arguments and preserved rbp.
    asm.rm(Op::MOV_RM.s64(), SLOTS_REG, Mem::base(RBP, SLOTS));
    for (ty, place, slot) in places(&shape.results, &convention.results) {
        match place {
            Place::Reg(reg) => store(asm, ty, reg, Mem::base(SLOTS_REG, slot)),
            Place::Memory(offset) => copy(asm, ty, (SLOTS_REG, slot), (RSP, offset as i32)),
        }
    }
    asm.constant(RAX, 1);
    asm.rm(Op::MOV_RM.s64(), RDI, Mem::base(RBP, STORE));
    return_from_entry(asm);
}

/// Returns from the entry stub whose frame `rbp` points at. The `VmStore` is in `rdi`, the result in `rax`.
fn return_from_entry(asm: &mut Assembler) {
    for (word, outer) in [(store::ENTRY_FP, OUTER_ENTRY_FP), (store::EXIT_FP, OUTER_EXIT_FP)] {
        asm.rm(Op::MOV_RM.s64(), RCX, Mem::base(RBP, outer));
        asm.rm(Op::MOV_MR.s64(), RCX, Mem::base(RDI, word as i32));
    }
    asm.rm(Op::LEA.s64(), RSP, Mem::base(RBP, -8 * SAVED.len() as i32));
    SAVED.into_iter().rev().for_each(|reg| asm.r(Op::POP, reg));
    asm.r(Op::POP, RBP);
    asm.op(Op::RET);
}

/// Emits what a stopped guest goes to, with the `VmStore` in `rdi` and `rsp` a multiple of 16: calls the routine at `routine`, then lets the
/// innermost entry stub return false.
pub fn exit(asm: &mut Assembler, routine: u64) {
    asm.rr(Op::MOV_RM.s64(), RBX, RDI);
    asm.constant(RAX, routine as i64);
    asm.r(Op::CALL_RM, RAX);
    asm.rr(Op::MOV_RM.s64(), RDI, RBX);
    asm.rm(Op::MOV_RM.s64(), RBP, Mem::base(RDI, store::ENTRY_FP as i32));
    asm.constant(RAX, 0);
    return_from_entry(asm);
}

/// Emits what code calls to stop its guest, with the `VmStore` in `r11`: notes where that is, then goes on as [`exit`].
pub fn raise(asm: &mut Assembler, routine: u64) {
    asm.r(Op::POP, RAX);
    // Of a function without a frame.
    asm.rm(Op::MOV_RM.s64(), RCX, Mem::base(RSP, 0));
    for (word, reg) in [RAX, RBP, RCX].into_iter().enumerate() {
        asm.rm(Op::MOV_MR.s64(), reg, Mem::base(SCRATCH, (store::TRAPPED as usize + 8 * word) as i32));
    }
    asm.rr(Op::MOV_RM.s64(), RDI, SCRATCH);
    asm.ri(Op::AND_I.s64(), RSP, -16);
    exit(asm, routine);
}

/// Emits the `native` entry of host functions of this shape, which [fits registers](Shape::fits_registers): parameters are where System V has
/// them too. `exit` is the address of [`exit`]'s code.
pub fn leave_in_registers(asm: &mut Assembler, shape: &Shape, exit: u64) {
    debug_assert!(shape.fits_registers());
    let ints = shape.ints();
    // A frame as any other, but rbp stays the caller's, which saves loading it again: whoever reads the stack starts at `exit_fp`.
    asm.r(Op::PUSH, RBP);
    asm.rm(Op::MOV_RM.s64(), SCRATCH, field(VMCTX, header::STORE));
    asm.rm(Op::MOV_MR.s64(), RSP, Mem::base(SCRATCH, store::EXIT_FP as i32));
    asm.rr(Op::MOV_RM.s64(), INT_ARGS[ints], CALLEE_REF);
    asm.rr(Op::MOV_RM.s64(), INT_ARGS[ints + 1], VMCTX);
    asm.m(Op::CALL_RM, field(CALLEE_REF, func_ref::IN_REGISTERS));
    // A structure of two words: each has the next register of its class.
    let float = shape.results.first().is_some_and(|ty| !ty.is_int());
    let went_well = if float { RAX } else { RDX };
    let stopped = asm.label();
    asm.rr(Op::TEST_MR.s32(), went_well, went_well);
    asm.jcc(Cond::E, stopped);
    // Any register that holds nothing.
    asm.r(Op::POP, SCRATCH);
    asm.op(Op::RET);
    asm.bind(stopped);
    stop_from_leave(asm, RSP, exit);
}

/// Emits the `native` entry of host functions that cannot be called: it stops the guest, and `routine` says why. Since it does not return, it
/// serves all types.
pub fn refuse(asm: &mut Assembler, routine: u64) {
    asm.r(Op::PUSH, RBP);
    asm.rr(Op::MOV_RM.s64(), RBP, RSP);
    asm.rm(Op::MOV_RM.s64(), RDI, field(VMCTX, header::STORE));
    asm.rm(Op::MOV_MR.s64(), RBP, Mem::base(RDI, store::EXIT_FP as i32));
    exit(asm, routine);
}

/// Bytes of a thunk.
const THUNK_BYTES: u32 = 8;

/// Emits what stands for the code of functions that are not compiled yet, numbered from 0; gives the offset of the first and the bytes of each. One that
/// is called, or jumped to, calls the routine at `routine` with its vmctx and its number, and jumps to the address that it gives.
pub fn thunks(asm: &mut Assembler, count: u32, routine: u64) -> (u32, u32) {
    let (common, first) = (asm.label(), asm.label());
    asm.align(THUNK_BYTES);
    let start = asm.offset();
    asm.bind(first);
    for _ in 0..count {
        let thunk = asm.offset();
        // Not short, so that all are alike.
        asm.emit(&Inst::to_label(Op::CALL, common));
        let filling = THUNK_BYTES - (asm.offset() - thunk);
        asm.bytes(&[0xcc; THUNK_BYTES as usize][..filling as usize]);
    }
    asm.bind(common);
    let ints = INT_ARGS.into_iter().chain([CALLEE_REF]);
    let vectors = (0..VECTOR_ARGS).map(xmm);
    let vector_bytes = 16 * i32::from(VECTOR_ARGS);
    let frame = vector_bytes + 8 * (INT_ARGS.len() as i32 + 1);
    // Below the caller's return address lie the thunk's and rbp.
    const _: () = assert!((INT_ARGS.len() + 1) % 2 == 1, "the stack pointer becomes a multiple of 16");
    asm.r(Op::PUSH, RBP);
    asm.rr(Op::MOV_RM.s64(), RBP, RSP);
    asm.ri(Op::SUB_I.s64(), RSP, frame);
    let int_place = |index: usize| Mem::base(RSP, vector_bytes + 8 * index as i32);
    let vector_place = |index: usize| Mem::base(RSP, 16 * index as i32);
    ints.clone().enumerate().for_each(|(index, reg)| asm.rm(Op::MOV_MR.s64(), reg, int_place(index)));
    vectors.clone().enumerate().for_each(|(index, reg)| asm.rm(Op::MOVUPS_MR, reg, vector_place(index)));
    asm.copy(RDI, VMCTX);
    asm.rm(Op::MOV_RM.s64(), RSI, Mem::base(RBP, 8));
    asm.rm(Op::LEA.s64(), RAX, Mem::label(first));
    asm.rr(Op::SUB_RM.s64(), RSI, RAX);
    asm.ri(Op::SHR_I.s64(), RSI, THUNK_BYTES.ilog2() as i32);
    asm.constant(RAX, routine as i64);
    asm.r(Op::CALL_RM, RAX);
    asm.copy(SCRATCH, RAX);
    ints.enumerate().for_each(|(index, reg)| asm.rm(Op::MOV_RM.s64(), reg, int_place(index)));
    vectors.enumerate().for_each(|(index, reg)| asm.rm(Op::MOVUPS_RM, reg, vector_place(index)));
    asm.rr(Op::MOV_RM.s64(), RSP, RBP);
    asm.r(Op::POP, RBP);
    asm.rm(Op::LEA.s64(), RSP, Mem::base(RSP, 8));
    asm.r(Op::JMP_RM, SCRATCH);
    (start, THUNK_BYTES)
}

/// The registers that functions preserve and the baseline compiler uses.
pub const KEPT: [Reg; 3] = [RBX, R12, R13];

/// Emits what code calls whose counter is below zero.
pub fn count_down(asm: &mut Assembler, routine: u64, _: BranchProtection) {
    const INTS: [Reg; 8] = [RAX, RCX, RDX, RSI, RDI, R8, R9, R10];
    const VECTORS: u8 = 16;
    asm.r(Op::PUSH, RBP);
    asm.rr(Op::MOV_RM.s64(), RBP, RSP);
    const VECTOR_BYTES: i32 = 16 * VECTORS as i32;
    const INTS_AND_KEPT: i32 = 8 * (INTS.len() + KEPT.len()) as i32;
    asm.ri(Op::SUB_I.s64(), RSP, VECTOR_BYTES + ((INTS_AND_KEPT + 15) & !15));
    let int_place = |index: usize| Mem::base(RSP, VECTOR_BYTES + 8 * index as i32);
    let kept_place = |index: usize| int_place(INTS.len() + index);
    let vector_place = |number: u8| Mem::base(RSP, 16 * i32::from(number));
    KEPT.into_iter().enumerate().for_each(|(index, reg)| asm.rm(Op::MOV_MR.s64(), reg, kept_place(index)));
    INTS.into_iter().enumerate().for_each(|(index, reg)| asm.rm(Op::MOV_MR.s64(), reg, int_place(index)));
    (0..VECTORS).for_each(|number| asm.rm(Op::MOVUPS_MR, xmm(number), vector_place(number)));
    asm.copy(RDI, VMCTX);
    asm.copy(RSI, SCRATCH);
    asm.rm(Op::MOV_RM.s64(), RDX, Mem::base(RBP, 0));
    asm.rm(Op::LEA.s64(), RCX, kept_place(0));
    asm.constant(RAX, routine as i64);
    asm.r(Op::CALL_RM, RAX);
    let goes_on = asm.label();
    asm.rr(Op::TEST_MR.s64(), RAX, RAX);
    asm.jcc(Cond::Ne, goes_on);
    INTS.into_iter().enumerate().for_each(|(index, reg)| asm.rm(Op::MOV_RM.s64(), reg, int_place(index)));
    (0..VECTORS).for_each(|number| asm.rm(Op::MOVUPS_RM, xmm(number), vector_place(number)));
    asm.rr(Op::MOV_RM.s64(), RSP, RBP);
    asm.r(Op::POP, RBP);
    asm.op(Op::RET);
    asm.bind(goes_on);
    KEPT.into_iter()
        .enumerate()
        .for_each(|(index, reg)| asm.rm(Op::MOV_RM.s64(), reg, field(RAX, replacement::KEPT + index as u32)));
    asm.rm(Op::MOV_RM.s64(), INT_ARGS[0], field(RAX, replacement::BUFFER));
    asm.rm(Op::MOV_RM.s64(), RBP, field(RAX, replacement::CALLER_FP));
    asm.rm(Op::MOV_RM.s64(), RSP, field(RAX, replacement::CALLER_SP));
    asm.rm(Op::MOV_RM.s64(), RSI, field(RAX, replacement::ARGUMENTS));
    asm.rm(Op::MOV_RM.s64(), RCX, field(RAX, replacement::ARGUMENT_WORDS));
    let (next, done) = (asm.label(), asm.label());
    asm.bind(next);
    asm.ri(Op::SUB_I.s64(), RCX, 1);
    asm.jcc(Cond::S, done);
    asm.rm(Op::MOV_RM.s64(), SCRATCH, Mem::indexed(RSI, RCX, Scale::Eight, 0));
    asm.r(Op::PUSH, SCRATCH);
    asm.emit(&Inst::to_label(Op::JMP, next));
    asm.bind(done);
    asm.rm(Op::MOV_RM.s64(), SCRATCH, field(RAX, replacement::RETURN_ADDRESS));
    asm.r(Op::PUSH, SCRATCH);
    asm.m(Op::JMP_RM, field(RAX, replacement::ENTRY));
}

/// Emits the `native` entry of a function whose address is in the cell with this number.
pub fn foreign(asm: &mut Assembler, cell: u32) {
    asm.rm(Op::MOV_RM.s64(), VMCTX, field(CALLEE_REF, func_ref::VMCTX));
    asm.rm(Op::MOV_RM.s64(), MEMORY_BASE, field(VMCTX, header::MEMORY0_BASE));
    asm.m(Op::JMP_RM, Mem::symbol(Symbol(cell)));
}

/// Goes to [`exit`]'s code from the frame of a stub out of compiled code, which `fp` points at.
fn stop_from_leave(asm: &mut Assembler, fp: Reg, exit: u64) {
    // The vmctx is one of the registers that System V preserves. What the host has called meanwhile may have left its own frame.
    asm.rm(Op::MOV_RM.s64(), RDI, field(VMCTX, header::STORE));
    asm.rm(Op::MOV_MR.s64(), fp, Mem::base(RDI, store::EXIT_FP as i32));
    asm.constant(RAX, exit as i64);
    asm.r(Op::JMP_RM, RAX);
}

/// Emits the `native` entry of functions of this shape that are not compiled code. `exit` is the address of [`exit`]'s code.
pub fn leave(asm: &mut Assembler, shape: &Shape, callee: Callee, exit: u64) {
    let convention = Convention::new(REGISTERS, &shape.params, &shape.results);
    let has_buffer = convention.buffer_bytes != 0;
    let bytes = (shape.slot_bytes() + if has_buffer { 8 } else { 0 } + 15) & !15;
    let buffer = Mem::base(RSP, bytes - 8);
    asm.r(Op::PUSH, RBP);
    asm.rr(Op::MOV_RM.s64(), RBP, RSP);
    asm.rm(Op::MOV_RM.s64(), SCRATCH, field(VMCTX, header::STORE));
    asm.rm(Op::MOV_MR.s64(), RBP, Mem::base(SCRATCH, store::EXIT_FP as i32));
    if bytes != 0 {
        asm.ri(Op::SUB_I.s64(), RSP, bytes);
    }
    if has_buffer {
        asm.rm(Op::MOV_MR.s64(), INT_ARGS[0], buffer);
    }
    for (ty, place, slot) in places(&shape.params, &convention.params) {
        match place {
            Place::Reg(reg) => store(asm, ty, reg, Mem::base(RSP, slot)),
            // Above the saved rbp and the return address.
            Place::Memory(offset) => copy(asm, ty, (RSP, slot), (RBP, 16 + offset as i32)),
        }
    }
    asm.rr(Op::MOV_RM.s64(), RDI, CALLEE_REF);
    asm.rr(Op::MOV_RM.s64(), RSI, VMCTX);
    asm.rr(Op::MOV_RM.s64(), RDX, RSP);
    match callee {
        Callee::Host => asm.m(Op::CALL_RM, field(CALLEE_REF, func_ref::HOST)),
        Callee::Routine(address) => {
            asm.constant(RAX, address as i64);
            asm.r(Op::CALL_RM, RAX);
        }
    }
    let stopped = asm.label();
    asm.rr(Op::TEST_MR.size(Size::S8), RAX, RAX);
    asm.jcc(Cond::E, stopped);
    if has_buffer {
        asm.rm(Op::MOV_RM.s64(), R10, buffer);
    }
    for (ty, place, slot) in places(&shape.results, &convention.results) {
        match place {
            Place::Reg(reg) => load(asm, ty, reg, Mem::base(RSP, slot)),
            Place::Memory(offset) => copy(asm, ty, (R10, offset as i32), (RSP, slot)),
        }
    }
    asm.rr(Op::MOV_RM.s64(), RSP, RBP);
    asm.r(Op::POP, RBP);
    match convention.stack_bytes as u16 {
        0 => asm.op(Op::RET),
        bytes => {
            // ret imm16: a function has at most 1,000 parameters.
            let [low, high] = bytes.to_le_bytes();
            asm.bytes(&[0xc2, low, high]);
        }
    }
    asm.bind(stopped);
    stop_from_leave(asm, RBP, exit);
}
