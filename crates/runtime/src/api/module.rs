//! Checked code that instances are made from.

use super::config::Tier;
use super::decode::decode;
use super::engine::Engine;
use super::error::Result;
use super::types::{ExportType, ExternType, ImportType};
use crate::gc::TypeLayout;
use crate::interp::ModuleCode;
use crate::sync::Lazy;
use crate::vm::{Blocks, Entries, Template};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::ops::{Deref, Range};
use tiercel_abi::VmctxLayout;
use tiercel_abi::vmctx::VmctxShape;
use tiercel_wasm::encoding::Ranges;
use tiercel_wasm::module::Entity;
use tiercel_wasm::{ModuleInfo, TypeDef};

/// Checked code that instances are made from. Cheap to clone: clones share everything.
#[derive(Clone)]
pub struct Module(pub(crate) Arc<ModuleInner>);

/// What all instances of a module share.
pub struct ModuleInner {
    /// The engine it was made for.
    pub engine: Engine,
    /// Everything outside the function bodies.
    pub info: ModuleInfo,
    /// What ranges in `info` refer to, but for bodies, which are in the module always.
    pub bytes: Bytes,
    /// What `bytes` are.
    pub ranges: Ranges,
    /// Where things are in the vmctx.
    pub layout: VmctxLayout,
    /// What the objects of its types look like, in the order of the type section.
    pub type_layouts: Box<[Arc<TypeLayout>]>,
    /// The types, by index, that a store has to know for casts and collections.
    pub gc_types: Box<[u32]>,
    /// What memories and tables of its instances hold at first.
    pub template: Template,
    /// Where vmctxs of its instances lie.
    pub blocks: Blocks,
    /// The interpreter's code of the functions.
    pub code: ModuleCode,
    /// The compiled code of the functions, in an engine that has any.
    #[cfg(native)]
    pub native: Option<crate::native::NativeModule>,
    /// Where it is kept when it has hot functions; nowhere if this is empty.
    #[cfg(all(native, feature = "cache"))]
    pub keep: std::sync::OnceLock<super::keep::Keep>,
    /// Whether the interpreter's code is plain.
    pub plain: bool,
    /// Whether code consumes fuel.
    pub fuel: bool,
    /// Whether code looks at the epoch.
    pub epochs: bool,
    /// For each function its place among the func refs of the vmctx, or `NO_FUNC_REF`.
    func_ref_index: Box<[u32]>,
    /// Indices into `info.exports`, by name.
    exports_by_name: Box<[u32]>,
    names: Lazy<Names>,
}

/// Bytes that a module keeps.
pub enum Bytes {
    /// In memory of its own.
    Own(Box<[u8]>),
    /// Part of an artifact.
    #[cfg(native)]
    Mapped(Arc<crate::sys::Mapping>, Range<usize>),
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::Own(bytes.into())
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Bytes::Own(bytes) => bytes,
            #[cfg(native)]
            Bytes::Mapped(artifact, part) => &artifact[part.clone()],
        }
    }
}

/// The machine code of a module.
pub enum Code {
    /// Is to be made, if the engine has any.
    Compile,
    /// Is to be made, all of it, if the engine has any.
    #[cfg(native)]
    Ahead,
    /// Is there, or has to be done without.
    #[cfg(native)]
    Image(Option<(Box<crate::native::Image>, Tier)>),
}

/// An export of a module that has been looked up once; see [`Module::get_export_index`].
#[derive(Clone, Debug)]
pub struct ModuleExport {
    pub(crate) module: Module,
    pub(crate) entity: Entity,
}

/// The stages of the compiler, in order, as [`Module::explain`] names them; none where nothing is compiled.
#[cfg(native)]
pub const STAGES: &[&str] = tiercel_compiler::compile::STAGES;
/// The stages of the compiler, in order, as [`Module::explain`] names them; none where nothing is compiled.
#[cfg(not(native))]
pub const STAGES: &[&str] = &[];

/// Marks a function whose reference is never taken.
const NO_FUNC_REF: u32 = u32::MAX;

/// The name section: ranges of the module's bytes.
#[derive(Default)]
pub struct Names {
    module: Option<Range<usize>>,
    /// By function index, ascending.
    funcs: Vec<(u32, Range<usize>)>,
}

