//! The layout of an instance as code sees it: one flat block, the *vmctx*.
//!
//! ```text
//! header           fixed places, below
//! imported funcs   one pointer to a VmFuncRef each
//! memories         one pointer to a VmMemory each, imported and own alike
//! tables           one pointer to a VmTable each, imported and own alike
//! imported globals one pointer to a VmGlobal each
//! own globals      16 bytes each, aligned to 16
//! func refs        one VmFuncRef for each function of ModuleInfo::escaping
//! type ids         the number of each type of the module, u32, by which the engine knows it: code has none of them in it
//! ```
//! Offsets are in bytes; a pointer has `pointer_bytes` of them. The runtime's `vm::vmctx` holds the structures that these
//! offsets point at and asserts that they agree.

/// What a module has of each kind.
#[derive(Clone, Copy, Debug, Default)]
pub struct VmctxShape {
    /// Imported functions.
    pub imported_funcs: u32,
    /// Memories, imported and own.
    pub memories: u32,
    /// Tables, imported and own.
    pub tables: u32,
    /// Imported globals.
    pub imported_globals: u32,
    /// Own globals.
    pub own_globals: u32,
    /// Functions whose reference can be taken.
    pub func_refs: u32,
    /// Types of the module's type section.
    pub types: u32,
}

/// Header fields, in units of a pointer from the vmctx's start.
pub mod header {
    /// `*mut VmStore`.
    pub const STORE: u32 = 0;
    /// The first byte of memory 0 (where memories never move).
    pub const MEMORY0_BASE: u32 = 1;
    /// `*mut VmMemory` of memory 0.
    pub const MEMORY0: u32 = 2;
    /// `*mut VmTable` of table 0.
    pub const TABLE0: u32 = 3;
    /// The module's code cells, one for each function that is not imported.
    pub const FUNC_CELLS: u32 = 4;
    /// The runtime's own record of the instance.
    pub const INSTANCE: u32 = 5;
    /// The routines that compiled code calls: a pointer for each `Builtin`, in the order of its table.
    pub const BUILTINS: u32 = 6;
    /// Pointers in the header.
    pub const LEN: u32 = 7;
}

/// Fields of a `VmStore`, in bytes, for 64-bit hosts.
pub mod store {
    /// The address below which the native stack may not grow; 0 while no guest runs.
    pub const NATIVE_STACK_LIMIT: u32 = 0;
    /// Fuel left, `i64`.
    pub const FUEL: u32 = 8;
    /// `*const` the engine's epoch, `u64`.
    pub const EPOCH: u32 = 16;
    /// The epoch at which the guest is stopped, `u64`.
    pub const EPOCH_DEADLINE: u32 = 24;
    /// Frame pointer of the stub through which compiled code called the host last.
    pub const EXIT_FP: u32 = 32;
    /// Frame pointer of the stub through which compiled code was entered last, and which returns when the guest is stopped.
    pub const ENTRY_FP: u32 = 40;
    /// Where offset 0 of the collected heap is. It changes whenever the heap is collected.
    pub const GC_BASE: u32 = 48;
    /// The offset of the next object, `u64`.
    pub const GC_NEXT: u32 = 56;
    /// Where objects have to end, `u64`; not below the offset of the next object.
    pub const GC_LIMIT: u32 = 64;
    /// What is known of types, by their numbers: a pointer to entries as in [`heap::ty`](crate::heap::ty).
    pub const GC_TYPES: u32 = 72;
    /// A value on its way to a routine that fills an array, 16 bytes.
    pub const GC_VALUE: u32 = 80;
    /// What code calls to stop its guest in engines without signals; see the compiler's `stubs::raise`.
    pub const RAISE: u32 = 96;
    /// Where a guest was stopped: the instruction, the frame pointer, where a function without a frame returns to.
    pub const TRAPPED: u32 = 104;
}

/// Fields of a `VmFuncRef`, in units of a pointer.
pub mod func_ref {
    /// A guest function: the instance's vmctx.
    pub const VMCTX: u32 = 0;
    /// Its code cell.
    pub const CELL: u32 = 1;
    /// How it is called with its arguments in slots.
    pub const HOST: u32 = 2;
    /// Its entry for compiled code of any instance.
    pub const NATIVE: u32 = 3;
    /// Its type, `u32`; then the index of its body, `u32`.
    pub const TYPE_ID: u32 = 4;
    /// Only behind that of a host function: how it is called with its arguments in registers, if it can be.
    pub const IN_REGISTERS: u32 = 5;
}

