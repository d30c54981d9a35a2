//! Ways out of a preopened directory, all shut.

use crate::guest::{ALL, CREAT, DIRECTORY, FOLLOW, Guest, ROOT, TRUNC, boxed, boxed_with, inside};
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tiercel_wasi::{DirPerms, Errno, FilePerms, WasiCtx};

/// Tries everything that takes a path on `path`; nothing may succeed.
fn refused(guest: &mut Guest, path: &str) {
    let mut results = vec![
        ("open", guest.open(path, 0).map(drop)),
        ("open to read", guest.open_read(path).map(drop)),
        ("create", guest.open(path, CREAT).map(drop)),
        ("truncate", guest.open(path, CREAT | TRUNC).map(drop)),
        ("create following", guest.open_full(ROOT, FOLLOW, path, CREAT, (ALL, ALL), 0).map(drop)),
        ("open directory", guest.open_dir(path).map(drop)),
        ("stat", guest.stat(path, 0)),
        ("stat following", guest.stat(path, FOLLOW)),
        ("times", guest.set_path_times(path, FOLLOW, 1, 1, 5)),
        ("readlink", guest.readlink(path, 100).map(drop)),
        ("symlink", guest.symlink("x", path)),
        ("rename to", guest.rename("file", path)),
        ("rename from", guest.rename(path, "stolen")),
        ("link to", guest.link((ROOT, "file"), (ROOT, path), 0)),
        ("link from", guest.link((ROOT, path), (ROOT, "stolen"), 0)),
    ];
    for name in ["path_create_directory", "path_remove_directory", "path_unlink_file"] {
        results.push((name, guest.at(name, ROOT, path)));
    }
    for (what, result) in results {
        assert!(result.is_err(), "{what} {path:?} succeeded");
    }
}

/// What is outside must be as it was made.
fn untouched(temp: &tempfile::TempDir) {
    let mut names: Vec<_> = fs::read_dir(temp.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["box", "outside", "secret"]);
    assert_eq!(fs::read(temp.path().join("secret/key")).unwrap(), b"key");
    assert_eq!(fs::read_dir(temp.path().join("secret")).unwrap().count(), 1);
    assert_eq!(fs::read_dir(temp.path().join("outside")).unwrap().count(), 0);
}

#[test]
fn dot_dot_at_every_position() {
    let (mut guest, temp) = boxed();
    fs::create_dir_all(inside(&temp, "a/b")).unwrap();
    fs::write(inside(&temp, "file"), "").unwrap();
    for path in [
        "../secret/key",
        "./../secret/key",
        "a/../../secret/key",
        "a/b/../../../secret/key",
        "a/../a/../../secret/key",
        "a//..//..//secret/key",
        "../box/file",
        "a/../../box/file",
        "missing/../../secret/key",
        "../outside/new",
        "a/b/../../../outside/new",
    ] {
        refused(&mut guest, path);
    }
    for path in ["..", "../", "a/../..", "a/b/../../.."] {
        assert!(guest.open_dir(path).is_err(), "{path}");
        assert!(guest.stat(path, FOLLOW).is_err(), "{path}");
        assert!(guest.at("path_remove_directory", ROOT, path).is_err(), "{path}");
    }
    assert_eq!(guest.open_read("../secret/key"), Err(Errno::Perm));
    // Inside, `..` is a name like others.
    assert!(guest.open_read("a/b/../../file").is_ok());
    untouched(&temp);
}

#[test]
fn absolute_paths() {
    let (mut guest, temp) = boxed();
    fs::write(inside(&temp, "file"), "").unwrap();
    let secret = temp.path().join("secret/key");
    for path in ["/etc/passwd", "/", "//", secret.to_str().unwrap(), "/file"] {
        refused(&mut guest, path);
    }
    assert_eq!(guest.open_read("/etc/passwd"), Err(Errno::Perm));
    untouched(&temp);
}

