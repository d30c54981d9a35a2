//! Arguments, environment, standard streams, clocks, random numbers, ending.

use crate::guest::{ALL, APPEND, DATA, Guest, NONBLOCK, OUT};
use std::io;
use std::time::{Duration, Instant};
use tiercel_wasi::{Clock, Errno, I32Exit, MemoryOutputPipe, WasiCtx};

/// The strings that a pair of functions hands out.
fn strings(guest: &mut Guest, sizes: &str, get: &str) -> Vec<Vec<u8>> {
    guest.memory.fill(0);
    guest.call(sizes, &[OUT.into(), u64::from(OUT) + 4]).unwrap();
    let (count, len) = (guest.u32(OUT), guest.u32(OUT + 4));
    guest.call(get, &[OUT.into(), DATA.into()]).unwrap();
    assert_eq!(guest.u8(DATA + len), 0, "no more is written than announced");
    let string = |at: u32| {
        let rest = &guest.memory[at as usize..];
        rest[..rest.iter().position(|b| *b == 0).unwrap()].to_vec()
    };
    (0..count).map(|i| string(guest.u32(OUT + i * 4))).collect()
}

#[test]
fn arguments_and_environment_arrive_whole() {
    let mut builder = WasiCtx::builder();
    builder.arg("prog").args(["", "zwei drei", "é"]).env("A", "1=2").env("B", "");
    let mut guest = Guest::new(builder.build());
    let args = strings(&mut guest, "args_sizes_get", "args_get");
    assert_eq!(args, [&b"prog"[..], b"", b"zwei drei", "é".as_bytes()]);
    let env = strings(&mut guest, "environ_sizes_get", "environ_get");
    assert_eq!(env, [&b"A=1=2"[..], b"B="]);
}

#[test]
fn a_new_context_has_nothing() {
    let mut guest = Guest::new(WasiCtx::builder().build());
    assert!(strings(&mut guest, "args_sizes_get", "args_get").is_empty());
    assert!(strings(&mut guest, "environ_sizes_get", "environ_get").is_empty());
    assert_eq!(guest.read(0, 10), Ok(vec![]));
    assert_eq!(guest.write(1, b"lost"), Ok(4));
    assert_eq!(guest.call("fd_prestat_get", &[3, OUT.into()]), Err(Errno::Badf));
}

#[test]
fn an_unused_context_costs_microseconds() {
    let start = Instant::now();
    for _ in 0..1000 {
        std::hint::black_box(WasiCtx::builder().arg("prog").inherit_stdio().build());
    }
    assert!(start.elapsed() < Duration::from_millis(100), "{:?} for a thousand", start.elapsed());
}

#[test]
fn streams_of_the_embedder() {
    let out = MemoryOutputPipe::new(1000);
    let err = MemoryOutputPipe::new(3);
    let mut builder = WasiCtx::builder();
    builder.stdin_bytes("hello world").stdout(out.clone()).stderr(err.clone());
    let mut guest = Guest::new(builder.build());
    assert_eq!(guest.read(0, 5), Ok(b"hello".to_vec()));
    assert_eq!(guest.read(0, 100), Ok(b" world".to_vec()));
    assert_eq!(guest.read(0, 100), Ok(vec![]));
    assert_eq!(guest.write(0, b"x"), Err(Errno::Notcapable));
    assert_eq!(guest.read(1, 1), Err(Errno::Notcapable));

    let [list, count] = guest.iovs(&[2, 0, 3]);
    guest.put(DATA, b"abcde");
    guest.call("fd_write", &[1, list, count, OUT.into()]).unwrap();
    assert_eq!(guest.u32(OUT), 5);
    for byte in b"fgh" {
        assert_eq!(guest.write(1, &[*byte]), Ok(1));
    }
    assert_eq!(out.contents(), b"abcdefgh");

    assert_eq!(guest.write(2, b"abcd"), Ok(3));
    assert_eq!(guest.write(2, b"d"), Err(Errno::Nospc));
    assert_eq!(err.contents(), b"abc");
}

#[test]
fn a_buffering_writer_shows_everything_at_once() {
    let out = MemoryOutputPipe::new(1000);
    let mut builder = WasiCtx::builder();
    builder.stdout(io::BufWriter::new(out.clone()));
    let mut guest = Guest::new(builder.build());
    guest.write(1, b"seen even if a trap is next").unwrap();
    assert_eq!(out.contents(), b"seen even if a trap is next");
}

#[test]
fn errors_of_a_reader_reach_the_guest() {
    struct Broken;
    impl io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::ConnectionReset.into())
        }
    }
    let mut guest = Guest::new(WasiCtx::builder().stdin(Broken).build());
    assert_eq!(guest.read(0, 1), Err(Errno::Connreset));
}

