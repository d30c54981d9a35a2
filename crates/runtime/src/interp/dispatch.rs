//! How one handler reaches the next: the machine's registers, and the two dispatch backends.
//!
//! A handler is written once, as an [`Op`]: a function on [`Regs`]. The *tail* backend passes the registers as arguments of one
//! signature, so that LLVM turns the call of the next handler into a jump and all of them stay in machine registers; it needs an
//! optimised build (`build.rs` sets `tail_dispatch`) without debug assertions: their checks of raw pointers take the address of
//! values on the stack, after which LLVM makes no jump of a call. The *loop* backend keeps the registers in memory and returns
//! to a loop after each instruction; it works everywhere.

use crate::vm::VmCtx;

/// The registers of the machine.
#[derive(Clone, Copy)]
pub struct Regs {
    /// The current instruction: its first word is its handler, its operands follow.
    pub ip: *const u64,
    /// The current frame's first slot.
    pub fp: *mut u64,
    /// The current instance.
    pub cx: *mut VmCtx,
    /// Bytes of memory 0.
    pub len: usize,
    /// The first byte of memory 0.
    pub mem: *mut u8,
    /// The integer accumulator: the last `i32` (zero-extended), `i64` or reference that was computed.
    pub ia: u64,
    /// The last `f32` that was computed.
    pub fa32: f32,
    /// The last `f64` that was computed.
    pub fa64: f64,
}

/// What follows an instruction.
pub enum Next {
    /// The instruction at `Regs::ip`.
    Go,
    /// Another handler for the instruction at `Regs::ip`: a part that is rare, so that the common part needs no stack frame.
    To(Handler),
    /// Nothing: the activation ends. `Regs::ip` is still the instruction that ends it.
    Stop(StopCode),
}

/// Why an activation ends: 0 when its function has returned, the code of a trap, or [`PENDING`].
pub type StopCode = u32;

/// The activation's function has returned.
pub const DONE: StopCode = 0;
/// The reason is in the store: an error of the host.
pub const PENDING: StopCode = 1 << 8;

/// One instruction.
pub trait Op {
    /// Carries out the instruction at `r.ip` and moves `r.ip`.
    ///
    /// # Safety
    /// `r` is the state of a running activation and `r.ip` is an instruction made for this `Op` by the translator, whose
    /// operands therefore lie in the frame.
    unsafe fn run(r: &mut Regs) -> Next;
}

/// Where an activation ended.
pub struct Stopped {
    /// Why.
    pub code: StopCode,
    /// The instruction it ended at.
    pub ip: *const u64,
    /// The frame it ended in.
    pub fp: *mut u64,
    /// The instance it ended in.
    pub cx: *mut VmCtx,
}

pub use backend::{Handler, handler, run};

#[cfg(all(tail_dispatch, not(debug_assertions)))]
mod backend {
    use super::{Next, Op, Regs, StopCode, Stopped};
    use crate::vm::VmCtx;

    /// The code of an instruction. Six integers and two floats are what the convention passes in registers.
    #[cfg(target_arch = "x86_64")]
    pub type Handler =
        unsafe extern "sysv64" fn(*const u64, *mut u64, *mut VmCtx, usize, *mut u8, u64, f32, f64) -> StopCode;
    /// The code of an instruction.
    #[cfg(not(target_arch = "x86_64"))]
    pub type Handler =
        unsafe extern "C" fn(*const u64, *mut u64, *mut VmCtx, usize, *mut u8, u64, f32, f64) -> StopCode;

