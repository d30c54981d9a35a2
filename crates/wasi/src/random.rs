//! Random bytes: `random_get`.

use crate::{Errno, GuestMemory, WasiCtx};
use std::io;

/// The embedder's source of random bytes: fills the whole slice.
pub(crate) type RandomSource = Box<dyn FnMut(&mut [u8]) -> io::Result<()> + Send>;

impl WasiCtx {
    /// `random_get`: fills `len` bytes at `buf` from the host's secure generator, straight into guest memory.
    pub fn random_get(&mut self, mem: &mut GuestMemory<'_>, buf: u32, len: u32) -> Result<(), Errno> {
        let buf = mem.slice_mut(buf, len)?;
        match &mut self.random {
            Some(source) => Ok(source(buf)?),
            None => getrandom::fill(buf).map_err(|_| Errno::Io),
        }
    }
}
