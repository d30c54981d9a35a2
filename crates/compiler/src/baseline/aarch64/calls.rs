//! Calls.

use super::{Aarch64, Test};
use crate::baseline::Baseline;
use crate::compile::Calls;
use crate::ir::Type;
use crate::isa::aarch64::abi::CALLEE_REF;
use crate::isa::aarch64::asm::Symbol;
use crate::isa::aarch64::inst::Inst;
use crate::isa::aarch64::regs::{SCRATCH, SP, VMCTX, x};
use crate::isa::aarch64::row::{Op, Size};
use crate::translate::Context;
use tiercel_abi::vmctx::{func_ref, header};

impl Baseline<Aarch64> {
    pub(in crate::baseline) fn call_function(&mut self, body: u32) {
        match self.options.calls {
            Calls::Direct => self.asm.call_symbol(Symbol(body)),
            Calls::Cells => {
                self.load_cell(body);
                self.asm.r(Op::BLR, SCRATCH);
            }
        }
    }

    /// Loads the address of a function's code.
    fn load_cell(&mut self, body: u32) {
        self.asm.symbol(SCRATCH, Symbol(body), true);
    }

    /// Calls through the reference in its register.
    pub(in crate::baseline) fn call_native(&mut self) {
        self.load_native();
        self.asm.r(Op::BLR, SCRATCH);
    }

    pub(in crate::baseline) fn jump_to_function(&mut self, body: u32) {
        match self.options.calls {
            Calls::Direct => self.asm.emit_plain(&Inst::to_symbol(Op::B, Symbol(body))),
            Calls::Cells => {
                self.load_cell(body);
                self.asm.r(Op::BR, SCRATCH);
            }
        }
    }

    pub(in crate::baseline) fn jump_to_ref(&mut self) {
        self.load_native();
        self.asm.r(Op::BR, SCRATCH);
    }

    /// The entry of the function reference that a call goes to.
    fn load_native(&mut self) {
        self.asm.quick_rm(Op::LDR_X, 8, SCRATCH, CALLEE_REF, (func_ref::NATIVE * 8) as i32);
    }

    /// What follows a call: arguments on the stack are gone, and what may be another instance's is loaded again.
    pub(in crate::baseline) fn behind_call(&mut self, cx: Context<'_>, stack_bytes: u32, foreign: bool) {
        self.asm.add(SP, SP, -(stack_bytes as i32));
        if foreign {
            self.load(Type::I64, VMCTX, self.vmctx_home);
            self.load_memory_base(cx);
        }
    }

    /// Calls a routine by its place in the table; its arguments but the first are in place.
    pub(in crate::baseline) fn emit_builtin(&mut self, place: u32) {
        self.asm.copy(x(0), VMCTX);
        self.load_pointer(SCRATCH, (header::BUILTINS * 8) as i32);
        self.asm.quick_rm(Op::LDR_X, 8, SCRATCH, SCRATCH, 8 * place as i32);
        self.asm.r(Op::BLR, SCRATCH);
    }

    pub(in crate::baseline) fn trap_if_stopped(&mut self) {
        self.trap_if(Test::Zero(Size::S32, x(1), false), 0);
    }

    /// Pushes the result of a routine, an `i64`, as an `i32`.
    pub(in crate::baseline) fn push_wrapped_result(&mut self) {
        self.take(x(0));
        self.asm.rr(Op::MOV.s32(), x(0), x(0));
        self.push_reg(Type::I32, x(0));
    }
}
