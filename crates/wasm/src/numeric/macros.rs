//! The macros that turn rows into functions: one row states a fact, the names after it are the opcodes it holds for.

/// Makes functions of one operand: `"what", |a| expression => i32.clz: i32_clz(i32) -> i32, ...;`.
macro_rules! unary {
    ($($what:literal, |$a:ident| $body:expr => $($shape:ident.$op:ident: $name:ident($ty:ty) -> $out:ty),+;)*) => {$($(
        #[doc = concat!("`", stringify!($shape), ".", stringify!($op), "`: ", $what)]
        #[inline(always)]
        pub fn $name($a: $ty) -> $out {
            $body
        }
    )+)*};
}

/// Makes functions of two operands: `"what", |a, b| expression => i32.add: i32_add(i32, i32) -> i32, ...;`.
macro_rules! binary {
    ($($what:literal, |$a:ident, $b:ident| $body:expr =>
        $($shape:ident.$op:ident: $name:ident($a_ty:ty, $b_ty:ty) -> $out:ty),+;)*) => {$($(
        #[doc = concat!("`", stringify!($shape), ".", stringify!($op), "`: ", $what)]
        #[inline(always)]
        pub fn $name($a: $a_ty, $b: $b_ty) -> $out {
            $body
        }
    )+)*};
}

/// Makes functions that treat each lane of one vector alike: `"what", |x| expression => i8x16.neg: i8x16_neg(i8 -> i8), ...;`.
/// The types are those of a lane going in and coming out.
macro_rules! map_lanes {
    ($($what:literal, $f:expr => $($shape:ident.$op:ident: $name:ident($from:ident -> $to:ident)),+;)*) => {$($(
        #[doc = concat!("`", stringify!($shape), ".", stringify!($op), "`: ", $what)]
        #[inline]
        pub fn $name(a: V128) -> V128 {
            $crate::numeric::v128::map::<$from, $to, _>(a, $f)
        }
    )+)*};
}

/// Makes functions that join each pair of lanes alike: `"what", |x, y| expression => i8x16.add: i8x16_add(i8 -> i8), ...;`.
/// The types are those of the lanes going in and coming out.
macro_rules! zip_lanes {
    ($($what:literal, $f:expr => $($shape:ident.$op:ident: $name:ident($from:ident -> $to:ident)),+;)*) => {$($(
        #[doc = concat!("`", stringify!($shape), ".", stringify!($op), "`: ", $what)]
        #[inline]
        pub fn $name(a: V128, b: V128) -> V128 {
            $crate::numeric::v128::zip::<$from, $to, _>(a, b, $f)
        }
    )+)*};
}

/// Makes functions that compare each pair of lanes: `"what", |x, y| condition => i8x16.eq: i8x16_eq(i8 -> i8), ...;`.
/// The second type is the signed integer as wide as a lane: -1, all bits set, where the condition holds, else 0.
macro_rules! compare_lanes {
    ($($what:literal, |$x:ident, $y:ident| $holds:expr =>
        $($shape:ident.$op:ident: $name:ident($from:ident -> $to:ident)),+;)*) => {$($(
        #[doc = concat!(
            "`", stringify!($shape), ".", stringify!($op), "`: all bits of a lane set where ", $what,
            ", else none."
        )]
        #[inline]
        pub fn $name(a: V128, b: V128) -> V128 {
            $crate::numeric::v128::zip::<$from, $to, _>(a, b, |$x, $y| -<$to>::from($holds))
        }
    )+)*};
}