impl Module {
    /// Checks a module in the binary format, or, with the feature `wat`, in the text format. With [`Config::allow_precompiled`] it may be an
    /// artifact, too.
    ///
    /// [`Config::allow_precompiled`]: crate::Config::allow_precompiled
    ///
    /// # Errors
    /// The bytes are malformed, invalid, or need something that the engine does not have.
    pub fn new(engine: &Engine, bytes: impl AsRef<[u8]>) -> Result<Module> {
        let bytes = bytes.as_ref();
        if Engine::detect_precompiled(bytes).is_some() {
            engine.check_precompiled_allowed()?;
            return Self::load_artifact(engine, bytes);
        }
        #[cfg(feature = "wat")]
        return Self::from_vec(engine, wat::parse_bytes(bytes)?.into_owned());
        #[cfg(not(feature = "wat"))]
        return Self::from_binary(engine, bytes).map_err(|error| match bytes.starts_with(b"\0asm") {
            true => error,
            false => error.context("not the binary format; the text format needs the feature `wat` of this crate"),
        });
    }

    /// Checks the module in a file, as [`Module::new`].
    ///
    /// # Errors
    /// The file cannot be read, and those of [`Module::new`].
    #[cfg(feature = "std")]
    pub fn from_file(engine: &Engine, file: impl AsRef<std::path::Path>) -> Result<Module> {
        use super::error::Context;
        let file = file.as_ref();
        let bytes = match Self::read_file(file).with_context(|| alloc::format!("cannot read `{}`", file.display()))? {
            Some(bytes) => bytes,
            None => {
                let cannot_load = || alloc::format!("cannot load `{}`", file.display());
                engine.check_precompiled_allowed().with_context(cannot_load)?;
                return Self::load_artifact_file(engine, file);
            }
        };
        #[cfg(feature = "wat")]
        let bytes = match wat::parse_bytes(&bytes) {
            Ok(alloc::borrow::Cow::Borrowed(_)) => bytes,
            Ok(alloc::borrow::Cow::Owned(binary)) => binary,
            Err(mut error) => {
                error.set_path(file);
                return Err(error.into());
            }
        };
        Self::from_vec(engine, bytes).with_context(|| alloc::format!("cannot load `{}`", file.display()))
    }

