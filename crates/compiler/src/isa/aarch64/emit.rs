//! in: instructions with their places after register allocation. out: the bytes and tables of one function.
//!
//! # The frame, from high addresses to low
//! ```text
//! arguments on the stack      the callee pops them
//! return address
//! saved x29                   <- x29
//! saved registers, the vmctx
//! what lowering put there     frame slots of the IR, buffers of results
//! 16-byte spill slots
//! 8-byte spill slots          <- nominal stack pointer
//! outgoing arguments          <- sp, a multiple of 16
//! ```
//! A function that calls nothing and needs none of it has no frame. Everything in it is addressed from the stack pointer: see
//! [`frame`](super::frame). Where the policy is [`CallPolicy::Reserved`], the area of outgoing arguments is as large as any call needs it, and
//! the stack pointer is `out_bytes` below the nominal one from prologue to epilogue; where it is [`CallPolicy::Pushed`], there is no such
//! area, and each call with arguments on the stack moves the stack pointer.

use super::abi::CALLEE_SAVED;
use super::asm::{Assembler, Label, Symbol};
use super::frame::{CallPolicy, EmitState, FrameLayout};
use super::imm;
use super::inst::Inst as A64;
use super::mem::Mem;
use super::regs::*;
use super::row::{Cond, Extend, Op, Size};
use super::stubs::FRAMELESS_RETURN;
use super::vcode::{self, Kind, NO_TRAP, Own, Table, Test, VCode};
use crate::compile::{CallReloc, CallSite, Calls, Code, TrapSite};
use crate::entity::Entity;
use crate::ir::Builtin;
use crate::ir::insts::cast;
use crate::isa::backend::{Emission, Inline, TrapExit};
use crate::isa::flow::{COPIED_INSTS, DISPATCH_INSTS, Flow, INSTS_PER_COPIED};
use crate::isa::order;
use crate::isa::reg::{Reg, RegClass};
use crate::isa::stack_maps::StackMaps;
use crate::regalloc::{self, Loc, Move, Output, Slot, Source, VCode as _, VReg};
use tiercel_abi::vmctx::{func_ref, header, store};
use tiercel_abi::{BranchProtection, Trap, heap};

/// A frame up to this size in a function that calls nothing is not checked against the stack's limit, below which there is room for it.
const UNCHECKED_LEAF_BYTES: u32 = 1024;
/// A larger frame is part of the comparison with the limit; a smaller one has room below it.
const CHECKED_AS_ONE_BYTES: u32 = 16 << 10;
/// Loops start at multiples of so many bytes, where so many at most have to be skipped. No effect on correctness.
const LOOP_ALIGN: u32 = 32;
const LOOP_ALIGN_SKIPPED: u32 = 16;
/// In a function of at most so many instructions each one reaches each table's address.
const NEAR_INSTS: u32 = 1 << 15;
/// Pairs of registers reach so far.
const FAR_SAVED_BYTES: i32 = 504;
/// So much of the frame is zeroed without a loop.
const ZEROED_UNROLLED_BYTES: u32 = 128;

/// An edge whose moves are made away from the branch.
struct EdgeExit {
    /// Whether it may be reached by an address in a register.
    pad: bool,
    label: Label,
    edge: usize,
    target: usize,
}

/// An allocation for which there is no room: a call of the routine, away from the rest.
struct NewExit {
    slow: Label,
    done: Label,
    ty: u32,
    bytes: u32,
    loc: u32,
    map: u32,
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
    /// For each successor of a switch, where it leads; and for each switch that was emitted where its own start.
    switch_labels: Vec<Label>,
    switches: Vec<u32>,
    /// Whether blocks are targets of jump tables; empty where there are no landing pads.
    padded: Vec<bool>,
}

/// Sizes and places in the frame, in bytes; places count from the nominal stack pointer.
struct Frame {
    /// From the stack pointer of the body up to the saved frame pointer.
    size: u32,
    saved: i32,
    /// Of the saved frame pointer.
    slots: i32,
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
    state: EmitState<'a>,
    slots16: i32,
    calls: Calls,
    signals: bool,
    protection: BranchProtection,
    /// The next of the moves.
    next_move: usize,
    /// Instructions of copies.
    copied: u32,
    maps: StackMaps,
    /// Where a return leads, in code that is in line.
    behind: Option<Label>,
}