/// Fields of what says how code goes on that replaces a frame, in units of a pointer.
pub mod replacement {
    /// The address of the code.
    pub const ENTRY: u32 = 0;
    /// The stack pointer as the old function's caller had it before it pushed arguments.
    pub const CALLER_SP: u32 = 1;
    /// The caller's frame pointer.
    pub const CALLER_FP: u32 = 2;
    /// Where the code returns to.
    pub const RETURN_ADDRESS: u32 = 3;
    /// The address of the buffer of results, if there is one.
    pub const BUFFER: u32 = 4;
    /// The arguments, words as they are to lie on the stack, and how many there are.
    pub const ARGUMENTS: u32 = 5;
    /// How many there are.
    pub const ARGUMENT_WORDS: u32 = 6;
    /// The registers that functions preserve, as the caller had them: those that the baseline compiler uses.
    pub const KEPT: u32 = 7;
    /// So many at most, on any instruction set.
    pub const MOST_KEPT: u32 = 10;
}

/// Bytes of a global.
pub const GLOBAL_BYTES: u32 = 16;

/// Bytes of a type's number.
pub const TYPE_ID_BYTES: u32 = 4;

/// Offsets of everything in the vmctx of one module.
#[derive(Clone, Copy, Debug, Default)]
pub struct VmctxLayout {
    pointer_bytes: u32,
    shape: VmctxShape,
    imported_funcs: u32,
    memories: u32,
    tables: u32,
    imported_globals: u32,
    own_globals: u32,
    func_refs: u32,
    type_ids: u32,
    size: u32,
}

impl VmctxLayout {
    /// Lays out the vmctx of a module with this shape.
    pub fn new(pointer_bytes: u32, shape: VmctxShape) -> Self {
        let imported_funcs = header::LEN * pointer_bytes;
        let memories = imported_funcs + shape.imported_funcs * pointer_bytes;
        let tables = memories + shape.memories * pointer_bytes;
        let imported_globals = tables + shape.tables * pointer_bytes;
        let own_globals = (imported_globals + shape.imported_globals * pointer_bytes).next_multiple_of(GLOBAL_BYTES);
        let func_refs = own_globals + shape.own_globals * GLOBAL_BYTES;
        let type_ids = func_refs + shape.func_refs * func_ref_bytes(pointer_bytes);
        let size = (type_ids + shape.types * TYPE_ID_BYTES).next_multiple_of(GLOBAL_BYTES);
        VmctxLayout {
            pointer_bytes,
            shape,
            imported_funcs,
            memories,
            tables,
            imported_globals,
            own_globals,
            func_refs,
            type_ids,
            size,
        }
    }

    /// Where the pointer to an imported function is.
    pub fn imported_func(&self, func: u32) -> u32 {
        debug_assert!(func < self.shape.imported_funcs);
        self.imported_funcs + func * self.pointer_bytes
    }

    /// Where the pointer to a memory is.
    pub fn memory(&self, memory: u32) -> u32 {
        debug_assert!(memory < self.shape.memories);
        self.memories + memory * self.pointer_bytes
    }

    /// Where the pointer to a table is.
    pub fn table(&self, table: u32) -> u32 {
        debug_assert!(table < self.shape.tables);
        self.tables + table * self.pointer_bytes
    }

    /// Where the pointer to an imported global is.
    pub fn imported_global(&self, global: u32) -> u32 {
        debug_assert!(global < self.shape.imported_globals);
        self.imported_globals + global * self.pointer_bytes
    }

    /// Where own global number `index` (not counting imports) is.
    pub fn own_global(&self, index: u32) -> u32 {
        debug_assert!(index < self.shape.own_globals);
        self.own_globals + index * GLOBAL_BYTES
    }

    /// Where the first `VmFuncRef` is: what comes before is an instance's own, what comes from there on is the same for each in this place.
    pub fn func_refs(&self) -> u32 {
        self.func_refs
    }

    /// Where the `VmFuncRef` of the escaping function number `index` is.
    pub fn func_ref(&self, index: u32) -> u32 {
        debug_assert!(index < self.shape.func_refs);
        self.func_refs + index * func_ref_bytes(self.pointer_bytes)
    }

    /// Where the number of type `index` of the module is.
    pub fn type_id(&self, index: u32) -> u32 {
        debug_assert!(index < self.shape.types);
        self.type_ids + index * TYPE_ID_BYTES
    }

    /// Bytes of the whole block.
    pub fn size(&self) -> u32 {
        self.size
    }
}

/// Bytes of a `VmFuncRef`: four pointers and two 32-bit numbers.
pub const fn func_ref_bytes(pointer_bytes: u32) -> u32 {
    func_ref::TYPE_ID * pointer_bytes + 8
}
