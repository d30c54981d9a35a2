//! Compiled modules as bytes: artifacts, written and loaded.
//!
//! An artifact is for one version of the engine, one kind of CPU and one configuration; anything else is refused with the reason. The format is in
//! [`tiercel_abi::artifact`]. Where there is a file, it is mapped: code and tables are used in place, nothing is copied or relocated.

use super::config::Tier;
use super::engine::Engine;
use super::error::{Error, Result};
use super::module::{Code, Module};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use tiercel_abi::artifact::{Header, Isa, MAGIC, Maker, Parts, Refusal, SECTIONS, Section};
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
        // What `auto` compiles ahead is what `opt` does.
        let tier = if self.config().tier == Tier::Auto { Tier::Opt } else { self.config().tier };
        settings += ", tier: ";
        settings += tier.name();
        #[cfg(native)]
        if let Some(native) = self.native() {
            settings += ", ";
            settings += &native.settings();
        }
        settings
    }

    /// What code is compiled for, as text.
    #[cfg(feature = "cache")]
    pub(crate) fn target_name(&self) -> String {
        #[cfg(native)]
        if let Some(native) = self.native() {
            return format!("{:?}", native.target());
        }
        String::new()
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
        self.write_artifact(false, |piece| {
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
        crate::sys::new_file::write(path.as_ref(), |out| self.write_artifact(false, |piece| Ok(out.write_all(piece)?)))
    }

    /// Writes the artifact piece by piece. If the module's bytes stay `outside`, it has to be a module with all of them.
    pub(crate) fn write_artifact(&self, outside: bool, write: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        // An artifact is the optimizing compiler's, of all functions.
        #[cfg(native)]
        if self.tier() == Tier::Auto {
            return self.ahead()?.write_artifact(outside, write);
        }
        let inner = &*self.0;
        let has_code = self.has_code();
        let ranges = if has_code && !outside { Ranges::Extract } else { inner.ranges };
        let info = encoding::encode(&inner.info, ranges, &inner.engine.types().lock());
        let extract = (ranges == Ranges::Extract).then(|| encoding::extract(&inner.info, &inner.bytes));
        let mut sections: [&[u8]; SECTIONS] = [&[]; SECTIONS];
        for (contents, &section) in sections.iter_mut().zip(Section::ALL) {
            *contents = match section {
                Section::Info => &info,
                Section::Bytes if outside => &[],
                Section::Bytes => extract.as_deref().unwrap_or(&inner.bytes),
                section => self.section(section),
            };
        }
        let (isa, features) = if has_code { self.target() } else { (Isa::None, 0) };
        let maker = match self.tier() {
            _ if !has_code => Maker::None,
            Tier::Baseline => Maker::Baseline,
            _ => Maker::Opt,
        };
        let settings = inner.engine.settings();
        Parts { isa, maker, features, version: VERSION, settings: &settings, sections }.write(write)
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

    #[cfg(all(not(native), feature = "cache"))]
    pub(crate) fn of_cached(_: &Engine, _: &std::fs::File, _: u64, _: &mut Vec<u8>) -> Result<Option<Module>> {
        Ok(None)
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
    use crate::api::module::Bytes;
    use crate::native::Image;
    use crate::sys::Mapping;
    use crate::threads;
    use crate::tuning::CHECK_BYTES_PER_THREAD;
    use alloc::boxed::Box;
    use alloc::sync::Arc;
    use core::ops::Range;
    use std::fs::File;
    use std::path::Path;
    use tiercel_wasm::ModuleInfo;

    impl Mapping {
        fn of_whole_file(file: &File, len: u64) -> Result<Mapping> {
            let len = usize::try_from(len).ok().filter(|&len| len != 0).ok_or(Refusal::NotAnArtifact)?;
            // SAFETY: `Module::deserialize_file` and `Config::allow_precompiled` ask for such files, and the cache replaces files only.
            unsafe { Mapping::of_file(file, len) }
        }
    }

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

        fn of_file(engine: &Engine, file: &File, len: u64) -> Result<Module> {
            Self::of_mapping(engine, Mapping::of_whole_file(file, len)?)
        }

        fn of_mapping(engine: &Engine, mapping: Mapping) -> Result<Module> {
            let mapping = Arc::new(mapping);
            let Contents { info, ranges, bytes, image } = Contents::read(engine, &mapping, None)?;
            Module::assemble(engine, info, Bytes::Mapped(mapping, bytes), ranges, Code::Image(image))
        }

        /// The module in an entry of the cache, whose bytes are outside; they are taken if this gives a module.
        #[cfg(feature = "cache")]
        pub(crate) fn of_cached(engine: &Engine, file: &File, len: u64, bytes: &mut Vec<u8>) -> Result<Option<Module>> {
            let mapping = Arc::new(Mapping::of_whole_file(file, len)?);
            let Contents { info, ranges, image, .. } = Contents::read(engine, &mapping, Some(bytes.len()))?;
            let bytes = core::mem::take(bytes).into();
            Module::assemble(engine, info, bytes, ranges, Code::Image(image)).map(Some)
        }
    }

    /// What is in an artifact, checked.
    struct Contents {
        info: ModuleInfo,
        ranges: Ranges,
        /// Where the bytes are that ranges refer to.
        bytes: Range<usize>,
        image: Option<(Box<Image>, Tier)>,
    }

    impl Contents {
        /// `outside` is how many bytes the module has if they are not in the artifact.
        fn read(engine: &Engine, artifact: &Arc<Mapping>, outside: Option<usize>) -> Result<Contents> {
            let header = Header::read(artifact)?;
            engine.accept(&header)?;
            let threads = threads::useful(engine.config(), artifact.len(), CHECK_BYTES_PER_THREAD);
            let checked = threads::in_parallel(threads, SECTIONS, |sections| {
                while let Some(index) = sections.take() {
                    header.check(artifact, Section::ALL[index])?;
                }
                Ok::<(), Refusal>(())
            });
            checked.into_iter().collect::<Result<(), Refusal>>()?;
            let has_code = header.isa != Isa::None;
            let bytes = header.range(Section::Bytes);
            let len = outside.unwrap_or(bytes.len());
            let is_whole = outside.is_some() || !has_code;
            let (info, ranges) = decode(&artifact[header.range(Section::Info)], len, engine, is_whole)?;
            if !has_code {
                return Ok(Contents { info, ranges, bytes, image: None });
            }
            let has_pads = engine.native().is_some_and(crate::native::Native::has_pads);
            let image = Image::of_artifact(info.bodies.len(), has_pads, artifact, |section| header.range(section))?;
            // Whatever can be called from elsewhere has an entry.
            let has_entry =
                |image: &Image, func| info.defined_func(func).is_none_or(|body| image.entry(body).is_some());
            let image = image.filter(|image| info.escaping.iter().all(|&func| has_entry(image, func)));
            let image = image.ok_or(Refusal::Damaged(Section::Functions))?;
            let image = Some((image, if header.maker == Maker::Baseline { Tier::Baseline } else { Tier::Opt }));
            Ok(Contents { info, ranges, bytes, image })
        }
    }
}

/// Artifacts that somebody has made up: their checksums are right.
#[cfg(all(test, native))]
mod tests {
    use super::*;
    use crate::Config;
    use std::string::ToString;

    const WAT: &str = r#"(module (type $s (struct (field i32))) (memory 1) (data (i32.const 0) "data")
        (table 2 funcref) (elem (i32.const 0) $small $f)
        (func $small (param i32) (result i32) (i32.div_u (i32.const 7) (local.get 0)))
        (func $f (export "f") (param i32) (result i32)
            (local $kept (ref null $s))
            (local.set $kept (struct.new $s (local.get 0)))
            (drop (call_indirect (param i32) (result i32) (local.get 0) (i32.const 0)))
            (i32.add (call $small (local.get 0)) (struct.get $s 0 (local.get $kept)))))"#;

    fn artifact() -> (Engine, Vec<u8>) {
        let engine = Engine::new(&Config::new()).expect("an engine");
        let bytes = Module::new(&engine, WAT).and_then(|module| module.serialize()).expect("it compiles");
        (engine, bytes)
    }

    /// The same artifact but for what `change` changes.
    fn made_up<'a>(bytes: &'a [u8], change: impl FnOnce(&mut Parts<'a>)) -> Vec<u8> {
        let header = Header::read(bytes).expect("a whole header");
        let mut sections: [&[u8]; SECTIONS] = [&[]; SECTIONS];
        for (contents, &section) in sections.iter_mut().zip(Section::ALL) {
            *contents = &bytes[header.range(section)];
        }
        let Header { isa, maker, features, version, settings, .. } = header;
        let mut parts = Parts { isa, maker, features, version, settings, sections };
        change(&mut parts);
        let mut out = Vec::new();
        let written: Result<()> = parts.write(|piece| {
            out.extend_from_slice(piece);
            Ok(())
        });
        written.expect("a vector takes everything");
        out
    }

    #[cfg(native)]
    #[test]
    fn auto_and_opt_use_each_others_artifacts() -> Result<()> {
        if !Tier::Opt.is_available() {
            return Ok(());
        }
        for (from, to) in [(Tier::Auto, Tier::Opt), (Tier::Opt, Tier::Auto)] {
            let engine = |tier| Engine::new(Config::new().tier(tier));
            let artifact = Module::new(&engine(from)?, "(module (func (export \"f\")))")?.serialize()?;
            assert_eq!(Module::load_artifact(&engine(to)?, &artifact)?.tier(), Tier::Opt);
        }
        Ok(())
    }

    /// Code of each compiler has no numbers of types in it: another engine has others.
    #[test]
    fn code_runs_in_an_engine_with_other_types() -> Result<()> {
        const CALLS: &str = r#"(module (type $a (func (param i32) (result i32))) (type $b (func (param i64) (result i64)))
            (type $s (struct (field i32))) (table 2 funcref) (elem (i32.const 0) $f $g)
            (func $f (type $a) (struct.get $s 0 (ref.cast (ref $s) (struct.new $s (local.get 0)))))
            (func $g (type $b) (local.get 0))
            (func (export "call") (param i32) (result i32)
                (call_indirect (type $a) (i32.const 7) (local.get 0))))"#;
        for &tier in crate::Tier::ALL {
            let engine = || Engine::new(Config::new().tier(tier));
            let artifact = Module::new(&engine()?, CALLS)?.serialize()?;
            let other = engine()?;
            Module::new(
                &other,
                "(module (type (func (param f64))) (type (func (param i64) (result i64))) (type (array i8)))",
            )?;
            for engine in [engine()?, other] {
                let module = Module::load_artifact(&engine, &artifact)?;
                let mut store = crate::Store::new(&engine, ());
                let instance = crate::Instance::new(&mut store, &module, &[])?;
                let call = instance.get_typed_func::<i32, i32>(&mut store, "call")?;
                assert_eq!(call.call(&mut store, 0)?, 7, "{}", tier.name());
                let error = call.call(&mut store, 1).expect_err("another type");
                assert_eq!(error.downcast_ref(), Some(&crate::Trap::BadSignature));
            }
        }
        Ok(())
    }

    #[test]
    fn what_is_for_others_is_refused() {
        let (engine, bytes) = artifact();
        assert_eq!(made_up(&bytes, |_| {}), bytes);
        let refusal = |bytes: &[u8]| Module::load_artifact(&engine, bytes).expect_err("refused").to_string();
        let other = refusal(&made_up(&bytes, |parts| parts.version = "9.9.9+0"));
        assert_eq!(
            other,
            std::format!(
                "it was compiled by version 9.9.9+0 of the engine, and this is {VERSION}: compile the module again"
            )
        );
        let foreign = if cfg!(target_arch = "aarch64") { Isa::X64 } else { Isa::Aarch64 };
        let other = refusal(&made_up(&bytes, |parts| parts.isa = foreign));
        assert!(
            other.starts_with(&std::format!("it was compiled for {}, and this CPU is a", foreign.name())),
            "{other}"
        );
        let other = refusal(&made_up(&bytes, |parts| parts.features = 1 << 31));
        assert!(other.contains("features that this version does not know"), "{other}");
        let other = refusal(&made_up(&bytes, |parts| parts.settings = "proposals: some, tier: other"));
        assert!(other.contains("`proposals: some`, and this engine has `proposals: default`"), "{other}");
        // Code without a target, and a target without code.
        refusal(&made_up(&bytes, |parts| parts.isa = Isa::None));
        refusal(&made_up(&bytes, |parts| parts.sections[Section::Functions as usize - 1] = &[]));
    }

    /// The baseline compiler's engine has code of the other one where its own compiler cannot.
    #[test]
    fn artifacts_tell_which_compiler_made_them() -> Result<()> {
        let engine = Engine::new(Config::new().tier(Tier::Baseline))?;
        let bytes = Module::new(&engine, WAT)?.serialize()?;
        for (maker, tier) in [(Maker::Baseline, Tier::Baseline), (Maker::Opt, Tier::Opt)] {
            let artifact = made_up(&bytes, |parts| parts.maker = maker);
            let module = Module::load_artifact(&engine, &artifact)?;
            assert_eq!(module.tier(), tier);
            assert_eq!(module.serialize()?, artifact);
        }
        Ok(())
    }

    #[test]
    fn tables_that_make_no_sense_are_refused_or_harmless() {
        let (engine, bytes) = artifact();
        let header = Header::read(&bytes).expect("a whole header");
        for (index, &section) in Section::ALL.iter().enumerate().filter(|(_, section)| **section != Section::Text) {
            let contents = &bytes[header.range(section)];
            let load = |damaged: &[u8]| {
                let bytes = made_up(&bytes, |parts| parts.sections[index] = damaged);
                Module::load_artifact(&engine, &bytes).is_ok()
            };
            for len in 0..contents.len() {
                // Nothing says how many of these there are; the lengths of all others fit each other.
                let is_free = matches!(section, Section::StackMaps | Section::Inlined);
                assert!(is_free || !load(&contents[..len]), "{section:?} cut to {len}");
            }
            for at in 0..contents.len() {
                for value in [0, 1, 0x7f, 0x80, 0xff] {
                    let mut damaged = contents.to_vec();
                    damaged[at] = value;
                    // Loading must not panic; the code is not run.
                    load(&damaged);
                }
            }
        }
    }
}
