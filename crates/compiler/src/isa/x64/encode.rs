//! Fields of one instruction to bytes.
//!
//! ```text
//! plain  [gs] [67] [lock] [66, f2 or f3] [REX] opcode [ModRM [SIB] [disp]] [immediate]
//! VEX    [gs] [67] C5 or C4 ...                opcode [ModRM [SIB] [disp]] [immediate]
//! ```
//! Each [`Op`] has a [`Recipe`], made from its row while compiling: all that does not depend on operands. [`encode`] is inlined, so that for a
//! constant op only its constants remain; it ends in one of four functions, plain or VEX with registers or memory. They gather prefixes and
//! opcode in one word, ModRM to displacement in a second; the immediate is a third; stores of whole words write them, and nothing but their
//! lengths varies.

use super::insts::ROWS;
use super::mem::{AddressBits, AddressKind, Mem};
use super::row::*;
use crate::isa::buffer::CodeBuffer;

/// What the encoder needs to know of an instruction.
#[derive(Clone, Copy)]
pub(super) struct Fields {
    pub op: Op,
    pub cond: u8,
    pub regs: Regs,
    pub disp: i32,
    pub imm: i32,
}

/// Hardware numbers below 16, [`NO_REG`] for an absent base or index; and what kind of address those make.
#[derive(Clone, Copy)]
pub(super) struct Regs {
    pub address: AddressBits,
    pub reg: u8,
    pub vvvv: u8,
    /// Or the base.
    pub rm: u8,
    pub index: u8,
}

/// No register. The bits that go into prefixes and ModRM are those of register 0.
pub(super) const NO_REG: u8 = 16;

const RSP: u8 = 4;
const RBP: u8 = 5;

/// Prefixes and opcode but for the registers in them; fits a machine word.
#[derive(Clone, Copy)]
struct Template {
    opcode: u32,
    opcode_bits: u8,
    /// 66, f2, f3 or 0; for VEX the same as 1, 3, 2 or 0.
    prefix: u8,
    /// 0 or a REX prefix; for VEX the opcode map and W in bit 7.
    rex: u8,
    /// 8 if there is a ModRM byte.
    modrm_bits: u8,
}

/// All that an op says about its encoding.
#[derive(Clone, Copy)]
pub(super) struct Recipe {
    template: Template,
    /// Slots of the fields, or [`LITERAL`] and a number.
    pub reg: u8,
    pub rm: u8,
    pub vvvv: u8,
    pub is4: u8,
    flags: u16,
    immediate_bytes: u8,
}

/// A field that no slot fills.
pub(super) const LITERAL: u8 = 8;

const VEX: u16 = 1 << 0;
const SHORT: u16 = 1 << 1;
const SHORT_16: u16 = 1 << 2;
const COND: u16 = 1 << 3;
const OPCODE_REG: u16 = 1 << 4;
/// ModRM.reg names a byte register.
const BYTE_REG: u16 = 1 << 5;
/// ModRM.rm does if it is a register.
const BYTE_RM: u16 = 1 << 6;
const LOCKED: u16 = 1 << 7;
const IMM_64: u16 = 1 << 8;
pub(super) const IS4: u16 = 1 << 9;

impl Recipe {
    /// Whether this is set.
    #[inline(always)]
    pub const fn has(&self, flag: u16) -> bool {
        self.flags & flag != 0
    }

