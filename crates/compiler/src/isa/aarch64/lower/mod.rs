//! in: a function of the IR. out: aarch64 instructions over virtual registers ([`VCode`]).
//!
//! Bottom-up: blocks from last to first, and in each the instructions from the terminator up. What nobody asked for when its turn comes, and
//! has no effect, is left out; so an instruction may take its operand's computation into itself (an address, a comparison, a shift, a product)
//! and not ask for the operand. Constants are no instructions of the IR's order: see [`shared`].
//!
//! Reading order: this file (the walk, and what the parts use), [`control`] (branches, conditions), [`memory`] (addresses, loads, stores),
//! [`shared`] (constants, bases of addresses), [`calls`], [`int`], [`divide`], [`float`], [`vector`].
//!
//! # For the parts
//! - One instruction of the IR is lowered **forwards**: the parts `push` instructions in the order in which they run; the walk reverses
//!   them.
//! - [`Lower::def`] is the register of a result, [`Lower::reg`] that of an operand, [`Lower::temp`] a new one. A register is
//!   written once, as in SSA: an updated operand has a register for its result and one for its source, `Inst::r(op, [dst, src, other])`.
//! - The upper half of a register that holds an `i32` is zero.
//! - Between an instruction that sets flags and the one that reads them, moves, loads and constants may be put, nothing else.

mod calls;
mod control;
mod divide;
mod float;
mod int;
mod memory;
mod references;
mod shared;
mod vector;

use super::asm::Assembler;
use super::frame::CallPolicy;
use super::imm;
use super::inst::{Constraint as Fixed, Inst};
use super::mem::Mem;
use super::regs::VMCTX;
use super::row::{Op, Role, Size};
use super::vcode::{Kind, NO_TRAP, Test, VCode, preg};
use crate::entity::Entity;
use crate::ir::{Block, Format, Frequency, Function, Opcode, Type, Value};
use crate::isa::aarch64::abi::REGISTERS;
use crate::isa::backend::Lowering;
use crate::isa::convention::{Convention, class_of};
use crate::isa::reg::{Reg, RegClass};
use crate::regalloc::{self, Constraint, Operand, VReg};
use shared::{Key, Shared};
use tiercel_abi::Trap;
use tiercel_abi::vmctx::header;

/// A function with a call that has more bytes of arguments on the stack moves the stack pointer for each call, rather than keeping so much of its
/// frame for them. No effect on correctness.
const PUSHED_BYTES: u32 = 1024;

/// An address, and what happens if an access to it faults.
#[derive(Clone, Copy, Debug)]
pub(super) struct Address {
    pub mem: Mem,
    /// [`NO_TRAP`] or the trap's number.
    pub trap: u8,
    pub loc: u32,
}

/// An instruction that waits to be put in front of those that are there already.
struct Pending {
    kind: Kind,
    x: Inst,
    first_operand: u32,
    trap: u8,
    loc: u32,
    stack_bytes: u32,
}

/// Register of a value: none yet.
const UNUSED: u32 = u32::MAX;
/// Register of a value: none, as its only user has computed it.
const SUNK: u32 = u32::MAX - 1;

/// Everything that is reused from function to function.
#[derive(Default)]
pub struct Buffers {
    /// Number of the virtual register of each value, or [`UNUSED`] or [`SUNK`].
    value_regs: Vec<u32>,
    /// Index of each block in the layout.
    block_index: Vec<u32>,
    pending: Vec<Pending>,
    operands: Vec<Operand>,
    convention: Convention,
    own_convention: Convention,
    edge_regs: Vec<Reg>,
    /// With [`Lowering::check_widths`]: registers of `i32`s that the instruction being lowered reads.
    narrow_uses: Vec<Reg>,
    slot_offsets: Vec<u32>,
    shared: Shared,
}

