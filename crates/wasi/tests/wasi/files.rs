//! Reading, writing, seeking in files; the table of descriptors.

use crate::guest::{ALL, APPEND, CREAT, DATA, NONBLOCK, OUT, ROOT, boxed, inside};
use std::fs;
use tiercel_wasi::Errno;

#[test]
fn bytes_and_positions() {
    let (mut guest, temp) = boxed();
    let fd = guest.open("file", CREAT).unwrap();
    assert_eq!(guest.write(fd, b"hello world"), Ok(11));
    assert_eq!(guest.seek(fd, 0, 1), Ok(11));
    assert_eq!(guest.seek(fd, 0, 0), Ok(0));
    assert_eq!(guest.read(fd, 5).unwrap(), b"hello");
    assert_eq!(guest.seek(fd, -5, 2), Ok(6));
    assert_eq!(guest.read(fd, 100).unwrap(), b"world");
    assert_eq!(guest.read(fd, 100).unwrap(), b"");
    assert_eq!(guest.seek(fd, -1, 0), Err(Errno::Inval));
    assert_eq!(guest.seek(fd, -100, 1), Err(Errno::Inval));
    assert_eq!(guest.seek(fd, 0, 3), Err(Errno::Inval));
    assert_eq!(guest.seek(fd, 100, 0), Ok(100));
    guest.call("fd_tell", &[fd.into(), OUT.into()]).unwrap();
    assert_eq!(guest.u64(OUT), 100);
    assert_eq!(guest.write(fd, b"!"), Ok(1));
    assert_eq!(fs::metadata(inside(&temp, "file")).unwrap().len(), 101);
    for name in ["fd_sync", "fd_datasync"] {
        assert_eq!(guest.call(name, &[fd.into()]), Ok(()));
        assert_eq!(guest.call(name, &[ROOT.into()]), Ok(()));
    }
}

#[test]
fn several_buffers() {
    let (mut guest, temp) = boxed();
    let fd = guest.open("file", CREAT).unwrap();
    let [list, count] = guest.iovs(&[1, 0, 2, 3, 0, 4, 5, 6]);
    guest.put(DATA, b"abbcccddddeeeeeffffff");
    guest.call("fd_write", &[fd.into(), list, count, OUT.into()]).unwrap();
    assert_eq!(guest.u32(OUT), 21);
    assert_eq!(fs::read(inside(&temp, "file")).unwrap(), b"abbcccddddeeeeeffffff");
    guest.memory[DATA as usize..][..64].fill(b'.');
    let [list, count] = guest.iovs(&[4, 0, 4, 4]);
    guest.call("fd_pread", &[fd.into(), list, count, 1, OUT.into()]).unwrap();
    assert_eq!((guest.u32(OUT), guest.bytes(DATA, 14)), (12, &b"bbcccddddeee.."[..]));
    // Buffers in another order than their addresses.
    guest.seek(fd, 0, 0).unwrap();
    for (i, (at, len)) in [(DATA + 100, 3_u32), (DATA, 2)].into_iter().enumerate() {
        guest.put(512 + i as u32 * 8, &at.to_le_bytes());
        guest.put(516 + i as u32 * 8, &len.to_le_bytes());
    }
    guest.call("fd_read", &[fd.into(), 512, 2, OUT.into()]).unwrap();
    assert_eq!((guest.bytes(DATA + 100, 3), guest.bytes(DATA, 2)), (&b"abb"[..], &b"cc"[..]));
    // No buffers are no bytes, for any descriptor.
    guest.call("fd_read", &[fd.into(), 512, 0, OUT.into()]).unwrap();
    assert_eq!(guest.u32(OUT), 0);
    guest.call("fd_write", &[1, 512, 0, OUT.into()]).unwrap();
}

