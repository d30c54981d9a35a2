//! Tests of the allocator: [`func`] (functions for tests, and their text form), [`interp`] (what they compute, before and after
//! allocation), [`random`] (random functions), [`placement`] (what must be in registers), [`scale`] (linear time).

mod func;
mod interp;
#[cfg(test)]
mod placement;
mod random;
#[cfg(test)]
mod scale;

pub use random::every_way;

use super::{Allocator, Chaos, Machine, Output, PReg, PRegSet, RegClass, checker, plain};
use func::TestFunc;

/// A machine with this many registers of each class, the upper half of the integer registers callee-saved.
fn machine(regs: u8) -> Machine {
    let numbers = |class, from: u8, to: u8| (from..to).map(move |number| PReg::new(class, number));
    Machine {
        allocatable: numbers(RegClass::Int, 0, regs).chain(numbers(RegClass::Vector, 0, regs)).collect(),
        callee_saved: numbers(RegClass::Int, regs - regs / 2, regs).collect::<PRegSet>(),
        scratch: [PReg::new(RegClass::Int, 31), PReg::new(RegClass::Vector, 31)],
    }
}

/// Allocates, checks and executes; panics with the function's text if anything is wrong.
fn allocate(func: &TestFunc, machine: &Machine, allocator: &mut Allocator, out: &mut Output) {
    if let Err(error) = allocator.run(func, machine, out) {
        panic!("{error}\n{func}");
    }
    judge(func, machine, out);
}

/// The same by the plain allocator.
fn allocate_plainly(func: &TestFunc, machine: &Machine, out: &mut Output) {
    if let Err(error) = plain::allocate(func, machine, out) {
        panic!("plain: {error}\n{func}");
    }
    judge(func, machine, out);
}

fn judge(func: &TestFunc, machine: &Machine, out: &Output) {
    if let Err(error) = checker::check(func, machine, out) {
        panic!("{error}\n{func}\n{}", func.print_allocated(out));
    }
    for seed in 0..3 {
        let (before, after) = (interp::run(func, seed), interp::run_allocated(func, machine, out, seed));
        assert_eq!(before, after, "\n{func}\n{}", func.print_allocated(out));
    }
}
