//! The pre-scan: in: a validated body. out: where each local is used, how much, and what each loop does with it.
//!
//! One pass over the bytes, far cheaper than compilation. What it finds out decides which locals get registers ([`super::assign`]) and which of
//! them a loop's head has to have there.

use wasmparser::{BinaryReader, OperatorsReader};

/// A local counts so many times as much for each loop around the access, as a shift, and so many loops count. No effect on correctness.
const LOOP_WEIGHT_LOG2: u32 = 3;
const WEIGHED_LOOPS: usize = 4;
/// A loop with more calls than one in so many bytes mostly calls. No effect on correctness.
const BYTES_FOR_CALL: u32 = 96;

/// What is known of a local.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalUse {
    /// Where it is set first, in bytes from the body's start; 0 if its first value is the parameter's or zero.
    pub first: u32,
    /// Where its value is of no use any more.
    pub last: u32,
    /// How much it is accessed.
    pub weight: u32,
    /// Calls in the body before `first` and before `last`.
    pub calls: [u32; 2],
    /// The nesting at which it was set first, and which construct that was.
    depth: u32,
    construct: u32,
    /// Loops that were open when it was set first.
    open_loops: u32,
    /// One more than the loop that its value has to outlive, as far as known.
    outlives: u32,
    /// One more than the loop with the last entry of [`Scan::events`], and that entry.
    in_loop: u32,
    event: u32,
}

impl LocalUse {
    /// Whether there is a call between its first access and its last.
    pub fn crosses_calls(&self) -> bool {
        self.calls[0] != self.calls[1]
    }
}

/// A loop, in the order in which they are opened.
#[derive(Clone, Copy, Debug, Default)]
pub struct LoopUse {
    /// The loop around it; its own number for an outermost one.
    pub parent: u32,
    /// Where it starts, and where its `end` is.
    pub start: u32,
    pub end: u32,
    /// Calls before it and before its end.
    pub calls: [u32; 2],
    /// Loops around it, itself included.
    pub depth: u32,
    /// Whether each round that comes to an end enters a loop inside, as far as is seen easily.
    pub enters_another: bool,
}

impl LoopUse {
    /// Whether calls are what its time goes to.
    pub fn mostly_calls(&self) -> bool {
        (self.calls[1] - self.calls[0]).saturating_mul(BYTES_FOR_CALL) > self.end - self.start
    }

    /// What a local weighs that is accessed so many times in it, and in no loop inside.
    pub fn weight(&self, accesses: u32) -> u32 {
        accesses << (LOOP_WEIGHT_LOG2 * self.depth.min(WEIGHED_LOOPS as u32))
    }
}

/// An access to a local in a loop, and in none of the loops inside.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// The loop.
    pub in_loop: u32,
    /// The local.
    pub local: u32,
    /// Whether it is set.
    pub sets: bool,
}

/// What was found. Reused from function to function.
#[derive(Default)]
pub struct Scan {
    /// Every local, parameters first.
    pub locals: Vec<LocalUse>,
    /// Every loop.
    pub loops: Vec<LoopUse>,
    /// Accesses in loops, each local about once for each loop.
    pub events: Vec<Event>,
    /// Calls and what may call.
    pub calls: u32,
    /// Whether each run enters the first loop, as far as is seen easily.
    pub enters_loop: bool,
    /// The number of each open construct.
    open: Vec<u32>,
    open_loops: Vec<u32>,
    straight: Straight,
    next_construct: u32,
}

/// What there is no branch behind, so far.
#[derive(Clone, Copy, Default)]
enum Straight {
    #[default]
    No,
    /// The start of the body.
    FromStart,
    /// The head of this loop.
    From(u32),
}

/// What follows an opcode of one byte.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Follows {
    Nothing,
    Index,
    TwoIndices,
    MemArg,
    Bytes4,
    Bytes8,
    BlockType,
    Table,
    Vector,
    /// Something rare: the reader of all operators knows.
    Other,
}

