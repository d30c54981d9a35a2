//! Snapshots: an instance as a module whose memories, tables and globals are at first what the instance's are now.
//!
//! Reading order: [`state`] (what the instance holds, or why that cannot be written), [`runs`] (which bytes of a memory matter), [`rewrite`] (the new
//! module).

mod rewrite;
mod runs;
mod state;

use super::context::AsContext;
use super::error::{Error, Result};
use super::instance::Instance;
use alloc::string::String;
use alloc::vec::Vec;
use state::State;
use tiercel_wasm::encoding::Ranges;

/// How [`Instance::snapshot`] makes a module.
#[derive(Clone, Debug, Default)]
pub struct SnapshotConfig {
    removed_exports: Vec<String>,
}

impl SnapshotConfig {
    /// All exports stay.
    pub fn new() -> SnapshotConfig {
        SnapshotConfig::default()
    }

    /// Leaves out the export of this name: for functions that must not be called again.
    pub fn remove_export(&mut self, name: impl Into<String>) -> &mut Self {
        self.removed_exports.push(name.into());
        self
    }
}

impl Instance {
    /// The module of this instance with its memories, tables and globals as they are now, in the binary format. It has no start function. What the
    /// host knows of the instance, open files for example, is not part of it.
    ///
    /// # Errors
    /// Something cannot be written as a module: an imported memory, table or mutable global, or a reference to an object, to a value of the host
    /// or to a function of another instance. The module came from an artifact, which has not all of it.
    ///
    /// # Panics
    /// The instance belongs to another store.
    pub fn snapshot(&self, store: impl AsContext, config: &SnapshotConfig) -> Result<Vec<u8>> {
        let store = store.as_context();
        let instance = self.get(&store.0.inner);
        if instance.module().ranges != Ranges::Module {
            return Err(Error::unsupported("the module comes from an artifact, which does not have all of it"));
        }
        let state = State::read(instance)?;
        rewrite::module(&instance.module().bytes, &state, config)
    }

    /// Writes [`Instance::snapshot`] to a file, which is there whole or not at all.
    ///
    /// # Errors
    /// As [`Instance::snapshot`], or the file cannot be written.
    ///
    /// # Panics
    /// As [`Instance::snapshot`].
    #[cfg(feature = "std")]
    pub fn snapshot_file(
        &self,
        store: impl AsContext,
        config: &SnapshotConfig,
        path: impl AsRef<std::path::Path>,
    ) -> Result<()> {
        use std::io::Write;
        let bytes = self.snapshot(store, config)?;
        crate::sys::new_file::write(path.as_ref(), |out| Ok(out.write_all(&bytes)?))
    }
}
