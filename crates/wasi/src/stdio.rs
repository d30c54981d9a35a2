//! Standard streams that are not the host's own: bytes and readers to read from, buffers and writers to write to.

use std::io::{self, IoSlice, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Captures what a guest writes. Clones share one buffer: give one to `WasiCtxBuilder::stdout`, keep the other.
#[derive(Clone, Debug)]
pub struct MemoryOutputPipe {
    buffer: Arc<Mutex<Vec<u8>>>,
    capacity: usize,
}

impl MemoryOutputPipe {
    /// A pipe that takes `capacity` bytes in all; the guest's writes beyond fail with "no space left". Use
    /// `usize::MAX` only for guests you trust with the host's memory.
    pub fn new(capacity: usize) -> Self {
        MemoryOutputPipe { buffer: Arc::default(), capacity }
    }

    /// A copy of what has been written so far.
    pub fn contents(&self) -> Vec<u8> {
        self.lock().clone()
    }

    /// Takes what has been written so far, which makes room again.
    pub fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        // The buffer is whole at every point where a panic could happen.
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for MemoryOutputPipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut buffer = self.lock();
        let mut written = 0;
        for slice in slices {
            let room = self.capacity.saturating_sub(buffer.len());
            let part = &slice[..slice.len().min(room)];
            buffer.extend_from_slice(part);
            written += part.len();
            if part.len() < slice.len() {
                if written == 0 {
                    return Err(io::ErrorKind::StorageFull.into());
                }
                break;
            }
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_pipe_takes_what_fits_and_then_fails() {
        let mut pipe = MemoryOutputPipe::new(5);
        assert_eq!(pipe.write(b"abc").unwrap(), 3);
        assert_eq!(pipe.write(b"def").unwrap(), 2);
        assert_eq!(pipe.write(b"g").unwrap_err().kind(), io::ErrorKind::StorageFull);
        assert_eq!(pipe.write(b"").unwrap(), 0);
        assert_eq!(pipe.take(), b"abcde");
        assert_eq!(pipe.write(b"hij").unwrap(), 3);
        assert_eq!(pipe.contents(), b"hij");
    }
}
