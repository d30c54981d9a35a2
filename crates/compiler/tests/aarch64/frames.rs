//! Frames addressed from the stack pointer: golden code at every boundary of offsets, and a random model of adjustments, accesses and calls.

use std::fmt::Write as _;

use tiercel_compiler::isa::aarch64::regs::{ADDRESS_SCRATCH, SP, v, x};
use tiercel_compiler::isa::aarch64::{Assembler, Cond, EmitState, FrameLayout, Inst, Mem, Op, Size};
use yaxpeax_arm::armv8::a64::{Opcode, Operand, ShiftStyle, SizeCode};

use crate::common::{Random, assembler, decode, listing, words};
use crate::compile::{Module, Options, link};
use crate::qemu::{CODE, DATA, elf, execute};

/// What one access becomes in a frame whose stack pointer is `below` bytes under the nominal one.
fn access(op: Op, mem: Mem, below: i32) -> Vec<String> {
    let layout = FrameLayout { locals: 0, in_args: 0, base: below };
    let (mut asm, mut state) = (assembler(), EmitState::at_block(&layout));
    let reg = if op.row().operands[0].class() == x(0).class() { x(3) } else { v(3) };
    let inst = Inst::m(op, [reg], mem);
    asm.emit(&inst, &mut state);
    state.check_block();
    asm.finish();
    let lines = listing(asm.code());
    if lines.len() == 1 {
        // What is printed in this state is what is emitted.
        assert_eq!(inst.at(&state).to_string(), lines[0]);
    }
    lines
}

fn slot(op: Op, offset: i32) -> Vec<String> {
    access(op, Mem::nominal_sp(offset), 0)
}

#[test]
fn offsets_at_their_boundaries() {
    assert_eq!(slot(Op::LDR_X, 0), ["ldr x3, [sp]"]);
    assert_eq!(slot(Op::LDR_X, 8), ["ldr x3, [sp, #8]"]);
    assert_eq!(slot(Op::LDR_X, 255), ["ldur x3, [sp, #255]"]);
    assert_eq!(slot(Op::LDR_X, 256), ["ldr x3, [sp, #256]"]);
    assert_eq!(slot(Op::STR_X, -256), ["stur x3, [sp, #-256]"]);
    assert_eq!(slot(Op::STR_X, 32_760), ["str x3, [sp, #32760]"]);
    assert_eq!(slot(Op::STR_X, 32_768), ["add x16, sp, #8, lsl #12", "str x3, [x16]"]);
    assert_eq!(slot(Op::STR_X, 32_776), ["add x16, sp, #8, lsl #12", "str x3, [x16, #8]"]);
    assert_eq!(slot(Op::LDRB, 4095), ["ldrb w3, [sp, #4095]"]);
    assert_eq!(slot(Op::LDRB, 4096), ["add x16, sp, #1, lsl #12", "ldrb w3, [x16]"]);
    assert_eq!(slot(Op::LDRH, 8190), ["ldrh w3, [sp, #8190]"]);
    assert_eq!(slot(Op::LDRH, 8192), ["add x16, sp, #2, lsl #12", "ldrh w3, [x16]"]);
    assert_eq!(slot(Op::LDR_W, 16_380), ["ldr w3, [sp, #16380]"]);
    assert_eq!(slot(Op::LDR_W, 16_384), ["add x16, sp, #4, lsl #12", "ldr w3, [x16]"]);
    // Unaligned: what is left of the page fits nine bits, or does not.
    assert_eq!(slot(Op::LDR_W, 16_382), ["mov x16, #16382", "ldr w3, [sp, x16]"]);
    assert_eq!(slot(Op::LDR_W, 16_386), ["add x16, sp, #4, lsl #12", "ldur w3, [x16, #2]"]);
    assert_eq!(slot(Op::LDR_W, 254), ["ldur w3, [sp, #254]"]);
    assert_eq!(slot(Op::LDR_W, 258), ["mov x16, #258", "ldr w3, [sp, x16]"]);
    assert_eq!(slot(Op::STR_Q, 65_520), ["str q3, [sp, #65520]"]);
    assert_eq!(slot(Op::STR_Q, 65_536), ["add x16, sp, #16, lsl #12", "str q3, [x16]"]);
    // 100 KB and 20 MB.
    assert_eq!(slot(Op::LDR_X, 102_400), ["add x16, sp, #25, lsl #12", "ldr x3, [x16]"]);
    assert_eq!(slot(Op::LDR_X, 102_392), ["add x16, sp, #24, lsl #12", "ldr x3, [x16, #4088]"]);
    assert_eq!(slot(Op::LDR_X, (16 << 20) - 8), ["add x16, sp, #4095, lsl #12", "ldr x3, [x16, #4088]"]);
    assert_eq!(slot(Op::LDR_X, 16 << 20), ["mov x16, #16777216", "ldr x3, [sp, x16]"]);
    assert_eq!(slot(Op::LDR_X, 20_000_008), ["mov x16, #11528", "movk x16, #305, lsl #16", "ldr x3, [sp, x16]"]);
    assert_eq!(slot(Op::LDR_X, -264), ["mov x16, #18446744073709551352", "ldr x3, [sp, x16]"]);
}

