//! Compiled modules as bytes: artifacts, written and loaded.
//!
//! An artifact is for one version of the engine, one kind of CPU and one configuration; anything else is refused with the reason. The format is in
//! [`tiercel_abi::artifact`]. Where there is a file, it is mapped: code and tables are used in place, nothing is copied or relocated.

use super::engine::Engine;
use super::error::{Error, Result};
use super::module::{Bytes, Code, Module};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use tiercel_abi::artifact::{Header, Isa, MAGIC, Parts, Refusal, SECTIONS, Section};
use tiercel_wasm::encoding::{self, Ranges};
use tiercel_wasm::{Feature, Features};

/// Which engine an artifact is for: its version and what it was built from.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "+", env!("TIERCEL_BUILD_ID"));

/// Why an artifact is not taken for a module.
const PRECOMPILED: &str = "it is a compiled artifact, whose machine code would run as it is: allow that by the option \
                           `--allow-precompiled` or `Config::allow_precompiled`, for files that are trusted as programs are";

/// What compiled bytes are; see [`Engine::detect_precompiled`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Precompiled {
    /// A module.
    Module,
}

impl Engine {
    /// Compiles a module, as [`Module::new`], for [`Module::deserialize`]. The same bytes and configuration give the same artifact.
    ///
    /// # Errors
    /// Those of [`Module::new`].
    pub fn precompile_module(&self, bytes: &[u8]) -> Result<Vec<u8>> {
        Module::new(self, bytes)?.serialize()
    }

    /// Whether bytes are an artifact, by how they start.
    pub fn detect_precompiled(bytes: &[u8]) -> Option<Precompiled> {
        bytes.starts_with(&MAGIC).then_some(Precompiled::Module)
    }

    /// Whether a file is an artifact, by how it starts.
    ///
    /// # Errors
    /// The file cannot be read.
    #[cfg(feature = "std")]
    pub fn detect_precompiled_file(path: impl AsRef<std::path::Path>) -> Result<Option<Precompiled>> {
        use super::error::Context;
        use std::io::Read;
        let path = path.as_ref();
        let mut start = Vec::new();
        std::fs::File::open(path)
            .and_then(|file| file.take(MAGIC.len() as u64).read_to_end(&mut start))
            .with_context(|| format!("cannot read `{}`", path.display()))?;
        Ok(Engine::detect_precompiled(&start))
    }

    /// # Errors
    /// The configuration says nothing of artifacts.
    pub(crate) fn check_precompiled_allowed(&self) -> Result<()> {
        match self.config().allow_precompiled {
            true => Ok(()),
            false => Err(Error::unsupported(PRECOMPILED)),
        }
    }

    /// What compiled code depends on beyond the target: proposals, and how it is made.
    pub(crate) fn settings(&self) -> String {
        let mut settings = String::from("proposals: default");
        let (ours, default) = (self.config().features(), Features::default());
        for &feature in Feature::ALL.iter().filter(|feature| ours.has(**feature) != default.has(**feature)) {
            settings += if ours.has(feature) { " +" } else { " -" };
            settings += feature.name();
        }
        settings += ", tier: ";
        settings += self.config().tier.name();
        #[cfg(native)]
        if let Some(native) = self.native() {
            settings += ", ";
            settings += &native.settings();
        }
        settings
    }

    /// Whether this engine can use an artifact.
    fn accept(&self, header: &Header<'_>) -> Result<()> {
        if header.version != VERSION {
            let theirs = header.version;
            return Err(Error::unsupported(format!(
                "it was compiled by version {theirs} of the engine, and this is {VERSION}: compile the module again"
            )));
        }
        let own_isa = if cfg!(target_arch = "aarch64") { Isa::Aarch64 } else { Isa::X64 };
        if header.isa != Isa::None && header.isa != own_isa {
            return Err(Error::unsupported(format!(
                "it was compiled for {}, and this CPU is a {}",
                header.isa.name(),
                std_arch()
            )));
        }
        let settings = self.settings();
        if header.settings != settings {
            let pieces = |text| str::split(text, ", ");
            let differs = pieces(header.settings).zip(pieces(&settings)).find(|(theirs, ours)| theirs != ours);
            let (theirs, ours) = differs.unwrap_or((header.settings, &settings));
            return Err(Error::unsupported(format!(
                "it was compiled with other settings: `{theirs}`, and this engine has `{ours}`"
            )));
        }
        #[cfg(native)]
        if let Some(native) = self.native()
            && let Some(missing) = native.missing_features(header.features)
        {
            return Err(Error::unsupported(format!(
                "it was compiled for a CPU that has {missing}, which this one has not"
            )));
        }
        Ok(())
    }
}

