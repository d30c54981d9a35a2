//! Vectors: what has a row in the machine's table ([`vectors`]), constants, shuffles, accesses to memory. All else is left to snippets.
//!
//! A sequence keeps what is between its instructions in the scratch register, from when the result's register is known: to make that one free may take
//! the scratch register, too.

use super::{VECTOR_SCRATCH, Value, X64};
use crate::baseline::Baseline;
use crate::baseline::state::{Operand, Place};
use crate::ir::{Opcode, Type};
use crate::isa::convention::class_of;
use crate::isa::reg::{Reg, RegClass};
use crate::isa::x64::features::Features;
use crate::isa::x64::inst::Inst;
use crate::isa::x64::row::{Cond, Op};
use crate::isa::x64::vcode::Test;
use crate::isa::x64::vectors::{self, Row, SWIZZLE_LIMIT, Shuffle, UPPER};
use crate::translate::{Context, LaneAccess};
use tiercel_abi::Trap;

impl Baseline<X64> {
    /// An opcode on vectors that names this lane; `false`: it has no row.
    pub(in crate::baseline) fn vector(&mut self, op: Opcode, lane: u8) -> bool {
        let Some(row) = vectors::row(op, lane, self.asm.features()) else { return false };
        let info = op.info();
        match row {
            Row::Binary(op, imm) | Row::InsertFloat(op, imm) => {
                let (b, a) = (self.pop(), self.pop());
                let dst = self.vector_binary([a, b], op, imm, info.commutes);
                self.push_reg(Type::V128, dst);
            }
            Row::Swapped(op, imm) => {
                let (a, b) = (self.pop(), self.pop());
                let dst = self.vector_binary([a, b], op, imm, false);
                self.push_reg(Type::V128, dst);
            }
            Row::Inverted(op) => {
                let (b, a) = (self.pop(), self.pop());
                let dst = self.vector_binary([a, b], op, 0, true);
                self.invert(dst);
                self.push_reg(Type::V128, dst);
            }
            Row::Unary(op, imm) => self.vector_unary(info.result, |this, dst, x| this.op_two(op, dst, x, imm)),
            Row::Extended(op, imm, extend) => self.vector_unary(info.result, |this, dst, x| {
                this.op_two(op, dst, x, imm);
                this.asm.quick_rr(extend, dst, dst);
            }),
            Row::Twice(op, imm) => {
                self.vector_unary(Type::V128, |this, dst, x| this.op_three(op, dst, x, Operand::Reg(x), imm));
            }
            Row::Upper(op) => self.vector_unary(Type::V128, |this, dst, x| {
                this.op_two(Op::PSHUFD, VECTOR_SCRATCH, x, UPPER);
                this.op_two(op, dst, VECTOR_SCRATCH, 0);
            }),
            Row::WithConst(op, bits) => self.vector_unary(Type::V128, |this, dst, x| this.op_const(op, dst, x, bits)),
            Row::Negated(op) => self.vector_unary(Type::V128, |this, dst, x| {
                this.asm.copy(VECTOR_SCRATCH, x);
                this.zero(dst);
                this.op_three(op, dst, dst, Operand::Reg(VECTOR_SCRATCH), 0);
            }),
            Row::Lowest => self.vector_unary(info.result, |this, dst, x| this.move_reg(dst, x)),
            Row::IsExtreme(extreme, equal, inverted) => {
                let [x, y, dst] = self.two_and_result();
                self.op_three(extreme, VECTOR_SCRATCH, x, Operand::Reg(y), 0);
                self.op_three(equal, dst, x, Operand::Reg(VECTOR_SCRATCH), 0);
                if inverted {
                    self.invert(dst);
                }
                self.push_vector(dst, [x, y]);
            }
            Row::Shift(mask, by_imm, by_reg) => self.shift_lanes(mask, by_imm, by_reg),
            Row::Splat(mov, steps) => {
                let value = self.pop();
                let int = self.in_reg(value);
                let dst = self.result(RegClass::Vector, [None, None]);
                self.op_two(mov, dst, int, 0);
                for &(op, imm) in steps {
                    self.op_two(op, dst, dst, imm);
                }
                self.push_vector(dst, [int; 2]);
            }
            Row::Insert(op, imm) | Row::InsertLow(op, imm) => {
                let (b, a) = (self.pop(), self.pop());
                let element = match self.operand(b) {
                    Operand::Imm(_) => Operand::Reg(self.in_own_reg(b)),
                    other => other,
                };
                let x = self.in_reg(a);
                let dst = self.result(RegClass::Vector, [Some(x), None]);
                self.op_three(op, dst, x, element, imm);
                let element = if let Operand::Reg(reg) = element { reg } else { x };
                self.push_vector(dst, [x, element]);
            }
            Row::AllTrue(equal) => {
                let value = self.pop();
                let x = self.in_reg(value);
                self.zero(VECTOR_SCRATCH);
                self.op_three(equal, VECTOR_SCRATCH, VECTOR_SCRATCH, Operand::Reg(x), 0);
                self.release(x);
                self.test_vector(VECTOR_SCRATCH, Cond::E);
            }
            Row::AnyTrue => {
                let value = self.pop();
                let x = self.in_reg(value);
                self.release(x);
                self.test_vector(x, Cond::Ne);
            }
            Row::Bitselect => {
                let (c, b, a) = (self.pop(), self.pop(), self.pop());
                let [x, y, mask] = [a, b, c].map(|value| self.in_reg(value));
                let dst = self.result(RegClass::Vector, [Some(x), Some(y)]);
                // ((x ^ y) & mask) ^ y.
                self.op_three(Op::PXOR, VECTOR_SCRATCH, x, Operand::Reg(y), 0);
                self.op_three(Op::PAND, VECTOR_SCRATCH, VECTOR_SCRATCH, Operand::Reg(mask), 0);
                self.op_three(Op::PXOR, dst, y, Operand::Reg(VECTOR_SCRATCH), 0);
                self.release(mask);
                self.push_vector(dst, [x, y]);
            }
            Row::Swizzle => {
                let [x, lanes, dst] = self.two_and_result();
                self.op_const(Op::PADDUSB, VECTOR_SCRATCH, lanes, SWIZZLE_LIMIT);
                self.op_three(Op::PSHUFB, dst, x, Operand::Reg(VECTOR_SCRATCH), 0);
                self.push_vector(dst, [x, lanes]);
            }
        }
        true
    }

