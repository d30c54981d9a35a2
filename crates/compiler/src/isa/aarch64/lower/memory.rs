//! Addresses, loads and stores: linear memories, the vmctx, what it points at, frame slots.

use super::shared::Key;
use super::{Address, Lower, code};
use crate::entity::Entity;
use crate::ir::insts::access;
use crate::ir::{Format, Opcode, Type, Value};
use crate::isa::aarch64::imm::is_imm12;
use crate::isa::aarch64::inst::Inst;
use crate::isa::aarch64::mem::Mem;
use crate::isa::aarch64::regs::{MEMORY_BASE, VECTOR_SCRATCH, VMCTX, ZR};
use crate::isa::aarch64::row::{Cond, Extend, Op, Shift, Size};
use crate::isa::aarch64::vcode::{NO_TRAP, Test};
use crate::isa::reg::{Reg, RegClass};
use tiercel_abi::Trap;

impl Lower<'_> {
    /// The address that a load or store accesses, in the instructions' own words, for so many bytes.
    pub(super) fn load_address(&mut self, value: Value, bytes: u32) -> Address {
        let func = self.func;
        let inst = *func.inst(value);
        let loc = func.locs[value.index()];
        let plain = |mem| Address { mem, trap: NO_TRAP, loc };
        match inst.op.info().format {
            Format::CtxLoad | Format::CtxStore => plain(self.offset(VMCTX, inst.b.into(), bytes)),
            Format::SlotLoad | Format::SlotStore => plain(Mem::local(self.b.slot_offsets[inst.b as usize] as i32)),
            Format::PtrLoad | Format::PtrStore => plain(self.pointer(self.operand(inst.a), inst.b, bytes)),
            _ => {
                let index = self.operand(inst.a);
                let mem = if inst.imm & access::NATIVE != 0 {
                    self.pointer(index, inst.b, bytes)
                } else {
                    self.memory0(index, inst.b, bytes)
                };
                let trap = if inst.imm & access::NO_TRAP != 0 { NO_TRAP } else { code(Trap::MemoryOutOfBounds) };
                Address { mem, trap, loc }
            }
        }
    }

    /// A register and a distance from it.
    fn offset(&mut self, base: Reg, distance: i64, bytes: u32) -> Mem {
        if Mem::fits(distance, bytes) {
            return Mem::base(base, distance as i32);
        }
        let index = self.int_constant(distance as u64);
        Mem::indexed(base, index, Extend::Uxtx, false)
    }

    /// An address in memory 0: its base, an index and an offset.
    fn memory0(&mut self, index: Value, offset: u32, bytes: u32) -> Mem {
        if let Some(constant) = self.func.int_const(index) {
            // At most 2^33 for 32-bit memories; a 64-bit index was checked against the memory's length.
            let distance = constant.wrapping_add(offset.into()) as i64;
            return match split(distance, bytes) {
                Some((far @ 1.., near)) => Mem::base(self.shared(Key::Base(far)), near),
                _ => self.offset(MEMORY_BASE, distance, bytes),
            };
        }
        if offset == 0 {
            // An index of 32 bits is extended by the address itself, whatever lies above.
            let (index, extend) = self.extended(index);
            return Mem::indexed(MEMORY_BASE, index, extend, false);
        }
        match split(offset.into(), bytes) {
            Some((far, near)) => Mem::base(self.sum(index, far), near),
            None => {
                let sum = self.sum(index, 0);
                self.offset(sum, offset.into(), bytes)
            }
        }
    }

    /// An address relative to a pointer. Sums that make up the pointer and serve nothing else become part of it.
    fn pointer(&mut self, pointer: Value, offset: u32, bytes: u32) -> Mem {
        let func = self.func;
        let inst = func.inst(pointer);
        if !matches!(inst.op, Opcode::I64Add | Opcode::HeapAddr) || !self.is_mine(pointer) {
            let base = self.reg(pointer);
            return self.offset(base, offset.into(), bytes);
        }
        let (base, index) = (self.operand(inst.a), self.operand(inst.b));
        if let Some(constant) = func.int_const(index) {
            let base = self.reg(base);
            return self.offset(base, (constant as i64).wrapping_add(offset.into()), bytes);
        }
        let base = self.reg(base);
        let (index, shift) = self.shifted_index(index);
        if offset == 0 && (shift == 0 || 1 << shift == bytes) {
            return Mem::indexed(base, index, Extend::Uxtx, shift != 0);
        }
        let sum = self.temp(RegClass::Int);
        self.push(Inst::r(Op::ADD_S.s64(), [sum, base, index]).shift(Shift::Lsl, shift));
        self.offset(sum, offset.into(), bytes)
    }

    /// An index as a register and how far it is shifted left.
    fn shifted_index(&mut self, index: Value) -> (Reg, u8) {
        let func = self.func;
        let inst = func.inst(index);
        if inst.op == Opcode::I64Shl
            && self.is_mine(index)
            && let Some(shift @ 0..=4) = func.int_const(self.operand(inst.b))
        {
            return (self.reg(self.operand(inst.a)), shift as u8);
        }
        (self.reg(index), 0)
    }

    /// A load from linear memory.
    pub(super) fn load(&mut self, value: Value) {
        if self.vector_load(value) {
            return;
        }
        let op = self.func.inst(value).op;
        let op = match op {
            Opcode::I32Load | Opcode::I64Load32U | Opcode::RefLoad => Op::LDR_W,
            Opcode::I64Load => Op::LDR_X,
            Opcode::I32Load8U | Opcode::I64Load8U => Op::LDRB,
            Opcode::I32Load16U | Opcode::I64Load16U => Op::LDRH,
            Opcode::I32Load8S => Op::LDRSB_W,
            Opcode::I32Load16S => Op::LDRSH_W,
            Opcode::I64Load8S => Op::LDRSB_X,
            Opcode::I64Load16S => Op::LDRSH_X,
            Opcode::I64Load32S => Op::LDRSW,
            Opcode::F32Load | Opcode::V128Load32Zero => Op::LDR_S,
            Opcode::F64Load | Opcode::V128Load64Zero => Op::LDR_D,
            Opcode::V128Load => Op::LDR_Q,
            _ => return self.unsupported = Some(op),
        };
        let bytes = u32::from(self.func.inst(value).op.info().bytes);
        let address = self.load_address(value, bytes);
        let dst = self.def(value);
        self.push_trap(Inst::m(op, [dst], address.mem), address.trap, address.loc);
    }

    /// A load from the vmctx, through a pointer, or from the frame.
    pub(super) fn field_load(&mut self, value: Value) {
        let ty = self.func.ty(value);
        let address = self.load_address(value, ty.bytes().max(4));
        let dst = self.def(value);
        self.load_value(ty, dst, address.mem);
        if self.func.is_constant_field(value) && address.mem.index == Reg::NONE {
            self.vcode.make_again(dst);
        }
    }

    /// A store to linear memory.
    pub(super) fn store(&mut self, value: Value) {
        let inst = *self.func.inst(value);
        let stored = self.operand(inst.c);
        let op = match inst.op {
            Opcode::I32Store8 | Opcode::I64Store8 => Op::STRB,
            Opcode::I32Store16 | Opcode::I64Store16 => Op::STRH,
            Opcode::I32Store | Opcode::I64Store32 | Opcode::RefStore => Op::STR_W,
            Opcode::I64Store => Op::STR_X,
            Opcode::F32Store => Op::STR_S,
            Opcode::F64Store => Op::STR_D,
            Opcode::V128Store => Op::STR_Q,
            op => return self.unsupported = Some(op),
        };
        self.store_as(op, value, stored, inst.op.info().bytes.into());
    }

    /// Reads the place of a store that may lie across the end of a memory with guard pages: the processor is free to write the part inside
    /// before it faults at the rest, and WebAssembly wants nothing written.
    fn probe(&mut self, store: Value, bytes: u32, address: &Address) {
        let inst = self.func.inst(store);
        let whole = inst.op.info().format != Format::Store || inst.imm & (access::WHOLE | access::NO_TRAP) != 0;
        let (op, into) = match bytes {
            _ if whole => return,
            1 => return,
            2 => (Op::LDRH, ZR),
            4 => (Op::LDR_W, ZR),
            8 => (Op::LDR_X, ZR),
            _ => (Op::LDR_Q, VECTOR_SCRATCH),
        };
        self.push_trap(Inst::m(op, [into], address.mem), address.trap, address.loc);
    }

    fn store_as(&mut self, op: Op, store: Value, stored: Value, bytes: u32) {
        let source = match self.func.int_const(stored) {
            // A place for zero that needs no register.
            Some(bits) if bits << (64 - 8 * bytes.min(8)) == 0 => ZR,
            _ if op == Op::STR_X => self.reg(stored),
            _ if self.func.ty(stored).is_int() => self.low(stored),
            _ => self.reg(stored),
        };
        let address = self.load_address(store, bytes);
        self.probe(store, bytes, &address);
        self.push_trap(Inst::m(op, [source], address.mem), address.trap, address.loc);
    }

    /// A store to the vmctx, through a pointer, or to the frame.
    pub(super) fn field_store(&mut self, value: Value) {
        let inst = *self.func.inst(value);
        let stored = self.operand(inst.c);
        let op = match self.func.ty(stored) {
            Type::I32 => Op::STR_W,
            Type::F32 => Op::STR_S,
            Type::F64 => Op::STR_D,
            Type::V128 => Op::STR_Q,
            Type::I64 | Type::Ref | Type::None => Op::STR_X,
        };
        self.store_as(op, value, stored, self.func.ty(stored).bytes());
    }

    /// The check that an access of `c` bytes from the index on lies below the length.
    pub(super) fn mem_check(&mut self, value: Value) {
        let inst = *self.func.inst(value);
        let (index, len) = (self.operand(inst.a), self.operand(inst.b));
        let trap = code(Trap::MemoryOutOfBounds);
        let is_64 = self.func.ty(index) == Type::I64;
        let bytes = u64::from(inst.c);
        let end = match self.func.int_const(index).map(|constant| constant.overflowing_add(bytes)) {
            Some((_, true)) => {
                // Always.
                self.push(Inst::r(Op::CMP_S.s64(), [ZR, ZR]));
                return self.push_trap_if(Test::Flags(Cond::Eq), None, trap);
            }
            Some((sum, false)) => self.int_constant(sum),
            None => {
                let index = self.reg(index);
                let end = self.temp(RegClass::Int);
                match (is_imm12(bytes), is_64) {
                    (true, false) => self.push(Inst::r(Op::ADD_I.s64(), [end, index]).imm(bytes as i32)),
                    (true, true) => self.push(Inst::r(Op::ADDC_I.s64(), [end, index]).imm(bytes as i32)),
                    (false, _) => {
                        let bytes = self.int_constant(bytes);
                        self.push(Inst::r(Op::ADDC_S.s64(), [end, index, bytes]));
                    }
                }
                if is_64 {
                    self.push_trap_if(Test::Flags(Cond::Hs), None, trap);
                }
                end
            }
        };
        let len = self.reg(len);
        self.push(Inst::r(Op::CMP_S.size(Size::S64), [end, len]));
        self.push_trap_if(Test::Flags(Cond::Hi), None, trap);
    }
}

/// A distance as a multiple of 4096 that one addition adds, and the rest, which an access of so many bytes takes itself.
fn split(distance: i64, bytes: u32) -> Option<(u32, i32)> {
    if Mem::fits(distance, bytes) && distance >= 0 {
        return Some((0, distance as i32));
    }
    let (far, near) = (distance & !0xfff, distance & 0xfff);
    (is_imm12(far as u64) && Mem::fits(near, bytes)).then_some((far as u32, near as i32))
}
