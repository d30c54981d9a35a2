//! What a machine does for the compiler: its types and registers ([`Machine`]), its assembler ([`Assembly`]), snippets ([`Snippet`]), and what emits code
//! ([`Emit`]). The methods of [`Emit`] are written in the folder of each machine, as methods of its [`Baseline`].

use super::Baseline;
use super::state::Value;
use crate::compile::{Code, Options};
use crate::ir::{Function, Opcode, Type};
use crate::isa::backend::{Lowering, TrapExit};
use crate::isa::buffer::Label;
use crate::isa::convention::Registers;
use crate::isa::reg::{Reg, RegSet};
use crate::isa::vcode::{Dialect, VCode};
use crate::regalloc::Output;
use crate::translate::{Context, LaneAccess};
use std::fmt::Debug;
use wasmparser::Operator;

/// A machine, and which of its registers are for what.
pub trait Machine: Dialect + PartialEq {
    /// Makes bytes of instructions.
    type Assembler: Assembly;
    /// What a branch depends on.
    type Condition: Condition;
    /// What is kept till the end of a function.
    type Parts: Default;
    /// Compiles operators by way of the optimizing compiler.
    type Snippet: Snippet<Self>;

    /// Registers that locals may have and calls destroy, the best first.
    const FOR_LOCALS: &'static [Reg];
    /// Those that calls keep, as the stub of counters gives them.
    const KEPT: &'static [Reg];
    /// Registers for operands, where no local has them.
    const TEMPS: RegSet;
    /// A single result of a construct.
    const RESULT: Reg;
    const VECTOR_RESULT: Reg;
    /// Dead between instructions.
    const SCRATCH: Reg;
    const VECTOR_SCRATCH: Reg;
    /// The convention's registers, and that of the callee's reference.
    const REGISTERS: Registers;
    const CALLEE_REF: Reg;
    const CALLEE_SAVED: RegSet;
    /// Operands of snippets, which are in registers that no local has.
    const SNIPPET_REGISTERS: Registers;
    /// Loops start at multiples of so many bytes. No effect on correctness.
    const LOOP_ALIGN: u32;
    /// The same for loops without loops inside, unless they mostly call.
    const HOT_LOOP_ALIGN: u32;

    fn assembler(options: &Options) -> Self::Assembler;
    /// Forgets what is kept for a function.
    fn clear(parts: &mut Self::Parts);
    /// The size of a frame that needs so many bytes.
    fn frame_bytes(bytes: u32) -> u32 {
        bytes.next_multiple_of(16)
    }
}

/// A condition of a branch.
pub trait Condition: Copy + PartialEq + Debug {
    /// Holds when this one does not.
    #[must_use]
    fn negate(self) -> Self;
}

/// The part of an assembler that all have.
pub trait Assembly {
    fn clear(&mut self);
    fn offset(&self) -> u32;
    fn label(&mut self) -> Label;
    fn bind(&mut self, label: Label);
    fn align(&mut self, align: u32);
    /// Goes to a label.
    fn quick_jmp(&mut self, label: Label);
    /// Copies a whole register to one of the same class.
    fn copy(&mut self, dst: Reg, src: Reg);
    /// Gives the code and what refers to other functions.
    fn deliver(&self, code: &mut Code);
}

/// The stages of the optimizing compiler that each machine has its own of, for code in line.
pub trait Snippet<M: Machine>: Default {
    /// Makes instructions.
    ///
    /// # Errors
    /// This instruction cannot be lowered.
    fn lower(
        &mut self,
        cx: Lowering<'_>,
        func: &Function,
        params: &[Type],
        asm: &mut M::Assembler,
    ) -> Result<(), Opcode>;
    /// What was made.
    fn vcode(&self) -> &VCode<M>;
    /// Makes code of it behind what is there. `in_args` are the bytes from the stack pointer up to the first argument on the stack.
    fn emit(&mut self, b: &mut Inline<'_, M>, out: &Output, signals: bool, in_args: u32);
}

/// What code in line is added to.
pub struct Inline<'a, M: Machine> {
    pub asm: &'a mut M::Assembler,
    pub code: &'a mut Code,
    pub traps: &'a mut Vec<TrapExit>,
    pub parts: &'a mut M::Parts,
}

/// An operation with two operands of which the first becomes the result.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Alu {
    Add,
    Sub,
    And,
    Or,
    Xor,
}

/// A shift or rotation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Shift {
    Shl,
    Sar,
    Shr,
    Rol,
    Ror,
}

