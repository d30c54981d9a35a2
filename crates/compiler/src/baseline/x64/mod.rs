//! The machine part for x86-64: registers, the frame, moves, branches. [`int`], [`float`], [`memory`] and [`vector`] have the operators.

mod float;
mod int;
mod memory;
mod vector;

use super::machine::{self, Assembly, Condition, Machine};
use super::state::Place;
use super::{Baseline, CHECKED_AS_ONE_BYTES, StackCheck, state};
use crate::compile::{CallReloc, Calls, Code, NotedCallee, Options};
use crate::ir::{Function, Opcode, Type};
use crate::isa::backend::{Inline, Lowering};
use crate::isa::convention;
use crate::isa::reg::{Reg, RegClass, RegSet};
use crate::isa::x64::abi::{self, CALLEE_REF};
use crate::isa::x64::asm::{Assembler, Label, Symbol};
use crate::isa::x64::emit;
use crate::isa::x64::inst::Inst;
use crate::isa::x64::lower::{self, PoolConst};
use crate::isa::x64::mem::{Mem, Scale};
use crate::isa::x64::regs::{MEMORY_BASE, R8, R9, R10, RAX, RBP, RCX, RDI, RDX, RSI, RSP, VMCTX, XMM0, xmm};
use crate::isa::x64::regs::{SCRATCH, VECTOR_SCRATCH};
use crate::isa::x64::row::{Cond, Op};
use crate::isa::x64::stubs;
pub use crate::isa::x64::vcode::X64;
use crate::isa::x64::vcode::{Parity, Test, VCode};
use crate::regalloc::Output;
use crate::translate::Context;
use tiercel_abi::Trap;
use tiercel_abi::vmctx::{func_ref, header, store};

/// Functions start at multiples of so many bytes at least. No effect on correctness.
const FUNCTION_ALIGN: u32 = 16;
/// Entries of a `br_table` that are told apart by comparisons rather than by a table. No effect on correctness.
const COMPARED_ENTRIES: usize = 4;
/// A jump table, which lies behind the code.
pub struct Table {
    place: Label,
    entries: Vec<Label>,
}

/// What lies behind the code.
#[derive(Default)]
pub struct Parts {
    tables: Vec<Table>,
    pool: Vec<PoolConst>,
}

/// An operand.
type Value = state::Value<X64>;

impl Machine for X64 {
    type Assembler = Assembler;
    type Condition = Test;
    type Parts = Parts;
    type Snippet = Snippet;

    const FOR_LOCALS: &'static [Reg] =
        &[RSI, RDI, R8, R9, xmm(8), xmm(9), xmm(10), xmm(11), xmm(12), xmm(13), xmm(14), xmm(7), xmm(6), xmm(5)];
    const KEPT: &'static [Reg] = &stubs::KEPT;
    const TEMPS: RegSet = RegSet::of_class(RegClass::Vector, 0x7fff)
        .with(RAX)
        .with(RCX)
        .with(RDX)
        .with(R10)
        .with(RSI)
        .with(RDI)
        .with(R8)
        .with(R9);
    const RESULT: Reg = RAX;
    const VECTOR_RESULT: Reg = XMM0;
    const SCRATCH: Reg = SCRATCH;
    const VECTOR_SCRATCH: Reg = VECTOR_SCRATCH;
    const REGISTERS: convention::Registers = abi::REGISTERS;
    const CALLEE_REF: Reg = CALLEE_REF;
    const CALLEE_SAVED: RegSet = abi::CALLEE_SAVED;
    const SNIPPET_REGISTERS: convention::Registers =
        convention::Registers { args: &[RAX, RCX, RDX, R10], vector_args: 5, results: &[RAX, RDX] };
    const LOOP_ALIGN: u32 = 32;
    const HOT_LOOP_ALIGN: u32 = 64;

    fn assembler(options: &Options) -> Assembler {
        Assembler::new(options.target.x64().unwrap_or_default())
    }

