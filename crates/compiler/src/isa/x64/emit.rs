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
use super::lower::PoolConst;
use super::mem::{Mem, Scale};
use super::regs::*;
use super::row::{Cond, Op};
use super::vcode::{self, Kind, NO_TRAP, Parity, Test, VCode};
use crate::compile::{CallReloc, CallSite, Code, TrapSite};
use crate::entity::Entity;
use crate::isa::reg::{Reg, RegClass};
use crate::regalloc::{self, Loc, Move, Output, Slot, Source, VCode as _, VReg};
use tiercel_abi::Trap;
use tiercel_abi::vmctx::{func_ref, header, store};

/// A frame up to this size in a function that calls nothing is not checked against the stack's limit, below which there is room for it.
const UNCHECKED_LEAF_BYTES: u32 = 1024;
/// A larger frame is part of the comparison with the limit; a smaller one has room below it.
const CHECKED_AS_ONE_BYTES: u32 = 16 << 10;
/// Loops start at multiples of so many bytes. No effect on correctness.
const LOOP_ALIGN: u32 = 32;
/// So much of the frame is zeroed without a loop.
const ZEROED_UNROLLED_BYTES: u32 = 128;

/// The cold end of a function: a jump to a label leads here.
struct TrapExit {
    label: Label,
    code: u8,
    loc: u32,
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
    blocks: Vec<Label>,
    traps: Vec<TrapExit>,
    edges: Vec<EdgeExit>,
    /// For each vreg that can be made again, the instruction that makes it.
    remat: Vec<u32>,
    /// For each switch its table, and where its labels start.
    switches: Vec<(u32, usize)>,
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

/// What emission needs to know besides the code.
#[derive(Clone, Copy)]
pub struct Context {
    /// Whether a reference to the function can be taken.
    pub escapes: bool,
    /// [`Options::signals`](crate::compile::Options::signals).
    pub signals: bool,
    /// Where the function is in the module, for a trap before its first instruction.
    pub loc: u32,
}

struct Emit<'a> {
    vcode: &'a VCode,
    out: &'a Output,
    asm: &'a mut Assembler,
    b: &'a mut Buffers,
    code: &'a mut Code,
    frame: Frame,
    signals: bool,
    slots16: i32,
    /// The next of the moves, and of the edges.
    next_move: usize,
    next_edge: usize,
}

/// Emits a function. Labels of the pool and of jump tables are in `asm`, and nothing else.
pub fn emit(
    cx: Context,
    vcode: &VCode,
    out: &Output,
    pool: &mut [PoolConst],
    asm: &mut Assembler,
    b: &mut Buffers,
    code: &mut Code,
) {
    code.clear();
    b.traps.clear();
    b.edges.clear();
    b.blocks.clear();
    b.remat.clear();
    b.switches.clear();
    b.switch_labels.clear();
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
    let mut emit = Emit { vcode, out, asm, b, code, frame, signals: cx.signals, slots16, next_move: 0, next_edge: 0 };
    emit.code.frameless = none;
    let entry = emit.asm.label();
    emit.asm.bind(entry);
    emit.prologue(cx);
    for block in 0..vcode.blocks.len() {
        emit.block(block);
    }
    emit.exits();
    if cx.escapes {
        emit.code.foreign_entry = Some(emit.asm.offset());
        emit.asm.rm(Op::MOV_RM.s64(), VMCTX, Mem::base(super::abi::CALLEE_REF, (func_ref::VMCTX * 8) as i32));
        emit.load_memory_base();
        emit.asm.jmp(entry);
    }
    emit.tables();
    emit.constants(pool);
    emit.asm.finish();
    let relocs = emit.asm.relocs().iter().map(|reloc| CallReloc { offset: reloc.offset, body: reloc.symbol.0 });
    emit.code.calls.extend(relocs);
    emit.code.bytes.extend_from_slice(emit.asm.code());
}