#[test]
fn a_frame_of_30_kilobytes_needs_one_instruction_for_each_slot() {
    let (mut from_sp, mut from_fp) = (0, 0);
    for offset in (0..30 << 10).step_by(8) {
        from_sp += slot(Op::LDR_X, offset).len();
        // The same slot from a frame pointer above the slots.
        let below_fp = offset - (30 << 10);
        from_fp += if below_fp >= -256 { 1 } else { 2 };
        assert_eq!(access(Op::LDR_X, Mem::base(x(29), below_fp), 0).len(), if below_fp >= -256 { 1 } else { 2 });
    }
    assert_eq!((from_sp, from_fp), (3840, 7648));
}

#[test]
fn a_compiled_frame_of_30_kilobytes() {
    const VALUES: usize = 3840;
    let mut text = String::from("(module (func (param i64) (result i64) (local.get 0)) (func (param i64) (result i64)");
    for number in 0..VALUES {
        write!(text, "(i64.mul (local.get 0) (i64.const {})) ", 2 * number + 3).expect("a string");
    }
    text += "(call 0 (local.get 0))";
    (0..VALUES).for_each(|_| text += " i64.sub");
    let module = Module::new(&(text + "))"));
    let (code, entries) = link(&module, Options { no_inlining: true, ..Options::default() });
    let lines = listing(&code[entries[1]..]);
    assert!(lines.iter().all(|line| !line.contains("x16, sp")), "an address is made");
    let size = lines.iter().find_map(|line| line.strip_prefix("sub sp, sp, #")).expect("there is a frame");
    // More than 4095 bytes are subtracted in two parts; the upper one is here.
    assert_eq!(size, "7, lsl #12");
    let (mut from_sp, mut from_fp) = (0, 0);
    let mut far = 0;
    for line in lines.iter().filter(|line| line.starts_with("ld") || line.starts_with("st")) {
        let Some((_, offset)) = line.split_once("[sp, #") else { continue };
        let Ok(offset) = offset.trim_end_matches(']').parse::<i32>() else { continue };
        far = far.max(offset);
        from_sp += 1;
        // Two at once reach twice as far.
        let reach = if line.starts_with("ldp") || line.starts_with("stp") { -512 } else { -256 };
        from_fp += if offset - (30 << 10) >= reach { 1 } else { 2 };
    }
    assert!(far > 30_000, "the frame reaches to {far}");
    assert_eq!((from_sp, from_fp), (7662, 15276));
}

