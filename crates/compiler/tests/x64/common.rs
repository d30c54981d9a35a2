//! Emitting one instruction and reading it back.

use iced_x86::{Decoder, DecoderOptions, Formatter, Instruction, IntelFormatter, NumberBase};
use tiercel_compiler::isa::reg::Reg;
use tiercel_compiler::isa::x64::row::{Kind, Row};
use tiercel_compiler::isa::x64::{Assembler, Cond, Features, Inst, Mem, Op, Role, Scale, Size, regs};

/// Where the tests pretend the code is.
pub const BASE: u64 = 0x1_0000_0000;

/// Decodes one instruction at the start of `code`, which is at `BASE + offset`.
pub fn decode(code: &[u8], offset: usize) -> Instruction {
    let inst = Decoder::with_ip(64, &code[offset..], BASE + offset as u64, DecoderOptions::NONE).decode();
    assert!(!inst.is_invalid(), "no instruction: {:02x?}", &code[offset..code.len().min(offset + 16)]);
    inst
}

/// Checks single instructions; keeps what is costly to make.
pub struct Judge {
    asm: Assembler,
    formatter: IntelFormatter,
    text: String,
    pub checked: usize,
}

impl Judge {
    pub fn new() -> Judge {
        let mut formatter = IntelFormatter::new();
        let options = formatter.options_mut();
        options.set_space_after_operand_separator(true);
        options.set_number_base(NumberBase::Decimal);
        options.set_memory_size_options(iced_x86::MemorySizeOptions::Always);
        options.set_use_pseudo_ops(false);
        Judge { asm: Assembler::new(Features::ALL), formatter, text: String::new(), checked: 0 }
    }

    /// What the disassembler calls an instruction of this row.
    pub fn disassembly(&mut self, inst: &Instruction, row: &Row) -> &str {
        let byte = row.operands.iter().any(|operand| operand.kind == Kind::Imm8);
        self.formatter.options_mut().set_signed_immediate_operands(!byte);
        self.text.clear();
        self.formatter.format(inst, &mut self.text);
        &self.text
    }

    /// Emits an instruction; its bytes must be one instruction that reads as our printer prints it.
    pub fn check(&mut self, inst: &Inst) -> Instruction {
        self.asm.clear();
        self.asm.emit(inst);
        self.asm.finish();
        let decoded = decode(self.asm.code(), 0);
        let bytes = self.asm.code().to_vec();
        assert_eq!(decoded.len(), bytes.len(), "{inst:?} as {bytes:02x?} has bytes left over");
        let text = self.disassembly(&decoded, inst.op().row());
        assert_eq!(text, printed(inst), "{inst:?} as {bytes:02x?}");
        self.checked += 1;
        decoded
    }
}

/// What our printer says. The disassembler leaves out the segment of an address that is only computed.
pub fn printed(inst: &Inst) -> String {
    let text = inst.to_string();
    if matches!(inst.op().row().name, "LEA") { text.replace("gs:", "") } else { text }
}

/// The explicit register operands of an instruction, as groups of slots that get one register: `(class is vector, slots)`. A `ud` operand is one
/// group in two-operand notation, two groups in an AVX twin. With memory, the operand that is memory is left out.
pub fn register_groups(op: Op, memory: bool) -> Vec<Vec<usize>> {
    let mut groups = Vec::new();
    let mut slot = 0;
    for operand in op.row().operands {
        let in_memory = operand.kind == Kind::Mem || (operand.kind == Kind::RegMem && memory);
        if operand.has_slots() && operand.fixed.is_none() && !in_memory {
            match (operand.role, op.is_twin()) {
                (Role::UseDef, false) => groups.push(vec![slot, slot + 1]),
                (Role::UseDef, true) => groups.extend([vec![slot], vec![slot + 1]]),
                _ => groups.push(vec![slot]),
            }
        }
        slot += operand.slots();
    }
    groups
}

/// Puts a register number into every slot of a group, in the class that the slot's operand has.
pub fn fill(inst: &mut Inst, groups: &[Vec<usize>], numbers: &[u8]) {
    for (group, number) in groups.iter().zip(numbers) {
        for slot in group {
            let class = class_of_slot(inst.op(), *slot);
            inst.set_reg(*slot, Reg::physical(class, *number));
        }
    }
}

fn class_of_slot(op: Op, wanted: usize) -> tiercel_compiler::isa::reg::RegClass {
    let mut slot = 0;
    for operand in op.row().operands {
        if (slot..slot + operand.slots()).contains(&wanted) {
            return operand.class;
        }
        slot += operand.slots();
    }
    panic!("{op:?} has no slot {wanted}");
}

