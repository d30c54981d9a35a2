//! Quick ways into the encoder for the baseline compiler: instructions of the plain kinds, whose op is known where they are emitted, to words at once.
//! What is not of these kinds takes the long way by an [`Inst`].

use super::asm::{Assembler, Label};
use super::encode::encode;
use super::imm::is_imm12;
use super::inst::{Inst, hardware};
use super::mem::{Mem, is_scaled};
use super::row::{Cond, Extend, Op};
use crate::isa::reg::{Reg, RegClass};

impl Assembler {
    /// Emits a word, which is that of an instruction.
    #[inline(always)]
    fn quick(&mut self, word: u32, inst: impl Fn() -> Inst) {
        debug_assert_eq!(inst().check(), Ok(()), "{:?}", inst());
        debug_assert_eq!(encode(&inst()), word, "{:?}", inst());
        self.plain_word(word);
    }

    /// Three registers: destination and two sources.
    #[inline]
    pub fn quick_rrr(&mut self, op: Op, dst: Reg, first: Reg, second: Reg) {
        let word = op.word() | hardware(dst) | hardware(first) << 5 | hardware(second) << 16;
        self.quick(word, || Inst::r(op, [dst, first, second]));
    }

    /// Three registers, the last one extended.
    #[inline]
    pub fn quick_extended(&mut self, op: Op, dst: Reg, first: Reg, second: Reg, extend: Extend) {
        let word = op.word() | hardware(dst) | hardware(first) << 5 | hardware(second) << 16 | (extend as u32) << 13;
        self.quick(word, || Inst::r(op, [dst, first, second]).extend(extend, 0));
    }

    /// Three registers and a condition.
    #[inline]
    pub fn quick_select(&mut self, op: Op, dst: Reg, first: Reg, second: Reg, cond: Cond) {
        let word = op.word() | hardware(dst) | hardware(first) << 5 | hardware(second) << 16 | (cond as u32) << 12;
        self.quick(word, || Inst::r(op, [dst, first, second]).cond(cond));
    }

    /// Destination and a source in the place of the first one.
    #[inline]
    pub fn quick_rr(&mut self, op: Op, dst: Reg, src: Reg) {
        self.quick(op.word() | hardware(dst) | hardware(src) << 5, || Inst::r(op, [dst, src]));
    }

    /// Two sources.
    #[inline]
    pub fn quick_compare(&mut self, op: Op, first: Reg, second: Reg) {
        self.quick(op.word() | hardware(first) << 5 | hardware(second) << 16, || Inst::r(op, [first, second]));
    }

    /// Destination, source, and 12 bits, which may be shifted left by 12.
    #[inline]
    pub fn quick_imm12(&mut self, op: Op, dst: Reg, src: Reg, imm: u32) {
        debug_assert!(is_imm12(imm.into()));
        let field = if imm > 0xfff { 1 << 22 | imm >> 12 << 10 } else { imm << 10 };
        let word = op.word() | hardware(dst) | hardware(src) << 5 | field;
        self.quick(word, || Inst::r(op, [dst, src]).imm(imm as i32));
    }

    /// A source and 12 bits, which may be shifted left by 12.
    #[inline]
    pub fn quick_compare_imm12(&mut self, op: Op, src: Reg, imm: u32) {
        debug_assert!(is_imm12(imm.into()));
        let field = if imm > 0xfff { 1 << 22 | imm >> 12 << 10 } else { imm << 10 };
        self.quick(op.word() | hardware(src) << 5 | field, || Inst::r(op, [src]).imm(imm as i32));
    }

    /// Puts a constant into a general register.
    #[inline]
    pub fn quick_constant(&mut self, dst: Reg, value: u64) {
        match (value, !value) {
            (0..=0xffff, _) => {
                let word = Op::MOVZ.s64().word() | hardware(dst) | (value as u32) << 5;
                self.quick(word, || Inst::r(Op::MOVZ.s64(), [dst]).imm(value as i32));
            }
            (_, inverted @ 0..=0xffff) => {
                let word = Op::MOVN.s64().word() | hardware(dst) | (inverted as u32) << 5;
                self.quick(word, || Inst::r(Op::MOVN.s64(), [dst]).imm(inverted as i32));
            }
            _ => self.constant(dst, value),
        }
    }

    /// A load or store of so many bytes.
    #[inline]
    pub fn quick_rm(&mut self, op: Op, bytes: u32, reg: Reg, base: Reg, disp: i32) {
        let word = op.word() | hardware(reg) | hardware(base) << 5;
        let inst = || Inst::m(op, [reg], Mem::base(base, disp));
        if is_scaled(disp.into(), bytes) {
            self.quick(word | 1 << 24 | (disp as u32 / bytes) << 10, inst);
        } else if (-256..256).contains(&disp) {
            self.quick(word | (disp as u32 & 0x1ff) << 12, inst);
        } else {
            self.emit_plain(&inst());
        }
    }

