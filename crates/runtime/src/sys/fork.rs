//! Whether the process was forked: what parent and child share from then on none of them may change under the other.

use core::sync::atomic::{AtomicU32, Ordering};
use std::sync::Once;

/// How often this process and those that it comes from were forked, as far as they have asked, and how often it was the child.
static FORKED: AtomicU32 = AtomicU32::new(0);
static CHILD: AtomicU32 = AtomicU32::new(0);

/// A point in the history of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    forked: u32,
    child: u32,
}

impl Origin {
    /// Now.
    pub fn now() -> Origin {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            // SAFETY: the functions have the type that is asked for, and do nothing but count.
            unsafe { libc::pthread_atfork(Some(before), None, Some(in_child)) };
        });
        Origin { forked: FORKED.load(Ordering::Relaxed), child: CHILD.load(Ordering::Relaxed) }
    }

    /// Whether this is another process than it was then.
    pub fn is_elsewhere(self) -> bool {
        CHILD.load(Ordering::Relaxed) != self.child
    }

    /// Whether there may be another process by now that has what was there then.
    pub fn is_shared(self) -> bool {
        FORKED.load(Ordering::Relaxed) != self.forked
    }
}

unsafe extern "C" fn before() {
    FORKED.fetch_add(1, Ordering::Relaxed);
}

unsafe extern "C" fn in_child() {
    CHILD.fetch_add(1, Ordering::Relaxed);
}
