//! Code that was replaced, until nobody can be in it any more.
//!
//! Once a function's cell has another address nobody enters the old code. Those who are in it, or have read the cell before, are guests that run: code
//! is entered and left by way of stubs, which say so in `VmStore::entry_fp`. So after a barrier in all threads the stores that run then are the only
//! ones that may use it, each until it was seen at rest, or has itself looked through its stack.
//!
//! A continuation is entered from the old code of its function alone. So it is retired when that is gone.

use crate::vm::VmStore;
use alloc::vec::Vec;

/// What waits.
#[derive(Default)]
pub struct Retired {
    /// Places of code that was replaced since the last barrier.
    fresh: Vec<usize>,
    waiting: Vec<Waiting>,
}

struct Waiting {
    place: usize,
    /// The stores whose guests may still use it. They are compared, and may be gone.
    users: Vec<*const VmStore>,
}

// SAFETY: the addresses of stores are compared, and nothing else.
unsafe impl Send for Retired {}

impl Retired {
    /// The code in this place is entered by nobody from now on who reads where it is.
    pub fn add(&mut self, place: usize) {
        self.fresh.push(place);
    }

    /// Whether something was added since [`Self::take_fresh`].
    pub fn has_fresh(&self) -> bool {
        !self.fresh.is_empty()
    }

    /// Takes what was added. It has to come back by [`Self::wait`], after a barrier.
    pub fn take_fresh(&mut self) -> Vec<usize> {
        core::mem::take(&mut self.fresh)
    }

    /// The code in these places waits for the stores in `running`.
    pub fn wait(&mut self, places: Vec<usize>, running: &[*const VmStore]) {
        self.waiting.extend(places.into_iter().map(|place| Waiting { place, users: running.to_vec() }));
    }

    /// Stores that are not among those in `running` have been seen at rest.
    pub fn keep_running(&mut self, running: &[*const VmStore]) {
        self.waiting.iter_mut().for_each(|waiting| waiting.users.retain(|user| running.contains(user)));
    }

    /// Whether something waits for a store.
    pub fn waits_for(&self, store: *const VmStore) -> bool {
        self.waiting.iter().any(|waiting| waiting.users.contains(&store))
    }

    /// A store uses nothing but the code in places of which `is_used` says so.
    pub fn keep_used(&mut self, store: *const VmStore, is_used: impl Fn(usize) -> bool) {
        for waiting in &mut self.waiting {
            if !is_used(waiting.place) {
                waiting.users.retain(|&user| user != store);
            }
        }
    }

    /// Takes a place whose code nobody uses.
    pub fn take_unused(&mut self) -> Option<usize> {
        let found = self.waiting.iter().position(|waiting| waiting.users.is_empty())?;
        Some(self.waiting.swap_remove(found).place)
    }

    /// How much waits.
    pub fn len(&self) -> usize {
        self.fresh.len() + self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use core::ptr::without_provenance;

    #[test]
    fn code_waits_for_those_that_ran() {
        let stores: [*const VmStore; 3] = [8, 16, 24].map(without_provenance);
        let mut retired = Retired::default();
        retired.add(5);
        retired.add(6);
        let fresh = retired.take_fresh();
        assert_eq!(fresh, vec![5, 6]);
        retired.wait(fresh, &stores[..2]);
        assert_eq!(retired.take_unused(), None);
        // The first one was seen at rest; the third one came later.
        retired.keep_running(&stores[1..]);
        assert!(!retired.waits_for(stores[0]) && retired.waits_for(stores[1]) && !retired.waits_for(stores[2]));
        retired.keep_used(stores[1], |place| place == 5);
        assert_eq!(retired.take_unused(), Some(6));
        assert_eq!(retired.take_unused(), None);
        assert_eq!(retired.len(), 1);
        retired.keep_running(&[]);
        assert_eq!(retired.take_unused(), Some(5));
        assert_eq!(retired.len(), 0);
    }
}