    fn clear(parts: &mut Parts) {
        parts.tables.clear();
        parts.pool.clear();
    }
}

impl Condition for Test {
    #[inline]
    fn negate(self) -> Test {
        Test::negate(self)
    }
}

impl Assembly for Assembler {
    fn clear(&mut self) {
        Assembler::clear(self);
    }

    #[inline]
    fn offset(&self) -> u32 {
        Assembler::offset(self)
    }

    #[inline]
    fn label(&mut self) -> Label {
        Assembler::label(self)
    }

    #[inline]
    fn bind(&mut self, label: Label) {
        Assembler::bind(self, label);
    }

    fn align(&mut self, align: u32) {
        Assembler::align(self, align);
    }

    #[inline]
    fn quick_jmp(&mut self, label: Label) {
        Assembler::quick_jmp(self, label);
    }

    #[inline]
    fn copy(&mut self, dst: Reg, src: Reg) {
        Assembler::copy(self, dst, src);
    }

    fn deliver(&self, code: &mut Code) {
        code.calls.extend(self.relocs().iter().map(|reloc| CallReloc { offset: reloc.offset, body: reloc.symbol.0 }));
        code.align = self.code_align().max(FUNCTION_ALIGN);
        code.bytes.extend_from_slice(self.code());
    }
}

/// What the stages of the optimizing compiler need, reused.
#[derive(Default)]
pub struct Snippet {
    vcode: VCode,
    lower: lower::Buffers,
    emit: emit::Buffers,
}

impl machine::Snippet<X64> for Snippet {
    fn lower(&mut self, cx: Lowering<'_>, func: &Function, params: &[Type], asm: &mut Assembler) -> Result<(), Opcode> {
        lower::lower(cx, func, params, &mut self.vcode, asm, &mut self.lower)
    }

    fn vcode(&self) -> &VCode {
        &self.vcode
    }

    fn emit(&mut self, b: &mut machine::Inline<'_, X64>, out: &Output, signals: bool, in_args: u32) {
        emit::emit_inline(Inline { signals, in_args }, &self.vcode, out, b.asm, &mut self.emit, b.code);
        b.traps.append(&mut self.emit.traps);
        b.parts.pool.append(&mut self.lower.pool);
    }
}

/// The vmctx's pointer to the store.
const STORE: Mem = Mem::base(VMCTX, (header::STORE * 8) as i32);

/// Where a reference's function has the index of its body.
const CALLEE_BODY: i32 = (func_ref::TYPE_ID * 8 + 4) as i32;

/// An address in the frame.
fn at(home: i32) -> Mem {
    Mem::base(RBP, home)
}

impl Baseline<X64> {
    // The frame.

    pub(super) fn prologue(&mut self, cx: Context<'_>, func: u32) {
        let entry = self.asm.label();
        self.asm.bind(entry);
        self.entry = Some(entry);
        self.asm.r(Op::PUSH, RBP);
        self.asm.rr(Op::MOV_RM.s64(), RBP, RSP);
        if self.stack_check != StackCheck::None {
            self.asm.rm(Op::MOV_RM.s64(), SCRATCH, STORE);
            let limit = Mem::base(SCRATCH, store::NATIVE_STACK_LIMIT as i32);
            if self.stack_check == StackCheck::Limit {
                self.asm.rm(Op::CMP_RM.s64(), RSP, limit);
            } else {
                // The size is at least that, so that the immediate has four bytes.
                self.asm.rm(Op::MOV_RM.s64(), SCRATCH, limit);
                self.asm.ri(Op::ADD_I.s64(), SCRATCH, CHECKED_AS_ONE_BYTES as i32);
                self.size_patches.push(self.asm.offset());
                self.asm.rr(Op::CMP_RM.s64(), RSP, SCRATCH);
            }
            self.trap_if(Test::of(Cond::B), Trap::StackOverflow.code());
        }
        self.asm.ri(Op::SUB_I32, RSP, 0);
        self.size_patches.push(self.asm.offset());
        if self.scan.calls > 0 || self.options.translate.epochs {
            self.asm.rm(Op::MOV_MR.s64(), VMCTX, at(self.vmctx_home));
        }
        let mut home = self.saves_home;
        for reg in self.saved.iter() {
            home -= 8;
            self.asm.rm(Op::MOV_MR.s64(), reg, at(home));
        }
        self.enter();
        let ty = cx.info.funcs[func as usize];
        self.open_function(cx, ty);
        self.poll();
    }

