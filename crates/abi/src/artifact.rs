//! The file format of compiled modules: an *artifact*. What is in its sections is the runtime's business; here is where they lie, and how damage
//! is found.
//!
//! ```text
//! magic               8 bytes
//! format              u32: changes when anything on this page does; nothing behind it means anything to other versions
//! header length       u32: up to the first section, padding not included
//! file length         u64
//! header checksum     u64, of the header with this field zero
//! ISA                 u8, then 3 bytes of zero
//! CPU features        u32, in the ISA's own bits: the CPU has to have them
//! number of sections  u32
//! length of version   u32
//! length of settings  u32
//! compiler            u8, then 3 bytes of zero
//! sections            for each: kind u32, zero u32, offset u64, length u64, checksum u64
//! version             text: which engine it is for
//! settings            text: how that engine made the code
//! ```
//! Numbers are little-endian. Sections are in the order of the table, in the file as well, at multiples of their alignment, with zeros between.
//! The last one ends the file.

use core::ops::Range;

/// The first bytes of every artifact.
pub const MAGIC: [u8; 8] = *b"\0tiercel";

/// The number of this format.
pub const FORMAT: u32 = 2;

/// Machine code starts at a multiple of this, in bytes, so that hosts with pages up to this size map it from the file.
pub const TEXT_ALIGN: u64 = 4096;

/// Other sections start at multiples of this.
pub const ALIGN: u64 = 16;

const HEADER_BYTES: usize = 56;
const SECTION_BYTES: usize = 32;
const CHECKSUM: Range<usize> = 24..32;

/// The longest header: what is longer is damaged.
const MAX_HEADER_BYTES: u32 = 64 << 10;

macro_rules! numbered {
    ($(#[$doc:meta])* $name:ident: $repr:ty { $($(#[$variant_doc:meta])* $variant:ident = $number:literal $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr($repr)]
        pub enum $name { $($(#[$variant_doc])* $variant = $number,)* }

        impl $name {
            /// All of them, in the order of their numbers.
            pub const ALL: &[$name] = &[$($name::$variant,)*];

            /// The one with this number.
            pub const fn from_number(number: $repr) -> Option<$name> {
                match number { $($number => Some($name::$variant),)* _ => None }
            }

            /// The name that people read.
            pub const fn name(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }
        }
    };
}

numbered! {
    /// What the code in an artifact is for.
    Isa: u8 {
        /// There is none: the interpreter runs the module.
        None = 0 "none",
        /// x86-64.
        X64 = 1 "x86_64",
        /// 64-bit Arm.
        Aarch64 = 2 "aarch64",
    }
}

numbered! {
    /// What has made the code of an artifact.
    Maker: u8 {
        /// There is no code.
        None = 0 "none",
        /// The baseline compiler.
        Baseline = 1 "baseline",
        /// The optimizing compiler.
        Opt = 2 "opt",
    }
}

numbered! {
    /// A section. Tables are arrays of little-endian `u32` (or `u8` where it says so), used in place.
    Section: u32 {
        /// What the module declares.
        Info = 1 "info",
        /// What ranges of it refer to: data segments and custom sections, or all of the module.
        Bytes = 2 "bytes",
        /// For each function: start, entry, flags, first inlined body.
        Functions = 3 "functions",
        /// Offsets of instructions that may stop the guest.
        TrapOffsets = 4 "trap offsets",
        /// Their locations.
        TrapLocs = 5 "trap locations",
        /// Why, a byte each.
        TrapCodes = 6 "trap codes",
        /// Offsets that calls return to.
        CallOffsets = 7 "call offsets",
        /// Their locations.
        CallLocs = 8 "call locations",
        /// Their stack maps; nothing if no call has one.
        CallMaps = 9 "call maps",
        /// The stack maps.
        StackMaps = 10 "stack maps",
        /// The inlined bodies: first location, start, body, caller.
        Inlined = 11 "inlined bodies",
        /// Machine code.
        Text = 12 "text",
    }
}

/// How many kinds of sections there are.
pub const SECTIONS: usize = Section::ALL.len();

impl Section {
    const fn align(self) -> u64 {
        match self {
            Section::Text => TEXT_ALIGN,
            _ => ALIGN,
        }
    }

    const fn index(self) -> usize {
        self as usize - 1
    }
}

/// Why bytes are no artifact that could be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// They do not start as one.
    NotAnArtifact,
    /// They have another format, with this number.
    Format(u32),
    /// There are fewer or more bytes than the header says.
    Length {
        /// What there should be.
        expected: u64,
        /// What there is.
        found: u64,
    },
    /// The header is not what was written.
    Header,
    /// A section is not what was written.
    Damaged(Section),
}

impl core::fmt::Display for Refusal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Refusal::NotAnArtifact => f.write_str("it is no compiled artifact: it does not start as one"),
            Refusal::Format(found) => write!(
                f,
                "it is an artifact of format {found}, and this version reads format {FORMAT} only: compile the module again"
            ),
            Refusal::Length { expected, found } if found < expected => {
                write!(f, "the artifact is truncated: it has {found} bytes of {expected}")
            }
            Refusal::Length { expected, found } => {
                write!(f, "the artifact is damaged: it has {found} bytes where {expected} were written")
            }
            Refusal::Header => f.write_str("the artifact is damaged: its header is not what was written"),
            Refusal::Damaged(section) => {
                write!(f, "the artifact is damaged: its section `{}` is not what was written", section.name())
            }
        }
    }
}

