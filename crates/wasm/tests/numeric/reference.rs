//! The second definition of every opcode, found by its name: bits in, bits out.
//!
//! A vector is a `u128` cut into slices, a scalar a vector of one lane; a lane is computed as an `i128`, reduced at the
//! end, or as an exact fraction.

use crate::exact::{F32, F64, Float, Format};
use crate::table::Outcome;
use std::cmp::Ordering::{Equal, Greater, Less};
use tiercel_wasm::numeric::ArithmeticTrap::{self, BadConversionToInteger, DivisionByZero, IntegerOverflow};

/// What an opcode may return.
#[derive(Debug)]
pub enum Expected {
    /// These values or this trap.
    Exactly(Outcome),
    /// One value: lanes of this format, each of which may be one of several NaNs.
    Floats(Format, Vec<Float>),
}

impl Format {
    fn of(shape: &str) -> Option<Self> {
        match shape {
            "f32" | "f32x4" => Some(F32),
            "f64" | "f64x2" => Some(F64),
            _ => None,
        }
    }
}

impl Expected {
    /// Whether `outcome` is one of those expected.
    pub fn allows(&self, outcome: &Outcome) -> bool {
        match (self, outcome) {
            (Self::Exactly(expected), outcome) => expected == outcome,
            (Self::Floats(format, expected), Ok(values)) => {
                let lanes = split(values[0], format.width);
                values.len() == 1
                    && expected.iter().zip(&lanes).all(|(&float, &bits)| format.allows(float, bits))
                    && lanes[expected.len()..].iter().all(|&lane| lane == 0)
            }
            (Self::Floats(..), Err(_)) => false,
        }
    }
}

/// The lanes of a vector, lane 0 first.
pub fn split(bits: u128, width: u32) -> Vec<u128> {
    (0..128 / width).map(|lane| mask(bits >> (lane * width), width)).collect()
}

/// The vector with these lanes, each reduced to its width; 0 above them.
fn join(lanes: impl IntoIterator<Item = i128>, width: u32) -> u128 {
    (0..).zip(lanes).fold(0, |bits, (lane, x)| bits | mask(x as u128, width) << (lane * width))
}

fn mask(bits: u128, width: u32) -> u128 {
    if width == 128 { bits } else { bits & ((1 << width) - 1) }
}

fn signed(bits: u128, width: u32) -> i128 {
    let value = mask(bits, width) as i128;
    if value >> (width - 1) & 1 == 1 { value - (1 << width) } else { value }
}

/// The lanes as integers, signed or not.
fn integers(bits: u128, width: u32, is_signed: bool) -> Vec<i128> {
    split(bits, width).into_iter().map(|lane| if is_signed { signed(lane, width) } else { lane as i128 }).collect()
}

/// The nearest value of an integer type.
fn saturate(value: i128, width: u32, is_signed: bool) -> i128 {
    if is_signed { value.clamp(-(1 << (width - 1)), (1 << (width - 1)) - 1) } else { value.clamp(0, (1 << width) - 1) }
}

/// Bits and number of the lanes of a shape: `i16x8`, `i32`.
fn shape_of(name: &str) -> (u32, usize) {
    let (width, count) = name[1..].split_once('x').unwrap_or((&name[1..], "1"));
    (width.parse().expect("a width"), count.parse().expect("a number of lanes"))
}

fn one(value: u128) -> Expected {
    Expected::Exactly(Ok(vec![value]))
}

/// What `name` gives for these operands. Of each only the low bits count.
pub fn expected(name: &str, args: [u128; 4]) -> Expected {
    let (shape, op) = name.split_once('_').expect("a shape and an operator");
    // The order of these matters: an operator that is special to a shape comes before the general ones.
    wide(name, args)
        .or_else(|| whole_vector(name, args))
        .or_else(|| conversion(shape, op, args))
        .or_else(|| lane_access(shape, op, args))
        .or_else(|| across_lanes(shape, op, args))
        .or_else(|| relaxed(shape, op, args))
        .or_else(|| Format::of(shape).and_then(|format| float(shape, format, op, args)))
        .or_else(|| integer(shape, op, args))
        .unwrap_or_else(|| panic!("`{name}` has no second definition"))
}

