//! The machine code of a module: functions placed one behind another, and the tables that go with them.
//!
//! What the bytes are depends on the functions alone, not on who compiled them or where the code lies. So an image can be written to an artifact, and
//! the artifact's bytes serve as they are.

use super::registry;
use super::table::{Plain, Table};
use crate::api::error::{Error, Result};
use crate::sys::{Executable, Mapping};
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;
use tiercel_abi::artifact::Section;
use tiercel_abi::frames::{NO_MAP, StackMap};
use tiercel_compiler::compile::{self, CallReloc, CallSite, Code, TrapSite};
use tiercel_compiler::ir::Inlined;
use tiercel_compiler::isa::Target;

/// Functions compiled one after another by one thread, in any order.
#[derive(Default)]
pub struct Batch {
    bytes: Vec<u8>,
    calls: Vec<CallReloc>,
    traps: Vec<TrapSite>,
    call_sites: Vec<CallSite>,
    stack_maps: Vec<u32>,
    inlined: Vec<Inlined>,
    pieces: Vec<Piece>,
}

/// A function in a batch.
struct Piece {
    body: u32,
    bytes: Range<usize>,
    align: u32,
    calls: Range<usize>,
    traps: Range<usize>,
    call_sites: Range<usize>,
    stack_maps: Range<usize>,
    inlined: Range<usize>,
    local_entry: u32,
    foreign_entry: Option<u32>,
    frameless: bool,
}

/// Appends, and says where.
fn append<T: Copy>(to: &mut Vec<T>, what: &[T]) -> Range<usize> {
    let start = to.len();
    to.extend_from_slice(what);
    start..to.len()
}

impl Batch {
    /// Adds the function with this body index.
    pub fn push(&mut self, body: usize, code: &Code) {
        let piece = Piece {
            body: body as u32,
            bytes: append(&mut self.bytes, &code.bytes),
            align: code.align,
            calls: append(&mut self.calls, &code.calls),
            traps: append(&mut self.traps, &code.traps),
            call_sites: append(&mut self.call_sites, &code.call_sites),
            stack_maps: append(&mut self.stack_maps, &code.stack_maps),
            inlined: append(&mut self.inlined, &code.inlined),
            local_entry: code.local_entry,
            foreign_entry: code.foreign_entry,
            frameless: code.frameless,
        };
        self.pieces.push(piece);
    }
}

/// A function in an image.
#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(C)]
struct Function {
    /// Its first byte.
    start: u32,
    /// [`NO_ENTRY`], or where calls from anywhere go.
    foreign_entry: u32,
    /// Not 0 if it has no frame of its own.
    frameless: u32,
    /// The first of the bodies that are inlined in it.
    first_inlined: u32,
}

// SAFETY: four numbers of the same size, in their order.
unsafe impl Plain for Function {}

const NO_ENTRY: u32 = u32::MAX;

/// The machine code of a module. Signal handlers find it as long as it lives.
///
/// Invariant: offsets are into `code`; functions are in the order of their bodies, tables of offsets ascending, and those that go with them
/// as long as they are.
pub struct Image {
    code: Executable,
    tables: Tables,
    /// The body of the first of its functions.
    first_body: u32,
    /// Whether the signal handlers know of it by itself.
    known: bool,
}

struct Tables {
    functions: Table<Function>,
    trap_offsets: Table<u32>,
    trap_locs: Table<u32>,
    trap_codes: Table<u8>,
    call_offsets: Table<u32>,
    call_locs: Table<u32>,
    /// Empty if no call has a stack map.
    call_maps: Table<u32>,
    stack_maps: Table<u32>,
    /// By function, and for each ascending by location.
    inlined: Table<Inlined>,
}