#[test]
fn standard_streams_do_not_seek_and_keep_flags() {
    let mut guest = Guest::new(WasiCtx::builder().inherit_stdio().build());
    for fd in 0..3 {
        assert_eq!(guest.seek(fd, 0, 0), Err(Errno::Spipe));
        assert_eq!(guest.call("fd_tell", &[fd.into(), OUT.into()]), Err(Errno::Spipe));
        assert_eq!(guest.pread(fd, 1, 0), Err(Errno::Spipe));
        guest.call("fd_fdstat_set_flags", &[fd.into(), NONBLOCK.into()]).unwrap();
        assert_eq!(guest.fdstat(fd).unwrap().1, NONBLOCK as u16);
        guest.call("fd_fdstat_set_flags", &[fd.into(), APPEND.into()]).unwrap();
        guest.call("fd_filestat_get", &[fd.into(), OUT.into()]).unwrap();
    }
}

#[test]
fn proc_exit_ends_with_the_status() {
    let mut guest = Guest::new(WasiCtx::builder().build());
    for status in [0, 1, 33, 255, -1] {
        assert_eq!(guest.call_raw("proc_exit", &[status as u32 as u64]), Err(I32Exit(status)));
    }
}

#[test]
fn proc_raise_does_what_the_signal_does_by_default() {
    let mut guest = Guest::new(WasiCtx::builder().build());
    assert_eq!(guest.call_raw("proc_raise", &[6]), Err(I32Exit(134)));
    assert_eq!(guest.call_raw("proc_raise", &[15]), Err(I32Exit(143)));
    assert_eq!(guest.call_raw("proc_raise", &[23]), Err(I32Exit(152)));
    assert_eq!(guest.call("proc_raise", &[0]), Ok(()));
    assert_eq!(guest.call("proc_raise", &[16]), Ok(()));
    assert_eq!(guest.call("proc_raise", &[18]), Err(Errno::Notsup));
    assert_eq!(guest.call("proc_raise", &[31]), Err(Errno::Inval));
    assert_eq!(guest.call("sched_yield", &[]), Ok(()));
}

#[test]
fn host_clocks_run() {
    let mut guest = Guest::new(WasiCtx::builder().build());
    for id in 0..4 {
        guest.call("clock_res_get", &[id, OUT.into()]).unwrap();
        assert!((1..=1_000_000_000).contains(&guest.u64(OUT)));
        guest.call("clock_time_get", &[id, 0, OUT.into()]).unwrap();
        let before = guest.u64(OUT);
        guest.call("clock_time_get", &[id, 0, OUT.into()]).unwrap();
        assert!(guest.u64(OUT) >= before);
    }
    assert_eq!(guest.call("clock_res_get", &[4, OUT.into()]), Err(Errno::Inval));
    assert_eq!(guest.call("clock_time_get", &[4, 0, OUT.into()]), Err(Errno::Inval));
}

#[test]
fn clocks_and_random_bytes_of_the_embedder() {
    struct Steps(u64);
    impl Clock for Steps {
        fn now(&mut self) -> u64 {
            self.0 += 7;
            self.0
        }
        fn resolution(&self) -> u64 {
            7
        }
    }
    let mut builder = WasiCtx::builder();
    builder.wall_clock(Steps(0)).monotonic_clock(Steps(100)).random(|bytes| {
        bytes.fill(9);
        Ok(())
    });
    let mut guest = Guest::new(builder.build());
    guest.call("clock_time_get", &[0, 0, OUT.into()]).unwrap();
    assert_eq!(guest.u64(OUT), 7);
    guest.call("clock_time_get", &[1, 0, OUT.into()]).unwrap();
    assert_eq!(guest.u64(OUT), 107);
    guest.call("clock_res_get", &[1, OUT.into()]).unwrap();
    assert_eq!(guest.u64(OUT), 7);
    guest.call("random_get", &[OUT.into(), 4]).unwrap();
    assert_eq!(guest.bytes(OUT, 5), [9, 9, 9, 9, 0]);
}

#[test]
fn random_bytes_fill_large_buffers_and_differ() {
    let mut guest = Guest::new(WasiCtx::builder().build());
    guest.call("random_get", &[DATA.into(), 65536]).unwrap();
    let first = guest.bytes(DATA, 65536).to_vec();
    assert!(first.chunks(256).all(|chunk| chunk.iter().any(|b| *b != 0)));
    guest.call("random_get", &[DATA.into(), 65536]).unwrap();
    assert_ne!(first, guest.bytes(DATA, 65536));
    assert_eq!(guest.call("random_get", &[OUT.into(), 0]), Ok(()));
    assert_eq!(guest.call("random_get", &[OUT.into(), ALL]), Err(Errno::Fault));
}