    const fn new(row: &Row, op: Op) -> Recipe {
        let encoding = &row.encoding;
        let size = op.operation_size();
        let byte = matches!(size, Size::S8);
        let wide = row_has(row, W1) || (row_has(row, WIDTH_SETS_W) && matches!(size, Size::S64));
        let vex = op.is_twin() || row_has(row, VEX_ONLY);
        let fill = if op.is_twin() { encoding.twin } else { encoding.plain };
        let last = 8 * (encoding.opcode_bytes as u32 - 1);
        let modrm_bits = if row_has(row, HAS_MODRM) { 8 } else { 0 };
        let template = if vex {
            let rex = encoding.map | (wide as u8) << 7;
            Template { opcode: encoding.opcode >> last, opcode_bits: 8, prefix: encoding.pp, rex, modrm_bits }
        } else {
            Template {
                // The form for bytes.
                opcode: if byte { encoding.opcode & !(1 << last) } else { encoding.opcode },
                opcode_bits: 8 * encoding.opcode_bytes,
                // Rows that come in 16 bits have no mandatory prefix.
                prefix: if matches!(size, Size::S16) { 0x66 } else { encoding.prefix },
                rex: if wide { 0x48 } else { 0 },
                modrm_bits,
            }
        };
        let immediate_bytes = match (encoding.immediate, size) {
            (None, _) => row_has(row, HAS_IS4) as u8,
            (Some(Kind::Imm8 | Kind::ShortTarget), _) | (Some(Kind::Imm), Size::S8) => 1,
            (Some(Kind::Imm), Size::S16) => 2,
            (Some(Kind::Imm64), _) => 8,
            (Some(_), _) => 4,
        };
        let digit = row_has(row, DIGIT);
        let flags = flag(VEX, vex)
            | flag(SHORT, row_has(row, SHORT_IMM) && !byte)
            | flag(SHORT_16, row_has(row, SHORT_IMM) && matches!(size, Size::S16))
            | flag(COND, row_has(row, HAS_COND))
            | flag(OPCODE_REG, row_has(row, HAS_OPCODE_REG))
            | flag(BYTE_REG, byte && !digit)
            | flag(BYTE_RM, byte || row_has(row, RM_IS_BYTE))
            | flag(LOCKED, row_has(row, LOCK))
            | flag(IMM_64, matches!(encoding.immediate, Some(Kind::Imm64)))
            | flag(IS4, row_has(row, HAS_IS4));
        Recipe {
            template,
            reg: if digit { LITERAL + encoding.digit } else { slot(fill.reg) },
            rm: slot(fill.rm),
            vvvv: slot(fill.vvvv),
            is4: slot(encoding.is4),
            flags,
            immediate_bytes,
        }
    }
}

const fn row_has(row: &Row, flag: u16) -> bool {
    row.encoding.flags & flag != 0
}

const fn flag(flag: u16, on: bool) -> u16 {
    if on { flag } else { 0 }
}