impl Tables {
    /// Whether the invariant of [`Image`] holds for so many bytes of code.
    fn are_consistent(&self, code_bytes: usize) -> bool {
        // All of them are looked at, which processors do several at a time.
        fn all<T>(items: impl Iterator<Item = T>, is_right: impl Fn(T) -> bool) -> bool {
            items.fold(true, |all, item| all & is_right(item))
        }
        fn ascend<T: Copy>(numbers: &[T], number: impl Fn(T) -> u32, end: usize) -> bool {
            all(numbers.iter().zip(numbers.iter().skip(1)), |(&one, &next)| number(one) <= number(next))
                && numbers.last().is_none_or(|&last| number(last) as usize <= end)
        }
        let is_entry = |entry: u32| (entry == NO_ENTRY) | ((entry as usize) < code_bytes);
        let is_map = |&map: &u32| {
            let words = |at: usize| self.stack_maps.get(map as usize + at);
            map == NO_MAP || words(3).is_some_and(|&bits| words(3 + bits as usize).is_some())
        };
        let is_body = |body: u32| (body as usize) < self.functions.len();
        ascend(&self.functions, |function| function.start, code_bytes)
            && ascend(&self.functions, |function| function.first_inlined, self.inlined.len())
            && all(self.functions.iter(), |function| is_entry(function.foreign_entry))
            && ascend(&self.trap_offsets, |offset| offset, code_bytes)
            && self.trap_locs.len() == self.trap_offsets.len()
            && self.trap_codes.len() == self.trap_offsets.len()
            && ascend(&self.call_offsets, |offset| offset, code_bytes)
            && self.call_offsets.first().is_none_or(|&offset| offset > 0)
            && self.call_locs.len() == self.call_offsets.len()
            && (self.call_maps.is_empty() || self.call_maps.len() == self.call_offsets.len())
            && self.call_maps.iter().all(is_map)
            // Callers come before what they call, so that no chain of them is without end.
            && all(self.inlined.iter(), |site| is_body(site.body))
            && all(self.inlined.iter(), |site| (site.caller == Inlined::NO_CALLER) | (site.caller < site.first_loc))
    }
}

impl Image {
    /// Links functions for this target, one for each of `bodies` bodies, and lets the signal handlers know of the code. `has_pads` as for
    /// [`Executable::new`].
    ///
    /// # Errors
    /// The code is too large for relative calls, or the host has no memory for it.
    pub fn new(target: Target, has_pads: bool, bodies: usize, batches: &[Batch]) -> Result<Box<Image>> {
        let mut pieces: Vec<(&Batch, &Piece)> =
            batches.iter().flat_map(|batch| batch.pieces.iter().map(move |piece| (batch, piece))).collect();
        pieces.sort_unstable_by_key(|(_, piece)| piece.body);
        debug_assert!(pieces.iter().map(|(_, piece)| piece.body).eq(0..bodies as u32), "one piece for each body");
        let mut end = 0usize;
        let mut functions = Vec::with_capacity(pieces.len());
        let count = |len: fn(&Piece) -> usize| pieces.iter().map(|(_, piece)| len(piece)).sum();
        let mut inlined = Vec::with_capacity(count(|piece| piece.inlined.len()));
        for (batch, piece) in &pieces {
            let start = end.next_multiple_of(piece.align as usize);
            end = start + piece.bytes.len();
            if i32::try_from(end).is_err() {
                return Err(Error::limit("the module's machine code is larger than 2 GiB"));
            }
            let foreign_entry = piece.foreign_entry.map_or(NO_ENTRY, |entry| start as u32 + entry);
            let first_inlined = append(&mut inlined, &batch.inlined[piece.inlined.clone()]).start as u32;
            let frameless = piece.frameless.into();
            functions.push(Function { start: start as u32, foreign_entry, frameless, first_inlined });
        }
        let (traps, call_sites) = (count(|piece| piece.traps.len()), count(|piece| piece.call_sites.len()));
        let mut trap_offsets = Vec::with_capacity(traps);
        let mut trap_locs = Vec::with_capacity(traps);
        let mut trap_codes = Vec::with_capacity(traps);
        let mut call_offsets = Vec::with_capacity(call_sites);
        let mut call_locs = Vec::with_capacity(call_sites);
        let mut call_maps = Vec::new();
        let mut stack_maps = Vec::with_capacity(count(|piece| piece.stack_maps.len()));
        let code = Executable::new(end, has_pads, |image| {
            image[..end].fill(target.padding());
            for ((batch, piece), function) in pieces.iter().zip(&functions) {
                let place = &mut image[function.start as usize..][..piece.bytes.len()];
                place.copy_from_slice(&batch.bytes[piece.bytes.clone()]);
                for call in &batch.calls[piece.calls.clone()] {
                    let callee = call.body as usize;
                    let to = functions[callee].start + pieces[callee].1.local_entry;
                    let from = function.start + call.offset;
                    target.patch_call(&mut place[call.offset as usize..], to as i32 - from as i32);
                }
                for site in &batch.traps[piece.traps.clone()] {
                    trap_offsets.push(function.start + site.offset);
                    trap_locs.push(site.loc);
                    trap_codes.push(site.code);
                }
                let first_map = stack_maps.len() as u32;
                for site in &batch.call_sites[piece.call_sites.clone()] {
                    call_offsets.push(function.start + site.offset);
                    call_locs.push(site.loc);
                    call_maps.push(if site.map == NO_MAP { NO_MAP } else { first_map + site.map });
                }
                stack_maps.extend_from_slice(&batch.stack_maps[piece.stack_maps.clone()]);
            }
        })?;
        if stack_maps.is_empty() {
            call_maps.clear();
        }
        let tables = Tables {
            functions: functions.into(),
            trap_offsets: trap_offsets.into(),
            trap_locs: trap_locs.into(),
            trap_codes: trap_codes.into(),
            call_offsets: call_offsets.into(),
            call_locs: call_locs.into(),
            call_maps: call_maps.into(),
            stack_maps: stack_maps.into(),
            inlined: inlined.into(),
        };
        debug_assert!(tables.are_consistent(end));
        Ok(Image::publish(Image { code, tables, first_body: 0, known: true }))
    }

