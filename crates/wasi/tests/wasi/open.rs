//! `path_open` with all its flags, and the functions on names.

use crate::guest::{ALL, APPEND, CREAT, DIRECTORY, EXCL, FOLLOW, OUT, ROOT, TRUNC, boxed, inside};
use std::fs;
use tiercel_wasi::{Errno, Rights};

#[test]
fn creating_truncating_excluding() {
    let (mut guest, temp) = boxed();
    assert_eq!(guest.open("file", 0), Err(Errno::Noent));
    let fd = guest.open("file", CREAT).unwrap();
    guest.write(fd, b"12345").unwrap();
    guest.close(fd).unwrap();
    let fd = guest.open("file", CREAT).unwrap();
    assert_eq!(guest.read(fd, 10).unwrap(), b"12345");
    assert_eq!(guest.open("file", CREAT | EXCL), Err(Errno::Exist));
    let fd = guest.open("file", TRUNC).unwrap();
    assert_eq!(guest.read(fd, 10).unwrap(), b"");
    guest.open("new", CREAT | EXCL | TRUNC).unwrap();
    assert_eq!(fs::read(inside(&temp, "new")).unwrap(), b"");
    // Creating and truncating need no right to write.
    fs::write(inside(&temp, "file"), "12345").unwrap();
    guest.open_full(ROOT, 0, "file", TRUNC, (0, 0), 0).unwrap();
    assert_eq!(fs::read(inside(&temp, "file")).unwrap(), b"");
    guest.open_full(ROOT, 0, "third", CREAT, (0, 0), 0).unwrap();
    assert!(inside(&temp, "third").exists());
    let fd = guest.open_full(ROOT, 0, "file", CREAT | TRUNC, (ALL, 0), APPEND).unwrap();
    assert_eq!(guest.fdstat(fd).unwrap().1, APPEND as u16);
}

#[test]
fn directories_and_files_are_told_apart() {
    let (mut guest, temp) = boxed();
    fs::create_dir_all(inside(&temp, "dir/nested")).unwrap();
    fs::write(inside(&temp, "file"), "").unwrap();
    assert_eq!(guest.open_dir("file"), Err(Errno::Notdir));
    assert_eq!(guest.open("dir", 0), Err(Errno::Isdir));
    assert_eq!(guest.open("dir", DIRECTORY), Err(Errno::Isdir));
    assert_eq!(guest.open("dir", DIRECTORY | CREAT), Err(Errno::Inval));
    assert_eq!(guest.open_full(ROOT, 0, "dir", CREAT, (2, 0), 0), Err(Errno::Isdir));
    let fd = guest.open_read("dir").unwrap();
    assert_eq!(guest.fdstat(fd).unwrap().0, 3);
    assert_eq!(guest.open_read("file/x"), Err(Errno::Notdir));
    for path in ["file/", "file///", "file/."] {
        assert_eq!(guest.open_read(path), Err(Errno::Notdir), "{path}");
    }
    for path in ["dir/", "dir///", "dir/.", ".", "dir/./nested/..", "./dir//nested/../nested/"] {
        assert!(guest.open_read(path).is_ok(), "{path}");
        assert!(guest.open_dir(path).is_ok(), "{path}");
    }
    assert_eq!(guest.open_read(""), Err(Errno::Noent));
}

#[test]
fn strings_that_are_no_paths() {
    let (mut guest, _temp) = boxed();
    assert_eq!(guest.open_read("a\0b"), Err(Errno::Inval));
    assert_eq!(guest.open("file\0", CREAT), Err(Errno::Inval));
    guest.put(1024, b"\xff\xfe");
    let args = [ROOT.into(), 0, 1024, 2, 0, 0, 0, 0, OUT.into()];
    assert_eq!(guest.call("path_open", &args), Err(Errno::Ilseq));
    assert_eq!(guest.open_read(&"x".repeat(300)), Err(Errno::Nametoolong));
    assert_eq!(guest.open_read(&"x/".repeat(3000)), Err(Errno::Nametoolong));
}

