//! Prologue and epilogue, and values on their ways between registers and the frame.

use super::{Aarch64, HomeAccess, STORE, StackCheck, Test, Value};
use crate::baseline::Baseline;
use crate::baseline::state::Place;
use crate::ir::Type;
use crate::isa::aarch64::abi::CALLEE_REF;
use crate::isa::aarch64::imm::encode_float;
use crate::isa::aarch64::inst::Inst;
use crate::isa::aarch64::mem::Mem;
use crate::isa::aarch64::regs::{ADDRESS_SCRATCH, FP, LR, MEMORY_BASE, SCRATCH, SP, VECTOR_SCRATCH, VMCTX, ZR};
use crate::isa::aarch64::row::{Cond, Extend, Op, Size};
use crate::isa::reg::{Reg, RegClass};
use crate::translate::Context;
use tiercel_abi::Trap;
use tiercel_abi::vmctx::{func_ref, header, store};

impl Baseline<Aarch64> {
    // Start and end.

    pub(in crate::baseline) fn prologue(&mut self, cx: Context<'_>, func: u32) {
        let entry = self.asm.label();
        self.asm.bind(entry);
        self.entry = Some(entry);
        match self.options.branch_protection.signs_returns() {
            // It is a landing pad too.
            true => self.asm.op(Op::PACIASP),
            false => self.pad(Op::BTI_C),
        }
        self.asm.rrm(Op::STP_X, FP, LR, Mem::pre(SP, -16));
        self.asm.copy(FP, SP);
        if self.stack_check != StackCheck::None {
            self.asm.rm(Op::LDR_X, SCRATCH, STORE);
            self.asm.rm(Op::LDR_X, SCRATCH, Mem::base(SCRATCH, store::NATIVE_STACK_LIMIT as i32));
            if self.stack_check == StackCheck::Size {
                self.asm.ri(Op::MOVZ.s64(), ADDRESS_SCRATCH, 0);
                self.size_patches.push(self.asm.offset() - 4);
                let upper = Inst::r(Op::MOVK.s64(), [ADDRESS_SCRATCH, ADDRESS_SCRATCH]).imm(1 << 16);
                self.asm.emit_plain(&upper);
                self.size_patches.push(self.asm.offset() - 4);
                self.asm.quick_rrr(Op::ADD_S.s64(), SCRATCH, SCRATCH, ADDRESS_SCRATCH);
            }
            self.asm.emit_plain(&Inst::r(Op::CMP_X.s64(), [SP, SCRATCH]).extend(Extend::Uxtx, 0));
            self.trap_if(Test::Flags(Cond::Lo), Trap::StackOverflow.code());
        }
        if self.stack_check == StackCheck::Size {
            self.asm.quick_extended(Op::SUB_X.s64(), SP, SP, ADDRESS_SCRATCH, Extend::Uxtx);
        } else {
            self.asm.quick_imm12(Op::SUB_I.s64(), SP, SP, 0);
            self.size_patches.push(self.asm.offset() - 4);
        }
        if self.scan.calls > 0 || self.options.translate.epochs {
            self.at_home(Op::STR_X, 8, VMCTX, self.vmctx_home);
        }
        self.each_saved(Op::STR_X);
        self.enter();
        let ty = cx.info.funcs[func as usize];
        self.open_function(cx, ty);
        self.poll();
    }

    /// Stores or loads the registers that belong to the caller.
    fn each_saved(&mut self, op: Op) {
        let mut home = self.saves_home;
        for reg in self.saved.iter() {
            home -= 8;
            self.at_home(op, 8, reg, home);
        }
    }

    pub(in crate::baseline) fn zero_homes(&mut self, homes: &[i32]) {
        for &home in homes {
            self.at_home(Op::STR_X, 8, ZR, home);
        }
    }

