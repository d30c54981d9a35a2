//! See `arithmetic` in `tests/random/src/targets.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let target = tiercel_random::targets::named("arithmetic").expect("a target");
    (target.run)(data);
});