#[test]
fn the_state_moves_what_is_nominal_and_nothing_else() {
    let layout = FrameLayout { locals: 64, in_args: 112, base: 48 };
    let (mut asm, mut state) = (assembler(), EmitState::at_block(&layout));
    let emit = |mem: Mem, asm: &mut Assembler, state: &mut EmitState<'_>| {
        let before = asm.offset();
        asm.emit(&Inst::m(Op::LDR_X, [x(0)], mem), state);
        listing(asm.code())[before as usize / 4].clone()
    };
    assert_eq!(emit(Mem::nominal_sp(8), &mut asm, &mut state), "ldr x0, [sp, #56]");
    assert_eq!(emit(Mem::local(8), &mut asm, &mut state), "ldr x0, [sp, #120]");
    assert_eq!(emit(Mem::in_arg(8), &mut asm, &mut state), "ldr x0, [sp, #168]");
    assert_eq!(emit(Mem::out_arg(8), &mut asm, &mut state), "ldr x0, [sp, #8]");
    // The pseudo-instruction has no bytes.
    let before = asm.offset();
    asm.emit(&Inst::r(Op::VIRTUAL_SP_ADJ, []).imm(32), &mut state);
    assert_eq!((asm.offset(), state.virtual_sp()), (before, 80));
    assert_eq!(emit(Mem::nominal_sp(8), &mut asm, &mut state), "ldr x0, [sp, #88]");
    assert_eq!(emit(Mem::local(8), &mut asm, &mut state), "ldr x0, [sp, #152]");
    assert_eq!(emit(Mem::in_arg(8), &mut asm, &mut state), "ldr x0, [sp, #200]");
    assert_eq!(emit(Mem::out_arg(8), &mut asm, &mut state), "ldr x0, [sp, #8]");
    // A call's own pop is part of the call.
    state.popped(32);
    state.check_block();
    asm.move_sp(16, &mut state);
    assert_eq!(listing(asm.code()).pop().as_deref(), Some("sub sp, sp, #16"));
    assert_eq!(emit(Mem::nominal_sp(0), &mut asm, &mut state), "ldr x0, [sp, #64]");
    asm.move_sp(-16, &mut state);
    state.check_block();
    assert_eq!(Inst::r(Op::VIRTUAL_SP_ADJ, []).imm(32).to_string(), "virtual_sp_adj #32");
    assert_eq!(Inst::m(Op::LDR_X, [x(0)], Mem::nominal_sp(8)).to_string(), "ldr x0, [nominal_sp+8]");
    assert_eq!(Inst::m(Op::LDR_X, [x(0)], Mem::nominal_sp(8)).at(&state).to_string(), "ldr x0, [sp, #56]");
}

#[test]
#[should_panic(expected = "add up to zero")]
fn an_adjustment_that_is_not_undone_is_found() {
    let layout = FrameLayout::default();
    let (mut asm, mut state) = (assembler(), EmitState::at_block(&layout));
    asm.emit(&Inst::r(Op::VIRTUAL_SP_ADJ, []).imm(16), &mut state);
    state.check_block();
}

#[test]
fn pairs_and_addresses_of_places() {
    let layout = FrameLayout { locals: 0, in_args: 0, base: 16 };
    let (mut asm, mut state) = (assembler(), EmitState::at_block(&layout));
    for offset in [0, 488, 496, 5000] {
        asm.emit(&Inst::m(Op::STP_X, [x(1), x(2)], Mem::nominal_sp(offset)), &mut state);
    }
    for offset in [-16, 0, 4079, 4080, 5000, 20_000_000] {
        asm.emit(&Inst::m(Op::LEA, [x(1)], Mem::nominal_sp(offset)), &mut state);
    }
    asm.finish();
    let expected = [
        "stp x1, x2, [sp, #16]",
        "stp x1, x2, [sp, #504]",
        "add x16, sp, #512",
        "stp x1, x2, [x16]",
        "add x16, sp, #1, lsl #12",
        "add x16, x16, #920",
        "stp x1, x2, [x16]",
        "mov x1, sp",
        "add x1, sp, #16",
        "add x1, sp, #4095",
        "add x1, sp, #1, lsl #12",
        "add x1, sp, #1, lsl #12",
        "add x1, x1, #920",
        "mov x16, #11536",
        "movk x16, #305, lsl #16",
        "add x1, sp, x16",
    ];
    assert_eq!(listing(asm.code()), expected);
}

