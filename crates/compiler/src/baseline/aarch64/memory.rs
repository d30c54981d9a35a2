//! Linear memory, globals.
//!
//! Accesses to memory 0 with 32-bit addresses and guard pages are made here; all others are checked, by way of snippets.

use super::{Aarch64, Value};
use crate::baseline::Baseline;
use crate::baseline::state::Place;
use crate::ir::Type;
use crate::isa::aarch64::regs::{ADDRESS_SCRATCH, MEMORY_BASE, SCRATCH, VECTOR_SCRATCH, VMCTX, ZR};
use crate::isa::aarch64::row::{Extend, Op};
use crate::isa::convention::class_of;
use crate::isa::reg::{Reg, RegClass};
use crate::translate::Context;
use tiercel_abi::Trap;
use wasmparser::Operator;

/// An index in a register and an offset, or their sum.
pub(super) type Index = Result<(Reg, u32), u64>;

/// An address in memory 0.
pub(super) enum Address {
    /// A register and a distance from it.
    Offset(Reg, i32),
    /// The base of the memory and a register of 32 bits.
    Indexed(Reg),
}

impl Baseline<Aarch64> {
    /// A load from or a store to memory 0; `false`: it is none, or not one that is made here.
    pub(in crate::baseline) fn access(&mut self, cx: Context<'_>, op: &Operator<'_>, offset: u64) -> bool {
        use Operator::*;
        if !self.is_guarded(cx, offset) {
            return false;
        }
        let (ty, op, bytes) = match *op {
            I32Load { .. } => (Type::I32, Op::LDR_W, 4),
            I64Load { .. } => (Type::I64, Op::LDR_X, 8),
            F32Load { .. } => (Type::F32, Op::LDR_S, 4),
            F64Load { .. } => (Type::F64, Op::LDR_D, 8),
            I32Load8U { .. } => (Type::I32, Op::LDRB, 1),
            I32Load8S { .. } => (Type::I32, Op::LDRSB_W, 1),
            I32Load16U { .. } => (Type::I32, Op::LDRH, 2),
            I32Load16S { .. } => (Type::I32, Op::LDRSH_W, 2),
            I64Load8U { .. } => (Type::I64, Op::LDRB, 1),
            I64Load8S { .. } => (Type::I64, Op::LDRSB_X, 1),
            I64Load16U { .. } => (Type::I64, Op::LDRH, 2),
            I64Load16S { .. } => (Type::I64, Op::LDRSH_X, 2),
            I64Load32U { .. } => (Type::I64, Op::LDR_W, 4),
            I64Load32S { .. } => (Type::I64, Op::LDRSW, 4),
            _ => return self.store_to_memory(op, offset as u32),
        };
        let dst = self.load_from_memory(ty, (op, bytes), offset as u32);
        self.push_reg(ty, dst);
        true
    }

    /// An instruction that loads so many bytes from memory 0, to the register of a result.
    pub(super) fn load_from_memory(&mut self, ty: Type, (op, bytes): (Op, u32), offset: u32) -> Reg {
        let index = self.pop();
        let (index, held) = self.index(index, offset);
        let dst = self.result(class_of(ty), [held, None]);
        let address = self.address(index);
        self.access_at(op, bytes, dst, &address);
        self.release_but([held, None], dst);
        dst
    }

    fn store_to_memory(&mut self, op: &Operator<'_>, offset: u32) -> bool {
        use Operator::*;
        let (op, bytes) = match *op {
            I32Store8 { .. } | I64Store8 { .. } => (Op::STRB, 1),
            I32Store16 { .. } | I64Store16 { .. } => (Op::STRH, 2),
            I32Store { .. } | I64Store32 { .. } => (Op::STR_W, 4),
            I64Store { .. } => (Op::STR_X, 8),
            F32Store { .. } => (Op::STR_S, 4),
            F64Store { .. } => (Op::STR_D, 8),
            V128Store { .. } => (Op::STR_Q, 16),
            _ => return false,
        };
        let (value, index) = (self.pop(), self.pop());
        let source = match value.place {
            Place::Const(0) if value.ty.is_int() => ZR,
            _ => self.in_reg(value),
        };
        let (index, held) = self.index(index, offset);
        self.store_at_address((op, bytes), source, index);
        self.release_but([held, Some(source)], Reg::NONE);
        true
    }