impl core::error::Error for Refusal {}

/// A header that was read and is whole.
#[derive(Clone, Debug)]
pub struct Header<'a> {
    /// What the code is for.
    pub isa: Isa,
    /// What has made it.
    pub maker: Maker,
    /// The CPU features that it needs, in bits of the ISA.
    pub features: u32,
    /// Which engine it is for.
    pub version: &'a str,
    /// How that engine made the code.
    pub settings: &'a str,
    len: usize,
    sections: [Range<u64>; SECTIONS],
    checksums: [u64; SECTIONS],
}

impl<'a> Header<'a> {
    /// Reads the header of an artifact, of which these are all bytes. The sections are not looked at.
    ///
    /// # Errors
    /// It is none, or not one that this version reads, or damaged.
    pub fn read(bytes: &'a [u8]) -> Result<Header<'a>, Refusal> {
        if !bytes.starts_with(&MAGIC) {
            return Err(Refusal::NotAnArtifact);
        }
        let len = bytes.len() as u64;
        let truncated = |expected| Refusal::Length { expected, found: len };
        let mut fields = Fields { rest: bytes.get(8..HEADER_BYTES).ok_or(truncated(HEADER_BYTES as u64))? };
        let format = fields.u32();
        if format != FORMAT {
            return Err(Refusal::Format(format));
        }
        let (header_len, file_len, header_checksum) = (fields.u32(), fields.u64(), fields.u64());
        if header_len < HEADER_BYTES as u32 || header_len > MAX_HEADER_BYTES {
            return Err(Refusal::Header);
        }
        let header = bytes.get(..header_len as usize).ok_or(truncated(file_len.max(header_len.into())))?;
        if checksum_of_header(header) != header_checksum {
            return Err(Refusal::Header);
        }
        // From here on everything is as it was written, unless somebody took pains.
        if file_len != len {
            return Err(truncated(file_len));
        }
        let isa = u8::try_from(fields.u32()).ok().and_then(Isa::from_number).ok_or(Refusal::Header)?;
        let (features, count) = (fields.u32(), fields.u32());
        let (version_len, settings_len) = (fields.u32(), fields.u32());
        let maker = u8::try_from(fields.u32()).ok().and_then(Maker::from_number).ok_or(Refusal::Header)?;
        let tables = SECTION_BYTES * SECTIONS;
        let texts = header.get(HEADER_BYTES + tables..).ok_or(Refusal::Header)?;
        let whole = count as usize == SECTIONS && (isa == Isa::None) == (maker == Maker::None);
        if !whole || u64::from(version_len) + u64::from(settings_len) != texts.len() as u64 {
            return Err(Refusal::Header);
        }
        let (version, settings) = texts.split_at(version_len as usize);
        let text = |bytes| core::str::from_utf8(bytes).map_err(|_| Refusal::Header);
        let mut this = Header {
            isa,
            maker,
            features,
            version: text(version)?,
            settings: text(settings)?,
            len: header_len as usize,
            sections: [const { 0..0 }; SECTIONS],
            checksums: [0; SECTIONS],
        };
        let mut fields = Fields { rest: &header[HEADER_BYTES..HEADER_BYTES + tables] };
        let mut end = u64::from(header_len);
        for (index, &section) in Section::ALL.iter().enumerate() {
            let (kind, zero, offset, len) = (fields.u32(), fields.u32(), fields.u64(), fields.u64());
            if kind != section as u32 || zero != 0 || offset != end.next_multiple_of(section.align()) {
                return Err(Refusal::Header);
            }
            end = offset.checked_add(len).filter(|&end| end <= file_len).ok_or(Refusal::Header)?;
            this.sections[index] = offset..end;
            this.checksums[index] = fields.u64();
        }
        if end != file_len { Err(Refusal::Header) } else { Ok(this) }
    }

    /// Where a section lies in the file. It does lie there: the length of the file was checked.
    pub fn range(&self, section: Section) -> Range<usize> {
        let Range { start, end } = self.sections[section.index()];
        start as usize..end as usize
    }

    /// Whether a section is what was written, and only zeros are in front of it.
    ///
    /// # Errors
    /// It is not.
    pub fn check(&self, bytes: &[u8], section: Section) -> Result<(), Refusal> {
        let before = section.index().checked_sub(1).map_or(self.len, |before| self.sections[before].end as usize);
        let range = self.range(section);
        let (padding, contents) = (bytes.get(before..range.start), bytes.get(range));
        let is_zero = padding.is_some_and(|padding| padding.iter().all(|&byte| byte == 0));
        let is_whole = contents.is_some_and(|contents| checksum(contents) == self.checksums[section.index()]);
        if is_zero && is_whole { Ok(()) } else { Err(Refusal::Damaged(section)) }
    }
}

/// What an artifact is made of.
pub struct Parts<'a> {
    /// What the code is for.
    pub isa: Isa,
    /// What has made it.
    pub maker: Maker,
    /// The CPU features that it needs, in bits of the ISA.
    pub features: u32,
    /// Which engine it is for.
    pub version: &'a str,
    /// How that engine made the code.
    pub settings: &'a str,
    /// The contents of the sections, in the order of their kinds.
    pub sections: [&'a [u8]; SECTIONS],
}

impl Parts<'_> {
    /// Writes an artifact, piece by piece.
    ///
    /// # Errors
    /// Those of `write`.
    pub fn write<E>(&self, mut write: impl FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let table_end = HEADER_BYTES + SECTION_BYTES * SECTIONS;
        let header_len = (table_end + self.version.len() + self.settings.len()) as u64;
        let mut sections = [const { 0..0 }; SECTIONS];
        let mut end = header_len;
        for (place, (section, contents)) in sections.iter_mut().zip(Section::ALL.iter().zip(&self.sections)) {
            let start = end.next_multiple_of(section.align());
            end = start + contents.len() as u64;
            *place = start..end;
        }
        let mut header = [0; HEADER_BYTES + SECTION_BYTES * SECTIONS];
        let mut at = 0;
        let mut put = |bytes: &[u8]| {
            header[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        };
        put(&MAGIC);
        put(&FORMAT.to_le_bytes());
        put(&(header_len as u32).to_le_bytes());
        put(&end.to_le_bytes());
        put(&[0; 8]);
        put(&(self.isa as u32).to_le_bytes());
        put(&self.features.to_le_bytes());
        put(&(SECTIONS as u32).to_le_bytes());
        put(&(self.version.len() as u32).to_le_bytes());
        put(&(self.settings.len() as u32).to_le_bytes());
        put(&(self.maker as u32).to_le_bytes());
        for (index, range) in sections.iter().enumerate() {
            put(&(Section::ALL[index] as u64).to_le_bytes());
            put(&range.start.to_le_bytes());
            put(&(range.end - range.start).to_le_bytes());
            put(&checksum(self.sections[index]).to_le_bytes());
        }
        let mut sum = Checksum::default();
        sum.update(&header);
        sum.update(self.version.as_bytes());
        sum.update(self.settings.as_bytes());
        header[CHECKSUM].copy_from_slice(&sum.finish().to_le_bytes());
        write(&header)?;
        write(self.version.as_bytes())?;
        write(self.settings.as_bytes())?;
        let mut end = header_len;
        for (range, contents) in sections.iter().zip(&self.sections) {
            const ZEROS: [u8; TEXT_ALIGN as usize] = [0; TEXT_ALIGN as usize];
            write(&ZEROS[..(range.start - end) as usize])?;
            write(contents)?;
            end = range.end;
        }
        Ok(())
    }
}

/// Numbers, one behind another. Whoever makes it knows that there are enough.
struct Fields<'a> {
    rest: &'a [u8],
}

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let Some((first, rest)) = self.rest.split_first_chunk() else { return [0; N] };
        self.rest = rest;
        *first
    }

    fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }

    fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }
}