fn std_arch() -> &'static str {
    if cfg!(target_arch = "x86_64") {
        "x86_64"
    } else if cfg!(target_arch = "aarch64") {
        "aarch64"
    } else {
        "CPU of another kind"
    }
}

impl Module {
    /// The module as an artifact: everything that [`Module::deserialize`] needs to make it again without compiling. The module's own bytes are
    /// not part of it, unless the interpreter runs it; nor are custom sections with DWARF.
    ///
    /// # Errors
    /// None.
    pub fn serialize(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.write_artifact(|piece| {
            bytes.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(bytes)
    }

    /// Writes the artifact to a file, which is there whole or not at all.
    ///
    /// # Errors
    /// The file cannot be written; nothing is left behind then.
    #[cfg(feature = "std")]
    pub fn serialize_file(&self, path: impl AsRef<std::path::Path>) -> Result<()> {
        use std::io::Write;
        crate::sys::new_file::write(path.as_ref(), |out| self.write_artifact(|piece| Ok(out.write_all(piece)?)))
    }

    /// Writes the artifact piece by piece.
    pub(crate) fn write_artifact(&self, write: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let inner = &*self.0;
        let has_code = self.has_code();
        let ranges = if has_code { Ranges::Extract } else { inner.ranges };
        let info = encoding::encode(&inner.info, ranges, &inner.engine.types().lock());
        let extract = (ranges == Ranges::Extract).then(|| encoding::extract(&inner.info, &inner.bytes));
        let mut sections: [&[u8]; SECTIONS] = [&[]; SECTIONS];
        for (contents, &section) in sections.iter_mut().zip(Section::ALL) {
            *contents = match section {
                Section::Info => &info,
                Section::Bytes => extract.as_deref().unwrap_or(&inner.bytes),
                section => self.section(section),
            };
        }
        let (isa, features) = if has_code { self.target() } else { (Isa::None, 0) };
        let settings = inner.engine.settings();
        Parts { isa, features, version: VERSION, settings: &settings, sections }.write(write)
    }

    /// The module in an artifact.
    ///
    /// # Errors
    /// The bytes are no artifact, are damaged, or are for another version of the engine, another CPU or another configuration.
    ///
    /// # Safety
    /// The bytes are what [`Module::serialize`] or [`Engine::precompile_module`] has made, unchanged: they hold machine code that is run as it
    /// is. Checks find damage, but not what somebody has made up.
    pub unsafe fn deserialize(engine: &Engine, bytes: impl AsRef<[u8]>) -> Result<Module> {
        Self::load_artifact(engine, bytes.as_ref())
    }

    /// The module in an artifact that is a file. The file is mapped, so that many processes share its pages.
    ///
    /// # Errors
    /// The file cannot be read, and those of [`Module::deserialize`].
    ///
    /// # Safety
    /// As [`Module::deserialize`]. Nobody writes to the file while it is in use; to put another one in its place is no harm.
    #[cfg(feature = "std")]
    pub unsafe fn deserialize_file(engine: &Engine, path: impl AsRef<std::path::Path>) -> Result<Module> {
        Self::load_artifact_file(engine, path.as_ref())
    }

    #[cfg(not(native))]
    fn section(&self, _: Section) -> &[u8] {
        &[]
    }

    #[cfg(not(native))]
    fn has_code(&self) -> bool {
        false
    }

    #[cfg(not(native))]
    fn target(&self) -> (Isa, u32) {
        (Isa::None, 0)
    }

    #[cfg(not(native))]
    pub(crate) fn load_artifact(engine: &Engine, bytes: &[u8]) -> Result<Module> {
        let header = Header::read(bytes)?;
        engine.accept(&header)?;
        header.check(bytes, Section::Info)?;
        header.check(bytes, Section::Bytes)?;
        let (info, contents) = (&bytes[header.range(Section::Info)], &bytes[header.range(Section::Bytes)]);
        let (info, ranges) = decode(info, contents.len(), engine, true)?;
        Module::assemble(engine, info, contents.to_vec().into(), ranges, Code::Compile)
    }

    #[cfg(all(not(native), feature = "std"))]
    pub(crate) fn load_artifact_file(engine: &Engine, path: &std::path::Path) -> Result<Module> {
        use super::error::Context;
        let bytes = std::fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?;
        Self::load_artifact(engine, &bytes).with_context(|| format!("cannot load `{}`", path.display()))
    }
}

/// What a module declares, from the section; `whole` if all of the module has to be there.
fn decode(info: &[u8], len: usize, engine: &Engine, whole: bool) -> Result<(tiercel_wasm::ModuleInfo, Ranges)> {
    let decoded = encoding::decode(info, len, &mut engine.types().lock());
    let fits = decoded.filter(|(_, ranges)| !whole || *ranges == Ranges::Module);
    fits.ok_or_else(|| Refusal::Damaged(Section::Info).into())
}

#[cfg(native)]
mod mapped {
    use super::*;
    use crate::api::error::Context;
    use crate::native::Image;
    use crate::sys::Mapping;
    use alloc::sync::Arc;
    use std::fs::File;
    use std::path::Path;

    impl Module {
        fn image(&self) -> Option<&Image> {
            self.0.native.as_ref()?.image.as_deref()
        }

        pub(super) fn section(&self, section: Section) -> &[u8] {
            self.image().map_or(&[], |image| image.section(section))
        }

        pub(super) fn has_code(&self) -> bool {
            self.image().is_some()
        }

        pub(super) fn target(&self) -> (Isa, u32) {
            self.0.engine.native().map_or((Isa::None, 0), |native| native.target())
        }

        pub(crate) fn load_artifact(engine: &Engine, bytes: &[u8]) -> Result<Module> {
            // Before anything is copied.
            engine.accept(&Header::read(bytes)?)?;
            Self::of_mapping(engine, Mapping::of_bytes(bytes)?)
        }

        pub(crate) fn load_artifact_file(engine: &Engine, path: &Path) -> Result<Module> {
            let open = || {
                let file = File::open(path)?;
                let len = file.metadata()?.len();
                Ok::<_, std::io::Error>((file, len))
            };
            let (file, len) = open().with_context(|| format!("cannot read `{}`", path.display()))?;
            Self::of_file(engine, &file, len).with_context(|| format!("cannot load `{}`", path.display()))
        }

        pub(crate) fn of_file(engine: &Engine, file: &File, len: u64) -> Result<Module> {
            let len = usize::try_from(len).ok().filter(|&len| len != 0).ok_or(Refusal::NotAnArtifact)?;
            // SAFETY: `Module::deserialize_file`, the cache and `Config::allow_precompiled` ask for such files.
            Self::of_mapping(engine, unsafe { Mapping::of_file(file, len)? })
        }

        fn of_mapping(engine: &Engine, mapping: Mapping) -> Result<Module> {
            let mapping = Arc::new(mapping);
            let header = Header::read(&mapping)?;
            engine.accept(&header)?;
            for &section in Section::ALL {
                header.check(&mapping, section)?;
            }
            let has_code = header.isa != Isa::None;
            let contents = header.range(Section::Bytes);
            let (info, ranges) = decode(&mapping[header.range(Section::Info)], contents.len(), engine, !has_code)?;
            let code = if has_code {
                let image = Image::of_artifact(info.bodies.len(), &mapping, |section| header.range(section))?;
                // Whatever can be called from elsewhere has an entry.
                let is_whole = |image: &Image| {
                    info.escaping
                        .iter()
                        .all(|&func| info.defined_func(func).is_none_or(|body| image.entry(body).is_some()))
                };
                Some(image.filter(|image| is_whole(image)).ok_or(Refusal::Damaged(Section::Functions))?)
            } else {
                None
            };
            let bytes = Bytes::Mapped(mapping.clone(), contents);
            Module::assemble(engine, info, bytes, ranges, Code::Image(code))
        }
    }
}
