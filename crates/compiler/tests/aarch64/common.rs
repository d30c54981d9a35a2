//! Emitting instructions and reading them back.

use tiercel_compiler::isa::aarch64::row::{Kind, Operand, Row, Shape};
use tiercel_compiler::isa::aarch64::{Assembler, Cond, Extend, Features, Inst, Mem, Op, Role, Shift, Size, imm, regs};
use tiercel_compiler::isa::reg::Reg;
use yaxpeax_arch::{Decoder, U8Reader};
use yaxpeax_arm::armv8::a64::{InstDecoder, Instruction};

/// Decodes a word.
pub fn decode(word: u32) -> Instruction {
    let bytes = word.to_le_bytes();
    let mut reader = U8Reader::new(&bytes);
    InstDecoder::default().decode(&mut reader).unwrap_or_else(|error| panic!("{word:08x} is no instruction: {error}"))
}

/// The words of code.
pub fn words(code: &[u8]) -> Vec<u32> {
    code.chunks_exact(4).map(|word| u32::from_le_bytes(word.try_into().expect("four bytes"))).collect()
}

/// What the disassembler prints, with numbers in decimal.
pub fn disassembly(word: u32) -> String {
    decimal(&decode(word).to_string())
}

/// The disassembly of code, a line for each word.
pub fn listing(code: &[u8]) -> Vec<String> {
    words(code).into_iter().map(disassembly).collect()
}

/// The same text with hexadecimal numbers in decimal.
pub fn decimal(text: &str) -> String {
    let mut parts = text.split("0x");
    let mut out = parts.next().unwrap_or_default().to_string();
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(part.len());
        out += &u64::from_str_radix(&part[..end], 16).expect("digits").to_string();
        out += &part[end..];
    }
    out
}

/// What our printer says, in the words of the disassembler where it prefers others.
pub fn printed(inst: &Inst) -> String {
    let text = inst.to_string();
    let (op, imm, name) = (inst.op(), inst.immediate(), inst.op().row().name);
    let size = op.operation_size();
    let mask = if size == Size::S64 { u64::MAX } else { 0xffff_ffff };
    let moved = |value: u64| format!("mov {}, #{}", regs::name(inst.reg(0), size.bits()), value & mask);
    let (bits, shift) = ((imm & 0xffff) as u64, 16 * (imm as u32 >> 16));
    match name {
        "MOVZ" => moved(bits << shift),
        "MOVN" if size == Size::S64 || bits != 0xffff => moved(!(bits << shift)),
        "ADR" | "ADRP" => text.replace('#', if imm < 0 { "$" } else { "$+" }),
        // The disassembler knows these by their general form only.
        "BTI_C" => "hint #34".to_string(),
        "BTI_J" => "hint #36".to_string(),
        "BTI_JC" => "hint #38".to_string(),
        "DC_CVAU" => text.replace("dc cvau", "sys #3, c7, c11, #1"),
        "IC_IVAU" => text.replace("ic ivau", "sys #3, c7, c5, #1"),
        "MRS_CTR" => text.replace("ctr_el0", "s3_3_c0_c0_1"),
        "MRS_FPCR" | "MSR_FPCR" => text.replace("fpcr", "s3_3_c4_c4_0"),
        "MRS_FPSR" | "MSR_FPSR" => text.replace("fpsr", "s3_3_c4_c4_1"),
        // An extension of all of the register is a shift; so is, to the disassembler, that of a register of 32 bits.
        _ if name.ends_with("_X") && row_has_extend(inst) => {
            let text = if size == Size::S64 { text.replace("uxtx", "lsl") } else { text };
            text.replace("uxtw", "lsl").trim_end_matches(", lsl").to_string()
        }
        "VUMOV_W" if size == Size::S32 => text.replacen("umov", "mov", 1),
        "VUMOV_X" => text.replacen("umov", "mov", 1),
        "VDUP" => text.replacen("dup", "mov", 1),
        _ => text,
    }
}

fn row_has_extend(inst: &Inst) -> bool {
    inst.op().row().has(Kind::Extend)
}

