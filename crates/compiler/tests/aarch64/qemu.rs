//! Compiled code run by `qemu-aarch64`: a static program of the code, a stub that calls function after function, and data. Without that program
//! the tests say so and check nothing.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::process::Command;

use tiercel_abi::heap::{kind, ty};
use tiercel_abi::vmctx::{header, store};
use tiercel_compiler::ir::Builtin;
use tiercel_compiler::ir::machine::layout_of;
use tiercel_compiler::isa::aarch64::regs::{LR, MEMORY_BASE, SP, VMCTX, v, x};
use tiercel_compiler::isa::aarch64::{Assembler, Cond, Features, Inst, Mem, Op, Size};
use tiercel_wasm::{CompositeType, TypeDef};

use crate::compile::{Module, Options, link};

/// A call: the function's index, the bits of each argument.
pub struct Case {
    pub func: usize,
    pub args: Vec<u128>,
}

/// How a call ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The contents of the registers of results, integers and vectors.
    Results([u64; 8], [u128; 8]),
    /// The trap's number.
    Trap(u16),
    /// An access to memory that is not there.
    Fault,
}

pub const CODE: u64 = 0x40_0000;
pub const DATA: u64 = 0x0200_0000;
/// Where compiled code is, behind the stub.
const IMAGE: u64 = CODE + 0x1_0000;
const MEMORY: u64 = 0x20_0000_0000;
const STACK_AREA: u64 = 0x100;
const VMCTX_AT: u64 = DATA + 0x1000;
const STORE_AT: u64 = DATA + 0x200;
/// The memory's base and length, as a `VmMemory` starts.
const MEMORY_AT: u64 = DATA + 0x400;
const BUILTINS_AT: u64 = DATA + 0x800;
const HEAP_BYTES: u64 = 0x4000;
const CASE_BYTES: usize = 16 + 8 * 8 + 8 * 16;
const STATUS_FAULT: u64 = 1 << 32;

/// Runs the cases, one after another, on one instance; gives how each ended and the memory afterwards.
pub fn run(
    module: &Module,
    globals: &[u128],
    memory: &[u8],
    cases: &[Case],
    options: Options,
) -> (Vec<Outcome>, Vec<u8>) {
    let (image, entries) = link(module, options);
    let layout = layout_of(&module.info);
    let mut vmctx = vec![0u8; layout.size() as usize];
    let mut put = |at: usize, value: u64| vmctx[at..at + 8].copy_from_slice(&value.to_le_bytes());
    put(header::STORE as usize * 8, STORE_AT);
    put(header::MEMORY0_BASE as usize * 8, MEMORY);
    if !module.info.memories.is_empty() {
        put(layout.memory(0) as usize, MEMORY_AT);
    }
    put(header::BUILTINS as usize * 8, BUILTINS_AT);
    for (index, value) in globals.iter().enumerate() {
        let at = layout.own_global(index as u32) as usize;
        vmctx[at..at + 16].copy_from_slice(&value.to_le_bytes());
    }
    for (index, def) in module.info.type_defs.iter().enumerate() {
        let id = def.lineage[def.depth()].as_u32();
        vmctx[layout.type_id(index as u32) as usize..][..4].copy_from_slice(&id.to_le_bytes());
    }
    let types_at = (VMCTX_AT + vmctx.len() as u64).next_multiple_of(4096);
    let types = types(&module.info.type_defs, types_at);
    let heap_at = (types_at + types.len() as u64).next_multiple_of(4096);
    let cases_at = heap_at + HEAP_BYTES;
    let memory_from = (cases_at + (cases.len() * CASE_BYTES) as u64).next_multiple_of(16);
    let Stub { text: stub, raise, new_object } =
        stub(cases_at, cases.len(), memory_from, memory.len(), image.len(), options);
    assert!(stub.len() as u64 <= IMAGE - CODE);
    let mut data = vec![0u8; (VMCTX_AT - DATA) as usize];
    let mut put = |at: u64, value: u64| data[(at - DATA) as usize..][..8].copy_from_slice(&value.to_le_bytes());
    put(MEMORY_AT, MEMORY);
    put(MEMORY_AT + 8, memory.len() as u64);
    // The first object finds no room.
    for (field, value) in [
        (store::GC_BASE, heap_at),
        (store::GC_NEXT, 8),
        (store::GC_LIMIT, 8),
        (store::GC_TYPES, types_at),
        (store::RAISE, raise),
    ] {
        put(STORE_AT + u64::from(field), value);
    }
    (0..Builtin::ALL.len() as u64).for_each(|place| put(BUILTINS_AT + 8 * place, new_object));
    data.extend_from_slice(&vmctx);
    data.resize((types_at - DATA) as usize, 0);
    data.extend_from_slice(&types);
    data.resize((cases_at - DATA) as usize, 0);
    for case in cases {
        let mut record = vec![0u8; CASE_BYTES];
        record[..8].copy_from_slice(&(IMAGE + entries[case.func] as u64).to_le_bytes());
        let (mut ints, mut vectors) = (0, 0);
        let params = module.info.func_type(case.func as u32).params();
        for (ty, bits) in params.iter().zip(&case.args) {
            if tiercel_compiler::ir::Type::from(*ty).is_int() {
                record[16 + 8 * ints..][..8].copy_from_slice(&(*bits as u64).to_le_bytes());
                ints += 1;
            } else {
                record[80 + 16 * vectors..][..16].copy_from_slice(&bits.to_le_bytes());
                vectors += 1;
            }
        }
        assert!(ints <= 8 && vectors <= 8, "arguments of tests are in registers");
        data.extend_from_slice(&record);
    }
    data.resize((memory_from - DATA) as usize, 0);
    data.extend_from_slice(memory);
    let mut text = stub;
    text.resize((IMAGE - CODE) as usize, 0);
    text.extend_from_slice(&image);
    let output = execute(&elf(&[(CODE, &text, 5), (DATA, &data, 6)]));
    let expected = cases.len() * CASE_BYTES + memory.len();
    assert_eq!(output.len(), expected, "the program wrote {} bytes", output.len());
    let (records, memory) = output.split_at(cases.len() * CASE_BYTES);
    let outcomes = records.chunks_exact(CASE_BYTES).map(|record| {
        let word = |at: usize| u64::from_le_bytes(record[at..at + 8].try_into().expect("eight bytes"));
        match word(8) {
            0 => Outcome::Results(
                std::array::from_fn(|index| word(16 + 8 * index)),
                std::array::from_fn(|index| {
                    u128::from(word(80 + 16 * index)) | u128::from(word(88 + 16 * index)) << 64
                }),
            ),
            status if status & STATUS_FAULT != 0 => Outcome::Fault,
            status => Outcome::Trap(status as u16),
        }
    });
    (outcomes.collect(), memory.to_vec())
}

