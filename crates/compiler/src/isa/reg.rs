//! Registers as every ISA and the allocator see them: a class, and a number that is virtual or physical.

use std::fmt;

/// The two register files. A value's width is not part of the class: an `f32` and a `v128` share the vector file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[repr(u8)]
pub enum RegClass {
    /// General purpose registers: integers, addresses, references.
    Int,
    /// Vector registers: floats and 128-bit vectors.
    Vector,
}

/// A register operand: virtual before allocation, physical after it.
///
/// Bit 31 is the class, bit 30 says virtual, the rest is the number.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Reg(u32);

const CLASS_BIT: u32 = 1 << 31;
const VIRTUAL_BIT: u32 = 1 << 30;

impl Reg {
    /// No register: an absent base or index, an unused slot.
    pub const NONE: Reg = Reg(u32::MAX);

    /// Virtual registers have numbers below this one.
    pub const MAX_VIRTUAL: u32 = VIRTUAL_BIT - 1;

    /// The physical register with this hardware number, below 32. An ISA that gives one hardware number two meanings tells them apart by
    /// adding 32 to one of them; sets do not.
    #[inline]
    pub const fn physical(class: RegClass, number: u8) -> Reg {
        debug_assert!(number < 64);
        Reg((class as u32) << 31 | number as u32)
    }

    /// The virtual register with this number, below [`Reg::MAX_VIRTUAL`]. Each class counts on its own or not, as the caller likes.
    #[inline]
    pub const fn virt(class: RegClass, number: u32) -> Reg {
        debug_assert!(number < Reg::MAX_VIRTUAL);
        Reg((class as u32) << 31 | VIRTUAL_BIT | number)
    }

    /// Whether this is [`Reg::NONE`].
    #[inline]
    pub const fn is_none(self) -> bool {
        self.0 == u32::MAX
    }

    /// Whether this is a virtual register.
    #[inline]
    pub const fn is_virtual(self) -> bool {
        self.0 & VIRTUAL_BIT != 0 && !self.is_none()
    }

    /// Whether this is a physical register.
    #[inline]
    pub const fn is_physical(self) -> bool {
        self.0 & VIRTUAL_BIT == 0
    }

    /// Its class; meaningless for [`Reg::NONE`].
    #[inline]
    pub const fn class(self) -> RegClass {
        if self.0 & CLASS_BIT == 0 { RegClass::Int } else { RegClass::Vector }
    }

    /// Its number among the virtual or among the physical registers of its class.
    #[inline]
    pub const fn number(self) -> u32 {
        self.0 & (VIRTUAL_BIT - 1)
    }
}

/// `int3` or `vector3` for physical registers (an ISA has better names), `v3` and `w3` for virtual ones.
impl fmt::Display for Reg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = match (self.is_virtual(), self.class()) {
            _ if self.is_none() => return f.write_str("none"),
            (true, RegClass::Int) => "v",
            (true, RegClass::Vector) => "w",
            (false, RegClass::Int) => "int",
            (false, RegClass::Vector) => "vector",
        };
        write!(f, "{prefix}{}", self.number())
    }
}

impl fmt::Debug for Reg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A set of physical registers of both classes: bit `32 * class + number`.
#[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct RegSet(u64);

impl RegSet {
    /// No register.
    pub const EMPTY: RegSet = RegSet(0);

    /// The registers of one class whose numbers are the bits set in `numbers`.
    pub const fn of_class(class: RegClass, numbers: u32) -> RegSet {
        RegSet((numbers as u64) << (32 * class as u32))
    }

    #[inline]
    const fn bit(reg: Reg) -> u64 {
        debug_assert!(reg.is_physical());
        1 << (32 * reg.class() as u32 + (reg.number() & 31))
    }

    /// The set and this register.
    #[inline]
    pub const fn with(self, reg: Reg) -> RegSet {
        RegSet(self.0 | RegSet::bit(reg))
    }

    /// The set without this register.
    #[inline]
    pub const fn without(self, reg: Reg) -> RegSet {
        RegSet(self.0 & !RegSet::bit(reg))
    }

    /// Whether this register is in it.
    #[inline]
    pub const fn contains(self, reg: Reg) -> bool {
        self.0 & RegSet::bit(reg) != 0
    }

    /// Registers in either.
    #[inline]
    pub const fn union(self, other: RegSet) -> RegSet {
        RegSet(self.0 | other.0)
    }

    /// Registers in both.
    #[inline]
    pub const fn intersection(self, other: RegSet) -> RegSet {
        RegSet(self.0 & other.0)
    }

    /// Registers in this one only.
    #[inline]
    pub const fn difference(self, other: RegSet) -> RegSet {
        RegSet(self.0 & !other.0)
    }

    /// Its registers of one class, as a mask of numbers.
    #[inline]
    pub const fn numbers(self, class: RegClass) -> u32 {
        (self.0 >> (32 * class as u32)) as u32
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

    /// The one with the lowest number, integer registers first.
    #[inline]
    pub const fn first(self) -> Option<Reg> {
        if self.0 == 0 {
            return None;
        }
        let bit = self.0.trailing_zeros() as u8;
        Some(Reg::physical(if bit < 32 { RegClass::Int } else { RegClass::Vector }, bit & 31))
    }

    /// Every register, in the order of [`RegSet::first`].
    pub fn iter(self) -> impl Iterator<Item = Reg> {
        let mut rest = self;
        std::iter::from_fn(move || {
            let reg = rest.first()?;
            rest = rest.without(reg);
            Some(reg)
        })
    }
}

impl FromIterator<Reg> for RegSet {
    fn from_iter<I: IntoIterator<Item = Reg>>(regs: I) -> RegSet {
        regs.into_iter().fold(RegSet::EMPTY, RegSet::with)
    }
}

impl fmt::Debug for RegSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// What happens to a register or a place in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// Read.
    Use,
    /// Written as a whole.
    Def,
    /// Read, then written.
    UseDef,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_keep_class_and_number() {
        for class in [RegClass::Int, RegClass::Vector] {
            for number in 0..32 {
                let reg = Reg::physical(class, number);
                assert!(reg.is_physical() && !reg.is_virtual() && !reg.is_none());
                assert_eq!((reg.class(), reg.number()), (class, number.into()));
            }
            for number in [0, 1, 31, 32, Reg::MAX_VIRTUAL - 1] {
                let reg = Reg::virt(class, number);
                assert!(!reg.is_physical() && reg.is_virtual() && !reg.is_none());
                assert_eq!((reg.class(), reg.number()), (class, number));
            }
        }
        assert!(Reg::NONE.is_none() && !Reg::NONE.is_virtual() && !Reg::NONE.is_physical());
    }

    #[test]
    fn sets_are_sets() {
        let (a, b) = (Reg::physical(RegClass::Int, 31), Reg::physical(RegClass::Vector, 0));
        let both: RegSet = [b, a].into_iter().collect();
        assert_eq!(both.iter().collect::<Vec<_>>(), [a, b]);
        assert_eq!((both.len(), both.first()), (2, Some(a)));
        assert!(!both.without(a).contains(a) && both.without(a).contains(b));
        assert_eq!(both.difference(RegSet::EMPTY.with(b)), RegSet::of_class(RegClass::Int, 1 << 31));
        assert_eq!(both.numbers(RegClass::Vector), 1);
        assert!(both.intersection(RegSet::EMPTY).is_empty());
        assert_eq!(RegSet::EMPTY.union(both), both);
    }
}
