//! Direct emission, and what only the assembler does.

use tiercel_compiler::isa::x64::{Assembler, Cond, Features, Inst, Mem, Op, Scale, Size, Symbol, regs::*};

use crate::common::{Judge, decode};

/// Disassembles everything that `emit` emits.
fn listing(features: Features, emit: impl FnOnce(&mut Assembler)) -> Vec<String> {
    let mut asm = Assembler::new(features);
    emit(&mut asm);
    asm.finish();
    let (mut judge, mut lines, mut at) = (Judge::new(), Vec::new(), 0);
    while at < asm.code().len() {
        let inst = decode(asm.code(), at);
        at += inst.len();
        lines.push(judge.disassembly(&inst, Op::RET.row()).to_string());
    }
    lines
}

#[test]
fn two_operand_notation() {
    let lines = listing(Features::ALL.difference(Features::AVX), |asm| {
        asm.rr(Op::ADD_RM.s32(), RAX, R9);
        asm.ri(Op::SUB_I.s64(), RSP, 64);
        asm.rm(Op::MOV_RM.s64(), RCX, Mem::base(VMCTX, 8));
        asm.rm(Op::MOV_MR.size(Size::S16), RSI, Mem::indexed(MEMORY_BASE, RDX, Scale::One, 2));
        asm.mi(Op::CMP_I.size(Size::S8), Mem::base(RBP, -1), -1);
        asm.rri(Op::IMUL_RMI.s32(), RBX, RDI, 1000);
        asm.rmi(Op::IMUL_RMI.s32(), RBX, Mem::base(RDI, 0), 10);
        asm.m(Op::NEG.s32(), Mem::base(RAX, 0));
        asm.r(Op::SHL_CL.s64(), RDX);
        asm.ri(Op::ROL_I.s32(), RDX, 7);
        asm.op(Op::CQO);
        asm.r(Op::IDIV.s64(), R8);
        asm.r(Op::PUSH, R15);
        asm.i(Op::PUSH_I, -2);
        asm.rr(Op::XCHG.s64(), RAX, R12);
        asm.rm(Op::LOCK_CMPXCHG.s32(), RCX, Mem::base(RDI, 0));
        asm.setcc(Cond::Ae, RSI);
        asm.cmovcc(Op::CMOVCC.s64(), Cond::L, RAX, RBX);
        asm.rr(Op::ADDSD, xmm(1), xmm(2));
        asm.rr(Op::PBLENDVB, xmm(1), xmm(2));
        asm.op(Op::RET);
    });
    let wanted = "add eax, r9d | sub rsp, 64 | mov rcx, qword ptr [r14+8] | mov word ptr [r15+rdx+2], si | \
        cmp byte ptr [rbp-1], -1 | imul ebx, edi, 1000 | imul ebx, dword ptr [rdi], 10 | neg dword ptr [rax] | \
        shl rdx, cl | rol edx, 7 | cqo | idiv r8 | push r15 | push -2 | xchg rax, r12 | \
        lock cmpxchg dword ptr [rdi], ecx | setae sil | cmovl rax, rbx | addsd xmm1, xmm2 | \
        pblendvb xmm1, xmm2 | ret";
    assert_eq!(lines.join(" | "), wanted);
}

