//! Stubs for random signatures, from the host through a guest that goes on to a host function, and back; and out of a guest that is stopped.

use crate::common::Random;
use crate::qemu::{CODE, DATA, elf, execute};
use tiercel_abi::vmctx::{func_ref, header, store};
use tiercel_compiler::ir::Type;
use tiercel_compiler::isa::aarch64::abi::CALLEE_REF;
use tiercel_compiler::isa::aarch64::regs::{SP, VMCTX, v, x};
use tiercel_compiler::isa::aarch64::stubs::{self, Callee, Shape};
use tiercel_compiler::isa::aarch64::{Assembler, Cond, Features, Inst, Label, Mem, Op, Size};

const STORE_AT: u64 = DATA;
const VMCTX_AT: u64 = DATA + 0x200;
/// A word that counts stopped guests, then where the stack pointer of the program is kept.
const STOPPED_AT: u64 = DATA + 0x400;
const CASES_AT: u64 = DATA + 0x1000;
/// What a host function changes in each slot.
const MASK: u64 = 0x0000_0000_5aa5_1234;
/// What the store's words are before a call, and have to be after it.
const OUTER: [u64; 2] = [0x1111_0000, 0x2222_0000];

/// How the host function of a case is called, and what it does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Host {
    Slots,
    Registers,
    Stops,
    StopsInRegisters,
}

struct Case {
    shape: Shape,
    host: Host,
    /// What the slots hold before the call.
    slots: Vec<u64>,
    at: u64,
}

impl Case {
    /// Slots of parameters: what lies behind them when a host function is entered is not said.
    fn known(&self) -> usize {
        self.shape.params.iter().map(|&ty| slots_of(ty)).sum()
    }

    /// What the host function leaves in a slot.
    fn left(&self, slot: usize) -> u64 {
        match self.host {
            Host::Registers => MASK,
            _ if slot < self.known() => self.slots[slot] ^ MASK,
            _ => slot as u64,
        }
    }
}

/// Slots of a type.
fn slots_of(ty: Type) -> usize {
    if ty == Type::V128 { 2 } else { 1 }
}

fn random_shape(random: &mut Random, host: Host) -> Shape {
    let types = [Type::I32, Type::I64, Type::F32, Type::F64, Type::V128];
    let list = |random: &mut Random, most: i64, types: &[Type]| -> Vec<Type> {
        (0..random.below(most)).map(|_| random.pick(types)).collect()
    };
    loop {
        let shape = match host {
            Host::Slots | Host::Stops => Shape { params: list(random, 30, &types), results: list(random, 30, &types) },
            _ => Shape { params: list(random, 12, &types[..4]), results: list(random, 2, &types[..4]) },
        };
        if matches!(host, Host::Slots | Host::Stops) || shape.fits_registers() {
            return shape;
        }
    }
}

fn cases() -> Vec<Case> {
    let mut random = Random(7);
    let mut at = CASES_AT;
    let hosts = [Host::Slots, Host::Registers, Host::Stops, Host::StopsInRegisters];
    let mut cases = Vec::new();
    for number in 0..160 {
        let host = hosts[number % hosts.len()];
        let shape = random_shape(&mut random, host);
        let slots = |types: &[Type]| types.iter().map(|&ty| slots_of(ty)).sum::<usize>();
        let mut words = Vec::new();
        for &ty in &shape.params {
            let mask = if matches!(ty, Type::I32 | Type::F32) { 0xffff_ffff } else { u64::MAX };
            (0..slots_of(ty)).for_each(|_| words.push(random.next() & mask));
        }
        // Those of results that are no parameters are zero; one is always there.
        words.resize(slots(&shape.params).max(slots(&shape.results)).max(1), 0);
        let case = Case { shape, host, slots: words, at };
        at += RECORD as u64 + 8 * case.slots.len() as u64;
        cases.push(case);
    }
    cases
}

/// A case's memory: two references to functions of 6 words each, what the stub gave, the registers that a host function got; then the slots.
const RECORD: usize = 8 * (6 + 6 + 1 + 8 + 8);
const HOST_REF: usize = 48;
const GIVEN: usize = 96;
const REGISTERS: usize = 104;

