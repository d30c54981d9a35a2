//! A host with a function of its own, running a guest that also uses WASI:
//! `cargo run -p tiercel-wasi --example embed`.

use tiercel::{Caller, Engine, Linker, Module, Result, Store};
use tiercel_wasi::WasiCtx;

const GUEST: &str = r#"
(module
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "host" "double" (func $double (param i32) (result i32)))
  (memory (export "memory") 1)
  (data (i32.const 8) "\18\00\00\00\12\00\00\00")   ;; one iovec: 18 bytes at 24
  (data (i32.const 24) "Hello from inside\n")
  (func (export "answer") (result i32)
    (drop (call $fd_write (i32.const 1) (i32.const 8) (i32.const 1) (i32.const 0)))
    (call $double (i32.const 21))))
"#;

/// What the host keeps beside each guest.
struct Host {
    wasi: WasiCtx,
    calls: u32,
}

fn main() -> Result<()> {
    let engine = Engine::default();
    let module = Module::new(&engine, GUEST)?;

    let mut linker = Linker::new(&engine);
    tiercel_wasi::add_to_linker(&mut linker, |host: &mut Host| &mut host.wasi)?;
    linker.func_wrap("host", "double", |mut caller: Caller<'_, Host>, value: i32| {
        caller.data_mut().calls += 1;
        value * 2
    })?;

    let wasi = WasiCtx::builder().inherit_stdio().build();
    let mut store = Store::new(&engine, Host { wasi, calls: 0 });
    let instance = linker.instantiate(&mut store, &module)?;
    let answer = instance.get_typed_func::<(), i32>(&mut store, "answer")?.call(&mut store, ())?;
    println!("{answer}, after {} call of the host", store.data().calls);
    Ok(())
}