    pub(in crate::baseline) fn zero_all_homes(&mut self) {
        let again = self.asm.label();
        self.asm.add(SCRATCH, FP, self.first_home & !7);
        self.asm.add(ADDRESS_SCRATCH, FP, self.locals_top);
        self.asm.bind(again);
        self.asm.rm(Op::STR_X, ZR, Mem::post(SCRATCH, 8));
        self.asm.compare(Size::S64, SCRATCH, ADDRESS_SCRATCH);
        self.asm.jcc(Cond::Lo, again);
    }

    pub(in crate::baseline) fn zero(&mut self, reg: Reg) {
        match reg.class() {
            RegClass::Int => self.asm.quick_constant(reg, 0),
            RegClass::Vector => self.asm.ri(Op::VMOVI_2D, reg, 0),
        }
    }

    /// Returns; results are in place.
    pub(in crate::baseline) fn epilogue(&mut self) {
        self.each_saved(Op::LDR_X);
        self.close_frame();
        self.asm.add(SP, SP, self.convention.stack_bytes as i32);
        self.asm.op(Op::RET);
    }

    /// Restores the caller's `x29`, the return address and the stack pointer.
    fn close_frame(&mut self) {
        self.asm.copy(SP, FP);
        self.asm.rrm(Op::LDP_X, FP, LR, Mem::post(SP, 16));
        if self.options.branch_protection.signs_returns() {
            // The stack pointer is what it was at the entry.
            self.asm.op(Op::AUTIASP);
        }
    }

    /// Marks where jumps may lead by an address in a register, if there are landing pads.
    pub(super) fn pad(&mut self, pad: Op) {
        if self.options.branch_protection.has_pads() {
            self.asm.op(pad);
        }
    }

    /// Leaves the frame for a function with so many bytes of arguments on the stack, which lie where a call would have them: they replace the
    /// function's own.
    pub(in crate::baseline) fn leave_for(&mut self, bytes: u32) {
        self.each_saved(Op::LDR_X);
        let own = self.convention.stack_bytes as i32;
        if bytes == 0 && own == 0 {
            return self.close_frame();
        }
        // From x29: the top of the own arguments becomes the top of the callee's. Both may overlap, and the caller's x29 with them.
        let first = 16 + own - bytes as i32;
        if self.options.branch_protection.signs_returns() {
            // By what the stack pointer was at the entry, which it may not become again.
            self.asm.rm(Op::LDR_X, SCRATCH, Mem::base(FP, 8));
            self.asm.add(ADDRESS_SCRATCH, FP, 16);
            self.asm.op(Op::AUTIA1716);
            self.asm.copy(LR, SCRATCH);
            self.asm.rm(Op::LDR_X, SCRATCH, Mem::base(FP, 0));
        } else {
            self.asm.rrm(Op::LDP_X, SCRATCH, LR, Mem::base(FP, 0));
        }
        for offset in (0..bytes as i32).step_by(8).rev() {
            self.asm.rm(Op::LDR_D, VECTOR_SCRATCH, Mem::base(SP, offset));
            self.asm.rm(Op::STR_D, VECTOR_SCRATCH, Mem::base(FP, first + offset));
        }
        self.asm.add(SP, FP, first);
        self.asm.copy(FP, SCRATCH);
    }

    /// Adds the entry from anywhere, and fills in what is known only now.
    pub(in crate::baseline) fn finish(&mut self, cx: Context<'_>, escapes: bool) {
        if escapes {
            // A label keeps an island from coming between.
            let foreign = self.asm.label();
            self.asm.bind(foreign);
            self.code.foreign_entry = self.asm.label_offset(foreign);
            self.pad(Op::BTI_C);
            self.asm.rm(Op::LDR_X, VMCTX, Mem::base(CALLEE_REF, (func_ref::VMCTX * 8) as i32));
            self.load_memory_base(cx);
            if let Some(entry) = self.entry {
                self.asm.jmp(entry);
            }
        }
        let bytes = self.frame_bytes();
        self.fill_size(bytes);
        for access in std::mem::take(&mut self.parts.homes) {
            let distance = (bytes as i32 + access.home) as u32;
            debug_assert!(distance.is_multiple_of(access.bytes));
            // What does not fit is compiled again.
            self.asm.fill(access.at, ((distance / access.bytes) & 0xfff) << 10);
        }
        self.asm.finish();
        self.make_stack_maps(bytes / 8);
    }