/// A store's table of types: entries by number, then lineages.
fn types(defs: &[TypeDef], at: u64) -> Vec<u8> {
    let number = |def: &TypeDef| def.lineage[def.depth()].as_u32() as usize;
    let entries = defs.iter().map(|def| number(def) + 1).max().unwrap_or(0);
    let mut table = vec![0u8; entries * ty::BYTES as usize];
    for def in defs {
        let entry = number(def) * ty::BYTES as usize;
        let kind = match def.ty.composite {
            CompositeType::Struct(_) => kind::STRUCT,
            CompositeType::Array(_) => kind::ARRAY,
            CompositeType::Func(_) => kind::NONE,
        };
        let lineage = at + table.len() as u64;
        table[entry + ty::LINEAGE as usize..][..8].copy_from_slice(&lineage.to_le_bytes());
        table[entry + ty::LINEAGE_LEN as usize..][..4].copy_from_slice(&(def.lineage.len() as u32).to_le_bytes());
        table[entry + ty::KIND as usize..][..4].copy_from_slice(&kind.to_le_bytes());
        def.lineage.iter().for_each(|id| table.extend(id.as_u32().to_le_bytes()));
    }
    table
}

/// What calls compiled code, and what that calls.
struct Stub {
    text: Vec<u8>,
    /// Where `VmStore::raise` and the routine for new objects are.
    raise: u64,
    new_object: u64,
}

