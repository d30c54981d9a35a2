//! The bytes of a memory that are not zero, as runs that become data segments.

use alloc::vec::Vec;
use core::ops::Range;

/// Zeros between two runs that a segment of its own is worth: what one takes beside its bytes.
const GAP_BYTES: usize = 12;

/// No segment is longer.
const MOST_BYTES: usize = 1 << 30;

/// A piece that is looked at as a whole first.
const BLOCK_BYTES: usize = 256;

/// At most `most` runs that hold all bytes that are not zero, ascending.
pub fn non_zero(bytes: &[u8], most: usize) -> Vec<Range<usize>> {
    let mut runs = Vec::new();
    let mut at = 0;
    while let Some(start) = position(bytes, at) {
        let mut end = start + 1;
        // The run goes on as long as no gap is in the way.
        loop {
            let ahead = &bytes[end..bytes.len().min(end + GAP_BYTES)];
            match ahead.iter().rposition(|&byte| byte != 0) {
                Some(last) if end + last + 1 - start <= MOST_BYTES => end += last + 1,
                _ => break,
            }
        }
        runs.push(start..end);
        at = end;
    }
    let mut gap = GAP_BYTES;
    while runs.len() > most.max(1) {
        gap *= 2;
        runs = merged(&runs, gap);
    }
    runs
}

/// The same bytes in fewer runs: those with fewer zeros than `gap` between them become one.
fn merged(runs: &[Range<usize>], gap: usize) -> Vec<Range<usize>> {
    let mut all: Vec<Range<usize>> = Vec::new();
    for run in runs {
        match all.last_mut() {
            Some(last) if run.start - last.end < gap && run.end - last.start <= MOST_BYTES => last.end = run.end,
            _ => all.push(run.clone()),
        }
    }
    all
}

/// The first byte from `at` on that is not zero.
fn position(bytes: &[u8], at: usize) -> Option<usize> {
    const ZEROS: [u8; BLOCK_BYTES] = [0; BLOCK_BYTES];
    let mut start = at;
    for block in bytes[at..].chunks(BLOCK_BYTES) {
        // As a comparison of slices it takes a fraction of the time.
        if block != &ZEROS[..block.len()] {
            return block.iter().position(|&byte| byte != 0).map(|found| start + found);
        }
        start += block.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_hold_all_that_is_not_zero() {
        let mut bytes = alloc::vec![0; 5000];
        assert!(non_zero(&bytes, 10).is_empty() && non_zero(&[], 10).is_empty());
        for at in [0, 5, 12, 30, 31, 1000, 1200, 4999] {
            bytes[at] = 1;
        }
        let runs = [0..13, 30..32, 1000..1001, 1200..1201, 4999..5000];
        assert_eq!(non_zero(&bytes, 5), runs);
        assert_eq!(non_zero(&bytes, 4), [0..32, 1000..1001, 1200..1201, 4999..5000]);
        assert_eq!(non_zero(&bytes, 3), [0..32, 1000..1201, 4999..5000]);
        let whole = |bytes: &[u8]| matches!(&non_zero(bytes, 1)[..], [run] if *run == (0..5000));
        assert!(whole(&bytes));
        bytes.fill(7);
        assert!(whole(&bytes));
    }
}
