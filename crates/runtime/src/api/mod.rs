//! in: what users ask for. out: calls into `vm`, checked.
//!
//! Reading order: `engine` and `config`, `module` and `decode`, `artifact`, `inspect`, `cache` and `keep`, `store` and `context` (who may touch what), `instance` and `linker`, `snapshot`, `func`,
//! `typed` and `caller` (calls both ways), `memory`, `table`, `global`, `externs` and `matching`, then the values: `types`, `values`,
//! `extern_ref`, `any_ref`; `limits`, `error`, `trap`.
//!
//! Every handle (`Func`, `Memory`, ...) names its store and is checked against the store it is used with.

pub(crate) mod any_ref;
pub(crate) mod artifact;
#[cfg(feature = "cache")]
pub(crate) mod cache;
pub(crate) mod caller;
pub(crate) mod config;
pub(crate) mod context;
pub(crate) mod decode;
pub(crate) mod engine;
pub mod error;
pub(crate) mod extern_ref;
pub(crate) mod externs;
pub(crate) mod func;
pub(crate) mod global;
pub(crate) mod inspect;
pub(crate) mod instance;
#[cfg(all(native, feature = "cache"))]
pub(crate) mod keep;
pub(crate) mod limits;
pub(crate) mod linker;
pub(crate) mod matching;
pub(crate) mod memory;
pub(crate) mod module;
#[cfg(feature = "snapshot")]
pub(crate) mod snapshot;
pub(crate) mod store;
pub(crate) mod table;
pub(crate) mod trap;
pub(crate) mod typed;
pub(crate) mod types;
pub(crate) mod values;

pub use any_ref::{AnyRef, ArrayRef, EqRef, I31, RootScope, StructRef};
pub use artifact::Precompiled;
#[cfg(feature = "cache")]
pub use cache::{Cache, CacheConfig};
pub use caller::Caller;
pub use config::{Config, Tier};
pub use context::{AsContext, AsContextMut, StoreContext, StoreContextMut};
pub use engine::Engine;
pub use error::{Context, Error, ErrorKind, Result};
pub use extern_ref::{ExternRef, Rooted};
pub use externs::{Export, Extern};
pub use func::{Func, IntoFunc, WasmRet};
pub use global::Global;
pub use inspect::{Artifact, ArtifactFunction, ArtifactSite, SiteKind};
pub use instance::Instance;
pub use limits::{ResourceLimiter, StoreLimits, StoreLimitsBuilder};
pub use linker::{InstancePre, Linker};
pub use memory::{Memory, MemoryAccessError};
pub use module::{Module, ModuleExport, STAGES};
#[cfg(feature = "snapshot")]
pub use snapshot::SnapshotConfig;
pub use store::{Store, UpdateDeadline};
pub use table::Table;
pub use tiercel_abi::{BranchProtection, Trap};
pub use tiercel_wasm::{Feature, Features, GlobalType, HeapType, MemoryType, Mutability, RefType, TableType, ValType};
pub use trap::{FrameInfo, WasmBacktrace};
pub use typed::{TypedFunc, WasmParams, WasmResults, WasmTy};
pub use types::{ExportType, ExternType, FuncType, ImportType};
pub use values::{Ref, V128, Val};