/// Calls every case, catches signals (unless traps are to be calls), writes everything out and ends.
fn stub(
    cases_at: u64,
    cases: usize,
    memory_from: u64,
    memory_bytes: usize,
    image_bytes: usize,
    options: Options,
) -> Stub {
    let mut asm = Assembler::new(Features::ALL);
    let (handler, next, again, done, fault, caught) =
        (asm.label(), asm.label(), asm.label(), asm.label(), asm.label(), asm.label());
    let syscall = |asm: &mut Assembler, number: u64| {
        asm.constant(x(8), number);
        asm.words(&[0xd400_0001]);
    };
    // Handlers: without a mask, for each signal again, on the same stack.
    let action = DATA + STACK_AREA;
    asm.constant(x(9), action);
    asm.emit_plain(&Inst::m(Op::LEA, [x(10)], Mem::label(handler)));
    asm.rm(Op::STR_X, x(10), Mem::base(x(9), 0));
    asm.constant(x(10), 0x4000_0004);
    asm.rm(Op::STR_X, x(10), Mem::base(x(9), 8));
    for signal in [4, 11, 7].into_iter().filter(|_| !options.explicit) {
        asm.constant(x(0), signal);
        asm.constant(x(1), action);
        asm.constant(x(2), 0);
        asm.constant(x(3), 8);
        syscall(&mut asm, 134);
    }
    if options.guarded || options.protection.has_pads() {
        // PROT_READ, PROT_EXEC and PROT_BTI: jumps to registers have to find a landing pad.
        for (register, argument) in [(0, IMAGE), (1, image_bytes as u64), (2, 0x15)] {
            asm.constant(x(register), argument);
        }
        syscall(&mut asm, 226);
        let guarded = asm.label();
        asm.emit_plain(&Inst::to_label(Op::CBZ.s64(), [x(0)], guarded));
        asm.emit_plain(&Inst::r(Op::UDF, []).imm(0));
        asm.bind(guarded);
    }
    if memory_bytes != 0 {
        // The memory far from everything else, so that what lies beyond it is not there: private, anonymous, at this address.
        let arguments = [MEMORY, memory_bytes as u64, 3, 0x32, u64::MAX, 0];
        arguments.iter().enumerate().for_each(|(index, argument)| asm.constant(x(index as u8), *argument));
        syscall(&mut asm, 222);
        let copy = asm.label();
        asm.constant(x(9), memory_from);
        asm.constant(x(11), MEMORY + memory_bytes as u64);
        asm.bind(copy);
        asm.rm(Op::LDR_Q, v(0), Mem::post(x(9), 16));
        asm.rm(Op::STR_Q, v(0), Mem::post(x(0), 16));
        asm.compare(Size::S64, x(0), x(11));
        asm.jcc(Cond::Ne, copy);
    }
    asm.constant(VMCTX, VMCTX_AT);
    asm.constant(MEMORY_BASE, MEMORY);
    asm.constant(x(19), cases_at);
    // Where the case and the stack are, for the handler.
    asm.constant(x(20), DATA);
    asm.copy(x(9), SP);
    asm.rm(Op::STR_X, x(9), Mem::base(x(20), 8));
    asm.bind(again);
    asm.constant(x(20), DATA);
    asm.rm(Op::STR_X, x(19), Mem::base(x(20), 0));
    for pair in 0..4 {
        asm.rrm(Op::LDP_X, x(2 * pair), x(2 * pair + 1), Mem::base(x(19), 16 + 16 * i32::from(pair)));
        asm.rrm(Op::LDP_Q, v(2 * pair), v(2 * pair + 1), Mem::base(x(19), 80 + 32 * i32::from(pair)));
    }
    // What a function has to preserve.
    for (index, reg) in (21..27).enumerate() {
        asm.constant(x(reg), 0x1111 * (index as u64 + 1));
    }
    asm.rm(Op::LDR_X, x(16), Mem::base(x(19), 0));
    asm.r(Op::BLR, x(16));
    for pair in 0..4 {
        asm.rrm(Op::STP_X, x(2 * pair), x(2 * pair + 1), Mem::base(x(19), 16 + 16 * i32::from(pair)));
        asm.rrm(Op::STP_Q, v(2 * pair), v(2 * pair + 1), Mem::base(x(19), 80 + 32 * i32::from(pair)));
    }
    let wrong = asm.label();
    for (index, reg) in (21..27).enumerate() {
        asm.constant(x(9), 0x1111 * (index as u64 + 1));
        asm.compare(Size::S64, x(reg), x(9));
        asm.jcc(Cond::Ne, wrong);
    }
    asm.rm(Op::LDR_X, x(9), Mem::base(x(20), 8));
    asm.copy(x(10), SP);
    asm.compare(Size::S64, x(9), x(10));
    asm.jcc(Cond::Ne, wrong);
    asm.bind(next);
    asm.add(x(19), x(19), CASE_BYTES as i32);
    asm.constant(x(9), cases_at + (cases * CASE_BYTES) as u64);
    asm.compare(Size::S64, x(19), x(9));
    asm.jcc(Cond::Ne, again);
    for (from, len) in [(cases_at, cases * CASE_BYTES), (MEMORY, memory_bytes)] {
        // A pipe takes so much at once as it likes.
        let (more, all) = (asm.label(), asm.label());
        asm.constant(x(21), from);
        asm.constant(x(22), len as u64);
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
    }
    asm.constant(x(0), 0);
    asm.jmp(done);
    asm.bind(wrong);
    asm.constant(x(0), 3);
    asm.bind(done);
    syscall(&mut asm, 93);
    // In the handler: x0 is the signal, x1 the information, with the address of the instruction at 16.
    asm.bind(handler);
    asm.constant(x(20), DATA);
    asm.rm(Op::LDR_X, x(19), Mem::base(x(20), 0));
    asm.rm(Op::LDR_X, x(9), Mem::base(x(20), 8));
    asm.emit_plain(&Inst::r(Op::CMP_I.s64(), [x(0)]).imm(4));
    asm.jcc(Cond::Ne, fault);
    asm.rm(Op::LDR_X, x(10), Mem::base(x(1), 16));
    asm.rm(Op::LDR_W, x(10), Mem::base(x(10), 0));
    asm.jmp(caught);
    asm.bind(fault);
    asm.constant(x(10), STATUS_FAULT);
    asm.bind(caught);
    asm.copy(SP, x(9));
    asm.rm(Op::STR_X, x(10), Mem::base(x(19), 8));
    asm.constant(VMCTX, VMCTX_AT);
    asm.constant(MEMORY_BASE, MEMORY);
    asm.jmp(next);
    // The code that traps is a word at the return address.
    let raise = asm.label();
    asm.bind(raise);
    asm.constant(x(20), DATA);
    asm.rm(Op::LDR_X, x(19), Mem::base(x(20), 0));
    asm.rm(Op::LDR_X, x(9), Mem::base(x(20), 8));
    asm.rm(Op::LDR_W, x(10), Mem::base(LR, 0));
    asm.jmp(caught);
    // Makes room on the heap: vmctx, type, bytes. Whatever a call may destroy is destroyed.
    let new_object = asm.label();
    asm.bind(new_object);
    asm.rm(Op::LDR_X, x(9), Mem::base(x(0), (header::STORE * 8) as i32));
    asm.constant(x(10), HEAP_BYTES);
    asm.rm(Op::STR_X, x(10), Mem::base(x(9), store::GC_LIMIT as i32));
    asm.rm(Op::LDR_X, x(0), Mem::base(x(9), store::GC_NEXT as i32));
    asm.rrr(Op::ADD_S.s64(), x(10), x(0), x(2));
    asm.rm(Op::STR_X, x(10), Mem::base(x(9), store::GC_NEXT as i32));
    asm.rm(Op::LDR_X, x(10), Mem::base(x(9), store::GC_BASE as i32));
    asm.rrr(Op::ADD_S.s64(), x(10), x(10), x(0));
    asm.rm(Op::STR_W, x(1), Mem::base(x(10), 0));
    (2..18).for_each(|number| asm.constant(x(number), 0x5a5a_5a5a_5a5a));
    asm.constant(x(1), 0);
    asm.op(Op::RET);
    asm.finish();
    let at = |label| CODE + u64::from(asm.label_offset(label).expect("it is bound"));
    Stub { raise: at(raise), new_object: at(new_object), text: asm.code().to_vec() }
}

