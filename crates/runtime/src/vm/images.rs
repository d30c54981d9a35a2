//! Images of a module's memories: what its data makes of them, mapped copy-on-write by each instance rather than copied.

use crate::api::module::ModuleInner;
use crate::sys::MemoryImage;
use alloc::boxed::Box;
use alloc::sync::Arc;

/// For each own memory its image; none for one that is zero.
pub type Images = Box<[Option<Arc<MemoryImage>>]>;

/// There are none.
#[cfg(not(native))]
pub fn of_module(_: &ModuleInner) -> Option<Images> {
    None
}

/// The images. None if it is not known beforehand what the segments do, or if they would be too large.
#[cfg(native)]
pub fn of_module(module: &ModuleInner) -> Option<Images> {
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
    for (segment, data) in info.data.iter().enumerate() {
        let SegmentMode::Active { index, offset } = &data.mode else { continue };
        // An imported memory is not ours, and may be too small.
        let memory = index.checked_sub(info.imported.memories)? as usize;
        let [ConstOp::Const(_, start)] = offset.0[..] else { return None };
        let bytes = module.data(segment as u32);
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
