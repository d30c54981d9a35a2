//! One instruction to its 32 bits.
//!
//! Each [`Op`] has a [`Recipe`], made from its row while compiling: the word with all that does not depend on operands, where registers go, and
//! which immediates there are. [`encode`] adds the operands. Addresses in the frame must be resolved before; labels, symbols and constants count
//! as 0, for the assembler to fill in.

use super::inst::{Inst, SLOTS, hardware};
use super::insts::ROWS;
use super::mem::{AddressKind, is_scaled};
use super::row::*;

/// What the number of a lane fills.
#[derive(Clone, Copy)]
enum Lanes {
    None,
    /// Bits above the size in 16-20.
    One,
    /// The same, and of the second one in bits 11-14.
    Two,
    /// Bits 30, 12, 11, 10, above the size.
    List,
}

/// All that an op says about its encoding.
#[derive(Clone, Copy)]
pub(super) struct Recipe {
    word: u32,
    literal: u32,
    places: [u8; SLOTS],
    /// What there is besides registers; [`Kind::Reg`] for nothing.
    extras: [Kind; 3],
    size: Size,
    lanes: Lanes,
    mem_slot: u8,
    /// Bytes of an access of one register.
    mem_bytes: u8,
}

impl Recipe {
    const fn new(row: &Row, op: Op) -> Recipe {
        let size = op.operation_size();
        let number = size as u32;
        let wide = matches!(size, Size::S64) as u32;
        let encoding = &row.encoding;
        let size_bits = match encoding.sizing {
            Sizing::Fixed => 0,
            Sizing::Bit31 => wide << 31,
            Sizing::Bits31And22 => wide << 31 | wide << 22,
            Sizing::Bit22 => wide << 22,
            Sizing::Bits22 => number << 22,
            Sizing::Bits30 => number << 30,
            Sizing::Bits10 => number << 10,
            Sizing::Bits19 => 1 << (19 + number),
            Sizing::Bits16 => 1 << (16 + number),
            Sizing::ListLane => [0, 0x4000, 0x8000, 0x8400][number as usize],
        };
        let mut recipe = Recipe {
            word: encoding.word | size_bits,
            literal: encoding.literal,
            places: encoding.places,
            extras: [Kind::Reg; 3],
            size,
            lanes: Lanes::None,
            mem_slot: encoding.mem_slot,
            mem_bytes: 0,
        };
        let (mut i, mut extras) = (0, 0);
        while i < row.operands.len() {
            let operand = &row.operands[i];
            if !matches!(operand.kind, Kind::Reg) {
                recipe.extras[extras] = operand.kind;
                extras += 1;
            }
            if operand.is_mem() && operand.bits != ADDRESS_ONLY {
                recipe.mem_bytes = (operand.bits_at(size) / 8) as u8;
            }
            recipe.lanes = match (operand.shape, recipe.lanes) {
                (Shape::Lane, Lanes::One) => Lanes::Two,
                (Shape::Lane, _) => Lanes::One,
                (Shape::ListLane, _) => Lanes::List,
                (_, lanes) => lanes,
            };
            i += 1;
        }
        recipe
    }
}

impl Recipe {
    /// The word without operands.
    #[inline(always)]
    pub(super) const fn word(&self) -> u32 {
        self.word
    }
}

/// The recipe of every op, by its number.
pub(super) const RECIPES: &[Recipe; ROWS.len() * OPS_PER_ROW] = &{
    let mut recipes = [Recipe::new(&ROWS[0], Op(0)); ROWS.len() * OPS_PER_ROW];
    let mut number = 0;
    while number < recipes.len() {
        recipes[number] = Recipe::new(&ROWS[number / OPS_PER_ROW], Op(number as u16));
        number += 1;
    }
    recipes
};

/// The word of an instruction.
#[inline]
pub(super) fn encode(inst: &Inst) -> u32 {
    let recipe = inst.op.recipe();
    let mut word = recipe.word;
    for (place, reg) in recipe.places.iter().zip(&inst.slots) {
        match *place {
            NO_PLACE => {}
            PLACE_N_AND_M => word |= hardware(*reg) << 5 | hardware(*reg) << 16,
            place => word |= hardware(*reg) << (place & 31),
        }
    }
    let (imm, lane_shift) = (inst.imm as u32, recipe.size as u32);
    match recipe.lanes {
        Lanes::None => {}
        Lanes::One => word |= imm << (17 + lane_shift),
        Lanes::Two => word |= imm << (17 + lane_shift) | (inst.disp as u32) << (11 + lane_shift),
        Lanes::List => {
            let index = imm << lane_shift;
            word |= index >> 3 << 30 | (index & 7) << 10;
        }
    }
    for kind in recipe.extras {
        word = match kind {
            Kind::Reg => return word,
            Kind::Mem => return memory(inst, recipe, word),
            kind => word | immediate(inst, recipe, kind),
        };
    }
    word
}