/// The lowering of one function.
pub(super) struct Lower<'a> {
    cx: Lowering<'a>,
    func: &'a Function,
    vcode: &'a mut VCode,
    asm: &'a mut Assembler,
    b: &'a mut Buffers,
    /// The block that is lowered.
    block: Block,
    /// The place of the instruction that is lowered, in [`Function::order`].
    pos: usize,
    /// The place of its operator.
    loc: u32,
    /// The address of the buffer for results, where the signature has one.
    result_buffer: Reg,
    /// An instruction that cannot be lowered.
    unsupported: Option<Opcode>,
}

/// Lowers a function, whose calls make room for their arguments by this policy, or by their size. Labels of tables are made in `asm`, which must be
/// empty.
///
/// # Errors
/// The function has this instruction, which cannot be lowered yet.
pub fn lower(
    cx: Lowering<'_>,
    policy: Option<CallPolicy>,
    func: &Function,
    params: &[Type],
    vcode: &mut VCode,
    asm: &mut Assembler,
    b: &mut Buffers,
) -> Result<(), Opcode> {
    vcode.clear();
    b.value_regs.clear();
    b.value_regs.resize(func.insts.len(), UNUSED);
    b.block_index.clear();
    b.block_index.resize(func.blocks.len(), u32::MAX);
    for (index, &block) in func.layout.iter().enumerate() {
        b.block_index[block.index()] = index as u32;
    }
    b.narrow_uses.clear();
    b.shared.reset(func);
    b.own_convention.set(cx.registers, params, &func.results);
    vcode.in_bytes = b.own_convention.stack_bytes;
    let deepest = func.sigs.iter().map(|(sig, _)| {
        b.convention.set(REGISTERS, func.sig_params(sig), func.sig_results(sig));
        b.convention.stack_bytes
    });
    let by_size = if deepest.max().unwrap_or(0) > PUSHED_BYTES { CallPolicy::Pushed } else { CallPolicy::Reserved };
    vcode.policy = policy.unwrap_or(by_size);
    vcode.foreign_tail_calls = cx.foreign_tail_calls;
    vcode.has_memory = !cx.info.memories.is_empty();
    let mut lower = Lower {
        cx,
        func,
        vcode,
        asm,
        b,
        block: func.entry(),
        pos: 0,
        loc: 0,
        result_buffer: Reg::NONE,
        unsupported: None,
    };
    lower.slots();
    if lower.b.own_convention.buffer_bytes != 0 {
        lower.result_buffer = lower.temp(RegClass::Int);
    }
    for &block in func.layout.iter().rev() {
        lower.block(block);
    }
    lower.vcode.reverse();
    lower.unsupported.map_or(Ok(()), Err)
}

impl<'a> Lower<'a> {
    /// Places the frame slots of the IR.
    fn slots(&mut self) {
        self.b.slot_offsets.clear();
        // References come first, so that stack maps name all of them at once.
        let is_reference = |ty: &&Type| **ty == Type::Ref;
        let references = self.func.slots.iter().filter(is_reference).count() as u32;
        self.vcode.traced_locals = references;
        self.vcode.has_references = references != 0;
        let (mut next_reference, mut at) = (0u32, references * 8);
        for ty in &self.func.slots {
            if *ty == Type::Ref {
                self.b.slot_offsets.push(next_reference);
                next_reference += 8;
                continue;
            }
            let size = ty.bytes().max(8);
            at = at.next_multiple_of(size);
            self.b.slot_offsets.push(at);
            at += size;
        }
        self.vcode.local_bytes = at.next_multiple_of(16);
        self.vcode.zeroed_bytes = self.vcode.local_bytes;
    }

