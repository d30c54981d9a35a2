//! The pieces of code of a module whose functions are compiled one by one: each an image, in a room that they share.
//!
//! Pieces lie one behind another, in the order of their places. A place whose piece is gone may get another one that fits, so the order stays. Signal
//! handlers search it without a lock.

use super::image::Image;
use super::{arch, registry};
use crate::api::error::{Error, Result};
use crate::sys::{CodeSpace, barrier};
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::Range;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, AtomicU32, AtomicUsize, Ordering};
use tiercel_compiler::compile::{CallReloc, Code};
use tiercel_compiler::isa::Target;

/// A new piece takes a place whose room is this many times its own at most. No effect on correctness.
const MOST_WASTE: usize = 2;
/// Places for each function: one of each tier, and continuations; and in addition.
const PLACES_PER_BODY: usize = 3;
const PLACES: usize = 64;
/// Of the room for code this part is for what has to be there: a function's first code.
const KEPT_PART: usize = 4;

/// The published pieces of code.
pub struct Pieces {
    space: Arc<CodeSpace>,
    target: Target,
    /// The first `len` are in use, ascending by `start`.
    places: Box<[Place]>,
    len: AtomicUsize,
}

struct Place {
    /// Where its room starts, as an offset of the room for code; it ends where that of the next place starts.
    start: AtomicU32,
    /// Null if the piece is gone.
    image: AtomicPtr<Image>,
}

/// Where there is room for more. Who has it may change pieces.
pub struct Room {
    /// Behind all pieces.
    end: usize,
    /// Places without a piece that may get one.
    free: Vec<usize>,
    /// The entries of functions that stay as they are, by the indices of their bodies.
    pub finals: Finals,
    /// Functions that have no code yet. What only makes others faster leaves them places and room.
    pub without_code: usize,
}

/// Where functions are entered whose code is never replaced again.
pub type Finals = BTreeMap<u32, usize>;

impl Pieces {
    /// No pieces yet, for so many functions; and their room, from an offset of the room for code on.
    pub fn new(space: Arc<CodeSpace>, target: Target, bodies: usize, start: usize) -> (Pieces, Room) {
        let none = || Place { start: AtomicU32::new(0), image: AtomicPtr::new(null_mut()) };
        let places = core::iter::repeat_with(none).take(PLACES_PER_BODY * bodies + PLACES).collect();
        (
            Pieces { space, target, places, len: AtomicUsize::new(0) },
            Room { end: start, free: Vec::new(), finals: Finals::new(), without_code: bodies },
        )
    }

    fn start(&self) -> usize {
        self.space.code_range().start
    }

    fn in_use(&self) -> &[Place] {
        &self.places[..self.len.load(Ordering::Acquire)]
    }

    /// The place whose room an address is in. Async-signal-safe.
    pub fn place_of(&self, address: usize) -> Option<usize> {
        let code = self.space.code_range();
        let offset = code.contains(&address).then(|| (address - code.start) as u32)?;
        self.in_use().partition_point(|place| place.start.load(Ordering::Relaxed) <= offset).checked_sub(1)
    }

    /// The piece that an address is in. Async-signal-safe.
    ///
    /// # Safety
    /// The piece is not [removed](Self::remove) as long as the image is used: it has a frame on a stack, or the registry has a reader.
    pub unsafe fn image_at(&self, address: usize) -> Option<&Image> {
        // SAFETY: promised by the caller.
        let image = unsafe { self.image(self.place_of(address)?) };
        image.filter(|image| image.range().contains(&address))
    }

    /// The piece in a place.
    ///
    /// # Safety
    /// As [`Self::image_at`]; or the caller has the [`Room`].
    unsafe fn image(&self, place: usize) -> Option<&Image> {
        // SAFETY: what is not null came from a box, and promised by the caller.
        unsafe { self.places[place].image.load(Ordering::Acquire).as_ref() }
    }