#[cfg(unix)]
#[test]
fn symbolic_links_made_by_the_host() {
    use std::os::unix::fs::symlink;
    let (mut guest, temp) = boxed();
    fs::create_dir(inside(&temp, "a")).unwrap();
    fs::write(inside(&temp, "file"), "").unwrap();
    let outside = temp.path().join("secret");
    symlink(&outside, inside(&temp, "absolute")).unwrap();
    symlink("../secret", inside(&temp, "relative")).unwrap();
    symlink("../../secret", inside(&temp, "a/deep")).unwrap();
    symlink("relative", inside(&temp, "chain1")).unwrap();
    symlink("chain1", inside(&temp, "chain2")).unwrap();
    symlink("a/deep/..", inside(&temp, "through")).unwrap();
    symlink("../outside/new", inside(&temp, "dangling")).unwrap();
    for path in ["absolute/key", "relative/key", "a/deep/key", "chain2/key", "through/secret/key"] {
        refused(&mut guest, path);
    }
    for link in ["absolute", "relative", "a/deep", "chain2", "through", "dangling"] {
        assert!(guest.open_read(link).is_err(), "{link}");
        assert!(guest.open_dir(link).is_err(), "{link}");
        assert!(guest.stat(link, FOLLOW).is_err(), "{link}");
        assert!(guest.stat(link, 0).is_ok(), "{link} itself is inside");
        assert!(guest.open_full(ROOT, FOLLOW, link, CREAT, (ALL, ALL), 0).is_err(), "{link}");
        assert!(guest.open_full(ROOT, FOLLOW, link, CREAT | TRUNC, (ALL, ALL), 0).is_err(), "{link}");
        assert!(guest.set_path_times(link, FOLLOW, 1, 1, 5).is_err(), "{link}");
    }
    // A hard link of a symbolic link is the link, not what it points to.
    guest.link((ROOT, "relative"), (ROOT, "hard"), 0).unwrap();
    assert!(guest.open_read("hard/key").is_err());
    untouched(&temp);
}

#[test]
fn symbolic_links_made_by_the_guest() {
    let (mut guest, temp) = boxed();
    let secret = temp.path().join("secret");
    assert_eq!(guest.symlink(secret.to_str().unwrap(), "link"), Err(Errno::Perm));
    assert_eq!(guest.symlink("/", "link"), Err(Errno::Perm));
    assert!(!inside(&temp, "link").exists());
    // A relative one may point anywhere and leads nowhere.
    let _ = guest.symlink("../secret", "up");
    assert!(guest.open_read("up/key").is_err());
    guest.at("path_create_directory", ROOT, "a").unwrap();
    let _ = guest.symlink("..", "a/parent");
    assert!(guest.open_read("a/parent/../secret/key").is_err());
    // A link that is fine where it is made, moved to where it is not.
    fs::write(inside(&temp, "key"), "inner").unwrap();
    guest.symlink("../key", "a/inner").unwrap();
    assert!(guest.open_read("a/inner").is_ok());
    guest.rename("a/inner", "inner").unwrap();
    assert!(guest.open_read("inner").is_err());
    untouched(&temp);
}

#[test]
fn loops_end() {
    let (mut guest, temp) = boxed();
    guest.symlink("self", "self").unwrap();
    guest.symlink("two", "one").unwrap();
    guest.symlink("one", "two").unwrap();
    for path in ["self", "one", "self/x", "one/x"] {
        assert_eq!(guest.open_read(path), Err(Errno::Loop), "{path}");
        assert_eq!(guest.stat(path, FOLLOW), Err(Errno::Loop), "{path}");
    }
    let name = |i: u32| format!("chain{i}");
    fs::write(inside(&temp, name(0)), "").unwrap();
    for i in 1..60 {
        guest.symlink(&name(i - 1), &name(i)).unwrap();
    }
    assert!(guest.open_read(&name(20)).is_ok());
    assert_eq!(guest.open_read(&name(59)), Err(Errno::Loop));
}

#[test]
fn a_subdirectory_opened_by_the_guest_is_a_sandbox_too() {
    let (mut guest, temp) = boxed();
    fs::create_dir_all(inside(&temp, "a/b")).unwrap();
    fs::write(inside(&temp, "file"), "").unwrap();
    let a = guest.open_dir("a").unwrap();
    assert_eq!(guest.open_full(a, FOLLOW, "../file", 0, (2, 0), 0), Err(Errno::Perm));
    assert_eq!(guest.open_full(a, FOLLOW, "..", DIRECTORY, (0, 0), 0), Err(Errno::Perm));
    // Also after it has been moved to another depth.
    guest.rename("a", "moved").unwrap();
    assert_eq!(guest.open_full(a, FOLLOW, "../file", 0, (2, 0), 0), Err(Errno::Perm));
    assert!(guest.open_full(a, FOLLOW, "b", DIRECTORY, (0, 0), 0).is_ok());
}

