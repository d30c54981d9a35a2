//! Through the engine: modules that import WASI.

use tempfile::TempDir;
use tiercel::{Engine, Error, Linker, Module, Result, Store};
use tiercel_wasi::{Abi, DirPerms, FilePerms, I32Exit, MemoryOutputPipe, WasiCtx, add_to_linker};

/// Host data with the context in it, as embedders have it.
struct Host {
    wasi: WasiCtx,
}

fn run(wasi: WasiCtx, text: &str) -> Result<()> {
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    add_to_linker(&mut linker, |host: &mut Host| &mut host.wasi)?;
    let module = Module::new(&engine, text)?;
    let mut store = Store::new(&engine, Host { wasi });
    let instance = linker.instantiate(&mut store, &module)?;
    instance.get_typed_func::<(), ()>(&mut store, "_start")?.call(&mut store, ())
}

/// A program that writes "hello" with `fd_write` and then does `rest`.
fn hello(abi: Abi, rest: &str) -> String {
    let module = abi.module_name();
    format!(
        r#"(module
            (import "{module}" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
            (import "{module}" "proc_exit" (func $proc_exit (param i32)))
            (memory (export "memory") 1)
            (data (i32.const 0) "\10\00\00\00\05\00\00\00")
            (data (i32.const 16) "hello")
            (func (export "_start")
                (if (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 32)) (then unreachable))
                (if (i32.ne (i32.load (i32.const 32)) (i32.const 5)) (then unreachable))
                {rest}))"#
    )
}

fn status(error: &Error) -> Option<i32> {
    error.downcast_ref::<I32Exit>().map(|exit| exit.0)
}

#[test]
fn output_and_exit_status() {
    for abi in Abi::ALL {
        let out = MemoryOutputPipe::new(100);
        let ctx = || WasiCtx::builder().stdout(out.clone()).build();
        run(ctx(), &hello(abi, "")).unwrap();
        assert_eq!(out.take(), b"hello");
        let error = run(ctx(), &hello(abi, "(call $proc_exit (i32.const 42)) unreachable")).unwrap_err();
        assert_eq!(status(&error), Some(42));
        assert_eq!(out.take(), b"hello");
        // A trap keeps what was written before it, and is no exit.
        let error = run(ctx(), &hello(abi, "unreachable")).unwrap_err();
        assert_eq!(status(&error), None);
        assert_eq!(out.take(), b"hello");
    }
}

#[test]
fn signatures_are_those_of_the_specification() {
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    add_to_linker(&mut linker, |host: &mut Host| &mut host.wasi).unwrap();
    // One function of each shape, and those with unusual parameters.
    let module = r#"(module
        (import "wasi_snapshot_preview1" "path_open"
            (func (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_seek" (func (param i32 i64 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_pread" (func (param i32 i32 i32 i64 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_readdir" (func (param i32 i32 i32 i64 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_advise" (func (param i32 i64 i64 i32) (result i32)))
        (import "wasi_snapshot_preview1" "clock_time_get" (func (param i32 i64 i32) (result i32)))
        (import "wasi_snapshot_preview1" "path_filestat_set_times"
            (func (param i32 i32 i32 i32 i64 i64 i32) (result i32)))
        (import "wasi_snapshot_preview1" "poll_oneoff" (func (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "sock_recv" (func (param i32 i32 i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "sched_yield" (func (result i32)))
        (import "wasi_unstable" "proc_raise" (func (param i32) (result i32)))
        (import "wasi_unstable" "proc_exit" (func (param i32))))"#;
    let module = Module::new(&engine, module).unwrap();
    let mut store = Store::new(&engine, Host { wasi: WasiCtx::builder().build() });
    linker.instantiate(&mut store, &module).unwrap();
}

#[test]
fn a_module_without_memory_is_told_what_it_lacks() {
    let text = r#"(module
        (import "wasi_snapshot_preview1" "sched_yield" (func $sched_yield (result i32)))
        (func (export "_start") (drop (call $sched_yield))))"#;
    let error = run(WasiCtx::builder().build(), text).unwrap_err();
    let message = format!("{error:#} {error:?}");
    assert!(message.contains("`sched_yield` needs the caller's memory"), "{message}");
}

#[test]
fn a_file_is_written_in_a_preopened_directory() {
    let temp = TempDir::new().unwrap();
    let mut builder = WasiCtx::builder();
    builder.preopened_dir(temp.path(), "/", DirPerms::all(), FilePerms::all()).unwrap();
    let text = r#"(module
        (import "wasi_snapshot_preview1" "path_open"
            (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
        (memory (export "memory") 1)
        (data (i32.const 0) "\10\00\00\00\04\00\00\00")
        (data (i32.const 16) "name")
        (func (export "_start")
            (if (call $path_open (i32.const 3) (i32.const 0) (i32.const 16) (i32.const 4) (i32.const 1)
                    (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 32))
                (then unreachable))
            (if (call $fd_write (i32.load (i32.const 32)) (i32.const 0) (i32.const 1) (i32.const 36))
                (then unreachable))))"#;
    run(builder.build(), text).unwrap();
    assert_eq!(std::fs::read(temp.path().join("name")).unwrap(), b"name");
}

#[test]
fn a_linker_does_not_take_wasi_twice() {
    let mut linker = Linker::new(&Engine::default());
    add_to_linker(&mut linker, |host: &mut Host| &mut host.wasi).unwrap();
    assert!(add_to_linker(&mut linker, |host: &mut Host| &mut host.wasi).is_err());
}

#[test]
fn contexts_move_between_threads() {
    fn is_send<T: Send>(_: &T) {}
    is_send(&WasiCtx::builder().inherit_stdio().build());
    is_send(&WasiCtx::builder());
}
