//! What a row of the instruction table says, and the small language it is written in.
//!
//! A row is one encoding: mnemonic, operands in Intel order, where each goes (Intel's "Op/En" letters), opcode, widths, CPU feature.
//! - **Operands**: `d` defines, `u` uses, `ud` does both; `G` is a general register of the instruction's width, `G32` of 32 bits, `GM` a
//!   register or memory, `M` memory, `X` a vector register, `XM64` a vector register or 64 bits of memory. Immediates stand alone.
//! - **Places**, a letter for each explicit register or memory operand: `R` ModRM.reg, `M` ModRM.rm, `V` VEX.vvvv, `O` low opcode bits, `4` the
//!   top of an immediate byte.
//! - **Encoding**: `op`, `op0f`, `op38`, `op3a` start it and name the opcode map; methods add the rest.
//!
//! # Slots
//! Registers of an instruction live in five slots, filled in operand order. A `ud` operand takes two, destination then source; an operand
//! that may be memory takes two, base then index (a register goes into the first, or as `ud` into both); others take one.
//!
//! # SSE and AVX
//! A row marked [`Encoding::vex`] is two instructions: the SSE one, where destination and first source of a `ud` operand must be the same
//! register, and its AVX twin with `v` before the name, where they need not be. [`Op::vex`] picks the twin.

use super::encode::Recipe;
use super::features::Features;
pub use crate::isa::reg::Role;
use crate::isa::reg::{Reg, RegClass};

/// Width of an integer operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u8)]
pub enum Size {
    /// 8 bits.
    S8,
    /// 16 bits.
    S16,
    /// 32 bits; a written register has its upper half zeroed.
    S32,
    /// 64 bits.
    S64,
}

impl Size {
    /// All of them, ascending.
    pub const ALL: [Size; 4] = [Size::S8, Size::S16, Size::S32, Size::S64];

    /// Its width.
    pub const fn bits(self) -> u16 {
        8 << self as u16
    }
}

/// Condition of a jump, `setcc` or `cmovcc`; the value is its number in the opcode.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u8)]
#[rustfmt::skip]
pub enum Cond {
    /// Overflow.
    O,
    /// No overflow.
    No,
    /// Unsigned less (carry).
    B,
    /// Unsigned greater or equal (no carry).
    Ae,
    /// Equal (zero).
    E,
    /// Not equal.
    Ne,
    /// Unsigned less or equal.
    Be,
    /// Unsigned greater.
    A,
    /// Negative.
    S,
    /// Not negative.
    Ns,
    /// Parity even: after a float comparison, unordered.
    P,
    /// Parity odd: after a float comparison, ordered.
    Np,
    /// Signed less.
    L,
    /// Signed greater or equal.
    Ge,
    /// Signed less or equal.
    Le,
    /// Signed greater.
    G,
}

impl Cond {
    /// All of them, by number.
    #[rustfmt::skip]
    pub const ALL: [Cond; 16] = [
        Cond::O, Cond::No, Cond::B, Cond::Ae, Cond::E, Cond::Ne, Cond::Be, Cond::A,
        Cond::S, Cond::Ns, Cond::P, Cond::Np, Cond::L, Cond::Ge, Cond::Le, Cond::G,
    ];

    /// The condition with this number modulo 16.
    #[inline]
    pub const fn from_number(number: u8) -> Cond {
        Cond::ALL[(number & 15) as usize]
    }

    /// The condition that holds when this one does not.
    #[inline]
    pub const fn negate(self) -> Cond {
        Cond::from_number(self as u8 ^ 1)
    }

    /// The condition on `b, a` that holds when this one does on `a, b`. Signs, overflow and parity have none.
    pub const fn swap(self) -> Option<Cond> {
        Some(match self {
            Cond::E | Cond::Ne => self,
            Cond::B => Cond::A,
            Cond::A => Cond::B,
            Cond::Ae => Cond::Be,
            Cond::Be => Cond::Ae,
            Cond::L => Cond::G,
            Cond::G => Cond::L,
            Cond::Ge => Cond::Le,
            Cond::Le => Cond::Ge,
            Cond::O | Cond::No | Cond::S | Cond::Ns | Cond::P | Cond::Np => return None,
        })
    }

    /// The suffix of mnemonics.
    pub const fn name(self) -> &'static str {
        const NAMES: [&str; 16] =
            ["o", "no", "b", "ae", "e", "ne", "be", "a", "s", "ns", "p", "np", "l", "ge", "le", "g"];
        NAMES[self as usize]
    }
}