    pub(super) fn zero_homes(&mut self, homes: &[i32]) {
        self.asm.rr(Op::XOR_RM.s32(), SCRATCH, SCRATCH);
        for &home in homes {
            self.asm.rm(Op::MOV_MR.s64(), SCRATCH, at(home));
        }
    }

    pub(super) fn zero_all_homes(&mut self) {
        let top = self.locals_top;
        let bytes = top - self.first_home;
        let again = self.asm.label();
        self.asm.constant(SCRATCH, i64::from(-bytes) & !7);
        self.asm.bind(again);
        self.asm.mi(Op::MOV_MI.s64(), Mem::indexed(RBP, SCRATCH, Scale::One, top), 0);
        self.asm.ri(Op::ADD_I.s64(), SCRATCH, 8);
        self.asm.quick_jcc(Cond::Ne, again);
    }

    pub(super) fn zero(&mut self, reg: Reg) {
        match reg.class() {
            RegClass::Int => self.asm.rr(Op::XOR_RM.s32(), reg, reg),
            RegClass::Vector => self.asm.rrr(Op::XORPS, reg, reg, reg),
        }
    }

    fn restore_saved(&mut self) {
        let mut home = self.saves_home;
        for reg in self.saved.iter() {
            home -= 8;
            self.asm.rm(Op::MOV_RM.s64(), reg, at(home));
        }
    }

    /// Returns; results are in place.
    pub(super) fn epilogue(&mut self) {
        self.restore_saved();
        self.asm.rr(Op::MOV_RM.s64(), RSP, RBP);
        self.asm.r(Op::POP, RBP);
        match u16::try_from(self.convention.stack_bytes) {
            Ok(0) => self.asm.op(Op::RET),
            Ok(bytes) => {
                // ret imm16
                let [low, high] = bytes.to_le_bytes();
                self.asm.bytes(&[0xc2, low, high]);
            }
            Err(_) => {
                self.asm.r(Op::POP, SCRATCH);
                self.asm.ri(Op::ADD_I.s64(), RSP, self.convention.stack_bytes as i32);
                self.asm.r(Op::JMP_RM, SCRATCH);
            }
        }
    }

    /// Leaves the frame for a function with so many bytes of arguments on the stack, which lie where a call would have them: they replace the
    /// function's own.
    pub(super) fn leave_for(&mut self, bytes: u32) {
        self.restore_saved();
        let own = self.convention.stack_bytes as i32;
        if bytes == 0 && own == 0 {
            self.asm.rr(Op::MOV_RM.s64(), RSP, RBP);
            self.asm.r(Op::POP, RBP);
            return;
        }
        // From rbp: the top of the own arguments, which becomes the top of the callee's.
        let first = 16 + own - bytes as i32;
        // Registers of arguments are taken; r10 holds none.
        self.asm.rm(Op::MOV_RM.s64(), R10, at(8));
        self.asm.rm(Op::MOV_RM.s64(), SCRATCH, at(0));
        for offset in (0..bytes as i32).step_by(8).rev() {
            self.asm.rm(Op::MOVSD_LOAD, VECTOR_SCRATCH, Mem::base(RSP, offset));
            self.asm.rm(Op::MOVSD_STORE, VECTOR_SCRATCH, at(first + offset));
        }
        self.asm.rm(Op::MOV_MR.s64(), R10, at(first - 8));
        self.asm.rm(Op::LEA.s64(), R10, at(first - 8));
        self.asm.copy(RBP, SCRATCH);
        self.asm.copy(RSP, R10);
    }

