//! What differs under the name `wasi_unstable`.

use crate::guest::{CREAT, OUT, boxed};
use crate::poll::{Sub, poll};
use std::time::Instant;
use tiercel_wasi::{Abi, Errno};

#[test]
fn the_link_count_has_32_bits() {
    let (mut guest, _temp) = boxed();
    guest.abi = Abi::Unstable;
    let fd = guest.open("file", CREAT).unwrap();
    guest.write(fd, b"12345").unwrap();
    guest.memory[OUT as usize..][..64].fill(0xaa);
    for path in [true, false] {
        match path {
            true => guest.stat("file", 0).unwrap(),
            false => guest.call("fd_filestat_get", &[fd.into(), OUT.into()]).unwrap(),
        }
        assert_eq!((guest.u8(OUT + 16), guest.u32(OUT + 20), guest.u64(OUT + 24)), (4, 1, 5));
        assert_eq!(guest.u8(OUT + 56), 0xaa, "the record is 56 bytes long");
    }
    let preview1_time = {
        guest.abi = Abi::Preview1;
        guest.stat("file", 0).unwrap();
        guest.u64(OUT + 48)
    };
    guest.abi = Abi::Unstable;
    guest.stat("file", 0).unwrap();
    assert_eq!(guest.u64(OUT + 40), preview1_time);
}

#[test]
fn whence_counts_from_the_current_position() {
    let (mut guest, _temp) = boxed();
    guest.abi = Abi::Unstable;
    let fd = guest.open("file", CREAT).unwrap();
    guest.write(fd, b"0123456789").unwrap();
    assert_eq!(guest.seek(fd, 3, 2), Ok(3), "2 is set");
    assert_eq!(guest.seek(fd, 2, 0), Ok(5), "0 is cur");
    assert_eq!(guest.seek(fd, -1, 1), Ok(9), "1 is end");
    assert_eq!(guest.seek(fd, 0, 3), Err(Errno::Inval));
}

#[test]
fn subscriptions_are_longer() {
    let (mut guest, _temp) = boxed();
    guest.abi = Abi::Unstable;
    let start = Instant::now();
    let subs = [Sub::Clock(1, 3_600_000_000_000, false), Sub::Clock(1, 20_000_000, false)];
    assert_eq!(poll(&mut guest, &subs).unwrap(), [(1, Errno::Success, 0, 0, false)]);
    assert!(start.elapsed().as_millis() >= 20);
    let events = poll(&mut guest, &[Sub::Write(1), Sub::Write(99)]).unwrap();
    let errors: Vec<_> = events.iter().map(|event| (event.0, event.1)).collect();
    assert_eq!(errors, [(1, Errno::Badf), (0, Errno::Success)]);
}
