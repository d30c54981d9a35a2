//! What a row of the instruction table says, and the small language it is written in.
//!
//! A row is one encoding: mnemonic, operands in the assembler's order, where each register goes, the word without operands, sizes.
//! - **Operands**: `d` defines, `u` uses, `ud` does both; `G` is a general register of the operation's size, `W` and `X` one of 32 and of 64 bits (31 is
//!   the zero register), `GS` and `XS` the same where 31 is the stack pointer; `F` a float of the operation's size, `S`, `D`, `Q` of 32, 64, 128 bits;
//!   `V` a vector of lanes of that size, `VH` its lower half, `VW` one of lanes twice as wide, `VL` a single lane; `M` memory. The rest are
//!   immediates, each with the field it fills: see [`Kind`].
//! - **Places**, a letter for each explicit register operand: `D` bit 0, `N` bit 5, `A` bit 10, `M` bit 16, `B` both `N` and `M`, `-` none
//!   (memory, which has places of its own).
//! - **Encoding**: [`word`] starts it; methods say what the size does to it and what flags and control do.
//!
//! Aliases that read better than what they stand for (`cmp`, `mov`, `lsl`, `cset`) are rows of their own.
//!
//! # Slots
//! Registers of an instruction live in four slots, filled in operand order. A `ud` operand takes two, destination then source; memory takes two,
//! base then index, where an index is possible, else one; others take one.

use super::encode::Recipe;
use super::features::Features;
use crate::isa::reg::RegClass;
pub use crate::isa::reg::Role;

/// Width of an integer or float operation, or of a vector's lanes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u8)]
pub enum Size {
    /// 8 bits.
    S8,
    /// 16 bits.
    S16,
    /// 32 bits; a written general register has its upper half zeroed.
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

/// Condition of a branch, selection or conditional comparison; the value is its number in the instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u8)]
pub enum Cond {
    /// Equal.
    Eq,
    /// Not equal, or unordered.
    Ne,
    /// Unsigned greater or equal (carry); of floats greater, equal or unordered.
    Hs,
    /// Unsigned less (no carry); of floats less.
    Lo,
    /// Negative; of floats less.
    Mi,
    /// Not negative; of floats greater, equal or unordered.
    Pl,
    /// Overflow; unordered.
    Vs,
    /// No overflow; ordered.
    Vc,
    /// Unsigned greater; of floats greater or unordered.
    Hi,
    /// Unsigned less or equal; of floats the same.
    Ls,
    /// Signed greater or equal; of floats the same.
    Ge,
    /// Signed less; of floats less or unordered.
    Lt,
    /// Signed greater; of floats the same.
    Gt,
    /// Signed less or equal; of floats less, equal or unordered.
    Le,
}

impl Cond {
    /// All of them, by number.
    #[rustfmt::skip]
    pub const ALL: [Cond; 14] = [
        Cond::Eq, Cond::Ne, Cond::Hs, Cond::Lo, Cond::Mi, Cond::Pl, Cond::Vs, Cond::Vc, Cond::Hi, Cond::Ls, Cond::Ge, Cond::Lt, Cond::Gt,
        Cond::Le,
    ];

    /// The condition with this number, below 14.
    #[inline]
    pub const fn from_number(number: u8) -> Cond {
        Cond::ALL[number as usize]
    }

    /// The condition that holds when this one does not.
    #[inline]
    pub const fn negate(self) -> Cond {
        Cond::from_number(self as u8 ^ 1)
    }

    /// The condition on `b, a` that holds when this one does on the integers `a, b`. Signs and overflow have none.
    pub const fn swap(self) -> Option<Cond> {
        Some(match self {
            Cond::Eq | Cond::Ne => self,
            Cond::Hs => Cond::Ls,
            Cond::Ls => Cond::Hs,
            Cond::Lo => Cond::Hi,
            Cond::Hi => Cond::Lo,
            Cond::Ge => Cond::Le,
            Cond::Le => Cond::Ge,
            Cond::Lt => Cond::Gt,
            Cond::Gt => Cond::Lt,
            Cond::Mi | Cond::Pl | Cond::Vs | Cond::Vc => return None,
        })
    }

    /// Its name in assembly.
    pub const fn name(self) -> &'static str {
        const NAMES: [&str; 14] = ["eq", "ne", "hs", "lo", "mi", "pl", "vs", "vc", "hi", "ls", "ge", "lt", "gt", "le"];
        NAMES[self as usize]
    }
}