fn checksum_of_header(header: &[u8]) -> u64 {
    let mut sum = Checksum::default();
    let (before, rest) = header.split_at(CHECKSUM.start);
    sum.update(before);
    sum.update(&[0; CHECKSUM.end - CHECKSUM.start]);
    sum.update(&rest[CHECKSUM.len()..]);
    sum.finish()
}

/// Tells damaged bytes from whole ones, at the speed of memory. It does not stop anybody who changes bytes on purpose.
pub fn checksum(bytes: &[u8]) -> u64 {
    let mut sum = Checksum::default();
    sum.update(bytes);
    sum.finish()
}

/// Independent chains of multiplications: that many can be under way at once.
const LANES: usize = 8;
const BLOCK: usize = 8 * LANES;

/// A checksum that is being made.
///
/// Each step of a lane is a bijection of the lane and of the word, so that bytes of one lane that differ give lanes that differ.
struct Checksum {
    lanes: [u64; LANES],
    block: [u8; BLOCK],
    filled: usize,
    len: u64,
}

impl Default for Checksum {
    fn default() -> Self {
        let lanes = core::array::from_fn(|lane| ODD.wrapping_mul(lane as u64 + 1));
        Checksum { lanes, block: [0; BLOCK], filled: 0, len: 0 }
    }
}

