//! Moves, branches, calls and returns, and the entries and exits of an activation.
//!
//! A frame, low to high; `fp` points at its first slot:
//!
//! ```text
//! parameters | return address | caller's fp | locals | operands ...
//! ```
//! A caller leaves the arguments at the top of its operands: they are the callee's parameters where they stand. Results come back to
//! the callee's first slots, a single one in its accumulator too. Between frames of different instances lies a *bridge* record
//! ([`Bridge`]): it remembers the caller's instance, which otherwise no frame stores.

use super::Handler;
use crate::interp::dispatch::{DONE, Next, Op, PENDING, Regs, StopCode, handler};
use crate::interp::operand::{A, Dst, I, S, Src, St, Value, field, imm32, slot};
use crate::vm::{CodePoint, VmCtx, VmFuncRef, VmTable};
use core::marker::PhantomData;
use core::mem::offset_of;
use core::ptr::NonNull;
use core::sync::atomic::Ordering;
use tiercel_abi::Trap;
use tiercel_wasm::numeric::V128;

/// Slots that a frame has beyond parameters, locals and operands: return address and caller's `fp`.
pub const HEADER_SLOTS: usize = 2;
/// Slots above a frame that a call may write before the callee checks the stack: its header.
pub const STACK_MARGIN_SLOTS: usize = 16;

/// Ends the activation with a trap.
#[inline(always)]
pub fn trap(trap: Trap) -> Next {
    Next::Stop(trap.code() as StopCode)
}

/// Reads the vmctx's pointer-sized field at a byte offset.
///
/// # Safety
/// The layout of the running module has a pointer there.
#[inline(always)]
pub unsafe fn cx_pointer<T>(cx: *mut VmCtx, offset: u32) -> *mut T {
    // SAFETY: the caller's.
    unsafe { *cx.byte_add(offset as usize).cast::<*mut T>() }
}

impl Regs {
    /// Reads memory 0 anew, after anything that may have changed the instance or grown a memory.
    ///
    /// # Safety
    /// `self.cx` is alive.
    #[inline(always)]
    pub unsafe fn reload(&mut self) {
        // SAFETY: memory 0 of a live instance is alive.
        unsafe {
            let memory = (*self.cx).memory0;
            if memory.is_null() {
                (self.mem, self.len) = (core::ptr::null_mut(), 0);
            } else {
                (self.mem, self.len) = ((*memory).base, (*memory).len_bytes);
            }
        }
    }
}

