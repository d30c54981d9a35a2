//! Every tuning number of the runtime. None of them has an effect on correctness.

/// Address space for a 64-bit memory whose module declares no maximum, in bytes. Such a memory cannot grow beyond it.
pub const MEMORY64_RESERVATION_BYTES: u64 = 64 << 30;

/// Address space for a 32-bit memory, in bytes: all that a guest can address.
pub const MEMORY_RESERVATION_BYTES: u64 = 4 << 30;

/// Address space left inaccessible behind a memory, in bytes.
pub const MEMORY_GUARD_BYTES: u64 = 32 << 20;

/// The stack of a store's guests, in bytes.
pub const MAX_WASM_STACK_BYTES: usize = 1 << 20;

/// The collected heap's first size, in bytes; it has two halves, of which this is one.
pub const GC_INITIAL_BYTES: usize = 1 << 20;

/// After a collection the heap grows until there is room for so many percent of what is live. More of it makes collections rarer.
pub const GC_ROOM_PERCENT: usize = 150;

/// Frames kept for a backtrace.
pub const MAX_BACKTRACE_FRAMES: usize = 20;

/// Slots (8 bytes each) for the parameters or results of an untyped call that live on the host's stack; more go to the heap.
pub const INLINE_CALL_SLOTS: usize = 16;

/// Bytes of function bodies for which another thread that compiles is worth its start.
#[cfg(native)]
pub const COMPILE_BYTES_PER_THREAD: usize = 16 << 10;

/// Bytes of function bodies for which another thread that validates is worth its start.
#[cfg(feature = "std")]
pub const VALIDATE_BYTES_PER_THREAD: usize = 128 << 10;

/// Bytes of an artifact for which another thread that looks for damage is worth its start.
#[cfg(native)]
pub const CHECK_BYTES_PER_THREAD: usize = 16 << 20;

/// The host's stack that host functions find below what guests may use, in bytes.
pub const HOST_STACK_BYTES: usize = 256 << 10;

/// On a small stack host functions find this part of what was left when the guest was called: one half, one third, ...
pub const HOST_STACK_SHARE: usize = 2;

/// The host's stack that activations nested in each other (guest, host function, guest, ...) may use in engines without compiled
/// code, in bytes.
pub const NATIVE_STACK_BYTES: usize = 512 << 10;

/// What the cache of compiled modules keeps, in bytes.
#[cfg(feature = "cache")]
pub const CACHE_BYTES: u64 = 512 << 20;

/// The use of an entry of the cache is noted if the last note is older than this, in seconds.
#[cfg(feature = "cache")]
pub const CACHE_TOUCH_SECONDS: u64 = 3600;

/// A file that is being written to the cache and has not changed for so many seconds is left over.
#[cfg(feature = "cache")]
pub const CACHE_LEFT_OVER_SECONDS: u64 = 600;

/// Regions of memories that are gone which an engine keeps for new ones.
#[cfg(native)]
pub const IDLE_REGIONS: usize = 256;

/// A memory that is to be used again is given new pages, unless at most so many were written: then those are restored.
#[cfg(native)]
pub const RESTORED_PAGES: usize = 16;

/// An image of a memory is at most this many times as large as the data in it, and a bit.
#[cfg(native)]
pub const IMAGE_FACTOR: usize = 16;

/// The bit, in bytes.
#[cfg(native)]
pub const IMAGE_SLACK_BYTES: usize = 1 << 20;

/// What a function's counter starts with: see `Config::tier_up_budget`.
pub const TIER_UP_BUDGET: u32 = 20_000;

/// A module keeps the blocks of so many instances that are gone for new ones.
pub const IDLE_BLOCKS: usize = 256;

/// And no more than so many bytes of them.
pub const IDLE_BLOCK_BYTES: usize = if cfg!(native) { 16 << 20 } else { 0 };

/// What a table holds at first is noted as long as there are at most so many elements for each that a segment gives, and a few.
pub const TABLE_FACTOR: usize = 4;

/// The few.
pub const TABLE_SLACK: usize = 1 << 10;

/// A module of the tier `auto` is compiled for the cache so long after its first function was optimized.
#[cfg(all(native, feature = "cache"))]
pub const KEEP_AFTER_MILLISECONDS: u64 = 500;

/// A module of the tier `auto` is compiled for the cache at the end of a program if its function bodies are no larger, in bytes.
#[cfg(all(native, feature = "cache"))]
pub const KEEP_AT_END_BYTES: usize = 128 << 10;
