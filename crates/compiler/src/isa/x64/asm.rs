//! The assembler: instructions, labels and references to the outside, in one pass over one buffer.
//!
//! Two ways in, one encoder behind them. The optimizing compiler emits [`Inst`] values after register allocation. The baseline compiler and
//! stubs call the short methods, in two-operand notation: `asm.rr(Op::ADD_RM.s32(), RAX, RCX)`. These are inlined, so that with a constant
//! [`Op`] little more than the stores of its bytes is left; where the op is not a constant, emit an [`Inst`]. They choose the AVX twin of an
//! SSE instruction by the CPU's features.
//!
//! Jumps back are as short as they can be; jumps forward have 32 bits unless the caller asks for a short one (`JCC_SHORT`, `JMP_SHORT`) or
//! calls [`Assembler::relax`]. [`Assembler::finish`] fills in references, each in constant time.

use super::encode::{Fields, NO_REG, encode};
use super::features::Features;
use super::inst::Inst;
use super::mem::{AddressBits, AddressKind, Mem};
use super::regs::{RBP, RSP};
use super::relax::{SHORT_BYTES, Shift};
use super::row::{Cond, Kind, Op};
use crate::isa::buffer::CodeBuffer;
use crate::isa::reg::{Reg, RegClass};

pub use crate::isa::buffer::{Label, Symbol};

/// Four bytes to be filled in when the code gets its place: `address of symbol + addend - address of these bytes`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reloc {
    /// Offset of the four bytes.
    pub offset: u32,
    /// What they refer to.
    pub symbol: Symbol,
    /// Minus the distance from the bytes to the end of their instruction.
    pub addend: i32,
}

/// Where the areas of a frame are, for the addresses that name them ([`Mem::slot`], [`Mem::in_arg`], [`Mem::out_arg`]).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FrameBases {
    /// From `rsp` up to the lowest slot.
    pub slots: i32,
    /// From `rsp` up to what lowering itself put into the frame.
    pub locals: i32,
    /// From `rsp` up to the first argument on the stack.
    pub in_args: i32,
    /// From `rsp` up to where `rbp` points; `None` in a frame that leaves `rbp` to its caller.
    pub frame_pointer: Option<i32>,
}

pub(super) const UNBOUND: u32 = u32::MAX;

/// Bytes that wait for a label: they get its distance from `base`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fixup {
    pub(super) at: u32,
    pub(super) label: Label,
    pub(super) base: u32,
    pub(super) width: Width,
}

/// Bytes that a reference to a label has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Width {
    /// One.
    Short,
    /// Four.
    Long,
    /// Four, at the end of a jump that may become a short one.
    Jump,
    /// Eight, in a jump table.
    Entry,
}

/// Padding.
#[derive(Clone, Copy, Debug)]
pub(super) struct Padding {
    /// Offset behind it, a multiple of `align`.
    pub(super) end: u32,
    pub(super) bytes: u32,
    pub(super) align: u32,
    /// For the padding of a loop that has no other one in it: where its last jump back ends.
    pub(super) loop_end: Option<u32>,
}

/// Emits one piece of code. Reuse it with [`Assembler::clear`]: it keeps its memory.
#[derive(Clone, Debug, Default)]
pub struct Assembler {
    pub(super) buffer: CodeBuffer,
    features: Features,
    frame: FrameBases,
    /// Offset of each label, or [`UNBOUND`].
    pub(super) labels: Vec<u32>,
    /// By ascending offset.
    pub(super) fixups: Vec<Fixup>,
    pub(super) relocs: Vec<Reloc>,
    pub(super) paddings: Vec<Padding>,
    pub(super) shifts: Vec<Shift>,
    /// The largest alignment behind which something stands.
    pub(super) code_align: u32,
}

impl Assembler {
    /// An empty one for CPUs with these features.
    pub fn new(features: Features) -> Assembler {
        Assembler { features, ..Assembler::default() }
    }