#[test]
fn flags_that_do_not_exist() {
    let (mut guest, _temp) = boxed();
    assert_eq!(guest.open("file", 16), Err(Errno::Inval));
    assert_eq!(guest.open("file", 0x1_0001), Err(Errno::Inval));
    assert_eq!(guest.open_full(ROOT, 2, "file", 0, (0, 0), 0), Err(Errno::Inval));
    assert_eq!(guest.open_full(ROOT, 0, "file", 0, (0, 0), 32), Err(Errno::Inval));
}

#[cfg(unix)]
#[test]
fn links_at_the_end_are_followed_only_when_asked() {
    let (mut guest, temp) = boxed();
    fs::write(inside(&temp, "file"), "text").unwrap();
    fs::create_dir(inside(&temp, "dir")).unwrap();
    guest.symlink("file", "link").unwrap();
    guest.symlink("dir", "dirlink").unwrap();
    guest.symlink("missing", "dangling").unwrap();
    assert_eq!(guest.open("link", 0), Err(Errno::Loop));
    assert_eq!(guest.open("dangling", 0), Err(Errno::Loop));
    assert_eq!(guest.open_full(ROOT, 0, "dirlink", DIRECTORY, (0, 0), 0), Err(Errno::Notdir));
    let fd = guest.open_read("link").unwrap();
    assert_eq!(guest.read(fd, 10).unwrap(), b"text");
    assert!(guest.open_dir("dirlink").is_ok());
    assert_eq!(guest.open_dir("link"), Err(Errno::Notdir));
    assert_eq!(guest.open_read("dangling"), Err(Errno::Noent));
    // Following and creating makes the file that the link names.
    guest.open_full(ROOT, FOLLOW, "dangling", CREAT, (ALL, 0), 0).unwrap();
    assert!(inside(&temp, "missing").exists());
    assert_eq!(guest.open("link", CREAT | EXCL), Err(Errno::Exist));
}

#[cfg(unix)]
#[test]
fn reading_links() {
    let (mut guest, temp) = boxed();
    guest.symlink("some/target", "link").unwrap();
    assert_eq!(guest.readlink("link", 100).unwrap(), b"some/target");
    assert_eq!(guest.readlink("link", 4).unwrap(), b"some");
    assert_eq!(guest.readlink("link", 0).unwrap(), b"");
    fs::write(inside(&temp, "file"), "").unwrap();
    assert_eq!(guest.readlink("file", 10), Err(Errno::Inval));
    assert_eq!(guest.readlink("missing", 10), Err(Errno::Noent));
    // The target of a link is data of the directory, wherever it points.
    std::os::unix::fs::symlink("/etc", inside(&temp, "absolute")).unwrap();
    assert_eq!(guest.readlink("absolute", 10).unwrap(), b"/etc");
    assert_eq!(guest.symlink("x", "link"), Err(Errno::Exist));
    assert_eq!(guest.symlink("x", "new/"), Err(Errno::Noent));
    assert_eq!(guest.symlink("", "empty"), Err(Errno::Noent));
}

