//! What the table says beyond bytes (roles, flags, control flow, CPU features), against what the disassembler knows; and the promises to the
//! register allocator.

use std::collections::BTreeSet;

use iced_x86::{CpuidFeature, FlowControl, InstructionInfoFactory, OpAccess, Register};
use tiercel_compiler::isa::reg::{Reg, RegClass};
use tiercel_compiler::isa::x64::insts::all_ops;
use tiercel_compiler::isa::x64::row::Flow;
use tiercel_compiler::isa::x64::{Constraint, Features, Inst, Mem, Op, Role, Scale, Size, regs, regs::*};

use crate::common::{Judge, fill, forms, has_target, register_groups, template};

/// One instruction of every kind with registers that all differ, and are none of the fixed ones.
fn examples() -> Vec<Inst> {
    let mut examples = Vec::new();
    let mem = Mem::indexed(R12, R13, Scale::Two, 24);
    for op in all_ops().filter(|op| !has_target(*op)) {
        let (with_regs, with_mem) = forms(op);
        for mem in [None].into_iter().filter(|_| with_regs).chain(with_mem.then_some(Some(mem))) {
            let groups = register_groups(op, mem.is_some());
            let mut inst = template(op, mem).imm(3);
            fill(&mut inst, &groups, &[3, 6, 7, 8, 9][..groups.len()]);
            examples.push(inst);
        }
    }
    examples
}

fn name_of(register: Register) -> String {
    format!("{:?}", register.full_register()).to_lowercase().replace(['y', 'z'], "x")
}

#[test]
fn roles_are_those_of_the_hardware() {
    let mut judge = Judge::new();
    let mut factory = InstructionInfoFactory::new();
    for inst in examples() {
        let decoded = judge.check(&inst);
        let (mut reads, mut writes) = (BTreeSet::new(), BTreeSet::new());
        for used in factory.info(&decoded).used_registers() {
            // The stack pointer of push, pop, call and ret is no operand; r12 and r13 are address registers here.
            if used.register() == Register::RSP || used.register() == Register::GS {
                continue;
            }
            use OpAccess::*;
            let access = used.access();
            // A write that may not happen keeps what was there: for an allocator that is a read.
            if matches!(access, Read | CondRead | CondWrite | ReadWrite | ReadCondWrite) {
                reads.insert(name_of(used.register()));
            }
            if matches!(access, Write | CondWrite | ReadWrite | ReadCondWrite) {
                writes.insert(name_of(used.register()));
            }
        }
        let (mut our_reads, mut our_writes) = (BTreeSet::new(), BTreeSet::new());
        inst.for_each_operand(|operand| {
            let set = if operand.role == Role::Use { &mut our_reads } else { &mut our_writes };
            set.insert(regs::name(operand.reg, 64).to_string());
        });
        if inst.op() == Op::SETCC_INTO {
            // Ours on purpose: it leaves the rest of the register, which counts here.
            assert_eq!(our_reads, our_writes);
            our_reads.clear();
        }
        assert_eq!((our_reads, our_writes), (reads, writes), "{inst:?}: ours, theirs (reads, writes)");
    }
}

#[test]
fn flags_flow_and_features_are_those_of_the_hardware() {
    let mut judge = Judge::new();
    for inst in examples() {
        let (op, decoded) = (inst.op(), judge.check(&inst));
        assert_eq!(op.reads_flags(), decoded.rflags_read() != 0, "{inst:?} reads flags");
        assert_eq!(op.writes_flags(), decoded.rflags_modified() != 0, "{inst:?} writes flags");
        let flow = match decoded.flow_control() {
            FlowControl::Next => Flow::Next,
            FlowControl::IndirectBranch => Flow::Jump,
            FlowControl::IndirectCall => Flow::Call,
            FlowControl::Return => Flow::Return,
            FlowControl::Interrupt | FlowControl::Exception => Flow::Trap,
            other => panic!("{inst:?}: {other:?}"),
        };
        assert_eq!(op.flow(), flow, "{inst:?}");
        let mut features = Features::BASELINE;
        for feature in decoded.cpuid_features() {
            features = features.union(match feature {
                CpuidFeature::SSE3 => Features::SSE3,
                CpuidFeature::SSSE3 => Features::SSSE3,
                CpuidFeature::SSE4_1 => Features::SSE41,
                CpuidFeature::SSE4_2 => Features::SSE42,
                CpuidFeature::POPCNT => Features::POPCNT,
                CpuidFeature::LZCNT => Features::LZCNT,
                CpuidFeature::BMI1 => Features::BMI1,
                CpuidFeature::BMI2 => Features::BMI2,
                CpuidFeature::AVX => Features::AVX,
                CpuidFeature::AVX2 => Features::AVX2,
                CpuidFeature::FMA => Features::FMA,
                // What every x86-64 has.
                CpuidFeature::INTEL8086 | CpuidFeature::INTEL186 | CpuidFeature::INTEL286 => Features::BASELINE,
                CpuidFeature::INTEL386 | CpuidFeature::INTEL486 | CpuidFeature::X64 => Features::BASELINE,
                CpuidFeature::CMOV | CpuidFeature::PAUSE => Features::BASELINE,
                CpuidFeature::SSE | CpuidFeature::SSE2 => Features::BASELINE,
                other => panic!("{inst:?} needs {other:?}"),
            });
        }
        assert_eq!(op.feature(), features, "{inst:?}");
    }
}

