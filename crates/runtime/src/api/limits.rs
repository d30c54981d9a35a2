//! What guests of one store may use.

use super::error::{Error, Result};
use crate::format_err;

/// Is asked before a memory or table grows or is created, and how much of each a store may hold. Installed by
/// [`Store::limiter`](crate::Store::limiter).
pub trait ResourceLimiter: Send {
    /// Whether a memory may grow from `current` to `desired` bytes. `maximum` is what its type declares. An error stops the
    /// guest; `false` makes `memory.grow` return -1 and creation fail.
    ///
    /// # Errors
    /// To stop the guest.
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool>;

    /// Hears why a growth that was allowed failed. An error stops the guest.
    ///
    /// # Errors
    /// To stop the guest.
    fn memory_grow_failed(&mut self, error: Error) -> Result<()> {
        drop(error);
        Ok(())
    }

    /// Whether a table may grow from `current` to `desired` elements; as for memories.
    ///
    /// # Errors
    /// To stop the guest.
    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool>;

    /// Hears why a growth that was allowed failed. An error stops the guest.
    ///
    /// # Errors
    /// To stop the guest.
    fn table_grow_failed(&mut self, error: Error) -> Result<()> {
        drop(error);
        Ok(())
    }

    /// How many instances the store may hold.
    fn instances(&self) -> usize {
        DEFAULT_COUNT
    }

    /// How many tables the store may hold.
    fn tables(&self) -> usize {
        DEFAULT_COUNT
    }

    /// How many memories the store may hold.
    fn memories(&self) -> usize {
        DEFAULT_COUNT
    }
}

/// How many instances, tables and memories a store holds at most unless its limiter says otherwise; the number of `wasmtime`.
pub(crate) const DEFAULT_COUNT: usize = 10_000;

/// Fixed limits; made by [`StoreLimitsBuilder`].
#[derive(Clone, Debug)]
pub struct StoreLimits {
    memory_size: Option<usize>,
    table_elements: Option<usize>,
    instances: usize,
    tables: usize,
    memories: usize,
    trap_on_grow_failure: bool,
}

impl Default for StoreLimits {
    fn default() -> Self {
        StoreLimits {
            memory_size: None,
            table_elements: None,
            instances: DEFAULT_COUNT,
            tables: DEFAULT_COUNT,
            memories: DEFAULT_COUNT,
            trap_on_grow_failure: false,
        }
    }
}

/// Makes [`StoreLimits`].
#[derive(Clone, Debug, Default)]
pub struct StoreLimitsBuilder(StoreLimits);

impl StoreLimitsBuilder {
    /// No limits yet beyond 10,000 instances, tables and memories.
    pub fn new() -> Self {
        Self::default()
    }

    /// The bytes of each memory.
    #[must_use]
    pub fn memory_size(mut self, bytes: usize) -> Self {
        self.0.memory_size = Some(bytes);
        self
    }

    /// The elements of each table.
    #[must_use]
    pub fn table_elements(mut self, elements: usize) -> Self {
        self.0.table_elements = Some(elements);
        self
    }

    /// The number of instances.
    #[must_use]
    pub fn instances(mut self, count: usize) -> Self {
        self.0.instances = count;
        self
    }

    /// The number of tables.
    #[must_use]
    pub fn tables(mut self, count: usize) -> Self {
        self.0.tables = count;
        self
    }

    /// The number of memories.
    #[must_use]
    pub fn memories(mut self, count: usize) -> Self {
        self.0.memories = count;
        self
    }

    /// Whether a refused growth stops the guest; otherwise `memory.grow` and `table.grow` return -1.
    #[must_use]
    pub fn trap_on_grow_failure(mut self, trap: bool) -> Self {
        self.0.trap_on_grow_failure = trap;
        self
    }

    /// The limits.
    pub fn build(self) -> StoreLimits {
        self.0
    }
}

impl StoreLimits {
    fn growing(&self, what: &str, limit: Option<usize>, desired: usize, maximum: Option<usize>) -> Result<bool> {
        let allowed = limit.is_none_or(|limit| desired <= limit) && maximum.is_none_or(|maximum| desired <= maximum);
        if !allowed && self.trap_on_grow_failure {
            return Err(format_err!("growing {what} to {desired} is over the limit, which is set to stop the guest"));
        }
        Ok(allowed)
    }

    fn grow_failed(&self, error: Error) -> Result<()> {
        if self.trap_on_grow_failure { Err(error.context("forcing a trap on a failed growth")) } else { Ok(()) }
    }
}

impl ResourceLimiter for StoreLimits {
    fn memory_growing(&mut self, _current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        self.growing("a memory (bytes)", self.memory_size, desired, maximum)
    }

    fn memory_grow_failed(&mut self, error: Error) -> Result<()> {
        self.grow_failed(error)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        self.growing("a table (elements)", self.table_elements, desired, maximum)
    }

    fn table_grow_failed(&mut self, error: Error) -> Result<()> {
        self.grow_failed(error)
    }

    fn instances(&self) -> usize {
        self.instances
    }

    fn tables(&self) -> usize {
        self.tables
    }

    fn memories(&self) -> usize {
        self.memories
    }
}
