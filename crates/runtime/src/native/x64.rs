//! What depends on the machine, on x86-64: its features, the context that a signal interrupts, the instruction that traps. The file of another machine has
//! the same names.

use crate::api::error::Result;
use crate::sys::{CodeSpace, barrier};
use core::arch::x86_64::{__cpuid, __cpuid_count, _xgetbv};
use core::ops::Range;
use rustix::mm::ProtFlags;
use std::sync::OnceLock;
use tiercel_compiler::isa::Target;
pub use tiercel_compiler::isa::x64::abi::REGISTERS as ARGUMENT_REGISTERS;
pub use tiercel_compiler::isa::x64::{Assembler, Features, stubs};

/// What a CPU must have.
pub const CPU_FLOOR: Features = tiercel_compiler::isa::target::X64_FLOOR;
/// Why there is no compiled code on a CPU without it.
pub const CPU_TOO_OLD: &str =
    "compiled code needs a CPU with SSE4.1, which this one has not; the tier `interp` runs everywhere";
/// `ud2`.
const UD2: [u8; 2] = [0x0f, 0x0b];

/// Whether code may be written where other code was. The host's barrier makes all threads forget what they have fetched; but emulators keep translations,
/// and do not see what is written at another address than the one at which it runs. So it is tried out, once.
pub fn reuses_room() -> bool {
    static REUSES: OnceLock<bool> = OnceLock::new();
    *REUSES.get_or_init(|| runs_what_was_written().unwrap_or(false))
}

/// Writes functions one over another, and calls each.
fn runs_what_was_written() -> Result<bool> {
    let space = CodeSpace::new(0, 1, false)?;
    let runs = |number: u8| {
        // `mov eax, number` and `ret`.
        let code = [0xb8, number, 0, 0, 0, 0xc3];
        // SAFETY: nobody else knows the room, and nothing is running there.
        unsafe { space.write(0, &code) };
        let seen = barrier::everywhere();
        // SAFETY: this is a function of that type, this one or one from before.
        let gives = unsafe { core::mem::transmute::<usize, extern "C" fn() -> u32>(space.code_range().start) };
        seen && gives() == number.into()
    };
    Ok((1..=3).all(runs))
}

/// The features that this CPU has, and that the system lets programs use.
pub fn cpu_features() -> Features {
    static FEATURES: OnceLock<Features> = OnceLock::new();
    *FEATURES.get_or_init(detect)
}

/// As `is_x86_feature_detected` of the standard library, but that one asks thrice as many questions, each of which takes microseconds in a virtual machine.
fn detect() -> Features {
    let mut features = Features::BASELINE;
    let mut note = |register: u32, bits: &[(u32, Features)]| {
        let found = bits.iter().filter(|(bit, _)| register >> bit & 1 != 0);
        features = found.fold(features, |all, &(_, feature)| all.union(feature));
    };
    let basic = __cpuid(1).ecx;
    note(
        basic,
        &[
            (0, Features::SSE3),
            (9, Features::SSSE3),
            (19, Features::SSE41),
            (20, Features::SSE42),
            (23, Features::POPCNT),
        ],
    );
    // Every CPU with 64 bits has this leaf.
    note(__cpuid(0x8000_0001).ecx, &[(5, Features::LZCNT)]);
    let (osxsave, avx) = (1 << 27, 1 << 28);
    if basic & osxsave != 0 {
        // What has `xsave` has leaf 13, and so this one.
        let more = __cpuid_count(7, 0).ebx;
        note(more, &[(3, Features::BMI1), (8, Features::BMI2)]);
        // SAFETY: the instruction is there: that is what the bit says.
        let kept = unsafe { _xgetbv(0) };
        // The system keeps both halves of vector registers.
        if basic & avx != 0 && kept & 0b110 == 0b110 {
            note(basic, &[(28, Features::AVX), (12, Features::FMA)]);
            note(more, &[(5, Features::AVX2)]);
        }
    }
    features
}

/// How the compiler is told of them.
pub fn target(features: Features) -> Target {
    Target::X64(features)
}

