//! Calls: of functions of the module, through references, of imports, of the runtime; and the parameters of the function itself.

use super::{Lower, NO_TRAP, fixed};
use crate::entity::Entity;
use crate::ir::{Builtin, List, Opcode, Sig, Value};
use crate::isa::aarch64::abi::REGISTERS;
use crate::isa::aarch64::abi::{CALLEE_REF, INT_ARGS};
use crate::isa::aarch64::frame::CallPolicy;
use crate::isa::aarch64::inst::Inst;
use crate::isa::aarch64::mem::Mem;
use crate::isa::aarch64::regs::VMCTX;
use crate::isa::aarch64::row::Op;
use crate::isa::aarch64::vcode::{Kind, Own};
use crate::isa::convention::Place;
use crate::isa::reg::{Reg, RegClass};
use crate::regalloc::{Operand, Role};

impl Lower<'_> {
    /// The parameters of the function.
    pub(super) fn args(&mut self) {
        let func = self.func;
        let convention = std::mem::take(&mut self.b.own_convention);
        let mut operands = Vec::new();
        if convention.buffer_bytes != 0 {
            operands.push(fixed(self.result_buffer, Role::Def, INT_ARGS[0]));
        }
        for (param, place) in func.params(func.entry()).zip(&convention.params) {
            if let Place::Reg(physical) = *place {
                // One that nobody uses stays where it is until it is overwritten.
                if self.is_used(param) {
                    operands.push(fixed(self.def(param), Role::Def, physical));
                }
            }
        }
        self.push_special(Kind::Args, &operands, NO_TRAP, 0);
        for (param, place) in func.params(func.entry()).zip(&convention.params) {
            if let Place::Memory(offset) = *place
                && self.is_used(param)
            {
                let dst = self.def(param);
                self.load_value(func.ty(param), dst, Mem::in_arg(offset as i32));
            }
        }
        self.b.own_convention = convention;
    }

    /// Puts arguments in place; gives the operands of the call.
    fn pass(&mut self, args: List, buffer: Option<Reg>) -> Vec<Operand> {
        let func = self.func;
        let convention = std::mem::take(&mut self.b.convention);
        let mut operands = Vec::new();
        self.b.shared.apart = true;
        // What goes to the stack first, so that it does not wait in a register. Values that have no register yet may be loaded from the frame while
        // the stack pointer is further down: their places are nominal.
        if self.vcode.policy == CallPolicy::Pushed {
            if convention.stack_bytes != 0 {
                self.vcode.calls = true;
                self.push_special(Kind::Own(Own::MoveSp(convention.stack_bytes)), &[], NO_TRAP, 0);
            }
        } else {
            self.vcode.out_bytes = self.vcode.out_bytes.max(convention.stack_bytes);
        }
        for (value, place) in func.list(args).zip(&convention.params) {
            if let Place::Memory(offset) = *place {
                let reg = self.reg(value);
                self.store_value(func.ty(value), reg, Mem::out_arg(offset as i32));
            }
        }
        for (value, place) in func.list(args).zip(&convention.params) {
            if let Place::Reg(physical) = *place {
                operands.push(fixed(self.reg(value), Role::Use, physical));
            }
        }
        if let Some(buffer) = buffer {
            operands.push(fixed(buffer, Role::Use, INT_ARGS[0]));
        }
        self.b.convention = convention;
        self.b.shared.apart = false;
        operands
    }

    /// The reference to an imported function, or the one that the call names.
    fn callee(&mut self, op: Opcode, callee: u32) -> Reg {
        match op {
            Opcode::CallRef | Opcode::ReturnCallRef => self.reg(self.operand(callee)),
            _ => {
                let reg = self.temp(RegClass::Int);
                let mem = Mem::base(VMCTX, self.cx.layout.imported_func(callee) as i32);
                self.push(Inst::m(Op::LDR_X, [reg], mem));
                reg
            }
        }
    }

    /// `call`, `call_import` and `call_ref`.
    pub(super) fn call(&mut self, value: Value) {
        let func = self.func;
        let inst = *func.inst(value);
        let sig = Sig::new(inst.c as usize);
        self.b.convention.set(REGISTERS, func.sig_params(sig), func.sig_results(sig));
        let mut buffer = None;
        // The buffer lies above the frame's other slots, one for all calls: it is read at once.
        let buffer_bytes = self.b.convention.buffer_bytes;
        let buffer_at = self.vcode.zeroed_bytes as i32;
        if buffer_bytes != 0 {
            self.vcode.local_bytes = self.vcode.local_bytes.max(self.vcode.zeroed_bytes + buffer_bytes);
            let reg = self.temp(RegClass::Int);
            self.push(Inst::m(Op::LEA, [reg], Mem::local(buffer_at)));
            buffer = Some(reg);
        }
        let kind = match inst.op {
            Opcode::Call => Kind::CallLocal(inst.a - self.cx.info.imported.funcs),
            _ => Kind::CallRef,
        };
        let callee = (kind == Kind::CallRef).then(|| self.callee(inst.op, inst.a));
        let mut operands = self.pass(List(inst.b), buffer);
        if let Some(callee) = callee {
            operands.push(fixed(callee, Role::Use, CALLEE_REF));
        }
        self.vcode.calls = true;
        self.vcode.saves_vmctx |= kind == Kind::CallRef || self.cx.foreign_tail_calls;
        let convention = std::mem::take(&mut self.b.convention);
        let mut from_memory = Vec::new();
        let results: Vec<(usize, Value)> = if func.result_count(value) == 1 && func.ty(value) != crate::ir::Type::None {
            vec![(0, value)]
        } else {
            self.results(value).collect()
        };
        for (index, result) in results {
            if self.is_used(result) {
                match convention.results[index] {
                    Place::Reg(physical) => operands.push(fixed(self.def(result), Role::Def, physical)),
                    Place::Memory(offset) => from_memory.push((result, offset)),
                }
            }
        }
        self.push_special(kind, &operands, NO_TRAP, convention.stack_bytes);
        for (result, offset) in from_memory {
            let dst = self.def(result);
            self.load_value(func.ty(result), dst, Mem::local(buffer_at + offset as i32));
        }
        self.b.convention = convention;
    }

    /// `return_call`, `return_call_import` and `return_call_ref`.
    pub(super) fn tail_call(&mut self, value: Value) {
        let func = self.func;
        let inst = *func.inst(value);
        let sig = Sig::new(inst.c as usize);
        self.b.convention.set(REGISTERS, func.sig_params(sig), func.sig_results(sig));
        let buffer = (self.b.convention.buffer_bytes != 0).then_some(self.result_buffer);
        let kind = match inst.op {
            Opcode::ReturnCall => Kind::TailLocal(inst.a - self.cx.info.imported.funcs),
            _ => Kind::TailRef,
        };
        let callee = (kind == Kind::TailRef).then(|| self.callee(inst.op, inst.a));
        let mut operands = self.pass(List(inst.b), buffer);
        if let Some(callee) = callee {
            operands.push(fixed(callee, Role::Use, CALLEE_REF));
        }
        self.push_special(kind, &operands, NO_TRAP, self.b.convention.stack_bytes);
    }

    /// A call of a routine of the runtime: the vmctx, then the arguments, all integers.
    pub(super) fn builtin(&mut self, value: Value) {
        let func = self.func;
        let inst = *func.inst(value);
        let builtin = Builtin::from_index(inst.a).expect("the verifier knows it");
        if builtin == Builtin::HeapNew && self.new_object(value) {
            return;
        }
        let vmctx = self.temp(RegClass::Int);
        self.push(Inst::r(Op::MOV.s64(), [vmctx, VMCTX]));
        let mut operands = vec![fixed(vmctx, Role::Use, INT_ARGS[0])];
        self.b.shared.apart = true;
        for (arg, physical) in func.list(List(inst.b)).zip(&INT_ARGS[1..]) {
            operands.push(fixed(self.reg(arg), Role::Use, *physical));
        }
        self.b.shared.apart = false;
        if self.is_used(value) {
            operands.push(fixed(self.def(value), Role::Def, INT_ARGS[0]));
        }
        self.vcode.calls = true;
        self.push_special(Kind::CallBuiltin(inst.a, builtin.may_stop()), &operands, 0, 0);
    }

    /// Looks at the epoch.
    pub(super) fn epoch(&mut self) {
        self.vcode.calls = true;
        self.push_special(Kind::Epoch(Builtin::ALL.len() as u32), &[], 0, 0);
    }
}