/// Odd, with its bits well mixed.
const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

const fn mix(lane: u64, word: u64) -> u64 {
    (lane ^ word).wrapping_mul(ODD).rotate_left(29)
}

fn absorb(lanes: &mut [u64; LANES], block: &[u8; BLOCK]) {
    for (lane, word) in lanes.iter_mut().zip(block.as_chunks::<8>().0) {
        *lane = mix(*lane, u64::from_le_bytes(*word));
    }
}

impl Checksum {
    fn update(&mut self, mut bytes: &[u8]) {
        self.len += bytes.len() as u64;
        if self.filled != 0 {
            let (first, rest) = bytes.split_at(bytes.len().min(BLOCK - self.filled));
            self.block[self.filled..self.filled + first.len()].copy_from_slice(first);
            (self.filled, bytes) = (self.filled + first.len(), rest);
            if self.filled < BLOCK {
                return;
            }
            absorb(&mut self.lanes, &self.block);
            self.filled = 0;
        }
        let (blocks, rest) = bytes.as_chunks();
        let mut lanes = self.lanes;
        for block in blocks {
            absorb(&mut lanes, block);
        }
        self.lanes = lanes;
        self.block[..rest.len()].copy_from_slice(rest);
        self.filled = rest.len();
    }

    fn finish(mut self) -> u64 {
        self.block[self.filled..].fill(0);
        absorb(&mut self.lanes, &self.block);
        let sum = self.lanes.iter().fold(self.len, |sum, &lane| mix(sum, lane ^ lane >> 32));
        sum ^ sum >> 32
    }
}

#[cfg(test)]
mod tests {
    extern crate alloc;
    use super::*;
    use alloc::vec::Vec;

    fn sample(text: &[u8]) -> Vec<u8> {
        let mut sections: [&[u8]; SECTIONS] = [b"x"; SECTIONS];
        sections[SECTIONS - 1] = text;
        let parts =
            Parts { isa: Isa::X64, maker: Maker::Opt, features: 5, version: "1.2", settings: "fuel: no", sections };
        let mut bytes = Vec::new();
        let written: Result<(), ()> = parts.write(|piece| {
            bytes.extend_from_slice(piece);
            Ok(())
        });
        written.expect("a vector takes everything");
        bytes
    }

    #[test]
    fn what_was_written_is_read() {
        let bytes = sample(&[7; 5000]);
        let header = Header::read(&bytes).expect("a whole header");
        assert_eq!((header.isa, header.features, header.version, header.settings), (Isa::X64, 5, "1.2", "fuel: no"));
        for &section in Section::ALL {
            let range = header.range(section);
            assert!(range.start.is_multiple_of(section.align() as usize));
            assert_eq!(header.check(&bytes, section), Ok(()));
            assert_eq!(bytes[range.clone()].len(), if section == Section::Text { 5000 } else { 1 });
        }
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_found() {
        let bytes = sample(&[7; 100]);
        let whole = |bytes: &[u8]| {
            let header = Header::read(bytes)?;
            Section::ALL.iter().try_for_each(|&section| header.check(bytes, section))
        };
        assert_eq!(whole(&bytes), Ok(()));
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut damaged = bytes.clone();
                damaged[at] ^= 1 << bit;
                assert!(whole(&damaged).is_err(), "bit {bit} of byte {at}");
            }
        }
        for len in 0..bytes.len() {
            assert!(whole(&bytes[..len]).is_err(), "cut to {len} bytes");
        }
        let longer = [&bytes[..], &[0]].concat();
        assert_eq!(whole(&longer), Err(Refusal::Length { expected: bytes.len() as u64, found: longer.len() as u64 }));
    }

    #[test]
    fn checksums_do_not_depend_on_the_pieces() {
        let bytes: Vec<u8> = (0..300u32).map(|i| (i * 7) as u8).collect();
        for first in [0, 1, 63, 64, 65, 299] {
            let mut sum = Checksum::default();
            sum.update(&bytes[..first]);
            sum.update(&bytes[first..]);
            assert_eq!(sum.finish(), checksum(&bytes));
        }
        assert_ne!(checksum(&[0; 3]), checksum(&[0; 4]));
    }
}