    /// The image in an artifact whose sections are there; none if they are no image of so many functions. `has_pads` as for [`Executable::new`].
    ///
    /// # Errors
    /// The host has no memory.
    pub fn of_artifact(
        bodies: usize,
        has_pads: bool,
        artifact: &Arc<Mapping>,
        section: impl Fn(Section) -> Range<usize>,
    ) -> Result<Option<Box<Image>>> {
        fn table<T: Plain>(artifact: &Arc<Mapping>, part: Range<usize>) -> Option<Table<T>> {
            Table::mapped(artifact, part)
        }
        let tables = || {
            Some(Tables {
                functions: table(artifact, section(Section::Functions))?,
                trap_offsets: table(artifact, section(Section::TrapOffsets))?,
                trap_locs: table(artifact, section(Section::TrapLocs))?,
                trap_codes: table(artifact, section(Section::TrapCodes))?,
                call_offsets: table(artifact, section(Section::CallOffsets))?,
                call_locs: table(artifact, section(Section::CallLocs))?,
                call_maps: table(artifact, section(Section::CallMaps))?,
                stack_maps: table(artifact, section(Section::StackMaps))?,
                inlined: table(artifact, section(Section::Inlined))?,
            })
        };
        let text = section(Section::Text);
        let is_whole = |tables: &Tables| tables.functions.len() == bodies && tables.are_consistent(text.len());
        let Some(tables) = tables().filter(is_whole) else { return Ok(None) };
        let code = Executable::of_artifact(artifact, text, has_pads)?;
        Ok(Some(Image::publish(Image { code, tables, first_body: 0, known: true })))
    }

    /// The contents of an artifact's section; nothing for one that is not about code.
    pub fn section(&self, section: Section) -> &[u8] {
        let tables = &self.tables;
        match section {
            Section::Info | Section::Bytes => &[],
            Section::Functions => tables.functions.bytes(),
            Section::TrapOffsets => tables.trap_offsets.bytes(),
            Section::TrapLocs => tables.trap_locs.bytes(),
            Section::TrapCodes => tables.trap_codes.bytes(),
            Section::CallOffsets => tables.call_offsets.bytes(),
            Section::CallLocs => tables.call_locs.bytes(),
            Section::CallMaps => tables.call_maps.bytes(),
            Section::StackMaps => tables.stack_maps.bytes(),
            Section::Inlined => tables.inlined.bytes(),
            Section::Text => self.code.bytes(),
        }
    }

    /// The image of one function, whose code lies at an address and is somebody else's, who lets the signal handlers know.
    pub fn of_function(body: u32, start: usize, code: &Code) -> Image {
        let function =
            Function { start: 0, foreign_entry: NO_ENTRY, frameless: code.frameless.into(), first_inlined: 0 };
        let tables = Tables {
            functions: alloc::vec![function].into(),
            trap_offsets: code.traps.iter().map(|site| site.offset).collect::<Vec<_>>().into(),
            trap_locs: code.traps.iter().map(|site| site.loc).collect::<Vec<_>>().into(),
            trap_codes: code.traps.iter().map(|site| site.code).collect::<Vec<_>>().into(),
            call_offsets: code.call_sites.iter().map(|site| site.offset).collect::<Vec<_>>().into(),
            call_locs: code.call_sites.iter().map(|site| site.loc).collect::<Vec<_>>().into(),
            call_maps: match code.stack_maps.is_empty() {
                true => Vec::new().into(),
                false => code.call_sites.iter().map(|site| site.map).collect::<Vec<_>>().into(),
            },
            stack_maps: code.stack_maps.clone().into(),
            inlined: code.inlined.clone().into(),
        };
        debug_assert!(tables.are_consistent(code.bytes.len()) || !code.inlined.is_empty());
        Image { code: Executable::of_others(start, code.bytes.len()), tables, first_body: body, known: false }
    }