/// A small random generator (splitmix64): the same numbers in every run.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    pub fn below(&mut self, end: i64) -> i64 {
        (self.next() % end as u64) as i64
    }

    pub fn between(&mut self, first: i64, last: i64) -> i32 {
        (first + self.below(last - first + 1)) as i32
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as i64) as usize]
    }

    pub fn gpr(&mut self) -> Reg {
        regs::x(self.below(31) as u8)
    }
}

/// Rows that have another name where a register is the zero register.
const NO_ZERO: [&str; 29] = [
    "SBC", "SBCC", "MSR_FPCR", "MSR_FPSR", "ADD_S", "ADDC_S", "SUB_S", "SUBC_S", "ADD_X", "SUB_X", "ADDC_X", "SUBC_X",
    "ADDC_I", "SUBC_I", "ORR_S", "ORN_S", "ANDC_S", "ORR_I", "ANDC_I", "MADD", "MSUB", "SMADDL", "UMADDL", "CSINC",
    "CSINV", "CINC", "CINV", "BFI", "BFXIL",
];
/// Rows that have another name where the two registers are the same.
const NO_SAME: [&str; 5] = ["CSINC", "CSINV", "CSNEG", "EXTR", "VORR"];

/// A random instruction of this kind that no other row describes too, with all registers in place. None of rows with targets.
pub fn random_instruction(op: Op, random: &mut Random) -> Inst {
    let row = op.row();
    let mut inst = random_immediates(op, random);
    let (mut slot, mut taken) = (0, Vec::new());
    let mem = row.mem_operand().map(|(operand, _)| random_mem(operand, op, random));
    if let Some(mem) = mem {
        // Registers of the operand in memory go into their slots last.
        let registers = row.mem_operand().expect("it has one").1;
        inst = match registers {
            1 => Inst::m(op, [Reg::NONE], mem),
            2 => Inst::m(op, [Reg::NONE; 2], mem),
            _ => Inst::m(op, [Reg::NONE; 3], mem),
        }
        .imm(inst.immediate());
        taken.extend([mem.base_reg(), mem.index_reg()]);
    }
    for operand in row.operands {
        if operand.kind == Kind::Reg {
            let reg = loop {
                let reg = random_register(operand, row, random);
                let distinct = mem.is_some() || NO_SAME.contains(&row.name);
                if !distinct || !taken.contains(&reg) {
                    break reg;
                }
            };
            taken.push(reg);
            inst.set_reg(slot, reg);
            if operand.role == Role::UseDef {
                inst.set_reg(slot + 1, reg);
            }
        }
        slot += operand.slots();
    }
    inst
}

fn random_register(operand: &Operand, row: &Row, random: &mut Random) -> Reg {
    match operand.shape {
        // Without it, it is an addition.
        Shape::GprSp if row.name == "MOV_SP" && operand.role == Role::Use => regs::SP,
        // The disassembler names extensions as it likes where the other operand is the stack pointer.
        Shape::GprSp if random.below(8) == 0 && row.name.ends_with("_I") => regs::SP,
        Shape::Gpr if random.below(8) == 0 && !NO_ZERO.contains(&row.name) => regs::ZR,
        // The disassembler forgets a bit of the register.
        Shape::Gpr if row.name.starts_with("MSR") => regs::x(random.below(16) as u8),
        Shape::Gpr | Shape::GprSp => random.gpr(),
        _ => regs::v(random.below(32) as u8),
    }
}

fn random_mem(operand: &Operand, op: Op, random: &mut Random) -> Mem {
    let bytes = i64::from(operand.bits_at(op.operation_size()) / 8);
    let base = if random.below(8) == 0 { regs::SP } else { random.gpr() };
    match (operand.kind, random.below(5)) {
        (Kind::MemBase, _) => Mem::base(base, 0),
        (Kind::MemPair, form) => {
            let disp = random.between(-64, 63) * bytes as i32;
            match form {
                0 => Mem::pre(base, disp),
                1 => Mem::post(base, disp),
                _ => Mem::base(base, disp),
            }
        }
        (_, 0) => Mem::pre(base, random.between(-256, 255)),
        (_, 1) => Mem::post(base, random.between(-256, 255)),
        (_, 2) => Mem::base(base, random.between(-256, 255)),
        (_, 3) => Mem::base(base, random.between(0, 4095) * bytes as i32),
        _ => {
            let extend = random.pick(&[Extend::Uxtw, Extend::Uxtx, Extend::Sxtw, Extend::Sxtx]);
            // Scaled by one byte is written in two ways.
            Mem::indexed(base, random.gpr(), extend, bytes > 1 && random.below(2) == 0)
        }
    }
}

