//! Floating point by definition: a float is a NaN, an infinity, or an exact fraction m * 2^e; an operator computes the
//! exact result and rounds it once.

/// A binary floating-point format.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Format {
    /// All bits.
    pub width: u32,
    /// Bits of the significand, the implicit one included.
    pub precision: u32,
}

pub const F32: Format = Format { width: 32, precision: 24 };
pub const F64: Format = Format { width: 64, precision: 53 };

/// A float taken apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    Nan {
        canonical: bool,
    },
    Infinity {
        negative: bool,
    },
    /// `significand * 2^exponent`; zero where the significand is.
    Finite {
        negative: bool,
        significand: u128,
        exponent: i32,
    },
}

use Number::{Finite, Infinity, Nan};

/// What a float result may be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Float {
    /// Exactly these bits.
    Bits(u128),
    /// Any canonical NaN.
    CanonicalNan,
    /// Any NaN with its quiet bit set.
    ArithmeticNan,
}

impl Format {
    fn fraction_bits(self) -> u32 {
        self.precision - 1
    }

    /// The exponent field of infinities and NaNs.
    fn exponent_field_max(self) -> u128 {
        (1 << (self.width - self.precision)) - 1
    }

    /// The exponent of the lowest bit of subnormal numbers.
    fn exponent_min(self) -> i32 {
        let bias = (self.exponent_field_max() >> 1) as i32;
        1 - bias - self.fraction_bits() as i32
    }

    pub fn sign(self, bits: u128) -> bool {
        bits >> (self.width - 1) & 1 == 1
    }

    /// All bits but the sign.
    pub fn magnitude(self, bits: u128) -> u128 {
        bits & ((1 << (self.width - 1)) - 1)
    }

    pub fn with_sign(self, magnitude: u128, negative: bool) -> u128 {
        magnitude | u128::from(negative) << (self.width - 1)
    }

    pub fn infinity(self, negative: bool) -> u128 {
        self.with_sign(self.exponent_field_max() << self.fraction_bits(), negative)
    }

    pub fn is_nan(self, bits: u128) -> bool {
        self.magnitude(bits) > self.infinity(false)
    }

    pub fn is_arithmetic_nan(self, bits: u128) -> bool {
        self.magnitude(bits) >= self.canonical_nan()
    }

    /// The canonical NaN without a sign: the top bit of the fraction alone.
    pub fn canonical_nan(self) -> u128 {
        self.infinity(false) | 1 << (self.fraction_bits() - 1)
    }

    pub fn decode(self, bits: u128) -> Number {
        let negative = self.sign(bits);
        let field = self.magnitude(bits) >> self.fraction_bits();
        let fraction = bits & ((1 << self.fraction_bits()) - 1);
        if self.is_nan(bits) {
            Nan { canonical: self.magnitude(bits) == self.canonical_nan() }
        } else if field == self.exponent_field_max() {
            Infinity { negative }
        } else if field == 0 {
            Finite { negative, significand: fraction, exponent: self.exponent_min() }
        } else {
            let significand = fraction | 1 << self.fraction_bits();
            Finite { negative, significand, exponent: self.exponent_min() + field as i32 - 1 }
        }
    }

    /// Rounds `significand * 2^exponent`, and a bit more where `sticky`, to the nearest float, ties to even.
    pub fn round(self, negative: bool, significand: u128, exponent: i32, sticky: bool) -> u128 {
        let length = 128 - significand.leading_zeros() as i32;
        // The exponent of the lowest bit that stays, and how many bits below go.
        let lowest = (exponent + length - self.precision as i32).max(self.exponent_min());
        let dropped = lowest - exponent;
        let kept = if dropped <= 0 {
            assert!(!sticky, "too few bits to round");
            significand << -dropped
        } else if dropped >= 128 {
            0
        } else {
            let (kept, rest, half) = (significand >> dropped, significand & ((1 << dropped) - 1), 1 << (dropped - 1));
            kept + u128::from(rest > half || (rest == half && (sticky || kept % 2 == 1)))
        };
        if kept == 0 {
            return self.with_sign(0, negative);
        }
        // A subnormal number has exponent field 0 and the implicit bit clear; a carry out of `kept` raises the field.
        let bits = ((lowest - self.exponent_min()) as u128) << self.fraction_bits();
        self.with_sign((bits + kept).min(self.infinity(false)), negative)
    }

    /// The NaN that comes of these operands, if any is one.
    pub fn propagate(self, operands: &[u128]) -> Option<Float> {
        let mut nans = operands.iter().filter(|&&bits| self.is_nan(bits)).peekable();
        nans.peek()?;
        let canonical = nans.all(|&bits| self.magnitude(bits) == self.canonical_nan());
        Some(if canonical { Float::CanonicalNan } else { Float::ArithmeticNan })
    }

