//! Physical registers, sets of them, spill slots.

use std::fmt;

/// A register file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u8)]
pub enum RegClass {
    /// Integers, addresses, references.
    Int,
    /// Floats and vectors.
    Vector,
}

impl RegClass {
    /// How many there are.
    pub const COUNT: usize = 2;
}

/// A physical register: `32 * class + number`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PReg(u8);

impl PReg {
    /// The register with this number, below 32.
    #[inline]
    pub const fn new(class: RegClass, number: u8) -> PReg {
        PReg((class as u8) << 5 | (number & 31))
    }

    /// The register with this index, below 64.
    #[inline]
    pub const fn from_index(index: usize) -> PReg {
        PReg(index as u8 & 63)
    }

    /// `32 * class + number`.
    #[inline]
    pub const fn index(self) -> usize {
        (self.0 & 63) as usize
    }

    /// Its register file.
    #[inline]
    pub const fn class(self) -> RegClass {
        if self.0 & 32 == 0 { RegClass::Int } else { RegClass::Vector }
    }

    /// Its number in its file.
    #[inline]
    pub const fn number(self) -> u8 {
        self.0 & 31
    }
}

impl fmt::Debug for PReg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.class() == RegClass::Int { 'r' } else { 'x' }, self.number())
    }
}

/// A set of physical registers: bit [`PReg::index`].
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct PRegSet(pub u64);

impl PRegSet {
    /// No register.
    pub const EMPTY: PRegSet = PRegSet(0);

    /// All registers of a class, whether the machine has them or not.
    #[inline]
    pub const fn class(class: RegClass) -> PRegSet {
        PRegSet(0xffff_ffff << (32 * class as u32))
    }

    /// The set of one register.
    #[inline]
    pub const fn of(reg: PReg) -> PRegSet {
        PRegSet(1 << reg.index())
    }

    /// Whether a register is in it.
    #[inline]
    pub const fn has(self, reg: PReg) -> bool {
        self.0 >> reg.index() & 1 != 0
    }

    /// Adds a register.
    #[inline]
    pub const fn insert(&mut self, reg: PReg) {
        self.0 |= 1 << reg.index();
    }

    /// Takes a register out.
    #[inline]
    pub const fn remove(&mut self, reg: PReg) {
        self.0 &= !(1 << reg.index());
    }

    /// How many there are.
    #[inline]
    pub const fn len(self) -> u32 {
        self.0.count_ones()
    }

    /// Whether there are none.
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The first one, integer registers before vectors.
    #[inline]
    pub const fn first(self) -> Option<PReg> {
        if self.0 == 0 { None } else { Some(PReg(self.0.trailing_zeros() as u8)) }
    }

    /// The last one.
    #[inline]
    pub const fn last(self) -> Option<PReg> {
        if self.0 == 0 { None } else { Some(PReg(63 - self.0.leading_zeros() as u8)) }
    }
}

impl std::ops::BitOr for PRegSet {
    type Output = PRegSet;
    #[inline]
    fn bitor(self, other: PRegSet) -> PRegSet {
        PRegSet(self.0 | other.0)
    }
}

impl std::ops::BitOrAssign for PRegSet {
    #[inline]
    fn bitor_assign(&mut self, other: PRegSet) {
        self.0 |= other.0;
    }
}

impl std::ops::BitAnd for PRegSet {
    type Output = PRegSet;
    #[inline]
    fn bitand(self, other: PRegSet) -> PRegSet {
        PRegSet(self.0 & other.0)
    }
}

/// Set difference.
impl std::ops::Sub for PRegSet {
    type Output = PRegSet;
    #[inline]
    fn sub(self, other: PRegSet) -> PRegSet {
        PRegSet(self.0 & !other.0)
    }
}

impl Iterator for PRegSet {
    type Item = PReg;
    #[inline]
    fn next(&mut self) -> Option<PReg> {
        let reg = self.first()?;
        self.0 &= self.0 - 1;
        Some(reg)
    }
}

impl FromIterator<PReg> for PRegSet {
    fn from_iter<I: IntoIterator<Item = PReg>>(regs: I) -> PRegSet {
        regs.into_iter().fold(PRegSet::EMPTY, |set, reg| set | PRegSet::of(reg))
    }
}

impl fmt::Debug for PRegSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(*self).finish()
    }
}

/// A spill slot: slots of 8 and of 16 bytes are numbered apart.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u32);

impl Slot {
    /// The slot of this width with this number.
    #[inline]
    pub const fn new(wide: bool, number: u32) -> Slot {
        Slot(number << 1 | wide as u32)
    }

    /// Whether it has 16 bytes rather than 8.
    #[inline]
    pub const fn is_wide(self) -> bool {
        self.0 & 1 != 0
    }

    /// Its number among the slots of its width.
    #[inline]
    pub const fn number(self) -> u32 {
        self.0 >> 1
    }

    /// A number that tells it from slots of either width.
    #[inline]
    pub(super) const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.is_wide() { "wide" } else { "slot" }, self.number())
    }
}

/// A place for a value.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Loc {
    /// A register.
    Reg(PReg),
    /// A spill slot.
    Slot(Slot),
}

impl Loc {
    /// The register, if it is one.
    #[inline]
    pub const fn reg(self) -> Option<PReg> {
        match self {
            Loc::Reg(reg) => Some(reg),
            Loc::Slot(_) => None,
        }
    }
}

impl fmt::Debug for Loc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Loc::Reg(reg) => reg.fmt(f),
            Loc::Slot(slot) => slot.fmt(f),
        }
    }
}