/// Fewer features, by a seed: all, none with three operands, only what every CPU has that runs compiled code.
pub fn some_features(features: Features, seed: u64) -> Features {
    let avx = Features::AVX.union(Features::AVX2).union(Features::FMA).union(Features::BMI1).union(Features::BMI2);
    match seed % 3 {
        0 => features,
        1 => features.difference(avx),
        _ => CPU_FLOOR,
    }
}

/// The registers that a signal has interrupted.
pub struct Interrupted<'a>(&'a mut [libc::greg_t; 23]);

impl Interrupted<'_> {
    /// # Safety
    /// `context` is what the kernel gave a handler, and nobody else uses it.
    pub unsafe fn new<'a>(context: *mut core::ffi::c_void) -> Interrupted<'a> {
        // SAFETY: promised by the caller.
        Interrupted(unsafe { &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs })
    }

    fn get(&self, register: libc::c_int) -> usize {
        self.0[register as usize] as usize
    }

    /// The instruction.
    pub fn pc(&self) -> usize {
        self.get(libc::REG_RIP)
    }

    /// The frame pointer.
    pub fn fp(&self) -> usize {
        self.get(libc::REG_RBP)
    }

    /// In compiled code, the vmctx.
    pub fn vmctx(&self) -> usize {
        self.get(libc::REG_R14)
    }

    /// In compiled code, where a function without a frame returns to; else anything.
    ///
    /// # Safety
    /// The stack pointer is that of compiled code.
    pub unsafe fn frameless_return(&self) -> usize {
        // SAFETY: promised by the caller: it points into the stack.
        unsafe { *(self.get(libc::REG_RSP) as *const usize) }
    }

    /// Lets the program go on at another place, with this argument.
    pub fn go_on_at(&mut self, pc: usize, argument: usize) {
        self.0[libc::REG_RIP as usize] = pc as i64;
        self.0[libc::REG_RDI as usize] = argument as i64;
        // What is below the stack pointer is nobody's: compiled code keeps nothing there.
        self.0[libc::REG_RSP as usize] &= !15;
    }
}

/// Whether the instruction there is one that only traps.
///
/// # Safety
/// There is code at `pc`.
pub unsafe fn is_trap(pc: usize) -> bool {
    // SAFETY: promised by the caller.
    unsafe { *(pc as *const [u8; 2]) == UD2 }
}

/// What code may be used for.
pub fn code_access(_has_pads: bool) -> ProtFlags {
    ProtFlags::READ | ProtFlags::EXEC
}

/// The address in a return address of a frame.
pub fn return_address(address: usize) -> usize {
    address
}

/// Makes code that has just been written known to the processors: nothing to do here.
pub fn publish(_written: Range<usize>, _code: Range<usize>) {}

/// Declares the routine behind a name, as compiled code calls it: it leaves the address of its frame and calls the routine.
macro_rules! outside {
    ($name:ident = $routine:ident) => {
        /// # Safety
        /// As [`libcalls`](crate::vm::libcalls); `rbp` is the guest's.
        #[unsafe(naked)]
        unsafe extern "C" fn $name() {
            core::arch::naked_asm!(
                "push rbp",
                "mov rbp, rsp",
                "mov rax, [rdi + {store}]",
                "mov [rax + {exit}], rbp",
                "call {routine}",
                "pop rbp",
                "ret",
                store = const 8 * tiercel_abi::vmctx::header::STORE,
                exit = const tiercel_abi::vmctx::store::EXIT_FP,
                routine = sym $routine,
            )
        }
    };
}
pub(super) use outside;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn features_are_those_that_the_standard_library_finds() {
        macro_rules! found {
            ($($name:tt $feature:ident)*) => {
                [$((std::arch::is_x86_feature_detected!($name), $name, Features::$feature)),*]
            };
        }
        let features = found! {
            "sse3" SSE3 "ssse3" SSSE3 "sse4.1" SSE41 "sse4.2" SSE42 "popcnt" POPCNT "lzcnt" LZCNT "bmi1" BMI1 "bmi2" BMI2
            "avx" AVX "avx2" AVX2 "fma" FMA
        };
        for (has, name, feature) in features {
            assert_eq!(cpu_features().contains(feature), has, "{name}");
        }
    }
}
