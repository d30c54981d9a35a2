//! Addresses, loads and stores: linear memories, the vmctx, what it points at, frame slots.

use super::{Address, Lower, code};
use crate::entity::Entity;
use crate::ir::insts::access;
use crate::ir::{Format, Opcode, Type, Value};
use crate::isa::reg::{Reg, RegClass};
use crate::isa::x64::inst::Inst;
use crate::isa::x64::mem::{Mem, Scale};
use crate::isa::x64::regs::{MEMORY_BASE, VMCTX};
use crate::isa::x64::row::{Cond, Op, Size};
use crate::isa::x64::vcode::{NO_TRAP, Test};
use crate::isa::x64::vectors;
use tiercel_abi::Trap;
use tiercel_wasm::MemoryType;

impl Lower<'_> {
    /// The address that a load or store accesses, in the instructions' own words.
    pub(super) fn load_address(&mut self, value: Value) -> Address {
        let func = self.func;
        let inst = *func.inst(value);
        let loc = func.locs[value.index()];
        let plain = |mem| Address { mem, trap: NO_TRAP, loc };
        match inst.op.info().format {
            Format::CtxLoad | Format::CtxStore => plain(Mem::base(VMCTX, inst.b as i32)),
            Format::SlotLoad | Format::SlotStore => plain(Mem::local(self.b.slot_offsets[inst.b as usize] as i32)),
            Format::PtrLoad | Format::PtrStore => plain(self.pointer(self.operand(inst.a), inst.b)),
            _ => {
                let index = self.operand(inst.a);
                let mem = if inst.imm & access::NATIVE != 0 {
                    self.pointer(index, inst.b)
                } else {
                    self.memory0(index, inst.b)
                };
                let trap = if inst.imm & access::NO_TRAP != 0 { NO_TRAP } else { code(Trap::MemoryOutOfBounds) };
                Address { mem, trap, loc }
            }
        }
    }

    /// An address in memory 0: its base, an index and an offset.
    fn memory0(&mut self, index: Value, offset: u32) -> Mem {
        if let Some(constant) = self.func.int_const(index) {
            // At most 2^33 for 32-bit memories; a 64-bit index was checked against the memory's length.
            let sum = constant.wrapping_add(u64::from(offset));
            if let Ok(disp) = i32::try_from(sum) {
                return Mem::base(MEMORY_BASE, disp);
            }
            let index = self.int_constant(sum);
            return Mem::indexed(MEMORY_BASE, index, Scale::One, 0);
        }
        let (index, disp) = match i32::try_from(offset) {
            Ok(disp) => (self.reg(index), disp),
            Err(_) => (self.sum(index, offset), 0),
        };
        Mem::indexed(MEMORY_BASE, index, Scale::One, disp)
    }

    /// An index and an offset of 2 GiB or more, in a register.
    fn sum(&mut self, index: Value, offset: u32) -> Reg {
        let (offset, index) = (self.int_constant(offset.into()), self.reg(index));
        let sum = self.temp(RegClass::Int);
        self.push(Inst::m(Op::LEA.s64(), [sum], Mem::indexed(offset, index, Scale::One, 0)));
        sum
    }

    /// An address relative to a pointer. Sums that make up the pointer and serve nothing else become part of it.
    fn pointer(&mut self, pointer: Value, offset: u32) -> Mem {
        let Ok(disp) = i32::try_from(offset) else {
            return Mem::base(self.sum(pointer, offset), 0);
        };
        let func = self.func;
        let inst = func.inst(pointer);
        if !matches!(inst.op, Opcode::I64Add | Opcode::HeapAddr) || !self.is_mine(pointer) {
            return Mem::base(self.reg(pointer), disp);
        }
        let (base, index) = (self.operand(inst.a), self.operand(inst.b));
        if let Some(constant) = func.int_const(index) {
            let sum = i64::from(disp).checked_add(constant as i64).and_then(|sum| i32::try_from(sum).ok());
            return match sum {
                Some(disp) => Mem::base(self.reg(base), disp),
                None => Mem::base(self.reg(pointer), disp),
            };
        }
        let (index, scale) = self.scaled(index);
        let base = self.reg(base);
        Mem::indexed(base, index, scale, disp)
    }

    /// An index as a register times a scale.
    pub(super) fn scaled(&mut self, index: Value) -> (Reg, Scale) {
        let func = self.func;
        let inst = func.inst(index);
        if inst.op == Opcode::I64Shl
            && !self.is_used(index)
            && let Some(shift @ 0..=3) = func.int_const(self.operand(inst.b))
        {
            return (self.reg(self.operand(inst.a)), Scale::ALL[shift as usize]);
        }
        (self.reg(index), Scale::One)
    }

    /// A load from linear memory.
    pub(super) fn load(&mut self, value: Value) {
        let op = self.func.inst(value).op;
        let address = self.load_address(value);
        let dst = self.def(value);
        self.load_into(op, dst, address);
    }

    fn load_into(&mut self, op: Opcode, dst: Reg, address: Address) {
        let op = match op {
            Opcode::I32Load | Opcode::I64Load32U | Opcode::RefLoad => Op::MOV_RM.s32(),
            Opcode::I64Load => Op::MOV_RM.s64(),
            Opcode::I32Load8U | Opcode::I64Load8U => Op::MOVZX_8.s32(),
            Opcode::I32Load16U | Opcode::I64Load16U => Op::MOVZX_16.s32(),
            Opcode::I32Load8S => Op::MOVSX_8.s32(),
            Opcode::I32Load16S => Op::MOVSX_16.s32(),
            Opcode::I64Load8S => Op::MOVSX_8.s64(),
            Opcode::I64Load16S => Op::MOVSX_16.s64(),
            Opcode::I64Load32S => Op::MOVSXD,
            Opcode::F32Load => Op::MOVSS_LOAD,
            Opcode::F64Load => Op::MOVSD_LOAD,
            _ => return self.vector_load(op, dst, address),
        };
        self.push_trap(Inst::m(op, [dst], address.mem), address.trap, address.loc);
    }

    /// A load from the vmctx, through a pointer, or from the frame.
    pub(super) fn field_load(&mut self, value: Value) {
        let ty = self.func.ty(value);
        let address = self.load_address(value);
        let dst = self.def(value);
        let op = match ty {
            Type::I32 => Op::MOV_RM.s32(),
            Type::F32 => Op::MOVSS_LOAD,
            Type::F64 => Op::MOVSD_LOAD,
            Type::V128 => Op::MOVUPS_RM,
            Type::I64 | Type::Ref | Type::None => Op::MOV_RM.s64(),
        };
        self.push(Inst::m(op, [dst], address.mem));
        if self.func.is_constant_field(value) {
            self.vcode.make_again(dst);
        }
    }

    /// A store to linear memory.
    pub(super) fn store(&mut self, value: Value) {
        let inst = *self.func.inst(value);
        let stored = self.operand(inst.c);
        if self.update(value, stored) {
            return;
        }
        let size = match inst.op {
            Opcode::I32Store8 | Opcode::I64Store8 => Size::S8,
            Opcode::I32Store16 | Opcode::I64Store16 => Size::S16,
            Opcode::I32Store | Opcode::I64Store32 | Opcode::RefStore => Size::S32,
            Opcode::I64Store => Size::S64,
            _ => return self.store_vector(value, stored),
        };
        self.store_int(value, stored, size);
    }

    fn store_int(&mut self, store: Value, stored: Value, size: Size) {
        let constant = self.func.int_const(stored).and_then(|bits| {
            let bits = bits as i64;
            if size == Size::S64 { i32::try_from(bits).ok() } else { Some(bits as i32) }
        });
        if let Some(imm) = constant {
            let address = self.load_address(store);
            self.push_trap(Inst::m(Op::MOV_MI.size(size), [], address.mem).imm(imm), address.trap, address.loc);
            return;
        }
        let source = if size == Size::S64 { self.reg(stored) } else { self.low(stored) };
        let address = self.load_address(store);
        self.push_trap(Inst::m(Op::MOV_MR.size(size), [source], address.mem), address.trap, address.loc);
    }

    fn store_vector(&mut self, store: Value, stored: Value) {
        let op = match self.func.ty(stored) {
            Type::F32 => Op::MOVSS_STORE,
            Type::F64 => Op::MOVSD_STORE,
            _ => Op::MOVUPS_MR,
        };
        let source = self.reg(stored);
        let address = self.load_address(store);
        self.push_trap(Inst::m(op, [source], address.mem), address.trap, address.loc);
    }

    /// A store to the vmctx, through a pointer, or to the frame.
    pub(super) fn field_store(&mut self, value: Value) {
        let inst = *self.func.inst(value);
        let stored = self.operand(inst.c);
        match self.func.ty(stored) {
            Type::I32 => self.store_int(value, stored, Size::S32),
            Type::I64 | Type::Ref => self.store_int(value, stored, Size::S64),
            _ => self.store_vector(value, stored),
        }
    }

    /// The check that an access of `c` bytes from the index on lies below the length.
    pub(super) fn mem_check(&mut self, value: Value) {
        let inst = *self.func.inst(value);
        let (index, len) = (self.operand(inst.a), self.operand(inst.b));
        let end = self.temp(RegClass::Int);
        let trap = code(Trap::MemoryOutOfBounds);
        let is_64 = self.func.ty(index) == Type::I64;
        if let Some(constant) = self.func.int_const(index) {
            let (sum, wraps) = constant.overflowing_add(inst.c.into());
            if wraps {
                let zero = self.int_constant(0);
                self.push(Inst::r(Op::TEST_MR.s64(), [zero, zero]));
                return self.push_trap_if(Test::of(Cond::E), trap);
            }
            let (sum, len) = (self.int_constant(sum), self.rm(len, 8));
            self.push_rm(Op::CMP_RM.s64(), [sum], len);
            return self.push_trap_if(Test::of(Cond::A), trap);
        }
        // A length that is never below the end leaves one comparison: index > len - end.
        let least = |memory: &MemoryType| u128::from(memory.min_pages) << memory.page_log2;
        let least = self.cx.info.memories.iter().map(least).min().unwrap_or(0);
        if let (true, Ok(bytes)) = (is_64 && u128::from(inst.c) <= least, i32::try_from(inst.c)) {
            let (index, len) = (self.reg(index), self.reg(len));
            self.push(Inst::m(Op::LEA.s64(), [end], Mem::base(len, -bytes)));
            self.push(Inst::r(Op::CMP_RM.s64(), [index, end]));
            return self.push_trap_if(Test::of(Cond::A), trap);
        }
        let index = self.reg(index);
        match (i32::try_from(inst.c), is_64) {
            (Ok(bytes), false) => self.push(Inst::m(Op::LEA.s64(), [end], Mem::base(index, bytes))),
            (Ok(bytes), true) => {
                self.push(Inst::r(Op::ADD_I.s64(), [end, index]).imm(bytes));
                self.push_trap_if(Test::of(Cond::B), trap);
            }
            (Err(_), _) => {
                let bytes = self.int_constant(inst.c.into());
                self.push(Inst::r(Op::ADD_RM.s64(), [end, index, bytes]));
                self.push_trap_if(Test::of(Cond::B), trap);
            }
        }
        let len = self.rm(len, 8);
        self.push_rm(Op::CMP_RM.s64(), [end], len);
        self.push_trap_if(Test::of(Cond::A), trap);
    }

    /// A store of what an operation makes of the value that is there: one instruction with an operand in memory. `false`: it is not that.
    fn update(&mut self, _store: Value, _stored: Value) -> bool {
        false
    }

    /// A load of a vector.
    fn vector_load(&mut self, op: Opcode, dst: Reg, address: Address) {
        let Address { mem, trap, loc } = address;
        if let Some(op) = vectors::load(op, self.asm.features()) {
            return self.push_trap(Inst::m(op, [dst], mem), trap, loc);
        }
        // The element into the lowest lane, then to all.
        match op {
            Opcode::V128Load32Splat => {
                let lane = self.temp_v128();
                self.push_trap(Inst::m(Op::MOVSS_LOAD, [lane], mem), trap, loc);
                self.push(Inst::r(Op::PSHUFD, [dst, lane]).imm(0));
            }
            _ => {
                let (int, lane) = (self.temp(RegClass::Int), self.temp_v128());
                let is_8 = op == Opcode::V128Load8Splat;
                let load = if is_8 { Op::MOVZX_8 } else { Op::MOVZX_16 };
                self.push_trap(Inst::m(load.s32(), [int], mem), trap, loc);
                self.push(Inst::r(Op::MOVD_TO_X, [lane, int]));
                if is_8 {
                    let zero = self.temp_v128();
                    self.zero(zero);
                    self.push(Inst::r(Op::PSHUFB, [dst, lane, zero]));
                } else {
                    let low = self.temp_v128();
                    self.push(Inst::r(Op::PSHUFLW, [low, lane]).imm(0));
                    self.push(Inst::r(Op::PSHUFD, [dst, low]).imm(0));
                }
            }
        }
    }
}
