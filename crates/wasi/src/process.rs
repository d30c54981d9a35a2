//! The program itself: arguments, environment, ending, yielding.

use crate::exit::Stop;
use crate::{Errno, GuestMemory, I32Exit, WasiCtx};

/// Strings as `args_get` and `environ_get` hand them out: one after the other, each ended by a zero byte.
#[derive(Clone, Debug, Default)]
pub(crate) struct StringArray {
    bytes: Vec<u8>,
    /// Where each string starts in `bytes`.
    starts: Vec<usize>,
}

impl StringArray {
    /// Adds the string made of `parts`.
    pub(crate) fn push(&mut self, parts: &[&[u8]]) {
        self.starts.push(self.bytes.len());
        parts.iter().for_each(|part| self.bytes.extend_from_slice(part));
        self.bytes.push(0);
    }

    fn sizes(&self, mem: &mut GuestMemory<'_>, count: u32, len: u32) -> Result<(), Errno> {
        mem.check(len, 4)?;
        mem.write_u32(count, u32::try_from(self.starts.len()).map_err(|_| Errno::Overflow)?)?;
        mem.write_u32(len, u32::try_from(self.bytes.len()).map_err(|_| Errno::Overflow)?)
    }

    fn get(&self, mem: &mut GuestMemory<'_>, pointers: u32, buf: u32) -> Result<(), Errno> {
        mem.check(pointers, self.starts.len().checked_mul(4).ok_or(Errno::Overflow)?)?;
        mem.write(buf, &self.bytes)?;
        // Both ranges are inside the 32-bit memory now, so that the sums below fit.
        for (i, start) in self.starts.iter().enumerate() {
            mem.write_u32(pointers + i as u32 * 4, buf + *start as u32)?;
        }
        Ok(())
    }
}

impl WasiCtx {
    /// `args_sizes_get`: writes the number of arguments and the bytes they need.
    pub fn args_sizes_get(&mut self, mem: &mut GuestMemory<'_>, count: u32, buf_len: u32) -> Result<(), Errno> {
        self.args.sizes(mem, count, buf_len)
    }

    /// `args_get`: writes the arguments to `argv_buf` and pointers to them to `argv`.
    pub fn args_get(&mut self, mem: &mut GuestMemory<'_>, argv: u32, argv_buf: u32) -> Result<(), Errno> {
        self.args.get(mem, argv, argv_buf)
    }

    /// `environ_sizes_get`: writes the number of environment variables and the bytes they need.
    pub fn environ_sizes_get(&mut self, mem: &mut GuestMemory<'_>, count: u32, buf_len: u32) -> Result<(), Errno> {
        self.env.sizes(mem, count, buf_len)
    }

    /// `environ_get`: writes the variables as `KEY=VALUE` to `environ_buf` and pointers to them to `environ`.
    pub fn environ_get(&mut self, mem: &mut GuestMemory<'_>, environ: u32, environ_buf: u32) -> Result<(), Errno> {
        self.env.get(mem, environ, environ_buf)
    }

    /// `proc_exit`: ends the guest with `status`.
    pub fn proc_exit(&mut self, mem: &mut GuestMemory<'_>, status: u32) -> I32Exit {
        let _ = mem;
        I32Exit(status as i32)
    }

    /// `proc_raise`: does what the signal does by default. The process is the guest, not the host: a deadly signal
    /// ends the guest with 128 plus its number, as a shell reports it; the signals that are ignored by default
    /// do nothing; stopping is not supported.
    pub fn proc_raise(&mut self, mem: &mut GuestMemory<'_>, signal: u32) -> Result<(), Stop> {
        let _ = mem;
        match signal {
            // none, chld, cont, urg, winch
            0 | 16 | 17 | 22 | 27 => Ok(()),
            // stop, tstp, ttin, ttou
            18..=21 => Err(Errno::Notsup.into()),
            // hup to term, numbered as on Linux
            1..=15 => Err(Stop::Exit(I32Exit(128 + signal as i32))),
            // xcpu to prof, poll to sys, one below Linux
            23..=26 | 28..=30 => Err(Stop::Exit(I32Exit(129 + signal as i32))),
            _ => Err(Errno::Inval.into()),
        }
    }

    /// `sched_yield`: lets other threads of the host run.
    pub fn sched_yield(&mut self, mem: &mut GuestMemory<'_>) -> Result<(), Errno> {
        let _ = mem;
        std::thread::yield_now();
        Ok(())
    }
}
