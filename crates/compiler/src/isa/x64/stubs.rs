//! Code between compiled functions and everything else, by signature. Values lie in *slots*: 64 bits each, two for a vector.

use super::abi::{CALLEE_REF, Convention, INT_ARGS, Place};
use super::asm::Assembler;
use super::features::Features;
use super::mem::Mem;
use super::regs::*;
use super::row::{Cond, Op};
use crate::ir::Type;
use crate::isa::reg::{Reg, RegClass};
use tiercel_abi::vmctx::{func_ref, header, store};

/// Registers that System V wants preserved, in the order in which the entry stub saves them.
const SAVED: [Reg; 6] = [RBP, RBX, R12, R13, R14, R15];
/// What a stub returns when the guest was stopped.
const STOPPED: i32 = 1;

/// The code of one stub.
pub type Stub = Vec<u8>;

/// The slots of values, from the first on.
fn slots(types: &[Type]) -> impl Iterator<Item = i32> {
    types.iter().scan(0, |next, ty| {
        let at = *next;
        *next += if *ty == Type::V128 { 16 } else { 8 };
        Some(at)
    })
}

fn slot_bytes(types: &[Type]) -> i32 {
    types.iter().map(|ty| if *ty == Type::V128 { 16 } else { 8 }).sum()
}

/// Loads a value; the upper half of an `i32` becomes zero.
fn load(asm: &mut Assembler, ty: Type, reg: Reg, mem: Mem) {
    match (reg.class(), ty) {
        (RegClass::Int, Type::I32) => asm.rm(Op::MOV_RM.s32(), reg, mem),
        (RegClass::Int, _) => asm.rm(Op::MOV_RM.s64(), reg, mem),
        (RegClass::Vector, Type::V128) => asm.rm(Op::MOVUPS_RM, reg, mem),
        (RegClass::Vector, Type::F32) => asm.rm(Op::MOVSS_LOAD, reg, mem),
        (RegClass::Vector, _) => asm.rm(Op::MOVSD_LOAD, reg, mem),
    }
}

/// Stores a value; a slot is written as a whole. Destroys `r10`.
fn save(asm: &mut Assembler, ty: Type, reg: Reg, mem: Mem) {
    match (reg.class(), ty) {
        (RegClass::Int, _) => asm.rm(Op::MOV_MR.s64(), reg, mem),
        (RegClass::Vector, Type::V128) => asm.rm(Op::MOVUPS_MR, reg, mem),
        (RegClass::Vector, Type::F32) => {
            asm.rr(Op::MOVD_TO_G, R10, reg);
            asm.rm(Op::MOV_MR.s64(), R10, mem);
        }
        (RegClass::Vector, _) => asm.rm(Op::MOVSD_STORE, reg, mem),
    }
}

/// Copies a value in memory. Destroys `r10` and the vector scratch register.
fn copy(asm: &mut Assembler, ty: Type, to: Mem, from: Mem) {
    if ty == Type::V128 {
        asm.rm(Op::MOVUPS_RM, VECTOR_SCRATCH, from);
        asm.rm(Op::MOVUPS_MR, VECTOR_SCRATCH, to);
    } else {
        let op = if ty.bytes() == 4 { Op::MOV_RM.s32() } else { Op::MOV_RM.s64() };
        asm.emit(&super::Inst::m(op, [R10], from));
        asm.rm(Op::MOV_MR.s64(), R10, to);
    }
}

/// `extern "sysv64" fn(entry: *const u8, callee: *const VmFuncRef, slots: *mut u64, store: *mut VmStore) -> u64`: calls the foreign entry of
/// a function of this signature with the parameters in the slots and puts the results there. Gives 0, or something else if the guest was
/// stopped.
pub fn entry(features: Features, params: &[Type], results: &[Type]) -> Stub {
    let convention = Convention::new(params, results);
    let mut asm = Assembler::new(features);
    for reg in SAVED {
        asm.r(Op::PUSH, reg);
        if reg == RBP {
            asm.copy(RBP, RSP);
        }
    }
    asm.r(Op::PUSH, RDX);
    // Seven pushes and the return address: a multiple of 16.
    asm.rm(Op::MOV_MR.s64(), RSP, Mem::base(RCX, store::ENTRY_SP as i32));
    let (stack, buffer) = (convention.stack_bytes as i32, convention.buffer_bytes as i32);
    if stack + buffer != 0 {
        asm.ri(Op::SUB_I.s64(), RSP, stack + buffer);
    }
    let (callee, slots_reg, entry) = (CALLEE_REF, R11, RBX);
    asm.copy(callee, RSI);
    asm.copy(slots_reg, RDX);
    asm.copy(entry, RDI);
    for ((ty, place), slot) in params.iter().zip(&convention.params).zip(slots(params)) {
        let from = Mem::base(slots_reg, slot);
        match *place {
            Place::Reg(reg) => load(&mut asm, *ty, reg, from),
            Place::Memory(offset) => copy(&mut asm, *ty, Mem::base(RSP, offset as i32), from),
        }
    }
    if buffer != 0 {
        asm.rm(Op::LEA.s64(), INT_ARGS[0], Mem::base(RSP, stack));
    }
    asm.r(Op::CALL_RM, entry);
    // The callee has popped its arguments.
    asm.rm(Op::MOV_RM.s64(), slots_reg, Mem::base(RSP, buffer));
    for ((ty, place), slot) in results.iter().zip(&convention.results).zip(slots(results)) {
        let to = Mem::base(slots_reg, slot);
        match *place {
            Place::Reg(reg) => save(&mut asm, *ty, reg, to),
            Place::Memory(offset) => copy(&mut asm, *ty, to, Mem::base(RSP, offset as i32)),
        }
    }
    if buffer != 0 {
        asm.ri(Op::ADD_I.s64(), RSP, buffer);
    }
    leave(&mut asm, 0);
    finish(asm)
}