    fn fill_size(&mut self, bytes: u32) {
        match self.size_patches[..] {
            [lower, upper] => {
                self.asm.fill(lower, (bytes & 0xffff) << 5);
                self.asm.fill(upper, (bytes >> 16) << 5);
            }
            [subtraction] => {
                let field = if bytes > 0xfff { 1 << 12 | (bytes >> 12 & 0xfff) } else { bytes };
                self.asm.fill(subtraction, field << 10);
            }
            _ => unreachable!("a prologue subtracts the size once"),
        }
    }

    // Values and places.

    /// A load or store of so many bytes at a home.
    #[inline]
    pub(super) fn at_home(&mut self, op: Op, bytes: u32, reg: Reg, home: i32) {
        if home >= -256 || self.stack_check == StackCheck::Size {
            return self.asm.quick_rm(op, bytes, reg, FP, home);
        }
        self.asm.quick_rm(op, bytes, reg, SP, 0);
        self.parts.homes.push(HomeAccess { at: self.asm.offset() - 4, home, bytes });
    }

    /// Stores a register at home. An `i32` has its upper half stored, which is zero.
    #[inline]
    pub(in crate::baseline) fn store(&mut self, ty: Type, reg: Reg, home: i32) {
        let (op, bytes) = store_op(ty, reg.class());
        self.at_home(op, bytes, reg, home);
    }

    #[inline]
    pub(super) fn store_at(&mut self, ty: Type, reg: Reg, base: Reg, offset: i32) {
        let (op, bytes) = store_op(ty, reg.class());
        self.asm.quick_rm(op, bytes, reg, base, offset);
    }

    #[inline]
    pub(in crate::baseline) fn load(&mut self, ty: Type, reg: Reg, home: i32) {
        let (op, bytes) = load_op(ty, reg.class());
        self.at_home(op, bytes, reg, home);
    }

    #[inline]
    pub(super) fn load_from(&mut self, ty: Type, reg: Reg, base: Reg, offset: i32) {
        let (op, bytes) = load_op(ty, reg.class());
        self.asm.quick_rm(op, bytes, reg, base, offset);
    }

    pub(in crate::baseline) fn copy_home(&mut self, ty: Type, from: i32, to: i32) {
        let scratch = scratch_of(ty);
        self.load(ty, scratch, from);
        self.store(ty, scratch, to);
    }

    /// Puts a constant of at most 64 bits into a register; flags are left alone.
    pub(in crate::baseline) fn constant(&mut self, ty: Type, reg: Reg, bits: u64) {
        if reg.class() == RegClass::Int {
            return self.asm.quick_constant(reg, bits);
        }
        let (size, short, load, bytes) = match ty {
            // A number on its way to memory.
            _ if ty.is_int() => {
                self.asm.quick_constant(SCRATCH, bits);
                return self.asm.quick_rr(Op::FMOV_DX, reg, SCRATCH);
            }
            _ if bits == 0 => return self.zero(reg),
            Type::F32 => (Size::S32, bits << 45, Op::LDR_S, 4),
            _ => (Size::S64, bits << 16, Op::LDR_D, 8),
        };
        if short == 0
            && let Some(imm) = encode_float(bits, size)
        {
            return self.asm.ri(Op::FMOV_I.size(size), reg, imm.into());
        }
        let constant = self.asm.constant_id(bits.into(), bytes);
        self.asm.rm(load, reg, Mem::constant(constant));
    }