    fn block(&mut self, block: Block) {
        let func = self.func;
        let data = &func.blocks[block];
        self.block = block;
        let depth = data.in_loop.map_or(0, |in_loop| func.loops[in_loop].depth);
        self.vcode.push_block(depth, data.frequency == Frequency::Cold);
        if data.frequency == Frequency::Unlikely {
            self.vcode.mark_unlikely();
        }
        self.look_for_sums(block);
        for pos in (data.first as usize..data.end as usize).rev() {
            let value = func.order[pos];
            (self.pos, self.loc) = (pos, func.locs[value.index()]);
            self.define_behind(value);
            let inst = func.inst(value);
            if inst.op.is_terminator() {
                self.terminator(value);
            } else if self.wanted(value) {
                self.inst(value);
                self.check_results(value);
            }
            self.flush();
            self.check_operands();
            if inst.op.is_terminator() {
                self.define_before_loops();
            }
            self.define_overdue();
        }
        self.define_at_start();
        if self.cx.check_widths {
            let params: Vec<Value> = func.params(block).collect();
            params.into_iter().for_each(|param| self.check_width_of(param));
            self.flush();
        }
        if block == func.entry() {
            self.args();
            self.flush();
            self.vcode.end_block([]);
        } else {
            let mut params = std::mem::take(&mut self.b.edge_regs);
            params.clear();
            params.extend(func.params(block).map(|param| self.def(param)));
            self.vcode.end_block(params.iter().copied());
            self.b.edge_regs = params;
        }
    }

    /// With [`Lowering::check_widths`], tests the results of the instruction that was lowered, behind it.
    fn check_results(&mut self, value: Value) {
        if self.cx.check_widths {
            let results: Vec<Value> = self.results(value).map(|(_, result)| result).collect();
            results.into_iter().chain([value]).for_each(|result| self.check_width_of(result));
        }
    }

    /// With [`Lowering::check_widths`], tests what the instruction that was lowered reads, in front of it: there no flags are waited for, as
    /// there may be between the instructions that it has become.
    fn check_operands(&mut self) {
        let mut regs = std::mem::take(&mut self.b.narrow_uses);
        regs.drain(..).for_each(|reg| self.check_width(reg));
        self.flush();
        self.b.narrow_uses = regs;
    }

    /// Tests the register of a value, if it is an `i32` that somebody asked for.
    fn check_width_of(&mut self, value: Value) {
        if self.func.ty(value) == Type::I32 && self.is_used(value) {
            let reg = self.def(value);
            self.check_width(reg);
        }
    }

    /// Stops the guest if the upper half of a register is not zero.
    fn check_width(&mut self, reg: Reg) {
        let upper = self.temp(RegClass::Int);
        self.push(Inst::r(Op::LSR_I.s64(), [upper, reg]).imm(32));
        self.push_trap_if(Test::Zero(Size::S64, false), Some(upper), code(Trap::BrokenWidth));
    }

    /// Whether an instruction has to be there.
    fn wanted(&self, value: Value) -> bool {
        let func = self.func;
        match self.b.value_regs[value.index()] {
            SUNK => false,
            UNUSED => match func.inst(value).op {
                Opcode::Result | Opcode::Nop | Opcode::Param => false,
                _ => {
                    func.has_side_effect(value)
                        || func.inst(value).ty == Type::None
                            && self.results(value).any(|(_, result)| self.is_used(result))
                }
            },
            _ => func.inst(value).op != Opcode::Result,
        }
    }

    /// Whether somebody asked for a value.
    fn is_used(&self, value: Value) -> bool {
        self.b.value_regs[value.index()] < SUNK
    }

    /// Whether the instruction that is lowered is the only one to use a value, so that it may compute the value itself.
    fn is_mine(&self, value: Value) -> bool {
        self.func.uses[value.index()] == 1 && self.b.value_regs[value.index()] == UNUSED
    }

