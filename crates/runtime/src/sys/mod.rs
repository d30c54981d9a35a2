//! in: sizes. out: memory from the operating system.
//!
//! `Region` is zeroed memory that grows: with virtual memory at a fixed address (`unix`), elsewhere on the heap (`fallback`).

#[cfg(any(test, not(all(unix, feature = "std", target_pointer_width = "64"))))]
mod fallback;
#[cfg(all(unix, feature = "std", target_pointer_width = "64"))]
mod unix;

#[cfg(not(all(unix, feature = "std", target_pointer_width = "64")))]
pub use fallback::Region;
#[cfg(all(unix, feature = "std", target_pointer_width = "64"))]
pub use unix::Region;
