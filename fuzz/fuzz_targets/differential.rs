//! See `differential` in `tests/random/src/targets.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let target = tiercel_random::targets::named("differential").expect("a target");
    (target.run)(data);
});