#[test]
fn removing() {
    let (mut guest, temp) = boxed();
    fs::create_dir_all(inside(&temp, "dir/nested")).unwrap();
    fs::write(inside(&temp, "file"), "").unwrap();
    assert_eq!(guest.at("path_remove_directory", ROOT, "dir"), Err(Errno::Notempty));
    assert_eq!(guest.at("path_remove_directory", ROOT, "file"), Err(Errno::Notdir));
    assert_eq!(guest.at("path_remove_directory", ROOT, "file/"), Err(Errno::Notdir));
    assert_eq!(guest.at("path_unlink_file", ROOT, "file/"), Err(Errno::Notdir));
    let is_dir = if cfg!(target_os = "macos") { Errno::Perm } else { Errno::Isdir };
    assert_eq!(guest.at("path_unlink_file", ROOT, "dir"), Err(is_dir));
    assert_eq!(guest.at("path_unlink_file", ROOT, "dir/"), Err(is_dir));
    assert_eq!(guest.at("path_remove_directory", ROOT, "dir/nested/"), Ok(()));
    assert_eq!(guest.at("path_remove_directory", ROOT, "dir"), Ok(()));
    assert_eq!(guest.at("path_unlink_file", ROOT, "file"), Ok(()));
    assert_eq!(guest.at("path_unlink_file", ROOT, "file"), Err(Errno::Noent));
    assert_eq!(guest.at("path_create_directory", ROOT, "dir/"), Ok(()));
    assert_eq!(guest.at("path_create_directory", ROOT, "dir"), Err(Errno::Exist));
    assert!(guest.at("path_remove_directory", ROOT, ".").is_err());
    assert!(guest.at("path_remove_directory", ROOT, "dir/..").is_err());
    assert!(inside(&temp, "").exists());
}

#[cfg(unix)]
#[test]
fn renaming() {
    let (mut guest, temp) = boxed();
    for dir in ["empty", "full", "moved"] {
        guest.at("path_create_directory", ROOT, dir).unwrap();
    }
    fs::write(inside(&temp, "full/file"), "").unwrap();
    fs::write(inside(&temp, "a"), "a").unwrap();
    fs::write(inside(&temp, "b"), "b").unwrap();
    assert_eq!(guest.rename("moved", "full"), Err(Errno::Notempty));
    assert_eq!(guest.rename("moved", "a"), Err(Errno::Notdir));
    assert_eq!(guest.rename("a", "empty"), Err(Errno::Isdir));
    assert_eq!(guest.rename("full", "full/inner"), Err(Errno::Inval));
    assert_eq!(guest.rename("moved", "empty"), Ok(()));
    assert_eq!(guest.rename("empty/", "moved"), Ok(()));
    assert_eq!(guest.rename("moved/", "empty/"), Ok(()));
    assert_eq!(guest.rename("a", "b"), Ok(()));
    assert_eq!(fs::read(inside(&temp, "b")).unwrap(), b"a");
    assert_eq!(guest.rename("b", "full/b"), Ok(()));
    assert_eq!(guest.rename("b", "c"), Err(Errno::Noent));
    assert_eq!(guest.rename("full/b", "c/"), Err(Errno::Notdir));
}

#[cfg(unix)]
#[test]
fn hard_links() {
    let (mut guest, temp) = boxed();
    fs::write(inside(&temp, "file"), "text").unwrap();
    guest.at("path_create_directory", ROOT, "dir").unwrap();
    guest.link((ROOT, "file"), (ROOT, "dir/link"), 0).unwrap();
    guest.stat("dir/link", 0).unwrap();
    assert_eq!(guest.u64(OUT + 24), 2, "link count");
    assert_eq!(guest.link((ROOT, "file"), (ROOT, "file"), 0), Err(Errno::Exist));
    assert_eq!(guest.link((ROOT, "file"), (ROOT, "dir"), 0), Err(Errno::Exist));
    assert_eq!(guest.link((ROOT, "dir"), (ROOT, "other"), 0), Err(Errno::Perm));
    assert_eq!(guest.link((ROOT, "file"), (ROOT, "other/"), 0), Err(Errno::Noent));
    assert_eq!(guest.link((ROOT, "file"), (ROOT, "other"), FOLLOW), Err(Errno::Inval));
    guest.symlink("missing", "dangling").unwrap();
    assert_eq!(guest.link((ROOT, "dangling"), (ROOT, "hard"), 0), Ok(()));
    assert_eq!(guest.readlink("hard", 10).unwrap(), b"missing");
}