#[cfg(target_os = "linux")]
#[test]
fn magic_links_of_proc() {
    let mut builder = WasiCtx::builder();
    builder.preopened_dir("/proc", "/", DirPerms::all(), FilePerms::all()).unwrap();
    let mut guest = Guest::new(builder.build());
    assert!(guest.open_read("self/status").is_ok());
    for path in ["self/root", "self/root/etc/passwd", "self/cwd", "self/cwd/Cargo.toml", "self/exe"] {
        assert!(guest.open_read(path).is_err(), "{path}");
        assert!(guest.open_dir(path).is_err(), "{path}");
    }
    assert!(guest.open_read("self/fd/0").is_err());
}

#[cfg(unix)]
#[test]
fn a_directory_swapped_with_a_link_by_another_thread() {
    use std::os::unix::fs::symlink;
    let (mut guest, temp) = boxed();
    fs::create_dir(inside(&temp, "real")).unwrap();
    fs::write(inside(&temp, "real/key"), "inner").unwrap();
    symlink("../secret", inside(&temp, "evil")).unwrap();
    fs::write(inside(&temp, "file"), "").unwrap();
    let stop = AtomicBool::new(false);
    let mut opened = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // `dir` is by turns a directory of the box and a link out of it.
            let dir = inside(&temp, "dir");
            while !stop.load(Ordering::Relaxed) {
                fs::rename(inside(&temp, "real"), &dir).unwrap();
                fs::rename(&dir, inside(&temp, "real")).unwrap();
                fs::rename(inside(&temp, "evil"), &dir).unwrap();
                fs::rename(&dir, inside(&temp, "evil")).unwrap();
            }
        });
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(1) {
            if let Ok(fd) = guest.open_read("dir/key") {
                opened += 1;
                assert_eq!(guest.read(fd, 10).unwrap(), b"inner");
                guest.close(fd).unwrap();
            }
            if let Ok(dir) = guest.open_dir("dir") {
                if let Ok(fd) = guest.open_full(dir, 0, "key", 0, (2, 0), 0) {
                    assert_eq!(guest.read(fd, 10).unwrap(), b"inner");
                    guest.close(fd).unwrap();
                }
                guest.close(dir).unwrap();
            }
            if let Ok(fd) = guest.open("dir/planted", CREAT) {
                guest.close(fd).unwrap();
                let _ = guest.at("path_unlink_file", ROOT, "dir/planted");
            }
            let _ = guest.link((ROOT, "dir/key"), (ROOT, "stolen"), 0);
            if let Ok(fd) = guest.open_read("stolen") {
                assert_eq!(guest.read(fd, 10).unwrap(), b"inner");
                guest.close(fd).unwrap();
            }
            let _ = guest.at("path_unlink_file", ROOT, "stolen");
            let _ = guest.at("path_create_directory", ROOT, "dir/new");
            let _ = guest.at("path_remove_directory", ROOT, "dir/new");
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(opened > 0, "the directory was there at times");
    untouched(&temp);
}

#[cfg(target_os = "linux")]
#[test]
fn pipes_and_devices_do_not_hang_the_host() {
    use rustix::fs::{CWD, Mode, mkfifoat};
    let (mut guest, temp) = boxed();
    mkfifoat(CWD, inside(&temp, "pipe"), Mode::RUSR | Mode::WUSR).unwrap();
    let start = Instant::now();
    // Nobody has the other end: the guest is told so instead of waiting for somebody in `open`.
    let nobody = guest.open_full(ROOT, 0, "pipe", 0, (1 << 6, 0), 0);
    assert_eq!(nobody, Err(Errno::Nxio));
    let fd = guest.open_read("pipe").unwrap();
    assert_eq!(guest.read(fd, 10), Ok(vec![]));
    assert_eq!(guest.seek(fd, 0, 0), Err(Errno::Notcapable));
    assert!(start.elapsed() < Duration::from_secs(5));
    // With both ends, bytes pass, and the descriptor blocks as the guest asked for.
    let writer = guest.open_full(ROOT, 0, "pipe", 0, (1 << 6, 0), 0).unwrap();
    assert_eq!(guest.write(writer, b"through"), Ok(7));
    assert_eq!(guest.read(fd, 10), Ok(b"through".to_vec()));

    let mut builder = WasiCtx::builder();
    builder.preopened_dir("/dev", "/", DirPerms::all(), FilePerms::all()).unwrap();
    let mut guest = Guest::new(builder.build());
    let fd = guest.open_read("zero").unwrap();
    assert_eq!(guest.read(fd, 4), Ok(vec![0; 4]));
    assert_eq!(guest.fdstat(fd).unwrap().0, 2, "a character device");
}

