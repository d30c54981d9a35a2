//! The guest's linear memory as WASI functions see it: checked, little-endian, never panicking.
//!
//! Pointers and lengths come from the guest and can be anything. Every accessor yields `Errno::Fault` for a
//! range that is not wholly inside the memory. Vectored reads and writes hand out slices of the memory itself,
//! so that bytes go between the guest and the kernel without another copy.

use crate::limits::{MAX_IO_BYTES, MAX_IOVECS};
use crate::{Abi, Errno};
use std::io::{IoSlice, IoSliceMut};
use std::ops::Range;

/// Lists up to this long need no allocation; the C library of WASI passes at most two buffers.
const INLINE_IOVECS: usize = 4;

/// Size in bytes of one `iovec` or `ciovec`: a pointer and a length.
const IOVEC_SIZE: usize = 8;

/// A view of the guest's linear memory for the time of one call.
#[derive(Debug)]
pub struct GuestMemory<'a> {
    bytes: &'a mut [u8],
    abi: Abi,
}

impl<'a> GuestMemory<'a> {
    /// Wraps the guest's memory; `abi` is the version of WASI whose layouts this call uses.
    pub fn new(bytes: &'a mut [u8], abi: Abi) -> Self {
        GuestMemory { bytes, abi }
    }

    /// The version of WASI that the guest called.
    pub fn abi(&self) -> Abi {
        self.abi
    }

    fn range(&self, ptr: u32, len: usize) -> Result<Range<usize>, Errno> {
        let start = ptr as usize;
        match start.checked_add(len) {
            Some(end) if end <= self.bytes.len() => Ok(start..end),
            _ => Err(Errno::Fault),
        }
    }

    /// Succeeds if `len` bytes at `ptr` are inside the memory. Functions with side effects check the places
    /// of their results before they act, so that a bad pointer leaves no descriptor or file behind.
    pub fn check(&self, ptr: u32, len: usize) -> Result<(), Errno> {
        self.range(ptr, len).map(drop)
    }

    /// `len` bytes at `ptr`.
    pub fn slice(&self, ptr: u32, len: u32) -> Result<&[u8], Errno> {
        let range = self.range(ptr, len as usize)?;
        Ok(&self.bytes[range])
    }

    /// `len` bytes at `ptr`, to be changed.
    pub fn slice_mut(&mut self, ptr: u32, len: u32) -> Result<&mut [u8], Errno> {
        let range = self.range(ptr, len as usize)?;
        Ok(&mut self.bytes[range])
    }

    /// The string of `len` bytes at `ptr`; `Errno::Ilseq` if it is not UTF-8, which WASI strings are.
    pub fn str(&self, ptr: u32, len: u32) -> Result<&str, Errno> {
        str::from_utf8(self.slice(ptr, len)?).map_err(|_| Errno::Ilseq)
    }

    fn get<const N: usize>(&self, ptr: u32) -> Result<[u8; N], Errno> {
        let range = self.range(ptr, N)?;
        let mut value = [0; N];
        value.copy_from_slice(&self.bytes[range]);
        Ok(value)
    }

    /// Copies `value` to `ptr`.
    pub fn write(&mut self, ptr: u32, value: &[u8]) -> Result<(), Errno> {
        let range = self.range(ptr, value.len())?;
        self.bytes[range].copy_from_slice(value);
        Ok(())
    }

    /// The byte at `ptr`.
    pub fn read_u8(&self, ptr: u32) -> Result<u8, Errno> {
        Ok(u8::from_le_bytes(self.get(ptr)?))
    }

    /// The 16-bit number at `ptr`, which need not be aligned.
    pub fn read_u16(&self, ptr: u32) -> Result<u16, Errno> {
        Ok(u16::from_le_bytes(self.get(ptr)?))
    }

    /// The 32-bit number at `ptr`, which need not be aligned.
    pub fn read_u32(&self, ptr: u32) -> Result<u32, Errno> {
        Ok(u32::from_le_bytes(self.get(ptr)?))
    }

    /// The 64-bit number at `ptr`, which need not be aligned.
    pub fn read_u64(&self, ptr: u32) -> Result<u64, Errno> {
        Ok(u64::from_le_bytes(self.get(ptr)?))
    }

