//! Rights: what is not held cannot be done, what is given up does not come back.

use crate::guest::{ALL, CREAT, DATA, DIRECTORY, Guest, OUT, ROOT, TRUNC, boxed, inside};
use std::fs;
use tiercel_wasi::{Errno, Rights};

fn set(guest: &mut Guest, fd: u32, base: Rights, inheriting: Rights) -> Result<(), Errno> {
    guest.call("fd_fdstat_set_rights", &[fd.into(), base.bits(), inheriting.bits()])
}

#[test]
fn each_function_on_a_file_needs_its_right() {
    let (mut guest, temp) = boxed();
    fs::write(inside(&temp, "file"), "text").unwrap();
    let [list, count] = guest.iovs(&[1]);
    let out = u64::from(OUT);
    let calls: &[(&str, &[u64], Rights)] = &[
        ("fd_read", &[list, count, out], Rights::FD_READ),
        ("fd_write", &[list, count, out], Rights::FD_WRITE),
        ("fd_pread", &[list, count, 0, out], Rights::FD_READ.union(Rights::FD_SEEK)),
        ("fd_pwrite", &[list, count, 0, out], Rights::FD_WRITE.union(Rights::FD_SEEK)),
        ("fd_seek", &[1, 0, out], Rights::FD_SEEK),
        ("fd_tell", &[out], Rights::FD_TELL),
        ("fd_advise", &[0, 0, 0], Rights::FD_ADVISE),
        ("fd_allocate", &[0, 1], Rights::FD_ALLOCATE),
        ("fd_sync", &[], Rights::FD_SYNC),
        ("fd_datasync", &[], Rights::FD_DATASYNC),
        ("fd_fdstat_set_flags", &[0], Rights::FD_FDSTAT_SET_FLAGS),
        ("fd_filestat_get", &[out], Rights::FD_FILESTAT_GET),
        ("fd_filestat_set_size", &[4], Rights::FD_FILESTAT_SET_SIZE),
        ("fd_filestat_set_times", &[0, 0, 0], Rights::FD_FILESTAT_SET_TIMES),
    ];
    for (name, args, right) in calls {
        let fd = guest.open("file", 0).unwrap();
        let args: Vec<u64> = [u64::from(fd)].into_iter().chain(args.iter().copied()).collect();
        assert_eq!(guest.call(name, &args), Ok(()), "{name}");
        set(&mut guest, fd, *right, Rights::empty()).unwrap();
        assert_eq!(guest.call(name, &args), Ok(()), "{name} with its right alone");
        set(&mut guest, fd, Rights::empty(), Rights::empty()).unwrap();
        assert_eq!(guest.call(name, &args), Err(Errno::Notcapable), "{name}");
        guest.close(fd).unwrap();
    }
}

#[test]
fn each_function_on_a_directory_needs_its_right() {
    let (mut guest, temp) = boxed();
    fs::write(inside(&temp, "file"), "text").unwrap();
    let without = |guest: &mut Guest, right: Rights| {
        let fd = guest.open_dir(".").unwrap();
        set(guest, fd, Rights::DIRECTORY - right, Rights::all() & Rights::FILE).unwrap();
        u64::from(fd)
    };
    guest.put(DATA, b"file");
    guest.put(DATA + 8, b"new!");
    let (file, new) = (u64::from(DATA), u64::from(DATA) + 8);
    let (root, out) = (u64::from(ROOT), u64::from(OUT));
    // Each call with the descriptor that lacks a right in the place of `root` where `None` is.
    let calls: &[(&str, Rights, &[Option<u64>])] = &[
        ("path_create_directory", Rights::PATH_CREATE_DIRECTORY, &[None, Some(new), Some(4)]),
        ("path_filestat_get", Rights::PATH_FILESTAT_GET, &[None, Some(0), Some(file), Some(4), Some(out)]),
        (
            "path_filestat_set_times",
            Rights::PATH_FILESTAT_SET_TIMES,
            &[None, Some(0), Some(file), Some(4), Some(0), Some(0), Some(0)],
        ),
        ("path_link", Rights::PATH_LINK_SOURCE, &[None, Some(0), Some(file), Some(4), Some(root), Some(new), Some(4)]),
        ("path_link", Rights::PATH_LINK_TARGET, &[Some(root), Some(0), Some(file), Some(4), None, Some(new), Some(4)]),
        ("path_rename", Rights::PATH_RENAME_SOURCE, &[None, Some(file), Some(4), Some(root), Some(new), Some(4)]),
        ("path_rename", Rights::PATH_RENAME_TARGET, &[Some(root), Some(file), Some(4), None, Some(new), Some(4)]),
        ("path_readlink", Rights::PATH_READLINK, &[None, Some(file), Some(4), Some(out), Some(4), Some(out)]),
        ("path_remove_directory", Rights::PATH_REMOVE_DIRECTORY, &[None, Some(file), Some(4)]),
        ("path_symlink", Rights::PATH_SYMLINK, &[Some(file), Some(4), None, Some(new), Some(4)]),
        ("path_unlink_file", Rights::PATH_UNLINK_FILE, &[None, Some(file), Some(4)]),
        ("fd_readdir", Rights::FD_READDIR, &[None, Some(out), Some(4), Some(0), Some(out)]),
        ("fd_filestat_get", Rights::FD_FILESTAT_GET, &[None, Some(out)]),
    ];
    for (name, right, args) in calls {
        let fd = without(&mut guest, *right);
        let args: Vec<u64> = args.iter().map(|arg| arg.unwrap_or(fd)).collect();
        assert_eq!(guest.call(name, &args), Err(Errno::Notcapable), "{name} without {right:?}");
    }
    for (oflags, right) in
        [(0, Rights::PATH_OPEN), (CREAT, Rights::PATH_CREATE_FILE), (TRUNC, Rights::PATH_FILESTAT_SET_SIZE)]
    {
        let fd = without(&mut guest, right) as u32;
        let open = guest.open_full(fd, 0, "file", oflags, (2, 0), 0);
        assert_eq!(open, Err(Errno::Notcapable), "open without {right:?}");
    }
    assert_eq!(fs::read(inside(&temp, "file")).unwrap(), b"text");
    assert_eq!(fs::read_dir(inside(&temp, "")).unwrap().count(), 1);
}