/// Returns from the entry stub, whose stack pointer has been restored.
fn leave(asm: &mut Assembler, result: i32) {
    asm.ri(Op::MOV_RI32, RAX, result);
    asm.r(Op::POP, RCX);
    for reg in SAVED.into_iter().rev() {
        asm.r(Op::POP, reg);
    }
    asm.op(Op::RET);
}

/// Where a signal handler lets a guest go on that is to be stopped, with `rsp` from `VmStore::entry_sp`: returns from the entry stub.
pub fn exit(features: Features) -> Stub {
    let mut asm = Assembler::new(features);
    leave(&mut asm, STOPPED);
    finish(asm)
}

/// The `native` entry of a function that takes its arguments in slots: a host function, called by way of its `VmFuncRef::host`, or with
/// `target` a guest function that runs elsewhere. The target is an `extern "C" fn(callee: *const VmFuncRef, caller: *mut VmCtx, slots: *mut
/// u64) -> bool`; false stops the guest.
pub fn slots_entry(features: Features, params: &[Type], results: &[Type], target: Option<usize>) -> Stub {
    let convention = Convention::new(params, results);
    let mut asm = Assembler::new(features);
    asm.r(Op::PUSH, RBP);
    asm.copy(RBP, RSP);
    asm.rm(Op::MOV_RM.s64(), R11, Mem::base(VMCTX, (header::STORE * 8) as i32));
    asm.rm(Op::MOV_MR.s64(), RBP, Mem::base(R11, store::EXIT_FP as i32));
    // The slots, and above them the address of the buffer for results.
    let slots_size = slot_bytes(params).max(slot_bytes(results));
    let size = (slots_size + 8 + 15) & !15;
    asm.ri(Op::SUB_I.s64(), RSP, size);
    if convention.buffer_bytes != 0 {
        asm.rm(Op::MOV_MR.s64(), INT_ARGS[0], Mem::base(RBP, -8));
    }
    for ((ty, place), slot) in params.iter().zip(&convention.params).zip(slots(params)) {
        let to = Mem::base(RSP, slot);
        match *place {
            Place::Reg(reg) => save(&mut asm, *ty, reg, to),
            Place::Memory(offset) => copy(&mut asm, *ty, to, Mem::base(RBP, 16 + offset as i32)),
        }
    }
    asm.copy(RDI, CALLEE_REF);
    asm.copy(RSI, VMCTX);
    asm.copy(RDX, RSP);
    match target {
        None => asm.m(Op::CALL_RM, Mem::base(CALLEE_REF, (func_ref::HOST * 8) as i32)),
        Some(address) => {
            asm.constant(R11, address as i64);
            asm.r(Op::CALL_RM, R11);
        }
    }
    let failed = asm.label();
    asm.rr(Op::TEST_MR.size(super::Size::S8), RAX, RAX);
    asm.jcc(Cond::E, failed);
    if convention.buffer_bytes != 0 {
        asm.rm(Op::MOV_RM.s64(), R11, Mem::base(RBP, -8));
    }
    for ((ty, place), slot) in results.iter().zip(&convention.results).zip(slots(results)) {
        let from = Mem::base(RSP, slot);
        match *place {
            Place::Reg(reg) => load(&mut asm, *ty, reg, from),
            Place::Memory(offset) => copy(&mut asm, *ty, Mem::base(R11, offset as i32), from),
        }
    }
    asm.copy(RSP, RBP);
    asm.r(Op::POP, RBP);
    if convention.stack_bytes == 0 {
        asm.op(Op::RET);
    } else {
        asm.r(Op::POP, R11);
        asm.ri(Op::ADD_I.s64(), RSP, convention.stack_bytes as i32);
        asm.r(Op::JMP_RM, R11);
    }
    asm.bind(failed);
    asm.rm(Op::MOV_RM.s64(), R11, Mem::base(VMCTX, (header::STORE * 8) as i32));
    asm.rm(Op::MOV_RM.s64(), RSP, Mem::base(R11, store::ENTRY_SP as i32));
    leave(&mut asm, STOPPED);
    finish(asm)
}

fn finish(mut asm: Assembler) -> Stub {
    asm.finish();
    asm.code().to_vec()
}
