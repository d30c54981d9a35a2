//! What depends on the machine, on aarch64: its features, the context that a signal interrupts, the instruction that traps. The file of another machine has
//! the same names.

use crate::sys::barrier;
use core::arch::asm;
use core::ops::Range;
use rustix::mm::ProtFlags;
use tiercel_compiler::isa::Target;
pub use tiercel_compiler::isa::aarch64::abi::REGISTERS as ARGUMENT_REGISTERS;
pub use tiercel_compiler::isa::aarch64::{Assembler, Features, stubs};

/// What a CPU must have: nothing that not every one has.
pub const CPU_FLOOR: Features = Features::BASELINE;
/// Never told.
pub const CPU_TOO_OLD: &str = "compiled code does not run on this CPU; the tier `interp` runs everywhere";

/// The features that this CPU has.
pub fn cpu_features() -> Features {
    let known = [
        (std::arch::is_aarch64_feature_detected!("lse"), Features::LSE),
        (std::arch::is_aarch64_feature_detected!("dotprod"), Features::DOTPROD),
    ];
    known.into_iter().filter(|(has, _)| *has).fold(Features::BASELINE, |all, (_, feature)| all.union(feature))
}

/// How the compiler is told of them.
pub fn target(features: Features) -> Target {
    Target::Aarch64(features)
}

/// Fewer features, by a seed: all, or only what every CPU has that runs compiled code.
pub fn some_features(features: Features, seed: u64) -> Features {
    if seed.is_multiple_of(2) { features } else { CPU_FLOOR }
}

/// The registers that a signal has interrupted.
pub struct Interrupted<'a>(&'a mut libc::mcontext_t);

impl Interrupted<'_> {
    /// # Safety
    /// `context` is what the kernel gave a handler, and nobody else uses it.
    pub unsafe fn new<'a>(context: *mut core::ffi::c_void) -> Interrupted<'a> {
        // SAFETY: promised by the caller.
        Interrupted(unsafe { &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext })
    }

    /// The instruction.
    pub fn pc(&self) -> usize {
        self.0.pc as usize
    }

    /// The frame pointer.
    pub fn fp(&self) -> usize {
        self.0.regs[29] as usize
    }

    /// In compiled code, the vmctx.
    pub fn vmctx(&self) -> usize {
        self.0.regs[28] as usize
    }

    /// In compiled code, where a function without a frame returns to; else anything.
    ///
    /// # Safety
    /// None here.
    pub unsafe fn frameless_return(&self) -> usize {
        self.0.regs[30] as usize
    }

    /// Lets the program go on at another place, with this argument. The stack pointer is always a multiple of 16.
    pub fn go_on_at(&mut self, pc: usize, argument: usize) {
        self.0.pc = pc as u64;
        self.0.regs[0] = argument as u64;
    }
}

/// Whether the instruction there is one that only traps, `udf`.
///
/// # Safety
/// There is code at `pc`.
pub unsafe fn is_trap(pc: usize) -> bool {
    // SAFETY: promised by the caller.
    unsafe { *(pc as *const u32) >> 16 == 0 }
}

/// What code may be used for, in pages where each place that is reached by address has a landing pad, or not.
pub fn code_access(has_pads: bool) -> ProtFlags {
    let (access, bti) = (ProtFlags::READ | ProtFlags::EXEC, ProtFlags::from_bits_retain(libc::PROT_BTI as u32));
    if has_pads && std::arch::is_aarch64_feature_detected!("bti") { access | bti } else { access }
}

/// The address in a return address of a frame, which may be signed.
pub fn return_address(signed: usize) -> usize {
    let address;
    // SAFETY: the instruction, `xpaclri`, takes the signature out of the register; on older CPUs it does nothing.
    unsafe { asm!("hint #7", inout("x30") signed => address, options(pure, nomem, nostack, preserves_flags)) };
    address
}

/// Whether code may be written where other code was. Not here: emulators keep what they have made of code that is written at another address, and
/// no processor was at hand to see that it works.
pub fn reuses_room() -> bool {
    false
}

/// Makes code that has just been written known to the processors: data and instructions have caches of their own, and what was fetched before
/// may be something else. It was written at `written`, which may be another address of the same memory.
pub fn publish(written: Range<usize>, code: Range<usize>) {
    let ctr: usize;
    // SAFETY: reads the sizes of cache lines.
    unsafe { asm!("mrs {}, ctr_el0", out(reg) ctr, options(nomem, nostack, preserves_flags)) };
    let line = |shift: usize| 4usize << (ctr >> shift & 15);
    // The last line counts wherever in its first line the range starts.
    let lines = |range: Range<usize>, bytes: usize| (range.start & !(bytes - 1)..range.end).step_by(bytes);
    // SAFETY: the instructions change no memory and no register; the ranges are those of mappings of ours.
    unsafe {
        for address in lines(written, line(16)) {
            asm!("dc cvau, {}", in(reg) address, options(nostack, preserves_flags));
        }
        asm!("dsb ish", options(nostack, preserves_flags));
        for address in lines(code, line(0)) {
            asm!("ic ivau, {}", in(reg) address, options(nostack, preserves_flags));
        }
        asm!("dsb ish", "isb", options(nostack, preserves_flags));
    }
    // Other processors may have fetched what was at the same addresses before. An old kernel cannot help; there is nothing better then.
    barrier::everywhere();
}

/// Declares the routine behind a name, as compiled code calls it: it leaves the address of its frame and calls the routine.
macro_rules! outside {
    ($name:ident = $routine:ident) => {
        /// # Safety
        /// As [`libcalls`](crate::vm::libcalls); `x29` is the guest's.
        #[unsafe(naked)]
        unsafe extern "C" fn $name() {
            core::arch::naked_asm!(
                "stp x29, x30, [sp, #-16]!",
                "mov x29, sp",
                "ldr x9, [x0, #{store}]",
                "str x29, [x9, #{exit}]",
                "bl {routine}",
                "ldp x29, x30, [sp], #16",
                "ret",
                store = const 8 * tiercel_abi::vmctx::header::STORE,
                exit = const tiercel_abi::vmctx::store::EXIT_FP,
                routine = sym $routine,
            )
        }
    };
}
pub(super) use outside;