/// Arguments are being pushed when an instruction traps: the frame is found by `x29`, wherever the stack pointer is.
#[test]
#[cfg_attr(not(qemu_aarch64), ignore = "qemu-aarch64 is missing: apt-get install qemu-user")]
fn a_trap_between_pushes() {
    let mut asm = assembler();
    let (func, handler, wrong) = (asm.label(), asm.label(), asm.label());
    let syscall = |asm: &mut Assembler, number: u64| {
        asm.constant(x(8), number);
        asm.words(&[0xd400_0001]);
    };
    // For SIGILL: the handler, SA_SIGINFO, no mask.
    asm.constant(x(1), DATA);
    asm.emit_plain(&Inst::m(Op::LEA, [x(9)], Mem::label(handler)));
    asm.rm(Op::STR_X, x(9), Mem::base(x(1), 0));
    asm.constant(x(9), 4);
    asm.rm(Op::STR_X, x(9), Mem::base(x(1), 8));
    for (number, argument) in [(0, 4), (2, 0), (3, 8)] {
        asm.constant(x(number), argument);
    }
    syscall(&mut asm, 134);
    asm.constant(x(29), 0x1234);
    asm.constant(x(19), 41);
    asm.copy(x(20), SP);
    asm.call(func);
    // The handler has returned from the function, which has not gone on.
    asm.compare(Size::S64, x(0), x(19));
    asm.jcc(Cond::Ne, wrong);
    asm.copy(x(9), SP);
    asm.compare(Size::S64, x(9), x(20));
    asm.jcc(Cond::Ne, wrong);
    asm.constant(x(9), 0x1234);
    asm.compare(Size::S64, x(9), x(29));
    asm.jcc(Cond::Ne, wrong);
    asm.add(x(19), x(19), 1);
    asm.rm(Op::STR_X, x(19), Mem::base(x(20), -8));
    asm.constant(x(0), 1);
    asm.add(x(1), x(20), -8);
    asm.constant(x(2), 1);
    syscall(&mut asm, 64);
    asm.constant(x(0), 0);
    syscall(&mut asm, 93);
    asm.bind(wrong);
    asm.constant(x(0), 3);
    syscall(&mut asm, 93);
    // A frame of 40 KB, in which a value is stored and loaded between pushes.
    asm.bind(func);
    let layout = FrameLayout { locals: 40_000, in_args: 40_016, base: 0 };
    let mut state = EmitState::new(&layout);
    asm.rrm(Op::STP_X, x(29), x(30), Mem::pre(SP, -16));
    asm.copy(x(29), SP);
    asm.add(SP, SP, -40_000);
    asm.emit(&Inst::m(Op::STR_X, [x(19)], Mem::nominal_sp(36_000)), &mut state);
    asm.move_sp(320, &mut state);
    asm.emit(&Inst::m(Op::LDR_X, [x(0)], Mem::nominal_sp(36_000)), &mut state);
    asm.emit(&Inst::m(Op::STR_X, [x(0)], Mem::out_arg(0)), &mut state);
    asm.emit_plain(&Inst::r(Op::UDF, []).imm(7));
    asm.constant(x(19), 99);
    // What was interrupted goes on where the function at its x29 would return: x2 is the context, with its registers from 184 on.
    asm.bind(handler);
    let register = |number: i32| Mem::base(x(2), 184 + 8 * number);
    asm.rm(Op::LDR_X, x(9), register(29));
    asm.rrm(Op::LDP_X, x(10), x(11), Mem::base(x(9), 0));
    asm.add(x(9), x(9), 16);
    for (reg, number) in [(10, 29), (9, 31), (11, 32)] {
        asm.rm(Op::STR_X, x(reg), register(number));
    }
    asm.op(Op::RET);
    asm.finish();
    assert_eq!(execute(&elf(&[(CODE, asm.code(), 5), (DATA, &[0; 64], 6)])), [42]);
}

/// A machine with a stack: what the accesses of a frame need.
struct Machine {
    regs: [u64; 32],
    memory: Vec<u8>,
}

impl Machine {
    fn address(&self, operand: Operand) -> u64 {
        match operand {
            Operand::RegPreIndex(base, offset, false) => self.regs[base as usize].wrapping_add_signed(offset.into()),
            Operand::RegRegOffset(base, index, SizeCode::X, ShiftStyle::LSL, 0) => {
                self.regs[base as usize].wrapping_add(self.regs[index as usize])
            }
            other => panic!("no address of a frame: {other:?}"),
        }
    }