    /// All of a file, unless it is an artifact.
    #[cfg(feature = "std")]
    fn read_file(file: &std::path::Path) -> std::io::Result<Option<Vec<u8>>> {
        use std::io::Read;
        let mut file = std::fs::File::open(file)?;
        let start = tiercel_abi::artifact::MAGIC.len();
        let mut bytes = Vec::with_capacity(file.metadata().map_or(0, |metadata| metadata.len() as usize) + 1);
        file.by_ref().take(start as u64).read_to_end(&mut bytes)?;
        if Engine::detect_precompiled(&bytes).is_some() {
            return Ok(None);
        }
        file.read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    /// Checks a module in the binary format.
    ///
    /// # Errors
    /// The bytes are malformed, invalid, or need something that the engine does not have.
    pub fn from_binary(engine: &Engine, binary: &[u8]) -> Result<Module> {
        Self::from_vec(engine, binary.to_vec())
    }

    /// Checks a module in the binary format and forgets it again.
    ///
    /// # Errors
    /// As [`Module::from_binary`].
    pub fn validate(engine: &Engine, binary: &[u8]) -> Result<()> {
        decode(engine, binary)?;
        Ok(())
    }

    fn from_vec(engine: &Engine, bytes: Vec<u8>) -> Result<Module> {
        #[cfg(feature = "cache")]
        let (bytes, cache) = {
            let mut bytes = bytes;
            let cache = engine.config().cache.as_ref().filter(|_| engine.compiles());
            let cache = cache.map(|cache| (cache, super::cache::Key::new(engine, &bytes)));
            if let Some((cache, key)) = &cache
                && let Some(module) = cache.load(engine, key, &mut bytes)?
            {
                return Ok(module);
            }
            (bytes, cache)
        };
        let info = decode(engine, &bytes)?;
        let module = Self::assemble(engine, info, bytes.into(), Ranges::Module, Code::Compile)?;
        #[cfg(feature = "cache")]
        if let Some((cache, key)) = cache {
            match module.tier() {
                // What is compiled when it is called is not there yet.
                #[cfg(native)]
                Tier::Auto => drop(module.0.keep.set(super::keep::Keep::new(cache.clone(), key))),
                _ => cache.store(&key, &module),
            }
        }
        if engine.config().through_artifacts {
            return Self::load_artifact(engine, &module.serialize()?);
        }
        Ok(module)
    }

    /// Keeps a small module of the tier `auto` in the cache, if it is to be there and is not yet. For programs that are about to end: the next process
    /// then compiles nothing. It takes some milliseconds, once for all processes.
    #[cfg(feature = "cache")]
    pub fn keep(&self) {
        #[cfg(native)]
        super::keep::at_end(self);
    }

    /// The same module with all functions compiled.
    #[cfg(native)]
    pub(crate) fn ahead(&self) -> Result<Module> {
        let (engine, bytes) = (&self.0.engine, self.0.bytes.to_vec());
        let info = decode(engine, &bytes)?;
        Self::assemble(engine, info, bytes.into(), Ranges::Module, Code::Ahead)
    }

    /// A module from what is known to be right.
    pub(crate) fn assemble(
        engine: &Engine,
        info: ModuleInfo,
        bytes: Bytes,
        ranges: Ranges,
        code: Code,
    ) -> Result<Module> {
        let shape = VmctxShape {
            imported_funcs: info.imported.funcs,
            memories: info.memories.len() as u32,
            tables: info.tables.len() as u32,
            imported_globals: info.imported.globals,
            own_globals: info.global_inits.len() as u32,
            func_refs: info.escaping.len() as u32,
            types: info.types.len() as u32,
        };
        let mut func_ref_index = alloc::vec![NO_FUNC_REF; info.funcs.len()];
        for (index, &func) in info.escaping.iter().enumerate() {
            func_ref_index[func as usize] = index as u32;
        }
        let mut exports_by_name: Box<[u32]> = (0..info.exports.len() as u32).collect();
        exports_by_name.sort_unstable_by_key(|&i| info.exports[i as usize].name.as_str());
        let layout = VmctxLayout::new(size_of::<usize>() as u32, shape);
        #[cfg(not(native))]
        let Code::Compile = code;
        Ok(Module(Arc::new(ModuleInner {
            #[cfg(native)]
            native: match (engine.native(), code) {
                (Some(native), Code::Compile) => Some(native.compile(engine.config(), &info, &bytes, &layout)?),
                (Some(native), Code::Ahead) => Some(native.compile_ahead(engine.config(), &info, &bytes, &layout)?),
                (Some(native), Code::Image(Some((image, tier)))) => Some(native.module(&info, Some(image), tier)?),
                (Some(native), Code::Image(None)) => Some(native.module(&info, None, Tier::Interp)?),
                (None, _) => None,
            },
            engine: engine.clone(),
            bytes,
            ranges,
            layout,
            type_layouts: info.type_defs.iter().map(|def| Arc::new(TypeLayout::new(&def.ty.composite))).collect(),
            gc_types: gc_types(&info),
            template: Template::default(),
            blocks: Blocks::new(&layout),
            code: ModuleCode::new(&info),
            #[cfg(all(native, feature = "cache"))]
            keep: std::sync::OnceLock::new(),
            plain: engine.config().plain_interpreter,
            fuel: engine.config().consume_fuel,
            epochs: engine.config().epoch_interruption,
            func_ref_index: func_ref_index.into(),
            exports_by_name,
            names: Lazy::new(),
            info,
        })))
    }

    /// Compiles a function, by its index, for people to look at: `print` gets the name of each stage of the compiler and the text of the
    /// function after it. The result is the function's machine code; none if it is imported, or the engine does not compile.
    ///
    /// # Errors
    /// The compiler does not support something in the function.
    pub fn explain(
        &self,
        func: u32,
        print: &mut dyn FnMut(&'static str, &dyn fmt::Display),
    ) -> Result<Option<Vec<u8>>> {
        #[cfg(native)]
        if let (Some(native), Some(body)) = (self.0.engine.native(), self.0.info.defined_func(func)) {
            if self.0.ranges != Ranges::Module {
                return Err(super::error::Error::unsupported(
                    "the module comes from an artifact, which has its machine code alone",
                ));
            }
            let tier = self.tier();
            return native.explain(tier, &self.0.info, &self.0.bytes, &self.0.layout, body, print).map(Some);
        }
        let _ = (func, print);
        Ok(None)
    }

    /// The functions that have machine code: the index of each and the addresses of its code in this process, ascending. For profilers.
    pub fn code_ranges(&self) -> Vec<(u32, Range<usize>)> {
        #[cfg(native)]
        if let Some(native) = &self.0.native {
            let first = self.0.info.imported.funcs;
            return native.code_ranges().into_iter().map(|(body, range)| (first + body, range)).collect();
        }
        Vec::new()
    }

    /// How many functions there are, imported ones included, and the name of each in the name section.
    pub fn functions(&self) -> impl ExactSizeIterator<Item = Option<&str>> + '_ {
        (0..self.0.info.funcs.len() as u32).map(|func| self.0.func_name(func))
    }

    /// The engine it was made for.
    pub fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// What runs its functions: the engine's tier, or the interpreter if that one cannot.
    pub fn tier(&self) -> Tier {
        #[cfg(native)]
        if let Some(native) = self.0.native.as_ref().filter(|native| native.is_compiled()) {
            return native.tier;
        }
        Tier::Interp
    }

    /// The name that the module gives itself in its name section.
    pub fn name(&self) -> Option<&str> {
        text(&self.0.bytes, self.0.names().module.clone()?)
    }

    /// What the module asks for, in order.
    pub fn imports(&self) -> impl ExactSizeIterator<Item = ImportType<'_>> + '_ {
        self.0.info.imports.iter().map(|import| ImportType {
            module: &import.module,
            name: &import.name,
            ty: ExternType::new(&self.0.engine, &import.ty),
        })
    }

    /// What the module offers, in order.
    pub fn exports(&self) -> impl ExactSizeIterator<Item = ExportType<'_>> + '_ {
        self.0.info.exports.iter().map(|export| ExportType { name: &export.name, ty: self.extern_type(export.entity) })
    }

    /// The type of the export called `name`.
    pub fn get_export(&self, name: &str) -> Option<ExternType> {
        Some(self.extern_type(self.0.export(name)?))
    }

    /// The place of the export called `name`, for [`Instance::get_module_export`](crate::Instance::get_module_export).
    pub fn get_export_index(&self, name: &str) -> Option<ModuleExport> {
        Some(ModuleExport { module: self.clone(), entity: self.0.export(name)? })
    }

    /// The contents of the custom sections called `name`.
    pub fn custom_sections<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> + 'a {
        let sections = self.0.info.custom.iter().filter(move |(section, _)| section == name);
        sections.map(|(_, range)| &self.0.bytes[range.start as usize..range.end as usize])
    }