macro_rules! ops {
    ($($(#[$doc:meta])* $name:ident $(<$($param:ident: $bound:ident),*>)? |$r:ident| $body:block)*) => {$(
        $(#[$doc])*
        pub struct $name $(<$($param),*>(PhantomData<($($param,)*)>))?;
        impl $(<$($param: $bound),*>)? Op for $name $(<$($param),*>)? {
            #[inline(always)]
            unsafe fn run($r: &mut Regs) -> Next {
                // SAFETY: the caller's: the instruction at `ip` was made for this handler, its slots lie in the frame, and what
                // the vmctx points at is alive while the activation runs.
                #[allow(unused_unsafe, reason = "a few instructions only trap")]
                unsafe {
                    $body
                }
            }
        }
    )*};
}
pub(super) use ops;

ops! {
    /// The first instruction of a function whose locals need no zeroes: `imm32` slots must fit.
    Enter0 |r| {
        if r.fp.wrapping_add(imm32(r.ip) as usize) > (*(*r.cx).store).stack_limit {
            return trap(Trap::StackOverflow);
        }
        r.ip = r.ip.add(2);
        Next::Go
    }

    /// The same, and `s0` slots from `dst` on become zero.
    EnterN |r| {
        if r.fp.wrapping_add(imm32(r.ip) as usize) > (*(*r.cx).store).stack_limit {
            return trap(Trap::StackOverflow);
        }
        let mut local = slot(r, 0);
        let end = local.add(field(r.ip, 1));
        while local < end {
            // Volatile, or the loop would become a call of `memset`, which costs more than it saves for a few slots.
            local.write_volatile(0);
            local = local.add(1);
        }
        r.ip = r.ip.add(2);
        Next::Go
    }

    /// `dst = s0`.
    Copy<T: Value, P: Src> |r| {
        let value: T = P::get(r, 1);
        St::put(r, value);
        r.ip = r.ip.add(if P::IS_IMM { 2 + T::IMM_WORDS } else { 2 });
        Next::Go
    }

    /// `dst` = the word behind the operand word.
    Const64 |r| {
        St::put(r, *r.ip.add(2) as i64);
        r.ip = r.ip.add(3);
        Next::Go
    }

    /// `dst = s2 ? s0 : s1`.
    Select<T: Value, C: Src> |r| {
        let condition: bool = C::get(r, 3);
        let from = slot(r, if condition { 1 } else { 2 });
        let value = T::load(from);
        St::put(r, value);
        r.ip = r.ip.add(2);
        Next::Go
    }

    /// Goes on at the distance in the operand word.
    Br |r| {
        r.ip = r.ip.offset(*r.ip.add(1) as i64 as isize);
        Next::Go
    }

    /// Goes on at the distance in the third word if `s0` is not zero.
    BrNez<P: Src> |r| {
        let condition: bool = P::get(r, 1);
        r.ip = r.ip.offset(if condition { *r.ip.add(2) as i64 as isize } else { 3 });
        Next::Go
    }

    /// Goes on at the distance in the third word if `s0` is zero.
    BrEqz<P: Src> |r| {
        let condition: bool = P::get(r, 1);
        r.ip = r.ip.offset(if condition { 3 } else { *r.ip.add(2) as i64 as isize });
        Next::Go
    }

    /// Goes on at distance number `s0`, or at the last one, number `imm32`.
    BrTable<P: Src> |r| {
        let index: i32 = P::get(r, 1);
        let index = (index as u32).min(imm32(r.ip)) as usize;
        r.ip = r.ip.offset(*r.ip.add(2 + index) as i64 as isize);
        Next::Go
    }

    /// Traps.
    Unreachable |_r| {
        trap(Trap::UnreachableCodeReached)
    }

    /// Returns without results; the header is at `dst`.
    Return0 |r| {
        leave(r, field(r.ip, 0));
        Next::Go
    }

    /// Returns one result.
    Return1<T: Value, P: Src> |r| {
        let value: T = P::get(r, 1);
        let (header, result) = (field(r.ip, 0), r.fp);
        leave(r, header);
        value.store(result);
        value.set_acc(r);
        Next::Go
    }

    /// Returns the `imm32` slots from `s0` on.
    ReturnN |r| {
        let (header, from, result, len) = (field(r.ip, 0), slot(r, 1), r.fp, imm32(r.ip));
        leave(r, header);
        core::ptr::copy(from, result, len as usize);
        Next::Go
    }

    /// Calls own function `imm32`: arguments from `dst` on, header at `s0`.
    Call |r| {
        let (args, header) = (slot(r, 0), slot(r, 1));
        let func = imm32(r.ip) as usize;
        *header = r.ip.add(2) as u64;
        *header.add(1) = r.fp as u64;
        r.fp = args;
        r.ip = (*(*r.cx).func_cells.add(func)).code.load(Ordering::Acquire);
        r.ia = func as u64;
        Next::Go
    }

    /// Calls the imported function whose pointer is at vmctx offset `imm32`.
    CallImport |r| {
        let callee = NonNull::new_unchecked(cx_pointer(r.cx, imm32(r.ip)));
        call_ref::<CALL_IMPORT_WORDS>(r, callee)
    }

    /// The part of a call that leaves the instance; the accumulator holds the callee.
    CallImportForeign |r| {
        call_foreign::<CALL_IMPORT_WORDS>(r)
    }

    /// The part of a call that leaves the instance; the accumulator holds the callee.
    CallIndirectForeign |r| {
        call_foreign::<CALL_INDIRECT_WORDS>(r)
    }

    /// Calls the table's element number `s0`, if it has the type asked for.
    CallIndirect<P: Src> |r| {
        let index: i64 = P::get(r, 1);
        match table_func(r, index) {
            Ok((callee, true)) => call_ref::<CALL_INDIRECT_WORDS>(r, callee),
            Ok((callee, false)) => {
                r.ia = callee.as_ptr() as u64;
                Next::To(handler::<CallIndirectSubtype>())
            }
            Err(reason) => trap(reason),
        }
    }

    /// The part of an indirect call whose callee, in the accumulator, has another type than asked for: perhaps one that extends it.
    CallIndirectSubtype |r| {
        let callee = NonNull::new_unchecked(r.ia as *mut VmFuncRef);
        if extends(r, callee) { call_ref::<CALL_INDIRECT_WORDS>(r, callee) } else { trap(Trap::BadSignature) }
    }

    /// Calls the function that `s0` refers to.
    CallRef<P: Src> |r| {
        let callee: i64 = P::get(r, 1);
        match NonNull::new(callee as *mut VmFuncRef) {
            Some(callee) => call_ref::<CALL_REF_WORDS>(r, callee),
            None => trap(Trap::NullReference),
        }
    }

    /// Calls own function `imm32` in place of the running one: arguments from `dst` on, own header at `s0`.
    ReturnCall |r| {
        let (args, header, params) = (slot(r, 0), slot(r, 1), Shape::of(r).params);
        let func = imm32(r.ip) as usize;
        replace_frame(r, args, header, params);
        r.ip = (*(*r.cx).func_cells.add(func)).code.load(Ordering::Acquire);
        r.ia = func as u64;
        Next::Go
    }

    /// Calls the imported function whose pointer is at vmctx offset `imm32` in place of the running one.
    ReturnCallImport |r| {
        let (args, header, shape) = (slot(r, 0), slot(r, 1), Shape::of(r));
        let callee = NonNull::new_unchecked(cx_pointer(r.cx, imm32(r.ip)));
        tail_call_ref(r, callee, args, header, shape)
    }

    /// Calls a table's element in place of the running function; the index is in the slot `s0`, the own header's in the fifth word.
    ReturnCallIndirect |r| {
        let index: i64 = S::get(r, 1);
        match table_func(r, index) {
            Ok((callee, same)) if same || extends(r, callee) => {
                let (args, header, shape) = (slot(r, 0), r.fp.add(*r.ip.add(4) as usize), Shape::of(r));
                tail_call_ref(r, callee, args, header, shape)
            }
            Ok(_) => trap(Trap::BadSignature),
            Err(reason) => trap(reason),
        }
    }

    /// Calls the function that the slot `s0` refers to in place of the running one; the own header's is the fourth word.
    ReturnCallRef |r| {
        let callee: i64 = S::get(r, 1);
        match NonNull::new(callee as *mut VmFuncRef) {
            Some(callee) => {
                let (args, header, shape) = (slot(r, 0), r.fp.add(*r.ip.add(3) as usize), Shape::of(r));
                tail_call_ref(r, callee, args, header, shape)
            }
            None => trap(Trap::NullReference),
        }
    }

    /// Takes `imm32` units of fuel.
    Fuel |r| {
        let store = (*r.cx).store;
        (*store).fuel = (*store).fuel.wrapping_sub(imm32(r.ip) as i64);
        if (*store).fuel < 0 {
            return trap(Trap::OutOfFuel);
        }
        r.ip = r.ip.add(2);
        Next::Go
    }

    /// Looks whether the deadline has passed.
    Epoch |r| {
        let store = (*r.cx).store;
        if (*(*store).epoch).load(Ordering::Relaxed) >= (*store).epoch_deadline {
            (*store).host_call = CodePoint { ip: r.ip, fp: r.fp, cx: r.cx };
            match crate::vm::libcalls::epoch_reached(r.cx) {
                Ok(()) => {}
                Err(stop) => return stop_of(stop),
            }
        }
        r.ip = r.ip.add(1);
        Next::Go
    }

    /// Stands for the code of a function that was never called: translates it and goes on there.
    Translate |r| {
        match crate::interp::translate_func(r.cx, r.ia as usize) {
            Some(code) => r.ip = code,
            None => return Next::Stop(PENDING),
        }
        Next::Go
    }

    /// Where a function returns to that was called from another instance.
    CrossBridge |r| {
        let bridge = r.fp.cast::<Bridge>();
        let results = bridge.cast::<u64>().add(size_of::<Bridge>() / 8);
        let (shape, base) = ((*bridge).shape, bridge.cast::<u64>().sub((*bridge).shape.area()));
        core::ptr::copy(results, base, shape.results as usize);
        r.ip = (*bridge).return_ip;
        r.fp = (*bridge).caller_fp;
        r.cx = (*bridge).caller_cx;
        r.reload();
        Next::Go
    }

    /// Where the first function of an activation returns to.
    Exit |_r| {
        Next::Stop(DONE)
    }
}

/// The code that stands in every cell until its function is translated.
pub static TRANSLATE: [Handler; 1] = [handler::<Translate>()];
/// The return address of a function called from another instance.
pub static CROSS_BRIDGE: [Handler; 1] = [handler::<CrossBridge>()];
/// The return address of an activation's first function.
pub static EXIT: [Handler; 1] = [handler::<Exit>()];

/// Slots of parameters and results: the third word of a call.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Shape {
    /// Slots of the parameters.
    pub params: u32,
    /// Slots of the results.
    pub results: u32,
}

impl Shape {
    /// Slots that serve for both.
    #[inline(always)]
    pub fn area(self) -> usize {
        self.params.max(self.results) as usize
    }

    /// The third word of the current instruction.
    #[inline(always)]
    unsafe fn of(r: &Regs) -> Shape {
        // SAFETY: the caller's: the instruction is a call.
        unsafe { *r.ip.add(2).cast::<Shape>() }
    }

    /// As the third word of a call.
    pub fn word(self) -> u64 {
        // SAFETY: two `u32` are eight bytes, without padding.
        unsafe { core::mem::transmute(self) }
    }
}

/// Remembers the caller across a call into another instance. It lies above the arguments; the callee's frame follows it.
#[repr(C)]
pub struct Bridge {
    /// Where the caller goes on.
    pub return_ip: *const u64,
    /// The caller's frame.
    pub caller_fp: *mut u64,
    /// The caller's instance.
    pub caller_cx: *mut VmCtx,
    /// Parameters and results.
    pub shape: Shape,
}

const _: () = assert!(size_of::<Bridge>().is_multiple_of(8) && offset_of!(Bridge, return_ip) == 0);

/// Returns to the caller; the header is `header` slots above the frame's start.
#[inline(always)]
unsafe fn leave(r: &mut Regs, header: usize) {
    // SAFETY: the caller's.
    unsafe {
        let header = r.fp.add(header);
        r.ip = *header as *const u64;
        r.fp = *header.add(1) as *mut u64;
    }
}

/// Moves the arguments down over the running frame and keeps its header behind them.
#[inline(always)]
unsafe fn replace_frame(r: &mut Regs, args: *mut u64, header: *mut u64, params: u32) {
    // SAFETY: the caller's: the frame's header is at `header`. The arguments lie above the header's new place or at it, and
    // the header has been read before.
    unsafe {
        let (return_ip, caller_fp) = (*header, *header.add(1));
        core::ptr::copy(args, r.fp, params as usize);
        let header = r.fp.add(params as usize);
        *header = return_ip;
        *header.add(1) = caller_fp;
    }
}

/// The function that a table's element refers to, and whether its type is the one asked for: the table's vmctx offset and the
/// type are in the fourth word.
#[inline(always)]
unsafe fn table_func(r: &Regs, index: i64) -> Result<(NonNull<VmFuncRef>, bool), Trap> {
    // SAFETY: the caller's: the instruction is an indirect call.
    unsafe {
        let operands = r.ip.add(3).cast::<u32>();
        let table: *mut VmTable = cx_pointer(r.cx, *operands);
        if index as u64 >= (*table).len as u64 {
            return Err(Trap::TableOutOfBounds);
        }
        let callee = *(*table).base.add(index as usize) as *mut VmFuncRef;
        let Some(callee) = NonNull::new(callee) else { return Err(Trap::IndirectCallToNull) };
        Ok((callee, callee.as_ref().type_id == *operands.add(1)))
    }
}

/// Whether a function's type extends the one that an indirect call asks for.
#[inline(always)]
unsafe fn extends(r: &Regs, callee: NonNull<VmFuncRef>) -> bool {
    // SAFETY: the caller's: the instruction is an indirect call.
    unsafe { crate::vm::libcalls::type_extends(r.cx, callee.as_ref().type_id, *r.ip.add(3).cast::<u32>().add(1)) }
}

/// Words of a `CallImport`.
const CALL_IMPORT_WORDS: usize = 3;
/// Words of a `CallRef`.
const CALL_REF_WORDS: usize = CALL_IMPORT_WORDS;
/// Words of a `CallIndirect`.
const CALL_INDIRECT_WORDS: usize = 4;

/// Calls any function: arguments from `dst` on. The caller goes on behind the instruction, which has `WORDS`.
#[inline(always)]
unsafe fn call_ref<const WORDS: usize>(r: &mut Regs, callee: NonNull<VmFuncRef>) -> Next {
    // SAFETY: the caller's: `callee` is alive and has the type that the instruction says.
    unsafe {
        let func = callee.as_ref();
        if func.vmctx != r.cx {
            r.ia = callee.as_ptr() as u64;
            return Next::To(if WORDS == CALL_IMPORT_WORDS {
                handler::<CallImportForeign>()
            } else {
                handler::<CallIndirectForeign>()
            });
        }
        let args = slot(r, 0);
        let header = args.add(Shape::of(r).params as usize);
        *header = r.ip.add(WORDS) as u64;
        *header.add(1) = r.fp as u64;
        r.fp = args;
        r.ia = func.func_index as u64;
        r.ip = (*func.cell).code.load(Ordering::Acquire);
        Next::Go
    }
}

/// Calls a function of the host or of another instance; the accumulator holds its address.
#[inline(always)]
unsafe fn call_foreign<const WORDS: usize>(r: &mut Regs) -> Next {
    // SAFETY: the caller's, as for `call_ref`.
    unsafe {
        let callee = NonNull::new_unchecked(r.ia as *mut VmFuncRef);
        let (func, args, shape, back) = (callee.as_ref(), slot(r, 0), Shape::of(r), r.ip.add(WORDS));
        if let Some(host) = func.host {
            let store = (*r.cx).store;
            (*store).stack_top = args.add(shape.area());
            (*store).host_call = CodePoint { ip: r.ip, fp: r.fp, cx: r.cx };
            if !host(callee, r.cx, args) {
                return Next::Stop(PENDING);
            }
            r.reload();
            r.ia = *args;
            r.fa32 = f32::load(args);
            r.fa64 = f64::load(args);
            r.ip = back;
            return Next::Go;
        }
        if !bridge(r, callee, args, shape, back, r.fp) {
            return trap(Trap::StackOverflow);
        }
        r.ia = func.func_index as u64;
        r.ip = (*func.cell).code.load(Ordering::Acquire);
        Next::Go
    }
}

/// Calls any function in place of the running one, whose header is at `header`.
#[inline(always)]
unsafe fn tail_call_ref(
    r: &mut Regs,
    callee: NonNull<VmFuncRef>,
    args: *mut u64,
    header: *mut u64,
    shape: Shape,
) -> Next {
    // SAFETY: the caller's: `callee` is alive and takes and gives `shape`, and the own header is at `header`.
    unsafe {
        let func = callee.as_ref();
        if func.vmctx == r.cx {
            replace_frame(r, args, header, shape.params);
        } else if let Some(host) = func.host {
            let store = (*r.cx).store;
            (*store).stack_top = args.add(shape.area());
            (*store).host_call = CodePoint { ip: r.ip, fp: r.fp, cx: r.cx };
            if !host(callee, r.cx, args) {
                return Next::Stop(PENDING);
            }
            let results = r.fp;
            r.ip = *header as *const u64;
            r.fp = *header.add(1) as *mut u64;
            core::ptr::copy(args, results, shape.results as usize);
            r.reload();
            r.ia = *results;
            r.fa32 = f32::load(results);
            r.fa64 = f64::load(results);
            return Next::Go;
        } else {
            let back = *header as *const u64;
            if core::ptr::eq(back, CROSS_BRIDGE.as_ptr().cast()) || core::ptr::eq(back, EXIT.as_ptr().cast()) {
                // What lies below this frame restores its own instance: the callee may take the frame's place.
                replace_frame(r, args, header, shape.params);
                r.cx = func.vmctx;
                r.reload();
            } else {
                let caller_fp = *header.add(1) as *mut u64;
                core::ptr::copy(args, r.fp, shape.params as usize);
                if !bridge(r, callee, r.fp, shape, back, caller_fp) {
                    return trap(Trap::StackOverflow);
                }
            }
        }
        r.ia = func.func_index as u64;
        r.ip = (*func.cell).code.load(Ordering::Acquire);
        Next::Go
    }
}

/// Enters another instance: a bridge above the arguments, and a copy of them as the callee's frame.
#[inline(always)]
unsafe fn bridge(
    r: &mut Regs,
    callee: NonNull<VmFuncRef>,
    args: *mut u64,
    shape: Shape,
    return_ip: *const u64,
    caller_fp: *mut u64,
) -> bool {
    // SAFETY: the caller's; that the slots are there is checked first.
    unsafe {
        let bridge = args.add(shape.area()).cast::<Bridge>();
        let fp = bridge.add(1).cast::<u64>();
        let header = fp.wrapping_add(shape.params as usize);
        if header.wrapping_add(STACK_MARGIN_SLOTS) > (*(*r.cx).store).stack_limit {
            return false;
        }
        bridge.write(Bridge { return_ip, caller_fp, caller_cx: r.cx, shape });
        core::ptr::copy_nonoverlapping(args, fp, shape.params as usize);
        *header = CROSS_BRIDGE.as_ptr() as u64;
        *header.add(1) = bridge as u64;
        r.fp = fp;
        r.cx = callee.as_ref().vmctx;
        r.reload();
        true
    }
}

/// Ends the activation for the reason that a library call gave.
#[cold]
pub fn stop_of(stop: crate::interp::Stop) -> Next {
    match stop {
        crate::interp::Stop::Trap(reason) => trap(reason),
        crate::interp::Stop::Pending => Next::Stop(PENDING),
    }
}

macro_rules! by_class {
    ($($(#[$doc:meta])* $name:ident() = $op:ident<$($arg:ident),*>;)*) => {$(
        $(#[$doc])*
        pub const fn $name(class: crate::interp::ops::Class) -> Handler {
            use crate::interp::ops::Class;
            match class {
                Class::I32 => handler::<$op<i32, $($arg),*>>(),
                Class::I64 | Class::Ref => handler::<$op<i64, $($arg),*>>(),
                Class::F32 => handler::<$op<f32, $($arg),*>>(),
                Class::F64 => handler::<$op<f64, $($arg),*>>(),
                Class::V128 => handler::<$op<V128, $($arg),*>>(),
            }
        }
    )*};
}
pub(super) use by_class;

by_class! {
    /// A copy from a slot.
    copy_slot() = Copy<S>;
    /// A copy from the accumulator; not for vectors.
    copy_acc() = Copy<A>;
    /// A constant; one of class `I64` must fit 32 bits.
    copy_imm() = Copy<I>;
    /// A selection, the condition in a slot.
    select_slot() = Select<S>;
    /// A selection, the condition in the accumulator.
    select_acc() = Select<A>;
    /// The return of a slot.
    return_slot() = Return1<S>;
    /// The return of the accumulator; not for vectors.
    return_acc() = Return1<A>;
}
