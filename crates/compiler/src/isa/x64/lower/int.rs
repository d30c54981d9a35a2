//! Integers: arithmetic, bits, conversions between their widths.

use super::control::immediate;
use super::{Lower, Rm, code};
use crate::ir::{List, Opcode, Type, Value};
use crate::isa::reg::{Reg, RegClass};
use crate::isa::x64::features::Features;
use crate::isa::x64::inst::Inst;
use crate::isa::x64::mem::{Mem, Scale};
use crate::isa::x64::row::{Cond, Op, Size, SizedOp};
use crate::isa::x64::vcode::{NO_TRAP, Test};
use tiercel_abi::Trap;

/// A two-operand operation: with a register or memory, with an immediate.
type Alu = (SizedOp, SizedOp);

const ADD: Alu = (Op::ADD_RM, Op::ADD_I);
const SUB: Alu = (Op::SUB_RM, Op::SUB_I);
const AND: Alu = (Op::AND_RM, Op::AND_I);
const OR: Alu = (Op::OR_RM, Op::OR_I);
const XOR: Alu = (Op::XOR_RM, Op::XOR_I);

/// A shift: by an immediate, by `cl`, by any register (BMI2) if there is such a one.
type Shift = (SizedOp, SizedOp, Option<SizedOp>);

const SHL: Shift = (Op::SHL_I, Op::SHL_CL, Some(Op::SHLX));
const SHR: Shift = (Op::SHR_I, Op::SHR_CL, Some(Op::SHRX));
const SAR: Shift = (Op::SAR_I, Op::SAR_CL, Some(Op::SARX));
const ROL: Shift = (Op::ROL_I, Op::ROL_CL, None);
const ROR: Shift = (Op::ROR_I, Op::ROR_CL, None);

/// A division: whether it is signed, and whether the remainder is wanted.
#[derive(Clone, Copy)]
pub(super) struct Division {
    pub signed: bool,
    pub remainder: bool,
}

