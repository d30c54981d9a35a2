//! The error of every fallible call: one word, a chain of reasons, open to downcasts.
//!
//! The outermost context comes first, the root cause last. A trap is an error whose root is a [`Trap`]; where a guest was
//! running, a [`WasmBacktrace`] is part of the chain. Both, and every error of a host function, are found by
//! [`Error::downcast_ref`].

use super::trap::WasmBacktrace;
use alloc::boxed::Box;
use alloc::string::{String, ToString};
use core::any::Any;
use core::error::Error as StdError;
use core::fmt::{self, Debug, Display};
use tiercel_abi::Trap;
use tiercel_abi::artifact::Refusal;

/// What went wrong.
pub struct Error(Box<Node>);

/// The result of a fallible call.
pub type Result<T, E = Error> = core::result::Result<T, E>;

/// The class of an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The bytes are not a well-formed or not a valid module.
    Invalid,
    /// Something that is switched off, or that this engine does not have.
    Unsupported,
    /// A limit of the engine or of the store.
    Limit,
    /// An import is missing or of another type.
    Link,
    /// The guest was stopped; see [`Trap`].
    Trap,
    /// Anything else, such as an error of a host function.
    Other,
}

/// One link of the chain.
struct Node {
    what: What,
    kind: ErrorKind,
    source: Option<Box<Node>>,
}

enum What {
    Error(Box<dyn AnyError>),
    Context(Box<dyn AnyContext>),
}

/// An error that can be downcast to any type, not only to types known to be errors.
trait AnyError: StdError + Any + Send + Sync {}
impl<E: StdError + Any + Send + Sync> AnyError for E {}

/// A message that can be downcast.
trait AnyContext: Display + Any + Send + Sync {}
impl<C: Display + Any + Send + Sync> AnyContext for C {}

/// An error whose type was lost before it came here.
struct Boxed(Box<dyn StdError + Send + Sync>);

const _: () = assert!(size_of::<Result<()>>() == size_of::<usize>());

impl Error {
    /// An error from any error type.
    #[cold]
    pub fn new<E: StdError + Send + Sync + 'static>(error: E) -> Self {
        let kind = match (&error as &dyn Any).downcast_ref::<tiercel_wasm::Error>() {
            Some(error) => match error.kind() {
                tiercel_wasm::ErrorKind::Invalid => ErrorKind::Invalid,
                tiercel_wasm::ErrorKind::Unsupported => ErrorKind::Unsupported,
                _ => ErrorKind::Limit,
            },
            None if (&error as &dyn Any).is::<Trap>() => ErrorKind::Trap,
            None if (&error as &dyn Any).is::<Refusal>() => ErrorKind::Invalid,
            None => ErrorKind::Other,
        };
        Error(Box::new(Node { what: What::Error(Box::new(error)), kind, source: None }))
    }

    /// An error from a boxed error. Its type is unknown, so that it cannot be downcast.
    #[cold]
    pub fn from_boxed(error: Box<dyn StdError + Send + Sync>) -> Self {
        Self::new(Boxed(error))
    }

    /// An error from a message.
    #[cold]
    pub fn msg<M: Display + Debug + Send + Sync + 'static>(message: M) -> Self {
        Self::of_kind(ErrorKind::Other, message)
    }

    #[cold]
    pub(crate) fn of_kind<M: Display + Send + Sync + 'static>(kind: ErrorKind, message: M) -> Self {
        Error(Box::new(Node { what: What::Context(Box::new(message)), kind, source: None }))
    }

    #[cold]
    pub(crate) fn link(message: String) -> Self {
        Self::of_kind(ErrorKind::Link, message)
    }

    #[cold]
    pub(crate) fn limit(message: impl Display) -> Self {
        Self::of_kind(ErrorKind::Limit, message.to_string())
    }

    #[cold]
    pub(crate) fn unsupported(message: impl Display) -> Self {
        Self::of_kind(ErrorKind::Unsupported, message.to_string())
    }

    /// Puts what was being done in front of the reason.
    #[cold]
    #[must_use]
    pub fn context<C: Display + Send + Sync + 'static>(self, context: C) -> Self {
        let kind = self.kind();
        Error(Box::new(Node { what: What::Context(Box::new(context)), kind, source: Some(self.0) }))
    }

    /// The class of the error.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The error and its causes, outermost first.
    pub fn chain(&self) -> impl Iterator<Item = &(dyn StdError + 'static)> {
        core::iter::successors(Some(&*self.0 as &(dyn StdError + 'static)), |error| (*error).source())
    }

    /// The innermost cause.
    pub fn root_cause(&self) -> &(dyn StdError + 'static) {
        self.chain().last().unwrap_or(&*self.0)
    }

    /// Whether an error or context of type `E` is in the chain.
    pub fn is<E: Display + Debug + Send + Sync + 'static>(&self) -> bool {
        self.downcast_ref::<E>().is_some()
    }

    /// The outermost error or context of type `E` in the chain.
    pub fn downcast_ref<E: Display + Debug + Send + Sync + 'static>(&self) -> Option<&E> {
        let mut next = Some(&self.0);
        while let Some(node) = next {
            if let found @ Some(_) = node.what.as_any().downcast_ref() {
                return found;
            }
            next = node.source.as_ref();
        }
        None
    }

    /// As [`Error::downcast_ref`], to change it.
    pub fn downcast_mut<E: Display + Debug + Send + Sync + 'static>(&mut self) -> Option<&mut E> {
        let mut next = Some(&mut self.0);
        while let Some(node) = next {
            if node.what.as_any().is::<E>() {
                return node.what.as_any_mut().downcast_mut();
            }
            next = node.source.as_mut();
        }
        None
    }

    /// Takes the error or context of type `E` out of the chain; the error itself comes back if there is none.
    pub fn downcast<E: Display + Debug + Send + Sync + 'static>(self) -> Result<E, Self> {
        if !self.is::<E>() {
            return Err(self);
        }
        let mut node = self.0;
        loop {
            node = match (node.what.into_any().downcast::<E>(), node.source) {
                (Ok(found), _) => return Ok(*found),
                (Err(_), Some(source)) => source,
                (Err(_), None) => unreachable!("`is` has found it"),
            }
        }
    }

    /// Adds the frames that the guest was stopped in.
    #[cold]
    pub(crate) fn with_backtrace(mut self, backtrace: WasmBacktrace) -> Self {
        match self.downcast_mut::<WasmBacktrace>() {
            // The guest was called by a host function that was itself called by a guest: one stack, one list.
            Some(inner) => inner.extend(backtrace),
            None if backtrace.frames().is_empty() => {}
            None => self = self.context(backtrace),
        }
        self
    }
}