    /// The `result` instructions right behind this instruction of several results, which is the one that is lowered.
    fn results(&self, value: Value) -> impl Iterator<Item = (usize, Value)> + use<'a> {
        let func = self.func;
        let end = func.blocks[self.block].end as usize;
        func.order[self.pos + 1..end].iter().map_while(move |&result| {
            let inst = func.inst(result);
            (inst.op == Opcode::Result && inst.a as usize == value.index()).then_some((inst.b as usize, result))
        })
    }

    fn inst(&mut self, value: Value) {
        let inst = *self.func.inst(value);
        match inst.op.info().format {
            Format::Load => self.load(value),
            Format::Store => self.store(value),
            Format::CtxLoad | Format::PtrLoad | Format::SlotLoad => self.field_load(value),
            Format::CtxStore | Format::PtrStore | Format::SlotStore => self.field_store(value),
            Format::CtxAddr => {
                let dst = self.def(value);
                self.push(Inst::m(Op::LEA, [dst], Mem::base(VMCTX, inst.b as i32)));
            }
            Format::Check => self.mem_check(value),
            Format::TrapIf => self.trap_if(value),
            Format::Fuel => self.fuel(inst.b),
            Format::Call | Format::CallRef => self.call(value),
            Format::Builtin => self.builtin(value),
            Format::Cast => {
                self.comparison(value);
            }
            _ if inst.op == Opcode::Epoch => self.epoch(),
            _ if inst.op == Opcode::Select => self.select(value),
            _ => {
                let done = self.int(value) || self.float(value) || self.vector(value);
                if !done {
                    self.unsupported = Some(inst.op);
                }
            }
        }
    }

    // What the parts use.

    /// The operand in field `a`, `b` or `c` of an instruction.
    fn operand(&self, field: u32) -> Value {
        Value::new(field as usize)
    }

    /// A new virtual register of at most 8 bytes.
    fn temp(&mut self, class: RegClass) -> Reg {
        self.vcode.new_vreg(class, false, false)
    }

    /// The register of a value: its instruction has to define it.
    fn def(&mut self, value: Value) -> Reg {
        let ty = self.func.ty(value);
        let class = class_of(ty);
        match self.b.value_regs[value.index()] {
            UNUSED => {
                let reg = match ty {
                    Type::Ref => self.vcode.new_reference(),
                    _ => self.vcode.new_vreg(class, ty == Type::V128, false),
                };
                self.b.value_regs[value.index()] = reg.number();
                reg
            }
            number => {
                debug_assert!(number != SUNK, "{value} was computed by its user");
                Reg::virt(class, number)
            }
        }
    }

    /// The register of an operand, which is thereby asked for; a constant is made right here.
    fn reg(&mut self, value: Value) -> Reg {
        let func = self.func;
        let inst = func.inst(value);
        match inst.op {
            Opcode::Const => self.constant(value),
            // The upper half is zero already.
            Opcode::I64ExtendI32U | Opcode::RefBits => self.reg(Value::new(inst.a as usize)),
            _ => {
                let reg = self.def(value);
                if self.cx.check_widths && inst.ty == Type::I32 {
                    self.b.narrow_uses.push(reg);
                }
                reg
            }
        }
    }

    /// The register of an operand of which only the lower 32 bits are read.
    fn low(&mut self, value: Value) -> Reg {
        let func = self.func;
        let inst = func.inst(value);
        match inst.op {
            Opcode::I32WrapI64 => self.reg(Value::new(inst.a as usize)),
            _ => self.reg(value),
        }
    }

    /// A constant in a register.
    fn constant(&mut self, value: Value) -> Reg {
        let func = self.func;
        let ty = func.ty(value);
        let bits = func.const_bits(value).expect("it is a constant");
        self.shared(if ty.is_int() { Key::Int(bits as u64) } else { Key::Float(ty, bits) })
    }

    /// An integer in a register.
    fn int_constant(&mut self, bits: u64) -> Reg {
        self.shared(Key::Int(bits))
    }

    /// A float or vector in a register.
    fn vector_constant(&mut self, ty: Type, bits: u128) -> Reg {
        self.shared(Key::Float(ty, bits))
    }

    /// Makes a float or vector.
    fn make_vector(&mut self, dst: Reg, ty: Type, bits: u128) {
        let (repeated, size) = match ty {
            Type::F32 => (bits * 0x0000_0001_0000_0001_0000_0001_0000_0001, Size::S32),
            Type::F64 => (bits * 0x0000_0000_0000_0001_0000_0000_0000_0001, Size::S64),
            _ => (bits, Size::S64),
        };
        let float = if ty == Type::V128 { None } else { imm::encode_float(bits as u64, size) };
        let inst = match (float, imm::vector_immediate(repeated)) {
            (Some(imm), _) => Inst::r(Op::FMOV_I.size(size), [dst]).imm(imm.into()),
            // What lies above a float's bits does not count.
            (None, Some((op, imm))) => Inst::r(op, [dst]).imm(imm),
            (None, None) => {
                let op = match ty {
                    Type::F32 => Op::LDR_S,
                    Type::F64 => Op::LDR_D,
                    _ => Op::LDR_Q,
                };
                let id = self.asm.constant_id(bits, ty.bytes());
                Inst::m(op, [dst], Mem::constant(id))
            }
        };
        self.push(inst);
    }

    /// Adds an instruction that cannot fault.
    fn push(&mut self, inst: Inst) {
        self.push_kind(Kind::Plain, inst, NO_TRAP, self.loc);
    }

    /// Adds a copy of a register that may well be the same one.
    fn push_copy(&mut self, inst: Inst) {
        self.push_kind(Kind::Copy, inst, NO_TRAP, self.loc);
    }

    /// Adds an instruction that accesses memory at an address from [`Lower::load_address`], or divides.
    fn push_trap(&mut self, inst: Inst, trap: u8, loc: u32) {
        self.push_kind(Kind::Plain, inst, trap, loc);
    }

    /// Adds an instruction with the operands that its registers are.
    fn push_kind(&mut self, kind: Kind, x: Inst, trap: u8, loc: u32) {
        let first = self.b.operands.len();
        // An operand's index by its slot.
        let mut index_of = [0u8; super::inst::SLOTS];
        let operands = &mut self.b.operands;
        // The indices that tied definitions name are known after one look at all operands.
        let mut next = 0;
        x.for_each_operand(|operand| {
            index_of[operand.slot] = next;
            next += u8::from(operand.reg.is_virtual());
        });
        x.for_each_operand(|operand| {
            if !operand.reg.is_virtual() {
                return;
            }
            let role = match operand.role {
                Role::Def => regalloc::Role::Def,
                _ => regalloc::Role::Use,
            };
            let constraint = match operand.constraint {
                Fixed::Tied(slot) => Constraint::Tied(index_of[slot]),
                Fixed::Any => Constraint::Reg,
            };
            operands.push(Operand { vreg: VReg::new(operand.reg.number() as usize), role, constraint });
        });
        self.b.pending.push(Pending { kind, x, first_operand: first as u32, trap, loc, stack_bytes: 0 });
    }

    /// Adds an instruction of its own kind with these operands.
    fn push_special(&mut self, kind: Kind, operands: &[Operand], trap: u8, stack_bytes: u32) {
        let first_operand = self.b.operands.len() as u32;
        self.b.operands.extend_from_slice(operands);
        let x = Inst::r(Op::RET, []);
        self.b.pending.push(Pending { kind, x, first_operand, trap, loc: self.loc, stack_bytes });
    }

    /// Puts what was pushed in front of what is there, reversed.
    fn flush(&mut self) {
        let mut end = self.b.operands.len();
        for pending in self.b.pending.drain(..).rev() {
            let first = pending.first_operand as usize;
            let operands = &self.b.operands[first..end];
            self.vcode.push(pending.kind, pending.x, operands, pending.trap, pending.loc, pending.stack_bytes);
            end = first;
        }
        self.b.operands.clear();
    }
}

/// An operand in a fixed register.
fn fixed(reg: Reg, role: regalloc::Role, physical: Reg) -> Operand {
    Operand { vreg: VReg::new(reg.number() as usize), role, constraint: Constraint::Fixed(preg(physical)) }
}

/// An operand in any register.
fn operand(reg: Reg, role: regalloc::Role) -> Operand {
    Operand { vreg: VReg::new(reg.number() as usize), role, constraint: Constraint::Reg }
}

/// The offset of a field of the header of the vmctx.
const fn header_offset(field: u32) -> i32 {
    (field * 8) as i32
}

/// The vmctx's pointer to the store.
const STORE: Mem = Mem::base(VMCTX, header_offset(header::STORE));

/// The number of a trap as an instruction holds it.
const fn code(trap: Trap) -> u8 {
    trap.code()
}