/// An instruction of the table with everything that picks its encoding: AVX twin (bit 0), width (1-2), row (3-15).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Op(pub(super) u16);

const OP_TWIN: u16 = 1;
const OP_SIZE_SHIFT: u32 = 1;
const OP_ROW_SHIFT: u32 = 3;
/// Numbers that an [`Op`] of one row can have.
pub(super) const OPS_PER_ROW: usize = 1 << OP_ROW_SHIFT;

/// A row whose operands have the width of the operation: give it one to have an [`Op`]. Nothing can be encoded without.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SizedOp(pub(super) u16);

impl SizedOp {
    pub(super) const fn of_row(row: u16) -> SizedOp {
        SizedOp(row)
    }

    /// The instruction of this width. Not every row has every width: see [`Row::sizes`].
    #[inline]
    pub const fn size(self, size: Size) -> Op {
        let op = Op::of(self.0, size);
        debug_assert!(op.row().sizes & 1 << size as u8 != 0, "the row has no such width");
        op
    }

    /// The 32-bit instruction.
    #[inline]
    pub const fn s32(self) -> Op {
        self.size(Size::S32)
    }

    /// The 64-bit instruction.
    #[inline]
    pub const fn s64(self) -> Op {
        self.size(Size::S64)
    }
}

impl Op {
    pub(super) const fn of(row: u16, size: Size) -> Op {
        Op(row << OP_ROW_SHIFT | (size as u16) << OP_SIZE_SHIFT)
    }

    pub(super) const fn of_row(row: u16) -> Op {
        Op::of(row, Size::S64)
    }

    /// The row with all that is known about it.
    #[inline]
    pub const fn row(self) -> &'static Row {
        &super::insts::ROWS[(self.0 >> OP_ROW_SHIFT) as usize]
    }

    /// How it is encoded.
    #[inline]
    pub(super) const fn encoding(self) -> &'static Encoding {
        &super::insts::ENCODINGS[(self.0 >> OP_ROW_SHIFT) as usize]
    }

    /// The part of it that the encoder reads.
    #[inline(always)]
    pub(super) const fn recipe(self) -> &'static Recipe {
        &super::encode::RECIPES[self.0 as usize]
    }

    /// The width it was given; of no meaning for rows that fix theirs.
    #[inline]
    pub const fn operation_size(self) -> Size {
        match self.0 >> OP_SIZE_SHIFT & 3 {
            0 => Size::S8,
            1 => Size::S16,
            2 => Size::S32,
            _ => Size::S64,
        }
    }

    /// Whether it is an SSE instruction with an AVX twin.
    #[inline(always)]
    pub const fn has_twin(self) -> bool {
        self.encoding().flags & VEX_TWIN != 0 && !self.is_twin()
    }

    /// The AVX twin. Panics in debug builds where there is none.
    #[inline]
    pub const fn vex(self) -> Op {
        debug_assert!(self.encoding().flags & VEX_TWIN != 0, "no AVX form");
        Op(self.0 | OP_TWIN)
    }

    /// The AVX twin where there is one and the CPU has AVX; else the same instruction.
    #[inline]
    pub const fn for_cpu(self, features: Features) -> Op {
        if self.has_twin() && features.contains(Features::AVX) { self.vex() } else { self }
    }

    /// Whether it is encoded with a VEX prefix.
    #[inline]
    pub const fn is_vex(self) -> bool {
        self.0 & OP_TWIN != 0 || self.encoding().flags & VEX_ONLY != 0
    }

    /// Whether it is the AVX twin of an SSE instruction.
    #[inline]
    pub const fn is_twin(self) -> bool {
        self.0 & OP_TWIN != 0
    }

    /// What the CPU must have.
    pub const fn feature(self) -> Features {
        if self.is_twin() { Features::AVX } else { self.row().feature }
    }

    /// Whether it sets flags (or leaves some of them undefined).
    #[inline]
    pub const fn writes_flags(self) -> bool {
        self.encoding().flags & WRITES_FLAGS != 0
    }

    /// Whether its result or its way depends on flags.
    #[inline]
    pub const fn reads_flags(self) -> bool {
        self.encoding().flags & READS_FLAGS != 0
    }

    /// Where control goes after it.
    #[inline]
    pub const fn flow(self) -> Flow {
        self.encoding().flow
    }
}