/// Emits a function. Labels of jump tables and constants are in `asm`, and nothing else.
pub fn emit(cx: Emission, vcode: &VCode, out: &Output, asm: &mut Assembler, b: &mut Buffers, code: &mut Code) {
    code.clear();
    b.clear(vcode.tables.len());
    let slots8_bytes = (out.slots8 * 8).next_multiple_of(16);
    let locals = slots8_bytes + out.slots16 * 16;
    let saved = locals + vcode.local_bytes;
    let vmctx = saved + 8 * out.used_callee_saved.len();
    let slots = (vmctx + if vcode.saves_vmctx { 8 } else { 0 }).next_multiple_of(16);
    let size = slots + vcode.out_bytes;
    let none = size == 0 && !vcode.calls && vcode.in_bytes == 0;
    let layout = FrameLayout {
        locals: locals as i32,
        in_args: slots as i32 + if none { 0 } else { 16 },
        base: vcode.out_bytes as i32,
    };
    b.blocks.extend((0..vcode.blocks.len()).map(|_| asm.label()));
    let frame = Frame { size, saved: saved as i32, slots: slots as i32, vmctx: vmctx as i32, none };
    let state = EmitState::at_block(&layout);
    let slots16 = slots8_bytes as i32;
    let (calls, signals, protection) = (cx.calls, cx.signals, cx.branch_protection);
    let run = ((vcode.out_bytes + locals) / 8, vcode.traced_locals);
    let maps = StackMaps::new(vcode.has_references, size / 8, run, vcode.out_bytes / 8);
    let (next_move, copied, behind) = (0, 0, None);
    let mut emit = Emit {
        vcode,
        out,
        asm,
        b,
        code,
        frame,
        state,
        slots16,
        calls,
        signals,
        protection,
        next_move,
        copied,
        maps,
        behind,
    };
    emit.order();
    emit.find_padded();
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
        // A label keeps an island from coming between.
        let foreign = emit.asm.label();
        emit.asm.bind(foreign);
        emit.code.foreign_entry = emit.asm.label_offset(foreign);
        emit.pad(Op::BTI_C);
        emit.asm.rm(Op::LDR_X, VMCTX, Mem::base(super::abi::CALLEE_REF, (func_ref::VMCTX * 8) as i32));
        emit.load_memory_base();
        emit.asm.jmp(entry);
    }
    emit.asm.finish();
    let relocs = emit.asm.relocs().iter().map(|reloc| CallReloc { offset: reloc.offset, body: reloc.symbol.0 });
    emit.code.calls.extend(relocs);
    emit.code.align = LOOP_ALIGN;
    emit.code.bytes.extend_from_slice(emit.asm.code());
}

