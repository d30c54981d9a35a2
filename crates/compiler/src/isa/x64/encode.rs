//! Fields of one instruction to bytes.
//!
//! ```text
//! plain  [gs] [67] [lock] [66] [mandatory prefix] [REX] opcode [ModRM [SIB] [disp]] [immediate]
//! VEX    [gs] [67] C5 or C4 ...                         opcode [ModRM [SIB] [disp]] [immediate]
//! ```
//! Prefixes and opcode are gathered in one word, ModRM to displacement in a second, the immediate is a third; three stores write them.

use super::mem::{AddressBits, AddressKind};
use super::row::*;
use crate::isa::buffer::CodeBuffer;

/// What the encoder needs to know, in two machine words.
#[derive(Clone, Copy)]
pub(super) struct Fields {
    pub op: Op,
    pub address: AddressBits,
    pub cond: u8,
    /// Hardware numbers below 16, or [`Fields::NO_REG`].
    pub reg: u8,
    pub vvvv: u8,
    pub rm: u8,
    pub index: u8,
    pub disp: i32,
    pub imm: i32,
}

impl Fields {
    /// No register. The bits that go into prefixes and ModRM are those of register 0.
    pub const NO_REG: u8 = 16;
}

const RSP: u8 = 4;
const RBP: u8 = 5;

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

    #[inline(always)]
    fn bytes(self) -> usize {
        (self.bits / 8) as usize
    }
}

/// Appends an instruction; gives the number of bytes of its immediate, which stand behind the displacement.
///
/// A label or symbol as address gets displacement 0, as target immediate 0. The frame's kinds of addresses must be resolved before.
pub(super) fn encode(buffer: &mut CodeBuffer, f: Fields) -> u32 {
    let encoding = f.op.encoding();
    let flags = encoding.flags;
    let size = f.op.operation_size();
    let mut head = Word::default();

    if f.address.0 & (AddressBits::GS | AddressBits::ADDR32) != 0 || flags & LOCK != 0 || size == Size::S16 {
        if f.address.gs() {
            head.push(0x65, 1);
        }
        if f.address.addr32() {
            head.push(0x67, 1);
        }
        if flags & LOCK != 0 {
            head.push(0xf0, 1);
        }
        if size == Size::S16 {
            head.push(0x66, 1);
        }
    }

    let wide = flags & W1 != 0 || (flags & WIDTH_SETS_W != 0 && size == Size::S64);
    let (w, r, x, b) = (wide as u8, f.reg >> 3 & 1, f.index >> 3 & 1, f.rm >> 3 & 1);
    let last = 8 * (encoding.opcode_bytes as u32 - 1);
    if f.op.is_vex() {
        let opcode = (encoding.opcode >> last) as u64;
        let pp = (!f.vvvv & 15) << 3 | encoding.pp;
        if w | x | b == 0 && encoding.map == 1 {
            head.push(0xc5 | (((r ^ 1) << 7 | pp) as u64) << 8 | opcode << 16, 3);
        } else {
            let rxb = (r ^ 1) << 7 | (x ^ 1) << 6 | (b ^ 1) << 5 | encoding.map;
            head.push(0xc4 | (rxb as u64) << 8 | ((w << 7 | pp) as u64) << 16 | opcode << 24, 4);
        }
    } else {
        if encoding.prefix != 0 {
            head.push(encoding.prefix as u64, 1);
        }
        let mut rex = w << 3 | r << 2 | x << 1 | b;
        if (size == Size::S8 || flags & RM_IS_BYTE != 0) && names_new_byte(&f, size) {
            rex |= 0x40;
        }
        if rex != 0 {
            head.push((rex | 0x40) as u64, 1);
        }
        let mut opcode = encoding.opcode as u64;
        if size == Size::S8 {
            opcode &= !(1 << last);
        }
        if flags & (HAS_COND | HAS_OPCODE_REG) != 0 {
            let low = if flags & HAS_COND != 0 { f.cond } else { f.rm & 7 };
            opcode += (low as u64) << last;
        }
        if is_short(&f, size) {
            opcode |= 2 << last;
        }
        head.push(opcode, encoding.opcode_bytes as u32);
    }

    let tail = if flags & HAS_MODRM != 0 { address(&f, encoding) } else { Word::default() };

    let (imm, imm_bytes) = match encoding.immediate {
        None => (f.imm as u64, (flags & HAS_IS4 != 0) as usize),
        Some(Kind::Imm8) => (f.imm as u64, 1),
        Some(Kind::Imm64) => ((f.disp as u64) << 32 | f.imm as u32 as u64, 8),
        Some(Kind::ShortTarget) => (0, 1),
        Some(Kind::Target) => (0, 4),
        Some(_) => match size {
            _ if is_short(&f, size) => (f.imm as u64, 1),
            Size::S8 => (f.imm as u64, 1),
            Size::S16 => (f.imm as u64, 2),
            Size::S32 | Size::S64 => (f.imm as u64, 4),
        },
    };

    let window = buffer.window();
    // An instruction has at most 15 bytes; the masks tell the compiler so.
    let (at_tail, at_imm) = (head.bytes() & 15, (head.bytes() + tail.bytes()) & 15);
    window[..8].copy_from_slice(&head.value.to_le_bytes());
    window[at_tail..at_tail + 8].copy_from_slice(&tail.value.to_le_bytes());
    window[at_imm..at_imm + 8].copy_from_slice(&imm.to_le_bytes());
    buffer.advance(head.bytes() + tail.bytes() + imm_bytes);
    imm_bytes as u32
}

