//! What the vmctx and its pointers point at. Offsets come from `tiercel_abi::vmctx`, said once there; the assertions at the
//! end keep the two together.

use crate::gc::GcType;
use crate::sync::EpochCounter;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicPtr, AtomicUsize};
use tiercel_abi::vmctx::{func_ref, header};

/// The start of every vmctx. Behind it lie the arrays of `VmctxLayout`; a `*mut VmCtx` may reach all of them.
#[repr(C)]
pub struct VmCtx {
    /// The store's words that code reads.
    pub store: *mut VmStore,
    /// The first byte of memory 0, where memories never move; null without one.
    pub memory0_base: *mut u8,
    /// Memory 0; null without one.
    pub memory0: *mut VmMemory,
    /// Table 0; null without one.
    pub table0: *mut VmTable,
    /// The module's code cells, one for each function that is not imported.
    pub func_cells: *const FuncCell,
    /// The owner of this block.
    pub instance: *mut super::Instance,
    /// The routines that compiled code calls.
    pub builtins: *const *const u8,
}

/// What all instances of a store share and code looks at.
#[repr(C)]
pub struct VmStore {
    /// The address of the host's stack below which no further activation may start; 0 while no guest runs.
    pub native_stack_limit: usize,
    /// Fuel left; the guest is stopped when it falls below zero.
    pub fuel: i64,
    /// The engine's epoch.
    pub epoch: *const EpochCounter,
    /// The guest is stopped when the epoch reaches this.
    pub epoch_deadline: u64,
    /// Compiled code: the frame pointer of the stub through which it called the host last.
    pub exit_fp: usize,
    /// Compiled code: the frame pointer of the stub through which it was entered last, and which returns when the guest is stopped.
    /// Written by code alone, and read by other threads: 0 means that the store is at rest.
    pub entry_fp: AtomicUsize,
    /// The collected heap: where offset 0 is.
    pub gc_base: *mut u8,
    /// The collected heap: the offset of the next object.
    pub gc_next: usize,
    /// The collected heap: objects end here, or the collector has to make room. Not below `gc_next`.
    pub gc_limit: usize,
    /// What the collected heap knows of types, by their numbers.
    pub gc_types: *const GcType,
    /// Compiled code: a value on its way to a routine that fills an array.
    pub gc_value: [u64; 2],
    /// Compiled code without signals: what it calls to be stopped.
    pub raise: *const u8,
    /// Compiled code: where a trap has stopped it.
    #[cfg(native)]
    pub trapped: crate::native::Trapped,
    /// The lowest address of the stack that `native_stack_limit` is about; 0 in engines without compiled code.
    pub native_stack: usize,
    /// The first free slot of the interpreter's stack while host code runs.
    pub stack_top: *mut u64,
    /// One past the last slot of the interpreter's stack.
    pub stack_limit: *mut u64,
    /// Where the interpreter's last activation ended: the instruction.
    pub stop_ip: *const u64,
    /// Where the interpreter's last activation ended: the frame.
    pub stop_fp: *mut u64,
    /// Where the interpreter's last activation ended: the instance.
    pub stop_cx: *mut VmCtx,
    /// The store that owns this.
    pub store: *mut crate::api::store::StoreInner,
    /// The collected heap: the bytes for which there was no room.
    pub gc_request: usize,
    /// How many entries `gc_types` has.
    pub gc_types_len: usize,
    /// Where the guest is that the running host function was called by.
    pub host_call: CodePoint,
    /// The activations below, which are where they called the host.
    pub activations: *const Activation,
}

/// A place in running code.
#[derive(Clone, Copy)]
pub struct CodePoint {
    /// The instruction.
    pub ip: *const u64,
    /// The frame; null for no place.
    pub fp: *mut u64,
    /// The instance.
    pub cx: *mut VmCtx,
}

impl CodePoint {
    /// No place.
    pub const NONE: CodePoint =
        CodePoint { ip: core::ptr::null(), fp: core::ptr::null_mut(), cx: core::ptr::null_mut() };
}

/// An activation that waits for a call of the host to return.
pub struct Activation {
    /// Where it is.
    pub at: CodePoint,
    /// The one below.
    pub below: *const Activation,
}

/// A linear memory as code sees it. The first field of `vm::Memory`.
#[repr(C)]
pub struct VmMemory {
    /// The first byte.
    pub base: *mut u8,
    /// Bytes that may be accessed.
    pub len_bytes: usize,
}

/// A table as code sees it: every element is one 64-bit slot. The first field of `vm::Table`.
#[repr(C)]
pub struct VmTable {
    /// The first element.
    pub base: *mut u64,
    /// Elements that may be accessed.
    pub len: usize,
}

/// A global: its value's bits, in the low bytes for the smaller types.
#[repr(C, align(16))]
#[derive(Clone, Copy)]
pub struct VmGlobal(pub [u64; 2]);

