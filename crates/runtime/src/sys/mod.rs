//! in: sizes. out: memory, zeroed, that grows; a host that has none gives an error.
//!
//! [`HeapRegion`] may move when it grows. [`mapped`] needs the virtual memory of a 64-bit unix and moves only beyond what it reserves, if it is
//! allowed to. [`Region`] is the better one that the host has; [`pool`] keeps them, [`image`] is what a memory holds at first, [`written`] what of it was written. [`executable`] is
//! memory for code, [`code_space`] memory for code that grows, [`mapping`] a file in memory, [`new_file`] writes one, [`stack`] tells where a
//! thread's stack ends, [`barrier`] makes all threads agree, [`fork`] tells whether the process was forked.

#[cfg(native)]
pub mod barrier;
#[cfg(native)]
pub mod code_space;
#[cfg(native)]
pub mod executable;
#[cfg(native)]
pub mod fork;
pub mod heap;
#[cfg(native)]
pub mod image;
#[cfg(all(unix, feature = "std", target_pointer_width = "64"))]
pub mod mapped;
#[cfg(native)]
pub mod mapping;
#[cfg(feature = "std")]
pub mod new_file;
#[cfg(native)]
pub mod pool;
#[cfg(native)]
pub mod stack;
#[cfg(native)]
pub mod written;

#[cfg(native)]
pub use code_space::CodeSpace;
#[cfg(native)]
pub use executable::Executable;
pub use heap::HeapRegion;
#[cfg(not(all(unix, feature = "std", target_pointer_width = "64")))]
pub use heap::HeapRegion as Region;
#[cfg(native)]
pub use image::MemoryImage;
#[cfg(all(unix, feature = "std", target_pointer_width = "64"))]
pub use mapped::MappedRegion as Region;
/// There are none.
#[cfg(not(native))]
pub enum MemoryImage {}
#[cfg(native)]
pub use mapped::MappedRegion;
#[cfg(native)]
pub use mapping::Mapping;
#[cfg(native)]
pub use pool::{Pool, PooledRegion};

/// Whether a [`Region`] may move when it grows, whatever it reserves.
pub const REGIONS_MOVE: bool = cfg!(not(all(unix, feature = "std", target_pointer_width = "64")));
