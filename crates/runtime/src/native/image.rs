//! The machine code of a module: functions placed one behind another, and the tables that go with them.
//!
//! What the bytes are depends on the functions alone, not on who compiled them or where the code lies.

use super::arch::PADDING;
use super::registry;
use crate::api::error::{Error, Result};
use crate::sys::Executable;
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::ops::Range;
use tiercel_abi::frames::{NO_MAP, StackMap};
use tiercel_compiler::compile::{self, CallReloc, CallSite, Code, TrapSite};
use tiercel_compiler::ir::Inlined;

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
    foreign_tail_calls: bool,
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
        self.foreign_tail_calls |= code.foreign_tail_calls;
    }

    /// Whether a function has tail calls for which others have to be compiled with `Options::foreign_tail_calls`.
    pub fn has_foreign_tail_calls(&self) -> bool {
        self.foreign_tail_calls
    }
}

/// A function in an image.
#[derive(Clone, Copy, PartialEq)]
struct Function {
    /// Its first byte.
    start: u32,
    /// [`NO_ENTRY`], or where calls from anywhere go.
    foreign_entry: u32,
    frameless: bool,
    /// The first of the bodies that are inlined in it.
    first_inlined: u32,
}

const NO_ENTRY: u32 = u32::MAX;

/// The machine code of a module. Signal handlers find it as long as it lives.
///
/// Invariant: offsets are into `code`; functions are in the order of their bodies, the tables ascending by offset.
pub struct Image {
    code: Executable,
    functions: Box<[Function]>,
    traps: Box<[TrapSite]>,
    call_sites: Box<[CallSite]>,
    stack_maps: Box<[u32]>,
    /// By function, and for each ascending by location.
    inlined: Box<[Inlined]>,
}

impl Image {
    /// Links functions, one for each of `bodies` bodies, and lets the signal handlers know of the code.
    ///
    /// # Errors
    /// The code is too large for relative calls, or the host has no memory for it.
    pub fn new(bodies: usize, batches: &[Batch]) -> Result<Box<Image>> {
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
            functions.push(Function { start: start as u32, foreign_entry, frameless: piece.frameless, first_inlined });
        }
        let mut traps = Vec::with_capacity(count(|piece| piece.traps.len()));
        let mut call_sites = Vec::with_capacity(count(|piece| piece.call_sites.len()));
        let mut stack_maps = Vec::with_capacity(count(|piece| piece.stack_maps.len()));
        let code = Executable::new(end, |image| {
            image[..end].fill(PADDING);
            for ((batch, piece), function) in pieces.iter().zip(&functions) {
                let place = &mut image[function.start as usize..][..piece.bytes.len()];
                place.copy_from_slice(&batch.bytes[piece.bytes.clone()]);
                for call in &batch.calls[piece.calls.clone()] {
                    let callee = call.body as usize;
                    let target = functions[callee].start + pieces[callee].1.local_entry;
                    let from = function.start + call.offset + 4;
                    let distance = target as i32 - from as i32;
                    place[call.offset as usize..][..4].copy_from_slice(&distance.to_le_bytes());
                }
                let start = function.start;
                let sites = batch.traps[piece.traps.clone()].iter();
                traps.extend(sites.map(|site| TrapSite { offset: start + site.offset, ..*site }));
                let sites = batch.call_sites[piece.call_sites.clone()].iter();
                let first_map = stack_maps.len() as u32;
                let map = |map: u32| if map == NO_MAP { NO_MAP } else { first_map + map };
                call_sites.extend(sites.map(|site| CallSite {
                    offset: start + site.offset,
                    map: map(site.map),
                    ..*site
                }));
                stack_maps.extend_from_slice(&batch.stack_maps[piece.stack_maps.clone()]);
            }
        })?;
        let image = Box::new(Image {
            code,
            functions: functions.into(),
            traps: traps.into(),
            call_sites: call_sites.into(),
            inlined: inlined.into(),
            stack_maps: stack_maps.into(),
        });
        registry::add(&image);
        Ok(image)
    }

    /// The addresses of the code.
    pub fn range(&self) -> Range<usize> {
        self.code.range()
    }

    /// The entry for calls from anywhere of the function with this body index.
    pub fn entry(&self, body: usize) -> Option<*const u8> {
        let entry = self.functions[body].foreign_entry;
        (entry != NO_ENTRY).then(|| self.code.at(entry as usize))
    }

    /// The addresses of each function's code, in the order of the bodies, the constants and padding behind it included.
    pub fn functions(&self) -> impl ExactSizeIterator<Item = Range<usize>> + '_ {
        let Range { start, end } = self.range();
        (0..self.functions.len()).map(move |body| {
            let next = self.functions.get(body + 1).map_or(end, |next| start + next.start as usize);
            start + self.functions[body].start as usize..next
        })
    }

    fn offset(&self, address: usize) -> Option<u32> {
        self.range().contains(&address).then(|| (address - self.range().start) as u32)
    }

    /// Whether the instruction at an address is one at which a guest may be stopped, and why it is. Async-signal-safe.
    pub fn trap_at(&self, address: usize) -> Option<TrapSite> {
        let offset = self.offset(address)?;
        let found = self.traps.binary_search_by_key(&offset, |site| site.offset).ok()?;
        Some(self.traps[found])
    }

    /// What was running at a location of the code of this body: indices of bodies and places in the module, the innermost first.
    pub fn activations(&self, body: u32, loc: u32) -> impl Iterator<Item = (u32, u32)> + '_ {
        let first = self.functions[body as usize].first_inlined as usize;
        let end = self.functions.get(body as usize + 1).map(|next| next.first_inlined as usize);
        compile::activations(&self.inlined[first..end.unwrap_or(self.inlined.len())], body, loc)
    }

    /// The call that returns to an address: the index of the body whose code it is in, and its location there.
    pub fn call_at(&self, return_address: usize) -> Option<(u32, u32)> {
        let offset = self.offset(return_address)?;
        let found = self.call_sites.binary_search_by_key(&offset, |site| site.offset).ok()?;
        // A call may be a function's last instruction.
        Some((self.function_at(offset - 1)?.0, self.call_sites[found].loc))
    }

    /// The stack map of the call that returns to an address; none if its frame holds no references.
    pub fn stack_map(&self, return_address: usize) -> Option<StackMap<'_>> {
        let offset = self.offset(return_address)?;
        let found = self.call_sites.binary_search_by_key(&offset, |site| site.offset).ok()?;
        let map = self.call_sites[found].map;
        (map != NO_MAP).then(|| StackMap::read(&self.stack_maps, map))
    }

    /// The index of the body that the code at an address belongs to, and whether the function has no frame of its own.
    pub fn function(&self, address: usize) -> Option<(u32, bool)> {
        self.function_at(self.offset(address)?)
    }

    fn function_at(&self, offset: u32) -> Option<(u32, bool)> {
        let after = self.functions.partition_point(|function| function.start <= offset);
        let body = after.checked_sub(1)?;
        Some((body as u32, self.functions[body].frameless))
    }

    /// The code.
    #[cfg(test)]
    pub fn bytes(&self) -> &[u8] {
        self.code.bytes()
    }

    /// Whether two images are the same in all but the address.
    #[cfg(test)]
    pub fn is_same(&self, other: &Image) -> bool {
        let tables = |image: &'_ Image| (image.functions.clone(), image.traps.clone(), image.call_sites.clone());
        self.bytes() == other.bytes() && tables(self) == tables(other)
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        registry::remove(self);
    }
}