    pub(in crate::baseline) fn vector_constant(&mut self, bits: u128) {
        let dst = self.result(RegClass::Vector, [None, None]);
        if bits == 0 {
            self.zero(dst);
        } else {
            let mem = self.pool(bits, 16);
            self.asm.rm(Op::MOVAPS_RM, dst, mem);
        }
        self.push_reg(Type::V128, dst);
    }

    pub(in crate::baseline) fn shuffle(&mut self, mask: [u8; 16]) {
        let (b, a) = (self.pop(), self.pop());
        let operands = [a, b];
        let are_same = a.place == b.place && matches!(a.place, Place::Local(_));
        let one = |operand: usize| [operands[operand], operands[1 - operand]];
        match vectors::shuffle(mask, are_same) {
            Shuffle::Unary(op, operand, imm) => {
                let [used, other] = one(operand);
                self.discard(other);
                self.vector_unary_of(used, Type::V128, |this, dst, x| this.op_two(op, dst, x, imm));
            }
            Shuffle::Bytes(operand, mask) => {
                let [used, other] = one(operand);
                self.discard(other);
                self.vector_unary_of(used, Type::V128, |this, dst, x| this.op_const(Op::PSHUFB, dst, x, mask));
            }
            Shuffle::Binary(op, [first, second], imm) if first == second => {
                let [used, other] = one(first);
                self.discard(other);
                self.vector_unary_of(used, Type::V128, |this, dst, x| {
                    this.op_three(op, dst, x, Operand::Reg(x), imm);
                });
            }
            Shuffle::Binary(op, order, imm) => {
                let dst = self.vector_binary(order.map(|operand| operands[operand]), op, imm, false);
                self.push_reg(Type::V128, dst);
            }
            Shuffle::Joined(masks) => {
                let [x, y] = operands.map(|value| self.in_reg(value));
                let dst = self.result(RegClass::Vector, [Some(x), Some(y)]);
                self.op_const(Op::PSHUFB, VECTOR_SCRATCH, x, masks[0]);
                self.op_const(Op::PSHUFB, dst, y, masks[1]);
                self.op_three(Op::POR, dst, dst, Operand::Reg(VECTOR_SCRATCH), 0);
                self.push_vector(dst, [x, y]);
            }
        }
    }

    /// A load from memory 0; `false`: it is not made here.
    pub(in crate::baseline) fn vector_load(&mut self, cx: Context<'_>, op: Opcode, offset: u64) -> bool {
        let Some(op) = vectors::load(op, self.asm.features()) else { return false };
        if !self.is_guarded(cx, offset) {
            return false;
        }
        self.load_from_memory(Type::V128, op, offset as u32);
        true
    }

    /// An access to a lane in memory 0; `false`: it is not made here.
    pub(in crate::baseline) fn lane_access(&mut self, cx: Context<'_>, access: &LaneAccess) -> bool {
        let offset = access.memarg.offset;
        let row = vectors::row(access.lane_op, access.lane, self.asm.features());
        let Some(Row::Unary(op, imm) | Row::Insert(op, imm) | Row::InsertLow(op, imm)) = row else { return false };
        if !self.is_guarded(cx, offset) {
            return false;
        }
        let (vector, index) = (self.pop(), self.pop());
        let x = self.in_reg(vector);
        let (mem, index) = self.address(index, offset as u32);
        let trap = Trap::MemoryOutOfBounds.code();
        if access.is_store {
            // The form that stores has another opcode.
            let op = if op == Op::PEXTRW { Op::PEXTRW_STORE } else { op };
            self.trap_site(trap, self.loc);
            self.asm.emit(&Inst::m(op.for_cpu(self.asm.features()), [x], mem).imm(imm));
            self.release(x);
        } else {
            let dst = self.result(RegClass::Vector, [Some(x), None]);
            let avx = self.asm.features().contains(Features::AVX);
            let first = if avx { x } else { dst };
            self.move_reg(first, x);
            self.trap_site(trap, self.loc);
            self.asm.emit(&Inst::m(op.for_cpu(self.asm.features()), [dst, first], mem).imm(imm));
            self.push_vector(dst, [x; 2]);
        }
        if let Some(index) = index {
            self.release(index);
        }
        true
    }

