//! in: instructions with their places after register allocation. out: the bytes and tables of one function.
//!
//! # The frame, from high addresses to low
//! ```text
//! arguments on the stack      the callee pops them
//! return address
//! saved rbp                   <- rbp
//! saved registers, the vmctx
//! what lowering put there     frame slots of the IR, buffers of results
//! 16-byte spill slots
//! 8-byte spill slots
//! outgoing arguments          <- rsp, a multiple of 16
//! ```
//! A function that calls nothing and needs none of it has no frame.

use super::abi::CALLEE_SAVED;
use super::asm::{Assembler, FrameBases, Label, Symbol};
use super::inst::Inst as X64;
use super::lower::{NEW_OBJECT, PoolConst};
use super::mem::{Mem, Scale};
use super::regs::*;
use super::relax::LINE_BYTES;
use super::row::{Cond, Op, Size};
use super::vcode::{self, Kind, NO_TRAP, Own, Parity, Table, Test, VCode};
use crate::compile::{CallReloc, CallSite, Calls, Code, TrapSite};
use crate::entity::Entity;
use crate::ir::insts::cast;
use crate::isa::backend::{Emission, Inline, TrapExit};
use crate::isa::flow::{COPIED_INSTS, DISPATCH_INSTS, Flow, INSTS_PER_COPIED};
use crate::isa::order;
use crate::isa::reg::{Reg, RegClass};
use crate::isa::stack_maps::StackMaps;
use crate::regalloc::{self, Loc, Move, Output, Slot, Source, VCode as _, VReg};
use tiercel_abi::vmctx::{func_ref, header, store};
use tiercel_abi::{Trap, heap};

/// Functions start at multiples of so many bytes at least. No effect on correctness.
const FUNCTION_ALIGN: u32 = 32;
/// A frame up to this size in a function that calls nothing is not checked against the stack's limit, below which there is room for it.
const UNCHECKED_LEAF_BYTES: u32 = 1024;
/// A larger frame is part of the comparison with the limit; a smaller one has room below it.
const CHECKED_AS_ONE_BYTES: u32 = 16 << 10;
/// Instructions behind one that are looked at to find out whether flags are still to be read. No effect on correctness.
const FLAGS_WINDOW: usize = 8;
/// Instructions in front of a comparison with zero among which the one that made the value is searched. No effect on correctness.
const ZERO_TEST_WINDOW: u32 = 4;
/// So much of the frame is zeroed without a loop.
const ZEROED_UNROLLED_BYTES: u32 = 128;

/// An allocation for which there is no room: a call of the routine, away from the rest.
struct NewExit {
    slow: Label,
    done: Label,
    ty: u32,
    bytes: u32,
    loc: u32,
    map: u32,
}

/// An edge whose moves are made away from the branch.
struct EdgeExit {
    label: Label,
    edge: usize,
    target: usize,
}

/// Everything that is reused from function to function.
#[derive(Default)]
pub struct Buffers {
    flow: Flow,
    blocks: Vec<Label>,
    /// For each head of a loop that has moves in front, where they start.
    before: Vec<(u32, Label)>,
    /// The traps of a piece of code that was emitted in line, which are to follow somewhere.
    pub traps: Vec<TrapExit>,
    edges: Vec<EdgeExit>,
    news: Vec<NewExit>,
    /// For tests of references: where null goes, and where it comes back with the flags at not equal.
    nulls: Vec<(Label, Label)>,
    /// For each vreg that can be made again, the instruction that makes it.
    remat: Vec<u32>,
    /// For each table of a switch where its labels start; [`order::NONE`] for those of other branches.
    switches: Vec<u32>,
    /// For each successor of each switch, where it leads.
    switch_labels: Vec<Label>,
}

/// Sizes and places in the frame, in bytes from `rsp`.
struct Frame {
    size: u32,
    saved: i32,
    vmctx: i32,
    /// No frame at all.
    none: bool,
}

struct Emit<'a> {
    vcode: &'a VCode,
    out: &'a Output,
    asm: &'a mut Assembler,
    b: &'a mut Buffers,
    code: &'a mut Code,
    frame: Frame,
    calls: Calls,
    signals: bool,
    slots16: i32,
    /// The next of the moves.
    next_move: usize,
    maps: StackMaps,
    /// Instructions that were emitted again.
    copied: u32,
    /// Where a return leads, in code that is in line.
    behind: Option<Label>,
}