    /// Whether `bits` is what `expected` allows.
    pub fn allows(self, expected: Float, bits: u128) -> bool {
        match expected {
            Float::Bits(exactly) => bits == exactly,
            Float::CanonicalNan => self.magnitude(bits) == self.canonical_nan(),
            Float::ArithmeticNan => self.is_arithmetic_nan(bits),
        }
    }

    /// A key in the order of numbers, -0 before 0.
    fn key(self, bits: u128) -> i128 {
        let magnitude = self.magnitude(bits) as i128;
        if self.sign(bits) { -magnitude - 1 } else { magnitude }
    }

    /// The order of two numbers, the zeros being equal; none with a NaN.
    pub fn compare(self, a: u128, b: u128) -> Option<std::cmp::Ordering> {
        let ordered = !self.is_nan(a) && !self.is_nan(b);
        let both_zero = self.magnitude(a) == 0 && self.magnitude(b) == 0;
        ordered.then(|| if both_zero { std::cmp::Ordering::Equal } else { self.key(a).cmp(&self.key(b)) })
    }

    pub fn min(self, a: u128, b: u128) -> Float {
        self.propagate(&[a, b]).unwrap_or(Float::Bits(if self.key(a) < self.key(b) { a } else { b }))
    }

    pub fn max(self, a: u128, b: u128) -> Float {
        self.propagate(&[a, b]).unwrap_or(Float::Bits(if self.key(a) > self.key(b) { a } else { b }))
    }

    pub fn add(self, a: u128, b: u128) -> Float {
        if let Some(nan) = self.propagate(&[a, b]) {
            return nan;
        }
        self.sum(self.decode(a), self.decode(b))
    }

    pub fn sub(self, a: u128, b: u128) -> Float {
        self.add(a, if self.is_nan(b) { b } else { self.with_sign(self.magnitude(b), !self.sign(b)) })
    }

    pub fn mul(self, a: u128, b: u128) -> Float {
        if let Some(nan) = self.propagate(&[a, b]) {
            return nan;
        }
        match product(self.decode(a), self.decode(b)) {
            Nan { .. } => Float::CanonicalNan,
            Infinity { negative } => Float::Bits(self.infinity(negative)),
            Finite { negative, significand, exponent } => {
                Float::Bits(self.round(negative, significand, exponent, false))
            }
        }
    }

    /// `a * b + c`, rounded once; none where the exact product has more than 54 bits, too many for `sum`.
    pub fn fused(self, a: u128, b: u128, c: u128) -> Option<Float> {
        if let Some(nan) = self.propagate(&[a, b, c]) {
            return Some(nan);
        }
        let product = product(self.decode(a), self.decode(b));
        match product {
            Finite { significand, .. } if significand >> 54 != 0 => None,
            _ => Some(self.sum(product, self.decode(c))),
        }
    }

    pub fn div(self, a: u128, b: u128) -> Float {
        if let Some(nan) = self.propagate(&[a, b]) {
            return nan;
        }
        let negative = self.sign(a) != self.sign(b);
        match (self.decode(a), self.decode(b)) {
            (Infinity { .. }, Infinity { .. }) => Float::CanonicalNan,
            (Infinity { .. }, _) => Float::Bits(self.infinity(negative)),
            (_, Infinity { .. }) => Float::Bits(self.with_sign(0, negative)),
            (Finite { significand: 0, .. }, Finite { significand: 0, .. }) => Float::CanonicalNan,
            (Finite { significand: 0, .. }, _) => Float::Bits(self.with_sign(0, negative)),
            (_, Finite { significand: 0, .. }) => Float::Bits(self.infinity(negative)),
            (a, b) => {
                let ((m, e), (n, f)) = (a.with_top_bit(126), b.with_top_bit(63));
                Float::Bits(self.round(negative, m / n, e - f, m % n != 0))
            }
        }
    }

    pub fn sqrt(self, a: u128) -> Float {
        if let Some(nan) = self.propagate(&[a]) {
            return nan;
        }
        match self.decode(a) {
            Finite { significand: 0, .. } | Infinity { negative: false } => Float::Bits(a),
            number if !self.sign(a) => {
                let (mut m, mut e) = number.with_top_bit(125);
                if e % 2 != 0 {
                    (m, e) = (m * 2, e - 1);
                }
                let root = m.isqrt();
                Float::Bits(self.round(false, root, e / 2, root * root != m))
            }
            _ => Float::CanonicalNan,
        }
    }

    /// Rounds to an integer by `up`, which gets the sign, the integer below the magnitude, and how the fraction that is
    /// left compares to a half, after whether there is one.
    pub fn to_integer(self, a: u128, up: impl Fn(bool, u128, Option<std::cmp::Ordering>) -> bool) -> Float {
        if let Some(nan) = self.propagate(&[a]) {
            return nan;
        }
        let Finite { negative, significand, exponent } = self.decode(a) else {
            return Float::Bits(a);
        };
        if exponent >= 0 {
            return Float::Bits(a);
        }
        let (below, rest) = split_fraction(significand, -exponent);
        let integer = below + u128::from(up(negative, below, rest));
        Float::Bits(self.round(negative, integer, 0, false))
    }

