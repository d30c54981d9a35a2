//! Stubs: what stands between compiled code and everything else. One of each kind for each signature, as the [`convention`](super::convention)
//! says where arguments are. Each instruction set has them in its `stubs.rs`; here is what they share.
//!
//! The other side passes values in 64-bit slots (two for a vector), an array that holds the parameters and then the results.
//!
//! | stub | called as | calls |
//! |---|---|---|
//! | `entry` | by the host: callee's `VmFuncRef`, anything, slots; gives whether the guest returned | the callee's `native` entry |
//! | `leave` with [`Callee::Host`] | the `native` entry of a host function | `VmFuncRef::host`: callee, caller's vmctx, slots; gives whether all went well |
//! | `leave_in_registers` | the `native` entry of a host function that takes its arguments in registers | that function: the parameters, callee, caller's vmctx; gives a value and whether all went well |
//! | `leave` with [`Callee::Routine`] | the `native` entry of a function that the interpreter runs | the routine, in the same way |
//! | `raise` | called by trapping code in engines without signals, with the `VmStore` in the scratch register | goes on as `exit` |
//! | `refuse` | the `native` entry of a host function of any type | nothing; goes on as `exit` |
//! | `thunks` | the code of functions that are not compiled yet | a routine: the vmctx, the function's number; gives the address of its code, where they jump to |
//! | `count_down` | called by code whose counter is below zero, with its place in the scratch register: the function's number, and in the upper half the location of its loop; leaves all other registers as they are | a routine: the vmctx, that place, the frame pointer, the values of `KEPT`; gives nothing or a [`replacement`](tiercel_abi::vmctx::replacement), with which it goes on then |
//! | `foreign` | the `native` entry of a function whose code may be replaced | what is in its cell |
//! | `exit` | jumped to with the `VmStore` as first argument when a guest is stopped | a routine: the `VmStore`; then the innermost entry stub returns false |
//!
//! The host follows the platform's convention. Whoever walks the stack upwards from compiled code ends at a return address that is in no
//! module's code: that of an entry stub.

use super::convention::{Place, VECTOR_ARGS};
use crate::ir::Type;

/// So many registers of integer arguments are used in calls of host functions in registers: every platform has them.
const HOST_INT_ARGS: usize = 6;

/// What a stub out of compiled code calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Callee {
    /// `VmFuncRef::host` of the function.
    Host,
    /// The routine at this address.
    Routine(u64),
}

/// The function types that stubs are made for.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shape {
    /// Types of the parameters.
    pub params: Vec<Type>,
    /// Types of the results.
    pub results: Vec<Type>,
}

impl Shape {
    /// Whether a host function of this shape can have its arguments in registers: all of them, the callee and the caller, and the result
    /// beside whether all went well.
    pub fn fits_registers(&self) -> bool {
        let scalars = |types: &[Type]| !types.contains(&Type::V128);
        let ints = self.ints();
        scalars(&self.params)
            && scalars(&self.results)
            && ints + 2 <= HOST_INT_ARGS
            && self.params.len() - ints <= usize::from(VECTOR_ARGS)
            && self.results.len() <= 1
    }

    /// How many parameters are integers.
    pub(super) fn ints(&self) -> usize {
        self.params.iter().filter(|ty| ty.is_int()).count()
    }

    /// Bytes of the slots that serve for parameters and results.
    pub(super) fn slot_bytes(&self) -> i32 {
        let bytes = |types: &[Type]| types.iter().map(|&ty| slot_bytes(ty)).sum::<i32>();
        bytes(&self.params).max(bytes(&self.results))
    }
}

/// Bytes of the slots of a value.
pub(super) fn slot_bytes(ty: Type) -> i32 {
    ty.bytes().max(8) as i32
}

/// Each type with its place and the offset of its slots.
pub(super) fn places<'a>(types: &'a [Type], places: &'a [Place]) -> impl Iterator<Item = (Type, Place, i32)> + 'a {
    let mut next = 0;
    types.iter().zip(places).map(move |(&ty, &place)| {
        let at = next;
        next += slot_bytes(ty);
        (ty, place, at)
    })
}
