//! Sockets on the loopback.

use crate::guest::{CREAT, DATA, Guest, NONBLOCK, OUT, boxed};
use crate::poll::{Sub, poll};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use tiercel_wasi::{Errno, Rights, WasiCtx};

/// A guest with a listener as descriptor 3.
fn listening() -> (Guest, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (Guest::new(WasiCtx::builder().preopened_listener(listener).build()), address)
}

fn accept(guest: &mut Guest, flags: u32) -> Result<u32, Errno> {
    guest.call("sock_accept", &[3, flags.into(), OUT.into()])?;
    Ok(guest.u32(OUT))
}

fn recv(guest: &mut Guest, fd: u32, lens: &[usize], flags: u64) -> Result<Vec<u8>, Errno> {
    let [list, count] = guest.iovs(lens);
    guest.put(OUT + 8, &[0xff; 2]);
    let args = [fd.into(), list, count, flags, OUT.into(), u64::from(OUT) + 8];
    guest.call("sock_recv", &args)?;
    assert_eq!(guest.u16(OUT + 8), 0);
    Ok(guest.bytes(DATA, guest.u32(OUT)).to_vec())
}

fn send(guest: &mut Guest, fd: u32, bytes: &[u8]) -> Result<u32, Errno> {
    guest.put(DATA, bytes);
    let [list, count] = guest.iovs(&[bytes.len()]);
    guest.call("sock_send", &[fd.into(), list, count, 0, OUT.into()])?;
    Ok(guest.u32(OUT))
}

#[test]
fn a_conversation() {
    let (mut guest, address) = listening();
    let mut client = TcpStream::connect(address).unwrap();
    let fd = accept(&mut guest, 0).unwrap();
    assert_eq!(fd, 4);
    assert_eq!(guest.fdstat(fd).unwrap(), (6, 0, Rights::SOCKET, Rights::empty()));
    client.write_all(b"hello").unwrap();
    // Peeking leaves the bytes for the next call.
    assert_eq!(recv(&mut guest, fd, &[2, 10], 1).unwrap(), b"hello");
    assert_eq!(recv(&mut guest, fd, &[2], 0).unwrap(), b"he");
    assert_eq!(guest.read(fd, 10).unwrap(), b"llo");
    assert_eq!(send(&mut guest, fd, b"answer"), Ok(6));
    assert_eq!(guest.write(fd, b" again"), Ok(6));
    let mut answer = [0; 12];
    client.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"answer again");
    // Waiting for all takes more than one piece.
    let sender = std::thread::spawn(move || {
        for piece in [b"ab", b"cd", b"ef"] {
            client.write_all(piece).unwrap();
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        client
    });
    assert_eq!(recv(&mut guest, fd, &[4, 2], 2).unwrap(), b"abcdef");
    drop(sender.join().unwrap());
    assert_eq!(recv(&mut guest, fd, &[10], 0).unwrap(), b"");
    guest.close(fd).unwrap();
}

#[test]
fn shutting_down() {
    let (mut guest, address) = listening();
    let mut client = TcpStream::connect(address).unwrap();
    let fd = accept(&mut guest, 0).unwrap();
    assert_eq!(guest.call("sock_shutdown", &[fd.into(), 0]), Err(Errno::Inval));
    assert_eq!(guest.call("sock_shutdown", &[fd.into(), 4]), Err(Errno::Inval));
    send(&mut guest, fd, b"last").unwrap();
    guest.call("sock_shutdown", &[fd.into(), 2]).unwrap();
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"last");
    // Sending now is an error of the guest, not a signal for the host.
    assert_eq!(send(&mut guest, fd, b"more"), Err(Errno::Pipe));
    assert_eq!(guest.write(fd, b"more"), Err(Errno::Pipe));
    guest.call("sock_shutdown", &[fd.into(), 1]).unwrap();
    assert_eq!(recv(&mut guest, fd, &[1], 0).unwrap(), b"");
}

#[test]
fn not_waiting() {
    let (mut guest, address) = listening();
    guest.call("fd_fdstat_set_flags", &[3, NONBLOCK.into()]).unwrap();
    assert_eq!(accept(&mut guest, 0), Err(Errno::Again));
    let mut client = TcpStream::connect(address).unwrap();
    assert_eq!(poll(&mut guest, &[Sub::Read(3)]).unwrap()[0].1, Errno::Success);
    let fd = accept(&mut guest, NONBLOCK).unwrap();
    assert_eq!(guest.fdstat(fd).unwrap().1, NONBLOCK as u16);
    assert_eq!(recv(&mut guest, fd, &[1], 0), Err(Errno::Again));
    assert_eq!(guest.read(fd, 1), Err(Errno::Again));
    client.write_all(b"abc").unwrap();
    let events = poll(&mut guest, &[Sub::Read(fd), Sub::Write(fd)]).unwrap();
    assert_eq!(events.len(), 2);
    assert_eq!((events[0].2, events[0].3), (1, 3));
    assert_eq!(recv(&mut guest, fd, &[5], 0).unwrap(), b"abc");
    guest.call("fd_fdstat_set_flags", &[fd.into(), 0]).unwrap();
    assert_eq!(guest.call("fd_fdstat_set_flags", &[fd.into(), 1]), Err(Errno::Inval));
    assert_eq!(accept(&mut guest, 1), Err(Errno::Inval));
    // A connection accepted from a non-blocking listener blocks unless asked otherwise.
    let mut second = TcpStream::connect(address).unwrap();
    poll(&mut guest, &[Sub::Read(3)]).unwrap();
    let fd = accept(&mut guest, 0).unwrap();
    let sender = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(30));
        second.write_all(b"late").unwrap();
    });
    assert_eq!(guest.read(fd, 10).unwrap(), b"late");
    sender.join().unwrap();
}

#[test]
fn what_is_no_socket() {
    let (mut guest, _temp) = boxed();
    let file = guest.open("file", CREAT).unwrap();
    let out = u64::from(OUT);
    for (fd, errno) in [(file, Errno::Notsock), (3, Errno::Notsock), (1, Errno::Notsock), (99, Errno::Badf)] {
        let fd = u64::from(fd);
        assert_eq!(guest.call("sock_shutdown", &[fd, 1]), Err(errno));
        assert_eq!(guest.call("sock_accept", &[fd, 0, out]), Err(errno));
        assert_eq!(guest.call("sock_send", &[fd, 0, 0, 0, out]), Err(errno));
        assert_eq!(guest.call("sock_recv", &[fd, 0, 0, 0, out, out]), Err(errno));
    }
    let (mut guest, _) = listening();
    assert_eq!(guest.call("sock_shutdown", &[3, 1]), Err(Errno::Notconn));
    assert_eq!(guest.call("sock_recv", &[3, 0, 0, 4, out, out]), Err(Errno::Inval));
    assert_eq!(guest.call("sock_send", &[3, 0, 0, 1, out]), Err(Errno::Inval));
    assert_eq!(guest.read(3, 1), Err(Errno::Notconn));
    assert_eq!(guest.call("fd_prestat_get", &[3, out]), Err(Errno::Badf));
    assert_eq!(guest.fdstat(3).unwrap(), (6, 0, Rights::LISTENER, Rights::SOCKET));
    guest.call("fd_fdstat_set_rights", &[3, Rights::FD_READ.bits(), 0]).unwrap();
    assert_eq!(accept(&mut guest, 0), Err(Errno::Notcapable));
}