    fn extern_type(&self, entity: Entity) -> ExternType {
        ExternType::new(&self.0.engine, &self.0.info.entity_type(entity))
    }
}

/// Structs, arrays, and functions that take part in subtyping.
fn gc_types(info: &ModuleInfo) -> Box<[u32]> {
    let matters = |def: &TypeDef| def.func().is_none() || def.depth() > 0 || !def.ty.is_final;
    (0..info.type_defs.len() as u32).filter(|&index| matters(&info.type_defs[index as usize])).collect()
}

impl ModuleInner {
    /// The bytes of a data segment.
    pub fn data(&self, segment: u32) -> &[u8] {
        let range = &self.info.data[segment as usize].range;
        &self.bytes[range.start as usize..range.end as usize]
    }

    /// What is exported under `name`.
    pub fn export(&self, name: &str) -> Option<Entity> {
        let exports = &self.info.exports;
        let found = self.exports_by_name.binary_search_by(|&i| exports[i as usize].name.as_str().cmp(name)).ok()?;
        Some(exports[self.exports_by_name[found] as usize].entity)
    }

    /// The place of a function among the func refs of the vmctx; none if its reference is never taken.
    pub fn func_ref_index(&self, func: u32) -> Option<u32> {
        Some(self.func_ref_index[func as usize]).filter(|&index| index != NO_FUNC_REF)
    }

    /// How the function at this place of `info.escaping` is reached.
    pub fn entries(&self, place: usize) -> Entries {
        #[cfg(native)]
        if let Some(native) = &self.native {
            return native.entries(place);
        }
        let _ = place;
        Entries::NONE
    }

    /// The name that the name section gives a function.
    pub fn func_name(&self, func: u32) -> Option<&str> {
        self.names().func(func, &self.bytes)
    }

    fn names(&self) -> &Names {
        self.names.get(|| Names::new(&self.info, &self.bytes))
    }
}

impl Names {
    /// Those of a module; ranges of `info` refer to `bytes`.
    pub fn new(info: &ModuleInfo, bytes: &[u8]) -> Names {
        let mut names = Names::default();
        if let Some(section) = info.custom_section("name") {
            // A name section may be broken; what came before the damage still serves.
            let _ = names.read(bytes, section);
        }
        names.funcs.sort_by_key(|(index, _)| *index);
        names
    }

    /// The name of a function.
    pub fn func<'a>(&self, func: u32, bytes: &'a [u8]) -> Option<&'a str> {
        let found = self.funcs.binary_search_by_key(&func, |(index, _)| *index).ok()?;
        text(bytes, self.funcs[found].1.clone())
    }

    fn read(&mut self, bytes: &[u8], section: Range<usize>) -> Result<(), wasmparser::Error> {
        use wasmparser::{BinaryReader, Name, NameSectionReader};
        let place = |name: &str| {
            let start = name.as_ptr() as usize - bytes.as_ptr() as usize;
            start..start + name.len()
        };
        let reader = BinaryReader::new(&bytes[section.clone()], section.start as u64);
        for subsection in NameSectionReader::new(reader) {
            match subsection? {
                Name::Module { name, .. } => self.module = Some(place(name)),
                Name::Function(map) => {
                    for naming in map {
                        let naming = naming?;
                        self.funcs.push((naming.index, place(naming.name)));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn text(bytes: &[u8], range: Range<usize>) -> Option<&str> {
    core::str::from_utf8(bytes.get(range)?).ok()
}

impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module").field("name", &self.name()).field("len_bytes", &self.0.bytes.len()).finish()
    }
}