    /// Fills in what is known only now, and adds the entry from anywhere, tables and constants.
    pub(super) fn finish(&mut self, cx: Context<'_>, escapes: bool) {
        if escapes {
            self.code.foreign_entry = Some(self.asm.offset());
            self.asm.rm(Op::MOV_RM.s64(), VMCTX, Mem::base(CALLEE_REF, (func_ref::VMCTX * 8) as i32));
            self.load_memory_base(cx);
            if let Some(entry) = self.entry {
                self.asm.quick_jmp(entry);
            }
        }
        for table in std::mem::take(&mut self.parts.tables) {
            self.asm.align(8);
            self.asm.bind(table.place);
            self.asm.jump_table(table.entries);
        }
        self.parts.pool.sort_by_key(|constant| std::cmp::Reverse(constant.bytes));
        if let Some(widest) = self.parts.pool.first() {
            self.asm.align(widest.bytes);
        }
        for constant in std::mem::take(&mut self.parts.pool) {
            self.asm.bind(constant.label);
            self.asm.bytes(&constant.bits.to_le_bytes()[..constant.bytes as usize]);
        }
        let bytes = self.frame_bytes();
        for &end in &self.size_patches {
            self.asm.patch_i32(end, bytes as i32);
        }
        self.asm.finish();
        self.make_stack_maps(bytes / 8);
    }

    // Values and places.

    /// Stores a register at home. An `i32` has its upper half stored, which is zero.
    pub(super) fn store(&mut self, ty: Type, reg: Reg, home: i32) {
        self.store_at(ty, reg, at(home));
    }

    fn store_at(&mut self, ty: Type, reg: Reg, mem: Mem) {
        match ty {
            _ if reg.class() == RegClass::Int => self.asm.rm(Op::MOV_MR.s64(), reg, mem),
            Type::F32 => self.asm.rm(Op::MOVSS_STORE, reg, mem),
            Type::V128 => self.asm.rm(Op::MOVUPS_MR, reg, mem),
            _ => self.asm.rm(Op::MOVSD_STORE, reg, mem),
        }
    }

    pub(super) fn load(&mut self, ty: Type, reg: Reg, home: i32) {
        self.load_from(ty, reg, at(home));
    }

    fn load_from(&mut self, ty: Type, reg: Reg, mem: Mem) {
        match (ty, reg.class()) {
            (Type::I32, RegClass::Int) => self.asm.rm(Op::MOV_RM.s32(), reg, mem),
            (_, RegClass::Int) => self.asm.rm(Op::MOV_RM.s64(), reg, mem),
            (Type::F32, _) => self.asm.rm(Op::MOVSS_LOAD, reg, mem),
            (Type::V128, _) => self.asm.rm(Op::MOVUPS_RM, reg, mem),
            _ => self.asm.rm(Op::MOVSD_LOAD, reg, mem),
        }
    }

    pub(super) fn copy_home(&mut self, ty: Type, from: i32, to: i32) {
        let scratch = if ty == Type::V128 { VECTOR_SCRATCH } else { SCRATCH };
        self.load(ty, scratch, from);
        self.store(if ty == Type::F32 { Type::I64 } else { ty }, scratch, to);
    }

    /// Puts a constant of at most 64 bits into a register; flags are left alone.
    pub(super) fn constant(&mut self, ty: Type, reg: Reg, bits: u64) {
        if reg.class() == RegClass::Int {
            return self.asm.constant(reg, bits as i64);
        }
        match ty {
            // A number on its way to memory.
            _ if ty.is_int() => {
                self.asm.constant(SCRATCH, bits as i64);
                self.asm.rr(Op::MOVQ_TO_X, reg, SCRATCH);
            }
            _ if bits == 0 => self.zero(reg),
            Type::F32 => {
                let mem = self.pool(bits.into(), 4);
                self.asm.rm(Op::MOVSS_LOAD, reg, mem);
            }
            _ => {
                let mem = self.pool(bits.into(), 8);
                self.asm.rm(Op::MOVSD_LOAD, reg, mem);
            }
        }
    }