/// Emits a function. Labels of the pool and of jump tables are in `asm`, and nothing else.
pub fn emit(
    cx: Emission,
    vcode: &VCode,
    out: &Output,
    pool: &mut [PoolConst],
    asm: &mut Assembler,
    b: &mut Buffers,
    code: &mut Code,
) {
    code.clear();
    b.clear(vcode.tables.len());
    let slots8_bytes = (out.slots8 * 8).next_multiple_of(16);
    let slots = vcode.out_bytes;
    let locals = slots + slots8_bytes + out.slots16 * 16;
    let saved = locals + vcode.local_bytes;
    let vmctx = saved + 8 * out.used_callee_saved.len();
    let size = (vmctx + if vcode.saves_vmctx { 8 } else { 0 }).next_multiple_of(16);
    let none = size == 0 && !vcode.calls && vcode.in_bytes == 0;
    asm.set_frame(FrameBases {
        slots: slots as i32,
        locals: locals as i32,
        in_args: size as i32 + 16,
        frame_pointer: (!none).then_some(size as i32),
    });
    b.blocks.extend((0..vcode.blocks.len()).map(|_| asm.label()));
    let frame = Frame { size, saved: saved as i32, vmctx: vmctx as i32, none };
    let slots16 = slots8_bytes as i32;
    let run = (locals / 8, vcode.traced_locals);
    let maps = StackMaps::new(vcode.has_references, size / 8, run, slots / 8);
    let (calls, signals) = (cx.calls, cx.signals);
    let mut emit =
        Emit { vcode, out, asm, b, code, frame, calls, signals, slots16, next_move: 0, maps, copied: 0, behind: None };
    emit.order();
    emit.code.frameless = none;
    let entry = emit.asm.label();
    emit.asm.bind(entry);
    emit.prologue(cx);
    for at in 0..vcode.blocks.len() {
        let block = emit.b.flow.order.blocks[at] as usize;
        emit.block(block);
    }
    emit.exits();
    emit.trap_exits();
    if cx.escapes {
        emit.code.foreign_entry = Some(emit.asm.offset());
        emit.asm.rm(Op::MOV_RM.s64(), VMCTX, Mem::base(super::abi::CALLEE_REF, (func_ref::VMCTX * 8) as i32));
        emit.load_memory_base();
        emit.asm.jmp(entry);
    }
    emit.tables();
    emit.constants(pool);
    emit.asm.relax();
    emit.asm.finish();
    for site in &mut emit.code.traps {
        site.offset = emit.asm.moved(site.offset);
    }
    for site in &mut emit.code.call_sites {
        site.offset = emit.asm.moved_end(site.offset);
    }
    emit.code.align = emit.asm.code_align().max(FUNCTION_ALIGN);
    emit.code.foreign_entry = emit.code.foreign_entry.map(|entry| emit.asm.moved(entry));
    let relocs = emit.asm.relocs().iter().map(|reloc| CallReloc { offset: reloc.offset, body: reloc.symbol.0 });
    emit.code.calls.extend(relocs);
    emit.code.bytes.extend_from_slice(emit.asm.code());
}

/// Emits a function without jump tables in line, behind what is there already. Its traps stay in `b`; stack maps count from `rsp`, in frames of no
/// slots.
pub fn emit_inline(cx: Inline, vcode: &VCode, out: &Output, asm: &mut Assembler, b: &mut Buffers, code: &mut Code) {
    b.clear(0);
    asm.set_frame(FrameBases { in_args: cx.in_args as i32, ..FrameBases::default() });
    b.blocks.extend((0..vcode.blocks.len()).map(|_| asm.label()));
    let frame = Frame { size: 0, saved: 0, vmctx: 0, none: true };
    let slots16 = (out.slots8 * 8).next_multiple_of(16) as i32;
    let maps = StackMaps::new(vcode.has_references, 0, (0, 0), 0);
    let behind = asm.label();
    let mut emit = Emit {
        vcode,
        out,
        asm,
        b,
        code,
        frame,
        calls: Calls::Direct,
        signals: cx.signals,
        slots16,
        next_move: 0,
        maps,
        copied: 0,
        behind: Some(behind),
    };
    emit.order();
    for at in 0..vcode.blocks.len() {
        let block = emit.b.flow.order.blocks[at] as usize;
        emit.block(block);
    }
    emit.exits();
    emit.asm.bind(behind);
}

impl Buffers {
    /// Forgets everything; the function has so many tables.
    fn clear(&mut self, tables: usize) {
        self.traps.clear();
        self.edges.clear();
        self.news.clear();
        self.nulls.clear();
        self.blocks.clear();
        self.before.clear();
        self.remat.clear();
        self.switches.clear();
        self.switches.resize(tables, order::NONE);
        self.switch_labels.clear();
    }
}

