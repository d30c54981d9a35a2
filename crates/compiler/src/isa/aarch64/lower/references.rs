//! References that the collector follows: making objects, telling their types apart.

use super::{Lower, NO_TRAP, fixed, operand};
use crate::ir::insts::cast;
use crate::ir::{List, Opcode, Value};
use crate::isa::aarch64::abi::INT_RESULTS;
use crate::isa::aarch64::row::Cond;
use crate::isa::aarch64::vcode::Kind;
use crate::isa::reg::RegClass;
use crate::regalloc::Role;

impl Lower<'_> {
    /// An object of a known size: made here if there is room, by the routine if not. `false`: its size is not known.
    pub(super) fn new_object(&mut self, value: Value) -> bool {
        let func = self.func;
        let mut args = func.list(List(func.inst(value).b));
        let (Some(ty), Some(bytes)) = (args.next(), args.next().and_then(|bytes| func.int_const(bytes))) else {
            return false;
        };
        let (Opcode::CtxLoad, Ok(bytes)) = (func.inst(ty).op, i32::try_from(bytes)) else { return false };
        let ty = func.inst(ty).b;
        self.vcode.calls = true;
        let dst = fixed(self.def(value), Role::Def, INT_RESULTS[0]);
        self.push_special(Kind::New { ty, bytes: bytes as u32 }, &[dst], NO_TRAP, 0);
        true
    }

    /// Sets the flags by whether a reference is of a type.
    pub(super) fn ref_is(&mut self, value: Value) -> Cond {
        let inst = *self.func.inst(value);
        let reference = self.reg(self.operand(inst.a));
        let mut operands = vec![operand(reference, Role::Use), operand(self.temp(RegClass::Int), Role::EarlyDef)];
        if inst.c & cast::FINAL == 0 {
            operands.push(operand(self.temp(RegClass::Int), Role::EarlyDef));
        }
        self.push_special(Kind::RefIs { ty: inst.b, how: inst.c }, &operands, NO_TRAP, 0);
        Cond::Eq
    }
}
