//! The vector type: 16 bytes, seen as lanes of any numeric type.

/// The value of a `v128`: 16 bytes in the order in which they lie in linear memory.
///
/// Lane 0 is at byte 0, and lanes are little-endian on any host. `From` converts to and from arrays of lanes, and to and
/// from `u128`, whose low bits are lane 0:
///
/// ```
/// # use tiercel_wasm::numeric::V128;
/// let v = V128::from([1_i32, 2, 3, -1]);
/// assert_eq!(<[i16; 8]>::from(v), [1, 0, 2, 0, 3, 0, -1, -1]);
/// assert_eq!(u128::from(v) & 0xffff, 1);
/// ```
///
/// Two vectors are equal when their bits are.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct V128([u8; 16]);

impl V128 {
    /// All bits clear.
    pub const ZERO: Self = Self([0; 16]);

    /// The vector with these bytes, in the order of linear memory.
    #[inline(always)]
    pub const fn from_le_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The bytes, in the order of linear memory.
    #[inline(always)]
    pub const fn to_le_bytes(self) -> [u8; 16] {
        self.0
    }
}

/// Prints the bits as one number: the last lane comes first, as in hexadecimal digits.
impl core::fmt::Debug for V128 {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "V128({:#034x})", u128::from(*self))
    }
}

impl From<u128> for V128 {
    #[inline(always)]
    fn from(bits: u128) -> Self {
        Self(bits.to_le_bytes())
    }
}

impl From<V128> for u128 {
    #[inline(always)]
    fn from(vector: V128) -> Self {
        Self::from_le_bytes(vector.0)
    }
}

/// One row per type of a lane: the number of lanes, and the bytes of each.
macro_rules! lanes {
    ($($ty:ty: $count:literal of $bytes:literal;)*) => {$(
        impl From<[$ty; $count]> for V128 {
            #[inline(always)]
            fn from(lanes: [$ty; $count]) -> Self {
                let mut vector = Self::ZERO;
                for (bytes, lane) in vector.0.as_chunks_mut::<$bytes>().0.iter_mut().zip(lanes) {
                    *bytes = lane.to_le_bytes();
                }
                vector
            }
        }

        impl From<V128> for [$ty; $count] {
            #[inline(always)]
            fn from(vector: V128) -> Self {
                let (bytes, _) = vector.0.as_chunks::<$bytes>();
                core::array::from_fn(|lane| <$ty>::from_le_bytes(bytes[lane]))
            }
        }
    )*};
}

lanes! {
    i8: 16 of 1;
    u8: 16 of 1;
    i16: 8 of 2;
    u16: 8 of 2;
    i32: 4 of 4;
    u32: 4 of 4;
    i64: 2 of 8;
    u64: 2 of 8;
    f32: 4 of 4;
    f64: 2 of 8;
}

/// Applies `f` to each lane. T and R are the types of a lane going in and coming out, N is their number.
#[inline(always)]
pub(super) fn map<T: Copy, R, const N: usize>(a: V128, f: impl Fn(T) -> R) -> V128
where
    [T; N]: From<V128>,
    V128: From<[R; N]>,
{
    let a = <[T; N]>::from(a);
    core::array::from_fn::<R, N, _>(|lane| f(a[lane])).into()
}

/// Applies `f` to each pair of lanes. T and R are the types of a lane going in and coming out, N is their number.
#[inline(always)]
pub(super) fn zip<T: Copy, R, const N: usize>(a: V128, b: V128, f: impl Fn(T, T) -> R) -> V128
where
    [T; N]: From<V128>,
    V128: From<[R; N]>,
{
    let (a, b) = (<[T; N]>::from(a), <[T; N]>::from(b));
    core::array::from_fn::<R, N, _>(|lane| f(a[lane], b[lane])).into()
}