    /// All pieces.
    pub fn all<'a>(&'a self, _room: &'a Room) -> impl Iterator<Item = &'a Image> {
        // SAFETY: pieces are removed by those that have the room.
        (0..self.len.load(Ordering::Acquire)).filter_map(|place| unsafe { self.image(place) })
    }

    /// The room of a place, as offsets.
    fn room_of(&self, room: &Room, place: usize) -> Range<usize> {
        let start = |place: &Place| place.start.load(Ordering::Relaxed) as usize;
        let places = self.in_use();
        start(&places[place])..places.get(place + 1).map_or(room.end, start)
    }

    /// Which of the free places a piece of code fits into best, by its number in the list, and at which offset it lies then.
    fn free_place(&self, room: &Room, code: &Code) -> Option<(usize, usize)> {
        let fitting = room.free.iter().enumerate().filter_map(|(number, &place)| {
            let free = self.room_of(room, place);
            let offset = free.start.next_multiple_of(code.align.max(1) as usize);
            let fits = offset + code.bytes.len() <= free.end && free.len() <= MOST_WASTE * code.bytes.len();
            fits.then_some((free.len(), number, offset))
        });
        fitting.min().map(|(_, number, offset)| (number, offset))
    }

    /// Puts the code that was made for a function into a place; gives the address of its entry. `is_first` if the function cannot run without.
    ///
    /// # Errors
    /// There is no room.
    pub fn add(&self, room: &mut Room, body: usize, is_first: bool, code: &mut Code) -> Result<usize> {
        if self.space.origin.is_elsewhere() {
            let message = "a function that was not called before `fork` has no code: load the module in the child, or use the tier `opt`";
            return Err(Error::unsupported(message));
        }
        let found = self.free_place(room, code);
        let len = self.len.load(Ordering::Relaxed);
        let offset = match found {
            Some((_, offset)) => offset,
            None => room.end.next_multiple_of(code.align.max(1) as usize),
        };
        let bytes = self.space.code_range().len();
        let (kept_bytes, kept_places) = if is_first { (0, 0) } else { (bytes / KEPT_PART, room.without_code) };
        let (end, places) = (offset + code.bytes.len() + kept_bytes, len + kept_places);
        if found.is_none() && (end > bytes || places >= self.places.len()) {
            return Err(Error::limit(format_args!("the module's machine code does not fit into {bytes} bytes")));
        }
        let start = self.start() + offset;
        let calls = core::mem::take(&mut code.calls);
        link(self.target, &self.space, &room.finals, start, &mut code.bytes, calls.iter().copied());
        code.calls = calls;
        // SAFETY: it is behind everything that was written, or nobody runs any more what was there.
        unsafe { self.space.write(offset, &code.bytes) };
        let image = Box::into_raw(Box::new(Image::of_function(body as u32, start, code)));
        // Before anybody can run it, signal handlers know it.
        match found {
            Some((number, _)) => {
                // Processors may have fetched what was there before; that they can forget it was seen when it was removed.
                barrier::everywhere();
                let place = room.free.swap_remove(number);
                self.places[place].image.store(image, Ordering::Release);
            }
            None => {
                room.end = offset + code.bytes.len();
                self.places[len].start.store(offset as u32, Ordering::Relaxed);
                self.places[len].image.store(image, Ordering::Relaxed);
                self.len.store(len + 1, Ordering::Release);
            }
        }
        Ok(start + code.local_entry as usize)
    }

    /// The body that the code in a place was made for, if there is any.
    pub fn body(&self, _room: &Room, place: usize) -> Option<u32> {
        // SAFETY: pieces are removed by those that have the room.
        let image = unsafe { self.image(place) }?;
        image.function(image.range().start).map(|(body, _)| body)
    }

