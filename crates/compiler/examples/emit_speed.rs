//! How long the x86-64 assembler takes for one instruction: `cargo run --release -p tiercel-compiler --example emit_speed`.
//!
//! `direct` is the baseline compiler's way (the kind of instruction is known where it is emitted), `values` the optimizing compiler's (a list
//! of [`Inst`]).

use std::hint::black_box;
use std::time::Instant;

use tiercel_compiler::isa::x64::{Assembler, Cond, Features, Inst, Mem, Op, Scale, regs::*};

/// Instructions of the mix below.
const MIX: usize = 16;

/// What compiled WebAssembly is made of.
#[inline(never)]
fn direct(asm: &mut Assembler, offset: i32) {
    let done = asm.label();
    asm.rm(Op::MOV_RM.s32(), RAX, Mem::base(RBP, offset));
    asm.rr(Op::MOV_RM.s64(), RCX, RAX);
    asm.rr(Op::ADD_RM.s32(), RAX, R8);
    asm.ri(Op::ADD_I.s32(), RDX, offset);
    asm.rm(Op::MOV_RM.s32(), RSI, Mem::indexed(MEMORY_BASE, RAX, Scale::One, offset));
    asm.rm(Op::MOV_MR.s64(), RDI, Mem::indexed(MEMORY_BASE, RCX, Scale::One, 8));
    asm.ri(Op::SHL_I.s32(), RSI, 3);
    asm.ri(Op::MOV_RI32, R9, offset);
    asm.rm(Op::LEA.s64(), R10, Mem::indexed(RAX, RCX, Scale::Eight, offset));
    asm.rr(Op::CMP_RM.s32(), RAX, RDX);
    asm.jcc(Cond::L, done);
    asm.rm(Op::MOVSD_LOAD, xmm(1), Mem::base(RBP, offset));
    asm.rrr(Op::ADDSD, xmm(2), xmm(1), xmm(3));
    asm.rm(Op::MOVSD_STORE, xmm(2), Mem::base(RBP, 16));
    asm.rr(Op::TEST_MR.s32(), RSI, RSI);
    asm.cmovcc(Op::CMOVCC.s32(), Cond::Ne, RAX, RSI);
    asm.bind(done);
}

/// The same mix as values, without the label.
fn values(offset: i32) -> [Inst; MIX] {
    let load = Inst::m(Op::MOV_RM.s32(), [RSI], Mem::indexed(MEMORY_BASE, RAX, Scale::One, offset));
    [
        Inst::m(Op::MOV_RM.s32(), [RAX], Mem::base(RBP, offset)),
        Inst::r(Op::MOV_RM.s64(), [RCX, RAX]),
        Inst::r(Op::ADD_RM.s32(), [RAX, RAX, R8]),
        Inst::r(Op::ADD_I.s32(), [RDX, RDX]).imm(offset),
        load,
        Inst::m(Op::MOV_MR.s64(), [RDI], Mem::indexed(MEMORY_BASE, RCX, Scale::One, 8)),
        Inst::r(Op::SHL_I.s32(), [RSI, RSI]).imm(3),
        Inst::r(Op::MOV_RI32, [R9]).imm(offset),
        Inst::m(Op::LEA.s64(), [R10], Mem::indexed(RAX, RCX, Scale::Eight, offset)),
        Inst::r(Op::CMP_RM.s32(), [RAX, RDX]),
        load,
        Inst::m(Op::MOVSD_LOAD.vex(), [xmm(1)], Mem::base(RBP, offset)),
        Inst::r(Op::ADDSD.vex(), [xmm(2), xmm(1), xmm(3)]),
        Inst::m(Op::MOVSD_STORE.vex(), [xmm(2)], Mem::base(RBP, 16)),
        Inst::r(Op::TEST_MR.s32(), [RSI, RSI]),
        Inst::r(Op::CMOVCC.s32(), [RAX, RAX, RSI]).cond(Cond::Ne),
    ]
}

/// Best of several runs, in nanoseconds for each of `count` instructions.
fn best(name: &str, count: usize, mut run: impl FnMut(&mut Assembler)) {
    let mut asm = Assembler::new(Features::ALL);
    let nanoseconds = (0..50).map(|_| {
        asm.clear();
        let start = Instant::now();
        run(&mut asm);
        let elapsed = start.elapsed().as_nanos();
        black_box(asm.code());
        elapsed
    });
    let best = nanoseconds.min().expect("several runs") as f64 / count as f64;
    let bytes = asm.code().len() as f64 / count as f64;
    println!("{name}: {best:.2} ns, {bytes:.1} bytes for each of {count} instructions");
}

fn main() {
    const ROUNDS: usize = 10_000;
    best("direct", ROUNDS * MIX, |asm| {
        for round in 0..ROUNDS {
            direct(asm, black_box(round as i32 & 0xff));
        }
        asm.finish();
    });
    let list: Vec<Inst> = (0..ROUNDS).flat_map(|round| values(round as i32 & 0xff)).collect();
    best("values", list.len(), |asm| {
        for inst in &list {
            asm.emit(inst);
        }
        asm.finish();
    });
}