    /// Forgets code, labels and references.
    pub fn clear(&mut self) {
        self.buffer.clear();
        self.labels.clear();
        self.fixups.clear();
        self.relocs.clear();
        self.paddings.clear();
        self.shifts.clear();
        self.code_align = 1;
        self.frame = FrameBases::default();
    }

    /// What the CPU has.
    #[inline]
    pub fn features(&self) -> Features {
        self.features
    }

    /// Bytes emitted so far.
    #[inline]
    pub fn offset(&self) -> u32 {
        self.buffer.offset()
    }

    /// Says where the areas of the frame are from here on.
    pub fn set_frame(&mut self, frame: FrameBases) {
        self.frame = frame;
    }

    /// The code. Forward references are filled in by [`Assembler::finish`].
    pub fn code(&self) -> &[u8] {
        self.buffer.code()
    }

    /// The offset that the code is placed at has to be a multiple of this, so that what is aligned in it stays aligned.
    pub fn code_align(&self) -> u32 {
        self.code_align
    }

    /// References to the outside, by ascending offset.
    pub fn relocs(&self) -> &[Reloc] {
        &self.relocs
    }

    /// A new label, not bound yet.
    #[inline]
    pub fn label(&mut self) -> Label {
        self.labels.push(UNBOUND);
        Label(self.labels.len() as u32 - 1)
    }

    /// Binds a label to this place.
    #[inline]
    pub fn bind(&mut self, label: Label) {
        let place = &mut self.labels[label.0 as usize];
        debug_assert!(*place == UNBOUND, "{label:?} is bound twice");
        *place = self.buffer.offset();
    }

    /// Where a label is, once it is bound.
    pub fn label_offset(&self, label: Label) -> Option<u32> {
        Some(self.labels[label.0 as usize]).filter(|offset| *offset != UNBOUND)
    }

    /// Fills in every reference to a label. Panics if one was never bound, or a short jump does not reach: bugs of the caller.
    pub fn finish(&mut self) {
        let mut fixups = std::mem::take(&mut self.fixups);
        for fixup in fixups.drain(..) {
            let place = self.label_offset(fixup.label);
            let place = place.unwrap_or_else(|| panic!("{:?} is used and not bound", fixup.label));
            let value = place as i32 - fixup.base as i32;
            match fixup.width {
                Width::Short => {
                    let value = i8::try_from(value);
                    self.buffer.write_i8(fixup.at, value.unwrap_or_else(|_| panic!("{:?} is too far", fixup.label)));
                }
                Width::Long | Width::Jump => self.buffer.write_i32(fixup.at, value),
                Width::Entry => {
                    self.buffer.write_i32(fixup.at, value);
                    self.buffer.write_i32(fixup.at + 4, value >> 31);
                }
            }
        }
        self.fixups = fixups;
    }

    /// Emits an instruction whose registers are all physical.
    #[inline(never)]
    pub fn emit(&mut self, inst: &Inst) {
        self.emit_inlined(inst);
    }

    #[inline(always)]
    fn emit_inlined(&mut self, inst: &Inst) {
        debug_assert_eq!(inst.check(), Ok(()), "{inst:?}");
        debug_assert!(self.features.contains(inst.op.feature()), "the CPU has no {:?}", inst.op);
        let fields = inst.fields();
        if fields.regs.address.is_reg() || fields.regs.address.is_based() {
            encode(&mut self.buffer, fields);
        } else {
            self.emit_reference(fields);
        }
    }

