//! Numbers that steer the allocator. None has an effect on correctness.

/// Entries of live sets at merges and loop heads, in multiples of instructions and blocks, before ranges are made without holes; and four
/// times that before the function goes to the plain allocator.
pub const LIVE_SET_LIMIT: usize = 64;

/// Entries of stack maps, and references looked at to make them, in multiples of instructions, before a function is too complex.
pub const STACK_MAP_LIMIT: usize = 64;

/// Live set entries that every function may have, and as many entries of stack maps.
pub const LIVE_SET_FREE: usize = 1 << 16;

/// How much more often a block runs than one that is a loop less deep.
pub const LOOP_FACTOR: f32 = 8.0;

/// Loops deeper than this count as this deep.
pub const MAX_DEPTH: u32 = 8;

/// How often a cold block runs, against a hot one at depth 0.
pub const COLD_FREQUENCY: f32 = 0.01;

/// A value that can be rematerialized looks this much farther away when one is to be evicted.
pub const REMAT_FACTOR: f32 = 4.0;

/// So does a value that was spilled before, as its store may be there already.
pub const SPILLED_FACTOR: f32 = 2.0;

/// Steps through cold uses to look for a hot one.
pub const COLD_STEPS: u32 = 4;

/// Pieces of live ranges that the values in one slot may have.
pub const JOINED_RANGES: usize = 256;

/// Values to be made again on an edge that are not worth a block of their own.
pub const FEW_MOVES: usize = 3;

/// An operand that may be in a slot is loaded into a free register if the next use after it is at most this many instructions away.
pub const LOAD_ANY_DISTANCE: u32 = 16;
