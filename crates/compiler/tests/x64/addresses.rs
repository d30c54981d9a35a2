//! Every address, on instructions of each shape; addresses that the emitter resolves.

use iced_x86::Register;
use tiercel_compiler::isa::x64::{Assembler, Features, FrameBases, Inst, Mem, Op, Reloc, Symbol, regs::*};

use crate::common::{BASE, Judge, decode, every_address};

#[test]
fn every_address_in_every_shape() {
    let mut judge = Judge::new();
    let shapes: [&dyn Fn(Mem) -> Inst; 8] = [
        &|mem| Inst::m(Op::MOV_RM.s64(), [R9], mem),
        &|mem| Inst::m(Op::MOV_MR.size(tiercel_compiler::isa::x64::Size::S8), [RSI], mem),
        &|mem| Inst::m(Op::ADD_I.s32(), [], mem).imm(1000),
        &|mem| Inst::m(Op::LEA.s32(), [RBX], mem),
        &|mem| Inst::m(Op::MOVAPS_RM, [xmm(3)], mem),
        &|mem| Inst::m(Op::PINSRB.vex(), [xmm(9), xmm(2)], mem).imm(5),
        &|mem| Inst::m(Op::ADDSD.vex(), [xmm(1), xmm(12)], mem),
        &|mem| Inst::m(Op::CMP_RM.s64(), [R14], mem.gs()),
    ];
    for mem in every_address() {
        for shape in shapes {
            judge.check(&shape(mem));
        }
        judge.check(&Inst::m(Op::MOV_RM.s32(), [RAX], mem.addr32()));
        judge.check(&Inst::m(Op::MOV_RM.s32(), [R8], mem.addr32().gs()));
    }
    assert!(judge.checked > 80_000);
}

#[test]
fn rip_relative_addresses_point_where_they_should() {
    let mut asm = Assembler::new(Features::ALL);
    let (before, after) = (asm.label(), asm.label());
    asm.bind(before);
    asm.bytes(&[0xcc; 7]);
    let shapes: [&dyn Fn(Mem) -> Inst; 5] = [
        &|mem| Inst::m(Op::LEA.s64(), [R10], mem),
        // Bytes of an immediate stand between the displacement and the end that it counts from.
        &|mem| Inst::m(Op::CMP_I.s32(), [], mem).imm(100_000),
        &|mem| Inst::m(Op::CMP_I.s64(), [], mem).imm(1),
        &|mem| Inst::m(Op::SHUFPS.vex(), [xmm(8), xmm(1)], mem).imm(27),
        &|mem| Inst::m(Op::CALL_RM, [], mem),
    ];
    let mut starts = Vec::new();
    for shape in shapes {
        for mem in [Mem::label(before), Mem::label(after), Mem::symbol(Symbol(77))] {
            starts.push(asm.offset() as usize);
            asm.emit(&shape(mem));
        }
    }
    asm.bind(after);
    let end = asm.offset() as usize;
    asm.finish();

    // As a linker would: the symbol is at offset 1,000,000.
    let mut code = asm.code().to_vec();
    assert_eq!(asm.relocs().len(), 5);
    for Reloc { offset, symbol, addend } in asm.relocs() {
        assert_eq!(*symbol, Symbol(77));
        let value = 1_000_000 + addend - *offset as i32;
        code[*offset as usize..][..4].copy_from_slice(&value.to_le_bytes());
    }
    let wanted = [0, end as u64, 1_000_000].into_iter().cycle();
    for (start, wanted) in starts.into_iter().zip(wanted) {
        let inst = decode(&code, start);
        assert!(inst.is_ip_rel_memory_operand(), "{inst}");
        assert_eq!(inst.ip_rel_memory_address(), BASE + wanted, "{inst}");
    }
}

#[test]
fn frame_addresses_take_the_shorter_base() {
    let frames = [
        FrameBases { slots: 32, locals: 0, in_args: 416, frame_pointer: Some(400) },
        FrameBases { slots: 0, locals: 0, in_args: 24, frame_pointer: Some(8) },
        FrameBases { slots: 100_000, locals: 0, in_args: 300_016, frame_pointer: Some(300_000) },
        FrameBases { slots: 16, locals: 0, in_args: 72, frame_pointer: None },
    ];
    for frame in frames {
        for offset in [0, 8, 16, 120, 128, 256, 320, 100_000] {
            for (mem, wanted) in [
                (Mem::slot(offset), frame.slots + offset),
                (Mem::in_arg(offset), frame.in_args + offset),
                (Mem::out_arg(offset), offset),
            ] {
                let mut asm = Assembler::new(Features::ALL);
                asm.set_frame(frame);
                asm.emit(&Inst::m(Op::MOV_RM.s64(), [RAX], mem));
                let inst = decode(asm.code(), 0);
                let base = match (inst.memory_base(), frame.frame_pointer) {
                    (Register::RSP, _) => 0,
                    (Register::RBP, Some(fp)) => i64::from(fp),
                    other => panic!("{other:?} in {inst}"),
                };
                assert_eq!(inst.memory_displacement64() as i64 + base, i64::from(wanted), "{mem} in {frame:?}");
                for (base, from_rsp) in [(RSP, Some(0)), (RBP, frame.frame_pointer)] {
                    let Some(from_rsp) = from_rsp else { continue };
                    let mut other = Assembler::new(Features::ALL);
                    other.emit(&Inst::m(Op::MOV_RM.s64(), [RAX], Mem::base(base, wanted - from_rsp)));
                    assert!(asm.code().len() <= other.code().len(), "{mem} in {frame:?}");
                }
            }
        }
    }
}
