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

/// What every x86-64 CPU has that runs compiled code.
pub const X64_FLOOR: x64::Features = x64::Features::SSE3.union(x64::Features::SSSE3).union(x64::Features::SSE41);

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

    /// A target by its name, such as `x86_64-linux+avx2`: what every CPU has that runs compiled code, and the features that are named.
    ///
    /// # Errors
    /// There is none of that name, or it has no such feature; the message says which there are.
    pub fn parse(text: &str) -> Result<Target, String> {
        let mut parts = text.split('+');
        let name = parts.next().unwrap_or_default();
        let mut words = name.split('-');
        let (isa, is_linux) = (words.next().unwrap_or_default(), words.any(|word| word == "linux"));
        let known = [Target::X64(X64_FLOOR), Target::Aarch64(aarch64::Features::BASELINE)];
        let Some(mut target) = known.into_iter().find(|known| is_linux && known.isa().name() == isa) else {
            return Err(format!(
                "there is no target `{name}`; there are: x86_64-linux, aarch64-linux, each with `+FEATURE` behind it as often as needed"
            ));
        };
        for feature in parts {
            let with = match target {
                Target::X64(features) => {
                    x64::Features::from_name(feature).map(|feature| Target::X64(features.union(feature)))
                }
                Target::Aarch64(features) => {
                    aarch64::Features::from_name(feature).map(|feature| Target::Aarch64(features.union(feature)))
                }
            };
            let all = match target {
                Target::X64(_) => Target::X64(x64::Features::ALL),
                Target::Aarch64(_) => Target::Aarch64(aarch64::Features::ALL),
            };
            target = with.ok_or_else(|| {
                format!("{isa} has no feature `{feature}`; there are: {}", all.feature_names().join(", "))
            })?;
        }
        if let Target::X64(features) = &mut target
            && (features.contains(x64::Features::AVX2) || features.contains(x64::Features::FMA))
        {
            *features = features.union(x64::Features::AVX);
        }
        Ok(target)
    }

    /// Whether code for the other one runs where this one's does.
    pub fn contains(self, other: Target) -> bool {
        match (self, other) {
            (Target::X64(own), Target::X64(other)) => own.contains(other),
            (Target::Aarch64(own), Target::Aarch64(other)) => own.contains(other),
            _ => false,
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

    /// Fills in where a cell is, in code that is to lie so that `place`, which starts where [`CallReloc::offset`](crate::compile::CallReloc::offset) says,
    /// is at the address `at`.
    pub fn patch_cell(self, place: &mut [u8], at: u64, cell: u64) {
        match self {
            Target::X64(_) => x64::patch_call(place, cell.wrapping_sub(at) as i32),
            Target::Aarch64(_) => aarch64::patch_cell(place, at, cell),
        }
    }

    /// As [`Self::patch_cell`] where a cell has `callee` for good, in code that is to lie at `start`: what calls or jumps through the cell does so directly, where
    /// that is as long.
    pub fn patch_final_cell(self, code: &mut [u8], at: usize, start: u64, cell: u64, callee: u64) {
        let place = start + at as u64;
        let is_direct = match self {
            Target::X64(_) => x64::patch_direct(code, at, callee.wrapping_sub(place) as i32),
            Target::Aarch64(_) => false,
        };
        if !is_direct {
            self.patch_cell(&mut code[at..], place, cell);
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

    #[test]
    fn calls_through_final_cells_become_direct() {
        let target = Target::X64(x64::Features::ALL);
        for (before, after) in [([0xff, 0x15], [0x67, 0xe8]), ([0xff, 0x25], [0x90, 0xe9])] {
            let mut code = [&before[..], &[0; 4]].concat();
            target.patch_final_cell(&mut code, 2, 0x1000, 0x0ff8, 0x2006);
            assert_eq!(code, [&after[..], &[0, 0x10, 0, 0]].concat());
        }
        // A load from the cell stays one.
        let mut code = [0x48, 0x8b, 0x05, 0, 0, 0, 0];
        target.patch_final_cell(&mut code, 3, 0x1000, 0x0ff8, 0x2006);
        assert_eq!(code, [0x48, 0x8b, 0x05, 0xf1, 0xff, 0xff, 0xff]);
    }

    #[test]
    fn cells_are_found_where_they_are() {
        let mut place = [0; 4];
        Target::X64(x64::Features::ALL).patch_cell(&mut place, 0x1000, 0x0ff8);
        assert_eq!(i32::from_le_bytes(place), -12);
        // adrp x17, then ldr x17, [x17] or add x17, x17.
        for (second, field) in [(0xf940_0231_u32, (0xff8 / 8) << 10), (0x9100_0231, 0xff8 << 10)] {
            let mut place = [0x9000_0011_u32.to_le_bytes(), second.to_le_bytes()].concat();
            Target::Aarch64(aarch64::Features::ALL).patch_cell(&mut place, 0x12_3004, 0x12_0ff8);
            assert_eq!(place[..4], 0xb0ff_fff1_u32.to_le_bytes());
            assert_eq!(place[4..], (second | field).to_le_bytes());
        }
    }
}