/// Where control goes after an instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Flow {
    /// To the next instruction.
    Next,
    /// Elsewhere.
    Jump,
    /// Elsewhere or to the next one.
    Branch,
    /// Away and back.
    Call,
    /// To the caller.
    Return,
    /// Nowhere: it always traps.
    Trap,
}

/// What can stand at an operand's place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A register.
    Reg,
    /// A register or memory.
    RegMem,
    /// Memory.
    Mem,
    /// One byte.
    Imm8,
    /// An immediate of the operation's width, at most 32 bits, sign-extended to 64.
    Imm,
    /// 64 bits.
    Imm64,
    /// A condition.
    Cond,
    /// A jump or call target within 2 GiB.
    Target,
    /// A jump target within 128 bytes.
    ShortTarget,
}

/// [`Operand::reg_bits`] or [`Operand::mem_bits`]: the width of the operation.
pub const BY_SIZE: u16 = 0;
/// [`Operand::mem_bits`]: nothing is accessed, only the address counts.
pub const ADDRESS_ONLY: u16 = 1;

/// One operand of a row.
#[derive(Clone, Copy, Debug)]
pub struct Operand {
    /// What can stand there.
    pub kind: Kind,
    /// What happens to it. Immediates are used.
    pub role: Role,
    /// Its register file.
    pub class: RegClass,
    /// Bits of the register that matter, or [`BY_SIZE`].
    pub reg_bits: u16,
    /// Bits of memory accessed, [`BY_SIZE`] or [`ADDRESS_ONLY`].
    pub mem_bits: u16,
    /// The only register allowed.
    pub fixed: Option<Reg>,
    /// Not written in assembly.
    pub implicit: bool,
}

impl Operand {
    /// Whether it takes register slots.
    pub const fn has_slots(&self) -> bool {
        matches!(self.kind, Kind::Reg | Kind::RegMem | Kind::Mem)
    }

    /// How many it takes.
    pub const fn slots(&self) -> usize {
        match (self.kind, self.role) {
            (Kind::RegMem | Kind::Mem, _) | (Kind::Reg, Role::UseDef) => 2,
            (Kind::Reg, _) => 1,
            _ => 0,
        }
    }

    const fn place_letters(&self) -> usize {
        if self.has_slots() && self.fixed.is_none() { 1 } else { 0 }
    }
}

const fn operand(kind: Kind, class: RegClass, reg_bits: u16, mem_bits: u16) -> Operand {
    Operand { kind, role: Role::Use, class, reg_bits, mem_bits, fixed: None, implicit: false }
}

const fn int(bits: u16) -> Operand {
    operand(Kind::Reg, RegClass::Int, bits, BY_SIZE)
}

const fn int_mem(reg_bits: u16, mem_bits: u16) -> Operand {
    operand(Kind::RegMem, RegClass::Int, reg_bits, mem_bits)
}

const fn mem(bits: u16) -> Operand {
    operand(Kind::Mem, RegClass::Int, BY_SIZE, bits)
}

const fn vector_mem(mem_bits: u16) -> Operand {
    operand(Kind::RegMem, RegClass::Vector, 128, mem_bits)
}

const fn immediate(kind: Kind) -> Operand {
    operand(kind, RegClass::Int, BY_SIZE, BY_SIZE)
}

const fn fixed(class: RegClass, number: u8, bits: u16, implicit: bool) -> Operand {
    Operand { fixed: Some(Reg::physical(class, number)), implicit, ..operand(Kind::Reg, class, bits, BY_SIZE) }
}

