//! in: the bytes of a module. out: [`ModuleInfo`], checked, and function bodies that later stages can trust.
//!
//! Reading order: [`types`] and [`composite`] (the type universe of an engine), [`module`] (what a module declares), [`decode`] (bytes to
//! `ModuleInfo`, by wasmparser), [`bodies`] (their validation), [`encoding`] (`ModuleInfo` to bytes and back), [`features`] (the proposals that can be switched), [`limits`] and [`error`].
//! [`numeric`] says what every pure opcode computes; [`scan`] what each construct of a body assigns.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

pub mod bodies;
pub mod composite;
pub mod decode;
pub mod encoding;
pub mod error;
pub mod features;
pub mod limits;
pub mod module;
pub mod numeric;
pub mod scan;
pub mod types;

pub use bodies::{Bodies, BodyValidator, Declarations};
pub use composite::{CompositeType, FieldType, StorageType, TypeDef, TypeRegistry};
pub use decode::{declarations, decode};
pub use error::{Error, ErrorKind};
pub use features::{Feature, Features};
pub use module::ModuleInfo;
pub use types::{FuncType, GlobalType, HeapType, MemoryType, Mutability, RefType, TableType, TypeId, ValType};