/// What is done to a register operand before the operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u8)]
pub enum Shift {
    /// Shift left.
    Lsl,
    /// Shift right, zeros come in.
    Lsr,
    /// Shift right, copies of the sign come in.
    Asr,
    /// Rotate right; logical operations only.
    Ror,
}

impl Shift {
    /// All of them, by number.
    pub const ALL: [Shift; 4] = [Shift::Lsl, Shift::Lsr, Shift::Asr, Shift::Ror];

    /// Its name in assembly.
    pub const fn name(self) -> &'static str {
        ["lsl", "lsr", "asr", "ror"][self as usize]
    }
}

/// What part of a register operand is read, and how it is widened; then it is shifted left.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u8)]
pub enum Extend {
    /// The low byte, zeros above.
    Uxtb,
    /// The low 16 bits, zeros above.
    Uxth,
    /// The low 32 bits, zeros above.
    Uxtw,
    /// All of it.
    Uxtx,
    /// The low byte, copies of its sign above.
    Sxtb,
    /// The low 16 bits, copies of the sign above.
    Sxth,
    /// The low 32 bits, copies of the sign above.
    Sxtw,
    /// All of it.
    Sxtx,
}

impl Extend {
    /// All of them, by number.
    #[rustfmt::skip]
    pub const ALL: [Extend; 8] = [
        Extend::Uxtb, Extend::Uxth, Extend::Uxtw, Extend::Uxtx, Extend::Sxtb, Extend::Sxth, Extend::Sxtw, Extend::Sxtx,
    ];

    /// Its name in assembly.
    pub const fn name(self) -> &'static str {
        ["uxtb", "uxth", "uxtw", "uxtx", "sxtb", "sxth", "sxtw", "sxtx"][self as usize]
    }

    /// Bits of the register that are read.
    pub const fn bits(self) -> u16 {
        8 << (self as u16 & 3)
    }
}

/// An instruction of the table with everything that picks its encoding: size (bits 0-1), row (2-15).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Op(pub(super) u16);

const OP_ROW_SHIFT: u32 = 2;
/// Numbers that an [`Op`] of one row can have.
pub(super) const OPS_PER_ROW: usize = 1 << OP_ROW_SHIFT;

/// A row that comes in several sizes: give it one to have an [`Op`]. Nothing can be encoded without.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct SizedOp(u16);

impl SizedOp {
    pub(super) const fn of_row(row: u16) -> SizedOp {
        SizedOp(row)
    }

    /// The instruction of this size. Not every row has every size: see [`Row::sizes`].
    #[inline]
    pub const fn size(self, size: Size) -> Op {
        let op = Op::of(self.0, size);
        debug_assert!(op.row().sizes & 1 << size as u8 != 0, "the row has no such size");
        op
    }

    /// The instruction of 32 bits, or on floats or lanes of 32 bits.
    #[inline]
    pub const fn s32(self) -> Op {
        self.size(Size::S32)
    }

    /// The instruction of 64 bits, or on floats or lanes of 64 bits.
    #[inline]
    pub const fn s64(self) -> Op {
        self.size(Size::S64)
    }
}

impl Op {
    pub(super) const fn of(row: u16, size: Size) -> Op {
        Op(row << OP_ROW_SHIFT | size as u16)
    }

    pub(super) const fn of_row(row: u16) -> Op {
        Op::of(row, Size::S64)
    }