/// A static program with these segments: address, bytes, permissions.
pub fn elf(segments: &[(u64, &[u8], u32)]) -> Vec<u8> {
    let segments: Vec<_> = segments.iter().filter(|(_, bytes, _)| !bytes.is_empty()).collect();
    let mut file = Vec::new();
    file.extend_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    file.extend_from_slice(&2u16.to_le_bytes());
    file.extend_from_slice(&183u16.to_le_bytes());
    file.extend_from_slice(&1u32.to_le_bytes());
    file.extend_from_slice(&CODE.to_le_bytes());
    file.extend_from_slice(&64u64.to_le_bytes());
    file.extend_from_slice(&0u64.to_le_bytes());
    file.extend_from_slice(&0u32.to_le_bytes());
    for half in [64u16, 56, segments.len() as u16, 0, 0, 0] {
        file.extend_from_slice(&half.to_le_bytes());
    }
    let mut offset = 4096;
    for (address, bytes, flags) in &segments {
        file.extend_from_slice(&1u32.to_le_bytes());
        file.extend_from_slice(&flags.to_le_bytes());
        let len = bytes.len() as u64;
        for word in [offset, *address, *address, len, len, 4096] {
            file.extend_from_slice(&word.to_le_bytes());
        }
        offset += len.next_multiple_of(4096);
    }
    for (_, bytes, _) in &segments {
        file.resize(file.len().next_multiple_of(4096), 0);
        file.extend_from_slice(bytes);
    }
    file
}

pub fn execute(program: &[u8]) -> Vec<u8> {
    let name = format!("tiercel-aarch64-{}-{:?}", std::process::id(), std::thread::current().id());
    let path = std::env::temp_dir().join(name.replace(['(', ')'], ""));
    let mut options = std::fs::OpenOptions::new();
    options.create(true).truncate(true).write(true).mode(0o755);
    options.open(&path).and_then(|mut file| file.write_all(program)).expect("the program is written");
    let output = Command::new("qemu-aarch64").arg(&path).output().expect("it runs");
    std::fs::remove_file(&path).expect("it is there");
    assert!(output.status.success(), "{}: {}", output.status, String::from_utf8_lossy(&output.stderr));
    output.stdout
}
