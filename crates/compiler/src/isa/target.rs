//! What code is compiled for, and the little that whoever places code has to know of it.

use super::{aarch64, x64};
use std::fmt;
use tiercel_abi::artifact::Isa;

/// An instruction set, and what the CPU has beyond its baseline.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Target {
    /// x86-64.
    X64(x64::Features),
    /// aarch64.
    Aarch64(aarch64::Features),
}

impl Target {
    /// The target of artifacts with this instruction set and these features as bits; none for what is not known here.
    pub fn from_bits(isa: Isa, features: u32) -> Option<Target> {
        let features = u16::try_from(features).ok()?;
        match isa {
            Isa::X64 => x64::Features::from_bits(features).map(Target::X64),
            Isa::Aarch64 => aarch64::Features::from_bits(features).map(Target::Aarch64),
            Isa::None => None,
        }
    }

    /// The instruction set, for artifacts.
    pub const fn isa(self) -> Isa {
        match self {
            Target::X64(_) => Isa::X64,
            Target::Aarch64(_) => Isa::Aarch64,
        }
    }

    /// The features as bits, for artifacts.
    pub const fn bits(self) -> u32 {
        match self {
            Target::X64(features) => features.bits() as u32,
            Target::Aarch64(features) => features.bits() as u32,
        }
    }

    /// The features of an x86-64 CPU, if it is one.
    pub const fn x64(self) -> Option<x64::Features> {
        match self {
            Target::X64(features) => Some(features),
            Target::Aarch64(_) => None,
        }
    }

    /// Names of the features.
    pub fn feature_names(self) -> Vec<&'static str> {
        match self {
            Target::X64(features) => features.names().collect(),
            Target::Aarch64(features) => features.names().collect(),
        }
    }

    /// The same instruction set on a CPU that has nothing beyond its baseline.
    #[must_use]
    pub const fn baseline(self) -> Target {
        match self {
            Target::X64(_) => Target::X64(x64::Features::BASELINE),
            Target::Aarch64(_) => Target::Aarch64(aarch64::Features::BASELINE),
        }
    }

    /// Stands between functions, and traps.
    pub const fn padding(self) -> u8 {
        match self {
            Target::X64(_) => x64::PADDING,
            Target::Aarch64(_) => aarch64::PADDING,
        }
    }

    /// Fills in a call of a function of the same image: `place` starts where [`CallReloc::offset`](crate::compile::CallReloc::offset) says, and
    /// `distance` leads from there to the callee, in bytes.
    pub fn patch_call(self, place: &mut [u8], distance: i32) {
        match self {
            Target::X64(_) => x64::patch_call(place, distance),
            Target::Aarch64(_) => aarch64::patch_call(place, distance),
        }
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.isa().name(), self.feature_names())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_survive_as_bits() {
        for target in [Target::X64(x64::Features::ALL), Target::Aarch64(aarch64::Features::LSE)] {
            assert_eq!(Target::from_bits(target.isa(), target.bits()), Some(target));
            assert_eq!(target.baseline().bits(), 0);
        }
        assert_eq!(Target::from_bits(Isa::X64, 1 << 30), None);
        assert_eq!(Target::from_bits(Isa::None, 0), None);
    }

    #[test]
    fn calls_are_filled_in() {
        let mut place = [0x11, 0, 0, 0, 0, 0x22];
        Target::X64(x64::Features::ALL).patch_call(&mut place[1..], -16);
        // From the end of the four bytes.
        assert_eq!(place, [0x11, 0xec, 0xff, 0xff, 0xff, 0x22]);
        let mut place = 0x9400_0000_u32.to_le_bytes();
        Target::Aarch64(aarch64::Features::ALL).patch_call(&mut place, -16);
        assert_eq!(u32::from_le_bytes(place), 0x97ff_fffc);
    }
}
