//! `poll_oneoff`.

use crate::guest::{ALL, CREAT, DATA, Guest, OUT, boxed};
use std::time::{Duration, Instant};
use tiercel_wasi::{Abi, Errno, Rights, WasiCtx};

/// Where subscriptions go; events go to `DATA`.
const SUBS: u32 = 16 * 1024;

#[derive(Clone, Copy)]
pub enum Sub {
    /// Clock, nanoseconds, absolute.
    Clock(u32, u64, bool),
    Read(u32),
    Write(u32),
}

/// An event: which subscription, error, type, bytes, hangup.
type Event = (usize, Errno, u8, u64, bool);

pub fn poll(guest: &mut Guest, subs: &[Sub]) -> Result<Vec<Event>, Errno> {
    let (size, clock) = if guest.abi == Abi::Preview1 { (48, 16) } else { (56, 24) };
    guest.memory[SUBS as usize..][..subs.len() * size as usize].fill(0);
    for (i, sub) in subs.iter().enumerate() {
        let at = SUBS + i as u32 * size;
        guest.put(at, &(i as u64 + 1000).to_le_bytes());
        match *sub {
            Sub::Clock(id, nanos, absolute) => {
                guest.put(at + clock, &id.to_le_bytes());
                guest.put(at + clock + 8, &nanos.to_le_bytes());
                guest.put(at + clock + 24, &[absolute.into()]);
            }
            Sub::Read(fd) => {
                guest.put(at + 8, &[1]);
                guest.put(at + 16, &fd.to_le_bytes());
            }
            Sub::Write(fd) => {
                guest.put(at + 8, &[2]);
                guest.put(at + 16, &fd.to_le_bytes());
            }
        }
    }
    let args = [SUBS.into(), DATA.into(), subs.len() as u64, OUT.into()];
    guest.call("poll_oneoff", &args)?;
    let event = |i: u32| {
        let at = DATA + i * 32;
        (
            guest.u64(at) as usize - 1000,
            Errno::ALL[usize::from(guest.u16(at + 8))],
            guest.u8(at + 10),
            guest.u64(at + 16),
            guest.u8(at + 24) == 1,
        )
    };
    Ok((0..guest.u32(OUT)).map(event).collect())
}

fn millis(count: u64) -> u64 {
    count * 1_000_000
}

#[test]
fn clocks_wait_as_long_as_asked() {
    let mut guest = Guest::new(WasiCtx::builder().build());
    for id in [0, 1] {
        let start = Instant::now();
        let events = poll(&mut guest, &[Sub::Clock(id, millis(50), false)]).unwrap();
        assert!((50..2000).contains(&start.elapsed().as_millis()));
        assert_eq!(events, [(0, Errno::Success, 0, 0, false)]);

        guest.call("clock_time_get", &[id.into(), 0, OUT.into()]).unwrap();
        let due = guest.u64(OUT) + millis(50);
        let start = Instant::now();
        poll(&mut guest, &[Sub::Clock(id, due, true)]).unwrap();
        assert!((45..2000).contains(&start.elapsed().as_millis()));
        // A time that has passed is now.
        let start = Instant::now();
        poll(&mut guest, &[Sub::Clock(id, 1, true)]).unwrap();
        assert!(start.elapsed() < Duration::from_millis(500));
    }
}

#[test]
fn the_first_of_several_clocks_ends_the_wait() {
    let mut guest = Guest::new(WasiCtx::builder().build());
    let hour = 3_600_000;
    let subs = [
        Sub::Clock(1, millis(hour), false),
        Sub::Clock(1, millis(20), false),
        Sub::Clock(0, u64::MAX, true),
        Sub::Clock(1, millis(10), false),
    ];
    let events = poll(&mut guest, &subs).unwrap();
    assert_eq!(events, [(3, Errno::Success, 0, 0, false)]);
}