    /// Writes a 16-bit number to `ptr`, which need not be aligned.
    pub fn write_u16(&mut self, ptr: u32, value: u16) -> Result<(), Errno> {
        self.write(ptr, &value.to_le_bytes())
    }

    /// Writes a 32-bit number to `ptr`, which need not be aligned.
    pub fn write_u32(&mut self, ptr: u32, value: u32) -> Result<(), Errno> {
        self.write(ptr, &value.to_le_bytes())
    }

    /// Writes a 64-bit number to `ptr`, which need not be aligned.
    pub fn write_u64(&mut self, ptr: u32, value: u64) -> Result<(), Errno> {
        self.write(ptr, &value.to_le_bytes())
    }

    /// Reads the list of `count` buffers at `list` into `ranges`, leaving out empty ones, and returns how many
    /// there are: at most `MAX_IOVECS` buffers and `max_bytes` bytes, the last buffer cut short if need be.
    fn gather(&self, list: u32, count: u32, max_bytes: usize, mut push: impl FnMut(Range<usize>)) -> Result<(), Errno> {
        let list_len = (count as usize).checked_mul(IOVEC_SIZE);
        let range = self.range(list, list_len.ok_or(Errno::Fault)?)?;
        let mut budget = max_bytes.min(MAX_IO_BYTES);
        let mut taken = 0;
        for entry in self.bytes[range].as_chunks::<IOVEC_SIZE>().0 {
            let [p0, p1, p2, p3, l0, l1, l2, l3] = *entry;
            let ptr = u32::from_le_bytes([p0, p1, p2, p3]);
            let len = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
            if len == 0 {
                continue;
            }
            // The whole buffer is checked, also where only its start is used.
            let buffer = self.range(ptr, len)?;
            let len = len.min(budget);
            push(buffer.start..buffer.start + len);
            budget -= len;
            taken += 1;
            if budget == 0 || taken == MAX_IOVECS {
                break;
            }
        }
        Ok(())
    }

