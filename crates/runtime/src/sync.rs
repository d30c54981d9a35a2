//! Locks and counters that exist with and without `std`.

use core::ops::DerefMut;

/// A lock. With `std` a waiting thread sleeps, without it spins.
#[derive(Default)]
pub struct Mutex<T>(#[cfg(feature = "std")] std::sync::Mutex<T>, #[cfg(not(feature = "std"))] spin::Mutex<T>);

impl<T> Mutex<T> {
    /// A lock around `value`.
    #[cfg(native)]
    pub const fn new(value: T) -> Self {
        Mutex(std::sync::Mutex::new(value))
    }

    /// Waits for the lock. A panic while it was held is not an obstacle: every user leaves the value whole at each step.
    pub fn lock(&self) -> impl DerefMut<Target = T> {
        #[cfg(feature = "std")]
        return self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        #[cfg(not(feature = "std"))]
        return self.0.lock();
    }
}

/// A value that is made when it is first asked for.
pub struct Lazy<T>(#[cfg(feature = "std")] std::sync::OnceLock<T>, #[cfg(not(feature = "std"))] spin::Once<T>);

impl<T> Default for Lazy<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Lazy<T> {
    /// Nothing made yet.
    pub const fn new() -> Self {
        #[cfg(feature = "std")]
        return Lazy(std::sync::OnceLock::new());
        #[cfg(not(feature = "std"))]
        return Lazy(spin::Once::new());
    }

    /// The value, made by `make` if this is the first call.
    pub fn get(&self, make: impl FnOnce() -> T) -> &T {
        #[cfg(feature = "std")]
        return self.0.get_or_init(make);
        #[cfg(not(feature = "std"))]
        return self.0.call_once(make);
    }
}

#[cfg(target_has_atomic = "64")]
pub use core::sync::atomic::AtomicU64 as EpochCounter;
#[cfg(not(target_has_atomic = "64"))]
pub use narrow::EpochCounter;

/// Small machines count epochs in 32 bits.
#[cfg(not(target_has_atomic = "64"))]
mod narrow {
    use core::sync::atomic::{AtomicU32, Ordering};

    /// The part of `AtomicU64` that epochs need.
    #[derive(Default)]
    pub struct EpochCounter(AtomicU32);

    impl EpochCounter {
        /// Starts at `value`.
        pub const fn new(value: u64) -> Self {
            EpochCounter(AtomicU32::new(value as u32))
        }

        /// The current epoch.
        pub fn load(&self, order: Ordering) -> u64 {
            u64::from(self.0.load(order))
        }

        /// Adds `ticks`; the result is the epoch before.
        pub fn fetch_add(&self, ticks: u64, order: Ordering) -> u64 {
            u64::from(self.0.fetch_add(ticks as u32, order))
        }
    }
}