pub(super) const G: Operand = int(BY_SIZE);
pub(super) const G8: Operand = int(8);
pub(super) const G32: Operand = int(32);
pub(super) const G64: Operand = int(64);
pub(super) const GM: Operand = int_mem(BY_SIZE, BY_SIZE);
pub(super) const GM8: Operand = int_mem(8, 8);
pub(super) const GM16: Operand = int_mem(16, 16);
pub(super) const GM32: Operand = int_mem(32, 32);
pub(super) const GM64: Operand = int_mem(64, 64);
/// The low byte of a 32-bit register, or a byte of memory.
pub(super) const G32M8: Operand = int_mem(32, 8);
/// The low half of a 32-bit register, or 16 bits of memory.
pub(super) const G32M16: Operand = int_mem(32, 16);
pub(super) const M: Operand = mem(BY_SIZE);
pub(super) const M16: Operand = mem(16);
pub(super) const M32: Operand = mem(32);
pub(super) const M64: Operand = mem(64);
pub(super) const M128: Operand = mem(128);
pub(super) const ADDR: Operand = mem(ADDRESS_ONLY);
pub(super) const X: Operand = operand(Kind::Reg, RegClass::Vector, 128, BY_SIZE);
pub(super) const XM8: Operand = vector_mem(8);
pub(super) const XM16: Operand = vector_mem(16);
pub(super) const XM32: Operand = vector_mem(32);
pub(super) const XM64: Operand = vector_mem(64);
pub(super) const XM128: Operand = vector_mem(128);
pub(super) const RAX: Operand = fixed(RegClass::Int, 0, BY_SIZE, true);
pub(super) const RDX: Operand = fixed(RegClass::Int, 2, BY_SIZE, true);
pub(super) const CL: Operand = fixed(RegClass::Int, 1, 8, false);
pub(super) const XMM0: Operand = fixed(RegClass::Vector, 0, 128, true);
pub(super) const IMM8: Operand = immediate(Kind::Imm8);
pub(super) const IMM: Operand = immediate(Kind::Imm);
pub(super) const IMM64: Operand = immediate(Kind::Imm64);
pub(super) const CC: Operand = immediate(Kind::Cond);
pub(super) const TARGET: Operand = immediate(Kind::Target);
pub(super) const TARGET8: Operand = immediate(Kind::ShortTarget);

/// The operand is used.
pub(super) const fn u(operand: Operand) -> Operand {
    Operand { role: Role::Use, ..operand }
}

/// The operand is defined.
pub(super) const fn d(operand: Operand) -> Operand {
    Operand { role: Role::Def, ..operand }
}

/// The operand is used and defined.
pub(super) const fn ud(operand: Operand) -> Operand {
    Operand { role: Role::UseDef, ..operand }
}

/// Mask of widths: 8, 16, 32, 64 bits. A row with 8 bits has that form at its opcode with bit 0 cleared.
pub(super) const ANY: u8 = 0b1111;
/// 32, 64 bits.
pub(super) const WIDE: u8 = 0b1100;
/// The row fixes all widths.
pub(super) const FIXED: u8 = 0;

pub(super) const VEX_TWIN: u16 = 1 << 0;
pub(super) const VEX_ONLY: u16 = 1 << 1;
pub(super) const W1: u16 = 1 << 2;
pub(super) const WIDTH_SETS_W: u16 = 1 << 3;
pub(super) const LOCK: u16 = 1 << 4;
pub(super) const SHORT_IMM: u16 = 1 << 5;
pub(super) const DIGIT: u16 = 1 << 6;
pub(super) const RM_IS_BYTE: u16 = 1 << 7;
pub(super) const HAS_MODRM: u16 = 1 << 8;
pub(super) const HAS_COND: u16 = 1 << 9;
pub(super) const READS_FLAGS: u16 = 1 << 10;
pub(super) const WRITES_FLAGS: u16 = 1 << 11;
pub(super) const HAS_OPCODE_REG: u16 = 1 << 12;
pub(super) const HAS_IS4: u16 = 1 << 13;

/// A place that no slot fills.
pub(super) const NO_SLOT: u8 = 7;

/// Slots that fill the register fields.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fill {
    /// ModRM.reg.
    pub reg: u8,
    /// ModRM.rm or the low bits of the opcode; or base, with the index in the next slot.
    pub rm: u8,
    /// VEX.vvvv.
    pub vvvv: u8,
}

/// How a row is encoded. The encoder reads what is made from it, see `encode::Recipe`.
#[derive(Clone, Copy, Debug)]
pub struct Encoding {
    /// Escape bytes and opcode, first byte lowest. VEX uses the last one.
    pub(super) opcode: u32,
    pub(super) opcode_bytes: u8,
    /// 0x66, 0xf2, 0xf3 or 0.
    pub(super) prefix: u8,
    /// The same prefix as VEX writes it.
    pub(super) pp: u8,
    /// VEX opcode map: 1 for 0f, 2 for 0f 38, 3 for 0f 3a.
    pub(super) map: u8,
    /// ModRM.reg, where it extends the opcode.
    pub(super) digit: u8,
    pub(super) flags: u16,
    pub(super) immediate: Option<Kind>,
    pub(super) flow: Flow,
    pub(super) plain: Fill,
    pub(super) twin: Fill,
    pub(super) is4: u8,
    /// If no operand is memory.
    pub(super) with_reg: Arguments,
    /// If the operand that may be memory is memory.
    pub(super) with_mem: Arguments,
}