fn random_immediates(op: Op, random: &mut Random) -> Inst {
    let (row, size) = (op.row(), op.operation_size());
    let width = i64::from(size.bits());
    let mut inst = Inst::r(op, []);
    for operand in row.operands {
        if matches!(operand.shape, Shape::Lane | Shape::ListLane) {
            let lanes = 128 / width;
            inst = inst.imm(random.between(0, lanes - 1));
            if row.operands.iter().filter(|operand| operand.shape == Shape::Lane).count() == 2 {
                inst = inst.second_imm(random.between(0, lanes - 1));
            }
        }
        let imm = match operand.kind {
            Kind::Shift | Kind::LogicalShift => {
                let shifts = if operand.kind == Kind::Shift { 3 } else { 4 };
                inst = inst.shift(Shift::ALL[random.below(shifts) as usize], random.between(0, width - 1) as u8);
                continue;
            }
            Kind::Extend => {
                inst = inst.extend(random.pick(&Extend::ALL), random.between(0, 4) as u8);
                continue;
            }
            Kind::Cond | Kind::InvertedCond | Kind::BranchCond => {
                inst = inst.cond(random.pick(&Cond::ALL));
                continue;
            }
            Kind::Imm5 => {
                inst = inst.second_imm(random.between(0, 31));
                continue;
            }
            Kind::Imm12 if random.below(2) == 0 => random.between(1, 4095) << 12,
            Kind::Imm12 => random.between(1, 4095),
            Kind::Bitmask => loop {
                let bits = random.below(1 << 13) as u16;
                let Some(value) = imm::decode_bitmask(bits, size) else { continue };
                let canonical = imm::encode_bitmask(value, size).expect("it is a bitmask");
                // What `movz` and `movn` can do is not called a move of a bitmask.
                let simple = |value: u64| (0..4).any(|part| value & !(0xffff << (16 * part)) == 0);
                let inverted = !value & if size == Size::S64 { u64::MAX } else { 0xffff_ffff };
                if row.name != "MOV_MASK" || !(simple(value) || simple(inverted)) {
                    break canonical.into();
                }
            },
            // Zero shifted is zero.
            Kind::Mov16 => random.between(1, 0xffff) | random.between(0, width / 16 - 1) << 16,
            Kind::Lsl => random.between(1, width - 1),
            Kind::Lsr | Kind::Lsb => random.between(0, width - 1),
            Kind::Field | Kind::FieldTo => {
                // A field at the top is a shift; one of 8, 16 or 32 bits at the bottom an extension; nothing to place is to take out.
                let low = random.between(1, width - 2);
                low | random.between(1, width - 1 - i64::from(low)) << 8
            }
            Kind::Nzcv => random.between(0, 15),
            Kind::Imm16 | Kind::Udf => random.between(0, 0xffff),
            Kind::Float8 | Kind::VecFloat8 | Kind::Vec8 | Kind::Vec8Mask => random.between(0, 255),
            Kind::Vec8Lsl => {
                random.between(0, 255) | random.between(0, if row.name.ends_with("8H") { 1 } else { 3 }) << 8
            }
            Kind::Vec8Msl => random.between(0, 255) | random.between(1, 2) << 8,
            Kind::LaneShl => random.between(0, width - 1),
            Kind::LaneShr => random.between(1, width),
            Kind::ByteIndex => random.between(0, 15),
            Kind::Adr | Kind::AdrPage => random.between(-(1 << 20), (1 << 20) - 1),
            _ => continue,
        };
        inst = inst.imm(imm);
    }
    inst
}

/// Emits one instruction, which must be one word.
pub fn emit_one(asm: &mut Assembler, inst: &Inst) -> u32 {
    asm.clear();
    assert_eq!(inst.check(), Ok(()), "{inst:?}");
    asm.emit_plain(inst);
    asm.finish();
    let words = words(asm.code());
    assert_eq!(words.len(), 1, "{inst:?} is one instruction");
    words[0]
}

/// An assembler for a CPU that has everything.
pub fn assembler() -> Assembler {
    Assembler::new(Features::ALL)
}