    /// Calls `f` with the buffers of a `ciovec` list: at most `max_bytes` bytes to be written somewhere.
    pub fn with_iovecs<R>(
        &self,
        list: u32,
        count: u32,
        max_bytes: usize,
        f: impl FnOnce(&[IoSlice<'_>]) -> R,
    ) -> Result<R, Errno> {
        let mut inline = [IoSlice::new(&[]); INLINE_IOVECS];
        let mut spilled = Vec::new();
        let mut used = 0;
        self.gather(list, count, max_bytes, |range| {
            let slice = IoSlice::new(&self.bytes[range]);
            if used < INLINE_IOVECS {
                inline[used] = slice;
                used += 1;
            } else {
                if spilled.is_empty() {
                    spilled.extend_from_slice(&inline);
                }
                spilled.push(slice);
            }
        })?;
        Ok(f(if spilled.is_empty() { &inline[..used] } else { &spilled }))
    }

    /// Calls `f` with the buffers of an `iovec` list, to be filled. Where the guest's buffers overlap, only
    /// the first is handed out: a short read, which every caller must be ready for.
    pub fn with_iovecs_mut<R>(
        &mut self,
        list: u32,
        count: u32,
        f: impl FnOnce(&mut [IoSliceMut<'_>]) -> R,
    ) -> Result<R, Errno> {
        let mut first = 0..0;
        let mut ranges = Vec::new();
        self.gather(list, count, MAX_IO_BYTES, |range| {
            if first.is_empty() {
                first = range;
            } else {
                if ranges.is_empty() {
                    ranges.push(first.clone());
                }
                ranges.push(range);
            }
        })?;
        if !ranges.is_empty() {
            // Slices are split off in the order of addresses, then put in the guest's order.
            let mut order: Vec<usize> = (0..ranges.len()).collect();
            order.sort_unstable_by_key(|&i| ranges[i].start);
            if order.windows(2).all(|pair| ranges[pair[0]].end <= ranges[pair[1]].start) {
                let mut slices: Vec<IoSliceMut<'_>> = ranges.iter().map(|_| IoSliceMut::new(&mut [])).collect();
                let mut rest = &mut *self.bytes;
                let mut rest_start = 0;
                for i in order {
                    let (_, tail) = rest.split_at_mut(ranges[i].start - rest_start);
                    let (slice, tail) = tail.split_at_mut(ranges[i].len());
                    slices[i] = IoSliceMut::new(slice);
                    rest = tail;
                    rest_start = ranges[i].end;
                }
                return Ok(f(&mut slices));
            }
        }
        if first.is_empty() {
            return Ok(f(&mut []));
        }
        Ok(f(&mut [IoSliceMut::new(&mut self.bytes[first])]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Memory of 64 bytes, the byte at `i` being `i`, with an `iovec` list of `list` at 0.
    fn with_list(list: &[(u32, u32)]) -> Vec<u8> {
        let mut bytes: Vec<u8> = (0..64).collect();
        for (i, (ptr, len)) in list.iter().enumerate() {
            bytes[i * 8..][..4].copy_from_slice(&ptr.to_le_bytes());
            bytes[i * 8 + 4..][..4].copy_from_slice(&len.to_le_bytes());
        }
        bytes
    }

    fn lens(list: &[(u32, u32)], max: usize) -> Result<Vec<usize>, Errno> {
        let mut bytes = with_list(list);
        GuestMemory::new(&mut bytes, Abi::Preview1)
            .with_iovecs(0, list.len() as u32, max, |slices| slices.iter().map(|s| s.len()).collect())
    }

    #[test]
    fn ranges_past_the_end_are_faults() {
        let mut bytes = [0; 16];
        let mut mem = GuestMemory::new(&mut bytes, Abi::Preview1);
        assert_eq!(mem.read_u32(13), Err(Errno::Fault));
        assert_eq!(mem.read_u64(u32::MAX), Err(Errno::Fault));
        assert_eq!(mem.write_u16(15, 1), Err(Errno::Fault));
        assert_eq!(mem.slice(0, 17), Err(Errno::Fault));
        assert_eq!(mem.slice(16, 0), Ok(&[][..]));
        assert_eq!(mem.write_u32(12, 7), Ok(()));
        assert_eq!(mem.read_u32(12), Ok(7));
    }

    #[test]
    fn lists_are_cut_at_the_bound_and_skip_empty_buffers() {
        assert_eq!(lens(&[(40, 4), (999, 0), (50, 4)], 100), Ok(vec![4, 4]));
        assert_eq!(lens(&[(40, 4), (50, 4)], 6), Ok(vec![4, 2]));
        assert_eq!(lens(&[(40, 4), (60, 5)], 100), Err(Errno::Fault));
        assert_eq!(lens(&[(1, 1), (2, 1), (3, 1), (4, 1), (5, 1), (6, 2)], 100), Ok(vec![1, 1, 1, 1, 1, 2]));
    }

    #[test]
    fn a_list_larger_than_memory_is_a_fault_and_not_an_allocation() {
        let mut bytes = [0; 64];
        let mem = GuestMemory::new(&mut bytes, Abi::Preview1);
        assert_eq!(mem.with_iovecs(0, u32::MAX, 1, |_| ()), Err(Errno::Fault));
        assert_eq!(mem.with_iovecs(0, 9, 1, |_| ()), Err(Errno::Fault));
    }

    #[test]
    fn at_most_max_iovecs_are_taken() {
        let mut bytes = vec![1; 64 * 1024];
        for entry in bytes.chunks_exact_mut(8) {
            entry.copy_from_slice(&[0, 0, 0, 0, 1, 0, 0, 0]);
        }
        let mut mem = GuestMemory::new(&mut bytes, Abi::Preview1);
        assert_eq!(mem.with_iovecs(0, 8192, usize::MAX, |s| s.len()), Ok(MAX_IOVECS));
        // All overlap, so that a read gets the first alone.
        assert_eq!(mem.with_iovecs_mut(0, 8192, |s| s.len()), Ok(1));
    }

    #[test]
    fn buffers_to_fill_keep_the_guests_order() {
        let mut bytes = with_list(&[(50, 2), (40, 3), (60, 1)]);
        let mut mem = GuestMemory::new(&mut bytes, Abi::Preview1);
        let seen = mem.with_iovecs_mut(0, 3, |slices| slices.iter().map(|s| s.to_vec()).collect::<Vec<_>>());
        assert_eq!(seen, Ok(vec![vec![50, 51], vec![40, 41, 42], vec![60]]));
    }
}
