//! Linear memory, globals.
//!
//! Accesses to memory 0 with 32-bit addresses and guard pages are made here; all others are checked, by way of snippets.

use super::{SCRATCH, Value, X64};
use crate::baseline::Baseline;
use crate::baseline::state::Place;
use crate::ir::Type;
use crate::isa::convention::class_of;
use crate::isa::reg::{Reg, RegClass};
use crate::isa::x64::mem::{Mem, Scale};
use crate::isa::x64::regs::VMCTX;
use crate::isa::x64::row::{Op, Size};
use crate::translate::Context;
use tiercel_abi::Trap;
use wasmparser::Operator;

impl Baseline<X64> {
    /// A load from or a store to memory 0; `false`: it is none, or not one that is made here.
    pub(in crate::baseline) fn access(&mut self, cx: Context<'_>, op: &Operator<'_>, offset: u64) -> bool {
        use Operator::*;
        if !self.is_guarded(cx, offset) {
            return false;
        }
        let (ty, op) = match *op {
            I32Load { .. } => (Type::I32, Op::MOV_RM.s32()),
            I64Load { .. } => (Type::I64, Op::MOV_RM.s64()),
            F32Load { .. } => (Type::F32, Op::MOVSS_LOAD),
            F64Load { .. } => (Type::F64, Op::MOVSD_LOAD),
            I32Load8U { .. } => (Type::I32, Op::MOVZX_8.s32()),
            I32Load8S { .. } => (Type::I32, Op::MOVSX_8.s32()),
            I32Load16U { .. } => (Type::I32, Op::MOVZX_16.s32()),
            I32Load16S { .. } => (Type::I32, Op::MOVSX_16.s32()),
            I64Load8U { .. } => (Type::I64, Op::MOVZX_8.s32()),
            I64Load8S { .. } => (Type::I64, Op::MOVSX_8.s64()),
            I64Load16U { .. } => (Type::I64, Op::MOVZX_16.s32()),
            I64Load16S { .. } => (Type::I64, Op::MOVSX_16.s64()),
            I64Load32U { .. } => (Type::I64, Op::MOV_RM.s32()),
            I64Load32S { .. } => (Type::I64, Op::MOVSXD),
            _ => return self.store_to_memory(op, offset as u32),
        };
        self.load_from_memory(ty, op, offset as u32);
        true
    }

    /// An instruction that loads from memory 0.
    pub(super) fn load_from_memory(&mut self, ty: Type, op: Op, offset: u32) {
        let index = self.pop();
        let (mem, index) = self.address(index, offset);
        let dst = self.result(class_of(ty), [index, None]);
        self.trap_site(Trap::MemoryOutOfBounds.code(), self.loc);
        self.asm.quick_rm(op.for_cpu(self.asm.features()), dst, mem);
        if let Some(index) = index
            && index != dst
        {
            self.release(index);
        }
        self.push_reg(ty, dst);
    }

    fn store_to_memory(&mut self, op: &Operator<'_>, offset: u32) -> bool {
        use Operator::*;
        let (op, op_imm) = match *op {
            I32Store8 { .. } | I64Store8 { .. } => (Op::MOV_MR.size(Size::S8), Some(Op::MOV_MI.size(Size::S8))),
            I32Store16 { .. } | I64Store16 { .. } => (Op::MOV_MR.size(Size::S16), Some(Op::MOV_MI.size(Size::S16))),
            I32Store { .. } | I64Store32 { .. } => (Op::MOV_MR.s32(), Some(Op::MOV_MI.s32())),
            I64Store { .. } => (Op::MOV_MR.s64(), Some(Op::MOV_MI.s64())),
            F32Store { .. } => (Op::MOVSS_STORE, None),
            F64Store { .. } => (Op::MOVSD_STORE, None),
            V128Store { .. } => (Op::MOVUPS_MR, None),
            _ => return false,
        };
        let (value, index) = (self.pop(), self.pop());
        let imm = match (value.place, op_imm) {
            (Place::Const(bits), Some(op)) if value.ty == Type::I32 => Some((op, bits as i32)),
            (Place::Const(bits), Some(op)) => i32::try_from(bits as i64).ok().map(|imm| (op, imm)),
            _ => None,
        };
        let source = if imm.is_none() { Some(self.in_reg(value)) } else { None };
        let (mem, index) = self.address(index, offset);
        self.trap_site(Trap::MemoryOutOfBounds.code(), self.loc);
        match (imm, source) {
            (Some((op, imm)), _) => self.asm.quick_mi(op, mem, imm),
            (None, Some(source)) => self.asm.quick_rm(op.for_cpu(self.asm.features()), source, mem),
            (None, None) => unreachable!("it is a number or in a register"),
        }
        for reg in [index, source].into_iter().flatten() {
            self.release(reg);
        }
        true
    }

    /// The address at a popped index and an offset, and the register to give back afterwards.
    pub(super) fn address(&mut self, index: Value, offset: u32) -> (Mem, Option<Reg>) {
        let base = Self::memory_base();
        if let Place::Const(bits) = index.place {
            let sum = bits + u64::from(offset);
            if let Ok(disp) = i32::try_from(sum) {
                return (Mem::base(base, disp), None);
            }
            let reg = self.alloc(RegClass::Int);
            self.asm.constant(reg, sum as i64);
            return (Mem::indexed(base, reg, Scale::One, 0), Some(reg));
        }
        if let Ok(disp) = i32::try_from(offset) {
            let reg = self.in_reg(index);
            return (Mem::indexed(base, reg, Scale::One, disp), Some(reg));
        }
        let index = self.in_reg(index);
        self.asm.constant(SCRATCH, offset.into());
        self.asm.rr(Op::ADD_RM.s64(), SCRATCH, index);
        (Mem::indexed(base, SCRATCH, Scale::One, 0), Some(index))
    }

    /// Where a global is; the scratch register may be part of it.
    fn global(&mut self, cx: Context<'_>, global: u32) -> (Type, Mem) {
        let ty = Type::from(cx.info.globals[global as usize].content);
        match global.checked_sub(cx.info.imported.globals) {
            Some(own) => (ty, Mem::base(VMCTX, cx.layout.own_global(own) as i32)),
            None => {
                self.load_pointer(SCRATCH, cx.layout.imported_global(global) as i32);
                (ty, Mem::base(SCRATCH, 0))
            }
        }
    }

    pub(in crate::baseline) fn load_global(&mut self, cx: Context<'_>, global: u32, ty: Type, dst: Reg) {
        let (_, mem) = self.global(cx, global);
        self.load_from(ty, dst, mem);
    }

    pub(in crate::baseline) fn global_set(&mut self, cx: Context<'_>, global: u32) {
        let value = self.pop();
        let ty = value.ty;
        if let (Place::Const(bits), RegClass::Int) = (value.place, class_of(ty))
            && i32::try_from(bits as i64).is_ok()
        {
            let (_, mem) = self.global(cx, global);
            return self.store_constant_at(bits, mem);
        }
        let reg = self.in_reg(value);
        let (_, mem) = self.global(cx, global);
        self.store_at(ty, reg, mem);
        self.release(reg);
    }
}