/// What a function reference points at. A null reference is 0; any other `funcref` value is the address of one of these, which
/// lives as long as its store.
#[repr(C)]
pub struct VmFuncRef {
    /// A guest function: the instance's vmctx. A host function: its `vm::HostFunc`.
    pub vmctx: *mut VmCtx,
    /// A guest function: its code cell. A host function: null.
    pub cell: *const FuncCell,
    /// A host function, or compiled code of a guest: how to call it. A guest function that the interpreter runs: none.
    pub host: Option<HostCall>,
    /// Its entry for compiled code of any instance; null where there is no compiled code in the engine.
    pub native: *const u8,
    /// The function's type, as in `TypeId::as_u32`.
    pub type_id: u32,
    /// A guest function: the index of its body in its module (imported functions do not count). A host function: [`Self::NO_BODY`].
    pub func_index: u32,
}

impl VmFuncRef {
    /// No module has a body with this index. Code that notes whom it calls takes it for nobody.
    pub const NO_BODY: u32 = i32::MAX as u32;

    /// Whether it is a function of the host.
    pub fn is_host(&self) -> bool {
        self.cell.is_null()
    }
}

/// How a guest function is reached: two fields of its [`VmFuncRef`].
#[derive(Clone, Copy)]
pub struct Entries {
    /// `VmFuncRef::host`.
    pub host: Option<HostCall>,
    /// `VmFuncRef::native`.
    pub native: *const u8,
}

impl Entries {
    /// In an engine without compiled code.
    pub const NONE: Entries = Entries { host: None, native: core::ptr::null() };
}

/// Calls a host function, or compiled code. `slots` holds the parameters, one 64-bit slot each (two for `v128`), and takes the results; it has
/// room for the larger of both. `caller` is the calling instance, or null when the host itself calls. The result is true if all went
/// well; otherwise the reason has been left in the store (`StoreInner::pending`).
pub type HostCall = unsafe extern "C" fn(callee: NonNull<VmFuncRef>, caller: *mut VmCtx, slots: *mut u64) -> bool;

/// Where the code of one guest function is. Shared by all instances of a module; written once, when the function is first
/// called.
#[repr(C)]
pub struct FuncCell {
    /// The interpreter's code: first that of the shared stub that translates the function, then the function's own.
    pub code: AtomicPtr<u64>,
}

const WORD: usize = size_of::<usize>();
const _: () = {
    assert!(core::mem::offset_of!(VmCtx, store) == header::STORE as usize * WORD);
    assert!(core::mem::offset_of!(VmCtx, memory0_base) == header::MEMORY0_BASE as usize * WORD);
    assert!(core::mem::offset_of!(VmCtx, memory0) == header::MEMORY0 as usize * WORD);
    assert!(core::mem::offset_of!(VmCtx, table0) == header::TABLE0 as usize * WORD);
    assert!(core::mem::offset_of!(VmCtx, func_cells) == header::FUNC_CELLS as usize * WORD);
    assert!(core::mem::offset_of!(VmCtx, instance) == header::INSTANCE as usize * WORD);
    assert!(core::mem::offset_of!(VmCtx, builtins) == header::BUILTINS as usize * WORD);
    assert!(core::mem::offset_of!(VmFuncRef, native) == func_ref::NATIVE as usize * WORD);
    assert!(core::mem::offset_of!(VmFuncRef, type_id) == func_ref::TYPE_ID as usize * WORD);
    assert!(size_of::<VmCtx>() == header::LEN as usize * WORD);
    assert!(size_of::<VmFuncRef>() == tiercel_abi::vmctx::func_ref_bytes(WORD as u32) as usize);
    #[cfg(target_pointer_width = "64")]
    {
        use tiercel_abi::vmctx::store;
        assert!(core::mem::offset_of!(VmStore, native_stack_limit) == store::NATIVE_STACK_LIMIT as usize);
        assert!(core::mem::offset_of!(VmStore, fuel) == store::FUEL as usize);
        assert!(core::mem::offset_of!(VmStore, epoch) == store::EPOCH as usize);
        assert!(core::mem::offset_of!(VmStore, epoch_deadline) == store::EPOCH_DEADLINE as usize);
        assert!(core::mem::offset_of!(VmStore, exit_fp) == store::EXIT_FP as usize);
        assert!(core::mem::offset_of!(VmStore, entry_fp) == store::ENTRY_FP as usize);
        assert!(core::mem::offset_of!(VmStore, gc_base) == store::GC_BASE as usize);
        assert!(core::mem::offset_of!(VmStore, gc_next) == store::GC_NEXT as usize);
        assert!(core::mem::offset_of!(VmStore, gc_limit) == store::GC_LIMIT as usize);
        assert!(core::mem::offset_of!(VmStore, gc_types) == store::GC_TYPES as usize);
        assert!(core::mem::offset_of!(VmStore, gc_value) == store::GC_VALUE as usize);
        assert!(core::mem::offset_of!(VmStore, raise) == store::RAISE as usize);
        #[cfg(native)]
        assert!(core::mem::offset_of!(VmStore, trapped) == store::TRAPPED as usize);
    }
    assert!(size_of::<VmGlobal>() == tiercel_abi::vmctx::GLOBAL_BYTES as usize);
};