    /// The row with all that is known about it.
    #[inline]
    pub const fn row(self) -> &'static Row {
        &super::insts::ROWS[(self.0 >> OP_ROW_SHIFT) as usize]
    }

    /// The part of it that the encoder reads.
    #[inline(always)]
    pub(super) const fn recipe(self) -> &'static Recipe {
        &super::encode::RECIPES[self.0 as usize]
    }

    /// The word without operands.
    #[inline(always)]
    pub(super) const fn word(self) -> u32 {
        self.recipe().word()
    }

    /// The size it was given; of no meaning for rows that fix theirs.
    #[inline]
    pub const fn operation_size(self) -> Size {
        Size::ALL[(self.0 & 3) as usize]
    }

    /// What the CPU must have.
    pub const fn feature(self) -> Features {
        self.row().encoding.feature
    }

    /// Whether it sets flags.
    #[inline]
    pub const fn writes_flags(self) -> bool {
        self.row().encoding.writes_flags
    }

    /// Whether its result or its way depends on flags.
    #[inline]
    pub const fn reads_flags(self) -> bool {
        self.row().encoding.reads_flags
    }

    /// Where control goes after it.
    #[inline]
    pub const fn flow(self) -> Flow {
        self.row().encoding.flow
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

/// What stands at an operand's place. Immediates say which field of the instruction they fill, and how [`Inst`](super::Inst) holds them
/// (in `imm`, unless something else is said).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A register.
    Reg,
    /// Memory with any address: offset, index, literal, place in the frame.
    Mem,
    /// Memory of a pair of registers: base and offset only, or a place in the frame.
    MemPair,
    /// Memory at a base register alone.
    MemBase,
    /// A shift (not `ror`) of the operand before; `imm` is the amount.
    Shift,
    /// The same with `ror`.
    LogicalShift,
    /// An extension of the operand before; `imm` is the shift after it, at most 4.
    Extend,
    /// A condition, in bits 12-15.
    Cond,
    /// The same, opposite: `cset` and its like.
    InvertedCond,
    /// A condition in bits 0-3, part of the name.
    BranchCond,
    /// 12 bits, or 12 bits shifted left by 12; `imm` is the value.
    Imm12,
    /// A bitmask as [`imm::encode_bitmask`](super::imm::encode_bitmask) encodes it.
    Bitmask,
    /// 16 bits and, above them, how many times 16 they are shifted left.
    Mov16,
    /// All 64 bits of a constant, [`Inst::imm64`](super::Inst::imm64): not one instruction but the shortest sequence.
    Imm64,
    /// Amount of a shift left: a bit-field move inside.
    Lsl,
    /// Amount of a shift right: a bit-field move inside.
    Lsr,
    /// Lowest bit and, from bit 8 on, width of a field that is taken out.
    Field,
    /// Lowest bit and, from bit 8 on, width of a field that is put in place.
    FieldTo,
    /// Lowest bit of what is taken out of two registers.
    Lsb,
    /// 5 bits at bit 16; [`Inst::disp`](super::Inst::disp) is the value.
    Imm5,
    /// Flags, in bits 0-3.
    Nzcv,
    /// The number of a bit to test.
    TestBit,
    /// 16 bits at bit 5.
    Imm16,
    /// 16 bits at bit 0.
    Udf,
    /// A float as [`imm::encode_float`](super::imm::encode_float) encodes it, at bit 13.
    Float8,
    /// The same in a vector's immediate.
    VecFloat8,
    /// 8 bits of a vector's immediate.
    Vec8,
    /// The same, and from bit 8 on how many times 8 they are shifted left.
    Vec8Lsl,
    /// The same, but ones come in; at least once.
    Vec8Msl,
    /// 8 bits that each stand for a byte of ones.
    Vec8Mask,
    /// Amount of a shift left of lanes.
    LaneShl,
    /// Amount of a shift right of lanes, at least 1.
    LaneShr,
    /// The number of a byte, at bit 11.
    ByteIndex,
    /// A distance from this instruction in bytes, 21 bits.
    Adr,
    /// A distance from this instruction's page in pages of 4 KiB, 21 bits.
    AdrPage,
    /// Bytes, a multiple of 16.
    Bytes,
    /// Zero, in no field.
    Zero,
    /// The same, of a float.
    FloatZero,
    /// A label or symbol within 128 MiB.
    Target26,
    /// A label within 1 MiB.
    Target19,
    /// A label within 32 KiB.
    Target14,
}

/// How a register operand is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// General register or zero register.
    Gpr,
    /// General register or stack pointer.
    GprSp,
    /// One float or integer in a vector register.
    Scalar,
    /// 16 bytes of lanes.
    Full,
    /// 8 bytes of lanes, the lower ones.
    Half,
    /// One lane; its number in `imm`, of a second lane in `disp`.
    Lane,
    /// A list of one register, full.
    List,
    /// One lane of a list of one register; its number in `imm`.
    ListLane,
}

/// [`Operand::bits`]: the size of the operation.
pub const BY_SIZE: u16 = 0;
/// [`Operand::bits`]: twice the size of the operation.
pub const TWICE: u16 = 1;
/// [`Operand::bits`]: nothing is accessed, only the address counts.
pub const ADDRESS_ONLY: u16 = 2;