    /// An instruction that stores so many bytes to memory 0.
    pub(super) fn store_at_address(&mut self, (op, bytes): (Op, u32), source: Reg, index: Index) {
        // What lies on one side of the memory's end for sure, as memories end with a page.
        let is_whole = matches!(index, Err(sum) if sum.is_multiple_of(bytes.into()));
        let address = self.address(index);
        if !is_whole {
            self.probe(bytes, &address);
        }
        self.access_at(op, bytes, source, &address);
    }

    /// Reads the place of a store that may lie across the end of the memory: the processor is free to write the part inside before it faults at the
    /// rest, and WebAssembly wants nothing written.
    fn probe(&mut self, bytes: u32, address: &Address) {
        let (op, into) = match bytes {
            1 => return,
            2 => (Op::LDRH, ZR),
            4 => (Op::LDR_W, ZR),
            8 => (Op::LDR_X, ZR),
            _ => (Op::LDR_Q, VECTOR_SCRATCH),
        };
        self.access_at(op, bytes, into, address);
    }

    pub(super) fn access_at(&mut self, op: Op, bytes: u32, reg: Reg, address: &Address) {
        match *address {
            Address::Offset(base, offset) => self.asm.quick_rm(op, bytes, reg, base, offset),
            Address::Indexed(index) => self.asm.quick_indexed(op, reg, MEMORY_BASE, index, Extend::Uxtw),
        }
        self.may_fault(Trap::MemoryOutOfBounds.code(), self.loc);
    }

    /// What an address is made of at last: an index in a register and an offset, and the register to give back afterwards.
    pub(super) fn index(&mut self, index: Value, offset: u32) -> (Index, Option<Reg>) {
        match index.place {
            Place::Const(bits) => (Err(bits + u64::from(offset)), None),
            _ => {
                let reg = self.in_reg(index);
                (Ok((reg, offset)), Some(reg))
            }
        }
    }

    /// The address at an index and an offset, or at their sum. The scratch register may be part of it.
    pub(super) fn address(&mut self, index: Index) -> Address {
        let (index, offset) = match index {
            Ok((index, 0)) => return Address::Indexed(index),
            Ok((index, offset)) => {
                self.asm.quick_extended(Op::ADD_X.s64(), SCRATCH, MEMORY_BASE, index, Extend::Uxtw);
                (SCRATCH, u64::from(offset))
            }
            Err(sum) => (MEMORY_BASE, sum),
        };
        if let Ok(offset) = i32::try_from(offset) {
            return Address::Offset(index, offset);
        }
        self.asm.quick_constant(ADDRESS_SCRATCH, offset);
        self.asm.quick_rrr(Op::ADD_S.s64(), SCRATCH, index, ADDRESS_SCRATCH);
        Address::Offset(SCRATCH, 0)
    }

    /// The base register and distance of a global; the scratch register may be the base.
    fn global(&mut self, cx: Context<'_>, global: u32) -> (Reg, i32) {
        match global.checked_sub(cx.info.imported.globals) {
            Some(own) => (VMCTX, cx.layout.own_global(own) as i32),
            None => {
                self.load_pointer(SCRATCH, cx.layout.imported_global(global) as i32);
                (SCRATCH, 0)
            }
        }
    }

    pub(in crate::baseline) fn load_global(&mut self, cx: Context<'_>, global: u32, ty: Type, dst: Reg) {
        let (base, offset) = self.global(cx, global);
        self.load_from(ty, dst, base, offset);
    }

    pub(in crate::baseline) fn global_set(&mut self, cx: Context<'_>, global: u32) {
        let value = self.pop();
        let ty = value.ty;
        let reg = match value.place {
            Place::Const(0) if class_of(ty) == RegClass::Int => ZR,
            _ => self.in_reg(value),
        };
        let (base, offset) = self.global(cx, global);
        self.store_at(ty, reg, base, offset);
        self.release(reg);
    }
}
