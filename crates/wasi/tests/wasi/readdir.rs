//! Listing directories.

use crate::guest::{DATA, Guest, OUT, ROOT, boxed, inside};
use std::fs;
use tiercel_wasi::Errno;

/// One entry: the cookie after it, its inode, its type, its name.
type Entry = (u64, u64, u8, String);

/// One call; the whole entries it gave and whether the end was reached.
fn call(guest: &mut Guest, fd: u32, len: u32, cookie: u64) -> (Vec<Entry>, bool) {
    guest.call("fd_readdir", &[fd.into(), DATA.into(), len.into(), cookie, OUT.into()]).unwrap();
    let used = guest.u32(OUT);
    assert!(used <= len);
    let mut entries = Vec::new();
    let mut at = 0;
    while at + 24 <= used {
        let record = DATA + at;
        let name_len = guest.u32(record + 16);
        if at + 24 + name_len > used {
            break;
        }
        let name = String::from_utf8(guest.bytes(record + 24, name_len).to_vec()).unwrap();
        entries.push((guest.u64(record), guest.u64(record + 8), guest.u8(record + 20), name));
        at += 24 + name_len;
    }
    (entries, used < len)
}

/// All names, read with buffers of `len` bytes as the C library does.
fn names(guest: &mut Guest, fd: u32, len: u32) -> Vec<String> {
    let (mut names, mut cookie) = (Vec::new(), 0);
    loop {
        let (entries, end) = call(guest, fd, len, cookie);
        if let Some(last) = entries.last() {
            cookie = last.0;
        }
        names.extend(entries.into_iter().map(|entry| entry.3));
        if end {
            return names;
        }
    }
}

#[test]
fn an_empty_directory_has_itself_and_its_parent() {
    let (mut guest, _temp) = boxed();
    guest.call("fd_filestat_get", &[ROOT.into(), OUT.into()]).unwrap();
    let ino = guest.u64(OUT + 8);
    let (entries, end) = call(&mut guest, ROOT, 1000, 0);
    assert!(end);
    assert_eq!(entries, [(1, ino, 3, ".".to_string()), (2, ino, 3, "..".to_string())]);
    assert_eq!(call(&mut guest, ROOT, 1000, 2), (vec![], true));
    assert_eq!(call(&mut guest, ROOT, 1000, 77), (vec![], true));
    assert_eq!(call(&mut guest, ROOT, 1000, u64::MAX), (vec![], true));
}

#[test]
fn types_inodes_and_cookies() {
    let (mut guest, temp) = boxed();
    fs::write(inside(&temp, "file"), "").unwrap();
    fs::create_dir(inside(&temp, "dir")).unwrap();
    guest.symlink("file", "link").unwrap();
    guest.stat("file", 0).unwrap();
    let ino = guest.u64(OUT + 8);
    let (entries, _) = call(&mut guest, ROOT, 1000, 0);
    let find = |name: &str| entries.iter().find(|entry| entry.3 == name).unwrap();
    assert_eq!((find("file").1, find("file").2), (ino, 4));
    assert_eq!((find("dir").2, find("link").2), (3, 7));
    for i in 0..entries.len() {
        let (rest, _) = call(&mut guest, ROOT, 1000, entries[i].0);
        assert_eq!(rest, entries[i + 1..]);
    }
}

#[test]
fn large_directories_in_small_pieces() {
    let (mut guest, temp) = boxed();
    for i in 0..1000 {
        fs::write(inside(&temp, format!("file.{i}")), "").unwrap();
    }
    for len in [50, 64, 256, 4096, 60_000] {
        let mut names = names(&mut guest, ROOT, len);
        names.sort();
        assert_eq!(names.len(), 1002, "with {len} bytes");
        names.dedup();
        assert_eq!(names.len(), 1002);
    }
}

#[test]
fn cookies_stay_while_the_directory_changes() {
    let (mut guest, temp) = boxed();
    for i in 0..10 {
        fs::write(inside(&temp, format!("old{i}")), "").unwrap();
    }
    let (before, _) = call(&mut guest, ROOT, 2000, 0);
    fs::remove_file(inside(&temp, "old3")).unwrap();
    fs::write(inside(&temp, "new"), "").unwrap();
    assert_eq!(call(&mut guest, ROOT, 2000, before[4].0).0, before[5..]);
    // From the start, the directory is read anew.
    let names = names(&mut guest, ROOT, 2000);
    assert!(names.contains(&"new".to_string()) && !names.contains(&"old3".to_string()));
}

#[test]
fn the_last_entry_is_cut_where_the_buffer_ends() {
    let (mut guest, temp) = boxed();
    fs::write(inside(&temp, "some-name"), "").unwrap();
    let whole = 24 + 1 + 24 + 2 + 24 + 9;
    for len in 0..=whole + 1 {
        guest.memory[DATA as usize..][..200].fill(0xaa);
        guest.call("fd_readdir", &[ROOT.into(), DATA.into(), len, 0, OUT.into()]).unwrap();
        assert_eq!(u64::from(guest.u32(OUT)), len.min(whole));
        assert_eq!(guest.u8(DATA + len as u32), 0xaa, "nothing past the buffer");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn names_that_are_no_utf8_are_listed_as_they_are() {
    use std::os::unix::ffi::OsStrExt;
    let (mut guest, temp) = boxed();
    fs::write(inside(&temp, std::ffi::OsStr::from_bytes(b"\xff")), "").unwrap();
    guest.call("fd_readdir", &[ROOT.into(), DATA.into(), 1000, 2, OUT.into()]).unwrap();
    assert_eq!((guest.u32(OUT), guest.u8(DATA + 24)), (25, 0xff));
}

#[test]
fn files_have_no_entries() {
    let (mut guest, temp) = boxed();
    fs::write(inside(&temp, "file"), "").unwrap();
    let fd = guest.open("file", 0).unwrap();
    let args = |fd: u32| [fd.into(), DATA.into(), 100, 0, OUT.into()];
    assert_eq!(guest.call("fd_readdir", &args(fd)), Err(Errno::Notcapable));
    assert_eq!(guest.call("fd_readdir", &args(99)), Err(Errno::Badf));
    // Two descriptors of one directory list it apart.
    let other = guest.open_dir(".").unwrap();
    assert_eq!(names(&mut guest, other, 40).len(), 3);
    assert_eq!(names(&mut guest, ROOT, 40).len(), 3);
}