/// Makes [`Emit`] and what leads from it to the methods of each machine.
macro_rules! emit {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident: $ty:ty),*) $(-> $result:ty)?;)*) => {
        /// What emits code.
        pub trait Emit {
            type M: Machine;
            $($(#[$doc])* fn $name(&mut self $(, $arg: $ty)*) $(-> $result)?;)*
        }

        emit!(@for super::x64::X64, $(fn $name($($arg: $ty),*) $(-> $result)?;)*);
        emit!(@for super::aarch64::Aarch64, $(fn $name($($arg: $ty),*) $(-> $result)?;)*);
    };
    (@for $machine:ty, $(fn $name:ident($($arg:ident: $ty:ty),*) $(-> $result:ty)?;)*) => {
        impl Emit for Baseline<$machine> {
            type M = $machine;
            $(
                #[inline(always)]
                fn $name(&mut self $(, $arg: $ty)*) $(-> $result)? {
                    Baseline::<$machine>::$name(self $(, $arg)*)
                }
            )*
        }
    };
}

emit! {
    // The frame.
    fn prologue(cx: Context<'_>, func: u32);
    fn zero(reg: Reg);
    /// Zeroes words of the frame.
    fn zero_homes(homes: &[i32]);
    /// Zeroes the homes of all locals that are no parameters.
    fn zero_all_homes();
    /// Returns; results are in place.
    fn epilogue();
    /// Leaves the frame for a function with so many bytes of arguments on the stack.
    fn leave_for(bytes: u32);
    /// Fills in what is known only now, and adds the entry from anywhere.
    fn finish(cx: Context<'_>, escapes: bool);

    // Values and places.
    fn store(ty: Type, reg: Reg, home: i32);
    fn load(ty: Type, reg: Reg, home: i32);
    fn copy_home(ty: Type, from: i32, to: i32);
    /// Puts a constant of at most 64 bits into a register; flags are left alone.
    fn constant(ty: Type, reg: Reg, bits: u64);
    fn store_constant(ty: Type, bits: u64, home: i32);
    /// Stores an argument.
    fn store_out(value: Value<Self::M>, offset: i32);
    /// Stores a result in the caller's buffer.
    fn store_result(ty: Type, reg: Reg, offset: i32);
    /// Brings a result home from the buffer.
    fn copy_result(ty: Type, offset: i32, home: i32);
    /// The address of a place in the lowest part of the frame.
    fn out_address(reg: Reg, offset: i32);
    /// Loads a pointer from the vmctx.
    fn load_pointer(reg: Reg, offset: i32);
    /// Stops the guest if the upper half of a register is not zero.
    fn check_width(reg: Reg);

    // Calls.
    fn call_function(body: u32);
    /// Calls through the reference in its register.
    fn call_native();
    fn jump_to_function(body: u32);
    fn jump_to_ref();
    /// What follows a call: arguments on the stack are gone, and what may be another instance's is loaded again.
    fn behind_call(cx: Context<'_>, stack_bytes: u32, foreign: bool);
    /// Calls a routine by its place in the table; its arguments but the first are in place.
    fn emit_builtin(place: u32);
    /// Stops the guest if the routine that was called says so.
    fn trap_if_stopped();
    /// Pushes the result of a routine, an `i64`, as an `i32`.
    fn push_wrapped_result();

    // Branches and traps.
    fn jump_if(test: <Self::M as Machine>::Condition, label: Label);
    /// Stops the guest.
    fn trap(code: u8, loc: u32);
    /// Whether a number is not 0, for a branch that follows before any register is taken.
    fn test_zero(reg: Reg) -> <Self::M as Machine>::Condition;
    fn test_home(home: i32) -> <Self::M as Machine>::Condition;
    /// Tests whether a popped reference is null.
    fn test_null(value: &Value<Self::M>) -> <Self::M as Machine>::Condition;
    /// Jumps to the label with the index in a register, to the last one if it is too large. The register may be written.
    fn switch(index: Reg, labels: Vec<Label>);
    /// 1 if a test holds, else 0.
    fn set_from_flags(to: Reg, test: <Self::M as Machine>::Condition);
    /// Pushes the number that a test gives; a comparison is left to the operator that follows where that takes it.
    fn push_test(test: <Self::M as Machine>::Condition);

    // Counters and deadlines.
    /// Takes this from the function's counter; goes to the label if it is below zero then. Only scratch registers are changed.
    fn count_down(cost: i32, below: Label);
    /// The same with the counter in a register, and with the counter in the frame.
    fn count_down_in(reg: Reg, cost: i32, below: Label);
    fn count_down_at_home(home: i32, cost: i32, below: Label);
    /// Brings the counter to a register; flags are left alone.
    fn load_counter(reg: Reg);
    fn store_counter(reg: Reg);
    /// Says that the counter at this place is below zero.
    fn counted_down(place: u64);
    /// Goes to the label if the cell is to tell of the callee, whose reference is in its register. No argument is changed.
    fn compare_callee(cell: u32, other: Label);
    /// Behind that label: the cell tells of it.
    fn change_callee(cell: u32);
    /// Goes to the label if the deadline has passed.
    fn compare_epoch(reached: Label);
    /// Starts a segment of code that is paid for at its start.
    fn start_fuel();
    /// Fills in what the segment that ends here costs.
    fn finish_fuel();

    // Operators; those that give whether they were made leave others to snippets.
    fn alu(ty: Type, alu: Alu);
    fn mul(ty: Type);
    fn shift(ty: Type, shift: Shift);
    fn divide(ty: Type, signed: bool, remainder: bool);
    fn int_unary(op: &Operator<'_>) -> bool;
    fn compare(op: &Operator<'_>) -> bool;
    fn float(op: &Operator<'_>) -> bool;
    fn select();
    /// A load from or a store to memory 0.
    fn access(cx: Context<'_>, op: &Operator<'_>, offset: u64) -> bool;
    /// An opcode on vectors without memory, and the lane that it names.
    fn vector(op: Opcode, lane: u8) -> bool;
    fn vector_constant(bits: u128);
    /// Bytes of two vectors, of which the second one has the numbers from 16 on.
    fn shuffle(bytes: [u8; 16]);
    /// A load of a vector from memory 0.
    fn vector_load(cx: Context<'_>, op: Opcode, offset: u64) -> bool;
    /// A load or store of one lane, in memory 0.
    fn lane_access(cx: Context<'_>, access: &LaneAccess) -> bool;
    fn load_global(cx: Context<'_>, global: u32, ty: Type, dst: Reg);
    fn global_set(cx: Context<'_>, global: u32);
    /// The reference in a table at an index, checked to be one of a function of this type.
    fn element(cx: Context<'_>, table: u32, index: Value<Self::M>, ty: u32) -> Reg;
}
