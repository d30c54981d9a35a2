//! The proposals a user can switch, each in one row: name, meaning, whether this engine runs it, default.

use wasmparser::WasmFeatures;

macro_rules! features {
    ($($variant:ident, $name:literal, $flags:expr, $supported:literal, $default:literal, $doc:literal;)*) => {
        /// A WebAssembly proposal that can be switched on and off.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Feature { $(#[doc = $doc] $variant,)* }

        impl Feature {
            /// Every proposal, in the order of the table.
            pub const ALL: &[Feature] = &[$(Feature::$variant,)*];

            /// The name users write, as in `-W NAME=y`.
            pub const fn name(self) -> &'static str {
                match self { $(Feature::$variant => $name,)* }
            }

            /// What the proposal adds, in a few words.
            pub const fn doc(self) -> &'static str {
                match self { $(Feature::$variant => $doc,)* }
            }

            /// Whether this engine runs modules that use the proposal.
            pub const fn is_supported(self) -> bool {
                match self { $(Feature::$variant => $supported,)* }
            }

            const fn is_default(self) -> bool {
                match self { $(Feature::$variant => $default,)* }
            }

            const fn flags(self) -> WasmFeatures {
                match self { $(Feature::$variant => $flags,)* }
            }
        }
    };
}

features! {
    MutableGlobal, "mutable-global", WasmFeatures::MUTABLE_GLOBAL, true, true, "import and export of mutable globals";
    SaturatingFloatToInt, "saturating-float-to-int", WasmFeatures::SATURATING_FLOAT_TO_INT, true, true, "conversions that saturate instead of trapping";
    SignExtension, "sign-extension", WasmFeatures::SIGN_EXTENSION, true, true, "sign extension of 8, 16 and 32 bits";
    ReferenceTypes, "reference-types", WasmFeatures::REFERENCE_TYPES, true, true, "references as values, several tables";
    MultiValue, "multi-value", WasmFeatures::MULTI_VALUE, true, true, "blocks and functions with several results";
    BulkMemory, "bulk-memory", WasmFeatures::BULK_MEMORY, true, true, "memory.copy, table.init and their kin";
    Simd, "simd", WasmFeatures::SIMD, true, true, "128-bit vectors";
    RelaxedSimd, "relaxed-simd", WasmFeatures::RELAXED_SIMD, true, true, "vector operations whose edge cases a host may choose";
    TailCall, "tail-call", WasmFeatures::TAIL_CALL, true, true, "return_call and return_call_indirect";
    MultiMemory, "multi-memory", WasmFeatures::MULTI_MEMORY, true, true, "several linear memories in a module";
    Memory64, "memory64", WasmFeatures::MEMORY64, true, true, "64-bit memories and tables";
    ExtendedConst, "extended-const", WasmFeatures::EXTENDED_CONST, true, true, "arithmetic in constant expressions";
    WideArithmetic, "wide-arithmetic", WasmFeatures::WIDE_ARITHMETIC, true, true, "128-bit addition, subtraction and products";
    CustomPageSizes, "custom-page-sizes", WasmFeatures::CUSTOM_PAGE_SIZES, true, false, "memories with pages of one byte";
    CompactImports, "compact-imports", WasmFeatures::COMPACT_IMPORTS, true, false, "a shorter encoding of the import section";
    FunctionReferences, "function-references", WasmFeatures::FUNCTION_REFERENCES, true, true, "typed function references";
    Gc, "gc", WasmFeatures::GC, true, true, "structs, arrays and their collector";
    Exceptions, "exceptions", WasmFeatures::EXCEPTIONS, false, false, "exceptions with exnref";
    LegacyExceptions, "legacy-exceptions", WasmFeatures::LEGACY_EXCEPTIONS, false, false, "exceptions as browsers first had them";
    Threads, "threads", WasmFeatures::THREADS, false, false, "shared memories and atomic accesses";
    SharedEverythingThreads, "shared-everything-threads", WasmFeatures::SHARED_EVERYTHING_THREADS, false, false, "shared tables, globals and functions";
    StackSwitching, "stack-switching", WasmFeatures::STACK_SWITCHING, false, false, "continuations";
    MemoryControl, "memory-control", WasmFeatures::MEMORY_CONTROL, false, false, "memory.discard";
    CustomDescriptors, "custom-descriptors", WasmFeatures::CUSTOM_DESCRIPTORS, false, false, "type descriptors for GC objects";
}

/// The set of proposals that are switched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Features(WasmFeatures);

impl Default for Features {
    /// WebAssembly 2.0 and the finished proposals that this engine runs.
    fn default() -> Self {
        let mut features = Features::mvp();
        for &feature in Feature::ALL {
            features.set(feature, feature.is_default());
        }
        features
    }
}

impl Features {
    /// WebAssembly 1.0 without any later proposal.
    pub fn mvp() -> Self {
        Features(WasmFeatures::FLOATS | WasmFeatures::GC_TYPES)
    }

    /// Switches one proposal.
    pub fn set(&mut self, feature: Feature, on: bool) {
        self.0.set(feature.flags(), on);
    }

    /// Whether `feature` is switched on.
    pub fn has(&self, feature: Feature) -> bool {
        self.0.contains(feature.flags())
    }

    /// A proposal that is switched on although this engine cannot run it.
    pub fn unsupported(&self) -> Option<Feature> {
        Feature::ALL.iter().copied().find(|f| self.has(*f) && !f.is_supported())
    }

    pub(crate) fn wasmparser(&self) -> WasmFeatures {
        self.0
    }
}

/// The name of the proposal that wasmparser misses.
pub(crate) fn name_of(flags: WasmFeatures) -> Option<&'static str> {
    Feature::ALL.iter().find(|f| f.flags().intersects(flags)).map(|f| f.name())
}
