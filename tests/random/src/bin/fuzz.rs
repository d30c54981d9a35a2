//! `fuzz TARGET [SECONDS [SEED]]`: runs a target on random bytes until the time is over, or for ever. The loop of `cargo xtask fuzz` where
//! there is no libFuzzer.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tiercel_random::bytes;
use tiercel_random::targets::{self, TARGETS};

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(target) = arguments.next().and_then(|name| targets::named(&name)) else {
        eprintln!("usage: fuzz TARGET [SECONDS [SEED]]; the targets are:");
        TARGETS.iter().for_each(|target| eprintln!("  {:<13} {}", target.name, target.doc));
        return ExitCode::from(2);
    };
    let mut number = || arguments.next().map(|text| text.parse::<u64>());
    let (limit, first) = match (number().transpose(), number().transpose()) {
        (Ok(seconds), Ok(seed)) => (seconds.map(Duration::from_secs), seed),
        (Err(error), _) | (_, Err(error)) => {
            eprintln!("SECONDS and SEED are numbers: {error}");
            return ExitCode::from(2);
        }
    };
    // Other cases each time, unless a seed is given.
    let now = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
    let (first, began) = (first.unwrap_or_else(now), Instant::now());
    let (mut cases, mut told) = (0_u64, Duration::ZERO);
    loop {
        let elapsed = began.elapsed();
        if limit.is_some_and(|limit| elapsed >= limit) {
            println!("{}: {cases} cases hold, seeds from {first}, {} s", target.name, elapsed.as_secs());
            return ExitCode::SUCCESS;
        }
        if elapsed >= told + Duration::from_secs(10) {
            told = elapsed;
            println!("{}: {cases} cases in {} s", target.name, elapsed.as_secs());
        }
        let seed = first.wrapping_add(cases);
        let data = bytes::from_seed(seed, target.bytes);
        if catch_unwind(AssertUnwindSafe(|| (target.run)(&data))).is_err() {
            eprintln!(
                "{}: the case with seed {seed} fails; `cargo xtask fuzz {0} --seed {seed}` runs it again",
                target.name
            );
            return ExitCode::FAILURE;
        }
        cases += 1;
    }
}