    /// Lets the signal handlers know.
    fn publish(image: Image) -> Box<Image> {
        let image = Box::new(image);
        registry::add(&image);
        image
    }

    /// The addresses of the code.
    pub fn range(&self) -> Range<usize> {
        self.code.range()
    }

    /// The entry for calls from anywhere of the function with this body index.
    pub fn entry(&self, body: usize) -> Option<*const u8> {
        let entry = self.tables.functions[body].foreign_entry;
        (entry != NO_ENTRY).then(|| self.code.at(entry as usize))
    }

    /// The addresses of each function's code, in the order of the bodies, the constants and padding behind it included.
    pub fn functions(&self) -> impl ExactSizeIterator<Item = Range<usize>> + '_ {
        let Range { start, end } = self.range();
        let functions = &*self.tables.functions;
        (0..functions.len()).map(move |body| {
            let next = functions.get(body + 1).map_or(end, |next| start + next.start as usize);
            start + functions[body].start as usize..next
        })
    }

    fn offset(&self, address: usize) -> Option<u32> {
        self.range().contains(&address).then(|| (address - self.range().start) as u32)
    }

    /// Whether the instruction at an address is one at which a guest may be stopped, and why it is. Async-signal-safe.
    pub fn trap_at(&self, address: usize) -> Option<TrapSite> {
        let offset = self.offset(address)?;
        let found = self.tables.trap_offsets.binary_search(&offset).ok()?;
        Some(TrapSite { offset, code: self.tables.trap_codes[found], loc: self.tables.trap_locs[found] })
    }

    /// What was running at a location of the code of this body: indices of bodies and places in the module, the innermost first.
    pub fn activations(&self, body: u32, loc: u32) -> impl Iterator<Item = (u32, u32)> + '_ {
        let Tables { functions, inlined, .. } = &self.tables;
        let place = (body - self.first_body) as usize;
        let first = functions[place].first_inlined as usize;
        let end = functions.get(place + 1).map(|next| next.first_inlined as usize);
        compile::activations(&inlined[first..end.unwrap_or(inlined.len())], body, loc)
    }

    /// The call that returns to an address: its place in the tables.
    fn call_site(&self, return_address: usize) -> Option<(u32, usize)> {
        let offset = self.offset(return_address)?;
        Some((offset, self.tables.call_offsets.binary_search(&offset).ok()?))
    }

    /// The call that returns to an address: the index of the body whose code it is in, and its location there.
    pub fn call_at(&self, return_address: usize) -> Option<(u32, u32)> {
        let (offset, found) = self.call_site(return_address)?;
        // A call may be a function's last instruction.
        Some((self.function_at(offset - 1)?.0, self.tables.call_locs[found]))
    }

    /// The stack map of the call that returns to an address; none if its frame holds no references.
    pub fn stack_map(&self, return_address: usize) -> Option<StackMap<'_>> {
        if self.tables.call_maps.is_empty() {
            return None;
        }
        let map = self.tables.call_maps[self.call_site(return_address)?.1];
        (map != NO_MAP).then(|| StackMap::read(&self.tables.stack_maps, map))
    }

    /// The index of the body that the code at an address belongs to, and whether the function has no frame of its own.
    pub fn function(&self, address: usize) -> Option<(u32, bool)> {
        self.function_at(self.offset(address)?)
    }

    fn function_at(&self, offset: u32) -> Option<(u32, bool)> {
        let functions = &*self.tables.functions;
        let after = functions.partition_point(|function| function.start <= offset);
        let body = after.checked_sub(1)?;
        Some((self.first_body + body as u32, functions[body].frameless != 0))
    }

    /// Whether two images are the same in all but the address.
    #[cfg(test)]
    pub fn is_same(&self, other: &Image) -> bool {
        Section::ALL.iter().all(|&section| self.section(section) == other.section(section))
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        if self.known {
            registry::remove(self);
        }
    }
}