/// The program; gives its code and where each case's guest, stub out of it and host function are.
fn program(cases: &[Case], data_end: u64) -> (Vec<u8>, Vec<[u32; 3]>) {
    let mut asm = Assembler::new(Features::ALL);
    let labels: Vec<[Label; 4]> = cases.iter().map(|_| std::array::from_fn(|_| asm.label())).collect();
    let wrong = asm.label();
    let exit = asm.label();
    let syscall = |asm: &mut Assembler, number: u64| {
        asm.constant(x(8), number);
        asm.words(&[0xd400_0001]);
    };
    asm.constant(x(9), STOPPED_AT);
    asm.copy(x(10), SP);
    asm.rm(Op::STR_X, x(10), Mem::base(x(9), 8));
    for (case, &[entry, ..]) in cases.iter().zip(&labels) {
        // What the platform preserves.
        for number in 19..30 {
            asm.constant(x(number), 0x1234_0000 + u64::from(number));
        }
        for number in 8..16 {
            asm.rr(Op::FMOV_DX, v(number), x(number + 11));
        }
        asm.constant(x(0), case.at);
        asm.constant(x(2), case.at + RECORD as u64);
        asm.call(entry);
        asm.constant(x(9), case.at);
        asm.rm(Op::STR_X, x(0), Mem::base(x(9), GIVEN as i32));
        for number in 8..16 {
            asm.rr(Op::FMOV_XD, x(9), v(number));
            asm.compare(Size::S64, x(9), x(number + 11));
            asm.jcc(Cond::Ne, wrong);
        }
        for number in 19..30 {
            asm.constant(x(9), 0x1234_0000 + u64::from(number));
            asm.compare(Size::S64, x(9), x(number));
            asm.jcc(Cond::Ne, wrong);
        }
        asm.constant(x(9), STOPPED_AT);
        asm.rm(Op::LDR_X, x(9), Mem::base(x(9), 8));
        asm.copy(x(10), SP);
        asm.compare(Size::S64, x(9), x(10));
        asm.jcc(Cond::Ne, wrong);
    }
    // Writes everything out; a pipe may take it in parts.
    let (more, all) = (asm.label(), asm.label());
    asm.constant(x(21), DATA);
    asm.constant(x(22), data_end - DATA);
    asm.bind(more);
    asm.emit_plain(&Inst::to_label(Op::CBZ.s64(), [x(22)], all));
    asm.constant(x(0), 1);
    asm.copy(x(1), x(21));
    asm.copy(x(2), x(22));
    syscall(&mut asm, 64);
    asm.emit_plain(&Inst::r(Op::CMP_I.s64(), [x(0)]).imm(0));
    asm.jcc(Cond::Le, wrong);
    asm.rrr(Op::ADD_S.s64(), x(21), x(21), x(0));
    asm.rrr(Op::SUB_S.s64(), x(22), x(22), x(0));
    asm.jmp(more);
    asm.bind(all);
    asm.constant(x(0), 0);
    syscall(&mut asm, 93);
    asm.bind(wrong);
    asm.constant(x(0), 3);
    syscall(&mut asm, 93);
    // The routine that stopped guests go to, in front of the exit that names its address.
    let routine = CODE + u64::from(asm.offset());
    asm.constant(x(9), STOPPED_AT);
    asm.rm(Op::LDR_X, x(10), Mem::base(x(9), 0));
    asm.add(x(10), x(10), 1);
    asm.rm(Op::STR_X, x(10), Mem::base(x(9), 0));
    asm.op(Op::RET);
    asm.bind(exit);
    let exit_at = CODE + u64::from(asm.label_offset(exit).expect("it is bound"));
    stubs::exit(&mut asm, routine);
    for (case, &[entry, guest, leave, host]) in cases.iter().zip(&labels) {
        asm.bind(entry);
        stubs::entry(&mut asm, &case.shape);
        // The guest goes on to the host function, with all arguments where they are.
        asm.bind(guest);
        asm.rm(Op::LDR_X, VMCTX, Mem::base(CALLEE_REF, 8 * func_ref::VMCTX as i32));
        asm.add(CALLEE_REF, CALLEE_REF, HOST_REF as i32);
        asm.rm(Op::LDR_X, x(16), Mem::base(CALLEE_REF, 8 * func_ref::NATIVE as i32));
        asm.r(Op::BR, x(16));
        asm.bind(leave);
        match case.host {
            Host::Slots | Host::Stops => stubs::leave(&mut asm, &case.shape, Callee::Host, exit_at),
            _ => stubs::leave_in_registers(&mut asm, &case.shape, exit_at),
        }
        asm.bind(host);
        match case.host {
            Host::Slots => {
                asm.constant(x(9), MASK);
                for slot in 0..case.slots.len() {
                    let mem = Mem::base(x(2), 8 * slot as i32);
                    // The upper half of a small value's slot says nothing.
                    let small = case.slots[slot] >> 32 == 0;
                    asm.rm(if small { Op::LDR_W } else { Op::LDR_X }, x(10), mem);
                    match slot < case.known() {
                        true => asm.rrr(Op::EOR_S.s64(), x(10), x(10), x(9)),
                        false => asm.constant(x(10), slot as u64),
                    }
                    asm.rm(Op::STR_X, x(10), mem);
                }
                // The upper bits of a `bool` mean nothing.
                asm.constant(x(0), 0xabcd_0001);
            }
            Host::Stops => asm.constant(x(0), 0xabcd_0000),
            _ => {
                asm.constant(x(9), case.at + REGISTERS as u64);
                for number in 0..8 {
                    asm.rm(Op::STR_X, x(number), Mem::base(x(9), 8 * i32::from(number)));
                    asm.rm(Op::STR_D, v(number), Mem::base(x(9), 64 + 8 * i32::from(number)));
                }
                asm.constant(x(0), MASK);
                asm.constant(x(1), u64::from(case.host == Host::Registers));
            }
        }
        asm.op(Op::RET);
    }
    asm.finish();
    let place = |label: Label| asm.label_offset(label).expect("it is bound");
    let places = labels.iter().map(|&[_, guest, leave, host]| [guest, leave, host].map(place)).collect();
    (asm.code().to_vec(), places)
}

