//! How far the host's stack may grow while guests run.
//!
//! The first call of a guest on a stack sets `VmStore::native_stack_limit`; what runs inside it compares. A host function may let another
//! thread call guests while it waits: that one's stack is another one.

use super::VmStore;
use crate::api::config::Config;
use crate::tuning::{HOST_STACK_BYTES, HOST_STACK_SHARE, NATIVE_STACK_BYTES};

/// Compiled functions whose frames are small do not add them to the comparison: this much lies below the limit in any case, in bytes.
const UNCHECKED_BYTES: usize = 32 << 10;

/// The limit as it was before a call.
pub struct StackLimit {
    limit: usize,
    stack: usize,
}

impl StackLimit {
    /// Sets the limit, if no guest runs yet on this stack.
    ///
    /// # Safety
    /// `vm` is alive.
    #[inline]
    pub unsafe fn set(vm: *mut VmStore, config: &Config) -> StackLimit {
        let marker = 0u8;
        let (here, lowest) = ((&raw const marker) as usize, lowest(config));
        // SAFETY: promised by the caller.
        unsafe {
            let outer = StackLimit { limit: (*vm).native_stack_limit, stack: (*vm).native_stack };
            if outer.limit == 0 || outer.stack != lowest {
                (*vm).native_stack = lowest;
                (*vm).native_stack_limit = limit(here, lowest, config);
            }
            outer
        }
    }

    /// Sets the limit as it was before.
    ///
    /// # Safety
    /// `vm` is alive.
    #[inline]
    pub unsafe fn restore(self, vm: *mut VmStore) {
        // SAFETY: promised by the caller.
        unsafe {
            (*vm).native_stack_limit = self.limit;
            (*vm).native_stack = self.stack;
        }
    }
}

/// The lowest address of the running thread's stack; 0 in engines without compiled code, which leave it to the host.
#[inline]
fn lowest(config: &Config) -> usize {
    #[cfg(native)]
    if config.tier != crate::Tier::Interp {
        return crate::sys::stack::lowest();
    }
    let _ = config;
    0
}

/// The address below which the stack may not grow.
#[inline]
fn limit(here: usize, lowest: usize, config: &Config) -> usize {
    if lowest == 0 {
        return here.saturating_sub(NATIVE_STACK_BYTES);
    }
    // Host functions need room below what guests may use, also on a small stack.
    let room = HOST_STACK_BYTES.min(here.saturating_sub(lowest) / HOST_STACK_SHARE).max(UNCHECKED_BYTES);
    here.saturating_sub(config.max_wasm_stack).max(lowest + room)
}