impl What {
    fn as_any(&self) -> &dyn Any {
        match self {
            What::Error(error) => &**error as &dyn Any,
            What::Context(context) => &**context as &dyn Any,
        }
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        match self {
            What::Error(error) => &mut **error as &mut dyn Any,
            What::Context(context) => &mut **context as &mut dyn Any,
        }
    }

    fn into_any(self) -> Box<dyn Any> {
        match self {
            What::Error(error) => error as Box<dyn Any>,
            What::Context(context) => context as Box<dyn Any>,
        }
    }
}

impl Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Error(error) => Display::fmt(error, f),
            What::Context(context) => Display::fmt(context, f),
        }
    }
}

impl Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(self, f)
    }
}

impl StdError for Node {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match (&self.source, &self.what) {
            (Some(source), _) => Some(&**source),
            (None, What::Error(error)) => error.source(),
            (None, What::Context(_)) => None,
        }
    }
}

impl Display for Boxed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Display::fmt(&self.0, f)
    }
}

impl Debug for Boxed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Debug::fmt(&self.0, f)
    }
}

impl StdError for Boxed {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}

impl Display for Error {
    /// The outermost reason; with `{:#}` the whole chain on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        if f.alternate() {
            for cause in self.chain().skip(1) {
                write!(f, ": {cause}")?;
            }
        }
        Ok(())
    }
}

impl Debug for Error {
    /// The chain, a line for each cause.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let many = self.chain().nth(2).is_some();
        for (i, cause) in self.chain().skip(1).enumerate() {
            f.write_str(if i == 0 { "\n\nCaused by:\n" } else { "\n" })?;
            let (head, indent) = if many { (alloc::format!("{i:>5}: "), "       ") } else { ("    ".into(), "    ") };
            write!(f, "{head}{}", cause.to_string().replace('\n', &alloc::format!("\n{indent}")))?;
        }
        Ok(())
    }
}

impl<E: StdError + Send + Sync + 'static> From<E> for Error {
    fn from(error: E) -> Self {
        Error::new(error)
    }
}

impl From<Error> for Box<dyn StdError + Send + Sync> {
    fn from(error: Error) -> Self {
        error.0
    }
}

impl From<Error> for Box<dyn StdError> {
    fn from(error: Error) -> Self {
        error.0
    }
}

impl AsRef<dyn StdError + Send + Sync> for Error {
    fn as_ref(&self) -> &(dyn StdError + Send + Sync + 'static) {
        &*self.0
    }
}

/// Puts context in front of the error of a result, or makes an error of a missing value.
pub trait Context<T> {
    /// Adds `context`.
    fn context<C: Display + Send + Sync + 'static>(self, context: C) -> Result<T>;

    /// Adds what `context` returns, which is called only for an error.
    fn with_context<C: Display + Send + Sync + 'static>(self, context: impl FnOnce() -> C) -> Result<T>;
}

impl<T, E: Into<Error>> Context<T> for Result<T, E> {
    fn context<C: Display + Send + Sync + 'static>(self, context: C) -> Result<T> {
        self.map_err(|error| error.into().context(context))
    }

    fn with_context<C: Display + Send + Sync + 'static>(self, context: impl FnOnce() -> C) -> Result<T> {
        self.map_err(|error| error.into().context(context()))
    }
}

impl<T> Context<T> for Option<T> {
    fn context<C: Display + Send + Sync + 'static>(self, context: C) -> Result<T> {
        self.ok_or_else(|| Error::of_kind(ErrorKind::Other, context))
    }

    fn with_context<C: Display + Send + Sync + 'static>(self, context: impl FnOnce() -> C) -> Result<T> {
        self.ok_or_else(|| Error::of_kind(ErrorKind::Other, context()))
    }
}

/// Makes an [`Error`] from a format string and its arguments.
#[macro_export]
macro_rules! format_err {
    ($($arg:tt)*) => { $crate::Error::msg($crate::error::format!($($arg)*)) };
}

/// Returns from the function with an [`Error`] made from a format string and its arguments.
#[macro_export]
macro_rules! bail {
    ($($arg:tt)*) => { return ::core::result::Result::Err($crate::format_err!($($arg)*)) };
}

/// Returns from the function with an [`Error`] unless the condition holds.
#[macro_export]
macro_rules! ensure {
    ($condition:expr $(,)?) => { $crate::ensure!($condition, "condition failed: `{}`", stringify!($condition)) };
    ($condition:expr, $($arg:tt)*) => { if !$condition { $crate::bail!($($arg)*); } };
}

pub use crate::{bail, ensure, format_err};
#[doc(hidden)]
pub use alloc::format;