/// Emits a function without jump tables and arguments on the stack of calls in line, behind what is there already. Its traps stay in `b`; stack maps
/// count from the stack pointer, in frames of no slots.
pub fn emit_inline(cx: Inline, vcode: &VCode, out: &Output, asm: &mut Assembler, b: &mut Buffers, code: &mut Code) {
    b.clear(vcode.tables.len());
    b.blocks.extend((0..vcode.blocks.len()).map(|_| asm.label()));
    let layout = FrameLayout { locals: 0, in_args: cx.in_args as i32, base: 0 };
    let state = EmitState::at_block(&layout);
    // There is a frame, which is somebody else's.
    let frame = Frame { size: 0, saved: 0, slots: 0, vmctx: 0, none: false };
    let slots16 = (out.slots8 * 8).next_multiple_of(16) as i32;
    let maps = StackMaps::new(vcode.has_references, 0, (0, 0), 0);
    let behind = asm.label();
    // Whoever's frame it is defends it, and there are no tables.
    let (calls, signals, protection, next_move, copied) = (Calls::Direct, cx.signals, BranchProtection::None, 0, 0);
    let mut emit = {
        let behind = Some(behind);
        Emit {
            vcode,
            out,
            asm,
            b,
            code,
            frame,
            state,
            slots16,
            calls,
            signals,
            protection,
            next_move,
            copied,
            maps,
            behind,
        }
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
    /// Prepares for a function with so many tables.
    fn clear(&mut self, tables: usize) {
        self.traps.clear();
        self.edges.clear();
        self.news.clear();
        self.nulls.clear();
        self.blocks.clear();
        self.before.clear();
        self.remat.clear();
        self.switch_labels.clear();
        self.switches.clear();
        self.switches.resize(tables, order::NONE);
        self.padded.clear();
    }
}

impl Emit<'_> {
    fn prologue(&mut self, cx: Emission) {
        if self.frame.none {
            return self.pad(Op::BTI_C);
        }
        let size = self.frame.size;
        match self.protection.signs_returns() {
            // It is a landing pad too.
            true => self.asm.op(Op::PACIASP),
            false => self.pad(Op::BTI_C),
        }
        self.asm.rrm(Op::STP_X, FP, LR, Mem::pre(SP, -16));
        self.asm.copy(FP, SP);
        if self.vcode.calls || size > UNCHECKED_LEAF_BYTES {
            self.asm.rm(Op::LDR_X, SCRATCH, Mem::base(VMCTX, (header::STORE * 8) as i32));
            self.asm.rm(Op::LDR_X, SCRATCH, Mem::base(SCRATCH, store::NATIVE_STACK_LIMIT as i32));
            if size > CHECKED_AS_ONE_BYTES {
                self.asm.add(SCRATCH, SCRATCH, size as i32);
            }
            self.asm.emit_plain(&A64::r(Op::CMP_X.s64(), [SP, SCRATCH]).extend(Extend::Uxtx, 0));
            self.trap_if(Test::Flags(Cond::Lo), Reg::NONE, Trap::StackOverflow.code(), cx.loc);
        }
        self.asm.add(SP, SP, -(size as i32));
        debug_assert!((self.out.used_callee_saved - vcode::preg_set(CALLEE_SAVED)).is_empty());
        if self.b.flow.saves.at == 0 {
            self.saved_registers(Op::STP_X, Op::STR_X);
        }
        if self.vcode.saves_vmctx {
            let place = Mem::nominal_sp(self.frame.vmctx);
            self.emit(&A64::m(Op::STR_X, [VMCTX], place));
        }
        self.zero_locals();
    }

    /// Stores or loads the registers that the function preserves, two at once where there are two. In a frame too large for that they are reached from
    /// `x29`, right below which they are.
    fn saved_registers(&mut self, pair: Op, single: Op) {
        let mut at = self.frame.saved;
        let is_far = self.state.virtual_sp() + self.frame.slots > FAR_SAVED_BYTES;
        let mut regs = self.out.used_callee_saved.map(vcode::reg);
        while let Some(first) = regs.next() {
            let place = if is_far { Mem::base(FP, at - self.frame.slots) } else { Mem::nominal_sp(at) };
            match regs.next() {
                Some(second) => self.emit(&A64::m(pair, [first, second], place)),
                None => self.emit(&A64::m(single, [first], place)),
            }
            at += 16;
        }
    }

    fn zero_locals(&mut self) {
        let bytes = self.vcode.zeroed_bytes;
        if bytes <= ZEROED_UNROLLED_BYTES {
            for offset in (0..bytes as i32).step_by(16) {
                self.emit(&A64::m(Op::STP_X, [ZR, ZR], Mem::local(offset)));
            }
            return;
        }
        // From the end of what is zeroed down to its start, 16 bytes at once.
        let again = self.asm.label();
        self.emit(&A64::m(Op::LEA, [ADDRESS_SCRATCH], Mem::local(bytes as i32)));
        self.emit(&A64::m(Op::LEA, [SCRATCH], Mem::local(0)));
        self.asm.bind(again);
        self.asm.rrm(Op::STP_X, ZR, ZR, Mem::pre(ADDRESS_SCRATCH, -16));
        self.asm.compare(Size::S64, ADDRESS_SCRATCH, SCRATCH);
        self.asm.jcc(Cond::Ne, again);
    }

    /// Emits an instruction that may name a place in the frame.
    fn emit(&mut self, inst: &A64) {
        self.asm.emit(inst, &mut self.state);
    }

    /// Restores the caller's registers, return address and stack pointer, which is at the arguments afterwards. What follows is another
    /// path: the state stays.
    fn epilogue(&mut self, block: usize) {
        if self.frame.none {
            return;
        }
        self.restore_saved(block);
        if self.frame.size != 0 {
            self.asm.copy(SP, FP);
        }
        self.asm.rrm(Op::LDP_X, FP, LR, Mem::post(SP, 16));
        if self.protection.signs_returns() {
            // The stack pointer is what it was at the entry.
            self.asm.op(Op::AUTIASP);
        }
    }

    /// Marks where jumps may lead by an address in a register, if there are landing pads.
    fn pad(&mut self, pad: Op) {
        if self.protection.has_pads() {
            self.asm.op(pad);
        }
    }

    /// Finds the blocks that jump tables lead to.
    fn find_padded(&mut self) {
        if !self.protection.has_pads() || self.vcode.tables.is_empty() {
            return;
        }
        self.b.padded.resize(self.vcode.blocks.len(), false);
        for block in 0..self.vcode.blocks.len() {
            let last = self.vcode.blocks[block].insts.end as usize - 1;
            if matches!(self.vcode.insts[last].kind, Kind::Switch(..)) {
                self.vcode.succs(block).iter().for_each(|succ| self.b.padded[succ.index()] = true);
            }
        }
    }

    /// A landing pad at a place that leads to a block, if jump tables do.
    fn pad_block(&mut self, block: usize) {
        if self.b.padded.get(block) == Some(&true) {
            self.asm.op(Op::BTI_J);
        }
    }

    /// Restores the caller's registers at the end of a block, if they are saved there.
    fn restore_saved(&mut self, block: usize) {
        if self.b.flow.saves.is_behind(block) {
            self.saved_registers(Op::LDP_X, Op::LDR_X);
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

    /// The label of the moves in front of a head.
    fn before(&self, head: usize) -> Label {
        let found = self.b.before.binary_search_by_key(&(head as u32), |(head, _)| *head);
        self.b.before[found.expect("it has moves in front")].1
    }

    fn block(&mut self, block: usize) {
        if self.b.flow.order.tops[block] {
            self.asm.align_unless(LOOP_ALIGN, LOOP_ALIGN_SKIPPED);
        }
        self.state.check_block();
        if let Some(edge) = self.b.flow.edge_before(self.vcode, self.out, block) {
            // It falls through; everybody else jumps over its moves.
            self.asm.bind(self.before(block));
            self.pad_block(block);
            self.edge_moves(edge);
        }
        self.asm.bind(self.b.blocks[block]);
        self.pad_block(block);
        if block != 0 && self.b.flow.saves.at == block as u32 {
            self.saved_registers(Op::STP_X, Op::STR_X);
        }
        self.insts(block);
        self.state.check_block();
    }

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
            self.make_move(moved);
            self.next_move += 1;
        }
    }

    fn slot(&self, slot: Slot) -> Mem {
        let number = slot.number() as i32;
        Mem::nominal_sp(if slot.is_wide() { self.slots16 + 16 * number } else { 8 * number })
    }

    fn make_move(&mut self, moved: &Move) {
        let wide = self.vcode.vreg(moved.vreg).wide;
        match (moved.from, moved.to) {
            (Source::Remat, Loc::Reg(to)) => self.remat(moved.vreg, vcode::reg(to)),
            (Source::Loc(Loc::Reg(from)), Loc::Reg(to)) => self.asm.copy(vcode::reg(to), vcode::reg(from)),
            (Source::Loc(Loc::Reg(from)), Loc::Slot(slot)) => {
                let from = vcode::reg(from);
                let op = match (from.class(), wide) {
                    (RegClass::Int, _) => Op::STR_X,
                    (RegClass::Vector, false) => Op::STR_D,
                    (RegClass::Vector, true) => Op::STR_Q,
                };
                self.emit(&A64::m(op, [from], self.slot(slot)));
            }
            (Source::Loc(Loc::Slot(slot)), Loc::Reg(to)) => {
                let to = vcode::reg(to);
                let op = match (to.class(), wide) {
                    (RegClass::Int, _) => Op::LDR_X,
                    (RegClass::Vector, false) => Op::LDR_D,
                    (RegClass::Vector, true) => Op::LDR_Q,
                };
                self.emit(&A64::m(op, [to], self.slot(slot)));
            }
            (from, to) => unreachable!("the allocator moves by way of a register: {from:?} to {to:?}"),
        }
    }

    /// Makes a value again.
    fn remat(&mut self, vreg: VReg, to: Reg) {
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
        let inst = &self.vcode.insts[self.b.remat[vreg.index()] as usize];
        let mut x = inst.x;
        let mut slot = None;
        x.for_each_operand(|operand| {
            if operand.reg.is_virtual() {
                slot = Some(operand.slot);
            }
        });
        x.set_reg(slot.expect("it defines the value"), to);
        self.emit(&x);
    }

    /// The register of an operand of a special instruction.
    fn operand(&self, index: u32, operand: usize) -> Reg {
        let loc = self.out.operands(regalloc::Inst::new(index as usize))[operand];
        vcode::reg(loc.reg().expect("the operand asks for a register"))
    }

    fn inst(&mut self, block: usize, index: u32) {
        let inst = &self.vcode.insts[index as usize];
        match inst.kind {
            Kind::Plain => self.plain(index, inst),
            Kind::Copy => {
                let locs = self.out.operands(regalloc::Inst::new(index as usize));
                if locs[0] != locs[1] {
                    self.plain(index, inst);
                }
            }
            Kind::Args => {}
            Kind::Return if self.behind.is_some() => self.go_behind(block),
            Kind::Return => {
                self.epilogue(block);
                self.asm.add(SP, SP, self.vcode.in_bytes as i32);
                self.asm.op(Op::RET);
            }
            Kind::Own(Own::MoveSp(bytes)) => self.asm.move_sp(bytes as i32, &mut self.state),
            Kind::CallLocal(body) => {
                match self.calls {
                    Calls::Direct => self.asm.call_symbol(Symbol(body)),
                    Calls::Cells => {
                        self.asm.symbol(SCRATCH, Symbol(body), true);
                        self.asm.r(Op::BLR, SCRATCH);
                    }
                }
                self.after_call(index, inst, self.vcode.foreign_tail_calls);
            }
            Kind::CallRef => {
                self.asm.rm(Op::LDR_X, SCRATCH, native_entry());
                self.asm.r(Op::BLR, SCRATCH);
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
                    Calls::Direct => self.asm.emit_plain(&A64::to_symbol(Op::B, Symbol(body))),
                    Calls::Cells => {
                        self.asm.symbol(SCRATCH, Symbol(body), true);
                        self.asm.r(Op::BR, SCRATCH);
                    }
                }
            }
            Kind::TailRef => {
                self.code.foreign_tail_calls = true;
                self.leave_for(block, inst.stack_bytes);
                self.asm.rm(Op::LDR_X, SCRATCH, native_entry());
                self.asm.r(Op::BR, SCRATCH);
            }
            Kind::Jump => {
                let target = self.vcode.succs(block)[0].index();
                self.jump(block, target);
            }
            Kind::Branch(test) => {
                let reg = self.tested(index, test);
                self.branch(block, test, reg);
            }
            Kind::Switch(table, is_address) => self.switch(block, index, table, is_address),
            Kind::Compares(table) => self.compares(block, index, table),
            Kind::TrapIf(test) => {
                let reg = self.tested(index, test);
                self.trap_if(test, reg, inst.trap, inst.loc);
            }
            Kind::Trap => self.trap(inst.trap, inst.loc),
        }
    }

    /// The register that a test is about, if there is one.
    fn tested(&self, index: u32, test: Test) -> Reg {
        if matches!(test, Test::Flags(_)) { Reg::NONE } else { self.operand(index, 0) }
    }

    fn plain(&mut self, index: u32, inst: &vcode::Inst) {
        let mut x = inst.x;
        let mut locs = self.out.operands(regalloc::Inst::new(index as usize)).iter();
        inst.x.for_each_operand(|operand| {
            if operand.reg.is_virtual() {
                let loc = locs.next().expect("each virtual register has a place");
                x.set_reg(operand.slot, vcode::reg(loc.reg().expect("operands ask for registers")));
            }
        });
        self.emit(&x);
        if inst.trap != NO_TRAP {
            // The access is the last of what the instruction became.
            let offset = self.asm.offset() - 4;
            self.code.traps.push(TrapSite { offset, code: inst.trap, loc: inst.loc });
        }
    }

    /// Stops the guest, for this reason.
    fn trap(&mut self, code: u8, loc: u32) {
        if !self.signals {
            self.asm.rm(Op::LDR_X, SCRATCH, Mem::base(VMCTX, (header::STORE * 8) as i32));
            self.asm.rm(Op::LDR_X, ADDRESS_SCRATCH, Mem::base(SCRATCH, store::RAISE as i32));
            if self.frame.none {
                self.asm.copy(FRAMELESS_RETURN, LR);
            }
            self.asm.r(Op::BLR, ADDRESS_SCRATCH);
            // What is called finds the site by its return address, which the instruction behind it keeps inside the function.
            self.code.traps.push(TrapSite { offset: self.asm.offset(), code, loc });
        }
        self.asm.emit_plain(&A64::r(Op::UDF, []).imm(code.into()));
        if self.signals {
            self.code.traps.push(TrapSite { offset: self.asm.offset() - 4, code, loc });
        }
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
        // The callee has popped its arguments.
        match self.vcode.policy {
            CallPolicy::Reserved => self.asm.add(SP, SP, -(inst.stack_bytes as i32)),
            CallPolicy::Pushed => self.state.popped(inst.stack_bytes as i32),
        }
        if reload {
            self.emit(&A64::m(Op::LDR_X, [VMCTX], Mem::nominal_sp(self.frame.vmctx)));
            self.load_memory_base();
        }
    }

    fn load_memory_base(&mut self) {
        if self.vcode.has_memory {
            self.asm.rm(Op::LDR_X, MEMORY_BASE, Mem::base(VMCTX, (header::MEMORY0_BASE * 8) as i32));
        }
    }

    fn call_builtin(&mut self, place: u32, may_stop: bool, loc: u32, map: u32) {
        self.asm.rm(Op::LDR_X, SCRATCH, Mem::base(VMCTX, (header::BUILTINS * 8) as i32));
        self.asm.rm(Op::LDR_X, SCRATCH, Mem::base(SCRATCH, 8 * place as i32));
        self.asm.r(Op::BLR, SCRATCH);
        self.call_site(loc, map);
        if may_stop {
            self.trap_if(Test::Zero(Size::S32, false), x(1), 0, loc);
        }
    }

    fn epoch(&mut self, place: u32, loc: u32, map: u32) {
        let over = self.asm.label();
        self.asm.rm(Op::LDR_X, SCRATCH, Mem::base(VMCTX, (header::STORE * 8) as i32));
        self.asm.rm(Op::LDR_X, x(0), Mem::base(SCRATCH, store::EPOCH as i32));
        self.asm.rm(Op::LDR_X, x(0), Mem::base(x(0), 0));
        self.asm.rm(Op::LDR_X, SCRATCH, Mem::base(SCRATCH, store::EPOCH_DEADLINE as i32));
        self.asm.compare(Size::S64, x(0), SCRATCH);
        self.asm.jcc(Cond::Lo, over);
        self.asm.copy(x(0), VMCTX);
        self.call_builtin(place, true, loc, map);
        self.asm.bind(over);
    }

    /// Takes room for an object from the heap, or asks the routine for it.
    fn new_object(&mut self, ty: u32, bytes: u32, loc: u32, map: u32) {
        let (slow, done) = (self.asm.label(), self.asm.label());
        let word = |offset: u32| Mem::base(SCRATCH, offset as i32);
        self.asm.rm(Op::LDR_X, SCRATCH, Mem::base(VMCTX, (header::STORE * 8) as i32));
        self.asm.rm(Op::LDR_X, x(0), word(store::GC_NEXT));
        self.asm.rm(Op::LDR_X, x(2), word(store::GC_LIMIT));
        self.asm.add(x(1), x(0), bytes as i32);
        self.asm.compare(Size::S64, x(1), x(2));
        self.asm.jcc(Cond::Hi, slow);
        self.asm.rm(Op::STR_X, x(1), word(store::GC_NEXT));
        self.asm.rm(Op::LDR_X, x(1), word(store::GC_BASE));
        self.asm.rm(Op::LDR_W, x(2), Mem::base(VMCTX, ty as i32));
        self.asm.rm(Op::STR_W, x(2), Mem::indexed(x(1), x(0), Extend::Uxtx, false));
        self.asm.bind(done);
        self.b.news.push(NewExit { slow, done, ty, bytes, loc, map });
    }

    /// Tests the type of a reference.
    fn ref_is(&mut self, index: u32, ty: u32, how: u32) {
        let (reference, found) = (self.operand(index, 0), self.operand(index, 1));
        let (no, done) = (self.asm.label(), self.asm.label());
        let own_type = Mem::base(VMCTX, ty as i32);
        self.asm.ri(Op::CMP_I.s32(), reference, 0);
        // Null leaves the flags at equal.
        self.asm.jcc(Cond::Eq, if how & cast::NULLABLE != 0 { done } else { no });
        let tags = imm::encode_bitmask(heap::TAGS.into(), Size::S32).expect("ones at the bottom are a bitmask");
        self.asm.ri(Op::TST_I.s32(), reference, tags.into());
        self.asm.jcc(Cond::Ne, done);
        self.asm.rm(Op::LDR_X, found, Mem::base(VMCTX, (header::STORE * 8) as i32));
        self.asm.rm(Op::LDR_X, found, Mem::base(found, store::GC_BASE as i32));
        self.asm.rm(Op::LDR_W, found, Mem::indexed(found, reference, Extend::Uxtx, false));
        if how & cast::KIND == 0 {
            self.asm.rm(Op::LDR_W, SCRATCH, own_type);
            self.asm.compare(Size::S32, found, SCRATCH);
        }
        if how & cast::FINAL == 0 {
            let types = self.operand(index, 2);
            if how & cast::KIND == 0 {
                self.asm.jcc(Cond::Eq, done);
            }
            self.asm.rm(Op::LDR_X, types, Mem::base(VMCTX, (header::STORE * 8) as i32));
            self.asm.rm(Op::LDR_X, types, Mem::base(types, store::GC_TYPES as i32));
            self.asm.constant(SCRATCH, heap::ty::BYTES as u64);
            self.asm.emit_plain(&A64::r(Op::MADD.s64(), [found, found, SCRATCH, types]));
            if how & cast::KIND != 0 {
                self.asm.rm(Op::LDR_W, found, Mem::base(found, heap::ty::KIND as i32));
                self.asm.ri(Op::CMP_I.s32(), found, ty as i32);
            } else {
                let depth = (how & cast::DEPTH) as i32;
                self.asm.rm(Op::LDR_W, SCRATCH, Mem::base(found, heap::ty::LINEAGE_LEN as i32));
                self.asm.ri(Op::CMP_I.s32(), SCRATCH, depth);
                self.asm.jcc(Cond::Ls, no);
                self.asm.rm(Op::LDR_X, found, Mem::base(found, heap::ty::LINEAGE as i32));
                self.asm.rm(Op::LDR_W, found, Mem::base(found, 4 * depth));
                self.asm.rm(Op::LDR_W, SCRATCH, own_type);
                self.asm.compare(Size::S32, found, SCRATCH);
            }
        }
        self.asm.bind(done);
        self.b.nulls.push((no, done));
    }

    /// Leaves the frame for a function with so many bytes of arguments, which lie where a call would have them: they replace the
    /// function's own, so that what comes back pops the right number.
    fn leave_for(&mut self, block: usize, bytes: u32) {
        let own = self.vcode.in_bytes;
        // What was pushed for the call goes with the frame.
        let mut state = self.state;
        if self.vcode.policy == CallPolicy::Pushed {
            self.state.popped(bytes as i32);
        }
        if bytes == 0 && own == 0 {
            return self.epilogue(block);
        }
        // In the order of a frame that is still whole; registers of arguments are taken.
        std::mem::swap(&mut state, &mut self.state);
        self.restore_saved(block);
        self.asm.rrm(Op::LDP_X, FP, LR, Mem::base(FP, 0));
        if self.protection.signs_returns() {
            // By what the stack pointer was at the entry, which it may not become again.
            self.emit(&A64::m(Op::LEA, [ADDRESS_SCRATCH], Mem::in_arg(0)));
            self.asm.copy(SCRATCH, LR);
            self.asm.op(Op::AUTIA1716);
            self.asm.copy(LR, SCRATCH);
        }
        // The top of the own arguments becomes the top of the callee's. The two may overlap: from the last one down.
        for offset in (0..bytes as i32).step_by(8).rev() {
            self.emit(&A64::m(Op::LDR_X, [SCRATCH], Mem::out_arg(offset)));
            self.emit(&A64::m(Op::STR_X, [SCRATCH], Mem::in_arg(own as i32 - bytes as i32 + offset)));
        }
        self.emit(&A64::m(Op::LEA, [SP], Mem::in_arg(own as i32 - bytes as i32)));
        self.state = state;
    }

    /// Jumps to a label if a test holds, of a register where it is about one.
    fn jump_if(&mut self, test: Test, reg: Reg, label: Label) {
        let inst = match test {
            Test::Flags(cond) => return self.asm.jcc(cond, label),
            Test::Zero(size, true) => A64::to_label(Op::CBZ.size(size), [reg], label),
            Test::Zero(size, false) => A64::to_label(Op::CBNZ.size(size), [reg], label),
            Test::Bit(bit, false) => A64::to_label(Op::TBZ, [reg], label).imm(bit.into()),
            Test::Bit(bit, true) => A64::to_label(Op::TBNZ, [reg], label).imm(bit.into()),
        };
        self.asm.emit_plain(&inst);
    }

    fn trap_if(&mut self, test: Test, reg: Reg, code: u8, loc: u32) {
        let known = self.b.traps.last().filter(|exit| exit.code == code && exit.loc == loc);
        let label = match known {
            Some(exit) => exit.label,
            None => {
                let label = self.asm.label();
                self.b.traps.push(TrapExit { label, code, loc });
                label
            }
        };
        self.jump_if(test, reg, label);
    }

    fn edge_moves(&mut self, edge: usize) {
        let moves = self.out.edges[edge].moves.clone();
        for moved in &self.out.edge_moves[moves.start as usize..moves.end as usize] {
            self.make_move(moved);
        }
    }

    /// Goes to a block from the end of another one.
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
        let all = self.vcode.insts.len() as u32;
        // What stands in front of a block's instructions is not copied.
        let may = matches!(self.vcode.insts[insts.end as usize - 1].kind, Kind::Switch(..))
            && self.b.flow.saves.at != block as u32
            && len <= DISPATCH_INSTS
            && all <= NEAR_INSTS
            && self.copied + len <= COPIED_INSTS + all / INSTS_PER_COPIED
            && insts.clone().all(|index| {
                let kind = self.vcode.insts[index as usize].kind;
                matches!(kind, Kind::Plain | Kind::Copy | Kind::TrapIf(_) | Kind::Switch(..))
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
        let pad = self.b.padded.get(target) == Some(&true);
        self.b.edges.push(EdgeExit { pad, label, edge, target });
        label
    }

    fn branch(&mut self, block: usize, test: Test, reg: Reg) {
        let (turned, to, behind) = self.b.flow.branch(self.vcode, self.out, block);
        let label = self.edge_label(to.edge, to.target);
        self.jump_if(if turned { test.negate() } else { test }, reg, label);
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

    /// Goes to one of the successors: by the address in the operand, or by the index, of which those beyond the table count as its last entry.
    fn switch(&mut self, block: usize, index: u32, table: u32, is_address: bool) {
        let operand = self.operand(index, 0);
        let Table { label, .. } = self.vcode.tables[table as usize];
        // A copy shares the table.
        let is_first = self.b.switches[table as usize] == order::NONE;
        if is_first {
            self.b.switches[table as usize] = self.switch_labels(block) as u32;
        }
        let first = self.b.switches[table as usize] as usize;
        let (&last, others) = self.vcode.entries(table).split_last().expect("a table has entries");
        let mut target = operand;
        if !is_address {
            let limit = others.len() as u32;
            if imm::is_imm12(limit.into()) {
                self.asm.ri(Op::CMP_I.s32(), operand, limit as i32);
            } else {
                self.asm.constant(SCRATCH, limit.into());
                self.asm.compare(Size::S32, operand, SCRATCH);
            }
            self.asm.jcc(Cond::Hs, self.b.switch_labels[first + last as usize]);
            self.asm.rm(Op::LEA, SCRATCH, Mem::label(label));
            self.asm.rm(Op::LDRSW, ADDRESS_SCRATCH, Mem::indexed(SCRATCH, operand, Extend::Uxtw, true));
            self.asm.emit_plain(&A64::r(Op::ADD_S.s64(), [SCRATCH, SCRATCH, ADDRESS_SCRATCH]));
            target = SCRATCH;
        }
        self.asm.r(Op::BR, target);
        if is_first {
            let labels = &self.b.switch_labels[first..];
            let entries = self.vcode.entries(table).iter().map(|&entry| labels[entry as usize]);
            self.asm.jump_table(label, entries);
        }
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
            let label = self.b.switch_labels[first + entry as usize];
            match number {
                0 => self.jump_if(Test::Zero(Size::S32, true), value, label),
                _ => {
                    self.asm.ri(Op::CMP_I.s32(), value, number as i32);
                    self.asm.jcc(Cond::Eq, label);
                }
            }
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
            if exit.pad {
                self.asm.op(Op::BTI_J);
            }
            self.edge_moves(exit.edge);
            self.asm.jmp(self.b.blocks[exit.target]);
        }
        for NewExit { slow, done, ty, bytes, loc, map } in std::mem::take(&mut self.b.news) {
            self.asm.bind(slow);
            self.asm.copy(x(0), VMCTX);
            self.asm.rm(Op::LDR_W, x(1), Mem::base(VMCTX, ty as i32));
            self.asm.constant(x(2), bytes.into());
            self.call_builtin(Builtin::HeapNew as u32, true, loc, map);
            self.asm.jmp(done);
        }
        for (no, done) in std::mem::take(&mut self.b.nulls) {
            self.asm.bind(no);
            // The vmctx is never null.
            self.asm.ri(Op::CMP_I.s64(), VMCTX, 0);
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
}

/// The entry of the function reference that a call goes to.
fn native_entry() -> Mem {
    Mem::base(super::abi::CALLEE_REF, (func_ref::NATIVE * 8) as i32)
}
