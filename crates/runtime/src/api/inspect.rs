//! Artifacts to look at: nothing of them is run.

use super::artifact::VERSION;
use super::error::Result;
use super::module::Names;
use alloc::vec::Vec;
use core::ops::Range;
use tiercel_abi::Trap;
use tiercel_abi::artifact::{Header, Section};
use tiercel_wasm::encoding;
use tiercel_wasm::{ModuleInfo, TypeRegistry};

/// An artifact whose sections are whole. It may be for another engine or another CPU.
pub struct Artifact<'a> {
    bytes: &'a [u8],
    header: Header<'a>,
    /// None if it is of another version.
    info: Option<ModuleInfo>,
    names: Names,
}

/// A function of an artifact.
#[derive(Clone, Debug)]
pub struct ArtifactFunction<'a> {
    /// Its index in the module.
    pub index: u32,
    /// Its name in the name section.
    pub name: Option<&'a str>,
    /// Where its code is, in bytes from the start of the text; constants and padding included.
    pub code: Range<usize>,
    /// Whether it can be called from outside the module.
    pub is_entry: bool,
    /// The bodies that were put in place of calls.
    pub inlined: usize,
}

/// An instruction of an artifact's code whose place in the module is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ArtifactSite {
    /// Bytes from the start of the text: of an instruction that may stop the guest, or behind a call.
    pub offset: usize,
    /// Bytes from the start of the module: of the operator.
    pub module_offset: u32,
    /// What is there.
    pub what: SiteKind,
}

/// What there is to know of an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SiteKind {
    /// It may stop the guest; none if the reason is known when it does.
    Trap(Option<Trap>),
    /// It is a call.
    Call,
}

/// Numbers of a section.
#[derive(Clone, Copy)]
struct Words<'a>(&'a [u8]);

impl Words<'_> {
    fn get(&self, index: usize) -> Option<u32> {
        let bytes = self.0.as_chunks().0.get(index)?;
        Some(u32::from_le_bytes(*bytes))
    }

    fn len(&self) -> usize {
        self.0.len() / 4
    }

    /// The places of the numbers in this range; the numbers ascend.
    fn places(&self, range: &Range<usize>) -> Range<usize> {
        let first = |limit: usize| {
            let (mut low, mut high) = (0, self.len());
            while low < high {
                let middle = low.midpoint(high);
                match self.get(middle).is_some_and(|number| (number as usize) < limit) {
                    true => low = middle + 1,
                    false => high = middle,
                }
            }
            low
        };
        first(range.start)..first(range.end)
    }
}

impl<'a> Artifact<'a> {
    /// Reads an artifact.
    ///
    /// # Errors
    /// The bytes are none, or damaged.
    pub fn new(bytes: &'a [u8]) -> Result<Artifact<'a>> {
        let header = Header::read(bytes)?;
        for &section in Section::ALL {
            header.check(bytes, section)?;
        }
        let contents = &bytes[header.range(Section::Bytes)];
        let decode =
            || encoding::decode(&bytes[header.range(Section::Info)], contents.len(), &mut TypeRegistry::default());
        let info = if header.version == VERSION { decode().map(|(info, _)| info) } else { None };
        let names = info.as_ref().map(|info| Names::new(info, contents)).unwrap_or_default();
        Ok(Artifact { bytes, header, info, names })
    }

    /// Which engine it is for.
    pub fn version(&self) -> &'a str {
        self.header.version
    }

    /// Whether this engine is of the same version. If not, functions are not known.
    pub fn is_current(&self) -> bool {
        self.info.is_some()
    }