#[test]
fn files_are_ready_at_once() {
    let (mut guest, _temp) = boxed();
    let fd = guest.open("file", CREAT).unwrap();
    guest.write(fd, b"0123456789").unwrap();
    guest.seek(fd, 4, 0).unwrap();
    let subs = [Sub::Read(fd), Sub::Write(fd), Sub::Write(1), Sub::Clock(1, millis(60_000), false)];
    let events = poll(&mut guest, &subs).unwrap();
    assert_eq!(events[0], (0, Errno::Success, 1, 6, false));
    let ready: Vec<(usize, u8)> = events.iter().map(|event| (event.0, event.2)).collect();
    assert_eq!(ready, [(0, 1), (1, 2), (2, 2)]);
}

#[test]
fn what_is_wrong_with_one_is_its_event() {
    let (mut guest, _temp) = boxed();
    let base = (Rights::FILE - Rights::POLL_FD_READWRITE).bits();
    let fd = guest.open_full(3, 0, "file", CREAT, (base, 0), 0).unwrap();
    let subs = [
        Sub::Read(99),
        Sub::Read(3),
        Sub::Write(fd),
        Sub::Write(0),
        Sub::Clock(2, 0, false),
        Sub::Clock(9, 0, false),
        Sub::Clock(1, millis(60_000), false),
    ];
    let events = poll(&mut guest, &subs).unwrap();
    let errors: Vec<(usize, Errno)> = events.iter().map(|event| (event.0, event.1)).collect();
    let expected = [
        (0, Errno::Badf),
        (1, Errno::Notcapable),
        (2, Errno::Notcapable),
        (3, Errno::Notcapable),
        (4, Errno::Notsup),
        (5, Errno::Inval),
    ];
    assert_eq!(errors, expected);
}

#[cfg(target_os = "linux")]
#[test]
fn pipes_wait_for_data_and_tell_of_hangup() {
    use rustix::fs::{CWD, Mode, mkfifoat};
    let (mut guest, temp) = boxed();
    mkfifoat(CWD, crate::guest::inside(&temp, "pipe"), Mode::RUSR | Mode::WUSR).unwrap();
    let reader = guest.open_read("pipe").unwrap();
    let writer = guest.open_full(3, 0, "pipe", 0, (ALL - 2, 0), 0).unwrap();
    let subs = [Sub::Read(reader), Sub::Clock(1, millis(30), false)];
    assert_eq!(poll(&mut guest, &subs).unwrap(), [(1, Errno::Success, 0, 0, false)]);
    guest.write(writer, b"abc").unwrap();
    assert_eq!(poll(&mut guest, &subs).unwrap(), [(0, Errno::Success, 1, 3, false)]);
    guest.read(reader, 3).unwrap();
    guest.close(writer).unwrap();
    let events = poll(&mut guest, &subs).unwrap();
    assert_eq!(events, [(0, Errno::Success, 1, 0, true)]);
}

#[test]
fn records_that_make_no_sense() {
    let mut guest = Guest::new(WasiCtx::builder().build());
    assert_eq!(poll(&mut guest, &[]), Err(Errno::Inval));
    guest.put(SUBS + 8, &[3]);
    let args = |count: u64| [SUBS.into(), DATA.into(), count, OUT.into()];
    assert_eq!(guest.call("poll_oneoff", &args(1)), Err(Errno::Inval));
    guest.put(SUBS + 8, &[0]);
    guest.put(SUBS + 40, &[2]);
    assert_eq!(guest.call("poll_oneoff", &args(1)), Err(Errno::Inval));
    assert_eq!(guest.call("poll_oneoff", &args(10_000)), Err(Errno::Fault));
    assert_eq!(guest.call("poll_oneoff", &args(u32::MAX.into())), Err(Errno::Inval));
}

#[test]
fn events_may_be_written_over_subscriptions() {
    let mut guest = Guest::new(WasiCtx::builder().build());
    for i in 0..4_u32 {
        guest.put(SUBS + i * 48, &u64::from(i).to_le_bytes());
        guest.put(SUBS + i * 48 + 8, &[2]);
        guest.put(SUBS + i * 48 + 16, &1_u32.to_le_bytes());
    }
    guest.call("poll_oneoff", &[SUBS.into(), SUBS.into(), 4, OUT.into()]).unwrap();
    assert_eq!(guest.u32(OUT), 4);
    for i in 0..4_u32 {
        assert_eq!((guest.u64(SUBS + i * 32), guest.u8(SUBS + i * 32 + 10)), (i.into(), 2));
    }
}