#[test]
#[cfg_attr(not(qemu_aarch64), ignore = "qemu-aarch64 is missing: apt-get install qemu-user")]
fn random_signatures() {
    let cases = cases();
    let last = cases.last().expect("there are cases");
    let end = last.at + RECORD as u64 + 8 * last.slots.len() as u64;
    let (code, places) = program(&cases, end);
    let mut data = vec![0u8; (end - DATA) as usize];
    let mut put = |at: u64, value: u64| data[(at - DATA) as usize..][..8].copy_from_slice(&value.to_le_bytes());
    put(VMCTX_AT + 8 * u64::from(header::STORE), STORE_AT);
    put(STORE_AT + u64::from(store::ENTRY_FP), OUTER[0]);
    put(STORE_AT + u64::from(store::EXIT_FP), OUTER[1]);
    for (case, &[guest, leave, host]) in cases.iter().zip(&places) {
        let field = |number: u32| 8 * u64::from(number);
        put(case.at + field(func_ref::VMCTX), VMCTX_AT);
        put(case.at + field(func_ref::NATIVE), CODE + u64::from(guest));
        let callee = case.at + HOST_REF as u64;
        put(callee + field(func_ref::NATIVE), CODE + u64::from(leave));
        put(callee + field(func_ref::HOST), CODE + u64::from(host));
        put(callee + field(func_ref::IN_REGISTERS), CODE + u64::from(host));
        for (slot, &word) in case.slots.iter().enumerate() {
            put(case.at + (RECORD + 8 * slot) as u64, word);
        }
    }
    let after = execute(&elf(&[(CODE, &code, 5), (DATA, &data, 6)]));
    let word = |at: u64| u64::from_le_bytes(after[(at - DATA) as usize..][..8].try_into().expect("eight bytes"));
    assert_eq!(word(STORE_AT + u64::from(store::ENTRY_FP)), OUTER[0]);
    assert_eq!(word(STORE_AT + u64::from(store::EXIT_FP)), OUTER[1]);
    let stops = cases.iter().filter(|case| matches!(case.host, Host::Stops | Host::StopsInRegisters)).count();
    assert_eq!(word(STOPPED_AT), stops as u64);
    for case in &cases {
        let what = format!("{:?} {:?}", case.host, case.shape);
        let slots: Vec<u64> = (0..case.slots.len()).map(|slot| word(case.at + (RECORD + 8 * slot) as u64)).collect();
        let returned = matches!(case.host, Host::Slots | Host::Registers);
        assert_eq!(word(case.at + GIVEN as u64), u64::from(returned), "{what}");
        // The host function sees the parameters' slots as they were, and the results' become what it leaves there.
        let mut expected = case.slots.clone();
        if returned {
            let mut slot = 0;
            for &ty in &case.shape.results {
                for _ in 0..slots_of(ty) {
                    let left = case.left(slot);
                    // The upper half of a small value's slot says nothing: it may stay as it was.
                    let half = matches!(ty, Type::I32 | Type::F32);
                    let upper = if half { slots[slot] & !0xffff_ffff } else { left & !0xffff_ffff };
                    expected[slot] = upper | left & 0xffff_ffff;
                    slot += 1;
                }
            }
        }
        assert_eq!(slots, expected, "{what}");
        if matches!(case.host, Host::Registers | Host::StopsInRegisters) {
            let (mut ints, mut floats) = (0, 0);
            for (&ty, &value) in case.shape.params.iter().zip(&case.slots) {
                let next = if ty.is_int() { &mut ints } else { &mut floats };
                let at = case.at + (REGISTERS + if ty.is_int() { 0 } else { 64 } + 8 * *next) as u64;
                *next += 1;
                assert_eq!(word(at), value, "{what}");
            }
            let at = case.at + (REGISTERS + 8 * ints) as u64;
            assert_eq!((word(at), word(at + 8)), (case.at + HOST_REF as u64, VMCTX_AT), "{what}");
        }
    }
}
