//! Finds the references to objects in the frames of an activation.
//!
//! A function's *stack maps* say for every instruction at which a collection may happen which operands are references; its parameters
//! and locals that are references are listed once, as they always hold one.

use super::Translated;
use super::ops::control::{Bridge, CROSS_BRIDGE};
use super::translate::code::Code;
use crate::vm::CodePoint;

/// Calls `each` with every slot of an activation's frames that may hold a reference to an object. `at` is an instruction that has a
/// stack map: the innermost frame is there, and each of the others at a call.
///
/// # Safety
/// The activation is alive, and is at `at`.
pub unsafe fn visit(at: CodePoint, each: &mut dyn FnMut(*mut u64)) {
    let CodePoint { mut ip, mut fp, mut cx } = at;
    // SAFETY: the caller's: every frame has its header behind its parameters, and every bridge its words.
    unsafe {
        while !fp.is_null() {
            let module = (*(*cx).instance).module();
            let translated = module.code.translated.lock();
            let Some((index, code, word)) = translated.find(ip) else { return };
            for &slot in code.traced_locals.iter().chain(code.traced_operands(word)) {
                each(fp.add(slot as usize));
            }
            let header = fp.add(module.info.func_type(index + module.info.imported.funcs).param_slots());
            let (return_ip, caller_fp) = (*header as *const u64, *header.add(1) as *mut u64);
            (ip, fp) = (return_ip, caller_fp);
            if core::ptr::eq(return_ip, CROSS_BRIDGE.as_ptr().cast()) {
                let bridge = &*caller_fp.cast::<Bridge>();
                (ip, fp, cx) = (bridge.return_ip, bridge.caller_fp, bridge.caller_cx);
            }
            // Into the call.
            ip = ip.wrapping_sub(1);
        }
    }
}

impl Translated {
    /// The function that holds an instruction: its body's index, its code, and the word of the code.
    pub fn find(&self, ip: *const u64) -> Option<(u32, &Code, usize)> {
        let (&start, function) = self.functions.range(..=ip as usize).next_back()?;
        let word = (ip as usize - start) / size_of::<u64>();
        (word < function.code.words.len()).then_some((function.index, &function.code, word))
    }
}

impl Code {
    /// The operands that are references, at the instruction that the word belongs to.
    fn traced_operands(&self, word: usize) -> &[u16] {
        // A map holds until the next one.
        let after = self.maps.partition_point(|(at, _)| *at as usize <= word);
        let Some(index) = after.checked_sub(1) else { return &[] };
        let end = self.maps.get(after).map_or(self.map_slots.len(), |(_, start)| *start as usize);
        &self.map_slots[self.maps[index].1 as usize..end]
    }
}
