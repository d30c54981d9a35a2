//! What the memories and tables of a module's instances hold at first, so far as that is known beforehand.
//!
//! It is found out when the module is instantiated for the second time: a program that runs once is better off without.

use super::first_tables::{self, FirstTable};
use super::images::{self, Images};
use crate::api::module::ModuleInner;
use crate::sync::Lazy;
use alloc::boxed::Box;
use core::sync::atomic::{AtomicBool, Ordering};

/// The template of a module's instances.
#[derive(Default)]
pub struct Template {
    is_used: AtomicBool,
    made: Lazy<First>,
}

/// What there is at first.
pub struct First {
    /// Images of the own memories, which hold what all active data segments make of them; none if they have to be copied.
    pub images: Option<Images>,
    /// What all active element segments make of the own tables; none if they have to be copied.
    pub tables: Option<Box<[FirstTable]>>,
}

/// For the first instance.
static UNKNOWN: First = First { images: None, tables: None };

impl Template {
    /// What is known for an instance that is being made.
    pub fn get(&self, module: &ModuleInner) -> &First {
        // Only a hint: nothing else is published by it.
        if !self.is_used.load(Ordering::Relaxed) {
            self.is_used.store(true, Ordering::Relaxed);
            return &UNKNOWN;
        }
        self.made.get(|| First { images: images::of_module(module), tables: first_tables::of_module(module) })
    }
}