#[test]
fn rewriting_operands_gives_the_instruction_with_the_new_ones() {
    for physical in examples() {
        // The same with virtual registers; then each operand is given its place again.
        let mut inst = physical;
        let mut places = Vec::new();
        physical.for_each_operand(|operand| places.push(operand));
        for (number, place) in (0..).zip(&places) {
            inst.set_reg(place.slot, Reg::virt(place.class, number));
        }
        let mut seen = Vec::new();
        inst.for_each_operand(|operand| seen.push(operand));
        assert_eq!(seen.len(), places.len());
        assert!(seen.is_empty() || inst.check().is_err(), "{inst:?} is not allocated");
        for (now, place) in seen.iter().zip(&places) {
            assert!(now.reg.is_virtual());
            assert_eq!(
                (now.slot, now.role, now.constraint, now.bits),
                (place.slot, place.role, place.constraint, place.bits)
            );
            inst.set_reg(now.slot, place.reg);
        }
        assert_eq!(inst, physical);
        assert_eq!(inst.check(), Ok(()));
    }
}

fn operands(inst: Inst) -> Vec<(Role, Constraint, u16)> {
    let mut operands = Vec::new();
    inst.for_each_operand(|operand| operands.push((operand.role, operand.constraint, operand.bits)));
    operands
}

#[test]
fn constraints_are_what_lowering_expects() {
    use Constraint::*;
    use Role::*;
    let v = |number| Reg::virt(RegClass::Int, number);
    let w = |number| Reg::virt(RegClass::Vector, number);
    let add = Inst::r(Op::ADD_RM.s32(), [v(0), v(1), v(2)]);
    assert_eq!(operands(add), [(Def, Tied(1), 32), (Use, Any, 32), (Use, Any, 32)]);
    assert_eq!(add.to_string(), "add v0=v1, v2");
    let shift = Inst::r(Op::SHL_CL.s64(), [v(0), v(1), v(2)]);
    assert_eq!(operands(shift), [(Def, Tied(1), 64), (Use, Any, 64), (Use, Fixed(RCX), 8)]);
    let div = Inst::r(Op::DIV.s64(), [v(0), v(1), v(2), v(3), v(4)]);
    assert_eq!(
        operands(div),
        [(Use, Any, 64), (Def, Fixed(RAX), 64), (Def, Fixed(RDX), 64), (Use, Fixed(RAX), 64), (Use, Fixed(RDX), 64)]
    );
    let scalar = [w(0), w(1), w(2)];
    assert_eq!(operands(Inst::r(Op::ADDSD, scalar)), [(Def, Tied(1), 128), (Use, Any, 128), (Use, Any, 128)]);
    assert_eq!(operands(Inst::r(Op::ADDSD.vex(), scalar)), [(Def, Any, 128), (Use, Any, 128), (Use, Any, 128)]);
    assert_eq!(Inst::r(Op::ADDSD.vex(), scalar).to_string(), "vaddsd w0, w1, w2");
    let fma = Inst::r(Op::VFMADD231PD, [w(0), w(1), w(2), w(3)]);
    assert_eq!(operands(fma)[0], (Def, Tied(1), 128));
    let store = Inst::m(Op::MOV_MR.size(Size::S8), [v(0)], Mem::indexed(v(1), v(2), Scale::Four, 8));
    assert_eq!(operands(store), [(Use, Any, 64), (Use, Any, 64), (Use, Any, 8)]);
    assert_eq!(store.to_string(), "mov byte ptr [v1+v2*4+8], v0");
    let read_modify_write = Inst::m(Op::ADD_I.s64(), [], Mem::base(v(1), 0)).imm(1);
    assert_eq!(operands(read_modify_write), [(Use, Any, 64)]);
}

#[test]
fn folding_a_use_reads_it_from_the_frame() {
    let mut judge = Judge::new();
    let mut folded = 0;
    for mut inst in examples() {
        let Some((slot, bits)) = inst.foldable_slot() else { continue };
        let before = inst.to_string();
        let reg = inst.reg(slot);
        inst.fold(Mem::base(RBP, -40));
        assert!(inst.foldable_slot().is_none());
        let decoded = judge.check(&inst);
        assert_eq!(decoded.memory_size().size() * 8, usize::from(bits), "{before} to {inst}");
        assert!(before.contains(&regs::name(reg, bits)[..2]) && inst.to_string().contains("[rbp-40]"));
        folded += 1;
    }
    assert!(folded > 300, "{folded} folded");
}

#[test]
fn a_wrong_register_does_not_pass_the_check() {
    let tied = Inst::r(Op::ADD_RM.s32(), [RAX, RCX, RDX]);
    assert!(tied.check().unwrap_err().contains("tied"));
    assert_eq!(Inst::r(Op::ADD_RM.s32(), [RAX, RAX, RDX]).check(), Ok(()));
    assert!(Inst::r(Op::SHL_I.s32(), [xmm(0), xmm(0)]).check().unwrap_err().contains("class"));
    assert!(Inst::r(Op::SHL_CL.s32(), [RAX, RAX, RDX]).check().unwrap_err().contains("fixed"));
    assert!(Inst::r(Op::MOV_RM.s32(), [RAX]).check().unwrap_err().contains("not allocated"));
    assert!(Inst::m(Op::MOV_RM.s32(), [RAX], Mem::indexed(RAX, RSP, Scale::One, 0)).check().is_err());
}