fn wide(name: &str, [a, b, c, d]: [u128; 4]) -> Option<Expected> {
    // Schoolbook: digits of 32 bits, so that nothing here is wider than needed.
    let digits = |low: u128, high: u128| [mask(low, 32), mask(low >> 32, 32), mask(high, 32), mask(high >> 32, 32)];
    let value = match name {
        "i64_add128" | "i64_sub128" => {
            let (x, y) = (digits(a, b), digits(c, d));
            let mut carry = 0;
            let sums = [0, 1, 2, 3].map(|i| {
                let (x, y) = (x[i] as i128, y[i] as i128);
                let sum = if name == "i64_add128" { x + y } else { x - y } + carry;
                carry = sum.div_euclid(1 << 32);
                sum
            });
            join(sums, 32)
        }
        "i64_mul_wide_u" | "i64_mul_wide_s" => {
            let (x, y) = (digits(a, 0), digits(b, 0));
            let mut product = 0_u128;
            for (i, j) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
                product += (x[i] * y[j]) << (32 * (i + j));
            }
            // A negative operand counts 2^64 too much as an unsigned one.
            let excess = |x: u128, y: u128| {
                if name.ends_with('s') && x >> 63 & 1 == 1 { mask(y, 64) << 64 } else { 0 }
            };
            product.wrapping_sub(excess(a, b)).wrapping_sub(excess(b, a))
        }
        _ => return None,
    };
    Some(Expected::Exactly(Ok(split(value, 64))))
}

fn whole_vector(name: &str, [a, b, c, _]: [u128; 4]) -> Option<Expected> {
    let per_bit = |f: &dyn Fn(u128, u128, u128) -> u128| {
        one((0..128).fold(0, |bits, i| bits | f(a >> i & 1, b >> i & 1, c >> i & 1) << i))
    };
    Some(match name {
        "v128_not" => per_bit(&|x, _, _| 1 - x),
        "v128_and" => per_bit(&|x, y, _| x * y),
        "v128_andnot" => per_bit(&|x, y, _| x * (1 - y)),
        "v128_or" => per_bit(&|x, y, _| x.max(y)),
        "v128_xor" => per_bit(&|x, y, _| (x + y) % 2),
        "v128_bitselect" => per_bit(&|x, y, m| if m == 1 { x } else { y }),
        "v128_any_true" => one(u128::from(a.count_ones() > 0)),
        "i8x16_shuffle" => {
            let both = [split(a, 8), split(b, 8)].concat();
            one(join(split(c, 8).into_iter().map(|lane| both[lane as usize % 32] as i128), 8))
        }
        "i8x16_swizzle" => {
            let lanes = split(a, 8);
            one(join(split(b, 8).into_iter().map(|lane| lanes.get(lane as usize).map_or(0, |&x| x as i128)), 8))
        }
        _ => return None,
    })
}

/// Opcodes whose operands have another shape than the result.
fn conversion(shape: &str, op: &str, [a, b, c, _]: [u128; 4]) -> Option<Expected> {
    if let Some(load) = op.strip_prefix("load").filter(|_| shape == "v128") {
        return load_vector(load, a, b, c);
    }
    let (width, count) = shape_of(if shape == "v128" { "i128" } else { shape });
    let words: Vec<&str> = op.split('_').collect();
    let is_signed = words.contains(&"s");
    // The shape of the operand is the word that has the form of one.
    let from =
        words.iter().find(|word| word.len() > 2 && "if".contains(&word[..1]) && word.as_bytes()[1].is_ascii_digit())?;
    if words.contains(&"i7x16") {
        return None;
    }
    let (from_width, from_count) = shape_of(from);
    let lanes = || integers(a, from_width, is_signed);
    let relevant = |count: usize| split(a, from_width).into_iter().take(count);
    Some(match words[0] {
        "wrap" => one(mask(a, 32)),
        "reinterpret" => one(mask(a, width)),
        // `extend_low_i8x16_s`, `extend_high_i8x16_s`, and `extend_i32_s` of scalars.
        "extend" => {
            let skipped = if words[1] == "high" { count } else { 0 };
            one(join(lanes().into_iter().skip(skipped).take(count), width))
        }
        "extmul" => {
            let skipped = if words[1] == "high" { count } else { 0 };
            let products = lanes().into_iter().zip(integers(b, from_width, is_signed)).map(|(x, y)| x * y);
            one(join(products.skip(skipped).take(count), width))
        }
        "extadd" => one(join(lanes().chunks(2).map(|pair| pair[0] + pair[1]), width)),
        "dot" => {
            let products: Vec<i128> =
                lanes().into_iter().zip(integers(b, from_width, true)).map(|(x, y)| x * y).collect();
            one(join(products.chunks(2).map(|pair| pair[0] + pair[1]), width))
        }
        "narrow" => {
            // The operands are signed whatever the result is.
            let both = [integers(a, from_width, true), integers(b, from_width, true)].concat();
            one(join(both.into_iter().map(|x| saturate(x, width, is_signed)), width))
        }
        "trunc" | "relaxed" if !words.contains(&"sat") && shape_of(shape).1 == 1 => {
            let format = Format::of(from)?;
            let value = format.truncate(mask(a, from_width));
            Expected::Exactly(match value {
                None => Err(BadConversionToInteger),
                Some(value) if saturate(value, width, is_signed) != value => Err(IntegerOverflow),
                Some(value) => Ok(vec![mask(value as u128, width)]),
            })
        }
        // Saturating; the relaxed ones are defined to be the same. Of two lanes, the rest is zero.
        "trunc" | "relaxed" => {
            let format = Format::of(from)?;
            one(join(relevant(from_count).map(|x| saturate(format.truncate(x).unwrap_or(0), width, is_signed)), width))
        }
        "convert" => {
            let format = Format::of(shape)?;
            let floats = lanes().into_iter().take(count.min(from_count));
            let floats = floats.map(|x| Float::Bits(format.round(x < 0, x.unsigned_abs(), 0, false)));
            Expected::Floats(format, floats.collect())
        }
        "promote" | "demote" => {
            let (from, to) = (Format::of(from)?, Format::of(shape)?);
            Expected::Floats(to, relevant(count.min(from_count)).map(|x| from.convert(to, x)).collect())
        }
        _ => return None,
    })
}

