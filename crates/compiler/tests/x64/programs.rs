//! Random programs: instructions of every kind, labels bound and used in any order, jump tables, alignment; decoded back one by one, as they are
//! emitted and with jumps made short.

use iced_x86::OpKind;
use tiercel_compiler::isa::x64::insts::all_ops;
use tiercel_compiler::isa::x64::relax::LINE_BYTES;
use tiercel_compiler::isa::x64::{Assembler, Cond, Features, Inst, Mem, Op, regs::R11};

use crate::common::{
    BASE, Judge, Random, decode, fill, forms, has_target, printed, register_groups, some_addresses, template, variants,
};

enum Step {
    /// An instruction that prints like this.
    Plain(Inst),
    /// A jump, call or `lea` to a label's number.
    To(Inst, usize),
    Align(u32),
    Table(Vec<usize>),
}

fn random_instruction(random: &mut Random, ops: &[Op], addresses: &[Mem]) -> Inst {
    let op = ops[random.below(ops.len())];
    let (with_regs, with_mem) = forms(op);
    let mem = (with_mem && (!with_regs || random.below(2) == 0)).then(|| addresses[random.below(addresses.len())]);
    let groups = register_groups(op, mem.is_some());
    let mut inst = template(op, mem);
    let numbers: Vec<u8> = groups.iter().map(|_| random.below(16) as u8).collect();
    fill(&mut inst, &groups, &numbers);
    let variants = variants(inst);
    variants[random.below(variants.len())]
}

fn program(seed: u64, relax: bool, judge: &mut Judge, ops: &[Op]) {
    let mut random = Random(seed);
    let addresses = some_addresses();
    let mut asm = Assembler::new(Features::ALL);
    let labels: Vec<_> = (0..1 + random.below(20)).map(|_| asm.label()).collect();
    // Some programs are long, so that jumps back leave the range of a byte.
    let len = [20, 100, 600][random.below(3)];
    let mut to_bind: Vec<usize> = (0..labels.len()).collect();
    let mut steps = Vec::new();
    for _ in 0..len {
        if !to_bind.is_empty() && random.below(len / labels.len() + 1) == 0 {
            asm.bind(labels[to_bind.swap_remove(random.below(to_bind.len()))]);
        }
        let start = asm.offset() as usize;
        let target = random.below(labels.len());
        let label = labels[target];
        let step = match random.below(12) {
            0 => Step::To(Inst::to_label(Op::JMP, label), target),
            1 | 2 => Step::To(Inst::to_label(Op::JCC, label).cond(Cond::ALL[random.below(16)]), target),
            3 => Step::To(Inst::to_label(Op::CALL, label), target),
            4 => Step::To(Inst::m(Op::LEA.s64(), [R11], Mem::label(label)), target),
            5 if random.below(4) == 0 => Step::Align(1 << random.below(7)),
            6 if random.below(4) == 0 => {
                Step::Table((0..random.below(9)).map(|_| random.below(labels.len())).collect())
            }
            _ => Step::Plain(random_instruction(&mut random, ops, &addresses)),
        };
        match &step {
            Step::Plain(inst) | Step::To(inst, _) => asm.emit(inst),
            Step::Align(align) => asm.align(*align),
            Step::Table(targets) => asm.jump_table(targets.iter().map(|target| labels[*target])),
        }
        steps.push((start, step));
    }
    to_bind.into_iter().for_each(|label| asm.bind(labels[label]));
    let emitted = asm.offset();
    let first_offsets: Vec<i64> =
        labels.iter().map(|label| asm.label_offset(*label).expect("bound above").into()).collect();
    if relax {
        asm.relax();
    }
    asm.finish();

    let code = asm.code();
    let offset_of = |label: usize| asm.label_offset(labels[label]).expect("bound above");
    let moved_end = |offset: usize| if offset == 0 { 0 } else { asm.moved_end(offset as u32) as usize };
    let ends = steps.iter().skip(1).map(|(start, _)| *start).chain([emitted as usize]);
    let is_aligned_in = |low: i64, high: i64| {
        steps.iter().any(|(start, step)| matches!(step, Step::Align(_)) && (low..=high).contains(&(*start as i64)))
    };
    let mut previous_end = 0;
    for ((first_start, step), first_end) in steps.iter().zip(ends) {
        let (start, end) = match step {
            Step::Align(_) => (previous_end, asm.moved(first_end as u32) as usize),
            _ if first_start == &first_end => continue,
            _ => (asm.moved(*first_start as u32) as usize, moved_end(first_end)),
        };
        previous_end = end;
        match step {
            Step::Plain(inst) => {
                let decoded = decode(code, start);
                assert_eq!(start + decoded.len(), end, "{inst:?}");
                assert_eq!(judge.disassembly(&decoded, inst.op().row()), printed(inst));
            }
            Step::To(inst, label) => {
                let decoded = decode(code, start);
                let jump = matches!(inst.op(), Op::JMP | Op::JCC);
                assert!(relax && jump || start + decoded.len() == end, "{inst:?}");
                previous_end = start + decoded.len();
                let target = match decoded.op0_kind() {
                    OpKind::NearBranch64 => decoded.near_branch_target(),
                    _ => decoded.ip_rel_memory_address(),
                };
                assert_eq!(target, BASE + u64::from(offset_of(*label)), "{inst:?}");
                let jump = matches!(inst.op(), Op::JMP | Op::JCC);
                let (from, to) = (*first_start as i64, first_offsets[*label]);
                if jump && (relax || to <= from) && !is_aligned_in(from.min(to), from.max(to)) {
                    // What a jump back had to cross when it was emitted, and what is left of it.
                    let distance = |start: i64, target: i64, bytes: i64| target - (start + bytes);
                    let near = i8::try_from(distance(from, to, first_end as i64 - from)).is_ok();
                    assert_eq!(decoded.len() == 2, near, "{inst:?} is as short as it can be");
                }
                assert_eq!(jump && inst.op() == Op::JMP, decoded.is_jmp_short_or_near());
                if inst.op() == Op::JCC {
                    assert_eq!(
                        format!("{:?}", decoded.mnemonic()).to_lowercase(),
                        format!("j{}", inst.condition().name())
                    );
                }
            }
            Step::Align(align) => {
                assert!(end.is_multiple_of(*align as usize) || relax && *align == LINE_BYTES);
                assert!(relax || end - start < *align as usize);
                let mut at = start;
                while at < end {
                    let decoded = decode(code, at);
                    assert_eq!(decoded.mnemonic(), iced_x86::Mnemonic::Nop);
                    at += decoded.len();
                }
                assert_eq!(at, end);
            }
            Step::Table(targets) => {
                for (entry, target) in code[start..end].chunks_exact(8).zip(targets) {
                    let distance = i64::from_le_bytes(entry.try_into().expect("eight bytes"));
                    assert_eq!(start as i64 + distance, i64::from(offset_of(*target)));
                }
                assert_eq!(end - start, 8 * targets.len());
            }
        }
    }
}

#[test]
fn random_programs_decode_to_themselves() {
    let ops: Vec<Op> = all_ops().filter(|op| !has_target(*op)).collect();
    let mut judge = Judge::new();
    for seed in 0..2000 {
        program(seed, false, &mut judge, &ops);
        program(seed, true, &mut judge, &ops);
    }
}