    /// The address of a constant that lies behind the code.
    fn pool(&mut self, bits: u128, bytes: u32) -> Mem {
        let known = self.parts.pool.iter().rev().take(64).find(|known| known.bits == bits && known.bytes == bytes);
        let label = match known {
            Some(known) => known.label,
            None => {
                let label = self.asm.label();
                self.parts.pool.push(PoolConst { bits, bytes, label });
                label
            }
        };
        Mem::label(label)
    }

    pub(super) fn store_constant(&mut self, ty: Type, bits: u64, home: i32) {
        let _ = ty;
        self.store_constant_at(bits, at(home));
    }

    fn store_constant_at(&mut self, bits: u64, mem: Mem) {
        match i32::try_from(bits as i64) {
            Ok(imm) => self.asm.mi(Op::MOV_MI.s64(), mem, imm),
            Err(_) => {
                self.asm.constant(SCRATCH, bits as i64);
                self.asm.rm(Op::MOV_MR.s64(), SCRATCH, mem);
            }
        }
    }

    /// Stores an argument.
    pub(super) fn store_out(&mut self, value: Value, offset: i32) {
        let mem = Mem::base(RSP, offset);
        match value.place {
            Place::Reg(reg) => self.store_at(value.ty, reg, mem),
            Place::Const(bits) => self.store_constant_at(bits, mem),
            _ => {
                let scratch = if value.ty == Type::V128 { VECTOR_SCRATCH } else { SCRATCH };
                self.load(value.ty, scratch, value.home);
                self.store_at(value.ty, scratch, mem);
            }
        }
    }

    /// Stores a result in the caller's buffer.
    pub(super) fn store_result(&mut self, ty: Type, reg: Reg, offset: i32) {
        self.load(Type::I64, SCRATCH, self.buffer_home);
        self.store_at(ty, reg, Mem::base(SCRATCH, offset));
    }

    /// Brings a result home from the buffer.
    pub(super) fn copy_result(&mut self, ty: Type, offset: i32, home: i32) {
        let scratch = if ty == Type::V128 { VECTOR_SCRATCH } else { SCRATCH };
        self.load_from(ty, scratch, Mem::base(RSP, offset));
        self.store(if ty == Type::F32 { Type::I64 } else { ty }, scratch, home);
    }

    /// The address of a place in the lowest part of the frame.
    pub(super) fn out_address(&mut self, reg: Reg, offset: i32) {
        self.asm.rm(Op::LEA.s64(), reg, Mem::base(RSP, offset));
    }

    /// Loads a pointer from the vmctx.
    pub(super) fn load_pointer(&mut self, reg: Reg, offset: i32) {
        self.asm.rm(Op::MOV_RM.s64(), reg, Mem::base(VMCTX, offset));
    }

    fn load_memory_base(&mut self, cx: Context<'_>) {
        if !cx.info.memories.is_empty() {
            self.asm.rm(Op::MOV_RM.s64(), MEMORY_BASE, Mem::base(VMCTX, (header::MEMORY0_BASE * 8) as i32));
        }
    }

    /// Stops the guest if the upper half of a register is not zero.
    pub(super) fn check_width(&mut self, reg: Reg) {
        self.asm.copy(SCRATCH, reg);
        self.asm.ri(Op::SHR_I.s64(), SCRATCH, 32);
        self.trap_if(Test::of(Cond::Ne), Trap::BrokenWidth.code());
    }

    // Calls.

    pub(super) fn call_function(&mut self, body: u32) {
        match self.options.calls {
            Calls::Direct => self.asm.call_symbol(Symbol(body)),
            Calls::Cells => self.asm.m(Op::CALL_RM, Mem::symbol(Symbol(body))),
        }
    }

    /// Calls through the reference in its register.
    pub(super) fn call_native(&mut self) {
        self.asm.m(Op::CALL_RM, native_entry());
    }

