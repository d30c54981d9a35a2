//! What is wrong with a module, and where.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use core::fmt;

/// Why bytes were refused. One word; the details are behind a box because errors are rare.
#[derive(Clone, PartialEq, Eq)]
pub struct Error(Box<Inner>);

#[derive(Clone, PartialEq, Eq)]
struct Inner {
    kind: ErrorKind,
    offset: Option<u64>,
    message: String,
}

/// The class of an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The bytes are not a well-formed or not a valid module.
    Invalid,
    /// The module needs a proposal that is switched off, or that this engine does not have.
    Unsupported,
    /// The module is valid but larger than a limit of [`crate::limits`].
    Limit,
}

const _: () = assert!(size_of::<Result<(), Error>>() == size_of::<usize>());

impl Error {
    /// A malformed or invalid module; `offset` is in bytes from its start.
    #[cold]
    pub fn invalid(offset: u64, message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, Some(offset), message.into())
    }

    /// Something this engine does not have; `offset` is in bytes from the module's start.
    #[cold]
    pub fn unsupported(offset: u64, what: impl fmt::Display) -> Self {
        Self::new(ErrorKind::Unsupported, Some(offset), format!("{what} is not supported"))
    }

    /// A limit of this engine.
    #[cold]
    pub fn limit(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Limit, None, message.into())
    }

    fn new(kind: ErrorKind, offset: Option<u64>, message: String) -> Self {
        Error(Box::new(Inner { kind, offset, message }))
    }

    /// The class of the error.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Where in the module, in bytes from its start.
    pub fn offset(&self) -> Option<u64> {
        self.0.offset
    }

    /// The reason alone, without the offset.
    pub fn message(&self) -> &str {
        &self.0.message
    }
}

impl From<wasmparser::Error> for Error {
    #[cold]
    fn from(error: wasmparser::Error) -> Self {
        let kind = if error.missing_wasm_feature().is_some() { ErrorKind::Unsupported } else { ErrorKind::Invalid };
        let mut message = error.message().to_string();
        if let Some(name) = error.missing_wasm_feature().and_then(crate::features::name_of) {
            message = format!("{message} (the proposal `{name}` is not enabled)");
        }
        Self::new(kind, Some(error.offset()), message)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        match self.0.offset {
            Some(offset) => write!(f, " (at offset {offset:#x})"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl core::error::Error for Error {}