/// Whether the immediate is written as one sign-extended byte.
#[inline(always)]
fn is_short(f: &Fields, size: Size) -> bool {
    let fits = match size {
        Size::S8 => false,
        Size::S16 => f.imm as i16 == f.imm as i8 as i16,
        Size::S32 | Size::S64 => f.imm == f.imm as i8 as i32,
    };
    fits && f.op.encoding().flags & SHORT_IMM != 0
}

/// Whether it names `spl`, `bpl`, `sil` or `dil`: without REX those numbers mean `ah`, `ch`, `dh`, `bh`.
#[inline]
fn names_new_byte(f: &Fields, size: Size) -> bool {
    let new = 4..8;
    (f.address.is_reg() && new.contains(&f.rm)) || (size == Size::S8 && new.contains(&f.reg))
}

/// ModRM, SIB and displacement.
#[inline(always)]
fn address(f: &Fields, encoding: &Encoding) -> Word {
    let reg = if encoding.flags & DIGIT != 0 { encoding.digit } else { f.reg & 7 } << 3;
    if f.address.is_reg() {
        return Word { value: (0xc0 | reg | f.rm & 7) as u64, bits: 8 };
    }
    let disp = (f.disp as u32) as u64;
    if !f.address.is_based() {
        debug_assert!(matches!(f.address.kind(), AddressKind::Label | AddressKind::Symbol));
        return Word { value: (reg | RBP) as u64, bits: 40 };
    }
    let index = if f.index == Fields::NO_REG { RSP } else { f.index & 7 };
    let sib = (f.address.scale() << 6 | index << 3) as u64;
    if f.rm == Fields::NO_REG {
        // No base: a 32-bit displacement behind a SIB byte that says so. (Without SIB it would be relative to rip.)
        return Word { value: (reg | RSP) as u64 | (sib | RBP as u64) << 8 | disp << 16, bits: 48 };
    }
    let base = f.rm & 7;
    // Mode 0 with rbp or r13 would mean "no base".
    let (mode, disp_bits) = match f.disp {
        0 if base != RBP => (0, 0),
        -128..=127 => (0x40, 8),
        _ => (0x80, 32),
    };
    let disp = disp & ((1 << disp_bits) - 1);
    if f.index == Fields::NO_REG && base != RSP {
        Word { value: (mode | reg | base) as u64 | disp << 8, bits: 8 + disp_bits }
    } else {
        Word { value: (mode | reg | RSP) as u64 | (sib | base as u64) << 8 | disp << 16, bits: 16 + disp_bits }
    }
}
