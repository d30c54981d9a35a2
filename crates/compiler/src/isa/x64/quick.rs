//! Quick ways into the encoder for the baseline compiler: instructions whose op is known only when they are emitted, but which are of the plain
//! kind, as nearly all of its are. What is not takes the long way by an [`Inst`].

use super::asm::{Assembler, Label};
use super::encode::{NO_REG, Quick, encode_quick};
use super::inst::Inst;
use super::mem::Mem;
use super::row::{Cond, Op};
use crate::isa::reg::Reg;

impl Assembler {
    /// Two registers, in two-operand notation.
    #[inline]
    pub fn quick_rr(&mut self, op: Op, dst: Reg, src: Reg) {
        debug_assert_eq!(Inst::two_r(op, [dst, src]).check(), Ok(()), "{op:?}");
        if !encode_quick(self.buffer(), op, Quick::Regs { first: number(dst), second: number(src) }, None) {
            self.emit(&Inst::two_r(op, [dst, src]));
        }
    }

    /// A register and an immediate.
    #[inline]
    pub fn quick_ri(&mut self, op: Op, dst: Reg, imm: i32) {
        debug_assert_eq!(Inst::two_r(op, [dst]).check(), Ok(()), "{op:?}");
        if !encode_quick(self.buffer(), op, Quick::Reg(number(dst)), Some(imm)) {
            self.emit(&Inst::two_r(op, [dst]).imm(imm));
        }
    }

    /// Register and memory in whichever order the row has them.
    #[inline]
    pub fn quick_rm(&mut self, op: Op, reg: Reg, mem: Mem) {
        debug_assert_eq!(Inst::two_m(op, [reg], mem).check(), Ok(()), "{op:?}");
        if !encode_quick(self.buffer(), op, Quick::Mem { reg: number(reg), mem }, None) {
            self.emit(&Inst::two_m(op, [reg], mem));
        }
    }

    /// Memory and an immediate.
    #[inline]
    pub fn quick_mi(&mut self, op: Op, mem: Mem, imm: i32) {
        if !encode_quick(self.buffer(), op, Quick::Mem { reg: NO_REG, mem }, Some(imm)) {
            self.emit(&Inst::two_m(op, [], mem).imm(imm));
        }
    }

    /// Jumps to a label.
    #[inline]
    pub fn quick_jmp(&mut self, label: Label) {
        if !self.jump_forward(Op::JMP, Cond::O, label) {
            self.jmp(label);
        }
    }

    /// Jumps to a label on a condition.
    #[inline]
    pub fn quick_jcc(&mut self, cond: Cond, label: Label) {
        if !self.jump_forward(Op::JCC, cond, label) {
            self.jcc(cond, label);
        }
    }
}

fn number(reg: Reg) -> u8 {
    reg.number() as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::x64::Features;
    use crate::isa::x64::mem::Scale;
    use crate::isa::x64::regs::*;
    use crate::isa::x64::row::Size;

    /// The bytes that a piece of code makes.
    fn bytes(emit: impl Fn(&mut Assembler)) -> Vec<u8> {
        let mut asm = Assembler::new(Features::ALL);
        emit(&mut asm);
        asm.finish();
        asm.code().to_vec()
    }

    #[test]
    fn quick_ways_make_the_same_bytes() {
        let regs = [RAX, RCX, RSP, RBP, RSI, RDI, R8, R12, R13, R15];
        let mems = regs.into_iter().flat_map(|base| {
            let scaled = Mem::indexed(base, R9, Scale::Eight, 300);
            [Mem::base(base, 0), Mem::base(base, -8), Mem::base(base, 1 << 20), scaled]
        });
        let mems: Vec<Mem> = mems.collect();
        for size in [Size::S8, Size::S16, Size::S32, Size::S64] {
            for a in regs {
                for b in regs {
                    for op in [Op::ADD_RM, Op::CMP_RM, Op::TEST_MR].map(|op| op.size(size)) {
                        assert_eq!(
                            bytes(|asm| asm.quick_rr(op, a, b)),
                            bytes(|asm| asm.emit(&Inst::two_r(op, [a, b]))),
                            "{op:?}"
                        );
                    }
                }
                for imm in [0, 1, -1, 127, 128, -129, i32::MAX] {
                    for op in [Op::ADD_I, Op::AND_I, Op::CMP_I, Op::TEST_I].map(|op| op.size(size)) {
                        assert_eq!(
                            bytes(|asm| asm.quick_ri(op, a, imm)),
                            bytes(|asm| asm.emit(&Inst::two_r(op, [a]).imm(imm))),
                            "{op:?}"
                        );
                    }
                }
                assert_eq!(
                    bytes(|asm| asm.quick_ri(Op::SHL_I.size(size), a, 5)),
                    bytes(|asm| asm.emit(&Inst::two_r(Op::SHL_I.size(size), [a]).imm(5)))
                );
                for &mem in &mems {
                    for op in [Op::ADD_RM, Op::CMP_MR, Op::MOV_MR].map(|op| op.size(size)) {
                        assert_eq!(
                            bytes(|asm| asm.quick_rm(op, a, mem)),
                            bytes(|asm| asm.emit(&Inst::two_m(op, [a], mem))),
                            "{op:?}"
                        );
                    }
                    let op = Op::MOV_MI.size(size);
                    assert_eq!(
                        bytes(|asm| asm.quick_mi(op, mem, 77)),
                        bytes(|asm| asm.emit(&Inst::two_m(op, [], mem).imm(77)))
                    );
                }
            }
        }
        let wide =
            [Op::MOVZX_8.s32(), Op::MOVZX_16.s32(), Op::MOVSX_8.s64(), Op::MOVSXD, Op::MOV_RM.s32(), Op::LEA.s64()];
        for op in wide {
            for &mem in &mems {
                assert_eq!(
                    bytes(|asm| asm.quick_rm(op, R9, mem)),
                    bytes(|asm| asm.emit(&Inst::two_m(op, [R9], mem))),
                    "{op:?}"
                );
            }
        }
        for op in [Op::MOVSD_LOAD, Op::MOVSD_STORE, Op::MOVUPS_RM, Op::MOVSS_STORE] {
            for op in [op, op.vex()] {
                assert_eq!(
                    bytes(|asm| asm.quick_rm(op, XMM15, mems[1])),
                    bytes(|asm| asm.emit(&Inst::two_m(op, [XMM15], mems[1]))),
                    "{op:?}"
                );
            }
        }
    }

    #[test]
    fn quick_jumps_lead_where_jumps_do() {
        let jumps = |quick: bool| {
            bytes(|asm| {
                let (back, forward) = (asm.label(), asm.label());
                asm.bind(back);
                for label in [back, forward] {
                    if quick {
                        asm.quick_jmp(label);
                        asm.quick_jcc(Cond::Le, label);
                    } else {
                        asm.jmp(label);
                        asm.jcc(Cond::Le, label);
                    }
                }
                asm.bind(forward);
                asm.op(Op::RET);
            })
        };
        assert_eq!(jumps(true), jumps(false));
    }
}