    /// A load or store at the sum of two registers, the second one extended.
    #[inline]
    pub fn quick_indexed(&mut self, op: Op, reg: Reg, base: Reg, index: Reg, extend: Extend) {
        let word = op.word() | hardware(reg) | hardware(base) << 5;
        let index_field = 1 << 21 | hardware(index) << 16 | (extend as u32) << 13 | 2 << 10;
        self.quick(word | index_field, || Inst::m(op, [reg], Mem::indexed(base, index, extend, false)));
    }

    /// An instruction that goes on to the next one and has no operand in memory.
    #[inline]
    pub fn quick_inst(&mut self, inst: &Inst) {
        debug_assert!(!inst.op().row().has_target() && !inst.op().row().is_pseudo() && inst.memory_operand().is_none());
        debug_assert_eq!(inst.check(), Ok(()), "{inst:?}");
        self.plain_word(encode(inst));
    }

    /// Copies a whole register to one of the same class, not the stack pointer.
    #[inline]
    pub fn quick_copy(&mut self, dst: Reg, src: Reg) {
        let (op, src_field) = match dst.class() {
            RegClass::Int => (Op::MOV.s64(), hardware(src) << 16),
            RegClass::Vector => (Op::VMOV, hardware(src) << 16 | hardware(src) << 5),
        };
        self.quick(op.word() | hardware(dst) | src_field, || Inst::r(op, [dst, src]));
    }

    /// Goes to a label.
    #[inline]
    pub fn quick_jmp(&mut self, label: Label) {
        if !self.branch_forward(Op::B.word(), label, false) {
            self.jmp(label);
        }
    }

    /// Goes to a label on a condition.
    #[inline]
    pub fn quick_jcc(&mut self, cond: Cond, label: Label) {
        if !self.branch_forward(Op::BCC.word() | cond as u32, label, true) {
            self.jcc(cond, label);
        }
    }

    /// Goes to a label if a register is zero or is not: `cbz` and `cbnz`.
    #[inline]
    pub fn quick_test(&mut self, op: Op, reg: Reg, label: Label) {
        if !self.branch_forward(op.word() | hardware(reg), label, true) {
            self.emit_plain(&Inst::to_label(op, [reg], label));
        }
    }

    /// Adds bits to the word at an offset, where they were zero.
    pub fn fill(&mut self, at: u32, bits: u32) {
        let word = self.word_at(at);
        self.set_word(at, word | bits);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::aarch64::Features;
    use crate::isa::aarch64::regs::{SP, ZR, v, x};

    /// Debug builds compare each word with the encoder's.
    #[test]
    fn quick_branches_lead_where_branches_do() {
        let code = |quick: bool| {
            let mut asm = Assembler::new(Features::ALL);
            let (back, forward) = (asm.label(), asm.label());
            asm.bind(back);
            for label in [back, forward] {
                if quick {
                    asm.quick_jmp(label);
                    asm.quick_jcc(Cond::Le, label);
                    asm.quick_test(Op::CBNZ.s32(), x(7), label);
                } else {
                    asm.jmp(label);
                    asm.jcc(Cond::Le, label);
                    asm.emit_plain(&Inst::to_label(Op::CBNZ.s32(), [x(7)], label));
                }
            }
            asm.bind(forward);
            asm.op(Op::RET);
            asm.finish();
            asm.code().to_vec()
        };
        assert_eq!(code(true), code(false));
    }

    #[test]
    fn quick_ways_make_the_same_words() {
        let mut asm = Assembler::new(Features::ALL);
        for reg in [x(0), x(17), x(30)] {
            asm.quick_rrr(Op::ADD_S.s64(), reg, ZR, x(3));
            asm.quick_extended(Op::ADD_X.s64(), reg, SP, x(3), Extend::Uxtw);
            asm.quick_select(Op::CSEL.s32(), reg, x(1), ZR, Cond::Gt);
            asm.quick_rr(Op::CLZ.s32(), reg, x(9));
            asm.quick_copy(reg, x(4));
            asm.quick_copy(v(3), v(31));
            asm.quick_inst(&Inst::r(Op::LSL_I.s32(), [reg, x(2)]).imm(7));
            asm.quick_compare(Op::CMP_S.s64(), reg, x(9));
            for imm in [0, 1, 0xfff, 0x1000, 0xfff_000] {
                asm.quick_imm12(Op::SUB_I.s64(), reg, SP, imm);
                asm.quick_compare_imm12(Op::CMN_I.s32(), reg, imm);
            }
            for value in [0, 0xffff, 0x1_0000, u64::MAX, !0xffff, 0x1234_5678_9abc_def0] {
                asm.quick_constant(reg, value);
            }
            for disp in [0, 8, 255, 256, -256, -257, 32760, 32768, 16 << 20] {
                asm.quick_rm(Op::LDR_X, 8, reg, SP, disp);
                asm.quick_rm(Op::STR_Q, 16, v(31), x(2), disp);
            }
            asm.quick_indexed(Op::LDRSB_X, reg, x(27), x(5), Extend::Uxtw);
        }
        asm.finish();
        assert!(!asm.code().is_empty());
    }
}