    /// Two popped operands: an instruction of both. With AVX the second one may come from the frame, as nothing has to be aligned.
    fn vector_binary(&mut self, [mut a, mut b]: [Value; 2], op: Op, imm: i32, commutes: bool) -> Reg {
        if commutes && self.is_in_frame(&a) {
            (a, b) = (b, a);
        }
        let second = if b.ty == Type::V128 && self.asm.features().contains(Features::AVX) {
            self.operand(b)
        } else {
            Operand::Reg(self.in_reg(b))
        };
        let first = self.in_reg(a);
        let shared = if let Operand::Reg(reg) = second { reg } else { first };
        let dst = self.result(RegClass::Vector, [Some(first), Some(shared)]);
        let (x, y) = if commutes && second == Operand::Reg(dst) { (dst, Operand::Reg(first)) } else { (first, second) };
        self.op_three(op, dst, x, y, imm);
        self.release_vectors(dst, [first, shared]);
        dst
    }

    /// The topmost operand in a register, and that of a result, to which `emit` brings it.
    fn vector_unary(&mut self, result: Type, emit: impl FnOnce(&mut Self, Reg, Reg)) {
        let value = self.pop();
        self.vector_unary_of(value, result, emit);
    }

    fn vector_unary_of(&mut self, value: Value, result: Type, emit: impl FnOnce(&mut Self, Reg, Reg)) {
        let x = self.in_reg(value);
        let dst = self.result(class_of(result), [Some(x), None]);
        emit(self, dst, x);
        self.release_vectors(dst, [x; 2]);
        self.push_reg(result, dst);
    }

    /// The two topmost operands in registers, and that of a result.
    fn two_and_result(&mut self) -> [Reg; 3] {
        let (b, a) = (self.pop(), self.pop());
        let [x, y] = [a, b].map(|value| self.in_reg(value));
        [x, y, self.result(RegClass::Vector, [Some(x), Some(y)])]
    }

    fn shift_lanes(&mut self, mask: i32, by_imm: Op, by_reg: Op) {
        let (b, a) = (self.pop(), self.pop());
        if let Place::Const(count) = b.place {
            let avx = self.asm.features().contains(Features::AVX);
            return self.vector_unary_of(a, Type::V128, |this, dst, x| {
                let first = if avx { x } else { dst };
                this.move_reg(first, x);
                let op = by_imm.for_cpu(this.asm.features());
                this.asm.emit(&Inst::r(op, [dst, first]).imm(count as i32 & mask));
            });
        }
        let count = self.in_own_reg(b);
        let x = self.in_reg(a);
        let dst = self.result(RegClass::Vector, [Some(x), None]);
        self.asm.quick_ri(Op::AND_I.s32(), count, mask);
        self.op_two(Op::MOVD_TO_X, VECTOR_SCRATCH, count, 0);
        self.op_three(by_reg, dst, x, Operand::Reg(VECTOR_SCRATCH), 0);
        self.push_vector(dst, [x, count]);
    }

    /// Pushes a result and gives back what its operands had.
    fn push_vector(&mut self, dst: Reg, operands: [Reg; 2]) {
        self.release_vectors(dst, operands);
        self.push_reg(Type::V128, dst);
    }

    fn release_vectors(&mut self, dst: Reg, operands: [Reg; 2]) {
        for reg in operands {
            if reg != dst {
                self.release(reg);
            }
        }
    }

    /// An instruction that does not read its destination.
    fn op_two(&mut self, op: Op, dst: Reg, x: Reg, imm: i32) {
        self.asm.emit(&Inst::two_r(op.for_cpu(self.asm.features()), [dst, x]).imm(imm));
    }

    /// An instruction with a constant.
    fn op_const(&mut self, op: Op, dst: Reg, x: Reg, bits: u128) {
        let mem = self.pool(bits, 16);
        self.asm.rrm(op, dst, x, mem);
    }

    fn invert(&mut self, reg: Reg) {
        self.op_const(Op::PXOR, reg, reg, u128::MAX);
    }

    /// Tests whether a register is zero.
    fn test_vector(&mut self, reg: Reg, cond: Cond) {
        self.asm.quick_rr(Op::PTEST.for_cpu(self.asm.features()), reg, reg);
        self.push_test(Test::of(cond));
    }
}