    /// Emits what needs more than the encoder: labels, symbols, places in the frame.
    #[inline(never)]
    fn emit_reference(&mut self, mut f: Fields) {
        let frame = match f.regs.address.kind() {
            AddressKind::Label => return self.emit_label_reference(f),
            AddressKind::Symbol => {
                let symbol = Symbol(f.disp as u32);
                let (offset, behind) = self.encode_reference(f);
                return self.relocs.push(Reloc { offset, symbol, addend: -behind });
            }
            AddressKind::Slot => self.frame.slots,
            AddressKind::InArg => self.frame.in_args,
            AddressKind::OutArg => 0,
            AddressKind::Local => self.frame.locals,
            AddressKind::Reg | AddressKind::Based => unreachable!("handled by emit"),
        };
        let from_rsp = f.disp.checked_add(frame).expect("frames are far smaller than 2 GiB");
        let (base, disp) = match self.frame.frame_pointer {
            Some(fp) if is_shorter_from_rbp(from_rsp, fp) => (RBP, from_rsp - fp),
            _ => (RSP, from_rsp),
        };
        f.regs.address = AddressBits(AddressKind::Based as u8 | f.regs.address.0 & AddressBits::GS);
        (f.regs.rm, f.regs.index, f.disp) = (base.number() as u8, NO_REG, disp);
        encode(&mut self.buffer, f);
    }

    fn emit_label_reference(&mut self, mut f: Fields) {
        let label = Label(f.disp as u32);
        let place = self.labels[label.0 as usize];
        let short = match f.op {
            Op::JMP => Some(Op::JMP_SHORT),
            Op::JCC => Some(Op::JCC_SHORT),
            _ => None,
        };
        let mut width = if short.is_some() { Width::Jump } else { Width::Long };
        if let Some(op) = short
            && place != UNBOUND
            && self.is_near(self.offset() + SHORT_BYTES, place)
        {
            f.op = op;
        }
        if f.op.encoding().immediate == Some(Kind::ShortTarget) {
            width = Width::Short;
        }
        let (at, behind) = self.encode_reference(f);
        let base = at + behind as u32;
        self.fixups.push(Fixup { at, label, base, width });
        if let Some(last) = self.paddings.last_mut()
            && last.end == place
        {
            last.loop_end = Some(base);
        }
    }

    /// The bytes.
    #[inline(always)]
    pub(super) fn buffer(&mut self) -> &mut CodeBuffer {
        &mut self.buffer
    }

    /// Emits a jump to a label that is not bound yet; `false`: it is.
    #[inline(always)]
    pub(super) fn jump_forward(&mut self, op: Op, cond: Cond, label: Label) -> bool {
        if self.labels[label.0 as usize] != UNBOUND {
            return false;
        }
        let fields = Fields { disp: 0, ..Inst::to_label(op, label).cond(cond).fields() };
        encode(&mut self.buffer, fields);
        let base = self.offset();
        self.fixups.push(Fixup { at: base - 4, label, base, width: Width::Jump });
        true
    }

    /// Emits an instruction with a reference left zero; gives its offset and the bytes from there to the end of the instruction.
    fn encode_reference(&mut self, mut f: Fields) -> (u32, i32) {
        f.disp = 0;
        let imm_bytes = encode(&mut self.buffer, f);
        let behind = match f.op.encoding().immediate {
            Some(Kind::Target | Kind::ShortTarget) => imm_bytes,
            _ => imm_bytes + 4,
        };
        (self.offset() - behind, behind as i32)
    }

    /// Emits what the methods below build, with each op known where it is inlined. They name no fixed registers: nothing but the check cares.
    #[inline(always)]
    fn direct(&mut self, op: Op, build: impl Fn(Op) -> Inst) {
        let build = |op| {
            let inst: Inst = build(op);
            if cfg!(debug_assertions) { inst.with_fixed() } else { inst }
        };
        if op.has_twin() && self.features.contains(Features::AVX) {
            self.emit_inlined(&build(op.vex()));
        } else {
            self.emit_inlined(&build(op));
        }
    }

    /// An instruction without explicit registers or memory: `ret`, `cdq`.
    #[inline(always)]
    pub fn op(&mut self, op: Op) {
        self.r_all::<0>(op, []);
    }

    /// One register: `neg rax`, `push rax`, `mul rcx`, `shl rax, cl`.
    #[inline(always)]
    pub fn r(&mut self, op: Op, reg: Reg) {
        self.r_all(op, [reg]);
    }

    /// Two registers, destination first.
    #[inline(always)]
    pub fn rr(&mut self, op: Op, dst: Reg, src: Reg) {
        self.r_all(op, [dst, src]);
    }