    /// Gives the memory of a piece back to the host or to those that come later. Gives the bytes of its code.
    ///
    /// # Safety
    /// Nobody runs it or will: no stack has a frame of it, and no code its address.
    pub unsafe fn remove(&self, room: &mut Room, place: usize) -> usize {
        let image = self.places[place].image.swap(null_mut(), Ordering::SeqCst);
        if image.is_null() {
            return 0;
        }
        registry::wait_for_readers();
        // SAFETY: it came from a box, nobody finds it any more, and promised by the caller.
        let code = unsafe { Box::from_raw(image) }.range();
        // SAFETY: promised by the caller.
        unsafe { self.space.forget(code.start - self.start()..code.end - self.start(), self.target.padding()) };
        if arch::reuses_room() {
            room.free.push(place);
        }
        code.len()
    }
}

impl Drop for Pieces {
    fn drop(&mut self) {
        for place in &mut self.places[..*self.len.get_mut()] {
            let image = *place.image.get_mut();
            if !image.is_null() {
                // SAFETY: it came from a box, and nobody has it any more.
                drop(unsafe { Box::from_raw(image) });
            }
        }
    }
}

/// Fills in where cells are, in code that is to lie at an address; or the functions themselves that stay where they are.
pub fn link(
    target: Target,
    space: &CodeSpace,
    finals: &Finals,
    start: usize,
    code: &mut [u8],
    relocs: impl Iterator<Item = CallReloc>,
) {
    for reloc in relocs {
        let cell = &raw const space.cells()[reloc.body as usize] as usize;
        let at = reloc.offset as usize;
        match finals.get(&reloc.body) {
            Some(&callee) => target.patch_final_cell(code, at, start as u64, cell as u64, callee as u64),
            None => target.patch_cell(&mut code[at..], (start + at) as u64, cell as u64),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(bytes: usize) -> Code {
        Code { bytes: alloc::vec![0xcc; bytes], align: 16, ..Code::default() }
    }

    #[test]
    fn places_are_used_again() {
        let target = arch::target(arch::CPU_FLOOR);
        let space = Arc::new(CodeSpace::new(0, 1 << 17, false).expect("memory"));
        let (pieces, mut room) = Pieces::new(space, target, 1, 32);
        let add = |room: &mut Room, bytes| pieces.add(room, bytes, true, &mut code(bytes)).expect("room");
        let entries = [3000, 19_990, 200, 100].map(|bytes| add(&mut room, bytes));
        // SAFETY: nobody runs this.
        let image = |address| unsafe { pieces.image_at(address) }.map(Image::range);
        assert_eq!(image(entries[1]), Some(entries[1]..entries[1] + 19_990));
        assert_eq!(image(entries[1] + 19_990), None);
        let place = pieces.place_of(entries[1] + 19_989).expect("a piece");
        // SAFETY: as above.
        unsafe {
            assert_eq!(pieces.remove(&mut room, place), 19_990);
            assert_eq!(pieces.remove(&mut room, place), 0);
        }
        assert_eq!(image(entries[1]), None);
        assert_eq!(pieces.body(&room, place), None);
        assert_eq!(pieces.all(&room).count(), 3);
        assert_eq!(image(entries[0]), Some(entries[0]..entries[0] + 3000));
        assert_eq!(image(entries[2] + 199), Some(entries[2]..entries[2] + 200));
        // Too small for that place, and too large; the third one fits.
        let others = [5000, 21_000, 15_000].map(|bytes| add(&mut room, bytes));
        assert!(others[0] > entries[3] && others[1] > others[0]);
        assert_eq!(others[2] == entries[1], arch::reuses_room());
        assert_eq!(image(others[2] + 14_999), Some(others[2]..others[2] + 15_000));
        assert_eq!(image(entries[1] + 15_000), None);
        // Replacements leave a place for the function that has no code; then there are none left.
        let mut replace = || pieces.add(&mut room, 0, false, &mut code(10));
        assert!((0..PLACES_PER_BODY + PLACES).any(|_| replace().is_err()));
        assert!(add(&mut room, 10) > others[1]);
        let error = pieces.add(&mut room, 0, true, &mut code(10)).expect_err("no place");
        assert!(alloc::format!("{error}").contains("does not fit"), "{error}");
    }
}