/// Slots that the register arguments of an instruction go to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arguments {
    /// In three-operand notation, where a `ud` operand is two arguments.
    pub three: [u8; 5],
    /// In two-operand notation, where it is one.
    pub two: [u8; 5],
    /// Bit `s`: slot `s` is the destination and `s + 1` the source of a `ud` operand.
    pub pairs: u8,
    three_len: usize,
    two_len: usize,
}

impl Arguments {
    const NONE: Arguments = Arguments { three: [NO_SLOT; 5], two: [NO_SLOT; 5], pairs: 0, three_len: 0, two_len: 0 };

    const fn push(&mut self, slot: u8, pair: bool) {
        self.two[self.two_len] = slot;
        self.two_len += 1;
        self.three[self.three_len] = slot;
        self.three_len += 1;
        if pair {
            self.three[self.three_len] = slot + 1;
            self.three_len += 1;
            self.pairs |= 1 << slot;
        }
    }
}

const NO_FILL: Fill = Fill { reg: NO_SLOT, rm: NO_SLOT, vvvv: NO_SLOT };

const fn opcode(opcode: u32, opcode_bytes: u8, map: u8) -> Encoding {
    Encoding {
        opcode,
        opcode_bytes,
        prefix: 0,
        pp: 0,
        map,
        digit: 0,
        flags: 0,
        immediate: None,
        flow: Flow::Next,
        plain: NO_FILL,
        twin: NO_FILL,
        is4: NO_SLOT,
        with_reg: Arguments::NONE,
        with_mem: Arguments::NONE,
    }
}

/// A one-byte opcode.
pub(super) const fn op(byte: u8) -> Encoding {
    opcode(byte as u32, 1, 0)
}

/// An opcode after 0f.
pub(super) const fn op0f(byte: u8) -> Encoding {
    opcode(0x0f | (byte as u32) << 8, 2, 1)
}

/// An opcode after 0f 38.
pub(super) const fn op38(byte: u8) -> Encoding {
    opcode(0x380f | (byte as u32) << 16, 3, 2)
}

/// An opcode after 0f 3a.
pub(super) const fn op3a(byte: u8) -> Encoding {
    opcode(0x3a0f | (byte as u32) << 16, 3, 3)
}

impl Encoding {
    const fn flag(self, flag: u16) -> Encoding {
        Encoding { flags: self.flags | flag, ..self }
    }

    /// A fixed byte after the opcode.
    pub(super) const fn then(self, byte: u8) -> Encoding {
        Encoding {
            opcode: self.opcode | (byte as u32) << (8 * self.opcode_bytes),
            opcode_bytes: self.opcode_bytes + 1,
            ..self
        }
    }

    /// Mandatory prefix 66.
    pub(super) const fn p66(self) -> Encoding {
        Encoding { prefix: 0x66, pp: 1, ..self }
    }

    /// Mandatory prefix f2.
    pub(super) const fn pf2(self) -> Encoding {
        Encoding { prefix: 0xf2, pp: 3, ..self }
    }

    /// Mandatory prefix f3.
    pub(super) const fn pf3(self) -> Encoding {
        Encoding { prefix: 0xf3, pp: 2, ..self }
    }

    /// ModRM.reg extends the opcode.
    pub(super) const fn digit(self, digit: u8) -> Encoding {
        Encoding { digit, ..self }.flag(DIGIT)
    }

    /// There is an AVX twin, with the same prefix, map and opcode.
    pub(super) const fn vex(self) -> Encoding {
        self.flag(VEX_TWIN)
    }

    /// There is no other form than the one with a VEX prefix.
    pub(super) const fn only_vex(self) -> Encoding {
        self.flag(VEX_ONLY)
    }

    /// REX.W or VEX.W is always 1.
    pub(super) const fn w1(self) -> Encoding {
        self.flag(W1)
    }

    /// Prefix lock.
    pub(super) const fn lock(self) -> Encoding {
        self.flag(LOCK)
    }

    /// Opcode with bit 1 set takes a sign-extended byte in place of the immediate.
    pub(super) const fn short(self) -> Encoding {
        self.flag(SHORT_IMM)
    }

    /// Sets flags.
    pub(super) const fn wf(self) -> Encoding {
        self.flag(WRITES_FLAGS)
    }

    /// Reads flags.
    pub(super) const fn rf(self) -> Encoding {
        self.flag(READS_FLAGS)
    }

    /// Where control goes.
    pub(super) const fn flow(self, flow: Flow) -> Encoding {
        Encoding { flow, ..self }
    }
}

