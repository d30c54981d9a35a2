//! Vectors. Most operations have a [`Row`] in the machine's table; the others are sequences.

use super::Lower;
use crate::ir::{Opcode, Type, Value};
use crate::isa::aarch64::imm::encode_bitmask;
use crate::isa::aarch64::inst::Inst;
use crate::isa::aarch64::row::{Cond, Op, Shift, Size};
use crate::isa::aarch64::vectors::{self, LaneShift, Row, Shuffle};
use crate::isa::reg::{Reg, RegClass};

use Size::{S8, S16, S32, S64};

/// Of each byte the bit that is its number in its half: what a mask of bytes is made of.
const BIT_OF_BYTE: u128 = 0x8040_2010_0804_0201_8040_2010_0804_0201;
/// The same of lanes of 16 and of 32 bits.
const BIT_OF_HALF: u128 = 0x0080_0040_0020_0010_0008_0004_0002_0001;
const BIT_OF_WORD: u128 = 0x0000_0008_0000_0004_0000_0002_0000_0001;

impl Lower<'_> {
    /// Lowers an instruction of this family; `false`: it is of another one.
    pub(super) fn vector(&mut self, value: Value) -> bool {
        use Opcode::*;
        let inst = *self.func.inst(value);
        let (a, b, c) = (self.operand(inst.a), self.operand(inst.b), self.operand(inst.c));
        if let Some(row) = vectors::row(inst.op, inst.imm) {
            self.vector_row(value, row);
            return true;
        }
        match inst.op {
            F32x4PMin => self.choose(value, a, b, Op::VFCMGT.size(S32), false),
            F64x2PMin => self.choose(value, a, b, Op::VFCMGT.size(S64), false),
            F32x4PMax => self.choose(value, a, b, Op::VFCMGT.size(S32), true),
            F64x2PMax => self.choose(value, a, b, Op::VFCMGT.size(S64), true),
            I32x4DotI16x8S => self.dot(value, a, b, S16),
            I16x8RelaxedDotI8x16I7x16S => self.dot(value, a, b, S8),
            I32x4RelaxedDotI8x16I7x16AddS => {
                let dst = self.def(value);
                let (a, b, c) = (self.reg(a), self.reg(b), self.reg(c));
                let products = self.products(a, b, S8);
                self.push(Inst::r(Op::VSADALP.size(S16), [dst, c, products]));
            }
            I64x2Mul => self.multiply_64(value, a, b),
            I64x2AllTrue => {
                // No lane is zero.
                let a = self.reg(a);
                let zeros = self.made(Op::VCMEQ_0.size(S64), [a], 0);
                self.is_any_of(value, zeros, Op::VUMAXV.size(S32), Cond::Eq);
            }
            I8x16Bitmask | I16x8Bitmask | I32x4Bitmask => self.bitmask(value, a, inst.op),
            I64x2Bitmask => {
                let dst = self.def(value);
                let a = self.reg(a);
                let signs = self.made(Op::VUSHR.size(S64), [a], 63);
                let (low, high) = (self.temp(RegClass::Int), self.temp(RegClass::Int));
                self.push(Inst::r(Op::VUMOV_X.size(S64), [low, signs]));
                self.push(Inst::r(Op::VUMOV_X.size(S64), [high, signs]).imm(1));
                self.push(Inst::r(Op::ADD_S.s32(), [dst, low, high]).shift(Shift::Lsl, 1));
            }
            I8x16Shuffle => self.shuffle(value, a, b, inst.c),
            _ => return false,
        }
        true
    }

    fn vector_row(&mut self, value: Value, row: Row) {
        let inst = *self.func.inst(value);
        let (a, b, c) = (self.operand(inst.a), self.operand(inst.b), self.operand(inst.c));
        if let Row::Shift(shift) = row {
            return self.shift_lanes(value, a, b, shift);
        }
        let dst = self.def(value);
        match row {
            Row::Binary(op) => {
                let (a, b) = (self.reg(a), self.reg(b));
                self.push(Inst::r(op, [dst, a, b]));
            }
            Row::Swapped(op) => {
                let (a, b) = (self.reg(a), self.reg(b));
                self.push(Inst::r(op, [dst, b, a]));
            }
            Row::Unary(op, imm) => {
                let a = self.whole(a);
                self.push(Inst::r(op, [dst, a]).imm(imm));
            }
            Row::Pair(first, second) => {
                let a = self.reg(a);
                let between = self.made(first, [a], 0);
                self.push(Inst::r(second, [dst, between]));
            }
            Row::Inverted(op) => {
                let (a, b) = (self.reg(a), self.reg(b));
                let other = self.made(op, [a, b], 0);
                self.push(Inst::r(Op::VNOT.size(S8), [dst, other]));
            }
            Row::Three(op) => {
                let (a, b, c) = (self.reg(a), self.reg(b), self.reg(c));
                self.push(Inst::r(op, [dst, c, a, b]));
            }
            Row::Narrow(low, high) => {
                let (a, b) = (self.reg(a), self.reg(b));
                let half = self.made(low, [a], 0);
                self.push(Inst::r(high, [dst, half, b]));
            }
            Row::Replace(op, lane) => {
                let (a, b) = (self.reg(a), self.whole(b));
                self.push(Inst::r(op, [dst, a, b]).imm(lane));
            }
            Row::Test(op, cond) => {
                let a = self.reg(a);
                self.is_any_of(value, a, op, cond);
            }
            Row::Shift(_) => unreachable!("it is another case"),
        }
    }

    /// An operand of any type, of which the upper half does not count if it is an `i32`.
    fn whole(&mut self, operand: Value) -> Reg {
        if self.func.ty(operand) == Type::I32 { self.low(operand) } else { self.reg(operand) }
    }

    fn shift_lanes(&mut self, value: Value, a: Value, b: Value, shift: LaneShift) {
        let LaneShift { by_imm, by_vector, right, size } = shift;
        let dst = self.def(value);
        let mask = i32::from(size.bits()) - 1;
        if let Some(count) = self.func.int_const(b) {
            let count = count as i32 & mask;
            let a = self.reg(a);
            return match count {
                // There is no shift right by nothing.
                0 => self.push_copy(Inst::r(Op::VMOV, [dst, a])),
                _ => self.push(Inst::r(by_imm.size(size), [dst, a]).imm(count)),
            };
        }
        let (a, count) = (self.reg(a), self.low(b));
        let below = self.temp(RegClass::Int);
        let mask = encode_bitmask(mask as u64, S32).expect("ones at the bottom are a bitmask");
        self.push(Inst::r(Op::AND_I.s32(), [below, count]).imm(mask.into()));
        let mut left = below;
        if right {
            // To the right is to the left by less than nothing.
            left = self.temp(RegClass::Int);
            self.push(Inst::r(Op::NEG.s64(), [left, below]));
        }
        let counts = self.made(Op::VDUP_G.size(size), [left], 0);
        self.push(Inst::r(by_vector.size(size), [dst, a, counts]));
    }

    /// A new register with what an operation makes of others.
    fn made<const N: usize>(&mut self, op: Op, sources: [Reg; N], imm: i32) -> Reg {
        let dst = self.vcode.new_vreg(RegClass::Vector, true, false);
        let mut inst = Inst::r(op, [dst]).imm(imm);
        sources.into_iter().enumerate().for_each(|(index, source)| inst.set_reg(index + 1, source));
        self.push(inst);
        dst
    }

    /// `b` where it is less than `a` (or more, if `max`), else `a`.
    fn choose(&mut self, value: Value, a: Value, b: Value, greater: Op, max: bool) {
        let dst = self.def(value);
        let (a, b) = (self.reg(a), self.reg(b));
        let mask = if max { self.made(greater, [b, a], 0) } else { self.made(greater, [a, b], 0) };
        self.push(Inst::r(Op::VBSL, [dst, mask, b, a]));
    }

    /// Sums of neighbours' products, twice as wide as the lanes of this size.
    fn products(&mut self, a: Reg, b: Reg, size: Size) -> Reg {
        let (low, high) = (self.made(Op::VSMULL.size(size), [a, b], 0), self.made(Op::VSMULL2.size(size), [a, b], 0));
        let wide = if size == S8 { S16 } else { S32 };
        self.made(Op::VADDP.size(wide), [low, high], 0)
    }

    fn dot(&mut self, value: Value, a: Value, b: Value, size: Size) {
        let dst = self.def(value);
        let (a, b) = (self.reg(a), self.reg(b));
        let products = self.products(a, b, size);
        self.push_copy(Inst::r(Op::VMOV, [dst, products]));
    }

    /// Products of 64 bits, for which there is no instruction on vectors.
    fn multiply_64(&mut self, value: Value, a: Value, b: Value) {
        let dst = self.def(value);
        let (a, b) = (self.reg(a), self.reg(b));
        let products = [0, 1].map(|lane| {
            let (x, y, product) = (self.temp(RegClass::Int), self.temp(RegClass::Int), self.temp(RegClass::Int));
            self.push(Inst::r(Op::VUMOV_X.size(S64), [x, a]).imm(lane));
            self.push(Inst::r(Op::VUMOV_X.size(S64), [y, b]).imm(lane));
            self.push(Inst::r(Op::MUL.s64(), [product, x, y]));
            product
        });
        let low = self.made(Op::FMOV_DX, [products[0]], 0);
        self.push(Inst::r(Op::VINS_G.size(S64), [dst, low, products[1]]).imm(1));
    }

    fn is_any_of(&mut self, value: Value, a: Reg, op: Op, cond: Cond) {
        let dst = self.def(value);
        let all = self.made(op, [a], 0);
        let bits = self.temp(RegClass::Int);
        self.push(Inst::r(Op::FMOV_WS, [bits, all]));
        self.push(Inst::r(Op::CMP_I.s32(), [bits]).imm(0));
        self.push(Inst::r(Op::CSET.s32(), [dst]).cond(cond));
    }

    /// The signs of all lanes: each makes a bit of its own, and these are added up.
    fn bitmask(&mut self, value: Value, a: Value, op: Opcode) {
        let (size, bits) = match op {
            Opcode::I8x16Bitmask => (S8, BIT_OF_BYTE),
            Opcode::I16x8Bitmask => (S16, BIT_OF_HALF),
            _ => (S32, BIT_OF_WORD),
        };
        let dst = self.def(value);
        let a = self.reg(a);
        let bits = self.vector_constant(Type::V128, bits);
        let signs = self.made(Op::VSSHR.size(size), [a], i32::from(size.bits()) - 1);
        let mut each = self.made(Op::VAND, [signs, bits], 0);
        if size == S8 {
            // The upper half's byte above that of the lower half.
            let swapped = self.made(Op::VEXT, [each, each], 8);
            each = self.made(Op::VZIP1.size(S8), [each, swapped], 0);
        }
        let sum = self.made(Op::VADDV.size(if size == S8 { S16 } else { size }), [each], 0);
        self.push(Inst::r(Op::FMOV_WS, [dst, sum]));
    }

    /// Bytes of two vectors in any order.
    fn shuffle(&mut self, value: Value, a: Value, b: Value, number: u32) {
        let order = self.func.vconsts[number as usize].to_le_bytes();
        let dst = self.def(value);
        match vectors::shuffle(order, a == b) {
            Shuffle::Binary(op, imm) => {
                let (x, y) = (self.reg(a), self.reg(b));
                self.push(Inst::r(op, [dst, x, y]).imm(imm));
            }
            Shuffle::Table(operand, order) => {
                let (x, order) = (self.reg([a, b][operand]), self.vector_constant(Type::V128, order));
                self.push(Inst::r(Op::VTBL, [dst, x, order]));
            }
            Shuffle::Tables(orders) => {
                let (x, y) = (self.reg(a), self.reg(b));
                let [first, second] = orders.map(|order| self.vector_constant(Type::V128, order));
                let some = self.made(Op::VTBL, [x, first], 0);
                self.push(Inst::r(Op::VTBX, [dst, some, y, second]));
            }
        }
    }

    /// Loads of vectors that do more than load; `false`: another one.
    pub(super) fn vector_load(&mut self, value: Value) -> bool {
        let inst = *self.func.inst(value);
        let Some((load, Some(then))) = vectors::load(inst.op) else { return false };
        let address = self.load_address(value, inst.op.info().bytes.into());
        let dst = self.def(value);
        let loaded = self.vcode.new_vreg(RegClass::Vector, true, false);
        self.push_trap(Inst::m(load, [loaded], address.mem), address.trap, address.loc);
        self.push(Inst::r(then, [dst, loaded]));
        true
    }
}
