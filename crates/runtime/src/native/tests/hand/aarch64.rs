//! Functions written by hand, on aarch64.

use super::Hand;
use tiercel_abi::Trap;
use tiercel_abi::vmctx::{func_ref, header, store};
use tiercel_compiler::isa::aarch64::abi::{CALLEE_REF, INT_ARGS, INT_RESULTS};
use tiercel_compiler::isa::aarch64::regs::*;
pub use tiercel_compiler::isa::aarch64::{Assembler, Label, Symbol};
use tiercel_compiler::isa::aarch64::{Cond, Extend, Inst, Mem, Op, Shift};
use tiercel_compiler::isa::reg::Reg;

/// Registers of arguments.
pub const ARGS: [Reg; 8] = INT_ARGS;
/// The register of the first result.
pub const RESULT: Reg = INT_RESULTS[0];

impl Hand {
    /// The entry from anywhere.
    pub(super) fn foreign_entry(&mut self) {
        self.asm.rm(Op::LDR_X, VMCTX, Mem::base(CALLEE_REF, 8 * func_ref::VMCTX as i32));
        self.load_memory_base();
    }

    fn load_memory_base(&mut self) {
        self.asm.rm(Op::LDR_X, MEMORY_BASE, Mem::base(VMCTX, 8 * header::MEMORY0_BASE as i32));
    }

    /// Opens a frame and checks the stack.
    pub(super) fn prologue(&mut self, frame_bytes: i32) {
        self.asm.rrm(Op::STP_X, FP, LR, Mem::pre(SP, -16));
        self.asm.copy(FP, SP);
        self.asm.rm(Op::LDR_X, SCRATCH, Mem::base(VMCTX, 8 * header::STORE as i32));
        self.asm.rm(Op::LDR_X, SCRATCH, Mem::base(SCRATCH, store::NATIVE_STACK_LIMIT as i32));
        self.asm.emit_plain(&Inst::r(Op::CMP_X.s64(), [SP, SCRATCH]).extend(Extend::Uxtx, 0));
        self.stop_if(Cond::Lo, Trap::StackOverflow.code(), 0);
        self.asm.add(SP, SP, -frame_bytes);
    }

    /// Returns, from a frame if there is one.
    pub(super) fn epilogue(&mut self, framed: bool) {
        if framed {
            self.asm.copy(SP, FP);
            self.asm.rrm(Op::LDP_X, FP, LR, Mem::post(SP, 16));
        }
        self.asm.op(Op::RET);
    }

    fn stop_if(&mut self, cond: Cond, code: u8, loc: u32) {
        let label = self.exit(code, loc);
        self.asm.jcc(cond, label);
    }

    /// An instruction that traps.
    pub(super) fn trap_instruction(&mut self) {
        self.asm.emit_plain(&Inst::r(Op::UDF, []).imm(0));
    }

    /// Calls the imported function whose pointer is at this offset of the vmctx, and restores the vmctx from the bottom of the frame.
    pub fn call_import(&mut self, vmctx_offset: u32, loc: u32) {
        self.asm.rm(Op::STR_X, VMCTX, Mem::base(SP, 0));
        self.asm.rm(Op::LDR_X, CALLEE_REF, Mem::base(VMCTX, vmctx_offset as i32));
        self.asm.rm(Op::LDR_X, SCRATCH, Mem::base(CALLEE_REF, 8 * func_ref::NATIVE as i32));
        self.asm.r(Op::BLR, SCRATCH);
        self.after_call(loc);
        self.asm.rm(Op::LDR_X, VMCTX, Mem::base(SP, 0));
        self.load_memory_base();
    }

    /// Calls a builtin whose arguments are in place, but for the vmctx.
    pub fn call_builtin(&mut self, number: u32, loc: u32) {
        self.asm.copy(ARGS[0], VMCTX);
        self.asm.rm(Op::LDR_X, SCRATCH, Mem::base(VMCTX, 8 * header::BUILTINS as i32));
        self.asm.rm(Op::LDR_X, SCRATCH, Mem::base(SCRATCH, 8 * number as i32));
        self.asm.r(Op::BLR, SCRATCH);
        self.after_call(loc);
        let label = self.exit(0, loc);
        self.asm.emit_plain(&Inst::to_label(Op::CBNZ.s64(), [x(1)], label));
    }

    /// Goes to the imported function whose pointer is at this offset of the vmctx, with the arguments that are there. No frame may be open.
    pub fn tail_call_import(&mut self, vmctx_offset: u32) {
        self.asm.rm(Op::LDR_X, CALLEE_REF, Mem::base(VMCTX, vmctx_offset as i32));
        self.asm.rm(Op::LDR_X, SCRATCH, Mem::base(CALLEE_REF, 8 * func_ref::NATIVE as i32));
        self.asm.r(Op::BR, SCRATCH);
    }

    /// A constant.
    pub fn constant(&mut self, dst: Reg, value: i64) {
        self.asm.constant(dst, value as u64);
    }

    /// A copy.
    pub fn copy(&mut self, dst: Reg, src: Reg) {
        self.asm.copy(dst, src);
    }

    /// A sum of 32 bits.
    pub fn add(&mut self, dst: Reg, first: Reg, second: Reg) {
        self.asm.emit_plain(&Inst::r(Op::ADD_S.s32(), [dst, first, second]).shift(Shift::Lsl, 0));
    }

    /// Adds a constant, with 32 bits.
    pub fn add_constant(&mut self, reg: Reg, value: i32) {
        let op = if value < 0 { Op::SUB_I } else { Op::ADD_I };
        self.asm.rri(op.s32(), reg, reg, value.abs());
    }

    /// Goes to a label if 32 bits are 0.
    pub fn jump_if_zero(&mut self, reg: Reg, label: Label) {
        self.asm.emit_plain(&Inst::to_label(Op::CBZ.s32(), [reg], label));
    }

    /// Loads 32 bits of memory 0, from an index and a constant offset. It may fault.
    pub fn load(&mut self, dst: Reg, index: Reg, offset: i32, site: Option<(Trap, u32)>) {
        self.asm.add(x(9), index, offset);
        self.site(site);
        self.asm.rm(Op::LDR_W, dst, Mem::indexed(MEMORY_BASE, x(9), Extend::Uxtx, false));
    }

    /// Loads 64 bits from an address. It may fault.
    pub fn load_address(&mut self, dst: Reg, address: Reg, site: Option<(Trap, u32)>) {
        self.site(site);
        self.asm.rm(Op::LDR_X, dst, Mem::base(address, 0));
    }

    fn site(&mut self, site: Option<(Trap, u32)>) {
        if let Some((trap, loc)) = site {
            self.trap_site(trap.code(), loc);
        }
    }

    /// Takes fuel, and stops without.
    pub fn take_fuel(&mut self, fuel: i32, loc: u32) {
        let mem = Mem::base(SCRATCH, store::FUEL as i32);
        self.asm.rm(Op::LDR_X, SCRATCH, Mem::base(VMCTX, 8 * header::STORE as i32));
        self.asm.rm(Op::LDR_X, x(9), mem);
        self.asm.rri(Op::SUBC_I.s64(), x(9), x(9), fuel);
        self.asm.rm(Op::STR_X, x(9), mem);
        self.stop_if(Cond::Mi, Trap::OutOfFuel.code(), loc);
    }
}
