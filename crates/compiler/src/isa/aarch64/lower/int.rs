//! Integers: arithmetic, bits, conversions between their widths.

use super::{Lower, code};
use crate::ir::{List, Opcode, Type, Value};
use crate::isa::aarch64::imm::{encode_bitmask, is_imm12, materialize};
use crate::isa::aarch64::inst::Inst;
use crate::isa::aarch64::row::{Cond, Extend, Op, Shift, Size, SizedOp};
use crate::isa::aarch64::vcode::Test;
use crate::isa::reg::{Reg, RegClass};
use tiercel_abi::Trap;

/// A division: whether it is signed, and whether the remainder is wanted.
#[derive(Clone, Copy)]
pub(super) struct Division {
    pub signed: bool,
    pub remainder: bool,
}

/// A bitwise operation: of registers, with an immediate, with the second register inverted.
type Bitwise = (SizedOp, SizedOp, SizedOp);

const AND: Bitwise = (Op::AND_S, Op::AND_I, Op::BIC_S);
const OR: Bitwise = (Op::ORR_S, Op::ORR_I, Op::ORN_S);
const XOR: Bitwise = (Op::EOR_S, Op::EOR_I, Op::EON_S);

impl Lower<'_> {
    /// Lowers an instruction of this family; `false`: it is of another one.
    pub(super) fn int(&mut self, value: Value) -> bool {
        use Opcode::*;
        let inst = *self.func.inst(value);
        let (a, b) = (self.operand(inst.a), self.operand(inst.b));
        let size = if inst.ty == Type::I32 { Size::S32 } else { Size::S64 };
        let division = |signed, remainder| Division { signed, remainder };
        match inst.op {
            I32Add | I64Add => self.add(value, a, b, size),
            I32Sub | I64Sub => self.sub(value, a, b, size),
            I32And | I64And => self.and(value, a, b, size),
            I32Or | I64Or => self.bitwise(value, a, b, OR, size),
            I32Xor | I64Xor => self.bitwise(value, a, b, XOR, size),
            I32Mul | I64Mul => self.mul(value, a, b, size),
            I32Shl | I64Shl => self.shift(value, a, b, (Op::LSL_I, Op::LSL), size),
            I32ShrS | I64ShrS => self.shift_right_signed(value, a, b, size),
            I32ShrU | I64ShrU => self.shift(value, a, b, (Op::LSR_I, Op::LSR), size),
            I32Rotl | I64Rotl => self.rotate_left(value, a, b, size),
            I32Rotr | I64Rotr => self.shift(value, a, b, (Op::ROR_I, Op::ROR), size),
            I32DivS | I64DivS => self.divide(value, a, b, division(true, false), size),
            I32DivU | I64DivU => self.divide(value, a, b, division(false, false), size),
            I32RemS | I64RemS => self.divide(value, a, b, division(true, true), size),
            I32RemU | I64RemU => self.divide(value, a, b, division(false, true), size),
            I32Clz | I64Clz => {
                let dst = self.def(value);
                let source = self.reg_of(a, size);
                self.push(Inst::r(Op::CLZ.size(size), [dst, source]));
            }
            I32Ctz | I64Ctz => {
                let dst = self.def(value);
                let (source, reversed) = (self.reg_of(a, size), self.temp(RegClass::Int));
                self.push(Inst::r(Op::RBIT.size(size), [reversed, source]));
                self.push(Inst::r(Op::CLZ.size(size), [dst, reversed]));
            }
            I32Popcnt | I64Popcnt => self.count_ones(value, a, size),
            I32Extend8S | I64Extend8S => self.extend(value, a, Op::SXTB.size(size)),
            I32Extend16S | I64Extend16S => self.extend(value, a, Op::SXTH.size(size)),
            I64Extend32S | I64ExtendI32S => self.extend(value, a, Op::SXTW),
            // Where the wider register is read as such: a copy.
            I64ExtendI32U | RefBits | RefFromBits => {
                let dst = self.def(value);
                let source = self.reg(a);
                self.push_copy(Inst::r(Op::MOV.s64(), [dst, source]));
            }
            I32WrapI64 => {
                let dst = self.def(value);
                let source = self.reg(a);
                self.push(Inst::r(Op::MOV.s32(), [dst, source]));
            }
            I32ReinterpretF32 => self.reinterpret(value, a, Op::FMOV_WS),
            I64ReinterpretF64 => self.reinterpret(value, a, Op::FMOV_XD),
            HeapAddr => {
                let dst = self.def(value);
                let (base, reference) = (self.reg(a), self.reg(b));
                self.push(Inst::r(Op::ADD_S.s64(), [dst, base, reference]));
            }
            I64Add128 => self.wide_sum(value, List(inst.a), Op::ADDC_S, Op::ADC),
            I64Sub128 => self.wide_sum(value, List(inst.a), Op::SUBC_S, Op::SBC),
            I64MulWideS => self.wide_product(value, a, b, Op::SMULH),
            I64MulWideU => self.wide_product(value, a, b, Op::UMULH),
            _ => return self.comparison(value),
        }
        true
    }

    /// An operand that an operation may shift: what nobody else needs and is shifted by a constant.
    pub(super) fn shifted_operand(&mut self, value: Value, size: Size) -> (Reg, Shift, u8) {
        let func = self.func;
        let inst = func.inst(value);
        let shift = match (inst.op, size) {
            (Opcode::I32Shl, Size::S32) | (Opcode::I64Shl, Size::S64) => Some(Shift::Lsl),
            (Opcode::I32ShrU, Size::S32) | (Opcode::I64ShrU, Size::S64) => Some(Shift::Lsr),
            (Opcode::I32ShrS, Size::S32) | (Opcode::I64ShrS, Size::S64) => Some(Shift::Asr),
            _ => None,
        };
        if let Some(shift) = shift
            && self.is_mine(value)
            && let Some(count) = func.int_const(self.operand(inst.b))
        {
            let amount = (count & (u64::from(size.bits()) - 1)) as u8;
            return (self.reg_of(self.operand(inst.a), size), shift, amount);
        }
        (self.reg_of(value, size), Shift::Lsl, 0)
    }

    /// Whether an operation may shift this operand.
    fn is_shifted(&self, value: Value, size: Size) -> bool {
        let inst = self.func.inst(value);
        let shifts = match size {
            Size::S64 => matches!(inst.op, Opcode::I64Shl | Opcode::I64ShrU | Opcode::I64ShrS),
            _ => matches!(inst.op, Opcode::I32Shl | Opcode::I32ShrU | Opcode::I32ShrS),
        };
        shifts && self.is_mine(value) && self.func.int_const(self.operand(inst.b)).is_some()
    }

    /// The factors of a product that nobody else needs.
    fn product(&self, value: Value, size: Size) -> Option<(Value, Value)> {
        let inst = self.func.inst(value);
        let is_product = matches!((inst.op, size), (Opcode::I32Mul, Size::S32) | (Opcode::I64Mul, Size::S64));
        (is_product && self.is_mine(value)).then(|| (self.operand(inst.a), self.operand(inst.b)))
    }

    /// A sum or difference with a constant, if it is an immediate in one or the other.
    fn with_immediate(&mut self, value: Value, a: Value, bits: u64, subtracts: bool, size: Size) -> bool {
        let mask = if size == Size::S64 { u64::MAX } else { 0xffff_ffff };
        let (bits, negated) = (bits & mask, bits.wrapping_neg() & mask);
        let (imm, op) = match (is_imm12(bits), is_imm12(negated)) {
            (true, _) => (bits, if subtracts { Op::SUB_I } else { Op::ADD_I }),
            (false, true) => (negated, if subtracts { Op::ADD_I } else { Op::SUB_I }),
            // A constant that a loop keeps in a register takes no instruction.
            _ if self.is_hoisted() => return false,
            // Two of them, the upper bits and the lower ones, take no more than the constant would.
            _ if bits < 1 << 24 && materialize(bits).as_slice().len() > 1 => {
                return self.in_two_steps(value, a, bits, if subtracts { Op::SUB_I } else { Op::ADD_I }, size);
            }
            _ if negated < 1 << 24 && materialize(bits).as_slice().len() > 1 => {
                return self.in_two_steps(value, a, negated, if subtracts { Op::ADD_I } else { Op::SUB_I }, size);
            }
            _ => return false,
        };
        let dst = self.def(value);
        let a = self.reg_of(a, size);
        self.push(Inst::r(op.size(size), [dst, a]).imm(imm as i32));
        true
    }

    /// A sum or difference with a constant of 24 bits: the upper ones, then the lower ones.
    fn in_two_steps(&mut self, value: Value, a: Value, bits: u64, op: SizedOp, size: Size) -> bool {
        let (dst, near) = (self.def(value), self.temp(RegClass::Int));
        let a = self.reg_of(a, size);
        self.push(Inst::r(op.size(size), [near, a]).imm((bits & !0xfff) as i32));
        self.push(Inst::r(op.size(size), [dst, near]).imm((bits & 0xfff) as i32));
        true
    }

    fn add(&mut self, value: Value, a: Value, b: Value, size: Size) {
        if let Some(bits) = self.func.int_const(b)
            && self.with_immediate(value, a, bits, false, size)
        {
            return;
        }
        for (product, other) in [(b, a), (a, b)] {
            if let Some((x, y)) = self.product(product, size) {
                let dst = self.def(value);
                let (x, y, other) = (self.reg_of(x, size), self.reg_of(y, size), self.reg_of(other, size));
                return self.push(Inst::r(Op::MADD.size(size), [dst, x, y, other]));
            }
        }
        let (a, b) = if self.is_shifted(a, size) && !self.is_shifted(b, size) { (b, a) } else { (a, b) };
        // A 32-bit number that is widened on the way.
        for (wide, other) in [(b, a), (a, b)] {
            let inst = self.func.inst(wide);
            if size == Size::S64 && inst.op == Opcode::I64ExtendI32S && self.is_mine(wide) {
                let dst = self.def(value);
                let (other, narrow) = (self.reg(other), self.low(self.operand(inst.a)));
                return self.push(Inst::r(Op::ADD_X.s64(), [dst, other, narrow]).extend(Extend::Sxtw, 0));
            }
        }
        self.with_shifted(value, a, b, Op::ADD_S, size);
    }

    fn sub(&mut self, value: Value, a: Value, b: Value, size: Size) {
        if let Some(bits) = self.func.int_const(b)
            && self.with_immediate(value, a, bits, true, size)
        {
            return;
        }
        if let Some((x, y)) = self.product(b, size) {
            let dst = self.def(value);
            let (x, y, a) = (self.reg_of(x, size), self.reg_of(y, size), self.reg_of(a, size));
            return self.push(Inst::r(Op::MSUB.size(size), [dst, x, y, a]));
        }
        if self.func.int_const(a) == Some(0) {
            let dst = self.def(value);
            let (b, shift, amount) = self.shifted_operand(b, size);
            return self.push(Inst::r(Op::NEG.size(size), [dst, b]).shift(shift, amount));
        }
        self.with_shifted(value, a, b, Op::SUB_S, size);
    }

    /// An operation whose second operand may be shifted.
    fn with_shifted(&mut self, value: Value, a: Value, b: Value, op: SizedOp, size: Size) {
        let dst = self.def(value);
        let a = self.reg_of(a, size);
        let (b, shift, amount) = self.shifted_operand(b, size);
        self.push(Inst::r(op.size(size), [dst, a, b]).shift(shift, amount));
    }

    fn and(&mut self, value: Value, a: Value, b: Value, size: Size) {
        // Bits of a value shifted right: a field.
        if let Some(bits) = self.func.int_const(b)
            && bits & bits.wrapping_add(1) == 0
            && bits != 0
        {
            let mut inst = self.func.inst(a);
            let width = bits.trailing_ones();
            let (mut size, mut mine) = (size, self.is_mine(a));
            if inst.op == Opcode::I32WrapI64 && mine {
                // The field may lie anywhere in the 64 bits.
                let whole = self.operand(inst.a);
                (inst, size, mine) = (self.func.inst(whole), Size::S64, self.is_mine(whole));
            }
            let is_shift = matches!((inst.op, size), (Opcode::I32ShrU, Size::S32) | (Opcode::I64ShrU, Size::S64));
            if is_shift
                && mine
                && let Some(count) = self.func.int_const(self.operand(inst.b))
            {
                let low = (count & (u64::from(size.bits()) - 1)) as u32;
                if low + width <= size.bits().into() {
                    let dst = self.def(value);
                    let source = self.reg_of(self.operand(inst.a), size);
                    return self.push(Inst::r(Op::UBFX.size(size), [dst, source]).imm((low | width << 8) as i32));
                }
            }
        }
        self.bitwise(value, a, b, AND, size);
    }

    /// A bitwise operation: with a bitmask, with an inverted or a shifted operand.
    fn bitwise(&mut self, value: Value, a: Value, b: Value, (op, op_imm, op_not): Bitwise, size: Size) {
        let func = self.func;
        let ones = func.ty(value).mask();
        let dst = self.def(value);
        if let Some(bits) = func.int_const(b) {
            if u128::from(bits) == ones && op == Op::EOR_S {
                let (a, shift, amount) = self.shifted_operand(a, size);
                return self.push(Inst::r(Op::MVN.size(size), [dst, a]).shift(shift, amount));
            }
            if let Some(mask) = encode_bitmask(bits, size) {
                let a = self.reg_of(a, size);
                return self.push(Inst::r(op_imm.size(size), [dst, a]).imm(mask.into()));
            }
        }
        for (inverted, other) in [(b, a), (a, b)] {
            let inst = func.inst(inverted);
            let is_not = matches!(inst.op, Opcode::I32Xor | Opcode::I64Xor)
                && inst.ty == func.ty(value)
                && func.int_const(self.operand(inst.b)).map(u128::from) == Some(ones);
            if is_not && self.is_mine(inverted) && func.int_const(other).is_none() {
                let other = self.reg_of(other, size);
                let (x, shift, amount) = self.shifted_operand(self.operand(inst.a), size);
                return self.push(Inst::r(op_not.size(size), [dst, other, x]).shift(shift, amount));
            }
        }
        let (a, b) = if self.is_shifted(a, size) && !self.is_shifted(b, size) { (b, a) } else { (a, b) };
        self.with_shifted(value, a, b, op, size);
    }

    fn mul(&mut self, value: Value, a: Value, b: Value, size: Size) {
        let dst = self.def(value);
        if let Some(bits) = self.func.int_const(b) {
            // One more than a power of two, or one less.
            let mask = if size == Size::S64 { u64::MAX } else { 0xffff_ffff };
            if bits > 2 && (bits - 1).is_power_of_two() {
                let a = self.reg_of(a, size);
                let shift = (bits - 1).trailing_zeros() as u8;
                return self.push(Inst::r(Op::ADD_S.size(size), [dst, a, a]).shift(Shift::Lsl, shift));
            }
            let negated = bits.wrapping_neg() & mask;
            if negated.is_power_of_two() && negated != 1 << (size.bits() - 1) {
                let a = self.reg_of(a, size);
                let shift = negated.trailing_zeros() as u8;
                return self.push(Inst::r(Op::NEG.size(size), [dst, a]).shift(Shift::Lsl, shift));
            }
        }
        // Two numbers of 32 bits that are widened for the product.
        let inner = |op: Opcode| {
            let (x, y) = (self.func.inst(a), self.func.inst(b));
            (x.op == op && y.op == op && size == Size::S64).then(|| (self.operand(x.a), self.operand(y.a)))
        };
        for (op, widened) in [(Opcode::I64ExtendI32S, Op::SMULL), (Opcode::I64ExtendI32U, Op::UMULL)] {
            if let Some((x, y)) = inner(op) {
                let (x, y) = (self.low(x), self.low(y));
                return self.push(Inst::r(widened, [dst, x, y]));
            }
        }
        let (a, b) = (self.reg_of(a, size), self.reg_of(b, size));
        self.push(Inst::r(Op::MUL.size(size), [dst, a, b]));
    }

    /// A shift or rotation: by an immediate, by a register. The processor takes its count modulo the width, as WebAssembly does.
    fn shift(&mut self, value: Value, a: Value, b: Value, (by_imm, by_reg): (SizedOp, SizedOp), size: Size) {
        let dst = self.def(value);
        if let Some(count) = self.func.int_const(b) {
            let count = (count & (u64::from(size.bits()) - 1)) as i32;
            let a = self.reg_of(a, size);
            return self.push(Inst::r(by_imm.size(size), [dst, a]).imm(count));
        }
        let (a, count) = (self.reg_of(a, size), self.low(b));
        self.push(Inst::r(by_reg.size(size), [dst, a, count]));
    }

    /// A shift that copies the sign; after a shift left it takes out a field.
    fn shift_right_signed(&mut self, value: Value, a: Value, b: Value, size: Size) {
        let inst = self.func.inst(a);
        let is_left = matches!((inst.op, size), (Opcode::I32Shl, Size::S32) | (Opcode::I64Shl, Size::S64));
        if is_left
            && self.is_mine(a)
            && let (Some(left), Some(right)) = (self.func.int_const(self.operand(inst.b)), self.func.int_const(b))
        {
            let bits = u64::from(size.bits());
            let (left, right) = (left & (bits - 1), right & (bits - 1));
            if right >= left {
                let dst = self.def(value);
                let source = self.reg_of(self.operand(inst.a), size);
                let field = (right - left) | (bits - right) << 8;
                return self.push(Inst::r(Op::SBFX.size(size), [dst, source]).imm(field as i32));
            }
        }
        self.shift(value, a, b, (Op::ASR_I, Op::ASR), size);
    }

    /// A rotation to the left is one to the right by the complement.
    fn rotate_left(&mut self, value: Value, a: Value, b: Value, size: Size) {
        let dst = self.def(value);
        if let Some(count) = self.func.int_const(b) {
            let right = count.wrapping_neg() & (u64::from(size.bits()) - 1);
            let a = self.reg_of(a, size);
            return self.push(Inst::r(Op::ROR_I.size(size), [dst, a]).imm(right as i32));
        }
        let (a, count, right) = (self.reg_of(a, size), self.low(b), self.temp(RegClass::Int));
        self.push(Inst::r(Op::NEG.s32(), [right, count]));
        self.push(Inst::r(Op::ROR.size(size), [dst, a, right]));
    }

    fn extend(&mut self, value: Value, a: Value, op: Op) {
        let dst = self.def(value);
        let source = self.low(a);
        self.push(Inst::r(op, [dst, source]));
    }

    pub(super) fn reinterpret(&mut self, value: Value, a: Value, op: Op) {
        let dst = self.def(value);
        let source = self.reg(a);
        self.push(Inst::r(op, [dst, source]));
    }

    /// Ones, by counting those of each byte in a vector register.
    fn count_ones(&mut self, value: Value, a: Value, size: Size) {
        let dst = self.def(value);
        let source = self.reg_of(a, size);
        let (bits, counts, sum) =
            (self.temp(RegClass::Vector), self.temp(RegClass::Vector), self.temp(RegClass::Vector));
        let op = if size == Size::S64 { Op::FMOV_DX } else { Op::FMOV_SW };
        self.push(Inst::r(op, [bits, source]));
        self.push(Inst::r(Op::VCNT_8B.size(Size::S8), [counts, bits]));
        self.push(Inst::r(Op::VADDV_8B.size(Size::S8), [sum, counts]));
        self.push(Inst::r(Op::FMOV_WS, [dst, sum]));
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

    fn wide_product(&mut self, value: Value, a: Value, b: Value, high_op: Op) {
        let (a, b) = (self.reg(a), self.reg(b));
        let [low, high] = self.pair(value);
        self.push(Inst::r(Op::MUL.s64(), [low, a, b]));
        self.push(Inst::r(high_op, [high, a, b]));
    }

    /// A division or remainder. The instruction does not trap: a quotient by zero is 0, and the smallest number by -1 is itself.
    fn divide(&mut self, value: Value, a: Value, b: Value, how: Division, size: Size) {
        let constant = self.func.int_const(b);
        if let Some(divisor) = constant
            && self.divide_by_constant(value, a, divisor, how, size)
        {
            return;
        }
        let dst = self.def(value);
        let (dividend, divisor) = (self.reg_of(a, size), self.reg_of(b, size));
        if constant.is_none_or(|bits| bits == 0) {
            self.push_trap_if(Test::Zero(size, true), Some(divisor), code(Trap::IntegerDivisionByZero));
        }
        if how.signed && !how.remainder && constant.is_none_or(|bits| u128::from(bits) == self.func.ty(value).mask()) {
            // If the divisor is -1, the dividend minus 1 overflows where the quotient does; otherwise no flag is set.
            self.push(Inst::r(Op::CMN_I.size(size), [divisor]).imm(1));
            self.push(Inst::r(Op::CCMP_I.size(size), [dividend]).second_imm(1).imm(0).cond(Cond::Eq));
            self.push_trap_if(Test::Flags(Cond::Vs), None, code(Trap::IntegerOverflow));
        }
        let op = if how.signed { Op::SDIV } else { Op::UDIV };
        if how.remainder {
            let quotient = self.temp(RegClass::Int);
            self.push(Inst::r(op.size(size), [quotient, dividend, divisor]));
            self.push(Inst::r(Op::MSUB.size(size), [dst, quotient, divisor, dividend]));
        } else {
            self.push(Inst::r(op.size(size), [dst, dividend, divisor]));
        }
    }
}
