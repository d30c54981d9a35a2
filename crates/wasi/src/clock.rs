//! Clocks: `clock_res_get`, `clock_time_get`, and the embedder's own clocks.

use crate::abi::Clockid;
use crate::{Errno, GuestMemory, WasiCtx, sys};

/// A clock that takes the place of one of the host's, for programs that must run the same each time.
pub trait Clock: Send {
    /// The time in nanoseconds: since 1970 for the real-time clock, since any fixed point for the monotonic one.
    fn now(&mut self) -> u64;

    /// The smallest step in nanoseconds; not zero.
    fn resolution(&self) -> u64 {
        1
    }
}

/// The guest's clocks; `None` is the host's.
#[derive(Default)]
pub(crate) struct Clocks {
    pub wall: Option<Box<dyn Clock>>,
    pub monotonic: Option<Box<dyn Clock>>,
}

impl Clocks {
    /// The embedder's clock for `id`, if it gave one.
    fn own(&mut self, id: Clockid) -> Option<&mut Box<dyn Clock>> {
        match id {
            Clockid::Realtime => self.wall.as_mut(),
            Clockid::Monotonic => self.monotonic.as_mut(),
            Clockid::ProcessCputime | Clockid::ThreadCputime => None,
        }
    }

    /// The time on the clock `id` in nanoseconds.
    pub(crate) fn now(&mut self, id: Clockid) -> Result<u64, Errno> {
        match self.own(id) {
            Some(clock) => Ok(clock.now()),
            None => sys::clock_now(id),
        }
    }
}

impl WasiCtx {
    /// `clock_res_get`: writes the resolution of the clock `id` in nanoseconds to `resolution`.
    pub fn clock_res_get(&mut self, mem: &mut GuestMemory<'_>, id: u32, resolution: u32) -> Result<(), Errno> {
        let id = Clockid::from_wasm(id)?;
        let value = match self.clocks.own(id) {
            Some(clock) => clock.resolution().max(1),
            None => sys::clock_resolution(id)?,
        };
        mem.write_u64(resolution, value)
    }

    /// `clock_time_get`: writes the time of the clock `id` in nanoseconds to `time`. All clocks are as precise as
    /// the host's, so that the `precision` asked for does not matter.
    pub fn clock_time_get(
        &mut self,
        mem: &mut GuestMemory<'_>,
        id: u32,
        precision: u64,
        time: u32,
    ) -> Result<(), Errno> {
        let _ = precision;
        let now = self.clocks.now(Clockid::from_wasm(id)?)?;
        mem.write_u64(time, now)
    }
}