/// An instruction of this kind without registers, or with memory and no other registers; fixed ones are in place.
pub fn template(op: Op, mem: Option<Mem>) -> Inst {
    match mem {
        Some(mem) => Inst::m(op, [], mem),
        None => Inst::r(op, []),
    }
    .with_fixed()
}

/// Whether the row can have registers only, or memory.
pub fn forms(op: Op) -> (bool, bool) {
    match op.row().mem_operand() {
        None => (true, false),
        Some((operand, _)) => (operand.kind != Kind::Mem, true),
    }
}

/// Whether it is a jump or call to a target, which other tests are about.
pub fn has_target(op: Op) -> bool {
    op.row().operands.iter().any(|operand| matches!(operand.kind, Kind::Target | Kind::ShortTarget))
}

/// Variants of an instruction with the immediates and conditions that its row has room for; the one given, if it has none.
pub fn variants(inst: Inst) -> Vec<Inst> {
    let row = inst.op().row();
    if row.operands.iter().any(|operand| operand.kind == Kind::Cond) {
        return Cond::ALL.iter().map(|cond| inst.cond(*cond)).collect();
    }
    for operand in row.operands {
        match operand.kind {
            Kind::Imm8 => return [1, 0, 31, 63, 127, 128, 255].iter().map(|imm| inst.imm(*imm)).collect(),
            Kind::Imm64 => {
                let values = [1, 0, -1, i64::MIN, i64::MAX, 0x1_0000_0000, -0x8000_0001, 0x1234_5678_9abc_def0];
                return values.iter().map(|imm| inst.imm64(*imm)).collect();
            }
            Kind::Imm => {
                let limits: &[i32] = match inst.op().operation_size() {
                    Size::S8 => &[-128, 127],
                    Size::S16 => &[-128, 127, 128, -129, -32768, 32767],
                    Size::S32 | Size::S64 => &[-128, 127, 128, -129, 255, 65536, i32::MIN, i32::MAX],
                };
                return [1, 0, -1].iter().chain(limits).map(|imm| inst.imm(*imm)).collect();
            }
            _ => {}
        }
    }
    vec![inst]
}

/// Every combination of base, index, scale and displacement that means something.
pub fn every_address() -> Vec<Mem> {
    let mut addresses = vec![Mem::absolute(0), Mem::absolute(1), Mem::absolute(i32::MIN), Mem::absolute(i32::MAX)];
    let gprs: Vec<Reg> = regs::ALL.iter().take(16).collect();
    for disp in [0, 1, -1, 127, 128, -128, -129, i32::MAX, i32::MIN] {
        for base in &gprs {
            addresses.push(Mem::base(*base, disp));
            for index in gprs.iter().filter(|index| **index != regs::RSP) {
                addresses.extend(Scale::ALL.map(|scale| Mem::indexed(*base, *index, scale, disp)));
            }
        }
        for index in gprs.iter().filter(|index| **index != regs::RSP) {
            addresses.extend(Scale::ALL.map(|scale| Mem::scaled(*index, scale, disp)));
        }
    }
    addresses
}

/// A few addresses with every special case of the encoding.
pub fn some_addresses() -> Vec<Mem> {
    use regs::*;
    vec![
        Mem::base(RAX, 0),
        Mem::base(RSP, 0),
        Mem::base(RSP, 127),
        Mem::base(RBP, 0),
        Mem::base(RBP, 128),
        Mem::base(RDI, -128),
        Mem::base(R12, 0),
        Mem::base(R12, -129),
        Mem::base(R13, 0),
        Mem::base(R13, 1),
        Mem::base(R15, i32::MAX),
        Mem::indexed(RAX, RCX, Scale::One, 0),
        Mem::indexed(RBP, R12, Scale::Two, 0),
        Mem::indexed(R13, RBP, Scale::Four, 0),
        Mem::indexed(RSP, R15, Scale::Eight, 16),
        Mem::indexed(R12, R13, Scale::One, i32::MIN),
        Mem::scaled(RBP, Scale::Four, 0),
        Mem::scaled(R12, Scale::Eight, 8),
        Mem::absolute(64),
        Mem::base(RBX, 8).gs(),
        Mem::absolute(64).gs(),
        Mem::indexed(RSI, R9, Scale::Two, 40).gs().addr32(),
        Mem::base(RDX, 0).gs().addr32(),
        Mem::base(R13, 0).addr32(),
    ]
}

/// A small random generator (splitmix64): the same numbers in every run.
pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ z >> 31) % end as u64) as usize
    }
}