impl Emit<'_> {
    fn prologue(&mut self, cx: Context) {
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
        for (index, reg) in self.out.used_callee_saved.enumerate() {
            self.asm.rm(Op::MOV_MR.s64(), vcode::reg(reg), Mem::base(RSP, self.frame.saved + 8 * index as i32));
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

    /// Restores the caller's registers and stack pointer: the return address is on top afterwards.
    fn epilogue(&mut self) {
        if self.frame.none {
            return;
        }
        self.restore_saved();
        if self.frame.size != 0 {
            self.asm.rr(Op::MOV_RM.s64(), RSP, RBP);
        }
        self.asm.r(Op::POP, RBP);
    }

    fn restore_saved(&mut self) {
        for (index, reg) in self.out.used_callee_saved.enumerate() {
            self.asm.rm(Op::MOV_RM.s64(), vcode::reg(reg), Mem::base(RSP, self.frame.saved + 8 * index as i32));
        }
    }

    fn block(&mut self, block: usize) {
        if self.vcode.blocks[block].header && !self.vcode.blocks[block].cold {
            self.asm.align(LOOP_ALIGN);
        }
        self.asm.bind(self.b.blocks[block]);
        let insts = self.vcode.blocks[block].insts.clone();
        for index in insts.start..insts.end {
            self.moves(index);
            self.inst(block, index);
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
        if inst.kind == Kind::Zero {
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
            Kind::Plain => self.plain(index, inst),
            Kind::Copy => {
                let locs = self.out.operands(regalloc::Inst::new(index as usize));
                if locs[0] != locs[1] {
                    self.plain(index, inst);
                }
            }
            Kind::Zero => self.zero(self.operand(index, 0)),
            Kind::Args => {}
            Kind::Return => {
                self.epilogue();
                self.ret();
            }
            Kind::CallLocal(body) => {
                self.asm.call_symbol(Symbol(body));
                self.after_call(inst, self.vcode.foreign_tail_calls);
            }
            Kind::CallRef => {
                self.asm.m(Op::CALL_RM, native_entry());
                self.after_call(inst, true);
            }
            Kind::CallBuiltin(place, may_stop) => self.call_builtin(place, may_stop, inst.loc),
            Kind::Epoch(place) => self.epoch(place, inst.loc),
            Kind::TailLocal(body) => {
                self.leave_for(inst.stack_bytes);
                self.asm.emit(&X64::to_symbol(Op::JMP, Symbol(body)));
            }
            Kind::TailRef => {
                self.code.foreign_tail_calls = true;
                self.leave_for(inst.stack_bytes);
                self.asm.m(Op::JMP_RM, native_entry());
            }
            Kind::Jump => {
                let target = self.vcode.succs(block)[0].index();
                self.jump(block, target);
            }
            Kind::Branch(test) => self.branch(block, test),
            Kind::Switch(table) => self.switch(block, index, table),
            Kind::Compares(table) => self.compares(block, index, table),
            Kind::SelectVector(test) => {
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

    fn plain(&mut self, index: u32, inst: &vcode::Inst) {
        let mut x = inst.x;
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
            x.fold(self.slot(slot));
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

    fn call_site(&mut self, loc: u32) {
        self.code.call_sites.push(CallSite { offset: self.asm.offset(), loc });
    }

    fn after_call(&mut self, inst: &vcode::Inst, reload: bool) {
        self.call_site(inst.loc);
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

    fn call_builtin(&mut self, place: u32, may_stop: bool, loc: u32) {
        self.asm.rm(Op::MOV_RM.s64(), SCRATCH, Mem::base(VMCTX, (header::BUILTINS * 8) as i32));
        self.asm.m(Op::CALL_RM, Mem::base(SCRATCH, 8 * place as i32));
        self.call_site(loc);
        if may_stop {
            self.asm.rr(Op::TEST_MR.s32(), RDX, RDX);
            self.trap_if(Test::of(Cond::Ne), 0, loc);
        }
    }

    fn epoch(&mut self, place: u32, loc: u32) {
        let over = self.asm.label();
        self.asm.rm(Op::MOV_RM.s64(), SCRATCH, Mem::base(VMCTX, (header::STORE * 8) as i32));
        self.asm.rm(Op::MOV_RM.s64(), RAX, Mem::base(SCRATCH, store::EPOCH as i32));
        self.asm.rm(Op::MOV_RM.s64(), RAX, Mem::base(RAX, 0));
        self.asm.rm(Op::CMP_RM.s64(), RAX, Mem::base(SCRATCH, store::EPOCH_DEADLINE as i32));
        self.asm.jcc(Cond::B, over);
        self.asm.copy(RDI, VMCTX);
        self.call_builtin(place, true, loc);
        self.asm.bind(over);
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
    fn leave_for(&mut self, bytes: u32) {
        let own = self.vcode.in_bytes;
        if bytes == 0 && own == 0 {
            return self.epilogue();
        }
        self.restore_saved();
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

    /// The moves of an edge, if it has any.
    fn edge(&mut self, block: usize, succ: u32) -> Option<usize> {
        let edge = self.out.edges.get(self.next_edge)?;
        let found = (edge.from.index(), edge.succ) == (block, succ);
        found.then(|| {
            self.next_edge += 1;
            self.next_edge - 1
        })
    }

    fn edge_moves(&mut self, edge: usize) {
        let moves = self.out.edges[edge].moves.clone();
        for moved in &self.out.edge_moves[moves.start as usize..moves.end as usize] {
            self.make_move(moved);
        }
    }

    /// Goes to a block from the end of another one.
    fn jump(&mut self, block: usize, target: usize) {
        if target != block + 1 {
            self.asm.jmp(self.b.blocks[target]);
        }
    }

    /// A label that leads to a block by way of an edge's moves, which are made at the end of the function.
    fn edge_label(&mut self, edge: Option<usize>, target: usize) -> Label {
        let Some(edge) = edge else { return self.b.blocks[target] };
        let label = self.asm.label();
        self.b.edges.push(EdgeExit { label, edge, target });
        label
    }

    fn branch(&mut self, block: usize, test: Test) {
        let (yes, no) = (self.vcode.succs(block)[0].index(), self.vcode.succs(block)[1].index());
        let yes_edge = self.edge(block, 0);
        let no_edge = self.edge(block, 1);
        let cold = |target: usize| self.vcode.blocks[target].cold;
        match (yes_edge, no_edge) {
            // The moves of one edge stand behind the branch; the other one jumps.
            (yes_edge, Some(edge)) if !cold(no) => {
                let label = self.edge_label(yes_edge, yes);
                self.jump_if(test, label);
                self.edge_moves(edge);
                self.jump(block, no);
            }
            (Some(edge), no_edge) if !cold(yes) => {
                let label = self.edge_label(no_edge, no);
                self.jump_if(test.negate(), label);
                self.edge_moves(edge);
                self.jump(block, yes);
            }
            (yes_edge, no_edge) => {
                if yes == block + 1 && yes_edge.is_none() {
                    let label = self.edge_label(no_edge, no);
                    self.jump_if(test.negate(), label);
                } else {
                    let label = self.edge_label(yes_edge, yes);
                    self.jump_if(test, label);
                    if no_edge.is_some() || no != block + 1 {
                        let label = self.edge_label(no_edge, no);
                        self.asm.jmp(label);
                    }
                }
            }
        }
    }

    fn switch(&mut self, block: usize, index: u32, table: u32) {
        let target = self.operand(index, 0);
        self.asm.r(Op::JMP_RM, target);
        self.b.switches.push((table, self.b.switch_labels.len()));
        for succ in 0..self.vcode.succs(block).len() {
            let to = self.vcode.succs(block)[succ].index();
            let edge = self.edge(block, succ as u32);
            let label = self.edge_label(edge, to);
            self.b.switch_labels.push(label);
        }
    }

    fn compares(&mut self, block: usize, index: u32, table: u32) {
        let value = self.operand(index, 0);
        let first = self.b.switch_labels.len();
        for succ in 0..self.vcode.succs(block).len() {
            let to = self.vcode.succs(block)[succ].index();
            let edge = self.edge(block, succ as u32);
            let label = self.edge_label(edge, to);
            self.b.switch_labels.push(label);
        }
        let (&last, entries) = self.vcode.entries(table).split_last().expect("a table has entries");
        for (number, &entry) in entries.iter().enumerate().filter(|(_, entry)| **entry != last) {
            match number {
                0 => self.asm.rr(Op::TEST_MR.s32(), value, value),
                _ => self.asm.ri(Op::CMP_I.s32(), value, number as i32),
            }
            self.asm.jcc(Cond::E, self.b.switch_labels[first + entry as usize]);
        }
        let label = self.b.switch_labels[first + last as usize];
        let falls_through = self.b.blocks.get(block + 1) == Some(&label);
        if !falls_through {
            self.asm.jmp(label);
        }
    }

    /// What lies behind the blocks: edges, then traps.
    fn exits(&mut self) {
        for exit in std::mem::take(&mut self.b.edges) {
            self.asm.bind(exit.label);
            self.edge_moves(exit.edge);
            self.asm.jmp(self.b.blocks[exit.target]);
        }
        let mut traps = std::mem::take(&mut self.b.traps);
        for exit in traps.drain(..) {
            self.asm.bind(exit.label);
            self.trap(exit.code, exit.loc);
        }
        self.b.traps = traps;
    }

    /// Jump tables.
    fn tables(&mut self) {
        for (number, first) in std::mem::take(&mut self.b.switches) {
            self.asm.align(4);
            self.asm.bind(self.vcode.tables[number as usize].label);
            let labels = &self.b.switch_labels;
            let entries = self.vcode.entries(number).iter().map(|&entry| labels[first + entry as usize]);
            self.asm.jump_table(entries);
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

/// The entry of the function reference that a call goes to.
fn native_entry() -> Mem {
    Mem::base(super::abi::CALLEE_REF, (func_ref::NATIVE * 8) as i32)
}