    /// A register that holds a constant for the next instruction, of those where number 31 is zero.
    pub(super) fn constant_or_zero(&mut self, bits: u64) -> Reg {
        if bits == 0 {
            return ZR;
        }
        self.asm.quick_constant(SCRATCH, bits);
        SCRATCH
    }

    pub(in crate::baseline) fn store_constant(&mut self, _ty: Type, bits: u64, home: i32) {
        let reg = self.constant_or_zero(bits);
        self.at_home(Op::STR_X, 8, reg, home);
    }

    /// Stores an argument.
    pub(in crate::baseline) fn store_out(&mut self, value: Value, offset: i32) {
        match value.place {
            Place::Reg(reg) => self.store_at(value.ty, reg, SP, offset),
            Place::Const(bits) => {
                let reg = self.constant_or_zero(bits);
                self.asm.quick_rm(Op::STR_X, 8, reg, SP, offset);
            }
            _ => {
                let scratch = scratch_of(value.ty);
                self.load(value.ty, scratch, value.home);
                self.store_at(value.ty, scratch, SP, offset);
            }
        }
    }

    /// Stores a result in the caller's buffer.
    pub(in crate::baseline) fn store_result(&mut self, ty: Type, reg: Reg, offset: i32) {
        self.load(Type::I64, SCRATCH, self.buffer_home);
        self.store_at(ty, reg, SCRATCH, offset);
    }

    /// Brings a result home from the buffer.
    pub(in crate::baseline) fn copy_result(&mut self, ty: Type, offset: i32, home: i32) {
        let scratch = scratch_of(ty);
        self.load_from(ty, scratch, SP, offset);
        self.store(ty, scratch, home);
    }

    /// The address of a place in the lowest part of the frame.
    pub(in crate::baseline) fn out_address(&mut self, reg: Reg, offset: i32) {
        self.asm.add(reg, SP, offset);
    }

    /// Loads a pointer from the vmctx.
    pub(in crate::baseline) fn load_pointer(&mut self, reg: Reg, offset: i32) {
        self.asm.quick_rm(Op::LDR_X, 8, reg, VMCTX, offset);
    }

    pub(super) fn load_memory_base(&mut self, cx: Context<'_>) {
        if !cx.info.memories.is_empty() {
            self.load_pointer(MEMORY_BASE, (header::MEMORY0_BASE * 8) as i32);
        }
    }

    /// Stops the guest if the upper half of a register is not zero.
    pub(in crate::baseline) fn check_width(&mut self, reg: Reg) {
        self.asm.emit_plain(&Inst::r(Op::LSR_I.s64(), [SCRATCH, reg]).imm(32));
        self.trap_if(Test::Zero(Size::S64, SCRATCH, false), Trap::BrokenWidth.code());
    }
}

/// The scratch register for a copy of a value in memory. Floats go through a general register as well as through one of their own.
fn scratch_of(ty: Type) -> Reg {
    if ty == Type::V128 { VECTOR_SCRATCH } else { SCRATCH }
}

/// What stores a value of a type from a register of a class, and how many bytes.
#[inline]
fn store_op(ty: Type, class: RegClass) -> (Op, u32) {
    match (class, ty) {
        (RegClass::Int, _) => (Op::STR_X, 8),
        (RegClass::Vector, Type::F32) => (Op::STR_S, 4),
        (RegClass::Vector, Type::V128) => (Op::STR_Q, 16),
        (RegClass::Vector, _) => (Op::STR_D, 8),
    }
}

/// What loads a value of a type to a register of a class, and how many bytes.
#[inline]
fn load_op(ty: Type, class: RegClass) -> (Op, u32) {
    match (class, ty) {
        (RegClass::Int, Type::I32) => (Op::LDR_W, 4),
        (RegClass::Int, _) => (Op::LDR_X, 8),
        (RegClass::Vector, Type::F32) => (Op::LDR_S, 4),
        (RegClass::Vector, Type::V128) => (Op::LDR_Q, 16),
        (RegClass::Vector, _) => (Op::LDR_D, 8),
    }
}