    /// The same number in another format.
    pub fn convert(self, to: Format, a: u128) -> Float {
        match self.decode(a) {
            Nan { canonical: true } => Float::CanonicalNan,
            Nan { canonical: false } => Float::ArithmeticNan,
            Infinity { negative } => Float::Bits(to.infinity(negative)),
            Finite { negative, significand, exponent } => Float::Bits(to.round(negative, significand, exponent, false)),
        }
    }

    /// The number without its fraction; an infinity and what is beyond 2^100 as ±2^100; none for a NaN.
    pub fn truncate(self, a: u128) -> Option<i128> {
        let (negative, magnitude) = match self.decode(a) {
            Nan { .. } => return None,
            Infinity { negative } => (negative, 1 << 100),
            Finite { negative, significand: 0, .. } => (negative, 0),
            Finite { negative, exponent, .. } if exponent > 60 => (negative, 1 << 100),
            Finite { negative, significand, exponent: exponent @ 0.. } => (negative, (significand as i128) << exponent),
            Finite { negative, significand, exponent } => (negative, split_fraction(significand, -exponent).0 as i128),
        };
        Some(if negative { -magnitude } else { magnitude })
    }

    /// The sum of two numbers, of significands below 2^54.
    fn sum(self, a: Number, b: Number) -> Float {
        match (a, b) {
            (Nan { .. }, _) | (_, Nan { .. }) => Float::CanonicalNan,
            (Infinity { negative }, Infinity { negative: other }) if negative != other => Float::CanonicalNan,
            (Infinity { negative }, _) | (_, Infinity { negative }) => Float::Bits(self.infinity(negative)),
            (Finite { negative, significand: 0, .. }, Finite { negative: other, significand: 0, .. }) => {
                Float::Bits(self.with_sign(0, negative && other))
            }
            (Finite { significand: 0, .. }, other) | (other, Finite { significand: 0, .. }) => {
                let (Finite { negative, .. }, (m, e)) = (other, other.with_top_bit(63)) else { unreachable!() };
                Float::Bits(self.round(negative, m, e, false))
            }
            (Finite { negative: s, .. }, Finite { negative: t, .. }) => {
                // 126 bits hold both exactly while their top bits are less than 63 apart. Further apart, the lesser is far
                // below the last bit of the greater: a sliver, which only decides which way a tie goes.
                let ((m, e), (n, f)) = (a.with_top_bit(63), b.with_top_bit(63));
                let ((s, m, e), (t, n, f)) = if e >= f { ((s, m, e), (t, n, f)) } else { ((t, n, f), (s, m, e)) };
                let shift = e - f;
                let (greater, lesser) =
                    if shift <= 62 { ((m as i128) << shift, n as i128) } else { ((m as i128) << 62, 1) };
                let exponent = e - shift.min(62);
                let sum = if s { -greater } else { greater } + if t { -lesser } else { lesser };
                Float::Bits(self.round(sum < 0, sum.unsigned_abs(), exponent, false))
            }
        }
    }
}

impl Number {
    /// Significand and exponent of the same number, which is neither zero nor infinite, with the top bit at `bit`.
    fn with_top_bit(self, bit: i32) -> (u128, i32) {
        let Finite { significand, exponent, .. } = self else { unreachable!("a finite number") };
        let shift = bit - (127 - significand.leading_zeros() as i32);
        assert!(shift >= 0, "no bit is dropped");
        (significand << shift, exponent - shift)
    }
}

/// The exact product of two numbers that are no NaN; a NaN for zero times infinity.
fn product(a: Number, b: Number) -> Number {
    let (Finite { negative: s, .. } | Infinity { negative: s }) = a else { unreachable!("no NaN") };
    let (Finite { negative: t, .. } | Infinity { negative: t }) = b else { unreachable!("no NaN") };
    let negative = s != t;
    match (a, b) {
        (Infinity { .. }, Finite { significand: 0, .. }) | (Finite { significand: 0, .. }, Infinity { .. }) => {
            Nan { canonical: true }
        }
        (Finite { significand: m, exponent: e, .. }, Finite { significand: n, exponent: f, .. }) => {
            // Without its trailing zeros the product of short significands is short, which `fused` needs.
            let zeros = (m * n).checked_ilog2().map_or(0, |_| (m * n).trailing_zeros());
            Finite { negative, significand: (m * n) >> zeros, exponent: e + f + zeros as i32 }
        }
        _ => Infinity { negative },
    }
}

/// `significand / 2^bits`: the integer, and how the fraction that is left, if any, compares to a half.
fn split_fraction(significand: u128, bits: i32) -> (u128, Option<std::cmp::Ordering>) {
    if bits >= 128 {
        return (0, (significand != 0).then_some(std::cmp::Ordering::Less));
    }
    let rest = significand & ((1 << bits) - 1);
    (significand >> bits, (rest != 0).then(|| rest.cmp(&(1 << (bits - 1)))))
}