#[test]
fn a_byte_at_a_time_is_lossless() {
    let (mut guest, temp) = boxed();
    let fd = guest.open("file", CREAT).unwrap();
    let bytes: Vec<u8> = (0..20_000_u32).map(|i| (i * 7) as u8).collect();
    for byte in &bytes {
        assert_eq!(guest.write(fd, &[*byte]), Ok(1));
    }
    assert_eq!(fs::read(inside(&temp, "file")).unwrap(), bytes);
}

#[test]
fn appending() {
    let (mut guest, temp) = boxed();
    let fd = guest.open_full(ROOT, 0, "file", CREAT, (ALL, 0), APPEND).unwrap();
    guest.write(fd, b"1").unwrap();
    guest.seek(fd, 0, 0).unwrap();
    guest.write(fd, b"2").unwrap();
    assert_eq!(fs::read(inside(&temp, "file")).unwrap(), b"12");
    assert_eq!(guest.seek(fd, 0, 1), Ok(2));
    // The offset of a positioned write counts, and the descriptor still appends afterwards.
    assert_eq!(guest.pwrite(fd, b"x", 0), Ok(1));
    guest.write(fd, b"3").unwrap();
    assert_eq!(fs::read(inside(&temp, "file")).unwrap(), b"x23");
    guest.call("fd_fdstat_set_flags", &[fd.into(), 0]).unwrap();
    guest.seek(fd, 1, 0).unwrap();
    guest.write(fd, b"y").unwrap();
    guest.call("fd_fdstat_set_flags", &[fd.into(), u64::from(APPEND | NONBLOCK)]).unwrap();
    assert_eq!(guest.fdstat(fd).unwrap().1, (APPEND | NONBLOCK) as u16);
    guest.write(fd, b"z").unwrap();
    assert_eq!(fs::read(inside(&temp, "file")).unwrap(), b"xy3z");
    assert_eq!(guest.call("fd_fdstat_set_flags", &[fd.into(), 16]), Err(Errno::Notsup));
    assert_eq!(guest.call("fd_fdstat_set_flags", &[fd.into(), 64]), Err(Errno::Inval));
    let fd = guest.open_full(ROOT, 0, "file", 0, (ALL, 0), 16).unwrap();
    assert_eq!(guest.fdstat(fd).unwrap().1, 16);
    assert_eq!(guest.call("fd_fdstat_set_flags", &[fd.into(), 17]), Ok(()));
    assert_eq!(guest.call("fd_fdstat_set_flags", &[ROOT.into(), 1]), Err(Errno::Inval));
}

#[test]
fn positioned_reads_and_writes_do_not_move() {
    let (mut guest, _temp) = boxed();
    let fd = guest.open("file", CREAT).unwrap();
    assert_eq!(guest.pwrite(fd, b"0123", 0), Ok(4));
    assert_eq!(guest.pwrite(fd, b"ab", 2), Ok(2));
    assert_eq!(guest.pread(fd, 10, 1).unwrap(), b"1ab");
    assert_eq!(guest.pread(fd, 10, 100).unwrap(), b"");
    assert_eq!(guest.seek(fd, 0, 1), Ok(0));
    assert_eq!(guest.pread(fd, 1, u64::MAX), Err(Errno::Inval));
    assert_eq!(guest.pwrite(fd, b"x", 1 << 63), Err(Errno::Inval));
}

