//! Waiting for clocks and descriptors: `poll_oneoff`.

use crate::abi::{Clockid, EVENT_SIZE, Event, Interest, Subscription};
use crate::limits::MAX_SUBSCRIPTIONS;
use crate::sys::{self, Wait};
use crate::{Errno, GuestMemory, Rights, WasiCtx};
use std::time::{Duration, Instant};

impl Subscription {
    fn event(self, error: Errno, nbytes: u64, hangup: bool) -> Event {
        Event { userdata: self.userdata, error, interest: self.interest, nbytes, hangup }
    }
}

impl WasiCtx {
    /// `poll_oneoff`: waits until at least one of the `count` subscriptions at `subscriptions` has happened, writes
    /// an event for each that has to `events`, and their number to `happened`.
    ///
    /// What is wrong with one subscription (a bad descriptor, a missing right, a clock that cannot be waited for)
    /// is the error of its event; the call itself fails only for records that make no sense.
    pub fn poll_oneoff(
        &mut self,
        mem: &mut GuestMemory<'_>,
        subscriptions: u32,
        events: u32,
        count: u32,
        happened: u32,
    ) -> Result<(), Errno> {
        if count == 0 || count > MAX_SUBSCRIPTIONS {
            return Err(Errno::Inval);
        }
        let size = Subscription::size(mem.abi());
        // The products cannot overflow: the count is bounded.
        mem.check(subscriptions, (count * size) as usize)?;
        mem.check(events, (count * EVENT_SIZE) as usize)?;
        mem.check(happened, 4)?;

        let mut found = Vec::new();
        let mut timers = Vec::new();
        let mut waits = Vec::new();
        // All are read before any event is written: a guest may use the same place for both.
        for i in 0..count {
            let subscription = Subscription::read(mem, subscriptions + i * size)?;
            let waiting = match subscription.interest {
                Interest::Clock { id, timeout, absolute } => {
                    self.timer(id, timeout, absolute).map(|due| timers.push((subscription, due)))
                }
                Interest::FdRead(fd) => {
                    self.waitable(fd, Rights::FD_READ).map(|()| waits.push((subscription, fd, false)))
                }
                Interest::FdWrite(fd) => {
                    self.waitable(fd, Rights::FD_WRITE).map(|()| waits.push((subscription, fd, true)))
                }
            };
            if let Err(errno) = waiting {
                found.push(subscription.event(errno, 0, false));
            }
        }

        let start = Instant::now();
        let next_timer = timers.iter().map(|(_, due)| *due).min();
        let mut waited_for = Vec::with_capacity(waits.len());
        for (_, fd, write) in &waits {
            waited_for.push(Wait { kind: &self.table.get(*fd)?.kind, write: *write });
        }
        loop {
            let timeout = match found.is_empty() {
                true => next_timer.map(|due| due.saturating_sub(start.elapsed())),
                false => Some(Duration::ZERO),
            };
            let ready = sys::wait(&waited_for, timeout)?;
            for ((subscription, ..), ready) in waits.iter().zip(ready) {
                if let Some(ready) = ready {
                    found.push(subscription.event(Errno::Success, ready.nbytes, ready.hangup));
                }
            }
            let elapsed = start.elapsed();
            for (subscription, due) in &timers {
                if *due <= elapsed {
                    found.push(subscription.event(Errno::Success, 0, false));
                }
            }
            if !found.is_empty() {
                break;
            }
        }

        for (i, event) in found.iter().enumerate() {
            event.write(mem, events + i as u32 * EVENT_SIZE)?;
        }
        mem.write_u32(happened, found.len() as u32)
    }

    /// How long from now until the clock `id` shows the time, or the duration has passed.
    fn timer(&mut self, id: u32, timeout: u64, absolute: bool) -> Result<Duration, Errno> {
        let id = Clockid::from_wasm(id)?;
        if matches!(id, Clockid::ProcessCputime | Clockid::ThreadCputime) {
            return Err(Errno::Notsup);
        }
        let nanos = match absolute {
            true => timeout.saturating_sub(self.clocks.now(id)?),
            false => timeout,
        };
        Ok(Duration::from_nanos(nanos))
    }

    fn waitable(&self, fd: u32, direction: Rights) -> Result<(), Errno> {
        self.table.get(fd)?.require(Rights::POLL_FD_READWRITE | direction)
    }
}