/// One operand of a row.
#[derive(Clone, Copy, Debug)]
pub struct Operand {
    /// What stands there.
    pub kind: Kind,
    /// What happens to it. Immediates are used.
    pub role: Role,
    /// How it is written, if it is a register.
    pub shape: Shape,
    /// Width of a register or lane, of memory accessed by one register; or [`BY_SIZE`], [`TWICE`], [`ADDRESS_ONLY`].
    pub bits: u16,
}

impl Operand {
    /// How many slots it takes.
    pub const fn slots(&self) -> usize {
        match (self.kind, self.role) {
            (Kind::Mem, _) | (Kind::Reg, Role::UseDef) => 2,
            (Kind::Reg | Kind::MemPair | Kind::MemBase, _) => 1,
            _ => 0,
        }
    }

    /// Its register file.
    pub const fn class(&self) -> RegClass {
        match (self.kind, self.shape) {
            (Kind::Reg, Shape::Gpr | Shape::GprSp) => RegClass::Int,
            (Kind::Reg, _) => RegClass::Vector,
            _ => RegClass::Int,
        }
    }

    /// Whether it is memory.
    pub const fn is_mem(&self) -> bool {
        matches!(self.kind, Kind::Mem | Kind::MemPair | Kind::MemBase)
    }

    /// [`Operand::bits`] in an operation of this size.
    pub const fn bits_at(&self, size: Size) -> u16 {
        match self.bits {
            BY_SIZE => size.bits(),
            TWICE => 2 * size.bits(),
            bits => bits,
        }
    }
}

const fn reg(shape: Shape, bits: u16) -> Operand {
    Operand { kind: Kind::Reg, role: Role::Use, shape, bits }
}

const fn memory(kind: Kind, bits: u16) -> Operand {
    Operand { kind, role: Role::Use, shape: Shape::GprSp, bits }
}

/// An operand that is an immediate.
pub(super) const fn i(kind: Kind) -> Operand {
    Operand { kind, role: Role::Use, shape: Shape::Gpr, bits: BY_SIZE }
}

pub(super) const G: Operand = reg(Shape::Gpr, BY_SIZE);
pub(super) const W: Operand = reg(Shape::Gpr, 32);
pub(super) const X: Operand = reg(Shape::Gpr, 64);
pub(super) const GS: Operand = reg(Shape::GprSp, BY_SIZE);
pub(super) const XS: Operand = reg(Shape::GprSp, 64);
pub(super) const F: Operand = reg(Shape::Scalar, BY_SIZE);
pub(super) const FW: Operand = reg(Shape::Scalar, TWICE);
pub(super) const B: Operand = reg(Shape::Scalar, 8);
pub(super) const H: Operand = reg(Shape::Scalar, 16);
pub(super) const S: Operand = reg(Shape::Scalar, 32);
pub(super) const D: Operand = reg(Shape::Scalar, 64);
pub(super) const Q: Operand = reg(Shape::Scalar, 128);
pub(super) const V: Operand = reg(Shape::Full, BY_SIZE);
pub(super) const VH: Operand = reg(Shape::Half, BY_SIZE);
pub(super) const VW: Operand = reg(Shape::Full, TWICE);
pub(super) const V16B: Operand = reg(Shape::Full, 8);
pub(super) const V8H: Operand = reg(Shape::Full, 16);
pub(super) const V4S: Operand = reg(Shape::Full, 32);
pub(super) const V2D: Operand = reg(Shape::Full, 64);
pub(super) const V2S: Operand = reg(Shape::Half, 32);
pub(super) const VL: Operand = reg(Shape::Lane, BY_SIZE);
pub(super) const LIST: Operand = reg(Shape::List, BY_SIZE);
pub(super) const LIST16B: Operand = reg(Shape::List, 8);
pub(super) const LISTLANE: Operand = reg(Shape::ListLane, BY_SIZE);
pub(super) const M8: Operand = memory(Kind::Mem, 8);
pub(super) const M16: Operand = memory(Kind::Mem, 16);
pub(super) const M32: Operand = memory(Kind::Mem, 32);
pub(super) const M64: Operand = memory(Kind::Mem, 64);
pub(super) const M128: Operand = memory(Kind::Mem, 128);
pub(super) const ADDR: Operand = memory(Kind::Mem, ADDRESS_ONLY);
pub(super) const P32: Operand = memory(Kind::MemPair, 32);
pub(super) const P64: Operand = memory(Kind::MemPair, 64);
pub(super) const P128: Operand = memory(Kind::MemPair, 128);
pub(super) const AT: Operand = memory(Kind::MemBase, BY_SIZE);

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