    /// How its code was made.
    pub fn settings(&self) -> &'a str {
        self.header.settings
    }

    /// The instruction set of its code; `none` if there is no code.
    pub fn isa(&self) -> &'static str {
        self.header.isa.name()
    }

    /// The compiler that has made its code; `none` if there is no code. It is not always that of the settings, which cannot do all modules.
    pub fn compiler(&self) -> &'static str {
        self.header.maker.name()
    }

    /// The features of the CPU that its code uses.
    pub fn features(&self) -> Vec<&'static str> {
        #[cfg(feature = "compiler")]
        if let Some(target) = tiercel_compiler::isa::Target::from_bits(self.header.isa, self.header.features) {
            return target.feature_names();
        }
        Vec::new()
    }

    /// Its sections, in order: names, and where they are in the file.
    pub fn sections(&self) -> impl Iterator<Item = (&'static str, Range<usize>)> + '_ {
        Section::ALL.iter().map(|&section| (section.name(), self.header.range(section)))
    }

    /// How many functions are imported.
    pub fn imported_functions(&self) -> u32 {
        self.info.as_ref().map_or(0, |info| info.imported.funcs)
    }

    /// The functions that have code.
    pub fn functions(&self) -> impl Iterator<Item = ArtifactFunction<'_>> + '_ {
        let functions = self.words(Section::Functions);
        let first = self.imported_functions();
        let count = if self.is_current() { functions.len() / 4 } else { 0 };
        (0..count).map_while(move |body| {
            let field = |body: usize, place: usize| functions.get(4 * body + place).map(|number| number as usize);
            let end = field(body + 1, 0).unwrap_or(self.text().len());
            let inlined = field(body + 1, 3).unwrap_or(self.words(Section::Inlined).len() / 4);
            let index = first + body as u32;
            Some(ArtifactFunction {
                index,
                name: self.names.func(index, &self.bytes[self.header.range(Section::Bytes)]),
                code: field(body, 0)?..end,
                is_entry: functions.get(4 * body + 1)? != u32::MAX,
                inlined: inlined.saturating_sub(field(body, 3)?),
            })
        })
    }

    /// All machine code.
    pub fn text(&self) -> &'a [u8] {
        &self.bytes[self.header.range(Section::Text)]
    }

    /// What is known of the instructions of a function, by offset.
    pub fn sites(&self, function: &ArtifactFunction<'_>) -> Vec<ArtifactSite> {
        let mut sites = Vec::new();
        let code = &function.code;
        let codes = &self.bytes[self.header.range(Section::TrapCodes)];
        let (offsets, locs) = (self.words(Section::TrapOffsets), self.words(Section::TrapLocs));
        for place in offsets.places(code) {
            let (Some(offset), Some(loc), Some(&code)) = (offsets.get(place), locs.get(place), codes.get(place)) else {
                break;
            };
            let what = SiteKind::Trap(Trap::from_code(code));
            sites.push(ArtifactSite { offset: offset as usize, module_offset: self.place(function, loc), what });
        }
        let (offsets, locs) = (self.words(Section::CallOffsets), self.words(Section::CallLocs));
        // A call may be a function's last instruction, and none is its first.
        for place in offsets.places(&(code.start + 1..code.end + 1)) {
            let (Some(offset), Some(loc)) = (offsets.get(place), locs.get(place)) else { break };
            let what = SiteKind::Call;
            sites.push(ArtifactSite { offset: offset as usize, module_offset: self.place(function, loc), what });
        }
        sites.sort_by_key(|site| site.offset);
        sites
    }

    /// The place in the module that a location stands for: those of inlined bodies lie behind the module.
    fn place(&self, function: &ArtifactFunction<'_>, loc: u32) -> u32 {
        let (functions, inlined) = (self.words(Section::Functions), self.words(Section::Inlined));
        let body = (function.index - self.imported_functions()) as usize;
        let first = functions.get(4 * body + 3).unwrap_or(0) as usize;
        let sites = (first..first + function.inlined).rev();
        let starts = sites.filter_map(|site| Some((inlined.get(4 * site)?, inlined.get(4 * site + 1)?)));
        let found = starts.into_iter().find(|&(first_loc, _)| first_loc <= loc);
        found.map_or(loc, |(first_loc, start)| (loc - first_loc).wrapping_add(start))
    }

    fn words(&self, section: Section) -> Words<'a> {
        Words(&self.bytes[self.header.range(section)])
    }
}
