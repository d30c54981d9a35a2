//! Functions written by hand, on x86-64.

use super::Hand;
use tiercel_abi::Trap;
use tiercel_abi::vmctx::{func_ref, header, store};
use tiercel_compiler::isa::reg::Reg;
use tiercel_compiler::isa::x64::abi::{CALLEE_REF, INT_ARGS, INT_RESULTS};
use tiercel_compiler::isa::x64::regs::*;
pub use tiercel_compiler::isa::x64::{Assembler, Label, Symbol};
use tiercel_compiler::isa::x64::{Cond, Mem, Op, Scale};

/// Registers of arguments.
pub const ARGS: [Reg; 6] = INT_ARGS;
/// The register of the first result.
pub const RESULT: Reg = INT_RESULTS[0];

impl Hand {
    /// The entry from anywhere.
    pub(super) fn foreign_entry(&mut self) {
        self.asm.rm(Op::MOV_RM.s64(), VMCTX, Mem::base(CALLEE_REF, 8 * func_ref::VMCTX as i32));
        self.load_memory_base();
    }

    fn load_memory_base(&mut self) {
        self.asm.rm(Op::MOV_RM.s64(), MEMORY_BASE, Mem::base(VMCTX, 8 * header::MEMORY0_BASE as i32));
    }

    /// Opens a frame and checks the stack.
    pub(super) fn prologue(&mut self, frame_bytes: i32) {
        self.asm.r(Op::PUSH, RBP);
        self.asm.rr(Op::MOV_RM.s64(), RBP, RSP);
        self.asm.rm(Op::MOV_RM.s64(), R11, Mem::base(VMCTX, 8 * header::STORE as i32));
        self.asm.rm(Op::CMP_RM.s64(), RSP, Mem::base(R11, store::NATIVE_STACK_LIMIT as i32));
        self.stop_if(Cond::B, Trap::StackOverflow.code(), 0);
        if frame_bytes != 0 {
            self.asm.ri(Op::SUB_I.s64(), RSP, frame_bytes);
        }
    }

    /// Returns, from a frame if there is one.
    pub(super) fn epilogue(&mut self, framed: bool) {
        if framed {
            self.asm.rr(Op::MOV_RM.s64(), RSP, RBP);
            self.asm.r(Op::POP, RBP);
        }
        self.asm.op(Op::RET);
    }

    fn stop_if(&mut self, cond: Cond, code: u8, loc: u32) {
        let label = self.exit(code, loc);
        self.asm.jcc(cond, label);
    }

    /// An instruction that traps.
    pub(super) fn trap_instruction(&mut self) {
        self.asm.op(Op::UD2);
    }

    /// Calls the imported function whose pointer is at this offset of the vmctx, and restores the vmctx from the bottom of the frame.
    pub fn call_import(&mut self, vmctx_offset: u32, loc: u32) {
        self.asm.rm(Op::MOV_MR.s64(), VMCTX, Mem::base(RSP, 0));
        self.asm.rm(Op::MOV_RM.s64(), CALLEE_REF, Mem::base(VMCTX, vmctx_offset as i32));
        self.asm.m(Op::CALL_RM, Mem::base(CALLEE_REF, 8 * func_ref::NATIVE as i32));
        self.after_call(loc);
        self.asm.rm(Op::MOV_RM.s64(), VMCTX, Mem::base(RSP, 0));
        self.load_memory_base();
    }

    /// Calls a builtin whose arguments are in place, but for the vmctx.
    pub fn call_builtin(&mut self, number: u32, loc: u32) {
        self.asm.rr(Op::MOV_RM.s64(), RDI, VMCTX);
        self.asm.rm(Op::MOV_RM.s64(), R11, Mem::base(VMCTX, 8 * header::BUILTINS as i32));
        self.asm.m(Op::CALL_RM, Mem::base(R11, 8 * number as i32));
        self.after_call(loc);
        self.asm.rr(Op::TEST_MR.s32(), RDX, RDX);
        self.stop_if(Cond::Ne, 0, loc);
    }

    /// Goes to the imported function whose pointer is at this offset of the vmctx, with the arguments that are there. No frame may be open.
    pub fn tail_call_import(&mut self, vmctx_offset: u32) {
        self.asm.rm(Op::MOV_RM.s64(), CALLEE_REF, Mem::base(VMCTX, vmctx_offset as i32));
        self.asm.m(Op::JMP_RM, Mem::base(CALLEE_REF, 8 * func_ref::NATIVE as i32));
    }

    /// A constant.
    pub fn constant(&mut self, dst: Reg, value: i64) {
        self.asm.constant(dst, value);
    }

    /// A copy.
    pub fn copy(&mut self, dst: Reg, src: Reg) {
        self.asm.rr(Op::MOV_RM.s64(), dst, src);
    }

    /// A sum of 32 bits.
    pub fn add(&mut self, dst: Reg, first: Reg, second: Reg) {
        self.asm.rm(Op::LEA.s32(), dst, Mem::indexed(first, second, Scale::One, 0));
    }

    /// Adds a constant, with 32 bits.
    pub fn add_constant(&mut self, reg: Reg, value: i32) {
        self.asm.ri(Op::ADD_I.s32(), reg, value);
    }

    /// Goes to a label if 32 bits are 0.
    pub fn jump_if_zero(&mut self, reg: Reg, label: Label) {
        self.asm.rr(Op::TEST_MR.s32(), reg, reg);
        self.asm.jcc(Cond::E, label);
    }

    /// Loads 32 bits of memory 0, from an index and a constant offset. It may fault.
    pub fn load(&mut self, dst: Reg, index: Reg, offset: i32, site: Option<(Trap, u32)>) {
        self.site(site);
        self.asm.rm(Op::MOV_RM.s32(), dst, Mem::indexed(MEMORY_BASE, index, Scale::One, offset));
    }

    /// Loads 64 bits from an address. It may fault.
    pub fn load_address(&mut self, dst: Reg, address: Reg, site: Option<(Trap, u32)>) {
        self.site(site);
        self.asm.rm(Op::MOV_RM.s64(), dst, Mem::base(address, 0));
    }

    fn site(&mut self, site: Option<(Trap, u32)>) {
        if let Some((trap, loc)) = site {
            self.trap_site(trap.code(), loc);
        }
    }

    /// Takes fuel, and stops without.
    pub fn take_fuel(&mut self, fuel: i32, loc: u32) {
        self.asm.rm(Op::MOV_RM.s64(), R11, Mem::base(VMCTX, 8 * header::STORE as i32));
        self.asm.mi(Op::SUB_I.s64(), Mem::base(R11, store::FUEL as i32), fuel);
        self.stop_if(Cond::S, Trap::OutOfFuel.code(), loc);
    }

    /// Divides the first argument by the second with 32 bits and signs. It may fault.
    pub fn divide(&mut self, trap: Trap, loc: u32) {
        self.copy(RAX, ARGS[0]);
        self.asm.op(Op::CDQ);
        self.trap_site(trap.code(), loc);
        self.asm.r(Op::IDIV.s32(), ARGS[1]);
    }
}
