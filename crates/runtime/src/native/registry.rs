//! Which module's code an instruction belongs to. Read by signal handlers, so reading takes no lock and allocates nothing.
//!
//! Readers see a snapshot: a sorted array that is never changed. A writer publishes another one and frees the old when nobody reads.

use super::compile::Tables;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// The code of a module, by its addresses.
#[derive(Clone, Copy)]
struct Range {
    start: usize,
    end: usize,
    tables: *const Tables,
}

static SNAPSHOT: AtomicPtr<Vec<Range>> = AtomicPtr::new(null_mut());
static READERS: AtomicUsize = AtomicUsize::new(0);
static WRITING: Mutex<()> = Mutex::new(());

/// Calls `act` with the tables of the module that an instruction belongs to, and its offset in the module's code.
pub fn with_code_at<R>(pc: usize, act: impl FnOnce(&Tables, u32) -> R) -> Option<R> {
    READERS.fetch_add(1, Ordering::SeqCst);
    let snapshot = SNAPSHOT.load(Ordering::SeqCst);
    // SAFETY: a snapshot is freed only after it was replaced and a moment without readers was seen.
    let ranges = if snapshot.is_null() { &[] } else { unsafe { (&*snapshot).as_slice() } };
    let after = ranges.partition_point(|range| range.start <= pc);
    let range = after.checked_sub(1).map(|index| ranges[index]).filter(|range| pc < range.end);
    // SAFETY: a module's tables live until it has left the registry, which waits for readers.
    let result = range.map(|range| act(unsafe { &*range.tables }, (pc - range.start) as u32));
    READERS.fetch_sub(1, Ordering::SeqCst);
    result
}

/// Adds the code of a module.
///
/// # Safety
/// The tables live, and do not move, until [`remove`] is called with the same address.
pub unsafe fn add(start: usize, len: usize, tables: *const Tables) {
    update(|ranges| {
        let at = ranges.partition_point(|range| range.start < start);
        ranges.insert(at, Range { start, end: start + len, tables });
    });
}

/// Takes the code of a module out again.
pub fn remove(start: usize) {
    update(|ranges| ranges.retain(|range| range.start != start));
}

fn update(change: impl FnOnce(&mut Vec<Range>)) {
    let guard = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let old = SNAPSHOT.load(Ordering::SeqCst);
    // SAFETY: only writers free snapshots, and this is the only writer.
    let mut ranges = if old.is_null() { Vec::new() } else { unsafe { (*old).clone() } };
    change(&mut ranges);
    SNAPSHOT.store(Box::into_raw(Box::new(ranges)), Ordering::SeqCst);
    while READERS.load(Ordering::SeqCst) != 0 {
        core::hint::spin_loop();
    }
    if !old.is_null() {
        // SAFETY: it came from a box; it was replaced above, and since then there was a moment without readers.
        drop(unsafe { Box::from_raw(old) });
    }
    drop(guard);
}