fn memory(inst: &Inst, recipe: &Recipe, word: u32) -> u32 {
    let slot = recipe.mem_slot as usize;
    let base = hardware(inst.slots[slot]) << 5;
    let nine_bits = (inst.disp as u32 & 0x1ff) << 12;
    match inst.address.kind() {
        AddressKind::Offset if is_scaled(inst.disp.into(), recipe.mem_bytes.into()) => {
            word | base | 1 << 24 | (inst.disp as u32 / u32::from(recipe.mem_bytes)) << 10
        }
        AddressKind::Offset => word | base | nine_bits,
        AddressKind::Pre => word | base | nine_bits | 3 << 10,
        AddressKind::Post => word | base | nine_bits | 1 << 10,
        AddressKind::Indexed => {
            let (extend, scaled) = (inst.address.extend() as u32, u32::from(inst.address.scaled()));
            word | base | 1 << 21 | hardware(inst.slots[slot + 1]) << 16 | extend << 13 | scaled << 12 | 2 << 10
        }
        AddressKind::Label | AddressKind::Const => recipe.literal | word & 31,
        kind => unreachable!("{kind:?} was resolved by the assembler"),
    }
}

fn immediate(inst: &Inst, recipe: &Recipe, kind: Kind) -> u32 {
    let (imm, modifier) = (inst.imm as u32, u32::from(inst.modifier));
    let width = u32::from(recipe.size.bits());
    let (low, high) = (imm & 0xff, imm >> 8);
    let bit_field = |immr: u32, imms: u32| (immr & (width - 1)) << 16 | imms << 10;
    let byte = (low >> 5) << 16 | (low & 31) << 5;
    match kind {
        Kind::Shift | Kind::LogicalShift => modifier << 22 | imm << 10,
        Kind::Extend => modifier << 13 | imm << 10,
        Kind::Cond => modifier << 12,
        Kind::InvertedCond => (modifier ^ 1) << 12,
        Kind::BranchCond => modifier,
        Kind::Imm12 if imm > 0xfff => 1 << 22 | imm >> 12 << 10,
        Kind::Imm12 | Kind::Bitmask | Kind::Lsb => imm << 10,
        Kind::Mov16 => (imm & 0xffff) << 5 | imm >> 16 << 21,
        Kind::Lsl => bit_field(imm.wrapping_neg(), width - 1 - imm),
        Kind::Lsr => bit_field(imm, width - 1),
        Kind::Field => bit_field(low, low + high - 1),
        Kind::FieldTo => bit_field(low.wrapping_neg(), high - 1),
        Kind::Imm5 => (inst.disp as u32) << 16,
        Kind::Nzcv | Kind::Udf => imm,
        Kind::TestBit => imm >> 5 << 31 | (imm & 31) << 19,
        Kind::Imm16 => imm << 5,
        Kind::Float8 => imm << 13,
        Kind::Vec8 | Kind::Vec8Mask | Kind::VecFloat8 => byte,
        Kind::Vec8Lsl => byte | high << 13,
        Kind::Vec8Msl => byte | (high - 1) << 12,
        Kind::LaneShl => imm << 16,
        Kind::LaneShr => (width - imm) << 16,
        Kind::ByteIndex => imm << 11,
        Kind::Adr | Kind::AdrPage => (imm & 3) << 29 | (imm >> 2 & 0x7_ffff) << 5,
        Kind::MemBase => hardware(inst.slots[recipe.mem_slot as usize]) << 5,
        Kind::MemPair => {
            let mode = match inst.address.kind() {
                AddressKind::Post => 1,
                AddressKind::Pre => 3,
                _ => 2,
            };
            let scaled = (inst.disp / i32::from(recipe.mem_bytes)) as u32 & 0x7f;
            mode << 23 | scaled << 15 | hardware(inst.slots[recipe.mem_slot as usize]) << 5
        }
        Kind::Target26 | Kind::Target19 | Kind::Target14 | Kind::Zero | Kind::FloatZero => 0,
        Kind::Imm64 | Kind::Bytes | Kind::Reg | Kind::Mem => 0,
    }
}
