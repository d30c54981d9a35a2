//! Many instances: what thousands that live at once take of the host's memory, how many several threads make in a second; and how long it takes to
//! load an artifact.

use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

/// How many live at once.
pub const LIVE: u32 = 10_000;

/// How long threads make instances.
const SPAN: Duration = Duration::from_millis(300);

/// Of so many runs the best counts: the machine may be busy.
const RUNS: usize = 7;

/// How often an artifact is loaded.
const LOADS: usize = 30;

/// One engine.
pub struct Subject {
    /// Its name.
    pub name: &'static str,
    /// Makes this many instances that live until what it gives is dropped.
    pub live: fn(u32) -> Box<dyn std::any::Any>,
    /// Gives what makes one instance, calls it and drops it.
    pub make: fn() -> Box<dyn Fn() + Send + Sync>,
    /// Compiles a module and writes the artifact to a file; gives what loads it.
    pub load: fn(&Path, &Path) -> Box<dyn Fn()>,
}

/// Measures and prints; artifacts are those of `modules`.
pub fn run(subjects: &[Subject], modules: &[PathBuf]) {
    println!("{LIVE} live instances of a module with a memory, a table and 64 KB of data, each with a page written:");
    for subject in subjects {
        let before = resident_bytes();
        let live = (subject.live)(LIVE);
        let bytes = resident_bytes().saturating_sub(before);
        drop(live);
        println!("{:<10} {:>6} MB resident, {:>6} bytes each", subject.name, bytes >> 20, bytes / u64::from(LIVE));
    }
    println!("store, instance, call, drop of the same module, on several threads at once (best of {RUNS}):");
    let most = thread::available_parallelism().map_or(1, |threads| threads.get());
    let makers: Vec<_> = subjects.iter().map(|subject| (subject.make)()).collect();
    for threads in [1, most, 4 * most] {
        let mut best = vec![0.0f64; makers.len()];
        for _ in 0..RUNS {
            for (best, make) in best.iter_mut().zip(&makers) {
                *best = best.max(per_second(&**make, threads));
            }
        }
        for (subject, best) in subjects.iter().zip(best) {
            println!("{:<10} {threads:>3} threads {best:>10.0} in a second", subject.name);
        }
    }
    for module in modules {
        println!("loading the artifact of {} (best of {LOADS}):", module.display());
        for subject in subjects {
            let file = std::env::temp_dir().join(format!("calls-{}-{}", std::process::id(), subject.name));
            let load = (subject.load)(module, &file);
            let time = || {
                let began = Instant::now();
                load();
                began.elapsed()
            };
            let best = (0..LOADS).map(|_| time()).min().unwrap_or_default();
            let bytes = std::fs::metadata(&file).map_or(0, |metadata| metadata.len());
            println!("{:<10} {:>10} bytes {:>10.1} us", subject.name, bytes, best.as_secs_f64() * 1e6);
            // What is left in the folder for temporary files is no harm.
            let _ = std::fs::remove_file(&file);
        }
    }
}

fn per_second(make: &(dyn Fn() + Sync), threads: usize) -> f64 {
    let start = Barrier::new(threads);
    let work = || {
        start.wait();
        let (began, mut count) = (Instant::now(), 0u32);
        while began.elapsed() < SPAN {
            for _ in 0..16 {
                make();
            }
            count += 16;
        }
        f64::from(count) / began.elapsed().as_secs_f64()
    };
    thread::scope(|scope| {
        let all: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        all.into_iter().map(|thread| thread.join().expect("no panic")).sum()
    })
}

/// The memory that this process has.
fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").trim().parse::<u64>().ok())
        .map_or(0, |kilobytes| kilobytes << 10)
}