/// What the size of an operation does to the instruction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Sizing {
    /// Nothing: the row fixes all sizes.
    Fixed,
    /// 64 bits set bit 31.
    Bit31,
    /// 64 bits set bits 31 and 22: bit-field moves and bitmask immediates leave that to the immediate, except for bit 22 of bit fields.
    Bits31And22,
    /// 64 bits set bit 22: floats, and vectors of floats.
    Bit22,
    /// Its number in bits 22-23: vectors.
    Bits22,
    /// Its number in bits 30-31: atomic memory.
    Bits30,
    /// Its number in bits 10-11: a broadcasting load.
    Bits10,
    /// The highest bit set in bits 19-22, what the amount of a shift leaves of them.
    Bits19,
    /// The lowest bit set in bits 16-19; above it is the number of a lane.
    Bits16,
    /// In the opcode and among the bits that tell the lane of a list.
    ListLane,
}

/// 8, 16, 32, 64 bits.
pub(super) const ANY: u8 = 0b1111;
/// 32, 64 bits.
pub(super) const WIDE: u8 = 0b1100;
/// 8, 16, 32 bits.
pub(super) const TO_32: u8 = 0b0111;
/// 16, 32 bits.
pub(super) const S16_32: u8 = 0b0110;
/// 8, 16 bits.
pub(super) const S8_16: u8 = 0b0011;
/// 8 bits.
pub(super) const ONLY_8: u8 = 0b0001;

/// 64 bits.
pub(super) const ONLY_64: u8 = 0b1000;

/// How a row is encoded. The encoder reads what is made from it, see `encode::Recipe`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Encoding {
    pub word: u32,
    /// The word of the form that loads from a label, or 0.
    pub literal: u32,
    pub sizing: Sizing,
    pub sizes: u8,
    pub feature: Features,
    pub flow: Flow,
    pub reads_flags: bool,
    pub writes_flags: bool,
    /// The name ends in `b` or `h` for operations of 8 or 16 bits.
    pub suffix: bool,
    /// It is not one instruction: the assembler makes some of it.
    pub pseudo: bool,
    /// Bit position of each slot's register; [`NO_PLACE`] where it has none, [`PLACE_N_AND_M`] where it has two.
    pub places: [u8; 4],
    /// The first slot of the memory operand, or 4.
    pub mem_slot: u8,
}

/// No place in the word.
pub(super) const NO_PLACE: u8 = 32;
/// Bits 5 and 16.
pub(super) const PLACE_N_AND_M: u8 = 33;

/// The word without operands.
pub(super) const fn word(word: u32) -> Encoding {
    Encoding {
        word,
        literal: 0,
        sizing: Sizing::Fixed,
        sizes: 0,
        feature: Features::BASELINE,
        flow: Flow::Next,
        reads_flags: false,
        writes_flags: false,
        suffix: false,
        pseudo: false,
        places: [NO_PLACE; 4],
        mem_slot: 4,
    }
}

/// No word: the assembler makes what it takes.
pub(super) const fn pseudo() -> Encoding {
    Encoding { pseudo: true, ..word(0) }
}

impl Encoding {
    const fn sized(self, sizing: Sizing, sizes: u8) -> Encoding {
        Encoding { sizing, sizes, ..self }
    }

    /// 32 or 64 bits by bit 31.
    pub(super) const fn sf(self) -> Encoding {
        self.sized(Sizing::Bit31, WIDE)
    }

    /// 32 or 64 bits by bits 31 and 22.
    pub(super) const fn sf_n(self) -> Encoding {
        self.sized(Sizing::Bits31And22, WIDE)
    }

    /// Floats of 32 or 64 bits.
    pub(super) const fn fp(self) -> Encoding {
        self.sized(Sizing::Bit22, WIDE)
    }

    /// Lanes of these sizes.
    pub(super) const fn lanes(self, sizes: u8) -> Encoding {
        self.sized(Sizing::Bits22, sizes)
    }

    /// Lanes of these sizes, told together with the amount of a shift.
    pub(super) const fn by_shift(self, sizes: u8) -> Encoding {
        self.sized(Sizing::Bits19, sizes)
    }