    pub(super) fn jump_to_function(&mut self, body: u32) {
        match self.options.calls {
            Calls::Direct => self.asm.emit(&Inst::to_symbol(Op::JMP, Symbol(body))),
            Calls::Cells => self.asm.m(Op::JMP_RM, Mem::symbol(Symbol(body))),
        }
    }

    pub(super) fn jump_to_ref(&mut self) {
        self.asm.m(Op::JMP_RM, native_entry());
    }

    /// What follows a call: arguments on the stack are gone, and what may be another instance's is loaded again.
    pub(super) fn behind_call(&mut self, cx: Context<'_>, stack_bytes: u32, foreign: bool) {
        if stack_bytes != 0 {
            self.asm.ri(Op::SUB_I.s64(), RSP, stack_bytes as i32);
        }
        if foreign {
            self.asm.rm(Op::MOV_RM.s64(), VMCTX, at(self.vmctx_home));
            self.load_memory_base(cx);
        }
    }

    pub(super) fn emit_builtin(&mut self, place: u32) {
        self.asm.copy(RDI, VMCTX);
        self.asm.rm(Op::MOV_RM.s64(), SCRATCH, Mem::base(VMCTX, (header::BUILTINS * 8) as i32));
        self.asm.m(Op::CALL_RM, Mem::base(SCRATCH, 8 * place as i32));
    }

    pub(super) fn trap_if_stopped(&mut self) {
        self.asm.rr(Op::TEST_MR.s32(), RDX, RDX);
        self.trap_if(Test::of(Cond::Ne), 0);
    }

    /// Pushes the result of a routine, an `i64`, as an `i32`.
    pub(super) fn push_wrapped_result(&mut self) {
        self.take(RAX);
        self.asm.rr(Op::MOV_RM.s32(), RAX, RAX);
        self.push_reg(Type::I32, RAX);
    }

    // Branches and traps.

    /// Jumps to a label if a test holds.
    pub(super) fn jump_if(&mut self, test: Test, label: Label) {
        match test.parity {
            Parity::Ignored => self.asm.quick_jcc(test.cond, label),
            Parity::OrUnordered => {
                self.asm.quick_jcc(Cond::P, label);
                self.asm.quick_jcc(test.cond, label);
            }
            Parity::AndOrdered => {
                let over = self.asm.label();
                self.asm.quick_jcc(Cond::P, over);
                self.asm.quick_jcc(test.cond, label);
                self.asm.bind(over);
            }
        }
    }

    /// Stops the guest.
    pub(super) fn trap(&mut self, code: u8, loc: u32) {
        if !self.options.signals {
            self.asm.rm(Op::MOV_RM.s64(), SCRATCH, STORE);
            self.asm.m(Op::CALL_RM, Mem::base(SCRATCH, store::RAISE as i32));
        }
        // What is called finds the site by its return address, which this instruction keeps inside the function.
        self.trap_site(code, loc);
        self.asm.op(Op::UD2);
    }

    /// Notes that the next instruction may fault.
    fn trap_site(&mut self, code: u8, loc: u32) {
        let offset = self.asm.offset();
        self.code.traps.push(crate::compile::TrapSite { offset, code, loc });
    }

    pub(super) fn test_zero(&mut self, reg: Reg) -> Test {
        self.asm.rr(Op::TEST_MR.s32(), reg, reg);
        Test::of(Cond::Ne)
    }

    fn test_pointer(&mut self, reg: Reg) {
        self.asm.rr(Op::TEST_MR.s64(), reg, reg);
    }

    pub(super) fn test_home(&mut self, home: i32) -> Test {
        self.asm.mi(Op::CMP_I.s32(), at(home), 0);
        Test::of(Cond::Ne)
    }