    macro_rules! define {
        ($abi:literal) => {
            #[expect(clippy::too_many_arguments, reason = "each is a machine register")]
            unsafe extern $abi fn tail<O: Op>(
                ip: *const u64,
                fp: *mut u64,
                cx: *mut VmCtx,
                len: usize,
                mem: *mut u8,
                ia: u64,
                fa32: f32,
                fa64: f64,
            ) -> StopCode {
                let mut r = Regs { ip, fp, cx, len, mem, ia, fa32, fa64 };
                // SAFETY: the caller dispatched to the handler that stands at `ip`, which is this one.
                match unsafe { O::run(&mut r) } {
                    // SAFETY: every instruction starts with a `Handler` (invariant of `CodeBuilder`).
                    Next::Go => unsafe {
                        let next = core::mem::transmute::<usize, Handler>(*r.ip as usize);
                        next(r.ip, r.fp, r.cx, r.len, r.mem, r.ia, r.fa32, r.fa64)
                    },
                    // SAFETY: the handler was named for this instruction.
                    Next::To(other) => unsafe { other(r.ip, r.fp, r.cx, r.len, r.mem, r.ia, r.fa32, r.fa64) },
                    // SAFETY: as above; `stop` only stores its arguments.
                    Next::Stop(code) => unsafe {
                        stop(r.ip, r.fp, r.cx, r.len, r.mem, code as u64, r.fa32, r.fa64)
                    },
                }
            }

            /// Ends the activation; its registers are left where [`run`] finds them.
            #[cold]
            #[inline(never)]
            #[expect(clippy::too_many_arguments, reason = "the signature of a handler")]
            unsafe extern $abi fn stop(
                ip: *const u64,
                fp: *mut u64,
                cx: *mut VmCtx,
                _len: usize,
                _mem: *mut u8,
                code: u64,
                _fa32: f32,
                _fa64: f64,
            ) -> StopCode {
                // SAFETY: the vmctx of a running activation and its store are alive.
                unsafe {
                    let store = (*cx).store;
                    (*store).stop_ip = ip;
                    (*store).stop_fp = fp;
                    (*store).stop_cx = cx;
                }
                code as StopCode
            }
        };
    }
    #[cfg(target_arch = "x86_64")]
    define!("sysv64");
    #[cfg(not(target_arch = "x86_64"))]
    define!("C");

    /// The handler of an instruction.
    pub const fn handler<O: Op>() -> Handler {
        tail::<O>
    }

    /// Runs from `r` until the activation ends.
    ///
    /// # Safety
    /// As for [`Op::run`].
    pub unsafe fn run(r: Regs) -> Stopped {
        // SAFETY: passed on; `stop` has set the two words when the first handler returns.
        unsafe {
            let first = core::mem::transmute::<usize, Handler>(*r.ip as usize);
            let code = first(r.ip, r.fp, r.cx, r.len, r.mem, r.ia, r.fa32, r.fa64);
            let store = (*r.cx).store;
            Stopped { code, ip: (*store).stop_ip, fp: (*store).stop_fp, cx: (*store).stop_cx }
        }
    }
}

#[cfg(not(all(tail_dispatch, not(debug_assertions))))]
mod backend {
    use super::{Next, Op, Regs, StopCode, Stopped};

    /// The code of an instruction; `CONTINUE` unless the activation ends.
    pub type Handler = unsafe fn(&mut Regs) -> StopCode;

    const CONTINUE: StopCode = StopCode::MAX;

    unsafe fn step<O: Op>(r: &mut Regs) -> StopCode {
        // SAFETY: the caller dispatched to the handler that stands at `r.ip`, which is this one.
        match unsafe { O::run(r) } {
            Next::Go => CONTINUE,
            // SAFETY: the handler was named for this instruction.
            Next::To(other) => unsafe { other(r) },
            Next::Stop(code) => code,
        }
    }

    /// The handler of an instruction.
    pub const fn handler<O: Op>() -> Handler {
        step::<O>
    }

    /// Runs from `r` until the activation ends.
    ///
    /// # Safety
    /// As for [`Op::run`].
    pub unsafe fn run(mut r: Regs) -> Stopped {
        loop {
            // SAFETY: every instruction starts with a `Handler` (invariant of `CodeBuilder`).
            let code = unsafe { core::mem::transmute::<usize, Handler>(*r.ip as usize)(&mut r) };
            if code != CONTINUE {
                return Stopped { code, ip: r.ip, fp: r.fp, cx: r.cx };
            }
        }
    }
}