impl Emit<'_> {
    fn prologue(&mut self, cx: Emission) {
        if self.frame.none {
            return;
        }
        let size = self.frame.size;
        self.asm.r(Op::PUSH, RBP);
        self.asm.rr(Op::MOV_RM.s64(), RBP, RSP);
        if self.vcode.calls || size > UNCHECKED_LEAF_BYTES {
            self.asm.rm(Op::MOV_RM.s64(), SCRATCH, Mem::base(VMCTX, (header::STORE * 8) as i32));
            let limit = Mem::base(SCRATCH, store::NATIVE_STACK_LIMIT as i32);
            if size <= CHECKED_AS_ONE_BYTES {
                self.asm.rm(Op::CMP_RM.s64(), RSP, limit);
            } else {
                self.asm.rm(Op::MOV_RM.s64(), SCRATCH, limit);
                self.asm.ri(Op::ADD_I.s64(), SCRATCH, size as i32);
                self.asm.rr(Op::CMP_RM.s64(), RSP, SCRATCH);
            }
            self.trap_if(Test::of(Cond::B), Trap::StackOverflow.code(), cx.loc);
        }
        if size != 0 {
            self.asm.ri(Op::SUB_I.s64(), RSP, size as i32);
        }
        if self.b.flow.saves.at == 0 {
            self.save();
        }
        debug_assert!((self.out.used_callee_saved - vcode::preg_set(CALLEE_SAVED)).is_empty());
        if self.vcode.saves_vmctx {
            self.asm.rm(Op::MOV_MR.s64(), VMCTX, Mem::base(RSP, self.frame.vmctx));
        }
        self.zero_locals();
    }

    fn zero_locals(&mut self) {
        let bytes = self.vcode.zeroed_bytes;
        if bytes == 0 {
            return;
        }
        if bytes <= ZEROED_UNROLLED_BYTES {
            self.asm.rr(Op::XOR_RM.s32(), SCRATCH, SCRATCH);
            for offset in (0..bytes).step_by(8) {
                self.asm.rm(Op::MOV_MR.s64(), SCRATCH, Mem::local(offset as i32));
            }
            return;
        }
        let again = self.asm.label();
        let locals = self.frame.saved - self.vcode.local_bytes as i32;
        self.asm.constant(SCRATCH, -i64::from(bytes));
        self.asm.bind(again);
        self.asm.mi(Op::MOV_MI.s64(), Mem::indexed(RSP, SCRATCH, Scale::One, locals + bytes as i32), 0);
        self.asm.ri(Op::ADD_I.s64(), SCRATCH, 8);
        self.asm.jcc(Cond::Ne, again);
    }

    /// Saves the registers that belong to the caller.
    fn save(&mut self) {
        for (index, reg) in self.out.used_callee_saved.enumerate() {
            self.asm.rm(Op::MOV_MR.s64(), vcode::reg(reg), Mem::base(RSP, self.frame.saved + 8 * index as i32));
        }
    }

    /// Restores the caller's registers and stack pointer at the end of a block: the return address is on top afterwards.
    fn epilogue(&mut self, block: usize) {
        if self.frame.none {
            return;
        }
        self.restore_saved(block);
        if self.frame.size != 0 {
            self.asm.rr(Op::MOV_RM.s64(), RSP, RBP);
        }
        self.asm.r(Op::POP, RBP);
    }

    fn restore_saved(&mut self, block: usize) {
        if !self.b.flow.saves.is_behind(block) {
            return;
        }
        for (index, reg) in self.out.used_callee_saved.enumerate() {
            self.asm.rm(Op::MOV_RM.s64(), vcode::reg(reg), Mem::base(RSP, self.frame.saved + 8 * index as i32));
        }
    }

    /// Chooses the order of the blocks.
    fn order(&mut self) {
        self.b.flow.run(self.vcode, &self.vcode.unlikely, self.out);
        let before = &self.b.flow.order.moves_before;
        for (head, _) in before.iter().enumerate().filter(|(_, from)| **from != order::NONE) {
            self.b.before.push((head as u32, self.asm.label()));
        }
    }

    fn block(&mut self, block: usize) {
        if self.b.flow.order.tops[block] {
            self.asm.align(LINE_BYTES);
        }
        if let Some(edge) = self.b.flow.edge_before(self.vcode, self.out, block) {
            // It falls through; everybody else jumps over its moves.
            self.asm.bind(self.before(block));
            self.edge_moves(edge);
        }
        self.asm.bind(self.b.blocks[block]);
        if block != 0 && self.b.flow.saves.at == block as u32 {
            self.save();
        }
        self.insts(block);
    }

    /// The label of the moves in front of a head.
    fn before(&self, head: usize) -> Label {
        let found = self.b.before.binary_search_by_key(&(head as u32), |(head, _)| *head);
        self.b.before[found.expect("it has moves in front")].1
    }

    /// The instructions of a block.
    fn insts(&mut self, block: usize) {
        self.next_move = self.b.flow.first_move(block);
        let insts = self.vcode.blocks[block].insts.clone();
        let mut unneeded = self.out.unneeded_from(insts.start);
        for index in insts.start..insts.end {
            self.moves(index);
            match unneeded {
                [inst, rest @ ..] if inst.index() == index as usize => unneeded = rest,
                _ => self.inst(block, index),
            }
        }
    }

    /// The moves in front of an instruction.
    fn moves(&mut self, index: u32) {
        while let Some(&(inst, ref moved)) = self.out.moves.get(self.next_move)
            && inst.index() == index as usize
        {
            self.next_move += 1;
            match self.out.moves.get(self.next_move) {
                Some((_, then)) if self.store_constant(moved, then) => self.next_move += 1,
                _ => self.make_move(moved),
            }
        }
    }

    fn slot(&self, slot: Slot) -> Mem {
        let number = slot.number() as i32;
        Mem::slot(if slot.is_wide() { self.slots16 + 16 * number } else { 8 * number })
    }

    fn make_move(&mut self, moved: &Move) {
        let wide = self.vcode.vreg(moved.vreg).wide;
        match (moved.from, moved.to) {
            (Source::Remat, Loc::Reg(to)) => self.remat(moved.vreg, vcode::reg(to)),
            (Source::Loc(Loc::Reg(from)), Loc::Reg(to)) => self.asm.copy(vcode::reg(to), vcode::reg(from)),
            (Source::Loc(Loc::Reg(from)), Loc::Slot(slot)) => {
                let (from, mem) = (vcode::reg(from), self.slot(slot));
                match (from.class(), wide) {
                    (RegClass::Int, _) => self.asm.rm(Op::MOV_MR.s64(), from, mem),
                    (RegClass::Vector, false) => self.asm.rm(Op::MOVSD_STORE, from, mem),
                    (RegClass::Vector, true) => self.asm.rm(Op::MOVAPS_MR, from, mem),
                }
            }
            (Source::Loc(Loc::Slot(slot)), Loc::Reg(to)) => {
                let (to, mem) = (vcode::reg(to), self.slot(slot));
                match (to.class(), wide) {
                    (RegClass::Int, _) => self.asm.rm(Op::MOV_RM.s64(), to, mem),
                    (RegClass::Vector, false) => self.asm.rm(Op::MOVSD_LOAD, to, mem),
                    (RegClass::Vector, true) => self.asm.rm(Op::MOVAPS_RM, to, mem),
                }
            }
            (from, to) => unreachable!("the allocator moves by way of a register: {from:?} to {to:?}"),
        }
    }

    /// Two moves in one, if they bring a constant into a slot by way of the scratch register.
    fn store_constant(&mut self, moved: &Move, then: &Move) -> bool {
        let (Source::Remat, Loc::Slot(slot)) = (moved.from, then.to) else { return false };
        if then.from != Source::Loc(moved.to) || moved.to.reg().is_none_or(|reg| vcode::reg(reg) != SCRATCH) {
            return false;
        }
        let x = self.definition(moved.vreg).x;
        let fits = x.op == Op::MOV_RI || (x.op == Op::MOV_RI32 && x.imm >= 0);
        if fits {
            self.asm.mi(Op::MOV_MI.s64(), self.slot(slot), x.imm);
        }
        fits
    }

    /// Makes a value again.
    fn remat(&mut self, vreg: VReg, to: Reg) {
        let inst = self.definition(vreg);
        if inst.kind == Kind::Own(Own::Zero) {
            return self.zero(to);
        }
        let mut x = inst.x;
        let mut slot = None;
        x.for_each_operand(|operand| {
            if operand.reg.is_virtual() {
                slot = Some(operand.slot);
            }
        });
        x.set_reg(slot.expect("it defines the value"), to);
        self.asm.emit(&x);
    }

    /// The instruction that defines a value which can be made again.
    fn definition(&mut self, vreg: VReg) -> &vcode::Inst {
        if self.b.remat.is_empty() {
            self.b.remat.resize(self.vcode.num_vregs(), u32::MAX);
            for index in 0..self.vcode.insts.len() {
                if let [only] = self.vcode.operands(regalloc::Inst::new(index))
                    && only.role != regalloc::Role::Use
                {
                    self.b.remat[only.vreg.index()] = index as u32;
                }
            }
        }
        &self.vcode.insts[self.b.remat[vreg.index()] as usize]
    }

    fn zero(&mut self, reg: Reg) {
        match reg.class() {
            RegClass::Int => self.asm.rr(Op::XOR_RM.s32(), reg, reg),
            RegClass::Vector => self.asm.rrr(Op::XORPS, reg, reg, reg),
        }
    }

    /// The register of an operand of a special instruction.
    fn operand(&self, index: u32, operand: usize) -> Reg {
        let loc = self.out.operands(regalloc::Inst::new(index as usize))[operand];
        vcode::reg(loc.reg().expect("the operand asks for a register"))
    }

    fn inst(&mut self, block: usize, index: u32) {
        let inst = &self.vcode.insts[index as usize];
        match inst.kind {
            Kind::Plain if self.is_known_test(block, index) => {}
            Kind::Plain => self.plain(block, index, inst),
            Kind::Copy => {
                let locs = self.out.operands(regalloc::Inst::new(index as usize));
                if locs[0] != locs[1] {
                    self.plain(block, index, inst);
                }
            }
            Kind::Own(Own::Zero) => self.zero(self.operand(index, 0)),
            Kind::Args => {}
            Kind::Return if self.behind.is_some() => self.go_behind(block),
            Kind::Return => {
                self.epilogue(block);
                self.ret();
            }
            Kind::CallLocal(body) => {
                match self.calls {
                    Calls::Direct => self.asm.call_symbol(Symbol(body)),
                    Calls::Cells => self.asm.m(Op::CALL_RM, Mem::symbol(Symbol(body))),
                }
                self.after_call(index, inst, self.vcode.foreign_tail_calls);
            }
            Kind::CallRef => {
                self.asm.m(Op::CALL_RM, native_entry());
                self.after_call(index, inst, true);
            }
            Kind::CallBuiltin(place, may_stop) => {
                let map = self.stack_map(index);
                self.call_builtin(place, may_stop, inst.loc, map);
            }
            Kind::New { ty, bytes } => {
                let map = self.stack_map(index);
                self.new_object(ty, bytes, inst.loc, map);
            }
            Kind::RefIs { ty, how } => self.ref_is(index, ty, how),
            Kind::Epoch(place) => {
                let map = self.stack_map(index);
                self.epoch(place, inst.loc, map);
            }
            Kind::TailLocal(body) => {
                self.leave_for(block, inst.stack_bytes);
                match self.calls {
                    Calls::Direct => self.asm.emit(&X64::to_symbol(Op::JMP, Symbol(body))),
                    Calls::Cells => self.asm.m(Op::JMP_RM, Mem::symbol(Symbol(body))),
                }
            }
            Kind::TailRef => {
                self.code.foreign_tail_calls = true;
                self.leave_for(block, inst.stack_bytes);
                self.asm.m(Op::JMP_RM, native_entry());
            }
            Kind::Jump => {
                let target = self.vcode.succs(block)[0].index();
                self.jump(block, target);
            }
            Kind::Branch(test) => self.branch(block, test),
            Kind::Switch(table, is_clamped) => self.switch(block, index, table, is_clamped),
            Kind::Compares(table) => self.compares(block, index, table),
            Kind::Own(Own::SelectVector(test)) => {
                let (dst, yes) = (self.operand(index, 0), self.operand(index, 2));
                let over = self.asm.label();
                self.jump_if(test.negate(), over);
                self.asm.copy(dst, yes);
                self.asm.bind(over);
            }
            Kind::TrapIf(test) => self.trap_if(test, inst.trap, inst.loc),
            Kind::Trap => self.trap(inst.trap, inst.loc),
        }
    }

    /// Whether nobody reads the flags that are set before this instruction of a block.
    fn are_flags_free(&self, block: usize, index: u32) -> bool {
        let end = self.vcode.blocks[block].insts.end;
        for inst in self.vcode.insts[index as usize..end as usize].iter().take(FLAGS_WINDOW) {
            match inst.kind {
                Kind::Plain if inst.x.op().reads_flags() => return false,
                Kind::Plain if inst.x.op().writes_flags() => return true,
                Kind::Plain | Kind::Copy => {}
                Kind::Branch(_) | Kind::TrapIf(_) | Kind::Own(Own::SelectVector(_)) => return false,
                _ => return true,
            }
        }
        false
    }

    /// Whether this instruction compares a value with zero whose making has set the flags that the next instruction reads.
    fn is_known_test(&self, block: usize, index: u32) -> bool {
        let (insts, start) = (&self.vcode.insts, self.vcode.blocks[block].insts.start);
        let test = &insts[index as usize].x;
        let size = match test.op() {
            op if op == Op::TEST_MR.s32() => Size::S32,
            op if op == Op::TEST_MR.s64() => Size::S64,
            _ => return false,
        };
        let operands = |index: u32| self.vcode.operands(regalloc::Inst::new(index as usize));
        let [a, b] = operands(index) else { return false };
        if a.vreg != b.vreg {
            return false;
        }
        let reader =
            insts.get(index as usize + 1).map(|inst| (inst.kind, inst.x.op().reads_flags(), inst.x.condition()));
        let cond = match reader {
            Some((Kind::Branch(test) | Kind::TrapIf(test), ..)) if test.parity == Parity::Ignored => test.cond,
            Some((Kind::Plain, true, cond)) => cond,
            _ => return false,
        };
        if !matches!(cond, Cond::E | Cond::Ne | Cond::S | Cond::Ns) {
            return false;
        }
        // The flags are not read by two instructions.
        if !matches!(reader, Some((Kind::Branch(_), ..))) && !self.are_flags_free(block, index + 2) {
            return false;
        }
        for at in (start.max(index.saturating_sub(ZERO_TEST_WINDOW))..index).rev() {
            let inst = &insts[at as usize];
            match inst.kind {
                Kind::Plain if !inst.x.op().writes_flags() && !may_become_zeroing(&inst.x) => {}
                Kind::Plain => {
                    let op = inst.x.op();
                    let sets =
                        [Op::ADD_RM, Op::ADD_I, Op::SUB_RM, Op::SUB_I, Op::AND_RM, Op::AND_I, Op::OR_RM, Op::OR_I]
                            .into_iter()
                            .chain([Op::XOR_RM, Op::XOR_I, Op::NEG])
                            .any(|known| known.size(size) == op);
                    let makes =
                        |operand: &regalloc::Operand| operand.role != regalloc::Role::Use && operand.vreg == a.vreg;
                    return sets && operands(at).iter().any(makes);
                }
                Kind::Copy => {}
                _ => return false,
            }
        }
        false
    }

    fn plain(&mut self, block: usize, index: u32, inst: &vcode::Inst) {
        let mut x = inst.x;
        if may_become_zeroing(&x) && self.are_flags_free(block, index + 1) {
            return self.zero(self.operand(index, 0));
        }
        let mut locs = self.out.operands(regalloc::Inst::new(index as usize)).iter();
        let mut folded = None;
        inst.x.for_each_operand(|operand| {
            if operand.reg.is_virtual() {
                match *locs.next().expect("each virtual register has a place") {
                    Loc::Reg(reg) => x.set_reg(operand.slot, vcode::reg(reg)),
                    Loc::Slot(slot) => folded = Some(slot),
                }
            }
        });
        if let Some(slot) = folded {
            // Processors know what a plain load of a slot gives before it is loaded, if it was stored a little while ago.
            let renamed = self.vcode.blocks[block].depth > 0 && !slot.is_wide();
            match x.foldable_slot() {
                Some((slot_of_operand, bits)) if renamed && bits >= 32 && is_int_use(&x, slot_of_operand) => {
                    self.asm.rm(Op::MOV_RM.s64(), SCRATCH, self.slot(slot));
                    x.set_reg(slot_of_operand, SCRATCH);
                }
                _ => x.fold(self.slot(slot)),
            }
        }
        if inst.trap != NO_TRAP {
            self.trap_site(inst.trap, inst.loc);
        }
        self.asm.emit(&x);
    }

    /// Stops the guest.
    fn trap(&mut self, code: u8, loc: u32) {
        if !self.signals {
            self.asm.rm(Op::MOV_RM.s64(), SCRATCH, Mem::base(VMCTX, (header::STORE * 8) as i32));
            self.asm.m(Op::CALL_RM, Mem::base(SCRATCH, store::RAISE as i32));
        }
        // What is called finds the site by its return address, which this instruction keeps inside the function.
        self.trap_site(code, loc);
        self.asm.op(Op::UD2);
    }

    fn trap_site(&mut self, code: u8, loc: u32) {
        self.code.traps.push(TrapSite { offset: self.asm.offset(), code, loc });
    }

    fn call_site(&mut self, loc: u32, map: u32) {
        self.code.call_sites.push(CallSite { offset: self.asm.offset(), loc, map });
    }

    /// The stack map of an instruction.
    fn stack_map(&mut self, index: u32) -> u32 {
        self.maps.at(regalloc::Inst::new(index as usize), &self.out.stack_maps, &mut self.code.stack_maps)
    }

    fn after_call(&mut self, index: u32, inst: &vcode::Inst, reload: bool) {
        let map = self.stack_map(index);
        self.call_site(inst.loc, map);
        if inst.stack_bytes != 0 {
            // The callee has popped its arguments.
            self.asm.ri(Op::SUB_I.s64(), RSP, inst.stack_bytes as i32);
        }
        if reload {
            self.asm.rm(Op::MOV_RM.s64(), VMCTX, Mem::base(RSP, self.frame.vmctx));
            self.load_memory_base();
        }
    }

    fn load_memory_base(&mut self) {
        if self.vcode.has_memory {
            self.asm.rm(Op::MOV_RM.s64(), MEMORY_BASE, Mem::base(VMCTX, (header::MEMORY0_BASE * 8) as i32));
        }
    }

    fn call_builtin(&mut self, place: u32, may_stop: bool, loc: u32, map: u32) {
        self.asm.rm(Op::MOV_RM.s64(), SCRATCH, Mem::base(VMCTX, (header::BUILTINS * 8) as i32));
        self.asm.m(Op::CALL_RM, Mem::base(SCRATCH, 8 * place as i32));
        self.call_site(loc, map);
        if may_stop {
            self.asm.rr(Op::TEST_MR.s32(), RDX, RDX);
            self.trap_if(Test::of(Cond::Ne), 0, loc);
        }
    }

    fn epoch(&mut self, place: u32, loc: u32, map: u32) {
        let over = self.asm.label();
        self.asm.rm(Op::MOV_RM.s64(), SCRATCH, Mem::base(VMCTX, (header::STORE * 8) as i32));
        self.asm.rm(Op::MOV_RM.s64(), RAX, Mem::base(SCRATCH, store::EPOCH as i32));
        self.asm.rm(Op::MOV_RM.s64(), RAX, Mem::base(RAX, 0));
        self.asm.rm(Op::CMP_RM.s64(), RAX, Mem::base(SCRATCH, store::EPOCH_DEADLINE as i32));
        self.asm.jcc(Cond::B, over);
        self.asm.copy(RDI, VMCTX);
        self.call_builtin(place, true, loc, map);
        self.asm.bind(over);
    }

    /// Takes room for an object from the heap, or asks the routine for it.
    fn new_object(&mut self, ty: u32, bytes: u32, loc: u32, map: u32) {
        let (slow, done) = (self.asm.label(), self.asm.label());
        let word = |offset: u32| Mem::base(SCRATCH, offset as i32);
        self.asm.rm(Op::MOV_RM.s64(), SCRATCH, Mem::base(VMCTX, (header::STORE * 8) as i32));
        self.asm.rm(Op::MOV_RM.s64(), RAX, word(store::GC_NEXT));
        self.asm.rm(Op::LEA.s64(), RDX, Mem::base(RAX, bytes as i32));
        self.asm.rm(Op::CMP_RM.s64(), RDX, word(store::GC_LIMIT));
        self.asm.jcc(Cond::A, slow);
        self.asm.rm(Op::MOV_MR.s64(), RDX, word(store::GC_NEXT));
        self.asm.rm(Op::MOV_RM.s64(), RDX, word(store::GC_BASE));
        self.asm.rm(Op::MOV_RM.s32(), SCRATCH, Mem::base(VMCTX, ty as i32));
        self.asm.rm(Op::MOV_MR.s32(), SCRATCH, Mem::indexed(RDX, RAX, Scale::One, 0));
        self.asm.bind(done);
        self.b.news.push(NewExit { slow, done, ty, bytes, loc, map });
    }

    /// Tests the type of a reference.
    fn ref_is(&mut self, index: u32, ty: u32, how: u32) {
        let (reference, found) = (self.operand(index, 0), self.operand(index, 1));
        let (no, done) = (self.asm.label(), self.asm.label());
        self.asm.rr(Op::TEST_MR.s32(), reference, reference);
        // Null leaves the flags at equal.
        self.asm.jcc(Cond::E, if how & cast::NULLABLE != 0 { done } else { no });
        self.asm.ri(Op::TEST_I.s32(), reference, heap::TAGS as i32);
        self.asm.jcc(Cond::Ne, done);
        self.asm.rm(Op::MOV_RM.s64(), found, Mem::base(VMCTX, (header::STORE * 8) as i32));
        self.asm.rm(Op::MOV_RM.s64(), found, Mem::base(found, store::GC_BASE as i32));
        self.asm.rm(Op::MOV_RM.s32(), found, Mem::indexed(found, reference, Scale::One, 0));
        if how & cast::KIND == 0 {
            self.asm.rm(Op::CMP_RM.s32(), found, Mem::base(VMCTX, ty as i32));
        }
        if how & cast::FINAL == 0 {
            let types = self.operand(index, 2);
            if how & cast::KIND == 0 {
                self.asm.jcc(Cond::E, done);
            }
            self.asm.rm(Op::MOV_RM.s64(), types, Mem::base(VMCTX, (header::STORE * 8) as i32));
            self.asm.rm(Op::MOV_RM.s64(), types, Mem::base(types, store::GC_TYPES as i32));
            // The entry: number times 40.
            const _: () = assert!(heap::ty::BYTES == 40);
            self.asm.rm(Op::LEA.s64(), found, Mem::indexed(found, found, Scale::Four, 0));
            self.asm.rm(Op::LEA.s64(), found, Mem::indexed(types, found, Scale::Eight, 0));
            if how & cast::KIND != 0 {
                self.asm.mi(Op::CMP_I.s32(), Mem::base(found, heap::ty::KIND as i32), ty as i32);
            } else {
                let depth = (how & cast::DEPTH) as i32;
                self.asm.mi(Op::CMP_I.s32(), Mem::base(found, heap::ty::LINEAGE_LEN as i32), depth);
                self.asm.jcc(Cond::Be, no);
                self.asm.rm(Op::MOV_RM.s64(), found, Mem::base(found, heap::ty::LINEAGE as i32));
                self.asm.rm(Op::MOV_RM.s32(), found, Mem::base(found, 4 * depth));
                self.asm.rm(Op::CMP_RM.s32(), found, Mem::base(VMCTX, ty as i32));
            }
        }
        self.asm.bind(done);
        self.b.nulls.push((no, done));
    }

    /// Returns to the caller, whose return address is on top of the stack, and pops the arguments.
    fn ret(&mut self) {
        match u16::try_from(self.vcode.in_bytes) {
            Ok(0) => self.asm.op(Op::RET),
            Ok(bytes) => {
                // ret imm16
                let [low, high] = bytes.to_le_bytes();
                self.asm.bytes(&[0xc2, low, high]);
            }
            Err(_) => {
                self.asm.r(Op::POP, SCRATCH);
                self.asm.ri(Op::ADD_I.s64(), RSP, self.vcode.in_bytes as i32);
                self.asm.r(Op::JMP_RM, SCRATCH);
            }
        }
    }

    /// Leaves the frame for a function with so many bytes of arguments, which lie where a call would have them: they replace the
    /// function's own, so that what comes back pops the right number.
    fn leave_for(&mut self, block: usize, bytes: u32) {
        let own = self.vcode.in_bytes;
        if bytes == 0 && own == 0 {
            return self.epilogue(block);
        }
        self.restore_saved(block);
        // From rsp: the top of the own arguments, which becomes the top of the callee's.
        let top = (self.frame.size + 16 + own) as i32;
        let first = top - bytes as i32;
        // Registers of arguments are taken; r10 holds none.
        self.asm.rm(Op::MOV_RM.s64(), R10, Mem::base(RBP, 8));
        self.asm.rm(Op::MOV_RM.s64(), RBP, Mem::base(RBP, 0));
        for offset in (0..bytes as i32).step_by(8).rev() {
            self.asm.rm(Op::MOV_RM.s64(), SCRATCH, Mem::base(RSP, offset));
            self.asm.rm(Op::MOV_MR.s64(), SCRATCH, Mem::base(RSP, first + offset));
        }
        self.asm.rm(Op::MOV_MR.s64(), R10, Mem::base(RSP, first - 8));
        self.asm.ri(Op::ADD_I.s64(), RSP, first - 8);
    }

    /// Jumps to a label if a test holds.
    fn jump_if(&mut self, test: Test, label: Label) {
        match test.parity {
            Parity::Ignored => self.asm.jcc(test.cond, label),
            Parity::OrUnordered => {
                self.asm.jcc(Cond::P, label);
                self.asm.jcc(test.cond, label);
            }
            Parity::AndOrdered => {
                let over = self.asm.label();
                self.asm.jcc(Cond::P, over);
                self.asm.jcc(test.cond, label);
                self.asm.bind(over);
            }
        }
    }

    fn trap_if(&mut self, test: Test, code: u8, loc: u32) {
        let known = self.b.traps.last().filter(|exit| exit.code == code && exit.loc == loc);
        let label = match known {
            Some(exit) => exit.label,
            None => {
                let label = self.asm.label();
                self.b.traps.push(TrapExit { label, code, loc });
                label
            }
        };
        self.jump_if(test, label);
    }

    fn edge_moves(&mut self, edge: usize) {
        let moves = self.out.edges[edge].moves.clone();
        let mut moves = &self.out.edge_moves[moves.start as usize..moves.end as usize];
        while let [moved, rest @ ..] = moves {
            moves = match rest {
                [then, rest @ ..] if self.store_constant(moved, then) => rest,
                _ => {
                    self.make_move(moved);
                    rest
                }
            };
        }
    }

    /// Goes to a block from the end of another one, whose moves for it are made.
    fn jump(&mut self, block: usize, target: usize) {
        if self.b.flow.order.next(block) == target as u32 {
            return;
        }
        if !self.vcode.blocks[block].cold && self.may_copy(target) {
            return self.insts(target);
        }
        self.asm.jmp(self.b.blocks[target]);
    }

    /// Whether a block is a dispatch that a jump to it may as well make itself: the processor then guesses each one's target for itself.
    fn may_copy(&mut self, block: usize) -> bool {
        let insts = &self.vcode.blocks[block].insts;
        let len = insts.end - insts.start;
        let budget = COPIED_INSTS + self.vcode.insts.len() as u32 / INSTS_PER_COPIED;
        let is_dispatch = matches!(self.vcode.insts[insts.end as usize - 1].kind, Kind::Switch(..));
        // What stands in front of a block's instructions is not copied.
        let may = is_dispatch
            && self.b.flow.saves.at != block as u32
            && len <= DISPATCH_INSTS
            && self.copied + len <= budget
            && insts.clone().all(|index| {
                let kind = self.vcode.insts[index as usize].kind;
                matches!(kind, Kind::Plain | Kind::Copy | Kind::Own(Own::Zero) | Kind::TrapIf(_) | Kind::Switch(..))
            });
        self.copied += if may { len } else { 0 };
        may
    }

    /// A label that leads to a block by way of an edge's moves, which are made at the end of the function.
    fn edge_label(&mut self, edge: Option<usize>, target: usize) -> Label {
        let Some(edge) = edge else { return self.b.blocks[target] };
        if self.b.flow.order.is_before(self.out.edges[edge].from.index(), target) {
            return self.before(target);
        }
        let label = self.asm.label();
        self.b.edges.push(EdgeExit { label, edge, target });
        label
    }

    fn branch(&mut self, block: usize, test: Test) {
        let (turned, to, behind) = self.b.flow.branch(self.vcode, self.out, block);
        let label = self.edge_label(to.edge, to.target);
        self.jump_if(if turned { test.negate() } else { test }, label);
        match behind.edge {
            Some(edge) if behind.here => {
                self.edge_moves(edge);
                self.jump(block, behind.target);
            }
            None => self.jump(block, behind.target),
            edge => {
                let label = self.edge_label(edge, behind.target);
                self.asm.jmp(label);
            }
        }
    }

    /// Goes to one of the successors by the index in the operand, of which those beyond the table count as its last entry.
    fn switch(&mut self, block: usize, index: u32, table: u32, is_clamped: bool) {
        let value = self.operand(index, 0);
        // A copy shares the table.
        if self.b.switches[table as usize] == order::NONE {
            self.b.switches[table as usize] = self.switch_labels(block) as u32;
        }
        let first = self.b.switches[table as usize] as usize;
        let Table { label, .. } = self.vcode.tables[table as usize];
        if !is_clamped {
            let entries = self.vcode.entries(table);
            let (&last, others) = entries.split_last().expect("a table has entries");
            self.asm.ri(Op::CMP_I.s32(), value, others.len() as i32);
            self.asm.jcc(Cond::Ae, self.b.switch_labels[first + last as usize]);
        }
        self.asm.rm(Op::LEA.s64(), SCRATCH, Mem::label(label));
        self.asm.rm(Op::ADD_RM.s64(), SCRATCH, Mem::indexed(SCRATCH, value, Scale::Eight, 0));
        self.asm.r(Op::JMP_RM, SCRATCH);
    }

    /// Labels for the successors of a block; gives where they start.
    fn switch_labels(&mut self, block: usize) -> usize {
        let first = self.b.switch_labels.len();
        for succ in 0..self.vcode.succs(block).len() {
            let to = self.vcode.succs(block)[succ].index();
            let edge = self.b.flow.edge(self.out, block, succ as u32);
            let label = self.edge_label(edge, to);
            self.b.switch_labels.push(label);
        }
        first
    }

    fn compares(&mut self, block: usize, index: u32, table: u32) {
        let value = self.operand(index, 0);
        let first = self.switch_labels(block);
        let (&last, entries) = self.vcode.entries(table).split_last().expect("a table has entries");
        for (number, &entry) in entries.iter().enumerate().filter(|(_, entry)| **entry != last) {
            match number {
                0 => self.asm.rr(Op::TEST_MR.s32(), value, value),
                _ => self.asm.ri(Op::CMP_I.s32(), value, number as i32),
            }
            self.asm.jcc(Cond::E, self.b.switch_labels[first + entry as usize]);
        }
        let label = self.b.switch_labels[first + last as usize];
        let next = self.b.flow.order.next(block);
        if next == order::NONE || self.b.blocks[next as usize] != label {
            self.asm.jmp(label);
        }
    }

    /// The end of a piece of code in line.
    fn go_behind(&mut self, block: usize) {
        let has_exits = !(self.b.edges.is_empty() && self.b.news.is_empty() && self.b.nulls.is_empty());
        if let Some(behind) = self.behind
            && (has_exits || self.b.flow.order.next(block) != order::NONE)
        {
            self.asm.jmp(behind);
        }
    }

    /// What lies behind the blocks: edges and the rare parts of instructions.
    fn exits(&mut self) {
        for exit in std::mem::take(&mut self.b.edges) {
            self.asm.bind(exit.label);
            self.edge_moves(exit.edge);
            self.asm.jmp(self.b.blocks[exit.target]);
        }
        for NewExit { slow, done, ty, bytes, loc, map } in std::mem::take(&mut self.b.news) {
            self.asm.bind(slow);
            self.asm.copy(RDI, VMCTX);
            self.asm.rm(Op::MOV_RM.s32(), RSI, Mem::base(VMCTX, ty as i32));
            self.asm.constant(RDX, bytes.into());
            self.call_builtin(NEW_OBJECT, true, loc, map);
            self.asm.jmp(done);
        }
        for (no, done) in std::mem::take(&mut self.b.nulls) {
            self.asm.bind(no);
            self.asm.rr(Op::TEST_MR.s64(), RSP, RSP);
            self.asm.jmp(done);
        }
    }

    /// Traps that are jumped to.
    fn trap_exits(&mut self) {
        let mut traps = std::mem::take(&mut self.b.traps);
        for exit in traps.drain(..) {
            self.asm.bind(exit.label);
            self.trap(exit.code, exit.loc);
        }
        self.b.traps = traps;
    }

    /// Jump tables.
    fn tables(&mut self) {
        for (number, table) in self.vcode.tables.iter().enumerate() {
            let first = self.b.switches[number];
            if first != order::NONE {
                self.asm.align(8);
                self.asm.bind(table.label);
                let labels = &self.b.switch_labels[first as usize..];
                let entries = self.vcode.entries(number as u32).iter().map(|&entry| labels[entry as usize]);
                self.asm.jump_table(entries);
            }
        }
    }

    /// Constants, the widest first, so that all are aligned.
    fn constants(&mut self, pool: &mut [PoolConst]) {
        pool.sort_by_key(|constant| std::cmp::Reverse(constant.bytes));
        if let Some(widest) = pool.first() {
            self.asm.align(widest.bytes);
        }
        for constant in pool {
            self.asm.bind(constant.label);
            self.asm.bytes(&constant.bits.to_le_bytes()[..constant.bytes as usize]);
        }
    }
}

/// Whether the register in a slot of an instruction is an integer that is only read, and the scratch register is not used beside it.
fn is_int_use(x: &X64, slot: usize) -> bool {
    let mut only_read = false;
    let mut scratch = false;
    x.for_each_operand(|operand| {
        scratch |= operand.reg == SCRATCH;
        if operand.slot == slot {
            only_read = operand.role == super::row::Role::Use && operand.reg.class() == RegClass::Int;
        }
    });
    only_read && !scratch
}

/// Whether an instruction makes the integer 0, for which there is a shorter one that changes the flags.
fn may_become_zeroing(x: &X64) -> bool {
    x.op() == Op::MOV_RI32 && x.immediate() == 0
}

/// The entry of the function reference that a call goes to.
fn native_entry() -> Mem {
    Mem::base(super::abi::CALLEE_REF, (func_ref::NATIVE * 8) as i32)
}
