//! Which module's code an address is in: what signal handlers ask, so that reading takes no lock.
//!
//! A writer publishes a new list and frees the old one when no reader is left. Readers are signal handlers, which never wait; a writer that is
//! itself interrupted by one therefore goes on.

use super::image::Image;
use super::lazy::Lazy;
use crate::sync::Mutex;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Range;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// An image and its addresses.
#[derive(Clone, Copy)]
struct Entry {
    start: usize,
    end: usize,
    code: Known,
}

/// Code that is known.
#[derive(Clone, Copy, PartialEq)]
enum Known {
    Image(*const Image),
    Lazy(*const Lazy),
}

/// Ascending by address.
type List = Vec<Entry>;

/// The current list, or null for an empty one. It changes only under [`WRITER`].
static LIST: AtomicPtr<List> = AtomicPtr::new(null_mut());
/// How many readers may have a list.
static READERS: AtomicUsize = AtomicUsize::new(0);
static WRITER: Mutex<()> = Mutex::new(());

/// Makes an image known. It stays where it is until it is removed.
pub fn add(image: &Image) {
    add_range(image.range(), Known::Image(image));
}

/// Makes a module known whose functions are compiled one by one. It stays where it is until it is removed.
pub fn add_lazy(lazy: &Lazy) {
    add_range(lazy.range(), Known::Lazy(lazy));
}

fn add_range(range: Range<usize>, code: Known) {
    change(|list| {
        let entry = Entry { start: range.start, end: range.end, code };
        list.insert(list.partition_point(|other| other.start < entry.start), entry);
    });
}

/// Forgets such a module. When this returns no reader has it.
pub fn remove_lazy(lazy: &Lazy) {
    change(|list| list.retain(|entry| entry.code != Known::Lazy(lazy)));
}

/// Forgets an image. When this returns no reader has it.
pub fn remove(image: &Image) {
    change(|list| list.retain(|entry| entry.code != Known::Image(image)));
}

fn change(act: impl FnOnce(&mut List)) {
    let _writer = WRITER.lock();
    let old = LIST.load(Ordering::Relaxed);
    // SAFETY: lists are freed below only, by writers, one at a time.
    let mut list = unsafe { old.as_ref() }.cloned().unwrap_or_default();
    act(&mut list);
    LIST.store(Box::into_raw(Box::new(list)), Ordering::SeqCst);
    // Whoever starts to read now gets the new list.
    wait_for_readers();
    if !old.is_null() {
        // SAFETY: it came from a box, and nobody has it any more.
        drop(unsafe { Box::from_raw(old) });
    }
}

/// Returns when all that read now are done: what was not to be found before this was called, nobody has any more.
pub fn wait_for_readers() {
    while READERS.load(Ordering::SeqCst) != 0 {
        std::thread::yield_now();
    }
}

/// Calls `read` with the image that an address is in. Async-signal-safe if `read` is; it must return, and soon.
pub fn with_image<R>(address: usize, read: impl FnOnce(&Image) -> R) -> Option<R> {
    READERS.fetch_add(1, Ordering::SeqCst);
    // SAFETY: the list and the images in it are not freed while there are readers.
    let result = unsafe { LIST.load(Ordering::SeqCst).as_ref() }.and_then(|list| {
        let after = list.partition_point(|entry| entry.start <= address);
        let entry = list[..after].last().filter(|entry| address < entry.end)?;
        // SAFETY: as above.
        let image = unsafe {
            match entry.code {
                Known::Image(image) => &*image,
                Known::Lazy(lazy) => (*lazy).image_at(address)?,
            }
        };
        Some(read(image))
    });
    READERS.fetch_sub(1, Ordering::SeqCst);
    result
}
