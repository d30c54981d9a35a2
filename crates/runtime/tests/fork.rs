//! A process that is forked: parent and child go on with what was loaded before. One test, for a child has none of the other threads.
#![cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]

use tiercel::{Config, Engine, Instance, Module, Store, Tier};

const WAT: &str = r#"(module
  (func (export "called") (param $n i32) (result i32) (local $s i32)
    (loop
      (local.set $s (i32.add (local.get $s) (local.get $n)))
      (br_if 0 (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (local.get $s))
  (func (export "new") (result i32) (i32.const 7)))"#;

/// What a function gives, or a part of the error.
fn call(module: &Module, name: &str, argument: Option<i32>) -> Result<i32, String> {
    let mut store = Store::new(module.engine(), ());
    let instance = Instance::new(&mut store, module, &[]).expect("an instance");
    let done = match argument {
        Some(argument) => {
            instance.get_typed_func::<i32, i32>(&mut store, name).expect("exported").call(&mut store, argument)
        }
        None => instance.get_typed_func::<(), i32>(&mut store, name).expect("exported").call(&mut store, ()),
    };
    done.map_err(|error| format!("{error:?}"))
}

/// Runs a check in a child.
fn in_child(check: impl FnOnce() -> bool) {
    // SAFETY: this thread is the only one that has to do with the engine, and the child ends without those of the test.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let held = std::panic::catch_unwind(std::panic::AssertUnwindSafe(check)).unwrap_or(false);
        // SAFETY: it ends the child.
        unsafe { libc::_exit(i32::from(!held)) };
    }
    let mut status = -1;
    // SAFETY: the status is ours.
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert_eq!(status, 0, "the child has failed");
}

#[test]
fn parent_and_child_go_on_with_what_was_there() {
    let module = |tier| {
        let engine = Engine::new(Config::new().tier(tier).tier_up_threads(0)).expect("an engine");
        Module::new(&engine, WAT).expect("a module")
    };
    let (lazy, whole) = (module(Tier::Auto), module(Tier::Opt));
    assert_eq!(call(&lazy, "called", Some(10)), Ok(55));
    in_child(|| {
        // Code that was there runs, and gets hot; what was not there cannot be made where the parent has its own.
        let same = call(&lazy, "called", Some(1_000_000)) == Ok(1_784_293_664);
        let error = call(&lazy, "new", None).expect_err("no code");
        let fresh = call(&module(Tier::Auto), "new", None) == Ok(7);
        same && error.contains("`fork`") && fresh && call(&whole, "new", None) == Ok(7)
    });
    // The parent makes new code, and replaces old code, which its next child still runs.
    assert_eq!(call(&lazy, "new", None), Ok(7));
    assert_eq!(call(&lazy, "called", Some(1_000_000)), Ok(1_784_293_664));
    in_child(|| call(&lazy, "called", Some(10)) == Ok(55) && call(&lazy, "new", None) == Ok(7));
    assert_eq!(call(&lazy, "called", Some(10)), Ok(55));
}