#[test]
fn avx_where_the_cpu_has_it() {
    let code = |asm: &mut Assembler| {
        asm.rrr(Op::ADDSD, xmm(1), xmm(2), xmm(3));
        asm.rrr(Op::ADDSD, xmm(2), xmm(2), xmm(3));
        asm.rrm(Op::MULPS, xmm(1), xmm(2), Mem::base(RSP, 16));
        asm.rr(Op::SUBSS, xmm(4), xmm(5));
        asm.rr(Op::CVTSI2SD.s64(), xmm(4), RAX);
        asm.ri(Op::PSLLD_I, xmm(6), 4);
        asm.rri(Op::SHUFPS, xmm(6), xmm(7), 0);
        asm.rm(Op::MOVSD_STORE, xmm(1), Mem::base(RBP, -8));
        asm.copy(xmm(1), xmm(9));
        asm.copy(RCX, RAX);
    };
    let sse = "movaps xmm1, xmm2 | addsd xmm1, xmm3 | addsd xmm2, xmm3 | movaps xmm1, xmm2 | \
        mulps xmm1, xmmword ptr [rsp+16] | subss xmm4, xmm5 | cvtsi2sd xmm4, rax | pslld xmm6, 4 | shufps xmm6, xmm7, 0 | \
        movsd qword ptr [rbp-8], xmm1 | movaps xmm1, xmm9 | mov rcx, rax";
    let avx = "vaddsd xmm1, xmm2, xmm3 | vaddsd xmm2, xmm2, xmm3 | vmulps xmm1, xmm2, xmmword ptr [rsp+16] | \
        vsubss xmm4, xmm4, xmm5 | vcvtsi2sd xmm4, xmm4, rax | vpslld xmm6, xmm6, 4 | vshufps xmm6, xmm6, xmm7, 0 | \
        vmovsd qword ptr [rbp-8], xmm1 | vmovaps xmm1, xmm9 | mov rcx, rax";
    assert_eq!(listing(Features::BASELINE, code).join(" | "), sse);
    assert_eq!(listing(Features::ALL, code).join(" | "), avx);
}

#[test]
fn constants_take_the_shortest_form() {
    for (value, bytes) in [
        (0, 5),
        (1, 5),
        (i64::from(u32::MAX), 5),
        (-1, 7),
        (i64::from(i32::MIN), 7),
        (i64::from(i32::MIN) - 1, 10),
        (1 << 32, 10),
        (i64::MAX, 10),
        (i64::MIN, 10),
    ] {
        let mut asm = Assembler::new(Features::BASELINE);
        asm.constant(RDI, value);
        assert_eq!(asm.code().len(), bytes, "{value}");
        assert_eq!(decode(asm.code(), 0).immediate(1) as i64, value);
    }
}

#[test]
fn a_frame_size_can_be_filled_in_later() {
    let mut asm = Assembler::new(Features::BASELINE);
    asm.ri(Op::SUB_I32, RSP, 0);
    let end = asm.offset();
    asm.op(Op::RET);
    asm.patch_i32(end, 4096);
    assert_eq!(decode(asm.code(), 0).to_string(), "sub rsp,1000h");
}

#[test]
fn jumps_at_the_edge_of_a_byte() {
    for (filling, len) in [(126, 2), (127, 5)] {
        let mut asm = Assembler::new(Features::BASELINE);
        let back = asm.label();
        asm.bind(back);
        asm.bytes(&vec![0x90; filling]);
        asm.jmp(back);
        asm.finish();
        let inst = decode(asm.code(), filling);
        assert_eq!((inst.len(), inst.near_branch_target()), (len, crate::common::BASE));
    }
    let mut asm = Assembler::new(Features::BASELINE);
    let ahead = asm.label();
    asm.emit(&Inst::to_label(Op::JCC_SHORT, ahead).cond(Cond::Ne));
    asm.bytes(&[0x90; 127]);
    asm.bind(ahead);
    asm.finish();
    assert_eq!(asm.code()[..2], [0x75, 127]);
}

#[test]
#[should_panic(expected = "used and not bound")]
fn an_unbound_label_is_a_bug() {
    let mut asm = Assembler::new(Features::BASELINE);
    let label = asm.label();
    asm.jmp(label);
    asm.finish();
}

#[test]
#[should_panic(expected = "too far")]
fn a_short_jump_that_does_not_reach_is_a_bug() {
    let mut asm = Assembler::new(Features::BASELINE);
    let label = asm.label();
    asm.emit(&Inst::to_label(Op::JMP_SHORT, label));
    asm.bytes(&[0; 128]);
    asm.bind(label);
    asm.finish();
}

#[test]
fn a_cleared_assembler_is_a_new_one() {
    let mut asm = Assembler::new(Features::ALL);
    let code = |asm: &mut Assembler| {
        let label = asm.label();
        asm.call_symbol(Symbol(3));
        asm.jcc(Cond::E, label);
        asm.rm(Op::MOV_RM.s32(), RAX, Mem::slot(8));
        asm.bind(label);
        asm.finish();
        (asm.code().to_vec(), asm.relocs().to_vec())
    };
    let first = code(&mut asm);
    asm.clear();
    assert_eq!(asm.offset(), 0);
    assert_eq!(code(&mut asm), first);
}
