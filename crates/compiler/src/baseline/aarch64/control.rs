//! Branches, traps, and what a function does at its start and a loop at its head.

use super::{Aarch64, STORE, Test, Value};
use crate::baseline::Baseline;
use crate::baseline::state::{Operand, Place};
use crate::compile::NotedCallee;
use crate::compile::TrapSite;
use crate::ir::Type;
use crate::isa::aarch64::abi::CALLEE_REF;
use crate::isa::aarch64::asm::{Label, Symbol};
use crate::isa::aarch64::imm::encode_bitmask;
use crate::isa::aarch64::inst::Inst;
use crate::isa::aarch64::mem::Mem;
use crate::isa::aarch64::regs::{ADDRESS_SCRATCH, SCRATCH, x};
use crate::isa::aarch64::row::{Cond, Extend, Op, Size};
use crate::isa::reg::{Reg, RegClass};
use tiercel_abi::Trap;
use tiercel_abi::vmctx::{func_ref, store};

/// Entries of a `br_table` that are told apart by comparisons rather than by a table. No effect on correctness.
const COMPARED_ENTRIES: usize = 4;

/// Holds what is known of a call's callee: no argument is in it.
const NOTED: Reg = x(10);

impl Baseline<Aarch64> {
    // Branches and traps.

    /// Jumps to a label if a test holds.
    pub(in crate::baseline) fn jump_if(&mut self, test: Test, label: Label) {
        match test {
            Test::Flags(cond) => self.asm.quick_jcc(cond, label),
            Test::Zero(size, reg, true) => self.asm.quick_test(Op::CBZ.size(size), reg, label),
            Test::Zero(size, reg, false) => self.asm.quick_test(Op::CBNZ.size(size), reg, label),
        }
    }

    /// Stops the guest.
    pub(in crate::baseline) fn trap(&mut self, code: u8, loc: u32) {
        if !self.options.signals {
            self.asm.rm(Op::LDR_X, SCRATCH, STORE);
            self.asm.rm(Op::LDR_X, ADDRESS_SCRATCH, Mem::base(SCRATCH, store::RAISE as i32));
            self.asm.r(Op::BLR, ADDRESS_SCRATCH);
            // What is called finds the site by its return address, which the instruction behind it keeps inside the function.
            self.code.traps.push(TrapSite { offset: self.asm.offset(), code, loc });
        }
        self.asm.emit_plain(&Inst::r(Op::UDF, []).imm(code.into()));
        if self.options.signals {
            self.may_fault(code, loc);
        }
    }

    /// Notes that the last instruction may fault.
    pub(super) fn may_fault(&mut self, code: u8, loc: u32) {
        self.code.traps.push(TrapSite { offset: self.asm.offset() - 4, code, loc });
    }

    #[inline]
    pub(in crate::baseline) fn test_zero(&mut self, reg: Reg) -> Test {
        Test::Zero(Size::S32, reg, false)
    }

    pub(in crate::baseline) fn test_home(&mut self, home: i32) -> Test {
        Test::Zero(Size::S32, self.briefly(Type::I32, home), false)
    }

    /// Brings what is at home to a register that is free again at once.
    fn briefly(&mut self, ty: Type, home: i32) -> Reg {
        let reg = self.alloc(RegClass::Int);
        self.load(ty, reg, home);
        self.release(reg);
        reg
    }

    /// Tests whether a popped reference is null.
    pub(in crate::baseline) fn test_null(&mut self, value: &Value) -> Test {
        let operand = match value.place {
            Place::Home => Operand::Home(value.home),
            Place::Local(local) => self.local_operand(local),
            Place::Const(bits) => {
                let reg = self.alloc(RegClass::Int);
                self.asm.quick_constant(reg, bits);
                self.release(reg);
                Operand::Reg(reg)
            }
            _ => self.operand(*value),
        };
        let reg = match operand {
            Operand::Reg(reg) => reg,
            Operand::Home(home) => self.briefly(Type::I64, home),
            Operand::Imm(_) => unreachable!("constants are another case"),
        };
        Test::Zero(Size::S64, reg, true)
    }