    /// Two registers and an immediate.
    #[inline(always)]
    pub fn rri(&mut self, op: Op, dst: Reg, src: Reg, imm: i32) {
        self.direct(op, |op| Inst::two_r(op, [dst, src]).imm(imm));
    }

    /// A register and an immediate.
    #[inline(always)]
    pub fn ri(&mut self, op: Op, dst: Reg, imm: i32) {
        self.direct(op, |op| Inst::two_r(op, [dst]).imm(imm));
    }

    /// An immediate alone.
    #[inline(always)]
    pub fn i(&mut self, op: Op, imm: i32) {
        self.direct(op, |op| Inst::r(op, []).imm(imm));
    }

    /// A register and 64 bits.
    #[inline(always)]
    pub fn ri64(&mut self, op: Op, dst: Reg, imm: i64) {
        self.direct(op, |op| Inst::r(op, [dst]).imm64(imm));
    }

    /// Register and memory in whichever order the row has them: load, `add rax, [m]`, store, `add [m], rax`.
    #[inline(always)]
    pub fn rm(&mut self, op: Op, reg: Reg, mem: Mem) {
        self.direct(op, |op| Inst::two_m(op, [reg], mem));
    }

    /// The same with an immediate.
    #[inline(always)]
    pub fn rmi(&mut self, op: Op, reg: Reg, mem: Mem, imm: i32) {
        self.direct(op, |op| Inst::two_m(op, [reg], mem).imm(imm));
    }

    /// Memory alone.
    #[inline(always)]
    pub fn m(&mut self, op: Op, mem: Mem) {
        self.direct(op, |op| Inst::two_m(op, [], mem));
    }

    /// Memory and an immediate.
    #[inline(always)]
    pub fn mi(&mut self, op: Op, mem: Mem, imm: i32) {
        self.direct(op, |op| Inst::two_m(op, [], mem).imm(imm));
    }

    /// Three registers: one AVX instruction, or without AVX a copy and the SSE one. Then `dst` must not be `second`, unless it is `first` too.
    #[inline(always)]
    pub fn rrr(&mut self, op: Op, dst: Reg, first: Reg, second: Reg) {
        let first = self.first_source(op, dst, first, second);
        self.direct(op, |op| Inst::r(op, [dst, first, second]));
    }

    /// Two registers and memory, like [`Assembler::rrr`].
    #[inline(always)]
    pub fn rrm(&mut self, op: Op, dst: Reg, first: Reg, mem: Mem) {
        let first = self.first_source(op, dst, first, Reg::NONE);
        self.direct(op, |op| Inst::m(op, [dst, first], mem));
    }

    #[inline(always)]
    fn r_all<const N: usize>(&mut self, op: Op, regs: [Reg; N]) {
        self.direct(op, |op| Inst::two_r(op, regs));
    }

    #[inline(always)]
    fn first_source(&mut self, op: Op, dst: Reg, first: Reg, second: Reg) -> Reg {
        let avx = op.has_twin() && self.features.contains(Features::AVX);
        if avx || op.is_vex() || dst == first || op.encoding().with_reg.pairs == 0 {
            return first;
        }
        debug_assert!(dst != second, "{op:?} would overwrite its second source");
        self.copy(dst, first);
        dst
    }

    /// Copies a whole register to one of the same class.
    #[inline]
    pub fn copy(&mut self, dst: Reg, src: Reg) {
        match dst.class() {
            RegClass::Int => self.rr(Op::MOV_RM.s64(), dst, src),
            RegClass::Vector => self.rr(Op::MOVAPS_RM, dst, src),
        }
    }

    /// Jumps to a label.
    #[inline]
    pub fn jmp(&mut self, label: Label) {
        self.emit(&Inst::to_label(Op::JMP, label));
    }

    /// Jumps to a label on a condition.
    #[inline]
    pub fn jcc(&mut self, cond: Cond, label: Label) {
        self.emit(&Inst::to_label(Op::JCC, label).cond(cond));
    }

