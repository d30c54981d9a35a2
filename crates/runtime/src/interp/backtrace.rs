//! Reads the stack of an activation that was stopped.

use super::Translated;
use super::dispatch::Stopped;
use super::ops::control::{Bridge, CROSS_BRIDGE};
use crate::api::trap::Frame;
use crate::vm::VmCtx;
use alloc::vec::Vec;

/// Appends the frames of an activation, innermost first, at most `max`. The innermost frame's instruction is where it stopped; in the others it is
/// the one before the return address.
///
/// # Safety
/// `stopped` comes from a run whose stack has not been used since.
pub unsafe fn append(frames: &mut Vec<Frame>, stopped: &Stopped, max: usize) {
    let (mut ip, mut fp, mut cx): (*const u64, *mut u64, *mut VmCtx) = (stopped.ip, stopped.fp, stopped.cx);
    // SAFETY: the caller's: every frame has its header behind its parameters, and every bridge its words.
    unsafe {
        for _ in 0..max {
            let module = (*(*cx).instance).module();
            let Some((func, offset)) = module.code.translated.lock().origin(ip) else { return };
            let func_index = func + module.info.imported.funcs;
            frames.push(Frame { module: module.clone(), func_index, offset });
            let header = fp.add(module.info.func_type(func_index).param_slots());
            let (return_ip, caller_fp) = (*header as *const u64, *header.add(1) as *mut u64);
            if caller_fp.is_null() {
                return;
            }
            (ip, fp) = (return_ip, caller_fp);
            if core::ptr::eq(return_ip, CROSS_BRIDGE.as_ptr().cast()) {
                let bridge = &*caller_fp.cast::<Bridge>();
                (ip, fp, cx) = (bridge.return_ip, bridge.caller_fp, bridge.caller_cx);
            }
            // Into the call.
            ip = ip.sub(1);
        }
    }
}

impl Translated {
    /// The function that holds an instruction, and the instruction's place in the module.
    fn origin(&self, ip: *const u64) -> Option<(u32, u32)> {
        let (index, code, word) = self.find(ip)?;
        let after = code.origins.partition_point(|(at, _)| *at as usize <= word);
        let (_, offset) = code.origins.get(after.checked_sub(1)?)?;
        Some((index, *offset))
    }
}
