//! The growing bytes of one piece of code.
//!
//! An encoder is given a window of [`WINDOW_BYTES`] (the one capacity check of an instruction), stores whole words into it without caring
//! about what lies behind, and says how far it got.

/// Bytes in a window: more than any instruction has, and room for the encoder's last whole-word store.
pub const WINDOW_BYTES: usize = 32;

/// A place in the code, bound once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
pub struct Label(pub(super) u32);

/// Something outside of this code (a function, a code cell, rodata), by a number that the caller gives meaning to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Symbol(pub u32);

/// Bytes emitted so far, with room behind them.
#[derive(Clone, Debug, Default)]
pub struct CodeBuffer {
    /// Code, then room; never shorter than `len`.
    bytes: Vec<u8>,
    len: usize,
}

impl CodeBuffer {
    /// An empty buffer with room for this many bytes.
    pub fn with_capacity(bytes: usize) -> CodeBuffer {
        CodeBuffer { bytes: vec![0; bytes], len: 0 }
    }

    /// Bytes emitted: the offset of the next one. Code of one piece stays under 2 GiB, which limits on functions ensure.
    #[inline]
    pub fn offset(&self) -> u32 {
        debug_assert!(self.len <= i32::MAX as usize);
        self.len as u32
    }

    /// The bytes emitted.
    pub fn code(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Forgets the bytes and keeps the memory.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Appends what `fill` writes to the start of the window, as many bytes as it says. What the window held before is unspecified.
    #[inline(always)]
    pub fn append(&mut self, fill: impl Fn(&mut [u8; WINDOW_BYTES]) -> usize) {
        loop {
            if let Some(window) = self.bytes.get_mut(self.len..).and_then(<[u8]>::first_chunk_mut) {
                let bytes = fill(window);
                debug_assert!(bytes <= WINDOW_BYTES);
                self.len += bytes;
                return;
            }
            self.grow();
        }
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self) {
        let len = (self.bytes.len() * 2).max(4096);
        self.bytes.resize(len, 0);
    }

    /// Appends bytes. The room behind them stays: to make it anew each time would be quadratic.
    pub fn extend(&mut self, bytes: &[u8]) {
        let end = self.len + bytes.len();
        while self.bytes.len() < end {
            self.grow();
        }
        self.bytes[self.len..end].copy_from_slice(bytes);
        self.len = end;
    }

    /// The little-endian 32-bit word at an offset.
    pub fn read_i32(&self, at: u32) -> i32 {
        let at = at as usize;
        i32::from_le_bytes(*self.code()[at..].first_chunk().expect("a whole word was emitted there"))
    }

    /// Replaces the little-endian 32-bit word at an offset.
    pub fn write_i32(&mut self, at: u32, value: i32) {
        let at = at as usize;
        self.bytes[..self.len][at..at + 4].copy_from_slice(&value.to_le_bytes());
    }

    /// Copies bytes to another offset, which may overlap.
    pub fn copy_within(&mut self, bytes: std::ops::Range<u32>, to: u32) {
        self.bytes[..self.len].copy_within(bytes.start as usize..bytes.end as usize, to as usize);
    }

    /// Replaces the bytes at an offset.
    pub fn overwrite(&mut self, at: u32, bytes: &[u8]) {
        self.bytes[..self.len][at as usize..][..bytes.len()].copy_from_slice(bytes);
    }

    /// Forgets the bytes behind an offset.
    pub fn truncate(&mut self, len: u32) {
        debug_assert!(len as usize <= self.len);
        self.len = len as usize;
    }

    /// Replaces the byte at an offset.
    pub fn write_i8(&mut self, at: u32, value: i8) {
        self.bytes[..self.len][at as usize] = value as u8;
    }
}
