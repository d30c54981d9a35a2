//! Fields of one instruction to bytes.
//!
//! ```text
//! plain  [gs] [67] [lock] [66, f2 or f3] [REX] opcode [ModRM [SIB] [disp]] [immediate]
//! VEX    [gs] [67] C5 or C4 ...                opcode [ModRM [SIB] [disp]] [immediate]
//! ```
//! In two steps. What follows from the [`Op`] alone is worked out by inlined code ([`Template::new`], [`encode`]), which comes to almost nothing
//! where the op is a constant. The rest is two functions, one for registers and one for memory. They gather prefixes and opcode in one
//! word, ModRM to displacement in a second; the immediate is a third; three stores write them, and nothing but their lengths varies.

use super::mem::{AddressBits, AddressKind};
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

/// Hardware numbers below 16, or [`NO_REG`]; and what kind of address base and index make.
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

/// What follows from op, condition and immediate; fits a machine word.
#[derive(Clone, Copy)]
struct Template {
    opcode: u32,
    opcode_bytes: u8,
    /// 66, f2, f3 or 0; for VEX the same as 1, 3, 2 or 0.
    prefix: u8,
    flags: u8,
    immediate_bytes: u8,
}

const WIDE_BIT: u8 = 1 << 0;
const VEX_BIT: u8 = 1 << 1;
const MODRM_BIT: u8 = 1 << 2;
const LOCK_BIT: u8 = 1 << 3;
/// ModRM.reg, or ModRM.rm if it is a register, names a byte register.
const BYTE_REG_BIT: u8 = 1 << 4;
const BYTE_RM_BIT: u8 = 1 << 5;
/// The VEX opcode map stands in the top bits.
const MAP_SHIFT: u32 = 6;

impl Template {
    #[inline(always)]
    fn new(f: &Fields, encoding: &Encoding) -> Template {
        let size = f.op.operation_size();
        let has = |flag: u16| encoding.flags & flag != 0;
        let set = |bit: u8, on: bool| if on { bit } else { 0 };
        let vex = f.op.is_vex();
        let byte = size == Size::S8;
        let mut flags = set(WIDE_BIT, has(W1) || (has(WIDTH_SETS_W) && size == Size::S64))
            | set(MODRM_BIT, has(HAS_MODRM))
            | set(LOCK_BIT, has(LOCK))
            | set(BYTE_REG_BIT, byte && !has(DIGIT))
            | set(BYTE_RM_BIT, byte || has(RM_IS_BYTE));
        let last = 8 * (encoding.opcode_bytes as u32 - 1);
        if vex {
            flags |= VEX_BIT | encoding.map << MAP_SHIFT;
            let opcode = encoding.opcode >> last;
            let immediate_bytes = if has(HAS_IS4) { 1 } else { immediate_bytes(encoding, size) };
            return Template { opcode, opcode_bytes: 1, prefix: encoding.pp, flags, immediate_bytes };
        }
        let mut opcode = encoding.opcode;
        if byte {
            opcode &= !(1 << last);
        }
        if has(HAS_COND) {
            opcode += (f.cond as u32) << last;
        }
        if has(HAS_OPCODE_REG) {
            opcode += (f.regs.rm as u32 & 7) << last;
        }
        let mut immediate_bytes = immediate_bytes(encoding, size);
        if has(SHORT_IMM) && is_short(f.imm, size) {
            opcode |= 2 << last;
            immediate_bytes = 1;
        }
        // Rows that come in 16 bits have no mandatory prefix.
        let prefix = if size == Size::S16 { 0x66 } else { encoding.prefix };
        Template { opcode, opcode_bytes: encoding.opcode_bytes, prefix, flags, immediate_bytes }
    }

    #[inline(always)]
    fn has(self, bit: u8) -> bool {
        self.flags & bit != 0
    }
}

#[inline(always)]
fn immediate_bytes(encoding: &Encoding, size: Size) -> u8 {
    match (encoding.immediate, size) {
        (None, _) => 0,
        (Some(Kind::Imm8 | Kind::ShortTarget), _) | (Some(Kind::Imm), Size::S8) => 1,
        (Some(Kind::Imm), Size::S16) => 2,
        (Some(Kind::Imm64), _) => 8,
        (Some(_), _) => 4,
    }
}

/// Whether the immediate is the same as its lowest byte, sign-extended.
#[inline(always)]
fn is_short(imm: i32, size: Size) -> bool {
    match size {
        Size::S8 => false,
        Size::S16 => imm as i16 == imm as i8 as i16,
        Size::S32 | Size::S64 => imm == imm as i8 as i32,
    }
}

/// Appends an instruction; gives the number of bytes of its immediate, which stand behind the displacement.
///
/// A label or symbol as address gets displacement 0, as target immediate 0: see `asm`. The frame's kinds of addresses must be resolved
/// before.
#[inline(always)]
pub(super) fn encode(buffer: &mut CodeBuffer, f: Fields) -> u32 {
    let encoding = f.op.encoding();
    let template = Template::new(&f, encoding);
    let mut regs = f.regs;
    if encoding.flags & DIGIT != 0 {
        regs.reg = encoding.digit;
    }
    let wide = encoding.immediate == Some(Kind::Imm64);
    let imm = if wide { (f.disp as u64) << 32 | f.imm as u32 as u64 } else { f.imm as u64 };
    if regs.address.is_reg() || encoding.flags & HAS_MODRM == 0 {
        encode_regs(buffer, template, regs, imm);
    } else {
        encode_mem(buffer, template, regs, f.disp, imm);
    }
    template.immediate_bytes as u32
}