    /// Jumps to the label with the index in a register, to the last one if it is too large. The register may be written.
    pub(in crate::baseline) fn switch(&mut self, index: Reg, labels: Vec<Label>) {
        let Some((&last, others)) = labels.split_last() else { return };
        if others.iter().filter(|label| **label != last).count() <= COMPARED_ENTRIES {
            for (number, &label) in others.iter().enumerate().filter(|(_, label)| **label != last) {
                match number {
                    0 => self.jump_if(Test::Zero(Size::S32, index, true), label),
                    _ => {
                        self.compare_constant(Size::S32, index, number as u64);
                        self.asm.jcc(Cond::Eq, label);
                    }
                }
            }
            return self.asm.jmp(last);
        }
        let limit = others.len() as u64;
        if self.options.spectre {
            // The conditional move keeps the processor from reading on with a wrong index.
            self.asm.quick_constant(SCRATCH, limit);
            self.asm.quick_compare(Op::CMP_S.s32(), index, SCRATCH);
            self.asm.quick_select(Op::CSEL.s32(), index, index, SCRATCH, Cond::Lo);
        } else {
            self.compare_constant(Size::S32, index, limit);
            self.asm.jcc(Cond::Hs, last);
        }
        let table = self.asm.label();
        self.asm.rm(Op::LEA, SCRATCH, Mem::label(table));
        self.asm.rm(Op::LDRSW, ADDRESS_SCRATCH, Mem::indexed(SCRATCH, index, Extend::Uxtx, true));
        self.asm.quick_rrr(Op::ADD_S.s64(), SCRATCH, SCRATCH, ADDRESS_SCRATCH);
        self.asm.r(Op::BR, SCRATCH);
        if !self.options.branch_protection.has_pads() {
            return self.asm.jump_table(table, labels.into_iter());
        }
        // Each label has a landing pad of its own behind the table, which jumps on.
        let mut distinct = labels.clone();
        distinct.sort_unstable();
        distinct.dedup();
        let pads: Vec<Label> = distinct.iter().map(|_| self.asm.label()).collect();
        let pad_of = |label: &Label| pads[distinct.binary_search(label).expect("it is one of them")];
        self.asm.jump_table(table, labels.iter().map(pad_of));
        for (&label, &pad) in distinct.iter().zip(&pads) {
            self.asm.bind(pad);
            self.pad(Op::BTI_J);
            self.asm.jmp(label);
        }
    }

    /// 1 if a test holds, else 0.
    pub(in crate::baseline) fn set_from_flags(&mut self, to: Reg, test: Test) {
        let cond = self.flags(test);
        self.asm.quick_inst(&Inst::r(Op::CSET.s32(), [to]).cond(cond));
    }

    /// The condition on the flags that a test is, which are set for it if need be.
    pub(super) fn flags(&mut self, test: Test) -> Cond {
        match test {
            Test::Flags(cond) => cond,
            Test::Zero(size, reg, is_zero) => {
                self.asm.quick_compare_imm12(Op::CMP_I.size(size), reg, 0);
                if is_zero { Cond::Eq } else { Cond::Ne }
            }
        }
    }

    /// Pushes the number that a test gives; a comparison is left to the operator that follows where that takes it.
    pub(in crate::baseline) fn push_test(&mut self, test: Test) {
        if self.next_takes_condition() {
            return self.push(Type::I32, Place::Flags(test));
        }
        // The register of the test may be taken again.
        let test = Test::Flags(self.flags(test));
        if self.next_is_select() {
            return self.push(Type::I32, Place::Flags(test));
        }
        let to = self.result(RegClass::Int, [None, None]);
        self.set_from_flags(to, test);
        self.push_reg(Type::I32, to);
    }

    // Counters, deadlines and fuel.

    pub(in crate::baseline) fn count_down(&mut self, cost: i32, below: Label) {
        self.load_counter(SCRATCH);
        self.asm.quick_imm12(Op::SUBC_I.s32(), SCRATCH, SCRATCH, cost as u32);
        self.asm.quick_rm(Op::STR_W, 4, SCRATCH, ADDRESS_SCRATCH, 0);
        self.asm.jcc(Cond::Mi, below);
    }

    pub(in crate::baseline) fn count_down_in(&mut self, reg: Reg, cost: i32, below: Label) {
        self.asm.quick_imm12(Op::SUBC_I.s32(), reg, reg, cost as u32);
        self.asm.jcc(Cond::Mi, below);
    }

    pub(in crate::baseline) fn count_down_at_home(&mut self, home: i32, cost: i32, below: Label) {
        self.load(Type::I32, SCRATCH, home);
        self.asm.quick_imm12(Op::SUBC_I.s32(), SCRATCH, SCRATCH, cost as u32);
        self.store(Type::I32, SCRATCH, home);
        self.asm.jcc(Cond::Mi, below);
    }

    /// The counter's address is in its register behind it.
    pub(in crate::baseline) fn load_counter(&mut self, reg: Reg) {
        self.asm.symbol(ADDRESS_SCRATCH, Symbol(self.cells.counter(self.body)), false);
        self.asm.quick_rm(Op::LDR_W, 4, reg, ADDRESS_SCRATCH, 0);
    }

