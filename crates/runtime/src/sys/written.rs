//! Which pages of private memory were written, as the host tells: those that no longer are the file's, or the shared page of zeros. Where an image is
//! mapped that page counts as written: the kernel puts it in place of zeros that a guest has written, if it is asked to merge pages.

use crate::tuning::RESTORED_PAGES;
use core::ops::Range;
use rustix::ioctl::{Updater, ioctl, opcode};
use std::fs::File;
use std::sync::OnceLock;

/// `struct pm_scan_arg`.
#[repr(C)]
struct Scan {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    runs: u64,
    runs_len: u64,
    max_pages: u64,
    inverted: u64,
    all_of: u64,
    any_of: u64,
    returned: u64,
}

/// `struct page_region`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Run {
    start: u64,
    end: u64,
    categories: u64,
}

const PAGEMAP_SCAN: rustix::ioctl::Opcode = opcode::read_write::<Scan>(b'f', 16);
const IS_FILE: u64 = 1 << 2;
const IS_PRESENT: u64 = 1 << 3;
const IS_SWAPPED: u64 = 1 << 4;
const IS_ZERO_PAGE: u64 = 1 << 5;

/// Calls `each` with the addresses of all runs of pages that were written, within whole pages of private memory, in some of which an image is mapped.
/// False, and nothing is called, if there are too many of them, or the host does not tell.
pub fn for_each_run(range: Range<usize>, image: Range<usize>, mut each: impl FnMut(Range<usize>)) -> bool {
    let mut runs = [Run::default(); RESTORED_PAGES];
    let page = rustix::param::page_size() as u64;
    let unwritten = if image.is_empty() { IS_FILE | IS_ZERO_PAGE } else { IS_FILE };
    let mut scan = Scan {
        size: size_of::<Scan>() as u64,
        flags: 0,
        start: range.start as u64,
        end: range.end as u64,
        walk_end: 0,
        runs: (&raw mut runs).expose_provenance() as u64,
        runs_len: runs.len() as u64,
        max_pages: RESTORED_PAGES as u64 + 1,
        inverted: unwritten,
        all_of: unwritten,
        any_of: IS_PRESENT | IS_SWAPPED,
        returned: IS_ZERO_PAGE,
    };
    let Some(pagemap) = pagemap() else { return false };
    // SAFETY: the structure is the one that this request takes, and `runs` has as many entries as it says.
    if unsafe { ioctl(pagemap, Updater::<PAGEMAP_SCAN, Scan>::new(&mut scan)) }.is_err() {
        return false;
    }
    let found = runs.iter().take_while(|run| run.end != 0);
    let pages: u64 = found.clone().map(|run| (run.end - run.start) / page).sum();
    if scan.walk_end != scan.end || pages > RESTORED_PAGES as u64 {
        return false;
    }
    for run in found {
        let Range { mut start, mut end } = run.start as usize..run.end as usize;
        if run.categories & IS_ZERO_PAGE != 0 {
            (start, end) = (start.max(image.start), end.min(image.end));
        }
        if start < end {
            each(start..end);
        }
    }
    true
}

/// The file that answers for this process. A child of `fork` has its parent's: it does without.
fn pagemap() -> Option<&'static File> {
    static PAGEMAP: OnceLock<Option<(File, u32)>> = OnceLock::new();
    let opened = PAGEMAP.get_or_init(|| Some((File::open("/proc/self/pagemap").ok()?, std::process::id())));
    opened.as_ref().filter(|(_, process)| *process == std::process::id()).map(|(file, _)| file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::MappedRegion;
    use std::vec::Vec;

    #[test]
    fn written_pages_are_found() {
        let page = rustix::param::page_size();
        let mut region = MappedRegion::new(1 << 20, 0, false).expect("a region");
        region.grow(64 * page).expect("memory");
        let base = region.base();
        let runs_with = |pages: usize, image: Range<usize>| {
            let mut runs = Vec::new();
            let start = base as usize;
            let image = start + image.start * page..start + image.end * page;
            let told = for_each_run(start..start + pages * page, image, |run| {
                runs.push(((run.start - start) / page, (run.end - start) / page));
            });
            told.then_some(runs)
        };
        let runs = |pages: usize| runs_with(pages, 0..0);
        // Not every host tells.
        let Some(none) = runs(64) else { return };
        assert!(none.is_empty());
        // SAFETY: the pages are the region's own, and accessible.
        let write = |at: usize| unsafe { base.add(at * page).write_volatile(1) };
        // SAFETY: as above.
        let _read = unsafe { base.add(7 * page).read_volatile() };
        write(2);
        write(3);
        write(63);
        assert_eq!(runs(64), Some([(2, 4), (63, 64)].to_vec()));
        assert_eq!(runs(63), Some([(2, 4)].to_vec()));
        // Pages of zeros that were only read; in an image they are the guest's.
        // SAFETY: as above.
        let _read = unsafe { base.add(8 * page).read_volatile() };
        assert_eq!(runs_with(64, 0..2), Some([(2, 4), (63, 64)].to_vec()));
        assert_eq!(runs_with(64, 0..8), Some([(2, 4), (7, 8), (63, 64)].to_vec()));
        (0..32).for_each(|page| write(2 * page));
        assert_eq!(runs(64), None, "too many");
    }
}
