//! The stack of the running thread: where it ends, and another one for signals.

use core::cell::Cell;
use core::ptr::null_mut;
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

/// The stack that signal handlers have at least, in bytes: for the kernel's frame, our handler and those behind it.
const SIGNAL_STACK_BYTES: usize = 64 << 10;

std::thread_local! {
    /// The lowest address of the thread's stack; 0 before it is asked for.
    static LOWEST: Cell<usize> = const { Cell::new(0) };
    static SIGNAL_STACK: SignalStack = SignalStack::new();
}

/// The lowest address of the running thread's stack. The first call of a thread gives it a stack for signals, if it has none that is
/// large enough.
#[inline]
pub fn lowest() -> usize {
    match LOWEST.get() {
        0 => prepare(),
        lowest => lowest,
    }
}

#[cold]
fn prepare() -> usize {
    // While a thread ends there may be none any more: handlers then run on its ordinary stack.
    let _ = SIGNAL_STACK.try_with(|_| ());
    let lowest = main_lowest().or_else(ask_lowest).unwrap_or(1);
    LOWEST.set(lowest);
    lowest
}

/// At least so much below the top of the first thread's stack is kept free for it by the kernel, in bytes, whatever its limit was when the process began.
const KEPT_FREE_BYTES: u64 = 128 << 20;

/// The lowest address of the first thread's stack, if that is the one in use. To ask for it takes many times as long: the C library then reads what all
/// memory of the process is used for.
fn main_lowest() -> Option<usize> {
    let marker = 0u8;
    let here = (&raw const marker) as usize;
    let limit = rustix::process::getrlimit(rustix::process::Resource::Stack).current?;
    let top = main_top();
    let lowest = top.checked_sub(usize::try_from(limit).ok().filter(|_| limit <= KEPT_FREE_BYTES)?)?;
    (lowest..top).contains(&here).then_some(lowest)
}

/// The end of the first thread's stack: before anything else the kernel writes the program's name there.
fn main_top() -> usize {
    let name = rustix::param::linux_execfn().to_bytes_with_nul().as_ptr_range();
    (name.end as usize).next_multiple_of(rustix::param::page_size())
}

/// None if the host does not tell.
fn ask_lowest() -> Option<usize> {
    let (mut lowest, mut len) = (null_mut(), 0);
    // SAFETY: the attributes are initialised by the first call, and destroyed once if that worked.
    unsafe {
        let mut attributes = core::mem::MaybeUninit::uninit();
        if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
            return None;
        }
        let got = libc::pthread_attr_getstack(attributes.as_ptr(), &mut lowest, &mut len);
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
        (got == 0).then_some(lowest as usize)
    }
}

/// A stack for the signals of one thread, with a page below it that faults. Nothing if the thread has one or the host refuses.
struct SignalStack {
    mapping: *mut u8,
    len: usize,
}

impl SignalStack {
    fn new() -> SignalStack {
        let page = rustix::param::page_size();
        let none = SignalStack { mapping: null_mut(), len: 0 };
        // SAFETY: the calls get valid structures; the mapping is new and lives until the thread has let go of it.
        unsafe {
            let mut old = core::mem::zeroed::<libc::stack_t>();
            if libc::sigaltstack(core::ptr::null(), &mut old) != 0
                || (old.ss_flags & libc::SS_DISABLE == 0 && old.ss_size >= SIGNAL_STACK_BYTES)
            {
                return none;
            }
            let len = SIGNAL_STACK_BYTES + page;
            let access = ProtFlags::READ | ProtFlags::WRITE;
            let Ok(mapping) = mmap_anonymous(null_mut(), len, access, MapFlags::PRIVATE) else { return none };
            let this = SignalStack { mapping: mapping.cast(), len };
            let stack = libc::stack_t { ss_sp: this.bottom().cast(), ss_flags: 0, ss_size: SIGNAL_STACK_BYTES };
            let guarded = mprotect(mapping, page, MprotectFlags::empty()).is_ok();
            if !guarded || libc::sigaltstack(&stack, null_mut()) != 0 {
                return none;
            }
            this
        }
    }

    /// Its lowest byte that can be used.
    fn bottom(&self) -> *mut u8 {
        self.mapping.wrapping_add(rustix::param::page_size())
    }
}

impl Drop for SignalStack {
    fn drop(&mut self) {
        if self.mapping.is_null() {
            return;
        }
        // SAFETY: the calls get valid structures. The mapping is ours; it is unmapped when the thread does not use it any more.
        unsafe {
            let mut current = core::mem::zeroed::<libc::stack_t>();
            if libc::sigaltstack(core::ptr::null(), &mut current) == 0 && current.ss_sp == self.bottom().cast() {
                let disable = libc::stack_t { ss_sp: null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
                libc::sigaltstack(&disable, null_mut());
            }
            let result = munmap(self.mapping.cast(), self.len);
            debug_assert!(result.is_ok(), "munmap of our own mapping");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{lowest, main_lowest, main_top};

    #[test]
    fn a_thread_knows_its_stack() {
        let size = 1 << 20;
        let thread = std::thread::Builder::new().stack_size(size).spawn(move || {
            let here = (&raw const size) as usize;
            // The host may give more than was asked for.
            assert!(here.checked_sub(lowest()).is_some_and(|left| left > size / 2), "{here:#x} {:#x}", lowest());
            assert_eq!(lowest(), lowest());
        });
        thread.expect("a thread").join().expect("no panic");
    }

    #[test]
    fn the_first_threads_stack_ends_where_the_kernel_says() {
        let maps = std::fs::read_to_string("/proc/self/maps").expect("it can be read");
        let stack = maps.lines().find(|line| line.ends_with("[stack]")).expect("there is one");
        let (start, end) = stack.split_whitespace().next().and_then(|range| range.split_once('-')).expect("a range");
        let address = |text| usize::from_str_radix(text, 16).expect("an address");
        assert_eq!(main_top(), address(end));
        // This is another thread.
        let here = (&raw const maps) as usize;
        assert!((address(start)..address(end)).contains(&here) || main_lowest().is_none());
    }
}