#[test]
fn attributes_and_timestamps() {
    let (mut guest, temp) = boxed();
    fs::write(inside(&temp, "file"), "12345").unwrap();
    guest.stat("file", 0).unwrap();
    let (ino, mtim) = (guest.u64(OUT + 8), guest.u64(OUT + 48));
    assert_eq!((guest.u8(OUT + 16), guest.u64(OUT + 24), guest.u64(OUT + 32)), (4, 1, 5));
    guest.stat(".", 0).unwrap();
    assert_eq!(guest.u8(OUT + 16), 3);

    guest.set_path_times("file", 0, 0, mtim - 1000, 4).unwrap();
    guest.stat("file", 0).unwrap();
    assert_eq!((guest.u64(OUT + 8), guest.u64(OUT + 48)), (ino, mtim - 1000));
    guest.set_path_times("file", FOLLOW, 1_000_000_000, 0, 1 | 8).unwrap();
    guest.stat("file", 0).unwrap();
    assert_eq!(guest.u64(OUT + 40), 1_000_000_000);
    assert!(guest.u64(OUT + 48) + 1_000_000_000 > mtim, "now");
    assert_eq!(guest.set_path_times("file", 0, 0, 0, 4 | 8), Err(Errno::Inval));
    assert_eq!(guest.set_path_times("file", 0, 0, 0, 1 | 2), Err(Errno::Inval));
    assert_eq!(guest.set_path_times("file", 0, 0, 0, 16), Err(Errno::Inval));

    let fd = guest.open("file", 0).unwrap();
    guest.call("fd_filestat_set_times", &[fd.into(), 5, 6, 5]).unwrap();
    guest.call("fd_filestat_get", &[fd.into(), OUT.into()]).unwrap();
    assert_eq!((guest.u64(OUT + 40), guest.u64(OUT + 48)), (5, 6));
    guest.call("fd_filestat_set_times", &[ROOT.into(), 0, 7, 4]).unwrap();
    guest.call("fd_filestat_get", &[ROOT.into(), OUT.into()]).unwrap();
    assert_eq!(guest.u64(OUT + 48), 7);
    // The far future is an error or what the file system makes of it.
    let _ = guest.call("fd_filestat_set_times", &[fd.into(), u64::MAX, u64::MAX, 5]);
}

#[cfg(unix)]
#[test]
fn timestamps_of_links_are_their_own() {
    let (mut guest, temp) = boxed();
    fs::write(inside(&temp, "file"), "").unwrap();
    guest.symlink("file", "link").unwrap();
    guest.set_path_times("link", 0, 0, 123, 4).unwrap();
    guest.stat("link", 0).unwrap();
    assert_eq!((guest.u8(OUT + 16), guest.u64(OUT + 48)), (7, 123));
    guest.stat("link", FOLLOW).unwrap();
    assert_eq!(guest.u8(OUT + 16), 4);
    assert_ne!(guest.u64(OUT + 48), 123);
}

#[test]
fn rights_of_what_is_opened() {
    let (mut guest, _temp) = boxed();
    let fd = guest.open("file", CREAT).unwrap();
    let (filetype, flags, base, inheriting) = guest.fdstat(fd).unwrap();
    assert_eq!((filetype, flags), (4, 0));
    assert_eq!((base, inheriting), (Rights::FILE, Rights::empty()));
    let read = Rights::FD_READ | Rights::FD_SEEK | Rights::FD_ALLOCATE;
    let fd = guest.open_full(ROOT, 0, "file", 0, (read.bits(), 0), 0).unwrap();
    assert_eq!(guest.fdstat(fd).unwrap().2, Rights::FD_READ | Rights::FD_SEEK);
    let (filetype, flags, base, inheriting) = guest.fdstat(ROOT).unwrap();
    assert_eq!((filetype, flags), (3, 0));
    assert_eq!((base, inheriting), (Rights::DIRECTORY, Rights::DIRECTORY | Rights::FILE));
    let same = guest.open_full(ROOT, 0, ".", 0, (base.bits(), inheriting.bits()), 0).unwrap();
    assert_eq!(guest.fdstat(same).unwrap(), (3, 0, base, inheriting));
}