/// `v128.load*`: `op` is what follows `load`, `loaded` what is in memory, `a` the vector of which `lane` is replaced.
fn load_vector(op: &str, loaded: u128, a: u128, lane: u128) -> Option<Expected> {
    let (size, kind) = op.split_once('_')?;
    Some(match kind {
        "splat" => {
            let width = size.parse().ok()?;
            one(join(vec![loaded as i128; 128 / width as usize], width))
        }
        "zero" => one(mask(loaded, size.parse().ok()?)),
        "lane" => {
            return lane_access(
                &format!("i{size}x{}", 128 / size.parse::<u32>().ok()?),
                "replace_lane",
                [a, loaded, lane, 0],
            );
        }
        _ => {
            let (width, count) = shape_of(&format!("i{size}"));
            one(join(integers(loaded, width, kind == "s").into_iter().take(count), 2 * width))
        }
    })
}

/// Splats, and reading and writing one lane. The lane number is the last operand of the opcode.
fn lane_access(shape: &str, op: &str, [a, b, c, _]: [u128; 4]) -> Option<Expected> {
    if let Some(size) = op.strip_prefix("store").and_then(|rest| rest.strip_suffix("_lane")) {
        let width = size.parse().ok()?;
        return Some(one(split(a, width)[b as u8 as usize % (128 / width as usize)]));
    }
    if shape == "v128" {
        return None;
    }
    let (width, count) = shape_of(shape);
    Some(match op {
        "splat" => one(join(vec![a as i128; count], width)),
        "extract_lane" | "extract_lane_u" => one(split(a, width)[b as u8 as usize % count]),
        "extract_lane_s" => one(mask(signed(split(a, width)[b as u8 as usize % count], width) as u128, 32)),
        "replace_lane" => {
            let mut lanes = integers(a, width, false);
            lanes[c as u8 as usize % count] = b as i128;
            one(join(lanes, width))
        }
        _ => return None,
    })
}

fn across_lanes(shape: &str, op: &str, [a, ..]: [u128; 4]) -> Option<Expected> {
    let lanes = |width| split(a, width);
    Some(match op {
        "all_true" => one(u128::from(!lanes(shape_of(shape).0).contains(&0))),
        "bitmask" => {
            let width = shape_of(shape).0;
            one(lanes(width).into_iter().rev().fold(0, |bits, lane| 2 * bits + u128::from(signed(lane, width) < 0)))
        }
        _ => return None,
    })
}