    /// Runs a word that the disassembler reads; `pop` is what a callee takes off the stack.
    fn run(&mut self, word: u32, pop: u64) {
        let inst = decode(word);
        let [first, second, third, _] = inst.operands;
        let number = |operand: Operand| match operand {
            Operand::Register(_, number) | Operand::RegisterOrSP(_, number) => number as usize,
            other => panic!("no register: {other:?}"),
        };
        assert_eq!(self.regs[31] % 16, 0, "the stack pointer is aligned at every instruction");
        match inst.opcode {
            Opcode::LDR | Opcode::LDUR | Opcode::STR | Opcode::STUR | Opcode::LDRB | Opcode::STRB => {
                let at = self.address(second);
                let bytes = match (inst.opcode, first) {
                    (Opcode::LDRB | Opcode::STRB, _) => 1,
                    (_, Operand::Register(SizeCode::W, _)) => 4,
                    _ => 8,
                };
                assert!(at >= self.regs[31], "nothing below the stack pointer is touched");
                let at = at as usize;
                let reg = number(first);
                if matches!(inst.opcode, Opcode::LDR | Opcode::LDUR | Opcode::LDRB) {
                    let mut value = [0; 8];
                    value[..bytes].copy_from_slice(&self.memory[at..at + bytes]);
                    self.regs[reg] = u64::from_le_bytes(value);
                } else {
                    self.memory[at..at + bytes].copy_from_slice(&self.regs[reg].to_le_bytes()[..bytes]);
                }
            }
            Opcode::ADD | Opcode::SUB => {
                let value = match third {
                    Operand::Imm16(value) => value.into(),
                    Operand::Immediate(value) => value.into(),
                    Operand::ImmShift(value, shift) => u64::from(value) << shift,
                    other => panic!("no immediate: {other:?}"),
                };
                let base = self.regs[number(second)];
                let sum = if inst.opcode == Opcode::ADD { base.wrapping_add(value) } else { base.wrapping_sub(value) };
                self.regs[number(first)] = sum;
            }
            Opcode::MOVZ | Opcode::MOVN | Opcode::MOVK => {
                let (value, shift) = match second {
                    Operand::ImmShift(value, shift) => (u64::from(value), shift),
                    Operand::Imm16(value) => (value.into(), 0),
                    other => panic!("no immediate: {other:?}"),
                };
                let old = self.regs[number(first)];
                self.regs[number(first)] = match inst.opcode {
                    Opcode::MOVZ => value << shift,
                    Opcode::MOVN => !(value << shift),
                    _ => old & !(0xffff << shift) | value << shift,
                };
            }
            Opcode::BLR => self.regs[31] += pop,
            other => panic!("not an instruction of this test: {other:?} in {inst}"),
        }
    }
}

/// What a byte of the frame is known to hold.
#[derive(Clone, Copy)]
enum Place {
    Slot(i32),
    Local(i32),
    InArg(i32),
}

#[test]
fn random_adjustments_accesses_and_calls() {
    for seed in 0..3000 {
        model(seed);
    }
}

