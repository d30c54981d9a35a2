//! Where things are in an object, as [`tiercel_abi::heap`] says, and what the store knows of its types.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
pub use tiercel_abi::heap::kind;
use tiercel_abi::heap::{self, object_bytes, place_field};
use tiercel_wasm::{CompositeType, FieldType, TypeDef, TypeId};

/// Objects are aligned to so many bytes.
pub const OBJECT_ALIGN: usize = heap::OBJECT_ALIGN as usize;
/// Where the fields of a struct start.
pub const FIELDS_OFFSET: u32 = heap::FIELDS_OFFSET;
/// Where the length of an array is.
pub const LENGTH_OFFSET: usize = heap::LENGTH_OFFSET as usize;
/// Where the elements of an array start.
pub const ELEMENTS_OFFSET: usize = heap::ELEMENTS_OFFSET as usize;

/// A field of a struct.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Where it is, from the object's start.
    pub offset: u32,
    /// The binary logarithm of its bytes.
    pub log2_bytes: u8,
}

/// What the objects of a type look like.
#[derive(Debug)]
pub enum TypeLayout {
    /// It has no objects in the heap.
    Func,
    /// A struct.
    Struct {
        /// Bytes of the whole object.
        bytes: u32,
        /// The fields.
        fields: Box<[Field]>,
        /// Where references are.
        traced: Box<[u32]>,
    },
    /// An array.
    Array {
        /// The binary logarithm of an element's bytes.
        log2_bytes: u8,
        /// Whether elements are references.
        traced: bool,
    },
}

impl TypeLayout {
    /// The layout of a type.
    pub fn new(ty: &CompositeType) -> TypeLayout {
        match ty {
            CompositeType::Func(_) => TypeLayout::Func,
            CompositeType::Struct(fields) => structure(fields),
            CompositeType::Array(element) => {
                TypeLayout::Array { log2_bytes: element.storage.log2_bytes(), traced: element.storage.is_traced() }
            }
        }
    }
}

fn structure(fields: &[FieldType]) -> TypeLayout {
    let mut end = FIELDS_OFFSET;
    let (mut places, mut traced) = (Vec::with_capacity(fields.len()), Vec::new());
    for field in fields {
        let log2_bytes = field.storage.log2_bytes();
        let (offset, next) = place_field(end, log2_bytes);
        if field.storage.is_traced() {
            traced.push(offset);
        }
        places.push(Field { offset, log2_bytes });
        end = next;
    }
    TypeLayout::Struct { bytes: object_bytes(end), fields: places.into(), traced: traced.into() }
}

/// The bytes of an array object; nothing if that is more than any heap has.
#[inline(always)]
pub fn array_bytes(len: u32, log2_bytes: u8) -> Option<usize> {
    let bytes = ((u64::from(len) << log2_bytes) + ELEMENTS_OFFSET as u64).next_multiple_of(OBJECT_ALIGN as u64);
    u32::try_from(bytes).ok().map(|bytes| bytes as usize)
}

/// A type as code and the collector see it. A store has a table of them, by their numbers.
#[repr(C)]
pub struct GcType {
    /// The numbers of the types it extends and its own, outermost first.
    pub lineage: *const TypeId,
    /// How many there are; 0 for a type that the store does not know, which then extends no other.
    pub lineage_len: u32,
    /// One of [`kind`].
    pub kind: u32,
    /// Its objects.
    pub layout: Arc<TypeLayout>,
    /// The owner of `lineage`.
    _lineage: Option<Arc<[TypeId]>>,
}

impl GcType {
    /// The place of a type that the store does not know.
    pub fn unknown(layout: &Arc<TypeLayout>) -> GcType {
        let lineage = core::ptr::null();
        GcType { lineage, lineage_len: 0, kind: kind::NONE, layout: layout.clone(), _lineage: None }
    }

    /// The entry for a type.
    pub fn new(def: &TypeDef, layout: &Arc<TypeLayout>) -> GcType {
        let kind = match **layout {
            TypeLayout::Func => kind::NONE,
            TypeLayout::Struct { .. } => kind::STRUCT,
            TypeLayout::Array { .. } => kind::ARRAY,
        };
        GcType {
            lineage: def.lineage.as_ptr(),
            lineage_len: def.lineage.len() as u32,
            kind,
            layout: layout.clone(),
            _lineage: Some(def.lineage.clone()),
        }
    }

    /// Whether it is the type with number `id`, above which `depth` others stand, or extends that.
    ///
    /// # Safety
    /// The entry is in a store's table.
    #[inline(always)]
    pub unsafe fn extends(&self, id: u32, depth: u32) -> bool {
        // SAFETY: `lineage` has `lineage_len` numbers, which `_lineage` keeps.
        depth < self.lineage_len && unsafe { (*self.lineage.add(depth as usize)).as_u32() } == id
    }
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    use heap::ty;
    assert!(core::mem::offset_of!(GcType, lineage) == ty::LINEAGE as usize);
    assert!(core::mem::offset_of!(GcType, lineage_len) == ty::LINEAGE_LEN as usize);
    assert!(core::mem::offset_of!(GcType, kind) == ty::KIND as usize);
    assert!(size_of::<GcType>() == ty::BYTES as usize);
    assert!(size_of::<TypeId>() == size_of::<u32>());
};

#[cfg(test)]
mod tests {
    use super::*;
    use tiercel_wasm::{HeapType, RefType, StorageType, ValType};

    #[test]
    fn fields_stand_in_order_and_aligned() {
        let field = |storage| FieldType { storage, mutable: true };
        let reference = |heap| StorageType::Val(ValType::Ref(RefType::new(true, heap)));
        let fields = [
            StorageType::I8,
            StorageType::I16,
            reference(HeapType::Any),
            StorageType::Val(ValType::F64),
            reference(HeapType::Func),
            reference(HeapType::Extern),
            StorageType::Val(ValType::V128),
        ];
        for len in 0..=fields.len() {
            let fields = fields[..len].iter().map(|ty| field(*ty)).collect();
            let TypeLayout::Struct { bytes, fields, traced } = TypeLayout::new(&CompositeType::Struct(fields)) else {
                panic!("a struct");
            };
            let offsets: Vec<u32> = fields.iter().map(|field| field.offset).collect();
            assert_eq!(offsets, [4, 6, 8, 16, 24, 32, 40][..len]);
            assert_eq!(bytes, [8, 8, 8, 16, 24, 32, 40, 56][len]);
            assert_eq!(*traced, [8, 32][..if len > 5 { 2 } else { (len > 2) as usize }]);
        }
    }

    #[test]
    fn arrays_that_no_heap_could_hold_have_no_size() {
        assert_eq!(array_bytes(0, 0), Some(8));
        assert_eq!(array_bytes(9, 0), Some(24));
        assert_eq!(array_bytes(3, 2), Some(24));
        assert_eq!(array_bytes(u32::MAX, 0), None);
        assert_eq!(array_bytes(u32::MAX, 4), None);
    }
}