/// Bytes put together from the lowest up.
#[derive(Clone, Copy, Default)]
struct Word {
    value: u64,
    bits: u32,
}

impl Word {
    #[inline(always)]
    fn push(&mut self, value: u64, bytes: u32) {
        self.value |= value << self.bits;
        self.bits += 8 * bytes;
    }

    /// Appends a byte if there is one to append: 0 means none.
    #[inline(always)]
    fn push_nonzero(&mut self, value: u8) {
        self.value |= (value as u64) << self.bits;
        self.bits += if value == 0 { 0 } else { 8 };
    }

    #[inline(always)]
    fn bytes(self) -> usize {
        (self.bits / 8) as usize
    }
}

#[inline(never)]
fn encode_regs(buffer: &mut CodeBuffer, template: Template, regs: Regs, imm: u64) {
    let mut head = Word::default();
    // Without an index, whose slot may hold anything: bit 3 of NO_REG is 0.
    prefixes_and_opcode(&mut head, template, Regs { index: NO_REG, ..regs }, true);
    if template.has(MODRM_BIT) {
        head.push((0xc0 | (regs.reg & 7) << 3 | regs.rm & 7) as u64, 1);
    }
    let window = buffer.window();
    // Five bytes of prefixes and opcode and ModRM at most; the mask tells the compiler so.
    let at_imm = head.bytes() & 15;
    window[..8].copy_from_slice(&head.value.to_le_bytes());
    window[at_imm..at_imm + 8].copy_from_slice(&imm.to_le_bytes());
    buffer.advance(at_imm + template.immediate_bytes as usize);
}

#[inline(never)]
fn encode_mem(buffer: &mut CodeBuffer, template: Template, regs: Regs, disp: i32, imm: u64) {
    let mut head = Word::default();
    if regs.address.0 & (AddressBits::GS | AddressBits::ADDR32) != 0 || template.has(LOCK_BIT) {
        head.push_nonzero(if regs.address.gs() { 0x65 } else { 0 });
        head.push_nonzero(if regs.address.addr32() { 0x67 } else { 0 });
        head.push_nonzero(if template.has(LOCK_BIT) { 0xf0 } else { 0 });
    }
    prefixes_and_opcode(&mut head, template, regs, false);
    let tail = address(regs, disp);
    let window = buffer.window();
    // An instruction has at most 15 bytes; the masks tell the compiler so.
    let (at_tail, at_imm) = (head.bytes() & 15, (head.bytes() + tail.bytes()) & 15);
    window[..8].copy_from_slice(&head.value.to_le_bytes());
    window[at_tail..at_tail + 8].copy_from_slice(&tail.value.to_le_bytes());
    window[at_imm..at_imm + 8].copy_from_slice(&imm.to_le_bytes());
    buffer.advance(at_imm + template.immediate_bytes as usize);
}

#[inline(always)]
fn prefixes_and_opcode(head: &mut Word, template: Template, regs: Regs, rm_is_reg: bool) {
    let (r, x, b) = (regs.reg >> 3 & 1, regs.index >> 3 & 1, regs.rm >> 3 & 1);
    let w = template.flags & WIDE_BIT;
    if template.has(VEX_BIT) {
        let map = template.flags >> MAP_SHIFT;
        let opcode = template.opcode as u64;
        let last = ((!regs.vvvv & 15) << 3 | template.prefix) as u64;
        if w | x | b == 0 && map == 1 {
            head.push(0xc5 | (((r ^ 1) << 7) as u64 | last) << 8 | opcode << 16, 3);
        } else {
            let rxb = (r ^ 1) << 7 | (x ^ 1) << 6 | (b ^ 1) << 5 | map;
            head.push(0xc4 | (rxb as u64) << 8 | ((w << 7) as u64 | last) << 16 | opcode << 24, 4);
        }
        return;
    }
    head.push_nonzero(template.prefix);
    let mut rex = w << 3 | r << 2 | x << 1 | b;
    if template.has(BYTE_REG_BIT | BYTE_RM_BIT) {
        // spl, bpl, sil, dil: without REX their numbers mean ah, ch, dh, bh.
        let new = |number: u8| (4..8).contains(&number);
        let names_new =
            template.has(BYTE_REG_BIT) && new(regs.reg) || template.has(BYTE_RM_BIT) && rm_is_reg && new(regs.rm);
        rex |= if names_new { 0x40 } else { 0 };
    }
    head.push_nonzero(if rex == 0 { 0 } else { rex | 0x40 });
    head.push(template.opcode as u64, template.opcode_bytes as u32);
}

/// ModRM, SIB and displacement.
#[inline(always)]
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
