//! Every row in each of its sizes with random operands, read back by the disassembler.

use tiercel_compiler::isa::aarch64::insts::{ROWS, all_ops};
use tiercel_compiler::isa::aarch64::row::Kind;
use tiercel_compiler::isa::aarch64::{Cond, Inst, Mem, Op, Size, regs::*};
use tiercel_compiler::isa::reg::{Reg, RegClass};

use crate::common::{Random, assembler, disassembly, emit_one, printed, random_instruction, words};

/// Instructions of each kind that are checked.
const EACH: usize = 500;

#[test]
fn every_row_with_random_operands() {
    let (mut asm, mut random, mut checked) = (assembler(), Random(1), 0);
    let mut wrong = Vec::new();
    for op in all_ops().filter(|op| !op.row().has_target() && !op.row().is_pseudo()) {
        for _ in 0..EACH {
            let inst = random_instruction(op, &mut random);
            let word = emit_one(&mut asm, &inst);
            let theirs = normalized(&disassembly(word));
            let ours = normalized(&printed(&inst));
            if ours != theirs {
                wrong.push(format!("{word:08x} {inst:?}: ours `{ours}`, theirs `{theirs}`"));
                break;
            }
            checked += 1;
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(checked > 300_000, "{checked} checked");
}

/// Shifts by nothing and extensions of addresses without a shift are written in two ways.
fn normalized(text: &str) -> String {
    let mut text = text.to_string();
    for name in ["lsr", "asr", "ror", "sxtw", "sxtx"] {
        text = text.replace(&format!("{name} #0]"), &format!("{name}]"));
        if let Some(shorter) = text.strip_suffix(&format!("{name} #0")) {
            // A shift of its own, by an immediate, has a register before it, not a comma and a register.
            let own = text.starts_with(name);
            text = if own { text } else { format!("{shorter}{name}") };
        }
    }
    text
}

#[test]
fn every_row_is_sound() {
    for (number, row) in ROWS.iter().enumerate() {
        assert!(ROWS[..number].iter().all(|other| other.name != row.name), "{} is there twice", row.name);
        let memory = row.operands.iter().position(|operand| operand.is_mem());
        assert!(memory.is_none_or(|at| at == row.operands.len() - 1), "{}: memory comes last", row.name);
    }
    assert!(ROWS.len() > 350, "{} rows", ROWS.len());
    assert!(ROWS.iter().any(|row| row.has(Kind::Target14)));
}

#[test]
fn branches() {
    let mut random = Random(2);
    for op in all_ops().filter(|op| op.row().has_target()) {
        for _ in 0..200 {
            let mut asm = assembler();
            let label = asm.label();
            let (before, behind) = (random.below(50) as u32, random.below(50) as u32);
            let back = random.below(2) == 0;
            if back {
                asm.bind(label);
            }
            (0..before).for_each(|_| asm.op(Op::NOP));
            let bit = random.below(64) as i32;
            let registers = op.row().operands.iter().any(|operand| operand.kind == Kind::Reg);
            let inst =
                if registers { Inst::to_label(op, [random.gpr()], label) } else { Inst::to_label(op, [], label) };
            let inst = if op.row().has(Kind::TestBit) { inst.imm(bit) } else { inst.cond(random.pick(&Cond::ALL)) };
            asm.emit_plain(&inst);
            (0..behind).for_each(|_| asm.op(Op::NOP));
            if !back {
                asm.bind(label);
            }
            asm.finish();
            let distance = if back { -4 * i64::from(before) } else { 4 * (i64::from(behind) + 1) };
            let target = format!("label{}", inst.target_label().map_or(9, |_| 0));
            let sign = if distance < 0 { '-' } else { '+' };
            let expected = inst.to_string().replace(&target, &format!("${sign}{}", distance.abs()));
            let theirs = disassembly(words(asm.code())[before as usize]);
            assert_eq!(theirs, expected, "{inst:?}");
        }
    }
}

#[test]
fn the_check_finds_what_cannot_be_encoded() {
    let wrong = [
        Inst::r(Op::ADD_S.s64(), [SP, x(0), x(1)]),
        Inst::r(Op::ADD_I.s64(), [x(0), ZR]).imm(1),
        Inst::r(Op::ADD_I.s64(), [x(0), SP]).imm(4097),
        Inst::r(Op::AND_I.s32(), [x(0), x(1)]).imm(1 << 12),
        Inst::r(Op::LSL_I.s32(), [x(0), x(1)]).imm(32),
        Inst::r(Op::FADD.s32(), [v(0), v(1), x(2)]),
        Inst::r(Op::MOVK.s64(), [x(0), x(1)]).imm(1),
        Inst::r(Op::VDUP.size(Size::S16), [v(0), v(1)]).imm(8),
        Inst::r(Op::VSSHR.size(Size::S8), [v(0), v(1)]).imm(9),
        Inst::r(Op::UBFX.s32(), [x(0), x(1)]).imm(30 | 3 << 8),
        Inst::m(Op::LDAR.s32(), [x(0)], Mem::base(x(1), 4)),
        Inst::m(Op::LDR_X, [x(0)], Mem::pre(SP, 256)),
        Inst::m(Op::STP_X, [x(0), x(1)], Mem::post(SP, 512)),
        Inst::r(Op::MOV.s64(), [Reg::virt(RegClass::Int, 1), x(0)]),
    ];
    for inst in wrong {
        assert!(inst.check().is_err(), "{inst:?}");
    }
}
