//! A barrier in all threads of the process at once, so that what happens all the time (guests are entered and left, calls go through cells) needs none.

use rustix::thread::{MembarrierCommand, membarrier};
use std::sync::OnceLock;

/// Lets every thread of the process pass a point at which all its accesses before are done, none after has begun, and instructions that it fetched
/// before are forgotten. False if the host cannot.
pub fn everywhere() -> bool {
    // The first time this may take milliseconds in a process with threads.
    static CAN: OnceLock<bool> = OnceLock::new();
    let can = || membarrier(MembarrierCommand::RegisterPrivateExpeditedSyncCore).is_ok();
    *CAN.get_or_init(can) && membarrier(MembarrierCommand::PrivateExpeditedSyncCore).is_ok()
}