const fn slot(slot: u8) -> u8 {
    if slot == NO_SLOT { LITERAL } else { slot }
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

/// Appends an instruction; gives the number of bytes of its immediate, which stand behind the displacement.
///
/// A label or symbol as address gets displacement 0, as target immediate 0. The frame's kinds of addresses must be resolved before.
#[inline(always)]
pub(super) fn encode(buffer: &mut CodeBuffer, f: Fields) -> u32 {
    let recipe = f.op.recipe();
    let Recipe { mut template, mut immediate_bytes, .. } = *recipe;
    let regs = f.regs;
    let imm = if recipe.has(IMM_64) { (f.disp as u64) << 32 | f.imm as u32 as u64 } else { f.imm as u64 };
    let modrm = template.modrm_bits != 0;
    if recipe.has(VEX) {
        if regs.address.is_reg() || !modrm {
            vex_regs(buffer, template, regs, imm, immediate_bytes);
        } else {
            vex_mem(buffer, template, regs, f.disp, imm, immediate_bytes);
        }
        return immediate_bytes as u32;
    }
    let last = (template.opcode_bits - 8) as u32 & 31;
    if recipe.has(COND) {
        template.opcode |= (f.cond as u32) << last;
    }
    if recipe.has(OPCODE_REG) {
        template.opcode |= (regs.rm as u32 & 7) << last;
    }
    if recipe.has(SHORT) {
        let imm = if recipe.has(SHORT_16) { f.imm as i16 as i32 } else { f.imm };
        if imm == imm as i8 as i32 {
            template.opcode |= 2 << last;
            immediate_bytes = 1;
        }
    }
    let in_regs = regs.address.is_reg() || !modrm;
    if recipe.has(BYTE_REG | BYTE_RM) {
        // spl, bpl, sil, dil: without REX their numbers mean ah, ch, dh, bh.
        let new = |number: u8| (4..8).contains(&number);
        if (recipe.has(BYTE_REG) && new(regs.reg)) || (recipe.has(BYTE_RM) && in_regs && new(regs.rm)) {
            template.rex |= 0x40;
        }
    }
    if in_regs {
        plain_regs(buffer, template, regs, imm, immediate_bytes);
    } else {
        // The prefix needs room in the window, which it has: no locked instruction is long.
        if recipe.has(LOCKED) {
            buffer.append(|window| {
                window[0] = 0xf0;
                1
            });
        }
        plain_mem(buffer, template, regs, f.disp, imm, immediate_bytes);
    }
    immediate_bytes as u32
}

/// The operands of a plain instruction: hardware numbers, in Intel order.
#[derive(Clone, Copy)]
pub(super) enum Quick {
    Regs {
        first: u8,
        second: u8,
    },
    Reg(u8),
    /// Memory with a base, and a register or [`NO_REG`].
    Mem {
        reg: u8,
        mem: Mem,
    },
}

/// Appends an instruction, unless it is of a kind that [`encode`] alone knows: then the result is `false`.
#[inline(always)]
pub(super) fn encode_quick(buffer: &mut CodeBuffer, op: Op, operands: Quick, imm: Option<i32>) -> bool {
    let recipe = op.recipe();
    let others = VEX | SHORT_16 | COND | OPCODE_REG | LOCKED | IMM_64 | IS4;
    let bytes = BYTE_REG | BYTE_RM;
    let is_mem = matches!(operands, Quick::Mem { .. });
    if recipe.has(if is_mem { others } else { others | bytes }) {
        return false;
    }
    let mut template = recipe.template;
    let mut immediate_bytes = if imm.is_some() { recipe.immediate_bytes } else { 0 };
    let imm = imm.unwrap_or(0);
    if immediate_bytes == 4 && recipe.has(SHORT) && imm == imm as i8 as i32 {
        template.opcode |= 2 << ((template.opcode_bits - 8) as u32 & 31);
        immediate_bytes = 1;
    }
    let regs = |reg: u8, rm: u8| Regs { address: AddressBits::REG, reg, vvvv: 0, rm, index: 0 };
    match operands {
        Quick::Regs { first, second } => {
            // ModRM.rm comes second, but where the row says `MR`.
            let regs = if recipe.rm > recipe.reg { regs(first, second) } else { regs(second, first) };
            plain_regs(buffer, template, regs, imm as u64, immediate_bytes);
        }
        Quick::Reg(rm) => plain_regs(buffer, template, regs(recipe.reg & 7, rm), imm as u64, immediate_bytes),
        Quick::Mem { reg, mem } => {
            if mem.bits.0 & !(3 << 3) != AddressKind::Based as u8 || mem.base.is_none() {
                return false;
            }
            if recipe.has(BYTE_REG) && (4..8).contains(&reg) {
                template.rex |= 0x40;
            }
            let reg = if reg == NO_REG { recipe.reg & 7 } else { reg };
            let index = if mem.index.is_none() { NO_REG } else { mem.index.number() as u8 };
            let regs = Regs { address: mem.bits, reg, vvvv: 0, rm: mem.base.number() as u8, index };
            let mut head = Word::default();
            plain_opcode(&mut head, template, reg >> 3 << 2 | (index >> 3 & 1) << 1 | regs.rm >> 3 & 1);
            write_mem(buffer, head, address(regs, mem.disp), imm as u64, immediate_bytes);
        }
    }
    true
}

/// Bytes put together from the lowest up.
#[derive(Clone, Copy, Default)]
struct Word {
    value: u64,
    bits: u32,
}

impl Word {
    #[inline(always)]
    fn push(&mut self, value: u64, bits: u32) {
        self.value |= value << (self.bits & 63);
        self.bits += bits;
    }

    /// Appends a byte if there is one to append: 0 means none.
    #[inline(always)]
    fn push_nonzero(&mut self, byte: u8) {
        self.push(byte as u64, if byte == 0 { 0 } else { 8 });
    }

    /// Its length in bytes. The mask (an instruction has at most 15) tells the compiler that the window is long enough.
    #[inline(always)]
    fn bytes(self) -> usize {
        ((self.bits / 8) & 15) as usize
    }
}

#[inline(always)]
fn plain_regs(buffer: &mut CodeBuffer, template: Template, regs: Regs, imm: u64, immediate_bytes: u8) {
    let mut head = Word::default();
    plain_opcode(&mut head, template, regs.reg >> 3 << 2 | regs.rm >> 3);
    write_regs(buffer, head, template, regs, imm, immediate_bytes);
}

#[inline(always)]
fn vex_regs(buffer: &mut CodeBuffer, template: Template, regs: Regs, imm: u64, immediate_bytes: u8) {
    let mut head = Word::default();
    vex_opcode(&mut head, template, regs, 0);
    write_regs(buffer, head, template, regs, imm, immediate_bytes);
}

#[inline(always)]
fn plain_mem(buffer: &mut CodeBuffer, template: Template, regs: Regs, disp: i32, imm: u64, immediate_bytes: u8) {
    let mut head = address_prefixes(regs);
    plain_opcode(&mut head, template, regs.reg >> 3 << 2 | (regs.index >> 3 & 1) << 1 | regs.rm >> 3 & 1);
    write_mem(buffer, head, address(regs, disp), imm, immediate_bytes);
}

#[inline(always)]
fn vex_mem(buffer: &mut CodeBuffer, template: Template, regs: Regs, disp: i32, imm: u64, immediate_bytes: u8) {
    let mut head = address_prefixes(regs);
    vex_opcode(&mut head, template, regs, regs.index >> 3 & 1);
    write_mem(buffer, head, address(regs, disp), imm, immediate_bytes);
}

#[inline(always)]
fn address_prefixes(regs: Regs) -> Word {
    let mut head = Word::default();
    if regs.address.0 & (AddressBits::GS | AddressBits::ADDR32) != 0 {
        head.push_nonzero(if regs.address.gs() { 0x65 } else { 0 });
        head.push_nonzero(if regs.address.addr32() { 0x67 } else { 0 });
    }
    head
}

#[inline(always)]
fn plain_opcode(head: &mut Word, template: Template, rxb: u8) {
    head.push_nonzero(template.prefix);
    let rex = template.rex | rxb;
    head.push_nonzero(if rex == 0 { 0 } else { rex | 0x40 });
    head.push(template.opcode as u64, template.opcode_bits as u32);
}

#[inline(always)]
fn vex_opcode(head: &mut Word, template: Template, regs: Regs, x: u8) {
    let (r, b) = (regs.reg >> 3 ^ 1, regs.rm >> 3 & 1);
    let opcode = template.opcode as u64;
    let last = ((!regs.vvvv & 15) << 3 | template.prefix) as u64;
    // Two bytes do if map is 1 and W, X and B are 0.
    if template.rex == 1 && x | b == 0 {
        head.push(0xc5 | ((r << 7) as u64 | last) << 8 | opcode << 16, 24);
    } else {
        let rxb = r << 7 | (x ^ 1) << 6 | (b ^ 1) << 5 | template.rex & 0x7f;
        head.push(0xc4 | (rxb as u64) << 8 | ((template.rex & 0x80) as u64 | last) << 16 | opcode << 24, 32);
    }
}

#[inline(always)]
fn write_regs(buffer: &mut CodeBuffer, mut head: Word, template: Template, regs: Regs, imm: u64, immediate_bytes: u8) {
    // Where there is no ModRM, what is pushed for it is overwritten.
    head.push((0xc0 | (regs.reg & 7) << 3 | regs.rm & 7) as u64, template.modrm_bits as u32);
    buffer.append(|window| {
        let at_imm = head.bytes();
        window[..8].copy_from_slice(&head.value.to_le_bytes());
        window[at_imm..at_imm + 8].copy_from_slice(&imm.to_le_bytes());
        at_imm + immediate_bytes as usize
    });
}

#[inline(always)]
fn write_mem(buffer: &mut CodeBuffer, head: Word, tail: Word, imm: u64, immediate_bytes: u8) {
    buffer.append(|window| {
        let at_tail = head.bytes();
        let at_imm = at_tail + tail.bytes();
        window[..8].copy_from_slice(&head.value.to_le_bytes());
        window[at_tail..at_tail + 8].copy_from_slice(&tail.value.to_le_bytes());
        window[at_imm..at_imm + 8].copy_from_slice(&imm.to_le_bytes());
        at_imm + immediate_bytes as usize
    });
}

/// ModRM, SIB and displacement.
#[inline(never)]
fn address(regs: Regs, disp: i32) -> Word {
    let reg = (regs.reg & 7) << 3;
    let disp_bytes = (disp as u32) as u64;
    if !regs.address.is_based() {
        debug_assert!(matches!(regs.address.kind(), AddressKind::Label | AddressKind::Symbol));
        return Word { value: (reg | RBP) as u64, bits: 40 };
    }
    let index = if regs.index == NO_REG { RSP } else { regs.index & 7 };
    let sib = (regs.address.scale() << 6 | index << 3) as u64;
    if regs.rm == NO_REG {
        // No base: a 32-bit displacement behind a SIB byte that says so. (Without SIB it would be relative to rip.)
        return Word { value: (reg | RSP) as u64 | (sib | RBP as u64) << 8 | disp_bytes << 16, bits: 48 };
    }
    let base = regs.rm & 7;
    // Mode 0 with rbp or r13 would mean "no base". What is stored of the displacement beyond its bits is overwritten by what follows.
    let (mode, disp_bits) = match disp {
        0 if base != RBP => (0, 0),
        -128..=127 => (0x40, 8),
        _ => (0x80, 32),
    };
    if regs.index == NO_REG && base != RSP {
        Word { value: (mode | reg | base) as u64 | disp_bytes << 8, bits: 8 + disp_bits }
    } else {
        Word { value: (mode | reg | RSP) as u64 | (sib | base as u64) << 8 | disp_bytes << 16, bits: 16 + disp_bits }
    }
}