#[test]
fn rights_only_shrink() {
    let (mut guest, _temp) = boxed();
    let fd = guest.open("file", CREAT).unwrap();
    set(&mut guest, fd, Rights::FD_READ, Rights::empty()).unwrap();
    assert_eq!(guest.fdstat(fd).unwrap().2, Rights::FD_READ);
    assert_eq!(set(&mut guest, fd, Rights::FILE, Rights::empty()), Err(Errno::Notcapable));
    assert_eq!(set(&mut guest, fd, Rights::FD_READ, Rights::FD_READ), Err(Errno::Notcapable));
    assert_eq!(guest.call("fd_fdstat_set_rights", &[fd.into(), 1 << 40, 0]), Err(Errno::Notcapable));
    assert_eq!(guest.fdstat(fd).unwrap().2, Rights::FD_READ);
}

#[test]
fn what_a_directory_does_not_pass_on_cannot_be_had_through_it() {
    let (mut guest, temp) = boxed();
    fs::create_dir(inside(&temp, "dir")).unwrap();
    fs::write(inside(&temp, "dir/file"), "text").unwrap();
    let base = Rights::DIRECTORY.bits();
    let dir = guest.open_full(ROOT, 0, "dir", DIRECTORY, (base, Rights::FD_READ.bits()), 0).unwrap();
    assert_eq!(guest.open_full(dir, 0, "file", 0, (ALL, 0), 0), Err(Errno::Notcapable));
    let read = Rights::FD_READ | Rights::FD_SEEK;
    let fd = guest.open_full(dir, 0, "file", 0, (read.bits(), 0), 0).unwrap();
    assert_eq!(guest.fdstat(fd).unwrap().2, Rights::FD_READ);
    assert_eq!(guest.read(fd, 10).unwrap(), b"text");
    // Nor through a directory opened through it.
    let again = guest.open_full(dir, 0, ".", DIRECTORY, (base, ALL), 0).unwrap();
    assert_eq!(guest.fdstat(again).unwrap(), (3, 0, Rights::empty(), Rights::FD_READ));
    assert_eq!(guest.open_full(again, 0, "file", 0, (2, 0), 0), Err(Errno::Notcapable));
}

#[test]
fn a_file_opened_without_rights_gives_nothing() {
    let (mut guest, temp) = boxed();
    fs::write(inside(&temp, "file"), "text").unwrap();
    let fd = guest.open_full(ROOT, 0, "file", 0, (0, 0), 0).unwrap();
    assert_eq!(guest.read(fd, 1), Err(Errno::Notcapable));
    assert_eq!(guest.write(fd, b"x"), Err(Errno::Notcapable));
    assert_eq!(guest.fdstat(fd).unwrap(), (4, 0, Rights::empty(), Rights::empty()));
    assert_eq!(guest.close(fd), Ok(()));
}

#[test]
fn directories_do_not_read_write_or_seek() {
    let (mut guest, _temp) = boxed();
    assert_eq!(guest.read(ROOT, 1), Err(Errno::Notcapable));
    assert_eq!(guest.write(ROOT, b"x"), Err(Errno::Notcapable));
    assert_eq!(guest.pread(ROOT, 1, 0), Err(Errno::Notcapable));
    assert_eq!(guest.pwrite(ROOT, b"x", 0), Err(Errno::Notcapable));
    assert_eq!(guest.seek(ROOT, 0, 1), Err(Errno::Notcapable));
    assert_eq!(guest.call("fd_tell", &[ROOT.into(), OUT.into()]), Err(Errno::Notcapable));
    assert_eq!(guest.call("fd_allocate", &[ROOT.into(), 0, 1]), Err(Errno::Notcapable));
    assert_eq!(guest.call("fd_filestat_set_size", &[ROOT.into(), 0]), Err(Errno::Notcapable));
    let file = guest.open("file", CREAT).unwrap();
    assert_eq!(guest.open_full(file, 0, "x", 0, (0, 0), 0), Err(Errno::Notdir));
    assert_eq!(guest.at("path_unlink_file", file, "x"), Err(Errno::Notdir));
}