    /// Tests whether a popped reference is null.
    pub(super) fn test_null(&mut self, value: &Value) -> Test {
        match value.place {
            Place::Home => self.asm.mi(Op::CMP_I.s64(), at(value.home), 0),
            Place::Const(bits) => {
                self.asm.constant(SCRATCH, bits as i64);
                self.test_pointer(SCRATCH);
            }
            _ => {
                let local = match value.place {
                    Place::Local(local) => self.local_operand(local),
                    _ => self.operand(*value),
                };
                match local {
                    super::state::Operand::Home(home) => self.asm.mi(Op::CMP_I.s64(), at(home), 0),
                    super::state::Operand::Reg(reg) => self.test_pointer(reg),
                    super::state::Operand::Imm(_) => unreachable!("constants are another case"),
                }
            }
        }
        Test::of(Cond::E)
    }

    /// Jumps to the label with the index in a register, to the last one if it is too large. The register may be written.
    pub(super) fn switch(&mut self, index: Reg, labels: Vec<Label>) {
        let Some((&last, others)) = labels.split_last() else { return };
        if others.iter().filter(|label| **label != last).count() <= COMPARED_ENTRIES {
            for (number, &label) in others.iter().enumerate().filter(|(_, label)| **label != last) {
                match number {
                    0 => self.asm.rr(Op::TEST_MR.s32(), index, index),
                    _ => self.asm.ri(Op::CMP_I.s32(), index, number as i32),
                }
                self.asm.quick_jcc(Cond::E, label);
            }
            return self.asm.quick_jmp(last);
        }
        let limit = others.len() as i32;
        if self.options.spectre {
            // The conditional move keeps the processor from reading on with a wrong index.
            self.asm.constant(SCRATCH, limit.into());
            self.asm.rr(Op::CMP_RM.s32(), index, SCRATCH);
            self.asm.cmovcc(Op::CMOVCC.s32(), Cond::A, index, SCRATCH);
        } else {
            self.asm.ri(Op::CMP_I.s32(), index, limit);
            self.asm.quick_jcc(Cond::Ae, last);
        }
        let place = self.asm.label();
        self.asm.rm(Op::LEA.s64(), SCRATCH, Mem::label(place));
        self.asm.rm(Op::ADD_RM.s64(), SCRATCH, Mem::indexed(SCRATCH, index, Scale::Eight, 0));
        self.asm.r(Op::JMP_RM, SCRATCH);
        self.parts.tables.push(Table { place, entries: labels });
    }

    /// 1 if a test holds, else 0.
    pub(super) fn set_from_flags(&mut self, to: Reg, test: Test) {
        self.asm.ri(Op::MOV_RI32, to, 0);
        self.asm.setcc(test.cond, to);
        let (cond, op) = match test.parity {
            Parity::Ignored => return,
            Parity::AndOrdered => (Cond::Np, Op::AND_RM.s32()),
            Parity::OrUnordered => (Cond::P, Op::OR_RM.s32()),
        };
        self.asm.ri(Op::MOV_RI32, SCRATCH, 0);
        self.asm.setcc(cond, SCRATCH);
        self.asm.rr(op, to, SCRATCH);
    }

    /// Pushes the number that a test gives; a comparison is left to the operator that follows where that takes it.
    pub(super) fn push_test(&mut self, test: Test) {
        if self.next_takes_condition() || self.next_is_select() && test.parity == Parity::Ignored {
            return self.push(Type::I32, Place::Flags(test));
        }
        let to = self.result(RegClass::Int, [None, None]);
        self.set_from_flags(to, test);
        self.push_reg(Type::I32, to);
    }

    // Counters, deadlines and fuel.

    fn counter(&self) -> Mem {
        Mem::symbol(Symbol(self.cells.counter(self.body)))
    }

    pub(super) fn count_down(&mut self, cost: i32, below: Label) {
        self.asm.constant(SCRATCH, cost.into());
        self.asm.rm(Op::SUB_MR.s32(), SCRATCH, self.counter());
        self.asm.quick_jcc(Cond::S, below);
    }