impl Lower<'_> {
    /// Lowers an instruction of this family; `false`: it is of another one.
    pub(super) fn int(&mut self, value: Value) -> bool {
        use Opcode::*;
        let inst = *self.func.inst(value);
        let (a, b) = (self.operand(inst.a), self.operand(inst.b));
        let size = if inst.ty == Type::I32 { Size::S32 } else { Size::S64 };
        let division = |signed, remainder| Division { signed, remainder };
        match inst.op {
            I32Add | I64Add | I32Sub | I64Sub if self.with_carry(value, a, b, size) => {}
            I32Add | I64Add => self.add(value, a, b, size),
            I32Sub | I64Sub => self.alu(value, a, b, SUB, size),
            I32And | I64And => self.and(value, a, b, size),
            I32Or | I64Or => self.alu(value, a, b, OR, size),
            I32Xor | I64Xor => self.xor(value, a, b, size),
            I32Mul | I64Mul => self.mul(value, a, b, size),
            I32Shl | I64Shl => self.shift(value, a, b, SHL, size),
            I32ShrS | I64ShrS => self.shift(value, a, b, SAR, size),
            I32ShrU | I64ShrU => self.shift(value, a, b, SHR, size),
            I32Rotl | I64Rotl => self.shift(value, a, b, ROL, size),
            I32Rotr | I64Rotr => self.shift(value, a, b, ROR, size),
            I32DivS | I64DivS => self.divide(value, a, b, division(true, false), size),
            I32DivU | I64DivU => self.divide(value, a, b, division(false, false), size),
            I32RemS | I64RemS => self.divide(value, a, b, division(true, true), size),
            I32RemU | I64RemU => self.divide(value, a, b, division(false, true), size),
            I32Clz | I64Clz => self.count_leading(value, a, size),
            I32Ctz | I64Ctz => self.count_trailing(value, a, size),
            I32Popcnt | I64Popcnt => self.count_ones(value, a, size),
            I32Extend8S | I64Extend8S => self.extend(value, a, Op::MOVSX_8.size(size)),
            I32Extend16S | I64Extend16S => self.extend(value, a, Op::MOVSX_16.size(size)),
            I64Extend32S => self.extend(value, a, Op::MOVSXD),
            I64ExtendI32S => {
                let dst = self.def(value);
                let source = self.low_rm(a);
                self.push_rm(Op::MOVSXD, [dst], source);
            }
            // Where the wider register is read as such: a copy.
            I64ExtendI32U => {
                let dst = self.def(value);
                let source = self.reg(a);
                self.push_copy(Inst::r(Op::MOV_RM.s64(), [dst, source]));
            }
            I32WrapI64 => {
                let dst = self.def(value);
                let source = self.reg(a);
                self.push(Inst::r(Op::MOV_RM.s32(), [dst, source]));
            }
            I32ReinterpretF32 => self.reinterpret(value, a, Op::MOVD_TO_G),
            I64ReinterpretF64 => self.reinterpret(value, a, Op::MOVQ_TO_G),
            I64Add128 => self.wide_sum(value, List(inst.a), Op::ADD_RM, Op::ADC_RM),
            I64Sub128 => self.wide_sum(value, List(inst.a), Op::SUB_RM, Op::SBB_RM),
            I64MulWideS => self.wide_product(value, a, b, true),
            I64MulWideU => self.wide_product(value, a, b, false),
            _ => return self.comparison(value),
        }
        true
    }

    /// An operation whose second operand may be an immediate or come from memory.
    fn alu(&mut self, value: Value, a: Value, b: Value, (op, op_imm): Alu, size: Size) {
        let dst = self.def(value);
        let imm = self.func.int_const(b).and_then(|bits| immediate(bits, size));
        if let Some(imm) = imm {
            let a = self.reg_of(a, size);
            return self.push(Inst::r(op_imm.size(size), [dst, a]).imm(imm));
        }
        let commutes = self.func.inst(value).op.info().commutes;
        // A load on the left is taken in if the operands may change places.
        let (a, b) = if commutes
            && self.loads_exactly(a, super::control::bytes(size))
            && !self.loads_exactly(b, super::control::bytes(size))
        {
            (b, a)
        } else {
            (a, b)
        };
        let second = self.rm_of(b, size);
        let first = self.reg_of(a, size);
        self.push_rm(op.size(size), [dst, first], second);
    }

    /// A sum: `lea` where three registers or a scale are worth it.
    fn add(&mut self, value: Value, a: Value, b: Value, size: Size) {
        let func = self.func;
        let loads = |value| self.is_mine(value) && self.loads_exactly(value, super::control::bytes(size));
        if loads(b) || (loads(a) && !func.is_const(b)) {
            return self.alu(value, a, b, ADD, size);
        }
        // A sum of a sum: [x + y*scale + constant].
        let (x, disp) = match func.int_const(b).and_then(|bits| immediate(bits, size)) {
            Some(imm) => {
                let inst = func.inst(a);
                let is_sum = matches!((inst.op, size), (Opcode::I32Add, Size::S32) | (Opcode::I64Add, Size::S64));
                let inner = is_sum.then(|| (self.operand(inst.a), self.operand(inst.b)));
                if let Some((x, y)) = inner.filter(|(_, y)| self.is_mine(a) && func.int_const(*y).is_none()) {
                    (Some((x, y)), imm)
                } else if self.shifted(a, size).is_some() {
                    (None, imm)
                } else {
                    let lives_on = self.lives_on(a);
                    let dst = self.def(value);
                    let source = self.reg_of(a, size);
                    // One that lives on keeps its register.
                    if lives_on {
                        return self.push(Inst::m(Op::LEA.size(size), [dst], Mem::base(source, imm)));
                    }
                    return self.push(Inst::r(Op::ADD_I.size(size), [dst, source]).imm(imm));
                }
            }
            None => (Some((a, b)), 0),
        };
        let dst = self.def(value);
        let Some((x, y)) = x else {
            let (index, scale) = self.shifted(a, size).expect("it is a shift");
            let index = self.reg_of(index, size);
            return self.push(Inst::m(Op::LEA.size(size), [dst], Mem::scaled(index, scale, disp)));
        };
        let (x, y) = if self.shifted(x, size).is_some() { (y, x) } else { (x, y) };
        if let Some((index, scale)) = self.shifted(y, size) {
            let (x, index) = (self.reg_of(x, size), self.reg_of(index, size));
            return self.push(Inst::m(Op::LEA.size(size), [dst], Mem::indexed(x, index, scale, disp)));
        }
        let (x_lives_on, y_lives_on) = (self.lives_on(x), self.lives_on(y));
        let (first, second) = (self.reg_of(x, size), self.reg_of(y, size));
        if disp == 0 && !(x_lives_on && y_lives_on) {
            let (first, second) = if x_lives_on { (second, first) } else { (first, second) };
            return self.push(Inst::r(Op::ADD_RM.size(size), [dst, first, second]));
        }
        self.push(Inst::m(Op::LEA.size(size), [dst], Mem::indexed(first, second, Scale::One, disp)));
    }

    /// What a value is shifted left of, and the scale, if an address can do the shift and nobody else needs it.
    fn shifted(&self, value: Value, size: Size) -> Option<(Value, Scale)> {
        let func = self.func;
        let inst = func.inst(value);
        let is_shift = matches!((inst.op, size), (Opcode::I32Shl, Size::S32) | (Opcode::I64Shl, Size::S64));
        if !is_shift || !self.is_mine(value) {
            return None;
        }
        match func.int_const(self.operand(inst.b)) {
            Some(shift @ 1..=3) => Some((self.operand(inst.a), Scale::ALL[shift as usize])),
            _ => None,
        }
    }

    fn and(&mut self, value: Value, a: Value, b: Value, size: Size) {
        let func = self.func;
        match func.int_const(b) {
            Some(0xff) => {
                let dst = self.def(value);
                let source = self.low(a);
                return self.push(Inst::r(Op::MOVZX_8.s32(), [dst, source]));
            }
            Some(0xffff) => {
                let dst = self.def(value);
                let source = self.low(a);
                return self.push(Inst::r(Op::MOVZX_16.s32(), [dst, source]));
            }
            Some(0xffff_ffff) if size == Size::S64 => {
                let dst = self.def(value);
                let source = self.reg(a);
                return self.push(Inst::r(Op::MOV_RM.s32(), [dst, source]));
            }
            // The upper half becomes zero: 32 bits do.
            Some(bits) if size == Size::S64 && bits <= u64::from(u32::MAX) => {
                let dst = self.def(value);
                let source = self.low(a);
                return self.push(Inst::r(Op::AND_I.s32(), [dst, source]).imm(bits as i32));
            }
            _ => {}
        }
        if self.has(Features::BMI1) {
            // x & ~y, where ~y is y ^ -1
            for (x, y) in [(a, b), (b, a)] {
                let inst = func.inst(y);
                let is_not = matches!(inst.op, Opcode::I32Xor | Opcode::I64Xor)
                    && func.int_const(self.operand(inst.b)).map(u128::from) == Some(inst.ty.mask());
                if is_not && self.is_mine(y) && func.int_const(x).is_none() {
                    let dst = self.def(value);
                    let (y, x) = (self.reg_of(self.operand(inst.a), size), self.reg_of(x, size));
                    return self.push(Inst::r(Op::ANDN.size(size), [dst, y, x]));
                }
            }
            // x & (x - 1)
            for (x, y) in [(a, b), (b, a)] {
                let inst = func.inst(y);
                let is_less_one = matches!(inst.op, Opcode::I32Add | Opcode::I64Add)
                    && self.operand(inst.a) == x
                    && func.int_const(self.operand(inst.b)).map(u128::from) == Some(inst.ty.mask());
                if is_less_one && self.is_mine(y) {
                    let dst = self.def(value);
                    let x = self.reg_of(x, size);
                    return self.push(Inst::r(Op::BLSR.size(size), [dst, x]));
                }
            }
        }
        self.alu(value, a, b, AND, size);
    }

    fn xor(&mut self, value: Value, a: Value, b: Value, size: Size) {
        if self.func.int_const(b).map(u128::from) == Some(self.func.ty(value).mask()) {
            let dst = self.def(value);
            let a = self.reg_of(a, size);
            return self.push(Inst::r(Op::NOT.size(size), [dst, a]));
        }
        self.alu(value, a, b, XOR, size);
    }

    fn mul(&mut self, value: Value, a: Value, b: Value, size: Size) {
        let dst = self.def(value);
        let imm = self.func.int_const(b).and_then(|bits| immediate(bits, size));
        match imm {
            Some(factor @ (3 | 5 | 9)) => {
                let a = self.reg_of(a, size);
                let scale = Scale::of_bytes(factor as u32 - 1).expect("2, 4 or 8");
                self.push(Inst::m(Op::LEA.size(size), [dst], Mem::indexed(a, a, scale, 0)));
            }
            Some(imm) => {
                let a = self.rm_of(a, size);
                self.push_rmi(Op::IMUL_RMI.size(size), [dst], a, imm);
            }
            None => {
                let b = self.rm_of(b, size);
                let a = self.reg_of(a, size);
                self.push_rm(Op::IMUL_RM.size(size), [dst, a], b);
            }
        }
    }

    /// A shift or rotation. The processor takes its count modulo the width, as WebAssembly does.
    fn shift(&mut self, value: Value, a: Value, b: Value, (by_imm, by_cl, by_reg): Shift, size: Size) {
        let dst = self.def(value);
        if let Some(count) = self.func.int_const(b) {
            let count = (count & (u64::from(size.bits()) - 1)) as i32;
            let is_rotation = by_reg.is_none();
            if is_rotation && self.has(Features::BMI2) {
                // rorx takes another register; one that rotates left is its complement.
                let right = if by_imm == Op::ROL_I { i32::from(size.bits()) - count } else { count };
                let source = self.rm_of(a, size);
                return self.push_rmi(Op::RORX.size(size), [dst], source, right & (i32::from(size.bits()) - 1));
            }
            let a = self.reg_of(a, size);
            return self.push(Inst::r(by_imm.size(size), [dst, a]).imm(count));
        }
        let count = self.low(b);
        match by_reg.filter(|_| self.has(Features::BMI2)) {
            Some(op) => {
                let source = self.rm_of(a, size);
                match source {
                    Rm::Reg(source) => self.push(Inst::r(op.size(size), [dst, source, count])),
                    Rm::Mem(at) => self.push_trap(Inst::m(op.size(size), [dst, count], at.mem), at.trap, at.loc),
                }
            }
            None => {
                let a = self.reg_of(a, size);
                self.push(Inst::r(by_cl.size(size), [dst, a, count]));
            }
        }
    }

    fn extend(&mut self, value: Value, a: Value, op: Op) {
        let dst = self.def(value);
        let source = self.low(a);
        self.push(Inst::r(op, [dst, source]));
    }

    fn reinterpret(&mut self, value: Value, a: Value, op: Op) {
        let dst = self.def(value);
        let source = self.reg(a);
        self.push(Inst::r(op, [dst, source]));
    }

    /// Leading zeros; without `lzcnt` from the number of the highest bit.
    fn count_leading(&mut self, value: Value, a: Value, size: Size) {
        let dst = self.def(value);
        if self.has(Features::LZCNT) {
            let source = self.rm_of(a, size);
            return self.push_rm(Op::LZCNT.size(size), [dst], source);
        }
        let source = self.reg_of(a, size);
        let bits = u64::from(size.bits());
        // Of zero, bsr leaves its destination as it was: a number whose complement below is the width.
        let none = self.int_constant(2 * bits - 1);
        let highest = self.temp(RegClass::Int);
        self.push(Inst::r(Op::BSR.size(size), [highest, none, source]));
        self.push(Inst::r(Op::XOR_I.s32(), [dst, highest]).imm(bits as i32 - 1));
    }

    /// Trailing zeros.
    fn count_trailing(&mut self, value: Value, a: Value, size: Size) {
        let dst = self.def(value);
        if self.has(Features::BMI1) {
            let source = self.rm_of(a, size);
            return self.push_rm(Op::TZCNT.size(size), [dst], source);
        }
        let source = self.reg_of(a, size);
        let none = self.int_constant(size.bits().into());
        self.push(Inst::r(Op::BSF.size(size), [dst, none, source]));
    }

    /// Ones; without `popcnt` by adding up pairs, fours and bytes of bits.
    fn count_ones(&mut self, value: Value, a: Value, size: Size) {
        let dst = self.def(value);
        if self.has(Features::POPCNT) {
            let source = self.rm_of(a, size);
            return self.push_rm(Op::POPCNT.size(size), [dst], source);
        }
        let source = self.reg_of(a, size);
        let mask = |byte: u64| if size == Size::S64 { byte } else { byte & 0xffff_ffff };
        let (ones, twos) = (mask(0x5555_5555_5555_5555), mask(0x3333_3333_3333_3333));
        let (fours, bytes) = (mask(0x0f0f_0f0f_0f0f_0f0f), mask(0x0101_0101_0101_0101));
        let step = |this: &mut Self, op: SizedOp, x: Reg, y: Reg| {
            let t = this.temp(RegClass::Int);
            this.push(Inst::r(op.size(size), [t, x, y]));
            t
        };
        let right = |this: &mut Self, x: Reg, count: i32| {
            let t = this.temp(RegClass::Int);
            this.push(Inst::r(Op::SHR_I.size(size), [t, x]).imm(count));
            t
        };
        // Constants are made before the operations that would wait for flags: there are none here.
        let (ones, twos) = (self.int_constant(ones), self.int_constant(twos));
        let (fours, bytes) = (self.int_constant(fours), self.int_constant(bytes));
        let half = right(self, source, 1);
        let half = step(self, Op::AND_RM, half, ones);
        let pairs = step(self, Op::SUB_RM, source, half);
        let high = right(self, pairs, 2);
        let high = step(self, Op::AND_RM, high, twos);
        let low = step(self, Op::AND_RM, pairs, twos);
        let nibbles = step(self, Op::ADD_RM, low, high);
        let shifted = right(self, nibbles, 4);
        let sum = step(self, Op::ADD_RM, nibbles, shifted);
        let sum = step(self, Op::AND_RM, sum, fours);
        let product = step(self, Op::IMUL_RM, sum, bytes);
        self.push(Inst::r(Op::SHR_I.size(size), [dst, product]).imm(i32::from(size.bits()) - 8));
    }

    /// Sums and differences of 128 bits: low halves, then high halves with the carry.
    fn wide_sum(&mut self, value: Value, operands: List, low_op: SizedOp, high_op: SizedOp) {
        let operands: Vec<Value> = self.func.list(operands).collect();
        let regs: Vec<Reg> = operands.into_iter().map(|operand| self.reg(operand)).collect();
        let [low, high] = self.pair(value);
        self.push(Inst::r(low_op.s64(), [low, regs[0], regs[2]]));
        self.push(Inst::r(high_op.s64(), [high, regs[1], regs[3]]));
    }

    /// The registers of the two results of the instruction that is lowered.
    fn pair(&mut self, value: Value) -> [Reg; 2] {
        let mut regs = [Reg::NONE; 2];
        let results: Vec<(usize, Value)> = self.results(value).collect();
        for (index, result) in results {
            regs[index] = self.def(result);
        }
        regs.map(|reg| if reg.is_none() { self.temp(RegClass::Int) } else { reg })
    }

    fn wide_product(&mut self, value: Value, a: Value, b: Value, signed: bool) {
        let (a, b) = (self.reg(a), self.reg(b));
        let [low, high] = self.pair(value);
        if !signed && self.has(Features::BMI2) {
            return self.push(Inst::r(Op::MULX.s64(), [high, low, a, b]));
        }
        let op = if signed { Op::IMUL } else { Op::MUL };
        self.push(Inst::r(op.s64(), [a, low, high, b]));
    }

    /// A division or remainder.
    fn divide(&mut self, value: Value, a: Value, b: Value, how: Division, size: Size) {
        if let Some(divisor) = self.func.int_const(b)
            && self.divide_by_constant(value, a, divisor, how, size)
        {
            return;
        }
        let dst = self.def(value);
        let (dividend, divisor) = (self.reg_of(a, size), self.reg_of(b, size));
        let known =
            self.func.int_const(b).map(|bits| if size == Size::S32 { i64::from(bits as i32) } else { bits as i64 });
        let may_be_minus_one = how.signed && known.is_none_or(|divisor| divisor == -1);
        let by_zero =
            if known.is_some_and(|divisor| divisor != 0) { NO_TRAP } else { code(Trap::IntegerDivisionByZero) };
        let by_zero = if by_zero != NO_TRAP && !self.cx.signals {
            self.push(Inst::r(Op::TEST_MR.size(size), [divisor, divisor]));
            self.push_trap_if(Test::of(Cond::E), by_zero);
            NO_TRAP
        } else {
            by_zero
        };
        let mut divisor = divisor;
        if may_be_minus_one {
            if how.remainder {
                // x rem -1 is x rem 1, and that one cannot overflow.
                let (one, safe) = (self.int_constant(1), self.temp(RegClass::Int));
                self.push(Inst::r(Op::CMP_I.size(size), [divisor]).imm(-1));
                self.push(Inst::r(Op::CMOVCC.size(size), [safe, divisor, one]).cond(Cond::E));
                divisor = safe;
            } else {
                // The smallest number by -1: only there `dividend - 1` overflows with a divisor of -1. Both conditions in one: the bits
                // of (dividend ^ smallest) | (divisor ^ -1) are all zero.
                let smallest = 1_u64 << (size.bits() - 1);
                let smallest = self.int_constant(smallest);
                let (x, y, both) = (self.temp(RegClass::Int), self.temp(RegClass::Int), self.temp(RegClass::Int));
                self.push(Inst::r(Op::XOR_RM.size(size), [x, dividend, smallest]));
                self.push(Inst::r(Op::NOT.size(size), [y, divisor]));
                self.push(Inst::r(Op::OR_RM.size(size), [both, x, y]));
                self.push_trap_if(Test::of(Cond::E), code(Trap::IntegerOverflow));
            }
        }
        let (quotient, remainder, upper) =
            (self.temp(RegClass::Int), self.temp(RegClass::Int), self.temp(RegClass::Int));
        let op = if how.signed {
            self.push(Inst::r(if size == Size::S64 { Op::CQO } else { Op::CDQ }, [upper, dividend]));
            Op::IDIV
        } else {
            self.zero(upper);
            Op::DIV
        };
        let inst = Inst::r(op.size(size), [divisor, quotient, remainder, dividend, upper]);
        self.push_trap(inst, by_zero, self.loc);
        let result = if how.remainder { remainder } else { quotient };
        self.push_copy(Inst::r(Op::MOV_RM.s64(), [dst, result]));
    }
}