    pub(in crate::baseline) fn store_counter(&mut self, reg: Reg) {
        self.asm.symbol(ADDRESS_SCRATCH, Symbol(self.cells.counter(self.body)), false);
        self.asm.quick_rm(Op::STR_W, 4, reg, ADDRESS_SCRATCH, 0);
    }

    pub(in crate::baseline) fn counted_down(&mut self, place: u64) {
        self.asm.symbol(ADDRESS_SCRATCH, Symbol(self.cells.count_down()), true);
        self.asm.constant(SCRATCH, place);
        self.asm.r(Op::BLR, ADDRESS_SCRATCH);
    }

    /// At a call [`NOTED`] is free.
    pub(in crate::baseline) fn compare_callee(&mut self, cell: u32, other: Label) {
        const BODY: i32 = (func_ref::TYPE_ID * 8 + 4) as i32;
        self.asm.symbol(ADDRESS_SCRATCH, Symbol(cell), false);
        self.asm.quick_rm(Op::LDR_W, 4, SCRATCH, CALLEE_REF, BODY);
        self.asm.quick_rm(Op::LDR_W, 4, NOTED, ADDRESS_SCRATCH, 0);
        self.asm.quick_rrr(Op::EOR_S.s32(), SCRATCH, SCRATCH, NOTED);
        self.asm.quick_imm12(Op::ADDC_I.s32(), SCRATCH, SCRATCH, 1);
        self.asm.quick_jcc(Cond::Pl, other);
    }

    /// The cell's address is still in its register, what is in the cell and what was compared in the other ones.
    pub(in crate::baseline) fn change_callee(&mut self, _cell: u32) {
        self.asm.quick_imm12(Op::SUB_I.s32(), SCRATCH, SCRATCH, 1);
        let turned = encode_bitmask(NotedCallee::TURNED.into(), Size::S32).expect("ones at the bottom are a bitmask");
        self.asm.quick_inst(&Inst::r(Op::EOR_I.s32(), [SCRATCH, SCRATCH]).imm(turned.into()));
        self.asm.quick_compare_imm12(Op::CMP_I.s32(), NOTED, 0);
        self.asm.quick_constant(NOTED, NotedCallee::SEVERAL.0.into());
        self.asm.quick_select(Op::CSEL.s32(), SCRATCH, SCRATCH, NOTED, Cond::Eq);
        self.asm.quick_rm(Op::STR_W, 4, SCRATCH, ADDRESS_SCRATCH, 0);
    }

    pub(in crate::baseline) fn compare_epoch(&mut self, reached: Label) {
        self.asm.rm(Op::LDR_X, SCRATCH, STORE);
        self.asm.rm(Op::LDR_X, ADDRESS_SCRATCH, Mem::base(SCRATCH, store::EPOCH as i32));
        self.asm.rm(Op::LDR_X, ADDRESS_SCRATCH, Mem::base(ADDRESS_SCRATCH, 0));
        self.asm.rm(Op::LDR_X, SCRATCH, Mem::base(SCRATCH, store::EPOCH_DEADLINE as i32));
        self.asm.compare(Size::S64, ADDRESS_SCRATCH, SCRATCH);
        self.asm.jcc(Cond::Hs, reached);
    }

    /// Starts a segment of code that is paid for at its start.
    pub(in crate::baseline) fn start_fuel(&mut self) {
        if !self.options.translate.fuel {
            return;
        }
        self.finish_fuel();
        let fuel = Mem::base(SCRATCH, store::FUEL as i32);
        self.asm.rm(Op::LDR_X, SCRATCH, STORE);
        self.asm.rm(Op::LDR_X, ADDRESS_SCRATCH, fuel);
        self.asm.quick_imm12(Op::SUB_I.s64(), ADDRESS_SCRATCH, ADDRESS_SCRATCH, 0);
        let lower = self.asm.offset() - 4;
        self.asm.quick_imm12(Op::SUBC_I.s64(), ADDRESS_SCRATCH, ADDRESS_SCRATCH, 0);
        self.fuel = Some((lower, 0));
        self.parts.fuel_upper = self.asm.offset() - 4;
        self.asm.rm(Op::STR_X, ADDRESS_SCRATCH, fuel);
        self.trap_if(Test::Flags(Cond::Mi), Trap::OutOfFuel.code());
    }

    /// Fills in what the segment that ends here costs.
    pub(in crate::baseline) fn finish_fuel(&mut self) {
        if let Some((lower, amount)) = self.fuel.take() {
            self.asm.fill(lower, (amount & 0xfff) << 10);
            self.asm.fill(self.parts.fuel_upper, 1 << 22 | (amount >> 12 & 0xfff) << 10);
        }
    }
}