/// A frame with random places and a random stack pointer in random code: what is stored under a name is loaded under it, wherever the stack
/// pointer has moved; arguments that were pushed are where the callee looks for them.
fn model(seed: u64) {
    let mut random = Random(seed);
    let slots = [256, 4096, 40_000, 100_000][random.below(4) as usize];
    let (locals_bytes, saved) = (16 * random.between(0, 4), 16 * random.between(1, 5));
    // Registers saved below the slots, an area for arguments, both or neither.
    let base = 16 * random.between(0, 8);
    let layout = FrameLayout { locals: slots, in_args: slots + locals_bytes + saved, base };
    let (mut asm, mut state) = (assembler(), EmitState::new(&layout));
    let stack = 1 << 19;
    let top = stack - 256;
    let mut machine = Machine { regs: [0; 32], memory: vec![0; stack as usize] };
    // The prologue: the slots are allocated, then the stack pointer goes down further.
    machine.regs[31] = (top - layout.in_args) as u64;
    let mut known: Vec<(Place, i32, u64)> = Vec::new();
    let mut done = 0;
    let run = |asm: &Assembler, machine: &mut Machine, pop: u64, done: &mut usize| {
        for word in &words(asm.code())[*done..] {
            machine.run(*word, pop);
        }
        *done = words(asm.code()).len();
    };
    asm.move_sp(base, &mut state);
    for _ in 0..40 {
        match random.below(8) {
            // A call with arguments on the stack, each from a place in the frame.
            0 => {
                let bytes = 16 * random.between(1, 40);
                asm.move_sp(bytes, &mut state);
                let mut expected = Vec::new();
                for offset in (0..bytes).step_by(8) {
                    if let Some((place, 8, value)) =
                        known.get(random.below(known.len().max(1) as i64) as usize).copied()
                    {
                        asm.emit(&Inst::m(Op::LDR_X, [x(1)], mem(place)), &mut state);
                        asm.emit(&Inst::m(Op::STR_X, [x(1)], Mem::out_arg(offset)), &mut state);
                        expected.push((offset, value));
                    }
                }
                run(&asm, &mut machine, 0, &mut done);
                for (offset, value) in expected {
                    let at = machine.regs[31] as usize + offset as usize;
                    assert_eq!(machine.memory[at..at + 8], value.to_le_bytes(), "seed {seed}: argument {offset}");
                }
                if random.below(2) == 0 {
                    // The callee pops them.
                    asm.r(Op::BLR, x(2));
                    state.popped(bytes);
                    run(&asm, &mut machine, bytes as u64, &mut done);
                } else {
                    asm.r(Op::BLR, x(2));
                    run(&asm, &mut machine, 0, &mut done);
                    asm.move_sp(-bytes, &mut state);
                }
                state.check_block();
            }
            1 if !known.is_empty() => {
                // Real and nominal move together, in either form.
                let bytes = 16 * random.between(1, 400);
                asm.add(SP, SP, -bytes);
                asm.emit(&Inst::r(Op::VIRTUAL_SP_ADJ, []).imm(bytes), &mut state);
                let (place, size, value) = known[random.below(known.len() as i64) as usize];
                check(&mut asm, &mut state, place, size);
                run(&asm, &mut machine, 0, &mut done);
                assert_eq!(machine.regs[4], value, "seed {seed}");
                asm.move_sp(-bytes, &mut state);
            }
            2 | 3 if !known.is_empty() => {
                let (place, size, value) = known[random.below(known.len() as i64) as usize];
                check(&mut asm, &mut state, place, size);
                run(&asm, &mut machine, 0, &mut done);
                assert_eq!(machine.regs[4], value, "seed {seed}");
            }
            _ => {
                let size = random.pick(&[1, 4, 8, 8]);
                let place = match random.below(6) {
                    0 if locals_bytes > 0 => Place::Local(size * random.between(0, i64::from(locals_bytes / size - 1))),
                    1 => Place::InArg(size * random.between(0, i64::from(256 / size - 1))),
                    _ => Place::Slot(size * random.between(0, i64::from(slots / size - 1))),
                };
                let value = random.next() & (u64::MAX >> (64 - 8 * size));
                let at = offset(place, &layout);
                known.retain(|(other, bytes, _)| {
                    let other = offset(*other, &layout);
                    other + bytes <= at || at + size <= other
                });
                asm.constant(x(3), value);
                let op = [Op::STRB, Op::STR_W, Op::STR_X][[1, 4, 8].iter().position(|bytes| *bytes == size).unwrap()];
                asm.emit(&Inst::m(op, [x(3)], mem(place)), &mut state);
                // Constants that are bitmasks are not what this machine runs.
                machine.regs[3] = value;
                done = skip_constant(&asm, done);
                run(&asm, &mut machine, 0, &mut done);
                known.push((place, size, value));
            }
        }
    }
    state.check_block();
    run(&asm, &mut machine, 0, &mut done);
    assert_eq!(machine.regs[31], (top - layout.in_args - base) as u64);
}

/// Past the words that make a constant in `x3`.
fn skip_constant(asm: &Assembler, done: usize) -> usize {
    let words = words(asm.code());
    let makes = |word: &u32| {
        let inst = decode(*word);
        matches!(inst.opcode, Opcode::MOVZ | Opcode::MOVN | Opcode::MOVK | Opcode::ORR)
            && matches!(inst.operands[0], Operand::Register(_, 3) | Operand::RegisterOrSP(_, 3))
    };
    done + words[done..].iter().take_while(|word| makes(word)).count()
}

fn mem(place: Place) -> Mem {
    match place {
        Place::Slot(offset) => Mem::nominal_sp(offset),
        Place::Local(offset) => Mem::local(offset),
        Place::InArg(offset) => Mem::in_arg(offset),
    }
}

fn offset(place: Place, layout: &FrameLayout) -> i32 {
    match place {
        Place::Slot(offset) => offset,
        Place::Local(offset) => layout.locals + offset,
        Place::InArg(offset) => layout.in_args + offset,
    }
}

fn check(asm: &mut Assembler, state: &mut EmitState<'_>, place: Place, size: i32) {
    let op = [Op::LDRB, Op::LDR_W, Op::LDR_X][[1, 4, 8].iter().position(|bytes| *bytes == size).unwrap()];
    asm.emit(&Inst::m(op, [x(4)], mem(place)), state);
    assert_ne!(x(4), ADDRESS_SCRATCH);
}