const FOLLOWS: [Follows; 256] = {
    let mut table = [Follows::Other; 256];
    let mut op = 0;
    while op < 256 {
        table[op] = match op as u8 {
            0x00 | 0x01 | 0x05 | 0x0b | 0x0f | 0x1a | 0x1b | 0x45..=0xc4 | 0xd1 | 0xd3 | 0xd4 => Follows::Nothing,
            0x02..=0x04 => Follows::BlockType,
            0x0c | 0x0d | 0x10 | 0x12 | 0x14 | 0x15 | 0x20..=0x26 | 0x3f..=0x42 | 0xd2 | 0xd5 | 0xd6 => Follows::Index,
            0x11 | 0x13 => Follows::TwoIndices,
            0x0e => Follows::Table,
            0x28..=0x3e => Follows::MemArg,
            0x43 => Follows::Bytes4,
            0x44 => Follows::Bytes8,
            0xfd => Follows::Vector,
            _ => Follows::Other,
        };
        op += 1;
    }
    table
};

/// Operators behind which a loop around may begin its next round or have been left, and the end of a loop.
const BRANCHES: [bool; 256] = {
    let mut table = [false; 256];
    let mut op = 0;
    while op < 256 {
        table[op] = matches!(op as u8, 0x00 | 0x04..=0x0f | 0x12 | 0x13 | 0x15 | 0x1f | 0xd5 | 0xd6 | 0xfb);
        op += 1;
    }
    table
};

impl Scan {
    /// Whether there is no loop in the one with this number.
    pub fn is_innermost(&self, number: usize) -> bool {
        self.loops.get(number + 1).is_none_or(|next| next.parent as usize != number)
    }

    /// Scans the operators from `start` to the end of a body; `params` of its `locals` are parameters.
    ///
    /// # Errors
    /// The body is malformed, which validation excludes.
    pub fn scan(&mut self, body: &[u8], start: usize, locals: usize, params: usize) -> Result<(), wasmparser::Error> {
        self.locals.clear();
        self.locals.resize(locals, LocalUse { first: u32::MAX, ..LocalUse::default() });
        for param in &mut self.locals[..params] {
            param.first = 0;
        }
        self.loops.clear();
        self.events.clear();
        self.calls = 0;
        self.open.clear();
        self.open.push(0);
        self.open_loops.clear();
        self.straight = Straight::FromStart;
        self.enters_loop = false;
        self.next_construct = 1;
        let mut at = start;
        while at < body.len() {
            at = self.operator(body, at)?;
        }
        for local in &mut self.locals {
            if local.first == u32::MAX {
                local.first = 0;
            }
            if let Some(outlived) = local.outlives.checked_sub(1) {
                let outlived = &self.loops[outlived as usize];
                if outlived.end > local.last {
                    local.last = outlived.end;
                    local.calls[1] = outlived.calls[1];
                }
            }
        }
        Ok(())
    }

    /// Notes one operator; gives where the next one is.
    #[inline]
    fn operator(&mut self, body: &[u8], at: usize) -> Result<usize, wasmparser::Error> {
        let op = body[at];
        let next = behind(body, at)?;
        if BRANCHES[op as usize] {
            self.straight = Straight::No;
        }
        match op {
            0x20 => self.get(leb(body, at + 1).0, at as u32),
            0x21 | 0x22 => self.set(leb(body, at + 1).0, at as u32),
            0x02 | 0x04 => self.enter(u32::MAX),
            0x03 => {
                let number = self.loops.len() as u32;
                let parent = self.open_loops.last().copied().unwrap_or(number);
                match self.straight {
                    Straight::FromStart => self.enters_loop = true,
                    Straight::From(outer) => self.loops[outer as usize].enters_another = true,
                    Straight::No => {}
                }
                self.straight = Straight::From(number);
                self.open_loops.push(number);
                let depth = self.open_loops.len() as u32;
                let (start, calls) = (at as u32, [self.calls; 2]);
                self.loops.push(LoopUse { parent, start, end: 0, calls, depth, enters_another: false });
                self.enter(number);
            }
            0x05 => {
                // The other arm is another construct.
                self.open.pop();
                self.enter(u32::MAX);
            }
            0x0b => {
                let construct = self.open.pop().unwrap_or(0);
                if construct & LOOP != 0
                    && let Some(closed) = self.open_loops.pop()
                {
                    let closed = &mut self.loops[closed as usize];
                    (closed.end, closed.calls[1]) = (at as u32, self.calls);
                }
            }
            0x10..=0x15 | 0x40 | 0xfb..=0xfc => self.calls += 1,
            _ => {}
        }
        Ok(next)
    }