    pub(super) fn count_down_in(&mut self, reg: Reg, cost: i32, below: Label) {
        self.asm.ri(Op::SUB_I.s32(), reg, cost);
        // The same as below zero, and one operation with the subtraction.
        self.asm.quick_jcc(Cond::L, below);
    }

    pub(super) fn count_down_at_home(&mut self, home: i32, cost: i32, below: Label) {
        self.asm.mi(Op::SUB_I.s32(), at(home), cost);
        self.asm.quick_jcc(Cond::S, below);
    }

    pub(super) fn load_counter(&mut self, reg: Reg) {
        self.asm.rm(Op::MOV_RM.s32(), reg, self.counter());
    }

    pub(super) fn store_counter(&mut self, reg: Reg) {
        self.asm.rm(Op::MOV_MR.s32(), reg, self.counter());
    }

    pub(super) fn counted_down(&mut self, place: u64) {
        self.asm.constant(SCRATCH, place as i64);
        self.asm.m(Op::CALL_RM, Mem::symbol(Symbol(self.cells.count_down())));
    }

    pub(super) fn compare_callee(&mut self, cell: u32, other: Label) {
        self.asm.rm(Op::MOV_RM.s32(), SCRATCH, Mem::base(CALLEE_REF, CALLEE_BODY));
        self.asm.rm(Op::XOR_RM.s32(), SCRATCH, Mem::symbol(Symbol(cell)));
        self.asm.ri(Op::ADD_I.s32(), SCRATCH, 1);
        self.asm.quick_jcc(Cond::Ns, other);
    }

    /// At a call r10 is free. In the scratch register is what was compared.
    pub(super) fn change_callee(&mut self, cell: u32) {
        let cell = Mem::symbol(Symbol(cell));
        self.asm.ri(Op::SUB_I.s32(), SCRATCH, 1);
        self.asm.ri(Op::XOR_I.s32(), SCRATCH, NotedCallee::TURNED as i32);
        self.asm.rm(Op::MOV_RM.s32(), R10, cell);
        self.asm.rr(Op::TEST_MR.s32(), R10, R10);
        self.asm.constant(R10, NotedCallee::SEVERAL.0.into());
        self.asm.cmovcc(Op::CMOVCC.s32(), Cond::Ne, SCRATCH, R10);
        self.asm.rm(Op::MOV_MR.s32(), SCRATCH, cell);
    }

    pub(super) fn compare_epoch(&mut self, reached: Label) {
        self.asm.rm(Op::MOV_RM.s64(), SCRATCH, STORE);
        let spare = self.alloc(RegClass::Int);
        self.asm.rm(Op::MOV_RM.s64(), spare, Mem::base(SCRATCH, store::EPOCH as i32));
        self.asm.rm(Op::MOV_RM.s64(), spare, Mem::base(spare, 0));
        self.asm.rm(Op::CMP_RM.s64(), spare, Mem::base(SCRATCH, store::EPOCH_DEADLINE as i32));
        self.release(spare);
        self.asm.quick_jcc(Cond::Ae, reached);
    }

    /// Starts a segment of code that is paid for at its start.
    pub(super) fn start_fuel(&mut self) {
        if !self.options.translate.fuel {
            return;
        }
        self.finish_fuel();
        self.asm.rm(Op::MOV_RM.s64(), SCRATCH, STORE);
        // An immediate that takes four bytes.
        self.asm.mi(Op::SUB_I.s64(), Mem::base(SCRATCH, store::FUEL as i32), i32::MAX);
        self.fuel = Some((self.asm.offset(), 0));
        self.trap_if(Test::of(Cond::S), Trap::OutOfFuel.code());
    }

    /// Fills in what the segment that ends here costs.
    pub(super) fn finish_fuel(&mut self) {
        if let Some((end, amount)) = self.fuel.take() {
            self.asm.patch_i32(end, amount as i32);
        }
    }
}

/// The entry of the function reference that a call goes to.
fn native_entry() -> Mem {
    Mem::base(CALLEE_REF, (func_ref::NATIVE * 8) as i32)
}
