//! Why a guest was stopped. The numbers are the same in compiled code, in the interpreter, in the API and in C.

use core::fmt;

macro_rules! traps {
    ($($variant:ident = $code:literal, $message:literal;)*) => {
        /// Why a guest was stopped.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum Trap { $(#[doc = $message] $variant = $code,)* }

        impl Trap {
            /// The trap with this number.
            pub const fn from_code(code: u8) -> Option<Trap> {
                match code { $($code => Some(Trap::$variant),)* _ => None }
            }

            /// What went wrong, as a phrase.
            pub const fn message(self) -> &'static str {
                match self { $(Trap::$variant => $message,)* }
            }
        }
    };
}

traps! {
    StackOverflow = 1, "call stack exhausted";
    MemoryOutOfBounds = 2, "out of bounds memory access";
    HeapMisaligned = 3, "misaligned memory access";
    TableOutOfBounds = 4, "undefined element: out of bounds table access";
    IndirectCallToNull = 5, "uninitialized element";
    BadSignature = 6, "indirect call type mismatch";
    IntegerOverflow = 7, "integer overflow";
    IntegerDivisionByZero = 8, "integer divide by zero";
    BadConversionToInteger = 9, "invalid conversion to integer";
    UnreachableCodeReached = 10, "wasm `unreachable` instruction executed";
    Interrupt = 11, "interrupted: the deadline has passed";
    OutOfFuel = 12, "all fuel consumed";
    NullReference = 13, "null reference";
    AllocationTooLarge = 14, "allocation size too large";
    CastFailure = 15, "cast failure";
    ArrayOutOfBounds = 16, "out of bounds array access";
    GcHeapOutOfMemory = 17, "GC heap out of memory: the store's limit or the host allows no more";
    BrokenWidth = 64, "internal error of the compiler, not of the guest: the upper half of a register that holds an i32 is not zero";
}

impl Trap {
    /// The number that stands for the trap.
    pub const fn code(self) -> u8 {
        self as u8
    }
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "wasm trap: {}", self.message())
    }
}

impl core::error::Error for Trap {}