    fn enter(&mut self, in_loop: u32) {
        let number = self.next_construct & !LOOP;
        self.open.push(if in_loop == u32::MAX { number } else { number | LOOP });
        self.next_construct += 1;
    }

    #[inline]
    fn get(&mut self, local: u32, at: u32) {
        if self.locals[local as usize].first == u32::MAX {
            self.locals[local as usize].first = 0;
        }
        self.access(local, at, false);
    }

    #[inline]
    fn set(&mut self, local: u32, at: u32) {
        let info = &mut self.locals[local as usize];
        if info.first == u32::MAX {
            info.first = at;
            info.depth = self.open.len() as u32 - 1;
            info.construct = self.open[info.depth as usize];
            info.open_loops = self.open_loops.len() as u32;
            info.calls[0] = self.calls;
        }
        self.access(local, at, true);
    }

    #[inline]
    fn access(&mut self, local: u32, at: u32, sets: bool) {
        let info = &mut self.locals[local as usize];
        // A value that was set in a construct which is closed may not have been set on the way here.
        if info.first != 0 && self.open.get(info.depth as usize) != Some(&info.construct) {
            (info.first, info.open_loops, info.calls[0]) = (0, 0, 0);
        }
        (info.last, info.calls[1]) = (at, self.calls);
        let depth = self.open_loops.len();
        info.weight = info.weight.saturating_add(1 << (LOOP_WEIGHT_LOG2 * depth.min(WEIGHED_LOOPS) as u32));
        let Some(&innermost) = self.open_loops.last() else { return };
        if let Some(&outermost) = self.open_loops.get(info.open_loops as usize) {
            info.outlives = outermost + 1;
        }
        if info.in_loop != innermost + 1 {
            (info.in_loop, info.event) = (innermost + 1, self.events.len() as u32);
            self.events.push(Event { in_loop: innermost, local, sets });
        } else if sets {
            self.events[info.event as usize].sets = true;
        }
    }
}

/// Where the operator behind the one at `at` starts.
///
/// # Errors
/// The body is malformed, which validation excludes.
#[inline]
pub fn behind(body: &[u8], at: usize) -> Result<usize, wasmparser::Error> {
    let op = body[at];
    let behind = at + 1;
    let next = match FOLLOWS[op as usize] {
        Follows::Nothing => behind,
        Follows::Index => skip(body, behind),
        Follows::MemArg => skip_memarg(body, behind),
        Follows::Vector => {
            let (op, behind) = leb(body, behind);
            match op {
                // Loads and the store, those of a lane, those with zeros; constants and shuffles; lanes.
                0..=11 | 92 | 93 => skip_memarg(body, behind),
                84..=91 => skip_memarg(body, behind) + 1,
                12 | 13 => behind + 16,
                21..=34 => behind + 1,
                _ => behind,
            }
        }
        Follows::TwoIndices => skip(body, skip(body, behind)),
        Follows::Bytes4 => behind + 4,
        Follows::Bytes8 => behind + 8,
        // Types are numbers of seven bits, but for references, which name another one.
        Follows::BlockType => match body[behind] {
            0x63 | 0x64 => skip(body, behind + 1),
            _ => skip(body, behind),
        },
        Follows::Table => {
            let (mut entries, mut at) = leb(body, behind);
            while entries > 0 {
                at = skip(body, at);
                entries -= 1;
            }
            skip(body, at)
        }
        Follows::Other => {
            let mut reader = OperatorsReader::new(BinaryReader::new(&body[at..], 0));
            reader.read()?;
            at + reader.original_position() as usize
        }
    };
    Ok(next)
}

