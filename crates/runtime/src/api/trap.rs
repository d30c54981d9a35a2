//! Where a guest was stopped.

use super::module::{Module, ModuleInner};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

/// One activation of a guest function, as the interpreter reports it.
pub struct Frame {
    /// The module of the function.
    pub module: Arc<ModuleInner>,
    /// The function, in its module.
    pub func_index: u32,
    /// The instruction, in bytes from the module's start.
    pub offset: u32,
}

/// The functions that were running, innermost first. Part of the chain of an [`Error`](crate::Error); find it by
/// [`Error::downcast_ref`](crate::Error::downcast_ref).
pub struct WasmBacktrace {
    frames: Vec<FrameInfo>,
}

/// One running function.
pub struct FrameInfo {
    module: Module,
    func_index: u32,
    offset: u32,
}

impl WasmBacktrace {
    pub(crate) fn new(frames: Vec<Frame>) -> Self {
        let info = |frame: Frame| FrameInfo {
            module: Module(frame.module),
            func_index: frame.func_index,
            offset: frame.offset,
        };
        WasmBacktrace { frames: frames.into_iter().map(info).collect() }
    }

    /// The functions, innermost first.
    pub fn frames(&self) -> &[FrameInfo] {
        &self.frames
    }

    pub(crate) fn extend(&mut self, outer: WasmBacktrace) {
        self.frames.extend(outer.frames);
    }
}

impl FrameInfo {
    /// The function's index in its module.
    pub fn func_index(&self) -> u32 {
        self.func_index
    }

    /// The module.
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// The function's name in the name section.
    pub fn func_name(&self) -> Option<&str> {
        self.module.0.func_name(self.func_index)
    }

    /// The instruction, in bytes from the module's start.
    pub fn module_offset(&self) -> Option<usize> {
        Some(self.offset as usize)
    }

    /// The instruction, in bytes from the start of the function's body.
    pub fn func_offset(&self) -> Option<usize> {
        let info = &self.module.0.info;
        let body = info.bodies.get(info.defined_func(self.func_index)?)?;
        Some(self.offset.checked_sub(body.start)? as usize)
    }
}

impl fmt::Display for WasmBacktrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("error while executing at wasm backtrace:")?;
        for (i, frame) in self.frames.iter().enumerate() {
            let module = frame.module.name().unwrap_or("<unknown>");
            write!(f, "\n    {i}: {:#8x} - {module}!", frame.offset)?;
            match frame.func_name() {
                Some(name) => f.write_str(name)?,
                None => write!(f, "<wasm function {}>", frame.func_index)?,
            }
        }
        Ok(())
    }
}

impl fmt::Debug for WasmBacktrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Debug for FrameInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameInfo")
            .field("func_index", &self.func_index)
            .field("func_name", &self.func_name())
            .field("offset", &self.offset)
            .finish()
    }
}