/// The relaxed opcodes that are not the same as a strict one of similar name.
fn relaxed(shape: &str, op: &str, [a, b, c, d]: [u128; 4]) -> Option<Expected> {
    let relaxed = op.strip_prefix("relaxed_")?;
    let dot = || -> Vec<i128> {
        let products: Vec<i128> =
            integers(a, 8, true).into_iter().zip(integers(b, 8, true)).map(|(x, y)| x * y).collect();
        products.chunks(2).map(|pair| saturate(pair[0] + pair[1], 16, true)).collect()
    };
    Some(match relaxed {
        "swizzle" => return whole_vector("i8x16_swizzle", [a, b, c, d]),
        "laneselect" => return whole_vector("v128_bitselect", [a, b, c, d]),
        "q15mulr_s" => return integer(shape, "q15mulr_sat_s", [a, b, c, d]),
        "min" | "max" => return float(shape, Format::of(shape)?, relaxed, [a, b, c, d]),
        "dot_i8x16_i7x16_s" => one(join(dot(), 16)),
        "dot_i8x16_i7x16_add_s" => {
            let sums = dot()
                .chunks(2)
                .map(|pair| pair[0] + pair[1])
                .zip(integers(c, 32, true))
                .map(|(x, y)| x + y)
                .collect::<Vec<_>>();
            one(join(sums, 32))
        }
        "madd" | "nmadd" => {
            let format = Format::of(shape)?;
            let lanes = split(a, format.width).into_iter().zip(split(b, format.width)).zip(split(c, format.width));
            let floats = lanes.map(|((x, y), z)| {
                let x = if relaxed == "madd" { x } else { format.with_sign(format.magnitude(x), !format.sign(x)) };
                // A product too long for exact arithmetic goes to another library than the one in use on most hosts.
                format.fused(x, y, z).unwrap_or_else(|| {
                    let [x, y, z] = [x, y, z].map(|bits| f64::from_bits(bits as u64));
                    Float::Bits(libm::fma(x, y, z).to_bits().into())
                })
            });
            Expected::Floats(format, floats.collect())
        }
        _ => return None,
    })
}

/// Operators on each lane of a float shape.
fn float(shape: &str, format: Format, op: &str, [a, b, ..]: [u128; 4]) -> Option<Expected> {
    let (width, count) = shape_of(shape);
    let lanes: Vec<(u128, u128)> = split(a, width).into_iter().zip(split(b, width)).take(count).collect();
    let with_sign = |x: u128, negative: bool| Float::Bits(format.with_sign(format.magnitude(x), negative));
    let compares = |x: u128, y: u128| -> Option<bool> {
        let order = format.compare(x, y);
        Some(match op {
            "eq" => order == Some(Equal),
            "ne" => order != Some(Equal),
            "lt" => order == Some(Less),
            "gt" => order == Some(Greater),
            "le" => matches!(order, Some(Less | Equal)),
            "ge" => matches!(order, Some(Greater | Equal)),
            _ => return None,
        })
    };
    if compares(0, 0).is_some() {
        let holds = lanes.iter().map(|&(x, y)| i128::from(compares(x, y) == Some(true)));
        return Some(one(if count == 1 { join(holds, width) } else { join(holds.map(|bit| -bit), width) }));
    }
    let lane = |x: u128, y: u128| -> Option<Float> {
        Some(match op {
            "abs" => with_sign(x, false),
            "neg" => with_sign(x, !format.sign(x)),
            "copysign" => with_sign(x, format.sign(y)),
            "add" => format.add(x, y),
            "sub" => format.sub(x, y),
            "mul" => format.mul(x, y),
            "div" => format.div(x, y),
            "sqrt" => format.sqrt(x),
            "min" => format.min(x, y),
            "max" => format.max(x, y),
            "pmin" => Float::Bits(if format.compare(y, x) == Some(Less) { y } else { x }),
            "pmax" => Float::Bits(if format.compare(x, y) == Some(Less) { y } else { x }),
            "trunc" => format.to_integer(x, |_, _, _| false),
            "ceil" => format.to_integer(x, |negative, _, rest| rest.is_some() && !negative),
            "floor" => format.to_integer(x, |negative, _, rest| rest.is_some() && negative),
            "nearest" => format.to_integer(x, |_, below, rest| match rest {
                Some(Greater) => true,
                Some(Equal) => below % 2 == 1,
                _ => false,
            }),
            _ => return None,
        })
    };
    let floats: Option<Vec<Float>> = lanes.into_iter().map(|(x, y)| lane(x, y)).collect();
    Some(Expected::Floats(format, floats?))
}