/// Marks the numbers of constructs that are loops.
const LOOP: u32 = 1 << 31;

/// A signed number.
#[inline]
pub fn signed(body: &[u8], at: usize) -> i64 {
    let (mut value, mut shift, mut at) = (0u64, 0u32, at);
    loop {
        let byte = body[at];
        value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        (shift, at) = (shift + 7, at + 1);
        if byte < 0x80 {
            let unused = 64u32.saturating_sub(shift);
            return (value << unused) as i64 >> unused;
        }
    }
}

/// A number, and where the next byte is.
#[inline]
pub fn leb(body: &[u8], at: usize) -> (u32, usize) {
    let first = body[at];
    if first < 0x80 {
        return (first.into(), at + 1);
    }
    let (mut value, mut shift, mut at) = (u32::from(first & 0x7f), 7, at + 1);
    loop {
        let byte = body[at];
        value |= u32::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        (shift, at) = (shift + 7, at + 1);
        if byte < 0x80 {
            return (value, at);
        }
    }
}

/// Where the byte behind alignment and offset is.
#[inline]
fn skip_memarg(body: &[u8], at: usize) -> usize {
    // Bit 6 of the alignment says that a memory is named.
    let at = if body[at] & 0x40 != 0 { skip(body, at) } else { at };
    skip(body, skip(body, at))
}

/// Where the byte behind a number is.
#[inline]
fn skip(body: &[u8], at: usize) -> usize {
    let mut at = at;
    while body[at] >= 0x80 {
        at += 1;
    }
    at + 1
}

#[cfg(test)]
mod tests {
    use super::Scan;

    /// For each loop whether it enters another one in each round, and whether the body enters the first one in any case.
    fn entered(body: &str) -> (Vec<bool>, bool) {
        let wasm = wat::parse_str(format!("(module (func $f (local i32) {body}))")).expect("a valid module");
        let mut scan = Scan::default();
        for payload in wasmparser::Parser::new(0).parse_all(&wasm) {
            if let Ok(wasmparser::Payload::CodeSectionEntry(body)) = payload {
                let first = body.get_operators_reader().expect("a body").original_position() as usize;
                let range = body.range();
                let bytes = &wasm[range.start as usize..range.end as usize];
                scan.scan(bytes, first - range.start as usize, 1, 0).expect("a valid body");
            }
        }
        (scan.loops.iter().map(|found| found.enters_another).collect(), scan.enters_loop)
    }

    #[test]
    fn loops_are_entered_in_any_case_behind_no_branch() {
        let again = "(br_if 0 (local.get 0))";
        let inner = format!("(loop {again})");
        assert_eq!(entered(&inner), (vec![false], true));
        assert_eq!(entered(&format!("(if (local.get 0) (then {inner}))")), (vec![false], false));
        assert_eq!(entered(&format!("(loop {inner} {again})")), (vec![true, false], true));
        assert_eq!(entered(&format!("(block (loop (block {inner}) {again}))")), (vec![true, false], true));
        assert_eq!(entered(&format!("(loop {again} {inner})")), (vec![false, false], true));
        assert_eq!(
            entered(&format!("(block (br_if 0 (local.get 0)) (loop (loop {inner})))")),
            (vec![true, true, false], false)
        );
        assert_eq!(entered(&format!("(loop (block (br_if 1 (local.get 0))) {inner})")), (vec![false, false], true));
        assert_eq!(entered(&format!("(loop {inner} {inner})")), (vec![true, false, false], true));
    }
}
