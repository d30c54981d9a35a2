//! Images of a module's memories: what its data makes of them, mapped copy-on-write by each instance rather than copied.
//!
//! They are made when the module is instantiated for the second time: a program that runs once is better off with a copy.

use crate::api::module::ModuleInner;
use crate::sync::Lazy;
use crate::sys::MemoryImage;
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering};

/// The images of a module.
#[derive(Default)]
pub struct Images {
    is_used: AtomicBool,
    made: Lazy<Option<List>>,
}

/// For each own memory its image; none for one that is zero.
type List = Box<[Option<Arc<MemoryImage>>]>;

impl Images {
    /// The images, for an instance that is being made. If there are any, they hold the contents of all active data segments.
    pub fn get(&self, module: &ModuleInner) -> Option<&[Option<Arc<MemoryImage>>]> {
        // Only a hint: nothing else is published by it.
        if !self.is_used.load(Ordering::Relaxed) {
            self.is_used.store(true, Ordering::Relaxed);
            return None;
        }
        self.made.get(|| make(module)).as_deref()
    }
}

#[cfg(not(native))]
fn make(_: &ModuleInner) -> Option<List> {
    None
}

/// None if it is not known beforehand what the segments do, or if images would be too large.
#[cfg(native)]
fn make(module: &ModuleInner) -> Option<List> {
    use crate::tuning::{IMAGE_FACTOR, IMAGE_SLACK_BYTES};
    use alloc::vec::Vec;
    use tiercel_wasm::module::{ConstOp, SegmentMode};

    let info = &module.info;
    // Segments come before data, and may not fit. An instance that is known elsewhere by then must not have its data.
    let is_imported =
        |mode: &SegmentMode| matches!(mode, SegmentMode::Active { index, .. } if *index < info.imported.tables);
    if info.elements.iter().any(|element| is_imported(&element.mode)) {
        return None;
    }
    let own = &info.memories[info.imported.memories as usize..];
    let mut pieces: Vec<Vec<(usize, &[u8])>> = own.iter().map(|_| Vec::new()).collect();
    for data in &info.data {
        let SegmentMode::Active { index, offset } = &data.mode else { continue };
        // An imported memory is not ours, and may be too small.
        let memory = index.checked_sub(info.imported.memories)? as usize;
        let [ConstOp::Const(_, start)] = offset.0[..] else { return None };
        let bytes = &module.bytes[data.range.start as usize..data.range.end as usize];
        let start = usize::try_from(start).ok()?;
        let end = start.checked_add(bytes.len())?;
        if end as u64 > own[memory].min_pages.checked_mul(own[memory].page_bytes())? {
            return None;
        }
        if !bytes.is_empty() {
            pieces[memory].push((start, bytes));
        }
    }
    let image = |pieces: Vec<(usize, &[u8])>| {
        let Some(start) = pieces.iter().map(|(start, _)| *start).min() else { return Some(None) };
        let end = pieces.iter().map(|(start, bytes)| start + bytes.len()).max()?;
        let data: usize = pieces.iter().map(|(_, bytes)| bytes.len()).sum();
        let is_dense = end - start <= data.saturating_mul(IMAGE_FACTOR) + IMAGE_SLACK_BYTES;
        if !is_dense {
            return None;
        }
        MemoryImage::new(start, end, pieces.into_iter()).map(|image| Some(Arc::new(image)))
    };
    pieces.into_iter().map(image).collect()
}