#[test]
fn sizes() {
    let (mut guest, temp) = boxed();
    let fd = guest.open("file", CREAT).unwrap();
    let len = || fs::metadata(inside(&temp, "file")).unwrap().len();
    guest.call("fd_filestat_set_size", &[fd.into(), 100]).unwrap();
    assert_eq!(len(), 100);
    guest.call("fd_advise", &[fd.into(), 10, 50, 0]).unwrap();
    guest.call("fd_advise", &[fd.into(), 0, 0, 5]).unwrap();
    assert_eq!(guest.call("fd_advise", &[fd.into(), 0, 0, 6]), Err(Errno::Inval));
    guest.call("fd_allocate", &[fd.into(), 10, 10]).unwrap();
    assert_eq!(len(), 100);
    guest.call("fd_allocate", &[fd.into(), 90, 20]).unwrap();
    assert_eq!(len(), 110);
    assert_eq!(guest.call("fd_allocate", &[fd.into(), 0, 0]), Err(Errno::Inval));
    assert_eq!(guest.call("fd_allocate", &[fd.into(), u64::MAX, 1]), Err(Errno::Fbig));
    assert_eq!(guest.call("fd_allocate", &[fd.into(), 1 << 62, 1 << 62]), Err(Errno::Fbig));
    guest.call("fd_filestat_set_size", &[fd.into(), 3]).unwrap();
    assert_eq!(len(), 3);
    assert_eq!(guest.call("fd_filestat_set_size", &[fd.into(), u64::MAX]), Err(Errno::Inval));
}

#[test]
fn closing_and_renumbering() {
    let (mut guest, _temp) = boxed();
    let a = guest.open("a", CREAT).unwrap();
    let b = guest.open("b", CREAT).unwrap();
    assert_eq!((a, b), (4, 5));
    guest.write(a, b"a").unwrap();
    guest.call("fd_renumber", &[a.into(), b.into()]).unwrap();
    assert_eq!(guest.close(a), Err(Errno::Badf));
    assert_eq!(guest.pread(b, 5, 0).unwrap(), b"a");
    assert_eq!(guest.call("fd_renumber", &[b.into(), a.into()]), Err(Errno::Badf));
    assert_eq!(guest.open("c", CREAT), Ok(4));
    // Standard output can become a file, and preopened directories can be closed.
    guest.call("fd_renumber", &[b.into(), 1]).unwrap();
    guest.write(1, b"b").unwrap();
    guest.close(ROOT).unwrap();
    assert_eq!(guest.call("fd_prestat_get", &[ROOT.into(), OUT.into()]), Err(Errno::Badf));
    assert_eq!(guest.open("d", CREAT), Err(Errno::Badf));
}

#[test]
fn preopened_directories_tell_their_name() {
    let (mut guest, _temp) = boxed();
    guest.call("fd_prestat_get", &[ROOT.into(), OUT.into()]).unwrap();
    assert_eq!((guest.u8(OUT), guest.u32(OUT + 4)), (0, 1));
    let args = |len| [ROOT.into(), OUT.into(), len];
    assert_eq!(guest.call("fd_prestat_dir_name", &args(0)), Err(Errno::Nametoolong));
    guest.put(OUT, b"..");
    assert_eq!(guest.call("fd_prestat_dir_name", &args(2)), Ok(()));
    assert_eq!(guest.bytes(OUT, 2), b"/.");
    for fd in [0, 1, 2, 4, u64::from(u32::MAX)] {
        assert_eq!(guest.call("fd_prestat_get", &[fd, OUT.into()]), Err(Errno::Badf));
    }
    // A directory that the guest opened itself is no preopened one.
    let fd = guest.open_dir(".").unwrap();
    assert_eq!(guest.call("fd_prestat_get", &[fd.into(), OUT.into()]), Err(Errno::Badf));
}

#[test]
fn a_bad_pointer_for_the_result_leaves_nothing_behind() {
    let (mut guest, temp) = boxed();
    guest.put(1024, b"new");
    let wild = u64::from(u32::MAX) - 1;
    let args = [ROOT.into(), 0, 1024, 3, u64::from(CREAT), ALL, 0, 0, wild];
    assert_eq!(guest.call("path_open", &args), Err(Errno::Fault));
    assert!(!inside(&temp, "new").exists());
    let fd = guest.open("file", CREAT).unwrap();
    assert_eq!(fd, 4);
    let [list, count] = guest.iovs(&[3]);
    assert_eq!(guest.call("fd_write", &[fd.into(), list, count, wild]), Err(Errno::Fault));
    assert_eq!(fs::read(inside(&temp, "file")).unwrap(), b"");
}
