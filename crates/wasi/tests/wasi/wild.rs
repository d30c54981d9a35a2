//! Every function with arguments that make no sense: an error number, never a panic, never harm.

use crate::guest::{CREAT, Guest, OUT, ROOT, boxed, inside};
use std::fs;
use tiercel_wasi::{Abi, Errno, FUNCTIONS, Function, GuestMemory, WasiCtx, WasmType};

/// Values that sit on edges: of the memory of 128 KiB, of 32 bits, of 64 bits.
const EDGES: &[u64] = &[
    0,
    1,
    3,
    4,
    7,
    8,
    512,
    0x1_fff8,
    0x1_ffff,
    0x2_0000,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fff8,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    0x8000_0000_0000_0000,
    u64::MAX,
];

/// A small generator (xorshift), so that failures repeat.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn pick(&mut self, values: &[u64]) -> u64 {
        values[(self.next() % values.len() as u64) as usize]
    }
}

fn call(guest: &mut Guest, function: &Function, args: &[u64]) {
    let mut mem = GuestMemory::new(&mut guest.memory, guest.abi);
    if let Ok(errno) = function.call(&mut guest.ctx, &mut mem, args) {
        assert!((errno as usize) < Errno::ALL.len(), "{}", function.name);
    }
}

/// Waiting for hours is right for `poll_oneoff`, and no test.
fn waits(function: &Function) -> bool {
    function.name == "poll_oneoff"
}

#[test]
fn every_function_on_edges() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for abi in Abi::ALL {
        let (mut guest, mut temp) = boxed();
        guest.abi = abi;
        fs::write(inside(&temp, "file"), "text").unwrap();
        for function in FUNCTIONS.iter().filter(|function| !waits(function)) {
            for _ in 0..400 {
                // Three of four calls are on the directory or the file, so that they get past the first check.
                let fd = random.pick(&[0, 1, 2, 3, 4, 4, 3, 5, 0xffff_ffff]);
                let mut args: Vec<u64> = function.params.iter().map(|_| random.pick(EDGES)).collect();
                if let Some(first) = args.first_mut() {
                    *first = fd;
                }
                // What would really take gigabytes of the disk is not tried.
                if function.name == "fd_allocate" {
                    args.retain(|arg| !(0x7fff_ffff..0x1_0000_0000).contains(arg));
                }
                if guest.fdstat(ROOT).is_err() {
                    (guest, temp) = boxed();
                    guest.abi = abi;
                }
                let _ = guest.open("file", CREAT);
                call(&mut guest, function, &args);
                let _ = guest.close(5);
                let _ = guest.close(6);
            }
        }
        assert_eq!(fs::read(temp.path().join("secret/key")).unwrap(), b"key");
    }
}

/// Functions of several numbers, none of which is a pointer.
const NO_POINTERS: &[&str] =
    &["fd_advise", "fd_fdstat_set_flags", "fd_filestat_set_times", "fd_renumber", "sock_shutdown"];

#[test]
fn every_function_without_memory() {
    for function in FUNCTIONS {
        let mut ctx = WasiCtx::builder().arg("a").env("b", "c").build();
        let args = vec![1; function.params.len()];
        let result = function.call(&mut ctx, &mut GuestMemory::new(&mut [], Abi::Preview1), &args);
        let needs_memory = !NO_POINTERS.contains(&function.name)
            && function.params.iter().filter(|ty| **ty == WasmType::I32).count() > 1;
        if needs_memory && function.results.len() == 1 {
            assert_ne!(result, Ok(0), "{} succeeded without memory", function.name);
        }
    }
}

#[test]
fn random_memory_as_lists_of_buffers_and_subscriptions() {
    let mut random = Random(42);
    let names = ["fd_read", "fd_write", "fd_pread", "fd_pwrite", "sock_recv", "sock_send", "fd_readdir"];
    let (mut guest, _temp) = boxed();
    for _ in 0..200 {
        for chunk in guest.memory.chunks_exact_mut(4) {
            // Mostly small numbers, so that some buffers are inside.
            let value = random.next() as u32 >> (random.next() % 32);
            chunk.copy_from_slice(&value.to_le_bytes());
        }
        let _ = guest.close(4);
        let _ = guest.open("file", CREAT);
        for name in names {
            let function = FUNCTIONS.iter().find(|function| function.name == name).unwrap();
            let mut args = vec![4; function.params.len()];
            for arg in &mut args[1..] {
                *arg = random.next() >> (random.next() % 64);
            }
            call(&mut guest, function, &args);
        }
        // The file must stay small: writes come from 128 KiB of memory but at any offset.
        guest.call("fd_filestat_set_size", &[4, 0]).unwrap();
    }
}

#[test]
fn huge_counts_are_refused_at_once() {
    let (mut guest, _temp) = boxed();
    let fd = u64::from(guest.open("file", CREAT).unwrap());
    let (max, out) = (u64::from(u32::MAX), u64::from(OUT));
    assert_eq!(guest.call("fd_write", &[fd, 0, max, out]), Err(Errno::Fault));
    assert_eq!(guest.call("fd_read", &[fd, 0, max, out]), Err(Errno::Fault));
    assert_eq!(guest.call("fd_write", &[fd, max, 1, out]), Err(Errno::Fault));
    assert_eq!(guest.call("fd_readdir", &[3, 0, max, 0, out]), Err(Errno::Fault));
    assert_eq!(guest.call("random_get", &[0, max]), Err(Errno::Fault));
    assert_eq!(guest.call("poll_oneoff", &[0, 0, max, out]), Err(Errno::Inval));
    assert_eq!(guest.call("path_readlink", &[3, 0, 4, 0, max, out]), Err(Errno::Fault));
    assert_eq!(guest.at("path_unlink_file", ROOT, &"x".repeat(5000)), Err(Errno::Nametoolong));
    // A list of many entries for the same bytes is cut, not summed up past 32 bits.
    for entry in guest.memory[..0x1_0000].chunks_exact_mut(8) {
        entry.copy_from_slice(&[0, 0, 0, 0, 0, 0, 1, 0]);
    }
    guest.call("fd_write", &[fd, 0, 0x2000, 0x1_0000]).unwrap();
    assert_eq!(guest.u32(0x1_0000), 1024 * 0x1_0000);
}