/// Operators on each lane of an integer shape.
fn integer(shape: &str, op: &str, [a, b, ..]: [u128; 4]) -> Option<Expected> {
    let (width, count) = shape_of(shape);
    let is_vector = count > 1;
    // A vector is shifted by one scalar.
    let counts = is_vector && op.starts_with("sh");
    let second = if counts { vec![mask(b, 32); count] } else { split(b, width) };
    let results: Option<Result<Vec<i128>, ArithmeticTrap>> = split(a, width)
        .into_iter()
        .zip(second)
        .take(count)
        .map(|(x, y)| {
            let condition = integer_condition(op, width, x, y)
                .map(|holds| Ok(if is_vector { -i128::from(holds) } else { holds.into() }));
            condition.or_else(|| integer_lane(op, width, x, y))
        })
        .collect();
    Some(match results? {
        Ok(lanes) => one(join(lanes, width)),
        Err(trap) => Expected::Exactly(Err(trap)),
    })
}

fn integer_condition(op: &str, width: u32, a: u128, b: u128) -> Option<bool> {
    let signed = op.ends_with("_s").then(|| signed(a, width).cmp(&signed(b, width)));
    let order = signed.unwrap_or(a.cmp(&b));
    Some(match op {
        "eqz" => a == 0,
        "eq" => order == Equal,
        "ne" => order != Equal,
        "lt_s" | "lt_u" => order == Less,
        "gt_s" | "gt_u" => order == Greater,
        "le_s" | "le_u" => order != Greater,
        "ge_s" | "ge_u" => order != Less,
        _ => return None,
    })
}

/// One lane, before its reduction to `width` bits, or a trap.
fn integer_lane(op: &str, width: u32, a: u128, b: u128) -> Option<Result<i128, ArithmeticTrap>> {
    let is_signed = op.ends_with("_s");
    let value = |bits: u128| {
        if is_signed { signed(bits, width) } else { bits as i128 }
    };
    let (x, y) = (value(a), value(b));
    let bit = |i: u32| a >> i & 1;
    let bits = |f: &dyn Fn(u32) -> u128| (0..width).fold(0, |bits, i| bits | f(i) << i) as i128;
    let count = (b % u128::from(width)) as u32;
    Some(Ok(match op {
        "add" => x + y,
        "sub" => x - y,
        // Reduced by `join`, to which the bits above the width do not matter.
        "mul" => a.wrapping_mul(b) as i128,
        "neg" => -x,
        "abs" => signed(a, width).abs(),
        "div_s" | "div_u" | "rem_s" | "rem_u" if y == 0 => return Some(Err(DivisionByZero)),
        "div_s" if saturate(x / y, width, true) != x / y => return Some(Err(IntegerOverflow)),
        "div_s" | "div_u" => x / y,
        "rem_s" | "rem_u" => x - x / y * y,
        "and" => bits(&|i| bit(i) * (b >> i & 1)),
        "or" => bits(&|i| bit(i).max(b >> i & 1)),
        "xor" => bits(&|i| (bit(i) + (b >> i & 1)) % 2),
        "shl" => bits(&|i| if i >= count { bit(i - count) } else { 0 }),
        // Division that rounds down.
        "shr_s" | "shr_u" => x.div_euclid(1 << count),
        "rotl" => bits(&|i| bit((i + width - count) % width)),
        "rotr" => bits(&|i| bit((i + count) % width)),
        "clz" => (0..width).rev().take_while(|&i| bit(i) == 0).count() as i128,
        "ctz" => (0..width).take_while(|&i| bit(i) == 0).count() as i128,
        "popcnt" => (0..width).map(bit).sum::<u128>() as i128,
        "extend8_s" => signed(a, 8),
        "extend16_s" => signed(a, 16),
        "extend32_s" => signed(a, 32),
        "min_s" | "min_u" => {
            if x < y {
                x
            } else {
                y
            }
        }
        "max_s" | "max_u" => {
            if x > y {
                x
            } else {
                y
            }
        }
        "add_sat_s" | "add_sat_u" => saturate(x + y, width, is_signed),
        "sub_sat_s" | "sub_sat_u" => saturate(x - y, width, is_signed),
        "avgr_u" => (x + y).div_euclid(2) + (x + y).rem_euclid(2),
        "q15mulr_sat_s" => saturate((x * y + 0x4000).div_euclid(0x8000), width, true),
        _ => return None,
    }))
}
