//! Sets of CPU features, made from a list of them for each instruction set.

/// Declares `Features`: a line for each feature, in the order of its bits in artifacts.
macro_rules! features {
    ($($(#[$doc:meta])* $feature:ident = $text:literal;)*) => {
        /// A set of features.
        #[derive(Clone, Copy, PartialEq, Eq, Default, Hash)]
        pub struct Features(u16);

        #[expect(clippy::upper_case_acronyms, reason = "features are called so")]
        enum Bit { $($feature,)* }

        /// Each feature with the name that `/proc/cpuinfo`-like lists and compilers' options use.
        const NAMES: &[(&str, Features)] = &[$(($text, Features::$feature),)*];

        impl Features {
            /// Nothing beyond the baseline.
            pub const BASELINE: Features = Features(0);
            $($(#[$doc])* pub const $feature: Features = Features(1 << Bit::$feature as u16);)*
            /// All that this compiler can make use of.
            pub const ALL: Features = Features((1 << NAMES.len()) - 1);

            /// Whether all of `other` are in this set.
            #[inline]
            pub const fn contains(self, other: Features) -> bool {
                self.0 & other.0 == other.0
            }

            /// Features in either.
            #[must_use]
            pub const fn union(self, other: Features) -> Features {
                Features(self.0 | other.0)
            }

            /// Features in this one only.
            #[must_use]
            pub const fn difference(self, other: Features) -> Features {
                Features(self.0 & !other.0)
            }

            /// The feature with this name, if the compiler knows it.
            pub fn from_name(name: &str) -> Option<Features> {
                NAMES.iter().find(|(known, _)| *known == name).map(|(_, feature)| *feature)
            }

            /// Names of the features in the set.
            pub fn names(self) -> impl Iterator<Item = &'static str> {
                NAMES.iter().filter(move |(_, feature)| self.contains(*feature)).map(|(name, _)| *name)
            }

            /// The set as bits, for artifacts. Their meaning is part of the artifact's format version.
            pub const fn bits(self) -> u16 {
                self.0
            }

            /// The set with these bits; `None` if one of them is not known here.
            pub const fn from_bits(bits: u16) -> Option<Features> {
                if bits & !Features::ALL.0 == 0 { Some(Features(bits)) } else { None }
            }
        }

        impl std::fmt::Debug for Features {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_set().entries(self.names()).finish()
            }
        }

        #[cfg(test)]
        mod tests {
            use super::*;

            #[test]
            fn names_and_bits_round_trip() {
                let mut all = Features::BASELINE;
                for &(name, feature) in NAMES {
                    assert_eq!(Features::from_name(name), Some(feature));
                    assert_eq!(feature.names().collect::<Vec<_>>(), [name]);
                    assert_eq!(Features::from_bits(feature.bits()), Some(feature));
                    assert!(!all.contains(feature) && !Features::ALL.difference(feature).contains(feature));
                    all = all.union(feature);
                }
                assert_eq!(all, Features::ALL);
                assert_eq!(Features::from_bits(u16::MAX), None);
                assert_eq!(Features::from_name("no such feature"), None);
            }
        }
    };
}
pub(super) use features;