#[test]
fn a_read_only_directory_stays_as_it_is() {
    let (mut guest, temp) = boxed_with(DirPerms::READ, FilePerms::READ);
    fs::create_dir(inside(&temp, "dir")).unwrap();
    fs::write(inside(&temp, "file"), "text").unwrap();
    assert_eq!(guest.open("file", 0), Err(Errno::Perm));
    assert_eq!(guest.open("new", CREAT), Err(Errno::Perm));
    assert_eq!(guest.open_full(ROOT, 0, "file", TRUNC, (0, 0), 0), Err(Errno::Perm));
    assert_eq!(guest.at("path_create_directory", ROOT, "new"), Err(Errno::Perm));
    assert_eq!(guest.at("path_remove_directory", ROOT, "dir"), Err(Errno::Perm));
    assert_eq!(guest.at("path_unlink_file", ROOT, "file"), Err(Errno::Perm));
    assert_eq!(guest.rename("file", "other"), Err(Errno::Perm));
    assert_eq!(guest.symlink("file", "link"), Err(Errno::Perm));
    assert_eq!(guest.link((ROOT, "file"), (ROOT, "link"), 0), Err(Errno::Perm));
    assert_eq!(guest.set_path_times("file", 0, 1, 1, 5), Err(Errno::Perm));
    let fd = guest.open_read("file").unwrap();
    assert_eq!(guest.read(fd, 10), Ok(b"text".to_vec()));
    assert_eq!(guest.write(fd, b"x"), Err(Errno::Notcapable));
    assert_eq!(guest.call("fd_filestat_set_size", &[fd.into(), 0]), Err(Errno::Notcapable));
    assert_eq!(guest.call("fd_allocate", &[fd.into(), 0, 10]), Err(Errno::Notcapable));
    assert_eq!(guest.call("fd_filestat_set_times", &[fd.into(), 1, 1, 5]), Err(Errno::Perm));
    assert_eq!(guest.call("fd_filestat_set_times", &[ROOT.into(), 1, 1, 5]), Err(Errno::Perm));
    // What is opened through it is read-only too.
    let dir = guest.open_dir("dir").unwrap();
    assert_eq!(guest.open_full(dir, 0, "new", CREAT, (ALL, 0), 0), Err(Errno::Perm));
    assert_eq!(fs::read(inside(&temp, "file")).unwrap(), b"text");
    assert_eq!(fs::read_dir(inside(&temp, "")).unwrap().count(), 2);
}

#[test]
fn a_file_does_not_become_writable_by_moving() {
    let temp = tempfile::TempDir::new().unwrap();
    for dir in ["ro", "rw"] {
        fs::create_dir(temp.path().join(dir)).unwrap();
    }
    fs::write(temp.path().join("ro/file"), "text").unwrap();
    let mut builder = WasiCtx::builder();
    builder
        .preopened_dir(temp.path().join("ro"), "ro", DirPerms::all(), FilePerms::READ)
        .unwrap()
        .preopened_dir(temp.path().join("rw"), "rw", DirPerms::all(), FilePerms::all())
        .unwrap();
    let mut guest = Guest::new(builder.build());
    assert_eq!(guest.link((3, "file"), (4, "file"), 0), Err(Errno::Perm));
    fs::write(temp.path().join("rw/other"), "").unwrap();
    assert_eq!(guest.link((4, "other"), (3, "other"), 0), Ok(()));
}

#[test]
fn a_write_only_directory_is_not_read() {
    let (mut guest, temp) = boxed_with(DirPerms::all(), FilePerms::WRITE);
    fs::write(inside(&temp, "file"), "text").unwrap();
    assert_eq!(guest.open_read("file"), Err(Errno::Perm));
    assert_eq!(guest.open("file", TRUNC), Err(Errno::Perm));
    assert_eq!(fs::read(inside(&temp, "file")).unwrap(), b"text");
    let fd = guest.open_full(ROOT, 0, "file", 0, (1 << 6, 0), 0).unwrap();
    assert_eq!(guest.write(fd, b"T"), Ok(1));
    assert!(guest.open_dir(".").is_ok());
}