    /// Calls a label.
    #[inline]
    pub fn call(&mut self, label: Label) {
        self.emit(&Inst::to_label(Op::CALL, label));
    }

    /// Calls a symbol.
    #[inline]
    pub fn call_symbol(&mut self, symbol: Symbol) {
        self.emit(&Inst::to_symbol(Op::CALL, symbol));
    }

    /// Sets the low byte of a register to 1 or 0 and leaves the others.
    #[inline(always)]
    pub fn setcc(&mut self, cond: Cond, dst: Reg) {
        self.direct(Op::SETCC_INTO, |op| Inst::two_r(op, [dst]).cond(cond));
    }

    /// Copies on a condition; `op` is `Op::CMOVCC` in a width.
    #[inline(always)]
    pub fn cmovcc(&mut self, op: Op, cond: Cond, dst: Reg, src: Reg) {
        self.direct(op, |op| Inst::two_r(op, [dst, src]).cond(cond));
    }

    /// Puts a constant into a register, in the shortest way that leaves flags alone.
    #[inline]
    pub fn constant(&mut self, dst: Reg, value: i64) {
        if let Ok(value) = u32::try_from(value) {
            self.ri(Op::MOV_RI32, dst, value as i32);
        } else if let Ok(value) = i32::try_from(value) {
            self.ri(Op::MOV_RI, dst, value);
        } else {
            self.ri64(Op::MOV_RI64, dst, value);
        }
    }

    /// Appends bytes as they are.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.buffer.extend(bytes);
    }

    /// Appends a table of the labels' distances from its own start, eight bytes each.
    pub fn jump_table(&mut self, labels: impl IntoIterator<Item = Label>) {
        let start = self.offset();
        for label in labels {
            self.fixups.push(Fixup { at: self.offset(), label, base: start, width: Width::Entry });
            self.buffer.extend(&[0; 8]);
        }
    }

    /// Replaces the immediate or displacement that ends at `end` (of an instruction just emitted with four bytes there, such as `SUB_I32`).
    pub fn patch_i32(&mut self, end: u32, value: i32) {
        self.buffer.write_i32(end - 4, value);
    }

    /// Fills up to a multiple of `align`, a power of two, with as few `nop`s as possible.
    pub fn align(&mut self, align: u32) {
        debug_assert!(align.is_power_of_two());
        let end = self.offset().next_multiple_of(align);
        let bytes = end - self.offset();
        self.code_align = self.code_align.max(align);
        self.paddings.push(Padding { end, bytes, align, loop_end: None });
        nops(bytes, |nop| self.buffer.extend(nop));
    }
}

/// Gives as few `nop`s as possible that fill so many bytes.
pub(super) fn nops(bytes: u32, mut fill: impl FnMut(&[u8])) {
    let mut bytes = bytes as usize;
    while bytes > 0 {
        let nop = NOPS[bytes.min(NOPS.len()) - 1];
        fill(nop);
        bytes -= nop.len();
    }
}

/// `nop`s of one to nine bytes, the forms that both makers of CPUs recommend.
const NOPS: [&[u8]; 9] = [
    &[0x90],
    &[0x66, 0x90],
    &[0x0f, 0x1f, 0x00],
    &[0x0f, 0x1f, 0x40, 0x00],
    &[0x0f, 0x1f, 0x44, 0x00, 0x00],
    &[0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00],
    &[0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00],
    &[0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
    &[0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
];

/// An address from `rsp` has a SIB byte more, one from `rbp` always a displacement.
fn is_shorter_from_rbp(from_rsp: i32, frame_pointer: i32) -> bool {
    let disp_bytes = |disp: i32| if i8::try_from(disp).is_ok() { 1 } else { 4 };
    let rsp_bytes = 1 + if from_rsp == 0 { 0 } else { disp_bytes(from_rsp) };
    match from_rsp.checked_sub(frame_pointer) {
        Some(from_rbp) => disp_bytes(from_rbp) < rsp_bytes,
        None => false,
    }
}