    /// Lanes of these sizes, told together with the number of a lane.
    pub(super) const fn by_lane(self, sizes: u8) -> Encoding {
        self.sized(Sizing::Bits16, sizes)
    }

    /// A lane of a list.
    pub(super) const fn list_lane(self) -> Encoding {
        self.sized(Sizing::ListLane, ANY)
    }

    /// Memory of these sizes, the mnemonic with a suffix.
    pub(super) const fn atomic(self) -> Encoding {
        Encoding { suffix: true, ..self.sized(Sizing::Bits30, ANY) }
    }

    /// A broadcasting load.
    pub(super) const fn load_all(self) -> Encoding {
        self.sized(Sizing::Bits10, ANY)
    }

    /// The word of the form that loads from a label.
    pub(super) const fn literal(self, literal: u32) -> Encoding {
        Encoding { literal, ..self }
    }

    /// Sets flags.
    pub(super) const fn wf(self) -> Encoding {
        Encoding { writes_flags: true, ..self }
    }

    /// Reads flags.
    pub(super) const fn rf(self) -> Encoding {
        Encoding { reads_flags: true, ..self }
    }

    /// Where control goes.
    pub(super) const fn flow(self, flow: Flow) -> Encoding {
        Encoding { flow, ..self }
    }

    /// What the CPU must have.
    pub(super) const fn needs(self, feature: Features) -> Encoding {
        Encoding { feature, ..self }
    }
}

/// Everything about one encoding.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The constant's name.
    pub name: &'static str,
    /// The assembler's name, without condition and suffix.
    pub mnemonic: &'static str,
    /// Operands in the assembler's order.
    pub operands: &'static [Operand],
    /// Bit `i` is set if the row has the size `Size::ALL[i]`; 0 if it fixes its sizes.
    pub sizes: u8,
    pub(super) encoding: Encoding,
    /// The number of the operand that is memory, and its first slot.
    memory: Option<(u8, u8)>,
    goes_to: bool,
}

impl Row {
    /// The operand that is memory, and its first slot.
    #[inline]
    pub const fn mem_operand(&self) -> Option<(&'static Operand, usize)> {
        match self.memory {
            Some((operand, slot)) => Some((&self.operands[operand as usize], slot as usize)),
            None => None,
        }
    }

    /// Whether it has an operand of this kind.
    pub fn has(&self, kind: Kind) -> bool {
        self.operands.iter().any(|operand| operand.kind == kind)
    }

    /// Whether it names a label or symbol to go to.
    pub const fn has_target(&self) -> bool {
        self.goes_to
    }

    /// Whether it is not one instruction of the machine: the assembler makes what it takes.
    pub const fn is_pseudo(&self) -> bool {
        self.encoding.pseudo
    }
}

/// Builds a row and checks that it makes sense; runs while compiling.
pub(super) const fn row(
    name: &'static str,
    mnemonic: &'static str,
    operands: &'static [Operand],
    places: &str,
    mut encoding: Encoding,
) -> Row {
    let places = places.as_bytes();
    let (mut i, mut place, mut slot) = (0, 0, 0);
    let (mut memory, mut goes_to) = (None, false);
    while i < operands.len() {
        let operand = &operands[i];
        goes_to |= matches!(operand.kind, Kind::Target26 | Kind::Target19 | Kind::Target14);
        if operand.is_mem() {
            memory = Some((i as u8, slot as u8));
        }
        if operand.slots() > 0 {
            assert!(place < places.len(), "a letter for each register or memory operand");
            encoding.places[slot] = match places[place] {
                b'D' => 0,
                b'N' => 5,
                b'A' => 10,
                b'M' => 16,
                b'B' => PLACE_N_AND_M,
                b'-' => NO_PLACE,
                _ => panic!("no such place"),
            };
            assert!(operand.is_mem() == (places[place] == b'-') || encoding.pseudo, "memory has places of its own");
            if operand.is_mem() {
                encoding.mem_slot = slot as u8;
            }
            place += 1;
            slot += operand.slots();
        }
        i += 1;
    }
    assert!(place == places.len(), "a letter for each register or memory operand");
    assert!(slot <= 4, "four slots");
    Row { name, mnemonic, operands, sizes: encoding.sizes, encoding, memory, goes_to }
}