/// Everything about one encoding.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The constant's name.
    pub name: &'static str,
    /// The assembler's name, without the `v` of an AVX twin and without a condition.
    pub mnemonic: &'static str,
    /// Operands in Intel order, implicit ones last.
    pub operands: &'static [Operand],
    /// What the CPU must have for the plain form; an AVX twin needs AVX.
    pub feature: Features,
    /// Bit `i` is set if the row has the width `Size::ALL[i]`; 0 if it fixes its widths.
    pub sizes: u8,
    pub(super) encoding: Encoding,
}

impl Row {
    /// Whether there is an AVX twin.
    pub const fn has_twin(&self) -> bool {
        self.encoding.flags & VEX_TWIN != 0
    }

    /// The operand that may be memory, and its first slot.
    pub const fn mem_operand(&self) -> Option<(&'static Operand, usize)> {
        let (mut i, mut slot) = (0, 0);
        while i < self.operands.len() {
            if matches!(self.operands[i].kind, Kind::RegMem | Kind::Mem) {
                return Some((&self.operands[i], slot));
            }
            slot += self.operands[i].slots();
            i += 1;
        }
        None
    }
}

/// Builds a row and checks that it makes sense; runs while compiling.
pub(super) const fn row(
    name: &'static str,
    mnemonic: &'static str,
    operands: &'static [Operand],
    places: &str,
    mut encoding: Encoding,
    sizes: u8,
    feature: Features,
) -> Row {
    let places = places.as_bytes();
    let has_v = contains(places, b'V');
    let (mut i, mut place, mut slot) = (0, 0, 0);
    if sizes & ANY != 0 && !has(&encoding, W1) {
        encoding = encoding.flag(WIDTH_SETS_W);
    }
    while i < operands.len() {
        let operand = &operands[i];
        let at = slot as u8;
        match operand.kind {
            Kind::Imm8 | Kind::Imm | Kind::Imm64 | Kind::Target | Kind::ShortTarget => {
                encoding.immediate = Some(operand.kind)
            }
            Kind::Cond => encoding = encoding.flag(HAS_COND),
            Kind::Reg | Kind::RegMem | Kind::Mem => {
                let pair = matches!(operand.role, Role::UseDef);
                if !matches!(operand.kind, Kind::Mem) {
                    encoding.with_reg.push(at, pair);
                }
                if matches!(operand.kind, Kind::Reg) {
                    encoding.with_mem.push(at, pair);
                }
                if operand.place_letters() == 1 {
                    // The AVX twin splits destination and source: the source is vvvv, or the destination is where the source is in ModRM.rm.
                    let split = pair && has(&encoding, VEX_TWIN) && !has_v;
                    match places[place] {
                        b'R' => {
                            encoding.plain.reg = at;
                            encoding.twin.reg = at;
                            if split {
                                encoding.twin.vvvv = at + 1;
                            }
                        }
                        b'M' => {
                            encoding.plain.rm = at;
                            encoding.twin.rm = if split { at + 1 } else { at };
                            if split {
                                encoding.twin.vvvv = at;
                            }
                            if operand.reg_bits == 8 {
                                encoding = encoding.flag(RM_IS_BYTE);
                            }
                        }
                        b'V' => {
                            encoding.plain.vvvv = at;
                            encoding.twin.vvvv = at;
                        }
                        b'O' => {
                            encoding.plain.rm = at;
                            encoding = encoding.flag(HAS_OPCODE_REG);
                        }
                        b'4' => {
                            encoding.is4 = at;
                            encoding = encoding.flag(HAS_IS4);
                        }
                        _ => panic!("no such place"),
                    }
                    place += 1;
                }
                slot += operand.slots();
            }
        }
        i += 1;
    }
    assert!(place == places.len(), "a letter for each explicit register or memory operand");
    assert!(slot <= 5, "five slots");
    assert!(!has(&encoding, DIGIT) || !contains(places, b'R'), "ModRM.reg is taken by the digit");
    if contains(places, b'R') || contains(places, b'M') {
        encoding = encoding.flag(HAS_MODRM);
    }
    Row { name, mnemonic, operands, feature, sizes, encoding }
}

const fn has(encoding: &Encoding, flag: u16) -> bool {
    encoding.flags & flag != 0
}

const fn contains(places: &[u8], letter: u8) -> bool {
    let mut i = 0;
    while i < places.len() {
        if places[i] == letter {
            return true;
        }
        i += 1;
    }
    false
}
